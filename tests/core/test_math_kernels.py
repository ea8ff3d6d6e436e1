"""Vector kernels of elementary functions: special values, both backends bit for bit, workers, in-place use."""

import numpy as np
import pytest

from kriss import _backend
from kriss._backend import kernels

UNARY = ["exp", "expm1", "log", "log1p", "erfc", "sin", "cos"]
DTYPES = [np.float64, np.float32]


def run(name, x, workers=1, module=None):
    out = np.empty_like(x)
    getattr(module or kernels("math"), name)(x, out, workers)
    return out


def bits(a):
    return a.view(f"u{a.dtype.itemsize}")


def same_bits(a, b):
    """Equal bit patterns; NaNs count as equal whatever their payload."""
    return np.array_equal(bits(a)[~np.isnan(a)], bits(b)[~np.isnan(b)]) and np.array_equal(np.isnan(a), np.isnan(b))


def samples(dtype, n=20011, seed=5):
    """Ordinary values, every binade of both signs, subnormals, and the special values."""
    rng = np.random.default_rng(seed)
    info = np.finfo(dtype)
    ordinary = rng.uniform(-30, 30, n)
    # Uniform bit patterns of one sign up to infinity, then both signs.
    top = int(bits(np.array([np.inf], dtype))[0])
    random_bits = rng.integers(0, top, n, dtype=np.uint64).astype(f"u{np.dtype(dtype).itemsize}").view(dtype)
    special = [0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, info.max, -info.max, info.tiny, -info.tiny]
    special += [info.smallest_subnormal, -info.smallest_subnormal, info.eps, -info.eps, 1 + info.eps, 1 - info.epsneg]
    return np.concatenate([ordinary.astype(dtype), random_bits, -random_bits, np.array(special, dtype)])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", UNARY)
def test_backends_return_the_same_bits(name, dtype):
    if _backend.core() is None or not _backend.has_numba():
        pytest.skip("needs both backends")
    from kriss._numba import math as twin

    x = samples(dtype)
    assert same_bits(run(name, x, module=_backend.core().math), run(name, x, module=twin))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", UNARY)
def test_workers_and_chunking_do_not_matter(name, dtype):
    x = samples(dtype, n=30000)
    one = run(name, x, 1)
    for workers in (2, 4):
        assert same_bits(one, run(name, x, workers))
    # Element by element: the vector body and the scalar remainder of a loop agree.
    part = np.ascontiguousarray(x[::997])
    single = np.concatenate([run(name, part[i : i + 1]) for i in range(part.size)])
    assert same_bits(single, one[::997])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", UNARY)
@pytest.mark.parametrize("n", [0, 1, 2, 3, 5, 10, 50])
def test_small_sizes_and_in_place(name, dtype, n):
    x = np.linspace(0.1, 2.0, n).astype(dtype)
    kept = x.copy()
    out = run(name, x)
    assert np.array_equal(x, kept)
    getattr(kernels("math"), name)(x, x, 1)
    assert same_bits(x, out)


@pytest.mark.parametrize("dtype", DTYPES)
def test_sincos_returns_the_bits_of_sin_and_cos(dtype):
    x = samples(dtype)
    s, c = np.empty_like(x), np.empty_like(x)
    kernels("math").sincos(x, s, c, 2)
    assert same_bits(s, run("sin", x)) and same_bits(c, run("cos", x))
    kernels("math").sincos(x, x, c, 1)
    assert same_bits(x, s)


def test_wrong_dtype_and_size_are_refused():
    f = kernels("math").exp
    with pytest.raises(TypeError):
        f(np.zeros(3), np.zeros(3, np.float32), 1)
    with pytest.raises(TypeError):
        f(np.zeros(3, np.int64), np.zeros(3), 1)
    with pytest.raises(ValueError, match="out"):
        f(np.zeros(3), np.zeros(4), 1)


@pytest.mark.parametrize("dtype", DTYPES)
def test_exp_special_values(dtype):
    x = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1e4, -1e4], dtype)
    assert np.array_equal(run("exp", x), np.array([1, 1, np.inf, 0, np.nan, np.inf, 0], dtype), equal_nan=True)


def test_exp_at_the_borders():
    # The largest argument that does not overflow, the smallest that gives a normal and a non-zero result.
    x = np.array([709.782712893384, 709.7827128933841, -708.3964185322641, -745.1332191019411, -745.1332191019412])
    y = run("exp", x)
    assert np.isfinite(y[0]) and np.isinf(y[1])
    assert abs(y[2] / np.finfo(float).tiny - 1) < 2e-13
    assert y[3] == 5e-324 and y[4] == 0.0


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_triad(workers, rng):
    b, c = rng.standard_normal((2, 100001))
    a = np.empty_like(b)
    kernels("math").triad(1.5, b, c, a, workers)
    assert np.array_equal(a, b + 1.5 * c)


def test_multiply_adds_does_the_flops_it_says(rng):
    x = rng.standard_normal(256).astype(np.float32)
    expected = x.copy()
    for _ in range(5):
        expected = expected * np.float32(0.5) + np.float32(1.25)
    before = x.copy()
    flops = kernels("math").multiply_adds(5, 0.5, 1.25, x)
    done = int(flops / 10)
    assert flops == 10 * done and 1 <= done <= 256
    assert np.array_equal(x[:done], expected[:done]) and np.array_equal(x[done:], before[done:])


def test_philox_known_answers():
    f = kernels("math").philox4x32
    ones = 2**64 - 1
    assert f(0, 0, 0) == (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)
    assert f(ones, ones, ones) == (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)
    assert f(0x299F31D0A4093822, 0x0370734413198A2E, 0x85A308D3243F6A88) == (
        0xD16CFE09,
        0x94FDCCEB,
        0x5001E420,
        0x24126EA1,
    )


def test_normals_have_the_same_bits_in_both_backends():
    if _backend.core() is None or not _backend.has_numba():
        pytest.skip("needs both backends")
    from kriss._numba import math as twin

    counters = [(3, 0, i) for i in range(500)] + [(2**64 - 1, 2**64 - 1, 2**64 - 1)]
    for counter in counters:
        assert _backend.core().math.normal_pair(*counter) == twin.normal_pair(*counter)


def test_normals_are_normal():
    from scipy import stats

    z = np.array([kernels("math").normal_pair(11, 5, i) for i in range(10000)]).ravel()
    assert stats.kstest(z, "norm").pvalue > 1e-4  # a fixed sample: this figure does not change from run to run


def test_generator_helpers_of_the_twin():
    if not _backend.has_numba():
        pytest.skip("needs numba")
    from kriss._numba import _philox as p

    top = 2**32 - 1
    assert p.uniform53(0, 0) == 2.0**-53 and p.uniform53(top, top) == 1 - 2.0**-53
    assert p.uniform24(0) == 2.0**-24 and p.uniform24(top) == 1 - 2.0**-24
    for bound in (1, 7, 2**31, top):
        assert p.bounded32(0, bound) == 0 and p.bounded32(top, bound) == bound - 1
        assert p.bounded64(0, 0, bound) == 0 and p.bounded64(top, top, bound) == bound - 1
    assert p.random_sign(0) == 1.0 and p.random_sign(2**31) == -1.0
