"""PCHIP, Akima and Hermite cubics: against SciPy to the bit, their own properties, and their mirrors."""

import copy
import inspect
import pickle

import mpmath
import numpy as np
import pytest
import scipy.interpolate as si
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from kriss import _backend
from kriss.scipy.interpolate import Akima1DInterpolator, PchipInterpolator, PPoly
from kriss.spline import akima, hermite, pchip

SIZES = [2, 3, 4, 5, 6, 10, 50, 300]
COLUMNS = [(), (1,), (3,), (2, 20)]


def data(n, columns=(), kind="steps", seed=0, dtype=np.float64):
    rng = np.random.default_rng([n, seed])
    x = np.cumsum(rng.uniform(0.05, 1.0, n) * 10 ** rng.uniform(-2, 0, n))
    if kind == "steps":
        y = rng.integers(-2, 3, (n, *columns)) * 1.0  # flat stretches, ties, changes of sign
    elif kind == "monotone":
        y = np.cumsum(rng.exponential(1.0, (n, *columns)) * rng.integers(0, 2, (n, *columns)), axis=0)
    else:
        y = rng.standard_normal((n, *columns))
    return x.astype(dtype), y.astype(dtype)


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("columns", COLUMNS)
@pytest.mark.parametrize("kind", ["steps", "monotone", "normal"])
def test_coefficients_have_scipys_bits(n, columns, kind):
    x, y = data(n, columns, kind)
    assert_array_equal(pchip(x, y).c, si.PchipInterpolator(x, y).c)
    d = np.random.default_rng(1).standard_normal(y.shape)
    assert_array_equal(hermite(x, y, d).c, si.CubicHermiteSpline(x, y, d).c)
    for method in ("akima", "makima"):
        assert_array_equal(Akima1DInterpolator(x, y, method=method).c, si.Akima1DInterpolator(x, y, method=method).c)
        # The native one cuts small weights by column: SciPy, a column at a time.
        ours = akima(x, y, method=method).c.reshape(4, n - 1, -1)
        for t, column in enumerate(y.reshape(n, -1).T):
            assert_array_equal(ours[:, :, t], si.Akima1DInterpolator(x, column, method=method).c)


def test_a_large_column_does_not_change_a_small_one():
    x = np.arange(8.0)
    small = np.array([0.0, 1.0, 0.5, 2.0, 1.5, 3.0, 2.0, 4.0])
    both = np.column_stack([small, 1e12 * small[::-1]])
    assert_array_equal(akima(x, both).c[:, :, 0], akima(x, small).c)
    assert not np.array_equal(si.Akima1DInterpolator(x, both).c[:, :, 0], akima(x, small).c)


@pytest.mark.parametrize("mirror", [PchipInterpolator, Akima1DInterpolator])
@pytest.mark.parametrize("columns", COLUMNS)
@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("extrapolate", [None, True, False, "periodic"])
def test_mirrors(mirror, columns, axis, extrapolate):
    x, y = data(20, columns)
    if axis == 1 and not columns:
        return
    y = np.moveaxis(y, 0, axis)
    ours = mirror(x, y, axis, extrapolate=extrapolate)
    theirs = getattr(si, mirror.__name__)(x, y, axis, extrapolate=extrapolate)
    assert isinstance(ours, type(theirs)) and isinstance(ours, si.PPoly)
    assert (ours.axis, ours.extrapolate) == (theirs.axis, theirs.extrapolate)
    assert_array_equal(ours.c, theirs.c)
    q = np.random.default_rng(0).uniform(x[0] - 1, x[-1] + 1, (4, 50))
    for nu in range(5):
        assert_array_equal(ours(q, nu), theirs(q, nu))
    for other in (copy.copy(ours), pickle.loads(pickle.dumps(ours))):
        assert type(other) is mirror
        assert_array_equal(other(q), theirs(q))
    assert type(ours.derivative()) is mirror
    assert_array_equal(ours.derivative()(q), theirs.derivative()(q))
    assert_array_equal(ours.antiderivative()(q), theirs.antiderivative()(q))
    assert_array_equal(ours.integrate(x[2], x[-3]), theirs.integrate(x[2], x[-3]))
    if not columns:
        assert_array_equal(ours.solve(0.5), theirs.solve(0.5))


@pytest.mark.parametrize("mirror", [PPoly, PchipInterpolator, Akima1DInterpolator])
def test_signatures_of_what_is_ours(mirror):
    theirs = getattr(si, mirror.__name__)
    assert inspect.signature(mirror) == inspect.signature(theirs)
    assert inspect.signature(mirror.__call__) == inspect.signature(theirs.__call__)


@pytest.mark.parametrize("mirror", [PchipInterpolator, Akima1DInterpolator])
@pytest.mark.parametrize(
    ("x", "y", "kwargs"),
    [
        ([0.0, 1.0, 1.0, 2.0], [0.0, 1.0, 2.0, 3.0], {}),
        ([0.0, 1.0, np.nan, 2.0], [0.0, 1.0, 2.0, 3.0], {}),
        ([0.0, 1.0, 2.0, np.inf], [0.0, 1.0, 2.0, 3.0], {}),
        ([0.0, 1.0, 2.0, 3.0], [0.0, np.nan, 2.0, 3.0], {}),
        ([0.0, 1.0, 2.0, 3.0], [0.0, 1.0, 2.0, np.inf], {}),
        ([0.0, 1.0, 2.0, 3.0], [0.0, 1.0, 2.0], {}),
        ([0.0], [0.0], {}),
        ([[0.0, 1.0]], [0.0, 1.0], {}),
        ([0.0, 1.0, 2.0], [0.0, 1j, 2.0], {}),
        ([0.0, 1j, 2.0], [0.0, 1.0, 2.0], {}),
        (["a", "b"], [0.0, 1.0], {}),
    ],
)
def test_mirrors_raise_what_scipy_raises(mirror, x, y, kwargs):
    with pytest.raises(Exception) as expected:
        getattr(si, mirror.__name__)(x, y, **kwargs)
    with pytest.raises(expected.type) as got:
        mirror(x, y, **kwargs)
    assert str(got.value) == str(expected.value)


@pytest.mark.parametrize("method", ["cubic", None, 3])
def test_unknown_method(method):
    with pytest.raises(NotImplementedError):
        Akima1DInterpolator([0.0, 1.0, 2.0], [0.0, 1.0, 2.0], method=method)
    with pytest.raises(ValueError, match="method"):
        akima([0.0, 1.0, 2.0], [0.0, 1.0, 2.0], method=method)


@pytest.mark.filterwarnings("ignore:overflow:RuntimeWarning", "ignore:invalid value:RuntimeWarning")
def test_overflow_is_scipys_business():
    x, y = np.arange(6.0), np.array([0.0, 1.7e308, -1.7e308, 1.0, 2.0, 3.0])
    for mirror in (PchipInterpolator, Akima1DInterpolator):
        with pytest.raises(ValueError) as expected:
            getattr(si, mirror.__name__)(x, y)
        with pytest.raises(ValueError) as got:
            mirror(x, y)
        assert str(got.value) == str(expected.value)
    for build in (pchip, akima):
        with pytest.raises(ValueError, match="overflow"):
            build(x, y)


@given(st.lists(st.floats(-1e3, 1e3, width=32), min_size=3, max_size=30), st.integers(0, 10**6))
def test_pchip_keeps_the_shape(steps, seed):
    """Between two data no value leaves their range (with the rounding of seven operations)."""
    y = np.cumsum(steps)
    x = np.cumsum(np.random.default_rng(seed).uniform(0.1, 1.0, y.size))
    s = pchip(x, y)
    scale = np.abs(s.c[1:]).max(initial=np.abs(y).max()) * 1.0
    for t in np.linspace(0.0, 1.0, 12):
        value = s((1 - t) * x[:-1] + t * x[1:])
        slack = 16 * np.finfo(float).eps * scale
        assert (value >= np.minimum(y[:-1], y[1:]) - slack).all()
        assert (value <= np.maximum(y[:-1], y[1:]) + slack).all()


def test_straight_lines_stay_straight():
    x = np.cumsum(np.random.default_rng(0).uniform(0.1, 1.0, 40))
    y = 3.0 * x - 2.0
    q = np.linspace(x[0], x[-1], 333)
    for s in (pchip(x, y), akima(x, y), akima(x, y, method="makima"), hermite(x, y, np.full(40, 3.0))):
        assert_allclose(s(q), 3.0 * q - 2.0, rtol=0, atol=64 * np.finfo(float).eps * np.abs(y).max())


def power_sum(coefficients, t):
    total = mpmath.mpf(0)
    for c in coefficients:
        total = total * mpmath.mpf(float(t)) + c
    return total


def test_hermite_reproduces_cubics_to_rounding():
    rng = np.random.default_rng(4)
    x = np.cumsum(10 ** rng.uniform(-2, 1, 25))
    with mpmath.workdps(40):
        p = [mpmath.mpf(float(v)) for v in rng.standard_normal(4)]
        f = [power_sum(p, t) for t in x]
        g = [power_sum([3 * p[0], 2 * p[1], p[2]], t) for t in x]
        s = hermite(x, np.array([float(v) for v in f]), np.array([float(v) for v in g]))
        q = rng.uniform(x[0], x[-1], 100)
        i = np.searchsorted(x, q, side="right") - 1
        for t, cell, value in zip(q, i, s(q), strict=True):
            exact = power_sum(p, t)
            # Values and derivatives of the piece are rounded, h times a derivative weighs at most as much as a value.
            size = max(abs(f[cell]), abs(f[cell + 1]), *(abs(g[k]) * (x[cell + 1] - x[cell]) for k in (cell, cell + 1)))
            assert abs(mpmath.mpf(float(value)) - exact) <= 40 * 1.2e-16 * size


@pytest.mark.skipif(_backend.core() is None, reason="the compiled module is not built")
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("n", [2, 3, 7, 9001])
@pytest.mark.parametrize("columns", [(), (7,)])
def test_backends_agree_to_the_bit(dtype, n, columns):
    pytest.importorskip("numba")
    from kriss import use_backend

    x, y = data(n, columns, "normal", dtype=dtype)
    y[n // 3 : n // 2] = y[n // 3]
    found = []
    for name in ("compiled", "numba"):
        with use_backend(name):
            found.append([pchip(x, y).c, akima(x, y).c, akima(x, y, method="makima").c, hermite(x, y, y).c])
    for a, b in zip(*found, strict=True):
        assert a.dtype == dtype
        assert_array_equal(a, b)


@pytest.mark.parametrize("workers", [2, 4])
def test_same_bits_for_any_number_of_workers(workers):
    for columns in ((), (5,)):
        x, y = data(40_000 if not columns else 9_000, columns, "normal")
        for build in (pchip, akima):
            assert_array_equal(build(x, y, workers=workers).c, build(x, y, workers=1).c)


@pytest.mark.parametrize("build", [pchip, akima, lambda x, y, **k: hermite(x, y, y, **k)])
def test_arguments(build):
    x, y = data(10, (2,), "normal")
    reference = build(x, y)
    frozen = y.copy()
    frozen.flags.writeable = False
    for same in (y.tolist(), np.asfortranarray(y), frozen, y.astype(">f8"), y[::-1].copy()[::-1]):
        assert_array_equal(build(x, same).c, reference.c)
    assert_array_equal(build(x, y.T, axis=1)(x), reference(x).T)
    assert build(x.astype(np.float32), y.astype(np.float32)).c.dtype == np.float32
    assert build(np.arange(3), np.arange(3)).c.dtype == np.float64
    assert build(x, np.empty((10, 0))).c.shape == (4, 9, 0)
    assert build(x, y, extrapolate="constant").extrapolate == "constant"
    for bad in (x[::-1], np.append(x[:-1], x[-2]), np.append(x[:-1], np.nan)):
        with pytest.raises(ValueError, match="x"):
            build(bad, y)
    with pytest.raises(ValueError, match="y"):
        build(x, y[:-1])
    spoiled = y.copy()
    spoiled[3, 1] = np.nan
    with pytest.raises(ValueError, match=r"y contains nan at index \(3, 1\)"):
        build(x, spoiled)
    loose = build(x, spoiled, check_finite=False)
    assert_array_equal(loose.c[:, :, 0], reference.c[:, :, 0])
    assert np.isnan(loose.c[:, :, 1]).all()
    for wrong in ({"extrapolate": "no"}, {"workers": 0}, {"axis": 5}):
        with pytest.raises(ValueError):
            build(x, y, **wrong)
    with pytest.raises(TypeError):
        build(x, y + 0j)


def test_hermite_wants_derivatives_of_the_same_shape():
    x, y = data(10, (2,), "normal")
    with pytest.raises(ValueError, match=r"dydx has shape \(10,\), expected \(10, 2\) as y"):
        hermite(x, y, x)
    assert hermite(x, y.T, y.T, axis=1).axis == 1


def test_powers_of_two_scale_exactly():
    x, y = data(60, (), "normal")
    for build in (pchip, akima):
        c = build(x, y).c
        assert_array_equal(build(x, y * 2.0**100).c, c * 2.0**100)
        assert_array_equal(build(x * 2.0**-3, y).c, c * 2.0 ** (3.0 * np.arange(3, -1, -1)[:, None]))


def test_kernels_refuse_inconsistent_sizes():
    module = _backend.core()
    if module is None:
        pytest.skip("the checks belong to the compiled module")
    core = module.spline_hermite
    x, y = np.arange(5.0), np.ones((5, 2))
    c, work = np.empty((4, 4, 2)), np.empty(core.work(5, 2))
    assert core.local(0, x, y, True, c, work, 1) == 0
    assert core.hermite(x, y, y, c, work, 1) == 0
    for bad in ((x[:4], y, c, work), (x, y[:, 0], c, work), (x, y, c[:3], work), (x, y, c, work[:3])):
        bad = [np.ascontiguousarray(part) for part in bad]
        with pytest.raises(ValueError):
            core.local(0, bad[0], bad[1], True, bad[2], bad[3], 1)
    with pytest.raises(ValueError):
        core.hermite(x, y, y[:3].copy(), c, work, 1)


@pytest.mark.parametrize("descending", [False, True])
def test_ppoly_of_any_degree_has_scipys_bits(descending, rng):
    x = np.sort(rng.random(40))[:: -1 if descending else 1].copy()
    for order, columns in ((1, ()), (3, (2,)), (6, ()), (8, (2, 2))):
        c = rng.standard_normal((order, 39, *columns))
        ours, theirs = PPoly(c, x), si.PPoly(c, x)
        q = rng.uniform(-0.5, 1.5, 200)
        for nu in (0, 1, 3):
            assert_array_equal(ours(q, nu), theirs(q, nu))
        assert type(ours.derivative()) is PPoly
    spline = si.make_interp_spline(np.arange(9.0), rng.standard_normal(9), k=5)
    ours, theirs = PPoly.from_spline(spline), si.PPoly.from_spline(spline)  # breakpoints repeat at the ends
    q = rng.uniform(-1, 9, 300)
    assert type(ours) is PPoly
    assert_array_equal(ours(q), theirs(q))
    ours.extend(np.ones((6, 1)), [20.0])
    theirs.extend(np.ones((6, 1)), [20.0])
    assert_array_equal(ours(q + 5), theirs(q + 5))
