"""Randomized sketching and the regression that is built on it.

`sketch` and the classes `SparseSign`, `SRHT`, `TensorSRHT`, `Gaussian` and `CountSketch` compress the rows of a tall
matrix. `lstsq` solves least-squares problems with a sketch and certifies the result, `factor` prepares it for many of
them, `lstsq_stream` and `SketchState` do it for rows that arrive in blocks, `SketchedLinearRegression` and
`SketchedRidge` under the names of scikit-learn; `linf_lstsq` solves from the sketch alone, with an error bar for each
coefficient. `backward_error` judges anybody's solution. `leverage_scores`, `root_leverage`, `lewis_weights` and
`lp_sensitivities` weigh rows, `sample_rows` draws them,
`optimal_least_squares` approximates functions. `fwht` is the transform beneath the dense sketches;
`RandomFeatures` and `UniversalFeatures` turn kernels and activations into inner products.
"""

from __future__ import annotations

from typing import Any

from kriss.sketch._certificate import backward_error
from kriss.sketch._constrained import ConstrainedResult, minimize_constrained
from kriss.sketch._factor import LstsqFactor, factor
from kriss.sketch._features import RandomFeatures, UniversalFeatures
from kriss.sketch._fits import RegressionResult
from kriss.sketch._fwht import fwht
from kriss.sketch._kinds import CountSketch, Gaussian, sketch
from kriss.sketch._leverage import leverage_scores
from kriss.sketch._linf import LinfResult, linf_lstsq
from kriss.sketch._lstsq import LstsqResult, lstsq
from kriss.sketch._optimal import LeastSquaresApproximation, optimal_least_squares
from kriss.sketch._polynomials import PolynomialBasis
from kriss.sketch._refinement import Refinement, StreamResult
from kriss.sketch._regression import (
    huber_regression,
    logistic_regression,
    lp_regression,
    quantile_regression,
)
from kriss.sketch._sampling import RowSample, sample_rows
from kriss.sketch._sparse_sign import SparseSign
from kriss.sketch._srht import SRHT, TensorSRHT
from kriss.sketch._state import SketchSolution, SketchState
from kriss.sketch._stream import lstsq_stream
from kriss.sketch._weights import lewis_weights, lp_sensitivities, root_leverage

__all__ = [
    "SRHT",
    "ConstrainedResult",
    "CoresetHuberRegressor",
    "CoresetLogisticRegression",
    "CoresetQuantileRegressor",
    "CountSketch",
    "Gaussian",
    "LeastSquaresApproximation",
    "LinfResult",
    "LstsqFactor",
    "LstsqResult",
    "PolynomialBasis",
    "RandomFeatures",
    "Refinement",
    "RegressionResult",
    "RowSample",
    "SketchSolution",
    "SketchState",
    "SketchedLinearRegression",
    "SketchedRidge",
    "SparseSign",
    "StreamResult",
    "TensorSRHT",
    "UniversalFeatures",
    "backward_error",
    "factor",
    "fwht",
    "huber_regression",
    "leverage_scores",
    "lewis_weights",
    "linf_lstsq",
    "logistic_regression",
    "lp_regression",
    "lp_sensitivities",
    "lstsq",
    "lstsq_stream",
    "minimize_constrained",
    "optimal_least_squares",
    "quantile_regression",
    "root_leverage",
    "sample_rows",
    "sketch",
]


def __getattr__(name: str) -> Any:
    # These need scikit-learn, which is optional.
    if name in ("SketchedLinearRegression", "SketchedRidge"):
        from kriss.sketch._estimators import estimator

        return estimator(name)
    if name in ("CoresetQuantileRegressor", "CoresetHuberRegressor", "CoresetLogisticRegression"):
        from kriss.sketch import _robust_estimators

        return _robust_estimators.estimator(name)
    raise AttributeError(f"module 'kriss.sketch' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
