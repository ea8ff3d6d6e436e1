"""The polynomial of a short GMRES run as a preconditioner."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse.linalg import LinearOperator

from kriss import _validate as check
from kriss.solve._polynomial import ROOTS, PolynomialPreconditioner

Roots = list[complex]  # a real one as it is; of a pair of conjugates the one above the real line


class GMRESPolynomial(PolynomialPreconditioner):
    """Polynomial preconditioner from a short GMRES run, for any nonsingular real A.

    It applies p(A) with ``1 - t p(t) = prod_j (1 - t / theta_j)``, theta_j the harmonic Ritz values of A on the Krylov
    space of a random vector: p minimises ``||v - A p(A) v||`` for that vector among polynomials of its degree.

    Parameters
    ----------
    A : sparse matrix or array, dense array, or LinearOperator, shape (n, n)
        Real, of any symmetry. A matrix is copied. An operator is called `products` times per application.
    degree : int, default 10
        Degree of p, at least 0: the products with A per application, unless roots are added. The Arnoldi run has
        one step more.
    added_roots : bool, default True
        Repeat a root where the product of the others is so large there that rounding errors would drown p.
    rng : {None, int, SeedSequence, Generator}
        For the random vector.

    Attributes
    ----------
    roots : ndarray of complex, shape (m,)
        The theta_j in the order of use, conjugates next to each other.
    added : int
        Roots among them that are repetitions.
    products : int
        Products with A per application.
    is_spd : bool
        False: no proof even for a symmetric positive definite A. Meant for `gmres`, `fgmres` and `bicgstab`.
    is_linear : bool
        True.
    nbytes : int
        Memory held, the copy of A included.

    Raises
    ------
    TypeError, ValueError
        If A is not real and square, has overflowing products, or an argument is out of range.
    numpy.linalg.LinAlgError
        If A maps the whole Krylov space to zero, so that there is no root.

    Notes
    -----
    The roots are used in a Leja order, which keeps partial products near the size of the result, and pairs of
    conjugates in real arithmetic. A root far from the others, at which their factors would amplify rounding errors by
    more than about 10**12 (10**3 in float32), is repeated before they do. This is the remedy of the papers below, with
    the places found by following the growth.

    Inside restarted GMRES it trades inner products and vectors for products with A: a cycle of 30 steps reaches a
    Krylov space of degree 30 (degree + 1). Per application in float64 with 32-bit indices: 12 nnz + 36 n bytes per
    product with a real root, 12 nnz + 32 n with a complex one; 2 nnz + 6 n flops. Set-up: degree + 1 steps of Arnoldi's
    process, each with a product and 16 n j + 48 n bytes.

    References
    ----------
    J. A. Loe, R. B. Morgan, "Toward efficient polynomial preconditioning for GMRES", Numer. Linear Algebra Appl. 29
    (2022), algorithms 1 to 3.
    M. Embree, J. A. Loe, R. B. Morgan, "Polynomial preconditioned Arnoldi with stability control", SIAM J. Sci. Comput.
    43 (2021), section 4.
    Z. Bai, D. Hu, L. Reichel, "A Newton basis GMRES implementation", IMA J. Numer. Anal. 14 (1994), section 3.

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.solve import GMRESPolynomial, gmres
    >>> from kriss.testing import convection_diffusion2d
    >>> A = convection_diffusion2d(40)
    >>> b = np.ones(1600)
    >>> M = GMRESPolynomial(A, 10, rng=0)
    >>> plain, better = (gmres(A, b, rtol=1e-8, M=p) for p in (None, M))
    >>> better.converged, better.iterations < plain.iterations / 6
    (True, True)
    """

    _form = ROOTS
    is_spd = False

    def __init__(self, A: object, degree: int = 10, *, added_roots: bool = True, rng: check.RngLike = None) -> None:
        self.degree = check.integer(degree, "degree", low=0, high=500)
        self.added_roots = bool(added_roots)
        self._seed = check.seed64(rng)
        self._start = 1.0
        self._make(A)

    @property
    def nbytes(self) -> int:
        """Memory held, in bytes."""
        return super().nbytes

    def _design(self) -> None:
        if self.shape[0] == 0:
            self._use([1.0 + 0j], 0)
            return
        h = self._arnoldi(self._krylov_map(), self.degree + 1, np.random.default_rng(self._seed))
        if not np.isfinite(h).all():
            raise ValueError("A cannot be used: its products with a random vector are not finite")
        eps = float(np.finfo(self.dtype).eps)
        ordered = leja(harmonic(h, eps))
        if not ordered:
            raise np.linalg.LinAlgError("A is singular: it maps the Krylov space of a random vector to zero")
        full = repeated(ordered, eps) if self.added_roots else ordered
        self._use(full, _count(full) - _count(ordered))

    def _krylov_map(self) -> Any:
        from kriss._backend import kernels

        return self._map(kernels("solve_krylov"))

    def _use(self, roots: Roots, added: int) -> None:
        self._rows = np.array([(t.real, t.imag, 0.0) for t in roots])
        flat: list[complex] = []
        for t in roots:
            flat += [t, t.conjugate()] if t.imag else [t]
        shown = np.array(flat)
        # of A, not of the matrix scaled
        self.roots = np.ldexp(shown.real, -self._shift) + 1j * np.ldexp(shown.imag, -self._shift)
        self.added, self.products = added, len(flat) - 1

    def _adjoint(self) -> LinearOperator:
        """The same polynomial in the transpose of A."""
        made: Any = type(self).__new__(type(self))
        made.__dict__.update(self.__dict__)
        m = self._csr
        if m is not None:
            made._csr = _transposed(m)
            made._build()
        else:
            assert self._operator is not None
            made._operator = self._operator.T
        return made


def _transposed(m: check.Csr) -> check.Csr:
    import scipy.sparse as sps

    t = sps.csr_array((m.data, m.indices, m.indptr), shape=m.shape).T.tocsr()
    t.sort_indices()
    return m._replace(indptr=t.indptr.astype(m.indptr.dtype), indices=t.indices.astype(m.indices.dtype), data=t.data)


def _count(roots: Roots) -> int:
    return sum(2 if t.imag else 1 for t in roots)


def harmonic(h: npt.NDArray[np.float64], eps: float) -> Roots:
    """The harmonic Ritz values of a Hessenberg matrix (m + 1, m), infinite ones left out.

    They are the inverses of the eigenvalues of ``H^+ [I; 0]``, H^+ the pseudo-inverse.
    """
    m = h.shape[1]
    inverses = np.linalg.eigvals(np.linalg.lstsq(h, np.eye(m + 1, m), rcond=eps)[0])
    largest = np.abs(inverses).max(initial=0.0)
    out: Roots = []
    for mu in inverses:
        if mu.imag < 0 or not abs(mu) > 10 * eps * largest:
            continue
        t = 1 / complex(mu)
        out.append(complex(t.real, abs(t.imag)))
    return out


def _log_gaps(t: complex, others: Roots) -> float:
    """log10 of the product of |t - s| over `others` and their conjugates."""
    total = 0.0
    for s in others:
        for place in (s, s.conjugate()) if s.imag else (s,):
            gap = abs(t - place)
            total += math.log10(gap) if gap > 0 else -math.inf
    return total


def leja(roots: Roots) -> Roots:
    """Each next root the one with the largest product of distances to those before; the largest first."""
    left = sorted(roots, key=lambda t: (-abs(t), t.real, t.imag))
    if not left:
        return []
    chosen = [left.pop(0)]
    while left:
        best = max(range(len(left)), key=lambda j: _log_gaps(left[j], chosen))
        chosen.append(left.pop(best))
    return chosen


def repeated(roots: Roots, eps: float) -> Roots:
    """The list with those roots repeated at which the other factors would amplify rounding errors too much.

    What is left of the component at a root is of the size of eps once its factor has been used, and grows with every
    factor after it. A root comes again before that reaches 10**-3.7, and at the end if it is above eps**0.75.
    """
    digits = -math.log10(eps)
    most, slack = digits - 3.7, digits / 4
    out = list(roots)
    # Copies of larger roots hardly change anything at smaller ones, so the largest come last.
    for t in sorted(roots, key=abs):
        placed: Roots = []
        used, growth = False, 0.0
        for s in out:
            if s == t:
                growth = 0.0 if used else growth
                used = True
            else:
                step = _log_gaps(t, [s]) - (2 if s.imag else 1) * math.log10(abs(s))
                if used and growth + step > most:
                    placed.append(t)
                    growth = 0.0
                growth = max(0.0, growth + step)
            placed.append(s)
        if growth > slack:
            placed.append(t)
        out = placed
    return out
