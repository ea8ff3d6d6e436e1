"""The refinement behind `interpolate2d`: where lines go, what is tested, when to stop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from kriss import _validate
from kriss.spline._tensor import F64, TensorSpline, build

# A strip passes when its error in the middle is below this share of the tolerance: the errors of both directions add,
# and the middle of a cell is not always its worst point.
ACCEPT = 0.15
# Lines on which a strip is tested: predicted worst, and random.
PREDICTED, RANDOM = 2, 4
# A strip whose error falls by less than 2**LOW per halving is not in the range of smooth functions yet, or never.
LOW = 2.0
# So many strips of an axis may go on at low order (a step or kink along a line costs one strip each generation) ...
FEW = 12
# ... and the others only for so many generations.
PATIENCE = 3
# A jump is not followed further once the error has hardly fallen in so many generations.
LOCATED = 10
# Neighbouring strips differ in width by at most this factor.
GRADING = 4.0
# |B_{k+1}| (2 - 2**-k): error constants of odd-degree interpolation on a uniform mesh, times (k + 1)!.
_CONSTANT = {3: 1 / 16, 5: 3 / 64, 7: 17 / 256}

Bools = npt.NDArray[np.bool_]


class Sampler2D:
    """Calls f, checks what it returns, counts, and keeps every sample."""

    def __init__(self, f: Callable[..., Any], args: tuple[Any, ...], vectorized: bool) -> None:
        self.f, self.args, self.vectorized = f, args, vectorized
        self.n_evals = 0
        self.n_rounds = 0
        self.trailing: tuple[int, ...] | None = None
        self.raised: BaseException | None = None
        self._kept: list[tuple[F64, F64, F64]] = []

    @property
    def x(self) -> F64:
        """Every point sampled, x."""
        return np.concatenate([part[0] for part in self._kept] or [np.empty(0)])

    @property
    def y(self) -> F64:
        """Every point sampled, y."""
        return np.concatenate([part[1] for part in self._kept] or [np.empty(0)])

    @property
    def values(self) -> F64:
        """The values there, (n, ...)."""
        trailing = self.trailing or ()
        if not self._kept:
            return np.empty((0, *trailing))
        return np.concatenate([part[2] for part in self._kept]).reshape(-1, *trailing)

    def __call__(self, x: F64, y: F64) -> F64:
        """Values (n, components) at the points x, y (n)."""
        try:
            if self.vectorized:
                # Copies: f may write to its arguments.
                raw = self.f(x.copy(), y.copy(), *self.args)
            else:
                raw = [np.array(self.f(float(s), float(t), *self.args)) for s, t in zip(x, y, strict=True)]
        except BaseException as exc:
            self.raised = exc
            raise
        self.n_evals += x.size
        self.n_rounds += 1
        z = _validate.real_array(raw, "the result of f", dtype=np.float64, finite=False)
        if z.ndim == 0 or z.shape[0] != x.size:
            raise ValueError(
                f"f returned shape {z.shape} for arrays of {x.size} points, expected ({x.size},) or ({x.size}, ...); "
                "a function of two numbers needs vectorized=False"
            )
        if self.trailing is None:
            self.trailing = z.shape[1:]
        elif z.shape[1:] != self.trailing:
            raise ValueError(f"f returned values of shape {z.shape[1:]} after values of shape {self.trailing}")
        # A copy: f may return the same memory at every call.
        values = z.reshape(x.size, int(np.prod(self.trailing))).copy()
        self._kept.append((x.copy(), y.copy(), values))
        return values


class _Strips:
    """The strips between the lines of one axis, and what is known of each."""

    def __init__(self, n: int) -> None:
        self.open: Bools = np.ones(n, bool)
        self.error: F64 = np.full(n, np.nan)
        self.parent: F64 = np.full(n, np.nan)  # error of the strip it was cut from
        self.parts = np.ones(n, np.int64)  # into how many parts that one was cut
        self.low = np.zeros(n, np.int64)  # generations of low order in a row
        self.frozen: Bools = np.zeros(n, bool)
        self.lost: Bools = np.zeros(n, bool)  # f is not finite there
        self.forced: Bools = np.zeros(n, bool)  # failed a test already: no other is needed before it is cut
        self.first: F64 = np.full(n, np.nan)  # the error with which they began
        self.at: F64 = np.full(n, np.nan)  # where it was tested last, and where it is halved

    def split(self, parts: npt.NDArray[np.int64]) -> None:
        """Cut every strip into so many parts."""
        for name, value in list(vars(self).items()):
            setattr(self, name, np.repeat(value, parts))
        self.forced[:] = False


class Refinement:
    """State of one run. Axis 0 is x, 1 is y; values are (nx, ny, components)."""

    def __init__(
        self,
        sampler: Sampler2D,
        k: int,
        rtol: float,
        fixed: F64 | None,
        rng: np.random.Generator,
        breaks: tuple[F64, F64] | None = None,
        workers: int = 0,
    ) -> None:
        none = np.empty(0)
        self.sampler, self.k, self.rtol, self.fixed, self.rng = sampler, k, rtol, fixed, rng
        self.breaks = breaks or (none, none)
        self.workers = workers
        self.lines: list[F64] = [none, none]
        self.values: F64 = np.empty((0, 0, 0))
        self.strips: list[_Strips] = []
        self.scattered: tuple[F64, F64, F64] = (none, none, np.empty((0, 0)))
        self.largest: F64 = none
        self.suspects: list[tuple[str, float, float, str]] = []
        self.last_check: F64 | None = None
        self.attempts = 0
        self.saw_non_finite = False
        self.spline: TensorSpline = None  # type: ignore[assignment]

    @property
    def x(self) -> F64:
        """Lines x = const."""
        return self.lines[0]

    @property
    def y(self) -> F64:
        """Lines y = const."""
        return self.lines[1]

    @property
    def error(self) -> list[F64]:
        """Error over tolerance of the strips of both axes when last tested."""
        return [s.error for s in self.strips]

    def start(self, x: F64, y: F64) -> None:
        """The first grid."""
        z = self.sampler(np.repeat(x, y.size), np.tile(y, x.size))
        if not np.isfinite(z).all():
            i = int(np.argmin(np.isfinite(z).all(axis=1)))
            raise ValueError(
                f"f is not finite at x={x[i // y.size]!s}, y={y[i % y.size]!s}, one of the first samples: {z[i]}"
            )
        m = z.shape[1]
        if self.fixed is not None:
            assert self.sampler.trailing is not None
            try:
                self.fixed = np.broadcast_to(self.fixed, self.sampler.trailing).reshape(m)
            except ValueError:
                raise ValueError(f"atol has shape {self.fixed.shape}, expected () or {self.sampler.trailing}") from None
        self.lines, self.values = [x, y], z.reshape(x.size, y.size, m)
        self.strips = [_Strips(x.size - 1), _Strips(y.size - 1)]
        self.scattered = (np.empty(0), np.empty(0), np.empty((0, m)))
        self.largest = np.abs(z).max(axis=0, initial=0.0)

    def adopt(
        self,
        x: F64,
        y: F64,
        z: F64,
        extra: tuple[F64, F64, F64],
        spline: TensorSpline | None = None,
        suspects: list[tuple[str, float, float]] | None = None,
    ) -> None:
        """Go on from a result."""
        m = int(np.prod(z.shape[2:]))
        self.lines, self.values = [x, y], z.reshape(x.size, y.size, m)
        self.strips = [_Strips(x.size - 1), _Strips(y.size - 1)]
        self.scattered = (extra[0], extra[1], extra[2].reshape(extra[0].size, m))
        self.largest = np.abs(self.values).max(axis=(0, 1), initial=0.0)
        if self.fixed is not None:
            self.fixed = np.broadcast_to(self.fixed, (m,) if self.fixed.ndim <= 1 else self.fixed.shape).reshape(m)
        for axis, low, high in suspects or ():
            at = self.lines["xy".index(axis)]
            self.strips["xy".index(axis)].frozen |= (at[:-1] >= low) & (at[1:] <= high)
        if spline is not None:
            c = spline.c.reshape(*spline.c.shape[:2], m)
            self.spline = TensorSpline._make(spline._ax, spline._ay, c)

    def atol(self) -> F64:
        """The absolute tolerance per component."""
        return self.rtol * self.largest if self.fixed is None else np.asarray(self.fixed)

    def ratio(self, x: F64, y: F64, z: F64) -> F64:
        """Error over tolerance of the spline at samples, the largest over the components; NaN where z is not finite."""
        with np.errstate(all="ignore"):
            error = np.abs(self.spline(x, y, workers=self.workers or None) - z)
            tol = self.rtol * np.abs(z) + self.atol()
            r = np.where(error == 0, 0.0, error / np.where(tol > 0, tol, np.finfo(float).tiny))
        r = np.where(np.isfinite(z), np.where(np.isnan(r), np.inf, r), np.nan)
        worst: F64 = r.max(axis=1, initial=0.0)
        return worst

    # ---- the loop

    def run(self, max_evals: int, verification: int | None) -> str:
        """Refine until done; returns the status."""
        while True:
            self.spline = build(self.x, self.y, self.values, self.k, self.breaks, self.workers)
            off = self._recheck()
            if any((s.open & ~s.frozen).any() for s in self.strips):
                if not self._probe(max_evals):
                    return self._end("max_evals")
                parts = [self._plan(axis) for axis in (0, 1)]
                if all((p == 1).all() for p in parts):
                    continue
                if not self._insert(parts, max_evals):
                    return self._end("max_evals")
                continue
            if off is None:
                n = verification or min(max(300, self.x.size * self.y.size // 4), 4000)
                if self.sampler.n_evals + n > max_evals:
                    return self._end("max_evals")
                self.attempts += 1
                self.last_check = self.verify(n)
                if not (self.last_check > 1).any():
                    return self._end("converged")
                if self.attempts >= 30:
                    return self._end("suspect")
                off = self._failed
            if not self._trace(off, max_evals):
                return self._end("max_evals")
            parts = [self._plan(axis) for axis in (0, 1)]
            if any((p > 1).any() for p in parts) and not self._insert(parts, max_evals):
                return self._end("max_evals")

    def _end(self, status: str) -> str:
        if status != "converged" or any(s.frozen.any() for s in self.strips):
            self._fall_back()
        frozen = False
        for axis, strips in enumerate(self.strips):
            frozen |= bool(strips.frozen.any())
            self._name_suspects(axis, strips)
        if status == "converged" and self.saw_non_finite:
            return "non_finite"
        return "suspect" if status == "converged" and frozen else status

    def _fall_back(self) -> None:
        """Where refinement was given up, a lower degree on the same grid may be far better: the best at the checks."""
        x, y, z = self.scattered
        trusted = ~self.strips[0].frozen[self._cells(0, x)] & ~self.strips[1].frozen[self._cells(1, y)]
        if trusted.sum() >= 20:
            x, y, z = x[trusted], y[trusted], z[trusted]
        if x.size == 0:
            return
        best = float(np.quantile(self.ratio(x, y, z), 0.9))
        kept = self.spline
        for k in (3, 1):
            if k < self.k and best > 1:
                self.spline = build(self.x, self.y, self.values, k, self.breaks, self.workers)
                score = float(np.quantile(self.ratio(x, y, z), 0.9))
                if score < 0.5 * best:
                    best, kept = score, self.spline
        self.spline = kept

    def _name_suspects(self, axis: int, strips: _Strips) -> None:
        """Neighbouring frozen strips as one suspect, by what their errors did."""
        at, frozen = self.lines[axis], strips.frozen
        with np.errstate(all="ignore"):
            order = np.log2(strips.parent / strips.error) / np.log2(np.maximum(strips.parts, 2))
        known = frozen & np.isfinite(order)
        typical = float(np.median(order[known])) if known.any() else 0.0
        many = known.sum() > 0.5 * frozen.size
        small = known.any() and float(np.median(strips.error[known])) * self.rtol < 1e-2
        if typical > 0.5:
            kind = "kink"
        elif many:
            kind = "noise floor" if small else "unresolved"
        else:
            kind = "step"
        edges = np.flatnonzero(np.diff(np.concatenate([[False], frozen, [False]]).astype(np.int8)))
        for low, high in zip(edges[::2], edges[1::2], strict=True):
            jump = self._jump(strips, np.arange(low, high), PATIENCE).any()
            here = "non-finite" if strips.lost[low:high].any() else "step" if jump and not many else kind
            self.suspects.append(("xy"[axis], float(at[low]), float(at[high]), here))

    # ---- tests

    def _keep(self, x: F64, y: F64, z: F64) -> None:
        good = np.isfinite(z).all(axis=1)
        px, py, pv = self.scattered
        self.scattered = (
            np.concatenate([px, x[good]]),
            np.concatenate([py, y[good]]),
            np.concatenate([pv, z[good]]),
        )
        self.largest = np.maximum(self.largest, np.abs(z[good]).max(axis=0, initial=0.0))

    def _cells(self, axis: int, at: F64) -> npt.NDArray[np.intp]:
        lines = self.lines[axis]
        return np.clip(np.searchsorted(lines, at, side="right") - 1, 0, lines.size - 2)

    def _recheck(self) -> tuple[F64, F64, F64] | None:
        """Every sample off the grid again, at no cost. On a line of one axis a failure is due to the other; the rest
        is returned."""
        px, py, pv = self.scattered
        r = self.ratio(px, py, pv)
        bad = np.flatnonzero(r > 1)
        if bad.size == 0:
            return None
        x, y, r = px[bad], py[bad], r[bad]
        on_x, on_y = np.isin(x, self.x), np.isin(y, self.y)
        for axis, (at, here, there) in enumerate(((x, on_x, on_y), (y, on_y, on_x))):
            strips = self.strips[axis]
            cell = self._cells(axis, at)
            mine = there & ~here & ~strips.frozen[cell]
            strips.open[cell[mine]] = strips.forced[cell[mine]] = True
            np.fmax.at(strips.error, cell[mine], r[mine])
            strips.at[cell[mine]] = np.nan
        rest = ~on_x & ~on_y
        rest &= ~self.strips[0].frozen[self._cells(0, x)] & ~self.strips[1].frozen[self._cells(1, y)]
        return (x[rest], y[rest], r[rest]) if rest.any() else None

    def _predicted(self, axis: int) -> F64:
        """What divided differences say about the error of each strip on each crossing line, over tolerance."""
        z = self.values if axis == 0 else self.values.transpose(1, 0, 2)
        at, k = self.lines[axis], self.k
        n = at.size
        d = z
        for p in range(1, k + 2):
            d = np.diff(d, axis=0) / (at[p:] - at[:-p])[:, None, None]
        cells = np.arange(n - 1)
        first = np.clip(cells - k // 2 - 1, 0, d.shape[0] - 1)
        second = np.clip(cells - k // 2, 0, d.shape[0] - 1)
        size = np.maximum(np.abs(d[first]), np.abs(d[second]))
        with np.errstate(all="ignore"):
            tol = self.rtol * np.abs(z[:-1]) + self.atol()
            width = np.diff(at)[:, None, None] ** (k + 1)
            r = _CONSTANT[k] * size * width / np.where(tol > 0, tol, np.finfo(float).tiny)
        worst: F64 = np.where(np.isfinite(r), r, 0.0).max(axis=2, initial=0.0)
        return worst

    def _probe(self, max_evals: int) -> bool:
        """Test the open strips of both axes in their middle, on a few lines. False if that passes max_evals."""
        points: list[tuple[F64, F64, npt.NDArray[np.intp]]] = []
        self._expected = [np.zeros(0), np.zeros(0)]
        for axis, strips in enumerate(self.strips):
            todo = np.flatnonzero(strips.open & ~strips.frozen & ~strips.forced)
            predicted = self._predicted(axis)
            self._expected[axis] = predicted.max(axis=1)
            at, across = self.lines[axis], self.lines[1 - axis]
            middle = at[todo] + np.diff(at)[todo] * self.rng.uniform(0.42, 0.58, todo.size)
            strips.at[todo] = middle
            top = np.argpartition(predicted[todo], -PREDICTED, axis=1)[:, -PREDICTED:]
            # Random lines, one from each quarter of them.
            u = (np.arange(RANDOM) + self.rng.random((todo.size, RANDOM))) / RANDOM
            lines = np.concatenate([top, (u * across.size).astype(np.intp)], axis=1)
            lines.sort(axis=1)
            fresh = np.ones(lines.shape, bool)
            fresh[:, 1:] = np.diff(lines, axis=1) > 0
            row, column = np.nonzero(fresh)
            here, there, cell = middle[row], across[lines[row, column]], todo[row]
            points.append((here, there, cell) if axis == 0 else (there, here, cell))
        if self.sampler.n_evals + sum(p[0].size for p in points) > max_evals:
            return False
        x, y = (np.concatenate([p[i] for p in points]) for i in (0, 1))
        if x.size == 0:
            return True
        z = self.sampler(x, y)
        r = self.ratio(x, y, z)
        cut = points[0][0].size
        for axis, (strips, mine) in enumerate(zip(self.strips, (r[:cut], r[cut:]), strict=True)):
            cell = points[axis][2]
            todo = np.unique(cell)
            strips.error[todo] = 0.0
            np.fmax.at(strips.error, cell, mine)
            lost = np.unique(cell[np.isnan(mine)])
            if lost.size:
                self._lose(strips, lost)
        self._keep(x, y, z)
        return True

    def _lose(self, strips: _Strips, cells: npt.NDArray[np.intp]) -> None:
        strips.frozen[cells] = strips.lost[cells] = True
        strips.error[cells] = np.nan
        strips.open[cells] = False
        self.saw_non_finite = True

    def verify(self, n: int) -> F64:
        """Error over tolerance at n independent points of the rectangle, but for those inside suspects."""
        u = self.rng.random((2, n))
        x, y = (at[0] + (at[-1] - at[0]) * u[i] for i, at in enumerate(self.lines))
        trusted = ~self.strips[0].frozen[self._cells(0, x)] & ~self.strips[1].frozen[self._cells(1, y)]
        x, y = x[trusted], y[trusted]
        if x.size == 0:
            return np.empty(0)
        z = self.sampler(x, y)
        r = self.ratio(x, y, z)
        lost = np.isnan(r)
        if lost.any():
            for axis, at in enumerate((x, y)):
                self._lose(self.strips[axis], np.unique(self._cells(axis, at[lost])))
        failed = r > 1
        self._failed = (x[failed], y[failed], r[failed])
        self._keep(x, y, z)
        ratios: F64 = np.where(lost, 0.0, r)
        return ratios

    def _trace(self, failed: tuple[F64, F64, F64], max_evals: int) -> bool:
        """Which direction a violation comes from: samples on the four sides of its cell."""
        x, y, r = failed
        order = np.argsort(-r, kind="stable")[:64]
        x, y, r = x[order], y[order], r[order]
        i, j = self._cells(0, x), self._cells(1, y)
        sx = np.concatenate([x, x, self.x[i], self.x[i + 1]])
        sy = np.concatenate([self.y[j], self.y[j + 1], y, y])
        if self.sampler.n_evals + sx.size > max_evals:
            return False
        z = self.sampler(sx, sy)
        side = np.nan_to_num(self.ratio(sx, sy, z).reshape(2, 2, -1), nan=0.0).max(axis=1)
        self._keep(sx, sy, z)
        hidden = (side < 0.25 * r).all(axis=0)
        self._expected = [np.zeros(self.x.size - 1), np.zeros(self.y.size - 1)]
        for axis, (cell, at) in enumerate(((i, x), (j, y))):
            strips = self.strips[axis]
            lines = self.lines[axis]
            guilty = (side[axis] >= 0.25 * r) | hidden
            error = np.where(hidden, r, side[axis])
            for c, e, where in zip(cell[guilty], error[guilty], at[guilty], strict=True):
                if strips.frozen[c]:
                    continue
                if not strips.open[c] or not strips.error[c] >= e:
                    strips.error[c] = max(e, 2 * ACCEPT)
                    share = (where - lines[c]) / (lines[c + 1] - lines[c])
                    # The point itself becomes a line, if it is not too near another.
                    strips.at[c] = lines[c] + (lines[c + 1] - lines[c]) * min(max(share, 0.2), 0.8)
                strips.open[c] = True
        return True

    # ---- new lines

    def _plan(self, axis: int) -> npt.NDArray[np.int64]:
        """Into how many parts each strip goes; closes those that passed, freezes those that will not."""
        strips, lines = self.strips[axis], self.lines[axis]
        width = np.diff(lines)
        active = strips.open & ~strips.frozen & ~np.isnan(strips.error)
        passed = active & (strips.error <= ACCEPT)
        strips.open[passed] = False
        strips.low[passed] = 0
        again = np.flatnonzero(active & ~passed)
        parts = np.ones(strips.open.size, np.int64)
        if again.size == 0:
            return parts
        error, parent = strips.error[again], strips.parent[again]
        with np.errstate(all="ignore"):
            fall = np.log2(parent / error) / np.log2(np.maximum(strips.parts[again], 2))
        slow = ~np.isnan(parent) & (fall < LOW)
        strips.low[again] = np.where(slow, strips.low[again] + 1, 0)
        strips.first[again] = np.where(strips.low[again] == 1, parent, strips.first[again])
        give_up = self._jump(strips, again)
        if (strips.low[again] >= PATIENCE).sum() > FEW:
            # All at once: a mesh that goes on in some strips only is what interpolation of high degree cannot stand.
            give_up[:] = True
        narrow = width[again] <= np.maximum(
            100 * np.finfo(float).eps * np.maximum(np.abs(lines[again]), np.abs(lines[again + 1])),
            1e-12 * (lines[-1] - lines[0]),
        )
        give_up |= narrow
        strips.frozen[again[give_up]] = True
        strips.open[again[give_up]] = False
        again, error = again[~give_up], error[~give_up]
        wanted = np.ceil((2 * error / ACCEPT) ** (1 / (self.k + 1)))
        expected = self._expected[axis][again]
        asymptotic = (error < 8 * expected) & (expected < 8 * error)
        parts[again] = np.where(asymptotic, np.clip(wanted, 2, 5), 2).astype(np.int64)
        # Wide strips beside narrow ones are cut too.
        for _ in range(60):
            w = width / parts
            left, right = np.r_[np.inf, w[:-1]], np.r_[w[1:], np.inf]
            steep = (w > GRADING * np.minimum(left, right) * 1.001) & ~strips.lost
            if not steep.any():
                break
            parts[steep] = np.maximum(parts[steep] * 2, 2)
        return parts

    def _jump(self, strips: _Strips, cells: npt.NDArray[np.intp], generations: int = LOCATED) -> Bools:
        """Which strips hold a jump: many generations in which the error hardly fell."""
        low = strips.low[cells]
        with np.errstate(all="ignore"):
            jump: Bools = (low >= generations) & (np.log2(strips.first[cells] / strips.error[cells]) < 0.3 * low)
        return jump

    def _positions(self, axis: int, parts: npt.NDArray[np.int64]) -> tuple[F64, npt.NDArray[np.intp]]:
        """New lines of an axis, and the strip each lies in. A strip that is halved is cut where it was tested."""
        strips, lines = self.strips[axis], self.lines[axis]
        cell = np.repeat(np.arange(parts.size), parts - 1)
        number = np.concatenate([np.arange(1, p) for p in parts[parts > 1]] or [np.empty(0)])
        width = np.diff(lines)
        at = lines[cell] + width[cell] * number / parts[cell]
        halved = parts[cell] == 2
        tested = strips.at[cell]
        use = halved & (tested > lines[cell]) & (tested < lines[cell + 1])
        return np.where(use, tested, at), cell

    def _insert(self, parts: list[npt.NDArray[np.int64]], max_evals: int) -> bool:
        """Sample the new lines and insert them. False if that passes max_evals."""
        new, cells = zip(*(self._positions(axis, parts[axis]) for axis in (0, 1)), strict=True)
        x, y = (np.sort(np.concatenate([self.lines[axis], new[axis]])) for axis in (0, 1))
        m = self.values.shape[2]
        values = np.full((x.size, y.size, m), np.nan)
        known = np.zeros((x.size, y.size), bool)
        rows, columns = np.searchsorted(x, self.x), np.searchsorted(y, self.y)
        values[np.ix_(rows, columns)] = self.values
        known[np.ix_(rows, columns)] = True
        # Samples of tests that fall on the grid are used again.
        px, py, pv = self.scattered
        i, j = np.searchsorted(x, px), np.searchsorted(y, py)
        i, j = np.minimum(i, x.size - 1), np.minimum(j, y.size - 1)
        hit = (x[i] == px) & (y[j] == py)
        values[i[hit], j[hit]] = pv[hit]
        known[i[hit], j[hit]] = True
        need = np.argwhere(~known)
        if self.sampler.n_evals + need.shape[0] > max_evals:
            return False
        self.scattered = (px[~hit], py[~hit], pv[~hit])
        if need.shape[0]:
            z = self.sampler(x[need[:, 0]], y[need[:, 1]])
            values[need[:, 0], need[:, 1]] = z
        finite = np.isfinite(values).all(axis=2)
        self.largest = np.maximum(self.largest, np.abs(values[finite]).max(axis=0, initial=0.0))
        # New lines that met NaN or infinity are left out, their strips given up: first those of x, then those of y
        # that are still not finite.
        keep_x = finite.all(axis=1) | np.isin(x, self.x)
        if not finite.all():
            bad_x = ~finite[:, columns].all(axis=1) & ~np.isin(x, self.x)
            keep_x = ~bad_x
            keep_y = finite[keep_x].all(axis=0)
        else:
            keep_y = np.ones(y.size, bool)
        for axis, (all_lines, keep) in enumerate(((x, keep_x), (y, keep_y))):
            strips = self.strips[axis]
            dropped = np.isin(new[axis], all_lines[~keep])
            lost = np.unique(cells[axis][dropped])
            p = parts[axis].copy()
            for c in lost:
                p[c] -= int((cells[axis][dropped] == c).sum())
            if lost.size:
                self._lose(strips, lost)
            self._children(strips, p, axis)
            self.lines[axis] = all_lines[keep]
        self.values = np.ascontiguousarray(values[np.ix_(keep_x, keep_y)])
        return True

    def _children(self, strips: _Strips, parts: npt.NDArray[np.int64], axis: int) -> None:
        """Hand on what is known to the parts of each strip; parts that are sure to pass need no test."""
        split = parts > 1
        error = strips.error.copy()
        expected = self._expected[axis]
        with np.errstate(all="ignore"):
            confirmed = (error < 8 * expected) & (expected < 8 * error)
            sure = split & strips.open & confirmed & (4 * error * (1.0 / parts) ** (self.k + 1) <= ACCEPT)
        strips.open[split & ~strips.frozen] = True
        strips.open[sure] = False
        strips.parent = np.where(split, np.where(strips.open, error, np.nan), strips.parent)
        strips.error = np.where(split, np.nan, strips.error)
        strips.parts = np.where(split, parts, strips.parts)
        strips.split(parts)
