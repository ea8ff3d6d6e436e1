"""Training of the choice of smoothers in three dimensions: iterations that were counted are predicted."""

from __future__ import annotations

import json
import math
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sps
from scipy.sparse.linalg import LinearOperator

from kriss import _validate as check
from kriss.solve import black_box_mg, cg
from kriss.solve._native import scaled
from kriss.solve.learned import LearnedMultigrid, _orders
from kriss.solve.learned._multigrid import factored
from kriss.train._checkpoint import Tensor, arrays, torch
from kriss.train._config import CheckpointError, Multigrid3Config
from kriss.train._problems import KINDS3, TENSORS, draw3
from kriss.train._run import Run

Array = npt.NDArray[Any]

RTOL = 1e-10  # of the iterations that are learned from; scaled to 1e-8
MOST = 200  # iterations
SIZES = (20, 32)  # of the test


def counts(A: sps.csr_array, n: int, rng: np.random.Generator) -> Array:
    """(11,): iterations to 1e-8 of Black-Box multigrid, then of the cycles with the orders in `_orders.SETS`.

    Counted to `RTOL`, the last one in part as far as it was needed.
    """
    b = rng.standard_normal(n**3)
    matrix, _ = scaled(check.csr(A, "A", square=True))
    methods: list[Any] = [black_box_mg(A, (n, n, n))]
    for one in _orders.SETS:
        native, told = factored(matrix, (n, n, n), sum(1 << k for k in one), np.empty(0, np.float32), 1)
        if told[0]:
            raise np.linalg.LinAlgError("a training matrix is not positive definite")
        methods.append(native)
    B = sps.csr_array((matrix.data, matrix.indices, matrix.indptr), shape=A.shape)
    out = []
    for M in methods:
        operator = M if isinstance(M, LinearOperator) else LinearOperator(A.shape, _applied(M), dtype=np.float64)
        result = cg(B, b, rtol=RTOL, M=operator, maxiter=MOST, residuals=True)
        left = np.log10(np.asarray(result.residuals) / np.linalg.norm(b))
        last = len(left) - 1
        part = (
            last - 1 + (left[-2] - math.log10(RTOL)) / (left[-2] - left[-1]) if left[-1] <= math.log10(RTOL) else last
        )
        out.append(part * 8.0 / -math.log10(RTOL))
    return np.array(out)


def _applied(native: Any) -> Any:
    def apply(r: Array) -> Array:
        z = np.empty(r.size)
        native.apply(np.ascontiguousarray(r.ravel()), z, 1.0, 1)
        return z

    return apply


def first_weights(seed: int) -> dict[str, Tensor]:
    rng = np.random.default_rng([seed, 1])
    out = {}
    for name, shape in _orders.SHAPES.items():
        values = rng.standard_normal(shape) * math.sqrt(2.0 / shape[-1]) if "_w" in name else np.zeros(shape)
        if name == "beta":
            values = np.full(shape, math.log(20.0))
        out[name] = torch.tensor(values * (0.1 if name.endswith("w2") else 1.0), dtype=torch.float32)
        out[name].requires_grad_(True)
    with torch.no_grad():
        for net in ("order", "box"):
            out[f"{net}_b2"].fill_(-2.0)
    return out


def predicted(weights: dict[str, Tensor], seen: Tensor) -> Tensor:
    """(11,): the twin of `kriss.solve.learned._orders.predicted` that is differentiable in the weights."""

    def rates(net: str, x: Tensor) -> Tensor:
        hidden = torch.relu(x @ weights[f"{net}_w1"].T + weights[f"{net}_b1"])
        return torch.nn.functional.softplus(hidden @ weights[f"{net}_w2"] + weights[f"{net}_b2"])

    order, box = rates("order", seen[:4]), rates("box", seen[4:])
    pairs = torch.tensor(_orders.SETS[4:])
    sums = torch.cat([order, order[pairs[:, 0]] + order[pairs[:, 1]]])
    beta, least = weights["beta"].exp(), weights["least"].exp()
    count = math.log(seen.shape[1])
    out = []
    for which, rate in ((1, box), (0, sums)):
        mean = (count - torch.logsumexp(-beta[which] * rate, dim=-1)) / beta[which]
        out.append(least[which] + 1.0 / mean.clamp(min=1e-6))
    return torch.cat(out)


def data(config: Multigrid3Config, kept: Path, bar: Any) -> tuple[list[Tensor], Tensor, float]:
    """Features (5, places, inputs), counts (samples, 11), and the seconds of the earlier run that `kept` is of."""
    started = time.perf_counter()
    table, before = _counted(config, kept)
    seen = []
    for k in range(config.samples):
        rng = np.random.default_rng([config.seed, 2, k])
        A = draw3(KINDS3[k % 3], TENSORS[k // 3 % 2], config.points, rng)
        sums = _orders.couplings(check.csr(A, "A", square=True), (config.points,) * 3)
        seen.append(torch.tensor(_orders.features(sums), dtype=torch.float32))
        if not np.isfinite(table[k]).all():
            table[k] = counts(A, config.points, rng)
            if k % 20 == 19:
                _keep(config, kept, table, before + time.perf_counter() - started)
        bar.update()
    _keep(config, kept, table, before + time.perf_counter() - started)
    return seen, torch.tensor(table[: config.samples], dtype=torch.float32), before


def _of(config: Multigrid3Config) -> str:
    """What counts depend on: those of a matrix are the same however many there are."""
    return json.dumps({"seed": config.seed, "points": config.points, "rtol": RTOL, "most": MOST}, sort_keys=True)


def _counted(config: Multigrid3Config, kept: Path) -> tuple[Array, float]:
    """(samples or more, 11): what an earlier run counted, NaN where it did not, and the seconds that it took."""
    shape = (config.samples, 1 + len(_orders.SETS))
    if not kept.is_file():
        return np.full(shape, math.nan), 0.0
    held = arrays(kept, ("config", "counts", "seconds"))
    if str(held["config"]) != _of(config):
        raise CheckpointError(f"{kept} is of a run with {held['config']}, expected {_of(config)}")
    counted, seconds = held["counts"], held["seconds"]
    for name, sides in (("counts", (*counted.shape[:1], shape[1])), ("seconds", ())):
        found = held[name]
        if found.dtype != np.float64 or found.shape != sides:
            raise CheckpointError(f"{kept}: {name} is {found.dtype} {found.shape}, expected float64 {sides}")
    rest = np.full((max(0, shape[0] - len(counted)), shape[1]), math.nan)
    return np.concatenate([counted, rest]), float(seconds)


def _keep(config: Multigrid3Config, kept: Path, table: Array, seconds: float) -> None:
    """Write what was counted, under another name first."""
    partial = kept.with_suffix(".tmp.npz")
    np.savez(partial, config=_of(config), counts=table, seconds=seconds)
    partial.replace(kept)


def train(
    config: Multigrid3Config, out: Path, *, resume: bool = False, progress: bool = True, plot: Path | None = None
) -> dict[str, Any]:
    """Train, test, write the model and its card; returns the card."""
    from tqdm import tqdm

    started = time.perf_counter()
    torch.manual_seed(config.seed)
    weights = first_weights(config.seed)
    run = Run(config, out, weights, config.steps, started=started, resume=resume)
    kept = run.checkpoint.with_suffix(".counts.npz")
    if not resume:
        kept.unlink(missing_ok=True)
    with tqdm(total=config.samples, desc="matrices", disable=not progress) as bar:
        seen, table, before = data(config, kept, bar)
    run.add(before)

    def backward(chosen: Array) -> float:
        value = 0.0
        for k in chosen:
            error = torch.log(predicted(weights, seen[k])) - torch.log(table[k])
            loss = (error * error).mean() / config.batch
            loss.backward()
            value += float(loss.detach())
        return value

    run.go(config.steps, len(seen), backward, progress=progress)
    return run.finish(
        "multigrid3d",
        "choice of the orders of elimination of smoothers on three-dimensional grids",
        f"kriss.train._problems.draw3: rotated anisotropy, ratios 0.5 to 1e-3, {', '.join(KINDS3)}",
        "mean square of the logarithm of predicted over counted iterations",
        lambda arrays: test(arrays, config),
        plot,
        "square error of the logarithm",
    )


def test(arrays: dict[str, Array], config: Multigrid3Config) -> list[dict[str, Any]]:
    """Iterations to 1e-8 on held-out matrices: as chosen, by the best and by the natural order, and Black-Box's."""
    model = LearnedMultigrid(3, arrays)
    rows = []
    for n in SIZES:
        for number, (kind, tensor) in enumerate((kind, tensor) for kind in KINDS3 for tensor in TENSORS):
            found = []
            for k in range(config.tests):
                rng = np.random.default_rng([config.seed, 4, n, number, k])
                A = draw3(kind, tensor, n, rng)
                every = counts(A, n, rng)
                M = model.setup(A, (n, n, n), validate=False)
                mine = cg(A, rng.standard_normal(n**3), rtol=1e-8, M=M, maxiter=MOST).iterations
                found.append([mine, every[1:5].min(), every[5:].min(), every[1], every[0]])
            names = ("learned", "best order", "best two orders", "natural order", "black box")
            means = {name: round(float(v), 2) for name, v in zip(names, np.mean(found, axis=0), strict=True)}
            rows.append({"points": n, "kind": f"{tensor}, {kind}", **means})
    return rows
