"""Symmetric polynomials of the spectrum as a preconditioner."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sps

from kriss import _validate as check
from kriss.solve._polynomial import HORNER, PolynomialPreconditioner

_EXACT_DEGREE = 4  # traces up to this need no power of A beyond the second
_EXACT_SIZE = 300


class SymmetricPolynomial(PolynomialPreconditioner):
    """Symmetric polynomial preconditioner, which cuts the largest gaps of the spectrum of a positive definite A.

    It applies ``P_t(A) / (sigma_t tr(A) / n)`` with ``P_t(A) = sum_i (-1)^i sigma_(t-i) A^i``, sigma_k the elementary
    symmetric polynomials of the eigenvalues of A. P_t(A) has the eigenvectors of A; its eigenvalue at the i-th is
    sigma_t of all eigenvalues but the i-th. Where t eigenvalues stand far above the others, they no longer count: the
    condition number of ``P_t(A) A`` is about the sum of the others over the smallest.

    Parameters
    ----------
    A : sparse matrix or array, dense array, or LinearOperator, shape (n, n)
        Real, symmetric positive definite (not checked). A matrix is copied. An operator is called `degree` times per
        application.
    degree : int, default 2
        t, from 1 to min(n - 1, 30): the products with A per application.
    traces : {"exact", "hutchinson"} or array_like, shape (degree,), optional
        Where ``tr(A^k)``, k = 1 ... degree, come from: powers of the matrix (A^2 suffices up to degree 4), random
        vectors, or the caller. By default exact for a matrix if degree <= 4 or n <= 300, else by random vectors.
    samples : int, default 30
        Random vectors for ``"hutchinson"``; each costs (degree + 1) // 2 products.
    rng : {None, int, SeedSequence, Generator}
        For the random vectors.

    Attributes
    ----------
    traces : ndarray, shape (degree,)
        ``tr(A^k) / tr(A)^k`` used.
    sigma : ndarray, shape (degree + 1,)
        ``sigma_k / tr(A)^k``, k = 0 ... degree.
    trace : float
        tr(A).
    is_spd : bool
        True with exact traces, which make P_t(A) positive definite if A is. With estimated ones, whether the
        polynomial was found positive all the way from 0 to the Gershgorin bound of A; otherwise it may be negative at
        some eigenvalue, and `cg` then stops with ``"indefinite_preconditioner"``.
    is_linear : bool
        True.
    nbytes : int
        Memory held, the copy of A included.

    Raises
    ------
    TypeError, ValueError
        If A is not real and square or an argument is out of range.
    numpy.linalg.LinAlgError
        If some sigma_k is not positive beyond rounding: A is not positive definite, t of its eigenvalues hold all of
        the trace, or the estimated traces are too rough.

    Notes
    -----
    Made for first-order optimisation on functions whose Hessian has a few large eigenvalues. For linear systems with a
    spread spectrum `Chebyshev` does far better per product. The relative error of traces from random vectors must be
    below the share that the smaller eigenvalues have in them: few dominant eigenvalues ask for exact traces.

    Per application: ``degree`` products, 12 nnz + 28 n bytes and 2 nnz + 4 n flops each (float64, 32-bit indices). The
    coefficients are those of Horner's rule ``y_k = r - (sigma_(k-1) / sigma_k) A y_(k-1)``.

    References
    ----------
    N. Doikov, A. Rodomanov, "Polynomial preconditioning for gradient methods", ICML 2023, section 3.
    M. F. Hutchinson, "A stochastic estimator of the trace of the influence matrix for Laplacian smoothing splines",
    Comm. Statist. Simulation Comput. 19 (1990), section 2.

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.solve import SymmetricPolynomial, cg
    >>> rng = np.random.default_rng(0)
    >>> Q = np.linalg.qr(rng.standard_normal((60, 60)))[0]
    >>> A = (Q * np.r_[1e6, 1e4, np.linspace(1, 5, 58)]) @ Q.T
    >>> M = SymmetricPolynomial(A, 2)
    >>> PA = np.stack([M @ column for column in A.T])
    >>> bool(np.linalg.cond(A) > 9e5), bool(np.linalg.cond(PA) < 58 * 3)
    (True, True)
    """

    _form = HORNER

    def __init__(
        self,
        A: object,
        degree: int = 2,
        *,
        traces: str | npt.ArrayLike | None = None,
        samples: int = 30,
        rng: check.RngLike = None,
    ) -> None:
        self.degree = check.integer(degree, "degree", low=1, high=30)
        self.samples = check.integer(samples, "samples", low=1)
        if isinstance(traces, str):
            check.choice(traces, "traces", ("exact", "hutchinson"))
        elif traces is not None:
            traces = check.real_array(traces, "traces", ndim=1, dtype=np.float64)
            if traces.shape != (self.degree,):
                raise ValueError(f"traces has shape {traces.shape}, expected ({self.degree},)")
        self._asked = traces
        self._seed = check.seed64(rng)
        self._make(A)

    @property
    def nbytes(self) -> int:
        """Memory held, in bytes."""
        return super().nbytes

    def _design(self) -> None:
        n, t = self.shape[0], self.degree
        if t >= n:
            raise ValueError(f"degree is {t}, expected less than the number of unknowns, {n}")
        how = self._asked
        if how is None:
            small = t <= _EXACT_DEGREE or n <= _EXACT_SIZE
            how = "exact" if self._csr is not None and small else "hutchinson"
        if not isinstance(how, str):
            with np.errstate(all="ignore"):
                powers = np.ldexp(np.asarray(how, np.float64), self._shift * np.arange(1, t + 1))
        elif how == "exact":
            if self._csr is None:
                raise TypeError("traces='exact' needs the entries of A, which is an operator here")
            powers = _exact(self._csr, t)
        else:
            powers = self._estimated(t)
        total = float(powers[0])
        if not (total > 0.0 and math.isfinite(total)):
            raise np.linalg.LinAlgError(f"the trace of A is {total}, expected a positive number")
        self.trace = float(np.ldexp(total, -self._shift))
        with np.errstate(all="ignore"):
            self.traces = powers / total ** np.arange(1.0, t + 1)
        self.sigma = elementary(self.traces)
        self._rows = np.zeros((t, 3))
        self._rows[:, 0] = self.sigma[:-1] / self.sigma[1:] / total
        self._start = n / total
        self.is_spd = isinstance(how, str) and (how == "exact" or self._positive())

    def _estimated(self, t: int) -> npt.NDArray[np.float64]:
        """Hutchinson's estimates of tr(A^k), k = 1 ... t."""
        from kriss._backend import kernels

        n = self.shape[0]
        rng = np.random.default_rng(self._seed)
        ks = kernels("solve_krylov")
        product = self._map(ks)
        out = np.zeros(t)
        with np.errstate(all="ignore"):
            for _ in range(self.samples):
                # z'A^k z from the images up to half the power
                images = [rng.choice(np.array([-1.0, 1.0]), n).astype(self.dtype)]
                while 2 * (len(images) - 1) < t:
                    images.append(np.empty_like(images[0]))
                    product.apply(images[-2], images[-1], 0)
                for k in range(1, t + 1):
                    out[k - 1] += ks.fused(images[k // 2], 1.0, [], np.empty(0), [images[k - k // 2]], 0)[0][0]
        return out / self.samples

    def _positive(self) -> bool:
        """Whether the polynomial is positive from 0 to a proven bound of the eigenvalues."""
        if self._csr is None:
            return False
        high = self._gershgorin()
        polynomial = np.polynomial.Polynomial([1.0])
        for g in self._rows[:, 0]:
            polynomial = 1.0 - polynomial * np.polynomial.Polynomial([0.0, g * high])
        turning = polynomial.deriv().roots() if self.degree > 1 else np.empty(0)
        inside = turning.real[(turning.real > 0) & (turning.real < 1)]  # more points than needed do no harm
        values = polynomial(np.concatenate([[0.0, 1.0], inside]))
        return bool((values > 0).all())


def _exact(matrix: check.Csr, t: int) -> npt.NDArray[np.float64]:
    """tr(A^k), k = 1 ... t, of a symmetric matrix: inner products of its powers up to (t + 1) // 2."""
    A = sps.csr_array((matrix.data.astype(np.float64), matrix.indices, matrix.indptr), shape=matrix.shape)
    out = np.empty(t)
    out[0] = A.diagonal().sum()
    low: Any = A
    for k in range(2, t + 1):
        high = low if k % 2 == 0 else low @ A
        out[k - 1] = low.multiply(high).sum()
        low = high
    return out


def elementary(traces: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """sigma_k, k = 0 ... t, from power sums with the first one 1 (Newton's identities)."""
    sigma = np.ones(traces.size + 1)
    for k in range(1, sigma.size):
        terms = [(-1) ** (i - 1) * sigma[k - i] * traces[i - 1] for i in range(1, k + 1)]
        sigma[k] = math.fsum(terms) / k if np.isfinite(terms).all() else math.nan
        if not sigma[k] > 64 * np.finfo(np.float64).eps * max(map(abs, terms)) / k:
            raise np.linalg.LinAlgError(
                f"sigma_{k} / tr(A)^{k} came out as {sigma[k]}, expected a positive number beyond rounding: A is not "
                "positive definite, so many eigenvalues hold all of its trace, or the traces are too rough"
            )
    return sigma
