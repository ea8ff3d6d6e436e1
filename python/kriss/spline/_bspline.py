"""Interpolation of any degree through B-splines, returned as a piecewise polynomial."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from kriss import _backend, _validate
from kriss.spline._cubic import EndCondition, cubic
from kriss.spline._piecewise import Array, Extrapolate, beyond_code, check_increasing, own
from kriss.spline._spline import Spline

MAX_DEGREE = 31


def not_a_knot(x: Array, k: int) -> Array:
    """Knots (n + k + 1) for splines of degree `k` through n > k points: the points but for k // 2 + k % 2 at either
    end if `k` is odd, the middles between points if it is even."""
    if k == 0:
        return np.concatenate([x, x[-1:]])
    inner = x if k % 2 else x[:-1] + (x[1:] - x[:-1]) / 2
    cut = (k + 1) // 2
    t = np.empty(x.size + k + 1, x.dtype)
    t[: k + 1] = x[0]
    t[-k - 1 :] = x[-1]
    t[k + 1 : -k - 1] = inner[cut : inner.size - cut]
    return t


def solve_coefficients(x: Array, t: Array, k: int, rows: Array, workers: int) -> tuple[int, int]:
    """Turn values `rows` (n, m) at `x` into B-spline coefficients in place; a status and the row it is about."""
    scratch = np.empty((x.size, k + 1), x.dtype)
    first = np.empty(x.size, np.int32)
    status, row = _backend.kernels("spline_bspline").interpolate(x, t, k, rows, scratch, first, workers)
    return int(status), int(row)


def pieces(t: Array, c: Array, k: int, x: Array, workers: int) -> Array:
    """Coefficients (k + 1, cells, m) of powers on the cells of `x`, for B-spline coefficients `c` (n, m)."""
    out = np.empty((k + 1, x.size - 1, c.shape[1]), t.dtype)
    _backend.kernels("spline_bspline").to_pieces(t, c, k, x, out, workers)
    return out


def _with_ends(x: Array, inner: Array) -> Array:
    if inner.size == 0:
        return x
    return np.concatenate([x[x < inner[0]], inner, x[x > inner[-1]]])


def interpolant(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    k: int = 3,
    *,
    bc: EndCondition | tuple[EndCondition, EndCondition] = "not-a-knot",
    axis: int = 0,
    extrapolate: Extrapolate | None = None,
    check_finite: bool = True,
    workers: int | None = None,
) -> Spline:
    """The spline of degree `k` through data, k - 1 times continuously differentiable.

    Parameters
    ----------
    x : array_like, shape (n,)
        Strictly increasing, n >= 2.
    y : array_like
        Values, n of them along `axis`; the other dimensions are columns that share the knots.
    k : int
        Degree, 1 to 31. Odd degrees have their knots at the data, even ones between them.
    bc : str, optional
        ``"not-a-knot"``: as many data next to either end are no knots as it takes. For ``k == 3`` also what `cubic`
        takes.
    axis : int
        Axis of `y` along which `x` runs.
    extrapolate : bool or str, optional
        What calls do outside the data, as for `Spline`; by default the end polynomials.
    check_finite : bool
        Refuse NaN and infinity in `y`. Otherwise a column that has one becomes NaN as a whole.
    workers : int, optional
        Threads; the default is the process-wide setting. The result does not depend on it.

    Returns
    -------
    Spline
        With ``s.x`` equal to `x` for odd `k`; of the dtype of the data, solved in float64.

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong type, shape or value, or `x` does not increase (the index is named).

    Notes
    -----
    B-spline coefficients solve a banded, totally positive system, which needs no pivoting; they are then expanded at
    each point. About ``k**2`` flops a knot for the system, ``2 * k**2`` for the expansion, and ``2 * k`` and
    ``k**2`` more per column; memory ``8 * (k + 1)`` bytes a knot beside the result. With at most `k` points the
    result is the polynomial through them. High degrees amplify errors of the data where the spacing changes abruptly.

    References
    ----------
    C. de Boor, *A Practical Guide to Splines*, Springer, 1978, chapter XIII. C. de Boor, A. Pinkus, *Backward error
    analysis for totally positive linear systems*, Numer. Math. 27 (1977), 485-490.

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.spline import interpolant
    >>> x = np.linspace(0.0, 3.0, 30)
    >>> s = interpolant(x, np.exp(x), k=7)
    >>> bool(abs(s(1.234) - np.exp(1.234)) < 1e-10), s.k
    (True, 7)
    """
    k = _validate.integer(k, "k", low=1, high=MAX_DEGREE)
    if k == 3 and np.asarray(y).ndim:
        return cubic(x, y, bc=bc, axis=axis, extrapolate=extrapolate, check_finite=check_finite, workers=workers)
    if bc != "not-a-knot":
        raise ValueError(f"bc must be 'not-a-knot' for k={k}, not {bc!r}")
    threads = _validate.workers(workers)
    knots = _validate.real_array(x, "x", ndim=1)
    values = _validate.real_array(y, "y", finite=check_finite)
    dtype = np.result_type(knots.dtype, values.dtype)
    if knots.size < 2:
        raise ValueError(f"x has {knots.size} elements, expected at least 2 knots")
    if values.ndim == 0:
        raise ValueError(f"y is a scalar, expected {knots.size} values along axis {axis}")
    axis = _validate.integer(axis, "axis", low=-values.ndim, high=values.ndim - 1) % values.ndim
    if values.shape[axis] != knots.size:
        raise ValueError(f"y has shape {values.shape}, expected {knots.size} entries along axis {axis} as in x")
    knots = knots.astype(dtype, copy=False)
    check_increasing(knots, "x")
    extrapolate = True if extrapolate is None else extrapolate
    beyond_code(extrapolate)
    values = np.moveaxis(values, axis, 0)
    trailing = values.shape[1:]
    n = knots.size
    rows = np.array(values, np.float64, order="C").reshape(n, int(np.prod(trailing)))

    wide = knots.astype(np.float64, copy=False)
    degree = min(k, n - 1)
    t = not_a_knot(wide, degree)
    # Even degrees: the knots, and the data in the wide spans at the ends, where one expansion would lose digits.
    breakpoints = wide if degree % 2 else _with_ends(wide, t[degree + 1 : -degree - 1])
    cells = breakpoints.size - 1
    start = rows[:-1].copy() if degree % 2 else None
    if rows.shape[1]:
        status, row = solve_coefficients(wide, t, degree, rows, threads)
        if status:
            raise np.linalg.LinAlgError(
                f"the system for k={k} is singular in float64 at x[{row}] = {wide[row]!s}: the spacing of x varies too "
                "much for this degree"
            )
    c = pieces(t, rows, degree, breakpoints, threads)
    if start is not None:
        c[degree] = start  # exact at the data
    if degree < k:
        c = np.concatenate([np.zeros((k - degree, cells, rows.shape[1])), c])
    result = np.ascontiguousarray(c.reshape(k + 1, cells, *trailing), dtype)
    return Spline._make(own(breakpoints.astype(dtype, copy=False), x), result, extrapolate, axis)
