"""A sketch of rows that arrive in blocks, from several readers if need be: `SketchState`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from kriss import _backend, _validate
from kriss._validate import RngLike
from kriss.sketch import _factored
from kriss.sketch._groups import (
    Array,
    Block,
    Forest,
    Payload,
    Pieces,
    RowSet,
    add_plain,
    checked_block,
    checked_targets,
    dense_rows,
    first_row,
    group_rows,
    slice_rows,
)
from kriss.sketch._sparse_sign import SparseSign

if TYPE_CHECKING:
    from kriss.sketch._refinement import Refinement

# A block whose entries are all smaller cannot overflow a group's sums by itself.
SAFE = 1e290


@dataclass(frozen=True)
class SketchSolution:
    """What one pass over the rows tells about a least-squares problem.

    Attributes
    ----------
    x : ndarray, shape (n,) or (n, k)
        Minimises the norm of ``S @ (b - A @ x)``; of minimum norm if A is rank deficient.
    coefficient_se : ndarray, shape (n,) or (n, k)
        Root mean square deviation of each entry of `x` from the exact least-squares solution, over draws of S.
    residual_norm : ndarray, shape () or (k,)
        Estimate of ``norm(b - A @ x_exact)``.
    rank : int
        Numerical rank of A: singular values of its columns, scaled to similar norms, above 30 eps of the largest.
    s : ndarray, shape (n,)
        Singular values of S A: A's up to the distortion of the sketch, about ``sqrt(n / sketch_size)``.
    condition : float
        Condition number of the scaled columns of S A; infinity if the rank is below n.
    rows : int
        How many rows were given.
    sketch_size : int
        Rows of S.
    backend : str
        ``"compiled"`` or ``"numba"``.
    """

    x: npt.NDArray[Any]
    coefficient_se: npt.NDArray[Any]
    residual_norm: npt.NDArray[Any]
    rank: int
    s: Array
    condition: float
    rows: int
    sketch_size: int
    backend: str


class _Group:
    """Sketch of the first `done` rows of a group, and later rows that wait for those before them."""

    def __init__(self, sums: Payload, done: int = 0) -> None:
        self.sums = sums
        self.done = done
        self.waiting = Pieces()

    def copy(self, deep: bool) -> _Group:
        out = _Group(tuple(part.copy() for part in self.sums) if deep else self.sums, self.done)
        out.waiting = self.waiting.copy()
        return out


class SketchState:
    """Least squares over rows that are seen once: a sketch that grows block by block and can be merged.

    Parameters
    ----------
    n_features : int
        Columns of A.
    n_targets : int, optional
        Right-hand sides. By default b and x are one-dimensional.
    sketch_size : int, optional
        Rows of the sketch, more than ``n_features + 1``. Default ``max(8 * n_features, 128)``. The one-pass solution
        has a residual longer by a factor of about ``1 + n_features / (2 * sketch_size)``.
    zeta : int
        Entries per column of the sketch.
    rng : int, SeedSequence, Generator or None
        The seed. States that shall be merged need the same int or SeedSequence.

    Attributes
    ----------
    n_features, n_targets, sketch_size : int
        As given.
    rows : int
        How many rows were given so far.
    group : int
        Rows per group of the fixed summation order, a power of two from 8192 to 65536.

    Raises
    ------
    TypeError, ValueError
        If an argument is not what it should be.

    See Also
    --------
    lstsq_stream : all passes in one call.
    kriss.interop.dask.lstsq : the same over a Dask array.

    Notes
    -----
    Rows have global numbers, and the sketch is a function of the seed, of the rows and of their numbers. Its bits do
    not depend on the cutting into blocks, on the order in which blocks arrive, on the shape of the tree of merges, on
    the order of entries in memory, on the number of workers or on the backend: rows are summed in order within groups
    of `group` rows, groups along a fixed binary tree. Rows that arrive before their predecessors in the same group are
    kept as they are until these come; for rows in order, none are. A matrix of one group has the bits of
    `SparseSign.apply`, larger ones those up to rounding.

    Memory: ``8 * sketch_size * (n_features + n_targets)`` bytes for each node of the tree, at most log2(rows / group)
    + 2 nodes for rows in order. Work: ``2 * zeta`` flops per entry of A, one pass. States can be pickled.

    The error bars are those of sketch-and-solve with a Gaussian sketch, which the sparse one follows in the root mean
    square; single entries of problems with a few dominant rows reach several of them.

    References
    ----------
    D. P. Woodruff, *Sketching as a tool for numerical linear algebra*, Found. Trends Theor. Comput. Sci. 10 (2014),
    section 2.5, for regression by one sketch. The covariance of the solution is that of an inverse Wishart matrix:
    R. J. Muirhead, *Aspects of multivariate statistical theory* (1982), section 3.2.

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.sketch import SketchState
    >>> gen = np.random.default_rng(0)
    >>> A = gen.standard_normal((30000, 5))
    >>> b = A @ np.arange(5.0) + gen.standard_normal(30000)
    >>> state = SketchState(5, rng=0)
    >>> for first in range(0, 30000, 7000):
    ...     _ = state.update(A[first : first + 7000], b[first : first + 7000])
    >>> once = state.solve()
    >>> bool(np.all(abs(once.x - np.arange(5.0)) < 5 * once.coefficient_se + 0.03))
    True
    >>> second = state.refine()
    >>> while not second.done:
    ...     _ = second.update(A, b)
    ...     _ = second.next_pass()
    >>> second.result().status, second.result().backward_error < 2.3e-16
    ('certified', True)
    """

    def __init__(
        self,
        n_features: int,
        n_targets: int | None = None,
        *,
        sketch_size: int | None = None,
        zeta: int = 8,
        rng: RngLike = None,
    ) -> None:
        self.n_features = _validate.integer(n_features, "n_features", low=1)
        self.n_targets = None if n_targets is None else _validate.integer(n_targets, "n_targets", low=1)
        default = max(8 * self.n_features, 128)
        d = default if sketch_size is None else _validate.integer(sketch_size, "sketch_size", low=self.n_features + 2)
        self.sketch = SparseSign(d, zeta, rng=rng)
        self.sketch_size = d
        self.group = group_rows(self.n_features)
        self._given = RowSet()
        self._forest = Forest(add_plain)
        self._groups: dict[int, _Group] = {}
        self._largest_b = np.zeros(self.n_targets or 1)
        self._broken = False

    @property
    def rows(self) -> int:
        """How many rows were given so far."""
        return self._given.count()

    def __repr__(self) -> str:
        return (
            f"SketchState(n_features={self.n_features}, n_targets={self.n_targets}, sketch_size={self.sketch_size}, "
            f"zeta={self.sketch.zeta}, rows={self.rows})"
        )

    def update(
        self, block: object, b: object, row_offset: int | None = None, *, workers: int | None = None
    ) -> SketchState:
        """Take in some rows of A and b.

        Parameters
        ----------
        block : array_like or sparse matrix, shape (rows, n_features)
            Rows of A; dense in any order, or sparse (taken as CSR). Not kept, unless rows before it in the same group
            are missing; then a copy is.
        b : array_like, shape (rows,) or (rows, n_targets)
            The same rows of b.
        row_offset : int, optional
            Number of the first one. By default they follow the last row given so far.
        workers : int, optional
            Threads; changes no bit.

        Returns
        -------
        SketchState
            This object.

        Raises
        ------
        TypeError, ValueError
            If shapes do not fit, rows were given before, or NaN or infinity is met; the state is unchanged then.
        OverflowError
            If the sketch overflows; the state is unchanged.
        """
        threads = _validate.workers(workers)
        rows = checked_block(block, self.n_features)
        count = rows.shape[0]
        right = checked_targets(b, count, self.n_targets)
        start = first_row(row_offset, self._given)
        given = self._given.copy()
        given.add(start, start + count)
        if count == 0:
            return self
        # Copies of the partial sums let a bad block leave no trace; small blocks are looked at instead.
        deep = not (count < self.sketch_size and _largest(rows) < SAFE and _largest(right) < SAFE)
        self._check_whole()
        groups: dict[int, _Group] = {}
        self._broken = not deep
        for g in range(start // self.group, (start + count - 1) // self.group + 1):
            first = max(start, g * self.group)
            last = min(start + count, (g + 1) * self.group)
            part = slice_rows(rows, first - start, last - start)
            right_part = right[first - start : last - start]
            old = self._groups.get(g)
            now = old.copy(deep) if old is not None else _Group(self._zeros())
            if first == g * self.group + now.done:
                self._add(now, g, part, right_part, threads)
                self._catch_up(now, g, threads)
            else:
                kept = dense_rows(part)
                _validate.check_finite(kept, "block")
                # Copies: the caller may write to its arrays once we return.
                now.waiting.parts[first] = (np.array(kept, order="C"), np.array(right_part, order="C"))
            if deep and not all(np.isfinite(part).all() for part in now.sums):
                _validate.check_finite(rows.data if isinstance(rows, _validate.Csr) else rows, "block")
                raise OverflowError("the sketch overflows: scale A and b down")
            groups[g] = now
        self._given = given
        self._largest_b = np.maximum(self._largest_b, np.abs(right).max(axis=0))
        self._commit(groups)
        self._broken = False
        return self

    def merge(self, other: SketchState) -> SketchState:
        """Take in the rows of another state.

        Parameters
        ----------
        other : SketchState
            Of the same sizes and seed, over other rows. It is not changed.

        Returns
        -------
        SketchState
            This object.

        Raises
        ------
        TypeError
            If `other` is not a SketchState.
        ValueError
            If sizes or seeds differ, or both hold one row.
        """
        if not isinstance(other, SketchState):
            raise TypeError(f"other must be a SketchState, not {type(other).__name__}")
        for name in ("n_features", "n_targets", "sketch_size"):
            if getattr(self, name) != getattr(other, name):
                raise ValueError(f"other has {name}={getattr(other, name)}, expected {getattr(self, name)}")
        if (self.sketch.seed, self.sketch.zeta) != (other.sketch.seed, other.sketch.zeta):
            raise ValueError(f"other has the sketch {other.sketch}, expected {self.sketch}: give both the same rng")
        self._check_whole()
        other._check_whole()
        given = self._given.copy()
        for start, stop in other._given.intervals:
            given.add(start, stop)
        groups: dict[int, _Group] = {}
        for g, theirs in other._groups.items():
            mine = self._groups.get(g)
            if mine is None:
                groups[g] = theirs.copy(True)
                continue
            # At most one of the two holds the first rows of the group.
            now = (mine if mine.done else theirs).copy(True)
            now.waiting.parts = {**mine.waiting.parts, **theirs.waiting.parts}
            self._catch_up(now, g, 0)
            groups[g] = now
        self._given = given
        self._largest_b = np.maximum(self._largest_b, other._largest_b)
        for (level, index), payload in other._forest.nodes.items():
            self._forest.add(level, index, payload)
        self._commit(groups)
        return self

    def sketched(self) -> tuple[Array, npt.NDArray[Any]]:
        """The sketch of everything given so far.

        Returns
        -------
        SA : ndarray, shape (sketch_size, n_features)
            S @ A, float64.
        Sb : ndarray, shape (sketch_size,) or (sketch_size, n_targets)
            S @ b.
        """
        sa, sb = self._total()
        return sa, _factored.shaped(sb, self.n_targets is None)

    def solve(self, damp: float = 0.0) -> SketchSolution:
        """The solution of the sketched problem, with error bars.

        Parameters
        ----------
        damp : float
            Minimise ``norm(b - A @ x)**2 + damp**2 * norm(x)**2``; the second term is not sketched. The error bars are
            an estimate from above then.

        Returns
        -------
        SketchSolution
            Frozen dataclass: x, coefficient_se, residual_norm, rank, s, condition, rows, sketch_size, backend.

        Raises
        ------
        ValueError
            If no rows were given, or all are too small to be scaled.
        OverflowError
            If the solution is beyond float64.

        Notes
        -----
        ``2 d n²`` flops for the factor and O(n³) for the singular values, d the sketch size. The state can go on
        taking in rows afterwards.
        """
        problem = self._factored(_factored.ridge(self.n_features, _validate.scalar(damp, "damp", low=0.0)))
        one_d = self.n_targets is None
        x = _factored.solution(problem, problem.z0)
        d, k = self.sketch_size, problem.rank
        with np.errstate(over="ignore", under="ignore"):
            spread = _factored.row_norms(problem.inverse())
            norm = problem.sketch_residual * np.sqrt(d / (d - k))
            se = spread[:, None] * (norm / np.sqrt(d))
        return SketchSolution(
            x=_factored.shaped(x, one_d),
            coefficient_se=_factored.shaped(se, one_d),
            residual_norm=norm[0].reshape(()) if one_d else norm,
            rank=k,
            s=_factored.singular_values(problem, problem.full),
            condition=problem.condition,
            rows=self.rows,
            sketch_size=d,
            backend=_backend.backend(),
        )

    def refine(self, damp: float = 0.0, *, tol: float | None = None) -> Refinement:
        """Begin the further passes that lead to the exact, certified solution.

        Parameters
        ----------
        damp : float
            As in `solve`.
        tol : float, optional
            Backward error at which to stop. By default passes go on to eps/4 and eps is accepted.

        Returns
        -------
        Refinement
            Give it the same rows again, pass by pass.

        Raises
        ------
        ValueError
            If no rows were given.
        """
        from kriss.sketch._refinement import Refinement

        penalty = _factored.ridge(self.n_features, _validate.scalar(damp, "damp", low=0.0))
        target = None if tol is None else _validate.scalar(tol, "tol", low=0.0, strict=True)
        return Refinement(self, penalty, target)

    def _check_whole(self) -> None:
        if self._broken:
            raise RuntimeError("an update of this state was interrupted halfway: start again with a new one")

    def _factored(self, penalty: _factored.Penalty) -> _factored.Factored:
        if self.rows == 0:
            raise ValueError("no rows were given: call update first")
        sa, sb = self._total()
        if not (np.isfinite(sa).all() and np.isfinite(sb).all()):
            raise OverflowError("the sketch overflows: scale A and b down")
        return _factored.factorise(sa, sb, self._largest_b, penalty)

    def _zeros(self) -> Payload:
        d = self.sketch_size
        return np.zeros((d, self.n_features)), np.zeros((d, self.n_targets or 1))

    def _add(self, group: _Group, g: int, rows: Block, right: npt.NDArray[Any], workers: int) -> None:
        """The next rows of a group, in place."""
        s = self.sketch
        at = g * self.group + group.done
        kernels = _backend.kernels("sketch")
        sa, sb = group.sums
        if isinstance(rows, _validate.Csr):
            kernels.sparse_sign_csr(
                rows.indptr, rows.indices, rows.data, self.n_features, s.seed, s.d, s.zeta, at, sa, workers
            )
        else:
            kernels.sparse_sign_dense(rows, s.seed, s.d, s.zeta, at, sa, workers)
        kernels.sparse_sign_dense(right, s.seed, s.d, s.zeta, at, sb, workers)
        group.done += rows.shape[0]

    def _catch_up(self, group: _Group, g: int, workers: int) -> None:
        """Sketch the waiting rows whose turn has come."""
        while (part := group.waiting.parts.pop(g * self.group + group.done, None)) is not None:
            self._add(group, g, *part, workers)

    def _commit(self, groups: dict[int, _Group]) -> None:
        for g, now in groups.items():
            if now.done == self.group:
                self._groups.pop(g, None)
                self._forest.add(0, g, now.sums)
            else:
                self._groups[g] = now

    def _total(self) -> tuple[Array, Array]:
        self._check_whole()
        incomplete: dict[int, Payload] = {}
        for g, group in self._groups.items():
            if group.waiting.parts:
                # Some rows before these were never given: they count as zero.
                group = group.copy(True)
                for start, a, b in group.waiting.in_order():
                    group.done = start - g * self.group
                    self._add(group, g, a, b, 0)
            incomplete[g] = group.sums
        total = self._forest.total(incomplete)
        sa, sb = self._zeros() if total is None else total
        return sa.copy(), sb.copy()


def _largest(values: Block | npt.NDArray[Any]) -> float:
    """The largest magnitude; NaN if there is one."""
    data = values.data if isinstance(values, _validate.Csr) else values
    return float(max(data.max(), -data.min())) if data.size else 0.0
