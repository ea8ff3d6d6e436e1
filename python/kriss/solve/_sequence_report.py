"""What a sequence of systems has cost, and what it would have cost otherwise."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from kriss.solve._learners_kernel import KernelLearner
from kriss.solve._sequence_arms import Arm
from kriss.solve._sequence_hindsight import hindsight

Array = npt.NDArray[Any]

LOOKED_AT = 1000  # systems that costs of other settings are estimated for; of more, as many evenly spaced


class Record:
    """What happened to each system."""

    def __init__(self, arms: int, recent: int = 100) -> None:
        self.arms = arms
        self.arm: list[int] = []
        self.cost: list[float] = []
        self.iterations: list[int] = []
        self.seconds: list[float] = []
        self.learning: list[float] = []
        self.total: list[float] = []
        self.context: list[Array | None] = []
        self.own: list[float] = []
        self.tick: list[tuple[str, int]] = []
        self.abandoned: list[int] = []
        self.failed = 0
        self.events: list[tuple[int, str]] = []
        self.missing = 0
        self.rest_arm = 0
        self._recent: deque[tuple[float, Array, int]] = deque(maxlen=recent)

    def add(
        self, arm: int, cost: float, iterations: int, seconds: float, learning: float, total: float,
        context: Array | None, own: float, tick: tuple[str, int], abandoned: int, converged: bool,
        foreseen: Array | None,
    ) -> None:  # fmt: skip
        """Note one system."""
        self.arm.append(arm)
        self.cost.append(cost)
        self.iterations.append(iterations)
        self.seconds.append(seconds)
        self.learning.append(learning)
        self.total.append(total)
        self.context.append(context)
        self.own.append(own)
        self.tick.append(tick)
        self.abandoned.append(abandoned)
        self.failed += not converged
        if foreseen is not None:
            self._recent.append((cost, foreseen, arm))

    def lately(self) -> tuple[int, float]:
        """The setting that would have cost least of late, and how many times that the recent systems cost."""
        sums = np.sum([_others(*one) for one in self._recent], axis=0)
        best = int(np.argmin(sums))
        return best, float(sum(one[0] for one in self._recent) / sums[best])


def _others(cost: float, predicted: Array, arm: int) -> Array:
    """What a system would have cost with every setting, as predicted from what it cost with one."""
    return np.asarray(cost * np.exp(np.clip(predicted - predicted[arm], -5.0, 5.0)))


@dataclass(frozen=True, eq=False)
class SequenceReport:
    """What a `Sequence` chose, what that cost, and what other choices would have cost; ``print`` it.

    Attributes
    ----------
    systems : int
        Systems solved; the other figures are of all of them, the estimates of those of the present size and pattern.
    unconverged, abandoned : int
        Systems that did not converge, and settings abandoned during a solve.
    iterations : int
        All iterations, those of abandoned settings included.
    seconds, learning_seconds : float
        Time in `Sequence.solve`, and what of it went into choosing.
    cost : float
        Sum of what the learner counts: iterations, or microseconds; of the systems that estimates were made for.
    arms : tuple of str
        The settings.
    used : ndarray, shape (arms,)
        How often each was used.
    fixed_costs : ndarray, shape (arms,)
        What it would have cost to stay with one setting: estimates, but sound only for settings used a few times.
    best_fixed, best_fixed_cost
        The cheapest of those that were used, and its cost.
    optimal_cost : float
        The same with the best setting for every system.
    learning_cost, saved : float
        `cost` less `optimal_cost`; `best_fixed_cost` less `cost`.
    measures : dict
        What became of warm start and recycling.
    events : tuple of (int, str)
        The number of a system and what happened there.
    arm, costs, fixed, optimal : ndarray
        By system: the setting, the cost; (systems, arms) estimated costs; the estimated best ones.
    values : dict of str to ndarray
        Learned parameters by system.
    contexts : ndarray, shape (systems, d), or None
        Contexts, NaN where they are missing.
    unit : str
        Of the costs.
    """

    systems: int
    unconverged: int
    abandoned: int
    iterations: int
    seconds: float
    learning_seconds: float
    cost: float
    arms: tuple[str, ...]
    used: Array
    fixed_costs: Array
    best_fixed: str
    best_fixed_cost: float
    optimal_cost: float
    measures: dict[str, str]
    events: tuple[tuple[int, str], ...]
    arm: Array
    costs: Array
    fixed: Array
    values: dict[str, Array]
    contexts: Array | None
    missing: int
    unit: str
    learner: str
    _where: Array = field(repr=False)

    @property
    def learning_cost(self) -> float:
        """Cost beyond that of the best setting for every system, as estimated."""
        return self.cost - self.optimal_cost

    @property
    def saved(self) -> float:
        """Cost of the best fixed setting, as estimated, less that of the sequence."""
        return self.best_fixed_cost - self.cost

    @property
    def optimal(self) -> Array:
        """By system, the estimated cost of its best setting."""
        return np.asarray(self.fixed.min(axis=1)) if self.fixed.size else np.zeros(0)

    def __str__(self) -> str:
        if self.systems == 0:
            return "no systems yet"
        lines = [
            f"{self.systems} systems, {self.iterations} iterations, {self.seconds:.3g} s, of which "
            f"{self.learning_seconds:.2g} s went into choosing"
        ]
        if self.unconverged or self.abandoned:
            lines.append(f"{self.unconverged} systems did not converge; {self.abandoned} settings were abandoned")
        if self.missing:
            lines.append(f"{self.missing} contexts were missing or not finite")
        if len(self.arms) > 1:
            lines.append(f"cost ({self.unit}): {self.cost:.0f} with learner {self.learner!r}")
            lines.append(f"  best fixed setting, {self.best_fixed}: {self.best_fixed_cost:.0f} (estimated)")
            lines.append(f"  best setting for every system: {self.optimal_cost:.0f} (estimated)")
            word = "saved" if self.saved >= 0 else "lost"
            lines.append(
                f"  learning cost {self.learning_cost:.0f} and {word} {abs(self.saved):.0f} against the best fixed one"
            )
            lines.append("  settings used most:")
            for k in np.argsort(-self.used, kind="stable")[:5]:
                if self.used[k]:
                    lines.append(f"    {self.arms[k]}: {self.used[k]} times; fixed, {self.fixed_costs[k]:.0f}")
        lines += [f"{name}: {verdict}" for name, verdict in self.measures.items()]
        lines += [f"system {k}: {text}" for k, text in self.events[-10:]]
        return "\n".join(lines)

    def plot(self, axes: Any = None) -> Any:
        """Draw settings against time and context, and cumulative costs, with Matplotlib.

        Parameters
        ----------
        axes : sequence of three matplotlib.axes.Axes, optional
            Where to draw; by default a new figure.

        Returns
        -------
        ndarray of matplotlib.axes.Axes, shape (3,)
            The axes.
        """
        try:
            import matplotlib.pyplot as plt
        except ImportError as exc:
            raise ImportError("plot needs Matplotlib: pip install 'kriss[plot]'") from exc

        if axes is None:
            axes = plt.subplots(1, 3, figsize=(13, 4), layout="constrained")[1]
        time, context, cumulative = axes
        names = list(self.values)
        shown = self.values[names[0]] if len(names) == 1 else self.arm
        label = names[0] if len(names) == 1 else "setting"
        steps = self._where
        time.scatter(steps, shown, c=self.costs, s=6)
        time.set(xlabel="system", ylabel=label)
        if self.contexts is not None:
            context.scatter(self.contexts[:, 0], shown, c=steps, s=6)
            context.set(xlabel="context", ylabel=label)
        else:
            context.set_axis_off()
        if self.fixed.size:
            sums = np.cumsum(self.fixed, axis=0)
            for k in np.flatnonzero(self.used):
                cumulative.plot(steps, sums[:, k], color="0.8", lw=0.7)
            best = self.arms.index(self.best_fixed)
            cumulative.plot(steps, sums[:, best], "--", label=f"fixed: {self.best_fixed}")
            cumulative.plot(steps, np.cumsum(self.optimal), ":", label="best for every system")
        cumulative.plot(steps, np.cumsum(self.costs), label=self.learner)
        cumulative.set(xlabel="system", ylabel=f"cost so far ({self.unit})")
        cumulative.legend()
        return axes


def summarise(
    record: Record, arms: tuple[Arm, ...], estimator: KernelLearner | None, current: str | None,
    measures: dict[str, str], learner: str, loss: str,
) -> SequenceReport:  # fmt: skip
    """The report of a record."""
    where = np.array([k for k, (key, _) in enumerate(record.tick) if key == current], int)
    if where.size > LOOKED_AT:
        where = where[np.unique(np.linspace(0, where.size - 1, LOOKED_AT).round().astype(int))]
    arm = np.array([record.arm[k] for k in where], int)
    costs = np.array([record.cost[k] for k in where])
    fixed = np.repeat(costs[:, None], len(arms), axis=1)
    if estimator is not None and len(arms) > 1 and where.size:
        known = [record.context[k] for k in where]
        own, time = (np.array([row[k] for k in where], float) for row in (record.own, [t for _, t in record.tick]))
        predicted = hindsight(estimator, known, own, time)
        fixed *= np.exp(np.clip(predicted - predicted[np.arange(where.size), arm][:, None], -5.0, 5.0))
    used = np.bincount(np.array(record.arm, int), minlength=len(arms))
    sums = fixed.sum(axis=0)
    best = int(np.argmin(np.where(used > 0, sums, math.inf))) if where.size else 0
    dims = {c.size for c in record.context if c is not None}
    contexts = None
    if dims:
        missing = np.full(max(dims), math.nan)
        contexts = np.array([missing if record.context[k] is None else record.context[k] for k in where])
    names = sorted({name for one in arms for name, _ in one.values})
    return SequenceReport(
        systems=len(record.arm), unconverged=record.failed, abandoned=sum(record.abandoned),
        iterations=sum(record.iterations), seconds=sum(record.total), learning_seconds=sum(record.learning),
        cost=float(costs.sum()), arms=tuple(a.label for a in arms), used=used, fixed_costs=sums,
        best_fixed=arms[best].label, best_fixed_cost=float(sums[best]),
        optimal_cost=float(fixed.min(axis=1).sum()) if where.size else 0.0, measures=measures,
        events=tuple(record.events), arm=arm, costs=costs, fixed=fixed,
        values={name: np.array([arms[k].get(name, math.nan) for k in arm], float) for name in names},
        contexts=contexts, missing=record.missing, unit="iterations" if loss == "iterations" else "microseconds",
        learner=learner, _where=where,
    )  # fmt: skip
