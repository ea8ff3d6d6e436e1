"""The Matern covariance: closed forms, multi-precision values, derivatives, limits, bad input."""

import dataclasses

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import kriss
from kriss._backend import core, has_numba
from kriss.special import MaternGradient, matern

SMOOTHNESS = (1e-3, 0.3, 0.7, 1.0, 7.9, 8.5, 24.6, 40.0, 1e4)
DISTANCES = ((1e-12, 1.0), (0.03, 0.37), (0.9, 1.0), (4.0, 0.37), (30.0, 1.0))
DIGITS = 60


def log_k(nu, z):
    """Trapezoidal rule on the integral of K over cosh, until two sums agree."""
    peak = mp.asinh(nu / z)

    def g(t):
        return -z * mp.cosh(t) + nu * t + mp.log1p(mp.exp(-2 * nu * t)) - mp.log(2)

    top, high, drop = g(peak), peak + 1 / mp.sqrt(1 + mp.hypot(nu, z)), (DIGITS + 3) * mp.log(10)
    while g(high) > top - drop:
        high = peak + (high - peak) * 1.25
    low = max(mp.mpf(0), 2 * peak - high)
    while low > 0 and g(low) > top - drop:
        low = max(mp.mpf(0), peak - (peak - low) * 1.25)
    n, before = 64, None
    while True:
        h = (high - low) / n
        total = mp.fsum(mp.exp(g(low + i * h) - top) / (2 if i in (0, n) else 1) for i in range(n + 1))
        now = top + mp.log(total * h)
        if before is not None and abs(now - before) < mp.mpf(10) ** (8 - DIGITS) * (1 + abs(now)):
            return now
        n, before = 2 * n, now


def reference(r, nu, length):
    """Value and the three derivatives, the latter by central differences, at 60 digits."""
    with mp.workdps(DIGITS):

        def k(r, nu, length):
            z = mp.sqrt(2 * nu) * r / length
            return mp.exp((1 - nu) * mp.log(2) - mp.loggamma(nu) + nu * mp.log(z) + log_k(nu, z))

        at = [mp.mpf(r), mp.mpf(nu), mp.mpf(length)]
        out = [k(*at)]
        for j in (0, 2, 1):
            h = at[j] * mp.mpf(10) ** -10
            up, down = list(at), list(at)
            up[j] += h
            down[j] -= h
            out.append((k(*up) - k(*down)) / (2 * h))
        return [float(y) for y in out]


@pytest.mark.parametrize("nu", SMOOTHNESS)
def test_against_multi_precision(nu):
    for r, length in DISTANCES:
        value, by_r, by_length, by_nu = reference(r, nu, length)
        found = matern(r, nu, length, deriv=True)
        assert abs(found.value - value) <= 1e-14
        assert found.value == matern(r, nu, length)
        # An exponential has the relative error of its exponent times the exponent.
        rel = 1e-15 * (10 + abs(np.log(value))) if value > 0 else 0
        for one, expected in ((found.value, value), (found.by_r, by_r), (found.by_lengthscale, by_length)):
            assert one == pytest.approx(expected, rel=rel, abs=1e-300)
        assert abs(found.by_nu - by_nu) <= 5e-14


def test_half_integers_have_closed_forms(rng):
    r = np.concatenate([[0.0], 10 ** rng.uniform(-6, 1.5, 500)])
    for length in (1.0, 2.3):
        s = r / length
        a, b = np.sqrt(3) * s, np.sqrt(5) * s
        np.testing.assert_allclose(matern(r, 0.5, length), np.exp(-s), rtol=0, atol=2e-15)
        np.testing.assert_allclose(matern(r, 1.5, length), (1 + a) * np.exp(-a), rtol=0, atol=2e-15)
        np.testing.assert_allclose(matern(r, 2.5, length), (1 + b + b * b / 3) * np.exp(-b), rtol=0, atol=2e-15)


def test_limits():
    inf = np.inf
    assert matern(0.0, 1.7) == 1.0
    assert matern(inf, 1.7) == 0.0
    assert matern(1.3, inf) == pytest.approx(np.exp(-0.845), rel=1e-15)
    assert matern(1.3, 1e15) == pytest.approx(np.exp(-0.845), rel=1e-14)
    for nu, slope in ((0.3, -inf), (0.5, -0.5), (0.7, 0.0), (9.0, 0.0), (inf, 0.0)):
        found = matern(0.0, nu, 2.0, deriv=True)
        assert (found.value, found.by_r, found.by_lengthscale, found.by_nu) == (1.0, slope, 0.0, 0.0)
    far = matern(1e200, 3.0, deriv=True)
    assert (far.value, far.by_r, far.by_lengthscale, far.by_nu) == (0.0, 0.0, 0.0, 0.0)
    near = matern(1e-320, 3.0, 1e10, deriv=True)
    assert near.value == 1.0 and near.by_nu == 0.0


def test_shapes_and_precision(rng):
    r = rng.random((4, 1, 3))
    nu = np.array([0.5, 1.7])[:, None]
    assert matern(r, nu, 0.3).shape == (4, 2, 3)
    found = matern(r, nu, [0.3, 1.0, 2.0], deriv=True)
    assert isinstance(found, MaternGradient)
    assert {getattr(found, f.name).shape for f in dataclasses.fields(found)} == {(4, 2, 3)}
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.value = 0
    assert matern(r.astype(np.float32), 1.7).dtype == np.float32
    assert matern(r.astype(np.float32), nu).dtype == np.float64
    assert matern([0, 1], 2).dtype == np.float64
    assert matern(np.empty((0, 2)), 1.0).shape == (0, 2)
    expected = matern(r, 1.7)
    for kind in (r[::-1][::-1], np.asfortranarray(r), r.astype(">f8"), r.tolist()):
        np.testing.assert_array_equal(matern(kind, 1.7), expected)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (([1.0, -0.5], 1.7), ValueError, r"r contains -0.5 at index \(1,\), expected numbers that are not negative"),
        (([np.nan, 0.5], 1.7), ValueError, r"r contains nan at index \(0,\)"),
        ((1.0, 0.0), ValueError, "nu contains 0.0, expected positive numbers"),
        ((1.0, -2.0), ValueError, "nu contains -2.0"),
        ((1.0, 1.7, 0.0), ValueError, "lengthscale contains 0.0, expected positive, finite numbers"),
        ((1.0, 1.7, np.inf), ValueError, "lengthscale contains inf"),
        ((1.0, 1.7, np.nan), ValueError, "lengthscale contains nan"),
        ((1j, 1.7), TypeError, "r has dtype complex128"),
        ((1.0, "a"), TypeError, "nu has dtype"),
        (([1.0, 2.0], [1.0, 2.0, 3.0]), ValueError, r"the shapes of r \(2,\), nu \(3,\), lengthscale \(\) do not"),
    ],
)
def test_bad_input(arguments, error, message):
    with pytest.raises(error, match=message):
        matern(*arguments)


@pytest.mark.skipif(core() is None or not has_numba(), reason="needs both backends")
def test_both_backends_return_the_same_bits(rng):
    r, nu = 10 ** rng.uniform(-8, 2, 3000), 10 ** rng.uniform(-3, 4, 3000)
    with kriss.use_backend("compiled"):
        ours = dataclasses.astuple(matern(r, nu, 0.7, deriv=True))
        value = matern(r, nu, 0.7)
    with kriss.use_backend("numba"):
        theirs = dataclasses.astuple(matern(r, nu, 0.7, deriv=True))
    np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_array_equal(value, ours[0])


@given(st.floats(1e-10, 50), st.floats(1e-3, 1e4), st.floats(0.1, 10))
def test_scaling_and_monotonicity(r, nu, length):
    one = matern(r, nu, length, deriv=True)
    assert 0 <= one.value <= 1 + 1e-14
    assert one.by_r <= 0 <= one.by_lengthscale
    # k depends on r / length alone (Euler)
    assert one.by_r * r == pytest.approx(-one.by_lengthscale * length, rel=1e-14, abs=1e-300)
    assert matern(4 * r, nu, 4 * length) == one.value
