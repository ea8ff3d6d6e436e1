"""Lewis weights, sensitivities, root leverage and leverage of rows in blocks, against their definitions."""

import numpy as np
import pytest
import scipy.optimize as spo
import scipy.sparse as sps
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from kriss import _backend
from kriss.sketch import leverage_scores, lewis_weights, lp_sensitivities, root_leverage


def leverage(A, rank=None):
    u, s, _ = np.linalg.svd(A / np.abs(A).max(), full_matrices=False)
    return np.sum(u[:, s > 1e-12 * s[0]][:, :rank] ** 2, axis=1)


def blocks(A, size):
    return lambda: (A[i : i + size] for i in range(0, A.shape[0], size))


class Sliceable:
    """Rows of a file, as h5py gives them."""

    def __init__(self, A):
        self.A, self.shape, self.dtype = A, A.shape, A.dtype

    def __getitem__(self, key):
        return self.A[key].copy()


def as_kind(A, kind, tmp_path):
    if kind == "memmap":
        np.save(tmp_path / "a.npy", A)
        return np.load(tmp_path / "a.npy", mmap_mode="r")
    return {
        "dense": lambda: A,
        "fortran": lambda: np.asfortranarray(A),
        "float32": lambda: A.astype(np.float32),
        "csr": lambda: sps.csr_array(A),
        "callable": lambda: blocks(A, 700),
        "sparse blocks": lambda: blocks(sps.csr_array(A), 700),
        "file": lambda: Sliceable(A),
        "list": lambda: A.tolist(),
    }[kind]()


KINDS = ("dense", "fortran", "float32", "csr", "callable", "sparse blocks", "file", "memmap", "list")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("m", [40, 3000])
def test_every_kind_of_rows(kind, m, rng, tmp_path):
    A = rng.standard_normal((m, 4)).astype(np.float32).astype(float)
    A[::7] = 0.0
    A[5] = 40.0
    given_as = as_kind(A, kind, tmp_path)
    exact = leverage(A)
    assert_allclose(root_leverage(given_as, 1.5, rng=0), exact**0.75, rtol=1e-9, atol=1e-12)
    assert_allclose(lewis_weights(given_as, 1.0, rng=0), lewis_weights(A, 1.0), rtol=1e-5)
    assert_allclose(lp_sensitivities(given_as, 2.0, rng=0), exact, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("kind", ["csr", "callable", "file", "memmap"])
def test_leverage_of_rows_that_are_read(kind, rng, tmp_path):
    A = rng.standard_normal((4000, 4))
    given_as = as_kind(A, kind, tmp_path)
    assert_allclose(leverage_scores(given_as, method="exact"), leverage(A), rtol=1e-11)
    ratio = leverage_scores(given_as, rng=0) / leverage(A)
    assert ratio.min() > 0.8 and ratio.max() < 1.2


@pytest.mark.parametrize("shape", [(1, 1), (9, 1), (127, 8), (4500, 17), (130, 130)])
@pytest.mark.parametrize("order", ["C", "F", "strided"])
def test_kernel_against_a_product(shape, order, rng):
    m, n = shape
    A = rng.standard_normal(shape)
    A = np.asfortranarray(A) if order == "F" else np.repeat(A, 2, axis=1)[::-1, ::2] if order == "strided" else A
    wide = -(-n // 8) * 8
    P = np.zeros((wide, wide))
    P[:n, :n] = np.triu(rng.standard_normal((n, n)))
    want = A @ P[:n, :n]
    run = _backend.kernels("sketch_scores").score_rows
    results = []
    for workers in (1, 2, 4):
        squares, gram, alone = np.empty(m), np.empty((wide, wide)), np.empty(m)
        run(A, P, squares, gram, workers)
        run(A, P, alone, np.empty((0, 0)), workers)
        assert np.array_equal(squares, alone)
        results.append((squares, gram))
    assert_allclose(squares, np.sum(want**2, axis=1), rtol=1e-12)
    assert_allclose(gram[:n, :n], want.T @ want, rtol=1e-11, atol=1e-11 * np.trace(gram))
    assert not gram[n:].any() and not gram[:, n:].any()
    assert all(np.array_equal(results[0][k], other[k]) for other in results[1:] for k in (0, 1))


def test_rows_that_a_uniform_sample_misses_are_found(rng):
    # Five directions that only a few rows out of 200000 have, too few for the sample that is tried first.
    A = rng.standard_normal((200_000, 6))
    A[:, 3:] *= 1e-9
    A[[7, 70_000, 199_999], 3:] = np.eye(3)
    score = leverage_scores(A, rng=0)
    assert score[[7, 70_000, 199_999]] == pytest.approx(1.0, abs=0.2)
    assert leverage_scores(A, method="exact")[[7, 70_000, 199_999]] == pytest.approx(1.0, rel=1e-6)
    # And where it is right, its scores are right.
    B = rng.standard_normal((200_000, 3)) @ rng.standard_normal((3, 3))
    ratio = leverage_scores(B, rng=0) / leverage(B)
    assert ratio.min() > 0.8 and ratio.max() < 1.2
    assert_allclose(leverage_scores(B, method="exact"), leverage(B), rtol=1e-9)


def test_exact_and_sketch_do_not_depend_on_workers(rng):
    A = rng.standard_normal((100_000, 5))
    for method in ("exact", "sketch"):
        one = leverage_scores(A, method=method, rng=3, workers=1)
        assert np.array_equal(one, leverage_scores(A, method=method, rng=3, workers=4))
        assert np.array_equal(one, leverage_scores(A, method=method, rng=3, workers=1))


@pytest.mark.parametrize("method", ["exact", "sketch"])
@pytest.mark.parametrize("shape", [(60, 200), (500, 40), (3000, 1500)])
def test_fixed_rank(method, shape, rng):
    m, n = shape
    values = 0.5 ** np.arange(8)
    u = np.linalg.qr(rng.standard_normal((m, 8)))[0]
    v = np.linalg.qr(rng.standard_normal((n, 8)))[0]
    A = (u * values) @ v.T
    if m * n < 1 << 22:
        score = leverage_scores(A, method=method, rank=5, rng=0)
        assert_allclose(score, np.sum(u[:, :5] ** 2, axis=1), rtol=1e-8, atol=1e-12)
        for p in (1.0, 3.0):
            assert_allclose(lewis_weights(A, p, rank=5, rng=0), lewis_weights(u[:, :5], p), rtol=1e-5)
            assert_allclose(lp_sensitivities(A, p, rank=5), lp_sensitivities(u[:, :5], p), rtol=1e-5)
        with pytest.raises(ValueError, match="rank is 9, above the rank 8 of a"):
            leverage_scores(A, method=method, rank=9)
    else:
        # Large: as products only, and the sparse form at that.
        for given_as in (A, blocks(A, 1000)):
            score = leverage_scores(given_as, method=method, rank=5, rng=0)
            assert_allclose(score, np.sum(u[:, :5] ** 2, axis=1), rtol=1e-6, atol=1e-9)
    with pytest.raises(ValueError, match="rank"):
        leverage_scores(A, rank=min(m, n) + 1)


@pytest.mark.parametrize("p", [1.0, 1.3, 2.0, 3.0, 3.9, 4.0, 6.0, 10.0])
def test_lewis_weights_are_a_fixed_point(p, rng):
    A = rng.standard_normal((800, 5)) * np.geomspace(1, 1e6, 5)
    A[::3] *= rng.pareto(0.6, (267, 1))
    w = lewis_weights(A, p, tol=1e-10)
    good = w > 0
    weighted = A[good] * (w[good] ** (0.5 - 1 / p))[:, None]
    assert_allclose(leverage(weighted / np.abs(weighted).max(axis=0)), w[good], rtol=1e-8, atol=1e-16)
    assert w.sum() == pytest.approx(5, rel=1e-9)


def test_lewis_weights_take_few_passes(rng):
    # |p - 2| / (p + 2) per pass at worst; far less where all modes but the scale of w are fast, as in the first matrix.
    alike = rng.standard_normal((2000, 6))
    apart = np.zeros((3000, 6))
    for i, part in enumerate((rng.standard_normal((1000, 2)), rng.standard_cauchy((1000, 2)))):
        apart[1000 * i : 1000 * i + 1000, 2 * i : 2 * i + 2] = part
    apart[2000:, 4:] = rng.pareto(0.5, (1000, 1)) * rng.standard_normal((1000, 2))
    for A, limits in ((alike, (7, 8, 30)), (apart, (20, 20, 45))):
        for p, passes in zip((1.0, 3.0, 8.0), limits, strict=True):
            lewis_weights(A, p, tol=1e-6, maxiter=passes)
            with pytest.raises(RuntimeError, match=r"iteration 2, expected at most tol"):
                lewis_weights(A, p, tol=1e-6, maxiter=2)


@given(st.integers(0, 2**32 - 1), st.sampled_from([1.0, 1.5, 2.0, 3.0, 5.0]), st.integers(-300, 290))
@settings(max_examples=15, deadline=None)
def test_lewis_weights_scale_and_repeat(seed, p, exponent):
    rng = np.random.default_rng(seed)
    A = rng.standard_cauchy((60, 3))
    w = lewis_weights(A, p, tol=1e-9)
    assert_allclose(lewis_weights(A * 2.0 ** (3 * exponent), p, tol=1e-9), w, rtol=1e-6)
    # A row that is there twice, each with its share: |a/2^(1/p)|^p twice is |a|^p.
    B = np.vstack([A, A[:1]])
    B[[0, -1]] /= 2 ** (1 / p)
    split = lewis_weights(B, p, tol=1e-9)
    assert_allclose(split[0] + split[-1], w[0], rtol=1e-6)


def by_optimiser(A, p, i):
    """max |a_i x|^p / |A x|_p^p over starting points of a general minimiser."""
    best = 0.0
    basis = np.linalg.qr(A)[0]
    for start in np.vstack([basis[i], np.random.default_rng(i).standard_normal((2, A.shape[1]))]):
        found = spo.minimize(
            lambda x: -(p * np.log(abs(basis[i] @ x) + 1e-300) - np.log(np.sum(np.abs(basis @ x) ** p))),
            start,
            method="Nelder-Mead",
            options={"xatol": 1e-10, "fatol": 1e-13, "maxiter": 1000},
        )
        best = max(best, float(np.exp(-found.fun)))
    return best


@pytest.mark.parametrize("p", [1.0, 1.2, 1.7, 3.0, 7.0])
def test_sensitivities_against_an_optimiser(p, rng):
    A = rng.standard_normal((25, 2))
    A[0] *= 20
    A[9] = 0.0
    exact = lp_sensitivities(A, p, method="exact")
    for i in (0, 3, 17):
        assert exact[i] == pytest.approx(by_optimiser(A, p, i), rel=1e-6)
    assert exact[9] == 0.0
    bound = lp_sensitivities(A, p)
    assert np.all(exact <= bound * (1 + 1e-9)) and bound.max() <= 1.0
    total = 2.0 if p <= 2 else 2 ** (p / 2)
    assert bound.sum() <= total * (1 + 1e-3)


def test_sensitivity_of_a_square_matrix_is_one(rng):
    A = rng.standard_normal((4, 4))
    for p in (1.0, 1.5, 4.0):
        assert_allclose(lp_sensitivities(A, p, method="exact"), 1.0, rtol=1e-7)
        assert_allclose(lewis_weights(A, p), 1.0, rtol=1e-5)


@pytest.mark.parametrize("name", ["root_leverage", "lewis_weights", "lp_sensitivities"])
def test_bad_input(name, rng):
    run = {"root_leverage": root_leverage, "lewis_weights": lewis_weights, "lp_sensitivities": lp_sensitivities}[name]
    A = rng.standard_normal((3000, 3))
    for p in (0.5, 0, -1, np.nan, np.inf):
        with pytest.raises(ValueError, match=r"p must be"):
            run(A, p)
    with pytest.raises(TypeError, match="p must be"):
        run(A, "1")
    for place in (0, 1500, 2999):
        for bad in (np.nan, np.inf, -np.inf):
            B = A.copy()
            B[place, 1] = bad
            with pytest.raises(ValueError, match=rf"A contains -?(nan|inf) at index \({place}, 1\)"):
                run(B, 1.0)
            with pytest.raises(ValueError, match=r"A\.data contains"):
                run(sps.csr_array(B), 1.0)
            with pytest.raises(ValueError, match=rf"A contains -?(nan|inf) at index \({place}, 1\)"):
                run(blocks(B, 999), 1.0)
    with pytest.raises(TypeError, match="A has dtype complex128"):
        run(A * 1j, 1.0)
    with pytest.raises(ValueError, match="2-D"):
        run(A[0], 1.0)
    with pytest.raises(ValueError, match="A gave blocks of 3 and of 2 columns"):
        run(lambda: [A, A[:, :2]], 1.0)
    with pytest.raises(ValueError, match="A gave no blocks"):
        run(lambda: [], 1.0)
    with pytest.raises(TypeError, match="A returned ndarray"):
        run(lambda: A, 1.0)
    calls = []
    with pytest.raises(ValueError, match="A gave other rows than before"):
        run(lambda: calls.append(0) or [A[: 3000 - len(calls)]], 1.0)
    if name != "root_leverage":
        with pytest.raises(ValueError, match=r"A has shape \(0, 3\)"):
            run(A[:0], 1.0)
        with pytest.raises(ValueError, match="A is zero"):
            run(np.zeros((5, 2)), 1.0)
    before = A.copy()
    run(A, 1.5)
    assert np.array_equal(A, before)


def test_rank_deficient(rng):
    A = rng.standard_normal((4000, 3))
    B = np.hstack([A, A @ rng.standard_normal((3, 2)), np.zeros((4000, 1))])
    for p in (1.0, 4.0):
        assert_allclose(lewis_weights(B, p), lewis_weights(A, p), rtol=1e-4)
    assert_allclose(root_leverage(B, 1.0), root_leverage(A, 1.0), rtol=1e-8)
