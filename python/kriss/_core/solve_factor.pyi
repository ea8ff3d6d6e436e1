"""
Factorised preconditioners and triangular solves.
"""
from __future__ import annotations
import numpy
import numpy.typing
import typing
__all__: list[str] = ['EisenstatPlanF32I32', 'EisenstatPlanF32I64', 'EisenstatPlanF64I32', 'EisenstatPlanF64I64', 'eisenstat_plan', 'eisenstat_solve', 'first_triangle', 'ilu0_factor', 'level_chunk', 'level_schedule', 'mic_diagonal', 'mic_factor', 'mic_plan', 'triangle_levels', 'triangle_solve', 'triangle_solve_levels']
class EisenstatPlanF64I32:
    """
    The scaled triangles of a matrix, for `eisenstat_solve`.
    """
    def pivots(self, out: numpy.typing.NDArray[numpy.float64]) -> None:
        """
        Write the pivots of a plan from mic_plan.
        """
    @property
    def nbytes(self) -> int:
        ...
    @property
    def storage(self) -> str:
        """
        How the triangles are stored.
        """
class EisenstatPlanF64I64:
    """
    The scaled triangles of a matrix, for `eisenstat_solve`.
    """
    def pivots(self, out: numpy.typing.NDArray[numpy.float64]) -> None:
        """
        Write the pivots of a plan from mic_plan.
        """
    @property
    def nbytes(self) -> int:
        ...
    @property
    def storage(self) -> str:
        """
        How the triangles are stored.
        """
class EisenstatPlanF32I32:
    """
    The scaled triangles of a matrix, for `eisenstat_solve`.
    """
    def pivots(self, out: numpy.typing.NDArray[numpy.float32]) -> None:
        """
        Write the pivots of a plan from mic_plan.
        """
    @property
    def nbytes(self) -> int:
        ...
    @property
    def storage(self) -> str:
        """
        How the triangles are stored.
        """
class EisenstatPlanF32I64:
    """
    The scaled triangles of a matrix, for `eisenstat_solve`.
    """
    def pivots(self, out: numpy.typing.NDArray[numpy.float32]) -> None:
        """
        Write the pivots of a plan from mic_plan.
        """
    @property
    def nbytes(self) -> int:
        ...
    @property
    def storage(self) -> str:
        """
        How the triangles are stored.
        """
@typing.overload
def eisenstat_plan(indptr: numpy.typing.NDArray[numpy.int32], indices: numpy.typing.NDArray[numpy.int32], data: numpy.typing.NDArray[numpy.float64], pivot: numpy.typing.NDArray[numpy.float64], workers: typing.SupportsInt | typing.SupportsIndex) -> typing.Any:
    """
    E^-1/2 A E^-1/2 split into triangles; pivot is E.
    """
@typing.overload
def eisenstat_plan(indptr: numpy.typing.NDArray[numpy.int64], indices: numpy.typing.NDArray[numpy.int64], data: numpy.typing.NDArray[numpy.float64], pivot: numpy.typing.NDArray[numpy.float64], workers: typing.SupportsInt | typing.SupportsIndex) -> typing.Any:
    """
    E^-1/2 A E^-1/2 split into triangles; pivot is E.
    """
@typing.overload
def eisenstat_plan(indptr: numpy.typing.NDArray[numpy.int32], indices: numpy.typing.NDArray[numpy.int32], data: numpy.typing.NDArray[numpy.float32], pivot: numpy.typing.NDArray[numpy.float32], workers: typing.SupportsInt | typing.SupportsIndex) -> typing.Any:
    """
    E^-1/2 A E^-1/2 split into triangles; pivot is E.
    """
@typing.overload
def eisenstat_plan(indptr: numpy.typing.NDArray[numpy.int64], indices: numpy.typing.NDArray[numpy.int64], data: numpy.typing.NDArray[numpy.float32], pivot: numpy.typing.NDArray[numpy.float32], workers: typing.SupportsInt | typing.SupportsIndex) -> typing.Any:
    """
    E^-1/2 A E^-1/2 split into triangles; pivot is E.
    """
@typing.overload
def eisenstat_solve(plan: EisenstatPlanF64I32, indptr: numpy.typing.NDArray[numpy.int32], indices: numpy.typing.NDArray[numpy.int32], data: numpy.typing.NDArray[numpy.float64], b: numpy.typing.NDArray[numpy.float64], x: numpy.typing.NDArray[numpy.float64], tol: typing.SupportsFloat | typing.SupportsIndex, maxiter: typing.SupportsInt | typing.SupportsIndex, zero_start: bool, history: bool, workers: typing.SupportsInt | typing.SupportsIndex) -> tuple[int, int, int, float, numpy.typing.NDArray[numpy.float64]]:
    """
    Conjugate gradients in Eisenstat's form; returns (status, iterations, matvecs, residual norm, history).
    """
@typing.overload
def eisenstat_solve(plan: EisenstatPlanF64I64, indptr: numpy.typing.NDArray[numpy.int64], indices: numpy.typing.NDArray[numpy.int64], data: numpy.typing.NDArray[numpy.float64], b: numpy.typing.NDArray[numpy.float64], x: numpy.typing.NDArray[numpy.float64], tol: typing.SupportsFloat | typing.SupportsIndex, maxiter: typing.SupportsInt | typing.SupportsIndex, zero_start: bool, history: bool, workers: typing.SupportsInt | typing.SupportsIndex) -> tuple[int, int, int, float, numpy.typing.NDArray[numpy.float64]]:
    """
    Conjugate gradients in Eisenstat's form; returns (status, iterations, matvecs, residual norm, history).
    """
@typing.overload
def eisenstat_solve(plan: EisenstatPlanF32I32, indptr: numpy.typing.NDArray[numpy.int32], indices: numpy.typing.NDArray[numpy.int32], data: numpy.typing.NDArray[numpy.float32], b: numpy.typing.NDArray[numpy.float32], x: numpy.typing.NDArray[numpy.float32], tol: typing.SupportsFloat | typing.SupportsIndex, maxiter: typing.SupportsInt | typing.SupportsIndex, zero_start: bool, history: bool, workers: typing.SupportsInt | typing.SupportsIndex) -> tuple[int, int, int, float, numpy.typing.NDArray[numpy.float64]]:
    """
    Conjugate gradients in Eisenstat's form; returns (status, iterations, matvecs, residual norm, history).
    """
@typing.overload
def eisenstat_solve(plan: EisenstatPlanF32I64, indptr: numpy.typing.NDArray[numpy.int64], indices: numpy.typing.NDArray[numpy.int64], data: numpy.typing.NDArray[numpy.float32], b: numpy.typing.NDArray[numpy.float32], x: numpy.typing.NDArray[numpy.float32], tol: typing.SupportsFloat | typing.SupportsIndex, maxiter: typing.SupportsInt | typing.SupportsIndex, zero_start: bool, history: bool, workers: typing.SupportsInt | typing.SupportsIndex) -> tuple[int, int, int, float, numpy.typing.NDArray[numpy.float64]]:
    """
    Conjugate gradients in Eisenstat's form; returns (status, iterations, matvecs, residual norm, history).
    """
@typing.overload
def first_triangle(indptr: numpy.typing.NDArray[numpy.int32], indices: numpy.typing.NDArray[numpy.int32], data: numpy.typing.NDArray[numpy.float64]) -> int:
    """
    The first row that closes a triangle in the graph, or -1.
    """
@typing.overload
def first_triangle(indptr: numpy.typing.NDArray[numpy.int64], indices: numpy.typing.NDArray[numpy.int64], data: numpy.typing.NDArray[numpy.float64]) -> int:
    """
    The first row that closes a triangle in the graph, or -1.
    """
@typing.overload
def first_triangle(indptr: numpy.typing.NDArray[numpy.int32], indices: numpy.typing.NDArray[numpy.int32], data: numpy.typing.NDArray[numpy.float32]) -> int:
    """
    The first row that closes a triangle in the graph, or -1.
    """
@typing.overload
def first_triangle(indptr: numpy.typing.NDArray[numpy.int64], indices: numpy.typing.NDArray[numpy.int64], data: numpy.typing.NDArray[numpy.float32]) -> int:
    """
    The first row that closes a triangle in the graph, or -1.
    """
@typing.overload
def ilu0_factor(indptr: numpy.typing.NDArray[numpy.int32], indices: numpy.typing.NDArray[numpy.int32], data: numpy.typing.NDArray[numpy.float64], where: numpy.typing.NDArray[numpy.int32], tau: typing.SupportsFloat | typing.SupportsIndex, workers: typing.SupportsInt | typing.SupportsIndex) -> int:
    """
    L (unit diagonal, not stored) and U in place of A; returns the failing row, or -1.
    """
@typing.overload
def ilu0_factor(indptr: numpy.typing.NDArray[numpy.int64], indices: numpy.typing.NDArray[numpy.int64], data: numpy.typing.NDArray[numpy.float64], where: numpy.typing.NDArray[numpy.int64], tau: typing.SupportsFloat | typing.SupportsIndex, workers: typing.SupportsInt | typing.SupportsIndex) -> int:
    """
    L (unit diagonal, not stored) and U in place of A; returns the failing row, or -1.
    """
@typing.overload
def ilu0_factor(indptr: numpy.typing.NDArray[numpy.int32], indices: numpy.typing.NDArray[numpy.int32], data: numpy.typing.NDArray[numpy.float32], where: numpy.typing.NDArray[numpy.int32], tau: typing.SupportsFloat | typing.SupportsIndex, workers: typing.SupportsInt | typing.SupportsIndex) -> int:
    """
    L (unit diagonal, not stored) and U in place of A; returns the failing row, or -1.
    """
@typing.overload
def ilu0_factor(indptr: numpy.typing.NDArray[numpy.int64], indices: numpy.typing.NDArray[numpy.int64], data: numpy.typing.NDArray[numpy.float32], where: numpy.typing.NDArray[numpy.int64], tau: typing.SupportsFloat | typing.SupportsIndex, workers: typing.SupportsInt | typing.SupportsIndex) -> int:
    """
    L (unit diagonal, not stored) and U in place of A; returns the failing row, or -1.
    """
@typing.overload
def level_schedule(indptr: numpy.typing.NDArray[numpy.int32], indices: numpy.typing.NDArray[numpy.int32], data: numpy.typing.NDArray[numpy.float64], level: numpy.typing.NDArray[numpy.int32], levels: typing.SupportsInt | typing.SupportsIndex, order: numpy.typing.NDArray[numpy.int32], sorted_indptr: numpy.typing.NDArray[numpy.int32], sorted_indices: numpy.typing.NDArray[numpy.int32], sorted_data: numpy.typing.NDArray[numpy.float64], need: numpy.typing.NDArray[numpy.int32], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    Rows of a triangle sorted by level, and what each chunk of rows waits for.
    """
@typing.overload
def level_schedule(indptr: numpy.typing.NDArray[numpy.int64], indices: numpy.typing.NDArray[numpy.int64], data: numpy.typing.NDArray[numpy.float64], level: numpy.typing.NDArray[numpy.int64], levels: typing.SupportsInt | typing.SupportsIndex, order: numpy.typing.NDArray[numpy.int64], sorted_indptr: numpy.typing.NDArray[numpy.int64], sorted_indices: numpy.typing.NDArray[numpy.int64], sorted_data: numpy.typing.NDArray[numpy.float64], need: numpy.typing.NDArray[numpy.int64], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    Rows of a triangle sorted by level, and what each chunk of rows waits for.
    """
@typing.overload
def level_schedule(indptr: numpy.typing.NDArray[numpy.int32], indices: numpy.typing.NDArray[numpy.int32], data: numpy.typing.NDArray[numpy.float32], level: numpy.typing.NDArray[numpy.int32], levels: typing.SupportsInt | typing.SupportsIndex, order: numpy.typing.NDArray[numpy.int32], sorted_indptr: numpy.typing.NDArray[numpy.int32], sorted_indices: numpy.typing.NDArray[numpy.int32], sorted_data: numpy.typing.NDArray[numpy.float32], need: numpy.typing.NDArray[numpy.int32], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    Rows of a triangle sorted by level, and what each chunk of rows waits for.
    """
@typing.overload
def level_schedule(indptr: numpy.typing.NDArray[numpy.int64], indices: numpy.typing.NDArray[numpy.int64], data: numpy.typing.NDArray[numpy.float32], level: numpy.typing.NDArray[numpy.int64], levels: typing.SupportsInt | typing.SupportsIndex, order: numpy.typing.NDArray[numpy.int64], sorted_indptr: numpy.typing.NDArray[numpy.int64], sorted_indices: numpy.typing.NDArray[numpy.int64], sorted_data: numpy.typing.NDArray[numpy.float32], need: numpy.typing.NDArray[numpy.int64], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    Rows of a triangle sorted by level, and what each chunk of rows waits for.
    """
@typing.overload
def mic_diagonal(indptr: numpy.typing.NDArray[numpy.int32], indices: numpy.typing.NDArray[numpy.int32], data: numpy.typing.NDArray[numpy.float64], relax: typing.SupportsFloat | typing.SupportsIndex, shift: typing.SupportsFloat | typing.SupportsIndex, tau: typing.SupportsFloat | typing.SupportsIndex, pivot: numpy.typing.NDArray[numpy.float64]) -> int:
    """
    Pivots of diagonal-only modified incomplete Cholesky; returns the failing row, or -1.
    """
@typing.overload
def mic_diagonal(indptr: numpy.typing.NDArray[numpy.int64], indices: numpy.typing.NDArray[numpy.int64], data: numpy.typing.NDArray[numpy.float64], relax: typing.SupportsFloat | typing.SupportsIndex, shift: typing.SupportsFloat | typing.SupportsIndex, tau: typing.SupportsFloat | typing.SupportsIndex, pivot: numpy.typing.NDArray[numpy.float64]) -> int:
    """
    Pivots of diagonal-only modified incomplete Cholesky; returns the failing row, or -1.
    """
@typing.overload
def mic_diagonal(indptr: numpy.typing.NDArray[numpy.int32], indices: numpy.typing.NDArray[numpy.int32], data: numpy.typing.NDArray[numpy.float32], relax: typing.SupportsFloat | typing.SupportsIndex, shift: typing.SupportsFloat | typing.SupportsIndex, tau: typing.SupportsFloat | typing.SupportsIndex, pivot: numpy.typing.NDArray[numpy.float32]) -> int:
    """
    Pivots of diagonal-only modified incomplete Cholesky; returns the failing row, or -1.
    """
@typing.overload
def mic_diagonal(indptr: numpy.typing.NDArray[numpy.int64], indices: numpy.typing.NDArray[numpy.int64], data: numpy.typing.NDArray[numpy.float32], relax: typing.SupportsFloat | typing.SupportsIndex, shift: typing.SupportsFloat | typing.SupportsIndex, tau: typing.SupportsFloat | typing.SupportsIndex, pivot: numpy.typing.NDArray[numpy.float32]) -> int:
    """
    Pivots of diagonal-only modified incomplete Cholesky; returns the failing row, or -1.
    """
@typing.overload
def mic_factor(indptr: numpy.typing.NDArray[numpy.int32], indices: numpy.typing.NDArray[numpy.int32], data: numpy.typing.NDArray[numpy.float64], relax: typing.SupportsFloat | typing.SupportsIndex, shift: typing.SupportsFloat | typing.SupportsIndex, tau: typing.SupportsFloat | typing.SupportsIndex, workers: typing.SupportsInt | typing.SupportsIndex) -> int:
    """
    U of M = U'U in place of the upper triangle of A (diagonal first); returns the failing row, or -1.
    """
@typing.overload
def mic_factor(indptr: numpy.typing.NDArray[numpy.int64], indices: numpy.typing.NDArray[numpy.int64], data: numpy.typing.NDArray[numpy.float64], relax: typing.SupportsFloat | typing.SupportsIndex, shift: typing.SupportsFloat | typing.SupportsIndex, tau: typing.SupportsFloat | typing.SupportsIndex, workers: typing.SupportsInt | typing.SupportsIndex) -> int:
    """
    U of M = U'U in place of the upper triangle of A (diagonal first); returns the failing row, or -1.
    """
@typing.overload
def mic_factor(indptr: numpy.typing.NDArray[numpy.int32], indices: numpy.typing.NDArray[numpy.int32], data: numpy.typing.NDArray[numpy.float32], relax: typing.SupportsFloat | typing.SupportsIndex, shift: typing.SupportsFloat | typing.SupportsIndex, tau: typing.SupportsFloat | typing.SupportsIndex, workers: typing.SupportsInt | typing.SupportsIndex) -> int:
    """
    U of M = U'U in place of the upper triangle of A (diagonal first); returns the failing row, or -1.
    """
@typing.overload
def mic_factor(indptr: numpy.typing.NDArray[numpy.int64], indices: numpy.typing.NDArray[numpy.int64], data: numpy.typing.NDArray[numpy.float32], relax: typing.SupportsFloat | typing.SupportsIndex, shift: typing.SupportsFloat | typing.SupportsIndex, tau: typing.SupportsFloat | typing.SupportsIndex, workers: typing.SupportsInt | typing.SupportsIndex) -> int:
    """
    U of M = U'U in place of the upper triangle of A (diagonal first); returns the failing row, or -1.
    """
@typing.overload
def mic_plan(indptr: numpy.typing.NDArray[numpy.int32], indices: numpy.typing.NDArray[numpy.int32], data: numpy.typing.NDArray[numpy.float64], relax: typing.SupportsFloat | typing.SupportsIndex, shift: typing.SupportsFloat | typing.SupportsIndex, tau: typing.SupportsFloat | typing.SupportsIndex, workers: typing.SupportsInt | typing.SupportsIndex) -> typing.Any:
    """
    eisenstat_plan with the pivots of modified incomplete Cholesky; None off grids, or if a pivot is not sound.
    """
@typing.overload
def mic_plan(indptr: numpy.typing.NDArray[numpy.int64], indices: numpy.typing.NDArray[numpy.int64], data: numpy.typing.NDArray[numpy.float64], relax: typing.SupportsFloat | typing.SupportsIndex, shift: typing.SupportsFloat | typing.SupportsIndex, tau: typing.SupportsFloat | typing.SupportsIndex, workers: typing.SupportsInt | typing.SupportsIndex) -> typing.Any:
    """
    eisenstat_plan with the pivots of modified incomplete Cholesky; None off grids, or if a pivot is not sound.
    """
@typing.overload
def mic_plan(indptr: numpy.typing.NDArray[numpy.int32], indices: numpy.typing.NDArray[numpy.int32], data: numpy.typing.NDArray[numpy.float32], relax: typing.SupportsFloat | typing.SupportsIndex, shift: typing.SupportsFloat | typing.SupportsIndex, tau: typing.SupportsFloat | typing.SupportsIndex, workers: typing.SupportsInt | typing.SupportsIndex) -> typing.Any:
    """
    eisenstat_plan with the pivots of modified incomplete Cholesky; None off grids, or if a pivot is not sound.
    """
@typing.overload
def mic_plan(indptr: numpy.typing.NDArray[numpy.int64], indices: numpy.typing.NDArray[numpy.int64], data: numpy.typing.NDArray[numpy.float32], relax: typing.SupportsFloat | typing.SupportsIndex, shift: typing.SupportsFloat | typing.SupportsIndex, tau: typing.SupportsFloat | typing.SupportsIndex, workers: typing.SupportsInt | typing.SupportsIndex) -> typing.Any:
    """
    eisenstat_plan with the pivots of modified incomplete Cholesky; None off grids, or if a pivot is not sound.
    """
@typing.overload
def triangle_levels(indptr: numpy.typing.NDArray[numpy.int32], indices: numpy.typing.NDArray[numpy.int32], data: numpy.typing.NDArray[numpy.float64], lower: bool, level: numpy.typing.NDArray[numpy.int32], workers: typing.SupportsInt | typing.SupportsIndex) -> int:
    """
    The level of each row of a strict triangle; returns how many there are.
    """
@typing.overload
def triangle_levels(indptr: numpy.typing.NDArray[numpy.int64], indices: numpy.typing.NDArray[numpy.int64], data: numpy.typing.NDArray[numpy.float64], lower: bool, level: numpy.typing.NDArray[numpy.int64], workers: typing.SupportsInt | typing.SupportsIndex) -> int:
    """
    The level of each row of a strict triangle; returns how many there are.
    """
@typing.overload
def triangle_levels(indptr: numpy.typing.NDArray[numpy.int32], indices: numpy.typing.NDArray[numpy.int32], data: numpy.typing.NDArray[numpy.float32], lower: bool, level: numpy.typing.NDArray[numpy.int32], workers: typing.SupportsInt | typing.SupportsIndex) -> int:
    """
    The level of each row of a strict triangle; returns how many there are.
    """
@typing.overload
def triangle_levels(indptr: numpy.typing.NDArray[numpy.int64], indices: numpy.typing.NDArray[numpy.int64], data: numpy.typing.NDArray[numpy.float32], lower: bool, level: numpy.typing.NDArray[numpy.int64], workers: typing.SupportsInt | typing.SupportsIndex) -> int:
    """
    The level of each row of a strict triangle; returns how many there are.
    """
@typing.overload
def triangle_solve(indptr: numpy.typing.NDArray[numpy.int32], indices: numpy.typing.NDArray[numpy.int32], data: numpy.typing.NDArray[numpy.float64], inverse: numpy.typing.NDArray[numpy.float64], lower: bool, r: numpy.typing.NDArray[numpy.float64], z: numpy.typing.NDArray[numpy.float64], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    z = T^-1 r, rows in natural order: strict triangle, inverse diagonal (empty: ones); r, z: (n) or (n, k).
    """
@typing.overload
def triangle_solve(indptr: numpy.typing.NDArray[numpy.int64], indices: numpy.typing.NDArray[numpy.int64], data: numpy.typing.NDArray[numpy.float64], inverse: numpy.typing.NDArray[numpy.float64], lower: bool, r: numpy.typing.NDArray[numpy.float64], z: numpy.typing.NDArray[numpy.float64], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    z = T^-1 r, rows in natural order: strict triangle, inverse diagonal (empty: ones); r, z: (n) or (n, k).
    """
@typing.overload
def triangle_solve(indptr: numpy.typing.NDArray[numpy.int32], indices: numpy.typing.NDArray[numpy.int32], data: numpy.typing.NDArray[numpy.float32], inverse: numpy.typing.NDArray[numpy.float32], lower: bool, r: numpy.typing.NDArray[numpy.float32], z: numpy.typing.NDArray[numpy.float32], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    z = T^-1 r, rows in natural order: strict triangle, inverse diagonal (empty: ones); r, z: (n) or (n, k).
    """
@typing.overload
def triangle_solve(indptr: numpy.typing.NDArray[numpy.int64], indices: numpy.typing.NDArray[numpy.int64], data: numpy.typing.NDArray[numpy.float32], inverse: numpy.typing.NDArray[numpy.float32], lower: bool, r: numpy.typing.NDArray[numpy.float32], z: numpy.typing.NDArray[numpy.float32], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    z = T^-1 r, rows in natural order: strict triangle, inverse diagonal (empty: ones); r, z: (n) or (n, k).
    """
@typing.overload
def triangle_solve_levels(indptr: numpy.typing.NDArray[numpy.int32], indices: numpy.typing.NDArray[numpy.int32], data: numpy.typing.NDArray[numpy.float64], inverse: numpy.typing.NDArray[numpy.float64], lower: bool, order: numpy.typing.NDArray[numpy.int32], need: numpy.typing.NDArray[numpy.int32], r: numpy.typing.NDArray[numpy.float64], z: numpy.typing.NDArray[numpy.float64], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    triangle_solve with the rows of a level_schedule, on all workers; the same bits.
    """
@typing.overload
def triangle_solve_levels(indptr: numpy.typing.NDArray[numpy.int64], indices: numpy.typing.NDArray[numpy.int64], data: numpy.typing.NDArray[numpy.float64], inverse: numpy.typing.NDArray[numpy.float64], lower: bool, order: numpy.typing.NDArray[numpy.int64], need: numpy.typing.NDArray[numpy.int64], r: numpy.typing.NDArray[numpy.float64], z: numpy.typing.NDArray[numpy.float64], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    triangle_solve with the rows of a level_schedule, on all workers; the same bits.
    """
@typing.overload
def triangle_solve_levels(indptr: numpy.typing.NDArray[numpy.int32], indices: numpy.typing.NDArray[numpy.int32], data: numpy.typing.NDArray[numpy.float32], inverse: numpy.typing.NDArray[numpy.float32], lower: bool, order: numpy.typing.NDArray[numpy.int32], need: numpy.typing.NDArray[numpy.int32], r: numpy.typing.NDArray[numpy.float32], z: numpy.typing.NDArray[numpy.float32], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    triangle_solve with the rows of a level_schedule, on all workers; the same bits.
    """
@typing.overload
def triangle_solve_levels(indptr: numpy.typing.NDArray[numpy.int64], indices: numpy.typing.NDArray[numpy.int64], data: numpy.typing.NDArray[numpy.float32], inverse: numpy.typing.NDArray[numpy.float32], lower: bool, order: numpy.typing.NDArray[numpy.int64], need: numpy.typing.NDArray[numpy.int64], r: numpy.typing.NDArray[numpy.float32], z: numpy.typing.NDArray[numpy.float32], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    triangle_solve with the rows of a level_schedule, on all workers; the same bits.
    """
level_chunk: int = 256
