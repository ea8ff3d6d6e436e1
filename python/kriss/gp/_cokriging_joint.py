"""The joint form of co-kriging: the covariance matrix of the observations of all levels.

M. C. Kennedy, A. O'Hagan, "Predicting the output from a complex computer code when fast approximations are available",
Biometrika 87 (2000), equations (1) to (4).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from kriss.gp._answers import LOG_2PI
from kriss.gp._factor import CovarianceFactor
from kriss.gp._kernels import Kernel
from kriss.gp._python_kernel import PythonKernel
from kriss.gp._structure import factor

Array = npt.NDArray[Any]


class JointKernel:
    """The covariance of all levels, of points with the level as their last coordinate; scikit-learn's interface."""

    def __init__(self, kernels: Sequence[Kernel], rho: Array, white: Sequence[float]) -> None:
        self.kernels, self.rho, self.white = tuple(kernels), rho, tuple(white)
        self.theta = np.concatenate([*(k.theta for k in kernels), rho])

    def clone_with_theta(self, theta: Array) -> JointKernel:
        """Other parameters: those of the kernels, then rho."""
        sizes = np.cumsum([k.theta.size for k in self.kernels])
        own = np.split(theta, sizes)
        kernels = [k.with_theta(v) for k, v in zip(self.kernels, own[:-1], strict=True)]
        return JointKernel(kernels, own[-1], self.white)

    def shares(self, levels: Array) -> Array:
        """(n, T): how much of each level's process is in an observation, the product of rho above it."""
        return shares(self.rho, levels)

    def part(self, r: int, x: Array, z: Array | None = None) -> Array:
        """The covariance of process r at points without their level; equal points share its white part."""
        out = self.kernels[r](x, z)
        _, code = np.unique(x if z is None else np.concatenate([x, z]), axis=0, return_inverse=True)
        code = code.ravel()
        left, right = code[: len(x)], code if z is None else code[len(x) :]
        out[np.equal.outer(left, right)] += self.white[r]
        return out

    def __call__(self, X: Array, Z: Array | None = None) -> Array:
        a = self.shares(X[:, -1])
        b = a if Z is None else self.shares(Z[:, -1])
        z = None if Z is None else Z[:, :-1]
        out = np.zeros((len(a), len(b)))
        for r in range(len(self.kernels)):
            out += self.part(r, X[:, :-1], z) * np.multiply.outer(a[:, r], b[:, r])
        return out

    def diag(self, X: Array) -> Array:
        """k(x, x)."""
        a = self.shares(X[:, -1])
        own = [np.asarray(k.diag(X[:, :-1])) + w for k, w in zip(self.kernels, self.white, strict=True)]
        return np.asarray(sum(v * a[:, r] ** 2 for r, v in enumerate(own)))


def shares(rho: Array, levels: Array, skip: int = -1) -> Array:
    """(n, T): products of rho from each level up to an observation's; with `skip`, their derivative in that rho."""
    count = rho.size + 1
    table = np.zeros((count, count))
    for t in range(count):
        for r in range(t + 1):
            if skip < 0:
                table[t, r] = math.prod(rho[r:t])
            elif r <= skip < t:
                table[t, r] = math.prod(v for i, v in enumerate(rho[r:t], r) if i != skip)
    return table[levels.astype(np.int64)]


class Joint(NamedTuple):
    """The factor of all observations and what follows from it."""

    kernel: JointKernel
    factor: CovarianceFactor
    points: Array
    alpha: Array
    basis: Array  # H
    solved: Array  # K^-1 H
    information: Array  # H'K^-1 H
    trend: Array
    value: float


def stack(designs: Sequence[Array]) -> Array:
    """All points, with their level as a last coordinate."""
    return np.concatenate([np.column_stack([x, np.full(len(x), float(t))]) for t, x in enumerate(designs)])


def joint(
    kernels: Sequence[Kernel],
    designs: Sequence[Array],
    values: Sequence[Array],
    rho: Array,
    trend: bool,
    white: Sequence[float],
    workers: int | None,
) -> Joint:
    """Everything at given parameters."""
    own = JointKernel(kernels, rho, white)
    x, z = stack(designs), np.concatenate(values)
    f = factor(PythonKernel(own), x, structure="dense", workers=workers)
    H = own.shares(x[:, -1]) if trend else np.zeros((z.size, 0))
    solved = f.solve(H) if trend else H
    information = H.T @ solved
    beta = np.linalg.solve(information, solved.T @ z) if trend else np.zeros(0)
    left = z - H @ beta
    alpha = f.solve(left)
    value = -0.5 * (float(left @ alpha) + f.logdet() + z.size * LOG_2PI)
    full = beta if trend else np.zeros(len(designs))
    return Joint(own, f, x, alpha, H, solved, information, full, value)


def fit_joint(
    kernels: Sequence[Kernel],
    designs: Sequence[Array],
    values: Sequence[Array],
    rho: Array,
    free: bool,
    trend: bool,
    white: Sequence[float],
    search: Any,
    workers: int | None,
) -> tuple[list[Kernel], Array]:
    """Kernels and rho by maximum likelihood: (sum n_t)**3 flops per evaluation."""
    first = JointKernel(kernels, rho, white)
    x = stack(designs)
    X, levels = x[:, :-1], x[:, -1]

    def objective(theta: Array) -> tuple[float, Array]:
        at = first.clone_with_theta(theta)
        j = joint(at.kernels, designs, values, at.rho, trend, white, workers)
        W = 0.5 * (np.multiply.outer(j.alpha, j.alpha) - j.factor.solve(np.eye(len(x))))
        a = at.shares(levels)
        parts = [k.contract(X, W * np.multiply.outer(a[:, r], a[:, r])) for r, k in enumerate(at.kernels)]
        matrices = [at.part(r, X) for r in range(len(at.kernels))]
        slopes = []
        for i in range(at.rho.size):
            b = shares(at.rho, levels, skip=i)
            slope = sum(2.0 * float(b[:, r] @ ((W * m) @ a[:, r])) for r, m in enumerate(matrices))
            slopes.append(slope + (float(j.alpha @ (b @ j.trend)) if trend else 0.0))
        return -j.value, -np.concatenate([*parts, slopes])

    # rho of either sign, within a range that no pair of codes leaves.
    box = np.tile([-1e3, 1e3], (rho.size, 1)) if free else np.stack([rho, rho], axis=1)
    bounds = np.concatenate([*(k.bounds for k in kernels), box])
    found = first.clone_with_theta(search.best(objective, first.theta, bounds))
    return list(found.kernels), np.array(found.rho)


def predict(c: Any, xs: Array, level: int, deviation: bool) -> tuple[Array, Array | None]:
    """Mean and, if wanted, variance of a level."""
    j = c._parts
    z = np.column_stack([xs + 0.0, np.full(len(xs), float(level))])
    rows = j.kernel(z, j.points)
    basis = j.kernel.shares(z[:, -1]) if j.basis.shape[1] else np.zeros((len(xs), 0))
    mean = rows @ j.alpha
    if basis.size:
        mean = mean + basis @ j.trend
    if not deviation:
        return mean, None
    half = rows.copy()
    j.factor._half(half)
    variance = j.kernel.diag(z) - np.einsum("ij,ij->i", half, half)
    if basis.size:
        left = basis - rows @ j.solved
        variance += np.einsum("ij,ji->i", left, np.linalg.solve(j.information, left.T))
    return mean, variance
