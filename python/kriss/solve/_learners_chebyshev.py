"""ChebCB: a contextual bandit that fits the cost of every arm by a short Chebyshev series in the context."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import lsq_linear

from kriss.solve._learners import Learner, new_origin

Array = npt.NDArray[Any]


class ChebCB(Learner):
    """Inverse gap weighting over Chebyshev regressions, for one number as context.

    Parameters
    ----------
    arms : int
        Number of settings.
    terms : int
        Length of the series.
    bounds : (float, float), optional
        Interval of the contexts; by default that of those seen.

    Notes
    -----
    With K the largest cost so far, L = (largest - smallest) / (b - a) and N = 2 + 4 (b - a) L / K (1 + log m), the
    series of an arm is the least-squares fit of (cost - 1) / (K N), its coefficients held within 1 / N and
    2 (b - a) L / (K N j). Arm i has probability ``1 / (d + eta (y_i - min y))``, the best one the rest, with
    ``eta = 2 t sqrt(d t / (R + 2 e**2 t))``, R the regret in squares of the predictions made, e the error of
    truncation.
    Normal equations per arm are kept: a step costs d m**2 flops, and more where the bounds or the scale change.

    References
    ----------
    M. Khodak, E. Chow, M.-F. Balcan, A. Talwalkar, "Learning to relax: setting solver parameters across a sequence of
    linear system instances", ICLR 2024, algorithm 2 and section 3.2.
    D. J. Foster, A. Rakhlin, "Beyond UCB: optimal and efficient contextual bandits with regression oracles", ICML 2020,
    algorithm 1.
    """

    name = "chebcb"

    def __init__(self, arms: int, terms: int = 6, bounds: tuple[float, float] | None = None) -> None:
        super().__init__(arms)
        self.terms = terms
        self.asked = bounds
        # by origin: rows (arm, context, cost, prediction in units of cost)
        self._rows: dict[str, Array] = {}
        self._used: dict[str, int] = {}
        self._reset()

    def _reset(self) -> None:
        m = self.terms
        self._bounds = self.asked
        self._gram = np.zeros((self.arms, m, m))
        self._right = np.zeros((self.arms, m))
        self._squares = np.zeros(self.arms)
        self._theta = np.zeros((self.arms, m))
        self._left = np.zeros(self.arms)  # residual of each fit
        self._cost_range = (math.inf, -math.inf)
        self._scale = 0.0
        self._count = 0
        self._missed = 0.0  # sum of (prediction - cost)**2, in units of cost
        self._predicted = 0.0

    def _features(self, context: Any) -> Array:
        low, high = self._bounds if self._bounds is not None else (0.0, 0.0)
        half = 0.5 * high - 0.5 * low
        middle = low + half
        place = np.asarray(context, float)
        y = np.clip((place - middle) / half, -1.0, 1.0) if half > 0 else np.zeros_like(place)
        return np.asarray(np.cos(np.arccos(y)[..., None] * np.arange(self.terms)))

    def _predictions(self, context: float) -> Array:
        return np.asarray(self._theta @ self._features(np.asarray(context)))

    def choose(self, context: Array | None, own: float, rng: np.random.Generator) -> tuple[int, float]:
        c = own if context is None else float(context[0])
        y = self._predictions(c) if math.isfinite(c) and self._count > 0 else self._theta[:, 0]
        best = int(np.argmin(y))
        width = self._width()
        error = 0.0
        if self._scale > 0.0:
            error = (
                (math.pi + 2.0 / math.pi * math.log(2 * self.terms + 1)) / (2 * self._scale * (self.terms + 1)) * width
            )
        t = self._count
        eta = 0.0
        if t > 0:
            regret = self._missed / self._scale**2 - float(self._left.sum())
            eta = 2.0 * t * math.sqrt(self.arms * t / max(regret + 2.0 * error**2 * t, 1e-300))
        p = 1.0 / (self.arms + eta * (y - y[best]))
        p[best] = 0.0
        p[best] = 1.0 - float(p.sum())
        arm = min(int(np.searchsorted(np.cumsum(p), rng.random(), side="right")), self.arms - 1)
        self._predicted = float(y[arm]) * self._scale
        return arm, float(p[arm])

    def _width(self) -> float:
        """(b - a) L: the range of the costs."""
        low, high = self._cost_range
        return high - low if high > low else 0.0

    def update(self, arm: int, probability: float, context: Array | None, own: float, cost: float) -> None:
        c = own if context is None else float(context[0])
        if not math.isfinite(c):
            return
        row = np.array([[float(arm), c, cost, self._predicted]])
        mine = self._rows.get(self.origin)
        self._rows[self.origin] = _grown(mine, row, self._used.get(self.origin, 0))
        self._used[self.origin] = self._used.get(self.origin, 0) + 1
        if self.asked is None:
            low, high = self._bounds if self._bounds is not None else (math.inf, -math.inf)
            if not low <= c <= high:  # the basis changes: everything anew
                self._bounds = (min(low, c), max(high, c))
                self._rebuild()
                return
        self._add(row)
        self._fit(arm)

    def _add(self, rows: Array) -> None:
        where = rows[:, 0].astype(int)
        f = self._features(rows[:, 1])
        loss = rows[:, 2] - 1.0
        np.add.at(self._gram, where, f[:, :, None] * f[:, None, :])
        np.add.at(self._right, where, f * loss[:, None])
        np.add.at(self._squares, where, loss * loss)
        self._cost_range = (
            min(self._cost_range[0], float(rows[:, 2].min())), max(self._cost_range[1], float(rows[:, 2].max()))
        )  # fmt: skip
        self._count += len(rows)
        self._missed += float(((rows[:, 3] - loss) ** 2).sum())

    def _rebuild(self) -> None:
        bounds = self._bounds
        self._reset()
        self._bounds = bounds
        rows = [self._rows[key][: self._used[key]] for key in sorted(self._rows)]
        if rows:
            self._add(np.concatenate(rows))
            self._fit(None)

    def _fit(self, arm: int | None) -> None:
        """Fit one arm, or all of them where the scale has changed."""
        most = max(self._cost_range[1], 1.0)
        width, m = self._width(), self.terms
        n = 2.0 + 4.0 * width / most * (1.0 + math.log(m))
        changed = most * n != self._scale
        self._scale = most * n
        which = np.arange(self.arms) if changed or arm is None else np.array([arm])
        which = which[self._gram[which, 0, 0] > 0]
        bound = np.concatenate([[1.0 / n], 2.0 * width / (self._scale * np.arange(1, m))])
        gram, right = self._gram[which], self._right[which] / self._scale
        theta = np.einsum("aij,aj->ai", np.linalg.pinv(gram, rcond=1e-10, hermitian=True), right)
        for k in np.flatnonzero((np.abs(theta) > bound).any(axis=1)):
            values, vectors = np.linalg.eigh(gram[k])
            keep = values > 1e-10 * values[-1]
            root = np.sqrt(values[keep])
            if width > 0.0:
                fit = lsq_linear(
                    root[:, None] * vectors[:, keep].T, vectors[:, keep].T @ right[k] / root, (-bound, bound),
                    method="bvls",
                )  # fmt: skip
                theta[k] = fit.x
            else:
                theta[k] = np.clip(theta[k], -bound, bound)
        self._theta[which] = theta
        fitted = np.einsum("ai,aij,aj->a", theta, gram, theta) - 2.0 * np.einsum("ai,ai->a", theta, right)
        self._left[which] = np.maximum(fitted + self._squares[which] / self._scale**2, 0.0)

    def state(self) -> dict[str, Any]:
        return {"rows": {key: rows[: self._used[key]].copy() for key, rows in self._rows.items()}}

    def load(self, state: dict[str, Any]) -> None:
        self._rows = {key: np.array(rows, float).reshape(-1, 4) for key, rows in state["rows"].items()}
        self._used = {key: len(rows) for key, rows in self._rows.items()}
        self._refresh()
        self.origin = new_origin()

    def merge(self, state: dict[str, Any]) -> None:
        for key, rows in state["rows"].items():
            if len(rows) > self._used.get(key, 0):
                self._rows[key] = np.array(rows, float).reshape(-1, 4)
                self._used[key] = len(rows)
        self._refresh()

    def _refresh(self) -> None:
        self._rows = {key: rows[: self._used[key]] for key, rows in self._rows.items()}
        if self.asked is None and self._rows:
            every = np.concatenate([rows[:, 1] for rows in self._rows.values()])
            self._bounds = (float(every.min()), float(every.max())) if every.size else None
        self._rebuild()


def _grown(rows: Array | None, row: Array, used: int) -> Array:
    """`rows` with one more in place `used`, with room to spare."""
    if rows is None or used == len(rows):
        more = np.zeros((max(64, 2 * used), row.shape[1]))
        if rows is not None:
            more[:used] = rows
        rows = more
    rows[used] = row[0]
    return rows
