"""What the solvers on a GPU share: checked CuPy matrices and panels, and launches by pointer."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from kriss import _device
from kriss import _validate as check

# Columns that a launch takes at once; MAX_PANEL of the kernels.
PANEL = 8
PLAIN, RESIDUAL, ADD = 0, 1, 2


class Launcher:
    """The launchers of one dtype, called with arrays (None: a null pointer) on CuPy's current stream."""

    def __init__(self, dtype: npt.DTypeLike) -> None:
        self.kernels = _device.cuda("solve")
        self.suffix = "_f64" if np.dtype(dtype) == np.float64 else "_f32"

    def __call__(self, name: str, *arguments: Any) -> None:
        getattr(self.kernels, name + self.suffix)(*map(pointer, arguments), _device.stream())


def pointer(value: Any) -> Any:
    """The address of an array, on the device or (a NumPy array) on the host; 0 for None; numbers as they are."""
    if value is None:
        return 0
    if isinstance(value, (bool, int, float)):
        return value
    data = value.data
    return data.ptr if hasattr(data, "ptr") else value.ctypes.data


class Matrix:
    """A CSR matrix on the device, canonical, with 32-bit indices.

    Parameters
    ----------
    A : cupyx.scipy.sparse matrix
        Any CSR matrix; it is not changed.
    name : str
        How messages call it.
    dtype : dtype, optional
        Working type; that of A by default.
    square, finite : bool
        What to insist on.
    """

    def __init__(
        self, A: Any, name: str, *, dtype: npt.DTypeLike | None = None, square: bool = True, finite: bool = True
    ) -> None:
        cp = _device.cupy()
        if getattr(A, "format", None) != "csr":
            raise TypeError(f"{name} must be a cupyx.scipy.sparse CSR matrix, not {type(A).__name__}")
        if A.ndim != 2 or (square and A.shape[0] != A.shape[1]):
            raise ValueError(f"{name} has shape {A.shape}, expected a {'square' if square else '2-D'} matrix")
        rows, cols = (int(n) for n in A.shape)
        work = check.real_dtype(np.dtype(A.dtype), name) if dtype is None else np.dtype(dtype)
        if finite and not bool(cp.isfinite(A.data).all()):
            raise ValueError(f"{name}.data contains NaN or infinity, expected finite values")
        if A.nnz and (int(A.indices.min()) < 0 or int(A.indices.max()) >= cols):
            raise ValueError(f"{name}.indices holds entries outside 0 to {cols - 1}")
        if int(A.indptr[0]) != 0 or int(A.indptr[-1]) > A.data.size or bool((A.indptr[1:] < A.indptr[:-1]).any()):
            raise ValueError(f"{name}.indptr does not increase from 0 to the number of entries")
        # A fresh object over the same arrays: the flags that A carries may be older than its arrays.
        A = _device.cupyx_sparse().csr_matrix((A.data, A.indices, A.indptr), shape=(rows, cols))
        if not A.has_canonical_format:
            A = A.copy()
            A.sum_duplicates()
        if A.data.size >= 2**31 or max(rows, cols) >= 2**31:
            raise ValueError(f"{name} has {A.data.size} entries, expected fewer than 2**31")
        self.source = A.astype(work, copy=False)
        self.shape, self.dtype, self.rows = (rows, cols), work, rows
        self.data = self.source.data
        self.indptr = self.source.indptr.astype(np.int32, copy=False)
        self.indices = self.source.indices.astype(np.int32, copy=False)

    @property
    def nbytes(self) -> int:
        """Bytes of the three arrays."""
        return int(self.data.nbytes + self.indptr.nbytes + self.indices.nbytes)

    def head(self, k: int = 1) -> tuple[Any, ...]:
        """The arguments that launchers begin with."""
        return self.rows, k, self.indptr, self.indices, self.data

    def rows_of_entries(self) -> Any:
        """The row of each stored entry."""
        cp = _device.cupy()
        return cp.searchsorted(self.indptr, cp.arange(self.data.size, dtype=np.int32), side="right") - 1

    def inverse_diagonal(self, name: str = "A", positive: bool = False) -> Any:
        """1 / diagonal; raises where an entry is missing, zero, not finite or (on request) negative."""
        cp = _device.cupy()
        d = self.source.diagonal()
        inverse = (1 / cp.where(d == 0, cp.nan, d)).astype(self.dtype, copy=False)
        bad = ~(cp.isfinite(d) & cp.isfinite(inverse))
        if positive:
            bad = bad | ~(d > 0)
        if bool(bad.any()):
            row = int(cp.argmax(bad))
            what = "a positive number" if positive else "nonzero"
            raise ValueError(
                f"{name} cannot be used: its diagonal entry in row {row} is {float(d[row])}, expected {what}"
            )
        return inverse


def panel_of(value: Any, name: str, n: int, finite: bool) -> Any:
    """A vector or panel with n rows, checked for its shape, dtype and values."""
    cp = _device.cupy()
    if value.ndim not in (1, 2) or value.shape[0] != n:
        raise ValueError(f"{name} has shape {value.shape}, expected ({n},) or ({n}, k)")
    check.real_dtype(np.dtype(value.dtype), name)
    if finite and not bool(cp.isfinite(value).all()):
        raise ValueError(f"{name} contains NaN or infinity, expected finite values")
    return value


def own_panel(value: Any, dtype: npt.DTypeLike, columns: int) -> Any:
    """A copy as a contiguous panel."""
    cp = _device.cupy()
    return cp.array(value, dtype=dtype, order="C").reshape(value.shape[0], columns)


def residual_norms(launch: Launcher, k: int, inverse: Any, b: Any, q: Any, r: Any, part: Any) -> npt.NDArray[Any]:
    """R = b - q (b where q is None); host array (2, k): r'r and r'D^-1 r of each column."""
    cp = _device.cupy()
    out = cp.empty(2 * k, np.float64)
    launch("cg_residual", b.shape[0], k, inverse, b, q, r, part, out)
    host: npt.NDArray[Any] = np.asarray(out.get()).reshape(2, k)
    return host
