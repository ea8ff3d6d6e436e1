"""The regressor for scikit-learn, made when it is first asked for: scikit-learn is optional and slow to import."""

from __future__ import annotations

import functools
import math
import warnings
from typing import Any

import numpy as np
import numpy.typing as npt

from kriss import _validate, config
from kriss.gp import _plan
from kriss.gp._estimator_fitted import Fitted
from kriss.gp._estimator_parts import (
    blocks,
    free_parameters,
    not_positive_definite,
    split_noise,
    with_theta,
)
from kriss.gp._estimator_structured import StructuredObjective, StructuredPlan
from kriss.gp._kernels import Kernel
from kriss.gp._optimise import Objective, Run, best_of, minimise, shown
from kriss.gp._structure import names

Array = npt.NDArray[Any]

_EPS = float(np.finfo(np.float64).eps)


def estimator() -> type:
    """The class `kriss.gp.GaussianProcessRegressor`."""
    return _class()


_DOC = """Gaussian-process regression with scikit-learn's interface, on the kernels of this package.

    Constructor, methods and attributes are those of `sklearn.gaussian_process.GaussianProcessRegressor`.

    Parameters
    ----------
    kernel : kernel of scikit-learn or of `kriss.gp`, optional
        The covariance function; ``ConstantKernel(1.0) * RBF(1.0)`` by default, that of scikit-learn.
    alpha : float or ndarray of shape (n_samples,), default 1e-10
        Variance of the noise, added to the diagonal.
    optimizer : "fmin_l_bfgs_b", callable or None, default "fmin_l_bfgs_b"
        How to choose the kernel's parameters: L-BFGS-B, ``optimizer(obj_func, initial_theta, bounds=bounds)`` which
        returns ``(theta_opt, func_min)``, or not at all.
    n_restarts_optimizer : int, default 0
        Further runs from parameters drawn log-uniformly within the bounds, the same as scikit-learn's.
    normalize_y : bool, default False
        Subtract the mean of y and divide by its standard deviation, and undo that in predictions.
    copy_X_train : bool, default True
        Keep copies of X and y.
    n_targets : int, optional
        Number of outputs of the prior, before `fit`.
    random_state : int, RandomState instance or None
        Source of randomness for the restarts.
    structure : str, default "dense"
        Beyond scikit-learn: what `kriss.gp.factor` makes of the points, ``"auto"``, ``"series"``, ``"vecchia"``, ...
        The kernel must run compiled. There is then no `L_`, and `partial_fit` and ``return_grad`` need ``"dense"``.

    Attributes
    ----------
    X_train_ : array_like, shape (n_samples, n_features)
        Points.
    y_train_ : ndarray, shape (n_samples,) or (n_samples, n_targets)
        Observations, normalised if that was asked for.
    kernel_ : kernel
        The kernel with the chosen parameters.
    L_ : ndarray, shape (n_samples, n_samples)
        Lower Cholesky factor of ``kernel_(X_train_)`` plus `alpha` on its diagonal.
    alpha_ : ndarray, shape of `y_train_`
        The inverse of that matrix times `y_train_`.
    log_marginal_likelihood_value_ : float
        At ``kernel_.theta``.
    factor_ : object
        The factor of `kriss.gp.factor`, if `structure` is another one than ``"dense"``; its `reason` tells why.
    n_features_in_ : int
        Columns of X.
    feature_names_in_ : ndarray of str
        Names of the columns, if X had any.

    Raises
    ------
    ImportError
        If scikit-learn is not installed.
    ValueError
        As scikit-learn's, for data that are not finite or do not fit together.
    numpy.linalg.LinAlgError
        If the matrix is not positive definite to working precision at the chosen parameters; the message names the
        pivot and the points behind it. A pivot must be above its own rounding errors, where LAPACK is content with any
        positive number.

    See Also
    --------
    factor : without scikit-learn.
    fit : maximum likelihood without scikit-learn.

    Notes
    -----
    Sums and products of scikit-learn's ConstantKernel, WhiteKernel, RBF, Matern, RationalQuadratic, ExpSineSquared (of
    one column), DotProduct and whole powers run compiled; other kernels, and classes derived from these, run their own
    Python. Likelihood and gradient take n**3 flops and n**2 doubles whatever the number of parameters (scikit-learn:
    8 n**2 p bytes more), of kernels that run compiled.

    `fit` takes ``workers``, the threads, and ``progress``, whether to show a bar. Up to 1000 points the runs of
    ``n_restarts_optimizer`` go side by side, one thread and n**2 doubles each; the result does not depend on that.
    ``predict(return_grad=True)`` adds derivatives in the coordinates of the points; `partial_fit` adds observations in
    O(n**2) each and keeps the parameters.

    References
    ----------
    C. E. Rasmussen, C. K. I. Williams, "Gaussian Processes for Machine Learning", 2006, algorithm 2.1 and equations
    (5.8) and (5.9).

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.gp import GaussianProcessRegressor
    >>> from sklearn.gaussian_process.kernels import RBF, WhiteKernel
    >>> X = np.linspace(0.0, 6.0, 40)[:, None]
    >>> y = np.sin(X[:, 0])
    >>> model = GaussianProcessRegressor(1.0 * RBF() + WhiteKernel(1e-3)).fit(X, y)
    >>> mean, std = model.predict([[2.5]], return_std=True)
    >>> bool(abs(mean[0] - np.sin(2.5)) < 1e-2)
    True
    >>> model.partial_fit([[7.0]], [np.sin(7.0)]).L_.shape
    (41, 41)
    """


@functools.cache
def _class() -> type:
    try:
        from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin, _fit_context, clone
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.gaussian_process import kernels as theirs
        from sklearn.utils import check_random_state
        from sklearn.utils._param_validation import Interval, StrOptions
        from sklearn.utils.validation import validate_data
    except ImportError as error:
        raise ImportError(f"kriss.gp.GaussianProcessRegressor needs scikit-learn: {error}") from error
    from numbers import Integral, Real

    class GaussianProcessRegressor(Fitted, MultiOutputMixin, RegressorMixin, BaseEstimator):  # type: ignore[misc]
        __doc__ = _DOC

        _parameter_constraints = {  # noqa: RUF012 - scikit-learn's convention
            "kernel": [None, theirs.Kernel, Kernel],
            "alpha": [Interval(Real, 0, None, closed="left"), np.ndarray],
            "optimizer": [StrOptions({"fmin_l_bfgs_b"}), callable, None],
            "n_restarts_optimizer": [Interval(Integral, 0, None, closed="left")],
            "normalize_y": ["boolean"],
            "copy_X_train": ["boolean"],
            "n_targets": [Interval(Integral, 1, None, closed="left"), None],
            "random_state": ["random_state"],
            "structure": [StrOptions(set(names()))],
        }

        def __init__(
            self,
            kernel: Any = None,
            *,
            alpha: Any = 1e-10,
            optimizer: Any = "fmin_l_bfgs_b",
            n_restarts_optimizer: int = 0,
            normalize_y: bool = False,
            copy_X_train: bool = True,
            n_targets: int | None = None,
            random_state: Any = None,
            structure: str = "dense",
        ) -> None:
            self.kernel = kernel
            self.alpha = alpha
            self.optimizer = optimizer
            self.n_restarts_optimizer = n_restarts_optimizer
            self.normalize_y = normalize_y
            self.copy_X_train = copy_X_train
            self.n_targets = n_targets
            self.random_state = random_state
            self.structure = structure

        @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]
        def fit(self, X: Any, y: Any, *, workers: int | None = None, progress: bool = False) -> Any:
            """Choose the parameters of the kernel and prepare predictions.

            Parameters
            ----------
            X : array_like, shape (n_samples, n_features)
                Points; lists of objects for kernels that take them.
            y : array_like, shape (n_samples,) or (n_samples, n_targets)
                Observations.
            workers : int, optional
                Threads; the process-wide setting by default. The result does not depend on it.
            progress : bool, default False
                Show a progress bar of the runs of the optimizer.

            Returns
            -------
            object
                This estimator.
            """
            threads = _validate.workers(workers)
            if self.kernel is None:
                self.kernel_ = theirs.ConstantKernel() * theirs.RBF()
            else:
                self.kernel_ = self.kernel if isinstance(self.kernel, Kernel) else clone(self.kernel)
            self._rng = check_random_state(self.random_state)
            X, y = self._checked(X, y, True)
            targets = y.shape[1] if y.ndim > 1 else 1
            if self.n_targets is not None and targets != self.n_targets:
                raise ValueError(
                    "The number of targets seen in `y` is different from the parameter `n_targets`. "
                    f"Got {targets} != {self.n_targets}."
                )
            self._y_train_mean = np.zeros(y.shape[1:]) if y.ndim > 1 else np.zeros(1)
            self._y_train_std = np.ones(y.shape[1:]) if y.ndim > 1 else np.ones(1)
            if self.normalize_y:
                self._y_train_mean = np.mean(y, axis=0)
                spread = np.std(y, axis=0)
                self._y_train_std = np.where(spread < 10 * _EPS, 1.0, spread)[()]
                y = (y - self._y_train_mean) / self._y_train_std
            noise = split_noise(self.alpha, y.shape[0])
            self.X_train_ = np.copy(X) if self.copy_X_train else X
            self.y_train_ = np.copy(y) if self.copy_X_train else y
            self._fitted_workers = threads
            for name in ("_triangle", "factor_", "L_"):
                self.__dict__.pop(name, None)
            if self.structure != "dense":
                self._fit_structured(noise, threads, progress)
                return self
            work = self._choose(noise, threads, progress)
            if work is None:
                work = np.zeros((noise.size, noise.size))
                model = _plan.plan(self.kernel_, self.X_train_, threads).at(self.kernel_.theta)
                try:
                    _plan.factorise(model, noise, work)
                except _plan.BadPivot as bad:
                    raise not_positive_definite(self.kernel_, self.X_train_, noise, bad.pivot) from None
            self.L_ = work
            self.alpha_ = self._weights()
            return self

        def _choose(self, noise: Array, threads: int, progress: bool) -> Array | None:
            """The parameters, into `kernel_`, and their likelihood; the factor, if it is at hand."""
            plan = _plan.plan(self.kernel_, self.X_train_, threads)
            targets = self._columns()
            if self.optimizer is None or not free_parameters(self.kernel_):
                work = np.zeros((noise.size, noise.size))
                objective = Objective(plan, targets, noise, work, lambda value: None)
                value = self.log_marginal_likelihood_value_ = -objective(self.kernel_.theta, eval_gradient=False)
                return work if value > -math.inf else None
            count = threads or config.get_num_threads()
            starts, bounds = self._starts()
            self._settle(best_of(plan, targets, noise, starts, bounds, self.optimizer, count, progress))
            return None

        def _starts(self) -> tuple[list[Array], Array]:
            bounds = self.kernel_.bounds
            starts = [self.kernel_.theta]
            if self.n_restarts_optimizer > 0:
                if not np.isfinite(bounds).all():
                    raise ValueError(
                        "Multiple optimizer restarts (n_restarts_optimizer>0) requires that all bounds are finite."
                    )
                starts += [self._rng.uniform(bounds[:, 0], bounds[:, 1]) for _ in range(self.n_restarts_optimizer)]
            return starts, bounds

        def _settle(self, runs: list[Run]) -> None:
            for run in runs:
                if run.complaint:
                    warnings.warn(run.complaint, ConvergenceWarning, stacklevel=5)
            best = min(runs, key=lambda run: run.value if not math.isnan(run.value) else math.inf)
            self.kernel_ = with_theta(self.kernel_, best.theta, copy=False)
            if hasattr(self.kernel_, "_check_bounds_params"):
                self.kernel_._check_bounds_params()
            self.log_marginal_likelihood_value_ = np.float64(-best.value)

        def _fit_structured(self, noise: Array, threads: int, progress: bool) -> None:
            plan = StructuredPlan(self.kernel_, self.X_train_, noise, self.structure, threads)
            targets = self._columns()
            free = self.optimizer is not None and free_parameters(self.kernel_)
            if free:
                starts, bounds = self._starts()
                with shown(progress) as seen:
                    objective = StructuredObjective(plan, targets, seen)
                    objective.last = plan.factor(starts[0])  # what cannot be factorised is told, not searched
                    self._settle([minimise(self.optimizer, objective, start, bounds) for start in starts])
            theta = self.kernel_.theta
            self._white = plan.at(theta)[1]
            self.factor_ = plan.factor(theta)
            self.alpha_ = np.asarray(self.factor_.solve(targets)).reshape(np.shape(self.y_train_))
            if not free:
                value = -StructuredObjective(plan, targets, lambda value: None)(theta, eval_gradient=False)
                self.log_marginal_likelihood_value_ = value

        def _checked(self, X: Any, y: Any, reset: bool) -> tuple[Any, Array]:
            vectors = getattr(self.kernel_, "requires_vector_input", True)
            X, y = validate_data(
                self, X, y, multi_output=True, y_numeric=True, ensure_2d=vectors,
                dtype="numeric" if vectors else None, reset=reset,
            )  # fmt: skip
            return X, np.asarray(y)

        def partial_fit(self, X: Any, y: Any) -> Any:
            """Add observations; the parameters of the kernel, and the normalisation of y, stay.

            Parameters
            ----------
            X : array_like, shape (n_samples, n_features)
                Further points.
            y : array_like, shape (n_samples,) or (n_samples, n_targets)
                Their observations.

            Returns
            -------
            object
                This estimator; the first call is `fit`.

            Raises
            ------
            ValueError
                If `alpha` is an array, or the number of targets is another than before.
            numpy.linalg.LinAlgError
                If the matrix is not positive definite with the new points; the estimator is as it was before.

            Notes
            -----
            q observations cost n**2 q flops and one pass over the factor. To choose the parameters anew, call `fit`
            with all of the data.
            """
            if not hasattr(self, "X_train_"):
                return self.fit(X, y)
            if hasattr(self, "factor_"):
                raise NotImplementedError(f"partial_fit needs structure='dense', not {self.structure!r}: fit again")
            if np.ndim(self.alpha) and np.size(self.alpha) != 1:
                raise ValueError("alpha is an array, which has no entries for further observations: give one number")
            X, y = self._checked(X, y, False)
            if y.shape[1:] != self.y_train_.shape[1:]:
                raise ValueError(f"y has shape {y.shape}, expected targets of shape {self.y_train_.shape[1:]} per row")
            self._extend(X, (y - self._y_train_mean) / self._y_train_std)
            return self

        def predict(
            self, X: Any, return_std: bool = False, return_cov: bool = False, *, return_grad: bool = False
        ) -> Any:
            """Predictions at new points; from the prior before `fit`.

            Parameters
            ----------
            X : array_like, shape (m, n_features)
                Where to predict.
            return_std : bool, default False
                Also the standard deviation.
            return_cov : bool, default False
                Also the covariance; not together with `return_std`.
            return_grad : bool, default False
                Also the derivatives in the coordinates of X, of the mean and, with `return_std`, of the deviation; for
                a fitted model whose kernel runs compiled.

            Returns
            -------
            y_mean : ndarray, shape (m,) or (m, n_targets)
                Mean.
            y_std : ndarray, shape of `y_mean`
                Standard deviation, if it was asked for.
            y_cov : ndarray, shape (m, m) or (m, m, n_targets)
                Covariance, if it was asked for.
            mean_grad : ndarray, shape (m, n_features) or (m, n_features, n_targets)
                Derivatives of the mean, if they were asked for.
            std_grad : ndarray, shape of `mean_grad`
                Derivatives of the deviation, if both were asked for; NaN where it is 0.
            """
            if return_std and return_cov:
                raise RuntimeError("At most one of return_std or return_cov can be requested.")
            vectors = self.kernel is None or getattr(self.kernel, "requires_vector_input", True)
            X = validate_data(self, X, ensure_2d=vectors, dtype="numeric" if vectors else None, reset=False)
            if not hasattr(self, "X_train_"):
                if return_grad:
                    raise ValueError("return_grad needs a fitted model: the prior's mean and deviation have no slope")
                return self._prior(X, return_std, return_cov)
            if hasattr(self, "factor_"):
                return self._predict_structured(X, return_std, return_cov, return_grad)
            model = _plan.plan(self.kernel_, self.X_train_, self._fitted_workers).at(self.kernel_.theta)
            m, n = len(X), self.L_.shape[0]
            alpha = self.alpha_.reshape(n, -1)
            mean = np.empty((m, alpha.shape[1]))
            variance = np.array(self.kernel_.diag(X), np.float64) if return_std else None
            kept = np.empty((m, n)) if return_cov else None
            for where, rows in blocks(model, X, n):
                mean[where] = rows @ alpha
                if variance is None and kept is None:
                    continue
                self._solve(rows, half=True)
                if variance is not None:
                    variance[where] -= np.einsum("ij,ij->i", rows, rows)
                if kept is not None:
                    kept[where] = rows
            out = [self._shaped(mean * self._y_train_std + self._y_train_mean)]
            if variance is not None:
                if (variance < 0.0).any():
                    warnings.warn("Predicted variances smaller than 0. Setting those variances to 0.", stacklevel=2)
                    variance = np.maximum(variance, 0.0)
                out.append(self._shaped(np.sqrt(variance)[:, None] * self._y_train_std))
            if kept is not None:
                cov = model.own(X) - kept @ kept.T
                out.append(self._shaped(cov[:, :, None] * self._y_train_std**2))
            if return_grad:
                out += self._slopes(X, variance)
            return tuple(out) if len(out) > 1 else out[0]

        def _prior(self, X: Any, return_std: bool, return_cov: bool) -> Any:
            kernel = theirs.ConstantKernel() * theirs.RBF() if self.kernel is None else self.kernel
            targets = 1 if self.n_targets is None else self.n_targets
            mean = self._shaped(np.zeros((len(X), targets)))
            if return_cov:
                return mean, self._shaped(np.repeat(kernel(X)[:, :, None], targets, axis=2))
            if return_std:
                return mean, self._shaped(np.repeat(np.sqrt(kernel.diag(X))[:, None], targets, axis=1))
            return mean

        def sample_y(self, X: Any, n_samples: int = 1, random_state: Any = 0) -> Array:
            """Draws from the posterior, or from the prior before `fit`.

            Parameters
            ----------
            X : array_like, shape (m, n_features)
                Where.
            n_samples : int, default 1
                How many draws.
            random_state : int, RandomState instance or None, default 0
                Source of randomness.

            Returns
            -------
            ndarray, shape (m, n_samples) or (m, n_targets, n_samples)
                The draws.
            """
            rng = check_random_state(random_state)
            mean, cov = self.predict(X, return_cov=True)
            if mean.ndim == 1:
                return np.asarray(rng.multivariate_normal(mean, cov, n_samples).T)
            draws = [rng.multivariate_normal(mean[:, k], cov[..., k], n_samples).T for k in range(mean.shape[1])]
            return np.stack(draws, axis=1)

        def log_marginal_likelihood(
            self, theta: Any = None, eval_gradient: bool = False, clone_kernel: bool = True
        ) -> Any:
            """The log-likelihood of the training data, summed over targets.

            Parameters
            ----------
            theta : array_like, shape (p,), optional
                Logarithms of the parameters; by default the value found by `fit` is returned.
            eval_gradient : bool, default False
                Also return the gradient; needs `theta`.
            clone_kernel : bool, default True
                Leave `kernel_` alone; otherwise it is set to `theta`.

            Returns
            -------
            value : float
                The log-likelihood; minus infinity where the matrix is not positive definite to working precision.
            gradient : ndarray, shape (p,)
                If `eval_gradient`.
            """
            if theta is None:
                if eval_gradient:
                    raise ValueError("Gradient can only be evaluated for theta!=None")
                return self.log_marginal_likelihood_value_
            theta = np.asarray(theta, np.float64)
            kernel = with_theta(self.kernel_, theta, clone_kernel)
            if not clone_kernel:
                self.kernel_ = kernel
            n = len(self.X_train_)
            noise = split_noise(self.alpha, n)
            if hasattr(self, "factor_"):
                structured = StructuredPlan(kernel, self.X_train_, noise, self.structure, self._fitted_workers)
                goal = StructuredObjective(structured, self._columns(), lambda value: None)
                found = goal(theta, eval_gradient=eval_gradient)
                return (-found[0], -found[1]) if eval_gradient else -found
            plan = _plan.plan(kernel, self.X_train_, self._fitted_workers)
            objective = Objective(plan, self._columns(), noise, np.zeros((n, n)), lambda value: None)
            if not eval_gradient:
                return -objective(theta, eval_gradient=False)
            value, gradient = objective(theta)
            return -value, -gradient

        def __sklearn_tags__(self) -> Any:
            tags = super().__sklearn_tags__()
            tags.requires_fit = False
            return tags

    GaussianProcessRegressor.__module__ = "kriss.gp"
    GaussianProcessRegressor.__qualname__ = "GaussianProcessRegressor"
    return GaussianProcessRegressor
