"""
Right-hand sides that share their search directions.
"""
from __future__ import annotations
import kriss._core.solve_krylov
import numpy
import numpy.typing
import typing
__all__: list[str] = ['block_cg']
@typing.overload
def block_cg(a: kriss._core.solve_krylov.MapF64, m: kriss._core.solve_krylov.MapF64, b: numpy.typing.NDArray[numpy.float64], x: numpy.typing.NDArray[numpy.float64], zero_start: bool, tol: numpy.typing.NDArray[numpy.float64], maxiter: typing.SupportsInt | typing.SupportsIndex, callback: typing.Any, workers: typing.SupportsInt | typing.SupportsIndex) -> tuple[int, int, int, int, numpy.typing.NDArray[numpy.float64]]:
    """
    Block CG on the rows of b (k, n); returns (status, iterations, products with vectors, smallest rank of an iteration, residuals by the recurrence: k before the first iteration and k after each).
    """
@typing.overload
def block_cg(a: kriss._core.solve_krylov.MapF32, m: kriss._core.solve_krylov.MapF32, b: numpy.typing.NDArray[numpy.float32], x: numpy.typing.NDArray[numpy.float32], zero_start: bool, tol: numpy.typing.NDArray[numpy.float64], maxiter: typing.SupportsInt | typing.SupportsIndex, callback: typing.Any, workers: typing.SupportsInt | typing.SupportsIndex) -> tuple[int, int, int, int, numpy.typing.NDArray[numpy.float64]]:
    """
    Block CG on the rows of b (k, n); returns (status, iterations, products with vectors, smallest rank of an iteration, residuals by the recurrence: k before the first iteration and k after each).
    """
