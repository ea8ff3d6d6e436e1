"""Kernels built by + and *, matrix-free factors and Vecchia's approximation for CuPy arrays, on a stand-in device."""

import types

import numpy as np
import pytest
from tests.gp import device as stand_in
from tests.gp.device import Array, Launchers, fake
from tests.gp.structures import GENERAL, KERNELS

from kriss.gp import RBF, Constant, Matern, Periodic, PythonKernel, White, factor, iterative, maximin_order, vecchia

TREES = GENERAL | {
    "matern": Matern(1.7, [0.4, 0.6]) + Constant(0.3) * Periodic(0.7, 1.1),
    "power": (RBF(0.8, 1.2) + Constant(0.2)) ** 2,
}


@pytest.fixture
def device(monkeypatch):
    launchers = Launchers()

    def flat(terms, kind, variance, first, dim, inv, xt, nx, zt, nz, diagonal, out, stream):
        arrays = launchers.Sum(terms, kind, variance, first, dim, inv)
        launchers.assemble(arrays, xt, nx, zt, nz, False, diagonal, out, stream)

    stand_in.install(monkeypatch, launchers, gp=types.SimpleNamespace(assemble_float64=flat))
    return launchers.log


def plain(value):
    assert isinstance(value, Array), type(value)
    return value.get()


@pytest.mark.parametrize("name", TREES)
def test_matrices_and_contractions_of_trees(name, device, rng):
    kernel = TREES[name]
    X, Z = rng.random((9, 2)), rng.random((5, 2))
    np.testing.assert_allclose(plain(kernel(fake(X))), kernel(X), rtol=1e-14)
    np.testing.assert_allclose(plain(kernel(fake(X), fake(Z))), kernel(X, Z), rtol=1e-14)
    single = kernel(fake(X.astype(np.float32)))
    assert single.dtype == np.float32
    for shape, other in (((9, 9), None), ((9, 5), Z)):
        W = rng.standard_normal(shape)
        got = kernel.contract(fake(X), fake(W), None if other is None else fake(other))
        np.testing.assert_allclose(plain(got), kernel.contract(X, W, other), rtol=1e-10, atol=1e-12)
    assert set(device) == {42}


@pytest.mark.parametrize("name", [*TREES, "sum"])
def test_dense_factor(name, device, rng):
    kernel = (TREES | KERNELS)[name]
    X, y, Xs = rng.random((30, 2)), rng.standard_normal(30), rng.random((4, 2))
    noise = rng.uniform(0.05, 0.1, 30)
    here, there = factor(kernel, X, noise), factor(kernel, fake(X), fake(noise))
    value, gradient = there.log_likelihood_grad(fake(y))
    expected, slope = here.log_likelihood_grad(y)
    assert value == pytest.approx(expected, rel=1e-10)
    np.testing.assert_allclose(plain(gradient), slope, rtol=1e-8, atol=1e-9)
    np.testing.assert_allclose(plain(there.inv_diag()), here.inv_diag(), rtol=1e-9)
    a, b = there.loo(fake(y)), here.loo(y)
    np.testing.assert_allclose(plain(a.mean), b.mean, atol=1e-9)
    np.testing.assert_allclose(plain(a.variance), b.variance, rtol=1e-9)
    assert a.log_density == pytest.approx(b.log_density, rel=1e-9)
    np.testing.assert_allclose(plain(there.sample(3, rng=1)), here.sample(3, rng=1), atol=1e-9)
    p, q = there.predict(fake(Xs), fake(y), return_std=True), here.predict(Xs, y, return_std=True)
    np.testing.assert_allclose(plain(p.std), q.std, atol=1e-9)


@pytest.mark.parametrize("name", [*TREES, *KERNELS])
@pytest.mark.parametrize("rank", [0, 10])
def test_iterative(name, rank, device, rng):
    kernel = (TREES | KERNELS)[name]
    n = 40
    X, y, B, Xs = rng.random((n, 2)), rng.standard_normal(n), rng.standard_normal((n, 70)), rng.random((6, 2))
    noise = rng.uniform(0.05, 0.1, n)
    exact = factor(kernel, X, noise)
    here = iterative(kernel, X, noise, rank=rank, rtol=1e-10)
    there = factor(kernel, fake(X), fake(noise), structure="iterative", rank=rank, rtol=1e-10)
    assert there.structure == "iterative" and there.rank == here.rank
    np.testing.assert_allclose(plain(there.solve(fake(y))), exact.solve(y), atol=1e-6)
    np.testing.assert_allclose(plain(there.solve(fake(B))), exact.solve(B), atol=1e-6)
    # The same probes, hence the same estimates.
    found, same = there.logdet_estimate(), here.logdet_estimate()
    assert found.value == pytest.approx(same.value, rel=1e-7, abs=1e-7)
    assert found.standard_error == pytest.approx(same.standard_error, rel=1e-5, abs=1e-7)
    assert there.log_likelihood(fake(y)) == pytest.approx(here.log_likelihood(y), rel=1e-7)
    value, gradient = there.log_likelihood_grad(fake(y))
    expected, slope = here.log_likelihood_grad(y)
    assert value == pytest.approx(expected, rel=1e-7)
    np.testing.assert_allclose(plain(gradient), slope, rtol=1e-5, atol=1e-6)
    p = there.predict(fake(Xs), fake(B[:, :2]), return_std=True, return_cov=True)
    q = exact.predict(Xs, B[:, :2], return_std=True, return_cov=True)
    for part in ("mean", "std", "cov"):
        np.testing.assert_allclose(plain(getattr(p, part)), getattr(q, part), atol=1e-6)


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize("m", [1, 5, 29])
def test_vecchia(name, m, device, rng):
    kernel = KERNELS[name]
    X, Y, Xs = rng.random((30, 2)), rng.standard_normal((30, 2)), rng.random((4, 2))
    noise = rng.uniform(0.01, 0.1, 30)
    y = Y[:, 0]
    order = rng.permutation(30)
    here = vecchia(kernel, X, noise, m, order=order)
    there = factor(kernel, fake(X), fake(noise), structure="vecchia", neighbours=m, order=fake(order))
    np.testing.assert_array_equal(plain(there.order), here.order)
    np.testing.assert_array_equal(plain(there.neighbours), here.neighbours)
    assert there.logdet() == pytest.approx(here.logdet(), rel=1e-12)
    assert there.log_likelihood(fake(y)) == pytest.approx(here.log_likelihood(y), rel=1e-10)
    value, gradient = there.log_likelihood_grad(fake(y))
    np.testing.assert_allclose(plain(gradient), here.log_likelihood_grad(y)[1], rtol=1e-8, atol=1e-9)
    assert value == there.log_likelihood(fake(y))
    for obs in (y, Y):
        p = there.predict(fake(Xs), fake(obs), return_std=True, neighbours=min(m + 1, 29))
        q = here.predict(Xs, obs, return_std=True, neighbours=min(m + 1, 29))
        np.testing.assert_allclose(plain(p.mean), q.mean, atol=1e-10)
        np.testing.assert_allclose(plain(p.std), q.std, atol=1e-10)


def points():
    return fake(np.random.default_rng(0).random((20, 2)))


class Own:
    """Python with scikit-learn's interface."""

    theta = np.zeros(0)

    def __call__(self, X, Y=None, eval_gradient=False):
        return X @ (X if Y is None else Y).T

    def clone_with_theta(self, theta):
        return self


LONG = sum((RBF(0.1 * k) * Constant(1.0) for k in range(2, 24)), RBF(0.1))


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: LONG(points()), NotImplementedError, "89 nodes, more than the 64"),
        (lambda: PythonKernel(Own())(points()), NotImplementedError, "Python"),
        (lambda: RBF().contract(points(), np.zeros((20, 20))), TypeError, "GPU"),
        (lambda: RBF().contract(points(), fake(np.zeros((20, 19)))), ValueError, "W has shape"),
        (lambda: RBF().contract(points(), fake(np.full((20, 20), np.nan))), ValueError, "W contains NaN"),
        (lambda: RBF().contract(points(), fake(np.eye(20)), fake(np.zeros((20, 3)))), ValueError, "Z has 3 columns"),
        (lambda: factor(RBF(), points(), 0.1, structure="grid"), NotImplementedError, "grid"),
        (lambda: factor(RBF(), points(), 0.1, structure="dense", rank=3), TypeError, "rank"),
        (lambda: iterative(RBF(), points(), 0.1, rtol=0.0), ValueError, "rtol"),
        (lambda: iterative(RBF(), points(), 0.1).solve(fake(np.zeros(3))), ValueError, "B has shape"),
        (lambda: iterative(RBF(), points(), 0.0, rank=0, maxiter=1).solve(fake(np.ones(20))), np.linalg.LinAlgError,
         "after 1 iterations"),
        (lambda: vecchia(RBF(), points(), 0.1), NotImplementedError, "maximin"),
        (lambda: vecchia(RBF() + White(0.1), points(), 0.1, order="given"), NotImplementedError, "White"),
        (lambda: vecchia(RBF(), points(), 0.1, order=fake(np.zeros(20, int))), ValueError, "permutation"),
        (lambda: vecchia(RBF(), points(), 0.1, order=np.arange(20)), TypeError, "order is ndarray in host memory"),
        (lambda: vecchia(RBF(), fake(np.zeros((4, 2))), 0.0, order="given"), np.linalg.LinAlgError, "row 1 of X"),
    ],
)  # fmt: skip
def test_what_is_refused(call, error, words, device):
    with pytest.raises(error, match=words):
        call()


def test_maximin_order_from_the_host(device, rng):
    X = rng.random((25, 2))
    there = vecchia(RBF(0.5), fake(X), 0.1, 5, order=fake(maximin_order(X)))
    assert there.logdet() == pytest.approx(vecchia(RBF(0.5), X, 0.1, 5, order=maximin_order(X)).logdet(), rel=1e-12)
