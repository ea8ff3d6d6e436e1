"""The plain entry: minimise a costly function over a box."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from kriss import _validate
from kriss.gp._bo import Optimizer
from kriss.gp._bo_result import MinimizeResult
from kriss.gp._bo_task import box, functions

Array = npt.NDArray[Any]


def minimize(
    f: Callable[[Array], float],
    bounds: npt.ArrayLike,
    *,
    evaluations: int = 100,
    x0: npt.ArrayLike | None = None,
    y0: npt.ArrayLike | None = None,
    constraints: Callable[[Array], Any] | Sequence[Callable[[Array], Any]] | None = None,
    n_constraints: int | None = None,
    batch: int = 1,
    map: Callable[..., Iterable[Any]] = map,
    callback: Callable[[Optimizer], Any] | None = None,
    progress: bool = False,
    **options: Any,
) -> MinimizeResult:
    """Minimise a costly function over a box, with a Gaussian process that says where to look next.

    Parameters
    ----------
    f : callable
        Function of (d,) that returns a number. If it raises, or what it returns is not finite, the evaluation is kept
        as failed, reported, and the search goes on.
    bounds : array_like, shape (d, 2)
        Low and high of each dimension.
    evaluations : int, default 100
        Calls of `f`.
    x0 : array_like, shape (m, d), optional
        Points to evaluate first, within the bounds; they count as initial points.
    y0 : array_like, shape (m,), optional
        Known values at `x0`, which are then not evaluated.
    constraints : callable or sequence of callables, optional
        Functions of (d,) that return numbers, at most 0 where they hold, and are as costly as `f`: by CONFIG, which
        declares infeasibility.
    n_constraints : int, optional
        How many numbers they return; one per callable by default.
    batch : int, default 1
        Points that are evaluated together.
    map : callable, default map
        ``map(function, points)`` that evaluates a batch, such as that of an executor.
    callback : callable, optional
        Called with the `Optimizer` after each batch; true stops the search. What it pickles can be continued.
    progress : bool, default False
        Show a progress bar.
    **options
        Those of `Optimizer`: ``acquisition``, ``decomposition``, ``n_initial``, ``kernel``, ``noise``, ``rng``, ...

    Returns
    -------
    MinimizeResult
        The best point and all evaluations.

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong type, dtype or shape, or is not finite; if bounds cross.

    See Also
    --------
    Optimizer : the same by asking and telling, which can be stopped and continued.

    Notes
    -----
    ``n**3`` flops for each of some log(n) choices of hyperparameters, and about ``10**3 n**2`` for each point.

    References
    ----------
    D. R. Jones, M. Schonlau, W. J. Welch, "Efficient Global Optimization of Expensive Black-Box Functions", 1998.
    S. Ament, S. Daulton, D. Eriksson, M. Balandat, E. Bakshy, "Unexpected Improvements to Expected Improvement for
    Bayesian Optimization", 2023, arXiv 2310.20708.
    W. Xu, Y. Jiang, B. Svetozarevic, C. N. Jones, "Constrained Efficient Global Optimization of Expensive Black-box
    Functions", 2023, arXiv 2211.00162.

    Examples
    --------
    >>> from kriss.gp import minimize
    >>> found = minimize(lambda x: (x[0] - 0.3) ** 2 + abs(x[1]), [(-1, 1), (-1, 1)], evaluations=25, rng=0)
    >>> found.status, bool(found.fun < 0.01)
    ('done', True)
    """
    rules = functions(constraints)
    count = len(rules) if n_constraints is None else _validate.integer(n_constraints, "n_constraints", low=0)
    total = _validate.integer(evaluations, "evaluations", low=0)
    limits = box(bounds)
    starts = np.empty((0, limits.shape[0]))
    if x0 is not None:
        starts = np.atleast_2d(_validate.real_array(x0, "x0", ndim=(1, 2), single=False))
        options.setdefault("n_initial", max(0, max(3, min(2 * limits.shape[0], 20)) - starts.shape[0]))
    elif y0 is not None:
        raise ValueError("y0 was given without x0, expected the points of these values")
    opt = Optimizer(limits, n_constraints=count, **options)
    if starts.size:
        _seeded(opt, starts, y0, rules, limits)
    return opt.run(f, total, constraints=rules or None, batch=batch, map=map, callback=callback, progress=progress)


def _seeded(opt: Optimizer, x0: Array, y0: Any, rules: list[Any], limits: Array) -> None:
    """Known values are told, points without values asked for."""
    if x0.shape[1] != limits.shape[0]:
        raise ValueError(f"x0 has {x0.shape[1]} columns, expected {limits.shape[0]} as bounds has rows")
    out = (x0 < limits[:, 0]) | (x0 > limits[:, 1])
    if out.any():
        i, q = (int(v) for v in np.argwhere(out)[0])
        raise ValueError(f"x0[{i}] is {x0[i, q]:g} in dimension {q}, outside the bounds")
    if y0 is None:
        opt.pending = x0.copy()
        return
    if rules:
        raise ValueError("y0 was given with constraints, whose values at x0 are not known: leave y0 out")
    opt.tell(x0, np.atleast_1d(_validate.real_array(y0, "y0", ndim=(0, 1), finite=False, single=False)))
