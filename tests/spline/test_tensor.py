"""Tensor-product splines: reproduction, derivatives, integrals, grids, SciPy objects, backends, bad arguments."""

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.interpolate import NdBSpline, NdPPoly, make_interp_spline

from kriss import _backend, use_backend
from kriss.spline import TensorSpline, tensor_interpolate
from kriss.spline._tensor import build

EPS = np.finfo(np.float64).eps
DEGREES = (1, 3, 5, 7)


def smooth(x, y):
    return np.sin(3 * x + 1) * np.exp(y) + np.cos(4 * x * y)


def mesh(rng, n, low, high):
    """Points whose spacings differ by a few times."""
    steps = rng.uniform(1.0, 4.0, n - 1)
    x = low + (high - low) * np.concatenate([[0], np.cumsum(steps) / steps.sum()])
    x[-1] = high
    return x


def make(rng, k, nx=23, ny=20, trailing=()):
    x, y = mesh(rng, nx, 0.0, 1.0), mesh(rng, ny, -1.0, 1.0)
    z = smooth(x[:, None], y)
    if trailing:
        z = z[..., None] * (1 + np.arange(np.prod(trailing)))
        z = z.reshape(nx, ny, *trailing)
    return tensor_interpolate(x, y, z, k=k), x, y, z


@pytest.mark.parametrize("k", DEGREES)
def test_coefficients_are_those_of_scipy_axis_by_axis(rng, k):
    s, x, y, z = make(rng, k)
    along_x = make_interp_spline(x, z, k=k)
    along_y = make_interp_spline(y, along_x.c.T, k=k)
    assert_array_equal(s.tx, along_x.t)
    assert_array_equal(s.ty, along_y.t)
    # Both solve to a few eps times the condition number of two collocation matrices, at most 3^k each on such meshes.
    assert_allclose(s.c, along_y.c.T, rtol=0, atol=20 * EPS * 9**k * np.abs(s.c).max())


@pytest.mark.parametrize("k", DEGREES)
def test_interpolates(rng, k):
    s, x, y, z = make(rng, k)
    assert_allclose(s(x[:, None], y), z, rtol=0, atol=40 * EPS * np.abs(z).max())
    assert_allclose(s(x, y, grid=True), z, rtol=0, atol=40 * EPS * np.abs(z).max())


@pytest.mark.parametrize("k", DEGREES)
def test_reproduces_polynomials_and_their_derivatives(rng, k):
    c = rng.standard_normal((k + 1, k + 1))
    x, y = mesh(rng, 2 * k + 3, -1.0, 1.0), mesh(rng, k + 1, -1.0, 1.0)  # k + 1 points: one polynomial
    f = np.polynomial.polynomial.polyval2d
    s = tensor_interpolate(x, y, np.polynomial.polynomial.polygrid2d(x, y, c), k=k)
    q, p = rng.uniform(-1, 1, (2, 200))
    for nu in ((0, 0), (1, 0), (0, 1), (2, 1), (k, k), (k + 1, 0)):
        d = c
        for axis in (0, 1):
            d = np.polynomial.polynomial.polyder(d, nu[axis], axis=axis) if nu[axis] else d
        exact = f(q, p, np.atleast_2d(d)) if nu[0] <= k else np.zeros(200)
        # Each derivative divides by the smallest spacing, about 1/30 of the interval here.
        scale = np.abs(c).sum() * 60.0 ** sum(nu)
        assert_allclose(s(q, p, nu=nu), exact, rtol=0, atol=100 * EPS * scale)


@pytest.mark.parametrize("k", DEGREES)
def test_scipy_objects_agree(rng, k):
    s, *_ = make(rng, k)
    q = np.stack([rng.random(300), rng.uniform(-1, 1, 300)], axis=1)
    nd, pp = s.to_ndbspline(), s.to_ndppoly()
    assert isinstance(nd, NdBSpline) and isinstance(pp, NdPPoly)
    for nu in ((0, 0), (1, 0), (1, 1)):
        mine = s(q[:, 0], q[:, 1], nu=nu)
        size = max(np.abs(mine).max(), 1.0)
        assert_allclose(nd(q, nu=nu), mine, rtol=0, atol=1e4 * EPS * size)
        assert_allclose(pp(q, nu=nu), mine, rtol=0, atol=1e4 * EPS * size)
    for a, b, c, d in ((0, 1, -1, 1), (0.1, 0.77, -0.3, 0.9), (0.5, 0.2, 0.0, 1.0)):
        assert_allclose(s.integrate(a, b, c, d), pp.integrate([(a, b), (c, d)]), rtol=0, atol=1e3 * EPS)


def test_order_of_convergence():
    q, p = np.random.default_rng(0).random((2, 2000))
    for k in (3, 5):
        error = []
        for n in (33, 65):
            x = np.linspace(0, 1, n)
            s = tensor_interpolate(x, x, np.exp(np.sin(5 * x[:, None] + 4 * x)), k=k)
            error.append(np.abs(s(q, p) - np.exp(np.sin(5 * q + 4 * p))).max())
        # k + 1 inside; the random worst point moves the figure a little.
        assert np.log2(error[0] / error[1]) == pytest.approx(k + 1, abs=0.8)


def test_components_and_shapes(rng):
    s, x, y, _ = make(rng, 3, trailing=(2, 3))
    one, *_ = make(np.random.default_rng(20261121), 3)
    t = tensor_interpolate(x, y, smooth(x[:, None], y))
    q, p = rng.random((4, 1)), rng.random(5)
    value = s(q, p)
    assert value.shape == (4, 5, 2, 3)
    assert_allclose(value[..., 1, 2], 6 * t(q, p), rtol=1e-13)
    assert s(q, p, grid=True).shape == (4, 1, 5, 2, 3)
    assert s.integrate(0, 1, 0, 1).shape == (2, 3)
    assert_allclose(s.integrate(0, 1, 0, 1)[0, 1], 2 * t.integrate(0, 1, 0, 1), rtol=1e-13)
    assert isinstance(t(0.5, 0.5), float) and isinstance(t.integrate(0, 1, 0, 1), float)
    assert t(np.empty(0), np.empty(0)).shape == (0,) and t(np.empty(0), p, grid=True).shape == (0, 5)
    assert s.to_ndppoly().c.shape[4:] == (2, 3)
    assert "degree 3" in repr(one) and "components (2, 3)" in repr(s)
    assert tensor_interpolate(x, y, np.empty((x.size, y.size, 0)))(q, p).shape == (4, 5, 0)


def test_out(rng):
    s, *_ = make(rng, 3)
    q, p = rng.random((2, 50))
    out = np.empty(50)
    assert s(q, p, out=out) is out
    assert_array_equal(out, s(q, p))
    for bad in (np.empty(49), np.empty(50, np.float32), np.empty(100)[::2], [0.0] * 50):
        with pytest.raises(ValueError, match="out"):
            s(q, p, out=bad)
    frozen = np.empty(50)
    frozen.flags.writeable = False
    with pytest.raises(ValueError, match="writeable"):
        s(q, p, out=frozen)


def test_outside_and_nan(rng):
    s, *_ = make(rng, 3)
    for x, y in ((-0.1, 0.0), (1.1, 0.0), (0.5, -1.2), (0.5, 1.2)):
        assert np.isnan(s(x, y, extrapolate=False)) and np.isfinite(s(x, y))
        assert np.isnan(s(np.array([x]), np.array([y]), grid=True, extrapolate=False)).all()
    for x, y in ((np.nan, 0.0), (0.5, np.nan)):
        for nu in ((0, 0), (5, 0), (0, 5)):
            assert np.isnan(s(x, y, nu=nu))
            assert np.isnan(s(np.array([x]), np.array([y]), nu=nu, grid=True)).all()
    assert s(0.5, 0.5, nu=(4, 0)) == 0
    assert np.isnan(s(np.inf, 0.0, extrapolate=False))
    # The corners belong to the rectangle.
    assert np.isfinite(s(np.array([0.0, 1.0]), np.array([-1.0, 1.0]), grid=True, extrapolate=False)).all()


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_same_bits_for_any_number_of_workers_and_any_split(rng, workers):
    x = np.linspace(0, 1, 150)
    z = smooth(x[:, None], x)
    s, t = (tensor_interpolate(x, x, z, k=5, workers=w) for w in (workers, 1))
    assert_array_equal(s.c, t.c)
    q, p = rng.random((2, 20_011))
    one = t(q, p, workers=1)
    assert_array_equal(s(q, p, workers=workers), one)
    assert_array_equal(np.concatenate([s(q[i : i + 997], p[i : i + 997]) for i in range(0, q.size, 997)]), one)
    assert_array_equal(s(q[:300], p[:200], grid=True, workers=workers), t(q[:300], p[:200], grid=True, workers=1))


@pytest.mark.parametrize("k", DEGREES)
def test_backends_agree_to_the_bit(k):
    pytest.importorskip("numba")
    if _backend.core() is None:
        pytest.skip("the compiled module is not here")
    results = []
    for name in ("compiled", "numba"):
        with use_backend(name):
            rng = np.random.default_rng(3)
            s, *_ = make(rng, k, trailing=(2,))
            q, p = rng.uniform(-0.1, 1.1, (2, 501))
            results.append((s.c, s(q, p), s(q, p, nu=(1, 2)), s(q, p, extrapolate=False), s(q, p, grid=True)))
    for ours, twin in zip(*results, strict=True):
        assert_array_equal(ours, twin)


def test_eight_threads_on_one_object(rng):
    s, *_ = make(rng, 5)
    q, p = rng.random((2, 5000))
    expected = s(q, p)
    with ThreadPoolExecutor(8) as pool:
        for got in pool.map(lambda _: s(q, p), range(32)):
            assert_array_equal(got, expected)


def test_pickle_and_copy(rng):
    s, *_ = make(rng, 3, trailing=(2,))
    for t in (pickle.loads(pickle.dumps(s)), copy.deepcopy(s), TensorSpline(s.tx, s.ty, s.c, s.k)):
        assert_array_equal(t(0.3, 0.4), s(0.3, 0.4))
        assert t.k == 3 and not t.c.flags.writeable
    with pytest.raises(AttributeError):
        s.k = 5


def test_breaks_keep_kinks(rng):
    f = lambda x, y: np.abs(x - 0.3) * np.exp(y) + np.abs(y) ** 3  # noqa: E731
    x = np.unique(np.append(np.linspace(0, 1, 24), 0.3))
    y = np.linspace(-1, 1, 25)
    s = build(x, y, f(x[:, None], y), 5, (np.array([0.3]), np.array([0.0])), 0)
    assert (s.tx == 0.3).sum() == 5 and (s.ty == 0.0).sum() == 5
    q, p = rng.random(2000), rng.uniform(-1, 1, 2000)
    assert np.abs(s(q, p) - f(q, p)).max() < 1e-8
    assert np.abs(s.to_ndbspline()(np.stack([q, p], 1)) - s(q, p)).max() < 1e-13
    assert s(0.3, 0.5, nu=(1, 0)) == pytest.approx(np.exp(0.5), rel=1e-8)  # from the right
    assert s(np.nextafter(0.3, 0), 0.5, nu=(1, 0)) == pytest.approx(-np.exp(0.5), rel=1e-8)


@pytest.mark.parametrize("scale", [1e290, 1e-300, 2.0**-1060])
def test_scales(rng, scale):
    x = mesh(rng, 12, 0.0, 1.0)
    z = np.round(smooth(x[:, None], x) * 2**20)
    s, t = tensor_interpolate(x, x, z * scale), tensor_interpolate(x, x, z)
    floor = 100 * np.finfo(float).smallest_subnormal
    assert_allclose(s(0.3, 0.4), t(0.3, 0.4) * scale, rtol=1e-13, atol=floor)
    power = tensor_interpolate(x * 2.0**40, x * 2.0**-40, z)
    assert power(0.3 * 2.0**40, 0.4 * 2.0**-40) == t(0.3, 0.4)


@pytest.mark.parametrize(
    "convert",
    [
        list,
        lambda a: a.astype(np.float32),
        np.asfortranarray,
        lambda a: a[::-1][::-1],
        lambda a: np.repeat(a, 2, axis=0)[::2],
        lambda a: a.astype(">f8"),
        lambda a: np.frombuffer(b"x" + a.tobytes(), np.uint8)[1:].view(np.float64).reshape(a.shape),
    ],
)
def test_kinds_of_arrays(rng, convert):
    x = np.arange(9.0)
    z = rng.integers(-8, 8, (9, 9)).astype(float)
    s, t = tensor_interpolate(convert(x), convert(x), convert(z)), tensor_interpolate(x, x, z)
    assert_array_equal(s(convert(x), convert(x)), t(x, x))
    for array in (x, z):
        array.flags.writeable = False
    assert_array_equal(tensor_interpolate(x, x, z)(x, x), t(x, x))


def test_inputs_are_copied():
    x, z = np.arange(5.0), np.ones((5, 5))
    s = tensor_interpolate(x, x, z)
    x[:] = z[:] = 7
    assert s(2.5, 2.5) == pytest.approx(1.0, abs=1e-14) and s.x[0] == 0


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        (lambda x, z: tensor_interpolate(x, x, z, k=2), ValueError, "k must be one of"),
        (lambda x, z: tensor_interpolate(x, x, z, k=3.0), TypeError, "k must be an integer"),
        (lambda x, z: tensor_interpolate(x[:3], x, z[:3]), ValueError, "x has 3 points"),
        (lambda x, z: tensor_interpolate(x[::-1], x, z), ValueError, "x must be strictly increasing"),
        (lambda x, z: tensor_interpolate(x, np.zeros(6), z), ValueError, "y must be strictly increasing"),
        (lambda x, z: tensor_interpolate(x, x, z[:5]), ValueError, "z has shape"),
        (lambda x, z: tensor_interpolate(x, x, z * np.nan), ValueError, "z contains nan"),
        (lambda x, z: tensor_interpolate(x, x + 0j, z), TypeError, "y has dtype"),
        (lambda x, z: tensor_interpolate(x, x, z)(0, 0, nu=1), ValueError, "nu must be a pair"),
        (lambda x, z: tensor_interpolate(x, x, z)(0, 0, nu=(-1, 0)), ValueError, r"nu\[0\]"),
        (lambda x, z: tensor_interpolate(x, x, z)([1, 2], [1, 2, 3]), ValueError, "do not broadcast"),
        (lambda x, z: tensor_interpolate(x, x, z)(0, 0, extrapolate="nan"), TypeError, "extrapolate"),
        (lambda x, z: tensor_interpolate(x, x, z)(0, 0, workers=0), ValueError, "workers"),
        (lambda x, z: tensor_interpolate(x, x, z).integrate(0, 9, 0, 1), ValueError, "leave the knots"),
        (lambda x, z: tensor_interpolate(x, x, z).integrate(0, np.nan, 0, 1), ValueError, "b must be finite"),
        (lambda x, z: TensorSpline(x[:4], x, z), ValueError, "tx holds 4 knots"),
        (lambda x, z: TensorSpline(np.zeros(10), np.arange(10.0), z), ValueError, "tx must not decrease"),
        (lambda x, z: TensorSpline(np.arange(10.0), np.arange(9.0), z), ValueError, "c has shape"),
    ],
)
def test_bad_arguments(call, error, match):
    x = np.arange(6.0)
    with pytest.raises(error, match=match):
        call(x, np.add.outer(x, x))
