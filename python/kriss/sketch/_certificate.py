"""Backward errors of least-squares solutions, and the triangular factors they need."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import scipy.linalg as sla

from kriss import _backend, _validate
from kriss._validate import RngLike
from kriss.sketch import _dense
from kriss.sketch._sparse_sign import SparseSign, dense_array, strided

Array = npt.NDArray[np.float64]
EMPTY = np.empty((0, 0))


class Pass(NamedTuple):
    """What one pass over A returns, in scaled variables."""

    gram: npt.NDArray[Any]  # (n, n) or empty
    g: npt.NDArray[Any]  # (n, nrhs): (A D)' R
    rr: Array  # (nrhs): |R|^2


def padded(n: int) -> int:
    """Columns of the kernels' arrays: n rounded up to whole strips of 8."""
    return -(-n // 8) * 8


def tall_pass(
    a: npt.NDArray[Any],
    b: npt.NDArray[Any],
    scale: Array,
    bscale: Array,
    z: Array,
    *,
    want_gram: bool = False,
    precond: Array | None = None,
    workers: int = 0,
) -> Pass:
    """R = b·diag(bscale) − A·diag(scale)·z and its sums; see cpp/include/kriss/sketch/tall.hpp."""
    n = a.shape[1]
    nrhs = b.shape[1]
    wide = padded(n)
    zz = np.zeros((nrhs, wide))
    zz[:, :n] = z.T
    gram = np.empty((wide, wide)) if want_gram else EMPTY
    p = EMPTY
    if precond is not None:
        p = np.zeros((wide, wide))
        p[:n, :n] = precond
    g = np.empty((nrhs, wide))
    rr = np.empty(nrhs)
    _backend.kernels("sketch").tall_pass(
        a, b, np.ascontiguousarray(scale), np.ascontiguousarray(bscale), zz, p, gram, g, rr, workers
    )
    return Pass(gram[:n, :n], np.ascontiguousarray(g[:, :n].T), rr)


def power_of_two(x: Array) -> Array:
    """The reciprocal power of two that brings each |x| into [1/2, 1); 1 for zeros. Clipped to stay a normal number."""
    _, exponent = np.frexp(x)
    exponent = np.where(x == 0, 0, exponent)
    out: Array = np.ldexp(1.0, np.clip(-exponent, -1021, 1021))
    return out


def sketched_factor(sa: npt.NDArray[Any]) -> tuple[Array, npt.NDArray[Any]]:
    """Column scales (reciprocal powers of two) and the triangular factor of a sketch's scaled columns.

    Columns below 1e-290 count as zero: their reciprocal overflows.
    """
    parts = [sa] if sa.dtype.kind == "f" else [sa.real, sa.imag]
    largest = np.max([np.maximum(p.max(axis=0, initial=0.0), -p.min(axis=0, initial=0.0)) for p in parts], axis=0)
    first = power_of_two(np.where(largest < 1e-290, 0.0, largest))
    scaled = sa * first
    parts = [scaled] if scaled.dtype.kind == "f" else [scaled.real, scaled.imag]
    second = power_of_two(np.sqrt(sum(np.einsum("ij,ij->j", p, p) for p in parts)))
    second = np.where(largest < 1e-290, 1.0, second)
    scaled *= second
    return first * second, scaled


class Spectrum(NamedTuple):
    """Right singular vectors and singular values of A·diag(scale)."""

    vt: npt.NDArray[Any]  # (k, n)
    s: Array  # (k), falling
    norm: float  # Frobenius norm


def spectrum(r: npt.NDArray[Any]) -> Spectrum:
    """Of the matrix whose triangular (or any) factor is `r`."""
    vt, s = _dense.svd(r)
    return Spectrum(vt, s, float(np.linalg.norm(s)))


def karlson_walden(k: Spectrum, z: npt.NDArray[Any], g: npt.NDArray[Any], rr: Array, bnorm: Array) -> Array:
    """Karlson and Waldén's estimate of the backward error, relative to the norm of A, one per right-hand side.

    The smallest ``norm([E, t f]) / norm(A)`` (Frobenius) such that z solves the problem with A + E and b + f exactly,
    t = norm(A) / norm(b), up to a factor in [0.707, 1].
    """
    out = np.zeros(z.shape[1])
    if k.norm == 0.0:
        return out
    for q in range(z.shape[1]):
        if bnorm[q] == 0.0:
            # With b = 0 the certificate weighs x against nothing: only x = 0 is right.
            out[q] = 0.0 if not np.any(z[:, q]) else 1.0
            continue
        theta = k.norm / bnorm[q]
        weight = theta / np.sqrt(1.0 + (theta * np.linalg.norm(z[:, q])) ** 2)
        omega2 = weight**2 * rr[q]
        with np.errstate(divide="ignore", invalid="ignore"):
            part = np.sum(k.vt * g[:, q], axis=1) / np.sqrt(k.s**2 + omega2)
        part[~np.isfinite(part)] = 0.0  # 0/0: a direction that neither A nor the residual has
        if not np.isfinite(g[:, q]).all() or not np.isfinite(z[:, q]).all():
            out[q] = np.nan
            continue
        out[q] = weight * np.linalg.norm(part) / k.norm
    return out


def factor(a: npt.NDArray[Any], *, seed: RngLike = 0, workers: int = 0) -> tuple[Array, Array]:
    """Reciprocal power-of-two column scales and a factor R with R'R = (A D)'(A D), to working accuracy.

    Tall matrices: Cholesky factor of the Gram matrix of A D P, P the inverse of a sketch's factor, times P's inverse
    (2 m n² flops). Others, and where that breaks down: LAPACK's QR.
    """
    m, n = a.shape
    if n > 0 and m >= 8 * n and m * n >= 50_000:
        s = SparseSign(max(4 * n, 64), rng=seed)
        sa = np.zeros((s.d, n))
        _backend.kernels("sketch").sparse_sign_dense(a, s.seed, s.d, s.zeta, 0, sa, workers)
        if np.isfinite(sa).all():
            scale, scaled = sketched_factor(sa)
            r = _dense.qr_r(scaled, n)
            sv = _dense.svd(r)[1]
            if sv[-1] > 1e-14 * sv[0]:
                one = np.zeros((m, 1), a.dtype)
                gram = tall_pass(
                    a,
                    one,
                    scale,
                    np.ones(1),
                    np.zeros((n, 1)),
                    want_gram=True,
                    precond=_dense.solve(r, np.eye(n)),
                    workers=workers,
                ).gram
                u = _dense.cholesky(gram)
                if u is not None:
                    return scale, _dense.multiply(u, r)
    scale, scaled = sketched_factor(a.astype(np.float64))
    return scale, np.asarray(sla.qr(scaled, mode="r", check_finite=False)[0])[: min(m, n)]


def backward_error(
    a: object, b: object, x: object, *, scaled: bool = False, workers: int | None = None
) -> float | Array:
    """How far the least-squares problem must move for `x` to solve it exactly, relative to the norm of A.

    Parameters
    ----------
    a : array_like, shape (m, n)
        Real, dense, any order.
    b : array_like, shape (m,) or (m, k)
        Right-hand sides.
    x : array_like, shape (n,) or (n, k)
        The solutions to judge; least-squares solutions for m > n, solutions of A x = b otherwise.
    scaled : bool
        Measure changes of A column by column relative to the column's size: the norm is that of A after its columns
        were scaled to similar norms. Stricter when columns differ in size.
    workers : int, optional
        Threads; changes no bit of the result.

    Returns
    -------
    float or ndarray, shape (k,)
        An estimate of ``min norm([E, t f]) / norm(A)`` (Frobenius) over all E, f such that x minimises
        ``norm(b + f - (A + E) x)``, with t = norm(A)/norm(b). It is at most the true value and at least 0.707 of it.
        A backward stable solver reaches a small multiple of the unit roundoff. NaN where `x` is so far off that it
        overflows in the units of A and b.

    Raises
    ------
    TypeError, ValueError
        If an argument is not real, has the wrong shape, or holds NaN or infinity.

    Notes
    -----
    One sketch, one pass of 2 m n² flops for the factor of A, one pass for residual and gradient; O(n²) per
    right-hand side; works in memory of about 64 MiB beside A.

    References
    ----------
    R. Karlson, B. Waldén, *Estimation of optimal backward perturbation bounds for the linear least squares problem*,
    BIT 37 (1997), equation 2.5. The exact value: B. Waldén, R. Karlson, J.-G. Sun, *Optimal backward perturbation
    bounds for the linear least squares problem*, Numer. Linear Algebra Appl. 2 (1995).

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.sketch import backward_error
    >>> rng = np.random.default_rng(0)
    >>> A, b = rng.standard_normal((100, 5)), rng.standard_normal(100)
    >>> x = np.linalg.lstsq(A, b, rcond=None)[0]
    >>> bool(backward_error(A, b, x) < 1e-15)
    True
    >>> bool(backward_error(A, b, x + 1e-6) > 1e-8)
    True
    """
    threads = _validate.workers(workers)
    left, right, one_d = problem(a, b)
    m, n = left.shape
    _validate.check_finite(left, "a")
    _validate.check_finite(right, "b")
    sol = _validate.real_array(x, "x", ndim=1 if one_d else 2, dtype=np.float64)
    if sol.shape != ((n,) if one_d else (n, right.shape[1])):
        raise ValueError(f"x has shape {sol.shape}, expected {(n,) if one_d else (n, right.shape[1])} from a and b")
    sol = sol.reshape(n, right.shape[1])
    if min(m, n) == 0 or right.shape[1] == 0:
        nothing = np.zeros(right.shape[1])
        return float(nothing[0]) if one_d else nothing
    left, a_shift = brought_near_one(left)
    right, b_shift = brought_near_one(right)
    if a_shift != b_shift:
        with np.errstate(all="ignore"):
            sol = np.ldexp(sol, b_shift - a_shift)
    scale, r = factor(left, workers=threads)
    bscale, bnorm = right_scales(right)
    z = (sol / scale[:, None]) * bscale
    done = tall_pass(left, right, scale, bscale, z, workers=threads)
    if scaled:
        out = karlson_walden(spectrum(r), z, done.g, done.rr, bnorm)
    else:
        # Back to A itself, all columns by one power of two.
        common = scale.min()
        back = common / scale
        out = karlson_walden(spectrum(r * back), z / back[:, None], done.g * back[:, None], done.rr, bnorm)
    return float(out[0]) if one_d else out


def brought_near_one(values: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], int]:
    """``values * 2**shift`` with the largest entry near 1, and the shift: 0 and no copy unless it is far from 1."""
    largest = max(float(values.max()), -float(values.min()))
    if largest == 0.0 or not np.isfinite(largest):
        return values, 0
    exponent = int(np.frexp(largest)[1])
    if abs(exponent) <= (400 if values.dtype == np.float64 else 40):
        return values, 0
    return np.ldexp(values, -exponent), -exponent


def right_scales(b: npt.NDArray[Any]) -> tuple[Array, Array]:
    """Reciprocal powers of two that bring b's columns near 1, and the norms of the scaled columns."""
    parts = [b] if b.dtype.kind == "f" else [b.real, b.imag]
    largest = np.max([np.maximum(p.max(axis=0, initial=0), -p.min(axis=0, initial=0)) for p in parts], axis=0)
    scale = power_of_two(largest.astype(np.float64))
    norm = np.sqrt([sum(np.sum(np.square(p[:, q] * scale[q])) for p in parts) for q in range(b.shape[1])])
    return scale, norm


def problem(a: object, b: object) -> tuple[npt.NDArray[Any], npt.NDArray[Any], bool]:
    """a as (m, n) and b as (m, nrhs) of one dtype, strides kept; and whether b was 1-D."""
    left = strided(a, "a")
    raw = b if isinstance(b, np.ndarray) else dense_array(b, "b")
    if raw.ndim not in (1, 2):
        raise ValueError(f"b has shape {raw.shape}, expected a 1-D or 2-D array")
    right = strided(raw, "b", ndim=raw.ndim)
    if right.shape[0] != left.shape[0]:
        raise ValueError(f"b has {right.shape[0]} rows, expected {left.shape[0]} as a has")
    if left.dtype != right.dtype:
        left, right = left.astype(np.float64, copy=False), right.astype(np.float64, copy=False)
    one_d = right.ndim == 1
    return left, right[:, None] if one_d else right, one_d
