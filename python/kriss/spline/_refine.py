"""The engine of method "kriss": decides, from the samples so far, where the function has to be sampled next."""

from __future__ import annotations

import itertools

import numpy as np

from kriss.spline import _assemble
from kriss.spline._breaks import Mask, Suspect, branches, crossing, kinks, steps, thin_right, zero_between
from kriss.spline._calm import calm, hits, spread
from kriss.spline._choose import degree
from kriss.spline._estimate import ratio
from kriss.spline._noise import NoiseWatch
from kriss.spline._pieces import SAFETY, Cells, Ints, Piece, between, cut, grade
from kriss.spline._piecewise import Array
from kriss.spline._tolerance import Tolerance

EPS = float(np.finfo(np.float64).eps)
# A jump is bisected down to this part of the range, other singular places to the resolution of floating point.
STEP_WIDTH = 2.0**-40
FLOOR = 1e-22
MAX_ROUNDS = 200
MAX_CHECKS = 12


class Refinement:
    """State of a refinement of `method="kriss"` on [low, high].

    `pending` holds the points wanted next; `feed` takes their values. When nothing is pending, `status` says why.
    """

    def __init__(
        self, start: Array, k: int | None, tolerance: Tolerance, max_evals: int, rng: np.random.Generator, breaks: Array
    ) -> None:
        self.k, self.chosen = k or 3, k is None  # without k it follows the tolerance
        self.tolerance, self.max_evals, self.rng = tolerance, max_evals, rng
        self.low, self.high = float(start[0]), float(start[-1])
        self.unit = 2.0 ** np.floor(np.log2(self.high - self.low))
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
        self.before: Cells | None = None
        self.noise = NoiseWatch()
        self.least: tuple[Array, Array] = np.empty(0), self.v  # where, and what rounding leaves attainable
        self.pieces: list[Piece] = []
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
        self.closed, self.before, self.noise = [], None, NoiseWatch()
        self.k = 3 if self.chosen else self.k
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
                ("rounding", "noise_floor"),
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
        if self.chosen:
            # The scale of f may show only late, so that a fixed tolerance turns out to be tight.
            k = max(self.k, degree(self.tolerance, self.tolerance.values(self.v[finite])))
            if k != self.k:
                self.k, self.before, self.noise = k, None, NoiseWatch()
        tol = np.full(self.v.shape, np.inf)
        asked, least = self.tolerance.asked(self.v[finite]), self.tolerance.floor(self.v[finite])
        tol[finite] = np.maximum(asked, least)
        self.least = self.u[finite], least
        self._rounding(self.u[finite][((asked < least) & (self.v[finite] != 0)).any(axis=1)])
        runs = self._runs(finite, wanted)
        self.pieces = []
        for run in runs:
            self._split(run, tol, wanted)
        if self._stuck():
            return self._plan()
        self._noise(tol)
        self._zeros()
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
        gaps = np.zeros(good.size, bool)  # a cut behind good[i]
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
                    gaps[p - 1] = True
                for good_end, bad_end in ((left, members[0]), (right, members[-1])):
                    if good_end is not None and abs(bad_end - good_end) > max(limit, 8 * EPS * abs(bad_end)):
                        wanted.append(good_end + (bad_end - good_end) * np.array([0.25, 0.5, 0.75]))
                island = Suspect(
                    left if left is not None else self.low, right if right is not None else self.high, "non-finite"
                )
                self.closed.append(island)
                if left is not None and right is not None:
                    self.joints.append(island)
        runs = np.split(good, np.flatnonzero(gaps) + 1)
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
            out += cut(run, marks)
        return out

    def _split(self, run: Ints, tol: Array, wanted: list[Array]) -> None:
        """Cut a run at what looks like a step or a kink; ask for samples that locate it."""
        piece = self._piece(run, tol)
        failing = piece.error > 1.0
        for s in self.closed:
            if s.kind == "noise floor":
                failing &= (piece.x[1:] <= s.a) | (piece.x[:-1] >= s.b)
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
        borders = [0, *sorted(i for mark in marks for i in mark), run.size - 1]
        for j in np.flatnonzero(knot).tolist():
            left, right = between(borders, j)
            before, behind = branches(x, y, piece.tol, j, left, right, self.k)
            if max(before, behind) <= 0.25:
                # Both smooth branches pass through the sample: the kink is there.
                s = Suspect(float(x[j]), float(x[j]), "kink")
                self.fixed.append(s)
                self.joints.append(s)
                marks.append((j, j))
            elif min(before, behind) <= 1:
                cell[j if before < behind else j - 1] = True
        for i in np.flatnonzero(cell).tolist():
            left, right = between(borders, i)
            before = branches(x, y, piece.tol, i, left, right, self.k)[0]
            behind = branches(x, y, piece.tol, i + 1, left, right, self.k)[1]
            width = x[i + 1] - x[i]
            c = crossing(x, y, self.k, left, i, right) if max(before, behind) <= 1 else None
            if c is None or width <= 8 * EPS * max(abs(x[i]), abs(x[i + 1])):
                continue
            s = Suspect(float(x[i]), float(x[i + 1]), "kink")
            self.joints.append(s)
            marks.append((i, i + 1))
            theta = (c - x[i]) / width
            wanted.append(np.array([c if 1e-3 < theta < 0.999 else x[i] + width * min(max(theta, 0.05), 0.95)]))
        for part in cut(run, marks):
            self.pieces.append(self._graded(self._piece(part, tol), tol))

    def _piece(self, index: Ints, tol: Array) -> Piece:
        return Piece(index, self.u, self.v, tol, self.k, self.before, self.unit)

    def _graded(self, piece: Piece, tol: Array) -> Piece:
        """The piece without samples that crowd at a broken end."""
        if piece.index.size < 5:
            return piece
        keep = np.ones(piece.index.size, bool)
        if piece.x[-1] != self.high:
            keep &= thin_right(piece.x)
        if piece.x[0] != self.low:
            keep &= thin_right(-piece.x[::-1])[::-1]
        if keep.all():
            return piece
        calmer = spread(piece, self.k, piece.x[0] != self.low, piece.x[-1] != self.high)
        for chosen in calmer:
            thin = self._piece(piece.index[chosen], tol)
            if (thin.error * SAFETY <= 1).all() and hits(piece, chosen, self.k):
                return thin
        return self._piece(piece.index[keep], tol)

    def _stuck(self) -> bool:
        """Give up cells at the resolution of floating point; whether a pole was found that leaves the samples."""
        poles = sum(s.kind == "pole" for s in self.closed)
        self.closed = [s for s in self.closed if s.kind != "unresolved"]
        floor = FLOOR * (self.high - self.low)
        for p in self.pieces:
            if p.x.size < 2:
                continue
            h = np.diff(p.x)
            narrow = (h <= np.maximum(floor, 16 * EPS * np.maximum(np.abs(p.x[1:]), np.abs(p.x[:-1])))) & (
                (p.error if p.local is None else p.local.error) > 1
            )
            for i in np.flatnonzero(narrow):
                self._classify(float(p.x[i]), float(p.x[i + 1]))
        return sum(s.kind == "pole" for s in self.closed) > poles

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
            order = np.argsort(far, kind="stable")
            r = 0.0
            for i in order:
                if far[i] > 1e3 * (b - a) and not inside[i]:
                    break
                r = far[i]
            left = u[good & (u < middle - r)].max(initial=self.low)
            right = u[good & (u > middle + r)].min(initial=self.high)
            if not any(s.kind == "pole" and s.a <= a and b <= s.b for s in self.closed):
                self._close(float(left), float(right), "pole")
        else:
            self.closed.append(Suspect(a, b, "unresolved"))

    def _noise(self, tol: Array) -> None:
        size = ratio(np.abs(self.v), tol).max(axis=1, initial=0.0)
        size = size[np.isfinite(size)]
        scale = float(np.quantile(size, 0.9)) if size.size else 1.0
        for a, b in self.noise.look(self.pieces, self.k, scale):
            self._close(max(a, self.low), min(b, self.high), "noise floor")
        known = [(s.a, s.b) for s in self.closed if s.kind == "noise floor"]
        for a, b in self.noise.fill(self.pieces, self.k, known):
            self._close(a, b, "noise floor")
        if known and self.noise.spent(self.u.size):
            for a, b in self.noise.leftovers(self.pieces, self.k):
                self._close(max(a, self.low), min(b, self.high), "noise floor")
            ends = sorted((s.a, s.b) for s in self.closed if s.kind == "noise floor")
            for (_, b), (a, _) in itertools.pairwise(ends):
                if a - b < 0.02 * (self.high - self.low):
                    self._close(b, a, "noise floor")

    def _rounding(self, below: Array) -> None:
        """List where the tolerance is below what rounding leaves attainable."""
        self.closed = [s for s in self.closed if s.kind != "rounding"]
        if below.size:
            self._close(float(below.min()), float(below.max()), "rounding")

    def _zeros(self) -> None:
        """Under a purely relative tolerance, list the zeros of f and how far from them it may be missed."""
        fixed = self.tolerance.fixed
        if fixed is None or self.tolerance.name != "none" or (fixed > 0).all():
            return
        self.closed = [s for s in self.closed if s.kind != "zero crossing"]
        for p in self.pieces:
            for column in np.flatnonzero(fixed == 0).tolist():
                y = p.y[:, column]
                if not y.any():
                    continue
                for i in np.flatnonzero((y[:-1] * y[1:] < 0) | ((y[:-1] == 0) != (y[1:] == 0))).tolist():
                    a, b = float(p.x[i]), float(p.x[i + 1])
                    zero = a if y[i] == 0 else b if y[i + 1] == 0 else zero_between(p.x, y, i, self.k)
                    a, b = max(min(a, zero - (b - a)), self.low), min(max(b, zero + (b - a)), self.high)
                    self._close(a, b, "zero crossing")

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
        cells = []
        for p in self.pieces:
            if p.x.size < 2:
                continue
            x, h = p.x, np.diff(p.x)
            if p.local is not None:
                cells.append((x[:-1], x[1:], p.local.density, p.reference))
            with np.errstate(over="ignore", invalid="ignore"):
                parts = np.ceil((p.error * SAFETY) ** (1 / (self.k + 1)))
            parts = np.where(np.isfinite(parts), parts, 2)
            parts = np.clip(parts, 1, np.where(p.growth < 2, 3, 2)).astype(int)
            for lo, hi in self.force:
                parts[(x[1:] > lo) & (x[:-1] < hi)] = np.maximum(parts[(x[1:] > lo) & (x[:-1] < hi)], 2)
            for s in self.closed:
                if s.kind in ("noise floor", "unresolved", "pole"):
                    parts[(x[1:] > s.a) & (x[:-1] < s.b)] = 1
            floor = np.maximum(FLOOR * (self.high - self.low), 16 * EPS * np.maximum(np.abs(x[1:]), np.abs(x[:-1])))
            parts[h <= floor] = 1
            grade(h, parts, h > 4 * floor)
            for m in range(2, int(parts.max(initial=1)) + 1):
                at = np.flatnonzero(parts == m)
                for r in range(1, m):
                    if at.size:
                        wanted.append(x[at] + h[at] * (r / m))
        self.force = []
        if cells:
            self.before = Cells(*(np.concatenate(part) for part in zip(*cells, strict=True)))

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
        self._noisy_checks(u, q, bad)
        for point in u[bad]:
            i = int(np.searchsorted(active, point))
            lo, hi = active[max(i - 2, 0)], active[min(i + 1, active.size - 1)]
            self.force.append((float(lo), float(hi)))
        return None

    def _noisy_checks(self, u: Array, q: Array, bad: Mask) -> None:
        """Give up regions in which failing checks look like noise."""
        region = self.noise.resembles(self.pieces, self.k, u[bad], q[bad])
        if region is not None and bad.sum() > 0.3 * ((u >= region[0]) & (u <= region[1])).sum():
            margin = 0.1 * (region[1] - region[0])
            self._close(max(region[0] - margin, self.low), min(region[1] + margin, self.high), "noise floor")

    def _ratios(self, knots: Array, c: Array, u: Array, v: Array) -> Array:
        where, least = self.least
        floor = np.column_stack([np.interp(u, where, column) for column in least.T])
        tol = np.maximum(self.tolerance.asked(v), floor)
        error = np.abs(_assemble.evaluate(knots, c, u) - v)
        bad = ~np.isfinite(v).all(axis=1)
        q: Array = ratio(error, tol).max(axis=1, initial=0.0)
        q[bad] = np.inf
        return q

    @property
    def suspects(self) -> list[Suspect]:
        """Located breaks and regions given up, from left to right."""
        joints = [s for s in self.joints if s.kind in ("step", "kink")]
        closed = [s._replace(kind="noise floor") if s.kind == "rounding" else s for s in self.closed]
        return sorted({*self.fixed, *joints, *closed})

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
        noisy = [(s.a, s.b) for s in self.closed if s.kind == "noise floor"]
        for p in self.pieces:
            if p.x[0] > end:
                bridge = p.x[0] - end <= limit or self._kind(end, float(p.x[0])) not in ("non-finite",)
                left, right = (y_end, p.y[0]) if bridge else (np.full(m, np.nan), np.full(m, np.nan))
                parts.append(_assemble.straight(end, float(p.x[0]), left, right, self.k))
            if p.x.size > 1:
                keep = calm(p, self.k, noisy, self.noise.level) if noisy else np.ones(p.x.size, bool)
                parts.append(_assemble.interpolating(p.x[keep], p.y[keep], self.k))
            end, y_end = float(p.x[-1]), p.y[-1]
        if end < self.high:
            parts.append(_assemble.straight(end, self.high, np.full(m, np.nan), np.full(m, np.nan), self.k))
        return _assemble.join(parts)

    def _kind(self, a: float, b: float) -> str:
        for s in self.joints:
            if s.a < b and a < s.b:
                return s.kind
        return ""
