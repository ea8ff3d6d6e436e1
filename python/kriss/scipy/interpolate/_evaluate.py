"""Evaluation by the kernels for every mirror that is a `scipy.interpolate.PPoly`."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.interpolate as si

from kriss import _backend
from kriss.spline._piecewise import EXTEND, NAN, WRAP, Index, build_index

# Where SciPy keeps knots, coefficients and options; the names differ between its versions.
FIELDS: tuple[str, ...] = tuple(si.PPoly.__mro__[1].__slots__)
_KNOTS, _COEFFICIENTS = ("_x", "_c") if "_x" in FIELDS else ("x", "c")
# Newer SciPy remembers the array library of its input here; anything but NumPy is not ours.
_NUMPY = getattr(si.PPoly.construct_fast(np.zeros((1, 1)), np.arange(2.0)), "_asarray", None)
PLAIN = (np.ndarray, list, tuple, int, float)


class FastPieces:
    """The `__call__` of the mirrors; the class that follows in the order of inheritance is SciPy's."""

    _kriss_index: tuple[Any, Index] | None = None

    def __call__(self, x: npt.ArrayLike, nu: int = 0, extrapolate: Any = None) -> Any:
        """Values of the spline or of its derivative `nu`, as `scipy.interpolate.PPoly.__call__`.

        Parameters
        ----------
        x : array_like
            Points, of any shape and in any order.
        nu : int
            Order of the derivative.
        extrapolate : bool, "periodic" or None
            Overrides the spline's own choice.

        Returns
        -------
        ndarray
            The shape of `x` in place of the interpolation axis.
        """
        knots, c = getattr(self, _KNOTS), getattr(self, _COEFFICIENTS)
        if type(x) is float:
            points = np.array(x)
        else:
            points = np.asarray(x)
            if points.dtype != np.float64 or not (points.flags.c_contiguous and points.flags.aligned):
                if points.dtype.kind not in "biuf":
                    return self._scipy(f"evaluation at dtype {points.dtype}", x, nu, extrapolate)
                points = np.require(points, np.float64, ["C", "A"])
        index = self._kriss_index
        if index is None or index[0] is not knots:
            if not _usable(knots):
                return self._scipy("breakpoints that do not increase, or not float64", x, nu, extrapolate)
            index = self._kriss_index = (knots, build_index(knots))
        if (
            type(nu) is not int
            or nu < 0
            or type(c) is not np.ndarray
            or c.dtype != np.float64
            or not c.flags.c_contiguous
            or c.ndim < 2
            or c.shape[0] < 1
            or c.shape[1] != knots.size - 1  # assigned by the user; SciPy has the message
            or knots.item(0) > knots.item(-1)  # reversed in place
            or getattr(self, "_asarray", None) is not _NUMPY
        ):
            reason = "complex coefficients" if getattr(c, "dtype", None) == np.complex128 else "nu or fields that"
            return self._scipy(f"{reason}, which the kernel does not take", x, nu, extrapolate)
        if extrapolate is None:
            extrapolate = self.extrapolate  # type: ignore[attr-defined]
        beyond = WRAP if isinstance(extrapolate, str) and extrapolate == "periodic" else EXTEND if extrapolate else NAN
        out = np.empty(points.shape + c.shape[2:])
        _backend.kernels("spline").evaluate(
            knots, index[1].table, index[1].map, c, points, min(nu, 1 << 20), beyond, out, 0
        )
        axis = self.axis  # type: ignore[attr-defined]
        if axis:
            out = np.moveaxis(out, range(points.ndim), range(axis, axis + points.ndim))
        return out

    def _scipy(self, reason: str, x: Any, nu: Any, extrapolate: Any) -> Any:
        _backend.delegate(f"interpolate.{type(self).__name__}", reason)
        return super().__call__(x, nu, extrapolate)  # type: ignore[misc]

    def __getstate__(self) -> Any:
        # The index is rebuilt where it is needed.
        state: tuple[Any, Any] = super().__getstate__()  # type: ignore[assignment]
        attributes, fields = state
        if attributes is not None:
            attributes = {k: v for k, v in attributes.items() if k != "_kriss_index"} or None
        return attributes, fields


FastPieces.__call__.__signature__ = inspect.signature(si.PPoly.__call__)  # type: ignore[attr-defined]


def _usable(knots: Any) -> bool:
    return (
        type(knots) is np.ndarray
        and knots.dtype == np.float64
        and knots.ndim == 1
        and knots.size >= 2
        and bool(knots.flags.c_contiguous)
        and bool(knots[0] <= knots[-1])
    )


def fill_fields(instance: Any, c: Any, knots: Any, extrapolate: Any, axis: int) -> None:
    """Give `instance` what SciPy's constructor would: coefficients, knots and options."""
    made = si.PPoly.construct_fast(c, knots, extrapolate, axis)
    for name in FIELDS:
        setattr(instance, name, getattr(made, name))


def real_data(routine: str, x: Any, y: Any, axis: Any) -> tuple[Any, Any, Any, int] | None:
    """Knots (n), values with `axis` first, rows (n, columns) and the axis from 0; None if the call is SciPy's."""
    if type(x) not in PLAIN or type(y) not in PLAIN:
        _backend.delegate(routine, f"x is {type(x).__name__}, y is {type(y).__name__}")
        return None
    try:
        knots, values = np.asarray(x), np.asarray(y)
    except ValueError:
        return None
    if knots.dtype.kind not in "biuf" or values.dtype.kind not in "biuf":
        _backend.delegate(routine, f"dtypes {knots.dtype} and {values.dtype}")
        return None
    if knots.ndim != 1 or values.ndim == 0 or values.size == 0 or type(axis) is not int:
        return None
    axis = axis % values.ndim
    n = knots.size
    if n < 2 or values.shape[axis] != n:
        return None
    knots = np.array(knots, np.float64, order="C")
    values = np.moveaxis(np.asarray(values, np.float64), axis, 0)
    return knots, values, np.ascontiguousarray(values).reshape(n, -1), axis
