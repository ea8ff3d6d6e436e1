"""Numba twins of the cycle of Black-Box multigrid: the same order of operations per point, hence the same bits.

Streams of couplings, offsets and codes are those of cpp/include/kriss/solve/box_grid.hpp; grids are stored without
padding, and neighbours outside are skipped instead of multiplied by 0.
"""

from numba import njit

EVERYTHING = (1 << 27) - 1
OWN_LINE = 7 << 12


@njit(cache=True, nogil=True)
def offset(code, axis):
    return code // 9 - 1 if axis == 0 else code // 3 % 3 - 1 if axis == 1 else code % 3 - 1


@njit(cache=True, nogil=True)
def total(a, used, i0, i1, i2, mask, x, s):
    n0, n1, n2 = x.shape
    for code in range(27):
        if not mask >> code & 1:
            continue
        half = code - 13 if code >= 13 else 13 - code
        if not used[half]:
            continue
        j0, j1, j2 = i0 + offset(code, 0), i1 + offset(code, 1), i2 + offset(code, 2)
        if j0 < 0 or j0 >= n0 or j1 < 0 or j1 >= n1 or j2 < 0 or j2 >= n2:
            continue
        c = a[half, i0, i1, i2] if code >= 13 else a[half, j0, j1, j2]
        s -= c * x[j0, j1, j2]
    return s


@njit(cache=True, nogil=True)
def colour_mask(colour, earlier, later):
    mask = 0
    for code in range(27):
        other = colour ^ ((offset(code, 0) & 1) * 2 + (offset(code, 1) & 1))
        if (other < colour and earlier) or (other > colour and later):
            mask |= 1 << code
    return mask


@njit(cache=True, nogil=True)
def relax_points(a, used, inverse, r, x, t, backward, zero):
    n0, n1, n2 = x.shape
    east = a[1]
    first = 1 if backward else 0
    for turn in range(4):
        colour = 3 - turn if backward else turn
        mask = colour_mask(colour, True, not zero)
        for i0 in range(colour // 2, n0, 2):
            for i1 in range(colour % 2, n1, 2):
                for k in range(n2):
                    t[k] = total(a, used, i0, i1, k, mask, x, r[i0, i1, k])
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
def relax_lines(a, used, axis, lower, pivot, r, x, t, backward):
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
                    s = total(a, used, j0, j1, j2, EVERYTHING & ~own, x, r[j0, j1, j2])
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
def residual(a, used, r, x, out, swept):
    n0, n1, n2 = x.shape
    east = a[1]
    for i0 in range(n0):
        for i1 in range(n1):
            mask = colour_mask(2 * (i0 & 1) + (i1 & 1), False, True)
            for k in range(n2):
                if not swept:
                    out[i0, i1, k] = total(a, used, i0, i1, k, EVERYTHING, x, r[i0, i1, k])
                    continue
                s = total(a, used, i0, i1, k, mask, x, x.dtype.type(0))
                if k & 1 == 0:
                    if k > 0:
                        s -= east[i0, i1, k - 1] * x[i0, i1, k - 1]
                    if k + 1 < n2:
                        s -= east[i0, i1, k] * x[i0, i1, k + 1]
                out[i0, i1, k] = s


@njit(cache=True, nogil=True)
def restrict(step, w, fine, coarse):
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
def interpolate(step, w, coarse, x):
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


@njit(cache=True, nogil=True)
def coarsest(factor, r, x):
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
