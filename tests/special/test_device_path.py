"""Bessel functions of CuPy arrays: the Python side on a stand-in device, whose launcher runs the ufuncs.

That the launcher has the bits of the processor is tested in cpp/tests/test_special_device.cpp.
"""

import types

import numpy as np
import pytest
from tests.gp import device as stand_in
from tests.gp.device import Array, fake, read

from kriss import special
from kriss.special import cuda

NAMES = ("log_iv", "log_ive", "log_kv", "log_kve", "iv_ratio", "kv_ratio", "log_iv_grad", "log_kv_grad")


@pytest.fixture
def device(monkeypatch):
    log = []

    def bessel(what, n, v, x, first, second, stream):
        log.append(stream)
        found = getattr(special, NAMES[what])(read(v, (n,)), read(x, (n,)))
        for value, to in zip(found if isinstance(found, tuple) else (found,), (first, second), strict=False):
            read(to, (n,))[...] = value

    stand_in.install(monkeypatch, None, special=types.SimpleNamespace(bessel=bessel))
    return log


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_arrays_broadcast_and_keep_their_dtype(name, dtype, device):
    v = np.array([[0.0], [0.5], [30.0]], dtype)
    x = np.geomspace(1e-3, 1e3, 7).astype(dtype)
    host = getattr(special, name)
    on_device = getattr(cuda, name)
    for a, b in ((v, x), (v[::-1], x[::2]), (0.5, x), (v, 2.0), (v[:0], x[:1])):
        found = on_device(*(fake(e) if isinstance(e, np.ndarray) else e for e in (a, b)))
        expected = host(a, b)
        pairs = zip(found, expected, strict=True) if isinstance(expected, tuple) else [(found, expected)]
        for got, wanted in pairs:
            assert isinstance(got, Array) and got.dtype == dtype
            np.testing.assert_array_equal(got.get(), np.asarray(wanted, dtype))
    assert set(device) == {42}


def test_float64_wins_and_integers_count(device):
    assert cuda.log_kv(fake(np.ones(2, np.float32)), fake(np.ones(2))).dtype == np.float64
    assert cuda.log_kv(fake(np.ones(2, int)), fake(np.ones(2, np.float32))).dtype == np.float64


@pytest.mark.parametrize("name", NAMES)
def test_bad_arguments(name, device):
    call = getattr(cuda, name)
    with pytest.raises(TypeError, match="expected a CuPy array"):
        call(1.0, 2.0)
    with pytest.raises(TypeError, match=r"GPU|expected a CuPy"):
        call(np.ones(2), np.ones(2))
    with pytest.raises(TypeError, match="GPU"):
        call(fake(np.ones(2)), np.ones(2))
    with pytest.raises(TypeError, match="x has dtype"):
        call(1.0, fake(np.ones(2, complex)))
    with pytest.raises(ValueError, match="broadcast"):
        call(fake(np.ones(2)), fake(np.ones(3)))
