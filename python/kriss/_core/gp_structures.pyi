"""
Approximate and matrix-free covariances.
"""
from __future__ import annotations
import numpy
import numpy.typing
import typing
__all__: list[str] = ['maximin', 'nearest', 'product', 'vecchia_factor', 'vecchia_gradient', 'vecchia_residual', 'vecchia_substitute']
def maximin(x: numpy.typing.NDArray[numpy.float64], centre: numpy.typing.NDArray[numpy.float64], order: numpy.typing.NDArray[numpy.int64], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    The order in which each point is the one farthest from all before it; x: (n, d).
    """
def nearest(x: numpy.typing.NDArray[numpy.float64], z: numpy.typing.NDArray[numpy.float64], before: bool, near: numpy.typing.NDArray[numpy.int64], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    The points of x (n, d) nearest to each of z (count, d), of the first i only if before.
    """
def product(kind: numpy.typing.NDArray[numpy.int32], variance: numpy.typing.NDArray[numpy.float64], first: numpy.typing.NDArray[numpy.int64], dim: numpy.typing.NDArray[numpy.int64], inv_lengthscale: numpy.typing.NDArray[numpy.float64], xt: numpy.typing.NDArray[numpy.float64], zt: numpy.typing.NDArray[numpy.float64], vt: numpy.typing.NDArray[numpy.float64], out: numpy.typing.NDArray[numpy.float64], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    out = K(x, z) V without the matrix; vt: (k, nz), the columns of V.
    """
def vecchia_factor(kind: numpy.typing.NDArray[numpy.int32], variance: numpy.typing.NDArray[numpy.float64], first: numpy.typing.NDArray[numpy.int64], dim: numpy.typing.NDArray[numpy.int64], inv_lengthscale: numpy.typing.NDArray[numpy.float64], xt: numpy.typing.NDArray[numpy.float64], zt: numpy.typing.NDArray[numpy.float64], noise: numpy.typing.NDArray[numpy.float64], own: numpy.typing.NDArray[numpy.float64], near: numpy.typing.NDArray[numpy.int64], b: numpy.typing.NDArray[numpy.float64], v: numpy.typing.NDArray[numpy.float64], workers: typing.SupportsInt | typing.SupportsIndex) -> int:
    """
    Weights b and variances v of each point of zt given its neighbours; returns a bad point, or -1.
    """
def vecchia_gradient(kind: numpy.typing.NDArray[numpy.int32], variance: numpy.typing.NDArray[numpy.float64], first: numpy.typing.NDArray[numpy.int64], dim: numpy.typing.NDArray[numpy.int64], inv_lengthscale: numpy.typing.NDArray[numpy.float64], xt: numpy.typing.NDArray[numpy.float64], noise: numpy.typing.NDArray[numpy.float64], near: numpy.typing.NDArray[numpy.int64], y: numpy.typing.NDArray[numpy.float64], out: numpy.typing.NDArray[numpy.float64], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    Gradient of the sum of conditional log-densities in the log-parameters, then in the log-noise.
    """
def vecchia_residual(near: numpy.typing.NDArray[numpy.int64], b: numpy.typing.NDArray[numpy.float64], y: numpy.typing.NDArray[numpy.float64], e: numpy.typing.NDArray[numpy.float64], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    Rows of e = (I - B) y.
    """
def vecchia_substitute(near: numpy.typing.NDArray[numpy.int64], b: numpy.typing.NDArray[numpy.float64], z: numpy.typing.NDArray[numpy.float64], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    Rows of z to (I - B)^-1 z, in place.
    """
