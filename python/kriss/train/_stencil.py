"""Training of the convolutions that correct factors on grids."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.linalg as sl
import scipy.sparse as sps

from kriss.solve import IC0, MIC, cg
from kriss.solve.learned import StencilFactor
from kriss.solve.learned import _stencil_network as network
from kriss.solve.learned._graph_network import MOST
from kriss.solve.learned._stencil import classical_factor
from kriss.testing import random_diffusion
from kriss.train import _problems
from kriss.train._checkpoint import Tensor, torch
from kriss.train._config import StencilConfig
from kriss.train._graph import loss
from kriss.train._run import Run

Array = npt.NDArray[Any]

KINDS = (*_problems.KINDS, "isotropic")
SIZES = (64, 128)  # of held-out grids


def draw(kind: str, n: int, rng: np.random.Generator) -> sps.csr_array:
    """A matrix on n by n points: those of the multigrid network, and isotropic random diffusion on five points."""
    if kind == "isotropic":
        return random_diffusion(n, variance=2.0, lengthscale=rng.uniform(0.05, 0.2), rng=rng)[0]
    return _problems.draw(kind, n, rng)


class Sample:
    """A matrix, its incomplete factor scaled by the diagonal of A, and solutions, as arrays."""

    def __init__(self, A: sps.csr_array, n: int, rng: np.random.Generator, config: StencilConfig) -> None:
        grid = (n, n)
        base, _, _ = classical_factor(A)
        self.image = network.image(A, grid, base)
        self.row, self.column, self.kind = network.places(grid, base)
        scale = 1.0 / np.sqrt(A.diagonal())
        self.diagonal = np.asarray(base.diagonal * scale, np.float32)
        self.entries = np.asarray(base.data * scale[self.row], np.float32)
        root = np.linalg.cholesky((A.toarray() * scale) * scale[:, None])
        b = rng.standard_normal((n * n, config.vectors))
        self.b = b.astype(np.float32)
        self.x = sl.solve_triangular(root, b, trans="T", lower=True).astype(np.float32)  # of covariance A^-1


class Batch:
    """Some samples of one size side by side, as tensors."""

    def __init__(self, samples: list[Sample]) -> None:
        size = samples[0].diagonal.size

        def joined(parts: list[Array]) -> Tensor:
            return torch.tensor(np.concatenate(parts))

        self.images = torch.tensor(np.stack([s.image for s in samples])).permute(0, 3, 1, 2)
        self.row, self.column = (
            joined([getattr(s, name) + k * size for k, s in enumerate(samples)]) for name in ("row", "column")
        )
        self.kind = joined([s.kind for s in samples])
        self.diagonal, self.entries = joined([s.diagonal for s in samples]), joined([s.entries for s in samples])
        self.b, self.x = joined([s.b for s in samples]), joined([s.x for s in samples])
        self._count = len(samples)

    def means(self, values: Tensor) -> Tensor:
        """Of point values, per matrix."""
        return values.reshape(self._count, -1).mean(dim=1)


def outputs(weights: dict[str, Tensor], g: Batch) -> Tensor:
    """(points, 5): what `kriss.solve.learned._stencil_network.outputs` computes, differentiable."""
    x = g.images
    for k in range(network.LAYERS):
        w = weights[f"w{k}"]
        kernel = w.reshape(3, 3, w.shape[1], w.shape[2]).permute(3, 2, 0, 1)
        x = torch.relu(torch.nn.functional.conv2d(x, kernel, weights[f"b{k}"], padding=1))
    return (x.permute(0, 2, 3, 1) @ weights["out_w"] + weights["out"]).reshape(-1, 5)


def corrected(found: Tensor, g: Batch) -> tuple[Tensor, Tensor]:
    """(diagonal, entries below it)."""
    c = MOST * torch.tanh(found[:, 0] / MOST)
    h = torch.tanh(found[g.row, 1 + g.kind])
    return g.diagonal * torch.exp(c), g.entries * torch.exp(-c[g.column]) * (1.0 + h)


def first_weights(seed: int) -> dict[str, Tensor]:
    """No correction at all."""
    rng = np.random.default_rng([seed, 1])
    out = {}
    for name, shape in network.SHAPES.items():
        spread = math.sqrt(2.0 / (shape[0] * shape[1])) if name[0] == "w" else 0.0
        out[name] = torch.tensor(rng.standard_normal(shape) * spread, dtype=torch.float32)
        out[name].requires_grad_(True)
    return out


def data(config: StencilConfig, bar: Any) -> list[Sample]:
    """The training matrices."""
    out = []
    for k in range(config.samples):
        rng = np.random.default_rng([config.seed, 2, k])
        out.append(Sample(draw(KINDS[k % len(KINDS)], config.points, rng), config.points, rng, config))
        bar.update()
    return out


def train(
    config: StencilConfig, out: Path, *, resume: bool = False, progress: bool = True, plot: Path | None = None
) -> dict[str, Any]:
    """Train, test, write the model and its card; returns the card."""
    from tqdm import tqdm

    started = time.perf_counter()
    torch.manual_seed(config.seed)
    with tqdm(total=config.samples, desc="matrices", disable=not progress) as bar:
        samples = data(config, bar)
    weights = first_weights(config.seed)
    run = Run(config, out, weights, config.steps, started=started, resume=resume)

    def backward(chosen: Array) -> float:
        g = Batch([samples[k] for k in chosen])
        before = loss(g.diagonal, g.entries, g, "likelihood")
        value = (loss(*corrected(outputs(weights, g), g), g, "likelihood") - before).mean()
        value.backward()
        return float(value.detach())

    run.go(config.steps, len(samples), backward, progress=progress)
    return run.finish(
        "stencil_grid2d",
        "correction of MIC or IC(0) factors of five- and nine-point matrices on two-dimensional grids",
        f"kriss.train._stencil.draw: {', '.join(KINDS)}",
        "likelihood",
        lambda arrays: test(arrays, config),
        plot,
        "loss, less that of the classical factor",
    )


def test(arrays: dict[str, Array], config: StencilConfig) -> list[dict[str, Any]]:
    """Iterations of conjugate gradients to 1e-8 on held-out matrices."""
    model = StencilFactor(arrays)
    rows = []
    for n in SIZES:
        for number, kind in enumerate(KINDS):
            counts = []
            for k in range(config.tests):
                rng = np.random.default_rng([config.seed, 4, n, number, k])
                A = draw(kind, n, rng)
                b = rng.standard_normal(n * n)
                methods = (model.setup(A, (n, n), validate=False), MIC(A), IC0(A))
                counts.append([cg(A, b, rtol=1e-8, M=M, maxiter=5000).iterations for M in methods])
            mean = np.mean(counts, axis=0)
            rows.append(
                {"points": n, "kind": kind, "learned": float(mean[0]), "MIC": float(mean[1]), "IC(0)": float(mean[2])}
            )
    return rows
