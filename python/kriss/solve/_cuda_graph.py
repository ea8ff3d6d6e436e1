"""The networks that correct factors and inverses on a GPU: host arrays in and out, one upload and one download."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from kriss import _device
from kriss.solve._cuda_arrays import pointer

Array = npt.NDArray[Any]


def network(net: Array, g: Any, width: int, rounds: int) -> tuple[Array, Array]:
    """What `kriss.solve.learned._graph_network.outputs` returns, bit for bit; ``3 rounds + 4`` launches."""
    cp = _device.cupy()
    kernels = _device.cuda("solve")
    n, m = g.nodes.shape[0], g.edges.shape[0]
    node, edge = cp.empty(n, np.float32), cp.empty(m, np.float32)
    room = cp.empty((3 * n + m) * width, np.float32)
    *graph, nodes, edges = map(cp.asarray, g)
    weights = cp.asarray(net)
    arguments = (n, m, *graph, nodes, nodes.shape[1], edges, edges.shape[1], weights, rounds, room, node, edge)
    kernels.graph_network(*map(pointer, arguments), _device.stream())
    return np.asarray(node.get()), np.asarray(edge.get())


def convolutions(image: Array, layers: Sequence[tuple[Array, Array]]) -> Array:
    """Rectified layers, (weights, bias) each, on an image between margins, as the kernel ``convolve`` takes it."""
    cp = _device.cupy()
    kernels = _device.cuda("solve")
    n0, n1 = image.shape[0] - 2, image.shape[1] - 2
    x = cp.asarray(image)
    for weights, bias in layers:
        w, b = cp.asarray(weights), cp.asarray(bias)
        out = cp.zeros((n0 + 2, n1 + 2, bias.shape[0]), np.float32)
        kernels.grid_convolve(*map(pointer, (n0, n1, x, x.shape[2], w, b, True, out)), _device.stream())
        x = out
    return np.asarray(x.get())
