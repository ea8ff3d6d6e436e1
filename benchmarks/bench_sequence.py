"""Sequences of systems: the heat equation against SciPy's warm-started conjugate gradients, and fixed choices.

Iterations are in the notes; regret and families made to mislead are experiments of their own:
``python -m benchmarks.sequence_regret``, ``sequence_families`` and ``sequence_heat``.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import scipy.sparse.linalg as scipy_linalg

from benchmarks.harness import Case
from benchmarks.sequence_heat import RTOL, Heat, solve
from kriss.solve import SSOR, cg


def _scipy(heat: Heat, jacobi: bool) -> tuple[int, float]:
    """Iterations, and the worst residual of ten steps."""
    count, worst = 0, 0.0
    x = heat.solutions[0]

    def counted(_: Any) -> None:
        nonlocal count
        count += 1

    for k, step in enumerate(heat):
        M = None
        if jacobi:
            diagonal = step.A.diagonal()
            M = scipy_linalg.LinearOperator(step.A.shape, matvec=lambda r, d=diagonal: r / d, dtype=float)
        x, info = scipy_linalg.cg(step.A, step.b, x, rtol=RTOL, maxiter=100000, M=M, callback=counted)
        if k % (len(heat.right) // 10) == 0:
            worst = max(worst, float(np.linalg.norm(step.b - step.A @ x) / np.linalg.norm(step.b)))
            worst = np.inf if info else worst
    return count, worst


def _fixed(heat: Heat, omega: float) -> tuple[int, float]:
    count, worst, x = 0, 0.0, heat.solutions[0]
    M: SSOR | None = None
    for step in heat:
        if M is None:
            M = SSOR(step.A, omega)
        else:
            M.update(step.A)
        result = cg(step.A, step.b, x, rtol=RTOL, M=M, check_finite=False)
        x = result.x
        count += result.iterations
        worst = max(worst, result.residual_norm / float(np.linalg.norm(step.b)))
    return count, worst


def _ours(heat: Heat, **options: Any) -> tuple[int, float]:
    solved = solve(heat, **options)
    return solved.iterations, solved.worst


def _heat(nx: int, steps: int) -> Iterable[Case]:
    heat = Heat(nx, steps, 0.5 - steps / 2000)  # both halves of the period in equal parts
    peers: dict[str, Callable[[], Any]] = {
        "scipy, warm start": functools.partial(_scipy, heat, False),
        "scipy, warm start, Jacobi": functools.partial(_scipy, heat, True),
        "ours, SSOR with omega 1.75": functools.partial(_fixed, heat, 1.75),
        "ours, MIC, nothing learned": functools.partial(_ours, heat, precond="mic"),
        "ours, ChebCB": functools.partial(_ours, heat, learner="chebcb"),
        "ours, Tsallis-INF": functools.partial(_ours, heat, learner="tsallis"),
    }
    yield Case(
        f"heat equation, {nx - 1}x{nx - 1}, {steps} steps, omega learned",
        functools.partial(_ours, heat),
        peers,
        accuracy=lambda result: result[1],
        accuracy_name="worst ||b - A x|| / ||b||",
        target=4.0,
        target_peer="scipy, warm start",
        note="All start from the solution before, and the assembly of the matrices, the same for all, is timed with "
        "them. Iterations: see `python -m benchmarks.sequence_heat`.",
    )  # fmt: skip
    yield Case(
        f"heat equation, {nx - 1}x{nx - 1}, {steps} steps, preconditioner learned",
        functools.partial(_ours, heat, precond="auto"),
        {
            "scipy, warm start": functools.partial(_scipy, heat, False),
            "ours, MIC, nothing learned": functools.partial(_ours, heat, precond="mic"),
        },
        accuracy=lambda result: result[1],
        accuracy_name="worst ||b - A x|| / ||b||",
        target=4.0,
        target_peer="scipy, warm start",
        note="`precond=\"auto\"`: MIC and SSOR with any of 20 omegas, 21 settings; nothing is known beforehand.",
    )  # fmt: skip


def cases(quick: bool) -> Iterable[Case]:
    yield from _heat(50 if quick else 100, 100 if quick else 1000)
