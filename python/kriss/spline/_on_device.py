"""`DeviceSpline`: the same piecewise polynomial on a GPU, called with CuPy arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from kriss import _device, _validate
from kriss.spline._piecewise import NAN, RAISE, Array, Extrapolate, Index, beyond_code, check_inside


class DeviceSpline:
    """A `Spline` whose knots and coefficients are on the current GPU; made by `Spline.to_device`.

    It is called with CuPy arrays and returns CuPy arrays on the current stream; nothing moves between devices in a
    call. Each thread evaluates one point and column with the functions that run on the host.

    Parameters
    ----------
    x, c : ndarray
        Knots (n,) and coefficients (order, n - 1, ...) on the host; copied to the device here.
    index : Index
        Search index of the knots.
    extrapolate : bool or str
        As for `Spline`.
    """

    __slots__ = ("_c", "_ends", "_extrapolate", "_kernel", "_map", "_table", "_x")

    def __init__(self, x: Array, c: Array, index: Index, extrapolate: Extrapolate) -> None:
        cp = _device.cupy()
        self._kernel = getattr(_device.cuda("spline"), f"evaluate_{x.dtype.name}")
        self._x, self._c = cp.asarray(x), cp.asarray(c)
        self._table = cp.asarray(index.table) if index.table.size else None
        self._map = index.map
        self._ends = [float(t) for t in (x[0], x[1], x[-2], x[-1])]
        self._extrapolate = extrapolate

    @property
    def x(self) -> Any:
        """Knots as a CuPy array."""
        return self._x

    @property
    def c(self) -> Any:
        """Coefficients as a CuPy array."""
        return self._c

    def __call__(self, x: Any, nu: int = 0, *, out: Any = None, extrapolate: Extrapolate | None = None) -> Any:
        """Values or derivatives at the CuPy array `x`, of shape ``x.shape + c.shape[2:]``.

        Parameters
        ----------
        x : cupy.ndarray
            Points, in the dtype of the spline.
        nu : int
            Order of the derivative.
        out : cupy.ndarray, optional
            C-contiguous result of the right shape and dtype.
        extrapolate : bool or str, optional
            Overrides the spline's own choice. "raise" waits for the device, the others do not.

        Returns
        -------
        cupy.ndarray
            The values.

        Raises
        ------
        TypeError, ValueError
            If `x` is not on the device or not of the spline's dtype, or `out` does not fit.
        """
        cp = _device.cupy()
        if not isinstance(x, cp.ndarray):
            raise TypeError(f"x must be a CuPy array, not {type(x).__name__}; nothing is moved between devices")
        if x.dtype != self._x.dtype:
            raise TypeError(f"x has dtype {x.dtype}, expected {self._x.dtype} as the spline")
        nu = _validate.integer(nu, "nu", low=0)
        beyond = beyond_code(self._extrapolate if extrapolate is None else extrapolate)
        points = cp.ascontiguousarray(x)
        if beyond == RAISE:
            check_inside(points, self._ends[0], self._ends[3])
            beyond = NAN
        trailing = self._c.shape[2:]
        shape = x.shape + trailing
        if out is None:
            out = cp.empty(shape, x.dtype)
        elif not (isinstance(out, cp.ndarray) and out.shape == shape and out.dtype == x.dtype):
            raise ValueError(f"out must be a CuPy array of shape {shape} and dtype {x.dtype}")
        elif not out.flags.c_contiguous:
            raise ValueError("out must be C-contiguous")
        order, cells = self._c.shape[:2]
        self._kernel(
            self._x.data.ptr,
            cells + 1,
            self._ends,
            0 if self._table is None else self._table.data.ptr,
            0 if self._table is None else self._table.size - 1,
            self._map,
            self._c.data.ptr,
            order,
            int(np.prod(trailing)),
            points.data.ptr,
            points.size,
            min(nu, 1 << 20),
            beyond,
            out.data.ptr,
            _device.stream(),
        )
        return out
