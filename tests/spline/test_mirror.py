"""`kriss.scipy.interpolate.CubicSpline` against SciPy's: attributes, values, errors, and what users do to objects."""

import copy
import inspect
import itertools
import logging
import pickle
import threading

import numpy as np
import pytest
import scipy.interpolate as si
from numpy.testing import assert_allclose, assert_array_equal

from kriss import _backend
from kriss.scipy.interpolate import CubicSpline

BC = ["not-a-knot", "natural", "clamped", "periodic", ((1, 0.5), (2, 0.25)), ("natural", "clamped")]


def pair(*args, **kwargs):
    return CubicSpline(*args, **kwargs), si.CubicSpline(*args, **kwargs)


def test_signature_and_type():
    assert inspect.signature(CubicSpline) == inspect.signature(si.CubicSpline)
    assert inspect.signature(CubicSpline.__call__) == inspect.signature(si.CubicSpline.__call__)
    s = CubicSpline([0, 1, 2], [0, 1, 4])
    assert isinstance(s, si.PPoly) and isinstance(s, si.CubicSpline)


@pytest.mark.parametrize("bc", BC)
@pytest.mark.parametrize("n", [2, 3, 4, 5, 8, 300])
@pytest.mark.parametrize("extrapolate", [None, True, False, "periodic"])
def test_values(bc, n, extrapolate, rng):
    x = np.cumsum(rng.uniform(0.5, 1.5, n))
    y = rng.standard_normal(n)
    y[-1] = y[0]
    ours, theirs = pair(x, y, bc_type=bc, extrapolate=extrapolate)
    assert ours.extrapolate == theirs.extrapolate and ours.axis == theirs.axis
    assert_array_equal(ours.x, theirs.x)
    scale = np.abs(theirs.c).max()
    assert_allclose(ours.c, theirs.c, rtol=0, atol=1e-12 * scale)
    q = rng.uniform(x[0] - 5, x[-1] + 5, 200)
    for nu in range(5):
        got, expected = ours(q, nu), theirs(q, nu)
        assert got.dtype == expected.dtype and type(got) is type(expected)
        assert_allclose(got, expected, rtol=0, atol=1e-12 * scale * 6**3)
    inside = x[0] + 0.2, x[-1] - 0.1
    assert_allclose(ours.integrate(*inside), theirs.integrate(*inside), rtol=0, atol=1e-11 * scale)
    assert_allclose(ours.antiderivative()(inside), theirs.antiderivative()(inside), rtol=0, atol=1e-11 * scale)
    assert isinstance(ours.derivative(), CubicSpline)
    for nu in (1, 2, 3, 4):
        assert_array_equal(ours.derivative(nu)(q), si.CubicSpline.__call__(ours.derivative(nu), q))


def test_evaluation_has_scipys_bits(rng):
    x = np.sort(rng.random(400))
    s = CubicSpline(x, rng.standard_normal((400, 3)))
    t = si.CubicSpline(x, np.zeros((400, 3)))
    t.c = s.c
    for shape in ((), (1,), (7,), (2, 3), (0,), (1000,)):
        q = rng.uniform(-0.2, 1.2, shape)
        for nu, extrapolate in itertools.product(range(5), (None, True, False, "periodic")):
            assert_array_equal(s(q, nu, extrapolate), t(q, nu, extrapolate))


@pytest.mark.parametrize("axis", [0, 1, 2, -1])
def test_axis(axis, rng):
    y = rng.standard_normal((6, 7, 8))
    ours, theirs = pair(np.arange(float(y.shape[axis])), y, axis)
    q = rng.random((2, 3)) * 5
    assert ours(q).shape == theirs(q).shape
    assert_allclose(ours(q), theirs(q), rtol=0, atol=1e-12)
    assert ours(1.5).shape == theirs(1.5).shape
    assert ours.axis == theirs.axis


@pytest.mark.parametrize(
    ("x", "y", "kwargs"),
    [
        ([1.0], [1.0], {}),
        ([1, 2, 2], [1, 2, 3], {}),
        ([1, 3, 2], [1, 2, 3], {}),
        ([1, 2, np.nan], [1, 2, 3], {}),
        ([1, 2, np.inf], [1, 2, 3], {}),
        ([1, 2, 3], [1, np.nan, 3], {}),
        ([1, 2, 3], [1, np.inf, 3], {"bc_type": "natural"}),
        ([1, 2, 3], [1, 2], {}),
        ([[1, 2, 3]], [1, 2, 3], {}),
        ([1, 2, 3], 4.0, {}),
        ([1j, 2, 3], [1, 2, 3], {}),
        ([1, 2, 3], [1, 2, 3], {"bc_type": "periodic"}),
        ([1, 2, 3], [1, 2, 3], {"bc_type": "typo"}),
        ([1, 2, 3], [1, 2, 3], {"bc_type": ("natural", "periodic")}),
        ([1, 2, 3], [1, 2, 3], {"bc_type": ("natural",)}),
        ([1, 2, 3], [1, 2, 3], {"bc_type": ((3, 0), "natural")}),
        ([1, 2, 3], [1, 2, 3], {"bc_type": ((1, [0, 0]), "natural")}),
        ([1, 2, 3], [1, 2, 3], {"bc_type": (1, "natural")}),
        ([1, 2, 3], ["a", "b", "c"], {}),
        ([1, 2, 3], [[1], [2, 3], [4]], {}),
    ],
)
def test_errors_are_scipys(x, y, kwargs):
    with pytest.raises(Exception) as theirs:
        si.CubicSpline(x, y, **kwargs)
    with pytest.raises(type(theirs.value)) as ours:
        CubicSpline(x, y, **kwargs)
    assert str(ours.value) == str(theirs.value)


def test_evaluation_errors_are_scipys():
    ours, theirs = pair([0, 1, 2, 3], [0, 1, 4, 2])
    for args in ((1.0, -1), ("a",)):
        with pytest.raises(Exception) as expected:
            theirs(*args)
        with pytest.raises(type(expected.value)) as got:
            ours(*args)
        assert str(got.value) == str(expected.value)
    for args in ((1.5, 1.5), ([None, 1.0],), (1.5, True)):
        assert_allclose(ours(*args), theirs(*args), rtol=1e-14)


def test_kinds_of_input(rng):
    x, y = np.arange(9), rng.standard_normal(9)
    ref = si.CubicSpline(x, y)
    frozen = y.copy()
    frozen.flags.writeable = False
    for values in (y, y.tolist(), y.astype(">f8"), y[::-1].copy()[::-1], frozen, y.astype(np.longdouble)):
        assert_allclose(CubicSpline(x, values).c, ref.c, rtol=0, atol=1e-13)
    for values in (y.astype(np.float32), np.round(y).astype(int), y > 0, y.astype(np.float16)):
        assert_allclose(CubicSpline(x, values).c, si.CubicSpline(x, values).c, rtol=0, atol=1e-13)
    s = CubicSpline(x, y)
    q = rng.random(30) * 8
    for points in (q.tolist(), q.astype(np.float32), q[::-1], q.astype(">f8"), np.arange(5), [True], q.astype("g")):
        assert_allclose(s(points), ref(points), rtol=0, atol=1e-13)
    assert_array_equal(x, np.arange(9))
    assert s.x is not x


def test_complex_goes_to_scipy(rng, caplog):
    x, y = np.arange(6.0), rng.standard_normal(6) + 1j
    with caplog.at_level(logging.INFO, logger="kriss.dispatch"):
        ours, theirs = pair(x, y)
        assert_array_equal(ours(2.5), theirs(2.5))
        assert_array_equal(
            pair(x, y.real, bc_type=((1, 1j), (1, 0)))[0].c, pair(x, y.real, bc_type=((1, 1j), (1, 0)))[1].c
        )
    assert "handed to SciPy" in caplog.text


def test_empty_values(rng):
    for shape in ((5, 0), (5, 2, 0)):
        ours, theirs = pair(np.arange(5.0), np.empty(shape))
        assert ours(1.5).shape == theirs(1.5).shape


def test_objects_may_be_changed_as_scipy_allows(rng):
    x, y = np.sort(rng.random(50)), rng.standard_normal(50)
    ours, theirs = pair(x, y)
    theirs.c = ours.c.copy()
    q = rng.uniform(-0.5, 3.5, 500)
    assert_array_equal(ours(q), theirs(q))
    for s in (ours, theirs):
        s.c[2] *= 3  # coefficients in place
    assert_array_equal(ours(q), theirs(q))
    for s in (ours, theirs):
        s.x[:] = s.x**2 * 3  # knots in place: the index is stale and must only be a hint
    assert_array_equal(ours(q), theirs(q))
    for s in (ours, theirs):
        s.x = s.x + 0.25  # knots replaced
    assert_array_equal(ours(q), theirs(q))
    for s in (ours, theirs):
        s.x[:] = s.x[::-1].copy()  # decreasing
    assert_array_equal(ours(q), theirs(q))
    ours, theirs = pair(x, y)
    theirs.c = ours.c.copy()
    for s in (ours, theirs):
        s(q)
        s.extend(rng.standard_normal((4, 2)) * 0 + 1, np.array([1.5, 2.0]))
    assert_array_equal(ours(q), theirs(q))


@pytest.mark.parametrize("copier", [copy.copy, copy.deepcopy, lambda s: pickle.loads(pickle.dumps(s))])
def test_copies(copier, rng):
    s = CubicSpline(np.sort(rng.random(30)), rng.standard_normal(30))
    expected = s(0.5)
    t = copier(s)
    assert t(0.5) == expected and type(t) is CubicSpline
    assert "_kriss_index" not in vars(t) or t._kriss_index[0] is t.x


def test_eight_threads(rng):
    s = CubicSpline(np.sort(rng.random(2000)), rng.standard_normal(2000))
    q = rng.random(30_000)
    expected = si.CubicSpline.__call__(s, q)
    bad = []
    threads = [
        threading.Thread(target=lambda: bad.extend([1] * (not np.array_equal(s(q), expected)))) for _ in range(8)
    ]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not bad


def test_assigned_knots_or_coefficients_of_another_size_do_not_overflow():
    x = np.linspace(0, 1, 1001)
    q = np.linspace(0, 1, 5000)
    for name, value in (
        ("x", np.linspace(0, 1, 3)),
        ("c", np.zeros((4, 5))),
        ("c", np.zeros((4, 1000))[:, :999].copy()),
        ("c", np.zeros(4)),
    ):
        ours, theirs = pair(x, np.sin(x))
        setattr(ours, name, value)
        setattr(theirs, name, value)
        with pytest.raises((ValueError, IndexError)) as expected:
            theirs(q)
        with pytest.raises(expected.type) as got:
            ours(q)
        assert str(got.value) == str(expected.value)
    ours, _ = pair(x, np.sin(x))
    ours.x, ours.c = np.linspace(0, 1, 3), np.ones((2, 2))
    assert_array_equal(ours([0.25, 0.75]), [1.25, 1.25])


def test_kernels_refuse_inconsistent_sizes():
    module = _backend.core()
    if module is None:
        pytest.skip("the checks belong to the compiled module")
    core = module.spline
    x, c, q, none = np.arange(5.0), np.ones((4, 4)), np.zeros(7), np.empty(0, np.int32)
    core.evaluate(x, none, 0, c, q, 0, 1, np.empty(7), 1)
    for knots, coefficients, size in ((x[:3].copy(), c, 7), (x, c[:, :3].copy(), 7), (x, c, 6), (x[:1].copy(), c, 7)):
        with pytest.raises(ValueError):
            core.evaluate(knots, none, 0, coefficients, q, 0, 1, np.empty(size), 1)
    for coefficients in (np.ones(4), np.ones((0, 4))):
        with pytest.raises(ValueError):
            core.evaluate(x, none, 0, coefficients, q, 0, 1, np.empty(7), 1)
    y, end = np.ones((5, 2)), np.zeros(2)
    good = [x, y, 0, end, 0, end, np.empty((4, 4, 2)), np.empty(30), 1]
    assert core.cubic(*good) == 0
    for i, bad in ((0, x[:4]), (1, y[:4]), (1, np.ones(10)), (3, end[:1]), (5, end[:1]), (6, np.empty(8)), (7, x)):
        with pytest.raises(ValueError):
            core.cubic(*good[:i], np.array(bad), *good[i + 1 :])
    with pytest.raises(ValueError):
        core.bucket_table(x, 0, none)
    with pytest.raises(ValueError):
        core.nearly_uniform(x[:1].copy())
