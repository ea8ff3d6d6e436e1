"""Cubic splines against SciPy: evaluation in random and sorted order, construction, small calls, adaptive knots."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import scipy.interpolate as si

from benchmarks.harness import Case
from kriss.scipy.interpolate import CubicSpline
from kriss.spline import cubic, interpolate

# Streams of one evaluation in float64: 8 B read, 8 B written and, as stores allocate, 8 B read for that.
_BYTES_PER_POINT = 24.0


def _table(knots: int, uniform: bool = True) -> tuple[Any, Any]:
    rng = np.random.default_rng(knots)
    x = np.linspace(0.0, 1.0, knots)
    if not uniform:
        x[1:-1] = np.sort(rng.random(knots - 2))
    return x, np.sin(20.0 * x)


def _error(reference: Any) -> Callable[[Any], float]:
    scale = float(np.abs(reference).max())
    return lambda values: float(np.abs(np.asarray(values) - reference).max()) / scale


def _evaluation(knots: int, points: int, order: str, target: float | None, uniform: bool = True) -> Case:
    x, y = _table(knots, uniform)
    q = np.random.default_rng(1).random(points)
    if order == "sorted":
        q.sort()
    ours, theirs = CubicSpline(x, y), si.CubicSpline(x, y)
    peers: dict[str, Callable[[], Any]] = {"scipy CubicSpline": lambda: theirs(q)}
    if knots == 1000:
        spline = si.make_interp_spline(x, y)
        peers["scipy BSpline"] = lambda: spline(q)
    return Case(
        name=f"eval, {points:.0e} {order} points, {knots:.0e} {'' if uniform else 'random '}knots".replace("e+0", "e"),
        ours=lambda: ours(q),
        peers=peers,
        accuracy=_error(theirs(q)),
        accuracy_name="difference to SciPy / max",
        target=target,
        target_peer="scipy CubicSpline",
        note="24 B of streams a point; tables from cache" if uniform else "table search; 24 B of streams a point",
        traffic=_BYTES_PER_POINT * points,
    )


def _construction(knots: int, target: float | None) -> Case:
    x, y = _table(knots, uniform=False)
    q = np.random.default_rng(2).random(2000)
    reference = si.CubicSpline(x, y)(q)
    return Case(
        name=f"construction, {knots:.0e} knots".replace("e+0", "e"),
        ours=lambda: CubicSpline(x, y),
        peers={
            "scipy CubicSpline": lambda: si.CubicSpline(x, y),
            "scipy make_interp_spline": lambda: si.make_interp_spline(x, y),
        },
        accuracy=lambda s: _error(reference)(s(q)),
        accuracy_name="difference to SciPy / max",
        target=target,
        target_peer="scipy CubicSpline",
        note="190 B a knot, most of them in cache",
    )


def _columns(knots: int, columns: int) -> Case:
    x, _ = _table(knots, uniform=False)
    y = np.random.default_rng(3).standard_normal((knots, columns))
    return Case(
        name=f"construction, {knots} knots x {columns} columns",
        ours=lambda: CubicSpline(x, y).c,
        peers={"scipy CubicSpline": lambda: si.CubicSpline(x, y).c},
        accuracy=_error(si.CubicSpline(x, y).c),
        accuracy_name="difference to SciPy / max",
    )


def _small() -> Iterable[Case]:
    x, y = _table(1000)
    native, ours, theirs = cubic(x, y), CubicSpline(x, y), si.CubicSpline(x, y)
    exact = float(theirs(0.3))
    for name, call in (("mirror", lambda: ours(0.3)), ("native", lambda: native(0.3))):
        yield Case(
            name=f"eval, one float, {name}",
            ours=call,
            peers={"scipy CubicSpline": lambda: theirs(0.3)},
            accuracy=lambda v: abs(float(v) - exact),
            accuracy_name="difference to SciPy",
        )


def _adaptive() -> Case:
    def f(x: Any) -> Any:
        return 1e-6 / ((x - 0.3) ** 2 + 1e-6)

    q = np.random.default_rng(4).random(100_000)

    def adaptive() -> Any:
        return interpolate(f, 0.0, 1.0, rtol=0.0, atol=1e-6)

    def uniform() -> Any:
        # What one does without adaptive knots: double the grid until it is good enough, knowing the answer.
        n = 64
        while True:
            x = np.linspace(0.0, 1.0, n)
            s = si.CubicSpline(x, f(x))
            if np.abs(s(q) - f(q)).max() <= 1e-6:
                return s
            n *= 2

    return Case(
        name="adaptive, resonance of width 1e-3, 1e-6",
        ours=adaptive,
        peers={"scipy CubicSpline, doubling uniform grids": uniform},
        accuracy=lambda s: float(np.abs(s(q) - f(q)).max()),
        accuracy_name="largest error",
        note=(f"{adaptive().n_evals} samples; uniform needs {uniform().x.size}"),
    )


def cases(quick: bool) -> Iterable[Case]:
    """Rows of this family."""
    points = 100_000 if quick else 1_000_000
    yield _evaluation(1_000, points, "random", 8.0)
    yield _evaluation(100_000, points, "random", 8.0)
    yield _evaluation(1_000, points, "sorted", 4.0)
    yield _construction(10_000 if quick else 100_000, 4.0)
    yield _evaluation(1_000, points, "random", None, uniform=False)
    if quick:
        return
    yield _evaluation(100, points, "random", None)
    yield _evaluation(10_000, points, "random", None)
    yield _evaluation(100_000, points, "sorted", 4.0)
    yield _evaluation(100_000, points, "random", None, uniform=False)
    yield _construction(1_000, None)
    yield _construction(10, None)
    yield _columns(2_000, 50)
    yield from _small()
    yield _adaptive()
