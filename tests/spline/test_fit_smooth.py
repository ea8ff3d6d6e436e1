"""`fit` by criteria: smoothing (GCV, restricted likelihood), penalised knots, numbers of knots, robust fits."""

import warnings

import numpy as np
import pytest
import scipy.interpolate as si
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

import kriss
from kriss.spline import SplineFit, fit
from kriss.spline._lsq import schoenberg_whitney

from .test_fit import HEAT_X, HEAT_Y


@pytest.fixture(autouse=True)
def no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def noisy(n, rng, noise=0.3, f=lambda x: np.sin(20 * x)):
    x = np.sort(rng.random(n))
    return x, f(x) + noise * rng.standard_normal(n), f(x)


def natural_basis(x, k, order):
    """Design and penalty of the natural spline with knots x, from SciPy's interpolating natural splines (k = 3)."""
    eye = si.CubicSpline(x, np.eye(x.size), bc_type="natural")
    h = np.diff(x)
    second = eye(x, 2)
    penalty = sum(
        h[i] / 3 * (np.outer(second[i], second[i]) + np.outer(second[i + 1], second[i + 1])) for i in range(h.size)
    )
    penalty += sum(
        h[i] / 6 * (np.outer(second[i], second[i + 1]) + np.outer(second[i + 1], second[i])) for i in range(h.size)
    )
    return penalty


def dense(x, y, w, lam):
    """Hat matrix of the cubic smoothing spline at distinct x."""
    penalty = natural_basis(x, 3, 2)
    return np.linalg.solve(np.diag(w**2) + lam * penalty, np.diag(w**2))


# Smoothing.


def test_given_lam_against_dense(rng):
    x, y, _ = noisy(40, rng)
    w = rng.uniform(0.5, 2, 40)
    for lam in (1e-7, 1e-4, 1e-1):
        s = fit(x, y, w, lam=lam)
        A = dense(x, y, w, lam)
        assert_allclose(s(x), A @ y, atol=1e-8)
        assert_allclose(s.leverage, np.diag(A), atol=1e-8)
        assert s.edf == pytest.approx(np.trace(A), abs=1e-7)
        assert s.lam == pytest.approx(lam, rel=1e-13) and s.criterion == "lam"
        assert s.sigma == pytest.approx(np.sqrt(((w * (y - A @ y)) ** 2).sum() / (40 - np.trace(A))), rel=1e-6)
        assert_array_equal(s.residuals, y - s(x))
    assert_allclose(fit(x, y, lam=0.0)(x), y, atol=1e-12)


def test_gcv_is_the_minimum_of_its_definition(rng):
    x, y, _ = noisy(50, rng)
    w = rng.uniform(0.5, 2, 50)

    def gcv(lam):
        A = dense(x, y, w, lam)
        return np.mean((w * (y - A @ y)) ** 2) / (1 - np.trace(A) / 50) ** 2

    s = fit(x, y, w)
    assert s.criterion == "gcv"
    best = gcv(s.lam)
    for factor in 10.0 ** np.linspace(-3, 3, 61):
        assert best <= gcv(s.lam * factor) * (1 + 1e-9)
    assert gcv(s.lam * 1.01) > best < gcv(s.lam / 1.01)


def test_reml_is_the_minimum_of_the_dense_likelihood(rng):
    x, y, _ = noisy(40, rng)
    w = rng.uniform(0.5, 2, 40)
    # Contrasts that a straight line does not reach, and the covariance of an integrated Wiener process from x[0].
    Q = np.linalg.svd(np.stack([np.ones(40), x], axis=1))[0][:, 2:]
    a, b = np.minimum.outer(x - x[0], x - x[0]), np.maximum.outer(x - x[0], x - x[0])
    wiener = a**2 * (3 * b - a) / 6

    def minus_two_log(lam):
        V = Q.T @ (np.diag(w**-2.0) + wiener / lam) @ Q
        v = Q.T @ y
        return 38 * np.log(v @ np.linalg.solve(V, v)) + np.linalg.slogdet(V)[1]

    s = fit(x, y, w, criterion="reml")
    assert s.criterion == "reml"
    best = minus_two_log(s.lam)
    for factor in 10.0 ** np.linspace(-3, 3, 61):
        assert best <= minus_two_log(s.lam * factor) + 1e-7
    assert minus_two_log(s.lam * 1.02) > best < minus_two_log(s.lam / 1.02)


def test_right_where_scipy_is_flat_or_raises():
    for n in (3000, 10_000, 100_000):
        rng = np.random.default_rng(n)
        x, y, truth = noisy(n, rng)
        for criterion in ("gcv", "reml"):
            s = fit(x, y, criterion=criterion)
            assert 10 < s.edf < 80
            assert np.sqrt(np.mean((s(x) - truth) ** 2)) < 1.5 * 0.3 * np.sqrt(s.edf / n)
            assert s.sigma == pytest.approx(0.3, abs=5 * 0.3 / np.sqrt(2 * n))


@pytest.mark.slow
def test_a_million():
    n = 1_000_000
    x, y, truth = noisy(n, np.random.default_rng(0))
    s = fit(x, y)
    assert np.sqrt(np.mean((s(x) - truth) ** 2)) < 1.5 * 0.3 * np.sqrt(s.edf / n)
    assert s.leverage.sum() == pytest.approx(s.edf, rel=1e-9)


def test_units_of_x_y_and_w(rng):
    x, y, _ = noisy(300, rng)
    w = rng.uniform(0.5, 2, 300)
    base = fit(x, y, w)
    for sx, sy, sw in ((1e6, 1, 1), (1e-6, 1, 1), (1, 1e300, 1), (1, 1e-300, 1), (1, 1, 1e150), (1e80, 1e-60, 1e-150)):
        s = fit(x * sx, y * sy, w * sw)
        assert_allclose(s(x * sx) / sy, base(x), rtol=0, atol=1e-7)
        assert s.edf == pytest.approx(base.edf, rel=1e-6)
        assert s.sigma / sy / sw == pytest.approx(base.sigma, rel=1e-6)
        assert s.rms / sy / sw == pytest.approx(base.rms, rel=1e-6)
        if sx < 1e60 and sw < 1e100:
            assert s.lam / sx**3 / sw**2 == pytest.approx(base.lam, rel=1e-5)
    same = fit(x * 2.0**30, y * 2.0**-40, w * 2.0**7)
    assert_array_equal(same(x * 2.0**30) * 2.0**40, base(x))
    with pytest.raises(ValueError, match="scale x"):
        fit(x * 1e300, y)


def test_leave_one_out(rng):
    x, y, _ = noisy(30, rng)
    w = rng.uniform(0.5, 2, 30)
    for s, again in (
        (fit(x, y, w, lam=1e-4), lambda keep: fit(x[keep], y[keep], w[keep], lam=1e-4)),
        (fit(x, y, w, knots=[0.4, 0.6]), lambda keep: fit(x[keep], y[keep], w[keep], knots=[0.4, 0.6])),
    ):
        for i in (3, 17):
            keep = np.arange(30) != i
            assert y[i] - again(keep)(x[i]) == pytest.approx(s.loo_residuals[i], rel=1e-8)


@pytest.mark.parametrize("k", [1, 2, 3, 4, 5, 7])
def test_leverages_sum_to_the_coefficients(k, rng):
    x, y, _ = noisy(100, rng)
    w = rng.uniform(0.5, 2, 100)
    s = fit(x, y, w, knots=5, k=k)
    assert s.leverage.sum() == pytest.approx(s.coefficients.size, abs=1e-11)
    assert s.edf == s.coefficients.size == 6 + k
    design = w[:, None] * si.BSpline.design_matrix(x, s.t, k).toarray()
    q = np.linalg.qr(design)[0]
    assert_allclose(s.leverage, (q**2).sum(1), atol=1e-12)
    assert_allclose(si.BSpline(s.t, s.coefficients, k)(x), s(x), atol=1e-12)


@pytest.mark.parametrize("k", [1, 2, 3, 5])
@pytest.mark.parametrize("criterion", ["gcv", "reml"])
def test_penalised_knots_against_dense(k, criterion, rng):
    x, y, truth = noisy(200, rng, f=lambda x: np.sin(8 * x))
    w = rng.uniform(0.5, 2, 200)
    s = fit(x, y, w, knots=30, k=k, criterion=criterion)
    B = si.BSpline.design_matrix(x, s.t, k).toarray()
    order, n = (k + 1) // 2, s.coefficients.size
    nodes, weights = np.polynomial.legendre.leggauss(8)
    breaks = np.unique(s.t)
    at = (breaks[:-1, None] + np.diff(breaks)[:, None] * (nodes + 1) / 2).ravel()
    D = si.BSpline(s.t, np.eye(n), k)(at, nu=order)
    penalty = D.T @ ((np.diff(breaks)[:, None] * weights / 2).ravel()[:, None] * D)
    gram = B.T @ (w[:, None] ** 2 * B)

    def value(lam):
        c = np.linalg.solve(gram + lam * penalty, B.T @ (w**2 * y))
        edf = np.trace(np.linalg.solve(gram + lam * penalty, gram))
        rss = ((w * (y - B @ c)) ** 2).sum()
        if criterion == "gcv":
            return np.log(rss) - 2 * np.log(1 - edf / 200), edf, c
        J = rss + lam * c @ penalty @ c
        logdet = np.linalg.slogdet(gram + lam * penalty)[1]
        return (200 - order) * np.log(J) + logdet - (n - order) * np.log(lam), edf, c

    best, edf, c = value(s.lam)
    assert s.edf == pytest.approx(edf, rel=1e-6)
    assert_allclose(s.coefficients, c, atol=1e-6)
    for factor in 10.0 ** np.linspace(-2, 2, 41):
        assert best <= value(s.lam * factor)[0] + 1e-7
    assert np.sqrt(np.mean((s(x) - truth) ** 2)) < 0.15
    assert s.leverage.sum() == pytest.approx(s.edf, rel=1e-9)


def test_penalised_knots_approach_the_smoothing_spline(rng):
    x, y, _ = noisy(400, rng)
    full = fit(x, y)
    assert_allclose(fit(x, y, knots=200, lam=full.lam)(x), full(x), atol=2e-3)
    # Quintic smoothing of order three, and lines of order one.
    for k in (1, 5):
        s = fit(x, y, k=k)
        assert s.k == k and np.sqrt(np.mean((s(x) - np.sin(20 * x)) ** 2)) < 0.15


def test_ties_zero_weights_and_order(rng):
    x = np.round(rng.random(200), 2)
    y = np.sin(6 * x) + 0.1 * rng.standard_normal(200)
    w = rng.uniform(0.5, 2, 200)
    s = fit(x, y, w)
    u, where = np.unique(x, return_inverse=True)
    total = np.bincount(where, w**2)
    merged = fit(u, np.bincount(where, w**2 * y) / total, np.sqrt(total), lam=s.lam)
    assert_allclose(s(u), merged(u), atol=1e-9)
    assert s.edf == pytest.approx(merged.edf, rel=1e-9) and s.leverage.sum() == pytest.approx(s.edf, rel=1e-9)
    p = rng.permutation(200)
    assert_array_equal(fit(x[p], y[p], w[p]).residuals, s.residuals[p])
    # A weight of zero leaves a point out.
    more = fit(np.append(x, 0.5), np.append(y, 1e6), np.append(w, 0.0))
    assert_array_equal(more(u), s(u))
    assert more.leverage[-1] == 0 and more.weights[-1] == 0
    lsq = fit(np.append(x, 0.5), np.append(y, 1e6), np.append(w, 0.0), knots=3)
    assert_array_equal(lsq.knots, fit(x, y, w, knots=3).knots)


def test_nearly_tied_points(rng):
    x, y, truth = noisy(500, rng)
    x[1::2] = np.nextafter(x[::2], 2)
    s = fit(x, y)
    assert np.isfinite(s.residuals).all() and 5 < s.edf < 100
    assert np.sqrt(np.mean((s(x) - np.sin(20 * x)) ** 2)) < 0.15


def test_exact_data_and_few_points(rng):
    x = np.sort(rng.random(50))
    for y in (np.zeros(50), np.full(50, 3.0), 2 - 5 * x):
        s = fit(x, y)
        assert_allclose(s(x), y, atol=1e-13)
        assert s.edf == pytest.approx(2, abs=0.01)
    assert_allclose(fit(x, np.cos(5 * x))(x), np.cos(5 * x), atol=1e-6)
    for n in (4, 5, 6):
        assert np.isfinite(fit(np.arange(n), rng.standard_normal(n)).residuals).all()
    with pytest.raises(ValueError, match="at least k"):
        fit([0.0, 1.0, 2.0], [0.0, 1.0, 0.0])
    with pytest.raises(ValueError, match="different values"):
        fit([0.0, 1.0, 1.0, 1.0], [0.0, 1.0, 0.0, 2.0])


# Numbers of knots.


@pytest.mark.parametrize("s", [1.0, 0.3, 0.1, 0.05, 0.02, 0.01, 0.005])
def test_titanium_fewer_knots_than_fitpack_at_equal_residual(s):
    theirs = si.UnivariateSpline(HEAT_X, HEAT_Y, s=s)
    ours = fit(HEAT_X, HEAT_Y, criterion="s", s=theirs.get_residual())
    assert ours.rss <= theirs.get_residual() * (1 + 1e-9)
    assert ours.knots.size <= theirs.get_knots().size - 2
    assert ours.criterion == "s"


def test_rtol_and_bic(rng):
    x = np.linspace(-1, 1, 400)
    y = np.tanh(20 * x)
    for rtol in (1e-1, 1e-2, 1e-3):
        s = fit(x, y, criterion="rtol", rtol=rtol)
        assert s.rms <= rtol * np.sqrt(np.mean(y**2))
    few = fit(x, y, criterion="rtol", rtol=1e-2).knots.size
    assert fit(x, y, criterion="rtol", rtol=1e-3).knots.size > few > 1
    # Two kinks, degree one: their number and places.
    kinks = np.interp(x, [-1, -0.31, 0.42, 1], [0, 1, -1, 0.5]) + 0.02 * rng.standard_normal(400)
    s = fit(x, kinks, k=1, criterion="bic")
    assert s.knots.size == 2
    assert_allclose(s.knots, [-0.31, 0.42], atol=0.01)
    with pytest.raises(ValueError, match="not met"):
        fit(np.r_[x, x], np.r_[y, y + 1], criterion="s", s=1e-3)


# Robust.


@pytest.mark.parametrize("kwargs", [{}, {"criterion": "reml"}, {"knots": [0.2, 0.4, 0.6, 0.8]}, {"knots": 4}])
def test_robust_fits_ignore_outliers(kwargs, rng):
    x, y, truth = noisy(400, rng, noise=0.1, f=lambda x: np.sin(6 * x))
    bad = rng.choice(400, 40, replace=False)
    spoiled = y.copy()
    spoiled[bad] += 20.0
    clean = np.sqrt(np.mean((fit(x, y, **kwargs)(x) - truth) ** 2))
    plain = np.sqrt(np.mean((fit(x, spoiled, **kwargs)(x) - truth) ** 2))
    tukey = fit(x, spoiled, robust="tukey", **kwargs)
    huber = fit(x, spoiled, robust="huber", **kwargs)
    assert np.sqrt(np.mean((tukey(x) - truth) ** 2)) < 2 * clean < plain / 10
    assert np.sqrt(np.mean((huber(x) - truth) ** 2)) < plain / 5
    assert (tukey.weights[bad] == 0).all() and (tukey.weights[np.setdiff1d(np.arange(400), bad)] > 0).mean() > 0.95
    assert tukey.sigma == pytest.approx(0.1, rel=0.25)


def test_robust_changes_little_without_outliers(rng):
    x, y, truth = noisy(300, rng, noise=0.1, f=lambda x: np.sin(6 * x))
    assert_allclose(fit(x, y, robust=("huber", 3.0))(x), fit(x, y)(x), atol=0.03)
    assert_array_equal(fit(x, 2 * x, robust="tukey").weights, 1)


# Arguments, backends, properties.


@pytest.mark.parametrize(
    ("kwargs", "error", "match"),
    [
        ({"knots": "all"}, ValueError, "knots must be"),
        ({"criterion": "aic"}, ValueError, "criterion"),
        ({"criterion": "bic", "knots": 3}, ValueError, "knots='auto'"),
        ({"criterion": "s"}, ValueError, "s is needed"),
        ({"s": 1.0}, ValueError, "s is needed"),
        ({"criterion": "rtol", "rtol": -1.0}, ValueError, "rtol"),
        ({"criterion": "gcv", "lam": 1.0}, ValueError, "exclude"),
        ({"lam": -1.0}, ValueError, "lam"),
        ({"lam": np.nan}, ValueError, "lam"),
        ({"robust": "cauchy"}, ValueError, "robust"),
        ({"robust": ("huber", 0.0)}, ValueError, "robust"),
        ({"robust": ("huber",)}, ValueError, "robust"),
        ({"w": -np.ones(20)}, ValueError, "negative"),
        ({"w": np.r_[1e-40, np.ones(19)]}, ValueError, "30 decades"),
        ({"workers": 0}, ValueError, "workers"),
        ({"w": np.full(20, np.nan)}, ValueError, "w contains"),
    ],
)
def test_bad_arguments(kwargs, error, match):
    x = np.linspace(0, 1, 20)
    with pytest.raises(error, match=match):
        fit(x, x, **kwargs)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", [0, 10, -1])
@pytest.mark.parametrize("which", ["x", "y"])
def test_non_finite_data(bad, place, which):
    data = {"x": np.linspace(0, 1, 20), "y": np.ones(20)}
    data[which][place] = bad
    with pytest.raises(ValueError, match=f"{which} contains"):
        fit(**data)


def test_kinds_of_input(rng):
    x, y = rng.integers(0, 50, 60), rng.integers(0, 9, 60)
    base = fit(x, y)
    wide = np.zeros((60, 4))
    wide[:, 1], wide[:, 2] = x, y
    frozen = x.astype(float)
    frozen.flags.writeable = False
    for a, b in (
        (x.tolist(), y.tolist()),
        (x.astype(np.float32), y.astype(np.float32)),
        (wide[:, 1], wide[:, 2]),
        (frozen, y.astype(">f8")),
        (x[::-1].astype(float)[::-1], y),
    ):
        assert_array_equal(fit(a, b).residuals, base.residuals)
    with pytest.raises(TypeError, match="y"):
        fit(x, y + 0j)
    assert not base.residuals.flags.writeable and not base.leverage.flags.writeable


def test_workers_and_backends(rng):
    x, y, _ = noisy(3000, rng)
    cases = ({}, {"knots": 12}, {"knots": 30, "criterion": "gcv"})
    base = [fit(x, y, **kwargs, workers=1) for kwargs in cases]
    for kwargs, one in zip(cases, base, strict=True):
        for workers in (2, 4):
            assert_array_equal(fit(x, y, **kwargs, workers=workers).coefficients, one.coefficients)
    other = "numba" if kriss.show_config("dicts")["backend"] == "compiled" else "compiled"
    try:
        with kriss.use_backend(other):
            for kwargs, one in zip(cases, base, strict=True):
                assert_allclose(fit(x, y, **kwargs).coefficients, one.coefficients, rtol=1e-10, atol=1e-10)
    except RuntimeError:
        pytest.skip(f"{other} is not available")


def test_forwarded_calls(rng):
    x, y, _ = noisy(100, rng)
    s = fit(x, y)
    assert isinstance(s, SplineFit)
    assert s.antiderivative()(0.7) - s.antiderivative()(0.2) == pytest.approx(s.integrate(0.2, 0.7))
    assert_allclose(s(s.roots()), 0, atol=1e-12)
    assert s.derivative()(0.5) == pytest.approx(s(0.5, 1))
    assert s.to_ppoly()(0.5) == pytest.approx(s(0.5))
    assert "gcv" in repr(s)


@settings(max_examples=30)
@given(st.integers(5, 40), st.integers(0, 10**6), st.sampled_from(["gcv", "reml"]))
def test_straight_lines_pass_through(n, seed, criterion):
    """Adding a straight line to y adds it to the fit: neither criterion sees it."""
    rng = np.random.default_rng(seed)
    x = np.cumsum(rng.uniform(0.01, 1, n))
    y = rng.standard_normal(n)
    a, b = fit(x, y, criterion=criterion), fit(x, y + 3 - 2 * x, criterion=criterion)
    assert_allclose(b(x), fit(x, y, lam=b.lam)(x) + 3 - 2 * x, atol=1e-8 * (1 + np.abs(x).max()))
    assert a.edf == pytest.approx(b.edf, abs=1e-2)
    assert ((a.leverage > -1e-9) & (a.leverage < 1 + 1e-9)).all()


def brute(x, t, k):
    """A matching of data to B-splines, one by one."""
    n, j = t.size - k - 1, 0
    for i in range(n):
        while j < x.size and not (x[j] > t[i] or (i == 0 and t[0] == t[k] and x[j] == t[0])):
            j += 1
        if j == x.size or not (x[j] < t[i + k + 1] or (i == n - 1 and t[n] == t[n + k] and x[j] == t[n])):
            return False
        j += 1
    return True


@settings(max_examples=100)
@given(st.integers(0, 10**6), st.integers(1, 4), st.integers(0, 6))
def test_schoenberg_whitney(seed, k, number):
    rng = np.random.default_rng(seed)
    x = np.sort(rng.integers(0, 12, k + 1 + rng.integers(0, 8)) / 12)
    interior = np.sort(rng.integers(1, 12, number) / 12)
    t = np.concatenate([np.zeros(k + 1), interior, np.ones(k + 1)])
    assert schoenberg_whitney(x, t, k) == brute(x, t, k)
