"""The sketch on a GPU. What ran where is recorded under benchmarks/results/gpu/; without a device this is skipped."""

import numpy as np
import pytest

from kriss.sketch import SparseSign, lstsq, sketch

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


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("method", ["gram", "preconditioned-gram", "spir", "lapack"])
def test_lstsq(cp, rng, dtype, order, method):
    A = np.asarray(rng.standard_normal((30_000, 40)), dtype, order=order)
    b = rng.standard_normal((30_000, 11)).astype(dtype)
    there = lstsq(cp.asarray(A, order=order), cp.asarray(b), method=method, rng=0)
    here = lstsq(A, b, method=method, rng=0)
    assert isinstance(there.x, cp.ndarray) and there.method == method
    assert there.backward_error <= np.finfo(dtype).eps
    np.testing.assert_allclose(cp.asnumpy(there.x), here.x, rtol=0, atol=30 * np.finfo(dtype).eps * abs(here.x).max())


def test_lstsq_of_deficient_rank(cp, rng):
    A = rng.standard_normal((20_000, 12))
    A = np.hstack([A, A[:, :3] @ rng.standard_normal((3, 2)), np.zeros((20_000, 1))])
    b = rng.standard_normal(20_000)
    there = lstsq(cp.asarray(A), cp.asarray(b), rng=0)
    expected, _, rank, _ = np.linalg.lstsq(A, b)
    assert there.rank == rank == 12 and there.backward_error <= 2.3e-16
    np.testing.assert_allclose(cp.asnumpy(there.x), expected, rtol=0, atol=1e-12 * abs(expected).max())
