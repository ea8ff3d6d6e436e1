"""
Passes over the rows of tall matrices.
"""
from __future__ import annotations
import numpy
import numpy.typing
import typing
__all__: list[str] = ['lewis_step', 'loss_pass', 'pick_rows', 'single_scores']
def lewis_step(a: numpy.typing.NDArray[numpy.float64], precond: numpy.typing.NDArray[numpy.float64], logw: numpy.typing.NDArray[numpy.float64], gram: numpy.typing.NDArray[numpy.float64], p: typing.SupportsFloat | typing.SupportsIndex, relax: typing.SupportsFloat | typing.SupportsIndex, workers: typing.SupportsInt | typing.SupportsIndex) -> float:
    """
    A relaxed step of the logarithms of the Lewis weights; the next Gram matrix; returns the largest change.
    """
def loss_pass(a: numpy.typing.NDArray[numpy.float64], x: numpy.typing.NDArray[numpy.float64], b: numpy.typing.NDArray[numpy.float64], w: numpy.typing.NDArray[numpy.float64], loss: typing.SupportsInt | typing.SupportsIndex, parameters: numpy.typing.NDArray[numpy.float64], t: numpy.typing.NDArray[numpy.float64], u: numpy.typing.NDArray[numpy.float64], d: numpy.typing.NDArray[numpy.float64], cross: numpy.typing.NDArray[numpy.float64], gram: numpy.typing.NDArray[numpy.float64], slope: numpy.typing.NDArray[numpy.float64], mixed: numpy.typing.NDArray[numpy.float64], scalars: numpy.typing.NDArray[numpy.float64], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    t = a x, derivatives of a loss, and their sums: value, gradient, curvature.
    """
def pick_rows(weights: numpy.typing.NDArray[numpy.float64], marks: numpy.typing.NDArray[numpy.float64], rows: numpy.typing.NDArray[numpy.int64], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    For ascending marks the rows at which the running sum of the weights passes them.
    """
def single_scores(a: numpy.typing.NDArray[numpy.float64], precond: numpy.typing.NDArray[numpy.float32], squares: numpy.typing.NDArray[numpy.float64], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    Squared norms of the rows of a precond, in single precision.
    """
