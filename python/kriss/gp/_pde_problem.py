"""A partial differential equation on a grid, checked: what both ways to solve it share."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from kriss import _validate

Array = npt.NDArray[Any]
Field = Callable[..., Any] | npt.ArrayLike
Reaction = tuple[Callable[[Array], Any], Callable[[Array], Any]]
Terms = Mapping[int | tuple[int, ...], float]

ORDERS = (0, 1, 2)


class Equation:
    """``sum_q L_q u + constant u + g(u) = source`` on a grid of one or two axes, u given on some of its faces.

    Attributes: axes, steps; `orders`, per axis the coefficient of each derivative; `constant`; `source` and `known`
    (grid arrays, the latter with the given faces and 0 elsewhere); `faces`; `free`, per axis the slice of the unknowns.
    """

    def __init__(
        self,
        axes: Sequence[npt.ArrayLike],
        terms: Terms,
        source: Field,
        boundary: Field,
        reaction: Reaction | None,
        faces: Sequence[tuple[bool, bool]] | None,
    ) -> None:
        self.axes = checked_axes(axes)
        d = len(self.axes)
        self.shape = tuple(a.size for a in self.axes)
        self.lengths = tuple(float(a[-1] - a[0]) for a in self.axes)
        self.orders, self.constant = checked_terms(terms, d)
        self.reaction = checked_reaction(reaction)
        self.faces = checked_faces(faces, d)
        self.free = tuple(
            slice(1 if low else 0, n - 1 if high else n) for n, (low, high) in zip(self.shape, self.faces, strict=True)
        )
        mesh = self.mesh(self.axes)
        self.source_of = source if callable(source) else None
        self.source = self._field(source, "source", mesh, np.ones(self.shape, bool))
        self.known_cells = np.ones(self.shape, bool)
        self.known_cells[self.free] = False
        self.known = np.where(self.known_cells, self._field(boundary, "boundary", mesh, self.known_cells), 0.0)

    @staticmethod
    def mesh(axes: Sequence[Array]) -> list[Array]:
        """Coordinates that broadcast to the grid of these axes."""
        return list(np.meshgrid(*axes, indexing="ij", sparse=True))

    def _field(self, value: Field, name: str, mesh: list[Array], where: npt.NDArray[np.bool_]) -> Array:
        """Values on the grid, which must be finite `where` they are used."""
        raw = value(*mesh) if callable(value) else value
        out = _validate.real_array(raw, name, finite=False, single=False)
        try:
            full = np.array(np.broadcast_to(out, self.shape) if callable(value) or out.ndim == 0 else out)
        except ValueError:
            raise ValueError(f"{name} gives values of shape {out.shape}, expected {self.shape} as the grid") from None
        if full.shape != self.shape:
            raise ValueError(f"{name} has shape {out.shape}, expected {self.shape} as the grid, or a function")
        bad = where & ~np.isfinite(full)
        if bad.any():
            place = tuple(int(i) for i in np.argwhere(bad)[0])
            raise ValueError(f"{name} is {full[place]} at grid point {place}, expected finite values")
        return full

    def unit(self) -> float:
        """A power of two as large as u may be, by its boundary values and by the source over the slowest modes."""
        slow = abs(self.constant) + sum(
            abs(c) / (length / math.pi) ** o
            for own, length in zip(self.orders, self.lengths, strict=True)
            for o, c in own.items()
        )
        size = max(float(np.abs(self.known).max()), float(np.abs(self.source[self.free]).max(initial=0.0)) / slow)
        return 2.0 ** math.frexp(size)[1] if size > 0.0 and math.isfinite(size) else 1.0

    def in_units(self, unit: float) -> Equation:
        """The equation of u / unit."""
        out = copy.copy(self)
        out.source, out.known = self.source / unit, self.known / unit
        if self.reaction is not None:
            g, slope = self.reaction
            out.reaction = (lambda v: np.asarray(g(unit * v)) / unit, lambda v: slope(unit * v))
        return out

    def react(self, u: Array) -> tuple[Array, Array]:
        """g(u) and g'(u); zeros where there is none."""
        if self.reaction is None:
            return np.zeros_like(u), np.zeros_like(u)
        parts = []
        for f, what in zip(self.reaction, ("g", "its derivative"), strict=True):
            value = np.asarray(f(u), np.float64)
            if value.shape not in (u.shape, ()):
                raise ValueError(f"reaction: {what} has shape {value.shape}, expected {u.shape} as its argument")
            parts.append(np.broadcast_to(value, u.shape))
        return parts[0], parts[1]


def checked_axes(axes: Sequence[npt.ArrayLike], name: str = "axes") -> tuple[Array, ...]:
    """One or two axes, increasing and equispaced."""
    if isinstance(axes, np.ndarray) and axes.ndim == 1 and axes.dtype != object:
        axes = [axes]
    out = []
    for q, axis in enumerate(axes):
        x = _validate.real_array(axis, f"{name}[{q}]", ndim=1, single=False).copy()
        if x.size < 4:
            raise ValueError(f"{name}[{q}] has {x.size} points, expected at least 4")
        step = np.diff(x)
        if not step.min() > 0.0:
            raise ValueError(f"{name}[{q}] does not increase at index {int(np.argmin(step))}")
        even = (x[-1] - x[0]) / (x.size - 1)
        if np.abs(step - even).max() > 1e-6 * even:
            raise ValueError(f"{name}[{q}] is not equispaced: steps lie between {step.min():.6g} and {step.max():.6g}")
        x.flags.writeable = False
        out.append(x)
    if not 1 <= len(out) <= 2:
        raise ValueError(f"{name} has {len(out)} axes, expected one or two")
    return tuple(out)


def checked_terms(terms: Terms, d: int) -> tuple[tuple[dict[int, float], ...], float]:
    """Per axis the coefficients of its derivatives, and that of u itself."""
    if not isinstance(terms, Mapping):
        raise TypeError(f"terms must map orders of derivatives to coefficients, not {type(terms).__name__}")
    per_axis: tuple[dict[int, float], ...] = tuple({} for _ in range(d))
    constant = 0.0
    for key, value in terms.items():
        orders = key if isinstance(key, tuple) else (key,)
        if len(orders) != d:
            raise ValueError(f"terms has the key {key!r}, expected one order for each of the {d} axes")
        which = [_validate.integer(o, f"terms[{key!r}]", low=0, high=2) for o in orders]
        coefficient = _validate.scalar(value, f"the coefficient of terms[{key!r}]")
        active = [q for q, o in enumerate(which) if o > 0]
        if len(active) > 1:
            raise NotImplementedError(f"terms has the mixed derivative {key!r}; only derivatives along one axis each")
        if active:
            q = active[0]
            per_axis[q][which[q]] = per_axis[q].get(which[q], 0.0) + coefficient
        else:
            constant += coefficient
    for q, own in enumerate(per_axis):
        if not any(own.values()):
            raise ValueError(f"terms has no derivative along axis {q}, which leaves u undetermined there")
    return per_axis, constant


def checked_reaction(reaction: Reaction | None) -> Reaction | None:
    """A pair of functions, or None."""
    if reaction is None:
        return None
    if not isinstance(reaction, tuple) or len(reaction) != 2 or not all(map(callable, reaction)):
        raise TypeError("reaction must be a pair of functions (g, its derivative), or None")
    return reaction


def checked_faces(faces: Sequence[tuple[bool, bool]] | None, d: int) -> tuple[tuple[bool, bool], ...]:
    """Per axis whether u is given on its first and its last face."""
    if faces is None:
        return ((True, True),) * d
    out = tuple(tuple(bool(v) for v in pair) for pair in faces)
    if len(out) != d or any(len(pair) != 2 for pair in out):
        raise ValueError(f"faces is {faces!r}, expected a pair (first, last) for each of the {d} axes")
    return out  # type: ignore[return-value]


def well_posed(equation: Equation) -> None:
    """Refuse boundary conditions that do not determine u."""
    for q, (own, pair) in enumerate(zip(equation.orders, equation.faces, strict=True)):
        order = max(o for o, c in own.items() if c != 0.0)
        if sum(pair) != order:
            raise ValueError(
                f"faces gives u on {sum(pair)} faces of axis {q}, expected {order}: the highest derivative along it is "
                f"of order {order}"
            )
