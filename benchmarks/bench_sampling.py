"""Scores and samples of rows against NumPy, SciPy and DPPy.

Exact leverage has two kinds of routes. A QR or singular value decomposition is right to rounding for every matrix; the
Cholesky factor of the Gram matrix is the fastest and wrong from a condition number of about 1e7 on. The target is
against the fastest of the first kind; the Gram route is timed as well: 3 m n² flops and three passes. A sample,
where it will do, leaves one triangular product of m n² flops in single precision and one pass.

    python -m benchmarks sampling
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import scipy.linalg as sla

from benchmarks.harness import Case
from kriss.sketch import leverage_scores, lewis_weights, sample_rows

Array = np.ndarray


def by_qr(A: Array) -> Array:
    """R alone, and a triangular product in blocks that stay in cache."""
    return in_blocks(
        A, sla.solve_triangular(sla.qr(A, mode="r", check_finite=False)[0][: A.shape[1]], np.eye(A.shape[1]))
    )


def by_thin_qr(A: Array) -> Array:
    """With Q written out."""
    q = np.linalg.qr(A)[0]
    return np.einsum("ij,ij->i", q, q)


def by_gram(A: Array) -> Array:
    """Cholesky's factor of the Gram matrix."""
    return in_blocks(A, sla.solve_triangular(sla.cholesky(A.T @ A, check_finite=False), np.eye(A.shape[1])))


def in_blocks(A: Array, inverse: Array) -> Array:
    """Squared norms of the rows of A R⁻¹."""
    out = np.empty(len(A))
    for i in range(0, len(A), 8192):
        part = A[i : i + 8192] @ inverse
        np.einsum("ij,ij->i", part, part, out=out[i : i + 8192])
    return out


def plain_dpp(A: Array, rng: np.random.Generator) -> list[int]:
    """The chain rule as it is written down: all conditional probabilities after each row. Q by QR."""
    q = np.linalg.qr(A)[0]
    m, k = q.shape
    d, v, rows = np.sum(q**2, axis=1), np.zeros((m, k)), []
    for j in range(k):
        p = np.maximum(d, 0)
        p[rows] = 0
        i = int(rng.choice(m, p=p / p.sum()))
        rows.append(i)
        w = q @ q[i] - v[:, :j] @ v[i, :j]
        w /= np.sqrt(w[i])
        v[:, j] = w
        d = d - w**2
    return rows


def dppy(A: Array, mode: str) -> Any:
    """DPPy's projection process, if it is installed."""
    from dppy.finite_dpps import FiniteDPP

    q = np.linalg.qr(A)[0]
    process = FiniteDPP("correlation", projection=True, K_eig_dec=(np.ones(q.shape[1]), q))
    process.sample_exact(mode=mode, random_state=0)
    return process.list_of_samples[-1]


def pydpp(A: Array) -> Any:
    """pydpp's process of fixed size, if it is installed. It factors the kernel written out: 80 GB for 1e5 rows."""
    from pydpp.dpp import DPP

    q = np.linalg.qr(A)[0]
    process = DPP()
    process.A = q @ q.T
    return process.sample_k(q.shape[1])


def volume(rows: Any, A: Array) -> float:
    """-log10 of the sample's volume relative to that of the whole: a sample of the process is not small by chance."""
    picked = np.asarray(getattr(rows, "rows", rows))
    r = sla.qr(A, mode="r", check_finite=False)[0][: A.shape[1]]
    return float(-np.linalg.slogdet(A[picked] @ np.linalg.inv(r))[1] / np.log(10))


def cases(quick: bool) -> Iterable[Case]:
    """Leverage, Lewis weights, determinantal samples."""
    rng = np.random.default_rng(0)
    m, n = (100_000, 50) if quick else (1_000_000, 50)
    for name, A in (
        ("Gaussian", rng.standard_normal((m, n))),
        ("heavy rows, condition 1e9", np.geomspace(1, 1e-9, n) * rng.standard_normal((m, n))
         * rng.pareto(1.5, (m, 1)) @ np.linalg.qr(rng.standard_normal((n, n)))[0]),
    ):  # fmt: skip
        exact = by_qr(A)

        def error(score: Array, exact: Array = exact) -> float:
            return float(np.abs(score / exact - 1).max())

        yield Case(
            f"leverage_scores, {m} x {n}, {name}",
            lambda A=A: leverage_scores(A, rng=0),
            {
                "scipy qr, R only": lambda A=A: by_qr(A),
                "numpy qr": lambda A=A: by_thin_qr(A),
                "Cholesky of the Gram matrix": lambda A=A: by_gram(A),
            },
            accuracy=error,
            accuracy_name="largest relative error",
            target=5.0,
            # The fastest exact route where it works: not where the Gram matrix is singular to rounding.
            target_peer="Cholesky of the Gram matrix" if name == "Gaussian" else "scipy qr, R only",
            note="ours at its default, from a sample: errors of at most 20 %",
        )
        yield Case(
            f"leverage_scores, exact, {m} x {n}, {name}",
            lambda A=A: leverage_scores(A, method="exact", rng=0),
            {"scipy qr, R only": lambda A=A: by_qr(A), "Cholesky of the Gram matrix": lambda A=A: by_gram(A)},
            accuracy=error,
            accuracy_name="largest relative error",
        )
        if name == "Gaussian":
            yield Case(
                f"lewis_weights, p = 1, {m} x {n}",
                lambda A=A: lewis_weights(A, 1.0, tol=1e-3, rng=0),
                {"fixed point by Cholesky, to 1e-3": lambda A=A: plain_lewis(A, 1.0, 1e-3)},
            )
        del exact
    m, n = (20_000, 50) if quick else (100_000, 100)
    A = rng.standard_normal((m, n))
    yield Case(
        f"projection DPP, {n} rows of {m} x {n}",
        lambda: sample_rows(A, n, "dpp", rng=0),
        {
            "plain NumPy": lambda: plain_dpp(A, np.random.default_rng(0)),
            "DPPy, GS": lambda: dppy(A, "GS"),
            "DPPy, GS_bis": lambda: dppy(A, "GS_bis"),
        },
        accuracy=lambda rows: volume(rows, A),
        accuracy_name="-log10 of the volume",
        target=20.0,
        target_peer="plain NumPy",
        also={"DPPy, GS": 20.0, "DPPy, GS_bis": 20.0},
        note="from A, the orthonormal basis included; one random sample each, so the volumes differ",
    )
    small = rng.standard_normal((500, 20) if quick else (2000, 40))
    yield Case(
        f"projection DPP, {small.shape[1]} rows of {small.shape[0]} x {small.shape[1]}",
        lambda: sample_rows(small, small.shape[1], "dpp", rng=0),
        {
            "plain NumPy": lambda: plain_dpp(small, np.random.default_rng(0)),
            "DPPy, GS": lambda: dppy(small, "GS"),
            "DPPy, GS_bis": lambda: dppy(small, "GS_bis"),
            "pydpp": lambda: pydpp(small),
        },
        accuracy=lambda rows: volume(rows, small),
        accuracy_name="-log10 of the volume",
        target=20.0,
        target_peer="pydpp",
        note="a size at which pydpp, which needs the kernel matrix, takes seconds and not hours",
        rounds=3,
    )


def plain_lewis(A: Array, p: float, tol: float) -> Array:
    """Cohen and Peng's map until no weight changes by more than tol."""
    w = np.full(len(A), A.shape[1] / len(A))
    while True:
        gram = A.T @ (A * (w ** (1 - 2 / p))[:, None])
        fresh = in_blocks(A, sla.solve_triangular(sla.cholesky(gram), np.eye(A.shape[1]))) ** (p / 2)
        change = float(np.abs(np.log(fresh / w)).max())
        w = fresh
        if change <= tol:
            return w
