"""A learner that smooths costs over parameters, contexts and time, and finds out which of these tell something."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from kriss._backend import kernels
from kriss.solve._learners import Learner, new_origin
from kriss.solve._sorting import curve_keys

Array = npt.NDArray[Any]

KEPT = 500  # systems remembered
FORGET = 0.95  # of the errors that the views are judged by, per system
EFFECT, LOCAL, GROUP, LEVEL = 0.18, 0.3, 0.5, 1.0  # prior standard deviations of log costs
LEAST, MOST = 0.03, 1.0  # bounds of the error of one cost
BONUS, BOLD, EVERY = 0.65, 1.2, 10  # exploration, in standard deviations; and that of every so many systems
CUT = 1e-6  # eigenvalues of the kernel below that part of the largest are left out
NOISE = 0.15  # most that observations are taken to err by: what is left beyond is for the views to explain
SETTLED = 30  # systems after which the variance of costs is looked at
FOLLOW = 0.25  # how fast the trend follows the costs
WHOLE = 0.29  # of an iteration: what a cost errs by as it is a whole number of them
SURPRISE, FAST = 3.0, 0.6  # a change: recent errors that many times the usual, and how fast the recent ones fade
# what makes systems near: nothing, the context, its rank among those seen, or what was seen in the matrix; the
# width in parts of the range; memory in systems (0: those since the last change); prior scale of local effects; whether
# the mean effects are believed; how many times smaller the errors must be than those of the first view. "trend" is
# "none" with costs relative to the level of late.
VIEWS = (
    ("none", 0.0, np.inf, 1.0, True, 1.0),
    ("trend", 0.0, 30.0, 2.5, False, 1.15),
    ("none", 0.0, 0.0, 2.0, True, 1.3),
    ("linear", 0.15, np.inf, 1.0, True, 1.1),
    ("linear", 0.04, np.inf, 1.0, True, 1.1),
    ("rank", 0.12, np.inf, 1.0, True, 1.1),
    ("rank", 0.03, np.inf, 1.0, True, 1.1),
    ("linear", 0.1, 0.0, 1.6, True, 1.3),
    ("own", 0.12, np.inf, 1.0, True, 1.1),
    ("own", 0.03, np.inf, 1.0, True, 1.1),
)
_KINDS = ("linear", "rank", "own")
_FLOOR = {"trend": 0.07}  # of the error, else LEAST: what drifts is soon forgotten
# The same for the kernels: exponents by squared distances and age, and so on; see cpp/include/kriss/solve/learner.hpp.
_TABLE = np.array(
    [[-0.5 / v[1] ** 2 if v[0] == kind else 0.0 for kind in _KINDS]
     + [-1.0 / v[2] if 0.0 < v[2] < np.inf else 0.0, v[2] == 0.0, 1.0 / v[3] ** 2, v[4], v[5], v[0] == "trend",
        _FLOOR.get(v[0], LEAST)] for v in VIEWS]
)  # fmt: skip
_TUNING = np.array(
    [EFFECT, LOCAL, LEAST, MOST, BONUS, BOLD, EVERY, NOISE, FORGET, SETTLED, FOLLOW, SURPRISE, FAST, WHOLE], float
)
# Places in the numbers of a learner, and in the columns that it remembers a system by (its places follow).
_NUMBERS = (
    "n", "clock", "offset", "track", "changed", "judged", "usual", "mean", "fast", "weight", "ready", "view", "error",
)  # fmt: skip
_N, _CLOCK, _OFFSET, _TRACK, _CHANGED, _JUDGED, _MEAN, _READY, _USUAL, _VIEW, _ERROR = (
    _NUMBERS.index(name)
    for name in ("n", "clock", "offset", "track", "changed", "judged", "mean", "ready", "usual", "view", "error")
)
_ARM, _TIME, _Y, _LEVEL, _WEIGHT, _TREND, _PLACES = range(7)
_HELD = ("numbers", "totals", "errors", "bounds")  # what a state is made of, beside the rows


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
    zero. What is near is a matter of the view: all systems, recent ones, those of similar context, or of a similar
    rank among the contexts seen, which no monotone map of them changes. Every view predicts every cost before it is
    seen, and the one with the least squared error over the last twenty systems or so is believed. A context that tells
    nothing, or lies, so costs little; nor do drift and sudden changes, which the views of short memory follow. A change
    is declared when the errors of the view that is believed triple.

    Played is the arm with the least prediction less 0.65 standard deviations of its difference from the arms as they
    were played; for every tenth system, 1.2 of them. With n systems remembered (at most 500), v = 10 views, a arms and
    r about 7 eigenvalues of the kernel that count, a step takes 8 v n + v a r**2 flops and v n exponentials in compiled
    loops, 0.05 ms (twice that after a solve has emptied the caches), and holds 8 n (2 d + 11) bytes.

    References
    ----------
    P. Rigollet, A. Zeevi, "Nonparametric bandits with covariates", COLT 2010, section 3. N. Duan, "Smearing estimate: a
    nonparametric retransformation method", J. Amer. Statist. Assoc. 78 (1983).
    """

    name = "kernel"

    def __init__(self, arms: int, kernel: Array, start: int | None = None) -> None:
        super().__init__(arms, arms // 2 if start is None else start)
        same = kernel > 0
        self.kernel = np.ascontiguousarray(kernel, float)
        offset = 0.0 if same.all() else GROUP**2
        self._factor = _factor(LOCAL**2 * kernel + 0.25 * offset * same + LEVEL**2)
        self._errors = np.zeros(len(VIEWS))  # of late
        self._numbers = np.zeros(len(_NUMBERS))
        self._clear(1)

    def _clear(self, dim: int) -> None:
        self.dim = dim
        places = 2 * dim + 1  # contexts, their ranks, what was seen in the matrix
        numbers = np.zeros(len(_NUMBERS))
        numbers[_JUDGED] = self._numbers[_JUDGED]
        self._numbers = numbers
        # per arm: ones and effects; fading, ones, costs over guesses, and the logarithms of these
        self._totals = np.zeros((5, self.arms))
        self._bounds = np.stack([np.full(places, np.inf), np.full(places, -np.inf)])  # of the places
        self._rows = np.zeros((_PLACES + places, KEPT))
        self._guess = np.zeros((len(VIEWS), self.arms))
        self._origin: list[str] = [""] * KEPT
        self._index = np.zeros(KEPT, int)
        self._counts: dict[str, int] = {}
        self._arrange()

    def _arrange(self) -> None:
        """Everything that kernels work on, in their order."""
        a, r = self._factor.shape
        work = np.empty(4 * KEPT + 4 * a + 3 * r * r + 2 * r)
        self._state = (
            _TUNING, _TABLE, self._factor, self._numbers, self._totals, self._errors, self._bounds,
            self._rows, self._guess, work,
        )  # fmt: skip
        self._at: tuple[Any, float, Array] | None = None  # a context, what was seen in the matrix, and the place
        self._settle()

    # What is known

    @property
    def _n(self) -> int:
        return int(self._numbers[_N])

    @property
    def clock(self) -> int:
        """Systems seen."""
        return int(self._numbers[_CLOCK])

    def error(self) -> float:
        """Standard deviation of one log cost about its prediction, of late."""
        return float(self._numbers[_ERROR])

    @property
    def view(self) -> int:
        """The view that has predicted best of late."""
        return int(self._numbers[_VIEW])

    def _settle(self) -> None:
        """The view that is believed, and its error."""
        view = int(((self._errors + 1e-4) * [v[5] for v in VIEWS]).argmin())
        error, judged = 0.1, float(self._numbers[_JUDGED])
        if judged > 0.0:
            level = min(-float(self._numbers[_OFFSET] + self._numbers[_USUAL]), 700.0)
            floor = max(_FLOOR.get(VIEWS[view][0], LEAST), min(WHOLE * math.exp(level), NOISE))
            error = max(min(max(math.sqrt(self._errors[view] / judged), floor), MOST), floor)
        self._numbers[_VIEW], self._numbers[_ERROR] = view, error

    def _place(self, context: Array | None, own: float) -> Array:
        """Where a system lies: its context, room for its rank, what was seen in its matrix; NaN is unknown."""
        if self._at is not None and self._at[0] is context and self._at[1] is own:
            return self._at[2]
        d = self.dim
        place = np.full(2 * d + 1, np.nan)
        place[-1] = own
        if context is not None:
            place[:d] = context
        self._at = (context, own, place)
        return place

    def _foresee(self, context: Array | None, own: float, choosing: bool) -> int:
        """Guess what the next system costs; the arm for it, -1 if that is not asked for, -2 where nothing is known."""
        if context is not None and context.size != self.dim:
            self._clear(context.size)
        if self._numbers[_N] == 0.0:
            self._numbers[_READY] = 0.0
            return -2
        place = self._place(context, own)
        return int(kernels("solve_learner").learner_choose(self._state, place, choosing))

    def predict(self, context: Array | None, own: float) -> Array:
        """(views, arms): predicted log costs. Views that there are none of without a context are those of the first."""
        self._foresee(context, own, False)
        return self._guess.copy()

    def choose(self, context: Array | None, own: float, rng: np.random.Generator) -> tuple[int, float]:
        arm = self._foresee(context, own, True)
        return (self.start if arm < 0 else arm), 1.0

    def look(self, context: Array | None, own: float) -> Array:
        """Predicted log cost of every arm for the next system, which another learner chooses for."""
        self._foresee(context, own, False)
        found = self.foreseen()
        return np.zeros(self.arms) if found is None else found

    def foreseen(self) -> Array | None:
        """What `choose` or `look` predicted last, if anything."""
        return self._guess[self.view].copy() if self._numbers[_READY] else None

    def samples(self) -> dict[str, Array]:
        """What is remembered: arms, log costs, contexts, what was seen in the matrices, and when."""
        rows = self._rows[:, : self._n]
        return {
            "arm": rows[_ARM].astype(int), "y": rows[_Y], "context": rows[_PLACES : _PLACES + self.dim].T,
            "own": rows[-1], "time": rows[_TIME],
        }  # fmt: skip

    def update(self, arm: int, probability: float, context: Array | None, own: float, cost: float) -> None:
        place = self._place(context, own)
        self._remember()
        kernels("solve_learner").learner_update(self._state, arm, place, math.log(max(cost, 1e-300)))

    def _remember(self) -> None:
        """Room for a system of this learner's own."""
        count = self._counts.get(self.origin, 0)
        self._counts[self.origin] = count + 1
        self._name(self.origin, count)

    def _name(self, origin: str, index: int) -> None:
        if self._numbers[_N] == KEPT:
            self._thin()
        k = self._n
        self._origin[k], self._index[k] = origin, index

    def _thin(self) -> None:
        """Forget an eighth: of the older half, one each of the pairs of the same arm that lie closest together.

        What is alike stands for what is dropped; what was rarely tried stays, or it would have to be tried again.
        """
        n, half = self._n, self._n // 2
        arm = self._rows[_ARM, :half]
        seen = np.concatenate([self._rows[_PLACES : _PLACES + self.dim, :half], self._rows[-1:, :half]])
        places = np.array([_ranks(x) for x in seen])
        places[np.isnan(places)] = -n  # unknown: near to each other only
        order = np.lexsort((curve_keys(places.T), arm))
        _, begins, group = np.unique(arm[order], return_index=True, return_inverse=True)
        even = np.flatnonzero((np.arange(half) - begins[group]) % 2 == 0)
        even = even[even + 1 < half]
        even = even[group[even] == group[even + 1]]
        first, second = order[even], order[even + 1]
        apart = ((places[:, first] - places[:, second]) ** 2).sum(axis=0)
        older = np.minimum(first, second)
        drop = older[np.lexsort((older, apart))][: half // 4]
        if drop.size < half // 4:  # so many arms: of what is left what is there twice, and then the oldest
            left = np.delete(np.arange(half), drop)
            latest = left[::-1][np.unique(arm[left][::-1], return_index=True)[1]]
            once = np.isin(left, latest)
            drop = np.concatenate([drop, left[np.argsort(once, kind="stable")][: half // 4 - drop.size]])
        keep = np.delete(np.arange(n), drop)
        self._rows[:, : keep.size] = self._rows[:, keep]
        self._index[: keep.size] = self._index[keep]
        self._origin[: keep.size] = [self._origin[k] for k in keep]
        self._numbers[_N] = keep.size
        for j in range(self.dim):
            self._rows[_PLACES + self.dim + j, : keep.size] = _ranks(self._rows[_PLACES + j, : keep.size])

    # Keeping and merging

    def state(self) -> dict[str, Any]:
        n = self._n
        out: dict[str, Any] = {name: getattr(self, "_" + name).copy() for name in _HELD}
        return out | {
            "dim": self.dim, "rows": self._rows[:, :n].copy(), "index": self._index[:n].copy(),
            "origin": self._origin[:n], "counts": dict(self._counts),
        }  # fmt: skip

    def load(self, state: dict[str, Any]) -> None:
        self._clear(int(state["dim"]))
        for name in _HELD:
            getattr(self, "_" + name)[:] = state[name]
        n = len(state["origin"])
        self._numbers[_N], self._numbers[_READY] = n, 0.0
        self._rows[:, :n], self._index[:n], self._origin[:n] = state["rows"], state["index"], state["origin"]
        self._counts = {key: int(count) for key, count in state["counts"].items()}
        self._settle()
        self.origin = new_origin()

    def merge(self, state: dict[str, Any]) -> None:
        if int(state["dim"]) != self.dim and len(state["origin"]):
            if self._n:
                raise ValueError(f"contexts of {state['dim']} numbers cannot be merged with those of {self.dim}")
            self._clear(int(state["dim"]))
        theirs = np.asarray(state["numbers"], float)
        if self.clock == 0:
            self._numbers[_OFFSET] = theirs[_OFFSET]
        change = float(theirs[_OFFSET] - self._numbers[_OFFSET])
        track = float(self._numbers[_TRACK])
        rows, run = np.asarray(state["rows"], float), kernels("solve_learner")
        for k, (origin, index) in enumerate(zip(state["origin"], state["index"], strict=True)):
            if index < self._counts.get(origin, 0):
                continue
            level = float(rows[_LEVEL, k]) + change
            self._numbers[_TRACK] = level
            self._name(origin, int(index))
            place = np.ascontiguousarray(rows[_PLACES:, k])
            run.learner_add(self._state, int(rows[_ARM, k]), place, float(rows[_Y, k]) + change, level)
        self._numbers[_TRACK] = track
        for key, count in state["counts"].items():
            self._counts[key] = max(self._counts.get(key, 0), int(count))
        if theirs[_JUDGED] > self._numbers[_JUDGED]:
            self._errors[:], self._numbers[_JUDGED] = state["errors"], theirs[_JUDGED]
            self._settle()
        self._numbers[_READY] = 0.0

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name not in ("_state", "_at")}


def _ranks(x: Array) -> Array:
    """How many of x, (n,), are below each, an equal one counted half; NaN has none."""
    seen = np.sort(x[~np.isnan(x)])
    ranks = 0.5 * (np.searchsorted(seen, x, "left") + np.searchsorted(seen, x, "right") - 1.0)
    return np.where(np.isnan(x), np.nan, ranks)


def _factor(kernel: Array) -> Array:
    """F (arms, r) with F F' near the kernel."""
    values, vectors = np.linalg.eigh(kernel)
    keep = values > CUT * values[-1]
    return np.ascontiguousarray(vectors[:, keep] * np.sqrt(values[keep]))
