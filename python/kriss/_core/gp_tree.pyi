"""
Sums and products of covariance functions.
"""
from __future__ import annotations
import numpy
import numpy.typing
import typing
__all__: list[str] = ['contract', 'cross', 'gradient_x', 'symmetric']
def contract(nodes: numpy.typing.NDArray[numpy.int64], leaves: numpy.typing.NDArray[numpy.int64], values: numpy.typing.NDArray[numpy.float64], dim: numpy.typing.NDArray[numpy.int64], scale: numpy.typing.NDArray[numpy.float64], second: numpy.typing.NDArray[numpy.float64], table: numpy.typing.NDArray[numpy.float64], slots: typing.SupportsInt | typing.SupportsIndex, xt: numpy.typing.NDArray[numpy.float64], zt: numpy.typing.NDArray[numpy.float64], how: typing.SupportsInt | typing.SupportsIndex, alpha: numpy.typing.NDArray[numpy.float64], weights: numpy.typing.NDArray[numpy.float64], out: numpy.typing.NDArray[numpy.float64], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    out[slot] = sum of weights times derivatives; how: 0 alpha alpha' - lower triangle (half of it), 1 square, 2 two sets.
    """
def cross(nodes: numpy.typing.NDArray[numpy.int64], leaves: numpy.typing.NDArray[numpy.int64], values: numpy.typing.NDArray[numpy.float64], dim: numpy.typing.NDArray[numpy.int64], scale: numpy.typing.NDArray[numpy.float64], second: numpy.typing.NDArray[numpy.float64], table: numpy.typing.NDArray[numpy.float64], slots: typing.SupportsInt | typing.SupportsIndex, xt: numpy.typing.NDArray[numpy.float64], zt: numpy.typing.NDArray[numpy.float64], out: numpy.typing.NDArray[numpy.float64], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    out = k(x_i, z_j); xt: (d, nx), zt: (d, nz).
    """
def gradient_x(nodes: numpy.typing.NDArray[numpy.int64], leaves: numpy.typing.NDArray[numpy.int64], values: numpy.typing.NDArray[numpy.float64], dim: numpy.typing.NDArray[numpy.int64], scale: numpy.typing.NDArray[numpy.float64], second: numpy.typing.NDArray[numpy.float64], table: numpy.typing.NDArray[numpy.float64], slots: typing.SupportsInt | typing.SupportsIndex, xt: numpy.typing.NDArray[numpy.float64], zt: numpy.typing.NDArray[numpy.float64], out: numpy.typing.NDArray[numpy.float64], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    out = d k(x_i, z_j) / d x_i; xt: (d, nx), zt: (d, nz).
    """
def symmetric(nodes: numpy.typing.NDArray[numpy.int64], leaves: numpy.typing.NDArray[numpy.int64], values: numpy.typing.NDArray[numpy.float64], dim: numpy.typing.NDArray[numpy.int64], scale: numpy.typing.NDArray[numpy.float64], second: numpy.typing.NDArray[numpy.float64], table: numpy.typing.NDArray[numpy.float64], slots: typing.SupportsInt | typing.SupportsIndex, xt: numpy.typing.NDArray[numpy.float64], diagonal: numpy.typing.NDArray[numpy.float64], out: numpy.typing.NDArray[numpy.float64], mirror: bool, workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    out = k(x_i, x_j) + diag(diagonal) in the lower triangle (and the upper one if mirror); xt: (d, n).
    """
