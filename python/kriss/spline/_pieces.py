"""Smooth pieces between breaks, with the predicted errors of their cells."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from kriss.spline._breaks import Mask
from kriss.spline._estimate import NOISE, Local, local, penalty
from kriss.spline._piecewise import Array

Ints = npt.NDArray[np.intp]
# Accept a cell when its predicted error is this part of the tolerance.
SAFETY = 6.0
# Neighbouring cells differ in width at most by this factor.
GRADING = 3.2


class Cells(NamedTuple):
    """The cells of the last plan: their ends, densities, and the densities before they were made."""

    left: Array
    right: Array
    density: Array
    reference: Array


class Piece:
    """A run of knots without a break inside, and what is known about its cells."""

    def __init__(self, index: Ints, u: Array, v: Array, tol: Array, k: int, before: Cells | None, unit: float) -> None:
        self.index, self.x, self.y, self.tol = index, u[index], v[index], tol[index]
        n = self.x.size
        self.local: Local | None = None
        self.reference: Array = np.empty(0)
        self.growth: Array = np.ones(max(n - 1, 0))
        if n >= k + 2:
            # Powers of the width, and f over it, must stay in range.
            largest = self.tol.max(axis=0, initial=0.0)
            size = np.where((largest > 0) & np.isfinite(largest), largest, 1.0)
            scaled = self.x / unit, self.y / size, self.tol / size
            self.local = local(*scaled, k)
            self.reference = self._reference(before, k, *scaled)
            with np.errstate(all="ignore"):
                growth = self.local.density / self.reference
            self.growth = np.where(np.isfinite(growth), growth, 1.0)
            # The penalty is itself an upper limit and needs less safety.
            raised = self.local.error * np.maximum(1.0, penalty(self.growth, k) * (1.5 / SAFETY))
            # Next to the ends the estimate is large already: not more than noise of this size would do.
            with np.errstate(over="ignore"):
                limit = self.local.density * np.diff(scaled[0]) ** (k + 1) * NOISE[k]
            self.error = np.minimum(raised, np.maximum(8 * self.local.error, limit))
        elif n > 1:
            flat = n > 4 and bool((self.y == self.y[0]).all())
            self.error = np.full(n - 1, 0.0 if flat else np.inf)
        else:
            self.error = np.empty(0)

    def _reference(self, before: Cells | None, k: int, z: Array, y: Array, tol: Array) -> Array:
        """Densities on the mesh before each cell was made, shape (n - 1,)."""
        assert self.local is not None
        x = self.x
        if before is None:
            # Every second sample makes the mesh before the first.
            if x.size < 2 * (k + 2):
                return self.local.density
            keep = np.append(np.arange(0, x.size - 1, 2), x.size - 1)
            coarse = local(z[keep], y[keep], tol[keep], k).density
            return coarse[np.searchsorted(x[keep][1:-1], x[:-1], side="right")]
        at = np.clip(np.searchsorted(before.right, x[1:]), 0, before.right.size - 1)
        same = (before.right[at] == x[1:]) & (before.left[at] == x[:-1])
        return np.where(same, before.reference[at], before.density[at])


def grade(h: Array, parts: Ints, allowed: Mask) -> None:
    """Raise `parts`, into how many cells of width h are split, until neighbours do not differ too much."""
    for _ in range(60):
        size = h / parts
        # Only cells made now count: samples of others may lie as they like.
        made = np.where(parts > 1, size, np.inf)
        least = np.full(h.size, np.inf)
        least[1:] = made[:-1]
        least[:-1] = np.minimum(least[:-1], made[1:])
        wide = (size > GRADING * least) & allowed & (parts < 3)
        if not wide.any():
            return
        parts[wide] += 1


def between(borders: list[int], j: int) -> tuple[int, int]:
    """The nearest borders on either side of j."""
    return max(b for b in borders if b <= j), min(b for b in borders if b >= j)


def cut(run: Ints, marks: list[tuple[int, int]]) -> list[Ints]:
    """The parts of a run between marks (i, j): one part ends at i, the next begins at j."""
    out, start = [], 0
    for i, j in sorted(set(marks)):
        if i < start:
            continue
        out.append(run[start : i + 1])
        start = j
    out.append(run[start:])
    return [part for part in out if part.size]
