"""Diffusion by a tensor that varies in space, in two and three dimensions."""

from __future__ import annotations

import itertools
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


def rotated_diffusion3d(
    n: int,
    epsilon: npt.ArrayLike = 1e-2,
    direction: npt.ArrayLike = (1.0, 1.0, 1.0),
    scale: npt.ArrayLike = 1.0,
    *,
    kind: str = "needle",
) -> sps.csr_array:
    """Anisotropic diffusion ``-div(K grad u)`` on an n by n by n grid whose axis may vary from cell to cell.

    Parameters
    ----------
    n : int
        Interior points per side.
    epsilon : array_like, shape () or (n + 1, n + 1, n + 1), default 1e-2
        Ratio of the weak conductivity to the strong one in each cell; positive.
    direction : array_like, shape (3,) or (n + 1, n + 1, n + 1, 3), default (1, 1, 1)
        Axis of the tensor in each cell, along the grid axes i, j, k; of any length but 0.
    scale : array_like, shape () or (n + 1, n + 1, n + 1), default 1.0
        The strong conductivity of each cell; positive.
    kind : {"needle", "sheet"}
        With d the axis of unit length: ``K = scale (epsilon I + (1 - epsilon) d d')``, strong along d, or
        ``K = scale (I - (1 - epsilon) d d')``, weak along d.

    Returns
    -------
    csr_array, shape (n**3, n**3)
        Symmetric positive definite, Dirichlet boundary, at most 19 points. Unknown (i, j, k) is row
        ``(i n + j) n + k`` and the vertex of the cells (i, j, k) to (i + 1, j + 1, k + 1).

    Raises
    ------
    TypeError, ValueError
        If an argument has a wrong type, shape or sign, or an axis has length 0.

    Notes
    -----
    Each cell adds the scheme of `rotated_diffusion` on each of its six faces, every edge belonging to two of them: its
    energy is half the sum of K_aa / 4 times the squared differences along its four edges of axis a, and of K_ab / 4 and
    -K_ab / 4 along the two diagonals of its two faces of the axes a and b. For a trilinear function with the
    coefficients c_S of the products of the local coordinates in S this is ``c'K c`` for c = (c_1, c_2, c_3), plus tr K
    times the square of c_123, plus the sum over a < b of ``K_bb u_a**2 + K_aa u_b**2 + 2 K_ab u_a u_b`` in
    u = (c_23, c_13, c_12), hence positive. About 200 n**3 flops.

    References
    ----------
    U. Trottenberg, C. W. Oosterlee, A. Schueller, "Multigrid", Academic Press 2001, section 7.6.

    Examples
    --------
    >>> from kriss.testing import poisson3d, rotated_diffusion3d
    >>> A = rotated_diffusion3d(5, 1.0)
    >>> float(abs(A - poisson3d(5)).max()) < 1e-14
    True
    >>> rotated_diffusion3d(5, 0.1, (1, 2, 3), kind="sheet")[[62]].nnz
    19
    """
    n = check.integer(n, "n", low=0)
    check.choice(kind, "kind", ("needle", "sheet"))
    cells = (n + 1,) * 3
    ratio, strong = _cells(epsilon, "epsilon", cells), _cells(scale, "scale", cells)
    for v, name in ((ratio, "epsilon"), (strong, "scale")):
        if not (v > 0).all():
            raise ValueError(f"{name} must be positive, found {v.min()}")
    axis = check.real_array(direction, "direction").astype(np.float64)
    if axis.shape not in ((3,), (*cells, 3)):
        raise ValueError(f"direction has shape {axis.shape}, expected (3,) or {(*cells, 3)}")
    largest = np.abs(axis).max(axis=-1, keepdims=True, initial=0.0)
    if not (largest > 0).all():
        raise ValueError("direction has length 0 in some cell")
    axis = axis / largest
    axis = axis / np.sqrt((axis * axis).sum(axis=-1, keepdims=True))
    base, along = (ratio, 1.0 - ratio) if kind == "needle" else (np.ones(()), ratio - 1.0)
    stencil: dict[tuple[int, ...], Any] = {}
    diagonal: Any = 0.0
    for a, b in itertools.combinations_with_replacement(range(3), 2):
        tensor = 0.25 * strong * (along * axis[..., a] * axis[..., b] + (base if a == b else 0.0))
        tensor = np.broadcast_to(tensor, cells)
        for signs in itertools.product((-1, 1), repeat=1 if a == b else 2):
            offset = [0, 0, 0]
            offset[a] = signs[0]
            offset[b] = signs[-1]
            value = tensor  # summed over the cells that hold the edge or the diagonal
            for k, d in enumerate(offset):
                first, last = (np.take(value, range(s, s + n), axis=k) for s in (0, 1))
                value = first + last if d == 0 else first if d < 0 else last
            value = value if a == b else signs[0] * signs[1] * value
            stencil[tuple(offset)] = -value
            diagonal = diagonal + value
    return from_stencil((n, n, n), {**stencil, (0, 0, 0): diagonal})


def _cells(value: npt.ArrayLike, name: str, cells: tuple[int, ...]) -> npt.NDArray[Any]:
    v = check.real_array(value, name)
    if v.shape not in ((), cells):
        raise ValueError(f"{name} has shape {v.shape}, expected () or {cells}")
    if not np.isfinite(v).all():
        raise ValueError(f"{name} holds NaN or infinity")
    return np.broadcast_to(v.astype(np.float64), cells)
