"""`Spline.solve` and `roots`: SciPy's answers, without solving the pieces that cannot hold a root."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from kriss.spline import Spline, cubic, interpolant
from kriss.spline._roots import _candidates


@pytest.mark.parametrize("order", [1, 2, 3, 4, 6, 8])
@pytest.mark.parametrize("extrapolate", [True, False])
@pytest.mark.parametrize("discontinuity", [True, False])
def test_jumping_pieces(order, extrapolate, discontinuity):
    rng = np.random.default_rng(order)
    for _ in range(20):
        x = np.cumsum(rng.uniform(0.1, 1.0, 40))
        s = Spline(x, rng.standard_normal((order, 39)))
        for y in (0.0, 0.7, -30.0):
            expected = s.to_ppoly().solve(y, discontinuity, extrapolate)
            assert_array_equal(s.solve(y, discontinuity=discontinuity, extrapolate=extrapolate), expected)


@pytest.mark.parametrize("k", [1, 3, 5])
def test_smooth(k):
    x = np.linspace(0.0, 20.0, 2000)
    s = interpolant(x, np.sin(x) + 0.1 * x, k=k)
    for y in (0.0, 0.5, 1.0, 3.0):
        roots = s.solve(y, extrapolate=False)
        assert_array_equal(roots, s.to_ppoly().solve(y, extrapolate=False))
        # A root is a float: what is left is the rounding of the argument and of some 20 operations.
        assert np.abs(s(roots) - y).max(initial=0.0) <= 64 * np.finfo(float).eps * 20
    assert_array_equal(s.roots(), s.to_ppoly().roots())


def test_most_pieces_are_left_out():
    x = np.linspace(0.0, 20.0, 5000)
    s = cubic(x, np.sin(x))
    may = _candidates(s.c, np.diff(x), 0.5)
    assert s.solve(0.5, extrapolate=False).size == 7
    assert 7 <= may.sum() <= 14


@given(
    st.lists(st.integers(-3, 3), min_size=4, max_size=24),
    st.integers(1, 4),
    st.integers(-2, 2),
    st.booleans(),
    st.booleans(),
)
def test_integers(values, order, y, discontinuity, extrapolate):
    """Roots at knots, pieces that vanish, jumps from and to zero."""
    cells = max(len(values) // order, 1)
    c = np.resize(np.array(values, float), (order, cells))
    s = Spline(np.arange(cells + 1.0), c)
    expected = s.to_ppoly().solve(y, discontinuity, extrapolate)
    assert_array_equal(s.solve(y, discontinuity=discontinuity, extrapolate=extrapolate), expected)


def test_columns_policies_and_arguments():
    rng = np.random.default_rng(0)
    x = np.arange(30.0)
    s = cubic(x, rng.standard_normal((30, 2, 3)), extrapolate="constant")
    roots = s.roots()
    assert roots.shape == (2, 3) and roots.dtype == object
    for at in np.ndindex(2, 3):
        assert_array_equal(roots[at], s.to_ppoly().roots(extrapolate=False)[at])
    one = cubic(x.astype(np.float32), rng.standard_normal(30).astype(np.float32))
    assert_array_equal(one.roots(), one.to_ppoly().roots())
    assert cubic(x, np.zeros(30)).roots(extrapolate=False)[0] == 0.0
    assert Spline([0.0, 1.0], [[np.nan], [1.0]]).roots(extrapolate=False).size == 0
    for bad in (np.nan, np.inf):
        with pytest.raises(ValueError, match="y must be finite"):
            s.solve(bad)
    with pytest.raises(TypeError, match="y must be a real number"):
        s.solve("0")


@pytest.mark.parametrize("scale", [1e-300, 1e-150, 1e150, 1e300])
def test_range(scale):
    x = np.linspace(0.0, 10.0, 50)
    y = np.sin(x)
    expected = cubic(x, y).roots(extrapolate=False)
    found = cubic(x, y * scale).roots(extrapolate=False)
    assert found.size == expected.size
    # Near such a root the slope is near 1: roots move by a few roundings of the coefficients.
    assert np.abs(found - expected).max() <= 1e-13
