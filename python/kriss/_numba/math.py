"""Numba twins of the math kernels: vector passes, elementary functions and the counter-based generator."""

from __future__ import annotations

import numpy as np
from numba import njit

from kriss._numba import _elementary, _philox


@njit(cache=True, nogil=True)
def triad(s, b, c, a, workers):
    for i in range(a.size):
        a[i] = b[i] + s * c[i]


def _unary(name, f64, f32):
    """f(x, out, workers): out = f(x), in the precision of x; out may be x."""

    @njit(cache=True, nogil=True)
    def loop64(x, out):
        for i in range(x.size):
            out[i] = f64(x[i])

    @njit(cache=True, nogil=True)
    def loop32(x, out):
        for i in range(x.size):
            out[i] = f32(x[i])

    def call(x, out, workers):
        if x.size != out.size:
            raise ValueError("out must have the size of x")
        if x.dtype != out.dtype or x.dtype not in (np.float64, np.float32):
            raise TypeError(f"{name}(): x and out must both be float64 or float32")
        (loop64 if x.dtype == np.float64 else loop32)(x.ravel(), out.reshape(-1))

    call.__name__ = call.__qualname__ = name
    return call


exp = _unary("exp", _elementary.exp64, _elementary.exp32)


def philox4x32(key, counter_hi, counter_lo):
    return tuple(int(v) for v in _philox.philox4x32(np.uint64(key), np.uint64(counter_hi), np.uint64(counter_lo)))
