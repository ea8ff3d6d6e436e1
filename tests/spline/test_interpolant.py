"""Interpolation of any degree: polynomials, exact rational-like references by mpmath, conditioning, bad input."""

import itertools

import mpmath as mp
import numpy as np
import pytest
import scipy.interpolate as si
from hypothesis import given
from hypothesis import strategies as st

import kriss
from kriss.spline import Spline, cubic, interpolant

EPS = np.finfo(np.float64).eps
MESHES = ["geometric", "random", "alternating"]


def graded(name, n, ratio=1e-4):
    """A mesh whose widths vary by 1e4."""
    rng = np.random.default_rng(1)
    h = {
        "geometric": np.geomspace(ratio, 1.0, n - 1),
        "random": ratio ** rng.random(n - 1),
        "alternating": np.where(np.arange(n - 1) % 2, 1.0, ratio),
    }[name]
    return np.concatenate([[0.0], np.cumsum(h)])


class Exact:
    """Not-a-knot interpolation in 50 digits: a dense collocation matrix, textbook recurrences."""

    def __init__(self, x, k):
        with mp.workdps(50):
            self.x = [mp.mpf(float(v)) for v in x]
            self.k, self.n = k, len(x)
            cut = (k + 1) // 2
            inner = (
                self.x[cut : self.n - cut]
                if k % 2
                else [(a + b) / 2 for a, b in itertools.pairwise(self.x)][cut : self.n - 1 - cut]
            )
            self.t = [self.x[0]] * (k + 1) + inner + [self.x[-1]] * (k + 1)
            matrix = mp.matrix(self.n, self.n)
            for i, v in enumerate(self.x):
                ell, basis = self.basis(v)
                for a, b in enumerate(basis):
                    matrix[i, ell - k + a] = b
            self.inverse = matrix**-1

    def basis(self, u):
        k, t = self.k, self.t
        ell = k
        while ell < self.n - 1 and u >= t[ell + 1]:
            ell += 1
        h = [mp.mpf(1)]
        for j in range(1, k + 1):
            g = [mp.mpf(0)] * (j + 1)
            for m in range(1, j + 1):
                w = h[m - 1] / (t[ell + m] - t[ell + m - j])
                g[m - 1] += w * (t[ell + m] - u)
                g[m] = w * (u - t[ell + m - j])
            h = g
        return ell, h

    def weights(self, q):
        """What each datum contributes at each point of q."""
        rows = []
        for u in q:
            ell, basis = self.basis(mp.mpf(float(u)))
            rows.append(
                [sum(self.inverse[ell - self.k + a, i] * b for a, b in enumerate(basis)) for i in range(self.n)]
            )
        return rows


def between(x, seed=3):
    h = np.diff(x)
    return np.sort(np.concatenate([x[:-1] + h * np.random.default_rng(seed).random(h.size), x[:-1] + 0.999 * h]))


@pytest.mark.parametrize("mesh", MESHES)
@pytest.mark.parametrize("k", [2, 3, 5, 7])
def test_errors_are_those_of_the_data(mesh, k):
    """Rounding each datum once would change the result by eps times the Lebesgue sum; we may lose a few times that.

    That sum is 1e5 for k = 7 on the random mesh: the problem, not the solver, is ill-conditioned.
    """
    n = 24
    x = graded(mesh, n)
    y = np.cos(3 * x / x[-1])
    q = between(x)
    with mp.workdps(50):
        weights = Exact(x, k).weights(q)
        value = [sum(w * mp.mpf(float(v)) for w, v in zip(row, y, strict=True)) for row in weights]
        size = np.array([float(sum(abs(w * mp.mpf(float(v))) for w, v in zip(row, y, strict=True))) for row in weights])
        got = interpolant(x, y, k)(q)
        error = np.array([float(abs(mp.mpf(float(g)) - v)) for g, v in zip(got, value, strict=True)])
    # Locally the sum may be small where a neighbour's is not: rounding travels along the mesh, so compare with the
    # largest.
    assert error.max() <= (k + 1) * EPS * size.max()


@pytest.mark.parametrize("k", [1, 2, 3, 4, 5, 6, 7, 9])
@pytest.mark.parametrize("n", [2, 3, 4, 5, 7, 8, 9, 10, 11, 50, 3001])
def test_reproduces_polynomials(k, n):
    rng = np.random.default_rng(n)
    x = np.cumsum(rng.random(n) + 0.5)
    x = (x - x[0]) / (x[-1] - x[0]) * 2 - 1
    coefficients = rng.standard_normal((min(k, n - 1) + 1, 3))
    polynomial = np.polynomial.Polynomial
    y = np.stack([polynomial(c)(x) for c in coefficients.T], axis=1)
    s = interpolant(x, y, k)
    q = np.linspace(-1, 1, 500)
    for nu in range(2):
        want = np.stack([polynomial(c).deriv(nu)(q) if nu else polynomial(c)(q) for c in coefficients.T], axis=1)
        # Equal data twice perturbed; derivatives are as much larger as the mesh is fine.
        growth = (n / 2) ** nu
        assert np.abs(s(q, nu) - want).max() <= 1e3 * EPS * growth * (k + 1) * 2.0 ** max(k - 3, 0)
    assert s.c.shape == (k + 1, s.x.size - 1, 3)
    assert s.k == k


@pytest.mark.parametrize("k", [2, 4, 5, 6, 7])
def test_agrees_with_scipy(k):
    x = np.cumsum(np.random.default_rng(k).random(400) + 0.2)
    y = np.random.default_rng(2).standard_normal((400, 2, 3))
    theirs = si.make_interp_spline(x, y, k=k)
    q = between(x)
    scale = np.abs(theirs(q)).max()
    for axis in range(3):
        s = interpolant(x, np.moveaxis(y, 0, axis), k, axis=axis)
        assert s.axis == axis
        got = np.moveaxis(s(q), axis, 0)
        assert np.abs(got - theirs(q)).max() <= 1e-11 * scale


@pytest.mark.parametrize("k", [5, 7])
def test_smooth_and_exact_at_the_data(k):
    x = graded("random", 40, 1e-2)
    y = np.random.default_rng(0).standard_normal(40)
    s = interpolant(x, y, k)
    assert np.array_equal(s.x, x)
    assert np.array_equal(s(x[:-1]), y[:-1])
    assert abs(s(x[-1]) - y[-1]) <= 1e-9 * np.abs(s.c).max(initial=1.0)
    # Derivatives below k are continuous, the k-th one only at the data that are not knots.
    c, h = s.c, np.diff(x)
    for nu in range(k):
        left = s.derivative(nu)
        value = sum(left.c[-1 - p, :-1] * h[:-1] ** p for p in range(left.c.shape[0]))
        size = sum(np.abs(left.c[-1 - p, :-1]) * h[:-1] ** p for p in range(left.c.shape[0]))
        jump = np.abs(value - left.c[-1, 1:])
        local = np.maximum(size, np.abs(left.c[-1, 1:]))
        assert (jump <= 1e-7 * local.max()).all()
    cut = (k - 1) // 2
    assert np.ptp(c[0, : cut + 1]) <= 1e-6 * np.abs(c[0]).max()


@pytest.mark.parametrize("k", [2, 4, 5, 7])
def test_converges_with_order_k_plus_1(k):
    q = np.linspace(0, 4, 3777)
    errors = []
    for n in (80, 160):
        x = np.linspace(0, 4, n + 1)
        errors.append(np.abs(interpolant(x, np.sin(4 * x), k)(q) - np.sin(4 * q)).max())
    # The largest error sits at an end, where its constant depends on the phase of the sine.
    assert k + 0.8 < np.log2(errors[0] / errors[1]) < k + 2.2


def test_cubic_is_cubic():
    x = np.linspace(0, 1, 20)
    y = np.cos(x)
    assert np.array_equal(interpolant(x, y).c, cubic(x, y).c)
    assert np.array_equal(interpolant(x, y, bc="natural").c, cubic(x, y, bc="natural").c)


ENDS = {"natural": lambda k: range((k + 1) // 2, k), "clamped": lambda k: range(1, (k + 1) // 2)}


@pytest.mark.parametrize("k", [3, 5, 7])
@pytest.mark.parametrize("left", ["natural", "clamped", "not-a-knot"])
@pytest.mark.parametrize("right", ["natural", "clamped", "not-a-knot"])
def test_named_ends(k, left, right):
    x = np.cumsum(np.random.default_rng(3).random(30) + 0.5)
    y = np.random.default_rng(4).standard_normal((30, 2))
    s = interpolant(x, y, k, bc=(left, right))
    assert np.array_equal(s.x, x)
    for name, at, inner in ((left, x[0], s.c[0, :2]), (right, x[-1], s.c[0, -2:])):
        if name == "not-a-knot":
            assert np.abs(inner[0] - inner[1]).max() <= 1e-9 * np.abs(s.c[0]).max()
        else:
            for nu in ENDS[name](k):
                assert np.abs(s(at, nu)).max() <= 1e-9 * np.abs(s(x, nu)).max()
    assert np.array_equal(s(x[:-1]), y[:-1])
    inside = x[1:-1]
    for nu in range(1, k):  # continuous: the expansion on the left reaches the one on the right
        before = np.array([s.derivative(nu)(np.nextafter(v, 0)) for v in inside])
        assert np.abs(before - s(inside, nu)).max() <= 1e-8 * np.abs(s(x, nu)).max()


@pytest.mark.parametrize("k", [3, 5, 7])
def test_given_derivatives(k):
    x = np.linspace(0.0, 2.0, 12) ** 1.5
    sine = [lambda v, nu=nu: np.sin(v + nu * np.pi / 2) for nu in range(k)]
    half = (k - 1) // 2
    orders = range(1, half + 1)
    ends = [[(nu, sine[nu](at)) for nu in orders] for at in (x[0], x[-1])]
    s = interpolant(x, np.sin(x), k, bc=tuple(ends))
    theirs = si.make_interp_spline(x, np.sin(x), k, bc_type=tuple(ends))
    q = np.linspace(x[0], x[-1], 300)
    assert np.abs(s(q) - theirs(q)).max() <= 1e-12
    for nu in orders:
        assert abs(s(x[0], nu) - sine[nu](x[0])) <= 1e-10
        assert abs(s(x[-1], nu) - sine[nu](x[-1])) <= 1e-10
    # All conditions at one end (which magnifies errors from cell to cell), and columns of their own values.
    p = np.polynomial.Polynomial(np.arange(1.0, k + 2))
    x = np.array([0.0, 0.5, 1.0])
    one_sided = [(nu, [p.deriv(nu)(0.0), 0.0]) for nu in range(1, k)]
    s = interpolant(x, np.stack([p(x), np.zeros(3)], axis=1), k, bc=(one_sided, []))
    q = np.linspace(0, 1, 99)
    assert np.abs(s(q)[:, 0] - p(q)).max() <= 1e-10
    assert np.abs(s(q)[:, 1]).max() == 0


@pytest.mark.parametrize("k", [3, 5, 7])
def test_periodic(k):
    x = np.linspace(0, 2 * np.pi, 40)
    y = np.stack([np.sin(x), np.cos(x)], axis=1)
    y[-1] = y[0]
    s = interpolant(x, y, k, bc="periodic")
    assert s.extrapolate == "periodic"
    q = np.linspace(-9, 20, 777)
    assert np.abs(s(q) - np.stack([np.sin(q), np.cos(q)], axis=1)).max() <= 20 * (2 * np.pi / 39) ** (k + 1) / 384
    for nu in range(1, k):
        assert np.abs(s(x[0], nu) - s.derivative(nu)(x[-1], extrapolate=True)).max() <= 1e-8
    with pytest.raises(ValueError, match="must begin and end with the same value"):
        interpolant(x, x, k, bc="periodic")


def test_reproduces_polynomials_with_two_points_and_derivatives():
    for k in (3, 5, 7):
        p = np.polynomial.Polynomial(np.random.default_rng(k).standard_normal(k + 1))
        ends = tuple([(nu, p.deriv(nu)(at)) for nu in range(1, (k + 1) // 2)] for at in (0.0, 1.0))
        s = interpolant([0.0, 1.0], [p(0.0), p(1.0)], k, bc=ends)
        q = np.linspace(0, 1, 50)
        assert np.abs(s(q) - p(q)).max() <= 1e-12


def test_bad_ends():
    x, y = np.arange(9.0), np.arange(9.0)
    for bc, k, message in (
        ("typo", 5, "bc at the left end must be"),
        ("natural", 4, "for even k=4"),
        ((1, 0.0), 5, "1 and 1 conditions"),
        (("natural", [(1, 0.0)]), 5, "2 and 1 conditions"),
        (("not-a-knot", [(1, 0.0)]), 5, "2 and 1 conditions"),
        (([(1, 0.0), (1, 0.0)], "natural"), 5, "gives derivative 1 twice"),
        (([(0, 0.0), (1, 0.0)], "natural"), 5, "derivative order at the left end must be at least 1"),
        (([(1, [0.0]), (2, 0.0)], "natural"), 5, "has shape"),
        (5, 5, "bc must be a name"),
        (("natural",), 5, "bc must be a name"),
    ):
        with pytest.raises(ValueError, match=message):
            interpolant(x, y, k, bc=bc)
    with pytest.raises(ValueError, match="expected at least 4"):
        interpolant(x[:3], y[:3], 5, bc=("not-a-knot", "natural"))
    with pytest.raises(ValueError, match="expected at least 3 where bc"):
        interpolant([0.0, 1.0], [0.0, 1.0], 5, bc="natural")  # x (x - 1) may be added


@pytest.mark.parametrize("k", [1, 5, 7])
def test_column_by_column_and_workers(k):
    x = np.cumsum(np.random.default_rng(8).random(5000) + 0.1)
    y = np.random.default_rng(9).standard_normal((5000, 70))
    whole = interpolant(x, y, k, workers=1).c
    assert np.array_equal(whole, interpolant(x, y, k, workers=2).c)
    assert np.array_equal(whole, interpolant(x, y, k, workers=4).c)
    for column in (0, 63, 69):
        alone = interpolant(x, y[:, column], k).c
        assert np.abs(alone - whole[..., column]).max() <= 1e-12 * np.abs(alone).max()


def test_backends_agree(backend):
    if backend == "numba":
        pytest.skip("compared from the compiled side")
    for k in (1, 2, 5, 6, 7):
        x = np.cumsum(np.random.default_rng(8).random(333) + 0.1)
        y = np.random.default_rng(9).standard_normal((333, 5))
        ours = interpolant(x, y, k)
        with kriss.use_backend("numba"):
            assert np.array_equal(ours.c, interpolant(x, y, k).c)
    for k in (3, 5, 7):
        bc = ("natural", [(1, np.ones(5)), (2, np.ones(5)), (3, np.ones(5))][: (k - 1) // 2])
        ours = interpolant(x, y, k, bc=bc)
        with kriss.use_backend("numba"):
            assert np.array_equal(ours.c, interpolant(x, y, k, bc=bc).c)


@pytest.mark.parametrize("k", [1, 4, 5])
def test_argument_kinds(k):
    x = np.arange(12.0)
    y = np.random.default_rng(1).integers(-9, 9, (12, 2))
    want = interpolant(x, y, k)
    for xs, ys in (
        (list(x), y.tolist()),
        (x.astype(int), y.astype(np.int8)),
        (x[::-1].copy()[::-1], np.asfortranarray(y)),
        (x.astype(">f8"), y.astype(">f8")),
    ):
        assert np.array_equal(interpolant(xs, ys, k).c, want.c)
    locked = y.astype(float)
    locked.flags.writeable = False
    s = interpolant(x, locked, k)
    x[3] = 2.5  # no memory is shared
    assert np.array_equal(s.c, want.c)
    assert np.array_equal(s.x, want.x)
    single = interpolant(np.arange(12, dtype=np.float32), y.astype(np.float32), k)
    assert single.c.dtype == np.float32
    assert np.abs(single.c - want.c).max() <= 1e-6 * np.abs(want.c).max()
    empty = interpolant(np.arange(12.0), np.zeros((12, 0)), k)
    assert empty(np.zeros(4)).shape == (4, 0)


def test_bad_input():
    x, y = np.arange(9.0), np.zeros(9)
    for k in (0, 32, -1):
        with pytest.raises(ValueError, match="k must be"):
            interpolant(x, y, k)
    with pytest.raises(TypeError, match="k must be an integer"):
        interpolant(x, y, 5.0)
    with pytest.raises(ValueError, match=r"x must be strictly increasing, but x\[2\]"):
        interpolant([0, 1, 2, 2, 3, 4, 5, 6], np.zeros(8), 5)
    with pytest.raises(ValueError, match="expected 9 entries along axis 0"):
        interpolant(x, np.zeros(8), 5)
    with pytest.raises(ValueError, match="y is a scalar"):
        interpolant(x, 1.0, 5)
    with pytest.raises(ValueError, match="at least 2"):
        interpolant([1.0], [1.0], 5)
    with pytest.raises(ValueError, match="extrapolate"):
        interpolant(x, y, 5, extrapolate="sometimes")
    with pytest.raises(TypeError, match="complex"):
        interpolant(x, y + 1j, 5)


@pytest.mark.parametrize("where", [0, 100, 199])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_bad_values_stay_in_their_column(where, bad):
    x = np.linspace(0, 1, 200)
    y = np.ones((200, 3))
    y[where, 1] = bad
    with pytest.raises(ValueError, match=r"y contains"):
        interpolant(x, y, 5)
    s = interpolant(x, y, 5, check_finite=False)
    values = s(np.linspace(0, 1, 50))
    assert np.abs(values[:, [0, 2]] - 1).max() < 1e-12
    assert not np.isfinite(values[:, 1]).any()


@pytest.mark.parametrize("scale", [1e-300, 1e-150, 1e150, 1e290])
@pytest.mark.parametrize("k", [5, 7])
def test_scaling_by_powers_of_two_is_exact(scale, k):
    factor = 2.0 ** np.round(np.log2(scale))
    x = np.cumsum(np.random.default_rng(8).random(50) + 0.1)
    y = np.random.default_rng(9).uniform(1, 2, 50)
    q = between(x)
    want = interpolant(x, y, k)(q)
    if scale > 1e-300:
        assert np.array_equal(interpolant(x, y * factor, k)(q), want * factor)
    else:  # intermediate products fall below the normal numbers
        assert np.abs(interpolant(x, y * factor, k)(q) - want * factor).max() <= 1e-12 * factor
    small = 2.0**-30
    assert np.array_equal(interpolant(x * small, y, k)(q * small), want)


@given(
    st.sampled_from([1, 2, 3, 4, 5, 6, 7]),
    st.lists(st.floats(0.05, 1.0), min_size=1, max_size=30),
    st.integers(0, 2**32 - 1),
)
def test_interpolates(k, widths, seed):
    x = np.concatenate([[0.0], np.cumsum(widths)])
    y = np.random.default_rng(seed).uniform(-1, 1, x.size)
    s = interpolant(x, y, k)
    assert isinstance(s, Spline)
    assert s.x[0] == x[0]
    assert s.x[-1] == x[-1]
    h = np.diff(s.x)
    size = sum(np.abs(s.c[-1 - p]) * h**p for p in range(k + 1))  # what the powers of a cell may add up to
    assert np.abs(s(x) - y).max() <= 8 * k * EPS * size.max()


def test_straight_lines_need_no_conditions():
    x = np.linspace(0, 1, 7) ** 2
    y = np.cos(x)
    assert np.abs(interpolant(x, y, 1, bc="natural").c - interpolant(x, y, 1).c).max() <= 1e-14
