"""
Symmetric Toeplitz matrices.
"""
from __future__ import annotations
import numpy
import numpy.typing
import typing
__all__: list[str] = ['durbin']
def durbin(r: numpy.typing.NDArray[numpy.float64], limit: typing.SupportsFloat | typing.SupportsIndex, error: numpy.typing.NDArray[numpy.float64], x: numpy.typing.NDArray[numpy.float64], workers: typing.SupportsInt | typing.SupportsIndex) -> int:
    """
    error (n): prediction errors; x (n): first column of the inverse. Returns the first k whose error is not above limit, or -1.
    """
