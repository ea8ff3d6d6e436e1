"""Station: splines whose knots go where the function needs them, and fast evaluation."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.integrate
import scipy.interpolate
import scipy.special

from kriss import spline
from kriss.datasets import load_titanium
from kriss.tour.harness import Context, Row, StationResult, compare, once
from kriss.tour.report import BLUE, GREY, ORANGE, RED

NAME = "spline"
TITLE = "Spline: knots where they are needed, and a million points"
SENTENCE = (
    "Interpolates a spectral line whose every sample costs a numerical integral, fits the titanium heat data "
    "with a handful of free knots, and evaluates splines at a million points in random order."
)
CAPTION = (
    "Left: samples that the adaptive spline asked for, and how close together they are. Right: titanium heat "
    "data with the fitted knots."
)

Array = npt.NDArray[np.float64]
SIGMA, GAMMA = 0.05, 0.01
LOW, HIGH = -20.0, 30.0
RTOL = 1e-6
KNOTS = 7


class SpectralLine:
    """A Voigt profile by quadrature: a Gauss profile averaged over a Lorentz profile. Counts its samples."""

    def __init__(self) -> None:
        self.samples = 0

    def __call__(self, x: npt.ArrayLike) -> Array:
        """Values at x, any shape."""
        points = np.atleast_1d(np.asarray(x, dtype=np.float64))
        self.samples += points.size
        return np.array([self._one(float(p)) for p in points.ravel()]).reshape(np.shape(x))

    @staticmethod
    def _one(x: float) -> float:
        # Over the Gauss profile in units of its width, whose mass beyond 9 is below 1e-18; the Lorentz profile is
        # narrow there, and quad is told where.
        height = 1.0 / (np.pi * GAMMA * np.sqrt(2.0 * np.pi))
        center = x / SIGMA
        value, _ = scipy.integrate.quad(
            lambda s: np.exp(-0.5 * s * s) / (1.0 + ((x - SIGMA * s) / GAMMA) ** 2),
            -9.0,
            9.0,
            points=[center] if abs(center) < 9.0 else None,
            epsabs=0.0,
            epsrel=1e-10,
            limit=200,
        )
        return float(height * value)


def _uniform(function: SpectralLine, scale: float) -> scipy.interpolate.CubicSpline:
    """What one does with SciPy: halve the spacing, keeping all samples, until the new samples were predicted."""
    x = np.linspace(LOW, HIGH, 65)
    y = function(x)
    while True:
        curve = scipy.interpolate.CubicSpline(x, y)
        middle = 0.5 * (x[1:] + x[:-1])
        fresh = function(middle)
        error = np.abs(curve(middle) - fresh).max()
        x = np.insert(x, np.arange(1, x.size), middle)
        y = np.insert(y, np.arange(1, y.size), fresh)
        if error <= RTOL * scale or x.size > 40_000:
            return scipy.interpolate.CubicSpline(x, y)


def _fitpack(x: Array, y: Array) -> Any:
    """The best FITPACK spline with at most KNOTS interior knots, over smoothing parameters."""
    best: tuple[float, Any] | None = None
    for s in np.geomspace(1e-4, 10.0, 60):
        curve = scipy.interpolate.splrep(x, y, s=s)
        if curve[0].size - 8 <= KNOTS:
            error = _rms(scipy.interpolate.splev(x, curve), y)
            if best is None or error < best[0]:
                best = (error, curve)
    assert best is not None
    return best[1]


def _fitpack_knots_for(x: Array, y: Array, rms: float) -> int:
    """Interior knots that FITPACK needs to fit as closely as `rms`."""
    for s in np.geomspace(1.0, 1e-6, 120):
        curve = scipy.interpolate.splrep(x, y, s=s)
        if _rms(scipy.interpolate.splev(x, curve), y) <= rms:
            return int(curve[0].size - 8)
    return int(x.size - 4)


def _rms(a: Array, b: Array) -> float:
    return float(np.sqrt(np.mean((a - b) ** 2)))


def _line_row() -> tuple[Row, dict[str, Any]]:
    ours, theirs = SpectralLine(), SpectralLine()
    peak = float(scipy.special.voigt_profile(0.0, SIGMA, GAMMA))
    seconds, found = once(lambda: spline.interpolate(ours, LOW, HIGH, rtol=RTOL))
    peer_seconds, curve = once(lambda: _uniform(theirs, peak))
    near = np.concatenate([np.linspace(LOW, HIGH, 20_001), np.linspace(-1.0, 1.0, 20_001)])
    exact = scipy.special.voigt_profile(near, SIGMA, GAMMA)
    row = Row(
        task="costly spectral line",
        peer="scipy.interpolate.CubicSpline on a uniform grid",
        seconds=seconds,
        peer_seconds=peer_seconds,
        accuracy=float(np.abs(found(near) - exact).max() / peak),
        peer_accuracy=float(np.abs(curve(near) - exact).max() / peak),
        measure="max error",
        note=f"{ours.samples} samples here, {theirs.samples} on SciPy's uniform grid; asked for {RTOL:g} of the peak",
    )
    return row, {"line": found, "line_x": np.asarray(found.x), "line_y": np.asarray(found.y)}


def _titanium_row(budget: float) -> tuple[Row, dict[str, Any]]:
    data = load_titanium()
    x, y = data.temperature, data.value
    timing = compare(lambda: spline.fit(x, y, knots=KNOTS), lambda: _fitpack(x, y), rounds=5, budget=budget)
    rms = _rms(timing.ours(x), y)
    row = Row(
        task=f"titanium heat data, {KNOTS} free knots",
        peer="scipy.interpolate.splrep, best of 60 smoothing parameters",
        seconds=timing.seconds,
        peer_seconds=timing.peer_seconds,
        accuracy=rms,
        peer_accuracy=_rms(scipy.interpolate.splev(x, timing.peer), y),
        measure="rms residual",
        note=f"to fit as closely, splrep needs {_fitpack_knots_for(x, y, rms)} knots instead of {KNOTS}",
        rounds=timing.rounds,
    )
    return row, {"titanium": timing.ours, "peer": timing.peer, "x": x, "y": y}


def _wave(x: Array) -> Array:
    return np.sin(12.0 * x) * np.exp(-x) + 0.1 * np.cos(90.0 * x)


def _evaluation_row(knots: int, points: int, budget: float) -> Row:
    x = np.linspace(0.0, 2.0, knots) ** 1.5
    y = _wave(x)
    ours, theirs = spline.cubic(x, y), scipy.interpolate.CubicSpline(x, y)
    where = np.random.default_rng(3).uniform(0.0, x[-1], points)
    timing = compare(lambda: ours(where), lambda: theirs(where), rounds=7, budget=budget)
    exact = _wave(where)
    return Row(
        task=f"{points:.0e} points, {knots} knots".replace("e+0", "e"),
        peer="scipy.interpolate.CubicSpline",
        seconds=timing.seconds,
        peer_seconds=timing.peer_seconds,
        accuracy=float(np.abs(timing.ours - exact).max()),
        peer_accuracy=float(np.abs(timing.peer - exact).max()),
        measure="max error",
        note="points in random order",
        rounds=timing.rounds,
    )


def _construction_row(knots: int, budget: float) -> Row:
    x = np.linspace(0.0, 2.0, knots) ** 1.5
    y = _wave(x)
    timing = compare(lambda: spline.cubic(x, y), lambda: scipy.interpolate.CubicSpline(x, y), rounds=7, budget=budget)
    middle = 0.5 * (x[1:] + x[:-1])
    exact = _wave(middle)
    return Row(
        task=f"construction, {knots} knots",
        peer="scipy.interpolate.CubicSpline",
        seconds=timing.seconds,
        peer_seconds=timing.peer_seconds,
        accuracy=float(np.abs(timing.ours(middle) - exact).max()),
        peer_accuracy=float(np.abs(timing.peer(middle) - exact).max()),
        measure="max error",
        note="not-a-knot ends",
        rounds=timing.rounds,
    )


def run(ctx: Context) -> StationResult:
    """Adaptive interpolation, free knots, construction and evaluation."""
    ctx.begin(6)
    budget = 0.5 if ctx.quick else 3.0
    with ctx.step("warming up"):
        spline.interpolate(np.sin, 0.0, 1.0, rtol=1e-3)
    with ctx.step("a costly spectral line"):
        line, picture = _line_row()
    with ctx.step("titanium heat data"):
        titanium, more = _titanium_row(budget)
    with ctx.step("a million points, 1000 knots"):
        few = _evaluation_row(1000, 1_000_000, budget)
    with ctx.step("a million points, 100000 knots"):
        many = _evaluation_row(100_000, 1_000_000, budget)
    with ctx.step("construction, 100000 knots"):
        construction = _construction_row(100_000, budget)
    return StationResult((line, titanium, few, many, construction), (), {**picture, **more})


def draw(picture: dict[str, Any], figure: Any) -> None:
    """The spectral line with its samples and their distances, and the titanium data with their knots."""
    grid = figure.add_gridspec(2, 2, height_ratios=[1.7, 1.0])
    x, y = picture["line_x"], picture["line_y"]
    fine = np.unique(np.concatenate([np.linspace(LOW, HIGH, 4000), np.linspace(-1.0, 1.0, 4000)]))
    above = figure.add_subplot(grid[0, 0])
    above.semilogy(fine, picture["line"](fine), color=BLUE, label="adaptive spline")
    above.semilogy(x, y, "o", ms=3, mfc="white", mew=0.9, color=ORANGE, label=f"its {x.size} samples")
    above.set_ylabel("intensity")
    above.set_title("A costly spectral line")
    above.legend(loc="lower center")
    below = figure.add_subplot(grid[1, 0], sharex=above)
    below.semilogy(0.5 * (x[1:] + x[:-1]), np.diff(x), ".", ms=3.5, color=ORANGE)
    below.set_ylabel("distance of samples")
    below.set_xscale("symlog", linthresh=0.1, linscale=1.0)
    below.set_xticks([-10, -1, -0.1, 0, 0.1, 1, 10], ["-10", "-1", "-0.1", "0", "0.1", "1", "10"])
    below.set_xlabel("detuning, logarithmic beyond 0.1")
    above.tick_params(labelbottom=False)
    right = figure.add_subplot(grid[:, 1])
    t = np.linspace(picture["x"][0], picture["x"][-1], 1500)
    fit = picture["titanium"]
    right.plot(t, scipy.interpolate.splev(t, picture["peer"]), color=GREY, lw=1.3, ls="--",
               label=f"SciPy splrep, {picture['peer'][0].size - 8} knots")  # fmt: skip
    right.plot(t, fit(t), color=BLUE, label=f"KRISS, {len(fit.knots)} free knots")
    right.plot(picture["x"], picture["y"], "o", ms=4, mfc="white", color=ORANGE, label="measured")
    right.plot(fit.knots, fit(fit.knots), "|", ms=16, mew=2.2, color=RED, label="knots of KRISS")
    right.set_xlabel("temperature")
    right.set_ylabel("measured property of titanium")
    right.set_title("Titanium heat data")
    right.legend(loc="upper left")
