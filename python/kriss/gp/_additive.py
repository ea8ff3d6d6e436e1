"""Sums of one covariance function over groups of dimensions, with their matrices kept."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from kriss import _validate
from kriss.gp._base import Array, Kernel, columns_used, points
from kriss.gp._stationary import Stationary

if TYPE_CHECKING:
    from kriss.gp._program import Builder

Group = tuple[int, ...]


def _base(kernel: object, name: str) -> Stationary:
    if not isinstance(kernel, Stationary):
        raise TypeError(f"{name} must be RBF, Matern, RationalQuadratic or Periodic, not {type(kernel).__name__}")
    if kernel.active_dims is not None:
        raise ValueError(f"{name} has active_dims={kernel.active_dims}, expected none: the groups name the columns")
    return kernel


def _groups(value: Iterable[Iterable[int]]) -> tuple[Group, ...]:
    out = tuple(columns_used(g) for g in value)
    if not out:
        raise ValueError("groups is empty, expected at least one group of columns")
    return out


def _restricted(kernel: Stationary, group: Group) -> Stationary:
    """`kernel` over a group of the columns."""
    out = copy.copy(kernel)
    if not kernel._isotropic:
        if max(group) >= kernel._lengthscale.size:
            raise ValueError(
                f"groups names column {max(group)}, but lengthscale has {kernel._lengthscale.size} entries"
            )
        chosen = kernel._lengthscale[list(group)]
        chosen.flags.writeable = False
        out._lengthscale = chosen
    out._active = group
    return out


class Additive(Kernel):
    """The sum of one covariance function over groups of dimensions, all with the same parameters.

    Parameters
    ----------
    kernel : RBF, Matern, RationalQuadratic or Periodic
        What is summed, without `active_dims`. With one lengthscale per column, each group takes those of its columns.
    groups : sequence of sequences of int
        The columns of each term; they may overlap.

    Raises
    ------
    TypeError, ValueError
        If `kernel` is another covariance function or has `active_dims`, or a group is empty or names a column twice.

    See Also
    --------
    random_tree_groups : random groups of one and two columns.
    ComponentCache : keeps the matrices of the groups.

    Notes
    -----
    A function of many variables that is a sum of functions of a few needs far fewer observations than a general one.
    The posterior mean splits into components, ``components[g](Xs, X) @ alpha``. ``k(x, x)`` is the variance times the
    number of groups.

    References
    ----------
    D. K. Duvenaud, H. Nickisch, C. E. Rasmussen, "Additive Gaussian Processes", NIPS 2011.
    J. Ziomek, H. Bou-Ammar, "Are Random Decompositions all we need in High Dimensional Bayesian Optimisation?", 2023,
    arXiv 2301.12844.

    Examples
    --------
    >>> from kriss.gp import RBF, Additive
    >>> k = Additive(RBF(), [(0, 1), (2,)])
    >>> k([[0.0, 0.0, 0.0]], [[0.0, 1.0, 0.0]]).round(6)
    array([[1.606531]])
    """

    __slots__ = ("_groups", "_kernel")

    def __init__(self, kernel: Kernel, groups: Iterable[Iterable[int]]) -> None:
        self._kernel = _base(kernel, "kernel")
        self._groups = _groups(groups)
        for group in self._groups:
            _restricted(self._kernel, group)

    @property
    def kernel(self) -> Stationary:
        """What is summed."""
        return self._kernel

    @property
    def groups(self) -> tuple[Group, ...]:
        """The columns of each term."""
        return self._groups

    @property
    def components(self) -> tuple[Stationary, ...]:
        """The terms, each a kernel over its own columns."""
        return tuple(_restricted(self._kernel, g) for g in self._groups)

    @property
    def total_variance(self) -> float:
        """``k(x, x)``: the variance times the number of groups."""
        return self._kernel.variance * len(self._groups)

    def _theta(self) -> Array:
        return self._kernel._theta()

    def _limits(self) -> Array:
        return self._kernel._limits()

    def _names(self, prefix: str) -> tuple[str, ...]:
        return self._kernel._names(prefix)

    def _with(self, theta: Array) -> Kernel:
        return Additive(self._kernel._with(theta), self._groups)

    def _emit(self, build: Builder, at: int) -> int:
        most = max(max(g) for g in self._groups)
        if most >= build.columns:
            raise ValueError(f"X has {build.columns} columns, but groups names column {most}")
        return build.join(1, [self._kernel._emit_over(build, at, g) for g in self._groups])

    def _diag(self, x: Array) -> Array:
        return np.full(x.shape[0], self.total_variance)

    def _contract_diag(self, x: Array, w: Array) -> Array:
        return len(self._groups) * self._kernel._contract_diag(x, w)

    def __repr__(self) -> str:
        return f"Additive({self._kernel!r}, groups={self._groups})"

    def _key(self) -> tuple[object, ...]:
        return (self._kernel, self._groups)


class ComponentCache:
    """The matrices of one covariance function over groups of columns, each computed once.

    For methods that change the groups but keep points and parameters, or add points one by one: the matrix of any
    decomposition is a sum of what is there, and a new point costs one row per group.

    Parameters
    ----------
    kernel : RBF, Matern, RationalQuadratic or Periodic
        As in `Additive`.
    X : array_like, shape (n, d)
        Points; promoted to float64.
    workers : int, optional
        Threads; the process-wide setting by default.

    Attributes
    ----------
    kernel : Stationary
        The covariance function.
    X : ndarray, shape (n, d)
        The points so far, read-only.

    Raises
    ------
    TypeError, ValueError
        If `kernel` is none of these or has columns of its own, or `X` is not a finite matrix; from the methods, if a
        group names a column that `X` does not have.

    Notes
    -----
    8 n**2 bytes per group; `forget` frees them.

    References
    ----------
    J. Ziomek, H. Bou-Ammar, "Are Random Decompositions all we need in High Dimensional Bayesian Optimisation?", 2023,
    arXiv 2301.12844.

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.gp import RBF, Additive, ComponentCache
    >>> X = np.arange(6.0).reshape(3, 2)
    >>> cache = ComponentCache(RBF(), X)
    >>> bool(np.array_equal(cache.matrix([(0,), (1,)]), Additive(RBF(), [(0,), (1,)])(X)))
    True
    """

    def __init__(self, kernel: Kernel, X: npt.ArrayLike, *, workers: int | None = None) -> None:
        self.kernel = _base(kernel, "kernel")
        self._workers = workers
        _validate.workers(workers)
        self._kept: dict[Group, Array] = {}
        self.X = points(X).astype(np.float64)
        self.X.flags.writeable = False

    @property
    def groups(self) -> tuple[Group, ...]:
        """The groups whose matrices are kept."""
        return tuple(self._kept)

    def component(self, group: Sequence[int]) -> Array:
        """The matrix of one group.

        Parameters
        ----------
        group : sequence of int
            Columns; their order does not matter.

        Returns
        -------
        ndarray, shape (n, n)
            The matrix, read-only: computed at the first call, kept for others.
        """
        key = tuple(sorted(columns_used(group)))
        if key not in self._kept:
            self._keep(key, _restricted(self.kernel, key)(self.X, workers=self._workers))
        return self._kept[key]

    def _keep(self, key: Group, matrix: Array) -> None:
        matrix.flags.writeable = False
        self._kept[key] = matrix

    def matrix(self, groups: Iterable[Iterable[int]]) -> Array:
        """The matrix of a decomposition.

        Parameters
        ----------
        groups : sequence of sequences of int
            The columns of each term.

        Returns
        -------
        ndarray, shape (n, n)
            The sum over the groups, in their order: what ``Additive(kernel, groups)(X)`` is, but for the rounding of
            sums over columns in another order.
        """
        first, *rest = _groups(groups)
        out = self.component(first).copy()
        for group in rest:
            out += self.component(group)
        return out

    def append(self, X: npt.ArrayLike) -> None:
        """Add points; every matrix that is kept grows by their rows and columns.

        Parameters
        ----------
        X : array_like, shape (q, d)
            More points.
        """
        more = points(X)
        if more.shape[1] != self.X.shape[1]:
            raise ValueError(f"X has {more.shape[1]} columns, expected {self.X.shape[1]} as before")
        n, total = self.X.shape[0], self.X.shape[0] + more.shape[0]
        grown: dict[Group, Array] = {}
        for key, old in self._kept.items():
            kernel = _restricted(self.kernel, key)
            fresh = np.empty((total, total))
            fresh[:n, :n] = old
            fresh[n:, :n] = kernel(more, self.X, workers=self._workers)
            fresh[:n, n:] = fresh[n:, :n].T
            fresh[n:, n:] = kernel(more, workers=self._workers)
            grown[key] = fresh
        for key, fresh in grown.items():
            self._keep(key, fresh)
        self.X = np.vstack([self.X, more])
        self.X.flags.writeable = False

    def forget(self) -> None:
        """Free the matrices."""
        self._kept.clear()

    def __repr__(self) -> str:
        return f"<ComponentCache of {self.X.shape[0]} points, {len(self._kept)} groups, kernel {self.kernel!r}>"


def random_tree_groups(d: int, rng: _validate.RngLike = None, *, edges: int | None = None) -> tuple[Group, ...]:
    """A random forest over the dimensions: its edges as pairs of columns, and the columns that have none.

    Parameters
    ----------
    d : int
        Number of dimensions.
    rng : int, SeedSequence or Generator, optional
        Source of randomness.
    edges : int, optional
        Number of pairs, less than `d`; by default a fifth of `d`, but at least one if there are two dimensions.

    Returns
    -------
    tuple of tuples of int
        Groups for `Additive`: pairs, each in order, then single columns.

    Raises
    ------
    TypeError, ValueError
        If `d` or `edges` is not a whole number within its limits.

    Notes
    -----
    Pairs are drawn uniformly, and one that would close a cycle is drawn again. Without cycles, a sum over the groups is
    minimised exactly by passing messages from the leaves.

    References
    ----------
    J. Ziomek, H. Bou-Ammar, "Are Random Decompositions all we need in High Dimensional Bayesian Optimisation?", 2023,
    arXiv 2301.12844, section 4.

    Examples
    --------
    >>> from kriss.gp import random_tree_groups
    >>> groups = random_tree_groups(10, rng=1)
    >>> sum(len(g) == 2 for g in groups), sorted({k for g in groups for k in g}) == list(range(10))
    (2, True)
    """
    count = _validate.integer(d, "d", low=1)
    wanted = min(count - 1, max(1, count // 5)) if edges is None else _validate.integer(edges, "edges", low=0)
    if wanted >= count:
        raise ValueError(f"edges must be less than d={count}, not {wanted}")
    draw = _validate.generator(rng)
    root = list(range(count))

    def find(k: int) -> int:
        while root[k] != k:
            root[k] = root[root[k]]
            k = root[k]
        return k

    pairs: list[Group] = []
    while len(pairs) < wanted:
        a, b = sorted(int(k) for k in draw.choice(count, 2, replace=False))
        if find(a) != find(b):
            root[find(a)] = find(b)
            pairs.append((a, b))
    joined = {k for pair in pairs for k in pair}
    return (*pairs, *((k,) for k in range(count) if k not in joined))
