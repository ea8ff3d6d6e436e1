"""Least squares over Dask arrays and sequences of systems, on threads, processes or a ``dask.distributed`` cluster."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import dask
import dask.array as da
import numpy as np

from kriss import _validate
from kriss._validate import RngLike
from kriss.interop._dask_sequence import solve_sequence
from kriss.sketch import SketchState, StreamResult
from kriss.sketch._passes import PassSpec, PassSum

__all__ = ["lstsq", "sketch_state", "solve_sequence"]


def sketch_state(
    a: Any,
    b: Any,
    *,
    sketch_size: int | None = None,
    zeta: int = 8,
    rng: RngLike = None,
    workers: int = 1,
    split_every: int = 8,
) -> SketchState:
    """Sketch the rows of a Dask array in one pass: a solution with error bars, and what further passes need.

    Parameters
    ----------
    a : dask.array.Array, shape (m, n)
        Real, dense or with SciPy sparse blocks, in chunks of any sizes. Chunks of columns are joined.
    b : dask.array.Array or array_like, shape (m,) or (m, k)
        Right-hand sides.
    sketch_size : int, optional
        Rows of the sketch; ``max(8 * n, 128)`` by default.
    zeta : int
        Entries per column of the sketch.
    rng : int, SeedSequence, Generator or None
        The seed.
    workers : int
        Threads of each task.
    split_every : int
        States that are merged at once.

    Returns
    -------
    SketchState
        Over all rows; `SketchState.solve` has the solution.

    Raises
    ------
    TypeError, ValueError
        As `kriss.sketch.SketchState.update`; also if `a` is no Dask array or its chunks are of unknown size.

    See Also
    --------
    lstsq : the certified solution.

    Notes
    -----
    One task per chunk and a tree of merges; what travels between machines is the sketch, ``8 * sketch_size * (n + k)``
    bytes per node of the summation tree, and for chunks that do not begin with a group of rows (`SketchState.group`)
    the rows of its remainder, at most 32 MiB. The bits are those of `SketchState` over the same rows, whatever the
    chunks and the tree.

    References
    ----------
    As `kriss.sketch.SketchState`.

    Examples
    --------
    >>> import dask.array as da
    >>> from kriss.interop.dask import sketch_state
    >>> A = da.random.default_rng(0).standard_normal((20000, 3), chunks=(6000, 3))
    >>> sketch_state(A, A.sum(axis=1), rng=0).solve().x.round(8).tolist()
    [1.0, 1.0, 1.0]
    """
    a, b, targets = _arrays(a, b)
    empty = SketchState(a.shape[1], targets, sketch_size=sketch_size, zeta=zeta, rng=rng)
    threads = _validate.integer(workers, "workers", low=1)
    every = _validate.integer(split_every, "split_every", low=2)
    shared = dask.delayed(empty, pure=False)
    parts = [dask.delayed(_sketch)(shared, *part, threads) for part in _parts(a, b)]
    state: SketchState = _reduced(parts, dask.delayed(_merge_states), shared, every)
    return state


def lstsq(
    a: Any,
    b: Any,
    *,
    damp: float = 0.0,
    sketch_size: int | None = None,
    zeta: int = 8,
    rng: RngLike = None,
    tol: float | None = None,
    workers: int = 1,
    split_every: int = 8,
) -> StreamResult:
    """Solve min ‖b − A x‖ over a Dask array, with a certificate.

    Parameters
    ----------
    a : dask.array.Array, shape (m, n)
        Real, dense or with SciPy sparse blocks, in chunks of any sizes.
    b : dask.array.Array or array_like, shape (m,) or (m, k)
        Right-hand sides.
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
    workers : int
        Threads of each task.
    split_every : int
        Partial sums that are merged at once.

    Returns
    -------
    kriss.sketch.StreamResult
        Computed, with NumPy arrays: x, coefficient_se, residues, rank, s, condition, backward_error, status, passes,
        iterations, sketch_distortion, rows, backend.

    Raises
    ------
    TypeError, ValueError
        As `kriss.sketch.lstsq_stream`; also if `a` is no Dask array or its chunks are of unknown size.
    OverflowError
        If the solution or the sketch is beyond float64.

    See Also
    --------
    kriss.sketch.lstsq_stream : the same from files and generators.

    Notes
    -----
    Three to five passes: the graph below `a` is run once in each, so persist what is costly to make and fits. Runs on
    the scheduler that is active, a ``dask.distributed`` cluster if there is a client. The result has the same bits for
    any chunks, any scheduler and any number of machines, and those of `kriss.sketch.lstsq_stream` over the same rows.
    Between machines travel sums of ``8 n²`` bytes per node of the summation tree, and rows as for `sketch_state`.

    References
    ----------
    As `kriss.sketch.lstsq_stream`.

    Examples
    --------
    >>> import dask.array as da
    >>> from kriss.interop.dask import lstsq
    >>> A = da.random.default_rng(0).standard_normal((20000, 3), chunks=(6000, 3))
    >>> fit = lstsq(A, A.sum(axis=1), rng=0)
    >>> fit.status, fit.x.round(8).tolist()
    ('certified', [1.0, 1.0, 1.0])
    """
    a, b, targets = _arrays(a, b)
    damp = _validate.scalar(damp, "damp", low=0.0)
    n = int(a.shape[1])
    size = max(4 * n, 64) if sketch_size is None else sketch_size
    state = sketch_state(
        a, b if targets is not None else b[:, 0], sketch_size=size, zeta=zeta, rng=rng, workers=workers,
        split_every=split_every,
    )  # fmt: skip
    second = state.refine(damp, tol=tol)
    while not second.done:
        spec = second.reader().spec
        shared = dask.delayed(spec, pure=False)
        parts = [dask.delayed(_sum_pass)(shared, *part, workers) for part in _parts(a, b)]
        second.absorb(_reduced(parts, dask.delayed(_merge_sums), shared, split_every))
        second.next_pass()
    return second.result()


def _arrays(a: Any, b: Any) -> tuple[Any, Any, int | None]:
    """a in chunks of whole rows, b as (m, k) in the same; and k, or None if b is one-dimensional."""
    if not isinstance(a, da.Array):
        raise TypeError(f"a must be a Dask array, not {type(a).__name__}")
    if not isinstance(b, da.Array):
        b = da.from_array(np.asarray(b))
    if a.ndim != 2 or b.ndim not in (1, 2):
        raise ValueError(f"a and b have {a.ndim} and {b.ndim} dimensions, expected 2 and 1 or 2")
    if any(np.isnan(size) for array in (a, b) for axis in array.chunks for size in axis):
        raise ValueError("a or b has chunks of unknown size: call compute_chunk_sizes() first")
    if a.shape[0] != b.shape[0]:
        raise ValueError(f"b has {b.shape[0]} rows, expected {a.shape[0]} as a has")
    if a.shape[0] == 0 or a.shape[1] == 0:
        raise ValueError(f"a has shape {a.shape}, expected rows and columns")
    targets = None if b.ndim == 1 else int(b.shape[1])
    if len(a.chunks[1]) > 1:
        a = a.rechunk({1: -1})
    if b.ndim == 1:
        b = b[:, None]
    b = b.rechunk({0: a.chunks[0], 1: -1})
    return a, b, targets


def _parts(a: Any, b: Any) -> list[tuple[Any, Any, int]]:
    """(rows of a, rows of b, number of the first), lazily, for each chunk."""
    starts = np.cumsum([0, *a.chunks[0]])
    left, right = a.to_delayed()[:, 0], b.to_delayed()[:, 0]
    return [(left[k], right[k], int(starts[k])) for k in range(len(left)) if a.chunks[0][k]]


def _reduced(parts: list[Any], merge: Callable[..., Any], shared: Any, every: int) -> Any:
    while len(parts) > 1:
        parts = [merge(shared, parts[k : k + every]) for k in range(0, len(parts), every)]
    return dask.compute(parts[0])[0]


def _fresh(empty: SketchState) -> SketchState:
    s = empty.sketch
    out = SketchState(empty.n_features, empty.n_targets, sketch_size=empty.sketch_size, zeta=s.zeta, rng=0)
    out.sketch.seed = s.seed
    return out


def _sketch(empty: SketchState, block: Any, b: Any, offset: int, workers: int) -> SketchState:
    state = _fresh(empty)
    return state.update(block, b if state.n_targets is not None else b[:, 0], offset, workers=workers)


def _merge_states(empty: SketchState, states: list[SketchState]) -> SketchState:
    """Into a new one: what a task returned may be used again."""
    out = _fresh(empty)
    for state in states:
        out.merge(state)
    return out


def _sum_pass(spec: PassSpec, block: Any, b: Any, offset: int, workers: int) -> PassSum:
    part = PassSum(spec)
    part.update(block, b if spec.targets is not None else b[:, 0], offset, workers)
    return part


def _merge_sums(spec: PassSpec, sums: list[PassSum]) -> PassSum:
    out = PassSum(spec)
    for one in sums:
        out.merge(one)
    return out
