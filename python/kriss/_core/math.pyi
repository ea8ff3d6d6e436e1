"""
Elementary functions and the counter-based generator.
"""
from __future__ import annotations
import numpy
import numpy.typing
import typing
__all__: list[str] = ['triad']
def triad(s: typing.SupportsFloat | typing.SupportsIndex, b: numpy.typing.NDArray[numpy.float64], c: numpy.typing.NDArray[numpy.float64], a: numpy.typing.NDArray[numpy.float64], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    a = b + s * c: the yardstick of memory bandwidth.
    """
