"""CoresetQuantileRegressor, CoresetHuberRegressor and CoresetLogisticRegression: scikit-learn's rules and answers."""

import pickle
import subprocess
import sys

import numpy as np
import pytest
import scipy.sparse as sps

pytest.importorskip("sklearn")

from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import HuberRegressor, LogisticRegression, QuantileRegressor
from sklearn.utils.estimator_checks import check_estimator

import kriss.sketch
from kriss.sketch import (
    CoresetHuberRegressor,
    CoresetLogisticRegression,
    CoresetQuantileRegressor,
)


@pytest.mark.parametrize(
    "model", [CoresetQuantileRegressor(), CoresetHuberRegressor(), CoresetLogisticRegression()], ids=repr
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_scikit_learns_own_checks(model):
    results = check_estimator(model, on_skip=None, on_fail="raise")
    assert sum(result["status"] == "passed" for result in results) >= 50


def data(rng, m=1500):
    X = rng.standard_normal((m, 4)) + 1.0
    X[rng.random(X.shape) < 0.3] = 0.0
    return X, X @ [1.0, -2.0, 0.5, 0.0] + 3.0 + rng.standard_t(3, m)


@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("alpha", [0.0, 0.05])
def test_quantiles_are_scikit_learns(rng, intercept, alpha):
    X, y = data(rng, 800)
    ours = CoresetQuantileRegressor(quantile=0.7, alpha=alpha, fit_intercept=intercept, random_state=0)
    theirs = QuantileRegressor(quantile=0.7, alpha=alpha, fit_intercept=intercept)
    ours.fit(sps.csr_array(X), y)
    theirs.fit(X, y)
    assert np.allclose(ours.coef_, theirs.coef_, atol=1e-6)
    assert ours.intercept_ == pytest.approx(theirs.intercept_, abs=1e-6)


@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("alpha", [0.0, 50.0])
def test_huber_is_scikit_learns(rng, intercept, alpha):
    X, y = data(rng)
    w = rng.uniform(0, 2, len(y))
    ours = CoresetHuberRegressor(epsilon=1.5, alpha=alpha, fit_intercept=intercept, random_state=0)
    theirs = HuberRegressor(epsilon=1.5, alpha=alpha, fit_intercept=intercept, tol=1e-9, max_iter=1000)
    ours.fit(X, y, sample_weight=w)
    theirs.fit(X, y, sample_weight=w)
    assert np.allclose(ours.coef_, theirs.coef_, atol=1e-4)
    assert ours.scale_ == pytest.approx(theirs.scale_, rel=1e-4)
    assert np.mean(ours.outliers_ != theirs.outliers_) < 0.01


@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("C", [0.01, 1.0, np.inf])
def test_logistic_is_scikit_learns(rng, intercept, C):
    X, y = data(rng)
    labels = np.where(y > 3, "b", "a")
    ours = CoresetLogisticRegression(C=C, fit_intercept=intercept, random_state=0).fit(X, labels)
    theirs = LogisticRegression(C=C, fit_intercept=intercept, tol=1e-10, max_iter=1000).fit(X, labels)
    assert np.allclose(ours.coef_, theirs.coef_, atol=1e-5)
    assert np.allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-5)
    assert np.array_equal(ours.predict(X), theirs.predict(X)) and ours.classes_.tolist() == ["a", "b"]


def test_what_was_missed_warns(rng):
    X, y = data(rng)
    with pytest.warns(ConvergenceWarning, match="separable"):
        model = CoresetLogisticRegression(C=np.inf).fit(X, X[:, 0] > 0.5)
    assert model.status_ == "separable"
    with pytest.warns(ConvergenceWarning, match="max_iterations"):
        CoresetHuberRegressor(max_iter=1, tol=1e-15, coreset_size=50).fit(X, y)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (CoresetQuantileRegressor(quantile=1.0), "quantile must be below 1"),
        (CoresetQuantileRegressor(alpha=-1.0), "alpha must be at least 0"),
        (CoresetHuberRegressor(epsilon=1.0), "epsilon must be above 1"),
        (CoresetLogisticRegression(C=0.0), "C must be above 0"),
    ],
    ids=repr,
)
def test_bad_parameters_are_named(rng, model, message):
    X, y = data(rng, 50)
    with pytest.raises(ValueError, match=message):
        model.fit(X, y > 3)


def test_names_and_pickles(rng):
    X, y = data(rng, 100)
    assert {"CoresetQuantileRegressor", "CoresetHuberRegressor"} <= set(dir(kriss.sketch))
    model = CoresetQuantileRegressor(random_state=0).fit(X, y)
    assert np.array_equal(pickle.loads(pickle.dumps(model)).predict(X), model.predict(X))
    code = (
        "import sys; sys.modules['sklearn'] = None\nimport kriss.sketch\n"
        "try: kriss.sketch.CoresetHuberRegressor\n"
        "except ImportError as error: assert 'scikit-learn' in str(error)\n"
        "else: raise AssertionError"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
