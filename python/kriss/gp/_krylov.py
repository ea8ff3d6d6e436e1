"""Conjugate gradients over several right-hand sides at once, their preconditioner, and draws by Lanczos' method."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.linalg import eigh_tridiagonal

Array = npt.NDArray[Any]
Map = Callable[[Array], Array]


def on_host(array: Any) -> Array:
    """A small array, of a device perhaps, as NumPy's: coefficients of an iteration."""
    get = getattr(array, "get", None)
    return np.asarray(array if get is None else get())


@dataclass(frozen=True)
class Estimate:
    """A quantity estimated from random probes.

    Attributes
    ----------
    value : float
        The estimate.
    standard_error : float
        Standard error of `value` over the probes: the spread of their answers divided by the root of their number.
        Its own error is that of a sample of `probes`, so that intervals want Student's t with ``probes - 1`` degrees
        of freedom.
    probes : int
        How many probes there were.
    iterations : int
        Steps of the longest Lanczos run behind it.
    """

    value: float
    standard_error: float
    probes: int
    iterations: int


@dataclass(frozen=True)
class Run:
    """Columns solved by preconditioned conjugate gradients.

    `residual` is the largest relative residual, recomputed from the data; `converged` whether that meets the tolerance.
    """

    x: Array
    iterations: int
    residual: float
    converged: bool


def conjugate_gradients(multiply: Map, precondition: Map, b: Array, rtol: float, maxiter: int, xp: Any = np) -> Run:
    """Solves ``K x = b`` for every column of b (n, k), each with its own coefficients and a product for all at once.

    M. R. Hestenes and E. Stiefel, "Methods of Conjugate Gradients for Solving Linear Systems", Journal of Research of
    the National Bureau of Standards 49 (1952). Per iteration one product with K, one with the preconditioner, 10 n k
    flops and 80 n k bytes besides.
    """
    n, k = b.shape

    def inner(u: Array, v: Array) -> Array:
        return on_host((u * v).sum(axis=0)) if xp is not np else np.einsum("ij,ij->j", u, v)

    norm = np.sqrt(inner(b, b))
    if not np.isfinite(norm).all():
        raise np.linalg.LinAlgError("a right-hand side is not finite, or its norm is not")
    x = xp.zeros((n, k))
    r = b.copy()
    z = precondition(r)
    p = z.copy()
    rz = np.array(inner(r, z))
    active = np.flatnonzero(norm > 0.0)
    done = 0
    while active.size and done < maxiter:
        at = xp.asarray(active)
        direction = xp.ascontiguousarray(p[:, at])
        image = multiply(direction)
        curvature = inner(direction, image)
        if not (curvature > 0.0).all() or not (rz[active] > 0.0).all():
            if not np.isfinite(curvature).all():
                raise np.linalg.LinAlgError("conjugate gradients met a value that is not finite")
            raise np.linalg.LinAlgError(
                "conjugate gradients met a direction of no positive curvature: the matrix is not positive definite to "
                "working precision. Raise noise (its variance)"
            )
        step = rz[active] / curvature
        x[:, at] += xp.asarray(step) * direction
        r[:, at] -= xp.asarray(step) * image
        rest = xp.ascontiguousarray(r[:, at])
        z = precondition(rest)
        fresh = inner(rest, z)
        turn = fresh / rz[active]
        size = np.sqrt(inner(rest, rest))
        rz[active] = fresh
        p[:, at] = z + xp.asarray(turn) * direction
        done += 1
        active = active[size > rtol * norm[active]]
    missing = b - multiply(x) if k else b
    size = np.sqrt(inner(missing, missing))
    relative = size / np.where(norm > 0.0, norm, 1.0)
    residual = float(relative.max(initial=0.0))
    # What rounding errors leave of a residual that the recurrence calls small.
    good = active.size == 0 and residual <= 10.0 * rtol
    return Run(x, done, residual, good)


class LowRankPlusDiagonal:
    """P = C'C + diag(d) as a preconditioner: inverse, determinant and draws. C: (k, n).

    P = F F' with F = diag(d)^1/2 (I + U diag(g - 1) U'), from the thin singular value decomposition of C diag(d)^-1/2.
    """

    def __init__(self, rows: Array, d: Array, xp: Any = np) -> None:
        self._xp = xp
        self._rows, self._root = rows, xp.sqrt(d)
        k, n = rows.shape
        self._q = xp.zeros((n, 0))
        self.logdet = float(xp.log(d).sum())
        if k > 0:
            q, r = xp.linalg.qr(xp.vstack([(rows / self._root).T, xp.eye(k)]))
            self._q = q[:n]
            self.logdet += 2.0 * float(xp.log(xp.abs(r.diagonal())).sum())
        self._split: tuple[Array, Array] | None = None

    def solve(self, b: Array) -> Array:
        """``P^-1 b``, 4 n k flops per column."""
        scaled: Array = b / self._root[:, None]
        scaled -= self._q @ (self._q.T @ scaled)
        scaled /= self._root[:, None]
        return scaled

    def draw(self, count: int, rng: np.random.Generator) -> Array:
        """Columns from N(0, P), shape (n, count)."""
        k, n = self._rows.shape
        out: Array = self._rows.T @ self._xp.asarray(rng.standard_normal((k, count)))
        out += self._root[:, None] * self._xp.asarray(rng.standard_normal((n, count)))
        return out

    def _symmetric(self) -> tuple[Array, Array]:
        if self._split is None:
            u, s, _ = self._xp.linalg.svd((self._rows / self._root).T, full_matrices=False)
            self._split = u, self._xp.sqrt(1.0 + s * s)
        return self._split

    def half(self, b: Array) -> Array:
        """``F b``."""
        u, g = self._symmetric()
        out: Array = self._root[:, None] * (b + u @ ((g - 1.0)[:, None] * (u.T @ b)))
        return out

    def half_inverse(self, b: Array, transposed: bool) -> Array:
        """``F^-1 b``, or ``F^-T b``."""
        u, g = self._symmetric()
        scaled = b if transposed else b / self._root[:, None]
        out: Array = scaled + u @ ((1.0 / g - 1.0)[:, None] * (u.T @ scaled))
        return out / self._root[:, None] if transposed else out


def square_root_draw(multiply: Map, P: LowRankPlusDiagonal, e: Array, rtol: float, maxiter: int) -> Array:
    """``F M^1/2 e`` for the columns of e (n, k), M = F^-1 K F^-T: draws from N(0, K) if e is drawn from N(0, I).

    Lanczos' method with full reorthogonalisation, a run per column and products for all at once. With the basis Q and
    the matrix T of m steps, M Q T^-1/2 e_1 = Q T^1/2 e_1 + beta q_(m+1) (T^-1/2)_m1 approximates M^1/2 e / |e|; by the
    integral of ``M (M + t^2)^-1`` its error is at most the root of M's norm times the residual of conjugate gradients
    for ``M x = e``, since no shift makes that larger: M. Ilic, I. W. Turner, D. P. Simpson, "A Restarted Lanczos
    Approximation to Functions of a Symmetric Matrix", IMA Journal of Numerical Analysis 30 (2010), section 4.

    Stops when that bound is `rtol` of the result. Memory 8 n m k bytes.
    """
    n, k = e.shape
    norm = np.sqrt(np.einsum("ij,ij->j", e, e))
    basis = [e / norm]
    alpha: list[Array] = []
    beta: list[Array] = []
    for _ in range(min(maxiter, n)):
        q = basis[-1]
        w = P.half_inverse(multiply(P.half_inverse(q, True)), False)
        rayleigh = np.einsum("ij,ij->j", q, w)
        alpha.append(np.where(beta[-1] > 0.0, rayleigh, 1.0) if beta else rayleigh)  # 1 once a column has ended
        for _again in range(2):
            for v in basis:
                w -= np.einsum("ij,ij->j", v, w) * v
        beta.append(np.sqrt(np.einsum("ij,ij->j", w, w)))
        weights, error = _root_weights(np.array(alpha), np.array(beta))
        if (error <= rtol).all() or len(alpha) == n:
            basis.append(w / np.where(beta[-1] > 0.0, beta[-1], 1.0))
            total = np.zeros((n, k))
            for j, v in enumerate(basis):
                total += weights[j] * v
            return P.half(total * norm)
        basis.append(w / np.where(beta[-1] > 0.0, beta[-1], 1.0))
    raise np.linalg.LinAlgError(
        f"a draw reached a relative error of {float(error.max()):.2g} after {len(alpha)} iterations, expected "
        f"{rtol:.2g}: raise maxiter or rank, or rtol"
    )


def _root_weights(alpha: Array, beta: Array) -> tuple[Array, Array]:
    """Per column the weights of the basis in ``M^1/2 e_1`` (m + 1, k), and the bound of the relative error (k,)."""
    m, k = alpha.shape
    weights, error = np.empty((m + 1, k)), np.empty(k)
    for c in range(k):
        values, vectors = eigh_tridiagonal(alpha[:, c], beta[:-1, c]) if m > 1 else (alpha[:, c], np.ones((1, 1)))
        if not values[0] > 0.0:
            raise np.linalg.LinAlgError(
                "a Lanczos matrix is not positive definite to working precision. Raise noise (its variance)"
            )
        first = vectors[0]
        weights[:m, c] = vectors @ (np.sqrt(values) * first)
        weights[m, c] = beta[-1, c] * float(vectors[-1] @ (first / np.sqrt(values)))
        residual = beta[-1, c] * abs(float(vectors[-1] @ (first / values)))
        error[c] = np.sqrt(values[-1]) * residual / np.sqrt((weights[:, c] ** 2).sum())
    return weights, error
