"""
Block matrices and stencils as linear maps.
"""
from __future__ import annotations
import kriss._core.solve_krylov
import kriss._core.solve_multigrid
import numpy
import numpy.typing
import typing
__all__: list[str] = ['apply_panel', 'block_map', 'cg_map', 'grid_map', 'grid_pivots', 'grid_sweeps']
@typing.overload
def apply_panel(a: kriss._core.solve_krylov.MapF64, x: numpy.typing.NDArray[numpy.float64], y: numpy.typing.NDArray[numpy.float64], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    y = A x for a panel x of 1, 2, 4 or 8 columns.
    """
@typing.overload
def apply_panel(a: kriss._core.solve_krylov.MapF32, x: numpy.typing.NDArray[numpy.float32], y: numpy.typing.NDArray[numpy.float32], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    y = A x for a panel x of 1, 2, 4 or 8 columns.
    """
@typing.overload
def block_map(indptr: numpy.typing.NDArray[numpy.int32], indices: numpy.typing.NDArray[numpy.int32], data: numpy.typing.NDArray[numpy.float64]) -> kriss._core.solve_krylov.MapF64:
    """
    A square matrix of blocks (BSR) as a map.
    """
@typing.overload
def block_map(indptr: numpy.typing.NDArray[numpy.int64], indices: numpy.typing.NDArray[numpy.int64], data: numpy.typing.NDArray[numpy.float64]) -> kriss._core.solve_krylov.MapF64:
    """
    A square matrix of blocks (BSR) as a map.
    """
@typing.overload
def block_map(indptr: numpy.typing.NDArray[numpy.int32], indices: numpy.typing.NDArray[numpy.int32], data: numpy.typing.NDArray[numpy.float32]) -> kriss._core.solve_krylov.MapF32:
    """
    A square matrix of blocks (BSR) as a map.
    """
@typing.overload
def block_map(indptr: numpy.typing.NDArray[numpy.int64], indices: numpy.typing.NDArray[numpy.int64], data: numpy.typing.NDArray[numpy.float32]) -> kriss._core.solve_krylov.MapF32:
    """
    A square matrix of blocks (BSR) as a map.
    """
@typing.overload
def block_map(indptr: numpy.typing.NDArray[numpy.int32], indices: numpy.typing.NDArray[numpy.int32], data: numpy.typing.NDArray[numpy.complex128]) -> kriss._core.solve_krylov.MapC128:
    """
    A square matrix of blocks (BSR) as a map.
    """
@typing.overload
def block_map(indptr: numpy.typing.NDArray[numpy.int64], indices: numpy.typing.NDArray[numpy.int64], data: numpy.typing.NDArray[numpy.complex128]) -> kriss._core.solve_krylov.MapC128:
    """
    A square matrix of blocks (BSR) as a map.
    """
@typing.overload
def block_map(indptr: numpy.typing.NDArray[numpy.int32], indices: numpy.typing.NDArray[numpy.int32], data: numpy.typing.NDArray[numpy.complex64]) -> kriss._core.solve_krylov.MapC64:
    """
    A square matrix of blocks (BSR) as a map.
    """
@typing.overload
def block_map(indptr: numpy.typing.NDArray[numpy.int64], indices: numpy.typing.NDArray[numpy.int64], data: numpy.typing.NDArray[numpy.complex64]) -> kriss._core.solve_krylov.MapC64:
    """
    A square matrix of blocks (BSR) as a map.
    """
@typing.overload
def cg_map(a: kriss._core.solve_krylov.MapF64, m: kriss._core.solve_krylov.MapF64, inverse: numpy.typing.NDArray[numpy.float64], b: numpy.typing.NDArray[numpy.float64], x: numpy.typing.NDArray[numpy.float64], tol: typing.SupportsFloat | typing.SupportsIndex, maxiter: typing.SupportsInt | typing.SupportsIndex, zero_start: bool, history: bool, workers: typing.SupportsInt | typing.SupportsIndex) -> tuple[int, int, int, float, numpy.typing.NDArray[numpy.float64]]:
    """
    Conjugate gradients over maps, `inverse` a Jacobi preconditioner or empty; returns (status, iterations, matvecs, residual norm, history).
    """
@typing.overload
def cg_map(a: kriss._core.solve_krylov.MapF32, m: kriss._core.solve_krylov.MapF32, inverse: numpy.typing.NDArray[numpy.float32], b: numpy.typing.NDArray[numpy.float32], x: numpy.typing.NDArray[numpy.float32], tol: typing.SupportsFloat | typing.SupportsIndex, maxiter: typing.SupportsInt | typing.SupportsIndex, zero_start: bool, history: bool, workers: typing.SupportsInt | typing.SupportsIndex) -> tuple[int, int, int, float, numpy.typing.NDArray[numpy.float64]]:
    """
    Conjugate gradients over maps, `inverse` a Jacobi preconditioner or empty; returns (status, iterations, matvecs, residual norm, history).
    """
@typing.overload
def grid_map(n: numpy.typing.NDArray[numpy.int64], wrap: numpy.typing.NDArray[numpy.int64], step: numpy.typing.NDArray[numpy.int64], constant: numpy.typing.NDArray[numpy.float64], which: numpy.typing.NDArray[numpy.int64], shift: numpy.typing.NDArray[numpy.int64], streams: list[typing.Any]) -> kriss._core.solve_krylov.MapF64:
    """
    A stencil on a grid as a map: point p has the coefficient streams[which[p]][cell - shift[p]], or constant[p] where which[p] is -1.
    """
@typing.overload
def grid_map(n: numpy.typing.NDArray[numpy.int64], wrap: numpy.typing.NDArray[numpy.int64], step: numpy.typing.NDArray[numpy.int64], constant: numpy.typing.NDArray[numpy.float32], which: numpy.typing.NDArray[numpy.int64], shift: numpy.typing.NDArray[numpy.int64], streams: list[typing.Any]) -> kriss._core.solve_krylov.MapF32:
    """
    A stencil on a grid as a map: point p has the coefficient streams[which[p]][cell - shift[p]], or constant[p] where which[p] is -1.
    """
@typing.overload
def grid_map(n: numpy.typing.NDArray[numpy.int64], wrap: numpy.typing.NDArray[numpy.int64], step: numpy.typing.NDArray[numpy.int64], constant: numpy.typing.NDArray[numpy.complex128], which: numpy.typing.NDArray[numpy.int64], shift: numpy.typing.NDArray[numpy.int64], streams: list[typing.Any]) -> kriss._core.solve_krylov.MapC128:
    """
    A stencil on a grid as a map: point p has the coefficient streams[which[p]][cell - shift[p]], or constant[p] where which[p] is -1.
    """
@typing.overload
def grid_map(n: numpy.typing.NDArray[numpy.int64], wrap: numpy.typing.NDArray[numpy.int64], step: numpy.typing.NDArray[numpy.int64], constant: numpy.typing.NDArray[numpy.complex64], which: numpy.typing.NDArray[numpy.int64], shift: numpy.typing.NDArray[numpy.int64], streams: list[typing.Any]) -> kriss._core.solve_krylov.MapC64:
    """
    A stencil on a grid as a map: point p has the coefficient streams[which[p]][cell - shift[p]], or constant[p] where which[p] is -1.
    """
@typing.overload
def grid_pivots(a: kriss._core.solve_krylov.MapF64, relax: typing.SupportsFloat | typing.SupportsIndex, shift: typing.SupportsFloat | typing.SupportsIndex, tau: typing.SupportsFloat | typing.SupportsIndex, pivot: numpy.typing.NDArray[numpy.float64], workers: typing.SupportsInt | typing.SupportsIndex) -> tuple[int, int]:
    """
    Pivots of the modified incomplete factorisation of a stencil without triangles; returns (status, row).
    """
@typing.overload
def grid_pivots(a: kriss._core.solve_krylov.MapF32, relax: typing.SupportsFloat | typing.SupportsIndex, shift: typing.SupportsFloat | typing.SupportsIndex, tau: typing.SupportsFloat | typing.SupportsIndex, pivot: numpy.typing.NDArray[numpy.float32], workers: typing.SupportsInt | typing.SupportsIndex) -> tuple[int, int]:
    """
    Pivots of the modified incomplete factorisation of a stencil without triangles; returns (status, row).
    """
@typing.overload
def grid_sweeps(a: kriss._core.solve_krylov.MapF64, inverse: numpy.typing.NDArray[numpy.float64], omega: typing.SupportsFloat | typing.SupportsIndex) -> kriss._core.solve_multigrid.NativePrecond:
    """
    M^-1 of SSOR or an incomplete factorisation of a stencil, as a preconditioner object.
    """
@typing.overload
def grid_sweeps(a: kriss._core.solve_krylov.MapF32, inverse: numpy.typing.NDArray[numpy.float32], omega: typing.SupportsFloat | typing.SupportsIndex) -> kriss._core.solve_multigrid.NativePrecondF32:
    """
    M^-1 of SSOR or an incomplete factorisation of a stencil, as a preconditioner object.
    """
