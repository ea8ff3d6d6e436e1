"""Gaussian-process covariances: assembly, exact factorisation, likelihood and its gradient, prediction, fitting."""

from kriss.gp._factor import CovarianceFactor, LeaveOneOut, Prediction, factor, log_likelihood
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
from kriss.gp._replicates import ReplicatesFactor
from kriss.gp._series import SeriesFactor, series_log_likelihood
from kriss.gp._toeplitz import ToeplitzFactor

__all__ = [
    "RBF",
    "Additive",
    "ComponentCache",
    "Constant",
    "CovarianceFactor",
    "FitResult",
    "Kernel",
    "LeaveOneOut",
    "Linear",
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
