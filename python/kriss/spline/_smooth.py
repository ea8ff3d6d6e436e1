"""Cubic smoothing splines with knots at all data: the scale-free problem and the choice of its parameter."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from kriss import _backend
from kriss.spline._piecewise import Array

# Decades of lam / lam0 that are searched, from here to `Smoothing.highest`.
LOWEST = -5.0
# The largest scratch of one scan in bytes; more values of lam are taken in several scans.
_SCRATCH = 256e6


class Scan(NamedTuple):
    """Per lam: degrees of freedom, sum of squares for the criterion, least energy, the log-determinant."""

    edf: Array
    rss: Array
    energy: Array
    logdet: Array


@dataclass(frozen=True)
class Chosen:
    """A smoothing parameter: lam in the units of the problem, what the criterion said, and how many were tried."""

    lam: float
    edf: float
    value: float
    tried: int


def exponent(value: float) -> int:
    """The e with ``2**(e-1) <= |value| < 2**e``; 0 for zero."""
    return math.frexp(value)[1] if value else 0


class Smoothing:
    """The problem in units in which mean spacing, mean weight and largest |y| are near 1; scalings are powers of two.

    x: (n,) increasing, y: (n,), w: (n,) positive weights of squared residuals, n >= 3. `total` observations stand
    behind the n distinct x, with the weighted sum of squares `within` about their means (in the units of w y^2). h, y
    and w run from the end of x whose spacing is larger; `values` is y in the order of x.
    """

    def __init__(self, x: Array, y: Array, w: Array, *, total: int | None = None, within: float = 0.0) -> None:
        n = x.size
        self.n, self.total = n, n if total is None else total
        self.ex = exponent(x[-1] / (n - 1) - x[0] / (n - 1))
        self.ew = exponent(float(np.median(w)))
        self.ey = exponent(float(np.abs(y).max()))
        self.h = np.diff(np.ldexp(x, -self.ex))
        # The first step divides by its width: begin where that is larger.
        self.flip = bool(self.h[0] < self.h[-1])
        if self.flip:
            self.h, y, w = self.h[::-1].copy(), y[::-1], w[::-1]
        self.w = np.ldexp(w, -self.ew)
        with np.errstate(over="ignore", divide="ignore"):
            self.rw = 1.0 / self.w
        self.y = np.ldexp(y, -self.ey)
        self.values = self.y[::-1] if self.flip else self.y
        self.within = math.ldexp(within, -self.ew - 2 * self.ey) if within else 0.0
        # lam0 = h^3 w: where a parameter of one point begins to matter.
        self.lam0 = 1.0

    @property
    def usable(self) -> bool:
        """False if spacings or weights are so uneven that the equations leave the range of floating point."""
        return bool(self.h.min() > 1e-50 and self.h.max() < 1e50 and self.rw.max() < 1e60 and self.rw.min() > 1e-60)

    @property
    def highest(self) -> float:
        """Decades of lam / lam0 beyond which the fit is a straight line to within the data's resolution."""
        return 4.0 * math.log10(self.n) + 1.0

    def given_units(self, lam: float) -> float:
        """`lam` of the scaled problem in the units of the data; may overflow to inf."""
        try:
            return math.ldexp(lam, 3 * self.ex + self.ew)
        except OverflowError:
            return math.inf

    def scaled_units(self, lam: float) -> float:
        """The inverse of `given_units`."""
        try:
            return math.ldexp(lam, -3 * self.ex - self.ew)
        except OverflowError:
            return math.inf

    def scan(self, lam: Array, *, unweighted: bool = False, workers: int = 0) -> Scan:
        """All criteria's ingredients for every `lam`; NaN where floating point overflows."""
        n = self.n
        most = max(8, int(_SCRATCH / (32.0 * n)) // 8 * 8)
        out = Scan(*(np.empty(lam.size) for _ in range(4)))
        squares = self.rw * self.rw if unweighted else self.rw
        for first in range(0, lam.size, most):
            part = np.ascontiguousarray(lam[first : first + most])
            work = np.empty((part.size + 7) // 8 * 32 * n)
            pieces = [array[first : first + most] for array in out]
            _backend.kernels("spline_smooth").scan(self.h, self.rw, squares, self.y, part, *pieces, work, workers)
        return out

    def criterion(self, found: Scan, lam: Array, name: str) -> Array:
        """The logarithm of GCV, or -2 log of the restricted likelihood; smaller is better, NaN never."""
        # Residuals below the rounding of the data say nothing: there the smoother of two fits is taken.
        floor = self.total * (16.0 * np.finfo(float).eps) ** 2 * float(self.w.mean())
        with np.errstate(invalid="ignore", divide="ignore"):
            if name == "gcv":
                value = np.log(found.rss + self.within + floor) - 2.0 * np.log(1.0 - found.edf / self.total)
            else:
                freedom = self.total - 2
                value = freedom * np.log(found.energy + self.within + floor) + found.logdet
                value -= (self.n - 2) * np.log(lam)
        return np.where(np.isnan(value), np.inf, value)

    def choose(self, name: str, *, unweighted: bool = False, workers: int = 0) -> Chosen:
        """The lam with the least criterion, by a grid over all scales (it may have several minima) and refinement."""

        def criterion(t: Array) -> tuple[Array, Array]:
            lam = self.lam0 * 10.0**t
            found = self.scan(lam, unweighted=unweighted, workers=workers)
            return self.criterion(found, lam, name), found.edf

        return minimise(criterion, LOWEST, self.highest, self.lam0)

    def fit(self, y: Array, lam: float, workers: int = 0) -> tuple[Array, Array, Array] | None:
        """Values, second derivatives (both (m, n), scaled) and leverage (n) for rows of scaled data y (m, n).

        `y` is in the order of x, as are the results.

        None if the problem left the range of floating point.
        """
        y = np.ascontiguousarray(y[:, ::-1] if self.flip else y)
        f, g, leverage = np.empty_like(y), np.empty_like(y), np.empty(self.n)
        work = np.empty(4 * self.n)
        status = _backend.kernels("spline_smooth").fit(self.h, self.rw, y, lam, f, g, leverage, work, workers)
        if status:
            return None
        return (f[:, ::-1], g[:, ::-1], leverage[::-1]) if self.flip else (f, g, leverage)


def minimise(
    criterion: Callable[[Array], tuple[Array, Array]], low: float, high: float, lam0: float, step: float = 0.5
) -> Chosen:
    """The best t = log10(lam / lam0) in [low, high]: a grid, then polynomials through Chebyshev points near minima.

    criterion: t -> (value, edf). All grid minima within a small margin of the best are followed.
    """
    count = max(8, 8 * math.ceil(((high - low) / step + 1) / 8))
    grid = np.linspace(low, high, count)
    value, edf = criterion(grid)
    best = int(np.argmin(value))
    if not np.isfinite(value[best]):
        return Chosen(math.nan, math.nan, math.inf, count)
    inner = np.flatnonzero((value[1:-1] <= value[:-2]) & (value[1:-1] < value[2:])) + 1
    span = np.ptp(value[np.isfinite(value)])
    starts = inner[value[inner] <= value[best] + 0.1 * span]
    starts = starts[np.argsort(value[starts], kind="stable")][:3]
    # An edge that is best is kept as it is.
    winner = (float(value[best]), float(grid[best]), float(edf[best]))
    nodes = np.cos((2 * np.arange(8) + 1) * (np.pi / 16))[::-1]
    width = float(grid[1] - grid[0])
    centres = grid[starts]
    # Rounding of the values moves the least of them, but hardly the minimum of a polynomial through all: narrow
    # intervals get a lower degree.
    for degree, narrower in ((7, 8.0), (7, 3.0), (4, 1.0)):
        if centres.size == 0:
            break
        t = np.clip(centres[:, None] + width * nodes, low, high)
        values, edfs = criterion(t.ravel())
        values, edfs = values.reshape(t.shape), edfs.reshape(t.shape)
        moved = []
        for row in range(centres.size):
            i = int(np.argmin(values[row]))
            if values[row, i] < winner[0]:
                winner = (float(values[row, i]), float(t[row, i]), float(edfs[row, i]))
            moved.append(_least(nodes, values[row], degree) * width + centres[row])
        centres = np.clip(np.array(moved), low, high)
        width /= narrower
    if centres.size:
        values, edfs = criterion(centres)
        i = int(np.argmin(values))
        if values[i] <= winner[0] + 1e-9 * max(1.0, abs(winner[0])):
            winner = (float(values[i]), float(centres[i]), float(edfs[i]))
    return Chosen(lam0 * 10.0 ** winner[1], winner[2], winner[0], count + 25 * starts.size)


def _least(nodes: Array, values: Array, degree: int) -> float:
    """Where in [-1, 1] the polynomial fitted to `values` at Chebyshev points is least."""
    finite = np.isfinite(values)
    if not finite.all():
        return float(nodes[int(np.argmin(np.where(finite, values, np.inf)))])
    low = values.min()
    coefficients = np.polynomial.chebyshev.chebfit(nodes, values - low, degree)
    roots = np.polynomial.chebyshev.chebroots(np.polynomial.chebyshev.chebder(coefficients))
    real = roots[(np.abs(roots.imag) < 1e-9) & (np.abs(roots.real) <= 1.0)].real
    candidates = np.concatenate([real, [-1.0, 1.0]])
    return float(candidates[int(np.argmin(np.polynomial.chebyshev.chebval(candidates, coefficients)))])


def bspline_coefficients(h: Array, f: Array, g: Array) -> Array:
    """Cubic B-spline coefficients (m, n + 2) of the natural splines with values f and second derivatives g (m, n).

    The knots are the n data with the ends four-fold; a coefficient is the blossom of a piece at three knots.
    """
    d = np.diff(f) / h
    slope = np.empty_like(f)
    slope[:, :-1] = d - h * (2.0 * g[:, :-1] + g[:, 1:]) / 6.0
    slope[:, -1] = d[:, -1] + h[-1] * (g[:, -2] + 2.0 * g[:, -1]) / 6.0
    before, after = np.concatenate([[0.0], h]), np.concatenate([h, [0.0]])
    c = np.empty((f.shape[0], f.shape[1] + 2))
    c[:, 1:-1] = f + slope * ((after - before) / 3.0) - g * (before * after / 6.0)
    c[:, 0], c[:, -1] = f[:, 0], f[:, -1]
    return c
