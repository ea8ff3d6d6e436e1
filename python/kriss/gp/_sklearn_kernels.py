"""scikit-learn's kernel objects as KRISS kernels, and as flat sums where they are that.

Nothing here imports scikit-learn: whoever holds one of its kernels has imported it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from kriss.gp import _kernels
from kriss.gp._kernels import Kernel
from kriss.gp._python_kernel import PythonKernel

Array = npt.NDArray[Any]

# Exact classes only: a subclass may compute something else.
_HOME = "sklearn.gaussian_process.kernels"
_MOST_TERMS = 16
_FLAT_KINDS = {0.5: 1, 1.5: 2, 2.5: 3, math.inf: 0}


def _name(kernel: object) -> str:
    """The name of one of scikit-learn's classes; empty for anything else, subclasses included."""
    kind = type(kernel)
    return kind.__name__ if kind.__module__ == _HOME else ""


@dataclass(frozen=True)
class Value:
    """A parameter, and where scikit-learn's `theta` holds it: -1 for a fixed one."""

    value: Array  # () or (d,)
    at: int

    @property
    def size(self) -> int:
        """Entries of theta, fixed or not."""
        return int(self.value.size)

    def of(self, theta: Array) -> Array:
        """The parameter at `theta`, natural scale."""
        if self.at < 0:
            return self.value
        out: Array = np.exp(theta[self.at : self.at + self.size]).reshape(self.value.shape)
        return out


class _Cursor:
    """Hands out the places of theta in scikit-learn's order: depth first, names sorted within a leaf."""

    def __init__(self) -> None:
        self.at = 0

    def take(self, kernel: Any, names: tuple[str, ...]) -> dict[str, Value]:
        fixed = {h.name: h.fixed for h in kernel.hyperparameters}
        out: dict[str, Value] = {}
        for name in sorted(names):
            value = np.asarray(getattr(kernel, name), np.float64)
            out[name] = Value(value, -1 if fixed[name] else self.at)
            if not fixed[name]:
                self.at += value.size
        return out


_LEAVES = {
    "ConstantKernel": ("constant_value",),
    "WhiteKernel": ("noise_level",),
    "RBF": ("length_scale",),
    "Matern": ("length_scale",),
    "RationalQuadratic": ("alpha", "length_scale"),
    "ExpSineSquared": ("length_scale", "periodicity"),
    "DotProduct": ("sigma_0",),
}


@dataclass(frozen=True)
class Term:
    """Constants times, at most, one stationary function; or times the identity."""

    factors: tuple[Value, ...] = ()
    kind: int = -1
    length: Value | None = None
    dims: tuple[int, ...] | None = None
    white: bool = False

    def scale(self, theta: Array) -> float:
        """The product of the constants."""
        return math.prod(float(f.of(theta)) for f in self.factors)

    def times(self, other: Term) -> Term | None:
        """The product, if it is of this form too."""
        factors = self.factors + other.factors
        if self.white or other.white:  # on the diagonal, where every stationary function is 1
            return Term(factors, white=True)
        if self.kind >= 0 and other.kind >= 0:
            return None
        return replace(self if self.kind >= 0 else other, factors=factors)


def flat_terms(kernel: Any) -> list[Term] | None:
    """The kernel as a sum of terms that the fastest loops take, or None if it is not one."""
    if isinstance(kernel, Kernel):
        return _own_terms(kernel)
    return _expand(kernel, _Cursor())


def _own_terms(kernel: Kernel) -> list[Term] | None:
    out, at = [], 0
    terms: tuple[Any, ...] = kernel.terms
    for term in terms:
        if type(term) not in (_kernels.RBF, _kernels.Matern) or getattr(term, "nu", math.inf) not in _FLAT_KINDS:
            return None
        if term.theta.size != 1 + np.size(term.lengthscale):  # a smoothness that is learnt
            return None
        kind = 0 if type(term) is _kernels.RBF else _FLAT_KINDS[term.nu]
        length = np.asarray(term.lengthscale, np.float64)
        out.append(Term((Value(np.asarray(term.variance), at),), kind, Value(length, at + 1), term.active_dims))
        at += 1 + length.size
    return out


def _expand(kernel: Any, cursor: _Cursor) -> list[Term] | None:
    name = _name(kernel)
    if name in ("Sum", "Product"):
        left = _expand(kernel.k1, cursor)
        right = _expand(kernel.k2, cursor) if left is not None else None
        if left is None or right is None:
            return None
        if name == "Sum":
            return left + right
        pairs = [a.times(b) for a in left for b in right]
        done = [pair for pair in pairs if pair is not None]
        return done if len(done) == len(pairs) <= _MOST_TERMS else None
    if name == "ConstantKernel":
        return [Term((cursor.take(kernel, _LEAVES[name])["constant_value"],))]
    if name == "WhiteKernel":
        return [Term((cursor.take(kernel, _LEAVES[name])["noise_level"],), white=True)]
    nu = math.inf if name == "RBF" else kernel.nu if name == "Matern" else None
    if nu not in _FLAT_KINDS:
        return None
    length = cursor.take(kernel, _LEAVES[name])["length_scale"]
    return [Term((), _FLAT_KINDS[nu], length)]


@dataclass(frozen=True)
class Converted:
    """A KRISS kernel, and its theta as a function of another one: ``base``, or ``times * theta[at]`` where at >= 0."""

    kernel: Kernel
    base: Array
    at: npt.NDArray[np.int64]
    times: Array

    def theta(self, theta: Array) -> Array:
        """The KRISS kernel's theta."""
        out = self.base.copy()
        free = self.at >= 0
        out[free] = self.times[free] * theta[self.at[free]]
        return out

    def kernel_at(self, theta: Array) -> Kernel:
        """The KRISS kernel at scikit-learn's theta."""
        return self.kernel.with_theta(self.theta(theta)) if self.base.size else self.kernel

    def gradient(self, own: Array, size: int) -> Array:
        """The gradient in scikit-learn's theta, of that in the KRISS kernel's."""
        free = self.at >= 0
        return np.bincount(self.at[free], self.times[free] * own[free], minlength=size)[:size]


def accepted(kernel: object, X: object) -> Kernel:
    """A KRISS kernel as it is, scikit-learn's as the one they stand for, any other with their interface in Python."""
    if isinstance(kernel, Kernel):
        return kernel
    anything: Any = X
    shape = np.shape(anything)  # () without one
    converted = convert(kernel, shape[1] if len(shape) == 2 else 1)
    if converted is not None:
        return converted.kernel
    try:
        return PythonKernel(kernel)
    except TypeError as error:
        words = f"kernel must be a kriss.gp kernel or one of scikit-learn's, not {type(kernel).__name__}"
        raise TypeError(words) from error


def convert(kernel: Any, columns: int) -> Converted | None:
    """The kernel as a KRISS kernel over points of `columns` coordinates, or None if there is none."""
    if isinstance(kernel, Kernel):
        theta = kernel.theta
        return Converted(kernel, theta, np.arange(theta.size), np.ones(theta.size))
    return _convert(kernel, _Cursor(), columns)


def _convert(kernel: Any, cursor: _Cursor, columns: int) -> Converted | None:
    from kriss import gp

    name = _name(kernel)
    if name in ("Sum", "Product"):
        left = _convert(kernel.k1, cursor, columns)
        right = _convert(kernel.k2, cursor, columns) if left is not None else None
        if left is None or right is None:
            return None
        joined = left.kernel + right.kernel if name == "Sum" else left.kernel * right.kernel
        parts = (
            np.concatenate(pair) for pair in ((left.base, right.base), (left.at, right.at), (left.times, right.times))
        )
        return Converted(joined, *parts)
    if name == "Exponentiation":
        inner = _convert(kernel.kernel, cursor, columns)
        whole = float(kernel.exponent).is_integer() and 1 <= kernel.exponent <= 64
        return replace(inner, kernel=inner.kernel ** int(kernel.exponent)) if inner is not None and whole else None
    if name not in _LEAVES or (name == "ExpSineSquared" and columns != 1):
        return None  # scikit-learn's periodic kernel of a distance in several dimensions is not a product over them
    values = cursor.take(kernel, _LEAVES[name])
    make = _MAKERS[name]
    own, slots = make(gp, kernel, {key: v.value for key, v in values.items()})
    return _leaf(own, slots, values)


def _leaf(own: Kernel, slots: dict[str, tuple[str, float]], values: dict[str, Value]) -> Converted:
    """slots: for the KRISS parameter's name, scikit-learn's, and the exponent that relates them."""
    names = own.parameter_names
    at = np.full(len(names), -1)
    times = np.ones(len(names))
    for k, full in enumerate(names):
        stem, _, index = full.partition("[")
        if stem in slots:
            source, power = slots[stem]
            value = values[source]
            if value.at >= 0:
                at[k] = value.at + (int(index.rstrip("]")) if index else 0)
            times[k] = power
    return Converted(own, own.theta, at, times)


def _length(values: dict[str, Array]) -> Any:
    length = values["length_scale"]
    return float(length) if length.ndim == 0 else length


def _matern(gp: Any, kernel: Any, values: dict[str, Array]) -> tuple[Kernel, dict[str, tuple[str, float]]]:
    slots = {"lengthscale": ("length_scale", 1.0)}
    if math.isinf(kernel.nu):
        return gp.RBF(_length(values)), slots
    return gp.Matern(kernel.nu, _length(values)), slots


_Maker = Callable[[Any, Any, dict[str, Array]], tuple[Kernel, dict[str, tuple[str, float]]]]

_MAKERS: dict[str, _Maker] = {
    "ConstantKernel": lambda gp, k, v: (gp.Constant(float(v["constant_value"])), {"variance": ("constant_value", 1.0)}),
    "WhiteKernel": lambda gp, k, v: (gp.White(float(v["noise_level"])), {"variance": ("noise_level", 1.0)}),
    "RBF": lambda gp, k, v: (gp.RBF(_length(v)), {"lengthscale": ("length_scale", 1.0)}),
    "Matern": _matern,
    "RationalQuadratic": lambda gp, k, v: (
        gp.RationalQuadratic(_length(v), alpha=float(v["alpha"])),
        {"lengthscale": ("length_scale", 1.0), "alpha": ("alpha", 1.0)},
    ),
    "ExpSineSquared": lambda gp, k, v: (
        gp.Periodic(_length(v), period=float(v["periodicity"])),
        {"lengthscale": ("length_scale", 1.0), "period": ("periodicity", 1.0)},
    ),
    "DotProduct": lambda gp, k, v: (gp.Linear(1.0, float(v["sigma_0"]) ** 2), {"offset": ("sigma_0", 2.0)}),
}
