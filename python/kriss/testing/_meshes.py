"""Diffusion on unstructured meshes."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sps

from kriss import _validate as check

Array = npt.NDArray[Any]
Coefficient = float | Callable[[Array, Array], npt.ArrayLike]


def mesh_diffusion(
    n: int, epsilon: Coefficient = 1.0, angle: Coefficient = 0.0, scale: Coefficient = 1.0, *, mass: float = 0.0,
    rng: check.RngLike = 0,
) -> sps.csr_array:  # fmt: skip
    """Linear finite elements for ``-div(K grad u) + mass u`` on a Delaunay mesh of random points in the unit square.

    Parameters
    ----------
    n : int
        Points inside; as many unknowns.
    epsilon, angle, scale : float or callable, default 1.0, 0.0, 1.0
        Ratio of the weak conductivity to the strong one, direction of the strong one in radians against the x axis, and
        the strong conductivity: numbers, or functions of the coordinates x and y (arrays) of the triangles' centres.
        The ratio and the conductivity are positive.
    mass : float, default 0.0
        Factor of the consistent mass matrix: 1/dt for a step of the heat equation by the backward Euler method, 4/dt**2
        for one of the wave equation by Newmark's method with average acceleration.
    rng : int, SeedSequence, Generator, optional
        Of the points: one in each of n cells of a grid, chosen and numbered at random.

    Returns
    -------
    csr_array, shape (n, n)
        Symmetric positive definite, Dirichlet boundary. About seven entries per row; many are positive outside the
        diagonal if the tensor is anisotropic, or the mass large: no M-matrix.

    Raises
    ------
    TypeError, ValueError
        If an argument has a wrong type, shape or sign, or an entry overflows.

    Notes
    -----
    About n log n operations for the mesh and 100 n for the entries.

    References
    ----------
    D. Braess, "Finite Elements", 3rd ed., Cambridge 2007, section II.8.
    T. J. R. Hughes, "The Finite Element Method", Dover 2000, section 9.1 (Newmark's method).

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.testing import mesh_diffusion
    >>> A = mesh_diffusion(300, 1e-2, lambda x, y: 3 * x * y)
    >>> A.shape
    (300, 300)
    >>> bool((A.data[A.indices != np.repeat(np.arange(300), np.diff(A.indptr))] > 0).any())
    True
    """
    from scipy.spatial import Delaunay

    n = check.integer(n, "n", low=1)
    mass = check.scalar(mass, "mass", low=0.0)
    generator = check.generator(rng)
    side = math.isqrt(n - 1) + 1
    cell = generator.permutation(side * side)[:n]
    inside = (np.stack(np.divmod(cell, side), axis=1) + generator.uniform(0.02, 0.98, (n, 2))) / side
    step = np.arange(side) / side
    low, high = np.zeros(side), np.ones(side)
    edge = [(step, low), (1.0 - step, high), (low, 1.0 - step), (high, step)]
    points = np.concatenate([inside, *(np.stack(pair, axis=1) for pair in edge)])
    triangles = Delaunay(points).simplices
    corner = points[triangles]
    opposite = np.roll(corner, -2, axis=1) - np.roll(corner, -1, axis=1)
    double = np.abs(opposite[:, 0, 0] * opposite[:, 1, 1] - opposite[:, 0, 1] * opposite[:, 1, 0])
    gradient = np.stack([-opposite[:, :, 1], opposite[:, :, 0]], axis=2) / double[:, None, None]
    x, y = corner.mean(axis=1).T
    ratio, theta, strong = (
        _values(v, name, x, y) for v, name in ((epsilon, "epsilon"), (angle, "angle"), (scale, "scale"))
    )
    for v, name in ((ratio, "epsilon"), (strong, "scale")):
        if not (v > 0).all():
            raise ValueError(f"{name} must be positive, found {v.min()}")
    axis = np.stack([np.cos(theta), np.sin(theta)], axis=1)
    across = np.stack([-axis[:, 1], axis[:, 0]], axis=1)
    along = np.einsum("tid,td->ti", gradient, axis)
    beside = np.einsum("tid,td->ti", gradient, across)
    with np.errstate(over="ignore", invalid="ignore"):  # found below
        element = along[:, :, None] * along[:, None, :]
        element = element + ratio[:, None, None] * (beside[:, :, None] * beside[:, None, :])
        element *= (0.5 * double * strong)[:, None, None]
        element += (mass / 24.0 * double)[:, None, None] * (np.ones((3, 3)) + np.eye(3))
    rows = np.repeat(triangles, 3, axis=1).ravel()
    columns = np.tile(triangles, (1, 3)).ravel()
    keep = (rows < n) & (columns < n)
    full = sps.coo_array((element.ravel()[keep], (rows[keep], columns[keep])), shape=(n, n)).tocsr()
    full.sort_indices()
    # elements are added in the order of the triangles on one side of the diagonal and on the other
    full = sps.csr_array(0.5 * (full + full.T))
    if not np.isfinite(full.data).all():
        raise ValueError(
            f"an entry overflows: scale is up to {strong.max()}, epsilon up to {ratio.max()}, mass {mass}, expected "
            "smaller ones"
        )
    return full


def _values(value: Any, name: str, x: Array, y: Array) -> Array:
    v = check.real_array(value(x, y) if callable(value) else value, name)
    if v.shape not in ((), x.shape):
        raise ValueError(f"{name} has shape {v.shape}, expected () or {x.shape}")
    return np.broadcast_to(v.astype(np.float64), x.shape)
