"""Transforms, SRHT and random features on a GPU, against the CPU. Without a device this is skipped."""

import numpy as np
import pytest

from kriss.sketch import SRHT, Gaussian, RandomFeatures, fwht

pytestmark = pytest.mark.gpu


@pytest.fixture
def cp():
    return pytest.importorskip("cupy")


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("shape", [(1,), (8, 3), (4096, 5), (2, 32768), (3, 64, 7)])
def test_fwht_has_the_bits_of_the_cpu(cp, rng, dtype, shape):
    x = rng.standard_normal(shape).astype(dtype)
    for axis in range(x.ndim):
        if x.shape[axis] & (x.shape[axis] - 1):
            continue
        there = fwht(cp.asarray(x), axis=axis, orthonormal=True)
        assert isinstance(there, cp.ndarray) and there.dtype == dtype
        assert np.array_equal(cp.asnumpy(there), fwht(x, axis=axis, orthonormal=True))
        in_place = cp.asarray(x)
        assert fwht(in_place, axis=axis, out=in_place) is in_place
        assert np.array_equal(cp.asnumpy(in_place), fwht(x, axis=axis))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize(("m", "n", "d"), [(1, 1, 8), (5003, 37, 103), (20_000, 100, 400)])
def test_srht_has_the_bits_of_the_cpu(cp, rng, dtype, order, m, n, d):
    A = np.asarray(rng.standard_normal((m, n)), dtype, order=order)
    S = SRHT(d, rng=7)
    for offset in (0, 1000):
        there = S.apply(cp.asarray(A, order=order), offset)
        assert isinstance(there, cp.ndarray) and np.array_equal(cp.asnumpy(there), S.apply(A, offset))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("options", [{}, {"kernel": "matern"}, {"kernel": "arc-cosine"}], ids=str)
def test_features_agree_with_the_cpu(cp, rng, dtype, options):
    X = rng.standard_normal((300, 100)).astype(dtype)
    features = RandomFeatures(1000, lengthscale=3.0, rng=1, **options)
    there = cp.asnumpy(features(cp.asarray(X)))
    # The same projections to the bit; sine and cosine from the same code, compiled by another compiler.
    assert abs(there - features(X)).max() <= 4 * np.finfo(dtype).eps


def test_bad_input(cp):
    A = cp.ones((16, 2))
    with pytest.raises(TypeError, match="has no kernels"):
        Gaussian(8).apply(A)
    with pytest.raises(TypeError, match="dtype"):
        fwht(A.astype(complex))
    with pytest.raises(ValueError, match="power of two"):
        fwht(cp.ones(3))
    with pytest.raises(ValueError, match="NaN"):
        SRHT(8).apply(cp.full((16, 2), cp.nan))
    with pytest.raises(TypeError, match="GPU"):
        SRHT(8).apply(A, out=np.zeros((8, 2)))
    with pytest.raises(ValueError, match="columns"):
        RandomFeatures(8, lengthscale=[1.0, 2.0, 3.0])(A)
