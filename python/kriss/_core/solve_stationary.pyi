"""
Stationary iterations.
"""
from __future__ import annotations
import numpy
import numpy.typing
import typing
__all__: list[str] = ['ColorSweepsF32I32', 'ColorSweepsF32I64', 'ColorSweepsF64I32', 'ColorSweepsF64I64', 'GridRelaxationF32I32', 'GridRelaxationF32I64', 'GridRelaxationF64I32', 'GridRelaxationF64I64', 'color_sweeps', 'greedy_colors', 'jacobi_sweeps', 'pattern_symmetric', 'rcm_order', 'relax_grid', 'relax_sweeps', 'sweep_chunk', 'sweep_needs']
class GridRelaxationF64I32:
    """
    A stencil matrix in strips of its grid, with b and x.
    """
    def jacobi(self, omega: typing.SupportsFloat | typing.SupportsIndex, count: typing.SupportsInt | typing.SupportsIndex, workers: typing.SupportsInt | typing.SupportsIndex) -> None:
        """
        count sweeps of damped Jacobi.
        """
    def read(self, x: numpy.typing.NDArray[numpy.float64], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
        """
        Write x.
        """
    def residual2(self, workers: typing.SupportsInt | typing.SupportsIndex) -> float:
        """
        The square of the norm of b - A x.
        """
    def sweep(self, omega: typing.SupportsFloat | typing.SupportsIndex, forward: bool, backward: bool, count: typing.SupportsInt | typing.SupportsIndex, workers: typing.SupportsInt | typing.SupportsIndex) -> None:
        """
        count times a forward and/or a backward SOR sweep.
        """
    @property
    def storage(self) -> str:
        """
        How the matrix is stored.
        """
class GridRelaxationF64I64:
    """
    A stencil matrix in strips of its grid, with b and x.
    """
    def jacobi(self, omega: typing.SupportsFloat | typing.SupportsIndex, count: typing.SupportsInt | typing.SupportsIndex, workers: typing.SupportsInt | typing.SupportsIndex) -> None:
        """
        count sweeps of damped Jacobi.
        """
    def read(self, x: numpy.typing.NDArray[numpy.float64], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
        """
        Write x.
        """
    def residual2(self, workers: typing.SupportsInt | typing.SupportsIndex) -> float:
        """
        The square of the norm of b - A x.
        """
    def sweep(self, omega: typing.SupportsFloat | typing.SupportsIndex, forward: bool, backward: bool, count: typing.SupportsInt | typing.SupportsIndex, workers: typing.SupportsInt | typing.SupportsIndex) -> None:
        """
        count times a forward and/or a backward SOR sweep.
        """
    @property
    def storage(self) -> str:
        """
        How the matrix is stored.
        """
class GridRelaxationF32I32:
    """
    A stencil matrix in strips of its grid, with b and x.
    """
    def jacobi(self, omega: typing.SupportsFloat | typing.SupportsIndex, count: typing.SupportsInt | typing.SupportsIndex, workers: typing.SupportsInt | typing.SupportsIndex) -> None:
        """
        count sweeps of damped Jacobi.
        """
    def read(self, x: numpy.typing.NDArray[numpy.float32], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
        """
        Write x.
        """
    def residual2(self, workers: typing.SupportsInt | typing.SupportsIndex) -> float:
        """
        The square of the norm of b - A x.
        """
    def sweep(self, omega: typing.SupportsFloat | typing.SupportsIndex, forward: bool, backward: bool, count: typing.SupportsInt | typing.SupportsIndex, workers: typing.SupportsInt | typing.SupportsIndex) -> None:
        """
        count times a forward and/or a backward SOR sweep.
        """
    @property
    def storage(self) -> str:
        """
        How the matrix is stored.
        """
class GridRelaxationF32I64:
    """
    A stencil matrix in strips of its grid, with b and x.
    """
    def jacobi(self, omega: typing.SupportsFloat | typing.SupportsIndex, count: typing.SupportsInt | typing.SupportsIndex, workers: typing.SupportsInt | typing.SupportsIndex) -> None:
        """
        count sweeps of damped Jacobi.
        """
    def read(self, x: numpy.typing.NDArray[numpy.float32], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
        """
        Write x.
        """
    def residual2(self, workers: typing.SupportsInt | typing.SupportsIndex) -> float:
        """
        The square of the norm of b - A x.
        """
    def sweep(self, omega: typing.SupportsFloat | typing.SupportsIndex, forward: bool, backward: bool, count: typing.SupportsInt | typing.SupportsIndex, workers: typing.SupportsInt | typing.SupportsIndex) -> None:
        """
        count times a forward and/or a backward SOR sweep.
        """
    @property
    def storage(self) -> str:
        """
        How the matrix is stored.
        """
class ColorSweepsF64I32:
    """
    A matrix with its rows sorted by colour, with b and x.
    """
    def read(self, x: numpy.typing.NDArray[numpy.float64], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
        """
        Write x.
        """
    def sweep(self, omega: typing.SupportsFloat | typing.SupportsIndex, forward: bool, backward: bool, count: typing.SupportsInt | typing.SupportsIndex, workers: typing.SupportsInt | typing.SupportsIndex) -> None:
        """
        count times a forward and/or a backward SOR sweep.
        """
class ColorSweepsF64I64:
    """
    A matrix with its rows sorted by colour, with b and x.
    """
    def read(self, x: numpy.typing.NDArray[numpy.float64], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
        """
        Write x.
        """
    def sweep(self, omega: typing.SupportsFloat | typing.SupportsIndex, forward: bool, backward: bool, count: typing.SupportsInt | typing.SupportsIndex, workers: typing.SupportsInt | typing.SupportsIndex) -> None:
        """
        count times a forward and/or a backward SOR sweep.
        """
class ColorSweepsF32I32:
    """
    A matrix with its rows sorted by colour, with b and x.
    """
    def read(self, x: numpy.typing.NDArray[numpy.float32], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
        """
        Write x.
        """
    def sweep(self, omega: typing.SupportsFloat | typing.SupportsIndex, forward: bool, backward: bool, count: typing.SupportsInt | typing.SupportsIndex, workers: typing.SupportsInt | typing.SupportsIndex) -> None:
        """
        count times a forward and/or a backward SOR sweep.
        """
class ColorSweepsF32I64:
    """
    A matrix with its rows sorted by colour, with b and x.
    """
    def read(self, x: numpy.typing.NDArray[numpy.float32], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
        """
        Write x.
        """
    def sweep(self, omega: typing.SupportsFloat | typing.SupportsIndex, forward: bool, backward: bool, count: typing.SupportsInt | typing.SupportsIndex, workers: typing.SupportsInt | typing.SupportsIndex) -> None:
        """
        count times a forward and/or a backward SOR sweep.
        """
@typing.overload
def color_sweeps(indptr: numpy.typing.NDArray[numpy.int32], indices: numpy.typing.NDArray[numpy.int32], data: numpy.typing.NDArray[numpy.float64], color: numpy.typing.NDArray[numpy.int32], colors: typing.SupportsInt | typing.SupportsIndex, inverse: numpy.typing.NDArray[numpy.float64], b: numpy.typing.NDArray[numpy.float64], x: numpy.typing.NDArray[numpy.float64], workers: typing.SupportsInt | typing.SupportsIndex) -> typing.Any:
    """
    The matrix with its rows sorted by colour.
    """
@typing.overload
def color_sweeps(indptr: numpy.typing.NDArray[numpy.int64], indices: numpy.typing.NDArray[numpy.int64], data: numpy.typing.NDArray[numpy.float64], color: numpy.typing.NDArray[numpy.int64], colors: typing.SupportsInt | typing.SupportsIndex, inverse: numpy.typing.NDArray[numpy.float64], b: numpy.typing.NDArray[numpy.float64], x: numpy.typing.NDArray[numpy.float64], workers: typing.SupportsInt | typing.SupportsIndex) -> typing.Any:
    """
    The matrix with its rows sorted by colour.
    """
@typing.overload
def color_sweeps(indptr: numpy.typing.NDArray[numpy.int32], indices: numpy.typing.NDArray[numpy.int32], data: numpy.typing.NDArray[numpy.float32], color: numpy.typing.NDArray[numpy.int32], colors: typing.SupportsInt | typing.SupportsIndex, inverse: numpy.typing.NDArray[numpy.float32], b: numpy.typing.NDArray[numpy.float32], x: numpy.typing.NDArray[numpy.float32], workers: typing.SupportsInt | typing.SupportsIndex) -> typing.Any:
    """
    The matrix with its rows sorted by colour.
    """
@typing.overload
def color_sweeps(indptr: numpy.typing.NDArray[numpy.int64], indices: numpy.typing.NDArray[numpy.int64], data: numpy.typing.NDArray[numpy.float32], color: numpy.typing.NDArray[numpy.int64], colors: typing.SupportsInt | typing.SupportsIndex, inverse: numpy.typing.NDArray[numpy.float32], b: numpy.typing.NDArray[numpy.float32], x: numpy.typing.NDArray[numpy.float32], workers: typing.SupportsInt | typing.SupportsIndex) -> typing.Any:
    """
    The matrix with its rows sorted by colour.
    """
@typing.overload
def greedy_colors(indptr: numpy.typing.NDArray[numpy.int32], indices: numpy.typing.NDArray[numpy.int32], data: numpy.typing.NDArray[numpy.float64], color: numpy.typing.NDArray[numpy.int32], workers: typing.SupportsInt | typing.SupportsIndex) -> int:
    """
    Greedy colouring in natural order; returns how many colours there are.
    """
@typing.overload
def greedy_colors(indptr: numpy.typing.NDArray[numpy.int64], indices: numpy.typing.NDArray[numpy.int64], data: numpy.typing.NDArray[numpy.float64], color: numpy.typing.NDArray[numpy.int64], workers: typing.SupportsInt | typing.SupportsIndex) -> int:
    """
    Greedy colouring in natural order; returns how many colours there are.
    """
@typing.overload
def greedy_colors(indptr: numpy.typing.NDArray[numpy.int32], indices: numpy.typing.NDArray[numpy.int32], data: numpy.typing.NDArray[numpy.float32], color: numpy.typing.NDArray[numpy.int32], workers: typing.SupportsInt | typing.SupportsIndex) -> int:
    """
    Greedy colouring in natural order; returns how many colours there are.
    """
@typing.overload
def greedy_colors(indptr: numpy.typing.NDArray[numpy.int64], indices: numpy.typing.NDArray[numpy.int64], data: numpy.typing.NDArray[numpy.float32], color: numpy.typing.NDArray[numpy.int64], workers: typing.SupportsInt | typing.SupportsIndex) -> int:
    """
    Greedy colouring in natural order; returns how many colours there are.
    """
@typing.overload
def jacobi_sweeps(indptr: numpy.typing.NDArray[numpy.int32], indices: numpy.typing.NDArray[numpy.int32], data: numpy.typing.NDArray[numpy.float64], inverse: numpy.typing.NDArray[numpy.float64], omega: typing.SupportsFloat | typing.SupportsIndex, b: numpy.typing.NDArray[numpy.float64], x: numpy.typing.NDArray[numpy.float64], count: typing.SupportsInt | typing.SupportsIndex, workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    count sweeps of damped Jacobi over x.
    """
@typing.overload
def jacobi_sweeps(indptr: numpy.typing.NDArray[numpy.int64], indices: numpy.typing.NDArray[numpy.int64], data: numpy.typing.NDArray[numpy.float64], inverse: numpy.typing.NDArray[numpy.float64], omega: typing.SupportsFloat | typing.SupportsIndex, b: numpy.typing.NDArray[numpy.float64], x: numpy.typing.NDArray[numpy.float64], count: typing.SupportsInt | typing.SupportsIndex, workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    count sweeps of damped Jacobi over x.
    """
@typing.overload
def jacobi_sweeps(indptr: numpy.typing.NDArray[numpy.int32], indices: numpy.typing.NDArray[numpy.int32], data: numpy.typing.NDArray[numpy.float32], inverse: numpy.typing.NDArray[numpy.float32], omega: typing.SupportsFloat | typing.SupportsIndex, b: numpy.typing.NDArray[numpy.float32], x: numpy.typing.NDArray[numpy.float32], count: typing.SupportsInt | typing.SupportsIndex, workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    count sweeps of damped Jacobi over x.
    """
@typing.overload
def jacobi_sweeps(indptr: numpy.typing.NDArray[numpy.int64], indices: numpy.typing.NDArray[numpy.int64], data: numpy.typing.NDArray[numpy.float32], inverse: numpy.typing.NDArray[numpy.float32], omega: typing.SupportsFloat | typing.SupportsIndex, b: numpy.typing.NDArray[numpy.float32], x: numpy.typing.NDArray[numpy.float32], count: typing.SupportsInt | typing.SupportsIndex, workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    count sweeps of damped Jacobi over x.
    """
@typing.overload
def pattern_symmetric(indptr: numpy.typing.NDArray[numpy.int32], indices: numpy.typing.NDArray[numpy.int32], data: numpy.typing.NDArray[numpy.float64], workers: typing.SupportsInt | typing.SupportsIndex) -> bool:
    """
    Whether each entry has its counterpart on the other side of the diagonal; rows sorted.
    """
@typing.overload
def pattern_symmetric(indptr: numpy.typing.NDArray[numpy.int64], indices: numpy.typing.NDArray[numpy.int64], data: numpy.typing.NDArray[numpy.float64], workers: typing.SupportsInt | typing.SupportsIndex) -> bool:
    """
    Whether each entry has its counterpart on the other side of the diagonal; rows sorted.
    """
@typing.overload
def pattern_symmetric(indptr: numpy.typing.NDArray[numpy.int32], indices: numpy.typing.NDArray[numpy.int32], data: numpy.typing.NDArray[numpy.float32], workers: typing.SupportsInt | typing.SupportsIndex) -> bool:
    """
    Whether each entry has its counterpart on the other side of the diagonal; rows sorted.
    """
@typing.overload
def pattern_symmetric(indptr: numpy.typing.NDArray[numpy.int64], indices: numpy.typing.NDArray[numpy.int64], data: numpy.typing.NDArray[numpy.float32], workers: typing.SupportsInt | typing.SupportsIndex) -> bool:
    """
    Whether each entry has its counterpart on the other side of the diagonal; rows sorted.
    """
@typing.overload
def rcm_order(indptr: numpy.typing.NDArray[numpy.int32], indices: numpy.typing.NDArray[numpy.int32], order: numpy.typing.NDArray[numpy.int32], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    Reverse Cuthill-McKee order of a symmetric pattern.
    """
@typing.overload
def rcm_order(indptr: numpy.typing.NDArray[numpy.int64], indices: numpy.typing.NDArray[numpy.int64], order: numpy.typing.NDArray[numpy.int64], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    Reverse Cuthill-McKee order of a symmetric pattern.
    """
@typing.overload
def relax_grid(indptr: numpy.typing.NDArray[numpy.int32], indices: numpy.typing.NDArray[numpy.int32], data: numpy.typing.NDArray[numpy.float64], b: numpy.typing.NDArray[numpy.float64], x: numpy.typing.NDArray[numpy.float64], workers: typing.SupportsInt | typing.SupportsIndex) -> typing.Any:
    """
    The matrix in strips, or None: it is no stencil on a grid, or a diagonal entry cannot be divided by.
    """
@typing.overload
def relax_grid(indptr: numpy.typing.NDArray[numpy.int64], indices: numpy.typing.NDArray[numpy.int64], data: numpy.typing.NDArray[numpy.float64], b: numpy.typing.NDArray[numpy.float64], x: numpy.typing.NDArray[numpy.float64], workers: typing.SupportsInt | typing.SupportsIndex) -> typing.Any:
    """
    The matrix in strips, or None: it is no stencil on a grid, or a diagonal entry cannot be divided by.
    """
@typing.overload
def relax_grid(indptr: numpy.typing.NDArray[numpy.int32], indices: numpy.typing.NDArray[numpy.int32], data: numpy.typing.NDArray[numpy.float32], b: numpy.typing.NDArray[numpy.float32], x: numpy.typing.NDArray[numpy.float32], workers: typing.SupportsInt | typing.SupportsIndex) -> typing.Any:
    """
    The matrix in strips, or None: it is no stencil on a grid, or a diagonal entry cannot be divided by.
    """
@typing.overload
def relax_grid(indptr: numpy.typing.NDArray[numpy.int64], indices: numpy.typing.NDArray[numpy.int64], data: numpy.typing.NDArray[numpy.float32], b: numpy.typing.NDArray[numpy.float32], x: numpy.typing.NDArray[numpy.float32], workers: typing.SupportsInt | typing.SupportsIndex) -> typing.Any:
    """
    The matrix in strips, or None: it is no stencil on a grid, or a diagonal entry cannot be divided by.
    """
@typing.overload
def relax_sweeps(indptr: numpy.typing.NDArray[numpy.int32], indices: numpy.typing.NDArray[numpy.int32], data: numpy.typing.NDArray[numpy.float64], inverse: numpy.typing.NDArray[numpy.float64], omega: typing.SupportsFloat | typing.SupportsIndex, b: numpy.typing.NDArray[numpy.float64], x: numpy.typing.NDArray[numpy.float64], rows: numpy.typing.NDArray[numpy.int32], need: numpy.typing.NDArray[numpy.int32], back_need: numpy.typing.NDArray[numpy.int32], forward: bool, backward: bool, count: typing.SupportsInt | typing.SupportsIndex, workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    count times a forward and/or a backward SOR sweep over x, rows in the order given (empty: natural).
    """
@typing.overload
def relax_sweeps(indptr: numpy.typing.NDArray[numpy.int64], indices: numpy.typing.NDArray[numpy.int64], data: numpy.typing.NDArray[numpy.float64], inverse: numpy.typing.NDArray[numpy.float64], omega: typing.SupportsFloat | typing.SupportsIndex, b: numpy.typing.NDArray[numpy.float64], x: numpy.typing.NDArray[numpy.float64], rows: numpy.typing.NDArray[numpy.int64], need: numpy.typing.NDArray[numpy.int64], back_need: numpy.typing.NDArray[numpy.int64], forward: bool, backward: bool, count: typing.SupportsInt | typing.SupportsIndex, workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    count times a forward and/or a backward SOR sweep over x, rows in the order given (empty: natural).
    """
@typing.overload
def relax_sweeps(indptr: numpy.typing.NDArray[numpy.int32], indices: numpy.typing.NDArray[numpy.int32], data: numpy.typing.NDArray[numpy.float32], inverse: numpy.typing.NDArray[numpy.float32], omega: typing.SupportsFloat | typing.SupportsIndex, b: numpy.typing.NDArray[numpy.float32], x: numpy.typing.NDArray[numpy.float32], rows: numpy.typing.NDArray[numpy.int32], need: numpy.typing.NDArray[numpy.int32], back_need: numpy.typing.NDArray[numpy.int32], forward: bool, backward: bool, count: typing.SupportsInt | typing.SupportsIndex, workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    count times a forward and/or a backward SOR sweep over x, rows in the order given (empty: natural).
    """
@typing.overload
def relax_sweeps(indptr: numpy.typing.NDArray[numpy.int64], indices: numpy.typing.NDArray[numpy.int64], data: numpy.typing.NDArray[numpy.float32], inverse: numpy.typing.NDArray[numpy.float32], omega: typing.SupportsFloat | typing.SupportsIndex, b: numpy.typing.NDArray[numpy.float32], x: numpy.typing.NDArray[numpy.float32], rows: numpy.typing.NDArray[numpy.int64], need: numpy.typing.NDArray[numpy.int64], back_need: numpy.typing.NDArray[numpy.int64], forward: bool, backward: bool, count: typing.SupportsInt | typing.SupportsIndex, workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    count times a forward and/or a backward SOR sweep over x, rows in the order given (empty: natural).
    """
@typing.overload
def sweep_needs(indptr: numpy.typing.NDArray[numpy.int32], indices: numpy.typing.NDArray[numpy.int32], data: numpy.typing.NDArray[numpy.float64], rows: numpy.typing.NDArray[numpy.int32], backward: bool, need: numpy.typing.NDArray[numpy.int32], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    What each chunk of an order of rows waits for.
    """
@typing.overload
def sweep_needs(indptr: numpy.typing.NDArray[numpy.int64], indices: numpy.typing.NDArray[numpy.int64], data: numpy.typing.NDArray[numpy.float64], rows: numpy.typing.NDArray[numpy.int64], backward: bool, need: numpy.typing.NDArray[numpy.int64], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    What each chunk of an order of rows waits for.
    """
@typing.overload
def sweep_needs(indptr: numpy.typing.NDArray[numpy.int32], indices: numpy.typing.NDArray[numpy.int32], data: numpy.typing.NDArray[numpy.float32], rows: numpy.typing.NDArray[numpy.int32], backward: bool, need: numpy.typing.NDArray[numpy.int32], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    What each chunk of an order of rows waits for.
    """
@typing.overload
def sweep_needs(indptr: numpy.typing.NDArray[numpy.int64], indices: numpy.typing.NDArray[numpy.int64], data: numpy.typing.NDArray[numpy.float32], rows: numpy.typing.NDArray[numpy.int64], backward: bool, need: numpy.typing.NDArray[numpy.int64], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    What each chunk of an order of rows waits for.
    """
sweep_chunk: int = 256
