"""The functions that adaptive splines are counted on: exact to rounding, shifted at random, with honest kinds."""

import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.interpolate import CubicSpline

ROOT = Path(__file__).resolve().parents[2]
if not (ROOT / "benchmarks" / "spline_functions.py").is_file():
    pytest.skip("no benchmarks beside the tests", allow_module_level=True)
sys.path.insert(0, str(ROOT))
try:
    from benchmarks import spline_functions as functions
finally:
    sys.path.remove(str(ROOT))

EPS = np.finfo(np.float64).eps
NO_EXTENDED = np.finfo(np.longdouble).eps == EPS


@pytest.mark.parametrize("name", functions.families())
def test_values_are_exact_to_rounding(name):
    p = functions.draw(name, np.random.default_rng(5))
    assert p.kind in functions.KINDS and p.a < p.b
    assert ((p.features >= p.a) & (p.features <= p.b)).all()
    x = np.unique(p.check_points(np.random.default_rng(6), 4000))
    assert x.size > 3000 and x[0] == p.a and x[-1] == p.b
    y = p.exact(x)
    assert y.shape[0] == x.size and y.dtype == np.float64
    known = np.isfinite(y).reshape(x.size, -1).all(axis=1)
    assert known.mean() > 0.5 and (known.all() or p.kind == "broken")
    if NO_EXTENDED or name in ("bessel j0", "blocks"):
        return  # SciPy has no J0 in extended precision, and holds its own to 1e-15; blocks are sums of table entries
    precise = p.exact(x.astype(np.longdouble))
    assert precise.dtype == np.longdouble
    size = np.abs(y[known])
    if name != "pole":  # 1 / (x - c) is a correctly rounded quotient of an exact difference near c
        size = size if p.relative and p.regular else size.max(axis=0)
    # The argument of the fastest oscillation is about 330, its rounding 330 eps / 2.
    assert (np.abs(precise[known] - y[known]) <= 170 * EPS * size).all()


def test_every_family_shifts_and_repeats():
    for name in functions.families():
        one, same, other = (functions.draw(name, np.random.default_rng(s)) for s in (1, 1, 2))
        x = one.check_points(np.random.default_rng(0), 300)
        np.testing.assert_array_equal(one.f(x), same.f(x))
        if name != "aliased":
            y, z = one.f(x), other.f(x)
            assert y.shape != z.shape or not np.array_equal(y, z, equal_nan=True), name
    problems = list(functions.shifted(40, seed=3))
    assert len(problems) == 40 and all(p.regular for p in problems)
    assert {p.name for p in problems} == set(functions.families("regular"))


def test_regular_features_are_seen_by_33_samples():
    # Some of 33 jittered samples must differ from what the others would predict; a narrow bump may differ in none.
    for seed in range(20):
        rng = np.random.default_rng(seed)
        for name in ("bump 0.015", "resonance 1e-06", "spikes 10 30 60", "front 1e-03"):
            p = functions.draw(name, rng)
            x = np.linspace(p.a, p.b, 33)
            assert np.ptp(p.f(x)) > 1e-9, name
    missed = [functions.draw("bump 0.001", np.random.default_rng(s)) for s in range(50)]
    x = np.linspace(0, 1, 33)
    assert any(np.ptp(p.f(x)) == 0 for p in missed)


def test_worst_is_error_over_tolerance():
    p = functions.draw("exp sin", np.random.default_rng(0))
    rng = np.random.default_rng(1)
    assert p.worst(p.f, 1e-6, rng) == 0
    # An offset of one tolerance of the largest value is 1 there (2 rtol max) and 2/(1 + |f|/max) elsewhere.
    top = p.f(np.linspace(p.a, p.b, 100_001)).max()
    assert p.worst(lambda x: p.f(x) + 2e-6 * top, 1e-6, rng) == pytest.approx(2 / (1 + np.exp(-2)), rel=1e-3)
    assert p.worst(lambda x: np.where(x < 1e-3, np.nan, p.f(x)), 1e-6, rng) == np.inf
    assert p.worst(lambda x: np.where(x < 1e-3, np.nan, p.f(x)), 1e-6, rng, skip=[(0.0, 1e-3)]) == 0
    grid = np.linspace(0, 4, 60)
    s = CubicSpline(grid, p.f(grid))
    with_knots = p.worst(s, 1e-6, rng, knots=grid)
    assert with_knots == pytest.approx(p.worst(s, 1e-6, rng), rel=0.05) and with_knots > 1


def test_noisy_signals():
    for name in ("blocks", "bumps", "heavisine", "doppler"):
        x, y, truth = functions.donoho(name, 2048, 7.0, np.random.default_rng(0))
        assert x.shape == y.shape == truth.shape == (2048,)
        assert truth.std() / (y - truth).std() == pytest.approx(7, rel=0.06)
    with pytest.raises(ValueError, match="name must be"):
        functions.donoho("saw", 10, 1.0, np.random.default_rng(0))
