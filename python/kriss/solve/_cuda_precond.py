"""Preconditioners on a GPU: coloured SSOR, Chebyshev, and triangles moved there level by level."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from kriss import _device
from kriss import _validate as check
from kriss.solve._cuda_arrays import PANEL, PLAIN, Launcher, Matrix, pointer

# Rounds of colouring in natural order before the rows that are left choose by hash; rounds between two looks.
NATURAL_ROUNDS = 4096
LOOK_ROUNDS = 32


class CudaPreconditioner:
    """What preconditioners on a GPU share: ``apply``, ``apply_multi``, ``M @ r`` and ``matvec`` over CuPy arrays."""

    _on_device = True
    is_linear = True
    is_spd = True
    shape: tuple[int, int]
    dtype: np.dtype[Any]

    def _apply(self, r: Any, z: Any) -> None:
        """``z = M^-1 r`` for contiguous panels of at most `PANEL` columns."""
        raise NotImplementedError

    def apply(self, r: Any, out: Any) -> Any:
        """``out = M^-1 r``; returns `out`. Both are contiguous CuPy arrays (n,) or (n, k) of this operator's dtype."""
        n = self.shape[0]
        for name, value in (("r", r), ("out", out)):
            if not _device.is_device_array(value):
                raise TypeError(f"{name} must be a CuPy array, not {type(value).__name__}")
            if value.ndim not in (1, 2) or value.shape[0] != n or value.shape != r.shape or value.dtype != self.dtype:
                raise ValueError(
                    f"{name} is a {value.dtype} array of shape {value.shape}, expected {self.dtype} and ({n},) or "
                    f"({n}, k)"
                )
            if not value.flags.c_contiguous:
                raise ValueError(f"{name} must be contiguous")
        if pointer(r) == pointer(out) and n:
            raise ValueError("out must not overlap r")
        cp = _device.cupy()
        columns = 1 if r.ndim == 1 else r.shape[1]
        if n == 0 or columns == 0:
            return out
        if columns <= PANEL:
            self._apply(r.reshape(n, columns), out.reshape(n, columns))
            return out
        for first in range(0, columns, PANEL):
            block = cp.ascontiguousarray(r[:, first : first + PANEL])
            z = cp.empty_like(block)
            self._apply(block, z)
            out[:, first : first + PANEL] = z
        return out

    def apply_multi(self, R: Any, out: Any) -> Any:
        """``out = M^-1 R`` for (n, k) arrays; `apply` does the same."""
        return self.apply(R, out)

    def matvec(self, r: Any) -> Any:
        """``M^-1 r`` as a new array."""
        if not _device.is_device_array(r):
            raise TypeError(f"r must be a CuPy array, not {type(r).__name__}: nothing is moved between devices")
        cp = _device.cupy()
        r = cp.ascontiguousarray(r, dtype=self.dtype)
        return self.apply(r, cp.empty_like(r))

    matmat = matvec
    __matmul__ = matvec


class Levels:
    """A strict triangle on the device, its rows sorted by level or colour.

    Parameters
    ----------
    levels : int
        How many there are.
    starts : ndarray of int64, shape (levels + 1,)
        Where each begins, in host memory.
    order, indptr, indices, data : CuPy arrays
        The rows in that order, and their entries.
    inverse, diagonal : CuPy arrays or None
        Inverse of the diagonal, and factors of the right-hand side.
    lower : bool
        Which triangle it was in natural order: its row next to i enters last.
    """

    def __init__(
        self, levels: int, starts: Any, order: Any, indptr: Any, indices: Any, data: Any, inverse: Any, diagonal: Any,
        lower: bool,
    ) -> None:  # fmt: skip
        cp = _device.cupy()
        self.levels = levels
        self.starts = np.ascontiguousarray(starts, np.int64)
        self.on_device = cp.asarray(self.starts)
        self.order, self.indptr, self.indices, self.data = order, indptr, indices, data
        self.inverse, self.diagonal, self.lower = inverse, diagonal, lower

    @property
    def nbytes(self) -> int:
        """Memory held on the device, in bytes."""
        held = (self.order, self.indptr, self.indices, self.data, self.inverse, self.diagonal, self.on_device)
        return sum(int(v.nbytes) for v in held if v is not None)

    def solve(self, launch: Launcher, r: Any, z: Any) -> None:
        """``z = T^-1 diag(diagonal) r`` for panels; z may be r."""
        n, k = r.shape
        launch(
            "triangle_levels_solve", n, k, self.indptr, self.indices, self.data, self.order, self.inverse,
            self.diagonal, self.lower, self.levels, self.starts, self.on_device, r, z,
        )  # fmt: skip


class CudaTriangles(CudaPreconditioner):
    """Triangular solves on a GPU, level by level; what ``to_device()`` of `SSOR`, `IC0`, `MIC` and `ILU0` returns.

    Attributes
    ----------
    shape, dtype
        Of the operator.
    levels : tuple of int
        Levels of each triangle: how many steps must follow one another.
    is_spd, is_linear : bool
        As of the preconditioner it was made from.
    nbytes : int
        Memory held on the device.

    Notes
    -----
    The factor was computed in host memory and uploaded once. A level of more than 1024 rows has a launch of its own, a
    run of smaller ones is done by one block. The number of levels, about 2 m for an m by m grid in natural order,
    bounds what a device can gain; colour the unknowns beforehand, or use `CudaChebyshev`, where it is large. The
    arithmetic is that of the processor, in the same order.

    References
    ----------
    E. Anderson, Y. Saad, "Solving sparse triangular linear systems on parallel computers", Int. J. High Speed Comput. 1
    (1989), section 2.

    Examples
    --------
    >>> from kriss.solve import IC0
    >>> from kriss.testing import poisson2d
    >>> IC0(poisson2d(3)).to_device()  # doctest: +SKIP
    """

    def __init__(self, triangles: list[Levels], n: int, dtype: npt.DTypeLike, is_spd: bool) -> None:
        self._triangles = triangles
        self.shape, self.dtype, self.is_spd = (n, n), np.dtype(dtype), is_spd
        self.levels = tuple(t.levels for t in triangles)
        self._launch = Launcher(self.dtype)

    @property
    def nbytes(self) -> int:
        """Memory held on the device, in bytes."""
        return sum(t.nbytes for t in self._triangles)

    def _apply(self, r: Any, z: Any) -> None:
        for triangle in self._triangles:
            triangle.solve(self._launch, r, z)
            r = z


class CudaSSOR(CudaPreconditioner):
    """Symmetric successive over-relaxation on a GPU as a preconditioner, colour by colour.

    It applies the inverse of ``M = (E + L) E^-1 (E + L') / (2 - omega)``, E = D / omega, for the rows sorted by colour.

    Parameters
    ----------
    A : cupyx.scipy.sparse CSR matrix, shape (n, n)
        Symmetric; every diagonal entry must be stored and nonzero. What is needed is copied.
    omega : float, default 1.0
        Relaxation, 0 < omega < 2. With colours values near 1 are best more often than in natural order.

    Attributes
    ----------
    omega : float
        The relaxation.
    colors : int
        Colours: each sweep makes as many launches.
    is_spd : bool
        Whether every diagonal entry is positive.
    is_linear : bool
        True.
    nbytes : int
        Memory held on the device.

    Raises
    ------
    TypeError, ValueError
        If A is not a CSR matrix on the GPU, omega is out of range, or a diagonal entry is missing, zero or not finite
        (the row is named).
    RuntimeError
        If there is no device or CuPy is missing.

    Notes
    -----
    The colours are computed on the device: those of `color_rows`, unless its order has more than 4096 levels; the rows
    then left are coloured in the order of a hash. Application: 12 nnz + 88 n bytes (float64), 2 nnz + 5 n flops, twice
    as many launches as there are colours.

    References
    ----------
    Y. Saad, "Iterative Methods for Sparse Linear Systems", 2nd ed., SIAM 2003, sections 10.2 and 12.4.
    M. T. Jones, P. E. Plassmann, "A parallel graph coloring heuristic", SIAM J. Sci. Comput. 14 (1993), section 3.

    Examples
    --------
    >>> from kriss.solve import CudaSSOR
    >>> CudaSSOR([[1.0]])
    Traceback (most recent call last):
        ...
    TypeError: A must be a CSR matrix on the GPU, not list

    With CuPy: ``cg(A, b, M=CudaSSOR(A, omega=1.2))``.
    """

    def __init__(self, A: Any, omega: float = 1.0) -> None:
        _on_gpu(A)
        self.omega = check.scalar(omega, "omega", low=0.0, strict=True)
        if not self.omega < 2.0:
            raise ValueError(f"omega must be below 2, not {omega}")
        self._set(Matrix(A, "A"))

    @classmethod
    def _over(cls, matrix: Matrix) -> CudaSSOR:
        made = cls.__new__(cls)
        made.omega = 1.0
        made._set(matrix)
        return made

    def _set(self, matrix: Matrix, groups: Groups | None = None) -> None:
        cp = _device.cupy()
        self.shape, self.dtype = matrix.shape, matrix.dtype
        inverse = matrix.inverse_diagonal()
        self.is_spd = bool((inverse > 0).all())
        self._groups = color_groups(matrix) if groups is None else groups
        self.colors = self._groups.count
        scaled = (self.omega * inverse).astype(self.dtype, copy=False)
        factor = ((2.0 - self.omega) / scaled).astype(self.dtype, copy=False)
        rows = matrix.rows_of_entries()
        mine, other = self._groups.color[rows], self._groups.color[matrix.indices]
        self._triangles = [
            split_levels(cp, other < mine, rows, matrix, self._groups, scaled, None, True),
            split_levels(cp, other > mine, rows, matrix, self._groups.reversed(), scaled, factor, False),
        ]
        self._launch = Launcher(self.dtype)
        self._pattern = matrix.indptr, matrix.indices

    @property
    def nbytes(self) -> int:
        """Memory held on the device, in bytes."""
        return sum(t.nbytes for t in self._triangles) + int(self._groups.color.nbytes)

    def update(self, A: Any) -> None:
        """Take over the entries of a new A of the same shape; the colours are kept where the pattern is the same."""
        cp = _device.cupy()
        matrix = Matrix(A, "A", dtype=self.dtype)
        if matrix.shape != self.shape:
            raise ValueError(f"A has shape {matrix.shape}, expected {self.shape}")
        pairs = zip(self._pattern, (matrix.indptr, matrix.indices), strict=True)
        same = all(a.size == b.size and bool(cp.array_equal(a, b)) for a, b in pairs)
        self._set(matrix, self._groups if same else None)

    def _apply(self, r: Any, z: Any) -> None:
        self._triangles[0].solve(self._launch, r, z)
        self._triangles[1].solve(self._launch, z, z)


class CudaChebyshev(CudaPreconditioner):
    """Chebyshev polynomial preconditioner with Jacobi scaling on a GPU: one launch per product and no inner products.

    Parameters
    ----------
    A : cupyx.scipy.sparse CSR matrix, shape (n, n)
        Symmetric positive definite (not checked but for its diagonal). It is not copied unless it must be.
    degree : int, default 4
        Products with A per application, at least 1. Prefer even ones, which stay positive definite whatever `bounds`.
    ratio : float, default 100
        ``bounds[1] / bounds[0]``, above 1. Smaller eigenvalues are left to the Krylov method.
    bounds : (float, float), optional
        The interval itself, 0 < low < high, of eigenvalues of D^-1 A; by default up to the Gershgorin bound
        ``max_i sum_j |a_ij| / a_ii``.

    Attributes
    ----------
    degree : int
        Products per application.
    bounds : tuple of float
        The interval used.
    is_spd : bool
        Whether M is known to be positive definite if A is: True for even degrees, and for odd ones over a safe bound.
    is_linear : bool
        True.
    nbytes : int
        Memory held on the device, A included.

    Raises
    ------
    TypeError, ValueError
        If A is not a CSR matrix on the GPU, an argument is out of range, or a diagonal entry is missing, not positive
        or not finite (the row is named).
    RuntimeError
        If there is no device or CuPy is missing.

    Notes
    -----
    Per application: ``degree`` passes of 12 nnz + 44 n bytes and 2 nnz + 8 n flops (float64), and 24 n bytes to start.
    Conjugate gradients with it do fewer sums, each of which makes a device wait, for the same number of products.

    References
    ----------
    Y. Saad, "Iterative Methods for Sparse Linear Systems", 2nd ed., SIAM 2003, algorithm 12.1 and section 12.3.

    Examples
    --------
    >>> from kriss.solve import CudaChebyshev
    >>> CudaChebyshev([[1.0]])
    Traceback (most recent call last):
        ...
    TypeError: A must be a CSR matrix on the GPU, not list

    With CuPy: ``cg(A, b, M=CudaChebyshev(A, degree=6))``.
    """

    def __init__(
        self, A: Any, degree: int = 4, *, ratio: float = 100.0, bounds: tuple[float, float] | None = None
    ) -> None:
        _on_gpu(A)
        self.degree = check.integer(degree, "degree", low=1, high=1000)
        self.ratio = check.scalar(ratio, "ratio", low=1.0, strict=True)
        self._asked = None
        if bounds is not None:
            low, high = (float(v) for v in bounds)
            if not (0.0 < low < high and math.isfinite(high)):
                raise ValueError(f"bounds are {(low, high)}, expected 0 < low < high")
            self._asked = low, high
        self._set(Matrix(A, "A"))

    @classmethod
    def _over(cls, matrix: Matrix) -> CudaChebyshev:
        made = cls.__new__(cls)
        made.degree, made.ratio, made._asked = 4, 100.0, None
        made._set(matrix)
        return made

    def _set(self, matrix: Matrix) -> None:
        self.shape, self.dtype = matrix.shape, matrix.dtype
        self._launch = Launcher(self.dtype)
        self._inverse = matrix.inverse_diagonal(positive=True)
        proven = gershgorin(matrix, self._inverse, self._launch)
        self.bounds = (proven / self.ratio, proven) if self._asked is None else self._asked
        self.is_spd = self.degree % 2 == 0 or self.bounds[1] >= proven
        self._matrix = matrix
        self._other: Any = None

    @property
    def nbytes(self) -> int:
        """Memory held on the device, A included, in bytes."""
        return self._matrix.nbytes + int(self._inverse.nbytes)

    def update(self, A: Any) -> None:
        """Take over a new A of the same shape."""
        matrix = Matrix(A, "A", dtype=self.dtype)
        if matrix.shape != self.shape:
            raise ValueError(f"A has shape {matrix.shape}, expected {self.shape}")
        self._set(matrix)

    def _apply(self, r: Any, z: Any) -> None:
        if self._other is None or self._other.shape != r.shape:
            self._other = _device.cupy().empty_like(r)
        low, high = self.bounds
        head = self._matrix.head(r.shape[1])
        self._launch("chebyshev_iterate", *head, self._inverse, low, high, self.degree, True, r, z, self._other)


def _on_gpu(A: Any) -> None:
    if not _device.is_device_array(A):
        raise TypeError(f"A must be a CSR matrix on the GPU, not {type(A).__name__}")


def gershgorin(matrix: Matrix, inverse: Any, launch: Launcher) -> float:
    """Max over i of sum_j |a_ij / a_ii|: no eigenvalue of D^-1 A is larger in magnitude."""
    cp = _device.cupy()
    if matrix.rows == 0:
        return 1.0
    ones, sums = cp.ones((matrix.rows, 1), matrix.dtype), cp.empty((matrix.rows, 1), matrix.dtype)
    absolute = cp.abs(matrix.data)
    launch("csr_product", matrix.rows, 1, matrix.indptr, matrix.indices, absolute, PLAIN, ones, None, sums)
    return float((sums[:, 0] * cp.abs(inverse)).max())


class Groups:
    """Rows by colour or level: their colour, the rows in that order, and where each colour begins (host memory)."""

    def __init__(self, xp: Any, count: int, color: Any) -> None:
        n = int(color.size)
        self.xp, self.count, self.color = xp, count, color
        numbers = xp.arange(n, dtype=np.int64)
        self.order = xp.argsort(color.astype(np.int64) * n + numbers).astype(np.int32)
        sizes = xp.bincount(color, minlength=count) if n else xp.zeros(count, np.int64)
        self.starts = np.zeros(count + 1, np.int64)
        np.cumsum(np.asarray(sizes if xp is np else sizes.get()), out=self.starts[1:])

    def reversed(self) -> Groups:
        """The last colour first."""
        return Groups(self.xp, self.count, (self.count - 1 - self.color).astype(np.int32))


def split_levels(
    xp: Any, keep: Any, rows: Any, matrix: Any, groups: Groups, inverse: Any, diagonal: Any, lower: bool
) -> Levels:
    """The entries where `keep`, with the rows in the order of `groups`; xp: NumPy (the result is uploaded) or CuPy."""
    cp = _device.cupy()
    n = int(groups.order.size)
    place = xp.empty(n, np.int64)
    place[groups.order] = xp.arange(n, dtype=np.int64)
    entries = xp.flatnonzero(keep)
    at = place[rows[entries]]
    # the entries of a row stay in their order
    entries = entries[xp.argsort(at * max(int(entries.size), 1) + xp.arange(entries.size, dtype=np.int64))]
    indptr = xp.zeros(n + 1, np.int32)
    if n:
        indptr[1:] = xp.cumsum(xp.bincount(at, minlength=n))
    arrays = [groups.order, indptr, matrix.indices[entries].astype(np.int32), matrix.data[entries], inverse, diagonal]
    order, indptr, indices, data, inverse, diagonal = (None if v is None else cp.asarray(v) for v in arrays)
    return Levels(groups.count, groups.starts, order, indptr, indices, data, inverse, diagonal, lower)


def color_groups(matrix: Matrix) -> Groups:
    """The rows by colour, coloured on the device."""
    cp = _device.cupy()
    n = matrix.rows
    if n == 0:
        return Groups(cp, 0, cp.zeros(0, np.int32))
    sparse = _device.cupyx_sparse()
    ones = cp.ones(matrix.data.size, np.float32)
    pattern = sparse.csr_matrix((ones, matrix.indices, matrix.indptr), shape=matrix.shape)
    both = (pattern + pattern.T.tocsr()).tocsr()
    kernels = _device.cuda("solve")
    color, after = cp.full(n, -1, np.int32), cp.empty(n, np.int32)
    part, left = cp.empty(int(kernels.cg_partials(n, 1)), np.float64), cp.empty(1, np.float64)
    rounds = 0
    while True:
        for _ in range(LOOK_ROUNDS):
            by_hash = rounds >= NATURAL_ROUNDS
            kernels.color_rows_round(
                n, *map(pointer, (both.indptr, both.indices)), by_hash, *map(pointer, (color, after, part, left)),
                _device.stream(),
            )  # fmt: skip
            color, after = after, color
            rounds += 1
        if float(left.get()[0]) == 0.0:
            break
    return Groups(cp, int(color.max()) + 1, color)
