"""What the factors of structured covariance matrices that take a jitter have in common."""

from __future__ import annotations

import numpy as np

from kriss.gp._answers import Answers, one_norm
from kriss.gp._kernels import Array, Kernel


class Jittered(Answers):
    """Base of the structured factors that take a jitter: series, Toeplitz matrices, repeated rows."""

    structure = "structured"

    def __init__(self, kernel: Kernel, X: Array, noise: Array, jitter: float, reason: str, check_finite: bool) -> None:
        self.kernel = kernel
        self.jitter = jitter
        self.reason = reason
        self.X = X.view()
        self.X.flags.writeable = False
        self.noise = noise.view()
        self.noise.flags.writeable = False
        self._check = check_finite

    @property
    def lower(self) -> Array:
        """Not kept: n**2 doubles are what this structure avoids."""
        raise NotImplementedError(f"structure={self.structure!r} forms no triangle: use structure='dense' for `lower`")

    def _norm(self) -> float:
        """The 1-norm of K."""
        raise NotImplementedError

    @property
    def condition_estimate(self) -> float:
        """An estimate of the condition number of K in the 1-norm, from a few solves.

        Returns
        -------
        float
            The norm of K times a lower bound of that of its inverse, seldom off by more than a factor 3.
        """
        if self.n == 0:
            return 1.0
        # The column of the largest diagonal entry, which is the largest of the inverse, is within a factor n.
        start = np.zeros(self.n)
        start[int(np.argmax(self.inv_diag()))] = 1.0
        return self._norm() * one_norm(self.solve, start)
