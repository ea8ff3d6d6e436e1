"""
Several right-hand sides at once.
"""
from __future__ import annotations
import numpy
import numpy.typing
import typing
__all__: list[str] = ['cg_multi', 'column_scan', 'csr_matmat']
@typing.overload
def cg_multi(indptr: numpy.typing.NDArray[numpy.int32], indices: numpy.typing.NDArray[numpy.int32], data: numpy.typing.NDArray[numpy.float64], b: numpy.typing.NDArray[numpy.float64], x: numpy.typing.NDArray[numpy.float64], inverse: numpy.typing.NDArray[numpy.float64], product: typing.Any, precond: typing.Any, tol: numpy.typing.NDArray[numpy.float64], maxiter: typing.SupportsInt | typing.SupportsIndex, zero_start: bool, workers: typing.SupportsInt | typing.SupportsIndex) -> tuple[list[typing.Any], int, int]:
    """
    Conjugate gradients on the columns of b (n, k), k <= 8; returns (a tuple per column: status, iterations, residual by the recurrence, ||b - A x|| or NaN with a product of yours, history; products with a panel; number of diagonals or 0).
    
    product(X, Y) and precond(X, Y) write Y = A X and Y = M^-1 X for panels; None for the CSR matrix and for the diagonal `inverse` (empty: no preconditioner).
    """
@typing.overload
def cg_multi(indptr: numpy.typing.NDArray[numpy.int64], indices: numpy.typing.NDArray[numpy.int64], data: numpy.typing.NDArray[numpy.float64], b: numpy.typing.NDArray[numpy.float64], x: numpy.typing.NDArray[numpy.float64], inverse: numpy.typing.NDArray[numpy.float64], product: typing.Any, precond: typing.Any, tol: numpy.typing.NDArray[numpy.float64], maxiter: typing.SupportsInt | typing.SupportsIndex, zero_start: bool, workers: typing.SupportsInt | typing.SupportsIndex) -> tuple[list[typing.Any], int, int]:
    """
    Conjugate gradients on the columns of b (n, k), k <= 8; returns (a tuple per column: status, iterations, residual by the recurrence, ||b - A x|| or NaN with a product of yours, history; products with a panel; number of diagonals or 0).
    
    product(X, Y) and precond(X, Y) write Y = A X and Y = M^-1 X for panels; None for the CSR matrix and for the diagonal `inverse` (empty: no preconditioner).
    """
@typing.overload
def cg_multi(indptr: numpy.typing.NDArray[numpy.int32], indices: numpy.typing.NDArray[numpy.int32], data: numpy.typing.NDArray[numpy.float32], b: numpy.typing.NDArray[numpy.float32], x: numpy.typing.NDArray[numpy.float32], inverse: numpy.typing.NDArray[numpy.float32], product: typing.Any, precond: typing.Any, tol: numpy.typing.NDArray[numpy.float64], maxiter: typing.SupportsInt | typing.SupportsIndex, zero_start: bool, workers: typing.SupportsInt | typing.SupportsIndex) -> tuple[list[typing.Any], int, int]:
    """
    Conjugate gradients on the columns of b (n, k), k <= 8; returns (a tuple per column: status, iterations, residual by the recurrence, ||b - A x|| or NaN with a product of yours, history; products with a panel; number of diagonals or 0).
    
    product(X, Y) and precond(X, Y) write Y = A X and Y = M^-1 X for panels; None for the CSR matrix and for the diagonal `inverse` (empty: no preconditioner).
    """
@typing.overload
def cg_multi(indptr: numpy.typing.NDArray[numpy.int64], indices: numpy.typing.NDArray[numpy.int64], data: numpy.typing.NDArray[numpy.float32], b: numpy.typing.NDArray[numpy.float32], x: numpy.typing.NDArray[numpy.float32], inverse: numpy.typing.NDArray[numpy.float32], product: typing.Any, precond: typing.Any, tol: numpy.typing.NDArray[numpy.float64], maxiter: typing.SupportsInt | typing.SupportsIndex, zero_start: bool, workers: typing.SupportsInt | typing.SupportsIndex) -> tuple[list[typing.Any], int, int]:
    """
    Conjugate gradients on the columns of b (n, k), k <= 8; returns (a tuple per column: status, iterations, residual by the recurrence, ||b - A x|| or NaN with a product of yours, history; products with a panel; number of diagonals or 0).
    
    product(X, Y) and precond(X, Y) write Y = A X and Y = M^-1 X for panels; None for the CSR matrix and for the diagonal `inverse` (empty: no preconditioner).
    """
@typing.overload
def column_scan(x: numpy.typing.NDArray[numpy.float64], norms: numpy.typing.NDArray[numpy.float64], peaks: numpy.typing.NDArray[numpy.float64], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    norms[c] = x[:, c]'x[:, c] and peaks[c] = max |x[:, c]|, which passes over NaN.
    """
@typing.overload
def column_scan(x: numpy.typing.NDArray[numpy.float32], norms: numpy.typing.NDArray[numpy.float64], peaks: numpy.typing.NDArray[numpy.float64], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    norms[c] = x[:, c]'x[:, c] and peaks[c] = max |x[:, c]|, which passes over NaN.
    """
@typing.overload
def csr_matmat(indptr: numpy.typing.NDArray[numpy.int32], indices: numpy.typing.NDArray[numpy.int32], data: numpy.typing.NDArray[numpy.float64], x: numpy.typing.NDArray[numpy.float64], y: numpy.typing.NDArray[numpy.float64], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    y = A x for a panel x of 1, 2, 4 or 8 columns.
    """
@typing.overload
def csr_matmat(indptr: numpy.typing.NDArray[numpy.int64], indices: numpy.typing.NDArray[numpy.int64], data: numpy.typing.NDArray[numpy.float64], x: numpy.typing.NDArray[numpy.float64], y: numpy.typing.NDArray[numpy.float64], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    y = A x for a panel x of 1, 2, 4 or 8 columns.
    """
@typing.overload
def csr_matmat(indptr: numpy.typing.NDArray[numpy.int32], indices: numpy.typing.NDArray[numpy.int32], data: numpy.typing.NDArray[numpy.float32], x: numpy.typing.NDArray[numpy.float32], y: numpy.typing.NDArray[numpy.float32], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    y = A x for a panel x of 1, 2, 4 or 8 columns.
    """
@typing.overload
def csr_matmat(indptr: numpy.typing.NDArray[numpy.int64], indices: numpy.typing.NDArray[numpy.int64], data: numpy.typing.NDArray[numpy.float32], x: numpy.typing.NDArray[numpy.float32], y: numpy.typing.NDArray[numpy.float32], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    y = A x for a panel x of 1, 2, 4 or 8 columns.
    """
