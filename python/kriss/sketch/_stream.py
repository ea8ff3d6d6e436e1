"""All passes in one call: `lstsq_stream`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import scipy.sparse as sps

from kriss import _validate
from kriss._validate import RngLike
from kriss.sketch._groups import group_rows
from kriss.sketch._refinement import Refinement, StreamResult
from kriss.sketch._state import SketchState

Blocks = Callable[[], Iterable[tuple[Any, Any]]]


def _rows_of(source: Any, first: int, rows: int) -> Any:
    part = source[first : first + rows]
    # Masked arrays stay what they are: their masks must be seen.
    return part if isinstance(part, np.ndarray) or sps.issparse(part) else np.asarray(part)


def row_blocks(a: Any, b: Any, rows: int) -> Blocks:
    """A function that reads blocks of rows from anything that can be sliced."""

    def read() -> Iterator[tuple[Any, Any]]:
        for first in range(0, a.shape[0], rows):
            yield _rows_of(a, first, rows), _rows_of(b, first, rows)

    return read


def lstsq_stream(
    a: Any,
    b: Any = None,
    *,
    damp: float = 0.0,
    sketch_size: int | None = None,
    zeta: int = 8,
    rng: RngLike = None,
    tol: float | None = None,
    workers: int | None = None,
) -> StreamResult:
    """Solve min ‖b − A x‖ for rows that do not fit into memory, with a certificate.

    The rows are read three to five times, in blocks: once for a sketch of [A b], once for the Gram matrix in the
    variables that the sketch gives, and once for each residual.

    Parameters
    ----------
    a : array, callable or sequence
        With `b`: the matrix, shape (m, n), as anything with a ``shape`` whose rows can be sliced: a memory map, an HDF5
        or Zarr data set, an array, a CSR matrix. Without: a function that returns a fresh iterable of pairs
        ``(rows of A, rows of b)`` each time it is called, or a list of such pairs.
    b : array, optional
        Right-hand side, shape (m,) or (m, k), likewise.
    damp : float
        Minimise ``norm(b - A @ x)**2 + damp**2 * norm(x)**2``.
    sketch_size : int, optional
        Rows of the sketch; ``max(4 * n, 64)`` by default.
    zeta : int
        Entries per column of the sketch.
    rng : int, SeedSequence, Generator or None
        The seed; changes x by rounding errors only.
    tol : float, optional
        Backward error at which the passes stop. By default they go on to eps/4 and accept eps.
    workers : int, optional
        Threads; changes no bit of the result.

    Returns
    -------
    StreamResult
        Frozen dataclass: x, coefficient_se, residues, rank, s, condition, backward_error, status, passes, iterations,
        sketch_distortion, rows, backend. A certificate that was not reached is in `status`.

    Raises
    ------
    TypeError
        If `a` is an iterator, which can be read once only (see `SketchState`), or no source of rows at all.
    ValueError
        If shapes do not fit, there are no rows, the passes see different rows, or NaN or infinity is met.
    OverflowError
        If the solution or the sketch is beyond float64.

    See Also
    --------
    SketchState : one pass, for rows that are seen once.
    lstsq : for matrices in memory.

    Notes
    -----
    The result has the same bits for any cutting into blocks, and those of `kriss.interop.dask.lstsq`. Work: 2 zeta m n
    flops for the sketch, 2 m n² for the Gram matrix, 4 m n per residual. Memory beside the blocks: one group of rows
    (about 32 MiB) if blocks do not end with a group, ``8 sketch_size n`` bytes for each node of the summation tree, and
    the kernels' partial sums, about 100 MiB at most.

    References
    ----------
    E. N. Epperly, M. Meier, Y. Nakatsukasa, *Fast randomized least-squares solvers can be just as accurate and stable
    as classical direct solvers*, 2024 (arXiv:2406.03468), for refinement in sketched solvers.
    R. Karlson, B. Waldén, *Estimation of optimal backward perturbation bounds for the linear least squares problem*,
    BIT 37 (1997), equation 2.5, for the certificate.

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.sketch import lstsq_stream
    >>> def blocks():
    ...     gen = np.random.default_rng(0)
    ...     for _ in range(10):
    ...         A = gen.standard_normal((5000, 4))
    ...         yield A, A @ [1.0, 2.0, 3.0, 4.0] + 0.1 * gen.standard_normal(5000)
    >>> fit = lstsq_stream(blocks, rng=0)
    >>> fit.status, fit.rows, fit.backward_error < 2.3e-16
    ('certified', 50000, True)
    >>> bool(np.all(abs(fit.x - [1, 2, 3, 4]) < 5 * fit.coefficient_se))
    True
    """
    source = _source(a, b)
    threads = workers
    _validate.workers(workers)
    damp = _validate.scalar(damp, "damp", low=0.0)
    state = sketch_blocks(source, sketch_size, zeta, rng, threads)
    second = state.refine(damp, tol=tol)
    return finish(second, source, threads)


def sketch_blocks(source: Blocks, sketch_size: int | None, zeta: int, rng: RngLike, workers: int | None) -> SketchState:
    """The first pass."""
    state: SketchState | None = None
    for block, right in source():
        if state is None:
            shape = np.shape(block) if not sps.issparse(block) else block.shape
            if len(shape) != 2:
                raise ValueError(f"block has shape {shape}, expected a 2-D array")
            if shape[1] == 0:
                raise ValueError(f"block has shape {shape}, expected at least one column")
            n = int(shape[1])
            targets = None if np.ndim(right) == 1 else np.shape(right)[-1]
            size = max(4 * n, 64) if sketch_size is None else sketch_size
            state = SketchState(n, targets, sketch_size=size, zeta=zeta, rng=rng)
        state.update(block, right, workers=workers)
    if state is None or state.rows == 0:
        raise ValueError("there are no rows, expected at least one block")
    return state


def finish(second: Refinement, source: Blocks, workers: int | None) -> StreamResult:
    """All further passes."""
    while not second.done:
        for block, right in source():
            second.update(block, right, workers=workers)
        second.next_pass()
    return second.result()


def _source(a: Any, b: Any) -> Blocks:
    if b is None:
        if callable(a):
            return a  # type: ignore[no-any-return]
        if isinstance(a, Iterator):
            raise TypeError(
                f"a is a {type(a).__name__}, which can be read once only; expected a function that returns a fresh one"
            )
        if isinstance(a, (list, tuple)):
            return lambda: a
        raise TypeError(f"a is a {type(a).__name__} without b, expected a function or a list of (A, b) blocks")
    if not hasattr(a, "shape"):
        a = np.asarray(a)
    if not hasattr(b, "shape"):
        b = np.asarray(b)
    if sps.issparse(a) and a.format != "csr":
        a = a.tocsr()
    if len(a.shape) != 2 or len(b.shape) not in (1, 2):
        raise ValueError(f"a and b have shapes {a.shape} and {b.shape}, expected 2-D and 1-D or 2-D arrays")
    if b.shape[0] != a.shape[0]:
        raise ValueError(f"b has {b.shape[0]} rows, expected {a.shape[0]} as a has")
    return row_blocks(a, b, group_rows(max(a.shape[1], 1)))
