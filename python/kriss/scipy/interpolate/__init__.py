"""Mirrors of `scipy.interpolate`."""

from kriss.scipy.interpolate._cubic import CubicSpline

__all__ = ["CubicSpline"]
