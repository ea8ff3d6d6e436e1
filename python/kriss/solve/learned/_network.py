"""Prolongation weights of a nine-point stencil from a small network, over all points of a grid at once.

At a point between two coarse points the network returns the logit of one's share, at a point between four the logits
of their shares; what is shared out is the row sum of Dendy's interpolation, so constants are interpolated as he does.
The logits are a multiple q of those of the classical weights plus a correction g; q = 1 and g = 0 is Black-Box
interpolation, q = 0 and g = 0 bilinear. The network sees the eight couplings of the point over its diagonal entry, in
every orientation that the answer is meant to be equivariant to: exchange of the two coarse points of an edge, and of
the axes at edges; the reflections of a corner.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

HIDDEN = 16
LAYERS = {"w1": (HIDDEN, 8), "b1": (HIDDEN,), "w2": (HIDDEN, HIDDEN), "b2": (HIDDEN,), "w3": (2, HIDDEN), "b3": (2,)}
SHAPES = {f"{net}_{layer}": shape for net in ("edge", "corner") for layer, shape in LAYERS.items()}


def packed(weights: Mapping[str, Array]) -> Array:
    """One array, in the order that the kernels expect."""
    return np.concatenate([np.asarray(weights[name], np.float32).ravel() for name in SHAPES])


def unpacked(net: Array) -> dict[str, Array]:
    """The inverse of `packed`."""
    out, at = {}, 0
    for name, shape in SHAPES.items():
        size = int(np.prod(shape))
        out[name] = net[at : at + size].reshape(shape)
        at += size
    return out


# Neighbours: left, right, up, down, then the corners upper left, upper right, lower left, lower right.
MIRROR = [1, 0, 2, 3, 5, 4, 7, 6]
FLIP = [0, 1, 3, 2, 6, 7, 4, 5]
TURN = [MIRROR[k] for k in FLIP]
TRANSPOSE = [2, 3, 0, 1, 4, 6, 5, 7]  # neighbours of a point of the transposed grid
FLOOR = 1e-6  # of a classical weight whose logarithm is taken


def neighbours(stencil: Array) -> Array:
    """(8, n0, n1): the couplings of each point from the five stored streams (5, n0, n1)."""
    _, n0, n1 = stencil.shape
    padded = np.zeros((5, n0 + 1, n1 + 2), np.float64)
    padded[:, 1:, 1:-1] = stencil
    _, right, lower_left, below, lower_right = padded
    here, before, after = slice(1, n1 + 1), slice(0, n1), slice(2, n1 + 2)
    return np.stack(
        [
            right[1:, before], right[1:, here], below[:-1, here], below[1:, here],
            lower_right[:-1, before], lower_left[:-1, after], lower_left[1:, here], lower_right[1:, here],
        ]
    )  # fmt: skip


def classical_edges(a: Array, centre: Array) -> tuple[Array, Array, Array]:
    """(first, second, total): Dendy's weights between two coarse points left and right, from (8, ...) couplings."""
    left, right, middle = a[0] + a[4] + a[6], a[1] + a[5] + a[7], centre + a[2] + a[3]
    with np.errstate(all="ignore"):
        first, second = -left / middle, -right / middle
    good = middle > 0
    return np.where(good, first, 0.5), np.where(good, second, 0.5), np.where(good, first + second, 1.0)


def orientations(weights: Mapping[str, Array], net: str, turns: list[list[int]], features: Array) -> Array:
    """(len(turns), 2, points): the outputs of a network for the features (8, points) seen in several orientations."""
    # Permuting the columns of the first layer is cheaper than permuting the features.
    first = np.concatenate([_permuted(weights[f"{net}_w1"], turn) for turn in turns])
    hidden = first @ features
    points = features.shape[1]
    count = len(turns)
    hidden = hidden.reshape(count, HIDDEN, points)
    hidden += weights[f"{net}_b1"][:, None]
    np.maximum(hidden, 0.0, out=hidden)
    hidden = weights[f"{net}_w2"] @ hidden
    hidden += weights[f"{net}_b2"][:, None]
    np.maximum(hidden, 0.0, out=hidden)
    out: Array = weights[f"{net}_w3"] @ hidden
    out += weights[f"{net}_b3"][:, None]
    return out


def _permuted(matrix: Array, turn: list[int]) -> Array:
    """w with w @ f = matrix @ f[turn]."""
    out = np.empty_like(matrix)
    out[:, turn] = matrix
    return out


def _sigmoid(x: Array) -> Array:
    out: Array = 0.5 + 0.5 * np.tanh(0.5 * x)
    return out


def _edges(weights: Mapping[str, Array], a: Array, centre: Array, ends: tuple[Array, Array]) -> tuple[Array, Array]:
    """Weights of the coarse points left and right; `ends` tells which of them exist."""
    shape = centre.shape
    with np.errstate(all="ignore"):
        features = np.ascontiguousarray((a / centre).reshape(8, -1), np.float32)
    out = orientations(weights, "edge", [list(range(8)), MIRROR], features)
    q = _sigmoid(0.5 * (out[0, 1] + out[1, 1])).reshape(shape)
    g = (out[0, 0] - out[1, 0]).reshape(shape)
    first, second, total = classical_edges(a, centre)
    sound = np.minimum(first, second) >= 0.0
    logit = np.log(np.maximum(first, FLOOR)) - np.log(np.maximum(second, FLOOR))
    share = _sigmoid(np.where(sound, q * logit, 0.0) + g).astype(np.float64)
    share = np.where(ends[0], np.where(ends[1], share, 1.0), 0.0)
    total = np.clip(total, 0.0, 1.0)
    one: Array = total * share
    return one, np.where(ends[1], total - one, 0.0)


def interpolation(weights: Mapping[str, Array], stencil: Array) -> Array:
    """(9, m0, m1): the weight of each coarse point at the points beside it, from streams (5, n0, n1).

    Offsets run over (-1, 0, 1) along both axes, the last fastest; coarse points are the odd ones. Both axes have at
    least three points. About 7 kflop per coarse point.
    """
    _, n0, n1 = stencil.shape
    m0, m1 = n0 // 2, n1 // 2
    h0, h1 = (n0 + 1) // 2, (n1 + 1) // 2
    a, centre = neighbours(stencil), stencil[0]
    column, row = np.arange(h1), np.arange(h0)[:, None]
    # edges: (m0, h1) between columns, (h0, m1) between rows
    west, east = _edges(weights, a[:, 1::2, 0::2], centre[1::2, 0::2], (column > 0, column < m1))
    north, south = _edges(weights, a[TRANSPOSE][:, 0::2, 1::2], centre[0::2, 1::2], (row > 0, row < m0))
    corners = _corners(weights, a[:, 0::2, 0::2], centre[0::2, 0::2], west, east, north, south)
    out = np.zeros((3, 3, m0, m1))
    out[1, 1] = 1.0
    out[1, 0] = east[:, :m1]
    out[1, 2, :, : h1 - 1] = west[:, 1:]
    out[0, 1] = south[:m0]
    out[2, 1, : h0 - 1] = north[1:]
    out[0, 0] = corners[3, :m0, :m1]
    out[0, 2, :, : h1 - 1] = corners[2, :m0, 1:]
    out[2, 0, : h0 - 1] = corners[1, 1:, :m1]
    out[2, 2, : h0 - 1, : h1 - 1] = corners[0, 1:, 1:]
    return out.reshape(9, m0, m1)


def _corners(
    weights: Mapping[str, Array], a: Array, centre: Array, west: Array, east: Array, north: Array, south: Array
) -> Array:
    """(4, h0, h1): upper left, upper right, lower left, lower right."""
    h0, h1 = centre.shape
    rows = np.zeros((2, h0 + 1, h1))  # edges above and below a corner: rows i and i + 1
    rows[0, 1 : 1 + west.shape[0]], rows[1, 1 : 1 + east.shape[0]] = west, east
    columns = np.zeros((2, h0, h1 + 1))
    columns[0, :, 1 : 1 + north.shape[1]], columns[1, :, 1 : 1 + south.shape[1]] = north, south
    base = np.empty((4, h0, h1))
    exists = np.zeros((4, h0, h1), bool)
    for k in range(4):
        low, far = k // 2, k % 2  # below, right
        base[k] = -(
            a[4 + k] + a[2 + low] * rows[far, low : low + h0] + a[far] * columns[low, :, far : far + h1]
        )  # fmt: skip
        exists[k, : west.shape[0] if low else h0, : north.shape[1] if far else h1] = True
    exists[:2, 0] = False
    exists[0::2, :, 0] = False
    base /= centre
    with np.errstate(all="ignore"):
        features = np.ascontiguousarray((a / centre).reshape(8, -1), np.float32)
    # seen so that the corner in question is the upper left one
    seen = orientations(weights, "corner", [list(range(8)), MIRROR, FLIP, TURN], features)
    q = _sigmoid(seen[:, 1].mean(axis=0)).reshape(h0, h1)
    logits = q * np.log(np.maximum(base, FLOOR)) + seen[:, 0].reshape(4, h0, h1)
    logits = np.where(exists, logits, -np.inf)
    shares = np.exp(logits - logits.max(axis=0)).astype(np.float64)
    total = np.clip(np.where(exists, base, 0.0).sum(axis=0), 0.0, 1.0)
    out: Array = shares * (total / shares.sum(axis=0))
    return out
