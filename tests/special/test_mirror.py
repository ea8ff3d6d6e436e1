"""kriss.scipy.special: SciPy's values, edges, types, delegation; SciPy's own tests run in tests/mirrors."""

import logging

import numpy as np
import pytest
import scipy.special

import kriss
import kriss.scipy.special

NAMES = ("iv", "ive", "kv", "kve")


def both(name):
    return getattr(kriss.scipy.special, name), getattr(scipy.special, name)


@pytest.mark.parametrize("name", NAMES)
def test_values_are_scipys(name, rng):
    ours, theirs = both(name)
    v, x = rng.uniform(0, 60, 5000), 10 ** rng.uniform(-3, 2.5, 5000)
    found, expected = ours(v, x), theirs(v, x)
    normal = np.isfinite(expected) & (expected > 1e-300)
    assert normal.mean() > 0.7
    # What one unit in the last place of v and x changes, and twice SciPy's own error.
    np.testing.assert_allclose(found[normal], expected[normal], rtol=4e-13)
    np.testing.assert_array_equal(np.isinf(found), np.isinf(expected))


@pytest.mark.parametrize("name", NAMES)
def test_edges_are_scipys(name):
    ours, theirs = both(name)
    values = [0.0, -0.0, 0.5, 1.0, 2.0, -1.0, -0.5, -2.5, 1e3, np.inf, -np.inf, np.nan, 1e-308, 5e-324]
    for v in values[:-2]:  # of subnormal orders SciPy's kv is NaN
        for z in values:
            np.testing.assert_allclose(ours(v, z), theirs(v, z), rtol=1e-12, err_msg=f"{v}, {z}")
    table = np.array(values[:-2])
    np.testing.assert_allclose(ours(table[:, None], table), theirs(table[:, None], table), rtol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_overflow_is_infinity_and_not_nan(name):
    ours, theirs = both(name)
    v, z = np.array([1.0, 1.0, 301.0, 301.0, 900.0]), np.array([700.0, 10003.0, 1.0, 1e-3, 5000.0])
    # SciPy's kv is 0 below 1e-304.
    np.testing.assert_allclose(ours(v, z), theirs(v, z), rtol=1e-12, atol=1e-304)


@pytest.mark.parametrize("name", NAMES)
def test_types_are_scipys(name, caplog):
    ours, theirs = both(name)
    cases = [
        (1.5, 2.0),
        (np.float32(1.5), np.float32(2.0)),
        (np.float32(1.5), 2.0),
        (1, 2),
        ([1, 2], [[0.5], [1.0]]),
        (np.float16(1), np.float16(2)),
        (np.empty(0), 1.0),
        (1.5, 2.0 + 1j),
        (True, 2.0),
    ]
    with caplog.at_level(logging.INFO, "kriss.dispatch"):
        for v, z in cases:
            found, expected = ours(v, z), theirs(v, z)
            assert type(found) is type(expected)
            assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
            np.testing.assert_allclose(found, expected, rtol=3e-7 if found.dtype.itemsize == 4 else 1e-12)
    assert [record for record in caplog.records if "complex" in record.getMessage()]
    out = np.zeros(3)
    z = np.array([1.0, -1.0, 2.0])
    assert ours(0.5, z, out=out, where=[True, True, False]) is out
    expected = np.zeros(3)
    theirs(0.5, z, out=expected, where=[True, True, False])
    np.testing.assert_allclose(out, expected, rtol=1e-12)
    np.testing.assert_allclose(ours(0.5, z, dtype=np.float64), theirs(0.5, z), rtol=1e-12)
    for bad in ("a", object()):
        with pytest.raises(TypeError):
            ours(1.0, bad)


def test_swapped_into_scipy():
    with kriss.use_in_scipy("special.kv", "special.ive"):
        assert scipy.special.kv is kriss.scipy.special.kv
        assert scipy.special.kv(0.5, 2.0) == kriss.scipy.special.kv(0.5, 2.0)
        assert np.isnan(scipy.special.kv(0.5, -1.0))  # SciPy's own, not ours again
    assert isinstance(scipy.special.kv, np.ufunc)
