"""Quantile, Huber and logistic regression as scikit-learn estimators, made when they are first asked for."""

from __future__ import annotations

import functools
import warnings
from contextlib import ExitStack
from typing import Any

import numpy as np

from kriss import _validate
from kriss.sketch import _fits, _sklearn
from kriss.sketch._regression import _level

NAMES = ("CoresetQuantileRegressor", "CoresetHuberRegressor", "CoresetLogisticRegression")

_PARAMETERS = """
    fit_intercept : bool
        Whether there is an intercept; it is not penalised.
    coreset_size : int, optional
        Expected number of rows of the coreset; changes the time, not the result.
    tol : float
        Duality gap, relative to the objective, at which the fit is done.
    max_iter : int
        Most rounds or Newton steps on all rows.
    random_state : int, RandomState instance or None
        The seed of the sketch and the coreset; changes the result within the tolerance only.
"""

_ATTRIBUTES = """
    intercept_ : {intercept}
        Intercept; 0.0 without one.
    objective_ : float
        The minimised sum over all rows, penalty included.
    gap_ : float
        How far it can be from the optimum: it minus the value of a feasible dual point.
    status_ : str
        ``"optimal"``, or what was missed (see `kriss.sketch.RegressionResult`), which also warns.
    n_iter_ : int
        Steps of the method.
    n_features_in_ : int
        Columns of X.
    feature_names_in_ : ndarray of str
        Names of the columns, if X had any.
"""

_COMMON = """
    Raises
    ------
    ImportError
        If scikit-learn is not installed.
    ValueError
        As scikit-learn's estimators, for data that are not finite or do not fit together, and for parameters out of
        range.

    Notes
    -----
    A coreset is solved first, then all rows until the duality gap is below `tol`; work and memory are those of
    `kriss.sketch.{function}`. Sparse X is read in place, its rows made dense in blocks of 1 MiB.

    References
    ----------
    As `kriss.sketch.{function}`.
"""

_HUBER_COMMON = _COMMON.format(function="huber_regression")

_LOGISTIC_COMMON = _COMMON.format(function="logistic_regression")

_QUANTILE_DOC = f"""Linear quantile regression on all rows, by a coreset and a certificate, for scikit-learn.

    Minimises scikit-learn's objective, ``mean(pinball loss) + alpha * norm(coef, 1)``.

    Parameters
    ----------
    quantile : float
        Between 0 and 1.
    alpha : float
        Strength of the penalty; none by default (scikit-learn's default is 1).{_PARAMETERS}
    Attributes
    ----------
    coef_ : ndarray, shape (n_features,)
        Coefficients.{_ATTRIBUTES.format(intercept="float")}{_COMMON.format(function="quantile_regression")}
    Examples
    --------
    >>> import numpy as np
    >>> from kriss.sketch import CoresetQuantileRegressor
    >>> gen = np.random.default_rng(0)
    >>> X = gen.standard_normal((20000, 3))
    >>> y = X @ [1.0, 2.0, 3.0] + gen.standard_normal(20000)
    >>> model = CoresetQuantileRegressor(quantile=0.8, random_state=0).fit(X, y)
    >>> model.status_, round(float(np.mean(y < model.predict(X))), 3)
    ('optimal', 0.8)
    """

_HUBER_DOC = f"""Huber's robust regression on all rows, by a coreset and a certificate, for scikit-learn.

    Minimises scikit-learn's objective over coefficients and scale, ``sum(scale + h(r / scale) * scale) + alpha *
    norm(coef)**2``.

    Parameters
    ----------
    epsilon : float
        Above 1: where squares end, in units of the scale.
    alpha : float
        Strength of the penalty.{_PARAMETERS}
    Attributes
    ----------
    coef_ : ndarray, shape (n_features,)
        Coefficients.
    scale_ : float
        Scale of the residuals.
    outliers_ : ndarray of bool, shape (n_samples,)
        Rows whose residual is above ``epsilon * scale_``.{_ATTRIBUTES.format(intercept="float")}{_HUBER_COMMON}
    Examples
    --------
    >>> import numpy as np
    >>> from kriss.sketch import CoresetHuberRegressor
    >>> gen = np.random.default_rng(0)
    >>> X = gen.standard_normal((20000, 3))
    >>> y = X @ [1.0, 2.0, 3.0] + 5.0 + gen.standard_normal(20000)
    >>> y[::50] += 1e4
    >>> model = CoresetHuberRegressor(random_state=0).fit(X, y)
    >>> model.status_, bool(np.all(abs(model.coef_ - [1.0, 2.0, 3.0]) < 0.05))
    ('optimal', True)
    """

_LOGISTIC_DOC = f"""Logistic regression for two classes on all rows, by a coreset and a certificate, for scikit-learn.

    Minimises scikit-learn's objective, ``C * sum(log loss) + norm(coef)**2 / 2``, divided by C.

    Parameters
    ----------
    C : float
        Inverse strength of the penalty; infinity for none.{_PARAMETERS}
    Attributes
    ----------
    coef_ : ndarray, shape (1, n_features)
        Coefficients.
    classes_ : ndarray, shape (2,)
        The classes.{_ATTRIBUTES.format(intercept="ndarray, shape (1,)")}{_LOGISTIC_COMMON}
    Examples
    --------
    >>> import numpy as np
    >>> from kriss.sketch import CoresetLogisticRegression
    >>> gen = np.random.default_rng(0)
    >>> X = gen.standard_normal((20000, 3))
    >>> y = np.where(gen.logistic(size=20000) < X @ [1.0, -2.0, 0.5], "yes", "no")
    >>> model = CoresetLogisticRegression(C=np.inf, random_state=0).fit(X, y)
    >>> model.status_, model.classes_.tolist(), bool(model.score(X, y) > 0.75)
    ('optimal', ['no', 'yes'], True)
    """


def estimator(name: str) -> type:
    """The class of that name."""
    return _classes()[name]


@functools.cache
def _classes() -> dict[str, type]:
    try:
        from sklearn.base import ClassifierMixin, RegressorMixin
        from sklearn.utils.multiclass import check_classification_targets

        base = _sklearn.linear_estimator()
    except ImportError as error:
        raise ImportError(f"kriss.sketch.{', '.join(NAMES)} need scikit-learn: {error}") from error

    def parameters(**own: Any) -> Any:
        return _sklearn.constructor(
            **own, fit_intercept=True, coreset_size=None, tol=1e-9, max_iter=100, random_state=None
        )

    class Coreset(base):  # type: ignore[misc, valid-type]
        """What all have in common."""

        fit_intercept: bool
        coreset_size: int | None
        tol: float
        max_iter: int

        def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
            """Fit the model.

            Parameters
            ----------
            X : {array_like, sparse matrix}, shape (n_samples, n_features)
                Data.
            y : array_like, shape (n_samples,)
                Targets; for a classifier two classes of any kind.
            sample_weight : array_like, shape (n_samples,), optional
                Weights of the rows, not negative.

            Returns
            -------
            object
                This estimator.
            """
            self._fit(X, y, sample_weight)
            return self

        def _fit(self, X: Any, y: Any, sample_weight: Any) -> None:
            raise NotImplementedError

        def _run(self, X: Any, y: Any, weight: Any, l1: float, solve: Any) -> _fits.RegressionResult:
            with ExitStack() as stack:
                problem = _fits.prepare(
                    stack, X, y, sample_weight=weight, coreset_size=self.coreset_size, tol=self.tol,
                    maxiter=self.max_iter, rng=self._seed(), workers=None, progress=False,
                    intercept=bool(self.fit_intercept), scaled=solve is not None, l1=l1,
                )  # fmt: skip
                done: _fits.RegressionResult = (solve or self._solve)(problem)
            self.objective_, self.gap_, self.status_ = done.objective, done.gap, done.status
            self.n_iter_ = max(done.iterations, 1)
            if done.status != "optimal":
                from sklearn.exceptions import ConvergenceWarning

                warnings.warn(
                    f"the fit ended with status {done.status!r} and a relative gap of {done.relative_gap:.1e}",
                    ConvergenceWarning,
                    stacklevel=4,
                )
            return done

        def _solve(self, problem: _fits.Problem) -> _fits.RegressionResult:
            raise NotImplementedError

        def _split(self, x: Any) -> tuple[Any, float]:
            return (x[:-1], float(x[-1])) if self.fit_intercept else (x, 0.0)

    class Regressor(RegressorMixin, Coreset):  # type: ignore[misc]
        """The two regressors."""

    class CoresetQuantileRegressor(Regressor):
        __doc__ = _QUANTILE_DOC

        quantile: float
        alpha: float
        __init__ = parameters(quantile=0.5, alpha=0.0)

        def _fit(self, X: Any, y: Any, sample_weight: Any) -> None:
            level = _level(self.quantile)
            alpha = _validate.scalar(self.alpha, "alpha", low=0.0)
            X, y, weight = self._checked(X, y, sample_weight)
            l1 = alpha * float(X.shape[0] if weight is None else weight.sum())
            done = self._run(X, y, weight, l1, lambda problem: _fits.quantile(problem, level - 1.0, level))
            self.coef_, self.intercept_ = self._split(done.x)

    class CoresetHuberRegressor(Regressor):
        __doc__ = _HUBER_DOC

        epsilon: float
        alpha: float
        __init__ = parameters(epsilon=1.35, alpha=0.0001)

        def _fit(self, X: Any, y: Any, sample_weight: Any) -> None:
            delta = _validate.scalar(self.epsilon, "epsilon", low=1.0, strict=True)
            alpha = _validate.scalar(self.alpha, "alpha", low=0.0)
            X, y, weight = self._checked(X, y, sample_weight)
            done = self._run(
                X, y, weight, 0.0,
                lambda problem: _fits.smooth(problem, "huber", delta=delta, l2=2.0 * alpha, joint=True),
            )  # fmt: skip
            self.coef_, self.intercept_ = self._split(done.x)
            self.scale_ = done.scale
            self.outliers_ = np.abs(y - self.predict(X)) > delta * done.scale

    class CoresetLogisticRegression(ClassifierMixin, Coreset):  # type: ignore[misc]
        __doc__ = _LOGISTIC_DOC

        C: float
        __init__ = parameters(C=1.0)

        def _fit(self, X: Any, y: Any, sample_weight: Any) -> None:
            _validate.scalar(self.C, "C", low=0.0, strict=True, finite=False)
            X, y, weight = self._checked(X, y, sample_weight, numeric=False)
            check_classification_targets(y)
            # Classes that only rows without weight have are none.
            self.classes_ = np.unique(y if weight is None else y[weight > 0])
            if len(self.classes_) > 2:
                raise ValueError(
                    "Only binary classification is supported. The type of the target is multiclass: y holds "
                    f"{len(self.classes_)} classes."
                )
            if len(self.classes_) < 2:
                raise ValueError("y holds one class only, expected two classes")
            done = self._run(X, np.where(y == self.classes_[1], 1.0, -1.0), weight, 0.0, None)
            coef, intercept = self._split(done.x)
            self.coef_, self.intercept_ = coef[None, :], np.array([intercept])

        def _solve(self, problem: _fits.Problem) -> _fits.RegressionResult:
            return _fits.smooth(problem, "logistic", p=1.0, l2=1.0 / float(self.C))

        def decision_function(self, X: Any) -> Any:
            """Log odds of the second class.

            Parameters
            ----------
            X : {array_like, sparse matrix}, shape (n_samples, n_features)
                Data.

            Returns
            -------
            ndarray, shape (n_samples,)
                ``X @ coef_[0] + intercept_``.
            """
            X = self._new_rows(X)
            return X @ self.coef_[0] + self.intercept_

        def predict(self, X: Any) -> Any:
            """Classes of new rows.

            Parameters
            ----------
            X : {array_like, sparse matrix}, shape (n_samples, n_features)
                Data.

            Returns
            -------
            ndarray, shape (n_samples,)
                The more probable class of each.
            """
            odds = self.decision_function(X)
            return self.classes_[(odds > 0).astype(np.intp)]

        def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
            """Mean accuracy of `predict`.

            Parameters
            ----------
            X : {array_like, sparse matrix}, shape (n_samples, n_features)
                Data.
            y : array_like, shape (n_samples,)
                Their classes.
            sample_weight : array_like, shape (n_samples,), optional
                Weights of the rows.

            Returns
            -------
            float
                The (weighted) fraction of rows whose class is predicted right.
            """
            return float(np.average(self.predict(X) == np.asarray(y), weights=sample_weight))

        def predict_proba(self, X: Any) -> Any:
            """Probabilities of both classes.

            Parameters
            ----------
            X : {array_like, sparse matrix}, shape (n_samples, n_features)
                Data.

            Returns
            -------
            ndarray, shape (n_samples, 2)
                In the order of `classes_`.
            """
            from scipy.special import expit

            odds = self.decision_function(X)
            return np.column_stack([expit(-odds), expit(odds)])

        def __sklearn_tags__(self) -> Any:
            tags = super().__sklearn_tags__()
            tags.classifier_tags.multi_class = False
            return tags

    regressor = ("fit", "predict")
    return _sklearn.published(
        {
            CoresetQuantileRegressor: regressor,
            CoresetHuberRegressor: regressor,
            CoresetLogisticRegression: ("fit",),
        }
    )
