"""Adaptive interpolation: the published rules to the count, promises on the tolerance, and how it fails."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.interpolate import make_interp_spline

from kriss.spline import AdaptiveSpline
from kriss.spline import interpolate as any_method


def interpolate(f, a, b, **options):
    return any_method(f, a, b, **{"method": "autoknots", "initial": 6} | options)


EPS = np.finfo(np.float64).eps


def runge(x):
    return 1 / (1 + 25 * x**2)


def published(f, a, b, R, sigma, n0=6, refine=1, refine_ns=1.0, max_nodes=10**5):
    """The rules as published, word by word, with SciPy's splines."""
    x = np.linspace(a, b, n0)
    y = f(x)
    ok = np.zeros(n0 - 1, bool)
    passes = 0
    while True:
        S = make_interp_spline(x, y, k=3)
        i = np.flatnonzero(~ok)
        if len(i) == 0:
            if passes == refine:
                break
            passes += 1
            D = np.diff(x)
            i = np.flatnonzero(D.mean() + refine_ns * D.std() < D)
            ok[i] = False
            if len(i) == 0:
                break
        x0, x1 = x[i], x[i + 1]
        D = x1 - x0
        m = x0 + D / 2
        if (100 * EPS * np.maximum(abs(x0), abs(x1)) >= D).any() or len(x) > max_nodes:
            break
        fm = f(m)
        good = abs(fm - S(m)) <= R * (abs(fm) + sigma)
        integral = D * (y[i] + 4 * fm + y[i + 1]) / 6
        A = S.antiderivative()
        good &= abs(integral - (A(x1) - A(x0))) <= R * (abs(integral) + sigma * D)
        new = np.repeat(ok, np.where(ok, 1, 2))
        p = i + np.arange(len(i))
        new[p] = new[p + 1] = good
        x, y, ok = np.insert(x, i + 1, m), np.insert(y, i + 1, fm), new
    return x


@pytest.mark.parametrize(("R", "count"), [(1e-6, 189), (1e-10, 1621)])
def test_published_counts(R, count):
    s = interpolate(runge, -1, 1, rtol=R, atol=R)
    assert s.n_evals == s.x.size == count and s.converged


@pytest.mark.parametrize(
    ("f", "a", "b", "R"),
    [
        (runge, -1, 1, 1e-7),
        (lambda x: np.exp(np.sin(3 * x)), 0, 4, 1e-8),
        (lambda x: np.tanh(x / 0.05), -1, 1, 1e-6),
        (lambda x: np.sin(60 * x**2), 0, 1, 1e-6),
        (lambda x: 1e-6 / ((x - 0.3) ** 2 + 1e-6), 0, 1, 1e-5),
    ],
)
def test_same_samples_as_the_published_rules(f, a, b, R):
    assert_array_equal(interpolate(f, a, b, rtol=R, atol=R).x, published(f, a, b, R, 1.0))


@pytest.mark.parametrize("rtol", [1e-3, 1e-5, 1e-7, 1e-9])
def test_error_tracks_the_tolerance(rtol):
    f = lambda x: np.exp(np.sin(3 * x))  # noqa: E731
    s = interpolate(f, 0, 4, rtol=rtol)
    q = np.linspace(0, 4, 20_001)
    error = np.abs(s(q) - f(q)) / (rtol * (np.abs(f(q)) + f(q).max()))
    assert s.converged
    # The final spline holds twice the samples of the one that passed.
    assert 1e-3 < error.max() <= 1
    assert s.atol == rtol * np.abs(s.y).max()


def test_result_fields():
    s = interpolate(runge, -1, 1, rtol=1e-5)
    assert isinstance(s, AdaptiveSpline)
    assert s.status == "converged" and s.method == "autoknots" and s.rtol == 1e-5
    assert_array_equal(s.x, s.knots)
    assert_array_equal(s.y, runge(s.x))
    assert_allclose(s(s.x), s.y, rtol=0, atol=4 * EPS)
    assert s.error_estimate.shape == (s.x.size - 1,)
    assert (s.error_estimate <= 1).all()
    assert 3 < s.n_rounds < 12
    for array in (s.x, s.y, s.error_estimate):
        assert not array.flags.writeable
    with pytest.raises(AttributeError):
        s.status = "better"
    assert_allclose(s.integrate(-1, 1), 2 / 5 * np.arctan(5), rtol=1e-6)
    assert_allclose(s.derivative()(0.2), -50 * 0.2 / 4, rtol=1e-3)
    assert s.antiderivative()(-1.0) == 0
    assert s.to_ppoly()(0.5) == s(0.5)
    assert s.roots().size == 0
    out = np.empty(3)
    assert s(np.array([0.0, 0.1, 0.2]), out=out) is out


def test_calls_are_rounds():
    sizes = []

    def f(x):
        sizes.append(x.size)
        x[:] = runge(x)  # it may even write to its argument
        return x

    s = interpolate(f, -1, 1)
    assert len(sizes) == s.n_rounds and sum(sizes) == s.n_evals == s.x.size


def test_point_by_point_and_args():
    def f(x, a):
        assert isinstance(x, float)
        return a / (1 + 25 * x * x)

    s = interpolate(f, -1, 1, vectorized=False, args=(2.0,))
    t = interpolate(lambda x, a: a / (1 + 25 * x * x), -1, 1, args=(2.0,))
    assert_array_equal(s.x, t.x)


def test_components_share_samples_and_meet_their_own_tolerance():
    f = lambda x: np.stack([np.ones_like(x), 1e-8 * np.sin(9 * x), 0 * x], axis=1)  # noqa: E731
    s = interpolate(f, 0, 1, rtol=1e-6)
    q = np.linspace(0, 1, 2001)
    error = np.abs(s(q) - f(q)).max(axis=0)
    assert s.converged and s.y.shape == (s.x.size, 3) and s.atol.shape == (3,)
    assert error[1] < 2e-14 and error[2] == 0
    t = interpolate(lambda x: f(x).reshape(-1, 1, 3), 0, 1, rtol=1e-6)
    assert t.y.shape == (s.x.size, 1, 3)
    u = interpolate(f, 0, 1, rtol=1e-6, atol=[1e-6, 1e-14, 1.0])
    assert_allclose(u.atol, [1e-6, 1e-14, 1.0])


def test_zero_function():
    s = interpolate(lambda x: 0 * x, 0, 1, atol=0)
    assert s.converged and s(0.3) == 0


def test_start_points():
    bump = lambda x: 1 + np.exp(-(((x - 0.637) / 0.002) ** 2))  # noqa: E731
    assert abs(interpolate(bump, 0, 1)(0.637) - 2) > 0.5  # narrower than the first samples: the documented blind spot
    assert abs(interpolate(bump, 0, 1, initial=[0.3, 0.636, 0.637, 0.638])(0.637) - 2) < 1e-5
    assert interpolate(runge, -1, 1, initial=40).x.size >= 40


def test_jump_stops_at_the_resolution():
    step = lambda x: np.where(x < 0.3, 0.0, 1.0)  # noqa: E731
    with pytest.warns(RuntimeWarning, match="resolution"):
        s = interpolate(step, 0, 1)
    assert s.status == "width_limit" and not s.converged
    assert s(0.1) == pytest.approx(0, abs=1e-5) and s(0.9) == pytest.approx(1, abs=1e-5)
    with pytest.raises(RuntimeError, match="resolution"):
        interpolate(step, 0, 1, on_fail="raise")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert interpolate(step, 0, 1, on_fail="best").n_evals < 2000


def test_limit_of_evaluations():
    s = interpolate(lambda x: np.sin(1 / (x + 1e-3)), 0, 1, rtol=1e-10, max_evals=500, on_fail="best")
    assert s.status == "max_evals" and s.n_evals <= 500
    assert (s.error_estimate > 1).any()
    assert np.isfinite(s(np.linspace(0, 1, 100))).all()


def test_not_finite_inside():
    s = interpolate(lambda x: np.where(np.abs(x - 0.1) < 1e-12, np.nan, np.abs(x)), -1, 1, on_fail="best", initial=4)
    assert s.converged or s.status == "non_finite"
    hole = lambda x: np.where((x > 0.25) & (x < 0.35), np.inf, np.sin(9 * x))  # noqa: E731
    s = interpolate(hole, 0, 1, on_fail="best")
    assert s.status == "non_finite" and np.isfinite(s(np.linspace(0, 1, 50))).all() and np.isinf(s.y).any()
    with pytest.warns(RuntimeWarning, match="NaN"):
        assert interpolate(lambda x: np.where(x == 0, np.nan, x), 0, 1).status == "non_finite"
    with pytest.raises(ValueError, match="not finite at any"):
        interpolate(lambda x: x * np.nan, 0, 1)


def test_exceptions_pass_through():
    def f(x):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        interpolate(f, 0, 1)


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_same_bits_for_any_number_of_workers(workers):
    s, t = (interpolate(runge, -1, 1, rtol=1e-9, workers=w) for w in (workers, 1))
    assert_array_equal(s.x, t.x)
    assert_array_equal(s.spline.c, t.spline.c)


def test_progress_goes_to_stderr(capsys):
    interpolate(runge, -1, 1, progress=True)
    out, err = capsys.readouterr()
    assert out == "" and "samples" in err


@pytest.mark.parametrize(
    ("kwargs", "error", "match"),
    [
        ({"rtol": -1}, ValueError, "rtol"),
        ({"rtol": np.nan}, ValueError, "rtol"),
        ({"rtol": 0}, ValueError, "rtol=0"),
        ({"atol": -1}, ValueError, "atol"),
        ({"atol": [1.0, 2.0]}, ValueError, "atol has shape"),
        ({"method": "magic"}, ValueError, "method"),
        ({"initial": 3}, ValueError, "initial"),
        ({"initial": [5.0]}, ValueError, "initial"),
        ({"initial": [0.5]}, ValueError, "initial"),
        ({"initial": 200, "max_evals": 100}, ValueError, "max_evals"),
        ({"max_evals": 2}, ValueError, "max_evals"),
        ({"refine": -1}, ValueError, "refine"),
        ({"refine_ns": -1}, ValueError, "refine_ns"),
        ({"on_fail": "cry"}, ValueError, "on_fail"),
        ({"args": [1]}, TypeError, "args"),
        ({"workers": 0}, ValueError, "workers"),
        ({"max_evals": 1.5}, TypeError, "max_evals"),
    ],
)
def test_bad_arguments(kwargs, error, match):
    with pytest.raises(error, match=match):
        interpolate(runge, 0, 1, **kwargs)


def test_bad_function_and_range():
    with pytest.raises(TypeError, match="callable"):
        interpolate(3, 0, 1)
    for a, b in ((1, 0), (0, 0)):
        with pytest.raises(ValueError, match="below"):
            interpolate(runge, a, b)
    with pytest.raises(ValueError, match="finite"):
        interpolate(runge, 0, np.inf)
    with pytest.raises(ValueError, match="vectorized=False"):
        interpolate(lambda x: 1.0, 0, 1)
    with pytest.raises(ValueError, match="vectorized=False"):
        interpolate(lambda x: x[:-1], 0, 1)
    with pytest.raises(TypeError, match="result of f"):
        interpolate(lambda x: x + 0j, 0, 1)
    shapes = iter([1, 2, 3])
    with pytest.raises(ValueError, match="after values"):
        interpolate(lambda x: np.zeros((x.size, next(shapes))), 0, 1)


def test_a_function_that_reuses_its_output_buffer_keeps_its_samples():
    buffer = np.empty((100_000, 2))

    def f(x):
        out = buffer[: x.size]
        np.exp(x, out=out[:, 0])
        np.sin(x, out=out[:, 1])
        return out

    def g(x):
        return f(np.array([x]))[0]

    for s in (interpolate(f, 0.0, 3.0, rtol=1e-6), interpolate(g, 0.0, 3.0, rtol=1e-6, vectorized=False)):
        assert_allclose(s.y, np.column_stack([np.exp(s.x), np.sin(s.x)]), rtol=4 * EPS, atol=0)

    flat = np.empty(100_000)
    s = interpolate(lambda x: np.exp(x, out=flat[: x.size]), 0.0, 3.0, rtol=1e-6)
    assert_allclose(s.y, np.exp(s.x), rtol=4 * EPS, atol=0)


def test_a_function_that_writes_to_its_argument_moves_no_samples():
    s = interpolate(lambda x: np.exp(x, out=x), 0.0, 3.0, rtol=1e-6)
    assert s.x[0] == 0 and s.x[-1] == 3
    assert_allclose(s.y, np.exp(s.x), rtol=4 * EPS, atol=0)


def test_converged_is_no_guarantee_between_midpoints():
    def f(x):
        return 1e-6 / ((x - 0.3) ** 2 + 1e-6)

    q = np.random.default_rng(4).random(100_000)
    missed = interpolate(f, 0.0, 1.0, rtol=0.0, atol=1e-6)
    assert missed.converged and 1e-6 < np.abs(missed(q) - f(q)).max() < 3.5e-6  # the published rule, as documented
    tight = interpolate(f, 0.0, 1.0, rtol=0.0, atol=5e-8)
    assert tight.converged and np.abs(tight(q) - f(q)).max() < 5e-8
