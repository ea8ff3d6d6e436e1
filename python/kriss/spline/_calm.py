"""Which noisy samples a spline should pass through."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kriss.spline import _assemble
from kriss.spline._breaks import Mask
from kriss.spline._estimate import ratio
from kriss.spline._pieces import Piece

# A sample may be left out if the spline misses it by no more than this many standard deviations of the noise.
_MISS = 30.0
_PASSES = 8


def calm(p: Piece, k: int, regions: Sequence[tuple[float, float]], level: float) -> Mask:
    """Samples of a piece to keep as knots; `level` is the noise in units of the tolerance.

    Interpolation amplifies noise where widths of cells vary much, and they do where refinement chased it. In `regions`
    only samples at a distance of the typical cell stay, and those that the spline would miss by more than noise.
    """
    x = p.x
    keep = np.ones(x.size, bool)
    for a, b in regions:
        i, j = int(np.searchsorted(x, a)), int(np.searchsorted(x, b, side="right"))
        if j - i < 8:
            continue
        h = np.sort(np.diff(x[i:j]))
        part = np.cumsum(h)
        least = 0.7 * float(h[np.searchsorted(part, 0.9 * part[-1])])
        points, last, end = x[i:j].tolist(), float(x[i]), float(x[j - 1])
        for t in range(1, j - i - 1):
            if points[t] - last < least or end - points[t] < least:
                keep[i + t] = False
            else:
                last = points[t]
    for _ in range(_PASSES):
        if keep.all() or keep.sum() <= k + 1:
            break
        knots, c = _assemble.interpolating(x[keep], p.y[keep], k)
        away = np.flatnonzero(~keep)
        miss = ratio(np.abs(_assemble.evaluate(knots, c, x[away]) - p.y[away]), p.tol[away]).max(axis=1, initial=0.0)
        back = away[miss > _MISS * level]
        if back.size == 0:
            return keep
        for shift in (-1, 0, 1):
            keep[np.clip(back + shift, 0, x.size - 1)] = True
    return keep
