"""What the stations of the tour share: timing in turns, the progress bar, and rows of figures."""

from __future__ import annotations

import gc
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Generic, Literal, Protocol, TypeVar

import numpy as np
import scipy.linalg
from tqdm import tqdm

WIDTH = 100
"""Columns that the output of the tour keeps within."""

SAMPLE_SECONDS = 5e-3
"""A timed sample lasts at least this long: shorter calls are repeated inside it."""

Ours = TypeVar("Ours")
Theirs = TypeVar("Theirs")


@dataclass(frozen=True)
class Row:
    """One comparison: everything in it was measured in this run.

    Attributes
    ----------
    task : str
        What was computed, at most 34 characters.
    peer : str
        The routine that `peer_seconds` and `peer_accuracy` belong to.
    seconds, peer_seconds : float
        Median time of one call.
    accuracy, peer_accuracy : float
        The same figure for both.
    measure : str
        What that figure is, at most 13 characters.
    better : {"smaller", "larger"}
        Which way the figure points.
    note : str
        Iterations, sizes, the driver of the peer.
    rounds : int
        How many samples of each the medians come from.
    """

    task: str
    peer: str
    seconds: float
    peer_seconds: float
    accuracy: float
    peer_accuracy: float
    measure: str
    better: Literal["smaller", "larger"] = "smaller"
    note: str = ""
    rounds: int = 1

    @property
    def ratio(self) -> float:
        """Time of the peer over time here: above 1, KRISS is faster."""
        return self.peer_seconds / self.seconds

    @property
    def ratio_text(self) -> str:
        """The ratio to one decimal, small ones to two."""
        return f"{self.ratio:.{1 if self.ratio >= 0.1 else 2}f}"


@dataclass(frozen=True)
class StationResult:
    """What a station hands back: its rows, and what its picture shows."""

    rows: tuple[Row, ...]
    remarks: tuple[str, ...] = ()
    picture: dict[str, Any] = field(default_factory=dict, repr=False)


class Station(Protocol):
    """A module of `kriss.tour` that solves one kind of problem."""

    NAME: str
    TITLE: str
    SENTENCE: str
    CAPTION: str

    def run(self, ctx: Context) -> StationResult:
        """Solve, measure, and return the rows."""
        ...

    def draw(self, picture: dict[str, Any], figure: Any) -> None:
        """Draw the picture on an empty matplotlib figure."""
        ...


class Context:
    """What a station gets: the size of the run and the progress bar.

    Parameters
    ----------
    quick : bool
        Smaller problems, the whole tour within 20 s on 2 cores.
    name : str
        Label of the progress bar.
    """

    def __init__(self, quick: bool, name: str) -> None:
        self.quick = quick
        # `disable=None` turns the bar off where stderr is not a terminal: a pipe or a log stays clean.
        self._bar = tqdm(
            total=1,
            file=sys.stderr,
            disable=None,
            leave=False,
            bar_format="  {percentage:3.0f}% |{bar:30}| {elapsed}  {desc}",
            desc=name,
        )

    def __enter__(self) -> Context:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.close()

    def begin(self, steps: int) -> None:
        """Announce how many steps there will be."""
        self._bar.reset(total=steps)

    @contextmanager
    def step(self, label: str, steps: int = 1) -> Iterator[None]:
        """Show `label` while the block runs, then move the bar on."""
        self._bar.set_description_str(label[:50])
        yield
        self._bar.update(steps)


@dataclass(frozen=True)
class Timing(Generic[Ours, Theirs]):
    """Medians of interleaved samples, and what the calls returned."""

    seconds: float
    peer_seconds: float
    rounds: int
    ours: Ours
    peer: Theirs


def _seconds(call: Callable[[], object], number: int) -> float:
    start = time.perf_counter()
    for _ in range(number):
        call()
    return (time.perf_counter() - start) / number


def _repeats(call: Callable[[], object], first: float) -> int:
    """How often a call is repeated so that a sample lasts long enough for the clock and the scheduler.

    `first` is how long the untimed call took; a call that long is not repeated, nor made once more to find out.
    """
    if first > 0.2:
        return 1
    return max(1, min(1000, round(SAMPLE_SECONDS / max(_seconds(call, 1), 1e-7))))


def compare(
    ours: Callable[[], Ours],
    peer: Callable[[], Theirs],
    *,
    rounds: int = 5,
    budget: float = 4.0,
) -> Timing[Ours, Theirs]:
    """Time two callables in turns (A B, B A, A B, ...) after one untimed call of each.

    Parameters
    ----------
    ours, peer : callable
        Without arguments; data are made outside.
    rounds : int
        Samples of each.
    budget : float
        No new round begins after this many seconds; there is always one.

    Returns
    -------
    Timing
        Median seconds of one call of each, and the results of the untimed calls.
    """
    start = time.perf_counter()
    first_seconds, first = once(ours)
    second_seconds, second = once(peer)
    numbers = (_repeats(ours, first_seconds), _repeats(peer, second_seconds))
    times: tuple[list[float], list[float]] = ([], [])
    collecting = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        for turn in range(rounds):
            order = (0, 1) if turn % 2 == 0 else (1, 0)
            for which in order:
                times[which].append(_seconds((ours, peer)[which], numbers[which]))
            if time.perf_counter() - start > budget:
                break
    finally:
        if collecting:
            gc.enable()
    return Timing(statistics.median(times[0]), statistics.median(times[1]), len(times[0]), first, second)


def once(call: Callable[[], Ours]) -> tuple[float, Ours]:
    """Seconds of a single call, and what it returned: for work that takes seconds itself."""
    start = time.perf_counter()
    result = call()
    return time.perf_counter() - start, result


@contextmanager
def blas_threads(limit: int | None) -> Iterator[None]:
    """Limit the threads of BLAS inside a block; None, or without threadpoolctl, leaves them as they are."""
    if limit is None:
        yield
        return
    try:
        from threadpoolctl import threadpool_limits
    except ImportError:
        yield
        return
    with threadpool_limits(limit, user_api="blas"):
        yield


def sensible_blas_threads() -> int | None:
    """How many threads BLAS should use during the tour, here and in the peer alike: None for its own choice.

    Where cores are busy or fewer than BLAS believes, its threads wait for each other and a small factorisation takes
    a hundred times longer; then one thread serves both sides better.
    """
    rng = np.random.default_rng(0)
    A = rng.standard_normal((300, 300))
    A = A @ A.T + 300.0 * np.eye(300)
    return best_blas_threads(
        lambda: [scipy.linalg.cholesky(A, lower=True, check_finite=False) for _ in range(10)], rounds=5
    )


def best_blas_threads(call: Callable[[], object], rounds: int = 3) -> int | None:
    """Which serves `call` better: BLAS with its usual threads (None), or with one (1).

    Where cores are contended, several threads are now and then as fast as one and mostly far slower; hence the worst
    of a few rounds decides.
    """
    call()
    usual, single = [], []
    for _ in range(rounds):
        usual.append(once(call)[0])
        with blas_threads(1):
            single.append(once(call)[0])
        if usual[-1] > 3.0 * single[-1]:
            return 1
    return None if max(usual) <= max(single) else 1


def format_seconds(seconds: float) -> str:
    """Three digits and a unit, in ASCII: ``"1.23 s"``, ``"45.6 ms"``, ``"789 us"``."""
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= 0.9995 * scale or unit == "us":
            value = seconds / scale
            digits = 2 if value < 9.995 else 1 if value < 99.95 else 0
            return f"{value:.{digits}f} {unit}"
    raise AssertionError("unreachable")


def format_accuracy(value: float, measure: str) -> str:
    """Digits and likelihoods with their decimals, errors in powers of ten."""
    if measure == "digits":
        return f"{value:.1f}"
    if measure in ("log lik.", "forecast ppm"):
        return f"{value:.2f}"
    return f"{value:.1e}"


_COLUMNS = "{:<34} {:>9} {:>9} {:>7} {:>10} {:>10}  {:<13}"


def header() -> str:
    """The line above rows, and the rule below it."""
    names = _COLUMNS.format("", "here", "peer", "ratio", "here", "peer", "accuracy").rstrip()
    return f"{names}\n{'-' * (WIDTH - 2)}"


def format_row(row: Row) -> str:
    """A row as text, at most `WIDTH` columns."""
    return _COLUMNS.format(
        row.task,
        format_seconds(row.seconds),
        format_seconds(row.peer_seconds),
        f"{row.ratio_text}x",
        format_accuracy(row.accuracy, row.measure),
        format_accuracy(row.peer_accuracy, row.measure),
        row.measure,
    ).rstrip()
