"""Leverage scores: how much each row of a tall matrix matters to least squares with it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.linalg as sla
import scipy.sparse as sps

from kriss import _backend, _device, _validate
from kriss._validate import RngLike
from kriss.sketch._cuda_lstsq import DeviceMatrix, device_left
from kriss.sketch._input import Left, left_side
from kriss.sketch._look import look
from kriss.sketch._range import (
    SKETCH,
    compiled,
    from_rows,
    orthonormal_range,
    row_squares,
    single_squares,
    sketched,
    truncated_range,
)
from kriss.sketch._rows import ComplexMatrix, CsrMatrix, DenseMatrix, Matrix, Number, OperatorMatrix, interleaved
from kriss.sketch._solve import can_be_written_out, is_single
from kriss.sketch._source import ENTRIES, Source, is_lazy
from kriss.sketch._sparse_sign import SparseSign

ROWS = 1 << 20  # entries of A P that are there at once on a GPU
SMALL = 100_000  # entries up to which one decomposition is as fast as anything
FAST = 132  # with d = FAST (sqrt(n) + 2)^2 rows the distortion (sqrt(n) + 2) / sqrt(d) makes errors of 20 %


def leverage_scores(
    a: object,
    *,
    method: str = "sketch",
    rank: int | None = None,
    sketch_size: int | None = None,
    zeta: int = 8,
    rng: RngLike = None,
    workers: int | None = None,
    check_finite: bool = True,
    progress: bool = False,
) -> npt.NDArray[np.float64]:
    """Leverage of each row: the diagonal of the projection onto the range of A, to 20 % from a sketch, or exactly.

    Parameters
    ----------
    a : array_like, sparse matrix, LinearOperator, sliceable rows or callable, shape (m, n)
        Real or complex. A real CuPy array gives scores on its device. Rows that are read block by block are real:
        anything with a ``shape`` whose rows can be sliced (memory map, HDF5, Zarr), or a function that returns a fresh
        iterable of blocks for each pass.
    method : {"sketch", "exact"}
        ``"exact"``: from a factor of A itself, to rounding. ``"sketch"``: from a sketch's factor, a pass over A less;
        each score is then off by a factor between ``(1 + q)**-2`` and ``(1 - q)**-2``, ``q = (sqrt(n) + t) /
        sqrt(sketch_size)``, but for a chance of about ``exp(-t**2/2)``. For arrays of many rows the sketch is a uniform
        sample first; a second sample, by the scores that come out, tells whether it has missed anything. Where the
        sketch would be no smaller than half of A, the scores are exact as well.
    rank : int, optional
        Scores of the best approximation of this rank, the rows' squared norms in its left singular vectors: for
        matrices that are wide, or whose small singular values are noise. Real A that is no operator and not on a GPU.
        These do depend on the units of the columns, and on the choice of vectors where singular values coincide at the
        cut.
    sketch_size : int, optional
        Rows of the sketch, more than n. Default 4 n for ``"exact"``, at least 64; for ``"sketch"``
        ``132 (sqrt(n) + 2)**2``, which is 20 % for t = 2. Not used with `rank`.
    zeta : int
        Entries per column of the sketch.
    rng : int, SeedSequence, Generator or None
        The seed of the sketch.
    workers : int, optional
        Threads of the sketch and the factor; products with A's rows are BLAS's.
    check_finite : bool
        Refuse NaN and infinity; always on for `rank` and for rows that are read.
    progress : bool
        Show a bar for each pass, with `rank` and for rows that are read.

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
    2 zeta nnz(A) flops, the exact factor up to 3 m n², the products m n² (float64 arrays; after a sample in single
    precision, if the condition number permits) or 2 m n²; memory beside A about 1e6 numbers and the factor.
    Scores do not depend on the units of the columns of A. Directions of the scaled A below 1e-13 of the
    largest (float32: 1e-6) count as none. With `rank`: LAPACK up to 4e6 entries, ARPACK for ``"exact"`` beyond (a
    pass for each product), for ``"sketch"`` a block Krylov method of five passes of 4 m n (rank + 10) flops.

    References
    ----------
    P. Drineas, M. Magdon-Ismail, M. W. Mahoney, D. P. Woodruff, *Fast approximation of matrix coherence and statistical
    leverage*, J. Mach. Learn. Res. 13 (2012), algorithm 1 (without its second, Johnson-Lindenstrauss sketch).
    C. Musco, C. Musco, *Randomized block Krylov methods for stronger and faster approximate singular value
    decomposition*, NeurIPS 2015, algorithm 2, for `rank`.

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.sketch import leverage_scores
    >>> A = np.random.default_rng(0).standard_normal((5000, 4))
    >>> A[7] *= 1000
    >>> score = leverage_scores(A, method="exact")
    >>> int(score.argmax()), bool(score[7] > 0.99), round(float(score.sum()), 9)
    (7, True, 4.0)
    """
    exact = _validate.choice(method, "method", ("exact", "sketch")) == "exact"
    zeta = _validate.integer(zeta, "zeta", low=1)
    threads = _validate.workers(workers)
    plain = (
        isinstance(a, np.ndarray)
        and type(a) in (np.ndarray, np.memmap)
        and a.dtype == np.float64
        and a.ndim == 2
        and a.size > SMALL
        and check_finite
    )
    if rank is not None or plain or is_lazy(a):
        if _device.is_device_array(a) or hasattr(a, "matvec"):
            raise TypeError(f"rank needs rows, a is a {type(a).__name__}")
        return scores_of(
            a, method=method, rank=rank, sketch_size=sketch_size, zeta=zeta, rng=rng, workers=workers,
            progress=progress, name="a",
        )  # fmt: skip
    left = device_left(a) if _device.is_device_array(a) else left_side(a, None, check_finite)
    matrix = left.matrix
    m, n = matrix.m, matrix.n
    if sketch_size is not None:
        sketch_size = _validate.integer(sketch_size, "sketch_size", low=n + 1)
    size, exact = _sketch_rows(m, n, sketch_size, exact)
    rows = max(size, zeta)
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
        if matrix.on_device:
            out[i : i + part.shape[0]] = (part * part).sum(axis=1)
        else:
            np.einsum("ij,ij->i", part, part, out=out[i : i + part.shape[0]])
    return out


def _sketch_rows(m: int, n: int, given: int | None, exact: bool) -> tuple[int, bool]:
    """Rows of the sketch, and whether the scores will be exact after all."""
    if given is not None:
        return given, exact
    rows = _enough(n)
    if exact or 2 * rows > m or rows * n > SKETCH:
        return max(4 * n, 64), True
    return rows, False


def _enough(n: int) -> int:
    """Rows of a sketch that is right to 20 %."""
    return int(np.ceil(FAST * (np.sqrt(n) + 2.0) ** 2))


def scores_of(
    a: Any,
    *,
    method: str,
    rank: int | None,
    rng: RngLike,
    workers: int | None,
    progress: bool,
    name: str,
    sketch_size: int | None = None,
    zeta: int = 8,
) -> npt.NDArray[np.float64]:
    """Leverage of rows that come in blocks, of arrays, or of the best subspace of dimension `rank`."""
    exact = _validate.choice(method, "method", ("exact", "sketch")) == "exact"
    threads = _validate.workers(workers)
    gen = _validate.generator(rng)
    source = Source(a, name, progress)
    m, n = source.m, source.n
    if rank is not None:
        rank = _validate.integer(rank, "rank", low=1)
        return truncated_range(source, rank, exact, gen, threads).leverage
    if sketch_size is not None:
        sketch_size = _validate.integer(sketch_size, "sketch_size", low=n + 1)
    if min(m, n) == 0:
        return np.zeros(m)
    size, exact = _sketch_rows(m, n, sketch_size, exact)
    if not exact:
        out = _from_rows(source, gen, threads) if sketch_size is None else None
        if out is not None:
            return out
        p = sketched(source, max(size, zeta), zeta, gen, threads)
        if p is not None:
            return row_squares(source, p, threads)[1]
    return orthonormal_range(source, gen, threads).leverage


def _from_rows(source: Source, gen: np.random.Generator, workers: int) -> npt.NDArray[np.float64] | None:
    """Scores from the factor of uniformly drawn rows, if a sample by these very scores says that they are right.

    That sample finds what the rows have missed: its Gram matrix is unbiased for that of A·P, and no row of A weighs
    more in it than any other (Drineas et al., section 4).
    """
    count = 2 * _enough(source.n)
    if source.array is None or source.sparse or 4 * count > source.m:
        return None
    guess = from_rows(source, count, gen, workers)
    if guess is None:
        return None
    p, squares = guess.p, single_squares(source, guess.p, guess.skeel, workers)
    if squares is None:
        p, squares, _ = row_squares(source, p, workers)
    with np.errstate(over="ignore", invalid="ignore"):
        total = squares.sum()
    if not np.isfinite(total):
        return None
    rows = np.empty(count, np.int64)
    _backend.kernels("sketch_rows").pick_rows(squares, np.sort(gen.random(count)) * total, rows, workers)
    x = source.take(rows)
    x *= np.sqrt(total / count / np.maximum(squares[rows], 1e-300))[:, None]
    # As in `from_rows`, no BLAS: PᵀXᵀX P in the variables that a triangle P makes of X.
    if compiled(source, p):
        _, _, gram = row_squares(Source(x), p, workers, want_gram=True)
    else:
        x = x @ p
        gram = x.T @ x
    values = sla.eigvalsh(gram, check_finite=False)
    return squares if values[0] > 1.0 / 1.2 and values[-1] < 1.2 else None


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
    step = max(1, (ROWS if matrix.on_device else ENTRIES) // max(p.shape[1], 1))
    if isinstance(matrix, DeviceMatrix):
        rows, p = matrix.a, _device.cupy().asarray(p)
    elif isinstance(matrix, CsrMatrix):
        rows = sps.csr_array((matrix.csr.data, matrix.csr.indices, matrix.csr.indptr), shape=matrix.csr.shape)
    else:
        assert isinstance(matrix, DenseMatrix)
        rows = matrix.a
    for i in range(0, matrix.m, step):
        yield i, rows[i : i + step].astype(np.float64, copy=False) @ p
