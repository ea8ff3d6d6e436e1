"""A solver for sequences of related systems, which learns its parameters as it goes."""

from __future__ import annotations

import dataclasses
import logging
import math
import time
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sps

from kriss import _validate as check
from kriss._backend import kernels
from kriss.solve._result import SolveResult
from kriss.solve._sequence_arms import METHODS, RECYCLING, choices
from kriss.solve._sequence_report import Record, SequenceReport, summarise
from kriss.solve._sequence_run import Runner, Start
from kriss.solve._sequence_state import EXTRAPOLATED, LEARNERS, Pattern, as_scipy, extrapolated, signature

Array = npt.NDArray[Any]

VERSION = 3  # of what state_dict returns
PATTERNS = 8  # kept apart
CHECKED = 100  # systems between two looks at whether learning pays
_log = logging.getLogger("kriss.solve")


class Sequence:
    """Solver for a sequence of related systems ``A_t x_t = b_t`` that keeps what each solve has taught it.

    It chooses parameters of the preconditioner and the method, and which preconditioner, from what former systems cost;
    reuses the storage of preconditioners; starts from former solutions and recycles directions where that pays. Each of
    these is measured as it goes and dropped when it loses.

    Parameters
    ----------
    method : {"cg", "fcg", "minres", "gmres", "fgmres", "bicgstab", "sor", "ssor"}
        The iteration: the function of that name.
    precond : str, None, callable, or several of these in a list
        ``"auto"`` (MIC and SSOR for symmetric methods, else ILU(0) and Jacobi, and none at all where A may be
        indefinite, of which the best is learned; of these what has the parameters that `learn` names; A must be
        sparse), ``"jacobi"``, ``"ssor"``, ``"ic0"``, ``"mic"``, ``"ict"``, ``"fsai"``,
        ``"chebyshev"``, ``"ilu0"``, ``"ilut"``, None for none, or a function that makes a
        preconditioner from A; with an attribute ``update`` it is made only once. Of several the best is learned.
    learn : tuple of str, optional
        What to learn: ``"omega"`` (SSOR, SOR), ``"relax"`` (MIC), ``"degree"`` (Chebyshev), ``"restart"`` (GMRES),
        ``"recycle"`` (size of the recycled space), ``"precond"`` (which one). By default omega where there is one, and
        the preconditioner if there are several. ``()``: nothing.
    learner : {"auto", "tsallis", "tsallis-rv", "chebcb", "kernel", "fixed"}
        How: ``"kernel"`` smooths over parameters, contexts and time and is the default; ``"tsallis"`` and ``"chebcb"``
        are the published bandits, ``"tsallis-rv"`` the first with the estimator of reduced variance; ``"fixed"`` stays
        with the first setting.
    recycle : int, default 0
        Directions to recycle, 0 for none: `deflated_cg` for ``"cg"``, `gcrodr` for ``"gmres"``.
    warm_start : {None, "previous", "extrapolate"}
        Start from zero, from the solution before, or from the combination of the last three with the least residual
        (three products with A).
    loss : {"iterations", "time"}
        The cost to learn from: iterations (weighted by the memory that an iteration moves where settings differ in
        that, products for the start and for recycling included), or seconds.
    params : dict, optional
        Parameters that are fixed: ``{"omega": 1.7}``.
    grids : dict, optional
        Values to choose from, by parameter; by default 20 from 1 to 1.95 for omega.
    rtol, atol, maxiter, workers
        As for `cg`.
    check_finite : bool
        Refuse NaN and infinity in A and b.
    rng : int, SeedSequence, Generator or None
        For the random choices of learners and trials. With an int and ``loss="iterations"`` everything is
        reproducible.

    Attributes
    ----------
    arms : tuple of str
        The settings to choose from.
    systems : int
        Systems solved so far.

    Raises
    ------
    TypeError, ValueError
        If an argument has a wrong type or value, or `learn` names what the method and its preconditioners do not have.

    Notes
    -----
    Costs are seen only for the setting that was used, as by a bandit. The kernel learner predicts log costs by Gaussian
    processes over the parameters, one for each of ten views of which former systems are like this one: all, recent
    ones, those of similar context, and those whose matrix has a similar ratio of the sum of all entries to that of the
    diagonal. The view that has predicted best of late decides; the setting with the least lower confidence bound is
    used. A step costs about 0.1 ms for 20 settings and at most 500 remembered systems, in compiled loops.

    Beyond that a system costs one look at A where its pattern is that of before: 24 nnz bytes are read, and 8 nnz
    written if entries have changed.

    A setting that was never proven may take four times the iterations of recent systems; one that takes more, fails to
    converge or cannot be built is abandoned: the system is solved by a proven one from where it stands, and all of that
    is charged to the setting. What did not converge is returned only if nothing converges, with its status.

    Warm start and recycling are tried on pairs of systems, one with and one without in random order, until the
    difference of log costs is 2.5 standard errors from zero or 16 pairs have been compared; they are tried again after
    150 systems, then after ever longer. Learning is compared every 100 systems with the best fixed setting, as
    estimated, and rests for as long if it lost by 5%.

    Systems whose size or pattern differs start afresh, with a note in the log (``logging.getLogger("kriss.solve")``);
    what was learned for the last 8 patterns is kept for when they come back. Contexts that are missing or not finite
    are permitted.

    References
    ----------
    M. Khodak, E. Chow, M.-F. Balcan, A. Talwalkar, "Learning to relax: setting solver parameters across a sequence of
    linear system instances", ICLR 2024, sections 2 and 3.
    M. L. Parks, E. de Sturler, G. Mackey, D. D. Johnson, S. Maiti, "Recycling Krylov subspaces for sequences of linear
    systems", SIAM J. Sci. Comput. 28 (2006), section 3.
    P. F. Fischer, "Projection techniques for iterative solution of Ax = b with successive right-hand sides", Comput.
    Methods Appl. Mech. Eng. 163 (1998), section 2.

    Examples
    --------
    >>> import numpy as np
    >>> import scipy.sparse as sps
    >>> from kriss.solve import Sequence
    >>> from kriss.testing import poisson2d
    >>> L, steps = poisson2d(20), sps.eye_array(400)
    >>> S = Sequence("cg", "ssor", rtol=1e-8, rng=0)
    >>> for t in range(60):
    ...     stiffness = 1 + t % 7
    ...     result = S.solve((steps + stiffness * L).tocsr(), np.ones(400), context=stiffness)
    >>> result.status, S.systems
    ('converged', 60)
    >>> report = S.report()
    >>> bool(report.cost < 1.3 * report.best_fixed_cost)
    True
    """

    def __init__(
        self,
        method: str = "cg",
        precond: Any = "ssor",
        learn: Iterable[str] | None = None,
        learner: str = "auto",
        recycle: int = 0,
        warm_start: str | None = None,
        loss: str = "iterations",
        params: Mapping[str, Any] | None = None,
        *,
        grids: Mapping[str, Any] | None = None,
        rtol: float = 1e-5,
        atol: float = 0.0,
        maxiter: int | None = None,
        workers: int | None = None,
        check_finite: bool = True,
        rng: check.RngLike = None,
    ) -> None:
        self.method = check.choice(method, "method", tuple(METHODS))
        if self.method in ("sor", "ssor") and precond == "ssor":
            precond = None
        self.recycle = check.integer(recycle, "recycle", low=0, high=30)
        if self.recycle and method not in RECYCLING:
            raise ValueError(f"method {method!r} cannot recycle: expected one of {sorted(RECYCLING)}")
        self.learner = check.choice(learner, "learner", LEARNERS)
        if warm_start is not None:
            check.choice(warm_start, "warm_start", ("previous", "extrapolate"))
        self.warm_start = warm_start
        self.loss = check.choice(loss, "loss", ("iterations", "time"))
        check.workers(workers)
        self.check_finite = bool(check_finite)
        self._chosen = choices(method, precond, learn, params, grids, self.recycle)
        self._labels = tuple(arm.label for arm in self._chosen.arms)
        self._runner = Runner(
            self.method, self._chosen, self.recycle, self._counts, check.scalar(rtol, "rtol", low=0.0),
            check.scalar(atol, "atol", low=0.0),
            None if maxiter is None else check.integer(maxiter, "maxiter", low=0), workers, self._event,
        )  # fmt: skip
        self._rng = check.generator(rng)
        self._trials = (("warm start",) if warm_start else ()) + (("recycling",) if self.recycle else ())
        self._patterns: dict[str, Pattern] = {}
        self._current: str | None = None
        self._record = Record(len(self._chosen.arms), CHECKED)
        self._dimension: int | None = None
        self._resting = 0  # systems for which learning rests
        self._rested = 0

    @property
    def arms(self) -> tuple[str, ...]:
        """The settings to choose from."""
        return self._labels

    @property
    def systems(self) -> int:
        """Systems solved so far."""
        return len(self._record.arm)

    def solve(self, A: Any, b: npt.ArrayLike, context: npt.ArrayLike | None = None) -> SolveResult:
        """Solve the next system.

        Parameters
        ----------
        A : sparse matrix or array, shape (n, n); or a dense array or LinearOperator where precond is None or callable
            Its matrix, real if sparse.
        b : array_like, shape (n,)
            Right-hand side.
        context : float or array_like, shape (d,), optional
            What is known of the system beforehand and may bear on the best parameters: a time step, a frequency, a
            coefficient. None, NaN and infinity stand for unknown.

        Returns
        -------
        SolveResult
            Of the solve that succeeded; `iterations` and `matvecs` include those of abandoned ones, and
            ``params["sequence"]`` tells the setting, the cost and what was abandoned.

        Raises
        ------
        TypeError, ValueError
            If A, b or context has a wrong type, shape or value.
        """
        started = time.perf_counter()
        where = self._context(context)
        matrix, operand, own, pattern = self._admit(A)
        rhs = self._side(b)
        if rhs.shape != (int(operand.shape[0]),):
            raise ValueError(f"b has shape {rhs.shape}, expected ({operand.shape[0]},)")
        tick = (str(self._current), pattern.estimator.clock)
        learning = time.perf_counter()
        resting = self._resting > 0
        arm, probability = pattern.learner.choose(where, own, self._rng)
        if resting:
            arm, probability = self._record.rest_arm, 1.0
        if pattern.estimator is not pattern.learner and self._estimates(pattern):
            pattern.estimator.look(where, own)
        foreseen = pattern.estimator.foreseen() if self._estimates(pattern) else None
        learned = time.perf_counter()

        begin = self._start(pattern, operand, rhs)
        warm, recycling = begin.warm, begin.recycling
        done = self._runner.solve(pattern, arm, matrix, operand, rhs, begin, learned)
        result, cost, abandoned = done.result, done.cost, done.abandoned
        after = time.perf_counter()
        adjusted = self._judge(pattern, arm, cost, foreseen, warm, recycling)
        if not resting:
            pattern.learner.update(arm, probability, where, own, max(adjusted, 1.0))
        if self._estimates(pattern) and (pattern.estimator is not pattern.learner or resting):
            pattern.estimator.update(arm, 1.0, where, own, adjusted)
        if result.converged:
            pattern.solutions = [result.x, *pattern.solutions[: EXTRAPOLATED - 1]] if self.warm_start else []
            if recycling and result.recycled is not None:
                pattern.space = result.recycled
        ended = time.perf_counter()
        self._record.add(
            arm, cost, done.iterations, done.seconds, (learned - learning) + (ended - after), ended - started, where,
            own, tick, len(abandoned), result.converged, foreseen,
        )  # fmt: skip
        self._review()
        told = {
            "arm": self.arms[arm], "cost": cost, "abandoned": abandoned, "warm_start": warm, "recycling": recycling,
        }  # fmt: skip
        return dataclasses.replace(
            result, iterations=done.iterations, matvecs=done.matvecs, params={**result.params, "sequence": told}
        )

    def solve_many(
        self, systems: Iterable[Any], contexts: Iterable[Any] | None = None, *, progress: bool = False
    ) -> list[SolveResult]:
        """Solve systems in turn.

        Parameters
        ----------
        systems : iterable of (A, b) or (A, b, context)
            May be a generator: each is asked for when the one before has been solved.
        contexts : iterable, optional
            One context per system, where they are not in `systems`.
        progress : bool
            Show a progress bar (needs tqdm).

        Returns
        -------
        list of SolveResult
            In order.
        """
        items: Iterable[Any] = systems
        if progress:
            from tqdm.auto import tqdm

            items = tqdm(systems, desc="systems", unit="")
        known = None if contexts is None else iter(contexts)
        results = []
        for k, item in enumerate(items):
            if not isinstance(item, (tuple, list)) or len(item) not in (2, 3):
                raise TypeError(f"systems[{k}] is not a pair (A, b) nor a triple (A, b, context)")
            context = item[2] if len(item) == 3 else None
            if known is not None:
                try:
                    context = next(known)
                except StopIteration:
                    raise ValueError(f"contexts has {k} items, but there are more systems") from None
            results.append(self.solve(item[0], item[1], context))
        return results

    def report(self) -> SequenceReport:
        """What was chosen, what it cost, and what anything else would have cost: a `SequenceReport`, which prints."""
        pattern = None if self._current is None else self._patterns[self._current]
        verdicts = {} if pattern is None else {name: trial.verdict for name, trial in pattern.trials.items()}
        return summarise(
            self._record, self._chosen.arms, None if pattern is None else pattern.estimator, self._current, verdicts,
            self.learner, self.loss,
        )  # fmt: skip

    def plot(self, axes: Any = None) -> Any:
        """Draw the report: settings against time and context, and cumulative costs. See `SequenceReport.plot`."""
        return self.report().plot(axes)

    def state_dict(self) -> dict[str, Any]:
        """What has been learned, as numbers, strings and arrays in dicts: for pickle, or to be merged elsewhere.

        Solutions and recycled directions are not part of it.
        """
        return {
            "version": VERSION,
            "settings": self._settings(),
            "dimension": self._dimension,
            "rng": self._rng.bit_generator.state,
            "patterns": {key: pattern.state() for key, pattern in self._patterns.items()},
            "current": self._current,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a state, as far as learning is concerned; what this sequence had learned is forgotten.

        Parameters
        ----------
        state : dict
            What `state_dict` returned, of a sequence with the same method, settings, learner and loss.

        Raises
        ------
        ValueError
            If it is of another version or of other settings; then nothing is changed.
        """
        self._check(state)
        patterns = {}
        for key, part in state["patterns"].items():
            patterns[key] = Pattern(self._chosen, self.learner, self._trials)
            patterns[key].load(part)
        self._patterns, self._current, self._dimension = patterns, state["current"], state["dimension"]
        generator = getattr(np.random, state["rng"]["bit_generator"])()
        generator.state = state["rng"]
        self._rng = np.random.Generator(generator)

    def merge(self, other: Sequence | Mapping[str, Any]) -> None:
        """Add what another sequence has learned, such as one that went on from this one's state in another process.

        Parameters
        ----------
        other : Sequence or dict
            It, or its `state_dict`. What both know already is not counted twice, however often they are merged.

        Raises
        ------
        ValueError
            If it is of another version or of other settings; then nothing is changed.
        """
        state = other.state_dict() if isinstance(other, Sequence) else other
        self._check(state)
        for key, part in state["patterns"].items():
            if key not in self._patterns:
                self._patterns[key] = Pattern(self._chosen, self.learner, self._trials)
            self._patterns[key].load(part, merge=True)
        if self._dimension is None:
            self._dimension = state["dimension"]
        if self._current is None:
            self._current = state["current"]

    def _settings(self) -> dict[str, Any]:
        return {"method": self.method, "arms": list(self.arms), "learner": self.learner, "loss": self.loss}

    def _check(self, state: Any) -> None:
        if not isinstance(state, Mapping) or "version" not in state:
            raise TypeError(f"state must be what state_dict returned, not {type(state).__name__}")
        if state["version"] != VERSION:
            raise ValueError(f"state has version {state['version']}, expected {VERSION}: it cannot be taken over")
        mine, theirs = self._settings(), state["settings"]
        for name, value in mine.items():
            if theirs[name] != value:
                raise ValueError(f"state is of a sequence with {name} {theirs[name]!r}, expected {value!r}")

    @property
    def _counts(self) -> bool:
        return self.loss == "iterations"

    def _context(self, context: Any) -> Array | None:
        if context is None:
            return None
        if isinstance(context, float):
            value = np.array([context])
        else:
            given = check.real_array(context, "context", ndim=(0, 1), dtype=np.float64, finite=False)
            value = np.array(given, ndmin=1)  # a copy: the record keeps it, and callers fill one array again and again
        if value.size == 0:
            raise ValueError("context has no numbers, expected at least one")
        if self._dimension is not None and value.size != self._dimension:
            raise ValueError(f"context has {value.size} numbers, expected {self._dimension} as before")
        if self.learner == "chebcb" and value.size != 1:
            raise ValueError(f"context has {value.size} numbers, but learner 'chebcb' takes one")
        self._dimension = value.size
        if not all(map(math.isfinite, value.tolist())):
            self._record.missing += 1
            return None
        return value

    def _side(self, b: Any) -> Array:
        """b as a checked array; one look at an array that needs no conversion."""
        if isinstance(b, np.ndarray) and type(b) is np.ndarray and b.dtype == np.float64 and b.ndim == 1:
            ready = b.flags.c_contiguous and b.flags.aligned
            # finite where the sum of squares is; if that overflows the longer way decides
            if ready and (not self.check_finite or math.isfinite(kernels("solve").dot(b, b, 0))):
                return b
        rhs = np.asarray(b)
        if rhs.dtype.kind != "c":
            return check.real_array(b, "b", ndim=1, finite=self.check_finite)
        if self.check_finite:
            check.check_finite(rhs, "b")
        return rhs

    def _admit(self, A: Any) -> tuple[Any, Any, float, Pattern]:
        """A as checked matrix (or None) and as solvers take it, what is seen in it, and what belongs to its pattern."""
        matrix, operand = None, A
        if self._current is not None and sps.issparse(A):
            current = self._patterns[self._current]
            found = current.again(A, self.check_finite)
            if found is not None:
                return found[0], A, found[1], current
        if sps.issparse(A) and np.dtype(A.dtype).kind != "c":
            matrix = check.csr(A, "A", square=True, finite=self.check_finite)
            operand = as_scipy(matrix, A)
        else:
            if not hasattr(A, "shape"):
                operand = A = np.asarray(A)
            if len(A.shape) != 2 or A.shape[0] != A.shape[1]:
                raise ValueError(f"A has shape {A.shape}, expected a square matrix")
            named = [arm.precond for arm in self._chosen.arms if arm.precond not in (*self._chosen.makers, "none")]
            if named:
                raise TypeError(f"precond {named[0]!r} needs the entries of A: A must be a real sparse matrix")
        known = None if self._current is None else self._patterns[self._current]
        if known is None or matrix is None or not known.fits(matrix):
            pattern = self._switch(signature(matrix, int(operand.shape[0])))
        else:
            pattern = known
        if matrix is not None:
            return matrix, operand, pattern.take(matrix), pattern
        pattern.stamp += 1
        return None, operand, math.nan, pattern

    def _switch(self, key: str) -> Pattern:
        if key == self._current:
            return self._patterns[key]
        before = None if self._current is None else self._patterns[self._current]
        pattern = self._patterns.pop(key, None)
        known = pattern is not None
        if pattern is None:
            pattern = Pattern(self._chosen, self.learner, self._trials)
        self._patterns[key] = pattern  # the latest comes last
        if before is not None:
            before.forget_vectors()
            text = "what was learned for it is taken up again" if known else "the state is reset"
            self._event(f"size or pattern changed ({self._current} -> {key}): {text}")
            self._resting = 0
        while len(self._patterns) > PATTERNS:
            del self._patterns[next(iter(self._patterns))]
        self._current = key
        return pattern

    def _event(self, text: str) -> None:
        _log.info("system %d: %s", self.systems, text)
        self._record.events.append((self.systems, text))

    def _estimates(self, pattern: Pattern) -> bool:
        return len(self._chosen.arms) > 1 or any(trial.running for trial in pattern.trials.values())

    def _start(self, pattern: Pattern, operand: Any, rhs: Array) -> Start:
        """Where to start, and whether to recycle."""
        recycling = False
        if "recycling" in pattern.trials:
            recycling = True if pattern.space is None else pattern.trials["recycling"].decide(self._rng)
        trial = pattern.trials.get("warm start")
        if trial is None or not pattern.solutions or not trial.decide(self._rng):
            return Start(None, 0, False, recycling)
        if self.warm_start == "previous":
            return Start(pattern.solutions[0], 0, True, recycling)
        x, products = extrapolated(operand, rhs, pattern.solutions)
        return Start(x, products, True, recycling)

    def _judge(
        self, pattern: Pattern, arm: int, cost: float, foreseen: Array | None, warm: bool, recycling: bool
    ) -> float:
        """Tell the trials; returns the cost without what they are found to change."""
        if foreseen is None:
            return cost
        done = {"warm start": (warm, bool(pattern.solutions)), "recycling": (recycling, pattern.space is not None)}
        change = sum(t.effect for name, t in pattern.trials.items() if done[name][0] and math.isfinite(t.effect))
        for name, trial in pattern.trials.items():
            on, possible = done[name]
            if possible and trial.running:
                others = change - (trial.effect if on else 0.0)
                verdict = trial.record(on, math.log(max(cost, 1e-12)) - others - float(foreseen[arm]))
                if verdict is not None:
                    self._event(f"{name} {verdict}")
        return cost * math.exp(-min(max(change, -3.0), 3.0))

    def _review(self) -> None:
        """Every so often: does learning pay?"""
        if self._resting:
            self._resting -= 1
            if self._resting == 0:
                self._event("learning goes on")
            return
        self._rested += 1
        if len(self._chosen.arms) == 1 or self.learner == "fixed" or self._rested < CHECKED:
            return
        self._rested = 0
        best, ratio = self._record.lately()
        if self.systems >= 2 * CHECKED and ratio > 1.05:
            self._record.rest_arm = best
            self._resting = CHECKED
            self._event(
                f"learning dropped for {CHECKED} systems: it cost {100 * (ratio - 1):.0f}% more than {self.arms[best]}"
            )
