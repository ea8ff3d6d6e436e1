"""The sparse-sign sketch as an object."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sps

from kriss import _backend, _device, _validate
from kriss._validate import RngLike

FloatArray = npt.NDArray[np.floating[Any]]


def dense_array(value: object, name: str) -> npt.NDArray[Any]:
    """`value` as some array; errors name the argument."""
    if sps.issparse(value):
        raise TypeError(f"{name} is sparse ({type(value).__name__}), expected a dense array")
    if isinstance(value, np.ma.MaskedArray) and np.ma.is_masked(value):
        raise ValueError(f"{name} is a masked array with masked entries, which is not supported")
    try:
        return np.asarray(value)
    except ValueError as exc:
        raise ValueError(f"{name} cannot be made an array: {exc}") from None


def strided(value: object, name: str, *, ndim: int = 2, dtype: npt.DTypeLike | None = None) -> FloatArray:
    """`value` as an aligned native array of float32 or float64 whose strides are kept, whatever they are."""
    raw = dense_array(value, name)
    work = np.dtype(dtype) if dtype is not None else _validate.real_dtype(raw.dtype, name)
    if dtype is not None:
        _validate.real_dtype(raw.dtype, name)
    if raw.ndim != ndim:
        raise ValueError(f"{name} has shape {raw.shape}, expected a {ndim}-D array")
    out = np.require(raw, dtype=work, requirements=["A"])
    if any(step % out.itemsize for step in out.strides):
        out = np.ascontiguousarray(out)
    return out


class SparseSign:
    """A sparse-sign sketch: a random d-row matrix S with `zeta` entries ±1/√zeta in every column.

    The rows of S are cut into `zeta` blocks and every column holds one entry in each of them, so that
    ``E[S.T @ S] = I`` and ``norm(S @ A @ x)`` is close to ``norm(A @ x)`` for all x once `d` is a few times the rank
    of A. Column i is a function of the seed and of i alone: S has no end, and the part that a matrix of m rows meets
    is ``S[:, row_offset : row_offset + m]``.

    Parameters
    ----------
    d : int
        Rows of the sketch, at least `zeta`.
    zeta : int
        Entries per column, at least 1. 8 keeps the distortion of a dense sketch even on matrices whose weight sits
        in few rows; 1 is a CountSketch, which does not.
    rng : int, SeedSequence, Generator or None
        Where the 64-bit seed comes from. An int or SeedSequence gives the same S every time.

    Raises
    ------
    TypeError, ValueError
        If `d`, `zeta` or `rng` is not what it should be.

    Attributes
    ----------
    d, zeta, seed : int
        As given; `seed` is the key of the counter-based generator.

    Notes
    -----
    `apply` costs zeta·nnz(A) additions and one pass over A, and works beside A with about ``64 d`` bytes per thread
    and strip of 8 columns. Every number of the result is summed in the order of A's rows: the result is the same bits
    for any `workers`, for C and Fortran order, for dense and CSR input, on both backends, and when A arrives in
    blocks. On the GPU S is the same and the sums are the same bits in every run, but in another order than here.

    References
    ----------
    D. M. Kane, J. Nelson, *Sparser Johnson-Lindenstrauss transforms*, J. ACM 61 (2014), section 2.

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.sketch import SparseSign
    >>> S = SparseSign(64, rng=0)
    >>> A = np.ones((1000, 3))
    >>> SA = S.apply(A)
    >>> SA.shape
    (64, 3)
    >>> in_blocks = S.apply(A[:300])
    >>> _ = S.apply(A[300:], row_offset=300, out=in_blocks)
    >>> np.array_equal(SA, in_blocks)
    True
    """

    __slots__ = ("d", "seed", "zeta")

    def __init__(self, d: int, zeta: int = 8, *, rng: RngLike = None) -> None:
        self.zeta = _validate.integer(zeta, "zeta", low=1, high=2**20)
        self.d = _validate.integer(d, "d", low=self.zeta, high=2**31 - 1)
        self.seed = _validate.seed64(rng)

    def __repr__(self) -> str:
        return f"SparseSign(d={self.d}, zeta={self.zeta}, seed={self.seed:#018x})"

    def apply(
        self,
        A: object,
        row_offset: int = 0,
        *,
        out: FloatArray | None = None,
        workers: int | None = None,
        check_finite: bool = True,
    ) -> FloatArray:
        """The product of S with a dense or sparse matrix.

        Parameters
        ----------
        A : array_like or sparse matrix, shape (m, n) or (m,)
            Real. float32 stays float32, everything else becomes float64. Dense arrays of any order are read where
            they are; sparse ones of any format are taken as CSR, which costs CSC a conversion. A dense CuPy array
            gives a CuPy array.
        row_offset : int
            Number of A's first row: the sketch uses columns ``row_offset : row_offset + m`` of S.
        out : ndarray, shape (d, n) or (d,), optional
            Add to this C-contiguous array of the result's dtype and return it. It must not overlap A.
        workers : int, optional
            Threads; changes no bit of the result.
        check_finite : bool
            Refuse NaN and infinity in A. They are looked for in the result, where none can hide.

        Returns
        -------
        ndarray, shape (d, n) or (d,)
            S[:, row_offset : row_offset + m] @ A, plus `out`.

        Raises
        ------
        TypeError
            If A is complex or not numeric, or an integer argument is not one.
        ValueError
            If A is not 1-D or 2-D, holds NaN or infinity, or is malformed CSR; if `out` has the wrong shape or
            overlaps A.
        OverflowError
            If A is finite but its sketch is not.
        """
        offset = _validate.integer(row_offset, "row_offset", low=0, high=2**62)
        threads = _validate.workers(workers)
        if _device.any_device(A=A, out=out):
            on_device: FloatArray = self._apply_device(A, offset, out, check_finite)
            return on_device
        kernels = _backend.kernels("sketch")
        if sps.issparse(A):
            csr = _validate.csr(A, "A", finite=check_finite)
            result = self._target(out, csr.shape[1], csr.data.dtype, csr.data, csr.indices, csr.indptr)
            kernels.sparse_sign_csr(
                csr.indptr, csr.indices, csr.data, csr.shape[1], self.seed, self.d, self.zeta, offset, result, threads
            )
            if check_finite and not np.isfinite(result).all():
                raise OverflowError("the sketch of A overflows (or out was not finite): scale A down")
            return result
        dense = A if isinstance(A, np.ndarray) else dense_array(A, "A")
        if dense.ndim not in (1, 2):
            raise ValueError(f"A has shape {dense.shape}, expected a 1-D or 2-D array")
        dense = strided(dense, "A", ndim=dense.ndim)
        flat = dense.ndim == 1
        if flat:
            dense = dense[:, None]
        if flat and isinstance(out, np.ndarray):
            if out.shape != (self.d,):
                raise ValueError(f"out has shape {out.shape}, expected {(self.d,)}")
            result = self._target(out[:, None], 1, dense.dtype, dense)
        else:
            result = self._target(out, dense.shape[1], dense.dtype, dense)
        if result.size and dense.size:
            kernels.sparse_sign_dense(dense, self.seed, self.d, self.zeta, offset, result, threads)
        if check_finite and not np.isfinite(result).all():
            _validate.check_finite(dense, "A")
            raise OverflowError("the sketch of A overflows (or out was not finite): scale A down")
        return result[:, 0] if flat else result

    def _target(self, out: FloatArray | None, n: int, dtype: np.dtype[Any], *sources: npt.NDArray[Any]) -> FloatArray:
        if out is None:
            return np.zeros((self.d, n), dtype)
        if not isinstance(out, np.ndarray):
            raise TypeError(f"out must be an ndarray, not {type(out).__name__}")
        if out.shape != (self.d, n):
            raise ValueError(f"out has shape {out.shape}, expected {(self.d, n)}")
        if out.dtype != dtype:
            raise TypeError(f"out has dtype {out.dtype}, expected {dtype}")
        if not (out.flags.c_contiguous and out.flags.writeable and out.flags.aligned):
            raise ValueError("out must be a writeable, aligned, C-contiguous array")
        if any(np.may_share_memory(out, source) for source in sources):
            raise ValueError("out overlaps A, expected separate memory")
        return out

    def _apply_device(self, A: Any, offset: int, out: Any, check_finite: bool) -> Any:
        """The same on the GPU: CuPy in, CuPy out. The same bits in every run; the CPU's up to rounding."""
        cp = _device.cupy()
        kernels = _device.cuda("sketch")
        if type(A).__module__.startswith("cupyx."):
            raise TypeError("A is a sparse matrix on the GPU, expected a dense array there")
        dense = cp.asarray(A)
        if dense.dtype not in (np.float32, np.float64):
            raise TypeError(f"A has dtype {dense.dtype}, expected float32 or float64 on the GPU")
        if dense.ndim not in (1, 2):
            raise ValueError(f"A has shape {dense.shape}, expected a 1-D or 2-D array")
        shape = (self.d, *dense.shape[1:])
        flat = dense.ndim == 1
        if flat:
            dense = dense[:, None]
        if any(step % dense.itemsize for step in dense.strides):
            dense = cp.ascontiguousarray(dense)
        m, n = dense.shape
        if out is None:
            out = cp.zeros(shape, dense.dtype)
        elif out.shape != shape or out.dtype != dense.dtype or not out.flags.c_contiguous:
            raise ValueError(f"out must be a C-contiguous array of shape {shape} and dtype {dense.dtype}")
        if dense.size:
            partial = cp.empty(kernels.sparse_sign_slots(m, n, self.d) * self.d * n, dense.dtype)
            run = kernels.sparse_sign_f64 if dense.dtype == np.float64 else kernels.sparse_sign_f32
            steps = [step // dense.itemsize for step in dense.strides]
            run(
                dense.data.ptr, m, n, *steps, self.seed, self.d, self.zeta, offset, partial.data.ptr, out.data.ptr,
                _device.stream(),
            )  # fmt: skip
        if check_finite and not bool(cp.isfinite(out).all()):
            if not bool(cp.isfinite(dense).all()):
                raise ValueError("A contains NaN or infinity, expected finite values")
            raise OverflowError("the sketch of A overflows (or out was not finite): scale A down")
        return out

    def matrix(self, m: int, row_offset: int = 0) -> sps.csc_array:
        """Columns ``row_offset : row_offset + m`` of S, written out.

        Parameters
        ----------
        m : int
            Number of columns.
        row_offset : int
            The first one.

        Returns
        -------
        scipy.sparse.csc_array, shape (d, m)
            float64, ``zeta * m`` stored entries.

        Examples
        --------
        >>> from kriss.sketch import SparseSign
        >>> SparseSign(6, 2, rng=0).matrix(4).nnz
        8
        """
        m = _validate.integer(m, "m", low=0)
        offset = _validate.integer(row_offset, "row_offset", low=0, high=2**62)
        rows = np.empty((m, self.zeta), np.int64)
        signs = np.empty((m, self.zeta), np.int8)
        _backend.kernels("sketch").sparse_sign_entries(self.seed, self.d, self.zeta, offset, rows, signs)
        data = signs.ravel() * (1.0 / math.sqrt(self.zeta))
        indptr = np.arange(0, m * self.zeta + 1, self.zeta)
        return sps.csc_array((data, rows.ravel(), indptr), shape=(self.d, m))
