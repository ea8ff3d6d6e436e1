"""Quantile, least-absolute-deviation, Huber and logistic regression against statsmodels and scikit-learn.

The objective of every contender is worked out over all rows and compared with ours less its duality gap, a proven lower
bound of the optimum. statsmodels (if it is installed) iterates reweighted least squares to its default tolerance;
scikit-learn's QuantileRegressor solves the linear program by HiGHS, which holds some ten thousand rows at this width.
The case of 1e7 rows is read from a memory map in a process of its own, whose peak memory is reported; pages of the map
that are resident count there, and the kernel may drop them at any time.

    python -m benchmarks regression --repeats 1
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.harness import Case
from kriss.sketch import huber_regression, logistic_regression, lp_regression, quantile_regression


def rows(m: int, n: int, heavy: bool, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """A with an intercept, and b with Student's noise; a heavy A has rows of very different sizes."""
    rng = np.random.default_rng(seed)
    A = rng.standard_normal((m, n))
    if heavy:
        A *= np.exp(rng.standard_normal((m, 1)))
    A[:, 0] = 1.0
    return A, A @ rng.standard_normal(n) + rng.standard_t(3, m)


def pinball(A: Any, b: np.ndarray, x: np.ndarray, tau: float) -> float:
    """In blocks."""
    total = 0.0
    for i in range(0, len(b), 1 << 17):
        r = b[i : i + (1 << 17)] - np.asarray(A[i : i + (1 << 17)]) @ x
        total += float(np.sum(np.maximum(tau * r, (tau - 1.0) * r)))
    return total


def _statsmodels() -> Any:
    try:
        from statsmodels.regression.quantile_regression import QuantReg
    except ImportError:
        return None
    return QuantReg


def _coefficients(out: Any) -> np.ndarray:
    if isinstance(out, np.ndarray):
        return out
    return np.asarray(out.params if hasattr(out, "params") else out.x if hasattr(out, "x") else out.coef_)


def _quantile(m: int, n: int, tau: float, heavy: bool, norm: bool = False, program: bool = False) -> Case:
    A, b = rows(m, n, heavy)

    def ours() -> Any:
        return lp_regression(A, b, 1.0, rng=0) if norm else quantile_regression(A, b, tau, rng=0)

    fit = ours()
    bound = (fit.objective - fit.gap) * (0.5 if norm else 1.0)
    peers: dict[str, Callable[[], Any]] = {}
    irls = _statsmodels()
    if irls is not None:

        def statsmodels() -> Any:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return np.asarray(irls(b, A).fit(q=tau).params)

        peers["statsmodels QuantReg"] = statsmodels
    if program:
        from sklearn.linear_model import QuantileRegressor

        model = QuantileRegressor(quantile=tau, alpha=0.0, fit_intercept=False, solver="highs")
        peers["scikit-learn QuantileRegressor (HiGHS)"] = lambda: model.fit(A, b).coef_
    name = "lp_regression(p=1)" if norm else f"quantile_regression({tau:g})"
    return Case(
        f"{name}, {m:.0e} x {n}" + (", heavy rows" if heavy else ""),
        ours,
        peers,
        accuracy=lambda out: pinball(A, b, _coefficients(out), tau) / bound - 1.0,
        accuracy_name="objective over its lower bound, less 1",
        target=20.0 if peers else None,
        target_peer="scikit-learn QuantileRegressor (HiGHS)" if program else None,
        note=f"coreset {fit.coreset_size} rows (gap {fit.coreset_gap:.1e}), band {fit.band_size}, {fit.passes} passes, "
        f"certified gap {fit.relative_gap:.1e}",
        traffic=lambda out: 8.0 * m * n * out.passes if hasattr(out, "passes") else 0.0,
    )


CHILD = """
import sys, time, numpy as np
sys.path[:0] = {path!r}
from kriss.sketch import quantile_regression
def status(key):
    with open("/proc/self/status") as f:
        return next(int(line.split()[1]) / 1024 for line in f if line.startswith(key))
A, b = np.load({a!r}, mmap_mode="r"), np.load({b!r})
before = status("RssAnon")
import threading
peak, done = [0.0], []
def watch():
    while not done:
        peak[0] = max(peak[0], status("RssAnon")); time.sleep(0.02)
thread = threading.Thread(target=watch); thread.start()
start = time.perf_counter()
fit = quantile_regression(A, b, 0.5, rng=0)
took = time.perf_counter() - start
done.append(1); thread.join()
print(f"{{took:.1f}} s in the child; anonymous memory {{before:.0f}} MiB before, at most {{peak[0]:.0f}} MiB; "
      f"{{fit.status}}, gap {{fit.relative_gap:.1e}}, band {{fit.band_size}}, {{fit.passes}} passes")
"""


def _stored(m: int, n: int) -> Iterable[Case]:
    """Rows in a file."""
    with tempfile.TemporaryDirectory() as folder:
        a, b = os.path.join(folder, "a.npy"), os.path.join(folder, "b.npy")
        stored = np.lib.format.open_memmap(a, "w+", np.float64, (m, n))
        right = np.empty(m)
        step = 1 << 18
        for k, i in enumerate(range(0, m, step)):
            part, right[i : i + step] = rows(min(step, m - i), n, False, seed=k)
            stored[i : i + step] = part
        stored.flush()
        np.save(b, right)
        del stored
        here = Path(__file__).resolve().parents[1]
        path = [str(here), str(Path(sys.modules["kriss"].__file__ or "").parents[1])]
        code = CHILD.format(path=path, a=a, b=b)
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        mapped = np.load(a, mmap_mode="r")
        yield Case(
            f"quantile_regression(0.5), {m:.0e} x {n}, memory map of {8e-9 * m * n:.1f} GB",
            lambda: quantile_regression(mapped, right, 0.5, rng=0),
            accuracy=lambda fit: fit.relative_gap,
            accuracy_name="certified relative gap",
            note=done.stdout.strip(),
            traffic=lambda fit: 8.0 * m * n * fit.passes,
        )


def _smooth(m: int, n: int) -> Iterable[Case]:
    from sklearn.linear_model import HuberRegressor, LogisticRegression

    A, b = rows(m, n, True)
    fit = huber_regression(A, b, rng=0)

    def value(out: Any) -> float:
        x, s = (out.x, out.scale) if hasattr(out, "x") else (out.coef_, out.scale_)
        v = np.abs(b - A @ x) / s
        return float(s * np.sum(1.0 + np.where(v < 1.35, v * v, 2.7 * v - 1.35**2)))

    yield Case(
        f"huber_regression, {m:.0e} x {n}",
        lambda: huber_regression(A, b, rng=0),
        {
            "scikit-learn HuberRegressor": lambda: HuberRegressor(
                alpha=0.0, fit_intercept=False, max_iter=2000, tol=1e-4
            ).fit(A, b)
        },
        accuracy=lambda out: value(out) / (fit.objective - fit.gap) - 1.0,
        accuracy_name="objective over its lower bound, less 1",
        note=f"coreset {fit.coreset_size} rows, {fit.passes} passes, certified gap {fit.relative_gap:.1e}",
    )
    y = np.where(np.random.default_rng(1).logistic(size=m) < (b - b.mean()) / b.std(), 1.0, -1.0)
    other = logistic_regression(A, y, l2=1.0, rng=0)

    def loss(out: Any) -> float:
        x = out.x if hasattr(out, "x") else out.coef_[0]
        return float(np.logaddexp(0.0, -y * (A @ x)).sum() + 0.5 * x @ x)

    yield Case(
        f"logistic_regression, {m:.0e} x {n}",
        lambda: logistic_regression(A, y, l2=1.0, rng=0),
        {
            f"scikit-learn {solver}": lambda solver=solver: LogisticRegression(
                fit_intercept=False, solver=solver, tol=1e-6, max_iter=1000
            ).fit(A, y)
            for solver in ("lbfgs", "newton-cholesky")
        },
        accuracy=lambda out: loss(out) / (other.objective - other.gap) - 1.0,
        accuracy_name="objective over its lower bound, less 1",
        note=f"coreset {other.coreset_size} rows, {other.passes} passes, certified gap {other.relative_gap:.1e}",
    )


def cases(quick: bool) -> Iterable[Case]:
    """Yield the cases one by one."""
    if quick:
        yield _quantile(100_000, 10, 0.5, False)
        yield _quantile(5_000, 10, 0.5, False, program=True)
        yield from _smooth(100_000, 10)
        yield from _stored(500_000, 10)
        return
    yield _quantile(1_000_000, 30, 0.5, False)
    yield _quantile(1_000_000, 30, 0.5, False, norm=True)
    yield _quantile(1_000_000, 30, 0.9, True)
    yield _quantile(10_000, 30, 0.5, False, program=True)
    for p in (1.5, 4.0):
        A, b = rows(1_000_000, 30, True)
        yield Case(
            f"lp_regression(p={p:g}), 1e+06 x 30",
            lambda A=A, b=b, p=p: lp_regression(A, b, p, rng=0),
            accuracy=lambda fit: fit.relative_gap,
            accuracy_name="certified relative gap",
        )
    yield from _smooth(100_000, 10)
    yield from _smooth(1_000_000, 30)
    yield from _stored(10_000_000, 30)
