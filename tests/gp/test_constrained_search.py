"""Constraints that are costly too: optima on their borders, and infeasibility that is declared and never falsely."""

import math

import numpy as np
import pytest

from kriss.gp import Optimizer, minimize

BOX = [(0.0, 1.0), (0.0, 1.0)]


def test_optimum_on_a_border():
    found = minimize(lambda x: float(x[0] + x[1]), BOX, evaluations=16, constraints=lambda x: 0.25 - x[0] * x[1], rng=0)
    assert found.status == "done" and found.feasible.any()
    assert 1.0 - 1e-9 <= found.fun < 1.02
    assert (found.constraints[found.feasible] <= 0.0).all() and found.x[0] * found.x[1] >= 0.25


def test_infeasible_is_declared_and_feasible_is_not():
    nothing = minimize(
        lambda x: float(x[0]), BOX[:1], evaluations=40, constraints=[lambda x: x[0] - 0.4, lambda x: 0.8 - x[0]], rng=0
    )
    assert nothing.status == "infeasible" and nothing.x is None and math.isnan(nothing.fun)
    assert nothing.y.size < 40 and not nothing.feasible.any()
    small = minimize(
        lambda x: float(x[0]), BOX, evaluations=18, constraints=lambda x: ((x - 0.7) ** 2).sum() - 1e-3, rng=0
    )
    assert small.status == "done" and small.feasible.any()
    assert small.fun < 0.7 - math.sqrt(1e-3) + 0.04


def test_evaluations_are_not_spent_where_nothing_is_promised():
    # Once every evaluation from the tenth on was at the border, 14 of these within 1e-3 of each other.
    found = minimize(
        lambda x: float(np.cos(4.0 * x[0])), BOX[:1], evaluations=24, constraints=lambda x: x[0] - 0.7, rng=0
    )
    assert found.fun - math.cos(2.8) < 1e-3
    assert (np.abs(found.X[:, 0] - found.x[0]) < 1e-3).sum() <= 11
    inside = np.sort(found.X[found.feasible, 0])
    assert np.diff([0.0, *inside, 0.7]).max() < 0.15


def test_failures_of_either_are_kept():
    def g(x):
        if x[0] > 0.8:
            raise ValueError("no measurement")
        return [x[0] - 0.5, np.nan if x[1] > 0.9 else -1.0]

    found = minimize(
        lambda x: -float(x[0]) if x[1] > 0.1 else math.nan, BOX, evaluations=16, constraints=g, n_constraints=2, rng=1
    )
    bad = (found.X[:, 0] > 0.8) | (found.X[:, 1] > 0.9) | (found.X[:, 1] <= 0.1)
    np.testing.assert_array_equal([row for row, _ in found.failures], np.flatnonzero(bad))
    assert found.fun == pytest.approx(-0.5, abs=0.1) and found.x[0] <= 0.5


def test_batches_and_tolerance():
    opt = Optimizer([(0.0, 1.0)], n_constraints=1, constraint_tol=0.1, rng=0)
    found = opt.run(lambda x: -x[0], 12, constraints=lambda x: x[0] - 0.5, batch=3)
    assert found.y.size == 12
    assert -0.6 <= found.fun < -0.58  # at the border that the tolerance moves, not at 0.5


def test_one_batch_is_one_judgement():
    # Once a single ask(8) counted eight empty sets, five of which declare infeasibility.
    rules = [lambda x: x[0] - 0.4, lambda x: 0.8 - x[0]]
    opt = Optimizer(BOX[:1], n_constraints=2, rng=0)
    while not opt.infeasible:
        before = opt._empty
        X = opt.ask(8)
        assert opt._empty <= before + 1 and opt.y.size <= 120
        opt.tell(X, X[:, 0], [[g(x) for g in rules] for x in X])
    assert opt.y.size >= 40 and opt.result().status == "infeasible"
    # Asking on without telling judges nothing; what turns out feasible withdraws it.
    opt.tell([0.6], 0.6, [-1.0, -1.0])
    assert not opt.infeasible and opt._empty == 0
    assert opt.result("found").status == "found" and opt.result().fun == 0.6


def test_pending_points_do_not_count_as_evidence(monkeypatch):
    from kriss.gp import _bo_constrained

    opt = Optimizer(BOX[:1], n_constraints=1, n_initial=3, rng=0)
    opt.run(lambda x: x[0], 20, constraints=lambda x: 1.0 + 0.01 * np.sin(9 * x[0]))
    opt.infeasible, opt._empty, opt._judged = False, 0, 0
    opt.ask()
    assert opt._empty == 1
    opt.ask(20)
    assert opt._empty == 1 and not opt.infeasible
    # Where only imagined data exclude everything, nothing is declared.
    monkeypatch.setattr(_bo_constrained, "leaves", lambda *args: True)
    opt._judged = 0
    opt.ask()
    assert opt._empty == 0


def test_noise_of_the_values_is_not_that_of_the_constraints():
    # A constraint of size 0.005 beside a noise of variance 4 once was nothing but noise.
    noisy = np.random.default_rng(0)
    found = minimize(
        lambda x: 100.0 * x[0] + 2.0 * noisy.standard_normal(),
        BOX[:1],
        evaluations=16,
        constraints=lambda x: 0.01 * (0.5 - x[0]),
        noise=4.0,
        rng=0,
    )
    assert np.abs(found.X[4:, 0] - 0.5).max() < 0.1  # of noise alone they were near 0
    for noise, wanted in ((0.0, 0.0), (3.0, None), (None, None)):
        assert Optimizer(BOX, n_constraints=1, noise=noise)._rules[0].fixed_noise == wanted


def test_noisy_search_exploits_and_does_not_only_explore():
    # Once the lowest noisy observation was the value to be beaten, which no bound does: all ten were exploration.
    noisy = np.random.default_rng(1)
    X = np.concatenate([noisy.random(10), 0.5 + 0.03 * noisy.standard_normal(20)])[:, None]
    opt = Optimizer(BOX[:1], n_constraints=1, noise=1.0, n_initial=0, rng=1)

    def f(x):
        return 100.0 * (x - 0.5) ** 2 + noisy.standard_normal(x.shape)

    opt.tell(X, f(X[:, 0]), 0.2 - X)
    asked = []
    for _ in range(10):
        asked.append(opt.ask())
        opt.tell(asked[-1], f(asked[-1])[0], 0.2 - asked[-1])
    # sqrt(1 / 100): where the objective is one standard deviation of the noise above its minimum
    assert np.abs(np.array(asked) - 0.5).max() <= 0.1


def test_bounds_are_lowered_until_the_point_is_new():
    # Once that ended at 32 standard deviations also on a known point, and a forbidden one was asked for instead: 0.95.
    opt = Optimizer(BOX[:1], n_constraints=1, noise=0.0, n_initial=0, rng=0)
    X = np.linspace(0.0, 1.0, 9)[:, None]
    opt.tell(X, X[:, 0], X - 0.45)
    for _ in range(5):
        x = opt.ask()
        assert x[0] <= 0.45 and np.abs(opt.X - x).min() > 0.01
        opt.tell(x, x[0], x - 0.45)


def test_bounds_are_lowered_too_where_only_a_descent_finds_room(monkeypatch):
    # Once the known minimum was asked for again there.
    from kriss.gp import _bo_constrained, _bo_search

    opt = Optimizer(BOX[:1], n_constraints=1, noise=0.0, n_initial=0, rng=0)
    X = np.array([0.0, 0.2, 0.4, 0.6, 0.65, 0.7, 0.75, 0.8, 1.0])[:, None]
    opt.tell(X, (X[:, 0] - 0.7) ** 2, np.abs(X - 0.7) - 0.055)
    opt.ask()
    monkeypatch.setattr(_bo_search, "sobol", lambda d, count, rng: np.zeros((count, d)))
    far, nothing = np.zeros((1, 1)), np.empty((0, 1))
    x, some = _bo_constrained.suggest(opt._model, opt._rules, far, nothing, False, opt._feasible(), 0.0, opt._rng)
    assert some and np.abs(X - x).min() > 0.01


def test_feasible_means_a_value_too():
    opt = Optimizer(BOX[:1], n_constraints=1, rng=0)
    opt.tell([[0.1], [0.2], [0.3]], [1.0, math.nan, 2.0], [[-1.0], [-1.0], [1.0]])
    np.testing.assert_array_equal(opt.result().feasible, [True, False, False])


def test_arguments():
    opt = Optimizer(BOX, n_constraints=2, rng=0)
    x = opt.ask()
    with pytest.raises(ValueError, match="constraints is None, expected 2 values"):
        opt.tell(x, 1.0)
    with pytest.raises(ValueError, match=r"constraints has shape \(1, 1\), expected \(1, 2\)"):
        opt.tell(x, 1.0, [0.0])
    with pytest.raises(ValueError, match="0 functions, but the optimizer was made with n_constraints=2"):
        opt.run(lambda x: 0.0, 1)
    with pytest.raises(ValueError, match="returned 2 values, expected 1"):
        minimize(lambda x: 0.0, BOX, constraints=lambda x: [0.0, 1.0], evaluations=3)
    with pytest.raises(TypeError, match="constraints must be callable"):
        minimize(lambda x: 0.0, BOX, constraints=[3.0])
    with pytest.raises(ValueError, match="leave y0 out"):
        minimize(lambda x: 0.0, BOX, constraints=lambda x: 0.0, x0=[[0.1, 0.1]], y0=[1.0])
