"""`fit`: smoothing splines, and least-squares splines whose knots are given, counted or chosen by the data."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from kriss import _validate
from kriss.spline import _lsq, _place
from kriss.spline._bspline import pieces
from kriss.spline._fit_result import SplineFit
from kriss.spline._piecewise import Array
from kriss.spline._robust import Robust, parse
from kriss.spline._smooth import Smoothing, bspline_coefficients, exponent, minimise
from kriss.spline._spline import Spline

_CRITERIA = ("gcv", "reml", "bic", "rtol", "s")
# Interior knots of a smoothing spline that is not cubic.
_MANY = 400
# Points in one bin of this times the mean spacing are ties.
_TIE = 1e-6


class Data(NamedTuple):
    """Data of positive weight, sorted by x, in units where the range of x, the largest |y| and weight are near 1.

    x (in ``2**ex``), y (``2**ey``), w (``2**ew``).
    """

    x: Array
    y: Array
    w: Array
    ex: int
    ey: int
    ew: int


class Fitted(NamedTuple):
    """A fit in the units of `Data`: knots t, coefficients c, pieces (k + 1, cells), leverage of the sorted data."""

    t: Array
    c: Array
    breaks: Array
    powers: Array
    leverage: Array
    edf: float
    lam: float
    tried: int
    criterion: str


class Wanted(NamedTuple):
    """The arguments that say which spline is wanted."""

    knots: int | Array | None
    k: int
    criterion: str | None
    lam: float | None
    bound: float | None
    workers: int


def fit(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    w: npt.ArrayLike | None = None,
    *,
    knots: str | int | npt.ArrayLike = "auto",
    k: int = 3,
    criterion: str | None = None,
    lam: float | None = None,
    rtol: float | None = None,
    s: float | None = None,
    robust: str | tuple[str, float] | None = None,
    workers: int | None = None,
) -> SplineFit:
    """A spline through noisy data: smoothed as the data demand, or by least squares on few knots.

    ``fit(x, y)`` is the cubic smoothing spline chosen by generalised cross-validation. With a number of knots, or a
    criterion for it, the knots are placed by the data; with given knots only the coefficients are fitted.

    Parameters
    ----------
    x : array_like, shape (m,)
        Abscissae in any order; ties are allowed.
    y : array_like, shape (m,)
        Values.
    w : array_like, shape (m,), optional
        Weights of the residuals, 1 / standard deviation for independent errors; not negative. Zero leaves a point out.
    knots : "auto", int or array_like
        ``"auto"``: as `criterion` says. An int: so many interior knots, placed by the data (equally spaced if the fit
        is penalised). An array: these interior knots, strictly increasing inside the range of x.
    k : int
        Degree, 1 to 7.
    criterion : {"gcv", "reml", "bic", "rtol", "s"}, optional
        ``"gcv"`` (generalised cross-validation, the default for ``knots="auto"``) and ``"reml"`` (restricted maximum
        likelihood) penalise the squared derivative of order ``(k + 1) // 2`` and choose its factor. ``"bic"``,
        ``"rtol"`` and ``"s"`` choose the number of placed knots: by the Bayesian information criterion, or the fewest
        whose residuals meet `rtol` or `s`. By default, given or counted knots are not penalised.
    lam : float, optional
        Factor of the penalty, instead of a criterion; see `SplineFit`.
    rtol : float, optional
        For ``criterion="rtol"``: the root mean square of ``w * residual`` is at most this times that of ``w * y``.
    s : float, optional
        For ``criterion="s"``: the sum of ``(w * residual)**2`` is at most this, as in FITPACK.
    robust : {"huber", "tukey"} or (name, float), optional
        Iteratively reweighted fits that bound (Huber) or remove (Tukey) the influence of outliers, with the usual
        constants 1.345 and 4.685, or the one given, in units of a robust scale.
    workers : int, optional
        Threads; the default is the process-wide setting. The result does not depend on it.

    Returns
    -------
    SplineFit
        The spline, its knots, residuals, leverages, degrees of freedom, `lam` and noise level.

    Raises
    ------
    TypeError, ValueError
        If arguments do not fit, data are not finite or too few, the knots leave a B-spline without data (Schoenberg and
        Whitney), or no number of knots meets `rtol` or `s`.

    Notes
    -----
    *Smoothing* (k = 3) has knots at all x and takes O(m): a state-space recursion with 50 flops a point for each of
    some 80 values of the factor, eight at a time. It is accurate for any number of points and any factor; its search
    does not depend on the units of x and y. Ties, and points in one
    bin of 1e-6 mean spacings, are merged. Other degrees have at most 400 knots.

    *Given knots* are solved by blocked Householder reflections, O(m (k + 1)**2), not by normal equations.

    *Placed knots*: de Boor's newnot equidistributes the (k + 1)-th root of the jumps of the k-th derivative, from four
    starts; up to 20 knots and 20,000 data, the better iterates are improved: each knot alone, all together by damped
    Gauss-Newton steps in Jupp's logarithms of width ratios, and any knot in any other cell. The sum of squares has many
    local minima: no choice of knots is claimed to be the best one. ``iterations`` counts the solutions.

    *Robust* fits repeat all of it, knots and factor included, with the weights ``psi(r) / r`` of the residuals over
    1.4826 times their median absolute value, until these weights settle (at most 30 times).

    References
    ----------
    C. de Boor, *A Practical Guide to Splines*, Springer, 1978, chapters XII (newnot) and XIV (least squares).
    P. Craven, G. Wahba, *Smoothing noisy data with spline functions*, Numer. Math. 31, 1979 (GCV).
    D. L. B. Jupp, *Approximation to data by splines with free knots*, SIAM J. Numer. Anal. 15, 1978.
    G. Wahba, *A comparison of GCV and GML*, Ann. Statist. 13, 1985 (restricted likelihood).
    W. E. Wecker, C. F. Ansley, *The signal extraction approach to nonlinear regression and spline
    smoothing*, J. Am. Stat. Assoc. 78, 1983 (the recursion).
    P. J. Huber, *Robust Statistics*, Wiley, 1981, chapter 7.

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.spline import fit
    >>> x = np.linspace(0.0, 1.0, 3000)
    >>> y = np.sin(20 * x) + 0.3 * np.random.default_rng(0).standard_normal(x.size)
    >>> s = fit(x, y)
    >>> bool(abs(s(0.5) - np.sin(10.0)) < 0.1), bool(abs(s.sigma - 0.3) < 0.02)
    (True, True)

    Few knots, placed by the data:

    >>> x = np.linspace(-1.0, 1.0, 200)
    >>> s = fit(x, np.tanh(20 * x), knots=7)
    >>> s.knots.size, s.rms < 2e-2
    (7, True)
    """
    abscissae = _validate.real_array(x, "x", ndim=1, dtype=np.float64)
    values = _validate.real_array(y, "y", ndim=1, dtype=np.float64)
    k = _validate.integer(k, "k", low=1, high=7)
    if values.shape != abscissae.shape:
        raise ValueError(f"y has shape {values.shape}, expected {abscissae.shape} as x")
    weights = np.ones_like(abscissae) if w is None else _validate.real_array(w, "w", ndim=1, dtype=np.float64)
    if weights.shape != abscissae.shape:
        raise ValueError(f"w has shape {weights.shape}, expected {abscissae.shape} as x")
    if abscissae.size < k + 1:
        raise ValueError(f"x has {abscissae.size} elements, expected at least k + 1 = {k + 1}")
    if (weights < 0).any():
        i = int(np.argmax(weights < 0))
        raise ValueError(f"w must not be negative, but w[{i}] = {weights[i]!s}")
    used = int(np.count_nonzero(weights))
    if used < k + 1:
        raise ValueError(f"w must be positive for at least k + 1 = {k + 1} points, but is for {used}")
    wanted = _wanted(knots, k, criterion, lam, rtol, s, workers)
    how = parse(robust)
    if wanted.criterion == "rtol" and rtol is not None:
        wanted = wanted._replace(bound=rtol)
    fitted, data, order, extra = _fit_robustly(abscissae, values, weights, wanted, how)
    return _result(fitted, data, order, abscissae, values, weights * extra.weights, extra.scale, k)


def _wanted(knots: object, k: int, criterion: object, lam: object, rtol: object, s: object, workers: object) -> Wanted:
    """Checked arguments that say which spline is wanted."""
    chosen: int | Array | None
    if isinstance(knots, str):
        if knots != "auto":
            raise ValueError(f"knots must be 'auto', a number or an array, not {knots!r}")
        chosen = None
    elif isinstance(knots, (int, np.integer)) and not isinstance(knots, bool):
        chosen = _validate.integer(knots, "knots", low=0)
    else:
        chosen = _validate.real_array(knots, "knots", ndim=1, dtype=np.float64).copy()
    name = None if criterion is None else _validate.choice(criterion, "criterion", _CRITERIA)
    factor = None if lam is None else _validate.scalar(lam, "lam", low=0.0)
    if name is not None and factor is not None:
        raise ValueError("lam and criterion exclude each other: give one of them")
    if name in ("bic", "rtol", "s") and chosen is not None:
        raise ValueError(f"criterion={name!r} chooses the knots: it needs knots='auto'")
    for value, which in ((rtol, "rtol"), (s, "s")):
        if (value is None) == (name == which):
            raise ValueError(f"{which} is needed for criterion={which!r}, and for no other")
    bound = None
    if name in ("rtol", "s"):
        bound = _validate.scalar(rtol if name == "rtol" else s, name, low=0.0)
    if chosen is None and name is None and factor is None:
        name = "gcv"
    return Wanted(chosen, k, name, factor, bound, _validate.workers(workers))


def _fit_robustly(
    x: Array, y: Array, w: Array, wanted: Wanted, how: Robust | None
) -> tuple[Fitted, Data, npt.NDArray[np.intp], Robust]:
    extra = Robust.plain(x.size) if how is None else how.start(x.size)
    while True:
        data, order = _prepare(x, y, w * extra.weights, wanted.k)
        fitted = _fit_data(data, wanted)
        if how is None:
            return fitted, data, order, extra
        following, settled = extra.next(w * (y - _piecewise(fitted, data)(x)), wanted.k + 1)
        if settled:
            return fitted, data, order, extra._replace(scale=following.scale)
        extra = following


def _prepare(x: Array, y: Array, w: Array, k: int) -> tuple[Data, npt.NDArray[np.intp]]:
    """Sorted and scaled data, and the places they came from."""
    order = np.lexsort((w, y, x))  # the order of the data does not matter, ties included
    order = order[w[order] > 0]
    u, v, g = x[order], y[order], w[order]
    if not u[0] < u[-1]:
        raise ValueError(f"x holds only the value {u[0]!s} at positive weights, expected at least {k + 1} values")
    ex = exponent(float(u[-1] / 2 - u[0] / 2))
    ey, ew = exponent(float(np.abs(v).max())), exponent(float(g.max()))
    if abs(k * ex) > 1000:
        raise _too_far(u[0], u[-1], k)
    g = np.ldexp(g, -ew)
    if g.min() < 1e-30:
        i = int(np.argmin(g))
        raise ValueError(
            f"w spans more than 30 decades: {w[order[i]]!s} beside {w.max()!s}; use 0 to leave a point out"
        )
    return Data(np.ldexp(u, -ex), np.ldexp(v, -ey), g, ex, ey, ew), order


def _too_far(low: float, high: float, k: int) -> ValueError:
    return ValueError(f"on the range of x, {low!s} to {high!s}, coefficients of degree {k} overflow: scale x or y")


def _fit_data(data: Data, wanted: Wanted) -> Fitted:
    penalised = wanted.lam is not None or wanted.criterion in ("gcv", "reml")
    if penalised and wanted.knots is None and wanted.k == 3:
        return _smoothing(data, wanted)
    if penalised:
        return _penalised(data, wanted)
    return _regression(data, wanted)


def _smoothing(data: Data, wanted: Wanted) -> Fitted:
    """Full knots, degree 3. Ties become one point with their mean; what they scatter is kept for the criterion."""
    x, y, w2 = data.x, data.y, data.w * data.w
    # Nearly tied points go together: those in one bin of a millionth of the mean spacing.
    bins = np.floor((x - x[0]) * (x.size / (_TIE * (x[-1] - x[0]))))
    new = np.concatenate([[True], bins[1:] > bins[:-1]])
    first = np.flatnonzero(new)
    n = first.size
    if n < 3:
        raise ValueError(f"x holds only {n} different values at positive weights, expected at least 3")
    which, mean, weight, within = None, y, w2, 0.0
    if n < x.size:
        which = np.cumsum(new) - 1
        weight = np.add.reduceat(w2, first)
        # About one of them, so that equal values have exactly their value as mean.
        mean = y[first] + np.add.reduceat(w2 * (y - y[first][which]), first) / weight
        within = float((w2 * (y - mean[which]) ** 2).sum())
    problem = Smoothing(x[first], mean, weight, total=x.size, within=within)
    if not problem.usable:
        raise ValueError("neighbouring x differ by more than 50 decades: merge those that are nearly equal")
    units = -3 * data.ex + 2 * (0 - data.ew)
    if wanted.lam is None:
        name = wanted.criterion or "gcv"
        chosen = problem.choose(name, workers=wanted.workers)
        if not math.isfinite(chosen.lam):
            raise ValueError("the smoothing parameter cannot be determined: the criterion is not finite anywhere")
        lam, tried = chosen.lam, chosen.tried
    else:
        name, tried = "lam", 1
        lam = problem.scaled_units(_shift(wanted.lam, units))
    made = problem.fit(problem.values[None], lam, wanted.workers)
    if made is None:
        raise ValueError(f"lam={wanted.lam!s} is out of the range of floating point for these data")
    f, g, lever = np.ldexp(made[0][0], problem.ey), np.ldexp(made[1][0], problem.ey - 2 * problem.ex), made[2]
    h = np.diff(x[first])
    d = np.diff(f) / h
    powers = np.stack([np.diff(g) / h / 6.0, g[:-1] / 2.0, d - h * (2.0 * g[:-1] + g[1:]) / 6.0, f[:-1]])
    own = lever if which is None else (lever / weight)[which] * w2
    return Fitted(
        _lsq.full_knots(x[0], x[-1], x[first][1:-1], 3),
        bspline_coefficients(h, f[None], g[None])[0],
        x[first],
        powers,
        own,
        float(lever.sum()),
        _shift(problem.given_units(lam), -units),
        tried,
        name,
    )


def _shift(value: float, exponents: int) -> float:
    try:
        return math.ldexp(value, exponents)
    except OverflowError:
        return math.inf


def _penalised(data: Data, wanted: Wanted) -> Fitted:
    """Given, counted or many equally spread knots, with a penalty."""
    k, x = wanted.k, data.x
    order = (k + 1) // 2
    if isinstance(wanted.knots, np.ndarray):
        interior = _given(data, wanted.knots)
    elif wanted.knots is not None:
        interior = np.linspace(x[0], x[-1], wanted.knots + 2)[1:-1]
    else:
        u = np.unique(x)
        number = min(max(u.size - k - 1, 0), _MANY)
        # Half equally spaced, half where the data are.
        at = np.linspace(0, u.size - 1, number + 2)[1:-1]
        interior = (np.interp(at, np.arange(u.size), u) + np.linspace(x[0], x[-1], number + 2)[1:-1]) / 2
    if np.unique(x).size < order:
        raise ValueError(f"x holds fewer than {order} different values at positive weights")
    t = _lsq.full_knots(x[0], x[-1], interior, k)
    reduced, _ = _lsq.solve(x, data.y[:, None], data.w, t, k, wanted.workers)
    p = _lsq.penalty(t, k, order)
    r, q, left = reduced.r, reduced.q[:, 0].copy(), float(reduced.rss[0])
    n, total = t.size - k - 1, x.size
    lam0 = float((r * r).sum() / (p * p).sum())
    floor = total * (16.0 * np.finfo(float).eps) ** 2
    tried = 0

    def criterion(at: Array) -> tuple[Array, Array]:
        nonlocal tried
        tried += at.size
        lam = lam0 * 10.0**at
        found = _lsq.penalised(r, q, p, lam, wanted.workers)
        with np.errstate(invalid="ignore", divide="ignore"):
            if wanted.criterion == "gcv":
                value = np.log(found.rss + left + floor) - 2.0 * np.log(1.0 - found.edf / total)
            else:
                value = (total - order) * np.log(found.rss + left + lam * found.rough + floor) + found.logdet
                value -= (n - order) * np.log(lam)
        return np.where(np.isnan(value), np.inf, value), found.edf

    units = -(2 * order - 1) * data.ex - 2 * data.ew
    if wanted.lam is None:
        chosen = minimise(criterion, -8.0, 12.0, lam0)
        if not math.isfinite(chosen.lam):
            raise ValueError("the smoothing parameter cannot be determined: the criterion is not finite anywhere")
        lam, name = chosen.lam, str(wanted.criterion)
    else:
        lam, name, tried = _shift(wanted.lam, units), "lam", 1
    found = _lsq.penalised(r, q, p, np.array([lam]), wanted.workers)
    if not np.isfinite(found.edf[0]):
        raise ValueError("knots leave a B-spline without data of its own, and lam is too small to determine it")
    lever = _lsq.leverage(x, data.w, t, k, found.z, wanted.workers)
    breaks = np.concatenate([x[:1], interior, x[-1:]])
    powers = pieces(t, found.c[:, None].copy(), k, breaks, wanted.workers)[:, :, 0]
    return Fitted(t, found.c, breaks, powers, lever, float(found.edf[0]), _shift(lam, -units), tried, name)


def _regression(data: Data, wanted: Wanted) -> Fitted:
    """Least squares on knots that are given, or placed by the data."""
    k, x, y, w = wanted.k, data.x, data.y, data.w
    most = _place.most_knots(x, k)
    if most < 0:
        raise ValueError(f"x holds only {most + k + 1} different values at positive weights, expected at least {k + 1}")
    tried, name = 1, "given"
    if isinstance(wanted.knots, np.ndarray):
        interior = _given(data, wanted.knots)
        if not _lsq.schoenberg_whitney(x, _lsq.full_knots(x[0], x[-1], interior, k), k):
            raise ValueError(
                "knots leave a B-spline without data of its own (Schoenberg and Whitney): use fewer or wider"
            )
    else:
        placed = _placed(data, wanted, most)
        interior, tried, name = placed.knots, placed.solved, wanted.criterion or "number"
    t = _lsq.full_knots(x[0], x[-1], interior, k)
    solved, bad = _lsq.solve(x, y[:, None], w, t, k, wanted.workers)
    if bad >= 0:
        raise ValueError(
            f"knots leave B-spline {bad} undetermined to working accuracy (Schoenberg and Whitney hold, but barely): "
            "use fewer or wider"
        )
    lever = _lsq.leverage(x, w, t, k, _lsq.band_of_inverse(solved.r), wanted.workers)
    breaks = np.concatenate([x[:1], interior, x[-1:]])
    powers = pieces(t, solved.c, k, breaks, wanted.workers)[:, :, 0]
    return Fitted(t, solved.c[:, 0], breaks, powers, lever, float(solved.c.size), 0.0, tried, name)


def _placed(data: Data, wanted: Wanted, most: int) -> _place.Placed:
    k, x, y, w = wanted.k, data.x, data.y, data.w
    placed: _place.Placed | None
    if wanted.knots is not None:
        number = int(wanted.knots)
        if number > most:
            raise ValueError(
                f"knots={number} asks for more than the {most + k + 1} different x allow, at most {most} for k={k}"
            )
        placed = _place.place(x, y, w, k, number, thorough=True, workers=wanted.workers)
        if not placed.rss < math.inf:
            raise ValueError(f"knots={number} leaves a B-spline without data for every placement tried: use fewer")
        return placed
    if wanted.criterion == "bic":
        placed = _place.by_bic(x, y, w, k, most, wanted.workers)
        if not placed.rss < math.inf:
            raise ValueError("no number of knots admits a fit to these data")
        return placed
    bound = wanted.bound or 0.0
    if wanted.criterion == "rtol":
        bound = bound**2 * float(((w * y) ** 2).sum())
    else:
        bound = _shift(bound, -2 * (data.ey + data.ew))
    placed = _place.fewest(x, y, w, k, bound, most, wanted.workers)
    if placed is None:
        raise ValueError(f"{wanted.criterion}={wanted.bound!s} is not met with {most} knots, as many as the x allow")
    return placed


def _given(data: Data, knots: Array) -> Array:
    """Checked interior knots in the units of the data."""
    low, high = math.ldexp(data.x[0], data.ex), math.ldexp(data.x[-1], data.ex)
    steps = np.diff(knots)
    if not (steps > 0).all():
        i = int(np.argmin(steps > 0))
        raise ValueError(f"knots must be strictly increasing, but knots[{i + 1}] = {knots[i + 1]!s} does not")
    if knots.size and not (knots[0] > low and knots[-1] < high):
        raise ValueError(f"knots must lie inside ({low!s}, {high!s}), the range of x, not {knots}")
    return np.ldexp(knots, -data.ex)


def _piecewise(fitted: Fitted, data: Data) -> Spline:
    """The fit in the units of the user."""
    top = fitted.powers.shape[0] - 1
    scale = data.ey - data.ex * np.arange(top, -1, -1)
    breaks = np.ldexp(fitted.breaks, data.ex)
    with np.errstate(over="ignore"):
        c = np.ldexp(fitted.powers, scale[:, None])
    if not np.isfinite(c).all():
        raise _too_far(breaks[0], breaks[-1], top)
    return Spline(breaks, c)


def _result(
    fitted: Fitted, data: Data, order: npt.NDArray[np.intp], x: Array, y: Array, w: Array, scale: float | None, k: int
) -> SplineFit:
    spline = _piecewise(fitted, data)
    residuals = y - spline(x)
    leverage = np.zeros(x.size)
    leverage[order] = fitted.leverage
    with np.errstate(under="ignore"):
        weighted = np.ldexp(w, -data.ew) * np.ldexp(residuals, -data.ey)
    scaled, units = float((weighted**2).sum()), data.ew + data.ey
    left = order.size - fitted.edf
    sigma = scale
    if sigma is None:
        sigma = _shift(math.sqrt(scaled / left), units) if left > 1e-9 * order.size else math.nan
    t, c = np.ldexp(fitted.t, data.ex), np.ldexp(fitted.c, data.ey)
    knots = t[k + 1 : -k - 1].copy()
    for array in (knots, t, c, residuals, leverage, w):
        array.flags.writeable = False
    return SplineFit(
        spline=spline,
        knots=knots,
        k=k,
        t=t,
        coefficients=c,
        residuals=residuals,
        rss=_shift(scaled, 2 * units),
        rms=_shift(math.sqrt(scaled / x.size), units),
        iterations=fitted.tried,
        lam=fitted.lam,
        edf=fitted.edf,
        sigma=sigma,
        leverage=leverage,
        weights=w,
        criterion=fitted.criterion,
    )
