"""The mirrors of B-splines and FITPACK's classes: SciPy's bits where the formula is the same, and its habits."""

import copy
import logging
import pickle
import threading
import warnings

import numpy as np
import pytest
import scipy.interpolate as si

from kriss.scipy import interpolate as ki

EPS = np.finfo(np.float64).eps


def spline(k, n=40, trailing=(), multiple=False, complex_=False, axis=0):
    rng = np.random.default_rng(k)
    inner = np.sort(rng.random(n - k - 1)) if n > k + 1 else np.zeros(0)
    if multiple and inner.size > 6:
        inner[3:5] = inner[3]
    t = np.concatenate([np.full(k + 1, -0.5), inner, np.full(k + 1, 1.5)])
    c = rng.standard_normal((n, *trailing))
    if complex_:
        c = c + 1j * rng.standard_normal(c.shape)
    return t, np.moveaxis(c, 0, axis), k


def points():
    rng = np.random.default_rng(0)
    q = np.concatenate([rng.uniform(-1.5, 2.5, 301), [-0.5, 1.5, np.nan, 0.25]])
    rng.shuffle(q)
    return q


@pytest.mark.parametrize("k", [0, 1, 2, 3, 4, 5, 6, 7, 9, 12])
@pytest.mark.parametrize("extrapolate", [True, False, "periodic"])
def test_same_bits_as_scipy(k, extrapolate):
    for trailing, complex_ in (((), False), ((2,), False), ((19,), False), ((2, 3), False), ((), True), ((3,), True)):
        t, c, _ = spline(k, trailing=trailing, multiple=k > 1, complex_=complex_)
        ours, theirs = ki.BSpline(t, c, k, extrapolate), si.BSpline(t, c, k, extrapolate)
        q = np.concatenate([points(), t])
        for nu in {0, 1, k, k + 1}:
            got, want = ours(q, nu), theirs(q, nu)
            assert got.dtype == want.dtype
            assert np.array_equal(got, want, equal_nan=True), (trailing, complex_, nu)
        assert np.array_equal(ours(q, extrapolate=False), theirs(q, extrapolate=False), equal_nan=True)


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("shape", [(), (0,), (7,), (3, 4), (2, 0)])
def test_shapes(axis, shape):
    t, c, k = spline(3, trailing=(2, 5), axis=axis)
    ours, theirs = ki.BSpline(t, c, k, axis=axis), si.BSpline(t, c, k, axis=axis)
    q = np.random.default_rng(1).random(shape)
    got, want = ours(q), theirs(q)
    assert type(got) is type(want)
    assert got.shape == want.shape
    assert np.array_equal(got, want)
    assert np.array_equal(ours(0.3), theirs(0.3))
    assert ours(0.3).shape == theirs(0.3).shape


def test_kinds_of_points():
    t, c, k = spline(3)
    ours, theirs = ki.BSpline(t, c, k), si.BSpline(t, c, k)
    q = np.random.default_rng(1).random((6, 4))
    locked = q.copy()
    locked.flags.writeable = False
    unaligned = np.frombuffer(b"\0" + q.tobytes(), np.uint8)[1:].view(np.float64)
    for kind in (
        q.tolist(),
        q.astype(np.float32),
        np.asfortranarray(q),
        q[::-1, ::2],
        q.astype(">f8"),
        q.astype(np.longdouble),
        locked,
        [0, 1],
        True,
        np.float16(0.5),
    ):
        assert np.array_equal(ours(kind), theirs(kind))
    assert np.array_equal(ours(unaligned), theirs(q.ravel()))  # which SciPy refuses


def test_users_may_change_knots_and_coefficients():
    t, c, k = spline(3)
    q = np.random.default_rng(1).random(5000)
    ours, theirs = ki.BSpline(t.copy(), c.copy(), k), si.BSpline(t.copy(), c.copy(), k)
    assert np.array_equal(ours(q), theirs(q))
    for one in (ours, theirs):
        one.c[7] = 3.25
    assert np.array_equal(ours(q), theirs(q))
    for one in (ours, theirs):
        one.t[6:-6] = np.sort(one.t[6:-6] ** 2 + 0.01)  # in place: the index is stale
        one.t.sort()
    assert np.array_equal(ours(q), theirs(q))
    for one in (ours, theirs):
        one.t = np.linspace(-2, 3, t.size)
        one.c = np.asfortranarray(np.random.default_rng(3).standard_normal((c.size, 2)))
    assert np.array_equal(ours(q), theirs(q))
    for one in (ours, theirs):
        one.c = one.c[:, ::-1]
        one.k = 2
    assert np.array_equal(ours(q), theirs(q))


def test_objects_of_our_class_come_back():
    t, c, k = spline(5)
    ours, theirs = ki.BSpline(t, c, k), si.BSpline(t, c, k)
    q = np.random.default_rng(1).random(100)
    assert isinstance(ours, si.BSpline)
    made = {
        "derivative": lambda b: b.derivative(2),
        "antiderivative": lambda b: b.antiderivative(),
        "copy": copy.copy,
        "deepcopy": copy.deepcopy,
        "pickle": lambda b: pickle.loads(pickle.dumps(b)),
        "insert": lambda b: b.insert_knot(0.3),
        "element": lambda b: type(b).basis_element([0, 1, 2, 3]),
        "power": lambda b: type(b).from_power_basis(si.CubicSpline(np.arange(6.0), np.arange(6.0) ** 2)),
    }
    ours(q)
    for name, make in made.items():
        mine, other = make(ours), make(theirs)
        assert isinstance(mine, si.BSpline)
        if name not in ("insert",):
            assert type(mine) is ki.BSpline, name
        assert np.array_equal(mine(q), other(q)), name
    assert b"kriss_index" not in pickle.dumps(ours)
    assert ours.integrate(0.1, 0.8) == theirs.integrate(0.1, 0.8)
    assert np.array_equal(ours.tck[0], theirs.tck[0])


def test_what_the_kernel_does_not_take_goes_to_scipy(caplog):
    caplog.set_level(logging.INFO, "kriss.dispatch")
    t, c, k = spline(3)
    ours = ki.BSpline(t, c, k)
    with pytest.raises(NotImplementedError, match="derivative order nu"):
        ours(0.5, nu=-1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert np.array_equal(ours(np.array([0.5 + 0j])), si.BSpline(t, c, k)(np.array([0.5 + 0j])))
    assert len(caplog.records) == 2
    for bad in ((t[:5], c, k), (t[::-1], c, k), (t, c[:4], k), (t, c, -1), (np.zeros(8), np.zeros(4), 3)):
        with pytest.raises(ValueError, match=r".") as mine:
            ki.BSpline(*bad)
        with pytest.raises(ValueError, match=r".") as other:
            si.BSpline(*bad)
        assert str(mine.value) == str(other.value)


def test_few_points_on_many_knots_need_no_index():
    rng = np.random.default_rng(4)
    x = np.sort(rng.random(20000)) ** 3
    y = np.cos(x)
    ours, theirs = ki.make_interp_spline(x, y), si.make_interp_spline(x, y)
    ours.c = theirs.c
    assert ours(0.001) == theirs(0.001)
    assert ours._kriss_index is None
    q = rng.random(3000)
    assert np.array_equal(ours(q), theirs(q))
    assert ours._kriss_index is not None


def test_eight_threads_share_one_object():
    x = np.sort(np.random.default_rng(4).random(3000))
    ours = ki.make_interp_spline(x, np.cos(x), k=5)
    q = np.random.default_rng(5).random((8, 20000))
    want = [si.BSpline(*ours.tck)(row) for row in q]
    got = [None] * 8

    def run(i):
        for _ in range(5):
            got[i] = ours(q[i])

    threads = [threading.Thread(target=run, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.array_equal(a, b) for a, b in zip(got, want, strict=True))


@pytest.mark.parametrize("k", [0, 1, 2, 3, 4, 5, 7, 8])
@pytest.mark.parametrize("n", [9, 10, 11, 60])
def test_make_interp_spline(k, n):
    rng = np.random.default_rng(n)
    x = np.cumsum(rng.random(n) + 0.3)
    y = rng.standard_normal((n, 2, 3)) + 1j * rng.standard_normal((n, 2, 3))
    for values, axis in ((y.real[:, 0, 0], 0), (np.moveaxis(y.real, 0, 2), 2), (y, 0), (np.moveaxis(y, 0, 1), -2)):
        ours, theirs = ki.make_interp_spline(x, values, k, axis=axis), si.make_interp_spline(x, values, k, axis=axis)
        assert type(ours) is ki.BSpline
        assert np.array_equal(ours.t, theirs.t)
        assert (ours.c.dtype, ours.c.shape, ours.axis, ours.k) == (
            theirs.c.dtype,
            theirs.c.shape,
            theirs.axis,
            theirs.k,
        )
        assert ours.extrapolate is theirs.extrapolate
        # Both solve a system whose condition number is at most about 10 * 2**k on such a mesh.
        assert np.abs(ours.c - theirs.c).max() <= 100 * 2**k * EPS * np.abs(theirs.c).max()


def test_make_interp_spline_given_knots():
    x = np.linspace(0, 1, 30)
    y = np.cos(3 * x)
    t = si.make_interp_spline(x, y, k=3).t.copy()
    t[4:-4] += 0.3 / 29
    ours, theirs = ki.make_interp_spline(x, y, 3, t), si.make_interp_spline(x, y, 3, t)
    assert np.array_equal(ours.t, theirs.t)
    assert ours.t is not t
    assert np.abs(ours.c - theirs.c).max() <= 1e-14
    linear = np.concatenate([[0], x, [1]])
    assert np.abs(ki.make_interp_spline(x, y, 1, linear).c - y).max() <= EPS


@pytest.mark.parametrize(
    ("args", "kwargs"),
    [
        (([0, 1, 1, 2, 3], np.zeros(5)), {}),
        (([0, 2, 1, 3, 4], np.zeros(5)), {}),
        ((np.arange(5.0), np.zeros(4)), {}),
        ((np.arange(3.0), np.zeros(3)), {}),
        ((np.arange(5.0), [0, 1, np.nan, 3, 4]), {}),
        (([0, 1, 2, 3, np.inf], np.zeros(5)), {}),
        ((np.arange(6.0), np.zeros(6), -1), {}),
        ((np.arange(6.0), np.zeros(6), 2.5), {}),
        ((np.arange(6.0), np.zeros(6), 3, np.zeros(10)), {}),
        ((np.arange(6.0), np.zeros(6), 3, np.arange(10.0)), {}),
        ((np.arange(6.0), np.zeros(6), 3, [0, 0, 0, 0, 0.1, 0.2, 5, 5, 5, 5]), {}),
        ((np.arange(6.0), np.zeros(6)), {"bc_type": "typo"}),
        ((np.arange(6.0), np.zeros(6)), {"axis": 1}),
    ],
)
def test_make_interp_spline_fails_as_scipy_does(args, kwargs):
    with pytest.raises(Exception, match=r".") as other:
        si.make_interp_spline(*args, **kwargs)
    with pytest.raises(type(other.value)) as mine:
        ki.make_interp_spline(*args, **kwargs)
    assert str(mine.value) == str(other.value)


@pytest.mark.parametrize("bc", ["natural", "clamped", "periodic", "not-a-knot", ([(1, 0.5)], [(2, 0.0)])])
def test_make_interp_spline_boundary_conditions(bc):
    x = np.linspace(0, 2 * np.pi, 30)
    y = np.sin(x).round(14)
    ours, theirs = (lib.make_interp_spline(x, y, bc_type=bc) for lib in (ki, si))
    assert type(ours) is ki.BSpline
    assert ours.extrapolate == theirs.extrapolate
    assert np.abs(ours.c - theirs.c).max() <= 1e-14


def curve(n=40):
    x = np.cumsum(np.random.default_rng(n).random(n) + 0.5)
    x = (x - x[0]) / (x[-1] - x[0])
    return x, np.sin(9 * x)


@pytest.mark.parametrize("k", [1, 2, 3, 4, 5])
def test_splev_gives_fitpacks_bits(k):
    x, y = curve()
    tck = si.splrep(x, y, k=k)
    q = np.concatenate([points(), x])
    for der in range(k + 1):
        for ext in (0, 1, 3):
            assert np.array_equal(ki.splev(q, tck, der, ext), si.splev(q, tck, der, ext), equal_nan=True), (der, ext)
        inside = x.reshape(5, 8)
        assert np.array_equal(ki.splev(inside, tck, der, 2), si.splev(inside, tck, der, 2))
        assert np.array_equal(ki.splev(0.5, tck, der), si.splev(0.5, tck, der))
        assert ki.splev(0.5, tck, der).shape == ()
        for lib in (ki, si):
            with pytest.raises(ValueError, match="not in the domain"):
                lib.splev([0.5, 3.0], tck, der, 2)
    both = (tck[0], [tck[1], 2 * tck[1]], k)
    for mine, other in zip(ki.splev(q, both), si.splev(q, both), strict=True):
        assert np.array_equal(mine, other, equal_nan=True)
    as_object = si.BSpline(*tck)
    assert np.array_equal(ki.splev(q, as_object, 1), si.splev(q, as_object, 1), equal_nan=True)
    for bad in ((q, as_object, 0, 1), (q, tck, k + 1), (q, tck, -1), (q, tck, 0, 7)):
        for lib in (ki, si):
            with pytest.raises(ValueError, match=r"."):
                lib.splev(*bad)


@pytest.mark.parametrize("k", [1, 2, 3, 4, 5])
def test_splrep_interpolates_as_fitpack_does(k):
    x, y = curve()
    for weights in (None, np.linspace(1, 2, x.size)):
        mine = ki.splrep(x, y, weights, k=k, s=0, full_output=1)
        other = si.splrep(x, y, weights, k=k, s=0, full_output=1)
        assert mine[1:] == other[1:]
        assert np.array_equal(mine[0][0], other[0][0])
        assert mine[0][2] == other[0][2]
        assert mine[0][1].shape == other[0][1].shape
        assert np.abs(mine[0][1] - other[0][1]).max() <= 1e3 * EPS * np.abs(other[0][1]).max()
    smooth = ki.splrep(x, y, k=k, s=0.1), si.splrep(x, y, k=k, s=0.1)
    assert np.array_equal(smooth[0][1], smooth[1][1])
    for bad in ((x[::-1], y), (x, y[:-1]), (x[:k], y[:k])):
        with pytest.raises(Exception, match=r".") as theirs:
            si.splrep(*bad, k=k)
        with pytest.raises(type(theirs.value)) as ours:
            ki.splrep(*bad, k=k)
        assert str(ours.value) == str(theirs.value)


@pytest.mark.parametrize("k", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("ext", [0, "zeros", 3])
def test_univariate_splines(k, ext):
    x, y = curve()
    q = np.random.default_rng(3).uniform(-0.02, 1.02, (20, 7))  # outside by one width
    pairs = {
        "interpolated": [lib.InterpolatedUnivariateSpline(x, y, k=k, ext=ext) for lib in (ki, si)],
        "zero": [lib.UnivariateSpline(x, y, k=k, s=0, ext=ext) for lib in (ki, si)],
        "smooth": [lib.UnivariateSpline(x, y, k=k, s=0.05, ext=ext) for lib in (ki, si)],
        "flat": [lib.UnivariateSpline(x, y, k=k, s=1e9, ext=ext) for lib in (ki, si)],
        "lsq": [lib.LSQUnivariateSpline(x, y, [0.3, 0.6], k=k, ext=ext) for lib in (ki, si)],
        "box": [lib.InterpolatedUnivariateSpline(x, y, k=k, bbox=[-1, 2], ext=ext) for lib in (ki, si)],
    }
    for name, (ours, theirs) in pairs.items():
        assert isinstance(ours, type(theirs)), name
        assert type(ours).__name__ == type(theirs).__name__
        assert type(ours).__module__.startswith("kriss")
        assert np.array_equal(ours.get_knots(), theirs.get_knots())
        exact = name not in ("interpolated", "zero", "lsq")
        scale = 1e3 * EPS * np.abs(theirs.get_coeffs()).max()
        for nu in range(k + 1):
            for how in (None, 0, 1, 3):
                got, want = ours(q, nu, how), theirs(q, nu, how)
                assert got.shape == want.shape
                if exact:
                    assert np.array_equal(got, want), (name, nu, how)
                else:
                    # A derivative magnifies by k over the smallest width, a third of the mean one.
                    assert np.abs(got - want).max() <= scale * (3 * k * x.size) ** nu, (name, nu, how)
        assert abs(ours.integral(0.2, 0.7) - theirs.integral(0.2, 0.7)) <= scale
        assert np.abs(ours.derivatives(0.4) - theirs.derivatives(0.4)).max() <= scale * 1e3**k
        if name == "lsq":
            assert abs(ours.get_residual() / theirs.get_residual() - 1) <= 1e3 * EPS
        else:
            assert ours.get_residual() == theirs.get_residual()
        assert isinstance(ours.antiderivative(), ki.UnivariateSpline)
        assert np.allclose(ours.antiderivative()(q), theirs.antiderivative()(q), rtol=1e-10, atol=1e-12)
        assert isinstance(ours.derivative(), ki.UnivariateSpline)
        assert ours.derivative().ext == theirs.derivative().ext
        again = pickle.loads(pickle.dumps(ours))
        assert type(again) is type(ours)
        assert np.array_equal(again(q), ours(q))
        assert ours([]).shape == theirs([]).shape


def test_smoothing_goes_on_from_an_interpolating_spline():
    x, y = curve()
    y = y + 0.05 * np.random.default_rng(0).standard_normal(x.size)
    for make in ("InterpolatedUnivariateSpline", "UnivariateSpline"):
        extra = {"s": 0} if make == "UnivariateSpline" else {}
        ours, theirs = (getattr(lib, make)(x, y, **extra) for lib in (ki, si))
        for s in (0.02, 1.0, 0.0):
            ours.set_smoothing_factor(s)
            theirs.set_smoothing_factor(s)
            assert isinstance(ours, type(theirs))
            assert np.array_equal(ours.get_knots(), theirs.get_knots())
            assert np.array_equal(ours.get_coeffs(), theirs.get_coeffs())
            assert ours.get_residual() == theirs.get_residual()


def test_univariate_splines_fail_as_scipys_do():
    x, y = curve()
    for call in (
        lambda lib: lib.UnivariateSpline(x[::-1], y, s=0),
        lambda lib: lib.UnivariateSpline(x, y[:-1], s=0),
        lambda lib: lib.UnivariateSpline(x, y, k=6, s=0),
        lambda lib: lib.UnivariateSpline(x, y, s=-1),
        lambda lib: lib.UnivariateSpline(x, y, ext="typo", s=0),
        lambda lib: lib.UnivariateSpline(x, y * np.nan, check_finite=True, s=0),
        lambda lib: lib.InterpolatedUnivariateSpline(np.zeros(9), y[:9]),
        lambda lib: lib.InterpolatedUnivariateSpline(x, y, bbox=(0, 1, 2)),
        lambda lib: lib.LSQUnivariateSpline(x, y, [0.6, 0.3]),
        lambda lib: lib.UnivariateSpline(x, y, s=0)(0.5, ext="typo"),
        lambda lib: lib.UnivariateSpline(x, y, s=0)(0.5, nu=4),
        lambda lib: lib.UnivariateSpline(x, y, s=0)(2.0, ext=2),
        lambda lib: lib.UnivariateSpline(x, y, s=0)([0.5, 0.6], nu=-1),
    ):
        with pytest.raises(ValueError, match=r".") as theirs:
            call(si)
        with pytest.raises(ValueError, match=r".") as ours:
            call(ki)
        assert str(ours.value) == str(theirs.value)


def test_user_subclasses_keep_their_class():
    class Mine(ki.UnivariateSpline):
        pass

    x, y = curve()
    for s in (0, None, 1e9):
        made = Mine(x, y, s=s)
        assert type(made) is Mine
        assert np.abs(made(0.5) - si.UnivariateSpline(x, y, s=s)(0.5)) <= 1e-12


@pytest.mark.parametrize("k", [0, 1, 3])
@pytest.mark.parametrize("extrapolate", [True, False])
def test_derivatives_above_the_degree_are_scipys_also_outside_and_at_nan(k, extrapolate):
    t, c = np.arange(12.0), np.arange(11.0 - k) ** 2
    c[3] = np.nan
    x = np.array([-1.0, 0.5, 4.0, 20.0, np.nan])
    for nu in range(k + 4):
        expected = si.BSpline(t, c, k, extrapolate=extrapolate)(x, nu)
        np.testing.assert_array_equal(ki.BSpline(t, c, k, extrapolate=extrapolate)(x, nu), expected)


@pytest.mark.parametrize("k", [1, 2, 3, 4, 5])
def test_least_squares_on_given_knots_is_solved_here(k, caplog):
    rng = np.random.default_rng(k)
    x = np.sort(rng.uniform(0.0, 1.0, 400))
    x[7] = x[6]
    y, w = np.sin(9 * x) + 0.1 * rng.standard_normal(x.size), rng.uniform(0.5, 2.0, x.size)
    inner = np.linspace(0.0, 1.0, 12)[1:-1]
    with caplog.at_level("INFO", "kriss.dispatch"):
        ours = ki.LSQUnivariateSpline(x, y, inner, w=w, k=k, bbox=[-0.01, None])
    assert not caplog.records
    t = ours._data[8]
    design = si.BSpline.design_matrix(x, t, k).toarray() * w[:, None]
    reference = np.linalg.lstsq(design, w * y, rcond=None)[0]
    assert np.abs(ours.get_coeffs() - reference).max() <= 1e-12 * np.linalg.cond(design)
    residual = w * y - design @ ours.get_coeffs()
    assert abs(ours.get_residual() / (residual @ residual) - 1) <= 1e-12
    theirs = si.LSQUnivariateSpline(x, y, inner, w=w, k=k, bbox=[-0.01, None])
    assert np.array_equal(ours.get_knots(), theirs.get_knots())
    assert [type(v) for v in ours._data[7:8]] == [int] and ours._data[6] == theirs._data[6]
    with pytest.warns(UserWarning, match="smoothing factor unchanged"):
        ours.set_smoothing_factor(1.0)


def test_least_squares_that_data_do_not_determine_are_fitpacks(caplog):
    x, y = curve()
    for inner, w in (([0.3, 0.6], np.where(x < 0.2, 0.0, 1.0)), (0.3 + 1e-9 * np.arange(9), None)):

        def outcome(lib, inner=inner, w=w):
            try:
                return lib.LSQUnivariateSpline(x, y, inner, w=w)(x).tolist()
            except ValueError as error:
                return str(error)

        caplog.clear()
        with caplog.at_level("INFO", "kriss.dispatch"):
            assert outcome(ki) == outcome(si)
        assert "handed to SciPy" in caplog.text
