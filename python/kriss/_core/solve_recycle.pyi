"""
Krylov methods that recycle their space.
"""
from __future__ import annotations
import kriss._core.solve_krylov
import numpy
import numpy.typing
import typing
__all__: list[str] = ['gcrodr']
@typing.overload
def gcrodr(a: kriss._core.solve_krylov.MapF64, m: kriss._core.solve_krylov.MapF64, b: numpy.typing.NDArray[numpy.float64], x: numpy.typing.NDArray[numpy.float64], zero_start: bool, restart: typing.SupportsInt | typing.SupportsIndex, recycle: typing.SupportsInt | typing.SupportsIndex, space: list[typing.Any], directions: list[typing.Any], tol: typing.SupportsFloat | typing.SupportsIndex, eps: typing.SupportsFloat | typing.SupportsIndex, maxiter: typing.SupportsInt | typing.SupportsIndex, verify: bool, callback: typing.Any, workers: typing.SupportsInt | typing.SupportsIndex) -> tuple[int, int, int, numpy.typing.NDArray[numpy.float64], bool, list[typing.Any], list[typing.Any]]:
    """
    GCRO-DR; space: vectors to start from, directions: M times them or none.
    
    Returns (status, iterations, matvecs, history, whether a space was made, its vectors, M times them).
    """
@typing.overload
def gcrodr(a: kriss._core.solve_krylov.MapF32, m: kriss._core.solve_krylov.MapF32, b: numpy.typing.NDArray[numpy.float32], x: numpy.typing.NDArray[numpy.float32], zero_start: bool, restart: typing.SupportsInt | typing.SupportsIndex, recycle: typing.SupportsInt | typing.SupportsIndex, space: list[typing.Any], directions: list[typing.Any], tol: typing.SupportsFloat | typing.SupportsIndex, eps: typing.SupportsFloat | typing.SupportsIndex, maxiter: typing.SupportsInt | typing.SupportsIndex, verify: bool, callback: typing.Any, workers: typing.SupportsInt | typing.SupportsIndex) -> tuple[int, int, int, numpy.typing.NDArray[numpy.float64], bool, list[typing.Any], list[typing.Any]]:
    """
    GCRO-DR; space: vectors to start from, directions: M times them or none.
    
    Returns (status, iterations, matvecs, history, whether a space was made, its vectors, M times them).
    """
@typing.overload
def gcrodr(a: kriss._core.solve_krylov.MapC128, m: kriss._core.solve_krylov.MapC128, b: numpy.typing.NDArray[numpy.complex128], x: numpy.typing.NDArray[numpy.complex128], zero_start: bool, restart: typing.SupportsInt | typing.SupportsIndex, recycle: typing.SupportsInt | typing.SupportsIndex, space: list[typing.Any], directions: list[typing.Any], tol: typing.SupportsFloat | typing.SupportsIndex, eps: typing.SupportsFloat | typing.SupportsIndex, maxiter: typing.SupportsInt | typing.SupportsIndex, verify: bool, callback: typing.Any, workers: typing.SupportsInt | typing.SupportsIndex) -> tuple[int, int, int, numpy.typing.NDArray[numpy.float64], bool, list[typing.Any], list[typing.Any]]:
    """
    GCRO-DR; space: vectors to start from, directions: M times them or none.
    
    Returns (status, iterations, matvecs, history, whether a space was made, its vectors, M times them).
    """
@typing.overload
def gcrodr(a: kriss._core.solve_krylov.MapC64, m: kriss._core.solve_krylov.MapC64, b: numpy.typing.NDArray[numpy.complex64], x: numpy.typing.NDArray[numpy.complex64], zero_start: bool, restart: typing.SupportsInt | typing.SupportsIndex, recycle: typing.SupportsInt | typing.SupportsIndex, space: list[typing.Any], directions: list[typing.Any], tol: typing.SupportsFloat | typing.SupportsIndex, eps: typing.SupportsFloat | typing.SupportsIndex, maxiter: typing.SupportsInt | typing.SupportsIndex, verify: bool, callback: typing.Any, workers: typing.SupportsInt | typing.SupportsIndex) -> tuple[int, int, int, numpy.typing.NDArray[numpy.float64], bool, list[typing.Any], list[typing.Any]]:
    """
    GCRO-DR; space: vectors to start from, directions: M times them or none.
    
    Returns (status, iterations, matvecs, history, whether a space was made, its vectors, M times them).
    """
