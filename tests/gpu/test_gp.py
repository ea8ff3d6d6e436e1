"""Covariances on a CUDA device against the host."""

import numpy as np
import pytest

from kriss.gp import RBF, Constant, Linear, Matern, Periodic, RationalQuadratic, White, factor, iterative, vecchia

pytestmark = pytest.mark.gpu


@pytest.fixture
def cp():
    return pytest.importorskip("cupy")


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("n", [0, 1, 3, 129, 1000])
def test_assembly_has_the_bits_of_the_host(cp, dtype, n, rng):
    kernel = (
        RBF(0.7, 1.3) + Matern(0.5, [0.3, 0.4], active_dims=[0, 2]) + Matern(1.5, 0.6) + Matern(2.5, [1.0, 2.0, 3.0])
    )
    X = rng.standard_normal((n, 3)).astype(dtype)
    Z = rng.standard_normal((17, 3)).astype(dtype)
    # Built with --fmad=false from the same header: the same operations in the same order.
    np.testing.assert_array_equal(cp.asnumpy(kernel(cp.asarray(X))), kernel(X))
    np.testing.assert_array_equal(cp.asnumpy(kernel(cp.asarray(X), cp.asarray(Z))), kernel(X, Z))


def test_factor(cp, rng):
    X, y, Xs = rng.random((200, 3)), rng.standard_normal(200), rng.random((7, 3))
    kernel = Matern(2.5, [0.5, 0.6, 0.7], 2.0)
    host = factor(kernel, X, 0.01)
    there = factor(kernel, cp.asarray(X), 0.01)
    bound = 1e-13 * host.condition_estimate
    assert there.log_likelihood(cp.asarray(y)) == pytest.approx(host.log_likelihood(y), rel=bound)
    a, b = host.predict(Xs, y, return_std=True), there.predict(cp.asarray(Xs), cp.asarray(y), return_std=True)
    np.testing.assert_allclose(cp.asnumpy(b.mean), a.mean, rtol=0, atol=bound)
    np.testing.assert_allclose(cp.asnumpy(b.std), a.std, rtol=0, atol=bound)


def test_devices_do_not_mix(cp, rng):
    with pytest.raises(TypeError, match="GPU"):
        RBF()(cp.zeros((3, 1)), np.zeros((2, 1)))


def test_not_positive_definite(cp):
    with pytest.raises(np.linalg.LinAlgError, match="positive definite"):
        factor(RBF(), cp.zeros((3, 1)))


TREES = [
    Matern(1.7, [0.4, 0.6, 0.9]) + Constant(0.3) * Periodic(0.7, 1.1),
    Linear(offset=0.5) * Matern(3.5, 0.6) + RationalQuadratic(0.7) + White(0.1),
    (RBF(0.8, 1.2) + Constant(0.2)) ** 2,
]


@pytest.mark.parametrize("kernel", TREES)
@pytest.mark.parametrize("n", [1, 3, 129, 1000])
def test_trees(cp, kernel, n, rng):
    X, Z = rng.random((n, 3)), rng.random((17, 3))
    np.testing.assert_array_equal(cp.asnumpy(kernel(cp.asarray(X))), kernel(X))
    np.testing.assert_array_equal(cp.asnumpy(kernel(cp.asarray(X), cp.asarray(Z))), kernel(X, Z))
    W = rng.standard_normal((n, n))
    got = cp.asnumpy(kernel.contract(cp.asarray(X), cp.asarray(W)))
    np.testing.assert_allclose(got, kernel.contract(X, W), rtol=1e-9, atol=1e-9 * n)


@pytest.mark.parametrize("kernel", [RBF(0.5), *TREES[:2]])
def test_iterative(cp, kernel, rng):
    X, y = rng.random((700, 3)), rng.standard_normal(700)
    here, there = iterative(kernel, X, 0.1, rank=40), iterative(kernel, cp.asarray(X), 0.1, rank=40)
    assert there.logdet() == pytest.approx(here.logdet(), rel=1e-6)
    np.testing.assert_allclose(cp.asnumpy(there.solve(cp.asarray(y))), here.solve(y), atol=1e-5)
    value, gradient = there.log_likelihood_grad(cp.asarray(y))
    expected, slope = here.log_likelihood_grad(y)
    assert value == pytest.approx(expected, rel=1e-6)
    np.testing.assert_allclose(cp.asnumpy(gradient), slope, rtol=1e-4, atol=1e-4)


def test_vecchia(cp, rng):
    kernel = Matern(1.5, 0.3) + RBF([0.5, 0.6, 0.7], 0.2)
    X, y, Xs = rng.random((2000, 3)), rng.standard_normal(2000), rng.random((9, 3))
    here = vecchia(kernel, X, 0.05, 12, order="given")
    there = vecchia(kernel, cp.asarray(X), 0.05, 12, order="given")
    assert there.logdet() == pytest.approx(here.logdet(), rel=1e-12)
    value, gradient = there.log_likelihood_grad(cp.asarray(y))
    expected, slope = here.log_likelihood_grad(y)
    assert value == pytest.approx(expected, rel=1e-10)
    np.testing.assert_allclose(cp.asnumpy(gradient), slope, rtol=1e-8, atol=1e-8)
    p, q = there.predict(cp.asarray(Xs), cp.asarray(y)), here.predict(Xs, y)
    np.testing.assert_allclose(cp.asnumpy(p.mean), q.mean, atol=1e-10)


def test_gradient_and_leave_one_out(cp, rng):
    kernel = Matern(2.5, [0.5, 0.6, 0.7], 2.0)
    X, y = rng.random((300, 3)), rng.standard_normal(300)
    here, there = factor(kernel, X, 0.01), factor(kernel, cp.asarray(X), 0.01)
    gradient = there.log_likelihood_grad(cp.asarray(y))[1]
    np.testing.assert_allclose(cp.asnumpy(gradient), here.log_likelihood_grad(y)[1], rtol=1e-7, atol=1e-6)
    np.testing.assert_allclose(cp.asnumpy(there.loo(cp.asarray(y)).mean), here.loo(y).mean, atol=1e-7)
