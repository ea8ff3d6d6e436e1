"""
Networks that return a search direction.
"""
from __future__ import annotations
import numpy
import numpy.typing
import typing
__all__: list[str] = ['run']
def run(steps: numpy.typing.NDArray[numpy.int64], weights: numpy.typing.NDArray[numpy.float32], sizes: numpy.typing.NDArray[numpy.int64], flat: bool, fields: numpy.typing.NDArray[numpy.float32], cells: numpy.typing.NDArray[numpy.int64], r: numpy.typing.NDArray[numpy.float64], out: numpy.typing.NDArray[numpy.float64], scale: typing.SupportsFloat | typing.SupportsIndex, room: numpy.typing.NDArray[numpy.float32], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    out = scale |r| f(r / |r|); steps: kind, level, inputs, outputs, rectify, offsets of in, skip, w, b, slopes, out.
    """
