"""Log-normal random fields by circulant embedding, and diffusion through them."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.fft
import scipy.sparse as sps

from kriss import _validate as check
from kriss.testing._grids import finite_volumes
from kriss.testing._stencils import from_stencil

Field = npt.NDArray[np.float64]

COVARIANCES = ("exponential", "gaussian", "cubic")
_MOST_POINTS = 2**26  # of an embedding that is enlarged

# Contrast max / min of the coefficient that the data set accepts, by variance of the logarithm.
CONDIFF_BANDS = {0.1: (5.0, 15.0), 0.4: (50.0, 250.0), 1.0: (600.0, 1000.0), 2.0: (8e4, 1e5)}


def _correlation(kind: str, r: Field) -> Field:
    if kind == "exponential":
        return np.exp(-r)
    if kind == "gaussian":
        return np.exp(-r * r)
    r2 = r * r
    inside: Field = 1.0 - 7.0 * r2 + 8.75 * r2 * r - 3.5 * r2 * r2 * r + 0.75 * r2 * r2 * r2 * r
    return np.where(r < 1.0, inside, 0.0)


def gaussian_field(
    n: int,
    dim: int = 2,
    *,
    variance: float = 1.0,
    lengthscale: float = 0.05,
    covariance: str = "exponential",
    rng: check.RngLike = 0,
) -> Field:
    """Stationary Gaussian random field with zero mean on a uniform grid of the unit square or cube.

    Parameters
    ----------
    n : int
        Points per side, a distance 1 / n apart.
    dim : {1, 2, 3}
        Dimension.
    variance : float, default 1.0
        Variance at a point, not negative.
    lengthscale : float, default 0.05
        l in the covariance ``variance C(r / l)``, positive.
    covariance : {"exponential", "gaussian", "cubic"}
        ``C(s) = exp(-s)``; ``exp(-s**2)``; ``1 - 7 s**2 + 8.75 s**3 - 3.5 s**5 + 0.75 s**7`` for s < 1, else 0 (a
        covariance in one and two dimensions only).
    rng : int, SeedSequence, Generator or None
        Source of the draw.

    Returns
    -------
    ndarray, shape (n,) * dim
        float64.

    Raises
    ------
    ValueError
        If an argument is out of range, or the lengthscale is so long that no affordable embedding is (nearly)
        positive semidefinite.

    Notes
    -----
    The covariance matrix is embedded in a circulant one over a torus of twice the size, enlarged at most twice until
    its eigenvalues are not negative; remaining negative ones are set to zero if together they are below 5 % of the
    positive ones, and the draw is then approximate. O(m**dim log m) flops and 32 m**dim bytes, m >= 2 n.

    References
    ----------
    C. R. Dietrich, G. N. Newsam, "Fast and exact simulation of stationary Gaussian processes through circulant
    embedding of the covariance matrix", SIAM J. Sci. Comput. 18 (1997), section 2.

    Examples
    --------
    >>> from kriss.testing import gaussian_field
    >>> g = gaussian_field(64, lengthscale=0.1, rng=1)
    >>> g.shape, bool((g == gaussian_field(64, lengthscale=0.1, rng=1)).all())
    ((64, 64), True)
    """
    n = check.integer(n, "n", low=0)
    dim = check.integer(dim, "dim", low=1, high=3)
    variance = check.scalar(variance, "variance", low=0.0)
    lengthscale = check.scalar(lengthscale, "lengthscale", low=0.0, strict=True)
    check.choice(covariance, "covariance", COVARIANCES)
    if covariance == "cubic" and dim == 3:
        raise ValueError("covariance 'cubic' is not positive definite for dim 3, expected 'exponential' or 'gaussian'")
    draw = check.generator(rng)
    if n == 0:
        return np.zeros((0,) * dim)
    m, eigenvalues = _embedding(n, dim, lengthscale, covariance)
    z = draw.standard_normal((2, *eigenvalues.shape))
    spectrum = np.sqrt(eigenvalues) * (z[0] + 1j * z[1])
    field = scipy.fft.fftn(spectrum, overwrite_x=True)[(slice(0, n),) * dim]
    return np.ascontiguousarray(field.real * math.sqrt(variance / m**dim))


def _embedding(n: int, dim: int, lengthscale: float, covariance: str) -> tuple[int, Field]:
    """Size per side of the torus, and the eigenvalues of the circulant correlation matrix on it."""
    m = max(2 * n, 2)
    for doubling in range(3):
        lag = np.minimum(np.arange(m), m - np.arange(m)) / n
        r2: Any = 0.0
        for axis in range(dim):
            r2 = r2 + (lag**2).reshape([-1 if k == axis else 1 for k in range(dim)])
        values = scipy.fft.fftn(_correlation(covariance, np.sqrt(r2) / lengthscale)).real
        worst = -values.min() / values.max()
        if worst <= 1e-12 or doubling == 2 or (2 * m) ** dim > _MOST_POINTS:
            break
        m *= 2
    negative = -values[values < 0.0].sum()
    if negative > 0.05 * values[values > 0.0].sum():
        raise ValueError(
            f"lengthscale {lengthscale} is too long for circulant embedding with covariance {covariance!r}: "
            f"negative eigenvalues make up {100 * negative / np.abs(values).sum():.0f} %, expected below 5 %"
        )
    return m, np.maximum(values, 0.0)


def darcy(
    n: int,
    dim: int = 2,
    *,
    variance: float = 4.0,
    lengthscale: float = 0.1,
    covariance: str = "exponential",
    rng: check.RngLike = 0,
) -> tuple[sps.csr_array, Field]:
    """Darcy flow through a log-normal permeability: ``-div(exp(g) grad u)`` by finite volumes.

    Parameters
    ----------
    n : int
        Cells per side.
    dim : {2, 3}
        Dimension.
    variance, lengthscale, covariance, rng
        Of the Gaussian field g: see `gaussian_field`.

    Returns
    -------
    A : csr_array, shape (n**dim, n**dim)
        Symmetric positive definite, 2 dim + 1 points, Dirichlet boundary half a cell outside.
    permeability : ndarray, shape (n,) * dim
        exp(g), one value per cell; faces take the harmonic mean of their two cells.

    References
    ----------
    I. G. Graham, F. Y. Kuo, D. Nuyens, R. Scheichl, I. H. Sloan, "Quasi-Monte Carlo methods for elliptic PDEs with
    random coefficients and applications", J. Comput. Phys. 230 (2011), section 4.

    Examples
    --------
    >>> from kriss.testing import darcy
    >>> A, permeability = darcy(32, rng=3)
    >>> A.shape, bool((permeability > 0).all())
    ((1024, 1024), True)
    """
    n = check.integer(n, "n", low=0)
    dim = check.integer(dim, "dim", low=2, high=3)
    g = gaussian_field(n, dim, variance=variance, lengthscale=lengthscale, covariance=covariance, rng=rng)
    permeability = np.exp(g)
    return finite_volumes(permeability), permeability


def random_diffusion(
    n: int,
    dim: int = 2,
    *,
    variance: float = 2.0,
    lengthscale: float = 0.05,
    covariance: str = "exponential",
    contrast: tuple[float, float] | None = None,
    most_draws: int = 1000,
    rng: check.RngLike = 0,
) -> tuple[sps.csr_array, Field]:
    """Diffusion ``-div(exp(g) grad u)`` at the vertices of a grid whose cells carry a log-normal coefficient.

    Parameters
    ----------
    n : int
        Interior vertices per side; there are n + 1 cells per side.
    dim : {2, 3}
        Dimension.
    variance, lengthscale, covariance, rng
        Of the Gaussian field g on the cells: see `gaussian_field`.
    contrast : (float, float), optional
        Accept only fields with ``max exp(g) / min exp(g)`` in this interval.
    most_draws : int, default 1000
        Give up after that many fields.

    Returns
    -------
    A : csr_array, shape (n**dim, n**dim)
        Symmetric positive definite, 2 dim + 1 points, zero Dirichlet boundary at the outer vertices, without the
        factor 1 / h**2. Unknowns in row-major order.
    a : ndarray, shape (n + 1,) * dim
        The cells' coefficient.

    Raises
    ------
    ValueError
        If an argument is out of range, or no field met `contrast` in `most_draws` draws.

    Notes
    -----
    The coefficient of an edge is the mean of the cells around it; edges to the boundary enter the diagonal only. Of
    second order in the maximum norm on smooth coefficients.

    References
    ----------
    V. Trifonov, A. Rudikov, O. Iliev, I. Oseledets, E. Muravleva, "ConDiff: a challenging dataset for neural solvers
    of partial differential equations", 2024, arXiv:2406.04709, section 3.

    Examples
    --------
    >>> from kriss.testing import random_diffusion
    >>> A, a = random_diffusion(16, variance=0.4, rng=7)
    >>> A.shape, a.shape, bool(abs(A - A.T).max() == 0)
    ((256, 256), (17, 17), True)
    """
    n = check.integer(n, "n", low=0)
    dim = check.integer(dim, "dim", low=2, high=3)
    most_draws = check.integer(most_draws, "most_draws", low=1)
    draw = check.generator(rng)
    if contrast is not None:
        low, high = (check.scalar(v, "contrast", low=1.0) for v in contrast)
        if high < low:
            raise ValueError(f"contrast is {contrast}, expected an increasing pair")
    for _ in range(most_draws):
        g = gaussian_field(n + 1, dim, variance=variance, lengthscale=lengthscale, covariance=covariance, rng=draw)
        if contrast is None or math.log(low) <= np.ptp(g) <= math.log(high):
            break
    else:
        raise ValueError(f"none of {most_draws} fields has a contrast within {contrast}")
    a = np.exp(g)
    return _vertex_scheme(a), a


def _vertex_scheme(a: Field) -> sps.csr_array:
    dim, n = a.ndim, a.shape[0] - 1
    inner = (n,) * dim
    stencil: dict[tuple[int, ...], Any] = {}
    centre = np.zeros(inner)
    for axis in range(dim):
        others = [k for k in range(dim) if k != axis]
        # edge[p] joins vertex p - 1 to vertex p along the axis: n + 1 edges there, n vertices along the others
        edge = np.zeros(tuple(n + 1 if k == axis else n for k in range(dim)))
        for corner in itertools.product((0, 1), repeat=dim - 1):
            at: list[slice] = [slice(None)] * dim
            for k, c in zip(others, corner, strict=True):
                at[k] = slice(c, c + n)
            edge += a[tuple(at)]
        edge /= 2 ** (dim - 1)
        before: list[slice] = [slice(None)] * dim
        after = before.copy()
        before[axis], after[axis] = slice(0, n), slice(1, n + 1)
        down, up = edge[tuple(before)], edge[tuple(after)]
        stencil[tuple(-1 if k == axis else 0 for k in range(dim))] = -down
        stencil[tuple(1 if k == axis else 0 for k in range(dim))] = -up
        centre += down + up
    stencil[(0,) * dim] = centre
    return from_stencil(inner, stencil)


def condiff(
    n: int,
    variance: float = 0.4,
    *,
    covariance: str = "exponential",
    lengthscale: float = 0.05,
    most_draws: int = 1000,
    rng: check.RngLike = 0,
) -> tuple[sps.csr_array, Field, Field]:
    """One system of the ConDiff families: two-dimensional random diffusion with a prescribed band of contrasts.

    Parameters
    ----------
    n : int
        Interior vertices per side; the data set has 64 and 128.
    variance : {0.1, 0.4, 1.0, 2.0}
        Of the logarithm of the coefficient; it selects the accepted contrast: 5 to 15, 50 to 250, 600 to 1000, or
        8e4 to 1e5.
    covariance : {"exponential", "gaussian", "cubic"}
        See `gaussian_field`.
    lengthscale : float, default 0.05
        See `gaussian_field`.
    most_draws : int, default 1000
        Give up after that many fields; at variance 2 only one in 10 to 100 is accepted.
    rng : int, SeedSequence, Generator or None
        Source of field and right-hand side.

    Returns
    -------
    A : csr_array, shape (n**2, n**2)
        See `random_diffusion`.
    b : ndarray, shape (n**2,)
        Right-hand side, independent standard normal numbers.
    a : ndarray, shape (n + 1, n + 1)
        The cells' coefficient.

    Raises
    ------
    ValueError
        If an argument is out of range or no field met the band.

    References
    ----------
    V. Trifonov, A. Rudikov, O. Iliev, I. Oseledets, E. Muravleva, "ConDiff: a challenging dataset for neural solvers
    of partial differential equations", 2024, arXiv:2406.04709, section 3.

    Examples
    --------
    >>> from kriss.testing import condiff
    >>> A, b, a = condiff(64, 0.1, rng=5)
    >>> bool(5 <= a.max() / a.min() <= 15)
    True
    """
    variance = check.scalar(variance, "variance")
    if variance not in CONDIFF_BANDS:
        raise ValueError(f"variance must be one of {', '.join(map(str, CONDIFF_BANDS))}, not {variance}")
    draw = check.generator(rng)
    A, a = random_diffusion(
        n, variance=variance, lengthscale=lengthscale, covariance=covariance, contrast=CONDIFF_BANDS[variance],
        most_draws=most_draws, rng=draw,
    )  # fmt: skip
    return A, draw.standard_normal(A.shape[0]), a
