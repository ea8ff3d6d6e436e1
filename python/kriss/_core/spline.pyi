"""
Piecewise polynomials.
"""
from __future__ import annotations
import numpy
import numpy.typing
import typing
__all__: list[str] = ['bucket_map', 'bucket_table', 'cubic', 'evaluate', 'nearly_uniform']
@typing.overload
def bucket_map(x: numpy.typing.NDArray[numpy.float64]) -> tuple[int, int]:
    """
    How knots x (n) are cut into buckets: map and number of buckets.
    """
@typing.overload
def bucket_map(x: numpy.typing.NDArray[numpy.float32]) -> tuple[int, int]:
    """
    How knots x (n) are cut into buckets: map and number of buckets.
    """
@typing.overload
def bucket_table(x: numpy.typing.NDArray[numpy.float64], map: typing.SupportsInt | typing.SupportsIndex, table: numpy.typing.NDArray[numpy.int32]) -> None:
    """
    Fill the bucket table (buckets + 1) of knots x (n).
    """
@typing.overload
def bucket_table(x: numpy.typing.NDArray[numpy.float32], map: typing.SupportsInt | typing.SupportsIndex, table: numpy.typing.NDArray[numpy.int32]) -> None:
    """
    Fill the bucket table (buckets + 1) of knots x (n).
    """
@typing.overload
def cubic(x: numpy.typing.NDArray[numpy.float64], y: numpy.typing.NDArray[numpy.float64], left_end: typing.SupportsInt | typing.SupportsIndex, left: numpy.typing.NDArray[numpy.float64], right_end: typing.SupportsInt | typing.SupportsIndex, right: numpy.typing.NDArray[numpy.float64], c: numpy.typing.NDArray[numpy.float64], work: numpy.typing.NDArray[numpy.float64], workers: typing.SupportsInt | typing.SupportsIndex) -> int:
    """
    Coefficients c (4, n - 1, m) of the cubic spline through y (n, m); returns a status.
    """
@typing.overload
def cubic(x: numpy.typing.NDArray[numpy.float32], y: numpy.typing.NDArray[numpy.float32], left_end: typing.SupportsInt | typing.SupportsIndex, left: numpy.typing.NDArray[numpy.float32], right_end: typing.SupportsInt | typing.SupportsIndex, right: numpy.typing.NDArray[numpy.float32], c: numpy.typing.NDArray[numpy.float32], work: numpy.typing.NDArray[numpy.float32], workers: typing.SupportsInt | typing.SupportsIndex) -> int:
    """
    Coefficients c (4, n - 1, m) of the cubic spline through y (n, m); returns a status.
    """
@typing.overload
def evaluate(x: numpy.typing.NDArray[numpy.float64], table: numpy.typing.NDArray[numpy.int32], map: typing.SupportsInt | typing.SupportsIndex, c: numpy.typing.NDArray[numpy.float64], q: numpy.typing.NDArray[numpy.float64], nu: typing.SupportsInt | typing.SupportsIndex, beyond: typing.SupportsInt | typing.SupportsIndex, out: numpy.typing.NDArray[numpy.float64], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    Derivative nu of the piecewise polynomial c (order, n - 1, columns) at q (points) into out (points, columns).
    """
@typing.overload
def evaluate(x: numpy.typing.NDArray[numpy.float32], table: numpy.typing.NDArray[numpy.int32], map: typing.SupportsInt | typing.SupportsIndex, c: numpy.typing.NDArray[numpy.float32], q: numpy.typing.NDArray[numpy.float32], nu: typing.SupportsInt | typing.SupportsIndex, beyond: typing.SupportsInt | typing.SupportsIndex, out: numpy.typing.NDArray[numpy.float32], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    Derivative nu of the piecewise polynomial c (order, n - 1, columns) at q (points) into out (points, columns).
    """
@typing.overload
def nearly_uniform(x: numpy.typing.NDArray[numpy.float64]) -> bool:
    """
    Whether knots x (n) can be searched without a table.
    """
@typing.overload
def nearly_uniform(x: numpy.typing.NDArray[numpy.float32]) -> bool:
    """
    Whether knots x (n) can be searched without a table.
    """
