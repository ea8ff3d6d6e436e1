"""Kronecker grids against the dense factor."""

import numpy as np
import pytest
from tests.gp.structures import difference

from kriss.gp import (
    RBF,
    Constant,
    Grid,
    GridFactor,
    Linear,
    Matern,
    PartialGridFactor,
    Periodic,
    Product,
    White,
    factor,
    grid,
)
from kriss.gp._grid import suits

AXES = {
    "1d": [np.array([0.0, 0.3, 1.0, 4.0])],
    "2d": [np.linspace(0, 1, 6), np.array([3.0, 1.0, 2.5, 7.0, 7.5])],
    "3d": [np.linspace(0, 1, 6), np.linspace(0, 2, 5), np.array([0.0, 1.0, 3.0, 3.5])],
    "flat": [np.linspace(0, 1, 6), np.array([2.0]), np.linspace(0, 2, 5)],
}


def kernels(d):
    """Kernels that are products over columns."""
    out = {
        "iso": RBF(0.7, 1.3),
        "ard": RBF(np.linspace(0.5, 1.2, d), 0.8),
        "one column": Matern(1.5, 0.6, 2.0, active_dims=[0]),
    }
    out["product"] = Product([Matern(1.5, 0.5 + 0.2 * q, 1.0 + 0.1 * q, active_dims=[q]) for q in range(d)])
    out["mixed"] = Constant(1.7) * RBF(0.9) * Matern(0.5, 2.0, active_dims=[d - 1])
    out["sum in a column"] = (RBF(0.4, active_dims=[0]) + Matern(2.5, 1.0, active_dims=[0])) * RBF(1.0)
    out["not stationary"] = Linear(offset=0.5, active_dims=[0]) * Periodic(active_dims=[d - 1])
    return out


CASES = [(a, k) for a in AXES for k in kernels(len(AXES[a]))]


@pytest.mark.parametrize(("axes", "name"), CASES)
@pytest.mark.parametrize("shuffled", [False, True])
def test_full_grid(axes, name, shuffled, rng):
    cells = Grid(AXES[axes])
    kernel = kernels(len(AXES[axes]))[name]
    X = cells.points()
    if shuffled:
        X = X[rng.permutation(len(X))]
    n = len(X)
    y, B, noise = rng.standard_normal(n), rng.standard_normal((n, 2)), 0.1
    f, exact = grid(kernel, X if shuffled else cells, noise), factor(kernel, X, noise)
    assert isinstance(f, GridFactor) and f.structure == "grid" and f.exact
    np.testing.assert_array_equal(f.X, X)
    np.testing.assert_allclose(f.solve(B), exact.solve(B), atol=1e-11)
    assert f.logdet() == pytest.approx(exact.logdet(), rel=1e-11)
    assert f.quad(y) == pytest.approx(exact.quad(y), rel=1e-11)
    assert f.log_likelihood(y) == pytest.approx(exact.log_likelihood(y), rel=1e-11)
    np.testing.assert_allclose(f.inv_diag(), exact.inv_diag(), rtol=1e-10)
    value, gradient = f.log_likelihood_grad(y)
    wanted, slope = exact.log_likelihood_grad(y)
    assert value == pytest.approx(wanted, rel=1e-11)
    np.testing.assert_allclose(gradient, slope, rtol=1e-8, atol=1e-9)
    Xs = rng.random((7, X.shape[1])) * 3
    p = f.predict(Xs, B, return_std=True, return_cov=True)
    q = exact.predict(Xs, B, return_std=True, return_cov=True)
    np.testing.assert_allclose(p.mean, q.mean, atol=1e-11)
    np.testing.assert_allclose(p.std, q.std, atol=1e-9)
    np.testing.assert_allclose(p.cov, q.cov, atol=1e-11)
    K = exact.lower @ exact.lower.T
    assert f.condition_estimate == pytest.approx(np.linalg.cond(K), rel=1e-6)
    np.testing.assert_allclose(f._multiply(B), K @ B, atol=1e-11)


def test_samples(rng):
    cells = Grid(AXES["2d"])
    f = grid(RBF(0.7), cells, 0.1)
    K = factor(RBF(0.7), cells.points(), 0.1)
    K = K.lower @ K.lower.T
    draws = f.sample(20000, rng=0)
    error = np.sqrt((K**2 + np.outer(K.diagonal(), K.diagonal())) / 20000)
    assert (np.abs(draws.T @ draws / 20000 - K) < 5.5 * error).all()
    assert f.sample(rng=0).shape == (30,) and f.sample(0).shape == (0, 30)


@pytest.mark.parametrize("how", ["missing", "noise", "both"])
@pytest.mark.parametrize("name", kernels(2))
def test_partial_grid(how, name, rng):
    shape = (9, 8)
    mask = rng.random(shape) < 0.3 if how != "noise" else None
    cells = Grid([np.linspace(0, 1, 9), np.linspace(0, 2, 8)], mask)
    X = cells.points()
    n = len(X)
    kernel = kernels(2)[name]
    noise = rng.uniform(0.05, 0.2, n) if how != "missing" else np.full(n, 0.1)
    y, B = rng.standard_normal(n), rng.standard_normal((n, 2))
    f, exact = grid(kernel, cells, noise, rank=20, probes=30), factor(kernel, X, noise)
    assert isinstance(f, PartialGridFactor) and not f.exact
    np.testing.assert_allclose(f.solve(B), exact.solve(B), atol=1e-5)
    assert f.quad(y) == pytest.approx(exact.quad(y), rel=1e-7)
    found = f.log_likelihood_estimate(y)
    # 30 probes: t with 29 degrees of freedom stays below 5 but for 3e-5.
    assert abs(found.value - exact.log_likelihood(y)) <= 5 * found.standard_error + 1e-6
    assert f.log_likelihood(y) == found.value
    value, gradient, errors = f.log_likelihood_grad(y, return_error=True)
    slope = exact.log_likelihood_grad(y)[1]
    assert value.value == found.value
    assert (np.abs(gradient - slope) <= 5 * errors + 1e-5).all()
    plain = f.log_likelihood_grad(y)[1]
    np.testing.assert_allclose(plain, gradient, rtol=1e-8, atol=1e-8)
    Xs = rng.random((5, 2))
    p = f.predict(Xs, B, return_std=True, return_cov=True)
    q = exact.predict(Xs, B, return_std=True, return_cov=True)
    np.testing.assert_allclose(p.mean, q.mean, atol=1e-6)
    np.testing.assert_allclose(p.std, q.std, atol=1e-6)
    np.testing.assert_allclose(p.cov, q.cov, atol=1e-6)


def test_contraction_of_the_axes(rng):
    """The weights of every axis against the full matrix of weights, by differences."""
    cells = Grid(AXES["3d"])
    kernel = RBF([0.5, 0.8, 1.1], 1.3)
    f = grid(kernel, cells, np.linspace(0.1, 0.2, 120))
    left, right = rng.standard_normal((2, 120, 3))

    def at(theta):
        return float((kernel.with_theta(theta)(cells.points()) * (left @ right.T)).sum())

    np.testing.assert_allclose(f._contract(left, right), difference(at, kernel.theta), rtol=1e-6)


def test_detection(rng):
    X = Grid(AXES["2d"]).points()[rng.permutation(30)]
    tau = np.full(30, 0.1)
    assert "6 by 5" in suits(RBF(), X, tau)
    assert suits(RBF(), X[1:], tau[1:]) is None
    assert suits(RBF(), X, np.linspace(1, 2, 30)) is None
    assert suits(Matern(1.5), X, tau) is None
    assert suits(RBF() + RBF(2.0), X, tau) is None
    assert suits(RBF() * White(1.0), X, tau) is None
    assert suits(RBF(), rng.random((30, 2)), tau) is None
    assert suits(RBF(), X[:, :1], tau) is None
    double = X.copy()
    double[3] = double[4]
    assert suits(RBF(), double, tau) is None


def test_bad_arguments(rng):
    X = Grid(AXES["2d"]).points()
    with pytest.raises(np.linalg.LinAlgError, match="noise"):
        grid(RBF(5.0), X, 0.0)
    with pytest.raises(ValueError, match="product over columns"):
        grid(Matern(1.5), X, 0.1)
    with pytest.raises(ValueError, match="grid"):
        grid(RBF(), rng.random((200, 2)), 0.1)
    with pytest.raises(ValueError, match="grid"):
        grid(RBF(), np.ones((2, 2)), 0.1)
    with pytest.raises(ValueError, match="twice"):
        Grid([[0.0, 1.0, 0.0]])
    with pytest.raises(ValueError, match="axes is empty"):
        Grid([])
    with pytest.raises(ValueError, match="mask"):
        Grid([[0.0, 1.0]], mask=[0, 1])
    with pytest.raises(ValueError, match="no cell"):
        Grid([[0.0, 1.0]], mask=[True, True])
    with pytest.raises(ValueError, match=r"axes\[0\]"):
        Grid([[0.0, np.nan]])
    with pytest.raises(ValueError, match="noise"):
        grid(RBF(), X, np.full(29, 0.1))
    f = grid(RBF(), X, 0.1)
    y = np.zeros(30)
    for place in (0, 15, 29):
        y[:] = 0
        y[place] = np.inf
        with pytest.raises(ValueError, match="y"):
            f.log_likelihood(y)
    with pytest.raises(ValueError, match="Xs has 3 columns"):
        f.predict(np.zeros((1, 3)), np.zeros(30))
    uneven = np.linspace(0.1, 0.2, 30)
    np.testing.assert_allclose(grid(RBF(), X, uneven).inv_diag(), factor(RBF(), X, uneven).inv_diag(), rtol=1e-9)


@pytest.mark.parametrize("power", [-500, 500])
def test_scaled_variances(power, rng):
    X, y = Grid(AXES["2d"]).points(), rng.standard_normal(30)
    s = 2.0**power
    f, g = grid(RBF(0.5), X, 0.125), grid(RBF(0.5, s), X, 0.125 * s)
    assert g.quad(y) * s == pytest.approx(f.quad(y), rel=1e-12)
    assert g.logdet() - 30 * power * np.log(2) == pytest.approx(f.logdet(), rel=1e-9)
