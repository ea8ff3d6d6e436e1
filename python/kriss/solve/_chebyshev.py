"""The Chebyshev polynomial of D^-1 A as a preconditioner."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from kriss import _validate as check
from kriss.solve._polynomial import CHEBYSHEV, PolynomialPreconditioner
from kriss.solve._precond import _diagonal

_RATIO = 100.0
_STEPS = 12
_MARGIN = 1.1
_TIGHT = 2.2  # a bound that no estimate can improve by more than this: the largest eigenvalue is at least 1


class Chebyshev(PolynomialPreconditioner):
    """Chebyshev polynomial preconditioner with Jacobi scaling, for symmetric positive definite A.

    It applies `degree` + 1 steps of the Chebyshev iteration for ``D^-1 A z = D^-1 r`` from zero, D the diagonal of A,
    tuned to eigenvalues between ``bounds[0]`` and ``bounds[1]``: a polynomial of that degree in D^-1 A.

    Parameters
    ----------
    A : sparse matrix or array, dense array, or LinearOperator, shape (n, n)
        Real, symmetric positive definite (not checked but for its diagonal). A matrix is copied. An operator is called
        `degree` times per application.
    degree : int, default 4
        Products with A per application, at least 1. Prefer even ones: see Notes.
    ratio : float, default 100
        ``bounds[1] / bounds[0]``, above 1. Smaller eigenvalues are left to the Krylov method.
    bounds : (float, float), optional
        The interval itself, 0 < low < high, of eigenvalues of D^-1 A.
    diagonal : array_like, shape (n,), optional
        For an operator: its diagonal D; ones by default. A matrix has its own.

    Attributes
    ----------
    bounds : tuple of float
        The interval used.
    bound_is_safe : bool
        Whether ``bounds[1]`` is proven to be no smaller than the largest eigenvalue.
    is_spd : bool
        Whether M is known to be positive definite if A is: True for even degrees, and for odd ones over a safe bound.
    is_linear : bool
        True.
    nbytes : int
        Memory held, the copy of A included.

    Raises
    ------
    TypeError, ValueError
        If A is not real and square, an argument is out of range, or a diagonal entry is missing, not positive or not
        finite (it names the row).

    Notes
    -----
    The upper end is the Gershgorin bound ``max_i sum_j |a_ij| / a_ii``. For even degrees, if that is above 2.2 and
    lower, it is 1.1 times the largest Ritz value of 12 Lanczos steps. For even degrees the polynomial is positive
    for every eigenvalue above zero, whatever the interval; for odd ones it is negative beyond about ``bounds[1]``, so
    that they stay with the proven bound. Of an operator there is none: an odd degree then takes 1.1 times the sum of
    the largest Ritz value and the norm of the Lanczos residual, and says ``is_spd`` False.

    Per application: ``degree`` products, each fused with the rest of its step: 12 nnz + 44 n bytes and
    2 nnz + 8 n flops (float64, 32-bit indices), and 24 n bytes to start. Set-up: one pass over A, at most 12 products.

    Compared with Jacobi this saves iterations, and with them inner products; it saves no products with A. On a
    processor, where inner products cost little, that rarely pays.

    References
    ----------
    Y. Saad, "Iterative Methods for Sparse Linear Systems", 2nd ed., SIAM 2003, algorithm 12.1 and section 12.3.
    Y. Zhou, R.-C. Li, "Bounding the spectrum of large Hermitian matrices", Linear Algebra Appl. 435 (2011), section 3.

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.solve import Chebyshev, cg
    >>> from kriss.testing import poisson2d
    >>> A = poisson2d(60)
    >>> M = Chebyshev(A, degree=4)
    >>> plain, better = (cg(A, np.ones(3600), rtol=1e-8, M=p) for p in ("jacobi", M))
    >>> better.iterations < plain.iterations / 3
    True
    >>> bool(M.bounds[1] >= 2 * np.cos(np.pi / 122) ** 2)  # the largest eigenvalue of D^-1 A
    True
    """

    _form = CHEBYSHEV

    def __init__(
        self,
        A: object,
        degree: int = 4,
        *,
        ratio: float = _RATIO,
        bounds: tuple[float, float] | None = None,
        diagonal: npt.ArrayLike | None = None,
    ) -> None:
        self.degree = check.integer(degree, "degree", low=1, high=1000)
        self.ratio = check.scalar(ratio, "ratio", low=1.0, strict=True)
        self._asked = None if bounds is None else _interval(bounds)
        self._given = diagonal
        self._make(A)

    @property
    def nbytes(self) -> int:
        """Memory held, in bytes."""
        return super().nbytes

    def _default(self) -> None:
        self.degree, self.ratio, self._asked, self._given = 4, _RATIO, None, None

    def _design(self) -> None:
        n = self.shape[0]
        if self._csr is not None:
            if self._given is not None:
                raise TypeError("diagonal is for operators: a matrix has its own")
            inverse = _diagonal(self._csr, "A")[1]
            if not (inverse > 0).all():
                row = int(np.argmin(inverse > 0))
                found = np.ldexp(1.0 / inverse[row], -self._shift)
                raise ValueError(
                    f"A cannot be used: its diagonal entry in row {row} is {found}, expected a positive number"
                )
            self._d = inverse
        elif self._given is not None:
            diagonal = check.real_array(self._given, "diagonal", ndim=1, dtype=self.dtype)
            if diagonal.shape != (n,):
                raise ValueError(f"diagonal has shape {diagonal.shape}, expected ({n},)")
            with np.errstate(all="ignore"):
                inverse = 1 / diagonal
            if not ((inverse > 0) & np.isfinite(inverse)).all():
                row = int(np.argmin((inverse > 0) & np.isfinite(inverse)))
                raise ValueError(f"diagonal is {diagonal[row]} in row {row}, expected a positive number")
            self._d = inverse
        low, high, safe = self._interval() if n else (1.0 / self.ratio, 1.0, True)
        self.bounds, self.bound_is_safe = (low, high), safe
        self.is_spd = self.degree % 2 == 0 or safe
        self._start, self._rows = coefficients(self.degree, low, high)

    def _interval(self) -> tuple[float, float, bool]:
        """The two ends, and whether the upper one is proven."""
        even = self.degree % 2 == 0
        proven = self._gershgorin() if self._csr is not None else math.inf
        if self._asked is not None:
            return (*self._asked, self._asked[1] >= proven)
        high = proven
        if proven > _TIGHT and (even or proven == math.inf):
            weights = None if self._d is None else np.sqrt(self._d)
            ritz, rest = self._lanczos(_STEPS, weights)
            estimate = _MARGIN * (ritz if even else ritz + rest)
            if proven == math.inf and not (estimate > 0.0 and math.isfinite(estimate)):
                raise ValueError(
                    f"A cannot be used: its largest eigenvalue was estimated as {ritz}, expected a positive number"
                )
            high = min(estimate, proven) if estimate > 0.0 else proven
        return high / self.ratio, high, high >= proven


def _interval(bounds: Any) -> tuple[float, float]:
    try:
        low, high = (float(v) for v in bounds)
    except (TypeError, ValueError):
        raise TypeError(f"bounds must be two numbers, not {bounds!r}") from None
    if not (0.0 < low < high and math.isfinite(high)):
        raise ValueError(f"bounds are {(low, high)}, expected 0 < low < high")
    return low, high


def coefficients(degree: int, low: float, high: float) -> tuple[float, npt.NDArray[np.float64]]:
    """1 / theta and the rows (a, b, c) of ``z+ = a z + b z- + c D^-1 (r - A z)``."""
    theta, delta = (high + low) / 2, (high - low) / 2
    sigma = theta / delta
    rows = np.empty((degree, 3))
    rho = 1 / sigma
    for k in range(degree):
        now = 1 / (2 * sigma - rho)
        rows[k] = 1 + now * rho, -now * rho, 2 * now / delta
        rho = now
    return 1 / theta, rows
