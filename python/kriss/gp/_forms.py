"""A covariance function as the kernels take it: flat arrays, a program, or Python.

Three forms with the same methods. Sums of RBF and Matern 1/2, 3/2, 5/2 have kernels of their own, in both precisions;
everything else the kernels know becomes a program; a tree with a `PythonKernel` in it is put together by NumPy.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from kriss import _backend
from kriss.gp._base import Array, Kernel, transposed
from kriss.gp._joined import Sum
from kriss.gp._product import Power, Product, others
from kriss.gp._program import Builder, Program
from kriss.gp._stationary import Stationary

_EMPTY = np.zeros(0)
_FLAT_KINDS = 4
_LIKELIHOOD, _SQUARE, _CROSS = 0, 1, 2


class Flat(NamedTuple):
    """A sum as flat arrays: the first five positional arguments of the kernels for sums."""

    kind: npt.NDArray[np.int32]
    variance: Array
    first: npt.NDArray[np.int64]
    dim: npt.NDArray[np.int64]
    inv_lengthscale: Array


def flat_terms(kernel: Kernel) -> tuple[Stationary, ...] | None:
    """The terms, if the kernels for sums know all of them."""
    known = []
    for term in kernel.terms:
        if not isinstance(term, Stationary) or term._kind >= _FLAT_KINDS:
            return None
        known.append(term)
    return tuple(known)


def flat(kernel: Kernel, columns: int, dtype: npt.DTypeLike = np.float64) -> Flat:
    """A sum of RBF and Matern 1/2, 3/2, 5/2 as flat arrays for points with so many columns."""
    terms = flat_terms(kernel)
    if terms is None:
        raise NotImplementedError(
            f"{kernel!r} is not a sum of RBF and Matern with nu 0.5, 1.5 or 2.5, which is needed here"
        )
    parts = [t._own_flat(columns) for t in terms]
    first = np.zeros(len(parts) + 1, np.int64)
    np.cumsum([dims.size for dims, _ in parts], out=first[1:])
    with np.errstate(over="ignore", under="ignore"):
        out = Flat(
            np.array([t._kind for t in terms], np.int32),
            np.array([t.variance for t in terms]).astype(dtype),
            first,
            np.concatenate([dims for dims, _ in parts]),
            np.concatenate([inv for _, inv in parts]).astype(dtype),
        )
    if out.variance.dtype != np.float64:  # every value the constructors accept is in the range of float64
        _check_range(terms, kernel.total_variance, out)
    return out


def gather(kernel: Kernel, flat: Flat, raw: Array) -> Array:
    """A gradient in theta from one with a lengthscale per column and term; what follows the terms stays at the end."""
    out: list[float] = []
    at = 0
    for c, term in enumerate(flat_terms(kernel) or ()):
        count = int(flat.first[c + 1] - flat.first[c])
        own = raw[at + 1 : at + 1 + count]
        out.append(float(raw[at]))
        out.extend([float(own.sum())] if term._isotropic else own.tolist())
        at += 1 + count
    return np.array([*out, *raw[at:]])


def _check_range(terms: tuple[Stationary, ...], total: float, flat: Flat) -> None:
    """Refuse parameters that became zero or infinite in the dtype of `flat`."""
    limits = np.finfo(flat.variance.dtype)
    low, high = float(limits.smallest_subnormal), float(limits.max)
    advice = f"of {limits.dtype} ({low:.2g} to {high:.2g}): pass float64 points"
    for c, term in enumerate(terms):
        names = term._names("" if len(terms) == 1 else f"terms[{c}].")
        if not 0.0 < flat.variance[c] < np.inf:
            raise ValueError(f"{names[0]} is {term.variance:.6g}, outside the range {advice}")
        inverse = flat.inv_lengthscale[flat.first[c] : flat.first[c + 1]]
        bad = np.flatnonzero(~((inverse > 0.0) & (inverse < np.inf)))
        if bad.size:
            q = 0 if term._isotropic else int(bad[0])
            value = float(term._lengthscale.ravel()[q])
            raise ValueError(f"{names[1 + q]} is {value:.6g}, its inverse outside the range {advice}")
    if total > high:
        raise ValueError(f"the variances add up to {total:.6g}, outside the range {advice}")


def form(kernel: Kernel, columns: int) -> Form:
    """The form of a kernel for points with so many columns."""
    if flat_terms(kernel) is not None:
        return FlatForm(kernel, columns)
    return TreeForm(kernel, columns) if kernel._compiled else PythonForm(kernel, columns)


def _noise_slope(alpha: Array, inverse: Array, noise: Array) -> float:
    """Half the trace of ``(alpha alpha' - K^-1) diag(noise)``."""
    return 0.5 * float((noise * (alpha * alpha - inverse.diagonal())).sum())


class Form:
    """A covariance function with its kernels; points come transposed, (d, n), unless said otherwise."""

    def __init__(self, kernel: Kernel, columns: int) -> None:
        self.kernel = kernel
        self.columns = columns

    def symmetric(self, xt: Array, added: Array, out: Array, mirror: bool, threads: int) -> None:
        """``K + diag(added)`` into the lower triangle of `out`, and into the upper one if `mirror`."""
        raise NotImplementedError

    def cross(self, xt: Array, zt: Array, out: Array, threads: int) -> None:
        """``k(x_i, z_j)`` into `out`."""
        raise NotImplementedError

    def likelihood_gradient(self, xt: Array, alpha: Array, inverse: Array, noise: Array, threads: int) -> Array:
        """Half the sum of ``(alpha alpha' - K^-1)_ij dK_ij`` in theta and, last, in the logarithm of the noise.

        `inverse` is the lower triangle of K^-1.
        """
        raise NotImplementedError

    def norm(self, xt: Array, diagonal: Array, lower: Array, threads: int) -> float:
        """The 1-norm of a covariance matrix with this diagonal and the Cholesky factor `lower`: by rows of it again."""
        largest = 0.0
        for start in range(0, xt.shape[1], 256):
            part = np.ascontiguousarray(xt[:, start : start + 256])
            rows = np.empty((part.shape[1], xt.shape[1]))
            self.cross(part, xt, rows, threads)
            own = np.arange(part.shape[1])
            rows[own, start + own] = diagonal[start + own]
            largest = max(largest, float(np.abs(rows).sum(axis=1).max()))
        return largest

    def matrix(self, x: Array, z: Array | None, dtype: np.dtype[Any], threads: int) -> Array:
        """The matrix between points (n, d) and (m, d), or among the first."""
        xt = transposed(x.astype(np.float64, copy=False))
        if z is None:
            out = np.empty((x.shape[0], x.shape[0]))
            self.symmetric(xt, _EMPTY, out, True, threads)
        else:
            out = np.empty((x.shape[0], z.shape[0]))
            self.cross(xt, transposed(z.astype(np.float64, copy=False)), out, threads)
        return out.astype(dtype, copy=False)

    def contract(self, x: Array, z: Array | None, w: Array, threads: int) -> Array:
        """Sum of the weights times the derivatives in theta; points (n, d)."""
        return TreeForm(self.kernel, self.columns).contract(x, z, w, threads)

    def gradient_x(self, x: Array, z: Array, threads: int) -> Array:
        """Derivatives in the first point; points (n, d)."""
        return TreeForm(self.kernel, self.columns).gradient_x(x, z, threads)


class FlatForm(Form):
    """A sum of RBF and Matern 1/2, 3/2, 5/2."""

    def __init__(self, kernel: Kernel, columns: int) -> None:
        super().__init__(kernel, columns)
        self.flat = flat(kernel, columns)

    def symmetric(self, xt: Array, added: Array, out: Array, mirror: bool, threads: int) -> None:
        """``K + diag(added)``."""
        _backend.kernels("gp").assemble_symmetric(*self.flat, xt, added, out, mirror, threads)

    def cross(self, xt: Array, zt: Array, out: Array, threads: int) -> None:
        """``k(x_i, z_j)``."""
        _backend.kernels("gp").assemble_cross(*self.flat, xt, zt, out, threads)

    def likelihood_gradient(self, xt: Array, alpha: Array, inverse: Array, noise: Array, threads: int) -> Array:
        """The gradient of the log-likelihood."""
        raw = np.empty(self.flat.variance.size + self.flat.dim.size + 1)
        _backend.kernels("gp").gradient(*self.flat, xt, alpha, inverse, noise, raw, threads)
        return gather(self.kernel, self.flat, raw)

    def norm(self, xt: Array, diagonal: Array, lower: Array, threads: int) -> float:
        """Every entry is positive, hence the 1-norm of K is the largest entry of K e."""
        return float((lower @ lower.sum(axis=0)).max())

    def matrix(self, x: Array, z: Array | None, dtype: np.dtype[Any], threads: int) -> Array:
        """In the precision of the points."""
        arrays = self.flat if dtype == np.float64 else flat(self.kernel, self.columns, dtype)
        xt = transposed(x.astype(dtype, copy=False))
        run = _backend.kernels("gp")
        if z is None:
            out = np.empty((x.shape[0], x.shape[0]), dtype)
            run.assemble_symmetric(*arrays, xt, _EMPTY.astype(dtype), out, True, threads)
        else:
            out = np.empty((x.shape[0], z.shape[0]), dtype)
            run.assemble_cross(*arrays, xt, transposed(z.astype(dtype, copy=False)), out, threads)
        return out


class TreeForm(Form):
    """A program over leaves that the kernels know."""

    def __init__(self, kernel: Kernel, columns: int) -> None:
        super().__init__(kernel, columns)
        build = Builder(columns)
        kernel._emit(build, 0)
        self.program: Program
        self.program, self._entry = build.finish()
        self._size = kernel._theta().size

    def symmetric(self, xt: Array, added: Array, out: Array, mirror: bool, threads: int) -> None:
        """``K + diag(added)``."""
        _backend.kernels("gp_tree").symmetric(*self.program, xt, added, out, mirror, threads)

    def cross(self, xt: Array, zt: Array, out: Array, threads: int) -> None:
        """``k(x_i, z_j)``."""
        _backend.kernels("gp_tree").cross(*self.program, xt, zt, out, threads)

    def likelihood_gradient(self, xt: Array, alpha: Array, inverse: Array, noise: Array, threads: int) -> Array:
        """The gradient of the log-likelihood."""
        own = self._contract(xt, xt, _LIKELIHOOD, alpha, inverse, threads)
        return np.append(own, _noise_slope(alpha, inverse, noise))

    def contract(self, x: Array, z: Array | None, w: Array, threads: int) -> Array:
        """Sum of the weights times the derivatives in theta."""
        xt = transposed(x)
        if z is None:
            return self._contract(xt, xt, _SQUARE, _EMPTY, w, threads)
        return self._contract(xt, transposed(z), _CROSS, _EMPTY, w, threads)

    def _contract(self, xt: Array, zt: Array, how: int, alpha: Array, w: Array, threads: int) -> Array:
        raw = np.empty(self.program.slots)
        _backend.kernels("gp_tree").contract(*self.program, xt, zt, how, alpha, w, raw, threads)
        known = self._entry >= 0
        out: Array = np.bincount(self._entry[known], raw[known], self._size)
        return out

    def gradient_x(self, x: Array, z: Array, threads: int) -> Array:
        """Derivatives in the first point."""
        out = np.empty((x.shape[0], z.shape[0], x.shape[1]))
        _backend.kernels("gp_tree").gradient_x(*self.program, transposed(x), transposed(z), out, threads)
        return out


class PythonForm(Form):
    """A tree with a `PythonKernel` in it: sums and products of matrices, each part in its own form."""

    def _part(self, kernel: Kernel) -> Form:
        return form(kernel, self.columns)

    def symmetric(self, xt: Array, added: Array, out: Array, mirror: bool, threads: int) -> None:
        """``K + diag(added)``."""
        out[...] = self.matrix(xt.T, None, np.dtype(np.float64), threads)
        if added.size:
            out[np.diag_indices(out.shape[0])] += added

    def cross(self, xt: Array, zt: Array, out: Array, threads: int) -> None:
        """``k(x_i, z_j)``."""
        out[...] = self.matrix(xt.T, zt.T, np.dtype(np.float64), threads)

    def likelihood_gradient(self, xt: Array, alpha: Array, inverse: Array, noise: Array, threads: int) -> Array:
        """The gradient of the log-likelihood; two more matrices of n**2 doubles."""
        lower = np.tril(inverse)
        w = np.multiply.outer(alpha, alpha) - lower - np.tril(lower, -1).T
        return np.append(0.5 * self.contract(xt.T, None, w, threads), _noise_slope(alpha, inverse, noise))

    def matrix(self, x: Array, z: Array | None, dtype: np.dtype[Any], threads: int) -> Array:
        """Part by part."""
        kernel = self.kernel
        if isinstance(kernel, Power):
            out: Array = self._part(kernel.kernel).matrix(x, z, dtype, threads) ** kernel.exponent
            return out
        if not isinstance(kernel, (Sum, Product)):
            alone: Array = self._own().matrix(x, z).astype(dtype, copy=False)
            return alone
        parts = (self._part(p).matrix(x, z, dtype, threads) for p in kernel._parts)
        total = next(parts)
        for part in parts:
            total = total + part if isinstance(kernel, Sum) else total * part
        return total

    def _own(self) -> Any:
        return self.kernel

    def contract(self, x: Array, z: Array | None, w: Array, threads: int) -> Array:
        """Part by part."""
        kernel = self.kernel
        if isinstance(kernel, Power):
            part = self._part(kernel.kernel)
            base = part.matrix(x, z, np.dtype(np.float64), threads)
            return part.contract(x, z, w * (kernel.exponent * base ** (kernel.exponent - 1)), threads)
        if not isinstance(kernel, (Sum, Product)):
            own: Array = self._own().contracted(x, z, w)
            return own
        parts = [self._part(p) for p in kernel._parts]
        weights = [w] * len(parts)
        if isinstance(kernel, Product):
            weights = [w * r for r in others([p.matrix(x, z, np.dtype(np.float64), threads) for p in parts])]
        return np.concatenate([p.contract(x, z, v, threads) for p, v in zip(parts, weights, strict=True)])

    def gradient_x(self, x: Array, z: Array, threads: int) -> Array:
        """Part by part; NotImplementedError where a part does not tell."""
        kernel = self.kernel
        if isinstance(kernel, Power):
            part = self._part(kernel.kernel)
            base = part.matrix(x, z, np.dtype(np.float64), threads)
            slope = kernel.exponent * base ** (kernel.exponent - 1)
            return slope[:, :, None] * part.gradient_x(x, z, threads)
        if not isinstance(kernel, (Sum, Product)):
            raise NotImplementedError(f"{kernel!r} does not offer derivatives in the points")
        parts = [self._part(p) for p in kernel._parts]
        total = np.zeros((x.shape[0], z.shape[0], x.shape[1]))
        if isinstance(kernel, Sum):
            for p in parts:
                total += p.gradient_x(x, z, threads)
            return total
        rest = others([p.matrix(x, z, np.dtype(np.float64), threads) for p in parts])
        for p, r in zip(parts, rest, strict=True):
            total += r[:, :, None] * p.gradient_x(x, z, threads)
        return total
