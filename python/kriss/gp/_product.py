"""Products and powers of covariance functions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from kriss import _validate
from kriss.gp._base import Array, Kernel
from kriss.gp._joined import Joined, Sum, checked

if TYPE_CHECKING:
    from kriss.gp._program import Builder


def _shown(kernel: Kernel) -> str:
    return f"({kernel!r})" if isinstance(kernel, Sum) and len(kernel.terms) > 1 else repr(kernel)


def others(values: Sequence[Array]) -> list[Array]:
    """For each factor the product of all the others, without dividing."""
    count = len(values)
    before: list[Array] = [np.ones_like(values[0])]
    for v in values[:-1]:
        before.append(before[-1] * v)
    after = np.ones_like(values[0])
    out = [after] * count
    for c in range(count - 1, -1, -1):
        out[c] = before[c] * after
        after = after * values[c]
    return out


class Product(Joined):
    """The product of covariance functions, as ``k1 * k2`` makes it.

    Parameters
    ----------
    factors : sequence of Kernel
        At least one; products among them are flattened.

    Raises
    ------
    TypeError, ValueError
        If a factor is not a kernel, or there is none.

    Notes
    -----
    Each factor keeps its own variance; only their product matters to the matrix, so fix all but one of them
    (``variance_bounds="fixed"``) before a fit. Derivatives divide by nothing: a factor may be 0.

    References
    ----------
    C. E. Rasmussen, C. K. I. Williams, "Gaussian Processes for Machine Learning", 2006, section 4.2.4.

    Examples
    --------
    >>> from kriss.gp import RBF, Periodic
    >>> k = RBF(10.0, variance_bounds="fixed") * Periodic(period=2.0)
    >>> k.parameter_names[:2]
    ('factors[0].variance', 'factors[0].lengthscale')
    """

    __slots__ = ()
    _word = "factors"

    def __init__(self, factors: Sequence[Kernel]) -> None:
        flat: list[Kernel] = []
        for factor in checked(factors, "factors"):
            flat.extend(factor._parts if isinstance(factor, Product) else [factor])
        self._parts = tuple(flat)

    @property
    def factors(self) -> tuple[Kernel, ...]:
        """The factors, flattened."""
        return self._parts

    def _emit(self, build: Builder, at: int) -> int:
        return build.join(2, self._nodes(build, at))

    @property
    def total_variance(self) -> float:
        """``k(x, x)``: the product of those of the factors, if all of them are stationary."""
        return math.prod(f.total_variance for f in self._parts)

    def _diag(self, x: Array) -> Array:
        if self.stationary:
            return np.full(x.shape[0], self.total_variance)
        out = np.ones(x.shape[0])
        for f in self._parts:
            out = out * f._diag(x)
        return out

    def _contract_diag(self, x: Array, w: Array) -> Array:
        rest = others([f._diag(x) for f in self._parts])
        return np.concatenate([f._contract_diag(x, w * r) for f, r in zip(self._parts, rest, strict=True)])

    def __repr__(self) -> str:
        return " * ".join(map(_shown, self._parts))


class Power(Kernel):
    """A covariance function to a whole power, as ``k**2`` makes it.

    Parameters
    ----------
    kernel : Kernel
        The base.
    exponent : int
        At least 1: only then is the power a covariance function whatever the base.

    Raises
    ------
    TypeError, ValueError
        If `kernel` is not a kernel or `exponent` not a whole number from 1.

    References
    ----------
    C. E. Rasmussen, C. K. I. Williams, "Gaussian Processes for Machine Learning", 2006, section 4.2.4.

    Examples
    --------
    >>> from kriss.gp import Linear, Power
    >>> Power(Linear(offset=1.0), 2)([[1.0]], [[2.0]])
    array([[9.]])
    """

    __slots__ = ("_base", "_exponent")

    def __init__(self, kernel: Kernel, exponent: int) -> None:
        if not isinstance(kernel, Kernel):
            raise TypeError(f"kernel must be a kernel, not {type(kernel).__name__}")
        self._base = kernel
        self._exponent = _validate.integer(exponent, "exponent", low=1, high=64)

    @property
    def kernel(self) -> Kernel:
        """The base."""
        return self._base

    @property
    def exponent(self) -> int:
        """The exponent."""
        return self._exponent

    def _theta(self) -> Array:
        return self._base._theta()

    def _limits(self) -> Array:
        return self._base._limits()

    def _names(self, prefix: str) -> tuple[str, ...]:
        return self._base._names(prefix)

    def _with(self, theta: Array) -> Kernel:
        return Power(self._base._with(theta), self._exponent)

    def _emit(self, build: Builder, at: int) -> int:
        return build.join(2, [self._base._emit(build, at) for _ in range(self._exponent)])

    @property
    def _compiled(self) -> bool:
        return self._base._compiled

    @property
    def stationary(self) -> bool:
        """Whether ``k(x, x)`` is the same everywhere."""
        return self._base.stationary

    @property
    def total_variance(self) -> float:
        """``k(x, x)`` of a stationary kernel."""
        return self._base.total_variance**self._exponent

    def _diag(self, x: Array) -> Array:
        out: Array = self._base._diag(x) ** self._exponent
        return out

    def _contract_diag(self, x: Array, w: Array) -> Array:
        slope = self._exponent * self._base._diag(x) ** (self._exponent - 1)
        return self._base._contract_diag(x, w * slope)

    def __repr__(self) -> str:
        base = f"({self._base!r})" if isinstance(self._base, (Sum, Product)) else repr(self._base)
        return f"{base}**{self._exponent}"

    def _key(self) -> tuple[object, ...]:
        return (self._base, self._exponent)
