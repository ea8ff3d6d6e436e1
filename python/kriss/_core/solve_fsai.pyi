"""
Factorised approximate inverses.
"""
from __future__ import annotations
import kriss._core.solve_multigrid
import numpy
import numpy.typing
import typing
__all__: list[str] = ['ProductsF32I32', 'ProductsF32I64', 'ProductsF64I32', 'ProductsF64I64', 'fsai', 'products']
class ProductsF64I32(kriss._core.solve_multigrid.NativePrecond):
    """
    Two products, one after the other.
    """
    @property
    def nbytes(self) -> int:
        """
        Memory beyond the arrays given, in bytes.
        """
class ProductsF64I64(kriss._core.solve_multigrid.NativePrecond):
    """
    Two products, one after the other.
    """
    @property
    def nbytes(self) -> int:
        """
        Memory beyond the arrays given, in bytes.
        """
class ProductsF32I32(kriss._core.solve_multigrid.NativePrecondF32):
    """
    Two products, one after the other.
    """
    @property
    def nbytes(self) -> int:
        """
        Memory beyond the arrays given, in bytes.
        """
class ProductsF32I64(kriss._core.solve_multigrid.NativePrecondF32):
    """
    Two products, one after the other.
    """
    @property
    def nbytes(self) -> int:
        """
        Memory beyond the arrays given, in bytes.
        """
@typing.overload
def fsai(indptr: numpy.typing.NDArray[numpy.int32], indices: numpy.typing.NDArray[numpy.int32], data: numpy.typing.NDArray[numpy.float64], g_indptr: numpy.typing.NDArray[numpy.int32], g_indices: numpy.typing.NDArray[numpy.int32], g: numpy.typing.NDArray[numpy.float64], workers: typing.SupportsInt | typing.SupportsIndex) -> tuple[int, int]:
    """
    The entries of G on its pattern; returns the row whose block of A is not positive definite and the pivot's column, or (-1, -1).
    """
@typing.overload
def fsai(indptr: numpy.typing.NDArray[numpy.int64], indices: numpy.typing.NDArray[numpy.int64], data: numpy.typing.NDArray[numpy.float64], g_indptr: numpy.typing.NDArray[numpy.int64], g_indices: numpy.typing.NDArray[numpy.int64], g: numpy.typing.NDArray[numpy.float64], workers: typing.SupportsInt | typing.SupportsIndex) -> tuple[int, int]:
    """
    The entries of G on its pattern; returns the row whose block of A is not positive definite and the pivot's column, or (-1, -1).
    """
@typing.overload
def fsai(indptr: numpy.typing.NDArray[numpy.int32], indices: numpy.typing.NDArray[numpy.int32], data: numpy.typing.NDArray[numpy.float32], g_indptr: numpy.typing.NDArray[numpy.int32], g_indices: numpy.typing.NDArray[numpy.int32], g: numpy.typing.NDArray[numpy.float32], workers: typing.SupportsInt | typing.SupportsIndex) -> tuple[int, int]:
    """
    The entries of G on its pattern; returns the row whose block of A is not positive definite and the pivot's column, or (-1, -1).
    """
@typing.overload
def fsai(indptr: numpy.typing.NDArray[numpy.int64], indices: numpy.typing.NDArray[numpy.int64], data: numpy.typing.NDArray[numpy.float32], g_indptr: numpy.typing.NDArray[numpy.int64], g_indices: numpy.typing.NDArray[numpy.int64], g: numpy.typing.NDArray[numpy.float32], workers: typing.SupportsInt | typing.SupportsIndex) -> tuple[int, int]:
    """
    The entries of G on its pattern; returns the row whose block of A is not positive definite and the pivot's column, or (-1, -1).
    """
@typing.overload
def products(first_indptr: numpy.typing.NDArray[numpy.int32], first_indices: numpy.typing.NDArray[numpy.int32], first_data: numpy.typing.NDArray[numpy.float64], second_indptr: numpy.typing.NDArray[numpy.int32], second_indices: numpy.typing.NDArray[numpy.int32], second_data: numpy.typing.NDArray[numpy.float64], extra: numpy.typing.NDArray[numpy.float64]) -> ProductsF64I32:
    """
    z = S (F r) + e r as a preconditioner; an empty e is zero.
    """
@typing.overload
def products(first_indptr: numpy.typing.NDArray[numpy.int64], first_indices: numpy.typing.NDArray[numpy.int64], first_data: numpy.typing.NDArray[numpy.float64], second_indptr: numpy.typing.NDArray[numpy.int64], second_indices: numpy.typing.NDArray[numpy.int64], second_data: numpy.typing.NDArray[numpy.float64], extra: numpy.typing.NDArray[numpy.float64]) -> ProductsF64I64:
    """
    z = S (F r) + e r as a preconditioner; an empty e is zero.
    """
@typing.overload
def products(first_indptr: numpy.typing.NDArray[numpy.int32], first_indices: numpy.typing.NDArray[numpy.int32], first_data: numpy.typing.NDArray[numpy.float32], second_indptr: numpy.typing.NDArray[numpy.int32], second_indices: numpy.typing.NDArray[numpy.int32], second_data: numpy.typing.NDArray[numpy.float32], extra: numpy.typing.NDArray[numpy.float32]) -> ProductsF32I32:
    """
    z = S (F r) + e r as a preconditioner; an empty e is zero.
    """
@typing.overload
def products(first_indptr: numpy.typing.NDArray[numpy.int64], first_indices: numpy.typing.NDArray[numpy.int64], first_data: numpy.typing.NDArray[numpy.float32], second_indptr: numpy.typing.NDArray[numpy.int64], second_indices: numpy.typing.NDArray[numpy.int64], second_data: numpy.typing.NDArray[numpy.float32], extra: numpy.typing.NDArray[numpy.float32]) -> ProductsF32I64:
    """
    z = S (F r) + e r as a preconditioner; an empty e is zero.
    """
