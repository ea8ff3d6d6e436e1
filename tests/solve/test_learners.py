"""The learners behind `Sequence`: against textbook formulas, on made-up costs, and through save, load and merge."""

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq, lsq_linear

from kriss.solve._learners import Learner, Tsallis
from kriss.solve._learners_chebyshev import ChebCB
from kriss.solve._learners_kernel import (
    _LEVEL,
    _WEIGHT,
    EFFECT,
    KEPT,
    LEVEL,
    LOCAL,
    NOISE,
    VIEWS,
    KernelLearner,
)  # fmt: skip
from kriss.solve._sequence_arms import choices

OMEGAS = np.linspace(1.0, 1.95, 20)


def kernel_learner():
    chosen = choices("cg", "ssor", None, None, None, 0)
    return KernelLearner(len(chosen.arms), chosen.kernel, chosen.start)


def curve(alpha):
    """Axelsson's bound of the iterations of CG with SSOR, for lambda_max(D A^-1) = alpha (delta = 0)."""
    c = (2 - OMEGAS) / (1 + (2 - OMEGAS) ** 2 * np.atleast_1d(alpha)[:, None] / (4 * OMEGAS))
    return np.rint(1 + np.log(2e8) / -np.log(1 - 2 / (1 + np.sqrt(1 / c))) / 2)


def play(learner, costs, contexts=None, own=None, seed=0):
    rng = np.random.default_rng(seed)
    out = []
    for t, row in enumerate(costs):
        context = None if contexts is None or np.isnan(contexts[t]).any() else np.atleast_1d(contexts[t])
        seen = np.nan if own is None else own[t]
        arm, p = learner.choose(context, seen, rng)
        assert 0 < p <= 1
        learner.update(arm, p, context, seen, row[arm])
        out.append(row[arm])
    return np.array(out)


# Tsallis-INF


def tsallis_reference(sums, scale, eta):
    scaled = (sums - sums.min()) / scale  # the probabilities depend on differences only

    def excess(x):
        return (4 / (eta * (scaled - x)) ** 2).sum() - 1

    low, high = -2 * np.sqrt(len(sums)) / eta * (1 + 1e-9), -2 / eta * (1 - 1e-9)
    x = brentq(excess, low, high, xtol=1e-14 * max(1, abs(low)), rtol=1e-14)
    return 4 / (eta * (scaled - x)) ** 2


@given(
    st.lists(st.floats(0, 1e9), min_size=2, max_size=20), st.integers(1, 10**6), st.floats(1, 1e5), st.booleans()
)  # fmt: skip
def test_tsallis_probabilities(sums, count, total, reduced):
    learner = Tsallis(len(sums), reduced)
    learner._parts["x"] = [np.array(sums), count, total * count]
    p = learner.probabilities()
    eta = (4 if reduced else 2) / np.sqrt(count + 1)
    np.testing.assert_allclose(p, tsallis_reference(np.array(sums), max(total, 1), eta), rtol=1e-6, atol=1e-12)
    assert p.sum() == pytest.approx(1, abs=1e-12) and (p > 0).all()


@pytest.mark.parametrize("reduced", [False, True])
def test_tsallis_estimates_are_unbiased(reduced):
    """Over the arm drawn, what is added to the sums has the losses as its mean."""
    losses = np.array([3.0, 7.0, 4.0, 30.0])
    learner = Tsallis(4, reduced)
    play(learner, np.tile(losses + 1, (25, 1)), seed=3)
    p = learner.probabilities()
    before = learner._totals()[0]
    mean = np.zeros(4)
    for arm in range(4):
        one = copy.deepcopy(learner)
        one.origin = "other"
        one.update(arm, p[arm], None, np.nan, losses[arm] + 1)
        mean += p[arm] * (one._totals()[0] - before)
    np.testing.assert_allclose(mean, losses, rtol=1e-9)


@pytest.mark.parametrize("reduced", [False, True])
def test_tsallis_regret(reduced):
    """Mean regret over 10 runs below 4 sqrt(K T) + 1, the bound for losses in [0, 1] (here between 0 and 2 scales)."""
    count, means = 600, np.array([12.0, 14.0, 18.0, 20.0, 24.0])
    regret = []
    for seed in range(10):
        costs = means + np.random.default_rng(seed).integers(-3, 4, (count, 5))
        regret.append((play(Tsallis(5, reduced), costs, seed=seed).sum() - costs[:, 0].sum()) / 24.0)
    assert np.mean(regret) <= 4 * np.sqrt(5 * count) + 1
    assert np.mean(regret) < 0.6 * count * (means.mean() - 12) / 24  # and far better than drawing blindly


# ChebCB


def test_chebcb_fits_what_it_should():
    """Coefficients of every arm are those of the boxed least squares over its raw rows."""
    rng = np.random.default_rng(5)
    learner = ChebCB(4)
    contexts = rng.uniform(-2, 5, 200)
    costs = 10 + 3 * np.outer(contexts, [0.1, 0.5, -0.5, 1]) + rng.integers(0, 5, (200, 4))
    play(learner, np.maximum(1, costs), contexts, seed=1)
    rows = learner._rows[learner.origin][:200]
    low, high = contexts.min(), contexts.max()
    y = 2 * (rows[:, 1] - low) / (high - low) - 1
    features = np.cos(np.arccos(np.clip(y, -1, 1))[:, None] * np.arange(6))
    top, width = rows[:, 2].max(), rows[:, 2].max() - rows[:, 2].min()
    n = 2 + 4 * width / top * (1 + np.log(6))
    bound = np.concatenate([[1 / n], 2 * width / (top * n * np.arange(1, 6))])
    checked = 0
    for arm in range(4):
        mine = rows[:, 0] == arm
        if mine.sum() < 12:
            continue
        target = (rows[mine, 2] - 1) / (top * n)
        free = np.linalg.lstsq(features[mine], target, rcond=None)[0]
        expected = free if (abs(free) <= bound).all() else lsq_linear(features[mine], target, (-bound, bound)).x
        np.testing.assert_allclose(learner._theta[arm], expected, atol=2e-5)
        checked += 1
    assert checked >= 2


def test_chebcb_follows_the_context():
    contexts = np.random.default_rng(0).uniform(0, 1, 1500)
    costs = curve(np.exp(np.log(4) + contexts * np.log(500)))
    paid = play(ChebCB(20), costs, contexts)
    fixed = costs.sum(axis=0).min()
    assert paid[750:].sum() < costs[750:].sum(axis=0).min() < fixed


def test_chebcb_without_context_keeps_going():
    costs = np.tile(np.arange(5.0) + 3, (50, 1))
    assert play(ChebCB(5), costs, np.full(50, np.nan)).size == 50
    assert play(ChebCB(5), np.ones((30, 5)), np.zeros(30)).sum() == 30


# The kernel learner


def test_kernel_predictions_are_those_of_gaussian_processes():
    """The prediction of the first view, mean effects included, against dense formulas with one row per system."""
    learner = kernel_learner()
    rng = np.random.default_rng(2)
    play(learner, curve(np.exp(rng.uniform(2, 6, 40))))
    n, kernel = 40, choices("cg", "ssor", None, None, None, 0).kernel
    seen, rows = learner.samples(), learner._rows[:, :n]
    arms, y, level, weights = seen["arm"], seen["y"], rows[_LEVEL], rows[_WEIGHT]
    s2 = min(learner.error(), NOISE) ** 2
    f = learner._factor
    np.testing.assert_allclose(f @ f.T, LOCAL**2 * kernel + LEVEL**2, atol=2e-3)
    K = f @ f.T
    z = y - level
    mean = (weights * z).sum() / weights.sum()
    scale = (EFFECT / LOCAL) ** 2
    inner = scale * K[np.ix_(arms, arms)] + s2 * np.diag(1 / weights)
    g = mean + scale * K[:, arms] @ np.linalg.solve(inner, z - mean)
    inner = K[np.ix_(arms, arms)] + s2 * np.diag(1 / weights)
    expected = g + K[:, arms] @ np.linalg.solve(inner, y - g[arms])
    np.testing.assert_allclose(learner.predict(None, np.nan)[0], expected, atol=1e-7)


def families(count=300):
    """Name -> costs, contexts, own."""
    t = np.arange(count)
    rng = np.random.default_rng(11)
    low, high = np.log(4), np.log(2000)
    free = rng.uniform(low, high, count)
    one, slope = np.full(count, 5.0), np.linspace(np.log(50), np.log(1000), count)
    out = {
        "one system": (one, None, None),
        "random contexts": (one, rng.standard_normal((count, 2)), None),
        "regimes": (np.array([3.0, 7.0, 2.0])[t * 3 // count], None, None),
        "drift": (slope, None, slope),
        "honest context": (free, free, None),
        "honest context, some missing": (free, np.where(rng.random(count) < 0.3, np.nan, free), free),
        "lying context": (free, np.where(t < count / 2, free, low + high - free), free),
        "seen in the matrix": (free, None, free),
        "two in turn": (np.where(t % 2, low + 1, high - 1), None, np.where(t % 2, 0.5, 0.1)),
    }
    return {name: (curve(np.exp(alpha)), c, own) for name, (alpha, c, own) in out.items()}


@pytest.mark.parametrize("name", families(2))
def test_kernel_loses_at_most_five_percent(name):
    """Once 200 systems have passed; costs of different arms differ fivefold here."""
    costs, contexts, own = families()[name]
    paid = play(kernel_learner(), costs, contexts, own)
    fixed = np.cumsum(costs, axis=0).min(axis=1)
    assert (np.cumsum(paid) / fixed)[199:].max() <= 1.05


def test_kernel_follows_a_drift_that_nothing_shows():
    """Hidden drifts over 300 systems: two percent behind in the mean (a record, not to be raised), five on the way."""
    most, last = [], []
    for low, high in ((50, 1000), (40, 900), (60, 1200), (50, 800), (1000, 50), (30, 1000)):
        costs = curve(np.geomspace(low, high, 300))
        paid, fixed = np.cumsum(play(kernel_learner(), costs)), np.cumsum(costs, axis=0).min(axis=1)
        most.append((paid / fixed)[199:].max())
        last.append(paid[-1] / fixed[-1])
    assert np.mean(most) <= 1.05
    assert np.mean(last) <= 1.02


def test_kernel_minds_means_where_costs_vary_tenfold():
    """Costs whose logarithms have their least mean elsewhere than the costs: the mean is what is paid."""
    rng = np.random.default_rng(4)
    arms = np.arange(20)
    spread = np.where(arms < 12, 1.2, 0.1)  # of the logarithms
    base = 100.0 * (1.0 + 0.02 * (arms - 10.0) ** 2)
    costs = np.rint(base * np.exp(spread * rng.standard_normal((1500, 1))))
    paid = play(kernel_learner(), costs)
    assert paid[500:].sum() <= 1.05 * costs[500:].sum(axis=0).min()


def test_kernel_beats_the_bandits_and_the_best_fixed_arm():
    costs, contexts, own = families(400)["honest context"]
    paid = {
        name: play(make(), costs, contexts).sum()
        for name, make in (("kernel", kernel_learner), ("tsallis", lambda: Tsallis(20)), ("chebcb", lambda: ChebCB(20)))
    }
    assert paid["kernel"] < min(paid["tsallis"], paid["chebcb"], costs.sum(axis=0).min())


def test_kernel_memory_is_bounded():
    learner = kernel_learner()
    costs = np.tile(curve(100.0), (KEPT + 40, 1))
    play(learner, costs)
    assert learner._n <= KEPT and learner.clock == KEPT + 40
    assert len(VIEWS) == len(learner._errors)


@pytest.mark.parametrize("known", [True, False])
def test_a_full_memory_keeps_what_was_rarely_tried(known):
    """Else arms known to be dear are tried again and again: every second system used to be dropped, whatever it was."""
    learner, costs = kernel_learner(), curve(50.0).ravel()
    rng = np.random.default_rng(0)
    for t in range(10 * KEPT):
        arm = 3 + t // 20 % 2 if t < 200 else 12  # 100 systems each with two arms, then one arm only
        context = rng.random(1) if known else None
        learner.choose(context, np.nan, rng)
        learner.update(arm, 1.0, context, np.nan, float(costs[arm]))
    left = np.bincount(learner.samples()["arm"], minlength=20)
    assert left[3] >= 1 and left[4] >= 1
    assert not known or min(left[3], left[4]) > 20  # contexts differ: they are far from each other


def test_with_more_arms_than_memory_the_oldest_are_forgotten():
    arms = KEPT + 100
    learner = KernelLearner(arms, np.ones((arms, arms)))
    for t in range(arms):
        learner.choose(None, np.nan, None)
        learner.update(t, 1.0, None, np.nan, 10.0)
    seen = learner.samples()["arm"]
    assert len(set(seen.tolist())) == seen.size and seen[-1] == arms - 1 and 0 not in seen


@pytest.mark.parametrize("arms", [70, 125])
def test_no_arm_is_forgotten_while_another_is_remembered_twice(arms):
    """The pairing was by position over all arms, which an arm with an odd number of systems shifts."""
    learner = KernelLearner(arms, np.ones((arms, arms)))
    most = KEPT // 2 // (arms - 1)
    played = [0, *(a for a in range(1, arms) for _ in range(most))]
    played += [arms - 1] * (KEPT + 1 - len(played))
    for arm in played:
        learner.choose(None, np.nan, None)
        learner.update(arm, 1.0, None, np.nan, 10.0)
    assert set(learner.samples()["arm"]) == set(range(arms))


@pytest.mark.parametrize("scale", [1e-250, 1e250])
def test_kernel_takes_costs_and_contexts_of_any_size(scale):
    costs, contexts, _ = families(60)["honest context"]
    plain = play(kernel_learner(), costs, contexts)
    learner = kernel_learner()
    other = play(learner, costs * scale, contexts * scale)
    if scale > 1:
        np.testing.assert_array_equal(other, plain * scale)
    assert np.isfinite(learner.predict(np.atleast_1d(contexts[0] * scale), np.nan)).all()


@settings(max_examples=25)
@given(st.lists(st.tuples(st.floats(0, 1e6), st.floats(allow_nan=True)), min_size=1, max_size=40))
def test_any_costs_and_contexts(rows):
    for learner in (kernel_learner(), ChebCB(20), Tsallis(20), Tsallis(20, True), Learner(20, 3)):
        rng = np.random.default_rng(0)
        for cost, context in rows:
            c = np.array([context]) if np.isfinite(context) else None
            arm, p = learner.choose(c, np.nan, rng)
            assert 0 <= arm < 20 and 0 < p <= 1
            learner.update(arm, p, c, np.nan, cost)


# Save, load, merge

MAKERS = [kernel_learner, lambda: ChebCB(20), lambda: Tsallis(20), lambda: Tsallis(20, True)]


@pytest.mark.parametrize("make", MAKERS)
def test_state_goes_on_as_before(make):
    costs, contexts, own = families(120)["honest context"]
    learner = make()
    play(learner, costs[:80], contexts[:80], own, seed=1)
    other = make()
    other.load(learner.state())
    third = pickle.loads(pickle.dumps(learner))
    rest = [play(one, costs[80:], contexts[80:], own, seed=2) for one in (learner, other, third)]
    np.testing.assert_array_equal(rest[0], rest[1])
    np.testing.assert_array_equal(rest[0], rest[2])


@pytest.mark.parametrize("make", MAKERS)
def test_merge_counts_nothing_twice(make):
    costs, contexts, own = families(90)["honest context"]
    base = make()
    play(base, costs[:30], contexts[:30], own)
    left, right = make(), make()
    left.load(base.state())
    right.load(base.state())
    play(left, costs[30:60], contexts[30:60], own, seed=1)
    play(right, costs[60:], contexts[60:], own, seed=2)

    def known(one):
        if isinstance(one, Tsallis):
            return one._totals()[1]
        return one._count if isinstance(one, ChebCB) else one._n

    left.merge(right.state())
    assert known(left) == 90
    left.merge(right.state())
    left.merge(base.state())
    assert known(left) == 90
    base.merge(left.state())
    assert known(base) == 90


def test_merge_refuses_contexts_of_another_length():
    one, two = kernel_learner(), kernel_learner()
    play(one, np.tile(curve(10.0), (3, 1)), np.zeros((3, 2)))
    play(two, np.tile(curve(10.0), (3, 1)), np.zeros((3, 1)))
    with pytest.raises(ValueError, match="contexts of 2 numbers cannot be merged with those of 1"):
        two.merge(one.state())
