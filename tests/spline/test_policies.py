"""What a spline does beyond its knots: six policies, each with its derivatives, integrals and errors."""

import copy
import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from kriss import _backend
from kriss.spline import Spline, cubic
from kriss.spline._piecewise import check_inside

POLICIES = ["extrapolate", "nan", "periodic", "constant", "zero", "raise"]


def make(columns=(), dtype=np.float64, seed=3, axis=0):
    rng = np.random.default_rng(seed)
    x = np.cumsum(rng.uniform(0.2, 1.0, 12)).astype(dtype)
    c = rng.standard_normal((4, 11, *columns)).astype(dtype)
    return Spline(x, c, axis=axis)


def points(s, n=101, seed=5):
    rng = np.random.default_rng(seed)
    q = rng.uniform(float(s.x[0]) - 2, float(s.x[-1]) + 2, n).astype(s.x.dtype)
    q[:4] = s.x[0], s.x[-1], np.nextafter(s.x[0], s.x.dtype.type(-9)), np.nextafter(s.x[-1], s.x.dtype.type(99))
    q[4:7] = np.nan, np.inf, -np.inf
    return q


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("columns", [(), (3,), (2, 9)])
@pytest.mark.parametrize("n", [1, 7, 101, 300])
@pytest.mark.parametrize("nu", [0, 1, 3, 5])
def test_constant_and_zero(dtype, columns, n, nu):
    s = make(columns, dtype)
    q = points(s, max(n, 8))[:n]
    low, high = s.x[0], s.x[-1]
    inside = s(np.clip(q, low, high), nu)
    outside = ((q < low) | (q > high)).reshape(-1, *(1,) * len(columns))
    zero = np.where(outside, dtype(0), inside)
    assert_array_equal(s(q, nu, extrapolate="zero"), zero)
    assert_array_equal(s(q, nu, extrapolate="constant"), inside if nu == 0 else zero)


def test_names_for_what_bools_say():
    s = make((2,))
    q = points(s)
    assert_array_equal(s(q, extrapolate="extrapolate"), s(q, extrapolate=True))
    assert_array_equal(s(q, extrapolate="nan"), s(q, extrapolate=False))


@pytest.mark.parametrize("policy", [*POLICIES, True, False])
def test_the_choice_of_the_object_and_of_the_call_are_the_same(policy):
    s = make()
    q = points(s)
    t = Spline(s.x, s.c, extrapolate=policy)
    assert t.extrapolate is policy
    for other in (copy.copy(t), pickle.loads(pickle.dumps(t))):
        assert other.extrapolate == policy
    if policy == "raise":
        q = np.clip(q, s.x[0], s.x[-1])
    assert_array_equal(t(q), s(q, extrapolate=policy))
    assert_array_equal(cubic(s.x, s.x**2, extrapolate=policy)(q), cubic(s.x, s.x**2)(q, extrapolate=policy))


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_axis(axis):
    s, plain = make((2, 3), axis=axis), make((2, 3))
    q = points(s, 30).reshape(6, 5)
    expected = np.moveaxis(plain(q, extrapolate="constant"), (0, 1), (axis, axis + 1))
    assert_array_equal(s(q, extrapolate="constant"), expected)
    a, b = float(s.x[0]) - 1, float(s.x[-1]) + 2
    assert_array_equal(s.integrate(a, b, extrapolate="constant"), plain.integrate(a, b, extrapolate="constant"))


def test_raise_names_the_point():
    s = make()
    low, high = float(s.x[0]), float(s.x[-1])
    assert_array_equal(s([low, high, np.nan], extrapolate="raise"), s([low, high, np.nan]))
    for bad, name in (
        (low - 1, r"x = "),
        ([[low, high], [low, high + 1]], r"x\[1, 1\] = "),
        ([np.inf], r"x\[0\] = inf"),
    ):
        with pytest.raises(ValueError, match=name + r".*outside the knots"):
            s(bad, extrapolate="raise")
    out = np.full(2, 7.0)
    with pytest.raises(ValueError, match="outside"):
        s(np.array([low, high + 1]), out=out, extrapolate="raise")
    assert_array_equal(out, 7.0)
    with pytest.raises(ValueError, match="outside"):
        s.integrate(low - 1, high, extrapolate="raise")
    assert s.integrate(low, high, extrapolate="raise") == s.integrate(low, high)
    with pytest.raises(ValueError, match="outside"):
        check_inside(np.array(high + 1), low, high)


@pytest.mark.parametrize("bad", ["linear", "", "Constant", "true"])
def test_other_names_are_refused(bad):
    s = make()
    for call in (lambda: s(1.0, extrapolate=bad), lambda: Spline(s.x, s.c, extrapolate=bad)):
        with pytest.raises(ValueError, match="extrapolate must be True, False or one of 'nan', 'extrapolate'"):
            call()


@pytest.mark.parametrize("policy", ["extrapolate", "constant", "zero", "periodic", "nan"])
def test_derivative_agrees_beyond_the_knots(policy):
    s = Spline(make().x, make().c, extrapolate=policy)
    q = points(s)
    for nu in (1, 2, 3):
        # Coefficients multiplied before or after the powers: a rounding each.
        assert_allclose(s.derivative(nu)(q), s(q, nu), rtol=1e-12, atol=1e-12)
    assert_array_equal(s.derivative(0)(q), s(q))


def test_antiderivative_of_zero_is_constant_beyond():
    s = Spline(make().x, make().c, extrapolate="zero")
    F = s.antiderivative()
    assert F.extrapolate == "constant" and F.antiderivative().extrapolate == "nan"
    low, high = float(s.x[0]), float(s.x[-1])
    assert F(low - 5) == 0.0
    assert_allclose(F(high + 5), s.integrate(low, high), rtol=1e-13)
    assert Spline(s.x, s.c, extrapolate="periodic").antiderivative().extrapolate == "nan"
    assert Spline(s.x, s.c, extrapolate=True).antiderivative().extrapolate is True
    assert s.antiderivative(2).extrapolate == "nan"


@pytest.mark.parametrize("policy", ["constant", "zero", "extrapolate", "periodic"])
@pytest.mark.parametrize("columns", [(), (2,)])
def test_integrals_add_up(policy, columns):
    x = make().x
    s = cubic(x, np.random.default_rng(2).standard_normal((12, *columns)), extrapolate=policy)
    low, high = float(s.x[0]), float(s.x[-1])
    if policy != "extrapolate":
        # The midpoint rule over the same function: where it is smooth the error is below 1e-5, and each of at most four
        # jumps at an end of the knots costs at most the width h times half its height, which is at most 2 max|s|.
        for a, b in ((low - 1.5, high + 2.5), (low - 3, low - 1), (high + 1, high + 2), (low + 1, high + 1)):
            h = (b - a) / 4000
            grid = a + h * (np.arange(4000) + 0.5)
            assert_allclose(
                s.integrate(a, b), s(grid).sum(axis=0) * h, rtol=0, atol=4 * h * np.abs(s(grid)).max() + 1e-4
            )
    for a, m, b in ((low - 3, low - 1, high + 2), (high + 1, low - 2, low + 1), (low + 1, high - 1, high + 4)):
        total = s.integrate(a, m) + s.integrate(m, b)
        assert_allclose(s.integrate(a, b), total, rtol=1e-11, atol=1e-11)
        assert_allclose(s.integrate(b, a), -s.integrate(a, b), rtol=0, atol=0)


def test_to_ppoly_says_nan_where_scipy_has_no_policy():
    s = make()
    for policy, expected in (
        ("extrapolate", True),
        (True, True),
        ("nan", False),
        (False, False),
        ("constant", False),
        ("zero", False),
        ("raise", False),
        ("periodic", "periodic"),
    ):
        assert Spline(s.x, s.c, extrapolate=policy).to_ppoly().extrapolate == expected
    assert Spline(s.x, s.c, extrapolate="constant").roots().size == s.roots(extrapolate=False).size


@pytest.mark.skipif(_backend.core() is None, reason="the compiled module is not built")
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_backends_agree_to_the_bit(dtype):
    pytest.importorskip("numba")
    from kriss import use_backend

    s = make((3,), dtype)
    q = points(s, 300)
    for policy in ("constant", "zero"):
        for nu in (0, 1):
            found = []
            for name in ("compiled", "numba"):
                with use_backend(name):
                    found.append(s(q, nu, extrapolate=policy))
            assert_array_equal(*found)
