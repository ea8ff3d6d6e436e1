"""Leverage scores: how much each row of a tall matrix matters to least squares with it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.linalg as sla
import scipy.sparse as sps

from kriss import _device, _validate
from kriss._validate import RngLike
from kriss.sketch._cuda_lstsq import DeviceMatrix, device_left
from kriss.sketch._input import Left, left_side
from kriss.sketch._look import look
from kriss.sketch._rows import ComplexMatrix, CsrMatrix, DenseMatrix, Matrix, Number, OperatorMatrix, interleaved
from kriss.sketch._solve import can_be_written_out, is_single
from kriss.sketch._sparse_sign import SparseSign

ROWS = 1 << 20  # entries of A P that are there at once


def leverage_scores(
    a: object,
    *,
    method: str = "exact",
    sketch_size: int | None = None,
    zeta: int = 8,
    rng: RngLike = None,
    workers: int | None = None,
    check_finite: bool = True,
) -> npt.NDArray[np.float64]:
    """Leverage of each row: the diagonal of the projection onto the range of A, exactly or from one sketch.

    Parameters
    ----------
    a : array_like, sparse matrix or LinearOperator, shape (m, n)
        Real or complex. A real CuPy array gives scores on its device.
    method : {"exact", "sketch"}
        ``"exact"``: from a factor of A itself, to rounding. ``"sketch"``: from a sketch's factor, a pass over A less;
        each score is then off by a factor between ``(1 + q)**-2`` and ``(1 - q)**-2``, ``q = sqrt(n / sketch_size)``,
        with high probability.
    sketch_size : int, optional
        Rows of the sketch, more than n. Default 4 n for ``"exact"``, 12 n for ``"sketch"``, at least 64.
    zeta : int
        Entries per column of the sketch.
    rng : int, SeedSequence, Generator or None
        The seed of the sketch.
    workers : int, optional
        Threads of the sketch and the factor; products with A's rows are BLAS's.
    check_finite : bool
        Refuse NaN and infinity.

    Returns
    -------
    ndarray, shape (m,)
        Scores between 0 and 1 (with ``"sketch"`` up to its error) whose sum is the rank of A.

    Raises
    ------
    TypeError
        If A is not numeric.
    ValueError
        If A is not two-dimensional, holds NaN or infinity, an option is out of range, or A has too few rows for a
        sketch and is too large (or on a GPU) for a singular value decomposition.

    Notes
    -----
    ``score[i] = norm(A[i] @ P)**2``, where A P has orthonormal columns (``"exact"``) or nearly so. The sketch costs
    2 zeta nnz(A) flops, the exact factor 2 m n², the products 2 m n²; memory beside A about 1e6 numbers and the factor.
    Scores do not depend on the units of the columns of A. Directions of the scaled A below 1e-13 of the
    largest (float32: 1e-6) count as none.

    References
    ----------
    P. Drineas, M. Magdon-Ismail, M. W. Mahoney, D. P. Woodruff, *Fast approximation of matrix coherence and statistical
    leverage*, J. Mach. Learn. Res. 13 (2012), algorithm 1 (without its second, Johnson-Lindenstrauss sketch).

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.sketch import leverage_scores
    >>> A = np.random.default_rng(0).standard_normal((5000, 4))
    >>> A[7] *= 1000
    >>> score = leverage_scores(A)
    >>> int(score.argmax()), bool(score[7] > 0.99), round(float(score.sum()), 9)
    (7, True, 4.0)
    """
    exact = _validate.choice(method, "method", ("exact", "sketch")) == "exact"
    zeta = _validate.integer(zeta, "zeta", low=1)
    threads = _validate.workers(workers)
    left = device_left(a) if _device.is_device_array(a) else left_side(a, None, check_finite)
    matrix = left.matrix
    m, n = matrix.m, matrix.n
    if sketch_size is not None:
        sketch_size = _validate.integer(sketch_size, "sketch_size", low=n + 1)
    rows = max((4 if exact else 12) * n, 64, zeta) if sketch_size is None else max(sketch_size, zeta)
    sketch = SparseSign(rows, zeta, rng=rng)
    if check_finite and left.dense:
        matrix.check_finite()
    if min(m, n) == 0:
        return np.zeros(m)
    weights = _from_sketch(left, sketch, threads) if m > rows else None
    if weights is None:
        weights = _by_svd(left)
    elif exact:
        weights = _orthonormal(matrix, weights)
    out = np.empty(m) if not matrix.on_device else _device.cupy().empty(m, np.float64)
    for i, part in _products(matrix, weights):
        out[i : i + part.shape[0]] = (part * part).sum(axis=1)
    return out


def _from_sketch(left: Left, sketch: SparseSign, workers: int) -> Number | None:
    """P, (n, rank), such that the sketch of A·P has orthonormal columns; None if there is no finite sketch."""
    matrix = left.matrix
    known = look(matrix, matrix.no_right(1, left.dtype), sketch, 0.0, is_single(left), workers)
    if known is None:
        return None
    return np.asarray(known.scale[:, None] * (known.vt[: known.keep].conj().T / known.s[: known.keep]))


def _orthonormal(matrix: Matrix, p: Number) -> Number:
    """P·U⁻¹, U the Cholesky factor of (A·P)ᴴ(A·P), whose condition number is about 9."""
    total: Any = 0.0
    for _, part in _products(matrix, p):
        total = total + part.T @ part
    gram = np.asarray(total.get() if matrix.on_device else total)
    if matrix.complex:
        both = gram.reshape(p.shape[1], 2, p.shape[1], 2)
        gram = (both[:, 0, :, 0] + both[:, 1, :, 1]) + 1j * (both[:, 0, :, 1] - both[:, 1, :, 0])
    u = sla.cholesky(gram, check_finite=False)
    return np.asarray(sla.solve_triangular(u, p.T, trans="T", check_finite=False).T)


def _by_svd(left: Left) -> Number:
    """The same from the singular value decomposition of all of A, columns scaled to similar norms."""
    matrix = left.matrix
    if matrix.on_device or not can_be_written_out(left):
        raise ValueError(
            f"a has shape {(matrix.m, matrix.n)}: too few rows for a sketch, and too large (or on the GPU) for a "
            f"singular value decomposition"
        )
    dense = matrix.dense().astype(np.complex128 if matrix.complex else np.float64)
    largest = np.abs(dense).max(axis=0)
    scale = np.ldexp(1.0, -np.frexp(np.where(largest < 1e-290, 1.0, largest))[1])
    _, s, vt = sla.svd(dense * scale, full_matrices=False, check_finite=False)
    eps = float(np.finfo(np.float32 if is_single(left) else np.float64).eps)
    k = int(np.count_nonzero(s > max(dense.shape) * eps * s[0]))
    return np.asarray(scale[:, None] * (vt[:k].conj().T / s[:k]))


def _products(matrix: Matrix, p: Number) -> Iterator[tuple[int, Any]]:
    """(first row, rows of A·P), some at a time; complex rows as [Re, Im, Re, …]."""
    if isinstance(matrix, ComplexMatrix):
        yield from _products(matrix.inner, interleaved(p))
        return
    if isinstance(matrix, OperatorMatrix):
        product = matrix.product(p)
        yield 0, np.ascontiguousarray(product).view(np.float64) if matrix.complex else product
        return
    rows: Any
    if isinstance(matrix, DeviceMatrix):
        rows, p = matrix.a, _device.cupy().asarray(p)
    elif isinstance(matrix, CsrMatrix):
        rows = sps.csr_array((matrix.csr.data, matrix.csr.indices, matrix.csr.indptr), shape=matrix.csr.shape)
    else:
        assert isinstance(matrix, DenseMatrix)
        rows = matrix.a
    step = max(1, ROWS // max(p.shape[1], 1))
    for i in range(0, matrix.m, step):
        yield i, rows[i : i + step].astype(np.float64, copy=False) @ p
