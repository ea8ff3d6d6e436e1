"""What a search for a minimum found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from kriss.gp._kernels import Kernel

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class MinimizeResult:
    """What a search for a minimum found, and all that was evaluated.

    Attributes
    ----------
    x : ndarray, shape (d,), or None
        The best point that was evaluated (and is feasible); None if there is none.
    fun : float
        The value there; NaN if there is none.
    X : ndarray, shape (n, d)
        Every point that was evaluated, in order.
    y : ndarray, shape (n,)
        The values; NaN where the evaluation failed.
    constraints : ndarray, shape (n, k)
        Values of the constraints, at most 0 (or the tolerance) where they hold; k = 0 without constraints.
    feasible : ndarray of bool, shape (n,)
        Where the evaluation gave a value and all constraints hold, to the tolerance: not where only the value failed.
    failures : tuple of (int, str)
        Rows of evaluations that failed, and why.
    status : str
        ``"done"``, ``"infeasible"`` (declared so) or ``"stopped"`` (by the callback).
    refits : int
        How often hyperparameters were chosen.
    kernel : Kernel
        The last covariance function of the objective's model, whose coordinates are those of the unit cube.
    noise : float
        The last noise variance, in the model's units.
    """

    x: Array | None
    fun: float
    X: Array
    y: Array
    constraints: Array
    feasible: npt.NDArray[np.bool_]
    failures: tuple[tuple[int, str], ...]
    status: str
    refits: int
    kernel: Kernel
    noise: float

    @property
    def best(self) -> Array:
        """The best feasible value after each evaluation, (n,); infinite before the first."""
        seen = np.where(self.feasible & np.isfinite(self.y), self.y, np.inf)
        out: Array = np.minimum.accumulate(seen)
        return out

    def plot(self, ax: Any = None) -> Any:
        """Draws values and the best of them over the evaluations.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw; new ones by default.

        Returns
        -------
        matplotlib Axes
            What was drawn into.
        """
        if ax is None:
            import matplotlib.pyplot as plt

            ax = plt.subplots()[1]
        count = np.arange(1, self.y.size + 1)
        good = np.isfinite(self.y) & self.feasible
        other = np.isfinite(self.y) & ~self.feasible
        ax.plot(count[good], self.y[good], ".", color="C0", label="evaluations")
        if other.any():
            ax.plot(count[other], self.y[other], "x", color="C3", label="infeasible")
        for row, _ in self.failures:
            ax.axvline(row + 1, color="0.8", linewidth=0.8)
        best = self.best
        known = np.isfinite(best)
        ax.step(count[known], best[known], where="post", color="C1", label="best")
        ax.set(xlabel="evaluation", ylabel="value")
        ax.legend()
        return ax
