"""Mirrors of `scipy.interpolate`."""

from kriss.scipy.interpolate._bspline import BSpline, make_interp_spline
from kriss.scipy.interpolate._cubic import CubicSpline
from kriss.scipy.interpolate._fitpack import (
    InterpolatedUnivariateSpline,
    LSQUnivariateSpline,
    UnivariateSpline,
    splev,
    splrep,
)
from kriss.scipy.interpolate._local import Akima1DInterpolator, PchipInterpolator
from kriss.scipy.interpolate._lsq import make_lsq_spline
from kriss.scipy.interpolate._ppoly import PPoly
from kriss.scipy.interpolate._smoothing import make_smoothing_spline

__all__ = [
    "Akima1DInterpolator",
    "BSpline",
    "CubicSpline",
    "InterpolatedUnivariateSpline",
    "LSQUnivariateSpline",
    "PPoly",
    "PchipInterpolator",
    "UnivariateSpline",
    "make_interp_spline",
    "make_lsq_spline",
    "make_smoothing_spline",
    "splev",
    "splrep",
]
