"""The engine of method "kriss": decides, from the samples so far, where the function has to be sampled next."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from kriss.spline import _assemble
from kriss.spline._breaks import Mask, Suspect, crossing, kinks, steps, thin_right
from kriss.spline._estimate import Local, local, ratio
from kriss.spline._piecewise import Array
from kriss.spline._tolerance import Tolerance

Ints = npt.NDArray[np.intp]
EPS = float(np.finfo(np.float64).eps)
# Accept a cell when its predicted error is this part of the tolerance.
SAFETY = {3: 6.0, 5: 8.0, 7: 8.0}
# Neighbouring cells differ in width at most by this factor.
GRADING = 3.2
# A jump is bisected down to this part of the range, other singular places to the resolution of floating point.
STEP_WIDTH = 2.0**-40
FLOOR = 1e-22
MAX_ROUNDS = 200
MAX_CHECKS = 12


class _Piece:
    """A run of knots without a break inside, and what is known about its cells."""

    def __init__(self, index: Ints, u: Array, v: Array, tol: Array, k: int) -> None:
        self.index, self.x, self.y, self.tol = index, u[index], v[index], tol[index]
        n = self.x.size
        self.local: Local | None = local(self.x, self.y, self.tol, k) if n >= k + 2 else None
        if self.local is not None:
            self.error = self.local.error
        elif n > 1:
            d = np.abs(np.diff(self.y, axis=0))
            flat = bool((d == 0).all()) and n > 4
            self.error = np.full(n - 1, 0.0 if flat else np.inf)
        else:
            self.error = np.empty(0)


class Refinement:
    """State of a refinement of `method="kriss"` on [low, high].

    `pending` holds the points wanted next; `feed` takes their values. When nothing is pending, `status` says why.
    """

    def __init__(
        self, start: Array, k: int, tolerance: Tolerance, max_evals: int, rng: np.random.Generator, breaks: Array
    ) -> None:
        self.k, self.tolerance, self.max_evals, self.rng = k, tolerance, max_evals, rng
        self.low, self.high = float(start[0]), float(start[-1])
        self.u: Array = np.empty(0)
        self.v: Array = np.empty((0, 0))
        self.passive: Mask = np.empty(0, bool)
        self.given = breaks  # breakpoints of the user
        self.fixed: list[Suspect] = []  # located breaks that stay
        self.closed: list[Suspect] = []  # regions in which refinement was given up
        self.pending: Array = start
        self.phase = "start"
        self.status = "running"
        self.rounds = 0
        self.checks = 0
        self.before: tuple[Array, Array] | None = None  # cells of the last plan: middles, densities
        self.noise_before: tuple[Array, Array, Array, Array] | None = None
        self.noisy_measure: list[float] = []
        self.pieces: list[_Piece] = []
        self.joints: list[Suspect] = []
        self.force: list[tuple[float, float]] = []
        self.check_points: Array = np.empty(0)
        self.check_ratio: Array = np.empty(0)

    # -- samples ----------------------------------------------------------------------------------------------------

    def insert(self, u: Array, v: Array, passive: bool = False, keep: Array | None = None) -> None:
        """Add samples; points already known, and those in `keep`, are ignored."""
        if self.u.size == 0:
            self.v = np.empty((0, v.shape[1]))
        if keep is not None:
            new = ~np.isin(u, keep)
            u, v = u[new], v[new]
        u, first = np.unique(u, return_index=True)
        v = v[first]
        new = ~np.isin(u, self.u, assume_unique=True)
        u, v = u[new], v[new]
        at = np.searchsorted(self.u, u)
        self.u = np.insert(self.u, at, u)
        self.v = np.insert(self.v, at, v, axis=0)
        self.passive = np.insert(self.passive, at, passive)

    def feed(self, v: Array) -> None:
        """Take the values at `pending` and decide what is wanted next."""
        u, self.pending = self.pending, np.empty(0)
        self.rounds += 1
        if self.phase == "check":
            self._judge(u, v)
        else:
            self.insert(u, v)
        if self.status != "running":
            return
        self.proceed()

    def restart(self, u: Array, v: Array) -> None:
        """Begin anew with samples at hand; located breaks stay."""
        self.u, self.v, self.passive = np.empty(0), v[:0], np.empty(0, bool)
        self.insert(u, v)
        self.closed, self.before, self.noise_before, self.noisy_measure = [], None, None, []
        self.status, self.checks, self.rounds, self.force = "running", 0, 0, []
        self.proceed()

    def proceed(self) -> None:
        """Plan the next round from the samples at hand."""
        wanted = self._plan()
        if wanted.size == 0:
            self.phase = "check"
            wanted = self._checks()
            if wanted.size == 0:
                return self._end("converged")
        else:
            self.phase = "refine"
        if self.u.size + wanted.size > self.max_evals:
            return self._end("max_evals")
        if self.rounds >= MAX_ROUNDS:
            return self._end("unverified" if self.phase == "check" else "max_rounds")
        self.pending = wanted
        return None

    def _end(self, status: str) -> None:
        if status == "converged":
            kinds = {s.kind for s in self.closed}
            for kind, name in (
                ("non-finite", "non_finite"),
                ("pole", "pole"),
                ("noise floor", "noise_floor"),
                ("unresolved", "width_limit"),
                ("zero crossing", "zero_crossing"),
            ):
                if kind in kinds:
                    status = name
                    break
        self.status = status
        self.pending = np.empty(0)

    # -- planning ---------------------------------------------------------------------------------------------------

    def _plan(self) -> Array:
        finite: Mask = np.asarray(np.isfinite(self.v).all(axis=1))
        wanted: list[Array] = []
        self.joints = []
        for s in self.closed:
            if s.kind == "pole":
                finite &= ~((self.u > s.a) & (self.u < s.b))
        self.tolerance.update(self.v[finite])
        tol = np.full(self.v.shape, np.inf)
        tol[finite] = self.tolerance.at(self.v[finite])
        runs = self._runs(finite, wanted)
        self.pieces = []
        for run in runs:
            self._split(run, tol, wanted)
        self._stuck()
        self._noise(tol)
        self._request(wanted)
        if not wanted:
            return np.empty(0)
        points = np.unique(np.concatenate(wanted))
        return points[~np.isin(points, self.u)]

    def _runs(self, finite: Mask, wanted: list[Array]) -> list[Ints]:
        """Indices of usable samples, cut at islands of non-finite values and at located breaks."""
        u = self.u
        good = np.flatnonzero(finite & ~self.passive)
        if good.size == 0:
            return []
        cut = np.zeros(good.size, bool)  # a cut behind good[i]
        bad = np.flatnonzero(~np.isfinite(self.v).all(axis=1))
        self.closed = [s for s in self.closed if s.kind != "non-finite"]
        limit = STEP_WIDTH * (self.high - self.low)
        if bad.size:
            place = np.searchsorted(good, bad)  # the first good sample behind
            for p in np.unique(place):
                members = u[bad[place == p]]
                left = float(u[good[p - 1]]) if p > 0 else None
                right = float(u[good[p]]) if p < good.size else None
                if p > 0 and p < good.size:
                    cut[p - 1] = True
                for good_end, bad_end in ((left, members[0]), (right, members[-1])):
                    if good_end is not None and abs(bad_end - good_end) > max(limit, 8 * EPS * abs(bad_end)):
                        wanted.append(good_end + (bad_end - good_end) * np.array([0.25, 0.5, 0.75]))
                island = Suspect(
                    left if left is not None else self.low, right if right is not None else self.high, "non-finite"
                )
                self.closed.append(island)
                if left is not None and right is not None:
                    self.joints.append(island)
        runs = np.split(good, np.flatnonzero(cut) + 1)
        out = []
        for run in runs:
            marks = []
            for s in [*self.fixed, *(c for c in self.closed if c.kind == "pole")]:
                if s.a == s.b:
                    j = int(np.searchsorted(u[run], s.a))
                    if 0 < j < run.size - 1 and u[run[j]] == s.a:
                        marks.append((j, j))
                        self.joints.append(s)
                else:
                    j = int(np.searchsorted(u[run], s.a, side="right")) - 1
                    i = int(np.searchsorted(u[run], s.b))
                    if 0 <= j < i < run.size:
                        marks.append((j, i))
                        self.joints.append(s)
            for b in self.given:
                j = int(np.searchsorted(u[run], b))
                if 0 < j < run.size - 1 and u[run[j]] == b:
                    marks.append((j, j))
            out += _cut(run, marks)
        return out

    def _split(self, run: Ints, tol: Array, wanted: list[Array]) -> None:
        """Cut a run at what looks like a step or a kink; ask for samples that locate it."""
        piece = _Piece(run, self.u, self.v, tol, self.k)
        failing = piece.error > 1.0
        if run.size < 7 or not failing.any():
            self.pieces.append(self._graded(piece, tol))
            return
        x, y = piece.x, piece.y
        step = steps(x, y, piece.tol, failing)
        knot, cell = kinks(x, y, piece.tol, failing)
        near = np.convolve(step, np.ones(7), "same") > 0
        knot &= ~(np.append(near, False) | np.append(False, near))
        cell &= ~near
        marks: list[tuple[int, int]] = []
        crossings: list[tuple[int, int]] = []
        limit = STEP_WIDTH * (self.high - self.low)
        for i in np.flatnonzero(step).tolist():
            width = x[i + 1] - x[i]
            s = Suspect(float(x[i]), float(x[i + 1]), "step")
            marks.append((i, i + 1))
            self.joints.append(s)
            if width <= max(limit, 8 * EPS * max(abs(x[i]), abs(x[i + 1]))):
                self.fixed.append(s)
            else:
                wanted.append(x[i] + width * np.array([0.25, 0.5, 0.75]))
        for j in np.flatnonzero(knot).tolist():
            marks.append((j, j))
            self.joints.append(Suspect(float(x[j]), float(x[j]), "kink"))
        for i in np.flatnonzero(cell).tolist():
            marks.append((i, i + 1))
            crossings.append((i, i + 1))
            self.joints.append(Suspect(float(x[i]), float(x[i + 1]), "kink"))
        marks.sort()
        borders = [0, *(m for pair in marks for m in pair), run.size - 1]
        for i, j in crossings:
            at = marks.index((i, j))
            left, right = borders[2 * at], borders[2 * at + 3]
            c = crossing(x, y, self.k, slice(left, i + 1), slice(j, right + 1))
            width = x[j] - x[i]
            theta = 0.5 if c is None or not np.isfinite(c) else (c - x[i]) / width
            if not 0.02 < theta < 0.98:
                theta = min(max(theta, 0.15), 0.85)
            if width > 8 * EPS * max(abs(x[i]), abs(x[j])):
                wanted.append(np.array([x[i] + theta * width]))
            else:
                self.fixed.append(Suspect(float(x[i]), float(x[j]), "kink"))
        for part in _cut(run, marks):
            self.pieces.append(self._graded(_Piece(part, self.u, self.v, tol, self.k), tol))

    def _graded(self, piece: _Piece, tol: Array) -> _Piece:
        """The piece without samples that crowd at a broken end."""
        if piece.index.size < 5:
            return piece
        keep = np.ones(piece.index.size, bool)
        if piece.x[-1] != self.high:
            keep &= thin_right(piece.x)
        if piece.x[0] != self.low:
            keep &= thin_right(-piece.x[::-1])[::-1]
        return piece if keep.all() else _Piece(piece.index[keep], self.u, self.v, tol, self.k)

    def _stuck(self) -> None:
        """Give up cells at the resolution of floating point."""
        self.closed = [s for s in self.closed if s.kind != "unresolved"]
        floor = FLOOR * (self.high - self.low)
        for p in self.pieces:
            if p.x.size < 2:
                continue
            h = np.diff(p.x)
            narrow = (h <= np.maximum(floor, 16 * EPS * np.maximum(np.abs(p.x[1:]), np.abs(p.x[:-1])))) & (p.error > 1)
            for i in np.flatnonzero(narrow):
                self._classify(float(p.x[i]), float(p.x[i + 1]))

    def _classify(self, a: float, b: float) -> None:
        """Name a place that was bisected to the end: values grow towards a pole."""
        u, size = self.u, np.abs(self.v).max(axis=1)
        good = np.isfinite(size)
        middle = 0.5 * (a + b)
        far = np.abs(u - middle)
        peak = size[good & (far <= 1e3 * (b - a))].max(initial=0.0)
        typical = float(np.quantile(size[good & (far > 1e-2 * (self.high - self.low))], 0.9)) if good.any() else 0.0
        if peak > 1e4 * typical > 0:
            inside = good & (size > 30 * typical)
            order = np.argsort(far)
            r = 0.0
            for i in order:
                if far[i] > 1e3 * (b - a) and not inside[i]:
                    break
                r = far[i]
            left = u[good & (u < middle - r)].max(initial=self.low)
            right = u[good & (u > middle + r)].min(initial=self.high)
            self.closed.append(Suspect(float(left), float(right), "pole"))
        else:
            self.closed.append(Suspect(a, b, "unresolved"))

    def _noise(self, tol: Array) -> None:
        """Recognise regions in which differences have stopped shrinking although the mesh was refined."""
        where, level, width = [], [], []
        q = (self.k + 1) // 2
        for p in self.pieces:
            if p.local is None or p.local.noise.size < 24:
                continue
            w = np.lib.stride_tricks.sliding_window_view(np.pad(p.local.noise, 10, mode="edge"), 21)
            where.append(p.x[q : p.x.size - q])
            level.append(np.median(w, axis=1))
            width.append(np.diff(p.x)[q - 1 : p.x.size - q - 1])
        if not where:
            return
        x, eta, h = np.concatenate(where), np.concatenate(level), np.concatenate(width)
        stall = np.zeros(x.size)
        if self.noise_before is not None:
            x0, eta0, h0, stall0 = self.noise_before
            near = np.clip(np.searchsorted(x0, x), 0, x0.size - 1)
            finer = h < 0.7 * h0[near]
            kept = eta > 0.5 * eta0[near]
            stall = np.where(finer, np.where(kept, stall0[near] + 1, 0), stall0[near])
            # Unrefined places keep what they were compared with.
            eta_ref, h_ref = np.where(finer, eta, eta0[near]), np.where(finer, h, h0[near])
        else:
            eta_ref, h_ref = eta, h
        self.noise_before = (x, eta_ref, h_ref, stall)
        self.noisy_measure.append(float(h[stall >= 1].sum()))
        scale = float(np.quantile(ratio(np.abs(self.v), tol).max(axis=1), 0.9)) if self.v.size else 1.0
        small = eta < 1e-4 * scale
        need = np.where(small, 2, np.where(eta < 1e-2 * scale, 3, 6))
        noisy = (stall >= need) & (eta > 0.2)
        if len(self.noisy_measure) > 2 and self.noisy_measure[-1] < 0.75 * self.noisy_measure[-3]:
            noisy &= small
        edges = np.flatnonzero(np.diff(np.concatenate([[0], noisy.astype(np.int8), [0]])))
        for i, j in zip(edges[::2], edges[1::2], strict=True):
            if j - i >= 20:
                self._close(float(x[i]), float(x[j - 1]), "noise floor")

    def _close(self, a: float, b: float, kind: str) -> None:
        """Give up refinement in [a, b]; overlapping regions of a kind become one."""
        rest = []
        for s in self.closed:
            if s.kind == kind and s.a <= b and a <= s.b:
                a, b = min(a, s.a), max(b, s.b)
            else:
                rest.append(s)
        self.closed = [*rest, Suspect(a, b, kind)]

    def _request(self, wanted: list[Array]) -> None:
        """Points that split the cells with too large a predicted error, and cells much wider than their neighbours."""
        middles, densities = [], []
        for p in self.pieces:
            if p.x.size < 2:
                continue
            x, h = p.x, np.diff(p.x)
            middle = x[:-1] + h / 2
            error = p.error.copy()
            growth = np.ones(h.size)
            if p.local is not None:
                middles.append(middle)
                densities.append(p.local.density)
                if self.before is not None:
                    near = np.clip(np.searchsorted(self.before[0], middle), 0, self.before[0].size - 1)
                    with np.errstate(all="ignore"):
                        growth = p.local.density / self.before[1][near]
                    growth = np.where(np.isfinite(growth), growth, 1.0)
                    error = error * np.clip(growth / 4, 1.0, 4.0)
            with np.errstate(over="ignore", invalid="ignore"):
                parts = np.ceil((error * SAFETY[self.k]) ** (1 / (self.k + 1)))
            parts = np.where(np.isfinite(parts), parts, 2)
            parts = np.clip(parts, 1, np.where(growth < 2, 3, 2)).astype(int)
            for lo, hi in self.force:
                parts[(x[1:] > lo) & (x[:-1] < hi)] = np.maximum(parts[(x[1:] > lo) & (x[:-1] < hi)], 2)
            for s in self.closed:
                if s.kind in ("noise floor", "unresolved", "pole"):
                    parts[(x[1:] > s.a) & (x[:-1] < s.b)] = 1
            floor = np.maximum(FLOOR * (self.high - self.low), 16 * EPS * np.maximum(np.abs(x[1:]), np.abs(x[:-1])))
            parts[h <= floor] = 1
            self._grade(h, parts, h > 4 * floor)
            for m in range(2, int(parts.max(initial=1)) + 1):
                at = np.flatnonzero(parts == m)
                for r in range(1, m):
                    if at.size:
                        wanted.append(x[at] + h[at] * (r / m))
        self.force = []
        self.before = (np.concatenate(middles), np.concatenate(densities)) if middles else None

    def _grade(self, h: Array, parts: Ints, allowed: Mask) -> None:
        for _ in range(60):
            size = h / parts
            least = np.full(h.size, np.inf)
            least[1:] = size[:-1]
            least[:-1] = np.minimum(least[:-1], size[1:])
            wide = (size > GRADING * least) & allowed & (parts < 3)
            if not wide.any():
                return
            parts[wide] += 1

    # -- checking ---------------------------------------------------------------------------------------------------

    def _checks(self) -> Array:
        """Random points: one in each of many strata of equal width, and some in cells drawn by lot."""
        if self.checks >= MAX_CHECKS:
            self._end("unverified")
            return np.empty(0)
        n = self.u.size
        count = max(24, n // 16)
        uniform = self.low + (self.high - self.low) * (np.arange(count) + self.rng.random(count)) / count
        active = self.u[~self.passive]
        cells = np.flatnonzero(np.diff(active) > 64 * EPS * np.abs(active[1:]))
        some = self.rng.choice(cells, min(max(16, n // 10), cells.size), replace=False)
        local_points = active[some] + np.diff(active)[some] * (0.2 + 0.6 * self.rng.random(some.size))
        points = np.unique(np.concatenate([uniform, local_points]))
        for s in [*self.fixed, *self.joints, *self.closed]:
            if s.kind in ("step", "pole", "non-finite", "unresolved", "noise floor"):
                points = points[~((points > s.a) & (points < s.b))]
        points = points[~np.isin(points, self.u)]
        self.certified = count
        return points

    def _judge(self, u: Array, v: Array) -> None:
        self.checks += 1
        knots, c = self.build()
        q = self._ratios(knots, c, u, v)
        bad = q > 0.5
        self.check_points, self.check_ratio = u, q
        if not bad.any():
            self.insert(u, v, passive=True)
            return self._end("converged")
        active = self.u[~self.passive & np.isfinite(self.v).all(axis=1)]
        self.passive[:] = False
        self.insert(u, v)
        if self._floor_reached(u, v, q, bad):
            return None
        for point in u[bad]:
            i = int(np.searchsorted(active, point))
            lo, hi = active[max(i - 2, 0)], active[min(i + 1, active.size - 1)]
            self.force.append((float(lo), float(hi)))
        return None

    def _floor_reached(self, u: Array, v: Array, q: Array, bad: Mask) -> bool:
        """Whether failing checks look like noise: as large as the noise that would make the differences."""
        q_bad = u[bad]
        tol = self.tolerance.at(v)
        rounding = ratio(16 * EPS * np.abs(v), tol).max(axis=1)
        if (q[bad] <= rounding[bad]).all():
            for point in q_bad:
                self._close(float(point), float(point), "noise floor")
            self._end("converged")
            return True
        like = np.zeros(q_bad.size, bool)
        half = (self.k + 1) // 2
        for p in self.pieces:
            if p.local is None:
                continue
            mid = p.x[half : p.x.size - half]
            inside = (q_bad > p.x[0]) & (q_bad < p.x[-1])
            near = np.clip(np.searchsorted(mid, q_bad), 0, mid.size - 1)
            w = np.lib.stride_tricks.sliding_window_view(np.pad(p.local.noise, 5, mode="edge"), 11)
            eta = np.median(w, axis=1)[near]
            like |= inside & (q[bad] > 0.1 * eta) & (q[bad] < 30 * eta)
        if q_bad.size >= 8 and like.mean() > 0.8:
            noisy = np.sort(q_bad[like])
            share = ((u >= noisy[0]) & (u <= noisy[-1])).sum()
            if noisy.size > 0.3 * share:
                self._close(float(noisy[0]), float(noisy[-1]), "noise floor")
        return False

    def _ratios(self, knots: Array, c: Array, u: Array, v: Array) -> Array:
        tol = self.tolerance.at(v)
        # At a zero under pure relative error the tolerance of the neighbours serves.
        error = np.abs(_assemble.evaluate(knots, c, u) - v)
        bad = ~np.isfinite(v).all(axis=1)
        q: Array = ratio(error, tol).max(axis=1, initial=0.0)
        q[bad] = np.inf
        return q

    @property
    def suspects(self) -> list[Suspect]:
        """Located breaks and regions given up, from left to right."""
        joints = [s for s in self.joints if s.kind in ("step", "kink")]
        return sorted({*self.fixed, *joints, *self.closed})

    @property
    def estimate(self) -> Array:
        """Predicted error over tolerance for each interval between samples; NaN in suspects."""
        out = np.full(max(self.u.size - 1, 0), np.nan)
        middle = 0.5 * (self.u[1:] + self.u[:-1])
        for p in self.pieces:
            if p.x.size > 1:
                i = np.searchsorted(p.x, middle) - 1
                inside = (middle > p.x[0]) & (middle < p.x[-1])
                out[inside] = p.error[i[inside]]
        for s in self.closed:
            out[(middle > s.a) & (middle < s.b)] = np.nan
        return out

    # -- the spline -------------------------------------------------------------------------------------------------

    def build(self) -> tuple[Array, Array]:
        """The piecewise polynomial through the pieces of the last plan; NaN or straight lines between them."""
        parts: list[tuple[Array, Array]] = []
        m = self.v.shape[1]
        limit = 64 * STEP_WIDTH * (self.high - self.low)
        end, y_end = self.low, np.full(m, np.nan)
        for p in self.pieces:
            if p.x[0] > end:
                bridge = p.x[0] - end <= limit or self._kind(end, float(p.x[0])) not in ("non-finite",)
                left, right = (y_end, p.y[0]) if bridge else (np.full(m, np.nan), np.full(m, np.nan))
                parts.append(_assemble.straight(end, float(p.x[0]), left, right, self.k))
            if p.x.size > 1:
                parts.append(_assemble.interpolating(p.x, p.y, self.k))
            end, y_end = float(p.x[-1]), p.y[-1]
        if end < self.high:
            parts.append(_assemble.straight(end, self.high, np.full(m, np.nan), np.full(m, np.nan), self.k))
        return _assemble.join(parts)

    def _kind(self, a: float, b: float) -> str:
        for s in self.joints:
            if s.a < b and a < s.b:
                return s.kind
        return ""


def _cut(run: Ints, marks: list[tuple[int, int]]) -> list[Ints]:
    """The parts of a run between marks (i, j): one part ends at i, the next begins at j."""
    out, start = [], 0
    for i, j in sorted(set(marks)):
        if i < start:
            continue
        out.append(run[start : i + 1])
        start = j
    out.append(run[start:])
    return [part for part in out if part.size]
