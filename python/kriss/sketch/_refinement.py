"""The passes after the sketch: a Gram matrix in preconditioned variables, then residuals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from kriss import _backend, _validate
from kriss.sketch import _dense, _factored
from kriss.sketch._certificate import Pass, Spectrum, karlson_walden, spectrum
from kriss.sketch._groups import Array
from kriss.sketch._passes import PassSpec, PassSum

if TYPE_CHECKING:
    from kriss.sketch._state import SketchState

EPS = float(np.finfo(np.float64).eps)
MAXREF = 8


@dataclass(frozen=True)
class StreamResult:
    """What the passes over all rows found out.

    Attributes
    ----------
    x : ndarray, shape (n,) or (n, k)
        The least-squares solution, of minimum norm if A is rank deficient.
    coefficient_se : ndarray, shape (n,) or (n, k)
        Standard error of each entry of `x` under the linear model with independent errors of one variance,
        ``sqrt(residues / (rows - rank) * diag((A.T @ A)**-1))``; NaN with no more rows than unknowns. With `damp`, of
        the damped estimator (without its bias), rows counted against its effective degrees of freedom.
    residues : ndarray, shape () or (k,)
        ``norm(b - A @ x)**2``, from a pass over all rows.
    rank : int
        Numerical rank: singular values of the scaled columns above 30 eps of the largest. With `damp`, of A with the
        rows of the damping below it.
    s : ndarray, shape (n,)
        Singular values of A, to a few ``eps * s[0]`` (with `damp`, of A with ``damp * eye(n)`` below it).
    condition : float
        Condition number of the scaled columns; infinity if the rank is below n.
    backward_error : float
        Karlson–Waldén estimate of the relative, column-scaled change of A and b for which x is exact; the largest over
        the right-hand sides.
    status : str
        ``"certified"``: the backward error is at most the unit roundoff (or `tol`). Else what was missed and why.
    passes : int
        Passes over the rows: one for the sketch, one for the Gram matrix, the rest for residuals.
    iterations : int
        Refinements after the first solution.
    sketch_distortion : float
        Largest relative error of the sketch as a measure of norms over the range of A.
    rows : int
        Rows of A.
    backend : str
        ``"compiled"`` or ``"numba"``.
    """

    x: npt.NDArray[Any]
    coefficient_se: npt.NDArray[Any]
    residues: npt.NDArray[Any]
    rank: int
    s: Array
    condition: float
    backward_error: float
    status: str
    passes: int
    iterations: int
    sketch_distortion: float
    rows: int
    backend: str


class Refinement:
    """The passes that follow a `SketchState`: a Gram matrix in preconditioned variables, then residuals.

    Made by `SketchState.refine`; each pass must be given all the rows that the state was given, in blocks of any size
    and in any order.

    Attributes
    ----------
    done : bool
        No further pass is needed.
    passes : int
        Passes over the rows so far, that of the sketch included.
    observations : int
        Rows that count for standard errors: all, unless some were given no weight and this is set to less.

    Notes
    -----
    Bits do not depend on blocks, order or merges, as for `SketchState`; rows of a group that is not complete are kept
    until it is, about 32 MiB for rows in order. Sparse blocks are made dense a group at a time.

    References
    ----------
    E. N. Epperly, M. Meier, Y. Nakatsukasa, *Fast randomized least-squares solvers can be just as accurate and stable
    as classical direct solvers*, 2024 (arXiv:2406.03468), for refinement in sketched solvers.

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.sketch import SketchState
    >>> A = np.vander(np.linspace(-1, 1, 20000), 12)
    >>> b = A @ np.arange(12.0)
    >>> second = SketchState(12, rng=0).update(A, b).refine()
    >>> while not second.done:
    ...     for first in (15000, 0, 10000, 5000):
    ...         part = slice(first, first + 5000)
    ...         _ = second.update(A[part], b[part], row_offset=first)
    ...     _ = second.next_pass()
    >>> fit = second.result()
    >>> fit.status, np.round(fit.x, 9).tolist() == list(range(12))
    ('certified', True)
    """

    def __init__(self, state: SketchState, penalty: _factored.Penalty, tol: float | None) -> None:
        self._problem = state._factored(penalty)
        self._rows = state._given.copy()
        self.observations = self._rows.count()
        self._targets = state.n_targets
        self._group = state.group
        self._tol = tol
        self.done = False
        self.passes = 1
        self._iterations = 0
        self._bb: Array | None = None
        self._failure = ""
        self._chol = np.empty((0, 0))  # of the Gram matrix
        self._factor = np.empty((0, len(self._problem.scale)))  # (rank, n) of A
        self._spectrum: Spectrum | None = None
        self._distortion = float("nan")
        self._best: tuple[float, Array, Array] | None = None  # backward error, x, rr
        self._old = np.inf
        self._z = self._problem.z0
        p = self._problem
        if p.rank == 0:
            self._spectrum = p.dropped
            self._sum = self._residual_pass()
        else:
            self._sum = PassSum(self._spec(p.triangle()))

    def update(
        self, block: object, b: object, row_offset: int | None = None, *, workers: int | None = None
    ) -> Refinement:
        """Take in some rows for the pass that is under way.

        Parameters
        ----------
        block : array_like or sparse matrix, shape (rows, n_features)
            Rows of A.
        b : array_like, shape (rows,) or (rows, n_targets)
            The same rows of b.
        row_offset : int, optional
            Number of the first one; by default they follow the last row of this pass.
        workers : int, optional
            Threads; changes no bit.

        Returns
        -------
        Refinement
            This object.

        Raises
        ------
        TypeError, ValueError
            As `SketchState.update`; also if `done`.
        """
        if self.done:
            raise ValueError("no further pass is needed: ask for the result")
        self._sum.update(block, b, row_offset, _validate.workers(workers))
        return self

    def reader(self) -> PassSum:
        """An empty sum of the pass that is under way, for a reader of some rows elsewhere.

        Returns
        -------
        PassSum
            With ``update(block, b, row_offset, workers)`` and ``merge``; can be pickled, for `absorb`.
        """
        return PassSum(self._sum.spec)

    def absorb(self, part: PassSum) -> None:
        """Take in what a reader summed.

        Parameters
        ----------
        part : PassSum
            From `reader`.

        Raises
        ------
        ValueError
            If it belongs to another pass, or holds rows that were given before.
        """
        theirs, ours = part.spec, self._sum.spec
        if (theirs.precond is None) != (ours.precond is None) or not np.array_equal(theirs.z, ours.z):
            raise ValueError("part belongs to another pass, expected a sum of the pass that is under way")
        self._sum.merge(part)

    def next_pass(self) -> bool:
        """End a pass.

        Returns
        -------
        bool
            Whether another one is needed.

        Raises
        ------
        ValueError
            If the pass was not given the rows of the sketch, or others.
        """
        if self.done:
            return False
        if self._sum.given != self._rows:
            raise ValueError(
                f"this pass was given the rows {self._sum.given}, expected those of the sketch: {self._rows}"
            )
        sums, bb = self._sum.total()
        if self._bb is None:
            self._bb = bb
        elif not np.array_equal(bb, self._bb):
            raise ValueError("b differs from that of the pass before: every pass must be given the same rows")
        self.passes += 1
        was_gram = self._sum.spec.precond is not None
        if was_gram:
            self._take_gram(sums)
        else:
            self._take_residual(sums)
        if not self.done:
            self._sum = self._residual_pass()
        return not self.done

    def result(self) -> StreamResult:
        """The solution after the last pass.

        Returns
        -------
        StreamResult
            Frozen dataclass: x, coefficient_se, residues, rank, s, condition, backward_error, status, passes,
            iterations, sketch_distortion, rows, backend.

        Raises
        ------
        ValueError
            If a pass is still missing.
        """
        if not self.done or self._best is None:
            raise ValueError("the passes are not at their end: give the rows again and call next_pass until it is done")
        p = self._problem
        be, x, rr = self._best
        with np.errstate(over="ignore", under="ignore"):
            residues = rr / p.bscale / p.bscale
        one_d = self._targets is None
        accept = EPS if self._tol is None else self._tol
        status = "certified"
        if not be <= accept:
            why = self._failure or "refinement stalled"
            status = f"not certified: backward error {be:.2g} above {accept:.2g} ({why})"
        rows = self._rows.count()
        kept = self._spectrum
        assert kept is not None
        full = p.rank == len(p.scale)
        s = _factored.singular_values(p, self._factor)
        return StreamResult(
            x=_factored.shaped(x, one_d),
            coefficient_se=_factored.shaped(self._standard_errors(rr), one_d),
            residues=residues[0].reshape(()) if one_d else residues,
            rank=p.rank,
            s=s,
            condition=float(kept.s[0] / kept.s[-1]) if full and kept.s[-1] > 0 else float("inf"),
            backward_error=be,
            status=status,
            passes=self.passes,
            iterations=self._iterations,
            sketch_distortion=self._distortion,
            rows=rows,
            backend=_backend.backend(),
        )

    def plain_factor(self) -> tuple[Array, float]:
        """A factor of A in the user's units, times the power of two that comes with it.

        Returns
        -------
        factor : ndarray, shape (rank, n)
            F with ``F.T @ F`` equal to ``unit**2 * (A.T @ A + damp**2 * I)``.
        unit : float
            The power of two.
        """
        p = self._problem
        common = float(p.scale.min())
        with np.errstate(over="ignore", under="ignore"):
            return self._factor * (common / p.scale), common

    def _spec(self, precond: Array | None) -> PassSpec:
        p = self._problem
        return PassSpec(len(p.scale), self._targets, self._group, p.scale, p.bscale, self._z, precond)

    def _residual_pass(self) -> PassSum:
        return PassSum(self._spec(None))

    def _take_gram(self, sums: Pass) -> None:
        p = self._problem
        empty = len(p.scale) - p.rank
        gram, g = sums.gram[empty:, empty:], sums.g
        pull = (p.penalty.weights * p.scale)[:, None]
        if p.penalty.active:
            rows = pull * p.basis
            gram = gram + rows.T @ rows
            g = g - pull**2 * self._z
        u = _dense.cholesky(gram)
        if u is None:
            # The sketch was a poor one; its own factor has to do.
            self._failure = "the Gram matrix is not positive definite"
            u = np.eye(p.rank)
        self._chol = u
        self._factor = _dense.multiply(u, p.full)
        self._spectrum = spectrum(self._factor)
        own = _dense.svd(u)[1]
        self._distortion = float(np.abs(1.0 / own - 1.0).max()) if own[-1] > 0 else float("inf")
        self._move(g)

    def _take_residual(self, sums: Pass) -> None:
        p = self._problem
        pull = (p.penalty.weights * p.scale)[:, None]
        g = sums.g - pull**2 * self._z
        whole = sums.rr + np.sum((pull * self._z) ** 2, axis=0)
        be = float(self._backward_errors(g, whole).max())
        if self._best is None or be < self._best[0]:
            self._best = (be, p.to_x(self._z), sums.rr)
        target = EPS / 4 if self._tol is None else self._tol
        it = self._iterations
        if not be > target or it == MAXREF or (it >= 2 and be > self._old / 2) or p.rank == 0:
            self.done = True
            return
        self._old = be
        self._iterations += 1
        self._move(g)

    def _backward_errors(self, g: Array, rr: Array) -> Array:
        kept, dropped = self._spectrum, self._problem.dropped
        assert kept is not None and self._bb is not None
        bnorm = np.sqrt(self._bb[:-1])
        be = karlson_walden(kept, self._z, g, rr, bnorm)
        # Fewer rows than columns: only so many singular values can differ from zero.
        count = max(min(self._rows.count(), len(self._z)) - len(kept.s), 0)
        dropped = Spectrum(dropped.vt[:count], dropped.s[:count], 0.0)
        if count == 0 or kept.norm == 0.0:
            return be
        # Directions that count as zero are part of A nevertheless: either they are changed to be zero, or they are
        # judged like the others.
        zeroed = np.hypot(be, np.linalg.norm(dropped.s) / kept.norm)
        s = np.concatenate([kept.s, dropped.s])
        whole = Spectrum(np.vstack([kept.vt, dropped.vt]), s, float(np.linalg.norm(s)))
        return np.minimum(zeroed, karlson_walden(whole, self._z, g, rr, bnorm))

    def _move(self, g: Array) -> None:
        """One correction, then z as the caller will see it: through x and of minimum norm."""
        p = self._problem
        inner = _dense.solve(self._chol, np.ascontiguousarray(p.basis.T @ g), transposed=True)
        step = p.basis @ _dense.solve(self._chol, inner)
        x = _factored.solution(p, self._z + step)
        with np.errstate(over="ignore", under="ignore"):
            self._z = p.to_z(x)

    def _standard_errors(self, rr: Array) -> Array:
        p = self._problem
        with np.errstate(all="ignore"):
            w = p.inverse(self._chol)
            spread = _factored.row_norms(w)
            free = float(self.observations - p.rank)
            if p.penalty.active:
                pen = p.penalty.weights
                free += float(np.sum((pen * spread) ** 2))
                pulled = _factored.row_norms((w @ w.T) * pen) / spread
                spread = spread * np.sqrt(np.maximum(1.0 - np.square(pulled), 0.0))
            return np.asarray(spread[:, None] * (np.sqrt(rr / free if free > 0 else np.nan * rr) / p.bscale))
