"""Numba twins of the multigrid kernels: the same order of operations per point, hence the same bits.

Streams of couplings, offsets and codes are those of cpp/include/kriss/solve/box_grid.hpp; grids are stored without
padding, and neighbours outside are skipped instead of multiplied by 0.
"""

import math
import threading

import numpy as np
from numba import njit

from kriss._numba import solve as loops

DIRECT_POINTS = 64
STRONG_COUPLING = 4.0
STRONG_SHARE = 1.0 / 32
SIDE = 16
DONE, MATRIX, DIAGONAL, LINES, COARSEST = 0, 1, 2, 3, 4
GOOD, OUTSIDE, ASYMMETRIC = 0, 1, 2
EVERYTHING = (1 << 27) - 1
OWN_LINE = 7 << 12


@njit(cache=True, nogil=True)
def _offset(code, axis):
    return code // 9 - 1 if axis == 0 else code // 3 % 3 - 1 if axis == 1 else code % 3 - 1


@njit(cache=True, nogil=True)
def _fill(indptr, indices, data, n, a, used):
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
def _invert(diagonal, inverse):
    d = diagonal.reshape(diagonal.size)
    out = inverse.reshape(diagonal.size)
    bad = -1
    for i in range(d.size - 1, -1, -1):
        v = inverse.dtype.type(1) / d[i]
        out[i] = v
        if not (v > 0 and np.isfinite(v) and np.isfinite(d[i])):
            bad = i
    return bad


@njit(cache=True, nogil=True)
def _sum(a, used, i0, i1, i2, mask, x, s):
    n0, n1, n2 = x.shape
    for code in range(27):
        if not mask >> code & 1:
            continue
        half = code - 13 if code >= 13 else 13 - code
        if not used[half]:
            continue
        j0, j1, j2 = i0 + _offset(code, 0), i1 + _offset(code, 1), i2 + _offset(code, 2)
        if j0 < 0 or j0 >= n0 or j1 < 0 or j1 >= n1 or j2 < 0 or j2 >= n2:
            continue
        c = a[half, i0, i1, i2] if code >= 13 else a[half, j0, j1, j2]
        s -= c * x[j0, j1, j2]
    return s


@njit(cache=True, nogil=True)
def _colour_mask(colour, earlier, later):
    mask = 0
    for code in range(27):
        other = colour ^ ((_offset(code, 0) & 1) * 2 + (_offset(code, 1) & 1))
        if (other < colour and earlier) or (other > colour and later):
            mask |= 1 << code
    return mask


@njit(cache=True, nogil=True)
def _relax_points(a, used, inverse, r, x, t, backward, zero):
    n0, n1, n2 = x.shape
    east = a[1]
    first = 1 if backward else 0
    for turn in range(4):
        colour = 3 - turn if backward else turn
        mask = _colour_mask(colour, True, not zero)
        for i0 in range(colour // 2, n0, 2):
            for i1 in range(colour % 2, n1, 2):
                for k in range(n2):
                    t[k] = _sum(a, used, i0, i1, k, mask, x, r[i0, i1, k])
                for parity in (first, 1 - first):
                    for k in range(parity, n2, 2):
                        s = t[k]
                        if not (zero and parity == first):
                            if k > 0:
                                s -= east[i0, i1, k - 1] * x[i0, i1, k - 1]
                            if k + 1 < n2:
                                s -= east[i0, i1, k] * x[i0, i1, k + 1]
                        x[i0, i1, k] = s * inverse[i0, i1, k]


@njit(cache=True, nogil=True)
def _relax_lines(a, used, axis, lower, pivot, r, x, t, backward):
    """Gauss-Seidel over the lines along `axis`, colours by the parities of the other two indices."""
    shape = x.shape
    u, v = (1, 2) if axis == 0 else (0, 2) if axis == 1 else (0, 1)
    own = OWN_LINE if axis == 2 else (1 << 4 | 1 << 13 | 1 << 22) if axis == 0 else (1 << 10 | 1 << 13 | 1 << 16)
    length = shape[axis]
    for turn in range(4):
        colour = 3 - turn if backward else turn
        for p in range(colour // 2, shape[u], 2):
            for q in range(colour % 2, shape[v], 2):
                i0, i1, i2 = (0, p, q) if axis == 0 else (p, 0, q) if axis == 1 else (p, q, 0)
                d0, d1, d2 = (1, 0, 0) if axis == 0 else (0, 1, 0) if axis == 1 else (0, 0, 1)
                for k in range(length):
                    j0, j1, j2 = i0 + k * d0, i1 + k * d1, i2 + k * d2
                    s = _sum(a, used, j0, j1, j2, EVERYTHING & ~own, x, r[j0, j1, j2])
                    if k > 0:
                        s -= lower[j0, j1, j2] * t[k - 1]
                    t[k] = s
                last = x.dtype.type(0)
                for k in range(length - 1, -1, -1):
                    j0, j1, j2 = i0 + k * d0, i1 + k * d1, i2 + k * d2
                    s = t[k] * pivot[j0, j1, j2]
                    if k + 1 < length:
                        s -= lower[j0 + d0, j1 + d1, j2 + d2] * last
                    last = s
                    x[j0, j1, j2] = s


@njit(cache=True, nogil=True)
def _residual(a, used, r, x, out, swept):
    n0, n1, n2 = x.shape
    east = a[1]
    for i0 in range(n0):
        for i1 in range(n1):
            mask = _colour_mask(2 * (i0 & 1) + (i1 & 1), False, True)
            for k in range(n2):
                if not swept:
                    out[i0, i1, k] = _sum(a, used, i0, i1, k, EVERYTHING, x, r[i0, i1, k])
                    continue
                s = _sum(a, used, i0, i1, k, mask, x, x.dtype.type(0))
                if k & 1 == 0:
                    if k > 0:
                        s -= east[i0, i1, k - 1] * x[i0, i1, k - 1]
                    if k + 1 < n2:
                        s -= east[i0, i1, k] * x[i0, i1, k + 1]
                out[i0, i1, k] = s


@njit(cache=True, nogil=True)
def _restrict(step, w, fine, coarse):
    c0, c1, c2 = coarse.shape
    n0, n1, n2 = fine.shape
    for j0 in range(c0):
        for j1 in range(c1):
            for k in range(c2):
                s = coarse.dtype.type(0)
                for o0 in range(-1, 2):
                    for o1 in range(-1, 2):
                        i0 = 2 * j0 + 1 + o0 if step[0] == 2 else j0 + o0
                        i1 = 2 * j1 + 1 + o1 if step[1] == 2 else j1 + o1
                        if (
                            (step[0] == 1 and o0 != 0)
                            or (step[1] == 1 and o1 != 0)
                            or not (0 <= i0 < n0 and 0 <= i1 < n1)
                        ):
                            continue
                        at = 9 * (o0 + 1) + 3 * (o1 + 1)
                        if step[2] == 1:
                            s += w[at + 1, j0, j1, k] * fine[i0, i1, k]
                            continue
                        part = w[at, j0, j1, k] * fine[i0, i1, 2 * k] + w[at + 1, j0, j1, k] * fine[i0, i1, 2 * k + 1]
                        if 2 * k + 2 < n2:
                            part += w[at + 2, j0, j1, k] * fine[i0, i1, 2 * k + 2]
                        s += part
                coarse[j0, j1, k] = s


@njit(cache=True, nogil=True)
def _interpolate(step, w, coarse, x):
    c0, c1, c2 = coarse.shape
    n0, n1, n2 = x.shape
    for i0 in range(n0):
        for i1 in range(n1):
            for side in range(4):
                inside = True
                j0, j1, o0, o1 = i0, i1, 0, 0
                if step[0] == 1 or i0 % 2 == 1:
                    j0 = i0 if step[0] == 1 else i0 // 2
                    inside = side // 2 == 0
                else:
                    j0, o0 = (i0 // 2, -1) if side // 2 else (i0 // 2 - 1, 1)
                if step[1] == 1 or i1 % 2 == 1:
                    j1 = i1 if step[1] == 1 else i1 // 2
                    inside = inside and side % 2 == 0
                else:
                    j1, o1 = (i1 // 2, -1) if side % 2 else (i1 // 2 - 1, 1)
                if not inside or j0 < 0 or j0 >= c0 or j1 < 0 or j1 >= c1:
                    continue
                at = 9 * (o0 + 1) + 3 * (o1 + 1)
                for k in range(n2):
                    if step[2] == 1:
                        x[i0, i1, k] += w[at + 1, j0, j1, k] * coarse[j0, j1, k]
                    elif k % 2 == 1:
                        x[i0, i1, k] += w[at + 1, j0, j1, k // 2] * coarse[j0, j1, k // 2]
                    else:
                        c = k // 2
                        if c == c2:
                            x[i0, i1, k] += w[at + 2, j0, j1, c - 1] * coarse[j0, j1, c - 1]
                        elif c == 0:
                            x[i0, i1, k] += w[at, j0, j1, c] * coarse[j0, j1, c]
                        else:
                            x[i0, i1, k] += (
                                w[at, j0, j1, c] * coarse[j0, j1, c] + w[at + 2, j0, j1, c - 1] * coarse[j0, j1, c - 1]
                            )


ORDER = np.array(
    [13, 4, 10, 12, 14, 16, 22, 1, 3, 5, 7, 9, 11, 15, 17, 19, 21, 23, 25, 0, 2, 6, 8, 18, 20, 24, 26], np.int64
)


@njit(cache=True, nogil=True)
def _entry(a, used, i0, i1, i2, code):
    """The coupling of a point to its neighbour `code`, 0 if there is none."""
    n0, n1, n2 = a.shape[1:]
    j0, j1, j2 = i0 + _offset(code, 0), i1 + _offset(code, 1), i2 + _offset(code, 2)
    half = code - 13 if code >= 13 else 13 - code
    if not used[half] or j0 < 0 or j0 >= n0 or j1 < 0 or j1 >= n1 or j2 < 0 or j2 >= n2:
        return a.dtype.type(0)
    return a[half, i0, i1, i2] if code >= 13 else a[half, j0, j1, j2]


@njit(cache=True, nogil=True, error_model="numpy")
def _weights(a, used, step, present, w, order):
    n0, n1, n2 = a.shape[1:]
    c0, c1, c2 = w.shape[1:]
    zero = a.dtype.type(0)
    for o in order:
        if not present[o]:
            continue
        o0, o1, o2 = _offset(o, 0), _offset(o, 1), _offset(o, 2)
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
                        d0, d1, d2 = _offset(code, 0), _offset(code, 1), _offset(code, 2)
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
                        s = _entry(a, used, x0, x1, x2, code)
                        if towards == o:
                            den += s
                        else:
                            num += s * w[towards, j0, j1, j2]
                    w[o, j0, j1, j2] = -num / den if den > 0 else zero


@njit(cache=True, nogil=True)
def _galerkin(a, used, step, present, w, c, c_used):
    n0, n1, n2 = a.shape[1:]
    m0, m1, m2 = c.shape[1:]
    for j0 in range(m0):
        for j1 in range(m1):
            for j2 in range(m2):
                for o in range(27):
                    if not present[o]:
                        continue
                    o0, o1, o2 = _offset(o, 0), _offset(o, 1), _offset(o, 2)
                    x0 = 2 * j0 + 1 + o0 if step[0] == 2 else j0
                    x1 = 2 * j1 + 1 + o1 if step[1] == 2 else j1
                    x2 = 2 * j2 + 1 + o2 if step[2] == 2 else j2
                    if x0 >= n0 or x1 >= n1 or x2 >= n2:
                        continue
                    for code in range(27):
                        if not used[abs(code - 13)]:
                            continue
                        y0, y1, y2 = o0 + _offset(code, 0), o1 + _offset(code, 1), o2 + _offset(code, 2)
                        term = _entry(a, used, x0, x1, x2, code) * w[o, j0, j1, j2]
                        if term == 0:
                            continue
                        for way in range(8):
                            p0, p1, p2 = way // 4, way // 2 % 2, way % 2
                            k0, f0 = _beside(step[0], y0, p0)
                            k1, f1 = _beside(step[1], y1, p1)
                            k2, f2 = _beside(step[2], y2, p2)
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
def _beside(step, y, way):
    """Way number `way` from a fine point to a coarse one: (move of the coarse index, offset); offset 2 if none."""
    if step == 1:
        return (y, 0) if way == 0 else (0, 2)
    if y % 2 == 0:
        return (y // 2, 0) if way == 0 else (0, 2)
    return (0, y) if way == 0 else (y, -y)


@njit(cache=True, nogil=True, error_model="numpy")
def _factor_lines(a, used, axis, lower, pivot):
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
                    l = c / _pivot(a, lower, j0, j1, j2) if axis == 2 else c * pivot[j0, j1, j2]
                d = a[0, i0, i1, i2] - l * c
                if not d > 0 or not np.isfinite(d):
                    good = False
                pivot[i0, i1, i2] = one / d
                lower[i0, i1, i2] = l
    return good


@njit(cache=True, nogil=True)
def _pivot(a, lower, j0, j1, j2):
    """The pivot of a line along the last axis, of which only the inverse is kept."""
    c = a[1, j0, j1, j2 - 1] if j2 > 0 else a.dtype.type(0)
    return a[0, j0, j1, j2] - lower[j0, j1, j2] * c


@njit(cache=True, nogil=True)
def _cholesky(a, used, factor):
    n0, n1, n2 = a.shape[1:]
    m = n0 * n1 * n2
    epsilon = a.dtype.type(2.3e-16) if a.itemsize == 8 else a.dtype.type(1.2e-7)
    factor[:] = 0
    diagonal = a[0].reshape(m)
    for i in range(m):
        for code in range(13, 27):
            j0 = i // (n1 * n2) + _offset(code, 0)
            j1 = i // n2 % n1 + _offset(code, 1)
            j2 = i % n2 + _offset(code, 2)
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


@njit(cache=True, nogil=True)
def _coarsest(factor, r, x):
    m = r.size
    for i in range(m):
        s = r[i]
        for j in range(i):
            s -= factor[i, j] * x[j]
        x[i] = s * factor[i, i]
    for i in range(m - 1, -1, -1):
        s = x[i]
        for j in range(i + 1, m):
            s -= factor[j, i] * x[j]
        x[i] = s * factor[i, i]


@njit(cache=True, nogil=True, error_model="numpy")
def _anisotropy(a, used, ratio, share):
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
                        if _offset(h + 13, axis) != 0:
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


class _Grid:
    """One level."""

    def __init__(self, n, dtype):
        self.n = n
        self.a = np.zeros((14, *n), dtype)
        self.used = np.zeros(14, np.bool_)
        self.used[:2] = True
        self.step = np.ones(3, np.int64)
        self.lines = 0
        self.inverse = np.zeros(n, dtype)
        self.factors = {}
        self.x = np.zeros(n, dtype)
        self.r = np.zeros(n, dtype)
        self.work = np.zeros(n, dtype)
        self.line = np.zeros(max(n), dtype)
        self.w = np.zeros((27, 0, 0, 0), dtype)
        self.present = np.zeros(27, np.bool_)

    def smooth(self, r, x, backward, zero):
        if self.lines == 0:
            _relax_points(self.a, self.used, self.inverse, r, x, self.line, backward, zero)
            return
        if zero:
            x[:] = 0
        for axis in (0, 1, 2) if backward else (2, 1, 0):
            if self.lines >> axis & 1:
                lower, pivot = self.factors[axis]
                _relax_lines(self.a, self.used, axis, lower, pivot, r, x, self.line, backward)


class BlackBox:
    """Black-Box multigrid."""

    dtype: type = np.float64

    def __init__(self):
        self._grids = []
        self._twice = 0
        self._factor = None
        self._lock = threading.Lock()

    @property
    def size(self):
        return math.prod(self._grids[0].n) if self._grids else 0

    @property
    def nbytes(self):
        kept = 0 if self._factor is None else self._factor.nbytes
        for g in self._grids:
            kept += sum(v.nbytes for v in (g.a, g.inverse, g.x, g.r, g.work, g.w))
            kept += sum(v.nbytes for pair in g.factors.values() for v in pair)
        return kept

    def grids(self):
        return [(g.n, g.lines) for g in self._grids]

    def stencil(self, level, half):
        g = self._grids[level]
        return g.a[half].ravel() if g.used[half] else np.empty(0, self.dtype)

    def setup(self, indptr, indices, data, n0, n1, n2, lines, twice, workers):
        with self._lock, np.errstate(all="ignore"):
            report, grids, factor = self._build(indptr, indices, data, (n0, n1, n2), lines)
            self._grids, self._factor = (grids, factor) if report[0] == DONE else ([], None)
            self._twice = twice
            return report

    def _build(self, indptr, indices, data, n, lines):
        g = _Grid(n, self.dtype)
        grids: list[_Grid] = []
        kind, row, column = _fill(indptr, indices, data, n, g.a, g.used)
        if kind != GOOD:
            return (MATRIX, 0, kind, row, column, -1), grids, None
        while True:
            level = len(grids)
            bad = _invert(g.a[0], g.inverse)
            if bad >= 0:
                return (DIAGONAL, level, GOOD, -1, -1, bad), grids, None
            grids.append(g)
            size = math.prod(g.n)
            if size <= DIRECT_POINTS:
                factor = np.zeros((size, size), self.dtype)
                bad = _cholesky(g.a, g.used, factor)
                return (COARSEST if bad >= 0 else DONE, level, GOOD, -1, -1, bad), grids, factor
            if lines < 0:
                share = np.zeros(3)
                _anisotropy(g.a, g.used, STRONG_COUPLING, share)
                g.lines = sum(1 << axis for axis in range(3) if share[axis] > STRONG_SHARE)
            else:
                g.lines = sum(1 << axis for axis in range(3) if lines >> axis & 1 and g.n[axis] > 1)
            for axis in range(3):
                if g.lines >> axis & 1:
                    g.factors[axis] = (np.zeros(g.n, self.dtype), np.zeros(g.n, self.dtype))
                    if not _factor_lines(g.a, g.used, axis, *g.factors[axis]):
                        return (LINES, level, GOOD, -1, -1, -1), grids, None
            g.step[:] = [2 if k >= 3 else 1 for k in g.n]
            c = _Grid(tuple(int(k // s) for k, s in zip(g.n, g.step, strict=True)), self.dtype)
            offsets = [(code // 9 - 1, code // 3 % 3 - 1, code % 3 - 1) for code in range(27)]
            for code, o in enumerate(offsets):
                g.present[code] = all(v == 0 or s == 2 for v, s in zip(o, g.step, strict=True))
                if code > 14:
                    c.used[code - 13] = all(v == 0 or k > 1 for v, k in zip(o, c.n, strict=True))
            g.w = np.zeros((27, *c.n), self.dtype)
            _weights(g.a, g.used, g.step, g.present, g.w, ORDER)
            _galerkin(g.a, g.used, g.step, g.present, g.w, c.a, c.used)
            g = c

    def _visit(self, level, r, x):
        g, c = self._grids[level], self._grids[level + 1]
        g.smooth(r, x, False, True)
        for turn in range(2 if 0 < level <= self._twice else 1):
            _residual(g.a, g.used, r, x, g.work, turn == 0 and g.lines == 0)
            _restrict(g.step, g.w, g.work, c.r)
            if level + 2 == len(self._grids):
                _coarsest(self._factor, c.r.reshape(-1), c.x.reshape(-1))
            else:
                self._visit(level + 1, c.r, c.x)
            _interpolate(g.step, g.w, c.x, x)
        g.smooth(r, x, True, False)

    def apply(self, r, z, scale, workers):
        with self._lock, np.errstate(all="ignore"):
            g = self._grids[0]
            if len(self._grids) > 1:
                self._visit(0, r.reshape(g.n), g.x)
            else:
                _coarsest(self._factor, r, g.x.reshape(-1))
            np.multiply(g.x.reshape(-1), self.dtype(scale), out=z)
            return loops.dot(r, z, workers)

    def apply_multi(self, r, z, scale, workers):
        out = np.empty(r.shape[0], self.dtype)
        for j in range(r.shape[1]):
            self.apply(np.ascontiguousarray(r[:, j]), out, scale, workers)
            z[:, j] = out


class BlackBoxF32(BlackBox):
    """Black-Box multigrid in single precision."""

    dtype = np.float32


def cg_native(indptr, indices, data, b, x, M, scale, tol, maxiter, zero_start, history, workers):
    """Conjugate gradients with a preconditioner object, by the passes of the driven loop."""
    from kriss.solve._driven import cg_driven

    z = np.empty_like(b)

    def apply(r):
        M.apply(r, z, scale, workers)
        return z

    def product(p, q):
        return loops.csr_matvec_dot(indptr, indices, data, p, q, workers)

    with np.errstate(all="ignore"):
        code, iterations, matvecs, norm, norms = cg_driven(
            loops, product, b, x, np.empty(0, b.dtype), apply, None, tol=tol, maxiter=maxiter, zero_start=zero_start,
            scipy_rules=False, workers=workers,
        )  # fmt: skip
    product_bytes = data.nbytes + indices.nbytes + (indptr.size - 1) * indptr.itemsize
    return code, iterations, matvecs, norm, np.asarray(norms if history else []), 0, product_bytes
