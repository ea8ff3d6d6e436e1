"""Station: a Gaussian process for carbon dioxide at Mauna Loa, fitted by maximum likelihood."""

from __future__ import annotations

import functools
import math
from importlib import util
from typing import Any

import numpy as np
import numpy.typing as npt

from kriss import gp
from kriss.datasets import load_mauna_loa
from kriss.tour._peers import ScipyPeer, SklearnPeer, Term
from kriss.tour.harness import Context, Row, StationResult, compare, once
from kriss.tour.report import BLUE, GREY, ORANGE

NAME = "covariance"
TITLE = "Covariance: a Gaussian process for CO2 at Mauna Loa"
SENTENCE = (
    "Learns trend, yearly cycle and noise of the carbon dioxide measured every week at Mauna Loa up to 1996, "
    "with gaps, by maximum likelihood, and forecasts the following years with their uncertainty."
)
CAPTION = (
    "Posterior mean and 95 % band. Grey points were learned from, orange ones were held back; the forecast "
    "starts in 1997."
)

Array = npt.NDArray[np.float64]
FORECAST_FROM = 1997.0

# Columns of X: time in years, and the position in the year on a circle, so that a squared exponential on all three
# is a yearly cycle whose shape changes slowly.
TERMS = (
    Term(None, (0,), 2000.0, (50.0,), (1.0, 1e6), (5.0, 1e3)),
    Term(None, (0, 1, 2), 10.0, (90.0, 1.5, 1.5), (1e-2, 1e4), (0.1, 1e3)),
    Term(2.5, (0,), 0.5, (1.0,), (1e-4, 1e2), (1e-2, 10.0)),
)
NOISE, NOISE_BOUNDS = 0.1, (1e-4, 10.0)


def features(year: Array) -> Array:
    """Time, and the position in the year on a circle: (n, 3)."""
    angle = 2.0 * math.pi * year
    return np.column_stack([year, np.cos(angle), np.sin(angle)])


def kernel() -> gp.Kernel:
    """The covariance function at the start of the search."""
    parts: list[gp.Kernel] = []
    for term in TERMS:
        make = gp.RBF if term.nu is None else functools.partial(gp.Matern, term.nu)
        parts.append(
            make(
                term.lengthscale if len(term.lengthscale) > 1 else term.lengthscale[0],
                term.variance,
                active_dims=term.columns,
                lengthscale_bounds=term.lengthscale_bounds,
                variance_bounds=term.variance_bounds,
            )
        )
    return functools.reduce(lambda a, b: a + b, parts)


def _fit(X: Array, y: Array) -> gp.FitResult:
    # SciPy's own stopping rules for L-BFGS-B, which are scikit-learn's as well.
    return gp.fit(kernel(), X, y, noise=NOISE, noise_bounds=NOISE_BOUNDS, rtol=2.2204e-9, gtol=1e-5, maxiter=15000)


def _rmse(a: Array, b: Array) -> float:
    return float(np.sqrt(np.mean((a - b) ** 2)))


def run(ctx: Context) -> StationResult:
    """Fit and predict here and with the peer."""
    ctx.begin(6)
    stride = 6 if ctx.quick else 2
    with ctx.step("loading"):
        data = load_mauna_loa()
        before = data.year < FORECAST_FROM
        year, co2 = data.year[before][::stride], data.co2[before][::stride]
        level = float(co2.mean())
        X, y = features(year), co2 - level
        peer_class = SklearnPeer if util.find_spec("sklearn") is not None else ScipyPeer
        peer = peer_class(TERMS, NOISE, NOISE_BOUNDS)
    with ctx.step("warming up"):
        _fit(X[:20], y[:20]).predict(X[:3], return_std=True)
        peer.predict(peer.fit(X[:20], y[:20]), X[:3])
    with ctx.step(f"maximum likelihood, n = {y.size}, here"):
        seconds, found = once(lambda: _fit(X, y))
    with ctx.step(f"maximum likelihood, n = {y.size}, {peer.name}"):
        peer_seconds, peer_found = once(lambda: peer.fit(X, y))
    with ctx.step(f"predicting {data.year.size} weeks"):
        everywhere = features(data.year)
        timing = compare(
            lambda: found.predict(everywhere, return_std=True),
            lambda: peer.predict(peer_found, everywhere),
            rounds=5,
            budget=0.6 if ctx.quick else 3.0,
        )
    mean, peer_mean = timing.ours.mean + level, timing.peer[0] + level
    held = ~before
    with ctx.step("drawing the forecast"):
        later = np.linspace(data.year[0], 2008.0, 2600)
        ahead = found.predict(features(later), return_std=True)
        assert ahead.std is not None
    noise = float(found.noise)
    parameters = ", ".join(
        f"{name.split('.')[-1]} {value:.3g}"
        for name, value in zip(found.kernel.parameter_names, np.exp(found.kernel.theta), strict=True)
    )
    rows = (
        Row(
            task=f"maximum likelihood, n = {y.size}",
            peer=peer.name,
            seconds=seconds,
            peer_seconds=peer_seconds,
            accuracy=found.log_likelihood,
            peer_accuracy=peer_found.log_likelihood,
            measure="log lik.",
            better="larger",
            note=(
                f"one week in {stride}; {found.evaluations} evaluations, {found.kernel.theta.size + 1} parameters; "
                "one run of each"
            ),
        ),
        Row(
            task=f"mean and std at {data.year.size} weeks",
            peer=peer.name,
            seconds=timing.seconds,
            peer_seconds=timing.peer_seconds,
            accuracy=_rmse(mean[held], data.co2[held]),
            peer_accuracy=_rmse(peer_mean[held], data.co2[held]),
            measure="forecast ppm",
            note=f"accuracy: root mean square error of the forecast over {int(held.sum())} weeks held back",
            rounds=timing.rounds,
        ),
    )
    remarks = (
        f"peer: {peer.name}, same covariance, start, bounds and optimiser",
        f"found: {parameters}, noise {noise:.3g}",
    )
    spread = np.sqrt(ahead.std**2 + noise)
    picture = {
        "year": year, "co2": co2, "held_year": data.year[held], "held_co2": data.co2[held],
        "later": later, "mean": ahead.mean + level, "spread": 1.96 * spread,
    }  # fmt: skip
    return StationResult(rows, remarks, picture)


def draw(picture: dict[str, Any], figure: Any) -> None:
    """The whole record on the left, the forecast enlarged on the right."""
    left, right = figure.subplots(1, 2, width_ratios=[1.25, 1.0])
    for axes, size in ((left, 5), (right, 12)):
        axes.fill_between(
            picture["later"], picture["mean"] - picture["spread"], picture["mean"] + picture["spread"],
            color=BLUE, alpha=0.22, lw=0, label="95 % band",
        )  # fmt: skip
        axes.plot(picture["later"], picture["mean"], color=BLUE, lw=1.3, label="posterior mean")
        axes.scatter(picture["year"], picture["co2"], s=size, color=GREY, lw=0, label="learned from", zorder=3)
        axes.scatter(picture["held_year"], picture["held_co2"], s=size, color=ORANGE, lw=0, label="held back", zorder=3)
        axes.axvline(FORECAST_FROM, color="black", lw=0.9, ls=":")
        axes.set_xlabel("year")
        axes.set_ylabel("CO$_2$ (ppm by volume)")
    left.set_title("Carbon dioxide at Mauna Loa")
    left.legend(loc="upper left", markerscale=3)
    right.set_title("Forecast from 1997")
    zoom = (1993.5, 2005.5)
    inside = (picture["later"] >= zoom[0]) & (picture["later"] <= zoom[1])
    right.set_xlim(*zoom)
    right.set_ylim(
        (picture["mean"] - picture["spread"])[inside].min() - 1.0,
        (picture["mean"] + picture["spread"])[inside].max() + 1.0,
    )
