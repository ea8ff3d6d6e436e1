"""The covariance functions, gathered."""

from __future__ import annotations

from kriss.gp._additive import Additive, ComponentCache, random_tree_groups
from kriss.gp._base import Array, Bounds, Kernel, points, transposed
from kriss.gp._base import bounds_pair as _bounds
from kriss.gp._dot import Constant, Linear, Polynomial, White
from kriss.gp._forms import Flat, Form
from kriss.gp._joined import Sum
from kriss.gp._product import Power, Product
from kriss.gp._python_kernel import PythonKernel
from kriss.gp._spectral import Periodic, SpectralMixture
from kriss.gp._stationary import RBF, Matern, RationalQuadratic, Stationary

__all__ = [
    "RBF",
    "Additive",
    "Array",
    "Bounds",
    "ComponentCache",
    "Constant",
    "Flat",
    "Form",
    "Kernel",
    "Linear",
    "Matern",
    "Periodic",
    "Polynomial",
    "Power",
    "Product",
    "PythonKernel",
    "RationalQuadratic",
    "SpectralMixture",
    "Stationary",
    "Sum",
    "White",
    "_bounds",
    "points",
    "random_tree_groups",
    "transposed",
]
