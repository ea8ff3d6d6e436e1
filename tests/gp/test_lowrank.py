"""Greedy choices against the dense posterior; inducing points against dense matrices of the same model."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.gp.structures import GENERAL, KERNELS, dense, difference, gaussian

from kriss import _backend
from kriss.gp import RBF, Matern, factor, greedy_variance, low_rank
from kriss.gp._greedy import _choose

METHODS = ("vfe", "fitc", "nystroem")


def posterior_variance(kernel, X, noise, chosen):
    """Variance of every point given noisy observations at the chosen ones, by a dense solve."""
    if len(chosen) == 0:
        return kernel(X).diagonal().copy()
    K = kernel(X[chosen]) + np.diag(noise[chosen])
    cross = kernel(X[chosen], X)
    return kernel(X).diagonal() - np.einsum("ij,ij->j", cross, np.linalg.solve(K, cross))


@pytest.mark.parametrize("name", [*KERNELS, *GENERAL])
@pytest.mark.parametrize("method", ["greedy", "random"])
def test_variances_are_the_posterior_at_each_step(name, method, rng):
    kernel = (KERNELS | GENERAL)[name]
    X = rng.random((40, 2))
    if name in ("white", "tree"):  # what a point's own white noise adds counts once per observation: no repeats
        return _without_repeats(kernel, X, method)
    noise = rng.uniform(0.01, 0.2, 40)
    whole = greedy_variance(kernel, X, 25, noise, method, rng=5)
    assert whole.indices.size == 25 and whole.reason == "k points"
    for t in (0, 1, 2, 7, 24, 25):
        found = greedy_variance(kernel, X, t, noise, method, rng=5)
        np.testing.assert_array_equal(found.indices, whole.indices[:t])
        # Repeated picks observe again: each has a column of its own.
        expected = posterior_variance(kernel, X, noise, found.indices)
        np.testing.assert_allclose(found.variance, expected, atol=1e-12)
        assert found.trace[-1] == pytest.approx(expected.sum(), rel=1e-10)
        if t < 25:
            assert whole.picked[t] == found.variance[whole.indices[t]]
            if method == "greedy":
                assert whole.indices[t] == np.argmax(found.variance)


def _without_repeats(kernel, X, method):
    """The factor of the whole matrix, white noise on its diagonal included, and the variances on the way."""
    K = kernel(X)
    whole = greedy_variance(kernel, X, 40, method=method, rng=1)
    np.testing.assert_array_equal(np.sort(whole.indices), np.arange(40))
    np.testing.assert_allclose(whole.rows.T @ whole.rows, K, atol=1e-10)
    for t in (1, 2, 20):
        i = greedy_variance(kernel, X, t, method=method, rng=1)
        expected = K.diagonal() - np.einsum(
            "ij,ij->j", K[i.indices], np.linalg.solve(K[np.ix_(i.indices, i.indices)], K[i.indices])
        )
        np.testing.assert_allclose(i.variance, np.maximum(expected, 0.0), atol=1e-11)


def test_points_may_be_observed_again():
    found = greedy_variance(RBF(1.0), [[0.0], [100.0]], 6, noise=0.5)
    np.testing.assert_array_equal(found.indices, [0, 1, 0, 1, 0, 1])
    np.testing.assert_allclose(found.variance, 1 / (1 + 3 / 0.5))


def test_without_noise_it_stops_at_the_rank(rng):
    X = np.repeat(rng.random((7, 2)), 3, axis=0)
    found = greedy_variance(Matern(0.5), X, 21)
    assert found.indices.size == 7 and found.reason == "exhausted"
    K = Matern(0.5)(X)
    np.testing.assert_allclose(found.rows.T @ found.rows, K, atol=1e-14)
    smooth = greedy_variance(RBF(10.0), np.linspace(0, 1, 200)[:, None], 200)
    assert smooth.reason == "exhausted" and smooth.indices.size < 20
    assert greedy_variance(RBF(), X, 21, tol=0.5).reason == "tol"
    assert greedy_variance(RBF(), np.zeros((0, 1)), 3).indices.size == 0


def test_trace_against_the_best(rng):
    """Never below the eigenvalues' optimum; random pivots as in Chen, Epperly, Tropp, Webber, theorem 2.3, eps = 1."""
    X = rng.random((150, 2))
    kernel = RBF(0.4)
    values = np.linalg.eigvalsh(kernel(X))[::-1]
    for k in (5, 10, 20, 40):
        found = greedy_variance(kernel, X, k)
        assert values[k:].sum() <= found.trace[-1] < found.trace[-2]
        assert found.trace[-1] <= 150 * found.variance.max()
    for r in (2, 4, 8):
        best = values[r:].sum()
        k = int(np.ceil(r + r * np.log(values.sum() / best)))
        random = [greedy_variance(kernel, X, k, method="random", rng=s).trace[-1] for s in range(10)]
        assert np.mean(random) <= 2 * best


def test_random_draws_in_proportion():
    """The first draw of 3000 with variances 1, 2, 5 stays within five standard errors."""
    rng = np.random.default_rng(0)
    counts = np.bincount([_choose(np.array([1.0, 0.0, 2.0, 5.0, 0.0]), rng, 0.0) for _ in range(3000)], minlength=5)
    expected = 3000 * np.array([1, 0, 2, 5, 0]) / 8
    assert (np.abs(counts - expected) <= 5 * np.sqrt(expected)).all()
    assert _choose(np.array([0.0, 5e-324, 0.0]), rng, 0.0) == 1


def approximation(kernel, X, Z, noise, method):
    """Q + diag, and what "vfe" subtracts, from dense matrices."""
    cross = kernel(Z, X)
    Q = cross.T @ np.linalg.solve(kernel(Z), cross)
    left = kernel(X).diagonal() - Q.diagonal()
    diagonal = noise + left if method == "fitc" else noise
    return Q + np.diag(diagonal), 0.5 * (left / noise).sum() if method == "vfe" else 0.0


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", [*KERNELS, *GENERAL])
def test_against_the_dense_matrix(name, method, rng):
    kernel = (KERNELS | GENERAL)[name]
    X, Z, y = rng.random((60, 2)), rng.random((9, 2)), rng.standard_normal(60)
    noise = rng.uniform(0.05, 0.2, 60)
    f = low_rank(kernel, X, noise, Z, method)
    K, penalty = approximation(kernel, X, Z, noise, method)
    assert f.dropped == 0 and f.structure == "low_rank"
    B = rng.standard_normal((60, 3))
    np.testing.assert_allclose(f.solve(B), np.linalg.solve(K, B), atol=1e-8)
    assert f.logdet() == pytest.approx(np.linalg.slogdet(K)[1], rel=1e-9)
    assert f.quad(y) == pytest.approx(y @ np.linalg.solve(K, y), rel=1e-9)
    assert f.log_likelihood(y) == pytest.approx(gaussian(K, y) - penalty, rel=1e-9)
    np.testing.assert_allclose(f.inv_diag(), np.linalg.inv(K).diagonal(), rtol=1e-8)
    np.testing.assert_allclose(f._multiply(B), K @ B, atol=1e-9)
    true = np.linalg.cond(K, 1)
    assert true / 10 < f.condition_estimate <= true * (1 + 1e-8)
    draws = f.sample(20000, rng=0)
    error = np.sqrt((K**2 + np.outer(K.diagonal(), K.diagonal())) / 20000)
    assert (np.abs(draws.T @ draws / 20000 - K) < 5.5 * error).all()

    Xs = rng.random((8, 2))
    cross, reach = kernel(Z, X), kernel(Z, Xs)
    inner = np.linalg.solve(kernel(Z), reach)
    known = inner.T @ cross
    p = f.predict(Xs, B, return_std=True, return_cov=True)
    np.testing.assert_allclose(p.mean, known @ np.linalg.solve(K, B), atol=1e-8)
    cov = kernel(Xs) - known @ np.linalg.solve(K, known.T)
    np.testing.assert_allclose(p.cov, cov, atol=1e-8)
    np.testing.assert_allclose(p.std, np.sqrt(cov.diagonal()), atol=1e-7)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", [*KERNELS, *GENERAL])
def test_gradient(name, method, rng):
    kernel = (KERNELS | GENERAL)[name]
    X, Z, y = rng.random((50, 2)), rng.random((8, 2)), rng.standard_normal(50)
    noise = rng.uniform(0.05, 0.2, 50)

    def at(theta):
        return low_rank(kernel.with_theta(theta[:-1]), X, np.exp(theta[-1]) * noise, Z, method).log_likelihood(y)

    value, gradient = low_rank(kernel, X, noise, Z, method).log_likelihood_grad(y)
    assert value == pytest.approx(at(np.append(kernel.theta, 0.0)), rel=1e-12)
    np.testing.assert_allclose(gradient, difference(at, np.append(kernel.theta, 0.0)), rtol=2e-6, atol=2e-6)


@pytest.mark.parametrize("method", METHODS)
def test_all_points_are_the_exact_model(method, rng):
    kernel = Matern(1.5, 0.5)
    X, y = rng.random((40, 2)), rng.standard_normal(40)
    f, exact = low_rank(kernel, X, 0.1, 40, method), factor(kernel, X, 0.1)
    assert f.log_likelihood(y) == pytest.approx(exact.log_likelihood(y), rel=1e-8)
    assert f.trace < 1e-10


def test_bound_is_below_and_rises(rng):
    kernel = RBF(0.3)
    X, y = rng.random((100, 1)), rng.standard_normal(100)
    exact = factor(kernel, X, 0.1).log_likelihood(y)
    bounds = [low_rank(kernel, X, 0.1, k).log_likelihood(y) for k in (1, 2, 4, 8, 16)]
    assert all(a <= b + 1e-9 for a, b in itertools.pairwise(bounds))
    assert bounds[0] < exact - 1 and bounds[-1] <= exact + 1e-9


def test_repeated_inducing_points_are_dropped(rng):
    X, y, Z = rng.random((50, 2)), rng.standard_normal(50), rng.random((6, 2))
    f = low_rank(RBF(0.5), X, 0.1, np.vstack([Z, Z[2:5]]))
    assert f.dropped == 3 and f.inducing.shape == (6, 2)
    assert f.log_likelihood(y) == pytest.approx(low_rank(RBF(0.5), X, 0.1, Z).log_likelihood(y), rel=1e-10)


@pytest.mark.parametrize("sigma", [1e-2, 1e-4, 1e-7])
def test_quadratic_form_in_the_range(sigma, rng):
    """y nearly in the range of the low-rank part: y'K^-1 y keeps its digits, against mpmath."""
    mp = pytest.importorskip("mpmath")
    kernel, X, Z = Matern(1.5, 1.0), rng.random((25, 1)), np.linspace(0, 1, 4)[:, None]
    f = low_rank(kernel, X, sigma**2, Z, "nystroem")
    y = f._A @ rng.standard_normal(4)
    with mp.workdps(60):
        A = mp.matrix(f._A.tolist())
        K = A * A.T + mp.mpf(sigma**2) * mp.eye(25)
        b = mp.matrix(y.tolist())
        exact = float((b.T * mp.lu_solve(K, b))[0])
    # y itself is rounded: its part outside the range, eps |y|, counts with 1 / sigma^2 in the exact value as well.
    assert f.quad(y) == pytest.approx(exact, rel=1e-7)


def test_bad_arguments(rng):
    X, y = rng.random((20, 2)), rng.standard_normal(20)
    with pytest.raises(np.linalg.LinAlgError, match="noise"):
        low_rank(RBF(), X, 0.0, 5)
    with pytest.raises(ValueError, match="inducing has 3 columns"):
        low_rank(RBF(), X, 0.1, np.zeros((4, 3)))
    with pytest.raises(ValueError, match="inducing"):
        low_rank(RBF(), X, 0.1, 0)
    with pytest.raises(ValueError, match="method"):
        low_rank(RBF(), X, 0.1, 5, "sor")
    for place in (0, 10, 19):
        bad, worse = X.copy(), y.copy()
        bad[place, 0] = worse[place] = np.nan
        with pytest.raises(ValueError, match="X"):
            low_rank(RBF(), bad, 0.1, 5)
        with pytest.raises(ValueError, match="inducing"):
            low_rank(RBF(), X, 0.1, bad)
        with pytest.raises(ValueError, match="y"):
            low_rank(RBF(), X, 0.1, 5).log_likelihood(worse)
        with pytest.raises(ValueError, match="X"):
            greedy_variance(RBF(), bad, 3)
    with pytest.raises(ValueError, match="method"):
        greedy_variance(RBF(), X, 3, method="uniform")
    with pytest.raises(ValueError, match="k"):
        greedy_variance(RBF(), X, -1)
    with pytest.raises(TypeError, match="kernel"):
        greedy_variance(None, X, 1)
    with pytest.raises(TypeError, match="rng"):
        greedy_variance(RBF(), X, 1, method="random", rng="seed")


@settings(max_examples=30)
@given(st.integers(1, 25), st.integers(1, 30), st.floats(1e-4, 10.0), st.sampled_from(METHODS), st.integers(0, 2**31))
def test_solve_is_an_inverse(n, k, noise, method, seed):
    rng = np.random.default_rng(seed)
    X, b = rng.random((n, 2)), rng.standard_normal(n)
    f = low_rank(RBF(0.5), X, noise, k, method)
    x = f.solve(b)
    scale = np.linalg.norm(f._multiply(np.eye(n)), 2) * np.linalg.norm(x) + np.linalg.norm(b)
    assert np.linalg.norm(f._multiply(x[:, None])[:, 0] - b) <= 1e-11 * scale
    K = dense(RBF(0.5), X, noise)
    if k >= n and method == "vfe":
        assert f.logdet() == pytest.approx(np.linalg.slogdet(K)[1], abs=1e-6)


@pytest.mark.parametrize("done", [0, 1, 7, 8, 9, 20])
@pytest.mark.parametrize("n", [1, 5, 2048, 2049, 5000])
def test_a_row_of_the_pivoted_factor_is_its_definition(done, n, rng):
    kernels = _backend.kernels("gp")
    rows, row, variance = rng.standard_normal((done, n)), rng.standard_normal(n), 2.0 * rng.random(n)
    pivot = n // 2
    expected = row.copy()
    for one in rows:
        expected -= one[pivot] * one
    expected /= 1.7
    left = np.maximum(variance - expected * expected, 0.0)
    for workers in (1, 2):
        y, v = row.copy(), variance.copy()
        kernels.pivot_row(rows, pivot, 1.7, y, v, workers)
        np.testing.assert_array_equal(y, expected)
        np.testing.assert_array_equal(v, left)
