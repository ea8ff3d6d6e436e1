"""
Scores of rows.
"""
from __future__ import annotations
import numpy
import numpy.typing
import typing
__all__: list[str] = ['score_rows']
def score_rows(a: numpy.typing.NDArray[numpy.float64], precond: numpy.typing.NDArray[numpy.float64], squares: numpy.typing.NDArray[numpy.float64], gram: numpy.typing.NDArray[numpy.float64], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    Squared norms of the rows of a precond, and its Gram matrix if gram is not empty.
    """
