"""Twenty families of sequences: does a learner ever lose to a fixed choice? With a plot.

Each is made of diffusion on a 20 by 20 grid, shifted: regimes that change without notice, drift, contexts that tell
nothing, lie, change their meaning or are missing, and some that are honest. For every system the iterations of
conjugate gradients with SSOR are counted for all 20 omegas once; learners then see one of these counts at a time.

    python -m benchmarks.sequence_families [--quick] [--out DIR] [--seeds 0 1 2 3 4] [--save DIR] [--processes 2]
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sps

from benchmarks.figure import run
from kriss import _validate as check
from kriss._backend import kernels
from kriss.solve._learners import Learner, Tsallis
from kriss.solve._learners_chebyshev import ChebCB
from kriss.solve._learners_kernel import KernelLearner
from kriss.solve._sequence_arms import choices
from kriss.solve._sequence_state import Pattern
from kriss.testing import gaussian_field
from kriss.testing._grids import finite_volumes

SIZE = 20
OMEGAS = np.round(np.linspace(1.0, 1.95, 20), 2)
NAMES = (
    "two regimes", "four regimes", "eight regimes", "regimes, context names them",
    "drift", "drift, context is time", "drift, random contexts", "drift there and back",
    "random contexts", "three random contexts", "context changes its meaning", "context moves away",
    "same context for everything", "context of the system before", "context, 30% missing", "honest context",
    "honest context over five decades", "two honest contexts", "two systems in turn", "one system",
)  # fmt: skip


class Family(NamedTuple):
    """counts: (T, 20) iterations; contexts: (T, d) or None; own: (T,) what a sequence sees in each matrix."""

    name: str
    counts: np.ndarray
    contexts: np.ndarray | None
    own: np.ndarray


@functools.cache
def operators() -> list[sps.csr_array]:
    """Diffusion matrices of different roughness, their mean diagonal one."""
    out = []
    for k, variance in enumerate((0.0, 0.5, 2.0, 4.0)):
        field = gaussian_field(SIZE, variance=max(variance, 1e-12), lengthscale=0.1, rng=k)
        D = sps.csr_array(finite_volumes(np.exp(field)))
        out.append(sps.csr_array(D / D.diagonal().mean()))
    return out


def systems(kind: int, count: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Which operator, the logarithm of the shift, and the contexts, by system."""
    rng = np.random.default_rng([seed, kind])
    low, high = np.log(1e-4), np.log(3.0)
    t = np.arange(count)
    which = np.full(count, int(rng.integers(4)))
    shift = np.full(count, rng.uniform(low, high))
    contexts: Any = None
    free = rng.uniform(low, high, count)
    if kind <= 3:
        regimes = (2, 4, 8, 5)[kind]
        place = t * regimes // count
        shift, which = rng.uniform(low, high, regimes)[place], rng.integers(4, size=regimes)[place]
        contexts = place if kind == 3 else None
    elif kind <= 7:
        ends = rng.permutation([low, high, low if kind == 7 else 0.5 * (low + high)])
        shift = np.interp(t, [0, count / 2, count], ends)
        contexts = (None, t, rng.standard_normal(count), None)[kind - 4]
    elif kind <= 9:
        contexts = rng.standard_normal((count, 1 if kind == 8 else 3))
    elif kind == 10:
        shift = np.where(t < count / 2, free, low + high - free)
        contexts = free
    elif kind == 11:
        shift, contexts = free, np.exp(free) + t / 10
    elif kind == 12:
        shift, contexts = free, np.zeros(count)
    elif kind == 13:
        shift, contexts = free, np.roll(free, 1)
    elif kind == 14:
        shift, contexts = free, np.where(rng.random(count) < 0.3, np.nan, free)
    elif kind == 15:
        shift, contexts = free, free
    elif kind == 16:
        shift, contexts = free, np.exp(free)
    elif kind == 17:
        which = rng.integers(4, size=count)
        shift, contexts = free, np.stack([free, which], axis=1)
    elif kind == 18:
        shift = np.where(t % 2 == 0, low + 1.0, high - 1.0)
    return which, shift, None if contexts is None else np.asarray(contexts, float).reshape(count, -1)


def family(kind: int, count: int, seed: int = 0) -> Family:
    """Count the iterations of every omega for every system."""
    which, shift, contexts = systems(kind, count, seed)
    rng = np.random.default_rng([seed, kind, 1])
    n = SIZE * SIZE
    pattern = Pattern(choices("cg", "ssor", None, None, None, 0), "fixed", ())
    run, dot = kernels("solve_factor"), kernels("solve").dot  # the loop that cg runs with SSOR, and nothing around it
    counts = np.empty((count, OMEGAS.size))
    own = np.empty(count)
    eye = sps.eye_array(n, format="csr")
    seen: dict[tuple[int, float], Any] = {}
    for k in range(count):
        A = sps.csr_array(operators()[which[k]] + np.exp(shift[k]) * eye)
        b = rng.standard_normal(n)
        matrix = check.csr(A, "A")
        own[k] = pattern.take(matrix)
        arrays = matrix.indptr, matrix.indices, matrix.data
        key = (int(which[k]), float(shift[k]))
        if key not in seen:
            seen.clear()
            seen[key] = [run.eisenstat_plan(*arrays, A.diagonal() / omega, 1) for omega in OMEGAS]
        tol = 1e-8 * float(np.sqrt(dot(b, b, 1)))
        for j, plan in enumerate(seen[key]):
            done = run.eisenstat_solve(plan, *arrays, b, np.zeros(n), tol, 10 * n, True, False, 1)
            assert done[0] == 0  # converged
            counts[k, j] = done[1]
    return Family(NAMES[kind], counts, contexts, own)


def play(learner: Learner, one: Family, seed: int = 0) -> np.ndarray:
    """The cost of every system with a learner."""
    rng = np.random.default_rng(seed)
    out = np.empty(len(one.counts))
    for t, row in enumerate(one.counts):
        context = None if one.contexts is None or np.isnan(one.contexts[t]).any() else one.contexts[t]
        arm, probability = learner.choose(context, one.own[t], rng)
        out[t] = row[arm]
        learner.update(arm, probability, context, one.own[t], out[t])
    return out


def kernel_learner() -> KernelLearner:
    """As `Sequence` has it."""
    chosen = choices("cg", "ssor", None, None, None, 0)
    return KernelLearner(len(chosen.arms), chosen.kernel, chosen.start)


LEARNERS: dict[str, Callable[[], Learner]] = {
    "kernel": kernel_learner, "ChebCB": lambda: ChebCB(20), "Tsallis-INF": lambda: Tsallis(20),
    "Tsallis-INF, reduced variance": lambda: Tsallis(20, True),
}  # fmt: skip


def worst_ratio(costs: np.ndarray, one: Family, start: int = 200) -> float:
    """Largest ratio, once `start` systems have passed, of all costs so far to those of the best fixed omega."""
    fixed = np.cumsum(one.counts, axis=0).min(axis=1)
    return float((np.cumsum(costs) / fixed)[start - 1 :].max())


def kept(folder: str, kind: int, count: int, seed: int) -> Family:
    """The counts of a family, from `folder` if they are there, else counted and put there; "" keeps nothing."""
    path = None if not folder else Path(folder) / f"family{kind}_{count}_{seed}.npz"
    if path is not None and path.exists():
        with np.load(path) as held:
            contexts = held["contexts"] if held["contexts"].size else None
            return Family(NAMES[kind], held["counts"], contexts, held["own"])
    one = family(kind, count, seed)
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        none = np.zeros((0, 0))
        np.savez(path, counts=one.counts, contexts=none if one.contexts is None else one.contexts, own=one.own)
    return one


def judged(save: str, count: int, task: tuple[int, int]) -> dict[str, Any]:
    """Of one family and seed: cost over that of the best fixed omega by learner, largest after 200 and at the end."""
    seed, kind = task
    one = kept(save, kind, count, seed)
    fixed = float(one.counts.sum(axis=0).min())
    out: dict[str, Any] = {"seed": seed, "family": one.name, "best per system": one.counts.min(axis=1).sum() / fixed}
    for name, make in LEARNERS.items():
        costs = play(make(), one)
        out[name] = [worst_ratio(costs, one), float(costs.sum()) / fixed]
    return out


def measure(quick: bool, systems: int, seeds: list[int], save: str, processes: int) -> dict[str, Any]:
    """Every learner on every family and seed."""
    if quick:
        systems, seeds = min(systems, 220), seeds[:1]
    rows = []
    worst = dict.fromkeys(LEARNERS, 0.0)
    print(f"{systems} systems each; cost / best fixed omega: largest after 200 systems, and at the end")
    with ProcessPoolExecutor(processes) as pool:
        tasks = [(seed, kind) for seed in seeds for kind in range(len(NAMES))]
        for row in pool.map(functools.partial(judged, save, systems), tasks):
            rows.append(row)
            line = f"{row['seed']} {row['family']:34s} best per system {row['best per system']:.3f}"
            for name in LEARNERS:
                worst[name] = max(worst[name], row[name][0])
                line += f" | {name} {row[name][0]:.3f} {row[name][1]:.3f}"
            print(line, flush=True)
    print("worst: " + ", ".join(f"{name} {ratio:.3f}" for name, ratio in worst.items()))
    return {"systems": systems, "rows": rows, "worst": worst}


def plot(data: dict[str, Any], path: Path) -> None:
    """The largest ratio after 200 systems by family, one dot a seed."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(9, 6), layout="constrained")
    place = {name: k for k, name in enumerate(NAMES)}
    shift = {name: 0.15 * (k - 1.5) for k, name in enumerate(LEARNERS)}
    for name in LEARNERS:
        y = [place[row["family"]] + shift[name] for row in data["rows"]]
        axes.plot([row[name][0] for row in data["rows"]], y, ".", label=name)
    axes.axvline(1.05, color="k", lw=0.8, ls=":")
    axes.axvline(1.0, color="0.6", lw=0.8)
    axes.set_yticks(range(len(NAMES)), NAMES)
    axes.invert_yaxis()
    axes.set_xlabel("cost / best fixed omega, the largest once 200 systems have passed")
    figure.legend(loc="outside upper center", ncols=len(LEARNERS))
    figure.savefig(path, dpi=130)


if __name__ == "__main__":
    run("sequence_families", __doc__, measure, plot, systems=1000, seeds=[0, 1, 2, 3, 4], save="", processes=2)
