"""Leverage scores against the singular value decomposition."""

import numpy as np
import pytest
import scipy.sparse as sps
import scipy.sparse.linalg as spla
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from kriss.sketch import leverage_scores


def textbook(A, rtol=1e-12):
    scale = np.abs(A).max(axis=0)
    u, s, _ = np.linalg.svd(A / np.where(scale == 0, 1, scale), full_matrices=False)
    return np.sum(np.abs(u[:, s > rtol * s[0]]) ** 2, axis=1)


@pytest.mark.parametrize("kind", ["dense", "fortran", "float32", "complex", "csr", "csc", "operator", "strided"])
@pytest.mark.parametrize("m", [30, 5000])
def test_exact(kind, m, rng):
    A = rng.standard_normal((m, 7)) * np.geomspace(1, 1e8, 7)
    A[3] *= 100
    tolerance = 1e-12
    given_as = A
    if kind == "fortran":
        given_as = np.asfortranarray(A)
    elif kind == "float32":
        given_as = A = A.astype(np.float32)
        A, tolerance = A.astype(float), 1e-10
    elif kind == "complex":
        given_as = A = A + 1j * rng.standard_normal(A.shape) * np.geomspace(1, 1e8, 7)
    elif kind in ("csr", "csc"):
        A = np.where(rng.random(A.shape) < 0.3, A, 0.0)
        given_as = sps.csr_array(A).asformat(kind)
    elif kind == "operator":
        given_as = spla.aslinearoperator(A)
    elif kind == "strided":
        given_as = np.repeat(A, 2, axis=1)[::-1, ::2]
        A = A[::-1]
    score = leverage_scores(given_as, method="exact", rng=0)
    assert score.shape == (m,)
    assert_allclose(score, textbook(A), rtol=tolerance, atol=tolerance)
    assert score.sum() == pytest.approx(7, rel=1e-10)


def test_rank_deficient(rng):
    A = rng.standard_normal((4000, 6))
    A = np.hstack([A, A[:, :2] @ rng.standard_normal((2, 2)), np.zeros((4000, 1))])
    assert_allclose(leverage_scores(A, method="exact"), textbook(A), rtol=1e-10, atol=1e-13)
    assert leverage_scores(np.zeros((500, 3))).tolist() == [0.0] * 500


@given(seed=st.integers(0, 2**32 - 1), n=st.integers(1, 12), heavy=st.booleans())
@settings(max_examples=40, deadline=None)
def test_sketched_scores_are_within_their_factor(seed, n, heavy):
    rng = np.random.default_rng(seed)
    A = rng.standard_cauchy((8000, n)) if heavy else rng.standard_normal((8000, n))
    ratio = leverage_scores(A, method="sketch", rng=seed) / textbook(A)
    assert ratio.min() > 0.8 and ratio.max() < 1.2


def test_seed_decides_and_coherent_rows_are_found(rng):
    A = np.vstack([np.eye(20), np.zeros((3000, 20))])
    A[100:] = 1e-3 * rng.standard_normal((2920, 20))
    once = leverage_scores(A, method="sketch", rng=5)
    assert np.array_equal(once, leverage_scores(A, method="sketch", rng=5))
    assert leverage_scores(A, method="exact")[:20].min() > 0.99


@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_any_units(scale, rng):
    A = rng.standard_normal((3000, 5))
    assert_allclose(leverage_scores(A * scale, rng=1), leverage_scores(A, rng=1), rtol=1e-11)
    exact = leverage_scores(A, method="exact")
    assert_allclose(leverage_scores(A * scale, method="exact"), exact, rtol=1e-11)


def test_bad_input(rng):
    A = rng.standard_normal((3000, 5))
    for place in (0, 1500, -1):
        for bad in (np.nan, np.inf):
            B = A.copy()
            B[place, 2] = bad
            with pytest.raises(ValueError, match=r"a(\.data)? contains (nan|inf)"):
                leverage_scores(B)
            with pytest.raises(ValueError, match=r"a(\.data)? contains (nan|inf)"):
                leverage_scores(sps.csr_array(B))
    with pytest.raises(ValueError, match="2-D"):
        leverage_scores(A[:, 0])
    with pytest.raises(ValueError, match="method"):
        leverage_scores(A, method="fast")
    with pytest.raises(ValueError, match="sketch_size"):
        leverage_scores(A, sketch_size=5)
    with pytest.raises(TypeError):
        leverage_scores(A.astype("U8"))
    assert leverage_scores(np.empty((0, 3))).shape == (0,)
    assert leverage_scores(np.empty((4, 0))).tolist() == [0.0] * 4
    assert_allclose(leverage_scores(rng.standard_normal((3, 9))), np.ones(3), rtol=1e-12)
    A.flags.writeable = False
    before = A.copy()
    leverage_scores(A)
    assert np.array_equal(A, before)
