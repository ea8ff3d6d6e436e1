"""Cubic splines against SciPy: evaluation in random and sorted order, construction, small calls, adaptive knots."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import scipy.interpolate as si

from benchmarks.harness import Case
from kriss.scipy.interpolate import Akima1DInterpolator, CubicSpline, PchipInterpolator, PPoly
from kriss.spline import cubic, interpolate

# Streams of one evaluation in float64: 8 B read, 8 B written and, as stores allocate, 8 B read for that.
_BYTES_PER_POINT = 24.0


def _table(knots: int, mesh: str = "uniform") -> tuple[Any, Any]:
    rng = np.random.default_rng(knots)
    x = np.linspace(0.0, 1.0, knots)
    if mesh == "random":
        x[1:-1] = np.sort(rng.random(knots - 2))
    elif mesh == "log":
        x = np.logspace(-12.0, 0.0, knots)
    elif mesh == "clustered":
        x[1:-1] = 0.5 + 1e-9 * (x[1:-1] - 0.5)
        return x, np.sin(np.linspace(0.0, 20.0, knots))  # as smooth from knot to knot as the others
    return x, np.sin(20.0 * x)


def _points(x: Any, count: int, order: str) -> Any:
    """Points that fall on knots as knots fall: every interval is hit about as often, on any mesh."""
    u = np.random.default_rng(1).random(count)
    q = np.interp(u, np.linspace(0.0, 1.0, x.size), x)
    if order == "sorted":
        q.sort()
    return q


def _error(reference: Any) -> Callable[[Any], float]:
    scale = float(np.abs(reference).max())
    return lambda values: float(np.abs(np.asarray(values) - reference).max()) / scale


def _evaluation(knots: int, points: int, order: str, target: float | None, mesh: str = "uniform") -> Case:
    x, y = _table(knots, mesh)
    q = _points(x, points, order)
    ours, theirs = CubicSpline(x, y), si.CubicSpline(x, y)
    peers: dict[str, Callable[[], Any]] = {"scipy CubicSpline": lambda: theirs(q)}
    if knots == 1000:
        spline = si.make_interp_spline(x, y)
        peers["scipy BSpline"] = lambda: spline(q)
    which = "" if mesh == "uniform" else f"{mesh} "
    return Case(
        name=f"eval, {points:.0e} {order} points, {knots:.0e} {which}knots".replace("e+0", "e"),
        ours=lambda: ours(q),
        peers=peers,
        accuracy=_error(theirs(q)),
        accuracy_name="difference to SciPy / max",
        target=target,
        target_peer="scipy CubicSpline",
        note={
            "uniform": "no table; 24 B of streams a point",
            "random": "table of equal buckets; 24 B of streams a point",
            "log": "twelve decades: table by octaves",
            "clustered": "all knots but two within 1e-9: one bisection among all of them",
        }[mesh],
        traffic=_BYTES_PER_POINT * points,
    )


def _degree(order: int, columns: int, points: int) -> Case:
    x, _ = _table(1_000, "random")
    c = np.random.default_rng(5).standard_normal((order, x.size - 1, *((columns,) if columns > 1 else ())))
    q = _points(x, points, "random")
    ours, theirs = PPoly(c, x), si.PPoly(c, x)
    return Case(
        name=f"eval, degree {order - 1}, {columns} column{'s' * (columns > 1)}, {points:.0e} points".replace(
            "e+0", "e"
        ),
        ours=lambda: ours(q),
        peers={"scipy PPoly": lambda: theirs(q)},
        accuracy=_error(theirs(q)),
        accuracy_name="difference to SciPy / max",
    )


def _construction(knots: int, target: float | None, kind: str = "CubicSpline") -> Case:
    x, y = _table(knots, mesh="random")
    q = np.random.default_rng(2).random(2000)
    mirrors = {
        "CubicSpline": CubicSpline,
        "PchipInterpolator": PchipInterpolator,
        "Akima1DInterpolator": Akima1DInterpolator,
    }
    ours, theirs = mirrors[kind], getattr(si, kind)
    reference = theirs(x, y)(q)
    peers: dict[str, Callable[[], Any]] = {f"scipy {kind}": lambda: theirs(x, y)}
    if kind == "CubicSpline":
        peers["scipy make_interp_spline"] = lambda: si.make_interp_spline(x, y)
    return Case(
        name=f"construction, {kind}, {knots:.0e} knots".replace("e+0", "e"),
        ours=lambda: ours(x, y),
        peers=peers,
        accuracy=lambda s: _error(reference)(s(q)),
        accuracy_name="difference to SciPy / max",
        target=target,
        target_peer=f"scipy {kind}",
        note="190 B a knot, most of them in cache" if kind == "CubicSpline" else "100 B a knot",
    )


def _columns(knots: int, columns: int) -> Case:
    x, _ = _table(knots, mesh="random")
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
            note="to stay below 3 microseconds",
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
    for knots in (1_000, 100_000) if quick else (100, 1_000, 10_000, 100_000):
        yield _evaluation(knots, points, "random", 10.0)
        yield _evaluation(knots, points, "sorted", 5.0)
    for mesh in ("random", "log", "clustered"):
        for knots in (1_000,) if quick else (1_000, 100_000):
            yield _evaluation(knots, points, "random", 10.0 if mesh != "clustered" else None, mesh)
            yield _evaluation(knots, points, "sorted", 5.0 if mesh != "clustered" else None, mesh)
    for kind in ("CubicSpline", "PchipInterpolator", "Akima1DInterpolator"):
        yield _construction(10_000 if quick else 100_000, 5.0, kind)
    if quick:
        return
    yield _degree(6, 1, points)
    yield _degree(8, 1, points)
    yield _degree(4, 10, 100_000)
    yield _construction(1_000, None)
    yield _construction(10, None)
    yield _construction(10, None, "PchipInterpolator")
    yield _columns(2_000, 50)
    yield from _small()
    yield _adaptive()
