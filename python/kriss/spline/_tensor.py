"""`TensorSpline`: a tensor-product spline in two variables, built in O(N) and evaluated anywhere or on grids."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.interpolate as si

from kriss import _backend, _validate
from kriss.spline._piecewise import EXTEND, NAN, Index, build_index

F64 = npt.NDArray[np.floating[Any]]
DEGREES = (1, 3, 5, 7)
# Values that a block of a grid evaluation holds between its two contractions, at most.
_BLOCK = 1 << 22


class Axis:
    """One axis: its knots with multiplicity, the distinct ones with their search index, B-splines cell by cell."""

    def __init__(self, t: F64, k: int) -> None:
        self.t, self.k = t, k
        inner = t[k : t.size - k]
        cells = np.flatnonzero(np.diff(inner) > 0) + k  # t[c] < t[c + 1]
        self.x: F64 = np.append(t[cells], t[cells[-1] + 1])
        self.start = np.ascontiguousarray(cells - k, np.int32)
        self.basis: F64 = np.empty((cells.size, k + 1, k + 1))  # by power and B-spline
        _backend.kernels("spline_tensor").basis(t, cells.astype(np.int32), self.basis)
        self.index: Index = build_index(self.x)
        self.size = t.size - k - 1

    @property
    def data(self) -> tuple[Any, ...]:
        """As the kernels take it."""
        return self.x, self.index.table, self.index.map, self.start, self.basis

    def weights(self, q: F64, nu: int, beyond: int, workers: int) -> tuple[F64, npt.NDArray[np.int32]]:
        """Weights (points, k + 1) and numbers of the first B-spline (points)."""
        w, first = np.empty((q.size, self.k + 1)), np.empty(q.size, np.int32)
        _backend.kernels("spline_tensor").weights(*self.data, q, nu, beyond, w, first, workers)
        return w, first

    def integrals(self, a: float, b: float) -> F64:
        """Integral of every B-spline from a to b."""
        antiderivative = si.BSpline(self.t, np.eye(self.size), self.k).antiderivative()
        result: F64 = antiderivative(b) - antiderivative(a)
        return result


def knots_for(x: F64, k: int, breaks: F64) -> F64:
    """Not-a-knot knots for the sites `x`; at each of `breaks`, which are sites, the pieces are only continuous."""
    ends = np.concatenate([[0], np.searchsorted(x, breaks), [x.size - 1]])
    parts = [np.full(k + 1, x[0])]
    for low, high in itertools.pairwise(ends):
        parts.append(x[low + (k + 1) // 2 : high - (k - 1) // 2])
        parts.append(np.full(k if high < x.size - 1 else k + 1, x[high]))
    return np.concatenate(parts)


def solve_axis(axis: Axis, sites: F64, values: F64, workers: int) -> F64:
    """B-spline coefficients (n, columns) of one axis from values (n, columns) at its sites; `values` is overwritten."""
    w, first = axis.weights(sites, 0, EXTEND, workers)
    band = np.empty((sites.size, 2 * axis.k + 1))
    status = _backend.kernels("spline_tensor").solve(w, first, band, values, workers)
    if status != 0:
        raise ValueError(f"the sites do not determine the spline (status {status})")
    return values


class TensorSpline:
    """A spline in two variables, piecewise polynomial of degree `k` in each, that never changes.

    Made by `tensor_interpolate` and held by `AdaptiveSpline2D`.

    Parameters
    ----------
    tx, ty : array_like
        Knots of the axes with their multiplicities, as in `scipy.interpolate.NdBSpline`.
    c : array_like, shape (nx, ny, ...)
        B-spline coefficients; trailing dimensions are components.
    k : int
        Degree, 1, 3, 5 or 7.

    Attributes
    ----------
    tx, ty, c, k
        As given, read-only.
    x, y : ndarray
        The distinct knots.

    Raises
    ------
    TypeError, ValueError
        If knots decrease or span nothing, or the shape of `c` does not fit them.

    Notes
    -----
    A point costs two searches and ``3 k**2`` multiply-adds about; ``(k + 1)**2`` coefficients are read. Memory is that
    of the coefficients and ``8 (k + 1)**2`` bytes a knot of each axis.

    References
    ----------
    C. de Boor, *A Practical Guide to Splines*, Springer, 1978, chapters X and XVII.

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.spline import tensor_interpolate
    >>> x, y = np.linspace(0, 1, 12), np.linspace(0, 2, 14)
    >>> s = tensor_interpolate(x, y, np.outer(x**3, y**2))
    >>> round(float(s(0.5, 1.5)), 12), round(float(s(0.5, 1.5, nu=(1, 1))), 12), round(s.integrate(0, 1, 0, 2), 12)
    (0.28125, 2.25, 0.666666666667)
    """

    def __init__(self, tx: npt.ArrayLike, ty: npt.ArrayLike, c: npt.ArrayLike, k: int = 3) -> None:
        k = _degree(k)
        knots = []
        for t, name in ((tx, "tx"), (ty, "ty")):
            one = np.array(_validate.real_array(t, name, ndim=1, dtype=np.float64))
            if one.size < 2 * k + 2:
                raise ValueError(f"{name} holds {one.size} knots, expected at least {2 * k + 2} for degree {k}")
            if not (np.diff(one) >= 0).all() or not one[k] < one[-k - 1]:
                raise ValueError(f"{name} must not decrease and must span an interval")
            knots.append(one)
        values = np.array(_validate.real_array(c, "c", dtype=np.float64))
        wanted = tuple(t.size - k - 1 for t in knots)
        if values.ndim < 2 or values.shape[:2] != wanted:
            raise ValueError(f"c has shape {values.shape}, expected {wanted} and any trailing dimensions")
        self._set(Axis(knots[0], k), Axis(knots[1], k), values)

    def _set(self, ax: Axis, ay: Axis, c: F64) -> None:
        self._ax, self._ay, self._c = ax, ay, c
        for array in (ax.t, ay.t, ax.x, ay.x, c):
            array.flags.writeable = False

    @classmethod
    def _make(cls, ax: Axis, ay: Axis, c: F64) -> TensorSpline:
        self = cls.__new__(cls)
        self._set(ax, ay, c)
        return self

    @property
    def k(self) -> int:
        """Degree in each variable."""
        return self._ax.k

    @property
    def tx(self) -> F64:
        """Knots in x with multiplicity."""
        return self._ax.t

    @property
    def ty(self) -> F64:
        """Knots in y with multiplicity."""
        return self._ay.t

    @property
    def x(self) -> F64:
        """Distinct knots in x."""
        return self._ax.x

    @property
    def y(self) -> F64:
        """Distinct knots in y."""
        return self._ay.x

    @property
    def c(self) -> F64:
        """Coefficients, shape (nx, ny, ...)."""
        return self._c

    def __call__(
        self,
        x: npt.ArrayLike,
        y: npt.ArrayLike,
        nu: tuple[int, int] = (0, 0),
        *,
        grid: bool = False,
        out: F64 | None = None,
        extrapolate: bool = True,
        workers: int | None = None,
    ) -> Any:
        """Values or partial derivatives.

        Parameters
        ----------
        x, y : array_like
            Points; broadcast against each other, or with ``grid=True`` the two axes of a grid.
        nu : (int, int)
            Orders of the derivatives in x and y.
        grid : bool
            Evaluate at all pairs; far cheaper a value than scattered points.
        out : ndarray, optional
            float64, C-contiguous, of the shape of the result.
        extrapolate : bool
            Outside the knots: the end polynomials, or NaN.
        workers : int, optional
            Threads; the result does not depend on it.

        Returns
        -------
        float or ndarray
            Of the broadcast shape, or ``x.shape + y.shape`` on a grid, followed by that of the components. NaN where x
            or y is NaN.
        """
        nux, nuy = _orders(nu)
        qx = _validate.real_array(x, "x", dtype=np.float64, finite=False)
        qy = _validate.real_array(y, "y", dtype=np.float64, finite=False)
        threads = _validate.workers(workers)
        if not isinstance(extrapolate, (bool, np.bool_)):
            raise TypeError(f"extrapolate must be True or False, not {extrapolate!r}")
        beyond = EXTEND if extrapolate else NAN
        trailing = self._c.shape[2:]
        m = int(np.prod(trailing))
        shape: tuple[int, ...]
        if grid:
            shape = qx.shape + qy.shape + trailing
        else:
            try:
                shape = np.broadcast_shapes(qx.shape, qy.shape)
            except ValueError:
                raise ValueError(f"x has shape {qx.shape} and y {qy.shape}, which do not broadcast") from None
            qx, qy = (np.ascontiguousarray(np.broadcast_to(q, shape)) for q in (qx, qy))
            shape = shape + trailing
        result = _output(out, shape)
        c = self._c.reshape(self._ax.size, self._ay.size, m)
        if result.size:
            if grid:
                self._on_grid(c, qx.reshape(-1), qy.reshape(-1), nux, nuy, beyond, result, threads)
            else:
                kernel = _backend.kernels("spline_tensor").scattered
                kernel(*self._ax.data, *self._ay.data, c, qx, qy, nux, nuy, beyond, result, threads)
        return float(result) if shape == () and out is None else result

    def _on_grid(self, c: F64, qx: F64, qy: F64, nux: int, nuy: int, beyond: int, out: F64, threads: int) -> None:
        contract = _backend.kernels("spline_tensor").contract
        wx, fx = self._ax.weights(qx, nux, beyond, threads)
        wy, fy = self._ay.weights(qy, nuy, beyond, threads)
        nx, ny, m = c.shape
        flat = out.reshape(qx.size, qy.size, m)
        rows = max(1, _BLOCK // (ny * m))
        for begin in range(0, qx.size, rows):
            part = slice(begin, min(begin + rows, qx.size))
            lines = np.empty((part.stop - begin, ny, m))
            contract(c.reshape(1, nx, ny * m), wx[part], fx[part], lines, threads)
            contract(lines, wy, fy, flat[part], threads)

    def integrate(self, a: float, b: float, c: float, d: float) -> Any:
        """Integral over the rectangle x in [a, b], y in [c, d].

        Parameters
        ----------
        a, b : float
            Bounds in x, in either order, inside the knots.
        c, d : float
            Bounds in y.

        Returns
        -------
        float or ndarray
            With the shape of the components.
        """
        bounds = [_validate.scalar(v, name) for v, name in zip((a, b, c, d), "abcd", strict=True)]
        for axis, pair, name in ((self._ax, bounds[:2], "x"), (self._ay, bounds[2:], "y")):
            if min(pair) < axis.x[0] or max(pair) > axis.x[-1]:
                raise ValueError(f"the bounds {pair} in {name} leave the knots [{axis.x[0]}, {axis.x[-1]}]")
        wx = self._ax.integrals(bounds[0], bounds[1])
        wy = self._ay.integrals(bounds[2], bounds[3])
        result = np.tensordot(wy, np.tensordot(wx, self._c, 1), 1)
        return float(result) if result.ndim == 0 else result

    def to_ndbspline(self) -> Any:
        """The spline as a `scipy.interpolate.NdBSpline`, a copy."""
        return si.NdBSpline((self.tx.copy(), self.ty.copy()), self._c.copy(), self.k)

    def to_ndppoly(self) -> Any:
        """The spline as a `scipy.interpolate.NdPPoly`, a copy: ``(k + 1)**2`` coefficients a cell."""
        K = self.k + 1
        rows = self._ax.start[:, None] + np.arange(K)
        columns = self._ay.start[:, None] + np.arange(K)
        local = self._c[rows[:, None, :, None], columns[None, :, None, :]]  # (cells, cells, K, K, ...)
        c = np.einsum("ipa,jqb,ijab...->pqij...", self._ax.basis, self._ay.basis, local, optimize=True)
        return si.NdPPoly(np.ascontiguousarray(c[::-1, ::-1]), (self.x.copy(), self.y.copy()))

    def __reduce__(self) -> tuple[Callable[..., TensorSpline], tuple[Any, ...]]:
        return type(self), (np.array(self.tx), np.array(self.ty), np.array(self._c), self.k)

    def __repr__(self) -> str:
        trailing = f", components {self._c.shape[2:]}" if self._c.ndim > 2 else ""
        return (
            f"<TensorSpline of degree {self.k} with {self._ax.size} x {self._ay.size} coefficients on "
            f"[{self.x[0]:.6g}, {self.x[-1]:.6g}] x [{self.y[0]:.6g}, {self.y[-1]:.6g}]{trailing}>"
        )


def _degree(k: object) -> int:
    k = _validate.integer(k, "k")
    if k not in DEGREES:
        raise ValueError(f"k must be one of {', '.join(map(str, DEGREES))}, not {k}")
    return k


def _orders(nu: object) -> tuple[int, int]:
    if not isinstance(nu, (tuple, list)) or len(nu) != 2:
        raise ValueError(f"nu must be a pair of orders, not {nu!r}")
    return _validate.integer(nu[0], "nu[0]", low=0, high=64), _validate.integer(nu[1], "nu[1]", low=0, high=64)


def _output(out: F64 | None, shape: tuple[int, ...]) -> F64:
    if out is None:
        return np.empty(shape)
    if not isinstance(out, np.ndarray) or out.dtype != np.float64 or out.shape != shape:
        found = f"{out.dtype} of shape {out.shape}" if isinstance(out, np.ndarray) else type(out).__name__
        raise ValueError(f"out is {found}, expected a float64 array of shape {shape}")
    if not out.flags.c_contiguous or not out.flags.writeable or not out.flags.aligned:
        raise ValueError("out must be C-contiguous, aligned and writeable")
    return out


def build(x: F64, y: F64, values: F64, k: int, breaks: tuple[F64, F64], threads: int) -> TensorSpline:
    """The interpolant of values (nx, ny, ...) on the grid x by y; nothing is checked."""
    ax, ay = Axis(knots_for(x, k, breaks[0]), k), Axis(knots_for(y, k, breaks[1]), k)
    trailing = values.shape[2:]
    m = int(np.prod(trailing))
    nx, ny = x.size, y.size
    if m == 0:
        return TensorSpline._make(ax, ay, np.zeros(values.shape))
    c = np.array(values, np.float64).reshape(nx, ny, m)
    solve_axis(ax, x, c.reshape(nx, ny * m), threads)
    turned = np.ascontiguousarray(c.transpose(1, 0, 2))
    solve_axis(ay, y, turned.reshape(ny, nx * m), threads)
    c[:] = turned.transpose(1, 0, 2)
    c = c.reshape(nx, ny, *trailing)
    return TensorSpline._make(ax, ay, c)


def tensor_interpolate(
    x: npt.ArrayLike, y: npt.ArrayLike, z: npt.ArrayLike, *, k: int = 3, workers: int | None = None
) -> TensorSpline:
    """Interpolate values on a grid by a tensor-product spline with not-a-knot ends.

    Parameters
    ----------
    x, y : array_like, shapes (nx,), (ny,)
        Axes of the grid, strictly increasing, at least ``k + 1`` points each.
    z : array_like, shape (nx, ny, ...)
        Values; trailing dimensions are components.
    k : int
        Degree in each variable: 1, 3, 5 or 7.
    workers : int, optional
        Threads; the result does not depend on it.

    Returns
    -------
    TensorSpline

    Raises
    ------
    TypeError, ValueError
        If an argument does not fit or is not finite.

    Notes
    -----
    One banded system for each axis with all lines of the grid as right-hand sides: about ``8 k`` flops a value. The
    collocation matrix is totally positive, so that elimination needs no pivoting.

    References
    ----------
    C. de Boor, *A Practical Guide to Splines*, Springer, 1978, chapters XIII and XVII. C. de Boor, A. Pinkus, *Backward
    error analysis for totally positive linear systems*, Numer. Math. 27, 1977.

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.spline import tensor_interpolate
    >>> x = np.linspace(-1, 1, 30)
    >>> s = tensor_interpolate(x, x, np.exp(np.add.outer(x, -x)), k=5)
    >>> bool(abs(s(0.3, -0.2) - np.exp(0.5)) < 1e-9)
    True
    """
    k = _degree(k)
    axes = []
    for v, name in ((x, "x"), (y, "y")):
        one = np.array(_validate.real_array(v, name, ndim=1, dtype=np.float64))
        if one.size < k + 1:
            raise ValueError(f"{name} has {one.size} points, expected at least {k + 1} for degree {k}")
        steps = np.diff(one)
        if not (steps > 0).all():
            i = int(np.argmin(steps > 0))
            raise ValueError(f"{name} must be strictly increasing, but {name}[{i + 1}] = {one[i + 1]} after {one[i]}")
        axes.append(one)
    values = _validate.real_array(z, "z", dtype=np.float64)
    if values.ndim < 2 or values.shape[:2] != (axes[0].size, axes[1].size):
        raise ValueError(f"z has shape {values.shape}, expected ({axes[0].size}, {axes[1].size}, ...)")
    none = np.empty(0)
    return build(axes[0], axes[1], values, k, (none, none), _validate.workers(workers))
