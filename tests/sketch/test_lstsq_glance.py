"""Tall matrices that go to their Gram matrix after a glance at some rows: what the glance misses must not matter."""

from __future__ import annotations

import numpy as np
import pytest

from kriss.sketch import backward_error, factor, lstsq
from kriss.sketch._look import glance
from kriss.sketch._rows import ComplexMatrix, DenseMatrix

EPS = float(np.finfo(float).eps)
M, N = 20000, 10


def _tall(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    A = rng.standard_normal((M, N))
    return A, A @ np.arange(1.0, N + 1) + rng.standard_normal(M)


def _unseen(A: np.ndarray, b: np.ndarray, rng: int) -> int:
    """A row that the glance of `lstsq(..., rng=rng)` does not draw: changing it changes nothing it knows."""
    from kriss.sketch import SparseSign

    seed = SparseSign(4 * N, rng=rng).seed
    drawn = np.random.default_rng(seed).integers(0, M, 4 * N)
    return int(np.setdiff1d(np.arange(M), drawn)[777])


def test_a_sketch_and_a_glance_find_the_same() -> None:
    A, b = _tall()
    at_once = lstsq(A, b, rng=1)
    sketched = lstsq(A, b, rng=1, sketch_size=8 * N)
    assert at_once.method == sketched.method == "gram"
    assert at_once.reason != "" and "sketch" not in at_once.reason
    np.testing.assert_allclose(at_once.x, sketched.x, rtol=4 * EPS)
    np.testing.assert_allclose(at_once.s, np.linalg.svd(A, compute_uv=False), rtol=1e-13)
    np.testing.assert_allclose(at_once.coefficient_se, sketched.coefficient_se, rtol=1e-12)
    assert 0 < at_once.sketch_distortion < 2
    assert at_once.backward_error < EPS


@pytest.mark.parametrize("size", [1e6, 1e12, 1e200])
def test_one_row_that_outweighs_all_others(size: float) -> None:
    A, b = _tall(1)
    i = _unseen(A, b, 2)
    A[i] *= size
    b[i] *= size
    fit = lstsq(A, b, rng=2)
    # At 1e200 nothing of the other rows is left next to it.
    assert fit.rank == np.linalg.lstsq(A, b, rcond=1e-13)[2] == (1 if size == 1e200 else N)
    assert "gram without a sketch" in fit.reason
    assert fit.backward_error <= EPS
    assert backward_error(A, b, fit.x) <= EPS


def test_a_column_that_lives_in_few_rows() -> None:
    A, b = _tall(2)
    i = _unseen(A, b, 3)
    A[:, 4] = 0.0
    A[i, 4] = 3.0
    fit = lstsq(A, b, rng=3)
    assert fit.rank == N
    assert fit.backward_error <= EPS
    np.testing.assert_allclose(fit.x, np.linalg.lstsq(A, b, rcond=None)[0], rtol=1e-10)


def test_columns_that_differ_in_few_rows_only() -> None:
    A, b = _tall(3)
    i = _unseen(A, b, 4)
    A[:, 1] = A[:, 0]
    A[i, 1] += 1e3
    fit = lstsq(A, b, rng=4)
    assert fit.rank == N and fit.backward_error <= EPS


def test_rank_deficient_beyond_the_glance() -> None:
    A, b = _tall(4)
    A[:, 9] = A[:, 0] - A[:, 3]
    fit = lstsq(A, b, rng=5)
    assert fit.rank == N - 1
    np.testing.assert_allclose(fit.x, np.linalg.lstsq(A, b, rcond=1e-12)[0], rtol=1e-10)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_bad_numbers_in_a_row_that_was_not_drawn(bad: float) -> None:
    A, b = _tall(5)
    i = _unseen(A, b, 6)
    A[i, 2] = bad
    with pytest.raises(ValueError, match="a contains"):
        lstsq(A, b, rng=6)


def test_a_right_hand_side_that_lives_in_one_row() -> None:
    A, _ = _tall(6)
    b = np.zeros(M)
    b[_unseen(A, b, 7)] = 1e30
    fit = lstsq(A, b, rng=7)
    assert fit.backward_error <= EPS
    np.testing.assert_allclose(fit.x, np.linalg.lstsq(A, b, rcond=None)[0], rtol=1e-10)


@pytest.mark.parametrize("dtype", [np.complex128, np.float32, np.complex64])
def test_other_dtypes(dtype: type) -> None:
    A, b = _tall(7)
    A = (A + (1j * np.roll(A, 1, axis=0) if np.dtype(dtype).kind == "c" else 0)).astype(dtype)
    fit = lstsq(A, b.astype(dtype), rng=8)
    assert fit.method == "gram" and fit.x.dtype == dtype
    wide = np.complex128 if np.dtype(dtype).kind == "c" else np.float64
    exact = np.linalg.lstsq(A.astype(wide), b.astype(dtype).astype(wide), rcond=None)[0]
    np.testing.assert_allclose(fit.x, exact, rtol=1e3 * np.finfo(dtype).eps)


def test_damping_is_seen_by_the_glance() -> None:
    A, b = _tall(8)
    fit = lstsq(A, b, rng=9, damp=50.0)
    both = np.vstack([A, 50.0 * np.eye(N)])
    np.testing.assert_allclose(fit.x, np.linalg.lstsq(both, np.append(b, np.zeros(N)), rcond=None)[0], rtol=1e-12)


def test_what_a_glance_knows() -> None:
    A, b = _tall(9)
    known = glance(DenseMatrix(A), b[:, None], 200, 1, 0.0, False)
    assert known is not None and 150 < known.rows <= 200 and known.keep == N
    assert known.condition < 3
    first = known.start()[:, 0] * known.scale / DenseMatrix(A).right_scales(b[:, None])[0]
    np.testing.assert_allclose(first, np.arange(1, N + 1), atol=0.5)
    C = np.ascontiguousarray(A[:, ::2] + 1j * A[:, 1::2])
    seen = glance(ComplexMatrix(DenseMatrix(C.view(float))), (b + 0j)[:, None], 200, 1, 0.0, False)
    assert seen is not None and seen.r.dtype == complex
    assert glance(DenseMatrix(np.zeros((100, 2))), np.zeros((100, 1)), 20, 0, 0.0, False) is None
    assert glance(DenseMatrix(np.full((100, 2), np.nan)), np.zeros((100, 1)), 20, 0, 0.0, False) is None


def test_a_factor_still_reuses_its_sketch() -> None:
    A, b = _tall(10)
    np.testing.assert_allclose(factor(A, rng=1).solve(b).x, lstsq(A, b, rng=1).x, rtol=1e-13)
