"""The Matern function of any smoothness as polynomials in the logarithm of the distance."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import gammaln, kve

Array = npt.NDArray[Any]

_DEGREE = 9
_WIDTH = 0.8  # of a panel in log(s**2)
_LOWEST = -690.0  # log(s**2) of about 1e-150
_FAR = 1e-250  # below this covariance its logarithm comes from that of the Bessel function
_SMOOTH = 1000.0  # beyond this nu SciPy's Bessel function may overflow there


@functools.cache
def _transform() -> tuple[Array, Array]:
    """Chebyshev points on [-1, 1], and the matrix from values there to coefficients of powers."""
    count = _DEGREE + 1
    angles = math.pi * (np.arange(count) + 0.5) / count
    to_chebyshev = np.cos(np.outer(np.arange(count), angles)) * (2.0 / count)
    to_chebyshev[0] *= 0.5
    to_powers = np.zeros((count, count))
    for k in range(count):
        powers = np.polynomial.chebyshev.cheb2poly(np.eye(count)[k])
        to_powers[: powers.size, k] = powers
    return np.cos(angles), to_powers @ to_chebyshev


def _far(nu: float, s: Array) -> tuple[Array, Array, Array]:
    """log k but for a constant, log(slope / k) and d log k / d log nu, where k is below 1e-250."""
    if nu > _SMOOTH:
        # Two terms of the uniform expansion (DLMF 10.41.4) in w = sqrt(1 + 2 s^2 / nu), where z = nu sqrt(w^2 - 1).
        w = np.sqrt(1.0 + 2.0 * s * s / nu)
        u = (3.0 / w - 5.0 / w**3) / 24.0
        by_w = nu / (1.0 + w) - nu - 0.5 / w + (3.0 / w**2 - 15.0 / w**4) / (24.0 * nu)
        at_w = np.log1p(0.5 * (w - 1.0)) - (w - 1.0) + u / nu / nu
        value = nu * np.log1p(0.5 * (w - 1.0)) - nu * (w - 1.0) - 0.5 * np.log(w) - u / nu
        return value, np.log(-2.0 * by_w / (nu * w)), nu * (at_w - by_w * (w * w - 1.0) / (2.0 * nu * w))

    def log_k(order: float) -> Array:
        z = math.sqrt(2.0 * order) * s
        known: Array = math.log(2.0) * (1.0 - order) - gammaln(order) + order * np.log(z) + np.log(kve(order, z)) - z
        return known

    z = math.sqrt(2.0 * nu) * s
    h = 1e-5
    by_nu = (log_k(nu * (1.0 + h)) - log_k(nu * (1.0 - h))) / (2.0 * h)
    return log_k(nu), np.log(2.0 * nu / z * kve(abs(nu - 1.0), z) / kve(nu, z)), by_nu


def functions(nu: float, y: Array) -> tuple[Array, Array, Array]:
    """log k, log slope and d log k / d log nu at log(s**2) = y, increasing; slope = -2 dk / d s**2."""
    from kriss.special import matern

    s = np.exp(0.5 * y)
    point = matern(s, nu, 1.0, deriv=True)
    near = point.value > _FAR
    value = np.where(near, point.value, 1.0)
    log_k = np.log(value)
    slope = np.log(np.where(near, -point.by_r / s, 1.0))
    by_nu = nu * point.by_nu / value
    if not near.all():
        cut = int(np.flatnonzero(near)[-1])
        base, ratio, own = _far(nu, s[cut:])
        far = slice(cut + 1, None)
        log_k[far] = log_k[cut] + (base[1:] - base[0])
        slope[far] = log_k[far] + ratio[1:]
        by_nu[far] = own[1:]
    return log_k, slope, by_nu


@functools.lru_cache(maxsize=64)
def table(nu: float) -> Array:
    """Header and panels for smoothness `nu`, as cpp/include/kriss/gp/tree.hpp reads them; read-only."""
    points, matrix = _transform()
    power = min(nu, 1.0)
    low = max(_LOWEST, -42.0 / power)  # where 1 - k has vanished
    if 0.5 < nu < 2.0:
        low = -120.0  # the slope next to 0 takes longer to become a power of s
    high = max(7.5, 13.3 - math.log(2.0 * nu))  # where k has: z = 775, or s = 42
    panels = math.ceil((high - low) / _WIDTH)
    left = low + _WIDTH * np.arange(panels)
    y = left[:, None] + 0.5 * _WIDTH * (1.0 + points[::-1])
    values = [f.reshape(panels, -1)[:, ::-1] @ matrix.T for f in functions(nu, y.ravel())]
    start = functions(nu, np.array([low]))
    lost = -math.expm1(float(start[0][0]))
    head = np.array([low, 1.0 / _WIDTH, panels, power, lost, float(start[1][0])])
    out = np.concatenate([head, *[v.ravel() for v in values]])
    out.flags.writeable = False
    return out
