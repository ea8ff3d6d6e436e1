"""Covariance functions of products of coordinates, constants and white noise."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from kriss import _validate
from kriss.gp._base import DEFAULT_BOUNDS, Array, Bounds, Kernel, bounds_pair, columns_used
from kriss.gp._program import Kind
from kriss.gp._stationary import lengths, logs, shown

if TYPE_CHECKING:
    from kriss.gp._program import Builder


class _Dot(Kernel):
    """``(offset + sum_q variance_q x_q z_q)**degree``; the common part of `Linear` and `Polynomial`."""

    __slots__ = ("_active", "_degree", "_offset", "_offset_bounds", "_variance", "_variance_bounds")

    def __init__(
        self,
        degree: int,
        variance: npt.ArrayLike,
        offset: float,
        active_dims: Iterable[int] | None,
        variance_bounds: Bounds,
        offset_bounds: Bounds,
    ) -> None:
        self._degree = degree
        self._variance = lengths(variance, "variance")
        self._offset = _validate.scalar(offset, "offset", low=0.0)
        self._active = None if active_dims is None else columns_used(active_dims)
        size = self._variance.size
        if self._active is not None and self._variance.ndim == 1 and size != len(self._active):
            raise ValueError(
                f"variance has {size} entries, expected one or as many as active_dims ({len(self._active)})"
            )
        self._variance_bounds = bounds_pair(variance_bounds, "variance_bounds")
        self._offset_bounds = bounds_pair(offset_bounds, "offset_bounds")

    @property
    def variance(self) -> float | Array:
        """The weight of the coordinates: a number, or a read-only array with one per active dimension."""
        return float(self._variance) if self._variance.ndim == 0 else self._variance

    @property
    def offset(self) -> float:
        """What is added to the product of coordinates; a parameter unless it is 0."""
        return self._offset

    @property
    def active_dims(self) -> tuple[int, ...] | None:
        """The columns of X that count; None for all."""
        return self._active

    @property
    def stationary(self) -> bool:
        """Whether ``k(x, x)`` is the same everywhere: no."""
        return False

    def _values(self) -> Array:
        return np.concatenate([self._variance.ravel(), [self._offset] if self._offset > 0.0 else []])

    def _theta(self) -> Array:
        out: Array = np.log(self._values())
        return out

    def _limits(self) -> Array:
        more = [self._offset_bounds] if self._offset > 0.0 else []
        return logs(self._values(), [*[self._variance_bounds] * self._variance.size, *more])

    def _names(self, prefix: str) -> tuple[str, ...]:
        single = self._variance.ndim == 0
        own = ["variance"] if single else [f"variance[{q}]" for q in range(self._variance.size)]
        return tuple(prefix + n for n in [*own, *(["offset"] if self._offset > 0.0 else [])])

    def _with(self, theta: Array) -> Kernel:
        with np.errstate(over="ignore"):
            values = np.exp(theta)
        size = self._variance.size
        variance: Any = values[0] if self._variance.ndim == 0 else values[:size]
        return self._rebuilt(variance, float(values[size]) if self._offset > 0.0 else 0.0)

    def _rebuilt(self, variance: Any, offset: float) -> Kernel:
        raise NotImplementedError

    def _options(self) -> dict[str, Any]:
        return {
            "active_dims": self._active,
            "variance_bounds": self._variance_bounds,
            "offset_bounds": self._offset_bounds,
        }

    def _columns(self, columns: int) -> npt.NDArray[np.int64]:
        if self._active is None:
            if self._variance.ndim == 1 and self._variance.size != columns:
                raise ValueError(f"X has {columns} columns, but variance has {self._variance.size} entries")
            return np.arange(columns, dtype=np.int64)
        dims = np.array(self._active, np.int64)
        if dims.max() >= columns:
            raise ValueError(f"X has {columns} columns, but active_dims names column {dims.max()}")
        return dims

    def _emit(self, build: Builder, at: int) -> int:
        dims = self._columns(build.columns)
        size = self._variance.size
        index = np.full(dims.size, at) if self._variance.ndim == 0 else at + np.arange(size)
        theta = [-1, at + size if self._offset > 0.0 else -1, *index]
        scale = np.broadcast_to(self._variance, dims.shape)
        return build.leaf(Kind.DOT, 1.0, self._offset, dims=dims, scale=scale, theta=theta, degree=self._degree)

    def _parts(self, x: Array) -> tuple[Array, Array]:
        """(n, items) products of each coordinate with itself, weighted; and their sum with the offset."""
        own = x[:, self._columns(x.shape[1])]
        squares = own * own * self._variance
        return squares, self._offset + squares.sum(axis=1)

    def _diag(self, x: Array) -> Array:
        out: Array = self._parts(x)[1] ** self._degree
        return out

    def _contract_diag(self, x: Array, w: Array) -> Array:
        squares, base = self._parts(x)
        slope = w * (self._degree * base ** (self._degree - 1))
        by_variance = slope @ squares
        if self._variance.ndim == 0:
            by_variance = np.array([by_variance.sum()])
        return np.concatenate([by_variance, [self._offset * slope.sum()] if self._offset > 0.0 else []])

    def __repr__(self) -> str:
        out = [f"variance={shown(self._variance)}", f"offset={self._offset:.6g}"]
        if self._active is not None:
            out.append(f"active_dims={self._active}")
        degree = [f"degree={self._degree}"] if isinstance(self, Polynomial) else []
        return f"{type(self).__name__}({', '.join([*degree, *out])})"

    def _key(self) -> tuple[object, ...]:
        return (self._degree, self._variance.shape, self._variance.tobytes(), self._offset, self._active)


class Linear(_Dot):
    """The covariance function of a linear function, ``offset + sum_q variance_q x_q z_q``.

    Parameters
    ----------
    variance : float or array_like of shape (d,), default 1.0
        Prior variance of the slopes: one for all dimensions, or one per (active) dimension.
    offset : float, default 0.0
        Prior variance of the value at the origin. It is a parameter if it is positive; 0 stays 0.
    active_dims : sequence of int, optional
        The columns of X that count; all by default.
    variance_bounds, offset_bounds : (low, high) or "fixed"
        Where `kriss.gp.fit` may search; (1e-5, 1e5) by default.

    Raises
    ------
    TypeError, ValueError
        If `variance` is not positive and finite, or `offset` is negative or not finite.

    See Also
    --------
    Polynomial : its powers.

    Notes
    -----
    Not stationary; of rank d + 1 at most, so that more points than that need noise.

    References
    ----------
    C. E. Rasmussen, C. K. I. Williams, "Gaussian Processes for Machine Learning", 2006, section 4.2.2.

    Examples
    --------
    >>> from kriss.gp import Linear
    >>> Linear(variance=2.0, offset=1.0)([[1.0, 2.0]], [[3.0, 4.0]])
    array([[23.]])
    """

    __slots__ = ()

    def __init__(
        self,
        variance: npt.ArrayLike = 1.0,
        offset: float = 0.0,
        *,
        active_dims: Iterable[int] | None = None,
        variance_bounds: Bounds = DEFAULT_BOUNDS,
        offset_bounds: Bounds = DEFAULT_BOUNDS,
    ) -> None:
        super().__init__(1, variance, offset, active_dims, variance_bounds, offset_bounds)

    def _rebuilt(self, variance: Any, offset: float) -> Linear:
        return Linear(variance, offset, **self._options())


class Polynomial(_Dot):
    """The polynomial covariance function ``(offset + sum_q variance_q x_q z_q)**degree``.

    Parameters
    ----------
    degree : int
        At least 1.
    variance : float or array_like of shape (d,), default 1.0
        Weight of the coordinates: one for all dimensions, or one per (active) dimension.
    offset : float, default 1.0
        Positive: a parameter, and every power up to `degree` occurs. 0: only the highest, and no parameter.
    active_dims : sequence of int, optional
        The columns of X that count; all by default.
    variance_bounds, offset_bounds : (low, high) or "fixed"
        Where `kriss.gp.fit` may search; (1e-5, 1e5) by default.

    Raises
    ------
    TypeError, ValueError
        If `degree` is not a whole number from 1 to 64, `variance` is not positive and finite, or `offset` is negative
        or not finite.

    Notes
    -----
    Not stationary; its values overflow to infinity for large coordinates and degrees, so scale the columns first.

    References
    ----------
    C. E. Rasmussen, C. K. I. Williams, "Gaussian Processes for Machine Learning", 2006, equation (4.23).

    Examples
    --------
    >>> from kriss.gp import Polynomial
    >>> Polynomial(3)([[1.0]], [[2.0]])
    array([[27.]])
    """

    __slots__ = ()

    def __init__(
        self,
        degree: int,
        variance: npt.ArrayLike = 1.0,
        offset: float = 1.0,
        *,
        active_dims: Iterable[int] | None = None,
        variance_bounds: Bounds = DEFAULT_BOUNDS,
        offset_bounds: Bounds = DEFAULT_BOUNDS,
    ) -> None:
        power = _validate.integer(degree, "degree", low=1, high=64)
        super().__init__(power, variance, offset, active_dims, variance_bounds, offset_bounds)

    @property
    def degree(self) -> int:
        """The degree."""
        return self._degree

    def _rebuilt(self, variance: Any, offset: float) -> Polynomial:
        return Polynomial(self._degree, variance, offset, **self._options())


class _Level(Kernel):
    """One parameter, the variance; the common part of `Constant` and `White`."""

    __slots__ = ("_variance", "_variance_bounds")
    _kind: int

    def __init__(self, variance: float = 1.0, *, variance_bounds: Bounds = DEFAULT_BOUNDS) -> None:
        self._variance = _validate.scalar(variance, "variance", low=0.0, strict=True)
        self._variance_bounds = bounds_pair(variance_bounds, "variance_bounds")

    @property
    def variance(self) -> float:
        """The variance."""
        return self._variance

    @property
    def total_variance(self) -> float:
        """``k(x, x)``: the variance."""
        return self._variance

    def _theta(self) -> Array:
        out: Array = np.log(np.array([self._variance]))
        return out

    def _limits(self) -> Array:
        return logs(np.array([self._variance]), [self._variance_bounds])

    def _names(self, prefix: str) -> tuple[str, ...]:
        return (f"{prefix}variance",)

    def _with(self, theta: Array) -> Kernel:
        with np.errstate(over="ignore"):
            return type(self)(float(np.exp(theta[0])), variance_bounds=self._variance_bounds)

    def _emit(self, build: Builder, at: int) -> int:
        return build.leaf(self._kind, self._variance, theta=[at, -1])

    def _diag(self, x: Array) -> Array:
        return np.full(x.shape[0], self._variance)

    def _contract_diag(self, x: Array, w: Array) -> Array:
        return np.array([self._variance * float(w.sum())])

    def __repr__(self) -> str:
        return f"{type(self).__name__}(variance={self._variance:.6g})"

    def _key(self) -> tuple[object, ...]:
        return (self._variance,)


class Constant(_Level):
    """The covariance function of a constant: the same number for every pair of points.

    ``2.0 * k`` is ``Constant(2.0) * k``.

    Parameters
    ----------
    variance : float, default 1.0
        Prior variance of the constant.
    variance_bounds : (low, high) or "fixed"
        Where `kriss.gp.fit` may search; (1e-5, 1e5) by default.

    Raises
    ------
    TypeError, ValueError
        If `variance` is not a positive, finite number.

    References
    ----------
    C. E. Rasmussen, C. K. I. Williams, "Gaussian Processes for Machine Learning", 2006, section 4.2.

    Examples
    --------
    >>> from kriss.gp import Constant
    >>> Constant(2.0)([[0.0]], [[1.0], [5.0]])
    array([[2., 2.]])
    """

    __slots__ = ()
    _kind = Kind.CONSTANT


class White(_Level):
    """White noise: its variance where a point meets itself, 0 otherwise.

    A point meets itself on the diagonal of ``kernel(X)`` only: ``kernel(X, Z)`` is 0 even where rows of `X` and `Z` are
    equal, and so are different rows of `X` with equal coordinates.

    Parameters
    ----------
    variance : float, default 1.0
        Variance of the noise.
    variance_bounds : (low, high) or "fixed"
        Where `kriss.gp.fit` may search; (1e-5, 1e5) by default.

    Raises
    ------
    TypeError, ValueError
        If `variance` is not a positive, finite number.

    Notes
    -----
    A term ``White(v)`` does in a fit what ``noise=v`` does, but the standard deviations of predictions then include it.
    In a product, ``Linear() * White()`` for instance, noise may grow with x.

    References
    ----------
    C. E. Rasmussen, C. K. I. Williams, "Gaussian Processes for Machine Learning", 2006, equation (2.20).

    Examples
    --------
    >>> from kriss.gp import White
    >>> White(2.0)([[0.0], [0.0]])
    array([[2., 0.],
           [0., 2.]])
    """

    __slots__ = ()
    _kind = Kind.WHITE
