"""The solvers behind `lstsq`: what one sketch tells, four tiers of solvers, and the refinement that all of them share.

A tier makes a `Solver`: an approximate inverse of (A·D)ᴴ(A·D), the singular values and vectors that the certificate
needs, and what is known about the rank. `refine` then brings any starting point to full accuracy with residuals in
twofold arithmetic, which makes the accuracy of the solver a matter of speed and not of the result.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.linalg as sla

from kriss.sketch import _dense
from kriss.sketch._certificate import Array, Spectrum, karlson_walden, spectrum
from kriss.sketch._look import Known
from kriss.sketch._rows import Matrix, Number, Residual, twofold_product, twofold_sum

EPS = float(np.finfo(np.float64).eps)
# A direction v counts as null if |A D v| is below this many units of roundoff of |A D|.
NULL_ULPS = {np.dtype(np.float64): 16, np.dtype(np.float32): 4}
MAXREF = 8
# One more correction is made after the certificate if it moves x by more than this many units of roundoff.
POLISH = 16.0


def real_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """float32 or float64: of the same precision."""
    return np.dtype(np.float32 if dtype in (np.float32, np.complex64) else np.float64)


@dataclass(frozen=True)
class Problem:
    """One matrix, one set of right-hand sides and the variables they are solved in."""

    matrix: Matrix
    b: Number
    scale: Array  # (n) powers of two
    bscale: Array  # (nrhs) powers of two
    bnorm: Array  # (nrhs) norms of the scaled columns of b
    damp: float
    dtype: np.dtype[Any]  # of x: what a solution is rounded to
    workers: int

    @property
    def real(self) -> np.dtype[Any]:
        """The real dtype of the same precision."""
        return real_dtype(self.dtype)

    @property
    def eps(self) -> float:
        """Unit roundoff (2⁻⁵² or 2⁻²³) of x."""
        return float(np.finfo(self.dtype).eps)

    @property
    def ridge(self) -> Array:
        """(damp·D)², (n, 1)."""
        out: Array = np.square(self.damp * self.scale)[:, None]
        return out

    def rounded(self, z: Number) -> tuple[Number, Number]:
        """z as the caller will see it: x in its precision, and back."""
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            x = (self.scale[:, None] * z / self.bscale).astype(self.dtype)
            wide = x.astype(np.complex128 if x.dtype.kind == "c" else np.float64)
            return (wide / self.scale[:, None]) * self.bscale, x

    def residual(self, z: Number, low: Number) -> tuple[Residual, Array]:
        """Gradient and |b' − A D z|² at z + low, and what the regularised problem has in place of the latter."""
        done = self.matrix.residual(self.b, self.scale, self.bscale, z, low, self.workers)
        if self.damp == 0.0:
            return done, done.rr
        ridge = self.ridge
        product, rest = twofold_product(ridge, z)
        g, g_low = twofold_sum(done.g, done.g_low, -product, -(rest + ridge * low))
        return Residual(g, g_low, done.rr), done.rr + np.sum(ridge * np.abs(z) ** 2, axis=0)


def problem_of(matrix: Matrix, b: Number, scale: Array, damp: float, dtype: np.dtype[Any], workers: int) -> Problem:
    """With the scales of b worked out."""
    bscale, bnorm = matrix.right_scales(b)
    return Problem(matrix, b, scale, bscale, bnorm, damp, dtype, workers)


@dataclass(frozen=True)
class Solver:
    """An approximate inverse of (A·D)ᴴ(A·D) and what goes with it. Knows A, not b."""

    method: str
    scale: Array
    correct: Callable[[Number], Number]  # gradient (n, nrhs) -> change of z
    spectrum: Spectrum | None  # of A·D (with damp: of [A·D; damp·D])
    factor: Number | None  # RᴴR = (A·D)ᴴ(A·D), or None where only a sketch is known
    rank: int
    distortion: float
    rows: int = 0  # rows of the sketch that stands for A in `spectrum`; 0: A itself
    null: Number | None = None  # (n, n - rank) orthonormal null vectors in x
    steps: list[int] = field(default_factory=list)  # steps of conjugate gradients, one entry per call
    rough: Callable[[Number], Number] | None = None  # `correct` to a factor of about 2, where that is cheaper

    @property
    def condition(self) -> float:
        """Of A with scaled columns; infinite if the rank is below n, NaN if unknown."""
        if self.rank < self.scale.size:
            return float("inf")
        if self.spectrum is None:
            return float("nan")
        s = self.spectrum.s
        return float(s[0] / s[-1]) if s[-1] > 0 else float("inf")


def complement(vt: Number) -> Number:
    """Orthonormal columns orthogonal to the orthonormal rows given. (n, n - k)."""
    k, n = vt.shape
    if k == 0:
        return np.eye(n, dtype=vt.dtype)
    return np.ascontiguousarray(np.linalg.qr(vt.conj().T, mode="complete")[0][:, k:])


def without_noise(v: Number, eps: float) -> Number:
    """`v` with rows of rounding errors set to zero: units in which they would matter must not decide what is null."""
    return np.where(np.linalg.norm(v, axis=1, keepdims=True) > 64 * eps, v, 0.0)


def null_basis(v: Number, scale: Array) -> Number | None:
    """An orthonormal basis of what D·v spans, small where D is small; None if D spans too much for that."""
    out = (scale / scale.max())[:, None] * v
    with np.errstate(all="ignore"):
        for _ in range(2):
            # Combinations of columns keep the relative error of every row; Householder's reflections would not.
            r = np.linalg.qr(out, mode="r")
            if not np.abs(np.diag(r)).min(initial=1.0) > 1e-150:
                return None
            out = sla.solve_triangular(r, out.T, trans="T", check_finite=False).T
    return out if np.isfinite(out).all() else None


def project(z: Number, null: Number | None, scale: Array) -> Number:
    """z whose x = D·z has no part along the null vectors."""
    if null is None:
        return z
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        even = (scale / scale.max())[:, None]
        return np.asarray(z - null @ (null.conj().T @ (even * z)) / even)


# --- T1, T2: Cholesky factor of a Gram matrix ------------------------------------------------------------------------


@dataclass(frozen=True)
class Columns:
    """Columns of A that span its range, by the sketch; all of them if it has full rank."""

    chosen: npt.NDArray[np.intp]
    r: Number  # (k, k) triangular factor of the chosen columns of the sketch
    rest: Number  # (k, n - k) the others in the same basis


def independent_columns(known: Known) -> Columns:
    """By QR with column pivoting of the sketch's factor; ascending, so that triangles stay triangles."""
    n = known.r.shape[0]
    if known.keep == n:
        return Columns(np.arange(n), known.r, known.r[:, :0])
    pivots = sla.qr(known.r, mode="r", pivoting=True, check_finite=False)[1]
    chosen = np.sort(pivots[: known.keep])
    others = np.setdiff1d(np.arange(n), chosen)
    both = _dense.qr_r(np.hstack([known.r[:, chosen], known.r[:, others]]), known.keep)
    return Columns(chosen, np.ascontiguousarray(np.triu(both[:, : known.keep])), both[:, known.keep :])


def gram_solver(
    p: Problem, known: Known, preconditioned: bool, single: bool
) -> tuple[Solver | None, Number | None, str]:
    """(solver, first solution, "") or (None, None, why not). One pass of m n² or 2 m n² flops."""
    n = p.matrix.n
    columns = independent_columns(known)
    at = np.ix_(columns.chosen, columns.chosen)
    k = columns.chosen.size
    deficient = k < n
    preconditioned = preconditioned or deficient
    r = columns.r
    precond: Number | None = None
    if preconditioned:
        inverse = _dense.solve(r, np.eye(k, dtype=r.dtype))
        precond = np.zeros((n, n), r.dtype)
        precond[at] = inverse
    z = known.start()
    first = p.matrix.gram(p.b, p.scale, p.bscale, z, precond, p.workers)
    if first is None:
        return None, None, f"there is no Gram matrix of {p.matrix.kind} matrix"
    gram = np.ascontiguousarray(first.gram[at])
    if not np.isfinite(gram).all():
        return None, None, "its Gram matrix is not finite"
    g = first.g
    if p.damp > 0:
        if preconditioned:
            damped = (p.damp * p.scale)[:, None] * inverse
            gram = gram + damped.conj().T @ damped
        else:
            gram = gram + np.diag(p.ridge[:, 0])
        g = g - p.ridge * z
    u = _dense.cholesky(gram)
    if u is None:
        return None, None, "its Gram matrix is not positive definite"
    factor = _dense.multiply(u, r) if preconditioned else u
    # Singular values of A R^-1, the ratios |A x| / |S A x|; the sketch's distortion is that of the reciprocals.
    own = _dense.svd(u if preconditioned else _dense.solve(r, u.conj().T, transposed=True).conj().T)[1]
    distortion = float(np.abs(1.0 / own - 1.0).max()) if own[-1] > 0 else float("inf")

    def inner(gradient: Number) -> Number:
        part = np.ascontiguousarray(gradient[columns.chosen])
        if preconditioned:
            part = _dense.solve(u, _dense.solve(u, _dense.solve(r, part, transposed=True), transposed=True))
            part = _dense.solve(r, part)
        else:
            part = _dense.solve(u, _dense.solve(u, part, transposed=True))
        if not deficient:
            return part
        out = np.zeros((n, part.shape[1]), part.dtype)
        out[columns.chosen] = part
        return out

    method = "preconditioned-gram" if preconditioned else "gram"
    if not deficient:
        solver = Solver(method, p.scale, inner, spectrum(factor), factor, n, distortion)
        return solver, z + inner(g), ""
    null, why = null_vectors(p, known, inner, single)
    if null is None:
        return None, None, why
    full = np.empty((k, n), r.dtype)
    full[:, columns.chosen] = factor
    full[:, np.setdiff1d(np.arange(n), columns.chosen)] = _dense.multiply(u, np.ascontiguousarray(columns.rest))
    solver = Solver(
        method, p.scale, lambda v: project(inner(v), null, p.scale), spectrum(full), full, k, distortion, 0, null
    )
    return solver, project(z + inner(g), null, p.scale), ""


def null_vectors(
    p: Problem, known: Known, correct: Callable[[Number], Number], single: bool
) -> tuple[Number | None, str]:
    """An orthonormal basis in x of what A maps to nothing: the sketch's, corrected and checked with A itself."""
    v = complement(known.vt[: known.keep])
    ulps = NULL_ULPS[np.dtype(np.float32 if single else np.float64)]
    eps = float(np.finfo(np.float32 if single else np.float64).eps)
    limit = ulps * eps * float(np.linalg.norm(known.s))
    # Twofold arithmetic, as A v is all rounding: the right-hand side is zero.
    zero, one = p.matrix.no_right(v.shape[1], p.b.dtype), np.ones(v.shape[1])
    for _ in range(2):
        g = p.matrix.residual(zero, p.scale, one, v, np.zeros_like(v), p.workers).g
        v = without_noise(np.linalg.qr(v + correct(g))[0], eps)
    done = p.matrix.residual(zero, p.scale, one, v, np.zeros_like(v), p.workers)
    size = float(np.sqrt(done.rr.max()))
    if not size <= limit:
        return None, (
            f"the scaled condition number is about {known.condition:.2g} and |A v| = {size:.2g} for a doubtful "
            f"direction v, above {limit:.2g}: neither full rank nor deficient"
        )
    null = null_basis(v, p.scale)
    if null is None:
        return None, "the columns of a rank-deficient matrix differ too much in size"
    return null, ""


# --- T3: conjugate gradients preconditioned by the sketch ------------------------------------------------------------


class Preconditioner:
    """P of A·D·P: the inverse of the sketch's factor, on its range if the rank is below n; the identity without one."""

    def __init__(self, known: Known | None) -> None:
        self.r: Number | None = None
        self.v: Number | None = None
        if known is not None and known.keep == known.r.shape[0]:
            self.r = known.r
        elif known is not None:
            self.v = known.vt[: known.keep].conj().T / known.s[: known.keep]

    def apply(self, y: Number) -> Number:
        """P y."""
        if self.r is not None:
            return _dense.solve(self.r, y)
        return y if self.v is None else np.asarray(self.v @ y)

    def adjoint(self, g: Number) -> Number:
        """Pᴴ g."""
        if self.r is not None:
            return _dense.solve(self.r, g, transposed=True)
        return g if self.v is None else np.asarray(self.v.conj().T @ g)


def spir_solver(p: Problem, known: Known | None, single: bool) -> tuple[Solver | None, str]:
    """Steps of conjugate gradients on A·D·P as the approximate inverse; `known` None: no preconditioner but D."""
    n = p.matrix.n
    ridge = p.ridge
    rate = 0.0 if known is None else min(np.sqrt(n / known.rows), 0.9)
    precond = Preconditioner(known)
    # Cheap steps of a well-conditioned system: one call reduces the error by about 2e-9.
    most = int(np.ceil(20.0 / -np.log(rate))) if known is not None else 2000
    taken: list[int] = []

    def inner(g: Number) -> Number:
        def system(y: Number) -> Number:
            z = precond.apply(y)
            out = p.matrix.normal(p.scale, z, p.workers)[0]
            return precond.adjoint(out + ridge * z if p.damp > 0 else out)

        y, count = conjugate_gradients(system, precond.adjoint(g), most, 2e-9 if known is not None else 1e-9)
        taken.append(count)
        return precond.apply(y)

    def rough(g: Number) -> Number:
        return precond.apply(precond.adjoint(g))

    if known is None:
        return Solver("cg", p.scale, inner, None, None, n, float("nan"), 0, None, taken), ""
    spec = Spectrum(known.vt[: known.keep], known.s[: known.keep], float(np.linalg.norm(known.s)))
    distortion = float(np.sqrt(n / known.rows))
    if known.keep == n:
        return Solver("spir", p.scale, inner, spec, known.r, n, distortion, known.rows, None, taken, rough), ""
    null, why = null_vectors(p, known, inner, single)
    if null is None:
        return None, why
    taken.clear()

    def projected(g: Number) -> Number:
        return project(inner(g), null, p.scale)

    return Solver(
        "spir", p.scale, projected, spec, known.r, known.keep, distortion, known.rows, null, taken,
        lambda g: project(rough(g), null, p.scale),
    ), ""  # fmt: skip


def conjugate_gradients(
    system: Callable[[Number], Number], rhs: Number, most: int, reduction: float
) -> tuple[Number, int]:
    """One run per column, side by side; a column rests once its residual has fallen to `reduction` of its own."""
    y = np.zeros_like(rhs)
    residual = rhs.copy()
    direction = rhs.copy()
    rho = np.sum(np.abs(residual) ** 2, axis=0)
    goal = reduction**2 * rho
    count = 0
    while count < most:
        active = (rho > goal) & np.isfinite(rho)
        if not active.any():
            break
        count += 1
        image = system(direction)
        curvature = np.sum((direction.conj() * image).real, axis=0)
        with np.errstate(divide="ignore", invalid="ignore"):
            alpha = np.where(active & (curvature > 0), rho / curvature, 0.0)
        y = y + alpha * direction
        residual = residual - alpha * image
        fresh = np.sum(np.abs(residual) ** 2, axis=0)
        with np.errstate(divide="ignore", invalid="ignore"):
            beta = np.where(alpha != 0.0, fresh / rho, 0.0)
        direction = np.where(alpha != 0.0, residual + beta * direction, 0.0)
        rho = np.where(alpha != 0.0, fresh, 0.0)
    return y, count


# --- what all of them share ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Refined:
    """A solution and its certificate."""

    x: Number
    z: Number
    rr: Array  # (nrhs) squared norms of b' - A D z
    be: float
    iterations: int


def certificate(p: Problem, spec: Spectrum | None, z: Number, g: Number, rr: Array) -> float:
    """The largest backward error over the right-hand sides; an upper bound where no singular values are known."""
    if spec is not None:
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            return float(karlson_walden(spec, z, g, rr, p.bnorm).max())
    norm = p.matrix.frobenius(p.scale, p.workers)
    out = []
    for q in range(z.shape[1]):
        size, r = float(np.linalg.norm(g[:, q])), float(np.sqrt(rr[q]))
        if not np.isfinite(size):
            out.append(np.nan)
        elif size == 0.0 or p.bnorm[q] == 0.0:
            out.append(0.0 if size == 0.0 else 1.0)
        else:
            weight = norm / p.bnorm[q]
            whole = weight / np.sqrt(1.0 + (weight * np.linalg.norm(z[:, q])) ** 2)
            out.append(min(size / (r * norm) if r > 0 else np.inf, whole * r / norm))
    return float(np.max(out))


@np.errstate(over="ignore", under="ignore", invalid="ignore")
def refine(p: Problem, solver: Solver, z: Number, tol: float | None, precise: bool) -> tuple[Refined, str]:
    """Newton steps with residuals in twofold arithmetic; (the best solution met, "" or why it falls short)."""
    target = p.eps / 4 if tol is None else tol
    accept = p.eps if tol is None else tol
    zero = np.zeros_like(z)
    best: Refined | None = None
    old = np.inf
    polished = False
    z, x = p.rounded(z)
    for it in range(MAXREF + 1):
        now, rr = p.residual(z, zero)
        be = certificate(p, solver.spectrum, z, now.g, rr)
        if best is None or be < best.be or (polished and be <= accept):
            best = Refined(x, z, now.rr, be, it)
        if not np.isfinite(be):
            return best, "its backward error is not finite"
        if polished or it == MAXREF or (be > target and it >= 2 and be > old / 2):
            break
        if be <= target and (tol is not None or precise):
            break
        if be <= target:
            # Certified. The gradient is good to twice the digits, so a step tells the error of x.
            size = np.linalg.norm((solver.rough or solver.correct)(now.g), axis=0)
            if not np.any(size > POLISH * p.eps * np.linalg.norm(z, axis=0)):
                break
            polished = True
        step = solver.correct(now.g)
        old = be
        z, x = p.rounded(z + step)
    assert best is not None
    if precise:
        sharp = sharpened(p, solver, best, accept)
        best = sharp if sharp is not None else best
    if not best.be <= accept:
        return best, f"backward error {best.be:.2g} after {best.iterations} refinements, above {accept:.2g}"
    return best, ""


def sharpened(p: Problem, solver: Solver, start: Refined, accept: float) -> Refined | None:
    """x to its last digits: the iterate is a sum of two numbers as well. None if that does not converge."""
    z, low = start.z, np.zeros_like(start.z)
    old = np.inf
    it = stalls = 0
    while it < 4 * MAXREF:
        it += 1
        now, _ = p.residual(z, low)
        step = solver.correct(now.g + now.g_low)
        if not np.isfinite(step).all():
            return None
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.abs(step) / np.maximum(np.abs(z), EPS * np.linalg.norm(z, axis=0))
        size = float(np.nanmax(np.where(np.abs(step) == 0.0, 0.0, ratio), initial=0.0))
        if not size < old / 2:
            # One step may be spoilt by the rounding of the one before; a second one means that this is the end.
            stalls += 1
            if stalls == 2 or not size < 1.0:
                if not old < 1e-3:
                    return None
                break
        z, low = twofold_sum(z, low, step, np.zeros_like(step))
        old = min(old, size)
        if size <= EPS / 16:
            break
    z, x = p.rounded(z + low)
    done, rr = p.residual(z, np.zeros_like(z))
    be = certificate(p, solver.spectrum, z, done.g, rr)
    return Refined(x, z, done.rr, be, start.iterations + it) if be <= max(accept, start.be) else None
