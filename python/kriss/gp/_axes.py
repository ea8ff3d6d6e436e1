"""Grids as products of axes, and kernels that are products over columns along them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from kriss import _validate
from kriss.gp._kernels import RBF, Kernel
from kriss.gp._structured import row_blocks

Array = npt.NDArray[Any]


class Piece(NamedTuple):
    """A factor of the kernel: over one column, or a number where `column` is None. place: entries of theta, or -1."""

    column: int | None
    kernel: Kernel | None
    value: float
    place: npt.NDArray[np.int64]


def _columns(kernel: Any, d: int) -> set[int] | None:
    """The columns that a kernel depends on, None if that is not known."""
    parts = getattr(kernel, "factors", None) or (kernel.terms if len(kernel.terms) > 1 else None)
    if parts is not None:
        found = [_columns(p, d) for p in parts]
        return None if any(f is None for f in found) else set().union(*(f for f in found if f is not None))
    if type(kernel).__name__ == "Constant":
        return set()
    if not hasattr(kernel, "active_dims"):
        return None
    return set(range(d)) if kernel.active_dims is None else set(kernel.active_dims)


def pieces_of(kernel: Any, d: int, at: int = 0) -> list[Piece] | None:
    """The kernel as a product of functions of one column each, or None if it is none."""
    factors = getattr(kernel, "factors", None)
    if factors is not None:
        out: list[Piece] = []
        for factor in factors:
            part = pieces_of(factor, d, at)
            if part is None:
                return None
            out += part
            at += factor.theta.size
        return out
    columns = _columns(kernel, d)
    if columns is None:
        return None
    place = np.arange(at, at + kernel.theta.size)
    if len(columns) == 1:
        return [Piece(columns.pop(), kernel, 1.0, place)]
    if not columns:
        return [Piece(None, None, float(np.exp(kernel.theta[0])), place)]
    if not isinstance(kernel, RBF):
        return None
    dims = list(range(d)) if kernel.active_dims is None else list(kernel.active_dims)
    lengths = np.broadcast_to(kernel.lengthscale, (len(dims),))
    which = np.full(len(dims), 1) if np.ndim(kernel.lengthscale) == 0 else 1 + np.arange(len(dims))
    out = [Piece(None, None, kernel.variance, place[:1])]
    for q, length, slot in zip(dims, lengths, which, strict=True):
        out.append(Piece(q, RBF(float(length), 1.0, active_dims=[q]), 1.0, np.array([-1, at + slot])))
    return out


@dataclass(frozen=True, eq=False)
class Grid:
    """A product of axes, perhaps with missing cells.

    Parameters
    ----------
    axes : sequence of array_like, each of shape (n_q,)
        Coordinates along each axis, all different; in any order.
    mask : array_like of bool, shape (n_1, ..., n_d), optional
        True where a cell is missing, as in NumPy's masked arrays.

    Raises
    ------
    TypeError, ValueError
        If an axis is empty, not finite or names a coordinate twice, or the mask has another shape or no cell left.

    Examples
    --------
    >>> from kriss.gp import Grid
    >>> Grid([[0.0, 1.0], [0.0, 1.0, 2.0]], mask=[[False, True, False], [False, False, False]]).points().shape
    (5, 2)
    """

    axes: Sequence[npt.ArrayLike]
    mask: npt.ArrayLike | None = None

    def __post_init__(self) -> None:
        checked = []
        for q, axis in enumerate(self.axes):
            values = _validate.real_array(axis, f"axes[{q}]", ndim=1, single=False).copy()
            if values.size == 0:
                raise ValueError(f"axes[{q}] is empty, expected at least one coordinate")
            if np.unique(values).size != values.size:
                raise ValueError(f"axes[{q}] names a coordinate twice")
            values.flags.writeable = False
            checked.append(values)
        if not checked:
            raise ValueError("axes is empty, expected at least one axis")
        object.__setattr__(self, "axes", tuple(checked))
        if self.mask is not None:
            mask = np.array(self.mask)
            if mask.dtype != np.bool_ or mask.shape != self.shape:
                raise ValueError(f"mask has dtype {mask.dtype} and shape {mask.shape}, expected bool and {self.shape}")
            if mask.all():
                raise ValueError("mask leaves no cell")
            mask.flags.writeable = False
            object.__setattr__(self, "mask", mask)

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the axes."""
        return tuple(np.size(a) for a in self.axes)

    def cells(self) -> npt.NDArray[np.int64]:
        """Numbers of the cells that are there, the last axis running fastest, shape (n,)."""
        if self.mask is None:
            return np.arange(math.prod(self.shape))
        return np.flatnonzero(~np.asarray(self.mask).ravel())

    def points(self) -> Array:
        """The points of those cells, shape (n, d): what `X` is for a factor."""
        index = np.unravel_index(self.cells(), self.shape)
        return np.column_stack([np.asarray(a)[i] for a, i in zip(self.axes, index, strict=True)])


def find(x: Array) -> tuple[list[Array], npt.NDArray[np.int64]] | None:
    """Axes and cell numbers of points in any order; None if two points share a cell."""
    axes, codes = [], []
    for q in range(x.shape[1]):
        values, inverse = np.unique(x[:, q], return_inverse=True)
        axes.append(values)
        codes.append(inverse.ravel())
    shape = tuple(a.size for a in axes)
    if math.prod(shape) >= 2**62:
        return None
    cells = np.ravel_multi_index(codes, shape).astype(np.int64)
    return (axes, cells) if np.unique(cells).size == cells.size else None


class Axes:
    """Matrices of a kernel along the axes of a grid, and what is computed with them."""

    def __init__(self, pieces: list[Piece], axes: Sequence[Array], parameters: int) -> None:
        self.shape = tuple(a.size for a in axes)
        self.size = math.prod(self.shape)
        self.parameters = parameters
        self._pieces = pieces
        self._axes = axes
        d = len(axes)
        self.scale = math.prod(p.value for p in pieces)
        self._own: list[list[Array]] = [[] for _ in axes]
        for piece in pieces:
            if piece.column is not None and piece.kernel is not None:
                self._own[piece.column].append(piece.kernel(self._embed(piece.column, axes[piece.column], d)))
        self.matrices = [
            math.prod(own, start=np.ones((a.size, a.size))) for own, a in zip(self._own, axes, strict=True)
        ]

    @staticmethod
    def _embed(column: int, values: Array, d: int) -> Array:
        x = np.zeros((values.size, d))
        x[:, column] = values
        return x

    def apply(self, matrices: Sequence[Array], t: Array, skip: int = -1) -> Array:
        """Each matrix along its axis of t (n_1, ..., n_d, k), but for `skip`."""
        for q, m in enumerate(matrices):
            if q != skip:
                t = np.moveaxis(np.tensordot(m, t, axes=(1, q)), 0, q)
        return t

    def cross(self, xs: Array) -> list[Array]:
        """Per axis the covariances of new points with it, (s, n_q), without the scale."""
        d = len(self._axes)
        out = [np.ones((xs.shape[0], n)) for n in self.shape]
        for piece in self._pieces:
            if piece.column is not None and piece.kernel is not None:
                there = self._embed(piece.column, self._axes[piece.column], d)
                out[piece.column] *= piece.kernel(xs, there)
        return out

    @staticmethod
    def rows(per_axis: Sequence[Array], t: Array) -> Array:
        """``sum_cells prod_q per_axis[q][i, cell_q] t[cell]`` for t (n_1, ..., n_d, k): (s, k)."""
        count = per_axis[0].shape[0]
        out = np.empty((count, t.shape[-1]))
        for part in row_blocks(count, t.size // t.shape[0]):
            here = np.tensordot(per_axis[0][part], t, axes=(1, 0))
            for m in per_axis[1:]:
                here = np.einsum("ij,ij...->i...", m[part], here)
            out[part] = here
        return out

    def gradient(self, weights: Sequence[Array]) -> Array:
        """Sum over pairs of cells of W dK in theta, where weights[q] is W contracted over all axes but q with the other
        axes' matrices and the scale."""
        total = np.zeros(self.parameters)
        d = len(self._axes)
        level = float((weights[0] * self.matrices[0]).sum())
        seen = [0] * d
        for piece in self._pieces:
            if piece.column is None or piece.kernel is None:
                total[piece.place] += level
                continue
            q = piece.column
            own = self._own[q]
            others = math.prod((m for k, m in enumerate(own) if k != seen[q]), start=weights[q])
            seen[q] += 1
            kernel: Any = piece.kernel
            slope = kernel.contract(self._embed(q, self._axes[q], d), others)
            real = piece.place >= 0
            np.add.at(total, piece.place[real], slope[real])
        return total

    def outer(self, left: Array, right: Array) -> list[Array]:
        """Those weights for W = sum_s left_s right_s', left and right (n_1, ..., n_d, s)."""
        out = []
        for q, n in enumerate(self.shape):
            image = self.apply(self.matrices, right, skip=q) * self.scale
            unfolded = [np.moveaxis(t, q, 0).reshape(n, -1) for t in (left, image)]
            out.append(unfolded[0] @ unfolded[1].T)
        return out
