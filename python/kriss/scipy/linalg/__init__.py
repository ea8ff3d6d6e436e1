"""Mirrors of `scipy.linalg`."""

from kriss.scipy.linalg._lstsq import lstsq

__all__ = ["lstsq"]
