"""
A network over the graph of a factor.
"""
from __future__ import annotations
import numpy
import numpy.typing
import typing
__all__: list[str] = ['convolve', 'network']
def convolve(x: numpy.typing.NDArray[numpy.float32], w: numpy.typing.NDArray[numpy.float32], b: numpy.typing.NDArray[numpy.float32], rectify: bool, out: numpy.typing.NDArray[numpy.float32], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    Three by three points, between margins that are left alone.
    """
def network(indptr: numpy.typing.NDArray[numpy.int32], row: numpy.typing.NDArray[numpy.int32], column: numpy.typing.NDArray[numpy.int32], starts: numpy.typing.NDArray[numpy.int32], places: numpy.typing.NDArray[numpy.int32], lost: numpy.typing.NDArray[numpy.int32], with_: numpy.typing.NDArray[numpy.int32], weight: numpy.typing.NDArray[numpy.float32], fn: numpy.typing.NDArray[numpy.float32], fe: numpy.typing.NDArray[numpy.float32], net: numpy.typing.NDArray[numpy.float32], rounds: typing.SupportsInt | typing.SupportsIndex, node: numpy.typing.NDArray[numpy.float32], edge: numpy.typing.NDArray[numpy.float32], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    One number per node and per edge from their features, by rounds of messages.
    """
