"""
Substitution with stored triangles.
"""
from __future__ import annotations
import numpy
import numpy.typing
import typing
__all__: list[str] = ['substitute']
@typing.overload
def substitute(indptr: numpy.typing.NDArray[numpy.int32], indices: numpy.typing.NDArray[numpy.int32], data: numpy.typing.NDArray[numpy.float64], lower: bool, columns: bool, unit: bool, x: numpy.typing.NDArray[numpy.float64]) -> tuple[int, int]:
    """
    x = T^-1 x with a triangle in compressed rows or columns; returns (status, line).
    
    status: 0; 8 where a diagonal entry is zero or missing; 13 where the storage is not that of a triangle.
    """
@typing.overload
def substitute(indptr: numpy.typing.NDArray[numpy.int64], indices: numpy.typing.NDArray[numpy.int64], data: numpy.typing.NDArray[numpy.float64], lower: bool, columns: bool, unit: bool, x: numpy.typing.NDArray[numpy.float64]) -> tuple[int, int]:
    """
    x = T^-1 x with a triangle in compressed rows or columns; returns (status, line).
    
    status: 0; 8 where a diagonal entry is zero or missing; 13 where the storage is not that of a triangle.
    """
@typing.overload
def substitute(indptr: numpy.typing.NDArray[numpy.int32], indices: numpy.typing.NDArray[numpy.int32], data: numpy.typing.NDArray[numpy.float32], lower: bool, columns: bool, unit: bool, x: numpy.typing.NDArray[numpy.float32]) -> tuple[int, int]:
    """
    x = T^-1 x with a triangle in compressed rows or columns; returns (status, line).
    
    status: 0; 8 where a diagonal entry is zero or missing; 13 where the storage is not that of a triangle.
    """
@typing.overload
def substitute(indptr: numpy.typing.NDArray[numpy.int64], indices: numpy.typing.NDArray[numpy.int64], data: numpy.typing.NDArray[numpy.float32], lower: bool, columns: bool, unit: bool, x: numpy.typing.NDArray[numpy.float32]) -> tuple[int, int]:
    """
    x = T^-1 x with a triangle in compressed rows or columns; returns (status, line).
    
    status: 0; 8 where a diagonal entry is zero or missing; 13 where the storage is not that of a triangle.
    """
