"""The Python side of `lstsq` on a GPU, on a stand-in: NumPy arrays that claim to be CuPy's, launchers in NumPy.

The kernels are replayed on the host by cpp/tests/test_sketch_residual_device.cpp; a real device is tested in tests/gpu.
"""

import ctypes
import functools
import types

import numpy as np
import pytest
import scipy.sparse as sps
from numpy.testing import assert_allclose

from kriss import _device
from kriss.sketch import SparseSign, factor, leverage_scores, lstsq


class Array(np.ndarray):
    """A NumPy array that answers like CuPy's; functions of NumPy itself refuse it."""

    @property
    def data(self):
        return types.SimpleNamespace(ptr=self.__array_interface__["data"][0])

    @property
    def __cuda_array_interface__(self):
        return self.__array_interface__

    def get(self):
        return np.array(self.view(np.ndarray))

    def __array_function__(self, function, kinds, args, kwargs):
        raise TypeError(f"{function.__name__} of NumPy called on a device array")


def there(value):
    return np.asarray(value).view(Array)


def plain(value):
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    return value.view(np.ndarray) if isinstance(value, Array) else value


class Namespace:
    """Functions of a NumPy module on stand-in arrays."""

    def __init__(self, module):
        self._module = module

    def __getattr__(self, name):
        found = getattr(self._module, name)
        if isinstance(found, types.ModuleType):
            return Namespace(found)
        if isinstance(found, type):
            return found
        return lambda *a, **k: there(found(*map(plain, a), **{key: plain(v) for key, v in k.items()}))

    def asarray(self, value, dtype=None):
        return value if isinstance(value, Array) else there(np.array(value, dtype))


def read(pointer, shape, strides, dtype):
    """The array behind a pointer; strides in elements."""
    size = 1 + sum((n - 1) * s for n, s in zip(shape, strides, strict=True))
    room = (ctypes.c_char * (size * np.dtype(dtype).itemsize)).from_address(pointer)
    flat = np.frombuffer(room, dtype)
    return np.lib.stride_tricks.as_strided(flat, shape, [s * flat.itemsize for s in strides])


class Launchers:
    """cuda/sketch*.cu in NumPy: the same names, arguments and order of them."""

    def __init__(self):
        self.calls = []

    @staticmethod
    def sparse_sign_slots(m, n, d):
        return 1

    @staticmethod
    def residual_scratch(m, n, nrhs):
        return 1

    def _sketch(self, dtype, a, m, n, rs, cs, seed, d, zeta, offset, partial, out, stream):
        self.calls.append("sparse_sign")
        s = SparseSign(d, zeta, rng=0)
        s.seed = seed
        block = np.ascontiguousarray(read(a, (m, n), (rs, cs), dtype))
        read(out, (d, n), (n, 1), dtype)[...] += s.matrix(m, offset) @ block

    def sparse_sign_f64(self, *args):
        self._sketch(np.float64, *args)

    def sparse_sign_f32(self, *args):
        self._sketch(np.float32, *args)

    def _residual(
        self, dtype, a, m, n, rs, cs, b, k, brs, bcs, scale, bscale, high, low, scratch, g, g_low, rr, stream
    ):  # fmt: skip
        self.calls.append("tall_residual")
        assert 1 <= k <= 8
        wide = np.longdouble
        A = read(a, (m, n), (rs, cs), dtype).astype(wide) * read(scale, (n,), (1,), np.float64)
        B = read(b, (m, k), (brs, bcs), dtype).astype(wide) * read(bscale, (k,), (1,), np.float64)
        z = [read(p, (n, k), (k, 1), np.float64).astype(wide) for p in (high, low)]
        with np.errstate(all="ignore"):
            r = B - A @ z[0] - A @ z[1]
            exact = A.T @ r
            up = exact.astype(np.float64)
            read(g, (n, k), (k, 1), np.float64)[...] = up
            read(g_low, (n, k), (k, 1), np.float64)[...] = (exact - up).astype(np.float64)
            read(rr, (k,), (1,), np.float64)[...] = (r * r).sum(axis=0)

    def tall_residual_f64(self, *args):
        self._residual(np.float64, *args)

    def tall_residual_f32(self, *args):
        self._residual(np.float32, *args)


@pytest.fixture
def device(monkeypatch):
    launchers = Launchers()
    monkeypatch.setattr(_device, "cupy", functools.cache(lambda: Namespace(np)))
    monkeypatch.setattr(_device, "cuda", lambda family: launchers)
    monkeypatch.setattr(_device, "stream", lambda: 0)
    return launchers


def problem(rng, m=20_000, n=12, k=None, condition=10.0, dtype=np.float64):
    u, _ = np.linalg.qr(rng.standard_normal((m, n)))
    v, _ = np.linalg.qr(rng.standard_normal((n, n)))
    A = (u * np.geomspace(1, 1 / condition, n)) @ v.T
    b = A @ rng.standard_normal((n, k) if k else n)
    return A.astype(dtype), (b + 0.1 * rng.standard_normal(b.shape)).astype(dtype)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize(
    ("condition", "method"),
    [(10.0, "gram"), (1e8, "preconditioned-gram"), (1e8, "spir"), (10.0, "lapack")],
)
def test_every_tier(device, rng, order, condition, method):
    A, b = problem(rng, condition=condition)
    A = np.asarray(A, order=order)
    fit = lstsq(there(A), there(b), method=method, rng=0)
    host = lstsq(A, b, method=method, rng=0)
    assert fit.method == method and fit.backend == "cuda"
    assert fit.backward_error <= 2.3e-16
    assert type(fit.x) is Array and type(fit.residues) is Array and type(fit.s) is Array
    assert_allclose(fit.x.get(), host.x, rtol=0, atol=1e-14 * condition * np.abs(host.x).max())
    assert_allclose(fit.residues.get(), host.residues, rtol=1e-12)
    assert_allclose(fit.s.get(), host.s, rtol=0, atol=1e-12 if method != "spir" else 0.5 * host.s[0])
    assert_allclose(fit.coefficient_se.get(), host.coefficient_se, rtol=1e-6)
    assert fit.rank == host.rank


def test_rank_deficient(device, rng):
    A, b = problem(rng)
    A = np.hstack([A, A[:, :3] @ rng.standard_normal((3, 2)), np.zeros((A.shape[0], 1))])
    fit = lstsq(there(A), there(b), rng=0)
    expected, _, rank, _ = np.linalg.lstsq(A, b)
    assert fit.rank == rank == 12 and fit.backward_error <= 2.3e-16
    assert_allclose(fit.x.get(), expected, rtol=0, atol=1e-12 * np.abs(expected).max())


@pytest.mark.parametrize("k", [1, 8, 11])
def test_several_right_hand_sides(device, rng, k):
    A, b = problem(rng, k=k)
    fit = lstsq(there(A), there(b), rng=0)
    assert_allclose(fit.x.get(), lstsq(A, b, rng=0).x, rtol=1e-11, atol=1e-13)
    assert fit.x.shape == (12, k) and fit.residues.shape == (k,)


def test_ridge_weights_and_single_precision(device, rng):
    A, b = problem(rng)
    w = rng.random(A.shape[0])
    fit = lstsq(there(A), there(b), damp=0.5, sample_weight=there(w), rng=0)
    assert_allclose(fit.x.get(), lstsq(A, b, damp=0.5, sample_weight=w, rng=0).x, rtol=1e-11)
    A, b = problem(rng, dtype=np.float32)
    fit = lstsq(there(A), there(b), rng=0)
    assert fit.x.dtype == np.float32 and fit.backward_error <= 1.2e-7
    assert_allclose(fit.x.get(), lstsq(A, b, rng=0).x, rtol=1e-5)


@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_any_units(device, rng, scale):
    A, b = problem(rng, m=3000)
    fit = lstsq(there(A * scale), there(b), method="lapack", rng=0)
    assert_allclose(fit.x.get() * scale, np.linalg.lstsq(A, b)[0], rtol=1e-11)


def test_a_is_never_copied_to_the_host(device, rng, monkeypatch):
    A, b = problem(rng)
    moved = []
    get = Array.get
    monkeypatch.setattr(Array, "get", lambda self: (moved.append(self.size), get(self))[1])
    lstsq(there(A), there(b), rng=0)
    assert max(moved) <= 64 * 12


def test_bad_input(device, rng):
    A, b = problem(rng, m=20_000)
    with pytest.raises(TypeError, match="GPU but b is in host memory"):
        lstsq(there(A), b)
    with pytest.raises(TypeError, match="dtype"):
        lstsq(there(A.astype(complex)), there(b))
    with pytest.raises(ValueError, match="2-D"):
        lstsq(there(b), there(b))
    with pytest.raises(ValueError, match="rows, expected"):
        lstsq(there(A), there(b[:-1]))
    with pytest.raises(ValueError, match="at least as many rows"):
        lstsq(there(A[:5]), there(b[:5]))
    with pytest.raises(ValueError, match="empty"):
        lstsq(there(A[:, :0]), there(b))
    for place in (0, 7777, -1):
        bad = A.copy()
        bad[place, 3] = np.nan
        with pytest.raises(ValueError, match="a contains NaN"):
            lstsq(there(bad), there(b))
        worse = b.copy()
        worse[place] = np.inf
        with pytest.raises(ValueError, match="b contains NaN"):
            lstsq(there(A), there(worse))
    matrix = types.new_class("csr_matrix", (sps.csr_matrix,))
    matrix.__module__ = "cupyx.scipy.sparse._csr"
    with pytest.raises(TypeError, match="sparse matrix on the GPU"):
        lstsq(matrix(A), there(b))


@pytest.mark.parametrize("method", ["exact", "sketch"])
def test_leverage_scores(device, rng, method):
    A, _ = problem(rng, m=5000)
    A[9] *= 300
    score = leverage_scores(there(A), method=method, rng=0)
    assert type(score) is Array
    assert_allclose(score.get(), leverage_scores(A, method=method, rng=0), rtol=1e-11)
    with pytest.raises(ValueError, match="too few rows"):
        leverage_scores(there(A[:20]))
    with pytest.raises(TypeError, match="on the GPU"):
        factor(there(A))
