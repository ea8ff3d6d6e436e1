"""Maximum likelihood."""

import numpy as np
import pytest
import scipy.optimize

from kriss.gp import RBF, Matern, factor, fit, log_likelihood


@pytest.fixture
def data(rng):
    X = np.sort(rng.uniform(0, 10, 60))[:, None]
    truth = factor(RBF(1.5, 2.0), X, 0.04)
    return X, truth.sample(rng=3)


def test_reaches_a_stationary_point_above_the_truth(data):
    X, y = data
    found = fit(RBF(), X, y, noise=0.1)
    assert found.converged and not found.at_bounds and found.failures == 0
    assert np.abs(found.gradient).max() < 1e-3
    assert found.log_likelihood >= log_likelihood(RBF(1.5, 2.0), X, y, 0.04)
    assert found.log_likelihood == log_likelihood(found.kernel, X, y, found.noise)
    assert found.restarts == (found.log_likelihood,) or found.restarts[0] == pytest.approx(found.log_likelihood)

    # A derivative-free search started there does not find better.
    def minus(t):
        return -log_likelihood(RBF().with_theta(t[:2]), X, y, np.exp(t[2]))

    start = np.append(found.kernel.theta, np.log(found.noise))
    other = scipy.optimize.minimize(minus, start, method="Nelder-Mead", options={"maxiter": 100})
    assert -other.fun <= found.log_likelihood + 1e-6


def test_agrees_with_scikit_learn(data):
    kernels = pytest.importorskip("sklearn.gaussian_process.kernels")
    from sklearn.gaussian_process import GaussianProcessRegressor

    X, y = data
    theirs = kernels.ConstantKernel(1.0) * kernels.Matern(1.0, nu=2.5) + kernels.WhiteKernel(0.1)
    model = GaussianProcessRegressor(theirs, alpha=0.0).fit(X, y)
    ours = fit(Matern(2.5), X, y, noise=0.1)
    assert ours.log_likelihood >= model.log_marginal_likelihood_value_ - 1e-4
    Xs = np.linspace(-1, 11, 50)[:, None]
    mean, std = model.predict(Xs, return_std=True)
    p = ours.predict(Xs, return_std=True)
    np.testing.assert_allclose(p.mean, mean, atol=5e-3)
    np.testing.assert_allclose(np.sqrt(p.std**2 + ours.noise), std, atol=5e-3)


def test_fixed_parameters_stay(data):
    X, y = data
    found = fit(RBF(1.5, 1.0, lengthscale_bounds="fixed"), X, y, noise=0.04, noise_bounds="fixed")
    assert found.kernel.lengthscale == pytest.approx(1.5, rel=1e-15)
    assert found.noise == 0.04 and found.kernel.variance != 1.0
    nothing = fit(RBF(1.5, 1.0, lengthscale_bounds="fixed", variance_bounds="fixed"), X, y, noise_bounds="fixed")
    assert nothing.message == "every parameter is fixed" and nothing.converged
    each = np.full(60, 0.04)
    per_row = fit(RBF(1.5), X, y, noise=each)
    np.testing.assert_array_equal(per_row.noise, each)
    assert per_row.log_likelihood > log_likelihood(RBF(1.5), X, y, each)


def test_bounds_hold_and_are_reported(data):
    X, y = data
    found = fit(RBF(0.4, lengthscale_bounds=(0.1, 0.5)), X, y, noise=0.1)
    assert found.kernel.lengthscale == pytest.approx(0.5, rel=1e-12)
    assert "lengthscale" in found.at_bounds
    outside = fit(RBF(9.0, lengthscale_bounds=(0.1, 0.5)), X, y, noise=0.1)
    assert outside.kernel.lengthscale <= 0.5 * (1 + 1e-12)


def test_restarts_are_reproducible_and_never_worse(data):
    X, y = data
    alone = fit(RBF(50.0, 0.01), X, y, noise=10.0)
    a = fit(RBF(50.0, 0.01), X, y, noise=10.0, n_restarts=3, rng=5)
    b = fit(RBF(50.0, 0.01), X, y, noise=10.0, n_restarts=3, rng=5)
    assert len(a.restarts) == 4 and a.restarts == b.restarts
    assert a.log_likelihood >= alone.log_likelihood
    assert a.log_likelihood == pytest.approx(max(a.restarts))


def test_singular_trial_points_are_counted(rng):
    # Duplicates and a noise bound at nothing: restarts land where the matrix is singular.
    X = np.repeat(np.linspace(0, 1, 8), 2)[:, None]
    y = np.sin(6 * X[:, 0]) + 0.1 * rng.standard_normal(16)
    found = fit(RBF(0.3), X, y, noise=0.01, noise_bounds=(1e-30, 1.0), n_restarts=6, rng=0)
    assert found.failures > 0 and np.isfinite(found.log_likelihood)
    assert -np.inf in found.restarts
    with pytest.raises(np.linalg.LinAlgError, match="rows 0 and 1"):
        fit(RBF(0.3), X, y, noise=1e-30, noise_bounds=(1e-30, 1.0))


def test_periodic_component_from_active_dims(rng):
    t = np.linspace(0, 6, 120)
    y = 0.5 * np.sin(2 * np.pi * t) + 0.1 * t + 0.02 * rng.standard_normal(120)
    X = np.column_stack([t, np.cos(2 * np.pi * t), np.sin(2 * np.pi * t)])
    kernel = RBF(3.0, active_dims=[0]) + RBF([10.0, 1.0, 1.0])
    found = fit(kernel, X, y - y.mean(), noise=0.01)
    s = np.linspace(6, 6.5, 20)
    ahead = np.column_stack([s, np.cos(2 * np.pi * s), np.sin(2 * np.pi * s)])
    truth = 0.5 * np.sin(2 * np.pi * s) + 0.1 * s
    assert np.abs(found.predict(ahead).mean + y.mean() - truth).max() < 0.1


def test_progress_is_silent_unless_asked(data, capsys):
    X, y = data
    fit(RBF(), X, y, maxiter=3)
    assert capsys.readouterr() == ("", "")
    fit(RBF(), X, y, maxiter=3, progress=True)
    assert "log-likelihood" in capsys.readouterr().err


def test_the_iteration_limit_is_reported(data):
    X, y = data
    found = fit(RBF(100.0), X, y, noise=5.0, maxiter=1)
    assert not found.converged and "ITERATIONS" in found.message.upper()


@pytest.mark.parametrize(
    ("kwargs", "error", "words"),
    [
        ({"X": np.zeros((0, 1)), "y": []}, ValueError, "no rows"),
        ({"y": [1.0]}, ValueError, "y has shape"),
        ({"y": np.zeros((3, 1))}, ValueError, "y has shape"),
        ({"noise": 0.0}, ValueError, "noise is 0"),
        ({"noise_bounds": "free"}, ValueError, "fixed"),
        ({"noise_bounds": (-1.0, 1.0)}, ValueError, "noise_bounds"),
        ({"n_restarts": -1}, ValueError, "n_restarts"),
        ({"n_restarts": 1.5}, TypeError, "n_restarts"),
        ({"maxiter": 0}, ValueError, "maxiter"),
        ({"rtol": -1.0}, ValueError, "rtol"),
        ({"gtol": "a"}, TypeError, "gtol"),
        ({"rng": -1}, ValueError, "rng"),
        ({"kernel": None}, TypeError, "kernel"),
    ],
)
def test_bad_arguments(kwargs, error, words):
    with pytest.raises(error, match=words):
        fit(**{"kernel": RBF(), "X": np.arange(3.0)[:, None], "y": np.zeros(3), **kwargs})


@pytest.mark.parametrize("noise", [1e-3, np.full(20, 1e-3)])
def test_fit_result_does_not_alias_the_callers_arrays(noise):
    X = np.linspace(0, 4, 20)[:, None]
    y = np.sin(X[:, 0])
    found = fit(RBF(), X, y, noise=noise)
    before = found.predict([[1.5]], return_std=True)
    X += 1.0
    y *= 2.0
    if isinstance(noise, np.ndarray):
        noise *= 3.0
        assert (found.noise == 1e-3).all()
    after = found.predict([[1.5]], return_std=True)
    assert after.mean == before.mean and after.std == before.std
