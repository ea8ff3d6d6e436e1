"""Numba twins of the networks of search directions; the order of operations of solve/direction_network.hpp."""

import math

import numpy as np
from numba import njit

__all__ = ["run"]

LANES, FIELDS = 16, 3
CONVOLVE, HALVE, ENLARGE, SUM = range(4)


@njit(cache=True, nogil=True)
def _line(n):
    return LANES + (n + LANES - 1) // LANES * LANES


@njit(cache=True, nogil=True)
def _place(size, flat, k):
    n1, line = size[1], _line(size[2])
    return (k // n1 + (0 if flat else 1)) * (n1 + 2) * line + (k % n1 + 1) * line + LANES


@njit(cache=True, nogil=True)
def _convolve(size, flat, image, fields, w, bias, slopes, rectify, inputs, outputs, x, skip, add, out):
    """w: (inputs, taps, outputs); bias: (outputs) or none; slopes: (2, outputs) or none; images: (channels, size)."""
    line = _line(size[2])
    plane = (size[1] + 2) * line
    length = line - LANES
    half = 0 if flat else 1
    acc = np.empty(length, np.float32)
    zero, one = np.float32(0), np.float32(1)
    for k in range(size[0] * size[1]):
        at = _place(size, flat, k)
        inside = fields[0, at : at + length]
        walls = fields[1, at : at + length]
        outside = fields[2, at : at + length]
        for o in range(outputs):
            acc[:] = bias[o] if bias.size else zero
            for c in range(inputs):
                tap = 0
                for z in range(-half, half + 1):
                    for y in range(-1, 2):
                        for d in range(-1, 2):
                            start = at + z * plane + y * line + d
                            weight = w[c, tap, o]
                            source = x[c, start : start + length]
                            for p in range(length):
                                acc[p] += source[p] * weight
                            tap += 1
            target = out[o, at : at + length]
            old = skip[o, at : at + length]
            first = slopes[0, o] if slopes.size else one
            second = slopes[1, o] if slopes.size else one
            for p in range(length):
                value = acc[p]
                if rectify:
                    value = zero if value < zero else value
                gate = inside[p]
                if slopes.size:
                    gate = (gate + walls[p] * first) + outside[p] * second
                value = value * gate
                target[p] = old[p] + value if add else value


@njit(cache=True, nogil=True)
def _halve(fine, size, flat, fields, channels, x, out):
    line = _line(fine[2])
    plane = (fine[1] + 2) * line
    for k in range(size[0] * size[1]):
        at = _place(size, flat, k)
        z = 0 if flat else 2 * (k // size[1])
        start = (z + (0 if flat else 1)) * plane + (2 * (k % size[1]) + 1) * line + LANES
        for c in range(channels):
            for p in range(size[2]):
                a = start + 2 * p
                s = (x[c, a] + x[c, a + 1]) + (x[c, a + line] + x[c, a + line + 1])
                if flat:
                    out[c, at + p] = np.float32(0.25) * s * fields[0, at + p]
                else:
                    b = a + plane
                    s = s + ((x[c, b] + x[c, b + 1]) + (x[c, b + line] + x[c, b + line + 1]))
                    out[c, at + p] = np.float32(0.125) * s * fields[0, at + p]


@njit(cache=True, nogil=True)
def _enlarge(fine, size, flat, fields, channels, x, skip, add, out):
    line = _line(size[2])
    plane = (size[1] + 2) * line
    for k in range(fine[0] * fine[1]):
        at = _place(fine, flat, k)
        z = 0 if flat else k // fine[1] // 2
        start = (z + (0 if flat else 1)) * plane + (k % fine[1] // 2 + 1) * line + LANES
        for c in range(channels):
            for p in range(fine[2]):
                value = x[c, start + p // 2] * fields[0, at + p]
                out[c, at + p] = skip[c, at + p] + value if add else value


@njit(cache=True, nogil=True)
def _sum(size, flat, w, bias, channels, x, out):
    for k in range(size[0] * size[1]):
        at = _place(size, flat, k)
        for p in range(at, at + size[2]):
            s = bias[0] if bias.size else np.float32(0)
            for c in range(channels):
                s += w[c] * x[c, p]
            out[p] = s


def run(steps, weights, sizes, flat, fields, cells, r, out, scale, room, workers):
    """out = scale |r| f(r / |r|)."""
    largest = np.abs(r).max(initial=0.0)
    if not np.isfinite(r).all() or not largest > 0.0:
        out[:] = math.nan if not np.isfinite(r).all() else 0.0
        return
    exponent = math.frexp(largest)[1]
    half = int(-exponent / 2)
    unit, other = math.ldexp(1.0, half), math.ldexp(1.0, -exponent - half)
    small = r * unit * other
    norm = math.sqrt(_squares(small) / r.size)
    room[cells] = small * (1.0 / norm)
    images = [(1 if flat else int(s[0]) + 2) * (int(s[1]) + 2) * _line(int(s[2])) + LANES for s in sizes]
    starts = np.concatenate([[0], np.cumsum([FIELDS * i for i in images])])
    held = [fields[starts[k] : starts[k + 1]].reshape(FIELDS, images[k]) for k in range(len(images))]
    none, nothing = np.zeros(0, np.float32), np.zeros((0, 0), np.float32)
    taps = 9 if flat else 27
    last = 0
    with np.errstate(all="ignore"):
        for kind, level, inputs, outputs, rectify, source, skip, w, b, slopes, target in steps.tolist():
            size = sizes[level]
            read = images[level + 1] if kind == ENLARGE else images[level]
            write = images[level + 1] if kind == HALVE else images[level]
            x = room[source : source + inputs * read].reshape(inputs, read)
            to = room[target : target + outputs * write].reshape(outputs, write)
            old = to if skip < 0 else room[skip : skip + outputs * write].reshape(outputs, write)
            bias = none if b < 0 else weights[b : b + outputs]
            if kind == CONVOLVE:
                filters = weights[w : w + inputs * taps * outputs].reshape(inputs, taps, outputs)
                gate = nothing if slopes < 0 else weights[slopes : slopes + 2 * outputs].reshape(2, outputs)
                _convolve(
                    size, flat, write, held[level], filters, bias, gate, rectify != 0, inputs, outputs, x, old,
                    skip >= 0, to,
                )  # fmt: skip
            elif kind == HALVE:
                _halve(size, sizes[level + 1], flat, held[level + 1], outputs, x, to)
            elif kind == ENLARGE:
                _enlarge(size, sizes[level + 1], flat, held[level], outputs, x, old, skip >= 0, to)
            else:
                last = target
                _sum(size, flat, weights[w : w + inputs], bias, inputs, x, to[0])
        out[:] = room[last + cells].astype(np.float64) * norm * scale / unit / other


@njit(cache=True, nogil=True)
def _squares(a):
    part = np.zeros(LANES)
    for k in range(a.size):
        part[k % LANES] += a[k] * a[k]
    s = 0.0
    for v in part:
        s += v
    return s
