"""A sequence of 50 solves with one matrix of a mesh: the learned factor beside classical ones of the same fill.

The scoreboard over all families and methods is ``python -m benchmarks.learned_factors``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from benchmarks.harness import Case
from benchmarks.learned_factors import EQUAL, LEARNED, SOLVES, methods
from kriss.train._meshes import draw

LEAST = 1.2


def _case(kind: str, n: int) -> Case:
    rng = np.random.default_rng([9, n])
    A = draw(kind, n, rng)
    rhs = rng.standard_normal((SOLVES, n))
    counts: dict[str, int] = {}

    def sequence(name: str) -> Callable[[], Any]:
        setup, solve = methods(A)[name]

        def run() -> Any:
            made = setup()
            answers = [solve(made, b) for b in rhs]
            counts[name] = max(count for _, count in answers)
            return np.stack([x for x, _ in answers])

        return run

    names = (LEARNED, *EQUAL)
    for name in names:
        setup, solve = methods(A)[name]
        counts[name] = solve(setup(), rhs[0])[1]
    ours, *peers = names
    return Case(
        f"learned factor + CG, {kind}, {n} points, {SOLVES} solves",
        sequence(ours),
        {name: sequence(name) for name in peers},
        accuracy=lambda X: float(np.max(np.linalg.norm(rhs.T - A @ X.T, axis=0) / np.linalg.norm(rhs, axis=1))),
        accuracy_name="||b - A x|| / ||b||",
        also=dict.fromkeys(peers, LEAST),
        note="Iterations: " + ", ".join(f"{name} {count}" for name, count in counts.items()) + ".",
    )


def cases(quick: bool) -> Iterable[Case]:
    for n in (1000,) if quick else (1000, 4000, 16000):
        for kind in ("constant", "turning", "jumping"):
            yield _case(kind, n)
