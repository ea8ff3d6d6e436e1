"""Positive definite preconditioners near the inverse of |A|, for MINRES on indefinite systems."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.linalg as sl
import scipy.sparse as sps
from scipy.sparse.linalg import LinearOperator, aslinearoperator

from kriss import _validate as check
from kriss.solve._precond import _Preconditioner
from kriss.solve._recycled import RecycledSpace

Array = npt.NDArray[Any]


class AbsoluteInverse(_Preconditioner):
    """A spectral correction ``P = S (I + W C W') S`` near ``|A|^-1`` for a symmetric indefinite A, from a few vectors.

    MINRES wants a positive definite preconditioner; the best there is, ``|A|^-1``, leaves it two steps. Here the
    eigenvalues of ``S A S`` next to zero that belong to the given vectors, usually those that an earlier solve of the
    sequence left, are moved to the size of the others, on their side of zero.

    Parameters
    ----------
    A : sparse matrix or array, dense array, or LinearOperator, shape (n, n)
        Real and symmetric, which is not checked.
    space : RecycledSpace or array_like, shape (n, k)
        Approximate eigenvectors for the eigenvalues next to zero: ``gcrodr(...).recycled`` of this or a related system.
    diagonal : bool, default True
        ``S = |D|^-1/2``, D the diagonal of A; otherwise, and for an operator, S = I.
    target : float, optional
        Size that the eigenvalues are moved to. By default the root mean square of all eigenvalues of ``S A S``,
        estimated by four random vectors.
    rng : int, SeedSequence, Generator or None
        Source of these vectors.

    Attributes
    ----------
    values : ndarray, shape (r,)
        Sizes of the eigenvalues that were moved, each ``||S A S w||`` of its vector, which is never smaller than the
        Ritz value: a vector that is no eigenvector is moved too little rather than too far.
    target : float
        Where they went.
    is_spd, is_linear : bool
        True.
    nbytes : int
        Memory held.

    Raises
    ------
    TypeError, ValueError
        If an argument has a wrong type or shape, or a diagonal entry is zero or not finite (it names the row).

    Notes
    -----
    Setting up: k + 4 products and 6 n k**2 flops. Applying: 4 n r + 3 n flops and (16 r + 48) n bytes. Vectors that are
    zero or depend on others are left out; eigenvalues beyond `target` are left where they are.

    It pays where the same or similar systems are solved again and tens of eigenvalues lie next to zero. Fits of a
    matrix from products with random vectors (`fit_absolute`) are far weaker for the same number of products.

    References
    ----------
    E. Vecharynski, A. V. Knyazev, "Absolute value preconditioning for symmetric indefinite linear systems", SIAM J.
    Sci. Comput. 35 (2013), section 2. L. Giraud, S. Gratton, "On the sensitivity of some spectral preconditioners",
    SIAM J. Matrix Anal. Appl. 27 (2006), section 2.

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.solve import AbsoluteInverse, gcrodr, minres
    >>> from kriss.testing import diffusion2d
    >>> A = diffusion2d(24, contrast=10.0)
    >>> A.setdiag(A.diagonal() - 0.5)
    >>> b = np.ones(576)
    >>> space = gcrodr(A, b, rtol=1e-6, restart=60, recycle=20).recycled
    >>> P = AbsoluteInverse(A, space)
    >>> minres(A, b, M=P, rtol=1e-8).iterations < 0.7 * minres(A, b, rtol=1e-8).iterations
    True
    """

    is_spd = True

    def __init__(
        self,
        A: Any,
        space: Any,
        *,
        diagonal: bool = True,
        target: float | None = None,
        rng: check.RngLike = 0,
    ) -> None:
        n, product, root = _operator(A, diagonal)
        self._root = root
        vectors = space.vectors if isinstance(space, RecycledSpace) else space
        v = check.real_array(vectors, "space", ndim=2, dtype=np.float64)
        if len(v) != n:
            raise ValueError(f"space has shape {v.shape}, expected ({n}, k)")
        basis = _orthonormal(v / root[:, None])
        image = root[:, None] * product(root[:, None] * basis)
        ritz = basis.T @ image
        w = basis @ np.linalg.eigh(0.5 * (ritz + ritz.T))[1] if basis.shape[1] else basis
        sizes = np.linalg.norm(root[:, None] * product(root[:, None] * w), axis=0) if w.shape[1] else np.zeros(0)
        if target is None:
            probe = check.generator(rng).standard_normal((n, 4))
            moved = root[:, None] * product(root[:, None] * probe)
            target = float(np.linalg.norm(moved) / (np.linalg.norm(probe) or 1.0)) or 1.0
        self.target = check.scalar(target, "target", low=0.0, strict=True)
        low = (sizes > 0.0) & (sizes < self.target)
        self.values, self._w = sizes[low], np.ascontiguousarray(w[:, low])
        self._gain = self.target / self.values - 1.0
        super().__init__(np.dtype(np.float64), (n, n))

    @property
    def nbytes(self) -> int:
        """Memory held, in bytes."""
        return int(self._w.nbytes + self._root.nbytes + 2 * self.values.nbytes)

    def apply(self, r: Array, out: Array) -> Array:
        """``out = P r``; returns `out`. Both are contiguous (n,) arrays of float64."""
        self._out(r, out)
        np.multiply(self._root, r, out=out)
        out += self._w @ (self._gain * (self._w.T @ out))
        out *= self._root
        return out

    def _multi(self, R: Array, out: Array) -> None:
        scaled = self._root[:, None] * R
        scaled += self._w @ (self._gain[:, None] * (self._w.T @ scaled))
        out[:] = self._root[:, None] * scaled


class LieGroupInverse(_Preconditioner):
    """A fit ``P = Q'Q`` near ``|A|^-1``: what `fit_absolute` returns.

    Attributes
    ----------
    form : {"triangular", "low_rank"}
        Q upper triangular; or ``Q = (I + U V') diag(d)``.
    products : int
        Products with A that the fit has seen.
    history : ndarray, shape (products,)
        ``||Q h||**2 / ||Q^-T v||**2`` of each step before its update, with h = A v: 1 on average for a perfect fit.
    is_spd, is_linear : bool
        True.
    nbytes : int
        Memory held.

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.solve import fit_absolute
    >>> fit = fit_absolute([[2.0, 0.0], [0.0, 0.5]], products=200)
    >>> fit.products, bool(np.allclose(fit.matrix(), [[0.5, 0.0], [0.0, 2.0]], atol=1e-3))
    (200, True)
    """

    is_spd = True

    def __init__(self, form: str, parts: tuple[Array, ...], history: Array) -> None:
        self.form, self._parts, self.history = form, parts, history
        self.products = len(history)
        n = len(parts[0])
        super().__init__(np.dtype(np.float64), (n, n))

    @property
    def nbytes(self) -> int:
        """Memory held, in bytes."""
        return int(sum(part.nbytes for part in self._parts) + self.history.nbytes)

    def apply(self, r: Array, out: Array) -> Array:
        """``out = P r``; returns `out`. Both are contiguous (n,) arrays of float64."""
        self._out(r, out)
        out[:] = self._times(r)
        return out

    def _times(self, r: Array) -> Array:
        if self.form == "triangular":
            (q,) = self._parts
            return np.asarray(q.T @ (q @ r))
        d, u, v = self._parts
        y = (d * r.T).T
        y = y + u @ (v.T @ y)
        return np.asarray((d * (y + v @ (u.T @ y)).T).T)

    def _multi(self, R: Array, out: Array) -> None:
        out[:] = self._times(R)

    def matrix(self) -> Array:
        """P as a dense array, shape (n, n)."""
        return self._times(np.eye(self.shape[0]))


def fit_absolute(
    A: Any,
    *,
    form: str = "triangular",
    products: int = 1000,
    rank: int = 10,
    step: float | None = None,
    decay: float | None = None,
    rng: check.RngLike = 0,
) -> LieGroupInverse:
    """Fit a positive definite ``P = Q'Q`` to ``|A|^-1`` from products of A with random vectors, on a Lie group.

    Minimises the expectation of ``h'P h + v'P^-1 v`` with h = A v and v standard normal, whose minimiser is
    ``|A|^-1``, by stochastic steps that stay on the group Q belongs to. Published for the preconditioning of stochastic
    gradients; kept here for comparison: `AbsoluteInverse` does far better as a preconditioner of MINRES wherever
    vectors to recycle are at hand.

    Parameters
    ----------
    A : sparse matrix or array, dense array, or LinearOperator, shape (n, n)
        Real and symmetric, which is not checked.
    form : {"triangular", "low_rank"}
        Q an upper triangle, n**2 numbers; or ``(I + U V') diag(d)`` with U and V of shape (n, rank).
    products : int, default 1000
        Steps, each with one product.
    rank : int, default 10
        Columns of U and V.
    step : float, optional
        Relative length of the first steps, below 2; 1 for triangles and 0.1 for low rank by default.
    decay : float, optional
        Step k has the length ``step / (1 + k / decay)``; ``10 n`` by default. With ``math.inf``, as published, the fit
        converges linearly where A is definite, but stays noisy where it is indefinite.
    rng : int, SeedSequence, Generator or None
        Source of the vectors.

    Returns
    -------
    LieGroupInverse
        A preconditioner for `minres`.

    Raises
    ------
    TypeError, ValueError
        If an argument has a wrong type or value, or a product is not finite.

    Notes
    -----
    A step: one product and about 8 n**2 flops (triangular) or 30 n rank (low rank). Measured for triangles, n = 20 and
    condition number 100, as the square root of the condition number of ``P |A|``: definite with a constant step 1.8
    after 200 products and 1.06 after 1000; indefinite 3.0 and 1.6, without decay 3.1 and 2.6.

    References
    ----------
    X.-L. Li, "Stochastic Hessian fittings with Lie groups", 2024, arXiv:2402.11858, sections 3 and 4. O. Pooladzandi,
    X.-L. Li, "Curvature-informed SGD via general purpose Lie-group preconditioners", 2024, arXiv:2402.04553, section 3.

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.solve import fit_absolute
    >>> A = np.diag([4.0, -1.0, 0.25])
    >>> fit = fit_absolute(A, products=400)
    >>> bool(np.allclose(fit.matrix() @ abs(A), np.eye(3), atol=0.1))
    True
    """
    check.choice(form, "form", ("triangular", "low_rank"))
    products = check.integer(products, "products", low=0)
    rank = check.integer(rank, "rank", low=1)
    length = (
        (1.0 if form == "triangular" else 0.1) if step is None else check.scalar(step, "step", low=0.0, strict=True)
    )
    if not length < 2.0:
        raise ValueError(f"step must be below 2, not {length}")
    draw = check.generator(rng)
    n, product, _ = _operator(A, False)
    half = 10.0 * max(n, 1) if decay is None else check.scalar(decay, "decay", low=0.0, strict=True, finite=False)
    vectors = draw.standard_normal((4, n))
    size = float(np.linalg.norm(product(vectors.T)) / (np.linalg.norm(vectors) or 1.0)) if n else 1.0
    if not math.isfinite(size):
        raise ValueError("a product of A with a random vector is not finite")
    start = 1.0 / math.sqrt(size) if size > 0.0 else 1.0
    fit: Any = _Triangle(n, start) if form == "triangular" else _LowRank(n, start, min(rank, max(n, 1)), draw)
    history = np.zeros(products)
    for k in range(products):
        v = draw.standard_normal(n)
        h = product(v[:, None])[:, 0]
        if not np.isfinite(h).all():
            raise ValueError(f"product {k} with A is not finite")
        history[k] = fit.step(h, v, length / (1.0 + k / half))
    return LieGroupInverse(form, fit.parts(), history)


class _Triangle:
    def __init__(self, n: int, start: float) -> None:
        self.q = start * np.eye(n)

    def step(self, h: Array, v: Array, length: float) -> float:
        a = self.q @ h
        b = sl.solve_triangular(self.q, v, trans=1, check_finite=False)
        aa, bb = float(a @ a), float(b @ b)
        if aa + bb > 0.0:
            # triu(a a') Q: row i is a_i times the sum over j >= i of a_j Q_j
            change = a[:, None] * np.cumsum((a[:, None] * self.q)[::-1], axis=0)[::-1]
            change -= b[:, None] * np.cumsum((b[:, None] * self.q)[::-1], axis=0)[::-1]
            self.q -= (length / (aa + bb)) * change
        return aa / bb if bb > 0.0 else math.inf

    def parts(self) -> tuple[Array, ...]:
        return (self.q,)


class _LowRank:
    def __init__(self, n: int, start: float, rank: int, draw: np.random.Generator) -> None:
        self.d = np.full(n, start)
        self.u, self.v = (0.1 * draw.standard_normal((n, rank)) / math.sqrt(max(n, 1)) for _ in range(2))
        self.turn = 0

    def step(self, h: Array, v: Array, length: float) -> float:
        d, u, w = self.d, self.u, self.v
        inner = np.eye(u.shape[1]) + w.T @ u  # I + V'U
        y = d * h
        a = y + u @ (w.T @ y)
        y = v / d
        b = y - w @ np.linalg.solve(inner.T, u.T @ y)
        ratio = float(a @ a) / float(b @ b) if float(b @ b) > 0.0 else math.inf
        ph = d * (a + w @ (u.T @ a))
        pv = (b - u @ np.linalg.solve(inner, w.T @ b)) / d
        slope = h * ph - v * pv
        if self.turn == 0:
            at, bt = a @ w, b @ w
            norm = float(np.linalg.norm(a) * np.linalg.norm(w @ at) + np.linalg.norm(b) * np.linalg.norm(w @ bt))
            if norm > 0.0:
                self.u = u - (length / norm) * (np.outer(a, at) - np.outer(b, bt)) @ inner
        else:
            at, bt = a @ u, b @ u
            norm = float(np.linalg.norm(a) * np.linalg.norm(u @ at) + np.linalg.norm(b) * np.linalg.norm(u @ bt))
            if norm > 0.0:
                k = np.outer(a, at) - np.outer(b, bt)
                self.v = w - (length / norm) * (k + w @ (u.T @ k))
        self.turn = 1 - self.turn
        largest = float(np.abs(slope).max(initial=0.0))
        if largest > 0.0:
            self.d = d * (1.0 - (min(length, 0.9) / largest) * slope)
        return ratio

    def parts(self) -> tuple[Array, ...]:
        return self.d, self.u, self.v


def _operator(A: Any, diagonal: bool) -> tuple[int, Any, Array]:
    """n, the product with a block of vectors, and the diagonal of S."""
    matrix: Any
    if sps.issparse(A):
        m = check.csr(A, "A", square=True, dtype=np.float64)
        matrix = sps.csr_array((m.data, m.indices, m.indptr), shape=m.shape)
    elif isinstance(A, (np.ndarray, list, tuple)):
        matrix = check.real_array(A, "A", ndim=2, dtype=np.float64)
    else:
        try:
            matrix = aslinearoperator(A)
        except TypeError:
            raise TypeError(
                f"A must be a sparse matrix, a dense array or a LinearOperator, not {type(A).__name__}"
            ) from None
        if matrix.dtype is not None and np.dtype(matrix.dtype).kind == "c":
            raise TypeError(f"A has dtype {matrix.dtype}, expected real numbers")
    n = int(matrix.shape[0])
    if tuple(matrix.shape) != (n, n):
        raise ValueError(f"A has shape {tuple(matrix.shape)}, expected a square matrix")
    root = np.ones(n)
    if isinstance(matrix, LinearOperator):
        return n, lambda block: np.asarray(matrix.matmat(block), np.float64), root
    if diagonal:
        size = np.abs(matrix.diagonal())
        if not (size > 0.0).all():
            row = int(np.argmin(size > 0.0))
            raise ValueError(f"A has diagonal entry {size[row]} in row {row}, expected nonzero: use diagonal=False")
        root = 1.0 / np.sqrt(size)
    return n, lambda block: np.asarray(matrix @ block), root


def _orthonormal(v: Array) -> Array:
    """An orthonormal basis of the columns, those left out that are zero or depend on others."""
    length = np.linalg.norm(v, axis=0)
    v = v[:, (length > 0.0) & np.isfinite(length)]
    if not v.shape[1]:
        return v
    q, r, _ = sl.qr(v / np.linalg.norm(v, axis=0), mode="economic", pivoting=True)
    size = np.abs(np.diagonal(r))
    return np.ascontiguousarray(q[:, : int((size > 1e-10 * size[0]).sum())])
