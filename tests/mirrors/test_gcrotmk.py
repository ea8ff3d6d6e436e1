"""kriss.scipy.sparse.linalg.gcrotmk against SciPy's: iterates, carried vectors, callbacks, codes, errors."""

import logging

import numpy as np
import pytest
import scipy.sparse as sp
import scipy.sparse.linalg as theirs
from scipy.sparse.linalg import LinearOperator

import kriss.scipy.sparse.linalg as ours
from kriss.testing import poisson2d


def system(dtype, size=12, seed=4):
    rng = np.random.default_rng(seed)
    A = poisson2d(size).tocsr()
    A = (A + sp.diags_array([-0.4, 0.4], offsets=[-1, 1], shape=A.shape)).tocsr()
    b = rng.standard_normal(size * size)
    if np.dtype(dtype).kind == "c":
        A, b = A + 0.2j * sp.eye_array(len(b)), b + 1j
    return sp.csr_array(A).astype(dtype), b.astype(dtype)


def both(*args, CU=None, **kwargs):
    results = []
    for module in (ours, theirs):
        seen, carried = [], None if CU is None else [(c if c is None else c.copy(), u.copy()) for c, u in CU]
        x, info = module.gcrotmk(*args, CU=carried, callback=lambda v, seen=seen: seen.append(v.copy()), **kwargs)
        results.append((x, info, seen, carried))
    return results


def close(x, y, factor=1e4):
    scale = factor * np.finfo(y.dtype).eps * np.abs(y).max()
    np.testing.assert_allclose(x, y, rtol=0, atol=scale)


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.complex128, np.complex64])
@pytest.mark.parametrize("precond", [False, True])
@pytest.mark.parametrize("truncate", ["oldest", "smallest"])
@pytest.mark.parametrize("m", [4, 20])
def test_iterates_and_codes(dtype, precond, truncate, m, caplog):
    A, b = system(dtype)
    d = 1 / A.diagonal()
    M = LinearOperator(A.shape, matvec=lambda r: d * np.ravel(r), dtype=dtype) if precond else None
    tol = 1e-8 if np.finfo(dtype).eps < 1e-10 else 1e-3
    with caplog.at_level(logging.INFO, "kriss.dispatch"):
        (x, info, seen, _), (y, code, expected, _) = both(A, b, M=M, rtol=tol, m=m, k=3, truncate=truncate)
    assert not caplog.records
    assert info == code == 0 and x.dtype == y.dtype == dtype and type(info) is type(code)
    assert len(seen) == len(expected) > 1
    for u, v in zip(seen[:4], expected[:4], strict=True):
        close(u, v)


@pytest.mark.parametrize("dtype", [np.float64, np.complex128])
@pytest.mark.parametrize("discard", [False, True])
def test_carried_vectors(dtype, discard):
    A, b = system(dtype)
    _, second = system(dtype, seed=5)
    first = both(A, b, rtol=1e-6, m=8, k=4, CU=[], discard_C=discard)
    for (c, u), (d, v) in zip(first[0][3], first[1][3], strict=True):
        assert (c is None) == (d is None)
        close(u, v, 1e6)
        if c is not None:
            close(c, d, 1e6)
            close(A @ u, c, 1e3)
    # from SciPy's vectors, so that both start alike; also for another matrix
    for matrix in (A, sp.csr_array(A + 0.05 * sp.eye_array(len(b)))):
        results = both(matrix, second, rtol=1e-8, m=8, k=4, CU=first[1][3], discard_C=True)
        (x, info, seen, carried), (y, code, expected, _) = results
        assert info == code == 0 and len(seen) == len(expected)
        close(seen[0], expected[0], 1e6)
        assert np.linalg.norm(second - matrix @ x) <= 1.01e-8 * np.linalg.norm(second)
        assert all(c is None for c, _ in carried)


def test_dependent_and_zero_carried_vectors():
    A, b = system(np.float64)
    u = np.random.default_rng(0).standard_normal(len(b))
    for CU in ([(None, u), (None, 2 * u)], [(None, u), (None, u + 1e-15)]):
        (x, info, seen, _), (y, code, expected, _) = both(A, b, rtol=1e-8, CU=CU)
        assert info == code == 0 and len(seen) == len(expected)
        close(x, y, 1e8)
    x, info = ours.gcrotmk(A, b, rtol=1e-8, CU=[(None, np.zeros_like(b))])
    assert info == 0 and np.linalg.norm(b - A @ x) <= 1.01e-8 * np.linalg.norm(b)


@pytest.mark.parametrize("maxiter", [1, 2, 3])
def test_too_few_iterations(maxiter):
    A, b = system(np.float64, 20)
    (x, info, seen, _), (y, code, expected, _) = both(A, b, maxiter=maxiter, rtol=1e-12, m=5)
    assert info == code == maxiter and len(seen) == len(expected)
    close(x, y)


def test_the_callback_sees_the_live_vector():
    A, b = system(np.float64)
    for module in (ours, theirs):
        seen = []
        x, _ = module.gcrotmk(A, b, m=3, callback=seen.append)
        assert all(v is seen[0] for v in seen)
        np.testing.assert_array_equal(seen[0], x)

    def stop(v):
        raise LookupError("enough")

    with pytest.raises(LookupError, match="enough"):
        ours.gcrotmk(A, b, callback=stop)


def test_not_finite_and_zero():
    A, b = system(np.float64)
    assert not ours.gcrotmk(A, 0 * b)[0].any()
    for bad in (np.nan, np.inf):
        worse, B = b.copy(), A.copy()
        worse[3] = B.data[3] = bad
        with pytest.raises(ValueError, match="finite"):
            ours.gcrotmk(A, worse)
        assert ours.gcrotmk(B, b)[1] == theirs.gcrotmk(B, b)[1] == 1


def test_what_goes_to_scipy(caplog):
    A, b = system(np.float64, 4)
    with caplog.at_level(logging.INFO, "kriss.dispatch"):
        ours.gcrotmk(A.toarray(), b)
        ours.gcrotmk(A, b, k=0)
        ours.gcrotmk(A, b, CU=[(None, b.astype(np.float32))])
        with pytest.raises(ValueError, match="truncate"):
            ours.gcrotmk(A, b, truncate="newest")
    assert [r.getMessage().split(":")[0] for r in caplog.records] == ["sparse.linalg.gcrotmk"] * 4
