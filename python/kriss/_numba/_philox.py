"""Scalar twin of cpp/include/kriss/philox.hpp: Philox4x32-10 of Salmon, Moraes, Dror and Shaw (SC 2011)."""

from __future__ import annotations

import numpy as np
from numba import njit

from kriss._numba._elementary import log64
from kriss._numba._trig import sincos64

_M0 = np.uint64(0xD2511F53)
_M1 = np.uint64(0xCD9E8D57)
_W0 = np.uint64(0x9E3779B9)
_W1 = np.uint64(0xBB67AE85)
_MASK = np.uint64(0xFFFFFFFF)
_S32 = np.uint64(32)
_TWO_PI = float.fromhex("0x1.921fb54442d18p+2")


@njit(nogil=True)
def philox4x32(key, counter_hi, counter_lo):
    """Four 32-bit words (as uint64) from three uint64."""
    key, hi, lo = np.uint64(key), np.uint64(counter_hi), np.uint64(counter_lo)
    k0, k1 = key & _MASK, key >> _S32
    c0, c1, c2, c3 = lo & _MASK, lo >> _S32, hi & _MASK, hi >> _S32
    for _ in range(10):
        p0 = _M0 * c0
        p1 = _M1 * c2
        c0, c1, c2, c3 = (p1 >> _S32) ^ c1 ^ k0, p1 & _MASK, (p0 >> _S32) ^ c3 ^ k1, p0 & _MASK
        k0 = (k0 + _W0) & _MASK
        k1 = (k1 + _W1) & _MASK
    return c0, c1, c2, c3


@njit(nogil=True)
def uniform53(high, low):
    """Two words as a double in (0, 1)."""
    n = ((np.uint64(high) << _S32) | np.uint64(low)) >> np.uint64(12)
    return (np.float64(np.int64(n)) + 0.5) * 2.0**-52


@njit(nogil=True)
def uniform24(word):
    """One word as a float in (0, 1)."""
    return (np.float32(np.int32(np.uint32(word) >> np.uint32(9))) + np.float32(0.5)) * np.float32(2.0**-23)


@njit(nogil=True)
def bounded32(word, bound):
    """An integer in [0, bound) from one word; relative bias below bound / 2**32."""
    return (np.uint64(word) * np.uint64(bound)) >> _S32


@njit(nogil=True)
def bounded64(high, low, bound):
    """An integer in [0, bound) from two words; relative bias below bound / 2**64."""
    carry = (np.uint64(low) * np.uint64(bound)) >> _S32
    return (np.uint64(high) * np.uint64(bound) + carry) >> _S32


@njit(nogil=True)
def random_sign(word):
    """+1.0 or -1.0 from the top bit of a word."""
    return -1.0 if (np.uint64(word) >> np.uint64(31)) & np.uint64(1) else 1.0


@njit(nogil=True)
def normal_pair(w0, w1, w2, w3):
    """Two independent standard normals from one block (Box and Muller, 1958)."""
    radius = np.sqrt(-2.0 * log64(uniform53(w0, w1)))
    sine, cosine = sincos64(_TWO_PI * uniform53(w2, w3))
    return radius * cosine, radius * sine
