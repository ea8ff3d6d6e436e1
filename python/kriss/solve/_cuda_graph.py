"""The networks that correct factors and inverses on a GPU: host arrays in and out, one upload and one download."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from kriss import _device

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
    kernels.graph_network(
        n, m, *(v.data.ptr for v in graph), nodes.data.ptr, nodes.shape[1], edges.data.ptr, edges.shape[1],
        weights.data.ptr, rounds, room.data.ptr, node.data.ptr, edge.data.ptr, _device.stream(),
    )  # fmt: skip
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
        kernels.grid_convolve(
            n0, n1, x.data.ptr, x.shape[2], w.data.ptr, b.data.ptr, True, out.data.ptr, _device.stream()
        )
        x = out
    return np.asarray(x.get())
