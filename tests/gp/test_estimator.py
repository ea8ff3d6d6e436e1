"""The regressor: scikit-learn's interface and answers, and what ours has besides."""

import pickle
import sys
import warnings

import numpy as np
import pytest

pytest.importorskip("sklearn")

import sklearn.gaussian_process as theirs
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import kernels as k
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

import kriss
from kriss import gp
from kriss.gp import GaussianProcessRegressor, _optimise, _plan

FLAT = {
    "default": None,
    "rbf": k.RBF(0.7),
    "ard": 2.0 * k.RBF([1.0, 2.0, 0.5]) + k.WhiteKernel(0.1),
    "matern12": k.ConstantKernel(1.5) * k.Matern(0.8, nu=0.5) + k.ConstantKernel(0.5),
    "matern32": k.Matern([1.0, 2.0, 3.0], nu=1.5) * 3.0,
    "matern_inf": k.Matern(1.3, nu=np.inf),
    "distributed": 1.5 * (k.RBF() + 0.5 * k.Matern([1.0, 1.0, 1.0], nu=2.5)) * k.ConstantKernel(2.0, "fixed"),
    "white_products": k.RBF() + k.WhiteKernel(0.5) * k.ConstantKernel(0.2) + k.WhiteKernel(0.1) * k.RBF(0.3),
    "two_whites": k.RBF(2.0, "fixed") + k.WhiteKernel(0.1) + k.WhiteKernel(0.2, "fixed"),
    "white_only": k.WhiteKernel(0.3),
    "constant_only": k.ConstantKernel(0.7) + k.WhiteKernel(0.1),
    "single_length": k.RBF([0.9]),
}
OTHERS = {
    "rational": k.RationalQuadratic(0.8, 1.3) + k.WhiteKernel(0.1),
    "dot": k.DotProduct(0.7) + k.WhiteKernel(0.1),
    "dot_square": 0.3 * k.DotProduct(0.7) ** 2 + k.WhiteKernel(0.1),
    "rbf_product": k.RBF(0.7) * k.RBF([1.0, 2.0, 3.0]) + k.WhiteKernel(0.1),
    "matern_1.7": k.Matern(0.9, nu=1.7) + k.WhiteKernel(0.1),
    "locally_linear": k.DotProduct(0.5) * k.RBF(0.8)
    + k.ConstantKernel(0.3) * k.RationalQuadratic()
    + k.WhiteKernel(0.1),
    "periodic": k.ExpSineSquared(1.2, 0.8) + k.WhiteKernel(0.1),
    "periodic_fixed": k.ExpSineSquared(1.2, 0.8, periodicity_bounds="fixed") * k.RBF(2.0) + k.WhiteKernel(0.1),
}


@pytest.fixture
def data(rng):
    X = rng.random((40, 3))
    return X, np.sin(3.0 * X.sum(axis=1)) + 0.1 * rng.standard_normal(40), rng.random((6, 3))


def pair(kernel, X, y, **options):
    return (make(kernel, **options).fit(X, y) for make in (GaussianProcessRegressor, theirs.GaussianProcessRegressor))


@pytest.mark.parametrize("name", [*FLAT, *OTHERS])
@pytest.mark.parametrize("targets", [None, 2])
def test_likelihood_and_predictions_are_scikit_learns(name, targets, data):
    X, y, Xs = data
    if name.startswith("periodic"):  # of a distance in several dimensions it is no covariance function
        X, Xs = X[:, :1], Xs[:, :1]
    y = y if targets is None else np.column_stack([y, 2.0 * y - 1.0])
    kernel = {**FLAT, **OTHERS}[name]
    ours, other = pair(kernel, X, y, alpha=1e-2, optimizer=None, normalize_y=True)
    assert type(ours.kernel_) is type(other.kernel_)
    np.testing.assert_array_equal(ours.kernel_.theta, other.kernel_.theta)
    bound = 1e-9  # condition numbers up to 4e3 times rounding errors, with room
    assert ours.log_marginal_likelihood() == pytest.approx(other.log_marginal_likelihood(), rel=bound)
    theta = other.kernel_.theta + 0.1
    mine, value = ours.log_marginal_likelihood(theta, True), other.log_marginal_likelihood(theta, True)
    assert mine[0] == pytest.approx(value[0], rel=bound)
    slack = 1e-4 if name == "matern_1.7" else bound  # scikit-learn's is a forward difference there
    np.testing.assert_allclose(mine[1], value[1], rtol=slack, atol=slack * max(1.0, np.abs(value[1]).max(initial=0.0)))
    assert ours.log_marginal_likelihood(theta) == mine[0]
    for options in ({}, {"return_std": True}, {"return_cov": True}):
        a, b = ours.predict(Xs, **options), other.predict(Xs, **options)
        for left, right in zip(a, b, strict=True) if options else [(a, b)]:
            assert left.shape == right.shape
            np.testing.assert_allclose(left, right, rtol=bound, atol=1e-10)
    np.testing.assert_allclose(ours.L_, other.L_, rtol=0, atol=1e-11)
    np.testing.assert_allclose(ours.alpha_, other.alpha_, rtol=1e-7, atol=1e-9)
    np.testing.assert_array_equal(ours.y_train_, other.y_train_)


@pytest.mark.parametrize("name", FLAT)
def test_simple_kernels_run_the_fastest_way(name, data):
    kernel = FLAT[name] or k.ConstantKernel() * k.RBF()
    assert isinstance(_plan.plan(kernel, data[0], 1), _plan.FlatPlan)


@pytest.mark.parametrize("name", OTHERS)
def test_all_of_scikit_learns_kernels_run_compiled(name, data):
    X = data[0][:, :1] if name.startswith("periodic") else data[0]
    assert isinstance(_plan.plan(OTHERS[name], X, 1), _plan.KrissPlan)


def test_unknown_kernels_run_their_own_python(data):
    class Doubled(k.RBF):
        def __call__(self, X, Y=None, eval_gradient=False):
            out = super().__call__(X, Y, eval_gradient)
            return (2.0 * out[0], 2.0 * out[1]) if eval_gradient else 2.0 * out

        def diag(self, X):
            return 2.0 * super().diag(X)

    X, y, Xs = data
    kernel = Doubled(0.6) + k.WhiteKernel(0.05)
    assert isinstance(_plan.plan(kernel, X, 1), _plan.PythonPlan)
    ours, other = pair(kernel, X, y)
    np.testing.assert_allclose(ours.kernel_.theta, other.kernel_.theta, rtol=1e-3)
    np.testing.assert_allclose(ours.predict(Xs, return_std=True)[1], other.predict(Xs, return_std=True)[1], rtol=1e-3)
    with pytest.raises(NotImplementedError, match="return_grad needs a kernel that runs compiled"):
        ours.predict(Xs, return_grad=True)
    ours.partial_fit(Xs, np.zeros(6))
    fresh = GaussianProcessRegressor(ours.kernel_, optimizer=None).fit(np.vstack([X, Xs]), np.append(y, np.zeros(6)))
    np.testing.assert_allclose(ours.alpha_, fresh.alpha_, rtol=1e-8, atol=1e-9)


def test_the_same_optimum_with_restarts(data):
    X, y, Xs = data
    kernel = 1.0 * k.RBF([1.0, 1.0, 1.0]) + k.WhiteKernel(0.1)
    ours, other = pair(kernel, X, y, n_restarts_optimizer=3, random_state=0)
    assert ours.log_marginal_likelihood() == pytest.approx(other.log_marginal_likelihood(), rel=1e-5)
    np.testing.assert_allclose(ours.kernel_.theta, other.kernel_.theta, atol=1e-2)
    np.testing.assert_allclose(ours.predict(Xs), other.predict(Xs), atol=1e-3)
    np.testing.assert_allclose(ours.sample_y(Xs, 3), other.sample_y(Xs, 3), atol=1e-2)


def test_results_do_not_depend_on_workers(data):
    X, y, _ = data
    kernel = 1.0 * k.RBF([1.0, 1.0, 1.0]) + k.WhiteKernel(0.1)
    fits = [
        GaussianProcessRegressor(kernel, n_restarts_optimizer=4, random_state=1).fit(X, y, workers=w) for w in (1, 2, 4)
    ]
    for other in fits[1:]:
        np.testing.assert_array_equal(other.kernel_.theta, fits[0].kernel_.theta)
        np.testing.assert_array_equal(other.L_, fits[0].L_)
        np.testing.assert_array_equal(other.alpha_, fits[0].alpha_)


def test_runs_side_by_side_use_the_callers_backend(data, monkeypatch):
    X, y, _ = data
    seen = set()
    likelihood = _optimise.likelihood

    def recorded(*args):
        seen.add(kriss._backend.backend())
        return likelihood(*args)

    monkeypatch.setattr(_optimise, "likelihood", recorded)
    with kriss.use_backend("numba"):
        GaussianProcessRegressor(k.RBF() + k.WhiteKernel(), n_restarts_optimizer=2, random_state=0).fit(X, y, workers=2)
    assert seen == {"numba"}


def test_progress_bar(data, capsys):
    X, y, _ = data
    pytest.importorskip("tqdm")
    model = GaussianProcessRegressor(k.RBF() + k.WhiteKernel(), n_restarts_optimizer=2, random_state=0)
    model.fit(X, y)
    assert capsys.readouterr() == ("", "")
    model.fit(X, y, progress=True)
    assert "3/3" in capsys.readouterr().err


@pytest.mark.parametrize("targets", [None, 3])
@pytest.mark.parametrize("normalize", [False, True])
def test_partial_fit_is_fit_at_the_same_parameters(targets, normalize, data, rng):
    X, y, Xs = data
    y = y if targets is None else y[:, None] * np.arange(1.0, 4.0)
    kernel = 2.0 * k.Matern([0.5, 0.6, 0.7], nu=2.5) + k.WhiteKernel(1e-2)
    model = GaussianProcessRegressor(kernel, normalize_y=normalize, optimizer=None)
    assert model.partial_fit(X[:30], y[:30]) is model
    mean, std = model._y_train_mean, model._y_train_std
    for start in (30, 31, 33):
        model.partial_fit(X[start : {30: 31, 31: 33, 33: 40}[start]], y[start : {30: 31, 31: 33, 33: 40}[start]])
    fresh = GaussianProcessRegressor(kernel, optimizer=None).fit(X, (y - mean) / std)
    np.testing.assert_array_equal(model.X_train_, X)
    np.testing.assert_allclose(model.y_train_, fresh.y_train_, rtol=1e-15)
    np.testing.assert_allclose(model.L_, fresh.L_, rtol=0, atol=1e-12)
    np.testing.assert_allclose(model.alpha_, fresh.alpha_, rtol=1e-8, atol=1e-8)
    assert model.log_marginal_likelihood() == pytest.approx(fresh.log_marginal_likelihood(), rel=1e-10)
    a, b = model.predict(Xs, return_std=True), fresh.predict(Xs, return_std=True)
    np.testing.assert_allclose(a[0], b[0] * std + mean, rtol=1e-9)
    np.testing.assert_allclose(a[1], b[1] if targets is None and not normalize else b[1] * std, rtol=1e-9)
    again = pickle.loads(pickle.dumps(model)).partial_fit(Xs, np.zeros((6, *y.shape[1:])))
    assert again.L_.shape == (46, 46) and model.L_.shape == (40, 40)


def test_partial_fit_refuses_what_it_cannot_do(data):
    X, y, Xs = data
    model = GaussianProcessRegressor(k.Matern(0.5, nu=0.5), alpha=0.0, optimizer=None).fit(X, y)
    before = model.alpha_.copy()
    with pytest.raises(ValueError, match="features"):
        model.partial_fit(X[:, :2], y)
    with pytest.raises(ValueError, match="y has shape"):
        model.partial_fit(Xs, np.zeros((6, 2)))
    with pytest.raises(ValueError, match="NaN"):
        model.partial_fit([[np.nan, 0.0, 0.0]], [0.0])
    with pytest.raises(np.linalg.LinAlgError, match=r"Pivot 40 of 41 .*: rows 3 and 40 of X are the same point"):
        model.partial_fit(X[3:4], y[3:4])
    np.testing.assert_array_equal(model.alpha_, before)
    assert model.L_.shape == (40, 40)
    with pytest.raises(ValueError, match="alpha is an array"):
        GaussianProcessRegressor(k.RBF(), alpha=np.full(40, 0.1)).fit(X, y).partial_fit(Xs, np.zeros(6))


@pytest.mark.parametrize("targets", [None, 2])
@pytest.mark.parametrize(
    "kernel", [2.0 * k.RBF([0.5, 0.6, 0.7]) + k.WhiteKernel(0.1), gp.Matern(2.5, 0.7) + gp.RBF(0.3)]
)
def test_gradients_of_predictions(kernel, targets, data):
    X, y, Xs = data
    y = y if targets is None else np.column_stack([y, -3.0 * y])
    model = GaussianProcessRegressor(kernel, alpha=1e-2, normalize_y=True, optimizer=None).fit(X, y)
    mean, std, mean_grad, std_grad = model.predict(Xs, return_std=True, return_grad=True)
    assert mean_grad.shape == std_grad.shape == ((6, 3) if targets is None else (6, 3, 2))
    np.testing.assert_array_equal(model.predict(Xs, return_grad=True)[1], mean_grad)
    np.testing.assert_allclose(model.predict(Xs, return_std=True)[1], std)
    h = 1e-5
    for q in range(3):
        up, down = (model.predict(Xs + s * h * np.eye(3)[q], return_std=True) for s in (1.0, -1.0))
        # Central differences: h^2 of the third derivative, and rounding errors over h.
        np.testing.assert_allclose(mean_grad[:, q], (up[0] - down[0]) / (2 * h), rtol=1e-6, atol=1e-6)
        np.testing.assert_allclose(std_grad[:, q], (up[1] - down[1]) / (2 * h), rtol=1e-5, atol=1e-6)
    with pytest.raises(ValueError, match="return_grad needs a fitted model"):
        GaussianProcessRegressor(kernel).predict(Xs, return_grad=True)


def test_kernels_of_this_package(data):
    X, y, Xs = data
    model = GaussianProcessRegressor(gp.RBF([1.0, 1.0, 1.0]), alpha=1e-2).fit(X, y)
    other = theirs.GaussianProcessRegressor(1.0 * k.RBF([1.0, 1.0, 1.0]), alpha=1e-2).fit(X, y)
    assert isinstance(model.kernel_, gp.RBF)
    np.testing.assert_allclose(model.kernel_.theta, other.kernel_.theta, atol=1e-2)
    np.testing.assert_allclose(model.predict(Xs), other.predict(Xs), atol=1e-3)
    assert clone(model).kernel == model.kernel
    fixed = gp.RBF(2.0, lengthscale_bounds="fixed", variance_bounds="fixed")
    assert GaussianProcessRegressor(fixed, alpha=1e-2).fit(X, y).kernel_ == fixed


def test_scikit_learns_checks():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        results = check_estimator(GaussianProcessRegressor(), on_skip=None, on_fail="raise")
    assert sum(r["status"] == "passed" for r in results) >= 48


def test_works_in_a_pipeline_and_survives_copies(data):
    X, y, Xs = data
    model = make_pipeline(StandardScaler(), GaussianProcessRegressor(k.RBF() + k.WhiteKernel(), random_state=0))
    assert model.fit(X, y).score(X, y) > 0.5
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict(Xs), model.predict(Xs))
    assert GaussianProcessRegressor.__module__ == "kriss.gp" and gp.GaussianProcessRegressor is GaussianProcessRegressor


def test_bad_parameters_and_data(data):
    X, y, _ = data
    with pytest.raises(np.linalg.LinAlgError, match="rows 0 and 2 of X are the same point"):
        GaussianProcessRegressor(k.RBF(), alpha=0.0).fit([[0.0], [1.0], [0.0]], [0.0, 1.0, 2.0])
    with pytest.raises(np.linalg.LinAlgError, match="is determined by the rows before it"):
        GaussianProcessRegressor(k.RBF(1e3), alpha=0.0, optimizer=None).fit(X, y)
    for lengths in (0.0, -1.0):
        with np.errstate(all="ignore"), pytest.raises(ValueError, match="must be positive and finite"):
            GaussianProcessRegressor(k.RBF(lengths), optimizer=None).fit(X, y)
    with pytest.raises(ValueError, match="X has 3 columns, but a lengthscale of the kernel has 2 entries"):
        GaussianProcessRegressor(k.RBF([1.0, 2.0])).fit(X, y)
    with pytest.raises(ValueError, match="alpha must be finite and not negative"):
        GaussianProcessRegressor(k.RBF(), alpha=np.full(40, -1.0)).fit(X, y)
    with pytest.raises(ValueError, match="workers must be at least 1"):
        GaussianProcessRegressor().fit(X, y, workers=0)


def test_one_point_and_more_columns_than_rows(rng):
    model = GaussianProcessRegressor(k.RBF(), alpha=0.0, optimizer=None).fit([[0.0]], [3.0])
    assert model.predict([[0.0]]) == pytest.approx([3.0]) and model.predict([[50.0]]) == pytest.approx([0.0])
    X, y = rng.random((5, 30)), rng.standard_normal(5)
    X[:, 3] = 7.0  # a constant column has no lengthscale to learn
    model = GaussianProcessRegressor(k.RBF(np.full(30, 3.0)), alpha=0.1).fit(X, y)
    assert np.isfinite(model.kernel_.theta).all() and np.isfinite(model.log_marginal_likelihood())
    assert model.kernel_.theta[3] == np.log(3.0)


def test_importing_the_package_does_not_import_scikit_learn():
    import subprocess

    code = "import sys, kriss.gp; assert 'sklearn' not in sys.modules; kriss.gp.factor"
    subprocess.run([sys.executable, "-c", code], check=True)
