"""Least-squares splines: against FITPACK with the same knots, and knots placed by the data."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.interpolate import LSQUnivariateSpline, UnivariateSpline

from kriss.spline import SplineFit, fit

# A property of titanium over temperature, 49 measured points; de Boor 1978, chapter XIII.
HEAT_X = np.arange(595.0, 1076.0, 10.0)
# fmt: off
HEAT_Y = np.array([
    0.644, 0.622, 0.638, 0.649, 0.652, 0.639, 0.646, 0.657, 0.652, 0.655, 0.644, 0.663, 0.663, 0.668,
    0.676, 0.676, 0.686, 0.679, 0.678, 0.683, 0.694, 0.699, 0.710, 0.730, 0.763, 0.812, 0.907, 1.044,
    1.336, 1.881, 2.169, 2.075, 1.598, 1.211, 0.916, 0.746, 0.672, 0.627, 0.615, 0.607, 0.606, 0.609,
    0.603, 0.601, 0.603, 0.601, 0.611, 0.601, 0.608,
])
# fmt: on


def fitpack(x, y, number):
    """FITPACK's smoothing spline with at most `number` interior knots, refitted on its own knots without smoothing."""
    low, high = 1e-10, float(((y - y.mean()) ** 2).sum())
    for _ in range(60):
        middle = np.sqrt(low * high)
        if UnivariateSpline(x, y, s=middle).get_knots().size - 2 > number:
            low = middle
        else:
            high = middle
    knots = UnivariateSpline(x, y, s=high).get_knots()[1:-1]
    return LSQUnivariateSpline(x, y, knots).get_residual()


@pytest.mark.parametrize("k", [1, 2, 3, 4, 5])
def test_given_knots_against_fitpack(k, rng):
    x = np.sort(rng.random(80))
    y, w = np.sin(6 * x) + 0.1 * rng.standard_normal(80), rng.uniform(0.5, 2, 80)
    knots = np.array([0.2, 0.4, 0.5, 0.8])
    ours, theirs = fit(x, y, w, knots=knots, k=k), LSQUnivariateSpline(x, y, knots, w=w, k=k)
    q = np.linspace(x[0], x[-1], 300)
    assert_allclose(ours(q), theirs(q), rtol=0, atol=1e-9)
    assert ours.rss == pytest.approx(theirs.get_residual(), rel=1e-10)
    assert_array_equal(ours.knots, knots)
    assert_allclose(ours.residuals, y - ours(x), rtol=0, atol=0)
    assert ours.rss == pytest.approx(((w * ours.residuals) ** 2).sum())
    assert ours.iterations == 1 and ours.t.size == ours.coefficients.size + k + 1
    assert ours.spline.k == k
    # The residual of a minimum is orthogonal to the fitted space.
    assert abs((w**2 * ours.residuals * ours(x)).sum()) < 1e-9


# Residual sums of squares of this routine, to be lowered, never raised.
@pytest.mark.parametrize(("number", "record"), [(4, 0.0641), (5, 0.00766), (6, 0.00336), (7, 0.00157), (10, 0.00113)])
def test_titanium(number, record):
    s = fit(HEAT_X, HEAT_Y, knots=number)
    assert isinstance(s, SplineFit) and s.knots.size == number
    assert s.rss <= record
    uniform = LSQUnivariateSpline(HEAT_X, HEAT_Y, np.linspace(595, 1075, number + 2)[1:-1]).get_residual()
    assert s.rss < uniform / 20
    assert s.rss < fitpack(HEAT_X, HEAT_Y, number)


@pytest.mark.parametrize(
    ("number", "equal", "greedy", "placed"),
    [(5, 1.53, 0.0550, 0.0077), (6, 1.89, 0.0173, 0.0034), (7, 0.628, 0.0090, 0.0016), (10, 0.181, 0.0052, 0.0011)],
)
def test_titanium_table_of_the_docs(number, equal, greedy, placed):
    uniform = LSQUnivariateSpline(HEAT_X, HEAT_Y, np.linspace(595, 1075, number + 2)[1:-1]).get_residual()
    assert abs(uniform - equal) <= 0.005
    assert abs(fitpack(HEAT_X, HEAT_Y, number) - greedy) <= 0.0001
    assert abs(fit(HEAT_X, HEAT_Y, knots=number).rss - placed) <= 0.00006


@pytest.mark.parametrize(("f", "gain"), [(lambda x: np.tanh(40 * x), 30), (lambda x: 1 / (1 + 25 * x**2), 3)])
def test_placed_knots_beat_uniform_ones(f, gain):
    x = np.linspace(-1, 1, 400)
    uniform = fit(x, f(x), knots=np.linspace(-1, 1, 14)[1:-1])
    assert fit(x, f(x), knots=12).rms < uniform.rms / gain


def test_splines_are_reproduced(rng):
    x = np.linspace(0, 1, 60)
    knots = np.array([0.3, 0.35, 0.8])
    target = fit(x, rng.standard_normal(60), knots=knots).spline
    again = fit(x, target(x), knots=knots)
    assert again.rms < 1e-13
    assert fit(x, 2 - 3 * x + x**3, knots=0).rms < 1e-14


def test_order_ties_and_kinds(rng):
    x = rng.integers(0, 30, 100)
    y = rng.standard_normal(100)
    p = rng.permutation(100)
    a, b = fit(x, y, knots=4), fit(x[p], y[p], knots=4)
    assert_allclose(a.knots, b.knots, rtol=1e-9)
    assert_allclose(a.residuals[p], b.residuals, atol=1e-9)
    assert_allclose(fit(x.tolist(), y.tolist(), knots=[5, 10, 20]).rss, fit(x, y, knots=(5.0, 10.0, 20.0)).rss)


@pytest.mark.parametrize("k", [1, 3, 5])
def test_as_many_knots_as_data_allow(k, rng):
    x = np.sort(rng.random(12))
    y = rng.standard_normal(12)
    assert fit(x, y, knots=12 - k - 1, k=k).rms < 1e-8
    with pytest.raises(ValueError, match="at most"):
        fit(x, y, knots=12 - k, k=k)


@pytest.mark.parametrize(
    ("kwargs", "error", "match"),
    [
        ({"knots": -1}, ValueError, "knots"),
        ({"knots": 1.5}, ValueError, "knots"),
        ({"knots": [0.5, 0.5]}, ValueError, "increasing"),
        ({"knots": [0.5, 0.2]}, ValueError, "increasing"),
        ({"knots": [-1.0]}, ValueError, "inside"),
        ({"knots": [0.501, 0.502, 0.503, 0.504, 0.505, 0.506]}, ValueError, "Schoenberg"),
        ({"knots": 2, "k": 0}, ValueError, "k must"),
        ({"knots": 2, "w": np.zeros(20)}, ValueError, "w must be positive"),
        ({"knots": 2, "w": np.ones(3)}, ValueError, "w has shape"),
        ({"knots": [np.nan]}, ValueError, "knots contains"),
        ({"knots": True}, ValueError, "knots"),
    ],
)
def test_bad_arguments(kwargs, error, match):
    x = np.linspace(0, 1, 20)
    with pytest.raises(error, match=match):
        fit(x, x, **kwargs)


def test_bad_data():
    x = np.linspace(0, 1, 20)
    for bad in (np.nan, np.inf):
        y = x.copy()
        y[7] = bad
        with pytest.raises(ValueError, match="y contains"):
            fit(x, y, knots=2)
    with pytest.raises(ValueError, match="y has shape"):
        fit(x, x[1:], knots=2)
    with pytest.raises(ValueError, match="at least k"):
        fit(x[:3], x[:3], knots=0)
    with pytest.raises(ValueError, match="only the value"):
        fit(np.ones(9), np.ones(9), knots=0)
    with pytest.raises(TypeError, match="x"):
        fit(x + 0j, x, knots=1)
