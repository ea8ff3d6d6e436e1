"""Interpolation of any degree through B-splines, returned as a piecewise polynomial."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.interpolate as si

from kriss import _backend, _validate
from kriss.spline._cubic import cubic
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


def _end(condition: object, which: str, k: int, trailing: tuple[int, ...]) -> tuple[list[int], list[Array]] | None:
    """Orders and values (m,) of the derivatives given at one end, None for not-a-knot."""
    half = (k - 1) // 2
    if isinstance(condition, str):
        if condition == "not-a-knot":
            return None
        if condition == "natural":
            orders = list(range(half + 1, k))
        elif condition == "clamped":
            orders = list(range(1, half + 1))
        else:
            names = "'not-a-knot', 'natural', 'clamped' or, for both, 'periodic'"
            raise ValueError(f"bc at the {which} end must be {names}, not {condition!r}")
        return orders, [np.zeros(int(np.prod(trailing))) for _ in orders]
    if _is_pair(condition):
        condition = [condition]
    if not isinstance(condition, (list, tuple)) or not all(_is_pair(one) for one in condition):
        raise ValueError(f"bc at the {which} end must be a name or pairs (order, value), not {condition!r}")
    orders, values = [], []
    for order, value in condition:
        order = _validate.integer(order, f"derivative order at the {which} end", low=1, high=k)
        given = _validate.real_array(value, f"bc value at the {which} end", dtype=np.float64)
        if given.shape != trailing:
            raise ValueError(f"bc value at the {which} end has shape {given.shape}, expected {trailing}")
        if order in orders:
            raise ValueError(f"bc at the {which} end gives derivative {order} twice")
        orders.append(order)
        values.append(given.reshape(-1))
    return orders, values


def _is_pair(bc: object) -> bool:
    return isinstance(bc, (tuple, list)) and len(bc) == 2 and isinstance(bc[0], (int, np.integer))


def _ends(bc: Any, k: int, trailing: tuple[int, ...]) -> tuple[Any, Any]:
    """What is given at either end; checked to determine a spline of odd degree `k`."""
    both = (bc, bc) if isinstance(bc, str) or _is_pair(bc) else bc
    if not isinstance(both, (tuple, list)) or len(both) != 2:
        raise ValueError(f"bc must be a name, a pair (order, value) or a pair of ends, not {bc!r}")
    left, right = _end(both[0], "left", k, trailing), _end(both[1], "right", k, trailing)
    if left is None and right is None:
        return None, None
    half = (k - 1) // 2
    counts = [half if end is None else len(end[0]) for end in (left, right)]
    if sum(counts) != k - 1 or (None in (left, right) and counts != [half, half]):
        raise ValueError(
            f"bc gives {counts[0]} and {counts[1]} conditions at the ends, expected {half} each or {k - 1} in all"
        )
    return left, right


def _with_conditions(x: Array, rows: Array, k: int, left: Any, right: Any, workers: int) -> tuple[Array, Array]:
    """Knots and coefficients for odd `k`; an end that is None is not-a-knot."""
    half = (k - 1) // 2
    cut_left, cut_right = (half if end is None else 0 for end in (left, right))
    if x.size < 2 + cut_left + cut_right:
        raise ValueError(f"x has {x.size} elements, expected at least {2 + cut_left + cut_right} for this bc")
    inner = x[1 + cut_left : x.size - 1 - cut_right]
    t = np.concatenate([np.full(k + 1, x[0]), inner, np.full(k + 1, x[-1])])
    empty: tuple[list[int], list[Array]] = ([], [])
    (orders_left, given_left), (orders_right, given_right) = left or empty, right or empty
    lowest = min(orders_left + orders_right, default=0)
    if None not in (left, right) and x.size < lowest:
        # The polynomial with its roots at x has no derivative of that order.
        raise ValueError(f"x has {x.size} elements, expected at least {lowest} where bc gives no lower derivative")
    c = np.concatenate([*(v[None] for v in given_left), rows, *(v[None] for v in given_right)])
    scratch = np.empty((c.shape[0], 3 * k + 1))
    status, row = _backend.kernels("spline_bspline").interpolate_ends(
        x, t, k, np.array(orders_left, np.int32), np.array(orders_right, np.int32), c, scratch, workers
    )
    if status:
        raise np.linalg.LinAlgError(
            f"the conditions do not determine a spline of degree {k}: no pivot for row {row} of the system"
        )
    return t, c


def interpolant(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    k: int = 3,
    *,
    bc: Any = "not-a-knot",
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
    bc : str, pair, or pair of ends
        For odd `k`: ``"not-a-knot"`` leaves out as many data next to the ends as knots as it takes, ``"natural"`` makes
        the derivatives of order ``(k + 1) / 2`` to ``k - 1`` zero, ``"clamped"`` those of order 1 to ``(k - 1) / 2``,
        ``"periodic"`` continues the spline; or the derivatives of each end as pairs ``(order, value)``,
        ``(k - 1) / 2`` of them at an end or ``k - 1`` in all. Ends may differ, as in
        ``("not-a-knot", [(1, 0.0), (2, 1.0)])``.
        Even `k` have only ``"not-a-knot"``.
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
    if k == 3 and not _lists(bc):
        return cubic(x, y, bc=bc, axis=axis, extrapolate=extrapolate, check_finite=check_finite, workers=workers)
    periodic = isinstance(bc, str) and bc == "periodic"
    if k % 2 == 0 and not (isinstance(bc, str) and bc == "not-a-knot"):
        raise ValueError(f"bc must be 'not-a-knot' for even k={k}, not {bc!r}")
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
    extrapolate = ("periodic" if periodic else True) if extrapolate is None else extrapolate
    beyond_code(extrapolate)
    values = np.moveaxis(values, axis, 0)
    trailing = values.shape[1:]
    n = knots.size
    rows: Array = np.array(values, np.float64, order="C").reshape(n, int(np.prod(trailing)))

    left, right = (None, None) if periodic else _ends(bc, k, trailing)
    given = left is not None or right is not None
    wide: Array = knots.astype(np.float64, copy=False)
    if rows.shape[1] == 0:
        none = np.zeros((k + 1, n - 1, *trailing), dtype)
        return Spline._make(own(knots, x), none, extrapolate, axis)
    degree = k if given or periodic else min(k, n - 1)
    start = rows[:-1].copy() if degree % 2 else None
    if periodic:
        t, rows = _periodic(wide, rows, k)
        breakpoints = wide
    elif given:
        t, rows = _with_conditions(wide, rows, k, left, right, threads)
        breakpoints = wide
    else:
        t = not_a_knot(wide, degree)
        # Even degrees: the knots, and the data in the wide spans at the ends, where one expansion would lose digits.
        breakpoints = wide if degree % 2 else _with_ends(wide, t[degree + 1 : -degree - 1])
        status, row = solve_coefficients(wide, t, degree, rows, threads)
        if status:
            raise np.linalg.LinAlgError(
                f"the system for k={k} is singular in float64 at x[{row}] = {wide[row]!s}: the spacing of x varies too "
                "much for this degree"
            )
    cells = breakpoints.size - 1
    c = pieces(t, rows, degree, breakpoints, threads)
    if start is not None:
        c[degree] = start  # exact at the data
    if degree < k:
        c = np.concatenate([np.zeros((k - degree, cells, rows.shape[1])), c])
    result = np.ascontiguousarray(c.reshape(k + 1, cells, *trailing), dtype)
    return Spline._make(own(breakpoints.astype(dtype, copy=False), x), result, extrapolate, axis)


def _lists(bc: object) -> bool:
    """Whether conditions are given in a form that `cubic` does not take: a list of pairs at an end."""
    if isinstance(bc, str) or _is_pair(bc) or not isinstance(bc, (tuple, list)):
        return False
    return any(isinstance(end, (tuple, list)) and not _is_pair(end) for end in bc)


def _periodic(x: Array, rows: Array, k: int) -> tuple[Array, Array]:
    """Knots and coefficients of the periodic spline, by SciPy's solver."""
    if x.size < 3:
        raise ValueError(f"x has {x.size} elements, expected at least 3 for bc='periodic'")
    apart = np.abs(rows[0] - rows[-1])
    if not (apart <= 8 * np.finfo(np.float64).eps * np.abs(rows).max(axis=0, initial=0)).all():
        column = int(np.argmax(apart))
        raise ValueError(
            f"y must begin and end with the same value for bc='periodic', but column {column} has "
            f"{rows[0, column]!s} and {rows[-1, column]!s}"
        )
    rows[-1] = rows[0]
    made = si.make_interp_spline(x, rows, k, bc_type="periodic")
    return np.ascontiguousarray(made.t), np.ascontiguousarray(made.c)
