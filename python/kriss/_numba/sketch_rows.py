"""Twin of kriss._core.sketch_rows: passes over the rows of tall matrices. Products go through BLAS, to rounding."""

from __future__ import annotations

import numpy as np
from scipy.special import expit

_CHUNK = 2048


def single_scores(a, precond, squares, workers):
    m, n = a.shape
    p = np.triu(precond)[:n]
    for begin in range(0, m, _CHUNK):
        with np.errstate(over="ignore", invalid="ignore", under="ignore"):
            part = a[begin : begin + _CHUNK].astype(np.float32) @ p
            squares[begin : begin + _CHUNK] = np.einsum("ij,ij->i", part, part)


def pick_rows(weights, marks, rows, workers):
    found = np.searchsorted(np.cumsum(weights), marks, side="right")
    np.minimum(found, len(weights) - 1, out=rows)


def lewis_step(a, precond, logw, gram, p, relax, workers):
    m, n = a.shape
    triangle = np.triu(precond)[:n]
    gram[:] = 0.0
    change = 0.0
    for begin in range(0, m, _CHUNK):
        part = a[begin : begin + _CHUNK] @ triangle
        square = np.einsum("ij,ij->i", part, part)
        here = logw[begin : begin + _CHUNK]
        good = (square > 0.0) & (here > -np.inf)
        move = 0.5 * p * np.log(square[good]) - here[good]
        change = max(change, float(np.abs(move).max(initial=0.0)))
        here[good] += relax * move
        here[~good] = -np.inf
        factor = np.zeros(len(here))
        factor[good] = np.exp((0.5 - 1.0 / p) * here[good])
        part *= factor[:, None]
        gram += part.T @ part
    return change


def _logistic(t, b, given):
    margin = b * t
    v = expit(-margin)
    with np.errstate(invalid="ignore"):  # NaN goes on, in silence as in the compiled pass
        return np.logaddexp(0.0, -margin), b * v, v * expit(margin), None, None, None


def _huber(t, b, given):
    r = b - t
    c = np.clip(r, -given[0], given[0])
    return c * (r - 0.5 * c), c, (c == r).astype(np.float64), None, None, None


def _huber_scale(t, b, given):
    delta, s = given[0], given[1]
    v = (b - t) / s
    c = np.clip(v, -delta, delta)
    curved = np.where(c == v, 2.0 / s, 0.0)
    return s * (1.0 + c * (2.0 * v - c)), 2.0 * c, curved, curved * c, 1.0 - c * c, curved * (c * c)


def _power(t, b, given):
    p, unit, s = given
    r = (b - t) / unit
    r2 = r * r
    y = r2 + s * s
    with np.errstate(under="ignore", over="ignore", invalid="ignore", divide="ignore"):
        low = np.exp((0.5 * p - 1.0) * np.log(y + (p == 2.0)))  # not 0 times the logarithm of 0
        ratio = r2 / np.where(y > 0.0, y, 1.0)
        return low * y, p / unit * (r * low), p / unit**2 * (low * (1.0 + (p - 2.0) * ratio)), None, None, None


_LOSSES = (_logistic, _huber, _huber_scale, _power)


def loss_pass(a, x, b, w, loss, parameters, t, u, d, cross, gram, slope, mixed, scalars, workers):
    m, n = a.shape
    for out in (gram, slope, mixed, scalars):
        out[:] = 0.0
    for begin in range(0, m, _CHUNK):
        part = slice(begin, begin + _CHUNK)
        rows = a[part]
        t[part] = rows @ x[:n]
        value, u[part], d[part], mix, first, second = _LOSSES[loss](t[part], b[part], parameters)
        if w.size:
            u[part] *= w[part]
            d[part] *= w[part]
            value = w[part] * value
        scalars[0] += value.sum()
        slope[:n] += u[part] @ rows
        if cross.size and mix is not None:
            weight = w[part] if w.size else np.ones(len(mix))
            cross[part] = weight * mix
            scalars[1] += weight @ first
            scalars[2] += weight @ second
            mixed[:n] += cross[part] @ rows
        scaled = rows * np.sqrt(d[part])[:, None]
        gram[:n, :n] += scaled.T @ scaled
