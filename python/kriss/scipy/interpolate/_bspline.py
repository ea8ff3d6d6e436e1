"""`BSpline` and `make_interp_spline` with SciPy's interface; evaluation and banded solves by the kernels."""

from __future__ import annotations

import inspect
import operator
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.interpolate import BSpline as _ScipysBSpline
from scipy.interpolate import make_interp_spline as _scipys

from kriss import _backend
from kriss.spline._bspline import MAX_DEGREE, solve_coefficients
from kriss.spline._piecewise import _NO_TABLE, EXTEND, NAN, WRAP, Index, build_index

_ROUTINE = "interpolate.BSpline"
_PLAIN = (np.ndarray, list, tuple, int, float)
# Newer SciPy keeps knots and coefficients in _t and _c, and remembers the array library of its input; anything but
# NumPy is not ours.
_probe = _ScipysBSpline(np.arange(4.0), np.zeros(2), 1)
_KNOTS, _COEFFICIENTS = ("_t", "_c") if hasattr(_probe, "_t") else ("t", "c")
_NUMPY = getattr(_probe, "_asarray", None)

_F8, _C16 = np.dtype(np.float64), np.dtype(np.complex128)
_NO_INDEX = Index(_NO_TABLE, 0)

Cached = tuple[Any, int, int, Index]


def knot_index(t: npt.NDArray[np.float64], k: int, points: int, cached: Cached | None) -> tuple[Index, Cached | None]:
    """The index over the base interval of `t`: the cached one if it is of this `t`, else a new one if `points` pay for
    it, else none, which means a guess from equal spacing and a bisection."""
    if cached is not None and cached[0] is t and cached[1] == k and cached[2] == t.size:
        return cached[3], cached
    if points * 16 < t.size:
        return _NO_INDEX, cached
    index = build_index(t[k : t.size - k])
    return index, (t, k, t.size, index)


def usable_knots(t: Any, k: Any) -> bool:
    """Whether the kernels take knots `t` for degree `k`: what SciPy's constructor checks in constant time."""
    if type(t) is not np.ndarray or type(k) is not int or not 0 <= k <= MAX_DEGREE:
        return False
    if t.dtype != _F8 or t.ndim != 1 or t.size < 2 * k + 2:
        return False
    flags = t.flags
    if not (flags.c_contiguous and flags.aligned):
        return False
    return bool(-np.inf < t.item(k) < t.item(t.size - k - 1) < np.inf)


def as_points(x: Any) -> npt.NDArray[np.float64] | None:
    """`x` as float64 in C order, or None where its dtype is not real."""
    if type(x) is float:
        return np.array(x)
    points = np.asarray(x)
    if points.dtype != _F8 or not (points.flags.c_contiguous and points.flags.aligned):
        if points.dtype.kind not in "biuf":
            return None
        points = np.require(points, np.float64, ["C", "A"])
    return points


class BSpline(_ScipysBSpline):  # type: ignore[misc]
    """Spline in B-spline form, as `scipy.interpolate.BSpline`, evaluated by compiled kernels.

    A drop-in replacement: a subclass with the same signature, attributes, errors and methods whose values are the same
    bits. SciPy looks for the interval of each point by walking from that of the previous one; here a bucket index
    finds it in constant time, so points in random order cost what sorted ones do.

    Parameters
    ----------
    t : ndarray, shape (n + k + 1,)
        Knots, not decreasing.
    c : ndarray, shape (>=n, ...)
        Coefficients, real or complex.
    k : int
        Degree.
    extrapolate : bool or "periodic"
        What calls do outside the base interval ``t[k] .. t[n]``.
    axis : int
        Interpolation axis of `c`.

    Attributes
    ----------
    t, c, k, extrapolate, axis, tck
        As in SciPy. `t` and `c` may be modified, in place or by assignment: nothing that depends on `c` is kept, and
        what is kept of `t` is only a hint.

    Raises
    ------
    ValueError
        As SciPy does.

    Notes
    -----
    The recurrence of de Boor in SciPy's order of operations, ``k * (k + 1) / 2`` divisions a point, several points at
    a time. Degrees above 31, knots that are not float64 and arrays of other libraries go to SciPy (logged by
    ``kriss.dispatch``).

    References
    ----------
    C. de Boor, *A Practical Guide to Splines*, Springer, 1978, chapter X, (14) and (15).

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.scipy.interpolate import BSpline
    >>> b = BSpline(np.arange(8.0), np.array([0.0, 1.0, 2.0, 3.0]), 3)
    >>> float(b(3.5)), float(b(3.5, 1))
    (1.5, 1.0)
    """

    _kriss_index: Cached | None = None

    def __init__(self, t: Any, c: Any, k: Any, extrapolate: Any = True, axis: int = 0) -> None:
        super().__init__(t, c, k, extrapolate, axis)

    def __call__(self, x: npt.ArrayLike, nu: int = 0, extrapolate: Any = None) -> Any:
        """Values of the spline or of its derivative `nu`, as `scipy.interpolate.BSpline.__call__`.

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
        t, k = getattr(self, _KNOTS), self.k
        points = as_points(x)
        if (
            points is None
            or type(nu) is not int
            or not 0 <= nu <= k  # SciPy's zeros above k are no matter of speed
            or getattr(self, "_asarray", None) is not _NUMPY
            or not usable_knots(t, k)
        ):
            _backend.delegate(_ROUTINE, "x, nu or knots that the kernel does not take")
            return super().__call__(x, nu, extrapolate)
        c = getattr(self, _COEFFICIENTS)
        if (
            type(c) is not np.ndarray
            or (c.dtype != _F8 and c.dtype != _C16)
            or c.ndim < 1
            or c.shape[0] < t.size - k - 1
        ):
            _backend.delegate(_ROUTINE, "coefficients that the kernel does not take")
            return super().__call__(x, nu, extrapolate)
        flags = c.flags
        if not (flags.c_contiguous and flags.aligned):
            c = np.require(c, requirements=["C", "A"])
        if extrapolate is None:
            extrapolate = self.extrapolate
        beyond = WRAP if isinstance(extrapolate, str) and extrapolate == "periodic" else EXTEND if extrapolate else NAN
        shape = points.shape + c.shape[1:]
        if 0 in shape:
            out = np.empty(shape, c.dtype)
        else:
            index, self._kriss_index = knot_index(t, k, points.size, self._kriss_index)
            # A complex column is two real ones.
            rows = (c if c.dtype == _F8 else c.view(_F8)).reshape(c.shape[0], -1)
            values = np.empty((points.size, rows.shape[1]))
            _backend.kernels("spline_bspline").evaluate(
                t, index.table, index.map, rows, k, points, nu, beyond, values, 0
            )
            out = (values if c.dtype == _F8 else values.view(_C16)).reshape(shape)
        if self.axis:
            out = np.moveaxis(out, range(points.ndim), range(self.axis, self.axis + points.ndim))
        return out

    def __getstate__(self) -> Any:
        # The index is rebuilt where it is needed.
        return {name: value for name, value in self.__dict__.items() if name != "_kriss_index"}


BSpline.__signature__ = inspect.signature(_ScipysBSpline)
BSpline.__call__.__signature__ = inspect.signature(_ScipysBSpline.__call__)  # type: ignore[attr-defined]


def adopt(spline: Any) -> BSpline:
    """The same spline as an object of our class, sharing its arrays."""
    return BSpline.construct_fast(spline.t, spline.c, spline.k, spline.extrapolate, spline.axis)  # type: ignore[no-any-return]


def make_interp_spline(
    x: Any, y: Any, k: Any = 3, t: Any = None, bc_type: Any = None, axis: int = 0, check_finite: Any = True
) -> BSpline:
    """Interpolating B-spline, as `scipy.interpolate.make_interp_spline`, solved without pivoting.

    Parameters
    ----------
    x : array_like, shape (n,)
        Abscissas, strictly increasing.
    y : array_like, shape (n, ...)
        Ordinates, real or complex.
    k : int
        Degree.
    t : array_like, optional
        Knots; by default not-a-knot ends.
    bc_type : 2-tuple, str or None
        Boundary conditions; None stands for none, with not-a-knot knots.
    axis : int
        Interpolation axis of `y`.
    check_finite : bool
        Whether to look for NaN and infinity.

    Returns
    -------
    BSpline
        The mirror's class, a subclass of SciPy's.

    Raises
    ------
    ValueError, LinAlgError
        As SciPy does.

    Notes
    -----
    Collocation without boundary conditions is solved here: the matrix is totally positive, so elimination within its
    profile needs no pivoting. About ``k**2`` flops a row. The degrees 0 and 1, which need no system, periodic splines,
    and given derivatives go to SciPy (logged by ``kriss.dispatch``); the result is still of our class.

    References
    ----------
    C. de Boor, *A Practical Guide to Splines*, Springer, 1978, chapter XIII. C. de Boor, A. Pinkus, *Backward error
    analysis for totally positive linear systems*, Numer. Math. 27 (1977), 485-490.

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.scipy.interpolate import make_interp_spline
    >>> x = np.linspace(0.0, np.pi, 20)
    >>> s = make_interp_spline(x, np.sin(x), k=5)
    >>> bool(abs(s(1.0) - np.sin(1.0)) < 1e-8)
    True
    """
    made = _interpolate(x, y, k, t, bc_type, axis, check_finite)
    return adopt(_scipys(x, y, k, t, bc_type, axis, check_finite)) if made is None else made


make_interp_spline.__signature__ = inspect.signature(_scipys)  # type: ignore[attr-defined]


def _interpolate(x: Any, y: Any, k: Any, t: Any, bc_type: Any, axis: Any, check_finite: Any) -> BSpline | None:
    """The spline, or None to leave the whole call, errors included, to SciPy."""
    routine = "interpolate.make_interp_spline"
    if not (bc_type is None or (isinstance(bc_type, str) and bc_type == "not-a-knot")):
        _backend.delegate(routine, "boundary conditions")
        return None
    try:
        k = operator.index(k)
    except TypeError:
        return None
    if not (2 <= k <= MAX_DEGREE or (k == 1 and t is not None)):
        _backend.delegate(routine, f"degree {k}")
        return None
    if type(x) not in _PLAIN or type(y) not in _PLAIN or not (t is None or type(t) in _PLAIN):
        _backend.delegate(routine, f"x is {type(x).__name__}, y is {type(y).__name__}, t is {type(t).__name__}")
        return None
    try:
        knots, values = np.asarray(x), np.asarray(y)
        given = None if t is None else np.asarray(t)
    except ValueError:
        return None
    if knots.dtype.kind not in "biuf" or values.dtype.kind not in "biufc":
        _backend.delegate(routine, f"dtypes {knots.dtype} and {values.dtype}")
        return None
    if knots.ndim != 1 or values.ndim == 0 or values.size == 0 or type(axis) is not int:
        return None
    n = knots.size
    if not -values.ndim <= axis < values.ndim or values.shape[axis] != n or n < k + 1:
        return None
    knots = np.ascontiguousarray(knots, np.float64)
    if not (knots[1:] > knots[:-1]).all() or not (np.isfinite(knots[0]) and np.isfinite(knots[-1])):
        return None
    kind = np.complex128 if values.dtype.kind == "c" else np.float64
    axis %= values.ndim
    c = np.array(np.moveaxis(values, axis, 0), kind, order="C")
    rows = c.view(np.float64).reshape(n, -1)
    if not np.isfinite(rows).all():
        return None  # SciPy has the message; with check_finite=False it mixes columns
    if given is None:
        full = _not_a_knot(knots, k)
    else:
        if given.dtype.kind not in "biuf" or given.ndim != 1 or given.size != n + k + 1:
            return None
        full = np.array(given, np.float64)
        if not (full[1:] >= full[:-1]).all() or not np.isfinite(full).all():
            return None
        if knots[0] < full[k] or knots[-1] > full[n] or not (full[k] < full[k + 1] and full[n - 1] < full[n]):
            _backend.delegate(routine, "data outside the base interval, or empty intervals at its ends")
            return None
    status, _ = solve_coefficients(knots, full, k, rows, 0)
    if status:
        _backend.delegate(routine, "Schoenberg-Whitney conditions that do not hold")
        return None
    return BSpline.construct_fast(full, c, k, axis=axis)  # type: ignore[no-any-return]


def _not_a_knot(x: npt.NDArray[np.float64], k: int) -> npt.NDArray[np.float64]:
    """SciPy's knots without boundary conditions, k >= 2, to the bit."""
    inner = x if k % 2 else (x[1:] + x[:-1]) / 2
    cut = (k + 1) // 2
    t = np.empty(x.size + k + 1)
    t[: k + 1] = x[0]
    t[-k - 1 :] = x[-1]
    t[k + 1 : -k - 1] = inner[cut : inner.size - cut]
    return t
