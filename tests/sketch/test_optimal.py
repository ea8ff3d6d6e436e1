"""Orthonormal polynomials, their optimal density, and least-squares approximation from points that follow it."""

import math

import numpy as np
import pytest
import scipy.stats
from numpy.testing import assert_allclose

from kriss.sketch import PolynomialBasis, optimal_least_squares
from kriss.sketch._optimal import default_samples
from kriss.sketch._polynomials import draw_induced

RULES = {
    "legendre": lambda n: (lambda x, w: (x, w / 2))(*np.polynomial.legendre.leggauss(n)),
    "chebyshev": lambda n: (lambda x, w: (x, w / np.pi))(*np.polynomial.chebyshev.chebgauss(n)),
    "hermite": lambda n: (lambda x, w: (x, w / math.sqrt(2 * np.pi)))(*np.polynomial.hermite_e.hermegauss(n)),
    "laguerre": lambda n: np.polynomial.laguerre.laggauss(n),
}


@pytest.mark.parametrize("family", RULES)
def test_orthonormal_in_their_measure(family):
    basis = PolynomialBasis(family, 20)
    x, w = RULES[family](40)
    values = basis(x)
    assert values.shape == (40, 21)
    assert_allclose((values * w[:, None]).T @ values, np.eye(21), atol=2e-11)
    assert_allclose(values[:, 0], 1.0)


@pytest.mark.parametrize("family", RULES)
@pytest.mark.parametrize("n", [0, 1, 7, 40])
def test_induced_draws_have_their_moments(family, n):
    gen = np.random.default_rng(n)
    x = draw_induced(family, n, 20_000, gen)
    nodes, w = RULES[family](n + 30)
    density = PolynomialBasis(family, n)(nodes)[:, n] ** 2 * w
    assert density.sum() == pytest.approx(1, abs=1e-9)
    # In a scale of order one: moments of the position, and of oscillations that resolve the zeros.
    size = math.sqrt(density @ nodes**2) or 1.0
    for test in (lambda t: t / size, lambda t: (t / size) ** 2, lambda t: np.cos(3 * t / size)):
        mean = density @ test(nodes)
        z = (np.mean(test(x)) - mean) / (np.std(test(x)) / math.sqrt(20_000) + 1e-300)
        assert abs(z) < 4.5


@pytest.mark.parametrize("n", [0, 3, 12])
def test_legendre_draws_by_chi_square(n):
    x = draw_induced("legendre", n, 20_000, np.random.default_rng(1))
    edges = np.linspace(-1, 1, 41)
    nodes, w = RULES["legendre"](n + 1)
    fine = edges[:-1, None] + (edges[1] - edges[0]) * (nodes + 1) / 2
    share = (PolynomialBasis("legendre", n)(fine.ravel())[:, n] ** 2).reshape(fine.shape) @ w / 40
    counts = np.histogram(x, edges)[0]
    assert scipy.stats.chisquare(counts, share / share.sum() * 20_000).pvalue > 1e-6


def test_index_sets():
    assert PolynomialBasis("legendre", 3, 2).indices.tolist()[:4] == [[0, 0], [1, 0], [0, 1], [2, 0]]
    for d, n in ((1, 6), (2, 4), (5, 3)):
        assert len(PolynomialBasis("hermite", n, d)) == math.comb(n + d, d)
        assert len(PolynomialBasis("hermite", n, d, "tensor")) == (n + 1) ** d
    cross = PolynomialBasis("chebyshev", 7, 3, "hyperbolic").indices
    assert np.all(np.prod(cross + 1, axis=1) <= 8)
    assert len(cross) == sum(1 for i in np.ndindex(8, 8, 8) if np.prod(np.add(i, 1)) <= 8)
    mixed = PolynomialBasis(["legendre", "hermite"], 2, 2)
    assert mixed.families == ("legendre", "hermite")
    own = PolynomialBasis("legendre", dimension=2, index_set=[[0, 0], [4, 1]])
    assert len(own) == 2 and own([[0.5, 0.5]]).shape == (1, 2)


@pytest.mark.parametrize("method", ["iid", "volume", "repeated-dpp"])
def test_reproduces_its_own_space(method):
    basis = PolynomialBasis("chebyshev", 5, 2)
    c = np.random.default_rng(0).standard_normal((len(basis), 2))
    fit = optimal_least_squares(lambda x: basis(x) @ c, basis, method=method, rng=1)
    assert fit.status == "stable" and fit.distortion <= 0.5
    assert_allclose(fit.coefficients, c, atol=1e-12)
    assert fit.error.max() < 1e-12 and fit.values.shape == (len(fit.points), 2)
    assert_allclose(fit(fit.points), fit.values, atol=1e-11)
    density = np.sum(basis(fit.points) ** 2, axis=1) / len(basis)
    assert_allclose(fit.weights * density, 1.0)
    again = optimal_least_squares(lambda x: basis(x) @ c, basis, method=method, rng=1)
    assert np.array_equal(again.points, fit.points) and np.array_equal(again.coefficients, fit.coefficients)


FUNCTIONS = {
    1: (lambda x: 1 / (1 + 25 * x[:, 0] ** 2), 24, "total"),
    2: (lambda x: np.exp(-(x[:, 0] ** 2) - 2 * x[:, 1] ** 2) * np.cos(x[:, 0] + x[:, 1]), 6, "total"),
    5: (lambda x: 1 / (1 + 0.5 * x @ (0.5 ** np.arange(5))), 3, "total"),
}


@pytest.mark.parametrize("d", FUNCTIONS)
def test_error_is_within_a_factor_two_of_the_best(d):
    f, degree, kind = FUNCTIONS[d]
    basis = PolynomialBasis("legendre", degree, d, kind)
    if d == 5:
        x = np.random.default_rng(3).uniform(-1, 1, (20_000, 5))
        w = np.full(len(x), 1 / len(x))
    else:
        nodes, weights = RULES["legendre"](60)
        x = np.stack(np.meshgrid(*[nodes] * d, indexing="ij"), -1).reshape(-1, d)
        w = np.prod(np.stack(np.meshgrid(*[weights] * d, indexing="ij"), -1).reshape(-1, d), axis=1)
    values, phi = f(x), basis(x)
    root = np.sqrt(w)
    best = np.linalg.norm(root * (values - phi @ np.linalg.lstsq(root[:, None] * phi, root * values)[0]))
    for method in ("iid", "volume", "repeated-dpp"):
        errors = []
        for seed in range(2):
            fit = optimal_least_squares(f, basis, method=method, rng=seed)
            assert fit.status == "stable"
            assert method == "repeated-dpp" or len(fit.points) == default_samples(len(basis), 0.5, 0.5)
            errors.append(np.sqrt(w @ (fit(x) - values) ** 2))
            assert 0.3 < fit.error / errors[-1] < 3.0
        assert np.max(errors) < 2 * best


def test_repeated_dpp_needs_fewer_points_to_be_stable():
    # The table of Legendre bases: 4 k points of k = 10 are stable half of the time, independent ones next to never.
    basis = PolynomialBasis("legendre", 9)
    stable = {}
    for method in ("iid", "repeated-dpp"):
        fits = [
            optimal_least_squares(lambda x: x[:, 0], basis, n_samples=40, method=method, maxtries=1, rng=seed)
            for seed in range(60)
        ]
        stable[method] = sum(fit.status == "stable" for fit in fits)
        assert all(fit.tries == 1 for fit in fits)
    assert stable["iid"] <= 6 < 15 <= stable["repeated-dpp"] <= 45


def test_discrete_measure_and_any_basis(rng):
    x = rng.standard_normal((4000, 2))
    powers = lambda p: np.column_stack([np.ones(len(p)), p, p**2, 1e5 * p[:, :1] * p[:, 1:]])  # noqa: E731
    fit = optimal_least_squares(lambda p: 3 + p[:, 0] * p[:, 1], powers, x, rng=0)
    assert_allclose(fit.coefficients, [3, 0, 0, 0, 0, 1e-5], atol=1e-12)
    assert {tuple(p) for p in fit.points.tolist()} <= {tuple(p) for p in x.tolist()}
    with pytest.raises(ValueError, match="basis has rank 2 on the points of measure, expected 3"):
        optimal_least_squares(lambda p: p[:, 0], lambda p: np.column_stack([p, p.sum(axis=1)]), x)
    with pytest.raises(TypeError, match="measure is None"):
        optimal_least_squares(lambda p: p[:, 0], powers)
    with pytest.raises(ValueError, match=r"basis\(measure\) has shape"):
        optimal_least_squares(lambda p: p[:, 0], lambda p: p[:1], x)


def test_no_stable_sample_is_said():
    basis = PolynomialBasis("legendre", 9)
    fit = optimal_least_squares(lambda x: x[:, 0], basis, n_samples=10, method="iid", maxtries=3, rng=0)
    assert fit.status == "unstable" and fit.tries == 3 and fit.distortion > 0.5 and np.isnan(fit.error)


def test_bad_input():
    basis = PolynomialBasis("legendre", 3)
    with pytest.raises(ValueError, match=r"f\(x\) contains nan at x = \["):
        optimal_least_squares(lambda x: np.full(len(x), np.nan), basis, rng=0)
    with pytest.raises(ValueError, match=r"f\(x\) has shape"):
        optimal_least_squares(lambda x: x[:3, 0], basis, rng=0)
    with pytest.raises(ValueError, match="n_samples must be at least 4, not 3"):
        optimal_least_squares(np.sin, basis, n_samples=3)
    with pytest.raises(ValueError, match="delta must be below 1"):
        optimal_least_squares(np.sin, basis, delta=1.0)
    with pytest.raises(ValueError, match="eta must be above 0"):
        optimal_least_squares(np.sin, basis, eta=0.0)
    with pytest.raises(ValueError, match="method must be one of"):
        optimal_least_squares(np.sin, basis, method="dpp")
    with pytest.raises(TypeError, match="f is not callable"):
        optimal_least_squares(3, basis)
    for make, message in (
        (lambda: PolynomialBasis("bernstein"), "family must be one of"),
        (lambda: PolynomialBasis(["legendre"], 2, 2), "family has 1 names, expected 2"),
        (lambda: PolynomialBasis("legendre", -1), "degree must be at least 0"),
        (lambda: PolynomialBasis("legendre", 2, 0), "dimension must be at least 1"),
        (lambda: PolynomialBasis("legendre", 60, 8), "more than 1048576 functions"),
        (lambda: PolynomialBasis("hermite", 400), "degree 400 of hermite polynomials overflows"),
        (lambda: PolynomialBasis("legendre", index_set=[[0], [0]]), "a multi-index twice"),
        (lambda: PolynomialBasis("legendre", index_set=[[-1]]), "index_set holds -1"),
        (lambda: PolynomialBasis("legendre", index_set=[[0.5]]), "expected integers"),
    ):
        with pytest.raises(ValueError, match=message):
            make()
    with pytest.raises(ValueError, match=r"x has shape \(2, 3\), expected \(N, 1\)"):
        basis(np.zeros((2, 3)))


def test_plot():
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    for d in (1, 2, 3):
        fit = optimal_least_squares(lambda x: x[:, 0], PolynomialBasis("legendre", 2, d), rng=0)
        if d < 3:
            assert fit.plot().get_title().endswith("repeated-dpp")
        else:
            with pytest.raises(ValueError, match="expected 1 or 2 variables"):
                fit.plot()
    matplotlib.pyplot.close("all")
