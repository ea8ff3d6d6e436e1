"""Derivatives of predictions in the coordinates, prediction with kernels that are not stationary, bad input."""

import numpy as np
import pytest

from kriss import gp
from kriss.gp import RBF, Matern, _predict, factor, log_likelihood

KERNELS = {
    "rbf": RBF([0.5, 0.7], 2.0),
    "matern32": Matern(1.5, 0.6),
    "sum": Matern(2.5, [0.5, 0.9]) + RBF(0.3, 0.2),
    "linear": gp.Linear(2.0, 0.5) + RBF(0.8),
    "product": gp.Linear(1.0, 0.5) * Matern(2.5, 0.7) + gp.White(0.01),
    "rational": gp.RationalQuadratic(0.6, 1.0, 1.4) + gp.Constant(0.3),
}


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize("outputs", [None, 2])
def test_gradients_against_differences(name, outputs, rng):
    kernel, X, Xs = KERNELS[name], rng.random((25, 2)), rng.random((6, 2))
    y = rng.standard_normal((25,) if outputs is None else (25, outputs))
    f = factor(kernel, X, 0.05)
    p = f.predict(Xs, y, return_std=True, return_grad=True)
    assert p.mean_grad.shape == ((6, 2) if outputs is None else (6, 2, outputs)) and p.std_grad.shape == (6, 2)
    h = 1e-5
    for q in range(2):
        up, down = (f.predict(Xs + s * h * np.eye(2)[q], y, return_std=True) for s in (1.0, -1.0))
        # Truncation h^2 |f'''| / 6 and rounding eps |f| / h, both below 1e-8 here, with room for |f'''| of some 100.
        np.testing.assert_allclose(p.mean_grad[:, q], (up.mean - down.mean) / (2 * h), rtol=1e-6, atol=1e-6)
        np.testing.assert_allclose(p.std_grad[:, q], (up.std - down.std) / (2 * h), rtol=1e-6, atol=1e-6)
    only = f.predict(Xs, y, return_grad=True)
    assert only.std is None and only.std_grad is None
    np.testing.assert_allclose(only.mean_grad, p.mean_grad, rtol=1e-14)


def test_gradients_in_blocks(rng, monkeypatch):
    X, y, Xs = rng.random((30, 2)), rng.standard_normal(30), rng.random((17, 2))
    f = factor(RBF(0.3), X, 0.1)
    whole = f.predict(Xs, y, return_std=True, return_cov=True, return_grad=True)
    monkeypatch.setattr(_predict, "_BLOCK", 30 * 2 * 5)
    parts = f.predict(Xs, y, return_std=True, return_cov=True, return_grad=True)
    for field in ("mean", "std", "cov", "mean_grad", "std_grad"):
        np.testing.assert_allclose(getattr(parts, field), getattr(whole, field), rtol=1e-9, atol=1e-11)


def test_gradients_of_the_mean_solve_once(rng, monkeypatch):
    f = factor(RBF(0.3), rng.random((30, 2)), 0.01)
    calls = []
    half = type(f)._half
    monkeypatch.setattr(
        type(f), "_half", lambda self, rows, whole=False: (calls.append(rows.shape), half(self, rows, whole))
    )
    f.predict(rng.random((50, 2)), rng.standard_normal(30), return_grad=True)
    assert calls == [(1, 30)]


def test_no_slope_where_there_is_no_deviation():
    f = factor(Matern(2.5), [[0.0], [1.0]])
    p = f.predict([[0.0], [0.5]], [1.0, 2.0], return_std=True, return_grad=True)
    assert np.isfinite(p.mean_grad).all() and np.isfinite(p.std_grad[1]).all()
    assert p.std[0] > 0.0 or np.isnan(p.std_grad[0]).all()


@pytest.mark.parametrize("name", ["linear", "product"])
def test_a_prior_that_depends_on_the_point(name, rng):
    kernel, X, Xs, y = KERNELS[name], rng.random((20, 2)), 3.0 * rng.random((5, 2)), rng.standard_normal(20)
    f = factor(kernel, X, 0.1)
    K, Ks = kernel(X) + 0.1 * np.eye(20), kernel(Xs, X)
    p = f.predict(Xs, y, return_std=True, return_cov=True)
    cov = kernel(Xs) - Ks @ np.linalg.solve(K, Ks.T)
    np.testing.assert_allclose(p.mean, Ks @ np.linalg.solve(K, y), rtol=1e-10, atol=1e-11)
    np.testing.assert_allclose(p.cov, cov, rtol=0, atol=1e-11)
    np.testing.assert_allclose(p.std**2, cov.diagonal(), rtol=0, atol=1e-11)
    exact = np.linalg.cond(K, 1)
    assert exact / 3 <= f.condition_estimate <= exact * (1 + 1e-8)
    more = f.append(Xs, 0.2).drop([0, 3])
    keep = np.delete(np.arange(25), [0, 3])
    M = (kernel(np.vstack([X, Xs])) + np.diag([0.1] * 20 + [0.2] * 5))[np.ix_(keep, keep)]
    np.testing.assert_allclose(more.lower @ more.lower.T, M, rtol=0, atol=1e-13 * M.max())


@pytest.mark.parametrize("lengthscale", [0.0, -1.0, [1.0, 0.0], np.nan, np.inf])
def test_lengthscales_must_be_positive(lengthscale):
    with pytest.raises(ValueError, match="lengthscale"):
        RBF(lengthscale)


def test_ill_conditioned_is_exact_or_refused(rng):
    # Condition numbers to 1e16 and beyond: either every digit that the condition leaves, or an error with advice.
    X, y = np.linspace(0.0, 1.0, 30)[:, None], rng.standard_normal(30)
    seen = set()
    for noise in 10.0 ** -np.arange(2, 18):
        kernel = RBF(0.5)
        try:
            f = factor(kernel, X, noise)
        except np.linalg.LinAlgError as error:
            words = str(error)
            seen.add("refused" if all(w in words for w in ("pivot", "jitter", "nearest is row")) else words)
            continue
        seen.add("exact")
        K = kernel(X) + noise * np.eye(30)
        x = f.solve(y)
        assert np.abs(K @ x - y).max() <= 30 * np.finfo(float).eps * np.abs(K).sum(axis=1).max() * np.abs(x).max()
        eigenvalues = np.linalg.eigvalsh(K)
        if eigenvalues[0] > 1e3 * np.finfo(float).eps * eigenvalues[-1]:
            slack = 30 * np.finfo(float).eps * np.sum(eigenvalues[-1] / eigenvalues)
            assert abs(f.logdet() - np.log(eigenvalues).sum()) <= slack
        assert f.jitter == 0.0
    assert seen == {"exact", "refused"}


def test_one_point_and_none():
    one = factor(RBF(1.0, 3.0), [[5.0]], 1.0)
    p = one.predict([[5.0]], [2.0], return_std=True, return_grad=True)
    assert p.mean == pytest.approx([1.5]) and p.std == pytest.approx([np.sqrt(3.0 - 9.0 / 4.0)])
    np.testing.assert_allclose(p.mean_grad, 0.0, atol=1e-15)
    none = one.drop(0)
    assert none.n == 0 and none.logdet() == 0.0 and log_likelihood(RBF(), np.zeros((0, 1)), []) == 0.0
    p = none.predict([[1.0]], [], return_std=True, return_grad=True)
    assert p.mean.tolist() == [0.0] and p.std == pytest.approx([np.sqrt(3.0)]) and p.std_grad.tolist() == [[0.0]]
    assert none.append([[1.0]], 0.5).logdet() == pytest.approx(np.log(3.5))
