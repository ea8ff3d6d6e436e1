"""`CubicSpline` with SciPy's interface: construction and evaluation by the kernels, everything else inherited."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.interpolate as si

from kriss import _backend
from kriss.scipy.interpolate._evaluate import FastPieces, fill_fields, real_data
from kriss.spline._cubic import solve_cubic

_ROUTINE = "interpolate.CubicSpline"


class CubicSpline(FastPieces, si.CubicSpline):  # type: ignore[misc]
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
        data = real_data(_ROUTINE, x, y, axis)
        if data is None:
            return False
        knots, values, rows, axis = data
        n, trailing = knots.size, values.shape[1:]
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
        fill_fields(self, c.reshape(4, n - 1, *trailing), knots, extrapolate, axis)
        return True


CubicSpline.__signature__ = inspect.signature(si.CubicSpline)


def _end(bc: Any, trailing: tuple[int, ...]) -> tuple[int, npt.NDArray[np.float64]]:
    columns = int(np.prod(trailing))
    if isinstance(bc, str):
        return (3 if bc == "periodic" else 0), np.zeros(columns)
    order, value = bc
    return int(order), np.ascontiguousarray(value, np.float64).reshape(columns)
