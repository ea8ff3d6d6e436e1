"""Co-kriging against the joint normal distribution written out, and both forms against each other."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kriss.gp import RBF, CoKriging, Matern, co_kriging


def forrester(x):
    return (6 * x - 2) ** 2 * np.sin(12 * x - 4)


def cheap(x):
    return 0.5 * forrester(x) + 10 * (x - 0.5) - 5


def textbook(kernels, X, y, rho, white, xs, trend):
    """Mean and variance of the last level at xs by the joint distribution of everything, trends as flat priors."""

    def covariance(a, s, b, t):
        out = np.zeros((len(a), len(b)))
        for r, k in enumerate(kernels):
            if r <= min(s, t):
                part = k(a, b) + white[r] * (a[:, None, :] == b[None, :, :]).all(axis=2)
                out += np.prod(rho[r:s]) * np.prod(rho[r:t]) * part
        return out

    last = len(X) - 1
    K = np.block([[covariance(a, s, b, t) for t, b in enumerate(X)] for s, a in enumerate(X)])
    c = np.hstack([covariance(xs, last, b, t) for t, b in enumerate(X)])
    own = covariance(xs, last, xs, last).diagonal()
    z = np.concatenate(y)

    def levels(t, n):
        return np.tile([np.prod(rho[r:t]) if r <= t else 0.0 for r in range(last + 1)], (n, 1))

    H, h = np.vstack([levels(t, len(a)) for t, a in enumerate(X)]), levels(last, len(xs))
    inverse = np.linalg.inv(K)
    if not trend:
        return c @ inverse @ z, own - np.einsum("ij,jk,ik->i", c, inverse, c), None
    info = H.T @ inverse @ H
    beta = np.linalg.solve(info, H.T @ inverse @ z)
    left = h - c @ inverse @ H
    variance = own - np.einsum("ij,jk,ik->i", c, inverse, c)
    variance += np.einsum("ij,jk,ik->i", left, np.linalg.inv(info), left)
    return h @ beta + c @ inverse @ (z - H @ beta), variance, beta


@pytest.fixture
def three(rng):
    X = [rng.random((30, 2))]
    X += [X[0][::2], X[0][::6]]
    y = [np.sin(3 * x[:, 0]) * (t + 1) + x[:, 1] ** (t + 1) for t, x in enumerate(X)]
    return X, y, [Matern(1.5, [0.5, 0.7], 1.3), Matern(2.5, 0.4, 0.5), RBF(0.3, 0.2)]


@pytest.mark.parametrize("form", ["recursive", "joint"])
@pytest.mark.parametrize("trend", [True, False])
def test_against_the_joint_distribution(form, trend, three, rng):
    X, y, kernels = three
    rho = np.array([0.7, -1.3])
    xs = np.vstack([rng.random((9, 2)), X[0][:3], X[2][:2]])
    c = co_kriging(X, y, kernels, form=form, rho=rho, trend=trend, optimize=False)
    white = [1e-10 * np.var(v) for v in y]
    mean, variance, beta = textbook(kernels, X, y, rho, white, xs, trend)
    p = c.predict(xs, return_std=True)
    np.testing.assert_allclose(p.mean, mean, rtol=0, atol=1e-10)
    np.testing.assert_allclose(p.std**2, np.maximum(variance, 0), rtol=0, atol=1e-10)
    assert isinstance(c, CoKriging) and c.evaluations == 0 and c.converged
    np.testing.assert_allclose(c.trend, np.zeros(3) if beta is None else beta, rtol=0, atol=1e-10)
    np.testing.assert_allclose(c.predict(X[2]).mean, y[2], rtol=0, atol=1e-8)


@pytest.mark.parametrize("given_rho", [None, [0.7, -1.3]])
def test_forms_agree_on_nested_designs(given_rho, three, rng):
    X, y, kernels = three
    a, b = (co_kriging(X, y, kernels, form=f, rho=given_rho, optimize=False) for f in ("recursive", "joint"))
    xs = np.vstack([rng.random((40, 2)), X[1]])
    for level in range(3):
        p, q = (c.predict(xs, level=level, return_std=True) for c in (a, b))
        assert np.abs(p.mean - q.mean).max() <= 1e-10
        assert np.abs(p.std**2 - q.std**2).max() <= 1e-10
    assert a.log_likelihood == pytest.approx(b.log_likelihood, abs=1e-10)
    np.testing.assert_allclose(a.trend, b.trend, rtol=0, atol=1e-10)
    np.testing.assert_array_equal(a.rho, b.rho)


@given(st.integers(0, 2**32), st.integers(1, 3))
@settings(max_examples=20)
def test_forms_agree(seed, d):
    rng = np.random.default_rng(seed)
    cells = rng.permutation(24**d)[:12]
    X = [np.stack(np.unravel_index(cells, (24,) * d), axis=1) / 24.0]
    X.append(X[0][rng.permutation(12)[:5]])
    y = [rng.standard_normal(12), rng.standard_normal(5)]
    xs = rng.random((6, d))
    p, q = (
        co_kriging(X, y, Matern(1.5, 0.3), form=f, optimize=False).predict(xs, return_std=True)
        for f in ("recursive", "joint")
    )
    scale = 1.0 + np.abs(p.mean).max()
    assert np.abs(p.mean - q.mean).max() <= 1e-10 * scale
    assert np.abs(p.std**2 - q.std**2).max() <= 1e-10 * scale**2


def test_the_classical_pair_is_learned():
    x1 = np.linspace(0, 1, 11)
    x2 = x1[[0, 4, 6, 10]]
    xs = np.linspace(0, 1, 101)
    a, b = (co_kriging([x1[:, None], x2[:, None]], [cheap(x1), forrester(x2)], form=f) for f in ("recursive", "joint"))
    assert abs(a.rho[0] - 2.0) <= 1e-2
    assert np.abs(a.predict(xs[:, None]).mean - forrester(xs)).max() <= 0.3
    assert np.abs(a.predict(xs[:, None]).mean - b.predict(xs[:, None]).mean).max() <= 1e-7
    alone = co_kriging([x2[:, None]], [forrester(x2)])
    assert np.abs(alone.predict(xs[:, None]).mean - forrester(xs)).max() >= 3.0
    # Optimised: no small change of the parameters is better.
    for k in range(2):
        for step in (-0.05, 0.05):
            theta = a.kernels[0].theta.copy()
            theta[k] += step
            kernels = [a.kernels[0].with_theta(theta), a.kernels[1]]
            moved = co_kriging([x1[:, None], x2[:, None]], [cheap(x1), forrester(x2)], kernels, optimize=False)
            assert moved.log_likelihood < a.log_likelihood + 1e-6


def test_designs_that_are_not_nested(rng):
    X = [rng.random((30, 1)), rng.random((8, 1))]
    y = [cheap(X[0][:, 0]), forrester(X[1][:, 0])]
    with pytest.raises(ValueError, match=r"not nested: row 0 of X\[1\] is no row of X\[0\].*form='joint'"):
        co_kriging(X, y)
    start = co_kriging(X, y, form="joint", optimize=False)
    c = co_kriging(X, y, form="joint")
    assert c.log_likelihood > start.log_likelihood + 10.0 and c.evaluations > 3
    assert abs(c.rho[0] - 2.0) <= 0.05
    xs = np.linspace(0.05, 0.95, 50)
    assert np.abs(c.predict(xs[:, None]).mean - forrester(xs)).max() <= 0.5
    fixed = co_kriging(X, y, form="joint", rho=[1.5], maxiter=3)
    np.testing.assert_array_equal(fixed.rho, [1.5])


def test_joint_gradient(rng, monkeypatch):
    from kriss.gp import _cokriging

    seen = {}

    def catch(self, objective, start, bounds):
        seen.update(objective=objective, start=start, bounds=bounds)
        return start

    monkeypatch.setattr(_cokriging._Search, "best", catch)
    X = [rng.random((9, 2)), rng.random((6, 2)), rng.random((5, 2))]
    kernels = [Matern(1.5, [0.4, 0.6]), RBF(0.5, 0.7), Matern(2.5, 0.3, 0.4)]
    co_kriging(X, [rng.standard_normal(len(x)) for x in X], kernels, form="joint", jitter=1e-6)
    theta = seen["start"].copy()
    theta[-2:] = [0.8, -1.2]
    value, gradient = seen["objective"](theta)
    for i in range(theta.size):
        ends = []
        for h in (1e-5, -1e-5):
            moved = theta.copy()
            moved[i] += h
            ends.append(seen["objective"](moved)[0])
        assert gradient[i] == pytest.approx((ends[0] - ends[1]) / 2e-5, rel=1e-5, abs=1e-5)


@pytest.mark.parametrize("scale", [1e-150, 1e-100, 1e100, 1e150])
def test_scales(scale):
    x = np.linspace(0, 1, 9)[:, None]
    y = [cheap(x[:, 0]), forrester(x[::2, 0])]
    kernels = [Matern(2.5, 0.3, 10.0), Matern(2.5, 0.5, 3.0)]
    scaled = [Matern(2.5, k.lengthscale, k.variance * scale**2) for k in kernels]
    a = co_kriging([x, x[::2]], y, kernels, optimize=False).predict([[0.3]], return_std=True)
    b = co_kriging([x, x[::2]], [scale * v for v in y], scaled, optimize=False).predict([[0.3]], return_std=True)
    assert b.mean[0] / scale == pytest.approx(a.mean[0], rel=1e-9)
    assert b.std[0] / scale == pytest.approx(a.std[0], rel=1e-6)


def test_workers_and_inputs(rng):
    x = rng.random((20, 2))
    y = x.sum(axis=1)
    kept = x.copy(), y.copy()
    one, two = (co_kriging([x, x[:7]], [y, 2 * y[:7]], form="joint", workers=w) for w in (1, 2))
    before = one.predict(x[:3] + 0.1).mean
    np.testing.assert_array_equal(before, two.predict(x[:3] + 0.1).mean)
    np.testing.assert_array_equal(x, kept[0])
    x += 1.0
    y += 1.0
    np.testing.assert_array_equal(one.predict(kept[0][:3] + 0.1).mean, before)


def test_constant_observations_and_restarts():
    x = np.linspace(0, 1, 6)[:, None]
    c = co_kriging([x], [np.full(6, 3.0)], n_restarts=2, rng=0)
    assert c.predict([[0.3]]).mean[0] == pytest.approx(3.0, abs=1e-6)


@pytest.mark.parametrize("value", [0.0, 2.0])
def test_a_constant_cheap_level_tells_nothing(value):
    x = np.linspace(0, 1, 9)[:, None]
    y = forrester(x[::2, 0])
    kernel = Matern(2.5, 0.3, 10.0)
    c = co_kriging([x, x[::2]], [np.full(9, value), y], kernel, optimize=False)
    alone = co_kriging([x[::2]], [y], kernel, optimize=False)
    np.testing.assert_allclose(c.predict([[0.3], [0.7]]).mean, alone.predict([[0.3], [0.7]]).mean, rtol=1e-8)


@pytest.mark.parametrize("kind", [list, lambda a: a.astype(np.float32), np.asfortranarray, lambda a: a[::-1][::-1]])
def test_kinds_of_arrays(kind):
    x = np.arange(16.0).reshape(8, 2) / 16.0
    y = np.arange(8.0)
    a = co_kriging([kind(x), kind(x[:4])], [kind(y), kind(y[:4])], RBF(0.5), optimize=False).predict([[0.1, 0.2]]).mean
    b = co_kriging([x, x[:4]], [y, y[:4]], RBF(0.5), optimize=False).predict([[0.1, 0.2]]).mean
    np.testing.assert_array_equal(a, b)


LINE = np.linspace(0, 1, 5)[:, None]


@pytest.mark.parametrize(
    ("kwargs", "error", "words"),
    [
        ({"X": [LINE, LINE]}, ValueError, "X has 2 levels and y 1"),
        ({"X": [], "y": []}, ValueError, "at least one"),
        ({"X": [LINE[:1]], "y": [[1.0]]}, ValueError, r"X\[0\] has 1 rows, expected at least two"),
        ({"X": [np.vstack([LINE, LINE[2:3]])], "y": [np.zeros(6)]}, ValueError, "same point in rows 2 and 5"),
        ({"X": [LINE, np.zeros((3, 2))], "y": [np.zeros(5), np.zeros(3)]}, ValueError, r"X\[1\] has 2 columns"),
        ({"X": [[[np.nan], [0.0]]], "y": [[0.0, 1.0]]}, ValueError, r"X\[0\] contains nan"),
        ({"y": [[0.0, 1.0, np.inf, 3.0, 4.0]]}, ValueError, r"y\[0\] contains inf"),
        ({"y": [np.zeros(4)]}, ValueError, r"y\[0\] has shape \(4,\), expected 5 rows"),
        ({"kernels": [RBF(), RBF()]}, ValueError, "kernels has 2 entries, expected 1"),
        ({"kernels": ["rbf"]}, TypeError, r"kernels\[0\] must be a kriss.gp kernel"),
        ({"rho": [1.0]}, ValueError, "rho has 1 entries, expected 0"),
        ({"form": "both"}, ValueError, "form must be one of"),
        ({"jitter": -1.0}, ValueError, "jitter must be at least"),
        ({"n_restarts": -1}, ValueError, "n_restarts must be at least"),
        ({"kernels": RBF(1e4), "jitter": 0.0, "optimize": False}, np.linalg.LinAlgError, "pivot"),
    ],
)
def test_bad_arguments(kwargs, error, words):
    with pytest.raises(error, match=words):
        co_kriging(**{"X": [LINE], "y": [np.arange(5.0)], **kwargs})


def test_bad_predictions():
    c = co_kriging([LINE], [np.arange(5.0)], RBF(0.3), optimize=False)
    with pytest.raises(ValueError, match="level must be at most 0"):
        c.predict([[0.5]], level=1)
    with pytest.raises(ValueError, match="Xs has 2 columns"):
        c.predict([[0.5, 0.5]])
    assert c.predict(np.zeros((0, 1))).mean.shape == (0,)


def test_progress_is_silent_unless_asked(capsys):
    x = np.linspace(0.0, 1.0, 6)[:, None]
    data = [x, x[::2]], [cheap(x[:, 0]), forrester(x[::2, 0])]
    co_kriging(*data, maxiter=2)
    assert capsys.readouterr() == ("", "")
    co_kriging(*data, maxiter=2, progress=True)
    assert "co_kriging" in capsys.readouterr().err
