"""Which smoother suits a 27-point stencil: iterations predicted by a small network from the couplings at some places.

At a place let K be the tensor of the couplings a to offsets d, ``K = -1/2 sum a d d'``. A network reads the cosines
``K_pq / sqrt(K_pp K_qq)``, as they are seen in an order of elimination, the shares of the K_pp in their sum, and how
much the coefficients jump there, and returns a rate for that order; the rates of two orders applied one after the other
add up. A second network does so for the relaxation of Black-Box multigrid. The places with the lowest rates decide:

    rate = -(1 / beta) log mean exp(-beta sum of rates at a place),    iterations = least + 1 / rate.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from kriss import _validate as check

Array = npt.NDArray[Any]

INPUTS, HIDDEN = 8, 16
LAYERS = {"w1": (HIDDEN, INPUTS), "b1": (HIDDEN,), "w2": (HIDDEN,), "b2": (1,)}
SHAPES = {f"{net}_{layer}": shape for net in ("order", "box") for layer, shape in LAYERS.items()} | {
    "least": (2,),  # logarithms: of an order, of Black-Box multigrid
    "beta": (2,),
}
NAMES = ("natural", "mirrored", "turned", "mirrored and turned")  # bits of the orders
SIGNS = ((1, 1), (1, -1), (-1, 1), (-1, -1))  # of the middle and the last axis
SETS = tuple((k,) for k in range(4)) + tuple(itertools.combinations(range(4), 2))
SAMPLE = 8  # places per axis
NEIGHBOURS = np.array([*itertools.product((-1, 0, 1), repeat=3), (0, 0, 0)])
PAIRS = ((0, 1), (0, 2), (1, 2))
CENTRE = 13  # number of the point itself
FLOOR = 1e-4  # of a share whose logarithm is taken
NOT_FINITE = "the predicted iterations are not finite"

# Setup with its validation, and an iteration with its product and vector operations, in products with a 19-point
# matrix, as measured on 64**3 points on one thread: Black-Box multigrid, one order, two orders.
COSTS = ((32.0, 4.3), (48.0, 5.6), (61.0, 8.9))
ONCE = 1.5  # how much more a first solution may cost than with Black-Box multigrid if iterations are saved


def gathered(matrix: check.Csr, points: Array) -> tuple[Array, Array]:
    """Of each entry in the rows `points`: the number of its point, and where it is in the matrix."""
    first = matrix.indptr[points].astype(np.int64)
    count = matrix.indptr[points + 1] - first
    point = np.repeat(np.arange(points.size), count)
    return point, np.arange(point.size) + np.repeat(first - (np.cumsum(count) - count), count)


def couplings(matrix: check.Csr, grid: tuple[int, ...], width: int = 2) -> Array:
    """(7, places): K_00, K_11, K_22, K_01, K_02, K_12, sum of abs(sum a d); each over width**3 points.

    Those of a place are all times the same power of two, which brings its largest coupling near 1.
    """
    _, n1, n2 = grid
    shift = np.arange(width)
    i0, i1, i2 = (np.unique(np.linspace(1, n - 3, min(n - 3, SAMPLE)).astype(int))[:, None] + shift for n in grid)
    points = ((i0[:, None, None, :, None, None] * n1 + i1[:, None, None, :, None]) * n2 + i2[:, None, None, :]).ravel()
    point, entry = gathered(matrix, points)
    # The number of the neighbour by the distance of its row, the last one for those that are none.
    reach = n1 * n2 + n2 + 1
    number = np.full(2 * reach + 3, len(NEIGHBOURS) - 1)
    number[NEIGHBOURS[:-1] @ (n1 * n2, n2, 1) + reach + 1] = np.arange(len(NEIGHBOURS) - 1)
    code = number[np.clip(matrix.indices[entry] - points[point] + reach + 1, 0, 2 * reach + 2)]
    row = np.zeros((points.size, len(NEIGHBOURS)))
    row[point, code] = matrix.data[entry]
    row[:, [CENTRE, -1]] = 0.0
    places = points.size // width**3
    rows = row.reshape(places, width**3, -1)
    # One power for all places would lose those where coefficients are smaller by as much as the range of a double.
    rows = np.ldexp(rows, -np.frexp(np.abs(rows).max(axis=(1, 2)))[1][:, None, None])
    sums = rows.sum(axis=1)
    d = NEIGHBOURS.astype(float)
    second = np.stack([-0.5 * d[:, p] * d[:, q] for p, q in ((0, 0), (1, 1), (2, 2), *PAIRS)])
    bias = np.abs(rows @ d).sum(axis=(1, 2))
    return np.concatenate([second @ sums.T, bias[None]])


def cosine(mixed: Array, one: Array, two: Array) -> Array:
    """``mixed / sqrt(one two)`` within [-1, 1] for positive `one` and `two`, whose product may not be in range."""
    with np.errstate(over="ignore"):
        out: Array = np.clip(mixed / np.sqrt(one) / np.sqrt(two), -1.0, 1.0)
    return out


def rotation(sums: Array, least: float, share: float) -> str | None:
    """Why the classical method will do, or None: `least` is the cosine squared from where on a place counts."""
    sound = (sums[:3] > 0).all(axis=0)
    if not sound.mean() > 0.5:
        return "the couplings are not those of diffusion"
    kept = sums[:, sound]
    largest = np.max([np.abs(cosine(kept[3 + k], kept[p], kept[q])) for k, (p, q) in enumerate(PAIRS)], axis=0)
    turned = np.count_nonzero(largest * largest > least) / sound.size
    return None if turned > share else "no tensor is rotated against the grid"


def features(sums: Array) -> Array:
    """(5, places, INPUTS): as the four orders see the sound places, and, without signs, Black-Box multigrid."""
    sums = sums[:, (sums[:3] > 0).all(axis=0)]
    trace = sums[:3].sum(axis=0)
    cosines = np.stack([cosine(sums[3 + k], sums[p], sums[q]) for k, (p, q) in enumerate(PAIRS)])
    with np.errstate(over="ignore"):  # of a place with hardly any diffusion
        jump = np.minimum(sums[6:] / trace, 2.0)
    shares = 0.5 * np.log10(np.maximum(sums[:3] / trace, FLOOR))
    rest = np.concatenate([shares, jump, cosines.prod(axis=0, keepdims=True)])
    seen = [np.concatenate([cosines * [[one], [two], [one * two]], rest]) for one, two in SIGNS]
    seen.append(np.concatenate([np.abs(cosines), rest]))
    return np.stack(seen).transpose(0, 2, 1)


def rates(weights: Mapping[str, Array], net: str, x: Array) -> Array:
    """(..., places): softplus of the network's output."""
    hidden = np.maximum(x @ weights[f"{net}_w1"].T + weights[f"{net}_b1"], 0.0)
    out: Array = np.logaddexp(0.0, hidden @ weights[f"{net}_w2"] + weights[f"{net}_b2"])
    return out


def predicted(weights: Mapping[str, Array], seen: Array) -> Array:
    """(11,): iterations of Black-Box multigrid, and of the cycles with the orders in `SETS`.

    Weights far out of range give infinity or NaN, which `cheapest` names.
    """
    with np.errstate(all="ignore"):
        return _predicted(weights, seen)


def _predicted(weights: Mapping[str, Array], seen: Array) -> Array:
    order, box = rates(weights, "order", seen[:4]), rates(weights, "box", seen[4])
    beta, least = np.exp(weights["beta"].astype(np.float64)), np.exp(weights["least"].astype(np.float64))

    def iterations(rate: Array, which: int) -> float:
        lowest = rate.min()
        mean = lowest - np.log(np.exp(-beta[which] * (rate - lowest)).mean()) / beta[which]
        return float(least[which] + 1.0 / max(float(mean), 1e-6))

    return np.array([iterations(box, 1)] + [iterations(order[list(one)].sum(axis=0), 0) for one in SETS])


def cheapest(iterations: Array) -> int | str:
    """Index into `predicted` of the orders with the least setup and solution, by `COSTS`, or why there are none.

    They may cost up to `ONCE` times as much as Black-Box multigrid, but have to take fewer iterations.
    """
    if not np.isfinite(iterations).all():
        return NOT_FINITE
    kinds = [0] + [len(one) for one in SETS]
    costs = np.array([COSTS[k][0] + m * COSTS[k][1] for k, m in zip(kinds, iterations, strict=True)])
    best = 1 + int(np.argmin(costs[1:]))
    if not iterations[best] < iterations[0]:
        return "Black-Box multigrid is expected to take no more iterations"
    if not costs[best] <= ONCE * costs[0]:
        return f"Black-Box multigrid is expected to be more than {ONCE} times as fast for one solution"
    return best
