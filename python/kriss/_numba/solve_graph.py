"""Numba twin of the network over the graph of a factor; same order of operations as solve/graph_network.hpp."""

import numpy as np
from numba import njit

WIDTH = 16
MEAN = np.float32(0.25)


@njit(cache=True, nogil=True)
def _product(first, last, x, inputs, net, at, out):
    """``out += x w`` for the rows first to last; w: (inputs, width) from net[at] on."""
    for r in range(first, last):
        for k in range(inputs):
            v = x[r, k]
            for h in range(WIDTH):
                out[r, h] += v * net[at + k * WIDTH + h]


@njit(cache=True, nogil=True)
def _rectify(out):
    zero = np.float32(0)
    for r in range(out.shape[0]):
        for h in range(WIDTH):
            out[r, h] = zero if out[r, h] < zero else out[r, h]  # NaN stays


@njit(cache=True, nogil=True)
def _start(net, at, out):
    for r in range(out.shape[0]):
        for h in range(WIDTH):
            out[r, h] = net[at + h]


@njit(cache=True, nogil=True)
def _encode(x, net, at):
    count, inputs = x.shape
    out = np.empty((count, WIDTH), np.float32)
    _start(net, at + inputs * WIDTH, out)
    _product(0, count, x, inputs, net, at, out)
    _rectify(out)
    return out


@njit(cache=True, nogil=True)
def _edges(row, column, net, at, left, right, e):
    m, square = row.size, WIDTH * WIDTH
    hidden = np.empty((m, WIDTH), np.float32)
    for k in range(m):
        for h in range(WIDTH):
            v = net[at + square + h] + left[row[k], h]
            hidden[k, h] = v + right[column[k], h]
    _product(0, m, e, WIDTH, net, at, hidden)
    _rectify(hidden)
    for k in range(m):
        for h in range(WIDTH):
            e[k, h] += net[at + 2 * square + WIDTH + h]
    _product(0, m, hidden, WIDTH, net, at + square + WIDTH, e)


@njit(cache=True, nogil=True)
def _nodes(indptr, starts, places, lost, others, weight, net, at, x, e, out):
    n, square = x.shape[0], WIDTH * WIDTH
    zero = np.float32(0)
    hidden = np.empty((n, WIDTH), np.float32)
    sums = np.zeros((4, n, WIDTH), np.float32)
    _start(net, at + 5 * square, hidden)
    for i in range(n):
        for p in range(indptr[i], indptr[i + 1]):
            for h in range(WIDTH):
                sums[0, i, h] += e[p, h]
        for p in range(starts[i], starts[i + 1]):
            for h in range(WIDTH):
                sums[1, i, h] += e[places[p], h]
        for p in range(lost[i], lost[i + 1]):
            w = weight[p]
            v = -w if w < zero else w
            for h in range(WIDTH):
                sums[2, i, h] += w * x[others[p], h]
                sums[3, i, h] += v * x[others[p], h]
        for h in range(WIDTH):
            sums[0, i, h] *= MEAN
            sums[1, i, h] *= MEAN
    _product(0, n, x, WIDTH, net, at, hidden)
    for k in range(4):
        _product(0, n, sums[k], WIDTH, net, at + (k + 1) * square, hidden)
    _rectify(hidden)
    for i in range(n):
        for h in range(WIDTH):
            out[i, h] = x[i, h] + net[at + 6 * square + WIDTH + h]
    _product(0, n, hidden, WIDTH, net, at + 5 * square + WIDTH, out)


@njit(cache=True, nogil=True)
def _decode(x, net, at, out):
    for k in range(x.shape[0]):
        s = net[at + WIDTH]
        for h in range(WIDTH):
            s += x[k, h] * net[at + h]
        out[k] = s


@njit(cache=True, nogil=True)
def _network(indptr, row, column, starts, places, lost, others, weight, fn, fe, net, rounds, node, edge):
    n, square = fn.shape[0], WIDTH * WIDTH
    x = _encode(fn, net, 0)
    at = (fn.shape[1] + 1) * WIDTH
    e = _encode(fe, net, at)
    at += (fe.shape[1] + 1) * WIDTH
    other = np.empty_like(x)
    for _ in range(rounds):
        left, right = np.zeros((n, WIDTH), np.float32), np.zeros((n, WIDTH), np.float32)
        _product(0, n, x, WIDTH, net, at, left)
        _product(0, n, x, WIDTH, net, at + square, right)
        at += 2 * square
        _edges(row, column, net, at, left, right, e)
        at += 2 * (square + WIDTH)
        _nodes(indptr, starts, places, lost, others, weight, net, at, x, e, other)
        at += 6 * square + 2 * WIDTH
        x, other = other, x
    _decode(x, net, at, node)
    _decode(e, net, at + WIDTH + 1, edge)


def network(
    indptr, row, column, starts, places, lost, with_, weight, fn, fe, net, rounds, node, edge, workers
):  # fmt: skip
    """One number per node and per edge from their features, by rounds of messages."""
    _network(indptr, row, column, starts, places, lost, with_, weight, fn, fe, net, rounds, node, edge)


@njit(cache=True, nogil=True)
def _convolve(x, w, b, rectify, out):
    n0, n1, inputs = x.shape[0] - 2, x.shape[1] - 2, x.shape[2]
    flat, zero = w.reshape(-1), np.float32(0)
    for i in range(n0):
        to = out[i + 1, 1 : n1 + 1]
        _start(b, 0, to)
        for k in range(9):
            _product(0, n1, x[i + k // 3, k % 3 : k % 3 + n1], inputs, flat, k * inputs * WIDTH, to)
        if rectify:
            for j in range(n1):
                for h in range(WIDTH):
                    to[j, h] = zero if to[j, h] < zero else to[j, h]


def convolve(x, w, b, rectify, out, workers):
    """Three by three points, between margins that are left alone."""
    _convolve(x, w, b, rectify, out)
