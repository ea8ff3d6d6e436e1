"""Conditioning on linear functionals against the joint normal distribution, formed whole."""

import numpy as np
import pytest
import scipy.sparse as sps
from hypothesis import given
from hypothesis import strategies as st

from kriss.gp import RBF, LinearCondition, Matern, _predict, factor

EPS = np.finfo(np.float64).eps


def textbook(kernel, X, noise, y, at, G, b, level, Xs):
    """Mean and covariance of f(Xs) given y and b, from the covariance of everything."""
    points = np.concatenate([X, at, Xs])
    n, m = len(X), len(at)
    K = kernel(points)
    H = np.zeros((n + len(G), len(points)))
    H[:n, :n] = np.eye(n)
    H[n:, n : n + m] = G
    S = H @ K @ H.T + np.diag(np.concatenate([np.broadcast_to(noise, n), np.broadcast_to(level, len(G))]))
    C = K[n + m :] @ H.T
    seen = np.concatenate([y, b])
    value = -0.5 * (seen @ np.linalg.solve(S, seen) + np.linalg.slogdet(S)[1] + len(seen) * np.log(2 * np.pi))
    return C @ np.linalg.solve(S, seen), K[n + m :, n + m :] - C @ np.linalg.solve(S, C.T), value


@pytest.fixture
def problem(rng):
    X, at, Xs = rng.random((20, 2)), rng.random((31, 2)), rng.random((7, 2))
    return Matern(1.5, [0.4, 0.6], 2.0), X, rng.uniform(0.01, 0.1, 20), rng.standard_normal(20), at, Xs


@pytest.mark.parametrize("q", [1, 2, 5])
@pytest.mark.parametrize("level", [0.0, 0.3])
@pytest.mark.parametrize("form", [np.asarray, sps.csr_array, sps.coo_matrix, np.asfortranarray])
def test_against_the_joint_distribution(q, level, form, problem, rng):
    kernel, X, noise, y, at, Xs = problem
    G, b = rng.standard_normal((q, len(at))) * (rng.random((q, len(at))) < 0.5), rng.standard_normal(q)
    mean, cov, value = textbook(kernel, X, noise, y, at, G, b, level, Xs)
    c = factor(kernel, X, noise).condition_linear(form(G), b, level, at=at)
    assert isinstance(c, LinearCondition)
    plain = c.predict(Xs, y)
    assert plain.std is None and plain.cov is None
    full = c.predict(Xs, y, return_std=True, return_cov=True)
    np.testing.assert_allclose(plain.mean, mean, rtol=0, atol=1e-10)
    np.testing.assert_allclose(full.mean, plain.mean, rtol=0, atol=1e-13)
    np.testing.assert_allclose(full.cov, cov, rtol=0, atol=1e-11)
    np.testing.assert_allclose(full.std**2, cov.diagonal(), rtol=0, atol=1e-11)
    assert c.log_likelihood(y) == pytest.approx(value, rel=1e-10)
    M = c.lower @ c.lower.T
    posterior = factor(kernel, X, noise).predict(at, y, return_cov=True).cov
    np.testing.assert_allclose(M, G @ posterior @ G.T + level * np.eye(q), rtol=0, atol=1e-11)


def test_exact_constraints_are_met(problem, rng):
    kernel, X, noise, y, at, _ = problem
    G, b = rng.standard_normal((4, len(at))), 10.0 * rng.standard_normal(4)
    p = factor(kernel, X, noise).condition_linear(G, b, at=at).predict(at, y, return_cov=True)
    assert np.abs(G @ p.mean - b).max() <= 1e-11 * np.abs(b).max()
    assert np.abs(G @ p.cov).max() <= 1e-11


def test_noise_to_zero_is_continuous(problem, rng):
    kernel, X, noise, y, at, Xs = problem
    G, b = rng.standard_normal((3, len(at))), rng.standard_normal(3)
    f = factor(kernel, X, noise)
    limit = f.condition_linear(G, b, 0.0, at=at).predict(Xs, y).mean
    errors = [np.abs(f.condition_linear(G, b, s, at=at).predict(Xs, y).mean - limit).max() for s in (1e-2, 1e-4, 1e-6)]
    assert errors[0] > errors[1] > errors[2] and errors[2] <= 1e-4


def test_rows_at_once_are_rows_one_after_the_other(problem, rng):
    # A point evaluation is a functional: conditioning on it is an observation more.
    kernel, X, noise, y, at, Xs = problem
    G = np.eye(len(at))[:3]
    b, level = rng.standard_normal(3), np.array([0.1, 0.2, 0.3])
    a = factor(kernel, X, noise).condition_linear(G, b, level, at=at).predict(Xs, y, return_std=True)
    more = factor(kernel, X, noise).append(at[:3], level)
    p = more.predict(Xs, np.concatenate([y, b]), return_std=True)
    np.testing.assert_allclose(a.mean, p.mean, rtol=0, atol=1e-12)
    np.testing.assert_allclose(a.std, p.std, rtol=0, atol=1e-12)
    step = factor(kernel, X, noise).append(at[:2], level[:2]).condition_linear(G[2:], b[2:], level[2:], at=at)
    s = step.predict(Xs, np.concatenate([y, b[:2]]), return_std=True)
    np.testing.assert_allclose(a.mean, s.mean, rtol=0, atol=1e-12)
    np.testing.assert_allclose(a.std, s.std, rtol=0, atol=1e-12)


def test_an_integral_and_a_derivative():
    X = np.linspace(0.0, 3.0, 7)[:, None]
    y = np.sin(X[:, 0])
    f = factor(RBF(1.0), X, 1e-8)
    grid = np.linspace(0.0, 3.0, 301)
    weights = np.full(301, 0.01)
    weights[[0, -1]] = 0.005
    places = np.concatenate([grid, [1.5 - 1e-3, 1.5 + 1e-3]])[:, None]
    G = np.zeros((2, 303))
    G[0, :301] = weights
    G[1, 301:] = [-500.0, 500.0]
    before = f.predict(places, y).mean
    c = f.condition_linear(G, [1.0 - np.cos(3.0), np.cos(1.5)], 1e-10, at=places)
    after = c.predict(places, y).mean
    np.testing.assert_allclose(G @ after, [1.0 - np.cos(3.0), np.cos(1.5)], rtol=0, atol=1e-4)
    truth = np.sin(places[:, 0])
    assert np.abs(after - truth).max() < np.abs(before - truth).max()


def test_default_points_are_those_of_the_factor(problem):
    kernel, X, noise, y, _, Xs = problem
    G = np.full((1, 20), 1.0 / 20)
    a = factor(kernel, X, noise).condition_linear(G, [0.5]).predict(Xs, y).mean
    b = factor(kernel, X, noise).condition_linear(G, [0.5], at=X).predict(Xs, y).mean
    np.testing.assert_array_equal(a, b)


def test_blocks_do_not_matter(problem, rng, monkeypatch):
    kernel, X, noise, y, at, Xs = problem
    G, b = rng.standard_normal((3, len(at))), rng.standard_normal(3)
    whole = factor(kernel, X, noise).condition_linear(G, b, 0.1, at=at).predict(Xs, y, return_std=True, return_cov=True)
    monkeypatch.setattr(_predict, "_BLOCK", 31 * 4)
    parts = factor(kernel, X, noise).condition_linear(G, b, 0.1, at=at).predict(Xs, y, return_std=True, return_cov=True)
    for name in ("mean", "std", "cov"):
        np.testing.assert_allclose(getattr(parts, name), getattr(whole, name), rtol=0, atol=1e-12)


def test_no_square_array_of_the_test_points(monkeypatch):
    import tracemalloc

    monkeypatch.setattr(_predict, "_BLOCK", 1 << 19)
    at = np.linspace(0.0, 1.0, 3000)[:, None]
    f = factor(RBF(0.1), at[::300], 1e-2)
    tracemalloc.start()
    c = f.condition_linear(np.full((1, 3000), 1.0 / 3000), [0.0], at=at)
    c.predict(at, np.ones(10), return_std=True)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3000 * 3000 * 8 / 3


def test_sample(problem, rng):
    kernel, X, noise, y, at, Xs = problem
    G = rng.standard_normal((2, len(at)))
    c = factor(kernel, X, noise).condition_linear(G, [1.0, -1.0], at=at)
    p = c.predict(Xs, y, return_cov=True)
    draws = c.sample(Xs, y, 100_000, rng=1)
    # Standard errors: sqrt(var / size) of a mean; below 1.5 max(var) / sqrt(size) of an entry of the covariance.
    size = p.cov.diagonal().max()
    assert np.abs(draws.mean(axis=0) - p.mean).max() <= 5 * np.sqrt(size / 1e5)
    assert np.abs(np.cov(draws.T) - p.cov).max() <= 5 * 1.5 * size / np.sqrt(1e5)
    np.testing.assert_array_equal(c.sample(Xs, y, rng=7), c.sample(Xs, y, rng=7))
    assert c.sample(Xs, y).shape == (7,) and c.sample(Xs, y, 0).shape == (0, 7)
    # Constraints hold for every draw.
    assert np.abs(c.sample(at, y, 5, rng=2) @ G.T - [1.0, -1.0]).max() <= 1e-6


def test_what_is_determined_already_is_named(problem, rng):
    kernel, X, noise, *_, at, Xs = problem
    G = rng.standard_normal((3, len(at)))
    G[2] = G[0] - 2.0 * G[1]
    f = factor(kernel, X, noise)
    with pytest.raises(np.linalg.LinAlgError, match=r"row 2 of G is determined .* and the rows before it.*raise noise"):
        f.condition_linear(G, np.zeros(3), at=at)
    with pytest.raises(np.linalg.LinAlgError, match=r"row 0 of G is determined .* by the observations:"):
        factor(kernel, X).condition_linear(np.eye(20)[:1], [0.0])
    f.condition_linear(G, np.zeros(3), 1e-6, at=at)


@pytest.mark.parametrize(
    ("kwargs", "error", "words"),
    [
        ({"G": np.zeros((1, 3))}, ValueError, "G has 3 columns, expected one for each of the 2 rows of at"),
        ({"G": np.zeros(2)}, ValueError, "G has shape"),
        ({"G": [[np.nan, 1.0]]}, ValueError, "G contains nan"),
        ({"G": sps.csr_array([[np.inf, 1.0]])}, ValueError, "G.data contains inf"),
        ({"b": [1.0, 2.0]}, ValueError, "b has 2 entries"),
        ({"b": [np.inf]}, ValueError, "b contains inf"),
        ({"noise": -1.0}, ValueError, "noise must not be negative"),
        ({"noise": [1.0, 1.0]}, ValueError, "noise has 2 entries, expected a number or one per row of G"),
        ({"at": [[0.0], [1.0]]}, ValueError, "at has 1 columns, expected 2"),
        ({"at": [[np.nan, 0.0], [1.0, 0.0]]}, ValueError, "at contains nan"),
    ],
)
def test_bad_arguments(kwargs, error, words):
    f = factor(RBF(), [[0.0, 0.0], [1.0, 0.0]], 0.1)
    with pytest.raises(error, match=words):
        f.condition_linear(**{"G": [[1.0, 1.0]], "b": [1.0], **kwargs})


def test_bad_observations():
    c = factor(RBF(), [[0.0], [1.0]], 0.1).condition_linear([[1.0, 1.0]], [1.0])
    with pytest.raises(ValueError, match="y has shape"):
        c.predict([[0.0]], [1.0])
    with pytest.raises(ValueError, match="Xs has 2 columns"):
        c.predict([[0.0, 0.0]], [1.0, 2.0])
    with pytest.raises(ValueError, match="y contains nan"):
        c.log_likelihood([np.nan, 0.0])


def test_nothing_to_condition_on(problem):
    kernel, X, noise, y, at, Xs = problem
    f = factor(kernel, X, noise)
    c = f.condition_linear(np.zeros((0, len(at))), [], at=at)
    p, q = c.predict(Xs, y, return_std=True), f.predict(Xs, y, return_std=True)
    np.testing.assert_allclose(p.mean, q.mean, rtol=0, atol=1e-13)
    np.testing.assert_allclose(p.std, q.std, rtol=0, atol=1e-13)
    assert c.log_likelihood(y) == f.log_likelihood(y)


def test_inputs_are_not_kept_or_modified(problem, rng):
    kernel, X, noise, y, at, Xs = problem
    G, b = rng.standard_normal((2, len(at))), rng.standard_normal(2)
    kept = G.copy(), b.copy(), at.copy()
    c = factor(kernel, X, noise).condition_linear(G, b, 0.1, at=at)
    before = c.predict(Xs, y).mean
    for array, copy in zip((G, b, at), kept, strict=True):
        np.testing.assert_array_equal(array, copy)
        array += 1.0
    np.testing.assert_array_equal(c.predict(Xs, y).mean, before)


@given(st.integers(0, 2**32), st.integers(1, 4), st.floats(1e-3, 1.0))
def test_a_condition_never_raises_the_variance(seed, q, level):
    rng = np.random.default_rng(seed)
    X, at, Xs, y = rng.random((6, 1)), rng.random((5, 1)), rng.random((4, 1)), rng.standard_normal(6)
    f = factor(Matern(1.5, 0.3), X, 0.01)
    c = f.condition_linear(rng.standard_normal((q, 5)), rng.standard_normal(q), level, at=at)
    assert (c.predict(Xs, y, return_std=True).std <= f.predict(Xs, y, return_std=True).std + 1e-10).all()
