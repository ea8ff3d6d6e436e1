"""
B-splines.
"""
from __future__ import annotations
import numpy
import numpy.typing
import typing
__all__: list[str] = ['evaluate', 'interpolate', 'interpolate_ends', 'to_pieces']
@typing.overload
def evaluate(t: numpy.typing.NDArray[numpy.float64], table: numpy.typing.NDArray[numpy.int32], map: typing.SupportsInt | typing.SupportsIndex, c: numpy.typing.NDArray[numpy.float64], k: typing.SupportsInt | typing.SupportsIndex, q: numpy.typing.NDArray[numpy.float64], nu: typing.SupportsInt | typing.SupportsIndex, beyond: typing.SupportsInt | typing.SupportsIndex, out: numpy.typing.NDArray[numpy.float64], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    Derivative nu of the spline with knots t (n + k + 1) and coefficients c (n, m) at q (points) into out (points, m). table and map index the knots t[k] ... t[n].
    """
@typing.overload
def evaluate(t: numpy.typing.NDArray[numpy.float32], table: numpy.typing.NDArray[numpy.int32], map: typing.SupportsInt | typing.SupportsIndex, c: numpy.typing.NDArray[numpy.float32], k: typing.SupportsInt | typing.SupportsIndex, q: numpy.typing.NDArray[numpy.float32], nu: typing.SupportsInt | typing.SupportsIndex, beyond: typing.SupportsInt | typing.SupportsIndex, out: numpy.typing.NDArray[numpy.float32], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    Derivative nu of the spline with knots t (n + k + 1) and coefficients c (n, m) at q (points) into out (points, m). table and map index the knots t[k] ... t[n].
    """
@typing.overload
def interpolate(x: numpy.typing.NDArray[numpy.float64], t: numpy.typing.NDArray[numpy.float64], k: typing.SupportsInt | typing.SupportsIndex, c: numpy.typing.NDArray[numpy.float64], rows: numpy.typing.NDArray[numpy.float64], first: numpy.typing.NDArray[numpy.int32], workers: typing.SupportsInt | typing.SupportsIndex) -> tuple[int, int]:
    """
    Values c (n, m) at x (n) become B-spline coefficients for the knots t (n + k + 1); returns a status and the row it is about. rows (n, k + 1) and first (n) are scratch.
    """
@typing.overload
def interpolate(x: numpy.typing.NDArray[numpy.float32], t: numpy.typing.NDArray[numpy.float32], k: typing.SupportsInt | typing.SupportsIndex, c: numpy.typing.NDArray[numpy.float32], rows: numpy.typing.NDArray[numpy.float32], first: numpy.typing.NDArray[numpy.int32], workers: typing.SupportsInt | typing.SupportsIndex) -> tuple[int, int]:
    """
    Values c (n, m) at x (n) become B-spline coefficients for the knots t (n + k + 1); returns a status and the row it is about. rows (n, k + 1) and first (n) are scratch.
    """
@typing.overload
def interpolate_ends(x: numpy.typing.NDArray[numpy.float64], t: numpy.typing.NDArray[numpy.float64], k: typing.SupportsInt | typing.SupportsIndex, left: numpy.typing.NDArray[numpy.int32], right: numpy.typing.NDArray[numpy.int32], c: numpy.typing.NDArray[numpy.float64], rows: numpy.typing.NDArray[numpy.float64], workers: typing.SupportsInt | typing.SupportsIndex) -> tuple[int, int]:
    """
    Derivatives of orders left at x[0], values at x and derivatives of orders right at x[-1], the rows of c (n, m), become B-spline coefficients; returns a status and the row it is about. rows (n, 3 k + 1) is scratch.
    """
@typing.overload
def interpolate_ends(x: numpy.typing.NDArray[numpy.float32], t: numpy.typing.NDArray[numpy.float32], k: typing.SupportsInt | typing.SupportsIndex, left: numpy.typing.NDArray[numpy.int32], right: numpy.typing.NDArray[numpy.int32], c: numpy.typing.NDArray[numpy.float32], rows: numpy.typing.NDArray[numpy.float32], workers: typing.SupportsInt | typing.SupportsIndex) -> tuple[int, int]:
    """
    Derivatives of orders left at x[0], values at x and derivatives of orders right at x[-1], the rows of c (n, m), become B-spline coefficients; returns a status and the row it is about. rows (n, 3 k + 1) is scratch.
    """
@typing.overload
def to_pieces(t: numpy.typing.NDArray[numpy.float64], c: numpy.typing.NDArray[numpy.float64], k: typing.SupportsInt | typing.SupportsIndex, x: numpy.typing.NDArray[numpy.float64], out: numpy.typing.NDArray[numpy.float64], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    The spline as powers of q - x[i] on the cells of x (cells + 1) into out (k + 1, cells, m), highest first.
    """
@typing.overload
def to_pieces(t: numpy.typing.NDArray[numpy.float32], c: numpy.typing.NDArray[numpy.float32], k: typing.SupportsInt | typing.SupportsIndex, x: numpy.typing.NDArray[numpy.float32], out: numpy.typing.NDArray[numpy.float32], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    The spline as powers of q - x[i] on the cells of x (cells + 1) into out (k + 1, cells, m), highest first.
    """
