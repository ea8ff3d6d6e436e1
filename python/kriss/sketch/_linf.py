"""Sketch-and-solve least squares with a guarantee and an error bar for every coefficient."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.linalg as sla
import scipy.sparse as sps

from kriss import _backend, _validate
from kriss._validate import FloatArray, RngLike
from kriss.sketch._certificate import sketched_factor
from kriss.sketch._kinds import Gaussian
from kriss.sketch._sparse_sign import strided
from kriss.sketch._srht import SRHT, TensorSRHT

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class LinfResult:
    """What `linf_lstsq` found out.

    Attributes
    ----------
    x : ndarray, shape (n,) or (n, k)
        Minimises ``norm(S @ (A @ x - b))``.
    coefficient_se : ndarray, shape of x
        Standard deviation of each coefficient about the least-squares solution, over random sketches; from this sketch
        alone, to a relative ``1/sqrt(sketch_size)`` or so. Zero if the problem was solved whole.
    bound : float or ndarray, shape () or (k,)
        ``epsilon / sqrt(n) * norm(r) * norm(pinv(A))``: what every coefficient's error stays below with probability
        ``1 - delta``. r and pinv(A) are taken from the result.
    epsilon, delta : float
        As asked for; `epsilon` is what `sketch_size` gives if that was asked for.
    residual_norm : float or ndarray, shape () or (k,)
        ``norm(b - A @ x)``, recomputed from A, b and x.
    condition : float
        Condition number of A after its columns were scaled to similar norms, up to the sketch's distortion.
    sketch_size : int
        Rows of the sketch; those of A if the problem was solved whole.
    kind : str
        ``"srht"``, ``"gaussian"``, ``"tensor-srht"``, or ``"none"`` if the problem was solved whole.
    backend : str
        ``"compiled"`` or ``"numba"``.
    """

    x: FloatArray
    coefficient_se: FloatArray
    bound: float | FloatArray
    epsilon: float
    delta: float
    residual_norm: float | FloatArray
    condition: float
    sketch_size: int
    kind: str
    backend: str


def linf_lstsq(
    a: object,
    b: object,
    *,
    epsilon: float = 1.0,
    delta: float = 0.01,
    sketch_size: int | None = None,
    kind: str = "srht",
    rng: RngLike = None,
    workers: int | None = None,
) -> LinfResult:
    """Least squares from one dense sketch: an approximate solution with an error bar for each coefficient.

    One pass over A, and no second one but for the residual. Every coefficient on its own is within ``epsilon / sqrt(n)
    * norm(r) * norm(pinv(A))`` of the least-squares solution's, r its residual: √n times less than what the error in
    the 2-norm promises, and what sketches of few nonzeros do not keep.

    Parameters
    ----------
    a : array_like or sparse matrix, shape (m, n); or a tuple (A1, A2) of two dense matrices
        Of full column rank. A tuple stands for ``kron(A1, A2)``, which is not formed.
    b : array_like, shape (m,) or (m, k)
        Right-hand sides; for a tuple m is the product of the two row numbers.
    epsilon : float
        How much error to allow, positive.
    delta : float
        Probability with which the bound may fail, in (0, 1).
    sketch_size : int, optional
        Rows of the sketch, more than n + 1; by default what `epsilon` and `delta` ask of a Gaussian sketch:
        ``n + 1 + 2 n log(2 n / delta) / epsilon**2``.
    kind : {"srht", "gaussian"}
        The sketch; a tuple always takes `TensorSRHT`.
    rng : int, SeedSequence, Generator or None
        The seed.
    workers : int, optional
        Threads; changes no bit of the sketch.

    Returns
    -------
    LinfResult

    Raises
    ------
    TypeError, ValueError
        If an argument is not real, has the wrong shape, holds NaN or infinity or is out of range; if A has fewer rows
        than columns.
    LinAlgError
        If the sketch of A is numerically rank deficient: its coefficients are not determined.
    OverflowError
        If the sketch overflows.

    Notes
    -----
    For a Gaussian sketch of d rows ``x - x*`` has, given the sketch of A, independent normal coordinates of variance
    ``norm(r)**2 * inv((SA).T @ SA)[j, j] / d``, whence both the error bars and the default size: a union bound over the
    coordinates. The theorem of Song, Ye, Yin and Zhang gives the same for the SRHT with ``d = n log(m / delta)**3 /
    epsilon**2``; measured, an SRHT with permuted rows keeps within the Gaussian's figures; with few tiles its
    errors are smaller than its error bars, by up to ``sqrt(1 - d / tile)`` for one tile. If the sketch would have
    m rows or more, the problem is solved whole by LAPACK's QR.

    ``2 d n**2`` flops, ``8 d n`` bytes and the sketch, with one more pass over A for `residual_norm`. float32 input is
    sketched in float32 and solved in float64.

    References
    ----------
    Z. Song, M. Ye, J. Yin, L. Zhang, *A nearly-optimal bound for fast regression with ℓ∞ guarantee*, ICML 2023,
    arXiv:2302.00248, theorem 1.1. E. Price, Z. Song, D. P. Woodruff, *Fast regression with an ℓ∞ guarantee*, ICALP
    2017: why one nonzero in a column of S is not enough.

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.sketch import linf_lstsq
    >>> rng = np.random.default_rng(0)
    >>> A = rng.standard_normal((20_000, 10))
    >>> b = A @ np.arange(10.0) + rng.standard_normal(20_000)
    >>> fit = linf_lstsq(A, b, rng=1)
    >>> error = fit.x - np.linalg.lstsq(A, b, rcond=None)[0]
    >>> bool(abs(error).max() < fit.bound), bool(abs(error / fit.coefficient_se).max() < 4)
    (True, True)
    """
    epsilon = _validate.scalar(epsilon, "epsilon", low=0.0, strict=True)
    delta = _validate.scalar(delta, "delta", low=0.0, strict=True)
    if delta >= 1:
        raise ValueError(f"delta must be below 1, not {delta}")
    _validate.choice(kind, "kind", ("srht", "gaussian"))
    threads = _validate.workers(workers)
    matrix = _Kronecker(a) if _is_pair(a) else _Plain(a)
    m, n = matrix.shape
    rhs = _validate.real_array(b, "b", ndim=(1, 2))
    if rhs.shape[0] != m:
        raise ValueError(f"b has {rhs.shape[0]} rows, expected {m} as {matrix.name} has")
    if m < n:
        raise ValueError(f"{matrix.name} has shape {(m, n)}, expected at least as many rows as columns")
    d = _size(n, epsilon, delta, sketch_size)
    if sketch_size is not None:
        epsilon = math.sqrt(2.0 * n * math.log(2.0 * max(n, 1) / delta) / (d - n - 1))
    columns = rhs[:, None] if rhs.ndim == 1 else rhs
    whole = d >= m
    if n == 0:
        d, kind = m, "none"
        left: FloatArray = np.zeros((0, 0))
        right: FloatArray = np.zeros((0, columns.shape[1]))
    elif whole:
        d, kind, left, right = m, "none", matrix.dense(), columns
    else:
        kind, left, right = matrix.sketched(columns, d, kind, rng, threads)
    x, unit, s = _solved(left.astype(np.float64), right.astype(np.float64), matrix)
    with np.errstate(over="ignore"):
        residual = matrix.residual(x, columns)
    norm = np.array([_norm(residual[:, q]) for q in range(columns.shape[1])])
    if d == m or d <= n + 1:
        star, se = norm, np.zeros_like(x)
    else:
        # |b - A x|² = |r|² + |A (x - x*)|², whose mean is |r|² (1 + n / (d - n - 1)).
        star = norm / math.sqrt(1.0 + n / (d - n - 1.0))
        se = unit[:, None] * (star / math.sqrt(d))
    bound = np.zeros_like(norm) if d == m else epsilon / math.sqrt(n) * star * (1.0 / _smallest(left))
    one = rhs.ndim == 1
    return LinfResult(
        x=x[:, 0] if one else x,
        coefficient_se=se[:, 0] if one else se,
        bound=float(bound[0]) if one else bound,
        epsilon=epsilon,
        delta=delta,
        residual_norm=float(norm[0]) if one else norm,
        condition=float(s[0] / s[-1]) if n else 1.0,
        sketch_size=d,
        kind=kind,
        backend=_backend.backend(),
    )


def _size(n: int, epsilon: float, delta: float, sketch_size: int | None) -> int:
    if sketch_size is not None:
        return _validate.integer(sketch_size, "sketch_size", low=n + 2, high=2**28)
    return min(2**28, n + 2 + math.ceil(2.0 * n * math.log(2.0 * max(n, 1) / delta) / epsilon**2))


def _norm(v: FloatArray) -> float:
    """Euclidean norm without overflow or underflow."""
    return float(sla.norm(v.astype(np.float64), check_finite=False)) if v.size else 0.0


def _smallest(a: FloatArray) -> float:
    return float(sla.svdvals(a.astype(np.float64), check_finite=False)[-1])


def _solved(left: Array, right: Array, matrix: _Plain | _Kronecker) -> tuple[Array, Array, Array]:
    """x, the roots of the diagonal of inv(left' left), and the singular values after scaling the columns."""
    n = left.shape[1]
    if n == 0:
        return np.zeros((0, right.shape[1])), np.zeros(0), np.ones(1)
    scale, scaled = sketched_factor(left)
    q, r = sla.qr(scaled, mode="economic", check_finite=False)
    s = sla.svdvals(r, check_finite=False)
    rank = int(np.sum(s > left.shape[0] * np.finfo(np.float64).eps * s[0])) if s[0] > 0 else 0
    if rank < n:
        raise sla.LinAlgError(
            f"{matrix.name} has numerical rank {rank} in its sketch, expected full rank {n}: no coefficient is certain"
        )
    back = sla.solve_triangular(r, np.eye(n), check_finite=False)
    x = scale[:, None] * sla.solve_triangular(r, q.T @ right, check_finite=False)
    unit = scale * np.sqrt(np.sum(back * back, axis=1))
    if not (np.isfinite(x).all() and np.isfinite(unit).all()):
        raise OverflowError(f"the solution overflows: scale {matrix.name} up or b down")
    return x, unit, s


def _is_pair(a: object) -> bool:
    if not isinstance(a, tuple) or len(a) != 2:
        return False
    return all(getattr(part, "ndim", np.ndim(part) if not sps.issparse(part) else 2) == 2 for part in a)


class _Plain:
    """One matrix."""

    name = "a"

    def __init__(self, a: object) -> None:
        self.a: Any
        if sps.issparse(a):
            csr = _validate.csr(a, "a")
            self.a = sps.csr_array((csr.data, csr.indices, csr.indptr), shape=csr.shape)
        else:
            self.a = strided(a, "a")
            _validate.check_finite(self.a, "a")
        self.shape: tuple[int, int] = self.a.shape

    def dense(self) -> FloatArray:
        return np.asarray(self.a.toarray() if sps.issparse(self.a) else self.a)

    def sketched(
        self, b: FloatArray, d: int, kind: str, rng: RngLike, workers: int
    ) -> tuple[str, FloatArray, FloatArray]:
        operator = SRHT(d, rng=rng) if kind == "srht" else Gaussian(d, rng=rng)
        many = None if workers == 0 else workers
        return kind, operator.apply(self.a, workers=many), operator.apply(b, workers=many)

    def residual(self, x: Array, b: FloatArray) -> Array:
        return np.asarray(b - self.a @ x)


class _Kronecker:
    """kron(A1, A2)."""

    name = "kron(A1, A2)"

    def __init__(self, a: object) -> None:
        assert isinstance(a, tuple)
        self.left, self.right = strided(a[0], "A1"), strided(a[1], "A2")
        _validate.check_finite(self.left, "A1")
        _validate.check_finite(self.right, "A2")
        (m1, n1), (m2, n2) = self.left.shape, self.right.shape
        self.shape = (m1 * m2, n1 * n2)

    def dense(self) -> FloatArray:
        return np.kron(self.left, self.right)

    def sketched(
        self, b: FloatArray, d: int, kind: str, rng: RngLike, workers: int
    ) -> tuple[str, FloatArray, FloatArray]:
        operator = TensorSRHT(d, len(self.left), len(self.right), rng=rng)
        many = None if workers == 0 else workers
        return (
            "tensor-srht",
            operator.apply(self.left, self.right, workers=many),
            operator.apply_vector(b, workers=many),
        )

    def residual(self, x: Array, b: FloatArray) -> Array:
        """b - (A1 X A2') for each column, X the coefficients as a matrix."""
        n1, n2 = self.left.shape[1], self.right.shape[1]
        out = np.empty(b.shape)
        for q in range(b.shape[1]):
            product = self.left @ x[:, q].reshape(n1, n2) @ self.right.T
            out[:, q] = b[:, q] - product.ravel()
        return out
