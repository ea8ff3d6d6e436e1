"""Functions of a normal variable that acquisitions are made of, with their digits far in the tail.

Below -12 they are asymptotic series in 1 / z**2 of sixteen terms, whose first neglected one is under 1e-15; above,
forms in the scaled complementary error function, which lose at most a factor z**2 of the rounding unit there.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import special

Array = npt.NDArray[Any]

_CUT = -12.0
_LOG_ROOT_2PI = 0.5 * math.log(2.0 * math.pi)
_ROOT_HALF_PI = math.sqrt(0.5 * math.pi)


def _series() -> tuple[Array, Array, Array]:
    """Coefficients in 1 / z**2 of |z| M, z**2 (1 - |z| M), and the first minus the second over 1 / z**2.

    M is Mills' ratio Phi(z) / phi(z), z < 0: |z| M = sum (-1)**j (2j - 1)!! / z**(2j).
    """
    odd = [1.0]
    for j in range(1, 18):
        odd.append(odd[-1] * (2 * j - 1))
    sign = [(-1.0) ** j for j in range(18)]
    first = np.array([s * v for s, v in zip(sign, odd, strict=True)][:17])
    second = np.array([s * v for s, v in zip(sign, odd[1:], strict=False)])
    gap = np.array([-sign[j] * 2 * j * odd[j] for j in range(1, 17)])
    return first, second, gap


_MILLS, _REST, _GAP = _series()


def _poly(c: Array, t: Array) -> Array:
    out: Array = np.polynomial.polynomial.polyval(t, c) if t.any() else np.full_like(t, c[0])
    return out


def _parts(z: Array) -> tuple[Array, Array, Array]:
    """Masks of the far tail and of the near one, and 1 / z**2 where it is far."""
    far = z < _CUT
    near = (z <= -1.0) & ~far
    with np.errstate(over="ignore"):
        t = np.where(far, 1.0 / np.where(far, z, 1.0) ** 2, 0.0)
    return far, near, t


def _mills(z: Array) -> Array:
    """Phi(z) / phi(z) for z <= 0."""
    out: Array = _ROOT_HALF_PI * special.erfcx(-np.minimum(z, 0.0) / math.sqrt(2.0))
    return out


def density(z: Array) -> Array:
    """phi(z)."""
    with np.errstate(under="ignore"):
        out: Array = np.exp(-(0.5 * z) * z - _LOG_ROOT_2PI)
    return out


def improvement(z: Array) -> Array:
    """h(z) = phi(z) + z Phi(z): the expected improvement in units of the standard deviation."""
    z = np.asarray(z, np.float64)
    far, near, t = _parts(z)
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        tail = np.where(far, t * _poly(_REST, t), 1.0 + np.where(near, z * _mills(z), 0.0))
        body = np.maximum(density(z) + z * special.ndtr(z), 0.0)
        out: Array = np.where(far | near, density(z) * tail, body)
    return np.where(np.isneginf(z), 0.0, out)


def log_improvement(z: Array) -> Array:
    """log h(z)."""
    z = np.asarray(z, np.float64)
    far, near, t = _parts(z)
    with np.errstate(over="ignore", under="ignore", invalid="ignore", divide="ignore"):
        rest = np.where(far, _poly(_REST, t), 1.0)
        far_log = -2.0 * np.log(np.abs(np.where(far, z, 1.0))) + np.log(rest)
        near_log = np.log1p(np.where(near, z * _mills(z), 0.0))
        tail = -(0.5 * z) * z - _LOG_ROOT_2PI + np.where(far, far_log, near_log)
        body = np.log(np.where(far | near, 1.0, density(z) + z * special.ndtr(z)))
    out: Array = np.where(far | near, tail, body)
    return out


def log_improvement_slope(z: Array) -> Array:
    """d log h / dz = Phi / h."""
    z = np.asarray(z, np.float64)
    far, near, t = _parts(z)
    with np.errstate(over="ignore", under="ignore", invalid="ignore", divide="ignore"):
        m = _mills(z)
        tail = np.where(far, -z * _poly(_MILLS, t) / _poly(_REST, t), m / (1.0 + np.where(near, z * m, 0.0)))
        body = special.ndtr(z) / np.where(far | near, 1.0, density(z) + z * special.ndtr(z))
    out: Array = np.where(far | near, tail, body)
    return out


def entropy_gain(g: Array) -> tuple[Array, Array]:
    """``g r / 2 - log Phi(g)`` with r = phi(g) / Phi(g), and its derivative.

    The entropy that a normal variable loses by the news that it lies on one side of a value g standard deviations away.
    """
    g = np.asarray(g, np.float64)
    far, _, t = _parts(g)
    with np.errstate(over="ignore", under="ignore", invalid="ignore", divide="ignore"):
        r = np.where(g <= 0.0, 1.0 / _mills(g), density(g) / special.ndtr(np.maximum(g, 0.0)))
        inside = np.where(far, 0.0, g)
        value = 0.5 * inside * r - special.log_ndtr(inside)
        slope = -0.5 * r * (1.0 + inside * (inside + r))
        a, b = _poly(_MILLS, t), _poly(_REST, t)
        size = np.abs(np.where(far, g, 1.0))
        value = np.where(far, _LOG_ROOT_2PI - np.log(a / size) - 0.5 * b / a, value)
        # 1 - b / a is of order 1 / g**2: its series, so that nothing cancels.
        slope = np.where(far, -0.5 * (size / a) * (t * _poly(_GAP, t) / a), slope)
    top = np.isposinf(g)
    return np.where(top, 0.0, value), np.where(top, 0.0, slope)
