"""`pchip`, `akima` and `hermite`: cubic pieces with given or locally chosen first derivatives."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from kriss import _backend, _validate
from kriss.spline._data import Data, prepare
from kriss.spline._piecewise import Array, Extrapolate, beyond_code, check_increasing, own
from kriss.spline._spline import Spline

PCHIP, AKIMA, MAKIMA = 0, 1, 2
_OK = 0


def solve_local(kind: int, x: Array, y: Array, shared: bool, workers: int) -> tuple[Array, int]:
    """Coefficients (4, n - 1, m) of the local cubics through y (n, m), and the kernel's status."""
    n, m = y.shape
    kernels = _backend.kernels("spline_hermite")
    c = np.empty((4, n - 1, m), x.dtype)
    status = kernels.local(kind, x, y, shared, c, np.empty(kernels.work(n, m), x.dtype), workers)
    return c, int(status)


def solve_hermite(x: Array, y: Array, d: Array, workers: int) -> tuple[Array, int]:
    """Coefficients (4, n - 1, m) of the cubics through y (n, m) with derivatives d (n, m), and the status."""
    n, m = y.shape
    kernels = _backend.kernels("spline_hermite")
    c = np.empty((4, n - 1, m), x.dtype)
    return c, int(kernels.hermite(x, y, d, c, np.empty(kernels.work(n, m), x.dtype), workers))


def _finish(
    solve: Callable[[slice], tuple[Array, int]], data: Data, x: npt.ArrayLike, extrapolate: Extrapolate, check: bool
) -> Spline:
    """Solve for all columns; if one of them cannot be, each on its own, so that it spoils only itself."""
    n, m = data.rows.shape
    if m == 0:
        check_increasing(data.knots, "x")
        c = np.zeros((4, n - 1, 0), data.dtype)
    else:
        c, status = solve(slice(None))
        if status != _OK:
            check_increasing(data.knots, "x")
            if check:
                raise ValueError("the slopes (y[i + 1] - y[i]) / (x[i + 1] - x[i]) overflow")
            for t in range(m):
                alone, status = solve(slice(t, t + 1))
                c[:, :, t] = alone[:, :, 0] if status == _OK else np.nan
    return Spline._make(own(data.knots, x), c.reshape(4, n - 1, *data.trailing), extrapolate, data.axis)


def _local(
    kind: int,
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    axis: int,
    extrapolate: Extrapolate,
    check_finite: bool,
    workers: int | None,
) -> Spline:
    data = prepare(x, y, axis, check_finite)
    beyond_code(extrapolate)
    threads = _validate.workers(workers)

    def solve(columns: slice) -> tuple[Array, int]:
        return solve_local(kind, data.knots, np.ascontiguousarray(data.rows[:, columns]), False, threads)

    return _finish(solve, data, x, extrapolate, check_finite)


def pchip(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    axis: int = 0,
    extrapolate: Extrapolate = True,
    check_finite: bool = True,
    workers: int | None = None,
) -> Spline:
    """Cubic interpolation that keeps the shape of the data: monotone where they are, without overshoot.

    Parameters
    ----------
    x : array_like, shape (n,)
        Knots, strictly increasing and finite, n >= 2.
    y : array_like, shape (..., n, ...)
        Values, with n entries along `axis`; every other dimension counts columns that share the knots.
    axis : int
        Axis of `y` along which the knots run.
    extrapolate : bool or str
        What calls of the spline do outside the knots, see `Spline`.
    check_finite : bool
        Refuse NaN and infinity in `y`. Without the check a column with NaN gives a column of NaN.
    workers : int, optional
        Threads; the result does not depend on it.

    Returns
    -------
    Spline
        Once continuously differentiable, in float32 if both `x` and `y` are, otherwise in float64.

    Raises
    ------
    TypeError
        If `x` or `y` is not real.
    ValueError
        If shapes do not match, x does not increase (naming the index), values are not finite, or the differences of
        neighbouring points overflow.

    Notes
    -----
    The derivative at a knot is a weighted harmonic mean of the slopes beside it, and 0 where they differ in sign: a
    change of one value changes the spline on four intervals only. The error is O(h^2) at extrema of smooth data and
    O(h^4) at best elsewhere, where `cubic` has O(h^4) throughout. About 30 flops and 8 divisions a knot.

    References
    ----------
    F. N. Fritsch, J. Butland, *A method for constructing local monotone piecewise cubic interpolants*, SIAM J. Sci.
    Stat. Comput. 5 (1984), eq. (5); C. Moler, *Numerical Computing with MATLAB*, 2004, section 3.6 (ends).

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.spline import cubic, pchip
    >>> x, step = np.arange(6.0), [0.0, 0.0, 0.0, 1.0, 1.0, 1.0]
    >>> q = np.linspace(0.0, 5.0, 101)
    >>> float(pchip(x, step)(q).max()), bool(cubic(x, step)(q).max() > 1.05)
    (1.0, True)
    """
    return _local(PCHIP, x, y, axis, extrapolate, check_finite, workers)


def akima(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    method: str = "akima",
    axis: int = 0,
    extrapolate: Extrapolate = True,
    check_finite: bool = True,
    workers: int | None = None,
) -> Spline:
    """Cubic interpolation by Akima's local derivatives, which oscillate little beside sudden changes.

    Parameters
    ----------
    x : array_like, shape (n,)
        Knots, strictly increasing and finite, n >= 2.
    y : array_like, shape (..., n, ...)
        Values, with n entries along `axis`; every other dimension counts columns that share the knots.
    method : {"akima", "makima"}
        ``"makima"`` modifies the weights so that flat stretches stay flat and equal slopes are no special case.
    axis : int
        Axis of `y` along which the knots run.
    extrapolate : bool or str
        What calls of the spline do outside the knots, see `Spline`.
    check_finite : bool
        Refuse NaN and infinity in `y`. Without the check a column with NaN gives a column of NaN.
    workers : int, optional
        Threads; the result does not depend on it.

    Returns
    -------
    Spline
        Once continuously differentiable, in float32 if both `x` and `y` are, otherwise in float64.

    Raises
    ------
    TypeError
        If `x` or `y` is not real.
    ValueError
        If `method` is unknown, shapes do not match, x does not increase (naming the index), values are not finite, or
        the differences of neighbouring points overflow.

    Notes
    -----
    The weights of a knot count as undefined below 1e-9 of the largest ones of its column; SciPy's class takes the
    largest of all columns, so that there a large column changes its neighbours. About 30 flops and 5 divisions a knot.

    References
    ----------
    H. Akima, *A new method of interpolation and smooth curve fitting based on local procedures*, J. ACM 17 (1970),
    eq. (1); C. Moler, C. Ionita, *Makima Piecewise Cubic Interpolation*, 2019.

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.spline import akima
    >>> x = np.arange(9.0)
    >>> s = akima(x, np.abs(x - 4.0))  # straight up to the knots beside the kink
    >>> s([1.5, 6.5]).tolist()
    [2.5, 2.5]
    """
    kind = AKIMA if _validate.choice(method, "method", ("akima", "makima")) == "akima" else MAKIMA
    return _local(kind, x, y, axis, extrapolate, check_finite, workers)


def hermite(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    dydx: npt.ArrayLike,
    *,
    axis: int = 0,
    extrapolate: Extrapolate = True,
    check_finite: bool = True,
    workers: int | None = None,
) -> Spline:
    """Piecewise cubic with given values and first derivatives.

    Parameters
    ----------
    x : array_like, shape (n,)
        Knots, strictly increasing and finite, n >= 2.
    y : array_like, shape (..., n, ...)
        Values, with n entries along `axis`; every other dimension counts columns that share the knots.
    dydx : array_like
        First derivatives at the knots, in the shape of `y`.
    axis : int
        Axis of `y` and `dydx` along which the knots run.
    extrapolate : bool or str
        What calls of the spline do outside the knots, see `Spline`.
    check_finite : bool
        Refuse NaN and infinity in `y` and `dydx`. Without the check NaN spreads to the pieces beside it, and a column
        whose values are not finite becomes NaN.
    workers : int, optional
        Threads; the result does not depend on it.

    Returns
    -------
    Spline
        Once continuously differentiable, in float32 if all three are, otherwise in float64.

    Raises
    ------
    TypeError
        If an argument is not real.
    ValueError
        If shapes do not match, x does not increase (naming the index), values are not finite, or the differences of
        neighbouring points overflow.

    Notes
    -----
    9 flops and 4 divisions a knot and column.

    References
    ----------
    C. de Boor, *A Practical Guide to Splines*, Springer, 1978, chapter IV, eqs. (5) and (6).

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.spline import hermite
    >>> x = np.linspace(0.0, 1.0, 11)
    >>> s = hermite(x, np.exp(x), np.exp(x))
    >>> bool(abs(s(0.33) - np.exp(0.33)) < 1e-6)
    True
    """
    data = prepare(x, y, axis, check_finite)
    beyond_code(extrapolate)
    threads = _validate.workers(workers)
    slopes = _validate.real_array(dydx, "dydx", finite=check_finite)
    shape = (*data.trailing[: data.axis], data.knots.size, *data.trailing[data.axis :])
    if slopes.shape != shape:
        raise ValueError(f"dydx has shape {slopes.shape}, expected {shape} as y")
    dtype = np.result_type(data.dtype, slopes.dtype)
    data = data._replace(knots=data.knots.astype(dtype, copy=False), rows=data.rows.astype(dtype, copy=False))
    d = np.ascontiguousarray(np.moveaxis(slopes, data.axis, 0), dtype).reshape(data.rows.shape)

    def solve(columns: slice) -> tuple[Array, int]:
        return solve_hermite(
            data.knots, np.ascontiguousarray(data.rows[:, columns]), np.ascontiguousarray(d[:, columns]), threads
        )

    return _finish(solve, data, x, extrapolate, check_finite)
