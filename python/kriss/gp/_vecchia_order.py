"""The order of Vecchia's approximation: points from far apart to close by, in the kernel's coordinates."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from kriss import _backend, _validate
from kriss.gp._kernels import Kernel, points
from kriss.gp._structured import flat_of

Array = npt.NDArray[Any]
Indices = npt.NDArray[np.int64]


class Metric:
    """Coordinates as the order and the neighbours see them: scaled by the kernel, shrunk to the unit cube."""

    def __init__(self, x: Array, scale: Array) -> None:
        self._low = 0.5 * x.min(axis=0)
        extent = (0.5 * x - self._low).max(axis=0)
        used = (extent > 0.0) & (scale > 0.0)
        self._extent = np.where(used, extent, 1.0)
        self._weight = np.zeros(x.shape[1])
        if used.any():
            power = np.log2(extent[used]) + np.log2(scale[used])
            self._weight[used] = np.exp2(power - power.max())

    def __call__(self, x: Array) -> Array:
        with np.errstate(over="ignore", invalid="ignore"):
            out: Array = np.ascontiguousarray((0.5 * x - self._low) / self._extent * self._weight)
        return np.nan_to_num(out, copy=False, nan=0.0, posinf=1e300, neginf=-1e300)


def kernel_scale(kernel: Kernel, d: int) -> Array:
    """Per column the largest 1 / lengthscale of a term that uses it; 0 for a column that none uses."""
    flat = flat_of(kernel, d)
    if flat is None:
        return np.ones(d)
    scale = np.zeros(d)
    np.maximum.at(scale, flat.dim, flat.inv_lengthscale)
    return scale


def order_of(scaled: Array, threads: int) -> Indices:
    order = np.zeros(scaled.shape[0], np.int64)
    if order.size:
        centre = np.ascontiguousarray(scaled.mean(axis=0))
        _backend.kernels("gp_structures").maximin(scaled, centre, order, threads)
    return order


def maximin_order(X: npt.ArrayLike, *, scale: npt.ArrayLike | None = None, workers: int | None = None) -> Indices:
    """Points in an order in which each is the one farthest from all those before it.

    Parameters
    ----------
    X : array_like, shape (n, d)
        Points.
    scale : array_like, shape (d,), optional
        What the coordinates are multiplied by before distances are taken, 1 / lengthscale for instance; ones by
        default. Not negative.
    workers : int, optional
        Threads; the result does not depend on it.

    Returns
    -------
    ndarray of int64, shape (n,)
        A permutation: ``X[order]`` starts next to the mean of the points and fills the space ever more finely.
        Among points equally far the one of the lower index comes first.

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong dtype or shape, or is not finite.

    Notes
    -----
    Exact. About ``n log n`` distances where dimension is low, by a k-d tree whose nodes know their farthest point
    (n**2 / 2 on the Numba backend); 40 n + 16 d n / 8 bytes.

    References
    ----------
    F. Schaefer, T. J. Sullivan, H. Owhadi, "Compression, Inversion, and Approximate PCA of Dense Kernel Matrices at
    Near-Linear Computational Complexity", Multiscale Modeling & Simulation 19, 2021, section 4.

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.gp import maximin_order
    >>> maximin_order(np.arange(5.0)[:, None])
    array([2, 0, 4, 1, 3])
    """
    x = points(X)
    if scale is None:
        factors: Array = np.ones(x.shape[1])
    else:
        factors = _validate.real_array(scale, "scale", ndim=1, single=False)
        if factors.size != x.shape[1]:
            raise ValueError(f"scale has {factors.size} entries, expected one per column of X ({x.shape[1]})")
        if factors.min() < 0.0:
            raise ValueError(f"scale must not be negative, not {factors.min()}")
    if x.shape[0] == 0:
        return np.zeros(0, np.int64)
    return order_of(Metric(x, factors)(x), _validate.workers(workers))
