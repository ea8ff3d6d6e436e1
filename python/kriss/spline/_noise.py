"""Recognising noise: differences that do not shrink although the cells do."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kriss.spline._breaks import Mask
from kriss.spline._pieces import SAFETY, Piece
from kriss.spline._piecewise import Array

Region = tuple[float, float]

# Generations without decrease that make noise, by its size in units of the function: small ones are rarely anything
# else, large ones may be an oscillation that is not resolved yet.
_SMALL, _LARGE = 1e-4, 1e-2
_PATIENCE = (2, 3, 6)


class NoiseWatch:
    """What was seen of the noise level, round after round.

    The level at a knot is the standard deviation of white noise that would give the divided difference there, over the
    tolerance (J. J. More, S. M. Wild, *Estimating computational noise*, 2011, use the same differences on uniform
    points), as a running median so that a lone jump does not count.
    """

    def __init__(self) -> None:
        self.level = 0.0
        self.before: tuple[Array, Array, Array, Array] | None = None
        self.measures: list[float] = []
        self.first = 0  # samples when noise was found first

    def look(self, pieces: Sequence[Piece], k: int, scale: float) -> list[Region]:
        """Regions in which nothing is left but noise; `scale` is the size of f over the tolerance."""
        where, level, width, failing = [], [], [], []
        q = (k + 1) // 2
        for p in pieces:
            if p.local is None or p.local.noise.size < 24:
                continue
            where.append(p.x[q : p.x.size - q])
            level.append(_running_median(p.local.noise, 10))
            width.append(np.diff(p.x)[q - 1 : p.x.size - q - 1])
            failing.append(np.convolve(p.error * SAFETY > 1, np.ones(9), "same")[q - 1 : p.x.size - q - 1] > 2)
        if not where:
            return []
        x, eta, h = np.concatenate(where), np.concatenate(level), np.concatenate(width)
        stall = self._stall(x, eta, h)
        small = eta < _SMALL * scale
        need = np.where(small, _PATIENCE[0], np.where(eta < _LARGE * scale, _PATIENCE[1], _PATIENCE[2]))
        noisy = (stall >= need) & (eta > 0.2) & np.concatenate(failing)
        self.measures.append(float(h[stall >= 1].sum()))
        if len(self.measures) > 2 and self.measures[-1] < 0.75 * self.measures[-3]:
            # An oscillation that is being resolved: the region shrinks.
            noisy &= small
        shortest = 20
        if self.level:
            # Noise that was found once is likely to be everywhere.
            noisy |= (stall >= 1) & (eta > self.level / 4) & (eta < 4 * self.level)
            shortest = 10
        found: list[Region] = []
        for i, j in _runs(noisy):
            if j - i >= shortest:
                self.level = max(self.level, float(np.median(eta[i:j])))
                margin = 0.05 * float(x[j - 1] - x[i])
                found.append((float(x[i]) - margin, float(x[j - 1]) + margin))
        return found

    def _stall(self, x: Array, eta: Array, h: Array) -> Array:
        """How often in a row the level stayed when the cells shrank."""
        stall = np.zeros(x.size)
        eta_ref, h_ref = eta, h
        if self.before is not None:
            x0, eta0, h0, stall0 = self.before
            near = np.clip(np.searchsorted(x0, x), 0, x0.size - 1)
            finer = h < 0.7 * h0[near]
            kept = eta > 0.5 * eta0[near]
            stall = np.where(finer, np.where(kept, stall0[near] + 1, 0), stall0[near])
            # Unrefined places keep what they were compared with.
            eta_ref, h_ref = np.where(finer, eta, eta0[near]), np.where(finer, h, h0[near])
        self.before = (x, eta_ref, h_ref, stall)
        return stall

    def fill(self, pieces: Sequence[Piece], k: int, regions: Sequence[Region]) -> list[Region]:
        """Once most of a piece is noise of one level: what else of it is."""
        found: list[Region] = []
        q = (k + 1) // 2
        for p in pieces:
            if not self.level or p.local is None or p.local.noise.size < 40:
                continue
            low, high = float(p.x[0]), float(p.x[-1])
            covered = sum(max(min(b, high) - max(a, low), 0.0) for a, b in regions)
            eta = _running_median(p.local.noise, 5)
            like = (eta > self.level / 10) & (eta < 10 * self.level)
            if covered > 0.5 * (high - low) and like.mean() > 0.8:
                at = p.x[q : p.x.size - q][like]
                margin = 0.05 * (high - low)
                a, b = float(at[0]), float(at[-1])
                found.append((low if a < low + margin else a, high if b > high - margin else b))
        return found

    def spent(self, samples: int) -> bool:
        """Whether many samples were taken since noise was found."""
        self.first = self.first or samples
        return samples > 3 * self.first + 300

    def leftovers(self, pieces: Sequence[Piece], k: int) -> list[Region]:
        """What is left between noisy regions and looks roughly like them: failing cells, with their neighbours."""
        found: list[Region] = []
        q = (k + 1) // 2
        for p in pieces:
            if p.local is None:
                continue
            eta = _running_median(p.local.noise, 2)
            at = np.clip(np.arange(p.x.size - 1) - q, 0, eta.size - 1)
            like = (p.error * SAFETY > 1) & (eta[at] < 1000 * self.level)
            for i, j in _runs(like):
                found.append((float(p.x[max(i - 2, 0)]), float(p.x[min(j + 2, p.x.size - 1)])))
        return found

    def resembles(self, pieces: Sequence[Piece], k: int, points: Array, ratios: Array) -> Region | None:
        """The region of failing checks (n) that miss by as much as noise would, if most of them do."""
        like = np.zeros(points.size, bool)
        half = (k + 1) // 2
        levels = []
        for p in pieces:
            if p.local is None:
                continue
            mid = p.x[half : p.x.size - half]
            inside = (points > p.x[0]) & (points < p.x[-1])
            eta = _running_median(p.local.noise, 5)[np.clip(np.searchsorted(mid, points), 0, mid.size - 1)]
            here = inside & (ratios > 0.1 * eta) & (ratios < 30 * eta)
            like |= here
            levels.append(eta[here])
        if points.size < 8 or like.mean() <= 0.8:
            return None
        self.level = max(self.level, float(np.median(np.concatenate(levels))))
        return float(points[like].min()), float(points[like].max())


def _running_median(v: Array, reach: int) -> Array:
    window = np.lib.stride_tricks.sliding_window_view(np.pad(v, reach, mode="edge"), 2 * reach + 1)
    out: Array = np.median(window, axis=1)
    return out


def _runs(mask: Mask) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(np.int8), [0]]))).tolist()
    return list(zip(edges[::2], edges[1::2], strict=True))
