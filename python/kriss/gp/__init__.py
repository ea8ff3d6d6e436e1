"""Gaussian-process covariances: assembly, exact factorisation, likelihood and its gradient, prediction, fitting."""

from kriss.gp._factor import CovarianceFactor, LeaveOneOut, Prediction, factor, log_likelihood
from kriss.gp._fit import FitResult, fit
from kriss.gp._kernels import RBF, Kernel, Matern, Sum
from kriss.gp._series import series_log_likelihood

__all__ = [
    "RBF",
    "CovarianceFactor",
    "FitResult",
    "Kernel",
    "LeaveOneOut",
    "Matern",
    "Prediction",
    "Sum",
    "factor",
    "fit",
    "log_likelihood",
    "series_log_likelihood",
]
