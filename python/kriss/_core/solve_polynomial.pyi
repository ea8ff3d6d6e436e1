"""
Polynomial preconditioners.
"""
from __future__ import annotations
import kriss._core.solve_multigrid
import numpy
import numpy.typing
import typing
__all__: list[str] = ['Polynomial', 'PolynomialF32', 'polynomial']
class Polynomial(kriss._core.solve_multigrid.NativePrecond):
    """
    A polynomial in a matrix.
    """
    @property
    def diagonals(self) -> int:
        ...
    @property
    def nbytes(self) -> int:
        ...
class PolynomialF32(kriss._core.solve_multigrid.NativePrecondF32):
    """
    A polynomial in a matrix.
    """
    @property
    def diagonals(self) -> int:
        ...
    @property
    def nbytes(self) -> int:
        ...
@typing.overload
def polynomial(indptr: numpy.typing.NDArray[numpy.int32], indices: numpy.typing.NDArray[numpy.int32], data: numpy.typing.NDArray[numpy.float64], d: numpy.typing.NDArray[numpy.float64], form: typing.SupportsInt | typing.SupportsIndex, start: typing.SupportsFloat | typing.SupportsIndex, rows: numpy.typing.NDArray[numpy.float64]) -> Polynomial:
    """
    A polynomial in a CSR matrix; form 0: Chebyshev's recurrence, 1: Horner's rule, 2: roots.
    """
@typing.overload
def polynomial(indptr: numpy.typing.NDArray[numpy.int64], indices: numpy.typing.NDArray[numpy.int64], data: numpy.typing.NDArray[numpy.float64], d: numpy.typing.NDArray[numpy.float64], form: typing.SupportsInt | typing.SupportsIndex, start: typing.SupportsFloat | typing.SupportsIndex, rows: numpy.typing.NDArray[numpy.float64]) -> Polynomial:
    """
    A polynomial in a CSR matrix; form 0: Chebyshev's recurrence, 1: Horner's rule, 2: roots.
    """
@typing.overload
def polynomial(indptr: numpy.typing.NDArray[numpy.int32], indices: numpy.typing.NDArray[numpy.int32], data: numpy.typing.NDArray[numpy.float32], d: numpy.typing.NDArray[numpy.float32], form: typing.SupportsInt | typing.SupportsIndex, start: typing.SupportsFloat | typing.SupportsIndex, rows: numpy.typing.NDArray[numpy.float64]) -> PolynomialF32:
    """
    A polynomial in a CSR matrix; form 0: Chebyshev's recurrence, 1: Horner's rule, 2: roots.
    """
@typing.overload
def polynomial(indptr: numpy.typing.NDArray[numpy.int64], indices: numpy.typing.NDArray[numpy.int64], data: numpy.typing.NDArray[numpy.float32], d: numpy.typing.NDArray[numpy.float32], form: typing.SupportsInt | typing.SupportsIndex, start: typing.SupportsFloat | typing.SupportsIndex, rows: numpy.typing.NDArray[numpy.float64]) -> PolynomialF32:
    """
    A polynomial in a CSR matrix; form 0: Chebyshev's recurrence, 1: Horner's rule, 2: roots.
    """
