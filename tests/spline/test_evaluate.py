"""Evaluation and interval search: same bits as SciPy, any order of points, any grading of knots."""

import copy
import pickle
import subprocess
import sys
import threading

import mpmath
import numpy as np
import pytest
import scipy.interpolate as si
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from kriss import _backend
from kriss.spline import Spline, cubic
from kriss.spline._piecewise import build_index


def knot_sets():
    rng = np.random.default_rng(5)
    return {
        "uniform": np.linspace(-1, 2, 501),
        "jitter": np.linspace(0, 1, 500) + rng.uniform(-0.4, 0.4, 500) / 499,
        "random": np.sort(rng.random(1000)),
        "ratio 1e4": np.cumsum(10 ** rng.uniform(-4, 0, 800)),
        "300 decades": np.concatenate([[0.0], np.logspace(-300, 0, 900)]),
        "to the right": -np.concatenate([np.logspace(0, -300, 900), [0.0]]),
        "both ends": np.concatenate([-np.logspace(0, -300, 400), np.logspace(-300, 0, 400)]),
        "two clusters": np.concatenate([np.linspace(0, 1e-9, 300), np.linspace(1, 1 + 1e-9, 300)]),
        "neighbours": np.nextafter(1.0, 2.0) + np.arange(200) * np.spacing(1.0),
        "huge": np.linspace(-1, 1, 300) * 1.5e308,
        "subnormal": np.arange(300) * 5e-324,
        "two": np.array([1.0, 2.0]),
        "three": np.array([1.0, 2.0, 7.0]),
    }


@pytest.mark.parametrize("name", list(knot_sets()))
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_search_finds_the_interval(name, dtype, rng):
    with np.errstate(over="ignore", under="ignore"):
        x = np.unique(knot_sets()[name].astype(dtype))
    x = x[np.isfinite(x)]
    if x.size < 2:
        pytest.skip("fewer than two different knots in float32")
    cells = np.arange(x.size - 1, dtype=dtype)[None]
    s = Spline._make(x, cells, True, 0)
    mid = x[:-1] / 2 + x[1:] / 2
    q = np.concatenate([x, mid, np.nextafter(x, dtype(-np.inf)), np.nextafter(x, dtype(np.inf))])
    q = np.concatenate([q, np.array([-np.inf, np.inf], dtype)])
    for order in ("sorted", "backwards", "random"):
        q = np.sort(q) if order == "sorted" else q[::-1].copy() if order == "backwards" else rng.permutation(q)
        expected = np.clip(np.searchsorted(x, q, side="right") - 1, 0, x.size - 2)
        assert_array_equal(s(q), expected)
    inside = (q >= x[0]) & (q <= x[-1])
    assert_array_equal(s(q, extrapolate=False), np.where(inside, expected, np.nan))


@given(
    st.lists(st.floats(-1e6, 1e6, allow_subnormal=False), min_size=2, max_size=60, unique=True),
    st.lists(st.floats(-2e6, 2e6), min_size=1, max_size=60),
)
def test_search_on_any_knots(knots, points):
    x = np.sort(np.array(knots))
    if not (np.diff(x) > 0).all():
        return
    s = Spline(x, np.arange(x.size - 1.0)[None])
    expected = np.clip(np.searchsorted(x, points, side="right") - 1, 0, x.size - 2)
    assert_array_equal(s(np.array(points)), expected)


def test_search_depth():
    """The most knots that a bucket holds: what a point can cost is a bisection among them."""

    def most(x):
        index = build_index(x)
        return 0 if index.table.size == 0 else int(np.diff(index.table).max())

    n = 5000
    rng = np.random.default_rng(0)
    assert build_index(np.linspace(0, 1, n)).table.size == 0
    assert most(np.sort(rng.random(n))) <= 8
    # By octaves from either end, where knots are graded.
    left = np.logspace(-300, 0, n)
    assert build_index(left).map > 0 and most(left) <= 8
    assert build_index(-left[::-1]).map < 0 and most(-left[::-1]) <= 8
    assert most(np.concatenate([[0.0], left])) <= 8
    assert most(5.0 + np.logspace(-12, 0, n)) <= 16
    # A cluster in the middle: a bisection among its knots, no worse than one among all.
    cluster = np.concatenate([[0.0], 0.5 + 1e-9 * np.arange(n), [1.0]])
    assert most(cluster) <= n
    for x in (left, cluster):
        index = build_index(x)
        assert index.table.size <= 4 * x.size + 1
        assert index.table[0] == 0 and index.table[-1] == x.size - 2 and (np.diff(index.table) >= 0).all()


@pytest.mark.parametrize("name", ["uniform", "random", "ratio 1e4"])
@pytest.mark.parametrize("order", [1, 2, 3, 4, 5, 8])
@pytest.mark.parametrize("columns", [(), (1,), (3,), (8,), (2, 9)])
def test_same_bits_as_scipy(name, order, columns, rng):
    x = knot_sets()[name]
    c = rng.standard_normal((order, x.size - 1, *columns))
    ours, theirs = Spline(x, c), si.PPoly(c, x)
    q = np.concatenate([x[:40], rng.uniform(x[0] - 1, x[-1] + 1, 301), [np.nan, np.inf, -np.inf]])
    rng.shuffle(q)
    for nu in range(order + 2):
        for extrapolate in (True, False, "periodic"):
            if order == 1 and extrapolate == "periodic":
                q = q[np.isfinite(q)]
            with np.errstate(invalid="ignore"):
                expected = theirs(q, nu, extrapolate)
            assert_array_equal(ours(q, nu, extrapolate=extrapolate), expected)


@pytest.mark.parametrize("shape", [(), (1,), (0,), (3, 0), (2, 5), (1, 1, 7)])
@pytest.mark.parametrize("columns", [(), (0,), (2,), (2, 3)])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_shapes(shape, columns, axis, rng):
    if axis > len(columns):
        return
    x = np.arange(5.0)
    c = rng.standard_normal((4, 4, *columns))
    q = rng.random(shape) * 4
    expected = si.PPoly.construct_fast(c, x, True, axis)(q)
    got = Spline(x, c, axis=axis)(q)
    assert got.shape == expected.shape
    assert_array_equal(got, expected)


def test_scalar_result_is_a_scalar():
    s = cubic([0.0, 1.0, 2.0], [0.0, 1.0, 4.0])
    assert isinstance(s(1.5), np.float64) and s(1.5) == 2.25
    assert isinstance(s(1), np.float64) and isinstance(s(np.float64(1)), np.float64)


def test_order_of_points_does_not_matter(rng):
    x = np.sort(rng.random(3000))
    s = cubic(x, rng.standard_normal(3000))
    q = rng.uniform(-0.1, 1.1, 100_003)
    p = np.argsort(q)
    back = np.empty_like(p)
    back[p] = np.arange(p.size)
    assert_array_equal(s(q), s(q[p])[back])
    assert_array_equal(s(q), np.concatenate([s(part) for part in np.array_split(q, 371)]))


@pytest.mark.parametrize("workers", [1, 2, 4])
@pytest.mark.parametrize("columns", [(), (5,)])
def test_same_bits_for_any_number_of_workers(workers, columns, rng):
    s = cubic(np.sort(rng.random(500)), rng.standard_normal((500, *columns)))
    q = rng.random(70_001)
    assert_array_equal(s(q, workers=workers), s(q, workers=1))


@pytest.mark.skipif(_backend.core() is None, reason="the compiled module is not built")
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("n", [2, 3, 4, 7, 300, 4001])
@pytest.mark.parametrize("bc", ["not-a-knot", "natural", "clamped", "periodic", ((1, 0.5), (2, -1.0))])
def test_backends_agree_to_the_bit(dtype, n, bc, rng):
    pytest.importorskip("numba")
    from kriss import use_backend

    if isinstance(bc, tuple) and dtype is np.float32:
        bc = ((1, np.float32(0.5)), (2, np.float32(-1)))
    x = np.cumsum(rng.uniform(0.1, 1, n)).astype(dtype)
    y = rng.standard_normal(n).astype(dtype)
    y[-1] = y[0]
    q = rng.uniform(float(x[0]) - 1, float(x[-1]) + 1, 999).astype(dtype)
    results = []
    for name in ("compiled", "numba"):
        with use_backend(name):
            s = cubic(x, y, bc=bc)
            results.append((s.c, s(q), s(q, 1), s(q, 2, extrapolate=False), s(q, extrapolate="periodic")))
    for a, b in zip(*results, strict=True):
        assert_array_equal(a, b)


def test_against_multiple_precision(rng):
    x = np.cumsum(10 ** rng.uniform(-2, 2, 30))
    c = rng.standard_normal((4, 29))
    s = Spline(x, c)
    q = rng.uniform(x[0], x[-1], 200)
    i = np.clip(np.searchsorted(x, q, side="right") - 1, 0, 28)
    with mpmath.workdps(40):
        for point, cell, value in zip(q, i, s(q), strict=True):
            t = mpmath.mpf(float(point)) - mpmath.mpf(float(x[cell]))
            terms = [mpmath.mpf(float(c[p, cell])) * t ** (3 - p) for p in range(4)]
            # Seven roundings on the way of the longest term.
            assert abs(mpmath.mpf(float(value)) - sum(terms)) <= 7 * 2.3e-16 * sum(abs(v) for v in terms)


def test_nan_points_give_nan_everywhere(rng):
    for order in (1, 4):
        s = Spline(np.arange(6.0), rng.standard_normal((order, 5)))
        q = np.full(40, 2.5)
        q[[0, 17, 39]] = np.nan
        for extrapolate in (True, False, "periodic"):
            for nu in (0, 1, 7):
                assert_array_equal(np.isnan(s(q, nu, extrapolate=extrapolate)), np.isnan(q))


def test_periodic_images(rng):
    x = np.linspace(0, 2 * np.pi, 40)
    s = cubic(x, np.append(np.sin(x[:-1]), 0.0), bc="periodic")
    q = rng.uniform(-1e3, 1e3, 5000)
    assert_allclose(s(q), np.sin(q), atol=2e-5)
    assert np.isfinite(s(np.array([1e300, -1e300, 5e-324, -5e-324]))).all()
    assert np.isnan(s(np.array([np.inf, -np.inf]))).all()


def test_out(rng):
    s = cubic(np.arange(10.0), rng.standard_normal((10, 3)))
    q = rng.random((4, 5)) * 9
    out = np.empty((4, 5, 3))
    assert s(q, out=out) is out
    assert_array_equal(out, s(q))
    for bad in (np.empty((4, 5)), np.empty((4, 5, 3), np.float32), np.empty((5, 4, 3)).transpose(1, 0, 2)):
        with pytest.raises(ValueError, match="out"):
            s(q, out=bad)
    with pytest.raises(TypeError, match="out"):
        s(q, out=[1.0])
    frozen = np.empty((4, 5, 3))
    frozen.flags.writeable = False
    with pytest.raises(ValueError, match="writeable"):
        s(q, out=frozen)
    one = cubic(np.arange(4.0), np.arange(4.0))
    with pytest.raises(ValueError, match="overlaps"):
        one(q, out=q)


def test_kinds_of_points(rng):
    s = cubic(np.arange(20.0), rng.standard_normal(20))
    q = np.arange(1, 17)
    ref = s(q.astype(float))
    wide = np.zeros(32)
    wide[::2] = q
    unaligned = np.zeros(16 * 8 + 1, np.uint8)[1:].view(np.float64)
    unaligned[:] = q
    frozen = q.astype(float)
    frozen.flags.writeable = False
    same = [q, q.tolist(), q.astype(np.float32), q.astype(np.float16), q.astype(">f8"), wide[::2], unaligned, frozen]
    for points in (*same, q.astype(float)[::-1][::-1], np.ma.array(q)):
        assert_array_equal(s(points), ref)
    assert_array_equal(s(np.asfortranarray(q.reshape(4, 4))), ref.reshape(4, 4))
    assert_array_equal(s(np.broadcast_to(3.0, (5,))), np.full(5, s(3.0)))
    assert_array_equal(s(True), s(1.0))
    for bad in (q + 0j, np.array([None]), "a", q.astype(np.longdouble)):
        with pytest.raises(TypeError, match="x"):
            s(bad)
    for kwargs in ({"nu": -1}, {"extrapolate": "no"}, {"workers": 0}):
        with pytest.raises(ValueError):
            s(q, **kwargs)
    for kwargs in ({"nu": 1.5}, {"workers": 1.5}):
        with pytest.raises(TypeError):
            s(q, **kwargs)


def test_calculus(rng):
    x = np.sort(rng.random(25))
    s = cubic(x, rng.standard_normal(25))
    pp = s.to_ppoly()
    q = rng.uniform(x[0], x[-1], 50)
    for nu in range(6):
        assert_allclose(s.derivative(nu)(q), pp(q, nu), rtol=1e-13, atol=0)
        assert_allclose(s.antiderivative(nu)(q), pp.antiderivative(nu)(q), rtol=0, atol=0)
    assert_allclose(s.antiderivative().derivative()(q), s(q), rtol=1e-13, atol=1e-13)
    assert_allclose(s.derivative(-1)(q), s.antiderivative(1)(q))
    assert s.integrate(q[0], q[1]) == pp.integrate(q[0], q[1]) == -s.integrate(q[1], q[0])
    assert_array_equal(s.roots(), pp.roots())
    assert np.isnan(s.integrate(-1.0, 0.5, extrapolate=False))
    assert_array_equal(Spline.from_ppoly(pp)(q), s(q))
    assert "25 knots" in repr(s)
    assert s.k == 3


@pytest.mark.parametrize("copier", [copy.copy, copy.deepcopy, lambda s: pickle.loads(pickle.dumps(s))])
def test_copies(copier, rng):
    s = cubic(np.sort(rng.random(60)), rng.standard_normal((2, 60)), axis=1, extrapolate=False)
    q = rng.uniform(-0.5, 1.5, 100)
    expected = s(q)
    t = copier(s)
    assert_array_equal(t(q), expected)
    assert t.axis == 1 and t.extrapolate is False
    with pytest.raises(ValueError, match="read-only"):
        t.c[0, 0] = 1


def test_eight_threads_on_one_object(rng):
    x = np.sort(rng.random(5000))
    s = cubic(x, rng.standard_normal(5000))
    points = [rng.random(20_000) for _ in range(8)]
    expected = [Spline(x, s.c)(q) for q in points]
    failures = []

    def hammer(k):
        for _ in range(20):
            if not np.array_equal(s(points[k]), expected[k]):
                failures.append(k)

    threads = [threading.Thread(target=hammer, args=(k,)) for k in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not failures


def test_device_array_is_refused():
    class Fake:
        __cuda_array_interface__ = {}  # noqa: RUF012

    with pytest.raises(TypeError, match="to_device"):
        cubic([0.0, 1.0], [0.0, 1.0])(Fake())


@pytest.mark.skipif(_backend.backend() != "compiled", reason="Numba's twins do not poll for signals")
def test_interrupt_stops_a_long_evaluation():
    script = """
import signal, sys, threading, time, os
import numpy as np
from kriss.spline import cubic
s = cubic(np.arange(100.0), np.zeros((100, 4000)))
q = np.random.default_rng(0).random(20_000) * 99
out = np.empty((q.size, 4000))
s(q[:10], out=out[:10])
sent = []
def send():
    time.sleep(0.2)
    sent.append(time.perf_counter())
    os.kill(os.getpid(), signal.SIGINT)
threading.Thread(target=send).start()
try:
    for _ in range(200):
        s(q, out=out)
except KeyboardInterrupt:
    print("stopped", time.perf_counter() - sent[0])
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120)
    word, seconds = done.stdout.split()
    assert word == "stopped" and float(seconds) < 0.5, done.stderr
