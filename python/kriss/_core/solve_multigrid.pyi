"""
Multigrid preconditioners.
"""
from __future__ import annotations
import numpy
import numpy.typing
import typing
__all__: list[str] = ['Amg', 'AmgF32', 'BlackBox', 'BlackBoxF32', 'NativePrecond', 'NativePrecondF32', 'cg_native']
class NativePrecond:
    """
    A preconditioner for compiled loops.
    """
    def apply(self, r: numpy.typing.NDArray[numpy.float64], z: numpy.typing.NDArray[numpy.float64], scale: typing.SupportsFloat | typing.SupportsIndex, workers: typing.SupportsInt | typing.SupportsIndex) -> float:
        """
        z = scale M^-1 r; returns r'z.
        """
    def apply_multi(self, r: numpy.typing.NDArray[numpy.float64], z: numpy.typing.NDArray[numpy.float64], scale: typing.SupportsFloat | typing.SupportsIndex, workers: typing.SupportsInt | typing.SupportsIndex) -> None:
        """
        z = scale M^-1 r for each column.
        """
    @property
    def size(self) -> int:
        ...
class NativePrecondF32:
    """
    A preconditioner for compiled loops.
    """
    def apply(self, r: numpy.typing.NDArray[numpy.float32], z: numpy.typing.NDArray[numpy.float32], scale: typing.SupportsFloat | typing.SupportsIndex, workers: typing.SupportsInt | typing.SupportsIndex) -> float:
        """
        z = scale M^-1 r; returns r'z.
        """
    def apply_multi(self, r: numpy.typing.NDArray[numpy.float32], z: numpy.typing.NDArray[numpy.float32], scale: typing.SupportsFloat | typing.SupportsIndex, workers: typing.SupportsInt | typing.SupportsIndex) -> None:
        """
        z = scale M^-1 r for each column.
        """
    @property
    def size(self) -> int:
        ...
class BlackBox(NativePrecond):
    """
    Black-Box multigrid.
    """
    def __init__(self) -> None:
        ...
    def grids(self) -> list[tuple[typing.Annotated[list[int], "FixedSize(3)"], int]]:
        """
        ((n0, n1, n2), axes relaxed by lines as a bit mask) per level.
        """
    @typing.overload
    def setup(self, indptr: numpy.typing.NDArray[numpy.int32], indices: numpy.typing.NDArray[numpy.int32], data: numpy.typing.NDArray[numpy.float64], n0: typing.SupportsInt | typing.SupportsIndex, n1: typing.SupportsInt | typing.SupportsIndex, n2: typing.SupportsInt | typing.SupportsIndex, lines: typing.SupportsInt | typing.SupportsIndex, twice: typing.SupportsInt | typing.SupportsIndex, workers: typing.SupportsInt | typing.SupportsIndex) -> tuple[int, int, int, int, int, int]:
        """
        Build the hierarchy; returns (stage, level, kind, row, column, index), stage 0 if it is ready.
        """
    @typing.overload
    def setup(self, indptr: numpy.typing.NDArray[numpy.int64], indices: numpy.typing.NDArray[numpy.int64], data: numpy.typing.NDArray[numpy.float64], n0: typing.SupportsInt | typing.SupportsIndex, n1: typing.SupportsInt | typing.SupportsIndex, n2: typing.SupportsInt | typing.SupportsIndex, lines: typing.SupportsInt | typing.SupportsIndex, twice: typing.SupportsInt | typing.SupportsIndex, workers: typing.SupportsInt | typing.SupportsIndex) -> tuple[int, int, int, int, int, int]:
        """
        Build the hierarchy; returns (stage, level, kind, row, column, index), stage 0 if it is ready.
        """
    def stencil(self, level: typing.SupportsInt | typing.SupportsIndex, half: typing.SupportsInt | typing.SupportsIndex) -> numpy.typing.NDArray[numpy.float64]:
        """
        Couplings of a level to the neighbour with code 13 + half; empty if none.
        """
    @property
    def nbytes(self) -> int:
        ...
class BlackBoxF32(NativePrecondF32):
    """
    Black-Box multigrid.
    """
    def __init__(self) -> None:
        ...
    def grids(self) -> list[tuple[typing.Annotated[list[int], "FixedSize(3)"], int]]:
        """
        ((n0, n1, n2), axes relaxed by lines as a bit mask) per level.
        """
    @typing.overload
    def setup(self, indptr: numpy.typing.NDArray[numpy.int32], indices: numpy.typing.NDArray[numpy.int32], data: numpy.typing.NDArray[numpy.float32], n0: typing.SupportsInt | typing.SupportsIndex, n1: typing.SupportsInt | typing.SupportsIndex, n2: typing.SupportsInt | typing.SupportsIndex, lines: typing.SupportsInt | typing.SupportsIndex, twice: typing.SupportsInt | typing.SupportsIndex, workers: typing.SupportsInt | typing.SupportsIndex) -> tuple[int, int, int, int, int, int]:
        """
        Build the hierarchy; returns (stage, level, kind, row, column, index), stage 0 if it is ready.
        """
    @typing.overload
    def setup(self, indptr: numpy.typing.NDArray[numpy.int64], indices: numpy.typing.NDArray[numpy.int64], data: numpy.typing.NDArray[numpy.float32], n0: typing.SupportsInt | typing.SupportsIndex, n1: typing.SupportsInt | typing.SupportsIndex, n2: typing.SupportsInt | typing.SupportsIndex, lines: typing.SupportsInt | typing.SupportsIndex, twice: typing.SupportsInt | typing.SupportsIndex, workers: typing.SupportsInt | typing.SupportsIndex) -> tuple[int, int, int, int, int, int]:
        """
        Build the hierarchy; returns (stage, level, kind, row, column, index), stage 0 if it is ready.
        """
    def stencil(self, level: typing.SupportsInt | typing.SupportsIndex, half: typing.SupportsInt | typing.SupportsIndex) -> numpy.typing.NDArray[numpy.float32]:
        """
        Couplings of a level to the neighbour with code 13 + half; empty if none.
        """
    @property
    def nbytes(self) -> int:
        ...
class Amg(NativePrecond):
    """
    A hierarchy of algebraic multigrid.
    """
    def __init__(self) -> None:
        ...
    def add(self, a_indptr: numpy.typing.NDArray[numpy.int32], a_indices: numpy.typing.NDArray[numpy.int32], a_data: numpy.typing.NDArray[numpy.float64], p_indptr: numpy.typing.NDArray[numpy.int32], p_indices: numpy.typing.NDArray[numpy.int32], p_data: numpy.typing.NDArray[numpy.float64], r_indptr: numpy.typing.NDArray[numpy.int32], r_indices: numpy.typing.NDArray[numpy.int32], r_data: numpy.typing.NDArray[numpy.float64], pre: typing.SupportsInt | typing.SupportsIndex, pre_iterations: typing.SupportsInt | typing.SupportsIndex, pre_omega: typing.SupportsFloat | typing.SupportsIndex, post: typing.SupportsInt | typing.SupportsIndex, post_iterations: typing.SupportsInt | typing.SupportsIndex, post_omega: typing.SupportsFloat | typing.SupportsIndex) -> int:
        """
        Add a level, fine to coarse; empty p and r: the coarsest. Returns the first row with an unusable diagonal entry, or -1. Smoothers: 0 none, 1 forward, 2 backward, 3 symmetric Gauss-Seidel, 4 Jacobi.
        """
    def finish(self, coarse: numpy.typing.NDArray[numpy.float64], cycle: typing.SupportsInt | typing.SupportsIndex) -> None:
        """
        The inverse of the coarsest operator, and the cycle.
        """
    @property
    def accompanied_sweeps(self) -> int:
        """
        Sweeps so far, over all levels, whose products others made meanwhile.
        """
    @property
    def nbytes(self) -> int:
        ...
    @property
    def shared_sweeps(self) -> int:
        """
        Directions of sweeps, over all levels, that several workers share.
        """
class AmgF32(NativePrecondF32):
    """
    A hierarchy of algebraic multigrid.
    """
    def __init__(self) -> None:
        ...
    def add(self, a_indptr: numpy.typing.NDArray[numpy.int32], a_indices: numpy.typing.NDArray[numpy.int32], a_data: numpy.typing.NDArray[numpy.float32], p_indptr: numpy.typing.NDArray[numpy.int32], p_indices: numpy.typing.NDArray[numpy.int32], p_data: numpy.typing.NDArray[numpy.float32], r_indptr: numpy.typing.NDArray[numpy.int32], r_indices: numpy.typing.NDArray[numpy.int32], r_data: numpy.typing.NDArray[numpy.float32], pre: typing.SupportsInt | typing.SupportsIndex, pre_iterations: typing.SupportsInt | typing.SupportsIndex, pre_omega: typing.SupportsFloat | typing.SupportsIndex, post: typing.SupportsInt | typing.SupportsIndex, post_iterations: typing.SupportsInt | typing.SupportsIndex, post_omega: typing.SupportsFloat | typing.SupportsIndex) -> int:
        """
        Add a level, fine to coarse; empty p and r: the coarsest. Returns the first row with an unusable diagonal entry, or -1. Smoothers: 0 none, 1 forward, 2 backward, 3 symmetric Gauss-Seidel, 4 Jacobi.
        """
    def finish(self, coarse: numpy.typing.NDArray[numpy.float32], cycle: typing.SupportsInt | typing.SupportsIndex) -> None:
        """
        The inverse of the coarsest operator, and the cycle.
        """
    @property
    def accompanied_sweeps(self) -> int:
        """
        Sweeps so far, over all levels, whose products others made meanwhile.
        """
    @property
    def nbytes(self) -> int:
        ...
    @property
    def shared_sweeps(self) -> int:
        """
        Directions of sweeps, over all levels, that several workers share.
        """
@typing.overload
def cg_native(indptr: numpy.typing.NDArray[numpy.int32], indices: numpy.typing.NDArray[numpy.int32], data: numpy.typing.NDArray[numpy.float64], b: numpy.typing.NDArray[numpy.float64], x: numpy.typing.NDArray[numpy.float64], M: NativePrecond, scale: typing.SupportsFloat | typing.SupportsIndex, tol: typing.SupportsFloat | typing.SupportsIndex, maxiter: typing.SupportsInt | typing.SupportsIndex, zero_start: bool, history: bool, workers: typing.SupportsInt | typing.SupportsIndex) -> tuple[int, int, int, float, numpy.typing.NDArray[numpy.float64], int, int]:
    """
    Conjugate gradients with a preconditioner object; returns what solve.cg_csr returns.
    """
@typing.overload
def cg_native(indptr: numpy.typing.NDArray[numpy.int64], indices: numpy.typing.NDArray[numpy.int64], data: numpy.typing.NDArray[numpy.float64], b: numpy.typing.NDArray[numpy.float64], x: numpy.typing.NDArray[numpy.float64], M: NativePrecond, scale: typing.SupportsFloat | typing.SupportsIndex, tol: typing.SupportsFloat | typing.SupportsIndex, maxiter: typing.SupportsInt | typing.SupportsIndex, zero_start: bool, history: bool, workers: typing.SupportsInt | typing.SupportsIndex) -> tuple[int, int, int, float, numpy.typing.NDArray[numpy.float64], int, int]:
    """
    Conjugate gradients with a preconditioner object; returns what solve.cg_csr returns.
    """
@typing.overload
def cg_native(indptr: numpy.typing.NDArray[numpy.int32], indices: numpy.typing.NDArray[numpy.int32], data: numpy.typing.NDArray[numpy.float32], b: numpy.typing.NDArray[numpy.float32], x: numpy.typing.NDArray[numpy.float32], M: NativePrecondF32, scale: typing.SupportsFloat | typing.SupportsIndex, tol: typing.SupportsFloat | typing.SupportsIndex, maxiter: typing.SupportsInt | typing.SupportsIndex, zero_start: bool, history: bool, workers: typing.SupportsInt | typing.SupportsIndex) -> tuple[int, int, int, float, numpy.typing.NDArray[numpy.float64], int, int]:
    """
    Conjugate gradients with a preconditioner object; returns what solve.cg_csr returns.
    """
@typing.overload
def cg_native(indptr: numpy.typing.NDArray[numpy.int64], indices: numpy.typing.NDArray[numpy.int64], data: numpy.typing.NDArray[numpy.float32], b: numpy.typing.NDArray[numpy.float32], x: numpy.typing.NDArray[numpy.float32], M: NativePrecondF32, scale: typing.SupportsFloat | typing.SupportsIndex, tol: typing.SupportsFloat | typing.SupportsIndex, maxiter: typing.SupportsInt | typing.SupportsIndex, zero_start: bool, history: bool, workers: typing.SupportsInt | typing.SupportsIndex) -> tuple[int, int, int, float, numpy.typing.NDArray[numpy.float64], int, int]:
    """
    Conjugate gradients with a preconditioner object; returns what solve.cg_csr returns.
    """
