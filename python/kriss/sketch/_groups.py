"""Sums over rows that arrive in blocks, whose bits depend on the rows alone: fixed groups joined by a fixed tree.

Rows are cut into groups of `group_rows(n)` rows at multiples of that number, wherever the blocks have their borders.
A group is summed in the order of its rows, groups are added pairwise along the binary tree over their numbers: node
(level, i) is node (level - 1, 2 i) plus node (level - 1, 2 i + 1). What waits for its partner is kept, at most two
nodes a level for rows that arrive in order.
"""

from __future__ import annotations

import bisect
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sps

from kriss import _validate
from kriss.sketch._sparse_sign import dense_array, strided

Array = npt.NDArray[np.float64]
Payload = tuple[Array, ...]
Block = npt.NDArray[Any] | _validate.Csr


def group_rows(n: int) -> int:
    """Rows of a group: a power of two with about 32 MiB of float64 numbers, from 8192 to 65536."""
    return 1 << min(max(22 - max(n - 1, 1).bit_length(), 13), 16)


def add_plain(left: Payload, right: Payload) -> Payload:
    """Entry by entry."""
    with np.errstate(over="ignore", invalid="ignore"):
        return tuple(a + b for a, b in zip(left, right, strict=True))


def add_compensated(left: Payload, right: Payload) -> Payload:
    """The first entry plainly; the others are pairs (high, low), whose rounding errors are kept (Knuth's two-sum)."""
    out = [left[0] + right[0]]
    for k in range(1, len(left), 2):
        high = left[k] + right[k]
        part = high - left[k]
        lost = (left[k] - (high - part)) + (right[k] - part)
        out += [high, (left[k + 1] + right[k + 1]) + lost]
    return tuple(out)


class Forest:
    """Sums of complete groups."""

    def __init__(self, join: Callable[[Payload, Payload], Payload]) -> None:
        self.join = join
        self.nodes: dict[tuple[int, int], Payload] = {}

    def add(self, level: int, index: int, payload: Payload) -> None:
        """Put a node in, and join it with its sibling as long as there is one."""
        while True:
            sibling = self.nodes.pop((level, index ^ 1), None)
            if sibling is None:
                break
            payload = self.join(sibling, payload) if index & 1 else self.join(payload, sibling)
            level, index = level + 1, index >> 1
        self.nodes[level, index] = payload

    def total(self, incomplete: dict[int, Payload]) -> Payload | None:
        """The sum of all nodes and of groups that are not complete, which count as if they were."""
        work = Forest(self.join)
        work.nodes = dict(self.nodes)
        for index in sorted(incomplete):
            work.add(0, index, incomplete[index])
        out: Payload | None = None
        for level, index in sorted(work.nodes, key=lambda node: -(node[1] << node[0])):
            payload = work.nodes[level, index]
            out = payload if out is None else self.join(payload, out)
        return out

    def copy(self) -> Forest:
        """With nodes of its own; payloads are shared and never written to."""
        out = Forest(self.join)
        out.nodes = dict(self.nodes)
        return out


class RowSet:
    """Which rows have been given: disjoint intervals in rising order."""

    def __init__(self) -> None:
        self.intervals: list[tuple[int, int]] = []

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RowSet) and self.intervals == other.intervals

    __hash__ = None  # type: ignore[assignment]

    def count(self) -> int:
        """How many rows."""
        return sum(stop - start for start, stop in self.intervals)

    def end(self) -> int:
        """One past the last row."""
        return self.intervals[-1][1] if self.intervals else 0

    def copy(self) -> RowSet:
        """An equal one."""
        out = RowSet()
        out.intervals = list(self.intervals)
        return out

    def add(self, start: int, stop: int) -> None:
        """Raises ValueError, and changes nothing, if one of the rows is there."""
        if start == stop:
            return
        k = bisect.bisect_left(self.intervals, (start, start))
        before = self.intervals[k - 1] if k > 0 else None
        after = self.intervals[k] if k < len(self.intervals) else None
        for one in (before, after):
            if one is not None and max(one[0], start) < min(one[1], stop):
                raise ValueError(
                    f"rows {max(one[0], start)} to {min(one[1], stop) - 1} were given before, expected every row once"
                )
        first, last = k, k
        if before is not None and before[1] == start:
            start, first = before[0], k - 1
        if after is not None and after[0] == stop:
            stop, last = after[1], k + 1
        self.intervals[first:last] = [(start, stop)]

    def __str__(self) -> str:
        parts = [f"{start} to {stop - 1}" for start, stop in self.intervals[:4]]
        return (", ".join(parts) + (", ..." if len(self.intervals) > 4 else "")) or "none"


class Pieces:
    """Rows of one group, kept as they are until the rows before them have come."""

    def __init__(self) -> None:
        self.parts: dict[int, tuple[npt.NDArray[Any], npt.NDArray[Any]]] = {}

    def copy(self) -> Pieces:
        """Another container of the same parts, which nobody writes to."""
        out = Pieces()
        out.parts = dict(self.parts)
        return out

    def rows(self) -> int:
        """How many rows are kept."""
        return sum(len(b) for _, b in self.parts.values())

    def in_order(self) -> list[tuple[int, npt.NDArray[Any], npt.NDArray[Any]]]:
        """(start, a, b), by start."""
        return [(start, *self.parts[start]) for start in sorted(self.parts)]


def checked_block(block: object, n: int) -> Block:
    """A block of rows with n columns: a real 2-D array with any strides, or checked CSR in float64."""
    if sps.issparse(block):
        csr = _validate.csr(block, "block", dtype=np.float64)
        if csr.shape[1] != n:
            raise ValueError(f"block has shape {csr.shape}, expected {n} columns")
        return csr
    dense = strided(block, "block")
    if dense.shape[1] != n:
        raise ValueError(f"block has shape {dense.shape}, expected {n} columns")
    return dense


def checked_targets(b: object, rows: int, targets: int | None) -> npt.NDArray[Any]:
    """The right-hand sides that belong to a block, as (rows, k)."""
    raw = b if isinstance(b, np.ndarray) else dense_array(b, "b")
    shape = (rows,) if targets is None else (rows, targets)
    if raw.shape != shape:
        raise ValueError(f"b has shape {raw.shape}, expected {shape}")
    right = strided(raw, "b", ndim=raw.ndim)
    _validate.check_finite(right, "b")
    return right[:, None] if targets is None else right


def first_row(row_offset: object, given: RowSet) -> int:
    """The number of a block's first row: as given, or the one after the last row so far."""
    if row_offset is None:
        return given.end()
    return _validate.integer(row_offset, "row_offset", low=0, high=2**62)


def slice_rows(block: Block, start: int, stop: int) -> Block:
    """Some rows, without a copy of the entries."""
    if isinstance(block, _validate.Csr):
        first, last = int(block.indptr[start]), int(block.indptr[stop])
        return _validate.Csr(
            (stop - start, block.shape[1]),
            block.indptr[start : stop + 1] - block.indptr[start],
            block.indices[first:last],
            block.data[first:last],
        )
    return block[start:stop]


def dense_rows(block: Block) -> npt.NDArray[Any]:
    """The block itself, or a dense copy of a sparse one."""
    if isinstance(block, _validate.Csr):
        out = np.zeros(block.shape)
        rows = np.repeat(np.arange(block.shape[0]), np.diff(block.indptr))
        out[rows, block.indices] = block.data
        return out
    return block


def same_dtype(a: npt.NDArray[Any], b: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Both in float64 unless they agree already."""
    if a.dtype == b.dtype:
        return a, b
    return a.astype(np.float64, copy=False), b.astype(np.float64, copy=False)
