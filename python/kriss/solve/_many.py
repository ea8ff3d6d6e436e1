"""Whole sequences of systems at once: sorted, recycled, over worker processes; results in the caller's order."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import importlib
import logging
import multiprocessing
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from kriss import _validate as check
from kriss._backend import backend, use_backend
from kriss.solve._recycled import RecycledSpace
from kriss.solve._result import SolveResult
from kriss.solve._sorting import METHODS as ORDERS
from kriss.solve._sorting import sort_systems

RECYCLING = ("gcrodr", "deflated_cg")
SOLVERS = (*RECYCLING, "cg", "fcg", "minres", "gmres", "fgmres", "lgmres", "gcrotmk", "bicgstab")
_SHORTEST, _MOST = 16, 16  # systems of a piece, and pieces, where nothing is said

_log = logging.getLogger("kriss.solve")


class WorkerDiedError(RuntimeError):
    """Some systems ended every worker process that tried them.

    Attributes
    ----------
    systems : tuple of int
        Numbers of the systems that have no result.
    results : dict of int to SolveResult
        The results that there are, by number of the system.
    """

    def __init__(self, message: str, systems: tuple[int, ...], results: dict[int, SolveResult]) -> None:
        super().__init__(message)
        self.systems, self.results = systems, results

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.args[0], self.systems, self.results)


@dataclass(frozen=True, eq=False)
class SequenceResult:
    """The results of `solve_sequence`, in the order in which the systems were given. A sequence of `SolveResult`.

    Attributes
    ----------
    results : tuple of SolveResult
        One for each system; their ``recycled`` is None.
    order : ndarray, shape (N,)
        ``order[k]`` is the system that came as number k.
    pieces : tuple of int
        Systems in each piece of that order; each piece began with nothing learned from the others.
    recycled : RecycledSpace or None
        What the last system of the order left.
    learner : object
        The learner given as `method`, with what it has learned; None for a named method.
    deaths : int
        Worker processes that ended before their piece did.
    seconds : float
        Wall time of the whole.
    converged : bool
        Whether every system met its tolerance.
    matvecs, iterations : int
        Totals.
    """

    results: tuple[SolveResult, ...]
    order: npt.NDArray[np.intp]
    pieces: tuple[int, ...]
    recycled: RecycledSpace | None
    learner: Any
    deaths: int
    seconds: float

    @property
    def converged(self) -> bool:
        """Whether every system met its tolerance."""
        return all(result.converged for result in self.results)

    @property
    def matvecs(self) -> int:
        """Products with matrices, in all."""
        return sum(result.matvecs for result in self.results)

    @property
    def iterations(self) -> int:
        """Iterations, in all."""
        return sum(result.iterations for result in self.results)

    def __len__(self) -> int:
        return len(self.results)

    def __getitem__(self, k: int) -> SolveResult:
        return self.results[k]

    def __iter__(self) -> Iterator[SolveResult]:
        return iter(self.results)


@dataclass
class Piece:
    """Neighbours of the order, solved one after another, by whoever takes them."""

    numbers: list[int]
    systems: list[Any]
    contexts: list[Any]
    method: Any  # a name, or a learner
    warm: bool
    options: dict[str, Any]
    backend: str


@dataclass
class Solved:
    """What became of a piece."""

    results: list[SolveResult]
    recycled: RecycledSpace | None = None
    learner: Any = None


@dataclass
class Plan:
    """A checked call: the order, its pieces, and what is to be put together again."""

    order: npt.NDArray[np.intp]
    pieces: list[Piece]
    learner: Any
    started: float
    deaths: int = 0
    done: dict[int, Solved] = field(default_factory=dict)

    def result(self) -> SequenceResult:
        """All pieces, in the caller's order; the learner takes over what its copies have learned."""
        results: list[Any] = [None] * len(self.order)
        for k, piece in enumerate(self.pieces):
            for number, result in zip(piece.numbers, self.done[k].results, strict=True):
                results[number] = result
            if self.learner is not None and self.done[k].learner is not self.learner:
                self.learner.merge(self.done[k].learner)
        last = self.done[len(self.pieces) - 1].recycled if self.pieces else None
        return SequenceResult(
            tuple(results), self.order, tuple(len(piece.numbers) for piece in self.pieces), last, self.learner,
            self.deaths, time.perf_counter() - self.started,
        )  # fmt: skip


def solve_sequence(
    systems: Iterable[Any],
    method: Any = "gcrodr",
    *,
    sort: str | None = None,
    parameters: npt.ArrayLike | None = None,
    contexts: Iterable[Any] | None = None,
    warm_start: str | None = None,
    pieces: int | None = None,
    workers: int = 1,
    retries: int = 2,
    progress: bool = False,
    **options: Any,
) -> SequenceResult:
    """Solve related systems one after another, handing on what was learned, on one or several processes.

    Parameters
    ----------
    systems : iterable of (A, b) or of callables
        A callable without arguments returns its (A, b) when its turn comes, in the process that solves it: matrices
        then need not all be stored. With `workers` above 1 whatever is given must be picklable.
    method : str or learner
        Name of a solver of `kriss.solve`: ``"gcrodr"`` and ``"deflated_cg"`` hand their space on; also ``"cg"``,
        ``"fcg"``, ``"minres"``, ``"gmres"``, ``"fgmres"``, ``"lgmres"``, ``"gcrotmk"``, ``"bicgstab"``. Or any object
        with ``solve(A, b, context=None) -> SolveResult`` that learns; for more than one piece it must be picklable and
        have ``merge(other)``, which takes over what a copy of it has learned.
    sort : {None, "auto", "greedy", "hilbert", "norm", "none"}
        Order of the systems, see `sort_systems`; None keeps that given.
    parameters : array_like, shape (N,) or (N, d), optional
        What to sort by. By default the matrices, if they are all given.
    contexts : iterable, optional
        For a learner: what it is told about each system. By default the rows of `parameters`, else None.
    warm_start : {None, "previous"}
        Begin each system at the solution of the one before, if that converged.
    pieces : int, optional
        Stretches that the order is cut into, each of which starts anew: what can be done at the same time. By default
        N // 16, at least 1 and at most 16, whatever `workers` is: the results do not depend on it.
    workers : int, default 1
        Processes. Above 1 they are spawned: a script that calls this needs ``if __name__ == "__main__":``.
    retries : int, default 2
        How often a piece is tried again whose process died.
    progress : bool
        Show a bar (tqdm).
    **options
        For the solver: ``rtol``, ``M`` (by name: built for every system), ``restart``, ``recycle``, ``space`` for the
        first system of each piece and so on. Its ``workers`` are threads, and are set to 1 in processes.

    Returns
    -------
    SequenceResult
        A sequence of `SolveResult` in the order of `systems`. A system that did not converge says so in its status; the
        next one then starts without its space and solution.

    Raises
    ------
    TypeError, ValueError
        If an argument has a wrong type or value; what a solver raises on a system, with its number noted.
    WorkerDiedError
        If a piece ended ``retries + 1`` processes; the other results are in its `results`.

    Notes
    -----
    Where the size of the systems changes, space and first guess are dropped, which is logged (``"kriss.solve"``).
    A piece whose process died is solved again from its beginning by a new process, with the same bits.
    Memory beside the systems: the solutions, and the kept space of one system for each process.

    References
    ----------
    H. Wang, Z. Hao, J. Wang, Z. Geng, Z. Wang, B. Li, F. Wu, "Accelerating data generation for neural operators via
    Krylov subspace recycling", ICLR 2024, arXiv:2401.09516, section 4.

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.solve import solve_sequence
    >>> from kriss.testing import convection_diffusion2d
    >>> speeds = np.random.default_rng(0).random(12)
    >>> systems = [(convection_diffusion2d(24, 0.05, (v, 1 - v)), np.ones(576)) for v in speeds]
    >>> plain = solve_sequence(systems, "gmres", M="jacobi", rtol=1e-8)
    >>> kept = solve_sequence(systems, "gcrodr", sort="greedy", parameters=speeds, M="jacobi", rtol=1e-8)
    >>> kept.converged, kept.matvecs < 0.6 * plain.matvecs
    (True, True)
    """
    plan = planned(
        systems, method, sort=sort, parameters=parameters, contexts=contexts, warm_start=warm_start, pieces=pieces,
        options=options,
    )  # fmt: skip
    workers = check.integer(workers, "workers", low=1)
    retries = check.integer(retries, "retries", low=0)
    width = min(workers, len(plan.pieces))
    with bar(progress, len(plan.order)) as step:
        if width <= 1:
            for k, piece in enumerate(plan.pieces):
                plan.done[k] = run(piece, step)
        else:
            _over_processes(plan, width, retries, step)
    return plan.result()


def planned(
    systems: Iterable[Any],
    method: Any,
    *,
    sort: str | None,
    parameters: Any,
    contexts: Iterable[Any] | None,
    warm_start: str | None,
    pieces: int | None,
    options: dict[str, Any],
    processes: bool = False,
) -> Plan:
    """Check the arguments and cut the order into pieces."""
    started = time.perf_counter()
    every = list(systems)
    count = len(every)
    for k, one in enumerate(every):
        if not callable(one) and not (isinstance(one, (tuple, list)) and len(one) == 2):
            raise TypeError(
                f"systems[{k}] must be a pair (A, b) or a callable that returns one, not {type(one).__name__}"
            )
    learner = None
    if isinstance(method, str):
        check.choice(method, "method", SOLVERS)
    elif callable(getattr(method, "solve", None)):
        learner = method
        if options:
            raise TypeError(f"options {sorted(options)} are for a named method: set them in the learner")
    else:
        raise TypeError(f"method must be a name or have a method solve, not {type(method).__name__}")
    if warm_start is not None:
        check.choice(warm_start, "warm_start", ("previous",))
        if learner is not None:
            raise ValueError("warm_start is for a named method: set it in the learner")
    if "x0" in options or "callback" in options:
        raise TypeError("x0 and callback belong to one system: use warm_start and progress")
    rows = None
    if parameters is not None:
        rows = np.asarray(parameters)
        if rows.ndim not in (1, 2) or len(rows) != count:
            raise ValueError(
                f"parameters has shape {rows.shape}, expected ({count},) or ({count}, d), one row a system"
            )
    told = list(contexts) if contexts is not None else [None] * count if rows is None else list(rows)
    if len(told) != count:
        raise ValueError(f"contexts has {len(told)} items, expected {count}, one for each system")
    order = _order(every, sort, rows)
    parts = count // _SHORTEST if pieces is None else check.integer(pieces, "pieces", low=1)
    parts = min(max(parts, 1), count if pieces is not None else _MOST)
    if learner is not None and parts > 1 and not callable(getattr(learner, "merge", None)):
        raise TypeError(
            f"method of type {type(learner).__name__} has no merge, which {parts} pieces need: use pieces=1"
        )
    made = []
    for numbers in np.array_split(order, parts) if count else []:
        own = learner if parts == 1 and not processes else copy.deepcopy(learner)
        made.append(
            Piece(
                [int(i) for i in numbers], [every[i] for i in numbers], [told[i] for i in numbers],
                method if learner is None else own, warm_start is not None, dict(options), backend(),
            )
        )  # fmt: skip
    return Plan(order, made, learner, started)


def _order(systems: list[Any], sort: str | None, parameters: Any) -> npt.NDArray[np.intp]:
    if sort is None:
        return np.arange(len(systems))
    check.choice(sort, "sort", ORDERS)
    if parameters is None:
        if any(callable(one) for one in systems):
            raise ValueError(f"sort={sort!r} needs parameters where systems are callables")
        if not systems:
            return np.arange(0)
        parameters = [one[0] for one in systems]
    return sort_systems(parameters, sort)


@contextlib.contextmanager
def bar(progress: bool, total: int) -> Iterator[Callable[[int], None]]:
    """A function that is told how many systems are done: of tqdm's bar, or none."""
    if not progress:
        yield lambda count: None
        return
    from tqdm.auto import tqdm

    with tqdm(total=total, desc="solve", unit=" systems") as shown:
        yield shown.update


def run(piece: Piece, step: Callable[[int], None] | None = None) -> Solved:
    """Solve the systems of a piece in turn."""
    out = Solved([])
    name = piece.method if isinstance(piece.method, str) else None
    with use_backend(piece.backend):
        solver = None if name is None else getattr(importlib.import_module("kriss.solve"), name)
        space = piece.options.get("space") if name in RECYCLING else None
        guess: Any = None
        for number, system, context in zip(piece.numbers, piece.systems, piece.contexts, strict=True):
            try:
                A, b = system() if callable(system) else system
                if solver is None:
                    result = piece.method.solve(A, b, context=context)
                else:
                    state = {"space": _fitting(space, A, b, number)} if name in RECYCLING else {}
                    start = guess if guess is not None and _starts(guess, A, b) else None
                    result = solver(A, b, start, **{**piece.options, **state})
            except Exception as exc:
                exc.add_note(f"while solving system {number} of the sequence")
                raise
            if name in RECYCLING:
                space = result.recycled if result.converged else None
            guess = result.x if piece.warm and result.converged else None
            out.results.append(dataclasses.replace(result, recycled=None))
            out.recycled = space if isinstance(space, RecycledSpace) else None
            if step is not None:
                step(1)
    out.learner = None if name is not None else piece.method
    return out


def _real(A: Any, b: Any) -> bool:
    return np.result_type(getattr(A, "dtype", np.float64), np.asarray(b).dtype).kind != "c"


def _starts(guess: Any, A: Any, b: Any) -> bool:
    """Whether a solution is one of the next system's kind."""
    return bool(guess.shape == np.shape(b) and not (guess.dtype.kind == "c" and _real(A, b)))


def _fitting(space: Any, A: Any, b: Any, number: int) -> Any:
    """The space, or None where the unknowns have become others."""
    if not isinstance(space, RecycledSpace):
        return space
    n = np.shape(b)[0] if np.ndim(b) else 0
    real = _real(A, b)
    if space.n == n and not (real and space.dtype.kind == "c"):
        return space
    _log.info(
        "system %d has %d unknowns (%s), the space kept has %d (%s): it is dropped",
        number, n, "real" if real else "complex", space.n, space.dtype,
    )  # fmt: skip
    return None


def _in_process(piece: Piece) -> Solved:
    """What a worker process runs."""
    if isinstance(piece.method, str):
        piece.options.setdefault("workers", 1)
    return run(piece)


def _over_processes(plan: Plan, width: int, retries: int, step: Callable[[int], None]) -> None:
    """One process per slot, so that it is known which piece a dead one was at."""
    context = multiprocessing.get_context("spawn")
    slots = [ProcessPoolExecutor(1, mp_context=context) for _ in range(width)]
    queue = deque(range(len(plan.pieces)))
    idle = deque(range(width))
    running: dict[Future[Solved], tuple[int, int]] = {}
    deaths = [0] * len(plan.pieces)
    lost: list[int] = []
    try:
        while queue or running:
            while queue and idle:
                slot, number = idle.popleft(), queue.popleft()
                try:
                    future = slots[slot].submit(_in_process, plan.pieces[number])
                except BrokenProcessPool:  # it died while idle
                    slots[slot] = ProcessPoolExecutor(1, mp_context=context)
                    future = slots[slot].submit(_in_process, plan.pieces[number])
                running[future] = (number, slot)
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                number, slot = running.pop(future)
                idle.append(slot)
                try:
                    plan.done[number] = future.result()
                except BrokenProcessPool:
                    plan.deaths += 1
                    deaths[number] += 1
                    first, last = plan.pieces[number].numbers[0], plan.pieces[number].numbers[-1]
                    _log.warning("the process that solved systems %d to %d of the order died", first, last)
                    slots[slot].shutdown(wait=False)
                    slots[slot] = ProcessPoolExecutor(1, mp_context=context)
                    (queue if deaths[number] <= retries else lost).append(number)
                else:
                    step(len(plan.done[number].results))
    finally:
        for pool in slots:
            pool.shutdown(wait=False, cancel_futures=True)
    if lost:
        missing = tuple(sorted(i for k in lost for i in plan.pieces[k].numbers))
        have = {
            i: result
            for k, solved in plan.done.items()
            for i, result in zip(plan.pieces[k].numbers, solved.results, strict=True)
        }
        raise WorkerDiedError(
            f"systems {', '.join(map(str, missing[:10]))}{', ...' if len(missing) > 10 else ''} ended {retries + 1} "
            f"worker processes; the other {len(have)} results are in the attribute results", missing, have,
        )  # fmt: skip
