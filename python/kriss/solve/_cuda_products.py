"""Two products in a row as a preconditioner on a GPU."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from kriss import _device
from kriss.solve._cuda_arrays import PLAIN, Launcher
from kriss.solve._cuda_precond import CudaPreconditioner
from kriss.solve._triangular import Rows


class CudaProducts(CudaPreconditioner):
    """An approximate inverse on a GPU, two sparse products; what ``to_device()`` of `FSAI` and learned ones returns.

    Attributes
    ----------
    shape, dtype
        Of the operator.
    is_spd, is_linear : bool
        True.
    nbytes : int
        Memory held on the device, scratch of the last application included.

    Raises
    ------
    ValueError
        If there are 2**31 entries or more.
    RuntimeError
        If there is no device or CuPy is missing.

    Notes
    -----
    The entries were computed in host memory and are uploaded once. Application: two launches of the product that
    `kriss.solve.cg` uses there, and none that waits for another row: 24 nnz + 40 n bytes in float64.

    References
    ----------
    L. Y. Kolotilin, A. Y. Yeremin, "Factorized sparse approximate inverse preconditionings I. Theory", SIAM J. Matrix
    Anal. Appl. 14 (1993), section 2.

    Examples
    --------
    >>> from kriss.solve import FSAI
    >>> from kriss.testing import poisson2d
    >>> FSAI(poisson2d(3)).to_device()  # doctest: +SKIP
    """

    def __init__(
        self, first: Rows, second: Rows, extra: npt.NDArray[Any], shift: int, dtype: npt.DTypeLike
    ) -> None:  # fmt: skip
        n = first[0].size - 1
        for _, indices, _ in (first, second):
            if indices.size >= 2**31:
                raise ValueError(f"the inverse has {indices.size} entries, expected fewer than 2**31")
        cp = _device.cupy()
        self.shape, self.dtype = (n, n), np.dtype(dtype)
        self._launch = Launcher(self.dtype)
        # Half of the power of two that makes up for the scaling of A goes into each factor, so that the entries of both
        # stay in range; it is even, and changes no bit.
        self._first, self._second = (
            (
                cp.asarray(indptr.astype(np.int32)),
                cp.asarray(indices.astype(np.int32)),
                cp.asarray(np.ldexp(data, shift // 2)),
            )
            for indptr, indices, data in (first, second)
        )
        self._extra = cp.asarray(np.ldexp(extra, shift)) if extra.size else None
        self._room: Any = None

    @property
    def nbytes(self) -> int:
        """Memory held on the device, in bytes."""
        held = (*self._first, *self._second, *(v for v in (self._extra, self._room) if v is not None))
        return sum(int(v.nbytes) for v in held)

    def _apply(self, r: Any, z: Any) -> None:
        if self._room is None or self._room.shape != r.shape:
            self._room = _device.cupy().empty_like(r)
        n, k = r.shape
        self._launch("csr_product", n, k, *self._first, PLAIN, r, None, self._room)
        self._launch("csr_product", n, k, *self._second, PLAIN, self._room, None, z)
        if self._extra is not None:
            z += self._extra[:, None] * r
