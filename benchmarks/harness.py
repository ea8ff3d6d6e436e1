"""Timing of one routine against its peers: interleaved, both orders, same threads, same accuracy.

A family's file, ``benchmarks/bench_<family>.py``, defines ``cases(quick: bool) -> Iterable[Case]``. For each case the
harness calls ours and every peer once (warm-up, accuracy), then times rounds A B C, C B A, A B C, ... with the garbage
collector off. A call below 10 ms is repeated inside the timing until it lasts that long. What is reported per
contender is the minimum and the median over rounds; the ratio is median of the peer over median of ours, and its
spread the quartiles of the round-by-round ratios, which share whatever else the machine was doing.
"""

from __future__ import annotations

import gc
import math
import statistics
import time
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from benchmarks import machine

# A timed sample lasts at least this long, by repeating short calls inside it.
SAMPLE_SECONDS = 1e-2
# Before each sample with several threads: idle threads of OpenBLAS spin for tens of milliseconds, on cores that the
# next contender needs. Short samples then warm up with an untimed call, as nobody starts them with cold caches.
REST_SECONDS, LONG_SECONDS = 6e-2, 1e-1


@dataclass(frozen=True)
class Case:
    """One row of a benchmark.

    Parameters
    ----------
    name : str
        What is computed, with its size: ``"eval, 1e6 random points, 1e3 knots"``.
    ours : callable
        Runs ours once and returns its result. Data are made outside.
    peers : dict of str to callable
        The same for each peer, by name; each with its own best driver.
    accuracy : callable, optional
        Result of ours or of a peer -> a figure, smaller is better. Outside the timing.
    accuracy_name : str
        What that figure is: ``"backward error"``.
    target : float, optional
        Least ratio, median time of `target_peer` over ours.
    target_peer : str, optional
        Peer that the target is about; by default the fastest one that worked.
    note : str
        Whatever a reader must know to trust the figure.
    traffic : float or callable, optional
        Bytes read and written by one call of ours (or result -> bytes), from the count in the loop's comment.
        The report then gives our time over the time that triad needs to move as much.
    working_set : int, optional
        Bytes touched by ours; triad is measured at that size in every round, as small problems live in cache. Main
        memory otherwise.
    traffic_target : float, optional
        Ours may take at most this many times that limit.
    allowance : float, optional
        Instead of a ratio: ours may take at most the peer's median plus this many seconds.
    also : dict of str to float
        Further peers with a least ratio of their own; below 1 where they may be faster.
    rounds : int
        Fewest rounds, where the time allows no more: 3 for contenders that take seconds each.
    """

    name: str
    ours: Callable[[], Any]
    peers: dict[str, Callable[[], Any]] = field(default_factory=dict)
    accuracy: Callable[[Any], float] | None = None
    accuracy_name: str = ""
    target: float | None = None
    target_peer: str | None = None
    note: str = ""
    traffic: float | Callable[[Any], float] | None = None
    working_set: int | None = None
    traffic_target: float | None = None
    allowance: float | None = None
    also: dict[str, float] = field(default_factory=dict)
    rounds: int = 5


@dataclass
class Contender:
    """What was measured of one side of a case."""

    name: str
    minimum: float | None = None
    median: float | None = None
    calls_per_sample: int = 1
    samples: list[float] = field(default_factory=list)
    accuracy: float | None = None
    # Of peers only: median of this peer over median of ours; quartiles of the same, round by round.
    ratio: float | None = None
    ratio_spread: tuple[float, float] | None = None
    error: str | None = None


@dataclass
class Target:
    """One promise of a case and whether this run kept it."""

    text: str
    measured: float | None
    met: bool | None


@dataclass
class Row:
    """A measured case."""

    name: str
    note: str
    rounds: int
    accuracy_name: str
    ours: Contender
    peers: list[Contender]
    targets: list[Target]
    traffic: dict[str, float] | None = None
    measured: str = ""  # when and at which commit, of rows kept from a run before

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, row: dict[str, Any]) -> Row:
        """From JSON."""

        def contender(one: dict[str, Any]) -> Contender:
            spread = one["ratio_spread"]
            return Contender(**{**one, "ratio_spread": None if spread is None else tuple(spread)})

        return cls(
            **{
                **row,
                "ours": contender(row["ours"]),
                "peers": [contender(one) for one in row["peers"]],
                "targets": [Target(**one) for one in row["targets"]],
            }
        )


def _timed(call: Callable[[], Any], inner: int) -> float:
    clock = time.perf_counter
    if inner == 1:
        start = clock()
        call()
        return clock() - start
    loop = range(inner)
    start = clock()
    for _ in loop:
        call()
    return (clock() - start) / inner


def _warm_up(
    contender: Contender, call: Callable[[], Any], accuracy: Callable[[Any], float] | None
) -> tuple[Any, float]:
    """One call for caches, plans and accuracy; a second one, if cheap, to size the inner loop."""
    start = time.perf_counter()
    result = call()
    took = time.perf_counter() - start
    if took < 2.0:
        took = _timed(call, 1)
    if took < SAMPLE_SECONDS:
        took = min(took, *(_timed(call, 1) for _ in range(3)))
        contender.calls_per_sample = max(1, math.ceil(SAMPLE_SECONDS / max(took, 1e-9)))
    if accuracy is not None:
        contender.accuracy = float(accuracy(result))
    return result, max(took, took * contender.calls_per_sample)


def _failed(contender: Contender, exc: Exception) -> None:
    contender.error = "".join(traceback.format_exception_only(exc)).strip()


def measure(case: Case, *, threads: int, repeats: int | None = None, budget: float = 20.0) -> Row:
    """Time one case.

    Parameters
    ----------
    case : Case
        What to time.
    threads : int
        For ours and every peer.
    repeats : int, optional
        Rounds; by default as many as fit into `budget`, between ``case.rounds`` and 40.
    budget : float
        Seconds for the rounds, roughly.

    Returns
    -------
    Row
        A contender that raised carries the error instead of figures.
    """
    ours = Contender("kriss")
    field_of = [(ours, case.ours), *((Contender(name), call) for name, call in case.peers.items())]
    result: Any = None
    with machine.limited_to(threads):
        costs: dict[str, float] = {}
        for contender, call in field_of:
            try:
                value, cost = _warm_up(contender, call, case.accuracy)
            except Exception as exc:
                _failed(contender, exc)
                continue
            costs[contender.name] = cost
            if contender is ours and callable(case.traffic):
                result = value
            del value
        fitting = budget / max(sum(costs.values()), 1e-6)
        rounds = repeats if repeats is not None else int(min(40, max(case.rounds, fitting)))
        running = [pair for pair in field_of if pair[0].error is None]
        # Memory is shared with other machines and as fast as they leave it: its speed is measured in the same rounds.
        triad = machine.Triad(threads, case.working_set or machine.MAIN_MEMORY) if case.traffic is not None else None
        speeds: list[float] = []
        collecting = gc.isenabled()
        try:
            for round_number in range(rounds):
                if triad is not None:
                    time.sleep(REST_SECONDS if threads > 1 else 0.0)
                    triad.bandwidth()
                    speeds.append(triad.bandwidth())
                for contender, call in running if round_number % 2 == 0 else running[::-1]:
                    if contender.error is not None:
                        continue
                    gc.collect(0)
                    if threads > 1:
                        time.sleep(REST_SECONDS)
                        if costs[contender.name] < LONG_SECONDS:
                            call()
                    gc.disable()
                    try:
                        contender.samples.append(_timed(call, contender.calls_per_sample))
                    except Exception as exc:
                        _failed(contender, exc)
                    finally:
                        if collecting:
                            gc.enable()
        finally:
            if collecting:
                gc.enable()
    for contender, _ in field_of:
        if contender.error is None and contender.samples:
            contender.minimum = min(contender.samples)
            contender.median = statistics.median(contender.samples)
    peers = [contender for contender, _ in field_of[1:]]
    for peer in peers:
        if ours.median is not None and peer.median is not None:
            peer.ratio = peer.median / ours.median
            paired = [theirs / mine for theirs, mine in zip(peer.samples, ours.samples, strict=True)]
            quartiles = statistics.quantiles(paired, n=4) if len(paired) > 1 else [paired[0]] * 3
            peer.ratio_spread = (quartiles[0], quartiles[2])
    traffic = _traffic(case, ours, result, speeds, threads)
    return Row(
        name=case.name,
        note=case.note,
        rounds=rounds,
        accuracy_name=case.accuracy_name,
        ours=ours,
        peers=peers,
        targets=_targets(case, ours, peers, traffic),
        traffic=traffic,
    )


def _traffic(case: Case, ours: Contender, result: Any, speeds: list[float], threads: int) -> dict[str, float] | None:
    if case.traffic is None or ours.median is None:
        return None
    moved = float(case.traffic(result) if callable(case.traffic) else case.traffic)
    main, here = machine.triad_bandwidth(threads), statistics.median(speeds)
    return {
        "bytes": moved,
        "bandwidth": here,
        "bandwidth_best": max(speeds),
        "bandwidth_main_memory": main,
        "limit_seconds": moved / here,
        "times_limit": ours.median / (moved / here),
        "times_limit_main_memory": ours.median / (moved / main),
    }


def _targets(case: Case, ours: Contender, peers: list[Contender], traffic: dict[str, float] | None) -> list[Target]:
    targets = []
    worked = [peer for peer in peers if peer.ratio is not None]
    peer = next((peer for peer in peers if peer.name == case.target_peer), None)
    if case.target_peer is None and worked:
        peer = min(worked, key=lambda one: one.median or math.inf)
    name = peer.name if peer is not None else (case.target_peer or "no peer")
    if case.target is not None:
        ratio = peer.ratio if peer is not None else None
        targets.append(Target(f">= {case.target:g}x {name}", ratio, None if ratio is None else ratio >= case.target))
    for other, least in case.also.items():
        ratio = next((one.ratio for one in peers if one.name == other), None)
        targets.append(Target(f">= {least:g}x {other}", ratio, None if ratio is None else ratio >= least))
    if case.allowance is not None:
        extra = ours.median - peer.median if peer is not None and peer.median and ours.median else None
        text = f"<= {name} + {case.allowance * 1e3:g} ms"
        targets.append(Target(text, extra, None if extra is None else extra <= case.allowance))
    if case.traffic_target is not None:
        times = traffic["times_limit"] if traffic else None
        text = f"<= {case.traffic_target:g}x the bytes-moved limit"
        targets.append(Target(text, times, None if times is None else times <= case.traffic_target))
    return targets
