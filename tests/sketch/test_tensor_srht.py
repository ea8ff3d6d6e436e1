"""TensorSRHT against explicit Kronecker products."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kriss.sketch import TensorSRHT


def explicit(S):
    """S written out, (d, m1 m2)."""
    return S.apply(np.eye(S.m1), np.eye(S.m2))


@pytest.mark.parametrize(("m1", "m2"), [(1, 1), (1, 5), (3, 4), (8, 16), (13, 9)])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_product_and_vector_are_those_of_the_explicit_matrix(rng, m1, m2, dtype):
    S = TensorSRHT(50, m1, m2, rng=1)
    T = explicit(S)
    assert np.allclose(abs(T), 1 / math.sqrt(50), rtol=1e-15)
    A1, A2 = rng.standard_normal((m1, 2)).astype(dtype), rng.standard_normal((m2, 3)).astype(dtype)
    b = rng.standard_normal((m1 * m2, 2)).astype(dtype)
    eps = np.finfo(dtype).eps
    SA, Sb = S.apply(A1, A2), S.apply_vector(b)
    assert SA.dtype == Sb.dtype == dtype and SA.shape == (50, 6) and Sb.shape == (50, 2)
    size = 20 * eps * m1 * m2 / math.sqrt(50)
    assert abs(SA - T @ np.kron(A1, A2)).max() < size * abs(A1).max() * abs(A2).max()
    assert abs(Sb - T @ b).max() < size * abs(b).max()
    assert np.array_equal(S.apply_vector(b[:, 0]), Sb[:, 0])


def test_mean_of_gram_is_the_identity():
    d, draws = 32, 400
    total = np.zeros((12, 12))
    for seed in range(draws):
        T = explicit(TensorSRHT(d, 3, 4, rng=seed))
        total += T.T @ T
    z = (total / draws - np.eye(12)) / math.sqrt(1 / d / draws)
    # Not independent from one pair of entries to another: their signs repeat. Six sigma for each.
    assert abs(z).max() < 6


def test_aligned_coherent_rows_keep_their_rank():
    A1, A2 = np.zeros((512, 8)), np.zeros((512, 8))
    A1[:8], A2[:8] = np.eye(8), np.eye(8)
    ranks = [np.linalg.matrix_rank(TensorSRHT(512, 512, 512, rng=k).apply(A1, A2)) for k in range(20)]
    assert ranks == [64] * 20


def test_same_bits_for_workers_and_layouts(rng):
    S = TensorSRHT(70, 100, 60, rng=2)
    A1, A2, b = rng.standard_normal((100, 3)), rng.standard_normal((60, 9)), rng.standard_normal(6000)
    base, right = S.apply(A1, A2, workers=1), S.apply_vector(b, workers=1)
    for workers in (2, 4):
        assert np.array_equal(S.apply(A1, A2, workers=workers), base)
        assert np.array_equal(S.apply_vector(b, workers=workers), right)
    assert np.array_equal(S.apply(np.asfortranarray(A1), np.repeat(A2, 2, axis=1)[:, ::2]), base)
    assert np.array_equal(S.apply(A1.tolist(), A2.astype(">f8")), base)
    assert np.array_equal(S.apply_vector(np.repeat(b, 2)[::2]), right)
    assert S.apply(A1.astype(np.float32), A2).dtype == np.float64


def test_bad_arguments():
    S = TensorSRHT(8, 4, 3, rng=0)
    A1, A2, b = np.ones((4, 2)), np.ones((3, 2)), np.ones(12)
    bad = A2.copy()
    bad[2, 1] = np.nan
    for exception, match, call in [
        (ValueError, "d must", lambda: TensorSRHT(0, 4, 3)),
        (ValueError, "m1 must", lambda: TensorSRHT(8, 0, 3)),
        (TypeError, "m2 must", lambda: TensorSRHT(8, 4, 3.0)),
        (ValueError, "A1 has shape", lambda: S.apply(A2, A2)),
        (ValueError, "A2 has shape", lambda: S.apply(A1, A1)),
        (ValueError, "A2 contains", lambda: S.apply(A1, bad)),
        (ValueError, "A1 has shape", lambda: S.apply(A1[:, 0], A2)),
        (TypeError, "A1 has dtype", lambda: S.apply(A1 * 1j, A2)),
        (OverflowError, "overflows", lambda: S.apply(A1 * 1e200, A2 * 1e200)),
        (ValueError, "b has shape", lambda: S.apply_vector(b[1:])),
        (ValueError, "b contains", lambda: S.apply_vector(np.where(np.arange(12) == 5, np.inf, b))),
        (OverflowError, "overflows", lambda: S.apply_vector(b * 1e308)),
    ]:
        with pytest.raises(exception, match=match), np.errstate(over="ignore"):
            call()
    assert repr(S).startswith("TensorSRHT(d=8, m1=4, m2=3, seed=0x")


@given(m1=st.integers(1, 20), m2=st.integers(1, 20), seed=st.integers(0, 2**32))
def test_vector_of_a_product_is_the_product_sketched(m1, m2, seed):
    # d = 4: entries ±1/2, so with integers every step is exact.
    gen = np.random.default_rng(seed)
    A1, A2 = gen.integers(-8, 8, (m1, 2)).astype(float), gen.integers(-8, 8, (m2, 2)).astype(float)
    S = TensorSRHT(4, m1, m2, rng=seed)
    assert np.array_equal(S.apply(A1, A2), S.apply_vector(np.kron(A1, A2)))
