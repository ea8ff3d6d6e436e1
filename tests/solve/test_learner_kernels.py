"""The compiled step of the kernel learner and the look at a matrix that returns: dense references and both backends."""

import importlib.util
import math
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import kriss
from kriss._backend import core, kernels
from kriss.solve._learners_kernel import (
    _CHANGED,
    _LEVEL,
    _MEAN,
    _NUMBERS,
    _PLACES,
    _TIME,
    _TRACK,
    _WEIGHT,
    BOLD,
    BONUS,
    EFFECT,
    EVERY,
    FAST,
    KEPT,
    LOCAL,
    NOISE,
    VIEWS,
    KernelLearner,
)  # fmt: skip
from kriss.solve._sequence_arms import choices
from kriss.testing import poisson2d

needs_both = pytest.mark.skipif(
    core() is None or importlib.util.find_spec("numba") is None, reason="needs the compiled module and Numba"
)
SETTINGS = {
    "omega": choices("cg", "ssor", None, None, None, 0),
    "two kinds": choices("cg", ["mic", "ssor"], ("relax", "omega", "precond"), None, None, 0),
    "one": choices("cg", "mic", None, None, None, 0),
}


def make(name="omega"):
    chosen = SETTINGS[name]
    return KernelLearner(len(chosen.arms), chosen.kernel, chosen.start)


def costs(arm, arms, hidden):
    """Of an arm: a valley whose place depends on what is hidden."""
    return 40.0 + 30.0 * abs(arm / arms - 0.5 - 0.3 * math.sin(hidden)) + 5.0 * hidden


def feed(learner, count, dim=1, missing=0.2, seed=0):
    """Random systems, some without context; returns the arms."""
    rng = np.random.default_rng(seed)
    out = []
    for t in range(count):
        hidden = rng.uniform(0, 3) + (4.0 if t > 0.7 * count else 0.0)
        context = None if rng.random() < missing else np.array([hidden, *rng.standard_normal(dim - 1)])
        own = math.nan if rng.random() < missing else math.cos(hidden)
        arm, _ = learner.choose(context, own, rng)
        out.append(arm)
        learner.update(
            arm, 1.0, context, own, costs(arm, learner.arms, hidden) * math.exp(0.05 * rng.standard_normal())
        )
    return out


def ranks(held, x):
    """How many of the numbers in each row are below x, an equal one counted half: (d, 1)."""
    return ((held < x) + 0.5 * (held == x)).sum(axis=1, keepdims=True)


def dense(learner, place):
    """Guesses of all views and bounds of all arms, from Gaussian processes with one row for each system."""
    n, arms = learner._n, learner.arms
    rows, seen = learner._rows[:, :n], learner.samples()
    arm, y, w = seen["arm"], seen["y"], rows[_WEIGHT]
    numbers = learner._numbers
    K = learner._factor @ learner._factor.T
    s2 = min(learner.error(), NOISE) ** 2
    ones, effects = learner._totals[:2]
    mean = effects.sum() / ones.sum()
    scale = (EFFECT / LOCAL) ** 2

    def posterior(counts, target, prior):
        """Of arms seen `counts` times with these mean targets; prior covariance K / prior."""
        held = np.flatnonzero(counts > 0)
        inner = K[np.ix_(held, held)] / prior + np.diag(s2 / counts[held])
        gain = np.linalg.solve(inner, K[held] / prior).T
        return gain @ target[held], K / prior - gain @ K[held] / prior

    def means(counts, sums):
        return np.divide(sums, counts, out=np.zeros(arms), where=counts > 0)

    q, wide = posterior(ones, means(ones, effects) - mean, 1 / scale)
    g = mean + q
    low, high = learner._bounds
    span = np.fmax(high, place) - np.fmin(low, place)
    d = learner.dim
    parts = {"linear": slice(0, d), "rank": slice(0, d), "own": slice(2 * d, None)}
    guess, near = np.empty((len(VIEWS), arms)), {}
    for k, (kind, width, memory, prior, believe, _) in enumerate(VIEWS):
        weight = w.copy()
        if memory == 0.0:
            weight[rows[_TIME] < numbers[_CHANGED]] = 0.0
        elif math.isfinite(memory):
            weight *= np.exp(-(learner.clock - rows[_TIME]) / memory)
        if kind in parts:
            if not np.isfinite(place[parts[kind]]).all():
                guess[k] = guess[0]
                continue
            at, scale = place[parts[kind], None], np.where(span > 0, span, 1)[parts[kind], None]
            held = rows[_PLACES:][parts[kind]]
            if kind == "rank":
                at, held, scale = ranks(held, at), np.hstack([ranks(held, x[:, None]) for x in held.T]) - 0.5, n
                held = np.where(np.isnan(rows[_PLACES : _PLACES + d]), np.nan, held)
            off = (held - at) / scale
            square = (off**2).sum(axis=0)
            weight *= np.where(np.isnan(square), 0.0, np.exp(-0.5 * square / width**2))
        base = mean + (g - mean) * believe
        counts = np.bincount(arm, weight, arms)
        target = rows[5] if kind == "trend" else y
        rest = means(counts, np.bincount(arm, weight * target, arms)) - base
        q, narrow = posterior(counts, rest, 1.0 / prior**2) if counts.any() else (np.zeros(arms), K * prior**2)
        guess[k] = base + q + (numbers[_TRACK] if kind == "trend" else 0.0)
        near[k] = counts, narrow
    view = learner.view
    counts, narrow = near.get(view, near[0])
    played = ones / ones.sum()
    local = counts / counts.sum() if counts.sum() > 1e-6 else played
    spread = np.zeros(arms)
    for a in range(arms):
        for share, cover, factor in ((local, narrow, 1.0), (played, wide, VIEWS[view][4])):
            v = -share
            v = v + np.eye(arms)[a]
            spread[a] += factor * (v @ cover @ v) / s2
    fading, over, off = learner._totals[2:]
    smear = np.zeros(arms)
    if fading.any():
        smear = np.log((over + 20 * over.sum() / fading.sum()) / (fading + 20))
        smear -= (off + 20 * off.sum() / fading.sum()) / (fading + 20)
    bonus = BOLD if learner.clock % EVERY == EVERY - 1 else BONUS
    return guess, guess[view] + smear * VIEWS[view][4] - bonus * learner.error() * np.sqrt(np.maximum(spread, 0)), mean


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize(("count", "dim"), [(1, 1), (9, 1), (40, 3), (230, 1)])
def test_step_is_that_of_dense_gaussian_processes(name, count, dim):
    learner = make(name)
    feed(learner, count, dim)
    rng = np.random.default_rng(5)
    for context in (None, np.full(dim, 1.3), rng.uniform(0.1, 3, dim), -np.ones(dim)):
        for own in (math.nan, 0.4):
            if context is not None and context.size != learner.dim:
                learner._clear(dim)
                feed(learner, count, dim, 0.0)
            place = learner._place(context, own)
            guess, bounds, mean = dense(learner, place)
            found = learner.predict(context, own)
            np.testing.assert_allclose(found, guess, atol=2e-6)
            assert learner._numbers[_MEAN] == pytest.approx(mean, abs=1e-12)
            arm = learner.choose(context, own, rng)[0]
            assert bounds[arm] <= bounds.min() + 2e-6
            np.testing.assert_array_equal(learner.foreseen(), found[learner.view])


def test_update_is_that_of_the_formulas():
    """One update after many, against the sums worked out anew."""
    learner = make()
    feed(learner, 60)
    before = pickle.loads(pickle.dumps(learner))
    context = np.array([1.0])
    for one in (before, learner):
        one.choose(context, 0.2, None)
    guess, view = learner._guess.copy(), learner.view
    learner.update(7, 1.0, context, 0.2, 55.0)
    y = math.log(55.0) - before._numbers[_NUMBERS.index("offset")]
    miss = np.minimum((guess[:, 7] - y) ** 2, 2.0)
    np.testing.assert_allclose(learner._errors, 0.95 * before._errors + miss, rtol=1e-12)
    level = before._totals[0] @ guess[view] / before._totals[0].sum()
    k = learner._n - 1
    assert k == 60 and learner._rows[_LEVEL, k] == pytest.approx(level, abs=1e-12)
    assert learner._totals[1, 7] - before._totals[1, 7] == pytest.approx(
        learner._rows[_WEIGHT, k] * (y - level), abs=1e-12
    )
    fading = 0.998 * before._totals[2:]
    above = min(max(y - guess[view, 7], -3.0), 3.0)
    fading[:, 7] += 1.0, math.exp(above), above
    np.testing.assert_allclose(learner._totals[2:], fading, rtol=1e-12)
    fast = _NUMBERS.index("fast")
    assert learner._numbers[fast] == pytest.approx(FAST * before._numbers[fast] + miss[view])
    assert learner.clock == 61 and learner.foreseen() is None


def test_a_sudden_change_is_declared():
    learner = make()
    for _ in range(60):
        learner.choose(None, math.nan, None)
        learner.update(5, 1.0, None, math.nan, 20.0)
    assert learner._numbers[_CHANGED] == 0
    for _ in range(3):
        learner.choose(None, math.nan, None)
        learner.update(5, 1.0, None, math.nan, 90.0)
    assert 59 <= learner._numbers[_CHANGED] <= 62


@needs_both
@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("dim", [1, 2])
def test_backends_agree(name, dim):
    """The same choices, and states alike to the last digits, past the limit of what is remembered."""
    found = []
    for backend in ("compiled", "numba"):
        learner = make(name)
        with kriss.use_backend(backend):
            arms = feed(learner, KEPT + 70, dim)
        found.append((arms, learner))
    (arms, one), (others, two) = found
    assert arms == others
    for part in ("_numbers", "_totals", "_errors", "_bounds", "_rows", "_guess"):
        np.testing.assert_allclose(getattr(one, part), getattr(two, part), rtol=1e-9, atol=1e-9, err_msg=part)


@needs_both
def test_arrays_that_disagree_are_refused():
    with kriss.use_backend("compiled"):
        run = kernels("solve_learner")
    learner = make()
    feed(learner, 3)
    place = np.zeros(3)
    good = learner._state
    for k, item in enumerate(good):
        for bad in (item[:-1], item.astype(np.float32), None):
            state = (*good[:k], bad, *good[k + 1 :])
            with pytest.raises((ValueError, TypeError)):
                run.learner_choose(state, place, True)
    for arm, where in ((-1, place), (20, place), (0, np.zeros(2))):
        with pytest.raises(ValueError, match="arm or place"):
            run.learner_update(good, arm, where, 1.0)
    with pytest.raises(ValueError, match="ten arrays"):
        run.learner_choose(good[:-1], place, True)
    learner._numbers[0] = KEPT
    with pytest.raises(ValueError, match="no room"):
        run.learner_add(good, 0, place, 1.0, 1.0)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 19), st.floats(0, 1e308), st.floats(allow_nan=True)), min_size=1, max_size=30))
def test_whatever_is_seen_a_choice_is_made(systems):
    """Costs up to the largest number, contexts of any size or missing: finite guesses and an arm that exists."""
    learner = make()
    for arm, cost, context in systems:
        c = np.array([context]) if math.isfinite(context) else None
        assert 0 <= learner.choose(c, math.nan, None)[0] < 20
        learner.update(arm, 1.0, c, math.nan, cost)
        assert np.isfinite(learner.predict(c, math.nan)).all()


# A matrix that returns


def renewal(A, kept, finite=True):
    A = A.copy()
    sums = np.full(3, -1.0)
    itype = A.indices.dtype
    rows = np.repeat(np.arange(A.shape[0]), np.diff(A.indptr))
    diagonal = np.flatnonzero(A.indices == rows).astype(np.int64)
    code = kernels("solve_learner").renew(
        A.indptr.astype(itype), A.indices, A.data, kept.indptr.astype(itype), kept.indices.astype(itype), kept.data,
        diagonal, finite, sums,
    )  # fmt: skip
    return code, sums


@pytest.mark.parametrize("itype", [np.int32, np.int64])
@pytest.mark.parametrize("size", [1, 2, 5, 40])
def test_renewal(itype, size, rng):
    A = poisson2d(size)
    A.indices, A.indptr = A.indices.astype(itype), A.indptr.astype(itype)
    A.data[:] = rng.standard_normal(A.nnz)
    kept = A.copy()
    code, sums = renewal(A, kept)
    assert code == 0
    assert sums[0] == pytest.approx(math.fsum(A.data), abs=1e-12 * A.nnz)
    assert sums[1] == pytest.approx(math.fsum(A.diagonal()), abs=1e-12 * A.nnz)
    assert sums[2] == abs(A.data).max()
    for k in (0, A.nnz // 2, A.nnz - 1):
        A.data[k] -= 3.0
        assert renewal(A, kept)[0] == 2 and np.array_equal(kept.data, A.data)
        assert renewal(A, kept)[0] == 0
        for bad in (np.nan, np.inf, -np.inf):
            B = A.copy()
            B.data[k] = bad
            assert renewal(B, kept)[0] == 4 and np.array_equal(kept.data, A.data)
            other = kept.copy()
            code, sums = renewal(B, other, finite=False)
            assert code == 2 and sums[2] == np.inf and renewal(B, other, finite=False)[0] == 0
    for name in ("indices", "indptr"):
        B = A.copy()
        getattr(B, name)[-1 if name == "indices" else 0] += 1
        if name == "indices":
            assert renewal(B, kept)[0] == 1


@needs_both
def test_renewal_has_the_same_bits_in_both_backends(rng):
    A = poisson2d(70)
    A.data[:] = rng.standard_normal(A.nnz) * 10.0 ** rng.uniform(-300, 300, A.nnz)
    found = []
    for backend in ("compiled", "numba"):
        with kriss.use_backend(backend):
            found.append(renewal(A, A.copy())[1])
    np.testing.assert_array_equal(*found)


def test_ranks_are_those_of_what_is_remembered():
    """Also after systems were forgotten, with ties and contexts that were not known."""
    learner = make("omega")
    rng = np.random.default_rng(3)
    for t in range(760):
        context = None if t % 7 == 3 else np.round(rng.standard_normal(2) ** 3, 1)
        arm, _ = learner.choose(context, math.nan, rng)
        learner.update(arm, 1.0, context, math.nan, 10.0 + arm)
    n = learner._n
    assert n < 760
    held, found = learner._rows[_PLACES : _PLACES + 2, :n], learner._rows[_PLACES + 2 : _PLACES + 4, :n]
    expected = np.hstack([ranks(held, x[:, None]) for x in held.T]) - 0.5
    np.testing.assert_array_equal(found, np.where(np.isnan(held), np.nan, expected))


def test_a_monotone_map_of_the_context_changes_no_rank():
    """Costs that change fast where contexts crowd are followed, as the shifts of Khodak et al. do."""
    rng = np.random.default_rng(0)
    contexts = rng.beta(0.5, 1.5, 600) ** 3
    totals = []
    for told in (contexts, np.exp(5 * contexts)):
        learner, paid = make("omega"), 0.0
        for c, x in zip(contexts, told, strict=True):
            arm, _ = learner.choose(np.array([x]), math.nan, rng)
            best = 19 * (1.0 - c ** (1 / 6))
            paid += (cost := 10.0 + (arm - best) ** 2)
            learner.update(arm, 1.0, np.array([x]), math.nan, cost)
        totals.append(paid / 600)
    best = 19 * (1.0 - contexts ** (1 / 6))
    fixed = min(np.mean(10.0 + (arm - best) ** 2) for arm in range(20))
    assert max(totals) < 0.6 * fixed
