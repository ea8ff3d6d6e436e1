"""The last tier: Householder QR of all of A by LAPACK, then the refinement and the certificate of every tier."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.linalg as sla

from kriss.sketch import _dense
from kriss.sketch._certificate import Array, Spectrum, brought_near_one, sketched_factor, spectrum
from kriss.sketch._engine import (
    NULL_ULPS,
    Problem,
    Refined,
    Solver,
    certificate,
    complement,
    null_basis,
    project,
    refine,
    without_noise,
)
from kriss.sketch._look import RANK_LIMIT
from kriss.sketch._rows import ComplexMatrix, DenseMatrix, Matrix, Number


@dataclass(frozen=True)
class Direct:
    """A solution by LAPACK in the units of A and b."""

    x: Number
    s: Array
    rr: Array
    be: float
    rank: int
    condition: float
    iterations: int
    solver: Solver | None
    problem: Problem
    rr_scaled: Array  # rr in the variables of `problem`
    shift: int  # x of `problem` is to be multiplied by two to this


def as_matrix(a: Number) -> Matrix:
    """A dense array of any supported dtype; complex ones in C order."""
    if a.dtype.kind != "c":
        return DenseMatrix(a)
    real = np.float32 if a.dtype == np.complex64 else np.float64
    return ComplexMatrix(DenseMatrix(np.ascontiguousarray(a).view(real)))


def near_one(values: Number) -> tuple[Number, int]:
    """`brought_near_one`, also for complex numbers."""
    if values.dtype.kind != "c":
        return brought_near_one(values)
    both = np.ascontiguousarray(values)
    out, shift = brought_near_one(both.view(np.float32 if both.dtype == np.complex64 else np.float64))
    return np.ascontiguousarray(out).view(values.dtype), shift


def shifted(values: Number, power: int) -> Number:
    """values · 2**power, rounded once."""
    with np.errstate(all="ignore"):
        if values.dtype.kind != "c":
            return np.asarray(np.ldexp(values, power))
        return np.asarray(np.ldexp(values.real, power) + 1j * np.ldexp(values.imag, power)).astype(values.dtype)


def direct(
    a: Any,
    b: Number,
    *,
    dtype: np.dtype[Any],
    single: bool,
    cond: float | None,
    damp: float,
    tol: float | None,
    precise: bool,
    workers: int,
    reasons: list[str],
) -> Direct:
    """Solve with any dense A: QR if it is not wide, the singular value decomposition (gelsd) if it is.

    a: an array, or a matrix on a device, which is not wide.
    """
    if isinstance(a, Matrix):
        a, b, a_shift, b_shift = a.near_one(b)  # type: ignore[attr-defined]
        matrix: Matrix = a
    else:
        a, a_shift = near_one(a)
        b, b_shift = near_one(b)
        matrix = as_matrix(a)
    scaled_damp = float(np.ldexp(damp, a_shift)) if damp else 0.0
    m, n = matrix.m, matrix.n
    columns = np.empty((0, 0))
    if matrix.on_device:
        scale = matrix.column_scales(scaled_damp)  # type: ignore[attr-defined]
    else:
        wide_type = np.complex128 if matrix.complex else np.float64
        columns = np.asarray(a, dtype=wide_type)
        if damp > 0:
            columns = np.vstack([columns, np.diag(np.full(n, scaled_damp, wide_type))])
        scale, columns = sketched_factor(columns)
    bscale, bnorm = matrix.right_scales(b)
    p = Problem(matrix, b, scale, bscale, bnorm, scaled_damp, dtype, workers)
    if m < n and damp == 0.0:
        found, s, rank = _wide(p, a, columns, cond, single)
        solver = None
    else:
        both = matrix.triangle(p) if matrix.on_device else triangle(p, columns)  # type: ignore[attr-defined]
        found, s, rank, solver = _tall(p, both, cond, single, tol, precise, reasons)
    x = shifted(found.x, a_shift - b_shift)
    if np.isfinite(found.x).all() and not np.isfinite(x).all():
        raise OverflowError(f"the solution is beyond the range of {x.dtype}: scale a up or b down")
    with np.errstate(over="ignore", under="ignore"):
        rr = np.ldexp(found.rr / bscale / bscale, -2 * b_shift)
        s = np.ldexp(s, -a_shift)
    condition = float("inf") if rank < n or solver is None else solver.condition
    return Direct(x, s, rr, found.be, rank, condition, found.iterations, solver, p, found.rr, a_shift - b_shift)


def triangle(p: Problem, columns: Number) -> Number:
    """The triangular factor of [A·D, b'] with damp·D below A·D, (n, n + nrhs); columns: A·D with those rows."""
    right = p.b * p.bscale
    m, n = p.matrix.m, p.matrix.n
    work = np.zeros((columns.shape[0], n + right.shape[1]), columns.dtype, order="F")
    work[:, :n], work[:m, n:] = columns, right
    return _dense.lapack_r(work, n)


def _tall(
    p: Problem, both: Number, cond: float | None, single: bool, tol: float | None, precise: bool, reasons: list[str]
) -> tuple[Refined, Array, int, Solver | None]:
    """At least as many rows as columns, those of the ridge included; both: R and Qᴴb from one factorisation."""
    n = p.matrix.n
    both = both[:n]
    r, c = np.ascontiguousarray(both[:, :n]), both[:, n:]
    if not np.isfinite(both).all():
        nothing = np.full(c.shape, np.nan, p.dtype)
        z = nothing.astype(both.dtype)
        return Refined(nothing, z, np.full(c.shape[1], np.nan), float("nan"), 0), np.full(n, np.nan), 0, None
    spec = spectrum(r)
    plain = r * (p.scale.min() / p.scale)
    u, s, vh = sla.svd(plain, full_matrices=False, check_finite=False)
    s_plain = s / p.scale.min()
    if p.damp > 0:
        s_plain = (np.sqrt(np.maximum(s_plain - p.damp, 0.0)) * np.sqrt(s_plain + p.damp))[: min(p.matrix.m, n)]
    kind = np.dtype(np.float32 if single else np.float64)
    ulps = NULL_ULPS[kind] * float(np.finfo(np.float32 if single else np.float64).eps)
    if cond is not None:
        keep = int(np.count_nonzero(s > cond * s[0]))
        truncated = keep < n
    else:
        keep = int(np.count_nonzero(spec.s * RANK_LIMIT[kind] > spec.s[0]))
        # Only a clear gap is a deficiency: what is dropped must be no more than rounding.
        if keep < n and not np.all(spec.s[keep:] <= ulps * spec.norm):
            keep = n if spec.s[-1] > 0 else int(np.count_nonzero(spec.s))
        truncated = False
    if truncated:
        # x of minimum norm with the singular values of A itself cut, as LAPACK's drivers do it.
        y = vh[:keep].conj().T @ ((u[:, :keep].conj().T @ c) / s[:keep, None])
        x = (y * p.scale.min() / p.bscale).astype(p.dtype)
        z, _ = p.rounded(y * (p.scale.min() / p.scale[:, None]))
        done, rr = p.residual(z, np.zeros_like(z))
        be = certificate(p, spec, z, done.g, rr)
        return Refined(x, z, done.rr, be, 0), s_plain, keep, None
    solver = _solver(p, r, spec, keep, float(np.finfo(np.float32 if single else np.float64).eps), reasons)
    if keep == n:
        z = _dense.solve(r, np.ascontiguousarray(c, dtype=r.dtype))
    else:
        z = solver.correct(r.conj().T @ c)
    found, why = refine(p, solver, z, tol, precise)
    if why:
        reasons.append(f"lapack: {why}")
    return found, s_plain, keep, solver


def _solver(p: Problem, r: Number, spec: Spectrum, keep: int, eps: float, reasons: list[str]) -> Solver:
    """Corrections by R, or by its leading singular values if the rank is below n."""
    n = p.matrix.n
    if keep == n:
        return Solver(
            "lapack",
            p.scale,
            lambda g: _dense.solve(r, _dense.solve(r, np.ascontiguousarray(g), transposed=True)),
            spec,
            r,
            n,
            float("nan"),
        )
    v = spec.vt[:keep].conj().T
    s2 = spec.s[:keep, None] ** 2
    null = null_basis(without_noise(complement(spec.vt[:keep]), eps), p.scale)
    if null is None:
        reasons.append("lapack: not of minimum norm, as the columns differ too much in size")
    kept = Spectrum(spec.vt[:keep], spec.s[:keep], spec.norm)
    return Solver(
        "lapack",
        p.scale,
        lambda g: project(v @ ((v.conj().T @ g) / s2), null, p.scale),
        kept,
        r,
        keep,
        float("nan"),
        0,
        null,
    )


def _wide(p: Problem, a: Number, columns: Number, cond: float | None, single: bool) -> tuple[Refined, Array, int]:
    """More columns than rows: gelsd on A itself, whose minimum norm is what is asked for."""
    kind = np.dtype(np.float32 if single else np.float64)
    cut = 1 / RANK_LIMIT[kind] if cond is None else cond
    x, _, rank, s = sla.lstsq(a, p.b, cond=cut, lapack_driver="gelsd", check_finite=False)
    x = np.asarray(x).astype(p.dtype)
    known = spectrum(np.asarray(sla.qr(columns, mode="r", check_finite=False)[0])[: min(a.shape)])
    wide = x.astype(columns.dtype)
    z = (wide / p.scale[:, None]) * p.bscale
    done, rr = p.residual(z, np.zeros_like(z))
    be = certificate(p, known, z, done.g, rr)
    return Refined(x, z, done.rr, be, 0), np.asarray(s, dtype=np.float64), int(rank)
