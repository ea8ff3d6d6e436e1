"""
Krylov methods over linear maps.
"""
from __future__ import annotations
import kriss._core.solve_multigrid
import numpy
import numpy.typing
import typing
__all__: list[str] = ['MapC128', 'MapC64', 'MapF32', 'MapF64', 'arnoldi', 'bicgstab', 'csr_map', 'diagonal_map', 'fcg', 'fused', 'hook_map', 'minres', 'native_map', 'ssor_map']
class MapF64:
    def apply(self, x: numpy.typing.NDArray[numpy.float64], y: numpy.typing.NDArray[numpy.float64], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
        """
        y = F x.
        """
    @property
    def halo(self) -> int:
        ...
    @property
    def n(self) -> int:
        ...
    @property
    def product_bytes(self) -> int:
        ...
    @property
    def storage(self) -> int:
        ...
class MapF32:
    def apply(self, x: numpy.typing.NDArray[numpy.float32], y: numpy.typing.NDArray[numpy.float32], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
        """
        y = F x.
        """
    @property
    def halo(self) -> int:
        ...
    @property
    def n(self) -> int:
        ...
    @property
    def product_bytes(self) -> int:
        ...
    @property
    def storage(self) -> int:
        ...
class MapC128:
    def apply(self, x: numpy.typing.NDArray[numpy.complex128], y: numpy.typing.NDArray[numpy.complex128], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
        """
        y = F x.
        """
    @property
    def halo(self) -> int:
        ...
    @property
    def n(self) -> int:
        ...
    @property
    def product_bytes(self) -> int:
        ...
    @property
    def storage(self) -> int:
        ...
class MapC64:
    def apply(self, x: numpy.typing.NDArray[numpy.complex64], y: numpy.typing.NDArray[numpy.complex64], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
        """
        y = F x.
        """
    @property
    def halo(self) -> int:
        ...
    @property
    def n(self) -> int:
        ...
    @property
    def product_bytes(self) -> int:
        ...
    @property
    def storage(self) -> int:
        ...
@typing.overload
def arnoldi(a: MapF64, m: MapF64, left: bool, v: list[typing.Any], z: list[typing.Any], c: list[typing.Any], h: numpy.typing.NDArray[numpy.float64], b: numpy.typing.NDArray[numpy.float64], beta: typing.SupportsFloat | typing.SupportsIndex, tol: typing.SupportsFloat | typing.SupportsIndex, eps: typing.SupportsFloat | typing.SupportsIndex, callback: typing.Any, workers: typing.SupportsInt | typing.SupportsIndex, complete: bool = True, padded: bool = False, loss: typing.SupportsFloat | typing.SupportsIndex = 0.0) -> tuple[int, float, bool, bool, numpy.typing.NDArray[numpy.float64], int]:
    """
    One cycle of GMRES; v: steps + 1 vectors, v[0] of norm 1; z: steps vectors or none; c: orthonormal vectors.
    
    Fills v, z, h (steps, steps + 1) and b (steps, k); returns (steps, residual, breakdown, finite, coefficients, matvecs). The last vector of v is orthonormal to the others only if `complete`. `padded`: v and z lie between as many zeros as the halo of a. `loss`: products of vectors up to which the second orthogonalisation is left out.
    """
@typing.overload
def arnoldi(a: MapF32, m: MapF32, left: bool, v: list[typing.Any], z: list[typing.Any], c: list[typing.Any], h: numpy.typing.NDArray[numpy.float64], b: numpy.typing.NDArray[numpy.float64], beta: typing.SupportsFloat | typing.SupportsIndex, tol: typing.SupportsFloat | typing.SupportsIndex, eps: typing.SupportsFloat | typing.SupportsIndex, callback: typing.Any, workers: typing.SupportsInt | typing.SupportsIndex, complete: bool = True, padded: bool = False, loss: typing.SupportsFloat | typing.SupportsIndex = 0.0) -> tuple[int, float, bool, bool, numpy.typing.NDArray[numpy.float64], int]:
    """
    One cycle of GMRES; v: steps + 1 vectors, v[0] of norm 1; z: steps vectors or none; c: orthonormal vectors.
    
    Fills v, z, h (steps, steps + 1) and b (steps, k); returns (steps, residual, breakdown, finite, coefficients, matvecs). The last vector of v is orthonormal to the others only if `complete`. `padded`: v and z lie between as many zeros as the halo of a. `loss`: products of vectors up to which the second orthogonalisation is left out.
    """
@typing.overload
def arnoldi(a: MapC128, m: MapC128, left: bool, v: list[typing.Any], z: list[typing.Any], c: list[typing.Any], h: numpy.typing.NDArray[numpy.complex128], b: numpy.typing.NDArray[numpy.complex128], beta: typing.SupportsFloat | typing.SupportsIndex, tol: typing.SupportsFloat | typing.SupportsIndex, eps: typing.SupportsFloat | typing.SupportsIndex, callback: typing.Any, workers: typing.SupportsInt | typing.SupportsIndex, complete: bool = True, padded: bool = False, loss: typing.SupportsFloat | typing.SupportsIndex = 0.0) -> tuple[int, float, bool, bool, numpy.typing.NDArray[numpy.complex128], int]:
    """
    One cycle of GMRES; v: steps + 1 vectors, v[0] of norm 1; z: steps vectors or none; c: orthonormal vectors.
    
    Fills v, z, h (steps, steps + 1) and b (steps, k); returns (steps, residual, breakdown, finite, coefficients, matvecs). The last vector of v is orthonormal to the others only if `complete`. `padded`: v and z lie between as many zeros as the halo of a. `loss`: products of vectors up to which the second orthogonalisation is left out.
    """
@typing.overload
def arnoldi(a: MapC64, m: MapC64, left: bool, v: list[typing.Any], z: list[typing.Any], c: list[typing.Any], h: numpy.typing.NDArray[numpy.complex128], b: numpy.typing.NDArray[numpy.complex128], beta: typing.SupportsFloat | typing.SupportsIndex, tol: typing.SupportsFloat | typing.SupportsIndex, eps: typing.SupportsFloat | typing.SupportsIndex, callback: typing.Any, workers: typing.SupportsInt | typing.SupportsIndex, complete: bool = True, padded: bool = False, loss: typing.SupportsFloat | typing.SupportsIndex = 0.0) -> tuple[int, float, bool, bool, numpy.typing.NDArray[numpy.complex128], int]:
    """
    One cycle of GMRES; v: steps + 1 vectors, v[0] of norm 1; z: steps vectors or none; c: orthonormal vectors.
    
    Fills v, z, h (steps, steps + 1) and b (steps, k); returns (steps, residual, breakdown, finite, coefficients, matvecs). The last vector of v is orthonormal to the others only if `complete`. `padded`: v and z lie between as many zeros as the halo of a. `loss`: products of vectors up to which the second orthogonalisation is left out.
    """
@typing.overload
def bicgstab(a: MapF64, m: MapF64, b: numpy.typing.NDArray[numpy.float64], x: numpy.typing.NDArray[numpy.float64], zero_start: bool, tol: typing.SupportsFloat | typing.SupportsIndex, eps: typing.SupportsFloat | typing.SupportsIndex, maxiter: typing.SupportsInt | typing.SupportsIndex, scipy_rules: bool, callback: typing.Any, workers: typing.SupportsInt | typing.SupportsIndex) -> tuple[int, int, int, numpy.typing.NDArray[numpy.float64], int, int]:
    """
    BiCGStab; returns (status, iterations, matvecs, history, SciPy's info, restarts).
    """
@typing.overload
def bicgstab(a: MapF32, m: MapF32, b: numpy.typing.NDArray[numpy.float32], x: numpy.typing.NDArray[numpy.float32], zero_start: bool, tol: typing.SupportsFloat | typing.SupportsIndex, eps: typing.SupportsFloat | typing.SupportsIndex, maxiter: typing.SupportsInt | typing.SupportsIndex, scipy_rules: bool, callback: typing.Any, workers: typing.SupportsInt | typing.SupportsIndex) -> tuple[int, int, int, numpy.typing.NDArray[numpy.float64], int, int]:
    """
    BiCGStab; returns (status, iterations, matvecs, history, SciPy's info, restarts).
    """
@typing.overload
def bicgstab(a: MapC128, m: MapC128, b: numpy.typing.NDArray[numpy.complex128], x: numpy.typing.NDArray[numpy.complex128], zero_start: bool, tol: typing.SupportsFloat | typing.SupportsIndex, eps: typing.SupportsFloat | typing.SupportsIndex, maxiter: typing.SupportsInt | typing.SupportsIndex, scipy_rules: bool, callback: typing.Any, workers: typing.SupportsInt | typing.SupportsIndex) -> tuple[int, int, int, numpy.typing.NDArray[numpy.float64], int, int]:
    """
    BiCGStab; returns (status, iterations, matvecs, history, SciPy's info, restarts).
    """
@typing.overload
def bicgstab(a: MapC64, m: MapC64, b: numpy.typing.NDArray[numpy.complex64], x: numpy.typing.NDArray[numpy.complex64], zero_start: bool, tol: typing.SupportsFloat | typing.SupportsIndex, eps: typing.SupportsFloat | typing.SupportsIndex, maxiter: typing.SupportsInt | typing.SupportsIndex, scipy_rules: bool, callback: typing.Any, workers: typing.SupportsInt | typing.SupportsIndex) -> tuple[int, int, int, numpy.typing.NDArray[numpy.float64], int, int]:
    """
    BiCGStab; returns (status, iterations, matvecs, history, SciPy's info, restarts).
    """
@typing.overload
def csr_map(indptr: numpy.typing.NDArray[numpy.int32], indices: numpy.typing.NDArray[numpy.int32], data: numpy.typing.NDArray[numpy.float64], by_diagonal: bool) -> MapF64:
    """
    A square CSR matrix as a map; by_diagonal: by diagonals or blocks where that pays.
    """
@typing.overload
def csr_map(indptr: numpy.typing.NDArray[numpy.int64], indices: numpy.typing.NDArray[numpy.int64], data: numpy.typing.NDArray[numpy.float64], by_diagonal: bool) -> MapF64:
    """
    A square CSR matrix as a map; by_diagonal: by diagonals or blocks where that pays.
    """
@typing.overload
def csr_map(indptr: numpy.typing.NDArray[numpy.int32], indices: numpy.typing.NDArray[numpy.int32], data: numpy.typing.NDArray[numpy.float32], by_diagonal: bool) -> MapF32:
    """
    A square CSR matrix as a map; by_diagonal: by diagonals or blocks where that pays.
    """
@typing.overload
def csr_map(indptr: numpy.typing.NDArray[numpy.int64], indices: numpy.typing.NDArray[numpy.int64], data: numpy.typing.NDArray[numpy.float32], by_diagonal: bool) -> MapF32:
    """
    A square CSR matrix as a map; by_diagonal: by diagonals or blocks where that pays.
    """
@typing.overload
def csr_map(indptr: numpy.typing.NDArray[numpy.int32], indices: numpy.typing.NDArray[numpy.int32], data: numpy.typing.NDArray[numpy.complex128], by_diagonal: bool) -> MapC128:
    """
    A square CSR matrix as a map; by_diagonal: by diagonals or blocks where that pays.
    """
@typing.overload
def csr_map(indptr: numpy.typing.NDArray[numpy.int64], indices: numpy.typing.NDArray[numpy.int64], data: numpy.typing.NDArray[numpy.complex128], by_diagonal: bool) -> MapC128:
    """
    A square CSR matrix as a map; by_diagonal: by diagonals or blocks where that pays.
    """
@typing.overload
def csr_map(indptr: numpy.typing.NDArray[numpy.int32], indices: numpy.typing.NDArray[numpy.int32], data: numpy.typing.NDArray[numpy.complex64], by_diagonal: bool) -> MapC64:
    """
    A square CSR matrix as a map; by_diagonal: by diagonals or blocks where that pays.
    """
@typing.overload
def csr_map(indptr: numpy.typing.NDArray[numpy.int64], indices: numpy.typing.NDArray[numpy.int64], data: numpy.typing.NDArray[numpy.complex64], by_diagonal: bool) -> MapC64:
    """
    A square CSR matrix as a map; by_diagonal: by diagonals or blocks where that pays.
    """
@typing.overload
def diagonal_map(d: numpy.typing.NDArray[numpy.float64]) -> MapF64:
    """
    x -> d x, item by item, as a map.
    """
@typing.overload
def diagonal_map(d: numpy.typing.NDArray[numpy.float32]) -> MapF32:
    """
    x -> d x, item by item, as a map.
    """
@typing.overload
def diagonal_map(d: numpy.typing.NDArray[numpy.complex128]) -> MapC128:
    """
    x -> d x, item by item, as a map.
    """
@typing.overload
def diagonal_map(d: numpy.typing.NDArray[numpy.complex64]) -> MapC64:
    """
    x -> d x, item by item, as a map.
    """
@typing.overload
def fcg(a: MapF64, m: MapF64, b: numpy.typing.NDArray[numpy.float64], x: numpy.typing.NDArray[numpy.float64], zero_start: bool, window: typing.SupportsInt | typing.SupportsIndex, u: list[typing.Any], w: list[typing.Any], e_inverse: numpy.typing.NDArray[numpy.float64], kept_p: list[typing.Any], kept_q: list[typing.Any], tol: typing.SupportsFloat | typing.SupportsIndex, maxiter: typing.SupportsInt | typing.SupportsIndex, callback: typing.Any, workers: typing.SupportsInt | typing.SupportsIndex) -> tuple[int, int, int, numpy.typing.NDArray[numpy.float64], int]:
    """
    Flexible CG, deflated by u (w = A u, e_inverse = (u^H w)^-1); returns (status, iterations, matvecs, history, directions kept).
    """
@typing.overload
def fcg(a: MapF32, m: MapF32, b: numpy.typing.NDArray[numpy.float32], x: numpy.typing.NDArray[numpy.float32], zero_start: bool, window: typing.SupportsInt | typing.SupportsIndex, u: list[typing.Any], w: list[typing.Any], e_inverse: numpy.typing.NDArray[numpy.float64], kept_p: list[typing.Any], kept_q: list[typing.Any], tol: typing.SupportsFloat | typing.SupportsIndex, maxiter: typing.SupportsInt | typing.SupportsIndex, callback: typing.Any, workers: typing.SupportsInt | typing.SupportsIndex) -> tuple[int, int, int, numpy.typing.NDArray[numpy.float64], int]:
    """
    Flexible CG, deflated by u (w = A u, e_inverse = (u^H w)^-1); returns (status, iterations, matvecs, history, directions kept).
    """
@typing.overload
def fcg(a: MapC128, m: MapC128, b: numpy.typing.NDArray[numpy.complex128], x: numpy.typing.NDArray[numpy.complex128], zero_start: bool, window: typing.SupportsInt | typing.SupportsIndex, u: list[typing.Any], w: list[typing.Any], e_inverse: numpy.typing.NDArray[numpy.complex128], kept_p: list[typing.Any], kept_q: list[typing.Any], tol: typing.SupportsFloat | typing.SupportsIndex, maxiter: typing.SupportsInt | typing.SupportsIndex, callback: typing.Any, workers: typing.SupportsInt | typing.SupportsIndex) -> tuple[int, int, int, numpy.typing.NDArray[numpy.float64], int]:
    """
    Flexible CG, deflated by u (w = A u, e_inverse = (u^H w)^-1); returns (status, iterations, matvecs, history, directions kept).
    """
@typing.overload
def fcg(a: MapC64, m: MapC64, b: numpy.typing.NDArray[numpy.complex64], x: numpy.typing.NDArray[numpy.complex64], zero_start: bool, window: typing.SupportsInt | typing.SupportsIndex, u: list[typing.Any], w: list[typing.Any], e_inverse: numpy.typing.NDArray[numpy.complex128], kept_p: list[typing.Any], kept_q: list[typing.Any], tol: typing.SupportsFloat | typing.SupportsIndex, maxiter: typing.SupportsInt | typing.SupportsIndex, callback: typing.Any, workers: typing.SupportsInt | typing.SupportsIndex) -> tuple[int, int, int, numpy.typing.NDArray[numpy.float64], int]:
    """
    Flexible CG, deflated by u (w = A u, e_inverse = (u^H w)^-1); returns (status, iterations, matvecs, history, directions kept).
    """
@typing.overload
def fused(y: numpy.typing.NDArray[numpy.float64], beta: typing.SupportsFloat | typing.SupportsIndex, v: list[typing.Any], c: numpy.typing.NDArray[numpy.float64], w: list[typing.Any], workers: typing.SupportsInt | typing.SupportsIndex) -> tuple[numpy.typing.NDArray[numpy.float64], float]:
    """
    y = beta y + sum c_j v_j; returns (w_j^H y for all j, y^H y).
    """
@typing.overload
def fused(y: numpy.typing.NDArray[numpy.float32], beta: typing.SupportsFloat | typing.SupportsIndex, v: list[typing.Any], c: numpy.typing.NDArray[numpy.float64], w: list[typing.Any], workers: typing.SupportsInt | typing.SupportsIndex) -> tuple[numpy.typing.NDArray[numpy.float64], float]:
    """
    y = beta y + sum c_j v_j; returns (w_j^H y for all j, y^H y).
    """
@typing.overload
def fused(y: numpy.typing.NDArray[numpy.complex128], beta: complex | typing.SupportsComplex | typing.SupportsFloat | typing.SupportsIndex, v: list[typing.Any], c: numpy.typing.NDArray[numpy.complex128], w: list[typing.Any], workers: typing.SupportsInt | typing.SupportsIndex) -> tuple[numpy.typing.NDArray[numpy.complex128], float]:
    """
    y = beta y + sum c_j v_j; returns (w_j^H y for all j, y^H y).
    """
@typing.overload
def fused(y: numpy.typing.NDArray[numpy.complex64], beta: complex | typing.SupportsComplex | typing.SupportsFloat | typing.SupportsIndex, v: list[typing.Any], c: numpy.typing.NDArray[numpy.complex128], w: list[typing.Any], workers: typing.SupportsInt | typing.SupportsIndex) -> tuple[numpy.typing.NDArray[numpy.complex128], float]:
    """
    y = beta y + sum c_j v_j; returns (w_j^H y for all j, y^H y).
    """
@typing.overload
def hook_map(fn: typing.Any, like: numpy.typing.NDArray[numpy.float64]) -> MapF64:
    """
    fn(x, y), which writes y = F x, as a map on vectors of the size and dtype of `like`.
    """
@typing.overload
def hook_map(fn: typing.Any, like: numpy.typing.NDArray[numpy.float32]) -> MapF32:
    """
    fn(x, y), which writes y = F x, as a map on vectors of the size and dtype of `like`.
    """
@typing.overload
def hook_map(fn: typing.Any, like: numpy.typing.NDArray[numpy.complex128]) -> MapC128:
    """
    fn(x, y), which writes y = F x, as a map on vectors of the size and dtype of `like`.
    """
@typing.overload
def hook_map(fn: typing.Any, like: numpy.typing.NDArray[numpy.complex64]) -> MapC64:
    """
    fn(x, y), which writes y = F x, as a map on vectors of the size and dtype of `like`.
    """
@typing.overload
def minres(a: MapF64, m: MapF64, b: numpy.typing.NDArray[numpy.float64], x: numpy.typing.NDArray[numpy.float64], zero_start: bool, shift: typing.SupportsFloat | typing.SupportsIndex, tol: typing.SupportsFloat | typing.SupportsIndex, rtol: typing.SupportsFloat | typing.SupportsIndex, eps: typing.SupportsFloat | typing.SupportsIndex, maxiter: typing.SupportsInt | typing.SupportsIndex, scipy_rules: bool, callback: typing.Any, workers: typing.SupportsInt | typing.SupportsIndex) -> tuple[int, int, int, numpy.typing.NDArray[numpy.float64], int]:
    """
    MINRES; returns (status, iterations, matvecs, history, the published program's istop).
    """
@typing.overload
def minres(a: MapF32, m: MapF32, b: numpy.typing.NDArray[numpy.float32], x: numpy.typing.NDArray[numpy.float32], zero_start: bool, shift: typing.SupportsFloat | typing.SupportsIndex, tol: typing.SupportsFloat | typing.SupportsIndex, rtol: typing.SupportsFloat | typing.SupportsIndex, eps: typing.SupportsFloat | typing.SupportsIndex, maxiter: typing.SupportsInt | typing.SupportsIndex, scipy_rules: bool, callback: typing.Any, workers: typing.SupportsInt | typing.SupportsIndex) -> tuple[int, int, int, numpy.typing.NDArray[numpy.float64], int]:
    """
    MINRES; returns (status, iterations, matvecs, history, the published program's istop).
    """
@typing.overload
def minres(a: MapC128, m: MapC128, b: numpy.typing.NDArray[numpy.complex128], x: numpy.typing.NDArray[numpy.complex128], zero_start: bool, shift: typing.SupportsFloat | typing.SupportsIndex, tol: typing.SupportsFloat | typing.SupportsIndex, rtol: typing.SupportsFloat | typing.SupportsIndex, eps: typing.SupportsFloat | typing.SupportsIndex, maxiter: typing.SupportsInt | typing.SupportsIndex, scipy_rules: bool, callback: typing.Any, workers: typing.SupportsInt | typing.SupportsIndex) -> tuple[int, int, int, numpy.typing.NDArray[numpy.float64], int]:
    """
    MINRES; returns (status, iterations, matvecs, history, the published program's istop).
    """
@typing.overload
def minres(a: MapC64, m: MapC64, b: numpy.typing.NDArray[numpy.complex64], x: numpy.typing.NDArray[numpy.complex64], zero_start: bool, shift: typing.SupportsFloat | typing.SupportsIndex, tol: typing.SupportsFloat | typing.SupportsIndex, rtol: typing.SupportsFloat | typing.SupportsIndex, eps: typing.SupportsFloat | typing.SupportsIndex, maxiter: typing.SupportsInt | typing.SupportsIndex, scipy_rules: bool, callback: typing.Any, workers: typing.SupportsInt | typing.SupportsIndex) -> tuple[int, int, int, numpy.typing.NDArray[numpy.float64], int]:
    """
    MINRES; returns (status, iterations, matvecs, history, the published program's istop).
    """
@typing.overload
def native_map(M: kriss._core.solve_multigrid.NativePrecond, scale: typing.SupportsFloat | typing.SupportsIndex) -> MapF64:
    """
    r -> scale M^-1 r with a preconditioner object, as a map.
    """
@typing.overload
def native_map(M: kriss._core.solve_multigrid.NativePrecondF32, scale: typing.SupportsFloat | typing.SupportsIndex) -> MapF32:
    """
    r -> scale M^-1 r with a preconditioner object, as a map.
    """
@typing.overload
def ssor_map(indptr: numpy.typing.NDArray[numpy.int32], indices: numpy.typing.NDArray[numpy.int32], data: numpy.typing.NDArray[numpy.float64], where: numpy.typing.NDArray[numpy.int32], inverse: numpy.typing.NDArray[numpy.float64], omega: typing.SupportsFloat | typing.SupportsIndex) -> MapF64:
    """
    M^-1 of SSOR as a map.
    """
@typing.overload
def ssor_map(indptr: numpy.typing.NDArray[numpy.int64], indices: numpy.typing.NDArray[numpy.int64], data: numpy.typing.NDArray[numpy.float64], where: numpy.typing.NDArray[numpy.int64], inverse: numpy.typing.NDArray[numpy.float64], omega: typing.SupportsFloat | typing.SupportsIndex) -> MapF64:
    """
    M^-1 of SSOR as a map.
    """
@typing.overload
def ssor_map(indptr: numpy.typing.NDArray[numpy.int32], indices: numpy.typing.NDArray[numpy.int32], data: numpy.typing.NDArray[numpy.float32], where: numpy.typing.NDArray[numpy.int32], inverse: numpy.typing.NDArray[numpy.float32], omega: typing.SupportsFloat | typing.SupportsIndex) -> MapF32:
    """
    M^-1 of SSOR as a map.
    """
@typing.overload
def ssor_map(indptr: numpy.typing.NDArray[numpy.int64], indices: numpy.typing.NDArray[numpy.int64], data: numpy.typing.NDArray[numpy.float32], where: numpy.typing.NDArray[numpy.int64], inverse: numpy.typing.NDArray[numpy.float32], omega: typing.SupportsFloat | typing.SupportsIndex) -> MapF32:
    """
    M^-1 of SSOR as a map.
    """
