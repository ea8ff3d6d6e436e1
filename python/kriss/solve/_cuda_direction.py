"""A network of search directions as a preconditioner on a GPU."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from kriss import _device
from kriss.solve._cuda_arrays import Launcher
from kriss.solve._cuda_precond import CudaPreconditioner


class CudaDirection(CudaPreconditioner):
    """A network of search directions on a GPU; what ``to_device()`` of `kriss.solve.learned.LearnedDirection` returns.

    Attributes
    ----------
    shape, dtype
        Of the operator.
    is_spd, is_linear : bool
        False: `kriss.solve.fcg` takes it, `kriss.solve.cg` refuses it.
    nbytes : int
        Memory held on the device.

    Raises
    ------
    RuntimeError
        If there is no device or CuPy is missing.

    Notes
    -----
    The program was written in host memory, and weights, fields and images are uploaded once. One launch per step of the
    network, and four more: 60 for the recursive network on 64 by 64 points, 22 for the published one. Convolutions have
    the bits of the processor; the norm of the residual is summed up in another order, in float64 without rescaling, so
    the squares of its entries must lie within the range of that. Images are shared by all applications: use one object
    per stream. It was not measured on a GPU.

    References
    ----------
    A. Kaneda, O. Akar, J. Chen, V. Kala, D. Hyde, J. Teran, "A deep conjugate direction method for iteratively solving
    linear systems", ICML 2023, section 4.

    Examples
    --------
    >>> from kriss.solve.learned import DeepConjugateDirection
    >>> from kriss.testing import poisson2d
    >>> M = DeepConjugateDirection.pretrained("2d").setup(poisson2d(20), shape=(20, 20))
    >>> M.to_device()  # doctest: +SKIP
    """

    is_linear = False
    is_spd = False

    def __init__(self, grids: Any, program: Any, scale: float, dtype: npt.DTypeLike) -> None:
        cp = _device.cupy()
        n = int(grids.cells.size)
        self.shape, self.dtype = (n, n), np.dtype(dtype)
        self._launch = Launcher(self.dtype)
        self._scale, self._flat = float(scale), bool(grids.flat)
        self._steps = np.ascontiguousarray(program.steps, np.int64)  # in host memory, as are the sizes
        self._sizes = np.ascontiguousarray(grids.sizes, np.int64)
        self._weights, self._fields, self._cells = map(cp.asarray, (program.weights, grids.fields, grids.cells))
        self._room = cp.zeros(program.room, np.float32)
        self._part = cp.empty(int(self._launch.kernels.direction_partials(n)), np.float64)
        self._scalars = cp.empty(2, np.float64)

    @property
    def nbytes(self) -> int:
        """Memory held on the device, in bytes."""
        held = (self._weights, self._fields, self._cells, self._room, self._part, self._scalars)
        return sum(int(v.nbytes) for v in held)

    def _apply(self, r: Any, z: Any) -> None:
        n, k = r.shape
        self._room.fill(0)  # what overflowed would stay between the lines
        self._launch(
            "direction_network", n, k, self._steps, len(self._steps), self._weights, self._sizes, len(self._sizes),
            self._flat, self._fields, self._cells, r, z, self._scale, self._room, self._part, self._scalars,
        )  # fmt: skip
