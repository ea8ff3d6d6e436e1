"""Approximate inverses that are applied by two sparse products."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sps
from scipy.sparse.linalg import LinearOperator

from kriss import _validate as check
from kriss._backend import kernels
from kriss.solve._native import NativePreconditioner, balanced
from kriss.solve._precond import _diagonal, same_pattern
from kriss.solve._triangular import Rows

if TYPE_CHECKING:
    from kriss.solve._cuda_products import CudaProducts

Array = npt.NDArray[Any]

FAMILY = "solve_fsai"
POWER, MOST = 1, 100
ROOM = 2**20  # entries of a power of A that are held at a time


class ProductPair(NativePreconditioner):
    """``z = S (F r) + e r`` for the matrix times ``2**_shift``, S and F by rows; no e where it is empty."""

    _family = FAMILY
    _parts: tuple[Rows, Rows, Array]
    _pattern: tuple[Array, Array]

    def _set(self, matrix: check.Csr) -> None:
        raise NotImplementedError

    def _hold(self, first: Rows, second: Rows, extra: Array) -> None:
        self._parts = (first, second, extra)
        self._kernels = kernels(FAMILY)
        self._native = self._kernels.products(*first, *second, extra)

    def __getstate__(self) -> dict[str, Any]:
        """Everything but the object of the kernels, which is made anew."""
        return {k: v for k, v in self.__dict__.items() if k not in ("_native", "_kernels")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._hold(*self._parts)

    @property
    def nbytes(self) -> int:
        """Memory held, in bytes."""
        first, second, extra = self._parts
        held = {id(v): v.nbytes for v in (*first, *second, extra, *self._pattern)}
        return int(sum(held.values()) + self._native.nbytes)

    def update(self, A: object) -> None:
        """Take over the entries of a new A with the same pattern; if they are unfit, nothing is changed."""
        matrix = check.csr(A, "A", square=True, dtype=self.dtype)
        same_pattern(matrix, *self._pattern)
        before = self.__dict__.copy()
        try:
            self._set(matrix)
        except BaseException:
            self.__dict__.clear()
            self.__dict__.update(before)
            raise

    def to_device(self) -> CudaProducts:  # type: ignore[override]
        """Upload this preconditioner to the current GPU: two products there as well."""
        from kriss.solve._cuda_products import CudaProducts

        return CudaProducts(*self._parts, self._shift, self.dtype)


class FSAI(ProductPair):
    """Factorised sparse approximate inverse, ``M^-1 = G'G`` with a sparse lower triangle G: two products, no solve.

    Parameters
    ----------
    A : sparse matrix or array, shape (n, n)
        Real, symmetric positive definite (only its lower triangle is read).
    power : int, default 1
        G has the pattern of the lower triangle of ``A**power``, 1 to 4. 2 takes about a third fewer iterations, for
        more than twice as many entries.
    most : int, default 100
        Most entries per row of G. A longer row keeps the diagonal and those where ``|a_ij| / sqrt(a_ii a_jj)`` is
        largest; of equal ones those nearest to the diagonal.
    workers : int, optional
        Threads; `kriss.get_num_threads` by default. The result does not depend on it.

    Attributes
    ----------
    nnz : int
        Entries of G.
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
        If A is not positive definite up to rounding as far as a row of G can see, or that row overflows; the row is
        named.

    Notes
    -----
    Of all lower triangles with its pattern G minimises the trace of ``G A G'`` over n, over the n-th root of its
    determinant. There is always such a G for a positive definite A, without shifts, and its rows are independent of
    each other. Both the set-up and the application run on all workers; incomplete factorisations take fewer iterations
    but wait for one row after another. On few cores `Jacobi` is often faster than this, in spite of its iterations:
    `kriss.solve.cg` takes it into its vector passes.

    With rows of k entries: set-up k**3 / 3 flops per row, application 4 nnz flops and 24 nnz + 40 n bytes in float64,
    G and its transpose stored. The set-up holds about a million entries of ``A**power`` at a time, or one row; but it
    runs through all of them, n**2 for ``power=2`` where a row of A is full.

    References
    ----------
    L. Y. Kolotilin, A. Y. Yeremin, "Factorized sparse approximate inverse preconditionings I. Theory", SIAM J. Matrix
    Anal. Appl. 14 (1993), section 2.
    E. Chow, "A priori sparsity patterns for parallel sparse approximate inverse preconditioners", SIAM J. Sci. Comput.
    21 (2000), section 2 (patterns of powers).

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.solve import FSAI, cg
    >>> from kriss.testing import poisson2d
    >>> A = poisson2d(40)
    >>> b = np.ones(1600)
    >>> plain, better = (cg(A, b, rtol=1e-8, M=M).iterations for M in ("jacobi", FSAI(A)))
    >>> better < 0.8 * plain
    True
    """

    def __init__(self, A: object, power: int = POWER, most: int = MOST, *, workers: int | None = None) -> None:
        self.power = check.integer(power, "power", low=1, high=4)
        self.most = check.integer(most, "most", low=1, high=2000)
        self._workers = check.workers(workers)
        matrix = check.csr(A, "A", square=True)
        self._set(matrix)
        LinearOperator.__init__(self, matrix.data.dtype, matrix.shape)

    @classmethod
    def _over(cls, matrix: check.Csr) -> FSAI:
        """With the default options, of a checked matrix."""
        made: FSAI = cls.__new__(cls)
        made.power, made.most, made._workers = POWER, MOST, 0
        made._set(matrix)
        LinearOperator.__init__(made, matrix.data.dtype, matrix.shape)
        return made

    @property
    def nnz(self) -> int:
        """How many entries G has."""
        return int(self._parts[0][1].size)

    @property
    def nbytes(self) -> int:
        """Memory held, in bytes."""
        return super().nbytes

    def update(self, A: object) -> None:
        """Take over the entries of a new A with the same pattern; if they are unfit, nothing is changed."""
        super().update(A)

    def _set(self, matrix: check.Csr) -> None:
        where, inverse = _diagonal(matrix, "A")
        if not (inverse > 0).all():
            row = int(np.argmin(inverse > 0))
            raise ValueError(
                f"A cannot be used: its diagonal entry in row {row} is {matrix.data[where[row]]}, expected a positive "
                "number"
            )
        self._pattern = (matrix.indptr.copy(), matrix.indices.copy())
        matrix, exponent = balanced(matrix)
        first = factor(matrix, self.power, self.most, self._workers)
        self._hold(first, turned(first), np.empty(0, matrix.data.dtype))
        self._shift = exponent


def factor(matrix: check.Csr, power: int, most: int, workers: int) -> Rows:
    """The rows of G for a checked matrix with a positive diagonal."""
    indptr, indices = pattern(matrix, power, most)
    data = np.empty(indices.size, matrix.data.dtype)
    row, column = kernels(FAMILY).fsai(matrix.indptr, matrix.indices, matrix.data, indptr, indices, data, workers)
    if row >= 0:
        count = indptr[row + 1] - indptr[row]
        raise np.linalg.LinAlgError(
            f"A is not positive definite: row {row} of the inverse needs the block of its {count} columns, whose pivot "
            f"in row {column} is not positive"
        )
    if not np.isfinite(data).all():
        row = int(np.searchsorted(indptr, np.argmin(np.isfinite(data)), side="right")) - 1
        raise np.linalg.LinAlgError(f"row {row} of the inverse overflows {data.dtype}: A is too badly scaled")
    return indptr, indices, data


def pattern(matrix: check.Csr, power: int, most: int) -> tuple[Array, Array]:
    """(indptr, indices) of the lower triangle of a power: in each row at most `most`, the diagonal last."""
    itype = matrix.indices.dtype
    A = sps.csr_array((np.ones(matrix.indices.size, np.int32), matrix.indices, matrix.indptr), shape=matrix.shape)
    lower = sps.csr_array(sps.tril(A))
    root = np.sqrt(sps.csr_array((matrix.data, matrix.indices, matrix.indptr), shape=matrix.shape).diagonal())
    if power == 1:
        counts, indices = _kept(matrix, root, lower, 0, most)
    else:
        both = lower + lower.T
        both.data[:] = 1
        rows = [_reached(matrix, root, both, span, power, most) for span in _spans(both, power)]
        counts, indices = (np.concatenate(parts) for parts in zip(*rows, strict=True))
    if indices.size > np.iinfo(itype).max:
        raise ValueError(f"G has {indices.size} entries, more than {itype} indices can count: pass int64 indices")
    indptr = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])
    return indptr.astype(itype), indices.astype(itype)


def _spans(both: Any, power: int) -> Iterator[slice]:
    """Rows in spans whose part of a power has about ROOM entries at most, or is one row."""
    n = both.shape[0]
    reach = np.ones(n)
    for _ in range(power):
        reach = np.minimum(both @ reach, n)  # entries per row, or more
    total = np.concatenate([[0.0], np.cumsum(reach)])
    start = 0
    if n == 0:
        yield slice(0, 0)
    while start < n:
        stop = max(int(np.searchsorted(total, total[start] + ROOM, side="right")) - 1, start + 1)
        yield slice(start, stop)
        start = stop


def _reached(matrix: check.Csr, root: Array, both: Any, span: slice, power: int, most: int) -> tuple[Array, Array]:
    """`_kept` for some rows of a power of a symmetric pattern."""
    part = both[span]
    reach = part
    for _ in range(power - 1):
        reach = reach @ both
        reach.data[:] = 1
    return _kept(matrix, root, sps.csr_array(sps.tril(reach, k=span.start)), span.start, most)


def _kept(matrix: check.Csr, root: Array, lower: Any, start: int, most: int) -> tuple[Array, Array]:
    """(entries per row, their columns) of a lower triangle from row `start` on, in each row `most` at most.

    The diagonal is kept, and what is largest in the matrix scaled to a unit diagonal, `root` the root of its own.
    """
    lower.sort_indices()
    indptr, indices = lower.indptr, lower.indices
    counts = np.diff(indptr)
    if counts.max(initial=0) <= most:
        return counts, indices
    kept = []
    for k in range(counts.size):
        columns, i = indices[indptr[k] : indptr[k + 1]], start + k
        if columns.size > most:
            span = slice(matrix.indptr[i], matrix.indptr[i + 1])
            size = np.zeros(columns.size)
            stored, inside = matrix.indices[span], np.zeros(0, np.intp)
            inside = np.searchsorted(columns, stored[stored <= i])
            size[inside] = np.abs(matrix.data[span][stored <= i]) / root[stored[stored <= i]]
            size[-1] = np.inf
            order = np.lexsort((-columns, -size))[:most]
            columns = columns[np.sort(order)]
        kept.append(columns)
    return np.minimum(counts, most), np.concatenate(kept)


def turned(rows: Rows) -> Rows:
    """The transpose, by rows."""
    n, itype = rows[0].size - 1, rows[1].dtype
    out = sps.csc_array((rows[2], rows[1], rows[0]), shape=(n, n)).tocsr()
    return out.indptr.astype(itype), out.indices.astype(itype), out.data
