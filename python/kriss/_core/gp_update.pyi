"""
Covariance factors that gain and lose rows.
"""
from __future__ import annotations
import numpy
import numpy.typing
import typing
__all__: list[str] = ['drop', 'solve']
def drop(a: numpy.typing.NDArray[numpy.float64], keep: numpy.typing.NDArray[numpy.int64], lost: numpy.typing.NDArray[numpy.int64], out: numpy.typing.NDArray[numpy.float64], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    Lower triangle of out: the factor of K without the rows `lost`; `keep`: the others.
    """
def solve(a: numpy.typing.NDArray[numpy.float64], b: numpy.typing.NDArray[numpy.float64], half: bool, workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    Rows of b (rhs, n) to (L L')^-1 b, or to L^-1 b if half, in place; L: the first n rows and columns of a.
    """
