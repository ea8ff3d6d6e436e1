"""Minimisation of functions that are costly to evaluate: ask, tell, and a loop around them."""

from __future__ import annotations

import contextlib
import copy
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from kriss import _validate
from kriss.gp import _acquire, _bo_constrained, _bo_search, _bo_trees
from kriss.gp._additive import random_tree_groups
from kriss.gp._bo_model import Surrogate
from kriss.gp._bo_result import MinimizeResult
from kriss.gp._bo_task import Task, box, functions, told, usable
from kriss.gp._kernels import Additive, Kernel
from kriss.gp._results import Prediction

Array = npt.NDArray[Any]

TREE_ROOTS = (0.0, 0.5)  # standard deviations of the components; their sum is several times that of the function
_PATIENCE = 5  # evaluations in a row after which an empty set is believed
_KEPT = 5  # of the best points, around which candidates lie


class Optimizer:
    """A search for the minimum of a costly function, by asking for points and being told values.

    Parameters
    ----------
    bounds : array_like, shape (d, 2)
        Low and high of each dimension.
    n_initial : int, optional
        Points of a scrambled Sobol sequence before the model is asked; ``min(2 d, 20)`` by default, at least 3. With 0
        the first point is the centre unless a value was told before; the model needs one.
    acquisition : str or callable, default "log_ei"
        ``"log_ei"``, ``"ei"``, ``"noisy_ei"``, ``"ucb"``, ``"knowledge_gradient"``, ``"max_value_entropy"``, or a
        function of (factor, y) that returns an `acquisition.Acquisition`.
    n_constraints : int, default 0
        Constraints, each at most 0 where it holds, that are observed together with the value. Points are then chosen by
        optimistic bounds (CONFIG) instead of the acquisition.
    constraint_tol : float, default 0.0
        A constraint holds where it is at most this.
    decomposition : {None, "random_tree"}, optional
        ``"random_tree"`` models the function as a sum over the groups of a random forest, drawn anew for every point,
        and maximises an additive upper bound exactly by passing messages: for many dimensions.
    kernel : Kernel, optional
        Covariance function over the unit cube that `bounds` are mapped to. By default `Matern` 5/2 with a lengthscale
        per dimension (one for all in random trees) under a prior that grows as sqrt(d), with a factor in common.
    noise : float, optional
        Variance of the noise of values, 0 for none; learned by default. That of the constraints is learned, unless this
        is 0: then they have none either.
    warp : bool, default True
        Draw large values together by a Yeo-Johnson transform, where the values are far from normal without it.
    refit_growth : float, default 0.15
        Hyperparameters are chosen anew when the number of points has grown by this part; in between points are appended
        to the factor.
    rng : int, SeedSequence or Generator, optional
        Source of randomness.
    workers : int, optional
        Threads; the process-wide setting by default.

    Attributes
    ----------
    bounds : ndarray, shape (d, 2)
        Low and high of each dimension, read-only.
    X, y, constraints : ndarray
        What was told: (n, d), (n,), (n, n_constraints).
    failures : tuple of (int, str)
        Rows of evaluations that failed, and why.
    pending : ndarray, shape (p, d)
        What was asked for and not told.
    infeasible : bool
        Whether the constraints were declared to exclude each other.

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong type, dtype or shape, or is not finite; if bounds cross.
    NotImplementedError
        If `kernel` has no derivatives in the points, as `PythonKernel`.

    See Also
    --------
    minimize : the loop around it.

    Notes
    -----
    Everything it holds is picklable at every step, and continues with the same points. A value that is not finite is a
    failed evaluation: it is kept and reported, and the model sees a very noisy observation of the worst value so far
    there. Points that are asked for while others are pending see those at their posterior mean. A step costs O(n**2)
    for the append and some 10**3 predictions, O(n**2) each; O(n**3) where hyperparameters are chosen, that is O(log n)
    times in all. Looking (`predict`, `acquisition`, `result`) does not change what is asked for later.

    Infeasibility is declared when the optimistic constraints, 3 standard deviations below their means, left nothing
    five times in a row, each time after new evaluations and with new hyperparameters; in between the most promising
    point is asked for. Pending points do not count there. A feasible point that is told later withdraws it.

    References
    ----------
    P. I. Frazier, "A Tutorial on Bayesian Optimization", 2018, arXiv 1807.02811.
    W. Xu, Y. Jiang, B. Svetozarevic, C. N. Jones, "Constrained Efficient Global Optimization of Expensive Black-box
    Functions", 2023, arXiv 2211.00162, algorithm 1.
    J. Ziomek, H. Bou-Ammar, "Are Random Decompositions all we need in High Dimensional Bayesian Optimisation?", 2023,
    arXiv 2301.12844.

    Examples
    --------
    >>> from kriss.gp import Optimizer
    >>> opt = Optimizer([(-2.0, 2.0)], n_initial=3, rng=0)
    >>> for _ in range(10):
    ...     x = opt.ask()
    ...     opt.tell(x, float((x[0] - 0.5) ** 2))
    >>> bool(opt.result().fun < 1e-3)
    True
    """

    def __init__(
        self,
        bounds: npt.ArrayLike,
        *,
        n_initial: int | None = None,
        acquisition: str | Callable[[Any, Array], _acquire.Acquisition] = "log_ei",
        n_constraints: int = 0,
        constraint_tol: float = 0.0,
        decomposition: str | None = None,
        kernel: Kernel | None = None,
        noise: float | None = None,
        warp: bool = True,
        refit_growth: float = 0.15,
        rng: _validate.RngLike = None,
        workers: int | None = None,
    ) -> None:
        self.bounds = box(bounds)
        self.bounds.flags.writeable = False
        d = self.bounds.shape[0]
        first = max(3, min(2 * d, 20)) if n_initial is None else _validate.integer(n_initial, "n_initial", low=0)
        if not callable(acquisition):
            _validate.choice(acquisition, "acquisition", _bo_search.ACQUISITIONS)
        self._acquisition = acquisition
        count = _validate.integer(n_constraints, "n_constraints", low=0)
        self._tol = _validate.scalar(constraint_tol, "constraint_tol", low=0.0)
        if decomposition is not None:
            _validate.choice(decomposition, "decomposition", ("random_tree",))
            if count:
                raise ValueError("decomposition='random_tree' takes no constraints, expected n_constraints=0")
        self._tree = decomposition is not None
        if kernel is not None:
            usable(kernel, d)
            if self._tree:
                Additive(kernel, [(0,)])
        variance = None if noise is None else _validate.scalar(noise, "noise", low=0.0)
        growth = _validate.scalar(refit_growth, "refit_growth", low=0.0)
        _validate.workers(workers)
        common: dict[str, Any] = {"growth": growth, "workers": workers}
        self._model = Surrogate(d, kernel, variance, tree=self._tree, warp=bool(warp), **common)
        # The objective's noise says nothing of the constraints', which have other units.
        other = 0.0 if variance == 0.0 else None
        self._rules = [Surrogate(d, None, other, warp=False, **common) for _ in range(count)]
        self._shown: Surrogate | None = None
        self._rng = _validate.generator(rng)
        self._design = _bo_search.sobol(d, first, self._rng) if first else np.full((1, d), 0.5)
        self._asked, self._sampled = 0, first > 0
        self.X, self.y, self.constraints = np.empty((0, d)), np.empty(0), np.empty((0, count))
        self.failures: tuple[tuple[int, str], ...] = ()
        self.pending = np.empty((0, d))
        self.infeasible = False
        self._empty = 0  # judgements in a row that the constraints leave nothing
        self._judged = 0  # evaluations at the last of them
        self._cautious = False

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_shown": None}  # as it can be made again

    @property
    def dimensions(self) -> int:
        """The number of dimensions."""
        return int(self.bounds.shape[0])

    def __repr__(self) -> str:
        best = self.result().fun
        return f"<Optimizer over {self.dimensions} dimensions, {self.y.size} evaluations, best {best:.6g}>"

    def _unit(self, x: Array) -> Array:
        low, high = self.bounds.T
        out: Array = np.clip((x - low) / (high - low), 0.0, 1.0)
        return out

    def _real(self, u: Array) -> Array:
        low, high = self.bounds.T
        out: Array = np.clip(low + u * (high - low), low, high)
        return out

    def _feasible(self) -> npt.NDArray[np.bool_]:
        out: npt.NDArray[np.bool_] = np.isfinite(self.y) & (self.constraints <= self._tol).all(axis=1)
        return out

    def ask(self, n: int | None = None) -> Array:
        """The next point, or a batch of them.

        Parameters
        ----------
        n : int, optional
            How many; one point of shape (d,) if omitted.

        Returns
        -------
        ndarray, shape (d,) or (n, d)
            Where to evaluate. The points are pending until they are told.
        """
        count = 1 if n is None else _validate.integer(n, "n", low=1)
        out = []
        for _ in range(count):
            x = self._real(self._next())
            self.pending = np.vstack([self.pending, x])
            out.append(x)
        return out[0] if n is None else np.array(out)

    def _next(self) -> Array:
        """A point of the unit cube."""
        k, self._asked = self._asked, self._asked + 1
        u, waiting = self._unit(self.X), self._unit(self.pending)
        known = bool(np.isfinite(self.y).any())
        # The centre, in place of a design, is for when nothing else is known, and needs no second evaluation.
        if k < self._design.shape[0] and (
            self._sampled or not (known or _bo_search.same(self._design[k], np.vstack([u, waiting])))
        ):
            return np.array(self._design[k])
        if not known:
            return self._rng.random(self.dimensions)
        self._shown = None
        if self._empty and self.y.size > self._judged:
            for model in self._rules:
                model.fitted_at = 0  # what says that nothing is left must be as good a model as there is
        groups = random_tree_groups(self.dimensions, self._rng) if self._tree else None
        self._model.update(u, self.y, groups)
        if self._rules and not all(np.isfinite(column).any() for column in self.constraints.T):
            return self._rng.random(self.dimensions)
        for model, column in zip(self._rules, self.constraints.T, strict=True):
            model.update(u, column)
        if self._rules:
            x = self._constrained(u, waiting)
        else:
            x = self._free(u, waiting)
        return self._fresh(x, np.vstack([u, waiting]))

    def _centres(self, u: Array) -> Array:
        """The best points so far."""
        score = np.where(np.isfinite(self.y), self.y, np.inf)
        if self._rules:
            worst = np.max(_standard(self.constraints - self._tol), axis=1)
            feasible = self._feasible()
            score = np.where(feasible, score - np.nanmax(np.abs(np.where(feasible, score, 0.0))) * 4.0 - 1.0, worst)
            score = np.where(np.isnan(score), np.inf, score)
        keep: Array = u[np.argsort(score, kind="stable")[:_KEPT]]
        return keep

    def _free(self, u: Array, waiting: Array) -> Array:
        f, values, _ = self._model.posterior(waiting)
        centres = self._centres(u)
        if self._tree:
            forest = self._model.kernel.terms[0]
            assert isinstance(forest, Additive)
            found = [_bo_trees.suggest(f, values, forest, root) for root in TREE_ROOTS]
            centres = np.vstack([centres, found])
        x, _, _ = _bo_search.maximise(
            _bo_search.acquired(self._acquisition, f, values, self._model.noise, self._rng),
            self.dimensions,
            centres,
            self._rng,
        )
        return x

    def _constrained(self, u: Array, waiting: Array) -> Array:
        self._cautious = not self._cautious
        feasible = self._feasible()
        cautious = self._cautious and self._empty == 0
        centres = self._centres(u)
        x, some = _bo_constrained.suggest(
            self._model, self._rules, centres, waiting, cautious, feasible, self._tol, self._rng
        )
        if some or feasible.any():
            self._empty = 0
            return x
        if self.y.size == self._judged:
            return x  # nothing was learned since the last judgement
        self._judged = self.y.size
        if waiting.size and _bo_constrained.leaves(self._rules, centres, self._tol, self._rng):
            self._empty = 0  # it was only what is imagined of pending points that excluded everything
            return x
        self._empty += 1
        if self._empty >= _PATIENCE and self.y.size >= 10 + 5 * self.dimensions:
            self.infeasible = True
        return x

    def _fresh(self, x: Array, known: Array) -> Array:
        """`x`, or where it is known already a point at which the model is least sure."""
        if not _bo_search.same(x, known):
            return x
        pool = _bo_search.sobol(self.dimensions, 256, self._rng)
        std = self._model.predict(pool, return_std=True).std
        assert std is not None
        return np.array(pool[int(np.argmax(std))])

    def tell(
        self, x: npt.ArrayLike, y: npt.ArrayLike, constraints: npt.ArrayLike | None = None, *, failure: str = ""
    ) -> None:
        """What an evaluation, or a batch of them, gave.

        Parameters
        ----------
        x : array_like, shape (d,) or (n, d)
            Where; any points within the bounds, asked for or not, also more than once.
        y : float or array_like of shape (n,)
            The values. What is not finite is kept as a failed evaluation.
        constraints : array_like, shape (k,) or (n, k)
            Values of the constraints, if there are any.
        failure : str, optional
            Why values that are not finite failed.
        """
        where, value, more = told(x, y, constraints, self.bounds, len(self._rules))
        start = self.y.size
        failed = ~(np.isfinite(value) & np.isfinite(more).all(axis=1))
        self.failures += tuple(
            (start + int(i), failure or f"not finite: {_shown(value[i], more[i])}") for i in np.flatnonzero(failed)
        )
        self.X = np.vstack([self.X, where])
        self.y = np.append(self.y, np.where(np.isfinite(value), value, np.nan))
        self.constraints = np.vstack([self.constraints, np.where(np.isfinite(more), more, np.nan)])
        for row in where:
            same = np.flatnonzero((self.pending == row).all(axis=1))
            if same.size:
                self.pending = np.delete(self.pending, same[0], axis=0)
        self._shown = None
        if self._rules and self._feasible().any():
            self.infeasible, self._empty = False, 0

    def _look(self, X: npt.ArrayLike) -> tuple[Surrogate, Array]:
        """A model of all that was told, apart from the one that chooses points, and checked points in the cube."""
        x = _validate.real_array(X, "X", ndim=2, single=False)
        if x.shape[1] != self.dimensions:
            raise ValueError(f"X has {x.shape[1]} columns, expected {self.dimensions}")
        if not np.isfinite(self.y).any():
            raise ValueError("no value was told yet: there is no model")
        if self._shown is None:
            model = copy.copy(self._model)
            groups = model.groups
            if self._tree and groups is None:
                groups = random_tree_groups(self.dimensions, copy.deepcopy(self._rng))
            model.update(self._unit(self.X), self.y, groups)
            self._shown = model
        low, high = self.bounds.T
        return self._shown, (x - low) / (high - low)

    def predict(self, X: npt.ArrayLike, *, return_std: bool = False) -> Prediction:
        """The model's posterior of the value at points.

        Parameters
        ----------
        X : array_like, shape (m, d)
            Points.
        return_std : bool, default False
            Also the standard deviation.

        Returns
        -------
        Prediction
            ``mean`` and ``std``. Where values were drawn together these are the median and half the distance between
            the values one standard deviation above and below it.
        """
        model, u = self._look(X)
        assert model.scale is not None
        p = model.predict(u, return_std=return_std)
        if p.std is None:
            return Prediction(model.scale.back(p.mean))
        up, down = model.scale.back(p.mean + p.std), model.scale.back(p.mean - p.std)
        return Prediction(model.scale.back(p.mean), 0.5 * up - 0.5 * down)

    def acquisition(self, X: npt.ArrayLike) -> Array:
        """The acquisition at points, given what was told and what is pending.

        Parameters
        ----------
        X : array_like, shape (m, d)
            Points.

        Returns
        -------
        ndarray, shape (m,)
            Its values, in the units of the model.
        """
        model, u = self._look(X)
        f, values, _ = model.posterior(self._unit(self.pending))
        # A copy of the source of randomness: looking must not change what is drawn later.
        rng = copy.deepcopy(self._rng)
        out: Array = _bo_search.acquired(self._acquisition, f, values, model.noise, rng)(u)
        return out

    def result(self, status: str = "done") -> MinimizeResult:
        """What was found so far.

        Parameters
        ----------
        status : str, default "done"
            What the result says of how it ended.

        Returns
        -------
        MinimizeResult
            The best point and all evaluations.
        """
        feasible = self._feasible()
        score = np.where(feasible, self.y, np.inf)
        at = int(np.argmin(score)) if feasible.any() else -1
        arrays = [a.copy() for a in (self.X, self.y, self.constraints)]
        for a in arrays:
            a.flags.writeable = False
        return MinimizeResult(
            x=None if at < 0 else self.X[at].copy(),
            fun=math.nan if at < 0 else float(self.y[at]),
            X=arrays[0],
            y=arrays[1],
            constraints=arrays[2],
            feasible=feasible if self._rules else np.isfinite(self.y),
            failures=self.failures,
            status="infeasible" if self.infeasible else status,
            refits=self._model.refits,
            kernel=self._model.kernel,
            noise=self._model.noise,
        )

    def run(
        self,
        f: Callable[[Array], float],
        evaluations: int,
        *,
        constraints: Callable[[Array], Any] | Sequence[Callable[[Array], Any]] | None = None,
        batch: int = 1,
        map: Callable[..., Iterable[Any]] = map,
        callback: Callable[[Optimizer], Any] | None = None,
        progress: bool = False,
    ) -> MinimizeResult:
        """Evaluates a function at so many points more; what was asked for and not told comes first.

        Parameters
        ----------
        f : callable
            Function of (d,) that returns a number. Exceptions of it, other than interrupts, are failed evaluations.
        evaluations : int
            How many.
        constraints : callable or sequence of callables, optional
            Functions of (d,) that return numbers, at most 0 where they hold.
        batch : int, default 1
            Points that are asked for at once.
        map : callable, default map
            ``map(function, points)`` that evaluates a batch, such as that of an executor.
        callback : callable, optional
            Called with this optimizer after each batch; true stops the run.
        progress : bool, default False
            Show a progress bar.

        Returns
        -------
        MinimizeResult
            What was found so far, in this run and before.
        """
        if not callable(f):
            raise TypeError(f"f must be callable, not {type(f).__name__}")
        left = _validate.integer(evaluations, "evaluations", low=0)
        size = _validate.integer(batch, "batch", low=1)
        task = Task(f, functions(constraints), len(self._rules))
        with contextlib.ExitStack() as stack:
            bar = None
            if progress:
                from tqdm.auto import tqdm

                bar = stack.enter_context(tqdm(total=left, desc="minimize", unit=" evaluations"))
            while left > 0 and not self.infeasible:
                count = min(size, left)
                waiting = self.pending[:count]
                if waiting.shape[0] < count:
                    waiting = np.vstack([waiting, self.ask(count - waiting.shape[0])])
                if self.infeasible:
                    break
                for x, (value, more, why) in zip(waiting, map(task, list(waiting)), strict=True):
                    self.tell(x, value, more if self._rules else None, failure=why)
                    left -= 1
                    if bar is not None:
                        bar.set_postfix_str(f"best {self.result().fun:.6g}", refresh=False)
                        bar.update()
                if callback is not None and callback(self):
                    return self.result("stopped")
        return self.result()


def _standard(values: Array) -> Array:
    """Columns over their standard deviations."""
    out = np.where(np.isfinite(values), values, np.nan)
    size = np.sqrt(np.nanmean(out * out, axis=0))
    scaled: Array = out / np.where(size > 0.0, size, 1.0)
    return scaled


def _shown(value: float, more: Array) -> str:
    return f"{value}" + (f", constraints {more.tolist()}" if more.size else "")
