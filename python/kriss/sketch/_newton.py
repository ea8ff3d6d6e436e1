"""Newton's method on all rows for a smooth loss, from a coreset's solution, until a dual point certifies the result."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from kriss import _backend
from kriss.sketch._blocks import Frame, Rows
from kriss.sketch._interior import Normal
from kriss.sketch._losses import Loss, Terms

Array = npt.NDArray[np.float64]
_Totals = tuple[float, float, float, Array, Array, Array]
BACKTRACKS = 30
WIDEST = 512  # columns up to which the compiled pass is used; its sums need 32 of their squares
STALLS = 4  # accepted steps without progress of the certificate before it is left at that


class Solved(NamedTuple):
    """Where it ended."""

    z: Array
    scale: float
    objective: float
    gap: float
    status: str
    iterations: int


@dataclass
class _State:
    """A point with everything that the next step needs."""

    z: Array
    s: float
    t: Array
    value: float
    u: Array
    d: Array
    cross: Array | None
    g: Array  # minus the gradient in z (and s)
    hessian: Array


class Sums:
    """Sums over rows at t: by blocks that are read, or over an array that is in memory."""

    def __init__(
        self,
        loss: Loss,
        b: Array,
        w: Array | None,
        frame: Frame,
        ridge: Array,
        rows: Rows | None = None,
        a: Array | None = None,
        workers: int = 0,
    ) -> None:
        self.loss, self.b, self.w, self.frame, self.ridge = loss, b, w, frame, ridge
        self.rows, self.a = rows, a
        self.m = len(b)
        self.workers = workers

    def _parts(self, whole: bool = False) -> Iterator[tuple[int, Array]]:
        if self.rows is not None:
            yield from self.rows.all_at_once() if whole else self.rows
            return
        assert self.a is not None
        step = self.m if whole else max(64, (1 << 17) // max(self.a.shape[1], 1))
        for i in range(0, self.m, step):
            yield i, self.a[i : i + step]

    def at(self, z: Array, s: float, smoothing: float | None = None) -> tuple[_State, float]:
        """One pass. The value is that for s; derivatives are for `smoothing` if that is given."""
        frame, loss = self.frame, self.loss
        mine = self.rows is not None
        x = frame.p @ z if mine else z
        width = len(x) if (not mine or frame.plain) else frame.rank
        r = frame.rank
        t, u, d = np.empty(self.m), np.empty(self.m), np.empty(self.m)
        cross = np.empty(self.m if loss.scaled else 0)
        now = s if smoothing is None else smoothing
        if width <= WIDEST and (not mine or frame.plain):
            value, first, second, g, c, h = self._compiled(x, now, t, u, d, cross)
            if now != s:
                value = loss.value(t, self.b, self.w, s)
        else:
            value, first, second, g, c, h = self._in_blocks(x, s, now, t, u, d, cross)
        if mine:
            g, c, h = frame.p.T @ g, frame.p.T @ c, frame.inner(h)
        bent = self.ridge @ z
        value += 0.5 * float(z @ bent)
        g, h = g - bent, h + self.ridge
        if loss.scaled:
            whole = np.empty((r + 1, r + 1))
            whole[:r, :r], whole[:r, r], whole[r, :r], whole[r, r] = h, c, c, second
            h, g = whole, np.append(g, -first)
        return _State(z, now, t, value, u, d, cross if loss.scaled else None, g, h), value

    def _compiled(self, x: Array, s: float, t: Array, u: Array, d: Array, cross: Array) -> _Totals:
        """Value, first and second derivative in s, A'u, A'cross, A'DA: 8 m n bytes, m n² flops."""
        n = len(x)
        wide = -(-n // 8) * 8
        padded = np.zeros(wide)
        padded[:n] = x
        given = np.array(self.loss.parameters(s))
        h, g, c = np.zeros((wide, wide)), np.zeros(wide), np.zeros(wide)
        scalars = np.zeros(3)
        one = np.empty((wide, wide)), np.empty(wide), np.empty(wide), np.empty(3)
        run = _backend.kernels("sketch_rows").loss_pass
        none = np.empty(0)
        for i, block in self._parts(whole=True):
            part = slice(i, i + len(block))
            w = none if self.w is None else self.w[part]
            run(
                block, padded, self.b[part], w, self.loss.code, given, t[part], u[part], d[part],
                cross[part] if len(cross) else none, *one, self.workers,
            )  # fmt: skip
            h, g, c, scalars = h + one[0], g + one[1], c + one[2], scalars + one[3]
        value, first, second = (float(v) for v in scalars)
        return value, first, second, g[:n], c[:n], h[:n, :n]

    def _in_blocks(self, x: Array, s: float, now: float, t: Array, u: Array, d: Array, cross: Array) -> _Totals:
        """The same for many columns, or where the curvature must be preconditioned before it is summed."""
        loss = self.loss
        mine = self.rows is not None
        width = self.frame.rank if mine and not self.frame.plain else len(x)
        value = first = second = 0.0
        h, g, c = np.zeros((width, width)), np.zeros(len(x)), np.zeros(len(x))
        for i, block in self._parts():
            part = slice(i, i + len(block))
            w = None if self.w is None else self.w[part]
            t[part] = block @ x
            done = loss.terms(t[part], self.b[part], w, now)
            value += done.value if now == s else loss.value(t[part], self.b[part], w, s)
            u[part], d[part] = done.u, done.d
            first, second = first + done.first, second + done.second
            g += done.u @ block
            if done.cross is not None:
                cross[part] = done.cross
                c += done.cross @ block
            if mine:
                h += self.frame.gram(block, done.d)
            else:
                scaled = block * np.sqrt(done.d)[:, None]
                h += scaled.T @ scaled
        return value, first, second, g, c, h

    def major(self, state: _State) -> Array | None:
        """The step to the minimum of a function above the objective, s kept; one pass. None if there is none."""
        frame = self.frame
        mine = self.rows is not None
        width = frame.rank if not (mine and frame.plain) else frame.p.shape[0]
        h = np.zeros((width, width))
        for i, block in self._parts():
            part = slice(i, i + len(block))
            d = self.loss.major(state.t[part], self.b[part], None if self.w is None else self.w[part], state.s)
            if d is None:
                return None
            if mine:
                h += frame.gram(block, d)
            else:
                scaled = block * np.sqrt(d)[:, None]
                h += scaled.T @ scaled
        h = (frame.inner(h) if mine else h) + self.ridge
        return Normal(_lifted(h)).solve(state.g[: frame.rank])

    def value_at(self, t: Array, z: Array, s: float) -> float:
        """Without a pass."""
        return self.loss.value(t, self.b, self.w, s) + 0.5 * float(z @ self.ridge @ z)


def minimise(
    sums: Sums,
    z: Array,
    s: float,
    *,
    tol: float,
    maxiter: int,
    floor: float,
    final: float = 0.0,
    tick: Callable[[str], None],
    separable: bool = False,
    firsts: list[float] | None = None,
) -> Solved:
    """Damped Newton steps; each costs one pass over the rows (two if the full step is too long).

    With a loss that `shrinks`, s falls by a factor of 5 with each full step until it reaches `final`.
    """
    loss, frame = sums.loss, sums.frame
    r = frame.rank
    state, _ = sums.at(z, s)
    lower = -np.inf
    best_lower_age = 0
    objective = _objective(sums, state)
    if firsts is not None:
        firsts.append(objective)
    status = "max_iterations"
    iteration = 0
    polished = False
    for iteration in range(1, maxiter + 1):
        if not (np.isfinite(state.value) and np.isfinite(state.hessian).all() and np.isfinite(state.g).all()):
            status = "non_finite"
            break
        step = Normal(_lifted(state.hessian)).solve(state.g)
        if loss.scaled:
            least = max(loss.lowest, 0.2 * state.s) - state.s
            if step[r] < least:
                rest = state.g[:r] - state.hessian[:r, r] * least
                step = np.append(Normal(_lifted(state.hessian[:r, :r])).solve(rest), least)
        dz, ds = step[:r], float(step[r]) if loss.scaled else 0.0
        slope = float(state.g @ step)
        smoothing = max(state.s / 5, final) if loss.shrinks and state.s > final else None
        ahead, value = sums.at(state.z + dz, state.s + ds, smoothing)
        tick("newton")
        moved = ahead.t - state.t
        lower_now = _dual(sums, state, moved, dz, ds)
        if lower_now > lower + 0.01 * max(objective - lower, 0.0):
            best_lower_age = 0
        else:
            best_lower_age += 1
        lower = max(lower, lower_now)
        if separable and _separates(sums, ahead.t, moved):
            return Solved(ahead.z, ahead.s, _objective(sums, ahead), max(_objective(sums, ahead), 0.0), "separable",
                          iteration)  # fmt: skip
        alpha = 1.0
        noise = 1e-14 * abs(state.value)
        if not value <= state.value - 1e-4 * alpha * slope + noise:
            safe = sums.major(state)
            if safe is not None:
                ahead, value = sums.at(state.z + safe, state.s)
                if loss.scaled:
                    ahead, value = sums.at(ahead.z, loss.best_scale(sums.b - ahead.t, sums.w))
                if not value <= state.value + noise:
                    safe = None
            if safe is None:
                alpha = _backtrack(sums, state, moved, dz, ds, slope)
                if alpha == 0.0:
                    status = "stalled"
                    break
                ahead, _ = sums.at(state.z + alpha * dz, state.s + alpha * ds)
            tick("newton")
        elif loss.shrinks and alpha == 1.0:
            longer = _lengthen(sums, state, moved, dz)
            if longer > 1.0:
                ahead, _ = sums.at(state.z + longer * dz, state.s)
                tick("newton")
        state = ahead
        objective = _objective(sums, state)
        if objective - lower <= tol * abs(objective) + floor:
            # The gap is the square of the distance: one more step brings x to full accuracy.
            if polished or slope <= 1e-14 * abs(state.value):
                status = "optimal"
                break
            polished = True
            continue
        if slope <= 1e-12 * abs(state.value) and best_lower_age >= 1:
            if loss.shrinks and final > 1e-12:
                final *= 0.1  # the smoothing is what is left of the gap
            elif best_lower_age >= STALLS:
                status = "stalled"
                break
    gap = max(objective - lower, 0.0)
    if objective - lower <= tol * abs(objective) + floor:
        status = "optimal"
    return Solved(state.z, state.s, objective, gap, status, iteration)


def _objective(sums: Sums, state: _State) -> float:
    if not sums.loss.shrinks:
        return state.value
    penalty = 0.5 * float(state.z @ sums.ridge @ state.z)
    return sums.loss.objective(state.t, sums.b, sums.w, state.s) + penalty


def _lifted(h: Array) -> Array:
    """A Hessian whose diagonal is nowhere 0: directions without curvature get a little."""
    top = float(np.abs(np.diagonal(h)).max(initial=0.0))
    return h + np.diag(np.full(len(h), 1e-14 * top if top > 0 else 1.0))


def _dual(sums: Sums, state: _State, moved: Array, dz: Array, ds: float) -> float:
    """The bound from u after the Newton step, linearised: A'u is then the gradient of the penalty at z + dz."""
    u = state.u - state.d * moved
    if state.cross is not None:
        u = u - state.cross * ds
    v = state.z + dz
    bent = sums.ridge @ v
    r = len(dz)
    # What A'u misses by, as far as the linear system and rounding errors tell.
    h = state.hessian[:r, :r]
    rest = state.g[:r] - h @ dz
    if state.cross is not None:
        rest = rest - state.hessian[:r, r] * ds
    miss = float(np.linalg.norm(rest)) + 4e-16 * float(np.linalg.norm(h) * np.linalg.norm(dz))
    slip = 2.0 * miss * max(float(np.linalg.norm(state.z)), float(np.linalg.norm(v)))
    with np.errstate(over="ignore", invalid="ignore"):
        out = sums.loss.dual(u, state.t, sums.b, sums.w, float(state.z @ bent) - slip, 0.5 * float(v @ bent))
    return out if np.isfinite(out) else -np.inf


def _separates(sums: Sums, t: Array, moved: Array) -> bool:
    """Whether x, or the way that it goes, has every row on its own side: then there is no finite minimiser."""
    keep = slice(None) if sums.w is None else sums.w > 0
    far = float(np.abs(t).max(initial=0.0)) > 20.0
    for direction in (t, moved):
        margin = (sums.b * direction)[keep]
        top = float(margin.max(initial=0.0))
        if len(margin) and top > 0:
            bottom = float(margin.min())
            # Rows that lie on the border of all separating planes have margins of rounding errors.
            if bottom > 1e-10 * top or (far and bottom >= -1e-10 * top):
                return True
    return False


def _backtrack(sums: Sums, state: _State, moved: Array, dz: Array, ds: float, slope: float) -> float:
    alpha = 1.0
    for _ in range(BACKTRACKS):
        alpha *= 0.5
        value = sums.value_at(state.t + alpha * moved, state.z + alpha * dz, state.s + alpha * ds)
        if value <= state.value - 1e-4 * alpha * slope:
            return alpha
    return 0.0


def _lengthen(sums: Sums, state: _State, moved: Array, dz: Array) -> float:
    """Powers: far from the solution Newton's steps are too short by up to a factor of p - 1."""
    slope = float(state.g @ dz)

    def ahead(alpha: float) -> float:
        done: Terms = sums.loss.terms(state.t + alpha * moved, sums.b, sums.w, state.s)
        return float(done.u @ moved)

    alpha, pull = 1.0, ahead(1.0)
    if not pull > 0.3 * slope:
        return 1.0
    for _ in range(8):
        alpha *= 1.5
        pull = ahead(alpha)
        if not pull > 0:
            return alpha / 1.5
    return alpha
