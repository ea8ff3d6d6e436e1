"""Dense sketches, random features and SciPy's CountSketch, each against what one would use instead.

The accuracy column of the random features is the root-mean-square error of the kernel matrix that they stand for, of
400 points; that of the cases on coefficients is the 0.9 quantile over draws of ``max |x - x*| sqrt(n) / (norm(r)
norm(pinv(A)))``, the figure that the theorem of Song, Ye, Yin and Zhang bounds, with infinity for a singular sketch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import scipy.fft
import scipy.linalg as sla
from sklearn.kernel_approximation import RBFSampler

import kriss.scipy.linalg
from benchmarks.harness import Case
from kriss.sketch import SRHT, CountSketch, Gaussian, RandomFeatures, SparseSign, TensorSRHT, fwht, linf_lstsq


def _plain_fwht(x: np.ndarray) -> np.ndarray:
    """The loop over the levels in NumPy."""
    y = x.copy()
    h = len(y) // 2
    while h:
        z = y.reshape(-1, 2, h, y.shape[1])
        y = np.stack([z[:, 0] + z[:, 1], z[:, 0] - z[:, 1]], axis=1).reshape(y.shape)
        h //= 2
    return y


def _features(m: int, n: int, features: int, dtype: type, target: float | None) -> Case:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((m, n)).astype(dtype)
    scale = float(np.sqrt(n))
    sampler = RBFSampler(gamma=0.5 / scale**2, n_components=features, random_state=0).fit(X)
    ours = RandomFeatures(features, lengthscale=scale, rng=0)
    few = X[:400].astype(float) / scale
    square = (few**2).sum(axis=1)
    exact = np.exp(few @ few.T - 0.5 * (square[:, None] + square))

    def error(Z: Any) -> float:
        return float(np.sqrt(np.mean((np.asarray(Z)[:400].astype(float) @ np.asarray(Z)[:400].T - exact) ** 2)))

    return Case(
        f"random features, {m} x {n}, {features} features, {np.dtype(dtype).name}",
        lambda: ours.transform(X),
        {"sklearn RBFSampler.transform": lambda: sampler.transform(X)},
        accuracy=error,
        accuracy_name="rms error of the kernel",
        target=target,
        note="kernel RBF; transform only, fitted before",
        traffic=float(X.itemsize) * m * (n + features),
    )


def _transform(log: int, columns: int) -> Case:
    x = np.random.default_rng(1).standard_normal((2**log, columns))
    return Case(
        f"fwht, 2^{log} x {columns}, first axis",
        lambda: fwht(x, check_finite=False),
        {
            "NumPy, level by level": lambda: _plain_fwht(x),
            "scipy.fft.dct (type 2), 2 workers": lambda: scipy.fft.dct(x, axis=0, workers=2),
        },
        note="the cosine transform is what a subsampled cosine transform would spend instead",
        traffic=16.0 * x.size * (2 + max(0, -(-(log - 12) // 3))),
    )


def _sketches(m: int, n: int, d: int) -> Iterable[Case]:
    A = np.random.default_rng(2).standard_normal((m, n))
    for name, S in (("SRHT", SRHT(d, rng=0)), ("CountSketch", CountSketch(d, rng=0))):
        yield Case(
            f"{name}, {m} x {n}, {d} rows",
            lambda S=S: S.apply(A),
            {
                "SparseSign, 8 entries": lambda: SparseSign(d, rng=0).apply(A),
                "scipy clarkson_woodruff_transform": lambda: sla.clarkson_woodruff_transform(A, d, rng=0),
            },
            traffic=8.0 * m * n,
        )
    few = A[: m // 20]
    S = Gaussian(d, rng=0)
    rng = np.random.default_rng(0)
    yield Case(
        f"Gaussian, {len(few)} x {n}, {d} rows",
        lambda: S.apply(few),
        {"NumPy normals and a product": lambda: rng.standard_normal((d, len(few))) @ few},
        note="S is never stored here",
    )


def _mirror(m: int, n: int, d: int, order: str) -> Case:
    A = np.asarray(np.random.default_rng(3).standard_normal((m, n)), order=order)
    return Case(
        f"kriss.scipy.linalg.clarkson_woodruff_transform, {m} x {n}, {order} order, {d} rows",
        lambda: kriss.scipy.linalg.clarkson_woodruff_transform(A, d, rng=0),
        {"scipy": lambda: sla.clarkson_woodruff_transform(A, d, rng=0)},
        accuracy=lambda r: float(abs(np.asarray(r) - sla.clarkson_woodruff_transform(A, d, rng=0)).max()),
        accuracy_name="difference from SciPy",
        traffic=8.0 * m * n,
    )


def _kronecker(m1: int, m2: int, n1: int, n2: int, d: int) -> Case:
    rng = np.random.default_rng(4)
    A1, A2 = rng.standard_normal((m1, n1)), rng.standard_normal((m2, n2))
    S, T = TensorSRHT(d, m1, m2, rng=0), SparseSign(d, rng=0)
    return Case(
        f"TensorSRHT, ({m1} x {n1}) x ({m2} x {n2}), {d} rows",
        lambda: S.apply(A1, A2),
        {"np.kron, then SparseSign": lambda: T.apply(np.kron(A1, A2))},
    )


def _coefficients(n: int, m: int, draws: int) -> Case:
    """[I; 0] with its residual on one row, sketched to 12 n rows."""
    A = np.zeros((m, n))
    A[:n] = np.eye(n)
    b = A @ np.random.default_rng(5).standard_normal(n)
    b[m // 2] += 1.0
    x = np.linalg.lstsq(A, b, rcond=None)[0]
    d = 12 * n

    def solved(S: Any) -> np.ndarray:
        SA = S.apply(A)
        if np.linalg.matrix_rank(SA) < n:
            return np.full(n, np.inf)
        return np.asarray(np.linalg.lstsq(SA, S.apply(b), rcond=None)[0])

    def several(solve: Callable[[int], np.ndarray]) -> list[np.ndarray]:
        return [solve(seed) for seed in range(draws)]

    return Case(
        f"coefficients from one sketch, n = {n}, coherent rows",
        lambda: several(lambda seed: linf_lstsq(A, b, sketch_size=d, rng=seed).x),
        {
            "linf_lstsq, Gaussian": lambda: several(
                lambda seed: linf_lstsq(A, b, sketch_size=d, kind="gaussian", rng=seed).x
            ),
            "sketch and solve, SparseSign, 8 entries": lambda: several(lambda seed: solved(SparseSign(d, rng=seed))),
            "sketch and solve, SparseSign, 4 entries": lambda: several(lambda seed: solved(SparseSign(d, 4, rng=seed))),
            "sketch and solve, CountSketch": lambda: several(lambda seed: solved(CountSketch(d, rng=seed))),
        },
        accuracy=lambda r: float(np.quantile([abs(y - x).max() * np.sqrt(n) for y in r], 0.9, method="higher")),
        accuracy_name="0.9 quantile of the error over norm(r) norm(pinv(A)) / sqrt(n)",
        note=f"{draws} draws a call; error bars and the true residual are part of ours",
    )


def cases(quick: bool) -> Iterable[Case]:
    """Yield the cases one by one."""
    if quick:
        yield _features(500, 1024, 1024, np.float64, None)
        yield _transform(12, 16)
        yield from _sketches(20_000, 20, 200)
        yield _mirror(20_000, 20, 200, "C")
        yield _kronecker(200, 100, 4, 5, 400)
        yield _coefficients(16, 1024, 10)
        return
    yield _features(2000, 4096, 4096, np.float64, 3.0)
    yield _features(2000, 4096, 4096, np.float32, 3.0)
    yield _features(20_000, 50, 2048, np.float64, None)
    yield _transform(12, 100)
    yield _transform(22, 1)
    yield _transform(20, 16)
    yield from _sketches(400_000, 100, 1200)
    yield _mirror(400_000, 100, 500, "C")
    yield _mirror(400_000, 100, 500, "F")
    yield _mirror(20_000, 10, 100, "C")
    yield _kronecker(2000, 1000, 5, 6, 1200)
    for n in (16, 64, 256):
        yield _coefficients(n, 4096, 40 if n < 256 else 20)
