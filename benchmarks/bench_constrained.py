"""Equality-constrained minimisation: thirty-five problems of CUTEst and constrained logistic regression, against SciPy.

A problem counts as solved if constraints and the Lagrangian's gradient (with the multipliers that make it smallest) are
at most 1e-6 at what a solver returns, whatever it says itself. All get exact first and second derivatives where they
take them; SciPy's methods run to tolerances well below 1e-6, trust-constr with at most 3000 steps.

    python -m benchmarks constrained --repeats 3
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.optimize as opt
from scipy.special import expit

from benchmarks.harness import Case
from kriss.sketch import minimize_constrained
from kriss.testing import equality_problems

TOL = 1e-6


@dataclass(frozen=True)
class Logistic:
    """Logistic regression with x on a sphere and on some hyperplanes."""

    A: np.ndarray
    y: np.ndarray
    planes: np.ndarray
    x0: np.ndarray
    ridge: float = 1e-3

    def fun(self, x: np.ndarray) -> float:
        return float(np.logaddexp(0, -self.y * (self.A @ x)).mean() + self.ridge / 2 * (x @ x))

    def grad(self, x: np.ndarray) -> np.ndarray:
        return -self.A.T @ (self.y * expit(-self.y * (self.A @ x))) / len(self.y) + self.ridge * x

    def hess(self, x: np.ndarray) -> np.ndarray:
        p = expit(self.A @ x)
        return (self.A.T * (p * (1 - p))) @ self.A / len(self.y) + self.ridge * np.eye(len(x))

    def constraints(self, x: np.ndarray) -> np.ndarray:
        return np.append(self.planes @ x, x @ x - 1.0)

    def jac(self, x: np.ndarray) -> np.ndarray:
        return np.vstack([self.planes, 2 * x])

    def constraint_hess(self, x: np.ndarray, v: np.ndarray) -> np.ndarray:
        return 2 * v[-1] * np.eye(len(x))


def logistic(m: int, n: int, k: int, heavy: bool) -> Logistic:
    """m rows of correlated (or heavy-tailed) features, k hyperplanes."""
    rng = np.random.default_rng(0)
    mixing = 0.6 ** np.abs(np.subtract.outer(np.arange(n), np.arange(n)))
    A = rng.standard_t(3, (m, n)) if heavy else rng.standard_normal((m, n)) @ np.linalg.cholesky(mixing).T
    y = np.where(rng.logistic(size=m) < A @ rng.standard_normal(n) / np.sqrt(n), 1.0, -1.0)
    return Logistic(A, y, rng.standard_normal((k, n)), rng.standard_normal(n) / np.sqrt(n))


def ours(problem: Any, inner: str) -> Any:
    """One run of ours."""
    return minimize_constrained(
        problem.fun, problem.x0, grad=problem.grad, hess=problem.hess, constraints=problem.constraints,
        jac=problem.jac, constraint_hess=problem.constraint_hess, tol=TOL, inner=inner, rng=0,
    )  # fmt: skip


def trust(problem: Any) -> Any:
    """SciPy's trust-region method with exact Hessians."""
    rule = opt.NonlinearConstraint(problem.constraints, 0.0, 0.0, problem.jac, problem.constraint_hess)
    return opt.minimize(
        problem.fun, problem.x0, jac=problem.grad, hess=problem.hess, constraints=rule, method="trust-constr",
        options={"gtol": 1e-8, "xtol": 1e-14, "barrier_tol": 1e-8, "maxiter": 3000},
    )  # fmt: skip


def slsqp(problem: Any) -> Any:
    """SciPy's SLSQP."""
    rule = {"type": "eq", "fun": problem.constraints, "jac": problem.jac}
    return opt.minimize(
        problem.fun, problem.x0, jac=problem.grad, constraints=rule, method="SLSQP",
        options={"ftol": 1e-14, "maxiter": 3000},
    )  # fmt: skip


def solved(problem: Any, x: np.ndarray) -> bool:
    """By first-order conditions at x."""
    if not np.isfinite(x).all():
        return False
    c, jac, g = problem.constraints(x), problem.jac(x), problem.grad(x)
    rest = g + jac.T @ np.linalg.lstsq(jac.T, -g, rcond=None)[0]
    return bool(np.abs(c).max() <= TOL and np.abs(rest).max() <= TOL)


def _all(problems: list[Any], solve: Callable[[Any], Any]) -> list[Any]:
    out = []
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        for problem in problems:
            try:
                out.append(solve(problem))
            except Exception as error:  # a peer that fails on one problem goes on with the next
                out.append(error)
    return out


def _case(name: str, problems: list[Any], note: str = "") -> Case:
    def unsolved(results: list[Any]) -> float:
        done = [not isinstance(r, Exception) and solved(p, r.x) for p, r in zip(problems, results, strict=True)]
        return float(len(done) - sum(done))

    spent = {}
    for inner in ("sketch", "minres"):
        results = [r for r in _all(problems, lambda p, inner=inner: ours(p, inner)) if not isinstance(r, Exception)]
        spent[inner] = sum(r.inner_products for r in results), sum(r.iterations for r in results)
    text = "; ".join(f"{key}: {a} products in {b} steps" for key, (a, b) in spent.items())
    return Case(
        name,
        lambda: _all(problems, lambda p: ours(p, "sketch")),
        {
            "ours, inner MINRES": lambda: _all(problems, lambda p: ours(p, "minres")),
            "ours, inner factorisation": lambda: _all(problems, lambda p: ours(p, "direct")),
            "scipy trust-constr": lambda: _all(problems, trust),
            "scipy SLSQP": lambda: _all(problems, slsqp),
        },
        accuracy=unsolved,
        accuracy_name=f"problems not solved to {TOL:g}, of {len(problems)}",
        note=f"inner solver: {text}{note}",
    )


def cases(quick: bool) -> Iterable[Case]:
    """Yield the cases one by one."""
    yield _case("35 problems of CUTEst", equality_problems())
    for n, k, heavy in ((40, 5, False), (40, 5, True)) if quick else ((40, 5, False), (40, 5, True), (150, 20, False)):
        kind = "heavy-tailed" if heavy else "correlated"
        yield _case(
            f"logistic regression, 2000 x {n} {kind}, on a sphere and {k} planes", [logistic(2000, n, k, heavy)]
        )
