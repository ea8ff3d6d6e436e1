"""How many knots, and where: placement by the kernel, and the search for their number."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from kriss import _backend
from kriss.spline._lsq import full_knots, solve
from kriss.spline._piecewise import Array


class Effort(NamedTuple):
    """Rounds of newnot per start; candidates improved; sweeps; iterations; relocations."""

    rounds: int
    polished: int
    sweeps: int
    iterations: int
    relocations: int


class Placed(NamedTuple):
    """Interior knots, their sum of squares, least-squares solutions spent."""

    knots: Array
    rss: float
    solved: int


# More interior knots, or more data, are left where newnot puts them.
_POLISHED, _LONG = 20, 20_000


def effort_for(points: int, number: int, thorough: bool) -> Effort:
    """`thorough` for a number of knots that is asked for, else for a search over numbers."""
    if number > _POLISHED or points > _LONG:
        return Effort(12 if points <= 100_000 else 5, 0, 0, 0, 0)
    if not thorough:
        return Effort(12, 1, 0, 25, 2)
    return Effort(12, max(1, min(8, _LONG // points)), 4, 25, 4)


def starts_for(x: Array, number: int, k: int) -> Array:
    """Interior knots to start from: equal spacing, equal counts, between the two, and averages of k + 1 data.

    The last are admissible for every number of knots that the data allow (Greville's idea).
    """
    u = np.unique(x)
    index = np.arange(u.size)
    ends = np.linspace(x[0], x[-1], number + 2)[1:-1]
    quantile = np.interp(np.linspace(0, u.size - 1, number + 2)[1:-1], index, u)
    near = np.interp(np.linspace(0, u.size - 1, number + k + 1), index, u)
    averages = np.lib.stride_tricks.sliding_window_view(near[1:], k)[:number].mean(axis=1)
    return np.ascontiguousarray(np.stack([ends, quantile, (ends + quantile) / 2, averages]))


def most_knots(x: Array, k: int) -> int:
    """As many interior knots as the different x allow."""
    return int(np.count_nonzero(np.diff(x))) - k


def place(x: Array, y: Array, w: Array, k: int, number: int, *, thorough: bool, workers: int = 0) -> Placed:
    """The best interior knots found for sorted data; rss is infinite where no start admits a fit."""
    if number == 0:
        t = full_knots(x[0], x[-1], np.empty(0), k)
        found, bad = solve(x, y[:, None], w, t, k, workers)
        return Placed(np.empty(0), math.inf if bad >= 0 else float(found.rss[0]), 1)
    knots = np.empty(number)
    effort = effort_for(x.size, number, thorough)
    rss, solved = _backend.kernels("spline_lsq").place(x, y, w, k, starts_for(x, number, k), *effort, knots, workers)
    return Placed(knots, float(rss), int(solved))


def fewest(x: Array, y: Array, w: Array, k: int, bound: float, most: int, workers: int = 0) -> Placed | None:
    """The fewest knots with a sum of squares of at most `bound`, by doubling and bisection; None if `most` miss it."""
    solved = 0
    low, number = -1, 0
    while True:
        found = place(x, y, w, k, number, thorough=False, workers=workers)
        solved += found.solved
        if found.rss <= bound:
            break
        if number >= most:
            return None
        low, number = number, min(most, max(1, 2 * number))
    best, high = found, number
    while high - low > 1:
        middle = (low + high) // 2
        found = place(x, y, w, k, middle, thorough=False, workers=workers)
        solved += found.solved
        if found.rss <= bound:
            best, high = found, middle
        else:
            low = middle
    return best._replace(solved=solved)


def by_bic(x: Array, y: Array, w: Array, k: int, most: int, workers: int = 0) -> Placed:
    """The number of knots with the least n log(rss / n) + log(n) parameters; a placed knot counts twice."""
    n = x.size
    scale = float(((w * y) ** 2).sum())
    best, least, solved, without = None, math.inf, 0, 0
    for number in range(min(most, max(0, (n - k - 2) // 2)) + 1):
        found = place(x, y, w, k, number, thorough=False, workers=workers)
        solved += found.solved
        rss = found.rss + scale * (4 * np.finfo(float).eps) ** 2
        value = n * math.log(rss / n) + math.log(n) * (2 * number + k + 1) if 0 < rss < math.inf else -math.inf
        if not rss < math.inf:
            value = math.inf
        if best is None or value < least:
            best, least, without = found, value, 0
        else:
            without += 1
            if without >= 6:
                break
    if best is None or not best.rss < math.inf:
        return Placed(np.empty(0), math.inf, solved)
    if best.knots.size:
        better = place(x, y, w, k, best.knots.size, thorough=True, workers=workers)
        solved += better.solved
        best = min(best, better, key=lambda placed: placed.rss)
    return best._replace(solved=solved)
