"""The compiled dense sketches and random features and their Numba twins: the same bits."""

import numpy as np
import pytest
import scipy.sparse as sps

from kriss import _backend, use_backend
from kriss.sketch import SRHT, CountSketch, Gaussian, RandomFeatures, TensorSRHT, fwht

pytestmark = pytest.mark.skipif(
    _backend.core() is None or not _backend.has_numba(), reason="needs the compiled module and numba"
)


def agree(call):
    with use_backend("compiled"):
        ours = call()
    with use_backend("numba"):
        twin = call()
    assert ours.dtype == twin.dtype and np.array_equal(ours, twin)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_sketches(rng, dtype):
    A = rng.standard_normal((777, 19)).astype(dtype)
    C = sps.csr_array(np.where(A > 0.5, A, 0))
    for make in (
        lambda: SRHT(50, rng=1),
        lambda: SRHT(50, tile=64, rng=1),
        lambda: Gaussian(33, rng=1),
        lambda: CountSketch(40, rng=1),
    ):
        agree(lambda make=make: make().apply(A, 13))
        agree(lambda make=make: make().apply(C, 13))
    agree(lambda: Gaussian(33, rng=1).matrix(40, 2**40))
    agree(lambda: TensorSRHT(40, 30, 25, rng=0).apply(A[:30], A[:25]))
    agree(lambda: TensorSRHT(40, 30, 25, rng=0).apply_vector(A.ravel()[:750]))
    agree(lambda: fwht(A[:512], orthonormal=True))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("scale", [1.0, 1e6])
def test_features(rng, dtype, scale):
    X = (scale * rng.standard_normal((50, 70))).astype(dtype)
    X[3, 1:] = 0  # exact zeros among its projections
    for options in ({}, {"kernel": "matern", "nu": 0.5}, *({"kernel": "arc-cosine", "order": k} for k in (0, 1))):
        agree(lambda options=options: RandomFeatures(300, rng=2, **options)(X))
