"""Sequences of linear systems on Dask."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import dask
import numpy.typing as npt

from kriss.solve._many import SequenceResult, _in_process, bar, planned


def solve_sequence(
    systems: Iterable[Any],
    method: Any = "gcrodr",
    *,
    sort: str | None = None,
    parameters: npt.ArrayLike | None = None,
    contexts: Iterable[Any] | None = None,
    warm_start: str | None = None,
    pieces: int | None = None,
    progress: bool = False,
    **options: Any,
) -> SequenceResult:
    """Solve related systems on the scheduler that is active, a ``dask.distributed`` cluster if there is a client.

    Parameters
    ----------
    systems : iterable of (A, b) or of callables
        As in `kriss.solve.solve_sequence`. Callables keep the matrices off the network.
    method, sort, parameters, contexts, warm_start, pieces
        As in `kriss.solve.solve_sequence`.
    progress : bool
        Show a bar (tqdm).
    **options
        For the solver; its ``workers`` are threads, 1 by default.

    Returns
    -------
    kriss.solve.SequenceResult
        With the bits of `kriss.solve.solve_sequence`, in the order of `systems`.

    Raises
    ------
    TypeError, ValueError
        As `kriss.solve.solve_sequence`.

    See Also
    --------
    kriss.solve.solve_sequence : the same in this process or over processes of this machine.

    Notes
    -----
    One task for each piece. A task whose worker dies is run again by the cluster. A learner is copied for each piece
    and takes over what its copies have learned.

    References
    ----------
    As `kriss.solve.solve_sequence`.

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.interop.dask import solve_sequence
    >>> from kriss.testing import poisson2d
    >>> systems = [(poisson2d(10) * (1 + 0.1 * k), np.ones(100)) for k in range(8)]
    >>> solve_sequence(systems, "deflated_cg", rtol=1e-8, pieces=2).converged
    True
    """
    plan = planned(
        systems, method, sort=sort, parameters=parameters, contexts=contexts, warm_start=warm_start, pieces=pieces,
        options=options, processes=True,
    )  # fmt: skip
    tasks = [dask.delayed(_in_process, pure=False)(dask.delayed(piece, traverse=False)) for piece in plan.pieces]
    with bar(progress, len(plan.order)) as step:
        client = _client()
        if client is None:
            solved = _local(tasks, step)
        else:
            from distributed import as_completed

            futures = client.compute(tasks)
            place = {future.key: k for k, future in enumerate(futures)}
            found: dict[int, Any] = {}
            for future in as_completed(futures):
                k = place[future.key]
                found[k] = future.result()
                step(len(found[k].results))
            solved = [found[k] for k in range(len(tasks))]
    plan.done.update(enumerate(solved))
    return plan.result()


def _client() -> Any:
    try:
        from distributed import get_client
    except ImportError:
        return None
    try:
        return get_client()
    except ValueError:
        return None


def _local(tasks: list[Any], step: Any) -> list[Any]:
    from dask.callbacks import Callback

    class Shown(Callback):  # type: ignore[misc]
        """Tells the bar when the task of a piece is done."""

        def _posttask(self, key: Any, result: Any, dsk: Any, state: Any, worker_id: Any) -> None:
            if hasattr(result, "recycled") and hasattr(result, "results"):
                step(len(result.results))

    with Shown():
        return list(dask.compute(*tasks))
