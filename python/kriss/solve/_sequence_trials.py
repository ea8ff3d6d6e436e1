"""Trials of what may help a sequence, such as warm starts: pairs of systems, with and without it, in random order."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

LEAST, MOST = 5, 16  # pairs
FIRST_REST, LONGEST_REST = 150, 2000  # systems until the next trial


class Trial:
    """Decides by measurement whether one thing is done, tries again later, and tells how it went.

    What is compared are logarithms of costs relative to what was predicted without it, so that neither the
    learning of parameters nor contexts confound the comparison.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.running = True
        self.on = True
        self.effect = 0.0  # mean change of the log cost
        self.error = math.nan
        self.pairs = 0
        self.verdict = "under trial"
        self._differences: list[float] = []
        self._pair: list[tuple[bool, float]] = []
        self._next_first = True
        self._rest, self._wait = FIRST_REST, 0

    def decide(self, rng: np.random.Generator) -> bool:
        """Whether to do it for the next system."""
        if not self.running:
            self._wait -= 1
            if self._wait > 0:
                return self.on
            self.running = True
            self._differences = []
            self._pair = []
        if not self._pair:
            self._next_first = bool(rng.random() < 0.5)
            return self._next_first
        return not self._next_first

    def record(self, done: bool, value: float) -> str | None:
        """Take in a log cost relative to its prediction; returns the verdict when there is one."""
        if not self.running:
            return None
        if self._pair and self._pair[0][0] == done:
            self._pair = []
        self._pair.append((done, value))
        if len(self._pair) < 2:
            return None
        (first, a), (_, b) = self._pair
        self._pair = []
        self._differences.append(a - b if first else b - a)
        self.pairs += 1
        d = np.array(self._differences)
        # the median of pairs resists the odd system that was abandoned
        self.effect = float(np.median(d))
        self.error = float(d.std(ddof=1) / math.sqrt(d.size)) if d.size > 1 else math.inf
        if d.size < LEAST or (abs(self.effect) < 2.5 * self.error and d.size < MOST):
            return None
        before = self.verdict
        self.on = self.effect < 0.0
        self.running = False
        self._wait = self._rest
        self._rest = min(2 * self._rest, LONGEST_REST)
        change = 100.0 * (math.exp(self.effect) - 1.0)
        self.verdict = f"{'kept' if self.on else 'dropped'}: it changes the cost by {change:+.0f}%"
        return self.verdict if before.split(":")[0] != self.verdict.split(":")[0] else None

    def restart(self) -> None:
        """Begin anew, as after a change of the system's size."""
        self.__init__(self.name)  # type: ignore[misc]

    def state(self) -> dict[str, Any]:
        """As plain values."""
        return {name: value for name, value in self.__dict__.items() if name not in ("_pair",)}

    def load(self, state: dict[str, Any]) -> None:
        """Take over a state."""
        self.__dict__.update(state)
        self._differences = list(state["_differences"])
        self._pair = []

    def merge(self, state: dict[str, Any]) -> None:
        """Believe whoever has compared more pairs."""
        if int(state["pairs"]) > self.pairs:
            self.load(state)
