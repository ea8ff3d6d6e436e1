"""A sparse triangle ready to be solved with: by rows, or level by level on several threads."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from kriss._backend import kernels
from kriss.config import get_num_threads

# Levels visit the rows out of the order in which memory holds them. Measured on two cores that costs more than the
# second thread brings; from four threads on, large triangles with wide levels go level by level.
PARALLEL_ROWS = 100_000
PARALLEL_THREADS = 4
WIDE = 1024

Rows = tuple[npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any]]  # indptr, indices, data


class Triangle:
    """A strict triangle by rows and the inverse of its diagonal.

    Parameters
    ----------
    indptr, indices, data : ndarray
        The strict triangle, rows sorted.
    inverse : ndarray
        Inverse diagonal, or empty for ones.
    lower : bool
        Which triangle it is.
    """

    def __init__(
        self,
        indptr: npt.NDArray[Any],
        indices: npt.NDArray[Any],
        data: npt.NDArray[Any],
        inverse: npt.NDArray[Any],
        lower: bool,
    ) -> None:
        self.indptr, self.indices, self.data, self.inverse, self.lower = indptr, indices, data, inverse, lower
        self._schedule: tuple[Any, ...] | None = None
        self._levels: tuple[int, npt.NDArray[Any]] | None = None

    @property
    def nbytes(self) -> int:
        """Memory held, in bytes, without a schedule."""
        return int(self.indptr.nbytes + self.indices.nbytes + self.data.nbytes + self.inverse.nbytes)

    def levels(self, workers: int = 0) -> tuple[int, npt.NDArray[Any]]:
        """How many levels there are, and the level of each row."""
        if self._levels is None:
            level = np.empty(self.indptr.size - 1, self.indices.dtype)
            count = kernels("solve_factor").triangle_levels(
                self.indptr, self.indices, self.data, self.lower, level, workers
            )
            self._levels = int(count), level
        return self._levels

    def schedule(self, workers: int = 0) -> tuple[Any, ...]:
        """Rows sorted by level: (levels, order, indptr, indices, data, need)."""
        if self._schedule is None:
            ks = kernels("solve_factor")
            n, itype = self.indptr.size - 1, self.indices.dtype
            count, level = self.levels(workers)
            order, indptr = np.empty(n, itype), np.empty(n + 1, itype)
            indices, data = np.empty_like(self.indices), np.empty_like(self.data)
            need = np.empty(-(-n // ks.level_chunk), itype)
            ks.level_schedule(
                self.indptr, self.indices, self.data, level, count, order, indptr, indices, data, need, workers
            )  # fmt: skip
            self._schedule = (count, order, indptr, indices, data, need)
        return self._schedule

    def solve(self, r: npt.NDArray[Any], z: npt.NDArray[Any], workers: int = 0, levels: bool | None = None) -> None:
        """``z = T^-1 r``; levels: None where they pay. The result has the same bits either way."""
        ks = kernels("solve_factor")
        n = self.indptr.size - 1
        if levels is None:
            threads = workers or get_num_threads()
            levels = r.ndim == 1 and threads >= PARALLEL_THREADS and n >= PARALLEL_ROWS
            levels = levels and n >= WIDE * self.levels(workers)[0]
        if levels:
            _, order, indptr, indices, data, need = self.schedule(workers)
            ks.triangle_solve_levels(indptr, indices, data, self.inverse, self.lower, order, need, r, z, workers)
        else:
            ks.triangle_solve(self.indptr, self.indices, self.data, self.inverse, self.lower, r, z, workers)


def split(
    indptr: npt.NDArray[Any], indices: npt.NDArray[Any], data: npt.NDArray[Any]
) -> tuple[Rows, npt.NDArray[Any], Rows]:
    """Strict lower triangle, diagonal (0 where none is stored), strict upper triangle of a canonical CSR matrix."""
    n = indptr.size - 1
    rows = np.repeat(np.arange(n, dtype=indices.dtype), np.diff(indptr))
    diagonal = np.zeros(n, data.dtype)
    on = rows == indices
    diagonal[rows[on]] = data[on]
    parts: list[Rows] = []
    for keep in (indices < rows, indices > rows):
        counts = np.zeros(n + 1, indptr.dtype)
        np.cumsum(np.bincount(rows[keep], minlength=n), out=counts[1:])
        parts.append((counts, indices[keep], data[keep]))
    return parts[0], diagonal, parts[1]
