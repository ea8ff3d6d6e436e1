"""What a gradient through a solve costs beside the solve."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from benchmarks.harness import Case
from kriss.solve import ILU0, DifferentiableSolver
from kriss.testing import convection_diffusion2d, diffusion2d


def cases(quick: bool) -> Iterable[Case]:
    size = 40 if quick else 200
    for name, A, method, M, options in (
        ("diffusion, CG with MIC", diffusion2d(size, 1e3), "cg", "mic", {}),
        ("convection, GCRO-DR with ILU(0)", convection_diffusion2d(size, 0.02), "gcrodr", ILU0, {"restart": 40}),
    ):
        rng = np.random.default_rng(0)
        b, bar = rng.standard_normal((2, A.shape[0]))
        x = DifferentiableSolver(A, method, M=M, rtol=1e-10, **options).solve(A.data, b).x

        def fresh(A: Any = A, method: str = method, M: Any = M, options: Any = options) -> DifferentiableSolver:
            return DifferentiableSolver(A, method, M=M, rtol=1e-10, **options)

        kept = fresh()
        kept.solve(A.data, b)

        def forward(kept: Any = kept, A: Any = A, b: Any = b) -> Any:
            kept.space = None
            kept._built = None  # with its preconditioner, as in every step of a training
            return kept.solve(A.data, b)

        def backward(kept: Any = kept, A: Any = A, x: Any = x, bar: Any = bar) -> Any:
            kept.adjoint_space = None
            kept._preconditioner(kept.matrix(A.data))
            return kept.vjp(A.data, x, bar)

        yield Case(
            f"Gradients in all {A.nnz} entries and in b, {name}, {size}x{size}, to 1e-10",
            backward,
            {"the solve itself": forward},
            target=1 / 1.2,
            target_peer="the solve itself",
            note="The preconditioner is that of the forward solve; nothing else is kept.",
        )
