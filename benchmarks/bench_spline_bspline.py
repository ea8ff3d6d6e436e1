"""B-splines against SciPy: evaluation in random and sorted order, interpolation of degree 3 to 7, FITPACK's classes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import scipy.interpolate as si

from benchmarks.harness import Case
from kriss.scipy import interpolate as ki
from kriss.spline import interpolant


def _table(knots: int) -> tuple[Any, Any]:
    rng = np.random.default_rng(knots)
    x = np.linspace(0.0, 1.0, knots)
    x[1:-1] = np.sort(rng.random(knots - 2))
    return x, np.sin(20.0 * x)


def _error(reference: Any) -> Callable[[Any], float]:
    scale = float(np.abs(reference).max())
    return lambda values: float(np.abs(np.asarray(values) - reference).max()) / scale


def _evaluation(knots: int, points: int, k: int, order: str, target: float | None) -> Case:
    x, y = _table(knots)
    q = np.random.default_rng(1).random(points)
    if order == "sorted":
        q.sort()
    theirs = si.make_interp_spline(x, y, k)
    ours = ki.BSpline(*theirs.tck)
    native = interpolant(x, y, k)
    return Case(
        name=f"BSpline k={k}, {points:.0e} {order} points, {knots:.0e} random knots".replace("e+0", "e"),
        ours=lambda: ours(q),
        peers={"scipy BSpline": lambda: theirs(q), "kriss.spline.interpolant": lambda: native(q)},
        accuracy=_error(theirs(q)),
        accuracy_name="difference to SciPy / max",
        target=target,
        target_peer="scipy BSpline",
        note="SciPy walks from interval to interval" if order == "random" else "",
        traffic=24.0 * points,
    )


def _construction(knots: int, k: int, target: float | None) -> Case:
    x, y = _table(knots)
    q = np.random.default_rng(2).random(2000)
    reference = si.make_interp_spline(x, y, k)(q)
    return Case(
        name=f"make_interp_spline k={k}, {knots:.0e} knots".replace("e+0", "e"),
        ours=lambda: ki.make_interp_spline(x, y, k),
        peers={
            "scipy make_interp_spline": lambda: si.make_interp_spline(x, y, k),
            "kriss.spline.interpolant": lambda: interpolant(x, y, k),
        },
        accuracy=lambda s: _error(reference)(s(q)),
        accuracy_name="difference to SciPy / max",
        target=target,
        target_peer="scipy make_interp_spline",
    )


def _univariate(knots: int, points: int) -> Iterable[Case]:
    x, y = _table(knots)
    q = np.random.default_rng(1).random(points)
    ours, theirs = ki.InterpolatedUnivariateSpline(x, y), si.InterpolatedUnivariateSpline(x, y)
    reference = theirs(q)
    yield Case(
        name=f"InterpolatedUnivariateSpline, {points:.0e} random points, {knots:.0e} knots".replace("e+0", "e"),
        ours=lambda: ours(q),
        peers={"scipy": lambda: theirs(q)},
        accuracy=_error(reference),
        accuracy_name="difference to SciPy / max",
    )
    yield Case(
        name=f"InterpolatedUnivariateSpline, construction, {knots:.0e} knots".replace("e+0", "e"),
        ours=lambda: ki.InterpolatedUnivariateSpline(x, y),
        peers={"scipy": lambda: si.InterpolatedUnivariateSpline(x, y)},
        accuracy=lambda s: _error(reference)(s(q)),
        accuracy_name="difference to SciPy / max",
    )


def _small() -> Iterable[Case]:
    x, y = _table(1000)
    theirs = si.make_interp_spline(x, y)
    ours = ki.BSpline(*theirs.tck)
    exact = float(theirs(0.3))
    yield Case(
        name="BSpline, one float",
        ours=lambda: ours(0.3),
        peers={"scipy BSpline": lambda: theirs(0.3)},
        accuracy=lambda v: abs(float(v) - exact),
        accuracy_name="difference to SciPy",
    )


def cases(quick: bool) -> Iterable[Case]:
    """Rows of this family."""
    points = 100_000 if quick else 1_000_000
    yield _evaluation(10_000, points, 3, "random", 100.0)
    yield _construction(10_000 if quick else 100_000, 5, 3.0)
    if quick:
        return
    yield _evaluation(10_000, points, 5, "random", 100.0)
    yield _evaluation(10_000, points, 3, "sorted", None)
    yield _evaluation(1_000, points, 3, "random", None)
    yield _construction(100_000, 3, None)
    yield _construction(100_000, 7, None)
    yield _construction(1_000, 5, None)
    yield from _univariate(10_000, 100_000)
    yield from _small()
