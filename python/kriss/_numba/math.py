"""Numba twins of the math kernels: vector passes, elementary functions and the counter-based generator."""

from __future__ import annotations

import numpy as np
from numba import njit

from kriss._numba import _elementary as _e
from kriss._numba import _philox
from kriss._numba import _trig as _t


@njit(cache=True, nogil=True)
def triad(s, b, c, a, workers):
    for i in range(a.size):
        a[i] = b[i] + s * c[i]


@njit(cache=True, nogil=True)
def multiply_adds(rounds, factor, addend, x):
    a, b = np.float32(factor), np.float32(addend)
    for _ in range(rounds):
        for i in range(x.size):
            x[i] = x[i] * a + b
    return 2.0 * rounds * x.size


def _same(name, x, *outs):
    for out in outs:
        if x.size != out.size:
            raise ValueError("out must have the size of x")
        if x.dtype != out.dtype or x.dtype not in (np.float64, np.float32):
            raise TypeError(f"{name}(): x and out must both be float64 or float32")


def _unary(name, f64, f32):
    """f(x, out, workers): out = f(x), in the precision of x; out may be x."""

    @njit(nogil=True)
    def loop64(x, out):
        for i in range(x.size):
            out[i] = f64(x[i])

    @njit(nogil=True)
    def loop32(x, out):
        for i in range(x.size):
            out[i] = f32(x[i])

    def call(x, out, workers):
        _same(name, x, out)
        (loop64 if x.dtype == np.float64 else loop32)(x.reshape(-1), out.reshape(-1))

    call.__name__ = call.__qualname__ = name
    return call


exp = _unary("exp", _e.exp64, _e.exp32)
expm1 = _unary("expm1", _e.expm1_64, _e.expm1_32)
log = _unary("log", _e.log64, _e.log32)
log1p = _unary("log1p", _e.log1p64, _e.log1p32)
erfc = _unary("erfc", _e.erfc64, _e.erfc32)
sin = _unary("sin", _t.sin64, _t.sin32)
cos = _unary("cos", _t.cos64, _t.cos32)


@njit(nogil=True)
def _sincos(x, sine, cosine):
    for i in range(x.size):
        s, c = _t.sincos64(x[i])
        sine[i] = s
        cosine[i] = c


def sincos(x, sine, cosine, workers):
    _same("sincos", x, sine, cosine)
    _sincos(x.reshape(-1), sine.reshape(-1), cosine.reshape(-1))


def philox4x32(key, counter_hi, counter_lo):
    return tuple(int(v) for v in _philox.philox4x32(np.uint64(key), np.uint64(counter_hi), np.uint64(counter_lo)))


def normal_pair(key, counter_hi, counter_lo):
    return _philox.normal_pair(*_philox.philox4x32(np.uint64(key), np.uint64(counter_hi), np.uint64(counter_lo)))
