"""Acquisitions against high precision, quadrature and differences."""

import math
import pickle

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kriss.gp import RBF, Matern, _normal, factor
from kriss.gp._acquire_ahead import expected_maximum
from kriss.gp.acquisition import (
    ExpectedImprovement,
    KnowledgeGradient,
    LogExpectedImprovement,
    MaxValueEntropy,
    NoisyExpectedImprovement,
    UpperConfidenceBound,
)

TAIL = [
    -1e9,
    -1e5,
    -1e3,
    -100.0,
    -40.0,
    -25.0,
    -12.0001,
    -11.9999,
    -8.0,
    -3.0,
    -1.0001,
    -0.9999,
    -0.1,
    0.0,
    0.5,
    5.0,
    30.0,
]


def exact(z):
    """log h, Phi / h, and the entropy gain and its slope, of a float, by arithmetic with digits to spare."""
    with mp.workdps(80 + int(min(z * z / 4, 300))):
        z = mp.mpf(z)
        # Mills' ratio by its continued fraction far out, where erfc underflows nothing but takes time.
        if z < -50:
            t = -z
            tail = mp.mpf(0)
            for k in range(400, 0, -1):
                tail = k / (t + tail)
            mills = 1 / (t + tail)
            rest = 1 - t * mills
        else:
            density = mp.exp(-z * z / 2) / mp.sqrt(2 * mp.pi)
            mills = mp.erfc(-z / mp.sqrt(2)) / 2 / density
            rest = 1 + z * mills
        log_density = -z * z / 2 - mp.log(2 * mp.pi) / 2
        r = 1 / mills
        return (
            log_density + mp.log(rest),
            mills / rest,
            z * r / 2 - log_density - mp.log(mills),
            -r / 2 * (1 + z * (z + r)),
        )


@pytest.mark.parametrize("z", TAIL)
def test_tails_have_their_digits(z):
    log_h, slope, gain, rate = exact(z)
    # The term z**2 / 2 is rounded; what is beside it is good to 1e-13, which the slope shows without it.
    assert abs(float(_normal.log_improvement(z)) - log_h) <= 1e-13 + 2.3e-16 * abs(log_h)
    assert abs(float(_normal.log_improvement_slope(z)) / slope - 1) < 3e-14
    value, derivative = _normal.entropy_gain(z)
    assert abs(float(value) / gain - 1) < 1e-13
    assert abs(float(derivative) / rate - 1) < 3e-12
    if z > -37:
        assert abs(float(_normal.improvement(z)) / mp.exp(log_h) - 1) < 1e-13


def test_ends_of_the_range():
    z = np.array([-np.inf, -1e200, -1e154, 1e154, 1e300, np.inf])
    np.testing.assert_array_equal(_normal.improvement(z), [0, 0, 0, 1e154, 1e300, np.inf])
    log_h = _normal.log_improvement(z)
    assert log_h[0] == log_h[1] == -np.inf and np.isfinite(log_h[2:5]).all() and log_h[5] == np.inf
    assert np.isnan(_normal.log_improvement(np.nan)) and np.isnan(_normal.improvement(np.nan))
    value, rate = _normal.entropy_gain(np.array([np.inf, 1e10, 45.0]))
    assert (value == 0.0).all() and (rate == 0.0).all()


@given(st.floats(-1e8, 1e3), st.floats(1e-6, 1e3))
def test_log_improvement_rises(z, step):
    low, high = _normal.log_improvement(np.array([z, z + step]))
    assert high >= low
    assert _normal.log_improvement_slope(z) > 0.0


@pytest.fixture
def model(rng):
    X = rng.random((9, 2))
    y = np.sin(5 * X[:, 0]) + X[:, 1] + 0.1 * rng.standard_normal(9)
    return factor(Matern(2.5, [0.4, 0.6], 1.3), X, 1e-2), y


def every(f, y, candidates):
    return [
        ExpectedImprovement(f, y),
        LogExpectedImprovement(f, y),
        LogExpectedImprovement(f, y, best=-30.0),
        NoisyExpectedImprovement(f, y, 16, rng=0),
        UpperConfidenceBound(f, y, 2.0),
        KnowledgeGradient(f, y),
        KnowledgeGradient(f, y, candidates, noise=0.1),
        MaxValueEntropy(f, y, candidates, rng=0),
        MaxValueEntropy(f, y, minima=[3.0, 0.0, -1.0]),
    ]


@pytest.mark.parametrize("which", range(9))
def test_gradients_are_those_of_differences(model, rng, which):
    a = every(*model, rng.random((12, 2)))[which]
    X, step = rng.random((7, 2)), 1e-6
    values, gradient = a(X, return_grad=True)
    np.testing.assert_array_equal(values, a(X))
    for q in range(2):
        e = step * np.eye(2)[q]
        difference = (a(X + e) - a(X - e)) / (2 * step)
        np.testing.assert_allclose(gradient[:, q], difference, atol=1e-8 * max(1e-6, np.abs(gradient).max()), rtol=1e-5)


@pytest.mark.parametrize("which", range(9))
def test_one_point_or_many(model, rng, which):
    a = every(*model, rng.random((12, 2)))[which]
    X = rng.random((5, 2))
    values, gradient = a(X, return_grad=True)
    for x, v, g in zip(X, values, gradient, strict=True):
        one, slope = a(x[None], return_grad=True)
        np.testing.assert_allclose(one[0], v, rtol=1e-8, atol=1e-14)
        np.testing.assert_allclose(slope[0], g, rtol=1e-6, atol=1e-12)
    assert a(np.empty((0, 2))).shape == (0,)
    again = pickle.loads(pickle.dumps(a))
    np.testing.assert_array_equal(again(X), values)
    np.testing.assert_array_equal(a(X.tolist()), values)
    np.testing.assert_array_equal(a(np.asfortranarray(X)), values)
    with pytest.raises(ValueError, match="X has 3 columns, expected 2"):
        a(np.zeros((1, 3)))
    with pytest.raises(ValueError, match="X contains nan"):
        a([[0.0, np.nan]])


@pytest.mark.parametrize("which", range(9))
def test_values_from_a_factor_that_has_no_gradients(rng, which):
    # 600 points on a line give a series factor, which once refused return_grad=False.
    X = rng.random((600, 1))
    y = np.sin(9 * X[:, 0]) + 0.1 * rng.standard_normal(600)
    kernel, cover = Matern(2.5, 0.3), rng.random((12, 1))
    f, dense = factor(kernel, X, 1e-2), factor(kernel, X, 1e-2, structure="dense")
    assert f.structure == "series"
    a, b = every(f, y, cover)[which], every(dense, y, cover)[which]
    Z = rng.random((5, 1))
    np.testing.assert_allclose(a(Z), b(Z), rtol=1e-6, atol=1e-9)
    if which != 3:  # noisy expected improvement has a dense factor of its own
        with pytest.raises(
            NotImplementedError, match=r"predicts with derivatives, not SeriesFactor: .*structure='dense'"
        ):
            a(Z, return_grad=True)


NODES = np.linspace(-10.0, 10.0, 40_001)
WEIGHTS = np.exp(-0.5 * NODES**2) / math.sqrt(2 * math.pi) * (NODES[1] - NODES[0])


def test_expected_improvement_is_the_mean_improvement(model, rng):
    f, y = model
    X = rng.random((5, 2))
    p = f.predict(X, y, return_std=True)
    best = f.predict(f.X, y).mean.min()
    wanted = [np.maximum(best - (m + s * NODES), 0.0) @ WEIGHTS for m, s in zip(p.mean, p.std, strict=True)]
    np.testing.assert_allclose(ExpectedImprovement(f, y)(X), wanted, rtol=1e-5, atol=1e-9)
    np.testing.assert_allclose(np.exp(LogExpectedImprovement(f, y)(X)), ExpectedImprovement(f, y)(X), rtol=1e-9)


def test_noisy_is_plain_without_noise(rng):
    X = rng.random((7, 1))
    y = np.cos(4 * X[:, 0])
    f = factor(Matern(1.5, 0.5), X, 0.0)
    Z = rng.random((9, 1))
    np.testing.assert_allclose(NoisyExpectedImprovement(f, y, 8, rng=1)(Z), ExpectedImprovement(f, y)(Z), atol=1e-6)


def test_knowledge_gradient_is_the_expected_fall_of_the_least_mean(model, rng):
    f, y = model
    A = rng.random((8, 2))
    a = KnowledgeGradient(f, y, A, noise=0.05)
    for x in rng.random((4, 2)):
        p = f.predict(np.vstack([A, x]), y, return_cov=True)
        s = p.cov[:, -1] / math.sqrt(p.cov[-1, -1] + 0.05)
        least = (p.mean[:, None] + s[:, None] * NODES).min(axis=0) @ WEIGHTS
        assert a(x[None])[0] == pytest.approx(p.mean[:-1].min() - least, rel=1e-5, abs=1e-8)


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(-3, 3), st.integers(-3, 3)), min_size=1, max_size=7))
def test_expected_maximum_with_ties(lines):
    a, b = (np.array(v, float)[None] for v in zip(*lines, strict=True))
    value, in_a, in_b = expected_maximum(a, b)
    top = (a.T + b.T * NODES).max(axis=0) @ WEIGHTS
    assert value[0] == pytest.approx(top - a.max(), abs=1e-6)
    assert in_a.sum() == pytest.approx(1.0, abs=1e-12)
    # The maximum is its lines weighted by where they are the largest.
    assert (in_a @ a.T + in_b @ b.T)[0, 0] == pytest.approx(top, abs=1e-6)


def test_entropy_of_the_minimum_by_quadrature():
    f = factor(RBF(0.5), [[0.0]], 1e-8)
    x, m = [[0.8]], -0.4
    p = f.predict(x, [0.3], return_std=True)
    mean, std = p.mean[0], p.std[0]
    # The entropy of a normal variable, less that of what is left of it above m.
    v = np.linspace(m, mean + 12 * std, 400_001)
    density = np.exp(-0.5 * ((v - mean) / std) ** 2)
    density /= np.trapezoid(density, v)
    left = -np.trapezoid(density * np.log(density), v)
    wanted = 0.5 * math.log(2 * math.pi * math.e * std**2) - left
    assert MaxValueEntropy(f, [0.3], minima=[m])(x)[0] == pytest.approx(wanted, rel=1e-6)


def test_minima_are_drawn_below_the_means(model, rng):
    f, y = model
    cover = rng.random((200, 2))
    minima = MaxValueEntropy(f, y, cover, 2000, rng=0).minima
    # Their median is that of the minimum of independent normal variables.
    p = f.predict(np.vstack([cover, f.X]), y, return_std=True)
    draws = (p.mean + p.std * rng.standard_normal((4000, p.mean.size))).min(axis=1)
    low, middle, high = np.quantile(draws, (0.45, 0.5, 0.55))
    assert low - 0.02 < np.median(minima) < high + 0.02
    assert minima.min() < middle


def test_where_nothing_is_uncertain():
    f = factor(Matern(2.5), [[0.0], [1.0]], 0.0)
    y = [1.0, 2.0]
    X = [[0.0], [1.0]]
    ei, slope = ExpectedImprovement(f, y)(X, return_grad=True)
    np.testing.assert_allclose(ei, 0.0, atol=1e-8)
    assert np.isfinite(slope).all()
    log_ei, slope = LogExpectedImprovement(f, y, best=1.5)(X, return_grad=True)
    assert log_ei[0] == pytest.approx(math.log(0.5), abs=1e-6) and log_ei[1] < -1e8
    assert np.isfinite(slope[0]).all()
    for a in (KnowledgeGradient(f, y), MaxValueEntropy(f, y, minima=[0.5])):
        value, slope = a(X, return_grad=True)
        assert np.abs(value).max() < 1e-6 and np.isfinite(slope).all()


@pytest.mark.parametrize("scale", [1e-150, 1e150])
def test_scales_of_powers(model, rng, scale):
    f, y = model
    X = rng.random((6, 2))
    big = factor(Matern(2.5, [0.4, 0.6], 1.3 * scale**2), f.X, 1e-2 * scale**2)
    np.testing.assert_allclose(ExpectedImprovement(big, y * scale)(X) / scale, ExpectedImprovement(f, y)(X), rtol=1e-6)
    np.testing.assert_allclose(
        LogExpectedImprovement(big, y * scale)(X) - math.log(scale), LogExpectedImprovement(f, y)(X), rtol=1e-8
    )
    np.testing.assert_allclose(
        KnowledgeGradient(big, y * scale)(X) / scale, KnowledgeGradient(f, y)(X), rtol=1e-5, atol=1e-12
    )


def test_arguments(model):
    f, y = model
    with pytest.raises(TypeError, match="factor must be a factor"):
        ExpectedImprovement(np.eye(3), y)
    with pytest.raises(ValueError, match="y has shape"):
        ExpectedImprovement(f, y[1:])
    for at in (0, 4, -1):
        bad = y.copy()
        bad[at] = np.nan
        with pytest.raises(ValueError, match="y contains nan"):
            LogExpectedImprovement(f, bad)
    with pytest.raises(ValueError, match="beta must be at least 0"):
        UpperConfidenceBound(f, y, -1.0)
    with pytest.raises(ValueError, match="samples must be at least 1"):
        NoisyExpectedImprovement(f, y, 0)
    with pytest.raises(ValueError, match="candidates has 1 columns, expected 2"):
        KnowledgeGradient(f, y, [[0.0]])
    with pytest.raises(TypeError, match="candidates is None"):
        MaxValueEntropy(f, y)
    with pytest.raises(ValueError, match="minima is empty"):
        MaxValueEntropy(f, y, minima=[])
    before = y.copy()
    ExpectedImprovement(f, y)
    np.testing.assert_array_equal(before, y)
