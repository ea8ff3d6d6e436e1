"""Least squares by sketching beyond the plain case: hard, complex, sparse, deficient; every digit; sketches.

Accuracy is the backward error of what each contender returns unless a case says otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import scipy.linalg as sla
import scipy.sparse as sps
import scipy.sparse.linalg as spla

import kriss.scipy.linalg
from benchmarks.bench_sketch import normal_equations, peers_of, problem, solution
from benchmarks.harness import Case
from kriss.sketch import SparseSign, backward_error, factor, lstsq


def _hard(m: int, n: int) -> Case:
    rng = np.random.default_rng(1)
    A = rng.standard_normal((m, n)) @ (np.logspace(0, -10, n)[:, None] * np.linalg.qr(rng.standard_normal((n, n)))[0])
    b = A @ rng.standard_normal(n) + 1e-3 * rng.standard_normal(m)
    peers = peers_of(A, b, ("gelsd", "gelsy"))
    peers["normal equations"] = lambda: normal_equations(A, b)
    fit = lstsq(A, b, rng=0)
    return Case(
        f"lstsq, {m} x {n}, condition 1e10",
        lambda: lstsq(A, b, rng=0),
        peers,
        accuracy=lambda r: float(backward_error(A, b, solution(r))),
        accuracy_name="backward error",
        target_peer="scipy gelsy",
        note=f"method {fit.method}, {fit.iterations} refinements; normal equations fail or are wrong here",
    )


def _precise(m: int, n: int) -> Case:
    A, b = problem(m, n, "C", 4)
    return Case(
        f"lstsq, {m} x {n}, precise=True",
        lambda: lstsq(A, b, rng=0, precise=True),
        peers_of(A, b, ("gelsy",)),
        accuracy=lambda r: float(backward_error(A, b, solution(r))),
        accuracy_name="backward error",
        note="x to its last digit; nobody else offers that",
    )


def _complex(m: int, n: int) -> Case:
    rng = np.random.default_rng(5)
    A = rng.standard_normal((m, n)) + 1j * rng.standard_normal((m, n))
    b = rng.standard_normal(m) + 1j * rng.standard_normal(m)
    exact = lstsq(A, b, rng=1, precise=True).x
    return Case(
        f"lstsq, {m} x {n}, complex",
        lambda: lstsq(A, b, rng=0),
        peers_of(A, b, ("gelsd", "gelsy")),
        accuracy=lambda r: float(np.linalg.norm(solution(r) - exact) / np.linalg.norm(exact)),
        accuracy_name="forward error",
        note="forward error against precise=True with another seed",
    )


def _deficient(m: int, n: int) -> Case:
    A, b = problem(m, n, "C", 6)
    A[:, -1] = A[:, 0] + A[:, 1]
    fit = lstsq(A, b, rng=0)
    return Case(
        f"lstsq, {m} x {n}, rank {n - 1}",
        lambda: lstsq(A, b, rng=0),
        {f"scipy {d}": lambda d=d: sla.lstsq(A, b, cond=1e-13, lapack_driver=d) for d in ("gelsd", "gelsy")},
        accuracy=lambda r: float(backward_error(A, b, solution(r))),
        accuracy_name="backward error",
        note=f"method {fit.method}; all of them return the solution of minimum norm",
    )


def _many_columns(m: int, n: int) -> Case:
    rng = np.random.default_rng(7)
    A = rng.standard_normal((m, n)) * np.logspace(0, -3, n)
    A += np.outer(rng.standard_normal(m), np.logspace(0, 4, n))  # not cured by scaling columns
    b = rng.standard_normal(m)
    peers = peers_of(A, b, ("gelsd", "gelsy"))
    peers["kriss preconditioned-gram"] = lambda: lstsq(A, b, rng=0, method="preconditioned-gram")
    return Case(
        f"lstsq by sketch-preconditioned CG, {m} x {n}",
        lambda: lstsq(A, b, rng=0, method="spir"),
        peers,
        accuracy=lambda r: float(backward_error(A, b, solution(r))),
        accuracy_name="backward error",
    )


def _sparse(m: int, n: int) -> Case:
    rng = np.random.default_rng(8)
    A = sps.random_array((m, n), density=3.0 / n, format="csr", rng=rng) + sps.random_array(
        (m, 1), density=1.0, rng=rng
    ) @ sps.csr_array(np.ones((1, n)) * (rng.random(n) < 3.0 / n))
    A = sps.csr_array(A) @ sps.diags_array(np.logspace(0, 4, n))
    b = rng.standard_normal(m)
    exact = lstsq(A, b, rng=1, precise=True).x
    return Case(
        f"lstsq, {m} x {n} CSR, {A.nnz} entries",
        lambda: lstsq(A, b, rng=0),
        {
            "scipy lsqr": lambda: spla.lsqr(A, b, atol=1e-15, btol=1e-15, iter_lim=20 * n)[0],
            "scipy lsmr": lambda: spla.lsmr(A, b, atol=1e-15, btol=1e-15, maxiter=20 * n)[0],
        },
        accuracy=lambda r: float(np.linalg.norm(solution(r) - exact) / np.linalg.norm(exact)),
        accuracy_name="forward error",
        note="forward error against precise=True with another seed; columns of sizes 1 to 1e4",
    )


def _factored(m: int, n: int) -> Case:
    A, b = problem(m, n, "C", 9)
    prepared = factor(A, rng=0)
    return Case(
        f"factor(A).solve(b), {m} x {n}",
        lambda: prepared.solve(b),
        {"kriss lstsq": lambda: lstsq(A, b, rng=0)},
        accuracy=lambda r: float(backward_error(A, b, solution(r))),
        accuracy_name="backward error",
        note="the factor is there already",
    )


def _mirror(m: int, n: int) -> Case:
    A, b = problem(m, n, "C", 2)
    return Case(
        f"kriss.scipy.linalg.lstsq, {m} x {n}",
        lambda: kriss.scipy.linalg.lstsq(A, b),
        {"scipy gelsd": lambda: sla.lstsq(A, b)},
        accuracy=lambda r: float(backward_error(A, b, solution(r))),
        accuracy_name="backward error",
        note="with singular values right to rounding, as SciPy returns them",
    )


def _sketches(m: int, n: int) -> Iterable[Case]:
    rng = np.random.default_rng(3)
    d = 4 * n
    A = rng.standard_normal((m, n))
    S = SparseSign(d, rng=0)
    explicit = S.matrix(m).tocsr()
    yield Case(
        f"sparse-sign sketch, {m} x {n} dense, {d} rows",
        lambda: S.apply(A),
        {
            "scipy.sparse S @ A, S given": lambda: explicit @ A,
            "scipy clarkson_woodruff (zeta=1)": lambda: sla.clarkson_woodruff_transform(A, d, seed=0),
        },
        note="8 entries per row here and in S @ A, which is timed without making S; 1 in SciPy's transform",
        traffic=8.0 * m * n,
    )
    C = sps.random_array((m, n), density=0.05, format="csr", rng=rng)
    yield Case(
        f"sparse-sign sketch, {m} x {n} CSR, 5 % full, {d} rows",
        lambda: S.apply(C),
        {"scipy.sparse S @ A, S given": lambda: explicit @ C},
        note="dense result here, sparse in SciPy",
    )


def cases(quick: bool) -> Iterable[Case]:
    """Yield the cases one by one, so that only one large matrix is alive."""
    if quick:
        yield _mirror(60_000, 50)
        yield from _sketches(60_000, 50)
        yield _sparse(60_000, 50)
        yield _factored(60_000, 50)
        return
    yield _hard(200_000, 50)
    yield _precise(400_000, 100)
    yield _complex(200_000, 50)
    yield _deficient(400_000, 100)
    yield _many_columns(60_000, 800)
    yield _sparse(300_000, 200)
    yield _factored(400_000, 100)
    yield _mirror(400_000, 100)
    yield from _sketches(400_000, 100)
