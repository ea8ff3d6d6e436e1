"""The passes of the least-squares solvers against 50 digits, and the two backends against each other."""

import mpmath
import numpy as np
import pytest
import scipy.sparse as sps

import kriss
from kriss import _backend
from kriss.sketch._certificate import padded


def both_backends():
    out = []
    for name in ("compiled", "numba"):
        try:
            with kriss.use_backend(name):
                out.append(_backend.kernels("sketch_lstsq"))
        except RuntimeError:
            pytest.skip(f"{name} is not available")
    return out


def dense_pass(kernels, a, b, scale, bscale, high, low, workers=1):
    n, nrhs = high.shape
    wide = padded(n)
    z = np.zeros((2, nrhs, wide))
    z[0, :, :n], z[1, :, :n] = high.T, low.T
    g = np.empty((2, nrhs, wide))
    rr = np.empty(nrhs)
    kernels.extended_pass(a, b, scale, bscale, z[0], z[1], g[0], g[1], rr, workers)
    assert np.isnan(a).any() or not g[:, :, n:].any()
    return g[0, :, :n].T.copy(), g[1, :, :n].T.copy(), rr


def csr_pass(kernels, a, b, bscale, high, low, workers=1):
    g, g_low = np.empty(high.shape), np.empty(high.shape)
    rr = np.empty(high.shape[1])
    kernels.csr_pass(a.indptr, a.indices, a.data, b, bscale, high, low, g, g_low, rr, workers)
    return g, g_low, rr


def exact(a, b, high, low):
    """A'(b - A z) and |b - A z|^2 in 50 digits, as mpmath numbers."""
    with mpmath.workdps(50):
        A, z = mpmath.matrix(a.tolist()), mpmath.matrix(high.tolist()) + mpmath.matrix(low.tolist())
        r = mpmath.matrix(b.tolist()) - A * z
        return A.T * r, [sum(r[i, q] ** 2 for i in range(r.rows)) for q in range(r.cols)]


def distance(g, g_low, want):
    """The largest error of g + g_low, as floats."""
    with mpmath.workdps(50):
        return max(
            float(abs(mpmath.mpf(g[i, q]) + mpmath.mpf(g_low[i, q]) - want[i, q]))
            for i in range(g.shape[0])
            for q in range(g.shape[1])
        )


@pytest.mark.parametrize("shape", [(1, 1), (5, 3), (130, 9), (300, 17)])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_dense_pass_has_twice_the_digits(rng, shape, dtype):
    m, n = shape
    a, b = rng.standard_normal((m, n)).astype(dtype), rng.standard_normal((m, 2)).astype(dtype)
    # At the solution the gradient cancels: what is left of it must still be right.
    z = np.linalg.lstsq(a.astype(float), b.astype(float), rcond=None)[0]
    low = z * 1e-17 * rng.standard_normal(z.shape)
    kernels = _backend.kernels("sketch_lstsq")
    g, g_low, rr = dense_pass(kernels, a, b, np.ones(n), np.ones(2), z, low)
    want, norms = exact(a, b, z, low)
    # Ogita, Rump and Oishi's bound is eps^2 times the sum of absolute values times the square of the length.
    assert distance(g, g_low, want) <= 1e-31 * m * n
    assert np.allclose(rr, [float(v) for v in norms], rtol=1e-15, atol=1e-30)
    assert np.all(g + g_low == g)


@pytest.mark.parametrize("m", [1, 7, 400])
def test_csr_pass_has_twice_the_digits(rng, m):
    a = sps.random_array((m, 11), density=0.4, format="csr", rng=rng)
    b = rng.standard_normal((m, 2))
    z = rng.standard_normal((11, 2))
    low = z * 1e-17
    kernels = _backend.kernels("sketch_lstsq")
    g, g_low, rr = csr_pass(kernels, a, b, np.ones(2), z, low)
    want, norms = exact(a.toarray(), b, z, low)
    assert distance(g, g_low, want) <= 1e-31 * m * 11
    assert np.allclose(rr, [float(v) for v in norms], rtol=1e-15)
    plain, zero, rr = csr_pass(kernels, a, b, np.ones(2), z, np.empty((0, 0)))
    assert distance(plain, zero, want) <= 1e-15 * m * 11
    assert not zero.any()


@pytest.mark.parametrize("shape", [(0, 3), (1, 1), (2047, 7), (2049, 8), (70_000, 9)])
def test_dense_pass_has_the_same_bits_everywhere(rng, shape):
    m, n = shape
    wide = np.full((m, 2 * n), np.nan)
    wide[:, ::2] = rng.standard_normal((m, n))
    a, b = wide[:, ::2], rng.standard_normal((m, 3))
    z, low = rng.standard_normal((n, 3)), 1e-17 * rng.standard_normal((n, 3))
    scale, bscale = 2.0 ** rng.integers(-9, 9, n), 2.0 ** rng.integers(-9, 9, 3)
    compiled, numba = both_backends()
    base = dense_pass(compiled, a, b, scale, bscale, z, low)
    for workers in (2, 3, 4):
        for one, other in zip(base, dense_pass(compiled, a, b, scale, bscale, z, low, workers), strict=True):
            assert np.array_equal(one, other)
    for other in (np.asfortranarray(a), np.ascontiguousarray(a)):
        assert np.array_equal(dense_pass(compiled, other, b, scale, bscale, z, low)[0], base[0])
    for one, other in zip(base, dense_pass(numba, a, b, scale, bscale, z, low), strict=True):
        assert np.array_equal(one, other)


@pytest.mark.parametrize("index", [np.int32, np.int64])
@pytest.mark.parametrize("twofold", [True, False])
@pytest.mark.parametrize(("m", "n"), [(0, 3), (1, 1), (2049, 5), (70_000, 40), (9000, 5000)])
def test_csr_pass_has_the_same_bits_everywhere(rng, m, n, index, twofold):
    a = sps.random_array((m, n), density=min(1.0, 6 / n), format="csr", rng=rng)
    a.indptr, a.indices = a.indptr.astype(index), a.indices.astype(index)
    b, z = rng.standard_normal((m, 2)), rng.standard_normal((n, 2))
    low = 1e-17 * z if twofold else np.empty((0, 0))
    bscale = np.array([0.5, 4.0])
    compiled, numba = both_backends()
    base = csr_pass(compiled, a, b, bscale, z, low)
    for workers in (2, 3, 4):
        for one, other in zip(base, csr_pass(compiled, a, b, bscale, z, low, workers), strict=True):
            assert np.array_equal(one, other)
    for one, other in zip(base, csr_pass(numba, a, b, bscale, z, low), strict=True):
        assert np.array_equal(one, other)


def test_nan_reaches_the_result(rng):
    kernels = _backend.kernels("sketch_lstsq")
    for place in (0, 1500, 2999):
        a, b = rng.standard_normal((3000, 9)), rng.standard_normal((3000, 1))
        a[place, 4] = np.nan
        z = rng.standard_normal((9, 1))
        g, _, rr = dense_pass(kernels, a, b, np.ones(9), np.ones(1), z, 0 * z)
        assert np.isnan(rr).all() and np.isnan(g).all()
        g, _, rr = csr_pass(kernels, sps.csr_array(a), b, np.ones(1), z, 0 * z)
        assert np.isnan(rr).all() and np.isnan(g).all()


@pytest.mark.skipif(_backend.core() is None, reason="the compiled module is not built here")
def test_sizes_that_disagree_raise_in_the_compiled_module():
    k = _backend.core().sketch_lstsq
    A, b, one, s, z = np.ones((20, 3)), np.ones((20, 1)), np.ones(1), np.ones(3), np.zeros((1, 8))
    C, y, e = sps.csr_array(A), np.zeros((3, 1)), np.empty((0, 0))
    for call in [
        lambda: k.extended_pass(A, b[1:], s, one, z, z, z.copy(), z.copy(), one, 1),
        lambda: k.extended_pass(A, b, s[1:], one, z, z, z.copy(), z.copy(), one, 1),
        lambda: k.extended_pass(A, b, s, one, z[:, :3].copy(), z, z.copy(), z.copy(), one, 1),
        lambda: k.extended_pass(A, b, s, np.ones(2), z, z, z.copy(), z.copy(), one, 1),
        lambda: k.csr_pass(C.indptr, C.indices, C.data, b[1:], one, y, e, y.copy(), y.copy(), one, 1),
        lambda: k.csr_pass(C.indptr, C.indices, C.data[1:], b, one, y, e, y.copy(), y.copy(), one, 1),
        lambda: k.csr_pass(C.indptr, C.indices, C.data, b, one, y, e, y[1:].copy(), y.copy(), one, 1),
        lambda: k.csr_pass(C.indptr, C.indices, C.data, b, one, y, y[1:].copy(), y.copy(), y.copy(), one, 1),
    ]:
        with pytest.raises(ValueError, match=r"must|disagree|expected"):
            call()
