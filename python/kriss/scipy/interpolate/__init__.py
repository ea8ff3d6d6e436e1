"""Mirrors of `scipy.interpolate`."""

from kriss.scipy.interpolate._cubic import CubicSpline
from kriss.scipy.interpolate._local import Akima1DInterpolator, PchipInterpolator
from kriss.scipy.interpolate._ppoly import PPoly
from kriss.scipy.interpolate._smoothing import make_smoothing_spline

__all__ = [
    "Akima1DInterpolator",
    "CubicSpline",
    "PPoly",
    "PchipInterpolator",
    "make_smoothing_spline",
]
