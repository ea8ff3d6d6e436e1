"""What a solver hands back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy.typing as npt

if TYPE_CHECKING:
    from kriss.solve._recycled import RecycledSpace

# Status::... of cpp/include/kriss/status.hpp as the strings that users see.
STATUS = {
    0: "converged",
    2: "maxiter",
    3: "breakdown",
    4: "indefinite_matrix",
    5: "indefinite_preconditioner",
    6: "non_finite",
    12: "stagnated",
}


class Column(NamedTuple):
    """What became of one right-hand side of several."""

    status: str
    iterations: int
    residual_norm: float


@dataclass(frozen=True, eq=False)
class SolveResult:
    """Solution of a linear system by an iteration, and what happened on the way.

    Unpacks as ``x, info = result``, where ``info`` is 0 for convergence, the number of iterations if more would have
    been needed (status ``"maxiter"`` or ``"stagnated"``), and -1 for any other status.

    Attributes
    ----------
    x : ndarray, shape (n,) or (n, k)
        The solution, or the last iterate before trouble (the start, where NaN or infinity has got into it).
    status : str
        ``"converged"``; ``"maxiter"``; ``"breakdown"`` (a scalar of the recurrence vanished);
        ``"indefinite_matrix"`` (some p'Ap was not positive);
        ``"indefinite_preconditioner"`` (some r'z was not positive); ``"non_finite"`` (NaN or infinity met);
        ``"stagnated"`` (the recurrence claimed convergence twice, the recomputed residual denied it; or the solution
        underflows its dtype and what is left of it misses the tolerance); ``"diverged"`` (a stationary iteration whose
        residual grew by thirty digits).
    iterations : int
        Iterations done.
    residual_norm : float
        ``||b - A x||_2``, recomputed from `x`.
    residuals : ndarray or None
        Norms carried by the recurrence, before the first iteration and after each; None unless asked for.
    matvecs : int
        Products with A, those of the checks included.
    setup_time, solve_time : float
        Seconds for validation and preconditioner, and for the iteration.
    backend : str
        ``"compiled"``, ``"numba"`` or ``"cuda"``.
    params : mapping
        The parameters used: tolerances, preconditioner, storage of A.
    columns : tuple or None
        For b of shape (n, k): ``status``, ``iterations`` and ``residual_norm`` of each column. The fields above then
        tell of the worst column, `residuals` has a column for each (NaN once it has ended), and `matvecs` counts
        products with single columns.
    recycled : RecycledSpace or None
        What a method that recycles leaves to the next related system, to be passed to it as ``space=``.
    """

    x: npt.NDArray[Any]
    status: str
    iterations: int
    residual_norm: float
    residuals: npt.NDArray[Any] | None
    matvecs: int
    setup_time: float
    solve_time: float
    backend: str
    params: Mapping[str, Any] = field(default_factory=dict)
    columns: tuple[Column, ...] | None = None
    recycled: RecycledSpace | None = None

    @property
    def converged(self) -> bool:
        """Whether the recomputed residual meets the tolerance."""
        return self.status == "converged"

    @property
    def info(self) -> int:
        """SciPy's convergence code."""
        if self.status == "converged":
            return 0
        return max(self.iterations, 1) if self.status in ("maxiter", "stagnated") else -1

    def __iter__(self) -> Iterator[Any]:
        yield self.x
        yield self.info
