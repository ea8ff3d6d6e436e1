"""Construction of cubic splines: against SciPy, against a dense textbook solution, and what polynomials demand."""

import itertools

import numpy as np
import pytest
import scipy.interpolate as si
from numpy.testing import assert_allclose

from kriss.spline import Spline, cubic

ENDS = ["not-a-knot", "natural", "clamped", (1, 0.7), (2, -0.3)]
EPS = np.finfo(np.float64).eps


def textbook(x, y, left, right):
    """Coefficients from the dense system in the slopes of the knots, solved in extended precision by elimination."""
    x, y = x.astype(np.longdouble), y.astype(np.longdouble)
    n = x.size
    h, d = np.diff(x), np.diff(y) / np.diff(x)
    A = np.zeros((n, n), np.longdouble)
    b = np.zeros(n, np.longdouble)
    for i in range(1, n - 1):
        A[i, i - 1 : i + 2] = h[i], 2 * (h[i - 1] + h[i]), h[i - 1]
        b[i] = 3 * (h[i] * d[i - 1] + h[i - 1] * d[i])
    for row, near, far, cell, beyond, bc in ((0, 0, 1, 0, 1, left), (n - 1, n - 1, n - 2, n - 2, n - 3, right)):
        bc = {"natural": (2, 0.0), "clamped": (1, 0.0)}.get(bc, bc) if isinstance(bc, str) else bc
        if bc == "not-a-knot":
            # Continuous third derivative at the second knot, multiplied out.
            total = h[cell] + h[beyond]
            A[row, near], A[row, far] = h[beyond], total
            b[row] = ((h[cell] + 2 * total) * h[beyond] * d[cell] + h[cell] ** 2 * d[beyond]) / total
        elif bc[0] == 1:
            A[row, near] = 1
            b[row] = bc[1]
        else:
            sign = 1 if row == 0 else -1
            A[row, near], A[row, far] = 2, 1
            b[row] = 3 * d[cell] - sign * np.longdouble(bc[1]) * h[cell] / 2
    s = eliminate(A, b)
    t = (s[:-1] + s[1:] - 2 * d) / h
    return np.stack([t / h, (d - s[:-1]) / h - t, s[:-1], y[:-1]])


def eliminate(A, b):
    A, b = A.copy(), b.copy()
    n = b.size
    for i in range(n):
        p = i + int(np.argmax(np.abs(A[i:, i])))
        A[[i, p]], b[[i, p]] = A[[p, i]], b[[p, i]]
        for r in range(i + 1, n):
            f = A[r, i] / A[i, i]
            A[r, i:] -= f * A[i, i:]
            b[r] -= f * b[i]
    out = np.zeros_like(b)
    for i in range(n - 1, -1, -1):
        out[i] = (b[i] - A[i, i + 1 :] @ out[i + 1 :]) / A[i, i]
    return out


def scaled_error(c, ref, x, y):
    """Largest difference of the two splines on a dense grid, relative to the data, in units of eps."""
    q = np.linspace(0, 1, 17)[None, :] * np.diff(x)[:, None]
    powers = np.stack([q**3, q**2, q, np.ones_like(q)])
    values = np.einsum("pi,pij->ij", c.astype(np.longdouble), powers.astype(np.longdouble))
    expected = np.einsum("pi,pij->ij", ref.astype(np.longdouble), powers.astype(np.longdouble))
    return float(np.abs(values - expected).max() / max(np.abs(y).max(), float(np.abs(expected).max())) / EPS)


@pytest.mark.parametrize("n", [4, 5, 6, 7, 12, 40])
@pytest.mark.parametrize(("left", "right"), list(itertools.product(ENDS, ENDS)))
def test_against_extended_precision(n, left, right, rng):
    x = np.cumsum(10 ** rng.uniform(-2, 2, n))  # neighbouring widths differ by up to 1e4
    y = rng.standard_normal(n)
    s = cubic(x, y, bc=(left, right))
    # Cell values are sums of four rounded products: a few eps times the amplification of the mesh's ends.
    assert scaled_error(s.c, textbook(x, y, left, right), x, y) < 200


@pytest.mark.parametrize("n", [2, 3, 4, 5, 6, 7, 20, 255, 256, 257, 259, 260, 261, 1000, 5003])
@pytest.mark.parametrize(("left", "right"), list(itertools.product(ENDS, ENDS)))
def test_against_scipy(n, left, right, rng):
    x = np.cumsum(10 ** rng.uniform(-2, 2, n))
    y = rng.standard_normal(n)
    ours, theirs = cubic(x, y, bc=(left, right)), si.CubicSpline(x, y, bc_type=(left, right))
    q = np.linspace(x[0], x[-1], 5 * n)
    scale = np.abs(theirs(q)).max()
    assert_allclose(ours(q), theirs(q), rtol=0, atol=1e-12 * scale)


@pytest.mark.parametrize("n", [2, 3, 4, 5, 6, 50, 999])
def test_periodic_against_scipy(n, rng):
    x = np.cumsum(10 ** rng.uniform(-2, 2, n))
    y = rng.standard_normal((n, 2))
    y[-1] = y[0]
    for values in (y, y[:, 0]):
        ours, theirs = cubic(x, values, bc="periodic"), si.CubicSpline(x, values, bc_type="periodic")
        q = np.linspace(x[0] - 3, x[-1] + 5, 7 * n)
        scale = np.abs(theirs(q)).max()
        assert_allclose(ours(q), theirs(q), rtol=0, atol=1e-12 * scale)
        assert ours.extrapolate == "periodic"
        for nu in (0, 1, 2):
            left, right = ours(x[0], nu), ours(x[-1], nu, extrapolate=True)
            assert_allclose(left, right, atol=1e-10 * max(1.0, np.abs(ours(q, nu)).max()))


@pytest.mark.parametrize("n", [4, 5, 9, 400])
def test_cubics_are_reproduced(n, rng):
    x = np.sort(rng.uniform(-1, 1, n))
    p = np.polynomial.Polynomial(rng.standard_normal(4))
    y = p(x)
    ends = [
        "not-a-knot",
        ((1, p.deriv()(x[0])), (1, p.deriv()(x[-1]))),
        ((2, p.deriv(2)(x[0])), (2, p.deriv(2)(x[-1]))),
        ("not-a-knot", (1, p.deriv()(x[-1]))),
    ]
    q = np.linspace(-1, 1, 1000)
    inside = q[(q >= x[0]) & (q <= x[-1])]
    for bc in ends:
        assert_allclose(cubic(x, y, bc=bc)(inside), p(inside), rtol=0, atol=1e-13)


def test_columns_equal_single_columns(rng):
    x = np.sort(rng.random(700))
    y = rng.standard_normal((700, 5))
    together = cubic(x, y)
    for t in range(5):
        alone = cubic(x, y[:, t])
        # Another order of elimination: equal to rounding.
        assert_allclose(together.c[..., t], alone.c, rtol=1e-10, atol=1e-12 * np.abs(alone.c).max())


def test_axis_and_trailing_dimensions(rng):
    x = np.sort(rng.random(12))
    y = rng.standard_normal((3, 12, 2))
    s, ref = cubic(x, y, axis=1), si.CubicSpline(x, y, axis=1)
    q = rng.random((4, 5))
    assert s(q).shape == ref(q).shape == (3, 4, 5, 2)
    assert_allclose(s(q), ref(q), rtol=1e-11, atol=1e-11)
    assert_allclose(cubic(x, y, axis=-2)(q), s(q), rtol=0, atol=0)


def test_first_derivative_end_is_exact(rng):
    s = cubic(np.arange(6.0), rng.standard_normal(6), bc=((1, 0.1), "natural"))
    assert s(0.0, 1) == 0.1


@pytest.mark.parametrize("workers", [1, 2, 4])
@pytest.mark.parametrize("shape", [(30_001,), (2_000, 130)])
def test_same_bits_for_any_number_of_workers(workers, shape, rng):
    x = np.sort(rng.random(shape[0]))
    y = rng.standard_normal(shape)
    assert np.array_equal(cubic(x, y, workers=workers).c, cubic(x, y, workers=1).c)


@pytest.mark.parametrize("x_power", [-930, -332, 0, 332, 660])
@pytest.mark.parametrize("y_power", [-830, 0, 700])
def test_scaling_by_powers_of_two_is_exact(x_power, y_power, rng):
    # SciPy's own coefficients lose all digits at x 1e-100, y 1e-250, where intermediate products underflow.
    if not -1000 < y_power - 3 * x_power < 950 or y_power - x_power <= -1000:
        pytest.skip("third derivatives leave the range of float64")
    x = np.sort(rng.random(400))
    y = rng.standard_normal(400)
    c = cubic(np.ldexp(x, x_power), np.ldexp(y, y_power)).c
    powers = y_power - x_power * np.array([[3], [2], [1], [0]])
    assert np.array_equal(c, np.ldexp(cubic(x, y).c, powers))


def test_float32_stays_float32(rng):
    x = np.linspace(0, 1, 50, dtype=np.float32)
    y = np.sin(5 * x)
    s = cubic(x, y)
    assert s.c.dtype == np.float32 and s(x).dtype == np.float32
    assert_allclose(s(x), y, rtol=0, atol=4e-7)
    q = rng.random(1000).astype(np.float32)
    assert_allclose(s(q), si.CubicSpline(x, y)(q), rtol=0, atol=2e-6)
    assert cubic(x, y.astype(np.float64)).c.dtype == np.float64


def test_input_kinds(rng):
    x = np.arange(12)
    y = rng.standard_normal(12)
    ref = cubic(x.astype(float), y).c
    assert np.array_equal(cubic(x, y).c, ref)
    assert np.array_equal(cubic(x.tolist(), y.tolist()).c, ref)
    assert np.array_equal(cubic(x[::-1][::-1], y[::-1].copy()[::-1]).c, ref)
    assert np.array_equal(cubic(x.astype(">f8"), y.astype(">f8")).c, ref)
    raw = np.zeros(12 * 8 + 1, np.uint8)[1:].view(np.float64)
    raw[:] = y
    assert np.array_equal(cubic(x, raw).c, ref)
    frozen = y.copy()
    frozen.flags.writeable = False
    assert np.array_equal(cubic(x, frozen).c, ref)
    assert np.array_equal(cubic(x, np.ma.array(y)).c, ref)
    wide = np.asfortranarray(rng.standard_normal((12, 3)))
    assert np.array_equal(cubic(x, wide).c, cubic(x, np.ascontiguousarray(wide)).c)
    assert cubic(x, np.empty((12, 0))).c.shape == (4, 11, 0)
    for bad in (y.astype(complex), y.astype(object), y.astype(np.longdouble), np.array(["a"] * 12)):
        with pytest.raises(TypeError, match="y"):
            cubic(x, bad)
    with pytest.raises(ValueError, match="masked"):
        cubic(x, np.ma.array(y, mask=y > 0))


def test_input_is_neither_modified_nor_shared(rng):
    x, y = np.arange(10.0), rng.standard_normal(10)
    kept = x.copy(), y.copy()
    s = cubic(x, y)
    assert np.array_equal(x, kept[0]) and np.array_equal(y, kept[1])
    before = s(3.3)
    x += 1
    y += 1
    assert s(3.3) == before
    for array in (s.x, s.c):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0
    for name in ("x", "c", "axis", "extrapolate"):
        with pytest.raises(AttributeError):
            setattr(s, name, 1)


@pytest.mark.parametrize("i", [0, 5, 9, 3000])
@pytest.mark.parametrize("kind", ["tie", "back", "nan", "inf"])
def test_bad_x_names_the_index(i, kind):
    n = 11 if i < 11 else 9000
    x = np.arange(float(n))
    x[i + 1] = {"tie": x[i], "back": x[i] - 1, "nan": np.nan, "inf": np.inf}[kind]
    where = f"index ({i + 1},)" if kind in ("nan", "inf") else f"x[{i}]"
    with pytest.raises(ValueError) as info:
        cubic(x, np.zeros(n))
    assert where in str(info.value)


@pytest.mark.parametrize("i", [0, 4, 9])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_bad_y(i, bad, rng):
    y = rng.standard_normal((10, 2))
    y[i, 1] = bad
    with pytest.raises(ValueError, match="y contains"):
        cubic(np.arange(10.0), y)
    s = cubic(np.arange(10.0), y, check_finite=False)
    assert np.isnan(s(4.5)[1]) and s(4.5)[0] == cubic(np.arange(10.0), y[:, 0])(4.5)


@pytest.mark.parametrize(
    ("kwargs", "match"),
    [
        ({"bc": "nat"}, "bc"),
        ({"bc": ("natural", "periodic")}, "periodic"),
        ({"bc": ((3, 0.0), "natural")}, "order"),
        ({"bc": ((1, [0.0, 1.0]), "natural")}, "shape"),
        ({"bc": 3}, "bc"),
        ({"bc": ("natural",)}, "bc"),
        ({"axis": 1}, "axis"),
        ({"extrapolate": "linear"}, "extrapolate"),
        ({"workers": 0}, "workers"),
    ],
)
def test_bad_arguments(kwargs, match):
    with pytest.raises((ValueError, TypeError), match=match):
        cubic(np.arange(5.0), np.arange(5.0), **kwargs)


def test_bad_shapes():
    with pytest.raises(ValueError, match="2 knots"):
        cubic([1.0], [1.0])
    with pytest.raises(ValueError, match="y has shape"):
        cubic([1.0, 2.0], [1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match="x has shape"):
        cubic([[1.0, 2.0]], [1.0, 2.0])
    with pytest.raises(ValueError, match="scalar"):
        cubic([1.0, 2.0], 3.0)
    with pytest.raises(ValueError, match="same value"):
        cubic([1.0, 2.0, 3.0], [1.0, 2.0, 3.0], bc="periodic")
    with pytest.raises(ValueError, match="overflow"):
        cubic([-1.7e308, 1.7e308], [0.0, 1.0])


def test_spline_constructor_checks():
    x = np.arange(4.0)
    with pytest.raises(ValueError, match="c has shape"):
        Spline(x, np.zeros((4, 4)))
    with pytest.raises(ValueError, match="increasing"):
        Spline(x[::-1], np.zeros((4, 3)))
    with pytest.raises(TypeError, match="PPoly"):
        Spline.from_ppoly(3)
    assert Spline(x.astype(np.float32), np.zeros((1, 3))).c.dtype == np.float64


def test_inputs_with_array_interfaces_are_not_aliased():
    class Wrapped:
        def __init__(self, a):
            self.a = a

        def __array__(self, dtype=None, copy=None):
            return self.a

    y = np.array([0.0, 1.0, 4.0, 9.0])
    for wrap in (Wrapped, memoryview, np.asarray):
        x, c = np.arange(4.0), np.ones((2, 3))
        for s in (cubic(wrap(x), y), Spline(wrap(x), wrap(c))):
            x[1], c[0, 0] = 1.5, 7.0
            assert s.x[1] == 1.0 and s.c[0, 0] != 7.0
            assert x.flags.writeable and c.flags.writeable
            x[1], c[0, 0] = 1.0, 1.0


def test_roots_take_any_true_value_for_extrapolate():
    s = Spline([0.0, 1.0], [[1.0], [1.0]])  # 1 + t
    for yes in (True, np.True_, 1):
        assert_allclose(s.roots(extrapolate=yes), [-1.0])
        assert_allclose(Spline([0.0, 1.0], [[1.0], [1.0]], extrapolate=yes).roots(), [-1.0])
    for no in (False, np.False_, 0, "periodic"):
        assert s.roots(extrapolate=no).size == 0
