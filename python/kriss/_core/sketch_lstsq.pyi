"""
Passes of the least-squares solvers.
"""
from __future__ import annotations
import numpy
import numpy.typing
import typing
__all__: list[str] = ['csr_pass', 'extended_pass']
@typing.overload
def csr_pass(indptr: numpy.typing.NDArray[numpy.int32], indices: numpy.typing.NDArray[numpy.int32], data: numpy.typing.NDArray[numpy.float64], b: numpy.typing.NDArray[numpy.float64], bscale: numpy.typing.NDArray[numpy.float64], y_high: numpy.typing.NDArray[numpy.float64], y_low: numpy.typing.NDArray[numpy.float64], g_high: numpy.typing.NDArray[numpy.float64], g_low: numpy.typing.NDArray[numpy.float64], rr: numpy.typing.NDArray[numpy.float64], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    Residual norms and gradient with a CSR matrix; in twofold arithmetic unless y_low is empty.
    """
@typing.overload
def csr_pass(indptr: numpy.typing.NDArray[numpy.int64], indices: numpy.typing.NDArray[numpy.int64], data: numpy.typing.NDArray[numpy.float64], b: numpy.typing.NDArray[numpy.float64], bscale: numpy.typing.NDArray[numpy.float64], y_high: numpy.typing.NDArray[numpy.float64], y_low: numpy.typing.NDArray[numpy.float64], g_high: numpy.typing.NDArray[numpy.float64], g_low: numpy.typing.NDArray[numpy.float64], rr: numpy.typing.NDArray[numpy.float64], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    Residual norms and gradient with a CSR matrix; in twofold arithmetic unless y_low is empty.
    """
@typing.overload
def extended_pass(a: numpy.typing.NDArray[numpy.float64], b: numpy.typing.NDArray[numpy.float64], scale: numpy.typing.NDArray[numpy.float64], bscale: numpy.typing.NDArray[numpy.float64], z_high: numpy.typing.NDArray[numpy.float64], z_low: numpy.typing.NDArray[numpy.float64], g_high: numpy.typing.NDArray[numpy.float64], g_low: numpy.typing.NDArray[numpy.float64], rr: numpy.typing.NDArray[numpy.float64], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    Residual norms and scaled gradient in twofold arithmetic.
    """
@typing.overload
def extended_pass(a: numpy.typing.NDArray[numpy.float32], b: numpy.typing.NDArray[numpy.float32], scale: numpy.typing.NDArray[numpy.float64], bscale: numpy.typing.NDArray[numpy.float64], z_high: numpy.typing.NDArray[numpy.float64], z_low: numpy.typing.NDArray[numpy.float64], g_high: numpy.typing.NDArray[numpy.float64], g_low: numpy.typing.NDArray[numpy.float64], rr: numpy.typing.NDArray[numpy.float64], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    Residual norms and scaled gradient in twofold arithmetic.
    """
