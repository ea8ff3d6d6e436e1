"""GCROT(m, k): the outer iterations around the compiled cycle of flexible GMRES."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import linalg

from kriss.solve._system import padded_vectors

Array = npt.NDArray[Any]
Pairs = list[tuple[Any, Array]]


@dataclass
class Gcrot:
    """A system and the vectors of the method; `x` is changed in place, `pairs` are (c, u) with ``c = A u``.

    J. E. Hicken, D. W. Zingg, "A simplified and flexible variant of GCROT for solving nonsymmetric linear systems",
    SIAM J. Sci. Comput. 32 (2010), algorithm 3; truncation by E. de Sturler, "Truncation strategies for optimal Krylov
    subspace methods", SIAM J. Numer. Anal. 36 (1999).
    """

    ks: Any
    A: Any
    M: Any
    b: Array
    x: Array
    tol: float
    eps: float
    threads: int = 0
    matvecs: int = 0

    @property
    def wide(self) -> type[Any]:
        """The dtype of coefficients and sums."""
        return np.complex128 if self.b.dtype.kind == "c" else np.float64

    def _pass(self, y: Array, beta: Any, v: list[Array], c: Any, w: list[Array]) -> tuple[Array, float]:
        coefficients = np.ascontiguousarray(c, dtype=self.wide).reshape(len(v))
        out: tuple[Array, float] = self.ks.fused(y, beta, v, coefficients, w, self.threads)
        return out

    def fused(self, y: Array, beta: Any, v: list[Array], c: Any) -> float:
        """``y = beta y + sum c_j v_j``, sixty-four vectors to a pass; returns its norm."""
        square = 0.0
        for at in range(0, max(len(v), 1), 64):
            square = self._pass(y, beta if at == 0 else 1.0, v[at : at + 64], c[at : at + 64], [])[1]
        return math.sqrt(square)

    def products(self, y: Array, w: list[Array]) -> Array:
        """``w_j^H y``."""
        parts = [self._pass(y, 1.0, [], [], w[at : at + 64])[0] for at in range(0, len(w), 64)]
        return np.concatenate(parts) if parts else np.zeros(0, self.wide)

    def residual(self, out: Array) -> float:
        """``out = b - A x``; returns its norm."""
        self.matvecs += 1
        self.A.apply(self.x, out, self.threads)
        return self.fused(out, -1.0, [self.b], [1.0])

    def start(self, r: Array, pairs: Pairs) -> None:
        """Make C of `pairs` orthonormal (c may be None), drop what is dependent, and project the residual off it."""
        if not pairs:
            return
        pairs.sort(key=lambda pair: pair[0] is not None)
        C = np.empty((len(pairs), len(self.b)), self.b.dtype)
        us = []
        for j, (c, u) in enumerate(pairs):
            us.append(u if u.flags.c_contiguous and u.flags.writeable and u.flags.aligned else u.copy())
            if c is None:
                self.matvecs += 1
                self.A.apply(us[j], C[j], self.threads)
            else:
                C[j] = c
        q, triangle, order = linalg.qr(C.T, overwrite_a=True, mode="economic", pivoting=True)
        out: Pairs = []
        for j in range(len(us)):
            pivot = triangle[j, j]
            if not abs(pivot) >= 1e-12 * abs(triangle[0, 0]) or pivot == 0:
                break
            u = us[order[j]]
            self.fused(u, 1.0 / pivot, [v for _, v in out], -triangle[:j, j] / pivot)
            out.append((np.ascontiguousarray(q[:, j]), u))
        pairs[:] = out[::-1]
        y = self.products(r, [c for c, _ in pairs])
        self.fused(self.x, 1.0, [u for _, u in pairs], y)
        self.fused(r, 1.0, [c for c, _ in pairs], -y)

    def run(
        self, r: Array, pairs: Pairs, maxiter: int, m: int, k: int, truncate: str, callback: Any
    ) -> tuple[int, bool]:
        """The outer iterations from the residual r, orthogonal to C.

        Returns how many were begun, 0 if the last of them found the tolerance met, and whether all numbers were finite.
        """
        n = len(self.b)
        steps = m + max(k - len(pairs), 0)
        v = padded_vectors(steps + 1, n, self.A.halo, self.b.dtype)
        z = [] if self.M is None else padded_vectors(steps, n, self.A.halo, self.b.dtype)
        beta = self.fused(r, 1.0, [], [])
        for j in range(maxiter):
            if callback is not None:
                callback(self.x)
            if beta <= self.tol and (j > 0 or pairs):
                beta = self.residual(r)
            if beta <= self.tol:
                return 0, True
            if not math.isfinite(beta):
                return j + 1, False
            steps = m + max(k - len(pairs), 0)
            cs, us = [c for c, _ in pairs], [u for _, u in pairs]
            self.fused(v[0], 0.0, [r], [1.0 / beta])
            h, b = np.zeros((steps, steps + 1), self.wide), np.zeros((steps, len(cs)), self.wide)
            # SciPy stops below its tolerance, the kernel at it.
            inside = math.nextafter(self.tol / beta, -1.0)
            taken, _, breakdown, finite, _, products = self.ks.arnoldi(
                self.A, self.M, False, v[: steps + 1], z[:steps], cs, h, b, 1.0, inside, self.eps, None, self.threads,
                True, True,
            )  # fmt: skip
            self.matvecs += products
            if not finite or taken == 0:
                return j + 1, False
            rows = taken if breakdown else taken + 1
            pair, factor = self._update(r, v[:rows], (z or v)[:taken], us, h[:taken, : taken + 1].T, b[:taken].T, beta)
            if factor is None:
                continue
            beta, triangle = factor
            if truncate == "oldest":
                while len(pairs) >= k:
                    del pairs[0]
            elif len(pairs) >= k:
                pairs[:] = self._smallest(pairs, k, linalg.solve(triangle.T, b[:taken]).T)
            pairs.append(pair)
        return maxiter, True

    def _update(
        self, r: Array, v: list[Array], z: list[Array], us: list[Array], H: Array, B: Array, beta: float
    ) -> tuple[tuple[Array, Array], tuple[float, Array] | None]:
        """The new pair; x and r follow. The norm of r and the triangle of H, or None if there is nothing to add."""
        Q, R = linalg.qr(H)
        triangle = R[: len(z)]
        # The triangle may be singular after a breakdown: the solution of least norm, as SciPy has it.
        y = linalg.lstsq(triangle, beta * Q[0, : len(z)].conj())[0]
        hy = H @ y
        alpha = 1.0 / np.linalg.norm(hy)
        c, u = np.empty_like(r), np.empty_like(r)
        if not np.isfinite(alpha):
            return (c, u), None
        self.fused(c, 0.0, v, alpha * hy[: len(v)])
        self.fused(u, 0.0, [*z, *us], alpha * np.concatenate([y, -(B @ y)]))
        gamma = self.products(r, [c])[0]
        self.fused(self.x, 1.0, [u], [gamma])
        return (c, u), (self.fused(r, 1.0, [c], [-gamma]), triangle)

    def _smallest(self, pairs: Pairs, k: int, D: Array) -> Pairs:
        """The k - 1 combinations of the pairs that the inner iterations leaned on most."""
        out: Pairs = []
        for w in linalg.svd(D)[0][:, : k - 1].T:
            c, u = np.empty_like(self.b), np.empty_like(self.b)
            self.fused(c, 0.0, [p for p, _ in pairs], w)
            self.fused(u, 0.0, [q for _, q in pairs], w)
            y = self.products(c, [p for p, _ in out])
            alpha = 1.0 / self.fused(c, 1.0, [p for p, _ in out], -y)
            self.fused(u, alpha, [q for _, q in out], -alpha * y)
            self.fused(c, alpha, [], [])
            out.append((c, u))
        return out
