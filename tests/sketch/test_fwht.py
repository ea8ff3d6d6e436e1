"""The Walsh-Hadamard transform: what it is, to the bit, for every layout."""

import numpy as np
import pytest
import scipy.linalg as sla
from hypothesis import given
from hypothesis import strategies as st

from kriss.sketch import fwht


def by_hand(x, axis=0):
    """Level by level from the widest butterfly, in the precision of x."""
    y = np.moveaxis(np.array(x), axis, 0).copy()
    h = len(y) // 2
    while h:
        for base in range(0, len(y), 2 * h):
            a, b = y[base : base + h].copy(), y[base + h : base + 2 * h].copy()
            y[base : base + h], y[base + h : base + 2 * h] = a + b, a - b
        h //= 2
    return np.moveaxis(y, 0, axis)


@pytest.mark.parametrize("n", [1, 2, 4, 8, 16, 32, 64, 128, 256, 1024])
def test_is_the_hadamard_matrix(rng, n):
    x = rng.integers(-9, 9, (n, 3)).astype(float)
    assert np.array_equal(fwht(x), sla.hadamard(n) @ x)
    assert np.array_equal(fwht(x.T, axis=1), (sla.hadamard(n) @ x).T)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("shape", [(1,), (2, 1), (4, 5), (64, 9), (512,), (4096, 3), (8192, 2), (32768,), (2, 16, 3)])
def test_every_bit_is_that_of_the_plain_levels(rng, dtype, shape):
    x = rng.standard_normal(shape).astype(dtype)
    for axis in range(-x.ndim, x.ndim):
        if x.shape[axis] & (x.shape[axis] - 1):
            with pytest.raises(ValueError, match="expected a power of two"):
                fwht(x, axis=axis)
            continue
        expected = by_hand(x, axis)
        got = fwht(x, axis=axis)
        assert got.dtype == dtype and np.array_equal(got, expected)
        for workers in (1, 2, 4):
            assert np.array_equal(fwht(x, axis=axis, workers=workers), expected)
        assert np.array_equal(fwht(np.asfortranarray(x), axis=axis), expected)


@pytest.mark.parametrize("n", [16, 8192])
def test_in_place_for_any_strides(rng, n):
    base = rng.standard_normal((n, 11))
    expected = by_hand(base)
    layouts = {
        "C": base.copy(),
        "F": np.asfortranarray(base),
        "every other column": np.repeat(base, 2, axis=1)[:, ::2],
        "every other row": np.repeat(base, 2, axis=0)[::2],
        "backwards": np.ascontiguousarray(base[::-1])[::-1],
        "columns backwards": np.ascontiguousarray(base[:, ::-1])[:, ::-1],
        "part of a cube": np.zeros((n, 11, 2)),
    }
    layouts["part of a cube"][:, :, 1] = base
    layouts["part of a cube"] = layouts["part of a cube"][:, :, 1]
    for name, x in layouts.items():
        assert fwht(x, out=x) is x
        assert np.array_equal(x, expected), name
    cube = rng.standard_normal((3, 4, n, 5, 2))
    want = by_hand(cube, 2)
    moved = np.ascontiguousarray(cube.transpose(4, 2, 0, 1, 3)).transpose(2, 3, 1, 4, 0)
    assert not moved.flags.c_contiguous
    fwht(moved, axis=2, out=moved)
    assert np.array_equal(moved, want)


def test_neighbours_of_a_view_are_left_alone(rng):
    whole = rng.standard_normal((64, 20))
    before = whole.copy()
    part = whole[::2, 3:14:3]
    fwht(part, out=part)
    assert np.array_equal(part, by_hand(before[::2, 3:14:3]))
    touched = np.zeros(whole.shape, bool)
    touched[::2, 3:14:3] = True
    assert np.array_equal(whole[~touched], before[~touched])


@pytest.mark.parametrize("n", [2, 64, 2**13])
def test_orthonormal(rng, n):
    x = rng.standard_normal((n, 4))
    y = fwht(x, orthonormal=True)
    eps = np.finfo(float).eps
    # log2(n) additions deep, so the error in norm stays below (log2(n) + 2) eps.
    bound = (np.log2(n) + 2) * eps * np.linalg.norm(x)
    assert np.linalg.norm(fwht(y, orthonormal=True) - x) < 2 * bound
    assert abs(np.linalg.norm(y) - np.linalg.norm(x)) < bound
    if np.log2(n) % 2 == 0:
        assert np.array_equal(y, fwht(x) / np.sqrt(n))


@pytest.mark.parametrize("scale", [2.0**900, 2.0**-900, 2.0**-1060])
def test_range(rng, scale):
    x = rng.integers(-9, 9, (64, 3)).astype(float)
    assert np.array_equal(fwht(x * scale), fwht(x) * scale)


def test_overflow_and_non_finite_values_are_not_silent():
    with pytest.raises(OverflowError, match="overflows"):
        fwht(np.full(4, 1e308))
    for bad in (np.nan, np.inf, -np.inf):
        for where in (0, 7, 15):
            x = np.ones(16)
            x[where] = bad
            with pytest.raises(ValueError, match=rf"x contains .* at index \({where},\)"):
                fwht(x)
            assert not np.isfinite(fwht(x, check_finite=False)).any()


def test_input_of_every_kind(rng):
    x = rng.integers(-5, 5, (16, 3))
    base = fwht(x.astype(float))
    read_only = x.astype(float)
    read_only.flags.writeable = False
    unaligned = np.frombuffer(b"x" + x.astype(float).tobytes(), np.uint8)[1:].view(np.float64).reshape(16, 3)
    record = np.zeros((16, 3), [("a", np.int8), ("b", np.float64)])
    record["b"] = x
    for same in (x, x.tolist(), x.astype(np.int8), x.astype(">f8"), read_only, unaligned, record["b"], x.astype("f4")):
        got = fwht(same)
        assert np.array_equal(got, base)
    assert fwht(x.astype(np.float32)).dtype == np.float32
    assert fwht(x.astype(np.float16)).dtype == np.float32
    assert np.array_equal(fwht(np.broadcast_to(1.0, (4, 2))), [[4, 4], [0, 0], [0, 0], [0, 0]])
    assert fwht(np.empty((4, 0))).shape == (4, 0)
    kept = x.astype(float)
    out = np.empty((16, 3))
    assert fwht(kept, out=out) is out
    assert np.array_equal(out, base) and np.array_equal(kept, x)


def test_bad_arguments():
    x = np.ones((4, 3))
    fixed = np.ones(4)
    fixed.flags.writeable = False
    record = np.zeros(4, [("a", np.int8), ("b", np.float64)])["b"]
    for exception, match, call in [
        (ValueError, "length 3", lambda: fwht(x, axis=1)),
        (ValueError, "length 0", lambda: fwht(np.empty((0, 3)))),
        (ValueError, "axis", lambda: fwht(x, axis=2)),
        (ValueError, "axis", lambda: fwht(x, axis=-3)),
        (TypeError, "axis", lambda: fwht(x, axis=0.0)),
        (ValueError, "shape", lambda: fwht(1.0)),
        (TypeError, "dtype", lambda: fwht(x * 1j)),
        (TypeError, "dtype", lambda: fwht(x.astype(object))),
        (TypeError, "dtype", lambda: fwht(x.astype(np.longdouble))),
        (ValueError, "masked", lambda: fwht(np.ma.masked_equal(x, 1.0))),
        (ValueError, "out has shape", lambda: fwht(x, out=np.zeros((4, 2)))),
        (TypeError, "out has dtype", lambda: fwht(x, out=np.zeros((4, 3), np.float32))),
        (ValueError, "overlaps", lambda: fwht(x, out=x[:])),
        (ValueError, "C-contiguous", lambda: fwht(x, out=np.zeros((4, 3), order="F"))),
        (ValueError, "in place", lambda: fwht(fixed, out=fixed)),
        (ValueError, "in place", lambda: fwht(record, out=record)),
        (ValueError, "workers", lambda: fwht(x, workers=0)),
    ]:
        with pytest.raises(exception, match=match):
            call()
    whole = np.arange(4)
    with pytest.raises(ValueError, match="in place"):
        fwht(whole, out=whole)
    assert np.array_equal(whole, np.arange(4))


@given(
    log=st.integers(0, 9), outer=st.integers(1, 4), inner=st.integers(1, 20), axis=st.integers(0, 2),
    seed=st.integers(0, 2**32), single=st.booleans(),
)  # fmt: skip
def test_twice_is_the_length(log, outer, inner, axis, seed, single):
    # Integers, so nothing rounds: H H = n I, for any shape.
    shape = [outer, inner]
    shape.insert(axis, 2**log)
    x = np.random.default_rng(seed).integers(-8, 8, shape).astype(np.float32 if single else np.float64)
    assert np.array_equal(fwht(fwht(x, axis=axis), axis=axis), 2**log * x)
