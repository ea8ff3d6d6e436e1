"""Least squares over rows that do not fit into memory, Dask, scikit-learn's estimators and LSQR, against their peers.

The streamed matrix is made block by block, each row a sum of two rows of a fixed pool at places that depend on the
block's number: every pass makes the same rows again at the speed of memory, none of them is kept. Making and reading
them moves 32 m n bytes in each of the passes (3 to 5); the Gram pass takes 2 m n² flops beside that, the sketch 16 m n.

Peak memory is that of a fresh process that does nothing else (VmHWM), with what it has after importing KRISS.

    python -m benchmarks sketch_stream --repeats 1          # the case of 1e8 rows takes minutes per call
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import scipy.linalg as sla
import scipy.sparse as sps
import scipy.sparse.linalg as spla

import kriss.scipy.sparse.linalg as mirror
from benchmarks.harness import Case
from kriss.sketch import SketchedLinearRegression, SketchedRidge, StreamResult, lstsq_stream

BLOCK = 1 << 17
Rows = tuple[np.ndarray, np.ndarray]


class Source:
    """m rows of n columns and of b, in blocks that are made when they are asked for."""

    def __init__(self, m: int, n: int, condition: float = 1.0) -> None:
        rng = np.random.default_rng(0)
        self.m, self.n = m, n
        self.pool = rng.standard_normal((2 * BLOCK, n)) * np.logspace(0, -np.log10(condition), n)
        if condition > 1:
            # Not only graded columns: those would be scaled away.
            self.pool = self.pool @ np.linalg.qr(rng.standard_normal((n, n)))[0]
        self.noise = rng.standard_normal(2 * BLOCK)
        self.x = rng.standard_normal(n)
        self.places = rng.integers(0, BLOCK, (-(-m // BLOCK), 3))

    def __call__(self) -> Iterator[Rows]:
        block = np.empty((BLOCK, self.n))
        for k, first in enumerate(range(0, self.m, BLOCK)):
            rows = min(BLOCK, self.m - first)
            i, j, q = (int(place) for place in self.places[k])
            np.add(self.pool[i : i + rows], self.pool[j : j + rows], out=block[:rows])
            yield block[:rows], block[:rows] @ self.x + self.noise[q : q + rows]


def normal_equations(source: Source) -> np.ndarray:
    """A'A and A'b block by block; nothing tells how good the solution is."""
    gram, right = np.zeros((source.n, source.n)), np.zeros(source.n)
    for A, b in source():
        gram += A.T @ A
        right += A.T @ b
    return np.asarray(sla.solve(gram, right, assume_a="pos"))


def gradient(source: Callable[[], Iterable[Rows]], result: Any) -> float:
    """norm(A'r) / (norm(A) norm(r)): 0 for the exact solution."""
    x = np.asarray(result.x if hasattr(result, "x") else result[0] if isinstance(result, tuple) else result)
    g, aa, rr = np.zeros(len(x)), 0.0, 0.0
    for A, b in source():
        r = b - A @ x
        g += A.T @ r
        aa += float(np.sum(A * A))
        rr += float(r @ r)
    return float(np.linalg.norm(g) / np.sqrt(aa * rr))


CHILD = """
import sys
sys.path[:0] = {path!r}
from benchmarks.bench_sketch_stream import Source
from kriss.sketch import lstsq_stream
def peak():
    with open("/proc/self/status") as f:
        return next(int(line.split()[1]) / 1024 for line in f if line.startswith("VmHWM"))
before = peak()
fit = lstsq_stream(Source({m}, {n}), rng=0)
print(f"{{before:.0f}} {{peak():.0f}} {{fit.status}}")
"""


def peak_memory(m: int, n: int) -> str:
    """In MiB, of a process of its own."""
    if not os.path.exists("/proc/self/status"):
        return "peak memory not measured here"
    here = Path(__file__).resolve().parents[1]
    code = CHILD.format(path=[str(here), str(Path(sys.modules["kriss"].__file__ or "").parents[1])], m=m, n=n)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    before, after, status = done.stdout.split(maxsplit=2)
    return f"peak resident memory {after} MiB, {before} MiB of it after the imports; {status.strip()}"


def _streamed(m: int, n: int, condition: float, peers: bool) -> Case:
    source = Source(m, n, condition)
    note = f"{8 * m * n / 1e9:.1f} GB per pass" + (f"; {peak_memory(m, n)}" if condition == 1 else "")
    return Case(
        f"lstsq_stream, {m:.0e} x {n}" + (f", condition {condition:.0e}" if condition > 1 else ""),
        lambda: lstsq_stream(source, rng=0),
        {"normal equations, streamed": lambda: normal_equations(source)} if peers else {},
        accuracy=lambda result: gradient(source, result),
        accuracy_name="norm(A'r) / (norm(A) norm(r))",
        note=note,
        traffic=lambda fit: 8.0 * m * n * fit.passes * 4 if isinstance(fit, StreamResult) else 0.0,
    )


def _dask(m: int, n: int) -> Iterable[Case]:
    try:
        import dask.array as da

        from kriss.interop import dask as ours
    except ImportError:
        return
    rng = np.random.default_rng(1)
    A = rng.standard_normal((m, n))
    b = A @ rng.standard_normal(n) + rng.standard_normal(m)
    a_lazy, b_lazy = da.from_array(A, chunks=(m // 8, n)), da.from_array(b, chunks=m // 8)
    yield Case(
        f"kriss.interop.dask.lstsq, {m:.0e} x {n}",
        lambda: ours.lstsq(a_lazy, b_lazy, rng=0),
        {"dask.array.linalg.lstsq (TSQR)": lambda: da.linalg.lstsq(a_lazy, b_lazy)[0].compute()},
        accuracy=lambda result: gradient(lambda: [(A, b)], result),
        accuracy_name="norm(A'r) / (norm(A) norm(r))",
        note="threads of Dask, array in memory",
    )


def _estimators(m: int, n: int) -> Iterable[Case]:
    try:
        from sklearn.linear_model import LinearRegression, Ridge
    except ImportError:
        return
    rng = np.random.default_rng(2)
    X = rng.standard_normal((m, n))
    y = X @ rng.standard_normal(n) + 1.0 + rng.standard_normal(m)
    exact = LinearRegression().fit(X, y).coef_
    for name, ours, peers in (
        (
            "SketchedLinearRegression",
            SketchedLinearRegression(random_state=0),
            {"LinearRegression": LinearRegression()},
        ),
        (
            "SketchedRidge",
            SketchedRidge(1e-8, random_state=0),
            {"Ridge(cholesky)": Ridge(1e-8, solver="cholesky"), "Ridge(svd)": Ridge(1e-8, solver="svd")},
        ),
    ):
        yield Case(
            f"{name}.fit, {m:.0e} x {n}",
            lambda ours=ours: ours.fit(X, y),
            {f"scikit-learn {key}": lambda peer=peer: peer.fit(X, y) for key, peer in peers.items()},
            accuracy=lambda model: float(abs(model.coef_ - exact).max()),
            accuracy_name="distance from LinearRegression's coefficients",
            note="ours with standard errors and a certificate",
        )


def _lsqr(m: int, n: int, density: float, condition: float) -> Iterable[Case]:
    rng = np.random.default_rng(3)
    A = sps.random_array((m, n), density=density, format="csr", rng=rng)
    A = sps.csr_array(A @ sps.diags_array(np.logspace(0, np.log10(condition), n)))
    b = A @ rng.standard_normal(n) + rng.standard_normal(m)

    def accuracy(out: Any) -> float:
        r = b - A @ out[0]
        return float(np.linalg.norm(A.T @ r) / (np.linalg.norm(A.data) * np.linalg.norm(r)))

    for name in ("lsqr", "lsmr"):
        ours, theirs = getattr(mirror, name), getattr(spla, name)
        steps = ours(A, b)[2]
        key = "iter_lim" if name == "lsqr" else "maxiter"
        yield Case(
            f"{name}, {m:.0e} x {n} CSR, condition {condition:.0e}",
            lambda ours=ours: ours(A, b),
            {
                f"scipy {name}, its own limit": lambda theirs=theirs: theirs(A, b),
                f"scipy {name}, at most 3000 steps": lambda theirs=theirs, key=key: theirs(A, b, **{key: 3000}),
            },
            accuracy=accuracy,
            accuracy_name="norm(A'r) / (norm(A) norm(r)), asked for: 1e-6",
            target=1.0,
            target_peer=f"scipy {name}, its own limit",
            note=f"{steps} steps of ours",
        )


def cases(quick: bool) -> Iterable[Case]:
    """Yield the cases one by one."""
    if quick:
        yield _streamed(400_000, 50, 1.0, True)
        yield _streamed(400_000, 50, 1e10, True)
        yield from _dask(200_000, 50)
        yield from _estimators(100_000, 50)
        yield from _lsqr(100_000, 100, 0.1, 1e4)
        return
    yield _streamed(10_000_000, 50, 1.0, True)
    yield _streamed(2_000_000, 50, 1e10, True)
    yield from _dask(2_000_000, 50)
    yield from _estimators(1_000_000, 50)
    yield from _lsqr(300_000, 200, 0.05, 1e4)
    yield from _lsqr(300_000, 1000, 0.01, 1e4)
    yield _streamed(100_000_000, 50, 1.0, False)
