"""
One-dimensional Matern series.
"""
from __future__ import annotations
import numpy
import numpy.typing
import typing
__all__: list[str] = ['adjoint', 'draw', 'filter', 'information', 'likelihood', 'means', 'multiply', 'predict']
def adjoint(order: numpy.typing.NDArray[numpy.int32], variance: numpy.typing.NDArray[numpy.float64], rate: numpy.typing.NDArray[numpy.float64], t: numpy.typing.NDArray[numpy.float64], tau: numpy.typing.NDArray[numpy.float64], pred: numpy.typing.NDArray[numpy.float64], sigma: numpy.typing.NDArray[numpy.float64], error: numpy.typing.NDArray[numpy.float64], alpha: numpy.typing.NDArray[numpy.float64], score: numpy.typing.NDArray[numpy.float64], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    alpha (k, n) = K^-1 y; score (k, n, S) or empty.
    """
def draw(order: numpy.typing.NDArray[numpy.int32], variance: numpy.typing.NDArray[numpy.float64], rate: numpy.typing.NDArray[numpy.float64], t: numpy.typing.NDArray[numpy.float64], tau: numpy.typing.NDArray[numpy.float64], pred: numpy.typing.NDArray[numpy.float64], sigma: numpy.typing.NDArray[numpy.float64], z: numpy.typing.NDArray[numpy.float64], out: numpy.typing.NDArray[numpy.float64], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    out (k, n): draws with covariance K from standard normal z.
    """
def filter(order: numpy.typing.NDArray[numpy.int32], variance: numpy.typing.NDArray[numpy.float64], rate: numpy.typing.NDArray[numpy.float64], t: numpy.typing.NDArray[numpy.float64], tau: numpy.typing.NDArray[numpy.float64], pred: numpy.typing.NDArray[numpy.float64], sigma: numpy.typing.NDArray[numpy.float64], workers: typing.SupportsInt | typing.SupportsIndex) -> int:
    """
    pred (n, T), sigma (n): the filter; returns the first point without a positive variance, or -1.
    """
def information(order: numpy.typing.NDArray[numpy.int32], variance: numpy.typing.NDArray[numpy.float64], rate: numpy.typing.NDArray[numpy.float64], t: numpy.typing.NDArray[numpy.float64], tau: numpy.typing.NDArray[numpy.float64], pred: numpy.typing.NDArray[numpy.float64], sigma: numpy.typing.NDArray[numpy.float64], diagonal: numpy.typing.NDArray[numpy.float64], info: numpy.typing.NDArray[numpy.float64], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    diagonal (n) of K^-1; info (n, S, S) or empty.
    """
def likelihood(order: numpy.typing.NDArray[numpy.int32], variance: numpy.typing.NDArray[numpy.float64], rate: numpy.typing.NDArray[numpy.float64], t: numpy.typing.NDArray[numpy.float64], tau: numpy.typing.NDArray[numpy.float64], y: numpy.typing.NDArray[numpy.float64], offset: numpy.typing.NDArray[numpy.int64], value: numpy.typing.NDArray[numpy.float64], gradient: numpy.typing.NDArray[numpy.float64], bad: numpy.typing.NDArray[numpy.int64], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    value (count, 2): log-determinant and quadratic form of each series; gradient (count, p) or empty.
    """
def means(order: numpy.typing.NDArray[numpy.int32], variance: numpy.typing.NDArray[numpy.float64], rate: numpy.typing.NDArray[numpy.float64], t: numpy.typing.NDArray[numpy.float64], tau: numpy.typing.NDArray[numpy.float64], pred: numpy.typing.NDArray[numpy.float64], sigma: numpy.typing.NDArray[numpy.float64], y: numpy.typing.NDArray[numpy.float64], error: numpy.typing.NDArray[numpy.float64], mean: numpy.typing.NDArray[numpy.float64], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    error (k, n): innovations; mean (k, n, S) or empty.
    """
def multiply(order: numpy.typing.NDArray[numpy.int32], variance: numpy.typing.NDArray[numpy.float64], rate: numpy.typing.NDArray[numpy.float64], t: numpy.typing.NDArray[numpy.float64], x: numpy.typing.NDArray[numpy.float64], out: numpy.typing.NDArray[numpy.float64], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    out_i = sum over j <= i of k(t_i, t_j) x_j.
    """
def predict(order: numpy.typing.NDArray[numpy.int32], variance: numpy.typing.NDArray[numpy.float64], rate: numpy.typing.NDArray[numpy.float64], t: numpy.typing.NDArray[numpy.float64], tau: numpy.typing.NDArray[numpy.float64], pred: numpy.typing.NDArray[numpy.float64], sigma: numpy.typing.NDArray[numpy.float64], mean: numpy.typing.NDArray[numpy.float64], error: numpy.typing.NDArray[numpy.float64], score: numpy.typing.NDArray[numpy.float64], info: numpy.typing.NDArray[numpy.float64], ts: numpy.typing.NDArray[numpy.float64], after: numpy.typing.NDArray[numpy.int64], out: numpy.typing.NDArray[numpy.float64], var: numpy.typing.NDArray[numpy.float64], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    Posterior mean and variance (or empty) at ts; after: how many of t are at or before each.
    """
