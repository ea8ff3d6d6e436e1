"""Weights that bound the influence of outliers: Huber's and Tukey's, iteratively."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from kriss import _validate
from kriss.spline._piecewise import Array

_USUAL = {"huber": 1.345, "tukey": 4.685}
_MOST, _FIRST = 30, 5


class Robust(NamedTuple):
    """A loss, its constant in units of the scale, and where its iteration is.

    weights: square roots of the robust weights, which multiply the weights of residuals.
    """

    name: str
    constant: float
    weights: Array
    scale: float | None
    round: int

    @classmethod
    def plain(cls, n: int) -> Robust:
        """Weights that change nothing."""
        return cls("none", 0.0, np.ones(n), None, 0)

    def start(self, n: int) -> Robust:
        """All weights one."""
        return self._replace(weights=np.ones(n))

    def next(self, residuals: Array, least: int) -> tuple[Robust, bool]:
        """New weights from weighted residuals, and whether they have settled. At least `least` stay positive."""
        size = np.abs(residuals)
        used = size[size > 0]
        # Points that are fitted exactly (weight zero, or alone) say nothing of the noise.
        scale = 1.4826 * float(np.median(used)) if used.size else 0.0
        if not scale > 0:
            return self._replace(scale=0.0), True
        with np.errstate(divide="ignore", over="ignore"):
            u = size / (self.constant * scale)
            huber = np.sqrt(np.minimum(1.0, 1.0 / u))
            if self.name == "huber":
                weights = huber
            elif self.round < _FIRST:
                # Tukey's loss has many minima: it begins where Huber's, with its own constant, has nearly ended.
                weights = np.sqrt(np.minimum(1.0, _USUAL["huber"] * scale / size))
            else:
                weights = np.where(u < 1.0, 1.0 - u * u, 0.0)
        if np.count_nonzero(weights) < least:
            weights = huber
        change = float(np.abs(weights - self.weights).max())
        ready = self.name == "huber" or self.round > _FIRST
        done = (ready and change < 1e-3) or self.round >= _MOST
        return self._replace(weights=weights, scale=scale, round=self.round + 1), done


def parse(robust: object) -> Robust | None:
    """The `robust` argument, checked."""
    if robust is None:
        return None
    if isinstance(robust, tuple):
        if len(robust) != 2:
            raise ValueError(f"robust must be a name or a pair (name, constant), not {robust!r}")
        name = _validate.choice(robust[0], "robust", tuple(_USUAL))
        return Robust(name, _validate.scalar(robust[1], "robust[1]", low=0.0, strict=True), np.ones(0), None, 0)
    name = _validate.choice(robust, "robust", tuple(_USUAL))
    return Robust(name, _USUAL[name], np.ones(0), None, 0)
