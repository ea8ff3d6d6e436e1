"""`splrep`, `splev` and the univariate splines with SciPy's interface, on our kernels where they are faster."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.interpolate import BSpline as _ScipysBSpline
from scipy.interpolate import InterpolatedUnivariateSpline as _ScipysInterpolated
from scipy.interpolate import LSQUnivariateSpline as _ScipysLSQ
from scipy.interpolate import UnivariateSpline as _ScipysUnivariate
from scipy.interpolate import splev as _scipys_splev
from scipy.interpolate import splrep as _scipys_splrep

from kriss import _backend
from kriss.scipy.interpolate._bspline import (
    _PLAIN,
    BSpline,
    Cached,
    _not_a_knot,
    adopt,
    as_points,
    knot_index,
    usable_knots,
)
from kriss.scipy.interpolate._lsq import fixed_knots
from kriss.spline._bspline import solve_coefficients
from kriss.spline._piecewise import CONSTANT, EXTEND, ZERO

_INTERPOLATES = "The spline is an interpolating spline (fp=0)"
# What FITPACK does outside the base interval, as our kernels number it; 2 raises.
_BEYOND = {0: EXTEND, 1: ZERO, 2: EXTEND, 3: CONSTANT}


def _values(x: Any, tck: Any, der: Any, ext: Any, cached: Cached | None) -> tuple[Any, Cached | None]:
    """`splev` of one curve by the kernel, or None to leave the call, errors included, to SciPy."""
    t, c, k = tck
    if type(k) is not int:
        k = int(k) if isinstance(k, np.integer) else k
    points = as_points(x)
    if (
        points is None
        or type(der) is not int
        or type(ext) is not int
        or ext not in _BEYOND
        or not usable_knots(t, k)
        or not 0 <= der <= k <= 5
        or type(c) is not np.ndarray
        or c.dtype != np.float64
        or c.ndim != 1
        or c.size < t.size - k - 1
        or not (c.flags.c_contiguous and c.flags.aligned)
        or points.size == 0
    ):
        return None, cached
    beyond = _BEYOND[ext]
    if ext == 2:
        first, last = t[k], t[t.size - k - 1]
        if points.min() < first or points.max() > last or np.isnan(points).any():
            return None, cached
    elif der:
        if ext == 3:
            beyond = EXTEND  # FITPACK knows constants for values only
        if der == k and np.isnan(points).any():
            return None, cached  # FITPACK does not look at the point
    index, cached = knot_index(t, k, points.size, cached)
    if der:
        t, c, k = _differentiated(t, c, k, der)
    out = np.empty(points.shape)
    _backend.kernels("spline_bspline").evaluate(
        t, index.table, index.map, c.reshape(-1, 1), k, points, 0, beyond, out, 0
    )
    return out, cached


def _differentiated(t: Any, c: Any, k: int, nu: int) -> tuple[Any, Any, int]:
    """Knots, coefficients and degree of the derivative of order nu <= k, by the differences FITPACK takes (de Boor,
    chapter X, (15)): more accurate than derivatives of B-splines where points are far outside."""
    n = t.size - k - 1
    c = c[:n]
    for j in range(1, nu + 1):
        degree = k + 1 - j
        width = t[k + 1 : n + degree] - t[j:n]
        step = c[1:] - c[:-1]
        with np.errstate(divide="ignore", invalid="ignore"):
            c = np.where(width > 0, degree * step / width, c[:-1])
    return t[nu : t.size - nu], np.ascontiguousarray(c), k - nu


def splev(x: Any, tck: Any, der: Any = 0, ext: Any = 0) -> Any:
    """Values or derivatives of a spline, as `scipy.interpolate.splev`, by compiled kernels.

    Parameters
    ----------
    x : array_like
        Points.
    tck : BSpline or tuple
        Knots, coefficients (or a list of them, one per coordinate of a curve) and degree.
    der : int
        Order of the derivative, at most the degree.
    ext : int
        Outside the base interval: 0 extrapolates, 1 returns 0, 2 raises, 3 returns the boundary value.

    Returns
    -------
    ndarray or list of ndarray
        The shape of `x`.

    Raises
    ------
    ValueError, TypeError
        As SciPy does.

    References
    ----------
    C. de Boor, *A Practical Guide to Splines*, Springer, 1978, chapter X, (14) and (15).

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.scipy.interpolate import splev, splrep
    >>> x = np.linspace(0.0, np.pi, 20)
    >>> bool(abs(splev(1.0, splrep(x, np.sin(x)), der=1) - np.cos(1.0)) < 1e-4)
    True
    """
    if isinstance(tck, _ScipysBSpline):
        if tck.c.ndim == 1 and type(ext) is int and ext == 0:
            return (tck if isinstance(tck, BSpline) else adopt(tck))(x, der, extrapolate=True)
    elif isinstance(tck, (tuple, list)) and len(tck) == 3:
        t, c, k = tck
        curves = None
        if isinstance(c, (tuple, list)) or (isinstance(c, np.ndarray) and c.ndim > 1):
            curves = [_values(x, (t, one, k), der, ext, None)[0] for one in c] if len(c) else [None]
            if all(curve is not None for curve in curves):
                return curves
        else:
            values, _ = _values(x, (t, c, k), der, ext, None)
            if values is not None:
                return values
    _backend.delegate("interpolate.splev", "arguments that the kernel does not take")
    return _scipys_splev(x, tck, der, ext)


splev.__signature__ = inspect.signature(_scipys_splev)  # type: ignore[attr-defined]


def _interpolating(x: Any, y: Any, w: Any, k: Any) -> tuple[Any, ...] | None:
    """x, y, w, t and c of the interpolating spline that FITPACK returns for s=0, or None where the input is not plain;
    c is padded by zeros to the length of t."""
    if type(x) not in _PLAIN or type(y) not in _PLAIN or type(k) is not int or not 1 <= k <= 5:
        return None
    knots, values = np.asarray(x), np.asarray(y)
    if knots.dtype.kind not in "biuf" or values.dtype.kind not in "biuf" or knots.ndim != 1 or values.ndim != 1:
        return None
    n = knots.size
    if values.size != n or n <= k:
        return None
    knots, values = np.ascontiguousarray(knots, np.float64), np.ascontiguousarray(values, np.float64)
    if w is None:
        weights = np.ones(n)
    else:
        weights = np.asarray(w)
        if weights.dtype.kind not in "biuf" or weights.shape != (n,):
            return None
        weights = np.ascontiguousarray(weights, np.float64)
        if not ((weights > 0) & (weights < np.inf)).all():
            return None
    if not (knots[1:] > knots[:-1]).all() or not np.isfinite(values).all():
        return None
    if not (np.isfinite(knots[0]) and np.isfinite(knots[-1])):
        return None
    if k == 1:
        t = np.concatenate([knots[:1], knots, knots[-1:]])
    else:
        t = _not_a_knot(knots, k)
    c = np.zeros(n + k + 1)
    c[:n] = values
    if k > 1:
        status, _ = solve_coefficients(knots, t, k, c[:n].reshape(n, 1), 0)
        if status:
            return None
    return knots, values, weights, t, c


def splrep(
    x: Any,
    y: Any,
    w: Any = None,
    xb: Any = None,
    xe: Any = None,
    k: Any = 3,
    task: Any = 0,
    s: Any = None,
    t: Any = None,
    full_output: Any = 0,
    per: Any = 0,
    quiet: Any = 1,
) -> Any:
    """B-spline representation of a curve, as `scipy.interpolate.splrep`; interpolation (``s=0``) is solved here.

    Parameters
    ----------
    x, y : array_like, shape (m,)
        Data.
    w : array_like, optional
        Weights.
    xb, xe : float, optional
        The interval; by default that of `x`.
    k : int
        Degree, 1 to 5.
    task, s, t, full_output, per, quiet
        As in SciPy.

    Returns
    -------
    tuple
        ``(t, c, k)``; with `full_output` also the sum of squares, a flag and a message.

    Raises
    ------
    TypeError, ValueError
        As SciPy does.

    Notes
    -----
    FITPACK interpolates by Givens rotations of the rows, one at a time; here it is one banded elimination. Smoothing,
    given knots, periodic curves and other intervals go to SciPy (logged by ``kriss.dispatch``).

    References
    ----------
    P. Dierckx, *Curve and Surface Fitting with Splines*, Oxford University Press, 1993. C. de Boor, *A Practical Guide
    to Splines*, Springer, 1978, chapter XIII.

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.scipy.interpolate import splrep
    >>> t, c, k = splrep(np.arange(6.0), np.arange(6.0) ** 3)
    >>> t.tolist(), k
    ([0.0, 0.0, 0.0, 0.0, 2.0, 3.0, 5.0, 5.0, 5.0, 5.0], 3)
    """
    plain = (
        task == 0
        and t is None
        and xb is None
        and xe is None
        and not per
        and quiet
        and ((s is None and w is None) or (isinstance(s, (int, float)) and s == 0))
    )
    made = _interpolating(x, y, w, k) if plain else None
    if made is None:
        _backend.delegate("interpolate.splrep", "not an interpolation of plain arrays on their own interval")
        return _scipys_splrep(x, y, w, xb, xe, k, task, s, t, full_output, per, quiet)
    tck = (made[3], made[4], k)
    return (tck, 0.0, -1, _INTERPOLATES) if full_output else tck


splrep.__signature__ = inspect.signature(_scipys_splrep)  # type: ignore[attr-defined]


class _Univariate:
    """What the three classes share: evaluation and interpolation by the kernels."""

    _kriss_index: Cached | None = None
    # Whether FITPACK has not seen the data: what it needs to go on with another smoothing factor is missing.
    _kriss_solved = False
    ext: int
    _eval_args: tuple[Any, Any, Any]
    _data: tuple[Any, ...]

    def _kriss_interpolate(self, x: Any, y: Any, w: Any, bbox: Any, k: Any) -> bool:
        ends = np.asarray(bbox)
        if ends.shape != (2,) or ends[0] is not None or ends[1] is not None:
            return False
        made = _interpolating(x, y, w, k)
        if made is None:
            return False
        n = made[0].size
        # _data == x,y,w,xb,xe,k,s,n,t,c,fp,fpint,nrdata,ier
        state = (np.zeros(n + k + 1), np.zeros(n + k + 1, np.int32))
        first, last = float(made[0][0]), float(made[0][-1])
        self._data = (*made[:3], first, last, k, 0.0, n + k + 1, made[3], made[4], 0.0, *state, -1)
        self._kriss_solved = True
        self._reset_class()  # type: ignore[attr-defined]
        return True

    def _set_class(self, cls: type) -> None:
        own = _OWN.get(cls, cls)
        self._spline_class = own
        if type(self) in _OWN.values():
            self.__class__ = own

    def set_smoothing_factor(self, s: Any) -> None:
        """Go on from the knots of the last call with smoothing factor `s`, as SciPy does.

        Parameters
        ----------
        s : float
            Sum of squares to aim at.
        """
        if self._kriss_solved:
            x, y, w, _, _, k = self._data[:6]
            self._data = _ScipysUnivariate(x, y, w=w, k=k, s=0)._data
            self._kriss_solved = False
        super().set_smoothing_factor(s)  # type: ignore[misc]

    def __call__(self, x: npt.ArrayLike, nu: int = 0, ext: Any = None) -> Any:
        """Values of the spline or of its derivative `nu`, as `scipy.interpolate.UnivariateSpline.__call__`.

        Parameters
        ----------
        x : array_like
            Points, in any order.
        nu : int
            Order of the derivative.
        ext : int or str, optional
            Outside the data: 0 or "extrapolate", 1 or "zeros", 2 or "raise", 3 or "const".

        Returns
        -------
        ndarray
            The shape of `x`.
        """
        mode = self.ext if ext is None else _MODES.get(ext) if isinstance(ext, (int, str)) else None
        values, self._kriss_index = _values(x, self._eval_args, nu, mode, self._kriss_index)
        if values is None:
            _backend.delegate("interpolate.UnivariateSpline", "arguments that the kernel does not take")
            return super().__call__(x, nu, ext)  # type: ignore[misc]
        return values

    def derivative(self, n: int = 1) -> Any:
        """The derivative of order `n` as a spline, as SciPy does.

        Parameters
        ----------
        n : int
            Order.

        Returns
        -------
        UnivariateSpline
            Of degree ``k - n``.
        """
        other = super().derivative(n)  # type: ignore[misc]
        return UnivariateSpline._from_tck(other._eval_args, other.ext)

    def antiderivative(self, n: int = 1) -> Any:
        """The antiderivative of order `n` as a spline, as SciPy does.

        Parameters
        ----------
        n : int
            Order.

        Returns
        -------
        UnivariateSpline
            Of degree ``k + n``.
        """
        other = super().antiderivative(n)  # type: ignore[misc]
        return UnivariateSpline._from_tck(other._eval_args, other.ext)

    def __getstate__(self) -> Any:
        return {name: value for name, value in self.__dict__.items() if name != "_kriss_index"}


_MODES: dict[Any, int] = {0: 0, 1: 1, 2: 2, 3: 3, "extrapolate": 0, "zeros": 1, "raise": 2, "const": 3}


def _start(self: Any, x: Any, y: Any, w: Any, bbox: Any, k: Any, ext: Any) -> bool:
    """Interpolate by the kernels; False leaves the constructor, errors included, to SciPy."""
    mode = _MODES.get(ext) if isinstance(ext, (int, str)) else None
    if mode is not None:
        self.ext = mode
        if self._kriss_interpolate(x, y, w, bbox, k):
            return True
    _backend.delegate("interpolate.UnivariateSpline", "not an interpolation of plain arrays on their own interval")
    return False


class UnivariateSpline(_Univariate, _ScipysUnivariate):  # type: ignore[misc]
    """Smoothing spline of given data, as `scipy.interpolate.UnivariateSpline`, evaluated by compiled kernels.

    A drop-in replacement: a subclass with the same signature, attributes and methods. With ``s=0`` the spline is also
    solved here, by one banded elimination; other smoothing factors are FITPACK's.

    Parameters
    ----------
    x, y : array_like, shape (m,)
        Data, `x` increasing.
    w : array_like, optional
        Weights.
    bbox : 2-sequence
        The interval; by default that of `x`.
    k : int
        Degree, 1 to 5.
    s : float, optional
        Sum of squares to aim at, by default the number of data; 0 interpolates.
    ext : int or str
        What calls do outside the interval.
    check_finite : bool
        Whether to look for NaN and infinity.

    Raises
    ------
    ValueError
        As SciPy does.

    Notes
    -----
    FITPACK walks from one interval to the next and holds a lock; here intervals are found by a bucket index, in any
    order, by several threads. As in SciPy, the class of the object becomes `InterpolatedUnivariateSpline` or
    `LSQUnivariateSpline` where that is what FITPACK returns.

    References
    ----------
    P. Dierckx, *Curve and Surface Fitting with Splines*, Oxford University Press, 1993.

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.scipy.interpolate import UnivariateSpline
    >>> x = np.linspace(0.0, np.pi, 30)
    >>> s = UnivariateSpline(x, np.sin(x), s=0)
    >>> bool(abs(s(1.0) - np.sin(1.0)) < 1e-6), bool(abs(s.integral(0.0, np.pi) - 2.0) < 1e-6)
    (True, True)
    """

    def __init__(
        self,
        x: Any,
        y: Any,
        w: Any = None,
        bbox: Any = [None] * 2,
        k: Any = 3,
        s: Any = None,
        ext: Any = 0,
        check_finite: Any = False,
    ) -> None:
        if not (isinstance(s, (int, float)) and s == 0 and _start(self, x, y, w, bbox, k, ext)):
            _ScipysUnivariate.__init__(self, x, y, w, bbox, k, s, ext, check_finite)


class InterpolatedUnivariateSpline(UnivariateSpline, _ScipysInterpolated):  # type: ignore[misc]
    """Interpolating spline, as `scipy.interpolate.InterpolatedUnivariateSpline`, solved and evaluated by the kernels.

    A drop-in replacement: a subclass of SciPy's class, and of the mirror `UnivariateSpline`.

    Parameters
    ----------
    x, y : array_like, shape (m,)
        Data, `x` strictly increasing.
    w : array_like, optional
        Weights, which an interpolating spline does not feel.
    bbox : 2-sequence
        The interval; by default that of `x`. Others go to SciPy.
    k : int
        Degree, 1 to 5.
    ext : int or str
        What calls do outside the interval.
    check_finite : bool
        Whether to look for NaN and infinity.

    Raises
    ------
    ValueError
        As SciPy does.

    References
    ----------
    C. de Boor, *A Practical Guide to Splines*, Springer, 1978, chapter XIII.

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.scipy.interpolate import InterpolatedUnivariateSpline
    >>> x = np.linspace(0.0, np.pi, 30)
    >>> s = InterpolatedUnivariateSpline(x, np.sin(x), k=5)
    >>> bool(abs(s(1.0) - np.sin(1.0)) < 1e-9)
    True
    """

    def __init__(
        self,
        x: Any,
        y: Any,
        w: Any = None,
        bbox: Any = [None] * 2,
        k: Any = 3,
        ext: Any = 0,
        check_finite: Any = False,
    ) -> None:
        if not _start(self, x, y, w, bbox, k, ext):
            _ScipysInterpolated.__init__(self, x, y, w, bbox, k, ext, check_finite)


class LSQUnivariateSpline(UnivariateSpline, _ScipysLSQ):  # type: ignore[misc]
    """Least-squares spline with given knots, as `scipy.interpolate.LSQUnivariateSpline`, by compiled kernels.

    A drop-in replacement: a subclass of SciPy's class, and of the mirror `UnivariateSpline`. The coefficients are
    FITPACK's to rounding; what the data hardly determine, and arrays that are not plain, are left to FITPACK.

    Parameters
    ----------
    x, y : array_like, shape (m,)
        Data, `x` increasing.
    t : array_like
        Interior knots.
    w : array_like, optional
        Weights.
    bbox : 2-sequence
        The interval; by default that of `x`.
    k : int
        Degree, 1 to 5.
    ext : int or str
        What calls do outside the interval.
    check_finite : bool
        Whether to look for NaN and infinity.

    Raises
    ------
    ValueError
        As SciPy does.

    Notes
    -----
    FITPACK rotates one row at a time into the triangle; here the rows of a span go in together, at most 64, by k + 1
    reflections: O(m (k + 1)**2), and memory for the triangle.

    References
    ----------
    P. Dierckx, *Curve and Surface Fitting with Splines*, Oxford University Press, 1993.
    J. K. Reid, *A note on the least squares solution of a band system of linear equations by Householder reductions*,
    Comput. J. 10, 1967.

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.scipy.interpolate import LSQUnivariateSpline
    >>> x = np.linspace(0.0, np.pi, 100)
    >>> s = LSQUnivariateSpline(x, np.sin(x), [1.0, 2.0])
    >>> bool(abs(s(1.5) - np.sin(1.5)) < 2e-3)
    True
    """

    def __init__(
        self,
        x: Any,
        y: Any,
        t: Any,
        w: Any = None,
        bbox: Any = [None] * 2,
        k: Any = 3,
        ext: Any = 0,
        check_finite: Any = False,
    ) -> None:
        mode = _MODES.get(ext) if isinstance(ext, (int, str)) else None
        data = None if mode is None else fixed_knots(x, y, t, w, bbox, k)
        if mode is None or data is None:
            _backend.delegate("interpolate.LSQUnivariateSpline", "not a determined fit of plain arrays")
            _ScipysLSQ.__init__(self, x, y, t, w, bbox, k, ext, check_finite)
        else:
            self.ext, self._data = mode, data
            self._reset_class()


_OWN: dict[type, type] = {
    _ScipysUnivariate: UnivariateSpline,
    _ScipysInterpolated: InterpolatedUnivariateSpline,
    _ScipysLSQ: LSQUnivariateSpline,
}

for _ours, _theirs in (
    (UnivariateSpline, _ScipysUnivariate),
    (InterpolatedUnivariateSpline, _ScipysInterpolated),
    (LSQUnivariateSpline, _ScipysLSQ),
):
    _ours.__signature__ = inspect.signature(_theirs)
for _name in ("__call__", "set_smoothing_factor", "derivative", "antiderivative"):
    getattr(_Univariate, _name).__signature__ = inspect.signature(getattr(_ScipysUnivariate, _name))
