"""Preconditioners: SciPy linear operators that apply an approximation of the inverse of A."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from scipy.sparse.linalg import LinearOperator

from kriss import _validate as check
from kriss._backend import backend, kernels
from kriss.solve._triangular import Triangle, split

if TYPE_CHECKING:
    from kriss.solve._cuda_precond import CudaTriangles


def _diagonal(matrix: check.Csr, name: str) -> tuple[check.IntArray, check.FloatArray]:
    n = matrix.shape[0]
    where = np.empty(n, matrix.indices.dtype)
    inverse = np.empty(n, matrix.data.dtype)
    row = kernels("solve").csr_diagonal(matrix.indptr, matrix.indices, matrix.data, where, inverse)
    if row >= 0:
        span = slice(matrix.indptr[row], matrix.indptr[row + 1])
        found = matrix.data[span][matrix.indices[span] == row]
        what = f"is {found[0]}" if found.size else "is not stored"
        raise ValueError(f"{name} cannot be used: its diagonal entry in row {row} {what}, expected a nonzero number")
    return where, inverse


def _copied(matrix: check.Csr) -> check.Csr:
    return matrix._replace(indptr=matrix.indptr.copy(), indices=matrix.indices.copy(), data=matrix.data.copy())


def same_pattern(matrix: check.Csr, indptr: npt.NDArray[Any], indices: npt.NDArray[Any]) -> None:
    """Refuse a matrix whose entries lie elsewhere than these, naming the first row."""
    rows = indptr.size - 1
    if matrix.shape[0] != rows:
        raise ValueError(f"A has shape {matrix.shape}, expected {(rows, rows)}")
    if np.array_equal(matrix.indptr, indptr) and np.array_equal(matrix.indices, indices):
        return
    row = 0
    while row < rows and np.array_equal(
        matrix.indices[matrix.indptr[row] : matrix.indptr[row + 1]], indices[indptr[row] : indptr[row + 1]]
    ):
        row += 1
    raise ValueError(
        f"A has another pattern in row {row} than the matrix this was built from: update takes new values only"
    )


class _Preconditioner(LinearOperator):  # type: ignore[misc]
    """What built-in preconditioners share: SciPy's operator interface over ``apply``."""

    is_linear = True
    _matrix: check.Csr

    def _matvec(self, x: npt.NDArray[Any]) -> npt.NDArray[Any]:
        r = np.require(np.ravel(x), self.dtype, ["C", "A"])
        return self.apply(r, np.empty(self.shape[0], self.dtype))

    def _adjoint(self) -> LinearOperator:
        if not self.is_linear:
            raise NotImplementedError(f"{type(self).__name__} is not a symmetric linear map: it has no transpose")
        return self

    def _transpose(self) -> LinearOperator:
        # SciPy's own is a wrapper without the members of a preconditioner
        return self._adjoint() if np.dtype(self.dtype).kind != "c" else super()._transpose()

    def apply(self, r: npt.NDArray[Any], out: npt.NDArray[Any]) -> npt.NDArray[Any]:
        raise NotImplementedError

    def apply_multi(self, R: npt.NDArray[Any], out: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """``out = M^-1 R`` column by column; returns `out`. Both are (n, k) arrays of this operator's dtype."""
        n = self.shape[0]
        for name, value in (("R", R), ("out", out)):
            good = isinstance(value, np.ndarray) and value.ndim == 2 and value.shape[0] == n
            if not good or value.dtype != self.dtype or value.shape != R.shape:
                found = getattr(value, "shape", type(value).__name__)
                raise ValueError(f"{name} is {found}, expected a {self.dtype} array of shape ({n}, k)")
        if not out.flags.writeable:
            raise ValueError("out is read-only")
        if np.may_share_memory(R, out):
            raise ValueError("out must not overlap R")
        self._multi(R, out)
        return out

    def _multi(self, R: npt.NDArray[Any], out: npt.NDArray[Any]) -> None:
        column = np.empty(self.shape[0], self.dtype)
        for k in range(R.shape[1]):
            out[:, k] = self.apply(np.require(R[:, k], requirements=["C", "A"]), column)

    def _matmat(self, X: npt.NDArray[Any]) -> npt.NDArray[Any]:
        R = np.require(X, self.dtype, ["C", "A"])
        return self.apply_multi(R, np.empty_like(R))

    def _another(self, A: object) -> check.Csr:
        """A checked matrix of this operator's shape, for `update`."""
        matrix = check.csr(A, "A", square=True, dtype=self.dtype)
        if matrix.shape != self.shape:
            raise ValueError(f"A has shape {matrix.shape}, expected {self.shape}")
        return matrix

    def _device_triangles(self) -> Any:
        """[(Triangle, factors of its right-hand side or None)], one solve after another."""
        raise TypeError(f"{type(self).__name__} is not made of triangles and cannot be moved to a GPU")

    def to_device(self) -> CudaTriangles:
        """Upload this preconditioner to the current GPU: a `kriss.solve.CudaTriangles`, solved level by level."""
        from kriss.solve._cuda_upload import upload

        return upload(self._device_triangles(), self.shape[0], self.dtype, bool(getattr(self, "is_spd", False)))

    def _out(self, r: npt.NDArray[Any], out: npt.NDArray[Any]) -> None:
        for name, value in (("r", r), ("out", out)):
            if not isinstance(value, np.ndarray) or value.shape != (self.shape[0],) or value.dtype != self.dtype:
                found = getattr(value, "shape", type(value).__name__)
                raise ValueError(f"{name} is {found}, expected a {self.dtype} array of shape {(self.shape[0],)}")
            if not value.flags.c_contiguous or not value.flags.aligned:
                raise ValueError(f"{name} must be contiguous and aligned")
        if not out.flags.writeable:
            raise ValueError("out is read-only")
        if np.may_share_memory(r, out):
            raise ValueError("out must not overlap r")


class Jacobi(_Preconditioner):
    """Diagonal preconditioner, ``z = D^-1 r`` with D the diagonal of A.

    Parameters
    ----------
    A : sparse matrix or array, shape (n, n)
        Real; every diagonal entry must be stored and nonzero.

    Attributes
    ----------
    inverse : ndarray, shape (n,)
        The inverse diagonal.
    is_spd : bool
        Whether every diagonal entry is positive.
    is_linear : bool
        True.
    nbytes : int
        Memory held.

    Raises
    ------
    TypeError, ValueError
        If A is not a real square sparse matrix, or a diagonal entry is missing, zero or not finite (it names the
        row).

    Notes
    -----
    Applying it costs n flops; inside `kriss.solve.cg` it is part of the vector passes and costs only the reading of
    the diagonal, and nothing where that is constant and positive: there it changes no iterate and is left out. 8 n
    bytes in float64.

    References
    ----------
    Y. Saad, "Iterative Methods for Sparse Linear Systems", 2nd ed., SIAM 2003, section 10.2.

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.solve import Jacobi
    >>> from kriss.testing import poisson2d
    >>> M = Jacobi(poisson2d(3))
    >>> M.apply(np.ones(9), np.empty(9))[:2]
    array([0.25, 0.25])
    """

    def __init__(self, A: object) -> None:
        self._set(check.csr(A, "A", square=True))
        super().__init__(self.inverse.dtype, (self.inverse.size, self.inverse.size))

    @classmethod
    def _over(cls, matrix: check.Csr) -> Jacobi:
        """Of a checked matrix."""
        made: Jacobi = cls.__new__(cls)
        made._set(matrix)
        LinearOperator.__init__(made, matrix.data.dtype, matrix.shape)
        return made

    def _renew(self, matrix: check.Csr) -> None:
        """`_set` where the pattern is known to be that of before."""
        self._set(matrix)

    def _set(self, matrix: check.Csr) -> None:
        self.inverse = _diagonal(matrix, "A")[1]
        self.is_spd = bool((self.inverse > 0).all())

    @property
    def nbytes(self) -> int:
        """Memory held, in bytes."""
        return int(self.inverse.nbytes)

    def update(self, A: object) -> None:
        """Take over the diagonal of a new A of the same shape."""
        self._set(self._another(A))

    def apply(self, r: npt.NDArray[Any], out: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """``out = D^-1 r``; returns `out`. Both are contiguous (n,) arrays of this operator's dtype."""
        self._out(r, out)
        np.multiply(self.inverse, r, out=out)
        return out

    def _multi(self, R: npt.NDArray[Any], out: npt.NDArray[Any]) -> None:
        np.multiply(self.inverse[:, None], R, out=out)


class Sweeps(_Preconditioner):
    """``M = (E + L) E^-1 (E + L') / (2 - omega)`` over the rows of a symmetric A = L + D + L', E a diagonal.

    A forward and a backward sweep apply its inverse. `inverse` is that of ``omega E``.
    """

    omega: float
    inverse: npt.NDArray[Any]
    _where: npt.NDArray[Any]
    _plan: tuple[str, Any] | None

    @property
    def swept(self) -> bool:
        """Whether this is a preconditioner of that form."""
        return True

    def _pivot(self) -> npt.NDArray[Any]:
        """E, where `swept`."""
        raise NotImplementedError

    def ready(self, matrix: check.Csr) -> bool:
        """Whether the storage for Eisenstat's form with index arrays like those of `matrix` exists."""
        return self._plan is not None and self._plan[0] == f"{backend()} {matrix.indices.dtype}"

    def _set(self, matrix: check.Csr) -> None:
        raise NotImplementedError

    def _renew(self, matrix: check.Csr) -> None:
        """`_set` where the pattern is known to be that of before."""
        self._set(matrix)

    @property
    def nbytes(self) -> int:
        """Memory held, the copy of A included, in bytes."""
        m = self._matrix
        return int(self.inverse.nbytes + self._where.nbytes + m.indptr.nbytes + m.indices.nbytes + m.data.nbytes)

    def update(self, A: object) -> None:
        """Take over the entries of a new A with the same pattern; if they are unfit, nothing is changed."""
        matrix = _copied(check.csr(A, "A", square=True, dtype=self.dtype))
        same_pattern(matrix, self._matrix.indptr, self._matrix.indices)
        before = self.__dict__.copy()
        try:
            self._set(matrix)
        except BaseException:
            self.__dict__.clear()  # arrays made on demand may have been made for the new A
            self.__dict__.update(before)
            raise

    def apply(self, r: npt.NDArray[Any], out: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """``out = M^-1 r``; returns `out`. Both are contiguous (n,) arrays of this operator's dtype."""
        self._out(r, out)
        m = self._matrix
        kernels("solve").ssor_apply(m.indptr, m.indices, m.data, self._where, self.inverse, self.omega, r, out, 0)
        return out

    def _device_triangles(self) -> Any:
        m = self._matrix
        (lp, li, ld), _, (up, ui, ud) = split(m.indptr, m.indices, m.data)
        scaled = np.asarray(self.omega * self.inverse, self.dtype)
        factor = np.asarray((2.0 - self.omega) / scaled, self.dtype)
        return [(Triangle(lp, li, ld, scaled, True), None), (Triangle(up, ui, ud, scaled, False), factor)]

    def __getstate__(self) -> dict[str, Any]:
        """Everything but the storage made for Eisenstat's form, which is made anew."""
        return {**self.__dict__, "_plan": None}

    def eisenstat(self, matrix: check.Csr, shift: int, workers: int) -> Any:
        """The storage for Eisenstat's form of conjugate gradients, or None where that form does not apply.

        It does if this preconditioner was built from the matrix to be solved with. `matrix` is that matrix times
        ``2**shift``.
        """
        mine = self._matrix
        if not self.swept or not self.is_spd or mine.data.dtype != matrix.data.dtype:
            return None
        if mine is not matrix:
            data = np.ldexp(mine.data, shift) if shift else mine.data
            pairs = ((mine.indptr, matrix.indptr), (mine.indices, matrix.indices), (data, matrix.data))
            if not all(np.array_equal(a, b) for a, b in pairs):
                return None
        if self._plan is not None and self.ready(matrix) and not shift:
            return self._plan[1]
        pivot = self._pivot()
        if shift:
            pivot = np.ldexp(pivot, shift)
        plan = kernels("solve_factor").eisenstat_plan(matrix.indptr, matrix.indices, matrix.data, pivot, workers)
        if not shift:
            self._plan = (f"{backend()} {matrix.indices.dtype}", plan)
        return plan


class SSOR(Sweeps):
    """Symmetric successive over-relaxation as a preconditioner, in the natural ordering of the rows.

    With A = L + D + L' and E = D / omega, it applies the inverse of ``M = (E + L) E^-1 (E + L') / (2 - omega)``,
    which is symmetric positive definite whenever A is.

    Parameters
    ----------
    A : sparse matrix or array, shape (n, n)
        Real and symmetric; every diagonal entry must be stored and nonzero. It is copied: changes of A later have no
        effect until `update`.
    omega : float, default 1.0
        Relaxation, 0 < omega < 2. 1 is symmetric Gauss-Seidel. The best value for the five-point Laplacian on an
        N by N grid is near ``2 / (1 + sin(pi / (N + 1)))``; values from 1.5 to 1.9 suit most diffusion problems.

    Attributes
    ----------
    omega : float
        The relaxation.
    is_spd : bool
        Whether every diagonal entry is positive.
    is_linear : bool
        True.
    nbytes : int
        Memory held, the copy of A included.

    Raises
    ------
    TypeError, ValueError
        If A is not a real square sparse matrix, omega is out of range, or a diagonal entry is missing, zero or not
        finite (it names the row).

    Notes
    -----
    One application is a forward and a backward sweep: 2 nnz + 4 n flops, 12 nnz + 72 n bytes. A sweep is a
    recurrence over the rows and runs on one thread. `kriss.solve.cg` uses Eisenstat's form where this was built from
    the matrix it solves with: no product with A, about half the traffic, and several threads on grids.

    References
    ----------
    Y. Saad, "Iterative Methods for Sparse Linear Systems", 2nd ed., SIAM 2003, section 10.2.
    S. C. Eisenstat, "Efficient implementation of a class of preconditioned conjugate gradient methods", SIAM J. Sci.
    Stat. Comput. 2 (1981), section 3.
    O. Axelsson, "Iterative Solution Methods", Cambridge 1994, section 7.4.

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.solve import SSOR, cg
    >>> from kriss.testing import poisson2d
    >>> A = poisson2d(40)
    >>> plain = cg(A, np.ones(1600), rtol=1e-8)
    >>> better = cg(A, np.ones(1600), rtol=1e-8, M=SSOR(A, omega=1.7))
    >>> better.iterations < plain.iterations
    True
    """

    def __init__(self, A: object, omega: float = 1.0) -> None:
        self.omega = check.scalar(omega, "omega", low=0.0, strict=True)
        if not self.omega < 2.0:
            raise ValueError(f"omega must be below 2, not {self.omega}")
        matrix = _copied(check.csr(A, "A", square=True))
        self._set(matrix)
        super().__init__(matrix.data.dtype, matrix.shape)

    @classmethod
    def _over(cls, matrix: check.Csr) -> SSOR:
        """With omega = 1, over checked arrays that nobody changes while it lives."""
        made: SSOR = cls.__new__(cls)
        made.omega = 1.0
        made._set(matrix)
        LinearOperator.__init__(made, matrix.data.dtype, matrix.shape)
        return made

    def _set(self, matrix: check.Csr) -> None:
        self._plan = None
        self._where, self.inverse = _diagonal(matrix, "A")
        self._matrix = matrix
        self.is_spd = bool((self.inverse > 0).all())

    def _renew(self, matrix: check.Csr) -> None:
        with np.errstate(all="ignore"):
            inverse = 1.0 / matrix.data[self._where]
        if not inverse.min(initial=1.0) > 0.0 or not inverse.max(initial=1.0) < np.inf:
            self._set(matrix)  # which finds out what is wrong
            return
        self._plan, self.inverse, self._matrix, self.is_spd = None, inverse, matrix, True

    @property
    def nbytes(self) -> int:
        """Memory held, the copy of A included, in bytes."""
        return super().nbytes

    def _pivot(self) -> npt.NDArray[Any]:
        data = self._matrix.data
        return np.asarray(data[self._where] / data.dtype.type(self.omega))
