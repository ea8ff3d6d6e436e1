"""Kronecker grids: points that are the product of axes, under a kernel that is a product over columns."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from kriss import _validate
from kriss.gp._factor import Prediction, observations
from kriss.gp._iterative import Iterative
from kriss.gp._kernels import RBF, Kernel, points
from kriss.gp._krylov import LowRankPlusDiagonal
from kriss.gp._structured import EPS, LOG_2PI, Structured, row_blocks

Array = npt.NDArray[Any]

_MOST_CELLS = 50  # cells of the full grid per observation, at most


class Piece(NamedTuple):
    """A factor of the kernel: over one column, or a number where `column` is None. place: entries of theta, or -1."""

    column: int | None
    kernel: Kernel | None
    value: float
    place: npt.NDArray[np.int64]


def _columns(kernel: Any, d: int) -> set[int] | None:
    """The columns that a kernel depends on, None if that is not known."""
    parts = getattr(kernel, "factors", None) or (kernel.terms if len(kernel.terms) > 1 else None)
    if parts is not None:
        found = [_columns(p, d) for p in parts]
        return None if any(f is None for f in found) else set().union(*(f for f in found if f is not None))
    if type(kernel).__name__ == "Constant":
        return set()
    if not hasattr(kernel, "active_dims") or not hasattr(kernel, "lengthscale"):
        return None
    return set(range(d)) if kernel.active_dims is None else set(kernel.active_dims)


def pieces_of(kernel: Any, d: int, at: int = 0) -> list[Piece] | None:
    """The kernel as a product of functions of one column each, or None if it is none."""
    factors = getattr(kernel, "factors", None)
    if factors is not None:
        out: list[Piece] = []
        for factor in factors:
            part = pieces_of(factor, d, at)
            if part is None:
                return None
            out += part
            at += factor.theta.size
        return out
    columns = _columns(kernel, d)
    if columns is None:
        return None
    place = np.arange(at, at + kernel.theta.size)
    if len(columns) == 1:
        return [Piece(columns.pop(), kernel, 1.0, place)]
    if not columns:
        return [Piece(None, None, float(np.exp(kernel.theta[0])), place)]
    if not isinstance(kernel, RBF):
        return None
    dims = list(range(d)) if kernel.active_dims is None else list(kernel.active_dims)
    lengths = np.broadcast_to(kernel.lengthscale, (len(dims),))
    which = np.full(len(dims), 1) if np.ndim(kernel.lengthscale) == 0 else 1 + np.arange(len(dims))
    out = [Piece(None, None, kernel.variance, place[:1])]
    for q, length, slot in zip(dims, lengths, which, strict=True):
        out.append(Piece(q, RBF(float(length), 1.0, active_dims=[q]), 1.0, np.array([-1, at + slot])))
    return out


@dataclass(frozen=True, eq=False)
class Grid:
    """A product of axes, perhaps with missing cells.

    Parameters
    ----------
    axes : sequence of array_like, each of shape (n_q,)
        Coordinates along each axis, all different; in any order.
    mask : array_like of bool, shape (n_1, ..., n_d), optional
        True where a cell is missing, as in NumPy's masked arrays.

    Raises
    ------
    TypeError, ValueError
        If an axis is empty, not finite or names a coordinate twice, or the mask has another shape or no cell left.

    Examples
    --------
    >>> from kriss.gp import Grid
    >>> Grid([[0.0, 1.0], [0.0, 1.0, 2.0]], mask=[[False, True, False], [False, False, False]]).points().shape
    (5, 2)
    """

    axes: Sequence[npt.ArrayLike]
    mask: npt.ArrayLike | None = None

    def __post_init__(self) -> None:
        checked = []
        for q, axis in enumerate(self.axes):
            values = _validate.real_array(axis, f"axes[{q}]", ndim=1, single=False).copy()
            if values.size == 0:
                raise ValueError(f"axes[{q}] is empty, expected at least one coordinate")
            if np.unique(values).size != values.size:
                raise ValueError(f"axes[{q}] names a coordinate twice")
            values.flags.writeable = False
            checked.append(values)
        if not checked:
            raise ValueError("axes is empty, expected at least one axis")
        object.__setattr__(self, "axes", tuple(checked))
        if self.mask is not None:
            mask = np.array(self.mask)
            if mask.dtype != np.bool_ or mask.shape != self.shape:
                raise ValueError(f"mask has dtype {mask.dtype} and shape {mask.shape}, expected bool and {self.shape}")
            if mask.all():
                raise ValueError("mask leaves no cell")
            mask.flags.writeable = False
            object.__setattr__(self, "mask", mask)

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the axes."""
        return tuple(np.size(a) for a in self.axes)

    def cells(self) -> npt.NDArray[np.int64]:
        """Numbers of the cells that are there, the last axis running fastest, shape (n,)."""
        if self.mask is None:
            return np.arange(math.prod(self.shape))
        return np.flatnonzero(~np.asarray(self.mask).ravel())

    def points(self) -> Array:
        """The points of those cells, shape (n, d): what `X` is for a factor."""
        index = np.unravel_index(self.cells(), self.shape)
        return np.column_stack([np.asarray(a)[i] for a, i in zip(self.axes, index, strict=True)])


def _find(x: Array) -> tuple[list[Array], npt.NDArray[np.int64]] | None:
    """Axes and cell numbers of points in any order; None if two points share a cell."""
    axes, codes = [], []
    for q in range(x.shape[1]):
        values, inverse = np.unique(x[:, q], return_inverse=True)
        axes.append(values)
        codes.append(inverse.ravel())
    shape = tuple(a.size for a in axes)
    if math.prod(shape) >= 2**62:
        return None
    cells = np.ravel_multi_index(codes, shape).astype(np.int64)
    return (axes, cells) if np.unique(cells).size == cells.size else None


class _Axes:
    """Matrices of a kernel along the axes of a grid, and what is computed with them."""

    def __init__(self, pieces: list[Piece], axes: Sequence[Array], parameters: int) -> None:
        self.shape = tuple(a.size for a in axes)
        self.size = math.prod(self.shape)
        self.parameters = parameters
        self._pieces = pieces
        self._axes = axes
        d = len(axes)
        self.scale = math.prod(p.value for p in pieces)
        self._own: list[list[Array]] = [[] for _ in axes]
        for piece in pieces:
            if piece.column is not None and piece.kernel is not None:
                self._own[piece.column].append(piece.kernel(self._embed(piece.column, axes[piece.column], d)))
        self.matrices = [
            math.prod(own, start=np.ones((a.size, a.size))) for own, a in zip(self._own, axes, strict=True)
        ]

    @staticmethod
    def _embed(column: int, values: Array, d: int) -> Array:
        x = np.zeros((values.size, d))
        x[:, column] = values
        return x

    def apply(self, matrices: Sequence[Array], t: Array, skip: int = -1) -> Array:
        """Each matrix along its axis of t (n_1, ..., n_d, k), but for `skip`."""
        for q, m in enumerate(matrices):
            if q != skip:
                t = np.moveaxis(np.tensordot(m, t, axes=(1, q)), 0, q)
        return t

    def cross(self, xs: Array) -> list[Array]:
        """Per axis the covariances of new points with it, (s, n_q), without the scale."""
        d = len(self._axes)
        out = [np.ones((xs.shape[0], n)) for n in self.shape]
        for piece in self._pieces:
            if piece.column is not None and piece.kernel is not None:
                there = self._embed(piece.column, self._axes[piece.column], d)
                out[piece.column] *= piece.kernel(xs, there)
        return out

    @staticmethod
    def rows(per_axis: Sequence[Array], t: Array) -> Array:
        """``sum_cells prod_q per_axis[q][i, cell_q] t[cell]`` for t (n_1, ..., n_d, k): (s, k)."""
        count = per_axis[0].shape[0]
        out = np.empty((count, t.shape[-1]))
        for part in row_blocks(count, t.size // t.shape[0]):
            here = np.tensordot(per_axis[0][part], t, axes=(1, 0))
            for m in per_axis[1:]:
                here = np.einsum("ij,ij...->i...", m[part], here)
            out[part] = here
        return out

    def gradient(self, weights: Sequence[Array]) -> Array:
        """Sum over pairs of cells of W dK in theta, where weights[q] is W contracted over all axes but q with the other
        axes' matrices and the scale."""
        total = np.zeros(self.parameters)
        d = len(self._axes)
        level = float((weights[0] * self.matrices[0]).sum())
        seen = [0] * d
        for piece in self._pieces:
            if piece.column is None or piece.kernel is None:
                total[piece.place] += level
                continue
            q = piece.column
            own = self._own[q]
            others = math.prod((m for k, m in enumerate(own) if k != seen[q]), start=weights[q])
            seen[q] += 1
            kernel: Any = piece.kernel
            slope = kernel.contract(self._embed(q, self._axes[q], d), others)
            real = piece.place >= 0
            np.add.at(total, piece.place[real], slope[real])
        return total

    def outer(self, left: Array, right: Array) -> list[Array]:
        """Those weights for W = sum_s left_s right_s', left and right (n_1, ..., n_d, s)."""
        out = []
        for q, n in enumerate(self.shape):
            image = self.apply(self.matrices, right, skip=q) * self.scale
            unfolded = [np.moveaxis(t, q, 0).reshape(n, -1) for t in (left, image)]
            out.append(unfolded[0] @ unfolded[1].T)
        return out


class GridFactor(Structured):
    """The eigendecomposition of ``kernel(X) + noise I`` on a full grid; made by `kriss.gp.grid`.

    Attributes
    ----------
    kernel : Kernel
        The covariance function.
    X : ndarray, shape (n, d)
        The points, read-only, in any order.
    noise : ndarray, shape (n,)
        Noise variance of each observation, all equal, read-only.
    axes : tuple of ndarray
        The axes of the grid.
    structure, reason : str
        ``"grid"``, and why it was chosen.

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.gp import RBF, Grid, grid
    >>> f = grid(RBF([0.5, 2.0]), Grid([np.linspace(0, 1, 30), np.linspace(0, 9, 40)]), noise=0.01)
    >>> f.n, f.structure
    (1200, 'grid')
    """

    structure = "grid"

    def __init__(
        self,
        kernel: Kernel,
        X: object,
        noise: object,
        pieces: list[Piece],
        axes: Sequence[Array],
        cells: npt.NDArray[np.int64],
        reason: str,
        workers: int | None,
        check_finite: bool,
    ) -> None:
        super().__init__(kernel, X, noise, reason, workers, check_finite)
        self.axes = tuple(axes)
        self._cells = cells
        self._grid = _Axes(pieces, axes, kernel.theta.size)
        self._tau = float(self.noise[0])
        pairs = [np.linalg.eigh(m) for m in self._grid.matrices]
        self._values, self._vectors = [np.maximum(v, 0.0) for v, _ in pairs], [v for _, v in pairs]
        self._plain = self._grid.scale * math.prod(
            v.reshape([-1 if q == r else 1 for r in range(len(axes))]) for q, v in enumerate(self._values)
        )
        self._spectrum = self._plain + self._tau
        low, high = float(self._spectrum.min()), float(self._spectrum.max())
        if not low > 4.0 * math.sqrt(self.n) * EPS * high:
            raise np.linalg.LinAlgError(
                f"the covariance matrix is not positive definite to working precision: its eigenvalues lie between "
                f"{low:.3g} and {high:.3g}, noise included ({self._tau:.3g}). Raise noise (its variance)"
            )

    def _up(self, b: Array) -> Array:
        """Columns (n, k) in the eigenvectors' coordinates, (n_1, ..., n_d, k)."""
        t = np.empty_like(b)
        t[self._cells] = b
        return self._grid.apply([v.T for v in self._vectors], t.reshape(*self._grid.shape, -1))

    def _down(self, t: Array) -> Array:
        out: Array = self._grid.apply(self._vectors, t).reshape(self.n, -1)[self._cells]
        return out

    def logdet(self) -> float:
        """``log det K``.

        Returns
        -------
        float
            The sum of the logarithms of the eigenvalues.
        """
        return float(np.log(self._spectrum).sum())

    def _quad(self, y: Array) -> float:
        up = self._up(y[:, None])[..., 0]
        return float((up * up / self._spectrum).sum())

    def _solve(self, b: Array) -> Array:
        return self._down(self._up(b) / self._spectrum[..., None])

    def _multiply(self, b: Array) -> Array:
        return self._down(self._up(b) * self._spectrum[..., None])

    def _inverse_diagonal(self) -> Array:
        t = self._grid.apply([v * v for v in self._vectors], (1.0 / self._spectrum)[..., None])
        out: Array = t.reshape(-1)[self._cells]
        return out

    def _draw(self, count: int, rng: np.random.Generator) -> Array:
        z = rng.standard_normal((count, self.n)).T.reshape(*self._grid.shape, count)
        return np.ascontiguousarray(self._down(z * np.sqrt(self._spectrum)[..., None]).reshape(self.n, count).T)

    def condition_estimate(self) -> float:
        """The condition number of K in the 2-norm, from its eigenvalues.

        Returns
        -------
        float
            The largest eigenvalue over the least.
        """
        return float(self._spectrum.max() / self._spectrum.min())

    def log_likelihood_grad(self, y: npt.ArrayLike) -> tuple[float, Array]:
        """The log marginal likelihood and its exact gradient in the log-parameters.

        Parameters
        ----------
        y : array_like, shape (n,)
            Observations.

        Returns
        -------
        value : float
            The log-likelihood.
        gradient : ndarray, shape (p + 1,)
            Derivatives in ``kernel.theta``, then in the logarithm of the noise.

        Notes
        -----
        ``2 d n sum(n_q)`` flops: for each axis the weights ``(alpha alpha' - K^-1) / 2`` are contracted with the
        matrices of all the others, which leaves n_q by n_q of them.
        """
        b = observations(y, self.n, finite=self._check)
        up = self._up(b[:, None])
        value = -0.5 * (float((up[..., 0] ** 2 / self._spectrum).sum()) + self.logdet() + self.n * LOG_2PI)
        alpha = self._grid.apply(self._vectors, up / self._spectrum[..., None])
        weights = self._grid.outer(alpha, alpha)
        for q, v in enumerate(self._vectors):
            # diag of V_q'(K^-1 contracted over the other axes) V_q: products of the other axes' eigenvalues.
            others = self._grid.scale * math.prod(
                e.reshape([-1 if r == s else 1 for s in range(len(self._values))])
                for r, e in enumerate([np.ones_like(e) if r == q else e for r, e in enumerate(self._values)])
            )
            over = tuple(r for r in range(len(self._values)) if r != q)
            weights[q] = 0.5 * (weights[q] - (v * (others / self._spectrum).sum(axis=over)) @ v.T)
        noise = 0.5 * self._tau * float((alpha**2).sum() - (1.0 / self._spectrum).sum())
        return value, np.append(self._grid.gradient(weights), noise)

    def predict(
        self, Xs: npt.ArrayLike, y: npt.ArrayLike, *, return_std: bool = False, return_cov: bool = False
    ) -> Prediction:
        """The posterior at new points, on the grid or off it, given observations.

        Parameters
        ----------
        Xs : array_like, shape (s, d)
            Where to predict.
        y : array_like, shape (n,) or (n, outputs)
            Observations at `X`, of zero prior mean.
        return_std : bool, default False
            Also the standard deviation at each point.
        return_cov : bool, default False
            Also the covariance matrix, s**2 doubles and s n of work space.

        Returns
        -------
        Prediction
            ``mean``, and ``std`` and ``cov`` where asked for, of the latent function. Variances are clipped at 0.

        Notes
        -----
        2 n flops per point for the mean and as many for the deviation, and ``s sum(n_q)`` kernel values.
        """
        xs = self._test_points(Xs)
        b = observations(y, self.n, ndim=(1, 2), finite=self._check)
        cross = self._grid.cross(xs)
        scale = self._grid.scale
        alpha = self._grid.apply(self._vectors, self._up(b.reshape(self.n, -1)) / self._spectrum[..., None])
        mean = scale * self._grid.rows(cross, alpha).reshape(xs.shape[0], *b.shape[1:])
        std = cov = None
        if return_std or return_cov:
            turned = [c @ v for c, v in zip(cross, self._vectors, strict=True)]
            if return_std:
                known = self._grid.rows([t * t for t in turned], (1.0 / self._spectrum)[..., None])[:, 0]
                std = np.sqrt(np.maximum(np.asarray(self.kernel.diag(xs)) - scale * scale * known, 0.0))
            if return_cov:
                half = turned[0]
                for t in turned[1:]:
                    half = (half[:, :, None] * t[:, None, :]).reshape(xs.shape[0], -1)
                half = half * (scale / np.sqrt(self._spectrum.ravel()))
                cov = self.kernel(xs, workers=self._threads or None) - half @ half.T
        return Prediction(mean, std, cov)


class PartialGridFactor(Iterative):
    """``kernel(X) + diag(noise)`` on a grid with missing cells or unequal noise; made by `kriss.gp.grid`.

    Solves run by conjugate gradients over the full grid's products, projected to the cells that are there, and are
    good to `rtol`. The determinant is an estimate by stochastic Lanczos quadrature with a standard error, and so are
    likelihood and gradient: `logdet_estimate`, `log_likelihood_estimate`.

    Attributes
    ----------
    kernel : Kernel
        The covariance function.
    X : ndarray, shape (n, d)
        The points, read-only.
    noise : ndarray, shape (n,)
        Noise variance of each observation, read-only.
    axes : tuple of ndarray
        The axes of the grid.
    structure, reason : str
        ``"grid"``, and why it was chosen.

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.gp import RBF, Grid, grid
    >>> hole = np.zeros((20, 20), bool)
    >>> hole[5:9, 5:9] = True
    >>> f = grid(RBF([0.5, 0.5]), Grid([np.linspace(0, 1, 20), np.linspace(0, 1, 20)], mask=hole), noise=0.01)
    >>> f.n, f.exact
    (384, False)
    """

    structure = "grid"

    def __init__(
        self,
        kernel: Kernel,
        X: object,
        noise: object,
        pieces: list[Piece],
        axes: Sequence[Array],
        cells: npt.NDArray[np.int64],
        rank: int,
        rtol: float,
        maxiter: int,
        probes: int,
        seed: _validate.RngLike,
        reason: str,
        workers: int | None,
        check_finite: bool,
    ) -> None:
        super().__init__(kernel, X, noise, rtol, maxiter, probes, seed, reason, workers, check_finite)
        self.axes = tuple(axes)
        self._cells = cells
        self._grid = _Axes(pieces, axes, kernel.theta.size)
        wanted = min(_validate.integer(rank, "rank", low=0), self.n)
        rows, left = self._leading(wanted)
        d = self.noise
        if not d.min() > 0.0:
            d = d + max(left, 100.0 * EPS * float(np.asarray(kernel.diag(self.X[:1]))[0]))
        self._P = LowRankPlusDiagonal(rows, d)

    def _leading(self, count: int) -> tuple[Array, float]:
        """The full grid's largest eigenpairs as rows of a factor on the cells, and the mean variance left."""
        pairs = [np.linalg.eigh(m) for m in self._grid.matrices]
        d = len(pairs)
        values = self._grid.scale * math.prod(
            np.maximum(v, 0.0).reshape([-1 if q == r else 1 for r in range(d)]) for q, (v, _) in enumerate(pairs)
        )
        flat = values.ravel()
        best = np.argsort(-flat, kind="stable")[:count]
        at, index = np.unravel_index(best, self._grid.shape), np.unravel_index(self._cells, self._grid.shape)
        rows = np.ones((best.size, self.n)) * np.sqrt(flat[best])[:, None]
        for q, (_, v) in enumerate(pairs):
            rows *= v[np.ix_(index[q], at[q])].T
        return rows, float((flat.sum() - flat[best].sum()) / flat.size)

    def _scatter(self, v: Array) -> Array:
        t = np.zeros((self._grid.size, v.shape[1]))
        t[self._cells] = v
        return t.reshape(*self._grid.shape, v.shape[1])

    def _kernel_product(self, x: Array, v: Array) -> Array:
        t = self._scatter(v)
        if x is self.X:
            full = self._grid.apply(self._grid.matrices, t).reshape(self._grid.size, -1)
            out: Array = self._grid.scale * full[self._cells]
            return out
        return self._grid.scale * self._grid.rows(self._grid.cross(x), t)

    def _contract(self, left: Array, right: Array) -> Array:
        return self._grid.gradient(self._grid.outer(self._scatter(left), self._scatter(right)))


def suits(kernel: Kernel, X: Array, noise: Array) -> str | None:
    """Why the structure fits, or None: a full grid in any order, equal noise, a product over columns."""
    if X.shape[0] < 2 or X.shape[1] < 2 or noise.min() != noise.max():
        return None
    if pieces_of(kernel, X.shape[1]) is None:
        return None
    shape = [np.unique(X[:, q]).size for q in range(X.shape[1])]
    if math.prod(shape) != X.shape[0] or sum(n > 1 for n in shape) < 2:
        return None
    if _find(X) is None:
        return None
    size = " by ".join(map(str, shape))
    return f"X is a full grid of {size} points, the noise is the same everywhere, the kernel a product over columns"


def grid(
    kernel: Kernel,
    X: npt.ArrayLike | Grid,
    noise: npt.ArrayLike = 0.0,
    *,
    rank: int = 100,
    rtol: float = 1e-8,
    maxiter: int = 1000,
    probes: int = 16,
    seed: _validate.RngLike = 0,
    workers: int | None = None,
    check_finite: bool = True,
) -> GridFactor | PartialGridFactor:
    """The covariance matrix of a grid as a Kronecker product: sums of n_q**3 flops instead of n**3 / 3.

    Parameters
    ----------
    kernel : Kernel
        Covariance function that is a product over columns: `RBF`, any kernel of one column, and products of those.
    X : Grid, or array_like of shape (n, d)
        The grid, or points that lie on one, in any order.
    noise : float or array_like of shape (n,), default 0.0
        Variance of the noise of each observation.
    rank, rtol, maxiter, probes, seed
        As in `iterative`; for grids with missing cells or unequal noise only.
    workers : int, optional
        Threads; the process-wide setting by default.
    check_finite : bool, default True
        Refuse NaN and infinity in observations; points and `noise` must be finite always.

    Returns
    -------
    GridFactor or PartialGridFactor
        The first for a full grid of equal noise, where everything is exact; the second otherwise, where solves are
        good to `rtol` and determinants are estimates with a standard error.

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong type, dtype or shape, if the points are on no grid, or if the kernel is not known
        to be a product over columns.
    numpy.linalg.LinAlgError
        If the matrix is not positive definite to working precision.

    Notes
    -----
    Full: ``9 sum(n_q**3) + 4 n sum(n_q)`` flops for factor and solve, ``sum(n_q**2) + 2 n`` doubles. Partial: each
    iteration costs ``2 N sum(n_q)`` flops per right-hand side for the N cells of the full grid.

    References
    ----------
    Y. Saatci, "Scalable Inference for Structured Gaussian Process Models", PhD thesis, University of Cambridge, 2011,
    section 5.1 (full grids). A. G. Wilson, E. Gilboa, A. Nehorai, J. P. Cunningham, "Fast Kernel Learning for
    Multidimensional Pattern Extrapolation", NeurIPS 2014, section 3 (missing cells).

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.gp import RBF, Grid, grid
    >>> cells = Grid([np.linspace(0.0, 1.0, 40), np.linspace(0.0, 2.0, 50)])
    >>> x = cells.points()
    >>> y = np.sin(3.0 * x[:, 0]) * np.cos(x[:, 1])
    >>> f = grid(RBF([0.5, 1.0]), cells, noise=1e-4)
    >>> value, gradient = f.log_likelihood_grad(y)
    >>> gradient.shape
    (4,)
    >>> bool(abs(f.predict([[0.5, 1.0]], y).mean[0] - np.sin(1.5) * np.cos(1.0)) < 1e-3)
    True
    """
    if not isinstance(kernel, Kernel):
        raise TypeError(f"kernel must be a kriss.gp kernel, not {type(kernel).__name__}")
    if isinstance(X, Grid):
        x, axes, cells = X.points(), [np.asarray(a) for a in X.axes], X.cells()
    else:
        x = points(X)
        found = _find(x) if x.shape[0] else None
        if found is None:
            raise ValueError("X is not on a grid: it is empty, or two of its rows are the same point")
        axes, cells = found
    size = math.prod(a.size for a in axes)
    if size > _MOST_CELLS * x.shape[0]:
        raise ValueError(
            f"X is not on a grid: its {x.shape[0]} rows lie in a product of axes with {size} cells, expected at most "
            f"{_MOST_CELLS} cells per row"
        )
    pieces = pieces_of(kernel, x.shape[1])
    if pieces is None:
        raise ValueError(
            f"kernel {kernel!r} is not a product over columns, as a grid needs: use RBF, kernels of one column each "
            f"(active_dims), and their products, or structure='dense'"
        )
    level = _validate.real_array(noise, "noise", ndim=(0, 1), single=False)
    equal = level.size > 0 and level.min() == level.max()
    what = " by ".join(str(a.size) for a in axes)
    if size == x.shape[0] and equal:
        reason = f"a full grid of {what} points, equal noise, a kernel that is a product over columns"
        return GridFactor(kernel, x, noise, pieces, axes, cells, reason, workers, check_finite)
    missing = f"{size - x.shape[0]} of {what} cells missing" if size > x.shape[0] else "unequal noise"
    reason = f"a grid with {missing}: conjugate gradients over the full grid's products"
    return PartialGridFactor(
        kernel, x, noise, pieces, axes, cells, rank, rtol, maxiter, probes, seed, reason, workers, check_finite
    )


build = grid
