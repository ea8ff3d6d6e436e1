"""
Incomplete factorisations with fill.
"""
from __future__ import annotations
import kriss._core.solve_multigrid
import numpy
import numpy.typing
import typing
__all__: list[str] = ['FactorsF32I32', 'FactorsF32I64', 'FactorsF64I32', 'FactorsF64I64', 'factors', 'ict_factor', 'ilut_factor']
class FactorsF64I32(kriss._core.solve_multigrid.NativePrecond):
    """
    Two triangles between two permutations.
    """
    @property
    def nbytes(self) -> int:
        """
        Memory beyond the arrays given, in bytes.
        """
class FactorsF64I64(kriss._core.solve_multigrid.NativePrecond):
    """
    Two triangles between two permutations.
    """
    @property
    def nbytes(self) -> int:
        """
        Memory beyond the arrays given, in bytes.
        """
class FactorsF32I32(kriss._core.solve_multigrid.NativePrecondF32):
    """
    Two triangles between two permutations.
    """
    @property
    def nbytes(self) -> int:
        """
        Memory beyond the arrays given, in bytes.
        """
class FactorsF32I64(kriss._core.solve_multigrid.NativePrecondF32):
    """
    Two triangles between two permutations.
    """
    @property
    def nbytes(self) -> int:
        """
        Memory beyond the arrays given, in bytes.
        """
@typing.overload
def factors(first_indptr: numpy.typing.NDArray[numpy.int32], first_indices: numpy.typing.NDArray[numpy.int32], first_data: numpy.typing.NDArray[numpy.float64], first_inverse: numpy.typing.NDArray[numpy.float64], first_lower: bool, second_indptr: numpy.typing.NDArray[numpy.int32], second_indices: numpy.typing.NDArray[numpy.int32], second_data: numpy.typing.NDArray[numpy.float64], second_inverse: numpy.typing.NDArray[numpy.float64], second_lower: bool, rows: numpy.typing.NDArray[numpy.int32], columns: numpy.typing.NDArray[numpy.int32]) -> FactorsF64I32:
    """
    Two strict triangles and their inverse diagonals (empty: ones) as a preconditioner; empty rows and columns: no permutations.
    """
@typing.overload
def factors(first_indptr: numpy.typing.NDArray[numpy.int64], first_indices: numpy.typing.NDArray[numpy.int64], first_data: numpy.typing.NDArray[numpy.float64], first_inverse: numpy.typing.NDArray[numpy.float64], first_lower: bool, second_indptr: numpy.typing.NDArray[numpy.int64], second_indices: numpy.typing.NDArray[numpy.int64], second_data: numpy.typing.NDArray[numpy.float64], second_inverse: numpy.typing.NDArray[numpy.float64], second_lower: bool, rows: numpy.typing.NDArray[numpy.int64], columns: numpy.typing.NDArray[numpy.int64]) -> FactorsF64I64:
    """
    Two strict triangles and their inverse diagonals (empty: ones) as a preconditioner; empty rows and columns: no permutations.
    """
@typing.overload
def factors(first_indptr: numpy.typing.NDArray[numpy.int32], first_indices: numpy.typing.NDArray[numpy.int32], first_data: numpy.typing.NDArray[numpy.float32], first_inverse: numpy.typing.NDArray[numpy.float32], first_lower: bool, second_indptr: numpy.typing.NDArray[numpy.int32], second_indices: numpy.typing.NDArray[numpy.int32], second_data: numpy.typing.NDArray[numpy.float32], second_inverse: numpy.typing.NDArray[numpy.float32], second_lower: bool, rows: numpy.typing.NDArray[numpy.int32], columns: numpy.typing.NDArray[numpy.int32]) -> FactorsF32I32:
    """
    Two strict triangles and their inverse diagonals (empty: ones) as a preconditioner; empty rows and columns: no permutations.
    """
@typing.overload
def factors(first_indptr: numpy.typing.NDArray[numpy.int64], first_indices: numpy.typing.NDArray[numpy.int64], first_data: numpy.typing.NDArray[numpy.float32], first_inverse: numpy.typing.NDArray[numpy.float32], first_lower: bool, second_indptr: numpy.typing.NDArray[numpy.int64], second_indices: numpy.typing.NDArray[numpy.int64], second_data: numpy.typing.NDArray[numpy.float32], second_inverse: numpy.typing.NDArray[numpy.float32], second_lower: bool, rows: numpy.typing.NDArray[numpy.int64], columns: numpy.typing.NDArray[numpy.int64]) -> FactorsF32I64:
    """
    Two strict triangles and their inverse diagonals (empty: ones) as a preconditioner; empty rows and columns: no permutations.
    """
@typing.overload
def ict_factor(indptr: numpy.typing.NDArray[numpy.int32], indices: numpy.typing.NDArray[numpy.int32], data: numpy.typing.NDArray[numpy.float64], where: numpy.typing.NDArray[numpy.int32], drop: typing.SupportsFloat | typing.SupportsIndex, fill: typing.SupportsInt | typing.SupportsIndex, shift: typing.SupportsFloat | typing.SupportsIndex, tau: typing.SupportsFloat | typing.SupportsIndex, workers: typing.SupportsInt | typing.SupportsIndex) -> tuple[typing.Any, ...]:
    """
    U of M = U'U: (status, row, strict rows of U, its diagonal).
    """
@typing.overload
def ict_factor(indptr: numpy.typing.NDArray[numpy.int64], indices: numpy.typing.NDArray[numpy.int64], data: numpy.typing.NDArray[numpy.float64], where: numpy.typing.NDArray[numpy.int64], drop: typing.SupportsFloat | typing.SupportsIndex, fill: typing.SupportsInt | typing.SupportsIndex, shift: typing.SupportsFloat | typing.SupportsIndex, tau: typing.SupportsFloat | typing.SupportsIndex, workers: typing.SupportsInt | typing.SupportsIndex) -> tuple[typing.Any, ...]:
    """
    U of M = U'U: (status, row, strict rows of U, its diagonal).
    """
@typing.overload
def ict_factor(indptr: numpy.typing.NDArray[numpy.int32], indices: numpy.typing.NDArray[numpy.int32], data: numpy.typing.NDArray[numpy.float32], where: numpy.typing.NDArray[numpy.int32], drop: typing.SupportsFloat | typing.SupportsIndex, fill: typing.SupportsInt | typing.SupportsIndex, shift: typing.SupportsFloat | typing.SupportsIndex, tau: typing.SupportsFloat | typing.SupportsIndex, workers: typing.SupportsInt | typing.SupportsIndex) -> tuple[typing.Any, ...]:
    """
    U of M = U'U: (status, row, strict rows of U, its diagonal).
    """
@typing.overload
def ict_factor(indptr: numpy.typing.NDArray[numpy.int64], indices: numpy.typing.NDArray[numpy.int64], data: numpy.typing.NDArray[numpy.float32], where: numpy.typing.NDArray[numpy.int64], drop: typing.SupportsFloat | typing.SupportsIndex, fill: typing.SupportsInt | typing.SupportsIndex, shift: typing.SupportsFloat | typing.SupportsIndex, tau: typing.SupportsFloat | typing.SupportsIndex, workers: typing.SupportsInt | typing.SupportsIndex) -> tuple[typing.Any, ...]:
    """
    U of M = U'U: (status, row, strict rows of U, its diagonal).
    """
@typing.overload
def ilut_factor(indptr: numpy.typing.NDArray[numpy.int32], indices: numpy.typing.NDArray[numpy.int32], data: numpy.typing.NDArray[numpy.float64], drop: typing.SupportsFloat | typing.SupportsIndex, fill: typing.SupportsInt | typing.SupportsIndex, tau: typing.SupportsFloat | typing.SupportsIndex, workers: typing.SupportsInt | typing.SupportsIndex) -> tuple[typing.Any, ...]:
    """
    (0, -1, strict rows of L, strict rows of U, inverse diagonal of U), or (status, row, pivot, None, None).
    """
@typing.overload
def ilut_factor(indptr: numpy.typing.NDArray[numpy.int64], indices: numpy.typing.NDArray[numpy.int64], data: numpy.typing.NDArray[numpy.float64], drop: typing.SupportsFloat | typing.SupportsIndex, fill: typing.SupportsInt | typing.SupportsIndex, tau: typing.SupportsFloat | typing.SupportsIndex, workers: typing.SupportsInt | typing.SupportsIndex) -> tuple[typing.Any, ...]:
    """
    (0, -1, strict rows of L, strict rows of U, inverse diagonal of U), or (status, row, pivot, None, None).
    """
@typing.overload
def ilut_factor(indptr: numpy.typing.NDArray[numpy.int32], indices: numpy.typing.NDArray[numpy.int32], data: numpy.typing.NDArray[numpy.float32], drop: typing.SupportsFloat | typing.SupportsIndex, fill: typing.SupportsInt | typing.SupportsIndex, tau: typing.SupportsFloat | typing.SupportsIndex, workers: typing.SupportsInt | typing.SupportsIndex) -> tuple[typing.Any, ...]:
    """
    (0, -1, strict rows of L, strict rows of U, inverse diagonal of U), or (status, row, pivot, None, None).
    """
@typing.overload
def ilut_factor(indptr: numpy.typing.NDArray[numpy.int64], indices: numpy.typing.NDArray[numpy.int64], data: numpy.typing.NDArray[numpy.float32], drop: typing.SupportsFloat | typing.SupportsIndex, fill: typing.SupportsInt | typing.SupportsIndex, tau: typing.SupportsFloat | typing.SupportsIndex, workers: typing.SupportsInt | typing.SupportsIndex) -> tuple[typing.Any, ...]:
    """
    (0, -1, strict rows of L, strict rows of U, inverse diagonal of U), or (status, row, pivot, None, None).
    """
