"""Gaussian-process covariances: assembly, exact factorisation, likelihood and its gradient, prediction, fitting."""

from __future__ import annotations

from typing import Any

from kriss.gp import acquisition
from kriss.gp._axes import Grid
from kriss.gp._bo import Optimizer
from kriss.gp._bo_delayed import DelayedBatches
from kriss.gp._bo_minimize import minimize
from kriss.gp._bo_result import MinimizeResult
from kriss.gp._cokriging import CoKriging, co_kriging
from kriss.gp._condition import LinearCondition
from kriss.gp._cox import CoxProcess, cox_process
from kriss.gp._factor import CovarianceFactor
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
from kriss.gp._likelihood import log_likelihood
from kriss.gp._lowrank import LowRankFactor, low_rank
from kriss.gp._pde import PDESolution, solve_pde
from kriss.gp._replicates import ReplicatesFactor
from kriss.gp._results import LeaveOneOut, Prediction
from kriss.gp._series import SeriesFactor
from kriss.gp._series_batch import series_log_likelihood
from kriss.gp._structure import factor
from kriss.gp._toeplitz import ToeplitzFactor
from kriss.gp._vecchia import VecchiaFactor, vecchia
from kriss.gp._vecchia_order import maximin_order

__all__ = [
    "RBF",
    "Additive",
    "CoKriging",
    "ComponentCache",
    "Constant",
    "CovarianceFactor",
    "CoxProcess",
    "DelayedBatches",
    "Estimate",
    "FitResult",
    "GaussianProcessRegressor",
    "GreedyResult",
    "Grid",
    "GridFactor",
    "IterativeFactor",
    "Kernel",
    "LeaveOneOut",
    "Linear",
    "LinearCondition",
    "LowRankFactor",
    "Matern",
    "MinimizeResult",
    "Optimizer",
    "PDESolution",
    "PartialGridFactor",
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
    "VecchiaFactor",
    "White",
    "acquisition",
    "co_kriging",
    "cox_process",
    "factor",
    "fit",
    "greedy_variance",
    "grid",
    "iterative",
    "log_likelihood",
    "low_rank",
    "maximin_order",
    "minimize",
    "random_tree_groups",
    "series_log_likelihood",
    "solve_pde",
    "vecchia",
]


def __getattr__(name: str) -> Any:
    # It needs scikit-learn, which is optional.
    if name == "GaussianProcessRegressor":
        from kriss.gp._estimator import estimator

        return estimator()
    raise AttributeError(f"module 'kriss.gp' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
