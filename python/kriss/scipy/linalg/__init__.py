"""Mirrors of `scipy.linalg`."""

from kriss.scipy.linalg._lstsq import lstsq
from kriss.scipy.linalg._sketches import clarkson_woodruff_transform

__all__ = ["clarkson_woodruff_transform", "lstsq"]
