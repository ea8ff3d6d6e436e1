"""Kronecker grids: points that are the product of axes, under a kernel that is a product over columns."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from kriss import _validate
from kriss.gp._answers import LOG_2PI, observations
from kriss.gp._axes import Axes, Grid, Piece, find, pieces_of
from kriss.gp._iterative import Iterative
from kriss.gp._kernels import Kernel, points
from kriss.gp._krylov import LowRankPlusDiagonal
from kriss.gp._results import Prediction
from kriss.gp._structured import EPS, Structured

Array = npt.NDArray[Any]

_MOST_CELLS = 50  # cells of the full grid per observation, at most


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
        self._grid = Axes(pieces, axes, kernel.theta.size)
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

    @property
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
        self._grid = Axes(pieces, axes, kernel.theta.size)
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
    if find(X) is None:
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
        found = find(x) if x.shape[0] else None
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
