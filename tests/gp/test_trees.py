"""Covariance functions beyond plain sums: values, limits, backends, factors."""

import os
import signal
import threading
import time

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import kriss
from kriss.gp import (
    RBF,
    Constant,
    Kernel,
    Linear,
    Matern,
    Periodic,
    Polynomial,
    Power,
    Product,
    RationalQuadratic,
    SpectralMixture,
    Sum,
    White,
    factor,
    fit,
    log_likelihood,
)

from . import tree_reference as ref
from .tree_reference import TREES

EPS = np.finfo(np.float64).eps


@pytest.mark.parametrize("name", TREES)
def test_values_against_the_definitions(name, rng):
    kernel = TREES[name]
    X, Z = 1.5 * rng.standard_normal((21, 3)), 1.5 * rng.standard_normal((6, 3))
    Z[0], X[4] = X[0], X[3]
    exact = ref.matrix(kernel, X)
    size = np.abs(exact).max()
    np.testing.assert_allclose(kernel(X), exact, rtol=1e-12, atol=1e-13 * size)
    np.testing.assert_allclose(kernel(X, Z), ref.matrix(kernel, X, Z), rtol=1e-12, atol=1e-13 * size)
    np.testing.assert_array_equal(kernel(X), kernel(X).T)
    np.testing.assert_allclose(kernel.diag(X), exact.diagonal(), rtol=1e-13)
    assert kernel(X.astype(np.float32)).dtype == np.float32
    assert kernel(X[:0]).shape == (0, 0) and kernel(X[:1], Z[:0]).shape == (1, 0)


def mp_matern(nu, r, digits=40):
    with mp.workdps(digits):
        if r == 0:
            return mp.mpf(1)
        nu = mp.mpf(nu)
        z = mp.sqrt(2 * nu) * mp.mpf(float(r))
        return 2 ** (1 - nu) / mp.gamma(nu) * z**nu * mp.besselk(nu, z)


@pytest.mark.parametrize("nu", [0.02, 0.3, 0.5, 0.9999, 1.0, 1.7, 2.5, 4.2, 7.9, 31.0])
def test_matern_against_forty_digits(nu):
    r = np.array([0.0, 1e-160, 1e-30, 1e-9, 1e-5, 1e-3, 0.03, 0.2, 0.7, 1.3, 3.0, 8.0, 25.0])
    kernel = Matern(nu, nu_bounds=(1e-3, 1e3))
    got = kernel([[0.0]], r[:, None])[0]
    exact = [mp_matern(nu, v) for v in r]
    assert got[0] == 1.0
    for v, k, e in zip(r, got, exact, strict=True):
        # s**2 has lost digits at 1e-160. The table is that of log k, whose rounding grows with its size.
        assert abs(mp.mpf(float(k)) - e) < (2e-14 if v != 1e-160 else 1e-12)
        if e > 1e-250:
            assert abs(mp.mpf(float(k)) / e - 1) < 1e-13 * (1 + abs(mp.log(e)))
    by_nu = [float(kernel.contract([[0.0]], [[1.0]], [[v]])[2]) for v in r]
    for v, found in zip(r[3:], by_nu[3:], strict=True):
        with mp.workdps(60):
            h = mp.mpf(10) ** -15 * nu
            slope = nu * (mp_matern(nu + h, v, 60) - mp_matern(nu - h, v, 60)) / (2 * h)
        assert abs(mp.mpf(found) - slope) < 1e-13 * (1 + nu)


@pytest.mark.parametrize("nu", [0.5, 1.5, 2.5, 3.5])
def test_tables_meet_closed_forms(nu, rng):
    X = rng.standard_normal((30, 2)) * np.exp(rng.uniform(-20, 3, (30, 1)))
    closed, table = Matern(nu, [0.5, 2.0], 3.0), Matern(nu, [0.5, 2.0], 3.0, nu_bounds=(0.1, 9.0))
    np.testing.assert_allclose(table(X), closed(X), rtol=0.0, atol=1e-13)
    W = rng.standard_normal((30, 30))
    np.testing.assert_allclose(table.contract(X, W)[:3], closed.contract(X, W), rtol=0.0, atol=1e-12 * np.abs(W).sum())
    near = Matern(np.nextafter(nu, 9.0), [0.5, 2.0], 3.0)
    np.testing.assert_allclose(near(X), closed(X), rtol=0.0, atol=1e-13)


def test_matern_of_extreme_smoothness():
    r = np.array([0.0, 1e-3, 1.0, 5.0])[:, None]
    np.testing.assert_allclose(Matern(1e12)([[0.0]], r), RBF()([[0.0]], r), rtol=0.0, atol=1e-11)
    np.testing.assert_allclose(Matern(1e300)([[0.0]], r), RBF()([[0.0]], r), rtol=0.0, atol=1e-13)
    rough = Matern(1e-3)([[0.0]], r)[0]
    assert rough[0] == 1.0 and (np.diff(rough) < 0.0).all()
    np.testing.assert_allclose(float(mp_matern(1e-3, 1e-3)), rough[1], rtol=1e-12)
    assert Matern(0.7)([[0.0]], [[1e300], [1e6]]).tolist() == [[0.0, 0.0]]


@pytest.mark.parametrize("name", TREES)
def test_workers_and_backends_have_the_same_bits(name, rng):
    kernel = TREES[name]
    X, Z = rng.standard_normal((67, 3)), rng.standard_normal((259, 3))
    X[5] = X[6]
    W = rng.standard_normal((67, 259))

    def results(workers=None):
        return (
            kernel(X, workers=workers),
            kernel(X, Z, workers=workers),
            kernel.contract(X, W[:, :67], workers=workers),
            kernel.contract(X, W, Z, workers=workers),
            kernel.gradient_x(X, Z[:9], workers=workers),
        )

    here = results(1)
    for w in (2, 4):
        for a, b in zip(here, results(w), strict=True):
            np.testing.assert_array_equal(a, b)
    other = "numba" if kriss.show_config("dicts")["backend"] == "compiled" else None
    if other:
        with kriss.use_backend(other):
            for a, b in zip(here, results(), strict=True):
                np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("name", sorted(set(TREES) - {"linear", "linear, no offset", "polynomial", "power", "nested"}))
def test_powers_of_two_change_nothing(name, rng):
    kernel, X = TREES[name], rng.standard_normal((9, 3))
    # The lengthscale of a periodic function has no unit, its period has.
    names = [n if name != "periodic" else n.replace("lengthscale", "shape") for n in kernel.parameter_names]
    plain = kernel(X)
    for power in (-300, 300):
        shift = power * np.log(2.0)
        theta = kernel.theta + np.array([shift * ("lengthscale" in n or "period" in n) for n in names])
        theta -= np.array([shift * ("frequencies" in n) for n in names])
        moved = kernel.with_theta(theta)
        # theta is rounded: it carries eps * |shift|, and so do the parameters.
        np.testing.assert_allclose(moved(np.ldexp(X, power)), plain, rtol=1e-11, atol=1e-12)


def test_extreme_lengthscales_and_distances(rng):
    X = rng.standard_normal((6, 2))
    for make in (lambda v: Matern(0.8, v), lambda v: Matern(3.5, v), lambda v: RationalQuadratic(v)):
        np.testing.assert_array_equal(make(1e300)(X), np.ones((6, 6)))
        assert np.isfinite(make(1e-300)(X)).all()
        W = rng.standard_normal((6, 6))
        assert np.isfinite(make(1e-300).contract(X, W)).all() and np.isfinite(make(1e300).contract(X, W)).all()
    np.testing.assert_array_equal(Matern(0.8, 1e-300)(X), np.eye(6))
    # The power law of the rational quadratic does not vanish: (1 + s^2 / (2 alpha))^-alpha at s = 1e100.
    tail = RationalQuadratic(1.0, 1.0, 0.01)([[0.0]], [[1e100]])[0, 0]
    np.testing.assert_allclose(tail, (5e201) ** -0.01, rtol=1e-13)
    np.testing.assert_allclose(RationalQuadratic(1.0, 1.0, 1e13)(X), RBF()(X), rtol=1e-11)
    sub = Matern(1.7)([[5e-324]], [[0.0]])
    assert sub[0, 0] == 1.0


def test_periods_cost_no_digits():
    kernel = Periodic(0.7, 0.25)
    offsets = np.array([[0.0], [0.03125], [0.0625], [0.125]])
    near = kernel([[0.0]], offsets)
    np.testing.assert_array_equal(kernel([[0.0]], offsets + 2.0**40), near)
    np.testing.assert_array_equal(kernel([[0.0]], [[2.0**60], [-1e300]]), [[1.0, 1.0]])
    band = SpectralMixture([1.0], [4.0], 1e300)
    np.testing.assert_array_equal(band([[0.0]], offsets + 2.0**40), band([[0.0]], offsets))
    assert abs(band([[0.0]], [[0.0625]])[0, 0]) < 1e-15  # a quarter of a turn


@pytest.mark.parametrize("where", [0, 4, 8])
@pytest.mark.parametrize("name", ["matern 1.7", "rational", "spectral", "scaled", "nested"])
def test_nan_passes_where_it_is_allowed(name, where, rng):
    X = rng.standard_normal((9, 3))
    X[where, 2] = np.nan
    with pytest.raises(ValueError, match=rf"X contains nan at index \({where}, 2\)"):
        TREES[name](X)
    loose = TREES[name](X, check_finite=False)
    others = np.delete(np.arange(9), where)
    assert np.isfinite(loose[np.ix_(others, others)]).all()
    if name != "scaled":
        assert np.isnan(loose[where]).all()


@pytest.mark.parametrize("name", TREES)
def test_theta_round_trip(name):
    kernel = TREES[name]
    theta = kernel.theta
    assert len(kernel.parameter_names) == len(set(kernel.parameter_names)) == theta.size == kernel.bounds.shape[0]
    again = kernel.with_theta(theta + 0.5)
    assert type(again) is type(kernel) and again.parameter_names == kernel.parameter_names
    np.testing.assert_allclose(again.theta, theta + 0.5, atol=1e-14)
    np.testing.assert_array_equal(again.bounds, kernel.bounds)
    assert again != kernel and kernel == kernel and hash(kernel) == hash(TREES[name])
    assert repr(kernel) and repr(again) != "" and isinstance(again, Kernel)
    with pytest.raises(ValueError, match=f"theta has {theta.size + 1} entries, expected {theta.size}"):
        kernel.with_theta(np.zeros(theta.size + 1))


def test_operators():
    a, b, c = RBF(), Matern(1.7), Linear()
    assert (a * b) * c == Product([a, b, c]) and (a + b) + c == Sum([a, b, c])
    assert 2.0 * a == a * 2 == Product([Constant(2.0), a])
    assert a**2 == Power(a, 2) and (a * b).factors == (a, b)
    assert (a * (b + c)).parameter_names[-1] == "factors[1].terms[1].variance"
    assert repr(a * (b + c)).endswith("+ Linear(variance=1, offset=0))")
    for wrong in (lambda: a + 1.0, lambda: a * "x", lambda: a * True, lambda: a**0.5):
        with pytest.raises(TypeError):
            wrong()
    # A sum of plain terms has the bits of its own kernels, and a product by a constant 1 has those of the plain kernel.
    X = np.random.default_rng(1).standard_normal((40, 2))
    np.testing.assert_array_equal((1.0 * RBF([0.5, 2.0]))(X), RBF([0.5, 2.0])(X))
    np.testing.assert_array_equal((1.0 * Matern(2.5))(X), Matern(2.5)(X))


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: Matern(0.0), ValueError, "nu must be above 0"),
        (lambda: Matern(9e-4), ValueError, "nu must be at least 0.001, not 0.0009"),
        (lambda: Matern(1.0, nu_bounds=(1e-5, 1.0)), ValueError, "nu must be at least 0.001, not 1e-05"),
        (lambda: Matern(1.0, nu_bounds=(2.0, 1.0)), ValueError, "nu_bounds"),
        (lambda: RationalQuadratic(alpha=0.0), ValueError, "alpha must be above 0"),
        (lambda: RationalQuadratic(alpha=5e-324), ValueError, "alpha must be above"),
        (lambda: Periodic(period=-1.0), ValueError, "period must be above 0"),
        (lambda: Periodic(period=np.nan), ValueError, "period must be finite"),
        (lambda: Linear(0.0), ValueError, "variance must be above"),
        (lambda: Linear(1.0, -1.0), ValueError, "offset must be at least 0"),
        (lambda: Linear([1.0, 2.0], active_dims=[0]), ValueError, "variance has 2 entries"),
        (lambda: Linear([1.0, 2.0])(np.zeros((2, 3))), ValueError, "X has 3 columns, but variance has 2"),
        (lambda: Linear(active_dims=[4])(np.zeros((2, 3))), ValueError, "names column 4"),
        (lambda: Polynomial(0), ValueError, "degree must be at least 1"),
        (lambda: Polynomial(1.5), TypeError, "degree must be an integer"),
        (lambda: Constant(0.0), ValueError, "variance"),
        (lambda: White(np.inf), ValueError, "variance"),
        (lambda: SpectralMixture([1.0], [[0.1], [0.2]]), ValueError, "frequencies has shape"),
        (lambda: SpectralMixture([1.0], [-0.1]), ValueError, "frequencies must not be negative"),
        (lambda: SpectralMixture([0.0], [0.1]), ValueError, "weights"),
        (lambda: SpectralMixture([1.0], [0.1], [1.0, 2.0]), ValueError, "lengthscales has shape"),
        (lambda: SpectralMixture([1.0], [0.1], spectrum="flat"), ValueError, "spectrum"),
        (lambda: SpectralMixture([1.0], [0.1])(np.zeros((2, 2))), ValueError, "frequencies has 1"),
        (lambda: SpectralMixture([1.0], [0.1], active_dims=[0, 1]), ValueError, "expected 2 as active_dims"),
        (lambda: Product([]), ValueError, "factors is empty"),
        (lambda: Product([1.0]), TypeError, "factors must be kernels"),
        (lambda: Power(RBF(), 0), ValueError, "exponent must be at least 1"),
        (lambda: Power(2.0, 2), TypeError, "kernel must be a kernel"),
        (lambda: Linear().total_variance, ValueError, "not stationary"),
        (lambda: (RBF() + Linear()).total_variance, ValueError, "not stationary"),
        (lambda: RationalQuadratic().flat(1), NotImplementedError, "not a sum of RBF and Matern"),
        (lambda: RBF().contract([[0.0]], [1.0]), ValueError, "W has shape"),
        (lambda: RBF().contract([[0.0]], [[1.0, 2.0]]), ValueError, r"W has shape \(1, 2\), expected \(1, 1\)"),
        (lambda: RBF().contract([[0.0]], [[np.nan]]), ValueError, "W contains nan"),
        (lambda: RBF().contract_diag([[0.0]], [1.0, 2.0]), ValueError, "w has 2 entries"),
        (lambda: RBF().gradient_x([[0.0]], [[1.0, 2.0]]), ValueError, "Z has 2 columns"),
    ],
)
def test_bad_arguments(call, error, words):
    with pytest.raises(error, match=words):
        call()


# Trees of random form; every one of them is a covariance function.
LEAVES = st.sampled_from(
    [
        RBF(0.8),
        Matern(0.5, 2.0),
        Matern(1.3, 0.6),
        Matern(3.5, [1.0, 2.0]),
        RationalQuadratic(1.0, 1.0, 0.3),
        Periodic(1.5, 3.0),
        SpectralMixture([0.5, 1.0], [[0.1, 0.0], [0.4, 0.2]], 2.0),
        Linear(0.1, 0.5),
        Polynomial(2, 0.1),
        Constant(0.7),
        White(0.2),
    ]
)
FORMS = st.recursive(
    LEAVES,
    lambda parts: st.one_of(
        st.builds(lambda a, b: a + b, parts, parts),
        st.builds(lambda a, b: a * b, parts, parts),
        st.builds(lambda a: a**2, LEAVES),
    ),
    max_leaves=5,
)
COORDINATES = st.lists(st.tuples(*[st.floats(-8.0, 8.0, width=16)] * 2), min_size=1, max_size=9)


@settings(max_examples=60)
@given(kernel=FORMS, X=COORDINATES)
def test_every_tree_is_positive_semidefinite(kernel, X):
    X = np.array(X, float)
    K = kernel(X)
    np.testing.assert_array_equal(K, K.T)
    np.testing.assert_allclose(K, ref.matrix(kernel, X), rtol=1e-11, atol=1e-12 * np.abs(K).max())
    # Roundings of the entries, about 20 factors deep, each relative to the geometric mean of the diagonal.
    assert np.linalg.eigvalsh(K)[0] >= -100 * EPS * len(X) * K.diagonal().max()
    np.testing.assert_allclose(kernel.diag(X), K.diagonal(), rtol=1e-13)


@pytest.mark.parametrize("name", ["matern 1.7", "periodic", "nested", "polynomial", "additive"])
def test_factor_and_likelihood(name, rng):
    kernel, X = TREES[name], rng.standard_normal((40, 3))
    y = rng.standard_normal(40)
    K = ref.matrix(kernel, X) + 0.2 * np.eye(40)
    alpha = np.linalg.solve(K, y)
    exact = -0.5 * (y @ alpha + np.linalg.slogdet(K)[1] + 40 * np.log(2 * np.pi))
    value, gradient = log_likelihood(kernel, X, y, 0.2, eval_gradient=True)
    np.testing.assert_allclose(value, exact, rtol=1e-11)
    W = np.outer(alpha, alpha) - np.linalg.inv(K)
    np.testing.assert_allclose(gradient[:-1], 0.5 * kernel.contract(X, W), rtol=1e-8, atol=1e-9)
    np.testing.assert_allclose(gradient[-1], 0.1 * np.trace(W), rtol=1e-9)
    f = factor(kernel, X, 0.2)
    np.testing.assert_allclose(f.lower @ f.lower.T, K, rtol=1e-12, atol=1e-12 * np.abs(K).max())
    np.testing.assert_allclose(f.log_likelihood_grad(y)[1], gradient, rtol=1e-9, atol=1e-9)
    Xs = rng.standard_normal((5, 3))
    p = f.predict(Xs, y, return_std=True, return_cov=True)
    cross = ref.matrix(kernel, Xs, X)
    np.testing.assert_allclose(p.mean, cross @ alpha, rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(p.cov, ref.matrix(kernel, Xs) - cross @ np.linalg.solve(K, cross.T), atol=1e-9)
    np.testing.assert_allclose(p.std**2, p.cov.diagonal(), atol=1e-10)
    true = np.linalg.cond(K, 1)
    assert 0.3 * true <= f.condition_estimate <= 1.001 * true


def test_smoothness_is_learned(rng):
    X = np.sort(rng.uniform(0.0, 6.0, 150))[:, None]
    y = factor(Matern(1.2, 0.8), X, 1e-4).sample(rng=rng)
    found = fit(Matern(2.0, 1.0, nu_bounds=(0.3, 8.0)), X, y, noise=1e-4, noise_bounds="fixed")
    assert found.converged and 0.7 < found.kernel.nu < 2.5
    assert abs(found.gradient[2]) < 1e-2
    given_nu = fit(Matern(2.0, 1.0), X, y, noise=1e-4, noise_bounds="fixed")
    assert found.log_likelihood > given_nu.log_likelihood


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
@pytest.mark.parametrize("what", ["matrix", "contract", "gradient_x"])
def test_ctrl_c(what, backend):
    if backend == "numba":
        pytest.skip("Numba's loops do not look for signals")
    rng = np.random.default_rng(0)
    kernel = Periodic(rng.uniform(1, 2, 40)) * Matern(1.7, rng.uniform(1, 2, 40))
    X = rng.random((3000, 40))
    W = np.zeros((3000, 3000)) if what == "contract" else None
    calls = {
        "matrix": lambda: kernel(X, X, workers=2),
        "contract": lambda: kernel.contract(X, W, workers=2),
        "gradient_x": lambda: kernel.gradient_x(X, X[:300], workers=2),
    }
    timer = threading.Timer(0.15, signal.raise_signal, (signal.SIGINT,))
    timer.start()
    start = time.perf_counter()
    with pytest.raises(KeyboardInterrupt):
        calls[what]()
    assert time.perf_counter() - start < 2.0  # unloaded: 0.15 s and one block of rows
    timer.join()


def test_not_positive_definite_names_the_points():
    X = np.array([[1.0], [2.0], [3.0]])
    with pytest.raises(
        np.linalg.LinAlgError, match=r"pivot 1 of 3.*determined by the rows before it; nearest is row 0"
    ):
        factor(Linear(), X)
    with pytest.raises(np.linalg.LinAlgError, match="rows 0 and 2 of X are the same point"):
        factor(2.0 * Matern(1.7), [[0.0], [3.0], [0.0]])
    assert factor(Linear() + White(0.1), X).jitter == 0.0
    assert factor(Linear(), X, jitter="auto").jitter > 0.0
