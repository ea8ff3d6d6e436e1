"""
Sketches and least squares.
"""
from __future__ import annotations
import numpy
import numpy.typing
import typing
__all__: list[str] = ['cholesky_upper', 'householder_r', 'jacobi_rows', 'multiply_upper', 'solve_upper', 'sparse_sign_csr', 'sparse_sign_dense', 'sparse_sign_entries', 'tall_pass']
def cholesky_upper(g: numpy.typing.NDArray[numpy.float64]) -> int:
    """
    Upper Cholesky factor in place; the failing pivot or -1.
    """
def householder_r(a: numpy.typing.NDArray[numpy.float64], steps: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    R of the QR factorisation in the upper triangle of a.
    """
def jacobi_rows(a: numpy.typing.NDArray[numpy.float64], s: numpy.typing.NDArray[numpy.float64]) -> int:
    """
    Singular values of a, and its right singular vectors in place as rows; the sweeps or -1.
    """
def multiply_upper(u: numpy.typing.NDArray[numpy.float64], x: numpy.typing.NDArray[numpy.float64], out: numpy.typing.NDArray[numpy.float64], transposed: bool) -> None:
    """
    out = u x or u' x for upper triangular u.
    """
def solve_upper(u: numpy.typing.NDArray[numpy.float64], b: numpy.typing.NDArray[numpy.float64], transposed: bool) -> None:
    """
    b = u^-1 b or u^-T b.
    """
@typing.overload
def sparse_sign_csr(indptr: numpy.typing.NDArray[numpy.int32], indices: numpy.typing.NDArray[numpy.int32], data: numpy.typing.NDArray[numpy.float64], cols: typing.SupportsInt | typing.SupportsIndex, seed: typing.SupportsInt | typing.SupportsIndex, d: typing.SupportsInt | typing.SupportsIndex, zeta: typing.SupportsInt | typing.SupportsIndex, row_offset: typing.SupportsInt | typing.SupportsIndex, out: numpy.typing.NDArray[numpy.float64], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    out += S[:, row_offset:row_offset + m] a for CSR a.
    """
@typing.overload
def sparse_sign_csr(indptr: numpy.typing.NDArray[numpy.int64], indices: numpy.typing.NDArray[numpy.int64], data: numpy.typing.NDArray[numpy.float64], cols: typing.SupportsInt | typing.SupportsIndex, seed: typing.SupportsInt | typing.SupportsIndex, d: typing.SupportsInt | typing.SupportsIndex, zeta: typing.SupportsInt | typing.SupportsIndex, row_offset: typing.SupportsInt | typing.SupportsIndex, out: numpy.typing.NDArray[numpy.float64], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    out += S[:, row_offset:row_offset + m] a for CSR a.
    """
@typing.overload
def sparse_sign_csr(indptr: numpy.typing.NDArray[numpy.int32], indices: numpy.typing.NDArray[numpy.int32], data: numpy.typing.NDArray[numpy.float32], cols: typing.SupportsInt | typing.SupportsIndex, seed: typing.SupportsInt | typing.SupportsIndex, d: typing.SupportsInt | typing.SupportsIndex, zeta: typing.SupportsInt | typing.SupportsIndex, row_offset: typing.SupportsInt | typing.SupportsIndex, out: numpy.typing.NDArray[numpy.float32], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    out += S[:, row_offset:row_offset + m] a for CSR a.
    """
@typing.overload
def sparse_sign_csr(indptr: numpy.typing.NDArray[numpy.int64], indices: numpy.typing.NDArray[numpy.int64], data: numpy.typing.NDArray[numpy.float32], cols: typing.SupportsInt | typing.SupportsIndex, seed: typing.SupportsInt | typing.SupportsIndex, d: typing.SupportsInt | typing.SupportsIndex, zeta: typing.SupportsInt | typing.SupportsIndex, row_offset: typing.SupportsInt | typing.SupportsIndex, out: numpy.typing.NDArray[numpy.float32], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    out += S[:, row_offset:row_offset + m] a for CSR a.
    """
@typing.overload
def sparse_sign_dense(a: numpy.typing.NDArray[numpy.float64], seed: typing.SupportsInt | typing.SupportsIndex, d: typing.SupportsInt | typing.SupportsIndex, zeta: typing.SupportsInt | typing.SupportsIndex, row_offset: typing.SupportsInt | typing.SupportsIndex, out: numpy.typing.NDArray[numpy.float64], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    out += S[:, row_offset:row_offset + m] a for dense a.
    """
@typing.overload
def sparse_sign_dense(a: numpy.typing.NDArray[numpy.float32], seed: typing.SupportsInt | typing.SupportsIndex, d: typing.SupportsInt | typing.SupportsIndex, zeta: typing.SupportsInt | typing.SupportsIndex, row_offset: typing.SupportsInt | typing.SupportsIndex, out: numpy.typing.NDArray[numpy.float32], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    out += S[:, row_offset:row_offset + m] a for dense a.
    """
@typing.overload
def sparse_sign_dense(a: numpy.typing.NDArray[numpy.float32], seed: typing.SupportsInt | typing.SupportsIndex, d: typing.SupportsInt | typing.SupportsIndex, zeta: typing.SupportsInt | typing.SupportsIndex, row_offset: typing.SupportsInt | typing.SupportsIndex, out: numpy.typing.NDArray[numpy.float64], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    out += S[:, row_offset:row_offset + m] a for dense a.
    """
def sparse_sign_entries(seed: typing.SupportsInt | typing.SupportsIndex, d: typing.SupportsInt | typing.SupportsIndex, zeta: typing.SupportsInt | typing.SupportsIndex, row0: typing.SupportsInt | typing.SupportsIndex, rows: numpy.typing.NDArray[numpy.int64], signs: numpy.typing.NDArray[numpy.int8]) -> None:
    """
    Rows and signs of the entries of S in columns row0, row0 + 1, ...
    """
@typing.overload
def tall_pass(a: numpy.typing.NDArray[numpy.float64], b: numpy.typing.NDArray[numpy.float64], scale: numpy.typing.NDArray[numpy.float64], bscale: numpy.typing.NDArray[numpy.float64], z: numpy.typing.NDArray[numpy.float64], precond: numpy.typing.NDArray[numpy.float64], gram: numpy.typing.NDArray[numpy.float64], g: numpy.typing.NDArray[numpy.float64], rr: numpy.typing.NDArray[numpy.float64], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    One pass over a: residual norms, scaled gradient and, if gram is not empty, the (preconditioned) Gram matrix.
    """
@typing.overload
def tall_pass(a: numpy.typing.NDArray[numpy.float32], b: numpy.typing.NDArray[numpy.float32], scale: numpy.typing.NDArray[numpy.float64], bscale: numpy.typing.NDArray[numpy.float64], z: numpy.typing.NDArray[numpy.float64], precond: numpy.typing.NDArray[numpy.float64], gram: numpy.typing.NDArray[numpy.float64], g: numpy.typing.NDArray[numpy.float64], rr: numpy.typing.NDArray[numpy.float64], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    One pass over a: residual norms, scaled gradient and, if gram is not empty, the (preconditioned) Gram matrix.
    """
