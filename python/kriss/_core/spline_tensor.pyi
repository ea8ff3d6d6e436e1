"""
Tensor-product splines.
"""
from __future__ import annotations
import numpy
import numpy.typing
import typing
__all__: list[str] = ['basis', 'contract', 'scattered', 'solve', 'weights']
def basis(t: numpy.typing.NDArray[numpy.float64], at: numpy.typing.NDArray[numpy.int32], out: numpy.typing.NDArray[numpy.float64]) -> None:
    """
    The B-splines of each cell, which begins at knot number at (cells) of t, as polynomials: out (cells, K, K).
    """
def contract(a: numpy.typing.NDArray[numpy.float64], w: numpy.typing.NDArray[numpy.float64], first: numpy.typing.NDArray[numpy.int32], out: numpy.typing.NDArray[numpy.float64], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    out[o, j, :] = sum over b of w[j, b] a[o, first[j] + b, :].
    """
def scattered(x: numpy.typing.NDArray[numpy.float64], xtable: numpy.typing.NDArray[numpy.int32], xmap: typing.SupportsInt | typing.SupportsIndex, xstart: numpy.typing.NDArray[numpy.int32], xbasis: numpy.typing.NDArray[numpy.float64], y: numpy.typing.NDArray[numpy.float64], ytable: numpy.typing.NDArray[numpy.int32], ymap: typing.SupportsInt | typing.SupportsIndex, ystart: numpy.typing.NDArray[numpy.int32], ybasis: numpy.typing.NDArray[numpy.float64], c: numpy.typing.NDArray[numpy.float64], qx: numpy.typing.NDArray[numpy.float64], qy: numpy.typing.NDArray[numpy.float64], nux: typing.SupportsInt | typing.SupportsIndex, nuy: typing.SupportsInt | typing.SupportsIndex, beyond: typing.SupportsInt | typing.SupportsIndex, out: numpy.typing.NDArray[numpy.float64], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    Derivative (nux, nuy) of the tensor-product spline c (nx, ny, m) at (qx, qy) (points) into out (points, m).
    """
def solve(w: numpy.typing.NDArray[numpy.float64], first: numpy.typing.NDArray[numpy.int32], band: numpy.typing.NDArray[numpy.float64], b: numpy.typing.NDArray[numpy.float64], workers: typing.SupportsInt | typing.SupportsIndex) -> int:
    """
    Solve the collocation system with rows w (n, K) for b (n, columns), in place.
    """
def weights(x: numpy.typing.NDArray[numpy.float64], table: numpy.typing.NDArray[numpy.int32], map: typing.SupportsInt | typing.SupportsIndex, start: numpy.typing.NDArray[numpy.int32], basis: numpy.typing.NDArray[numpy.float64], q: numpy.typing.NDArray[numpy.float64], nu: typing.SupportsInt | typing.SupportsIndex, beyond: typing.SupportsInt | typing.SupportsIndex, w: numpy.typing.NDArray[numpy.float64], first: numpy.typing.NDArray[numpy.int32], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    Derivative nu of the B-splines of one axis that do not vanish at q (points) into w (points, K).
    """
