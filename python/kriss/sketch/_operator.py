"""What the sketches that are matrices without an end have in common: checking, targets, dense and sparse input."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sps

from kriss import _backend, _device, _validate
from kriss._validate import Csr, FloatArray, RngLike
from kriss.sketch._sparse_sign import dense_array, strided


class Operator:
    """A random d-row matrix S whose column i is a function of its seed and of i; subclasses bring the kernels."""

    __slots__ = ("d", "seed")

    d: int
    seed: int

    def __init__(self, d: int, rng: RngLike, low: int = 1) -> None:
        self.d = _validate.integer(d, "d", low=low, high=2**31 - 1)
        self.seed = _validate.seed64(rng)

    def _dense(self, run: ModuleType, a: FloatArray, offset: int, out: FloatArray, threads: int) -> None:
        raise NotImplementedError

    def _csr(self, run: ModuleType, a: Csr, offset: int, out: FloatArray, threads: int) -> None:
        raise NotImplementedError

    def _device(self, A: Any, offset: int, out: Any, check_finite: bool) -> Any:
        raise TypeError(f"A is on the GPU, where {type(self).__name__} has no kernels: take SRHT or SparseSign there")

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
            they are; sparse ones of any format are taken as CSR. `SRHT` takes dense CuPy arrays as well and then
            returns one.
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
            If A is complex, not numeric or on a GPU, or an integer argument is not one.
        ValueError
            If A is not 1-D or 2-D, holds NaN or infinity, or is malformed; if `out` has the wrong shape or overlaps A.
        OverflowError
            If A is finite but its sketch is not.
        """
        offset = _validate.integer(row_offset, "row_offset", low=0, high=2**62)
        threads = _validate.workers(workers)
        if _device.any_device(A=A, out=out):
            on_device: FloatArray = self._device(A, offset, out, check_finite)
            return on_device
        run = _backend.kernels("sketch_transform")
        if sps.issparse(A):
            csr = _validate.csr(A, "A", finite=check_finite)
            result = target(out, (self.d, csr.shape[1]), csr.data.dtype, csr.data, csr.indices, csr.indptr)
            if result.size and csr.shape[0]:
                self._csr(run, csr, offset, result, threads)
            if check_finite and not np.isfinite(result).all():
                raise OverflowError("the sketch of A overflows (or out was not finite): scale A down")
            return result
        dense = A if isinstance(A, np.ndarray) else dense_array(A, "A")
        if dense.ndim not in (1, 2):
            raise ValueError(f"A has shape {dense.shape}, expected a 1-D or 2-D array")
        dense = strided(dense, "A", ndim=dense.ndim)
        result = target(out, (self.d, *dense.shape[1:]), dense.dtype, dense)
        if result.size and dense.size:
            matrix = dense if dense.ndim == 2 else dense[:, None]
            self._dense(run, matrix, offset, result.reshape(self.d, -1), threads)
        if check_finite and not np.isfinite(result).all():
            _validate.check_finite(dense, "A")
            raise OverflowError("the sketch of A overflows (or out was not finite): scale A down")
        return result


def target(
    out: FloatArray | None, shape: tuple[int, ...], dtype: np.dtype[Any], *sources: npt.NDArray[Any]
) -> FloatArray:
    """`out` if it can take a result of `shape`, or zeros."""
    if out is None:
        return np.zeros(shape, dtype)
    if not isinstance(out, np.ndarray):
        raise TypeError(f"out must be an ndarray, not {type(out).__name__}")
    if out.shape != shape:
        raise ValueError(f"out has shape {out.shape}, expected {shape}")
    if out.dtype != dtype:
        raise TypeError(f"out has dtype {out.dtype}, expected {dtype}")
    if not (out.flags.c_contiguous and out.flags.writeable and out.flags.aligned):
        raise ValueError("out must be a writeable, aligned, C-contiguous array")
    if any(np.may_share_memory(out, source) for source in sources):
        raise ValueError("out overlaps A, expected separate memory")
    return out


def power_of_two(n: int) -> int:
    """The smallest power of two that is at least n (1 for n <= 1)."""
    return 1 << max(n - 1, 0).bit_length()


def keys(seed: int, stream: int, n: int) -> npt.NDArray[np.uint64]:
    """64 random bits for each of n items; streams 1 to 15."""
    out = np.empty(n, np.uint64)
    _backend.kernels("sketch_transform").random_keys(seed, stream, out)
    return out


def permutation(seed: int, stream: int, n: int) -> npt.NDArray[np.int32]:
    """A random permutation of n items: the order of their keys."""
    return np.argsort(keys(seed, stream, n), kind="stable").astype(np.int32)
