"""Equations on grids: the problems of Fang et al., the objective against plain formulas, arguments."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kriss.gp import RBF, PDESolution, SpectralMixture, solve_pde
from kriss.gp._mixture import Bands, Profile, bands_of, diagonal_sums, toeplitz
from kriss.gp._pde_epochs import Objective, State, bands_at, values_of
from kriss.gp._pde_problem import Equation
from kriss.gp._pde_spectrum import guess

TWO_PI = 2.0 * np.pi
CUBIC = (lambda u: u * (u * u - 1.0), lambda u: 3.0 * u * u - 1.0)
LAPLACE = {(2, 0): 1.0, (0, 2): 1.0}

# Solutions with their second derivatives, length of the axis, points, as published.
LINES = {
    "sin 100x": (lambda x: np.sin(100 * x), lambda x: -1e4 * np.sin(100 * x), TWO_PI, 400),
    "mix": (
        lambda x: np.sin(x) + 0.1 * np.sin(20 * x) + 0.05 * np.cos(100 * x),
        lambda x: -np.sin(x) - 40 * np.sin(20 * x) - 500 * np.cos(100 * x),
        1.0,
        400,
    ),
    "sin 6x cos 100x": (
        lambda x: np.sin(6 * x) * np.cos(100 * x),
        lambda x: -10036 * np.sin(6 * x) * np.cos(100 * x) - 1200 * np.cos(6 * x) * np.sin(100 * x),
        TWO_PI,
        400,
    ),
    "x sin 200x": (
        lambda x: x * np.sin(200 * x),
        lambda x: 400 * np.cos(200 * x) - 4e4 * x * np.sin(200 * x),
        TWO_PI,
        900,
    ),
    "sin 500x": (
        lambda x: np.sin(500 * x) - 2 * (x - 0.5) ** 2,
        lambda x: -25e4 * np.sin(500 * x) - 4.0,
        1.0,
        400,
    ),
}


def error(s, u, length, count=300):
    x = np.linspace(0.0, length, count)
    mesh = np.meshgrid(*[x] * len(s.axes), indexing="ij")
    truth = u(*mesh)
    return np.linalg.norm(s.predict(*[x] * len(s.axes)) - truth) / np.linalg.norm(truth)


def published_objective(e, state, weight, jitter, gaussian):
    """Minus the log joint density, matrix by matrix."""
    matrices, operators = [], []
    for axis, values, own in zip(e.axes, state.bands, e.orders, strict=True):
        k = bands_at(values, gaussian).kernel
        matrices.append(k(axis[:, None], axis[:, None]) + jitter * np.eye(axis.size))
        gap = np.subtract.outer(axis, axis)
        parts = [p.reshape(gap.shape) for p in Profile(bands_of(k), np.abs(gap).ravel()).values()]
        parts[1] = parts[1] * np.sign(gap)
        operators.append(sum(c * parts[o] for o, c in own.items()) @ np.linalg.inv(matrices[-1]))
    u = state.u.ravel()
    covariance, image = np.ones((1, 1)), np.zeros((u.size, u.size))
    for q, m in enumerate(matrices):
        covariance = np.kron(covariance, m)
        sides = [np.eye(n) for n in e.shape]
        sides[q] = operators[q]
        whole = np.ones((1, 1))
        for s in sides:
            whole = np.kron(whole, s)
        image += whole
    g, _ = e.react(state.u)
    residual = image @ u + e.constant * u + g.ravel() - e.source.ravel()
    misfit = ((state.u - e.known)[e.known_cells] ** 2).sum()
    value = -0.5 * np.linalg.slogdet(covariance)[1] - 0.5 * u @ np.linalg.solve(covariance, u)
    value += weight * 0.5 * (e.known_cells.sum() * state.log_tau - np.exp(state.log_tau) * misfit)
    return -(value + 0.5 * (u.size * state.log_v - np.exp(state.log_v) * (residual @ residual)))


@pytest.mark.parametrize("name", LINES)
def test_published_lines_to_a_part_in_1e5(name):
    u, f, length, n = LINES[name]
    s = solve_pde([np.linspace(0.0, length, n)], {2: 1.0}, f, u)
    assert isinstance(s, PDESolution) and s.status == "converged" and s.iterations == 1
    assert s.residual_norm <= 1e-12 and s.boundary_error == 0.0
    assert error(s, u, length) <= 1e-5


@pytest.mark.parametrize("name", ["sin 100x", "sin 6x cos 100x"])
def test_published_allen_cahn_lines(name):
    u, f, length, n = LINES[name]
    s = solve_pde(
        [np.linspace(0.0, length, n)], {2: 1.0}, lambda x: f(x) + CUBIC[0](u(x)), u, reaction=CUBIC, maxiter=6
    )
    assert s.status == "converged" and s.iterations <= 4
    assert error(s, u, length) <= 1e-5
    assert (np.diff(s.history) < 0.0).all() and s.history.size == s.iterations + 1


def test_published_sum_on_a_plane():
    def g(x):
        return np.sin(6 * x) * np.cos(20 * x)

    def g2(x):
        return -436 * np.sin(6 * x) * np.cos(20 * x) - 240 * np.cos(6 * x) * np.sin(20 * x)

    x = np.linspace(0.0, TWO_PI, 200)
    s = solve_pde([x, x], LAPLACE, lambda x, y: g2(x) + g2(y), lambda x, y: g(x) + g(y))
    assert s.status == "converged"
    assert error(s, lambda x, y: g(x) + g(y), TWO_PI) <= 3e-5


def test_published_advection():
    x = np.linspace(0.0, 1.0, 200)
    s = solve_pde(
        [x, x], {(1, 0): 200.0, (0, 1): 1.0}, 0.0, lambda x, t: np.sin(x - 200 * t), faces=[(True, False)] * 2
    )
    assert error(s, lambda x, t: np.sin(x - 200 * t), 1.0) <= 1e-5


def test_allen_cahn_on_a_plane_converges_with_the_grid():
    def u(x, y):
        return 1.5 * np.sin(20 * x) * np.cos(15 * y)

    errors = []
    for n in (25, 50, 100):
        x, y = np.linspace(0.0, 1.0, n), np.linspace(0.0, 1.5, n + 5)
        s = solve_pde([x, y], LAPLACE, lambda x, y: -625 * u(x, y) + CUBIC[0](u(x, y)), u, reaction=CUBIC)
        assert s.status == "converged" and s.iterations <= 6
        truth = u(*np.meshgrid(x, y, indexing="ij"))
        errors.append(np.linalg.norm(s.u - truth) / np.linalg.norm(truth))
    assert errors[1] <= errors[0] / 3 and errors[2] <= errors[1] / 3


def test_residual_between_points_tells_a_bad_kernel():
    u, f, length, n = LINES["sin 100x"]
    x = np.linspace(0.0, length, n)
    between = 0.5 * (x[1:] + x[:-1])
    good = solve_pde([x], {2: 1.0}, f, u)
    bad = solve_pde([x], {2: 1.0}, f, u, kernels=[SpectralMixture([1.0], [0.0], 0.3, spectrum="student-t")])
    sizes = [np.linalg.norm(s.residual(between)) / np.linalg.norm(f(between)) for s in (good, bad)]
    assert sizes[0] <= 1e-5 and sizes[1] >= 1e-2
    assert error(good, u, length) <= 1e-5 and error(bad, u, length) >= 1e-3
    np.testing.assert_allclose(good.residual(x)[1:-1], good.residual()[1:-1], rtol=0, atol=1e-5)


def test_frequencies_are_read_off_the_source():
    e = Equation([np.linspace(0, 1, 400)], {2: 1.0}, lambda x: np.sin(TWO_PI * 30 * x), 0.0, None, None)
    bands = guess(e, 5)[0]
    assert bands.frequencies[0] == 0.0 and abs(bands.frequencies[1] - 30.0) <= 0.1  # of the resolution
    assert bands.weights.sum() == pytest.approx(1.0)


@pytest.mark.parametrize("power", [-996, -500, 500, 996])
def test_scaling_by_powers_of_two_is_exact(power):
    x, scale = np.linspace(0.0, 1.0, 40), 2.0**power
    u, f = np.sin(30 * x), -900 * np.sin(30 * x)
    one = solve_pde([x], {2: 1.0}, f, u)
    s = solve_pde([x], {2: 1.0}, scale * f, scale * u)
    np.testing.assert_array_equal(s.u, scale * one.u)
    assert s.residual_norm == one.residual_norm and s.kernels == one.kernels


def test_subnormal_solutions():
    x = np.linspace(0.0, 1.0, 40)
    s = solve_pde([x], {2: 1.0}, 0.0, np.full(40, 5e-320))
    assert s.status == "converged" and np.abs(s.u / 5e-320 - 1.0).max() <= 5e-3


def test_powers_of_two_of_the_coordinates_do_not_matter():
    x = np.linspace(0.0, 1.0, 50)
    a = solve_pde([x], {2: 1.0}, -400 * np.sin(20 * x), np.sin(20 * x)).u
    b = solve_pde([1024.0 * x], {2: 2.0**20}, -400 * np.sin(20 * x), np.sin(20 * x)).u
    np.testing.assert_allclose(a, b, rtol=0, atol=1e-8)


@given(st.integers(0, 2**32), st.booleans())
@settings(max_examples=15)
def test_objective_and_its_gradient(seed, gaussian):
    rng = np.random.default_rng(seed)
    if rng.random() < 0.5:
        axes, terms = [np.linspace(0.0, 1.0, 6)], {2: 1.0, 1: 0.5, 0: 0.3}
    else:
        axes, terms = (
            [np.linspace(0, 1, 5), np.linspace(0, 2, 4)],
            {(2, 0): 1.0, (0, 1): 2.0, (1, 0): -0.4, (0, 0): 1.0},
        )
    shape = tuple(a.size for a in axes)
    e = Equation(axes, terms, rng.normal(size=shape), rng.normal(size=shape), CUBIC, None)
    bands = [values_of(Bands(rng.random(3) + 0.2, rng.random(3) + 0.5, rng.random(3), gaussian)) for _ in axes]
    state = State(rng.normal(size=shape), bands, 0.3, -0.2)
    objective = Objective(e, 20.0, 1e-2, gaussian, 1)
    value, gradient = objective(state)
    assert value == pytest.approx(published_objective(e, state, 20.0, 1e-2, gaussian), rel=1e-9)
    x, slope = state.flat(), gradient.flat()
    direction = rng.normal(size=x.size)
    ends = []
    for h in (1e-5, -1e-5):
        state.set(x + h * direction)
        ends.append(objective(state)[0])
    rough = (ends[0] - ends[1]) / 2e-5
    assert abs(rough - slope @ direction) <= 1e-6 * np.linalg.norm(slope) * np.linalg.norm(direction)


def test_toeplitz_and_diagonal_sums(rng):
    column, a = rng.normal(size=7), rng.normal(size=(7, 7))
    even, odd = toeplitz(column), toeplitz(column, odd=True)
    for i in range(7):
        for j in range(7):
            assert even[i, j] == column[abs(i - j)]
            assert odd[i, j] == column[abs(i - j)] * (1 if i >= j else -1)
    plus, minus = diagonal_sums(a)
    for k in range(7):
        low, high = np.trace(a, -k), np.trace(a, k)
        assert plus[k] == pytest.approx(low + high if k else low) and minus[k] == pytest.approx(low - high if k else 0)


def test_adam_goes_downhill():
    x = np.linspace(0.0, 1.0, 40)
    f, u = -400 * np.sin(20 * x), np.sin(20 * x)
    s = solve_pde([x], {2: 1.0}, f, u, method="adam", epochs=300, bands=4, learning_rate=0.02)
    assert s.status == "maxiter" and s.iterations == s.history.size == 300 and s.method == "adam"
    assert s.history[-1] < 0.5 * s.history[0]
    assert np.linalg.norm(s.residual()) < 0.9 * np.linalg.norm(f)


def test_first_step_of_adam():
    # Its size is the learning rate, whatever the gradient.
    x = np.linspace(0.0, 1.0, 12)
    e = Equation([x], {2: 1.0}, np.cos(9 * x), np.sin(x), None, None)
    start = SpectralMixture([0.5, 0.5], [0.0, 1.5], spectrum="student-t")
    state = State(np.zeros(12), [values_of(bands_of(start))], 0.0, 0.0)
    value, gradient = Objective(e, 200.0, 1e-6, False, 1)(state)
    s = solve_pde([x], {2: 1.0}, np.cos(9 * x), np.sin(x), kernels=[start], method="adam", epochs=1)
    assert s.history[0] == value
    np.testing.assert_allclose(s.u, -0.01 * np.sign(gradient.u), rtol=1e-6)
    np.testing.assert_allclose(np.log(s.kernels[0].weights / 0.5), -0.01 * np.sign(gradient.bands[0][0]), rtol=1e-6)


def test_adam_says_that_it_diverged():
    x = np.linspace(0.0, 1.0, 10)
    s = solve_pde([x], {2: 1.0}, 1e200, 0.0, method="adam", epochs=5)
    assert s.status == "diverged"


@pytest.mark.parametrize("epochs", [1, 2, 30])
def test_adam_with_steps_too_long_keeps_the_last_finite_state(epochs):
    # Weights of exp(1000): once an OverflowError, or a LinAlgError of the solution's own factors.
    x = np.linspace(0.0, 1.0, 20)
    s = solve_pde([x], {2: 1.0}, -np.sin(x), 0.0, method="adam", epochs=epochs, learning_rate=1000.0)
    assert s.status == "diverged" and s.history.size == 1
    np.testing.assert_array_equal(s.u, 0.0)  # the start, the only state with a value
    assert np.isfinite(s.kernels[0].weights).all() and np.isfinite(s.residual_norm)


@pytest.mark.parametrize("stretch", [1.0, 3.0])
def test_singular_equations_on_a_plane_are_refused(stretch):
    # Waves between four given faces: D_1 and -D_2 have the same eigenvalues, exactly or to rounding.
    x = np.linspace(0.0, 1.0, 24)
    with pytest.raises(np.linalg.LinAlgError, match="singular to working precision: terms and faces"):
        solve_pde([x, stretch * x], {(2, 0): 1.0, (0, 2): -(stretch**2)}, lambda a, b: np.cos(3 * a + b / stretch), 0.0)


def test_reactions_that_are_not_finite_at_the_start():
    with np.errstate(divide="ignore"), pytest.raises(ValueError, match="reaction: g is -inf at u = 0"):
        solve_pde([X], {2: 1.0}, 0.0, 1.0, reaction=(np.log, lambda u: 1.0 / u))
    with np.errstate(divide="ignore"), pytest.raises(ValueError, match="reaction: its derivative is inf at u = 0"):
        solve_pde([X], {2: 1.0}, 0.0, 1.0, reaction=(np.sqrt, lambda u: 0.5 / np.sqrt(u)))


def test_newton_that_cannot_says_so():
    x = np.linspace(0.0, 1.0, 20)
    s = solve_pde([x], {2: 1.0}, 0.0, 1.0, reaction=(lambda u: 1e3 * np.exp(u), lambda u: 1e3 * np.exp(u)), maxiter=3)
    assert s.status in ("maxiter", "stagnated") and s.residual_norm > 1e-9


def test_nothing_to_solve():
    x = np.linspace(0.0, 1.0, 9)
    s = solve_pde([x, x], LAPLACE, 0.0, 0.0)
    assert s.status == "converged" and not s.u.any() and s.residual_norm == 0.0


def test_workers_do_not_matter():
    x = np.linspace(0.0, 1.0, 80)
    one, two = (
        solve_pde([x], {2: 1.0}, -400 * np.sin(20 * x), np.sin(20 * x), method=m, epochs=3, workers=w).u
        for w in (1, 2)
        for m in ("adam",)
    )
    np.testing.assert_array_equal(one, two)


def test_inputs_are_not_kept_or_modified():
    x, f, b = np.linspace(0.0, 1.0, 20), -64 * np.sin(8 * np.linspace(0, 1, 20)), np.sin(8 * np.linspace(0, 1, 20))
    kept = x.copy(), f.copy(), b.copy()
    s = solve_pde([x], {2: 1.0}, f, b)
    before = s.predict([0.3])
    for array, copy in zip((x, f, b), kept, strict=True):
        np.testing.assert_array_equal(array, copy)
        array += 1.0
    np.testing.assert_array_equal(s.predict([0.3]), before)
    with pytest.raises(ValueError, match="read-only"):
        s.u[0] = 1.0


@pytest.mark.parametrize(
    "form",
    [list, lambda a: a.astype(np.float32), lambda a: a[::-1][::-1], lambda a: a.astype(">f8"), np.asfortranarray],
)
def test_kinds_of_arrays(form):
    x = np.arange(16) / 16.0
    f = np.round(-64 * np.sin(8 * x) * 1024) / 1024
    np.testing.assert_array_equal(solve_pde([form(x)], {2: 1.0}, form(f), form(f)).u, solve_pde([x], {2: 1.0}, f, f).u)


X = np.linspace(0.0, 1.0, 8)
NOT_EVEN = np.array([0.0, 0.1, 0.3, 0.6, 1.0])


@pytest.mark.parametrize(
    ("kwargs", "error", "words"),
    [
        ({"axes": [X[:3]]}, ValueError, r"axes\[0\] has 3 points, expected at least 4"),
        ({"axes": [NOT_EVEN]}, ValueError, r"axes\[0\] is not equispaced"),
        ({"axes": [X[::-1]]}, ValueError, r"axes\[0\] does not increase"),
        ({"axes": [X, X, X]}, ValueError, "3 axes, expected one or two"),
        ({"axes": [[0.0, np.nan, 1.0, 2.0]]}, ValueError, r"axes\[0\] contains nan"),
        ({"terms": [2]}, TypeError, "terms must map orders"),
        ({"terms": {3: 1.0}}, ValueError, "at most 2, not 3"),
        ({"terms": {(2, 0): 1.0}}, ValueError, r"key \(2, 0\), expected one order for each of the 1 axes"),
        ({"terms": {2: np.nan}}, ValueError, "must be finite"),
        ({"terms": {0: 1.0}}, ValueError, "no derivative along axis 0"),
        ({"axes": [X, X], "terms": {(1, 1): 1.0}}, NotImplementedError, "mixed derivative"),
        ({"source": np.ones(7)}, ValueError, r"source has shape \(7,\), expected \(8,\)"),
        ({"source": np.array([0.0] * 3 + [np.nan] + [0.0] * 4)}, ValueError, r"source is nan at grid point \(3,\)"),
        ({"boundary": np.zeros((8, 2))}, ValueError, r"boundary has shape \(8, 2\)"),
        ({"boundary": lambda x: np.where(x == 1.0, np.inf, 0.0)}, ValueError, r"boundary is inf at grid point \(7,\)"),
        ({"boundary": lambda x: np.zeros(5)}, ValueError, "boundary gives values of shape"),
        ({"faces": [(True, False)]}, ValueError, "faces gives u on 1 faces of axis 0, expected 2"),
        ({"terms": {1: 1.0}}, ValueError, "faces gives u on 2 faces of axis 0, expected 1"),
        ({"faces": [(True, True)] * 2}, ValueError, "expected a pair"),
        ({"reaction": abs}, TypeError, "reaction must be a pair"),
        ({"reaction": (lambda u: np.ones(3), abs)}, ValueError, "reaction: g has shape"),
        ({"method": "magic"}, ValueError, "method must be one of"),
        ({"kernels": [RBF()]}, TypeError, r"kernels\[0\] must be a SpectralMixture"),
        ({"kernels": []}, ValueError, "kernels has 0 entries, expected 1"),
        ({"kernels": [SpectralMixture([1.0], [1.0], spectrum="student-t", nu=1.5)]}, ValueError, "nu=1.5"),
        ({"kernels": [SpectralMixture([1.0], [[1.0, 1.0]])]}, ValueError, "2 columns, expected one"),
        ({"bands": 0}, ValueError, "bands must be at least 1"),
        ({"jitter": -1.0}, ValueError, "jitter must be at least"),
        ({"jitter": 0.0, "kernels": [SpectralMixture([1.0], [0.0], 50.0)]}, np.linalg.LinAlgError, "pivot"),
    ],
)
def test_bad_arguments(kwargs, error, words):
    with pytest.raises(error, match=words):
        solve_pde(**{"axes": [X], "terms": {2: 1.0}, "source": 0.0, "boundary": 0.0, **kwargs})


def test_values_of_unused_cells_do_not_matter():
    b = np.full(8, np.nan)
    b[[0, -1]] = 1.0
    np.testing.assert_array_equal(solve_pde([X], {2: 1.0}, 0.0, b).u, solve_pde([X], {2: 1.0}, 0.0, 1.0).u)


def test_residual_off_the_grid_needs_a_function():
    s = solve_pde([X], {2: 1.0}, np.zeros(8), 1.0)
    assert s.residual().shape == (8,)
    with pytest.raises(ValueError, match="source was given as an array"):
        s.residual([0.5])
    with pytest.raises(ValueError, match="axes: 2 given"):
        s.predict([0.5], [0.5])


def test_pictures_and_progress(capsys):
    plt = pytest.importorskip("matplotlib.pyplot")
    plt.switch_backend("Agg")
    line = solve_pde([X], {2: 1.0}, 0.0, 1.0, progress=True)
    assert "newton" in capsys.readouterr().err
    assert len(line.plot()) == 1 and len(line.plot(exact=lambda x: np.ones_like(x) + 1e-3)) == 2
    plane = solve_pde([X, X], LAPLACE, 0.0, 1.0)
    assert len(plane.plot(exact=lambda x, y: x + y)) == 2
    plt.close("all")
