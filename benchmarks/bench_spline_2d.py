"""Tensor-product splines against SciPy: scattered points, grids, construction; evaluations of adaptive grids."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import scipy.interpolate as si

from benchmarks.harness import Case
from kriss.spline import interpolate2d, tensor_interpolate


def _values(x: Any, y: Any) -> Any:
    return np.sin(3 * x + 1) * np.exp(y) + np.cos(4 * x * y)


def _error(reference: Any) -> Callable[[Any], float]:
    scale = float(np.abs(reference).max())
    return lambda values: float(np.abs(np.asarray(values) - reference).max()) / scale


def _scattered(n: int, k: int, points: int) -> Case:
    x = np.linspace(0.0, 1.0, n)
    z = _values(x[:, None], x)
    qx, qy = np.random.default_rng(1).random((2, points))
    both = np.column_stack([qx, qy])
    ours, theirs = tensor_interpolate(x, x, z, k=k), si.RectBivariateSpline(x, x, z, kx=k, ky=k) if k <= 5 else None
    nd = ours.to_ndbspline()
    peers: dict[str, Callable[[], Any]] = {"scipy NdBSpline": lambda: nd(both)}
    if theirs is not None:
        peers["scipy RectBivariateSpline"] = lambda: theirs.ev(qx, qy)
    return Case(
        f"scattered, {points:.0e} points, degree {k}, {n} x {n} knots",
        ours=lambda: ours(qx, qy),
        peers=peers,
        accuracy=_error(nd(both)),
        accuracy_name="difference to NdBSpline / max",
    )


def _grid(n: int, k: int, side: int) -> Case:
    x = np.linspace(0.0, 1.0, n)
    z = _values(x[:, None], x)
    q = np.linspace(0.0, 1.0, side)
    ours, theirs = tensor_interpolate(x, x, z, k=k), si.RectBivariateSpline(x, x, z, kx=k, ky=k)
    return Case(
        f"grid, {side} x {side} points, degree {k}, {n} x {n} knots",
        ours=lambda: ours(q, q, grid=True),
        peers={"scipy RectBivariateSpline": lambda: theirs(q, q)},
        accuracy=_error(theirs(q, q)),
        accuracy_name="difference to SciPy / max",
    )


def _construction(n: int, k: int) -> Case:
    x = np.linspace(0.0, 1.0, n)
    z = _values(x[:, None], x)

    def by_axis() -> Any:
        along_x = si.make_interp_spline(x, z, k=k)
        return si.make_interp_spline(x, along_x.c.T, k=k)

    reference = by_axis().c.T
    peers: dict[str, Callable[[], Any]] = {"scipy make_interp_spline, both axes": by_axis}
    if k <= 5:
        peers["scipy RectBivariateSpline"] = lambda: si.RectBivariateSpline(x, x, z, kx=k, ky=k)
    scale = float(np.abs(reference).max())

    def accuracy(result: Any) -> float:
        if isinstance(result, si.RectBivariateSpline):
            c = result.get_coeffs().reshape(n, n)
        else:
            c = result.c.T if isinstance(result, si.BSpline) else result.c
        return float(np.abs(c - reference).max()) / scale

    return Case(
        f"construction, degree {k}, {n} x {n}",
        ours=lambda: tensor_interpolate(x, x, z, k=k),
        peers=peers,
        accuracy=accuracy,
        accuracy_name="difference to make_interp_spline / max",
    )


def _adaptive(rtol: float) -> Case:
    def f(x: Any, y: Any) -> Any:
        return np.tanh(40 * (x - 0.3)) * np.cos(3 * y)

    qx, qy = np.random.default_rng(2).random((2, 20_000))
    exact = f(qx, qy)
    counts: dict[str, int] = {}

    def ours() -> Any:
        s = interpolate2d(f, (0.0, 1.0), (0.0, 1.0), rtol=rtol)
        counts["kriss"] = s.n_evals
        return s(qx, qy)

    def doubling() -> Any:
        n = 16
        while True:
            x = np.linspace(0.0, 1.0, n + 1)
            s = si.RectBivariateSpline(x, x, f(x[:, None], x), kx=5, ky=5)
            values = s.ev(qx, qy)
            if (np.abs(values - exact) <= rtol * (np.abs(exact) + 1)).all():
                counts["uniform"] = (n + 1) ** 2
                return values
            n *= 2

    ours(), doubling()
    return Case(
        f"adaptive, front of width 1/40, {rtol:.0e}",
        ours=ours,
        peers={"scipy RectBivariateSpline k=5, doubling uniform grids until the true error fits": doubling},
        accuracy=lambda values: float(np.abs(values - exact).max()),
        accuracy_name="largest error",
        note=f"{counts['kriss']} evaluations of f, against {counts['uniform']} of the last uniform grid alone",
    )


def cases(quick: bool) -> Iterable[Case]:
    """Scattered points, grids, construction, an adaptive grid."""
    points = 20_000 if quick else 1_000_000
    for k in (3, 5):
        yield _scattered(50, k, points)
        yield _scattered(300, k, points)
        yield _grid(100 if quick else 300, k, 200 if quick else 1000)
        yield _construction(100 if quick else 500, k)
    yield _scattered(300, 7, points)
    yield _construction(100 if quick else 500, 7)
    yield _adaptive(1e-6)
