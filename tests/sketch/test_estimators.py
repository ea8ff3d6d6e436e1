"""SketchedLinearRegression and SketchedRidge: scikit-learn's rules and answers, by passes and by decomposition."""

import pickle
import subprocess
import sys
import warnings

import numpy as np
import pytest
import scipy.sparse as sps

sklearn = pytest.importorskip("sklearn")

from sklearn.base import clone  # noqa: E402
from sklearn.exceptions import ConvergenceWarning  # noqa: E402
from sklearn.linear_model import LinearRegression, Ridge  # noqa: E402
from sklearn.utils.estimator_checks import check_estimator  # noqa: E402

import kriss.sketch  # noqa: E402
from kriss.sketch import SketchedLinearRegression, SketchedRidge  # noqa: E402
from kriss.sketch import _linear as module  # noqa: E402


@pytest.fixture(params=["passes", "decomposition"])
def path(request, monkeypatch):
    """Both ways to a solution, whatever the size."""
    monkeypatch.setattr(module, "is_tall", lambda m, n: request.param == "passes")
    return request.param


def data(rng, m=600, n=5, k=None):
    X = rng.standard_normal((m, n)) * np.logspace(0, 2, n) + 3.0
    shape = (m,) if k is None else (m, k)
    return X, X @ rng.standard_normal((n, *shape[1:])) + 7.0 + rng.standard_normal(shape)


@pytest.mark.parametrize(
    "model",
    [SketchedLinearRegression(), SketchedLinearRegression(fit_intercept=False), SketchedRidge(), SketchedRidge(0.0)],
    ids=repr,
)
def test_scikit_learns_own_checks(path, model):
    results = check_estimator(model, on_skip=None, on_fail="raise")
    passed = sum(result["status"] == "passed" for result in results)
    assert passed >= 50
    assert {result["status"] for result in results} <= {"passed", "skipped"}


@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("k", [None, 1, 3])
@pytest.mark.parametrize("weights", [False, True])
@pytest.mark.parametrize("kind", ["dense", "csr", "csc", "float32"])
@pytest.mark.parametrize("alpha", [0.0, 2.5])
def test_answers_are_scikit_learns(rng, path, intercept, k, weights, kind, alpha):
    X, y = data(rng, k=k)
    if kind == "float32":
        X = X.astype(np.float32).astype(float)
    if kind.startswith("cs"):
        X[rng.random(X.shape) < 0.6] = 0.0
    w = rng.uniform(0, 3, len(X)) if weights else None
    if weights:
        w[::7] = 0.0
    given = {"dense": X, "float32": X.astype(np.float32)}.get(kind)
    if given is None:
        given = sps.csr_array(X).asformat(kind)
    if alpha:
        ours = SketchedRidge(alpha, fit_intercept=intercept, random_state=0)
        theirs = Ridge(alpha, fit_intercept=intercept, tol=1e-14, solver="cholesky")
    else:
        ours = SketchedLinearRegression(fit_intercept=intercept, random_state=0)
        theirs = LinearRegression(fit_intercept=intercept, tol=1e-14)
    ours.fit(given, y, sample_weight=w)
    theirs.fit(X, y, sample_weight=w)
    # Ridge drops the axis of a single target, LinearRegression keeps it, as we do.
    assert ours.coef_.shape == ((5,) if k is None else (k, 5))
    assert np.shape(ours.intercept_) == (() if k is None or not intercept else (k,))
    theirs.coef_ = np.reshape(theirs.coef_, ours.coef_.shape)
    # Columns of norms up to 1e2: condition 1e3 in the ridge's normal equations, squared.
    assert np.allclose(ours.coef_, theirs.coef_, rtol=1e-9, atol=1e-9)
    assert np.allclose(ours.intercept_, theirs.intercept_, rtol=1e-9, atol=1e-8)
    assert np.allclose(ours.predict(given), theirs.predict(X), rtol=1e-8, atol=1e-8)
    assert np.isclose(ours.score(given, y), theirs.score(X, y), rtol=1e-9)
    assert ours.n_features_in_ == ours.rank_ == 5
    assert ours.backward_error_ <= 2.3e-16 if path == "passes" else ours.backward_error_ <= 1e-14
    root = np.sqrt(np.ones(len(X)) if w is None else w)[:, None]
    mean = np.average(X, axis=0, weights=w) if intercept else 0.0
    A = (X - mean) * root
    below = np.vstack([A, np.sqrt(alpha) * np.eye(5)])
    assert np.allclose(ours.singular_, np.linalg.svd(below, compute_uv=False), rtol=1e-9)
    M = np.linalg.inv(below.T @ below)
    residual = (y - ours.predict(given)).reshape(len(X), -1) * root
    used = len(X) if w is None else np.count_nonzero(w)
    free = used - intercept - np.trace(A.T @ A @ M)
    se = np.sqrt(np.diag(M @ A.T @ A @ M)[:, None] * np.sum(residual**2, axis=0) / free).T
    assert np.allclose(ours.coef_se_, se.reshape(np.shape(ours.coef_se_)), rtol=1e-8)


@pytest.mark.parametrize("shape", [(300, 6), (4, 6), (6, 6)])
def test_deficient_data_give_the_shortest_coefficients(rng, path, shape):
    X = rng.standard_normal(shape)
    X[:, 3] = X[:, 1] + 2.0  # dependent once centred
    y = rng.standard_normal(shape[0])
    ours = SketchedLinearRegression(random_state=0).fit(X, y)
    theirs = LinearRegression().fit(X, y)
    assert ours.rank_ == theirs.rank_ == min(5, shape[0] - 1)
    assert np.allclose(ours.coef_, theirs.coef_, rtol=1e-9, atol=1e-11)
    assert np.allclose(ours.intercept_, theirs.intercept_, rtol=1e-9, atol=1e-11)


def test_means_far_from_zero(rng, path):
    X, y = data(rng, 2000)
    far = X + 1e6
    ours = SketchedLinearRegression(random_state=0).fit(far, y)
    want = LinearRegression().fit(far - 1e6, y)
    # The intercept's column and X are parallel to 1e-6.
    assert np.allclose(ours.coef_, want.coef_, rtol=1e-7, atol=1e-7)


def test_tall_data_are_not_copied(rng, monkeypatch):
    """The passes are chosen for tall X, and see it a group at a time."""
    sizes = []
    original = module.weighted
    monkeypatch.setattr(module, "weighted", lambda X, *args: sizes.append(X.shape[0]) or original(X, *args))
    X, y = data(rng, 140_000, 2)
    model = SketchedLinearRegression(random_state=0).fit(X, y)
    assert max(sizes) == 65536 and len(sizes) % 3 == 0
    sizes.clear()
    SketchedLinearRegression(random_state=0).fit(X[:1000], y[:1000])
    assert not sizes
    assert np.allclose(model.coef_, LinearRegression().fit(X, y).coef_, rtol=1e-10)


@pytest.mark.parametrize("model", [SketchedLinearRegression(random_state=3), SketchedRidge(5.0, random_state=3)])
@pytest.mark.parametrize("k", [None, 2])
def test_partial_fit_does_not_depend_on_batches(rng, model, k):
    X, y = data(rng, 900, k=k)
    w = rng.uniform(0.5, 2, 900)
    whole = clone(model).partial_fit(X, y, sample_weight=w)
    parts = clone(model)
    for first in range(0, 900, 130):
        part = slice(first, first + 130)
        given = sps.csr_array(X[part]) if first % 260 else X[part]
        parts.partial_fit(given, y[part], sample_weight=w[part])
        parts = pickle.loads(pickle.dumps(parts))
    for name in ("coef_", "intercept_", "coef_se_", "singular_"):
        assert np.array_equal(getattr(parts, name), getattr(whole, name)), name
    assert np.isnan(parts.backward_error_)
    # fit takes no notice of what went before, and partial_fit none of fit.
    fitted = clone(model).fit(X, y)
    assert np.array_equal(parts.fit(X, y).coef_, fitted.coef_)
    assert np.array_equal(parts.partial_fit(X, y, sample_weight=w).coef_, whole.coef_)


def test_error_bars_of_partial_fit(rng):
    """z-scores against the true coefficients, over draws of noise and sketch."""
    z = []
    truth = np.array([1.0, -2.0, 0.5, 4.0])
    X = rng.standard_normal((400, 4)) * [1, 10, 100, 1e3] + [0, 1, 2, 3]
    for seed in range(400):
        y = X @ truth + 1.5 + rng.standard_normal(400)
        model = SketchedLinearRegression(random_state=seed).partial_fit(X, y)
        z.append((model.coef_ - truth) / model.coef_se_)
    # 1600 z-scores: their root mean square has a standard deviation of about 0.02.
    assert abs(np.sqrt(np.mean(np.square(z))) - 1) < 0.08


def test_partial_fit_is_close(rng):
    X, y = data(rng, 20_000)
    once = SketchedRidge(alpha=3.0, random_state=0, sketch_size=600).partial_fit(X, y)
    exact = SketchedRidge(alpha=3.0, random_state=0).fit(X, y)
    assert np.all(abs(once.coef_ - exact.coef_) < 5 * once.coef_se_)
    assert not np.array_equal(once.coef_, exact.coef_)


def test_errors(rng):
    X, y = data(rng, 50)
    with pytest.raises(ValueError, match="alpha must be at least 0"):
        SketchedRidge(-1.0).fit(X, y)
    with pytest.raises(TypeError, match="alpha must be a real number"):
        SketchedRidge("x").fit(X, y)
    with pytest.raises(ValueError, match="zero"):
        SketchedLinearRegression().fit(X, y, sample_weight=np.zeros(50))
    with pytest.raises(ValueError, match=r"[Nn]egative"):
        SketchedLinearRegression().fit(X, y, sample_weight=np.full(50, -1.0))
    with pytest.raises(ValueError, match="sketch_size must be at least"):
        SketchedLinearRegression(sketch_size=3).partial_fit(X, y)
    model = SketchedLinearRegression().partial_fit(X, y)
    with pytest.raises(ValueError, match="features"):
        model.partial_fit(X[:, :3], y)
    model.fit_intercept = False
    with pytest.raises(ValueError, match="fit_intercept was changed"):
        model.partial_fit(X, y)
    for bad in (np.nan, np.inf):
        X[7, 2] = bad
        with pytest.raises(ValueError, match=r"NaN|infinity"):
            SketchedLinearRegression().fit(X, y)


def test_a_missed_certificate_warns(rng, monkeypatch):
    from kriss.sketch import _refinement

    monkeypatch.setattr(module, "is_tall", lambda m, n: True)
    monkeypatch.setattr(_refinement, "EPS", 1e-40)
    X, y = data(rng)
    with pytest.warns(ConvergenceWarning, match="not certified"):
        SketchedLinearRegression().fit(X, y)
    monkeypatch.undo()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        SketchedLinearRegression().fit(X, y)


def test_lazy_and_found():
    assert {"SketchedLinearRegression", "SketchedRidge"} <= set(dir(kriss.sketch))
    assert SketchedRidge is kriss.sketch.SketchedRidge and SketchedRidge.__module__ == "kriss.sketch"
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        kriss.sketch.nonsense  # noqa: B018
    code = (
        "import sys; sys.modules['sklearn'] = None\n"
        "import kriss.sketch\n"
        "try: kriss.sketch.SketchedRidge\n"
        "except ImportError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "need scikit-learn" in done.stdout
