"""`lstsq` for arrays on a GPU: A and b stay there; the host sees the sketch, n-by-n matrices and gradients only.

The flow, the tiers and the certificate are those of the host (`_solve.py`, `_engine.py`): a `DeviceMatrix` answers the
same questions. Sketch and residuals in twofold arithmetic are kernels of ours, products of matrices CuPy's, and the
last tier is a QR factorisation by CuPy.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from kriss import _device
from kriss.sketch._certificate import Array, Pass, power_of_two
from kriss.sketch._engine import Problem
from kriss.sketch._input import Left, weights
from kriss.sketch._rows import Matrix, Number, Residual
from kriss.sketch._sparse_sign import SparseSign

ROWS = 1 << 22  # entries of A that are scaled or widened at once
PANEL = 8  # right-hand sides in one launch


class DeviceMatrix(Matrix):
    """A CuPy array of float32 or float64 with any strides."""

    on_device = True

    def __init__(self, a: Any) -> None:
        self.a = a
        self.m, self.n = (int(k) for k in a.shape)

    def check_finite(self) -> None:
        _check_finite(self.a, "a")

    def check_right(self, b: Any) -> None:
        _check_finite(b, "b")

    def no_right(self, k: int, dtype: np.dtype[Any]) -> Any:
        return _device.cupy().zeros((self.m, k), dtype)

    def sketch(self, s: SparseSign, workers: int) -> Number:
        return self.sketch_right(self.a, s, workers)

    def sketch_right(self, b: Any, s: SparseSign, workers: int) -> Number:
        cp = _device.cupy()
        if b.dtype == np.float64:
            out: Any = s.apply(b, check_finite=False)
        else:  # in double precision, some rows at a time
            out = cp.zeros((s.d, b.shape[1]), np.float64)
            for i, block in _blocks(b):
                s.apply(block, row_offset=i, out=out, check_finite=False)
        return np.asarray(out.get())

    def right_scales(self, b: Any) -> tuple[Array, Array]:
        cp = _device.cupy()
        largest = cp.abs(b).max(axis=0).astype(np.float64).get() if b.shape[0] else np.zeros(b.shape[1])
        scale = power_of_two(np.where(np.isfinite(largest), largest, 0.0))
        total = np.zeros(b.shape[1])
        for _, block in _blocks(b):
            total += cp.square(block * cp.asarray(scale)).sum(axis=0).get()
        return scale, np.sqrt(total)

    def gram(
        self, b: Any, scale: Number, bscale: Number, z: Number, precond: Number | None, workers: int
    ) -> Pass | None:
        cp = _device.cupy()
        right = None if precond is None else cp.asarray(scale[:, None] * precond)
        total = cp.zeros((self.n, self.n), np.float64)
        for _, block in _blocks(self.a):
            part = block * cp.asarray(scale) if right is None else block @ right
            total += part.T @ part
        done = self.residual(b, scale, bscale, z, np.zeros_like(z), workers)
        return Pass(np.asarray(total.get()), done.g, done.rr)

    def residual(self, b: Any, scale: Number, bscale: Number, z: Number, low: Number, workers: int) -> Residual:
        cp = _device.cupy()
        kernels = _device.cuda("sketch")
        run = kernels.tall_residual_f64 if self.a.dtype == np.float64 else kernels.tall_residual_f32
        steps = [step // self.a.itemsize for step in self.a.strides]
        columns = cp.asarray(np.ascontiguousarray(scale))
        parts: list[tuple[Any, Any, Any]] = []
        for q in range(0, z.shape[1], PANEL):
            own = slice(q, min(q + PANEL, z.shape[1]))
            right = b[:, own]
            k = int(right.shape[1])
            given = [cp.asarray(np.ascontiguousarray(v)) for v in (bscale[own], z[:, own], low[:, own])]
            g, g_low = cp.empty((self.n, k), np.float64), cp.empty((self.n, k), np.float64)
            rr = cp.empty(k, np.float64)
            scratch = cp.empty(kernels.residual_scratch(self.m, self.n, k), np.float64)
            run(
                self.a.data.ptr, self.m, self.n, *steps, right.data.ptr, k,
                *(step // right.itemsize for step in right.strides), columns.data.ptr, *(v.data.ptr for v in given),
                scratch.data.ptr, g.data.ptr, g_low.data.ptr, rr.data.ptr, _device.stream(),
            )  # fmt: skip
            parts.append((g.get(), g_low.get(), rr.get()))
        return Residual(*(np.concatenate([p[i] for p in parts], axis=-1) for i in range(3)))

    def normal(self, scale: Number, z: Number, workers: int) -> tuple[Number, Number]:
        cp = _device.cupy()
        x = cp.asarray(scale[:, None] * z)
        g, rr = cp.zeros(z.shape, np.float64), cp.zeros(z.shape[1], np.float64)
        for _, block in _blocks(self.a):
            y = block @ x
            g += block.T @ y
            rr += cp.square(y).sum(axis=0)
        return scale[:, None] * np.asarray(g.get()), np.asarray(rr.get())

    def column_scales(self, damp: float) -> Array:
        """Reciprocal powers of two that bring the norms of the columns, a ridge below them, near 1."""
        cp = _device.cupy()
        largest = np.maximum(np.asarray(cp.abs(self.a).max(axis=0).astype(np.float64).get()), damp)
        first = power_of_two(np.where((largest < 1e-290) | ~np.isfinite(largest), 0.0, largest))
        total = np.square(damp * first)
        for _, block in _blocks(self.a):
            total += cp.square(block * cp.asarray(first)).sum(axis=0).get()
        out: Array = first * np.where(largest < 1e-290, 1.0, power_of_two(np.sqrt(total)))
        return out

    def triangle(self, p: Problem) -> Number:
        """The triangular factor of [A·D, b'] with damp·D below A·D, (n + nrhs, n + nrhs)."""
        cp = _device.cupy()
        both = cp.concatenate([self.a.astype(np.float64) * cp.asarray(p.scale), p.b * cp.asarray(p.bscale)], axis=1)
        if p.damp > 0:
            below = np.hstack([np.diag(p.damp * p.scale), np.zeros((self.n, both.shape[1] - self.n))])
            both = cp.concatenate([both, cp.asarray(below)])
        return np.asarray(cp.linalg.qr(both, mode="r").get())

    def near_one(self, b: Any) -> tuple[DeviceMatrix, Any, int, int]:
        """A and b with their largest entries brought to [1/2, 1) if they are far from it, and the exponents."""
        cp = _device.cupy()
        out, shifts = [], []
        for value in (self.a, b):
            largest = float(cp.abs(value).max().get()) if value.size else 0.0
            bound = 1e12 if value.dtype == np.float32 else 1e100
            near = largest == 0.0 or not np.isfinite(largest) or 1 / bound < largest < bound
            shifts.append(0 if near else -int(np.frexp(largest)[1]))
            out.append(value if near else cp.ldexp(value, shifts[-1]))
        return DeviceMatrix(out[0]), out[1], shifts[0], shifts[1]


def _blocks(a: Any) -> Any:
    """(first row, rows of a in double precision), some at a time."""
    step = max(1, ROWS // max(int(a.shape[1]), 1))
    for i in range(0, int(a.shape[0]), step):
        yield i, a[i : i + step].astype(np.float64, copy=False)


def _check_finite(value: Any, name: str) -> None:
    if not bool(_device.cupy().isfinite(value).all()):
        raise ValueError(f"{name} contains NaN or infinity, expected finite values")


def _array(value: Any, name: str, ndim: tuple[int, ...]) -> Any:
    cp = _device.cupy()
    if type(value).__module__.startswith("cupyx."):
        raise TypeError(f"{name} is a sparse matrix on the GPU, expected a dense array there")
    array = cp.asarray(value)
    if array.dtype not in (np.float32, np.float64):
        raise TypeError(f"{name} has dtype {array.dtype}, expected float32 or float64 on the GPU")
    if array.ndim not in ndim:
        raise ValueError(f"{name} has shape {array.shape}, expected a {' or '.join(f'{k}-D' for k in ndim)} array")
    if any(step % array.itemsize for step in array.strides):
        array = cp.ascontiguousarray(array)
    return array


def device_sides(a: Any, b: Any, sample_weight: Any) -> tuple[Left, Any, bool, np.dtype[Any]]:
    """A and b as they are solved with, whether b was 1-D, and the dtype of x."""
    cp = _device.cupy()
    left, right = _array(a, "a", (2,)), _array(b, "b", (1, 2))
    m, n = left.shape
    if m < n:
        raise ValueError(f"a has shape {left.shape}, expected at least as many rows as columns on the GPU")
    if right.shape[0] != m:
        raise ValueError(f"b has {right.shape[0]} rows, expected {m} as a has")
    one_d = right.ndim == 1
    right = right[:, None] if one_d else right
    dtype = np.result_type(left.dtype, right.dtype)
    root = weights(sample_weight.get() if hasattr(sample_weight, "get") else sample_weight, int(m))
    if root is not None:
        there = cp.asarray(root)[:, None]
        left, right = left * there.astype(left.dtype), right * there.astype(right.dtype)
    left, right = left.astype(dtype, copy=False), right.astype(dtype, copy=False)
    used = int(m) if root is None else int(np.count_nonzero(root))
    return Left(DeviceMatrix(left), np.dtype(dtype), root, used, int(m) * int(n)), right, one_d, np.dtype(dtype)


def device_left(a: Any) -> Left:
    """A alone."""
    left = _array(a, "a", (2,))
    m, n = (int(k) for k in left.shape)
    return Left(DeviceMatrix(left), np.dtype(left.dtype), None, m, m * n)


def on_device(fields: dict[str, Any]) -> dict[str, Any]:
    """The arrays of a result on the GPU."""
    cp = _device.cupy()
    arrays = {k: cp.asarray(v) for k, v in fields.items() if k in ("x", "residues", "s", "coefficient_se")}
    return fields | arrays | {"backend": "cuda"}
