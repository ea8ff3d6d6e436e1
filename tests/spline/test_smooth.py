"""Smoothing splines: the kernels against dense and multi-precision references, and the mirror of SciPy's routine."""

import logging
import warnings

import mpmath as mp
import numpy as np
import pytest
import scipy.interpolate as si
from numpy.testing import assert_allclose, assert_array_equal

import kriss
from kriss.scipy.interpolate import make_smoothing_spline
from kriss.spline._smooth import Smoothing, bspline_coefficients


def dense(x, w):
    """Q, R of Reinsch's equations."""
    n, h = x.size, np.diff(x)
    Q, R = np.zeros((n, n - 2)), np.zeros((n - 2, n - 2))
    for j in range(n - 2):
        Q[j : j + 3, j] = 1 / h[j], -1 / h[j] - 1 / h[j + 1], 1 / h[j + 1]
        R[j, j] = (h[j] + h[j + 1]) / 3
        if j:
            R[j, j - 1] = R[j - 1, j] = h[j] / 6
    return Q, R


def ordered(p):
    """Scaled widths, values and weights in the order of x."""
    return (p.h[::-1], p.values, p.w[::-1]) if p.flip else (p.h, p.values, p.w)


def data(n, rng, noise=0.3):
    x = np.cumsum(rng.uniform(0.2, 1.8, n))
    return x, np.sin(12 * x / n) + noise * rng.standard_normal(n), rng.uniform(0.3, 3, n)


@pytest.mark.parametrize("n", [3, 4, 5, 10, 50])
def test_scan_against_dense(n, rng):
    x, y, w = data(n, rng)
    p = Smoothing(x, y, w)
    h_, y_, w_ = ordered(p)
    Q, R = dense(np.ldexp(x, -p.ex), w_)
    lam = p.lam0 * 10.0 ** np.linspace(-4, 5, 11)
    found = p.scan(lam)
    for i, one in enumerate(lam):
        A = np.linalg.solve(np.diag(w_) + one * Q @ np.linalg.solve(R, Q.T), np.diag(w_))
        r = y_ - A @ y_
        rss = (w_ * r**2).sum()
        B = R + one * Q.T @ np.diag(1 / w_) @ Q
        # The dense reference itself loses digits as lam grows: to 1e-8 at the most.
        assert found.edf[i] == pytest.approx(np.trace(A), abs=1e-8)
        assert found.rss[i] == pytest.approx(rss, rel=1e-8)
        assert found.energy[i] == pytest.approx(rss + one * (A @ y_) @ Q @ np.linalg.solve(R, Q.T @ (A @ y_)), rel=1e-8)
        # The innovations are the contrasts Q'y times a triangular matrix with the widths on its diagonal.
        logdet = np.linalg.slogdet(B)[1] + 2 * np.log(h_[:-1] if p.flip else h_[1:]).sum()
        assert found.logdet[i] == pytest.approx(logdet, abs=1e-9 * n)
        f, g, leverage = p.fit(y_[None], one)
        assert_allclose(f[0], A @ y_, atol=1e-8)
        assert_allclose(leverage, np.diag(A), atol=1e-8)
        assert_allclose(g[0, 1:-1], np.linalg.solve(B, Q.T @ y_), atol=1e-8)
        assert g[0, 0] == g[0, -1] == 0
        assert found.edf[i] == pytest.approx(leverage.sum(), abs=1e-12)
    unweighted = p.scan(lam, unweighted=True)
    A = np.linalg.solve(np.diag(w_) + lam[3] * Q @ np.linalg.solve(R, Q.T), np.diag(w_))
    assert unweighted.rss[3] == pytest.approx(((y_ - A @ y_) ** 2).sum(), rel=1e-9)
    assert_array_equal(unweighted.edf, found.edf)


@pytest.mark.parametrize("decades", [-4, 0, 4, 8, 12, 20])
@pytest.mark.parametrize("near_tie", [False, True])
def test_against_multiprecision(decades, near_tie, rng):
    """All figures come near working accuracy for every lam: the equations of the definition lose `decades` digits."""
    x, y, w = data(24, rng)
    if near_tie:
        x[11] = x[10] + 1e-7
    p = Smoothing(x, y, w)
    h_, y_, w_ = ordered(p)
    lam = 10.0**decades
    f, g, leverage = p.fit(y_[None], lam)
    found = p.scan(np.array([lam]))
    with mp.workdps(80):
        n = x.size
        h = [mp.mpf(float(v)) for v in h_]
        inverse = [1 / mp.mpf(float(v)) for v in w_]
        Q, R, scaled = mp.zeros(n, n - 2), mp.zeros(n - 2, n - 2), mp.zeros(n, n - 2)
        for j in range(n - 2):
            Q[j, j], Q[j + 1, j], Q[j + 2, j] = 1 / h[j], -1 / h[j] - 1 / h[j + 1], 1 / h[j + 1]
            R[j, j] = (h[j] + h[j + 1]) / 3
            if j:
                R[j, j - 1] = R[j - 1, j] = h[j] / 6
            for i in range(j, j + 3):
                scaled[i, j] = Q[i, j] * inverse[i]
        values = mp.matrix([mp.mpf(float(v)) for v in y_])
        inv = (R + lam * (Q.T * scaled)) ** -1
        curvature = inv * (Q.T * values)
        residual = lam * (scaled * curvature)
        hat = lam * (scaled * inv * Q.T)
        exact = np.array([float(values[i] - residual[i]) for i in range(n)])
        lever = np.array([float(1 - hat[i, i]) for i in range(n)])
        edf = float(n - sum(hat[i, i] for i in range(n)))
        rss = float(sum(residual[i] ** 2 / inverse[i] for i in range(n)))
        second = np.array([float(v) for v in curvature])
    # Widths in the table are rounded, and a near tie magnifies a rounding of y by the ratio of widths.
    room = 1e-15 * (1e7 if near_tie else 30)
    assert_allclose(f[0], exact, rtol=0, atol=room)
    assert_allclose(leverage, lever, rtol=0, atol=room)
    assert_allclose(g[0, 1:-1], second, rtol=0, atol=room * 10 * np.abs(second).max())
    assert found.edf[0] == pytest.approx(edf, abs=room * n)
    assert found.rss[0] == pytest.approx(rss, rel=room * 10)


def test_leave_one_out_identity(rng):
    x, y, w = data(30, rng)
    p = Smoothing(x, y, w)
    lam = 3.0 * p.lam0
    f, _, leverage = p.fit(p.values[None], lam)
    for i in (0, 1, 7, 28, 29):
        keep = np.arange(30) != i
        q = Smoothing(x[keep], y[keep], w[keep])
        small = q.fit(q.values[None], q.scaled_units(p.given_units(lam)))
        t = np.concatenate([[x[keep][0]] * 3, x[keep], [x[keep][-1]] * 3])
        c = np.ldexp(bspline_coefficients(ordered(q)[0], small[0], small[1])[0], q.ey)
        s = si.BSpline(t, c, 3)
        # Beyond the ends a natural spline goes on as a straight line.
        if i == 0:
            left = s(x[1]) - s(x[1], 1) * (x[1] - x[0])
        elif i == 29:
            left = s(x[28]) + s(x[28], 1) * (x[29] - x[28])
        else:
            left = s(x[i])
        assert y[i] - left == pytest.approx((y[i] - np.ldexp(f[0, i], p.ey)) / (1 - leverage[i]), rel=1e-9)


def test_workers_and_backends_have_the_same_bits(rng):
    x, y, w = data(400, rng)
    p = Smoothing(x, y, w)
    lam = p.lam0 * 10.0 ** np.linspace(-3, 9, 21)
    base = p.scan(lam, workers=1)
    for workers in (2, 4):
        for a, b in zip(base, p.scan(lam, workers=workers), strict=True):
            assert_array_equal(a, b)
    results = []
    for name in ("compiled", "numba"):
        try:
            with kriss.use_backend(name):
                results.append((*p.scan(lam), *p.fit(np.stack([p.values, -p.values]), lam[7])))
        except RuntimeError:
            pytest.skip(f"{name} is not available")
    for a, b in zip(*results, strict=True):
        assert_array_equal(a, b)


def test_what_overflows_is_reported(rng):
    x, y, w = data(200, rng)
    p = Smoothing(x, y, w)
    assert p.fit(p.values[None], np.nan) is None
    assert p.fit(p.values[None], np.inf) is None
    assert not Smoothing(x, y, np.where(w > 1, 1.0, 1e-80)).usable


def test_a_million_points():
    """Full knots; degrees of freedom and error where the equations of the definition would have lost all digits."""
    n = 1_000_000
    rng = np.random.default_rng(7)
    x = np.sort(rng.random(n))
    truth = np.sin(20 * x)
    p = Smoothing(x, truth + 0.3 * rng.standard_normal(n), np.ones(n))
    lam = 1e14
    found = p.scan(np.array([lam]))
    f, _, leverage = p.fit(p.values[None], lam)
    assert found.edf[0] == pytest.approx(leverage.sum(), abs=1e-8)
    # Two, and the sum of 1 / (1 + lam h q^4 / w) over wave numbers q = (k + 1/2) pi / (n h), k >= 1, of a free beam.
    h = p.h.mean()
    q = (np.arange(1, 10_000) + 0.5) * np.pi / (n * h)
    assert found.edf[0] == pytest.approx(2 + (1 / (1 + lam * h * q**4 / p.w[0])).sum(), rel=1e-3)
    error = np.sqrt(np.mean((np.ldexp(f[0], p.ey) - truth) ** 2))
    assert error < 1.2 * 0.3 * np.sqrt(found.edf[0] / n)


# The mirror.


@pytest.mark.parametrize("lam", [0.0, 1e-3, 0.1, 10])
@pytest.mark.parametrize("weighted", [False, True])
def test_mirror_with_given_lam(lam, weighted, rng):
    n = 60
    x = np.sort(rng.random(n) * 4 - 2)
    y, w = np.sin(3 * x) + rng.normal(0, 0.5, n), rng.uniform(0.3, 3, n) if weighted else None
    ours, theirs = make_smoothing_spline(x, y, w, lam), si.make_smoothing_spline(x, y, w, lam)
    assert type(ours) is type(theirs)
    assert_array_equal(ours.t, theirs.t)
    assert ours.k == 3 and ours.c.dtype == theirs.c.dtype and ours.c.shape == theirs.c.shape
    assert_allclose(ours.c, theirs.c, atol=1e-6 * np.abs(theirs.c).max())


@pytest.mark.parametrize("weighted", [False, True])
def test_mirror_finds_scipys_minimum_where_it_is_one(weighted, rng):
    for _ in range(4):
        n = 80
        x = np.sort(rng.random(n) * 20)
        y, w = np.sin(x) + rng.normal(0, 0.5, n), rng.uniform(0.3, 3, n) if weighted else None
        ours, theirs = make_smoothing_spline(x, y, w), si.make_smoothing_spline(x, y, w)
        assert_allclose(ours(x), theirs(x), atol=2e-3)


@pytest.mark.parametrize("n", [3000, 10_000])
def test_mirror_is_right_where_scipy_is_not(n):
    rng = np.random.default_rng(n)
    x = np.linspace(0, 1, n)
    truth = np.sin(20 * x)
    s = make_smoothing_spline(x, truth + 0.3 * rng.standard_normal(n))
    # The error of an unbiased fit of edf parameters is near noise * sqrt(edf / n), with edf below 40 here.
    assert np.sqrt(np.mean((s(x) - truth) ** 2)) < 0.3 * np.sqrt(40 / n) * 1.2


def test_scipy_is_still_wrong_at_3000():
    """If this fails, SciPy was repaired, and what the documentation says of it is out of date."""
    rng = np.random.default_rng(3000)
    x = np.linspace(0, 1, 3000)
    truth = np.sin(20 * x)
    s = si.make_smoothing_spline(x, truth + 0.3 * rng.standard_normal(3000))
    assert np.sqrt(np.mean((s(x) - truth) ** 2)) > 0.6


def test_mirror_does_not_depend_on_units(rng):
    n = 300
    x = np.sort(rng.random(n))
    y = np.sin(15 * x) + 0.2 * rng.standard_normal(n)
    w = rng.uniform(0.5, 2, n)
    base = make_smoothing_spline(x, y, w)(x)
    for sx, sy, sw in ((1e6, 1, 1), (1e-6, 1e200, 1), (1, 1e-250, 1), (1, 1, 1e40), (1e60, 1, 1e-40)):
        assert_allclose(make_smoothing_spline(x * sx, y * sy, w * sw)(x * sx) / sy, base, rtol=0, atol=1e-6)
    # Powers of two change no bit.
    assert_array_equal(make_smoothing_spline(x * 2.0**20, y * 2.0**-30, w * 4)(x * 2.0**20) * 2.0**30, base)


def test_mirror_columns_and_axis(rng):
    n = 40
    x = np.sort(rng.random(n))
    y = np.sin(9 * x)[:, None, None] + 0.2 * rng.standard_normal((n, 2, 3))
    s = make_smoothing_spline(x, y)
    assert s.c.shape == (n + 2, 2, 3)
    for i in range(2):
        for j in range(3):
            assert_allclose(s(x)[:, i, j], make_smoothing_spline(x, y[:, i, j])(x), atol=1e-12)
    moved = make_smoothing_spline(x, np.moveaxis(y, 0, 1), axis=1)
    assert_allclose(moved(x), np.moveaxis(s(x), 0, 1), atol=1e-12)
    assert_allclose(
        make_smoothing_spline(x, y, lam=1e-4)(x)[:, 1, 1], make_smoothing_spline(x, y[:, 1, 1], lam=1e-4)(x)
    )


def test_mirror_on_straight_lines_and_constants():
    x = np.linspace(0, 1, 50)
    for y in (np.zeros(50), np.ones(50), 3 - 2 * x, 1e8 + x):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert_allclose(make_smoothing_spline(x, y)(x), y, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize(
    ("x", "y", "kwargs"),
    [
        (np.arange(4.0), np.arange(4.0), {}),
        (np.arange(6.0)[::-1], np.arange(6.0), {}),
        (np.array([0, 1, 1, 2, 3, 4.0]), np.arange(6.0), {}),
        (np.arange(6.0), np.arange(5.0), {}),
        (np.arange(6.0), np.arange(6.0), {"w": np.array([1, 1, 0, 1, 1, 1.0])}),
        (np.arange(6.0), np.arange(6.0), {"lam": -1.0}),
        (np.arange(6.0), np.array([1, 2, np.nan, 2, 1, 3]), {}),
    ],
)
def test_mirror_raises_as_scipy_does(x, y, kwargs):
    with pytest.raises(Exception) as theirs:
        si.make_smoothing_spline(x, y, **kwargs)
    with pytest.raises(type(theirs.value)) as ours:
        make_smoothing_spline(x, y, **kwargs)
    assert str(ours.value) == str(theirs.value)


def test_mirror_hands_over_what_is_not_ours(caplog):
    x = np.linspace(0, 1, 30)
    with caplog.at_level(logging.INFO, logger="kriss.dispatch"):
        make_smoothing_spline(x, x**2)
        assert not caplog.records
        make_smoothing_spline(np.ma.array(x), x**2, lam=0.1)
        assert len(caplog.records) == 1
