"""
Learned preconditioners.
"""
from __future__ import annotations
import kriss._core.solve_multigrid
import numpy
import numpy.typing
import typing
__all__: list[str] = ['FactoredBox', 'couplings']
class FactoredBox(kriss._core.solve_multigrid.NativePrecond):
    """
    Multigrid smoothed by incomplete factors.
    """
    def __init__(self) -> None:
        ...
    @typing.overload
    def begin(self, indptr: numpy.typing.NDArray[numpy.int32], indices: numpy.typing.NDArray[numpy.int32], data: numpy.typing.NDArray[numpy.float64], n0: typing.SupportsInt | typing.SupportsIndex, n1: typing.SupportsInt | typing.SupportsIndex, n2: typing.SupportsInt | typing.SupportsIndex, workers: typing.SupportsInt | typing.SupportsIndex) -> tuple[typing.Any, ...]:
        """
        The finest grid, n0 = 1 for two axes; returns (stage, level, kind, row, column, index), stage 0 if all is well.
        """
    @typing.overload
    def begin(self, indptr: numpy.typing.NDArray[numpy.int64], indices: numpy.typing.NDArray[numpy.int64], data: numpy.typing.NDArray[numpy.float64], n0: typing.SupportsInt | typing.SupportsIndex, n1: typing.SupportsInt | typing.SupportsIndex, n2: typing.SupportsInt | typing.SupportsIndex, workers: typing.SupportsInt | typing.SupportsIndex) -> tuple[typing.Any, ...]:
        """
        The finest grid, n0 = 1 for two axes; returns (stage, level, kind, row, column, index), stage 0 if all is well.
        """
    def coarsen(self, net: numpy.typing.NDArray[numpy.float32], orders: typing.SupportsInt | typing.SupportsIndex, workers: typing.SupportsInt | typing.SupportsIndex) -> tuple[typing.Any, ...]:
        """
        Factor the last grid and add the next; net empty: Dendy's weights; orders: 1 natural, 2 mirrored, 4 turned, 8 both, added up: two are taken.
        """
    def finish(self, twice: typing.SupportsInt | typing.SupportsIndex) -> tuple[typing.Any, ...]:
        """
        Factor the coarsest grid; levels 1 to `twice` correct from the next grid twice.
        """
    def grids(self) -> list[typing.Annotated[list[int], "FixedSize(3)"]]:
        """
        (n0, n1, n2) per level.
        """
    def stencil(self, level: typing.SupportsInt | typing.SupportsIndex) -> numpy.typing.NDArray[numpy.float64]:
        """
        (14, n0, n1, n2): the diagonal, and couplings to the later neighbours.
        """
    def weights(self, net: numpy.typing.NDArray[numpy.float32], workers: typing.SupportsInt | typing.SupportsIndex) -> numpy.typing.NDArray[numpy.float64]:
        """
        (27, m0, m1, m2): the weight of each coarse point at the points beside it; net empty: Dendy's.
        """
    @property
    def nbytes(self) -> int:
        ...
@typing.overload
def couplings(indptr: numpy.typing.NDArray[numpy.int32], indices: numpy.typing.NDArray[numpy.int32], data: numpy.typing.NDArray[numpy.float64], rows: numpy.typing.NDArray[numpy.int64], columns: numpy.typing.NDArray[numpy.int64], n1: typing.SupportsInt | typing.SupportsIndex, out: numpy.typing.NDArray[numpy.float64]) -> None:
    """
    (5, rows, columns): couplings to the point itself, right, lower left, below, lower right, over 3 by 3 points.
    """
@typing.overload
def couplings(indptr: numpy.typing.NDArray[numpy.int64], indices: numpy.typing.NDArray[numpy.int64], data: numpy.typing.NDArray[numpy.float64], rows: numpy.typing.NDArray[numpy.int64], columns: numpy.typing.NDArray[numpy.int64], n1: typing.SupportsInt | typing.SupportsIndex, out: numpy.typing.NDArray[numpy.float64]) -> None:
    """
    (5, rows, columns): couplings to the point itself, right, lower left, below, lower right, over 3 by 3 points.
    """
