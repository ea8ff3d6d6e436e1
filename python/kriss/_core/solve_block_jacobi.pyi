"""
Block Jacobi.
"""
from __future__ import annotations
import kriss._core.solve_multigrid
import numpy
import numpy.typing
import typing
__all__: list[str] = ['BlockJacobi', 'BlockJacobiF32']
class BlockJacobi(kriss._core.solve_multigrid.NativePrecond):
    """
    Block Jacobi.
    """
    def __init__(self) -> None:
        ...
    @typing.overload
    def setup(self, indptr: numpy.typing.NDArray[numpy.int32], indices: numpy.typing.NDArray[numpy.int32], data: numpy.typing.NDArray[numpy.float64], label: numpy.typing.NDArray[numpy.int64], count: typing.SupportsInt | typing.SupportsIndex, workers: typing.SupportsInt | typing.SupportsIndex) -> tuple[int, int]:
        """
        Factorise the diagonal blocks: (kind, block): 0 or 1 (all definite) and -1; 2 (singular) or 3 (overflow) and the block.
        """
    @typing.overload
    def setup(self, indptr: numpy.typing.NDArray[numpy.int64], indices: numpy.typing.NDArray[numpy.int64], data: numpy.typing.NDArray[numpy.float64], label: numpy.typing.NDArray[numpy.int64], count: typing.SupportsInt | typing.SupportsIndex, workers: typing.SupportsInt | typing.SupportsIndex) -> tuple[int, int]:
        """
        Factorise the diagonal blocks: (kind, block): 0 or 1 (all definite) and -1; 2 (singular) or 3 (overflow) and the block.
        """
    @property
    def definite(self) -> int:
        """
        How many blocks are symmetric with positive pivots.
        """
    @property
    def nbytes(self) -> int:
        ...
class BlockJacobiF32(kriss._core.solve_multigrid.NativePrecondF32):
    """
    Block Jacobi.
    """
    def __init__(self) -> None:
        ...
    @typing.overload
    def setup(self, indptr: numpy.typing.NDArray[numpy.int32], indices: numpy.typing.NDArray[numpy.int32], data: numpy.typing.NDArray[numpy.float32], label: numpy.typing.NDArray[numpy.int64], count: typing.SupportsInt | typing.SupportsIndex, workers: typing.SupportsInt | typing.SupportsIndex) -> tuple[int, int]:
        """
        Factorise the diagonal blocks: (kind, block): 0 or 1 (all definite) and -1; 2 (singular) or 3 (overflow) and the block.
        """
    @typing.overload
    def setup(self, indptr: numpy.typing.NDArray[numpy.int64], indices: numpy.typing.NDArray[numpy.int64], data: numpy.typing.NDArray[numpy.float32], label: numpy.typing.NDArray[numpy.int64], count: typing.SupportsInt | typing.SupportsIndex, workers: typing.SupportsInt | typing.SupportsIndex) -> tuple[int, int]:
        """
        Factorise the diagonal blocks: (kind, block): 0 or 1 (all definite) and -1; 2 (singular) or 3 (overflow) and the block.
        """
    @property
    def definite(self) -> int:
        """
        How many blocks are symmetric with positive pivots.
        """
    @property
    def nbytes(self) -> int:
        ...
