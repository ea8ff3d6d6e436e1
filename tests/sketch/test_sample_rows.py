"""Every sampler against its law: by enumeration where that is possible, by chi-square and z-scores beyond."""

import itertools
from collections import Counter

import numpy as np
import pytest
import scipy.sparse as sps
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from kriss.sketch import leverage_scores, lewis_weights, lp_sensitivities, sample_rows
from kriss.sketch._dpp import choose_vectors, projection_dpp, vector_shares
from kriss.sketch._sampling import combined_scores, draw_without, inclusion

METHODS = ("leverage", "lewis", "sensitivity", "root-leverage", "combined", "dpp", "volume", "repeated-dpp")
DRAWS = 600


def chi_square(counts, law):
    """P-value of observed counts under a law, small cells put together; fails at 1e-6."""
    total = sum(counts.values())
    assert set(counts) <= {key for key, value in law.items() if value > 0}
    order = sorted(law, key=law.get)
    seen, expected, cell, have = [], [], 0.0, 0
    for key in order:
        cell, have = cell + law[key] * total, have + counts.get(key, 0)
        if cell >= 10.0:
            seen.append(have)
            expected.append(cell)
            cell, have = 0.0, 0
    expected[-1] += cell
    seen[-1] += have
    assert len(seen) > 2
    p = scipy.stats.chisquare(seen, np.array(expected) * sum(seen) / sum(expected)).pvalue
    assert p > 1e-6, p


def draws(A, k, method, **options):
    gen = np.random.default_rng(7)
    return [sample_rows(A, k, method, rng=gen, **options) for _ in range(DRAWS)]


@pytest.mark.parametrize("k", [1, 2, 3])
def test_dpp_by_enumeration(k, rng):
    A = rng.standard_normal((6, 3)) * [1.0, 3.0, 0.5]
    law = {S: np.linalg.det(A[list(S)] @ A[list(S)].T) for S in itertools.combinations(range(6), k)}
    total = sum(law.values())
    law = {S: value / total for S, value in law.items()}
    samples = draws(A, k, "dpp")
    chi_square(Counter(tuple(s.rows.tolist()) for s in samples), law)
    marginal = np.zeros(6)
    for S, value in law.items():
        marginal[list(S)] += value
    for s in samples[:20]:
        assert_allclose(s.probabilities, marginal[s.rows], rtol=1e-9)


@pytest.mark.parametrize("k", [2, 3, 5])
def test_volume_by_enumeration(k, rng):
    A = rng.standard_normal((6, 2))
    A[2] *= 4
    law = {S: np.linalg.det(A[list(S)].T @ A[list(S)]) for S in itertools.combinations(range(6), k)}
    total = sum(law.values())
    law = {S: value / total for S, value in law.items()}
    samples = draws(A, k, "volume")
    chi_square(Counter(tuple(s.rows.tolist()) for s in samples), law)
    marginal = np.zeros(6)
    for S, value in law.items():
        marginal[list(S)] += value
    for s in samples[:20]:
        assert_allclose(s.probabilities, marginal[s.rows], rtol=1e-9)


def test_rescaled_volume_and_repeated_dpp_by_enumeration(rng):
    A = rng.standard_normal((4, 2))
    Q = np.linalg.qr(A)[0]
    tau = np.sum(Q**2, axis=1)
    law, repeated = Counter(), Counter()
    for seq in itertools.product(range(4), repeat=3):
        G = sum(np.outer(Q[i], Q[i]) / tau[i] for i in seq)
        law[tuple(sorted(seq))] += np.linalg.det(G) * np.prod(tau[list(seq)])
    total = sum(law.values())
    chi_square(
        Counter(tuple(s.rows.tolist()) for s in draws(A, 3, "volume", replace=True)),
        {key: value / total for key, value in law.items()},
    )
    # One whole sample of two rows and one row of another, chosen blindly.
    for S in itertools.combinations(range(4), 2):
        for i in range(4):
            repeated[tuple(sorted((*S, i)))] += np.linalg.det(Q[list(S)]) ** 2 * tau[i] / 2
    chi_square(Counter(tuple(s.rows.tolist()) for s in draws(A, 3, "repeated-dpp")), repeated)


@pytest.mark.parametrize("method", ["leverage", "lewis", "sensitivity", "root-leverage", "combined"])
def test_scored_methods_with_replacement(method, rng):
    A = rng.standard_normal((30, 3))
    A[4] *= 10
    lever = leverage_scores(A, method="exact")
    lewis = lewis_weights(A, 1.0, tol=1e-9)
    score = {
        "leverage": lever,
        "lewis": lewis,
        "sensitivity": lp_sensitivities(A, 1.0),
        "root-leverage": np.sqrt(lever),
        "combined": 0.75 * lewis / 3 + 0.25 * np.sqrt(lever) / np.sqrt(lever).sum(),
    }[method]
    share = score / score.sum()
    sample = sample_rows(A, 6000, method, rng=1, replace=True, p=1.0)
    assert_allclose(sample.probabilities, share[sample.rows], rtol=3e-3)
    assert_allclose(sample.weights, 1 / (6000 * sample.probabilities))
    chi_square(Counter(sample.rows.tolist()), dict(enumerate(share)))


@pytest.mark.parametrize("p", [2.5, 3.0, 6.0])
@pytest.mark.parametrize("coherent", [False, True])
def test_combined_rule_beyond_two_is_the_one_with_fewer_rows(p, coherent, rng):
    A = rng.standard_normal((400, 3)) * rng.uniform(1, 3, (400, 1))
    if coherent:  # three rows that are all that matters
        A[-3:] = 1e5 * np.eye(3)
    lever, sigma, lewis = leverage_scores(A, method="exact"), lp_sensitivities(A, p), lewis_weights(A, p)
    sample = sample_rows(A, 5000, "combined", rng=1, replace=True, p=p)
    score = np.maximum(lever, sigma) if coherent else lewis
    assert (3 ** (p / 2) > 3 ** (2 / p) * sigma.sum() ** (2 - 4 / p)) == coherent
    assert_allclose(sample.probabilities, (score / score.sum())[sample.rows], rtol=1e-2)


@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.booleans())
@settings(max_examples=60, deadline=None)
def test_inclusion_probabilities(seed, k, heavy):
    rng = np.random.default_rng(seed)
    score = rng.pareto(0.3, 40) if heavy else rng.random(40)
    chance = inclusion(score, k)
    assert chance.sum() == pytest.approx(k) and chance.min() > 0 and chance.max() <= 1
    below = chance < 1 - 1e-12
    if below.any():
        ratio = chance[below] / score[below]
        assert_allclose(ratio, ratio[0])
        assert np.all(score[~below] * ratio[0] >= 1 - 1e-9)
    rows = draw_without(chance, k, rng)
    assert len(rows) == len(set(rows.tolist())) == k
    assert set(np.flatnonzero(chance >= 1).tolist()) <= set(rows.tolist())


def test_draws_without_replacement_have_their_chances(rng):
    chance = inclusion(rng.pareto(0.7, 50), 9)
    count = np.zeros(50)
    for _ in range(1000):
        count[draw_without(chance, 9, rng)] += 1
    spread = np.sqrt(np.maximum(1000 * chance * (1 - chance), 1e-30))
    z = np.where(chance >= 1, 0, (count - 1000 * chance) / spread)
    assert np.all(count[chance >= 1] == 1000)
    assert np.abs(z).max() < 5 and np.sqrt(np.mean(z**2)) < 1.5


@pytest.mark.parametrize("method", METHODS)
def test_sums_are_unbiased(method, rng):
    A = rng.standard_normal((300, 4))
    A[::10] *= 5
    value = np.abs(A @ [1.0, -2.0, 0.5, 1.0])
    estimates = []
    gen = np.random.default_rng(3)
    for _ in range(150):
        sample = sample_rows(A, 4 if method == "dpp" else 20, method, rng=gen, p=1.0)
        estimates.append(np.sum(sample.weights * value[sample.rows]))
    z = (np.mean(estimates) - value.sum()) / (np.std(estimates) / np.sqrt(150))
    assert abs(z) < 4.5


def test_large_dpp_by_chi_square(rng):
    # Inclusion of rows and of pairs, put into 30 groups of rows.
    A = rng.standard_normal((3000, 12)) * np.geomspace(1, 1e5, 12)
    A[::50] *= 10
    Q = np.linalg.qr(A)[0]
    group = np.arange(3000) // 100
    gen = np.random.default_rng(11)
    one, two = np.zeros(30), 0.0
    for _ in range(150):
        rows = sample_rows(A, 12, "dpp", rng=gen).rows
        counts = np.bincount(group[rows], minlength=30)
        one += counts
        two += np.sum(counts * (counts - 1))
    mean = np.bincount(group, np.sum(Q**2, axis=1)) * 150
    assert np.sum((one - mean) ** 2 / mean) < scipy.stats.chi2.ppf(1 - 1e-6, 29)
    # E n(n-1) = (sum tau)^2 - sum |Q_g' Q_g|^2 for each group; a Poisson-like spread bounds that of the sum.
    parts = [Q[group == g] for g in range(30)]
    pairs = sum(np.sum(q**2) ** 2 - np.sum((q.T @ q) ** 2) for q in parts)
    assert abs(two - 150 * pairs) < 6 * np.sqrt(4 * 150 * pairs)


def test_volume_sampling_is_unbiased_for_least_squares(rng):
    A, b = rng.standard_normal((40, 3)), rng.standard_normal(40)
    want = np.linalg.lstsq(A, b)[0]
    gen = np.random.default_rng(5)
    for options in ({"replace": False}, {"replace": True}):
        found = []
        for _ in range(500):
            s = sample_rows(A, 6, "volume", rng=gen, **options)
            root = np.sqrt(s.weights) if s.replace else np.ones(6)
            found.append(np.linalg.lstsq(A[s.rows] * root[:, None], b[s.rows] * root)[0])
        z = (np.mean(found, axis=0) - want) / (np.std(found, axis=0) / np.sqrt(500))
        assert np.abs(z).max() < 4.5


def test_choice_of_vectors_by_enumeration():
    values = np.array([5.0, 2.0, 1.0, 0.1])
    law = {S: np.prod(values[list(S)] ** 2) for S in itertools.combinations(range(4), 2)}
    total = sum(law.values())
    gen = np.random.default_rng(0)
    counts = Counter(tuple(choose_vectors(values, 2, gen).tolist()) for _ in range(1500))
    chi_square(counts, {S: v / total for S, v in law.items()})
    share = [sum(v for S, v in law.items() if j in S) / total for j in range(4)]
    assert_allclose(vector_shares(values, 2), share, rtol=1e-12)
    far = np.geomspace(1e150, 1e-150, 40)
    assert vector_shares(far, 20).sum() == pytest.approx(20)


def test_loose_bounds_change_nothing_but_the_time():
    # Proposals that are uniform, with a bound of three times the largest norm.
    rng = np.random.default_rng(2)
    Q = np.linalg.qr(rng.standard_normal((5, 2)))[0]
    law = {S: np.linalg.det(Q[list(S)]) ** 2 for S in itertools.combinations(range(5), 2)}

    def propose(count):
        rows = rng.integers(5, size=count)
        return rows, Q[rows], np.full(count, 3.0)

    counts = Counter(tuple(sorted(projection_dpp(propose, 2, rng)[0].tolist())) for _ in range(500))
    chi_square(counts, law)


@pytest.mark.parametrize("method", METHODS)
def test_seed_decides_and_every_kind_of_rows(method, rng):
    A = rng.standard_normal((3000, 5))
    k = 5 if method == "dpp" else 60
    once = sample_rows(A, k, method, rng=4, p=1.5)
    assert once.method == method and once.rank == 5 and once.shape == (3000, 5) and len(once) == k
    assert np.all(np.diff(once.rows) >= (0 if once.replace else 1)) and once.rows.max() < 3000
    for same in (A, np.asfortranarray(A), sps.csr_array(A), lambda: (A[i : i + 999] for i in range(0, 3000, 999))):
        again = sample_rows(same, k, method, rng=4, p=1.5)
        if same is A:
            assert np.array_equal(again.rows, once.rows) and np.array_equal(again.weights, once.weights)
        # Other roads to the same basis may turn it; the law is the same.
        assert again.rows.shape == once.rows.shape
        scaled = again.scaled(same)
        expected = A[again.rows] * (again.weights ** (1 / 1.5))[:, None]
        assert_allclose(scaled.toarray() if sps.issparse(scaled) else scaled, expected)
    assert np.array_equal(sample_rows(A, k, method, rng=4, p=1.5, workers=3).rows, once.rows)
    assert not np.array_equal(sample_rows(A, k, method, rng=5, p=1.5).rows, once.rows)


def test_subspace_embedding(rng):
    A = rng.standard_normal((20_000, 6))
    A[::100] *= rng.pareto(0.8, (200, 1)) * 10
    X = rng.standard_normal((6, 200))
    for p, k in ((1.0, 1500), (2.0, 1500), (3.0, 4000)):
        for method in ("lewis", "sensitivity", "combined", "root-leverage"):
            sample = sample_rows(A, k, method, rng=0, p=p)
            ratio = np.sum(np.abs(sample.scaled(A) @ X) ** p, axis=0) / np.sum(np.abs(A @ X) ** p, axis=0)
            assert np.abs(ratio - 1).max() < 0.35
    recursive = sample_rows(A, 300, "root-leverage", rng=0, p=1.0)
    assert recursive.levels > 1
    vector = rng.standard_normal(20_000)
    assert_allclose(recursive.scaled(vector), vector[recursive.rows] * recursive.weights)


def test_fixed_rank(rng):
    u = np.linalg.qr(rng.standard_normal((400, 6)))[0]
    A = (u * [9, 8, 7, 1e-3, 1e-4, 1e-5]) @ np.linalg.qr(rng.standard_normal((500, 6)))[0].T
    lever = np.sum(u[:, :3] ** 2, axis=1)
    sample = sample_rows(A, 3, "dpp", rng=0, rank=3)
    assert_allclose(sample.probabilities, lever[sample.rows], rtol=1e-8)
    sample = sample_rows(A, 40, "leverage", rng=0, rank=3, replace=True)
    assert_allclose(sample.probabilities, lever[sample.rows] / 3, rtol=1e-8)
    with pytest.raises(ValueError, match="rank is 7, above the rank 6 of A"):
        sample_rows(A, 3, "dpp", rank=7)
    for p in (1.0, 3.0):
        w, sigma = lewis_weights(u[:, :3], p), lp_sensitivities(u[:, :3], p)
        for method, score in (("lewis", w), ("sensitivity", sigma), ("combined", combined_scores(sigma, lever, w, p))):
            sample = sample_rows(A, 40, method, rng=0, rank=3, p=p, replace=True)
            assert_allclose(sample.probabilities, (score / score.sum())[sample.rows], rtol=3e-3)
            with pytest.raises(ValueError, match="rank is 7, above the rank 6 of A"):
                sample_rows(A, 3, method, rank=7, p=p)


def test_given_scores(rng):
    A = rng.standard_normal((2000, 3))
    score = np.zeros(2000)
    score[[3, 50, 1999]] = [1e-300, 1e300, 2e300]
    sample = sample_rows(A, 3, rng=0, scores=score)
    assert sample.rows.tolist() == [3, 50, 1999] and np.allclose(sample.weights, 1.0, rtol=1e-14)
    with pytest.raises(ValueError, match="k is 4, above the 3 rows of positive score"):
        sample_rows(A, 4, scores=score)
    with pytest.raises(ValueError, match=r"scores contains -1.0 at index 7"):
        sample_rows(A, 1, scores=np.where(np.arange(2000) == 7, -1.0, 1.0))
    with pytest.raises(ValueError, match=r"scores has shape \(3,\), expected \(2000,\)"):
        sample_rows(A, 1, scores=[1, 2, 3])
    with pytest.raises(ValueError, match="all scores are zero"):
        sample_rows(A, 1, scores=np.zeros(2000))
    with pytest.raises(ValueError, match="scores do not go with"):
        sample_rows(A, 3, "dpp", scores=score)


def test_bad_input(rng):
    A = rng.standard_normal((50, 4))
    A[:, 3] = A[:, 0] - A[:, 1]
    with pytest.raises(ValueError, match="k is 4, above the rank 3"):
        sample_rows(A, 4, "dpp")
    with pytest.raises(ValueError, match="k is 2, below the rank 3"):
        sample_rows(A, 2, "volume")
    with pytest.raises(ValueError, match="k is 51, above the 50 rows"):
        sample_rows(A, 51, "volume")
    with pytest.raises(ValueError, match="k is 51, above the 50 rows"):
        sample_rows(A, 51)
    assert len(sample_rows(A, 51, replace=True)) == 51
    assert sample_rows(A, 50, "volume").rows.tolist() == list(range(50))
    with pytest.raises(ValueError, match="k must be at least 1"):
        sample_rows(A, 0)
    with pytest.raises(TypeError, match="k must be an integer"):
        sample_rows(A, 2.5)
    with pytest.raises(ValueError, match="method must be one of"):
        sample_rows(A, 2, "uniform")
    with pytest.raises(ValueError, match="replace=True does not go with method 'dpp'"):
        sample_rows(A, 2, "dpp", replace=True)
    with pytest.raises(ValueError, match="replace=False does not go with method 'repeated-dpp'"):
        sample_rows(A, 2, "repeated-dpp", replace=False)
    with pytest.raises(TypeError, match="replace must be a bool"):
        sample_rows(A, 2, replace="yes")
    with pytest.raises(ValueError, match="p must be at least 1"):
        sample_rows(A, 2, p=0.5)
    for shape in ((0, 3), (3, 0)):
        with pytest.raises(ValueError, match=rf"A has shape \({shape[0]}, {shape[1]}\), expected at least one"):
            sample_rows(np.empty(shape), 1)
    for method in METHODS:
        with pytest.raises(ValueError, match="A is zero"):
            sample_rows(np.zeros((5, 2)), 1, method)
        with pytest.raises(ValueError, match=r"A contains nan at index \(49, 2\)"):
            sample_rows(np.where(np.arange(200).reshape(50, 4) == 198, np.nan, A), 1, method)
    with pytest.raises(ValueError, match="A has 49 rows, expected 50"):
        sample_rows(A, 5).scaled(A[:-1])
    with pytest.raises(TypeError, match="rng must be"):
        sample_rows(A, 5, rng="seed")
    # A zero row has no score and is never drawn without need.
    A[7] = 0.0
    assert 7 not in sample_rows(A, 49, rng=0).rows
    with pytest.raises(ValueError, match="k is 50, above the 49 rows"):
        sample_rows(A, 50)


@pytest.mark.parametrize("scale", [1e-250, 1e250])
def test_any_units(scale, rng):
    A = rng.standard_normal((200, 3))
    for method in METHODS:
        assert sample_rows(A * scale, 3, method, rng=1).rows.tolist() == sample_rows(A, 3, method, rng=1).rows.tolist()


def test_plot_and_progress(rng, capsys):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    A = rng.standard_normal((100, 2))
    sample = sample_rows(A, 10, rng=0, progress=True)
    assert "rows" in capsys.readouterr().err
    for method, k in (("dpp", 1), ("dpp", 2), ("volume", 9), ("repeated-dpp", 9)):
        sample_rows(A, k, method, rng=0, progress=True)
        assert "determinantal rows: 100%" in capsys.readouterr().err
    sample_rows(A, 9, "lewis", p=1.0, rng=0, progress=True)
    assert "Lewis weights" in capsys.readouterr().err
    ax = sample.plot(A)
    assert len(ax.collections) == 2 and len(ax.collections[1].get_offsets()) == 10
    assert sample.plot(A, ax=ax) is ax
    with pytest.raises(ValueError, match=r"A has shape \(99, 2\)"):
        sample.plot(A[:-1])
    matplotlib.pyplot.close("all")
