"""What the polynomial preconditioners share: the matrix or operator, the table of steps, estimates of the spectrum."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import scipy.sparse as sps
from scipy.sparse.linalg import LinearOperator, aslinearoperator

from kriss import _validate as check
from kriss._backend import kernels
from kriss.solve._native import NativePreconditioner, balanced
from kriss.solve._precond import _copied

Array = npt.NDArray[Any]

CHEBYSHEV, HORNER, ROOTS = 0, 1, 2
_SEED = 20231  # of the start vectors of estimates


def source(A: Any, dtype: npt.DTypeLike | None = None) -> tuple[check.Csr | None, LinearOperator | None]:
    """A as a checked copy in CSR (dense arrays too), or as a real linear operator."""
    if isinstance(A, (np.ndarray, list, tuple)):
        A = sps.csr_array(check.real_array(A, "A", ndim=2))
    if sps.issparse(A):
        return _copied(check.csr(A, "A", square=True, dtype=dtype)), None
    try:
        operator = aslinearoperator(A)
    except TypeError:
        raise TypeError(
            f"A must be a sparse matrix, a dense array or a LinearOperator, not {type(A).__name__}"
        ) from None
    if len(operator.shape) != 2 or operator.shape[0] != operator.shape[1]:
        raise ValueError(f"A has shape {operator.shape}, expected a square matrix")
    if operator.dtype is not None:
        check.real_dtype(np.dtype(operator.dtype), "A")
    return None, operator


class PolynomialPreconditioner(NativePreconditioner):
    """A polynomial in A: over a matrix an object of the kernels, over an operator the same steps in Python.

    Subclasses set `_form`, `_start` and `_rows` (the table of cpp/src/solve_polynomial.hpp) in `_design`.
    """

    _family = "solve_polynomial"
    _form: ClassVar[int]
    _operator: LinearOperator | None
    _csr: check.Csr | None
    _start: float
    _rows: Array
    _d: Array | None

    def _make(self, A: object) -> None:
        self._workers = 0
        matrix, operator = source(A)
        if matrix is not None:
            dtype, shape = matrix.data.dtype, matrix.shape
        else:
            assert operator is not None
            kind = np.dtype(np.float64) if operator.dtype is None else np.dtype(operator.dtype)
            dtype, shape = check.real_dtype(kind, "A"), operator.shape
        LinearOperator.__init__(self, dtype, shape)
        self._take(matrix, operator)

    @classmethod
    def _over(cls, matrix: check.Csr) -> Any:
        """With the defaults, over checked arrays that nobody changes while it lives."""
        made: Any = cls.__new__(cls)
        made._workers = 0
        made._default()
        LinearOperator.__init__(made, matrix.data.dtype, matrix.shape)
        made._take(matrix, None)
        return made

    def _default(self) -> None:
        """Set the parameters to their defaults."""
        raise NotImplementedError

    def _design(self) -> None:
        """Work out the polynomial from `_csr` (scaled) or `_operator`."""
        raise NotImplementedError

    def _take(self, matrix: check.Csr | None, operator: LinearOperator | None) -> None:
        self._operator, self._csr, self._shift, self._d = operator, None, 0, None
        if matrix is not None:
            self._csr, self._shift = balanced(matrix)
        self._design()
        self._build()

    def _build(self) -> None:
        self._native = self._kernels = None
        m = self._csr
        if m is not None:
            self._kernels = kernels(self._family)
            d = np.empty(0, m.data.dtype) if self._d is None else self._d
            self._native = self._kernels.polynomial(
                m.indptr, m.indices, m.data, d, self._form, self._start, np.ascontiguousarray(self._rows, np.float64)
            )

    def __getstate__(self) -> dict[str, Any]:
        """Everything but the object of the kernels, which is made anew."""
        return {**self.__dict__, "_native": None, "_kernels": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._build()

    @property
    def nbytes(self) -> int:
        """Memory held, the copy of A included, in bytes."""
        m = self._csr
        total = self._rows.nbytes + (0 if self._d is None else self._d.nbytes)
        if m is not None:
            total += m.indptr.nbytes + m.indices.nbytes + m.data.nbytes + self._native.nbytes
        return int(total)

    def update(self, A: object) -> None:
        """Work the polynomial out again for a new A of the same shape."""
        matrix, operator = source(A, self.dtype)
        shape = matrix.shape if matrix is not None else operator.shape  # type: ignore[union-attr]
        if shape != self.shape:
            raise ValueError(f"A has shape {shape}, expected {self.shape}")
        self._take(matrix, operator)

    def apply(self, r: Array, out: Array) -> Array:
        """``out = M^-1 r``; returns `out`. Both are contiguous (n,) arrays of this operator's dtype."""
        if self._csr is not None:
            return super().apply(r, out)
        self._out(r, out)
        with np.errstate(all="ignore"):
            out[:] = evaluate(self._form, self._start, self._rows, self._product, self._d, r)
        return out

    def _multi(self, R: Array, out: Array) -> None:
        if self._csr is not None:
            super()._multi(R, out)
        else:
            super(NativePreconditioner, self)._multi(R, out)  # column by column

    def _product(self, x: Array) -> Array:
        from kriss.solve._cg import vector

        assert self._operator is not None
        return vector(self._operator.matvec(x.copy()), "A", self.shape[0], self.dtype)

    def _map(self, ks: Any, weights: Array | None = None) -> Any:
        """A, or W A W with the diagonal W given, as a map of the Krylov kernels."""
        m = self._csr
        if m is not None:
            data = m.data
            if weights is not None:
                rows = np.repeat(np.arange(m.shape[0]), np.diff(m.indptr))
                data = data * (weights[rows] * weights[m.indices])
            return ks.csr_map(m.indptr, m.indices, data, True)

        def apply(x: Array, y: Array) -> None:
            y[:] = self._product(x) if weights is None else weights * self._product(weights * x)

        return ks.hook_map(apply, np.empty(self.shape[0], self.dtype))

    def _gershgorin(self) -> float:
        """An upper bound of the eigenvalues of D^-1 A (A without d), with a margin for rounding."""
        m = self._csr
        assert m is not None
        if m.data.size == 0:
            return 0.0
        sums = np.zeros(m.shape[0])
        filled = np.flatnonzero(np.diff(m.indptr))
        sums[filled] = np.add.reduceat(np.abs(m.data).astype(np.float64), m.indptr[filled])
        if self._d is not None:
            sums *= self._d
        return float(sums.max()) * (1 + 8 * float(np.finfo(self.dtype).eps))

    def _lanczos(self, steps: int, weights: Array | None = None) -> tuple[float, float]:
        """The largest Ritz value of a symmetric W A W, and the norm of what the space leaves over."""
        h = self._arnoldi(self._map(kernels("solve_krylov"), weights), steps, np.random.default_rng(_SEED))
        taken = h.shape[1]
        if not np.isfinite(h).all():
            return math.nan, math.nan
        square = h[:taken]
        return float(np.linalg.eigvalsh((square + square.T) / 2)[-1]), abs(float(h[taken, taken - 1]))

    def _arnoldi(self, product: Any, steps: int, rng: np.random.Generator) -> Array:
        """The (k + 1, k) Hessenberg matrix of at most `steps` steps from a random vector."""
        n = self.shape[0]
        ks = kernels("solve_krylov")
        steps = min(steps, n)
        v = list(np.empty((steps + 1, n), self.dtype))
        v[0][:] = rng.standard_normal(n)
        v[0] /= np.linalg.norm(v[0])
        h = np.zeros((steps, steps + 1))
        eps = float(np.finfo(self.dtype).eps)
        with np.errstate(all="ignore"):
            taken, *_ = ks.arnoldi(product, None, False, v, [], [], h, np.zeros((steps, 0)), 1.0, 0.0, eps, None, 0)
        if taken == 0:
            return np.full((2, 1), math.nan)
        return h[:taken, : taken + 1].T.copy()


def evaluate(
    form: int, start: float, rows: Array, product: Callable[[Array], Array], d: Array | None, r: Array
) -> Array:
    """The polynomial of a table applied to r."""
    table = [tuple(float(v) for v in row) for row in rows]
    if form == CHEBYSHEV:
        z = start * (r if d is None else d * r)
        before = np.zeros_like(z)
        for a, b, c in table:
            rest = r - product(z)
            z, before = a * z + b * before + c * (rest if d is None else d * rest), z
        return z
    if form == HORNER:
        z = r
        for g, _, _ in table:
            z = r - g * product(z)
        return start * z
    z, factors = np.zeros_like(r), r
    for k, (re, im, _) in enumerate(table):
        more = k + 1 < len(table)
        if im == 0.0:
            z = z + factors / re
            factors = factors - product(factors) / re if more else factors
        else:
            square = re * re + im * im
            half = 2.0 * re * factors - product(factors)
            z = z + half / square
            factors = factors - product(half) / square if more else factors
    return z
