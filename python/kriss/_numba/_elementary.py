"""Scalar twins of cpp/include/kriss/math.hpp: the same operations in the same order, hence the same bits.

Names carry the precision: ``exp64``, ``exp32``. Call them inside other njit functions.
"""

from __future__ import annotations

import numpy as np
from numba import njit

_LN2_INV = float.fromhex("0x1.71547652b82fep+0")
_LN2_HI = float.fromhex("0x1.62e42feep-1")
_LN2_LO = float.fromhex("0x1.a39ef35793c76p-33")
_SHIFT = float.fromhex("0x1.8p52") + 2046.0
_E = tuple(
    float.fromhex(c)
    for c in (
        "0x1.5555555555558p-3",
        "0x1.5555555555562p-5",
        "0x1.111111110fb0ep-7",
        "0x1.6c16c16c08aa2p-10",
        "0x1.a01a01aff3c42p-13",
        "0x1.a01a023ff8bdfp-16",
        "0x1.71ddf340b0f6fp-19",
        "0x1.27e2c82e63b12p-22",
        "0x1.af6eedca5715ep-26",
        "0x1.23e0bf78bd520p-29",
    )
)

_LN2_INV_F = np.float32(float.fromhex("0x1.715476p+0"))
_LN2_HI_F = np.float32(float.fromhex("0x1.62e4p-1"))
_LN2_LO_F = np.float32(float.fromhex("0x1.7f7d1cp-20"))
_SHIFT_F = np.float32(float.fromhex("0x1.8p23") + 254.0)
_E_F = tuple(
    np.float32(float.fromhex(c)) for c in ("0x1.555494p-3", "0x1.555488p-5", "0x1.1235fcp-7", "0x1.6d76d6p-10")
)
_ONE_F = np.float32(1.0)
_HALF_F = np.float32(0.5)


@njit(inline="always")
def _bits64(x):
    return np.float64(x).view(np.uint64)


@njit(inline="always")
def _from_bits64(u):
    return np.uint64(u).view(np.float64)


@njit(inline="always")
def _bits32(x):
    return np.float32(x).view(np.uint32)


@njit(inline="always")
def _from_bits32(u):
    return np.uint32(u).view(np.float32)


@njit(inline="always")
def _first64(u):
    return _from_bits64(((u & np.uint64(0xFFF)) >> np.uint64(1)) << np.uint64(52))


@njit(inline="always")
def _second64(u):
    n = u & np.uint64(0xFFF)
    return _from_bits64((n - (n >> np.uint64(1))) << np.uint64(52))


@njit(inline="always")
def _first32(u):
    return _from_bits32(((u & np.uint32(0x1FF)) >> np.uint32(1)) << np.uint32(23))


@njit(inline="always")
def _second32(u):
    n = u & np.uint32(0x1FF)
    return _from_bits32((n - (n >> np.uint32(1))) << np.uint32(23))


@njit(inline="always")
def _exp_reduced64(x, k):
    hi = x - k * _LN2_HI
    lo = k * _LN2_LO
    r = hi - lo
    z = r * r
    odd = _E[1] + z * (_E[3] + z * (_E[5] + z * (_E[7] + z * _E[9])))
    even = _E[0] + z * (_E[2] + z * (_E[4] + z * (_E[6] + z * _E[8])))
    return hi, lo, z * (0.5 + r * (even + r * odd))


@njit(inline="always")
def _exp_reduced32(x, k):
    hi = x - k * _LN2_HI_F
    lo = k * _LN2_LO_F
    r = hi - lo
    z = r * r
    odd = _E_F[1] + z * _E_F[3]
    even = _E_F[0] + z * _E_F[2]
    return hi, lo, z * (_HALF_F + r * (even + r * odd))


@njit(inline="always")
def _clamp(x, low, high):
    y = high if x > high else x
    return low if y < low else y


@njit(nogil=True)
def exp64(x):
    x = _clamp(np.float64(x), -1000.0, 1000.0)
    t = x * _LN2_INV + _SHIFT
    u = _bits64(t)
    hi, lo, tail = _exp_reduced64(x, t - _SHIFT)
    s = 1.0 + hi
    y = s + (((1.0 - s) + hi) + (tail - lo))
    return (y * _first64(u)) * _second64(u)


@njit(nogil=True)
def exp32(x):
    x = _clamp(np.float32(x), np.float32(-150.0), np.float32(150.0))
    t = x * _LN2_INV_F + _SHIFT_F
    u = _bits32(t)
    hi, lo, tail = _exp_reduced32(x, t - _SHIFT_F)
    s = _ONE_F + hi
    y = s + (((_ONE_F - s) + hi) + (tail - lo))
    return (y * _first32(u)) * _second32(u)
