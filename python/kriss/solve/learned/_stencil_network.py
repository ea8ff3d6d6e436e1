"""The convolutions that correct an incomplete factor on a grid, and what they read.

The matrix is scaled to a unit diagonal, and so is its factor (`_graph_network`). Channels of a point: the logarithm of
its diagonal entry of the factor, the four entries of its row of the factor (left, above and left, above, above and
right), those of A, the row sum of A and that of the error ``L L' - A``. Three convolutions of three by three points
with 16 channels, negative numbers set to 0, and a last layer at each point return c and, for each of the four entries,
h.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from kriss._backend import kernels
from kriss.solve.learned._graph_network import FAMILY, MOST, WIDTH, Lower

Array = npt.NDArray[Any]

CHANNELS, LAYERS = 11, 3
SHAPES: dict[str, tuple[int, ...]] = {
    **{f"w{k}": (9, CHANNELS if k == 0 else WIDTH, WIDTH) for k in range(LAYERS)},
    **{f"b{k}": (WIDTH,) for k in range(LAYERS)},
    "out_w": (WIDTH, 5),
    "out": (5,),
}


def kinds(grid: tuple[int, int], row: Array, column: Array) -> Array:
    """Which of the four neighbours of its row, counted from the left one clockwise, a column before it is.

    From the two coordinates: on grids of width 1 and 2 the four do not lie at different distances in memory.
    """
    (i, j), (k, m) = np.divmod(row, grid[1]), np.divmod(column, grid[1])
    return np.where(i == k, 0, 2 + m - j)


def places(grid: tuple[int, int], factor: Lower) -> tuple[Array, Array, Array]:
    """(row, column, which of the four) of the entries of a factor below its diagonal."""
    row = np.repeat(np.arange(factor.diagonal.size), np.diff(factor.indptr))
    column = factor.indices.astype(np.int64)
    return row, column, kinds(grid, row, column)


def image(A: Any, grid: tuple[int, int], factor: Lower) -> Array:
    """(n0, n1, CHANNELS), float32; about 60 n flops."""
    n = factor.diagonal.size
    scale = 1.0 / np.sqrt(A.diagonal())
    row, column, kind = places(grid, factor)
    out = np.zeros((n, CHANNELS), np.float32)
    out[:, 0] = np.log(factor.diagonal * scale)
    out[row, 1 + kind] = factor.data * scale[row]
    each = np.repeat(np.arange(n), np.diff(A.indptr))
    at = A.indices < each
    left, right = A.indices[at].astype(np.int64), each[at]
    out[right, 5 + kinds(grid, right, left)] = A.data[at] * scale[right] * scale[left]
    ones = np.bincount(each, A.data, n)
    out[:, 9] = ones * scale * scale
    turned = factor.diagonal + np.bincount(column, factor.data, n)  # L'1
    error = factor.diagonal * turned + np.bincount(row, factor.data * turned[column], n) - ones
    out[:, 10] = np.arcsinh(error * scale * scale)
    return out.reshape(*grid, CHANNELS)


def outputs(weights: Mapping[str, Array], channels: Array, workers: int, device: bool = False) -> Array:
    """(n0, n1, 5) before their bounds; about 12 kflop per point."""
    n0, n1, _ = channels.shape
    x = np.zeros((n0 + 2, n1 + 2, CHANNELS), np.float32)
    x[1:-1, 1:-1] = channels
    layers = [(weights[f"w{k}"], weights[f"b{k}"]) for k in range(LAYERS)]
    if device:
        from kriss.solve._cuda_graph import convolutions

        x = convolutions(x, layers)
    else:
        rooms = [np.zeros((n0 + 2, n1 + 2, WIDTH), np.float32) for _ in range(2)]
        for k, (w, b) in enumerate(layers):
            out = rooms[k % 2]
            kernels(FAMILY).convolve(x, w, b, True, out, workers)
            x = out
    found = np.empty((n0, n1, 5), np.float32)
    found[:] = weights["out"]
    with np.errstate(all="ignore"):
        for h in range(WIDTH):  # in this order, whatever the threads of BLAS
            found += x[1:-1, 1:-1, h, None] * weights["out_w"][h]
    return found


def corrected(grid: tuple[int, int], factor: Lower, found: Array) -> Lower:
    """The factor with the outputs of the network applied."""
    row, column, kind = places(grid, factor)
    values = found.reshape(-1, 5).astype(np.float64)
    c = MOST * np.tanh(values[:, 0] / MOST)
    data = factor.data * np.exp(-c[column]) * (1.0 + np.tanh(values[row, 1 + kind]))
    return factor._replace(data=data, diagonal=factor.diagonal * np.exp(c))
