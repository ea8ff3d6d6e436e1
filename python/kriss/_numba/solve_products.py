"""Numba twins of what orthogonalisation is made of: complex products in lanes, and bounds for what it loses.

Same lanes as cpp/include/kriss/solve/strand.hpp.
"""

import numpy as np
from numba import njit

from kriss._numba.solve import GRAIN, LANES

CROSS_ROUNDING = 4.0


def bound_cross(cross, count, of_w, eps, before, after):
    """Bounds for the products of vector `count` with those before it: see cpp/include/kriss/solve/arnoldi.hpp."""
    e = np.full(count, CROSS_ROUNDING * eps * before)
    if of_w is not None:
        e += cross[:count, :count] @ np.abs(of_w)
    with np.errstate(all="ignore"):
        e = e / after
    cross[:count, count] = cross[count, :count] = e
    return e.max(initial=0.0)


@njit(cache=True, nogil=True)
def dot_complex(x, y):
    n = x.size
    re = 0.0
    im = 0.0
    half = LANES // 2
    s = np.empty((2, half))
    t = np.empty((2, half))
    for start in range(0, n, GRAIN):
        e = min(start + GRAIN, n)
        s[:] = 0.0
        t[:] = 0.0
        for i in range(start, e):
            l = (i - start) % half
            a, b = np.float64(x[i].real), np.float64(x[i].imag)
            c, d = np.float64(y[i].real), np.float64(y[i].imag)
            s[0, l] += a * c
            s[1, l] += b * d
            t[0, l] += a * d
            t[1, l] += b * c
        s[0] += s[1]
        t[0] -= t[1]
        re += (s[0, 0] + s[0, 2]) + (s[0, 1] + s[0, 3])
        im += (t[0, 0] + t[0, 2]) + (t[0, 1] + t[0, 3])
    return complex(re, im)
