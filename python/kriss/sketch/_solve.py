"""How `lstsq` chooses a tier, hands over from one to the next, and says what came out."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.linalg as sla

from kriss import _backend, _validate
from kriss.sketch import _dense
from kriss.sketch._certificate import Array
from kriss.sketch._engine import (
    Problem,
    Refined,
    Solver,
    gram_solver,
    problem_of,
    project,
    real_dtype,
    refine,
    spir_solver,
)
from kriss.sketch._input import Left
from kriss.sketch._lapack import Direct, direct
from kriss.sketch._look import Known, glance, look
from kriss.sketch._rows import Number
from kriss.sketch._sparse_sign import SparseSign

_log = logging.getLogger("kriss.sketch")

METHODS = ("auto", "gram", "preconditioned-gram", "spir", "lapack")
# Scaled condition number up to which "auto" takes the plain Gram matrix. It refines to full backward stability up to
# 1e6, but its singular values are off by about eps * condition * s[0].
GRAM_LIMIT = 1e3
# The same for some rows of A, which know less; and how many of them are drawn for each column.
GLANCE_LIMIT, GLANCE_ROWS = 1e2, 4
SMALL = 100_000  # entries of A below which LAPACK is as fast
SPIR_FROM = 600  # columns from which on, for an ill-conditioned dense A, 30 passes cost less than a product by P
DENSE_LIMIT = 1 << 25  # entries up to which a sparse matrix or an operator may be written out
SKETCH_LIMIT = 1 << 26  # entries of a sketch


@dataclass(frozen=True)
class Options:
    """The arguments of `lstsq` that say how."""

    method: str
    sketch_size: int | None
    zeta: int
    cond: float | None
    damp: float
    tol: float | None
    precise: bool
    workers: int
    check_finite: bool


@dataclass(frozen=True)
class Answer:
    """What the flow found: a solution from a solver, or one by LAPACK."""

    left: Left
    method: str
    reasons: list[str]
    problem: Problem | None = None
    solver: Solver | None = None
    found: Refined | None = None
    lapack: Direct | None = None


def sketch_rows(left: Left, options: Options) -> int:
    """Rows of the sketch: given, or what the tier that will probably follow wants."""
    m, n = left.matrix.m, left.matrix.n
    if options.sketch_size is not None:
        return max(options.sketch_size, options.zeta)
    if not left.dense:
        return max(_sparse_rows(left), 64, options.zeta)
    if (options.method == "spir" or (options.method == "auto" and n >= SPIR_FROM)) and m >= 40 * n:
        return max(12 * n, 64, options.zeta)
    return max(4 * n, 64, options.zeta)


def _sparse_rows(left: Left) -> int:
    """The multiple of n with the least work: QR of the sketch against steps of conjugate gradients."""
    m, n = left.matrix.m, left.matrix.n
    best, least = 3 * n, np.inf
    for times in (3, 4, 6, 8, 12):
        if times * n > m or times * n * n > SKETCH_LIMIT:
            break
        step = 4e-9 * left.entries if left.entries else 1e-9 * m * n
        work = 4e-11 * times * n**3 + 72.0 / np.log(times) * step
        if work < least:
            best, least = times * n, work
    return best


def not_tall(left: Left, options: Options, rows: int) -> str | None:
    """Why a dense matrix should go to LAPACK before any sketch is drawn, or None."""
    m, n = left.matrix.m, left.matrix.n
    if options.method == "lapack":
        return "asked for"
    if m <= n or rows > m:
        return f"{m} rows are too few for {n} columns and a sketch of {rows} rows"
    if options.method == "auto" and left.dense and m < 8 * n:
        return f"{m} rows are fewer than 8 times {n} columns"
    if options.method == "auto" and m * n < SMALL and can_be_written_out(left):
        return f"{m * n} entries are few"
    if rows * n > SKETCH_LIMIT and not left.dense:
        return f"a sketch of {rows} rows and {n} columns is too large"
    return None


def near_cut(known: Known, cut: float | None) -> str | None:
    """Why the singular values of A itself must decide, where `cond` was given; or None."""
    if cut is None:
        return None
    with np.errstate(over="ignore", under="ignore"):
        plain = _dense.svd(known.r * (known.scale.min() / known.scale))[1]
    if not plain[known.keep - 1] > 100 * cut * plain[0] or (
        known.keep < plain.size and not plain[known.keep] < cut / 100 * plain[0]
    ):
        return f"a singular value is near the cut {cut:.2g}: LAPACK decides the rank"
    return None


def tiers(known: Known, left: Left, options: Options) -> list[str]:
    """Solvers to try, in order."""
    if not left.dense:
        return ["spir"]
    order = ["gram", "preconditioned-gram", "spir"]
    if options.method != "auto":
        order = order[order.index(options.method) :]
    elif known.condition > GRAM_LIMIT:
        order = ["spir", "preconditioned-gram"] if left.matrix.n >= SPIR_FROM else order[1:]
    if known.keep < left.matrix.n and order[0] == "gram":
        order = order[1:]
    # Forty passes are no last resort for a matrix whose QR is cheap.
    if order[-1] == "spir" and len(order) > 1 and left.matrix.n < SPIR_FROM:
        order = order[:-1]
    return order


def by_gram_alone(left: Left, b: Number, dtype: np.dtype[Any], options: Options, seed: int) -> Answer | str:
    """Where some rows of A show no trouble, its Gram matrix is made at once and decides; or why that does not do."""
    matrix = left.matrix
    single = is_single(left)
    known = glance(matrix, b, GLANCE_ROWS * matrix.n, seed, options.damp, single)
    if known is None or not known.condition <= GLANCE_LIMIT:
        return ""
    p = problem_of(matrix, b, known.scale, options.damp, dtype, options.workers)
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        solver, z, failure = gram_solver(p, known, False, single)
    if solver is None or z is None:
        return failure
    if not solver.condition <= GRAM_LIMIT:
        return f"the condition number of its scaled columns is {solver.condition:.2g}, above {GRAM_LIMIT:.0g}"
    found, failure = refine(p, solver, z, options.tol, options.precise)
    return failure or Answer(left, solver.method, [f"gram: {about(solver)}"], p, solver, found)


def may_glance(left: Left, options: Options) -> bool:
    """Whether nothing was asked for that needs a sketch."""
    return (
        options.method in ("auto", "gram")
        and options.sketch_size is None
        and options.cond is None
        and left.dense
        and not left.matrix.on_device
        and left.matrix.m >= 32 * left.matrix.n
    )


def make_solver(tier: str, p: Problem, known: Known, single: bool) -> tuple[Solver | None, Number | None, str]:
    """(solver, first solution or None, why not)."""
    if tier != "spir":
        return gram_solver(p, known, tier == "preconditioned-gram", single)
    solver, why = spir_solver(p, known, single)
    return solver, None, why


def can_be_written_out(left: Left) -> bool:
    """Whether LAPACK can have it."""
    return left.dense or left.matrix.m * left.matrix.n <= DENSE_LIMIT


def is_single(left: Left) -> bool:
    """Whether the data themselves are single precision."""
    return left.dtype in (np.float32, np.complex64)


def solve(left: Left, b: Number, dtype: np.dtype[Any], options: Options, sketch: SparseSign) -> Answer:
    """Down the tiers until a certificate holds."""
    matrix = left.matrix
    single = is_single(left)
    reasons: list[str] = []
    if options.check_finite:
        matrix.check_right(b)
    why = not_tall(left, options, sketch.d)
    best: Answer | None = None
    if why is None and may_glance(left, options):
        at_once = by_gram_alone(left, b, dtype, options, sketch.seed)
        if isinstance(at_once, Answer):
            return at_once
        if at_once:
            reasons.append(f"gram without a sketch: {at_once}")
    if why is None:
        known = look(matrix, b, sketch, options.damp, single, options.workers)
        if known is None:
            if options.check_finite and left.dense:
                matrix.check_finite()
            why = "the sketch is not finite, or below 1e-290"
        else:
            why = near_cut(known, options.cond)
        if known is not None and why is None:
            p = problem_of(matrix, b, known.scale, options.damp, dtype, options.workers)
            for tier in tiers(known, left, options):
                solver, z, failure = make_solver(tier, p, known, single)
                if solver is None and tier == "spir" and not can_be_written_out(left):
                    # Nobody else can decide the rank: full, and the certificate says how that went.
                    reasons.append(f"spir: {failure}; taken to have full rank")
                    known = replace(known, keep=matrix.n)
                    solver, z, failure = make_solver(tier, p, known, single)
                if solver is not None:
                    if z is None:
                        z = known.start()
                        z = project(z + solver.correct(p.residual(z, np.zeros_like(z))[0].g), solver.null, p.scale)
                    found, failure = refine(p, solver, z, options.tol, options.precise)
                    answer = Answer(left, solver.method, reasons, p, solver, found)
                    if not failure:
                        reasons.append(f"{solver.method}: {about(solver)}")
                        return answer
                    if best is None or best.found is None or not best.found.be <= found.be:
                        best = answer
                reasons.append(f"{tier}: {failure}")
                _log.info("lstsq: %s gave up: %s", tier, failure)
            why = "the sketched solvers gave up"
    elif options.check_finite and left.dense:
        matrix.check_finite()
    if can_be_written_out(left):
        reasons.append(f"lapack: {why}")
        return by_lapack(left, b, dtype, options, reasons)
    if best is not None:
        reasons.append(
            f"{best.method}: the backward error is as reported; {matrix.kind} matrix is too large for LAPACK"
        )
        return best
    return by_gradients(left, b, dtype, options, reasons, str(why))


def about(solver: Solver) -> str:
    """What speaks for it."""
    if solver.rank < solver.scale.size:
        return f"rank {solver.rank} of {solver.scale.size}, confirmed on A"
    return f"scaled condition number {solver.condition:.2g}"


def by_lapack(left: Left, b: Number, dtype: np.dtype[Any], options: Options, reasons: list[str]) -> Answer:
    """QR of all of A."""
    if left.matrix.on_device:
        source: Any = left.matrix
    else:
        source = left.matrix.dense()
        if options.check_finite and not left.dense:
            _validate.check_finite(source, "a")
    done = direct(
        source, b, dtype=dtype, single=is_single(left), cond=options.cond, damp=options.damp, tol=options.tol,
        precise=options.precise, workers=options.workers, reasons=reasons,
    )  # fmt: skip
    return Answer(left, "lapack", reasons, lapack=done)


def by_gradients(left: Left, b: Number, dtype: np.dtype[Any], options: Options, reasons: list[str], why: str) -> Answer:
    """Conjugate gradients with scaled columns, for what is too large for a sketch and for LAPACK."""
    matrix = left.matrix
    size = matrix.largest()
    scale = np.ones(matrix.n)
    if size is not None and matrix.m >= matrix.n:
        # Powers of two; a wide problem keeps its own metric, in which the solution has minimum norm.
        scale = np.ldexp(1.0, np.clip(-np.frexp(np.where(size > 0, size, 1.0))[1], -1021, 1021))
    p = problem_of(matrix, b, scale, options.damp, dtype, options.workers)
    solver, _ = spir_solver(p, None, is_single(left))
    assert solver is not None
    zero = np.zeros((matrix.n, b.shape[1]), np.complex128 if matrix.complex else np.float64)
    first = solver.correct(p.residual(zero, zero)[0].g)
    found, failure = refine(p, solver, first, options.tol, False)
    how = failure or "the certificate holds"
    reasons.append(f"cg: {why}; conjugate gradients with scaled columns instead: {how}; the rank was not looked at")
    return Answer(left, "cg", reasons, p, solver, found)


# --- what came out ---------------------------------------------------------------------------------------------------


def singular_values(solver: Solver, damp: float, count: int) -> Array:
    """Of A itself, from the factor of the scaled A; zeros for what the rank leaves out."""
    out = np.zeros(count)
    if solver.spectrum is None or solver.factor is None:
        return np.full(count, np.nan)
    with np.errstate(over="ignore", under="ignore"):
        if np.ptp(solver.scale) == 0 and solver.factor.shape[0] == solver.rank:
            s = solver.spectrum.s / solver.scale[0]
        else:
            common = solver.scale.min()
            s = _dense.svd(solver.factor * (common / solver.scale))[1] / common
        if damp > 0:
            s = np.sqrt(np.maximum(s - damp, 0.0)) * np.sqrt(s + damp)
    out[: solver.rank] = s[: solver.rank]
    return out


def standard_errors(solver: Solver | None, damp: float, used: int, rr: Array, bscale: Array) -> Array:
    """Of each coefficient, (n, nrhs): noise of the size of the residual, independent from row to row."""
    n = 0 if solver is None else solver.scale.size
    if solver is None or solver.spectrum is None:
        return np.full((n, rr.size), np.nan)
    with np.errstate(all="ignore"):
        # In the scaled variables, where nothing over- or underflows; row i of the covariance is to be scaled by D.
        v = project(solver.spectrum.vt.conj().T / solver.spectrum.s, solver.null, solver.scale)
        variance = np.sum(np.abs(v) ** 2, axis=1)
        lost = float(solver.rank)
        if damp > 0:
            ridge = (damp * solver.scale)[:, None] * v
            lost -= float(np.sum(np.abs(ridge) ** 2))
            variance = variance - np.sum(np.abs(v @ ridge.conj().T) ** 2, axis=1)
        if solver.rows > 0:
            # The inverse of a sketched Gram matrix is too large by this factor on average.
            variance = variance * max(solver.rows - n - 1, 1) / solver.rows
        free = used - lost
        noise = np.sqrt(rr / free) if free > 0 else np.full(rr.size, np.nan)
        out: Array = (np.sqrt(np.maximum(variance, 0.0))[:, None] * noise) * (solver.scale[:, None] / bscale)
        return out


def fields(answer: Answer, b: Number, one_d: bool, dtype: np.dtype[Any], options: Options) -> dict[str, Any]:
    """Everything of an `LstsqResult`."""
    real = real_dtype(dtype)
    m, n = answer.left.matrix.m, answer.left.matrix.n
    count = min(m, n)
    solver, damp = answer.solver, options.damp
    if answer.lapack is not None:
        d = answer.lapack
        solver = d.solver
        x, s, rank, be, condition, rr = d.x, d.s, d.rank, d.be, d.condition, d.rr
        iterations, distortion = d.iterations, float("nan")
        se = np.full((n, rr.size), np.nan)
        if solver is not None:
            # The problem may have been shifted by powers of two.
            p = d.problem
            with np.errstate(over="ignore", under="ignore"):
                se = np.ldexp(standard_errors(solver, p.damp, answer.left.used, d.rr_scaled, p.bscale), d.shift)
    else:
        assert solver is not None and answer.found is not None and answer.problem is not None
        f, p = answer.found, answer.problem
        x, rank, be, condition = f.x, solver.rank, f.be, solver.condition
        iterations = f.iterations if not solver.steps else int(sum(solver.steps))
        distortion = solver.distortion
        s = singular_values(solver, damp, count)
        with np.errstate(over="ignore", under="ignore"):
            rr = f.rr / p.bscale / p.bscale
        se = standard_errors(solver, damp, answer.left.used, f.rr, p.bscale)
    with np.errstate(over="ignore", under="ignore"):
        residues, s, se = rr.astype(real), np.asarray(s).astype(real), se.astype(real)
    return {
        "x": x[:, 0] if one_d else x,
        "residues": residues[0].reshape(()) if one_d else residues,
        "rank": int(rank),
        "s": s,
        "backward_error": float(be),
        "condition": float(condition),
        "method": answer.method,
        "iterations": int(iterations),
        "sketch_distortion": float(distortion),
        "coefficient_se": se[:, 0] if one_d else se,
        "backend": _backend.backend(),
        "reason": "; ".join(answer.reasons),
    }


def nothing(left: Left, b: Number, one_d: bool, dtype: np.dtype[Any]) -> dict[str, Any]:
    """No rows, no columns or no right-hand sides."""
    m, n = left.matrix.m, left.matrix.n
    nrhs = b.shape[1]
    real = real_dtype(dtype)
    rank, s = 0, np.zeros(min(m, n), real)
    if min(m, n) > 0:
        s = sla.svdvals(left.matrix.dense(), check_finite=True).astype(real)
        rank = int((s > np.finfo(real).eps * s[0]).sum())
    x = np.zeros((n, nrhs), dtype)
    residues = (np.abs(b).astype(np.float64) ** 2).sum(axis=0).astype(real)
    se: npt.NDArray[Any] = np.full((n, nrhs), np.nan, real)
    return {
        "x": x[:, 0] if one_d else x,
        "residues": residues[0].reshape(()) if one_d else residues,
        "rank": rank,
        "s": s,
        "backward_error": 0.0,
        "condition": float("nan"),
        "method": "lapack",
        "iterations": 0,
        "sketch_distortion": float("nan"),
        "coefficient_se": se[:, 0] if one_d else se,
        "backend": _backend.backend(),
        "reason": "nothing to solve: a size is zero",
    }
