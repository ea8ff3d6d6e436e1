"""Batches of pure exploration under delayed feedback: BPE-Delay."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from kriss import _validate
from kriss.gp._greedy import greedy_variance
from kriss.gp._kernels import Kernel, points
from kriss.gp._structure import factor

Array = npt.NDArray[Any]

TIES = 1e-9


class DelayedBatches:
    """A search for the minimum over given candidates whose observations arrive late, in any order, or not at all.

    Parameters
    ----------
    kernel : Kernel
        Covariance function.
    X : array_like, shape (n, d)
        Candidates.
    horizon : int
        Evaluations that will be asked for.
    noise : float
        Variance of the noise of an observation, above 0.
    delay : float, default 0.0
        Evaluations that are asked for, with high probability, before an observation has arrived: every batch is longer
        by as many. For a delay with mean m whose tail is sub-exponential with parameters (xi, b) that is
        ``m + max(xi sqrt(2 L), 2 b L)``, L being the logarithm of `horizon` over the probability of failure.
    beta : float, default 6.0
        Square of the standard deviations by which candidates are given up.
    workers : int, optional
        Threads; the process-wide setting by default.

    Attributes
    ----------
    chosen : list of int
        Rows of `X` in the order in which they were asked for.
    active : ndarray of int64
        Rows of `X` that may hold the minimum.
    lengths : list of int
        Lengths of the batches so far.

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong type, dtype or shape, or is not finite.

    See Also
    --------
    greedy_variance : what chooses the points of a batch.

    Notes
    -----
    In batch r of length ``ceil(sqrt(horizon q))``, q being the length of the batch before (1 at first), each point is
    the one of largest variance given the others of the batch: no observation is needed for that. After it, what has
    arrived of its observations (and nothing of earlier batches) gives means and deviations, and every candidate goes
    whose lower bound ``mean - sqrt(beta) std`` is above the least upper one. What arrives later counts in `best`. One
    pivoted Cholesky factorisation per batch, ``n q**2`` flops and 8 n q bytes, where refactoring at every choice costs
    ``q**4 / 12 + n q**3 / 3``.

    References
    ----------
    S. Vakili, D. Ahmed, A. Bernacchia, C. Pike-Burke, "Delayed Feedback in Kernel Bandits", 2023, arXiv 2302.00392,
    algorithm 1.

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.gp import RBF, DelayedBatches
    >>> X = np.linspace(0.0, 1.0, 41)[:, None]
    >>> search = DelayedBatches(RBF(0.2), X, horizon=100, noise=1e-2, delay=5)
    >>> late = []
    >>> for _ in range(100):
    ...     late.append(search.ask())
    ...     if len(late) > 5:
    ...         ticket, row = late.pop(0)
    ...         search.tell(ticket, float((X[row, 0] - 0.3) ** 2))
    >>> abs(float(X[search.best(), 0]) - 0.3) < 0.06, search.lengths[0]
    (True, 15)
    """

    def __init__(
        self,
        kernel: Kernel,
        X: npt.ArrayLike,
        horizon: int,
        noise: float,
        *,
        delay: float = 0.0,
        beta: float = 6.0,
        workers: int | None = None,
    ) -> None:
        if not isinstance(kernel, Kernel):
            raise TypeError(f"kernel must be a kriss.gp kernel, not {type(kernel).__name__}")
        self.kernel, self.X = kernel, points(X).copy()
        self.X.flags.writeable = False
        if self.X.shape[0] == 0:
            raise ValueError("X has no rows, expected at least one candidate")
        kernel.form(self.X.shape[1])
        self.horizon = _validate.integer(horizon, "horizon", low=1)
        self.noise = _validate.scalar(noise, "noise", low=0.0, strict=True)
        self.delay = _validate.scalar(delay, "delay", low=0.0)
        self.beta = _validate.scalar(beta, "beta", low=0.0)
        self._workers = workers
        _validate.workers(workers)
        self.active = np.arange(self.X.shape[0])
        self.chosen: list[int] = []
        self.lengths: list[int] = []
        self._length = 1
        self._start = 0  # ticket of the first point of this batch
        self._plan: list[int] = []
        self._told: dict[int, float] = {}

    def ask(self) -> tuple[int, int]:
        """The next evaluation.

        Returns
        -------
        ticket : int
            Its number, from 0, by which its observation is told.
        row : int
            The row of `X`.
        """
        ticket = len(self.chosen)
        if ticket >= self.horizon:
            raise ValueError(f"all {self.horizon} evaluations of the horizon were asked for")
        if ticket == self._start + len(self._plan):
            self._next_batch(ticket)
        row = self._plan[ticket - self._start]
        self.chosen.append(row)
        return ticket, row

    def _next_batch(self, ticket: int) -> None:
        if self._plan:
            self._give_up()
        self._length = math.ceil(math.sqrt(self.horizon * self._length))
        size = min(self._length + math.ceil(self.delay), self.horizon - ticket)
        x = self.X[self.active]
        found = greedy_variance(self.kernel, x, size, self.noise, ties=TIES, workers=self._workers)
        self._plan = self.active[found.indices].tolist()
        self._start = ticket
        self.lengths.append(size)

    def _give_up(self) -> None:
        """Keeps the candidates that may be the best by the observations of this batch that have arrived."""
        here = range(self._start, self._start + len(self._plan))
        arrived = [t for t in here if math.isfinite(self._told.get(t, math.nan))]
        if not arrived:
            return
        mean, std = self._posterior(arrived, self.X[self.active])
        spread = math.sqrt(self.beta) * std
        self.active = self.active[mean - spread <= (mean + spread).min()]

    def _posterior(self, tickets: list[int], xs: Array) -> tuple[Array, Array]:
        x = self.X[[self.chosen[t] for t in tickets]]
        f = factor(self.kernel, x, self.noise, structure="dense", workers=self._workers)
        p = f.predict(xs, [self._told[t] for t in tickets], return_std=True)
        assert p.std is not None
        return p.mean, p.std

    def tell(self, ticket: int, y: float) -> None:
        """The observation of an evaluation that was asked for.

        Parameters
        ----------
        ticket : int
            Its number.
        y : float
            What was observed, of zero prior mean; NaN and infinity for an evaluation that failed, which counts as not
            arrived.
        """
        k = _validate.integer(ticket, "ticket", low=0)
        if k >= len(self.chosen):
            raise ValueError(f"ticket {k} was not asked for: {len(self.chosen)} were")
        if k in self._told:
            raise ValueError(f"ticket {k} was told before, as {self._told[k]}")
        self._told[k] = float(_validate.real_array(y, "y", ndim=0, finite=False, single=False))

    def best(self) -> int:
        """The candidate that is most likely the best.

        Returns
        -------
        int
            The row of `X` with the least posterior mean, of those that may hold the minimum, given all that has
            arrived.
        """
        good = sorted(t for t, y in self._told.items() if math.isfinite(y))
        if not good:
            raise ValueError("no observation has arrived yet")
        mean, _ = self._posterior(good, self.X[self.active])
        return int(self.active[int(np.argmin(mean))])

    def __repr__(self) -> str:
        return (
            f"<DelayedBatches over {self.X.shape[0]} candidates, {self.active.size} active, "
            f"{len(self.chosen)} of {self.horizon} asked, {len(self._told)} told>"
        )
