"""Matrix-free factors against dense ones; error bars against the truth over many seeds."""

import numpy as np
import pytest
from scipy import stats
from tests.gp.structures import GENERAL, KERNELS, dense, difference

from kriss import _backend, _validate
from kriss.gp import RBF, Matern, White, factor, iterative
from kriss.gp._block_cg import block_conjugate_gradients, block_quadrature
from kriss.gp._krylov import conjugate_gradients, square_root_draw


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize("sizes", [(1, 1, 1), (33, 257, 3), (70, 700, 9)])
def test_product(name, sizes, rng):
    n, m, k = sizes
    X, Z, V = rng.random((n, 2)), rng.random((m, 2)), rng.standard_normal((m, k))
    f = iterative(KERNELS[name], Z, 0.1, rank=5)
    expected = KERNELS[name](X, Z) @ V
    np.testing.assert_allclose(f._kernel_product(X, V), expected, atol=1e-12 * m)
    np.testing.assert_allclose(f._multiply(V), dense(KERNELS[name], Z, 0.1) @ V, atol=1e-12 * m)


@pytest.mark.skipif(_backend.core() is None, reason="one backend only")
@pytest.mark.parametrize("name", KERNELS)
def test_products_have_the_same_bits(name, rng):
    X, V = rng.random((150, 2)), rng.standard_normal((150, 3))
    out = []
    for backend, workers in (("compiled", 1), ("compiled", 2), ("compiled", 4), ("numba", 1)):
        with _backend.use_backend(backend):
            out.append(iterative(KERNELS[name], X, 0.1, rank=0, workers=workers)._multiply(V))
    for other in out[1:]:
        np.testing.assert_array_equal(out[0], other)


@pytest.mark.parametrize("name", [*KERNELS, *GENERAL])
@pytest.mark.parametrize("rank", [0, 20])
def test_against_dense(name, rank, rng):
    kernel = (KERNELS | GENERAL)[name]
    n = 80
    X, y, B, noise = rng.random((n, 2)), rng.standard_normal(n), rng.standard_normal((n, 3)), rng.uniform(0.05, 0.2, n)
    f, exact = iterative(kernel, X, noise, rank=rank, rtol=1e-10), factor(kernel, X, noise)
    bound = 1e-10 * exact.condition_estimate
    np.testing.assert_allclose(f.solve(B), exact.solve(B), atol=bound * np.abs(B).max())
    assert f.quad(y) == pytest.approx(exact.quad(y), rel=bound)
    found = f.logdet_estimate()
    assert found == f.logdet_estimate() and found.probes == 16
    # t with 15 degrees of freedom stays below 6 but for 2e-5.
    assert abs(found.value - exact.logdet()) <= 6 * found.standard_error + 1e-7
    value, gradient, errors = f.log_likelihood_grad(y, return_error=True)
    slope = exact.log_likelihood_grad(y)[1]
    assert (np.abs(gradient - slope) <= 6 * errors + 1e-6).all()
    again, plain = f.log_likelihood_grad(y)
    assert again == value.value
    np.testing.assert_allclose(plain, gradient, rtol=1e-9, atol=1e-9)
    Xs = rng.random((6, 2))
    p, q = (g.predict(Xs, B, return_std=True, return_cov=True) for g in (f, exact))
    np.testing.assert_allclose(p.mean, q.mean, atol=1e-7)
    np.testing.assert_allclose(p.std, q.std, atol=1e-7)
    np.testing.assert_allclose(p.cov, q.cov, atol=1e-7)


@pytest.mark.parametrize("rank", [0, 10])
def test_error_bars_hold_the_truth(rank, rng):
    """95 % intervals from 8 probes, for 200 seeds: misses within the binomial bound; and the bars are not too wide."""
    n, seeds, probes = 60, 200, 8
    X, _y = rng.random((n, 2)), rng.standard_normal(n)
    kernel = Matern(1.5, 0.5)
    exact = factor(kernel, X, 0.2)
    truth = exact.logdet()
    runs = [iterative(kernel, X, 0.2, rank=rank, probes=probes, seed=s).logdet_estimate() for s in range(seeds)]
    z = np.array([(r.value - truth) / r.standard_error for r in runs])
    misses = int((np.abs(z) > stats.t.ppf(0.975, probes - 1)).sum())
    assert stats.binom.ppf(1e-4, seeds, 0.05) <= misses <= stats.binom.ppf(1 - 1e-4, seeds, 0.05)
    # Unbiased: the mean of the estimates within five of its own standard errors.
    values = np.array([r.value for r in runs])
    assert abs(values.mean() - truth) <= 5 * values.std(ddof=1) / np.sqrt(seeds)
    # The bars are as long as the estimates spread.
    assert np.sqrt(np.mean([r.standard_error**2 for r in runs])) == pytest.approx(values.std(ddof=1), rel=0.25)


def test_error_bars_of_the_gradient(rng):
    n, seeds, probes = 40, 100, 8
    X, y = rng.random((n, 2)), rng.standard_normal(n)
    kernel = RBF(0.5)
    slope = factor(kernel, X, 0.2).log_likelihood_grad(y)[1]
    misses = np.zeros(3)
    for seed in range(seeds):
        _, gradient, errors = iterative(kernel, X, 0.2, rank=5, probes=probes, seed=seed).log_likelihood_grad(
            y, return_error=True
        )
        misses += np.abs(gradient - slope) > stats.t.ppf(0.975, probes - 1) * errors
    assert (misses <= stats.binom.ppf(1 - 1e-4, seeds, 0.05)).all()


def test_gradient_is_that_of_fixed_probes_on_average(rng):
    """With every direction probed once the trace is exact: columns of the identity in the place of random ones."""
    n = 30
    X, _y = rng.random((n, 2)), rng.standard_normal(n)
    kernel = KERNELS["sum"]
    f = iterative(kernel, X, 0.2, rank=0)
    left, right = rng.standard_normal((2, n, 4))

    def at(theta):
        return float((kernel.with_theta(theta)(X) * (left @ right.T)).sum())

    np.testing.assert_allclose(f._contract(left, right), difference(at, kernel.theta), rtol=1e-6, atol=1e-7)


def rotated(rng, values):
    Q = np.linalg.qr(rng.standard_normal((len(values), len(values))))[0]
    return (Q * values) @ Q.T


@pytest.mark.parametrize("k", [1, 2, 5])
@pytest.mark.parametrize("preconditioned", [False, True])
def test_lanczos_from_block_conjugate_gradients(k, preconditioned, rng):
    """A complete run has the eigenvalues of the matrix: e' log(T) e = u' log(P^-1/2 M P^-1/2) u for every column."""
    n = 12
    M = rotated(rng, np.linspace(1.0, 9.0, n))
    d = np.linspace(1.0, 2.0, n) if preconditioned else np.ones(n)
    b = rng.standard_normal((n, k))
    run = block_conjugate_gradients(lambda v: M @ v, lambda r: r / d[:, None], b, 1e-13, 50)
    u = b / np.sqrt(d)[:, None]
    values, vectors = np.linalg.eigh(M / np.sqrt(np.multiply.outer(d, d)))
    parts = vectors.T @ (u / np.linalg.norm(u, axis=0))
    np.testing.assert_allclose(block_quadrature(run), np.log(values) @ parts**2, rtol=1e-8)
    np.testing.assert_allclose(M @ run.x, b, atol=1e-11)
    assert run.converged and run.iterations <= n // k + 3


def test_a_block_takes_fewer_iterations(rng):
    """s large eigenvalues cost columns s steps each; a block of s finds all of them in one."""
    s = 10
    M = rotated(rng, np.concatenate([10.0 ** np.linspace(2, 6, s), np.linspace(1.0, 1.5, 90)]))
    B = rng.standard_normal((100, s))
    alone = conjugate_gradients(lambda v: M @ v, lambda r: r.copy(), B, 1e-10, 300)
    block = block_conjugate_gradients(lambda v: M @ v, lambda r: r.copy(), B, 1e-10, 300)
    assert alone.converged and block.converged and block.iterations < alone.iterations / 2
    np.testing.assert_allclose(block.x, alone.x, atol=1e-8)


@pytest.mark.parametrize("solver", [conjugate_gradients, block_conjugate_gradients])
def test_columns_that_end_early(solver, rng):
    """Zero, an eigenvector, twice the same column, and columns whose sizes are far apart."""
    M = np.diag(np.linspace(1, 50, 20))
    B = rng.standard_normal((20, 6))
    B[:, 1] = 0.0
    B[:, 2] = np.eye(20)[4]
    B[:, 4] = B[:, 3]
    B[:, 5] *= 1e-150
    run = solver(lambda v: M @ v, lambda r: r.copy(), B, 1e-12, 100)
    expected = np.linalg.solve(M, B)
    assert run.converged and not run.x[:, 1].any()
    assert (np.linalg.norm(run.x - expected, axis=0) <= 1e-10 * np.linalg.norm(expected, axis=0)).all()
    none = solver(lambda v: M @ v, lambda r: r.copy(), np.zeros((20, 2)), 1e-12, 100)
    assert none.converged and none.iterations == 0 and not none.x.any()


@pytest.mark.parametrize("solver", [conjugate_gradients, block_conjugate_gradients])
def test_bad_matrices_stop_an_iteration(solver, rng):
    B = rng.standard_normal((20, 2))
    indefinite = np.diag(np.linspace(-1.0, 2.0, 20))
    with pytest.raises(np.linalg.LinAlgError, match="curvature"):
        solver(lambda v: indefinite @ v, lambda r: r.copy(), B, 1e-12, 100)
    with pytest.raises(np.linalg.LinAlgError, match="finite"):
        solver(lambda v: np.nan * v, lambda r: r.copy(), B, 1e-12, 100)
    B[7, 1] = np.inf
    with pytest.raises(np.linalg.LinAlgError, match="finite"):
        solver(lambda v: v, lambda r: r.copy(), B, 1e-12, 100)


@pytest.mark.parametrize("name", ["sum", "white"])
@pytest.mark.parametrize("rank", [0, 20])
def test_inverse_diagonal_and_leave_one_out(name, rank, rng):
    kernel = (KERNELS | {"white": RBF(0.5) + White(0.1)})[name]
    X, y, noise = rng.random((150, 2)), rng.standard_normal(150), rng.uniform(0.05, 0.2, 150)
    f, exact = iterative(kernel, X, noise, rank=rank, rtol=1e-7), factor(kernel, X, noise)
    # Errors are quadratic in the residuals: (10 rtol)^2 times the norm of the inverse.
    np.testing.assert_allclose(f.inv_diag(), exact.inv_diag(), rtol=0, atol=1e-12 * exact.inv_diag().max() * 150)
    a, b = f.loo(y), exact.loo(y)
    np.testing.assert_allclose(a.variance, b.variance, rtol=1e-9)
    np.testing.assert_allclose(a.mean, b.mean, atol=1e-4)


@pytest.mark.parametrize("rank", [0, 25, 60])
def test_draws_are_square_roots(rank, rng):
    """Draws from the columns of the identity are a matrix S with S S' = K."""
    n = 60
    X = rng.random((n, 2))
    kernel = Matern(1.5, 0.5) + RBF(0.2, 0.3)
    f = iterative(kernel, X, rng.uniform(0.01, 0.1, n), rank=rank, rtol=1e-9)
    S = square_root_draw(f._multiply, f._P, np.eye(n), 1e-9, 200)
    K = dense(kernel, X, f.noise)
    np.testing.assert_allclose(S @ S.T, K, atol=1e-7 * np.abs(K).max())
    one = f.sample(rng=3)
    np.testing.assert_array_equal(one, f.sample(1, rng=3)[0])
    np.testing.assert_allclose(one, S @ _validate.generator(3).standard_normal(n), atol=1e-6)
    assert f.sample(0).shape == (0, n)
    with pytest.raises(np.linalg.LinAlgError, match="a draw reached"):
        iterative(RBF(0.1), X, 1e-4, rank=0, maxiter=1).sample()


def test_failures_are_told(rng):
    X = rng.random((50, 2))
    X[7] = X[8]
    y = rng.standard_normal(50)
    with pytest.raises(np.linalg.LinAlgError, match=r"residual|curvature"):
        iterative(RBF(1.0), X, 0.0, rank=0, maxiter=200).solve(y)
    with pytest.raises(np.linalg.LinAlgError, match="after 1 iterations"):
        iterative(RBF(0.1), X, 0.01, rank=0, maxiter=1).solve(y)
    for bad, message in [({"rank": -1}, "rank"), ({"rtol": 0.0}, "rtol"), ({"probes": 1}, "probes")]:
        with pytest.raises(ValueError, match=message):
            iterative(RBF(), X, 0.1, **bad)
    for place in (0, 25, 49):
        worse = y.copy()
        worse[place] = np.nan
        with pytest.raises(ValueError, match="y"):
            iterative(RBF(), X, 0.1).log_likelihood(worse)
        with pytest.raises(np.linalg.LinAlgError, match="finite"):
            iterative(RBF(), X, 0.1, check_finite=False).log_likelihood(worse)
        bad = X.copy()
        bad[place, 0] = np.inf
        with pytest.raises(ValueError, match="X"):
            iterative(RBF(), bad, 0.1)


def test_no_points_and_one():
    f = iterative(RBF(1.0, 2.0), np.zeros((0, 2)), 0.1)
    assert f.sample(2).shape == (2, 0) and f.inv_diag().shape == (0,)
    assert f.logdet() == 0.0 and f.log_likelihood(np.zeros(0)) == 0.0
    f = iterative(RBF(1.0, 2.0), np.zeros((1, 2)), 0.5)
    assert f.logdet() == pytest.approx(np.log(2.5), rel=1e-12)
    assert f.solve([5.0])[0] == pytest.approx(2.0, rel=1e-12)


@pytest.mark.parametrize("power", [-300, 300])
def test_scaled_variances(power, rng):
    X, y = rng.random((40, 2)), rng.standard_normal(40)
    s = 2.0**power
    f, g = iterative(RBF(0.5), X, 0.125, rank=10), iterative(RBF(0.5, s), X, 0.125 * s, rank=10)
    assert g.quad(y) * s == pytest.approx(f.quad(y), rel=1e-10)
    assert g.logdet() - 40 * power * np.log(2) == pytest.approx(f.logdet(), rel=1e-8)
