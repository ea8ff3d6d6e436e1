"""Rows of a real matrix, a block of them at a time: of arrays, sparse matrices, files, or functions that make them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sps

from kriss import _validate
from kriss.sketch._sparse_sign import strided

Array = npt.NDArray[np.float64]
Block = Any  # float64: an ndarray or a csr_array
ENTRIES = 1 << 17  # of a dense block that is worked on: 1 MiB
READ = 1 << 22  # entries that are read from a file at once


def counted(steps: Iterable[int], progress: bool, what: str, unit: str) -> Iterable[int]:
    """The steps, under a bar if that is wanted."""
    if not progress:
        return steps
    from tqdm.auto import tqdm

    bar: Iterable[int] = tqdm(steps, desc=what, unit=unit)
    return bar


def is_lazy(a: object) -> bool:
    """Whether `a` is read block by block: a function, or rows of something like a file; memory maps are arrays."""
    if isinstance(a, np.ndarray) or sps.issparse(a) or hasattr(a, "matvec"):
        return False
    return callable(a) or (hasattr(a, "shape") and hasattr(a, "__getitem__") and len(a.shape) == 2)


class Source:
    """A, (m, n), as blocks of consecutive rows, each checked when it is first read.

    Parameters
    ----------
    a : array_like, sparse matrix, anything with a shape whose rows can be sliced, or callable
        A callable returns a fresh iterable of blocks each time.
    name : str
        The argument's name for messages.
    progress : bool
        Show a bar over the rows of each pass.
    """

    m: int
    n: int

    def __init__(self, a: Any, name: str = "A", progress: bool = False) -> None:
        self.name = name
        self.progress = bool(progress)
        self.checked = False
        self.array: Any = None  # in memory: ndarray or csr_array
        self.read: Callable[[], Iterable[Any]]
        if sps.issparse(a):
            csr = _validate.csr(a, name, dtype=np.float64)
            self.array = sps.csr_array((csr.data, csr.indices, csr.indptr), shape=csr.shape)
            self.checked = True
        elif not is_lazy(a):
            self.array = strided(a, name)
        if self.array is not None:
            self.m, self.n = (int(s) for s in self.array.shape)
            return
        if hasattr(a, "shape"):
            self.m, self.n = (int(s) for s in a.shape)
            step = max(1, READ // max(self.n, 1))
            self.read = lambda: (np.asarray(a[i : i + step]) for i in range(0, self.m, step))
            return
        self.read = a
        self.m, self.n = -1, -1
        self._count()

    def _count(self) -> None:
        """The shape of rows that a function makes."""
        m, n = 0, -1
        for raw in self._fresh():
            shape = raw.shape if sps.issparse(raw) else np.shape(raw)
            if len(shape) != 2:
                raise ValueError(f"{self.name} gave a block of shape {shape}, expected 2-D blocks")
            if n not in (-1, shape[1]):
                raise ValueError(f"{self.name} gave blocks of {n} and of {shape[1]} columns, expected as many in each")
            m, n = m + int(shape[0]), int(shape[1])
        if n < 0:
            raise ValueError(f"{self.name} gave no blocks, expected at least one")
        self.m, self.n = m, n

    def _fresh(self) -> Iterable[Any]:
        made = self.read()
        if isinstance(made, (np.ndarray, str)) or not isinstance(made, Iterable):
            raise TypeError(f"{self.name} returned {type(made).__name__}, expected an iterable of blocks of rows")
        return made

    @property
    def sparse(self) -> bool:
        """Whether A is a sparse matrix in memory."""
        return self.array is not None and sps.issparse(self.array)

    def _step(self, block: Any, entries: int) -> int:
        rows, n = (int(s) for s in block.shape)
        if sps.issparse(block):
            return max(1, int(rows * 8 * entries / max(block.nnz + rows * min(n, 64), 1)))
        return max(1, entries // max(n, 1))

    def _checked(self, raw: Any, first: int) -> Any:
        """A block that was read, as an array or CSR matrix."""
        if sps.issparse(raw):
            csr = _validate.csr(raw, self.name, dtype=np.float64)
            return sps.csr_array((csr.data, csr.indices, csr.indptr), shape=csr.shape)
        return strided(raw, self.name)

    def _finite(self, block: Block, first: int) -> None:
        data = block.data if sps.issparse(block) else block
        with np.errstate(over="ignore", invalid="ignore"):
            total = data.sum()
        if np.isfinite(total) or np.isfinite(data).all():
            return
        if sps.issparse(block):
            _validate.check_finite(data, f"{self.name}.data")
        i, j = (int(k) for k in np.argwhere(~np.isfinite(block))[0])
        raise ValueError(f"{self.name} contains {block[i, j]} at index {(first + i, j)}, expected finite values")

    def blocks(self, what: str = "rows", entries: int = ENTRIES) -> Iterator[tuple[int, Block]]:
        """(number of the first row, rows in double precision) for all of A; once more for every pass."""
        bar = None
        if self.progress:
            from tqdm.auto import tqdm

            bar = tqdm(total=self.m, desc=what, unit=" rows")
        first = 0
        try:
            for whole in (self.array,) if self.array is not None else self._fresh():
                ready = whole if self.array is not None else self._checked(whole, first)
                if ready.shape[1] != self.n or first + ready.shape[0] > self.m:
                    break
                step = self._step(ready, entries)
                for i in range(0, ready.shape[0], step):
                    block = ready[i : i + step].astype(np.float64, copy=False)
                    if not self.checked:
                        self._finite(block, first)
                    yield first, block
                    first += block.shape[0]
                    if bar is not None:
                        bar.update(block.shape[0])
        finally:
            if bar is not None:
                bar.close()
        if first != self.m:
            raise ValueError(f"{self.name} gave other rows than before: {self.m} of {self.n} columns were expected")
        self.checked = True

    def take(self, rows: npt.NDArray[np.intp]) -> Array:
        """Some rows as a dense array; a pass if they are not in memory."""
        if self.array is not None:
            part = self.array[rows]
            return np.asarray(part.toarray() if sps.issparse(part) else part, dtype=np.float64)
        order = np.argsort(rows, kind="stable")
        wanted = rows[order]
        out = np.empty((len(rows), self.n))
        for first, block in self.blocks("fetch rows"):
            lo, hi = np.searchsorted(wanted, (first, first + block.shape[0]))
            if lo < hi:
                part = block[wanted[lo:hi] - first]
                out[order[lo:hi]] = part.toarray() if sps.issparse(part) else part
        return out

    def dense(self) -> Array:
        """All of A."""
        out = np.empty((self.m, self.n))
        for first, block in self.blocks():
            out[first : first + block.shape[0]] = block.toarray() if sps.issparse(block) else block
        return out
