"""
Stationary iterations.
"""
from __future__ import annotations
import numpy
import numpy.typing
import typing
__all__: list[str] = ['greedy_colors', 'jacobi_sweeps', 'relax_sweeps', 'sweep_chunk', 'sweep_needs']
@typing.overload
def greedy_colors(indptr: numpy.typing.NDArray[numpy.int32], indices: numpy.typing.NDArray[numpy.int32], data: numpy.typing.NDArray[numpy.float64], color: numpy.typing.NDArray[numpy.int32]) -> int:
    """
    Greedy colouring in natural order; returns how many colours there are.
    """
@typing.overload
def greedy_colors(indptr: numpy.typing.NDArray[numpy.int64], indices: numpy.typing.NDArray[numpy.int64], data: numpy.typing.NDArray[numpy.float64], color: numpy.typing.NDArray[numpy.int64]) -> int:
    """
    Greedy colouring in natural order; returns how many colours there are.
    """
@typing.overload
def greedy_colors(indptr: numpy.typing.NDArray[numpy.int32], indices: numpy.typing.NDArray[numpy.int32], data: numpy.typing.NDArray[numpy.float32], color: numpy.typing.NDArray[numpy.int32]) -> int:
    """
    Greedy colouring in natural order; returns how many colours there are.
    """
@typing.overload
def greedy_colors(indptr: numpy.typing.NDArray[numpy.int64], indices: numpy.typing.NDArray[numpy.int64], data: numpy.typing.NDArray[numpy.float32], color: numpy.typing.NDArray[numpy.int64]) -> int:
    """
    Greedy colouring in natural order; returns how many colours there are.
    """
@typing.overload
def jacobi_sweeps(indptr: numpy.typing.NDArray[numpy.int32], indices: numpy.typing.NDArray[numpy.int32], data: numpy.typing.NDArray[numpy.float64], inverse: numpy.typing.NDArray[numpy.float64], omega: typing.SupportsFloat | typing.SupportsIndex, b: numpy.typing.NDArray[numpy.float64], x: numpy.typing.NDArray[numpy.float64], count: typing.SupportsInt | typing.SupportsIndex, workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    count sweeps of damped Jacobi over x.
    """
@typing.overload
def jacobi_sweeps(indptr: numpy.typing.NDArray[numpy.int64], indices: numpy.typing.NDArray[numpy.int64], data: numpy.typing.NDArray[numpy.float64], inverse: numpy.typing.NDArray[numpy.float64], omega: typing.SupportsFloat | typing.SupportsIndex, b: numpy.typing.NDArray[numpy.float64], x: numpy.typing.NDArray[numpy.float64], count: typing.SupportsInt | typing.SupportsIndex, workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    count sweeps of damped Jacobi over x.
    """
@typing.overload
def jacobi_sweeps(indptr: numpy.typing.NDArray[numpy.int32], indices: numpy.typing.NDArray[numpy.int32], data: numpy.typing.NDArray[numpy.float32], inverse: numpy.typing.NDArray[numpy.float32], omega: typing.SupportsFloat | typing.SupportsIndex, b: numpy.typing.NDArray[numpy.float32], x: numpy.typing.NDArray[numpy.float32], count: typing.SupportsInt | typing.SupportsIndex, workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    count sweeps of damped Jacobi over x.
    """
@typing.overload
def jacobi_sweeps(indptr: numpy.typing.NDArray[numpy.int64], indices: numpy.typing.NDArray[numpy.int64], data: numpy.typing.NDArray[numpy.float32], inverse: numpy.typing.NDArray[numpy.float32], omega: typing.SupportsFloat | typing.SupportsIndex, b: numpy.typing.NDArray[numpy.float32], x: numpy.typing.NDArray[numpy.float32], count: typing.SupportsInt | typing.SupportsIndex, workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    count sweeps of damped Jacobi over x.
    """
@typing.overload
def relax_sweeps(indptr: numpy.typing.NDArray[numpy.int32], indices: numpy.typing.NDArray[numpy.int32], data: numpy.typing.NDArray[numpy.float64], inverse: numpy.typing.NDArray[numpy.float64], omega: typing.SupportsFloat | typing.SupportsIndex, b: numpy.typing.NDArray[numpy.float64], x: numpy.typing.NDArray[numpy.float64], rows: numpy.typing.NDArray[numpy.int32], need: numpy.typing.NDArray[numpy.int32], back_need: numpy.typing.NDArray[numpy.int32], forward: bool, backward: bool, count: typing.SupportsInt | typing.SupportsIndex, workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    count times a forward and/or a backward SOR sweep over x, rows in the order given (empty: natural).
    """
@typing.overload
def relax_sweeps(indptr: numpy.typing.NDArray[numpy.int64], indices: numpy.typing.NDArray[numpy.int64], data: numpy.typing.NDArray[numpy.float64], inverse: numpy.typing.NDArray[numpy.float64], omega: typing.SupportsFloat | typing.SupportsIndex, b: numpy.typing.NDArray[numpy.float64], x: numpy.typing.NDArray[numpy.float64], rows: numpy.typing.NDArray[numpy.int64], need: numpy.typing.NDArray[numpy.int64], back_need: numpy.typing.NDArray[numpy.int64], forward: bool, backward: bool, count: typing.SupportsInt | typing.SupportsIndex, workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    count times a forward and/or a backward SOR sweep over x, rows in the order given (empty: natural).
    """
@typing.overload
def relax_sweeps(indptr: numpy.typing.NDArray[numpy.int32], indices: numpy.typing.NDArray[numpy.int32], data: numpy.typing.NDArray[numpy.float32], inverse: numpy.typing.NDArray[numpy.float32], omega: typing.SupportsFloat | typing.SupportsIndex, b: numpy.typing.NDArray[numpy.float32], x: numpy.typing.NDArray[numpy.float32], rows: numpy.typing.NDArray[numpy.int32], need: numpy.typing.NDArray[numpy.int32], back_need: numpy.typing.NDArray[numpy.int32], forward: bool, backward: bool, count: typing.SupportsInt | typing.SupportsIndex, workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    count times a forward and/or a backward SOR sweep over x, rows in the order given (empty: natural).
    """
@typing.overload
def relax_sweeps(indptr: numpy.typing.NDArray[numpy.int64], indices: numpy.typing.NDArray[numpy.int64], data: numpy.typing.NDArray[numpy.float32], inverse: numpy.typing.NDArray[numpy.float32], omega: typing.SupportsFloat | typing.SupportsIndex, b: numpy.typing.NDArray[numpy.float32], x: numpy.typing.NDArray[numpy.float32], rows: numpy.typing.NDArray[numpy.int64], need: numpy.typing.NDArray[numpy.int64], back_need: numpy.typing.NDArray[numpy.int64], forward: bool, backward: bool, count: typing.SupportsInt | typing.SupportsIndex, workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    count times a forward and/or a backward SOR sweep over x, rows in the order given (empty: natural).
    """
@typing.overload
def sweep_needs(indptr: numpy.typing.NDArray[numpy.int32], indices: numpy.typing.NDArray[numpy.int32], data: numpy.typing.NDArray[numpy.float64], rows: numpy.typing.NDArray[numpy.int32], backward: bool, need: numpy.typing.NDArray[numpy.int32]) -> None:
    """
    What each chunk of an order of rows waits for.
    """
@typing.overload
def sweep_needs(indptr: numpy.typing.NDArray[numpy.int64], indices: numpy.typing.NDArray[numpy.int64], data: numpy.typing.NDArray[numpy.float64], rows: numpy.typing.NDArray[numpy.int64], backward: bool, need: numpy.typing.NDArray[numpy.int64]) -> None:
    """
    What each chunk of an order of rows waits for.
    """
@typing.overload
def sweep_needs(indptr: numpy.typing.NDArray[numpy.int32], indices: numpy.typing.NDArray[numpy.int32], data: numpy.typing.NDArray[numpy.float32], rows: numpy.typing.NDArray[numpy.int32], backward: bool, need: numpy.typing.NDArray[numpy.int32]) -> None:
    """
    What each chunk of an order of rows waits for.
    """
@typing.overload
def sweep_needs(indptr: numpy.typing.NDArray[numpy.int64], indices: numpy.typing.NDArray[numpy.int64], data: numpy.typing.NDArray[numpy.float32], rows: numpy.typing.NDArray[numpy.int64], backward: bool, need: numpy.typing.NDArray[numpy.int64]) -> None:
    """
    What each chunk of an order of rows waits for.
    """
sweep_chunk: int = 256
