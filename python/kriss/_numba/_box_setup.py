"""Numba twins of the setup of Black-Box multigrid: the same order of operations per point, hence the same bits.

Streams of couplings, offsets and codes are those of cpp/include/kriss/solve/box_grid.hpp; grids are stored without
padding, and neighbours outside are skipped instead of multiplied by 0.
"""

import numpy as np
from numba import njit

from kriss._numba._box_cycle import offset

SIDE = 16
GOOD, OUTSIDE, ASYMMETRIC = 0, 1, 2


@njit(cache=True, nogil=True)
def fill(indptr, indices, data, n, a, used):
    """Streams of a CSR matrix; returns (kind, row, column)."""
    n0, n1, n2 = n
    size = n0 * n1 * n2
    flat = [a[h].reshape(size) for h in range(14)]
    one = a.dtype.type(1)
    epsilon = a.dtype.type(2.3e-16) if a.itemsize == 8 else a.dtype.type(1.2e-7)
    close = a.dtype.type(64) * epsilon * one
    balance = 0
    for turn in range(2):
        for i in range(size):
            i0, i1, i2 = i // (n1 * n2), i // n2 % n1, i % n2
            for k in range(indptr[i], indptr[i + 1]):
                j = indices[k]
                v = data[k]
                if v == 0:
                    continue
                d0, d1, d2 = j // (n1 * n2) - i0, j // n2 % n1 - i1, j % n2 - i2
                if abs(d0) > 1 or abs(d1) > 1 or abs(d2) > 1:
                    return OUTSIDE, i, j
                code = 9 * (d0 + 1) + 3 * (d1 + 1) + d2 + 1
                if turn == 0:
                    used[code - 13 if code >= 13 else 13 - code] = True
                    if code >= 13:
                        flat[code - 13][i] = v
                        balance += 1 if code > 13 else 0
                elif code < 13:
                    balance -= 1
                    other = flat[13 - code][j]
                    gap = abs(v - other)
                    near = gap <= close * (abs(v) + abs(other))
                    if not near and not gap <= close * a.dtype.type(0.01) * (abs(flat[0][i]) + abs(flat[0][j])):
                        return ASYMMETRIC, i, j
    return (GOOD if balance == 0 else ASYMMETRIC), -1, -1


@njit(cache=True, nogil=True, error_model="numpy")
def invert(diagonal, inverse):
    d = diagonal.reshape(diagonal.size)
    out = inverse.reshape(diagonal.size)
    bad = -1
    for i in range(d.size - 1, -1, -1):
        v = inverse.dtype.type(1) / d[i]
        out[i] = v
        if not (v > 0 and np.isfinite(v) and np.isfinite(d[i])):
            bad = i
    return bad


ORDER = np.array(
    [13, 4, 10, 12, 14, 16, 22, 1, 3, 5, 7, 9, 11, 15, 17, 19, 21, 23, 25, 0, 2, 6, 8, 18, 20, 24, 26], np.int64
)


@njit(cache=True, nogil=True)
def entry(a, used, i0, i1, i2, code):
    """The coupling of a point to its neighbour `code`, 0 if there is none."""
    n0, n1, n2 = a.shape[1:]
    j0, j1, j2 = i0 + offset(code, 0), i1 + offset(code, 1), i2 + offset(code, 2)
    half = code - 13 if code >= 13 else 13 - code
    if not used[half] or j0 < 0 or j0 >= n0 or j1 < 0 or j1 >= n1 or j2 < 0 or j2 >= n2:
        return a.dtype.type(0)
    return a[half, i0, i1, i2] if code >= 13 else a[half, j0, j1, j2]


@njit(cache=True, nogil=True, error_model="numpy")
def weights(a, used, step, present, w, order):
    n0, n1, n2 = a.shape[1:]
    c0, c1, c2 = w.shape[1:]
    zero = a.dtype.type(0)
    for o in order:
        if not present[o]:
            continue
        o0, o1, o2 = offset(o, 0), offset(o, 1), offset(o, 2)
        for j0 in range(c0):
            for j1 in range(c1):
                for j2 in range(c2):
                    if o == 13:
                        w[o, j0, j1, j2] = 1
                        continue
                    x0 = 2 * j0 + 1 + o0 if step[0] == 2 else j0
                    x1 = 2 * j1 + 1 + o1 if step[1] == 2 else j1
                    x2 = 2 * j2 + 1 + o2 if step[2] == 2 else j2
                    if x0 >= n0 or x1 >= n1 or x2 >= n2:
                        w[o, j0, j1, j2] = 0
                        continue
                    num, den = zero, zero
                    for code in range(27):
                        d0, d1, d2 = offset(code, 0), offset(code, 1), offset(code, 2)
                        towards = o
                        if o0 != 0:
                            if d0 == o0:
                                continue
                            towards += 9 * d0
                        if o1 != 0:
                            if d1 == o1:
                                continue
                            towards += 3 * d1
                        if o2 != 0:
                            if d2 == o2:
                                continue
                            towards += d2
                        s = entry(a, used, x0, x1, x2, code)
                        if towards == o:
                            den += s
                        else:
                            num += s * w[towards, j0, j1, j2]
                    w[o, j0, j1, j2] = -num / den if den > 0 else zero


@njit(cache=True, nogil=True)
def galerkin(a, used, step, present, w, c, c_used):
    n0, n1, n2 = a.shape[1:]
    m0, m1, m2 = c.shape[1:]
    for j0 in range(m0):
        for j1 in range(m1):
            for j2 in range(m2):
                for o in range(27):
                    if not present[o]:
                        continue
                    o0, o1, o2 = offset(o, 0), offset(o, 1), offset(o, 2)
                    x0 = 2 * j0 + 1 + o0 if step[0] == 2 else j0
                    x1 = 2 * j1 + 1 + o1 if step[1] == 2 else j1
                    x2 = 2 * j2 + 1 + o2 if step[2] == 2 else j2
                    if x0 >= n0 or x1 >= n1 or x2 >= n2:
                        continue
                    for code in range(27):
                        if not used[abs(code - 13)]:
                            continue
                        y0, y1, y2 = o0 + offset(code, 0), o1 + offset(code, 1), o2 + offset(code, 2)
                        term = entry(a, used, x0, x1, x2, code) * w[o, j0, j1, j2]
                        if term == 0:
                            continue
                        for way in range(8):
                            p0, p1, p2 = way // 4, way // 2 % 2, way % 2
                            k0, f0 = beside(step[0], y0, p0)
                            k1, f1 = beside(step[1], y1, p1)
                            k2, f2 = beside(step[2], y2, p2)
                            if f0 > 1 or f1 > 1 or f2 > 1:
                                continue
                            to = 9 * (k0 + 1) + 3 * (k1 + 1) + k2 + 1
                            if to < 13 or not c_used[to - 13]:
                                continue
                            if not (0 <= j0 + k0 < m0 and 0 <= j1 + k1 < m1 and 0 <= j2 + k2 < m2):
                                continue
                            side = 9 * (f0 + 1) + 3 * (f1 + 1) + f2 + 1
                            c[to - 13, j0, j1, j2] += term * w[side, j0 + k0, j1 + k1, j2 + k2]


@njit(cache=True, nogil=True)
def beside(step, y, way):
    """Way number `way` from a fine point to a coarse one: (move of the coarse index, offset); offset 2 if none."""
    if step == 1:
        return (y, 0) if way == 0 else (0, 2)
    if y % 2 == 0:
        return (y // 2, 0) if way == 0 else (0, 2)
    return (0, y) if way == 0 else (y, -y)


@njit(cache=True, nogil=True, error_model="numpy")
def factor_lines(a, used, axis, lower, pivot):
    n0, n1, n2 = lower.shape
    half = 9 if axis == 0 else 3 if axis == 1 else 1
    one, zero = a.dtype.type(1), a.dtype.type(0)
    good = True
    for i0 in range(n0):
        for i1 in range(n1):
            for i2 in range(n2):
                j0, j1, j2 = (i0 - 1, i1, i2) if axis == 0 else (i0, i1 - 1, i2) if axis == 1 else (i0, i1, i2 - 1)
                l, c = zero, zero
                if min(j0, j1, j2) >= 0 and used[half]:
                    c = a[half, j0, j1, j2]
                    # the order of operations of the compiled kernels, which differs between axes
                    l = c / last_pivot(a, lower, j0, j1, j2) if axis == 2 else c * pivot[j0, j1, j2]
                d = a[0, i0, i1, i2] - l * c
                if not d > 0 or not np.isfinite(d):
                    good = False
                pivot[i0, i1, i2] = one / d
                lower[i0, i1, i2] = l
    return good


@njit(cache=True, nogil=True)
def last_pivot(a, lower, j0, j1, j2):
    """The pivot of a line along the last axis, of which only the inverse is kept."""
    c = a[1, j0, j1, j2 - 1] if j2 > 0 else a.dtype.type(0)
    return a[0, j0, j1, j2] - lower[j0, j1, j2] * c


@njit(cache=True, nogil=True)
def cholesky(a, used, factor):
    n0, n1, n2 = a.shape[1:]
    m = n0 * n1 * n2
    epsilon = a.dtype.type(2.3e-16) if a.itemsize == 8 else a.dtype.type(1.2e-7)
    factor[:] = 0
    diagonal = a[0].reshape(m)
    for i in range(m):
        for code in range(13, 27):
            j0 = i // (n1 * n2) + offset(code, 0)
            j1 = i // n2 % n1 + offset(code, 1)
            j2 = i % n2 + offset(code, 2)
            if used[code - 13] and 0 <= j0 < n0 and 0 <= j1 < n1 and 0 <= j2 < n2:
                factor[(j0 * n1 + j1) * n2 + j2, i] = a[code - 13].reshape(m)[i]
    for i in range(m):
        d = factor[i, i]
        for j in range(i):
            s = factor[i, j]
            for k in range(j):
                s -= factor[i, k] * factor[j, k]
            s *= factor[j, j]
            factor[i, j] = s
            d -= s * s
        if not d > a.dtype.type(m) * epsilon * diagonal[i] or not np.isfinite(d):
            return i
        factor[i, i] = a.dtype.type(1) / np.sqrt(d)
    return -1


@njit(cache=True, nogil=True, error_model="numpy")
def anisotropy(a, used, ratio, share):
    n = a.shape[1:]
    blocks = 0
    strong = np.zeros(3, np.int64)
    along = np.zeros(3)
    for b0 in range(0, n[0], SIDE):
        for b1 in range(0, n[1], SIDE):
            for b2 in range(0, n[2], SIDE):
                e0, e1, e2 = min(b0 + SIDE, n[0]), min(b1 + SIDE, n[1]), min(b2 + SIDE, n[2])
                along[:] = 0.0
                for h in range(1, 14):
                    if not used[h]:
                        continue
                    s = 0.0
                    for i0 in range(b0, e0):
                        for i1 in range(b1, e1):
                            for k in range(b2, e2):
                                s += np.float64(a[h, i0, i1, k])
                    for axis in range(3):
                        if offset(h + 13, axis) != 0:
                            along[axis] += s
                extent = (e0 - b0, e1 - b1, e2 - b2)
                ends = (e0 == n[0], e1 == n[1], e2 == n[2])
                whole = True
                for axis in range(3):
                    pairs = (extent[axis] - (1 if ends[axis] else 0)) / extent[axis]
                    whole = whole and (n[axis] == 1 or pairs > 0.0)
                    along[axis] = abs(along[axis]) / pairs if n[axis] > 1 else 0.0
                if not whole:
                    continue
                weakest = -1.0
                for axis in range(3):
                    if n[axis] > 1 and (weakest < 0.0 or along[axis] < weakest):
                        weakest = along[axis]
                blocks += 1
                for axis in range(3):
                    if n[axis] > 1 and along[axis] > 0.0 and along[axis] >= ratio * weakest:
                        strong[axis] += 1
    for axis in range(3):
        share[axis] = strong[axis] / blocks if blocks > 0 else 0.0
