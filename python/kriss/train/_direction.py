"""Training of the networks that propose search directions."""

from __future__ import annotations

import functools
import math
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from kriss import _validate as check
from kriss.solve import cg
from kriss.solve.learned import DeepConjugateDirection
from kriss.solve.learned import _direction_network as network
from kriss.solve.learned._direction import poisson
from kriss.testing import masked_poisson
from kriss.train._checkpoint import Tensor, torch
from kriss.train._config import DirectionConfig
from kriss.train._domains import Domain, combinations, domain, octaves, prepared
from kriss.train._run import Run

Array = npt.NDArray[Any]

SIZES = {2: (64, 128, 256), 3: (32, 48, 64)}  # of held-out domains
RTOL = 1e-4
JACOBI, RAISE = 0.8, 4.0  # damping, and the factor of a coarser correction: the mesh width doubles


class Images:
    """A domain as tensors."""

    def __init__(self, d: Domain, kind: str) -> None:
        dim, shape = d.mask.ndim, d.mask.shape
        _, walls = poisson(check.csr(d.A, "A"), d.mask)
        held = network.levels(d.mask, walls, network.depth(kind, shape))
        self.inside = [torch.tensor(inside > 0, dtype=torch.float32) for inside, _ in held]
        self.walls = [torch.tensor(took * (inside > 0), dtype=torch.float32) for inside, took in held]
        self.outside = [torch.tensor((1.0 - inside) * (inside > 0), dtype=torch.float32) for inside, _ in held]
        degree = np.zeros(shape, np.float32)
        degree[d.mask] = d.A.diagonal()
        self.degree = torch.tensor(degree)
        laplace = torch.zeros((1, 1) + (3,) * dim)
        for axis in range(dim):
            for end in (0, 2):
                laplace[(0, 0) + tuple(end if k == axis else 1 for k in range(dim))] = 1.0
        self.laplace = laplace

    def product(self, x: Tensor) -> Tensor:
        """A x for images (batch, 1, *shape)."""
        return self.inside[0] * (self.degree * x - convolution(x, self.laplace, None))


def convolution(x: Tensor, kernel: Tensor, bias: Tensor | None) -> Tensor:
    """Over 3^d points with zeros around the image."""
    act = torch.nn.functional.conv2d if x.ndim == 4 else torch.nn.functional.conv3d
    return act(x, kernel, bias, padding=1)


def layer(weights: dict[str, Tensor], name: str, x: Tensor, g: Images, level: int, rectify: bool = False) -> Tensor:
    """What the kernels do in one convolution."""
    w = weights[name]
    dim = x.ndim - 2
    kernel = w.reshape((w.shape[0],) + (3,) * dim + (w.shape[2],))
    y = convolution(x, kernel.permute(dim + 1, 0, *range(1, dim + 1)), weights.get(f"{name}_bias"))
    if rectify:
        y = torch.relu(y)
    gate = g.inside[level]
    if f"{name}_gate" in weights:
        slopes = weights[f"{name}_gate"].reshape((2, 1, -1) + (1,) * dim)
        gate = gate + g.walls[level] * slopes[0] + g.outside[level] * slopes[1]
    return y * gate


def halved(x: Tensor, g: Images, level: int) -> Tensor:
    """Means over 2^d points, on `level`."""
    pad = [n % 2 for n in reversed(x.shape[2:]) for n in (0, n)]
    x = torch.nn.functional.pad(x, pad)
    pool = torch.nn.functional.avg_pool2d if x.ndim == 4 else torch.nn.functional.avg_pool3d
    return pool(x, 2) * g.inside[level]


def enlarged(x: Tensor, g: Images, level: int) -> Tensor:
    """Each value at the 2^d points it stands for, on `level`."""
    for axis in range(2, x.ndim):
        x = x.repeat_interleave(2, axis)
    return x[(slice(None), slice(None)) + tuple(slice(n) for n in g.inside[level].shape)] * g.inside[level]


def direction(kind: str, weights: dict[str, Tensor], r: Tensor, g: Images) -> Tensor:
    """What the network makes of residuals (batch, 1, *shape)."""
    return _published(weights, r, g) if kind == network.PUBLISHED else _recursive(weights, r, g, 0)


def summed(h: Tensor, weights: Tensor) -> Tensor:
    """A weighted sum of the channels."""
    return (h * weights.reshape((1, -1) + (1,) * (h.ndim - 2))).sum(dim=1, keepdim=True)


def _published(weights: dict[str, Tensor], r: Tensor, g: Images) -> Tensor:
    x = h = layer(weights, "first", r, g, 0)
    for k in range(4):
        x = layer(weights, f"deep{k}", x, g, 0, True)
    h = h + x
    y = halved(h, g, 1)
    for k in range(3):
        y = y + layer(weights, f"pooled{2 * k + 1}", layer(weights, f"pooled{2 * k}", y, g, 1, True), g, 1, True)
    h = h + enlarged(y, g, 0)
    for k in range(2):
        h = h + layer(weights, f"last{2 * k + 1}", layer(weights, f"last{2 * k}", h, g, 0, True), g, 0, True)
    return (summed(h, weights["sum"]) + weights["sum_bias"]) * g.inside[0]


def _recursive(weights: dict[str, Tensor], r: Tensor, g: Images, level: int) -> Tensor:
    h = layer(weights, "first", r, g, level)
    h = h + layer(weights, "before1", layer(weights, "before0", h, g, level), g, level)
    if level + 1 < len(g.inside):
        below = _recursive(weights, halved(summed(h, weights["down"]), g, level + 1), g, level + 1)
        h = h + layer(weights, "back", enlarged(below, g, level), g, level)
    h = h + layer(weights, "after1", layer(weights, "after0", h, g, level), g, level)
    return summed(h, weights["sum"])


def first_weights(config: DirectionConfig) -> dict[str, Tensor]:
    """Where training starts: random (published), or the cycle of `jacobi_cycle` and small random numbers."""
    rng = np.random.default_rng([config.seed, 1])
    out = {}
    for name, shape in network.shapes(config.network, config.dim).items():
        value = np.zeros(shape)
        if len(shape) == 3:
            fan = shape[0] * shape[1]
            spread = math.sqrt(2.0 / fan) if config.network == network.PUBLISHED else 0.05 / math.sqrt(fan)
            value = rng.standard_normal(shape) * spread
        elif name == "sum" and config.network == network.PUBLISHED:
            value = rng.standard_normal(shape) / math.sqrt(shape[0])
        out[name] = value
    if config.network == network.RECURSIVE:
        jacobi_cycle(out, config.dim)
    tensors = {name: torch.tensor(value, dtype=torch.float32) for name, value in out.items()}
    for tensor in tensors.values():
        tensor.requires_grad_(True)
    return tensors


def jacobi_cycle(weights: dict[str, Array], dim: int) -> None:
    """A multigrid cycle: coarse correction, then one damped Jacobi sweep, exact at walls.

    Channel 0 holds the residual, 1 the correction since it was taken, 2 the correction before that. Both first
    convolutions of a pair return minus the product of A and channel 1, but for the walls, then channel 1, and its
    product with ``1 + walls``, which gives the walls' share; `after` adds the residual to the first of these. The
    second one of `before` brings the residual up to date, that of `after` is the sweep. What is left of channel 3 is
    random.
    """
    middle = 3**dim // 2
    weights["first"][:, :, :3] = 0.0
    weights["first"][0, middle, 0] = 1.0
    for part in network.PAIR:
        one, two = weights[f"{part}0"], weights[f"{part}1"]
        one[:, :, :3] = two[:, :, :3] = 0.0
        one[1, middle, :3] = -2.0 * dim, 1.0, 1.0
        for axis in range(dim):
            one[1, [middle - 3**axis, middle + 3**axis], 0] = 1.0
        weights[f"{part}0_gate"][0, 2] = 1.0
    one, two = weights["after0"], weights["after1"]
    one[0, middle, 0] = 1.0
    two[:3, middle, 1] = JACOBI / (2.0 * dim), -JACOBI, JACOBI
    two = weights["before1"]
    two[:3, middle, 0] = 1.0, -2.0 * dim, 2.0 * dim
    two[1, middle, 1], two[1, middle, 2] = -1.0, 1.0
    weights["down"][0] = 1.0
    linear = np.array([0.25, 0.5, 0.25])
    weights["back"][:, :, :3] = 0.0
    weights["back"][0, :, 1] = RAISE * functools.reduce(np.multiply.outer, [linear] * dim).ravel()
    weights["back_gate"][0, 1] = 4.0 / 3.0
    weights["sum"][1:3] = 1.0


class Samples:
    """Right-hand sides on some domains: combinations of Ritz vectors, and noise of every scale."""

    def __init__(self, config: DirectionConfig, bar: Any) -> None:
        self._config = config
        self.domains: list[Domain] = []
        self.images: list[Images] = []
        for k in range(config.domains):
            sides = (config.points, config.larger * config.points, max(config.points // 2, 2))
            shape = (sides[k % 3],) * config.dim
            rng = np.random.default_rng([config.seed, 2, k])
            mask, walls = (np.ones(shape, bool), "dirichlet") if config.domains == 1 else domain(shape, rng)
            d = prepared(mask, walls, config.vectors, rng)
            self.domains.append(d)
            self.images.append(Images(d, config.network))
            bar.update()

    def batch(self, k: int, step: int) -> Tensor:
        """(batch, 1, *shape), mean square 1."""
        config, d = self._config, self.domains[k]
        rng = np.random.default_rng([config.seed, 5, step])
        out = np.zeros((config.batch, 1, *d.mask.shape), np.float32)
        half = config.batch // 2 if config.octaves else 0
        out[:half, 0, d.mask] = octaves(d.mask, half, rng)
        out[half:, 0, d.mask] = combinations(d.ritz, config.batch - half, rng)
        return torch.tensor(out * math.sqrt(d.mask.size))


def residual(b: Tensor, f: Tensor, g: Images, loss: str) -> Tensor:
    """``b - alpha A f``, alpha the step that energy is least for (``"scaled"``), or 1 (``"absolute"``)."""
    Af = g.product(f)
    if loss == "absolute":
        return b - Af
    axes = tuple(range(1, b.ndim))
    alpha = (f * b).sum(dim=axes, keepdim=True) / (f * Af).sum(dim=axes, keepdim=True)
    return b - alpha * Af


def train(
    config: DirectionConfig, out: Path, *, resume: bool = False, progress: bool = True, plot: Path | None = None
) -> dict[str, Any]:
    """Train, test, write the model and its card; returns the card."""
    from tqdm import tqdm

    started = time.perf_counter()
    torch.manual_seed(config.seed)
    with tqdm(total=config.domains, desc="domains", disable=not progress) as bar:
        samples = Samples(config, bar)
    weights = first_weights(config)
    run = Run(config, out, weights, config.steps, started=started, resume=resume)

    def backward(chosen: Array) -> float:
        k = int(chosen[0])
        g = samples.images[k]
        b = samples.batch(k, len(run.losses))
        left = residual(b, direction(config.network, weights, b, g), g, config.loss)
        value = left.square().mean(dim=tuple(range(1, left.ndim))).sqrt().mean()
        value.backward()
        return float(value.detach())

    run.go(config.steps, len(samples.domains), backward, progress=progress)
    if config.loss == "scaled":
        _point_downhill(weights, samples, config)
    return run.finish(
        f"direction{config.dim}d",
        "search directions for Poisson problems around solid cells",
        "kriss.train._domains.domain, combinations of Ritz vectors, and noise of every scale",
        f"{config.loss}: norm of b - alpha A f(b) over that of b",
        lambda arrays: test(arrays, config),
        plot,
        "loss",
    )


def _point_downhill(weights: dict[str, Tensor], samples: Samples, config: DirectionConfig) -> None:
    """Turn the network over if its directions have a negative product with the residual: the loss does not see that."""
    slope = 0.0
    with torch.no_grad():
        for k, g in enumerate(samples.images):
            b = samples.batch(k, 0)
            slope += float((b * direction(config.network, weights, b, g)).sum())
        if slope < 0.0:
            for name in ("sum", "sum_bias"):
                if name in weights:
                    weights[name].neg_()


def test(arrays: dict[str, Array], config: DirectionConfig) -> list[dict[str, Any]]:
    """Iterations to 1e-4 on the empty domain and on held-out ones, and those of conjugate gradients."""
    model = DeepConjugateDirection(config.dim, config.network, arrays)
    rows = []
    for n in SIZES[config.dim]:
        shape = (n,) * config.dim
        counts = []
        for k in range(config.tests + 1):
            rng = np.random.default_rng([config.seed, 4, k])
            mask, walls = (np.ones(shape, bool), "dirichlet") if k == 0 else domain(shape, rng)
            A = masked_poisson(mask, walls=walls)
            b = rng.standard_normal(A.shape[0])
            M = model.setup(A, shape, mask)
            counts.append((M.solve(A, b, rtol=RTOL, maxiter=1000).iterations, cg(A, b, rtol=RTOL).iterations))
        mean = np.mean(counts[1:], axis=0)
        rows.append(
            {
                "points": n, "empty": counts[0][0], "empty, CG": counts[0][1], "solids": float(mean[0]),
                "solids, CG": float(mean[1]),
            }
        )  # fmt: skip
    return rows
