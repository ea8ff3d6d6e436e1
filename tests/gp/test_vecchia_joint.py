"""Joint predictions of Vecchia's approximation: exact with all neighbours, and a Gram matrix with any."""

import numpy as np
import pytest
from tests.gp.structures import GENERAL, KERNELS

from kriss import _backend
from kriss.gp import RBF, Matern, factor, vecchia


@pytest.mark.parametrize("name", [*KERNELS, *GENERAL])
@pytest.mark.parametrize("jitter", [0.0, 0.01])
def test_exact_with_all_neighbours(name, jitter, rng):
    kernel = (KERNELS | GENERAL)[name]
    n, s = 25, 6
    X, Y, Xs = rng.random((n, 2)), rng.standard_normal((n, 2)), rng.random((s, 2))
    noise = rng.uniform(0.01, 0.1, n)
    f, exact = vecchia(kernel, X, noise, n - 1), factor(kernel, X, noise)
    p = f.predict(Xs, Y, return_std=True, return_cov=True, neighbours=n + s, jitter=jitter)
    q = exact.predict(Xs, Y, return_std=True, return_cov=True)
    np.testing.assert_allclose(p.mean, q.mean, atol=1e-9)
    np.testing.assert_allclose(p.cov, q.cov + jitter * np.eye(s), atol=1e-9)
    np.testing.assert_allclose(p.std**2, q.std**2 + jitter, atol=1e-9)


def textbook(kernel, X, y, noise, Xs, order, near, n):
    """Mean and covariance from dense conditionals, one point after the other; near: (s, m) in the joint sequence."""
    s = len(Xs)
    A, B, V = np.zeros((s, n)), np.zeros((s, s)), np.zeros(s)
    points = np.vstack([X, Xs[order]])
    added = np.append(noise, np.zeros(s))
    for t in range(s):
        here = near[t][near[t] >= 0]
        C = kernel(points[here]) + np.diag(added[here])
        c = kernel(points[here], points[n + t : n + t + 1])[:, 0]
        w = np.linalg.solve(C, c)
        V[t] = kernel.diag(points[n + t : n + t + 1])[0] - c @ w
        A[t, here[here < n]] = w[here < n]
        B[t, here[here >= n] - n] = w[here >= n]
    inverse = np.linalg.inv(np.eye(s) - B)
    mean, cov = inverse @ A @ y, inverse @ np.diag(V) @ inverse.T
    back = np.argsort(order)
    return mean[back], cov[np.ix_(back, back)]


@pytest.mark.parametrize("m", [1, 3, 8])
def test_against_dense_conditionals(m, rng):
    kernel = Matern(1.5, [0.3, 0.5], 1.2)
    n, s = 40, 15
    X, y, Xs = rng.random((n, 2)), rng.standard_normal(n), rng.random((s, 2))
    f = vecchia(kernel, X, 0.05, 5)
    p = f.predict(Xs, y, return_cov=True, neighbours=m)
    found = f._joint(Xs, m, 0.0)
    near = np.where(found.seen >= 0, found.seen, np.where(found.earlier >= 0, found.earlier + n, -1))
    # The nearest of all candidates, in the kernel's coordinates.
    scaled = np.vstack([X[f.order], Xs[found.order]]) / [0.3, 0.5]
    for t in range(s):
        gaps = ((scaled[: n + t] - scaled[n + t]) ** 2).sum(axis=1)
        np.testing.assert_allclose(gaps[near[t]], np.sort(gaps)[:m])
    mean, cov = textbook(kernel, X[f.order], y[f.order], f.noise[f.order], Xs, found.order, near, n)
    np.testing.assert_allclose(p.mean, mean, atol=1e-12)
    np.testing.assert_allclose(p.cov, cov, atol=1e-12)
    assert np.linalg.eigvalsh(p.cov).min() >= -1e-14


def test_draws_have_mean_and_covariance(rng):
    n, s, count = 30, 5, 40000
    X, y, Xs = rng.random((n, 2)), rng.standard_normal(n), rng.random((s, 2))
    f = vecchia(Matern(0.5, 0.5), X, 0.1, 6)
    p = f.predict(Xs, y, return_cov=True)
    draws = f.sample_posterior(Xs, y, count, rng=0)
    assert draws.shape == (count, s)
    assert (np.abs(draws.mean(axis=0) - p.mean) <= 5 * np.sqrt(p.cov.diagonal() / count)).all()
    spread = np.sqrt((p.cov**2 + np.multiply.outer(p.cov.diagonal(), p.cov.diagonal())) / count)
    assert (np.abs(np.cov(draws.T) - p.cov) <= 5 * spread).all()
    np.testing.assert_array_equal(f.sample_posterior(Xs, y, rng=4), f.sample_posterior(Xs, y, 1, rng=4)[0])
    assert f.sample_posterior(Xs, y, 0).shape == (0, s)


@pytest.mark.skipif(_backend.core() is None, reason="one backend only")
def test_backends_and_workers_agree(rng):
    X, y, Xs = rng.random((50, 2)), rng.standard_normal(50), rng.random((20, 2))
    out = []
    for backend, workers in (("compiled", 1), ("compiled", 2), ("compiled", 4), ("numba", 1)):
        with _backend.use_backend(backend):
            f = vecchia(Matern(2.5, 0.4), X, 0.1, 7, workers=workers)
            out.append(f.predict(Xs, y, return_cov=True).cov)
    for other in out[1:3]:
        np.testing.assert_array_equal(out[0], other)
    np.testing.assert_allclose(out[0], out[3], atol=1e-13)


def test_points_that_coincide(rng):
    X, y = rng.random((30, 2)), rng.standard_normal(30)
    Xs = rng.random((6, 2))
    Xs[4] = Xs[1]
    f = vecchia(RBF(0.5), X, 0.1, 10)
    with pytest.raises(np.linalg.LinAlgError, match=r"row . of Xs.*jitter"):
        # The one after two equal points has both for neighbours.
        f.predict(np.vstack([Xs, Xs[1] + 1e-9]), y, return_cov=True)
    p = f.predict(np.vstack([Xs, Xs[1] + 1e-9]), y, return_cov=True, jitter=1e-6)
    assert np.isfinite(p.cov).all() and p.cov[1, 4] == pytest.approx(p.cov[1, 1], abs=1e-5)


def test_few_and_none(rng):
    kernel = RBF(0.5, 2.0)
    one = vecchia(kernel, [[0.0]], 0.5).predict([[0.0]], [1.0], return_std=True, return_cov=True)
    assert one.mean[0] == pytest.approx(0.8) and one.cov[0, 0] == pytest.approx(2.0 - 4.0 / 2.5)
    none = vecchia(kernel, np.zeros((0, 1)), 0.5)
    np.testing.assert_allclose(none.predict([[0.0], [1.0]], [], return_cov=True).cov, kernel([[0.0], [1.0]]))
    f = vecchia(kernel, [[0.0]], 0.5)
    assert f.predict(np.zeros((0, 1)), [1.0], return_cov=True).cov.shape == (0, 0)
    with pytest.raises(ValueError, match="joint predictions need"):
        none.sample_posterior([[0.0]], [])
    for options, word in (({"jitter": -1.0}, "jitter"), ({"neighbours": 0}, "neighbours")):
        with pytest.raises(ValueError, match=word):
            f.predict([[0.0]], [1.0], return_cov=True, **options)
