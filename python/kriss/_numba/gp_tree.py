"""Numba twins of the kernels for covariance functions built by + and *: one entry at a time, the same bits.

Descriptions as in cpp/include/kriss/gp/tree.hpp: nodes in postorder, leaves with their kind, dimensions and slots. Sums
over entries are made in the order of tree_contract.hpp, by task, block, chunk, row and lane.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from kriss._numba._elementary import exp64, log1p64, log64, magnitude
from kriss._numba._trig import sincos64
from kriss._numba.gp import _lane_total, _point64

_CHUNK = 256
_ROWS = 32
_TASKS = 32
_LANES = 8
_HEADER = 6
_TERMS = 10
_MATERN12, _MATERN52, _MATERN72, _MATERN, _RATIONAL = 1, 3, 4, 5, 6
_PERIODIC, _COSINE, _DOT, _WHITE = 7, 8, 9, 10
_MATRIX, _CONTRACT, _BY_POINT = 0, 1, 2
_LIKELIHOOD, _SQUARE, _CROSS = 0, 1, 2
_MOST = 1e300
_TWO51 = 2.0**51
_SHIFT = 1.5 * 2.0**52
_PI = 3.14159265358979323846


@njit(inline="always")
def _fraction(u):
    rest = u - ((u + _SHIFT) - _SHIFT)
    return 0.0 if magnitude(u) >= _TWO51 else rest


@njit(inline="always")
def _turns(x, z, rate):
    u = (x - z) * rate
    if u > _MOST:
        return _MOST
    return -_MOST if u < -_MOST else u


@njit(nogil=True, error_model="numpy")
def _panel(table, at, x):
    xx = x * x
    even = table[at] + xx * (table[at + 2] + xx * (table[at + 4] + xx * (table[at + 6] + xx * table[at + 8])))
    odd = table[at + 1] + xx * (table[at + 3] + xx * (table[at + 5] + xx * (table[at + 7] + xx * table[at + 9])))
    return even + x * odd


@njit(nogil=True, error_model="numpy")
def _tabulated(table, head, variance, s2):
    low, inv_width, panels = table[head], table[head + 1], table[head + 2]
    u = (log64(s2) - low) * inv_width
    if u < 0.0:
        y = u / inv_width
        value = variance * (1.0 - table[head + 4] * exp64(table[head + 3] * y))
        slope = 0.0 if s2 < 1e-300 else variance * exp64(table[head + 5] + (table[head + 3] - 1.0) * y)
        return value, slope, 0.0
    last = panels - 1.0
    v = (u if u < last else last) if u > 0.0 else 0.0
    panel = int(v)
    x = 2.0 * (u - float(panel)) - 1.0
    if u > panels:
        return variance * 0.0, variance * 0.0, 0.0
    one = int(panels) * _TERMS
    at = head + _HEADER + _TERMS * panel
    value = variance * exp64(_panel(table, at, x))
    return value, variance * exp64(_panel(table, at + one, x)), value * _panel(table, at + 2 * one, x)


@njit(nogil=True, error_model="numpy")
def _rational(variance, alpha, s2):
    half = 0.5 / alpha
    w = (_MOST if s2 > _MOST else s2) * half
    grown = log1p64(w)
    k = variance * exp64(-alpha * grown)
    over = 1.0 / (1.0 + w)
    less = w * w * (0.66666666666666666667 * w - 0.5) if w < 2.0**-20 else w * over - grown
    return k, k * over, k * (alpha * less)


@njit(nogil=True, error_model="numpy")
def _leaf(leaf, value, dim, scale, second, table, xt, i, zt, j, same):
    """Value, slope and derivative in the shape of one leaf; leaf: its row."""
    kind, first, count, extra = leaf[0], leaf[1], leaf[2], leaf[4]
    variance, shape = value[0], value[1]
    if kind <= _RATIONAL:
        s2 = 0.0
        for p in range(first, first + count):
            delta = (xt[dim[p], i] - zt[dim[p], j]) * scale[p]
            s2 += delta * delta
        if kind <= _MATERN52:
            k, slope = _point64(kind, s2)
            return variance * k, variance * slope, 0.0
        if kind == _MATERN72:
            q = 1e6 if s2 > 1e6 else s2
            a = 2.6457513110645905905 * np.sqrt(q)
            e = exp64(-a)
            b = 1.0 + a
            k = variance * ((b + q * (2.8 + 0.46666666666666666667 * a)) * e)
            return k, variance * (1.4 * (b + 2.3333333333333333333 * q) * e), 0.0
        if kind == _MATERN:
            return _tabulated(table, extra, variance, s2)
        return _rational(variance, shape, s2)
    if kind == _PERIODIC:
        total = 0.0
        for p in range(first, first + count):
            u = (xt[dim[p], i] - zt[dim[p], j]) * second[p]
            s = sincos64(_PI * _fraction(u))[0] * scale[p]
            total += s * s
        return variance * exp64(-2.0 * total), 0.0, 0.0
    if kind == _COSINE:
        u = (xt[dim[first], i] - zt[dim[first], j]) * scale[first]
        s, c = sincos64((2.0 * _PI) * _fraction(u))
        return variance * c, variance * ((-2.0 * _PI) * s), 0.0
    if kind == _DOT:
        base = shape
        for p in range(first, first + count):
            base += (xt[dim[p], i] * scale[p]) * zt[dim[p], j]
        power = variance
        for _ in range(1, extra):
            power *= base
        return power * base, float(extra) * power, 0.0
    if kind == _WHITE and not (same and i == j):
        return 0.0, 0.0, 0.0
    return variance, 0.0, 0.0


@njit(nogil=True, error_model="numpy")
def _forward(nodes, leaves, values, dim, scale, second, table, xt, i, zt, j, same, out, slopes):
    for k in range(nodes.shape[0]):
        if nodes[k, 0] == 0:
            n = nodes[k, 1]
            out[k], slopes[n, 0], slopes[n, 1] = _leaf(
                leaves[n], values[n], dim, scale, second, table, xt, i, zt, j, same
            )
        elif nodes[k, 0] == 1:
            out[k] = out[nodes[k, 1]] + out[nodes[k, 2]]
        else:
            out[k] = out[nodes[k, 1]] * out[nodes[k, 2]]
    return out[nodes.shape[0] - 1]


@njit(nogil=True, error_model="numpy")
def _backward(nodes, values, adjoint):
    for k in range(nodes.shape[0] - 1, -1, -1):
        if nodes[k, 0] != 0:
            a, b = nodes[k, 1], nodes[k, 2]
            product = nodes[k, 0] == 2
            adjoint[a] = adjoint[k] * values[b] if product else adjoint[k]
            adjoint[b] = adjoint[k] * values[a] if product else adjoint[k]


@njit(nogil=True, error_model="numpy")
def _contract_leaf(leaf, value, dim, scale, second, xt, i, zt, j, a, k, slope, by_shape, acc, lane):
    kind, first, count, slot = leaf[0], leaf[1], leaf[2], leaf[3]
    shape = value[1]
    w = a * k
    acc[slot, lane] += w
    if _MATERN <= kind <= _RATIONAL:
        acc[slot + 1, lane] += a * by_shape
    ws = w if kind == _PERIODIC else a * slope
    if kind == _DOT and shape > 0.0:
        acc[slot + 1, lane] += shape * ws
    for p in range(count):
        x, z, s = xt[dim[first + p], i], zt[dim[first + p], j], scale[first + p]
        at = slot + 2 + p
        if kind == _PERIODIC:
            rate = second[first + p]
            front = 4.0 * (s * s)
            u = _turns(x, z, rate)
            sine, cosine = sincos64(_PI * _fraction(u))
            acc[at, lane] += ws * (front * (sine * sine))
            acc[at + count, lane] += ws * (front * (sine * cosine) * (_PI * u))
        elif kind == _COSINE:
            acc[at, lane] += ws * _turns(x, z, s)
        elif kind == _DOT:
            acc[at, lane] += ws * ((x * s) * z)
        else:
            delta = (x - z) * s
            square = delta * delta
            acc[at, lane] += ws * (_MOST if square > _MOST else square)


@njit(nogil=True, error_model="numpy")
def _leaf_by_point(leaf, value, dim, scale, second, xt, i, zt, j, a, k, slope, out):
    kind, first, count = leaf[0], leaf[1], leaf[2]
    rough = kind == _MATERN12 or (kind == _MATERN and value[1] <= 0.5)
    if rough:
        s2 = 0.0
        for p in range(first, first + count):
            delta = (xt[dim[p], i] - zt[dim[p], j]) * scale[p]
            s2 += delta * delta
        rough = s2 == 0.0
    for p in range(first, first + count):
        x, z, s = xt[dim[p], i], zt[dim[p], j], scale[p]
        if kind == _PERIODIC:
            rate = second[p]
            front = -4.0 * (s * s) * (_PI * rate)
            sine, cosine = sincos64(_PI * _fraction((x - z) * rate))
            out[dim[p]] += a * (k * (front * (sine * cosine)))
        elif kind == _COSINE:
            out[dim[p]] += a * (slope * s)
        elif kind == _DOT:
            out[dim[p]] += a * (slope * (s * z))
        else:
            delta = (x - z) * s
            delta = 1e150 if delta > 1e150 else (-1e150 if delta < -1e150 else delta)
            out[dim[p]] += a * (np.nan if rough else -(slope * delta) * s)


# One loop over entries for all of them, so that what they share is compiled once.
@njit(cache=True, nogil=True, error_model="numpy")
def _sweep(what, nodes, leaves, values, dim, scale, second, table, xt, zt, how, alpha, weights, matrix, sums, by_point):
    n, m = xt.shape[1], zt.shape[1]
    last = nodes.shape[0] - 1
    blocks = (n + _ROWS - 1) // _ROWS
    tasks = min(blocks, _TASKS)
    same = how != _CROSS
    work, slopes = np.empty(nodes.shape[0]), np.empty((leaves.shape[0], 2))
    adjoint = np.empty(nodes.shape[0])
    acc = np.zeros((sums.size, _LANES))
    sums[:] = 0.0
    for task in range(tasks):
        acc[:] = 0.0
        for b in range(task, blocks, tasks):
            i0, i1 = b * _ROWS, min((b + 1) * _ROWS, n)
            for j0 in range(0, i1 if same else m, _CHUNK):
                for i in range(max(i0, j0) if same else i0, i1):
                    for j in range(j0, min(i + 1 if same else m, j0 + _CHUNK)):
                        k = _forward(nodes, leaves, values, dim, scale, second, table, xt, i, zt, j, same, work, slopes)
                        if what == _MATRIX:
                            matrix[i, j] = k
                            continue
                        w = 1.0
                        if what == _CONTRACT:
                            w = weights[i, j]
                            if how == _LIKELIHOOD:
                                w = alpha[i] * alpha[j] - w
                                if i == j:
                                    w = 0.5 * w
                            elif how == _SQUARE and i != j:
                                w = w + weights[j, i]
                        adjoint[last] = w
                        _backward(nodes, work, adjoint)
                        lane = (j - j0) % _LANES
                        for q in range(last, -1, -1):
                            if nodes[q, 0] != 0:
                                continue
                            at = nodes[q, 1]
                            leaf, value, a, v = leaves[at], values[at], adjoint[q], work[q]
                            slope, by_shape = slopes[at, 0], slopes[at, 1]
                            if what == _CONTRACT:
                                _contract_leaf(
                                    leaf, value, dim, scale, second, xt, i, zt, j, a, v, slope, by_shape, acc, lane
                                )
                            else:
                                _leaf_by_point(
                                    leaf, value, dim, scale, second, xt, i, zt, j, a, v, slope, by_point[i, j]
                                )
        for k in range(sums.size):
            sums[k] += _lane_total(acc[k])


_ONE, _TWO = np.zeros(0), np.zeros((0, 0))


def symmetric(nodes, leaves, values, dim, scale, second, table, slots, xt, diagonal, out, mirror, workers):
    tree = (nodes, leaves, values, dim, scale, second, table)
    _sweep(_MATRIX, *tree, xt, xt, _SQUARE, _ONE, _TWO, out, np.zeros(0), np.zeros((0, 0, 0)))
    if diagonal.size:
        out[np.diag_indices(out.shape[0])] += diagonal
    if mirror:
        rows, columns = np.triu_indices(out.shape[0], 1)
        out[rows, columns] = out[columns, rows]


def cross(nodes, leaves, values, dim, scale, second, table, slots, xt, zt, out, workers):
    tree = (nodes, leaves, values, dim, scale, second, table)
    _sweep(_MATRIX, *tree, xt, zt, _CROSS, _ONE, _TWO, out, np.zeros(0), np.zeros((0, 0, 0)))


def contract(nodes, leaves, values, dim, scale, second, table, slots, xt, zt, how, alpha, weights, out, workers):
    tree = (nodes, leaves, values, dim, scale, second, table)
    _sweep(_CONTRACT, *tree, xt, zt, how, alpha, weights, np.zeros((0, 0)), out, np.zeros((0, 0, 0)))


def gradient_x(nodes, leaves, values, dim, scale, second, table, slots, xt, zt, out, workers):
    out[:] = 0.0
    tree = (nodes, leaves, values, dim, scale, second, table)
    _sweep(_BY_POINT, *tree, xt, zt, _CROSS, _ONE, _TWO, np.zeros((0, 0)), np.zeros(0), out)
