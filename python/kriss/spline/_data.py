"""Data (x, y) of an interpolating spline, checked and brought to knots (n) and rows (n, columns)."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from kriss import _validate
from kriss.spline._piecewise import Array


class Data(NamedTuple):
    """Knots (n), rows (n, columns) of one dtype, the shape of the columns, and the axis of y, from 0."""

    knots: Array
    rows: Array
    trailing: tuple[int, ...]
    axis: int

    @property
    def dtype(self) -> np.dtype[Any]:
        """float32 if x and y were, else float64."""
        return self.knots.dtype


def prepare(x: npt.ArrayLike, y: npt.ArrayLike, axis: int, check_finite: bool) -> Data:
    """Checks of everything but the order of the knots, which the kernels test on their way."""
    knots = _validate.real_array(x, "x", ndim=1)
    values = _validate.real_array(y, "y", finite=check_finite)
    dtype = np.result_type(knots.dtype, values.dtype)
    knots = knots.astype(dtype, copy=False)
    if knots.size < 2:
        raise ValueError(f"x has {knots.size} elements, expected at least 2 knots")
    if values.ndim == 0:
        raise ValueError(f"y is a scalar, expected {knots.size} values along axis {axis}")
    axis = _validate.integer(axis, "axis", low=-values.ndim, high=values.ndim - 1) % values.ndim
    if values.shape[axis] != knots.size:
        raise ValueError(f"y has shape {values.shape}, expected {knots.size} entries along axis {axis} as in x")
    if axis:
        values = np.moveaxis(values, axis, 0)
    trailing = values.shape[1:]
    rows = np.ascontiguousarray(values, dtype).reshape(knots.size, math.prod(trailing))
    return Data(knots, rows, trailing, axis)
