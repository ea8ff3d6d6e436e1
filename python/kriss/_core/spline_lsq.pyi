"""
Least-squares splines.
"""
from __future__ import annotations
import numpy
import numpy.typing
import typing
__all__: list[str] = ['MAX_DEGREE', 'inverse', 'leverage', 'penalised', 'penalty', 'place', 'solve']
def inverse(r: numpy.typing.NDArray[numpy.float64], z: numpy.typing.NDArray[numpy.float64]) -> None:
    """
    Band z of the inverse of r'r.
    """
def leverage(x: numpy.typing.NDArray[numpy.float64], w: numpy.typing.NDArray[numpy.float64], t: numpy.typing.NDArray[numpy.float64], k: typing.SupportsInt | typing.SupportsIndex, z: numpy.typing.NDArray[numpy.float64], leverage: numpy.typing.NDArray[numpy.float64], block: numpy.typing.NDArray[numpy.float64], workers: typing.SupportsInt | typing.SupportsIndex) -> int:
    """
    Leverage of every point.
    """
def penalised(r: numpy.typing.NDArray[numpy.float64], q: numpy.typing.NDArray[numpy.float64], p: numpy.typing.NDArray[numpy.float64], lam: numpy.typing.NDArray[numpy.float64], edf: numpy.typing.NDArray[numpy.float64], rss: numpy.typing.NDArray[numpy.float64], rough: numpy.typing.NDArray[numpy.float64], logdet: numpy.typing.NDArray[numpy.float64], c: numpy.typing.NDArray[numpy.float64], z: numpy.typing.NDArray[numpy.float64], work: numpy.typing.NDArray[numpy.float64], workers: typing.SupportsInt | typing.SupportsIndex) -> int:
    """
    Penalised fits for every lam; coefficients and band of the inverse for the last.
    """
def penalty(t: numpy.typing.NDArray[numpy.float64], k: typing.SupportsInt | typing.SupportsIndex, nu: typing.SupportsInt | typing.SupportsIndex, nodes: numpy.typing.NDArray[numpy.float64], weights: numpy.typing.NDArray[numpy.float64], p: numpy.typing.NDArray[numpy.float64]) -> None:
    """
    Rows of the penalty on derivative nu.
    """
def place(x: numpy.typing.NDArray[numpy.float64], y: numpy.typing.NDArray[numpy.float64], w: numpy.typing.NDArray[numpy.float64], k: typing.SupportsInt | typing.SupportsIndex, starts: numpy.typing.NDArray[numpy.float64], rounds: typing.SupportsInt | typing.SupportsIndex, polished: typing.SupportsInt | typing.SupportsIndex, sweeps: typing.SupportsInt | typing.SupportsIndex, iterations: typing.SupportsInt | typing.SupportsIndex, relocations: typing.SupportsInt | typing.SupportsIndex, knots: numpy.typing.NDArray[numpy.float64], workers: typing.SupportsInt | typing.SupportsIndex) -> tuple[float, int]:
    """
    Interior knots from the starts (count, number); returns their sum of squares and the solutions computed.
    """
def solve(x: numpy.typing.NDArray[numpy.float64], y: numpy.typing.NDArray[numpy.float64], w: numpy.typing.NDArray[numpy.float64], t: numpy.typing.NDArray[numpy.float64], k: typing.SupportsInt | typing.SupportsIndex, r: numpy.typing.NDArray[numpy.float64], q: numpy.typing.NDArray[numpy.float64], rss: numpy.typing.NDArray[numpy.float64], c: numpy.typing.NDArray[numpy.float64], block: numpy.typing.NDArray[numpy.float64], workers: typing.SupportsInt | typing.SupportsIndex) -> tuple[int, int]:
    """
    Least-squares spline on knots t; returns a status and a coefficient.
    """
MAX_DEGREE: int = 15
