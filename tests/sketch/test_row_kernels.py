"""The passes behind scores, Lewis weights and regression: against products, in every layout, with the same bits."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from kriss import _backend
from kriss.sketch import _newton, _weights, huber_regression, leverage_scores, lewis_weights, logistic_regression
from kriss.sketch._losses import Huber, HuberScale, Logistic, Power

SHAPES = [(1, 1), (9, 3), (127, 8), (4500, 17), (130, 130)]


def kernel(name):
    return getattr(_backend.kernels("sketch_rows"), name)


def laid_out(A, order):
    if order == "strided":
        return np.repeat(A, 2, axis=1)[::-1, ::2]
    return np.asfortranarray(A) if order == "F" else A


def triangle(rng, n, dtype=float):
    wide = -(-n // 8) * 8
    P = np.zeros((wide, wide), dtype)
    P[:n, :n] = np.triu(rng.standard_normal((n, n))) + 3 * np.eye(n)
    return P


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("order", ["C", "F", "strided"])
def test_single_precision_scores(shape, order, rng):
    A, P = laid_out(rng.standard_normal(shape), order), triangle(rng, shape[1], np.float32)
    want = np.sum((A @ P[: shape[1], : shape[1]].astype(float)) ** 2, axis=1)
    results = []
    for workers in (1, 2, 4):
        squares = np.empty(len(A))
        kernel("single_scores")(A, P, squares, workers)
        results.append(squares)
    # |P| |P^-1| is below 1e3 here: half the bound n 2^-23 1e3 of the squares for the widest.
    assert_allclose(results[0], want, rtol=1e-2 if shape[1] > 100 else 1e-4)
    assert all(np.array_equal(results[0], other) for other in results[1:])


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("p", [1.0, 3.0])
def test_lewis_step(shape, p, rng):
    A, P = rng.standard_normal(shape), triangle(rng, shape[1])
    m, n = shape
    A[m // 2] = 0.0
    x = A @ P[:n, :n]
    start = rng.standard_normal(m)
    results = []
    for workers, order in ((1, "C"), (2, "C"), (4, "strided"), (4, "F")):
        logw, gram = (start[::-1] if order == "strided" else start).copy(), np.empty(P.shape)
        change = kernel("lewis_step")(laid_out(A, order), P, logw, gram, p, 0.75, workers)
        results.append((logw[::-1] if order == "strided" else logw, gram, change))
    with np.errstate(divide="ignore"):
        fresh = 0.5 * p * np.log(np.sum(x**2, axis=1))
    good = np.isfinite(fresh)
    assert not good[m // 2]
    logw, gram, change = results[0]
    assert_allclose(logw[good], 0.25 * start[good] + 0.75 * fresh[good], rtol=1e-12, atol=1e-12)
    assert np.all(logw[~good] == -np.inf)
    if good.any():
        assert change == pytest.approx(np.abs(fresh - start)[good].max(), rel=1e-12)
    scaled = x * np.exp((0.5 - 1 / p) * np.where(good, logw, -np.inf if p > 2 else 0.0))[:, None]
    assert_allclose(gram[:n, :n], scaled.T @ scaled, rtol=1e-10, atol=1e-12 * max(np.trace(gram), 1e-300))
    assert np.array_equal(results[1][0], logw) and np.array_equal(results[1][1], gram)
    for _, other, _ in results[2:]:
        assert_allclose(other, gram, rtol=1e-10, atol=1e-12 * max(np.trace(gram), 1e-300))


LOSSES = [Logistic(), Huber(0.7), HuberScale(1.35, 1e-8), Power(1.5, 2.0), Power(4.0, 0.5), Power(2.0, 1.0)]


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: f"{type(loss).__name__} {loss.parameters(0.8)}")
@pytest.mark.parametrize("shape", [(1, 1), (9, 3), (4500, 17)])
@pytest.mark.parametrize("weighted", [False, True])
def test_sums_of_a_loss(loss, shape, weighted, rng):
    m, n = shape
    A, x = rng.standard_normal(shape), rng.standard_normal(n)
    b = np.sign(rng.standard_normal(m)) if isinstance(loss, Logistic) else rng.standard_normal(m)
    w = rng.uniform(0, 2, m) if weighted else np.empty(0)
    wide = -(-n // 8) * 8
    padded = np.zeros(wide)
    padded[:n] = x
    results = []
    for workers, order in ((1, "C"), (2, "C"), (4, "C"), (2, "F")):
        t, u, d, cross = np.empty(m), np.empty(m), np.empty(m), np.empty(m if loss.scaled else 0)
        sums = np.empty((wide, wide)), np.empty(wide), np.empty(wide), np.empty(3)
        given = np.array(loss.parameters(0.8))
        A1 = laid_out(A, order)
        kernel("loss_pass")(A1, padded, b, w, loss.code, given, t, u, d, cross, *sums, workers)
        results.append((t, u, d, cross, *sums))
    for other in results[1:3]:
        assert all(np.array_equal(one, two) for one, two in zip(results[0], other, strict=True))
    for one, two in zip(results[0], results[3], strict=True):
        assert_allclose(one, two, rtol=1e-10, atol=1e-10)
    t, u, d, cross, gram, slope, mixed, scalars = results[0]
    assert_allclose(t, A @ x, rtol=1e-12, atol=1e-13)
    want = loss.terms(t, b, w if weighted else None, 0.8)
    assert_allclose(u, want.u, rtol=1e-12, atol=1e-14)
    assert_allclose(d, want.d, rtol=1e-12, atol=1e-14)
    assert scalars[0] == pytest.approx(want.value, rel=1e-12)
    assert_allclose(slope[:n], A.T @ want.u, rtol=1e-10, atol=1e-10)
    assert_allclose(gram[:n, :n], (A.T * want.d) @ A, rtol=1e-10, atol=1e-10)
    if loss.scaled:
        assert_allclose(cross, want.cross, rtol=1e-12, atol=1e-14)
        assert_allclose(mixed[:n], A.T @ want.cross, rtol=1e-10, atol=1e-10)
        assert_allclose(scalars[1:], [want.first, want.second], rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("place", [0, 200, 299])
@pytest.mark.parametrize("loss", LOSSES[:4], ids=lambda loss: type(loss).__name__)
def test_nan_reaches_the_sums(loss, place, rng):
    A, b = rng.standard_normal((300, 2)), np.ones(300)
    A[place, 1] = np.nan
    t, u, d, cross = np.empty(300), np.empty(300), np.empty(300), np.empty(300 if loss.scaled else 0)
    sums = np.empty((8, 8)), np.empty(8), np.empty(8), np.empty(3)
    none = np.empty(0)
    kernel("loss_pass")(
        A, np.array([1.0, 1] + [0.0] * 6), b, none, loss.code, np.array(loss.parameters(1.0)), t, u, d, cross, *sums, 1
    )
    assert np.isnan(sums[3][0]) and np.isnan(sums[1][0])


def test_far_margins_of_the_logistic_loss():
    t = np.array([0.0, 1e-300, 40.0, -40.0, 800.0, -800.0, 1e300, -1e300])
    out = [np.empty(8) for _ in range(3)]
    sums = np.empty((8, 8)), np.empty(8), np.empty(8), np.empty(3)
    none = np.empty(0)
    one = np.array([1.0] + [0.0] * 7)
    kernel("loss_pass")(t[:, None], one, np.ones(8), none, 0, np.zeros(3), *out, none, *sums, 1)
    want = Logistic().terms(t, np.ones(8), None, 0.0)
    assert_allclose(out[1], want.u, rtol=1e-15)
    assert_allclose(out[2], want.d, rtol=1e-14)
    assert sums[3][0] == pytest.approx(want.value, rel=1e-15)


def test_both_ways_of_summing_find_the_same(rng, monkeypatch):
    A = rng.standard_normal((30_000, 5))
    b = A @ np.arange(5.0) + rng.standard_t(2, 30_000)
    y = np.where(b > 1.0, 1.0, -1.0)
    fast = huber_regression(A, b, rng=0), logistic_regression(A, y, l2=1.0, rng=0), lewis_weights(A, 1.0, rng=0)
    monkeypatch.setattr(_newton, "WIDEST", 0)
    monkeypatch.setattr(_weights, "WIDEST", 0)
    slow = huber_regression(A, b, rng=0), logistic_regression(A, y, l2=1.0, rng=0), lewis_weights(A, 1.0, rng=0)
    for one, two in zip(fast[:2], slow[:2], strict=True):
        assert one.status == two.status == "optimal"
        assert_allclose(one.x, two.x, rtol=1e-7)
        assert one.objective == pytest.approx(two.objective, rel=1e-12)
    assert_allclose(fast[2], slow[2], rtol=3e-6)


def test_rows_beyond_single_precision_are_scored_too(rng):
    # Rows too large and too small for single precision, more of them than fit into its range together.
    A = rng.standard_normal((300_000, 4))
    A[1000] *= 1e-25
    A[1001] = 0.0
    tau = leverage_scores(A, rng=0)
    assert tau[1001] == 0.0
    exact = leverage_scores(A, method="exact")
    ratio = np.delete(tau, 1001) / np.delete(exact, 1001)
    assert ratio.min() > 0.8 and ratio.max() < 1.2
    A[1002] *= 1e60
    tau = leverage_scores(A, rng=0)
    assert tau[1002] == pytest.approx(1.0, abs=0.2)


@pytest.mark.parametrize("place", [0, 150_000, 299_999])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_bad_numbers_in_one_row_are_named(rng, place, bad):
    A = rng.standard_normal((300_000, 2))
    A[place, 1] = bad
    with pytest.raises(ValueError, match=f"a contains {bad}.* at index \\({place}, 1\\)"):
        leverage_scores(A, rng=0)


def test_rows_are_picked_where_the_running_sum_passes_marks(rng):
    weights = np.where(rng.random(5000) < 0.3, 0.0, rng.pareto(0.8, 5000))
    total = np.cumsum(weights)
    marks = np.sort(np.concatenate([[0.0, total[-1], 2 * total[-1]], rng.random(800) * total[-1], total[:50]]))
    rows = np.empty(len(marks), np.int64)
    kernel("pick_rows")(weights, marks, rows, 1)
    assert np.array_equal(rows, np.minimum(np.searchsorted(total, marks, side="right"), 4999))
