"""`fit`: least-squares splines with given knots, or with a given number of knots placed by the data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.interpolate as si
import scipy.optimize as so

from kriss import _validate
from kriss.spline._piecewise import Array, Extrapolate
from kriss.spline._spline import Spline


@dataclass(frozen=True, eq=False)
class SplineFit:
    """What `fit` found: a least-squares spline. It is called like a function.

    Attributes
    ----------
    spline : Spline
        The fitted spline as a piecewise polynomial.
    knots : ndarray
        Interior knots, increasing.
    k : int
        Degree.
    t, coefficients : ndarray
        The same spline as B-splines: full knot vector of shape (len(knots) + 2 k + 2,) and coefficients, as
        `scipy.interpolate.BSpline` takes them.
    residuals : ndarray
        ``y - spline(x)`` in the order given, recomputed from the piecewise polynomial.
    rss : float
        Sum of ``(w * residuals)**2``.
    rms : float
        Square root of ``rss / len(x)``.
    iterations : int
        Least-squares solutions computed while placing knots (1 for given knots).
    """

    spline: Spline
    knots: Array
    k: int
    t: Array
    coefficients: Array
    residuals: Array
    rss: float
    rms: float
    iterations: int

    def __call__(
        self,
        x: npt.ArrayLike,
        nu: int = 0,
        *,
        out: Array | None = None,
        extrapolate: Extrapolate | None = None,
        workers: int | None = None,
    ) -> Any:
        """Values or derivatives of the spline; see `Spline`."""
        return self.spline(x, nu, out=out, extrapolate=extrapolate, workers=workers)

    def derivative(self, nu: int = 1) -> Spline:
        """The derivative of order `nu` as a spline."""
        return self.spline.derivative(nu)

    def integrate(self, a: float, b: float) -> Any:
        """Definite integral from `a` to `b`."""
        return self.spline.integrate(a, b)


# More interior knots than these are left where newnot puts them.
_POLISHED = 20
# Data points times starts that are polished; each takes some 600 solutions.
_BUDGET = 2_000


class _Problem:
    """Sorted, weighted data and what has been solved on it."""

    def __init__(self, x: Array, y: Array, w: Array, k: int) -> None:
        self.x, self.y, self.w, self.k = x, y, w, k
        self.solved = 0

    def full(self, interior: Array) -> Array:
        k, x = self.k, self.x
        return np.concatenate([np.full(k + 1, x[0]), interior, np.full(k + 1, x[-1])])

    def admissible(self, interior: Array) -> bool:
        """Schoenberg and Whitney: there are data x_j with t_j < x_j < t_{j+k+1}, one for each B-spline."""
        if interior.size and not (
            interior[0] > self.x[0] and interior[-1] < self.x[-1] and (np.diff(interior) > 0).all()
        ):
            return False
        t, k, x = self.full(interior), self.k, self.x
        j = 0
        for i in range(t.size - k - 1):
            while j < x.size and not (x[j] > t[i] or (i == 0 and x[j] >= t[0])):
                j += 1
            inside = j < x.size and (x[j] < t[i + k + 1] or (i == t.size - k - 2 and x[j] <= t[-1]))
            if not inside:
                return False
            j += 1
        return True

    def solve(self, interior: Array) -> tuple[Any, float]:
        self.solved += 1
        t = self.full(interior)
        spline = si.make_lsq_spline(self.x, self.y, t, self.k, w=self.w)
        r = self.w * (self.y - spline(self.x))
        return spline, float(r @ r)


def fit(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    w: npt.ArrayLike | None = None,
    *,
    knots: int | npt.ArrayLike,
    k: int = 3,
) -> SplineFit:
    """Least-squares spline of degree k with given interior knots, or with a given number of them placed by the data.

    Parameters
    ----------
    x : array_like, shape (m,)
        Abscissae in any order; ties are allowed.
    y : array_like, shape (m,)
        Values.
    w : array_like, shape (m,), optional
        Positive weights of the residuals, 1 / standard deviation for independent errors.
    knots : int or array_like
        Interior knots, strictly increasing inside the range of x, or their number.
    k : int
        Degree, 1 to 7.

    Returns
    -------
    SplineFit
        The spline, its knots and residuals.

    Raises
    ------
    TypeError, ValueError
        If arguments do not fit, or the knots leave a B-spline without data (Schoenberg and Whitney).

    Notes
    -----
    A number of knots is placed by de Boor's newnot: the k-th derivative of the current fit is constant on each cell;
    its jumps estimate the derivative of order k + 1, and knots are moved so that each cell holds the same share of
    the (k+1)-th root of it. This is repeated from several starts (equally spaced, equally many data a cell). Up to 20
    knots and 2000 data, the better iterates are then improved, one knot at a time and finally all together by
    nonlinear least squares in Jupp's logarithms of width ratios; beyond that the best iterate is kept. The sum of
    squares has many local minima: no choice of knots is claimed to be the best one. Cost of one solution:
    O(m (k + 1)**2); ``iterations`` counts them.

    References
    ----------
    C. de Boor, *A Practical Guide to Splines*, Springer, 1978, chapters XII (newnot) and XIV (least squares).
    D. L. B. Jupp, *Approximation to data by splines with free knots*, SIAM J. Numer. Anal. 15, 1978.

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.spline import fit
    >>> x = np.linspace(-1.0, 1.0, 200)
    >>> y = np.tanh(20 * x)
    >>> s = fit(x, y, knots=7)
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
    if not (weights > 0).all():
        i = int(np.argmin(weights > 0))
        raise ValueError(f"w must be positive, but w[{i}] = {weights[i]!s}")
    if abscissae.size < k + 1:
        raise ValueError(f"x has {abscissae.size} elements, expected at least k + 1 = {k + 1}")
    order = np.lexsort((weights, values, abscissae))  # the order of the data does not matter, ties included
    problem = _Problem(abscissae[order], values[order], weights[order], k)
    if not problem.x[0] < problem.x[-1]:
        raise ValueError(f"x holds only the value {problem.x[0]!s}, expected at least {k + 1} different ones")
    if isinstance(knots, (int, np.integer)) and not isinstance(knots, bool):
        interior = _place(problem, _validate.integer(knots, "knots", low=0))
    else:
        interior = _given(problem, knots)
    spline, _ = problem.solve(interior)
    return _result(problem, spline, interior, abscissae, values, weights)


def _given(problem: _Problem, knots: object) -> Array:
    interior = _validate.real_array(knots, "knots", ndim=1, dtype=np.float64).copy()
    if interior.size:
        steps = np.diff(interior)
        if not (steps > 0).all():
            i = int(np.argmin(steps > 0))
            raise ValueError(f"knots must be strictly increasing, but knots[{i + 1}] = {interior[i + 1]!s} does not")
        low, high = problem.x[0], problem.x[-1]
        if not (interior[0] > low and interior[-1] < high):
            raise ValueError(f"knots must lie inside ({low!s}, {high!s}), the range of x, not {interior}")
    if not problem.admissible(interior):
        raise ValueError("knots leave a B-spline without data of its own (Schoenberg and Whitney): use fewer or wider")
    return interior


def _result(problem: _Problem, spline: Any, interior: Array, x: Array, y: Array, w: Array) -> SplineFit:
    piecewise = _piecewise(problem, spline, interior)
    residuals = y - piecewise(x)
    rss = float(((w * residuals) ** 2).sum())
    for array in (interior, residuals):
        array.flags.writeable = False
    return SplineFit(
        spline=piecewise,
        knots=interior,
        k=problem.k,
        t=np.array(spline.t),
        coefficients=np.array(spline.c),
        residuals=residuals,
        rss=rss,
        rms=float(np.sqrt(rss / x.size)),
        iterations=problem.solved,
    )


def _piecewise(problem: _Problem, spline: Any, interior: Array) -> Spline:
    """The B-spline as polynomials on its cells, from its derivatives at their left ends."""
    breaks = np.concatenate([problem.x[:1], interior, problem.x[-1:]])
    c = np.empty((problem.k + 1, breaks.size - 1))
    factorial = 1.0
    for nu in range(problem.k + 1):
        factorial *= max(nu, 1)
        c[problem.k - nu] = spline(breaks[:-1], nu=nu) / factorial
    return Spline(breaks, c)


def _newnot(breaks: Array, top: Array, cells: int, k: int) -> Array:
    """Interior knots of `cells` cells that equidistribute the (k+1)-th root of the jumps of the k-th derivative.

    breaks: (n + 1,), top: (n,), the k-th derivative on each cell.
    """
    n = top.size
    density = np.ones(n)
    if n > 1:
        jump = np.abs(np.diff(top)) / (breaks[2:] - breaks[:-2])
        e = np.empty(n)
        e[1:-1] = jump[:-1] + jump[1:]
        e[0], e[-1] = 2 * jump[0], 2 * jump[-1]
        if np.isfinite(e).all() and e.max() > 0:
            # A floor keeps cells where the derivative happens to vanish from growing without bound.
            density = np.maximum(e, 1e-12 * e.max()) ** (1.0 / (k + 1))
    mass = np.concatenate([[0.0], np.cumsum(density * np.diff(breaks))])
    return np.asarray(np.interp(np.linspace(0.0, mass[-1], cells + 1)[1:-1], mass, breaks))


def _place(problem: _Problem, number: int) -> Array:
    x, k = problem.x, problem.k
    distinct = np.unique(x).size
    if number > distinct - k - 1:
        raise ValueError(
            f"knots={number} asks for more than the {distinct} different x allow, at most {distinct - k - 1} for k={k}"
        )
    if number == 0:
        return np.empty(0)
    ends = np.linspace(x[0], x[-1], number + 2)[1:-1]
    # Between the data, so that Schoenberg-Whitney holds even for as many knots as the data allow.
    u = np.unique(x)
    rank = np.linspace(0, u.size - 1, number + 2)[1:-1]
    quantile = np.interp(rank, np.arange(u.size), u)
    found: list[tuple[float, Array]] = []
    for start in (ends, quantile, (ends + quantile) / 2, _averages(u, number, k)):
        interior = start
        for _ in range(12):
            if not problem.admissible(interior):
                break
            spline, rss = problem.solve(interior)
            found.append((rss, interior))
            breaks = np.concatenate([x[:1], interior, x[-1:]])
            top = np.asarray(spline(breaks[:-1] + np.diff(breaks) / 2, nu=k))
            interior = _newnot(breaks, top, number + 1, k)
    if not found:
        raise ValueError(f"knots={number} leaves a B-spline without data for every placement tried: use fewer")
    found.sort(key=lambda pair: pair[0])
    # Good starts beat long polishing: the three best and some of the others, fewer on long data.
    chosen = [*found[:3], *found[3::8]][: min(8, _BUDGET // x.size)]
    if number > _POLISHED or not chosen or found[0][0] == 0:
        return found[0][1]
    polished = [_free(problem, *_polish(problem, interior, rss)) for rss, interior in chosen]
    return min(polished, key=lambda pair: pair[1])[0]


def _averages(u: Array, number: int, k: int) -> Array:
    """Averages of k + 1 neighbouring data: admissible for every number of knots up to the most (Greville's idea)."""
    rank = np.linspace(0, u.size - 1, number + k + 1)
    near = np.interp(rank, np.arange(u.size), u)
    return np.array([near[j + 1 : j + k + 1].mean() for j in range(number)])


def _polish(problem: _Problem, interior: Array, rss: float) -> tuple[Array, float]:
    """Move one knot at a time to a better place between its neighbours: at most 4 sweeps, while one gains 1 %."""
    interior = interior.copy()
    for _ in range(4):
        before = rss
        for j in range(interior.size):
            low = interior[j - 1] if j > 0 else problem.x[0]
            high = interior[j + 1] if j + 1 < interior.size else problem.x[-1]
            margin = 0.02 * (high - low)
            near = [interior[j] + s * (high - low) for s in (-0.02, 0.02)]
            for place in [*np.linspace(low + margin, high - margin, 7), *near]:
                trial = interior.copy()
                trial[j] = place
                if not (low < place < high) or not problem.admissible(trial):
                    continue
                _, r = problem.solve(trial)
                if r < rss:
                    interior, rss = trial, r
        if not rss < 0.99 * before:
            break
    return interior, rss


def _free(problem: _Problem, interior: Array, rss: float) -> tuple[Array, float]:
    """All knots at once by nonlinear least squares, in Jupp's logarithms of ratios of neighbouring widths.

    The coefficients are solved for at every step (variable projection). Knots stay in order by construction.
    """
    low, high = problem.x[0], problem.x[-1]
    best, best_rss = interior, rss
    huge = np.full(problem.x.size, 1e3 * max(float(np.abs(problem.w * problem.y).max()), 1e-300))

    def residual(kappa: Array) -> Array:
        nonlocal best, best_rss
        with np.errstate(over="ignore"):
            widths = np.concatenate([[1.0], np.exp(np.clip(np.cumsum(kappa), -60, 60))])
        trial = low + (high - low) * (np.cumsum(widths)[:-1] / widths.sum())
        if not problem.admissible(trial):
            return huge
        spline, r = problem.solve(trial)
        if r < best_rss:
            best, best_rss = trial, r
        return np.asarray(problem.w * (problem.y - spline(problem.x)))

    kappa = np.diff(np.log(np.diff(np.concatenate([[low], interior, [high]]))))
    so.least_squares(residual, kappa, diff_step=1e-6, max_nfev=25, x_scale=1.0)
    return best, best_rss
