"""Splines from data against SciPy: smoothing by cross-validation, least squares on given knots, placed knots."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import scipy.interpolate as si

from benchmarks.harness import Case
from kriss.datasets import load_titanium
from kriss.scipy.interpolate import make_lsq_spline, make_smoothing_spline
from kriss.spline import fit


def _noisy(n: int, length: float) -> tuple[Any, Any, Any]:
    x = np.linspace(0.0, length, n)
    truth = np.sin(20.0 * x / length)
    return x, truth + 0.3 * np.random.default_rng(n).standard_normal(n), truth


def _error(x: Any, truth: Any) -> Callable[[Any], float]:
    return lambda s: float(np.sqrt(np.mean((s(x) - truth) ** 2)))


def _smoothing(n: int, unit: bool, target: float | None, peer: bool = True) -> Case:
    x, y, truth = _noisy(n, 1.0 if unit else float(n))
    peers: dict[str, Callable[[], Any]] = {}
    if peer:
        peers["scipy make_smoothing_spline"] = lambda: si.make_smoothing_spline(x, y)
    return Case(
        name=f"smoothing, GCV, n={n:.0e}, x in [0, {'1' if unit else 'n'}], mirror".replace("e+0", "e"),
        ours=lambda: make_smoothing_spline(x, y),
        peers=peers,
        accuracy=_error(x, truth),
        accuracy_name="rms error",
        target=target,
        target_peer="scipy make_smoothing_spline" if target else None,
        note="noise 0.3 on sin 20 x; both search the parameter",
    )


def _native(n: int, criterion: str, target: float | None) -> Case:
    x, y, truth = _noisy(n, float(n))
    peers: dict[str, Callable[[], Any]] = {}
    if n <= 10_000:
        peers["scipy make_smoothing_spline"] = lambda: si.make_smoothing_spline(x, y)
    return Case(
        name=f"fit, {criterion}, n={n:.0e}".replace("e+0", "e"),
        ours=lambda: fit(x, y, criterion=criterion),
        peers=peers,
        accuracy=_error(x, truth),
        accuracy_name="rms error",
        target=target,
        target_peer="scipy make_smoothing_spline" if target else None,
        note="with leverages, sorted data checked, piecewise polynomial built",
    )


def _least_squares(n: int, knots: int) -> Case:
    x, y, truth = _noisy(n, 1.0)
    inner = np.linspace(0.0, 1.0, knots + 2)[1:-1]
    t = np.concatenate([[0.0] * 4, inner, [1.0] * 4])
    return Case(
        name=f"least squares, n={n:.0e}, {knots} knots, mirror".replace("e+0", "e"),
        ours=lambda: make_lsq_spline(x, y, t),
        peers={
            "scipy make_lsq_spline": lambda: si.make_lsq_spline(x, y, t),
            "scipy LSQUnivariateSpline": lambda: si.LSQUnivariateSpline(x, y, inner),
        },
        accuracy=_error(x, truth),
        accuracy_name="rms error",
    )


def _titanium(number: int, s: float) -> Case:
    data = load_titanium()
    x, y = data.temperature, data.value
    theirs = si.UnivariateSpline(x, y, s=s)
    return Case(
        name=f"titanium, {number} knots",
        ours=lambda: fit(x, y, knots=number),
        peers={"scipy UnivariateSpline": lambda: si.UnivariateSpline(x, y, s=s)},
        accuracy=lambda spline: float(((y - spline(x)) ** 2).sum()),
        accuracy_name="sum of squares",
        note=f"FITPACK at s={s} takes {theirs.get_knots().size - 2} knots; ours searches for the least sum of squares",
    )


def cases(quick: bool) -> Iterable[Case]:
    """Rows of this part of the family."""
    if not quick:
        yield _smoothing(10_000, unit=False, target=100.0)
        yield _native(10_000, "gcv", 100.0)
        yield _smoothing(10_000, unit=True, target=None)
    yield _smoothing(1_000, unit=False, target=None)
    yield _native(1_000, "reml", None)
    yield _least_squares(100_000 if not quick else 10_000, 50)
    yield _titanium(5, 0.06)
    if quick:
        return
    yield _smoothing(3_000, unit=True, target=None)
    yield _smoothing(1_000_000, unit=True, target=None, peer=False)
    yield _native(1_000_000, "gcv", None)
    yield _least_squares(1_000_000, 50)
    yield _least_squares(200, 5)
