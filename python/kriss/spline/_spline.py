"""`Spline`, an immutable piecewise polynomial, and `cubic`, which interpolates with one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import scipy.interpolate as si

from kriss import _backend, _device, _validate
from kriss.spline._piecewise import EXTEND, Array, Index, beyond_code, build_index

Extrapolate = bool | Literal["periodic"]
EndCondition = str | tuple[int, npt.ArrayLike]

_NOT_A_KNOT, _SLOPE, _CURVATURE, _PERIODIC = 0, 1, 2, 3
_NAMED = ("not-a-knot", "natural", "clamped", "periodic")


class Spline:
    """A piecewise polynomial that evaluates fast at points in any order; it never changes after construction.

    Made by `cubic`, `interpolate` and `fit`, or from any `scipy.interpolate.PPoly` by `Spline.from_ppoly`.

    Parameters
    ----------
    x : ndarray, shape (n,)
        Knots, increasing, float32 or float64, n >= 2.
    c : ndarray, shape (order, n - 1, ...)
        Coefficients of the same dtype: ``c[p, i]`` belongs to ``(t - x[i])**(order - 1 - p)`` on
        ``[x[i], x[i + 1])``.
    extrapolate : bool or "periodic"
        What a call does outside ``[x[0], x[-1]]``: the end polynomials, NaN, or the periodic image.
    axis : int
        Where in the result the dimensions of the evaluation points go among the trailing dimensions of `c`.

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong type or shape, or knots do not increase (the index is named).

    Notes
    -----
    A call locates points by a bucket index over the knots, built at the first call in O(n) time and at most 16 bytes
    a knot, with O(log n) as worst case on any knots, and sums the powers in the order of `scipy.interpolate.PPoly`.
    It costs ``2 * order`` flops a point and column. Nothing is remembered between calls: an object may be shared by
    threads.

    References
    ----------
    C. de Boor, *A Practical Guide to Splines*, Springer, 1978, chapter VII: piecewise polynomials and their evaluation.

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.spline import cubic
    >>> x = np.linspace(0.0, 3.0, 50)
    >>> s = cubic(x, np.exp(x))
    >>> bool(abs(s(1.234) - np.exp(1.234)) < 1e-5)
    True
    """

    __slots__ = ("_axis", "_beyond", "_c", "_extrapolate", "_index", "_x")

    _x: Array
    _c: Array
    _axis: int
    _extrapolate: Extrapolate
    _beyond: int
    _index: Index | None

    def __init__(self, x: npt.ArrayLike, c: npt.ArrayLike, *, extrapolate: Extrapolate = True, axis: int = 0) -> None:
        knots = _validate.real_array(x, "x", ndim=1)
        coefficients = _validate.real_array(c, "c", finite=False)
        if knots.dtype != coefficients.dtype:
            knots, coefficients = knots.astype(np.float64), coefficients.astype(np.float64)
        if knots.size < 2:
            raise ValueError(f"x has {knots.size} elements, expected at least 2 knots")
        if coefficients.ndim < 2 or coefficients.shape[0] < 1 or coefficients.shape[1] != knots.size - 1:
            raise ValueError(
                f"c has shape {coefficients.shape}, expected (order, {knots.size - 1}, ...) with order >= 1"
            )
        check_increasing(knots, "x")
        beyond_code(extrapolate)
        axis = _validate.integer(axis, "axis", low=0, high=coefficients.ndim - 2)
        self._set(_own(knots, x), _own(coefficients, c), extrapolate, axis)

    def _set(self, x: Array, c: Array, extrapolate: Extrapolate, axis: int) -> None:
        x.flags.writeable = False
        c.flags.writeable = False
        self._x = x
        self._c = c
        self._extrapolate = extrapolate
        self._beyond = beyond_code(extrapolate)
        self._axis = axis
        self._index = None

    @classmethod
    def _make(cls, x: Array, c: Array, extrapolate: Extrapolate, axis: int) -> Spline:
        """Without checks, from arrays that nobody else writes to."""
        self = object.__new__(cls)
        self._set(x, c, extrapolate, axis)
        return self

    @classmethod
    def from_ppoly(cls, pp: Any) -> Spline:
        """The same piecewise polynomial as `pp`.

        Parameters
        ----------
        pp : scipy.interpolate.PPoly
            Real, with increasing breakpoints; `pp` is copied.

        Returns
        -------
        Spline
            In float64, with the same `axis` and `extrapolate`.

        Raises
        ------
        TypeError, ValueError
            If it is not a PPoly, is complex, or its breakpoints do not increase.
        """
        if not isinstance(pp, si.PPoly):
            raise TypeError(f"pp must be a scipy.interpolate.PPoly, not {type(pp).__name__}")
        extrapolate: Extrapolate = "periodic" if pp.extrapolate == "periodic" else bool(pp.extrapolate)
        return cls(np.array(pp.x), np.array(pp.c), extrapolate=extrapolate, axis=pp.axis)

    @property
    def x(self) -> Array:
        """Knots, shape (n,), read-only."""
        return self._x

    @property
    def c(self) -> Array:
        """Coefficients, shape (order, n - 1, ...), highest power first, read-only."""
        return self._c

    @property
    def axis(self) -> int:
        """Where the dimensions of the evaluation points go in the result."""
        return self._axis

    @property
    def extrapolate(self) -> Extrapolate:
        """What a call does outside the knots unless it says otherwise."""
        return self._extrapolate

    @property
    def k(self) -> int:
        """Degree of the pieces."""
        return int(self._c.shape[0]) - 1

    def __call__(
        self,
        x: npt.ArrayLike,
        nu: int = 0,
        *,
        out: Array | None = None,
        extrapolate: Extrapolate | None = None,
        workers: int | None = None,
    ) -> Any:
        """Values of the spline, or of its derivative `nu`, at `x`.

        Parameters
        ----------
        x : array_like
            Points in any order and shape; converted to the dtype of the spline. NaN gives NaN.
        nu : int
            Order of the derivative, at least 0. Intervals are half-open, ``[x[i], x[i + 1])``, the last one closed.
        out : ndarray, optional
            C-contiguous array of the result's shape and dtype to write to; it must not overlap `x`. Only for
            ``axis == 0``.
        extrapolate : bool or "periodic", optional
            Overrides the spline's own choice.
        workers : int, optional
            Threads; the default is the process-wide setting. The result does not depend on it.

        Returns
        -------
        ndarray or scalar
            Shape ``c.shape[2:]`` with the shape of `x` inserted at `axis`.

        Raises
        ------
        TypeError, ValueError
            If an argument has the wrong type, or `out` does not fit.
        """
        index = self._index
        if index is None:
            # Two threads may both build it; they build the same.
            index = self._index = build_index(self._x)
        dtype = self._x.dtype
        if type(x) is float:
            points = np.array(x, dtype)
        else:
            if _device.is_device_array(x):
                raise TypeError("x is on the GPU but the spline is in host memory: call s.to_device()(x)")
            points = _validate.real_array(x, "x", dtype=dtype, finite=False)
        if type(nu) is not int or nu < 0:
            nu = _validate.integer(nu, "nu", low=0)
        beyond = self._beyond if extrapolate is None else beyond_code(extrapolate)
        shape = points.shape + self._c.shape[2:]
        if out is None:
            result = np.empty(shape, dtype)
        else:
            result = self._check_out(out, shape, points)
        threads = 0 if workers is None else _validate.workers(workers)
        _backend.kernels("spline").evaluate(
            self._x, index.table, index.top, self._c, points, min(nu, 1 << 20), beyond, result, threads
        )
        if out is not None:
            return out
        if self._axis:
            result = np.moveaxis(result, range(points.ndim), range(self._axis, self._axis + points.ndim))
        return result if result.ndim else result[()]

    def _check_out(self, out: object, shape: tuple[int, ...], points: Array) -> Array:
        if not isinstance(out, np.ndarray):
            raise TypeError(f"out must be an ndarray, not {type(out).__name__}")
        if self._axis:
            raise ValueError(f"out cannot be used with axis={self._axis}, only with axis=0")
        if out.shape != shape or out.dtype != self._x.dtype:
            raise ValueError(f"out has shape {out.shape} and dtype {out.dtype}, expected {shape} and {self._x.dtype}")
        if not (out.flags.c_contiguous and out.flags.aligned and out.flags.writeable):
            raise ValueError("out must be C-contiguous, aligned and writeable")
        if np.may_share_memory(out, points):
            raise ValueError("out overlaps x, expected separate memory")
        return out

    def derivative(self, nu: int = 1) -> Spline:
        """The derivative of order `nu` as a spline of its own; a negative `nu` integrates.

        Parameters
        ----------
        nu : int
            Order.

        Returns
        -------
        Spline
            On the same knots.
        """
        nu = _validate.integer(nu, "nu")
        if nu < 0:
            return self.antiderivative(-nu)
        order = self._c.shape[0]
        c = self._c[: max(order - nu, 0)].copy()
        if c.shape[0] == 0:
            c = np.zeros((1, *self._c.shape[1:]), self._c.dtype)
        else:
            for p in range(c.shape[0]):
                power = order - 1 - p
                for j in range(nu):
                    c[p] *= power - j
        return self._make(self._x, c, self._extrapolate, self._axis)

    def antiderivative(self, nu: int = 1) -> Spline:
        """The antiderivative of order `nu`, zero at ``x[0]`` and continuous; a negative `nu` differentiates.

        Parameters
        ----------
        nu : int
            Order.

        Returns
        -------
        Spline
            In float64, on the same knots; it does not extrapolate where the spline was periodic.
        """
        nu = _validate.integer(nu, "nu")
        if nu <= 0:
            return self.derivative(-nu)
        pp = self.to_ppoly().antiderivative(nu)
        extrapolate = False if self._extrapolate == "periodic" else self._extrapolate
        return self._make(self._x.astype(np.float64), np.ascontiguousarray(pp.c), extrapolate, self._axis)

    def integrate(self, a: float, b: float, *, extrapolate: Extrapolate | None = None) -> Any:
        """Definite integral from `a` to `b`.

        Parameters
        ----------
        a, b : float
            Bounds, in either order.
        extrapolate : bool or "periodic", optional
            Overrides the spline's own choice.

        Returns
        -------
        float or ndarray
            Shape ``c.shape[2:]``; NaN where the range leaves the knots and `extrapolate` is False.
        """
        lower = _validate.scalar(a, "a")
        upper = _validate.scalar(b, "b")
        how: Any = self._extrapolate if extrapolate is None else extrapolate
        beyond_code(how)
        result = self.to_ppoly().integrate(lower, upper, extrapolate=how)
        return result if result.ndim else float(result)

    def roots(self, *, discontinuity: bool = True, extrapolate: bool | None = None) -> Any:
        """Real points where the spline is zero.

        Parameters
        ----------
        discontinuity : bool
            Report a change of sign across a jump at a knot.
        extrapolate : bool, optional
            Also report roots of the end polynomials outside the knots. By default the spline's own choice.

        Returns
        -------
        ndarray
            Sorted roots; for several columns an object array of them. A piece that is zero everywhere gives its left
            knot followed by NaN.
        """
        how: Any = self._extrapolate if extrapolate is None else extrapolate
        return self.to_ppoly().roots(discontinuity, beyond_code(how) == EXTEND)

    def to_ppoly(self) -> Any:
        """The spline as a `scipy.interpolate.PPoly` in float64, a copy."""
        c, x = np.array(self._c, np.float64), np.array(self._x, np.float64)
        return si.PPoly.construct_fast(c, x, self._extrapolate, self._axis)

    def to_device(self) -> Any:
        """The spline on the current GPU, to be called with CuPy arrays.

        Returns
        -------
        DeviceSpline
            Knots, coefficients and search index are copied to the device once, here.

        Raises
        ------
        RuntimeError
            If the CUDA kernels are not built, there is no device, or CuPy is missing.
        ValueError
            If ``axis`` is not 0.
        """
        from kriss.spline._on_device import DeviceSpline

        if self._axis:
            raise ValueError(f"a spline with axis={self._axis} cannot go to a device, only axis=0")
        return DeviceSpline(self._x, self._c, self._index or build_index(self._x), self._extrapolate)

    def __reduce__(self) -> tuple[Callable[..., Spline], tuple[Any, ...]]:
        return _rebuild, (type(self), np.array(self._x), np.array(self._c), self._extrapolate, self._axis)

    def __repr__(self) -> str:
        trailing = f", columns {self._c.shape[2:]}" if self._c.ndim > 2 else ""
        return (
            f"<Spline of degree {self.k} on {self._x.size} knots in "
            f"[{self._x[0]:.6g}, {self._x[-1]:.6g}], {self._x.dtype}{trailing}>"
        )


def _rebuild(cls: type[Spline], x: Array, c: Array, extrapolate: Extrapolate, axis: int) -> Spline:
    return cls._make(x, c, extrapolate, axis)


def _own(array: Array, given: object) -> Array:
    """`array`, copied unless it is known not to share memory with what the caller gave."""
    fresh = type(given) in (list, tuple) or (isinstance(given, np.ndarray) and not np.may_share_memory(array, given))
    return array if fresh else array.copy()


def check_increasing(x: Array, name: str) -> None:
    """Refuse knots that do not strictly increase, naming the first offender."""
    with np.errstate(over="ignore"):
        steps = np.diff(x)
    if not (steps > 0).all():
        i = int(np.argmin(steps > 0))
        raise ValueError(
            f"{name} must be strictly increasing, but {name}[{i}] = {x[i]!s} is followed by "
            f"{name}[{i + 1}] = {x[i + 1]!s}"
        )
    if not np.isfinite(steps).all():
        i = int(np.argmin(np.isfinite(steps)))
        raise ValueError(f"the distance of {name}[{i}] = {x[i]!s} and {name}[{i + 1}] = {x[i + 1]!s} overflows")


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
    extrapolate : bool or "periodic", optional
        What calls of the spline do outside the knots; by default True, and "periodic" for periodic splines.
    check_finite : bool
        Refuse NaN and infinity in `y`. Without the check a column with NaN gives a column of NaN.
    workers : int, optional
        Threads; the result does not depend on it.

    Returns
    -------
    Spline
        In float32 if both `x` and `y` are, otherwise in float64.

    Raises
    ------
    TypeError
        If `x` or `y` is not real.
    ValueError
        If shapes do not match, x does not increase (naming the index), values are not finite, the differences of
        neighbouring points overflow, or `bc` is not understood.

    Notes
    -----
    One symmetric, strictly diagonally dominant tridiagonal system in the second derivatives, eliminated in blocks
    without pivoting: about 30 flops and three divisions a knot, and (4 + m) n items of scratch.

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
    values = np.moveaxis(values, axis, 0)
    trailing = values.shape[1:]
    rows = np.ascontiguousarray(values, dtype).reshape(knots.size, int(np.prod(trailing)))

    periodic = isinstance(bc, str) and bc == "periodic"
    if periodic:
        zero = np.zeros(rows.shape[1], dtype)
        left = right = (_PERIODIC, zero)
        tolerance = 8 * np.finfo(dtype).eps * np.abs(rows).max(axis=0, initial=0)
        apart = np.abs(rows[0] - rows[-1])
        if not (apart <= tolerance).all() and check_finite:
            column = int(np.argmax(~(apart <= tolerance)))
            raise ValueError(
                f"y must begin and end with the same value for bc='periodic', but column {column} has "
                f"{rows[0, column]!s} and {rows[-1, column]!s}"
            )
    else:
        pair = (bc, bc) if isinstance(bc, str) or _is_condition(bc) else bc
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            raise ValueError(f"bc must be a name, a pair (order, value) or a pair of those, not {bc!r}")
        left = _end(pair[0], "left", trailing, dtype)
        right = _end(pair[1], "right", trailing, dtype)
    if extrapolate is None:
        extrapolate = "periodic" if periodic else True
    beyond_code(extrapolate)

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
    return Spline._make(_own(knots, x), c, extrapolate, axis)


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
