"""Numba twins of incomplete factors on 9 and 27 points; the order of operations of solve/box_factor*.hpp."""

import numpy as np
from numba import njit

from kriss._numba._box_cycle import offset

PAD = 8


@njit(cache=True, nogil=True)
def factorise(diagonal, right, lower_left, below, lower_right, mirrored, inverse, line, off):
    """Returns the first point with a bad pivot, or -1; off: (3, n0, n1)."""
    n0, n1 = diagonal.shape
    d, e, s = diagonal.copy(), right.copy(), below.copy()
    p, q = (lower_left.copy(), lower_right.copy()) if mirrored else (lower_right.copy(), lower_left.copy())
    way = -1 if mirrored else 1
    ahead_off, behind_off = (0, 2) if mirrored else (2, 0)
    for i in range(n0):
        last = i + 1 == n0
        for at in range(n1):
            k = n1 - 1 - at if mirrored else at
            pivot = d[i, k]
            if not pivot > 0.0 or not np.isfinite(pivot):
                return i * n1 + k
            inv = 1.0 / pivot
            more = at + 1 < n1
            ahead = 0.0
            if more:
                ahead = e[i, k - 1] if mirrored else e[i, k]
            u = ahead * inv
            inverse[i, k] = inv
            line[i, k] = np.float32(u)
            if more:
                d[i, k + way] -= ahead * u
            if last:
                off[0, i, k] = off[1, i, k] = off[2, i, k] = 0.0
                continue
            lp, lq, ls = p[i, k] * inv, q[i, k] * inv, s[i, k] * inv
            off[ahead_off, i, k] = np.float32(lp)
            off[behind_off, i, k] = np.float32(lq)
            off[1, i, k] = np.float32(ls)
            far = abs(ahead * lq)
            wide = abs(p[i, k] * lq)
            d[i + 1, k] -= s[i, k] * ls
            if more:
                d[i, k + way] += far
                d[i + 1, k + way] += wide - p[i, k] * lp
                q[i, k + way] -= ahead * ls
                s[i, k + way] -= ahead * lp
                e[i + 1, k - 1 if mirrored else k] -= s[i, k] * lp
            if at > 0:
                d[i + 1, k - way] += (far + wide) - q[i, k] * lq
                e[i + 1, k if mirrored else k - 1] -= s[i, k] * lq
    return -1


@njit(cache=True, nogil=True)
def _run(n, c, t, y):
    """y[k] = t[k] - c[k] y[k - 1]; c, t: padded by PAD in front."""
    last = np.zeros(4)
    for k in range(n):
        a = k + PAD
        c0, c1, c2, c3 = -c[a], -c[a - 1], -c[a - 2], -c[a - 3]
        two = c0 * c1
        total = (t[a] + c0 * t[a - 1]) + two * (t[a - 2] + c2 * t[a - 3])
        jump = two * (c2 * c3)
        last[k % 4] = total + jump * last[k % 4]
        y[k] = last[k % 4]


@njit(cache=True, nogil=True)
def _run_back(n, c, t, y):
    """y[k] = t[k] - c[k] y[k + 1]."""
    last = np.zeros(4)
    for k in range(n - 1, -1, -1):
        a = k + PAD
        c0, c1, c2, c3 = -c[a], -c[a + 1], -c[a + 2], -c[a + 3]
        two = c0 * c1
        total = (t[a] + c0 * t[a + 1]) + two * (t[a + 2] + c2 * t[a + 3])
        jump = two * (c2 * c3)
        j = (n - 1 - k) % 4
        last[j] = total + jump * last[j]
        y[k] = last[j]


@njit(cache=True, nogil=True)
def towards(h, mirrored, turned):
    """The offset of later neighbour h (1 to 13) in an order of elimination."""
    code = h + 13
    return (
        offset(code, 0),
        -offset(code, 1) if turned else offset(code, 1),
        -offset(code, 2) if mirrored else offset(code, 2),
    )


@njit(cache=True, nogil=True)
def close(p, q):
    """Whether two later neighbours of a point are neighbours, or the same."""
    return (
        abs(offset(p + 13, 0) - offset(q + 13, 0)) <= 1
        and abs(offset(p + 13, 1) - offset(q + 13, 1)) <= 1
        and abs(offset(p + 13, 2) - offset(q + 13, 2)) <= 1
    )


@njit(cache=True, nogil=True)
def factorise3(a, mirrored, turned, inverse, line, off):
    """Returns the first point with a bad pivot, or -1; a: (14, n0, n1, n2), off: (12, n0, n1, n2)."""
    n0, n1, n2 = a.shape[1:]
    rows = np.zeros((n0, n1, n2, 14))
    rows[:, :, :, 0] = a[0]
    for h in range(1, 14):
        d0, d1, d2 = towards(h, mirrored, turned)
        code = 9 * (d0 + 1) + 3 * (d1 + 1) + d2 + 1
        for i0 in range(n0 - d0):
            for i1 in range(max(0, -d1), n1 - max(0, d1)):
                for i2 in range(max(0, -d2), n2 - max(0, d2)):
                    if code > 13:
                        rows[i0, i1, i2, h] = a[code - 13, i0, i1, i2]
                    else:
                        rows[i0, i1, i2, h] = a[13 - code, i0 + d0, i1 + d1, i2 + d2]
    l, due = np.zeros(14), np.zeros(14)
    for i0 in range(n0):
        for at1 in range(n1):
            i1 = n1 - 1 - at1 if turned else at1
            for at2 in range(n2):
                i2 = n2 - 1 - at2 if mirrored else at2
                row = rows[i0, i1, i2]
                pivot = row[0]
                if not pivot > 0.0 or not np.isfinite(pivot):
                    return (i0 * n1 + i1) * n2 + i2
                inv = 1.0 / pivot
                inverse[i0, i1, i2] = inv
                for h in range(1, 14):
                    l[h] = row[h] * inv
                for q in range(1, 14):
                    s = 0.0
                    for p in range(1, 14):
                        if not close(p, q):
                            s += abs(l[p])
                    due[q] = abs(row[q]) * s - row[q] * l[q]
                for p in range(1, 14):
                    d0, d1, d2 = towards(p, mirrored, turned)
                    if p == 1:
                        line[i0, i1, i2] = np.float32(l[p])
                    else:
                        off[(0 if d0 == 0 else 3 * (d1 + 2)) + d2 + 1, i0, i1, i2] = np.float32(l[p])
                    if row[p] == 0.0:
                        continue
                    other = rows[i0 + d0, i1 + d1, i2 + d2]
                    for q in range(p + 1, 14):
                        if close(p, q):
                            other[q - p] -= row[q] * l[p]
                    other[0] += due[p]
    return -1


@njit(cache=True, nogil=True)
def _three(off, first, t, i0, i1, k, j0, j1, forward):
    """The couplings of point (i0, i1, k) to three points of the line (j0, j1), which comes before or after it."""
    n1 = t.shape[2]
    if forward:
        one = np.float64(off[first + 2, j0, j1, k - 1]) * t[j0, j1, k - 1] if k > 0 else 0.0
        two = np.float64(off[first + 1, j0, j1, k]) * t[j0, j1, k]
        three = np.float64(off[first, j0, j1, k + 1]) * t[j0, j1, k + 1] if k + 1 < n1 else 0.0
    else:
        one = np.float64(off[first, i0, i1, k]) * t[j0, j1, k - 1] if k > 0 else 0.0
        two = np.float64(off[first + 1, i0, i1, k]) * t[j0, j1, k]
        three = np.float64(off[first + 2, i0, i1, k]) * t[j0, j1, k + 1] if k + 1 < n1 else 0.0
    return one + two + three


@njit(cache=True, nogil=True)
def backsolve(mirrored, turned, inverse, line, off, r, t, x, add):
    """x = M^-1 r, or x += M^-1 r; t: scratch; off: three per later line, one line for two axes, four for three."""
    n0, n1, n2 = r.shape
    groups = off.shape[0] // 3
    v, c = np.zeros(n2 + 2 * PAD), np.zeros(n2 + 2 * PAD)
    for i0 in range(n0):
        for at in range(n1):
            i1 = n1 - 1 - at if turned else at
            for k in range(n2):
                s = r[i0, i1, k]
                for j in range(groups):
                    j0 = i0 - (0 if j == 0 else 1)
                    j1 = i1 - ((-1 if turned else 1) if j == 0 else j - 2)
                    if j0 >= 0 and 0 <= j1 < n1:
                        s = s - _three(off, 3 * j, t, i0, i1, k, j0, j1, True)
                v[PAD + k] = s
            if mirrored:
                c[PAD + n2 - 1] = 0.0
                for k in range(n2 - 1):
                    c[PAD + k] = line[i0, i1, k + 1]
                _run_back(n2, c, v, t[i0, i1])
            else:
                c[PAD] = 0.0
                for k in range(1, n2):
                    c[PAD + k] = line[i0, i1, k - 1]
                _run(n2, c, v, t[i0, i1])
    for i0 in range(n0 - 1, -1, -1):
        for at in range(n1 - 1, -1, -1):
            i1 = n1 - 1 - at if turned else at
            for k in range(n2):
                s = inverse[i0, i1, k] * t[i0, i1, k]
                for j in range(groups):
                    j0 = i0 + (0 if j == 0 else 1)
                    j1 = i1 + ((-1 if turned else 1) if j == 0 else j - 2)
                    if j0 < n0 and 0 <= j1 < n1:
                        s = s - _three(off, 3 * j, t, i0, i1, k, j0, j1, False)
                v[PAD + k] = s
                c[PAD + k] = line[i0, i1, k]
            if mirrored:
                _run(n2, c, v, t[i0, i1])
            else:
                _run_back(n2, c, v, t[i0, i1])
            for k in range(n2):
                x[i0, i1, k] = x[i0, i1, k] + t[i0, i1, k] if add else t[i0, i1, k]
