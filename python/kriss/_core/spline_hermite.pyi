"""
Local cubic interpolation.
"""
from __future__ import annotations
import numpy
import numpy.typing
import typing
__all__: list[str] = ['hermite', 'local', 'work']
@typing.overload
def hermite(x: numpy.typing.NDArray[numpy.float64], y: numpy.typing.NDArray[numpy.float64], d: numpy.typing.NDArray[numpy.float64], c: numpy.typing.NDArray[numpy.float64], work: numpy.typing.NDArray[numpy.float64], workers: typing.SupportsInt | typing.SupportsIndex) -> int:
    """
    Coefficients c (4, n - 1, m) of the cubics through y (n, m) with derivatives d (n, m); returns a status.
    """
@typing.overload
def hermite(x: numpy.typing.NDArray[numpy.float32], y: numpy.typing.NDArray[numpy.float32], d: numpy.typing.NDArray[numpy.float32], c: numpy.typing.NDArray[numpy.float32], work: numpy.typing.NDArray[numpy.float32], workers: typing.SupportsInt | typing.SupportsIndex) -> int:
    """
    Coefficients c (4, n - 1, m) of the cubics through y (n, m) with derivatives d (n, m); returns a status.
    """
@typing.overload
def local(kind: typing.SupportsInt | typing.SupportsIndex, x: numpy.typing.NDArray[numpy.float64], y: numpy.typing.NDArray[numpy.float64], shared: bool, c: numpy.typing.NDArray[numpy.float64], work: numpy.typing.NDArray[numpy.float64], workers: typing.SupportsInt | typing.SupportsIndex) -> int:
    """
    Coefficients c (4, n - 1, m) of local cubics through y (n, m), kind 0 PCHIP, 1 Akima, 2 modified Akima; returns a status.
    """
@typing.overload
def local(kind: typing.SupportsInt | typing.SupportsIndex, x: numpy.typing.NDArray[numpy.float32], y: numpy.typing.NDArray[numpy.float32], shared: bool, c: numpy.typing.NDArray[numpy.float32], work: numpy.typing.NDArray[numpy.float32], workers: typing.SupportsInt | typing.SupportsIndex) -> int:
    """
    Coefficients c (4, n - 1, m) of local cubics through y (n, m), kind 0 PCHIP, 1 Akima, 2 modified Akima; returns a status.
    """
def work(n: typing.SupportsInt | typing.SupportsIndex, m: typing.SupportsInt | typing.SupportsIndex) -> int:
    """
    Items of scratch of `local` and `hermite`.
    """
