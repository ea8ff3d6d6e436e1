"""linf_lstsq: every coefficient within its bound, error bars that mean what they say, and sketches that fail it."""

import math

import numpy as np
import pytest
import scipy.sparse as sps
from scipy.linalg import LinAlgError

from kriss.sketch import CountSketch, LinfResult, SparseSign, linf_lstsq


def coherent(n, m, rng):
    """[I; 0] with a residual that sits on one row: the notes' hard case for sparse sketches."""
    A = np.zeros((m, n))
    A[:n] = np.eye(n)
    b = A @ rng.standard_normal(n)
    b[m // 2] += 1.0
    return A, b


def exact(A, b):
    return np.linalg.lstsq(A, b, rcond=None)[0]


@pytest.mark.parametrize("kind", ["srht", "gaussian"])
@pytest.mark.parametrize("problem", ["random", "coherent", "graded"])
def test_every_coefficient_is_within_the_bound(rng, kind, problem):
    m, n = 2000, 12
    if problem == "coherent":
        A, b = coherent(n, m, rng)
    else:
        A = rng.standard_normal((m, n))
        if problem == "graded":
            A *= np.logspace(-3, 3, n)
        b = A @ rng.standard_normal(n) + rng.standard_normal(m)
    x = exact(A, b)
    sure = np.linalg.norm(b - A @ x) * np.linalg.norm(np.linalg.pinv(A), 2) / math.sqrt(n)
    failures = 0
    for seed in range(100):
        fit = linf_lstsq(A, b, kind=kind, delta=0.05, rng=seed)
        assert fit.sketch_size < m and fit.kind == kind
        failures += abs(fit.x - x).max() > sure
        # What the result says of the bound is the true one up to the distortion of the sketch, 1 + sqrt(n/d).
        edge = math.sqrt(n / fit.sketch_size) + 0.25
        assert sure / (1 + edge) < fit.bound < sure / (1 - edge)
    # Binomial with p <= 0.05: 14 or more of 100 have a probability of 4e-4. The bound is a union bound.
    assert failures <= 13


@pytest.mark.parametrize("kind", ["srht", "gaussian"])
@pytest.mark.parametrize("rows", ["random", "coherent"])
def test_error_bars_have_unit_z_scores(rng, kind, rows):
    # 12 tiles of the SRHT: within one, rows drawn without repetition make errors smaller by sqrt(1 - d / tile).
    m, n, d = 3000 if kind == "srht" else 1000, 10, 200
    if rows == "random":
        A = rng.standard_normal((m, n)) @ (np.eye(n) + np.triu(np.ones((n, n)), 1))
        b = rng.standard_normal(m)
    else:
        A, b = coherent(n, m, rng)
    x = exact(A, b)
    z = []
    for seed in range(200):
        fit = linf_lstsq(A, b, kind=kind, sketch_size=d, rng=seed)
        z.append((fit.x - x) / fit.coefficient_se)
    # 2000 figures, at least a tenth of them independent: sd of the rms is below 0.025.
    assert abs(math.sqrt(np.mean(np.square(z))) - 1) < 0.1
    assert np.max(np.abs(z)) < 6


def test_sparse_sketches_break_the_bound_that_dense_ones_keep(rng):
    """The table of Price, Song and Woodruff's lower bound in small: ratio to norm(r) norm(pinv) / sqrt(n), d = 12 n."""
    n = 64
    A, b = coherent(n, 800, rng)
    x = exact(A, b)
    unit = np.linalg.norm(b - A @ x) / math.sqrt(n)

    def ratios(sketched):
        found = []
        for seed in range(15):
            SA, Sb = sketched(seed)
            if np.linalg.matrix_rank(SA) < n:
                found.append(np.inf)
                continue
            found.append(abs(exact(SA, Sb) - x).max() / unit)
        return np.array(found)

    def with_operator(S):
        return S.apply(A), S.apply(b)

    dense = {
        kind: np.array(
            [abs(linf_lstsq(A, b, kind=kind, sketch_size=12 * n, rng=seed).x - x).max() / unit for seed in range(15)]
        )
        for kind in ("srht", "gaussian")
    }
    count = ratios(lambda seed: with_operator(CountSketch(12 * n, rng=seed)))
    sparse = ratios(lambda seed: with_operator(SparseSign(12 * n, 4, rng=seed)))
    for kind, found in dense.items():
        assert np.median(found) < 1.0 and found.max() < 2.0, kind
    # One nonzero in a column: singular in most draws, as a birthday among 64 rows in 768 places.
    assert np.isinf(count).mean() > 0.5
    assert np.median(sparse) > 1.5 * max(np.median(found) for found in dense.values())


def test_kronecker_products_are_never_formed(rng):
    A1, A2 = rng.standard_normal((60, 3)), rng.standard_normal((50, 4))
    A = np.kron(A1, A2)
    b = A @ rng.standard_normal(12) + rng.standard_normal(3000)
    x = exact(A, b)
    z = []
    for seed in range(100):
        fit = linf_lstsq((A1, A2), b, sketch_size=400, rng=seed)
        assert fit.kind == "tensor-srht" and fit.x.shape == (12,)
        z.append((fit.x - x) / fit.coefficient_se)
        assert abs(fit.residual_norm - np.linalg.norm(b - A @ fit.x)) < 1e-10
    assert abs(math.sqrt(np.mean(np.square(z))) - 1) < 0.15
    many = linf_lstsq((A1, A2), np.stack([b, 2 * b], axis=1), sketch_size=400, rng=0)
    assert np.allclose(many.x[:, 1], 2 * many.x[:, 0], rtol=1e-12)
    # m1 m2 = 2.5e9 rows would not fit: only the factors and their sketch exist.
    huge = np.broadcast_to(np.float64(1.0), (50_000, 1))
    assert linf_lstsq((A1, A2), b, epsilon=0.05, rng=0).kind == "none"
    with pytest.raises(ValueError, match=r"b has 1 rows, expected 2500000000 as kron\(A1, A2\) has"):
        linf_lstsq((huge, huge), [1.0])


def test_formats_workers_and_precision(rng):
    A = rng.standard_normal((3000, 7))
    A[rng.random(A.shape) < 0.5] = 0
    b = rng.standard_normal((3000, 2))
    base = linf_lstsq(A, b, rng=1, workers=1)
    assert isinstance(base, LinfResult)
    for other in (np.asfortranarray(A), sps.csr_array(A), sps.csc_array(A)):
        fit = linf_lstsq(other, b, rng=1, workers=2)
        assert np.array_equal(fit.x, base.x) and np.allclose(fit.residual_norm, base.residual_norm, rtol=1e-14)
    one = linf_lstsq(A, b[:, 0], rng=1)
    assert np.allclose(one.x, base.x[:, 0], rtol=1e-12) and isinstance(one.bound, float)
    single = linf_lstsq(A.astype(np.float32), b.astype(np.float32), rng=1)
    assert single.x.dtype == np.float64 and np.allclose(single.x, base.x, atol=1e-5)


def test_small_problems_are_solved_whole(rng):
    A, b = rng.standard_normal((30, 5)), rng.standard_normal(30)
    fit = linf_lstsq(A, b)
    assert fit.kind == "none" and fit.sketch_size == 30 and fit.bound == 0.0
    assert np.array_equal(fit.coefficient_se, np.zeros(5))
    assert np.allclose(fit.x, exact(A, b), rtol=1e-12)
    assert linf_lstsq(np.empty((3, 0)), [1.0, 2.0, 2.0]).residual_norm == 3.0
    assert linf_lstsq(np.ones((1, 1)), [2.0]).x.tolist() == [2.0]


@pytest.mark.parametrize("scale", [1e-150, 1e150])
def test_units_do_not_matter(rng, scale):
    A, b = rng.standard_normal((4000, 6)), rng.standard_normal(4000)
    base = linf_lstsq(A, b, rng=0)
    fit = linf_lstsq(A * scale, b, rng=0)
    assert np.allclose(fit.x * scale, base.x, rtol=1e-12)
    assert np.allclose(fit.coefficient_se * scale, base.coefficient_se, rtol=1e-12)
    fit = linf_lstsq(A, b * scale, rng=0)
    assert np.allclose(fit.x / scale, base.x, rtol=1e-12)


def test_size_follows_epsilon_and_delta(rng):
    A, b = rng.standard_normal((20_000, 8)), rng.standard_normal(20_000)
    sizes = [linf_lstsq(A, b, epsilon=e, delta=0.1, rng=0).sketch_size for e in (2.0, 1.0, 0.5)]
    assert sizes[0] < sizes[1] < sizes[2]
    given_size = linf_lstsq(A, b, sketch_size=sizes[1], delta=0.1, rng=0)
    assert 0.97 < given_size.epsilon <= 1.0


def test_bad_input(rng):
    A, b = rng.standard_normal((400, 4)), rng.standard_normal(400)
    twice, zero = A.copy(), A.copy()
    twice[:, 1] = twice[:, 2]
    zero[:, 3] = 0
    for bad in (np.nan, np.inf):
        for where in (0, 200, 399):
            c, C = b.copy(), A.copy()
            c[where] = C[where, 1] = bad
            with pytest.raises(ValueError, match=rf"b contains .* at index \({where},\)"):
                linf_lstsq(A, c)
            with pytest.raises(ValueError, match=rf"a contains .* at index \({where}, 1\)"):
                linf_lstsq(C, b)
    for exception, match, call in [
        (LinAlgError, "numerical rank 3", lambda: linf_lstsq(twice, b, rng=0)),
        (LinAlgError, "numerical rank 3", lambda: linf_lstsq(zero, b, rng=0)),
        (LinAlgError, "numerical rank 0", lambda: linf_lstsq(np.zeros((400, 2)), b, rng=0)),
        (ValueError, "b has 399 rows", lambda: linf_lstsq(A, b[1:])),
        (ValueError, "at least as many rows", lambda: linf_lstsq(A[:3], b[:3])),
        (ValueError, "epsilon", lambda: linf_lstsq(A, b, epsilon=0)),
        (ValueError, "delta", lambda: linf_lstsq(A, b, delta=1.0)),
        (ValueError, "sketch_size", lambda: linf_lstsq(A, b, sketch_size=5)),
        (ValueError, "kind", lambda: linf_lstsq(A, b, kind="countsketch")),
        (TypeError, "a has dtype", lambda: linf_lstsq(A * 1j, b)),
        (TypeError, "b has dtype", lambda: linf_lstsq(A, b * 1j)),
        (ValueError, "a has shape", lambda: linf_lstsq(A[0], b)),
        (ValueError, "workers", lambda: linf_lstsq(A, b, workers=0)),
    ]:
        with pytest.raises(exception, match=match):
            call()
