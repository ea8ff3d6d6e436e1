"""The additive two-level preconditioner."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.linalg
import scipy.sparse as sps
from scipy.sparse.linalg import LinearOperator

from kriss import _validate as check
from kriss._backend import kernels
from kriss.solve._native import NativePreconditioner, scaled
from kriss.solve._order import rcm_order

_SMOOTHERS = {"jacobi": (4, 1, 1.0), "ssor": (3, 1, 1.0)}
_ADDITIVE = 3
_MOST_PARTS = 3000


class AdditiveTwoLevel(NativePreconditioner):
    """Local smoothing plus a coarse correction from piecewise constant vectors, for symmetric positive definite A.

    It applies ``S + P (P'AP)^-1 P'``: S is the inverse of the diagonal, or a symmetric Gauss-Seidel sweep; the columns
    of P are the indicators of the parts.

    Parameters
    ----------
    A : sparse matrix or array, shape (n, n)
        Real, symmetric positive definite (not checked but for its diagonal and the coarse matrix). It is copied.
    parts : int or array_like of int, shape (n,)
        Number of parts, at most 3000 and n: by recursive bisection of the reverse Cuthill-McKee order; or the part
        of each unknown, numbered 0, 1, ... without gaps.
    smoother : {"jacobi", "ssor"}
        S.
    workers : int, optional
        Threads; `kriss.get_num_threads` by default. The result does not depend on it.

    Attributes
    ----------
    parts : ndarray of int, shape (n,)
        The part of each unknown.
    is_spd : bool
        True.
    is_linear : bool
        True.
    nbytes : int
        Memory held.

    Raises
    ------
    TypeError, ValueError
        If A is not a real square sparse matrix, a diagonal entry is missing, zero or not finite (it names the row),
        or parts are out of range or have gaps.
    LinAlgError
        If the coarse matrix is not positive definite.

    Notes
    -----
    The coarse correction takes out the error components of long range, whose number Jacobi and SSOR leave to the Krylov
    iteration; the two parts do not wait for each other. Per application: 2 nnz(A) flops with ``"ssor"``, n with
    ``"jacobi"``, and 2 n + 2 k**2 for k parts. Setup: k**3 / 3 flops. Memory: A, 20 n and 8 k**2 bytes.

    References
    ----------
    R. A. Nicolaides, "Deflation of conjugate gradients with applications to boundary value problems", SIAM J. Numer.
    Anal. 24 (1987), section 3.
    B. F. Smith, P. E. Bjorstad, W. D. Gropp, "Domain Decomposition", Cambridge 1996, section 2.1.

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.solve import AdditiveTwoLevel, cg
    >>> from kriss.testing import poisson2d
    >>> A = poisson2d(60)
    >>> plain = cg(A, np.ones(3600), rtol=1e-8, M="jacobi")
    >>> better = cg(A, np.ones(3600), rtol=1e-8, M=AdditiveTwoLevel(A, 100))
    >>> better.iterations < plain.iterations
    True
    """

    def __init__(
        self, A: object, parts: int | npt.ArrayLike = 64, *, smoother: str = "jacobi", workers: int | None = None
    ) -> None:
        check.choice(smoother, "smoother", tuple(_SMOOTHERS))
        self._smoother = _SMOOTHERS[smoother]
        self._workers = check.workers(workers)
        matrix = check.csr(A, "A", square=True)
        self.parts = _labels(parts, matrix)
        self._set(matrix)
        LinearOperator.__init__(self, matrix.data.dtype, matrix.shape)

    def _set(self, matrix: check.Csr) -> None:
        matrix, shift = scaled(matrix)
        n, dtype = matrix.shape[0], matrix.data.dtype
        if matrix.data.size >= 2**31:
            raise ValueError(f"A has {matrix.data.size} entries, expected fewer than 2**31")
        k = int(self.parts.max(initial=-1)) + 1
        A = sps.csr_array((matrix.data, matrix.indices, matrix.indptr), shape=matrix.shape)
        P = sps.csr_array((np.ones(n, dtype), self.parts, np.arange(n + 1, dtype=np.int32)), shape=(n, k))
        R = P.T.tocsr()
        coarse = (R @ (A @ P)).toarray().astype(np.float64)
        module = kernels("solve_multigrid")
        native = module.Amg() if dtype == np.float64 else module.AmgF32()
        row = native.add(*_arrays(A), *_arrays(P), *_arrays(R), *self._smoother, 0, 0, 0.0)
        if row >= 0:
            raise ValueError(f"A cannot be used: its diagonal entry in row {row} is missing, zero or not finite")
        native.add(*_arrays(sps.csr_array(coarse.astype(dtype))), *(_arrays(None, dtype) * 2), 0, 0, 0.0, 0, 0, 0.0)
        try:
            factor = scipy.linalg.cho_factor(coarse, lower=True) if k else None
        except np.linalg.LinAlgError as error:
            raise np.linalg.LinAlgError(f"the coarse matrix P'AP is not positive definite: {error}") from None
        inverse = scipy.linalg.cho_solve(factor, np.eye(k)) if k else np.empty((0, 0))
        native.finish(np.ascontiguousarray((inverse + inverse.T) / 2, dtype), _ADDITIVE)
        self._native, self._kernels, self._shift = native, module, shift

    @property
    def nbytes(self) -> int:
        """Memory held, in bytes."""
        return int(self._native.nbytes + self.parts.nbytes)

    def update(self, A: object) -> None:
        """Set up again for a new A of the same shape, with the same parts."""
        self._set(self._another(A))


def _arrays(matrix: Any, dtype: Any = None) -> tuple[Any, Any, Any]:
    if matrix is None:
        return np.empty(0, np.int32), np.empty(0, np.int32), np.empty(0, dtype)
    return matrix.indptr.astype(np.int32), matrix.indices.astype(np.int32), matrix.data


def _labels(parts: Any, matrix: check.Csr) -> npt.NDArray[np.int32]:
    n = matrix.shape[0]
    given = np.asarray(parts)
    if given.ndim == 0:
        k = check.integer(parts, "parts", low=1, high=_MOST_PARTS)
        graph = sps.csr_array((matrix.data, matrix.indices, matrix.indptr), shape=matrix.shape)
        labels = np.zeros(n, np.int32)
        _bisect(graph, np.arange(n), min(k, max(n, 1)), 0, labels)
        return labels
    if given.dtype.kind not in "iu":
        raise TypeError(f"parts has dtype {given.dtype}, expected integers")
    if given.shape != (n,):
        raise ValueError(f"parts has shape {given.shape}, expected ({n},)")
    found = np.unique(given)
    if found.size and (found[0] != 0 or found[-1] != found.size - 1):
        raise ValueError(
            f"parts holds {found.size} numbers from {found[0]} to {found[-1]}, expected 0, 1, ... gaplessly"
        )
    if found.size > _MOST_PARTS:
        raise ValueError(f"parts holds {found.size} parts, expected at most {_MOST_PARTS}")
    return given.astype(np.int32)


def _bisect(graph: Any, mine: npt.NDArray[Any], k: int, first: int, labels: npt.NDArray[np.int32]) -> None:
    """Number the unknowns `mine` of `graph` by k parts from `first` on."""
    if k == 1:
        labels[mine] = first
        return
    order = rcm_order(graph)
    cut = mine.size * (k // 2) // k
    for half, many, start in ((order[:cut], k // 2, first), (order[cut:], k - k // 2, first + k // 2)):
        half = np.sort(half)
        _bisect(graph[half][:, half], mine[half], many, start, labels)
