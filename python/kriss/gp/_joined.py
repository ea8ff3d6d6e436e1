"""Several covariance functions as one, their parameters one after the other; sums of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from kriss.gp._base import Array, Kernel

if TYPE_CHECKING:
    from kriss.gp._program import Builder


class Joined(Kernel):
    """Several covariance functions, their parameters one after the other."""

    __slots__ = ("_parts",)
    _parts: tuple[Kernel, ...]
    _word = "terms"

    def _theta(self) -> Array:
        return np.concatenate([p._theta() for p in self._parts])

    def _limits(self) -> Array:
        return np.concatenate([p._limits() for p in self._parts])

    def _names(self, prefix: str) -> tuple[str, ...]:
        if len(self._parts) == 1:
            return self._parts[0]._names(prefix)
        return tuple(n for c, p in enumerate(self._parts) for n in p._names(f"{prefix}{self._word}[{c}]."))

    def _split(self, theta: Array) -> list[Array]:
        return np.split(theta, np.cumsum([p._theta().size for p in self._parts])[:-1])

    def _with(self, theta: Array) -> Kernel:
        fresh = [p._with(own) for p, own in zip(self._parts, self._split(theta), strict=True)]
        return fresh[0] if len(fresh) == 1 else type(self)(fresh)  # type: ignore[call-arg]

    def _nodes(self, build: Builder, at: int) -> list[int]:
        out = []
        for part in self._parts:
            out.append(part._emit(build, at))
            at += part._theta().size
        return out

    @property
    def _compiled(self) -> bool:
        return all(p._compiled for p in self._parts)

    @property
    def stationary(self) -> bool:
        """Whether ``k(x, x)`` is the same everywhere."""
        return all(p.stationary for p in self._parts)

    def _key(self) -> tuple[object, ...]:
        return self._parts


class Sum(Joined):
    """The sum of covariance functions, as ``k1 + k2`` makes it.

    Parameters
    ----------
    terms : sequence of Kernel
        At least one; sums among them are flattened.

    Raises
    ------
    TypeError, ValueError
        If a term is not a kernel, or there is none.

    References
    ----------
    C. E. Rasmussen, C. K. I. Williams, "Gaussian Processes for Machine Learning", 2006, section 4.2.4.

    Examples
    --------
    >>> from kriss.gp import RBF, Matern
    >>> k = RBF(10.0) + Matern(0.5, variance=0.1)
    >>> k.parameter_names
    ('terms[0].variance', 'terms[0].lengthscale', 'terms[1].variance', 'terms[1].lengthscale')
    """

    __slots__ = ()

    def __init__(self, terms: Sequence[Kernel]) -> None:
        self._parts = tuple(t for term in checked(terms, "terms") for t in term.terms)

    @property
    def terms(self) -> tuple[Kernel, ...]:
        """The terms of the sum, flattened."""
        return self._parts

    def _emit(self, build: Builder, at: int) -> int:
        return build.join(1, self._nodes(build, at))

    @property
    def total_variance(self) -> float:
        """``k(x, x)``: the sum of the variances of the terms, if all of them are stationary."""
        return math.fsum(t.total_variance for t in self._parts)

    def _diag(self, x: Array) -> Array:
        if self.stationary:
            return np.full(x.shape[0], self.total_variance)
        out: Array = sum(t._diag(x) for t in self._parts)  # type: ignore[assignment]
        return out

    def _contract_diag(self, x: Array, w: Array) -> Array:
        return np.concatenate([t._contract_diag(x, w) for t in self._parts])

    def __repr__(self) -> str:
        return " + ".join(map(repr, self._parts))


def checked(parts: Sequence[Kernel], name: str) -> Sequence[Kernel]:
    """A sequence of at least one kernel."""
    for part in parts:
        if not isinstance(part, Kernel):
            raise TypeError(f"{name} must be kernels, not {type(part).__name__}")
    if not parts:
        raise ValueError(f"{name} is empty, expected at least one kernel")
    return parts
