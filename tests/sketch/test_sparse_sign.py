"""The sparse-sign sketch: what S is, that it never changes, and that it keeps norms."""

import itertools
import math
import threading

import numpy as np
import pytest
import scipy.sparse as sps
from hypothesis import given
from hypothesis import strategies as st

from kriss.sketch import SparseSign, sketch

SHAPES = [(0, 3), (1, 1), (2, 5), (3, 8), (5, 9), (64, 16), (65, 17), (1000, 10), (4099, 50)]


def by_hand(S, A, row_offset=0):
    """SA summed in the order of A's rows, one entry at a time."""
    T = S.matrix(A.shape[0], row_offset).tocsc()
    out = np.zeros((S.d, A.shape[1]), A.dtype)
    unit = A.dtype.type(1 / math.sqrt(S.zeta))
    for i in range(A.shape[0]):
        for k in range(T.indptr[i], T.indptr[i + 1]):
            sign = A.dtype.type(np.sign(T.data[k]))
            out[T.indices[k]] = out[T.indices[k]] + sign * (A[i] * unit)
    return out


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("d", "zeta"), [(8, 8), (13, 5), (103, 8), (7, 1)])
def test_every_bit_is_the_row_ordered_sum(rng, dtype, shape, d, zeta):
    A = rng.standard_normal(shape).astype(dtype)
    S = SparseSign(d, zeta, rng=3)
    assert np.array_equal(S.apply(A), by_hand(S, A))


def test_columns_hold_one_entry_per_block():
    S = SparseSign(30, 7, rng=0)
    T = S.matrix(500)
    assert T.nnz == 3500
    borders = [30 // 7 * e + 30 % 7 * e // 7 for e in range(8)]
    assert borders[-1] == 30
    dense = T.toarray()
    assert np.allclose(abs(dense[dense != 0]), 1 / math.sqrt(7), rtol=1e-15)
    for low, high in itertools.pairwise(borders):
        assert ((dense[low:high] != 0).sum(axis=0) == 1).all()


def test_places_and_signs_are_uniform():
    # Chi-square over the 50 places of one block and over both signs; 1e5 draws, so the tail beyond the bound is 1e-6.
    S = SparseSign(400, 8, rng=11)
    T = S.matrix(100_000).tocsr()
    counts = np.diff(T.indptr)
    for block in counts.reshape(8, 50):
        chi2 = ((block - 2000.0) ** 2 / 2000.0).sum()
        assert chi2 < 49 + 6 * math.sqrt(2 * 49)
    positive = (T.data > 0).mean()
    assert abs(positive - 0.5) < 5 * 0.5 / math.sqrt(800_000)
    # Places of neighbouring blocks are uncorrelated.
    places = S.matrix(20_000).tocsc().indices.reshape(-1, 8) % 50
    corr = np.corrcoef(places.T)
    assert abs(corr - np.eye(8)).max() < 5 / math.sqrt(20_000)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("n", [1, 7, 8, 40])
def test_same_bits_for_workers_order_chunks_and_csr(rng, dtype, n):
    m = 3001
    A = rng.standard_normal((m, n)).astype(dtype)
    A[rng.random((m, n)) < 0.6] = 0
    S = SparseSign(61, 8, rng=5)
    base = S.apply(A, workers=1)
    for workers in (2, 3, 4):
        assert np.array_equal(S.apply(A, workers=workers), base)
    assert np.array_equal(S.apply(np.asfortranarray(A)), base)
    wide = np.zeros((m, 2 * n), dtype)
    wide[:, ::2] = A
    assert np.array_equal(S.apply(wide[:, ::2]), base)
    assert np.array_equal(S.apply(A[::-1][::-1]), base)
    for index in (np.int32, np.int64):
        C = sps.csr_array(A)
        C.indices, C.indptr = C.indices.astype(index), C.indptr.astype(index)
        for workers in (1, 2, 4):
            assert np.array_equal(S.apply(C, workers=workers), base)
    for cuts in ([0, 1, m], [0, 64, 65, 1000, m], [0, 1500, m]):
        total = np.zeros((61, n), dtype)
        for low, high in itertools.pairwise(cuts):
            S.apply(A[low:high], row_offset=low, out=total)
        assert np.array_equal(total, base)


def test_the_mean_of_gram_is_the_identity():
    # Entry (i, j), i != j, of S'S is a mean of zeta terms that are 0 or +-1: variance 1/d (blocks of equal size).
    d, zeta, draws, m = 64, 8, 400, 12
    total = np.zeros((m, m))
    for seed in range(draws):
        T = SparseSign(d, zeta, rng=seed).matrix(m).toarray()
        gram = T.T @ T
        assert np.allclose(np.diag(gram), 1.0, rtol=1e-14)
        total += gram
    z = (total / draws - np.eye(m)) / math.sqrt(1 / d / draws)
    off = z[~np.eye(m, dtype=bool)]
    assert abs(off).max() < 4.8  # 66 independent normal figures: beyond with probability 1e-4
    assert 0.75 < math.sqrt((off**2).mean()) < 1.25


@pytest.mark.parametrize("kind", ["dense", "coherent"])
def test_embedding_distortion_over_200_seeds(rng, kind):
    """Singular values of SQ within 1 ± (sqrt(n/d) + t), as a Gaussian S would but for probability 2 exp(-d t²/2)."""
    n, d, m, seeds = 20, 240, 1500, 200
    Q = np.zeros((m, n))
    if kind == "dense":
        Q[:] = np.linalg.qr(rng.standard_normal((m, n)))[0]
    else:
        Q[:n] = np.eye(n)
    t = 0.25
    failures = 0
    for seed in range(seeds):
        s = np.linalg.svd(sketch(Q, d, rng=seed), compute_uv=False)
        edge = math.sqrt(n / d) + t
        failures += not (1 - edge <= s[-1] and s[0] <= 1 + edge)
    p = 2 * math.exp(-d * t * t / 2)
    assert failures <= seeds * p + 4 * math.sqrt(seeds * p * (1 - p)) + 1


def test_zeta_one_fails_where_zeta_eight_holds():
    A = np.zeros((2000, 100))
    A[:100] = np.eye(100)
    rank = [np.linalg.matrix_rank(sketch(A, 1200, zeta=z, rng=1)) for z in (1, 8)]
    assert rank[0] < 100 == rank[1]


@pytest.mark.parametrize("scale", [1e300, 1e-300, 2.0**-1070])
def test_range(rng, scale):
    A = rng.standard_normal((300, 3))
    S = SparseSign(16, 4, rng=0)  # 1/sqrt(4) and the scale of a power of two are exact
    if scale == 2.0**-1070:
        assert np.isfinite(S.apply(A * scale)).all()
    else:
        assert np.allclose(S.apply(A * scale) / scale, S.apply(A), rtol=1e-12, atol=1e-12)
    assert np.array_equal(S.apply(A * 2.0**500), S.apply(A) * 2.0**500)


def test_vectors_lists_integers_and_strange_layouts(rng):
    S = SparseSign(16, 4, rng=0)
    A = rng.integers(-5, 5, (40, 3))
    base = S.apply(A.astype(float))
    assert base.dtype == np.float64
    read_only = A.astype(float)
    read_only.flags.writeable = False
    unaligned = np.frombuffer(b"x" + A.astype(float).tobytes(), np.uint8)[1:].view(np.float64).reshape(40, 3)
    for same in (
        A,
        A.tolist(),
        A.astype(np.int8),
        A.astype(">f8"),
        read_only,
        unaligned,
        sps.coo_array(A),
    ):
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
def test_non_finite(bad, where):
    A = np.ones((100, 3))
    A[where] = bad
    with pytest.raises(ValueError, match=rf"A contains .* at index \({where[0]}, {where[1]}\)"):
        sketch(A, 16, rng=0)
    with pytest.raises(ValueError, match=r"A\.data contains"):
        sketch(sps.csr_array(A), 16, rng=0)
    assert not np.isfinite(sketch(A, 16, rng=0, check_finite=False)[:, where[1]]).all()


def test_overflow_is_not_silent():
    with pytest.raises(OverflowError, match="overflows"):
        sketch(np.full((1000, 1), 1e308), 8, rng=0)


def test_bad_arguments():
    A = np.ones((10, 2))
    for exception, call in [
        (ValueError, lambda: sketch(A, 7)),
        (TypeError, lambda: sketch(A, 16.0)),
        (TypeError, lambda: sketch(A, True)),
        (ValueError, lambda: sketch(A, 16, zeta=0)),
        (ValueError, lambda: sketch(A, 16, kind="hadamard")),
        (ValueError, lambda: sketch(A, 16, rng=-1)),
        (TypeError, lambda: sketch(A, 16, rng="0")),
        (ValueError, lambda: sketch(A, 16, workers=0)),
        (TypeError, lambda: sketch(A * 1j, 16)),
        (TypeError, lambda: sketch(A.astype(object), 16)),
        (TypeError, lambda: sketch(A.astype(np.longdouble), 16)),
        (ValueError, lambda: sketch(np.ones((2, 2, 2)), 16)),
        (ValueError, lambda: sketch(np.float64(1), 16)),
        (ValueError, lambda: SparseSign(16).apply(A, row_offset=-1)),
        (ValueError, lambda: SparseSign(16).apply(A, out=np.zeros((16, 3)))),
        (TypeError, lambda: SparseSign(16).apply(A, out=np.zeros((16, 2), np.float32))),
        (ValueError, lambda: SparseSign(16).apply(A, out=np.zeros((16, 2), order="F"))),
        (TypeError, lambda: SparseSign(16).apply(A, out=[[0.0] * 2] * 16)),
        (ValueError, lambda: sketch(np.ma.masked_equal(A, 1.0), 16)),
    ]:
        with pytest.raises(exception):
            call()


def malformed():
    good = sps.csr_array(np.arange(12.0).reshape(4, 3))
    cases = []
    for field, change in [
        ("indices", lambda v: np.where(np.arange(v.size) == 3, 9, v)),
        ("indices", lambda v: np.where(np.arange(v.size) == 0, -1, v)),
        ("indices", lambda v: np.where(np.arange(v.size) == 5, 2**31 - 1, v)),
        ("indptr", lambda v: v[:-1]),
        ("indptr", lambda v: v[::-1].copy()),
        ("indptr", lambda v: v + 1),
        ("indptr", lambda v: v * 50),
    ]:
        C = good.copy()
        setattr(C, field, change(getattr(C, field)).astype(np.int32))
        cases.append(C)
    return cases


@pytest.mark.parametrize("C", malformed(), ids=range(7))
def test_malformed_csr_is_refused(C):
    with pytest.raises(ValueError, match=r"A\.ind"):
        sketch(C, 16)


def test_duplicates_and_unsorted_indices_are_summed():
    C = sps.csr_array((np.array([1.0, 2.0, 4.0]), np.array([2, 0, 2]), np.array([0, 3])), shape=(1, 3))
    before = C.indices.copy()
    assert np.array_equal(sketch(C, 8, rng=0), sketch(np.array([[2.0, 0.0, 5.0]]), 8, rng=0))
    assert np.array_equal(C.indices, before)


def test_seeds():
    assert SparseSign(16, rng=1).seed == SparseSign(16, rng=1).seed
    assert SparseSign(16, rng=1).seed == SparseSign(16, rng=np.random.SeedSequence(1)).seed
    gen = np.random.default_rng(1)
    assert SparseSign(16, rng=gen).seed != SparseSign(16, rng=gen).seed
    assert SparseSign(16).seed != SparseSign(16).seed
    assert repr(SparseSign(16, rng=1)).startswith("SparseSign(d=16, zeta=8, seed=0x")


def test_far_rows():
    # Counters beyond 2^32: the high word counts.
    S = SparseSign(64, rng=0)
    near, far = S.matrix(50, 7).toarray(), S.matrix(50, 7 + 2**32).toarray()
    assert not np.array_equal(near, far)
    A = np.random.default_rng(0).standard_normal((50, 3))
    assert np.allclose(S.apply(A, row_offset=7 + 2**32), far @ A, atol=1e-13)


def test_eight_threads_at_once(rng):
    A = rng.standard_normal((20_000, 12))
    S = SparseSign(100, rng=0)
    base = S.apply(A)
    same = []

    def work():
        same.extend(np.array_equal(S.apply(A, workers=w), base) for w in (1, 2, 4))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(same) == 24 and all(same)


@given(
    m=st.integers(0, 200), n=st.integers(0, 20), zeta=st.integers(1, 12), extra=st.integers(0, 40),
    offset=st.integers(0, 2**40), seed=st.integers(0, 2**32),
)  # fmt: skip
def test_matrix_and_apply_agree(m, n, zeta, extra, offset, seed):
    S = SparseSign(zeta + extra, zeta, rng=seed)
    A = np.random.default_rng(seed).integers(-8, 8, (m, n)).astype(float)
    explicit = S.matrix(m, offset) @ A
    assert explicit.shape == (S.d, n)
    assert np.allclose(S.apply(A, row_offset=offset), explicit, rtol=0, atol=1e-12)


@given(seed=st.integers(0, 2**32), m=st.integers(1, 300))
def test_linearity_on_integers(seed, m):
    # zeta = 4: entries +-1/2, so sums of integers are exact and S(A + B) = SA + SB to the bit.
    gen = np.random.default_rng(seed)
    A, B = gen.integers(-99, 99, (2, m, 3)).astype(float)
    S = SparseSign(16, 4, rng=seed)
    assert np.array_equal(S.apply(A + B), S.apply(A) + S.apply(B))
