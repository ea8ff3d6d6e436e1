"""Splines: interpolation, adaptive knots, least-squares fits, and fast evaluation in any order.

`cubic` and `interpolant` pass through given data, `interpolate` chooses where to sample a function, `fit` places knots
for noisy data. All return objects that are called like functions and never change.
"""

from kriss.spline._adaptive import interpolate
from kriss.spline._adaptive2d import AdaptiveSpline2D, Certificate2D, Suspect2D, interpolate2d
from kriss.spline._breaks import Suspect
from kriss.spline._bspline import interpolant
from kriss.spline._certificate import Certificate
from kriss.spline._cubic import cubic
from kriss.spline._fit import fit
from kriss.spline._fit_result import SplineFit
from kriss.spline._hermite import akima, hermite, pchip
from kriss.spline._result import AdaptiveSpline
from kriss.spline._sampler import Sampler
from kriss.spline._spline import Spline
from kriss.spline._tensor import TensorSpline, tensor_interpolate

__all__ = [
    "AdaptiveSpline",
    "AdaptiveSpline2D",
    "Certificate",
    "Certificate2D",
    "Sampler",
    "Spline",
    "SplineFit",
    "Suspect",
    "Suspect2D",
    "TensorSpline",
    "akima",
    "cubic",
    "fit",
    "hermite",
    "interpolant",
    "interpolate",
    "interpolate2d",
    "pchip",
    "tensor_interpolate",
]
