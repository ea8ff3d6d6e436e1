"""`DeviceSpline`: the same piecewise polynomial on a GPU, called with CuPy arrays, and cubic splines built there."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from kriss import _device, _validate
from kriss.spline._piecewise import (
    NAN,
    RAISE,
    Array,
    Extrapolate,
    Index,
    beyond_code,
    build_index,
    check_increasing,
    check_inside,
)


class DeviceSpline:
    """A `Spline` whose knots and coefficients are on the current GPU; made by `Spline.to_device`, or by `cubic`.

    It is called with CuPy arrays and returns CuPy arrays on the current stream; nothing moves between devices in a
    call. Each thread evaluates one point and column with the functions that run on the host.

    Parameters
    ----------
    x : ndarray
        Knots (n,) on the host; copied to the device here.
    c : array
        Coefficients (order, n - 1, ...), on the host or on the device.
    index : Index
        Search index of the knots.
    extrapolate : bool or str
        As for `Spline`.
    """

    __slots__ = ("_c", "_ends", "_extrapolate", "_kernel", "_map", "_table", "_x")

    def __init__(self, x: Array, c: Any, index: Index, extrapolate: Extrapolate) -> None:
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

    @property
    def extrapolate(self) -> Extrapolate:
        """What a call does outside the knots unless it says otherwise."""
        return self._extrapolate

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
            math.prod(trailing),
            points.data.ptr,
            points.size,
            min(nu, 1 << 20),
            beyond,
            out.data.ptr,
            _device.stream(),
        )
        return out


def device_data(x: Any, y: Any) -> tuple[Array, Any]:
    """Knots (n), fetched to the host for the index, and values (n, ...) on the device, of one dtype, checked."""
    cp = _device.cupy()
    for name, value in (("x", x), ("y", y)):
        if not isinstance(value, cp.ndarray):
            raise TypeError(f"{name} must be a CuPy array, not {type(value).__name__}")
        _validate.real_dtype(value.dtype, name)
    dtype = np.result_type(_validate.real_dtype(x.dtype, "x"), _validate.real_dtype(y.dtype, "y"))
    knots = _validate.real_array(x.get(), "x", ndim=1, dtype=dtype)
    if knots.size < 2:
        raise ValueError(f"x has {knots.size} elements, expected at least 2 knots")
    if y.ndim == 0 or y.shape[0] != knots.size:
        raise ValueError(f"y has shape {y.shape}, expected {knots.size} entries along axis 0 as in x")
    return knots, cp.ascontiguousarray(y, dtype)


def cubic_on_device(
    knots: Array,
    y: Any,
    ends: tuple[int, int],
    values: tuple[Array, Array],
    extrapolate: Extrapolate,
) -> DeviceSpline:
    """The cubic splines through the columns of y (n, ...), one column to a thread.

    The call waits for the device, to learn whether a column was not finite.
    """
    cp = _device.cupy()
    n, trailing = knots.size, y.shape[1:]
    m = math.prod(trailing)
    check_increasing(knots, "x")
    c = cp.empty((4, n - 1, *trailing), knots.dtype)
    if m > 0:
        kernel = getattr(_device.cuda("spline"), f"cubic_{knots.dtype.name}")
        there = [cp.asarray(array) for array in (knots, *values)]
        work = cp.empty(n * (m + 4), knots.dtype)
        flag = cp.empty(1, np.int32)
        kernel(
            there[0].data.ptr,
            n,
            y.data.ptr,
            m,
            ends[0],
            there[1].data.ptr,
            ends[1],
            there[2].data.ptr,
            c.data.ptr,
            work.data.ptr,
            flag.data.ptr,
            _device.stream(),
        )
        if int(flag.get()[0]) != 0:
            raise ValueError("y contains values that are not finite, or their slopes overflow")
    return DeviceSpline(knots, c, build_index(knots), extrapolate)
