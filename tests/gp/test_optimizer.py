"""Searches by asking and telling: bad input, failures, batches, what is pickled, and that minima are found."""

import math
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from kriss.gp import RBF, Matern, MinimizeResult, Optimizer, PythonKernel, factor, minimize
from kriss.gp._bo_model import Scale, Surrogate, _Objective, _Problem, default_prior, yeo_johnson
from kriss.gp._bo_search import ACQUISITIONS, acquired, maximise
from kriss.gp.acquisition import UpperConfidenceBound

BOX = [(-1.0, 2.0), (0.0, 3.0)]


def bowl(x):
    return float((x[0] - 0.5) ** 2 + (x[1] - 1.0) ** 2)


@pytest.mark.parametrize("name", ACQUISITIONS)
def test_every_acquisition_finds_a_bowl(name):
    found = minimize(bowl, BOX, evaluations=12, acquisition=name, rng=1)
    assert found.fun < 0.05
    assert found.status == "done" and found.failures == ()
    assert found.X.shape == (12, 2) and found.y.shape == (12,)
    assert found.fun == found.y.min() == found.best[-1] and bowl(found.x) == found.fun


def test_an_acquisition_of_ones_own():
    found = minimize(bowl, BOX, evaluations=9, acquisition=lambda f, y: UpperConfidenceBound(f, y, 1.0), rng=0)
    assert found.fun < 0.2


def test_results_repeat_for_seeds_and_workers():
    runs = [minimize(bowl, BOX, evaluations=6, rng=5, workers=w).X for w in (1, 2, 4)]
    np.testing.assert_array_equal(runs[0], runs[1])
    np.testing.assert_array_equal(runs[0], runs[2])
    assert not np.array_equal(runs[0], minimize(bowl, BOX, evaluations=6, rng=6).X)


@pytest.mark.parametrize("options", [{}, {"n_constraints": 1}, {"decomposition": "random_tree"}])
def test_pickled_at_every_step_it_goes_on_as_it_would(options):
    opt = Optimizer(BOX, n_initial=3, rng=3, **options)
    for _ in range(6):
        other = pickle.loads(pickle.dumps(opt))
        x = opt.ask()
        np.testing.assert_array_equal(other.ask(), x)
        asked = pickle.loads(pickle.dumps(opt))
        np.testing.assert_array_equal(asked.pending, x[None])
        more = [x[0] - 1.0] if "n_constraints" in options else None
        opt.tell(x, bowl(x), more)
        asked.tell(x, bowl(x), more)
        opt = asked


def test_failures_are_kept_and_the_run_goes_on():
    calls = []

    def f(x):
        calls.append(x)
        if len(calls) == 2:
            raise RuntimeError("the furnace went out")
        return {4: math.nan, 6: math.inf, 7: -math.inf}.get(len(calls), bowl(x))

    found = minimize(f, BOX, evaluations=16, rng=0)
    assert [row for row, _ in found.failures] == [1, 3, 5, 6]
    assert found.failures[0][1] == "RuntimeError: the furnace went out" and "not finite: nan" in found.failures[1][1]
    assert np.isnan(found.y[[1, 3, 5, 6]]).all() and np.isfinite(found.fun) and found.y.size == 16
    assert found.fun < 0.1


def test_a_function_that_only_fails():
    found = minimize(lambda x: math.nan, BOX, evaluations=7, rng=0)
    assert found.x is None and math.isnan(found.fun) and len(found.failures) == 7
    assert np.unique(found.X, axis=0).shape[0] == 7


def test_interrupts_pass_and_lose_nothing():
    opt = Optimizer(BOX, rng=0)

    def f(x):
        if opt.y.size == 5:
            raise KeyboardInterrupt
        return bowl(x)

    with pytest.raises(KeyboardInterrupt):
        opt.run(f, 10)
    assert opt.y.size == 5 and opt.pending.shape == (1, 2)
    waiting = opt.pending[0].copy()
    opt.run(bowl, 2)
    np.testing.assert_array_equal(opt.X[5], waiting)


@pytest.mark.parametrize("value", [0.0, 3.0, -1e300, 5e-324])
def test_constant_functions(value):
    found = minimize(lambda x: value, BOX, evaluations=6, rng=0)
    assert found.fun == value and found.failures == ()
    assert np.unique(found.X, axis=0).shape[0] == 6


@pytest.mark.parametrize("scale", [1e-300, 1e-150, 1e150, 1e300])
def test_scales_of_values(scale):
    found = minimize(lambda x: scale * bowl(x), BOX, evaluations=9, rng=0)
    assert found.fun < 0.2 * scale


@pytest.mark.parametrize("n_initial", [0, 1, 2])
def test_few_initial_points(n_initial):
    opt = Optimizer(BOX, n_initial=n_initial, rng=0)
    found = opt.run(bowl, 9)
    assert found.fun < 0.2
    if n_initial == 0:
        np.testing.assert_array_equal(found.X[0], [0.5, 1.5])


def test_duplicated_points_and_points_of_ones_own():
    opt = Optimizer(BOX, n_initial=0, noise=0.0, rng=0)
    X = np.array([[0.0, 1.0], [0.0, 1.0], [2.0, 3.0], [0.0, 1.0]])
    opt.tell(X, [bowl(x) for x in X])
    for _ in range(4):
        x = opt.ask()
        opt.tell(np.array([x, x]), [bowl(x), bowl(x)])
    assert opt.y.size == 12 and opt.result().fun < 0.5


def test_batches_are_of_different_points_and_see_each_other():
    opt = Optimizer(BOX, n_initial=4, rng=0)
    opt.run(bowl, 6)
    X = opt.ask(4)
    assert X.shape == (4, 2) and np.unique(X, axis=0).shape[0] == 4
    assert opt.pending.shape == (4, 2)
    opt.tell(X[[2, 0]], [bowl(X[2]), bowl(X[0])])
    np.testing.assert_array_equal(opt.pending, X[[1, 3]])
    opt.tell(X[1], bowl(X[1]))
    opt.tell(X[3], bowl(X[3]))
    assert opt.pending.shape == (0, 2)
    with ThreadPoolExecutor(2) as pool:
        found = minimize(bowl, BOX, evaluations=9, batch=3, map=pool.map, rng=0)
    np.testing.assert_array_equal(found.X, minimize(bowl, BOX, evaluations=9, batch=3, rng=0).X)
    assert found.y.size == 9


def test_known_points_first():
    x0 = [[0.0, 1.0], [1.0, 1.0]]
    found = minimize(bowl, BOX, evaluations=3, x0=x0, rng=0)
    np.testing.assert_array_equal(found.X[:2], x0)
    found = minimize(bowl, BOX, evaluations=3, x0=x0, y0=[0.25, math.nan], rng=0)
    assert found.y.size == 5 and found.failures[0][0] == 1
    with pytest.raises(ValueError, match="y0 was given without x0"):
        minimize(bowl, BOX, y0=[1.0])
    with pytest.raises(ValueError, match=r"x0\[1\] is 9 in dimension 0"):
        minimize(bowl, BOX, x0=[[0.0, 1.0], [9.0, 1.0]])


def test_the_centre_is_not_evaluated_where_values_are_known():
    x0 = np.array([[0.5, 1.5], [1.0, 1.0], [0.0, 0.0], [1.5, 2.0]])  # as many as there would be; the centre is first
    for more in ({}, {"y0": [bowl(x) for x in x0]}, {"batch": 5}):
        found = minimize(bowl, BOX, evaluations=6, x0=x0, rng=0, **more)
        assert (found.X == [0.5, 1.5]).all(axis=1).sum() == 1
    away = minimize(bowl, BOX, evaluations=6, x0=x0[1:], n_initial=0, rng=0)
    assert not (away.X == [0.5, 1.5]).all(axis=1).any()


def test_callback_stops_and_sees():
    seen = []
    found = minimize(bowl, BOX, evaluations=9, callback=lambda opt: seen.append(opt.y.size) or opt.y.size == 4, rng=0)
    assert seen == [1, 2, 3, 4] and found.status == "stopped" and found.y.size == 4


def test_refits_are_sparse_and_the_rest_are_appends():
    opt = Optimizer(BOX, rng=0, refit_growth=0.25)
    opt.run(bowl, 21)
    assert opt.result().refits <= 9
    assert opt._model.factor.updates > 0


def test_models_grow_to_what_a_fresh_one_is(rng):
    X = rng.random((20, 3))
    y = np.sin(4 * X).sum(axis=1)
    grown = Surrogate(3, growth=10.0, noise=1e-2)
    for n in range(5, 21):
        grown.update(X[:n], y[:n])
    fresh = Surrogate(3, Matern(2.5, grown.base.lengthscale, grown.base.variance), growth=10.0, noise=1e-2)
    fresh.scale, fresh.fitted_at, fresh.noise = grown.scale, 20, grown.noise
    fresh.update(X, y)
    Z = rng.random((6, 3))
    a, b = (m.predict(Z, return_std=True) for m in (grown, fresh))
    np.testing.assert_allclose(a.mean, b.mean, atol=1e-9)
    np.testing.assert_allclose(a.std, b.std, atol=1e-9)


def test_the_posterior_of_hyperparameters_has_its_slope(rng):
    X, kernel = rng.random((12, 3)), Matern(2.5, [0.3, 0.6, 0.9], 1.3)
    z = np.sin(5 * X[:, 0]) + X[:, 1]
    mean, precision = Surrogate(3).prior
    full = np.append(kernel.theta, -5.0)
    objective, flat = (
        _Objective(_Problem(kernel, X, 1e-2, 1, False), z, np.ones(5, bool), full.copy(), (mean, share * precision))
        for share in (1.0, 0.0)
    )
    value, slope = objective(full)
    off = full - mean
    assert value == pytest.approx(flat(full)[0] + 0.5 * off @ precision @ off, rel=1e-12)
    for i, h in enumerate(1e-5 * np.eye(5)):
        assert slope[i] == pytest.approx((objective(full + h)[0] - objective(full - h)[0]) / 2e-5, rel=1e-6, abs=1e-7)


def test_lengthscales_move_together_in_the_prior():
    _, precision = default_prior(Matern(2.5, np.ones(4)), 4, False)
    together, apart = np.array([0.0, 1.0, 1.0, 1.0, 1.0]), np.array([0.0, 1.0, -1.0, 1.0, -1.0])
    assert together @ precision @ together == pytest.approx(4.0 / 4.25)  # 4 of variance 4 + 1/4
    assert apart @ precision @ apart == pytest.approx(16.0)  # 4 of variance 1/4 each
    assert default_prior(Matern(2.5, 1.0), 4, True)[1].tolist() == [[1.0, 0.0], [0.0, 1.0]]


def test_prediction_in_the_units_of_the_values():
    opt = Optimizer(BOX, noise=0.0, rng=0)
    opt.run(lambda x: 1e4 + 100.0 * bowl(x), 10)
    p = opt.predict(opt.X, return_std=True)
    np.testing.assert_allclose(p.mean, opt.y, rtol=0.0, atol=1e-3)
    assert (p.std >= 0).all() and p.std.max() < 20.0
    assert opt.acquisition(opt.X).shape == (10,)


@pytest.mark.parametrize(
    "options",
    [{"acquisition": name} for name in ("log_ei", "noisy_ei", "max_value_entropy", "knowledge_gradient")]
    + [{"decomposition": "random_tree"}],
)
def test_looking_does_not_change_what_comes(options):
    one, two = (Optimizer(BOX, n_initial=2, rng=3, **options) for _ in range(2))
    for step in range(7):
        x = one.ask()
        np.testing.assert_array_equal(two.ask(), x)
        one.tell(x, bowl(x))
        two.tell(x, bowl(x))
        if step != 3:  # so that hyperparameters would be chosen at other times
            two.predict([[0.0, 1.0]], return_std=True)
            seen = two.acquisition([[0.0, 1.0], [1.0, 1.0]])
            np.testing.assert_array_equal(two.acquisition([[0.0, 1.0], [1.0, 1.0]]), seen)
            again = pickle.loads(pickle.dumps(two))
            np.testing.assert_array_equal(again.acquisition([[0.0, 1.0], [1.0, 1.0]]), seen)
    assert one.result().refits == two.result().refits


def test_the_acquisition_is_not_asked_of_other_columns():
    opt = Optimizer(BOX, n_initial=2, rng=0)
    opt.run(bowl, 3)
    for bad in ([[0.0]], [[0.0, 1.0, 2.0]]):
        with pytest.raises(ValueError, match=rf"X has {len(bad[0])} columns, expected 2"):
            opt.acquisition(bad)


def test_knowledge_gradient_has_the_noise_of_an_evaluation(rng):
    f = factor(RBF(), rng.random((4, 2)), [1e-3, 1e-3, 0.25, 1e-3])  # the third failed
    assert acquired("knowledge_gradient", f, np.zeros(4), 1e-3, rng).noise == 1e-3


def test_bounded_warps_give_finite_values(rng):
    # With an exponent below 0 the transform stays below a bound, which mean + std may pass.
    y = np.exp(3 * rng.standard_normal(40))
    y = np.append(y, [1e6, 1e9])
    scale = Scale(y, True)
    assert scale.exponent < 0.0
    z = scale(y)
    back = scale.back(z.max() + np.array([0.0, 0.01, 1.0, 10.0, 1e3]))
    assert np.isfinite(back).all() and (np.diff(back) >= 0.0).all()
    np.testing.assert_allclose(back[0], y.max(), rtol=1e-6)
    opt = Optimizer([(0.0, 1.0)], n_initial=0, rng=0)
    opt.tell(np.linspace(0.0, 1.0, 42)[:, None], y)
    p = opt.predict(np.linspace(0.0, 1.0, 83)[:, None], return_std=True)
    assert np.isfinite(p.mean).all() and np.isfinite(p.std).all()


def test_warps_come_back(rng):
    s = np.concatenate([rng.standard_normal(30), [50.0, 1e3]])
    for lam in (-1.5, 0.0, 0.4, 1.0):
        assert (np.diff(yeo_johnson(np.sort(s), lam)) > 0).all()
    y = np.exp(3 * rng.standard_normal(40))
    scale = Scale(y, True)
    assert scale.exponent < 0.5
    np.testing.assert_allclose(scale.back(scale(y)), y, rtol=1e-8, atol=1e-8)
    assert Scale(rng.standard_normal(40), True).exponent == 1.0
    assert Scale(y, False).exponent == 1.0


def test_ascent_stays_in_the_cube_and_finds_the_top():
    class Hill:
        def __call__(self, X, *, return_grad=False):
            value = -((X - 1.2) ** 2).sum(axis=1)
            return (value, -2 * (X - 1.2)) if return_grad else value

    x, value, _ = maximise(Hill(), 3, np.empty((0, 3)), np.random.default_rng(0))
    np.testing.assert_allclose(x, 1.0)
    assert value == pytest.approx(-0.12)


def test_options_of_the_model():
    kernel = RBF([0.3, 0.3], lengthscale_bounds="fixed")
    found = minimize(bowl, BOX, evaluations=10, kernel=kernel, noise=0.0, warp=False, rng=0)
    np.testing.assert_array_equal(found.kernel.lengthscale, [0.3, 0.3])
    assert found.fun < 0.2
    noisy = np.random.default_rng(0)
    found = minimize(lambda x: bowl(x) + 0.1 * noisy.standard_normal(), BOX, evaluations=12, noise=0.01, rng=0)
    assert bowl(found.x) < 0.3


@pytest.mark.parametrize(
    ("bounds", "message"),
    [
        ([(1.0, 0.0)], r"bounds\[0\] is \(1, 0\), expected low < high"),
        ([(0.0, 1.0), (2.0, 2.0)], r"bounds\[1\] is \(2, 2\)"),
        ([(0.0, np.inf)], "bounds contains inf"),
        ([(np.nan, 1.0)], "bounds contains nan"),
        ([0.0, 1.0], "bounds has shape"),
        ([(0.0, 1.0, 2.0)], r"expected \(d, 2\)"),
        (np.empty((0, 2)), r"expected \(d, 2\)"),
        ([(-1e308, 1e308)], "width"),
    ],
)
def test_bounds(bounds, message):
    with pytest.raises(ValueError, match=message):
        Optimizer(bounds)


def test_arguments():
    for options, message in [
        ({"acquisition": "best"}, "acquisition must be one of"),
        ({"n_initial": -1}, "n_initial must be at least 0"),
        ({"noise": -1.0}, "noise must be at least 0"),
        ({"refit_growth": -0.1}, "refit_growth"),
        ({"decomposition": "trees"}, "decomposition must be one of"),
        ({"kernel": RBF([1.0, 1.0, 1.0])}, "X has 2 columns"),
    ]:
        with pytest.raises(ValueError, match=message):
            Optimizer(BOX, **options)
    with pytest.raises(TypeError, match="kernel must be"):
        Optimizer(BOX, kernel="rbf")
    with pytest.raises(TypeError, match="structure"):
        Optimizer(BOX, structure="vecchia")  # it could not be appended to
    with pytest.raises(TypeError, match="f must be callable"):
        minimize(3.0, BOX)
    opt = Optimizer(BOX, rng=0)
    with pytest.raises(ValueError, match="outside the bounds"):
        opt.tell([5.0, 0.0], 1.0)
    with pytest.raises(ValueError, match="one row per value"):
        opt.tell([[0.0, 0.0]], [1.0, 2.0])
    with pytest.raises(ValueError, match="expected a number for one point"):
        opt.tell([0.0, 0.0], [1.0])
    with pytest.raises(ValueError, match="x contains nan"):
        opt.tell([np.nan, 0.0], 1.0)
    with pytest.raises(ValueError, match="n_constraints=0"):
        opt.tell([0.0, 0.0], 1.0, [1.0])
    with pytest.raises(ValueError, match="no value was told"):
        opt.predict([[0.0, 0.0]])
    with pytest.raises(ValueError, match="n must be at least 1"):
        opt.ask(0)
    assert opt.y.size == 0


def test_kernels_without_slopes_are_refused_at_once():
    class Ones:
        theta = np.zeros(1)

        def clone_with_theta(self, theta):
            return Ones()

        def __call__(self, X, Z=None, eval_gradient=False):
            return np.ones((len(X), len(X if Z is None else Z)))

    for kernel in (PythonKernel(Ones()), PythonKernel(Ones()) + RBF(), PythonKernel(Ones()) * RBF()):
        with pytest.raises(NotImplementedError, match=r"kernel is .*, which has no derivatives in the points"):
            Optimizer(BOX, kernel=kernel)


def test_result_draws_itself():
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    found = minimize(lambda x: bowl(x) if x[0] > 0 else math.nan, BOX, evaluations=5, rng=0)
    assert isinstance(found, MinimizeResult)
    ax = found.plot()
    assert ax.get_xlabel() == "evaluation"


def test_progress_is_silent_unless_asked(capsys):
    minimize(bowl, BOX, evaluations=4, rng=0)
    assert capsys.readouterr() == ("", "")
    minimize(bowl, BOX, evaluations=4, progress=True, rng=0)
    assert "4/4" in capsys.readouterr().err
