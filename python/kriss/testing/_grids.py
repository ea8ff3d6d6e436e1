"""Model problems on uniform grids with given coefficients."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sps

from kriss import _validate as check
from kriss.testing._stencils import from_stencil

Offset = tuple[int, ...]


def poisson27(n: int) -> sps.csr_array:
    """Twenty-seven-point operator on an n by n by n grid: 26 on the diagonal, -1 to each of the 26 neighbours.

    Parameters
    ----------
    n : int
        Points per side.

    Returns
    -------
    csr_array, shape (n**3, n**3)
        Symmetric positive definite, canonical, Dirichlet boundary. Unknown (i, j, k) is row ``(i n + j) n + k``.

    Notes
    -----
    O(n**3) time and memory.

    References
    ----------
    J. Dongarra, M. A. Heroux, P. Luszczek, "High-performance conjugate-gradient benchmark: a new metric for ranking
    high-performance computing systems", Int. J. High Perform. Comput. Appl. 30 (2016), section 3.

    Examples
    --------
    >>> from kriss.testing import poisson27
    >>> A = poisson27(3)
    >>> int(A[[13]].nnz), A.diagonal()[:2]
    (27, array([26., 26.]))
    """
    n = check.integer(n, "n", low=0)
    points = itertools.product((-1, 0, 1), repeat=3)
    return from_stencil((n, n, n), {p: 26.0 if p == (0, 0, 0) else -1.0 for p in points})


def diffusion3d(n: int, contrast: float = 1e4, *, blocks: int = 4, rng: check.RngLike = 0) -> sps.csr_array:
    """Finite-volume diffusion ``-div(c grad u)`` on an n by n by n grid with jumps in the coefficient c.

    Parameters
    ----------
    n : int
        Cells per side.
    contrast : float, default 1e4
        Largest over smallest coefficient, at least 1.
    blocks : int, default 4
        The unit cube is cut into blocks**3 cubes, each with one coefficient, log-uniform in [1, contrast]; both ends
        occur when there are two blocks or more.
    rng : int, SeedSequence, Generator or None
        Source of the coefficients.

    Returns
    -------
    csr_array, shape (n**3, n**3)
        Symmetric positive definite seven-point matrix, Dirichlet boundary half a cell outside.

    Notes
    -----
    The coefficient of a face is the harmonic mean of its two cells. O(n**3) time and memory.

    References
    ----------
    S. V. Patankar, "Numerical Heat Transfer and Fluid Flow", Hemisphere 1980, section 4.2-3, equation (4.9).

    Examples
    --------
    >>> from kriss.testing import diffusion3d
    >>> A = diffusion3d(6, contrast=1e3)
    >>> bool(abs(A - A.T).max() == 0)
    True
    """
    n = check.integer(n, "n", low=0)
    contrast = check.scalar(contrast, "contrast", low=1.0)
    blocks = check.integer(blocks, "blocks", low=1)
    exponent = np.random.default_rng(check.seed64(rng)).random(blocks**3)
    if exponent.size > 1:
        exponent = (exponent - exponent.min()) / np.ptp(exponent)
    cell = np.minimum(np.arange(n) * blocks // max(n, 1), blocks - 1)
    return finite_volumes((contrast ** exponent.reshape((blocks,) * 3))[np.ix_(cell, cell, cell)])


def finite_volumes(c: npt.NDArray[Any]) -> sps.csr_array:
    """Cell-centred two-point fluxes for the cell coefficients c, Dirichlet boundary half a cell outside."""
    stencil: dict[Offset, npt.NDArray[Any]] = {}
    centre = np.zeros(c.shape)
    for axis in range(c.ndim):
        low: list[slice] = [slice(None)] * c.ndim
        high = low.copy()
        low[axis], high[axis] = slice(None, -1), slice(1, None)
        a, b = c[tuple(low)], c[tuple(high)]
        face = 2.0 * a * b / (a + b)
        for sign, here in ((1, tuple(low)), (-1, tuple(high))):
            coupling = np.zeros(c.shape)
            coupling[here] = -face
            stencil[_unit(c.ndim, axis, sign)] = coupling
            centre[here] += face
        for end in (0, -1):
            edge: list[Any] = [slice(None)] * c.ndim
            edge[axis] = end
            if c.shape[axis]:
                centre[tuple(edge)] += 2.0 * c[tuple(edge)]
    stencil[(0,) * c.ndim] = centre
    return from_stencil(c.shape, stencil)


def _unit(dim: int, axis: int, sign: int) -> Offset:
    return tuple(sign if k == axis else 0 for k in range(dim))


def anisotropic2d(n: int, epsilon: float = 1e-3, angle: float = 0.0) -> sps.csr_array:
    """Anisotropic diffusion ``-div(K grad u)`` on an n by n grid, strong along a direction, weak across it.

    Parameters
    ----------
    n : int
        Interior points per side.
    epsilon : float, default 1e-3
        Conductivity across the strong direction, where it is 1; positive.
    angle : float, default 0.0
        Of the strong direction, in radians, against the axis of the column index j. 0 and pi/2 are aligned with the
        grid: five points; otherwise nine.

    Returns
    -------
    csr_array, shape (n**2, n**2)
        Symmetric positive definite, Dirichlet boundary. Unknown (i, j) is row ``i n + j``.

    Notes
    -----
    Central differences with the mixed derivative on the four corners. On the infinite grid the symbol is at least
    ``a X**2 + c Y**2 - 2 |b| X Y`` with ``X = 2 |sin(x/2)|``, ``Y = 2 |sin(y/2)|`` and ``a c > b**2``: positive.

    References
    ----------
    U. Trottenberg, C. W. Oosterlee, A. Schueller, "Multigrid", Academic Press 2001, sections 5.1 and 7.6.

    Examples
    --------
    >>> import math
    >>> from kriss.testing import anisotropic2d
    >>> float(anisotropic2d(3, 0.25).diagonal()[0]), anisotropic2d(9, 0.01, math.pi / 6)[[40]].nnz
    (2.5, 9)
    """
    n = check.integer(n, "n", low=0)
    epsilon = check.scalar(epsilon, "epsilon", low=0.0, strict=True)
    angle = check.scalar(angle, "angle")
    c, s = math.cos(angle), math.sin(angle)
    c, s = (0.0 if abs(v) < 1e-15 else v for v in (c, s))
    x, y, mixed = c * c + epsilon * s * s, s * s + epsilon * c * c, (1.0 - epsilon) * c * s
    return from_stencil(
        (n, n),
        {
            (0, 0): 2.0 * (x + y), (0, 1): -x, (0, -1): -x, (1, 0): -y, (-1, 0): -y,
            (1, 1): -mixed / 2, (-1, -1): -mixed / 2, (1, -1): mixed / 2, (-1, 1): mixed / 2,
        },
    )  # fmt: skip


def convection_diffusion2d(
    n: int,
    epsilon: float = 1e-2,
    velocity: tuple[float, float] | str = "recirculating",
    *,
    scheme: str = "upwind",
) -> sps.csr_array:
    """Convection and diffusion, ``-epsilon Laplace(u) + (v, grad u)``, on an n by n grid, scaled by the mesh width**2.

    Parameters
    ----------
    n : int
        Interior points per side of the unit square.
    epsilon : float, default 1e-2
        Diffusion, positive.
    velocity : (float, float) or "recirculating"
        The components of v along the column index j (x) and the row index i (y); or the closed flow
        ``(2 Y (1 - X**2), -2 X (1 - Y**2))`` with X = 2x - 1, Y = 2y - 1.
    scheme : {"upwind", "central"}
        Difference of the convective term: of first order, an M-matrix for any epsilon; or of second order.

    Returns
    -------
    csr_array, shape (n**2, n**2)
        Nonsymmetric unless v = 0, Dirichlet boundary. Unknown (i, j) is row ``i n + j``.

    References
    ----------
    H. C. Elman, D. J. Silvester, A. J. Wathen, "Finite Elements and Fast Iterative Solvers", 2nd ed., Oxford 2014,
    example 6.1.4 (the recirculating flow).

    Examples
    --------
    >>> from kriss.testing import convection_diffusion2d
    >>> A = convection_diffusion2d(8, 1e-3)
    >>> bool((A.sum(axis=1) > -1e-15).all()), bool(abs(A - A.T).max() > 0)
    (True, True)
    """
    n = check.integer(n, "n", low=0)
    epsilon = check.scalar(epsilon, "epsilon", low=0.0, strict=True)
    check.choice(scheme, "scheme", ("upwind", "central"))
    h = 1.0 / (n + 1)
    vx: Any
    vy: Any
    if isinstance(velocity, str):
        check.choice(velocity, "velocity", ("recirculating",))
        at = 2.0 * h * np.arange(1, n + 1) - 1.0
        Y, X = at[:, None], at[None, :]
        vx, vy = 2.0 * Y * (1.0 - X * X), -2.0 * X * (1.0 - Y * Y)
    else:
        if len(velocity) != 2:
            raise ValueError(f"velocity has {len(velocity)} components, expected 2")
        vx, vy = (np.full((1, 1), check.scalar(v, "velocity")) for v in velocity)
    if scheme == "upwind":
        west, east = -epsilon - h * np.maximum(vx, 0.0), -epsilon + h * np.minimum(vx, 0.0)
        south, north = -epsilon - h * np.maximum(vy, 0.0), -epsilon + h * np.minimum(vy, 0.0)
    else:
        west, east = -epsilon - 0.5 * h * vx, -epsilon + 0.5 * h * vx
        south, north = -epsilon - 0.5 * h * vy, -epsilon + 0.5 * h * vy
    centre = -(west + east + south + north)
    return from_stencil((n, n), {(0, 0): centre, (0, -1): west, (0, 1): east, (-1, 0): south, (1, 0): north})


def helmholtz2d(
    n: int, wavenumber: float = 20.0, *, damping: float = 0.0, boundary: str = "absorbing"
) -> sps.csr_array:
    """Helmholtz operator ``-Laplace(u) - k**2 (1 + i damping) u`` on an n by n grid, scaled by the mesh width**2.

    Parameters
    ----------
    n : int
        Points per side of the unit square, mesh width 1 / (n + 1).
    wavenumber : float, default 20.0
        k, not negative; 10 points per wave length mean ``k = 2 pi (n + 1) / 10``.
    damping : float, default 0.0
        Imaginary part of k**2 relative to it; not negative.
    boundary : {"absorbing", "dirichlet"}
        ``du/dn = i k u`` to first order on all sides; or u = 0.

    Returns
    -------
    csr_array, shape (n**2, n**2)
        complex128, complex symmetric (not Hermitian), indefinite once k**2 exceeds the Laplacian's least eigenvalue.

    References
    ----------
    O. G. Ernst, M. J. Gander, "Why it is difficult to solve Helmholtz problems with classical iterative methods", in
    "Numerical Analysis of Multiscale Problems", Springer 2012, section 1.

    Examples
    --------
    >>> from kriss.testing import helmholtz2d
    >>> A = helmholtz2d(10, 12.0)
    >>> A.dtype, bool(abs(A - A.T).max() == 0)
    (dtype('complex128'), True)
    """
    n = check.integer(n, "n", low=0)
    k = check.scalar(wavenumber, "wavenumber", low=0.0)
    damping = check.scalar(damping, "damping", low=0.0)
    check.choice(boundary, "boundary", ("absorbing", "dirichlet"))
    h = 1.0 / (n + 1)
    centre = np.full((n, n), 4.0 - (k * h) ** 2 * (1.0 + 1j * damping), complex)
    if boundary == "absorbing" and n:
        outside = 1.0 + 1j * k * h  # the ghost point beyond the boundary over the point on it
        for edge in (np.s_[0], np.s_[-1], np.s_[:, 0], np.s_[:, -1]):
            centre[edge] -= outside
    return from_stencil((n, n), {(0, 0): centre, (0, 1): -1.0, (0, -1): -1.0, (1, 0): -1.0, (-1, 0): -1.0})
