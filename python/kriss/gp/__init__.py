"""Gaussian-process covariances: assembly, exact factorisation, likelihood and its gradient, prediction, fitting."""

from __future__ import annotations

from typing import Any

from kriss.gp._condition import LinearCondition
from kriss.gp._factor import CovarianceFactor
from kriss.gp._fit import FitResult, fit
from kriss.gp._kernels import RBF, Kernel, Matern, Sum
from kriss.gp._likelihood import log_likelihood
from kriss.gp._results import LeaveOneOut, Prediction
from kriss.gp._structure import factor

__all__ = [
    "RBF",
    "CovarianceFactor",
    "FitResult",
    "GaussianProcessRegressor",
    "Kernel",
    "LeaveOneOut",
    "LinearCondition",
    "Matern",
    "Prediction",
    "Sum",
    "factor",
    "fit",
    "log_likelihood",
]


def __getattr__(name: str) -> Any:
    # It needs scikit-learn, which is optional.
    if name == "GaussianProcessRegressor":
        from kriss.gp._estimator import estimator

        return estimator()
    raise AttributeError(f"module 'kriss.gp' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
