"""The tall matrices that `lstsq` takes, each with the few passes that its solvers need.

Dense (any strides, float32 or float64), CSR, complex versions of both, and linear operators. All speak in scaled
variables: with D = diag(scale) and B' = B·diag(bscale), the residual of Z is R = B' − A·D·Z.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from kriss import _backend, _validate
from kriss.sketch._certificate import Pass, padded, right_scales, tall_pass
from kriss.sketch._sparse_sign import SparseSign

Number = npt.NDArray[Any]  # float64 or complex128
BLOCK = 1 << 24  # entries of an operator that are written out at once


class Residual(NamedTuple):
    """Gradient (A·D)ᴴR as an unevaluated sum, and |R|² per right-hand side."""

    g: Number
    g_low: Number
    rr: npt.NDArray[np.float64]


def twofold_sum(high: Number, low: Number, x: Number, x_low: Number) -> tuple[Number, Number]:
    """(high + low) + (x + x_low), normalised; also for complex numbers, part by part."""
    total = high + x
    part = total - high
    rest = low + x_low + ((high - (total - part)) + (x - part))
    out = total + rest
    return out, rest - (out - total)


def twofold_product(a: Number, b: Number) -> tuple[Number, Number]:
    """a·b as a sum, for real a; Dekker's splitting."""
    p = a * b
    a_big, b_big = a * 134217729.0, b * 134217729.0
    a_high, b_high = a_big - (a_big - a), b_big - (b_big - b)
    a_low, b_low = a - a_high, b - b_high
    return p, a_low * b_low - (((p - a_high * b_high) - a_low * b_high) - a_high * b_low)


class Matrix:
    """What every kind offers; `kind` is for messages, `complex` says what Z and the gradient are made of."""

    kind = "dense"
    complex = False
    on_device = False
    m: int
    n: int

    def check_finite(self) -> None:
        """Refuse NaN and infinity in A."""
        _validate.check_finite(self.dense(), "a")

    def check_right(self, b: Number) -> None:
        """Refuse NaN and infinity in b."""
        _validate.check_finite(b, "b")

    def some_rows(self, index: npt.NDArray[np.intp]) -> Number:
        """Rows of A in double precision, (index.size, n)."""
        raise NotImplementedError

    def no_right(self, k: int, dtype: np.dtype[Any]) -> Number:
        """k right-hand sides of zeros."""
        return np.broadcast_to(np.zeros(1, dtype), (self.m, k))

    def sketch_right(self, b: Number, s: SparseSign, workers: int) -> Number:
        """S·b in double precision."""
        return sketch_dense(b, s, workers)

    def right_scales(self, b: Number) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Reciprocal powers of two that bring b's columns near 1, and the norms of the scaled columns."""
        return right_scales(b)

    def sketch(self, s: SparseSign, workers: int) -> Number:
        """S·A, (d, n)."""
        raise NotImplementedError

    def gram(
        self, b: Number, scale: Number, bscale: Number, z: Number, precond: Number | None, workers: int
    ) -> Pass | None:
        """Gram matrix of A·D or A·D·P with the plain residual of `z` in the same pass; None if there is no kernel."""
        return None

    def residual(self, b: Number, scale: Number, bscale: Number, z: Number, low: Number, workers: int) -> Residual:
        """The residual of z + low, in twofold arithmetic where there is a kernel for it."""
        raise NotImplementedError

    def normal(self, scale: Number, z: Number, workers: int) -> tuple[Number, Number]:
        """(A·D)ᴴ(A·D)·z and the squared norms of A·D·z, in plain arithmetic."""
        raise NotImplementedError

    def dense(self) -> Number:
        """All of A as an array."""
        raise NotImplementedError

    def largest(self) -> Number | None:
        """Largest absolute entry of each column, or None if that is not at hand."""
        return None

    def frobenius(self, scale: Number, workers: int) -> float:
        """An estimate of the norm of A·D from 16 random vectors, within some 20 %."""
        w = np.random.default_rng(0).standard_normal((self.n, 16))
        return float(np.sqrt(self.normal(scale, w, workers)[1].mean()))


def sketch_dense(a: Number, s: SparseSign, workers: int) -> Number:
    """S·a in double precision."""
    kernels = _backend.kernels("sketch")
    parts = [a] if a.dtype.kind == "f" else [a.real, a.imag]
    outs = []
    for part in parts:
        out = np.zeros((s.d, a.shape[1]))
        if part.size:
            kernels.sparse_sign_dense(part, s.seed, s.d, s.zeta, 0, out, workers)
        outs.append(out)
    return outs[0] if len(outs) == 1 else outs[0] + 1j * outs[1]


class DenseMatrix(Matrix):
    """A real array, read in place."""

    def __init__(self, a: Number) -> None:
        self.a = a
        self.m, self.n = a.shape

    def sketch(self, s: SparseSign, workers: int) -> Number:
        return sketch_dense(self.a, s, workers)

    def some_rows(self, index: npt.NDArray[np.intp]) -> Number:
        return self.a[index].astype(np.float64)

    def _right(self, b: Number) -> Number:
        return b if b.dtype == self.a.dtype else b.astype(self.a.dtype)

    def gram(
        self, b: Number, scale: Number, bscale: Number, z: Number, precond: Number | None, workers: int
    ) -> Pass | None:
        return tall_pass(self.a, self._right(b), scale, bscale, z, want_gram=True, precond=precond, workers=workers)

    def residual(self, b: Number, scale: Number, bscale: Number, z: Number, low: Number, workers: int) -> Residual:
        nrhs = b.shape[1]
        wide = padded(self.n)
        both = np.zeros((2, nrhs, wide))
        both[0, :, : self.n], both[1, :, : self.n] = z.T, low.T
        out = np.empty((2, nrhs, wide))
        rr = np.empty(nrhs)
        _backend.kernels("sketch_lstsq").extended_pass(
            self.a, self._right(b), np.ascontiguousarray(scale), np.ascontiguousarray(bscale), both[0], both[1],
            out[0], out[1], rr, workers,
        )  # fmt: skip
        g = np.ascontiguousarray(out[:, :, : self.n].transpose(0, 2, 1))
        return Residual(g[0], g[1], rr)

    def normal(self, scale: Number, z: Number, workers: int) -> tuple[Number, Number]:
        zero = np.broadcast_to(np.zeros(1, self.a.dtype), (self.m, z.shape[1]))
        done = tall_pass(self.a, zero, scale, np.ones(z.shape[1]), z, workers=workers)
        return -done.g, done.rr

    def dense(self) -> Number:
        return self.a


class CsrMatrix(Matrix):
    """A real CSR matrix with float64 data."""

    kind = "sparse"

    def __init__(self, csr: _validate.Csr) -> None:
        self.csr = csr
        self.m, self.n = csr.shape

    def sketch(self, s: SparseSign, workers: int) -> Number:
        out = np.zeros((s.d, self.n))
        c = self.csr
        _backend.kernels("sketch").sparse_sign_csr(
            c.indptr, c.indices, c.data, self.n, s.seed, s.d, s.zeta, 0, out, workers
        )
        return out

    def _pass(self, b: Number, bscale: Number, high: Number, low: Number, workers: int) -> Residual:
        c = self.csr
        g, g_low = np.empty(high.shape), np.empty(high.shape)
        rr = np.empty(high.shape[1])
        _backend.kernels("sketch_lstsq").csr_pass(
            c.indptr, c.indices, c.data, b, np.ascontiguousarray(bscale), high, low, g, g_low, rr, workers
        )
        return Residual(g, g_low, rr)

    def residual(self, b: Number, scale: Number, bscale: Number, z: Number, low: Number, workers: int) -> Residual:
        right = b.astype(np.float64, copy=False)
        y = np.ascontiguousarray(z * scale[:, None]), np.ascontiguousarray(low * scale[:, None])
        done = self._pass(right, bscale, *y, workers)
        return Residual(done.g * scale[:, None], done.g_low * scale[:, None], done.rr)

    def normal(self, scale: Number, z: Number, workers: int) -> tuple[Number, Number]:
        zero = np.broadcast_to(np.zeros(1), (self.m, z.shape[1]))
        done = self._pass(
            zero, np.ones(z.shape[1]), np.ascontiguousarray(z * scale[:, None]), np.empty((0, 0)), workers
        )
        return -done.g * scale[:, None], done.rr

    def dense(self) -> Number:
        out = np.zeros((self.m, self.n))
        c = self.csr
        out[np.repeat(np.arange(self.m), np.diff(c.indptr)), c.indices] = c.data
        return out

    def largest(self) -> Number | None:
        largest = np.zeros(self.n)
        np.maximum.at(largest, self.csr.indices, np.abs(self.csr.data))
        return largest


def interleaved(z: Number) -> Number:
    """Complex (n, k) as what the real matrix [Re a₀, Im a₀, Re a₁, …] is multiplied by: (2n, 2k)."""
    out = np.empty((z.shape[0], 2, z.shape[1], 2))
    out[:, 0, :, 0], out[:, 1, :, 0] = z.real, -z.imag
    out[:, 0, :, 1], out[:, 1, :, 1] = z.imag, z.real
    return out.reshape(2 * z.shape[0], 2 * z.shape[1])


class ComplexMatrix(Matrix):
    """A complex matrix by the passes of the real matrix of its interleaved real and imaginary parts.

    With A = B + iC, V = [B₀, C₀, B₁, C₁, …] and two real right-hand sides for each complex one, V'V holds all that
    AᴴA needs, and V'[Re R, Im R] all that AᴴR needs: no arithmetic is wasted and A is not copied.
    """

    complex = True

    def __init__(self, inner: Matrix) -> None:
        self.inner = inner
        self.kind = inner.kind
        self.m, self.n = inner.m, inner.n // 2

    def sketch(self, s: SparseSign, workers: int) -> Number:
        both = self.inner.sketch(s, workers)
        return np.ascontiguousarray(both).view(np.complex128)

    def some_rows(self, index: npt.NDArray[np.intp]) -> Number:
        return np.ascontiguousarray(self.inner.some_rows(index)).view(np.complex128)

    @staticmethod
    def _right(b: Number) -> Number:
        both = np.ascontiguousarray(b)
        return both.view(np.float32 if both.dtype == np.complex64 else np.float64)

    @staticmethod
    def _gradient(g: Number) -> tuple[Number, Number, Number, Number]:
        """V'[Re R, Im R] as the two sums of AᴴR: real (x + y), imaginary (u + w)."""
        parts = g.reshape(g.shape[0] // 2, 2, g.shape[1] // 2, 2)
        return parts[:, 0, :, 0], parts[:, 1, :, 1], parts[:, 0, :, 1], -parts[:, 1, :, 0]

    def gram(
        self, b: Number, scale: Number, bscale: Number, z: Number, precond: Number | None, workers: int
    ) -> Pass | None:
        p: Number | None = None
        if precond is not None:
            parts = np.empty((self.n, 2, self.n, 2))
            parts[:, 0, :, 0], parts[:, 0, :, 1] = precond.real, precond.imag
            parts[:, 1, :, 0], parts[:, 1, :, 1] = -precond.imag, precond.real
            p = parts.reshape(2 * self.n, 2 * self.n)
        done = self.inner.gram(self._right(b), np.repeat(scale, 2), np.repeat(bscale, 2), interleaved(z), p, workers)
        if done is None:
            return None
        v = done.gram.reshape(self.n, 2, self.n, 2)
        square = (v[:, 0, :, 0] + v[:, 1, :, 1]) + 1j * (v[:, 0, :, 1] - v[:, 1, :, 0])
        x, y, u, w = self._gradient(done.g)
        return Pass(square, (x + y) + 1j * (u + w), done.rr.reshape(-1, 2).sum(axis=1))

    def residual(self, b: Number, scale: Number, bscale: Number, z: Number, low: Number, workers: int) -> Residual:
        done = self.inner.residual(
            self._right(b), np.repeat(scale, 2), np.repeat(bscale, 2), interleaved(z), interleaved(low), workers
        )
        high, rest = self._gradient(done.g), self._gradient(done.g_low)
        re, re_low = twofold_sum(high[0], rest[0], high[1], rest[1])
        im, im_low = twofold_sum(high[2], rest[2], high[3], rest[3])
        return Residual(re + 1j * im, re_low + 1j * im_low, done.rr.reshape(-1, 2).sum(axis=1))

    def normal(self, scale: Number, z: Number, workers: int) -> tuple[Number, Number]:
        g, rr = self.inner.normal(np.repeat(scale, 2), interleaved(z), workers)
        x, y, u, w = self._gradient(g)
        return (x + y) + 1j * (u + w), rr.reshape(-1, 2).sum(axis=1)

    def dense(self) -> Number:
        return np.ascontiguousarray(self.inner.dense()).view(self.complex_dtype())

    def complex_dtype(self) -> npt.DTypeLike:
        """Of the array that was given."""
        single = isinstance(self.inner, DenseMatrix) and self.inner.a.dtype == np.float32
        return np.complex64 if single else np.complex128

    def largest(self) -> Number | None:
        both = self.inner.largest()
        return None if both is None else both.reshape(-1, 2).max(axis=1)


class OperatorMatrix(Matrix):
    """Anything with products A·x and Aᴴ·x; plain double precision."""

    kind = "an operator"

    def __init__(self, operator: Any, complex_: bool) -> None:
        self.operator = operator
        self.complex = complex_
        self.m, self.n = (int(k) for k in operator.shape)

    def _times(self, x: Number, adjoint: bool = False) -> Number:
        # Column by column: that is the only product that every operator surely has right.
        of = self.operator.rmatvec if adjoint else self.operator.matvec
        rows = self.n if adjoint else self.m
        out = np.empty((rows, x.shape[1]), np.complex128 if self.complex else np.float64)
        for q in range(x.shape[1]):
            column = np.asarray(of(np.ascontiguousarray(x[:, q]))).reshape(-1)
            if column.shape != (rows,):
                name = "rmatvec" if adjoint else "matvec"
                raise ValueError(f"a.{name} returned {column.size} numbers, expected {rows}")
            if column.dtype.kind == "c" and not self.complex:
                raise TypeError(f"a is an operator of dtype {self.operator.dtype}, but its products are complex")
            out[:, q] = column
        return out

    def sketch(self, s: SparseSign, workers: int) -> Number:
        out = np.zeros((s.d, self.n), np.complex128 if self.complex else np.float64)
        step = max(1, min(self.n, BLOCK // max(self.m, 1)))
        for begin in range(0, self.n, step):
            unit = np.eye(self.n, min(step, self.n - begin), -begin)
            out[:, begin : begin + step] = sketch_dense(self._times(unit), s, workers)
        return out

    def residual(self, b: Number, scale: Number, bscale: Number, z: Number, low: Number, workers: int) -> Residual:
        r = b * bscale - self._times(scale[:, None] * z)
        if low.any():
            r -= self._times(scale[:, None] * low)
        g = scale[:, None] * self._times(r, adjoint=True)
        return Residual(g, np.zeros_like(g), np.sum(np.abs(r) ** 2, axis=0))

    def normal(self, scale: Number, z: Number, workers: int) -> tuple[Number, Number]:
        r = self._times(scale[:, None] * z)
        return scale[:, None] * self._times(r, adjoint=True), np.sum(np.abs(r) ** 2, axis=0)

    def product(self, z: Number) -> Number:
        """A·z."""
        return self._times(z)

    def dense(self) -> Number:
        return self._times(np.eye(self.n))


def complex_csr(csr: Any) -> _validate.Csr:
    """A checked complex CSR matrix as the real one of interleaved parts, (m, 2n)."""
    indices = np.empty(2 * csr.indices.size, np.int64)
    indices[0::2], indices[1::2] = 2 * csr.indices.astype(np.int64), 2 * csr.indices.astype(np.int64) + 1
    data = np.ascontiguousarray(csr.data, np.complex128).view(np.float64)
    return _validate.Csr((csr.shape[0], 2 * csr.shape[1]), 2 * csr.indptr.astype(np.int64), indices, data)
