"""The estimators for scikit-learn, made when they are first asked for: scikit-learn is optional and slow to import."""

from __future__ import annotations

import functools
import warnings
from typing import Any

import numpy as np

from kriss import _validate
from kriss.sketch import _linear, _sklearn
from kriss.sketch._state import SketchState

NAMES = ("SketchedLinearRegression", "SketchedRidge")

_PARAMETERS = """
    fit_intercept : bool
        Whether there is an intercept; it is not penalised and has no part in the minimum norm.
    sketch_size : int, optional
        Rows of the sketch; by default 4 times the columns for `fit`, 8 times for `partial_fit`.
    random_state : int, RandomState instance or None
        The seed of the sketch. It changes the results of `fit` by rounding errors only.
"""

_ATTRIBUTES = """
    coef_ : ndarray, shape (n_features,) or (n_targets, n_features)
        Coefficients.
    intercept_ : float or ndarray, shape (n_targets,)
        Intercept; 0.0 without one.
    coef_se_ : ndarray, shape of `coef_`
        Standard errors of the coefficients for independent errors of one variance (weights are taken as inverse
        variances). After `partial_fit` they include the deviation that the sketch causes.
    rank_ : int
        Numerical rank of X{centred}.
    singular_ : ndarray
        Singular values of X{centred}, rows times the roots of their weights.
    backward_error_ : float
        Estimate of the relative change of the data for which the coefficients are exact (see
        `kriss.sketch.backward_error`); NaN after `partial_fit`, whose result is an estimate.
    n_features_in_ : int
        Columns of X.
    feature_names_in_ : ndarray of str
        Names of the columns, if X had any.
"""

_NOTES = """
    X with at least eight times as many rows as columns and 100,000 entries is read three to five times by
    `kriss.sketch.SketchState` and its further passes: 2 m n² flops, no copy of X (sparse X is made dense some 32 MiB
    at a time). Other X are copied, centred and decomposed by singular values. `partial_fit` sees rows once: its
    coefficients deviate from those of `fit` about as much as those of a regression on ``sketch_size`` rows deviate
    from the truth, and each call ends with a solution of O(sketch_size n²) flops. It does not continue a `fit`, but
    begins anew.
"""

_LINEAR_DOC = f"""Least squares by sketching, with certified coefficients and their standard errors, for scikit-learn.

    Parameters
    ----------{_PARAMETERS}
    Attributes
    ----------{_ATTRIBUTES.format(centred=" (after centring, with an intercept)")}
    Raises
    ------
    ImportError
        If scikit-learn is not installed.
    ValueError
        As scikit-learn's estimators, for data that are not finite or do not fit together.

    See Also
    --------
    SketchedRidge : with a penalty.
    lstsq : least squares without scikit-learn.

    Notes
    -----{_NOTES}
    References
    ----------
    As `kriss.sketch.lstsq_stream` and `kriss.sketch.SketchState`.

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.sketch import SketchedLinearRegression
    >>> gen = np.random.default_rng(0)
    >>> X = gen.standard_normal((20000, 8))
    >>> y = X @ np.arange(8.0) + 3.0 + gen.standard_normal(20000)
    >>> model = SketchedLinearRegression(random_state=0).fit(X, y)
    >>> bool(np.all(abs(model.coef_ - np.arange(8.0)) < 5 * model.coef_se_))
    True
    >>> model.backward_error_ < 2.3e-16, round(model.intercept_, 1)
    (True, 3.0)
    """

_RIDGE_DOC = f"""Ridge regression by sketching, with certified coefficients and their standard errors, for scikit-learn.

    Minimises ``sum(weight * (y - X @ coef - intercept)**2) + alpha * norm(coef)**2``.

    Parameters
    ----------
    alpha : float
        Strength of the penalty, not negative.{_PARAMETERS}
    Attributes
    ----------{_ATTRIBUTES.format(centred=" with the rows ``sqrt(alpha) * eye(n_features)`` below it")}
    Raises
    ------
    ImportError
        If scikit-learn is not installed.
    ValueError
        As scikit-learn's estimators, for data that are not finite or do not fit together; if `alpha` is negative.

    See Also
    --------
    SketchedLinearRegression : without a penalty.

    Notes
    -----{_NOTES}
    The rows of the penalty are not sketched. `backward_error_` takes them for data that may change too, and `coef_se_`
    are standard errors of the penalised estimator, without its bias.

    References
    ----------
    As `kriss.sketch.lstsq_stream` and `kriss.sketch.SketchState`.

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.sketch import SketchedRidge
    >>> gen = np.random.default_rng(0)
    >>> X = gen.standard_normal((20000, 8))
    >>> y = X @ np.arange(8.0) + gen.standard_normal(20000)
    >>> model = SketchedRidge(alpha=10.0, random_state=0).fit(X, y)
    >>> A = X - X.mean(axis=0)
    >>> bool(np.allclose(model.coef_, np.linalg.solve(A.T @ A + 10 * np.eye(8), A.T @ y)))
    True
    """


def estimator(name: str) -> type:
    """The class of that name."""
    return _classes()[name]


@functools.cache
def _classes() -> dict[str, type]:
    try:
        from sklearn.base import MultiOutputMixin, RegressorMixin

        base = _sklearn.linear_estimator()
    except ImportError as error:
        raise ImportError(f"kriss.sketch.{NAMES[0]} and {NAMES[1]} need scikit-learn: {error}") from error

    class Sketched(MultiOutputMixin, RegressorMixin, base):  # type: ignore[misc, valid-type]
        """What the two have in common."""

        fit_intercept: bool
        sketch_size: int | None
        _state: SketchState

        def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
            """Fit the model.

            Parameters
            ----------
            X : {array_like, sparse matrix}, shape (n_samples, n_features)
                Data.
            y : array_like, shape (n_samples,) or (n_samples, n_targets)
                Targets.
            sample_weight : array_like, shape (n_samples,), optional
                Weights of the rows, not negative.

            Returns
            -------
            object
                This estimator.
            """
            alpha = self._strength()
            X, y, weight = self._targets(X, y, sample_weight, True)
            self.__dict__.pop("_state", None)
            targets = y.reshape(len(y), -1)
            seed = self._seed()
            m, n = X.shape
            if _linear.is_tall(m, n):
                size = self.sketch_size
                done = _linear.fit_passes(X, targets, weight, alpha, self.fit_intercept, size, seed)
            else:
                done = _linear.fit_small(X, targets, weight, alpha, self.fit_intercept)
            return self._take(done, y.ndim == 1)

        def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
            """Take in further rows, which are not needed again.

            Parameters
            ----------
            X : {array_like, sparse matrix}, shape (n_samples, n_features)
                Data.
            y : array_like, shape (n_samples,) or (n_samples, n_targets)
                Targets.
            sample_weight : array_like, shape (n_samples,), optional
                Weights of the rows, not negative.

            Returns
            -------
            object
                This estimator, with coefficients for all rows given to `partial_fit` so far.
            """
            alpha = self._strength()
            first = "_state" not in self.__dict__
            X, y, weight = self._targets(X, y, sample_weight, first)
            n = X.shape[1] + self.fit_intercept
            if first:
                seed = self._seed()
                targets = None if y.ndim == 1 else y.shape[1]
                state = SketchState(n, targets, sketch_size=self.sketch_size, rng=seed)
                self._intercept = bool(self.fit_intercept)
            else:
                state = self._state
                if self._intercept != bool(self.fit_intercept):
                    raise ValueError("fit_intercept was changed between two calls of partial_fit")
            block, right = _linear.weighted(X, y.reshape(len(y), -1), weight, self.fit_intercept)
            state.update(block, right if y.ndim == 2 else right[:, 0])
            self._state = state
            return self._take(_linear.from_sketch(state, alpha, self.fit_intercept, state.rows), y.ndim == 1)

        def _strength(self) -> float:
            return 0.0

        def _targets(self, X: Any, y: Any, sample_weight: Any, reset: bool) -> tuple[Any, Any, Any]:
            X, y, weight = self._checked(X, y, sample_weight, several=True, reset=reset)
            if weight is not None and not weight.any():
                raise ValueError("sample_weight is zero for every row, expected a positive weight")
            return X, np.asarray(y, dtype=np.float64), weight

        def _take(self, done: _linear.Fitted, one_d: bool) -> Any:
            self.coef_ = done.coef[:, 0] if one_d else done.coef.T
            self.coef_se_ = done.se[:, 0] if one_d else done.se.T
            self.intercept_: Any = 0.0
            if self.fit_intercept:
                self.intercept_ = float(done.intercept[0]) if one_d else done.intercept
            self.rank_ = done.rank
            self.singular_ = done.s
            self.backward_error_ = done.backward_error
            if done.status.startswith("not certified"):
                from sklearn.exceptions import ConvergenceWarning

                warnings.warn(f"the coefficients are {done.status}", ConvergenceWarning, stacklevel=3)
            return self

    class SketchedLinearRegression(Sketched):
        __doc__ = _LINEAR_DOC

        def __init__(
            self, *, fit_intercept: bool = True, sketch_size: int | None = None, random_state: Any = None
        ) -> None:
            self.fit_intercept = fit_intercept
            self.sketch_size = sketch_size
            self.random_state = random_state

    class SketchedRidge(Sketched):
        __doc__ = _RIDGE_DOC

        def __init__(
            self,
            alpha: float = 1.0,
            *,
            fit_intercept: bool = True,
            sketch_size: int | None = None,
            random_state: Any = None,
        ) -> None:
            self.alpha = alpha
            self.fit_intercept = fit_intercept
            self.sketch_size = sketch_size
            self.random_state = random_state

        def _strength(self) -> float:
            return _validate.scalar(self.alpha, "alpha", low=0.0)

    methods = ("fit", "partial_fit", "predict")
    return _sklearn.published({SketchedLinearRegression: methods, SketchedRidge: methods})
