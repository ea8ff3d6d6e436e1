"""Training of the network that corrects approximate inverses: from the spectra of small random problems."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sps

from kriss.solve import Chebyshev, cg
from kriss.solve.learned import LearnedSPAI
from kriss.solve.learned import _spai_network as network
from kriss.train import _meshes, _problems, _stencil
from kriss.train._checkpoint import Tensor, torch
from kriss.train._config import SpaiConfig
from kriss.train._graph import first_weights
from kriss.train._run import Run

Array = npt.NDArray[Any]

KINDS = (*_meshes.KINDS, "isotropic", "rotated")
SIZES = (1000, 4000)  # of held-out problems
TOP, LOW, NORM = 20, 6, 4.0  # eigenvalues at either end, and the norm that stands for the largest


def draw(kind: str, n: int, rng: np.random.Generator) -> sps.csr_array:
    """A matrix of about n unknowns: of a mesh (`_meshes`), or of a square grid.

    ``isotropic``: random diffusion on five points; ``rotated``: anisotropy against the grid on nine, whose direction
    turns, is constant, or comes with jumps.
    """
    if kind in _meshes.KINDS:
        return _meshes.draw(kind, n, rng)
    side = round(math.sqrt(n))
    if kind == "isotropic":
        return _stencil.draw("isotropic", side, rng)
    return _problems.draw(str(rng.choice(["turning", "constant", "jumping"])), side, rng)


class Sample:
    """A matrix with its graph, and its Cholesky factor when it is scaled, as tensors."""

    def __init__(self, A: sps.csr_array) -> None:
        self.high = network.bound(A)
        self.graph = g = network.graph(A, self.high)
        self.nodes, self.edges, self.weight = (torch.tensor(v) for v in (g.nodes, g.edges, g.weight))
        each = np.repeat(np.arange(A.shape[0]), np.diff(g.lost))
        self.row, self.column, self.here, self.other = (
            torch.tensor(np.asarray(v, np.int64)) for v in (g.row, g.column, each, g.other)
        )
        diagonal, entries = network.uncorrected(A, g, self.high)
        self.diagonal, self.entries = torch.tensor(diagonal), torch.tensor(entries)
        scale = 1.0 / np.sqrt(A.diagonal())
        self.root = torch.tensor(np.linalg.cholesky((A.toarray() * scale) * scale[:, None]))


def outputs(weights: dict[str, Tensor], s: Sample) -> tuple[Tensor, Tensor]:
    """(c, h) of the network: what the kernel computes, differentiable."""
    x = torch.relu(s.nodes @ weights["node_w"] + weights["node"])
    e = torch.relu(s.edges @ weights["edge_w"] + weights["edge"])
    for k in range(network.ROUNDS):
        w = {name: weights[f"{name}{k}"] for name in network._ROUND}
        ends = x @ w["ai"]
        hidden = w["a"] + e @ w["ae"] + ends[s.row] + ends[s.column]
        e = e + torch.relu(hidden) @ w["b_w"] + w["b"]
        zero = torch.zeros_like(x)
        near = zero.index_add(0, s.row, e).index_add(0, s.column, e)
        other = x[s.other]
        signed = zero.index_add(0, s.here, s.weight[:, None] * other)
        size = zero.index_add(0, s.here, s.weight.abs()[:, None] * other)
        hidden = w["c"] + x @ w["cx"] + 0.25 * near @ w["cs"] + signed @ w["cf"] + size @ w["cg"]
        x = x + torch.relu(hidden) @ w["d_w"] + w["d"]
    return x @ weights["node_out_w"] + weights["node_out"], e @ weights["edge_out_w"] + weights["edge_out"]


def corrected(c: Tensor, h: Tensor, s: Sample) -> tuple[Tensor, Tensor]:
    """(diagonal, entries of the edges)."""
    return s.diagonal + torch.tanh(c.double()), s.entries + 0.5 * torch.tanh(h.double())


def loss(diagonal: Tensor, entries: Tensor, s: Sample, kind: str, rng: np.random.Generator) -> Tensor:
    """See `SpaiConfig`."""
    G = torch.diag(diagonal).index_put((s.row, s.column), entries).index_put((s.column, s.row), entries)
    product = G @ s.root
    if kind == "cosine":
        r = torch.tensor(rng.standard_normal((G.shape[0], 16)))
        image = s.root @ (product.T @ (G @ r) + network.TAU * (s.root.T @ r))
        return 1.0 - torch.nn.functional.cosine_similarity(image, r, dim=0).mean()
    spectrum = torch.log(torch.linalg.eigvalsh(product.T @ product + network.TAU * s.root.T @ s.root))
    largest = torch.logsumexp(NORM * spectrum[-TOP:], 0) / NORM
    return largest - spectrum[:LOW].mean()


def data(config: SpaiConfig, bar: Any) -> list[Sample]:
    """The training matrices."""
    out = []
    for k in range(config.samples):
        rng = np.random.default_rng([config.seed, 2, k])
        n = int(rng.integers(config.low, config.high + 1))
        out.append(Sample(draw(KINDS[k % len(KINDS)], n, rng)))
        bar.update()
    return out


def train(
    config: SpaiConfig, out: Path, *, resume: bool = False, progress: bool = True, plot: Path | None = None
) -> dict[str, Any]:
    """Train, test, write the model and its card; returns the card."""
    from tqdm import tqdm

    started = time.perf_counter()
    torch.manual_seed(config.seed)
    with tqdm(total=config.samples, desc="matrices", disable=not progress) as bar:
        samples = data(config, bar)
    weights = first_weights(config.seed, samples, network.SHAPES)
    run = Run(config, out, weights, config.steps, started=started, resume=resume)
    vectors = [np.random.default_rng([config.seed, 5, k]) for k in range(len(samples))]
    start = [float(loss(s.diagonal, s.entries, s, config.loss, v)) for s, v in zip(samples, vectors, strict=True)]

    def backward(chosen: Array) -> float:
        total = 0.0
        for k in chosen:  # one by one: their dense matrices are of different sizes
            s = samples[k]
            rng = np.random.default_rng([config.seed, 6, len(run.losses), int(k)])
            value = loss(*corrected(*outputs(weights, s), s), s, config.loss, rng) / len(chosen)
            value.backward()
            total += float(value.detach()) - start[k] / len(chosen)
        return total

    run.go(config.steps, len(samples), backward, progress=progress)
    return run.finish(
        "spai2d",
        "correction of the square root of the Chebyshev polynomial of degree 2",
        "kriss.train._spai.draw: linear elements on Delaunay meshes and five- and nine-point matrices on grids, "
        f"conductivities with a ratio of up to 1e-3; {', '.join(KINDS)}",
        config.loss,
        lambda arrays: test(arrays, config),
        plot,
        "loss, less that of the polynomial",
    )


def test(arrays: dict[str, Array], config: SpaiConfig) -> list[dict[str, Any]]:
    """Iterations of conjugate gradients to 1e-8 on held-out matrices."""
    model = LearnedSPAI(arrays)
    rows = []
    for n in SIZES:
        for number, kind in enumerate(KINDS):
            counts = []
            for k in range(config.tests):
                rng = np.random.default_rng([config.seed, 4, n, number, k])
                A = draw(kind, n, rng)
                b = rng.standard_normal(A.shape[0])
                methods = (model.setup(A, validate=False), "fsai", Chebyshev(A, 2), Chebyshev(A, 4), "jacobi")
                counts.append([cg(A, b, rtol=1e-8, M=M, maxiter=5000).iterations for M in methods])
            names = ("learned", "FSAI", "Chebyshev 2", "Chebyshev 4", "Jacobi")
            means = dict(zip(names, map(float, np.mean(counts, axis=0)), strict=True))
            rows.append({"points": n, "kind": kind, **means})
    return rows
