"""Training of the network that corrects incomplete factors: from solutions of small random problems."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.linalg as sl
import scipy.sparse as sps

from kriss.solve import ICT, MIC, cg, rcm_order
from kriss.solve.learned import GraphFactor
from kriss.solve.learned import _graph_network as network
from kriss.train._checkpoint import Tensor, torch
from kriss.train._config import GraphConfig
from kriss.train._meshes import KINDS, draw
from kriss.train._run import Run

Array = npt.NDArray[Any]

SIZES = (1000, 4000)  # of held-out meshes
# Base -> (name of the model, what is corrected)
TOLD = {
    "ict": ("graph_mesh2d", "incomplete Cholesky factors (ICT at the fill of A)"),
    "matrix": ("graph_mesh2d_neuralif", "the lower triangle of A"),
}


def reordered(A: sps.csr_array) -> sps.csr_array:
    """In reverse Cuthill-McKee order."""
    order = rcm_order(A)
    B = sps.csr_array(A[order][:, order])
    B.sort_indices()
    return B


class Sample:
    """A matrix, the triangle that is corrected, scaled by the diagonal of A, and solutions, as arrays."""

    def __init__(self, A: sps.csr_array, rng: np.random.Generator, config: GraphConfig) -> None:
        A = reordered(A)
        base = network.triangle(A, A.diagonal()) if config.base == "matrix" else GraphFactor.start(A)[0]
        self.graph = network.graph(A, base)
        scale = 1.0 / np.sqrt(A.diagonal())
        self.diagonal = np.asarray(base.diagonal * scale, np.float32)
        self.entries = np.asarray(base.data * scale[self.graph.row], np.float32)
        x, b = solutions((A.toarray() * scale) * scale[:, None], rng, config)
        self.b, self.x = b.astype(np.float32), x.astype(np.float32)


def solutions(A: Array, rng: np.random.Generator, config: GraphConfig) -> tuple[Array, Array]:
    """(x, b) of the loss: A x = b with white b, or white x; for the likelihood x has the covariance of A^-1."""
    white = rng.standard_normal((A.shape[0], config.vectors))
    if config.loss == "frobenius":
        return white, A @ white
    root = np.linalg.cholesky(A)
    x = sl.solve_triangular(root, white, lower=True) if config.loss == "residual" else white
    return sl.solve_triangular(root, x, trans="T", lower=True), white


class Batch:
    """Some samples side by side, as tensors."""

    def __init__(self, samples: list[Sample]) -> None:
        graphs = [s.graph for s in samples]
        sizes = [s.diagonal.size for s in samples]
        first = np.concatenate([[0], np.cumsum(sizes)])

        def joined(parts: list[Array]) -> Tensor:
            return torch.tensor(np.concatenate(parts))

        def moved(parts: list[Array]) -> Tensor:
            return joined([np.asarray(v, np.int64) + first[k] for k, v in enumerate(parts)])

        self.nodes, self.edges = joined([g.nodes for g in graphs]), joined([g.edges for g in graphs])
        self.row, self.column = moved([g.row for g in graphs]), moved([g.column for g in graphs])
        self.here = moved([np.repeat(np.arange(g.lost.size - 1), np.diff(g.lost)) for g in graphs])
        self.other, self.weight = moved([g.other for g in graphs]), joined([g.weight for g in graphs])
        self.diagonal, self.entries = joined([s.diagonal for s in samples]), joined([s.entries for s in samples])
        self.b, self.x = joined([s.b for s in samples]), joined([s.x for s in samples])
        self.owner = torch.tensor(np.repeat(np.arange(len(samples)), sizes))
        self.sizes = torch.tensor(np.asarray(sizes, np.float32))

    def means(self, values: Tensor) -> Tensor:
        """Of node values, per matrix."""
        return torch.zeros_like(self.sizes).index_add(0, self.owner, values) / self.sizes


def outputs(weights: dict[str, Tensor], g: Batch) -> tuple[Tensor, Tensor]:
    """(c, h) of the network: what `kriss.solve.learned._graph_network.outputs` computes, differentiable."""
    x = torch.relu(g.nodes @ weights["node_w"] + weights["node"])
    e = torch.relu(g.edges @ weights["edge_w"] + weights["edge"])
    for k in range(network.ROUNDS):
        w = {name: weights[f"{name}{k}"] for name in network._ROUND}
        hidden = w["a"] + e @ w["ae"] + (x @ w["ai"])[g.row] + (x @ w["aj"])[g.column]
        e = e + torch.relu(hidden) @ w["b_w"] + w["b"]
        zero = torch.zeros_like(x)
        before, after = zero.index_add(0, g.row, e), zero.index_add(0, g.column, e)
        lost = x[g.other]
        signed = zero.index_add(0, g.here, g.weight[:, None] * lost)
        size = zero.index_add(0, g.here, g.weight.abs()[:, None] * lost)
        hidden = w["c"] + x @ w["cx"] + 0.25 * (before @ w["cs"] + after @ w["ct"]) + signed @ w["cf"] + size @ w["cg"]
        x = x + torch.relu(hidden) @ w["d_w"] + w["d"]
    return x @ weights["node_out_w"] + weights["node_out"], e @ weights["edge_out_w"] + weights["edge_out"]


def corrected(node: Tensor, edge: Tensor, g: Batch) -> tuple[Tensor, Tensor]:
    """(diagonal, entries below it)."""
    c = network.MOST * torch.tanh(node / network.MOST)
    return g.diagonal * torch.exp(c), g.entries * torch.exp(-c[g.column]) * (1.0 + torch.tanh(edge))


def loss(diagonal: Tensor, entries: Tensor, g: Any, kind: str) -> Tensor:
    """Per matrix; see `GraphConfig`."""
    y = (diagonal[:, None] * g.x).index_add(0, g.column, entries[:, None] * g.x[g.row])
    if kind == "likelihood":
        return torch.log(g.means((y * y).mean(dim=1))) - 2.0 * g.means(torch.log(diagonal))
    r = (diagonal[:, None] * y).index_add(0, g.row, entries[:, None] * y[g.column]) - g.b
    return torch.log1p(g.means((r * r).mean(dim=1)))


def first_weights(seed: int, samples: Sequence[Any], shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Tensor]:
    """No correction at all; features are brought to mean 0 and variance 1 over the graphs of the samples."""
    rng = np.random.default_rng([seed, 1])
    out: dict[str, Array] = {}
    for name, shape in shapes.items():
        spread = math.sqrt(1.0 / shape[0]) if len(shape) == 2 else 0.0
        out[name] = rng.standard_normal(shape) * spread
    for name in ("node", "edge"):
        features = np.concatenate([getattr(s.graph, f"{name}s") for s in samples]).astype(np.float64)
        out[f"{name}_w"] /= (features.std(axis=0) + 1e-3)[:, None]
        out[name] = -features.mean(axis=0) @ out[f"{name}_w"]
    tensors = {name: torch.tensor(v, dtype=torch.float32) for name, v in out.items()}
    for tensor in tensors.values():
        tensor.requires_grad_(True)
    return tensors


def data(config: GraphConfig, bar: Any) -> list[Sample]:
    """The training matrices."""
    out = []
    for k in range(config.samples):
        rng = np.random.default_rng([config.seed, 2, k])
        n = int(rng.integers(config.low, config.high + 1))
        out.append(Sample(draw(KINDS[k % len(KINDS)], n, rng), rng, config))
        bar.update()
    return out


def train(
    config: GraphConfig, out: Path, *, resume: bool = False, progress: bool = True, plot: Path | None = None
) -> dict[str, Any]:
    """Train, test, write the model and its card; returns the card."""
    from tqdm import tqdm

    started = time.perf_counter()
    torch.manual_seed(config.seed)
    with tqdm(total=config.samples, desc="matrices", disable=not progress) as bar:
        samples = data(config, bar)
    weights = first_weights(config.seed, samples, network.SHAPES)
    run = Run(config, out, weights, config.steps, started=started, resume=resume)

    def backward(chosen: Array) -> float:
        g = Batch([samples[k] for k in chosen])
        before = loss(g.diagonal, g.entries, g, config.loss)
        value = (loss(*corrected(*outputs(weights, g), g), g, config.loss) - before).mean()
        value.backward()
        return float(value.detach())

    run.go(config.steps, len(samples), backward, progress=progress)
    name, corrected_is = TOLD[config.base]
    return run.finish(
        name,
        f"correction of {corrected_is} (reverse Cuthill-McKee order)",
        "kriss.train._meshes.draw: linear elements on Delaunay meshes of random points, conductivities with a "
        f"ratio of 0.3 to 1e-3; {', '.join(KINDS)}",
        config.loss,
        lambda arrays: test(arrays, config),
        plot,
        "loss, less that of what is corrected",
    )


def test(arrays: dict[str, Array], config: GraphConfig) -> list[dict[str, Any]]:
    """Iterations of conjugate gradients to 1e-8 on held-out matrices; all methods in reverse Cuthill-McKee order."""
    model = GraphFactor(arrays, base=config.base)
    rows = []
    for n in SIZES:
        for number, kind in enumerate(KINDS):
            counts = []
            for k in range(config.tests):
                rng = np.random.default_rng([config.seed, 4, n, number, k])
                A = reordered(draw(kind, n, rng))
                b = rng.standard_normal(n)
                learned = model.setup(A, order="natural", validate=False)
                methods = (learned, ICT(A, drop_tol=0.0, fill=0), MIC(A))
                counts.append([cg(A, b, rtol=1e-8, M=M, maxiter=5000).iterations for M in methods])
            mean = np.mean(counts, axis=0)
            rows.append(
                {"points": n, "kind": kind, "learned": float(mean[0]), "ICT": float(mean[1]), "MIC": float(mean[2])}
            )
    return rows
