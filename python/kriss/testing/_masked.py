"""The Poisson problem around solid cells."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sps

from kriss import _validate as check
from kriss.testing._stencils import from_stencil


def masked_poisson(mask: npt.ArrayLike, *, walls: str = "neumann") -> sps.csr_array:
    """Laplacian on the cells of a grid that a mask keeps, -1 per pair of neighbours.

    Parameters
    ----------
    mask : array_like of bool, shape (n0, n1) or (n0, n1, n2)
        True where there is fluid, False in solid cells, which are no unknowns.
    walls : {"neumann", "dirichlet"}
        At the faces of solid cells: no flux, so that they add nothing to the diagonal; or u = 0 in the solid cell. On
        the outer boundary u = 0 in either case.

    Returns
    -------
    csr_array, shape (m, m)
        m True cells in row-major order. Symmetric positive definite, canonical; the diagonal is twice the number of
        axes, less one per wall without flux.

    Raises
    ------
    TypeError, ValueError
        If mask is not boolean, has not two or three axes, or keeps a pocket that walls without flux close off from the
        outside, for which the matrix is singular (a cell of it is named); if walls is unknown.

    Notes
    -----
    O(size of the mask) time and memory.

    References
    ----------
    R. Bridson, "Fluid Simulation for Computer Graphics", 2nd ed., CRC Press 2015, section 5.3 (the pressure equations).

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.testing import masked_poisson
    >>> mask = np.ones((3, 3), bool)
    >>> mask[1, 1] = False
    >>> A = masked_poisson(mask)
    >>> A.shape, A.diagonal()
    ((8, 8), array([4., 3., 4., 3., 3., 4., 3., 4.]))
    """
    fluid = np.asarray(mask)
    if fluid.dtype != np.bool_:
        raise TypeError(f"mask has dtype {fluid.dtype}, expected bool")
    if fluid.ndim not in (2, 3):
        raise ValueError(f"mask has {fluid.ndim} axes, expected 2 or 3")
    check.choice(walls, "walls", ("neumann", "dirichlet"))
    stencil: dict[tuple[int, ...], Any] = {}
    centre = np.full(fluid.shape, 2.0 * fluid.ndim)
    closed = ~fluid
    for axis in range(fluid.ndim):
        for sign in (1, -1):
            beside = np.ones(fluid.shape, bool)  # what lies outside the grid is no wall
            low: list[slice] = [slice(None)] * fluid.ndim
            high = low.copy()
            low[axis], high[axis] = slice(None, -1), slice(1, None)
            here, there = (low, high) if sign == 1 else (high, low)
            beside[tuple(here)] = fluid[tuple(there)]
            if walls == "neumann":
                centre -= ~beside
            stencil[tuple(sign if k == axis else 0 for k in range(fluid.ndim))] = -1.0 * (fluid & beside)
    if walls == "neumann":
        _no_pockets(fluid)
    stencil[(0,) * fluid.ndim] = np.where(closed, 0.0, centre)
    kept = np.flatnonzero(fluid)
    A = from_stencil(fluid.shape, stencil)
    return sps.csr_array(A[kept][:, kept])


def open_cells(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """The cells of a mask that a path through it leads to from outside the grid."""
    from scipy.ndimage import label

    parts, count = label(mask)
    reached = np.zeros(count + 1, bool)
    for axis in range(mask.ndim):
        for end in (0, -1):
            if mask.shape[axis]:
                reached[np.unique(np.take(parts, end, axis))] = True
    reached[0] = False
    out: npt.NDArray[np.bool_] = reached[parts]
    return out


def _no_pockets(fluid: npt.NDArray[np.bool_]) -> None:
    pocket = fluid & ~open_cells(fluid)
    if pocket.any():
        cell = tuple(int(k) for k in np.argwhere(pocket)[0])
        raise ValueError(f"mask: walls close off the cell {cell} from the outside, the matrix would be singular")
