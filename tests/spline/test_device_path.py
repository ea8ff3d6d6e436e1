"""The host side of splines on a GPU, run on NumPy: a stand-in for CuPy, the launchers replayed by pointer.

What this checks is the logic around the launches (arguments, shapes, policies, errors); the kernels themselves need a
device (tests/gpu/test_spline.py), and the functions in them are tested in cpp/tests/test_spline_batch.cpp and
test_spline_eval.cpp.
"""

import ctypes
import types

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from kriss import _backend, _device
from kriss.spline import Spline, cubic
from kriss.spline._on_device import DeviceSpline


class Pointer:
    def __init__(self, array):
        self.ptr = array.ctypes.data


class Array(np.ndarray):
    """A NumPy array that answers like CuPy's."""

    __cuda_array_interface__ = {}  # noqa: RUF012

    @property
    def data(self):
        return Pointer(self)

    def get(self):
        return np.array(self)


def put(value):
    return np.array(value).view(Array)


def there(function):
    return lambda *args, **kwargs: np.asarray(function(*args, **kwargs)).view(Array)


def at(address, n, dtype):
    kind = {8: ctypes.c_double, 4: ctypes.c_float}[np.dtype(dtype).itemsize]
    kind = ctypes.c_int32 if np.dtype(dtype) == np.int32 else kind
    return np.ctypeslib.as_array((kind * n).from_address(address)) if n else np.empty(0, dtype)


class Launchers:
    """cuda/spline_pymod.cpp on the kernels of the host; memory is found by pointer, as there."""

    def __init__(self, dtype):
        self.dtype = dtype

    def evaluate(self, x, n, ends, table, buckets, map, c, order, columns, q, points, nu, beyond, out, stream):
        knots = at(x, n, self.dtype)
        assert ends == [knots[0], knots[1], knots[-2], knots[-1]] and stream == 77
        assert 0 <= beyond <= 4
        entries = at(table, buckets + 1, np.int32) if table else np.empty(0, np.int32)
        pieces = at(c, order * (n - 1) * columns, self.dtype).reshape(order, n - 1, columns)
        result = at(out, points * columns, self.dtype)
        _backend.kernels("spline").evaluate(
            knots, entries, map, pieces, at(q, points, self.dtype), nu, beyond, result, 1
        )

    def cubic(self, x, n, y, m, left_end, left, right_end, right, c, work, flag, stream):
        assert stream == 77
        at(work, n * (m + 4), self.dtype)[:] = np.nan  # all of it is ours
        rows = at(y, n * m, self.dtype).reshape(n, m)
        status = _backend.kernels("spline").cubic(
            at(x, n, self.dtype), rows, left_end, at(left, m, self.dtype), right_end, at(right, m, self.dtype),
            at(c, 4 * (n - 1) * m, self.dtype).reshape(4, n - 1, m), np.empty(n * (m + 4), self.dtype), 1,
        )  # fmt: skip
        at(flag, 1, np.int32)[0] = 2 if status else 0


@pytest.fixture
def cp(monkeypatch):
    module = types.SimpleNamespace(ndarray=Array)
    for name in ("empty", "asarray", "ascontiguousarray"):
        setattr(module, name, there(getattr(np, name)))
    kernels = types.SimpleNamespace()
    for dtype in (np.float64, np.float32):
        for name in ("evaluate", "cubic"):
            setattr(kernels, f"{name}_{np.dtype(dtype).name}", getattr(Launchers(dtype), name))
    monkeypatch.setattr(_device, "cupy", lambda: module)
    monkeypatch.setattr(_device, "cuda", lambda family: kernels if family == "spline" else None)
    monkeypatch.setattr(_device, "stream", lambda: 77)
    return module


def host(value):
    return np.array(value)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("graded", [False, True])
@pytest.mark.parametrize("columns", [(), (3,), (2, 4)])
def test_evaluation(cp, dtype, graded, columns, rng):
    x = np.unique((np.logspace(-30, 0, 300) if graded else np.linspace(0, 1, 300)).astype(dtype))
    s = Spline(x, rng.standard_normal((4, x.size - 1, *columns)).astype(dtype), extrapolate="constant")
    there = s.to_device()
    assert isinstance(there, DeviceSpline) and there.extrapolate == "constant"
    q = rng.uniform(-0.5, 1.5, (3, 41)).astype(dtype)
    assert_array_equal(host(there(put(q))), s(q))
    for policy in ("extrapolate", "nan", "periodic", "zero"):
        assert_array_equal(host(there(put(q), 1, extrapolate=policy)), s(q, 1, extrapolate=policy))
    inside = np.clip(q, x[0], x[-1])
    assert_array_equal(host(there(put(inside), extrapolate="raise")), s(inside))
    with pytest.raises(ValueError, match=r"x\[\d, \d+\] = .* is outside the knots"):
        there(put(q), extrapolate="raise")
    out = put(np.empty((3, 41, *columns), dtype))
    assert there(put(q), out=out) is out
    assert there(put(np.empty(0, dtype))).shape == (0, *columns)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("columns", [(), (5,), (2, 3)])
@pytest.mark.parametrize("bc", ["not-a-knot", "natural", "clamped", "periodic", "given"])
@pytest.mark.parametrize("n", [2, 3, 4, 40])
def test_construction(cp, dtype, columns, bc, n, rng):
    x = np.cumsum(rng.uniform(0.1, 1.0, n)).astype(dtype)
    y = rng.standard_normal((n, *columns)).astype(dtype)
    y[-1] = y[0]
    if bc == "given":
        bc = ((1, rng.standard_normal(columns).astype(dtype)), (2, rng.standard_normal(columns).astype(dtype)))
    expected = cubic(x, y, bc=bc)
    s = cubic(put(x), put(y), bc=bc)
    assert isinstance(s, DeviceSpline)
    assert_array_equal(host(s.c), expected.c)
    assert s.c.dtype == dtype and s.extrapolate == expected.extrapolate
    q = rng.uniform(x[0] - 1, x[-1] + 1, 50).astype(dtype)
    assert_array_equal(host(s(put(q))), expected(q))


def test_construction_arguments(cp, rng):
    x, y = np.arange(6.0), rng.standard_normal((6, 3))
    assert cubic(put(x), put(y.astype(np.float32))).c.dtype == np.float64
    assert cubic(put(np.arange(6)), put(y), extrapolate="zero").extrapolate == "zero"
    assert cubic(put(x), put(np.empty((6, 0)))).c.shape == (4, 5, 0)
    for here, there in (((x, put(y))), ((put(x), y))):
        with pytest.raises(TypeError, match="is on the GPU but"):
            cubic(here, there)
    bad = y.copy()
    bad[2, 1] = np.nan
    for knots, values, kwargs, match in (
        (x[::-1].copy(), y, {}, "strictly increasing"),
        (x, y[:4], {}, "y has shape"),
        (x, bad, {}, "not finite"),
        (x, y, {"axis": 1}, "axis must be 0"),
        (x, y, {"bc": "periodic"}, "begin and end"),
        (x, y, {"bc": "nonsense"}, "bc"),
        (x, y, {"extrapolate": "no"}, "extrapolate"),
        (x[:1], y[:1], {}, "at least 2"),
    ):
        with pytest.raises(ValueError, match=match):
            cubic(put(knots), put(values), **kwargs)
    with pytest.raises(TypeError, match="y has dtype complex128"):
        cubic(put(x), put(y + 0j))


def test_evaluation_arguments(cp, rng):
    s = cubic(np.arange(5.0), rng.standard_normal(5)).to_device()
    q = put(np.linspace(0, 4, 10))
    with pytest.raises(TypeError, match="CuPy"):
        s(np.zeros(3))
    with pytest.raises(TypeError, match="dtype"):
        s(put(q.astype(np.float32)))
    for out in (put(np.empty(9)), np.empty(10), put(np.empty((10, 2)))[:, 0]):
        with pytest.raises(ValueError, match="out"):
            s(q, out=out)
    with pytest.raises(ValueError, match="nu"):
        s(q, -1)
    with pytest.raises(ValueError, match="axis"):
        cubic(np.arange(5.0), rng.standard_normal((2, 5)), axis=1).to_device()
