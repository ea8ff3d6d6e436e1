"""
Elementary functions and the counter-based generator.
"""
from __future__ import annotations
import numpy
import numpy.typing
import typing
__all__: list[str] = ['cos', 'erfc', 'exp', 'expm1', 'log', 'log1p', 'multiply_adds', 'normal_pair', 'philox4x32', 'sin', 'sincos', 'triad']
@typing.overload
def cos(x: numpy.typing.NDArray[numpy.float64], out: numpy.typing.NDArray[numpy.float64], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    out = cos(x)
    """
@typing.overload
def cos(x: numpy.typing.NDArray[numpy.float32], out: numpy.typing.NDArray[numpy.float32], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    out = cos(x)
    """
@typing.overload
def erfc(x: numpy.typing.NDArray[numpy.float64], out: numpy.typing.NDArray[numpy.float64], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    out = erfc(x)
    """
@typing.overload
def erfc(x: numpy.typing.NDArray[numpy.float32], out: numpy.typing.NDArray[numpy.float32], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    out = erfc(x)
    """
@typing.overload
def exp(x: numpy.typing.NDArray[numpy.float64], out: numpy.typing.NDArray[numpy.float64], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    out = exp(x)
    """
@typing.overload
def exp(x: numpy.typing.NDArray[numpy.float32], out: numpy.typing.NDArray[numpy.float32], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    out = exp(x)
    """
@typing.overload
def expm1(x: numpy.typing.NDArray[numpy.float64], out: numpy.typing.NDArray[numpy.float64], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    out = exp(x) - 1
    """
@typing.overload
def expm1(x: numpy.typing.NDArray[numpy.float32], out: numpy.typing.NDArray[numpy.float32], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    out = exp(x) - 1
    """
@typing.overload
def log(x: numpy.typing.NDArray[numpy.float64], out: numpy.typing.NDArray[numpy.float64], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    out = log(x)
    """
@typing.overload
def log(x: numpy.typing.NDArray[numpy.float32], out: numpy.typing.NDArray[numpy.float32], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    out = log(x)
    """
@typing.overload
def log1p(x: numpy.typing.NDArray[numpy.float64], out: numpy.typing.NDArray[numpy.float64], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    out = log(1 + x)
    """
@typing.overload
def log1p(x: numpy.typing.NDArray[numpy.float32], out: numpy.typing.NDArray[numpy.float32], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    out = log(1 + x)
    """
def multiply_adds(rounds: typing.SupportsInt | typing.SupportsIndex, factor: typing.SupportsFloat | typing.SupportsIndex, addend: typing.SupportsFloat | typing.SupportsIndex, x: numpy.typing.NDArray[numpy.float32]) -> float:
    """
    x = x factor + addend for a part of x, rounds times; returns the flops: the yardstick of arithmetic.
    """
def normal_pair(key: typing.SupportsInt | typing.SupportsIndex, counter_hi: typing.SupportsInt | typing.SupportsIndex, counter_lo: typing.SupportsInt | typing.SupportsIndex) -> tuple[float, float]:
    """
    Two standard normals from one block.
    """
def philox4x32(key: typing.SupportsInt | typing.SupportsIndex, counter_hi: typing.SupportsInt | typing.SupportsIndex, counter_lo: typing.SupportsInt | typing.SupportsIndex) -> tuple[int, int, int, int]:
    """
    One block of the counter-based generator.
    """
@typing.overload
def sin(x: numpy.typing.NDArray[numpy.float64], out: numpy.typing.NDArray[numpy.float64], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    out = sin(x)
    """
@typing.overload
def sin(x: numpy.typing.NDArray[numpy.float32], out: numpy.typing.NDArray[numpy.float32], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    out = sin(x)
    """
@typing.overload
def sincos(x: numpy.typing.NDArray[numpy.float64], sine: numpy.typing.NDArray[numpy.float64], cosine: numpy.typing.NDArray[numpy.float64], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    sine = sin(x), cosine = cos(x)
    """
@typing.overload
def sincos(x: numpy.typing.NDArray[numpy.float32], sine: numpy.typing.NDArray[numpy.float32], cosine: numpy.typing.NDArray[numpy.float32], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    sine = sin(x), cosine = cos(x)
    """
def triad(s: typing.SupportsFloat | typing.SupportsIndex, b: numpy.typing.NDArray[numpy.float64], c: numpy.typing.NDArray[numpy.float64], a: numpy.typing.NDArray[numpy.float64], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    a = b + s * c: the yardstick of memory bandwidth.
    """
