"""Matrices that the multigrid network is trained on and tested with."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sps

from kriss.testing import gaussian_field, rotated_diffusion, rotated_diffusion3d

Array = npt.NDArray[Any]

KINDS = ("constant", "turning", "varying", "jumping")
KINDS3 = ("constant", "turning", "jumping")
TENSORS = ("needle", "sheet")


def field(n: int, lengthscale: float, rng: np.random.Generator) -> Array:
    """A smooth random field of variance about 1."""
    return gaussian_field(n, lengthscale=lengthscale, covariance="cubic", rng=rng)


def draw(kind: str, n: int, rng: np.random.Generator) -> sps.csr_array:
    """A matrix on n by n points.

    The ratio is 10**-u with u uniform in (0.7, 3.2). ``constant``: one angle; ``turning``: the angle a smooth field
    that turns by up to some hundred degrees; ``varying``: the ratio varies over half its decades as well; ``jumping``:
    turning, or constant, with a conductivity whose logarithm is a rough field, of contrast 10 to 1e4.
    """
    cells = n + 1
    u = rng.uniform(0.7, 3.2)
    angle: Any = rng.uniform(0.0, math.pi)
    epsilon: Any = 10.0**-u
    scale: Any = 1.0
    turns = kind in ("turning", "varying") or (kind == "jumping" and rng.random() < 0.5)
    if turns:
        angle = angle + rng.uniform(0.3, 2.5) * field(cells, rng.uniform(0.4, 1.2), rng)
    if kind == "varying":
        epsilon = 10.0 ** np.clip(-u + 0.7 * field(cells, rng.uniform(0.4, 1.2), rng), -3.3, -0.5)
    if kind == "jumping":
        rough = gaussian_field(cells, lengthscale=rng.uniform(0.05, 0.2), rng=rng)
        scale = np.exp(rng.uniform(0.4, 1.5) * rough)
    return rotated_diffusion(n, epsilon, angle, scale)


def directions(cells: int, rng: np.random.Generator) -> Array:
    """Directions that turn smoothly, (cells, cells, cells, 3): a fixed one plus a wave per component."""
    direction = rng.standard_normal(3)
    direction /= np.linalg.norm(direction)
    place = np.moveaxis(np.indices((cells,) * 3), 0, -1) / cells
    waves = np.sin(place @ rng.uniform(-3.0, 3.0, (3, 3)) + rng.uniform(0.0, 2.0 * math.pi, 3))
    out: Array = direction + rng.uniform(0.2, 1.5) * waves
    return out


def draw3(kind: str, tensor: str, n: int, rng: np.random.Generator) -> sps.csr_array:
    """A matrix on n by n by n points, `tensor` as in `kriss.testing.rotated_diffusion3d`.

    The ratio is 10**-u with u uniform in (0.3, 3). ``constant``: one direction, in a third of them near an axis or a
    plane of axes; ``turning``: a smooth field of directions; ``jumping``: either, with a conductivity whose logarithm
    is a rough field, of contrast 10 to 1e4.
    """
    cells = n + 1
    epsilon = 10.0 ** -rng.uniform(0.3, 3.0)
    direction = rng.standard_normal(3)
    if rng.random() < 1 / 3:
        direction *= 10.0 ** -rng.uniform(0.0, 2.0, 3)
    if kind == "turning" or (kind == "jumping" and rng.random() < 0.5):
        direction = directions(cells, rng)
    scale: Any = 1.0
    if kind == "jumping":
        rough = gaussian_field(cells, 3, lengthscale=rng.uniform(0.05, 0.3), rng=rng)
        scale = np.exp(rng.uniform(0.4, 1.5) * rough)
    return rotated_diffusion3d(n, epsilon, direction, scale, kind=tensor)


def streams(matrix: Any, n: int) -> Array:
    """(5, n, n): diagonal, right, lower left, below, lower right."""
    out = np.zeros((5, n, n))
    for k, offset in enumerate((0, 1, n - 1, n, n + 1)):
        out[k].reshape(-1)[: n * n - offset] = matrix.diagonal(offset)
    out[1, :, -1] = out[2, :, 0] = out[4, :, -1] = 0.0
    return out


def prolongation(weights: Array, n: int) -> sps.csr_array:
    """The matrix (n**2, m**2) of weights (9, m, m), n odd."""
    m = n // 2
    i, j = np.indices((m, m))
    rows, columns, values = [], [], []
    for k in range(9):
        rows.append(((2 * i + 1 + k // 3 - 1) * n + 2 * j + 1 + k % 3 - 1).ravel())
        columns.append((i * m + j).ravel())
        values.append(weights[k].ravel())
    return sps.csr_array(
        (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))), shape=(n * n, m * m)
    )
