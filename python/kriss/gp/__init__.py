"""Gaussian-process covariances: assembly, exact factorisation, likelihood and its gradient, prediction, fitting."""

from __future__ import annotations

from typing import Any

from kriss.gp._condition import LinearCondition
from kriss.gp._factor import CovarianceFactor
from kriss.gp._fit import FitResult, fit
from kriss.gp._kernels import (
    RBF,
    Additive,
    ComponentCache,
    Constant,
    Kernel,
    Linear,
    Matern,
    Periodic,
    Polynomial,
    Power,
    Product,
    PythonKernel,
    RationalQuadratic,
    SpectralMixture,
    Sum,
    White,
    random_tree_groups,
)
from kriss.gp._likelihood import log_likelihood
from kriss.gp._replicates import ReplicatesFactor
from kriss.gp._results import LeaveOneOut, Prediction
from kriss.gp._series import SeriesFactor, series_log_likelihood
from kriss.gp._structure import factor
from kriss.gp._toeplitz import ToeplitzFactor

__all__ = [
    "RBF",
    "Additive",
    "ComponentCache",
    "Constant",
    "CovarianceFactor",
    "FitResult",
    "GaussianProcessRegressor",
    "Kernel",
    "LeaveOneOut",
    "Linear",
    "LinearCondition",
    "Matern",
    "Periodic",
    "Polynomial",
    "Power",
    "Prediction",
    "Product",
    "PythonKernel",
    "RationalQuadratic",
    "ReplicatesFactor",
    "SeriesFactor",
    "SpectralMixture",
    "Sum",
    "ToeplitzFactor",
    "White",
    "factor",
    "fit",
    "log_likelihood",
    "random_tree_groups",
    "series_log_likelihood",
]


def __getattr__(name: str) -> Any:
    # It needs scikit-learn, which is optional.
    if name == "GaussianProcessRegressor":
        from kriss.gp._estimator import estimator

        return estimator()
    raise AttributeError(f"module 'kriss.gp' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
