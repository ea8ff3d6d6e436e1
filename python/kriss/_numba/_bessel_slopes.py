"""Scalar twins of bessel_slopes.hpp and matern.hpp: derivatives, ratios, Matern covariances."""

from __future__ import annotations

import math

from numba import njit

from kriss._numba._bessel import (
    _CENTRE,
    _DIGAMMA,
    _HALF,
    _HALF_PI,
    _HUGE,
    _INF,
    _K_SLOPE,
    _K_SLOPE_SIZES,
    _K_VALUE,
    _K_VALUE_SIZES,
    _LN2,
    _NAN,
    _RGAMMA,
    _SCALE,
    _STIRLING_FROM,
    _TINY,
    _UNIFORM,
    _UNIFORM_FROM,
    angle,
    is_extreme,
    log_half,
    series,
    stirling,
    terms_series,
    terms_temme,
    terms_uniform,
)
from kriss._numba._elementary import exp64, expm1_64, log1p64, log64, magnitude


@njit(nogil=True, error_model="numpy")
def uniform_sums(terms, g, tau):
    """S and its derivatives in g and in tau."""
    total = 0.0
    by_g = 0.0
    by_tau = 0.0
    for k in range(terms, 0, -1):
        p = _UNIFORM[k, k]
        q = 0.0
        for j in range(k - 1, -1, -1):
            q = q * tau + p
            p = p * tau + _UNIFORM[k, j]
        by_g = by_g * g + total
        by_tau = by_tau * g + q
        total = total * g + p
    return 1.0 + total * g, by_g * g + total, by_tau * g


@njit(nogil=True, error_model="numpy")
def uniform_slopes(v, x, kind):
    """Derivatives of the logarithm in v and x, and the ratio of the next order to this one."""
    rho2 = v * v + x * x
    rho = math.sqrt(rho2)
    inv = 1.0 / rho
    t = v * inv
    c = x * inv
    s, by_g, by_tau = uniform_sums(terms_uniform(rho2), kind * inv, t * t)
    by_g = kind * by_g
    # tau = t^2, g = +-1 / rho
    common = inv / s
    dv = (2.0 * t * c * c * by_tau - t * inv * by_g) * common
    dx = (-2.0 * c * t * t * by_tau - c * inv * by_g) * common
    a = angle(v, x, rho)
    return uniform_finish(v, x, rho, inv, t, c, a, dv, dx, kind)


@njit(nogil=True, error_model="numpy")
def uniform_finish(v, x, rho, inv, t, c, a, dv, dx, kind):
    order = -kind * a - 0.5 * t * inv + dv
    tail = -0.5 * c * inv + dx
    slope = kind * (rho / x) + tail
    if kind > 0:
        ratio = x / (rho + v) + tail
    else:
        ratio = (rho + v) / x - tail
    return order, slope, ratio


@njit(nogil=True, error_model="numpy")
def extreme_slopes(v, x, kind):
    scale = _SCALE if v > _HUGE or x > _HUGE else 1.0
    shift = 600.0 * _LN2 if scale < 1.0 else 0.0
    a, b = v * scale, x * scale
    rho = math.sqrt(a * a + b * b)
    angled = angle(a, b, rho) if b >= _TINY else log64(a + rho) + shift - log64(x)
    inv = 1.0 / rho
    dv = 0.0
    if scale == 1.0:
        s, by_g, _ = uniform_sums(13, kind * inv, 1.0)
        dv = -(inv * kind * by_g) * (inv / s)
    return uniform_finish(a, b, rho, inv * scale, a * inv, b * inv, angled, dv, 0.0, kind)


@njit(nogil=True, error_model="numpy")
def series_slope(terms, v, x):
    q = 0.25 * x * x
    h = 1.0
    d = 0.0
    for k in range(terms, 0, -1):
        r = 1.0 / (k + v)
        c = (q / k) * r
        d = c * (d - r * h)
        h = 1.0 + c * h
    return h, d


@njit(nogil=True, error_model="numpy")
def rgamma_slope(m):
    s = _RGAMMA[22]
    d = 0.0
    for k in range(21, -1, -1):
        d = d * m + s
        s = s * m + _RGAMMA[k]
    return s, d


@njit(nogil=True, error_model="numpy")
def digamma_rest(v):
    """Psi(v) - ln v + 1 / (2 v), negated, from v = 8.5."""
    z = 1.0 / (v * v)
    g = _DIGAMMA[8]
    for k in range(7, -1, -1):
        g = g * z + _DIGAMMA[k]
    return g * z


@njit(nogil=True, error_model="numpy")
def series_slopes(v, x):
    terms = terms_series(x)
    s, d = series_slope(terms, v, x)
    ratio = (0.5 * x / (v + 1.0)) * (series(terms, v + 1.0, x) / s)
    if v < _STIRLING_FROM:
        n = math.floor(v + 0.5)
        m = v - n
        r, dr = rgamma_slope(m)
        order = log_half(x) + dr / r
        for j in range(1, 9):
            if j <= n:
                order = order - 1.0 / (m + j)
        order = order + d / s
    else:
        base = log64(x) - log64(v) if x < _TINY else log64(x / v)
        order = ((base - _LN2) - 0.5 / v) + (digamma_rest(v) + d / s)
    return order, v / x + ratio, ratio


@njit(nogil=True, error_model="numpy")
def temme_slopes(terms, m, x):
    """The values of `temme` and their derivatives in m."""
    big = -log_half(x)
    s = m * big
    z = m * m
    odd = _RGAMMA[21]
    even = _RGAMMA[22]
    odd_z = 0.0
    even_z = 0.0
    for k in range(19, 0, -2):
        odd_z = odd_z * z + odd
        even_z = even_z * z + even
        odd = odd * z + _RGAMMA[k]
        even = even * z + _RGAMMA[k + 1]
    even_z = even_z * z + even
    even = even * z + _RGAMMA[0]
    odd_m = 2.0 * m * odd_z
    even_m = 2.0 * m * even_z
    up = even + m * odd
    down = even - m * odd
    up_m = (even_m + odd + m * odd_m) / up
    down_m = (even_m - odd - m * odd_m) / down
    a = abs(s)
    em = expm1_64(a)
    e = em + 1.0
    ei = 1.0 / e
    cosh = 0.5 * (e + ei)
    sinh = 0.5 * (em + em * ei)
    sinhc = sinh / a if a > 0.0 else 1.0
    if a < 0.5:
        y = s * s
        # sum of 2 k s^(2 k - 1) / (2 k + 1)!
        sinhc_s = s * (1 / 3 + y * (1 / 30 + y * (1 / 840 + y * (1 / 45360 + y * (1 / 3991680 + y * (1 / 518918400))))))
    else:
        sinhc_s = (cosh - sinhc) / s
    signed = sinh if s >= 0.0 else -sinh
    b = even * big * sinhc - odd * cosh
    b_m = even_m * big * sinhc + even * big * big * sinhc_s - odd_m * cosh - odd * big * signed
    w = 1.0 / (up * down)
    f = b * w
    df = b_m * w - f * (up_m + down_m)
    p = 0.5 * (e if s >= 0.0 else ei) / up
    dp = p * (big - up_m)
    q = 0.5 * (ei if s >= 0.0 else e) / down
    dq = q * (-big - down_m)
    h = 0.25 * x * x
    c = 1.0
    k0 = f
    k1 = p
    d0 = df
    d1 = dp
    for k in range(1, terms):
        r = 1.0 / (k * k - z)
        f = (k * f + (p + q)) * r
        df = ((k * df + (dp + dq)) + 2.0 * m * f) * r
        p = p * ((k + m) * r)
        dp = (dp + p) * ((k + m) * r)
        q = q * ((k - m) * r)
        dq = (dq - q) * ((k - m) * r)
        c = c * (h / k)
        k0 = k0 + c * f
        k1 = k1 + c * (p - k * f)
        d0 = d0 + c * df
        d1 = d1 + c * (dp - k * df)
    return k0, k1, d0, d1, big


@njit(nogil=True, error_model="numpy")
def interpolated_slopes(m, x):
    y = ((x - 1.0) / (x + 1.0) - _CENTRE) * _HALF
    s = 8.0 * (m * m) - 1.0
    a = 0.0
    b = 0.0
    da = 0.0
    db = 0.0
    for i in range(15, -1, -1):
        n = _K_VALUE_SIZES[i] - 1
        p = _K_VALUE[i, n]
        d = 0.0
        for j in range(n - 1, -1, -1):
            d = d * s + p
            p = p * s + _K_VALUE[i, j]
        a = a * y + p
        da = da * y + d
        n = _K_SLOPE_SIZES[i] - 1
        p = _K_SLOPE[i, n]
        d = 0.0
        for j in range(n - 1, -1, -1):
            d = d * s + p
            p = p * s + _K_SLOPE[i, j]
        b = b * y + p
        db = db * y + d
    da = 16.0 * m * da
    db = 16.0 * m * db
    return a, (m / x) * a + b, da, (a + m * da) / x + db


@njit(nogil=True, error_model="numpy")
def climb_slopes(n, m, k0, k1, d0, d1, by_order, by_previous):
    for j in range(1, n + 1):
        w = (m + j) * by_order
        k2 = w * k1 + by_previous * k0
        d2 = (w * d1 + by_previous * d0) + by_order * k1
        k0 = k1
        k1 = k2
        d0 = d1
        d1 = d2
    return k0, k1, d0, d1


@njit(nogil=True, error_model="numpy")
def small_k_slopes(v, x):
    nearest = math.floor(v + 0.5)
    m = v - nearest
    n = int(nearest)
    if x <= 2.0:
        k0, k1, d0, d1, _ = temme_slopes(terms_temme(x), m, x)
        k0, k1, d0, d1 = climb_slopes(n, m, k0, k1, d0, d1, 1.0, 0.25 * x * x)
        ratio = k1 / k0 / (0.5 * x) if x > _TINY else k1 / k0 / x * 2.0
    else:
        k0, k1, d0, d1 = interpolated_slopes(m, x)
        k0, k1, d0, d1 = climb_slopes(n, m, k0, k1, d0, d1, 2.0 / x, 1.0)
        ratio = k1 / k0
    return d0 / k0, v / x - ratio, ratio


@njit(nogil=True, error_model="numpy")
def i_slopes(v, x):
    if is_extreme(v, x):
        return extreme_slopes(v, x, 1.0)
    if v * v + x * x >= _UNIFORM_FROM:
        return uniform_slopes(v, x, 1.0)
    return series_slopes(v, x)


@njit(nogil=True, error_model="numpy")
def k_slopes(v, x):
    if is_extreme(v, x):
        return extreme_slopes(v, x, -1.0)
    if v * v + x * x >= _UNIFORM_FROM:
        return uniform_slopes(v, x, -1.0)
    return small_k_slopes(v, x)


@njit(nogil=True, error_model="numpy")
def matern_core(nu, z):
    """The covariance and the derivative of its logarithm in nu at fixed z."""
    rho2 = nu * nu + z * z
    if rho2 >= _UNIFORM_FROM and nu >= _STIRLING_FROM:
        rho = math.sqrt(rho2)
        inv = 1.0 / rho
        t = nu * inv
        a = z * (z / (rho + nu))
        grown = log1p64(a / (2.0 * nu))
        s, by_g, by_tau = uniform_sums(terms_uniform(rho2), -inv, t * t)
        e = (nu * grown - a) - 0.5 * log1p64(a / nu) - stirling(nu) + log64(s)
        c = z * inv
        dv = (2.0 * t * c * c * by_tau + t * inv * by_g) * (inv / s)
        return exp64(e), grown + (0.5 / nu + digamma_rest(nu) - 0.5 * t * inv + dv)
    n = math.floor(nu + 0.5)
    m = nu - n
    half = log_half(z)
    r, dr = rgamma_slope(m)
    product = 1.0
    total = 0.0
    for j in range(1, int(n) + 1):
        product = product * (m + j)
        total = total + 1.0 / (m + j)
    front = 2.0 * nu * r / product
    order = half + (1.0 / nu + (dr / r - total))
    if rho2 >= _UNIFORM_FROM:
        rho = math.sqrt(rho2)
        inv = 1.0 / rho
        t = nu * inv
        c = z * inv
        s, by_g, by_tau = uniform_sums(terms_uniform(rho2), -inv, t * t)
        angled = angle(nu, z, rho)
        dv = (2.0 * t * c * c * by_tau + t * inv * by_g) * (inv / s)
        order = order + (angled - 0.5 * t * inv + dv)
        return front * s * math.sqrt(_HALF_PI * inv) * exp64(nu * (angled + half) - rho), order
    if z <= 2.0:
        k0, k1, d0, d1, _ = temme_slopes(terms_temme(z), m, z)
        k0, k1, d0, d1 = climb_slopes(int(n), m, k0, k1, d0, d1, 1.0, 0.25 * z * z)
        return front * k0 * exp64(m * half), order + d0 / k0
    k0, k1, d0, d1 = interpolated_slopes(m, z)
    y = 0.5 * z
    k0, k1, d0, d1 = climb_slopes(int(n), m, k0, k1 * y, d0, d1 * y, 1.0, y * y)
    return front * k0 * math.sqrt(_HALF_PI / z) * exp64(m * half - z), order + d0 / k0


@njit(nogil=True, error_model="numpy")
def previous_ratio(nu, z):
    """K of order nu - 1 over K of order nu."""
    if nu > 0.5:
        return 1.0 / k_slopes(nu - 1.0, z)[2]
    return k_slopes(-nu, z)[2]


@njit(cache=True, nogil=True, error_model="numpy")
def matern_point(r, nu, length):
    """The covariance and its derivatives in r, lengthscale and nu."""
    if not (r >= 0.0) or not (nu > 0.0) or not (length > 0.0) or (r == _INF and length == _INF):
        return _NAN, _NAN, _NAN, _NAN
    s = r / length
    if nu > 1e16:
        k = exp64(-0.5 * s * s)
        return k, (-k * (s / length) if k > 0.0 else 0.0), (k * s * (s / length) if k > 0.0 else 0.0), 0.0
    z = math.sqrt(2.0 * nu) * s
    if not (z > 0.0):
        return 1.0, (-0.0 if nu > 0.5 else (-1.0 / length if nu == 0.5 else -_INF)), 0.0, 0.0
    if not (z < _HUGE):
        return 0.0, -0.0, 0.0, 0.0
    k, order = matern_core(nu, z)
    if k == 0.0:
        return k, -0.0, 0.0, 0.0
    q = previous_ratio(nu, z)
    by_z = k * q
    return k, -by_z * (math.sqrt(2.0 * nu) / length), by_z * (z / length), k * (order - q * (0.5 * z / nu))


@njit(cache=True, nogil=True, error_model="numpy")
def slopes_anywhere(v0, x, kind):
    """Derivatives in order and argument, and the ratio, with the limits."""
    v = magnitude(v0) if kind < 0 else v0
    if not (v >= 0.0) or not (x >= 0.0) or (v == _INF and x == _INF):
        return _NAN, _NAN, _NAN
    if v == _INF:
        order, slope, ratio = -kind * _INF, kind * _INF, (0.0 if kind > 0 else _INF)
    elif x == _INF:
        order, slope, ratio = -kind * 0.0, kind * 1.0, 1.0
    elif x == 0.0:
        order = 0.0 if kind < 0 and v == 0.0 else -kind * _INF
        slope = (_INF if v > 0.0 else 0.0) if kind > 0 else -_INF
        ratio = 0.0 if kind > 0 else _INF
    else:
        order, slope, ratio = i_slopes(v, x) if kind > 0 else k_slopes(v, x)
    if kind < 0 and v0 < 0.0:
        return -order, slope, _NAN
    return order, slope, ratio
