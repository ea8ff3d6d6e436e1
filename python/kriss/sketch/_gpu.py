"""The Walsh-Hadamard family on CuPy arrays: what the CPU adds, in its order, on the device where the input is."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from kriss import _device


def array(value: Any, name: str, ndim: tuple[int, ...]) -> Any:
    """`value` as a float32 or float64 CuPy array whose strides count elements."""
    cp = _device.cupy()
    if type(value).__module__.startswith("cupyx."):
        raise TypeError(f"{name} is a sparse matrix on the GPU, expected a dense array there")
    dense = cp.asarray(value)
    if dense.dtype not in (np.float32, np.float64):
        raise TypeError(f"{name} has dtype {dense.dtype}, expected float32 or float64 on the GPU")
    if dense.ndim not in ndim:
        raise ValueError(f"{name} has shape {dense.shape}, expected {' or '.join(f'{k}-D' for k in ndim)}")
    if any(step % dense.itemsize for step in dense.strides):
        dense = cp.ascontiguousarray(dense)
    return dense


def _steps(a: Any) -> list[int]:
    return [step // a.itemsize for step in a.strides]


def _kernel(name: str, dtype: Any) -> Any:
    return getattr(_device.cuda("sketch_transform"), f"{name}_{'f64' if dtype == np.float64 else 'f32'}")


def target(out: Any, shape: tuple[int, ...], dtype: Any) -> Any:
    """`out` if it can take a result of `shape`, or zeros."""
    cp = _device.cupy()
    if out is None:
        return cp.zeros(shape, dtype)
    if out.shape != shape or out.dtype != dtype or not out.flags.c_contiguous:
        raise ValueError(f"out must be a C-contiguous array of shape {shape} and dtype {dtype}")
    return out


def srht(A: Any, seed: int, place: Any, row: Any, offset: int, out: Any, check_finite: bool) -> Any:
    """S A for an SRHT with these tables; as `SRHT.apply`."""
    cp = _device.cupy()
    dense = array(A, "A", (1, 2))
    d, tile = row.size, place.size
    result = target(out, (d, *dense.shape[1:]), dense.dtype)
    matrix = dense if dense.ndim == 2 else dense[:, None]
    m, n = matrix.shape
    if m and n:
        tiles = (offset + m - 1) // tile - offset // tile + 1
        round_ = max(1, min(tiles, 2**26 // (tile * n)))  # up to half a GiB of float64
        work = cp.empty(round_ * tile * n, matrix.dtype)
        tables = cp.asarray(place), cp.asarray(row)
        _kernel("srht", matrix.dtype)(
            matrix.data.ptr, m, n, *_steps(matrix), seed, tables[0].data.ptr, tile, tables[1].data.ptr, d, offset,
            round_, work.data.ptr, result.data.ptr, _device.stream(),
        )  # fmt: skip
    if check_finite and not bool(cp.isfinite(result).all()):
        if not bool(cp.isfinite(dense).all()):
            raise ValueError("A contains NaN or infinity, expected finite values")
        raise OverflowError("the sketch of A overflows (or out was not finite): scale A down")
    return result


def fwht(x: Any, axis: int, orthonormal: bool, out: Any, check_finite: bool) -> Any:
    """As `kriss.sketch.fwht`, but in place for contiguous arrays only."""
    cp = _device.cupy()
    dense = array(x, "x", tuple(range(1, 33)))
    if not -dense.ndim <= axis < dense.ndim:
        raise ValueError(f"axis must be between {-dense.ndim} and {dense.ndim - 1}, not {axis}")
    axis %= dense.ndim
    n = dense.shape[axis]
    if n < 1 or n & (n - 1):
        raise ValueError(f"x has length {n} along axis {axis}, expected a power of two")
    result = target(out, dense.shape, dense.dtype)
    if out is not x:
        result[...] = dense
    outer, inner = math.prod(result.shape[:axis]), math.prod(result.shape[axis + 1 :])
    scale = 1.0 / math.sqrt(n) if orthonormal else 1.0
    if result.size:
        _kernel("fwht", result.dtype)(
            result.data.ptr, outer, n, inner, n * inner, inner, 1, scale, _device.stream()
        )  # fmt: skip
    if check_finite and not bool(cp.isfinite(result).all()):
        if out is not x and not bool(cp.isfinite(dense).all()):
            raise ValueError("x contains NaN or infinity, expected finite values")
        raise OverflowError("the transform of x is not finite: scale x down")
    return result


def features(
    X: Any, inverse: Any, signs: Any, stretch: Any, what: int, unit: float, n_features: int, out: Any
) -> Any:  # fmt: skip
    """Features of the rows of X with these tables; as `RandomFeatures.transform`."""
    cp = _device.cupy()
    x = array(X, "X", (2,))
    m, n = x.shape
    p = signs.shape[2]
    limit = float(np.finfo(x.dtype).max) / float(p) ** 3
    largest = float(cp.abs(x).max()) if x.size else 0.0
    if not math.isfinite(largest):
        raise ValueError("X contains NaN or infinity, expected finite values")
    if not largest * float(inverse.max()) <= limit:
        raise OverflowError("X in units of the lengthscale is so large that its projection overflows: scale it down")
    result = target(out, (m, n_features), x.dtype)
    tables = [cp.asarray(part) for part in (inverse, signs, stretch)]
    rows = max(1, 2**26 // p)
    work = cp.empty(min(m, rows) * p, x.dtype)
    run = _kernel("random_features", x.dtype)
    for begin in range(0, m, rows):
        part = x[begin : begin + rows]
        run(
            part.data.ptr, len(part), n, *_steps(part), tables[0].data.ptr, tables[1].data.ptr, p, tables[2].data.ptr,
            stretch.size, what, unit, work.data.ptr, result[begin : begin + rows].data.ptr, _device.stream(),
        )  # fmt: skip
    return result
