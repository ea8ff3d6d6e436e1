"""A learner that smooths costs over parameters, contexts and time, and finds out which of these tell something."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import numpy.typing as npt

from kriss.solve._learners import Learner, new_origin

Array = npt.NDArray[Any]

KEPT = 500  # systems remembered
FORGET = 0.95  # of the errors that the views are judged by, per system
EFFECT, LOCAL, GROUP, LEVEL = 0.9, 0.3, 0.5, 1.0  # prior standard deviations of log costs
LEAST, MOST = 0.03, 1.0  # bounds of the error of one cost
BONUS, BOLD, EVERY = 0.65, 1.2, 10  # exploration, in standard deviations; and that of every so many systems
CUT = 1e-6  # eigenvalues of the kernel below that part of the largest are left out
NOISE = 0.15  # most that observations are taken to err by: what is left beyond is for the views to explain
SETTLED = 30  # systems after which the variance of costs is looked at
FOLLOW = 0.25  # how fast the trend follows the costs
SURPRISE, FAST = 3.0, 0.6  # a change: recent errors that many times the usual, and how fast the recent ones fade
# what makes systems near: nothing, the context on a linear or a logarithmic scale, or what was seen in the matrix; the
# width in parts of its range; memory in systems (0: those since the last change); prior scale of local effects; whether
# the mean effects are believed; how many times smaller the errors must be than those of the first view. "trend" is
# "none" with costs relative to the level of late.
VIEWS = (
    ("none", 0.0, np.inf, 1.0, True, 1.0),
    ("trend", 0.0, 30.0, 2.5, False, 1.15),
    ("none", 0.0, 0.0, 2.0, True, 1.3),
    ("linear", 0.15, np.inf, 1.0, True, 1.1),
    ("linear", 0.04, np.inf, 1.0, True, 1.1),
    ("log", 0.12, np.inf, 1.0, True, 1.1),
    ("log", 0.03, np.inf, 1.0, True, 1.1),
    ("linear", 0.1, 0.0, 1.6, True, 1.3),
    ("own", 0.12, np.inf, 1.0, True, 1.1),
    ("own", 0.03, np.inf, 1.0, True, 1.1),
)
_PRIOR = np.array([1.0 / v[3] ** 2 for v in VIEWS])
_BELIEVE = np.array([[float(v[4])] for v in VIEWS])
_DOUBT = np.array([v[5] for v in VIEWS])
_TREND = np.array([[v[0] == "trend"] for v in VIEWS])
_FLOOR = np.where(_TREND[:, 0], 0.07, LEAST)  # of the error: what drifts is soon forgotten
_SINCE = np.array([v[2] == 0.0 for v in VIEWS])
# Exponents of the weights by squared distances and age; which views there are, by what is known of a system.
_KINDS = ("linear", "log", "own")
_EXPONENTS = np.array(
    [[-0.5 / v[1] ** 2 if v[0] == kind else 0.0 for kind in _KINDS]
     + [-1.0 / v[2] if 0.0 < v[2] < np.inf else 0.0] for v in VIEWS]
)  # fmt: skip
_AVAILABLE = {
    has: np.array([k for k, v in enumerate(VIEWS) if v[0] not in _KINDS or has[_KINDS.index(v[0])]])
    for has in itertools.product((False, True), repeat=3)
}
# What a state is made of: numbers, arrays of one size, and arrays with a row per system.
_NUMBERS = ("offset", "track", "changed", "judged", "clock", "usual", "whole", "mean")
_TOTALS = ("sums", "spread", "errors", "low", "high")
_ROWS = ("arm", "places", "time", "y", "level", "index", "table")


class KernelLearner(Learner):
    """Lowest confidence bound of smoothed log costs.

    Parameters
    ----------
    arms : int
        Number of settings.
    kernel : ndarray, shape (arms, arms)
        How much the cost of one arm tells of another: 1 on the diagonal.

    Notes
    -----
    The log cost of arm a is predicted as ``g_a + d + q_a``: g its mean effect over everything seen, d the level of the
    systems near to this one, q what is left for arm a near it, shrunk towards the mean of its neighbours and that to
    zero. What is near is a matter of the view: all systems, recent ones, those of similar context on a linear or a
    logarithmic scale. Every view predicts every cost before it is seen, and the one with the least squared error over
    the last twenty systems or so is believed. A context that tells nothing, or lies, so costs little; nor do drift and
    sudden changes, which the views of short memory follow. A change is declared when the errors of the view that is
    believed triple.

    Played is the arm with the least prediction less 0.65 standard deviations of its difference from the arms as they
    were played; for every tenth system, 1.2 of them. With n systems remembered (at most 500), v = 10 views, a arms and
    r about 7 eigenvalues of the kernel that count, a step takes 6 v n a + v a r**2 flops and v n exponentials, 0.2
    to 0.5 ms, and holds 8 n (3 a + 2 d + 8) bytes.

    References
    ----------
    P. Rigollet, A. Zeevi, "Nonparametric bandits with covariates", COLT 2010, section 3.
    """

    name = "kernel"

    def __init__(self, arms: int, kernel: Array, start: int | None = None) -> None:
        super().__init__(arms, arms // 2 if start is None else start)
        same = kernel > 0
        self.kernel = kernel
        offset = 0.0 if same.all() else GROUP**2
        self._factor, self._squares = _factor(LOCAL**2 * kernel + 0.25 * offset * same + LEVEL**2)
        self._errors = np.zeros(len(VIEWS))  # of late
        self._judged = 0.0
        self._fast = [0.0, 0.0]
        self._settle()
        self._clear(1)
        self._last: tuple[Any, ...] | None = None

    def _clear(self, dim: int) -> None:
        self.dim = dim
        self._mean = 0.0
        self._usual = 0.0
        self._track = 0.0  # level of late
        self._offset = 0.0  # log costs are relative to that of the first system
        self._n = 0
        self._clock = 0
        self._changed = 0
        self._arm = np.zeros(KEPT, int)
        self._places = np.full((KEPT, 2 * dim + 1), np.nan)  # contexts, their logarithms, what was seen in the matrix
        self._low, self._high = np.full(2 * dim + 1, np.inf), np.full(2 * dim + 1, -np.inf)
        self._whole = True  # no place is unknown
        self._seen = np.zeros(self.arms)
        self._time = np.zeros(KEPT)
        self._y = np.zeros(KEPT)
        self._level = np.zeros(KEPT)
        self._origin: list[str] = [""] * KEPT
        self._index = np.zeros(KEPT, int)
        self._table = np.zeros((KEPT, 3 * self.arms))  # one-hot arms, and the same times y, and y less its trend
        self._spread = np.zeros((2, self.arms))  # of ones and of squared errors, per arm, fading
        self._sums = np.zeros((2, self.arms))  # of ones and of y - level, per arm
        self._counts: dict[str, int] = {}

    # What is known

    @property
    def clock(self) -> int:
        """Systems seen."""
        return self._clock

    def error(self) -> float:
        """Standard deviation of one log cost about its prediction, of late."""
        return self._error

    def _settle(self) -> None:
        """The view that is believed, and its error."""
        self._view = int(((self._errors + 1e-4) * _DOUBT).argmin())
        self._error = 0.1
        if self._judged > 0.0:
            usual = math.sqrt(self._errors[self._view] / self._judged)
            self._error = min(max(usual, float(_FLOOR[self._view])), MOST)

    def effects(self) -> Array:
        """Mean log cost of every arm relative to the level of its systems, smoothed."""
        n, t = self._sums
        total = float(n.sum())
        if total == 0.0:
            self._precision = np.eye(self._factor.shape[1]) * min(self.error(), NOISE) ** 2
            return np.zeros(self.arms)
        self._mean = mean = float(t.sum()) / total
        q, precision = self._posterior(n[None], (t - mean * n)[None], np.array([(LOCAL / EFFECT) ** 2]))
        self._precision = precision[0]
        return np.asarray(mean + q[0])

    def _posterior(self, counts: Array, rest: Array, prior: Array) -> tuple[Array, Array]:
        """Means (views, arms) of a Gaussian process over the arms, given counts and sums of what was seen of them.

        Also the precision of its coefficients, times error**2. prior: that of the views, in units of the kernel.
        """
        f = self._factor
        r = f.shape[1]
        precision = (counts @ self._squares).reshape(-1, r, r)
        precision[:, np.arange(r), np.arange(r)] += min(self.error(), NOISE) ** 2 * prior[:, None]
        return np.linalg.solve(precision, (rest @ f)[:, :, None])[:, :, 0] @ f.T, precision

    def _place(self, context: Array | None, own: float) -> Array:
        """Where a system lies: its context, the logarithm of that, what was seen in its matrix; NaN is unknown."""
        d = self.dim
        place = np.full(2 * d + 1, np.nan)
        place[-1] = own
        if context is not None:
            place[:d] = context
            if context.min() > 0.0:
                place[d:-1] = np.log(context)
        return place

    def _weights(self, place: Array) -> tuple[Array, Array]:
        """Which views there are now, and (views, systems) how near each system is to one at `place` in them."""
        n, d = self._n, self.dim
        low, high = np.fmin(self._low, place), np.fmax(self._high, place)
        with np.errstate(all="ignore"):
            squares = self._places[:n] - place
            squares *= np.where(high > low, 1.0 / (high - low), 1.0)  # the range of each being one
            squares *= squares
        known = np.isfinite(place).tolist()
        rows = np.zeros((4, n))  # distances by context, its logarithm and what was seen in the matrix; ages
        has = (all(known[:d]), all(known[d:-1]), known[-1])
        for k, part in enumerate((slice(0, d), slice(d, 2 * d), slice(2 * d, None))):
            if has[k]:
                row = squares[:, part].sum(axis=1) if d > 1 else squares[:, part.start]
                rows[k] = row if self._whole else np.where(np.isnan(row), 1e3, row)
        np.subtract(self._clock, self._time[:n], out=rows[3])
        views = _AVAILABLE[has]
        w = _EXPONENTS[views] @ rows
        np.exp(w, out=w)
        if self._changed > 0:
            w[np.ix_(_SINCE[views], self._time[:n] < self._changed)] = 0.0
        return views, w

    def predict(self, context: Array | None, own: float) -> tuple[Array, Array]:
        """(views, arms): predicted log costs; and (views, r, r): the precisions behind them.

        Views that there are none of without a context are those of the first.
        """
        g = self.effects()
        views, weights = self._weights(self._place(context, own))
        sums = weights @ self._table[: self._n]
        counts = sums[:, : self.arms]
        prior = self._mean + (g - self._mean) * _BELIEVE[views]
        trend = _TREND[views]
        rest = np.where(trend, sums[:, 2 * self.arms :], sums[:, self.arms : 2 * self.arms]) - counts * prior
        q, precision = self._posterior(counts, rest, _PRIOR[views])
        prior = prior + self._track * trend
        where = np.zeros(len(VIEWS), int)
        where[views] = np.arange(views.size)
        self._seen = counts[where[self.view]]  # by the view that is believed, per arm
        return (prior + q)[where], precision[where]

    def choose(self, context: Array | None, own: float, rng: np.random.Generator) -> tuple[int, float]:
        if context is not None and context.size != self.dim:
            self._clear(context.size)
        if self._n == 0:
            self._last = None
            return self.start, 1.0
        predictions, precision = self.predict(context, own)
        view = self.view
        f = predictions[view] + self._half_variance()
        # the variance of an arm's difference from the arms as they have been played: of that the data tell, and it is
        # nearly none for one that is played all the time
        played = [self._seen if self._seen.sum() > 1e-6 else self._sums[0], self._sums[0]]
        behind = np.stack([precision[view], self._precision])
        apart = np.array([self._factor - (n @ self._factor) / n.sum() for n in played])
        parts = np.einsum("vai,via->va", apart, np.linalg.solve(behind, apart.transpose(0, 2, 1)))
        spread = parts[0] + parts[1] * VIEWS[view][4]
        bonus = BOLD if self._clock % EVERY == EVERY - 1 else BONUS
        arm = int(np.argmin(f - bonus * self.error() * np.sqrt(np.maximum(spread, 0.0))))
        self._last = predictions, view
        return arm, 1.0

    def _half_variance(self) -> Array:
        """What the mean of a cost exceeds its median by, in logarithms, for every arm, smoothed."""
        n, t = self._spread
        total = float(n.sum())
        if total == 0.0:
            return np.zeros(self.arms)
        return np.asarray(0.5 * (self.kernel @ t + 5.0 * float(t.sum()) / total) / (self.kernel @ n + 5.0))

    def look(self, context: Array | None, own: float) -> Array:
        """Predicted log cost of every arm for the next system, which another learner chooses for."""
        if context is not None and context.size != self.dim:
            self._clear(context.size)
        if self._n == 0:
            self._last = None
            return np.zeros(self.arms)
        predictions, _ = self.predict(context, own)
        self._last = predictions, self.view
        return np.asarray(predictions[self.view])

    def foreseen(self) -> Array | None:
        """What `choose` or `look` predicted last, if anything."""
        return None if self._last is None else np.asarray(self._last[0][self._last[1]])

    @property
    def view(self) -> int:
        """The view that has predicted best of late."""
        return self._view

    def samples(self) -> dict[str, Array]:
        """What is remembered: arms, log costs, contexts, what was seen in the matrices, and when."""
        n = self._n
        return {
            "arm": self._arm[:n], "y": self._y[:n], "context": self._places[:n, : self.dim],
            "own": self._places[:n, -1],
            "time": self._time[:n],
        }  # fmt: skip

    def update(self, arm: int, probability: float, context: Array | None, own: float, cost: float) -> None:
        y = math.log(max(cost, 1e-300))
        if self._clock == 0:
            self._offset = y
        y = y - self._offset
        level = trend = y
        if self._last is not None:
            predictions, view = self._last
            miss = predictions[:, arm] - y
            if self._clock >= SETTLED:  # before, misses tell of ignorance, not of how costs vary
                self._spread *= 0.99
                self._spread[:, arm] += 1.0, min(float(miss[view] ** 2), 4.0 * self.error() ** 2)
            self._judge(np.minimum(miss * miss, 2.0), view)
            # of this system, as it was foreseen: the mean over the arms as they have been played, as those never played
            # are guesswork, and what is learned of effects must not hang on it
            level = float(self._sums[0] @ predictions[view]) / float(self._sums[0].sum())
            trend = y - float(predictions[view, arm]) + level
            self._last = None
        count = self._counts.get(self.origin, 0)
        self._counts[self.origin] = count + 1
        self._add(arm, self._place(context, own), y, level, self.origin, count)
        fresh = self._clock - self._changed <= 1
        self._track = trend if fresh else self._track + FOLLOW * (trend - self._track)

    def _judge(self, squares: Array, view: int) -> None:
        """Errors of the views; a change if those of the one believed rise suddenly."""
        usual = self.error()
        self._fast = [FAST * self._fast[0] + float(squares[view]), FAST * self._fast[1] + 1.0]
        since = self._clock - self._changed
        if since > 8 and self._fast[0] / self._fast[1] > (SURPRISE * usual) ** 2:
            self._changed = self._clock - 1
            self._errors, self._judged, self._fast = squares, 1.0, [0.0, 0.0]
        else:
            self._errors = FORGET * self._errors + squares
            self._judged = FORGET * self._judged + 1.0
        self._settle()

    def _add(self, arm: int, place: Array, y: float, level: float, origin: str, index: int) -> None:
        if self._n == KEPT:
            self._thin()
        k = self._n
        self._arm[k], self._time[k], self._y[k], self._level[k] = arm, self._clock, y, level
        self._places[k] = place
        self._low, self._high = np.fmin(self._low, place), np.fmax(self._high, place)
        self._whole = self._whole and not np.isnan(place).any()
        self._origin[k], self._index[k] = origin, index
        self._table[k] = 0.0
        # sums of costs, not of logarithms, are what counts: a dear system weighs more
        if self._n == 0:
            self._usual = level
        self._usual += (level - self._usual) / min(self._clock + 1.0, 200.0)
        w = float(np.exp(min(max(level - self._usual, -1.5), 1.5)))
        self._table[k, arm :: self.arms] = w, w * y, w * (y - self._track)
        self._sums[:, arm] += w, w * (y - level)
        self._n += 1
        self._clock += 1

    def _thin(self) -> None:
        """Forget every second one of the older half."""
        half = self._n // 2
        keep = np.concatenate([np.arange(1, half, 2), np.arange(half, self._n)])
        for name in ("_arm", "_places", "_time", "_y", "_level", "_index", "_table"):
            values = getattr(self, name)
            values[: keep.size] = values[keep]
        self._origin[: keep.size] = [self._origin[k] for k in keep]
        self._n = keep.size

    # Keeping and merging

    def state(self) -> dict[str, Any]:
        out: dict[str, Any] = {name: getattr(self, "_" + name) for name in _NUMBERS}
        out |= {name: getattr(self, "_" + name).copy() for name in _TOTALS}
        out |= {name: getattr(self, "_" + name)[: self._n].copy() for name in _ROWS}
        return out | {
            "dim": self.dim, "fast": list(self._fast), "origin": self._origin[: self._n], "counts": dict(self._counts)
        }  # fmt: skip

    def load(self, state: dict[str, Any]) -> None:
        self._clear(int(state["dim"]))
        self._n = n = len(state["arm"])
        for name in _NUMBERS:
            setattr(self, "_" + name, type(getattr(self, "_" + name))(state[name]))
        for name in _TOTALS:
            setattr(self, "_" + name, np.array(state[name], float))
        for name in _ROWS:
            getattr(self, "_" + name)[:n] = state[name]
        self._fast, self._origin[:n] = list(state["fast"]), list(state["origin"])
        self._counts = {key: int(count) for key, count in state["counts"].items()}
        self._settle()
        self._last = None
        self.origin = new_origin()

    def merge(self, state: dict[str, Any]) -> None:
        if int(state["dim"]) != self.dim and len(state["arm"]):
            if self._n:
                raise ValueError(f"contexts of {state['dim']} numbers cannot be merged with those of {self.dim}")
            self._clear(int(state["dim"]))
        if self._clock == 0:
            self._offset = float(state["offset"])
        change = float(state["offset"]) - self._offset
        track = self._track
        for k, (origin, index) in enumerate(zip(state["origin"], state["index"], strict=True)):
            if index < self._counts.get(origin, 0):
                continue
            level = float(state["level"][k]) + change
            self._track = level
            self._add(
                int(state["arm"][k]), np.array(state["places"][k], float), float(state["y"][k]) + change, level, origin,
                int(index),
            )  # fmt: skip
        self._track = track
        for key, count in state["counts"].items():
            self._counts[key] = max(self._counts.get(key, 0), int(count))
        if float(state["judged"]) > self._judged:
            self._errors, self._judged = np.array(state["errors"], float), float(state["judged"])
            self._settle()
        self._last = None


def _factor(kernel: Array) -> tuple[Array, Array]:
    """F (arms, r) with F F' near the kernel, and the products of its columns, (arms, r * r)."""
    values, vectors = np.linalg.eigh(kernel)
    keep = values > CUT * values[-1]
    f = vectors[:, keep] * np.sqrt(values[keep])
    return f, np.ascontiguousarray((f[:, :, None] * f[:, None, :]).reshape(len(f), -1))
