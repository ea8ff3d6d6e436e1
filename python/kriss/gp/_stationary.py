"""Covariance functions of the scaled distance: `RBF`, `Matern` and `RationalQuadratic`."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from kriss import _validate
from kriss.gp._base import DEFAULT_BOUNDS, Array, Bounds, Kernel, bounds_pair, columns_used
from kriss.gp._program import Kind
from kriss.gp._tables import table

if TYPE_CHECKING:
    from kriss.gp._program import Builder

NU_MIN = 1e-3
_NORMAL_MIN = float(np.finfo(np.float64).tiny)


class Parameter(NamedTuple):
    """A positive parameter besides variance and lengthscale."""

    name: str
    value: float
    bounds: Bounds


def logs(values: Array, bounds: list[Bounds]) -> Array:
    """Bounds in logarithms, shape (p, 2); fixed ones are the logarithm of the value twice."""
    out = [(t, t) if b == "fixed" else np.log(b) for t, b in zip(np.log(values), bounds, strict=True)]
    return np.array(out, np.float64).reshape(-1, 2)


def lengths(value: npt.ArrayLike, name: str = "lengthscale") -> Array:
    """Positive numbers whose inverse is finite: one, or one per dimension; read-only."""
    out = _validate.real_array(value, name, ndim=(0, 1), single=False).copy()
    if out.size == 0:
        raise ValueError(f"{name} is empty, expected a number or one number per dimension")
    if out.min() < _NORMAL_MIN:
        raise ValueError(f"{name} must be above {_NORMAL_MIN}, not {out.min()}")
    out.flags.writeable = False
    return out


def shown(values: Array) -> str:
    """A number or a list, short."""
    return f"{float(values):.6g}" if values.ndim == 0 else "[" + ", ".join(f"{v:.6g}" for v in values) + "]"


class Stationary(Kernel):
    """A covariance function with a variance, lengthscales and perhaps more parameters, of differences of points."""

    __slots__ = ("_active", "_length_bounds", "_lengthscale", "_variance", "_variance_bounds")
    _kind: int

    def __init__(
        self,
        lengthscale: npt.ArrayLike,
        variance: float,
        active_dims: Iterable[int] | None,
        lengthscale_bounds: Bounds,
        variance_bounds: Bounds,
    ) -> None:
        self._lengthscale = lengths(lengthscale)
        self._variance = _validate.scalar(variance, "variance", low=0.0, strict=True)
        self._active = None if active_dims is None else columns_used(active_dims)
        size = self._lengthscale.size
        if self._active is not None and not self._isotropic and size != len(self._active):
            raise ValueError(
                f"lengthscale has {size} entries, expected one or as many as active_dims ({len(self._active)})"
            )
        self._length_bounds = bounds_pair(lengthscale_bounds, "lengthscale_bounds")
        self._variance_bounds = bounds_pair(variance_bounds, "variance_bounds")

    @property
    def lengthscale(self) -> float | Array:
        """The lengthscale: a number, or a read-only array with one per active dimension."""
        return float(self._lengthscale) if self._isotropic else self._lengthscale

    @property
    def variance(self) -> float:
        """``k(x, x)``."""
        return self._variance

    @property
    def active_dims(self) -> tuple[int, ...] | None:
        """The columns of X that count; None for all."""
        return self._active

    @property
    def total_variance(self) -> float:
        """``k(x, x)``: the variance."""
        return self._variance

    @property
    def _isotropic(self) -> bool:
        return bool(self._lengthscale.ndim == 0)

    def _more(self) -> tuple[Parameter, ...]:
        """Parameters after the lengthscales."""
        return ()

    def _values(self) -> Array:
        return np.concatenate([[self._variance], self._lengthscale.ravel(), [p.value for p in self._more()]])

    def _theta(self) -> Array:
        out: Array = np.log(self._values())
        return out

    def _limits(self) -> Array:
        bounds = [self._variance_bounds] + [self._length_bounds] * self._lengthscale.size
        return logs(self._values(), [*bounds, *(p.bounds for p in self._more())])

    def _names(self, prefix: str) -> tuple[str, ...]:
        own = ["lengthscale"] if self._isotropic else [f"lengthscale[{q}]" for q in range(self._lengthscale.size)]
        return tuple(prefix + name for name in ["variance", *own, *(p.name for p in self._more())])

    def _with(self, theta: Array) -> Kernel:
        with np.errstate(over="ignore"):
            values = np.exp(theta)
        end = 1 + self._lengthscale.size
        scales: Any = values[1] if self._isotropic else values[1:end]
        return self._rebuilt(scales, float(values[0]), [float(v) for v in values[end:]])

    def _rebuilt(self, lengthscale: Any, variance: float, more: list[float]) -> Kernel:
        raise NotImplementedError

    def _columns(self, columns: int) -> npt.NDArray[np.int64]:
        """The active columns, of so many."""
        if self._active is None:
            if not self._isotropic and self._lengthscale.size != columns:
                raise ValueError(f"X has {columns} columns, but lengthscale has {self._lengthscale.size} entries")
            return np.arange(columns, dtype=np.int64)
        dims = np.array(self._active, np.int64)
        if dims.max() >= columns:
            raise ValueError(f"X has {columns} columns, but active_dims names column {dims.max()}")
        return dims

    def _own_flat(self, columns: int) -> tuple[npt.NDArray[np.int64], Array]:
        dims = self._columns(columns)
        return dims, np.broadcast_to(1.0 / self._lengthscale, dims.shape).copy()

    def _emit(self, build: Builder, at: int) -> int:
        return self._emit_over(build, at, None)

    def _emit_over(self, build: Builder, at: int, group: tuple[int, ...] | None) -> int:
        """The node of this kernel, over a group of columns instead of all of them if there is one."""
        dims = self._columns(build.columns)
        which = np.arange(dims.size) if group is None else np.array(group, np.int64)
        scales = np.broadcast_to(1.0 / self._lengthscale, dims.shape)[which]
        index = np.full(which.size, at + 1) if self._isotropic else at + 1 + which
        return self._leaf(build, at, dims[which], scales, index)

    def _leaf(self, build: Builder, at: int, dims: Array, scales: Array, index: Array) -> int:
        return build.leaf(self._kind, self._variance, dims=dims, scale=scales, theta=[at, -1, *index])

    def _diag(self, x: Array) -> Array:
        return np.full(x.shape[0], self._variance)

    def _contract_diag(self, x: Array, w: Array) -> Array:
        out = np.zeros(self._theta().size)
        out[0] = self._variance * float(w.sum())
        return out

    def _options(self) -> dict[str, Any]:
        """Arguments that a copy with other parameters shares."""
        return {
            "active_dims": self._active,
            "lengthscale_bounds": self._length_bounds,
            "variance_bounds": self._variance_bounds,
        }

    def _arguments(self) -> list[str]:
        out = [f"lengthscale={shown(self._lengthscale)}", f"variance={self._variance:.6g}"]
        out += [f"{p.name}={p.value:.6g}" for p in self._more()]
        if self._active is not None:
            out.append(f"active_dims={self._active}")
        return out

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(self._arguments())})"

    def _key(self) -> tuple[object, ...]:
        scales = self._lengthscale
        return (self._kind, scales.shape, scales.tobytes(), self._variance, self._active, self._more())


class RBF(Stationary):
    """The squared-exponential covariance function ``variance * exp(-s**2 / 2)``.

    Here ``s**2 = sum_q ((x_q - z_q) / lengthscale_q)**2``.

    Parameters
    ----------
    lengthscale : float or array_like of shape (d,), default 1.0
        One lengthscale for all dimensions, or one per (active) dimension, in the units of the coordinates.
    variance : float, default 1.0
        ``k(x, x)``.
    active_dims : sequence of int, optional
        The columns of X that count; all by default.
    lengthscale_bounds, variance_bounds : (low, high) or "fixed"
        Where `kriss.gp.fit` may search; (1e-5, 1e5) by default.

    Raises
    ------
    TypeError, ValueError
        If a parameter is not a positive, finite number.

    See Also
    --------
    Matern : rougher covariance functions.

    References
    ----------
    C. E. Rasmussen, C. K. I. Williams, "Gaussian Processes for Machine Learning", 2006, equations (4.9) and (5.1).

    Examples
    --------
    >>> from kriss.gp import RBF
    >>> k = RBF(lengthscale=[1.0, 2.0], variance=4.0)
    >>> k([[0.0, 0.0]], [[0.0, 2.0]]).round(6)
    array([[2.426123]])
    """

    __slots__ = ()
    _kind = 0

    def __init__(
        self,
        lengthscale: npt.ArrayLike = 1.0,
        variance: float = 1.0,
        *,
        active_dims: Iterable[int] | None = None,
        lengthscale_bounds: Bounds = DEFAULT_BOUNDS,
        variance_bounds: Bounds = DEFAULT_BOUNDS,
    ) -> None:
        super().__init__(lengthscale, variance, active_dims, lengthscale_bounds, variance_bounds)

    def _rebuilt(self, lengthscale: Any, variance: float, more: list[float]) -> RBF:
        return RBF(lengthscale, variance, **self._options())


class Matern(Stationary):
    r"""The Matern covariance function of any smoothness `nu`.

    With ``s**2 = sum_q ((x_q - z_q) / lengthscale_q)**2`` and ``a = sqrt(2 nu) s`` it is `variance` times
    ``2**(1 - nu) / gamma(nu) * a**nu * K_nu(a)``: ``exp(-a)`` for nu = 1/2, ``(1 + a) exp(-a)`` for 3/2,
    ``(1 + a + a**2 / 3) exp(-a)`` for 5/2, ``(1 + a + 2 a**2 / 5 + a**3 / 15) exp(-a)`` for 7/2.

    Parameters
    ----------
    nu : float
        Smoothness, at least 0.001: sample paths have derivatives up to the order below it.
    lengthscale : float or array_like of shape (d,), default 1.0
        One lengthscale for all dimensions, or one per (active) dimension, in the units of the coordinates.
    variance : float, default 1.0
        ``k(x, x)``.
    active_dims : sequence of int, optional
        The columns of X that count; all by default.
    lengthscale_bounds, variance_bounds : (low, high) or "fixed"
        Where `kriss.gp.fit` may search; (1e-5, 1e5) by default.
    nu_bounds : (low, high), optional
        Makes `nu` the last of the parameters, to be learned within these bounds; otherwise it is given and no
        parameter.

    Raises
    ------
    NotImplementedError
        If `nu` is infinite: that is `RBF`.
    TypeError, ValueError
        If a parameter is not a positive, finite number, or `nu` or its lower bound is below 0.001.

    See Also
    --------
    RBF : the limit of large `nu`.
    kriss.special.matern : the function of distance, smoothness and lengthscale.

    Notes
    -----
    For nu other than 1/2, 3/2, 5/2, 7/2, and wherever nu is learned, the logarithm of the function is tabulated as
    polynomials of degree 9 in log(s), some 70 to 500 of them, when the kernel is first used (1 to 5 ms, kept for later
    kernels of the same nu). An entry then costs one logarithm, ten multiplications and one exponential, and has an
    absolute error below 1e-13 of the variance; derivatives in lengthscale and nu come from tables of their own.
    Points nearer than 1e-150 lengthscales count as equal, which is visible where nu is below 0.05.

    References
    ----------
    C. E. Rasmussen, C. K. I. Williams, "Gaussian Processes for Machine Learning", 2006, equations (4.14) to (4.17)
    and (5.1).

    Examples
    --------
    >>> from kriss.gp import Matern
    >>> Matern(2.5, lengthscale=0.5)([[0.0]], [[0.5]]).round(6)
    array([[0.523994]])
    >>> Matern(1.7, nu_bounds=(0.5, 5.0)).parameter_names
    ('variance', 'lengthscale', 'nu')
    """

    __slots__ = ("_nu", "_nu_bounds")

    def __init__(
        self,
        nu: float,
        lengthscale: npt.ArrayLike = 1.0,
        variance: float = 1.0,
        *,
        active_dims: Iterable[int] | None = None,
        lengthscale_bounds: Bounds = DEFAULT_BOUNDS,
        variance_bounds: Bounds = DEFAULT_BOUNDS,
        nu_bounds: Bounds | None = None,
    ) -> None:
        self._nu = _validate.scalar(nu, "nu", low=0.0, strict=True, finite=False)
        if math.isinf(self._nu):
            raise NotImplementedError("nu=inf is the squared exponential: use RBF")
        self._nu_bounds = None if nu_bounds is None else bounds_pair(nu_bounds, "nu_bounds")
        lowest = min([self._nu, self._nu_bounds[0]] if isinstance(self._nu_bounds, tuple) else [self._nu])
        if lowest < NU_MIN:
            raise ValueError(f"nu must be at least {NU_MIN}, not {lowest}: nearer to 0 it is white noise, see White")
        super().__init__(lengthscale, variance, active_dims, lengthscale_bounds, variance_bounds)

    @property
    def nu(self) -> float:
        """The smoothness."""
        return self._nu

    @property
    def nu_bounds(self) -> Bounds | None:
        """Where the smoothness may be searched; None if it is given."""
        return self._nu_bounds

    @property
    def _kind(self) -> int:  # type: ignore[override]
        if self._nu_bounds is not None:
            return Kind.MATERN
        return _CLOSED.get(self._nu, Kind.MATERN)

    def _more(self) -> tuple[Parameter, ...]:
        return () if self._nu_bounds is None else (Parameter("nu", self._nu, self._nu_bounds),)

    def _leaf(self, build: Builder, at: int, dims: Array, scales: Array, index: Array) -> int:
        kind = self._kind
        if kind != Kind.MATERN:
            return super()._leaf(build, at, dims, scales, index)
        shape = -1 if self._nu_bounds is None else at + 1 + self._lengthscale.size
        theta = [at, shape, *index]
        return build.leaf(kind, self._variance, self._nu, dims=dims, scale=scales, theta=theta, table=table(self._nu))

    def _rebuilt(self, lengthscale: Any, variance: float, more: list[float]) -> Matern:
        nu = more[0] if more else self._nu
        return Matern(nu, lengthscale, variance, nu_bounds=self._nu_bounds, **self._options())

    def _arguments(self) -> list[str]:
        rest = [a for a in super()._arguments() if not a.startswith("nu=")]
        return [f"nu={self._nu:g}", *rest]

    def _key(self) -> tuple[object, ...]:
        return (*super()._key(), self._nu)


class RationalQuadratic(Stationary):
    """The rational quadratic covariance function ``variance * (1 + s**2 / (2 alpha))**-alpha``.

    Here ``s**2 = sum_q ((x_q - z_q) / lengthscale_q)**2``: a mixture of `RBF` over lengthscales, which it becomes as
    `alpha` grows.

    Parameters
    ----------
    lengthscale : float or array_like of shape (d,), default 1.0
        One lengthscale for all dimensions, or one per (active) dimension, in the units of the coordinates.
    variance : float, default 1.0
        ``k(x, x)``.
    alpha : float, default 1.0
        How narrow the mixture is.
    active_dims : sequence of int, optional
        The columns of X that count; all by default.
    lengthscale_bounds, variance_bounds, alpha_bounds : (low, high) or "fixed"
        Where `kriss.gp.fit` may search; (1e-5, 1e5) by default.

    Raises
    ------
    TypeError, ValueError
        If a parameter is not a positive, finite number.

    References
    ----------
    C. E. Rasmussen, C. K. I. Williams, "Gaussian Processes for Machine Learning", 2006, equation (4.19).

    Examples
    --------
    >>> from kriss.gp import RationalQuadratic
    >>> RationalQuadratic(alpha=0.5)([[0.0]], [[1.0]]).round(6)
    array([[0.707107]])
    """

    __slots__ = ("_alpha", "_alpha_bounds")

    def __init__(
        self,
        lengthscale: npt.ArrayLike = 1.0,
        variance: float = 1.0,
        alpha: float = 1.0,
        *,
        active_dims: Iterable[int] | None = None,
        lengthscale_bounds: Bounds = DEFAULT_BOUNDS,
        variance_bounds: Bounds = DEFAULT_BOUNDS,
        alpha_bounds: Bounds = DEFAULT_BOUNDS,
    ) -> None:
        self._alpha = float(lengths(_validate.scalar(alpha, "alpha", low=0.0, strict=True), "alpha"))
        self._alpha_bounds = bounds_pair(alpha_bounds, "alpha_bounds")
        super().__init__(lengthscale, variance, active_dims, lengthscale_bounds, variance_bounds)

    _kind = Kind.RATIONAL

    @property
    def alpha(self) -> float:
        """How narrow the mixture over lengthscales is."""
        return self._alpha

    def _more(self) -> tuple[Parameter, ...]:
        return (Parameter("alpha", self._alpha, self._alpha_bounds),)

    def _leaf(self, build: Builder, at: int, dims: Array, scales: Array, index: Array) -> int:
        theta = [at, at + 1 + self._lengthscale.size, *index]
        return build.leaf(self._kind, self._variance, self._alpha, dims=dims, scale=scales, theta=theta)

    def _rebuilt(self, lengthscale: Any, variance: float, more: list[float]) -> RationalQuadratic:
        return RationalQuadratic(lengthscale, variance, more[0], alpha_bounds=self._alpha_bounds, **self._options())


_CLOSED = {0.5: Kind.MATERN12, 1.5: Kind.MATERN32, 2.5: Kind.MATERN52, 3.5: Kind.MATERN72}
