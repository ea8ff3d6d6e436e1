"""One pass over the rows of a least-squares problem, in parts that can be summed anywhere and merged."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from kriss.sketch._certificate import Pass, tall_pass
from kriss.sketch._groups import (
    Array,
    Forest,
    Payload,
    Pieces,
    RowSet,
    add_compensated,
    checked_block,
    checked_targets,
    dense_rows,
    first_row,
    same_dtype,
    slice_rows,
)


@dataclass(frozen=True)
class PassSpec:
    """What a pass computes: everything a reader of some rows needs to know."""

    n: int
    targets: int | None
    group: int
    scale: Array
    bscale: Array
    z: Array
    precond: Array | None  # None: no Gram matrix

    def run(self, a: npt.NDArray[Any], b: npt.NDArray[Any], workers: int) -> Payload:
        """The sums of one group: Gram matrix, then (high, low) of gradient, residual, and norm and checksum of b."""
        a, b = same_dtype(a, b)
        wanted = self.precond is not None
        done = tall_pass(a, b, self.scale, self.bscale, self.z, want_gram=wanted, precond=self.precond, workers=workers)
        # A copy: the order of a sum depends on the layout.
        right = np.array(b, dtype=np.float64, order="C") * self.bscale
        # The last entry tells whether two passes were given the same b.
        bb = np.append(np.square(right).sum(axis=0), float(zlib.crc32(right.tobytes())))
        return (
            done.gram if wanted else np.empty(0),
            done.g,
            np.zeros_like(done.g),
            done.rr,
            np.zeros_like(done.rr),
            bb,
            np.zeros_like(bb),
        )


class PassSum:
    """One pass in progress, over some of the rows; can be merged and pickled."""

    def __init__(self, spec: PassSpec) -> None:
        self.spec = spec
        self.given = RowSet()
        self.forest = Forest(add_compensated)
        self.pieces: dict[int, Pieces] = {}

    def update(self, block: object, b: object, row_offset: int | None, workers: int) -> None:
        """Rows of A and b; those of a group are kept until it is complete."""
        spec = self.spec
        rows = checked_block(block, spec.n)
        count = rows.shape[0]
        right = checked_targets(b, count, spec.targets)
        start = first_row(row_offset, self.given)
        given = self.given.copy()
        given.add(start, start + count)
        ready: list[tuple[int, Payload]] = []
        pieces: dict[int, Pieces] = {}
        for g in range(start // spec.group, -(-(start + count) // spec.group) if count else 0):
            first = max(start, g * spec.group)
            last = min(start + count, (g + 1) * spec.group)
            part = dense_rows(slice_rows(rows, first - start, last - start))
            right_part = right[first - start : last - start]
            if last - first == spec.group:
                ready.append((g, spec.run(part, right_part, workers)))
                continue
            pieces[g] = self.pieces[g].copy() if g in self.pieces else Pieces()
            pieces[g].parts[first] = (np.array(part, order="C"), np.array(right_part, order="C"))
        self.given = given
        for g, payload in ready:
            self.forest.add(0, g, payload)
        self.pieces.update(pieces)
        self._complete(pieces, workers)

    def merge(self, other: PassSum) -> None:
        """The rows of another sum of the same pass."""
        given = self.given.copy()
        for start, stop in other.given.intervals:
            given.add(start, stop)
        self.given = given
        for (level, index), payload in other.forest.nodes.items():
            self.forest.add(level, index, payload)
        for g, theirs in other.pieces.items():
            mine = self.pieces.setdefault(g, Pieces())
            mine.parts = {**mine.parts, **theirs.parts}
        self._complete(other.pieces, 0)

    def total(self, workers: int = 0) -> tuple[Pass, Array]:
        """Everything, and squared norms and checksum of the scaled b."""
        total = self.forest.total({g: self._joined(pieces, workers) for g, pieces in self.pieces.items()})
        assert total is not None
        gram, g, g_low, rr, rr_low, bb, bb_low = total
        return Pass(gram, g + g_low, rr + rr_low), bb + bb_low

    def _complete(self, touched: Iterable[int], workers: int) -> None:
        for g in list(touched):
            if self.pieces[g].rows() == self.spec.group:
                self.forest.add(0, g, self._joined(self.pieces.pop(g), workers))

    def _joined(self, pieces: Pieces, workers: int) -> Payload:
        parts = pieces.in_order()
        a = np.concatenate([a for _, a, _ in parts]) if len(parts) > 1 else parts[0][1]
        b = np.concatenate([b for _, _, b in parts]) if len(parts) > 1 else parts[0][2]
        return self.spec.run(a, b, workers)
