"""Interpolated families: exact where the expansion is finite, 1e-8 from 20 assemblies where it is smooth."""

import numpy as np
import pytest
import scipy.sparse as sp

from kriss.solve import MIC, InterpolatedFamily, cg
from kriss.testing import diffusion2d, poisson2d

POINTS = np.random.default_rng(0).random((80, 2))
R = np.linalg.norm(POINTS[:, None] - POINTS, axis=-1)
Y = np.random.default_rng(1).standard_normal(80)


def rbf(scale, r):
    return np.exp(-0.5 * (r / scale) ** 2)


def matern(scale, r):
    s = np.sqrt(5) * r / scale
    return (1 + s + s * s / 3) * np.exp(-s)


def kernel_family(kernel, low, high, noise=1e-1, **kwargs):
    calls = []

    def assemble(scale):
        calls.append(scale)
        return kernel(scale, R) + noise * np.eye(80)

    def entries(scale, where):
        return kernel(scale, R.ravel()[where]) + noise * (where % 81 == 0)

    made = InterpolatedFamily(assemble, np.geomspace(low, high, 120), entries=entries, **kwargs)
    assert len(calls) == made.assemblies == len(made.nodes) <= 20
    return made, assemble


A0, A1, A2 = poisson2d(9), diffusion2d(9, 10.0, rng=1), diffusion2d(9, 10.0, rng=2)


def affine(mu):
    return (A0 + np.exp(mu[0]) * A1 + mu[1] ** 2 * A2).tocsr()


GRID = np.stack(np.meshgrid(np.linspace(0, 1, 9), np.linspace(1, 2, 9)), axis=-1).reshape(-1, 2)


@pytest.mark.parametrize("kernel", [rbf, matern])
def test_kernels_over_the_lengthscale(kernel):
    """The figure asked: 1e-8 relative from at most 20 assemblies, over a factor of 5 in lengthscale."""
    family, assemble = kernel_family(kernel, 0.2, 1.0, b=Y)
    worst = solutions = logs = 0.0
    for scale in np.random.default_rng(2).uniform(0.2, 1.0, 12):
        A = kernel(scale, R) + 0.1 * np.eye(80)
        worst = max(worst, np.abs(family.matrix(scale) - A).max())
        assert family.coefficients(scale) @ np.array([1.0] * len(family.nodes)) == pytest.approx(1.0, abs=1e-9)
        found = family.solve(scale)
        exact = np.linalg.solve(A, Y)
        true = np.linalg.norm(Y - A @ found.x) / np.linalg.norm(Y)
        assert found.residual == pytest.approx(true, rel=1e-3, abs=1e-10)
        # the residual certifies: the smallest eigenvalue is at least the noise
        assert np.linalg.norm(found.x - exact) <= found.residual * np.linalg.norm(Y) / 0.1 * 1.001 + 1e-9
        solutions = max(solutions, np.linalg.norm(found.x - exact) / np.linalg.norm(exact))
        log = family.logdet(scale)
        want = np.linalg.slogdet(A)[1]
        logs = max(logs, abs(log.value - want) / abs(want))
    assert worst <= 1e-8 and family.error <= 1e-8
    assert solutions <= 1e-4 and logs <= 1e-7


def test_what_is_kept_of_the_last_parameter_is_of_that_one():
    family, _ = kernel_family(rbf, 0.2, 1.0, b=Y)
    alone = [family.logdet(scale).value for scale in (0.3, 0.7)]
    for _ in range(2):
        for scale, value in zip((0.3, 0.7), alone, strict=True):
            family.solve(scale)
            assert family.logdet(scale).value == value
            first = family.coefficients(scale)
            first[:] = np.nan  # a caller's array
            assert np.isfinite(family.coefficients(scale)).all()
    two = InterpolatedFamily(affine, GRID)
    one, other = (two.coefficients(mu) for mu in ([0.5, 1.5], [0.5, 1.6]))
    assert not np.array_equal(one, other) and np.array_equal(two.coefficients([0.5, 1.5]), one)


def test_inverses_want_powers():
    """Casenave et al. 2017: reproducing products of entries is what makes solutions and log-determinants accurate."""
    scales = np.random.default_rng(3).uniform(0.3, 0.6, 8)
    errors = []
    for powers in (1, 8):
        family, _ = kernel_family(matern, 0.3, 0.6, 1e-2, powers=powers, b=Y)
        errors.append(max(float(family.solve(scale).residual) for scale in scales))
    assert errors[1] < 1e-2 * errors[0]
    assert errors[1] < 1e-6


def test_affine_families_are_exact():
    family = InterpolatedFamily(affine, GRID, terms=lambda mu: [1.0, np.exp(mu[0]), mu[1] ** 2], powers=1)
    assert len(family.nodes) == 3 and family.assemblies == 4 and family.error < 1e-13
    mu = np.array([0.37, 1.21])
    assert abs(family.matrix(mu) - affine(mu)).max() < 1e-12 * abs(affine(mu)).max()
    assert family.matrix(mu).format == "csr" and family.shape == (81, 81)


def test_polynomials_where_nothing_is_known():
    calls = []

    def assemble(mu):
        calls.append(mu)
        return (A0 + np.exp(mu) * A1).tocsr()

    family = InterpolatedFamily(assemble, np.linspace(0, 1, 60), max_terms=12)
    assert len(calls) == family.assemblies == 12 and len(family.nodes) == 11
    assert family.error < 1e-9
    assert abs(family.matrix(0.123) - (A0 + np.exp(0.123) * A1)).max() < 1e-9


def test_sparse_solutions_logdets_and_several_columns():
    B = np.random.default_rng(4).standard_normal((81, 3))
    family = InterpolatedFamily(
        affine, GRID, terms=lambda mu: [1.0, np.exp(mu[0]), mu[1] ** 2], powers=8, b=B, max_terms=20
    )
    mu = np.array([0.61, 1.47])
    A = affine(mu).toarray()
    found = family.solve(mu)
    assert found.x.shape == (81, 3) and found.residual.shape == (3,)
    true = np.linalg.norm(B - A @ found.x, axis=0) / np.linalg.norm(B, axis=0)
    assert np.allclose(found.residual, true, rtol=1e-3, atol=1e-11)
    assert true.max() < 3e-3  # two parameters, 20 members; with powers=1 it is 2e-2
    log = family.logdet(mu)
    gap = abs(log.value - np.linalg.slogdet(A)[1])
    assert gap < 0.03 and gap < log.change
    assert family.nbytes > 0


def test_preconditioners():
    family = InterpolatedFamily(affine, GRID, terms=lambda mu: [1.0, np.exp(mu[0]), mu[1] ** 2])
    mu = np.array([0.5, 1.5])
    A, b = affine(mu), np.ones(81)
    plain = cg(A, b, rtol=1e-10).iterations
    built = []

    def build(A):
        built.append(A)
        return MIC(A)

    near = family.preconditioner(mu, build)
    assert family.preconditioner(mu, build) is near and len(built) == 1
    mixed = family.preconditioner(mu, build, kind="interpolated")
    assert mixed.is_spd and (mixed.weights > 0).all() and mixed.H is mixed
    for M in (near, mixed):
        result = cg(A, b, M=M, rtol=1e-10)
        assert result.converged and result.iterations < 0.5 * plain
    assert np.allclose(family.nodes[family.nearest(family.nodes[1])], family.nodes[1])


def test_one_candidate_and_constants():
    one = InterpolatedFamily(lambda mu: A0, [1.0], terms=lambda mu: [1.0])
    assert abs(one.matrix(1.0) - A0).max() == 0 and one.error == 0
    zero = InterpolatedFamily(lambda mu: np.zeros((2, 2)), [0.0, 1.0], terms=lambda mu: [0.0])
    assert not zero.matrix(0.5).any()


@pytest.mark.parametrize("scale", [2.0**-960, 2.0**960])
def test_scales(scale):
    family, _ = kernel_family(rbf, 0.3, 0.6)
    big = InterpolatedFamily(
        lambda s: scale * (rbf(s, R) + 0.1 * np.eye(80)), np.geomspace(0.3, 0.6, 120),
        entries=lambda s, w: scale * (rbf(s, R.ravel()[w]) + 0.1 * (w % 81 == 0)),
    )  # fmt: skip
    assert np.array_equal(big.nodes, family.nodes)
    assert np.array_equal(big.coefficients(0.4), family.coefficients(0.4))


def test_same_seed_same_family():
    one, two = (kernel_family(rbf, 0.3, 0.6, rng=5)[0] for _ in range(2))
    assert np.array_equal(one.nodes, two.nodes)
    assert np.array_equal(one.coefficients(0.41), two.coefficients(0.41))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: InterpolatedFamily(None, [1.0]), "assemble must be callable"),
        (lambda: InterpolatedFamily(affine, []), "expected at least one"),
        (lambda: InterpolatedFamily(affine, [np.nan]), "parameters contains nan"),
        (lambda: InterpolatedFamily(affine, GRID, terms=lambda m: [1.0], entries=lambda m, w: w), "are both given"),
        (lambda: InterpolatedFamily(affine, GRID, terms=lambda m: 1.0), r"terms returned shape \(\)"),
        (lambda: InterpolatedFamily(affine, GRID, entries=lambda m, w: w[1:]), "entries returned shape"),
        (lambda: InterpolatedFamily(affine, GRID, terms=lambda m: [np.nan]), "terms.*holds NaN"),
        (lambda: InterpolatedFamily(affine, GRID, max_terms=0), "max_terms must be at least 1"),
        (lambda: InterpolatedFamily(affine, GRID, powers=0), "powers must be at least 1"),
        (lambda: InterpolatedFamily(lambda m: A0.tocsc(), [1.0, 2.0]), "format 'csc', expected 'csr'"),
        (lambda: InterpolatedFamily(lambda m: np.ones((2, 3)), [1.0, 2.0]), "expected a square matrix"),
        (lambda: InterpolatedFamily(lambda m: np.full((2, 2), np.inf), [1.0, 2.0]), "holds NaN or infinity"),
        (lambda: InterpolatedFamily(lambda m: np.eye(int(m)), [2.0, 3.0]), "expected .* as before"),
        (
            lambda: InterpolatedFamily(lambda m: sp.csr_array(np.eye(3) + m * np.eye(3, k=1)), [0.0, 0.5, 1.0]),
            "another pattern",
        ),
        (lambda: InterpolatedFamily(lambda m: A0 if m < 2 else A0.toarray(), [1.0, 1.5, 2.0]), "expected csr_array"),
        (lambda: InterpolatedFamily(affine, GRID, terms=lambda m: [m[0]], b=np.ones(3)), "b has shape"),
        (lambda: InterpolatedFamily(affine, GRID, terms=lambda m: [m[0] + 1]).solve([0.1, 0.1]), "b was not given"),
        (lambda: InterpolatedFamily(affine, GRID, terms=lambda m: [m[0] + 1]).matrix([0.1]), "mu has shape"),
        (lambda: InterpolatedFamily(lambda m: np.zeros((2, 2)), [1.0]).logdet(1.0), "singular"),
    ],
)
def test_refused(call, message):
    with pytest.raises((TypeError, ValueError, np.linalg.LinAlgError), match=message):
        call()
