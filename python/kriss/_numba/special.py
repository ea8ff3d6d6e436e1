"""Numba twins of the special functions: NumPy ufuncs of the same names, compiled when first asked for.

The ufuncs that numba.vectorize makes refuse ``where=`` under NumPy 2.4. These are made as in C++, by
``PyUFunc_FromFuncAndData``, which a NumPy capsule offers to ctypes; their inner loops are compiled by Numba.
"""

from __future__ import annotations

import ctypes
import importlib
from typing import Any

import numpy as np
from numba import cfunc, njit, types
from numba.extending import intrinsic

from kriss._numba import _bessel as _b
from kriss._numba import _bessel_slopes as _s


def _load_at(typingctx, address, like):
    """The number of the type of `like` at an address."""

    def codegen(context, builder, signature, args):
        pointer = builder.inttoptr(args[0], context.get_value_type(like).as_pointer())
        return builder.load(pointer)

    return like(types.intp, like), codegen


def _store_at(typingctx, address, value):
    def codegen(context, builder, signature, args):
        builder.store(args[1], builder.inttoptr(args[0], context.get_value_type(value).as_pointer()))
        return context.get_dummy_value()

    return types.void(types.intp, value), codegen


# intrinsic() takes the typing context away, which its stubs do not say.
_load: Any = intrinsic(_load_at)
_store: Any = intrinsic(_store_at)
# Of the C library: the flags that an overflow on the way to infinity raises are no business of the caller's.
_clear_flags: Any = types.ExternalFunction("feclearexcept", types.int32(types.int32))
_ALL_FLAGS = 0x3F


def log_iv(v, x):
    return _b.logarithm(np.float64(v), np.float64(x), 1.0, False)


def log_ive(v, x):
    return _b.logarithm(np.float64(v), np.float64(x), 1.0, True)


def log_kv(v, x):
    return _b.logarithm(np.float64(v), np.float64(x), -1.0, False)


def log_kve(v, x):
    return _b.logarithm(np.float64(v), np.float64(x), -1.0, True)


def iv(v, x):
    return _b.value(np.float64(v), np.float64(x), 1.0, False)


def ive(v, x):
    return _b.value(np.float64(v), np.float64(x), 1.0, True)


def kv(v, x):
    return _b.value(np.float64(v), np.float64(x), -1.0, False)


def kve(v, x):
    return _b.value(np.float64(v), np.float64(x), -1.0, True)


def iv_ratio(v, x):
    return _s.slopes_anywhere(np.float64(v), np.float64(x), 1.0)[2]


def kv_ratio(v, x):
    return _s.slopes_anywhere(np.float64(v), np.float64(x), -1.0)[2]


def log_iv_grad(v, x):
    return _s.slopes_anywhere(np.float64(v), np.float64(x), 1.0)[:2]


def log_kv_grad(v, x):
    return _s.slopes_anywhere(np.float64(v), np.float64(x), -1.0)[:2]


def matern(r, nu, length):
    return _s.matern_point(np.float64(r), np.float64(nu), np.float64(length))[0]


def matern_grad(r, nu, length):
    return _s.matern_point(np.float64(r), np.float64(nu), np.float64(length))


# Inputs and outputs.
_SHAPES = dict.fromkeys(("log_iv", "log_ive", "log_kv", "log_kve", "iv", "ive", "kv", "kve"), (2, 1))
_SHAPES |= {"iv_ratio": (2, 1), "kv_ratio": (2, 1), "log_iv_grad": (2, 2), "log_kv_grad": (2, 2)}
_SHAPES |= {"matern": (3, 1), "matern_grad": (3, 4)}


_CALLBACK = types.void(
    types.CPointer(types.intp), types.CPointer(types.intp), types.CPointer(types.intp), types.CPointer(types.uint8)
)
_FLOAT, _DOUBLE = 11, 12  # NPY_FLOAT, NPY_DOUBLE
_kept: list[Any] = []  # what the ufuncs point to, for as long as the process lives


def _two_one(f, real):
    zero = real(0.0)

    def loop(at, count, step, data):
        a, b, out = at[0], at[1], at[2]
        for _ in range(count[0]):
            _store(out, real(f(_load(a, zero), _load(b, zero))))
            a += step[0]
            b += step[1]
            out += step[2]
        _clear_flags(_ALL_FLAGS)

    return loop


def _two_two(f, real):
    zero = real(0.0)

    def loop(at, count, step, data):
        a, b, first, second = at[0], at[1], at[2], at[3]
        for _ in range(count[0]):
            p, q = f(_load(a, zero), _load(b, zero))
            _store(first, real(p))
            _store(second, real(q))
            a += step[0]
            b += step[1]
            first += step[2]
            second += step[3]
        _clear_flags(_ALL_FLAGS)

    return loop


def _three_one(f, real):
    zero = real(0.0)

    def loop(at, count, step, data):
        a, b, c, out = at[0], at[1], at[2], at[3]
        for _ in range(count[0]):
            _store(out, real(f(_load(a, zero), _load(b, zero), _load(c, zero))))
            a += step[0]
            b += step[1]
            c += step[2]
            out += step[3]
        _clear_flags(_ALL_FLAGS)

    return loop


def _three_four(f, real):
    zero = real(0.0)

    def loop(at, count, step, data):
        for i in range(count[0]):
            a, b, c = at[0] + i * step[0], at[1] + i * step[1], at[2] + i * step[2]
            w, x, y, z = f(_load(a, zero), _load(b, zero), _load(c, zero))
            _store(at[3] + i * step[3], real(w))
            _store(at[4] + i * step[4], real(x))
            _store(at[5] + i * step[5], real(y))
            _store(at[6] + i * step[6], real(z))
        _clear_flags(_ALL_FLAGS)

    return loop


_LOOPS = {(2, 1): _two_one, (2, 2): _two_two, (3, 1): _three_one, (3, 4): _three_four}


def _from_functions():
    """``PyUFunc_FromFuncAndData`` out of NumPy's table."""
    capsule = importlib.import_module("numpy._core._multiarray_umath")._UFUNC_API
    pointer = ctypes.pythonapi.PyCapsule_GetPointer
    pointer.restype, pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    table = ctypes.cast(pointer(capsule, None), ctypes.POINTER(ctypes.c_void_p))
    kind = ctypes.PYFUNCTYPE(
        ctypes.py_object,
        ctypes.POINTER(ctypes.c_void_p),
        ctypes.POINTER(ctypes.c_void_p),
        ctypes.c_char_p,
        *[ctypes.c_int] * 4,
        ctypes.c_char_p,
        ctypes.c_char_p,
        ctypes.c_int,
    )
    return kind(table[1])


def ufunc(name, doc):
    """The special function of that name as a NumPy ufunc."""
    inputs, outputs = _SHAPES[name]
    call = njit(nogil=True, error_model="numpy")(globals()[name])
    loops = [cfunc(_CALLBACK)(_LOOPS[inputs, outputs](call, real)) for real in (np.float32, np.float64)]
    functions = (ctypes.c_void_p * 2)(*[loop.address for loop in loops])
    data = (ctypes.c_void_p * 2)()
    arguments = inputs + outputs
    codes = bytes([_FLOAT] * arguments + [_DOUBLE] * arguments)
    label, text = name.encode(), doc.encode()
    _kept.append((loops, functions, data, codes, label, text))
    return _from_functions()(functions, data, codes, 2, inputs, outputs, -1, label, text, 0)
