"""`make_smoothing_spline` with SciPy's interface: GCV over all scales in O(n), for any number of points."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.interpolate as si

from kriss import _backend
from kriss.spline._smooth import Smoothing, bspline_coefficients, exponent

_ROUTINE = "interpolate.make_smoothing_spline"
_PLAIN = (np.ndarray, list, tuple)
_SCIPY = si.make_smoothing_spline
_LIMITS = (1e-70, 1e70)


def make_smoothing_spline(
    x: npt.ArrayLike, y: npt.ArrayLike, w: npt.ArrayLike | None = None, lam: Any = None, *, axis: int = 0
) -> Any:
    """Cubic smoothing spline, as `scipy.interpolate.make_smoothing_spline`, for any scale and number of points.

    A drop-in replacement. Given `lam`, the same spline to rounding. With ``lam=None`` the same criterion is minimised
    over all scales: SciPy's search, bounded by 0 and the number of points, depends on the units of x, and misses the
    minimum (a straight line for oscillating data on [0, 1]) or raises where there is nothing wrong with the data.

    Parameters
    ----------
    x : array_like, shape (n,)
        Abscissae, strictly increasing, n >= 5.
    y : array_like
        Ordinates, n of them along `axis`; every other axis holds separate data, each with its own `lam`.
    w : array_like, shape (n,), optional
        Positive weights of the squared residuals; 1 by default.
    lam : float, optional
        Smoothing parameter, at least 0. By default it minimises generalised cross-validation.
    axis : int
        Axis of `y` along which the data run.

    Returns
    -------
    scipy.interpolate.BSpline
        A natural cubic spline with knots at all x.

    Raises
    ------
    ValueError
        As SciPy does: for shapes that do not fit, fewer than 5 points, x that do not increase, weights that are not
        positive, a negative `lam`.

    Notes
    -----
    As in SciPy, the sum of squares in the criterion is not weighted: ``mean((y - f)**2) / (1 - tr(A)/n)**2``. To weight
    it, and for restricted maximum likelihood, unsorted or repeated x, use `kriss.spline.fit`. Cost: O(n), some 80
    values of `lam` with 50 flops and one division a point each, eight at a time, which take 32 numbers a point.

    References
    ----------
    C. H. Reinsch, *Smoothing by spline functions*, Numer. Math. 10, 1967.
    P. Craven, G. Wahba, *Smoothing noisy data with spline functions*, Numer. Math. 31, 1979 (the criterion).
    W. E. Wecker, C. F. Ansley, *The signal extraction approach to nonlinear regression and spline smoothing*,
    J. Am. Stat. Assoc. 78, 1983 (the recursion).

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.scipy.interpolate import make_smoothing_spline
    >>> x = np.linspace(0.0, 1.0, 3000)
    >>> y = np.sin(20 * x) + 0.3 * np.random.default_rng(0).standard_normal(x.size)
    >>> s = make_smoothing_spline(x, y)
    >>> bool(np.sqrt(np.mean((s(x) - np.sin(20 * x)) ** 2)) < 0.04)
    True
    """
    made = _construct(x, y, w, lam, axis)
    return _SCIPY(x, y, w, lam, axis=axis) if made is None else made


make_smoothing_spline.__signature__ = inspect.signature(si.make_smoothing_spline)  # type: ignore[attr-defined]


def _construct(x: Any, y: Any, w: Any, lam: Any, axis: Any) -> Any:
    """The spline, or None to leave the call, errors included, to SciPy."""
    if type(x) not in _PLAIN or type(y) not in _PLAIN or (w is not None and type(w) not in _PLAIN):
        _backend.delegate(_ROUTINE, f"x is {type(x).__name__}, y is {type(y).__name__}, w is {type(w).__name__}")
        return None
    try:
        knots, values = np.asarray(x), np.asarray(y)
        weights = np.ones(knots.shape) if w is None else np.asarray(w)
    except ValueError:
        return None
    if any(a.dtype.kind not in "biuf" for a in (knots, values, weights)):
        _backend.delegate(_ROUTINE, f"dtypes {knots.dtype}, {values.dtype}, {weights.dtype}")
        return None
    knots, values, weights = (np.asarray(a, np.float64) for a in (knots, values, weights))
    if knots.ndim != 1 or knots.size < 5 or type(axis) is not int or not -values.ndim <= axis < values.ndim:
        return None
    n = knots.size
    if values.shape[axis] != n or weights.shape != knots.shape or values.size == 0:
        return None
    if lam is not None and not (isinstance(lam, (int, float, np.floating, np.integer)) and 0 <= lam < np.inf):
        return None
    if not (np.isfinite(knots).all() and np.isfinite(values).all() and np.isfinite(weights).all()):
        return None
    if not (weights > 0).all() or not (np.diff(knots) > 0).all():
        return None
    axis %= values.ndim
    rows = np.moveaxis(values, axis, 0)
    trailing = rows.shape[1:]
    rows = np.ascontiguousarray(rows.reshape(n, -1).T)  # (m, n)
    if not (_LIMITS[0] < (knots[-1] - knots[0]) / (n - 1) < _LIMITS[1] and weights.min() > 1e-30 * weights.max()):
        _backend.delegate(_ROUTINE, "range of x or of the weights")
        return None
    c = np.empty((rows.shape[0], n + 2))
    problems = [Smoothing(knots, row, weights) for row in (rows if lam is None else rows[:1])]
    if not all(problem.usable for problem in problems):
        _backend.delegate(_ROUTINE, "spacings too uneven")
        return None
    if lam is not None:
        first = problems[0]
        problems = []
        size = exponent(float(np.abs(rows).max()))
        done = first.fit(np.ldexp(rows, -size), first.scaled_units(float(lam)))
        if done is None:
            _backend.delegate(_ROUTINE, "lam too large")
            return None
        c = np.ldexp(bspline_coefficients(np.diff(np.ldexp(knots, -first.ex)), done[0], done[1]), size)
    for i, problem in enumerate(problems):
        chosen = problem.choose("gcv", unweighted=True)
        done = problem.fit(problem.values[None], chosen.lam) if np.isfinite(chosen.lam) else None
        if done is None:
            _backend.delegate(_ROUTINE, "out of the range of floating point")
            return None
        c[i] = np.ldexp(bspline_coefficients(np.diff(np.ldexp(knots, -problem.ex)), done[0], done[1])[0], problem.ey)
    t = np.concatenate([knots[:1]] * 3 + [knots] + [knots[-1:]] * 3)
    return si.BSpline.construct_fast(t, np.ascontiguousarray(c.T).reshape(n + 2, *trailing), 3, axis=axis)
