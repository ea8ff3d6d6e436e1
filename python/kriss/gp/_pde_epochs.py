"""The published way: Adam on the log joint density of u, kernels and precisions, with its exact gradient.

S. Fang, M. Cooley, D. Long, S. Li, R. Kirby, S. Zhe, "Solving High Frequency and Multi-Scale PDEs with Gaussian
Processes", 2023, arXiv 2311.04465, equations (12) to (16); D. P. Kingma, J. Ba, "Adam", 2015, algorithm 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from kriss import _backend
from kriss.gp._mixture import Bands, Profile, diagonal_sums, toeplitz
from kriss.gp._pde_problem import Equation

Array = npt.NDArray[Any]

_EPS = float(np.finfo(np.float64).eps)


@dataclass
class State:
    """What is optimised. bands: log weights, log rates and frequencies, (3, Q) per axis."""

    u: Array
    bands: list[Array]
    log_tau: float
    log_v: float

    def flat(self) -> Array:
        """All of it in one vector."""
        return np.concatenate([self.u.ravel(), *(b.ravel() for b in self.bands), [self.log_tau, self.log_v]])

    def set(self, x: Array) -> None:
        """The reverse of `flat`."""
        at = self.u.size
        self.u = x[:at].reshape(self.u.shape)
        for q, b in enumerate(self.bands):
            self.bands[q] = x[at : at + b.size].reshape(b.shape)
            at += b.size
        self.log_tau, self.log_v = float(x[at]), float(x[at + 1])


def bands_at(values: Array, gaussian: bool) -> Bands:
    """The mixture of (3, Q) log weights, log published rates and frequencies."""
    rates = np.exp(0.5 * values[1]) if gaussian else np.exp(values[1])
    return Bands(np.exp(values[0]), rates, values[2], gaussian)


def values_of(bands: Bands) -> Array:
    """The reverse of `bands_at`."""
    scale = 2.0 if bands.gaussian else 1.0
    return np.stack([np.log(bands.weights), scale * np.log(bands.rates), bands.frequencies])


class _Side:
    """One axis in one epoch: A = K + jitter I, its inverse and log-determinant, and H = sum_o c_o K^(o).

    n**3 flops for factor and inverse; 2 n Q evaluations of a band, as both matrices are Toeplitz.
    """

    def __init__(self, axis: Array, bands: Bands, orders: dict[int, float], jitter: float, threads: int) -> None:
        self.profile = Profile(bands, axis - axis[0])
        self.orders = orders
        values = self.profile.values()
        if not np.isfinite(values).all():
            raise np.linalg.LinAlgError("the covariance matrix of an axis is not finite")
        n = axis.size
        A = toeplitz(values[0])
        A[np.diag_indices(n)] += jitter
        run = _backend.kernels("gp")
        limit = np.full(n, 4.0 * math.sqrt(n) * _EPS * float(A[0, 0]))
        bad = run.cholesky(A, limit, threads)
        if bad >= 0:
            raise np.linalg.LinAlgError(
                f"the covariance matrix of an axis is not positive definite at pivot {bad} of {n}: raise jitter"
            )
        self.logdet = 2.0 * float(np.log(A.diagonal()).sum())
        run.invert(A, threads)
        lower = np.tril(A)
        self.inverse: Array = lower + np.tril(A, -1).T
        self.H: Array = np.zeros((n, n))
        for o, c in orders.items():
            self.H += c * toeplitz(values[o], odd=o == 1)

    def gradient(self, of_a: Array, of_h: Array) -> Array:
        """The gradient in the bands, (3, Q), from the adjoints of A and H."""
        even_a, _ = diagonal_sums(of_a)
        even, odd = diagonal_sums(of_h)
        zero = np.zeros_like(even)
        adjoint = [even_a, zero, zero]
        for o, c in self.orders.items():
            adjoint[o] = adjoint[o] + c * (odd if o == 1 else even)
        return self.profile.gradient((adjoint[0], adjoint[1], adjoint[2]))


class Objective:
    """Minus the log joint density and its gradient: one call is what one epoch costs.

    With n points on each of two axes 34 n**3 flops in products of n by n matrices (17 products), 2 n**3 for factors and
    inverses; 20 n**2 doubles. The transcription of the published algebra needs about 60 n**3 and 2 Q n**2 evaluations
    of a band and of its derivatives for each axis.
    """

    def __init__(self, equation: Equation, weight: float, jitter: float, gaussian: bool, threads: int) -> None:
        self.equation, self.weight, self.jitter = equation, weight, jitter
        self.gaussian, self.threads = gaussian, threads
        self._given = equation.known_cells
        self._count = int(self._given.sum())

    def sides(self, state: State) -> list[_Side]:
        """The matrices of each axis."""
        e = self.equation
        return [
            _Side(axis, bands_at(b, self.gaussian), own, self.jitter, self.threads)
            for axis, b, own in zip(e.axes, state.bands, e.orders, strict=True)
        ]

    def __call__(self, state: State) -> tuple[float, State]:
        e = self.equation
        plane = len(e.axes) == 2
        first, *rest = self.sides(state)
        U = state.u if plane else state.u[:, None]
        n1, n2 = U.shape
        tau, v = float(np.exp(state.log_tau)), float(np.exp(state.log_v))  # infinite where math.exp raises
        a1 = first.inverse @ U
        image = first.H @ a1
        if plane:
            second = rest[0]
            a2 = U @ second.inverse
            m = a1 @ second.inverse
            image += a2 @ second.H.T
        else:
            a2, m = U, a1
        g, slope = e.react(U)
        residual = image + e.constant * U + g - e.source.reshape(U.shape)
        off = np.where(self._given, state.u - e.known, 0.0).reshape(U.shape)
        gap, misfit = float((residual * residual).sum()), float((off * off).sum())
        value = -0.5 * (n2 * first.logdet + float((U * m).sum()))
        value += self.weight * 0.5 * (self._count * state.log_tau - tau * misfit)
        value += 0.5 * (U.size * state.log_v - v * gap)
        p1 = first.inverse @ (first.H.T @ residual)
        u = -m - self.weight * tau * off - v * (p1 + (slope + e.constant) * residual)
        bands = [first.gradient((0.5 * m + v * p1) @ a1.T - 0.5 * n2 * first.inverse, -v * (residual @ a1.T))]
        if plane:
            value -= 0.5 * n1 * second.logdet
            p2 = (residual @ second.H) @ second.inverse
            u -= v * p2
            of_a = a2.T @ (0.5 * m + v * p2) - 0.5 * n1 * second.inverse
            bands.append(second.gradient(of_a, -v * (residual.T @ a2)))
        slope_tau = self.weight * 0.5 * (self._count - tau * misfit)
        slope_v = 0.5 * (U.size - v * gap)
        return -value, State(-u.reshape(state.u.shape), [-b for b in bands], -slope_tau, -slope_v)


def _possible(objective: Objective, state: State) -> bool:
    """Whether there are covariance matrices at a state that was not evaluated."""
    try:
        with np.errstate(all="ignore"):
            objective.sides(state)
            for b in state.bands:
                _ = bands_at(b, objective.gaussian).kernel
    except (np.linalg.LinAlgError, ValueError):
        return False
    return True


def adam(
    objective: Objective, state: State, epochs: int, rate: float, seen: Callable[[float], None]
) -> tuple[list[float], bool]:
    """Moves `state`; the objective at each epoch, and whether it stayed finite. If not, the last finite state is left.

    A start whose covariance matrices are not positive definite raises LinAlgError; later that is divergence.
    """
    x = state.flat()
    last = x.copy()
    first, second = np.zeros_like(x), np.zeros_like(x)
    history: list[float] = []
    for t in range(1, epochs + 1):
        try:
            with np.errstate(all="ignore"):
                value, gradient = objective(state)
        except np.linalg.LinAlgError:
            if t == 1:
                raise
            value = math.nan
        if not math.isfinite(value):
            state.set(last)
            return history, False
        last = x.copy()
        history.append(value)
        seen(value)
        slope = gradient.flat()
        with np.errstate(all="ignore"):
            first += 0.1 * (slope - first)
            second += 0.001 * (slope * slope - second)
            x -= rate * (first / (1.0 - 0.9**t)) / (np.sqrt(second / (1.0 - 0.999**t)) + 1e-8)
        if not np.isfinite(x).all():
            state.set(last)
            return history, False
        state.set(x.copy())
    if not _possible(objective, state):
        state.set(last)
        return history, False
    return history, True
