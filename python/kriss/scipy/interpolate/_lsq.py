"""`make_lsq_spline` with SciPy's interface, and the fit of `LSQUnivariateSpline`, by blocked reflections."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.interpolate as si

from kriss import _backend
from kriss.spline import _lsq

_ROUTINE = "interpolate.make_lsq_spline"
_PLAIN = (np.ndarray, list, tuple)
_SCIPY = si.make_lsq_spline


def make_lsq_spline(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    t: npt.ArrayLike,
    k: int = 3,
    w: npt.ArrayLike | None = None,
    axis: int = 0,
    check_finite: bool = True,
    *,
    method: str = "qr",
) -> Any:
    """Least-squares spline on given knots, as `scipy.interpolate.make_lsq_spline`, by compiled kernels.

    A drop-in replacement: the same coefficients to rounding, the same errors. Real and complex data of degree at most
    15 are solved here; knots for which the data do not determine the spline, and arrays of other libraries, go to SciPy
    (logged by ``kriss.dispatch``).

    Parameters
    ----------
    x : array_like, shape (m,)
        Abscissae, not decreasing (strictly increasing for ``method="norm-eq"``).
    y : array_like
        Ordinates, m of them along `axis`.
    t : array_like, shape (n + k + 1,)
        Knots; they and `x` must satisfy Schoenberg's and Whitney's conditions.
    k : int
        Degree.
    w : array_like, shape (m,), optional
        Weights of the residuals; 1 by default.
    axis : int
        Axis of `y` along which the data run.
    check_finite : bool
        Whether to refuse NaN and infinity.
    method : {"qr", "norm-eq"}
        Both are solved by reflections here, which have the accuracy of the first.

    Returns
    -------
    scipy.interpolate.BSpline
        The spline with knots `t`.

    Raises
    ------
    ValueError
        As SciPy does: for shapes that do not fit, too few or unsorted points, points outside the base interval, knots
        that decrease, values that are not finite, an unknown method.

    Notes
    -----
    Rows of one span, at most 64 at a time, are reduced against the triangle by k + 1 reflections: O(m (k + 1)**2),
    and memory for the result and its triangle. SciPy takes one row at a time.

    References
    ----------
    C. de Boor, *A Practical Guide to Splines*, Springer, 1978, chapter XIV.
    J. K. Reid, *A note on the least squares solution of a band system of linear equations by Householder reductions*,
    Comput. J. 10, 1967.

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.scipy.interpolate import make_lsq_spline
    >>> x = np.linspace(-3.0, 3.0, 500)
    >>> t = np.r_[[-3.0] * 4, -1.0, 0.0, 1.0, [3.0] * 4]
    >>> s = make_lsq_spline(x, np.exp(-(x**2)), t)
    >>> bool(abs(s(0.5) - np.exp(-0.25)) < 0.05)
    True
    """
    made = _construct(x, y, t, k, w, axis, check_finite, method)
    return _SCIPY(x, y, t, k, w, axis, check_finite, method=method) if made is None else made


make_lsq_spline.__signature__ = inspect.signature(si.make_lsq_spline)  # type: ignore[attr-defined]


def _construct(x: Any, y: Any, t: Any, k: Any, w: Any, axis: Any, check_finite: Any, method: Any) -> Any:
    """The spline, or None to leave the call, errors included, to SciPy."""
    given = (x, y, t) if w is None else (x, y, t, w)
    if any(type(a) not in _PLAIN for a in given):
        _backend.delegate(_ROUTINE, "arguments that are not arrays or lists")
        return None
    if type(k) is not int or not 0 <= k <= _lsq.MAX_DEGREE or type(axis) is not int or method not in ("qr", "norm-eq"):
        _backend.delegate(_ROUTINE, f"k={k!r}, axis={axis!r}, method={method!r}")
        return None
    try:
        points, values, knots = np.asarray(x), np.asarray(y), np.asarray(t)
        weights = np.ones(points.shape) if w is None else np.asarray(w)
    except ValueError:
        return None
    if any(a.dtype.kind not in "biuf" for a in (points, knots, weights)) or values.dtype.kind not in "biufc":
        _backend.delegate(_ROUTINE, "dtypes that are not real or complex numbers")
        return None
    points, knots, weights = (np.require(a, np.float64, ["C", "A"]) for a in (points, knots, weights))
    m, n = points.size, knots.size - k - 1
    if points.ndim != 1 or knots.ndim != 1 or weights.shape != points.shape or m < k + 1 or n < k + 1:
        return None
    if values.ndim == 0 or not -values.ndim <= axis < values.ndim or values.shape[axis] != m or values.size == 0:
        return None
    steps = np.diff(points)
    if not ((steps > 0).all() if method == "norm-eq" else (steps >= 0).all()) or not (np.diff(knots) >= 0).all():
        return None
    if not all(np.isfinite(a).all() for a in (points, knots, weights, values)):
        return None
    if not (points[0] >= knots[k] and points[-1] <= knots[n]) or not knots[k] < knots[n]:
        return None
    used = points if weights.all() else points[weights != 0]
    if used.size == 0 or not _lsq.schoenberg_whitney(used, knots, k):
        _backend.delegate(_ROUTINE, "a B-spline without data")
        return None
    axis %= values.ndim
    rows = np.moveaxis(values, axis, 0)
    trailing = rows.shape[1:]
    kind: Any = np.complex128 if values.dtype.kind == "c" else np.float64
    columns = np.ascontiguousarray(rows, kind).reshape(m, -1)
    found, bad = _lsq.solve(points, columns.view(np.float64), weights, knots, k)
    c = found.c
    if bad >= 0 or not np.isfinite(c).all():
        _backend.delegate(_ROUTINE, "a spline that the data hardly determine, or overflow")
        return None
    made = np.ascontiguousarray(c.view(kind)).reshape(n, *trailing)
    return si.BSpline.construct_fast(knots.copy(), made, k, axis=axis)


def fixed_knots(x: Any, y: Any, t: Any, w: Any, bbox: Any, k: Any) -> tuple[Any, ...] | None:
    """The ``_data`` of SciPy's `LSQUnivariateSpline` with interior knots t, or None to leave the call, errors included,
    to SciPy."""
    given = (x, y, t) if w is None else (x, y, t, w)
    ends = np.asarray(bbox)
    if any(type(a) not in _PLAIN for a in given) or type(k) is not int or not 1 <= k <= 5 or ends.shape != (2,):
        return None
    arrays = [np.asarray(a) for a in given]
    if any(a.dtype.kind not in "biuf" or a.ndim != 1 for a in arrays):
        return None
    arrays = [np.require(a, np.float64, ["C", "A"]) for a in arrays]
    points, values, interior = arrays[:3]
    m = points.size
    weights = arrays[3] if w is not None else np.ones(m)
    if m <= k or values.size != m or weights.size != m or not all(np.isfinite(a).all() for a in arrays):
        return None
    low, high = (float(p if e is None else e) for p, e in zip((points[0], points[-1]), ends, strict=True))
    knots = _lsq.full_knots(low, high, interior, k)
    if not (np.diff(knots[k : knots.size - k]) > 0).all() or not (np.diff(points) >= 0).all():
        return None
    if not (low <= points[0] and points[-1] <= high and (weights > 0).all()):
        return None
    if not _lsq.schoenberg_whitney(points, knots, k):
        return None
    found, bad = _lsq.solve(points, values[:, None], weights, knots, k)
    if bad >= 0 or not (np.isfinite(found.c).all() and np.isfinite(found.rss).all()):
        return None
    c = np.zeros(knots.size)
    c[: knots.size - k - 1] = found.c[:, 0]
    # x, y, w, xb, xe, k, s, n, t, c, fp, fpint, nrdata, ier: s = -1 tells SciPy that the knots are fixed
    state = (k, -1, knots.size, knots, c, float(found.rss[0]), None, None, 0)
    return points.copy(), values.copy(), weights.copy(), low, high, *state
