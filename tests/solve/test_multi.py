"""Several right-hand sides: every column is the single solve, to the bit."""

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.sparse.linalg import LinearOperator, aslinearoperator

from kriss.solve import SSOR, Jacobi, cg
from kriss.testing import diffusion2d, poisson2d


def columns(n, k, dtype=np.float64, seed=3):
    return np.random.default_rng(seed).standard_normal((n, k)).astype(dtype)


def same_as_single(A, B, **options):
    together = cg(A, B, residuals=True, **options)
    for j in range(B.shape[1]):
        one = cg(A, B[:, j].copy(), residuals=True, **options)
        assert together.columns[j].status == one.status
        assert together.columns[j].iterations == one.iterations
        np.testing.assert_array_equal(together.x[:, j], one.x)
        np.testing.assert_array_equal(together.residuals[: one.iterations + 1, j], one.residuals)
        assert np.isnan(together.residuals[one.iterations + 1 :, j]).all()
        assert together.columns[j].residual_norm == pytest.approx(one.residual_norm, rel=1e-12)
    return together


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("M", [None, "jacobi", "ssor"])
@pytest.mark.parametrize("k", [1, 2, 3, 8, 11])
def test_columns_are_single_solves(k, M, dtype):
    A = diffusion2d(17, contrast=50.0, rng=2).astype(dtype) if k != 3 else poisson2d(40).astype(dtype)
    B = columns(A.shape[0], k, dtype)
    if k > 2:
        B[:, 1] = 0
        B[:, 2] *= dtype(1e-3)
    result = same_as_single(A, B, rtol=1e-4, M=M)
    assert result.x.dtype == dtype
    assert result.converged and result.info == 0
    assert result.iterations == max(c.iterations for c in result.columns)


@pytest.mark.parametrize("itype", [np.int32, np.int64])
def test_random_order_and_index_types(itype):
    A = poisson2d(30).tocsr()
    order = np.random.default_rng(0).permutation(A.shape[0])
    A = sp.csr_array(A[order][:, order])
    A.indices, A.indptr = A.indices.astype(itype), A.indptr.astype(itype)
    result = same_as_single(A, columns(900, 5), rtol=1e-8, M="jacobi")
    assert result.params["storage"] == "csr"


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_workers_do_not_matter(workers):
    A = poisson2d(120)
    B = columns(A.shape[0], 6)
    np.testing.assert_array_equal(cg(A, B, maxiter=30, workers=workers).x, cg(A, B, maxiter=30, workers=1).x)


@pytest.mark.parametrize("kind", ["constant", "variable", "band"])
def test_products_that_follow_the_direction(kind):
    # long enough that every worker walks a strip of its own
    A = poisson2d(220) if kind == "constant" else diffusion2d(220, contrast=50.0, rng=2)
    if kind == "band":
        rng = np.random.default_rng(1)
        rows = rng.integers(0, 48000, 40000)
        extra = sp.coo_array((-0.01 * rng.random(40000), (rows, rows + rng.integers(2, 90, 40000))), shape=A.shape)
        A = sp.csr_array(A + extra + extra.T + sp.eye_array(A.shape[0]))
    B = columns(A.shape[0], 3)
    first = None
    for workers in (1, 2, 3):
        result = same_as_single(A, B, rtol=1e-12, maxiter=5, M="jacobi", workers=workers)
        for j in range(3):
            assert result.columns[j].residual_norm == pytest.approx(result.residuals[5, j], rel=1e-9)
        first = result.x if first is None else first
        np.testing.assert_array_equal(result.x, first)
    assert result.params["storage"] == ("csr" if kind == "band" else "5 diagonals") or result.backend == "numba"


def test_operators_and_operator_preconditioners():
    A = poisson2d(20)
    B = columns(400, 5)
    inverse = 1 / A.diagonal()
    M = LinearOperator(A.shape, matvec=lambda r: inverse * np.ravel(r), dtype=float)
    result = same_as_single(aslinearoperator(A), B, rtol=1e-9, M=M)
    np.testing.assert_allclose(A @ result.x, B, atol=1e-8 * np.linalg.norm(B))
    for M in (SSOR(A, 1.5), Jacobi(A), A.toarray() * 0 + np.diag(inverse)):
        assert cg(A, B, rtol=1e-9, M=M).converged


def test_apply_multi_is_used():
    A = poisson2d(20)

    class Both(LinearOperator):
        calls = 0

        def __init__(self):
            super().__init__(np.dtype(float), A.shape)

        def _matvec(self, x):
            raise AssertionError("not a column at a time")

        def apply_multi(self, r, out):
            Both.calls += 1
            out[:] = r / 4

    assert cg(A, columns(400, 4), M=Both(), rtol=1e-6).converged
    assert Both.calls > 5


def test_start_and_scaling():
    A = poisson2d(20)
    B = columns(400, 3) * np.array([1e-200, 1.0, 1e150])
    X = cg(A, B, rtol=1e-10)
    assert X.converged
    for j in range(3):
        assert np.linalg.norm(B[:, j] - A @ X.x[:, j]) <= 1e-10 * np.linalg.norm(B[:, j])
    start = X.x * (1 + 1e-6)
    kept = start.copy()
    again = cg(A * 1e-100, B, rtol=1e-10)
    assert again.converged
    warm = cg(A, B, x0=start, rtol=1e-10)
    assert warm.converged and warm.iterations < X.iterations
    np.testing.assert_array_equal(start, kept)


def test_statuses_of_columns():
    A = sp.csr_array(np.diag([1.0, 2.0, -1.0, 3.0]))
    B = np.eye(4)[:, :3] + 0.0
    result = cg(A, B, rtol=1e-10)
    assert [c.status for c in result.columns] == ["converged", "converged", "indefinite_matrix"]
    assert result.status == "indefinite_matrix" and result.info == -1
    B[1, 1] = np.nan
    result = cg(A, B, rtol=1e-10, check_finite=False)
    assert [c.status for c in result.columns] == ["converged", "non_finite", "indefinite_matrix"]
    few = cg(poisson2d(20), columns(400, 3), rtol=1e-10, maxiter=3)
    assert few.status == "maxiter" and few.info == 3
    assert not few.converged


def test_shapes():
    A = poisson2d(5)
    with pytest.raises(ValueError, match="b has shape"):
        cg(A, np.ones((24, 2)))
    with pytest.raises(ValueError, match="x0 has shape"):
        cg(A, np.ones((25, 2)), x0=np.ones((25, 3)))
    with pytest.raises(ValueError, match=r"3-D|1-D|2-D"):
        cg(A, np.ones((25, 2, 2)))
    assert cg(A, np.ones((25, 0))).x.shape == (25, 0)
    assert cg(A, np.ones((25, 1))).x.shape == (25, 1)
    F = np.asfortranarray(columns(25, 3))
    np.testing.assert_array_equal(cg(A, F).x, cg(A, F.copy(order="C")).x)


def test_callback_takes_columns_one_after_another():
    A = poisson2d(10)
    seen = []
    result = cg(A, columns(100, 3), callback=lambda xk: seen.append(xk.copy()), rtol=1e-6)
    assert result.converged and len(seen) == sum(c.iterations for c in result.columns)
    with pytest.raises(KeyError):
        cg(A, columns(100, 3), callback=lambda xk: {}["stop"])


def test_operator_that_raises():
    def bad(x):
        raise RuntimeError("no product today")

    A = LinearOperator((10, 10), matvec=bad, matmat=bad, dtype=float)
    with pytest.raises(RuntimeError, match="no product"):
        cg(A, np.ones((10, 2)))
