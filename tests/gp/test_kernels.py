"""Covariance functions: values, limits, shapes, arguments, invariants."""

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import kriss
from kriss.gp import RBF, Kernel, Matern, Sum

from .reference import covariance

NUS = [None, 0.5, 1.5, 2.5]
EPS = np.finfo(np.float64).eps


def make(nu, *args, **kwargs):
    return RBF(*args, **kwargs) if nu is None else Matern(nu, *args, **kwargs)


MIXED = RBF(0.5, 0.4, active_dims=[1]) + Matern(2.5, [0.7, 0.3], 2.0, active_dims=[2, 0]) + Matern(0.5, 3.0, 0.1)
MIXED = MIXED + Matern(1.5, [1.0, 2.0, 3.0], 0.7)


@pytest.mark.parametrize("nu", NUS)
@pytest.mark.parametrize("r", [0.0, 5e-324, 1e-300, 1e-160, 1e-8, 1e-3, 0.1, 1.0, 3.0, 30.0, 300.0, 1e3, 1e100, 1e300])
def test_values_against_forty_digits(nu, r):
    with mp.workdps(40):
        s = mp.mpf(r)
        if nu is None:
            exact = mp.exp(-s * s / 2)
        else:
            a = mp.sqrt(2 * mp.mpf(nu)) * s
            exact = {0.5: mp.mpf(1), 1.5: 1 + a, 2.5: 1 + a + a * a / 3}[nu] * mp.exp(-a)
        got = make(nu)([[0.0]], [[r]])[0, 0]
        # The exponent carries a few roundings: its absolute error, and so the relative one of k, is some eps * |a|.
        size = s * s / 2 if nu is None else a
        bound = 4 * EPS * (1 + size) * exact + mp.mpf(5e-324)
        assert abs(mp.mpf(float(got)) - exact) <= bound
    assert 0.0 <= got <= 1.0


@pytest.mark.parametrize("nu", NUS)
def test_single_precision(nu):
    r = np.linspace(0.0, 12.0, 301)
    got = make(nu)(np.zeros((1, 1), np.float32), r[:, None].astype(np.float32))
    assert got.dtype == np.float32
    exact = make(nu)([[0.0]], r[:, None].astype(np.float32).astype(np.float64))
    size = r * r if nu is None else 3 * r
    assert (np.abs(got - exact)[0] <= 4 * np.finfo(np.float32).eps * (1 + size) * exact[0] + 1e-44).all()


@pytest.mark.parametrize("n", [0, 1, 2, 3, 5, 10, 33, 50])
@pytest.mark.parametrize("d", [1, 3, 60])
def test_naive_reference(n, d, rng):
    kernel = (
        RBF(2.0, 0.3)
        + Matern(2.5, rng.uniform(1, 3, d), 1.2)
        + Matern(1.5, 4.0)
        + Matern(0.5, 5.0, active_dims=[d - 1])
    )
    X, Z = rng.standard_normal((n, d)), rng.standard_normal((7, d))
    np.testing.assert_allclose(kernel(X), covariance(kernel, X, X), rtol=1e-13)
    np.testing.assert_allclose(kernel(X, Z), covariance(kernel, X, Z), rtol=1e-13)
    np.testing.assert_array_equal(kernel(X), kernel(X).T)
    np.testing.assert_array_equal(kernel(X), kernel(X, X))
    np.testing.assert_array_equal(kernel.diag(X), np.full(n, kernel.total_variance))


@pytest.mark.parametrize("nu", NUS)
def test_scikit_learn(nu, rng):
    kernels = pytest.importorskip("sklearn.gaussian_process.kernels")
    lengths = np.array([0.3, 0.5, 0.9])
    theirs = kernels.RBF(lengths) if nu is None else kernels.Matern(lengths, nu=nu)
    X, Z = rng.random((300, 3)), rng.random((40, 3))
    np.testing.assert_allclose(make(nu, lengths)(X), theirs(X), rtol=1e-12, atol=1e-300)
    np.testing.assert_allclose(make(nu, lengths)(X, Z), theirs(X, Z), rtol=1e-12, atol=1e-300)


@pytest.mark.parametrize("nu", NUS)
def test_close_points_far_from_the_origin(nu):
    # Differences of 2^-20 around 2^30 are exact; |x|^2 + |z|^2 - 2 x'z, or scaling first, would lose them.
    h = 2.0**-20
    X = 2.0**30 + h * np.arange(6.0)[:, None]
    np.testing.assert_array_equal(make(nu, 3 * h)(X), make(nu, 3 * h)(X - 2.0**30))


@pytest.mark.parametrize("nu", NUS)
def test_powers_of_two_change_nothing(nu, rng):
    X = rng.standard_normal((20, 2))
    plain = make(nu, [0.7, 1.3])(X)
    for power in (-900, -300, 300, 900):
        np.testing.assert_array_equal(make(nu, np.ldexp([0.7, 1.3], power))(np.ldexp(X, power)), plain)
        np.testing.assert_array_equal(make(nu, [0.7, 1.3], 2.0**power)(X), np.ldexp(plain, power))


@pytest.mark.parametrize("nu", NUS)
def test_overflowing_distance_is_zero_covariance(nu):
    far = make(nu, 1e-300)([[1e300]], [[-1e300], [1e300]])
    np.testing.assert_array_equal(far, [[0.0, 1.0]])


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_workers_do_not_matter(dtype, rng):
    X, Z = rng.random((403, 3)).astype(dtype), rng.random((301, 3)).astype(dtype)
    for w in (2, 4):
        np.testing.assert_array_equal(MIXED(X, workers=w), MIXED(X, workers=1))
        np.testing.assert_array_equal(MIXED(X, Z, workers=w), MIXED(X, Z, workers=1))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("n", [1, 31, 32, 33, 255, 257])
def test_backends_have_the_same_bits(dtype, n, rng):
    X, Z = (4 * rng.random((n, 3))).astype(dtype), (4 * rng.random((19, 3))).astype(dtype)
    here = MIXED(X), MIXED(X, Z)
    with kriss.use_backend("numba"):
        np.testing.assert_array_equal(MIXED(X), here[0])
        np.testing.assert_array_equal(MIXED(X, Z), here[1])


VARIANTS = {
    "list": lambda X: X.tolist(),
    "fortran": np.asfortranarray,
    "negative": lambda X: X[::-1, ::-1].copy()[::-1, ::-1],
    "strided": lambda X: np.repeat(np.repeat(X, 2, 0), 3, 1)[::2, ::3],
    "readonly": lambda X: np.frombuffer(X.tobytes()).reshape(X.shape),
    "swapped": lambda X: X.astype(X.dtype.newbyteorder()),
    "unaligned": lambda X: np.frombuffer(b"0" + X.tobytes(), offset=1).reshape(X.shape),
    "matrix": lambda X: np.asmatrix(X),
    "masked": lambda X: np.ma.masked_array(X),
}


@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
@pytest.mark.parametrize("name", VARIANTS)
def test_any_layout(name, rng):
    X = rng.random((9, 3))
    variant = VARIANTS[name](X)
    np.testing.assert_array_equal(MIXED(variant), MIXED(X))
    np.testing.assert_array_equal(MIXED(X, variant), MIXED(X))


def test_integers_bool_half_and_zero_stride():
    X = np.arange(6).reshape(3, 2)
    np.testing.assert_array_equal(RBF()(X), RBF()(X.astype(float)))
    np.testing.assert_array_equal(RBF()(X > 2), RBF()((X > 2).astype(float)))
    assert RBF()(X.astype(np.float16)).dtype == np.float32
    assert RBF()(X.astype(np.float32), X.astype(float)).dtype == np.float64
    np.testing.assert_array_equal(RBF()(np.broadcast_to(np.ones(2), (4, 2))), np.ones((4, 4)))


@pytest.mark.parametrize(
    ("X", "error", "words"),
    [
        (np.zeros(3), ValueError, "X has shape"),
        (np.zeros((2, 2, 2)), ValueError, "X has shape"),
        (np.zeros((3, 0)), ValueError, "at least one column"),
        (1.0, ValueError, "X has shape"),
        (np.zeros((2, 2), complex), TypeError, "X has dtype"),
        (np.zeros((2, 2), object), TypeError, "X has dtype"),
        (np.zeros((2, 2), np.longdouble), TypeError, "X has dtype"),
        ([["a"]], TypeError, "X has dtype"),
        (None, TypeError, "X has dtype"),
        ([[1.0], [1.0, 2.0]], ValueError, "X cannot be made an array"),
        (np.ma.masked_array(np.zeros((2, 2)), mask=True), ValueError, "masked"),
    ],
)
def test_bad_points(X, error, words):
    with pytest.raises(error, match=words):
        RBF()(X)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("where", [0, 4, 8])
def test_not_finite(bad, where):
    X = np.zeros((9, 2))
    X[where, 1] = bad
    with pytest.raises(ValueError, match=rf"X contains .* at index \({where}, 1\)"):
        RBF()(X)
    with pytest.raises(ValueError, match="Z contains"):
        RBF()(np.zeros((2, 2)), X)
    loose = RBF()(X, check_finite=False)
    others = np.delete(np.arange(9), where)
    assert (loose[np.ix_(others, others)] == 1.0).all()
    if np.isnan(bad):
        assert np.isnan(loose[where]).all()
    else:
        assert (loose[where, others] == 0.0).all()


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: RBF(0.0), ValueError, "lengthscale"),
        (lambda: RBF(-1.0), ValueError, "lengthscale"),
        (lambda: RBF(5e-324), ValueError, "lengthscale"),
        (lambda: RBF(np.nan), ValueError, "lengthscale"),
        (lambda: RBF(np.inf), ValueError, "lengthscale"),
        (lambda: RBF("1"), TypeError, "lengthscale"),
        (lambda: RBF([]), ValueError, "lengthscale is empty"),
        (lambda: RBF([[1.0]]), ValueError, "lengthscale"),
        (lambda: RBF(1.0, 0.0), ValueError, "variance"),
        (lambda: RBF(1.0, -2.0), ValueError, "variance"),
        (lambda: RBF(1.0, np.nan), ValueError, "variance"),
        (lambda: RBF(1.0, "a"), TypeError, "variance"),
        (lambda: RBF(1.0, active_dims=[]), ValueError, "active_dims is empty"),
        (lambda: RBF(1.0, active_dims=[0, 0]), ValueError, "twice"),
        (lambda: RBF(1.0, active_dims=[-1]), ValueError, "active_dims"),
        (lambda: RBF(1.0, active_dims=[0.5]), TypeError, "active_dims"),
        (lambda: RBF([1.0, 2.0], active_dims=[0]), ValueError, "as many as active_dims"),
        (lambda: RBF(lengthscale_bounds=(0.0, 1.0)), ValueError, "lengthscale_bounds"),
        (lambda: RBF(lengthscale_bounds=(2.0, 1.0)), ValueError, "lengthscale_bounds"),
        (lambda: RBF(lengthscale_bounds="free"), ValueError, "fixed"),
        (lambda: RBF(variance_bounds=3.0), ValueError, "variance_bounds"),
        (lambda: Matern(np.inf), NotImplementedError, "RBF"),
        (lambda: Matern(np.nan), ValueError, "nu"),
        (lambda: Matern(-0.5), ValueError, "nu"),
        (lambda: Matern("x"), TypeError, "nu"),
        (lambda: Sum([]), ValueError, "empty"),
        (lambda: Sum([1.0]), TypeError, "kernels"),
        (lambda: RBF() + 1.0, TypeError, "unsupported"),
        (lambda: RBF([1.0, 2.0])(np.zeros((2, 3))), ValueError, "3 columns"),
        (lambda: RBF(active_dims=[3])(np.zeros((2, 3))), ValueError, "names column 3"),
        (lambda: RBF()(np.zeros((2, 3)), np.zeros((2, 2))), ValueError, "Z has 2 columns"),
        (lambda: RBF()(np.zeros((2, 3)), workers=0), ValueError, "workers"),
        (lambda: RBF().with_theta([0.0]), ValueError, "theta has 1"),
        (lambda: RBF().with_theta([0.0, np.nan]), ValueError, "theta"),
        (lambda: RBF().with_theta([0.0, 1e4]), ValueError, "lengthscale"),
    ],
)
def test_bad_arguments(call, error, words):
    with pytest.raises(error, match=words):
        call()


def test_theta_round_trip():
    theta = MIXED.theta
    again = MIXED.with_theta(theta)
    assert isinstance(again, Sum)
    np.testing.assert_allclose(again.theta, theta, rtol=1e-15)
    assert len(MIXED.parameter_names) == theta.size == MIXED.bounds.shape[0]
    assert MIXED.parameter_names[:3] == ("terms[0].variance", "terms[0].lengthscale", "terms[1].variance")
    np.testing.assert_allclose(RBF([2.0, 3.0], 5.0).theta, np.log([5.0, 2.0, 3.0]))
    fixed = RBF(2.0, 3.0, lengthscale_bounds="fixed", variance_bounds=(1.0, 9.0))
    np.testing.assert_allclose(fixed.bounds, np.log([[1.0, 9.0], [2.0, 2.0]]))
    assert repr(fixed.with_theta(fixed.theta)) == "RBF(lengthscale=2, variance=3)"


def test_kernels_are_values():
    assert RBF([1.0, 2.0]) == RBF([1.0, 2.0]) != RBF([1.0, 3.0])
    assert hash(Matern(1.5)) == hash(Matern(1.5)) and Matern(1.5) != Matern(2.5)
    assert RBF() + Matern(0.5) == Sum([RBF(), Matern(0.5)])
    assert isinstance(RBF() + RBF(), Kernel) and len(((RBF() + RBF()) + RBF()).terms) == 3
    assert RBF(np.array(2.0)).lengthscale == 2.0
    given_lengths = np.array([1.0, 2.0])
    kernel = RBF(given_lengths)
    given_lengths[0] = 9.0
    assert kernel.lengthscale[0] == 1.0
    with pytest.raises(ValueError, match="read-only"):
        kernel.lengthscale[0] = 2.0


POINTS = arrays(np.float64, st.tuples(st.integers(0, 12), st.integers(1, 3)), elements=st.floats(-1e3, 1e3, width=32))


@given(X=POINTS, nu=st.sampled_from(NUS), length=st.floats(0.01, 100.0), shift=st.integers(-1000, 1000))
def test_properties(X, nu, length, shift):
    kernel = make(nu, length, 2.0)
    before = X.copy()
    K = kernel(X)
    np.testing.assert_array_equal(X, before)
    np.testing.assert_array_equal(K, K.T)
    assert (K >= 0.0).all() and (K <= 2.0).all() and (K.diagonal() == 2.0).all()
    if len(X):
        # Positive semidefinite but for the roundings of the entries.
        assert np.linalg.eigvalsh(K)[0] >= -32 * EPS * 2.0 * len(X)
    exact = np.round(X * 8) / 8  # shifts by integers are exact on these
    np.testing.assert_array_equal(kernel(exact), kernel(exact + shift))
    order = np.random.default_rng(0).permutation(len(X))
    np.testing.assert_array_equal(kernel(X[order]), K[np.ix_(order, order)])


@pytest.mark.parametrize(
    ("kernel", "words"),
    [
        (RBF(1e-39), "^lengthscale is 1e-39, its inverse outside the range of float32"),
        (RBF(1e46), "^lengthscale is 1e.46"),
        (RBF(1.0, 1e39), "^variance is 1e.39, outside the range of float32"),
        (RBF(1.0, 1e-46), "^variance is 1e-46"),
        (Matern(2.5, [1.0, 1e-39]), r"^lengthscale\[1\] is 1e-39"),
        (RBF() + Matern(0.5, 1e-39), r"^terms\[1\].lengthscale is 1e-39"),
        (RBF(1.0, 3e38) + RBF(1.0, 3e38), "variances add up to 6e.38"),
    ],
)
def test_parameters_outside_the_range_of_float32_are_refused(kernel, words):
    X = np.ones((2, 2), np.float32)
    with pytest.raises(ValueError, match=words):
        kernel(X)
    with pytest.raises(ValueError, match=words):
        kernel(X, X)
    assert np.isfinite(kernel(X.astype(np.float64))).all()
    assert np.isfinite(RBF(1e-38, 1e38)(X)).all() and np.isfinite(RBF(1e38, 1e-38)(X)).all()
