"""`Spline`, an immutable piecewise polynomial."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.interpolate as si

from kriss import _backend, _device, _validate
from kriss.spline._piecewise import (
    CONSTANT,
    EXTEND,
    NAN,
    RAISE,
    ZERO,
    Array,
    Extrapolate,
    Index,
    antiderivative_policy,
    beyond_code,
    build_index,
    check_increasing,
    check_inside,
    derivative_policy,
    own,
    scipy_policy,
)
from kriss.spline._roots import solve_pieces

__all__ = ["Extrapolate", "Spline"]


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
    extrapolate : bool or str
        What a call does outside ``[x[0], x[-1]]``: ``True`` or ``"extrapolate"`` follows the end polynomials,
        ``False`` or ``"nan"`` gives NaN, ``"constant"`` the value at the nearer end, ``"zero"`` 0, ``"periodic"`` the
        periodic image, and ``"raise"`` refuses the call with a ValueError that names the point.
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
        self._set(own(knots, x), own(coefficients, c), extrapolate, axis)

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
        extrapolate : bool or str, optional
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
            If an argument has the wrong type, `out` does not fit, or with ``extrapolate="raise"`` a point lies
            outside the knots (nothing is written then).
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
        if beyond == RAISE:
            check_inside(points, self._x[0], self._x[-1])
            beyond = NAN
        shape = points.shape + self._c.shape[2:]
        if out is None:
            result = np.empty(shape, dtype)
        else:
            result = self._check_out(out, shape, points)
        threads = 0 if workers is None else _validate.workers(workers)
        _backend.kernels("spline").evaluate(
            self._x, index.table, index.map, self._c, points, min(nu, 1 << 20), beyond, result, threads
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
            On the same knots. Where the spline was constant outside the knots, its derivative is ``"zero"`` there.
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
        return self._make(self._x, c, derivative_policy(self._extrapolate, nu), self._axis)

    def antiderivative(self, nu: int = 1) -> Spline:
        """The antiderivative of order `nu`, zero at ``x[0]`` and continuous; a negative `nu` differentiates.

        Parameters
        ----------
        nu : int
            Order.

        Returns
        -------
        Spline
            In float64, on the same knots. It is constant outside the knots where the spline was ``"zero"`` there, and
            NaN where the spline was periodic or constant.
        """
        nu = _validate.integer(nu, "nu")
        if nu <= 0:
            return self.derivative(-nu)
        pp = self.to_ppoly().antiderivative(nu)
        policy = antiderivative_policy(self._extrapolate, nu)
        return self._make(self._x.astype(np.float64), np.ascontiguousarray(pp.c), policy, self._axis)

    def integrate(self, a: float, b: float, *, extrapolate: Extrapolate | None = None) -> Any:
        """Definite integral from `a` to `b`.

        Parameters
        ----------
        a, b : float
            Bounds, in either order.
        extrapolate : bool or str, optional
            Overrides the spline's own choice.

        Returns
        -------
        float or ndarray
            Shape ``c.shape[2:]``; NaN where the range leaves the knots and `extrapolate` is False or ``"nan"``.

        Raises
        ------
        ValueError
            With ``extrapolate="raise"``, if the range leaves the knots.
        """
        lower = _validate.scalar(a, "a")
        upper = _validate.scalar(b, "b")
        how = self._extrapolate if extrapolate is None else extrapolate
        code = beyond_code(how)
        first, last = float(self._x[0]), float(self._x[-1])
        if code == RAISE:
            check_inside(np.array([lower, upper]), first, last)
        pp = self.to_ppoly()
        if code not in (CONSTANT, ZERO):
            result = pp.integrate(lower, upper, extrapolate=scipy_policy(how))
            return result if result.ndim else float(result)
        within = min(max(lower, first), last), min(max(upper, first), last)
        total = np.asarray(pp.integrate(*within, extrapolate=True))
        if code == CONSTANT:
            ends = self(np.array([first, last], self._x.dtype), extrapolate=True)
            left, right = np.take(ends, 0, self._axis), np.take(ends, 1, self._axis)
            # Signed lengths of what lies left and right of the knots.
            total = total + left * (min(upper, first) - min(lower, first))
            total = total + right * (max(upper, last) - max(lower, last))
        return total if total.ndim else float(total)

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
        return self.solve(0.0, discontinuity=discontinuity, extrapolate=extrapolate)

    def solve(self, y: float = 0.0, *, discontinuity: bool = True, extrapolate: bool | None = None) -> Any:
        """Real points where the spline equals `y`.

        Parameters
        ----------
        y : float
            The value.
        discontinuity : bool
            Report a jump across `y` at a knot.
        extrapolate : bool, optional
            Also report points of the end polynomials outside the knots. By default the spline's own choice.

        Returns
        -------
        ndarray
            Sorted points; for several columns an object array of them. A piece that equals `y` everywhere gives its
            left knot followed by NaN.

        Notes
        -----
        Pieces whose Bernstein coefficients all lie on one side of `y` are left out in O(n); the polynomials of the rest
        are solved by SciPy, as eigenvalue problems.
        """
        how = self._extrapolate if extrapolate is None else extrapolate
        value = _validate.scalar(y, "y")
        return solve_pieces(self._c, self._x, value, bool(discontinuity), beyond_code(how) == EXTEND)

    def to_ppoly(self) -> Any:
        """The spline as a `scipy.interpolate.PPoly` in float64, a copy.

        Outside the knots it follows the end polynomials or is periodic where the spline is; SciPy has no other
        policies, and what they cannot express is NaN there.
        """
        c, x = np.array(self._c, np.float64), np.array(self._x, np.float64)
        return si.PPoly.construct_fast(c, x, scipy_policy(self._extrapolate), self._axis)

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
