"""Contracted derivatives and derivatives in the points, additive kernels, kernels written in Python."""

import tracemalloc

import mpmath as mp
import numpy as np
import pytest

from kriss.gp import (
    RBF,
    Additive,
    ComponentCache,
    Constant,
    Linear,
    Matern,
    Periodic,
    PythonKernel,
    RationalQuadratic,
    SpectralMixture,
    factor,
    fit,
    log_likelihood,
    random_tree_groups,
)

from . import tree_reference as ref
from .tree_reference import TREES


@pytest.mark.parametrize("name", TREES)
def test_contract_against_the_stored_derivatives(name, rng):
    kernel = TREES[name]
    X, Z = rng.standard_normal((6, 3)), rng.standard_normal((3, 3))
    X[4] = X[3]
    among = ref.derivatives(kernel, X)
    for points, by_theta in ((None, among), (Z, ref.derivatives(kernel, X, Z))):
        W = rng.standard_normal(by_theta.shape[:2])
        exact = np.einsum("ij,ijp->p", W, by_theta)
        size = np.einsum("ij,ijp->p", np.abs(W), np.abs(by_theta))
        assert (np.abs(kernel.contract(X, W, points) - exact) <= 1e-10 * (size + size.max())).all()
    own = among[np.arange(6), np.arange(6)]
    np.testing.assert_allclose(kernel.contract_diag(X, W[:, 0]), W[:, 0] @ own, atol=1e-10 * (1 + np.abs(own).sum()))
    # Linear in W; a single entry is the derivative there.
    one = np.zeros((6, 6))
    one[5, 2] = 1.0
    np.testing.assert_allclose(kernel.contract(X, one), among[5, 2], atol=1e-10 * (1 + np.abs(among).max()))


@pytest.mark.parametrize("n", [0, 1, 2, 31, 33, 257])
def test_contract_of_any_size(n, rng):
    kernel = 2.0 * RBF([0.5, 1.0]) + Matern(1.7, nu_bounds=(0.5, 3.0))
    X, W = rng.standard_normal((n, 2)), rng.standard_normal((n, n))
    # The derivative in the logarithm of both variances together is the kernel itself.
    found = kernel.contract(X, W)
    np.testing.assert_allclose(found[0] + found[4], (W * kernel(X)).sum(), rtol=1e-11, atol=1e-11)
    np.testing.assert_allclose(found, kernel.contract(X, W.T), rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(found, kernel.contract(X, W, X), rtol=1e-10, atol=1e-10)


def test_contract_stores_no_derivatives(rng):
    n = 700
    kernel = RBF(rng.uniform(1, 2, 20)) * RationalQuadratic(rng.uniform(1, 2, 20))
    X, W = rng.standard_normal((n, 20)), rng.standard_normal((n, n))
    kernel.contract(X[:5], W[:5, :5])
    tracemalloc.start()
    kernel.contract(X, W)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert kernel.theta.size == 43 and peak < 0.5 * 8 * n * n


@pytest.mark.parametrize("name", TREES)
def test_gradient_in_the_points(name, rng):
    kernel = TREES[name]
    X, Z = rng.standard_normal((6, 3)), rng.standard_normal((5, 3))
    h = 2e-3
    exact = np.zeros((6, 5, 3))
    for q, e in enumerate(np.eye(3)):
        for step, weight in ((1, 4 / 5), (2, -1 / 5), (3, 4 / 105), (4, -1 / 280)):
            exact[:, :, q] += weight * (
                ref.matrix(kernel, X + step * h * e, Z) - ref.matrix(kernel, X - step * h * e, Z)
            )
    exact /= h
    # Rough kernels have singularities within reach of the differences.
    rough = name in ("matern 0.3", "flat", "nested", "additive matern", "matern 1", "student")
    np.testing.assert_allclose(
        kernel.gradient_x(X, Z), exact, rtol=0, atol=(1e-5 if rough else 1e-8) * np.abs(exact).max()
    )


def test_gradient_in_the_points_at_zero_distance():
    X = np.array([[1.0, 2.0]])
    for smooth in (RBF(), Matern(0.7), Matern(1.0), Matern(1.5), Matern(2.2), RationalQuadratic(), Periodic()):
        np.testing.assert_array_equal(smooth.gradient_x(X, X), np.zeros((1, 1, 2)))
    for rough in (Matern(0.5), Matern(0.3), RBF() + Matern(0.5), RBF() * Matern(0.2)):
        assert np.isnan(rough.gradient_x(X, X)).all()
    np.testing.assert_array_equal(Matern(0.5, active_dims=[1]).gradient_x(X, X)[0, 0], [0.0, np.nan])
    np.testing.assert_array_equal(Linear(3.0).gradient_x(X, X)[0, 0], 3.0 * X[0])
    assert np.isfinite(Matern(0.3).gradient_x(X, X + 1e-12)).all()


@pytest.mark.parametrize("kernel", [Matern(0.5), Matern(0.3), Matern(1.7), RationalQuadratic()])
def test_duplicates_give_finite_derivatives(kernel, rng):
    X = np.zeros((5, 1))
    found = kernel.contract(X, np.ones((5, 5)))
    np.testing.assert_allclose(found[0], 25.0)
    np.testing.assert_array_equal(found[1:], 0.0)


def test_likelihood_gradient_at_fifty_digits(rng):
    # nu and alpha included; differences in 60 digits.
    kernel = 1.3 * Matern(1.7, 0.8, nu_bounds=(0.5, 4.0)) * RationalQuadratic(2.0, 1.0, 0.6)
    X, y = rng.standard_normal((6, 1)), rng.standard_normal(6)

    def value(theta):
        c, v, length, nu, w, wide, alpha, noise = (mp.e**t for t in theta)
        K = mp.matrix(6, 6)
        for i in range(6):
            for j in range(6):
                r = abs(mp.mpf(X[i, 0]) - mp.mpf(X[j, 0]))
                z = mp.sqrt(2 * nu) * r / length
                m = 2 ** (1 - nu) / mp.gamma(nu) * z**nu * mp.besselk(nu, z) if r else mp.mpf(1)
                K[i, j] = c * v * w * m * (1 + (r / wide) ** 2 / (2 * alpha)) ** -alpha + (noise if i == j else 0)
        b = mp.matrix([mp.mpf(t) for t in y])
        quadratic = (b.T * mp.lu_solve(K, b))[0]
        return -(quadratic + mp.log(mp.det(K)) + 6 * mp.log(2 * mp.pi)) / 2

    theta = [*kernel.theta, np.log(0.1)]
    found, gradient = log_likelihood(kernel, X, y, 0.1, eval_gradient=True)
    with mp.workdps(60):
        at = [mp.mpf(float(t)) for t in theta]
        h = mp.mpf(10) ** -18
        np.testing.assert_allclose(found, float(value(at)), rtol=1e-12)
        for t in range(len(at)):
            up = [v + (h if k == t else 0) for k, v in enumerate(at)]
            down = [v - (h if k == t else 0) for k, v in enumerate(at)]
            slope = float((value(up) - value(down)) / (2 * h))
            np.testing.assert_allclose(gradient[t], slope, rtol=1e-10, atol=1e-11)


# Additive kernels.


def test_additive_is_the_sum_of_its_components(rng):
    X, Z = rng.standard_normal((20, 4)), rng.standard_normal((6, 4))
    for base in (RBF(0.5, 0.3), Matern(1.5, [1.0, 2.0, 3.0, 4.0]), Periodic([1.0, 2.0, 3.0, 4.0], 2.0)):
        kernel = Additive(base, [(0, 3), (1,), (3, 2)])
        parts = kernel.components
        assert [p.active_dims for p in parts] == [(0, 3), (1,), (3, 2)] and type(parts[0]) is type(base)
        np.testing.assert_array_equal(kernel(X), parts[0](X) + parts[1](X) + parts[2](X))
        np.testing.assert_array_equal(kernel(X, Z), sum(p(X, Z) for p in parts))
        assert kernel.theta.size == base.theta.size and kernel.total_variance == 3 * base.variance
    y = rng.standard_normal(20)
    f = factor(kernel, X, 0.1)
    alpha = f.solve(y)
    np.testing.assert_allclose(sum(p(Z, X) @ alpha for p in parts), f.predict(Z, y).mean, rtol=1e-12)


def test_cached_components(rng):
    X, more = rng.standard_normal((15, 5)), rng.standard_normal((4, 5))
    base = Matern(2.5, rng.uniform(1, 2, 5), 0.5)
    cache = ComponentCache(base, X)
    trees = [random_tree_groups(5, rng=k, edges=2) for k in range(4)]
    for groups in trees:
        np.testing.assert_allclose(cache.matrix(groups), Additive(base, groups)(X), rtol=1e-14)
    kept = len(cache.groups)
    first = cache.component((0, 1))
    assert cache.component((1, 0)) is first and not first.flags.writeable
    cache.append(more)
    assert len(cache.groups) in (kept, kept + 1)
    everything = np.vstack([X, more])
    for groups in trees:
        np.testing.assert_allclose(cache.matrix(groups), Additive(base, groups)(everything), rtol=1e-14)
        np.testing.assert_array_equal(cache.matrix(groups), cache.matrix(groups).T)
    total = cache.matrix([(0,)])
    total[:] = 0.0  # a copy
    assert cache.component((0,))[0, 0] == 0.5
    cache.forget()
    assert cache.groups == () and "19 points, 0 groups" in repr(cache)
    with pytest.raises(ValueError, match="X has 2 columns, expected 5"):
        cache.append(np.zeros((1, 2)))


@pytest.mark.parametrize("d", [1, 2, 3, 10, 40])
def test_random_trees_are_forests(d):
    seen = set()
    for seed in range(30):
        edges = min(d - 1, 3) if seed % 2 else None
        groups = random_tree_groups(d, rng=seed, edges=edges)
        pairs = [g for g in groups if len(g) == 2]
        assert len(pairs) == (edges if seed % 2 else min(d - 1, max(1, d // 5)))
        assert {k for g in groups for k in g} == set(range(d))
        assert all(len(g) == 2 or not any(g[0] in p for p in pairs) for g in groups)
        # Forest: the graph Laplacian of d nodes has rank (number of edges).
        L = np.zeros((d, d))
        for a, b in pairs:
            assert a < b
            L[[a, b], [a, b]] += 1.0
            L[[a, b], [b, a]] -= 1.0
        assert np.linalg.matrix_rank(L) == len(pairs)
        assert groups == random_tree_groups(d, rng=seed, edges=edges)
        seen.add(groups)
    assert d < 3 or len(seen) > 1
    with pytest.raises(ValueError, match=f"edges must be less than d={d}"):
        random_tree_groups(d, edges=d)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: Additive(Linear(), [(0,)]), TypeError, "kernel must be RBF"),
        (lambda: Additive(RBF(active_dims=[0]), [(0,)]), ValueError, "the groups name the columns"),
        (lambda: Additive(RBF(), []), ValueError, "groups is empty"),
        (lambda: Additive(RBF(), [()]), ValueError, "active_dims is empty"),
        (lambda: Additive(RBF(), [(0, 0)]), ValueError, "twice"),
        (lambda: Additive(RBF([1.0, 2.0]), [(2,)]), ValueError, "groups names column 2, but lengthscale has 2"),
        (lambda: Additive(RBF(), [(5,)])(np.zeros((2, 3))), ValueError, "X has 3 columns, but groups names column 5"),
        (lambda: ComponentCache(RBF() + RBF(), [[0.0]]), TypeError, "kernel must be RBF"),
        (lambda: random_tree_groups(0), ValueError, "d must be at least 1"),
        (lambda: PythonKernel(3.0), TypeError, "without __call__, theta, clone_with_theta"),
        (lambda: PythonKernel(RBF()), TypeError, "interface of scikit-learn"),
    ],
)
def test_bad_arguments(call, error, words):
    with pytest.raises(error, match=words):
        call()


# Kernels in Python.


class Wave:
    """A squared exponential and a lengthscale, by NumPy, with scikit-learn's interface."""

    def __init__(self, theta=(0.0, 0.0)):
        self.theta = np.array(theta)

    def clone_with_theta(self, theta):
        return Wave(theta)

    def __call__(self, X, Z=None, eval_gradient=False):
        v, length = np.exp(self.theta)
        gaps = X[:, None, :] - (X if Z is None else Z)[None, :, :]
        s2 = (gaps**2).sum(-1) / length**2
        K = v * np.exp(-0.5 * s2)
        return (K, np.stack([K, K * s2], -1)) if eval_gradient else K


def test_python_kernels_join_the_others(rng):
    X, Z, y = rng.standard_normal((12, 2)), rng.standard_normal((5, 2)), rng.standard_normal(12)
    theta = np.log([1.3, 0.7])
    loose, known = PythonKernel(Wave(theta)), RBF(0.7, 1.3)
    other = Linear(0.3, 0.1) + Matern(1.7, 2.0, nu_bounds=(0.5, 3.0))
    W, W2 = rng.standard_normal((12, 12)), rng.standard_normal((12, 5))
    for make in (lambda k: k, lambda k: k + other, lambda k: other * k, lambda k: (k * other + Constant(2.0)) ** 2):
        ours, exact = make(loose), make(known)
        assert ours.theta.size == exact.theta.size and ours.bounds.shape == exact.bounds.shape
        np.testing.assert_allclose(ours.theta, exact.theta, atol=1e-15)
        np.testing.assert_allclose(ours(X), exact(X), rtol=1e-12)
        np.testing.assert_allclose(ours(X, Z), exact(X, Z), rtol=1e-12)
        np.testing.assert_allclose(ours.diag(X), exact.diag(X), rtol=1e-12)
        np.testing.assert_allclose(ours.contract(X, W), exact.contract(X, W), rtol=1e-10, atol=1e-10)
        np.testing.assert_allclose(ours.contract(X, W2, Z), exact.contract(X, W2, Z), rtol=1e-10, atol=1e-10)
        np.testing.assert_allclose(ours.contract_diag(X, y), exact.contract_diag(X, y), rtol=1e-10, atol=1e-10)
        value, gradient = log_likelihood(ours, X, y, 0.1, eval_gradient=True)
        expected = log_likelihood(exact, X, y, 0.1, eval_gradient=True)
        np.testing.assert_allclose(value, expected[0], rtol=1e-11)
        np.testing.assert_allclose(gradient, expected[1], rtol=1e-8, atol=1e-9)
        p, q = (factor(k, X, 0.1).predict(Z, y, return_std=True, return_cov=True) for k in (ours, exact))
        for a, b in ((p.mean, q.mean), (p.std, q.std), (p.cov, q.cov)):
            np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-10)
        with pytest.raises(NotImplementedError, match="does not offer derivatives in the points"):
            ours.gradient_x(X, Z)
    assert loose.parameter_names == ("theta[0]", "theta[1]") and loose == PythonKernel(loose.kernel)
    found = fit(loose, X, y, noise=0.1)
    same = fit(known, X, y, noise=0.1)
    np.testing.assert_allclose(found.log_likelihood, same.log_likelihood, rtol=1e-6)


def test_python_kernel_of_the_wrong_shape():
    class Wrong(Wave):
        def __call__(self, X, Z=None, eval_gradient=False):
            return np.ones(3)

    with pytest.raises(ValueError, match=r"the result of PythonKernel.* has shape \(3,\), expected \(2, 2\)"):
        PythonKernel(Wrong())(np.zeros((2, 1)))


def test_scikit_learn_kernels(rng):
    k = pytest.importorskip("sklearn.gaussian_process.kernels")
    X, Z = rng.standard_normal((15, 2)), rng.standard_normal((4, 2))
    W = rng.standard_normal((15, 15))
    pairs = [
        (Matern(1.7, [0.5, 2.0]), k.Matern([0.5, 2.0], nu=1.7)),
        (RationalQuadratic(0.7, 1.0, 0.4), k.RationalQuadratic(0.7, 0.4)),
        (Periodic(0.7, 1.9, active_dims=[0]), k.ExpSineSquared(0.7, 1.9)),
        (Linear(1.0, 0.49), k.DotProduct(0.7)),
    ]
    for ours, theirs in pairs:
        A, B = (X[:, :1], Z[:, :1]) if isinstance(ours, Periodic) else (X, Z)
        np.testing.assert_allclose(ours(A), theirs(A), rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(ours(A, B), theirs(A, B), rtol=1e-10, atol=1e-12)
    wrapped = PythonKernel(2.0 * k.RBF([0.5, 2.0]) + k.WhiteKernel(0.1))
    known = 2.0 * RBF([0.5, 2.0], variance_bounds="fixed")
    np.testing.assert_allclose(wrapped(X), known(X) + 0.1 * np.eye(15), rtol=1e-12)
    assert wrapped.parameter_names[0] == "k1__k1__constant_value" and wrapped.bounds.shape == (4, 2)
    np.testing.assert_allclose(wrapped.contract(X, W)[:3], known.contract(X, W)[[0, 2, 3]], rtol=1e-9)


def test_spectral_mixture_finds_a_frequency(rng):
    t = np.sort(rng.uniform(0.0, 20.0, 120))[:, None]
    y = np.sin(2 * np.pi * 0.7 * t[:, 0]) + 0.05 * rng.standard_normal(120)
    start = SpectralMixture([1.0], [0.72], 5.0, frequency_bounds=(0.3, 1.5))
    found = fit(start, t, y, noise=0.01)
    assert abs(found.kernel.frequencies[0, 0] - 0.7) < 0.01
    ahead = np.linspace(20.0, 21.0, 30)[:, None]
    np.testing.assert_allclose(found.predict(ahead).mean, np.sin(2 * np.pi * 0.7 * ahead[:, 0]), atol=0.2)
