"""From checked arguments to a `RegressionResult`: scales, variables, coreset, all rows."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sps

from kriss import _backend, _validate
from kriss._validate import RngLike
from kriss.sketch import _interior, _minimax, _newton
from kriss.sketch._blocks import Frame, Rows, draw, look, scores
from kriss.sketch._certificate import power_of_two
from kriss.sketch._globs import Globs, Slopes
from kriss.sketch._input import weights as roots
from kriss.sketch._losses import Huber, HuberScale, Logistic, Loss, Power

Array = npt.NDArray[np.float64]
LEAST_SCALE = 1e-8  # of the residuals, relative to the median size of the targets


@dataclass(frozen=True)
class RegressionResult:
    """What `lp_regression`, `quantile_regression`, `huber_regression` and `logistic_regression` found.

    Attributes
    ----------
    x : ndarray, shape (n,)
        Coefficients.
    objective : float
        The loss over all rows at `x`, penalty included; of `lp_regression` the p-norm of the residual.
    gap : float
        How far `objective` can be from the optimum: it minus the value of a feasible point of the dual problem, both
        worked out from all rows.
    status : str
        ``"optimal"``: the gap is below the tolerance. ``"max_iterations"``, ``"stalled"`` (rounding errors) or
        ``"non_finite"`` (overflow): it is not, and `x` is the best point so far. ``"separable"``: the two classes of
        `logistic_regression` can be told apart without error, and there is no finite minimiser.
    coreset_objective : float
        The loss over all rows at the coreset's solution, where the work on all rows began.
    coreset_size : int
        Rows of the coreset; all of them if the problem was small.
    band_size : int
        Of quantile regression: most rows whose residual's sign was left open at once. Of other losses 0.
    rank : int
        Numerical rank of A; below n `x` is one of many solutions.
    scale : float
        Of `huber_regression`: the scale of the residuals; 1 for other losses.
    iterations : int
        Steps of the method over all rows and, for quantiles, on the coreset and the bands.
    passes : int
        How often all rows were read.
    backend : str
        The backend that ran.
    """

    x: Array
    objective: float
    gap: float
    status: str
    coreset_objective: float
    coreset_size: int
    band_size: int
    rank: int
    scale: float
    iterations: int
    passes: int
    backend: str = field(default="compiled")

    @property
    def relative_gap(self) -> float:
        """``gap / objective``; 0 if both are 0."""
        return self.gap / abs(self.objective) if self.gap > 0 else 0.0

    @property
    def coreset_gap(self) -> float:
        """By how much, relative to the objective, the coreset's solution is worse than `x`."""
        more = self.coreset_objective - self.objective
        return more / abs(self.objective) if more != 0 else 0.0


@dataclass
class Problem:
    """Checked and scaled data; and the pieces that every fit goes through."""

    rows: Rows
    b: Array
    w: Array | None
    unit: float  # b was multiplied by this
    wunit: float  # and the weights by this
    coreset_size: int | None
    tol: float
    maxiter: int
    seed: int
    workers: int
    tick: Callable[[str], None]
    penalised: Array  # 1 for columns that a penalty is about

    def frame(self, below: Array | None = None) -> Frame:
        """The variables."""
        out = look(self.rows, self.b, self.seed, self.workers, below)
        self.tick("sketch")
        return out

    def generator(self) -> np.random.Generator:
        """For the coreset."""
        return np.random.default_rng(self.seed)

    def result(self, z: Array, frame: Frame, back: float, **known: Any) -> RegressionResult:
        """Back in the units of the caller; `back` is the power of the unit of b in the objective."""
        with np.errstate(over="ignore", under="ignore"):
            x = frame.coefficients(z) / self.unit
            factor = self.unit**-back / self.wunit
            for name in ("objective", "gap", "coreset_objective"):
                known[name] = float(known[name] * factor)
        if not np.isfinite(x).all():
            raise OverflowError("the solution overflows: scale a up or b down")
        return RegressionResult(
            x=x, rank=frame.rank, passes=self.rows.passes, backend=_backend.backend(), **known
        )  # fmt: skip


def prepare(
    stack: ExitStack,
    a: object,
    b: object,
    *,
    sample_weight: object,
    coreset_size: object,
    tol: object,
    maxiter: object,
    rng: RngLike,
    workers: object,
    progress: bool,
    intercept: bool = False,
    scaled: bool = True,
    l1: float = 0.0,
) -> Problem:
    """Check all arguments; until the stack is closed BLAS is serial."""
    rows = Rows(a, intercept=intercept)
    m, n = rows.m, rows.n
    right = _validate.real_array(b, "b", ndim=1, dtype=np.float64)
    if right.shape != (m,):
        raise ValueError(f"b has {right.shape[0]} entries, expected {m} as a has rows")
    root = roots(sample_weight, m)
    w: Array | None = None
    if root is not None:
        w = np.asarray(_validate.real_array(sample_weight, "sample_weight", ndim=1, dtype=np.float64), np.float64)
        used = w > 0
        if m and not used.any():
            raise ValueError("sample_weight is zero for every row, expected a positive weight")
        if not used.all() and (rows.in_memory or sps.issparse(rows.source)):
            rows.source, right, w = rows.source[used], right[used], w[used]
            rows.m = rows.body = len(right)
    if m == 0:
        raise ValueError("a has no rows, expected at least one")
    size = None if coreset_size is None else _validate.integer(coreset_size, "coreset_size", low=max(n, 1), high=m)
    tol = _validate.scalar(tol, "tol", low=0.0, strict=True)
    limit = _validate.integer(maxiter, "maxiter", low=1)
    penalised = np.ones(n)
    if intercept:
        penalised[-1] = 0.0
    unit = float(power_of_two(np.array([float(np.abs(right).max(initial=0.0))]))[0]) if scaled else 1.0
    scaled_right: Array = right.astype(np.float64) * unit
    wunit = 1.0
    if w is not None:
        wunit = float(power_of_two(np.array([float(w.max())]))[0])
        w = w * wunit
    if l1 > 0:
        # max(low r, high r) of a row and of its negative add up to (high - low) |r|.
        unit_rows = np.eye(n)[penalised > 0]
        rows.tail = np.concatenate([unit_rows, -unit_rows])
        rows.m += len(rows.tail)
        scaled_right = np.append(scaled_right, np.zeros(len(rows.tail)))
        weight = np.ones(rows.body) if w is None else w
        w = np.append(weight, np.full(len(rows.tail), l1 * wunit))
    stack.enter_context(serial_blas())
    seed, threads = _validate.seed64(rng), _validate.workers(workers)
    tick = _ticker(stack, progress)
    return Problem(rows, scaled_right, w, unit, wunit, size, tol, limit, seed, threads, tick, penalised)


def serial_blas() -> AbstractContextManager[Any]:
    """BLAS on one thread, where threadpoolctl is installed: its products are with thin blocks and bound by memory.

    Threads of its own would wait for each other, and for those of the compiled module, after each of them.
    """
    if importlib.util.find_spec("threadpoolctl") is None:
        return nullcontext()
    import threadpoolctl

    limits: AbstractContextManager[Any] = threadpoolctl.threadpool_limits(1, user_api="blas")
    return limits


def _ticker(stack: ExitStack, progress: bool) -> Callable[[str], None]:
    if not progress:
        return lambda what: None
    from tqdm.auto import tqdm

    bar = stack.enter_context(tqdm(desc="regression", unit=" passes"))

    def tick(what: str) -> None:
        bar.set_postfix_str(what, refresh=False)
        bar.update()

    return tick


def quantile(problem: Problem, low: float, high: float) -> RegressionResult:
    """Σ max(low r, high r), and a penalty for the rows of the tail."""
    frame = problem.frame()
    slopes = Slopes(low, high, problem.w)
    done = Globs(problem.rows, problem.b, slopes, frame, problem.tick).minimise(
        problem.coreset_size, problem.generator(), problem.tol, problem.maxiter
    )
    return problem.result(
        done.z, frame, 1.0, objective=done.objective, gap=done.gap, coreset_objective=done.first,
        status="optimal" if done.solved else "max_iterations", coreset_size=done.coreset, band_size=done.band,
        scale=1.0, iterations=done.iterations,
    )  # fmt: skip


def maximum(problem: Problem) -> RegressionResult:
    """max |r|."""
    frame = problem.frame()
    floor = 1e-15 * float(np.abs(problem.b).max(initial=0.0))
    first = float(np.abs(problem.rows.residual(frame.p @ frame.start, problem.b)).max())
    done = _minimax.minimise(
        problem.rows, problem.b, frame, tol=problem.tol, maxiter=problem.maxiter, floor=floor, tick=problem.tick
    )
    problem.wunit = 1.0
    return problem.result(
        done.z, frame, 1.0, objective=done.objective, gap=done.gap, coreset_objective=first, status=done.status,
        coreset_size=problem.rows.m, band_size=0, scale=1.0, iterations=done.iterations,
    )  # fmt: skip


@dataclass(frozen=True)
class Smooth:
    """How a smooth loss is set up."""

    loss: Loss
    power: float  # p of the sampling scores
    s: float  # the loss's parameter at the start
    final: float = 0.0
    start: Array | None = None
    separable: bool = False


def smooth(
    problem: Problem, kind: str, *, p: float = 2.0, delta: float = 1.0, l2: float = 0.0, joint: bool = False
) -> RegressionResult:
    """One of the losses of `_losses`: Newton's method on a coreset, then on all rows."""
    rows, b, w = problem.rows, problem.b, problem.w
    # Weights and penalty in the units of b and of the weights; the joint loss grows with b, not with its square.
    l2 *= problem.wunit * (1.0 / problem.unit if kind == "huber" and joint else 1.0)
    below = np.sqrt(l2) * np.diag(problem.penalised) if l2 > 0 else None
    frame = problem.frame(below)
    ridge = l2 * (frame.p.T * problem.penalised) @ frame.p
    root, r = scores(rows, frame, b if kind != "logistic" else np.zeros(len(b)), problem.workers)
    problem.tick("scores")
    m, n = rows.m, frame.rank
    size = problem.coreset_size or max(40 * n, 2000, int(m**0.5 * 10))
    whole = size > 0.5 * m
    if whole:
        kept, q = np.arange(0), np.ones(0)
    else:
        kept, q = draw(_sampling(root, r, w, p, kind), size, problem.generator())
    setup = _setup(kind, r, w, p, delta, joint, len(kept) or m, n, problem)
    z = np.zeros(n) if kind == "logistic" else frame.start
    s = setup.s
    floor = 1e-15 * (float(np.abs(b).sum()) if kind != "logistic" else 0.0)
    if kind == "power":
        floor = 1e-13 * setup.loss.objective(np.zeros(m), b, w, 0.0)
    iterations = 0
    if n and kind == "huber" and not len(kept):
        # Few rows: all of them take the coreset's place.
        kept, q = np.arange(m), np.ones(m)
        size = m
    if len(kept) and n:
        a = rows.take(kept) @ frame.p
        wq = 1.0 / q if w is None else w[kept] / q
        if kind == "huber":
            # Squares may start far off where there are outliers; absolute values do not.
            target = 1e-4 * float(wq @ np.abs(b[kept] - a @ z))
            median = _interior.solve(a, b[kept], -wq, wq, np.zeros(n), z, target=target)
            iterations += median.iterations
            z = median.z
            if setup.loss.scaled:
                s = 3.0 * setup.loss.best_scale(b[kept] - a @ z, wq)
        inner = _newton.Sums(setup.loss, b[kept], wq, frame, ridge, a=a, workers=problem.workers)
        near = _newton.minimise(
            inner, z, s, tol=1e-5, maxiter=50, floor=floor, final=setup.s / 5 if setup.loss.shrinks else 0.0,
            tick=lambda what: None, separable=setup.separable and l2 == 0.0,
        )  # fmt: skip
        iterations += near.iterations
        if near.status not in ("separable", "non_finite"):
            z = near.z
            s = near.scale if setup.loss.scaled else s
        problem.tick("coreset")
    sums = _newton.Sums(setup.loss, b, w, frame, ridge, rows=rows, workers=problem.workers)
    if n == 0:
        value = setup.loss.objective(np.zeros(m), b, w, max(s, 1e-300))
        done = _newton.Solved(z, s, value, 0.0, "optimal", 0)
        first = value
    else:
        firsts: list[float] = []
        done = _newton.minimise(
            sums, z, s, tol=problem.tol, maxiter=problem.maxiter, floor=floor, final=setup.final,
            tick=problem.tick, separable=setup.separable and l2 == 0.0, firsts=firsts,
        )  # fmt: skip
        first = firsts[0]
    back = 0.0 if kind == "logistic" else (2.0 if kind == "huber" and not joint else 1.0)
    wunit = problem.wunit
    if kind == "power":
        problem.wunit = wunit ** (1.0 / p)
    out = problem.result(
        done.z, frame, back, objective=done.objective, gap=done.gap, coreset_objective=first, status=done.status,
        coreset_size=len(kept) or m, band_size=0,
        scale=done.scale / problem.unit if setup.loss.scaled else (delta if kind == "huber" else 1.0),
        iterations=iterations + done.iterations,
    )  # fmt: skip
    problem.wunit = wunit
    return out


def _sampling(root: Array, r: Array, w: Array | None, p: float, kind: str) -> Array:
    """Scores: a bound of the sensitivities by powers of leverage, leverage, residuals, and 1."""
    weight = np.ones(len(root)) if w is None else w
    with np.errstate(under="ignore"):
        terms = [weight * root ** min(p, 2.0), weight * root**2, weight]
        if kind != "logistic":
            terms.append(weight * (np.abs(r) / max(float(np.abs(r).max(initial=0.0)), 1e-300)) ** p)
    out = np.zeros(len(root))
    for term in terms:
        total = float(term.sum())
        if total > 0:
            out += term / total
    return out


def _setup(
    kind: str, r: Array, w: Array | None, p: float, delta: float, joint: bool, k: int, n: int, problem: Problem
) -> Smooth:
    if kind == "logistic":
        return Smooth(Logistic(), 1.0, 1.0, separable=True)
    size = np.abs(r)
    rms = float(np.sqrt(np.mean(size * size)))
    tiny = 1e-14 * float(np.abs(problem.b).max(initial=0.0)) + 1e-300
    if kind == "huber":
        if joint:
            targets = np.abs(problem.b)
            middle = float(np.median(targets)) or float(targets.max(initial=0.0)) or 1.0
            loss = HuberScale(delta, LEAST_SCALE * middle)
            # From above, where most rows have curvature.
            return Smooth(loss, 1.0, 3.0 * loss.best_scale(r, w))
        return Smooth(Huber(delta * problem.unit), 1.0, 1.0)
    unit = max(float(size.max(initial=0.0)) if p > 4 else rms, tiny)
    if p == 2.0:
        return Smooth(Power(p, unit), p, 0.0)
    if p > 2.0:
        return Smooth(Power(p, unit), p, 1e-8, 1e-8)
    final = (0.1 * problem.tol) ** (1.0 / (p + 1.0))
    return Smooth(Power(p, unit), p, max(0.5 * np.sqrt(n / k), final), final)
