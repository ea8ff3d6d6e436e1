"""
Sparse iterative solvers.
"""
from __future__ import annotations
import numpy
import numpy.typing
import typing
__all__: list[str] = ['axpy', 'cg_csr', 'cg_direction', 'cg_update', 'csr_canonical', 'csr_diagonal', 'csr_matvec', 'csr_matvec_dot', 'dot', 'largest', 'ssor_apply']
@typing.overload
def axpy(alpha: typing.SupportsFloat | typing.SupportsIndex, p: numpy.typing.NDArray[numpy.float64], x: numpy.typing.NDArray[numpy.float64], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    x += alpha p.
    """
@typing.overload
def axpy(alpha: typing.SupportsFloat | typing.SupportsIndex, p: numpy.typing.NDArray[numpy.float32], x: numpy.typing.NDArray[numpy.float32], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    x += alpha p.
    """
@typing.overload
def cg_csr(indptr: numpy.typing.NDArray[numpy.int32], indices: numpy.typing.NDArray[numpy.int32], data: numpy.typing.NDArray[numpy.float64], b: numpy.typing.NDArray[numpy.float64], x: numpy.typing.NDArray[numpy.float64], precond: typing.SupportsInt | typing.SupportsIndex, inverse: numpy.typing.NDArray[numpy.float64], m_indptr: numpy.typing.NDArray[numpy.int32], m_indices: numpy.typing.NDArray[numpy.int32], m_data: numpy.typing.NDArray[numpy.float64], where: numpy.typing.NDArray[numpy.int32], omega: typing.SupportsFloat | typing.SupportsIndex, tol: typing.SupportsFloat | typing.SupportsIndex, maxiter: typing.SupportsInt | typing.SupportsIndex, zero_start: bool, scipy_rules: bool, history: bool, workers: typing.SupportsInt | typing.SupportsIndex) -> tuple[int, int, int, float, numpy.typing.NDArray[numpy.float64], int, int]:
    """
    Conjugate gradients; returns (status, iterations, matvecs, residual norm, residual history, storage of A: k > 0 diagonals, -b for b x b blocks, 0 for CSR; bytes read of A per product).
    
    precond: 0 none, 1 Jacobi (inverse), 2 SSOR (inverse, m_*, where, omega); unused arrays are empty.
    """
@typing.overload
def cg_csr(indptr: numpy.typing.NDArray[numpy.int64], indices: numpy.typing.NDArray[numpy.int64], data: numpy.typing.NDArray[numpy.float64], b: numpy.typing.NDArray[numpy.float64], x: numpy.typing.NDArray[numpy.float64], precond: typing.SupportsInt | typing.SupportsIndex, inverse: numpy.typing.NDArray[numpy.float64], m_indptr: numpy.typing.NDArray[numpy.int64], m_indices: numpy.typing.NDArray[numpy.int64], m_data: numpy.typing.NDArray[numpy.float64], where: numpy.typing.NDArray[numpy.int64], omega: typing.SupportsFloat | typing.SupportsIndex, tol: typing.SupportsFloat | typing.SupportsIndex, maxiter: typing.SupportsInt | typing.SupportsIndex, zero_start: bool, scipy_rules: bool, history: bool, workers: typing.SupportsInt | typing.SupportsIndex) -> tuple[int, int, int, float, numpy.typing.NDArray[numpy.float64], int, int]:
    """
    Conjugate gradients; returns (status, iterations, matvecs, residual norm, residual history, storage of A: k > 0 diagonals, -b for b x b blocks, 0 for CSR; bytes read of A per product).
    
    precond: 0 none, 1 Jacobi (inverse), 2 SSOR (inverse, m_*, where, omega); unused arrays are empty.
    """
@typing.overload
def cg_csr(indptr: numpy.typing.NDArray[numpy.int32], indices: numpy.typing.NDArray[numpy.int32], data: numpy.typing.NDArray[numpy.float32], b: numpy.typing.NDArray[numpy.float32], x: numpy.typing.NDArray[numpy.float32], precond: typing.SupportsInt | typing.SupportsIndex, inverse: numpy.typing.NDArray[numpy.float32], m_indptr: numpy.typing.NDArray[numpy.int32], m_indices: numpy.typing.NDArray[numpy.int32], m_data: numpy.typing.NDArray[numpy.float32], where: numpy.typing.NDArray[numpy.int32], omega: typing.SupportsFloat | typing.SupportsIndex, tol: typing.SupportsFloat | typing.SupportsIndex, maxiter: typing.SupportsInt | typing.SupportsIndex, zero_start: bool, scipy_rules: bool, history: bool, workers: typing.SupportsInt | typing.SupportsIndex) -> tuple[int, int, int, float, numpy.typing.NDArray[numpy.float64], int, int]:
    """
    Conjugate gradients; returns (status, iterations, matvecs, residual norm, residual history, storage of A: k > 0 diagonals, -b for b x b blocks, 0 for CSR; bytes read of A per product).
    
    precond: 0 none, 1 Jacobi (inverse), 2 SSOR (inverse, m_*, where, omega); unused arrays are empty.
    """
@typing.overload
def cg_csr(indptr: numpy.typing.NDArray[numpy.int64], indices: numpy.typing.NDArray[numpy.int64], data: numpy.typing.NDArray[numpy.float32], b: numpy.typing.NDArray[numpy.float32], x: numpy.typing.NDArray[numpy.float32], precond: typing.SupportsInt | typing.SupportsIndex, inverse: numpy.typing.NDArray[numpy.float32], m_indptr: numpy.typing.NDArray[numpy.int64], m_indices: numpy.typing.NDArray[numpy.int64], m_data: numpy.typing.NDArray[numpy.float32], where: numpy.typing.NDArray[numpy.int64], omega: typing.SupportsFloat | typing.SupportsIndex, tol: typing.SupportsFloat | typing.SupportsIndex, maxiter: typing.SupportsInt | typing.SupportsIndex, zero_start: bool, scipy_rules: bool, history: bool, workers: typing.SupportsInt | typing.SupportsIndex) -> tuple[int, int, int, float, numpy.typing.NDArray[numpy.float64], int, int]:
    """
    Conjugate gradients; returns (status, iterations, matvecs, residual norm, residual history, storage of A: k > 0 diagonals, -b for b x b blocks, 0 for CSR; bytes read of A per product).
    
    precond: 0 none, 1 Jacobi (inverse), 2 SSOR (inverse, m_*, where, omega); unused arrays are empty.
    """
@typing.overload
def cg_direction(inverse: numpy.typing.NDArray[numpy.float64], z: numpy.typing.NDArray[numpy.float64], beta: typing.SupportsFloat | typing.SupportsIndex, p: numpy.typing.NDArray[numpy.float64], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    p = D^-1 z + beta p; an empty `inverse` stands for D = 1.
    """
@typing.overload
def cg_direction(inverse: numpy.typing.NDArray[numpy.float32], z: numpy.typing.NDArray[numpy.float32], beta: typing.SupportsFloat | typing.SupportsIndex, p: numpy.typing.NDArray[numpy.float32], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    p = D^-1 z + beta p; an empty `inverse` stands for D = 1.
    """
@typing.overload
def cg_update(inverse: numpy.typing.NDArray[numpy.float64], alpha: typing.SupportsFloat | typing.SupportsIndex, q: numpy.typing.NDArray[numpy.float64], r: numpy.typing.NDArray[numpy.float64], workers: typing.SupportsInt | typing.SupportsIndex) -> tuple[float, float]:
    """
    r += alpha q; returns (r'r, r'D^-1 r).
    """
@typing.overload
def cg_update(inverse: numpy.typing.NDArray[numpy.float32], alpha: typing.SupportsFloat | typing.SupportsIndex, q: numpy.typing.NDArray[numpy.float32], r: numpy.typing.NDArray[numpy.float32], workers: typing.SupportsInt | typing.SupportsIndex) -> tuple[float, float]:
    """
    r += alpha q; returns (r'r, r'D^-1 r).
    """
@typing.overload
def csr_canonical(indptr: numpy.typing.NDArray[numpy.int32], indices: numpy.typing.NDArray[numpy.int32], data: numpy.typing.NDArray[numpy.float64], cols: typing.SupportsInt | typing.SupportsIndex, finite: bool, workers: typing.SupportsInt | typing.SupportsIndex) -> int:
    """
    0 for sorted rows without duplicates; 1 malformed, 2 not so sorted, 4 (if `finite`) NaN or infinity, added.
    """
@typing.overload
def csr_canonical(indptr: numpy.typing.NDArray[numpy.int64], indices: numpy.typing.NDArray[numpy.int64], data: numpy.typing.NDArray[numpy.float64], cols: typing.SupportsInt | typing.SupportsIndex, finite: bool, workers: typing.SupportsInt | typing.SupportsIndex) -> int:
    """
    0 for sorted rows without duplicates; 1 malformed, 2 not so sorted, 4 (if `finite`) NaN or infinity, added.
    """
@typing.overload
def csr_canonical(indptr: numpy.typing.NDArray[numpy.int32], indices: numpy.typing.NDArray[numpy.int32], data: numpy.typing.NDArray[numpy.float32], cols: typing.SupportsInt | typing.SupportsIndex, finite: bool, workers: typing.SupportsInt | typing.SupportsIndex) -> int:
    """
    0 for sorted rows without duplicates; 1 malformed, 2 not so sorted, 4 (if `finite`) NaN or infinity, added.
    """
@typing.overload
def csr_canonical(indptr: numpy.typing.NDArray[numpy.int64], indices: numpy.typing.NDArray[numpy.int64], data: numpy.typing.NDArray[numpy.float32], cols: typing.SupportsInt | typing.SupportsIndex, finite: bool, workers: typing.SupportsInt | typing.SupportsIndex) -> int:
    """
    0 for sorted rows without duplicates; 1 malformed, 2 not so sorted, 4 (if `finite`) NaN or infinity, added.
    """
@typing.overload
def csr_diagonal(indptr: numpy.typing.NDArray[numpy.int32], indices: numpy.typing.NDArray[numpy.int32], data: numpy.typing.NDArray[numpy.float64], where: numpy.typing.NDArray[numpy.int32], inverse: numpy.typing.NDArray[numpy.float64]) -> int:
    """
    Places and inverses of the diagonal entries; returns the first unusable row, or -1.
    """
@typing.overload
def csr_diagonal(indptr: numpy.typing.NDArray[numpy.int64], indices: numpy.typing.NDArray[numpy.int64], data: numpy.typing.NDArray[numpy.float64], where: numpy.typing.NDArray[numpy.int64], inverse: numpy.typing.NDArray[numpy.float64]) -> int:
    """
    Places and inverses of the diagonal entries; returns the first unusable row, or -1.
    """
@typing.overload
def csr_diagonal(indptr: numpy.typing.NDArray[numpy.int32], indices: numpy.typing.NDArray[numpy.int32], data: numpy.typing.NDArray[numpy.float32], where: numpy.typing.NDArray[numpy.int32], inverse: numpy.typing.NDArray[numpy.float32]) -> int:
    """
    Places and inverses of the diagonal entries; returns the first unusable row, or -1.
    """
@typing.overload
def csr_diagonal(indptr: numpy.typing.NDArray[numpy.int64], indices: numpy.typing.NDArray[numpy.int64], data: numpy.typing.NDArray[numpy.float32], where: numpy.typing.NDArray[numpy.int64], inverse: numpy.typing.NDArray[numpy.float32]) -> int:
    """
    Places and inverses of the diagonal entries; returns the first unusable row, or -1.
    """
@typing.overload
def csr_matvec(indptr: numpy.typing.NDArray[numpy.int32], indices: numpy.typing.NDArray[numpy.int32], data: numpy.typing.NDArray[numpy.float64], x: numpy.typing.NDArray[numpy.float64], y: numpy.typing.NDArray[numpy.float64], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    y = A x.
    """
@typing.overload
def csr_matvec(indptr: numpy.typing.NDArray[numpy.int64], indices: numpy.typing.NDArray[numpy.int64], data: numpy.typing.NDArray[numpy.float64], x: numpy.typing.NDArray[numpy.float64], y: numpy.typing.NDArray[numpy.float64], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    y = A x.
    """
@typing.overload
def csr_matvec(indptr: numpy.typing.NDArray[numpy.int32], indices: numpy.typing.NDArray[numpy.int32], data: numpy.typing.NDArray[numpy.float32], x: numpy.typing.NDArray[numpy.float32], y: numpy.typing.NDArray[numpy.float32], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    y = A x.
    """
@typing.overload
def csr_matvec(indptr: numpy.typing.NDArray[numpy.int64], indices: numpy.typing.NDArray[numpy.int64], data: numpy.typing.NDArray[numpy.float32], x: numpy.typing.NDArray[numpy.float32], y: numpy.typing.NDArray[numpy.float32], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    y = A x.
    """
@typing.overload
def csr_matvec_dot(indptr: numpy.typing.NDArray[numpy.int32], indices: numpy.typing.NDArray[numpy.int32], data: numpy.typing.NDArray[numpy.float64], x: numpy.typing.NDArray[numpy.float64], y: numpy.typing.NDArray[numpy.float64], workers: typing.SupportsInt | typing.SupportsIndex) -> float:
    """
    y = A x; returns x'y.
    """
@typing.overload
def csr_matvec_dot(indptr: numpy.typing.NDArray[numpy.int64], indices: numpy.typing.NDArray[numpy.int64], data: numpy.typing.NDArray[numpy.float64], x: numpy.typing.NDArray[numpy.float64], y: numpy.typing.NDArray[numpy.float64], workers: typing.SupportsInt | typing.SupportsIndex) -> float:
    """
    y = A x; returns x'y.
    """
@typing.overload
def csr_matvec_dot(indptr: numpy.typing.NDArray[numpy.int32], indices: numpy.typing.NDArray[numpy.int32], data: numpy.typing.NDArray[numpy.float32], x: numpy.typing.NDArray[numpy.float32], y: numpy.typing.NDArray[numpy.float32], workers: typing.SupportsInt | typing.SupportsIndex) -> float:
    """
    y = A x; returns x'y.
    """
@typing.overload
def csr_matvec_dot(indptr: numpy.typing.NDArray[numpy.int64], indices: numpy.typing.NDArray[numpy.int64], data: numpy.typing.NDArray[numpy.float32], x: numpy.typing.NDArray[numpy.float32], y: numpy.typing.NDArray[numpy.float32], workers: typing.SupportsInt | typing.SupportsIndex) -> float:
    """
    y = A x; returns x'y.
    """
@typing.overload
def dot(x: numpy.typing.NDArray[numpy.float64], y: numpy.typing.NDArray[numpy.float64], workers: typing.SupportsInt | typing.SupportsIndex) -> float:
    """
    x'y in a fixed order.
    """
@typing.overload
def dot(x: numpy.typing.NDArray[numpy.float32], y: numpy.typing.NDArray[numpy.float32], workers: typing.SupportsInt | typing.SupportsIndex) -> float:
    """
    x'y in a fixed order.
    """
@typing.overload
def largest(x: numpy.typing.NDArray[numpy.float64], workers: typing.SupportsInt | typing.SupportsIndex) -> float:
    """
    The largest magnitude; NaN if one is.
    """
@typing.overload
def largest(x: numpy.typing.NDArray[numpy.float32], workers: typing.SupportsInt | typing.SupportsIndex) -> float:
    """
    The largest magnitude; NaN if one is.
    """
@typing.overload
def ssor_apply(indptr: numpy.typing.NDArray[numpy.int32], indices: numpy.typing.NDArray[numpy.int32], data: numpy.typing.NDArray[numpy.float64], where: numpy.typing.NDArray[numpy.int32], inverse: numpy.typing.NDArray[numpy.float64], omega: typing.SupportsFloat | typing.SupportsIndex, r: numpy.typing.NDArray[numpy.float64], z: numpy.typing.NDArray[numpy.float64], workers: typing.SupportsInt | typing.SupportsIndex) -> float:
    """
    z = M^-1 r of SSOR; returns r'z.
    """
@typing.overload
def ssor_apply(indptr: numpy.typing.NDArray[numpy.int64], indices: numpy.typing.NDArray[numpy.int64], data: numpy.typing.NDArray[numpy.float64], where: numpy.typing.NDArray[numpy.int64], inverse: numpy.typing.NDArray[numpy.float64], omega: typing.SupportsFloat | typing.SupportsIndex, r: numpy.typing.NDArray[numpy.float64], z: numpy.typing.NDArray[numpy.float64], workers: typing.SupportsInt | typing.SupportsIndex) -> float:
    """
    z = M^-1 r of SSOR; returns r'z.
    """
@typing.overload
def ssor_apply(indptr: numpy.typing.NDArray[numpy.int32], indices: numpy.typing.NDArray[numpy.int32], data: numpy.typing.NDArray[numpy.float32], where: numpy.typing.NDArray[numpy.int32], inverse: numpy.typing.NDArray[numpy.float32], omega: typing.SupportsFloat | typing.SupportsIndex, r: numpy.typing.NDArray[numpy.float32], z: numpy.typing.NDArray[numpy.float32], workers: typing.SupportsInt | typing.SupportsIndex) -> float:
    """
    z = M^-1 r of SSOR; returns r'z.
    """
@typing.overload
def ssor_apply(indptr: numpy.typing.NDArray[numpy.int64], indices: numpy.typing.NDArray[numpy.int64], data: numpy.typing.NDArray[numpy.float32], where: numpy.typing.NDArray[numpy.int64], inverse: numpy.typing.NDArray[numpy.float32], omega: typing.SupportsFloat | typing.SupportsIndex, r: numpy.typing.NDArray[numpy.float32], z: numpy.typing.NDArray[numpy.float32], workers: typing.SupportsInt | typing.SupportsIndex) -> float:
    """
    z = M^-1 r of SSOR; returns r'z.
    """
