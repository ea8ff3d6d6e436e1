"""Spline evaluation on a CUDA device against the host."""

import numpy as np
import pytest

from kriss.spline import Spline, cubic

pytestmark = pytest.mark.gpu


@pytest.fixture
def cp():
    return pytest.importorskip("cupy")


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("graded", [False, True])
@pytest.mark.parametrize("columns", [(), (3,), (2, 40)])
def test_values_have_the_bits_of_the_host(cp, dtype, graded, columns, rng):
    x = np.unique((np.logspace(-30, 0, 800) if graded else np.linspace(0, 1, 800)).astype(dtype))
    s = Spline(x, rng.standard_normal((4, x.size - 1, *columns)).astype(dtype))
    there = s.to_device()
    q = rng.uniform(-0.5, 1.5, (7, 501)).astype(dtype)
    q[3, 3] = np.nan
    # Built with --fmad=false from the same header: the same operations in the same order.
    for nu in (0, 1, 2, 4):
        for extrapolate in (True, False, "periodic", "constant", "zero"):
            expected = s(q, nu, extrapolate=extrapolate)
            np.testing.assert_array_equal(cp.asnumpy(there(cp.asarray(q), nu, extrapolate=extrapolate)), expected)


def test_arguments(cp, rng):
    s = cubic(np.arange(5.0), rng.standard_normal(5)).to_device()
    q = cp.linspace(0, 4, 10)
    out = cp.empty(10)
    assert s(q, out=out) is out
    assert s(cp.empty(0)).shape == (0,)
    with pytest.raises(TypeError, match="CuPy"):
        s(np.zeros(3))
    with pytest.raises(TypeError, match="dtype"):
        s(q.astype(np.float32))
    with pytest.raises(ValueError, match="out"):
        s(q, out=cp.empty(9))
