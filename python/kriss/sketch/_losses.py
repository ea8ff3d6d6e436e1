"""Smooth losses for regression: value, slope and curvature of each row, and the dual that certifies a solution.

All are sums of w l(t), t = A x. `u` is minus the derivative with respect to t, `d` the second derivative. A vector u
with A'u = R z (R the Hessian of the penalty, 0 without one) bounds the optimum from below: `Loss.dual`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from kriss import _backend

Array = npt.NDArray[np.float64]
TINY = 1e-300


class Terms(NamedTuple):
    """Of some rows."""

    value: float
    u: Array
    d: Array
    # Losses with a scale s of their own: derivatives of the sum in s, and of -u in s for each row.
    first: float = 0.0
    second: float = 0.0
    cross: Array | None = None


class Loss:
    """What every loss offers. b are the targets, w the weights, s a parameter that may change between iterations."""

    scaled = False  # s is an unknown
    lowest = 0.0  # and at least this
    shrinks = False  # s is a smoothing parameter that goes to 0
    code = -1  # of the compiled pass (cpp/include/kriss/sketch/row_losses.hpp)

    def parameters(self, s: float) -> tuple[float, float, float]:
        """What the compiled pass needs to know."""
        raise NotImplementedError

    def terms(self, t: Array, b: Array, w: Array | None, s: float) -> Terms:
        """Value and derivatives."""
        raise NotImplementedError

    def best_scale(self, r: Array, w: Array | None) -> float:
        """The s that minimises the loss of given residuals, where it is an unknown."""
        raise NotImplementedError

    def value(self, t: Array, b: Array, w: Array | None, s: float) -> float:
        """The value alone."""
        return self.terms(t, b, w, s).value

    def objective(self, t: Array, b: Array, w: Array | None, s: float) -> float:
        """What is reported; differs from `value` where that is smoothed."""
        return self.value(t, b, w, s)

    def major(self, t: Array, b: Array, w: Array | None, s: float) -> Array | None:
        """Curvatures of a parabola in t above the loss that touches it at t, if the loss has one of use."""
        return None

    def dual(self, u: Array, t: Array, b: Array, w: Array | None, linear: float, penalty: float) -> float:
        """A lower bound of the optimum. `linear` is z'A'u, `penalty` is v'R v / 2 for the v with A'u = R v."""
        raise NotImplementedError


def _times(w: Array | None, v: Array) -> Array:
    return v if w is None else w * v


class Power(Loss):
    """|r|^p, smoothed as (r² + s²)^(p/2); r is divided by `unit` first. The objective is the norm, not its power."""

    shrinks = True
    code = 3

    def __init__(self, p: float, unit: float) -> None:
        self.p, self.unit = p, unit

    def parameters(self, s: float) -> tuple[float, float, float]:
        return self.p, self.unit, s

    def terms(self, t: Array, b: Array, w: Array | None, s: float) -> Terms:
        p = self.p
        r = (b - t) / self.unit
        r2 = r * r
        q = r2 + s * s
        with np.errstate(under="ignore", over="ignore", invalid="ignore"):
            low = q ** (0.5 * p - 1.0) if p != 4.0 else q
            value = float(np.sum(_times(w, low * q)))
            u = _times(w, (p / self.unit) * (r * low))
            q[q == 0.0] = 1.0
            d = _times(w, (p / self.unit**2) * (low * (1.0 + (p - 2.0) * (r2 / q))))
        return Terms(value, u, d)

    def objective(self, t: Array, b: Array, w: Array | None, s: float) -> float:
        r = np.abs(b - t)
        top = float(r.max(initial=0.0))
        if top == 0.0:
            return 0.0
        with np.errstate(under="ignore"):
            return float(top * np.sum(_times(w, (r / top) ** self.p)) ** (1.0 / self.p))

    def dual(self, u: Array, t: Array, b: Array, w: Array | None, linear: float, penalty: float) -> float:
        # b'u / |u|_q for A'u = 0, q the conjugate exponent of p.
        scaled = np.abs(u)
        if w is not None:
            with np.errstate(divide="ignore", invalid="ignore"):
                scaled = np.where(w > 0, scaled * w ** (-1.0 / self.p), 0.0)
        top = float(scaled.max(initial=0.0))
        if not top > 0.0:
            return 0.0
        q = self.p / (self.p - 1.0)
        with np.errstate(under="ignore"):
            norm = top * float(np.sum((scaled / top) ** q)) ** (1.0 / q)
        out: float = (float((b - t) @ u) + linear) / norm
        return out


class Huber(Loss):
    """r²/2 up to delta, delta |r| - delta²/2 beyond."""

    code = 1

    def __init__(self, delta: float) -> None:
        self.delta = delta

    def parameters(self, s: float) -> tuple[float, float, float]:
        return self.delta, 0.0, 0.0

    def terms(self, t: Array, b: Array, w: Array | None, s: float) -> Terms:
        r = b - t
        u = np.clip(r, -self.delta, self.delta)
        inside = (u == r).astype(np.float64)
        return Terms(float(np.sum(_times(w, u * (r - 0.5 * u)))), _times(w, u), _times(w, inside))

    def major(self, t: Array, b: Array, w: Array | None, s: float) -> Array | None:
        return _times(w, self.delta / np.maximum(np.abs(b - t), self.delta))

    def dual(self, u: Array, t: Array, b: Array, w: Array | None, linear: float, penalty: float) -> float:
        # Σ b u - u² / (2 w) for |u| ≤ delta w.
        with np.errstate(divide="ignore", invalid="ignore"):
            per = u if w is None else np.where(w > 0, u / w, 0.0)
        top = float(np.abs(per).max(initial=0.0))
        theta = min(1.0, self.delta / top) if top > 0 else 1.0
        return float(theta * ((b - t) @ u + linear) - theta**2 * (0.5 * (u @ per) + penalty))


class HuberScale(Loss):
    """Σ w s (1 + h(r / s)), h(v) = v² up to delta and 2 delta |v| - delta² beyond; s is found too."""

    scaled = True
    code = 2

    def __init__(self, delta: float, lowest: float) -> None:
        self.delta, self.lowest = delta, lowest

    def parameters(self, s: float) -> tuple[float, float, float]:
        return self.delta, s, 0.0

    def terms(self, t: Array, b: Array, w: Array | None, s: float) -> Terms:
        v = (b - t) / s
        c = np.clip(v, -self.delta, self.delta)
        inside = c == v
        weights = np.ones(len(v)) if w is None else w
        square = weights @ (c * c)
        value = s * float(weights.sum() + 2.0 * (weights @ (c * v)) - square)
        first = float(weights.sum() - square)
        curved = np.where(inside, 2.0 / s * weights, 0.0)
        second = float(curved @ (c * c))
        return Terms(value, 2.0 * weights * c, curved, first, second, curved * v)

    def major(self, t: Array, b: Array, w: Array | None, s: float) -> Array | None:
        return _times(w, 2.0 * self.delta / np.maximum(np.abs(b - t), self.delta * s))

    def best_scale(self, r: Array, w: Array | None) -> float:
        # By bisection on the derivative.
        weights = np.ones(len(r)) if w is None else w
        total = float(weights.sum())
        high = float(np.sqrt(weights @ (r * r) / total)) if total > 0 else 0.0
        low = 0.0
        for _ in range(60):
            middle = 0.5 * (low + high)
            if not middle > 0.0 or high - low < 1e-6 * high:
                break
            c = np.minimum(np.abs(r) / middle, self.delta)
            if float(weights @ (c * c)) > total:
                low = middle
            else:
                high = middle
        return max(high, self.lowest)

    def dual(self, u: Array, t: Array, b: Array, w: Array | None, linear: float, penalty: float) -> float:
        # Σ b u + lowest (Σ w - Σ u² / (4 w)) for |u| ≤ 2 delta w, the bracket not negative.
        weights = np.ones(len(u)) if w is None else w
        with np.errstate(divide="ignore", invalid="ignore"):
            per = np.where(weights > 0, u / weights, 0.0)
        top = float(np.abs(per).max(initial=0.0))
        square, total = float(u @ per), float(weights.sum())
        theta = min(1.0, 2 * self.delta / top) if top > 0 else 1.0
        if theta**2 * square > 4 * total:
            theta = float(np.sqrt(4 * total / square))
        rest = self.lowest * max(total - 0.25 * theta**2 * square, 0.0)
        return float(theta * ((b - t) @ u + linear) - theta**2 * penalty) + rest


class Logistic(Loss):
    """log(1 + exp(-b t)), b = ±1."""

    code = 0

    def parameters(self, s: float) -> tuple[float, float, float]:
        return 0.0, 0.0, 0.0

    def terms(self, t: Array, b: Array, w: Array | None, s: float) -> Terms:
        margin = b * t
        v = expit(-margin)
        value = float(np.sum(_times(w, np.logaddexp(0.0, -margin))))
        return Terms(value, _times(w, b * v), _times(w, v * expit(margin)))

    def value(self, t: Array, b: Array, w: Array | None, s: float) -> float:
        return float(np.sum(_times(w, np.logaddexp(0.0, -(b * t)))))

    def dual(self, u: Array, t: Array, b: Array, w: Array | None, linear: float, penalty: float) -> float:
        # Σ w entropy(v), v = b u / w in [0, 1].
        with np.errstate(divide="ignore", invalid="ignore"):
            v = b * u if w is None else np.where(w > 0, b * u / w, 0.0)
        if len(v) and not (v.min() >= 0.0 and v.max() <= 1.0):
            return -np.inf
        log = _backend.kernels("math").log
        out, part = np.empty(len(v)), np.empty(len(v))
        log(np.maximum(v, TINY), out, 0)
        out *= v
        rest = 1.0 - v
        log(np.maximum(rest, TINY), part, 0)
        out += part * rest
        return float(-np.sum(_times(w, out))) - penalty
