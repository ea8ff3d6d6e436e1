"""Triangles of host memory moved to a GPU, on request."""

from __future__ import annotations

from typing import Any

import numpy as np

from kriss.solve._cuda_precond import CudaTriangles, Groups, Levels, split_levels
from kriss.solve._triangular import Triangle


def upload(triangles: list[tuple[Triangle, Any]], n: int, dtype: Any, is_spd: bool) -> CudaTriangles:
    """Their rows sorted by level, on the current device."""
    return CudaTriangles([_levels(triangle, factor) for triangle, factor in triangles], n, dtype, is_spd)


def _levels(triangle: Triangle, factor: Any) -> Levels:
    count, level = triangle.levels()
    groups = Groups(np, count, level.astype(np.int32))
    if triangle.indices.size >= 2**31:
        raise ValueError(f"the triangle has {triangle.indices.size} entries, expected fewer than 2**31")
    rows = np.repeat(np.arange(level.size), np.diff(triangle.indptr))
    inverse = triangle.inverse if triangle.inverse.size else None
    keep = np.ones(triangle.indices.size, bool)
    return split_levels(np, keep, rows, triangle, groups, inverse, factor, triangle.lower)
