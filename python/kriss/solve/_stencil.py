"""Stencils on grids as linear operators: the matrix is never stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sps
from scipy.sparse.linalg import LinearOperator

from kriss import _validate as check
from kriss._backend import backend, kernels
from kriss.solve._native import NativePreconditioner
from kriss.solve._storage import Grid, shift_of

Array = npt.NDArray[Any]

MOST_POINTS = 128
PIVOT_TAU = 1e-3
FIRST_SHIFT = 1e-3
MOST_SHIFTS = 60


class StencilOperator(LinearOperator):  # type: ignore[misc]
    """A constant or variable stencil on a 1-D, 2-D or 3-D grid, as a matrix that is not stored.

    The solvers of `kriss.solve` multiply by it in compiled code. Nothing is stored for a constant coefficient, and one
    array for a variable one; there are no column indices.

    Parameters
    ----------
    shape : int or tuple of int
        Cells along each axis, at most three. The unknowns are the cells in C order (the last axis fastest).
    stencil : mapping
        ``{offset: coefficient}``. An offset is a tuple of an int per axis (an int in 1-D); the row of cell ``i`` has
        the coefficient in the column of cell ``i + offset``. A coefficient is a number, or an array of the grid's shape
        whose entry ``i`` belongs to the row of cell ``i``. What points outside the grid is left out (homogeneous
        Dirichlet conditions). At most 128 points.
    symmetric : bool, default False
        `stencil` has the centre and one of each pair of opposite offsets; the other follows from symmetry (conjugated
        if complex) and costs no memory traffic. For the pair ``(d, -d)`` the array given with ``d`` serves both.
    periodic : bool or sequence of bool, default False
        Which axes close on themselves.
    dtype : dtype, optional
        float32, float64, complex64 or complex128; by default what holds the coefficients.

    Attributes
    ----------
    shape : tuple of int
        ``(n, n)`` for n cells.
    grid : tuple of int
        Cells along each axis.
    nbytes : int
        Memory held: the arrays of coefficients.

    Raises
    ------
    TypeError, ValueError
        If the grid, an offset or a coefficient has a wrong type, shape or value (the offset is named), or there are
        too many points.

    Notes
    -----
    A product with m points takes 2 m n flops and moves 16 n bytes and 8 n for each array of coefficients (float64); the
    five-point Laplacian in CSR moves 80 n. The sums run in the order of the columns, so away from periodic seams the
    result has the bits of ``A.tocsr() @ x``. All routines take it as A, with M an operator or ``"jacobi"``, ``"ssor"``,
    ``"ic0"``, ``"mic"``; the last two only where the graph of the stencil has no triangles (five and seven points), as
    nothing else could be done without storage. `ssor` and `mic` have their parameters.

    References
    ----------
    Y. Saad, "Iterative Methods for Sparse Linear Systems", 2nd ed., SIAM 2003, sections 2.2 and 3.4.

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.solve import StencilOperator, cg
    >>> A = StencilOperator((40, 40), {(0, 0): 4.0, (0, 1): -1.0, (1, 0): -1.0}, symmetric=True)
    >>> r = cg(A, np.ones(1600), rtol=1e-8, M="mic")
    >>> r.status, r.params["storage"], r.params["product_bytes"]
    ('converged', '5-point stencil', 0)
    >>> bool(np.linalg.norm(np.ones(1600) - A.tocsr() @ r.x) <= 1e-8 * 40)
    True
    """

    def __init__(
        self,
        shape: int | Sequence[int],
        stencil: Mapping[Any, npt.ArrayLike],
        *,
        symmetric: bool = False,
        periodic: bool | Sequence[bool] = False,
        dtype: npt.DTypeLike | None = None,
    ) -> None:
        sides = _sides(shape)
        self.grid = sides
        wrap = _periodic(periodic, len(sides))
        lead = 3 - len(sides)
        n = np.array((1,) * lead + sides, np.int64)
        size = int(np.prod(n))
        points = _points(stencil, sides, dtype)
        work = np.dtype(np.float64) if not points else np.result_type(*(c for _, c in points))
        work = _working(work) if dtype is None else _working(np.dtype(dtype))
        streams: list[Array] = []
        rows: list[tuple[tuple[int, ...], Any, int, int]] = []
        given = {d for d, _ in points}
        for d, value in points:
            mirror = tuple(-k for k in d)
            if symmetric and any(d) and mirror in given:
                raise ValueError(f"stencil has both {d} and {mirror}, expected one of them as symmetric is set")
            linear = sum(k * int(np.prod(sides[a + 1 :])) for a, k in enumerate(d))
            which = -1
            constant = work.type(0)
            if np.ndim(value):
                which = len(streams)
                streams.append(np.require(value, work, ["C", "A"]).reshape(size))
            else:
                constant = work.type(value)
            rows.append((d, constant, which, 0))
            if symmetric and any(d):
                shift = linear
                if which >= 0 and (work.kind == "c" or any(wrap)):
                    axes = tuple(range(len(sides)))
                    other = np.roll(streams[which].reshape(sides), d, axes).conj()
                    which, shift = len(streams), 0
                    streams.append(np.ascontiguousarray(other).reshape(size))
                rows.append((mirror, np.conj(constant), which, shift if which >= 0 else 0))
        kept = _inside(rows, sides, wrap)
        if len(kept) > MOST_POINTS:
            raise ValueError(f"stencil has {len(kept)} points, expected at most {MOST_POINTS}")
        kept.sort(key=lambda row: row[0])
        used = sorted({row[2] for row in kept if row[2] >= 0})
        self._data = Grid(
            (size, size),
            n,
            np.array((0,) * lead + wrap, np.int64),
            np.array([(0,) * lead + row[0] for row in kept], np.int64).reshape(-1, 3),
            np.array([row[1] for row in kept], work),
            np.array([used.index(row[2]) if row[2] >= 0 else -1 for row in kept], np.int64),
            np.array([row[3] for row in kept], np.int64),
            tuple(streams[k] for k in used),
        )
        self._maps: dict[str, Any] = {}
        super().__init__(work, (size, size))

    @classmethod
    def _over(cls, data: Grid) -> StencilOperator:
        """Of a checked stencil."""
        made: StencilOperator = cls.__new__(cls)
        made._data, made._maps, made.grid = data, {}, tuple(int(k) for k in data.n)
        LinearOperator.__init__(made, data.data.dtype, data.shape)
        return made

    @property
    def nbytes(self) -> int:
        """Memory held, in bytes: the arrays of coefficients."""
        return sum(int(s.nbytes) for s in self._data.streams)

    def __getstate__(self) -> dict[str, Any]:
        """Everything but what was made for the kernels."""
        return {**self.__dict__, "_maps": {}}

    def of_dtype(self, dtype: np.dtype[Any]) -> Grid:
        """What the loops take, in a working dtype."""
        return self._data if dtype == self.dtype else self._data.astype(dtype)

    def _matvec(self, x: Array) -> Array:
        dtype = np.result_type(self.dtype, x.dtype) if x.dtype.kind == "c" else self.dtype
        key = f"{backend()} {dtype}"
        if key not in self._maps:
            self._maps[key] = self.of_dtype(dtype).map()
        out = np.empty(self.shape[0], dtype)
        self._maps[key].apply(np.require(np.ravel(x), dtype, ["C", "A"]), out, 0)
        return out

    def _adjoint(self) -> LinearOperator:
        grid = self._data
        lead = 3 - len(self.grid)
        stencil: dict[tuple[int, ...], Any] = {}
        for p, step in enumerate(grid.step):
            d = tuple(int(k) for k in step[lead:])
            if grid.which[p] < 0:
                value: Any = np.conj(grid.data[p])
            else:
                own = grid.values(p).reshape(self.grid)
                value = np.roll(own, d, tuple(range(len(self.grid)))).conj()
            # on an axis of one cell several points coincide
            mirror = tuple(-k for k in d)
            stencil[mirror] = stencil[mirror] + value if mirror in stencil else value
        return StencilOperator(self.grid, stencil, periodic=tuple(map(bool, grid.wrap[lead:])), dtype=self.dtype)

    def _transpose(self) -> LinearOperator:
        return self._adjoint() if self.dtype.kind != "c" else super()._transpose()

    def diagonal(self) -> Array:
        """The diagonal of the matrix.

        Returns
        -------
        ndarray, shape (n,)
            Zeros if the stencil has no centre.
        """
        return self._data.diagonal()

    def tocsr(self) -> sps.csr_array:
        """The matrix, stored.

        Returns
        -------
        csr_array, shape (n, n)
            Sorted, without duplicates.
        """
        return self._data.tocsr()

    def ssor(self, omega: float = 1.0) -> NativePreconditioner:
        """Symmetric successive over-relaxation over the stencil, as `SSOR` over its matrix.

        Parameters
        ----------
        omega : float, default 1.0
            Relaxation, 0 < omega < 2.

        Returns
        -------
        preconditioner
            An operator for `M` with the members of `SSOR`; it stores the inverse diagonal only.

        Raises
        ------
        ValueError
            If omega is out of range, a diagonal entry is zero (the row is named), or an axis is periodic.

        Notes
        -----
        An application costs 2 m n + 4 n flops and 56 n bytes, and twice the arrays of coefficients.

        References
        ----------
        Y. Saad, "Iterative Methods for Sparse Linear Systems", 2nd ed., SIAM 2003, section 10.2.

        Examples
        --------
        >>> import numpy as np
        >>> from kriss.solve import StencilOperator, cg
        >>> A = StencilOperator(100, {0: 2.0, 1: -1.0}, symmetric=True)
        >>> cg(A, np.ones(100), M=A.ssor(1.8)).status
        'converged'
        """
        omega = check.scalar(omega, "omega", low=0.0, strict=True)
        if not omega < 2.0:
            raise ValueError(f"omega must be below 2, not {omega}")
        return StencilSweeps(self._data, "ssor", omega, 0.0, 0.0)

    def mic(self, relax: float = 0.99, shift: float = 0.0) -> NativePreconditioner:
        """Modified incomplete Cholesky factorisation of the stencil, as `MIC` of its matrix; ``relax=0`` is IC(0).

        Parameters
        ----------
        relax : float, default 0.99
            0 is IC(0), 1 is full modification.
        shift : float, default 0.0
            The diagonal is enlarged by ``1 + shift``, and by more where a pivot fails.

        Returns
        -------
        preconditioner
            An operator for `M` with the members of `MIC`; it stores the pivots only.

        Raises
        ------
        ValueError
            If a parameter is out of range, a diagonal entry is not positive (the row is named), an axis is periodic,
            or the graph of the stencil has triangles.
        numpy.linalg.LinAlgError
            If no shift up to 1e15 makes the pivots sound.

        Notes
        -----
        An application costs 2 m n + 4 n flops and 56 n bytes, and twice the arrays of coefficients.

        References
        ----------
        I. Gustafsson, "A class of first order factorization methods", BIT 18 (1978), section 2.

        Examples
        --------
        >>> import numpy as np
        >>> from kriss.solve import StencilOperator, cg
        >>> A = StencilOperator((30, 30), {(0, 0): 4.0, (0, 1): -1.0, (1, 0): -1.0}, symmetric=True)
        >>> plain, better = cg(A, np.ones(900)), cg(A, np.ones(900), M=A.mic())
        >>> better.iterations < plain.iterations
        True
        """
        relax = check.scalar(relax, "relax", low=0.0)
        if not relax <= 1.0:
            raise ValueError(f"relax must be at most 1, not {relax}")
        return StencilSweeps(self._data, "mic" if relax else "ic0", 1.0, relax, check.scalar(shift, "shift", low=0.0))


class StencilSweeps(NativePreconditioner):
    """SSOR or an incomplete factorisation of a stencil: two sweeps over the grid and one stored vector."""

    _family = "solve_maps"

    def __init__(self, grid: Grid, kind: str, omega: float, relax: float, shift: float) -> None:
        self.omega, self.relax, self._kind, self._asked = omega, relax, kind, shift
        self._set(grid)
        super().__init__(grid.data.dtype, grid.shape)

    @classmethod
    def _over(cls, grid: Grid, kind: str) -> StencilSweeps:
        """The one called `kind`, with the parameters it has by default."""
        return cls(grid, kind, 1.0, 0.99 if kind == "mic" else 0.0, 0.0)

    def _set(self, grid: Grid) -> None:
        if grid.data.dtype.kind == "c":
            raise TypeError(f"M={self._kind!r} needs a real stencil, not one of dtype {grid.data.dtype}")
        if grid.wrap.any():
            raise ValueError(
                f"M={self._kind!r} needs a stencil without periodic axes: build it from A.tocsr() for this one"
            )
        if self._kind != "ssor" and (triangle := _triangle(grid)) is not None:
            raise ValueError(
                f"M={self._kind!r} needs a stencil whose graph has no triangles, but it has the offsets "
                "{}, {} and {}: build it from A.tocsr() for this one".format(*triangle)
            )
        diagonal = grid.diagonal()
        inverse = inverse_of(diagonal, "A")
        self.is_spd = bool((inverse > 0).all())
        self._pattern = (grid.n, grid.step)
        self._shift = shift_of(grid)
        if self._shift:
            grid = grid.scaled(self._shift)
            inverse = np.ldexp(inverse, -self._shift)
        self._kernels = kernels(self._family)
        product = grid.map()
        if self._kind != "ssor":
            if not self.is_spd:
                row = int(np.argmin(diagonal > 0))
                raise ValueError(
                    f"A cannot be used: its diagonal entry in row {row} is {diagonal[row]}, expected a positive number"
                )
            inverse = 1.0 / self._pivots(product, diagonal)
        self.inverse = inverse
        self._native = self._kernels.grid_sweeps(product, inverse, self.omega)

    def _pivots(self, product: Any, diagonal: Array) -> Array:
        pivots = np.empty(diagonal.size, diagonal.dtype)
        self.shift = self._asked
        for _ in range(MOST_SHIFTS):
            status, row = self._kernels.grid_pivots(product, self.relax, self.shift, PIVOT_TAU, pivots, 0)
            if status == 0:
                return pivots
            self.shift = max(FIRST_SHIFT, 2.0 * self.shift)
        raise np.linalg.LinAlgError(
            f"the pivot of row {row} stays unsound with the diagonal enlarged {self.shift} times"
        )

    @property
    def nbytes(self) -> int:
        """Memory held besides the coefficients of A, in bytes."""
        return int(self.inverse.nbytes)

    def update(self, A: StencilOperator) -> None:
        """Take over the coefficients of a new stencil with the same points on the same grid."""
        if not isinstance(A, StencilOperator):
            raise TypeError(f"A must be a StencilOperator, not {type(A).__name__}")
        mine = (A._data.n, A._data.step)
        if not all(np.array_equal(a, b) for a, b in zip(mine, self._pattern, strict=True)):
            raise ValueError("A has another grid or other points than the stencil this was built from")
        if A.dtype != self.dtype:
            raise TypeError(f"A has dtype {A.dtype}, expected {self.dtype}")
        self._set(A._data)


def inverse_of(diagonal: Array, name: str) -> Array:
    """1 / diagonal; an unusable entry is named by its row."""
    with np.errstate(all="ignore"):
        inverse = np.asarray(1 / diagonal, diagonal.dtype)
    bad = ~np.isfinite(inverse) | ~np.isfinite(diagonal)
    if bad.any():
        row = int(np.argmax(bad))
        raise ValueError(
            f"{name} cannot be used: its diagonal entry in row {row} is {diagonal[row]}, expected a nonzero number"
        )
    return inverse


def _triangle(grid: Grid) -> tuple[tuple[int, ...], ...] | None:
    """Two offsets before the centre whose sum is an offset too, and that sum."""
    lower = {tuple(int(k) for k in s) for s in grid.step if tuple(s) < (0, 0, 0)}
    for p in sorted(lower):
        for q in sorted(lower):
            total = tuple(a + b for a, b in zip(p, q, strict=True))
            if total in lower:
                return p, q, total
    return None


def _sides(shape: Any) -> tuple[int, ...]:
    sides = (shape,) if isinstance(shape, (int, np.integer)) else shape
    if not isinstance(sides, (tuple, list, np.ndarray)) or not 1 <= len(sides) <= 3:
        raise ValueError(f"shape must be one to three numbers of cells, not {shape!r}")
    return tuple(check.integer(n, f"shape[{a}]", low=1) for a, n in enumerate(sides))


def _periodic(periodic: Any, axes: int) -> tuple[bool, ...]:
    if isinstance(periodic, (bool, np.bool_)):
        return (bool(periodic),) * axes
    if not isinstance(periodic, (tuple, list, np.ndarray)) or len(periodic) != axes:
        raise ValueError(f"periodic must be a bool or {axes} of them, not {periodic!r}")
    return tuple(map(bool, periodic))


def _points(stencil: Any, sides: tuple[int, ...], dtype: Any) -> list[tuple[tuple[int, ...], Any]]:
    """Offsets as tuples, and coefficients as checked numbers or arrays."""
    if not isinstance(stencil, Mapping):
        raise TypeError(f"stencil must be a mapping of offsets to coefficients, not {type(stencil).__name__}")
    out = []
    for key, value in stencil.items():
        parts = (key,) if isinstance(key, (int, np.integer)) else key
        if not isinstance(parts, tuple) or len(parts) != len(sides):
            raise ValueError(f"stencil has the offset {key!r}, expected {len(sides)} integers")
        d = tuple(check.integer(k, f"an item of the offset {key!r}") for k in parts)
        name = f"stencil[{key!r}]"
        raw = np.asarray(value)
        if raw.ndim and raw.shape != sides:
            raise ValueError(f"{name} has shape {raw.shape}, expected a number or an array of shape {sides}")
        if raw.dtype.kind not in "biufc":
            raise TypeError(f"{name} has dtype {raw.dtype}, expected numbers")
        if raw.dtype.kind in "biu":
            raw = raw.astype(np.float64)
        elif raw.dtype.kind == "f" and raw.dtype.itemsize == 2:
            raw = raw.astype(np.float32)
        else:
            _working(raw.dtype)
        check.check_finite(raw, name)
        # a Python number takes the precision of the others
        python = not isinstance(value, (np.ndarray, np.generic)) and raw.ndim == 0
        out.append((d, raw.item() if python else raw))
    return out


def _working(dtype: np.dtype[Any]) -> np.dtype[Any]:
    if dtype.kind == "c":
        if dtype.newbyteorder("=") not in (np.dtype(np.complex64), np.dtype(np.complex128)):
            raise TypeError(f"a coefficient has dtype {dtype}, expected complex64 or complex128")
        return dtype.newbyteorder("=")
    return check.real_dtype(dtype, "a coefficient")


def _inside(rows: list[Any], sides: tuple[int, ...], wrap: tuple[bool, ...]) -> list[Any]:
    """Points whose neighbour exists for some cell, steps along periodic axes brought into the grid."""
    out = []
    for d, constant, which, shift in rows:
        step = tuple(
            k - n * (abs(k) // n) * (1 if k > 0 else -1) if w else k for k, n, w in zip(d, sides, wrap, strict=True)
        )
        if all(abs(k) < n for k, n in zip(step, sides, strict=True)):
            out.append((step, constant, which, shift))
    return out
