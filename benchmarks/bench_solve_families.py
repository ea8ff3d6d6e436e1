"""Interpolated families against assembling anew; preconditioners near |A|^-1 for MINRES."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import scipy.linalg as sl
import scipy.sparse as sp

from benchmarks.harness import Case
from kriss.gp import RBF, Matern
from kriss.solve import AbsoluteInverse, InterpolatedFamily, fit_absolute, gcrodr, minres
from kriss.testing import diffusion2d

SCALE = 0.417  # lengthscale of the evaluations


def _others(value: float) -> Iterator[float]:
    """Values near one, a new one each time: what an evaluation leaves behind does not help the next."""
    return (value + 1e-9 * k for k in itertools.count())


def _kernel(quick: bool) -> Iterable[Case]:
    n, noise = (400 if quick else 2000), 1e-2
    X = np.random.default_rng(0).random((n, 2))
    y = np.sin(6 * X[:, 0]) + 0.1 * np.random.default_rng(1).standard_normal(n)
    for name, make, nu, low, high in (("RBF", RBF, 0.0, 0.2, 1.0), ("Matern 1.7", Matern, 1.7, 0.2, 1.0)):

        def kernel(scale: float, make: Any = make, nu: float = nu) -> Any:
            return make(lengthscale=scale, nu=nu) if nu else make(lengthscale=scale)

        def assemble(scale: float, kernel: Any = kernel) -> np.ndarray:
            A = np.asarray(kernel(scale)(X))
            A[np.diag_indices(n)] += noise
            return A

        def entries(scale: float, where: np.ndarray, kernel: Any = kernel, nu: float = nu) -> np.ndarray:
            i, j = np.divmod(where, n)
            square = ((X[i] - X[j]) ** 2).sum(axis=1)
            if nu:
                value = np.asarray(kernel(scale)(np.zeros((1, 1)), np.sqrt(square)[:, None]))[0]
            else:
                value = np.exp(square * (-0.5 / scale**2))
            return value + noise * (i == j)

        family = InterpolatedFamily(assemble, np.geomspace(low, high, 150), entries=entries, b=y, powers=8)
        exact, at = assemble(SCALE), _others(SCALE)
        truth = sl.solve(exact, y, assume_a="pos")
        family.solve(SCALE), family.logdet(SCALE)
        found = family.solve(SCALE)
        error = float(np.linalg.norm(found.x - truth) / np.linalg.norm(truth))
        note = (
            f"{family.assemblies} assemblies; error of an entry {np.abs(family.matrix(SCALE) - exact).max():.1e}; of "
            f"the solution {error:.1e}, its residual {found.residual:.1e} (noise {noise})."
        )
        yield Case(
            f"{name} covariance {n}x{n} over the lengthscale: solution, residual and log-determinant at one value",
            lambda family=family, at=at: (family.solve(scale := next(at)), family.logdet(scale)),
            {
                "the assembly alone": lambda assemble=assemble: assemble(SCALE),
                "assembly and Cholesky": lambda assemble=assemble: sl.cho_factor(assemble(SCALE), overwrite_a=True),
            },
            target=50.0,
            target_peer="the assembly alone",
            note=note,
        )
        yield Case(
            f"{name} covariance {n}x{n}: the coefficients at one value",
            lambda family=family, at=at: family.coefficients(next(at)),
            {"the assembly alone": lambda assemble=assemble: assemble(SCALE)},
            target=50.0,
            note=note,
        )
        yield Case(
            f"{name} covariance {n}x{n}: the matrix itself",
            lambda family=family, at=at: family.matrix(next(at)),
            {"the assembly alone": lambda assemble=assemble: assemble(SCALE)},
            traffic=8.0 * (len(family.nodes) + 1) * n * n,
            note=f"Reads {len(family.nodes)} matrices: what combines them cannot be much faster than assembling.",
        )


class Stiffness:
    """Bilinear elements on a square grid, conductivity 1 + exp(-|x - c|^2 / mu^2), four Gauss points, lumped mass."""

    def __init__(self, size: int) -> None:
        h = 1.0 / size
        self.mass = h * h / 4 * np.eye(4)
        g = 0.5 + np.array([-0.5, 0.5]) / math.sqrt(3)
        local = []
        for v in g:
            for u in g:
                gradient = np.array([[v - 1, 1 - v, -v, v], [u - 1, -u, 1 - u, u]])
                local.append(gradient.T @ gradient / 4)
        self.local = np.stack(local)  # (4, 4, 4)
        i, j = (k.ravel() for k in np.meshgrid(np.arange(size), np.arange(size), indexing="ij"))
        at = i * (size + 1) + j
        nodes = np.stack([at, at + 1, at + size + 1, at + size + 2], axis=1)
        self.rows, self.cols = np.repeat(nodes, 4, axis=1).ravel(), np.tile(nodes, (1, 4)).ravel()
        x = (j[:, None] + np.tile(g, 2)) * h
        y = (i[:, None] + np.repeat(g, 2)) * h
        self.distance = (x - 0.4) ** 2 + (y - 0.6) ** 2
        self.shape = ((size + 1) ** 2, (size + 1) ** 2)
        pattern = sp.coo_array((np.ones(self.rows.size), (self.rows, self.cols)), shape=self.shape).tocsr()
        # from entries of the matrix to the contributions of elements
        key = self.rows * np.int64(self.shape[0]) + self.cols
        self.by_entry = np.argsort(key, kind="stable")
        self.first = np.concatenate([[0], np.cumsum(np.bincount(np.unique(key, return_inverse=True)[1]))])
        self.nnz = pattern.nnz
        self.known: dict[bytes, tuple[np.ndarray, ...]] = {}

    def conductivity(self, mu: float, distance: np.ndarray) -> np.ndarray:
        return 1.0 + np.exp(-distance / mu**2)

    def assemble(self, mu: float) -> Any:
        values = (np.einsum("eq,qij->eij", self.conductivity(mu, self.distance), self.local) + self.mass).ravel()
        A = sp.coo_array((values, (self.rows, self.cols)), shape=self.shape).tocsr()
        A.sort_indices()
        return A

    def entries(self, mu: float, where: np.ndarray) -> np.ndarray:
        distance, weight, first, mass = self._parts(where)
        return np.add.reduceat((self.conductivity(mu, distance) * weight).sum(axis=1), first) + mass

    def _parts(self, where: np.ndarray) -> tuple[np.ndarray, ...]:
        """What elements contribute to entries: the same few are asked for again and again."""
        key = where.tobytes()
        if key not in self.known:
            counts = self.first[where + 1] - self.first[where]
            parts = self.by_entry[np.concatenate([np.arange(self.first[w], self.first[w + 1]) for w in where])]
            element, place = parts // 16, parts % 16
            first = np.cumsum(counts) - counts
            mass = np.add.reduceat(self.mass.ravel()[place], first)
            self.known[key] = (self.distance[element], self.local.reshape(4, 16)[:, place].T.copy(), first, mass)
        return self.known[key]


def _stiffness(quick: bool) -> Iterable[Case]:
    size = 60 if quick else 300
    problem = Stiffness(size)
    family = InterpolatedFamily(
        problem.assemble, np.linspace(0.3, 0.6, 100), entries=problem.entries, b=np.ones(problem.shape[0])
    )
    mu = 0.4321
    at = _others(mu)
    error = abs(family.matrix(mu) - problem.assemble(mu)).max() / family.matrix(mu).max()
    note = (
        f"{family.assemblies} assemblies, error {error:.1e}; residual of the solution {family.solve(mu).residual:.1e}."
    )
    name = f"Stiffness of {size}x{size} bilinear elements over the width of an inclusion"
    peers = {"assembly (NumPy, four Gauss points, COO to CSR)": lambda: problem.assemble(mu)}
    for what, evaluate in (("the coefficients", family.coefficients), ("solution and residual", family.solve)):
        run = lambda evaluate=evaluate: evaluate(next(at))  # noqa: E731
        yield Case(f"{name}: {what} at one value", run, peers, target=50.0, note=note)
    yield Case(
        f"{name}: the matrix at one value",
        lambda: family.matrix(next(at)),
        peers,
        traffic=8.0 * (len(family.nodes) + 1) * problem.nnz,
        note=f"{note} Reads {len(family.nodes)} matrices.",
    )


def _iterations(A: Any, b: np.ndarray, M: Any) -> tuple[int, float]:
    result = minres(A, b, M=M, rtol=1e-8)
    return result.iterations, result.residual_norm / float(np.linalg.norm(b))


def _absolute(quick: bool) -> Iterable[Case]:
    size = 20 if quick else 31
    A = diffusion2d(size, 100.0)
    A.setdiag(A.diagonal() - 0.3)
    related = diffusion2d(size, 100.0)
    related.setdiag(related.diagonal() - 0.303)
    b = np.random.default_rng(0).standard_normal(size * size)
    jacobi = sp.diags_array(1 / np.abs(related.diagonal()))
    peers: dict[str, Any] = {"ours, |D|^-1": lambda: _iterations(related, b, jacobi)}
    first = gcrodr(A, b, rtol=1e-8, restart=60, recycle=20)
    for products in (200, 1000):
        fit = fit_absolute(related, products=products if not quick else 50)
        peers[f"ours, triangle fitted from {fit.products} products"] = lambda fit=fit: _iterations(related, b, fit)
    for products in (1000, 8000):
        fit = fit_absolute(related, form="low_rank", rank=20, products=products if not quick else 50)
        peers[f"ours, rank 20 fitted from {fit.products} products"] = lambda fit=fit: _iterations(related, b, fit)
    yield Case(
        f"MINRES to 1e-8, indefinite diffusion {size}x{size}, preconditioned by 20 vectors that a related system left",
        lambda: _iterations(related, b, AbsoluteInverse(related, first.recycled)),
        peers,
        accuracy=lambda result: float(result[0]) if result[1] <= 1.01e-8 else math.inf,
        accuracy_name="iterations",
        note=f"Ours includes setting up, 24 products; the vectors come from solving a system with {first.matvecs} "
        "products that had to be solved anyway. The fits are not in the times.",
    )


def cases(quick: bool) -> Iterable[Case]:
    yield from _kernel(quick)
    yield from _stiffness(quick)
    yield from _absolute(quick)
