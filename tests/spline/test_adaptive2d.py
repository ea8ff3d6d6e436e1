"""Adaptive interpolation in two variables: tolerance, hidden features, suspects, certificate, limits, bad input."""

import copy
import pickle
import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from kriss.spline import AdaptiveSpline2D, Certificate2D, interpolate2d

UNIT = ((0.0, 1.0), (0.0, 1.0))


def smooth(x, y):
    return np.exp(-x * y) * np.sin(3 * x + 1)


def rough(t):
    """Noise in [0, 1) that is a function."""
    return np.modf(np.abs(np.sin(t)) * 4e4)[0]


def worst(s, f, rtol, box=UNIT, count=40_000, atol=None):
    """Largest error over tolerance at random points, and the share of them above it."""
    u = np.random.default_rng(99).random((2, count))
    x, y = (low + (high - low) * u[i] for i, (low, high) in enumerate(box))
    z = f(x, y)
    size = np.abs(z)
    tol = rtol * (size + size.max(axis=0)) if atol is None else rtol * size + atol
    ratio = np.abs(s(x, y) - z) / np.where(tol > 0, tol, 1.0)
    return ratio.max(), (ratio > 1).mean()


def draw(name, seed):
    """Shifted functions on the unit square."""
    rng = np.random.default_rng(seed)
    c, d = rng.uniform(0.2, 0.8, 2)
    p, q = rng.uniform(0, 6, 2)
    w, phase = rng.standard_normal((2, 20)) * 8, rng.uniform(0, 6, 20)
    return {
        "waves": lambda x, y: np.sin(15 * x + 3 * y + p) * np.cos(10 * y + q),
        "runge": lambda x, y: 1 / (1 + 100 * ((x - c) ** 2 + (y - d) ** 2)),
        "bump": lambda x, y: 1 + np.exp(-((x - c) ** 2 + (y - d) ** 2) / 0.04**2),
        "front": lambda x, y: np.tanh((x - c) / 0.01) * (1 + y),
        "ridge": lambda x, y: np.tanh((x + y - c - d) / 0.1),
        "process": lambda x, y: np.cos(np.multiply.outer(x, w[0]) + np.multiply.outer(y, w[1]) + phase).sum(axis=-1),
    }[name]


@pytest.mark.parametrize("rtol", [1e-3, 1e-6, 1e-9])
@pytest.mark.parametrize("name", ["waves", "runge", "bump", "front", "ridge", "process"])
def test_tolerance_is_met(name, rtol):
    for seed in range(3):
        f = draw(name, seed)
        s = interpolate2d(f, *UNIT, rtol=rtol, rng=seed)
        assert s.converged
        high, share = worst(s, f, rtol)
        # The certificate allows violations on 1% of the area; recorded over 192 draws: at most 1.1 times the tolerance,
        # on 1.3e-4 of the area.
        assert high < 1.5 and share < 1e-3
        assert share <= s.certificate.area


def test_costs_do_not_grow():
    # Evaluations as recorded when the constants were chosen, plus a tenth.
    for name, rtol, most in (
        ("waves", 1e-6, 5900),
        ("bump", 1e-6, 10500),
        ("front", 1e-9, 8400),
        ("ridge", 1e-6, 10700),
        ("process", 1e-9, 16500),
    ):
        counts = [interpolate2d(draw(name, seed), *UNIT, rtol=rtol).n_evals for seed in range(3)]
        assert np.median(counts) < most, (name, rtol, counts)


def test_only_the_axis_that_needs_it_is_refined():
    s = interpolate2d(draw("front", 0), *UNIT, rtol=1e-6)
    assert s.x.size > 100 and s.y.size == 17
    s = interpolate2d(lambda x, y: draw("front", 0)(y, x), *UNIT, rtol=1e-6)
    assert s.y.size > 100 and s.x.size == 17


def test_a_feature_off_the_lines_is_seen_by_the_random_points():
    # A bump of which no line of the first grid sees more than 2e-9 of the tolerance.
    probe = interpolate2d(lambda x, y: 1.0 + 0 * x, *UNIT, rng=5)
    gap = np.argmax(np.diff(probe.x)), np.argmax(np.diff(probe.y))
    c = tuple(at[i] + (at[i + 1] - at[i]) / 2 for at, i in zip((probe.x, probe.y), gap, strict=True))
    width = np.diff(probe.x)[gap[0]] / 2 / 6

    def bump(x, y):
        return 1 + np.exp(-((x - c[0]) ** 2 + (y - c[1]) ** 2) / width**2)

    assert np.ptp(bump(probe.x[:, None], probe.y)) < 1e-15
    s = interpolate2d(bump, *UNIT, rng=5, verification=4000)
    assert s.converged and s.certificate.attempts > 1
    high, share = worst(s, bump, 1e-6)
    assert high < 3 and share <= s.certificate.area


def test_result_fields():
    s = interpolate2d(smooth, (0, 2), (0, 1), rtol=1e-7)
    assert isinstance(s, AdaptiveSpline2D) and s.status == "converged" and s.k == 5 and s.suspects == ()
    assert_array_equal(s.z, smooth(s.x[:, None], s.y))
    assert_allclose(s(s.x, s.y, grid=True), s.z, rtol=0, atol=1e-14)
    assert s.x[0] == 0 and s.x[-1] == 2 and s.y[0] == 0 and s.y[-1] == 1
    assert s.error_x.shape == (s.x.size - 1,) and s.error_y.shape == (s.y.size - 1,)
    assert np.nanmax(s.error_x) <= 1 and np.nanmax(s.error_y) <= 1
    px, py, pv = s.extra
    assert_array_equal(pv, smooth(px, py))
    # No sample is lost: the grid and the checks are all there are.
    assert s.z.size + px.size == s.n_evals
    assert s.atol == 1e-7 * max(np.abs(s.z).max(), np.abs(pv).max())
    c = s.certificate
    assert isinstance(c, Certificate2D) and c.violations == 0 and c.worst <= 1
    assert c.area == pytest.approx(1 - 0.05 ** (1 / c.points))
    for array in (s.x, s.y, s.z, s.error_x, s.error_y, s.atol, *s.extra):
        assert not array.flags.writeable
    with pytest.raises(AttributeError):
        s.status = "better"
    q = np.stack([[0.3, 1.2], [0.4, 0.9]], axis=1)
    assert_allclose(s.to_ndbspline()(q), s(q[:, 0], q[:, 1]), rtol=0, atol=1e-14)
    assert_allclose(s.to_ndppoly()(q), s(q[:, 0], q[:, 1]), rtol=0, atol=1e-13)
    assert s(0.3, 0.4, nu=(0, 1)) == pytest.approx(-0.3 * smooth(0.3, 0.4), rel=1e-5)
    out = np.empty(2)
    assert s(q[:, 0], q[:, 1], out=out) is out
    g = interpolate2d(lambda x, y: np.exp(x - 2 * y), *UNIT, rtol=1e-9)
    assert g.integrate(0, 1, 0, 1) == pytest.approx((np.e - 1) * (1 - np.exp(-2)) / 2, rel=1e-9)


def test_counts_are_calls():
    sizes = []

    def f(x, y):
        sizes.append(x.size)
        x[:] = smooth(x, y)  # it may even write to its argument
        return x

    s = interpolate2d(f, *UNIT)
    assert len(sizes) == s.n_rounds and sum(sizes) == s.n_evals
    t = interpolate2d(lambda x, y, a: a * smooth(x, y), *UNIT, args=(1.0,), vectorized=False)
    assert_array_equal(t.x, s.x)
    assert_array_equal(t.z, s.z)


def test_same_result_each_time_and_for_any_number_of_workers():
    s, t = (interpolate2d(draw("runge", 1), *UNIT, workers=w) for w in (1, 4))
    assert_array_equal(s.x, t.x)
    assert_array_equal(s.spline.c, t.spline.c)
    other = interpolate2d(draw("runge", 1), *UNIT, rng=8)
    assert not np.array_equal(s.x, other.x)


def test_components_share_the_grid_and_meet_their_own_tolerance():
    f = lambda x, y: np.stack([np.ones_like(x), 1e-8 * np.sin(9 * x) * y, 0 * x], axis=-1)  # noqa: E731
    s = interpolate2d(f, *UNIT)
    assert s.converged and s.z.shape == (s.x.size, s.y.size, 3) and s.atol.shape == (3,)
    u, v = np.random.default_rng(0).random((2, 3000))
    error = np.abs(s(u, v) - f(u, v)).max(axis=0)
    assert error[1] < 2e-14 and error[2] == 0
    g = interpolate2d(lambda x, y: f(x, y).reshape(-1, 1, 3), *UNIT)
    assert g(0.5, 0.5).shape == (1, 3)
    assert_allclose(interpolate2d(f, *UNIT, atol=[1e-6, 1e-14, 1.0]).atol, [1e-6, 1e-14, 1.0])


def test_kinks_along_a_line():
    f = lambda x, y: np.abs(x - 0.3) * np.exp(y)  # noqa: E731
    s = interpolate2d(f, *UNIT)
    assert s.converged and worst(s, f, 1e-6)[0] < 1.5
    t = interpolate2d(f, *UNIT, breakpoints=([0.3], ()))
    assert t.converged and t.n_evals < s.n_evals / 3 and worst(t, f, 1e-6)[0] < 1
    assert 0.3 in t.x and (t.spline.tx == 0.3).sum() == t.k


def test_steps_are_suspects_and_the_rest_is_good():
    f = lambda x, y: np.where(x > 0.3, 1.0, 0.0) + y**2  # noqa: E731
    with pytest.warns(RuntimeWarning, match="do not converge"):
        s = interpolate2d(f, *UNIT)
    assert s.status == "suspect" and not s.converged
    assert {q.axis for q in s.suspects} == {"x"} and {q.kind for q in s.suspects} == {"step"}
    assert min(q.a for q in s.suspects) <= 0.3 <= max(q.b for q in s.suspects)
    assert max(q.b for q in s.suspects) - min(q.a for q in s.suspects) < 1e-2
    u, v = np.random.default_rng(0).random((2, 20_000))
    clear = np.ones(u.size, bool)
    for q in s.suspects:
        clear &= (u < q.a) | (u > q.b)
    bad = np.abs(s(u, v) - f(u, v))[clear] > 1e-6 * (f(u, v)[clear] + 2)
    assert bad.mean() <= s.certificate.area
    with pytest.raises(RuntimeError, match="do not converge"):
        interpolate2d(f, *UNIT, on_fail="raise")


@pytest.mark.parametrize(
    ("f", "kind", "most"),
    [
        (lambda x, y: np.abs(x - y), "kink", 0.01),
        (lambda x, y: np.where(x**2 + y**2 < 0.5, 1.0, 0.0), None, 1.5),
        (
            lambda x, y: np.sin(3 * x + y) + 1e-3 * rough(1e5 * x + 7e5 * y),
            "noise floor",
            3e-3,
        ),
    ],
)
def test_diagonal_singularities_and_noise_end_early_with_a_name(f, kind, most):
    s = interpolate2d(f, *UNIT, on_fail="best")
    assert s.status == "suspect" and s.n_evals < 60_000 and s.n_rounds < 60
    assert s.suspects and (kind is None or kind in {q.kind for q in s.suspects})
    u, v = np.random.default_rng(0).random((2, 20_000))
    # No oscillation of high degree: what is returned is as good as the grid allows.
    assert np.abs(s(u, v) - f(u, v)).max() < most


def test_limit_of_evaluations():
    s = interpolate2d(draw("ridge", 0), *UNIT, rtol=1e-10, max_evals=3000, on_fail="best")
    assert s.status == "max_evals" and s.n_evals <= 3000 and np.isfinite(s(0.5, 0.5))
    assert s.z.size + s.extra[0].size == s.n_evals


def test_relative_accuracy_at_zeros_ends():
    s = interpolate2d(lambda x, y: np.sin(5 * x + 3 * y) - 0.3, *UNIT, atol=0.0, on_fail="best")
    assert s.n_evals < 300_000
    assert worst(s, lambda x, y: np.sin(5 * x + 3 * y) - 0.3, 1e-6)[0] < 1


def test_zero_and_constant():
    for value in (0.0, 3.0):
        s = interpolate2d(lambda x, y, v=value: 0 * x + v, *UNIT, atol=0.0 if value == 0 else None)
        assert s.converged and s(0.3, 0.7) == pytest.approx(value, abs=1e-14) and s.z.size == 17 * 17


def test_refine_reuses_samples_and_verify_counts():
    calls = []

    def f(x, y):
        calls.append(x.size)
        return draw("waves", 0)(x, y)

    s = interpolate2d(f, *UNIT, rtol=1e-4, k=5)
    before = sum(calls)
    t = s.refine(1e-7)
    assert t.converged and t.n_evals == sum(calls) and t.n_rounds == len(calls) > s.n_rounds
    assert np.isin(s.x, t.x).all() and np.isin(s.y, t.y).all() and t.rtol == 1e-7
    assert t.n_evals < before + interpolate2d(draw("waves", 0), *UNIT, rtol=1e-7, k=5).n_evals
    assert worst(t, draw("waves", 0), 1e-7)[0] < 1.5
    c = t.verify(2000, rng=1)
    assert c.points == 2000 and c.violations <= 2 and c.area < 0.004
    loose = interpolate2d(draw("waves", 0), *UNIT, rtol=1e-2)
    object.__setattr__(loose, "rtol", 1e-9)
    object.__setattr__(loose, "atol", loose.atol * 1e-7)
    bad = loose.verify(500)
    assert bad.violations > 400 and bad.worst > 100 and bad.area > 0.9


def test_pickle():
    s = interpolate2d(smooth, *UNIT)
    local = interpolate2d(lambda x, y: smooth(x, y), *UNIT)
    for t in (pickle.loads(pickle.dumps(s)), pickle.loads(pickle.dumps(local)), copy.deepcopy(s)):
        assert t(0.3, 0.6) == s(0.3, 0.6) and t.certificate == s.certificate
        assert t.verify(100, f=smooth).points == 100
        assert t.refine(1e-8, f=smooth).converged
    with pytest.raises(ValueError, match="pass f="):
        pickle.loads(pickle.dumps(s)).verify(10)


def test_exceptions_pass_and_keep_the_samples():
    count = []

    def f(x, y):
        count.append(x.size)
        if len(count) == 4:
            raise KeyError("mine")
        return draw("waves", 0)(x, y)

    with pytest.raises(KeyError, match="mine") as caught:
        interpolate2d(f, *UNIT)
    sampler = caught.value.sampler
    assert sampler.x.size == sampler.y.size == sampler.values.shape[0] == sampler.n_evals == sum(count[:3])
    assert_array_equal(sampler.values, draw("waves", 0)(sampler.x, sampler.y))
    with pytest.raises(ZeroDivisionError) as caught:
        interpolate2d(lambda x, y: 1 // 0, *UNIT)
    assert caught.value.sampler.n_evals == 0 and caught.value.sampler.values.shape == (0,)


def test_not_finite():
    with pytest.raises(ValueError, match="not finite at x="):
        interpolate2d(lambda x, y: np.where(x == 0, np.nan, x), *UNIT)
    hole = lambda x, y: np.where((x - 0.52) ** 2 + (y - 0.53) ** 2 < 0.02**2, np.nan, np.sin(9 * x + y))  # noqa: E731
    s = interpolate2d(hole, *UNIT, on_fail="best", verification=4000)
    assert s.status == "non_finite" and "non-finite" in {q.kind for q in s.suspects}
    assert np.isfinite(s.z).all() and np.isfinite(s.extra[2]).all()
    u = np.linspace(0, 1, 50)
    assert np.isfinite(s(u, u, grid=True)).all()
    strip = lambda x, y: np.where((x > 0.4) & (x < 0.403), np.inf, np.tanh(40 * (x - 0.4)))  # noqa: E731
    s = interpolate2d(strip, *UNIT, on_fail="best")
    assert s.status in ("non_finite", "suspect") and s.n_evals < 200_000 and np.isfinite(s.z).all()
    assert any(q.axis == "x" and q.a <= 0.403 and q.b >= 0.4 for q in s.suspects)


def test_a_function_that_reuses_its_output_buffer_keeps_its_samples():
    buffer = np.empty(1_000_000)
    s = interpolate2d(lambda x, y: np.multiply(x, y, out=buffer[: x.size]), *UNIT)
    assert_allclose(s.z, np.outer(s.x, s.y), rtol=1e-15)


def test_quiet():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert interpolate2d(lambda x, y: np.where(x + y < 1, 0.0, 1.0), *UNIT, on_fail="best").status == "suspect"


@pytest.mark.parametrize(
    ("kwargs", "error", "match"),
    [
        ({"rtol": -1}, ValueError, "rtol"),
        ({"rtol": np.nan}, ValueError, "rtol"),
        ({"rtol": 0}, ValueError, "rtol=0"),
        ({"atol": -1}, ValueError, "atol"),
        ({"atol": [1.0, 2.0]}, ValueError, "atol has shape"),
        ({"k": 4}, ValueError, "k must be"),
        ({"k": "best"}, ValueError, "k must be"),
        ({"initial": 5}, ValueError, "initial"),
        ({"initial": (20, 20, 20)}, ValueError, "initial"),
        ({"max_evals": 100}, ValueError, "max_evals"),
        ({"max_evals": 1.5}, TypeError, "max_evals"),
        ({"verification": 0}, ValueError, "verification"),
        ({"breakpoints": ([2.0], ())}, ValueError, "breakpoints in x"),
        ({"breakpoints": 3}, ValueError, "breakpoints"),
        ({"on_fail": "cry"}, ValueError, "on_fail"),
        ({"args": [1]}, TypeError, "args"),
        ({"workers": 0}, ValueError, "workers"),
        ({"rng": "dice"}, TypeError, "rng"),
    ],
)
def test_bad_arguments(kwargs, error, match):
    with pytest.raises(error, match=match):
        interpolate2d(smooth, *UNIT, **kwargs)


def test_bad_function_and_rectangle():
    with pytest.raises(TypeError, match="callable"):
        interpolate2d(3, *UNIT)
    for bad in ((1, 0), (0, 0), (0, np.nan), (0, np.inf), 3, (1, 2, 3)):
        with pytest.raises(ValueError, match="x_range"):
            interpolate2d(smooth, bad, (0, 1))
    with pytest.raises(ValueError, match="too narrow"):
        interpolate2d(smooth, (1, 1 + 1e-15), (0, 1))
    with pytest.raises(ValueError, match="vectorized=False"):
        interpolate2d(lambda x, y: 1.0, *UNIT)
    with pytest.raises(ValueError, match="vectorized=False"):
        interpolate2d(lambda x, y: x[:-1], *UNIT)
    with pytest.raises(TypeError, match="result of f"):
        interpolate2d(lambda x, y: x + 0j, *UNIT)
    shapes = iter([1, 2, 3])
    with pytest.raises(ValueError, match="after values"):
        interpolate2d(lambda x, y: np.zeros((x.size, next(shapes))), *UNIT)
