"""What the estimators for scikit-learn share."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.sparse as sps


def constructor(**defaults: Any) -> Callable[..., None]:
    """An ``__init__`` that keeps keyword parameters as they are, with the signature that scikit-learn looks for."""

    def init(self: Any, **given: Any) -> None:
        unknown = given.keys() - defaults.keys()
        if unknown:
            raise TypeError(f"{type(self).__name__}() got an unexpected keyword argument {min(unknown)!r}")
        for name, default in defaults.items():
            setattr(self, name, given.get(name, default))

    keyword = inspect.Parameter.KEYWORD_ONLY
    parameters = [inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)]
    parameters += [inspect.Parameter(name, keyword, default=default) for name, default in defaults.items()]
    init.__name__, init.__qualname__ = "__init__", "__init__"
    init.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return init


@functools.cache
def linear_estimator() -> Any:
    """The base class of linear models."""
    from sklearn.base import BaseEstimator
    from sklearn.utils import check_random_state
    from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

    class LinearEstimator(BaseEstimator):  # type: ignore[misc]
        """Checks of X, y and weights, and predictions from `coef_` and `intercept_`."""

        random_state: Any
        coef_: Any
        intercept_: Any

        def predict(self, X: Any) -> Any:
            """Targets of new rows.

            Parameters
            ----------
            X : {array_like, sparse matrix}, shape (n_samples, n_features)
                Data.

            Returns
            -------
            ndarray, shape (n_samples,) or (n_samples, n_targets)
                ``X @ coef_.T + intercept_``.
            """
            X = self._new_rows(X)
            return X @ self.coef_.T + self.intercept_

        def _checked(
            self, X: Any, y: Any, sample_weight: Any, *, numeric: bool = True, several: bool = False, reset: bool = True
        ) -> tuple[Any, Any, Any]:
            X, y = validate_data(
                self, X, y, accept_sparse="csr", dtype=[np.float64, np.float32], y_numeric=numeric,
                multi_output=several, reset=reset,
            )  # fmt: skip
            if sps.issparse(X):
                X = sps.csr_array(X)
            if sample_weight is not None:
                sample_weight = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
            return X, y, sample_weight

        def _new_rows(self, X: Any) -> Any:
            check_is_fitted(self)
            return validate_data(self, X, accept_sparse=["csr", "csc", "coo"], reset=False)

        def _seed(self) -> int:
            return int(check_random_state(self.random_state).randint(2**31 - 1))

        def __sklearn_tags__(self) -> Any:
            tags = super().__sklearn_tags__()
            tags.input_tags.sparse = True
            return tags

    return LinearEstimator


def published(classes: dict[type, tuple[str, ...]]) -> dict[str, type]:
    """The classes by name, put where pickle and the documentation look for them, inherited methods included."""
    for cls, methods in classes.items():
        cls.__module__, cls.__qualname__ = "kriss.sketch", cls.__name__
        for name in methods:
            setattr(cls, name, getattr(cls, name))
    return {cls.__name__: cls for cls in classes}
