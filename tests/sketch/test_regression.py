"""Regression in other norms: against linear programs and general minimisers, its certificates, and bad input."""

import numpy as np
import pytest
import scipy.optimize as opt
import scipy.sparse as sps
from hypothesis import given, settings
from hypothesis import strategies as st

from kriss.sketch import huber_regression, logistic_regression, lp_regression, quantile_regression


def data(rng, m=2000, n=3, heavy=True):
    A = rng.standard_normal((m, n))
    if heavy:
        A *= np.exp(rng.standard_normal((m, 1)))
    return A, A @ rng.standard_normal(n) + rng.standard_t(2, m)


def pinball(A, b, x, tau, w=1.0):
    r = b - A @ x
    return float(np.sum(w * np.maximum(tau * r, (tau - 1) * r)))


def program(A, b, tau, w=None, l1=0.0):
    """The linear program of quantile regression, by HiGHS."""
    m, n = A.shape
    w = np.ones(m) if w is None else w
    cost = np.concatenate([np.full(2 * n, l1), w * tau, w * (1 - tau)])
    left = sps.hstack([sps.csr_array(A), sps.csr_array(-A), sps.eye_array(m), -sps.eye_array(m)], format="csc")
    done = opt.linprog(cost, A_eq=left, b_eq=b, method="highs")
    return done.fun


@pytest.mark.parametrize("tau", [0.02, 0.5, 0.9])
@pytest.mark.parametrize("size", [None, 200, 2000])
def test_quantiles_are_the_linear_programs(rng, tau, size):
    A, b = data(rng)
    fit = quantile_regression(A, b, tau, coreset_size=size, rng=0)
    assert fit.status == "optimal" and 0 <= fit.gap <= 1e-9 * fit.objective
    assert fit.objective == pytest.approx(pinball(A, b, fit.x, tau), rel=1e-12)
    assert fit.objective == pytest.approx(program(A, b, tau), rel=1e-9)
    # Between them, the rows below and on the fit hold the quantile.
    r = b - A @ fit.x
    assert np.count_nonzero(np.abs(r) < 1e-10) >= 3
    if size == 200:
        assert fit.coreset_size < 400 and fit.band_size < 2000
        assert fit.coreset_objective > fit.objective


def test_weights_and_penalty_of_quantiles(rng):
    A, b = data(rng, m=600)
    w = rng.integers(0, 4, 600).astype(float)
    fit = quantile_regression(A, b, 0.3, sample_weight=w, rng=0)
    assert fit.objective == pytest.approx(program(A, b, 0.3, w), rel=1e-9)
    index = np.repeat(np.arange(600), w.astype(int))
    again = quantile_regression(A[index], b[index], 0.3, rng=1)
    assert np.allclose(fit.x, again.x, rtol=1e-9)
    for l1 in (1.0, 200.0, 1e5):
        fit = quantile_regression(A, b, 0.3, l1=l1, rng=0, sample_weight=w)
        assert fit.status == "optimal"
        assert fit.objective == pytest.approx(program(A, b, 0.3, w, l1), rel=1e-8)
    assert np.abs(fit.x).max() < 1e-9


def test_a_unique_solution_does_not_depend_on_the_seed(rng):
    A, b = data(rng, m=20000, n=4)
    fits = [quantile_regression(A, b, 0.25, rng=seed) for seed in range(3)]
    assert all(np.allclose(fit.x, fits[0].x, rtol=1e-10, atol=1e-12) for fit in fits)
    assert len({fit.coreset_size for fit in fits}) > 1
    same = quantile_regression(A, b, 0.25, rng=0, workers=2)
    assert np.array_equal(same.x, fits[0].x)


def test_ties_and_duplicate_rows(rng):
    A = rng.integers(0, 3, (3000, 3)).astype(float)
    b = rng.integers(-2, 3, 3000).astype(float)
    for size in (None, 150):
        fit = quantile_regression(A, b, 0.5, coreset_size=size, rng=0)
        assert fit.status == "optimal"
        assert fit.objective == pytest.approx(program(A, b, 0.5), rel=1e-9)
    exact = quantile_regression(A, A @ [1.0, 2.0, 3.0], 0.5, rng=0)
    assert exact.objective < 1e-10 and np.allclose(exact.x, [1, 2, 3], atol=1e-12)


@pytest.mark.parametrize("p", [1.02, 1.3, 1.9, 2.0, 2.5, 6.0, 40.0])
@pytest.mark.parametrize("size", [100, 2000])
def test_p_norms_are_minimal_by_their_dual(rng, p, size):
    A, b = data(rng)
    w = rng.uniform(0, 2, len(b))
    fit = lp_regression(A, b, p, sample_weight=w, coreset_size=size, rng=0)
    assert fit.status == "optimal" and 0 <= fit.gap <= 1e-9 * fit.objective

    def norm(x):
        r = np.abs(b - A @ x)
        return r.max() * np.sum(w * (r / r.max()) ** p) ** (1 / p)

    assert fit.objective == pytest.approx(norm(fit.x), rel=1e-11)
    # An independent lower bound: Hölder's inequality for a vector that is orthogonal to A's columns.
    r = b - A @ fit.x
    u = w * np.sign(r) * (np.abs(r) / np.abs(r).max()) ** (p - 1)
    u -= A @ np.linalg.lstsq(A, u, rcond=None)[0]
    q = p / (p - 1)
    scaled = np.abs(u) * w ** (-1 / p)
    bound = (b @ u) / (scaled.max() * np.sum((scaled / scaled.max()) ** q) ** (1 / q))
    if p > 1.2:  # q is small enough for a bound that is worked out so plainly
        assert bound >= fit.objective * (1 - 1e-7)
    for _ in range(20):
        assert norm(fit.x + 1e-3 * rng.standard_normal(3)) >= fit.objective * (1 - 1e-9)


def test_the_largest_residual(rng):
    A, b = data(rng)
    fit = lp_regression(A, b, np.inf, rng=0)
    one = np.ones((len(b), 1))
    left = np.block([[A, -one], [-A, -one]])
    done = opt.linprog([0, 0, 0, 1], left, np.concatenate([b, -b]), bounds=[(None, None)] * 4, method="highs")
    assert fit.status == "optimal" and fit.gap <= 1e-9 * fit.objective
    assert fit.objective == pytest.approx(done.fun, rel=1e-8) == pytest.approx(np.abs(b - A @ fit.x).max(), rel=1e-8)


def test_a_residual_of_zero_at_p_2(rng):
    A, b = rng.standard_normal((3000, 4)), rng.standard_normal(3000)
    A[7], b[7] = 0.0, 0.0
    fit = lp_regression(A, b, 2.0, rng=0)
    assert fit.status == "optimal"
    assert np.allclose(fit.x, np.linalg.lstsq(A, b, rcond=None)[0], rtol=0, atol=1e-9)


def huber_sum(r, w, c):
    u = np.clip(r, -c, c)
    return float(np.sum(w * u * (r - u / 2)))


@pytest.mark.parametrize("size", [100, 2000])
@pytest.mark.parametrize("l2", [0.0, 30.0])
def test_huber_with_a_given_scale(rng, size, l2):
    A, b = data(rng)
    w = rng.uniform(0, 2, len(b))
    fit = huber_regression(A, b, 1.2, scale=0.7, l2=l2, sample_weight=w, coreset_size=size, rng=0)
    c = 1.2 * 0.7
    assert fit.status == "optimal" and fit.scale == 0.7 and 0 <= fit.gap <= 1e-9 * fit.objective
    assert fit.objective == pytest.approx(huber_sum(b - A @ fit.x, w, c) + l2 / 2 * fit.x @ fit.x, rel=1e-12)
    gradient = A.T @ (w * np.clip(b - A @ fit.x, -c, c)) - l2 * fit.x
    assert np.abs(gradient).max() < 1e-9 * np.abs(A.T @ w).max() * c


@pytest.mark.parametrize("size", [100, 2000])
@pytest.mark.parametrize("l2", [0.0, 30.0])
def test_huber_with_its_scale(rng, size, l2):
    A, b = data(rng)
    fit = huber_regression(A, b, 1.5, l2=l2, coreset_size=size, rng=0)
    assert fit.status == "optimal" and 0 <= fit.gap <= 1e-9 * fit.objective

    def value(y):
        v = (b - A @ y[:3]) / y[3]
        h = np.where(np.abs(v) < 1.5, v**2, 3 * np.abs(v) - 2.25)
        return float(np.sum(y[3] * (1 + h))) + l2 / 2 * y[:3] @ y[:3]

    best = np.append(fit.x, fit.scale)
    assert fit.objective == pytest.approx(value(best), rel=1e-12)
    step = 1e-5
    slopes = [(value(best + step * e) - value(best - step * e)) / (2 * step) for e in np.eye(4)]
    assert np.abs(slopes).max() < 1e-5 * fit.objective


@pytest.mark.parametrize("size", [100, 2000])
@pytest.mark.parametrize("l2", [0.0, 3.0])
@pytest.mark.parametrize("zero", [0.0, -1.0])
def test_logistic_regression(rng, size, l2, zero):
    A, _ = data(rng)
    b = np.where(rng.logistic(size=len(A)) < A @ [1.0, -1.0, 0.3], 1.0, zero)
    w = rng.uniform(0, 2, len(b))
    fit = logistic_regression(A, b, l2=l2, sample_weight=w, coreset_size=size, rng=0)
    y = np.where(b > 0, 1.0, -1.0)
    assert fit.status == "optimal" and 0 <= fit.gap <= 1e-9 * fit.objective
    value = np.sum(w * np.logaddexp(0, -y * (A @ fit.x))) + l2 / 2 * fit.x @ fit.x
    assert fit.objective == pytest.approx(value, rel=1e-12)
    gradient = A.T @ (w * y / (1 + np.exp(y * (A @ fit.x)))) - l2 * fit.x
    assert np.abs(gradient).max() < 1e-9 * len(b)


def test_classes_that_can_be_separated(rng):
    A = rng.standard_normal((3000, 3))
    fit = logistic_regression(A, np.sign(A @ [1.0, 2.0, -1.0]), rng=0)
    assert fit.status == "separable" and np.all(np.isfinite(fit.x))
    assert logistic_regression(A, np.sign(A @ [1.0, 2.0, -1.0]), l2=0.1, rng=0).status == "optimal"
    # Not quite: one column tells some rows apart and says nothing about the others.
    A[:, 2] = 0.0
    A[:200, 2] = 1.0
    b = np.where(rng.random(3000) < 0.5, 1.0, -1.0)
    b[:200] = 1.0
    assert logistic_regression(A, b, rng=0).status == "separable"
    b[0] = -1.0
    assert logistic_regression(A, b, rng=0).status == "optimal"
    assert logistic_regression(A, np.ones(3000), l2=1.0, rng=0).status == "optimal"


def test_an_early_stop_is_certified_too(rng):
    A, b = data(rng)
    y = np.where(b > 0, 1.0, -1.0)
    for call in (
        lambda **k: lp_regression(A, b, 1.5, **k),
        lambda **k: lp_regression(A, b, 8.0, **k),
        lambda **k: lp_regression(A, b, np.inf, **k),
        lambda **k: quantile_regression(A, b, 0.7, coreset_size=60, tol=1e-14, **k),
        lambda **k: huber_regression(A, b, coreset_size=60, **k),
        lambda **k: logistic_regression(A, y, coreset_size=60, **k),
    ):
        best, early = call(rng=0, maxiter=100), call(rng=0, maxiter=1)
        assert early.objective - early.gap <= best.objective * (1 + 1e-12) <= early.objective * (1 + 1e-9)


def sources(A, tmp_path):
    stored = np.lib.format.open_memmap(tmp_path / "a.npy", "w+", np.float64, A.shape)
    stored[:] = A
    wide = np.zeros((2 * len(A), 2 * A.shape[1]))
    wide[::-2, ::2] = A

    class Lazy:
        shape, dtype = A.shape, A.dtype

        def __getitem__(self, rows):
            assert isinstance(rows, slice)
            return A[rows]

    return {
        "memmap": stored, "csr": sps.csr_array(A), "csc": sps.csc_matrix(A), "fortran": np.asfortranarray(A),
        "strided": wide[::-2, ::2], "swapped": A.astype(">f8"), "lazy": Lazy(), "list": A.tolist(),
    }  # fmt: skip


def test_every_kind_of_matrix(rng, tmp_path):
    A, b = data(rng, m=1500)
    A[np.abs(A) < 0.3] = 0.0
    before = A.copy()
    expected = [quantile_regression(A, b, 0.4, coreset_size=150, rng=0), huber_regression(A, b, rng=0)]
    for name, given_ in sources(A, tmp_path).items():
        fits = [quantile_regression(given_, b, 0.4, coreset_size=150, rng=0), huber_regression(given_, b, rng=0)]
        for fit, ref in zip(fits, expected, strict=True):
            assert np.allclose(fit.x, ref.x, rtol=1e-9, atol=1e-12), name
    assert np.array_equal(A, before)
    single = quantile_regression(A.astype(np.float32), b.astype(np.float32), 0.4, rng=0)
    assert single.x.dtype == np.float64 and np.allclose(single.x, expected[0].x, atol=1e-2)


@pytest.mark.parametrize("scale", [1e-290, 1e-200, 1e200, 1e290])
def test_units_do_not_matter(rng, scale):
    A, b = data(rng, m=800)
    for call in (
        lambda A, b: quantile_regression(A, b, 0.4, rng=0),
        lambda A, b: lp_regression(A, b, 1.5, rng=0),
        lambda A, b: huber_regression(A, b, rng=0),
    ):
        plain = call(A, b)
        columns = np.array([1.0, scale, 1.0])
        fit = call(A * columns, b)
        assert fit.status == "optimal" and np.allclose(fit.x * columns, plain.x, rtol=1e-8)
        fit = call(A, b * scale)
        assert fit.status == "optimal" and np.allclose(fit.x, plain.x * scale, rtol=1e-8, atol=0)
        assert fit.objective == pytest.approx(plain.objective * scale, rel=1e-9)
    y = np.where(b > 0, 1.0, -1.0)
    plain, fit = logistic_regression(A, y, rng=0), logistic_regression(A * scale, y, rng=0)
    assert np.allclose(fit.x * scale, plain.x, rtol=1e-8)


def test_missing_rank_gives_the_shortest_solution(rng):
    A, b = data(rng, m=1000)
    wide = np.column_stack([A, A[:, 0] + A[:, 1], np.zeros(1000), np.full(1000, 5e-324)])
    for call in (
        lambda A: quantile_regression(A, b, 0.4, rng=0),
        lambda A: lp_regression(A, b, 3.0, rng=0),
        lambda A: lp_regression(A, b, np.inf, rng=0),
        lambda A: huber_regression(A, b, rng=0),
    ):
        fit, plain = call(wide), call(A)
        assert fit.rank == 3 and fit.status == "optimal"
        assert fit.objective == pytest.approx(plain.objective, rel=1e-8)
        assert fit.x[0] + fit.x[1] == pytest.approx(fit.x[3], rel=1e-6) and not fit.x[4:].any()
    few = quantile_regression(A[:2], b[:2], 0.4, rng=0)
    assert few.rank == 2 and np.allclose(A[:2] @ few.x, b[:2])
    assert lp_regression(np.zeros((5, 2)), np.ones(5), 1.5).objective == pytest.approx(5 ** (1 / 1.5))
    assert lp_regression(np.zeros((5, 2)), np.ones(5), np.inf).objective == 1.0


def test_outliers_do_not_move_a_median(rng):
    A, b = data(rng, m=5000)
    ref = quantile_regression(A, b, 0.5, rng=0).x
    b[::100] += 1e12
    fit = quantile_regression(A, b, 0.5, rng=0, tol=1e-13)
    assert fit.status == "optimal" and np.abs(fit.x - ref).max() < 0.1
    assert np.allclose(huber_regression(A, b, scale=1.0, rng=0, tol=1e-14).x, ref, atol=0.2)


BAD = [
    ({"a": [[1.0, np.nan]] * 4}, "a contains nan at index \\(0, 1\\)"),
    ({"b": [1.0, 2.0, 3.0, np.inf]}, "b contains inf at index"),
    ({"b": np.ones(3)}, "b has 3 entries, expected 4"),
    ({"a": np.ones(4)}, "a has shape \\(4,\\), expected a 2-D array"),
    ({"a": np.empty((0, 2)), "b": []}, "a has no rows"),
    ({"sample_weight": [1, 1, 1, -1.0]}, "sample_weight contains -1.0 at index 3"),
    ({"sample_weight": np.zeros(4)}, "sample_weight is zero for every row"),
    ({"sample_weight": np.ones(3)}, "sample_weight has shape"),
    ({"coreset_size": 5}, "coreset_size must be at most 4, not 5"),
    ({"coreset_size": 1}, "coreset_size must be at least 2, not 1"),
    ({"tol": 0.0}, "tol must be above 0.0, not 0.0"),
    ({"maxiter": 0}, "maxiter must be at least 1, not 0"),
]


@pytest.mark.parametrize(("change", "message"), BAD)
def test_bad_arguments_are_named(change, message):
    good = {"a": np.arange(8.0).reshape(4, 2) ** 2, "b": np.array([1.0, 2.0, 3.0, 5.0])}
    for call in (lp_regression, quantile_regression, huber_regression):
        with pytest.raises(ValueError, match=message):
            call(**{**good, **change})


def test_bad_parameters_are_named():
    A, b = np.ones((4, 1)), np.ones(4)
    for p in (0.5, 101.0, np.nan, -np.inf):
        with pytest.raises(ValueError, match="p must be"):
            lp_regression(A, b, p)
    for tau in (0.0, 1.0, np.nan):
        with pytest.raises(ValueError, match="quantile must be"):
            quantile_regression(A, b, tau)
    with pytest.raises(ValueError, match="delta must be above 1"):
        huber_regression(A, b, 1.0)
    with pytest.raises(ValueError, match="scale must be above 0"):
        huber_regression(A, b, scale=0.0)
    with pytest.raises(ValueError, match=r"b contains 2\.0, expected -1 and 1"):
        logistic_regression(A, 2 * b)
    for wrong in (np.ones((4, 1), complex), np.array([["x"]] * 4), np.ones((4, 1), object)):
        with pytest.raises(TypeError, match="a has dtype"):
            lp_regression(wrong, b)
    with pytest.raises(TypeError, match="p must be a real number"):
        lp_regression(A, b, "1")


@pytest.mark.parametrize("place", [0, 700, 1499])
def test_nan_is_found_wherever_it_is(rng, place):
    A, b = data(rng, m=1500)
    A[place, 1] = np.nan
    for given_ in (A, sps.csr_array(A)):
        with pytest.raises(ValueError, match=f"a contains nan at index \\({place}, 1\\)"):
            quantile_regression(given_, b)


@settings(max_examples=25)
@given(st.integers(0, 2**32), st.integers(1, 60), st.integers(1, 5), st.floats(0.05, 0.95))
def test_quantiles_of_small_integers(seed, m, n, tau):
    gen = np.random.default_rng(seed)
    A, b = gen.integers(-2, 3, (m, n)).astype(float), gen.integers(-3, 4, m).astype(float)
    fit = quantile_regression(A, b, tau, rng=0)
    best = program(A, b, tau)
    assert fit.status == "optimal"
    assert fit.objective == pytest.approx(best, rel=1e-8, abs=1e-10)
