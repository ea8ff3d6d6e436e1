"""Scalar twins of cpp/include/kriss/trig.hpp: the same operations in the same order, hence the same bits."""

from __future__ import annotations

import numpy as np
from numba import njit

from kriss._numba._elementary import bits64, fast_two_sum, from_bits64, magnitude, two_product, two_sum

_INF = np.inf
_SHIFT = float.fromhex("0x1.8p52")
_TWO_OVER_PI = float.fromhex("0x1.45f306dc9c883p-1")
_PIO2_1 = float.fromhex("0x1.921fb544p+0")
_PIO2_2 = float.fromhex("0x1.0b4611a6p-34")
_PIO2_3 = float.fromhex("0x1.3198a2ep-69")
_PIO2_4 = float.fromhex("0x1.b839a252049c1p-104")
_PIO2 = float.fromhex("0x1.921fb54442d18p+0")
_PIO2_LOW = float.fromhex("0x1.1a62633145c07p-54")
TRIG_LIMIT = float.fromhex("0x1.921fb54442d18p+20")
# Coefficients of tools/minimax.py.
_S = tuple(
    float.fromhex(c)
    for c in (
        "-0x1.5555555555549p-3",
        "0x1.111111110f8a6p-7",
        "-0x1.a01a019c16042p-13",
        "0x1.71de357afa5f2p-19",
        "-0x1.ae5e687c5dc30p-26",
        "0x1.5d9398897a3f9p-33",
    )
)
_C = tuple(
    float.fromhex(c)
    for c in (
        "0x1.555555555554cp-5",
        "-0x1.6c16c16c1521ep-10",
        "0x1.a01a019cbf363p-16",
        "-0x1.27e4f8128e141p-22",
        "0x1.1ee9f1351b578p-29",
        "-0x1.8fb1226ea3b7ap-37",
    )
)
_BITS = np.array(
    [
        0x00000000,
        0x00000000,
        0xA2F9836E,
        0x4E441529,
        0xFC2757D1,
        0xF534DDC0,
        0xDB629599,
        0x3C439041,
        0xFE5163AB,
        0xDEBBC561,
        0xB7246E3A,
        0x424DD2E0,
        0x06492EEA,
        0x09D1921C,
        0xFE1DEB1C,
        0xB129A73E,
        0xE88235F5,
        0x2EBB4484,
        0xE99C7026,
        0xB45F7E41,
        0x3991D639,
        0x835339F4,
        0x9C845F8B,
        0xBDF9283B,
        0x1FF897FF,
        0xDE05980F,
        0xEF2F118B,
        0x5A0A6D1F,
        0x6D367ECF,
        0x27CB09B7,
        0x4F463F66,
        0x9E5FEA2D,
        0x7527BAC7,
        0xEBE5F17B,
        0x3D0739F7,
        0x8A5292EA,
        0x6BFB5FB1,
        0x1F8D5D08,
        0x56033046,
        0xFC7B6BAB,
        0xF0CFBC20,
        0x9AF4361D,
    ],
    dtype=np.uint64,
)
_U0, _U1, _U2, _U11, _U22, _U32, _U42, _U52, _U62, _U63 = (np.uint64(k) for k in (0, 1, 2, 11, 22, 32, 42, 52, 62, 63))
_MASK32 = np.uint64(0xFFFFFFFF)
_LOW11 = np.uint64(0x7FF)
_MANTISSA = np.uint64(0x000FFFFFFFFFFFFF)
_HIDDEN = np.uint64(0x0010000000000000)


@njit(inline="always")
def _reduce_bounded(x):
    t = x * _TWO_OVER_PI + _SHIFT
    k = t - _SHIFT
    a, ae = two_sum(x - k * _PIO2_1, -(k * _PIO2_2))
    b, be = two_sum(a, -(k * _PIO2_3))
    r, re = fast_two_sum(b, (ae + be) - k * _PIO2_4)
    return r, re, bits64(t)


@njit(nogil=True)
def _reduce_huge(x):
    u = bits64(x)
    exponent = np.int64((u >> _U52) & _LOW11) - 1023 - 52
    m = (u & _MANTISSA) | _HIDDEN
    first = exponent - 2 + 64
    word = first // 32
    shift = np.uint64(first % 32)
    product = np.zeros(6, np.uint64)
    for half in range(2):
        factor = (m & _MASK32) if half == 0 else (m >> _U32)
        carry = _U0
        for j in range(6 - half):
            at = word + 5 - j
            pair = (_BITS[at] << _U32) | _BITS[at + 1]
            w = ((pair << shift) >> _U32) & _MASK32
            v = w * factor + product[j + half] + carry
            product[j + half] = v & _MASK32
            carry = v >> _U32
    c2 = (product[5] << _U32) | product[4]
    c1 = (product[3] << _U32) | product[2]
    c0 = (product[1] << _U32) | product[0]
    quadrant = c2 >> _U62
    c2 = (c2 << _U2) | (c1 >> _U62)
    c1 = (c1 << _U2) | (c0 >> _U62)
    c0 = c0 << _U2
    negative = (c2 >> _U63) != _U0
    if negative:
        quadrant = quadrant + _U1
        c2 = ~c2
        c1 = ~c1
        c0 = ~c0
        c0 = c0 + _U1
        if c0 == _U0:
            c1 = c1 + _U1
            if c1 == _U0:
                c2 = c2 + _U1
    scale = 1.0
    for _ in range(128):
        if (c2 >> _U63) != _U0:
            break
        c2 = (c2 << _U1) | (c1 >> _U63)
        c1 = (c1 << _U1) | (c0 >> _U63)
        c0 = c0 << _U1
        scale *= 0.5
    high = np.float64(np.int64(c2 >> _U11)) * 2.0**-53
    low = np.float64(np.int64(((c2 & _LOW11) << _U42) | (c1 >> _U22))) * 2.0**-106
    r, re = two_product(high, _PIO2)
    y, ye = fast_two_sum(r, re + (high * _PIO2_LOW + low * _PIO2))
    minus = (u >> _U63) != _U0
    sign = -scale if negative != minus else scale
    return sign * y, sign * ye, (_U0 - quadrant if minus else quadrant)


@njit(nogil=True)
def sincos64(x):
    """sin and cos of any float64."""
    x = np.float64(x)
    size = magnitude(x)
    if size > TRIG_LIMIT and size < _INF:
        r, rl, quadrant = _reduce_huge(x)
    else:
        r, rl, quadrant = _reduce_bounded(x)
    z = r * r
    h = 0.5 * z
    s = _S[0] + z * (_S[1] + z * (_S[2] + z * (_S[3] + z * (_S[4] + z * _S[5]))))
    c = _C[0] + z * (_C[1] + z * (_C[2] + z * (_C[3] + z * (_C[4] + z * _C[5]))))
    sine = r + (z * r * s + rl * (1.0 - h))
    w = 1.0 - h
    cosine = w + (((1.0 - w) - h) + (z * z * c - r * rl))
    swap = (quadrant & _U1) != _U0
    first = cosine if swap else sine
    second = sine if swap else cosine
    first = from_bits64(bits64(first) ^ ((quadrant & _U2) << _U62))
    second = from_bits64(bits64(second) ^ (((quadrant + _U1) & _U2) << _U62))
    return (x if x == 0.0 else first), second


@njit(nogil=True)
def sin64(x):
    return sincos64(x)[0]


@njit(nogil=True)
def cos64(x):
    return sincos64(x)[1]


@njit(nogil=True)
def sin32(x):
    return np.float32(sincos64(np.float64(x))[0])


@njit(nogil=True)
def cos32(x):
    return np.float32(sincos64(np.float64(x))[1])
