"""The Python side of the CUDA path on a stand-in device.

NumPy arrays that claim to be CuPy's, and a launcher that reads the pointers it is given. What a real device computes is
tested in tests/gpu.
"""

import ctypes
import sys
import types

import numpy as np
import pytest
import scipy.linalg

from kriss import _device
from kriss.gp import RBF, Matern, factor

from .reference import covariance


class FakeArray(np.ndarray):
    """A NumPy array with CuPy's way of telling its address."""

    @property
    def __cuda_array_interface__(self):
        return self.__array_interface__

    @property
    def data(self):
        return types.SimpleNamespace(ptr=self.__array_interface__["data"][0])


def fake(value, dtype=None):
    return np.asarray(value, dtype=dtype).view(FakeArray)


def read(pointer, count, ctype):
    return np.ctypeslib.as_array(ctypes.cast(pointer, ctypes.POINTER(ctype)), (count,)) if count else np.zeros(0)


def launcher(real, log):
    def launch(terms, kind, variance, first, dim, inv, xt, nx, zt, nz, diagonal, out, stream):
        log.append(stream)
        borders = read(first, terms + 1, ctypes.c_int64)
        kinds, variances = read(kind, terms, ctypes.c_int32), read(variance, terms, real)
        dims, scales = read(dim, borders[-1], ctypes.c_int64), read(inv, borders[-1], real)
        d = int(dims.max()) + 1
        X, Z = read(xt, d * nx, real).reshape(d, nx).T, read(zt, d * nz, real).reshape(d, nz).T
        total = np.zeros((nx, nz))
        for c in range(terms):
            own = slice(borders[c], borders[c + 1])
            kernel = RBF if kinds[c] == 0 else lambda *a, nu=kinds[c] - 0.5, **k: Matern(nu, *a, **k)
            total += covariance(kernel(1.0 / scales[own], float(variances[c]), active_dims=dims[own]), X, Z)
        if diagonal:
            total += np.diag(read(diagonal, nx, real))
        if total.size:
            read(out, nx * nz, real)[:] = total.ravel()

    return launch


@pytest.fixture
def device(monkeypatch):
    log = []
    xp = types.SimpleNamespace(
        asarray=fake,
        ascontiguousarray=lambda a: np.ascontiguousarray(a).view(FakeArray),
        empty=lambda shape, dtype: fake(np.empty(shape, dtype)),
        broadcast_to=np.broadcast_to,
        linalg=np.linalg,
        flatnonzero=np.flatnonzero,
        isfinite=np.isfinite,
        log=np.log,
        sqrt=np.sqrt,
        maximum=np.maximum,
    )
    kernels = types.SimpleNamespace(
        assemble_float64=launcher(ctypes.c_double, log), assemble_float32=launcher(ctypes.c_float, log)
    )
    linalg = types.ModuleType("cupyx.scipy.linalg")

    def solve_triangular(a, b, lower, trans=0):
        return fake(scipy.linalg.solve_triangular(a, b, trans, lower, check_finite=False))

    linalg.solve_triangular = solve_triangular
    for name in ("cupyx", "cupyx.scipy"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    monkeypatch.setitem(sys.modules, "cupyx.scipy.linalg", linalg)
    monkeypatch.setattr(_device, "cupy", lambda: xp)
    monkeypatch.setattr(_device, "cuda", lambda family: kernels)
    monkeypatch.setattr(_device, "stream", lambda: 42)
    return log


KERNEL = RBF(0.7, 1.3, active_dims=[1]) + Matern(0.5, 2.0, 0.5) + Matern(2.5, [1.0, 2.0, 3.0], 2.0)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_assembly(device, dtype, rng):
    X, Z = rng.random((6, 3)).astype(dtype), rng.random((4, 3)).astype(dtype)
    for got, expected in (
        (KERNEL(fake(X)), KERNEL(X)),
        (KERNEL(fake(X), fake(Z)), KERNEL(X, Z)),
        (KERNEL(fake(X).T.copy().T), KERNEL(X)),
    ):
        assert isinstance(got, FakeArray) and got.dtype == dtype
        np.testing.assert_allclose(np.asarray(got), expected, rtol=10 * np.finfo(dtype).eps)
    assert set(device) == {42}


def test_factor(device, rng):
    X, y, Xs = rng.random((20, 3)), rng.standard_normal(20), rng.random((5, 3))
    here, there = factor(KERNEL, X, 0.1), factor(KERNEL, fake(X), fake(np.full(20, 0.1)))
    assert there.logdet() == pytest.approx(here.logdet(), rel=1e-12)
    assert there.log_likelihood(fake(y)) == pytest.approx(here.log_likelihood(y), rel=1e-12)
    np.testing.assert_allclose(np.asarray(there.solve(fake(y))), here.solve(y), rtol=1e-9)
    a = here.predict(Xs, y, return_std=True, return_cov=True)
    b = there.predict(fake(Xs), fake(y), return_std=True, return_cov=True)
    for name in ("mean", "std", "cov"):
        np.testing.assert_allclose(np.asarray(getattr(b, name)), getattr(a, name), rtol=1e-8, atol=1e-10)
    assert factor(KERNEL, fake(X), jitter=1e-3).jitter == 1e-3


def fitted():
    return factor(KERNEL, fake(np.eye(3)), 0.1)


def test_check_finite_can_be_switched_off(device):
    assert np.isnan(np.asarray(KERNEL(fake([[0.0, np.nan, 0.0]]), fake(np.eye(3)), check_finite=False))).all()
    f = factor(KERNEL, fake(np.eye(3)), 0.1, check_finite=False)
    assert np.isnan(np.asarray(f.predict(fake(np.zeros((1, 3))), fake([0.0, np.nan, 0.0])).mean)).all()


def test_factor_does_not_alias_the_callers_arrays(device, rng):
    X, noise, y = fake(rng.random((6, 3))), fake(np.full(6, 0.1)), fake(rng.standard_normal(6))
    f = factor(KERNEL, X, noise)
    before = np.array(f.predict(X[:2].copy(), y).mean)
    Xs = X[:2].copy()
    X += 1.0
    noise += 1.0
    np.testing.assert_array_equal(np.asarray(f.predict(Xs, y).mean), before)
    assert (np.asarray(f.noise) == 0.1).all()


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: KERNEL(fake(np.zeros((2, 3))), np.zeros((2, 3))), TypeError, "GPU"),
        (lambda: KERNEL(fake(np.zeros(3))), ValueError, "X has shape"),
        (lambda: KERNEL(fake(np.zeros((2, 3))), fake(np.zeros((2, 2)))), ValueError, "Z has 2 columns"),
        (lambda: KERNEL(fake(np.zeros((2, 3), complex))), TypeError, "X has dtype"),
        (lambda: factor(KERNEL, fake(np.zeros((2, 3)))), np.linalg.LinAlgError, "positive definite"),
        (lambda: factor(KERNEL, fake(np.zeros((2, 3))), -1.0), ValueError, "noise"),
        (lambda: factor(KERNEL, fake(np.zeros((2, 3))), fake(np.zeros(3))), ValueError, "noise has shape"),
        (lambda: factor(KERNEL, fake(np.eye(3)), np.full(3, 0.1)), TypeError, "noise is ndarray in host memory"),
        (lambda: fitted().solve(np.zeros(3)), TypeError, "B is ndarray in host memory"),
        (lambda: fitted().predict(np.eye(3), fake(np.zeros(3))), TypeError, "Xs is ndarray in host memory"),
        (lambda: factor(KERNEL, fake(np.eye(3)), 0.1, -1.0), ValueError, "jitter"),
        (lambda: factor(KERNEL, fake(np.eye(3)), 0.1, "auto"), NotImplementedError, "auto"),
        (lambda: factor(KERNEL, fake(np.eye(3)), 0.1).solve(fake(np.zeros(2))), ValueError, "B has shape"),
        (
            lambda: fitted().predict(fake(np.zeros((1, 2))), fake(np.zeros(3))),
            ValueError,
            "Xs has 2 columns, expected 3",
        ),
        (lambda: fitted().predict(fake(np.zeros((1, 3))), fake(np.zeros(2))), ValueError, "y has shape"),
        (lambda: fitted().predict(fake([[0, np.nan, 0]]), fake(np.zeros(3))), ValueError, "Xs contains NaN"),
        (lambda: fitted().predict(fake(np.eye(3)), fake([0, np.inf, 0])), ValueError, "y contains NaN"),
        (lambda: fitted().log_likelihood(fake(np.zeros((3, 2)))), ValueError, "y has shape"),
        (lambda: fitted().quad(fake(np.zeros(3, complex))), TypeError, "y has dtype"),
        (lambda: fitted().solve(fake([0, np.nan, 0])), ValueError, "B contains NaN"),
        (lambda: KERNEL(fake([[0, np.nan, 0]])), ValueError, "X contains NaN"),
        (lambda: KERNEL(fake(np.eye(3)), fake([[0, np.inf, 0]])), ValueError, "Z contains NaN"),
        (lambda: factor(KERNEL, fake([[0, np.nan, 0]]), 0.1), ValueError, "X contains NaN"),
        (lambda: factor(KERNEL, fake(np.eye(3)), np.inf), ValueError, "noise contains NaN"),
    ],
)
def test_bad_arguments(device, call, error, words):
    with pytest.raises(error, match=words):
        call()
