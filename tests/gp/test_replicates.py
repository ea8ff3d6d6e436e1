"""Repeated rows against the expanded problem."""

import numpy as np
import pytest

from kriss.gp import RBF, Matern, factor
from kriss.gp._replicates import build, suits

KERNELS = {"rbf": RBF(0.7, 1.3), "sum": Matern(2.5, [0.5, 0.9], 2.0) + Matern(0.5, 0.3, 0.5, active_dims=[1])}


def problem(rng, n=60, m=13):
    points = rng.random((m, 2))
    group = np.concatenate([np.arange(m), rng.integers(0, m, n - m)])
    rng.shuffle(group)
    return points[group], rng.uniform(0.01, 2.0, n) ** 3, rng.standard_normal(n)


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize("jitter", [0.0, 1e-3])
@pytest.mark.parametrize("exact", [False, True])
def test_expanded_problem(name, jitter, exact, rng):
    kernel = KERNELS[name]
    X, noise, y = problem(rng)
    if exact:  # one row of a group, and a row alone, without noise
        noise[[0, 1]] = 0.0
        X[1] = 0.5
    f, d = build(kernel, X, noise, jitter), factor(kernel, X, noise, jitter)
    assert f.n == 60 and f.distinct.n == len(np.unique(X, axis=0)) and "distinct" in f.reason
    K = kernel(X) + np.diag(noise + jitter)
    close = 1e-14 * np.linalg.cond(K)
    assert f.logdet() == pytest.approx(d.logdet(), rel=close)
    assert f.quad(y) == pytest.approx(d.quad(y), rel=close)
    assert f.log_likelihood(y) == pytest.approx(d.log_likelihood(y), rel=close)
    for B in (y, rng.standard_normal((60, 3))):
        x = f.solve(B)
        assert np.abs(K @ x - B).max() <= 1e-14 * 60 * np.abs(K).sum(axis=1).max() * max(1.0, np.abs(x).max())
    np.testing.assert_allclose(f.inv_diag(), d.inv_diag(), rtol=close)
    value, gradient = f.log_likelihood_grad(y)
    expected, slope = d.log_likelihood_grad(y)
    assert value == pytest.approx(expected, rel=close)
    np.testing.assert_allclose(gradient, slope, rtol=0, atol=close * np.abs(slope).max())
    Xs = np.concatenate([rng.random((7, 2)), X[:3]])
    p = f.predict(Xs, y, return_std=True, return_cov=True)
    q = d.predict(Xs, y, return_std=True, return_cov=True)
    np.testing.assert_allclose(p.mean, q.mean, rtol=0, atol=close)
    np.testing.assert_allclose(p.std**2, q.std**2, rtol=0, atol=close)
    np.testing.assert_allclose(p.cov, q.cov, rtol=0, atol=close)
    np.testing.assert_allclose(f.loo(y).mean, d.loo(y).mean, rtol=0, atol=close * np.abs(y).max())
    true = np.abs(K).sum(axis=0).max() * np.abs(np.linalg.inv(K)).sum(axis=0).max()
    assert 0.2 * true <= f.condition_estimate <= 1.0001 * true


def test_sample(rng):
    X, noise, _ = problem(rng, 9, 4)
    f = build(RBF(), X, noise)
    draws = f.sample(40000, rng=1)
    assert draws.shape == (40000, 9) and f.sample(rng=1).shape == (9,)
    K = RBF()(X) + np.diag(noise)
    # The sample covariance of N draws has a standard deviation of at most sqrt(2 / N) times the variances.
    scale = np.sqrt(np.outer(K.diagonal(), K.diagonal()))
    assert (np.abs(draws.T @ draws / 40000 - K) / scale).max() <= 6 * np.sqrt(2 / 40000)


def test_refuses(rng):
    X, noise, y = problem(rng)
    X[3], X[17], noise[3], noise[17] = 0.25, 0.25, 0.0, 0.0
    with pytest.raises(np.linalg.LinAlgError, match="rows 3 and 17 of X are the same point and neither has noise"):
        build(RBF(), X, noise)
    f = build(RBF(), X, noise, jitter="auto")
    assert f.jitter > 0.0
    assert np.isfinite(f.log_likelihood(y))
    with pytest.raises(np.linalg.LinAlgError, match="among the 3 distinct of 4 rows of X"):
        build(RBF(1e5), [[0.0], [1e-5], [2e-5], [0.0]], 1e-200)
    with pytest.raises(NotImplementedError, match="structure='dense'"):
        _ = f.lower
    with pytest.raises(TypeError, match="kernel must be"):
        build("rbf", X)
    assert suits(RBF(), X, noise) is not None
    assert suits(RBF(), np.arange(3.0)[:, None], noise) is None
    assert suits(RBF(), np.zeros((1, 1)), noise) is None


@pytest.mark.parametrize("scale", [1e-300, 1.0, 1e300])
def test_scales(scale, rng):
    X, noise, y = problem(rng)
    y = y * np.sqrt(scale)
    kernel, noise = RBF(0.7, scale), noise * scale
    f, g = build(kernel, X, noise), build(RBF(0.7), X, noise / scale)
    assert f.quad(y) == pytest.approx(g.quad(y / np.sqrt(scale)), rel=1e-10)
    assert f.logdet() == pytest.approx(g.logdet() + 60 * np.log(scale), rel=1e-10)


def test_signed_zeros_are_one_point():
    f = build(RBF(), [[0.0], [-0.0]], 0.1)
    assert f.distinct.n == 1
    assert f.logdet() == pytest.approx(factor(RBF(), [[0.0], [0.0]], 0.1).logdet())
