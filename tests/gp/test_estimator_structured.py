"""The regressor with other structures than the dense one: the same answers where they are exact."""

import numpy as np
import pytest

from kriss.gp import GaussianProcessRegressor
from kriss.gp import Matern as Own

sklearn = pytest.importorskip("sklearn")
from sklearn.base import clone  # noqa: E402
from sklearn.gaussian_process.kernels import (  # noqa: E402
    RBF,
    ConstantKernel,
    Matern,
    RationalQuadratic,
    WhiteKernel,
)


def line(rng, n=60):
    X = np.sort(rng.random(n))[:, None] * 5.0
    return X, np.sin(X[:, 0]) + 0.1 * rng.standard_normal(n)


KERNELS = {
    "white": ConstantKernel(1.0) * Matern(1.0, nu=1.5) + WhiteKernel(0.01),
    "sum": ConstantKernel(1.0) * Matern(1.0, nu=0.5) + Matern(2.0, nu=2.5) + WhiteKernel(0.01),
    "own": Own(1.5, 1.0),
}


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize("structure", ["series", "vecchia"])
@pytest.mark.parametrize("targets", [None, 2])
def test_the_likelihood_of_a_dense_model(name, structure, targets, rng):
    X, y = line(rng)
    if targets:
        y = np.column_stack([y, np.cos(X[:, 0])])
    options = {"alpha": 1e-2, "optimizer": None, "normalize_y": True}
    dense = GaussianProcessRegressor(KERNELS[name], **options).fit(X, y)
    other = GaussianProcessRegressor(KERNELS[name], structure=structure, **options).fit(X, y)
    assert other.factor_.structure == structure and not hasattr(other, "L_")
    theta = dense.kernel_.theta + 0.1
    if structure == "vecchia":  # an approximation: its own derivative is right
        value, gradient = other.log_marginal_likelihood(theta, eval_gradient=True)
        for k in range(theta.size):
            step = 1e-5 * (np.arange(theta.size) == k)
            ends = [other.log_marginal_likelihood(theta + s * step) for s in (1, -1)]
            assert gradient[k] == pytest.approx((ends[0] - ends[1]) / 2e-5, rel=1e-4, abs=1e-4)
        assert value == pytest.approx(dense.log_marginal_likelihood(theta), rel=0.05)
        return
    assert other.log_marginal_likelihood_value_ == pytest.approx(dense.log_marginal_likelihood_value_, rel=1e-9)
    np.testing.assert_allclose(other.alpha_, dense.alpha_, atol=1e-6)
    for a, b in zip(
        other.log_marginal_likelihood(theta, eval_gradient=True),
        dense.log_marginal_likelihood(theta, eval_gradient=True),
        strict=True,
    ):
        np.testing.assert_allclose(a, b, rtol=1e-7, atol=1e-7)
    Xs = np.linspace(-0.5, 5.5, 7)[:, None]
    for flags in ({}, {"return_std": True}, {"return_cov": True}):
        a, b = other.predict(Xs, **flags), dense.predict(Xs, **flags)
        for p, q in zip(a if flags else (a,), b if flags else (b,), strict=True):
            np.testing.assert_allclose(p, q, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("progress", [False, True])
def test_a_fit_ends_where_the_dense_one_does(progress, rng, capfd):
    X, y = line(rng)
    models = [
        GaussianProcessRegressor(KERNELS["white"], n_restarts_optimizer=1, random_state=0, structure=s)
        for s in ("dense", "series")
    ]
    for model in models:
        model.fit(X, y, progress=progress)
    assert models[1].log_marginal_likelihood_value_ == pytest.approx(models[0].log_marginal_likelihood_value_, rel=1e-6)
    np.testing.assert_allclose(models[1].kernel_.theta, models[0].kernel_.theta, atol=1e-2)
    assert ("fit" in capfd.readouterr().err) == progress
    again = clone(models[1])
    assert again.structure == "series"
    assert models[1].set_params(structure="dense").fit(X, y).L_.shape == (60, 60)
    assert not hasattr(models[1], "factor_")


def test_general_kernels_and_auto(rng):
    X, y = rng.random((80, 2)), rng.standard_normal(80)
    kernel = RationalQuadratic() + WhiteKernel(0.3)
    dense = GaussianProcessRegressor(kernel, optimizer=None).fit(X, y)
    auto = GaussianProcessRegressor(kernel, optimizer=None, structure="auto").fit(X, y)
    assert auto.factor_.structure == "dense" and "too few" in auto.factor_.reason
    np.testing.assert_allclose(auto.predict(X[:5]), dense.predict(X[:5]), atol=1e-9)
    alpha = rng.uniform(0.1, 0.2, 80)
    uneven = RBF() + WhiteKernel(0.3)
    a = GaussianProcessRegressor(uneven, alpha=alpha, optimizer=None, structure="auto").fit(X, y)
    b = GaussianProcessRegressor(uneven, alpha=alpha, optimizer=None).fit(X, y)
    theta = np.array([0.1, -0.5])
    for p, q in zip(a.log_marginal_likelihood(theta, True), b.log_marginal_likelihood(theta, True), strict=True):
        np.testing.assert_allclose(p, q, rtol=1e-8)


def test_what_is_refused(rng):
    X, y = line(rng)
    with pytest.raises(ValueError, match="structure"):
        GaussianProcessRegressor(structure="sparse").fit(X, y)

    class Mine(RBF):
        """Unknown."""

    with pytest.raises(ValueError, match="runs compiled"):
        GaussianProcessRegressor(Mine(), structure="auto").fit(X, y)
    model = GaussianProcessRegressor(Matern(nu=1.5), alpha=0.1, optimizer=None, structure="series").fit(X, y)
    with pytest.raises(NotImplementedError, match="partial_fit needs structure='dense'"):
        model.partial_fit(X, y)
    with pytest.raises(NotImplementedError, match="return_grad needs structure='dense'"):
        model.predict(X, return_grad=True)
    with pytest.raises(ValueError, match="2 columns of X"):
        GaussianProcessRegressor(Matern(nu=1.5), structure="series").fit(np.column_stack([X, X]), y)
    with pytest.raises(np.linalg.LinAlgError):
        GaussianProcessRegressor(RBF(), alpha=0.0, structure="vecchia").fit(np.zeros((4, 1)), np.zeros(4))
