"""Collocation by conditional means, and Newton's method on it with structured solves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.linalg
import scipy.sparse.linalg as spla

from kriss.gp._factor import CovarianceFactor
from kriss.gp._mixture import Profile, bands_of, toeplitz
from kriss.gp._pde_problem import Equation
from kriss.gp._structure import factor

Array = npt.NDArray[Any]

_BLOCK = 1 << 17  # evaluations of a band at a time


class Line:
    """One axis: the factor of its covariance matrix A, and ``D = H A^-1`` with H = sum_o c_o k^(o)(x_i - x_j).

    4 n**3 flops, 3 n**2 doubles.
    """

    def __init__(self, kernel: Any, axis: Array, orders: dict[int, float], jitter: float, workers: int | None) -> None:
        self.axis, self._kernel, self._workers = axis, kernel, workers
        self.bands = bands_of(kernel)
        added = jitter * float(self.bands.weights.sum())
        self.factor: CovarianceFactor = factor(kernel, axis[:, None], jitter=added, structure="dense", workers=workers)
        values = Profile(self.bands, axis - axis[0]).values()
        H = sum(c * toeplitz(values[o], odd=o == 1) for o, c in orders.items())
        self.D: Array = self.factor.solve(np.asarray(H).T).T

    def rows(self, x: Array, orders: dict[int, float]) -> Array:
        """The map from values on the axis to ``sum_o c_o u^(o)(x)``."""
        H: Array = np.zeros((x.size, self.axis.size))
        if set(orders) == {0}:
            direct: Array = (
                orders[0] * self.factor.solve(self._kernel(self.axis[:, None], x[:, None], workers=self._workers)).T
            )
            return direct
        step = max(1, _BLOCK // (self.axis.size * self.bands.weights.size))
        for start in range(0, x.size, step):
            gap = np.subtract.outer(x[start : start + step], self.axis)
            values = Profile(self.bands, np.abs(gap).ravel()).values()
            for o, c in orders.items():
                part = values[o].reshape(gap.shape)
                H[start : start + step] += c * (np.sign(gap) * part if o == 1 else part)
        out: Array = self.factor.solve(np.asarray(H).T).T
        return out


def along(matrices: Sequence[Array], u: Array) -> list[Array]:
    """Each matrix along its axis of u, one after the other: terms of a sum."""
    out = [matrices[0] @ u]
    if len(matrices) > 1:
        out.append(u @ matrices[1].T)
    return out


def _sylvester(matrices: Sequence[Array], shift: float, exact: bool) -> Callable[[Array], Array]:
    """Solves ``D_1 x + x D_2' + shift x = r`` again and again: 50 n**3 flops for two Schur forms, then 10 n**3 each.

    A singular equation is refused where the answer is to be `exact`; a preconditioner may perturb it.
    """
    a, za = scipy.linalg.schur(matrices[0] + shift * np.eye(matrices[0].shape[0]))
    b, zb = scipy.linalg.schur(matrices[1])
    trsyl = scipy.linalg.lapack.dtrsyl

    def solve(r: Array) -> Array:
        x, scale, info = trsyl(a, b, za.T @ r @ zb, trana="N", tranb="T")
        if info < 0:
            raise np.linalg.LinAlgError(f"dtrsyl refused argument {-info}")
        if info == 1 and exact:
            raise np.linalg.LinAlgError(
                "the collocation equations are singular to working precision: terms and faces do not determine u"
            )
        out: Array = (za @ x @ zb.T) / scale
        return out

    return solve


class Collocation:
    """The equation at the unknown points of the grid, derivatives by the conditional mean given u on all of it."""

    def __init__(self, equation: Equation, lines: Sequence[Line]) -> None:
        self.equation, self.lines = equation, lines
        self.inner = [line.D[f, f] for line, f in zip(lines, equation.free, strict=True)]
        self._reuse: tuple[float, Callable[[Array], Array]] | None = None

    def residual(self, u: Array) -> tuple[Array, float, Array]:
        """``L u + g(u) - source`` there, the size of its terms, and g'."""
        e = self.equation
        given = np.where(e.known_cells, u, 0.0)
        maps = [line.D for line in self.lines]
        # What the faces and what the unknowns contribute, apart: where they cancel, this is the size to compare with.
        parts = [p[e.free] for part in (given, u - given) for p in along(maps, part)]
        inside = u[e.free]
        g, slope = e.react(inside)
        parts += [e.constant * inside, g, -e.source[e.free]]
        size = float(sum(np.linalg.norm(p) for p in parts))
        return np.asarray(sum(parts)), size, slope

    def step(self, r: Array, slope: Array) -> Array:
        """Solves the linearised equation for what is to be taken from u: dense LU on a line, GMRES on a plane."""
        e = self.equation
        if r.ndim == 1:
            # 2 n**3 / 3 flops.
            return np.asarray(scipy.linalg.solve(self.inner[0] + np.diag(slope + e.constant), r))
        mean = float(slope.mean())
        if self._reuse is None or abs(self._reuse[0] - mean) > 0.05 * abs(mean):
            self._reuse = mean, _sylvester(self.inner, e.constant + mean, e.reaction is None)
        shift, inverse = self._reuse
        if e.reaction is None:
            return inverse(r)
        rest = slope - shift

        def image(v: Array) -> Array:
            # Preconditioned from the right: (S + rest) S^-1 v = v + rest S^-1 v.
            out: Array = v + (rest * inverse(v.reshape(r.shape))).ravel()
            return out

        from kriss.solve import gmres

        n = r.size
        found = gmres(spla.LinearOperator((n, n), matvec=image, dtype=np.float64), r.ravel(), rtol=1e-6, maxiter=200)
        return inverse(found.x.reshape(r.shape))


def _finite_start(e: Equation, u: Array) -> None:
    """Refuse a reaction from which no step can be taken."""
    for value, what in zip(e.react(u[e.free]), ("g", "its derivative"), strict=True):
        bad = ~np.isfinite(value)
        if bad.any():
            raise ValueError(
                f"reaction: {what} is {value[bad][0]} at u = 0, where Newton's method starts, expected finite values"
            )


def newton(
    collocation: Collocation, start: Array, rtol: float, maxiter: int, seen: Callable[[float], None]
) -> tuple[Array, str, list[float]]:
    """Damped Newton steps; u, why they ended, and the relative residual before each and at the end."""
    e = collocation.equation
    u = start
    r, size, slope = collocation.residual(u)
    _finite_start(e, u)
    history = [float(np.linalg.norm(r)) / size if size else 0.0]
    for _ in range(maxiter):
        seen(history[-1])
        if history[-1] <= rtol:
            return u, "converged", history
        step = collocation.step(r, slope)
        length, before = 1.0, float(np.linalg.norm(r))
        while True:
            trial = u.copy()
            trial[e.free] -= length * step
            r, size, slope = collocation.residual(trial)
            now = float(np.linalg.norm(r))
            if (now < before or before == 0.0) and np.isfinite(slope).all():
                break
            length *= 0.5
            if length < 1e-4:
                # Rounding errors, or a place where no step along this direction is downhill.
                return u, "stagnated", history
        u = trial
        history.append(now / size if size else 0.0)
    return u, "converged" if history[-1] <= rtol else "maxiter", history
