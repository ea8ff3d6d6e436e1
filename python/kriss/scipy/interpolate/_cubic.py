"""`CubicSpline` with SciPy's interface: construction and evaluation by the kernels, everything else inherited."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.interpolate as si

from kriss import _backend
from kriss.spline._cubic import solve_cubic
from kriss.spline._piecewise import EXTEND, NAN, WRAP, Index, build_index

_ROUTINE = "interpolate.CubicSpline"
_PLAIN = (np.ndarray, list, tuple, int, float)
# Where SciPy keeps knots, coefficients and options; the names differ between its versions.
_FIELDS: tuple[str, ...] = tuple(si.PPoly.__mro__[1].__slots__)
_KNOTS, _COEFFICIENTS = ("_x", "_c") if "_x" in _FIELDS else ("x", "c")
# Newer SciPy remembers the array library of its input here; anything but NumPy is not ours.
_NUMPY = getattr(si.PPoly.construct_fast(np.zeros((1, 1)), np.arange(2.0)), "_asarray", None)


class CubicSpline(si.CubicSpline):  # type: ignore[misc]
    """Cubic spline through data, as `scipy.interpolate.CubicSpline`, constructed and evaluated by compiled kernels.

    A drop-in replacement: a subclass with the same signature, attributes, results to rounding, errors and methods.
    Real data are solved and evaluated here; complex data, arrays of other libraries and decreasing breakpoints go to
    SciPy (logged by ``kriss.dispatch``).

    Parameters
    ----------
    x : array_like, shape (n,)
        Knots, strictly increasing.
    y : array_like
        Values, n of them along `axis`.
    axis : int
        Axis of `y` along which the knots run.
    bc_type : str or 2-tuple
        ``"not-a-knot"``, ``"periodic"``, ``"clamped"``, ``"natural"``, or a pair of names or ``(order, values)``.
    extrapolate : bool, "periodic" or None
        What calls do outside the knots; None stands for "periodic" with periodic ends and True otherwise.

    Attributes
    ----------
    x, c, axis, extrapolate
        As in SciPy: ``c[k, i]`` belongs to ``(t - x[i])**(3 - k)``.

    Raises
    ------
    ValueError
        As SciPy does: for shapes that do not fit, knots that do not increase, and values that are not finite.

    Notes
    -----
    Evaluation finds intervals by a bucket index that does not slow down on unsorted points, and sums the powers in
    SciPy's order. `c` and `x` may be modified as SciPy allows: the index is only a hint.

    References
    ----------
    C. de Boor, *A Practical Guide to Splines*, Springer, 1978, chapter IV.

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.scipy.interpolate import CubicSpline
    >>> x = np.linspace(0.0, np.pi, 20)
    >>> s = CubicSpline(x, np.sin(x))
    >>> bool(abs(s(1.0) - np.sin(1.0)) < 1e-5)
    True
    """

    _kriss_index: tuple[Any, Index] | None = None

    def __init__(
        self,
        x: npt.ArrayLike,
        y: npt.ArrayLike,
        axis: int = 0,
        bc_type: Any = "not-a-knot",
        extrapolate: Any = None,
    ) -> None:
        if not self._construct(x, y, axis, bc_type, extrapolate):
            super().__init__(x, y, axis, bc_type, extrapolate)

    def _construct(self, x: Any, y: Any, axis: Any, bc_type: Any, extrapolate: Any) -> bool:
        """Fill the fields by the kernel; False leaves the whole call, errors included, to SciPy."""
        if type(x) not in _PLAIN or type(y) not in _PLAIN:
            _backend.delegate(_ROUTINE, f"x is {type(x).__name__}, y is {type(y).__name__}")
            return False
        try:
            knots, values = np.asarray(x), np.asarray(y)
        except ValueError:
            return False
        if knots.dtype.kind not in "biuf" or values.dtype.kind not in "biuf":
            _backend.delegate(_ROUTINE, f"dtypes {knots.dtype} and {values.dtype}")
            return False
        if knots.ndim != 1 or values.ndim == 0 or values.size == 0 or type(axis) is not int:
            return False
        axis = axis % values.ndim
        n = knots.size
        if n < 2 or values.shape[axis] != n:
            return False
        knots = np.array(knots, np.float64, order="C")
        values = np.moveaxis(np.asarray(values, np.float64), axis, 0)
        trailing = values.shape[1:]
        rows = np.ascontiguousarray(values).reshape(n, -1)
        if isinstance(bc_type, str) and bc_type == "not-a-knot":
            zero = np.zeros(rows.shape[1])
            codes, ends = (0, 0), (zero, zero)
        else:
            if not np.isfinite(rows).all():
                return False  # SciPy's message comes before its look at bc_type
            checked, cast = self._validate_bc(bc_type, values, trailing, axis)
            if cast.dtype.kind == "c":
                _backend.delegate(_ROUTINE, "complex boundary values")
                return False
            (left, left_values), (right, right_values) = (_end(bc, trailing) for bc in checked)
            codes, ends = (left, right), (left_values, right_values)
        c, status = solve_cubic(knots, rows, codes, ends, 0)
        if status != 0:
            return False
        if extrapolate is None:
            extrapolate = "periodic" if codes[0] == 3 else True
        elif extrapolate != "periodic":
            extrapolate = bool(extrapolate)
        made = si.PPoly.construct_fast(c.reshape(4, n - 1, *trailing), knots, extrapolate, axis)
        for name in _FIELDS:
            setattr(self, name, getattr(made, name))
        return True

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
                    _backend.delegate(_ROUTINE, f"evaluation at dtype {points.dtype}")
                    return super().__call__(x, nu, extrapolate)
                points = np.require(points, np.float64, ["C", "A"])
        index = self._kriss_index
        if index is None or index[0] is not knots:
            if not _usable(knots):
                _backend.delegate(_ROUTINE, "breakpoints that do not increase, or not float64")
                return super().__call__(x, nu, extrapolate)
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
            _backend.delegate(_ROUTINE, "nu, coefficients or breakpoints that the kernel does not take")
            return super().__call__(x, nu, extrapolate)
        if extrapolate is None:
            extrapolate = self.extrapolate
        beyond = WRAP if isinstance(extrapolate, str) and extrapolate == "periodic" else EXTEND if extrapolate else NAN
        out = np.empty(points.shape + c.shape[2:])
        _backend.kernels("spline").evaluate(
            knots, index[1].table, index[1].map, c, points, min(nu, 1 << 20), beyond, out, 0
        )
        if self.axis:
            out = np.moveaxis(out, range(points.ndim), range(self.axis, self.axis + points.ndim))
        return out

    def __getstate__(self) -> Any:
        # The index is rebuilt where it is needed.
        attributes, fields = super().__getstate__()
        if attributes is not None:
            attributes = {k: v for k, v in attributes.items() if k != "_kriss_index"} or None
        return attributes, fields


CubicSpline.__signature__ = inspect.signature(si.CubicSpline)
CubicSpline.__call__.__signature__ = inspect.signature(si.CubicSpline.__call__)  # type: ignore[attr-defined]


def _usable(knots: Any) -> bool:
    return (
        type(knots) is np.ndarray
        and knots.dtype == np.float64
        and knots.ndim == 1
        and knots.size >= 2
        and bool(knots.flags.c_contiguous)
        and bool(knots[0] <= knots[-1])
    )


def _end(bc: Any, trailing: tuple[int, ...]) -> tuple[int, npt.NDArray[np.float64]]:
    columns = int(np.prod(trailing))
    if isinstance(bc, str):
        return (3 if bc == "periodic" else 0), np.zeros(columns)
    order, value = bc
    return int(order), np.ascontiguousarray(value, np.float64).reshape(columns)
