"""Scalar twins of cpp/include/kriss/math.hpp: the same operations in the same order, hence the same bits.

Names carry the precision: ``exp64``, ``exp32``. Call them inside other njit functions.
"""

from __future__ import annotations

import numpy as np
from numba import njit

_INF = np.inf
_NAN = np.nan
_LN2_INV = float.fromhex("0x1.71547652b82fep+0")
_LN2_HI = float.fromhex("0x1.62e42feep-1")
_LN2_LO = float.fromhex("0x1.a39ef35793c76p-33")
_SHIFT = float.fromhex("0x1.8p52") + 2046.0
_SHIFT_DOWN = float.fromhex("0x1.8p52") + 1023.0
_SPLITTER = 134217729.0
_NINTH = 1.0 / 1.125
_ROOT_HALF = np.uint64(0x3FE6A09E667F3BCD)
_TO_ROOT = np.uint64(0x3FF0000000000000 - 0x3FE6A09E667F3BCD)
_MANTISSA = np.uint64(0x000FFFFFFFFFFFFF)
_BITS_2_52 = np.uint64(0x4330000000000000)
_TWO_52_BIAS = 2.0**52 + 1023.0
_ABS = np.uint64(0x7FFFFFFFFFFFFFFF)
_U1, _U52 = np.uint64(1), np.uint64(52)
_LOW12 = np.uint64(0xFFF)
# Coefficients of tools/minimax.py.
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
        "0x1.af6f5f18affb0p-26",
        "0x1.23cdfd1022360p-29",
    )
)
_L = tuple(
    float.fromhex(c)
    for c in (
        "0x1.5555555555592p-1",
        "0x1.999999997ff05p-2",
        "0x1.24924941e3cdep-2",
        "0x1.c71c52116a92dp-3",
        "0x1.74663daa1ead1p-3",
        "0x1.39a1d2e0d3a10p-3",
        "0x1.2f04ae788b497p-3",
    )
)
_ERF = tuple(
    float.fromhex(c)
    for c in (
        "0x1.06eba8214db68p-3",
        "-0x1.812746b0379bdp-2",
        "0x1.ce2f21a040eebp-4",
        "-0x1.b82ce311f4993p-6",
        "0x1.565bccf4201f2p-8",
        "-0x1.c02dae4bee535p-11",
        "0x1.f9a25b1797126p-14",
        "-0x1.f4bfa49ae21c6p-17",
        "0x1.b8c6a377f067cp-20",
        "-0x1.547a46d562fb1p-23",
        "0x1.7ff57c3d33726p-27",
    )
)
_ERFC = tuple(
    float.fromhex(c)
    for c in (
        "0x1.99a55f6f6fc95p-4",
        "-0x1.fe99b63ff2d98p-4",
        "0x1.a1bb2eabdda83p-9",
        "0x1.2b8f7a8085b54p-4",
        "-0x1.8c249cfacdea2p-4",
        "0x1.5011dcecfd2e8p-4",
        "-0x1.ab646cd3b4600p-5",
        "0x1.9d0e3bfd39b6cp-6",
        "-0x1.1be3c3b51ecf6p-7",
        "0x1.9917298e21f39p-10",
        "0x1.11c2c4fc6a78ap-12",
        "-0x1.0e717e3607474p-12",
        "0x1.812107d47e371p-15",
        "0x1.4dd418139cc8bp-16",
        "-0x1.5564aac74a67cp-17",
        "-0x1.d1acb9649b749p-21",
        "0x1.a2bb395dfadc5p-20",
        "-0x1.92607427ccc91p-25",
        "-0x1.f38a62a976989p-23",
        "0x1.0e147f07c1f6cp-26",
        "0x1.2f13e66974c38p-25",
        "0x1.dbec746e46394p-34",
        "-0x1.1a7695e7c64b2p-28",
        "-0x1.9b6f91f445b3fp-31",
    )
)

_f = np.float32
_LN2_INV_F = _f(float.fromhex("0x1.715476p+0"))
_LN2_HI_F = _f(float.fromhex("0x1.62e4p-1"))
_LN2_LO_F = _f(float.fromhex("0x1.7f7d1cp-20"))
_SHIFT_F = _f(float.fromhex("0x1.8p23") + 254.0)
_ROOT_HALF_F = np.uint32(0x3F3504F3)
_TO_ROOT_F = np.uint32(0x3F800000 - 0x3F3504F3)
_MANTISSA_F = np.uint32(0x007FFFFF)
_BITS_2_23_F = np.uint32(0x4B000000)
_TWO_23_BIAS_F = _f(2.0**23 + 127.0)
_E_F = tuple(_f(float.fromhex(c)) for c in ("0x1.555494p-3", "0x1.555488p-5", "0x1.1235fcp-7", "0x1.6d76d6p-10"))
_L_F = tuple(_f(float.fromhex(c)) for c in ("0x1.555554p-1", "0x1.999c26p-2", "0x1.23d3acp-2", "0x1.f14728p-3"))
_ZERO_F, _ONE_F, _TWO_F, _HALF_F = _f(0.0), _f(1.0), _f(2.0), _f(0.5)
_LIMIT_F = _f(150.0)
_TINY_F, _UP_F, _DOWN_F = _f(2.0**-126), _f(2.0**25), _f(25.0)
_INF_F, _NAN_F = _f(np.inf), _f(np.nan)
_V1, _V23 = np.uint32(1), np.uint32(23)
_LOW9 = np.uint32(0x1FF)


@njit(inline="always")
def bits64(x):
    return np.float64(x).view(np.uint64)


@njit(inline="always")
def from_bits64(u):
    return np.uint64(u).view(np.float64)


@njit(inline="always")
def _bits32(x):
    return np.float32(x).view(np.uint32)


@njit(inline="always")
def _from_bits32(u):
    return np.uint32(u).view(np.float32)


@njit(inline="always")
def _first64(u):
    return from_bits64(((u & _LOW12) >> _U1) << _U52)


@njit(inline="always")
def _second64(u):
    n = u & _LOW12
    return from_bits64((n - (n >> _U1)) << _U52)


@njit(inline="always")
def _first32(u):
    return _from_bits32(((u & _LOW9) >> _V1) << _V23)


@njit(inline="always")
def _second32(u):
    n = u & _LOW9
    return _from_bits32((n - (n >> _V1)) << _V23)


@njit(inline="always")
def _exp_tail64(r):
    z = r * r
    odd = _E[1] + z * (_E[3] + z * (_E[5] + z * (_E[7] + z * _E[9])))
    even = _E[0] + z * (_E[2] + z * (_E[4] + z * (_E[6] + z * _E[8])))
    return z * (0.5 + r * (even + r * odd))


@njit(inline="always")
def _exp_tail32(r):
    z = r * r
    odd = _E_F[1] + z * _E_F[3]
    even = _E_F[0] + z * _E_F[2]
    return z * (_HALF_F + r * (even + r * odd))


@njit(inline="always")
def _clamp(x, low, high):
    y = high if x > high else x
    return low if y < low else y


@njit(inline="always")
def two_sum(a, b):
    s = a + b
    t = s - a
    return s, (a - (s - t)) + (b - t)


@njit(inline="always")
def fast_two_sum(a, b):
    s = a + b
    return s, (a - s) + b


@njit(inline="always")
def two_product(a, b):
    ca = _SPLITTER * a
    cb = _SPLITTER * b
    ah = ca - (ca - a)
    bh = cb - (cb - b)
    al = a - ah
    bl = b - bh
    p = a * b
    return p, ((ah * bh - p) + ah * bl + al * bh) + al * bl


@njit(inline="always")
def magnitude(x):
    return from_bits64(bits64(x) & _ABS)


@njit(nogil=True)
def exp64(x):
    x = _clamp(np.float64(x), -1000.0, 1000.0)
    t = x * _LN2_INV + _SHIFT
    u = bits64(t)
    k = t - _SHIFT
    hi = x - k * _LN2_HI
    lo = k * _LN2_LO
    tail = _exp_tail64(hi - lo)
    s = 1.0 + hi
    y = s + (((1.0 - s) + hi) + (tail - lo))
    return (y * _first64(u)) * _second64(u)


@njit(nogil=True)
def exp32(x):
    x = _clamp(np.float32(x), -_LIMIT_F, _LIMIT_F)
    t = x * _LN2_INV_F + _SHIFT_F
    u = _bits32(t)
    k = t - _SHIFT_F
    hi = x - k * _LN2_HI_F
    lo = k * _LN2_LO_F
    tail = _exp_tail32(hi - lo)
    s = _ONE_F + hi
    y = s + (((_ONE_F - s) + hi) + (tail - lo))
    return (y * _first32(u)) * _second32(u)


@njit(inline="always")
def _binade64(x):
    u = bits64(x) + _TO_ROOT
    k = from_bits64((u >> _U52) | _BITS_2_52) - _TWO_52_BIAS
    return k, from_bits64((u & _MANTISSA) + _ROOT_HALF) - 1.0


@njit(inline="always")
def _log_sum64(k, f, less):
    s = f / (2.0 + f)
    z = s * s
    y = z * z
    even = _L[0] + y * (_L[2] + y * (_L[4] + y * _L[6]))
    odd = _L[1] + y * (_L[3] + y * _L[5])
    h = 0.5 * f * f
    tail = s * (h + z * (even + z * odd))
    w, we = fast_two_sum(f, -h)
    t, te = fast_two_sum(k * _LN2_HI, w)
    return t + (te + (we + (tail + (k * _LN2_LO + less))))


@njit(nogil=True, error_model="numpy")
def log64(x):
    x = np.float64(x)
    if not (x > 0.0 and x < _INF):
        return -_INF if x == 0.0 else (_NAN if x < 0.0 else x)
    subnormal = x < 2.0**-1022
    k, f = _binade64(x * 2.0**54 if subnormal else x)
    return _log_sum64(k - (54.0 if subnormal else 0.0), f, 0.0)


@njit(nogil=True, error_model="numpy")
def log32(x):
    x = np.float32(x)
    if not (x > _ZERO_F and x < _INF_F):
        return -_INF_F if x == _ZERO_F else (_NAN_F if x < _ZERO_F else x)
    subnormal = x < _TINY_F
    u = _bits32(x * _UP_F if subnormal else x) + _TO_ROOT_F
    k = _from_bits32(np.uint32(np.uint32(u >> _V23) | _BITS_2_23_F)) - _TWO_23_BIAS_F
    k = k - (_DOWN_F if subnormal else _ZERO_F)
    f = _from_bits32(np.uint32(np.uint32(u & _MANTISSA_F) + _ROOT_HALF_F)) - _ONE_F
    s = f / (_TWO_F + f)
    z = s * s
    y = z * z
    even = _L_F[0] + y * _L_F[2]
    odd = _L_F[1] + y * _L_F[3]
    h = _HALF_F * f * f
    tail = s * (h + z * (even + z * odd))
    w = f - h
    we = (f - w) - h
    large = k * _LN2_HI_F
    t = large + w
    te = (large - t) + w
    return t + (te + (we + (tail + k * _LN2_LO_F)))


@njit(nogil=True, error_model="numpy")
def log1p64(x):
    x = np.float64(x)
    if not (x > -1.0 and x < _INF and x != 0.0):
        return -_INF if x == -1.0 else (_NAN if x < -1.0 else x)
    u = 1.0 + x
    lost = (1.0 - (u - x) if x > 1.0 else x - (u - 1.0)) / u
    k, f = _binade64(u)
    near = k == 0.0
    return _log_sum64(k, x if near else f, 0.0 if near else lost)


@njit(nogil=True)
def log1p32(x):
    return np.float32(log1p64(np.float64(x)))


@njit(nogil=True)
def expm1_64(x0):
    x0 = np.float64(x0)
    x = _clamp(x0, -40.0, 1000.0)
    t = x * _LN2_INV + _SHIFT
    u = bits64(t)
    k = t - _SHIFT
    hi = x - k * _LN2_HI
    lo = k * _LN2_LO
    tail = _exp_tail64(hi - lo)
    kept = 100.0 if k > 100.0 else k
    inverse = from_bits64(bits64(_SHIFT_DOWN - kept) << _U52)
    negative = kept < 0.0
    q, qe = fast_two_sum(-inverse if negative else 1.0, 1.0 if negative else -inverse)
    v, ve = fast_two_sum(q, hi)
    y = v + (ve + (qe + (tail - lo)))
    return x0 if x0 == 0.0 else (y * _first64(u)) * _second64(u)


@njit(nogil=True)
def expm1_32(x):
    return np.float32(expm1_64(np.float64(x)))


@njit(nogil=True, error_model="numpy")
def erfc64(x):
    x = np.float64(x)
    whole = magnitude(x)
    a = 30.0 if whole > 30.0 else whole
    if a < 0.75:
        u = x * x
        u2 = u * u
        even = _ERF[0] + u2 * (_ERF[2] + u2 * (_ERF[4] + u2 * (_ERF[6] + u2 * (_ERF[8] + u2 * _ERF[10]))))
        odd = _ERF[1] + u2 * (_ERF[3] + u2 * (_ERF[5] + u2 * (_ERF[7] + u2 * _ERF[9])))
        t, te = two_sum(1.0, -x)
        return t + (te - x * (even + u * odd))
    q = (a - 3.75) / (a + 3.75)
    y = q * q
    y2 = y * y
    c = _ERFC
    even = (
        c[0]
        + y * c[2]
        + y2
        * (
            (c[4] + y * c[6])
            + y2
            * ((c[8] + y * c[10]) + y2 * ((c[12] + y * c[14]) + y2 * ((c[16] + y * c[18]) + y2 * (c[20] + y * c[22]))))
        )
    )
    odd = (
        c[1]
        + y * c[3]
        + y2
        * (
            (c[5] + y * c[7])
            + y2
            * ((c[9] + y * c[11]) + y2 * ((c[13] + y * c[15]) + y2 * ((c[17] + y * c[19]) + y2 * (c[21] + y * c[23]))))
        )
    )
    poly = even + q * odd
    d, de = two_sum(1.0, 2.0 * a)
    g = 1.125 / d
    gd, gde = two_product(g, d)
    rest = ((1.125 - gd) - gde) - g * de
    square, square_error = two_product(a, a)
    x1 = -square
    t = x1 * _LN2_INV + _SHIFT
    bits = bits64(t)
    k = t - _SHIFT
    hi = x1 - k * _LN2_HI
    lo = k * _LN2_LO + square_error
    tail = _exp_tail64(hi - lo)
    s, se = fast_two_sum(1.0, hi)
    e, ee = fast_two_sum(s, se + (tail - lo))
    w, we = two_product(e, g)
    z = w + (we + (ee * g + w * (poly + rest * _NINTH)))
    positive = (z * _first64(bits)) * _second64(bits)
    return 2.0 - positive if x < 0.0 else positive


@njit(nogil=True)
def erfc32(x):
    return np.float32(erfc64(np.float64(x)))
