"""Preconditioners held by an object of the kernels, which compiled loops apply without going through Python."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sps

from kriss import _validate as check
from kriss.solve._precond import _Preconditioner

Array = npt.NDArray[Any]


class NativePreconditioner(_Preconditioner):
    """SciPy's operator interface over an object with ``apply`` and ``apply_multi``.

    ``_native`` is that object, for the matrix scaled by ``2**_shift``; ``_kernels`` the module it comes from, the
    kernels of ``_family``.
    """

    is_spd = True
    _native: Any
    _kernels: Any
    _family = "solve_multigrid"
    _shift = 0
    _workers = 0

    def apply(self, r: Array, out: Array) -> Array:
        """``out = M^-1 r``; returns `out`. Both are contiguous (n,) arrays of this operator's dtype."""
        self._out(r, out)
        self._native.apply(r, out, float(np.ldexp(1.0, self._shift)), self._workers)
        return out

    def _multi(self, R: Array, out: Array) -> None:
        R = np.require(R, requirements=["C", "A"])
        direct = out.flags.c_contiguous and out.flags.aligned
        room = out if direct else np.empty(out.shape, self.dtype)
        self._native.apply_multi(R, room, float(np.ldexp(1.0, self._shift)), self._workers)
        if not direct:
            out[:] = room

    def _matmat(self, X: Array) -> Array:
        R = np.require(X, self.dtype, ["C", "A"])
        return self.apply_multi(R, np.empty(R.shape, self.dtype))


def scaled(matrix: check.Csr) -> tuple[check.Csr, int]:
    """The matrix times the power of four that brings its entries near 1, and its exponent of two.

    The power itself stays within the range of the dtype, which a matrix of subnormal numbers would leave.
    """
    largest = float(np.abs(matrix.data).max(initial=0.0))
    return _times(matrix, -int(np.frexp(largest)[1]) if largest > 0.0 and np.isfinite(largest) else 0)


def balanced(matrix: check.Csr) -> tuple[check.Csr, int]:
    """As `scaled`, except where the diagonal is spread over half of the range of the dtype.

    Then it is the middle of the diagonal that is brought near 1, so that neither end leaves the range.
    """
    A = sps.csr_array((matrix.data, matrix.indices, matrix.indptr), shape=matrix.shape)
    sizes = np.abs(A.diagonal())
    sizes = sizes[(sizes > 0) & np.isfinite(sizes)]
    if sizes.size:
        low, high = (int(np.frexp(float(v))[1]) for v in (sizes.min(), sizes.max()))
        if high - low >= (500 if matrix.data.dtype == np.float64 else 60):
            return _times(matrix, -((low + high) // 2))
    return scaled(matrix)


def _times(matrix: check.Csr, shift: int) -> tuple[check.Csr, int]:
    """The matrix times about ``2**shift``, or as it is where that is near 1."""
    shift -= shift % 2  # so that square roots scale exactly
    limit, most = (100, 1000) if matrix.data.dtype == np.float64 else (20, 120)
    shift = min(max(shift, -most), most)
    if abs(shift) <= limit:
        return matrix, 0
    return matrix._replace(data=np.ldexp(matrix.data, shift)), shift
