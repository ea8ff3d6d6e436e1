"""
Dense sketches and random features.
"""
from __future__ import annotations
import numpy
import numpy.typing
import typing
__all__: list[str] = ['fwht', 'gaussian_csr', 'gaussian_dense', 'gaussian_entries', 'random_features', 'random_keys', 'row_signs', 'scatter_rows', 'srht_csr', 'srht_dense', 'vector_signs']
@typing.overload
def fwht(x: numpy.typing.NDArray[numpy.float64], scale: typing.SupportsFloat | typing.SupportsIndex, workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    Walsh-Hadamard transform along the middle axis, in place, times scale.
    """
@typing.overload
def fwht(x: numpy.typing.NDArray[numpy.float32], scale: typing.SupportsFloat | typing.SupportsIndex, workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    Walsh-Hadamard transform along the middle axis, in place, times scale.
    """
@typing.overload
def gaussian_csr(indptr: numpy.typing.NDArray[numpy.int32], indices: numpy.typing.NDArray[numpy.int32], data: numpy.typing.NDArray[numpy.float64], cols: typing.SupportsInt | typing.SupportsIndex, seed: typing.SupportsInt | typing.SupportsIndex, d: typing.SupportsInt | typing.SupportsIndex, row_offset: typing.SupportsInt | typing.SupportsIndex, out: numpy.typing.NDArray[numpy.float64], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    The same for CSR a.
    """
@typing.overload
def gaussian_csr(indptr: numpy.typing.NDArray[numpy.int64], indices: numpy.typing.NDArray[numpy.int64], data: numpy.typing.NDArray[numpy.float64], cols: typing.SupportsInt | typing.SupportsIndex, seed: typing.SupportsInt | typing.SupportsIndex, d: typing.SupportsInt | typing.SupportsIndex, row_offset: typing.SupportsInt | typing.SupportsIndex, out: numpy.typing.NDArray[numpy.float64], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    The same for CSR a.
    """
@typing.overload
def gaussian_csr(indptr: numpy.typing.NDArray[numpy.int32], indices: numpy.typing.NDArray[numpy.int32], data: numpy.typing.NDArray[numpy.float32], cols: typing.SupportsInt | typing.SupportsIndex, seed: typing.SupportsInt | typing.SupportsIndex, d: typing.SupportsInt | typing.SupportsIndex, row_offset: typing.SupportsInt | typing.SupportsIndex, out: numpy.typing.NDArray[numpy.float32], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    The same for CSR a.
    """
@typing.overload
def gaussian_csr(indptr: numpy.typing.NDArray[numpy.int64], indices: numpy.typing.NDArray[numpy.int64], data: numpy.typing.NDArray[numpy.float32], cols: typing.SupportsInt | typing.SupportsIndex, seed: typing.SupportsInt | typing.SupportsIndex, d: typing.SupportsInt | typing.SupportsIndex, row_offset: typing.SupportsInt | typing.SupportsIndex, out: numpy.typing.NDArray[numpy.float32], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    The same for CSR a.
    """
@typing.overload
def gaussian_dense(a: numpy.typing.NDArray[numpy.float64], seed: typing.SupportsInt | typing.SupportsIndex, d: typing.SupportsInt | typing.SupportsIndex, row_offset: typing.SupportsInt | typing.SupportsIndex, out: numpy.typing.NDArray[numpy.float64], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    out += S[:, row_offset:row_offset + m] a, S Gaussian, for dense a.
    """
@typing.overload
def gaussian_dense(a: numpy.typing.NDArray[numpy.float32], seed: typing.SupportsInt | typing.SupportsIndex, d: typing.SupportsInt | typing.SupportsIndex, row_offset: typing.SupportsInt | typing.SupportsIndex, out: numpy.typing.NDArray[numpy.float32], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    out += S[:, row_offset:row_offset + m] a, S Gaussian, for dense a.
    """
def gaussian_entries(seed: typing.SupportsInt | typing.SupportsIndex, i0: typing.SupportsInt | typing.SupportsIndex, out: numpy.typing.NDArray[numpy.float64]) -> None:
    """
    Columns i0, i0 + 1, ... of the Gaussian sketch.
    """
@typing.overload
def random_features(x: numpy.typing.NDArray[numpy.float64], inverse: numpy.typing.NDArray[numpy.float64], signs: numpy.typing.NDArray[numpy.float64], stretch: numpy.typing.NDArray[numpy.float64], map: typing.SupportsInt | typing.SupportsIndex, unit: typing.SupportsFloat | typing.SupportsIndex, out: numpy.typing.NDArray[numpy.float64], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    Structured random features; map 0: projections, 1: cosines and sines, 2: steps, 3: ramps.
    """
@typing.overload
def random_features(x: numpy.typing.NDArray[numpy.float32], inverse: numpy.typing.NDArray[numpy.float32], signs: numpy.typing.NDArray[numpy.float32], stretch: numpy.typing.NDArray[numpy.float32], map: typing.SupportsInt | typing.SupportsIndex, unit: typing.SupportsFloat | typing.SupportsIndex, out: numpy.typing.NDArray[numpy.float32], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    Structured random features; map 0: projections, 1: cosines and sines, 2: steps, 3: ramps.
    """
def random_keys(seed: typing.SupportsInt | typing.SupportsIndex, stream: typing.SupportsInt | typing.SupportsIndex, out: numpy.typing.NDArray[numpy.uint64]) -> None:
    """
    64 random bits for each item.
    """
def row_signs(seed: typing.SupportsInt | typing.SupportsIndex, first: typing.SupportsInt | typing.SupportsIndex, out: numpy.typing.NDArray[numpy.float64]) -> None:
    """
    Signs of the rows first, first + 1, ...
    """
@typing.overload
def scatter_rows(a: numpy.typing.NDArray[numpy.float64], place: numpy.typing.NDArray[numpy.int64], minus: numpy.typing.NDArray[numpy.int64], out: numpy.typing.NDArray[numpy.float64], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    out[place[i]] += a[i], or -= where minus[i] is not 0, row by row.
    """
@typing.overload
def scatter_rows(a: numpy.typing.NDArray[numpy.float32], place: numpy.typing.NDArray[numpy.int64], minus: numpy.typing.NDArray[numpy.int64], out: numpy.typing.NDArray[numpy.float64], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    out[place[i]] += a[i], or -= where minus[i] is not 0, row by row.
    """
@typing.overload
def srht_csr(indptr: numpy.typing.NDArray[numpy.int32], indices: numpy.typing.NDArray[numpy.int32], data: numpy.typing.NDArray[numpy.float64], cols: typing.SupportsInt | typing.SupportsIndex, seed: typing.SupportsInt | typing.SupportsIndex, place: numpy.typing.NDArray[numpy.int32], row: numpy.typing.NDArray[numpy.int32], row_offset: typing.SupportsInt | typing.SupportsIndex, out: numpy.typing.NDArray[numpy.float64], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    The same for CSR a with sorted rows.
    """
@typing.overload
def srht_csr(indptr: numpy.typing.NDArray[numpy.int64], indices: numpy.typing.NDArray[numpy.int64], data: numpy.typing.NDArray[numpy.float64], cols: typing.SupportsInt | typing.SupportsIndex, seed: typing.SupportsInt | typing.SupportsIndex, place: numpy.typing.NDArray[numpy.int32], row: numpy.typing.NDArray[numpy.int32], row_offset: typing.SupportsInt | typing.SupportsIndex, out: numpy.typing.NDArray[numpy.float64], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    The same for CSR a with sorted rows.
    """
@typing.overload
def srht_csr(indptr: numpy.typing.NDArray[numpy.int32], indices: numpy.typing.NDArray[numpy.int32], data: numpy.typing.NDArray[numpy.float32], cols: typing.SupportsInt | typing.SupportsIndex, seed: typing.SupportsInt | typing.SupportsIndex, place: numpy.typing.NDArray[numpy.int32], row: numpy.typing.NDArray[numpy.int32], row_offset: typing.SupportsInt | typing.SupportsIndex, out: numpy.typing.NDArray[numpy.float32], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    The same for CSR a with sorted rows.
    """
@typing.overload
def srht_csr(indptr: numpy.typing.NDArray[numpy.int64], indices: numpy.typing.NDArray[numpy.int64], data: numpy.typing.NDArray[numpy.float32], cols: typing.SupportsInt | typing.SupportsIndex, seed: typing.SupportsInt | typing.SupportsIndex, place: numpy.typing.NDArray[numpy.int32], row: numpy.typing.NDArray[numpy.int32], row_offset: typing.SupportsInt | typing.SupportsIndex, out: numpy.typing.NDArray[numpy.float32], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    The same for CSR a with sorted rows.
    """
@typing.overload
def srht_dense(a: numpy.typing.NDArray[numpy.float64], seed: typing.SupportsInt | typing.SupportsIndex, place: numpy.typing.NDArray[numpy.int32], row: numpy.typing.NDArray[numpy.int32], row_offset: typing.SupportsInt | typing.SupportsIndex, out: numpy.typing.NDArray[numpy.float64], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    out += S[:, row_offset:row_offset + m] a, S a randomised Hadamard transform in tiles, for dense a.
    """
@typing.overload
def srht_dense(a: numpy.typing.NDArray[numpy.float32], seed: typing.SupportsInt | typing.SupportsIndex, place: numpy.typing.NDArray[numpy.int32], row: numpy.typing.NDArray[numpy.int32], row_offset: typing.SupportsInt | typing.SupportsIndex, out: numpy.typing.NDArray[numpy.float32], workers: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    out += S[:, row_offset:row_offset + m] a, S a randomised Hadamard transform in tiles, for dense a.
    """
@typing.overload
def vector_signs(seed: typing.SupportsInt | typing.SupportsIndex, which: typing.SupportsInt | typing.SupportsIndex, out: numpy.typing.NDArray[numpy.float64]) -> None:
    """
    The signs of vector number `which`.
    """
@typing.overload
def vector_signs(seed: typing.SupportsInt | typing.SupportsIndex, which: typing.SupportsInt | typing.SupportsIndex, out: numpy.typing.NDArray[numpy.float32]) -> None:
    """
    The signs of vector number `which`.
    """
