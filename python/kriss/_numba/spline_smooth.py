"""Numba twins of the smoothing-spline kernels: the same arithmetic in the same order as ``spline/smooth.hpp``.

Equations and references are in the header. One lam is taken at a time here, with the same result as in a vector lane.
`workers` is accepted and ignored.
"""

from __future__ import annotations

import math

from numba import njit

from kriss._numba._elementary import log64

_LN2 = 0.6931471805599453094172321214581766


@njit(cache=True, nogil=True, error_model="numpy")
def scan(h, rw, vr, y, lam, edf, rss, energy, logdet, work, workers):
    n = rw.size
    store = work[: 4 * n].reshape(n, 4)
    h0 = h[0]
    for i in range(lam.size):
        lambda_ = lam[i]
        value = y[1]
        slope = (y[1] - y[0]) / h0
        p00 = lambda_ * rw[1]
        p01 = p00 / h0
        p11 = lambda_ * (rw[0] + rw[1]) / (h0 * h0) + h0 / 3.0
        quadratic = logs = 0.0
        product = 1.0
        exponents = 0
        for t in range(2, n):
            step = h[t - 1]
            value += step * slope
            p00 += step * (2.0 * p01 + step * p11) + step * step * step / 3.0
            p01 += step * p11 + step * step / 2.0
            p11 += step
            noise = lambda_ * rw[t]
            variance = p00 + noise
            inverse = 1.0 / variance
            m0 = p00 * inverse
            m1 = p01 * inverse
            innovation = y[t] - value
            scaled = innovation * inverse
            rest = noise * inverse
            value += p00 * scaled
            slope += p01 * scaled
            p11 -= p01 * m1
            p00 *= rest
            p01 *= rest
            quadratic += innovation * scaled
            mantissa, exponent = math.frexp(variance)
            exponents += exponent
            product *= mantissa
            store[t, 0] = m0
            store[t, 1] = m1
            store[t, 2] = inverse
            store[t, 3] = scaled
            if t % 64 == 1 or t == n - 1:
                logs += log64(product)
                product = 1.0
        r0 = r1 = n00 = n01 = n11 = trace = squares = 0.0
        for t in range(n - 1, 1, -1):
            m0, m1, inverse, scaled = store[t, 0], store[t, 1], store[t, 2], store[t, 3]
            noise = lambda_ * rw[t]
            rest = noise * inverse
            u = scaled - m0 * r0 - m1 * r1
            own = m1 * m1 * n11
            d = inverse + m0 * (m0 * n00 + 2.0 * m1 * n01) + own
            n00 = rest * (rest * n00 - 2.0 * m1 * n01) + own + inverse
            n01 = rest * n01 - m1 * n11
            r0 += u
            trace += 1.0 - noise * d
            squares += vr[t] * (u * u)
            step = h[t - 1]
            r1 += step * r0
            n11 += step * (2.0 * n01 + step * n00)
            n01 += step * n00
        u0 = r1 / h0
        u1 = -r0 - u0
        d0 = n11 / (h0 * h0)
        d1 = n00 + 2.0 * n01 / h0 + d0
        trace += 1.0 - lambda_ * rw[1] * d1
        trace += 1.0 - lambda_ * rw[0] * d0
        squares += vr[1] * (u1 * u1)
        squares += vr[0] * (u0 * u0)
        edf[i] = trace
        rss[i] = lambda_ * lambda_ * squares
        energy[i] = lambda_ * quadratic
        logdet[i] = logs + _LN2 * exponents
    return 0


@njit(cache=True, nogil=True, error_model="numpy")
def fit(h, rw, y, lam, f, g, leverage, work, workers):
    n = rw.size
    gain0, gain1, inv, innovations = work[:n], work[n : 2 * n], work[2 * n : 3 * n], work[3 * n : 4 * n]
    h0 = h[0]
    p00 = lam * rw[1]
    p01 = p00 / h0
    p11 = lam * (rw[0] + rw[1]) / (h0 * h0) + h0 / 3.0
    good = True
    for t in range(2, n):
        step = h[t - 1]
        p00 += step * (2.0 * p01 + step * p11) + step * step * step / 3.0
        p01 += step * p11 + step * step / 2.0
        p11 += step
        noise = lam * rw[t]
        variance = p00 + noise
        inverse = 1.0 / variance
        good = good and variance > 0.0 and inverse > 0.0
        gain0[t] = p00 * inverse
        gain1[t] = p01 * inverse
        inv[t] = inverse
        rest = noise * inverse
        p11 -= p01 * gain1[t]
        p00 *= rest
        p01 *= rest
    if not good:
        return 6
    n00 = n01 = n11 = 0.0
    for t in range(n - 1, 1, -1):
        noise = lam * rw[t]
        rest = noise * inv[t]
        m0, m1 = gain0[t], gain1[t]
        own = m1 * m1 * n11
        leverage[t] = 1.0 - noise * (inv[t] + m0 * (m0 * n00 + 2.0 * m1 * n01) + own)
        n00 = rest * (rest * n00 - 2.0 * m1 * n01) + own + inv[t]
        n01 = rest * n01 - m1 * n11
        step = h[t - 1]
        n11 += step * (2.0 * n01 + step * n00)
        n01 += step * n00
    d0 = n11 / (h0 * h0)
    leverage[1] = 1.0 - lam * rw[1] * (n00 + 2.0 * n01 / h0 + d0)
    leverage[0] = 1.0 - lam * rw[0] * d0
    for c in range(y.shape[0]):
        yc, fc, gc = y[c], f[c], g[c]
        value = yc[1]
        slope = (yc[1] - yc[0]) / h0
        for t in range(2, n):
            value += h[t - 1] * slope
            innovation = yc[t] - value
            innovations[t] = innovation * inv[t]
            value += gain0[t] * innovation
            slope += gain1[t] * innovation
        r0 = r1 = 0.0
        for t in range(n - 1, 1, -1):
            u = innovations[t] - gain0[t] * r0 - gain1[t] * r1
            gc[t] = r1
            fc[t] = yc[t] - lam * rw[t] * u
            r0 += u
            r1 += h[t - 1] * r0
        gc[1] = r1
        gc[0] = 0.0
        u0 = r1 / h0
        fc[1] = yc[1] - lam * rw[1] * (-r0 - u0)
        fc[0] = yc[0] - lam * rw[0] * u0
    return 0
