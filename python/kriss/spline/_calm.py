"""Which samples a spline should not pass through: noise, and crowds at broken ends."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

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


def spread(p: Piece, k: int, left: bool, right: bool) -> Iterator[Mask]:
    """Choices of samples that leave out the crowd at broken ends of a piece, from few to many.

    Bisection of a jump leaves cells that shrink by half towards it. A spline of degree 7 through them amplifies the
    rounding of f by 1e10 and more, which neither divided differences nor a few random points show.
    """
    h = np.diff(p.x)
    total = float(p.x[-1] - p.x[0])
    width = float(np.quantile(h, 0.75))
    while width > 1e-4 * total:
        keep = np.ones(p.x.size, bool)
        # Only the outer parts are bisected ones; inside, narrow cells have their reasons.
        for end, sign, wanted in ((p.x[0], 1.0, left), (p.x[-1], -1.0, right)):
            if wanted:
                distance = sign * (p.x - end)
                keep &= ~((distance > 0) & (distance < width))
        if keep.sum() >= k + 2 and not keep.all():
            yield keep
        width /= 4


def hits(p: Piece, keep: Mask, k: int) -> bool:
    """Whether the spline through some samples of a piece meets half the tolerance at the others."""
    knots, c = _assemble.interpolating(p.x[keep], p.y[keep], k)
    away = ~keep
    miss = ratio(np.abs(_assemble.evaluate(knots, c, p.x[away]) - p.y[away]), p.tol[away])
    return bool((miss <= 0.5).all())
