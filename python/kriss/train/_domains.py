"""Domains with solid cells, and the data that networks of search directions are trained on."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import scipy.linalg as sl
import scipy.sparse as sps

from kriss.testing import masked_poisson
from kriss.testing._masked import open_cells

Array = npt.NDArray[Any]

LEAST = 0.3  # of the cells are fluid
LOW, EMPHASIS = 0.55, 9.0  # of the Ritz vectors, from the smooth end, count nine times


def domain(shape: tuple[int, ...], rng: np.random.Generator) -> tuple[Array, str]:
    """(mask, kind of walls): nothing, or up to four balls and boxes, all reached from outside."""
    walls = "neumann" if rng.random() < 0.6 else "dirichlet"
    mask = np.ones(shape, bool)
    if rng.random() < 0.2:
        return mask, walls
    side = max(shape)
    at = [(np.arange(n) + 0.5) / side for n in shape]
    grid = np.meshgrid(*at, indexing="ij")
    ends = np.array(shape) / side
    for _ in range(rng.integers(1, 5)):
        centre = rng.random(len(shape)) * ends
        if rng.random() < 0.5:
            radius = rng.uniform(0.04, 0.2)
            mask &= sum((x - c) ** 2 for x, c in zip(grid, centre, strict=True)) > radius**2
        else:
            half = rng.uniform(0.02, 0.25, len(shape))
            inside = [np.abs(x - c) < h for x, c, h in zip(grid, centre, half, strict=True)]
            mask &= ~np.logical_and.reduce(inside)
    mask = open_cells(mask)
    return (mask, walls) if mask.mean() >= LEAST else (np.ones(shape, bool), walls)


class Domain(NamedTuple):
    """A domain, its matrix, and Ritz vectors with the smooth ones first."""

    mask: Array
    A: sps.csr_array
    ritz: Array  # (m, n) float32


def prepared(mask: Array, walls: str, vectors: int, rng: np.random.Generator) -> Domain:
    """The domain with the Ritz vectors of one Lanczos run."""
    A = masked_poisson(mask, walls=walls)
    return Domain(mask, A, ritz_vectors(A, vectors, rng))


def ritz_vectors(A: sps.csr_array, count: int, rng: np.random.Generator) -> Array:
    """(m, n): Ritz vectors, eigenvalues rising, of a Lanczos run with `count` steps, reorthogonalised twice."""
    n = A.shape[0]
    V = np.zeros((min(count, n), n))
    q = rng.standard_normal(n)
    q /= np.linalg.norm(q)
    alpha, beta = [], []
    for k in range(len(V)):
        V[k] = q
        w = A @ q
        alpha.append(float(q @ w))
        for _ in range(2):
            w -= (V[: k + 1] @ w) @ V[: k + 1]
        size = float(np.linalg.norm(w))
        if size < 1e-10 * abs(alpha[0]):
            break
        beta.append(size)
        q = w / size
    m = len(alpha)
    _, Y = sl.eigh_tridiagonal(np.array(alpha), np.array(beta[: m - 1]))
    out: Array = (Y.T @ V[:m]).astype(np.float32)
    return out


def combinations(ritz: Array, count: int, rng: np.random.Generator) -> Array:
    """(count, n): unit vectors, normally distributed combinations with the smooth end emphasised."""
    c = rng.standard_normal((count, len(ritz))).astype(np.float32)
    c[:, : int(LOW * len(ritz))] *= EMPHASIS
    b: Array = c @ ritz
    b /= np.linalg.norm(b, axis=1, keepdims=True)
    return b


def octaves(mask: Array, count: int, rng: np.random.Generator) -> Array:
    """(count, n): unit vectors, sums of noise of every scale with equal weights."""
    cells = int(mask.sum())
    out = np.zeros((count, cells))
    scale = 1
    while scale <= max(mask.shape):
        noise = rng.standard_normal((count, *(-(-n // scale) for n in mask.shape)))
        for axis in range(mask.ndim):
            noise = noise.repeat(scale, axis + 1)
        part = noise[(slice(None), *(slice(n) for n in mask.shape))][:, mask]
        out += part / np.linalg.norm(part, axis=1, keepdims=True)
        scale *= 2
    scaled: Array = (out / np.linalg.norm(out, axis=1, keepdims=True)).astype(np.float32)
    return scaled
