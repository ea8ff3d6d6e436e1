"""Equispaced points against the dense factor, from well to ill conditioned."""

import numpy as np
import pytest
import scipy.linalg

import kriss
import kriss.gp._toeplitz as module
from kriss._backend import kernels
from kriss.gp import RBF, Constant, Linear, Matern, Periodic, RationalQuadratic, White, factor
from kriss.gp._toeplitz import build, suits

EPS = np.finfo(np.float64).eps

KERNELS = {
    "rbf": RBF(3.0, 1.3),
    "matern": Matern(1.7, 5.0, 0.5),
    "tree": RBF(2.0) * Periodic(1.0, 7.0) + Constant(0.3) + White(0.2) + RationalQuadratic(1.5, 0.8),
}


def grid(n, rng, step=0.7):
    X = (step * np.arange(n) - 4.0)[:, None]
    return X[rng.permutation(n)]


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize("n", [2, 3, 5, 50, 121])
@pytest.mark.parametrize("direct", [True, False])
def test_dense(name, n, direct, rng, monkeypatch):
    if not direct:
        monkeypatch.setattr(module, "_DIRECT", 1)
    kernel, X, y = KERNELS[name], grid(n, rng), rng.standard_normal(n)
    f, d = build(kernel, X, 0.05), factor(kernel, X, 0.05)
    K = kernel(X) + 0.05 * np.eye(n)
    for B in (y, rng.standard_normal((n, 3)), np.zeros(n), np.empty((n, 0))):
        x = f.solve(B)
        assert x.shape == B.shape
        if x.size:
            assert np.abs(K @ x - B).max() <= 200 * EPS * np.abs(K).sum(axis=1).max() * np.abs(x).max()
    assert f.logdet() == pytest.approx(d.logdet(), rel=1e-12, abs=1e-12)
    assert f.quad(y) == pytest.approx(d.quad(y), rel=1e-11)
    value, gradient = f.log_likelihood_grad(y)
    expected, slope = d.log_likelihood_grad(y)
    assert value == pytest.approx(expected, rel=1e-11)
    np.testing.assert_allclose(gradient, slope, rtol=0, atol=1e-10 * np.abs(slope).max())
    np.testing.assert_allclose(f.inv_diag(), d.inv_diag(), rtol=1e-11)
    Xs = np.concatenate([rng.uniform(-6.0, 5.0, (9, 1)), X[:2]])
    p = f.predict(Xs, np.stack([y, 2 * y], axis=1), return_std=True, return_cov=True)
    q = d.predict(Xs, np.stack([y, 2 * y], axis=1), return_std=True, return_cov=True)
    np.testing.assert_allclose(p.mean, q.mean, rtol=0, atol=1e-10)
    np.testing.assert_allclose(p.std**2, q.std**2, rtol=0, atol=1e-11)
    np.testing.assert_allclose(p.cov, q.cov, rtol=0, atol=1e-11)
    np.testing.assert_allclose(f.loo(y).mean, d.loo(y).mean, rtol=0, atol=1e-10)
    true = np.abs(K).sum(axis=0).max() * np.abs(np.linalg.inv(K)).sum(axis=0).max()
    assert 0.2 * true <= f.condition_estimate <= 1.0001 * true


@pytest.mark.parametrize("noise", [1e-2, 1e-6, 1e-10])
def test_ill_conditioned(noise, rng):
    n = 80
    X, y = np.arange(n)[:, None] * 1.0, rng.standard_normal(n)
    f, d = build(RBF(6.0), X, noise), factor(RBF(6.0), X, noise)
    K = RBF(6.0)(X) + noise * np.eye(n)
    condition = np.linalg.cond(K)
    assert condition > 1.0 / noise
    x = f.solve(y)
    assert np.abs(K @ x - y).max() <= 200 * EPS * np.abs(K).sum(axis=1).max() * np.abs(x).max()
    assert abs(f.logdet() - d.logdet()) <= n * EPS * condition
    assert f.quad(y) == pytest.approx(d.quad(y), rel=10 * n * EPS * condition)


def test_durbin_against_scipy(rng):
    n = 67
    row = Matern(1.5, 4.0)(np.zeros((1, 1)), np.arange(n)[:, None] * 1.0)[0]
    row[0] += 0.1
    errors, column = np.empty(n), np.empty(n)
    assert kernels("gp_toeplitz").durbin(row, 0.0, errors, column, 1) == -1
    first = np.zeros(n)
    first[0] = 1.0
    np.testing.assert_allclose(column, scipy.linalg.solve_toeplitz(row, first), rtol=1e-11, atol=1e-13)
    pivots = np.linalg.cholesky(scipy.linalg.toeplitz(row)).diagonal() ** 2
    np.testing.assert_allclose(errors, pivots, rtol=1e-12)


@pytest.mark.parametrize("n", [1, 2, 7, 8, 9, 300])
def test_numba_twin_has_the_same_bits(n):
    row = 0.9 ** np.arange(n) + 0.3 * (np.arange(n) == 0)
    found = []
    for backend in ("compiled", "numba"):
        try:
            with kriss.use_backend(backend):
                errors, column = np.empty(n), np.empty(n)
                assert kernels("gp_toeplitz").durbin(row, 0.0, errors, column, 1) == -1
                found.append((errors, column))
        except RuntimeError:
            pytest.skip("only one backend here")
    np.testing.assert_array_equal(found[0], found[1])


@pytest.mark.parametrize("name", KERNELS)
def test_sample(name, rng):
    kernel, X = KERNELS[name], grid(6, rng)
    f = build(kernel, X, 0.1)
    draws = f.sample(40001, rng=1)
    assert draws.shape == (40001, 6) and f.sample(rng=1).shape == (6,)
    K = kernel(X) + 0.1 * np.eye(6)
    scale = np.sqrt(np.outer(K.diagonal(), K.diagonal()))
    assert (np.abs(draws.T @ draws / 40001 - K) / scale).max() <= 6 * np.sqrt(2 / 40000)


def test_embedding_is_the_covariance_or_refused():
    # No circulant of any length holds a constant, whose lags never die out, next to a long lengthscale; the eigenvalues
    # that are reported are those of the matrix that was tried.
    f = build(RBF(1.0), np.arange(40.0)[:, None], 0.0, jitter=1e-3)
    spectrum, length = f._embedding()
    row = np.fft.ifft(spectrum).real[:40]
    np.testing.assert_allclose(
        row * 4.0**f._half, RBF(1.0)([[0.0]], np.arange(40.0)[:, None])[0] + 1e-3 * np.eye(40)[0], atol=1e-14
    )
    assert length >= 80
    rough = build(RBF(400.0), np.arange(40.0)[:, None], 1e-9)
    with pytest.raises(np.linalg.LinAlgError, match=r"the circulant embedding of 40 points has the eigenvalue -"):
        rough.sample(rng=1)


def test_breakdown_is_named(rng):
    X = np.arange(60.0)[::-1, None]
    with pytest.raises(
        np.linalg.LinAlgError, match=r"pivot (\d+) of 60 in ascending order: row (\d+) of X is determined"
    ):
        build(RBF(50.0), X)
    f = build(RBF(50.0), X, jitter="auto")
    assert 0.0 < f.jitter <= 1e-10
    assert np.isfinite(f.logdet())
    bad = np.array([1.0, 1.0, 0.2])
    for row, at in (([0.0, 1.0], 0), (bad, 1), ([np.nan, 0.0], 0), ([1.0, np.nan], 1), ([-1.0], 0)):
        row = np.array(row)
        assert kernels("gp_toeplitz").durbin(row, 0.0, np.empty(row.size), np.empty(row.size), 1) == at


@pytest.mark.parametrize("half", [-450, 450])
def test_powers_of_four_are_exact(half, rng):
    X, y = np.arange(30.0)[:, None], rng.standard_normal(30)
    a, b = build(RBF(2.0, 1.0), X, 0.25), build(RBF(2.0, 4.0**half), X, 0.25 * 4.0**half)
    np.testing.assert_array_equal(b.solve(y), a.solve(y) * 4.0**-half)
    np.testing.assert_array_equal(b.inv_diag(), a.inv_diag() * 4.0**-half)
    assert b.quad(y * 2.0**half) == a.quad(y)
    assert b.logdet() == pytest.approx(a.logdet() + 60 * half * np.log(2.0), rel=1e-14)


def test_suits():
    X = np.linspace(1e6, 1e6 + 1.0, 101)[:, None]
    assert suits(RBF(), X, 0.1) is not None
    assert suits(RBF(), X[::-1], np.full(101, 0.1)) is not None
    crooked = X.copy()
    crooked[50] += 1e-5
    cases = [
        (RBF(), X, np.arange(101.0), "noise runs from 0 to 100"),
        (Linear(), X, 0.1, "does not depend on differences alone"),
        (RBF(), np.hstack([X, X]), 0.1, "X has 2 columns"),
        (RBF(), crooked, 0.1, "the points are not equispaced"),
        (RBF(), np.array([[0.0], [1.0], [1.0]]), 0.1, "the points are not equispaced"),
        (RBF(), np.array([[1e300], [-1e308], [1e308]]), 0.1, "the points are not equispaced"),
        (RBF(), np.zeros((1, 1)), 0.1, "the points are not equispaced"),
    ]
    for kernel, x, noise, match in cases:
        assert suits(kernel, x, noise) is None
        with pytest.raises(ValueError, match=match):
            build(kernel, x, noise)
    with pytest.raises(TypeError, match="kernel must be"):
        build("rbf", X)
    f = build(RBF(), X, 0.1)
    with pytest.raises(ValueError, match="Xs has 2 columns"):
        f.predict([[0.0, 1.0]], np.zeros(101))
    for at in (0, 50, 100):
        y = np.zeros(101)
        y[at] = np.nan
        for call in (f.solve, f.quad, f.log_likelihood, f.log_likelihood_grad, f.loo):
            with pytest.raises(ValueError, match="contains nan"):
                call(y)
