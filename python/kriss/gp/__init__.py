"""Gaussian-process covariances: assembly, exact factorisation, likelihood and its gradient, prediction, fitting."""

from kriss.gp._factor import CovarianceFactor, LeaveOneOut, Prediction, factor, log_likelihood
from kriss.gp._fit import FitResult, fit
from kriss.gp._greedy import GreedyResult, greedy_variance
from kriss.gp._kernels import RBF, Kernel, Matern, Sum
from kriss.gp._vecchia import VecchiaFactor, maximin_order, vecchia

__all__ = [
    "RBF",
    "CovarianceFactor",
    "FitResult",
    "GreedyResult",
    "Kernel",
    "LeaveOneOut",
    "Matern",
    "Prediction",
    "Sum",
    "VecchiaFactor",
    "factor",
    "fit",
    "greedy_variance",
    "log_likelihood",
    "maximin_order",
    "vecchia",
]
