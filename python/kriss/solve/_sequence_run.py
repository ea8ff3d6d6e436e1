"""One system of a sequence: solved with the setting chosen, and with proven ones where that one fails."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from kriss import _validate as check
from kriss._backend import backend, kernels
from kriss.solve._cg import _shift as exponent_of
from kriss.solve._precond import Sweeps
from kriss.solve._result import STATUS, SolveResult
from kriss.solve._sequence_arms import METHODS, RECYCLING, Arm, Choices, traffic
from kriss.solve._sequence_state import Pattern
from kriss.solve._storage import exponent

Array = npt.NDArray[Any]

PATIENCE = 4  # an unproven setting may take that many times the iterations of recent systems


class Start(NamedTuple):
    """What a solve starts with: x0, the products that it took, whether it is warm, and whether to recycle."""

    x: Array | None
    products: int
    warm: bool
    recycling: bool


class Outcome(NamedTuple):
    """What became of a system: its result, what it took with all attempts, and what was given up."""

    result: SolveResult
    iterations: int
    matvecs: int
    cost: float
    seconds: float
    abandoned: list[str]


@dataclasses.dataclass(frozen=True)
class Runner:
    """How systems are solved, whatever the setting."""

    method: str
    chosen: Choices
    recycle: int
    counts: bool  # the loss is iterations, not time
    rtol: float
    atol: float
    maxiter: int | None
    workers: int | None
    event: Callable[[str], None]

    def solve(
        self, pattern: Pattern, arm: int, matrix: Any, operand: Any, rhs: Array, begin: Start, began: float
    ) -> Outcome:
        """Solve with an arm, and with proven ones if it fails; `began` is when the clock started."""
        n = int(operand.shape[0])
        most = 10 * n if self.maxiter is None else self.maxiter
        order = [arm]
        others = len(self.chosen.arms) > 1
        abandoned: list[str] = []
        tried: list[SolveResult] = []
        start, cost, iterations, matvecs = begin.x, float(begin.products), 0, begin.products
        trouble: Exception | None = None
        for k, index in enumerate(order):  # which grows when the first one fails
            setting = self.chosen.arms[index]
            limit = most
            if others and index != pattern.safe and pattern.longest:
                limit = min(most, PATIENCE * max(pattern.longest) + 20)
            try:
                M = pattern.built.get(setting, operand, matrix, pattern.stamp)
                result, weight, extra = self._run(
                    pattern, setting, M, matrix, operand, rhs, start, limit, begin.recycling
                )
            except (ArithmeticError, ValueError, np.linalg.LinAlgError) as exc:
                trouble = exc
                pattern.failed[index] += 1
                abandoned.append(f"{setting.label}: {exc}")
                self.event(f"{setting.label} could not be used: {exc}")
                others = self._more(pattern, order, k)
                continue
            if pattern.unit is None:
                pattern.unit = self._traffic(M, matrix, 0, False)
            cost += result.iterations * (weight / pattern.unit) + extra
            iterations += result.iterations
            matvecs += result.matvecs
            tried.append(result)
            if result.converged:
                pattern.succeeded[index] += 1
                pattern.safe = index
                pattern.longest = [*pattern.longest[-19:], max(result.iterations, 1)]
                break
            pattern.failed[index] += 1
            others = self._more(pattern, order, k)
            if k + 1 < len(order):
                abandoned.append(f"{setting.label}: {result.status}")
                self.event(f"{setting.label} abandoned after {result.iterations} iterations: {result.status}")
            if np.isfinite(result.x).all() and result.residual_norm < float(np.linalg.norm(rhs)):
                start = result.x  # it was only slow: go on from there
        if not tried:
            assert trouble is not None
            raise trouble
        best = tried[-1] if tried[-1].converged else min(tried, key=lambda r: _order(r.residual_norm))
        seconds = time.perf_counter() - began
        if not self.counts:
            cost = seconds * 1e6
        # what a setting that failed made others do is charged to it, and then some
        cost = max(cost, 1.0) * (1.5 if abandoned else 1.0)
        return Outcome(best, iterations, matvecs, cost, seconds, abandoned)

    def _more(self, pattern: Pattern, order: list[int], k: int) -> bool:
        """Append the settings that come after the first one; whether any comes after the next."""
        if k == 0:
            if pattern.safe is not None and pattern.safe != order[0]:
                order.append(pattern.safe)
            rates = (pattern.succeeded + 1.0) / (pattern.succeeded + pattern.failed + 2.0)
            ranked = [int(j) for j in np.argsort(-rates, kind="stable") if j not in order]
            order += ranked[:2]
            # where every setting of a preconditioner fails, as on a diagonal of zeros, another one may do
            seen = {self.chosen.arms[j].precond for j in order}
            for j in ranked[2:]:
                if self.chosen.arms[j].precond not in seen:
                    seen.add(self.chosen.arms[j].precond)
                    order.append(j)
        return len(order) > k + 2

    def _run(
        self, pattern: Pattern, setting: Arm, M: Any, matrix: Any, operand: Any, rhs: Array, start: Array | None,
        limit: int, recycling: bool,
    ) -> tuple[SolveResult, float, int]:  # fmt: skip
        """One solve; also the traffic of an iteration and the products spent on recycling."""
        options: dict[str, Any] = {
            "rtol": self.rtol, "atol": self.atol, "maxiter": limit, "workers": self.workers, "check_finite": False
        }  # fmt: skip
        fixed = self.chosen.fixed
        if self.method in ("gmres", "fgmres"):
            options["restart"] = int(setting.get("restart", fixed.get("restart", 30)))
        extra = 0
        count = int(setting.get("recycle", fixed.get("recycle", self.recycle)))
        if self.method in ("sor", "ssor"):
            omega = float(setting.get("omega", fixed.get("omega", 1.0)))
            result = METHODS[self.method](operand, rhs, omega, start, **options)
        elif recycling:
            if self.method == "gmres":
                count = min(count, options["restart"] // 2)
            space = pattern.space
            extra = 0 if space is None else space.k
            result = RECYCLING[self.method](operand, rhs, start, M=M, recycle=count, space=space, **options)
        else:
            swept = self._swept(pattern, M, matrix, rhs, start, limit) if self.method == "cg" else None
            result = swept or METHODS[self.method](operand, rhs, start, M=M, **options)
        return result, self._traffic(M, matrix, count, recycling), extra

    def _swept(
        self, pattern: Pattern, M: Any, matrix: check.Csr | None, rhs: Array, start: Array | None, limit: int
    ) -> SolveResult | None:
        """The loop that `cg` runs in Eisenstat's form, without checking again what has been checked; None elsewhere."""
        began = time.perf_counter()
        if matrix is None or not (isinstance(M, Sweeps) and M.swept and M._matrix is matrix):
            return None
        if rhs.dtype != np.float64 or matrix.data.dtype != np.float64:
            return None
        if exponent(float(pattern.sums[2]), matrix.data.dtype):
            return None
        threads = check.workers(self.workers)
        size = math.sqrt(kernels("solve").dot(rhs, rhs, threads))
        # the largest entry lies between that over sqrt(n) and that: near enough to 1 not to be scaled
        if not 1e-29 * math.sqrt(rhs.size) < size < 1e29 and exponent_of(rhs):
            return None
        plan = M.eisenstat(matrix, 0, threads)
        if plan is None:
            return None
        x = np.zeros(rhs.size) if start is None or size == 0.0 else np.array(start, np.float64)
        tol = max(self.rtol * size, self.atol)
        params = {
            "rtol": self.rtol, "atol": self.atol, "maxiter": limit, "M": type(M).__name__.lower(), "form": "eisenstat",
            "storage": plan.storage,
        }  # fmt: skip
        solving = time.perf_counter()
        code, iterations, matvecs, norm = 0, 0, 0, 0.0
        if size != 0.0:  # also where it is NaN: the loop says so
            with np.errstate(all="ignore"):
                code, iterations, matvecs, norm, _ = kernels("solve_factor").eisenstat_solve(
                    plan, matrix.indptr, matrix.indices, matrix.data, rhs, x, tol, limit,
                    x[-1] == 0.0 and not x.any(), False, threads,
                )  # fmt: skip
        return SolveResult(
            x, STATUS[code], iterations, norm, None, matvecs, solving - began, time.perf_counter() - solving, backend(),
            params,
        )  # fmt: skip

    def _traffic(self, M: Any, matrix: Any, count: int, recycling: bool) -> float:
        density = matrix.data.size / max(matrix.shape[0], 1) if matrix is not None else 5.0
        return traffic(self.method, M, density, count, recycling)


def _order(norm: float) -> float:
    return norm if math.isfinite(norm) else math.inf
