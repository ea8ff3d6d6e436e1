"""Covariances on a CUDA device against the host."""

import numpy as np
import pytest

from kriss.gp import RBF, Matern, factor

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
    bound = 1e-13 * host.condition_estimate()
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
