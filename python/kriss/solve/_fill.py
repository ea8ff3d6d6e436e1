"""Incomplete factorisations with fill: ICT and ILUT."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sps
from scipy.sparse.linalg import LinearOperator

from kriss import _validate as check
from kriss._backend import kernels
from kriss.solve._factor import FIRST_SHIFT, MOST_SHIFTS, PIVOT_TAU
from kriss.solve._native import scaled
from kriss.solve._pair import FAMILY, TrianglePair
from kriss.solve._precond import _diagonal

OK, NON_FINITE, SINGULAR, OUT_OF_RANGE = 0, 6, 9, 10
DROP_TOL, FILL = 1e-3, 10


class _Filled(TrianglePair):
    """Two triangles with fill."""

    drop_tol: float
    fill: int

    def _options(self, drop_tol: object, fill: object) -> None:
        self.drop_tol = check.scalar(drop_tol, "drop_tol", low=0.0)
        if not self.drop_tol <= 1.0:
            raise ValueError(f"drop_tol must be at most 1, not {self.drop_tol}")
        self.fill = check.integer(fill, "fill", low=0)

    @property
    def nnz(self) -> int:
        """How many entries the factors have, each diagonal once."""
        first, _, second, _ = self._parts
        return int(first[1].size + second[1].size + self.shape[0])

    @property
    def nbytes(self) -> int:
        """Memory held, in bytes."""
        return super().nbytes

    def _counted(self, status: int, matrix: check.Csr) -> None:
        if status == OUT_OF_RANGE:
            raise ValueError(
                f"the factors have more entries than {matrix.indices.dtype} indices can count: lower fill, raise "
                "drop_tol, or pass A with int64 indices"
            )


class ICT(_Filled):
    """Incomplete Cholesky factorisation with fill, limited by size and by number.

    ``M = U'U``: a row of U keeps the entries that are above `drop_tol` times the norm of its row of A, and of these the
    largest, at most `fill` more than A has there.

    Parameters
    ----------
    A : sparse matrix or array, shape (n, n)
        Real and symmetric (only its upper triangle is read), with positive diagonal.
    drop_tol : float, default 1e-3
        Entries up to this fraction of the Euclidean norm of their row of A (right of the diagonal, and with it) are
        dropped. 0 drops nothing, 1 nearly everything.
    fill : int, default 10
        Most entries per row of U beyond those of A.
    shift : float, default 0.0
        The factorisation is that of A with its diagonal enlarged by ``1 + shift``. If a pivot fails it is raised to
        1e-3 or twice its value until all pivots are sound; pivots are never clamped.

    Attributes
    ----------
    drop_tol : float
        The drop tolerance.
    fill : int
        The limit of the fill.
    shift : float
        The shift that was needed; 0 for an M-matrix.
    nnz : int
        How many entries ``U`` and ``U'`` have together, the diagonal counted once.
    is_spd, is_linear : bool
        True.
    nbytes : int
        Memory held.

    Raises
    ------
    TypeError, ValueError
        If A is not a real square sparse matrix, an option is out of range, or a diagonal entry is missing, not positive
        or not finite (the row is named).
    numpy.linalg.LinAlgError
        If no shift up to 1e15 makes the pivots sound.

    Notes
    -----
    The defaults bound the memory: at most ten entries more than A per row and triangle, of which a second-order problem
    uses about eight. A pivot is sound if it exceeds ``min(1e-3, drop_tol)`` times the diagonal entry of A: what lies
    below is within the error of the entries dropped.

    Set-up: of the order of the squared row lengths of U, on one thread. Application: 2 nnz flops and 12 nnz bytes
    (float64, 32-bit indices); both triangles are kept, each by rows. From four threads on, large factors with wide
    levels are applied level by level; the bits are the same.

    References
    ----------
    C.-J. Lin, J. J. More, "Incomplete Cholesky factorizations with limited memory", SIAM J. Sci. Comput. 21 (1999),
    algorithm 2.1.
    Y. Saad, "ILUT: a dual threshold incomplete LU factorization", Numer. Linear Algebra Appl. 1 (1994), section 2.
    T. A. Manteuffel, "An incomplete factorization technique for positive definite linear systems", Math. Comp. 34
    (1980), section 4.

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.solve import IC0, ICT, cg
    >>> from kriss.testing import diffusion2d
    >>> A = diffusion2d(40)
    >>> b = np.ones(1600)
    >>> M = ICT(A)
    >>> M.shift
    0.0
    >>> cg(A, b, rtol=1e-8, M=M).iterations < cg(A, b, rtol=1e-8, M=IC0(A)).iterations / 3
    True
    """

    def __init__(self, A: object, drop_tol: float = DROP_TOL, fill: int = FILL, shift: float = 0.0) -> None:
        self._options(drop_tol, fill)
        self._asked = check.scalar(shift, "shift", low=0.0)
        matrix = check.csr(A, "A", square=True)
        self._set(matrix)
        super().__init__(matrix.data.dtype, matrix.shape)

    @classmethod
    def _over(cls, matrix: check.Csr) -> ICT:
        """With the default options, of a checked matrix."""
        made: ICT = cls.__new__(cls)
        made.drop_tol, made.fill, made._asked = DROP_TOL, FILL, 0.0
        made._set(matrix)
        LinearOperator.__init__(made, matrix.data.dtype, matrix.shape)
        return made

    @property
    def nbytes(self) -> int:
        """Memory held, in bytes."""
        return super().nbytes

    def _set(self, matrix: check.Csr) -> None:
        self._remember(matrix)
        where, inverse = _diagonal(matrix, "A")
        if not (inverse > 0).all():
            row = int(np.argmin(inverse > 0))
            raise ValueError(
                f"A cannot be used: its diagonal entry in row {row} is {matrix.data[where[row]]}, expected a positive "
                "number"
            )
        matrix, exponent = scaled(matrix)
        tau = max(min(PIVOT_TAU, self.drop_tol), float(np.finfo(matrix.data.dtype).eps))
        shift = self._asked
        fill = min(self.fill, matrix.shape[0])
        for _ in range(MOST_SHIFTS):
            status, row, upper, root = kernels(FAMILY).ict_factor(
                matrix.indptr, matrix.indices, matrix.data, where, self.drop_tol, fill, shift, tau, 1
            )
            self._counted(status, matrix)
            if status == OK:
                break
            shift = max(FIRST_SHIFT, 2.0 * shift)
        else:
            raise np.linalg.LinAlgError(
                f"the pivot of row {row} stays unsound with the diagonal enlarged {shift} times"
            )
        n, itype = matrix.shape[0], matrix.indices.dtype
        lower = sps.csc_array((upper[2], upper[1], upper[0]), shape=(n, n)).tocsr()
        inverse = 1.0 / root
        self._hold((lower.indptr.astype(itype), lower.indices.astype(itype), lower.data), inverse, upper, inverse)
        self.shift, self._shift = shift, exponent


class ILUT(_Filled):
    """Incomplete LU factorisation with fill, limited by size and by number, for matrices that need not be symmetric.

    ``M = L U``: each part of a row, left and right of the diagonal, keeps the entries that are above `drop_tol` times
    the norm of the row of A, and of these the largest, at most `fill` more than A has there.

    Parameters
    ----------
    A : sparse matrix or array, shape (n, n)
        Real. Diagonal entries may be zero or missing if the elimination of the rows before fills them.
    drop_tol : float, default 1e-3
        Entries up to this fraction of the Euclidean norm of their row of A are dropped (of L: before the division by
        the pivot). 0 drops nothing, 1 nearly everything.
    fill : int, default 10
        Most entries per row of L, and of U, beyond those of A.

    Attributes
    ----------
    drop_tol : float
        The drop tolerance.
    fill : int
        The limit of the fill.
    nnz : int
        How many entries the factors have, without the ones on the diagonal of L.
    is_spd : bool
        False.
    is_linear : bool
        True.
    nbytes : int
        Memory held.

    Raises
    ------
    TypeError, ValueError
        If A is not a real square sparse matrix, or an option is out of range.
    numpy.linalg.LinAlgError
        If a pivot vanishes (up to rounding) against the norm of its row, or the factors overflow; the row is named.

    Notes
    -----
    There is no pivoting: `kriss.scipy.sparse.linalg.spilu` has it, and reorders the columns. Scaling the rows of A
    changes nothing but the scale of L.

    Set-up: of the order of the row lengths of L times those of U, on one thread. Application: 2 nnz flops and 12 nnz
    bytes (float64, 32-bit indices).

    References
    ----------
    Y. Saad, "ILUT: a dual threshold incomplete LU factorization", Numer. Linear Algebra Appl. 1 (1994), section 2.
    Y. Saad, "Iterative Methods for Sparse Linear Systems", 2nd ed., SIAM 2003, algorithm 10.6.

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.solve import ILU0, ILUT, gmres
    >>> from kriss.testing import convection_diffusion2d
    >>> A = convection_diffusion2d(40)
    >>> b = np.ones(1600)
    >>> gmres(A, b, rtol=1e-8, M=ILUT(A)).iterations < gmres(A, b, rtol=1e-8, M=ILU0(A)).iterations / 2
    True
    """

    is_spd = False

    def __init__(self, A: object, drop_tol: float = DROP_TOL, fill: int = FILL) -> None:
        self._options(drop_tol, fill)
        matrix = check.csr(A, "A", square=True)
        self._set(matrix)
        super().__init__(matrix.data.dtype, matrix.shape)

    @property
    def nbytes(self) -> int:
        """Memory held, in bytes."""
        return super().nbytes

    def _set(self, matrix: check.Csr) -> None:
        self._remember(matrix)
        matrix, exponent = scaled(matrix)
        n, dtype = matrix.shape[0], matrix.data.dtype
        tau = 64.0 * float(np.finfo(dtype).eps)
        status, row, lower, upper, inverse = kernels(FAMILY).ilut_factor(
            matrix.indptr, matrix.indices, matrix.data, self.drop_tol, min(self.fill, n), tau, 1
        )
        self._counted(status, matrix)
        if status == SINGULAR:
            entries = matrix.data[matrix.indptr[row] : matrix.indptr[row + 1]]
            pivot, norm = np.ldexp(float(lower), -exponent), np.ldexp(np.linalg.norm(entries), -exponent)
            raise np.linalg.LinAlgError(
                f"the pivot of row {row} is {pivot:.3g}, expected more than rounding beside {norm:.3g}, the norm of "
                "that row of A: lower drop_tol, raise fill, or reorder A (spilu pivots)"
            )
        if status == NON_FINITE:
            raise np.linalg.LinAlgError(
                f"row {row} of the factors overflows: A is too badly scaled to go without pivoting"
            )
        self._hold(lower, np.empty(0, dtype), upper, inverse)
        self._shift = exponent
