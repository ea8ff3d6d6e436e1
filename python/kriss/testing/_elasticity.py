"""Linear elasticity with bilinear and trilinear elements on uniform grids."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sps

from kriss import _validate as check

Array = npt.NDArray[np.float64]


def _element(dim: int, nu: float) -> Array:
    """Stiffness of the unit square or cube for Young's modulus 1; corners in row-major order, components inside."""
    lam, mu = nu / ((1.0 + nu) * (1.0 - 2.0 * nu)), 0.5 / (1.0 + nu)
    corners = list(itertools.product((0, 1), repeat=dim))
    K = np.zeros((len(corners), dim, len(corners), dim))
    point = 0.5 - 0.5 / np.sqrt(3.0)
    for x in itertools.product((point, 1.0 - point), repeat=dim):
        grad = np.empty((len(corners), dim))
        for c, corner in enumerate(corners):
            value = [x[k] if corner[k] else 1.0 - x[k] for k in range(dim)]
            for k in range(dim):
                rest = np.prod([value[l] for l in range(dim) if l != k])
                grad[c, k] = (1.0 if corner[k] else -1.0) * rest
        gram = grad @ grad.T
        K += lam * np.einsum("ai,bj->aibj", grad, grad) + mu * np.einsum("aj,bi->aibj", grad, grad)
        K += mu * np.einsum("ab,ij->aibj", gram, np.eye(dim))
    size = len(corners) * dim
    K = K.reshape(size, size) / 2**dim
    out: Array = 0.5 * (K + K.T)
    return out


def _assemble(n: int, dim: int, young: Any, nu: float) -> tuple[sps.csr_array, Array]:
    n = check.integer(n, "n", low=1)
    nu = check.scalar(nu, "nu", low=-1.0, strict=True)
    if not nu < 0.5:
        raise ValueError(f"nu must be below 0.5, not {nu}")
    modulus = check.real_array(young, "young", dtype=np.float64)
    if modulus.ndim and modulus.shape != (n,) * dim:
        raise ValueError(f"young has shape {modulus.shape}, expected a number or {(n,) * dim}")
    if not (modulus > 0).all():
        raise ValueError("young must be positive")
    element = _element(dim, nu)
    shape = (n + 1,) * dim
    cell = np.indices((n,) * dim).reshape(dim, -1)
    corners = np.asarray(list(itertools.product((0, 1), repeat=dim)))
    nodes = np.stack([np.ravel_multi_index(tuple(cell + c[:, None]), shape) for c in corners], axis=1)
    dofs = (nodes[:, :, None] * dim + np.arange(dim)).reshape(nodes.shape[0], -1)
    width = dofs.shape[1]
    values = np.broadcast_to(modulus, (n,) * dim).reshape(-1, 1, 1) * element * (1.0 / n) ** (dim - 2)
    rows, columns = np.repeat(dofs, width, axis=1).ravel(), np.tile(dofs, (1, width)).ravel()
    size = (n + 1) ** dim * dim
    # The last axis is x; the side x = 0 is clamped.
    free = np.ones((*shape, dim), bool)
    free[(slice(None),) * (dim - 1) + (0,)] = False
    number = np.cumsum(free.ravel()) - 1
    kept = free.ravel()[rows] & free.ravel()[columns]
    itype = np.int32 if size * 3**dim * dim < 2**31 else np.int64
    unknowns = int(free.sum())
    A = sps.coo_array(
        (values.ravel()[kept], (number[rows[kept]].astype(itype), number[columns[kept]].astype(itype))),
        shape=(unknowns, unknowns),
    ).tocsr()
    A.sum_duplicates()
    where = np.stack([g.ravel() for g in np.indices(shape)], axis=1) / n - 0.5
    modes = [np.zeros((where.shape[0], dim)) for _ in range(dim + dim * (dim - 1) // 2)]
    for k in range(dim):
        modes[k][:, k] = 1.0
    for m, (k, l) in enumerate(itertools.combinations(range(dim), 2)):
        modes[dim + m][:, k], modes[dim + m][:, l] = -where[:, l], where[:, k]
    rigid = np.stack([m.ravel()[free.ravel()] for m in modes], axis=1)
    return A, np.ascontiguousarray(rigid)


def elasticity2d(n: int, *, young: npt.ArrayLike = 1.0, nu: float = 0.3) -> tuple[sps.csr_array, Array]:
    """Plane-strain elasticity on the unit square, n by n bilinear elements, clamped at one side.

    Parameters
    ----------
    n : int
        Elements per side.
    young : float or array_like, shape (n, n)
        Young's modulus, of each element if it is an array; positive.
    nu : float, default 0.3
        Poisson's ratio, -1 < nu < 0.5; near 0.5 the material is nearly incompressible.

    Returns
    -------
    A : csr_array, shape (2 n (n + 1), 2 n (n + 1))
        Symmetric positive definite; the components of a node are neighbours.
    modes : ndarray, shape (2 n (n + 1), 3)
        Rigid motions at the free nodes, the near null space that multigrid asks for.

    Notes
    -----
    Exact integration by two Gauss points per direction. O(n**2) time and memory.

    References
    ----------
    T. J. R. Hughes, "The Finite Element Method", Dover 2000, sections 2.7 and 3.2.

    Examples
    --------
    >>> from kriss.testing import elasticity2d
    >>> A, modes = elasticity2d(8)
    >>> A.shape, modes.shape
    ((144, 144), (144, 3))
    """
    return _assemble(n, 2, young, nu)


def elasticity3d(n: int, *, young: npt.ArrayLike = 1.0, nu: float = 0.3) -> tuple[sps.csr_array, Array]:
    """Elasticity on the unit cube, n by n by n trilinear elements, clamped at one side.

    Parameters
    ----------
    n : int
        Elements per side.
    young : float or array_like, shape (n, n, n)
        Young's modulus, of each element if it is an array; positive.
    nu : float, default 0.3
        Poisson's ratio, -1 < nu < 0.5.

    Returns
    -------
    A : csr_array, shape (3 n (n + 1)**2, 3 n (n + 1)**2)
        Symmetric positive definite; the components of a node are neighbours.
    modes : ndarray, shape (3 n (n + 1)**2, 6)
        Rigid motions at the free nodes.

    Notes
    -----
    Exact integration by two Gauss points per direction. O(n**3) time and memory.

    References
    ----------
    T. J. R. Hughes, "The Finite Element Method", Dover 2000, sections 2.7 and 3.5.

    Examples
    --------
    >>> from kriss.testing import elasticity3d
    >>> A, modes = elasticity3d(3)
    >>> A.shape, modes.shape
    ((144, 144), (144, 6))
    """
    return _assemble(n, 3, young, nu)
