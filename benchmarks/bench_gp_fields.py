"""What is built on covariance solves: an epoch of a PDE, co-kriging, Cox processes, conservation."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.gp_field_peers import MatrixKernel, PublishedEpoch, dense_cox, probconserv
from benchmarks.harness import Case

TWO_PI = 2.0 * np.pi


def cases(quick: bool = False) -> list[Case]:
    """The rows."""
    out = [_epoch(100 if quick else 400)]
    out += _co_kriging(quick)
    out += _cox(quick)
    out.append(_conservation(quick))
    return out


def _epoch(n: int) -> Case:
    from kriss.gp._mixture import Bands
    from kriss.gp._pde_epochs import Objective, State, values_of
    from kriss.gp._pde_problem import Equation

    x = np.linspace(0.0, TWO_PI, n)

    def u(x: Any, y: Any) -> Any:
        return np.sin(100.0 * x) * np.sin(100.0 * y)

    e = Equation([x, x], {(2, 0): 1.0, (0, 2): 1.0}, lambda x, y: -2e4 * u(x, y), u, None, None)
    bands = values_of(Bands(np.full(30, 1 / 30), np.ones(30), np.linspace(0.0, 20.0, 30), False))
    U = 0.1 * np.random.default_rng(0).standard_normal((n, n))
    state = State(U, [bands, bands], 0.0, 0.0)
    ours = Objective(e, 200.0, 1e-6, False, 0)
    theirs = PublishedEpoch(x, e.source, e.known, 200.0, 1e-6)
    reference = theirs(U, (bands, bands), 0.0, 0.0)[1]

    def apart(result: Any) -> float:
        slope = result[1]
        full = slope.flat() if isinstance(slope, State) else slope
        # Part by part: values, weights and rates and frequencies of both axes, precisions.
        borders = np.cumsum([n * n, *[30] * 6])
        parts = zip(np.split(full, borders), np.split(reference, borders), strict=True)
        return max(float(np.linalg.norm(a - b) / np.linalg.norm(b)) for a, b in parts)

    return Case(
        name=f"one epoch of the {n}x{n} grid Poisson problem, 30 bands per axis",
        ours=lambda: ours(state),
        peers={"NumPy, published algebra": lambda: theirs(U, (bands, bands), 0.0, 0.0)},
        accuracy=apart,
        accuracy_name="gradient against the transcription",
        target=5.0,
        note="the matrices have condition number 1e7: two orders of operations differ by that much rounding",
    )


def borehole(x: Any, cheap: bool = False) -> Any:
    """Flow through a borehole (Morris, Mitchell and Ylvisaker 1993) on the unit cube, and Xiong's cheap version."""
    low = np.array([0.05, 100.0, 63070.0, 990.0, 63.1, 700.0, 1120.0, 9855.0])
    high = np.array([0.15, 50000.0, 115600.0, 1110.0, 116.0, 820.0, 1680.0, 12045.0])
    rw, r, tu, hu, tl, hl, length, kw = (low + (high - low) * x).T
    log = np.log(r / rw)
    inner = 2.0 * length * tu / (log * rw**2 * kw) + tu / tl
    if cheap:
        return 5.0 * tu * (hu - hl) / (log * (1.5 + inner))
    return TWO_PI * tu * (hu - hl) / (log * (1.0 + inner))


def _co_kriging(quick: bool) -> list[Case]:
    from scipy.stats import qmc

    from kriss.gp import RBF, co_kriging

    low = qmc.LatinHypercube(8, rng=1).random(80 if quick else 200)
    high = low[: 20 if quick else 40]
    y = [borehole(low, cheap=True), borehole(high)]
    test = np.random.default_rng(2).random((2000, 8))
    truth = borehole(test)
    kernels = [
        RBF(np.full(8, 1.0), float(np.var(v)), lengthscale_bounds=(0.05, 100.0), variance_bounds=(1e-3, 1e9)) for v in y
    ]

    def fit() -> Any:
        return co_kriging([low, high], y, kernels, jitter=1e-10, n_restarts=1, rng=0)

    def train(**options: Any) -> Any:
        from smt.applications import MFK

        model = MFK(print_global=False, corr="squar_exp", **options)
        model.set_training_values(low, y[0][:, None], name=0)
        model.set_training_values(high, y[1][:, None])
        model.train()
        return model

    def predict(model: Any) -> Any:
        return model.predict(test).mean if hasattr(model, "rho") else model.predict_values(test).ravel()

    def error(model: Any) -> float:
        return float(np.linalg.norm(predict(model) - truth) / np.linalg.norm(truth - truth.mean()))

    size = f"{len(low)} cheap and {len(high)} expensive runs of the borehole function"
    out = [
        Case(
            name=f"co-kriging fit, {size}",
            ours=fit,
            peers={"SMT MFK": train},
            accuracy=error,
            accuracy_name="relative error at 2000 points",
            target=5.0,
            note="lengthscales by maximum likelihood; ours from two starts, SMT with its default search (ten starts)",
        )
    ]
    try:
        model = train()
    except ImportError:
        return out
    # SMT's correlation exp(-theta d**2) of standardised coordinates, as lengthscales of the coordinates themselves.
    same = [
        RBF(model.X_scale / np.sqrt(2.0 * theta), float(np.asarray(par["sigma2"]).item()))
        for theta, par in zip(model.optimal_theta, model.optimal_par, strict=True)
    ]
    nugget = 100.0 * np.finfo(float).eps
    jitters = nugget * max(k.variance / float(np.var(v)) for k, v in zip(same, y, strict=True))
    ours = co_kriging([low, high], y, same, optimize=False, jitter=jitters)
    reference = predict(model)

    def apart(mean: Any) -> float:
        return float(np.abs(mean - reference).max() / np.ptp(truth))

    out.append(
        Case(
            name=f"co-kriging predictions at equal hyperparameters, {size}",
            ours=lambda: predict(ours),
            peers={"SMT MFK": lambda: predict(model)},
            accuracy=apart,
            accuracy_name="largest difference from SMT over the range",
            note="2000 points; theta of SMT's optimum; rho and trends by least squares in both",
        )
    )
    return out


def _cox(quick: bool) -> list[Case]:
    from kriss.gp import RBF, cox_process
    from kriss.gp._cox import _nodes

    rng = np.random.default_rng(3)
    count = 1000 if quick else 10_000
    plane = rng.beta(2.0, 3.0, (count, 2))
    kernel = RBF(0.2, 2.0)

    def big() -> Any:
        c = cox_process(plane, [(0.0, 1.0), (0.0, 1.0)], kernel)
        c.predict(plane[:200], return_cov=True)
        return c

    few = rng.beta(2.0, 3.0, 300 if quick else 1500)[:, None]
    line = RBF(0.15, 2.0)
    nodes, omega = _nodes(np.array([[0.0, 1.0]]), 200)
    at = np.linspace(0.0, 1.0, 101)[:, None]
    numpy_kernel = MatrixKernel(0.15, 2.0, smooth=True)
    reference = dense_cox(numpy_kernel, few, nodes, omega, len(few), at)

    def small() -> Any:
        p = cox_process(few, [(0.0, 1.0)], line).predict(at, return_cov=True)
        return p.mean, p.cov

    def off(result: Any) -> float:
        return max(float(np.abs(a - b).max()) for a, b in zip(result, reference, strict=True))

    return [
        Case(
            name=f"Cox process, {count} events in the plane: mode, and covariance at 200 of them",
            ours=big,
            accuracy=lambda c: c.gradient_norm,
            accuracy_name="relative gradient at the mode",
            note="asked for: under 5 s",
        ),
        Case(
            name=f"Cox process, {len(few)} events on a line: mode and covariance at 101 points",
            ours=small,
            peers={"NumPy, dense": lambda: dense_cox(numpy_kernel, few, nodes, omega, len(few), at)},
            accuracy=off,
            accuracy_name="largest difference from the dense answer",
            target=1.0,
        ),
    ]


def _conservation(quick: bool) -> Case:
    from kriss.gp import Matern, factor

    rng = np.random.default_rng(4)
    times, cells = (8, 51) if quick else (30, 101)
    seen = rng.random((200, 2))

    def front(t: Any, x: Any) -> Any:
        return np.cbrt(3.0 * np.maximum(t - x, 0.0))

    y = front(*seen.T) + 0.05 * rng.standard_normal(len(seen))
    t, x = np.linspace(0.15, 1.0, times), (np.arange(cells) + 0.5) / cells
    grid = np.stack([m.ravel() for m in np.meshgrid(t, x, indexing="ij")], axis=1)
    G = np.kron(np.eye(times), np.full((1, cells), 1.0 / cells))
    b = 0.75 * np.cbrt(3.0) * t ** (4.0 / 3.0)
    lengths, variance, tau = np.array([0.7, 0.4]), 0.5, 0.05**2

    def ours() -> Any:
        return factor(Matern(1.5, lengths, variance), seen, tau).condition_linear(G, b, at=grid).predict(grid, y).mean

    prior = MatrixKernel(lengths, variance, smooth=False)
    return Case(
        name=f"porous medium, mass conserved at {times} times, {times}x{cells} cells, 200 observations",
        ours=ours,
        peers={"NumPy, published algebra": lambda: probconserv(prior, y, tau, seen, grid, G, b)},
        accuracy=lambda mean: float(np.abs(G @ mean - b).max()),
        accuracy_name="largest error of the mass",
        target=1.0,
    )
