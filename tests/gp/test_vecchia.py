"""Vecchia's approximation against the dense density, its order and neighbours against all pairs."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.gp.structures import GENERAL, KERNELS, dense, difference, gaussian

from kriss import _backend
from kriss.gp import RBF, Matern, factor, maximin_order, vecchia


def slow_maximin(X):
    """The definition: always the point farthest from all before it, the first among equals."""
    X = (0.5 * X - 0.5 * X.min(axis=0)) / (0.5 * X - 0.5 * X.min(axis=0)).max()
    order = [int(np.argmin(((X - X.mean(axis=0)) ** 2).sum(axis=1)))]
    far = ((X - X[order[0]]) ** 2).sum(axis=1)
    far[order[0]] = -1.0
    while len(order) < len(X):
        order.append(int(np.argmax(far)))
        far = np.minimum(far, ((X - X[order[-1]]) ** 2).sum(axis=1))
        far[order] = -1.0
    return np.array(order)


@pytest.mark.parametrize("n", [1, 2, 3, 9, 65, 300])
@pytest.mark.parametrize("d", [1, 2, 5])
def test_maximin_is_the_definition(n, d, rng):
    X = rng.random((n, d))
    np.testing.assert_array_equal(maximin_order(X), slow_maximin(X) if n > 1 else [0])


def test_maximin_with_repeated_points_and_ties():
    X = np.repeat(np.arange(6.0), 4)[:, None]  # distances are exact
    order = maximin_order(X)
    np.testing.assert_array_equal(np.sort(order), np.arange(24))
    np.testing.assert_array_equal(order, slow_maximin(X))
    assert len(set(X[order[:6], 0])) == 6  # every place once before any twice
    np.testing.assert_array_equal(maximin_order(np.ones((5, 2))), np.arange(5))
    assert maximin_order(np.zeros((0, 2))).size == 0


@pytest.mark.parametrize("scale", [1e-300, 5e-309, 1.0, 1e300])
def test_maximin_at_every_scale(scale, rng):
    X = rng.integers(0, 2**20, (50, 2)) * scale / 2**20
    np.testing.assert_array_equal(np.sort(maximin_order(X)), np.arange(50))
    if scale != 5e-309:  # subnormal coordinates have lost digits, and may tie
        assert (maximin_order(X) == maximin_order(X / scale)).mean() > 0.9


@pytest.mark.parametrize("name", KERNELS)
def test_neighbours_are_the_nearest_before(name, rng):
    X = rng.random((120, 2))
    f = vecchia(KERNELS[name], X, 0.1, 7)
    assert f.neighbours.shape == (120, 7)
    scale = f._metric._weight / f._metric._extent
    Z = X[f.order] * scale
    for i in range(120):
        gaps = ((Z[:i] - Z[i]) ** 2).sum(axis=1)
        expected = np.sort(gaps)[: min(i, 7)]
        own = f.neighbours[i]
        assert (own[: expected.size] >= 0).all() and (own[expected.size :] == -1).all()
        np.testing.assert_allclose(gaps[own[: expected.size]], expected, rtol=1e-12)


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize("n", [1, 2, 7, 8, 9, 60])
def test_exact_with_all_neighbours(name, n, rng):
    kernel = KERNELS[name]
    X, y, B = rng.random((n, 2)), rng.standard_normal(n), rng.standard_normal((n, 3))
    noise = rng.uniform(0.05, 0.2, n)
    f, exact = vecchia(kernel, X, noise, max(1, n - 1)), factor(kernel, X, noise)
    bound = 30 * n * np.finfo(float).eps * exact.condition_estimate
    assert f.exact
    assert abs(f.logdet() - exact.logdet()) <= bound * max(1.0, n)
    assert abs(f.quad(y) - exact.quad(y)) <= bound * exact.quad(y)
    np.testing.assert_allclose(f.solve(B), exact.solve(B), rtol=0, atol=bound * np.abs(exact.solve(B)).max())
    np.testing.assert_allclose(f.inv_diag(), exact.inv_diag(), rtol=bound)
    value, gradient = f.log_likelihood_grad(y)
    wanted, slope = exact.log_likelihood_grad(y)
    assert value == pytest.approx(wanted, rel=bound, abs=bound)
    np.testing.assert_allclose(gradient, slope, rtol=bound, atol=bound * max(1.0, np.abs(slope).max()))
    Xs = rng.random((11, 2))
    p = f.predict(Xs, B, return_std=True, neighbours=n)
    q = exact.predict(Xs, B, return_std=True)
    np.testing.assert_allclose(p.mean, q.mean, rtol=0, atol=bound * np.abs(B).sum())
    np.testing.assert_allclose(p.std, q.std, rtol=1e-9)
    loo, same = f.loo(y), exact.loo(y)
    np.testing.assert_allclose(loo.mean, same.mean, rtol=0, atol=100 * bound)


def conditional_density(kernel, X, noise, y, order, neighbours):
    """The definition, a dense solve per point."""
    K, total = dense(kernel, X, noise)[np.ix_(order, order)], 0.0
    y = y[order]
    for i, row in enumerate(neighbours):
        near = row[row >= 0]
        b = np.linalg.solve(K[np.ix_(near, near)], K[near, i]) if near.size else np.zeros(0)
        v = K[i, i] - b @ K[near, i]
        total -= 0.5 * (np.log(2 * np.pi * v) + (y[i] - b @ y[near]) ** 2 / v)
    return total


@pytest.mark.parametrize("name", KERNELS)
def test_density_and_gradient_of_few_neighbours(name, rng):
    kernel = KERNELS[name]
    n = 90
    X, y, noise = rng.random((n, 2)), rng.standard_normal(n), rng.uniform(0.05, 0.2, n)
    f = vecchia(kernel, X, noise, 6)
    value, gradient = f.log_likelihood_grad(y)
    assert value == f.log_likelihood(y)
    assert value == pytest.approx(conditional_density(kernel, X, noise, y, f.order, f.neighbours), rel=1e-11)

    def at(theta):
        return f.with_parameters(kernel.with_theta(theta[:-1]), np.exp(theta[-1]) * noise).log_likelihood(y)

    slope = difference(at, np.append(kernel.theta, 0.0))
    np.testing.assert_allclose(gradient, slope, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", GENERAL)
def test_other_kernels(name, rng):
    """Kernels without a flat form run one point at a time, with the same answers."""
    kernel = GENERAL[name]
    n = 30
    X, y, noise, Xs = rng.random((n, 2)), rng.standard_normal(n), rng.uniform(0.05, 0.2, n), rng.random((4, 2))
    f, exact = vecchia(kernel, X, noise, n - 1), factor(kernel, X, noise)
    assert f.logdet() == pytest.approx(exact.logdet(), rel=1e-9)
    assert f.quad(y) == pytest.approx(exact.quad(y), rel=1e-9)
    p = f.predict(Xs, y, return_std=True, neighbours=n)
    q = exact.predict(Xs, y, return_std=True)
    np.testing.assert_allclose(p.mean, q.mean, atol=1e-9)
    np.testing.assert_allclose(p.std, q.std, rtol=1e-8)
    f = vecchia(kernel, X, noise, 5)
    value, gradient = f.log_likelihood_grad(y)
    assert value == pytest.approx(conditional_density(kernel, X, noise, y, f.order, f.neighbours), rel=1e-10)

    def at(theta):
        return f.with_parameters(kernel.with_theta(theta[:-1]), np.exp(theta[-1]) * noise).log_likelihood(y)

    slope = difference(at, np.append(kernel.theta, 0.0))
    np.testing.assert_allclose(gradient, slope, rtol=1e-6, atol=1e-6)
    X[7] = X[3]
    if name == "product":
        with pytest.raises(np.linalg.LinAlgError, match="same point"):
            vecchia(kernel, X, 0.0, 29)


def test_the_matrix_behind_the_methods(rng):
    X, y = rng.random((70, 2)), rng.standard_normal(70)
    f = vecchia(RBF(0.3), X, 0.1, 5)
    precision = f.solve(np.eye(70))
    K = np.linalg.inv(precision)
    np.testing.assert_allclose(precision, precision.T, atol=1e-10)
    assert f.logdet() == pytest.approx(np.linalg.slogdet(K)[1], rel=1e-10)
    assert f.log_likelihood(y) == pytest.approx(gaussian(K, y), rel=1e-10)
    np.testing.assert_allclose(f.inv_diag(), precision.diagonal(), rtol=1e-10)
    np.testing.assert_allclose(f._multiply(np.eye(70)), K, atol=1e-9)
    exact = np.linalg.norm(K, 1) * np.linalg.norm(precision, 1)
    assert exact / 10 <= f.condition_estimate <= exact * (1 + 1e-9)
    draws = f.sample(40000, rng=0)
    # Entries of a sample covariance of N draws have standard errors of sqrt((K_ij^2 + K_ii K_jj) / N).
    error = np.sqrt((K**2 + np.outer(K.diagonal(), K.diagonal())) / 40000)
    assert (np.abs(draws.T @ draws / 40000 - K) < 5.5 * error).all()
    assert f.sample(rng=1).shape == (70,) and f.sample(0).shape == (0, 70)


@pytest.mark.parametrize("name", ["rbf", "matern32"])
def test_divergence_falls_with_the_number_of_neighbours(name, rng):
    kernel = KERNELS[name]
    X = rng.random((80, 2))
    exact = factor(kernel, X, 0.01).logdet()
    divergence = [0.5 * (vecchia(kernel, X, 0.01, m).logdet() - exact) for m in (1, 2, 4, 8, 16, 32, 79)]
    assert all(a >= b - 1e-9 for a, b in itertools.pairwise(divergence))
    assert divergence[0] > 0.1 and abs(divergence[-1]) < 1e-8


@pytest.mark.parametrize("workers", [2, 4])
def test_same_bits_for_any_workers(workers, rng):
    X, y = rng.random((700, 2)), rng.standard_normal(700)
    kernel = KERNELS["sum"]
    one, many = (vecchia(kernel, X, 0.1, 9, workers=w) for w in (1, workers))
    np.testing.assert_array_equal(one.order, many.order)
    np.testing.assert_array_equal(one.neighbours, many.neighbours)
    np.testing.assert_array_equal(one._weights, many._weights)
    for a, b in zip(one.log_likelihood_grad(y), many.log_likelihood_grad(y), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.skipif(_backend.core() is None, reason="one backend only")
@pytest.mark.parametrize("name", KERNELS)
def test_backends_agree_to_the_bit(name, rng):
    X, y = rng.random((123, 2)), rng.standard_normal(123)
    X[40:44] = X[30:34]
    results = []
    for backend in _backend.BACKENDS:
        with _backend.use_backend(backend):
            f = vecchia(KERNELS[name], X, 0.1, 6)
            p = f.predict(X[:7] + 0.01, y, return_std=True)
            results.append((f.order, f.neighbours, f._weights, f._variance, f.sample(rng=3), p.mean, p.std))
            results[-1] += f.log_likelihood_grad(y)
    for a, b in zip(*results, strict=True):
        np.testing.assert_array_equal(a, b)


def test_repeated_points_need_noise(rng):
    X = rng.random((30, 2))
    X[17] = X[4]
    with pytest.raises(np.linalg.LinAlgError, match=r"rows 4 and 17 of X are the same point|rows 17 and 4"):
        vecchia(Matern(1.5), X, 0.0, 10)
    f, exact = vecchia(Matern(1.5), X, 1e-3, 29), factor(Matern(1.5), X, 1e-3)
    assert f.logdet() == pytest.approx(exact.logdet(), rel=1e-10)


@pytest.mark.parametrize("scale", [1e-300, 1e-150, 1e150, 1e300])
def test_scaled_inputs(scale, rng):
    """Lengths scaled with the points change nothing but roundings."""
    X, y = rng.random((40, 2)), rng.standard_normal(40)
    f, g = vecchia(Matern(2.5, 0.3), X, 0.1, 8), vecchia(Matern(2.5, 0.3 * scale), X * scale, 0.1, 8)
    assert f.log_likelihood(y) == pytest.approx(g.log_likelihood(y), rel=1e-9)


@pytest.mark.parametrize("power", [-600, 600])
def test_scaled_variances(power, rng):
    """Powers of two of the variance are exact."""
    X, _y = rng.random((40, 2)), rng.standard_normal(40)
    s = 2.0**power
    f, g = vecchia(Matern(2.5, 0.3), X, 0.125, 8), vecchia(Matern(2.5, 0.3, s), X, 0.125 * s, 8)
    np.testing.assert_array_equal(f._weights, g._weights)
    np.testing.assert_array_equal(f._variance * s, g._variance)


def test_bad_arguments(rng):
    X, y = rng.random((20, 2)), rng.standard_normal(20)
    for place in (0, 10, 19):
        for value in (np.nan, np.inf):
            bad = X.copy()
            bad[place, 1] = value
            with pytest.raises(ValueError, match="X"):
                vecchia(RBF(), bad, 0.1)
            worse = y.copy()
            worse[place] = value
            with pytest.raises(ValueError, match="y"):
                vecchia(RBF(), X, 0.1).log_likelihood(worse)
    with pytest.raises(ValueError, match="neighbours"):
        vecchia(RBF(), X, 0.1, 0)
    with pytest.raises(TypeError, match="neighbours"):
        vecchia(RBF(), X, 0.1, 2.5)
    with pytest.raises(TypeError, match="kernel"):
        vecchia("rbf", X, 0.1)
    with pytest.raises(ValueError, match="noise"):
        vecchia(RBF(), X, -0.1)
    with pytest.raises(ValueError, match="order"):
        vecchia(RBF(), X, 0.1, order=np.zeros(20, int))
    with pytest.raises(ValueError, match="order"):
        vecchia(RBF(), X, 0.1, order="hilbert")
    f = vecchia(RBF(), X, 0.1)
    with pytest.raises(ValueError, match="Xs has 3 columns"):
        f.predict(np.zeros((1, 3)), y)
    with pytest.raises(ValueError, match="scale"):
        maximin_order(X, scale=[1.0])


@pytest.mark.parametrize("order", ["F", "strided", "float32", "list", "readonly", "swapped"])
def test_kinds_of_arrays(order, rng):
    X = rng.random((25, 2)).astype(np.float32).astype(float)
    y = rng.standard_normal(25)
    other = {
        "F": lambda: np.asfortranarray(X),
        "strided": lambda: np.repeat(X, 2, axis=0)[::2][::-1][::-1],
        "float32": lambda: X.astype(np.float32),
        "list": lambda: X.tolist(),
        "readonly": lambda: np.broadcast_to(X, X.shape),
        "swapped": lambda: X.astype(X.dtype.newbyteorder()),
    }[order]()
    assert vecchia(RBF(), other, 0.1).log_likelihood(y) == vecchia(RBF(), X, 0.1).log_likelihood(y)


def test_given_orders_and_no_points(rng):
    X, y = rng.random((30, 2)), rng.standard_normal(30)
    order = rng.permutation(30)
    f = vecchia(RBF(), X, 0.1, 4, order=order)
    g = vecchia(RBF(), X[order], 0.1, 4, order="given")
    assert f.log_likelihood(y) == g.log_likelihood(y[order])
    empty = vecchia(RBF(), np.zeros((0, 2)), 0.1)
    assert empty.log_likelihood(np.zeros(0)) == 0.0 and empty.logdet() == 0.0
    assert empty.predict([[0.0, 0.0]], np.zeros(0), return_std=True).std[0] == 1.0


@settings(max_examples=30)
@given(st.integers(1, 40), st.integers(1, 3), st.integers(1, 12), st.integers(0, 2**32 - 1))
def test_any_size_is_a_density(n, d, m, seed):
    """Draws have the quadratic form of a chi-square variable; the likelihood is that of the definition."""
    rng = np.random.default_rng(seed)
    X, y = rng.random((n, d)), rng.standard_normal(n)
    kernel = Matern(1.5, 0.4)
    f = vecchia(kernel, X, 0.05, m)
    assert f.log_likelihood(y) == pytest.approx(
        conditional_density(kernel, X, 0.05, y, f.order, f.neighbours), rel=1e-9, abs=1e-9
    )
    z = f.sample(rng=seed)
    np.testing.assert_allclose(f.solve(f._multiply(z[:, None])[:, 0]), z, atol=1e-7)
