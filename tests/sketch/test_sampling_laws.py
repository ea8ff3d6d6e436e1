"""Laws of samplers that other files leave out: without replacement, recursive, of each kind of rows, of points."""

import itertools
from collections import Counter

import numpy as np
import pytest
import scipy.sparse as sps
import scipy.stats
from numpy.testing import assert_allclose

from kriss.sketch import (
    PolynomialBasis,
    huber_regression,
    leverage_scores,
    lewis_weights,
    logistic_regression,
    lp_regression,
    lp_sensitivities,
    minimize_constrained,
    optimal_least_squares,
    quantile_regression,
    root_leverage,
    sample_rows,
)
from kriss.sketch._optimal import _Space
from kriss.sketch._polynomials import _density, _induced
from kriss.sketch._sampling import inclusion

SCORED = ("leverage", "lewis", "sensitivity", "root-leverage", "combined")
KINDS = ("dense", "csr", "callable", "file")
LEAST = 1e-6  # p-value below which a law is taken for wrong


class File:
    """Rows that can be sliced and nothing else."""

    def __init__(self, A):
        self.A, self.shape, self.dtype = A, A.shape, A.dtype

    def __getitem__(self, key):
        return self.A[key].copy()


def as_kind(A, kind):
    return {
        "dense": lambda: A,
        "csr": lambda: sps.csr_array(A),
        "callable": lambda: lambda: (A[i : i + 701] for i in range(0, len(A), 701)),
        "file": lambda: File(A),
    }[kind]()


def expect(counts, law, cell=8.0):
    """Chi-square of counts under a law whose rare outcomes are put together."""
    total = sum(counts.values())
    assert set(counts) <= {key for key, value in law.items() if value > 0}
    assert sum(law.values()) == pytest.approx(1.0)
    seen, wanted = [0], [0.0]
    for key in sorted(law, key=law.get):
        if wanted[-1] >= cell:
            seen.append(0)
            wanted.append(0.0)
        seen[-1] += counts.get(key, 0)
        wanted[-1] += law[key] * total
    assert len(seen) > 2
    assert scipy.stats.chisquare(seen, np.array(wanted) * (total / sum(wanted))).pvalue > LEAST


def sets(A, k, method, draws=300, **options):
    gen = np.random.default_rng(3)
    return Counter(tuple(sample_rows(A, k, method, rng=gen, **options).rows.tolist()) for _ in range(draws))


def systematic(chance, k):
    """Law of k rows that equidistant marks pick from chances laid end to end in random order."""
    certain = np.flatnonzero(chance >= 1.0).tolist()
    rest = [i for i in range(len(chance)) if chance[i] < 1.0]
    left, law = k - len(certain), Counter()
    orders = list(itertools.permutations(rest))
    for order in orders:
        ends = np.cumsum(chance[list(order)])
        cuts = np.unique(np.round(np.concatenate([[0.0, 1.0], ends % 1.0]), 12))
        for low, high in itertools.pairwise(cuts):
            hit = [order[int(np.searchsorted(ends, (low + high) / 2 + j, side="right"))] for j in range(left)]
            law[tuple(sorted(certain + hit))] += (high - low) / len(orders)
    return law


def scores_of(A, method, p):
    tau = leverage_scores(A, method="exact")
    if method == "leverage":
        return tau
    if method == "root-leverage":
        return tau ** (p / 2)
    w, sigma = lewis_weights(A, p, tol=1e-9), lp_sensitivities(A, p)
    assert p == 1.0
    both = 0.75 * w / w.sum() + 0.25 * np.sqrt(tau) / np.sqrt(tau).sum()
    return {"lewis": w, "sensitivity": sigma, "combined": both}[method]


@pytest.mark.parametrize("method", SCORED)
@pytest.mark.parametrize("heavy", [1.0, 30.0])
def test_scored_rows_without_replacement_by_enumeration(method, heavy, rng):
    A = rng.standard_normal((6, 2))
    A[4] *= heavy
    p = 3.0 if method == "root-leverage" else 1.0  # below 2 it is recursive
    chance = inclusion(scores_of(A, method, p), 3)
    assert heavy == 1.0 or method == "sensitivity" or chance.max() == 1.0
    expect(sets(A, 3, method, p=p), systematic(chance, 3))


def test_recursive_root_leverage_by_enumeration(rng):
    A = rng.standard_normal((5, 2))
    first = inclusion(np.sqrt(leverage_scores(A, method="exact")), 3)
    law = Counter()
    for rows, share in systematic(first, 3).items():
        rows = list(rows)
        q = np.linalg.qr(A[rows] / first[rows, None])[0]
        root = np.linalg.norm(q, axis=1)
        for i, part in zip(rows, root / root.sum(), strict=True):
            law[(i,)] += share * part
    assert sample_rows(A, 1, "root-leverage", rng=0, p=1.0).levels == 2
    expect(sets(A, 1, "root-leverage", p=1.0), law)


@pytest.mark.parametrize(("kind", "rank"), [*((kind, None) for kind in KINDS), ("dense", 2), ("callable", 2)])
def test_repelling_rows_of_every_kind_by_enumeration(kind, rank, rng):
    # Directions all around, many of them at right angles: pairs that a wrong bound of the leverage cuts off.
    angle = np.array([0.0, 0.5, 1.1, 1.6, 2.2, 2.7])
    A = np.column_stack([np.cos(angle), np.sin(angle)]) * rng.uniform(0.8, 1.6, (6, 1))
    if rank is not None:  # the other two directions are noise, but not little of it
        A = A @ rng.standard_normal((2, 5)) + 0.05 * rng.standard_normal((6, 5))
    U = np.linalg.svd(A, full_matrices=False)[0][:, :2]
    tau = np.sum(U**2, axis=1)
    rows = as_kind(A, kind)
    draws = 4000 if (kind, rank) == ("dense", None) else 250
    dpp = {S: np.linalg.det(U[list(S)]) ** 2 for S in itertools.combinations(range(6), 2)}
    expect(sets(rows, 2, "dpp", draws, rank=rank), dpp)
    volume = {S: np.linalg.det(U[list(S)].T @ U[list(S)]) for S in itertools.combinations(range(6), 3)}
    total = sum(volume.values())
    expect(sets(rows, 3, "volume", draws, rank=rank), {S: value / total for S, value in volume.items()})
    repeated = Counter()
    for S, share in dpp.items():
        for i in range(6):
            repeated[tuple(sorted((*S, i)))] += share * tau[i] / 2
    expect(sets(rows, 3, "repeated-dpp", rank=rank), repeated)


@pytest.mark.parametrize("kind", KINDS)
def test_many_rows_by_chi_square(kind, rng):
    # How often a sample contains rows of each of 20 groups; what repels spreads less than the test supposes.
    m, n = 2500, 6
    A = rng.standard_normal((m, n)) * np.geomspace(1, 1e4, n)
    A[::40] *= 8
    U = np.linalg.svd(A, full_matrices=False)[0]
    tau = np.sum(U**2, axis=1)
    s = np.linalg.svd(A, compute_uv=False)
    rows, group = as_kind(A, kind), np.arange(m) // 125
    pairs = list(itertools.combinations(range(n), 2))
    weight = np.array([(s[i] * s[j]) ** 2 for i, j in pairs])
    two = sum(w * (U[:, i] ** 2 + U[:, j] ** 2) for w, (i, j) in zip(weight / weight.sum(), pairs, strict=True))
    laws = {
        ("dpp", 2, None): two,
        ("dpp", 6, None): tau,
        ("volume", 30, False): tau + (1 - tau) * 24 / (m - 6),
        ("volume", 30, True): 5 * tau,
        ("repeated-dpp", 30, None): 5 * tau,
    }
    draws = 60
    for (method, k, replace), chance in laws.items():
        gen = np.random.default_rng(5)
        seen = np.zeros(20)
        for _ in range(draws):
            sample = sample_rows(rows, k, method, rng=gen, replace=replace)
            once = sample.probabilities * (k if sample.replace else 1)
            assert_allclose(once, chance[sample.rows], rtol=1e-6)
            seen += np.bincount(group[sample.rows], minlength=20)
        wanted = np.bincount(group, chance, minlength=20) * draws
        assert wanted.sum() == pytest.approx(k * draws) == seen.sum()
        assert np.sum((seen - wanted) ** 2 / wanted) < scipy.stats.chi2.isf(LEAST, 19), (method, k, replace)


@pytest.mark.parametrize("kind", KINDS[1:])
@pytest.mark.parametrize("method", SCORED)
def test_scored_rows_of_every_kind_by_chi_square(kind, method, rng):
    A = rng.standard_normal((2500, 4))
    A[::40] *= 8
    score = scores_of(A, method, 1.0)
    sample = sample_rows(as_kind(A, kind), 20_000, method, rng=2, replace=True, p=1.0)
    assert_allclose(sample.probabilities, (score / score.sum())[sample.rows], rtol=3e-3)
    expect(Counter((sample.rows // 50).tolist()), dict(enumerate((score / score.sum()).reshape(50, 50).sum(axis=1))))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("method", [*SCORED, "dpp", "volume", "repeated-dpp"])
def test_rows_that_are_not_finite(method, bad, rng):
    A = rng.standard_normal((1500, 3))
    for place in (0, 700, 1499):
        B = A.copy()
        B[place, 1] = bad
        for kind in KINDS:
            where = r"A\.data contains" if kind == "csr" else rf"A contains {bad} at index \({place}, 1\)"
            with pytest.raises(ValueError, match=where):
                sample_rows(as_kind(B, kind), 3, method, p=1.0)


def test_bars_where_they_are_asked_for(rng, capsys):
    A, b = rng.standard_normal((1500, 3)), rng.standard_normal(1500)
    rows = as_kind(A, "callable")
    f, basis = (lambda x: x[:, 0]), PolynomialBasis("legendre", 3)
    line = {"grad": lambda x: 2 * x, "hess": lambda x: 2 * np.eye(2), "jac": lambda x: np.ones((1, 2)),
            "constraints": lambda x: [x.sum() - 1]}  # fmt: skip
    y = np.where(b > 0, 1.0, -1.0)
    calls = [
        ("scores", lambda **k: leverage_scores(rows, rng=0, **k)),
        ("Gram matrix", lambda **k: root_leverage(rows, rng=0, **k)),
        ("Lewis weights", lambda **k: lewis_weights(A, 1.0, rng=0, **k)),
        ("sensitivities", lambda **k: lp_sensitivities(A[:6], 1.0, method="exact", **k)),
        ("determinantal rows", lambda **k: sample_rows(rows, 3, "volume", rng=0, **k)),
        ("samples", lambda **k: optimal_least_squares(f, basis, rng=0, **k)),
        ("minimize", lambda **k: minimize_constrained(lambda x: x @ x, [3.0, 0.0], rng=0, **line, **k)),
        ("regression", lambda **k: quantile_regression(A, b, rng=0, **k)),
        ("regression", lambda **k: lp_regression(A, b, 1.5, rng=0, **k)),
        ("regression", lambda **k: huber_regression(A, b, rng=0, **k)),
        ("regression", lambda **k: logistic_regression(A, y, rng=0, **k)),
    ]
    for what, call in calls:
        call()
        said = capsys.readouterr()
        assert said.out == "" == said.err, what
        call(progress=True)
        said = capsys.readouterr()
        assert said.out == "" and what in said.err, (what, said.err)


def test_the_gap_of_a_coreset_is_over_all_rows(rng):
    A, b = rng.standard_normal((4000, 3)), rng.standard_t(2, 4000)
    b += A @ [1.0, 2.0, 3.0]
    y = np.where(b > 0, 1.0, -1.0)
    for call in (
        lambda **k: quantile_regression(A, b, 0.3, **k),
        lambda **k: lp_regression(A, b, 1.5, **k),
        lambda **k: huber_regression(A, b, scale=1.0, **k),
        lambda **k: logistic_regression(A, y, **k),
    ):
        fine = call(rng=0, tol=1e-12)
        gaps = [[call(rng=seed, coreset_size=size).coreset_gap for seed in range(4)] for size in (60, 1000)]
        assert np.min(gaps) >= 0.0 and np.mean(gaps[1]) < 0.3 * np.mean(gaps[0]) < 0.3
        once = call(rng=1, coreset_size=60)
        assert once.coreset_objective >= fine.objective * (1 - 1e-12)
        assert once.coreset_gap == pytest.approx(once.coreset_objective / once.objective - 1, rel=1e-6, abs=1e-15)


# --- points of measures ----------------------------------------------------------------------------------------------


def test_points_of_a_discrete_measure_by_enumeration(rng):
    places = np.arange(5.0)
    values = rng.standard_normal((5, 2))

    def basis(x):
        return values[x[:, 0].astype(int)]

    q = np.linalg.qr(values)[0]
    tau = np.sum(q**2, axis=1)

    def drawn(n, method):
        gen = np.random.default_rng(1)
        space = _Space(basis, places, gen)
        return Counter(tuple(sorted(space.sample(n, method)[0][:, 0].astype(int).tolist())) for _ in range(800))

    independent, volume, repeated = Counter(), Counter(), Counter()
    for seq in itertools.product(range(5), repeat=3):
        chance = np.prod(tau[list(seq)])
        independent[tuple(sorted(seq))] += chance / 8
        gram = sum(np.outer(q[i], q[i]) / tau[i] for i in seq)
        volume[tuple(sorted(seq))] += np.linalg.det(gram) * chance
    total = sum(volume.values())
    for S in itertools.combinations(range(5), 2):
        for i in range(5):
            repeated[tuple(sorted((*S, i)))] += np.linalg.det(q[list(S)]) ** 2 * tau[i] / 2
    expect(drawn(3, "iid"), independent)
    expect(drawn(3, "volume"), {key: value / total for key, value in volume.items()})
    expect(drawn(3, "repeated-dpp"), repeated)


def test_samples_that_span_nothing_are_unstable():
    # A tenth of the pairs of independent points are a point twice: the Gram matrix of these is singular.
    places, met = np.arange(10.0), 0
    for seed in range(40):
        fit = optimal_least_squares(
            lambda x: 1.0 + x[:, 0], lambda x: np.column_stack([np.ones(len(x)), x]), places,
            n_samples=2, method="iid", maxtries=1, rng=seed,
        )  # fmt: skip
        assert_allclose(fit(fit.points), fit.values, rtol=1e-9)
        if len(np.unique(fit.points)) == 1:
            # The shortest coefficients in the orthonormal basis 1, (x - 4.5)/sd are a multiple of its values there.
            met += 1
            assert fit.status == "unstable"
            kernel = 1 + (places - 4.5) * (fit.points[0] - 4.5) / np.var(places)
            assert_allclose(fit(places[:, None]), fit.values[0] * kernel / kernel[int(fit.points[0, 0])], atol=1e-9)
        else:
            assert_allclose(fit.coefficients, 1.0, rtol=1e-9)
    assert met > 1


def test_pairs_of_a_process_on_an_interval_by_chi_square():
    # Of {1, x}: the density of two points is proportional to (x - y)².
    gen = np.random.default_rng(4)
    space = _Space(PolynomialBasis("legendre", 1), None, gen)
    pairs = np.array([np.sort(space.sample(2, "repeated-dpp")[0][:, 0]) for _ in range(1500)])
    edges = np.linspace(-1, 1, 7)
    moment = [np.diff(edges ** (j + 1)) / (j + 1) for j in range(3)]
    law = 3 / 8 * (np.outer(moment[2], moment[0]) - 2 * np.outer(moment[1], moment[1]) + np.outer(moment[0], moment[2]))
    cells = np.clip(np.searchsorted(edges, pairs, side="right") - 1, 0, 5)
    counts = Counter(map(tuple, cells.tolist()))
    expect(counts, {(i, j): law[i, j] * (1 if i == j else 2) for i in range(6) for j in range(i, 6)})


def test_independent_points_of_two_variables_by_chi_square():
    basis = PolynomialBasis(["legendre", "chebyshev"], 3, 2)
    x, _ = basis.draw(20_000, rng=6)
    # In t = arccos x both measures have smooth densities, sin(t)/2 and 1/π.
    edges = np.linspace(0, np.pi, 9)
    nodes, w = np.polynomial.legendre.leggauss(12)
    t = edges[:-1, None] + (edges[1] - edges[0]) * (nodes + 1) / 2
    w = np.tile(w * (edges[1] - edges[0]) / 2, 8)
    grid = np.stack(np.meshgrid(np.cos(t.ravel()), np.cos(t.ravel()), indexing="ij"), -1)
    density = np.sum(basis(grid.reshape(-1, 2)) ** 2, axis=1).reshape(96, 96) / len(basis)
    mass = density * np.outer(w * np.sin(t.ravel()) / 2, w / np.pi)
    law = mass.reshape(8, 12, 8, 12).sum(axis=(1, 3))
    cells = np.clip((np.arccos(x) / (np.pi / 8)).astype(int), 0, 7)
    expect(Counter(map(tuple, cells.tolist())), {(i, j): law[i, j] for i in range(8) for j in range(8)})


@pytest.mark.parametrize(("family", "degrees"), [
    ("legendre", (0, 1, 7, 60)), ("chebyshev", (0, 1, 7, 60)), ("hermite", (0, 1, 7, 60)), ("laguerre", (0, 1, 7, 60)),
])  # fmt: skip
def test_densities_stay_below_the_bounds_of_their_rejection(family, degrees):
    for n in degrees:
        edges, total, bound = _induced(family, n)
        t = edges[:-1, None] + (edges[1] - edges[0]) * np.linspace(0, 1, 101)
        assert np.all(_density(family, n, t) <= bound[:, None])
        assert total[-1] == pytest.approx(1.0, abs=1e-12)
