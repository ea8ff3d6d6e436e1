"""minimize_constrained: thirty-five problems of CUTEst, inner solvers, and what goes wrong."""

import itertools

import numpy as np
import pytest
import scipy.sparse as sps

from kriss.sketch import minimize_constrained
from kriss.sketch._constrained import _convexified
from kriss.sketch._projection import Projection
from kriss.testing import equality_problems

PROBLEMS = {problem.name: problem for problem in equality_problems()}


def run(problem, **options):
    return minimize_constrained(
        problem.fun,
        problem.x0,
        grad=problem.grad,
        hess=problem.hess,
        constraints=problem.constraints,
        jac=problem.jac,
        constraint_hess=problem.constraint_hess,
        **{"rng": 0, **options},
    )


@pytest.mark.parametrize("name", PROBLEMS)
def test_derivatives_are_those_of_the_formulas(rng, name):
    p = PROBLEMS[name]
    x = p.x0 + 0.01 * rng.standard_normal(p.x0.size)
    v = rng.standard_normal(p.constraints(x).size)
    step = 1e-6
    for function, derivative in (
        (p.fun, p.grad(x)),
        (p.grad, p.hess(x)),
        (p.constraints, p.jac(x)),
        (lambda y: p.jac(y).T @ v, p.constraint_hess(x, v)),
    ):
        slopes = [(np.asarray(function(x + step * e)) - function(x - step * e)) / (2 * step) for e in np.eye(x.size)]
        assert np.allclose(np.transpose(slopes), derivative, rtol=1e-5, atol=1e-4 * max(1.0, np.abs(derivative).max()))


@pytest.mark.parametrize("inner", ["sketch", "minres", "direct"])
def test_published_problems(inner):
    solved = 0
    for p in PROBLEMS.values():
        fit = run(p, inner=inner)
        if not fit.success:
            continue
        c, jac, g = p.constraints(fit.x), p.jac(fit.x), p.grad(fit.x)
        assert np.abs(c).max() <= 1e-6 and fit.violation == np.abs(c).max()
        assert np.abs(g + jac.T @ fit.multipliers).max() == pytest.approx(fit.stationarity, abs=1e-14)
        assert fit.objective == p.fun(fit.x)
        assert fit.objective >= p.optimum - 1e-5 * (1 + abs(p.optimum)), p.name
        solved += abs(fit.objective - p.optimum) <= 1e-4 * (1 + abs(p.optimum))
        assert (fit.inner_products > 0) == (inner != "direct")
    # A record that may only rise: problems whose lowest known objective was reached.
    assert solved >= {"sketch": 34, "minres": 34, "direct": 34}[inner]


def test_seeds_blocks_and_starts():
    p = PROBLEMS["HS77"]
    first = run(p)
    assert np.array_equal(first.x, run(p).x)
    for options in ({"rng": 5}, {"block": 1}, {"block": 100}, {"multipliers0": [0.0, 0.0]}):
        fit = run(p, **options)
        assert fit.success and fit.objective == pytest.approx(p.optimum, abs=1e-6)
    seen = []
    fit = run(p, callback=seen.append)
    assert len(seen) == fit.iterations and np.array_equal(seen[-1], fit.x)
    short = run(p, maxiter=2)
    assert short.status == "max_iterations" and short.iterations == 2 and not short.success
    assert short.stationarity + short.violation < 100


def linear(A, b, **options):
    """The shortest x with A x = b."""
    n = A.shape[1]
    return minimize_constrained(
        lambda x: 0.5 * x @ x, np.ones(n), grad=lambda x: x, hess=lambda x: sps.eye_array(n),
        constraints=lambda x: A @ x - b, jac=lambda x: sps.csr_array(A), rng=0, **options,
    )  # fmt: skip


@pytest.mark.parametrize("inner", ["sketch", "minres", "direct"])
def test_linear_constraints_take_one_exact_step(rng, inner):
    A, b = rng.standard_normal((8, 60)), rng.standard_normal(8)
    fit = linear(A, b, inner=inner)
    assert fit.success and np.allclose(fit.x, np.linalg.pinv(A) @ b, atol=1e-6)
    assert fit.iterations <= (9 if inner == "minres" else 3)
    free = minimize_constrained(
        lambda x: (x[0] - 1) ** 2 + x[1] ** 4, [5.0, 1.0], grad=lambda x: np.array([2 * (x[0] - 1), 4 * x[1] ** 3]),
        hess=lambda x: np.diag([2.0, 12 * x[1] ** 2]), constraints=lambda x: [], jac=lambda x: np.empty((0, 2)), rng=0,
    )  # fmt: skip
    assert free.success and np.allclose(free.x, [1, 0], atol=1e-2)


def test_constraints_that_cannot_be_met(rng):
    A = np.vstack([np.ones(4), np.ones(4)])
    fit = linear(A, np.array([0.0, 1.0]))
    assert fit.status == "infeasible" and fit.violation == pytest.approx(0.5, abs=1e-3)
    circle = minimize_constrained(
        lambda x: x[0], [2.0, 1.0], grad=lambda x: np.array([1.0, 0.0]), hess=lambda x: np.zeros((2, 2)),
        constraints=lambda x: [x @ x + 1], jac=lambda x: [2 * x], constraint_hess=lambda x, v: 2 * v[0] * np.eye(2),
        rng=0,
    )  # fmt: skip
    assert circle.status in ("infeasible", "rank_deficient", "stalled") and circle.violation < 6
    assert np.isfinite(circle.x).all()


def test_dependent_gradients(rng):
    row = rng.standard_normal(5)
    fit = linear(np.vstack([row, 2 * row]), np.array([1.0, 2.0]))
    assert fit.violation < 1e-3 and fit.status in ("optimal", "rank_deficient", "stalled")
    # At the published start of HS61 two gradients are parallel.
    assert np.linalg.matrix_rank(PROBLEMS["HS61"].jac(PROBLEMS["HS61"].x0)) == 1
    assert run(PROBLEMS["HS61"]).success


@pytest.mark.parametrize("what", ["fun", "grad", "hess", "constraints", "jac"])
@pytest.mark.parametrize("first", [True, False])
def test_functions_that_return_nan(what, first):
    p = PROBLEMS["HS77"]
    calls = 0

    def broken(x):
        nonlocal calls
        calls += 1
        good = np.asarray(getattr(p, what)(x), float)
        return good * np.nan if first or calls > 3 else good

    options = {"fun": p.fun, "grad": p.grad, "hess": p.hess, "constraints": p.constraints, "jac": p.jac, what: broken}
    fun = options.pop("fun")
    fit = minimize_constrained(fun, p.x0, constraint_hess=p.constraint_hess, rng=0, **options)
    assert fit.status in (("non_finite",) if first else ("non_finite", "stalled"))
    assert np.isfinite(fit.x).all()


def test_a_domain_with_a_border_is_not_left():
    # log x: the first full step would end at x < 0.
    fit = minimize_constrained(
        lambda x: x[0] - np.log(x[0]) + (x[1] - 1) ** 2, [8.0, 0.0],
        grad=lambda x: np.array([1 - 1 / x[0], 2 * (x[1] - 1)]), hess=lambda x: np.diag([1 / x[0] ** 2, 2.0]),
        constraints=lambda x: [x[1] - 1], jac=lambda x: [[0.0, 1.0]], rng=0,
    )  # fmt: skip
    assert fit.success and np.allclose(fit.x, 1, atol=1e-5)


def test_wrong_shapes_are_named():
    p = PROBLEMS["HS77"]
    good = {"grad": p.grad, "hess": p.hess, "constraints": p.constraints, "jac": p.jac}
    for name, shape in (("grad", (4,)), ("hess", (5, 4)), ("jac", (3, 5))):
        with pytest.raises(ValueError, match=f"{name} returned an array of shape"):
            minimize_constrained(p.fun, p.x0, **{**good, name: lambda x, shape=shape: np.ones(shape)})
    with pytest.raises(TypeError, match="jac must be callable, not list"):
        minimize_constrained(p.fun, p.x0, **{**good, "jac": []})
    with pytest.raises(ValueError, match="inner must be one of"):
        run(p, inner="qr")
    with pytest.raises(ValueError, match="multipliers0 has shape"):
        run(p, multipliers0=[1.0])
    with pytest.raises(ValueError, match="x0 contains nan"):
        minimize_constrained(p.fun, np.full(5, np.nan), **good)
    for bad in ({"tol": 0.0}, {"maxiter": -1}, {"block": 0}, {"restarts": -1}):
        with pytest.raises(ValueError, match=next(iter(bad))):
            run(p, **bad)


@pytest.mark.parametrize("condition", [1e1, 1e5, 1e9])
@pytest.mark.parametrize("block", [1, 7, 40])
def test_projections_end_after_as_many_columns_as_unknowns(rng, monkeypatch, condition, block):
    q = np.linalg.qr(rng.standard_normal((40, 40)))[0]
    k = (q * np.logspace(0, -np.log10(condition), 40) * np.where(np.arange(40) % 3, 1, -1)) @ q.T
    truth = rng.standard_normal(40)
    solver = Projection(k, k @ truth, block, np.random.default_rng(0))
    monkeypatch.setattr("kriss.sketch._projection.most_blocks", lambda n, block: 1)
    errors = [np.linalg.norm(truth)]
    for _ in range(-(-40 // block)):
        solver.solve(0.0)
        errors.append(np.linalg.norm(solver.z - truth))
    # The error never grows, and is gone once the ranges fill the space.
    slack = 1e-12 * condition * errors[0]
    assert all(b <= a + slack for a, b in itertools.pairwise(errors))
    assert errors[-1] <= slack and solver.memory.shape[1] == 40


def test_projections_are_as_accurate_as_they_are_asked_to_be(rng):
    k = rng.standard_normal((50, 50))
    k = k + k.T
    b = rng.standard_normal(50)
    spent = []
    for target in (0.9, 1e-3, 1e-12):
        solver = Projection(k, b, 5, np.random.default_rng(0))
        assert solver.solve(target * np.linalg.norm(b))
        assert np.linalg.norm(b - k @ solver.z) <= target * np.linalg.norm(b) * (1 + 1e-12)
        spent.append(solver.products)
    assert spent[0] <= spent[1] <= spent[2] <= 3 * 60
    assert not Projection(np.zeros((3, 3)), np.ones(3), 2, np.random.default_rng(0)).solve(1e-3)


def test_negative_curvature_changes_its_sign(rng):
    h = np.diag([2.0, -3.0, 5.0])
    assert np.allclose(_convexified(h, np.eye(3)), np.diag([2.0, 3.0, 5.0]))
    assert np.array_equal(_convexified(h, np.eye(3)[:, ::2]), h)
