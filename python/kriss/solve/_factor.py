"""Incomplete factorisations without fill: IC(0), modified IC(0), ILU(0)."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sps
from scipy.sparse.linalg import LinearOperator

from kriss import _validate as check
from kriss._backend import backend, kernels
from kriss.solve._pair import FAMILY, Parts, TrianglePair, pair, triangles
from kriss.solve._precond import Sweeps, _copied, _diagonal
from kriss.solve._triangular import split

# A pivot must exceed this fraction of the diagonal entry of A (of the largest entry of its row for ILU).
PIVOT_TAU = 1e-3
ILU_TAU = 1e-12
FIRST_SHIFT = 1e-3
MOST_SHIFTS = 60


class MIC(Sweeps):
    """Modified incomplete Cholesky factorisation without fill, MIC(0), with relaxation.

    ``M = U'U`` has the pattern of A. Fill outside it is dropped, and `relax` times it is taken off the two diagonal
    entries concerned; with ``relax=1`` and no shift the row sums of M and A agree. On second-order elliptic problems
    the condition number then grows like 1/h instead of 1/h**2.

    Parameters
    ----------
    A : sparse matrix or array, shape (n, n)
        Real and symmetric (only its upper triangle is trusted where they differ), with positive diagonal. It is
        copied: changes of A later have no effect until `update`.
    relax : float, default 0.99
        0 is IC(0), 1 is full modification; 0.99 is safer than 1 in three dimensions and with high contrast.
    shift : float, default 0.0
        The factorisation is that of A with its diagonal enlarged by ``1 + shift``. If a pivot fails it is raised to
        1e-3 or twice its value until all pivots are sound; pivots are never clamped.

    Attributes
    ----------
    relax : float
        The relaxation.
    shift : float
        The shift that was needed.
    triangles : bool
        Whether the graph of A has triangles. Without them ``M = (E + L) E^-1 (E + L')`` with L the lower triangle of A
        itself, E is all that is stored, and `kriss.solve.cg` uses Eisenstat's form.
    is_spd, is_linear : bool
        True.
    nbytes : int
        Memory held, the copy of A included.

    Raises
    ------
    TypeError, ValueError
        If A is not a real square sparse matrix, or a diagonal entry is missing, not positive or not finite (the row
        is named).
    numpy.linalg.LinAlgError
        If no shift up to 1e15 makes the pivots sound.

    Notes
    -----
    Set-up: 5 nnz flops without triangles, else of the order of the squared row lengths. On a five- or seven-point
    stencil in natural order the pivots are computed eight grid lines at a time on all threads, straight into the
    storage of Eisenstat's form: 12 nnz + 140 n bytes. Application: 2 nnz + 4 n flops.
    Do not scale A symmetrically beforehand: the modification keeps row sums, and those of the scaled matrix mean
    nothing.

    References
    ----------
    I. Gustafsson, "A class of first order factorization methods", BIT 18 (1978), section 2.
    O. Axelsson, G. Lindskog, "On the eigenvalue distribution of a class of preconditioning methods", Numer. Math. 48
    (1986), section 2.
    T. A. Manteuffel, "An incomplete factorization technique for positive definite linear systems", Math. Comp. 34
    (1980), section 4.

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.solve import MIC, cg
    >>> from kriss.testing import poisson2d
    >>> A = poisson2d(40)
    >>> result = cg(A, np.ones(1600), rtol=1e-8, M=MIC(A))
    >>> result.params["form"]
    'eisenstat'
    >>> result.iterations < cg(A, np.ones(1600), rtol=1e-8, M="ssor").iterations
    True
    """

    _default_relax = 0.99

    def __init__(self, A: object, relax: float = 0.99, shift: float = 0.0) -> None:
        self.relax = check.scalar(relax, "relax", low=0.0)
        if not self.relax <= 1.0:
            raise ValueError(f"relax must be at most 1, not {self.relax}")
        self._asked = check.scalar(shift, "shift", low=0.0)
        matrix = _copied(check.csr(A, "A", square=True))
        self._set(matrix)
        super().__init__(matrix.data.dtype, matrix.shape)

    @classmethod
    def _over(cls, matrix: check.Csr) -> Any:
        """With the default relaxation, over checked arrays that nobody changes while it lives."""
        made: Any = cls.__new__(cls)
        made.relax, made._asked = cls._default_relax, 0.0
        made._set(matrix)
        LinearOperator.__init__(made, matrix.data.dtype, matrix.shape)
        return made

    def _set(self, matrix: check.Csr) -> None:
        plan = kernels("solve_factor").mic_plan(
            matrix.indptr, matrix.indices, matrix.data, self.relax, self._asked, PIVOT_TAU, 0
        )
        where = None
        if plan is None:  # no stencil on a grid, or a pivot that is not sound
            where, inverse = _diagonal(matrix, "A")
            if not (inverse > 0).all():
                row = int(np.argmin(inverse > 0))
                raise ValueError(
                    f"A cannot be used: its diagonal entry in row {row} is {matrix.data[where[row]]}, expected a "
                    "positive number"
                )
        for name in ("pivots", "inverse", "_where"):
            self.__dict__.pop(name, None)
        self._plan = None
        self._grid: Any = plan
        self._matrix = matrix
        self._factors: Parts | None = None
        self._object: tuple[Any, Any] | None = None
        self.omega = 1.0
        self.is_spd = True
        if plan is not None:
            self.triangles, self.shift = False, self._asked
            self._plan = (f"{backend()} {matrix.indices.dtype}", plan)
            return
        assert where is not None
        self._where = where
        self.triangles = kernels("solve_factor").first_triangle(matrix.indptr, matrix.indices, matrix.data) >= 0
        if self.triangles:
            self._factor(matrix)
        else:
            self._pivots(matrix)

    def _shifts(self, attempt: Any) -> None:
        """Run attempt(shift) with growing shifts until it reports no failing row."""
        self.shift = self._asked
        for _ in range(MOST_SHIFTS):
            row = attempt(self.shift)
            if row < 0:
                return
            self.shift = max(FIRST_SHIFT, 2.0 * self.shift)
        raise np.linalg.LinAlgError(
            f"the pivot of row {row} stays unsound with the diagonal enlarged {self.shift} times"
        )

    def _pivots(self, matrix: check.Csr) -> None:
        ks = kernels("solve_factor")
        self.pivots = np.empty(matrix.shape[0], matrix.data.dtype)
        self._shifts(
            lambda shift: ks.mic_diagonal(
                matrix.indptr, matrix.indices, matrix.data, self.relax, shift, PIVOT_TAU, self.pivots
            )
        )

    def _factor(self, matrix: check.Csr) -> None:
        ks = kernels("solve_factor")
        n, itype = matrix.shape[0], matrix.indices.dtype
        _, diagonal, upper = split(matrix.indptr, matrix.indices, matrix.data)
        # U by rows, each with its diagonal entry first
        indptr = upper[0] + np.arange(n + 1, dtype=itype)
        indices = np.insert(upper[1], upper[0][:-1], np.arange(n, dtype=itype))
        original = np.insert(upper[2], upper[0][:-1], diagonal)
        data = np.empty_like(original)

        def attempt(shift: float) -> int:
            data[:] = original
            return int(ks.mic_factor(indptr, indices, data, self.relax, shift, PIVOT_TAU, 0))

        self._shifts(attempt)
        inverse = 1.0 / data[indptr[:-1]]
        strict = np.ones(data.size, bool)
        strict[indptr[:-1]] = False
        transposed = sps.csc_array((data[strict], indices[strict], upper[0]), shape=(n, n)).tocsr()
        lower = (transposed.indptr.astype(itype), transposed.indices.astype(itype), transposed.data)
        self._factors = (lower, inverse, (upper[0], indices[strict], data[strict]), inverse)
        self.inverse = inverse

    # Made when they are asked for: on a grid the strips of Eisenstat's form hold the pivots.
    @functools.cached_property
    def pivots(self) -> npt.NDArray[Any]:
        """The diagonal E, where the graph has no triangles."""
        out = np.empty(self._matrix.shape[0], self._matrix.data.dtype)
        self._grid.pivots(out)
        return out

    @functools.cached_property
    def inverse(self) -> npt.NDArray[Any]:  # type: ignore[override]
        """Its inverse (that of the diagonal of U, where the graph has triangles)."""
        with np.errstate(all="ignore"):
            return np.asarray(1.0 / self.pivots)

    @functools.cached_property
    def _where(self) -> npt.NDArray[Any]:  # type: ignore[override]
        return _diagonal(self._matrix, "A")[0]

    @property
    def swept(self) -> bool:
        """Whether M has the form of `Sweeps`."""
        return not self.triangles

    def _pivot(self) -> npt.NDArray[Any]:
        return self.pivots

    def __getstate__(self) -> dict[str, Any]:
        """Everything but what only this process can use."""
        if self._grid is not None:
            _ = self.pivots
        return {**super().__getstate__(), "_grid": None, "_object": None}

    @property
    def nbytes(self) -> int:
        """Memory held, the copy of A included, in bytes."""
        held = super().nbytes
        if self._factors is None:
            return held + int(self.pivots.nbytes)
        return held + sum(v.nbytes for v in (*self._factors[0], *self._factors[2]))

    def _compiled(self) -> tuple[Any, Any] | None:
        """(object, its module of kernels) that applies this in compiled loops, where the graph has triangles."""
        if self._factors is None:
            return None
        module = kernels(FAMILY)
        if self._object is None or self._object[1] is not module:
            self._object = (pair(*self._factors), module)
        return self._object

    def apply(self, r: npt.NDArray[Any], out: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """``out = M^-1 r``; returns `out`. Both are contiguous (n,) arrays of this operator's dtype."""
        held = self._compiled()
        if held is None:
            return super().apply(r, out)
        self._out(r, out)
        held[0].apply(r, out, 1.0, 0)
        return out

    def _device_triangles(self) -> Any:
        if self._factors is None:
            return super()._device_triangles()
        return triangles(self._factors, 0)


class IC0(MIC):
    """Incomplete Cholesky factorisation without fill, IC(0): `MIC` with ``relax=0``.

    Parameters
    ----------
    A : sparse matrix or array, shape (n, n)
        Real and symmetric, with positive diagonal. It is copied.
    shift : float, default 0.0
        As for `MIC`.

    Attributes
    ----------
    shift : float
        The shift that was needed; 0 for an M-matrix.
    triangles, is_spd, is_linear, nbytes
        As for `MIC`.

    Raises
    ------
    TypeError, ValueError, numpy.linalg.LinAlgError
        As for `MIC`.

    Notes
    -----
    Cost as for `MIC`, which needs fewer iterations on most diffusion problems; IC(0) is the safer one where A is far
    from an M-matrix, or its unknowns are coloured.

    References
    ----------
    J. A. Meijerink, H. A. van der Vorst, "An iterative solution method for linear systems of which the coefficient
    matrix is a symmetric M-matrix", Math. Comp. 31 (1977), section 2.

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.solve import IC0, cg
    >>> from kriss.testing import poisson2d
    >>> A = poisson2d(20)
    >>> M = IC0(A)
    >>> M.shift
    0.0
    >>> cg(A, np.ones(400), M=M).status
    'converged'
    """

    _default_relax = 0.0

    def __init__(self, A: object, shift: float = 0.0) -> None:
        super().__init__(A, 0.0, shift)


class ILU0(TrianglePair):
    """Incomplete LU factorisation without fill, ILU(0), for matrices that need not be symmetric.

    Parameters
    ----------
    A : sparse matrix or array, shape (n, n)
        Real; every diagonal entry must be stored and nonzero. It is copied.
    shift : float, default 0.0
        The factorisation is that of A with its diagonal enlarged by ``1 + shift``. If a pivot fails it is raised to
        1e-3 or twice its value until all pivots are sound; pivots are never clamped.

    Attributes
    ----------
    shift : float
        The shift that was needed.
    is_spd : bool
        False.
    is_linear : bool
        True.
    nbytes : int
        Memory held.

    Raises
    ------
    TypeError, ValueError
        If A is not a real square sparse matrix, or a diagonal entry is missing, zero or not finite (the row is named).
    numpy.linalg.LinAlgError
        If no shift up to 1e15 makes the pivots sound.

    Notes
    -----
    Set-up: about 2 nnz**2 / n flops. Application: 2 nnz flops in two triangular solves.

    References
    ----------
    Y. Saad, "Iterative Methods for Sparse Linear Systems", 2nd ed., SIAM 2003, algorithm 10.4.

    Examples
    --------
    >>> import numpy as np
    >>> import scipy.sparse as sps
    >>> from scipy.sparse.linalg import gmres
    >>> from kriss.solve import ILU0
    >>> A = sps.diags_array([-2.0, 4.0, -1.0], offsets=[-1, 0, 1], shape=(50, 50)).tocsr()
    >>> x, info = gmres(A, np.ones(50), M=ILU0(A), maxiter=1, restart=3)
    >>> info
    0
    """

    is_spd = False

    def __init__(self, A: object, shift: float = 0.0) -> None:
        self._asked = check.scalar(shift, "shift", low=0.0)
        matrix = check.csr(A, "A", square=True)
        self._set(matrix)
        super().__init__(matrix.data.dtype, matrix.shape)

    @property
    def nbytes(self) -> int:
        """Memory held, in bytes."""
        return super().nbytes

    def _set(self, matrix: check.Csr) -> None:
        ks = kernels("solve_factor")
        where, _ = _diagonal(matrix, "A")
        self._remember(matrix)
        self.shift = self._asked
        for _ in range(MOST_SHIFTS):
            data = matrix.data.copy()
            data[where] *= 1.0 + self.shift
            row = ks.ilu0_factor(matrix.indptr, matrix.indices, data, where, ILU_TAU, 0)
            if row < 0:
                break
            self.shift = max(FIRST_SHIFT, 2.0 * self.shift)
        else:
            raise np.linalg.LinAlgError(
                f"the pivot of row {row} stays unsound with the diagonal shifted {self.shift} times"
            )
        lower, diagonal, upper = split(matrix.indptr, matrix.indices, data)
        self._hold(lower, np.empty(0, data.dtype), upper, 1.0 / diagonal)
