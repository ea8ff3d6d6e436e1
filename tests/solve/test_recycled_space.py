"""The space that one system of a sequence hands to the next, as an object."""

import pickle

import numpy as np
import pytest
import scipy.sparse as sp

from kriss.solve import RecycledSpace, gcrodr
from kriss.testing import poisson2d


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
