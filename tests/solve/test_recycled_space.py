"""The space that one system of a sequence hands to the next, as an object."""

import pickle

import numpy as np
import pytest
import scipy.sparse as sp

from kriss.solve import RecycledSpace, gcrodr
from kriss.testing import poisson2d


def check(A, b, result, tol):
    assert result.status == "converged"
    assert np.linalg.norm(b - A @ result.x) <= 1.01 * tol * np.linalg.norm(b)


def problem(size=14):
    n = size * size
    A = poisson2d(size) + sp.diags_array([-0.4, 0.4], offsets=[-1, 1], shape=(n, n))
    return sp.csr_array(A), np.random.default_rng(5).standard_normal(n)


def test_recycled_space_is_an_honest_object():
    A, b = problem()
    result = gcrodr(A, b, M="jacobi", restart=12, recycle=4, rtol=1e-8)
    space = result.recycled
    assert repr(space) == "RecycledSpace(n=196, k=4, dtype=float64)"
    assert space.nbytes == 2 * 196 * 4 * 8
    with pytest.raises(ValueError, match="read-only"):
        space.vectors[0, 0] = 1
    with pytest.raises(AttributeError):
        space.vectors = None
    again = pickle.loads(pickle.dumps(space))
    np.testing.assert_array_equal(again.vectors, space.vectors)
    np.testing.assert_array_equal(again.directions, space.directions)
    with pytest.raises(ValueError, match="read-only"):
        again.vectors[0, 0] = 1
    options = {"M": "jacobi", "restart": 12, "recycle": 4, "rtol": 1e-8}
    x = gcrodr(A, b, space=space, **options).x
    np.testing.assert_array_equal(gcrodr(A, b, space=again, **options).x, x)
    for wrong, message in (((np.ones(3),), "shape"), ((np.ones((3, 2)), np.ones((3, 1))), r"expected \(3, 2\)")):
        with pytest.raises(ValueError, match=message):
            RecycledSpace(*wrong)


@pytest.mark.parametrize("space", ["recycled", "array"])
def test_a_space_that_does_not_fit_is_refused(space):
    A, b = problem()
    other = gcrodr(*problem(8), restart=12, recycle=4).recycled
    with pytest.raises(ValueError, match=r"space has shape \(64, 4\), expected \(196, k\)"):
        gcrodr(A, b, space=other if space == "recycled" else np.asarray(other.vectors))


def test_columns_that_are_no_use():
    A, b = problem()
    good = np.random.default_rng(0).standard_normal((196, 2))
    alone = gcrodr(A, b, space=good, rtol=1e-8, maxiter=1)
    zero = np.zeros((196, 1))
    for bad in (zero, good[:, :1] + good[:, 1:], 1e-300 * good[:, :1], good[:, :1] * (1 + 1e-14)):
        for place in (0, 1, 2):
            space = np.insert(good, [place], bad, axis=1)
            result = gcrodr(A, b, space=space, rtol=1e-8, maxiter=1)
            assert result.residual_norm <= alone.residual_norm * (1 + 1e-6)
            check(A, b, gcrodr(A, b, space=space, rtol=1e-8), 1e-8)
    for value in (np.nan, np.inf):
        for place in (0, 1, 2):
            space = np.insert(good, [place], zero + value, axis=1)
            result = gcrodr(A, b, space=space, rtol=1e-8, maxiter=1, check_finite=False)
            assert result.residual_norm == pytest.approx(alone.residual_norm, rel=1e-9)
    for scale in (2.0**-1000, 2.0**1000):
        result = gcrodr(A, b, space=scale * good, rtol=1e-8, maxiter=1)
        np.testing.assert_array_equal(result.x, gcrodr(A, b, space=good, rtol=1e-8, maxiter=1).x)
    nothing = gcrodr(A, b, space=np.zeros((196, 3)), rtol=1e-8)
    np.testing.assert_array_equal(nothing.x, gcrodr(A, b, rtol=1e-8).x)
    many = np.random.default_rng(1).standard_normal((196, 40))
    check(A, b, gcrodr(A, b, space=many, rtol=1e-8), 1e-8)


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.complex128, np.complex64])
def test_images_stay_orthonormal(dtype):
    """C = A X after hundreds of cycles that orthogonalise once where they may; M as different from A as can be."""
    A, b = problem(20)
    n, eps = len(b), float(np.finfo(dtype).eps)
    A = (A + 0.1j * sp.eye_array(n) if np.dtype(dtype).kind == "c" else A).astype(dtype)
    b = b.astype(dtype)
    M = sp.diags_array(np.logspace(0, 3, n)[np.random.default_rng(2).permutation(n)].astype(dtype))
    result = gcrodr(A, b, M=M, rtol=0.0, maxiter=2000, restart=10, recycle=4)
    C = A @ result.recycled.vectors
    gram = C.conj().T @ C
    assert result.iterations > 100 and result.recycled.k == 4
    rounding = 100 * eps * np.linalg.norm(abs(A) @ abs(result.recycled.vectors), axis=0).max()
    assert np.abs(gram - np.eye(4)).max() <= eps**0.5 + rounding
