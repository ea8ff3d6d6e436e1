"""The Sampler, and what an AdaptiveSpline can do: going on, other forms, transforms, workers."""

import pickle
import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.interpolate import BSpline, PPoly

from kriss.spline import AdaptiveSpline, Sampler, Suspect, interpolate


def runge(x):
    return 1 / (1 + 25 * x**2)


def rough(x):
    return np.abs(x - 0.3) + np.where(x > 0.7, 1.0, 0.0)


def law(x):
    return x**-1.5 / (1 + x) ** 1.7


def drive(sampler, f):
    while not sampler.done:
        x = sampler.ask()
        sampler.tell(x, f(x))
    return sampler.result()


# -- the Sampler --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"method": "autoknots", "initial": 6}, {"transform_x": "asinh"}])
def test_sampler_is_interpolate_turned_inside_out(options):
    sampler = Sampler(-1, 1, rtol=1e-8, **options)
    s = drive(sampler, runge)
    t = interpolate(runge, -1, 1, rtol=1e-8, **options)
    assert_array_equal(s.x, t.x)
    assert_array_equal(s.inner.c, t.inner.c)
    assert sampler.n_evals == t.n_evals and sampler.n_rounds == t.n_rounds and sampler.status == "converged"
    assert sampler.ask().size == 0


@pytest.mark.parametrize("method", ["kriss", "autoknots"])
def test_any_order_any_parts_and_pickling_between_calls(method):
    rng = np.random.default_rng(0)
    sampler = Sampler(0, 1, rtol=1e-8, method=method, max_evals=3000)
    while not sampler.done:
        x = []
        while (part := sampler.ask(7)).size:
            x.append(part)
        assert sampler.ask().size == 0  # all are out
        points = rng.permutation(np.concatenate(x))
        for part in np.array_split(points, 3):
            sampler = pickle.loads(pickle.dumps(sampler))
            sampler.tell(part, rough(part))
    t = interpolate(rough, 0, 1, rtol=1e-8, method=method, max_evals=3000, on_fail="best")
    assert_array_equal(sampler.result().x, t.x)


def test_a_result_at_any_time():
    sampler = Sampler(-1, 1, rtol=1e-10)
    with pytest.raises(RuntimeError, match="first round"):
        sampler.result()
    x = sampler.ask(5)
    sampler.tell(x, runge(x))
    assert sampler.n_evals == 5 and sampler.n_rounds == 0
    with pytest.raises(RuntimeError, match="28 of its values"):
        sampler.result()
    sampler.tell(x := sampler.ask(), runge(x))
    s = sampler.result()
    assert s.status == "running" and not s.converged and s.certificate is None
    assert abs(s(0.5) - runge(0.5)) < 1e-2


def test_points_told_unasked_are_used():
    extra = np.linspace(-0.99, 0.99, 400)
    sampler = Sampler(-1, 1, rtol=1e-10)
    sampler.tell(extra, runge(extra))
    s = drive(sampler, runge)
    assert np.isin(extra, s.x).all() and s.converged
    assert s.n_evals - extra.size < interpolate(runge, -1, 1, rtol=1e-10).n_evals


def test_lost_points_are_handed_out_again():
    sampler = Sampler(-1, 1)
    first = sampler.ask()
    sampler.tell(first[:10], runge(first[:10]))
    assert sampler.ask().size == 0
    sampler.forget_asked()
    assert_array_equal(sampler.ask(), first[10:])


def test_sampler_refuses_what_does_not_fit():
    sampler = Sampler(0, 1)
    with pytest.raises(ValueError, match="outside"):
        sampler.tell([2.0], [1.0])
    with pytest.raises(ValueError, match="for 2 points"):
        sampler.tell([0.1, 0.2], [1.0])
    sampler.tell([0.1], [[1.0, 2.0]])
    with pytest.raises(ValueError, match="after values of shape"):
        sampler.tell([0.2], [1.0])
    with pytest.raises(ValueError, match="n must be"):
        sampler.ask(0)
    with pytest.raises(TypeError, match="y has dtype"):
        sampler.tell([0.2], ["a"])
    assert sampler.n_evals == 1
    assert_array_equal(sampler.y, [[1.0, 2.0]])


def test_exceptions_leave_the_sampler():
    calls = []

    def f(x):
        calls.append(x.size)
        if len(calls) == 3:
            raise KeyError("mine")
        return runge(x)

    with pytest.raises(KeyError, match="mine") as caught:
        interpolate(f, -1, 1, rtol=1e-10)
    sampler = caught.value.sampler
    assert sampler.n_evals == sum(calls[:2]) and not sampler.done
    s = drive(sampler, runge)
    assert_array_equal(s.x, interpolate(runge, -1, 1, rtol=1e-10).x)


def test_exceptions_point_by_point_keep_what_was_done():
    seen = []

    def f(x):
        seen.append(x)
        if len(seen) == 21:
            raise ZeroDivisionError
        return runge(x)

    with pytest.raises(ZeroDivisionError) as caught:
        interpolate(f, -1, 1, vectorized=False)
    assert caught.value.sampler.n_evals == 20


# -- going on -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["kriss", "autoknots"])
def test_refine_reuses_every_sample(method):
    calls = []

    def f(x):
        calls.append(x.copy())
        return np.exp(np.sin(3 * x))

    s = interpolate(f, 0, 4, rtol=1e-5, method=method)
    t = s.refine(1e-9)
    points = np.concatenate(calls)
    assert np.unique(points).size == points.size == t.n_evals  # nothing was asked for twice
    assert np.isin(s.x, t.x).all() and t.converged and t.rtol == 1e-9
    q = np.linspace(0, 4, 5001)
    assert np.abs(t(q) - f(q)).max() < 1e-9 * 2 * np.e
    assert s.status == "converged" and s.n_evals < t.n_evals


def test_refine_after_pickling_and_past_a_limit():
    s = interpolate(runge, -1, 1, rtol=1e-10, max_evals=60, on_fail="best")
    assert s.status == "max_evals"
    s = pickle.loads(pickle.dumps(s))
    with pytest.raises(ValueError, match="pass f"):
        s.refine(max_evals=1000)
    assert s.refine(max_evals=1000, f=runge).converged
    with pytest.raises(ValueError, match="on_fail"):
        s.refine(f=runge, on_fail="cry")


def test_pickle():
    s = interpolate(lambda x: rough(x), 0, 1)  # the function itself cannot be pickled
    t = pickle.loads(pickle.dumps(s))
    q = np.linspace(0, 1, 101)
    assert_array_equal(s(q), t(q))
    assert t.suspects == s.suspects and isinstance(t.suspects[0], Suspect) and t.certificate == s.certificate


def test_verify_says_what_it_proves():
    s = interpolate(runge, -1, 1, rtol=1e-8)
    c = s.verify(3000, rng=0)
    assert c.passed and c.violations == 0 and c.points == 3000 and c.worst <= 1 and c.confidence == 0.95
    assert c.bound == pytest.approx(3 / 3000, rel=0.01)
    # A spline of another function is found out, and the bound holds the truth.
    bad = s.verify(2000, rng=1, f=lambda x: runge(x) + np.where(x > 0.8, 1e-3, 0))
    assert not bad.passed and 0.08 < bad.violations / 2000 < 0.12 and 0.1 < bad.bound < 0.13
    assert s.verify(50, rng=3) == s.verify(50, rng=3)
    own = s.certificate
    assert own.passed and own.points >= 30 and own.bound == pytest.approx(3 / own.points, rel=0.05)


def test_the_bound_of_a_certificate_covers_the_truth():
    # Bad on 5 % of the interval: the 95 % bound must lie below that in at most 5 % of the checks.
    s = interpolate(lambda x: 0 * x + 1.0, 0, 1)
    below = sum(s.verify(60, rng=i, f=lambda x: np.where(x < 0.05, 2.0, 1.0)).bound < 0.05 for i in range(400))
    assert below <= 0.08 * 400


def test_compress_drops_knots_and_keeps_the_tolerance():
    f = lambda x: np.tanh(x / 0.01)  # noqa: E731
    s = interpolate(f, -1, 1, rtol=1e-8, k=5)
    c = s.compress()
    assert c.knots.size < s.knots.size and c.n_evals == s.n_evals
    assert_array_equal(c.x, s.x)
    assert (np.abs(c(c.x) - c.y) <= 1e-8 * (np.abs(c.y) + 1)).all()
    q = np.linspace(-1, 1, 20_001)
    assert np.abs(c(q) - f(q)).max() < 2e-8
    fine = s.refine(1e-12).compress()
    assert fine.converged
    coarse = s.sampler.refined(rtol=1e-3).result().compress()
    assert coarse.knots.size < c.knots.size / 2
    with pytest.raises(ValueError, match="method='kriss'"):
        interpolate(f, -1, 1, method="autoknots", rtol=1e-3).compress()


def test_callback_sees_rounds_and_can_stop():
    seen = []

    def callback(s):
        assert isinstance(s, AdaptiveSpline)
        seen.append(s.n_evals)
        return len(seen) == 2

    s = interpolate(runge, -1, 1, rtol=1e-10, callback=callback, on_fail="best")
    assert s.status == "stopped" and seen == [33, s.n_evals] and not s.converged
    seen.clear()
    t = interpolate(runge, -1, 1, callback=lambda s: seen.append(s.n_evals))
    assert t.converged and len(seen) == t.n_rounds
    with pytest.raises(TypeError, match="callback"):
        interpolate(runge, -1, 1, callback=3)


# -- other forms --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("k", [3, 5, 7])
def test_scipy_objects(k):
    for f, a, b in ((runge, -1, 1), (rough, 0, 1), (lambda x: np.stack([np.sin(x), np.cos(3 * x)], 1), 0, 5)):
        s = interpolate(f, a, b, rtol=1e-7, k=k)
        pp, bs = s.to_ppoly(), s.to_bspline()
        assert type(pp) is PPoly and type(bs) is BSpline and bs.k == k
        q = np.random.default_rng(0).uniform(a, b, 1000)
        assert_array_equal(pp(q), s(q))
        assert_allclose(bs(q), s(q), rtol=0, atol=1e-13)
        # One knot for each cell, more only at joints.
        assert bs.t.size <= s.knots.size + 2 * k + 3 * k * len(s.suspects)


def test_derivatives_integrals_roots():
    s = interpolate(lambda x: np.sin(3 * x), 0, 4, rtol=1e-10)
    q = np.linspace(0.1, 3.9, 50)
    for nu, exact in ((1, 3 * np.cos(3 * q)), (2, -9 * np.sin(3 * q)), (3, -27 * np.cos(3 * q))):
        assert_allclose(s(q, nu), exact, rtol=0, atol=1e-9 * 40**nu)
        assert_allclose(s.derivative(nu)(q), s(q, nu), rtol=1e-10, atol=1e-9)
    assert_allclose(s.antiderivative()(q), (1 - np.cos(3 * q)) / 3, rtol=0, atol=1e-10)
    assert s.integrate(1, 2) == pytest.approx((np.cos(3) - np.cos(6)) / 3, abs=1e-10)
    assert_allclose(s.roots()[-3:], np.pi * np.arange(1, 4) / 3, atol=1e-10)
    assert_allclose(s.solve(0.5)[:2], [np.pi / 18, 5 * np.pi / 18], atol=1e-10)
    out = np.empty(50)
    assert s(q, out=out) is out
    assert np.isnan(s(9.0, extrapolate=False))


def test_fields():
    s = interpolate(rough, 0, 1, rtol=1e-8)
    assert s.error_estimate.shape == (s.x.size - 1,)
    known = s.error_estimate[np.isfinite(s.error_estimate)]
    assert known.size > 0.8 * s.x.size and known.max() <= 1
    assert s.degree == s.spline.k == 7 and set(s.knots) <= set(s.x)
    assert s.transforms == ("none", "none") and s.method == "kriss" and "passed" in s.message
    for array in (s.x, s.y, s.knots, s.error_estimate):
        assert not array.flags.writeable
    with pytest.raises(AttributeError):
        s.status = "better"
    a, b, kind = s.suspects[0]
    assert (a, kind) == (b, "kink")


def test_plot():
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    ax = interpolate(rough, 0, 1, rtol=1e-4).plot()
    assert "converged" in ax.get_title() and len(ax.lines) == 2
    assert interpolate(law, 1e-2, 1e2, transform_x="log", transform_y="log").plot(ax=ax) is ax
    assert ax.get_xscale() == "log"
    matplotlib.pyplot.close("all")


# -- transforms ---------------------------------------------------------------------------------------------------

PAIR = (np.log, np.exp)


@pytest.mark.parametrize(
    ("x", "y"), [("log", "log"), (PAIR, PAIR), ("log", PAIR), ("auto", "auto"), ("asinh", "log"), ("log", None)]
)
def test_transforms_keep_the_meaning_of_the_tolerance(x, y):
    s = interpolate(law, 1e-4, 1e4, rtol=1e-8, atol=0 if y else None, transform_x=x, transform_y=y)
    q = np.exp(np.random.default_rng(0).uniform(np.log(1e-4), np.log(1e4), 20_000))
    allowed = 1e-8 * law(q) + (0 if y else 1e-8 * law(1e-4))
    assert s.converged and (np.abs(s(q) - law(q)) <= allowed).all()
    assert s.n_evals < (400 if "asinh" in (x, y) else 250)
    assert s.x[0] == 1e-4 and s.x[-1] == 1e4
    assert_allclose(s(s.knots), law(s.knots), rtol=1e-12, atol=1e-12 * law(1e-4) if y is None else 0)


def test_auto_takes_what_is_plain():
    assert interpolate(np.sin, 0.1, 20, transform_x="auto", transform_y="auto").transforms == ("none", "none")
    plain, auto = (interpolate(runge, -1, 1, transform_y=t) for t in (None, "auto"))
    assert auto.transforms == ("none", "log") and auto.n_evals < plain.n_evals
    assert interpolate(law, 1e-4, 1e4, rtol=1e-6, atol=0, transform_x="auto", transform_y="auto").transforms == (
        "log",
        "log",
    )


def test_transformed_splines_differentiate_and_integrate():
    s = interpolate(law, 1e-2, 1e2, rtol=1e-9, atol=0, transform_x="log", transform_y="log")
    q = np.geomspace(0.02, 50, 30)
    slope = law(q) * (-1.5 / q - 1.7 / (1 + q))
    assert_allclose(s(q, 1), slope, rtol=1e-6)
    assert_allclose(s.derivative()(q), slope, rtol=1e-6)
    from scipy.integrate import quad

    exact = quad(law, 0.1, 10, epsabs=0, epsrel=1e-12)[0]
    assert s.integrate(0.1, 10) == pytest.approx(exact, rel=1e-8)
    assert s.antiderivative()(10.0) - s.antiderivative()(0.1) == pytest.approx(exact, rel=1e-8)
    assert s.solve(law(3.0)) == pytest.approx(3.0, rel=1e-8)
    assert_allclose(s.to_ppoly()(q), law(q), rtol=1e-8)
    assert_allclose(s.to_bspline()(q), law(q), rtol=1e-7)
    out = np.empty(30)
    assert s(q, out=out) is out
    assert_array_equal(out, s(q))
    with pytest.raises(ValueError, match="out has shape"):
        s(q, out=np.empty(3))
    t = pickle.loads(pickle.dumps(s))
    assert_array_equal(t(q), s(q))
    assert s.refine(1e-11).converged and s.verify(200).passed


def test_an_infinite_end():
    compact = (lambda x: np.where(np.isinf(x), 1.0, x / (1 + x)), lambda u: u / (1 - u))

    def f(x):
        return np.where(np.isinf(x), 0.0, np.exp(-x))

    with np.errstate(invalid="ignore", divide="ignore"):
        s = interpolate(f, 0, np.inf, rtol=1e-8, transform_x=compact)
        assert s.converged
        q = np.array([0.0, 0.1, 3.0, 20.0, 1e9])
        assert np.abs(s(q) - f(q)).max() < 2e-8
        assert abs(s(np.inf)) < 1e-12


@pytest.mark.parametrize(
    ("kwargs", "match"),
    [
        ({"transform_x": "sqrt"}, "transform_x must be None, 'log', 'asinh'"),
        ({"transform_x": "log"}, "transform_x maps"),
        ({"transform_x": (np.negative, np.negative)}, "expected finite"),
        ({"transform_x": (lambda x: 1.0, np.exp)}, "transform_x returned shape"),
        ({"transform_y": "asinh"}, "transform_y must be None, 'log'"),
        ({"transform_y": 3}, "transform_y must be"),
    ],
)
def test_bad_transforms(kwargs, match):
    with pytest.raises(ValueError, match=match):
        interpolate(runge, -1, 1, **kwargs)


# -- calling f ----------------------------------------------------------------------------------------------------


def test_workers_of_all_kinds_give_the_same_bits():
    base = interpolate(runge, -1, 1, rtol=1e-8)
    with ThreadPoolExecutor(2) as threads:
        for workers in (2, 4, map, threads, threads.map):
            for vectorized in (True, False):
                s = interpolate(runge, -1, 1, rtol=1e-8, workers=workers, vectorized=vectorized)
                assert_array_equal(s.x, base.x)
                assert_array_equal(s.inner.c, base.inner.c)


def test_workers_are_other_threads():
    names = set()

    def f(x):
        names.add(threading.get_ident())
        return runge(x)

    interpolate(f, -1, 1, workers=2)
    assert threading.get_ident() not in names


def test_a_pool_of_processes():
    import multiprocessing

    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        s = interpolate(np.cos, 0, 3, workers=pool)
    assert s.converged and abs(s(1.0) - np.cos(1.0)) < 1e-6


def test_the_same_points_in_every_call_and_others_on_request():
    a, b, c = (interpolate(runge, -1, 1, rng=r) for r in (None, None, 1))
    assert_array_equal(a.x, b.x)
    assert not np.array_equal(a.x, c.x)
    assert_array_equal(c.x, interpolate(runge, -1, 1, rng=1).x)


@pytest.mark.parametrize(
    ("kwargs", "error", "match"),
    [
        ({"rtol": -1}, ValueError, "rtol"),
        ({"rtol": 0}, ValueError, "rtol=0"),
        ({"atol": [1.0, 2.0]}, ValueError, "atol has shape"),
        ({"method": "magic"}, ValueError, "method"),
        ({"k": 4}, ValueError, "k must be"),
        ({"k": "best"}, ValueError, "k must be"),
        ({"k": 5, "method": "autoknots"}, ValueError, "k must be"),
        ({"initial": 3}, ValueError, "initial"),
        ({"initial": [5.0]}, ValueError, "initial"),
        ({"initial": 200, "max_evals": 100}, ValueError, "max_evals"),
        ({"on_fail": "cry"}, ValueError, "on_fail"),
        ({"args": [1]}, TypeError, "args"),
        ({"workers": 0}, ValueError, "workers"),
        ({"workers": "all"}, TypeError, "workers"),
        ({"rng": "seed"}, TypeError, "rng"),
    ],
)
def test_bad_arguments(kwargs, error, match):
    with pytest.raises(error, match=match):
        interpolate(runge, -1, 1, **kwargs)


def test_bad_functions_and_ranges():
    with pytest.raises(TypeError, match="callable"):
        interpolate(3, 0, 1)
    for a, b in ((1, 0), (0, 0), (np.inf, np.inf)):
        with pytest.raises(ValueError, match="below"):
            interpolate(runge, a, b)
    for a, b in ((0, np.inf), (-np.inf, 0)):
        with pytest.raises(ValueError, match="infinite"):
            interpolate(runge, a, b)
    with pytest.raises(ValueError, match="overflows"):
        interpolate(runge, -1.7e308, 1.7e308)
    with pytest.raises(ValueError, match="vectorized=False"):
        interpolate(lambda x: 1.0, 0, 1)
    with pytest.raises(TypeError, match="result of f"):
        interpolate(lambda x: x + 0j, 0, 1)
    shapes = iter([1, 2, 3])
    with pytest.raises(ValueError, match="after values") as caught:
        interpolate(lambda x: np.random.default_rng(0).random((x.size, next(shapes))), 0, 1)
    assert caught.value.sampler.n_evals == 33
    lengths = iter([[1.0], [1.0, 2.0]] * 40)
    with pytest.raises(ValueError, match="after values"):
        interpolate(lambda x: next(lengths), 0, 1, vectorized=False)
