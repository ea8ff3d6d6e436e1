"""SRHT, Gaussian, CountSketch: entry by entry what they are, and the same whatever A looks like."""

import itertools
import math

import numpy as np
import pytest
import scipy.sparse as sps
from hypothesis import given
from hypothesis import strategies as st

from kriss.sketch import SRHT, CountSketch, Gaussian, SparseSign, sketch

KINDS = {
    "srht": lambda d, rng: SRHT(d, tile=64, rng=rng),
    "srht-wide": lambda d, rng: SRHT(d, tile=1024, rng=rng),
    "gaussian": lambda d, rng: Gaussian(d, rng=rng),
    "countsketch": lambda d, rng: CountSketch(d, rng=rng),
    "sparse-sign": lambda d, rng: SparseSign(d, 4, rng=rng),
}
SHAPES = [(0, 3), (1, 1), (2, 5), (3, 8), (64, 16), (65, 17), (700, 10)]


def full(S, m, offset=0):
    T = S.matrix(m, offset)
    return T.toarray() if sps.issparse(T) else T


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", KINDS)
def test_apply_is_the_product_with_the_matrix(rng, kind, shape, dtype):
    A = rng.standard_normal(shape).astype(dtype)
    S = KINDS[kind](40, 3)
    for offset in (0, 5, 2**40 + 3):
        got = S.apply(A, offset)
        T = full(S, shape[0], offset)
        eps = np.finfo(dtype).eps
        # Sums of m terms and log2(tile) levels; each entry is rounded to the working precision once more.
        bound = (shape[0] + 12) * eps * (abs(T) @ abs(A.astype(float))) + 1e-300
        assert got.dtype == dtype and got.shape == (40, shape[1])
        assert (abs(got - T @ A.astype(float)) <= bound).all()


@pytest.mark.parametrize("permute", [True, False])
def test_srht_entries_are_signs_and_parities(permute):
    """S[k, i] = left(tile, k) sign(i) (-1)^popcount(row[k] & place[i % tile]) / sqrt(d), from S itself."""
    d, tile, m = 20, 32, 100
    S = SRHT(d, tile=tile, permute=permute, rng=4)
    T = S.matrix(m) * math.sqrt(d)
    assert np.allclose(abs(T), 1.0, rtol=1e-15)
    T = np.sign(T)
    place, row = S._place, S._row
    assert sorted(place) == list(range(tile)) and len(set(row)) == d and permute != (list(place) == list(range(tile)))
    parity = np.array([[bin(int(r) & int(p)).count("1") & 1 for p in place] for r in row])
    for t in range(0, m, tile):
        block = T[:, t : t + tile]
        rest = block * (1 - 2.0 * parity[:, : block.shape[1]])
        # What is left is an outer product of signs.
        assert np.array_equal(rest, np.outer(rest[:, 0], rest[0] * rest[0, 0]))


def test_gaussian_entries_are_normal_and_independent():
    S = Gaussian(100, rng=2)
    T = S.matrix(2000) * 10.0
    n = T.size
    assert abs(T.mean()) < 5 / math.sqrt(n)
    assert abs((T**2).mean() - 1) < 5 * math.sqrt(2 / n)
    assert abs((T**4).mean() - 3) < 5 * math.sqrt(96 / n)
    quantiles = np.quantile(T, [0.025, 0.5, 0.975])
    assert np.allclose(quantiles, [-1.95996, 0, 1.95996], atol=5 * 0.4 / math.sqrt(n) / 0.058)
    assert abs(np.corrcoef(T[:30]) - np.eye(30)).max() < 5 / math.sqrt(2000)
    assert abs(np.corrcoef(T.T[:30]) - np.eye(30)).max() < 0.5  # 100 samples each: 5 sigma
    odd = Gaussian(7, rng=2).matrix(5)
    assert odd.shape == (7, 5) and np.array_equal(odd, Gaussian(7, rng=2).matrix(9)[:, :5])


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("n", [1, 7, 8, 40])
@pytest.mark.parametrize("kind", KINDS)
def test_same_bits_for_workers_order_and_format(rng, kind, n, dtype):
    m = 1500
    A = rng.standard_normal((m, n)).astype(dtype)
    A[rng.random((m, n)) < 0.6] = 0
    S = KINDS[kind](61, 5)
    base = S.apply(A, workers=1)
    for workers in (2, 3, 4):
        assert np.array_equal(S.apply(A, workers=workers), base)
    assert np.array_equal(S.apply(np.asfortranarray(A)), base)
    wide = np.zeros((m, 2 * n), dtype)
    wide[:, ::2] = A
    assert np.array_equal(S.apply(wide[:, ::2]), base)
    assert np.array_equal(S.apply(np.ascontiguousarray(A[::-1])[::-1]), base)
    for index in (np.int32, np.int64):
        for form in (sps.csr_array, sps.csc_array):
            C = form(A)
            C.indices, C.indptr = C.indices.astype(index), C.indptr.astype(index)
            for workers in (1, 2, 4):
                assert np.array_equal(S.apply(C, workers=workers), base)
    assert np.array_equal(S.apply(sps.coo_array(A)), base)


@pytest.mark.parametrize("kind", KINDS)
def test_blocks_add_up_to_the_whole(rng, kind):
    m = 2100
    A = rng.standard_normal((m, 5))
    S = KINDS[kind](50, 7)
    whole = S.apply(A)
    for cuts, exact in (([0, 1024, m], True), ([0, 1024, 2048, m], True), ([0, 1, 63, 700, m], "srht" not in kind)):
        total = np.zeros((50, 5))
        for low, high in itertools.pairwise(cuts):
            assert S.apply(A[low:high], row_offset=low, out=total) is total
        if exact:
            assert np.array_equal(total, whole)
        else:
            assert not np.array_equal(total, whole)  # or the docstring promises too little
            assert np.allclose(total, whole, rtol=0, atol=1e-13 * np.linalg.norm(A))


@pytest.mark.parametrize("kind", KINDS)
def test_the_mean_of_gram_is_the_identity(kind):
    d, draws, m = 64, 300, 12
    total = np.zeros((m, m))
    for seed in range(draws):
        T = full(KINDS[kind](d, seed), m)
        total += T.T @ T
    # Off the diagonal the variance is at most 1/d, on it at most 2/d.
    z = (total / draws - np.eye(m)) / math.sqrt(1 / d / draws)
    assert abs(z[~np.eye(m, dtype=bool)]).max() < 4.8
    assert abs(np.diag(z)).max() < 4.8 * math.sqrt(2)


@pytest.mark.parametrize("kind", ["srht", "gaussian"])
@pytest.mark.parametrize("rows", ["dense", "coherent"])
def test_embedding_distortion_over_200_seeds(rng, kind, rows):
    n, d, m, seeds = 20, 240, 1500, 200
    Q = np.zeros((m, n))
    if rows == "dense":
        Q[:] = np.linalg.qr(rng.standard_normal((m, n)))[0]
    else:
        Q[:n] = np.eye(n)
    t = 0.25
    failures = 0
    for seed in range(seeds):
        s = np.linalg.svd(sketch(Q, d, kind=kind, rng=seed), compute_uv=False)
        edge = math.sqrt(n / d) + t
        failures += not (1 - edge <= s[-1] and s[0] <= 1 + edge)
    p = 2 * math.exp(-d * t * t / 2)
    assert failures <= seeds * p + 4 * math.sqrt(seeds * p * (1 - p)) + 1


def test_permutation_cures_aligned_coherent_rows():
    """[I; 0] of 128 columns through 512 of 8192 rows: without it H has only 128 different patterns to offer."""
    A = np.zeros((8192, 128))
    A[:128] = np.eye(128)
    singular = {}
    for permute in (False, True):
        ranks = [np.linalg.matrix_rank(SRHT(512, tile=8192, permute=permute, rng=k).apply(A)) for k in range(10)]
        singular[permute] = sum(rank < 128 for rank in ranks)
    # 512 draws of 128 coupons miss one with probability 0.9.
    assert singular[False] >= 4 and singular[True] == 0


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("scale", [2.0**990, 2.0**-990])
def test_scaling_by_powers_of_two_is_exact(rng, kind, scale):
    A = rng.standard_normal((300, 3))
    S = KINDS[kind](16, 0)
    assert np.array_equal(S.apply(A * scale), S.apply(A) * scale)
    assert np.isfinite(S.apply(A * 2.0**-1070)).all()


@pytest.mark.parametrize("kind", ["srht", "gaussian", "countsketch"])
def test_vectors_lists_integers_and_strange_layouts(rng, kind):
    S = KINDS[kind](16, 0)
    A = rng.integers(-5, 5, (40, 3))
    base = S.apply(A.astype(float))
    read_only = A.astype(float)
    read_only.flags.writeable = False
    unaligned = np.frombuffer(b"x" + A.astype(float).tobytes(), np.uint8)[1:].view(np.float64).reshape(40, 3)
    for same in (A, A.tolist(), A.astype(np.int8), A.astype(">f8"), read_only, unaligned, sps.coo_array(A)):
        assert np.array_equal(S.apply(same), base)
    assert np.array_equal(S.apply(A[:, 0]), base[:, 0])
    assert S.apply(A.astype(np.float16)).dtype == np.float32
    broadcast = np.broadcast_to(np.float64(2.0), (40, 3))
    assert np.array_equal(S.apply(broadcast), S.apply(np.full((40, 3), 2.0)))
    flat = np.zeros(16)
    assert S.apply(A[:, 0].astype(float), out=flat) is not None
    assert np.array_equal(flat, base[:, 0])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("where", [(0, 0), (50, 1), (99, 2)])
@pytest.mark.parametrize("kind", ["srht", "gaussian", "countsketch"])
def test_non_finite(kind, bad, where):
    A = np.ones((100, 3))
    A[where] = bad
    S = KINDS[kind](16, 0)
    with pytest.raises(ValueError, match=rf"A contains .* at index \({where[0]}, {where[1]}\)"):
        S.apply(A)
    with pytest.raises(ValueError, match=r"A\.data contains"):
        S.apply(sps.csr_array(A))
    assert not np.isfinite(S.apply(A, check_finite=False)[:, where[1]]).all()


@pytest.mark.parametrize("kind", ["srht", "gaussian", "countsketch"])
def test_overflow_and_bad_arguments(kind):
    S = KINDS[kind](16, 0)
    with pytest.raises(OverflowError, match="overflows"):
        sketch(np.full((1000, 1), 1e308), 1, kind=kind, rng=0)
    A = np.ones((10, 2))
    for exception, call in [
        (ValueError, lambda: sketch(A, 0, kind=kind)),
        (TypeError, lambda: sketch(A, 16.0, kind=kind)),
        (ValueError, lambda: sketch(A, 16, kind=kind, rng=-1)),
        (ValueError, lambda: S.apply(A, workers=0)),
        (TypeError, lambda: S.apply(A * 1j)),
        (TypeError, lambda: S.apply(A.astype(object))),
        (TypeError, lambda: S.apply(A.astype(np.longdouble))),
        (ValueError, lambda: S.apply(np.ones((2, 2, 2)))),
        (ValueError, lambda: S.apply(np.float64(1))),
        (ValueError, lambda: S.apply(A, row_offset=-1)),
        (ValueError, lambda: S.apply(A, out=np.zeros((16, 3)))),
        (TypeError, lambda: S.apply(A, out=np.zeros((16, 2), np.float32))),
        (ValueError, lambda: S.apply(A, out=np.zeros((16, 2), order="F"))),
        (TypeError, lambda: S.apply(A, out=[[0.0] * 2] * 16)),
        (ValueError, lambda: S.apply(np.ma.masked_equal(A, 1.0))),
        (ValueError, lambda: S.matrix(-1)),
    ]:
        with pytest.raises(exception):
            call()
    square = np.ones((16, 16))
    with pytest.raises(ValueError, match="overlaps"):
        S.apply(square, out=square)


def test_srht_arguments_and_defaults():
    assert (SRHT(1).tile, SRHT(256).tile, SRHT(257).tile) == (256, 256, 512)
    for exception, match, call in [
        (ValueError, "power of two", lambda: SRHT(10, tile=24)),
        (ValueError, "tile must be at least 10", lambda: SRHT(10, tile=8)),
        (TypeError, "tile", lambda: SRHT(10, tile=16.0)),
        (TypeError, "permute", lambda: SRHT(10, permute="no")),
        (ValueError, "d must be", lambda: SRHT(2**28 + 1)),
    ]:
        with pytest.raises(exception, match=match):
            call()
    assert repr(SRHT(8, rng=1)).startswith("SRHT(d=8, tile=256, permute=True, seed=0x")
    assert repr(Gaussian(8, rng=1)).startswith("Gaussian(d=8, seed=0x")
    assert repr(CountSketch(8, rng=1)).startswith("CountSketch(d=8, seed=0x")
    assert np.array_equal(SRHT(8, rng=1).matrix(5), SRHT(8, rng=np.random.SeedSequence(1)).matrix(5))
    assert not np.array_equal(SRHT(8, rng=1).matrix(5), SRHT(8, rng=2).matrix(5))
    one = SRHT(1, tile=1, rng=0)
    assert np.array_equal(abs(one.matrix(5)), np.ones((1, 5)))


def test_count_sketch_is_sparse_sign_with_one_entry():
    A = np.random.default_rng(0).standard_normal((300, 4))
    assert np.array_equal(CountSketch(20, rng=3).apply(A), SparseSign(20, 1, rng=3).apply(A))
    T = CountSketch(20, rng=3).matrix(300)
    assert T.nnz == 300 and np.array_equal(abs(T.data), np.ones(300))


@pytest.mark.parametrize("kind", ["srht", "gaussian"])
def test_malformed_csr_is_refused(kind):
    C = sps.csr_array(np.arange(12.0).reshape(4, 3))
    C.indices = np.where(np.arange(C.indices.size) == 3, 9, C.indices).astype(np.int32)
    with pytest.raises(ValueError, match=r"A\.indices"):
        sketch(C, 16, kind=kind)


@given(
    m=st.integers(0, 150), n=st.integers(1, 20), d=st.integers(1, 40), log=st.integers(0, 7),
    offset=st.integers(0, 2**40), seed=st.integers(0, 2**32),
)  # fmt: skip
def test_srht_of_integers_is_exact(m, n, d, log, offset, seed):
    tile = 2**log
    d = min(d, tile)
    S = SRHT(d, tile=tile, rng=seed)
    A = np.random.default_rng(seed).integers(-8, 8, (m, n)).astype(float)
    signs = np.sign(S.matrix(m, offset)) if m else np.zeros((d, 0))
    # Tiles are scaled before they are added, so the sum is exact up to one rounding a tile.
    tiles = m // tile + 2
    expected = signs @ A / math.sqrt(d)
    bound = tiles * np.finfo(float).eps * 8 * m / math.sqrt(d) + 1e-300
    assert abs(S.apply(A, row_offset=offset) - expected).max(initial=0) <= bound
