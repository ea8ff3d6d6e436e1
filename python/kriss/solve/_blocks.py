"""Block Jacobi."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse.linalg import LinearOperator

from kriss import _validate as check
from kriss._backend import kernels
from kriss.solve._native import NativePreconditioner, scaled

SINGULAR, NON_FINITE = 2, 3
MOST_BLOCK = 2000


class BlockJacobi(NativePreconditioner):
    """Block diagonal preconditioner: the diagonal blocks of A, dense, factorised once.

    Parameters
    ----------
    A : sparse matrix or array, shape (n, n)
        Real.
    block_size : int, optional
        Blocks of this many consecutive unknowns; a divisor of n.
    blocks : array_like of int, shape (n,), optional
        In its place: the block of each unknown, numbered 0, 1, ... without gaps; at most 2000 unknowns to a block.
    workers : int, optional
        Threads; `kriss.get_num_threads` by default. The result does not depend on it.

    Attributes
    ----------
    blocks : ndarray of int, shape (n,)
        The block of each unknown.
    is_spd : bool
        Whether every block is symmetric (up to rounding: then its lower triangle is taken for both) with positive
        pivots.
    is_linear : bool
        True.
    nbytes : int
        Memory held.

    Raises
    ------
    TypeError, ValueError
        If A is not a real square sparse matrix, not exactly one of `block_size` and `blocks` is given, or it does not
        fit A.
    numpy.linalg.LinAlgError
        If a block is singular up to rounding, or its factor overflows; the block and its unknowns are named.

    Notes
    -----
    A block goes by ``L D L'`` if it is symmetric with positive pivots, else by LU with partial pivoting, relative to
    the largest entry of each row. With blocks of m unknowns: set-up 2 m**2 n / 3 flops (half of it for symmetric
    blocks), application 2 m n flops and 8 m n + 16 n bytes in float64. Both run on all workers.

    Worth it where a block holds what is strongly coupled: the unknowns of one point in a system of equations, or a grid
    line along which an anisotropic problem is stiff. Blocks whose unknowns hardly see each other do no more than
    `Jacobi`.

    References
    ----------
    Y. Saad, "Iterative Methods for Sparse Linear Systems", 2nd ed., SIAM 2003, section 12.2.

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.solve import BlockJacobi, cg
    >>> from kriss.testing import anisotropic2d
    >>> A = anisotropic2d(32, 1e-3)
    >>> M = BlockJacobi(A, 32)  # the lines of the grid
    >>> M.is_spd
    True
    >>> b = np.ones(A.shape[0])
    >>> cg(A, b, M=M).iterations < cg(A, b, M="jacobi").iterations / 4
    True
    """

    _family = "solve_block_jacobi"

    def __init__(
        self,
        A: object,
        block_size: int | None = None,
        *,
        blocks: npt.ArrayLike | None = None,
        workers: int | None = None,
    ) -> None:
        self._workers = check.workers(workers)
        matrix = check.csr(A, "A", square=True)
        self.blocks = _labels(block_size, blocks, matrix.shape[0])
        self._set(matrix)
        LinearOperator.__init__(self, matrix.data.dtype, matrix.shape)

    def _set(self, matrix: check.Csr) -> None:
        matrix, exponent = scaled(matrix)
        module = kernels(self._family)
        native = module.BlockJacobi() if matrix.data.dtype == np.float64 else module.BlockJacobiF32()
        count = int(self.blocks.max(initial=-1)) + 1
        kind, block = native.setup(matrix.indptr, matrix.indices, matrix.data, self.blocks, count, self._workers)
        if block >= 0:
            inside = np.flatnonzero(self.blocks == block)
            named = ", ".join(map(str, inside[:4])) + (", ..." if inside.size > 4 else "")
            what = "is singular" if kind == SINGULAR else "overflows when it is factorised"
            raise np.linalg.LinAlgError(f"block {block} of A (unknowns {named}) {what}")
        self._native, self._kernels, self._shift = native, module, exponent
        self.is_spd = kind == 1

    @property
    def nbytes(self) -> int:
        """Memory held, in bytes."""
        return int(self._native.nbytes + self.blocks.nbytes)

    def update(self, A: object) -> None:
        """Factorise the same blocks of a new A of the same shape."""
        self._set(self._another(A))

    def _adjoint(self) -> LinearOperator:
        if self.is_spd:
            return self
        raise NotImplementedError("the adjoint of a BlockJacobi with blocks that are not symmetric is not available")


def _labels(block_size: Any, blocks: Any, n: int) -> npt.NDArray[np.int64]:
    if (block_size is None) == (blocks is None):
        given = "neither" if block_size is None else "both"
        raise TypeError(f"exactly one of block_size and blocks is expected, {given} given")
    if block_size is not None:
        size = check.integer(block_size, "block_size", low=1, high=MOST_BLOCK)
        if n % size:
            raise ValueError(f"block_size is {size}, expected a divisor of the {n} unknowns")
        return np.arange(n, dtype=np.int64) // size
    labels = np.asarray(blocks)
    if labels.dtype.kind not in "iu" and labels.size:
        raise TypeError(f"blocks has dtype {labels.dtype}, expected integers")
    if labels.shape != (n,):
        raise ValueError(f"blocks has shape {labels.shape}, expected ({n},)")
    if n and (labels.min() < 0 or labels.max() >= n):
        raise ValueError(f"blocks holds numbers from {labels.min()} to {labels.max()}, expected 0, 1, ... below {n}")
    counts = np.bincount(labels.astype(np.int64))
    if n and not (counts > 0).all():
        raise ValueError(f"blocks leaves out number {int(np.argmin(counts > 0))}, expected 0, 1, ... without gaps")
    if counts.max(initial=0) > MOST_BLOCK:
        raise ValueError(
            f"blocks gives block {int(np.argmax(counts))} {counts.max()} unknowns, expected at most {MOST_BLOCK}"
        )
    return labels.astype(np.int64)
