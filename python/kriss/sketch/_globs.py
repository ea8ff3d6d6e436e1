"""Quantile regression on all rows by way of a coreset: only rows whose residual may change its sign are solved for.

With ρ(r) = max(low r, high r) = max over u in [low, high] of u r, fixing u at the side on which a residual surely lies
turns that row into a linear term and can only lower the objective. So the reduced problem's optimum is a lower bound of
the full one whatever was fixed, and it is the full optimum once no fixed row is found on the other side.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from kriss.sketch import _interior
from kriss.sketch._blocks import Frame, Rows, draw, scores
from kriss.sketch._interior import check_loss

Array = npt.NDArray[np.float64]
WIDTH = 2.5  # half width of the first band, in standard deviations of the coreset's error in a residual
ROUGH = 0.005  # gap of the first band, relative to what the coreset's is expected to be
BAND = 2
SHRINK = 1 / 8  # of the band, from a round to the next


class Solved(NamedTuple):
    """z and what is known about it, in the units of the data as they were given to `minimise`."""

    z: Array
    objective: float
    gap: float
    first: float  # the coreset solution's objective
    solved: bool
    coreset: int
    band: int
    iterations: int
    rounds: int


@dataclass(frozen=True)
class Slopes:
    """low and high of each row: the same for all, or times a weight."""

    low: float
    high: float
    weight: Array | None

    def at(self, part: slice | npt.NDArray[np.intp], count: int) -> tuple[Array, Array]:
        """Of some rows."""
        if self.weight is None:
            return np.full(count, self.low), np.full(count, self.high)
        w = self.weight[part]
        return self.low * w, self.high * w


class Sweep(NamedTuple):
    """One pass at some z: the objective, what fixed rows add to the gap, and the rows of the next band."""

    objective: float
    wrong: float  # gap of the fixed rows
    crossed: int
    rows: npt.NDArray[np.intp]
    a: Array
    fixed: Array  # Σ u_i a_i P over the rows outside
    side: npt.NDArray[np.int8]  # of each row, as fixed: 1 above, 0 below, or BAND


def sizes(m: int, n: int, spread: float) -> tuple[int, int]:
    """Rows of coreset and band that make their sum least: k + 2 WIDTH spread m sqrt(n / k)."""
    c = 2 * WIDTH * spread * m * math.sqrt(n)
    k = max(int((c / 2) ** (2 / 3)), 40 * n)
    return k, int(c / math.sqrt(k))


class Globs:
    """The state of one solution."""

    def __init__(self, rows: Rows, b: Array, slopes: Slopes, frame: Frame, tick: Callable[[str], None]) -> None:
        self.rows, self.b, self.slopes, self.frame, self.tick = rows, b, slopes, frame, tick
        self.sure = rows.m - len(rows.tail)  # rows from here on are always solved for
        self.iterations = 0

    def minimise(self, k: int | None, rng: np.random.Generator, tol: float, maxiter: int) -> Solved:
        """The coreset, then rounds of band, solution, and check."""
        m, n = self.rows.m, self.frame.rank
        spread = math.sqrt(-self.slopes.low * self.slopes.high) / (self.slopes.high - self.slopes.low)
        spread = max(spread, 0.25)  # the normal law of the error is far off for extreme quantiles
        size, wide = sizes(m, max(n, 1), spread)
        if k is not None:
            size, wide = k, int(2 * WIDTH * spread * m * math.sqrt(max(n, 1) / k))
        if n == 0 or size + wide > 0.6 * m:
            return self._directly(tol)
        root, r = scores(self.rows, self.frame, self.b)
        self.tick("scores")
        weight = np.ones(m) if self.slopes.weight is None else self.slopes.weight
        miss = weight * np.abs(r)
        score = weight * root
        score *= 1.0 / float(score.sum())
        score += root * root / n
        score += weight / float(weight.sum())
        if miss.sum() > 0:
            score += miss / float(miss.sum())
        score[self.sure :] = np.inf if len(self.rows.tail) == 0 else 1e9 * float(score[: self.sure].sum())
        kept, q = draw(score, size, rng)
        del score, miss, r
        a = self.rows.take(kept) @ self.frame.p
        low, high = self.slopes.at(kept, len(kept))
        near = self._interior(a, self.b[kept], low / q, high / q, np.zeros(n), self.frame.start, 1e-5)
        self.tick("coreset")
        ratio = np.abs(self.b[kept] - a @ near.z) / np.maximum(root[kept], 1e-300)
        limit = _weighted_quantile(ratio, 1 / q, wide / m)
        return self._rounds(near.z, limit, root, len(kept), tol, maxiter)

    def _rounds(self, z: Array, limit: float, root: Array, coreset: int, tol: float, maxiter: int) -> Solved:
        now = self._sweep(z, limit, root, None, False)
        first = now.objective
        best_z, best, lower = z, first, 0.0
        widest = 0
        monotone = False
        floor = 1e-15 * float(np.abs(self.b).sum()) * max(-self.slopes.low, self.slopes.high)
        for round_ in range(1, maxiter + 1):
            widest = max(widest, len(now.rows))
            low, high = self.slopes.at(now.rows, len(now.rows))
            b = self.b[now.rows]
            target = 0.2 * (tol * best + floor)
            if round_ == 1:
                # The first band leads to the second only: a tenth of the coreset's error, whose square the gap is.
                target = max(target, ROUGH * 0.5 * self.frame.rank / coreset * best)
            done = self._interior(now.a, b, low, high, -now.fixed, z, target, absolute=True)
            if not done.solved and done.miss > 1e-6 * (1.0 + float(np.linalg.norm(now.fixed))):
                # The fixed rows push harder than the band can hold: it must be wider.
                limit, monotone = limit * 4, True
                now = self._sweep(z, limit, root, now, True)
                continue
            exact = _interior.vertex(now.a, b, low, high, -now.fixed, done)
            if exact is not None and exact.gap <= max(done.gap, target):
                done = exact
            z = done.z
            slip = 2.0 * done.miss * float(np.linalg.norm(z))
            limit = limit * (2.0 if monotone else SHRINK)
            after = self._sweep(z, limit, root, now, monotone)
            self.tick("band")
            lower = max(lower, after.objective - (done.gap + after.wrong + slip))
            if after.objective < best:
                best, best_z = after.objective, z
            if best - lower <= tol * best + floor:
                return Solved(
                    best_z, best, max(best - lower, 0.0), first, True, coreset, widest, self.iterations, round_
                )
            monotone = monotone or round_ >= 3 or after.crossed > len(now.rows) // 10
            now = after
        return Solved(
            best_z, best, max(best - lower, 0.0), first, False, coreset, widest, self.iterations, maxiter
        )  # fmt: skip

    def _sweep(self, z: Array, limit: float, root: Array, before: Sweep | None, keep: bool) -> Sweep:
        """One pass: objective and gap at z, and the next band: rows near zero, rows found on the wrong side, and
        those of the last band if they are to be kept."""
        rows, frame, slopes = self.rows, self.frame, self.slopes
        x = frame.p @ z
        side = np.empty(rows.m, np.int8)
        objective = wrong = 0.0
        crossed = 0
        fixed = np.zeros(rows.n)
        parts: list[Array] = []
        for i, block in rows:
            j = i + len(block)
            r = self.b[i:j] - block @ x
            above = r > 0
            u = np.where(above, slopes.high, slopes.low)
            if slopes.weight is not None:
                u *= slopes.weight[i:j]
            objective += float(u @ r)
            np.abs(r, out=r)
            band = r <= limit * root[i:j]
            if i >= self.sure:
                band[:] = True
            here = side[i:j]
            here[:] = above
            if before is not None:
                was = before.side[i:j]
                out = (was != BAND) & (was != here)
                if out.any():
                    crossed += int(np.count_nonzero(out))
                    size = r[out] if slopes.weight is None else r[out] * slopes.weight[i:j][out]
                    wrong += (slopes.high - slopes.low) * float(size.sum())
                    band |= out
                if keep:
                    band |= was == BAND
            here[band] = BAND
            u[band] = 0.0
            parts.append(block[band])
            fixed += u @ block
        a = np.concatenate(parts) @ frame.p
        return Sweep(objective, wrong, crossed, np.flatnonzero(side == BAND), a, frame.p.T @ fixed, side)

    def _directly(self, tol: float) -> Solved:
        """All rows at once."""
        rows, frame = self.rows, self.frame
        a = np.empty((rows.m, frame.rank))
        for i, block in rows:
            np.matmul(block, frame.p, out=a[i : i + len(block)])
        low, high = self.slopes.at(slice(None), rows.m)
        first = float(check_loss(self.b - a @ frame.start, low, high).sum())
        floor = 1e-15 * float(np.abs(self.b).sum()) * max(-self.slopes.low, self.slopes.high)
        h = np.zeros(frame.rank)
        if frame.rank == 0:
            objective = float(check_loss(self.b, low, high).sum())
            return Solved(np.zeros(0), objective, 0.0, objective, True, rows.m, rows.m, 0, 0)
        done = self._interior(a, self.b, low, high, h, frame.start, tol / 4)
        exact = _interior.vertex(a, self.b, low, high, h, done)
        if exact is not None and exact.gap <= max(done.gap, tol * first):
            done = exact
        objective = float(check_loss(self.b - a @ done.z, low, high).sum())
        gap = done.gap + 2.0 * done.miss * float(np.linalg.norm(done.z))
        self.tick("band")
        return Solved(
            done.z, objective, gap, first, gap <= tol * objective + floor, rows.m, rows.m, self.iterations, 1
        )  # fmt: skip

    def _interior(
        self, a: Array, b: Array, low: Array, high: Array, h: Array, z: Array, tol: float, absolute: bool = False
    ) -> _interior.Interior:
        """To a gap of tol, relative to the objective at z unless it is absolute."""
        if not absolute:
            tol = tol * float(check_loss(b - a @ z, low, high).sum())
            tol += 1e-15 * float(np.sum(np.abs(b) * np.maximum(high, -low)))
        done = _interior.solve(a, b, low, high, h, z, target=tol)
        self.iterations += done.iterations
        return done


def _weighted_quantile(values: Array, weights: Array, level: float) -> float:
    order = np.argsort(values)
    total = np.cumsum(weights[order])
    at = int(np.searchsorted(total, level * total[-1]))
    return float(values[order[min(at, len(order) - 1)]])
