"""Numba twins of the spline kernels: the same arithmetic in the same order as ``cpp/include/kriss/spline``.

Equations, traffic and references are in the headers. `workers` is accepted and ignored.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

_LANES = 8
_TARGET = 200


@njit(cache=True, nogil=True, error_model="numpy")
def _bits(d, size):
    """The bits of d as a signed integer, d being of `size` bytes; they order as d does if it is positive."""
    if size == 8:
        return np.int64(np.float64(d).view(np.int64))
    return np.int64(np.float32(d).view(np.int32))


@njit(cache=True, nogil=True, error_model="numpy")
def _linear(x, first, scale, buckets):
    t = (x - first) * scale
    if not t > 0:
        return 0
    if not t < buckets:
        return buckets - 1
    return min(int(t), buckets - 1)


@njit(cache=True, nogil=True, error_model="numpy")
def _octave(size, d, shift, base, buckets):
    k = _bits(d, size)
    k = max(k, np.int64(0)) >> np.int64(shift)
    return min(max(k - base, np.int64(0)), np.int64(buckets - 1))


@njit(cache=True, nogil=True, error_model="numpy")
def _base(x, how):
    if how > 0:
        return _bits(x[1] - x[0], x.itemsize) >> np.int64(how)
    if how < 0:
        return _bits(x[x.size - 1] - x[x.size - 2], x.itemsize) >> np.int64(-how)
    return np.int64(0)


@njit(cache=True, nogil=True, error_model="numpy")
def _bucket_of(x, how, scale, base, buckets, q):
    if how == 0:
        return _linear(q, x[0], scale, buckets)
    if how > 0:
        return _octave(x.itemsize, q - x[0], how, base, buckets)
    return buckets - 1 - _octave(x.itemsize, x[x.size - 1] - q, -how, base, buckets)


def nearly_uniform(x):
    return _nearly_uniform(x.dtype.type, x)


@njit(cache=True, nogil=True, error_model="numpy")
def _nearly_uniform(dtype, x):
    n = x.size
    buckets = n - 1
    scale = dtype(buckets) / (x[n - 1] - x[0])
    slack = dtype(1) / dtype(1024)
    for i in range(1, n - 1):
        d = (x[i] - x[0]) * scale - dtype(i)
        if not (d <= slack and d >= -slack):
            return False
    return True


@njit(cache=True, nogil=True, error_model="numpy")
def _crowding(dtype, x, how, buckets):
    scale = dtype(buckets) / (x[x.size - 1] - x[0])
    base = _base(x, how)
    total = 0.0
    most = 0
    run = 0
    before = -1
    for i in range(1, x.size - 1):
        j = _bucket_of(x, how, scale, base, buckets, x[i])
        run = run + 1 if j == before else 1
        before = j
        total += 2.0 * run - 1.0
        most = max(most, run)
    return total, most


@njit(cache=True, nogil=True, error_model="numpy")
def _bucket_map(dtype, x):
    n = x.size
    limit = 4
    while limit < 2 * n and limit < 2**29:
        limit *= 2
    how = 0
    buckets = limit
    least, most = _crowding(dtype, x, 0, limit)
    if most <= 8:
        return how, buckets
    width = x[n - 1] - x[0]
    for side in range(2):
        nearest = x[1] - x[0] if side == 0 else x[n - 1] - x[n - 2]
        for shift in range(1, 8 * x.itemsize - 1):
            far, near = _bits(width, x.itemsize), _bits(nearest, x.itemsize)
            count = (far >> np.int64(shift)) - (near >> np.int64(shift)) + 1
            if count <= limit:
                other = shift if side == 0 else -shift
                total, most = _crowding(dtype, x, other, int(count))
                if 2.0 * total < least:
                    least = total
                    how = other
                    buckets = int(count)
                break
    return how, buckets


def bucket_map(x):
    return _bucket_map(x.dtype.type, x)


@njit(cache=True, nogil=True, error_model="numpy")
def _bucket_table(dtype, x, how, table):
    n = x.size
    buckets = table.size - 1
    scale = dtype(buckets) / (x[n - 1] - x[0])
    base = _base(x, how)
    filled = 0
    for i in range(1, n - 1):
        j = _bucket_of(x, how, scale, base, buckets, x[i])
        while filled <= j:
            table[filled] = i - 1
            filled += 1
    while filled <= buckets:
        table[filled] = n - 2
        filled += 1


def bucket_table(x, map, table):
    _bucket_table(x.dtype.type, x, map, table)


@njit(cache=True, nogil=True, error_model="numpy")
def _locate(x, table, how, scale, base, buckets, q):
    last = x.size - 2
    j = _bucket_of(x, how, scale, base, buckets, q)
    if table.size > 0:
        i = table[j] + 0
        end = table[j + 1] + 0
        step = 1 if end > i else 0
        while step != 0 and 2 * step - 1 < end - i:
            step *= 2
        while step > 0:
            ahead = min(i + step, end)
            if q >= x[ahead]:
                i = ahead
            step >>= 1
    else:
        i = j + 0
        if i > 0 and q < x[i]:
            i -= 1
        elif i < last and q >= x[i + 1]:
            i += 1
    if (i > 0 and q < x[i]) or (i < last and q >= x[i + 1]):
        low = 0
        high = x.size - 1
        while high - low > 1:
            mid = low + (high - low) // 2
            if q >= x[mid]:
                low = mid
            else:
                high = mid
        i = low
    return i


@njit(cache=True, nogil=True, error_model="numpy")
def _evaluate(dtype, x, table, how, c, q, nu, beyond, out):
    n = x.size
    order, _, m = c.shape
    first = x[0]
    last = x[n - 1]
    buckets = table.size - 1 if table.size > 0 else n - 1
    scale = dtype(buckets) / (last - first)
    base = _base(x, how)
    period = last - first
    for k in range(q.size):
        v = q[k]
        if beyond == 2:
            d = v - first
            if not (d > 0 and d < period):
                d = np.fmod(d, period)
                if d < 0:
                    d += period
            v = first + d
            if v > last:
                v = last
        if (beyond == 4 or (beyond == 3 and nu > 0)) and (v < first or v > last):
            for t in range(m):
                out[k, t] = dtype(0)
            continue
        if beyond == 3:
            v = first if v < first else last if v > last else v
        known = v == v if beyond == 1 else first <= v and v <= last
        if not known:
            for t in range(m):
                out[k, t] = math.nan
            continue
        i = _locate(x, table, how, scale, base, buckets, v)
        s = v - x[i]
        for t in range(m):
            total = dtype(0)
            z = dtype(1)
            for p in range(nu, order):
                factor = dtype(1)
                for j in range(nu):
                    factor *= dtype(p - j)
                total += c[order - 1 - p, i, t] * z * factor
                z *= s
            out[k, t] = total


def evaluate(x, table, map, c, q, nu, beyond, out, workers):
    columns = c.size // (c.shape[0] * c.shape[1])
    pieces = c.reshape(c.shape[0], c.shape[1], columns)
    _evaluate(x.dtype.type, x, table, map, pieces, q.reshape(-1), nu, beyond, out.reshape(q.size, columns))


# Ends: 0 not-a-knot, 1 slope, 2 curvature, 3 periodic.


@njit(cache=True, nogil=True, error_model="numpy")
def _diagonal(dtype, h, N, lo, hi, left_end, right_end, i):
    a = dtype(2) * (h[i - 1] + h[i])
    for side in range(2):
        if i == (lo if side == 0 else hi):
            end = left_end if side == 0 else right_end
            p = h[0] if side == 0 else h[N - 1]
            q = h[0] if N == 1 else h[1] if side == 0 else h[N - 2]
            if end == 0:
                a -= q * ((q - p) / (p + dtype(2) * q))
            elif end == 1:
                a -= p / dtype(2)
    return a


@njit(cache=True, nogil=True, error_model="numpy")
def _rhs(dtype, h, d, N, lo, hi, left_end, right_end, left, right, i):
    b = dtype(6) * (d[i] - d[i - 1])
    if i == lo:
        if left_end == 2:
            b -= h[0] * left
        elif left_end == 1:
            b -= dtype(3) * (d[0] - left)
        elif left_end == 0:
            b -= (h[1] / (h[0] + h[1])) * (h[1] / (h[0] + dtype(2) * h[1])) * (dtype(6) * (d[1] - d[0]))
    if i == hi:
        if right_end == 2:
            b -= h[N - 1] * right
        elif right_end == 1:
            b -= dtype(3) * (right - d[N - 1])
        elif right_end == 0:
            p = h[N - 1]
            q = h[N - 2]
            b -= (q / (p + q)) * (q / (p + dtype(2) * q)) * (dtype(6) * (d[N - 1] - d[N - 2]))
    return b


@njit(cache=True, nogil=True, error_model="numpy")
def _ends(dtype, h, d, N, a, b, left, right, M):
    two, three, six = dtype(2), dtype(3), dtype(6)
    p0 = h[0]
    q0 = h[1] if N > 1 else h[0]
    p1 = h[N - 1]
    q1 = h[N - 2] if N > 1 else h[0]
    f0 = (q0 / (p0 + q0)) * (six * (d[1] - d[0])) if N > 1 else dtype(0)
    f1 = (q1 / (p1 + q1)) * (six * (d[N - 1] - d[N - 2])) if N > 1 else dtype(0)
    half0 = three * (d[0] - left) / h[0]
    half1 = three * (right - d[N - 1]) / h[N - 1]
    if N == 1:
        e0 = half0 if a == 1 else dtype(0)
        e1 = half1 if b == 1 else dtype(0)
        if a == 2 and b == 2:
            M[0] = left
            M[1] = right
        elif a == 2:
            M[0] = left
            M[1] = e1 - left / two
        elif b == 2:
            M[1] = right
            M[0] = e0 - right / two
        else:
            M[0] = (two * e0 - e1) * (two / three)
            M[1] = (two * e1 - e0) * (two / three)
        return
    if a == 2:
        M[0] = left
    if b == 2:
        M[N] = right
    if a == 0 and b == 0 and N == 2:
        flat = two * ((d[1] - d[0]) / (h[0] + h[1]))
        M[0] = flat
        M[1] = flat
        M[2] = flat
        return
    if a == 0 and b == 0 and N == 3:
        width = h[0] + h[1] + h[2]
        share = dtype(1) / (three * h[1])
        M[1] = (((p1 + two * q1) / width) * f0 - ((q0 - p0) / width) * f1) * share
        M[2] = (((p0 + two * q0) / width) * f1 - ((q1 - p1) / width) * f0) * share
    elif a == 0 and b == 1 and N == 2:
        M[1] = (f0 - (q0 - p0) * half1) / (p0 + two * q0 - (q0 - p0) / two)
    elif a == 1 and b == 0 and N == 2:
        M[1] = (f1 - (q1 - p1) * half0) / (p1 + two * q1 - (q1 - p1) / two)
    else:
        if a == 0:
            M[1] = (f0 - (q0 - p0) * M[2]) / (p0 + two * q0)
        if b == 0:
            M[N - 1] = (f1 - (q1 - p1) * M[N - 2]) / (p1 + two * q1)
    if a == 1:
        M[0] = half0 - M[1] / two
    if b == 1:
        M[N] = half1 - M[N - 1] / two
    if a == 0:
        M[0] = M[1] + (p0 / q0) * (M[1] - M[2])
    if b == 0:
        M[N] = M[N - 1] + (p1 / q1) * (M[N - 1] - M[N - 2])


@njit(cache=True, nogil=True, error_model="numpy")
def _cells(dtype, h, d, M, y, c, t):
    for i in range(h.size):
        c[0, i, t] = (M[i + 1] - M[i]) / h[i] / dtype(6)
        c[1, i, t] = M[i] / dtype(2)
        c[2, i, t] = d[i] - h[i] * ((dtype(2) * M[i] + M[i + 1]) / dtype(6))
        c[3, i, t] = y[i]


@njit(cache=True, nogil=True, error_model="numpy")
def _slopes(x, y, h, d):
    big = np.finfo(x.dtype).max
    good = True
    for i in range(h.size):
        w = x[i + 1] - x[i]
        v = (y[i + 1] - y[i]) / w
        good &= w > 0 and w <= big and v <= big and v >= -big
        h[i] = w
        d[i] = v
    return good


@njit(cache=True, nogil=True, error_model="numpy")
def _one_column(dtype, x, y, a, left, b, right, c, t):
    N = x.size - 1
    h = np.empty(N, x.dtype)
    d = np.empty(N, x.dtype)
    M = np.empty(N + 1, x.dtype)
    if not _slopes(x, y, h, d):
        return 11
    lo = 2 if a == 0 else 1
    hi = N - 2 if b == 0 else N - 1
    rows = max(hi - lo + 1, 0)
    count = 0
    if rows > 0:
        count = 1 if rows < 32 * _LANES else _LANES * ((rows + _LANES * _TARGET - 1) // (_LANES * _TARGET))
    base = (rows - (count - 1)) // count if count > 0 else 0
    longer = rows - (count - 1) - base * count
    l = np.empty(N, x.dtype)
    w = np.empty(N, x.dtype)
    begins = np.empty(count + 1, np.int64)
    for j in range(count + 1):
        begins[j] = lo + j * (base + 1) + min(j, longer)
    edges = np.empty((count, 5), x.dtype)
    for j in range(count):
        start = begins[j]
        stop = begins[j + 1] - 1
        zk = dtype(0)
        lk = dtype(0)
        uk = dtype(0)
        wk = dtype(0)
        sum_d = dtype(0)
        sum_r = dtype(0)
        for i in range(start, stop):
            rhs = _rhs(dtype, h, d, N, lo, hi, a, b, left, right, i)
            if i == start:
                inv = dtype(1) / _diagonal(dtype, h, N, lo, hi, a, b, i)
                zk = rhs * inv
                uk = h[i - 1] if i > lo else dtype(0)
            else:
                above = h[i - 1]
                inv = dtype(1) / (_diagonal(dtype, h, N, lo, hi, a, b, i) - above * lk)
                zk = (rhs - above * zk) * inv
                uk = -uk * lk
            wk = uk * inv
            lk = h[i] * inv if i < hi else dtype(0)
            sum_d += uk * wk
            sum_r += uk * zk
            M[i] = zk
            l[i] = lk
            w[i] = wk
        off = h[stop - 1] if stop - 1 < hi else dtype(0)
        edges[j, 0] = sum_d
        edges[j, 1] = sum_r
        edges[j, 2] = off * lk
        edges[j, 3] = off * zk
        edges[j, 4] = -wk * off
    factor = np.empty(max(count - 1, 0), x.dtype)
    z = dtype(0)
    for j in range(count - 1):
        i = begins[j + 1] - 1
        pivot = dtype(2) * (h[i - 1] + h[i]) - edges[j, 2] - edges[j + 1, 0]
        rhs = dtype(6) * (d[i] - d[i - 1]) - edges[j, 3] - edges[j + 1, 1]
        if j > 0:
            pivot -= edges[j, 4] * factor[j - 1]
            rhs -= edges[j, 4] * z
        z = rhs / pivot
        factor[j] = edges[j + 1, 4] / pivot
        M[i] = z
    for j in range(count - 3, -1, -1):
        M[begins[j + 1] - 1] -= factor[j] * M[begins[j + 2] - 1]
    for j in range(count):
        start = begins[j]
        stop = begins[j + 1] - 1
        side = M[start - 1] if start > lo else dtype(0)
        following = M[stop] if stop - 1 < hi else dtype(0)
        for i in range(stop - 1, start - 1, -1):
            following = M[i] - l[i] * following - w[i] * side
            M[i] = following
    _ends(dtype, h, d, N, a, b, left, right, M)
    _cells(dtype, h, d, M, y, c, t)
    if a == 1:
        c[2, 0, t] = left
    return 0


@njit(cache=True, nogil=True, error_model="numpy")
def _columns(dtype, x, y, a, left, b, right, c):
    N = x.size - 1
    m = y.shape[1]
    h = np.empty(N, x.dtype)
    d = np.empty(N, x.dtype)
    lo = 2 if a == 0 else 1
    hi = N - 2 if b == 0 else N - 1
    inv = np.empty(N + 1, x.dtype)
    l = np.empty(N + 1, x.dtype)
    g = np.zeros(N + 1, x.dtype)
    M = np.empty(N + 1, x.dtype)
    for t in range(m):
        if not _slopes(x, y[:, t], h, d):
            return 11
    for i in range(lo, hi + 1):
        diagonal = _diagonal(dtype, h, N, lo, hi, a, b, i)
        inv[i] = dtype(1) / (diagonal if i == lo else diagonal - h[i - 1] * l[i - 1])
        l[i] = h[i] * inv[i] if i < hi else dtype(0)
    corner = dtype(1)
    if a == 3:
        for i in range(1, N):
            e = (h[0] if i == 1 else dtype(0)) + (h[N - 1] if i == N - 1 else dtype(0))
            g[i] = (e if i == 1 else e - h[i - 1] * g[i - 1]) * inv[i]
        for i in range(N - 2, 0, -1):
            g[i] -= l[i] * g[i + 1]
        if N > 1:
            corner = dtype(2) * (h[N - 1] + h[0]) - h[0] * g[1] - h[N - 1] * g[N - 1]
    for t in range(m):
        _slopes(x, y[:, t], h, d)
        for i in range(lo, hi + 1):
            rhs = _rhs(dtype, h, d, N, lo, hi, a, b, left[t], right[t], i)
            M[i] = (rhs if i == lo else rhs - h[i - 1] * M[i - 1]) * inv[i]
        for i in range(hi - 1, lo - 1, -1):
            M[i] -= l[i] * M[i + 1]
        if a != 3:
            _ends(dtype, h, d, N, a, b, left[t], right[t], M)
        elif N == 1:
            M[0] = dtype(0)
            M[1] = dtype(0)
        else:
            r = dtype(6) * (d[0] - d[N - 1])
            edge = (r - h[0] * M[1] - h[N - 1] * M[N - 1]) / corner
            M[0] = edge
            M[N] = edge
            for i in range(1, N):
                M[i] -= g[i] * edge
        _cells(dtype, h, d, M, y[:, t], c, t)
        if a == 1:
            c[2, 0, t] = left[t]
    return 0


def cubic(x, y, left_end, left, right_end, right, c, work, workers):
    if y.shape[1] == 1 and left_end != 3:
        return _one_column(x.dtype.type, x, y[:, 0], left_end, left[0], right_end, right[0], c, 0)
    return _columns(x.dtype.type, x, y, left_end, left, right_end, right, c)
