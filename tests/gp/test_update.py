"""Appending and dropping points: against fresh factors, shared storage, drift, failures."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import kriss
from kriss._backend import kernels
from kriss.gp import RBF, Matern, _update, factor

EPS = np.finfo(np.float64).eps
RATIO = 30.0  # LAPACK's threshold


def matrix(kernel, X, noise):
    return kernel(X) + np.diag(np.broadcast_to(noise, len(X)))


def assert_factor_of(f, K, updates=1):
    """Backward error of L within LAPACK's threshold, for each of the orthogonal steps that made it."""
    scale = np.abs(K).max(initial=1e-300)
    L = f.lower / np.sqrt(scale)
    assert (np.triu(f.lower, 1) == 0.0).all() and (f.lower.diagonal() > 0.0).all()
    bound = RATIO * max(len(K), 1) * EPS * np.sqrt(updates) * np.abs(K / scale).sum(axis=0).max(initial=0.0)
    assert np.abs(L @ L.T - K / scale).sum(axis=0).max(initial=0.0) <= bound


@pytest.mark.parametrize("n", [0, 1, 2, 5, 63, 64, 65, 130])
@pytest.mark.parametrize("q", [1, 2, 7, 9, 40])
def test_append_is_a_fresh_factor(n, q, rng):
    kernel, X, noise = Matern(1.5, [0.4, 0.7], 2.0), rng.random((n + q, 2)), rng.uniform(0.01, 0.1, n + q)
    f = factor(kernel, X[:n], noise[:n])
    g = f.append(X[n:], noise[n:])
    assert g.n == n + q and f.n == n and g.lower.shape == (n + q, n + q)
    np.testing.assert_array_equal(g.X, X)
    np.testing.assert_array_equal(g.noise, noise)
    K = matrix(kernel, X, noise)
    assert_factor_of(g, K)
    y = rng.standard_normal(n + q)
    np.testing.assert_allclose(K @ g.solve(y), y, rtol=0, atol=1e-10)
    B = rng.standard_normal((n + q, 11))  # the library's way through the same storage
    np.testing.assert_allclose(K @ g.solve(B), B, rtol=0, atol=1e-10)
    h = factor(kernel, X, noise)
    assert g.log_likelihood(y) == pytest.approx(h.log_likelihood(y), rel=1e-10)
    np.testing.assert_allclose(g.log_likelihood_grad(y)[1], h.log_likelihood_grad(y)[1], rtol=1e-8, atol=1e-9)
    np.testing.assert_allclose(g.inv_diag(), h.inv_diag(), rtol=1e-9)
    np.testing.assert_allclose(
        g.predict(X[:3] + 0.1, y, return_std=True).std, h.predict(X[:3] + 0.1, y, return_std=True).std, rtol=1e-8
    )
    assert g.condition_estimate == pytest.approx(h.condition_estimate, rel=1e-6)


@pytest.mark.parametrize(
    "lost", [[0], [99], [-1], [63], [64], [0, 1], [5, 70, 98], [64, 65], [98, 99], range(40), range(100), []]
)
def test_drop_is_a_fresh_factor(lost, rng):
    kernel, X, noise = RBF([0.3, 0.5], 2.0), rng.random((100, 2)), rng.uniform(0.01, 0.1, 100)
    f = factor(kernel, X, noise)
    before = f.lower.copy()
    g = f.drop(np.array(list(lost), int))
    keep = np.delete(np.arange(100), list(lost))
    np.testing.assert_array_equal(g.X, X[keep])
    np.testing.assert_array_equal(g.noise, noise[keep])
    assert_factor_of(g, matrix(kernel, X[keep], noise[keep]))
    np.testing.assert_array_equal(f.lower, before)
    if len(lost) == 0:
        assert g is f


def test_a_thousand_appends_and_drops_against_fresh(rng):
    kernel, pool = Matern(2.5, 0.5), rng.random((2000, 3))
    X, f = pool[:40], factor(kernel, pool[:40], 1e-3)
    for step in range(1000):
        new = pool[40 + step : 41 + step]
        f = f.append(new, 1e-3)
        X = np.concatenate([X, new])
        gone = rng.integers(len(X))
        f = f.drop(gone)
        X = np.delete(X, gone, axis=0)
    assert f.updates == 2000
    np.testing.assert_array_equal(f.X, X)
    K = matrix(kernel, X, 1e-3)
    assert_factor_of(f, K, updates=2000)
    y = rng.standard_normal(40)
    fresh = factor(kernel, X, 1e-3)
    # Relative errors of a solve: the backward error times the condition number.
    bound = 40 * np.sqrt(2000) * EPS * fresh.condition_estimate
    np.testing.assert_allclose(f.solve(y), fresh.solve(y), rtol=0, atol=bound * np.abs(fresh.solve(y)).max())
    assert f.logdet() == pytest.approx(fresh.logdet(), abs=bound)
    assert 0.0 < f.drift <= 64 * np.sqrt(40) * EPS


def test_a_factor_that_drifted_is_made_anew(rng, monkeypatch):
    kernel, X = RBF(0.3), rng.random((30, 2))
    f = factor(kernel, X[:20], 0.1).append(X[20:21], 0.1)
    monkeypatch.setattr(_update, "_CHECK_EVERY", 4)
    f._grown.array[7, 3] += 1e-9  # what a cosmic ray would do
    for i in range(21, 23):
        f = f.append(X[i : i + 1], 0.1)
    assert f.updates == 3
    f = f.append(X[23:24], 0.1)
    assert f.updates == 0 and f.drift == 0.0
    assert_factor_of(f, matrix(kernel, X[:24], 0.1))


def test_branches_share_rows_but_not_results(rng):
    kernel, X = RBF(0.3), rng.random((40, 2))
    f = factor(kernel, X[:20], 0.1).append(X[20:22], 0.1)
    a = f.append(X[22:23], 0.1)
    b = f.append(X[30:32], 0.1)  # the room below f is taken by a
    c = a.append(X[23:24], 0.1)
    assert np.shares_memory(f.lower, a.lower) and np.shares_memory(a.lower, c.lower)
    assert not np.shares_memory(a.lower, b.lower)
    for g, rows in ((f, range(22)), (a, range(23)), (b, [*range(22), 30, 31]), (c, range(24))):
        assert_factor_of(g, matrix(kernel, X[list(rows)], 0.1))
        with pytest.raises(ValueError, match="read-only"):
            g.lower[0, 0] = 1.0
    again = pickle.loads(pickle.dumps(a)).append(X[35:36], 0.1)
    assert_factor_of(again, matrix(kernel, X[[*range(23), 35]], 0.1))
    assert_factor_of(c, matrix(kernel, X[:24], 0.1))


def test_same_bits_for_any_number_of_workers_and_on_both_backends(rng):
    n = 750  # threads are used from 700 rows
    X, y = rng.random((n + 3, 3)), rng.standard_normal(n + 1)
    start = factor(Matern(1.5, 0.4), X[:n], 0.01, workers=1)
    results = []
    for name, w in (("compiled", 1), ("compiled", 2), ("compiled", 4), ("numba", 1)):
        if name == "compiled" and kriss._backend.core() is None:
            continue
        with kriss.use_backend(name):
            run = kernels("gp_update")
            rows = np.ascontiguousarray(rng.permutation(1) + np.outer(np.ones(3), np.arange(1.0, n + 1)))
            half = rows.copy()
            run.solve(start.lower, rows, False, w)
            run.solve(start.lower, half, True, w)
            out = np.zeros((n - 2, n + 5))
            run.drop(start.lower, np.delete(np.arange(n), [3, 400]), np.array([3, 400]), out, w)
        results.append((rows, half, out))
    for other in results[1:]:
        for a, b in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(a, b)
    w1, w3 = (factor(Matern(1.5, 0.4), X[:n], 0.01, workers=w).append(X[n:], 0.01).drop([1, 2]) for w in (1, 3))
    np.testing.assert_array_equal(w1.lower, w3.lower)
    np.testing.assert_array_equal(w1.solve(y), w3.solve(y))


@pytest.mark.parametrize("power", [-1000, -600, 600, 1000])
def test_scaling_by_powers_of_four_is_exact(power, rng):
    X = rng.random((70, 2))
    f = factor(RBF(0.4, 1.5), X[:69], 0.1).append(X[69:], 0.1).drop([2, 66])
    g = factor(RBF(0.4, np.ldexp(1.5, power)), X[:69], np.ldexp(0.1, power))
    g = g.append(X[69:], np.ldexp(0.1, power)).drop([2, 66])
    np.testing.assert_array_equal(g.lower, np.ldexp(f.lower, power // 2))


def test_duplicates_are_named():
    f = factor(RBF(), [[0.0], [3.0]])
    with pytest.raises(np.linalg.LinAlgError, match=r"pivot 2 of 3: rows 1 and 2 of X are the same point.*jitter"):
        f.append([[3.0]])
    with pytest.raises(np.linalg.LinAlgError, match=r"pivot 3 of 4: rows 2 and 3 of X"):
        f.append([[7.0], [7.0]])
    assert f.append([[3.0]], 1e-6).n == 3
    assert f.append([[9.0]]).lower[2, 2] == pytest.approx(1.0)  # the failures took no room
    loose = factor(RBF(), [[0.0], [3.0]], check_finite=False)
    with pytest.raises(np.linalg.LinAlgError, match="row 2 of X is not finite"):
        loose.append([[np.nan]])


def test_jitter_stays():
    f = factor(RBF(), [[0.0], [3.0]], jitter=1e-3).append([[3.0]]).drop(0)
    assert f.jitter == 1e-3
    np.testing.assert_allclose(f.lower @ f.lower.T, np.ones((2, 2)) + 1e-3 * np.eye(2), rtol=1e-15)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda f: f.append([[0.0]]), ValueError, "Xq has 1 columns, expected 2"),
        (lambda f: f.append([[np.nan, 0.0]]), ValueError, "Xq contains nan"),
        (lambda f: f.append([0.0, 1.0]), ValueError, "Xq has shape"),
        (lambda f: f.append([[0.0, 1.0]], [0.1, 0.1]), ValueError, "noise has 2 entries"),
        (lambda f: f.append([[0.0, 1.0]], -1.0), ValueError, "noise must not be negative"),
        (lambda f: f.append([[0.0, 1.0]], "a"), TypeError, "noise has dtype"),
        (lambda f: f.drop(3), IndexError, "indices holds 3, expected -3 to 2"),
        (lambda f: f.drop([-4]), IndexError, "indices holds -4"),
        (lambda f: f.drop([0, -3]), ValueError, "indices names row 0 twice"),
        (lambda f: f.drop([0.5]), TypeError, "indices has dtype float64"),
        (lambda f: f.drop([True, False, False]), TypeError, "indices has dtype bool"),
        (lambda f: f.drop([[0]]), ValueError, r"indices has shape \(1, 1\)"),
    ],
)
def test_bad_arguments(call, error, words):
    with pytest.raises(error, match=words):
        call(factor(RBF(), [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]], 0.1))


def test_nothing_to_do_is_the_same_factor():
    f = factor(RBF(), [[0.0]], 0.1)
    assert f.append(np.zeros((0, 1))) is f and f.drop([]) is f and f.drop(np.array([], int)) is f


def test_callers_arrays_are_not_kept(rng):
    X, noise = rng.random((3, 2)), np.full(3, 0.1)
    f = factor(RBF(), rng.random((5, 2)), 0.1).append(X, noise)
    before = f.X.copy(), f.noise.copy()
    X += 1.0
    noise += 1.0
    np.testing.assert_array_equal(f.X, before[0])
    np.testing.assert_array_equal(f.noise, before[1])


@given(st.data())
def test_any_sequence_of_updates(data):
    kernel, rng = RBF(0.5), np.random.default_rng(data.draw(st.integers(0, 2**32)))
    X = rng.random((data.draw(st.integers(0, 20)), 2))
    f = factor(kernel, X, 0.05)
    for _ in range(data.draw(st.integers(1, 6))):
        if data.draw(st.booleans()) or len(X) == 0:
            new = rng.random((data.draw(st.integers(0, 4)), 2))
            f, X = f.append(new, 0.05), np.concatenate([X, new])
        else:
            gone = data.draw(st.lists(st.integers(0, len(X) - 1), unique=True, max_size=4))
            f, X = f.drop(np.array(gone, int)), np.delete(X, gone, axis=0)
    np.testing.assert_array_equal(f.X, X)
    assert_factor_of(f, matrix(kernel, X, 0.05))
