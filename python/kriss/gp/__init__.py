"""Gaussian-process covariances: assembly, exact factorisation, likelihood and its gradient, prediction, fitting."""

from kriss.gp._axes import Grid
from kriss.gp._factor import CovarianceFactor, LeaveOneOut, Prediction, factor, log_likelihood
from kriss.gp._fit import FitResult, fit
from kriss.gp._greedy import GreedyResult, greedy_variance
from kriss.gp._grid import GridFactor, PartialGridFactor, grid
from kriss.gp._iterative import IterativeFactor, iterative
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
from kriss.gp._krylov import Estimate
from kriss.gp._lowrank import LowRankFactor, low_rank
from kriss.gp._vecchia import VecchiaFactor, maximin_order, vecchia

__all__ = [
    "RBF",
    "Additive",
    "ComponentCache",
    "Constant",
    "CovarianceFactor",
    "Estimate",
    "FitResult",
    "GreedyResult",
    "Grid",
    "GridFactor",
    "IterativeFactor",
    "Kernel",
    "LeaveOneOut",
    "Linear",
    "LowRankFactor",
    "Matern",
    "PartialGridFactor",
    "Periodic",
    "Polynomial",
    "Power",
    "Prediction",
    "Product",
    "PythonKernel",
    "RationalQuadratic",
    "SpectralMixture",
    "Sum",
    "VecchiaFactor",
    "White",
    "factor",
    "fit",
    "greedy_variance",
    "grid",
    "iterative",
    "log_likelihood",
    "low_rank",
    "maximin_order",
    "random_tree_groups",
    "vecchia",
]
