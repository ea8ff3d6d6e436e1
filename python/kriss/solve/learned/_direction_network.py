"""Networks that turn a residual on a grid into a search direction, as programs of the kernels.

``published``: one convolution, four rectified ones around which the first is added again; means over 2^d points, three
pairs of rectified convolutions, each pair added to what it got; the way back, added; two such pairs; one number per
point. Convolutions have 16 filters and a bias.

``recursive``: the branch of means is the network itself, down to two points per side, with the same weights on every
level. A level is a convolution; a pair of them, the coarser level, and a pair again, each added to what it got; and one
number per point. The coarser level gets means of a weighted sum of the channels, and what it returns is added after one
more convolution. Nothing is rectified and there are no biases. What a convolution returns is multiplied by a gate
``1 + s walls + t outside`` of each channel, with two fields of the point: which part of the diagonal its walls without
flux took, and which part of the coarse point lies outside the domain.

An image of C channels holds the lines of a grid one after the other, each behind LANES zeros and filled up to a
multiple of LANES points, between lines (planes) of zeros: see cpp/include/kriss/solve/direction_network.hpp.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

FAMILY = "solve_direction"
LANES, FIELDS = 16, 3
PUBLISHED, RECURSIVE = "published", "recursive"
WIDTH = {PUBLISHED: 16, RECURSIVE: 4}  # channels
CONVOLVE, HALVE, ENLARGE, SUM = range(4)
PAIR = ("before", "after")
CHANNELS = ("h", "t", "u")  # images with all channels; "in" and "out" have one


def shapes(network: str, dim: int) -> dict[str, tuple[int, ...]]:
    """Name -> shape of the arrays of a network; convolutions are (inputs, 3**dim, outputs)."""
    c, taps = WIDTH[network], 3**dim
    out: dict[str, tuple[int, ...]] = {"first": (1, taps, c)}
    if network == PUBLISHED:
        names = [
            "first",
            *(f"{part}{k}" for part, count in (("deep", 4), ("pooled", 6), ("last", 4)) for k in range(count)),
        ]
        for name in names:
            out.setdefault(name, (c, taps, c))
            out[f"{name}_bias"] = (c,)
        return {**out, "sum": (c,), "sum_bias": (1,)}
    out["back"] = (1, taps, c)
    for name in ("first", "back", *(f"{part}{k}" for part in PAIR for k in range(2))):
        out.setdefault(name, (c, taps, c))
        out[f"{name}_gate"] = (2, c)
    return {**out, "down": (c,), "sum": (c,)}


class Grids(NamedTuple):
    """The levels of a domain for the kernels."""

    sizes: Array  # (levels, 3) int64, the first axis 1 in two dimensions
    flat: bool
    fields: Array  # (sum of 3 image) float32
    cells: Array  # (n,) int64: where the unknowns are in an image of the finest grid


def line(n: int) -> int:
    """Floats that a line of n points takes."""
    return LANES + -(-n // LANES) * LANES


def image(size: Any, flat: bool) -> int:
    """Floats that one channel takes."""
    n0, n1, n2 = (int(v) for v in size)
    return (1 if flat else n0 + 2) * (n1 + 2) * line(n2) + LANES


def places(size: Any, flat: bool) -> Array:
    """(n0, n1, n2): where the points are in an image."""
    n0, n1, n2 = (int(v) for v in size)
    plane, row, column = (np.arange(n, dtype=np.int64) for n in (n0, n1, n2))
    start = (plane + (0 if flat else 1))[:, None, None] * ((n1 + 2) * line(n2))
    out: Array = start + (row + 1)[:, None] * line(n2) + (LANES + column)
    return out


def halved(values: Array, axes: tuple[int, ...]) -> Array:
    """Means over 2 points of each axis; beyond the end they count as 0."""
    for axis in axes:
        if values.shape[axis] % 2:
            values = np.concatenate([values, np.zeros_like(np.take(values, [0], axis))], axis)
        pairs = [slice(None)] * values.ndim
        other = pairs.copy()
        pairs[axis], other[axis] = slice(0, None, 2), slice(1, None, 2)
        values = 0.5 * (values[tuple(pairs)] + values[tuple(other)])
    return values


def levels(mask: Array, walls: Array, depth: int) -> list[tuple[Array, Array]]:
    """(inside, walls) per level: which part of a point is in the domain, and which part of its diagonal walls took.

    A coarse face has half the points of the finer one per coarse point, and so its walls count twice.
    """
    axes = tuple(range(mask.ndim))
    out: list[tuple[Array, Array]] = [(mask.astype(np.float32), (walls * mask).astype(np.float32))]
    while len(out) < depth:
        inside, took = out[-1]
        out.append((halved(inside, axes), 2.0 * halved(took, axes)))
    return out


def depth(network: str, shape: tuple[int, ...]) -> int:
    """Levels that a network uses on a grid."""
    return 2 if network == PUBLISHED else 1 + max(math.ceil(math.log2(max(shape))) - 1, 0)


def grids(network: str, mask: Array, walls: Array) -> Grids:
    """The levels of a domain; `walls` as for `levels`, of the mask's shape."""
    flat = mask.ndim == 2
    sizes, parts = [], []
    for inside, took in levels(mask, walls, depth(network, mask.shape)):
        size = (1, *inside.shape) if flat else inside.shape
        fields = np.zeros((FIELDS, image(size, flat)), np.float32)
        at = places(size, flat).reshape(inside.shape)
        here = inside > 0
        fields[0, at], fields[1, at], fields[2, at] = here, took * here, (1.0 - inside) * here
        sizes.append(size)
        parts.append(fields.ravel())
    cells = places(sizes[0], flat).reshape(mask.shape)[mask]
    return Grids(np.array(sizes, np.int64), flat, np.concatenate(parts), cells)


class Program(NamedTuple):
    """What a network does on some grids: (steps, items) int64, its weights, and the floats of its images."""

    steps: Array
    weights: Array
    room: int


class _Writer:
    """Collects steps; buffers are known by (level, name)."""

    def __init__(self, arrays: Mapping[str, Array], g: Grids, channels: int) -> None:
        self._places: dict[str, int] = {}
        at = 0
        for name, value in arrays.items():
            self._places[name] = at
            at += value.size
        self._weights = [np.asarray(v, np.float32).ravel() for v in arrays.values()]
        self._images = [image(size, g.flat) for size in g.sizes]
        self._buffers: dict[tuple[int, str], int] = {(0, "in"): 0}
        self.room = self._images[0]
        self._channels = channels
        self.steps: list[list[int]] = []

    def _buffer(self, level: int, name: str, channels: int) -> int:
        if (level, name) not in self._buffers:
            self._buffers[level, name] = self.room
            self.room += channels * self._images[level]
        return self._buffers[level, name]

    def step(
        self, kind: int, level: int, source: str, target: str, weights: str | None, *, skip: str | None = None,
        rectify: bool = False,
    ) -> None:  # fmt: skip
        inputs = self._channels if source in CHANNELS else 1
        outputs = self._channels if target in CHANNELS else 1
        read = level + 1 if kind == ENLARGE else level
        write = level + 1 if kind == HALVE else level
        find = self._places.get
        self.steps.append(
            [
                kind, level, inputs, outputs, int(rectify), self._buffer(read, source, inputs),
                -1 if skip is None else self._buffer(write, skip, outputs),
                0 if weights is None else self._places[weights], find(f"{weights}_bias", -1),
                find(f"{weights}_gate", -1), self._buffer(write, target, outputs),
            ]
        )  # fmt: skip

    def program(self) -> Program:
        return Program(np.array(self.steps, np.int64), np.concatenate(self._weights), self.room)


def program(network: str, arrays: Mapping[str, Array], g: Grids) -> Program:
    """The steps of a network on some grids."""
    w = _Writer(arrays, g, WIDTH[network])
    if network == PUBLISHED:
        _published(w)
    else:
        _recursive(w, 0, len(g.sizes) - 1)
    return w.program()


def _published(w: _Writer) -> None:
    w.step(CONVOLVE, 0, "in", "h", "first")
    for k, (source, target) in enumerate((("h", "t"), ("t", "u"), ("u", "t"), ("t", "h"))):
        w.step(CONVOLVE, 0, source, target, f"deep{k}", skip="h" if k == 3 else None, rectify=True)
    w.step(HALVE, 0, "h", "h", None)
    for level, name, pairs in ((1, "pooled", 3), (0, "last", 2)):
        if level == 0:
            w.step(ENLARGE, 0, "h", "h", None, skip="h")
        for k in range(pairs):
            w.step(CONVOLVE, level, "h", "t", f"{name}{2 * k}", rectify=True)
            w.step(CONVOLVE, level, "t", "h", f"{name}{2 * k + 1}", skip="h", rectify=True)
    w.step(SUM, 0, "h", "out", "sum")


def _recursive(w: _Writer, level: int, last: int) -> None:
    w.step(CONVOLVE, level, "in", "h", "first")
    for part in PAIR:
        w.step(CONVOLVE, level, "h", "t", f"{part}0")
        w.step(CONVOLVE, level, "t", "h", f"{part}1", skip="h")
        if part == "before" and level < last:
            w.step(SUM, level, "h", "out", "down")
            w.step(HALVE, level, "out", "in", None)
            _recursive(w, level + 1, last)
            w.step(ENLARGE, level, "out", "in", None)
            w.step(CONVOLVE, level, "in", "h", "back", skip="h")
    w.step(SUM, level, "h", "out", "sum")
