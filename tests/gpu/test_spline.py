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


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("columns", [(), (5,), (700,)])
@pytest.mark.parametrize("bc", ["not-a-knot", "natural", "clamped", "periodic"])
@pytest.mark.parametrize("n", [2, 3, 4, 5, 300])
def test_construction_has_the_bits_of_the_host(cp, dtype, columns, bc, n, rng):
    x = np.cumsum(rng.uniform(0.1, 1.0, n)).astype(dtype)
    y = rng.standard_normal((n, *columns, 2)).astype(dtype)  # at least two columns: the host's order for several
    y[-1] = y[0]
    s = cubic(cp.asarray(x), cp.asarray(y), bc=bc)
    expected = cubic(x, y, bc=bc)
    np.testing.assert_array_equal(cp.asnumpy(s.c), expected.c)
    q = rng.uniform(x[0] - 1, x[-1] + 1, 1000).astype(dtype)
    np.testing.assert_array_equal(cp.asnumpy(s(cp.asarray(q))), expected(q))


def test_construction_refuses_what_is_not_finite(cp, rng):
    x, y = np.arange(50.0), rng.standard_normal((50, 300))
    y[20, 123] = np.nan
    with pytest.raises(ValueError, match="not finite"):
        cubic(cp.asarray(x), cp.asarray(y))
    with pytest.raises(TypeError, match="GPU"):
        cubic(x, cp.asarray(y))
