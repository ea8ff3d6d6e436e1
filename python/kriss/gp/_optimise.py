"""Hyperparameters of the estimator: runs of an optimizer from several starts, side by side where that is safe."""

from __future__ import annotations

import concurrent.futures
import contextlib
import contextvars
import math
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.optimize

from kriss.gp._plan import BadPivot, Plan, likelihood

Array = npt.NDArray[Any]

# Above this one evaluation keeps all workers busy, and each run would hold a matrix of its own.
_SIDE_BY_SIDE = 1000


@dataclass(frozen=True)
class Run:
    """Where one run of the optimizer ended."""

    theta: Array
    value: float  # of minus the log-likelihood
    complaint: str = ""


class Objective:
    """Minus the log-likelihood, in work space of its own."""

    def __init__(self, plan: Plan, y: Array, noise: Array, work: Array, seen: Callable[[float], None]) -> None:
        self.plan, self.y, self.noise, self.work, self.seen = plan, y, noise, work, seen

    def __call__(self, theta: Array, eval_gradient: bool = True) -> Any:
        """The value, and its gradient; infinity where the matrix is not positive definite."""
        try:
            value, gradient = likelihood(self.plan.at(theta), self.y, self.noise, self.work, eval_gradient)
        except BadPivot:
            value, gradient = -math.inf, np.zeros(np.size(theta))
        self.seen(value)
        value = np.float64(value)  # not Python's, which NumPy would round to whatever it is compared with
        return (-value, -gradient) if gradient is not None and eval_gradient else -value


def minimise(optimizer: Any, objective: Any, start: Array, bounds: Array) -> Run:
    """One run of L-BFGS-B, or of the caller's optimizer."""
    if callable(optimizer):
        theta, value = optimizer(objective, start, bounds=bounds)
        return Run(np.asarray(theta), float(value))
    found = scipy.optimize.minimize(objective, start, method="L-BFGS-B", jac=True, bounds=bounds)
    complaint = "" if found.success else f"L-BFGS-B ended without convergence: {found.message}"
    return Run(np.asarray(found.x), float(found.fun), complaint)


def best_of(
    plan: Plan, y: Array, noise: Array, starts: list[Array], bounds: Array, optimizer: Any, workers: int, progress: bool
) -> list[Run]:
    """One run from each start, in their order; the results do not depend on how many run at once."""
    n = y.shape[0]
    side_by_side = n <= _SIDE_BY_SIDE and plan.how == "compiled" and not callable(optimizer)
    count = min(workers, len(starts)) if side_by_side else 1
    lock = threading.Lock()
    with contextlib.ExitStack() as stack:
        bar = None
        if progress:
            from tqdm.auto import tqdm

            bar = stack.enter_context(tqdm(total=len(starts), desc="fit", unit=" starts"))
        seen = _Reporter(bar, lock)

        def run(start: Array, work: Array) -> Run:
            out = minimise(optimizer, Objective(plan, y, noise, work, seen), start, bounds)
            if bar is not None:
                with lock:
                    bar.update()
            return out

        if count == 1:
            work = np.zeros((n, n))
            return [run(start, work) for start in starts]
        plan.threads = 1
        pool = stack.enter_context(concurrent.futures.ThreadPoolExecutor(count))
        # Each thread with the caller's choice of backend, which is a context variable.
        tasks = [
            pool.submit(contextvars.copy_context().run, lambda s=start: run(s, np.zeros((n, n)))) for start in starts
        ]
        return [task.result() for task in tasks]


@contextlib.contextmanager
def shown(wanted: bool) -> Iterator[Callable[[float], None]]:
    """A function to tell log-likelihoods to, for runs one after the other; behind it a bar, if that is wanted."""
    with contextlib.ExitStack() as stack:
        bar = None
        if wanted:
            from tqdm.auto import tqdm

            bar = stack.enter_context(tqdm(desc="fit", unit=" evaluations"))
        report = _Reporter(bar, threading.Lock())

        def seen(value: float) -> None:
            report(value)
            if bar is not None:
                bar.update()

        yield seen


class _Reporter:
    """The best log-likelihood so far, beside the bar."""

    def __init__(self, bar: Any, lock: threading.Lock) -> None:
        self.bar, self.lock, self.best, self.evaluations = bar, lock, -math.inf, 0

    def __call__(self, value: float) -> None:
        if self.bar is None:
            return
        with self.lock:
            self.best = max(self.best, value)
            self.evaluations += 1
            self.bar.set_postfix_str(f"{self.evaluations} evaluations, log-likelihood {self.best:.6g}")
