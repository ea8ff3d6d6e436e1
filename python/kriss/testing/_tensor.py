"""Diffusion by a tensor that varies in space."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sps

from kriss import _validate as check
from kriss.testing._stencils import from_stencil


def rotated_diffusion(
    n: int, epsilon: npt.ArrayLike = 1e-2, angle: npt.ArrayLike = 0.0, scale: npt.ArrayLike = 1.0
) -> sps.csr_array:
    """Anisotropic diffusion ``-div(K grad u)`` on an n by n grid whose strong direction may vary from cell to cell.

    Parameters
    ----------
    n : int
        Interior points per side.
    epsilon : array_like, shape () or (n + 1, n + 1), default 1e-2
        Ratio of the weak conductivity to the strong one in each cell; positive.
    angle : array_like, shape () or (n + 1, n + 1), default 0.0
        Of the strong direction in each cell, in radians, against the axis of the column index j.
    scale : array_like, shape () or (n + 1, n + 1), default 1.0
        The strong conductivity of each cell; positive.

    Returns
    -------
    csr_array, shape (n**2, n**2)
        Symmetric positive definite, Dirichlet boundary, nine points. Unknown (i, j) is row ``i n + j`` and the vertex
        of the cells (i, j), (i, j + 1), (i + 1, j) and (i + 1, j + 1). A constant tensor gives `anisotropic2d`.

    Raises
    ------
    TypeError, ValueError
        If an argument has a wrong type, shape or sign.

    Notes
    -----
    The energy of a cell with the tensor ``[[x, m], [m, y]]`` is half the sum of x/2 times the squared differences along
    its two horizontal edges, y/2 along the vertical ones, m/2 along the diagonal and -m/2 along the other diagonal:
    not less than that of the mean gradient, hence positive. About 60 n**2 flops.

    References
    ----------
    U. Trottenberg, C. W. Oosterlee, A. Schueller, "Multigrid", Academic Press 2001, section 7.6.

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.testing import anisotropic2d, rotated_diffusion
    >>> A = rotated_diffusion(8, 0.1, np.pi / 6)
    >>> float(abs(A - anisotropic2d(8, 0.1, np.pi / 6)).max()) < 1e-15
    True
    """
    n = check.integer(n, "n", low=0)
    cells = (n + 1, n + 1)
    ratio, theta, strong = (
        _cells(v, name, cells) for v, name in ((epsilon, "epsilon"), (angle, "angle"), (scale, "scale"))
    )
    for v, name in ((ratio, "epsilon"), (strong, "scale")):
        if not (v > 0).all():
            raise ValueError(f"{name} must be positive, found {v.min()}")
    c, s = np.cos(theta), np.sin(theta)
    along = 0.5 * strong * (c * c + ratio * s * s)
    down = 0.5 * strong * (s * s + ratio * c * c)
    mixed = 0.5 * strong * (1.0 - ratio) * c * s
    first, last = slice(0, n), slice(1, n + 1)  # cells before and after a point
    left, right = along[first, first] + along[last, first], along[first, last] + along[last, last]
    above, below = down[first, first] + down[first, last], down[last, first] + down[last, last]
    corners: dict[tuple[int, ...], Any] = {
        (-1, -1): -mixed[first, first], (-1, 1): mixed[first, last],
        (1, -1): mixed[last, first], (1, 1): -mixed[last, last],
    }  # fmt: skip
    diagonal = left + right + above + below
    for value in corners.values():
        diagonal = diagonal - value
    edges: dict[tuple[int, ...], Any] = {
        (0, 0): diagonal,
        (0, -1): -left,
        (0, 1): -right,
        (-1, 0): -above,
        (1, 0): -below,
    }
    return from_stencil((n, n), edges | corners)


def _cells(value: npt.ArrayLike, name: str, cells: tuple[int, int]) -> npt.NDArray[Any]:
    v = check.real_array(value, name)
    if v.shape not in ((), cells):
        raise ValueError(f"{name} has shape {v.shape}, expected () or {cells}")
    if not np.isfinite(v).all():
        raise ValueError(f"{name} holds NaN or infinity")
    return np.broadcast_to(v.astype(np.float64), cells)
