"""Against PETSc on two MPI ranks, each of our cases beside PETSc's conjugate gradients with five preconditioners.

No target: this says where PETSc wins. Both solve to ||b - A x|| <= 1e-8 ||b||, setup included; PETSc's Eisenstat
preconditioner tests its own preconditioned residual instead, and its accuracy column tells what that came to. Needs
Debian's python3-petsc4py-real and an mpiexec; without them there are no cases.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from benchmarks import petsc_peer
from benchmarks.harness import Case
from kriss.solve import black_box_mg, cg
from kriss.testing import darcy, diffusion2d, diffusion3d, poisson3d

RTOL = 1e-8
OPTIONS: dict[str, dict[str, Any]] = {
    "PETSc CG + Jacobi": {"pc_type": "jacobi"},
    "PETSc CG + SSOR(1.8) per rank": {"pc_type": "sor", "pc_sor_omega": 1.8},
    "PETSc CG + ICC(0) per rank": {"pc_type": "bjacobi", "sub_pc_type": "icc"},
    "PETSc CG + GAMG": {"pc_type": "gamg"},
    "PETSc CG + BoomerAMG": {"pc_type": "hypre"},
}


def _case(name: str, A: Any, precond: Callable[[Any], Any]) -> Case:
    b = np.random.default_rng(0).standard_normal(A.shape[0])
    theirs = petsc_peer.Petsc(A, b)

    def accuracy(result: Any) -> float:
        if isinstance(result, str):
            return float(theirs.run(OPTIONS[result], rtol=RTOL, check=True)["relative_residual"])
        return float(np.linalg.norm(b - A @ result) / np.linalg.norm(b))

    def peer(label: str) -> Callable[[], Any]:
        def call() -> str:
            theirs.run(OPTIONS[label], rtol=RTOL)
            return label

        return call

    def ours() -> Any:
        return cg(A, b, rtol=RTOL, M=precond(A)).x

    counts = [f"ours {cg(A, b, rtol=RTOL, M=precond(A)).iterations}"]
    for label, options in OPTIONS.items():
        counts.append(f"{label.removeprefix('PETSc CG + ')} {theirs.run(options, rtol=RTOL)['iterations']}")
    return Case(
        name, ours, {label: peer(label) for label in OPTIONS}, accuracy=accuracy, accuracy_name="||b - A x|| / ||b||",
        note="Iterations: " + ", ".join(counts) + ".",
    )  # fmt: skip


def cases(quick: bool) -> Iterable[Case]:
    if not petsc_peer.available():
        return
    n, m = (32, 128) if quick else (64, 256)
    yield _case(f"MIC(0.99) CG, {n}^3 Poisson", poisson3d(n), lambda A: "mic")
    yield _case(f"MIC(0.99) CG, {n}^3 Darcy, log-normal", darcy(n, 3)[0], lambda A: "mic")
    yield _case(f"MIC(0.99) CG, {n}^3 jumps 1e5", diffusion3d(n, 1e5), lambda A: "mic")
    for side in (m,) if quick else (m, 4 * m):
        yield _case(
            f"Black-Box MG CG, {side}^2 jumps 1e5", diffusion2d(side, 1e5), lambda A, k=side: black_box_mg(A, (k, k))
        )
