"""`cubic`: cubic interpolating splines of given data."""

from __future__ import annotations

import math
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from kriss import _backend, _device, _validate
from kriss.spline._data import prepare
from kriss.spline._piecewise import Array, Extrapolate, beyond_code, check_increasing, own
from kriss.spline._spline import Spline

EndCondition = str | tuple[int, npt.ArrayLike]

_NOT_A_KNOT, _SLOPE, _CURVATURE, _PERIODIC = 0, 1, 2, 3
_NAMED = ("not-a-knot", "natural", "clamped", "periodic")


def _end(condition: object, which: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> tuple[int, Array]:
    columns = int(np.prod(shape))
    if isinstance(condition, str):
        if condition == "natural":
            return _CURVATURE, np.zeros(columns, dtype)
        if condition == "clamped":
            return _SLOPE, np.zeros(columns, dtype)
        if condition == "not-a-knot":
            return _NOT_A_KNOT, np.zeros(columns, dtype)
        if condition == "periodic":
            raise ValueError("bc 'periodic' concerns both ends and cannot be combined with another condition")
        raise ValueError(f"bc at the {which} end must be one of {', '.join(map(repr, _NAMED))}, not {condition!r}")
    if not isinstance(condition, (tuple, list)) or len(condition) != 2:
        raise ValueError(f"bc at the {which} end must be a name or a pair (order, value), not {condition!r}")
    order, value = condition
    if order not in (1, 2):
        raise ValueError(f"bc at the {which} end has derivative order {order!r}, expected 1 or 2")
    values = _validate.real_array(value, f"bc value at the {which} end", dtype=dtype)
    if values.shape != shape:
        raise ValueError(f"bc value at the {which} end has shape {values.shape}, expected {shape}")
    return (_SLOPE if order == 1 else _CURVATURE), values.reshape(columns)


def solve_cubic(
    x: Array, y: Array, ends: tuple[int, int], values: tuple[Array, Array], workers: int
) -> tuple[Array, int]:
    """Coefficients (4, n - 1, m) of the cubic spline through y (n, m), and the kernel's status."""
    n, m = y.shape
    c = np.empty((4, n - 1, m), x.dtype)
    work = np.empty(n * (m + 4), x.dtype)
    status = _backend.kernels("spline").cubic(x, y, ends[0], values[0], ends[1], values[1], c, work, workers)
    return c, int(status)


def cubic(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    bc: EndCondition | tuple[EndCondition, EndCondition] = "not-a-knot",
    axis: int = 0,
    extrapolate: Extrapolate | None = None,
    check_finite: bool = True,
    workers: int | None = None,
) -> Spline:
    """Cubic spline through data, twice continuously differentiable.

    Parameters
    ----------
    x : array_like, shape (n,)
        Knots, strictly increasing and finite, n >= 2.
    y : array_like, shape (..., n, ...)
        Values, with n entries along `axis`; every other dimension counts columns that share the knots.
    bc : str or pair
        Conditions at the ends, one for both or a pair (left, right): ``"not-a-knot"`` (one cubic over the two end
        intervals; a parabola through 3 points, a line through 2), ``"natural"`` (second derivative 0), ``"clamped"``
        (first derivative 0), ``(1, value)`` or ``(2, value)`` (given first or second derivative, `value` of the
        shape of `y` without `axis`). ``"periodic"`` for both ends needs equal first and last values.
    axis : int
        Axis of `y` along which the knots run.
    extrapolate : bool or str, optional
        What calls of the spline do outside the knots, see `Spline`; by default True, and "periodic" for periodic
        splines.
    check_finite : bool
        Refuse NaN and infinity in `y`. Without the check a column with NaN gives a column of NaN.
    workers : int, optional
        Threads; the result does not depend on it.

    Returns
    -------
    Spline
        In float32 if both `x` and `y` are, otherwise in float64. With CuPy arrays, which must be both of them and
        ``axis=0``, it is built on the GPU, one column to a thread, and a `DeviceSpline` is returned.

    Raises
    ------
    TypeError
        If `x` or `y` is not real, or one is on the GPU and the other is not.
    ValueError
        If shapes do not match, x does not increase (naming the index), values are not finite, the differences of
        neighbouring points overflow, or `bc` is not understood.

    Notes
    -----
    One symmetric, strictly diagonally dominant tridiagonal system in the second derivatives, eliminated in blocks
    without pivoting: about 30 flops and three divisions a knot, and (4 + m) n items of scratch. On the GPU the knots
    are fetched to the host, which makes the search index, and the call waits for the device to learn whether `y` was
    finite, which is always checked there.

    References
    ----------
    C. de Boor, *A Practical Guide to Splines*, Springer, 1978, chapter IV.

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.spline import cubic
    >>> x = np.array([0.0, 1.0, 2.5, 4.0, 5.0])
    >>> s = cubic(x, x**3)
    >>> float(s(3.0)), float(s(3.0, 1)), float(s.integrate(0.0, 2.0))
    (27.0, 27.0, 4.0)
    """
    if _device.any_device(x=x, y=y):
        return cast(Spline, _cubic_on_device(x, y, bc, axis, extrapolate))
    data = prepare(x, y, axis, check_finite)
    knots, rows, trailing, dtype = data.knots, data.rows, data.trailing, data.dtype
    (left, right), extrapolate = _conditions(bc, trailing, dtype, extrapolate)
    if left[0] == _PERIODIC:
        tolerance = 8 * np.finfo(dtype).eps * np.abs(rows).max(axis=0, initial=0)
        apart = np.abs(rows[0] - rows[-1])
        if not (apart <= tolerance).all() and check_finite:
            column = int(np.argmax(~(apart <= tolerance)))
            raise ValueError(
                f"y must begin and end with the same value for bc='periodic', but column {column} has "
                f"{rows[0, column]!s} and {rows[-1, column]!s}"
            )

    if rows.shape[1] == 0:
        check_increasing(knots, "x")
        coefficients = np.zeros((4, knots.size - 1, 0), dtype)
    else:
        coefficients, status = solve_cubic(
            knots, rows, (left[0], right[0]), (left[1], right[1]), _validate.workers(workers)
        )
        if status != 0:
            check_increasing(knots, "x")
            if check_finite:
                raise ValueError("the slopes (y[i + 1] - y[i]) / (x[i + 1] - x[i]) overflow")
            coefficients = _columns_alone(knots, rows, left, right, _validate.workers(workers))
    c = coefficients.reshape(4, knots.size - 1, *trailing)
    return Spline._make(own(knots, x), c, extrapolate, data.axis)


def _conditions(
    bc: Any, trailing: tuple[int, ...], dtype: np.dtype[Any], extrapolate: Extrapolate | None
) -> tuple[tuple[tuple[int, Array], tuple[int, Array]], Extrapolate]:
    """The kernel's numbers and values for both ends, and the policy, by default that of the ends."""
    periodic = isinstance(bc, str) and bc == "periodic"
    if periodic:
        zero = np.zeros(math.prod(trailing), dtype)
        left = right = (_PERIODIC, zero)
    else:
        pair = (bc, bc) if isinstance(bc, str) or _is_condition(bc) else bc
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            raise ValueError(f"bc must be a name, a pair (order, value) or a pair of those, not {bc!r}")
        left = _end(pair[0], "left", trailing, dtype)
        right = _end(pair[1], "right", trailing, dtype)
    if extrapolate is None:
        extrapolate = "periodic" if periodic else True
    beyond_code(extrapolate)
    return (left, right), extrapolate


def _cubic_on_device(x: Any, y: Any, bc: Any, axis: int, extrapolate: Extrapolate | None) -> Any:
    from kriss.spline._on_device import cubic_on_device, device_data

    if axis != 0:
        raise ValueError(f"axis must be 0 for arrays on the GPU, not {axis}")
    knots, values = device_data(x, y)
    (left, right), extrapolate = _conditions(bc, values.shape[1:], knots.dtype, extrapolate)
    if left[0] == _PERIODIC and values.size:
        apart = abs(values[0] - values[-1])
        if not bool((apart <= 8 * np.finfo(knots.dtype).eps * abs(values).max(axis=0)).all()):
            raise ValueError("y must begin and end with the same values for bc='periodic'")
    return cubic_on_device(knots, values, (left[0], right[0]), (left[1], right[1]), extrapolate)


def _is_condition(bc: object) -> bool:
    """Whether `bc` is one condition (order, value) and not a pair of conditions."""
    return isinstance(bc, (tuple, list)) and len(bc) == 2 and isinstance(bc[0], (int, np.integer))


def _columns_alone(x: Array, y: Array, left: tuple[int, Array], right: tuple[int, Array], workers: int) -> Array:
    """Solve column by column, so that one that is not finite spoils only itself: it becomes NaN."""
    out = np.full((4, x.size - 1, y.shape[1]), np.nan, x.dtype)
    for t in range(y.shape[1]):
        column = np.ascontiguousarray(y[:, t : t + 1])
        ends = (np.ascontiguousarray(left[1][t : t + 1]), np.ascontiguousarray(right[1][t : t + 1]))
        c, status = solve_cubic(x, column, (left[0], right[0]), ends, workers)
        if status == 0:
            out[:, :, t] = c[:, :, 0]
    return out
