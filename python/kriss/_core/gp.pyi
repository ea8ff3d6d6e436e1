"""
Gaussian-process covariances.
"""
from __future__ import annotations
import numpy
import numpy.typing
import typing
__all__: list[str] = ['assemble_cross', 'assemble_symmetric', 'cholesky', 'gradient', 'invert', 'invert_triangle', 'pivot_row', 'rcond', 'solve']
@typing.overload
def assemble_cross(kind: numpy.typing.NDArray[numpy.int32], variance: numpy.typing.NDArray[numpy.float64], first: numpy.typing.NDArray[numpy.int64], dim: numpy.typing.NDArray[numpy.int64], inv_lengthscale: numpy.typing.NDArray[numpy.float64], xt: numpy.typing.NDArray[numpy.float64], zt: numpy.typing.NDArray[numpy.float64], out: numpy.typing.NDArray[numpy.float64], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    out = k(x_i, z_j); xt: (d, nx), zt: (d, nz).
    """
@typing.overload
def assemble_cross(kind: numpy.typing.NDArray[numpy.int32], variance: numpy.typing.NDArray[numpy.float32], first: numpy.typing.NDArray[numpy.int64], dim: numpy.typing.NDArray[numpy.int64], inv_lengthscale: numpy.typing.NDArray[numpy.float32], xt: numpy.typing.NDArray[numpy.float32], zt: numpy.typing.NDArray[numpy.float32], out: numpy.typing.NDArray[numpy.float32], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    out = k(x_i, z_j); xt: (d, nx), zt: (d, nz).
    """
@typing.overload
def assemble_symmetric(kind: numpy.typing.NDArray[numpy.int32], variance: numpy.typing.NDArray[numpy.float64], first: numpy.typing.NDArray[numpy.int64], dim: numpy.typing.NDArray[numpy.int64], inv_lengthscale: numpy.typing.NDArray[numpy.float64], xt: numpy.typing.NDArray[numpy.float64], diagonal: numpy.typing.NDArray[numpy.float64], out: numpy.typing.NDArray[numpy.float64], mirror: bool, workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    out = k(x_i, x_j) + diag(diagonal) in the lower triangle (and the upper one if mirror); xt: (d, n).
    """
@typing.overload
def assemble_symmetric(kind: numpy.typing.NDArray[numpy.int32], variance: numpy.typing.NDArray[numpy.float32], first: numpy.typing.NDArray[numpy.int64], dim: numpy.typing.NDArray[numpy.int64], inv_lengthscale: numpy.typing.NDArray[numpy.float32], xt: numpy.typing.NDArray[numpy.float32], diagonal: numpy.typing.NDArray[numpy.float32], out: numpy.typing.NDArray[numpy.float32], mirror: bool, workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    out = k(x_i, x_j) + diag(diagonal) in the lower triangle (and the upper one if mirror); xt: (d, n).
    """
def cholesky(a: numpy.typing.NDArray[numpy.float64], limit: numpy.typing.NDArray[numpy.float64], workers: typing.SupportsInt | typing.SupportsIndex) -> int:
    """
    Lower triangle of a to its Cholesky factor, in place; returns the index of a bad pivot, or -1.
    """
def gradient(kind: numpy.typing.NDArray[numpy.int32], variance: numpy.typing.NDArray[numpy.float64], first: numpy.typing.NDArray[numpy.int64], dim: numpy.typing.NDArray[numpy.int64], inv_lengthscale: numpy.typing.NDArray[numpy.float64], xt: numpy.typing.NDArray[numpy.float64], alpha: numpy.typing.NDArray[numpy.float64], inverse: numpy.typing.NDArray[numpy.float64], noise: numpy.typing.NDArray[numpy.float64], out: numpy.typing.NDArray[numpy.float64], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    Gradient of the log-likelihood in the log-parameters; inverse: lower triangle of K^-1.
    """
def invert(a: numpy.typing.NDArray[numpy.float64], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    Lower triangle L of a to that of (L L')^-1, in place.
    """
def invert_triangle(a: numpy.typing.NDArray[numpy.float64], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    Lower triangle L of a to L^-1, in place.
    """
def pivot_row(rows: numpy.typing.NDArray[numpy.float64], pivot: typing.SupportsInt | typing.SupportsIndex, scale: typing.SupportsFloat | typing.SupportsIndex, row: numpy.typing.NDArray[numpy.float64], variance: numpy.typing.NDArray[numpy.float64], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    row = (row - rows[:, pivot] @ rows) / scale, variance = max(variance - row**2, 0); rows: (t, n).
    """
def rcond(a: numpy.typing.NDArray[numpy.float64], norm: typing.SupportsFloat | typing.SupportsIndex) -> float:
    """
    Reciprocal condition number of L L' in the 1-norm.
    """
def solve(a: numpy.typing.NDArray[numpy.float64], b: numpy.typing.NDArray[numpy.float64], half: bool, workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    Rows of b to (L L')^-1 b, or to L^-1 b if half, in place.
    """
