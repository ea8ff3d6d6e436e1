"""Numba twins of the one-dimensional Matern series: same operations, same order as cpp/include/kriss/gp/series*.hpp.

L (S, S) and D (S) hold the factors of a covariance; a table of transitions has one row per point.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from kriss._numba._elementary import exp64, expm1_64

_BLOCK = 64
_CLOSEST = (0.0, 0.0, 1e-60, 1e-40, 1e-28)
_FORGOTTEN = 60.0
_TAIL = np.ones((8, 26))
for _k in (3, 5, 7):
    for _m in range(1, 26):
        _TAIL[_k, _m] = _TAIL[_k, _m - 1] / (_k + _m)
_INVERSE = np.array([1.0 / math.factorial(k) for k in range(8)])
_BINOMIAL = np.array([[math.comb(j, k) for k in range(5)] for j in range(5)], float)
_INTENSITY = np.array([0.0, 2.0, 4.0, 16.0 / 3.0, 6.4])
_PRIOR = np.zeros((5, 4, 4))  # P
_PRIOR_L = np.zeros((5, 4, 4))
_PRIOR_D = np.ones((5, 4))
for _j in range(1, 5):
    _PRIOR[_j, :_j, :_j] = np.eye(_j)
_PRIOR[3, 1, 1] = 1.0 / 3.0
_PRIOR[3, 0, 2] = _PRIOR[3, 2, 0] = -1.0 / 3.0
_PRIOR[4, 1, 1] = _PRIOR[4, 2, 2] = 0.2
_PRIOR[4, 0, 2] = _PRIOR[4, 2, 0] = _PRIOR[4, 1, 3] = _PRIOR[4, 3, 1] = -0.2
_PRIOR_L[3, 2, 0] = -1.0 / 3.0
_PRIOR_L[4, 2, 0], _PRIOR_L[4, 3, 1] = -0.2, -1.0
_PRIOR_D[3, :3] = 1.0, 1.0 / 3.0, 8.0 / 9.0
_PRIOR_D[4] = 1.0, 0.2, 0.16, 0.8


@njit(inline="always")
def _head(x, first, last):
    total = _INVERSE[last]
    for k in range(last - 1, first - 1, -1):
        total = total * x + _INVERSE[k]
    return total


@njit(cache=True, nogil=True, error_model="numpy")
def _gamma_ratio(k, x, xk, e):
    if x < 0.5 * (k + 1):
        total = _TAIL[k, 25]
        for m in range(24, -1, -1):
            total = total * x + _TAIL[k, m]
        return (e * xk) * (_INVERSE[k] * total)
    return 1.0 - e * _head(x, 0, k - 1)


@njit(inline="always")
def _reciprocal(x):
    return 1.0 / x if x > 0.0 else 0.0


@njit(cache=True, nogil=True, error_model="numpy")
def _transition(j, rate, variance, gap, phi, lq, dq):
    """phi (J, J), lq (J, J) below its diagonal, dq (J) for one gap; returns a."""
    a = rate * gap
    if a > 750.0:
        a = 750.0
    if a < _CLOSEST[j]:
        a = 0.0
    b = exp64(-a)
    if j == 1:
        phi[0, 0] = b
        dq[0] = variance * -expm1_64(-2.0 * a)
        return a
    e, x = b * b, 2.0 * a
    ea = e * a
    if j == 2:
        phi[0, 0], phi[0, 1] = b * (1.0 + a), b * a
        phi[1, 0], phi[1, 1] = -(b * a), b * (1.0 - a)
        q00 = _gamma_ratio(3, x, x * x * x, e)
        q01 = 2.0 * (ea * a)
        q11 = (q00 + (e * x) * _head(x, 1, 2)) + ea * (2.0 - 2.0 * a)
        lq[1, 0] = q01 * _reciprocal(q00)
        dq[0] = variance * q00
        dq[1] = variance * (q11 - lq[1, 0] * q01)
        return a
    a2 = a * a
    ea2, h, x3 = e * a2, 0.5 * a2, x * x * x
    if j == 3:
        phi[0, 0], phi[0, 1], phi[0, 2] = b * (1.0 + a + h), b * (a + a2), b * h
        phi[1, 0], phi[1, 1], phi[1, 2] = -(b * h), b * (1.0 + a - a2), b * (a - h)
        phi[2, 0], phi[2, 1], phi[2, 2] = b * (h - a), b * (a2 - 3.0 * a), b * (1.0 - 2.0 * a + h)
        g5 = _gamma_ratio(5, x, x3 * (x * x), e)
        g3 = g5 + (e * x3) * _head(x, 3, 4)
        g1 = g3 + (e * x) * _head(x, 1, 2)
        p = (ea2 * a) * (4.0 / 3.0 - 2.0 / 3.0 * a)
        q01 = 2.0 / 3.0 * (ea2 * a2)
        q02 = p - g3 / 3.0
        q11 = p + g3 / 3.0
        q12 = 2.0 / 3.0 * (ea2 * ((2.0 - a) * (2.0 - a)))
        q22 = g1 + ea * (10.0 / 3.0 + a * (-22.0 / 3.0 + a * (4.0 - 2.0 / 3.0 * a)))
        i0 = _reciprocal(g5)
        l10, l20 = q01 * i0, q02 * i0
        d1 = q11 - l10 * q01
        s21 = q12 - l20 * q01
        l21 = s21 * _reciprocal(d1)
        lq[1, 0], lq[2, 0], lq[2, 1] = l10, l20, l21
        dq[0], dq[1] = variance * g5, variance * d1
        dq[2] = variance * ((q22 - l20 * q02) - l21 * s21)
        return a
    a3 = a2 * a
    ea3, c, half = e * a3, a3 / 6.0, 0.5 * a3
    phi[0, 0], phi[0, 1], phi[0, 2], phi[0, 3] = b * (1.0 + a + h + c), b * (a + a2 + half), b * (h + half), b * c
    phi[1, 0], phi[1, 1] = -(b * c), b * (1.0 + a + h - half)
    phi[1, 2], phi[1, 3] = b * (a + a2 - half), b * (h - c)
    phi[2, 0], phi[2, 1] = b * (c - h), b * (half - 2.0 * a2)
    phi[2, 2], phi[2, 3] = b * (1.0 + a - 2.5 * a2 + half), b * (a - a2 + c)
    phi[3, 0], phi[3, 1] = b * (a2 - a - c), b * (3.5 * a2 - 4.0 * a - half)
    phi[3, 2], phi[3, 3] = b * (4.0 * a2 - 6.0 * a - half), b * (1.0 - 3.0 * a + 1.5 * a2 - c)
    x5 = x3 * (x * x)
    g7 = _gamma_ratio(7, x, x5 * (x * x), e)
    g5 = g7 + (e * x5) * _head(x, 5, 6)
    g3 = g5 + (e * x3) * _head(x, 3, 4)
    g1 = g3 + (e * x) * _head(x, 1, 2)
    t = 4.0 / 45.0
    p = (ea3 * a2) * (4.0 / 15.0 - t * a)
    q01 = t * (ea3 * a3)
    q02 = p - g5 / 5.0
    q03 = (ea2 * a2) * (4.0 / 15.0 + a * (-8.0 / 15.0 + t * a))
    q11 = p + g5 / 5.0
    q12 = (ea2 * a2) * (4.0 / 5.0 + a * (-8.0 / 15.0 + t * a))
    q13 = ea3 * (4.0 / 3.0 + a * (-2.0 + a * (4.0 / 5.0 - t * a))) - g3 / 5.0
    q22 = ea3 * (28.0 / 15.0 + a * (-34.0 / 15.0 + a * (4.0 / 5.0 - t * a))) + g3 / 5.0
    q23 = ea2 * (16.0 / 5.0 + a * (-32.0 / 5.0 + a * (64.0 / 15.0 + a * (-16.0 / 15.0 + t * a))))
    q33 = g1 + ea * (
        22.0 / 5.0 + a * (-74.0 / 5.0 + a * (236.0 / 15.0 + a * (-106.0 / 15.0 + a * (4.0 / 3.0 - t * a))))
    )
    i0 = _reciprocal(g7)
    l10, l20, l30 = q01 * i0, q02 * i0, q03 * i0
    d1 = q11 - l10 * q01
    i1 = _reciprocal(d1)
    s21, s31 = q12 - l20 * q01, q13 - l30 * q01
    l21, l31 = s21 * i1, s31 * i1
    d2 = (q22 - l20 * q02) - l21 * s21
    s32 = (q23 - l30 * q02) - l31 * s21
    l32 = s32 * _reciprocal(d2)
    lq[1, 0], lq[2, 0], lq[2, 1] = l10, l20, l21
    lq[3, 0], lq[3, 1], lq[3, 2] = l30, l31, l32
    dq[0], dq[1], dq[2] = variance * g7, variance * d1, variance * d2
    dq[3] = variance * (((q33 - l30 * q03) - l31 * s31) - l32 * s32)
    return a


@njit(cache=True, nogil=True, error_model="numpy")
def _transitions(order, variance, rate, gap, a, phi, lq, dq):
    """The block-diagonal transition of all terms over one gap: a (terms), phi and lq (S, S), dq (S)."""
    lo = 0
    for c in range(order.size):
        hi = lo + order[c]
        a[c] = _transition(order[c], rate[c], variance[c], gap, phi[lo:hi, lo:hi], lq[lo:hi, lo:hi], dq[lo:hi])
        lo = hi


@njit(cache=True, nogil=True)
def _prior(order, variance, l, d):
    l[:] = 0.0
    lo = 0
    for c in range(order.size):
        j = order[c]
        for i in range(j):
            for k in range(i):
                l[lo + i, lo + k] = _PRIOR_L[j, i, k]
            d[lo + i] = variance[c] * _PRIOR_D[j, i]
        lo += j


@njit(cache=True, nogil=True)
def _store(l, d, out):
    at = 0
    for i in range(d.size):
        for k in range(i):
            out[at] = l[i, k]
            at += 1
    out[at:] = d


@njit(cache=True, nogil=True)
def _load(out, l, d):
    at = 0
    for i in range(d.size):
        for k in range(i):
            l[i, k] = out[at]
            at += 1
    d[:] = out[at:]


@njit(cache=True, nogil=True, error_model="numpy")
def _advance(order, phi, lq, dq, l, d, w, v):
    """L D L' <- Phi L D L' Phi' + Q; w, v: (S, S) scratch."""
    n = d.size
    lo = 0
    for c in range(order.size):
        hi = lo + order[c]
        for r in range(lo, hi):
            for k in range(n):
                total = phi[r, k] if lo <= k < hi else 0.0
                for p in range(max(k + 1, lo), hi):
                    total += phi[r, p] * l[p, k]
                w[r, k] = total
            for k in range(r):
                v[r, k] = lq[r, k] if k >= lo else 0.0
            v[r, r] = 1.0
        lo = hi
    fresh, wd, vq = np.empty(n), np.empty(n), np.empty(n)
    for k in range(n):
        total = 0.0
        for p in range(n):
            wd[p] = w[k, p] * d[p]
            total += wd[p] * w[k, p]
        noise = 0.0
        for p in range(k + 1):
            vq[p] = v[k, p] * dq[p]
            noise += vq[p] * v[k, p]
        fresh[k] = total + noise
        inverse = _reciprocal(fresh[k])
        for r in range(k + 1, n):
            left = 0.0
            for p in range(n):
                left += w[r, p] * wd[p]
            right = 0.0
            for p in range(k + 1):
                right += v[r, p] * vq[p]
            f = (left + right) * inverse
            l[r, k] = f
            for p in range(n):
                w[r, p] -= f * w[k, p]
            for p in range(k + 1):
                v[r, p] -= f * v[k, p]
    d[:] = fresh


@njit(cache=True, nogil=True)
def _factored(order, l, f):
    f[:] = 0.0
    lo = 0
    for c in range(order.size):
        for k in range(lo):
            f[k] += l[lo, k]
        f[lo] += 1.0
        lo += order[c]


@njit(cache=True, nogil=True)
def _seen(order, l, d, p):
    n = d.size
    if order.size == 1:
        p[0] = d[0]
        for r in range(1, n):
            p[r] = l[r, 0] * d[0]
        return d[0]
    f = np.empty(n)
    _factored(order, l, f)
    total = 0.0
    for k in range(n):
        total += (d[k] * f[k]) * f[k]
    for r in range(n):
        entry = d[r] * f[r]
        for k in range(r):
            entry += l[r, k] * (d[k] * f[k])
        p[r] = entry
    return total


@njit(cache=True, nogil=True, error_model="numpy")
def _observe(order, l, d, tau, inverse):
    if order.size == 1:
        d[0] *= tau * inverse
        return
    n = d.size
    f, gain = np.empty(n), np.empty(n)
    _factored(order, l, f)
    alpha = tau
    for k in range(n - 1, -1, -1):
        v = d[k] * f[k]
        following = alpha + f[k] * v
        slope = f[k] / alpha if alpha > 0.0 else 0.0
        d[k] *= alpha / following if following > 0.0 else 1.0
        for r in range(k + 1, n):
            old = l[r, k]
            l[r, k] = old - slope * gain[r]
            gain[r] += old * v
        gain[k] = v
        alpha = following


@njit(cache=True, nogil=True)
def _forth(order, phi, x):
    """x <- Phi x."""
    y = np.empty(4)
    lo = 0
    for c in range(order.size):
        j = order[c]
        for r in range(j):
            total = phi[lo + r, lo] * x[lo]
            for k in range(1, j):
                total += phi[lo + r, lo + k] * x[lo + k]
            y[r] = total
        x[lo : lo + j] = y[:j]
        lo += j


@njit(cache=True, nogil=True)
def _value(order, x):
    total = x[0]
    lo = order[0]
    for c in range(1, order.size):
        total += x[lo]
        lo += order[c]
    return total


@njit(cache=True, nogil=True)
def _unseen(order, g, kept, q):
    single = order.size == 1
    gq = 0.0
    for k in range(1 if single else 0, g.size):
        gq += g[k] * q[k]
    if single:
        q[0] = kept * q[0] - gq
        return
    lo = 0
    for c in range(order.size):
        q[lo] -= gq
        lo += order[c]


@njit(cache=True, nogil=True)
def _retreat_information(order, phi, info):
    back = phi.T
    for r in range(info.shape[0]):
        _forth(order, back, info[r])
    for k in range(info.shape[0]):
        _forth(order, back, info[:, k])


@njit(cache=True, nogil=True)
def _observe_information(order, info, g, kept, inverse):
    n = g.size
    whole = 0.0
    for r in range(n):
        total = 0.0
        for k in range(n):
            total += info[r, k] * g[k]
        whole += total * g[r]
    for r in range(n):
        _unseen(order, g, kept, info[r])
    for k in range(n):
        _unseen(order, g, kept, info[:, k])
    lo = 0
    for c in range(order.size):
        other = 0
        for b in range(order.size):
            info[lo, other] += inverse
            other += order[b]
        lo += order[c]
    return whole


@njit(cache=True, nogil=True, error_model="numpy")
def _gain(order, pred, sigma, l, d, g):
    _load(pred, l, d)
    _seen(order, l, d, g)
    inverse = 1.0 / sigma
    for k in range(g.size):
        g[k] *= inverse
    return inverse


@njit(cache=True, nogil=True)
def _scratch(order):
    s = 0
    for c in range(order.size):
        s += order[c]
    zero = np.zeros((s, s))
    return s, np.zeros(order.size), zero, zero.copy(), np.zeros(s), zero.copy(), np.zeros(s)


@njit(inline="always")
def _gap(t, i):
    return t[i] - t[i - 1] if i > 0 else 0.0


@njit(cache=True, nogil=True, error_model="numpy")
def _filter(order, variance, rate, t, tau, pred, sigma):
    s, a, phi, lq, dq, l, d = _scratch(order)
    w, v, p = np.empty((s, s)), np.empty((s, s)), np.empty(s)
    _prior(order, variance, l, d)
    for i in range(t.size):
        if i > 0:
            _transitions(order, variance, rate, _gap(t, i), a, phi, lq, dq)
            _advance(order, phi, lq, dq, l, d, w, v)
        _store(l, d, pred[i])
        total = _seen(order, l, d, p) + tau[i]
        if not total > 1e-300 or total > 1e300:
            return i
        sigma[i] = total
        _observe(order, l, d, tau[i], 1.0 / total)
    return -1


def filter(order, variance, rate, t, tau, pred, sigma, workers):
    return _filter(order, variance, rate, t, tau, pred, sigma)


@njit(cache=True, nogil=True, error_model="numpy")
def _forward_means(order, variance, rate, t, pred, sigma, y, error, mean):
    s, a, phi, lq, dq, l, d = _scratch(order)
    x, g = np.zeros(s), np.empty(s)
    for i in range(t.size):
        if i > 0:
            _transitions(order, variance, rate, _gap(t, i), a, phi, lq, dq)
            _forth(order, phi, x)
        if mean.size:
            mean[i] = x
        _gain(order, pred[i], sigma[i], l, d, g)
        e = y[i] - _value(order, x)
        error[i] = e
        for k in range(s):
            x[k] += g[k] * e


def means(order, variance, rate, t, tau, pred, sigma, y, error, mean, workers):
    for k in range(y.shape[0]):
        part = mean[k] if mean.size else np.empty((0, 0))
        _forward_means(order, variance, rate, t, pred, sigma, y[k], error[k], part)


@njit(cache=True, nogil=True, error_model="numpy")
def _backward_adjoint(order, variance, rate, t, tau, pred, sigma, error, alpha, score):
    s, a, phi, lq, dq, l, d = _scratch(order)
    r, g = np.zeros(s), np.empty(s)
    for i in range(t.size - 1, -1, -1):
        inverse = _gain(order, pred[i], sigma[i], l, d, g)
        gq = 0.0
        for k in range(s):
            gq += g[k] * r[k]
        pull = error[i] * inverse
        alpha[i] = pull - gq
        _unseen(order, g, tau[i] * inverse, r)
        lo = 0
        for c in range(order.size):
            r[lo] += pull
            lo += order[c]
        if score.size:
            score[i] = r
        if i > 0:
            _transitions(order, variance, rate, _gap(t, i), a, phi, lq, dq)
            _forth(order, phi.T, r)


def adjoint(order, variance, rate, t, tau, pred, sigma, error, alpha, score, workers):
    for k in range(error.shape[0]):
        part = score[k] if score.size else np.empty((0, 0))
        _backward_adjoint(order, variance, rate, t, tau, pred, sigma, error[k], alpha[k], part)


@njit(cache=True, nogil=True, error_model="numpy")
def _information(order, variance, rate, t, tau, pred, sigma, diagonal, out):
    s, a, phi, lq, dq, l, d = _scratch(order)
    info, g = np.zeros((s, s)), np.empty(s)
    for i in range(t.size - 1, -1, -1):
        inverse = _gain(order, pred[i], sigma[i], l, d, g)
        diagonal[i] = inverse + _observe_information(order, info, g, tau[i] * inverse, inverse)
        if out.size:
            out[i] = info
        if i > 0:
            _transitions(order, variance, rate, _gap(t, i), a, phi, lq, dq)
            _retreat_information(order, phi, info)


def information(order, variance, rate, t, tau, pred, sigma, diagonal, info, workers):
    full = info if info.ndim == 3 else np.empty((0, 0, 0))
    _information(order, variance, rate, t, tau, pred, sigma, diagonal, full)


@njit(cache=True, nogil=True, error_model="numpy")
def _draw(order, variance, rate, t, pred, sigma, z, out):
    s, a, phi, lq, dq, l, d = _scratch(order)
    x, g = np.zeros(s), np.empty(s)
    for i in range(t.size):
        if i > 0:
            _transitions(order, variance, rate, _gap(t, i), a, phi, lq, dq)
            _forth(order, phi, x)
        _gain(order, pred[i], sigma[i], l, d, g)
        e = math.sqrt(sigma[i]) * z[i]
        out[i] = _value(order, x) + e
        for k in range(s):
            x[k] += g[k] * e


def draw(order, variance, rate, t, tau, pred, sigma, z, out, workers):
    for k in range(z.shape[0]):
        _draw(order, variance, rate, t, pred, sigma, z[k], out[k])


@njit(cache=True, nogil=True, error_model="numpy")
def _multiply(order, variance, rate, t, x, out):
    s, a, phi, lq, dq, _, _ = _scratch(order)
    state = np.zeros(s)
    for i in range(t.size):
        if i > 0:
            _transitions(order, variance, rate, _gap(t, i), a, phi, lq, dq)
            _forth(order, phi, state)
        lo = 0
        for c in range(order.size):
            j = order[c]
            scaled = variance[c] * x[i]
            state[lo] += scaled
            if j > 2:
                state[lo + 2] += _PRIOR_L[j, 2, 0] * scaled
            lo += j
        out[i] = _value(order, state)


def multiply(order, variance, rate, t, x, out, workers):
    _multiply(order, variance, rate, t, x, out)


@njit(cache=True, nogil=True, error_model="numpy")
def _predict(order, variance, rate, t, tau, pred, sigma, mean, error, score, info, ts, after, out, var):
    s, a, phi, lq, dq, l, d = _scratch(order)
    w, v, p = np.empty((s, s)), np.empty((s, s)), np.empty(s)
    x, r, own = np.empty(s), np.empty(s), np.empty((s, s))
    for k in range(ts.size):
        following = after[k]
        x[:] = 0.0
        if following > 0:
            i = following - 1
            inverse = _gain(order, pred[i], sigma[i], l, d, p)
            for q in range(s):
                x[q] = mean[i, q] + p[q] * error[i]
            _observe(order, l, d, tau[i], inverse)
            _transitions(order, variance, rate, ts[k] - t[i], a, phi, lq, dq)
            _forth(order, phi, x)
            _advance(order, phi, lq, dq, l, d, w, v)
        else:
            _prior(order, variance, l, d)
        total = _seen(order, l, d, p)
        value = _value(order, x)
        if following < t.size:
            _transitions(order, variance, rate, t[following] - ts[k], a, phi, lq, dq)
            r[:] = score[following]
            _forth(order, phi.T, r)
            for q in range(s):
                value += p[q] * r[q]
            if var.size:
                own[:] = info[following]
                _retreat_information(order, phi, own)
                less = 0.0
                for q in range(s):
                    part = 0.0
                    for b in range(s):
                        part += own[q, b] * p[b]
                    less += part * p[q]
                total -= less
        out[k] = value
        if var.size:
            var[k] = total if total > 0.0 else 0.0


def predict(order, variance, rate, t, tau, pred, sigma, mean, error, score, info, ts, after, out, var, workers):
    s = int(order.sum())
    n = t.size
    full = info.reshape(n, s, s) if info.size else np.empty((0, s, s))
    shaped = mean.reshape(n, s), error.reshape(n), score.reshape(n, s)
    _predict(order, variance, rate, t, tau, pred, sigma, *shaped, full, ts, after, out, var)


def likelihood(order, variance, rate, t, tau, y, offset, value, gradient, bad, workers):
    from kriss._numba import _gp_series_likelihood

    _gp_series_likelihood.likelihood(order, variance, rate, t, tau, y, offset, value, gradient, bad, workers)
