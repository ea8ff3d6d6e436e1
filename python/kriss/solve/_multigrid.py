"""Black-Box multigrid on structured grids."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.sparse.linalg import LinearOperator

from kriss import _validate as check
from kriss._backend import kernels
from kriss.solve._native import NativePreconditioner, scaled

_DONE, _MATRIX, _DIAGONAL, _LINES, _COARSEST = range(5)
_OUTSIDE, _ASYMMETRIC = 1, 2
_CYCLES = {"V": 0, "W": 2}


class BlackBoxMG(NativePreconditioner):
    """A cycle of Black-Box multigrid as a preconditioner; made by `black_box_mg`.

    Attributes
    ----------
    grids : tuple of tuple of int
        Points per axis on each level, from fine to coarse.
    lines : tuple of tuple of int
        Axes along which lines are relaxed, per level; empty for points.
    cycle : str
        ``"V"`` or ``"W"``.
    is_spd : bool
        True: symmetric positive definite by construction.
    is_linear : bool
        True.
    nbytes : int
        Memory held.

    Raises
    ------
    TypeError, ValueError, LinAlgError
        See `black_box_mg`.

    Notes
    -----
    See `black_box_mg`, which takes the same arguments. An object may be used from several threads; they take turns.

    References
    ----------
    J. E. Dendy, "Black box multigrid", J. Comput. Phys. 48 (1982), 366-386.

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.solve import BlackBoxMG
    >>> from kriss.testing import poisson3d
    >>> A = poisson3d(12)
    >>> M = BlackBoxMG(A, (12, 12, 12))
    >>> error = np.ones(12**3) - M @ (A @ np.ones(12**3))
    >>> bool(error @ (A @ error) < 0.1 * A.sum())
    True
    """

    def __init__(
        self, A: object, shape: Sequence[int], *, lines: object = "auto", cycle: str = "W", workers: int | None = None
    ) -> None:
        self._shape = _grid(shape)
        self._axes = _axes(lines, len(self._shape))
        check.choice(cycle, "cycle", tuple(_CYCLES))
        self.cycle = cycle
        self._workers = check.workers(workers)
        matrix = check.csr(A, "A", square=True)
        n = math.prod(self._shape)
        if matrix.shape != (n, n):
            raise ValueError(f"shape {self._shape} has {n} points, but A has shape {matrix.shape}")
        self._set(matrix)
        LinearOperator.__init__(self, matrix.data.dtype, matrix.shape)

    def _set(self, matrix: check.Csr) -> None:
        matrix, shift = scaled(matrix)
        module = kernels("solve_multigrid")
        native = module.BlackBox() if matrix.data.dtype == np.float64 else module.BlackBoxF32()
        sides = (1,) * (3 - len(self._shape)) + self._shape
        stage, level, kind, row, column, index = native.setup(
            matrix.indptr, matrix.indices, matrix.data, *sides, self._axes, _CYCLES[self.cycle], self._workers
        )
        if stage == _MATRIX:
            raise ValueError(self._misfit(kind, row, column))
        if stage != _DONE:
            where = f"row {index}" if level == 0 and stage == _DIAGONAL else f"level {level}"
            what = {_DIAGONAL: "its diagonal entry is", _LINES: "a pivot of its lines is", _COARSEST: "its pivot is"}
            raise np.linalg.LinAlgError(f"A is not positive definite: {what[stage]} not positive in {where}")
        self._native, self._kernels, self._shift = native, module, shift
        drop = 3 - len(self._shape)
        grids = native.grids()
        self.grids = tuple(tuple(g[drop:]) for g, _ in grids)
        self.lines = tuple(tuple(k - drop for k in range(3) if mask >> k & 1) for _, mask in grids)

    def _misfit(self, kind: int, row: int, column: int) -> str:
        if kind == _OUTSIDE:
            here, there = (tuple(map(int, np.unravel_index(k, self._shape))) for k in (row, column))
            return (
                f"A couples row {row} at {here} with column {column} at {there}, expected neighbours on the grid "
                f"{self._shape} only"
            )
        if row < 0:
            return "A is not symmetric: an entry above the diagonal has none below it"
        return f"A is not symmetric: entry ({row}, {column}) differs from entry ({column}, {row})"

    @property
    def nbytes(self) -> int:
        """Memory held, in bytes."""
        return int(self._native.nbytes)

    def update(self, A: object) -> None:
        """Set up again for a new A on the same grid, with the options given before."""
        self._set(self._another(A))


def black_box_mg(
    A: object, shape: Sequence[int], *, lines: object = "auto", cycle: str = "W", workers: int | None = None
) -> BlackBoxMG:
    """Black-Box multigrid for a symmetric positive definite stencil on a grid, as a preconditioner.

    Parameters
    ----------
    A : sparse matrix or array, shape (n, n)
        Real, symmetric positive definite; each row couples a point of the grid with neighbours only, diagonal ones
        included: at most 3, 9 or 27 entries. Unknowns are in row-major order: in two dimensions point (i, j) is row
        ``i * shape[1] + j``. It is copied.
    shape : sequence of int
        Points per axis; one, two or three axes.
    lines : {"auto", None} or sequence of int
        Axes along which whole lines are relaxed, which strong coupling along a grid axis needs. ``"auto"`` looks for
        it on every level: at least 4 times the weakest axis in more than 1/32 of the blocks of 16 points a side. None
        relaxes points.
    cycle : {"W", "V"}
        The W cycle corrects from the second and third grid twice: a tenth dearer, up to three iterations fewer.
    workers : int, optional
        Threads; `kriss.get_num_threads` by default. The result does not depend on it.

    Returns
    -------
    BlackBoxMG
        A symmetric positive definite linear operator, the inverse of A approximately: pass it as `M` to
        `kriss.solve.cg`, where it runs in compiled code. ``update(A)`` takes another matrix on the same grid.

    Raises
    ------
    TypeError, ValueError
        If A is not a real sparse matrix, not symmetric, or couples points that are not neighbours (they are named).
    LinAlgError
        If a diagonal entry or a pivot is not positive; singular matrices (pure Neumann problems) too.

    Notes
    -----
    Interpolation follows the coefficients (Dendy's formulas), coarse operators are Galerkin products computed stencil
    by stencil, smoothing is coloured Gauss-Seidel with the colours reversed after the correction, grids of at most 64
    points are solved by Cholesky factorisation. The iteration count does not grow with the grid; it does with
    anisotropy that is not aligned with the grid axes. In three dimensions, strong coupling in planes is relaxed by
    alternating lines, which is weaker than relaxing the planes.

    Setup takes about as long as 10 to 20 products with A, a cycle as long as 5 to 6. Memory: about 10 n numbers in two
    dimensions and 13 n in three, plus 2 n for each axis of lines.

    References
    ----------
    J. E. Dendy, "Black box multigrid", J. Comput. Phys. 48 (1982), 366-386.
    J. E. Dendy, "Two multigrid methods for three-dimensional problems with discontinuous and anisotropic
    coefficients", SIAM J. Sci. Stat. Comput. 8 (1987), 673-685.

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.solve import black_box_mg, cg
    >>> from kriss.testing import diffusion2d
    >>> A = diffusion2d(100, contrast=1e4)
    >>> M = black_box_mg(A, (100, 100))
    >>> result = cg(A, np.ones(10000), rtol=1e-8, M=M)
    >>> result.status, result.iterations < 15
    ('converged', True)
    >>> M.grids
    ((100, 100), (50, 50), (25, 25), (12, 12), (6, 6))
    """
    return BlackBoxMG(A, shape, lines=lines, cycle=cycle, workers=workers)


def _grid(shape: Any) -> tuple[int, ...]:
    try:
        sides = tuple(operator.index(n) for n in shape)
    except TypeError:
        raise TypeError(f"shape must be a sequence of integers, not {shape!r}") from None
    if not 1 <= len(sides) <= 3:
        raise ValueError(f"shape has {len(sides)} axes, expected 1, 2 or 3")
    if min(sides) < 1:
        raise ValueError(f"shape is {sides}, expected positive numbers of points")
    return sides


def _axes(lines: Any, dim: int) -> int:
    """Bit mask over three axes, -1 for an automatic choice."""
    if lines is None:
        return 0
    if isinstance(lines, str):
        check.choice(lines, "lines", ("auto",))
        return -1
    try:
        axes = [operator.index(k) for k in lines]
    except TypeError:
        raise TypeError(f"lines must be 'auto', None or a sequence of axes, not {lines!r}") from None
    mask = 0
    for axis in axes:
        if not -dim <= axis < dim:
            raise ValueError(f"lines holds axis {axis}, expected {-dim} to {dim - 1}")
        mask |= 1 << (axis % dim + 3 - dim)
    return mask
