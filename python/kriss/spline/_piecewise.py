"""The index over knots and the call of the evaluation kernel, shared by the native splines and the SciPy mirror."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from kriss import _backend

Array = npt.NDArray[np.floating[Any]]

# What happens beyond the knots, as the kernels number it.
NAN, EXTEND, WRAP = 0, 1, 2

_NO_TABLE = np.empty(0, np.int32)
_NO_TABLE.flags.writeable = False
MAX_KNOTS = 2**30


class Index(NamedTuple):
    """A search index: an empty table stands for nearly uniform knots."""

    table: npt.NDArray[np.int32]
    top: int


def build_index(x: Array) -> Index:
    """The search index of sorted knots `x` (n), in O(n), of at most 16 bytes a knot."""
    kernels = _backend.kernels("spline")
    if x.size > MAX_KNOTS:
        raise ValueError(f"x holds {x.size} knots, at most {MAX_KNOTS} are supported")
    if kernels.nearly_uniform(x):
        return Index(_NO_TABLE, 0)
    buckets = min(1 << max(2 * x.size - 1, 1).bit_length(), 2**30)
    table = np.empty(buckets, np.int32)
    top = kernels.bucket_table(x, table)
    return Index(table, int(top))


def beyond_code(extrapolate: object) -> int:
    """The kernel's number for an `extrapolate` argument that is already resolved."""
    if isinstance(extrapolate, str):
        if extrapolate == "periodic":
            return WRAP
        raise ValueError(f"extrapolate must be True, False or 'periodic', not {extrapolate!r}")
    return EXTEND if extrapolate else NAN
