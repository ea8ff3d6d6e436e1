"""Splines: cubic interpolation, adaptive knots, least-squares fits, and fast evaluation in any order.

`cubic` interpolates given data, `interpolate` chooses where to sample a function, `fit` places knots for noisy data.
All return objects that are called like functions and never change.
"""

from kriss.spline._adaptive import AdaptiveSpline, interpolate
from kriss.spline._bspline import interpolant
from kriss.spline._cubic import cubic
from kriss.spline._fit import SplineFit, fit
from kriss.spline._spline import Spline

__all__ = ["AdaptiveSpline", "Spline", "SplineFit", "cubic", "fit", "interpolant", "interpolate"]
