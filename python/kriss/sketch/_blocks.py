"""The rows of a regression problem, read in blocks: arrays, memory maps, sparse matrices, anything that can be sliced.

`Rows` hides where the rows come from; `look` reads them once and finds variables z, x = P z, in which the columns of
A P are nearly orthonormal. Everything that follows works in them, whatever the scales, condition and rank of A are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.linalg as sla
import scipy.sparse as sps

from kriss import _backend, _validate
from kriss.sketch import _dense
from kriss.sketch._certificate import sketched_factor
from kriss.sketch._sparse_sign import SparseSign, dense_array

Array = npt.NDArray[np.float64]
ENTRIES = 1 << 19  # of a block: 4 MiB stay in cache between the few steps that are done with it
RANK_LIMIT = 1e13  # scaled condition number from which on directions count as null
PLAIN_LIMIT = 1e4  # condition number up to which Gram matrices may be formed before they are preconditioned


class Rows:
    """A, with a column of ones if asked for, and some dense rows at its end."""

    def __init__(self, a: object, *, intercept: bool = False, tail: Array | None = None) -> None:
        self.source: Any
        if sps.issparse(a):
            csr = _validate.csr(a, "a", finite=False, dtype=np.float64)
            self.source = sps.csr_array((csr.data, csr.indices, csr.indptr), shape=csr.shape)
        elif isinstance(a, np.ndarray) or not (hasattr(a, "shape") and hasattr(a, "dtype")):
            array = dense_array(a, "a")
            if array.size == 0 and array.ndim == 2 and array.dtype == np.object_:
                array = array.astype(np.float64)
            if not array.flags.aligned or any(step % array.itemsize for step in array.strides):
                array = np.array(array)
            self.source = array
        else:
            self.source = a
        shape = tuple(self.source.shape)
        if len(shape) != 2:
            raise ValueError(f"a has shape {shape}, expected a 2-D array")
        _validate.real_dtype(np.dtype(self.source.dtype), "a")
        self.intercept = intercept
        self.body = int(shape[0])
        self.tail = np.empty((0, int(shape[1]) + intercept)) if tail is None else tail
        self.m = self.body + len(self.tail)
        self.n = int(shape[1]) + int(intercept)
        self.step = max(64, ENTRIES // max(self.n, 1))
        self.passes = 0

    @property
    def in_memory(self) -> bool:
        """Whether single rows can be had without reading all."""
        return type(self.source) is np.ndarray

    def _dense(self, part: Any) -> Array:
        if sps.issparse(part):
            part = part.toarray()
        if isinstance(part, np.ma.MaskedArray) and np.ma.is_masked(part):
            raise ValueError("a is a masked array with masked entries, which is not supported")
        out: Array = np.asarray(part).astype(np.float64, copy=False)
        if self.intercept:
            out = np.concatenate([out, np.ones((len(out), 1))], axis=1)
        return out

    def __iter__(self) -> Iterator[tuple[int, Array]]:
        """(first row, rows in double precision); counts as one pass."""
        self.passes += 1
        for i in range(0, self.body, self.step):
            yield i, self._dense(self.source[i : min(i + self.step, self.body)])
        if len(self.tail):
            yield self.body, self.tail

    def all_at_once(self) -> Iterator[tuple[int, Array]]:
        """The same for those who cut it up themselves: an array of doubles in one piece."""
        if (
            type(self.source) is np.ndarray
            and self.source.dtype == np.float64
            and not (self.intercept or len(self.tail))
        ):
            self.passes += 1
            yield 0, self.source
        else:
            yield from self

    def take(self, index: npt.NDArray[np.intp]) -> Array:
        """Rows of rising numbers."""
        if self.in_memory or sps.issparse(self.source):
            cut = int(np.searchsorted(index, self.body))
            parts = [self._dense(self.source[index[:cut]]), self.tail[index[cut:] - self.body]]
            return np.concatenate(parts) if len(parts[1]) else parts[0]
        out = np.empty((len(index), self.n))
        for i, block in self:
            first, last = np.searchsorted(index, (i, i + len(block)))
            out[first:last] = block[index[first:last] - i]
        return out

    def residual(self, x: Array, b: Array) -> Array:
        """b − A x."""
        out = np.empty(self.m)
        for i, block in self:
            np.matmul(block, x, out=out[i : i + len(block)])
        return np.subtract(b, out, out=out)


@dataclass(frozen=True)
class Frame:
    """Variables z, x = P z, with nearly orthonormal columns of A P."""

    p: Array  # (n, rank)
    condition: float  # of A with scaled columns, up to the sketch's distortion
    start: Array  # (rank): a rough least-squares solution
    plain: bool = True  # whether A'DA may be formed without P
    row_space: Array | None = None  # (n, rank) orthonormal, where the rank is below n

    @property
    def rank(self) -> int:
        """Of A."""
        return int(self.p.shape[1])

    def coefficients(self, z: Array) -> Array:
        """x = P z, the shortest with the same A x."""
        x = self.p @ z
        if self.row_space is not None:
            x = self.row_space @ (self.row_space.T @ x)
        return x

    def gram(self, block: Array, d: Array) -> Array:
        """Rows' share of A'DA (`plain`), or of (A P)'D(A P)."""
        wide = block if self.plain else block @ self.p
        part = wide * np.sqrt(d)[:, None]
        return np.asarray(part.T @ part)

    def inner(self, gram: Array) -> Array:
        """The sum of all shares, as a matrix in z."""
        return self.p.T @ gram @ self.p if self.plain else gram


def look(rows: Rows, b: Array, seed: int, workers: int, below: Array | None = None) -> Frame:
    """Read A once. Refuses NaN and infinity. The variables are those of A with the rows of `below`, if any."""
    n, zeta = rows.n, 4
    d = max(8 * n, 64)
    if rows.m <= 2 * d:
        sa, sb = np.empty((rows.m, n)), b[:, None]
        for i, block in rows:
            sa[i : i + len(block)] = block
            _finite(block, i)
    else:
        sketch = SparseSign(d, zeta, rng=seed)
        sa, sb = np.zeros((d, n)), np.zeros((d, 1))
        kernels = _backend.kernels("sketch")
        for i, block in rows:
            kernels.sparse_sign_dense(block, sketch.seed, d, zeta, i, sa, workers)
            if not np.isfinite(sa).all():
                _finite(block, i)
                raise OverflowError("the sketch of a overflows: scale a down")
        if rows.m:
            kernels.sparse_sign_dense(b[:, None], sketch.seed, d, zeta, 0, sb, workers)
    if below is not None:
        sa, sb = np.vstack([sa, below]), np.vstack([sb, np.zeros((len(below), 1))])
    nothing = np.zeros((n, 0))
    if min(sa.shape) == 0 or not np.abs(sa).max(initial=0.0) >= 1e-290:
        return Frame(nothing, 1.0, np.zeros(0))
    scale, scaled = sketched_factor(sa)
    both = _dense.qr_r(np.hstack([scaled, sb]), min(scaled.shape)) if len(scaled) >= n else np.hstack([scaled, sb])
    vt, s = _dense.svd(np.ascontiguousarray(both[:, :n]))
    k = int(np.count_nonzero(s * RANK_LIMIT > s[0]))
    u = both[:, :n] @ (vt[:k].T / s[:k])
    p = scale[:, None] * (vt[:k].T / s[:k])
    condition = float(s[0] / s[k - 1])
    plain = condition < PLAIN_LIMIT and bool(scale.max() < 1e70) and bool(scale.min() > 1e-70)
    space = None
    if k < n:
        # Rows of A itself, scaled up where they can be: D⁻¹V spans what they span.
        space = np.linalg.qr((vt[:k] * (scale.min() / scale)).T)[0]
    return Frame(np.ascontiguousarray(p), condition, u.T @ both[:, n], plain, space)


def _finite(block: Array, first: int) -> None:
    if not np.isfinite(block).all():
        i, j = (int(k) for k in np.argwhere(~np.isfinite(block))[0])
        raise ValueError(f"a contains {block[i, j]} at index {(first + i, j)}, expected finite values")


def scores(rows: Rows, frame: Frame, b: Array, workers: int = 0) -> tuple[Array, Array]:
    """Roots of the leverage scores, up to the sketch's distortion, and the residual of the frame's start; one pass."""
    square, r = np.empty(rows.m), np.empty(rows.m)
    n, x = rows.n, frame.p @ frame.start
    wide = -(-n // 8) * 8
    triangle, single = np.zeros((wide, wide)), False
    if frame.rank == n and 0 < n <= 512:
        # Turned into a triangle: the norms of the rows of A P stay.
        triangle[:n, :n] = sla.rq(frame.p, check_finite=False)[0]
        size = np.abs(np.diagonal(triangle)[:n])
        # For scores that only guide a sample single precision will do.
        single = 1e-6 * n * frame.condition < 1e-2 and bool(size.min() > 2.0**-60 and size.max() < 2.0**60)
    nothing = np.empty((0, 0))
    for i, block in rows.all_at_once():
        part = square[i : i + len(block)]
        if single:
            _backend.kernels("sketch_rows").single_scores(block, triangle.astype(np.float32), part, workers)
            odd = np.flatnonzero(~((part > 1e-20) & (part < 1e20)))
            for j in range(0, len(odd), 1 << 14):  # not all at once: they may be most of A
                few = odd[j : j + (1 << 14)]
                part[few] = np.sum((block[few] @ frame.p) ** 2, axis=1)
        elif triangle.any():
            _backend.kernels("sketch_scores").score_rows(block, triangle, part, nothing, workers)
        else:
            product = block @ frame.p
            np.einsum("ij,ij->i", product, product, out=part)
        np.matmul(block, x, out=r[i : i + len(block)])
    return np.sqrt(square, out=square), np.subtract(b, r, out=r)


def draw(score: Array, k: int, rng: np.random.Generator) -> tuple[npt.NDArray[np.intp], Array]:
    """About k rows, each kept on its own with a probability in proportion to its score, and the probabilities."""
    total = float(score.sum())
    q = np.minimum(score * (k / total), 1.0)
    for _ in range(3):  # what the certain rows leave over goes to the others
        free = q < 1.0
        left, rest = k - np.count_nonzero(~free), float(q[free].sum())
        if not (rest > 0 and left > rest * (1 + 1e-3)):
            break
        q = np.minimum(np.where(free, q * (left / rest), 1.0), 1.0)
    kept = np.flatnonzero(rng.random(len(q)) < q)
    return kept, q[kept]
