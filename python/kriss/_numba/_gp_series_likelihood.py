"""Numba twin of cpp/include/kriss/gp/series_likelihood.hpp."""

from __future__ import annotations

import numpy as np
from numba import njit

from kriss._numba._elementary import log64, two_sum
from kriss._numba.gp_series import (
    _BINOMIAL,
    _BLOCK,
    _FORGOTTEN,
    _INTENSITY,
    _PRIOR,
    _advance,
    _forth,
    _gap,
    _load,
    _observe,
    _observe_information,
    _prior,
    _retreat_information,
    _scratch,
    _seen,
    _store,
    _transitions,
    _unseen,
    _value,
)


@njit(cache=True, nogil=True, error_model="numpy")
def forward(order, variance, rate, t, tau, y, keep, pred, mean, sigma, error, out):
    s, a, phi, lq, dq, l, d = _scratch(order)
    w, v, p, x = np.empty((s, s)), np.empty((s, s)), np.empty(s), np.zeros(s)
    _prior(order, variance, l, d)
    logs, lost_logs, squares, lost_squares = 0.0, 0.0, 0.0, 0.0
    square, block = 0.0, 0.0
    for i in range(t.size):
        if i > 0:
            _transitions(order, variance, rate, _gap(t, i), a, phi, lq, dq)
            _forth(order, phi, x)
            _advance(order, phi, lq, dq, l, d, w, v)
        total = _seen(order, l, d, p) + tau[i]
        if not total > 1e-300 or total > 1e300:
            return i
        inverse = 1.0 / total
        e = y[i] - _value(order, x)
        if keep:
            _store(l, d, pred[i])
            mean[i] = x
            sigma[i] = total
            error[i] = e
        square += (e * inverse) * e
        block += log64(total)
        for k in range(s):
            x[k] += (p[k] * inverse) * e
        _observe(order, l, d, tau[i], inverse)
        if (i + 1) % _BLOCK == 0 or i + 1 == t.size:
            squares, more = two_sum(squares, square)
            lost_squares += more
            logs, more = two_sum(logs, block)
            lost_logs += more
            square, block = 0.0, 0.0
    out[0] = logs + lost_logs
    out[1] = squares + lost_squares
    return -1


@njit(cache=True, nogil=True, error_model="numpy")
def _gap_score(lo, j, variance, x, p, r, info):
    n = r.size
    total = 0.0
    for a in range(j):
        drift, along, against = 0.0, 0.0, 0.0
        if a + 1 < j:
            drift = x[lo + a + 1]
            for b in range(n):
                along += p[lo + a + 1, b] * r[b]
                against += p[lo + a + 1, b] * info[lo + a, b]
        else:
            for k in range(j):
                drift -= _BINOMIAL[j, k] * x[lo + k]
            for b in range(n):
                g = 0.0
                for k in range(j):
                    g -= _BINOMIAL[j, k] * p[lo + k, b]
                along += g * r[b]
                against += g * info[lo + a, b]
        total += r[lo + a] * (drift + along) - against
    last = lo + j - 1
    return total + 0.5 * (_INTENSITY[j] * variance) * (r[last] * r[last] - info[last, last])


@njit(cache=True, nogil=True, error_model="numpy")
def backward(order, variance, rate, t, tau, pred, mean, sigma, error, out):
    s, a, phi, lq, dq, l, d = _scratch(order)
    terms = order.size
    r, g, p, info = np.zeros(s), np.empty(s), np.empty((s, s)), np.zeros((s, s))
    sums, lost, part = np.zeros(2 * terms + 1), np.zeros(2 * terms + 1), np.zeros(2 * terms + 1)
    for i in range(t.size - 1, -1, -1):
        _load(pred[i], l, d)
        _seen(order, l, d, g)
        inverse = 1.0 / sigma[i]
        gr = 0.0
        for k in range(s):
            g[k] *= inverse
            gr += g[k] * r[k]
        pull = error[i] * inverse
        alpha = pull - gr
        kept = tau[i] * inverse
        _unseen(order, g, kept, r)
        lo = 0
        for c in range(terms):
            r[lo] += pull
            lo += order[c]
        diagonal = inverse + _observe_information(order, info, g, kept, inverse)
        part[2 * terms] += (0.5 * tau[i]) * (alpha * alpha - diagonal)
        for q in range(s):
            for b in range(q + 1):
                total = d[b] if q == b else l[q, b] * d[b]
                for k in range(b):
                    total += l[q, k] * d[k] * l[b, k]
                p[q, b] = total
                p[b, q] = total
        if i > 0:
            _transitions(order, variance, rate, _gap(t, i), a, phi, lq, dq)
        lo = 0
        for c in range(terms):
            j = order[c]
            total = 0.0
            if i == 0:
                for q in range(j):
                    for b in range(q + 1):
                        weight = r[lo + q] * r[lo + b] - info[lo + q, lo + b]
                        total += (0.5 if q == b else 1.0) * _PRIOR[j, q, b] * weight
                part[2 * c] += variance[c] * total
            else:
                for k in range(j):
                    lr, whole = r[lo + k], 0.0
                    for q in range(k, j):
                        la = 1.0 if q == k else lq[lo + q, lo + k]
                        if q > k:
                            lr += la * r[lo + q]
                        inner = info[lo + q, lo + k]
                        for b in range(k + 1, j):
                            inner += info[lo + q, lo + b] * lq[lo + b, lo + k]
                        whole += la * inner
                    total += (0.5 * dq[lo + k]) * (lr * lr - whole)
                part[2 * c] += total
                if a[c] < _FORGOTTEN:
                    part[2 * c + 1] -= a[c] * _gap_score(lo, j, variance[c], mean[i], p, r, info)
            lo += j
        if i > 0:
            _forth(order, phi.T, r)
            _retreat_information(order, phi, info)
        if i % _BLOCK == 0:
            for k in range(part.size):
                sums[k], more = two_sum(sums[k], part[k])
                lost[k] += more
            part[:] = 0.0
    for k in range(part.size):
        out[k] = sums[k] + lost[k]


def likelihood(order, variance, rate, t, tau, y, offset, value, gradient, bad, workers):
    states = int(order.sum())
    packed = states * (states + 1) // 2
    keep = bool(gradient.size)
    for k in range(offset.size - 1):
        part = slice(int(offset[k]), int(offset[k + 1]))
        n = part.stop - part.start if keep else 0
        work = np.empty((n, packed)), np.empty((n, states)), np.empty(n), np.empty(n)
        bad[k] = forward(order, variance, rate, t[part], tau[part], y[part], keep, *work, value[k])
        if keep and bad[k] < 0:
            backward(order, variance, rate, t[part], tau[part], *work, gradient[k])
