"""Block conjugate gradients: fewer iterations the more columns, whatever the columns are."""

import itertools
import math

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.sparse.linalg import LinearOperator, aslinearoperator

from kriss.solve import MIC, SSOR, Jacobi, black_box_mg, cg
from kriss.testing import diffusion2d, poisson2d


def columns(n, k, seed=3):
    return np.random.default_rng(seed).standard_normal((n, k))


def textbook(A, B, tol):
    """D. P. O'Leary's block CG (1980) for independent columns: iterations until every residual meets tol."""
    X = np.zeros_like(B)
    R, P = B.copy(), B.copy()
    for iteration in range(500):
        if (np.linalg.norm(R, axis=0) <= tol).all():
            return X, iteration
        Q = A @ P
        alpha = np.linalg.solve(P.T @ Q, P.T @ R)
        X, R = X + P @ alpha, R - Q @ alpha
        P = R - P @ np.linalg.solve(P.T @ Q, Q.T @ R)
    raise AssertionError


def check(A, B, result, rtol):
    residual = np.linalg.norm(B - A @ result.x, axis=0)
    assert result.converged and result.info == 0
    assert (residual <= rtol * np.linalg.norm(B, axis=0) * (1 + 1e-9)).all()
    np.testing.assert_allclose([c.residual_norm for c in result.columns], residual, rtol=1e-6, atol=1e-300)


@pytest.mark.parametrize("k", [1, 2, 5])
@pytest.mark.parametrize("n", [1, 2, 3, 5, 10, 50])
def test_small_systems_are_solved(n, k):
    rng = np.random.default_rng(n)
    S = rng.standard_normal((n, n))
    A = sp.csr_array(S @ S.T + n * np.eye(n))
    B = columns(n, k)
    result = cg(A, B, rtol=1e-10, block=True)
    check(A, B, result, 1e-10)
    assert result.iterations <= math.ceil(n / min(n, k)) + 2  # n / k steps in exact arithmetic
    assert result.params["method"] == "block cg"


@pytest.mark.parametrize("k", [2, 4])
def test_the_iterations_of_the_textbook(k):
    A = poisson2d(20)
    B = columns(400, k)
    B /= np.linalg.norm(B, axis=0)
    X, steps = textbook(A, B, 1e-7)
    result = cg(A, B, rtol=1e-7, block=True)
    assert abs(result.iterations - steps) <= 1
    np.testing.assert_allclose(result.x, X, atol=1e-4)


def test_iterations_fall_with_columns():
    A = diffusion2d(40, contrast=100.0, rng=1)
    counts = [cg(A, columns(1600, k), rtol=1e-8, block=True).iterations for k in (1, 2, 4, 8, 16)]
    assert all(after < before for before, after in itertools.pairwise(counts))
    assert counts[-1] < 0.45 * counts[0]
    one = cg(A, columns(1600, 1)[:, 0], rtol=1e-8).iterations
    assert abs(counts[0] - one) <= 0.02 * one  # rounding alone sets them apart


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_dependent_columns(dtype):
    A = poisson2d(20).astype(dtype)
    B = columns(400, 8).astype(dtype)
    B[:, 1] = B[:, 0]
    B[:, 2] = B[:, 3] - 2 * B[:, 4]
    B[:, 5] = 0
    B[:, 6] *= dtype(1e-9)
    B[:, 7] = B[:, 0] + dtype(1e-9 if dtype == np.float64 else 1e-5) * B[:, 3]
    rtol = 1e-9 if dtype == np.float64 else 2e-5
    result = cg(A, B, rtol=rtol, block=True, residuals=True)
    assert result.converged and result.x.dtype == dtype
    residual = np.linalg.norm(B.astype(float) - A.astype(float) @ result.x.astype(float), axis=0)
    assert (residual <= 1.02 * rtol * np.linalg.norm(B.astype(float), axis=0)).all()
    assert not result.x[:, 5].any() and result.columns[5].iterations == 0
    assert result.params["rank"] <= 4
    assert result.residuals.shape[1] == 8


def test_one_column_many_times():
    A = poisson2d(15)
    b = columns(225, 1)
    result = cg(A, np.tile(b, (1, 7)), rtol=1e-9, block=True)
    check(A, np.tile(b, (1, 7)), result, 1e-9)
    assert result.params["rank"] == 1
    assert result.iterations <= cg(A, b[:, 0], rtol=1e-9).iterations + 1


@pytest.mark.parametrize("M", ["jacobi", "ssor", "mic", "mg", "jacobi object", "operator"])
def test_preconditioners(M):
    A = diffusion2d(24, contrast=1000.0, rng=5)
    B = columns(576, 5)
    inverse = 1 / A.diagonal()
    made = {
        "mg": lambda: black_box_mg(A, (24, 24)),
        "jacobi object": lambda: Jacobi(A),
        "operator": lambda: LinearOperator(A.shape, matvec=lambda r: inverse * np.ravel(r), dtype=float),
    }
    result = cg(A, B, rtol=1e-9, M=made[M]() if M in made else M, block=True)
    check(A, B, result, 1e-9)
    assert result.iterations < cg(A, B, rtol=1e-9, block=True).iterations
    if M in ("jacobi object", "operator"):
        assert abs(result.iterations - cg(A, B, rtol=1e-9, M="jacobi", block=True).iterations) <= 1


def test_objects_of_the_preconditioners():
    A = poisson2d(16)
    B = columns(256, 3)
    for M in (SSOR(A, 1.5), MIC(A)):
        check(A, B, cg(A, B, rtol=1e-9, M=M, block=True), 1e-9)
    check(A, B, cg(aslinearoperator(A), B, rtol=1e-9, block=True), 1e-9)
    check(A, B, cg(A.toarray(), B, rtol=1e-9, block=True), 1e-9)


def test_scales_and_starts():
    A = poisson2d(16)
    B = columns(256, 4) * np.array([1e-200, 1.0, 1e150, 1e-9])
    result = cg(A, B, rtol=1e-10, block=True)
    for j in range(4):
        assert np.linalg.norm(B[:, j] - A @ result.x[:, j]) <= 1e-10 * np.linalg.norm(B[:, j])
    start = result.x * (1 + 1e-6)
    kept = start.copy()
    warm = cg(A, B, x0=start, rtol=1e-10, block=True)
    assert warm.converged and warm.iterations < result.iterations
    np.testing.assert_array_equal(start, kept)
    assert cg(A * 1e-120, B, rtol=1e-10, block=True).converged
    assert cg(A, B, x0=result.x, rtol=1e-9, block=True).iterations == 0


@pytest.mark.parametrize("itype", [np.int32, np.int64])
def test_index_types_orders_and_workers(itype):
    A = poisson2d(70).tocsr()
    order = np.random.default_rng(0).permutation(A.shape[0])
    A = sp.csr_array(A[order][:, order])
    A.indices, A.indptr = A.indices.astype(itype), A.indptr.astype(itype)
    B = columns(4900, 3)
    first = cg(A, B, rtol=1e-6, block=True, workers=1)
    for workers in (2, 4):
        np.testing.assert_array_equal(cg(A, B, rtol=1e-6, block=True, workers=workers).x, first.x)
    frozen = np.asfortranarray(B)
    frozen.flags.writeable = False
    np.testing.assert_array_equal(cg(A, frozen, rtol=1e-6, block=True).x, first.x)


def test_statuses():
    B = columns(4, 2)
    assert cg(sp.csr_array(np.diag([1.0, 2.0, -1.0, 3.0])), B, block=True).status == "indefinite_matrix"
    A = poisson2d(20)
    few = cg(A, columns(400, 3), rtol=1e-10, maxiter=3, block=True)
    assert few.status == "maxiter" and few.info == 3 and few.iterations == 3
    bad = cg(A, columns(400, 3), M=-np.eye(400), block=True)
    assert bad.status == "indefinite_preconditioner"
    B = columns(400, 3)
    for at in (0, 200, 399):
        C = B.copy()
        C[at, 1] = np.nan
        result = cg(A, C, rtol=1e-8, block=True, check_finite=False)
        assert [c.status for c in result.columns] == ["converged", "non_finite", "converged"]
        with pytest.raises(ValueError, match="b contains nan"):
            cg(A, C, block=True)
    A = A.copy()
    A.data[7] = np.inf
    assert cg(A, B, block=True, check_finite=False).status == "non_finite"


def test_arguments():
    A = poisson2d(5)
    for wrong, options in (
        (np.ones(25), {}),
        (np.ones((25, 2)), {"mixed": True}),
        (np.ones((25, 2)), {"nullspace": "constant"}),
        (np.ones((25, 2)) * 1j, {}),
    ):
        with pytest.raises(ValueError, match="block takes"):
            cg(A, wrong, block=True, **options)
    with pytest.raises(ValueError, match="b has shape"):
        cg(A, np.ones((24, 2)), block=True)
    with pytest.raises(ValueError, match="x0 has shape"):
        cg(A, np.ones((25, 2)), x0=np.ones((25, 3)), block=True)
    with pytest.raises(ValueError, match="at most 64"):
        cg(A, np.ones((25, 65)), block=True)
    assert cg(A, np.ones((25, 0)), block=True).x.shape == (25, 0)
    assert cg(A, np.zeros((25, 2)), block=True).converged


def test_callback_and_operators_that_raise():
    A = poisson2d(10)
    B = columns(100, 3) * np.array([1e-150, 1.0, 1.0])
    seen = []
    result = cg(A, B, callback=lambda xk: seen.append(xk.copy()), rtol=1e-6, block=True)
    assert len(seen) == result.iterations and seen[0].shape == (100, 3)
    np.testing.assert_array_equal(seen[-1], result.x)
    with pytest.raises(KeyError):
        cg(A, B, callback=lambda xk: {}["stop"], block=True)

    def bad(x):
        raise RuntimeError("no product today")

    with pytest.raises(RuntimeError, match="no product"):
        cg(LinearOperator((10, 10), matvec=bad, dtype=float), np.ones((10, 2)), block=True)
    with pytest.raises(RuntimeError, match="no product"):
        cg(poisson2d(10), B, M=LinearOperator((100, 100), matvec=bad, dtype=float), block=True)
