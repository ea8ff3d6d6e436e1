"""Learners of solver parameters from the cost of one solve at a time: what they share, and Tsallis-INF.

A learner chooses one of `arms` settings for the next system and is told what that solve cost. It holds its own
knowledge and what other copies of it have learned since they parted, apart, so that merging twice counts once.
"""

from __future__ import annotations

import uuid
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def new_origin() -> str:
    """A name for the part of a learner's knowledge that one object gathers; it has no part in any result."""
    return uuid.uuid4().hex


class Learner:
    """Plays one arm for ever; others override all of it.

    Parameters
    ----------
    arms : int
        Number of settings to choose from.
    start : int
        The one to begin with.
    """

    name = "fixed"

    def __init__(self, arms: int, start: int = 0) -> None:
        self.arms = arms
        self.start = start
        self.origin = new_origin()

    def choose(self, context: Array | None, own: float, rng: np.random.Generator) -> tuple[int, float]:
        """The arm for the next system and the probability that it was chosen with.

        context: the caller's numbers, shape (d,). own: what the sequence sees in the matrix itself, NaN if nothing.
        """
        return self.start, 1.0

    def update(self, arm: int, probability: float, context: Array | None, own: float, cost: float) -> None:
        """Take in what a system cost."""

    def state(self) -> dict[str, Any]:
        """Everything learned, as plain arrays and numbers."""
        return {}

    def load(self, state: dict[str, Any]) -> None:
        """Take over a state; what is learned from now on is kept apart from it."""

    def merge(self, state: dict[str, Any]) -> None:
        """Add what a state holds and this does not."""

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__.copy()

    def __setstate__(self, state: dict[str, Any]) -> None:
        # a copy in another process learns other things under its own name
        self.__dict__.update(state)
        self.load(self.state())


class Tsallis(Learner):
    """Tsallis-INF with power 1/2: costs within a factor of a constant of the best fixed arm, in any order.

    Parameters
    ----------
    arms : int
        Number of settings.
    reduced : bool
        Use the estimator of reduced variance instead of plain importance weighting.

    Notes
    -----
    With s the mean of ``cost - 1`` so far, K the estimated sums over s and eta = 2 / sqrt(t) (4 / sqrt(t) if
    reduced), ``p_i = 4 / (eta (K_i - x))**2`` with x such that they add to one. Newton's method for x starts at
    ``min K - 2 / eta``, where the sum is at least one; it is increasing and convex from there up to the root's left,
    so that the iteration is monotone.

    References
    ----------
    J. Zimmert, Y. Seldin, "Tsallis-INF: an optimal algorithm for stochastic and adversarial bandits", J. Mach. Learn.
    Res. 22 (2021), algorithms 1 and 2 and equations (2) and (3).
    M. Khodak, E. Chow, M.-F. Balcan, A. Talwalkar, "Learning to relax: setting solver parameters across a sequence of
    linear system instances", ICLR 2024, algorithm 1.
    """

    name = "tsallis"

    def __init__(self, arms: int, reduced: bool = False) -> None:
        super().__init__(arms)
        self.reduced = reduced
        # by origin: estimated sums, number of systems, sum of cost - 1
        self._parts: dict[str, list[Any]] = {}

    def _mine(self) -> list[Any]:
        return self._parts.setdefault(self.origin, [np.zeros(self.arms), 0, 0.0])

    def _totals(self) -> tuple[Array, int, float]:
        parts = list(self._parts.values())
        if not parts:
            return np.zeros(self.arms), 0, 1.0
        sums = parts[0][0] if len(parts) == 1 else np.sum([p[0] for p in parts], axis=0)
        count = sum(p[1] for p in parts)
        return sums, count, max(sum(p[2] for p in parts) / max(count, 1), 1.0)

    def probabilities(self) -> Array:
        """With which each arm is played next."""
        sums, count, scale = self._totals()
        eta = (4.0 if self.reduced else 2.0) / np.sqrt(count + 1.0)
        scaled = (sums - sums.min()) / scale
        x = -2.0 / eta
        p = np.empty(self.arms)
        for _ in range(60):
            root = eta * (scaled - x)
            p = 4.0 / (root * root)
            excess = float(p.sum()) - 1.0
            if not excess > 1e-12:
                break
            x -= excess / float(eta * (p * np.sqrt(p)).sum())
        return np.asarray(p / p.sum())

    def choose(self, context: Array | None, own: float, rng: np.random.Generator) -> tuple[int, float]:
        p = self.probabilities()
        arm = min(int(np.searchsorted(np.cumsum(p), rng.random(), side="right")), self.arms - 1)
        return arm, float(p[arm])

    def update(self, arm: int, probability: float, context: Array | None, own: float, cost: float) -> None:
        loss = max(cost - 1.0, 0.0)
        mine = self._mine()
        if self.reduced:
            _, count, scale = self._totals()
            eta = 4.0 / np.sqrt(count + 1.0)
            base = np.where(self.probabilities() >= eta * eta, 0.5 * scale, 0.0)
            mine[0] = mine[0] + base
            mine[0][arm] += (loss - base[arm]) / probability
        else:
            mine[0][arm] += loss / probability
        mine[1] += 1
        mine[2] += loss

    def state(self) -> dict[str, Any]:
        return {"parts": {key: [p[0].copy(), p[1], p[2]] for key, p in self._parts.items()}}

    def load(self, state: dict[str, Any]) -> None:
        self._parts = {key: [np.array(p[0], float), int(p[1]), float(p[2])] for key, p in state["parts"].items()}
        self.origin = new_origin()

    def merge(self, state: dict[str, Any]) -> None:
        for key, part in state["parts"].items():
            if key not in self._parts or part[1] > self._parts[key][1]:
                self._parts[key] = [np.array(part[0], float), int(part[1]), float(part[2])]
