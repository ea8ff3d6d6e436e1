"""Station: conjugate gradients on an elastic bar and on diffusion with jumps in the coefficient."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sps
import scipy.sparse.linalg as spla

from kriss import solve
from kriss.datasets import load_fem
from kriss.testing import diffusion2d
from kriss.tour.harness import Context, Row, StationResult, best_blas_threads, blas_threads, compare
from kriss.tour.report import BLUE, GREEN, GREY, RED

NAME = "iterative"
TITLE = "Iterative: sparse systems by conjugate gradients"
SENTENCE = (
    "Solves for the sag of an elastic bar under its own weight (a real finite-element matrix) and for heat "
    "flow through a material whose conductivity jumps by a factor of 100."
)
CAPTION = (
    "Norm of the residual after each iteration (lines: KRISS, dots: SciPy), and the temperature in the "
    "material whose conductivity jumps."
)

RTOL = 1e-8
Array = npt.NDArray[np.float64]
Call = Callable[[], tuple[Array, int]]
CONTRAST = 100.0
_PRECONDITIONERS: tuple[str | None, ...] = (None, "jacobi", "ssor")
_LABELS = {None: "plain", "jacobi": "Jacobi", "ssor": "SSOR"}


def _scipy_preconditioner(A: sps.csr_array, name: str | None) -> spla.LinearOperator | None:
    """The same preconditioner for SciPy, by the fastest means it has: SuperLU for the triangular solves."""
    if name is None:
        return None
    diagonal = A.diagonal()
    if name == "jacobi":
        inverse = 1.0 / diagonal
        return spla.LinearOperator(A.shape, matvec=lambda r: inverse * r, dtype=A.dtype)
    lower = spla.splu(sps.tril(A, format="csc"), permc_spec="NATURAL", diag_pivot_thresh=0.0)

    def symmetric_sweep(r: Array) -> Array:
        out: Array = lower.solve(diagonal * lower.solve(r), trans="T")
        return out

    return spla.LinearOperator(A.shape, matvec=symmetric_sweep, dtype=A.dtype)


def _scipy_history(A: sps.csr_array, b: Array, M: Any) -> tuple[int, Array]:
    """Iterations and residual norms of SciPy's cg, in a run that is not timed."""
    norms = [float(np.linalg.norm(b))]
    spla.cg(A, b, rtol=RTOL, M=M, callback=lambda x: norms.append(float(np.linalg.norm(b - A @ x))))
    return len(norms) - 1, np.array(norms)


def _relative_residual(A: sps.csr_array, b: Array, x: Array) -> float:
    return float(np.linalg.norm(b - A @ x) / np.linalg.norm(b))


def run(ctx: Context) -> StationResult:
    """Measure three preconditioners on two problems."""
    n = 128 if ctx.quick else 320
    budget = 0.4 if ctx.quick else 2.5
    ctx.begin(2 + 2 * 2 * len(_PRECONDITIONERS))
    with ctx.step("loading the finite-element matrix"):
        bar = load_fem()
        gravity = np.zeros(bar.A.shape[0])
        gravity[2::3] = -1.0
    with ctx.step("assembling the diffusion problem"):
        diffusion = diffusion2d(n, contrast=CONTRAST)
        source = np.ones(n * n)
    problems = (("bar", "elastic bar", bar.A, gravity), ("diffusion", f"diffusion {n}x{n}", diffusion, source))
    rows: list[Row] = []
    remarks: list[str] = []
    histories: dict[str, dict[str, tuple[Array, Array]]] = {}
    field: Array = np.zeros((n, n))
    for key, label, A, b in problems:
        histories[key] = {}
        for name in _PRECONDITIONERS:
            with ctx.step(f"{label}, {_LABELS[name]}: iterations"):
                M = _scipy_preconditioner(A, name)
                limit = best_blas_threads(_scipy(A, b, name, 30))
                ours = solve.cg(A, b, rtol=RTOL, M=name, residuals=True)
                with blas_threads(limit):
                    their_iterations, their_norms = _scipy_history(A, b, M)
                norms = ours.residuals
                assert norms is not None
                histories[key][_LABELS[name]] = (norms / norms[0], their_norms / their_norms[0])
            with ctx.step(f"{label}, {_LABELS[name]}: timing"):
                timing = compare(_kriss(A, b, name), _limited(_scipy(A, b, name), limit), rounds=7, budget=budget)
            x, info = timing.peer
            if not timing.ours.converged or info != 0:
                remarks.append(f"{label}, {_LABELS[name]}: status here {timing.ours.status}, info of SciPy {info}")
            rows.append(
                Row(
                    task=f"{label}, {_LABELS[name]}",
                    peer="scipy.sparse.linalg.cg",
                    seconds=timing.seconds,
                    peer_seconds=timing.peer_seconds,
                    accuracy=_relative_residual(A, b, timing.ours.x),
                    peer_accuracy=_relative_residual(A, b, x),
                    measure="residual",
                    note=f"{timing.ours.iterations} iterations, SciPy {their_iterations}; {A.shape[0]} unknowns",
                    rounds=timing.rounds,
                )
            )
            if key == "diffusion":
                field = timing.ours.x.reshape(n, n)
    remarks.append(
        "peer: scipy.sparse.linalg.cg to the same tolerance 1e-8; its SSOR sweeps are SuperLU triangular solves; "
        "times include building the preconditioner; BLAS threads whichever serve SciPy better"
    )
    return StationResult(tuple(rows), tuple(remarks), {"histories": histories, "field": field})


def _kriss(A: sps.csr_array, b: Array, name: str | None) -> Callable[[], solve.SolveResult]:
    return lambda: solve.cg(A, b, rtol=RTOL, M=name)


def _scipy(A: sps.csr_array, b: Array, name: str | None, maxiter: int | None = None) -> Call:
    def call() -> tuple[Array, int]:
        out: tuple[Array, int] = spla.cg(A, b, rtol=RTOL, M=_scipy_preconditioner(A, name), maxiter=maxiter)
        return out

    return call


def _limited(call: Call, limit: int | None) -> Call:
    def limited() -> tuple[Array, int]:
        with blas_threads(limit):
            return call()

    return limited


def draw(picture: dict[str, Any], figure: Any) -> None:
    """Two panels of residual histories and the temperature field."""
    grid = figure.add_gridspec(2, 2, width_ratios=[1.25, 1.0])
    colors = dict(zip(_LABELS.values(), (GREY, BLUE, RED), strict=True))
    titles = {"bar": "Elastic bar", "diffusion": "Diffusion with jumps"}
    handles: dict[str, Any] = {}
    for k, (key, curves) in enumerate(picture["histories"].items()):
        axes = figure.add_subplot(grid[k, 0])
        for label, (ours, theirs) in curves.items():
            (handles[label],) = axes.semilogy(np.arange(ours.size), ours, color=colors[label])
            some = np.unique(np.linspace(0, theirs.size - 1, 14).astype(int))
            (dots,) = axes.semilogy(some, theirs[some], "o", ms=4, mfc="white", color=colors[label])
            axes.annotate(str(ours.size - 1), (ours.size - 1, ours[-1]), xytext=(0, -4), textcoords="offset points",
                          ha="center", va="top", color=colors[label], fontsize=9.5)  # fmt: skip
        handles["SciPy"] = dots
        handles["tolerance"] = axes.axhline(RTOL, color=GREEN, lw=1.2, ls="--")
        axes.set_ylim(bottom=RTOL / 60)
        axes.set_title(titles[key])
        axes.set_ylabel("residual / first residual")
        axes.set_xlim(left=0)
        if k == 1:
            axes.set_xlabel("iteration")
    axes = figure.add_subplot(grid[:, 1])
    image = axes.imshow(picture["field"], origin="lower", cmap="inferno", extent=(0, 1, 0, 1))
    axes.grid(False)
    axes.set_title("Temperature")
    axes.set_xlabel("x")
    axes.set_ylabel("y")
    axes.legend(handles.values(), handles.keys(), loc="lower left", bbox_to_anchor=(-0.02, 1.08), ncols=2)
    figure.colorbar(image, ax=axes, shrink=0.72, label="u, arbitrary units")
