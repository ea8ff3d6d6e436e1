"""Peers written for the comparison: the published algebra of each method in NumPy and SciPy, none of our kernels."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import scipy.linalg

ROOT5 = math.sqrt(5.0)


class PublishedEpoch:
    """One epoch of GP-HM on a plane (Fang et al., arXiv 2311.04465): value and gradient of the log joint density.

    As published: matrices of all pairs of coordinates, one band after the other, general solves, one log-determinant
    per axis; the gradient in reverse, written out by hand.
    """

    def __init__(self, x: Any, source: Any, boundary: Any, weight: float, jitter: float) -> None:
        self.gap = np.subtract.outer(x, x)
        self.source, self.weight, self.jitter = source, weight, jitter
        self.boundary = boundary
        self.edge = np.zeros(source.shape, bool)
        self.edge[[0, -1]] = True
        self.edge[:, [0, -1]] = True

    def _matrices(self, bands: Any) -> tuple[Any, Any, list[Any]]:
        """K and K'' of (3, Q) log weights, log rates and frequencies; per band what the gradient needs again."""
        d, far = self.gap, np.abs(self.gap)
        K, K2, kept = np.zeros_like(d), np.zeros_like(d), []
        for log_w, log_r, mu in bands.T:
            w, r, om = math.exp(log_w), math.exp(log_r), 2.0 * math.pi * mu
            a = ROOT5 * r * far
            e = np.exp(-a)
            g, g1 = (1.0 + a + a * a / 3.0) * e, -5.0 / 3.0 * r * r * d * (1.0 + a) * e
            g2 = -5.0 / 3.0 * r * r * (1.0 + a - a * a) * e
            c, s = np.cos(om * d), np.sin(om * d)
            k, k2 = g * c, g2 * c - 2.0 * om * g1 * s - om * om * g * c
            K += w * k
            K2 += w * k2
            kept.append((w, r, om, a, e, g, g1, g2, c, s, k, k2))
        K[np.diag_indices(len(K))] += self.jitter
        return K, K2, kept

    def _slopes(self, of_k: Any, of_k2: Any, kept: list[Any]) -> Any:
        d, out = self.gap, np.zeros((3, len(kept)))
        for q, (w, r, om, a, e, g, g1, g2, c, s, k, k2) in enumerate(kept):
            # Derivatives of the envelope and of its derivatives in log r.
            h = -(a * a) / 3.0 * (1.0 + a) * e
            h1 = g1 * 2.0 + 5.0 / 3.0 * r * r * d * a * a * e
            h2 = 2.0 * g2 + 5.0 / 3.0 * r * r * a * a * (3.0 - a) * e
            out[0, q] = w * np.sum(of_k * k + of_k2 * k2)
            out[1, q] = w * np.sum(of_k * (h * c) + of_k2 * (h2 * c - 2.0 * om * h1 * s - om * om * h * c))
            turn = -d * g2 * s - 2.0 * g1 * (s + om * d * c) - om * g * (2.0 * c - om * d * s)
            out[2, q] = 2.0 * math.pi * w * np.sum(of_k * (-d * g * s) + of_k2 * turn)
        return out

    def __call__(self, U: Any, bands: tuple[Any, Any], log_tau: float, log_v: float) -> tuple[float, Any]:
        n = len(U)
        K1, D1, kept1 = self._matrices(bands[0])
        K2, D2, kept2 = self._matrices(bands[1])
        a1, a2 = np.linalg.solve(K1, U), np.linalg.solve(K2, U.T).T
        residual = D1 @ a1 + a2 @ D2.T - self.source
        off = np.where(self.edge, U - self.boundary, 0.0)
        tau, v, count = math.exp(log_tau), math.exp(log_v), int(self.edge.sum())
        value = -0.5 * n * (np.linalg.slogdet(K1)[1] + np.linalg.slogdet(K2)[1]) - 0.5 * np.sum(a1 * a2)
        value += self.weight * 0.5 * (count * log_tau - tau * np.sum(off * off))
        value += 0.5 * (U.size * log_v - v * np.sum(residual * residual))
        # Reverse: through the two quadratic forms, the two images, the two solves.
        back1 = np.linalg.solve(K1.T, -0.5 * a2 - v * (D1.T @ residual))
        back2 = np.linalg.solve(K2.T, (-0.5 * a1 - v * (residual @ D2)).T).T
        of_u = back1 + back2 - self.weight * tau * off
        of_1 = -back1 @ a1.T - 0.5 * n * np.linalg.inv(K1).T
        of_2 = -back2.T @ a2 - 0.5 * n * np.linalg.inv(K2).T
        slopes = [
            self._slopes(of_1, -v * residual @ a1.T, kept1),
            self._slopes(of_2, -v * residual.T @ a2, kept2),
        ]
        tails = [
            self.weight * 0.5 * (count - tau * np.sum(off * off)),
            0.5 * (U.size - v * np.sum(residual * residual)),
        ]
        return -value, -np.concatenate([of_u.ravel(), slopes[0].ravel(), slopes[1].ravel(), tails])


def dense_cox(kernel: Any, events: Any, nodes: Any, omega: Any, rate: float, at: Any) -> tuple[Any, Any]:
    """Mode and Laplace covariance at `at` of a log-Gaussian Cox process over events and nodes, nothing approximated.

    Newton's method with B = I + W^1/2 K W^1/2: C. E. Rasmussen, C. K. I. Williams, "Gaussian Processes for Machine
    Learning", 2006, algorithm 3.1. W is 0 at the events of this link, so that B is as large as the nodes are many.
    """
    z, n = np.concatenate([events, nodes]), len(events)
    K = kernel(z)
    a = np.zeros(len(z))
    for _ in range(100):
        g = K @ a
        lam = omega * rate * np.exp(g[n:])
        root = np.sqrt(lam)
        slope = np.concatenate([np.ones(n), -lam])
        b = slope.copy()
        b[n:] += lam * g[n:]
        B = K[n:, n:] * np.multiply.outer(root, root)
        B[np.diag_indices(len(B))] += 1.0
        L = scipy.linalg.cholesky(B, lower=True)
        fresh = b.copy()
        fresh[n:] -= root * scipy.linalg.cho_solve((L, True), root * (K[n:] @ b))
        step = fresh - a
        length = 1.0
        while np.max(np.abs(length * (K @ step))) > 2.0:
            length *= 0.5
        a = a + length * step
        if length == 1.0 and np.max(np.abs(K @ step)) < 1e-12:
            break
    cross = kernel(at, z)
    half = scipy.linalg.solve_triangular(L, root[:, None] * cross[:, n:].T, lower=True)
    return cross @ a, kernel(at) - half.T @ half


def probconserv(prior: Any, y: Any, tau: float, seen: Any, grid: Any, G: Any, b: Any) -> Any:
    """The published update of a mean by constraints: both covariance matrices over the grid are formed.

    D. Hansen et al., arXiv 2302.11002, equations (7) to (9), with a Gaussian process for its first step.
    """
    K = prior(seen)
    K[np.diag_indices(len(K))] += tau
    factor = scipy.linalg.cho_factor(K, lower=True)
    cross = prior(grid, seen)
    mean = cross @ scipy.linalg.cho_solve(factor, y)
    sigma = prior(grid) - cross @ scipy.linalg.cho_solve(factor, cross.T)
    M = G @ sigma @ G.T
    return mean - sigma @ G.T @ np.linalg.solve(M, G @ mean - b)


class MatrixKernel:
    """A Matern 3/2 or squared exponential covariance in NumPy."""

    def __init__(self, lengthscale: Any, variance: float, smooth: bool) -> None:
        self.lengthscale, self.variance, self.smooth = np.asarray(lengthscale, float), variance, smooth

    def __call__(self, x: Any, z: Any = None) -> Any:
        """The matrix."""
        from scipy.spatial.distance import cdist

        x = x / self.lengthscale
        z = x if z is None else z / self.lengthscale
        if self.smooth:
            return self.variance * np.exp(-0.5 * cdist(x, z, "sqeuclidean"))
        a = math.sqrt(3.0) * cdist(x, z)
        return self.variance * (1.0 + a) * np.exp(-a)
