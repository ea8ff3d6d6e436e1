"""Covariance functions built by + and * as programs for the kernels: nodes in postorder over a list of leaves."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


class Kind(IntEnum):
    """What a leaf is; the numbers of cpp/include/kriss/gp/tree.hpp."""

    RBF = 0
    MATERN12 = 1
    MATERN32 = 2
    MATERN52 = 3
    MATERN72 = 4
    MATERN = 5
    RATIONAL = 6
    PERIODIC = 7
    COSINE = 8
    DOT = 9
    WHITE = 10
    CONSTANT = 11


class Program(NamedTuple):
    """The first eight arguments of the kernels."""

    nodes: npt.NDArray[np.int64]  # (nodes, 3): 0 leaf, 1 sum, 2 product; leaf or left; right
    leaves: npt.NDArray[np.int64]  # (leaves, 5): kind, first of dim, items, first slot, offset in table or degree
    values: Array  # (leaves, 2): variance, shape
    dim: npt.NDArray[np.int64]
    scale: Array
    second: Array
    table: Array
    slots: int


class Builder:
    """Collects nodes and leaves, and which entry of theta each slot of a leaf belongs to."""

    def __init__(self, columns: int) -> None:
        self.columns = columns
        self._nodes: list[tuple[int, int, int]] = []
        self._leaves: list[tuple[int, int, int, int, int]] = []
        self._values: list[tuple[float, float]] = []
        self._dim: list[Array] = [np.zeros(0, np.int64)]
        self._scale: list[Array] = [np.zeros(0)]
        self._second: list[Array] = [np.zeros(0)]
        self._table: list[Array] = [np.zeros(0)]
        self._tabled: dict[int, int] = {}
        self._used = self._tabulated = 0
        self._theta: list[int] = []

    def leaf(
        self,
        kind: int,
        variance: float,
        shape: float = 0.0,
        *,
        dims: npt.ArrayLike = (),
        scale: npt.ArrayLike = (),
        second: npt.ArrayLike | None = None,
        theta: Sequence[int],
        degree: int = 0,
        table: Array | None = None,
    ) -> int:
        """Adds a leaf; theta: the entry of each slot (variance, shape, scales, and periods), -1 for none."""
        columns = np.asarray(dims, np.int64)
        scales = np.asarray(scale, np.float64)
        extra = degree
        if table is not None:
            if id(table) not in self._tabled:
                self._tabled[id(table)] = self._tabulated
                self._table.append(table)
                self._tabulated += table.size
            extra = self._tabled[id(table)]
        self._leaves.append((int(kind), self._used, columns.size, len(self._theta), extra))
        self._values.append((variance, shape))
        self._dim.append(columns)
        self._scale.append(scales)
        self._second.append(np.zeros(columns.size) if second is None else np.asarray(second, np.float64))
        self._used += columns.size
        self._theta.extend(int(t) for t in theta)
        self._nodes.append((0, len(self._leaves) - 1, 0))
        return len(self._nodes) - 1

    def join(self, what: int, nodes: Sequence[int]) -> int:
        """The sum (1) or the product (2) of nodes, from left to right."""
        at = nodes[0]
        for other in nodes[1:]:
            self._nodes.append((what, at, other))
            at = len(self._nodes) - 1
        return at

    def finish(self) -> tuple[Program, npt.NDArray[np.int64]]:
        """The program, and the entry of theta of each slot."""
        program = Program(
            np.array(self._nodes, np.int64),
            np.array(self._leaves, np.int64),
            np.array(self._values, np.float64),
            np.concatenate(self._dim),
            np.concatenate(self._scale),
            np.concatenate(self._second),
            np.concatenate(self._table),
            len(self._theta),
        )
        return program, np.array(self._theta, np.int64)
