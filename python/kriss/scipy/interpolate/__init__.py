"""Mirrors of `scipy.interpolate`."""

from kriss.scipy.interpolate._cubic import CubicSpline
from kriss.scipy.interpolate._smoothing import make_smoothing_spline

__all__ = ["CubicSpline", "make_smoothing_spline"]
