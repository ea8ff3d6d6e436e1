"""Training of the prolongation network: the convergence of two-grid methods, unsupervised."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from kriss.solve import black_box_mg, cg
from kriss.solve.learned import LearnedMultigrid, _network
from kriss.solve.learned._multigrid import BOTH, MIRRORED, NATURAL, rotation
from kriss.train._checkpoint import Tensor, torch
from kriss.train._checkpoint import arrays as _arrays
from kriss.train._config import MultigridConfig
from kriss.train._problems import KINDS, draw, prolongation, streams
from kriss.train._run import Run

Array = npt.NDArray[Any]


def smoother(stencil: Array, order: int) -> Array:
    """I - S A as a dense matrix, S the inverse of the incomplete factors in one order of elimination."""
    from kriss._numba._box_factor import backsolve, factorise

    n = stencil.shape[1]
    mirrored = order == MIRRORED
    inverse, line = np.zeros((1, n, n)), np.zeros((1, n, n), np.float32)
    off = np.zeros((3, 1, n, n), np.float32)
    a = stencil
    if factorise(a[0], a[1], a[2], a[3], a[4], mirrored, inverse[0], line[0], off[:, 0]) >= 0:
        raise np.linalg.LinAlgError("a training matrix is not positive definite")
    out = np.eye(n * n)
    work, x = np.empty((1, n, n)), np.empty((1, n, n))
    unit = np.zeros((1, n, n))
    applied = dense(stencil)
    for k in range(n * n):
        unit[:] = applied[k].reshape(1, n, n)  # symmetric: a row is a column
        backsolve(mirrored, False, inverse, line, off, unit, work, x, False)
        out[:, k] -= x.ravel()
    return out


def dense(stencil: Array) -> Array:
    """The matrix of five streams."""
    n = stencil.shape[1]
    out = np.zeros((n * n, n * n))
    for k, offset in enumerate((0, 1, n - 1, n, n + 1)):
        at = np.arange(n * n - offset)
        values = stencil[k].reshape(-1)[: at.size]
        out[at, at + offset] += values
        if offset:
            out[at + offset, at] += values
    return out


class Sample:
    """A matrix with its smoother, as tensors."""

    def __init__(self, stencil: Array, seed: int, vectors: int) -> None:
        sums = np.lib.stride_tricks.sliding_window_view(stencil[:, :-1, :-1], (3, 3), (1, 2)).sum(axis=(3, 4))
        orders = rotation(sums)
        if isinstance(orders, str):
            orders = NATURAL
        stencil = stencil / stencil[0].max()
        first = smoother(stencil, MIRRORED if orders == MIRRORED else NATURAL)
        second = smoother(stencil, MIRRORED) if orders == BOTH else None
        before = first if second is None else second @ first
        after = first if second is None else first @ second
        self.before = torch.tensor(before, dtype=torch.float32)  # of an error, before the correction
        self.after = torch.tensor(after, dtype=torch.float32)
        self.stencil = torch.tensor(stencil)
        self.matrix = torch.tensor(dense(stencil)).to_sparse_csr()
        self.couplings = torch.tensor(_network.neighbours(stencil))
        rng = np.random.default_rng(seed)
        self.errors = torch.tensor(rng.standard_normal((stencil[0].size, vectors)))


def _orientations(weights: dict[str, Tensor], net: str, turns: list[list[int]], features: Tensor) -> Tensor:
    seen = torch.stack([features[turn] for turn in turns])
    hidden = torch.relu(weights[f"{net}_w1"] @ seen + weights[f"{net}_b1"][:, None])
    hidden = torch.relu(weights[f"{net}_w2"] @ hidden + weights[f"{net}_b2"][:, None])
    return weights[f"{net}_w3"] @ hidden + weights[f"{net}_b3"][:, None]


def _edges(weights: dict[str, Tensor], a: Tensor, centre: Tensor, ends: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    shape = centre.shape
    features = (a / centre).reshape(8, -1).to(torch.float32)
    out = _orientations(weights, "edge", [list(range(8)), _network.MIRROR], features)
    q = torch.sigmoid(0.5 * (out[0, 1] + out[1, 1])).reshape(shape)
    g = (out[0, 0] - out[1, 0]).reshape(shape)
    one, two, total = (torch.tensor(v) for v in _network.classical_edges(a.numpy(), centre.numpy()))
    sound = torch.minimum(one, two) >= 0.0
    logit = torch.log(one.clamp(min=_network.FLOOR)) - torch.log(two.clamp(min=_network.FLOOR))
    share = torch.sigmoid(torch.where(sound, q * logit, torch.zeros_like(logit)) + g)
    share = torch.where(ends[0], torch.where(ends[1], share, 1.0), 0.0)
    total = total.clamp(0.0, 1.0)
    first = total * share
    return first, torch.where(ends[1], total - first, 0.0)


def interpolation(weights: dict[str, Tensor], sample: Sample) -> Tensor:
    """The twin of `kriss.solve.learned._network.interpolation` that is differentiable in the weights; n odd."""
    centre, a = sample.stencil[0], sample.couplings
    n = centre.shape[0]
    m, h = n // 2, n // 2 + 1
    place = torch.arange(h)
    west, east = _edges(weights, a[:, 1::2, 0::2], centre[1::2, 0::2], (place > 0, place < m))
    down = place[:, None]
    north, south = _edges(weights, a[_network.TRANSPOSE][:, 0::2, 1::2], centre[0::2, 1::2], (down > 0, down < m))
    pad = torch.nn.functional.pad
    rows = [pad(v, (0, 0, 1, 1)) for v in (west, east)]
    columns = [pad(v, (1, 1)) for v in (north, south)]
    corner, middle = a[:, 0::2, 0::2], centre[0::2, 0::2]
    base, exists = [], []
    for k in range(4):
        low, far = k // 2, k % 2
        base.append(
            -(corner[4 + k] + corner[2 + low] * rows[far][low : low + h] + corner[far] * columns[low][:, far : far + h])
            / middle
        )
        exists.append(((down < m) if low else (down > 0)) & ((place < m) if far else (place > 0)))
    classical, there = torch.stack(base), torch.stack(exists)
    features = (corner / middle).reshape(8, -1).to(torch.float32)
    turns = [list(range(8)), _network.MIRROR, _network.FLIP, _network.TURN]
    seen = _orientations(weights, "corner", turns, features)
    q = torch.sigmoid(seen[:, 1].mean(dim=0)).reshape(h, h)
    logits = q * torch.log(classical.clamp(min=_network.FLOOR)) + seen[:, 0].reshape(4, h, h)
    shares = torch.softmax(torch.where(there, logits, -math.inf), dim=0)
    total = torch.where(there, classical, 0.0).sum(dim=0).clamp(0.0, 1.0)
    c = shares * total
    one = torch.ones(m, m, dtype=c.dtype)
    return torch.stack(
        [
            c[3, :m, :m], south[:m], c[2, :m, 1:], east[:, :m], one, west[:, 1:], c[1, 1:, :m], north[1:], c[0, 1:, 1:],
        ]
    )  # fmt: skip


def two_grid(weights: dict[str, Tensor], sample: Sample, powers: int, places: Tensor) -> Tensor:
    """Cubic mean of the Rayleigh quotients of the two-grid method over a block of its slowest errors."""
    n = sample.stencil.shape[1]
    m = n // 2
    w = interpolation(weights, sample).reshape(-1)
    P = torch.zeros(n * n * m * m, dtype=torch.float64).index_put((places,), w).reshape(n * n, m * m)
    AP = sample.matrix @ P
    factor = torch.linalg.cholesky(P.T @ AP)
    e = sample.errors
    with torch.no_grad():
        for _ in range(powers):
            y = (sample.before @ e.float()).double()
            y = (sample.after @ (y - P @ torch.cholesky_solve(AP.T @ y, factor)).float()).double()
            root = torch.linalg.cholesky(y.T @ (sample.matrix @ y))
            e = torch.linalg.solve_triangular(root, y.T, upper=False).T
    y = (sample.before @ e.float()).double()
    g = torch.linalg.solve_triangular(factor, AP.T @ y, upper=False)
    quotients = ((y * (sample.matrix @ y)).sum(dim=0) - (g * g).sum(dim=0)) / (e * (sample.matrix @ e)).sum(dim=0)
    return quotients.clamp(min=1e-6).pow(3).mean().pow(1 / 3)


def first_weights(seed: int) -> dict[str, Tensor]:
    """Half way between Dendy's interpolation and bilinear interpolation, up to one per cent."""
    rng = np.random.default_rng([seed, 1])
    out = {}
    for name, shape in _network.SHAPES.items():
        values = rng.standard_normal(shape) * math.sqrt(2.0 / shape[-1]) if "_w" in name else np.zeros(shape)
        out[name] = torch.tensor(values * (0.01 if name.endswith("w3") else 1.0), dtype=torch.float32)
        out[name].requires_grad_(True)
    return out


def data(config: MultigridConfig, stage: int, weights: dict[str, Array], bar: Any) -> list[Sample]:
    """The matrices of a stage."""
    out = []
    n = config.points
    for k in range(config.samples):
        rng = np.random.default_rng([config.seed, 2, stage, k])
        kind = KINDS[k % len(KINDS)]
        if 3 * k < 2 * config.samples:
            stencil = streams(draw(kind, n, rng), n)
        else:
            fine = draw(kind, 2 * n + 1, rng)
            P = prolongation(_network.interpolation(weights, streams(fine, 2 * n + 1)), 2 * n + 1)
            stencil = streams((P.T @ fine @ P).tocsr(), n)
        out.append(Sample(stencil, k, config.vectors))
        bar.update()
    return out


def train(
    config: MultigridConfig, out: Path, *, resume: bool = False, progress: bool = True, plot: Path | None = None
) -> dict[str, Any]:
    """Train, test, write the model and its card; returns the card."""
    from tqdm import tqdm

    started = time.perf_counter()
    torch.manual_seed(config.seed)
    weights = first_weights(config.seed)
    run = Run(config, out, weights, config.stages * config.steps, started=started, resume=resume)
    if not run.resumed:  # what an earlier run has left belongs to another one
        for k in range(config.stages):
            run.checkpoint.with_suffix(f".stage{k}.npz").unlink(missing_ok=True)
    n, m = config.points, config.points // 2
    i, j = np.indices((m, m))
    places = torch.tensor(
        np.stack(
            [((2 * i + k // 3) * n + 2 * j + k % 3) * m * m + i * m + j for k in range(9)]
        ).reshape(-1)
    )  # fmt: skip
    samples: list[Sample] = []

    def backward(chosen: Array) -> float:
        value = 0.0
        for k in chosen:
            loss = torch.log(two_grid(weights, samples[k], config.powers, places)) / config.batch
            loss.backward()
            value += float(loss.detach())
        return value

    for stage in range(len(run.losses) // config.steps, config.stages):
        start = _base(run.checkpoint, weights, stage, config)
        label = f"stage {stage + 1}"
        with tqdm(total=config.samples, desc=f"{label}: matrices", disable=not progress) as bar:
            samples[:] = data(config, stage, start, bar)
        last = (stage + 1) * config.steps
        run.go(last, len(samples), backward, progress=progress, label=f"{label}: steps")
    return run.finish(
        "multigrid2d",
        "interpolation of nine-point stencils on two-dimensional grids",
        f"kriss.train._problems.draw: rotated anisotropy, ratios 0.2 to 6e-4, {', '.join(KINDS)}",
        "mean logarithm of the two-grid contraction of the energy of the slowest errors",
        lambda arrays: test(arrays, config),
        plot,
        "log of the two-grid contraction",
    )


def test(arrays: dict[str, Array], config: MultigridConfig) -> list[dict[str, Any]]:
    """Iterations of conjugate gradients to 1e-8 on held-out matrices, beside Black-Box multigrid's."""
    model = LearnedMultigrid(2, arrays)
    rows = []
    for n in (64, 128):
        for number, kind in enumerate(KINDS):
            counts = []
            for k in range(config.tests):
                rng = np.random.default_rng([config.seed, 4, n, number, k])
                A = draw(kind, n, rng)
                b = rng.standard_normal(n * n)
                methods = (model.setup(A, (n, n), validate=False), black_box_mg(A, (n, n)))
                counts.append([cg(A, b, rtol=1e-8, M=M, maxiter=500).iterations for M in methods])
            mean = np.mean(counts, axis=0)
            rows.append({"points": n, "kind": kind, "learned": float(mean[0]), "black box": float(mean[1])})
    return rows


def _base(checkpoint: Path, weights: dict[str, Tensor], stage: int, config: MultigridConfig) -> dict[str, Array]:
    """The weights at the start of a stage, which its coarse operators are made with, also after a resumption."""
    file = checkpoint.with_suffix(f".stage{stage}.npz")
    if file.is_file() and stage > 0:
        return _arrays(file, weights)
    arrays = {k: v.detach().numpy().copy() for k, v in weights.items()}
    if stage > 0 or config.stages > 1:
        np.savez(file, **arrays)
    return arrays
