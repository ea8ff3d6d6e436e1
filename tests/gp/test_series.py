"""One-dimensional series: the dense factor, 60 digits where points cluster, ragged batches, ties, scales."""

import itertools

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import kriss
from kriss._backend import kernels
from kriss.gp import RBF, Matern, SeriesFactor, factor, series_log_likelihood
from kriss.gp._series import build, suits

EPS = np.finfo(np.float64).eps

KERNELS = {
    "1/2": Matern(0.5, 0.7, 1.3),
    "3/2": Matern(1.5, 0.7, 1.3),
    "5/2": Matern(2.5, 0.7, 1.3),
    "7/2": Matern(3.5, 0.7, 1.3),
    "two": Matern(2.5, 0.7, 1.3) + Matern(0.5, 0.2, 0.4),
    "three": Matern(1.5, 2.0, 0.3) + Matern(3.5, 0.1, 2.0) + Matern(0.5, 1.0),
    "alike": Matern(1.5, 0.7, 0.5) + Matern(1.5, 0.7, 0.8),
}


def problem(n, rng):
    X = rng.uniform(0.0, 10.0, (n, 1))
    if n > 9:
        X[5], X[2] = X[9], X[9]
    return X, rng.uniform(0.01, 0.1, n), rng.standard_normal(n)


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize("n", [0, 1, 2, 3, 64, 130])
def test_dense(name, n, rng):
    kernel = KERNELS[name]
    X, noise, y = problem(n, rng)
    K = kernel(X) + np.diag(noise)
    s, d = build(kernel, X, noise), factor(kernel, X, noise)
    assert isinstance(s, SeriesFactor) and s.n == n and s.structure == "series" and s.jitter == 0.0
    bound = 100 * EPS * (n + 1) * max(1.0, 1.3 / 0.01)
    assert s.logdet() == pytest.approx(d.logdet(), rel=1e-13, abs=1e-12)
    assert s.quad(y) == pytest.approx(d.quad(y), rel=bound, abs=1e-300)
    assert s.log_likelihood(y) == pytest.approx(d.log_likelihood(y), rel=bound)
    for B in (y, rng.standard_normal((n, 3)), np.empty((n, 0))):
        x = s.solve(B)
        assert x.shape == B.shape
        if x.size:
            residual = np.abs(K @ x - B).max(axis=0)
            assert (residual <= 30 * n * EPS * np.abs(K).sum(axis=1).max() * np.abs(x).max(axis=0)).all()
    Xs = np.concatenate([rng.uniform(-3.0, 13.0, (20, 1)), X[:4], [[1e9]]])
    p = s.predict(Xs, y, return_std=True, return_cov=True)
    q = d.predict(Xs, y, return_std=True, return_cov=True)
    np.testing.assert_allclose(p.mean, q.mean, rtol=0, atol=1e-11)
    np.testing.assert_allclose(p.std**2, q.std**2, rtol=0, atol=1e-12)
    np.testing.assert_allclose(p.cov, q.cov, rtol=0, atol=1e-12)
    both = s.predict(Xs, np.stack([y, -2 * y], axis=1))
    assert both.std is None and both.cov is None
    np.testing.assert_allclose(both.mean, np.stack([p.mean, -2 * p.mean], axis=1), rtol=1e-14, atol=1e-15)
    if n:
        value, gradient = s.log_likelihood_grad(y)
        expected, slope = d.log_likelihood_grad(y)
        assert value == pytest.approx(expected, rel=bound)
        np.testing.assert_allclose(gradient, slope, rtol=bound, atol=bound * np.abs(slope).max())
        np.testing.assert_allclose(s.inv_diag(), d.inv_diag(), rtol=1e-11)
        got, wanted = s.loo(y), d.loo(y)
        np.testing.assert_allclose(got.mean, wanted.mean, rtol=0, atol=1e-11)
        assert got.log_density == pytest.approx(wanted.log_density, rel=1e-11)
        true = np.abs(K).sum(axis=0).max() * np.abs(np.linalg.inv(K)).sum(axis=0).max()
        assert 0.2 * true <= s.condition_estimate <= 1.0001 * true


@pytest.mark.parametrize("name", ["5/2", "three"])
def test_draws_have_the_covariance(name, rng):
    kernel = KERNELS[name]
    X, noise, _ = problem(40, rng)
    s = build(kernel, X, noise)
    out = np.empty((40, 40))
    kernels("gp_series").draw(*s._filter, np.eye(40), out, 1)
    L = np.empty_like(out)
    L[s._order] = out.T * 2.0**s._model.half
    np.testing.assert_allclose(L @ L.T, kernel(X) + np.diag(noise), rtol=0, atol=1e-13)
    one, many = s.sample(rng=3), s.sample(3, rng=3)
    assert one.shape == (40,) and many.shape == (3, 40)
    np.testing.assert_array_equal(one, many[0])
    assert s.sample(0, rng=3).shape == (0, 40)


def mp_parts(kernel, t, y, noise):
    """Log-determinant and quadratic form in the working precision of mpmath, from the definition."""
    n = len(t)
    K = mp.matrix(n, n)
    polynomials = {0.5: [1], 1.5: [1, 1], 2.5: [1, 1, mp.mpf(1) / 3], 3.5: [1, 1, mp.mpf(2) / 5, mp.mpf(1) / 15]}
    for nu, length, variance in kernel:
        for i in range(n):
            for j in range(n):
                a = mp.sqrt(2 * mp.mpf(nu)) * abs(mp.mpf(float(t[i])) - mp.mpf(float(t[j]))) / length
                K[i, j] += variance * sum(c * a**k for k, c in enumerate(polynomials[nu])) * mp.exp(-a)
    for i in range(n):
        K[i, i] += noise
    L = mp.cholesky(K)
    z = mp.matrix(n, 1)
    for i in range(n):
        z[i] = (mp.mpf(float(y[i])) - mp.fsum(L[i, k] * z[k] for k in range(i))) / L[i, i]
    return 2 * mp.fsum(mp.log(L[i, i]) for i in range(n)), mp.fsum(v * v for v in z)


@pytest.mark.parametrize("nu", [0.5, 1.5, 2.5, 3.5])
@pytest.mark.parametrize(("gap", "noise"), [(1e-3, 0.0), (1e-3, 1e-10), (1e-7, 1e-14), (0.4, 0.0), (30.0, 1e-3)])
def test_clustered_points_to_the_last_digits(nu, gap, noise, rng):
    # Without noise, smallest eigenvalues go down with the power 2 nu of the gap: 1e-18 in the first for nu = 7/2.
    t = np.cumsum(rng.uniform(0.5, 1.5, 12) * gap)
    y = np.sin(3.0 * t / gap)
    s = build(Matern(nu, 1.0, 1.0), t[:, None], noise)
    with mp.workdps(160):
        logdet, quad = mp_parts([(nu, mp.mpf(1), mp.mpf(1))], t, y, mp.mpf(noise))
        # n pivots, each with a relative error of some hundred roundings.
        assert abs(s.logdet() - logdet) <= 12 * 200 * EPS
        assert abs(s.quad(y) / quad - 1) <= 12 * 200 * EPS


@pytest.mark.parametrize("nu", [0.5, 1.5, 2.5, 3.5])
def test_gradient_of_clustered_points(nu, rng):
    t = np.cumsum(rng.uniform(0.5, 1.5, 7) * np.array([1e-3, 1e-3, 2.0, 1e-3, 1e-2, 1e-3, 50.0]))
    y = rng.standard_normal(7)
    noise, variance, length = 1e-8, 1.5, 0.8
    _, gradient = build(Matern(nu, length, variance), t[:, None], noise).log_likelihood_grad(y)
    with mp.workdps(100):
        h = mp.mpf(10) ** -30
        exact = []
        for k in range(3):
            values = []
            for sign in (1, -1):
                f = [mp.exp(sign * h) if k == c else mp.mpf(1) for c in range(3)]
                values.append(-sum(mp_parts([(nu, length * f[1], variance * f[0])], t, y, mp.mpf(noise) * f[2])) / 2)
            exact.append(float((values[0] - values[1]) / (2 * h)))
    # r and N are sums of positive parts; y asks for differences of a size that the noise forbids, hence large slopes.
    np.testing.assert_allclose(gradient, exact, rtol=1e-11, atol=1e-12 * max(map(abs, exact)))


def test_the_same_point_without_noise(rng):
    t = np.array([3.0, 1.0, 2.0, 1.0])
    with pytest.raises(np.linalg.LinAlgError, match="pivot 3 of 4: rows 1 and 3 of X are the same point"):
        build(Matern(1.5), t[:, None])
    s = build(Matern(1.5), t[:, None], jitter="auto")
    assert s.jitter == 1e-14
    s, d = build(Matern(1.5), t[:, None], 0.2, 1e-3), factor(Matern(1.5), t[:, None], 0.2, 1e-3)
    assert s.jitter == 1e-3
    np.testing.assert_allclose(s.log_likelihood_grad(t)[1], d.log_likelihood_grad(t)[1], rtol=1e-11)
    # One of the two may be exact.
    noise = np.array([0.1, 0.0, 0.0, 0.2])
    y = rng.standard_normal(4)
    for kernel in KERNELS.values():
        s, d = build(kernel, t[:, None], noise), factor(kernel, t[:, None], noise)
        assert s.log_likelihood(y) == pytest.approx(d.log_likelihood(y), rel=1e-12)
    with pytest.raises(np.linalg.LinAlgError, match="in series 1: rows 2 and 3 of X are the same point"):
        series_log_likelihood(Matern(1.5), [0.0, 1.0, 1.0, 1.0], np.zeros(4), offsets=[0, 2, 4])


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize("half", [-400, -3, 1, 400])
def test_powers_of_four_are_exact(name, half, rng):
    kernel = KERNELS[name]
    X, noise, y = problem(70, rng)
    scaled = kernel.with_theta(kernel.theta)  # a copy of the same form
    terms = [Matern(t.nu, t.lengthscale, t.variance * 4.0**half) for t in kernel.terms]
    scaled = sum(terms[1:], terms[0])
    a, b = build(kernel, X, noise), build(scaled, X, noise * 4.0**half)
    np.testing.assert_array_equal(b.solve(y), a.solve(y) * 4.0**-half)
    np.testing.assert_array_equal(a.inv_diag() * 4.0**-half, b.inv_diag())
    assert b.quad(y * 2.0**half) == a.quad(y)
    np.testing.assert_array_equal(a.log_likelihood_grad(y)[1], b.log_likelihood_grad(y * 2.0**half)[1])
    p, q = a.predict(X[:5] + 0.1, y, return_std=True), b.predict(X[:5] + 0.1, y * 2.0**half, return_std=True)
    np.testing.assert_array_equal(p.std * 2.0**half, q.std)
    np.testing.assert_array_equal(p.mean * 2.0**half, q.mean)


def test_far_scales(rng):
    y = rng.standard_normal(5)
    t = np.array([-1.7e308, -1.0, 0.0, 1.0, 1.7e308])[:, None]
    for nu in (0.5, 1.5, 2.5, 3.5):
        for length in (1e-300, 1e300):
            s = build(Matern(nu, length), t, 0.5)
            d = factor(Matern(nu, length), t, 0.5)
            assert s.log_likelihood(y) == pytest.approx(d.log_likelihood(y), rel=1e-13)
            assert np.isfinite(s.log_likelihood_grad(y)[1]).all()
        # Points that no lengthscale tells apart are one point.
        s = build(Matern(nu, 1e300), np.array([[0.0], [5e-324], [1e-310]]), 1e-9)
        assert np.isfinite(s.logdet())
        for variance, noise in ((1e-200, 1e200), (1e200, 1e-200), (1e-300, 1e-300), (1e300, 1e300)):
            s = build(Matern(nu, 1.0, variance), np.arange(3.0)[:, None], noise)
            if variance < noise:
                assert s.logdet() == pytest.approx(3 * np.log(noise), rel=1e-14)
            assert np.isfinite([s.logdet(), *s.inv_diag()]).all()


@pytest.mark.parametrize("at", [0, 3, 6])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_not_finite(at, bad, rng):
    X, y, noise = np.arange(7.0)[:, None], rng.standard_normal(7), np.full(7, 0.1)
    X[at], other = bad, y.copy()
    other[at] = bad
    with pytest.raises(ValueError, match="X contains"):
        build(Matern(1.5), X, 0.1)
    with pytest.raises(ValueError, match="t contains"):
        series_log_likelihood(Matern(1.5), X[:, 0], y, 0.1)
    s = build(Matern(1.5), np.arange(7.0)[:, None], 0.1)
    for call in (s.solve, s.quad, s.log_likelihood, s.log_likelihood_grad, s.loo, lambda v: s.predict([[0.0]], v)):
        with pytest.raises(ValueError, match=r"(y|B) contains"):
            call(other)
    noise[at] = bad
    with pytest.raises(ValueError, match="noise contains"):
        build(Matern(1.5), np.arange(7.0)[:, None], noise)
    if np.isnan(bad):
        with pytest.raises(np.linalg.LinAlgError, match=f"row {at} of X is not finite"):
            build(Matern(1.5), X, 0.1, check_finite=False)
        loose = series_log_likelihood(Matern(1.5), np.arange(7.0), other, 0.1, check_finite=False)
        assert np.isnan(loose).all()


def ragged(rng):
    sizes = [0, 1, 2, 200, 3, 0, 65, 64, 7]
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    n = offsets[-1]
    return offsets, rng.uniform(0.0, 20.0, n), rng.standard_normal(n), rng.uniform(0.01, 0.2, n)


@pytest.mark.parametrize("name", KERNELS)
def test_ragged_batches(name, rng):
    kernel = KERNELS[name]
    offsets, t, y, noise = ragged(rng)
    value, gradient = series_log_likelihood(kernel, t, y, noise, offsets, eval_gradient=True)
    assert value.shape == (9,) and gradient.shape == (9, kernel.theta.size + 1)
    np.testing.assert_array_equal(series_log_likelihood(kernel, t, y, noise, offsets), value)
    for k, (a, b) in enumerate(itertools.pairwise(offsets)):
        if a == b:
            assert value[k] == 0.0 and (gradient[k] == 0.0).all()
            continue
        alone, slope = build(kernel, t[a:b, None], noise[a:b]).log_likelihood_grad(y[a:b])
        assert value[k] == pytest.approx(alone, rel=1e-14)
        np.testing.assert_allclose(gradient[k], slope, rtol=1e-13, atol=1e-13)
    for workers in (1, 2, 4):
        again, same = series_log_likelihood(kernel, t, y, noise, offsets, eval_gradient=True, workers=workers)
        np.testing.assert_array_equal(again, value)
        np.testing.assert_array_equal(same, gradient)
    order = np.concatenate([a + np.argsort(t[a:b]) for a, b in itertools.pairwise(offsets)])
    np.testing.assert_array_equal(series_log_likelihood(kernel, t[order], y[order], noise[order], offsets), value)


@pytest.mark.parametrize("name", KERNELS)
def test_numba_twin_has_the_same_bits(name, rng):
    kernel = KERNELS[name]
    offsets, t, y, noise = ragged(rng)
    X, Xs = t[:150, None], rng.uniform(-5.0, 25.0, (30, 1))
    found = []
    for backend in ("compiled", "numba"):
        try:
            with kriss.use_backend(backend):
                s = build(kernel, X, noise[:150])
                p = s.predict(Xs, y[:150], return_std=True)
                parts = series_log_likelihood(kernel, t, y, noise, offsets, eval_gradient=True)
                found.append((*parts, s.solve(y[:150]), s.inv_diag(), s.sample(rng=1), p.mean, p.std, s._norm()))
        except RuntimeError:
            pytest.skip("only one backend here")
    for a, b in zip(*found, strict=True):
        np.testing.assert_array_equal(a, b)


@given(
    st.lists(st.floats(-50.0, 50.0), min_size=1, max_size=12),
    st.sampled_from(sorted(KERNELS)),
    st.floats(0.01, 10.0),
    st.randoms(use_true_random=False),
)
def test_any_order_of_any_points(times, name, noise, random):
    kernel = KERNELS[name]
    t = np.array(times)
    y = np.cos(7.0 * t)
    order = list(range(t.size))
    random.shuffle(order)
    s, d = build(kernel, t[:, None], noise), factor(kernel, t[:, None], noise)
    shuffled = build(kernel, t[order, None], noise)
    assert s.log_likelihood(y) == pytest.approx(d.log_likelihood(y), rel=1e-11, abs=1e-11)
    assert s.log_likelihood(y) == pytest.approx(shuffled.log_likelihood(y[order]), rel=1e-11, abs=1e-11)
    assert s.quad(y) >= 0.0
    std = s.predict(t[:, None], y, return_std=True).std
    assert (std**2 <= kernel.total_variance * (1.0 + 1e-12)).all()


def test_suits():
    X = np.zeros((3, 2))
    assert suits(Matern(1.5), X[:, :1], 0.1) is not None
    assert suits(Matern(1.5, active_dims=[1]) + Matern(0.5, active_dims=[1]), X, 0.1) is not None
    for kernel in (
        RBF(),
        Matern(1.5),
        Matern(1.7, active_dims=[0]),
        Matern(1.5, active_dims=[0]) + Matern(1.5, active_dims=[1]),
        Matern(1.5, active_dims=[0], nu_bounds=(0.5, 2.0)),
        sum([Matern(3.5, active_dims=[0])] * 4, Matern(0.5, active_dims=[0])),
    ):
        assert suits(kernel, X, 0.1) is None
        with pytest.raises(ValueError, match="structure='series' does not fit"):
            build(kernel, X, 0.1)
    # The other column is not looked at.
    s = build(Matern(1.5, active_dims=[1]), np.array([[np.pi, 0.0], [-1.0, 2.0]]), 0.1)
    d = factor(Matern(1.5, active_dims=[1]), np.array([[0.0, 0.0], [0.0, 2.0]]), 0.1)
    assert s.logdet() == pytest.approx(d.logdet())
    with pytest.raises(NotImplementedError, match="structure='dense'"):
        _ = s.lower
    with pytest.raises(ValueError, match="assignment destination is read-only"):
        s.X[0] = 1.0
    with pytest.raises(ValueError, match="Xs has 1 columns, expected 2"):
        s.predict([[0.0]], [0.0, 1.0])
    assert "2 points" in repr(s)


KINDS = {
    "list": list,
    "int": lambda a: a.astype(int),
    "float32": lambda a: a.astype(np.float32),
    "stride": lambda a: np.repeat(a, 2)[::2],
    "backwards": lambda a: a[::-1].copy()[::-1],
    "swapped": lambda a: a.astype(a.dtype.newbyteorder()),
    "masked": lambda a: np.ma.masked_array(a),
}


@pytest.mark.parametrize("kind", KINDS)
def test_kinds_of_arguments(kind):
    t, y, noise = np.array([0.0, 3.0, 1.0]), np.array([1.0, -1.0, 2.0]), np.array([1.0, 2.0, 1.0])
    for a in (t, y, noise):
        a.flags.writeable = False
    expected = series_log_likelihood(Matern(2.5), t, y, noise)
    make = KINDS[kind]
    np.testing.assert_array_equal(series_log_likelihood(Matern(2.5), make(t), make(y), make(noise)), expected)
    np.testing.assert_array_equal(series_log_likelihood(Matern(2.5), t, y, noise, np.array([0, 3], np.uint8)), expected)


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        (("matern", [0.0], [0.0]), TypeError, "kernel must be a kriss.gp kernel, not str"),
        ((RBF(), [0.0], [0.0]), ValueError, "kernel does not fit a series"),
        ((Matern(0.5), [[0.0]], [0.0]), ValueError, r"t has shape \(1, 1\), expected a 1-D array"),
        ((Matern(0.5), [0.0], [0.0, 1.0]), ValueError, r"y has shape \(2,\), expected \(1,\)"),
        ((Matern(0.5), [0.0], [0.0], [0.1, 0.2]), ValueError, "noise has 2 entries"),
        ((Matern(0.5), [0.0], [0.0], -1.0), ValueError, "noise must not be negative, not -1"),
        ((Matern(0.5), [1j], [0.0]), TypeError, "t has dtype complex128"),
        ((Matern(0.5), [0.0], [0.0], 1.0, [0.0, 1.0]), TypeError, "offsets has dtype float64"),
        ((Matern(0.5), [0.0], [0.0], 1.0, [0, 2]), ValueError, "offsets runs from 0 to 2, expected from 0 to 1"),
        ((Matern(0.5), [0.0], [0.0], 1.0, [0, 1, 0, 1]), ValueError, "offsets decreases at entry 2"),
        ((Matern(0.5), [0.0], [0.0], 1.0, []), (TypeError, ValueError), "offsets has"),
    ],
)
def test_bad_arguments(arguments, error, match):
    with pytest.raises(error, match=match):
        series_log_likelihood(*arguments)
