"""The sketch on a GPU. What ran where is recorded under benchmarks/results/gpu/; without a device this is skipped."""

import numpy as np
import pytest

from kriss.sketch import SparseSign, sketch

pytestmark = pytest.mark.gpu


@pytest.fixture
def cp():
    return pytest.importorskip("cupy")


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize(
    ("m", "n", "d", "zeta"), [(1, 1, 8, 8), (5003, 37, 103, 8), (20_000, 100, 400, 4), (900, 3, 9000, 1)]
)
def test_agrees_with_the_cpu_to_rounding(cp, rng, dtype, order, m, n, d, zeta):
    A = np.asarray(rng.standard_normal((m, n)), dtype, order=order)
    S = SparseSign(d, zeta, rng=7)
    here = S.apply(A)
    there = S.apply(cp.asarray(A, order=order))
    assert isinstance(there, cp.ndarray) and there.dtype == dtype
    # Any order of summation: error at most (terms - 1) eps times the sum of magnitudes.
    bound = m * np.finfo(dtype).eps * (abs(S.matrix(m)) @ abs(A.astype(np.float64)))
    assert (abs(cp.asnumpy(there).astype(np.float64) - here) <= bound).all()


def test_same_bits_in_every_run_and_with_an_offset(cp, rng):
    A = cp.asarray(rng.standard_normal((30_000, 64)))
    S = SparseSign(512, rng=1)
    first = S.apply(A)
    assert all(bool((S.apply(A) == first).all()) for _ in range(3))
    both = S.apply(A[:1000])
    S.apply(A[1000:], row_offset=1000, out=both)
    assert float(abs(both - first).max()) < 1e-11


def test_bad_input(cp):
    with pytest.raises(TypeError, match="dtype"):
        sketch(cp.ones((10, 2), dtype=complex), 8)
    with pytest.raises(ValueError, match="NaN"):
        sketch(cp.full((10, 2), cp.nan), 8)
    with pytest.raises(TypeError, match="GPU"):
        SparseSign(8).apply(cp.ones((3, 2)), out=np.zeros((8, 2)))
