"""What the loops multiply by, other than CSR: matrices of dense blocks, and stencils on grids that are not stored."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import scipy.sparse as sps

from kriss import _validate as check
from kriss._backend import kernels

Array = npt.NDArray[Any]


class Blocks(NamedTuple):
    """A checked matrix of dense blocks: block columns in range, sorted, without duplicates."""

    shape: tuple[int, int]
    indptr: check.IntArray
    indices: check.IntArray
    data: Array  # (blocks, high, wide)

    def tocsr(self) -> check.Csr:
        """The same with an index for each entry, the zeros inside blocks stored."""
        csr = sps.bsr_array((self.data, self.indices, self.indptr), shape=self.shape).tocsr()
        itype = self.indices.dtype
        return check.Csr(self.shape, csr.indptr.astype(itype), csr.indices.astype(itype), csr.data)

    def diagonal(self) -> Array:
        """The diagonal, zeros where nothing is stored."""
        out: Array = sps.bsr_array((self.data, self.indices, self.indptr), shape=self.shape).diagonal()
        return out

    def scaled(self, shift: int) -> Blocks:
        """The matrix times ``2**shift``."""
        return self._replace(data=_ldexp(self.data, shift))

    def largest(self) -> float:
        """The largest magnitude of a part of an entry."""
        return _largest(self.data)

    def map(self) -> Any:
        """This matrix as a map of the kernels."""
        return kernels("solve_maps").block_map(self.indptr, self.indices, self.data)


class Grid(NamedTuple):
    """A stencil on a grid. Point p has ``streams[which[p]][cell - shift[p]]``, or ``data[p]`` if `which` is -1."""

    shape: tuple[int, int]
    n: check.IntArray  # (3)
    wrap: check.IntArray  # (3)
    step: check.IntArray  # (points, 3), in lexicographic order
    data: Array  # (points)
    which: check.IntArray  # (points)
    shift: check.IntArray  # (points)
    streams: tuple[Array, ...]  # (n) each

    def astype(self, dtype: np.dtype[Any]) -> Grid:
        """With coefficients of another dtype."""
        return self._replace(
            data=self.data.astype(dtype), streams=tuple(np.require(s, dtype, ["C", "A"]) for s in self.streams)
        )

    def scaled(self, shift: int) -> Grid:
        """The matrix times ``2**shift``."""
        return self._replace(data=_ldexp(self.data, shift), streams=tuple(_ldexp(s, shift) for s in self.streams))

    def largest(self) -> float:
        """The largest magnitude of a part of a coefficient."""
        return max(map(_largest, (self.data, *self.streams)))

    def map(self) -> Any:
        """This matrix as a map of the kernels."""
        order = np.argsort(self.n > 1, kind="stable")  # axes of one cell first: lines are long, numbers the same
        n, wrap = self.n[order], self.wrap[order]
        step = np.ascontiguousarray(self.step[:, order])
        return kernels("solve_maps").grid_map(n, wrap, step, self.data, self.which, self.shift, list(self.streams))

    def values(self, p: int) -> Array:
        """The coefficients of point p, one for each cell; what lies outside the grid means nothing."""
        size = self.shape[0]
        if self.which[p] < 0:
            return np.full(size, self.data[p])
        return np.roll(self.streams[self.which[p]], self.shift[p])

    def columns(self, p: int) -> tuple[Array, Array]:
        """The cells that have the neighbour p, and the numbers of those neighbours."""
        axes, inside = [], []
        for n, wrap, d in zip(self.n, self.wrap, self.step[p], strict=True):
            to = np.arange(n) + d
            inside.append(np.ones(n, bool) if wrap else (to >= 0) & (to < n))
            axes.append(to % n)
        number = (axes[0][:, None, None] * self.n[1] + axes[1][:, None]) * self.n[2] + axes[2]
        good = inside[0][:, None, None] & inside[1][:, None] & inside[2]
        cells = np.flatnonzero(good)
        return cells, number.ravel()[cells]

    def diagonal(self) -> Array:
        """The diagonal, zeros where there is no point at the centre."""
        out = np.zeros(self.shape[0], self.data.dtype)
        for p, step in enumerate(self.step):
            if all(d == 0 or (wrap and d % n == 0) for d, n, wrap in zip(step, self.n, self.wrap, strict=True)):
                out += self.values(p)
        return out

    def tocsr(self) -> sps.csr_array:
        """The matrix, stored."""
        rows, columns, data = [], [], []
        for p in range(len(self.step)):
            cells, to = self.columns(p)
            rows.append(cells)
            columns.append(to)
            data.append(self.values(p)[cells])
        if not rows:
            return sps.csr_array(self.shape, dtype=self.data.dtype)
        itype = np.int32 if self.shape[0] * len(self.step) < 2**31 else np.int64
        ij = np.concatenate(rows).astype(itype), np.concatenate(columns).astype(itype)
        out = sps.coo_array((np.concatenate(data), ij), shape=self.shape).tocsr()
        out.sum_duplicates()
        return out


Stored = check.Csr | Blocks | Grid


def _ldexp(values: Array, shift: int) -> Array:
    if values.dtype.kind == "c":
        out = np.empty_like(values)
        np.ldexp(values.real, shift, out=out.real)
        np.ldexp(values.imag, shift, out=out.imag)
        return out
    return np.asarray(np.ldexp(values, shift))


def _largest(values: Array) -> float:
    if values.size == 0:
        return 0.0
    if values.dtype.kind == "c":
        return max(_largest(values.real), _largest(values.imag))
    return max(float(values.max()), -float(values.min()))


def exponent(largest: float, dtype: np.dtype[Any]) -> int:
    """The power of two that brings a magnitude near 1; 0 if it is not far from it or not finite."""
    limit = 100 if dtype.char in "dD" else 20
    if not math.isfinite(largest) or largest == 0.0:
        return 0
    power = math.frexp(largest)[1]
    return -power if abs(power) > limit else 0


def shift_of(matrix: Stored) -> int:
    """The power of two that brings the entries of a matrix near 1."""
    largest = _largest(matrix.data) if isinstance(matrix, check.Csr) else matrix.largest()
    return exponent(largest, matrix.data.dtype)


def shifted(matrix: Any, shift: int) -> Any:
    """The matrix times ``2**shift``."""
    if not shift:
        return matrix
    return matrix._replace(data=_ldexp(matrix.data, shift)) if isinstance(matrix, check.Csr) else matrix.scaled(shift)


def is_blocks(A: Any) -> bool:
    """Whether A is a sparse matrix that keeps its blocks."""
    return sps.issparse(A) and A.format == "bsr" and tuple(A.blocksize) != (1, 1)


def blocks(value: Any, name: str, *, finite: bool, dtype: npt.DTypeLike) -> Blocks:
    """A square BSR matrix checked, block columns sorted and without duplicates; the input is not modified."""
    rows, cols = (int(n) for n in value.shape)
    if rows != cols:
        raise ValueError(f"{name} has shape {(rows, cols)}, expected a square matrix")
    check._check_indices(value, name)
    high, wide = (int(n) for n in value.blocksize)
    if value.data.ndim != 3 or value.data.shape[1:] != (high, wide):
        raise ValueError(f"{name}.data has shape {value.data.shape}, expected (blocks, {high}, {wide})")
    matrix = sps.bsr_array((value.data, value.indices, value.indptr), shape=(rows, cols), copy=False)
    if not sps.csr_array(  # BSR itself does not tell
        (np.empty(matrix.indices.size, np.int8), matrix.indices, matrix.indptr), shape=(rows // high, cols // wide)
    ).has_canonical_format:
        matrix = matrix.copy()
        matrix.sum_duplicates()
    count = int(matrix.indptr[-1])
    itype = np.result_type(matrix.indptr.dtype, matrix.indices.dtype)
    # numbers of entries, not only of blocks, must fit where CSR is made of it
    itype = np.dtype(np.int32) if itype.itemsize <= 4 and count * high * wide < 2**31 else np.dtype(np.int64)
    out = Blocks(
        (rows, cols),
        np.require(matrix.indptr, itype, ["C", "A"]),
        np.require(matrix.indices[:count], itype, ["C", "A"]),
        np.require(matrix.data[:count], np.dtype(dtype), ["C", "A"]),
    )
    if finite:
        check.check_finite(out.data, f"{name}.data")
    return out


def storage_name(matrix: Stored | None, code: int) -> str:
    """For ``params["storage"]``: `code` counts diagonals, or is minus the size of blocks."""
    if isinstance(matrix, Grid):
        return f"{len(matrix.step)}-point stencil"
    if isinstance(matrix, Blocks):
        return "{}x{} blocks".format(*matrix.data.shape[1:])
    if matrix is None:
        return "operator"
    return f"{code} diagonals" if code > 0 else f"{-code}x{-code} blocks" if code < 0 else "csr"
