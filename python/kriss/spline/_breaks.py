"""Places where a function is not smooth, recognised from its samples: steps and kinks, and what must not join them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from kriss.spline._estimate import cell_tolerance, differences, ratio
from kriss.spline._piecewise import Array

Mask = npt.NDArray[np.bool_]


class Suspect(NamedTuple):
    """A place that is not what a smooth function would be.

    Attributes
    ----------
    a, b : float
        The place lies in [a, b].
    kind : {"step", "kink", "pole", "noise floor", "zero crossing", "non-finite", "unresolved"}
        What it looks like.

    Examples
    --------
    >>> from kriss.spline import interpolate
    >>> interpolate(lambda x: abs(x - 0.25), 0.0, 1.0).suspects[0].kind
    'kink'
    """

    a: float
    b: float
    kind: str


def steps(x: Array, y: Array, tol: Array, failing: Mask) -> Mask:
    """Cells whose change stands out from the two neighbours on each side, in value and in slope."""
    if x.size < 4:
        return np.zeros(x.size - 1, bool)
    change = np.abs(np.diff(y, axis=0))
    slope = change / np.diff(x)[:, None]
    found = (
        (change > 3 * _around(change, 2, 1))
        & (slope > 8 * _around(slope, 2, 1))
        & (change > 4 * cell_tolerance(tol))
        & failing[:, None]
    )
    result: Mask = np.asarray(found.any(axis=1))
    return result


def _around(v: Array, reach: int, width: int) -> Array:
    """Largest of the `reach` entries before each run of `width` entries and the `reach` entries behind it."""
    n = v.shape[0] - width + 1
    pad = np.zeros((reach, v.shape[1]))
    w = np.concatenate([pad, v, pad])
    out = np.zeros((n, v.shape[1]))
    for r in range(reach):
        np.maximum(out, w[r : r + n], out=out)
        np.maximum(out, w[reach + width + r : reach + width + r + n], out=out)
    return out


def kinks(x: Array, y: Array, tol: Array, failing: Mask) -> tuple[Mask, Mask]:
    """Knots, and cells, at which the second difference stands out from its neighbours; masks (n,) and (n - 1,)."""
    n = x.size
    at_knot, in_cell = np.zeros(n, bool), np.zeros(n - 1, bool)
    if n < 7:
        return at_knot, in_cell
    with np.errstate(all="ignore"):
        s = np.abs(differences(x, y, 2))  # knots 1 .. n-2
        h = np.diff(x)
        size = s * (np.minimum(h[1:], h[:-1]) ** 2)[:, None]
        big = size > tol[1:-1]
        alone = (s > 16 * _around(s, 2, 1)) & big
        alone &= (failing[1:] | failing[:-1])[:, None]
        at_knot[1:-1] = alone.any(axis=1)
        pair = s[1:] + s[:-1]  # cells 1 .. n-3
        both = (pair > 16 * _around(s, 2, 2)) & (big[1:] | big[:-1]) & failing[1:-1, None]
        in_cell[1:-1] = both.any(axis=1)
    in_cell[1:] &= ~at_knot[1:-1]
    in_cell[:-1] &= ~at_knot[1:-1]
    # Ends of the range have too few neighbours to tell.
    at_knot[:3] = at_knot[-3:] = False
    in_cell[:2] = in_cell[-2:] = False
    return at_knot, in_cell


def thin_right(x: Array, reach: int = 80) -> Mask:
    """Which samples to keep so that cells do not shrink too fast towards the last sample; a mask (n,)."""
    n = x.size
    keep = np.ones(n, bool)
    start = max(n - reach, 1)
    if n < 4:
        return keep
    last = start
    before = x[start] - x[start - 1]
    for j in range(start + 1, n - 1):
        w = x[j] - x[last]
        if w < before / 3.5:
            keep[j] = False
        else:
            last, before = j, w
    w = x[n - 1] - x[last]
    if w < before / 3.5 and last > start:
        keep[last] = False
    return keep


def branches(x: Array, y: Array, tol: Array, j: int, left: int, right: int, k: int) -> tuple[float, float]:
    """How far sample j is from what the samples before it, and behind it, predict; in units of the tolerance.

    The branches reach from sample `left` to sample `right`; infinity where one has too few samples.
    """
    out = []
    for part in (slice(max(left, j - k - 1), j), slice(j + 1, min(right, j + k + 1) + 1)):
        if part.stop - part.start < min(k, 4) + 1:
            out.append(np.inf)
            continue
        predicted = _neville(x[part], y[part], x[j : j + 1])
        out.append(float(ratio(np.abs(predicted - y[j]), tol[j]).max()))
    return out[0], out[1]


def crossing(x: Array, y: Array, k: int, left: int, i: int, right: int) -> float | None:
    """Where two smooth branches, samples left .. i and i + 1 .. right, meet between x[i] and x[i + 1]."""
    before = slice(max(left, i - k), i + 1)
    behind = slice(i + 1, min(right, i + 1 + k) + 1)
    if before.stop - before.start < 2 or behind.stop - behind.start < 2:
        return None
    lo, hi = float(x[i]), float(x[i + 1])
    column: int | None = None
    for _ in range(3):
        z = np.linspace(lo, hi, 33)
        gap = _neville(x[before], y[before], z) - _neville(x[behind], y[behind], z)
        if column is None:
            column = int(np.argmax(np.abs(gap).max(axis=0)))
        g = gap[:, column]
        change = np.flatnonzero((g[:-1] <= 0) != (g[1:] <= 0))
        if change.size == 0:
            return None
        at = int(change[0])
        lo, hi = float(z[at]), float(z[at + 1])
        root = lo - g[at] * (hi - lo) / (g[at + 1] - g[at])
    return float(min(max(root, x[i]), x[i + 1]))


def zero_between(x: Array, y: Array, i: int, k: int) -> float:
    """Where the polynomial through samples around cell i changes sign; x (n), y (n,) with y[i] y[i + 1] < 0."""
    part = slice(max(i - k // 2, 0), min(i + 2 + k // 2, x.size))
    lo, hi = float(x[i]), float(x[i + 1])
    for _ in range(4):
        z = np.linspace(lo, hi, 17)
        g = _neville(x[part], y[part, None], z)[:, 0]
        change = np.flatnonzero((g[:-1] <= 0) != (g[1:] <= 0))
        if change.size == 0:
            break
        lo, hi = float(z[change[0]]), float(z[change[0] + 1])
    return lo + (hi - lo) / 2


def _neville(x: Array, y: Array, z: Array) -> Array:
    p = [np.broadcast_to(row, (z.size, row.size)) for row in y]
    for r in range(1, x.size):
        for i in range(x.size - r):
            a, b = x[i], x[i + r]
            p[i] = ((z[:, None] - a) * p[i + 1] - (z[:, None] - b) * p[i]) / (b - a)
    out: Array = np.asarray(p[0])
    return out
