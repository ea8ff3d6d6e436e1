"""Bases of orthonormal polynomials in several variables, and exact draws from the densities that they induce."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from kriss import _validate
from kriss._validate import RngLike

Array = npt.NDArray[np.float64]
FAMILIES = ("legendre", "chebyshev", "hermite", "laguerre")
INDEX_SETS = ("total", "hyperbolic", "tensor")
LARGEST = 1 << 20  # functions of a basis
LARGEST_DEGREE = {"hermite": 300, "laguerre": 150}  # their squares overflow where they are drawn
GAUSS = np.polynomial.legendre.leggauss(12)


def recurrence(family: str, count: int) -> tuple[Array, Array]:
    """a and b of b[j+1] φ[j+1] = (x - a[j]) φ[j] - b[j] φ[j-1], for j below `count`; φ[0] = 1."""
    j = np.arange(count + 1, dtype=np.float64)
    if family == "legendre":
        return np.zeros(count + 1), j / np.sqrt(np.maximum(4.0 * j**2 - 1.0, 1.0))
    if family == "chebyshev":
        return np.zeros(count + 1), np.where(j == 1, math.sqrt(0.5), 0.5)
    if family == "hermite":
        return np.zeros(count + 1), np.sqrt(j)
    return 2.0 * j + 1.0, j


def orthonormal(family: str, degree: int, x: Array) -> Array:
    """φ_0 to φ_degree at x, (degree + 1, ...)."""
    a, b = recurrence(family, degree)
    out = np.empty((degree + 1, *x.shape))
    out[0] = 1.0
    for j in range(degree):
        out[j + 1] = (x - a[j]) * out[j]
        if j:
            out[j + 1] -= b[j] * out[j - 1]
        out[j + 1] /= b[j + 1]
    return out


@functools.lru_cache(maxsize=512)
def _induced(family: str, n: int) -> tuple[Array, Array, Array]:
    """Edges of cells in the variable t of `_density`, the share of φ_n² dμ up to each edge, a bound in each cell."""
    if family in ("legendre", "chebyshev"):
        low, high = 0.0, math.pi
    elif family == "hermite":
        high = math.sqrt(4.0 * n + 2.0) + 9.0
        low = -high
    else:
        low, high = 0.0, math.sqrt(4.0 * n + 2.0) + 6.5
    cells = 32 * (n + 2)
    edges = np.linspace(low, high, cells + 1)
    half = 0.5 * (edges[1] - edges[0])
    nodes = edges[:-1, None] + half * (1.0 + GAUSS[0])
    mass = half * (_density(family, n, nodes) @ GAUSS[1])
    fine = edges[:-1, None] + 2.0 * half * np.linspace(0.0, 1.0, 9)
    bound = _density(family, n, fine).max(axis=1)
    # Between two of nine points in a 16th of a period, a maximum is higher by less than a thousandth of the largest.
    return edges, np.concatenate([[0.0], np.cumsum(mass)]), 1.02 * bound + 1e-4 * bound.max()


def _density(family: str, n: int, t: Array) -> Array:
    """Density of φ_n² dμ in a variable t in which it is smooth: x = cos t, t or t²."""
    if family in ("legendre", "chebyshev"):
        x = np.cos(t)
        weight = 0.5 * np.sin(t) if family == "legendre" else np.full_like(t, 1.0 / math.pi)
        return np.asarray(orthonormal(family, n, x)[n] ** 2 * weight)
    if family == "hermite":
        return np.asarray(_scaled(family, n, t, -0.25 * t * t) ** 2 / math.sqrt(2.0 * math.pi))
    return np.asarray(_scaled(family, n, t * t, -0.5 * t * t) ** 2 * (2.0 * t))


def _scaled(family: str, n: int, x: Array, log_factor: Array) -> Array:
    """φ_n(x) exp(log_factor) without overflow on the way."""
    a, b = recurrence(family, n)
    old, now = np.zeros_like(x), np.ones_like(x)
    level = log_factor.copy()
    for j in range(n):
        fresh = ((x - a[j]) * now - b[j] * old) / b[j + 1]
        old, now = now, fresh
        size = np.maximum(np.abs(now), np.abs(old))
        big = size > 1e100
        if big.any():
            factor = np.where(big, size, 1.0)
            old, now = old / factor, now / factor
            level = level + np.log(factor)
    return np.asarray(now * np.exp(level))


def draw_induced(family: str, n: int, count: int, gen: np.random.Generator) -> Array:
    """Independent points with density φ_n² dμ: a cell by its exact share, a place in it by rejection."""
    edges, total, bound = _induced(family, n)
    cell = np.searchsorted(total, gen.random(count) * total[-1], side="right") - 1
    cell = np.minimum(cell, len(bound) - 1)
    t = np.empty(count)
    left = np.arange(count)
    width = edges[1] - edges[0]
    while left.size:
        here = cell[left]
        trial = edges[here] + width * gen.random(left.size)
        good = gen.random(left.size) * bound[here] < _density(family, n, trial)
        t[left[good]] = trial[good]
        left = left[~good]
    return np.cos(t) if family in ("legendre", "chebyshev") else t if family == "hermite" else t * t


def multi_indices(dimension: int, degree: int, kind: str) -> npt.NDArray[np.int64]:
    """Multi-indices, (k, dimension), ordered by total degree."""
    level: list[tuple[int, ...]] = [()]
    for _ in range(dimension):
        grown = []
        for head in level:
            if kind == "total":
                most = degree - sum(head)
            elif kind == "hyperbolic":
                most = (degree + 1) // math.prod(i + 1 for i in head) - 1
            else:
                most = degree
            grown += [(*head, i) for i in range(most + 1)]
            if len(grown) > LARGEST:
                raise ValueError(f"degree is {degree}: more than {LARGEST} functions in dimension {dimension}")
        level = grown
    level.sort(key=lambda i: (sum(i), tuple(-j for j in i)))
    return np.array(level, dtype=np.int64).reshape(len(level), dimension)


class PolynomialBasis:
    """Products of orthonormal polynomials in several variables, with the measure that they belong to.

    Parameters
    ----------
    family : str or sequence of str
        Of each variable (one name: of all): ``"legendre"``, uniform on [-1, 1]; ``"chebyshev"``, the arcsine law there;
        ``"hermite"``, the standard normal law; ``"laguerre"``, the exponential law on [0, ∞) of mean 1.
    degree : int
        Of the index set.
    dimension : int
        Number of variables.
    index_set : str or array_like of int, shape (k, dimension)
        ``"total"``: sum of the degrees at most `degree`; ``"hyperbolic"``: product of the degrees plus one at most
        `degree` plus one; ``"tensor"``: each degree at most `degree`; or the multi-indices themselves.

    Raises
    ------
    TypeError, ValueError
        If a family or index set is unknown, numbers are out of range, or indices are negative, doubled or too many.

    Attributes
    ----------
    families : tuple of str
        One for each variable.
    indices : ndarray of int, shape (k, dimension)
        Degrees of each function in each variable; the first is the constant 1 in the built-in sets.
    dimension : int
        As given.

    Notes
    -----
    ``basis(x)`` costs (degrees + k) flops per point and variable. `draw` is exact up to rounding: a function at random,
    and in each variable a point of its squared polynomial's density, from a table of shares and rejection.

    References
    ----------
    A. Cohen, G. Migliorati, *Optimal weighted least-squares methods*, SMAI J. Comput. Math. 3 (2017), section 5, for
    the mixture that `draw` uses.

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.sketch import PolynomialBasis
    >>> basis = PolynomialBasis("legendre", 3, dimension=2)
    >>> len(basis), basis([[1.0, 1.0]])[0, :3].round(3).tolist()
    (10, [1.0, 1.732, 1.732])
    >>> x, size = basis.draw(1000, rng=0)
    >>> bool(np.allclose(size, np.sum(basis(x) ** 2, axis=1)))
    True
    """

    def __init__(
        self,
        family: str | Sequence[str] = "legendre",
        degree: int = 5,
        dimension: int = 1,
        index_set: str | npt.ArrayLike = "total",
    ) -> None:
        self.dimension = _validate.integer(dimension, "dimension", low=1)
        names = [family] * self.dimension if isinstance(family, str) else list(family)
        if len(names) != self.dimension:
            raise ValueError(f"family has {len(names)} names, expected {self.dimension}, one for each variable")
        self.families: tuple[str, ...] = tuple(_validate.choice(name, "family", FAMILIES) for name in names)
        degree = _validate.integer(degree, "degree", low=0, high=10_000)
        if isinstance(index_set, str):
            kind = _validate.choice(index_set, "index_set", INDEX_SETS)
            self.indices = multi_indices(self.dimension, degree, kind)
        else:
            self.indices = _given(index_set, self.dimension)
        for axis, name in enumerate(self.families):
            top = int(self.indices[:, axis].max())
            if top > LARGEST_DEGREE.get(name, top):
                raise ValueError(
                    f"degree {top} of {name} polynomials overflows, expected at most {LARGEST_DEGREE[name]}"
                )
        self.indices.flags.writeable = False

    def __len__(self) -> int:
        return len(self.indices)

    def __repr__(self) -> str:
        return f"PolynomialBasis({'*'.join(self.families)}, {len(self)} functions)"

    def points(self, x: object) -> Array:
        """Points as an array of shape (N, dimension); a vector is N points of one variable.

        Parameters
        ----------
        x : array_like, shape (N, dimension), or (N,) in one dimension
            Within the domains of the families.

        Returns
        -------
        ndarray, shape (N, dimension)
            float64.
        """
        out = np.asarray(_validate.real_array(x, "x", ndim=(1, 2)), dtype=np.float64)
        out = out[:, None] if out.ndim == 1 and self.dimension == 1 else out
        if out.ndim != 2 or out.shape[1] != self.dimension:
            raise ValueError(f"x has shape {out.shape}, expected (N, {self.dimension})")
        return out

    def __call__(self, x: object) -> Array:
        """Values of all functions, (N, k)."""
        points = self.points(x)
        out = np.ones((len(points), len(self)))
        for axis, family in enumerate(self.families):
            degrees = self.indices[:, axis]
            out *= orthonormal(family, int(degrees.max(initial=0)), points[:, axis])[degrees].T
        return out

    def draw(self, count: int, rng: RngLike = None) -> tuple[Array, Array]:
        """Independent points with the optimal density, the mean of the squared functions, and the sum of these there.

        Parameters
        ----------
        count : int
            Number of points.
        rng : int, SeedSequence, Generator or None
            Decides them.

        Returns
        -------
        x : ndarray, shape (count, dimension)
            The points.
        size : ndarray, shape (count,)
            ``sum(basis(x)**2, axis=1)``.
        """
        count = _validate.integer(count, "count", low=0)
        gen = _validate.generator(rng)
        which = self.indices[gen.integers(len(self), size=count)]
        x = np.empty((count, self.dimension))
        for axis, family in enumerate(self.families):
            for degree in np.unique(which[:, axis]):
                places = np.flatnonzero(which[:, axis] == degree)
                x[places, axis] = draw_induced(family, int(degree), len(places), gen)
        values = self(x)
        return x, np.einsum("ij,ij->i", values, values)


def _given(indices: npt.ArrayLike, dimension: int) -> npt.NDArray[np.int64]:
    raw: Any = np.asarray(indices)
    if raw.dtype.kind not in "iu" or raw.ndim != 2 or raw.shape[1] != dimension or len(raw) == 0:
        raise ValueError(
            f"index_set is an array of shape {raw.shape} and dtype {raw.dtype}, expected integers, (k, {dimension})"
        )
    out = raw.astype(np.int64)
    if out.min() < 0 or out.max() > 10_000:
        raise ValueError(f"index_set holds {out.min() if out.min() < 0 else out.max()}, expected degrees 0 to 10000")
    if len(np.unique(out, axis=0)) < len(out):
        raise ValueError("index_set holds a multi-index twice, expected different ones")
    return np.array(out)
