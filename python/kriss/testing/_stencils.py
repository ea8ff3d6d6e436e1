"""CSR matrices from stencils on grids."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sps


def from_diagonals(n: int, offsets: list[int], diagonals: list[npt.NDArray[Any]]) -> sps.csr_array:
    """CSR matrix from diagonals indexed by row; exact zeros stand for entries outside the grid and are not stored."""
    order = np.argsort(offsets, kind="stable")
    return _stored(n, [offsets[k] for k in order], [diagonals[k] for k in order])


def from_stencil(shape: tuple[int, ...], stencil: Mapping[tuple[int, ...], Any]) -> sps.csr_array:
    """CSR matrix of a stencil: ``stencil[offset][point]`` couples `point` to ``point + offset``.

    Values are numbers or arrays of the grid's shape; couplings that leave the grid, and exact zeros, are not stored.
    """
    size = math.prod(shape)
    strides = [math.prod(shape[k + 1 :]) for k in range(len(shape))]
    dtype = np.result_type(np.float64, *(np.asarray(v).dtype for v in stencil.values()))
    flat, diagonals = [], []
    for offset in sorted(stencil):  # the order of the columns within a row
        value = np.zeros(shape, dtype)
        inside = tuple(slice(max(0, -d), max(0, n - max(0, d))) for d, n in zip(offset, shape, strict=True))
        value[inside] = np.broadcast_to(stencil[offset], shape)[inside]
        flat.append(sum(d * s for d, s in zip(offset, strides, strict=True)))
        diagonals.append(value.ravel())
    return _stored(size, flat, diagonals)


def _stored(n: int, offsets: list[int], diagonals: list[npt.NDArray[Any]]) -> sps.csr_array:
    width = len(offsets)
    data = np.empty((n, width), np.result_type(np.float64, *(d.dtype for d in diagonals)))
    for k, values in enumerate(diagonals):
        data[:, k] = values
    columns = np.arange(n)[:, None] + np.asarray(offsets)
    keep = data != 0.0
    itype = np.int32 if n * width < 2**31 else np.int64
    indptr = np.zeros(n + 1, itype)
    np.cumsum(keep.sum(axis=1), out=indptr[1:])
    A = sps.csr_array((data[keep], columns[keep].astype(itype), indptr), shape=(n, n))
    A.has_canonical_format = True
    return A
