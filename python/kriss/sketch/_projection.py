"""Symmetric linear systems by random block projections that remember: the inner solver of `minimize_constrained`."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import scipy.linalg as sla

Array = npt.NDArray[np.float64]


def most_blocks(n: int, block: int) -> int:
    """Most blocks of one call."""
    return 6 * -(-n // block) + 2


class Inner(NamedTuple):
    """What a solve came to."""

    z: Array
    residual: float
    products: int  # of K with a vector
    blocks: int


class Projection:
    """K z = b for a symmetric K, improved until whoever asked is content.

    Each block draws a Gaussian N x s matrix S and projects the error e onto the complement of range(K S): that needs
    (K S)'e = S'r only. Earlier ranges are kept orthonormal and taken out of K S, so that the error never grows back in
    them: N/s blocks solve the system up to rounding errors, fewer where a low accuracy is asked for. Then the memory is
    dropped and the next blocks refine. Work per block: s products with K and 4 N s k flops, k the columns remembered.
    """

    def __init__(self, k: Array, b: Array, block: int, rng: np.random.Generator) -> None:
        self.k, self.b, self.block, self.rng = k, b, max(1, min(block, len(b))), rng
        self.z = np.zeros(len(b))
        self.r = b.copy()
        self.memory = np.empty((len(b), 0))
        self.products = self.blocks = 0

    def solve(self, target: float) -> bool:
        """Go on until norm(b - K z) ≤ target; False if rounding errors or the limit of work end it before."""
        n = len(self.b)
        size = float(np.linalg.norm(self.r))
        for _ in range(most_blocks(n, self.block)):
            if size <= target:
                return True
            if self.memory.shape[1] >= n:
                self.memory = np.empty((n, 0))
            s = self.rng.standard_normal((n, min(self.block, n - self.memory.shape[1])))
            w = self.k @ s
            self.products += s.shape[1]
            for _ in range(2):
                w = w - self.memory @ (self.memory.T @ w)
            q, r = np.linalg.qr(w)
            diagonal = np.abs(np.diagonal(r))
            if not diagonal.min() > 1e-14 * diagonal.max():
                self.memory = np.empty((n, 0))
                if not diagonal.max() > 0:
                    return False
                q, r = np.linalg.qr(self.k @ s)
                self.products += s.shape[1]
                if not np.abs(np.diagonal(r)).min() > 1e-15 * np.abs(np.diagonal(r)).max():
                    return False
            # Q'e = R⁻ᵀ S'r, as (K S)'e = S'r and Q is orthogonal to what was remembered, where e has nothing left.
            step = q @ sla.solve_triangular(r, s.T @ self.r, trans="T", check_finite=False)
            if not np.isfinite(step).all():
                return False
            self.z = self.z + step
            self.memory = np.hstack([self.memory, q])
            self.r = self.b - self.k @ self.z
            self.products += 1
            self.blocks += 1
            size = float(np.linalg.norm(self.r))
        return size <= target


class Direct:
    """The same by one factorisation."""

    def __init__(self, k: Array, b: Array) -> None:
        self.k, self.b = k, b
        self.products = self.blocks = 0
        (sysv,) = sla.get_lapack_funcs(("sysv",), (k, b))
        z, info = sysv(k, b)[2:]
        self.z = np.asarray(z) if info == 0 and np.isfinite(z).all() else np.zeros(len(b))
        self.r = b - k @ self.z

    def solve(self, target: float) -> bool:
        """Whether it is good enough."""
        return float(np.linalg.norm(self.r)) <= target


class Minres:
    """The same by MINRES, which goes on from where it was."""

    def __init__(self, k: Array, b: Array) -> None:
        self.k, self.b = k, b
        self.z, self.r = np.zeros(len(b)), b.copy()
        self.products = self.blocks = 0

    def solve(self, target: float) -> bool:
        """Go on until norm(b - K z) ≤ target."""
        from kriss.solve import minres

        for _ in range(3):
            size = float(np.linalg.norm(self.r))
            if size <= target:
                return True
            done = minres(self.k, self.r, rtol=0.5 * target / size, maxiter=5 * len(self.b))
            self.products += done.iterations + 1
            self.blocks += 1
            if not np.isfinite(done.x).all():
                return False
            self.z = self.z + done.x
            self.r = self.b - self.k @ self.z
        return float(np.linalg.norm(self.r)) <= target
