"""The engine of method "autoknots": the published rules, one round at a time.

S. D. P. Vitenti, F. de Simoni, M. Penna-Lima, E. J. Barroso, *AutoKnots: adaptive knot allocation for spline
interpolation*, 2024, arXiv:2412.13423.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from kriss.spline._breaks import Suspect
from kriss.spline._cubic import cubic
from kriss.spline._estimate import ratio
from kriss.spline._piecewise import Array
from kriss.spline._spline import Spline
from kriss.spline._tolerance import Tolerance


class AutoKnots:
    """State of the published algorithm. `pending` holds the points wanted next; `feed` takes their values."""

    k = 3

    def __init__(self, start: Array, tolerance: Tolerance, max_evals: int, refine: int, refine_ns: float) -> None:
        self.tolerance, self.max_evals, self.refine, self.refine_ns = tolerance, max_evals, refine, refine_ns
        self.low, self.high = float(start[0]), float(start[-1])
        self.pending: Array = start
        self.u: Array = np.empty(0)
        self.v: Array = np.empty((0, 0))
        self.status = "running"
        self.rounds = 0
        self.checks = 0
        self.passes = 0
        self.done = self.stuck = np.empty(0, bool)
        self.estimate: Array = np.empty(0)
        self.test = np.empty(0, np.intp)
        self.spline: Spline | None = None

    def feed(self, v: Array) -> None:
        """Take the values at `pending` and decide what is wanted next."""
        u, self.pending = self.pending, np.empty(0)
        self.rounds += 1
        finite = np.isfinite(v).all(axis=1)
        if self.u.size == 0:
            if not finite.all():
                # Nothing to bisect: the spline of the finite samples is the best there is.
                self.u, self.v = u[finite], v[finite]
                self._reset()
                self.status = "non_finite"
                return
            self.u, self.v = u, v
            self._reset()
        elif not finite.all():
            self.status = "non_finite"
            return
        else:
            self._insert(u, v)
        self.proceed()

    def _reset(self) -> None:
        cells = max(self.u.size - 1, 0)
        self.done, self.stuck = np.zeros(cells, bool), np.zeros(cells, bool)
        self.estimate = np.full(cells, np.nan)
        self.passes = 0
        self.tolerance.update(self.v)

    def restart(self, u: Array, v: Array) -> None:
        """Begin anew with samples at hand."""
        good = np.isfinite(v).all(axis=1)
        self.u, self.v, self.status = u[good], v[good], "running"
        self._reset()
        self.proceed()

    def _insert(self, middle: Array, value: Array) -> None:
        assert self.spline is not None
        test = self.test
        self.tolerance.update(np.concatenate([self.v, value]))
        width = self.u[test + 1] - self.u[test]
        measured = _ratio(self.spline, test, width[:, None], self.v, value, self.tolerance)
        good = measured <= 1
        # The tested intervals become two each; all others stay.
        at = test + np.arange(test.size)
        double = np.ones(self.done.size, np.int64)
        double[test] = 2
        self.done, self.stuck = np.repeat(self.done, double), np.repeat(self.stuck, double)
        self.estimate = np.repeat(self.estimate, double)
        self.done[at] = self.done[at + 1] = good
        self.estimate[at] = self.estimate[at + 1] = measured
        self.u = np.insert(self.u, test + 1, middle)
        self.v = np.insert(self.v, test + 1, value, axis=0)

    def proceed(self) -> None:
        """Plan the next round."""
        x = self.u
        while True:
            self.spline = cubic(x, self.v, check_finite=False)
            test = np.flatnonzero(~self.done)
            if test.size == 0:
                # The plateau pass: intervals much wider than the others may have passed by accident.
                if self.passes == self.refine:
                    return self._end("converged")
                self.passes += 1
                width = np.diff(x)
                test = np.flatnonzero((width > width.mean() + self.refine_ns * width.std()) & ~self.stuck)
                self.done[test] = False
                if test.size == 0:
                    return self._end("converged")
            left, right = x[test], x[test + 1]
            width = right - left
            narrow = width <= 100 * np.finfo(np.float64).eps * np.maximum(np.abs(left), np.abs(right))
            if narrow.any():
                self.stuck[test[narrow]] = True
                self.done[test[narrow]] = True
                test, left, width = test[~narrow], left[~narrow], width[~narrow]
                if test.size == 0:
                    continue
            if x.size + test.size > self.max_evals:
                return self._end("max_evals")
            self.test = test
            self.pending = left + width / 2
            return None

    def _end(self, status: str) -> None:
        self.status = "width_limit" if status == "converged" and self.stuck.any() else status

    @property
    def suspects(self) -> list[Suspect]:
        """Intervals that shrank to the resolution of floating point, joined where they touch."""
        out: list[Suspect] = []
        for i in np.flatnonzero(self.stuck):
            a, b = float(self.u[i]), float(self.u[i + 1])
            if out and out[-1].b == a:
                out[-1] = Suspect(out[-1].a, b, "unresolved")
            else:
                out.append(Suspect(a, b, "unresolved"))
        return out

    def build(self) -> tuple[Array, Array]:
        """Knots and coefficients (4, n - 1, m)."""
        spline = cubic(self.u, self.v, check_finite=False)
        return spline.x, spline.c


def _ratio(
    spline: Spline, cell: npt.NDArray[np.intp], width: Array, y: Array, value: Array, tolerance: Tolerance
) -> Array:
    """Largest error over tolerance of the point and the integral test, for each tested interval (section 2)."""
    c = spline.c[:, cell]
    half = width / 2
    predicted = ((c[0] * half + c[1]) * half + c[2]) * half + c[3]
    integral = (((c[0] * (width / 4) + c[1] / 3) * width + c[2] / 2) * width + c[3]) * width
    simpson = width * ((y[cell] + 4 * value + y[cell + 1]) / 6)
    point = ratio(np.abs(value - predicted), tolerance.asked(value))
    if tolerance.y.trivial:
        assert tolerance.atol is not None
        allowed = tolerance.rtol * np.abs(simpson) + tolerance.atol * width
    else:
        allowed = width * tolerance.asked(simpson / width)
    area = ratio(np.abs(simpson - integral), allowed)
    both: Array = np.maximum(point, area).max(axis=1, initial=0.0)
    return both
