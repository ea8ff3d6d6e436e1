"""A Cholesky factor that gains and loses rows, and how a `CovarianceFactor` uses it."""

from __future__ import annotations

import math
import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from kriss import _backend
from kriss.gp._kernels import points
from kriss.gp._problem import _Problem, noise_vector

if TYPE_CHECKING:
    from kriss.gp._factor import CovarianceFactor

Array = npt.NDArray[Any]

_EPS = float(np.finfo(np.float64).eps)
_LOCK = threading.Lock()
_SHARE = 8  # more new (or lost) rows than 1/8 of the others: a fresh factorisation costs no more
_CHECK_EVERY = 64  # updates between two looks at the residual
_CHECK_ROWS = 8
_DRIFT = 64.0  # of sqrt(n) eps: what is more than this away from its matrix is factorised afresh


def _stride(columns: int) -> int:
    """Items from row to row: whole cache lines, and not a whole number of pages."""
    out = -(-columns // 8) * 8
    return out + 8 if out % 512 == 0 else out


class Triangle:
    """The first n rows of a lower triangle in an array with room for more.

    It does not change. `appended` writes below its rows, in the same array if nobody else has written there; both
    share what they have in common, as do slices of one list.
    """

    __slots__ = ("_used", "array", "n")

    def __init__(self, array: Array, n: int, used: list[int] | None = None) -> None:
        self.array = array
        self.n = n
        self._used = [n] if used is None else used

    @classmethod
    def room(cls, n: int, spare: int) -> Triangle:
        """Zeros for n rows, and room for `spare` more."""
        rows = n + spare
        return cls(np.zeros((rows, _stride(max(rows, 1)))), n)

    @property
    def lower(self) -> Array:
        """The triangle, zeros above its diagonal, (n, n) and read-only."""
        view = self.array[: self.n, : self.n]
        view.flags.writeable = False
        return view

    def solve(self, rows: Array, half: bool, threads: int) -> None:
        """Rows of `rows` (k, n) to (L L')^-1 b, or to L^-1 b, in place."""
        if rows.size:
            _backend.kernels("gp_update").solve(self.array, rows, half, self._threads(threads))

    def _threads(self, threads: int) -> int:
        return 1 if self.n < 700 else threads  # what a region costs to start is more than it saves

    def appended(self, rows: Array, corner: Array) -> Triangle:
        """With the rows [rows, corner] below: rows (q, n), corner (q, q), zeros above its diagonal."""
        n, q = rows.shape[1], rows.shape[0]
        end = n + q
        with _LOCK:
            mine = self._used[0] == n and end <= self.array.shape[0]
            if mine:
                self._used[0] = end
        if mine:
            out = Triangle(self.array, end, self._used)
        else:
            out = Triangle.room(end, max(end // 4, 32))
            for k in range(0, n, 64):  # the rows' lower part alone
                stop = min(k + 64, n)
                out.array[k:stop, :stop] = self.array[k:stop, :stop]
        out.array[n:end, :n] = rows
        out.array[n:end, n:end] = corner
        return out

    def dropped(self, lost: npt.NDArray[np.int64], threads: int) -> Triangle:
        """Of the matrix without the rows and columns `lost`, increasing."""
        keep = np.delete(np.arange(self.n), lost)
        out = Triangle.room(keep.size, max(keep.size // 8, 32))
        _backend.kernels("gp_update").drop(self.array, keep, lost, out.array, self._threads(threads))
        return out


def indices(value: object, n: int) -> npt.NDArray[np.int64]:
    """Row numbers, increasing; negative ones count from the end."""
    rows = np.atleast_1d(np.asarray(value))
    if rows.ndim != 1:
        raise ValueError(f"indices has shape {rows.shape}, expected a number or a 1-D array")
    if rows.size and rows.dtype.kind not in "iu":
        raise TypeError(f"indices has dtype {rows.dtype}, expected integers")
    out = rows.astype(np.int64)
    bad = (out < -n) | (out >= n)
    if bad.any():
        raise IndexError(f"indices holds {out[bad][0]}, expected {-n} to {n - 1}: X has {n} rows")
    out = np.sort(np.where(out < 0, out + n, out))
    same = np.flatnonzero(np.diff(out) == 0)
    if same.size:
        raise ValueError(f"indices names row {out[same[0]]} twice")
    return out


def append(f: CovarianceFactor, Xq: object, noise: object) -> CovarianceFactor:
    """The factor with more points; see `CovarianceFactor.append`."""
    from kriss.gp import _factor

    old = f._problem
    xq = points(Xq, "Xq", check_finite=f._check)
    if xq.shape[1] != old.x.shape[1]:
        raise ValueError(f"Xq has {xq.shape[1]} columns, expected {old.x.shape[1]} as X has")
    n, q = old.n, xq.shape[0]
    added = noise_vector(noise, q, f._check)
    if q == 0:
        return f
    workers = old.threads or None
    joined = _Problem(f.kernel, np.concatenate([old.x, xq]), np.concatenate([old.noise, added]), workers, False)
    if q > n // _SHARE:
        return _factor.fresh(joined, f.jitter, f._check)
    rows = f.kernel(xq, old.x, workers=workers, check_finite=False)
    f._half(rows)
    corner = np.zeros((q, q))
    diagonal = _Problem(f.kernel, xq, added, workers, False).assemble(f.jitter, corner)
    corner -= np.tril(rows @ rows.T)
    limit = diagonal * (4.0 * math.sqrt(n + q) * _EPS)
    bad = _backend.kernels("gp").cholesky(corner, limit, old.threads)
    if bad >= 0:
        raise joined.not_positive_definite(n + bad, f.jitter)
    return _checked(_factor.CovarianceFactor(joined, f._triangle().appended(rows, corner), f.jitter, f._check), f)


def drop(f: CovarianceFactor, which: object) -> CovarianceFactor:
    """The factor without some points; see `CovarianceFactor.drop`."""
    from kriss.gp import _factor

    old = f._problem
    lost = indices(which, old.n)
    if lost.size == 0:
        return f
    workers = old.threads or None
    x, noise = np.delete(old.x, lost, axis=0), np.delete(old.noise, lost)
    left = _Problem(f.kernel, x, noise, workers, False)
    if lost.size > left.n // _SHARE:
        return _factor.fresh(left, f.jitter, f._check)
    return _checked(_factor.CovarianceFactor(left, f._triangle().dropped(lost, old.threads), f.jitter, f._check), f)


def _checked(new: CovarianceFactor, old: CovarianceFactor) -> CovarianceFactor:
    """`new`, made of `old` by one update: held against its matrix every so often, and made anew if it is off."""
    from kriss.gp import _factor

    new.updates = old.updates + 1
    new.drift = old.drift
    if new.updates % _CHECK_EVERY == 0:
        new.drift = residual(new, new.updates // _CHECK_EVERY)
        if not new.drift <= _DRIFT * math.sqrt(new.n) * _EPS:
            return _factor.fresh(new._problem, new.jitter, new._check)
    return new


def residual(f: CovarianceFactor, turn: int = 0) -> float:
    """Largest ``|K - L L'|_ij / sqrt(K_ii K_jj)`` in eight rows spread over the matrix; others at every turn."""
    p, lower = f._problem, f._lower
    if p.n == 0:
        return 0.0
    rows = np.unique((np.arange(_CHECK_ROWS) * p.n // _CHECK_ROWS + turn * 7919) % p.n)
    diagonal = np.sqrt(f.kernel.diag(p.x) + p.noise + f.jitter)
    exact = f.kernel(p.x[rows], p.x, workers=p.threads or None, check_finite=False)
    exact[np.arange(rows.size), rows] = diagonal[rows] ** 2
    got = lower[rows] @ lower.T
    return float((np.abs(exact - got) / np.outer(diagonal[rows], diagonal)).max())
