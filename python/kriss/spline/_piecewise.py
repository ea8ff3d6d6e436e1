"""The index over knots, the extrapolation policies, and checks shared by the native splines and the SciPy mirrors."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from kriss import _backend

Array = npt.NDArray[np.floating[Any]]
Extrapolate = bool | Literal["extrapolate", "constant", "nan", "periodic", "raise", "zero"]

# What happens beyond the knots, as the kernels number it; RAISE is tested before a kernel runs.
NAN, EXTEND, WRAP, CONSTANT, ZERO, RAISE = range(6)
_POLICIES = {
    "nan": NAN,
    "extrapolate": EXTEND,
    "periodic": WRAP,
    "constant": CONSTANT,
    "zero": ZERO,
    "raise": RAISE,
}
# The derivative of each policy's function, and its antiderivative as far as a policy can express it.
_DERIVATIVE = {"constant": "zero"}
_ANTIDERIVATIVE: dict[object, Extrapolate] = {"zero": "constant", "constant": "nan", "periodic": "nan"}

_NO_TABLE = np.empty(0, np.int32)
_NO_TABLE.flags.writeable = False
MAX_KNOTS = 2**28


class Index(NamedTuple):
    """A search index: an empty table stands for nearly uniform knots."""

    table: npt.NDArray[np.int32]
    map: int


def build_index(x: Array) -> Index:
    """The search index of sorted knots `x` (n), in O(n), of at most 16 bytes a knot."""
    kernels = _backend.kernels("spline")
    if x.size > MAX_KNOTS:
        raise ValueError(f"x holds {x.size} knots, at most {MAX_KNOTS} are supported")
    if kernels.nearly_uniform(x):
        return Index(_NO_TABLE, 0)
    how, buckets = kernels.bucket_map(x)
    table = np.empty(buckets + 1, np.int32)
    kernels.bucket_table(x, how, table)
    return Index(table, how)


def beyond_code(extrapolate: object) -> int:
    """The kernel's number for an `extrapolate` argument that is already resolved."""
    if isinstance(extrapolate, str):
        if extrapolate in _POLICIES:
            return _POLICIES[extrapolate]
        raise ValueError(
            f"extrapolate must be True, False or one of {', '.join(map(repr, _POLICIES))}, not {extrapolate!r}"
        )
    return EXTEND if extrapolate else NAN


def derivative_policy(extrapolate: Extrapolate, nu: int) -> Extrapolate:
    """The policy under which the derivative is the derivative beyond the knots too."""
    return "zero" if nu > 0 and extrapolate == "constant" else extrapolate


def antiderivative_policy(extrapolate: Extrapolate, nu: int) -> Extrapolate:
    """The policy of an antiderivative; NaN where the function beyond the knots is none that a policy expresses."""
    for _ in range(nu):
        extrapolate = _ANTIDERIVATIVE.get(extrapolate, extrapolate) if isinstance(extrapolate, str) else extrapolate
    return extrapolate


def scipy_policy(extrapolate: Extrapolate) -> Any:
    """The nearest of SciPy's: True, False or "periodic"; what SciPy cannot express is NaN beyond the knots."""
    code = beyond_code(extrapolate)
    return "periodic" if code == WRAP else code == EXTEND


def check_inside(points: Array, first: Any, last: Any) -> None:
    """Refuse points beyond [first, last], naming the first one; NaN is not refused."""
    outside = (points < first) | (points > last)
    if outside.any():
        where = int(outside.argmax())
        at = np.unravel_index(where, points.shape)
        place = f"[{', '.join(map(str, at))}]" if points.ndim else ""
        raise ValueError(
            f"x{place} = {points.reshape(-1)[where]!s} is outside the knots [{first!s}, {last!s}], "
            "which extrapolate='raise' refuses"
        )


def check_increasing(x: Array, name: str) -> None:
    """Refuse knots that do not strictly increase, naming the first offender."""
    with np.errstate(over="ignore"):
        steps = np.diff(x)
    if not (steps > 0).all():
        i = int(np.argmin(steps > 0))
        raise ValueError(
            f"{name} must be strictly increasing, but {name}[{i}] = {x[i]!s} is followed by "
            f"{name}[{i + 1}] = {x[i + 1]!s}"
        )
    if not np.isfinite(steps).all():
        i = int(np.argmin(np.isfinite(steps)))
        raise ValueError(f"the distance of {name}[{i}] = {x[i]!s} and {name}[{i + 1}] = {x[i + 1]!s} overflows")


def own(array: Array, given: object) -> Array:
    """`array`, copied unless it is known not to share memory with what the caller gave."""
    fresh = type(given) in (list, tuple) or (isinstance(given, np.ndarray) and not np.may_share_memory(array, given))
    return array if fresh else array.copy()
