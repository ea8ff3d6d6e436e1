"""
Smoothing splines.
"""
from __future__ import annotations
import numpy
import numpy.typing
import typing
__all__: list[str] = ['fit', 'scan']
def fit(h: numpy.typing.NDArray[numpy.float64], rw: numpy.typing.NDArray[numpy.float64], y: numpy.typing.NDArray[numpy.float64], lam: typing.SupportsFloat | typing.SupportsIndex, f: numpy.typing.NDArray[numpy.float64], g: numpy.typing.NDArray[numpy.float64], leverage: numpy.typing.NDArray[numpy.float64], work: numpy.typing.NDArray[numpy.float64], workers: typing.SupportsInt | typing.SupportsIndex) -> int:
    """
    Values f, second derivatives g and leverage of the smoothing spline for one lam; returns a status.
    """
def scan(h: numpy.typing.NDArray[numpy.float64], rw: numpy.typing.NDArray[numpy.float64], vr: numpy.typing.NDArray[numpy.float64], y: numpy.typing.NDArray[numpy.float64], lam: numpy.typing.NDArray[numpy.float64], edf: numpy.typing.NDArray[numpy.float64], rss: numpy.typing.NDArray[numpy.float64], energy: numpy.typing.NDArray[numpy.float64], logdet: numpy.typing.NDArray[numpy.float64], work: numpy.typing.NDArray[numpy.float64], workers: typing.SupportsInt | typing.SupportsIndex) -> int:
    """
    Degrees of freedom, residual and log-determinant of the smoothing spline for each lam; returns a status.
    """
