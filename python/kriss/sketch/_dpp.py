"""Projection determinantal point processes by the chain rule, each conditional law drawn by rejection.

The next point of a process with kernel x(i)·x(j), x(i) in ℝʳ, has density proportional to |x(i)|² − |Wᵀx(i)|², W an
orthonormal basis of the points that are there. Proposals come from a density proportional to a bound ≥ |x|² and are
accepted with the ratio of the two, so no conditional density is ever tabulated: with the bound |x|² itself, step j
takes r / (r − j) proposals in the mean, r (1 + 1/2 + ... + 1/r) in all, whatever the number of points there are to
choose from. A proposal that was refused says nothing about later ones, so they are drawn and projected in blocks.

S. Barthelmé, N. Tremblay, P.-O. Amblard, *A faster sampler for discrete determinantal point processes*, AISTATS 2023,
section 3.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt

from kriss.sketch import _dense

Array = npt.NDArray[np.float64]
# count -> (points, x (count, r), bound (count,)), the points independent with density proportional to the bound.
Propose = Callable[[int], tuple[npt.NDArray[Any], Array, Array]]
Tick = Callable[[int], object]  # told of points that were found
LEAST, MOST = 64, 512  # proposals of a block
NOTHING = 1e-12  # a share of |x|² that is rounding


@contextmanager
def ticking(progress: bool, total: int) -> Iterator[Tick]:
    """A bar over points of samples, if that is wanted."""
    if not progress:
        yield lambda count: None
        return
    from tqdm.auto import tqdm

    with tqdm(total=total, desc="determinantal rows", unit=" rows") as bar:
        yield bar.update


class Ahead:
    """Proposals made many at a time: how many must not change what they are."""

    def __init__(self, make: Propose, ahead: int) -> None:
        self.make, self.ahead = make, ahead
        self.store: tuple[npt.NDArray[Any], Array, Array] | None = None

    def __call__(self, count: int) -> tuple[npt.NDArray[Any], Array, Array]:
        """The next ones."""
        while self.store is None or len(self.store[0]) < count:
            short = count - (0 if self.store is None else len(self.store[0]))
            fresh = self.make(max(short, self.ahead))
            if self.store is None:
                self.store = fresh
            else:
                place, x, bound = (np.concatenate(pair) for pair in zip(self.store, fresh, strict=True))
                self.store = place, x, bound
        place, x, bound = self.store
        self.store = place[count:], x[count:], bound[count:]
        return place[:count], x[:count], bound[:count]


def projection_dpp(
    propose: Propose, rank: int, gen: np.random.Generator, tick: Tick | None = None
) -> tuple[npt.NDArray[Any], Array]:
    """`rank` points of the process, in the order in which they were found, and their x.

    About 2 H r³ flops, H = 1 + 1/2 + ... + 1/r, if the bound is tight, in products of matrices.
    """
    w = np.empty((rank, rank))  # the orthonormal basis, by rows
    points: list[Any] = []
    kept = np.empty((rank, rank))
    j = 0
    while j < rank:
        # As many as the next few steps should need: a block is projected onto W at once.
        count = int(min(max(LEAST, 4 * rank / (rank - j)), MOST))
        place, x, bound = propose(count)
        size = np.einsum("ij,ij->i", x, x)
        noise = NOTHING * size
        old = _dense.in_pieces(x, w[:j].T)
        left = size - np.einsum("ij,ij->i", old, old)
        level = gen.random(count) * bound
        first = 0
        while first < count and j < rank:
            good = (left[first:] > level[first:]) & (left[first:] > noise[first:])
            hit = int(good.argmax())
            if not good[hit]:
                break
            first += hit
            v = x[first]
            for _ in range(2):
                v = v - (w[:j] @ v) @ w[:j]
            v /= np.sqrt(v @ v)
            w[j], kept[j] = v, x[first]
            points.append(place[first])
            j += 1
            if tick is not None:
                tick(1)
            first += 1
            left[first:] -= (x[first:] @ v) ** 2
    return np.asarray(points), kept


def log_polynomials(logs: Array, k: int) -> Array:
    """Logarithms of the elementary symmetric polynomials: [j, l] has degree l in the first j values; (n + 1, k + 1)."""
    e = np.full((len(logs) + 1, k + 1), -np.inf)
    e[:, 0] = 0.0
    for j, value in enumerate(logs):
        e[j + 1, 1:] = np.logaddexp(e[j, 1:], value + e[j, :-1])
    return e


def choose_vectors(values: Array, k: int, gen: np.random.Generator) -> npt.NDArray[np.intp]:
    """k of the singular vectors: a set with probability proportional to the product of its squared singular values."""
    logs = 2.0 * np.log(values)
    e = log_polynomials(logs, k)
    chosen: list[int] = []
    for j in range(len(logs), 0, -1):
        left = k - len(chosen)
        if left > 0 and gen.random() < np.exp(logs[j - 1] + e[j - 1, left - 1] - e[j, left]):
            chosen.append(j - 1)
    return np.array(chosen[::-1], dtype=np.intp)


def vector_shares(values: Array, k: int) -> Array:
    """Probability that `choose_vectors` takes each vector."""
    logs = 2.0 * np.log(values)
    before = log_polynomials(logs, k)
    after = log_polynomials(logs[::-1], k)[::-1]  # [j] is of the values from j on
    rest = np.logaddexp.reduce(before[:-1, :k] + after[1:, :k][:, ::-1], axis=1)
    return np.asarray(np.exp(logs + rest - before[-1, k]))
