"""Scalar twins of cpp/include/kriss/special/: logarithms of the modified Bessel functions, their ratios and gradients.

The same regions, formulas and order of operations as in C++; the sources are named there.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from kriss._numba import _special_coefficients as _c
from kriss._numba._elementary import exp64, expm1_64, log1p64, log64, magnitude, two_product, two_sum

_UNIFORM = np.array(_c.UNIFORM)
_K_VALUE = np.array(_c.K_VALUE)
_K_SLOPE = np.array(_c.K_SLOPE)
_K_VALUE_SIZES = np.array(_c.K_VALUE_SIZES)
_K_SLOPE_SIZES = np.array(_c.K_SLOPE_SIZES)
_ETA = np.array(_c.ETA_TAYLOR)
_RGAMMA = np.array(_c.RECIPROCAL_GAMMA)
_STIRLING = np.array(_c.STIRLING)
_DIGAMMA = np.array(_c.DIGAMMA)
_ZERO, _ZERO_LOW = _c.ETA_ZERO, _c.ETA_ZERO_LOW
_CENTRE, _HALF = _c.K_CENTRE, _c.K_HALF

_INF = np.inf
_NAN = np.nan
_LN2 = math.log(2.0)
_HALF_PI = math.pi / 2
_TWO_PI_INV = 1 / (2 * math.pi)
_UNIFORM_FROM = 625.0  # rho^2
_BAND = 0.066  # |x / v - zero| of the expansion about the zero of eta
_TINY = 1e-290
_HUGE = 1e150
_SCALE = 2.0**-600
_STIRLING_FROM = 8.5


@njit(nogil=True, error_model="numpy")
def terms_uniform(rho2):
    """Terms of the uniform expansion."""
    return 4 if rho2 >= 490000.0 else (6 if rho2 >= 19600.0 else (9 if rho2 >= 2304.0 else 13))


@njit(nogil=True, error_model="numpy")
def terms_series(x):
    return 12 if x <= 2.0 else (24 if x <= 8.0 else 42)


@njit(nogil=True, error_model="numpy")
def terms_temme(x):
    return 6 if x <= 0.1 else 14


@njit(nogil=True, error_model="numpy")
def uniform_sum(terms, g, tau):
    """S(g, tau) = 1 + sum g^k p_k(tau)."""
    total = 0.0
    for k in range(terms, 0, -1):
        p = _UNIFORM[k, k]
        for j in range(k - 1, -1, -1):
            p = p * tau + _UNIFORM[k, j]
        total = total * g + p
    return 1.0 + total * g


@njit(nogil=True, error_model="numpy")
def angle(v, x, rho):
    """Inverse hyperbolic sine of v / x."""
    return log1p64((v + v * (v / (rho + x))) / x)


@njit(nogil=True, error_model="numpy")
def in_band(v, x):
    return abs(x - _ZERO * v) <= _BAND * v


@njit(nogil=True, error_model="numpy")
def exponent_near_zero(v, x):
    """Rho - v asinh(v / x) for x / v next to the zero of it, from the exact distance."""
    p, e = two_product(_ZERO, v)
    d = (((x - p) - e) - _ZERO_LOW * v) / v
    s = _ETA[15]
    for k in range(14, -1, -1):
        s = s * d + _ETA[k]
    return v * (d * s)


@njit(nogil=True, error_model="numpy")
def uniform_parts(v, x, kind, scaled):
    """The exponent and the logarithm of the factor; kind is 1 for I and -1 for K."""
    rho2 = v * v + x * x
    rho = math.sqrt(rho2)
    inv = 1.0 / rho
    t = v * inv
    if scaled:
        e = v * (v / (rho + x)) - v * angle(v, x, rho)
        s = uniform_sum(terms_uniform(rho2), kind * inv, t * t)
    elif in_band(v, x):
        e = exponent_near_zero(v, x)
        s = uniform_sum(13, kind * inv, t * t)
    else:
        e = rho - v * angle(v, x, rho)
        s = uniform_sum(terms_uniform(rho2), kind * inv, t * t)
    factor = _TWO_PI_INV if kind > 0 else _HALF_PI
    return kind * e, 0.5 * log64(s * s * inv * factor)


@njit(nogil=True, error_model="numpy")
def extreme_parts(v, x, kind, scaled):
    """The same where squares or v / x would overflow: rho so large that the series is 1, or x tiny."""
    scale = _SCALE if v > _HUGE or x > _HUGE else 1.0
    shift = 600.0 * _LN2 if scale < 1.0 else 0.0
    a, b = v * scale, x * scale
    rho = math.sqrt(a * a + b * b)
    if b >= _TINY:
        angled = angle(a, b, rho)
    else:
        angled = log64(a + rho) + shift - log64(x)
    if scaled:
        e = a * (a / (rho + b)) - a * angled
    elif in_band(a, b):
        e = exponent_near_zero(a, b)
    else:
        e = rho - a * angled
    s = 1.0
    if scale == 1.0:
        s = uniform_sum(13, kind / rho, (a / rho) * (a / rho))
    factor = _TWO_PI_INV if kind > 0 else _HALF_PI
    return kind * (e / scale), 0.5 * (log64(s * s * factor / rho) - shift)


@njit(nogil=True, error_model="numpy")
def log_half(x):
    """log(x / 2), subnormal x included."""
    small = x < 1.0
    return log64(x if small else 0.5 * x) - (_LN2 if small else 0.0)


@njit(nogil=True, error_model="numpy")
def series(terms, v, x):
    """Sum of (x^2 / 4)^k / (k! (v + 1)_k)."""
    q = 0.25 * x * x
    h = 1.0
    for k in range(terms, 0, -1):
        h = 1.0 + (q / (k * (k + v))) * h
    return h


@njit(nogil=True, error_model="numpy")
def rgamma(m):
    """1 / Gamma(1 + m) for |m| <= 1/2."""
    s = _RGAMMA[22]
    for k in range(21, -1, -1):
        s = s * m + _RGAMMA[k]
    return s


@njit(nogil=True, error_model="numpy")
def stirling(v):
    """ln Gamma(v + 1) - (v + 1/2) ln v + v - ln(2 pi) / 2."""
    r = 1.0 / v
    z = r * r
    s = _STIRLING[8]
    for k in range(7, -1, -1):
        s = s * z + _STIRLING[k]
    return s * r


@njit(nogil=True, error_model="numpy")
def series_parts(v, x):
    s = series(terms_series(x), v, x)
    if v < _STIRLING_FROM:
        n = math.floor(v + 0.5)
        m = v - n
        product = 1.0
        for j in range(1, 9):
            if j <= n:
                product = product * (m + j)
        return v * log_half(x), log64(s * rgamma(m) / product)
    if x < _TINY:
        base = log64(x) - log64(v)
    else:
        base = log64(x / v)
    return v * (base + (1.0 - _LN2)), 0.5 * log64(s * s * _TWO_PI_INV / v) - stirling(v)


@njit(nogil=True, error_model="numpy")
def temme(terms, m, x):
    """K_m(x), (x / 2) K_{m+1}(x) and L = log(2 / x) for |m| <= 1/2."""
    big = -log_half(x)
    s = m * big
    z = m * m
    odd = _RGAMMA[21]
    even = _RGAMMA[22]
    for k in range(19, 0, -2):
        odd = odd * z + _RGAMMA[k]
        even = even * z + _RGAMMA[k + 1]
    even = even * z + _RGAMMA[0]
    up = even + m * odd  # 1 / Gamma(1 + m)
    down = even - m * odd
    a = abs(s)
    em = expm1_64(a)
    e = em + 1.0
    ei = 1.0 / e
    cosh = 0.5 * (e + ei)
    sinhc = 0.5 * (em + em * ei) / a if a > 0.0 else 1.0
    f = (even * big * sinhc - odd * cosh) / (up * down)
    p = 0.5 * (e if s >= 0.0 else ei) / up
    q = 0.5 * (ei if s >= 0.0 else e) / down
    h = 0.25 * x * x
    c = 1.0
    k0 = f
    k1 = p
    for k in range(1, terms):
        r = 1.0 / (k * k - z)
        f = (k * f + (p + q)) * r
        p = p * ((k + m) * r)
        q = q * ((k - m) * r)
        c = c * (h / k)
        k0 = k0 + c * f
        k1 = k1 + c * (p - k * f)
    return k0, k1, big


@njit(nogil=True, error_model="numpy")
def interpolated(m, x):
    """sqrt(2 x / pi) e^x times K_m and K_{m+1}, for |m| <= 1/2 and 2 <= x <= 25."""
    y = ((x - 1.0) / (x + 1.0) - _CENTRE) * _HALF
    s = 8.0 * (m * m) - 1.0
    a = 0.0
    b = 0.0
    for i in range(15, -1, -1):
        n = _K_VALUE_SIZES[i] - 1
        p = _K_VALUE[i, n]
        for j in range(n - 1, -1, -1):
            p = p * s + _K_VALUE[i, j]
        a = a * y + p
        n = _K_SLOPE_SIZES[i] - 1
        p = _K_SLOPE[i, n]
        for j in range(n - 1, -1, -1):
            p = p * s + _K_SLOPE[i, j]
        b = b * y + p
    return a, (m / x) * a + b


@njit(nogil=True, error_model="numpy")
def climb(n, m, k0, k1, by_order, by_previous):
    """From orders m and m + 1 to m + n and m + n + 1: next = (order * by_order) * this + by_previous * previous."""
    for j in range(1, n + 1):
        k2 = ((m + j) * by_order) * k1 + by_previous * k0
        k0 = k1
        k1 = k2
    return k0, k1


@njit(nogil=True, error_model="numpy")
def small_k_parts(v, x, scaled):
    nearest = math.floor(v + 0.5)
    m = v - nearest
    n = int(nearest)
    if x <= 2.0:
        k0, k1, big = temme(terms_temme(x), m, x)
        k0, k1 = climb(n, m, k0, k1, 1.0, 0.25 * x * x)
        return nearest * big + (x if scaled else 0.0), log64(k0)
    k0, k1 = interpolated(m, x)
    k0, k1 = climb(n, m, k0, k1, 2.0 / x, 1.0)
    return (0.0 if scaled else -x), log64(k0 * math.sqrt(_HALF_PI / x))


@njit(nogil=True, error_model="numpy")
def is_extreme(v, x):
    return v > _HUGE or x > _HUGE or (x < _TINY and v >= 25.0)


@njit(nogil=True, error_model="numpy")
def i_parts(v, x, scaled):
    if is_extreme(v, x):
        return extreme_parts(v, x, 1.0, scaled)
    if v * v + x * x >= _UNIFORM_FROM:
        return uniform_parts(v, x, 1.0, scaled)
    hi, lo = series_parts(v, x)
    return hi, (lo - x if scaled else lo)


@njit(nogil=True, error_model="numpy")
def k_parts(v, x, scaled):
    if is_extreme(v, x):
        return extreme_parts(v, x, -1.0, scaled)
    if v * v + x * x >= _UNIFORM_FROM:
        return uniform_parts(v, x, -1.0, scaled)
    return small_k_parts(v, x, scaled)


@njit(nogil=True, error_model="numpy")
def edge(v, x, kind, scaled):
    """The logarithm at the limits, NaN outside the domain."""
    if not (v >= 0.0) or not (x >= 0.0) or (v == _INF and x == _INF):
        return _NAN
    if x == 0.0 or v == _INF:
        return _INF if kind < 0 else (0.0 if v == 0.0 else -_INF)
    return _INF if kind > 0 and not scaled else -_INF


@njit(cache=True, nogil=True, error_model="numpy")
def logarithm(v, x, kind, scaled):
    if kind < 0:
        v = magnitude(v)
    if not (v >= 0.0 and x > 0.0 and v < _INF and x < _INF):
        return edge(v, x, kind, scaled)
    hi, lo = i_parts(v, x, scaled) if kind > 0 else k_parts(v, x, scaled)
    return hi + lo


@njit(cache=True, nogil=True, error_model="numpy")
def value(v, x, kind, scaled):
    if kind < 0:
        v = magnitude(v)
    if not (v >= 0.0 and x > 0.0 and v < _INF and x < _INF):
        return exp64(edge(v, x, kind, scaled))
    hi, lo = i_parts(v, x, scaled) if kind > 0 else k_parts(v, x, scaled)
    s, error = two_sum(hi, lo)
    e = exp64(s)
    return e + e * error if e < _INF else e
