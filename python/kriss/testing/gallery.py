"""Sparse test matrices with known properties, assembled without loops over unknowns."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sps

from kriss import _validate as check
from kriss.testing._elasticity import elasticity2d, elasticity3d
from kriss.testing._fields import condiff, darcy, gaussian_field, random_diffusion
from kriss.testing._grids import anisotropic2d, convection_diffusion2d, diffusion3d, helmholtz2d, poisson27
from kriss.testing._stencils import from_diagonals as _from_stencil

__all__ = [
    "anisotropic2d",
    "condiff",
    "convection_diffusion2d",
    "darcy",
    "diffusion2d",
    "diffusion3d",
    "elasticity2d",
    "elasticity3d",
    "gaussian_field",
    "helmholtz2d",
    "poisson2d",
    "poisson3d",
    "poisson27",
    "random_diffusion",
]


def poisson2d(n: int) -> sps.csr_array:
    """Five-point Laplacian on an n by n grid with Dirichlet boundary, scaled to diagonal 4.

    Parameters
    ----------
    n : int
        Interior points per side.

    Returns
    -------
    csr_array, shape (n**2, n**2)
        Symmetric positive definite, canonical, 32-bit indices while they suffice. Unknown (i, j) is row ``i n + j``.

    Notes
    -----
    Eigenvalues are ``4 sin^2(j pi / (2 (n + 1))) + 4 sin^2(k pi / (2 (n + 1)))`` for j, k = 1..n, so the condition
    number is near ``(2 (n + 1) / pi)**2``. O(n**2) time and memory.

    References
    ----------
    Y. Saad, "Iterative Methods for Sparse Linear Systems", 2nd ed., SIAM 2003, section 2.2.

    Examples
    --------
    >>> from kriss.testing import poisson2d
    >>> poisson2d(2).toarray()
    array([[ 4., -1., -1.,  0.],
           [-1.,  4.,  0., -1.],
           [-1.,  0.,  4., -1.],
           [ 0., -1., -1.,  4.]])
    """
    n = check.integer(n, "n", low=0)
    i, j = (k.ravel() for k in np.indices((n, n), sparse=False))
    return _from_stencil(
        n * n,
        [-n, -1, 0, 1, n] if n > 1 else [0],
        [-1.0 * (i > 0), -1.0 * (j > 0), np.full(n * n, 4.0), -1.0 * (j < n - 1), -1.0 * (i < n - 1)]
        if n > 1
        else [np.full(n * n, 4.0)],
    )


def poisson3d(n: int) -> sps.csr_array:
    """Seven-point Laplacian on an n by n by n grid with Dirichlet boundary, scaled to diagonal 6.

    Parameters
    ----------
    n : int
        Interior points per side.

    Returns
    -------
    csr_array, shape (n**3, n**3)
        Symmetric positive definite, canonical. Unknown (i, j, k) is row ``(i n + j) n + k``.

    Notes
    -----
    The condition number is near ``(2 (n + 1) / pi)**2``. O(n**3) time and memory.

    References
    ----------
    Y. Saad, "Iterative Methods for Sparse Linear Systems", 2nd ed., SIAM 2003, section 2.2.

    Examples
    --------
    >>> from kriss.testing import poisson3d
    >>> A = poisson3d(4)
    >>> A.shape, A.nnz
    ((64, 64), 352)
    """
    n = check.integer(n, "n", low=0)
    size = n**3
    if n < 2:
        return _from_stencil(size, [0], [np.full(size, 6.0)])
    i, j, k = (c.ravel() for c in np.indices((n, n, n), sparse=False))
    sides = [(-n * n, i > 0), (-n, j > 0), (-1, k > 0), (1, k < n - 1), (n, j < n - 1), (n * n, i < n - 1)]
    return _from_stencil(
        size, [0] + [s for s, _ in sides], [np.full(size, 6.0)] + [-1.0 * inside for _, inside in sides]
    )


def diffusion2d(n: int, contrast: float = 1e4, *, blocks: int = 8, rng: check.RngLike = 0) -> sps.csr_array:
    """Finite-volume diffusion ``-div(c grad u)`` on an n by n grid with jumps in the coefficient c.

    Parameters
    ----------
    n : int
        Cells per side.
    contrast : float, default 1e4
        Largest over smallest coefficient, at least 1.
    blocks : int, default 8
        The unit square is cut into blocks by blocks squares, each with one coefficient, log-uniform in
        [1, contrast]; both ends occur when there are two blocks or more.
    rng : int, SeedSequence, Generator or None
        Source of the coefficients.

    Returns
    -------
    csr_array, shape (n**2, n**2)
        Symmetric positive definite five-point matrix, Dirichlet boundary half a cell outside.

    Notes
    -----
    The coefficient of a face is the harmonic mean of its two cells, which keeps the flux continuous across a jump.
    O(n**2) time and memory.

    References
    ----------
    S. V. Patankar, "Numerical Heat Transfer and Fluid Flow", Hemisphere 1980, section 4.2-3, equation (4.9).

    Examples
    --------
    >>> from kriss.testing import diffusion2d
    >>> A = diffusion2d(16, contrast=1e3)
    >>> bool(abs(A - A.T).max() == 0)
    True
    """
    n = check.integer(n, "n", low=0)
    contrast = check.scalar(contrast, "contrast", low=1.0)
    blocks = check.integer(blocks, "blocks", low=1)
    if n == 0:
        return _from_stencil(0, [0], [np.empty(0)])
    draw = np.random.default_rng(check.seed64(rng))
    exponent = draw.random(blocks * blocks)
    if exponent.size > 1:
        exponent = (exponent - exponent.min()) / np.ptp(exponent)
    cell = np.minimum(np.arange(n) * blocks // n, blocks - 1)
    c = (contrast ** exponent.reshape(blocks, blocks))[np.ix_(cell, cell)]
    west = np.zeros((n, n))
    west[:, 1:] = 2.0 * c[:, 1:] * c[:, :-1] / (c[:, 1:] + c[:, :-1])
    north = np.zeros((n, n))
    north[1:] = 2.0 * c[1:] * c[:-1] / (c[1:] + c[:-1])
    east = np.zeros((n, n))
    east[:, :-1] = west[:, 1:]
    south = np.zeros((n, n))
    south[:-1] = north[1:]
    centre = west + east + north + south
    # Boundary faces lie half a cell away: twice the cell's coefficient.
    centre[:, 0] += 2.0 * c[:, 0]
    centre[:, -1] += 2.0 * c[:, -1]
    centre[0] += 2.0 * c[0]
    centre[-1] += 2.0 * c[-1]
    if n == 1:
        return _from_stencil(1, [0], [centre.ravel()])
    return _from_stencil(
        n * n, [-n, -1, 0, 1, n], [-north.ravel(), -west.ravel(), centre.ravel(), -east.ravel(), -south.ravel()]
    )
