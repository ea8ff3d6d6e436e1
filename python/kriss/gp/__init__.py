"""Gaussian-process covariances: assembly, exact factorisation, likelihood and its gradient, prediction, fitting."""

from kriss.gp._factor import CovarianceFactor, LeaveOneOut, Prediction, factor, log_likelihood
from kriss.gp._fit import FitResult, fit
from kriss.gp._greedy import GreedyResult, greedy_variance
from kriss.gp._grid import Grid, GridFactor, PartialGridFactor, grid
from kriss.gp._iterative import IterativeFactor, iterative
from kriss.gp._kernels import RBF, Kernel, Matern, Sum
from kriss.gp._krylov import Estimate
from kriss.gp._lowrank import LowRankFactor, low_rank
from kriss.gp._vecchia import VecchiaFactor, maximin_order, vecchia

__all__ = [
    "RBF",
    "CovarianceFactor",
    "Estimate",
    "FitResult",
    "GreedyResult",
    "Grid",
    "GridFactor",
    "IterativeFactor",
    "Kernel",
    "LeaveOneOut",
    "LowRankFactor",
    "Matern",
    "PartialGridFactor",
    "Prediction",
    "Sum",
    "VecchiaFactor",
    "factor",
    "fit",
    "greedy_variance",
    "grid",
    "iterative",
    "log_likelihood",
    "low_rank",
    "maximin_order",
    "vecchia",
]
