"""The dense factor and inverse under every likelihood: against LAPACK's, and against a product as the limit."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from scipy.linalg import blas, lapack

from benchmarks.harness import Case
from kriss import _backend
from kriss.gp import RBF


def _matrix(n: int) -> Any:
    X = np.random.default_rng(n).random((n, 8))
    return RBF(0.9)(X) + 0.1 * np.eye(n)


def _product(n: int) -> Callable[[], Any]:
    """As many flops as n**3 / 3, in products of two square matrices: what the machine gives at best."""
    m = round(n / 6 ** (1 / 3))
    a = np.asfortranarray(np.random.default_rng(0).random((m, m)))
    out = np.empty((m, m), order="F")
    return lambda: blas.dgemm(1.0, a, a, 0.0, out, overwrite_c=1)


def _cases(n: int) -> Iterable[Case]:
    K = _matrix(n)
    limit = np.zeros(n)
    run = _backend.kernels("gp")
    work, other = np.empty((n, n)), np.empty((n, n))
    factor = K.copy()
    run.cholesky(factor, limit, 0)
    inverse = np.linalg.inv(K)

    def cholesky() -> Any:
        np.copyto(work, K)
        run.cholesky(work, limit, 0)
        return work

    def potrf() -> Any:
        np.copyto(other, K)
        lapack.dpotrf(other.T, lower=0, clean=0, overwrite_a=1)
        return other

    def invert() -> Any:
        np.copyto(work, factor)
        run.invert(work, 0)
        return work

    def potri() -> Any:
        np.copyto(other, factor)
        lapack.dpotri(other.T, lower=0, overwrite_c=1)
        return other

    def of_factor(result: Any) -> float:
        return float(np.abs(np.tril(result) @ np.tril(result).T - K).max()) if result.shape == K.shape else 0.0

    def of_inverse(result: Any) -> float:
        return float(np.abs(np.tril(result - inverse)).max()) if result.shape == K.shape else 0.0

    for name, ours, theirs, flops, error in (
        ("Cholesky factor", cholesky, ("LAPACK potrf", potrf), n**3 / 3, of_factor),
        ("inverse from the factor", invert, ("LAPACK potri", potri), 2 * n**3 / 3, of_inverse),
    ):
        yield Case(
            name=f"{name}, n={n}",
            ours=ours,
            peers={theirs[0]: theirs[1], "product of n^3/3 flops": _product(n)},
            accuracy=error,
            accuracy_name="largest error of an entry",
            target=1.0 if n == 2000 else None,
            target_peer=theirs[0],
            note=f"{flops / 1e9:.2g} Gflop; a copy in on both sides",
        )


def cases(quick: bool) -> Iterable[Case]:
    """The cases; `quick` keeps the small ones."""
    yield from _cases(300)
    if not quick:
        yield from _cases(1000)
        yield from _cases(2000)
