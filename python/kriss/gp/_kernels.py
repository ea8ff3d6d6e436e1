"""Covariance functions: immutable objects that describe themselves to the kernels as flat arrays."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from kriss import _backend, _device, _validate

Array = npt.NDArray[Any]
Bounds = tuple[float, float] | Literal["fixed"]

_DEFAULT_BOUNDS = (1e-5, 1e5)
_NORMAL_MIN = float(np.finfo(np.float64).tiny)
_EMPTY = np.zeros(0)


class Flat(NamedTuple):
    """What the kernels take: the first five positional arguments of assembly and gradient."""

    kind: npt.NDArray[np.int32]
    variance: Array
    first: npt.NDArray[np.int64]
    dim: npt.NDArray[np.int64]
    inv_lengthscale: Array


def points(X: object, name: str = "X", *, check_finite: bool = True, single: bool = False) -> Array:
    """`X` as (n, d), d >= 1, checked."""
    out = _validate.real_array(X, name, ndim=2, finite=check_finite, single=single)
    if out.shape[1] == 0:
        raise ValueError(f"{name} has shape {out.shape}, expected at least one column")
    return out


def transposed(X: Array) -> Array:
    """(d, n), C-contiguous: one coordinate per row, so that a kernel reads a chunk of points as one vector."""
    return np.ascontiguousarray(X.T)


class Kernel:
    """Base of the covariance functions; use `RBF`, `Matern` and their sums.

    A kernel is immutable. Its parameters are seen as one vector `theta` of natural logarithms, per term the variance
    followed by the lengthscales.

    Examples
    --------
    >>> from kriss.gp import RBF, Kernel
    >>> k = RBF(lengthscale=[1.0, 2.0])
    >>> isinstance(k, Kernel), k.theta.shape, k.parameter_names
    (True, (3,), ('variance', 'lengthscale[0]', 'lengthscale[1]'))
    """

    __slots__ = ()

    @property
    def terms(self) -> tuple[Stationary, ...]:
        """The terms of the sum; one for a plain kernel."""
        raise NotImplementedError

    @property
    def theta(self) -> Array:
        """Logarithms of the parameters, shape (p,): per term the variance, then the lengthscales."""
        return np.concatenate([t._own_theta() for t in self.terms])

    @property
    def bounds(self) -> Array:
        """Bounds of `theta`, shape (p, 2), in logarithms; equal where a parameter is fixed."""
        return np.concatenate([t._own_bounds() for t in self.terms])

    @property
    def parameter_names(self) -> tuple[str, ...]:
        """A name for each entry of `theta`."""
        terms = self.terms
        if len(terms) == 1:
            return terms[0]._own_names("")
        return tuple(name for c, t in enumerate(terms) for name in t._own_names(f"terms[{c}]."))

    def with_theta(self, theta: npt.ArrayLike) -> Kernel:
        """A kernel of the same form with other parameters.

        Parameters
        ----------
        theta : array_like, shape (p,)
            Logarithms of the parameters, in the order of `theta`.

        Returns
        -------
        Kernel
            The new kernel; this one is unchanged.

        Examples
        --------
        >>> import numpy as np
        >>> from kriss.gp import RBF
        >>> RBF().with_theta(np.log([2.0, 0.5]))
        RBF(lengthscale=0.5, variance=2)
        """
        values = _validate.real_array(theta, "theta", ndim=1, single=False)
        sizes = [t._own_size() for t in self.terms]
        if values.size != sum(sizes):
            raise ValueError(f"theta has {values.size} entries, expected {sum(sizes)} for {self!r}")
        parts = np.split(values, np.cumsum(sizes)[:-1])
        fresh = [t._with_own_theta(part) for t, part in zip(self.terms, parts, strict=True)]
        return fresh[0] if len(fresh) == 1 else Sum(fresh)

    def __call__(
        self, X: npt.ArrayLike, Z: npt.ArrayLike | None = None, *, workers: int | None = None, check_finite: bool = True
    ) -> Array:
        """The covariance matrix between two sets of points.

        Parameters
        ----------
        X : array_like, shape (n, d)
            Points, one per row. float32 gives a float32 matrix, everything else float64. CuPy arrays are assembled
            on their device.
        Z : array_like, shape (m, d), optional
            Other points; `X` itself if omitted, when the result is exactly symmetric.
        workers : int, optional
            Threads; the process-wide setting by default. The result does not depend on it.
        check_finite : bool, default True
            Refuse NaN and infinity; otherwise NaN gives NaN.

        Returns
        -------
        ndarray, shape (n, n) or (n, m)
            ``k(x_i, z_j)``.

        Raises
        ------
        TypeError, ValueError
            If an argument has the wrong dtype or shape, or is not finite; for float32, also if a variance or the
            inverse of a lengthscale leaves its range.

        Notes
        -----
        One exponential and about 3 d flops per entry and term (half the entries if `Z` is omitted), no memory
        besides the result. Coordinates are subtracted before they are scaled or squared, so close points lose no
        digits to large coordinates.
        """
        if _device.any_device(X=X, Z=Z):
            from kriss.gp import _gpu

            on_device: Array = _gpu.covariance(self, X, Z, check_finite)
            return on_device
        x = points(X, "X", check_finite=check_finite, single=True)
        z = None if Z is None else points(Z, "Z", check_finite=check_finite, single=True)
        if z is not None and z.shape[1] != x.shape[1]:
            raise ValueError(f"Z has {z.shape[1]} columns, expected {x.shape[1]} as X has")
        threads = _validate.workers(workers)
        dtype = x.dtype if z is None else np.result_type(x, z)
        flat = self.flat(x.shape[1], dtype)
        xt = transposed(x.astype(dtype, copy=False))
        run = _backend.kernels("gp")
        if z is None:
            out = np.empty((x.shape[0], x.shape[0]), dtype)
            run.assemble_symmetric(*flat, xt, _EMPTY.astype(dtype), out, True, threads)
        else:
            out = np.empty((x.shape[0], z.shape[0]), dtype)
            run.assemble_cross(*flat, xt, transposed(z.astype(dtype, copy=False)), out, threads)
        return out

    def diag(self, X: npt.ArrayLike) -> Array:
        """The diagonal of ``kernel(X)``, without the matrix.

        Parameters
        ----------
        X : array_like, shape (n, d)
            Points.

        Returns
        -------
        ndarray, shape (n,)
            The sum of the variances, at every point.
        """
        n = points(X).shape[0]
        return np.full(n, self.total_variance)

    @property
    def total_variance(self) -> float:
        """``k(x, x)``: the sum of the variances of the terms."""
        return math.fsum(t.variance for t in self.terms)

    def __add__(self, other: object) -> Kernel:
        if not isinstance(other, Kernel):
            return NotImplemented
        return Sum([*self.terms, *other.terms])

    def flat(self, columns: int, dtype: npt.DTypeLike = np.float64) -> Flat:
        """This kernel as flat arrays for points with `columns` coordinates."""
        parts = [t._own_flat(columns) for t in self.terms]
        first = np.zeros(len(parts) + 1, np.int64)
        np.cumsum([dims.size for dims, _ in parts], out=first[1:])
        with np.errstate(over="ignore", under="ignore"):
            flat = Flat(
                np.array([t._kind for t in self.terms], np.int32),
                np.array([t.variance for t in self.terms]).astype(dtype),
                first,
                np.concatenate([dims for dims, _ in parts]),
                np.concatenate([inv for _, inv in parts]).astype(dtype),
            )
        if flat.variance.dtype != np.float64:  # every value the constructors accept is in the range of float64
            self._check_range(flat)
        return flat

    def _check_range(self, flat: Flat) -> None:
        """Refuse parameters that became zero or infinite in the dtype of `flat`."""
        limits = np.finfo(flat.variance.dtype)
        low, high = float(limits.smallest_subnormal), float(limits.max)
        advice = f"of {limits.dtype} ({low:.2g} to {high:.2g}): pass float64 points"
        for c, term in enumerate(self.terms):
            names = term._own_names("" if len(self.terms) == 1 else f"terms[{c}].")
            if not 0.0 < flat.variance[c] < np.inf:
                raise ValueError(f"{names[0]} is {term.variance:.6g}, outside the range {advice}")
            inverse = flat.inv_lengthscale[flat.first[c] : flat.first[c + 1]]
            bad = np.flatnonzero(~((inverse > 0.0) & (inverse < np.inf)))
            if bad.size:
                q = 0 if term._isotropic else int(bad[0])
                value = float(term._lengthscale.ravel()[q])
                raise ValueError(f"{names[1 + q]} is {value:.6g}, its inverse outside the range {advice}")
        if self.total_variance > high:
            raise ValueError(f"the variances add up to {self.total_variance:.6g}, outside the range {advice}")

    def gather(self, flat: Flat, raw: Array) -> Array:
        """The gradient in `theta`, from the kernels' gradient with one lengthscale per dimension."""
        out: list[float] = []
        at = 0
        for c, term in enumerate(self.terms):
            count = int(flat.first[c + 1] - flat.first[c])
            out.append(float(raw[at]))
            own = raw[at + 1 : at + 1 + count]
            out.extend([float(own.sum())] if term._isotropic else own.tolist())
            at += 1 + count
        return np.array(out)


class Stationary(Kernel):
    """A covariance function of the scaled distance; the common part of `RBF` and `Matern`."""

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
        lengths = _validate.real_array(lengthscale, "lengthscale", ndim=(0, 1), single=False)
        if lengths.size == 0:
            raise ValueError("lengthscale is empty, expected a number or one number per dimension")
        if lengths.min() < _NORMAL_MIN:
            raise ValueError(f"lengthscale must be above {_NORMAL_MIN}, not {lengths.min()}")
        self._lengthscale = lengths.copy()
        self._lengthscale.flags.writeable = False
        self._variance = _validate.scalar(variance, "variance", low=0.0, strict=True)
        self._active = None if active_dims is None else _active_dims(active_dims)
        if self._active is not None and lengths.ndim == 1 and lengths.size != len(self._active):
            raise ValueError(
                f"lengthscale has {lengths.size} entries, expected one or as many as active_dims ({len(self._active)})"
            )
        self._length_bounds = _bounds(lengthscale_bounds, "lengthscale_bounds")
        self._variance_bounds = _bounds(variance_bounds, "variance_bounds")

    @property
    def terms(self) -> tuple[Stationary, ...]:
        """This kernel alone."""
        return (self,)

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
    def _isotropic(self) -> bool:
        return bool(self._lengthscale.ndim == 0)

    def _own_size(self) -> int:
        return 1 + self._lengthscale.size

    def _own_theta(self) -> Array:
        out: Array = np.log(np.concatenate([[self._variance], self._lengthscale.ravel()]))
        return out

    def _own_bounds(self) -> Array:
        theta = self._own_theta()
        rows = [self._variance_bounds] + [self._length_bounds] * (theta.size - 1)
        return np.array([(t, t) if b == "fixed" else np.log(b) for t, b in zip(theta, rows, strict=True)])

    def _own_names(self, prefix: str) -> tuple[str, ...]:
        if self._isotropic:
            return (f"{prefix}variance", f"{prefix}lengthscale")
        return (f"{prefix}variance", *(f"{prefix}lengthscale[{q}]" for q in range(self._lengthscale.size)))

    def _with_own_theta(self, theta: Array) -> Stationary:
        with np.errstate(over="ignore"):
            values = np.exp(theta)
        lengths: Any = values[1] if self._isotropic else values[1:]
        return self._rebuilt(lengths, float(values[0]))

    def _rebuilt(self, lengthscale: Any, variance: float) -> Stationary:
        raise NotImplementedError

    def _own_flat(self, columns: int) -> tuple[npt.NDArray[np.int64], Array]:
        if self._active is None:
            dims = np.arange(columns, dtype=np.int64)
            if not self._isotropic and self._lengthscale.size != columns:
                raise ValueError(f"X has {columns} columns, but lengthscale has {self._lengthscale.size} entries")
        else:
            dims = np.array(self._active, np.int64)
            if dims.max() >= columns:
                raise ValueError(f"X has {columns} columns, but active_dims names column {dims.max()}")
        return dims, np.broadcast_to(1.0 / self._lengthscale, dims.shape).copy()

    def _arguments(self) -> list[str]:
        lengths = self._lengthscale
        shown = f"{float(lengths):.6g}" if self._isotropic else "[" + ", ".join(f"{v:.6g}" for v in lengths) + "]"
        out = [f"lengthscale={shown}", f"variance={self._variance:.6g}"]
        if self._active is not None:
            out.append(f"active_dims={self._active}")
        return out

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(self._arguments())})"

    def _key(self) -> tuple[object, ...]:
        lengths = self._lengthscale
        return (self._kind, lengths.shape, lengths.tobytes(), self._variance, self._active)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Stationary) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())


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
        lengthscale_bounds: Bounds = _DEFAULT_BOUNDS,
        variance_bounds: Bounds = _DEFAULT_BOUNDS,
    ) -> None:
        super().__init__(lengthscale, variance, active_dims, lengthscale_bounds, variance_bounds)

    def _rebuilt(self, lengthscale: Any, variance: float) -> RBF:
        return RBF(
            lengthscale,
            variance,
            active_dims=self._active,
            lengthscale_bounds=self._length_bounds,
            variance_bounds=self._variance_bounds,
        )


class Matern(Stationary):
    r"""The Matern covariance function of smoothness `nu`.

    With ``s**2 = sum_q ((x_q - z_q) / lengthscale_q)**2`` and ``a = sqrt(2 nu) s`` it is `variance` times
    ``exp(-a)`` for nu = 1/2, ``(1 + a) exp(-a)`` for 3/2 and ``(1 + a + a**2 / 3) exp(-a)`` for 5/2.

    Parameters
    ----------
    nu : {0.5, 1.5, 2.5}
        Smoothness: sample paths are continuous, once or twice differentiable.
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
    NotImplementedError
        If `nu` is a positive number other than those above.
    TypeError, ValueError
        If a parameter is not a positive, finite number.

    See Also
    --------
    RBF : the limit of large `nu`.

    References
    ----------
    C. E. Rasmussen, C. K. I. Williams, "Gaussian Processes for Machine Learning", 2006, equations (4.14) to (4.17)
    and (5.1).

    Examples
    --------
    >>> from kriss.gp import Matern
    >>> Matern(2.5, lengthscale=0.5)([[0.0]], [[0.5]]).round(6)
    array([[0.523994]])
    """

    __slots__ = ("_nu",)
    _KINDS: ClassVar[dict[float, int]] = {0.5: 1, 1.5: 2, 2.5: 3}

    def __init__(
        self,
        nu: float,
        lengthscale: npt.ArrayLike = 1.0,
        variance: float = 1.0,
        *,
        active_dims: Iterable[int] | None = None,
        lengthscale_bounds: Bounds = _DEFAULT_BOUNDS,
        variance_bounds: Bounds = _DEFAULT_BOUNDS,
    ) -> None:
        self._nu = _validate.scalar(nu, "nu", low=0.0, strict=True, finite=False)
        if math.isinf(self._nu):
            raise NotImplementedError("nu=inf is the squared exponential: use RBF")
        if self._nu not in self._KINDS:
            raise NotImplementedError(f"nu={self._nu} is not available; there are nu=0.5, 1.5, 2.5, and RBF for nu=inf")
        super().__init__(lengthscale, variance, active_dims, lengthscale_bounds, variance_bounds)

    @property
    def nu(self) -> float:
        """The smoothness."""
        return self._nu

    @property
    def _kind(self) -> int:  # type: ignore[override]
        return self._KINDS[self._nu]

    def _rebuilt(self, lengthscale: Any, variance: float) -> Matern:
        return Matern(
            self._nu,
            lengthscale,
            variance,
            active_dims=self._active,
            lengthscale_bounds=self._length_bounds,
            variance_bounds=self._variance_bounds,
        )

    def _arguments(self) -> list[str]:
        return [f"nu={self._nu:g}", *super()._arguments()]


class Sum(Kernel):
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

    __slots__ = ("_terms",)

    def __init__(self, terms: Sequence[Kernel]) -> None:
        flat: list[Stationary] = []
        for term in terms:
            if not isinstance(term, Kernel):
                raise TypeError(f"terms must be kernels, not {type(term).__name__}")
            flat.extend(term.terms)
        if not flat:
            raise ValueError("terms is empty, expected at least one kernel")
        self._terms = tuple(flat)

    @property
    def terms(self) -> tuple[Stationary, ...]:
        """The terms of the sum, flattened."""
        return self._terms

    def __repr__(self) -> str:
        return " + ".join(map(repr, self._terms))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sum) and self._terms == other._terms

    def __hash__(self) -> int:
        return hash(self._terms)


def _active_dims(value: Iterable[int]) -> tuple[int, ...]:
    dims = tuple(_validate.integer(q, "active_dims", low=0) for q in value)
    if not dims:
        raise ValueError("active_dims is empty, expected at least one column")
    if len(set(dims)) != len(dims):
        raise ValueError(f"active_dims names a column twice: {dims}")
    return dims


def _bounds(value: Bounds, name: str) -> Bounds:
    if isinstance(value, str):
        _validate.choice(value, name, ("fixed",))
        return "fixed"
    try:
        low, high = value
    except (TypeError, ValueError):
        raise ValueError(f"{name} must be (low, high) or 'fixed', not {value!r}") from None
    low = _validate.scalar(low, f"{name}[0]", low=0.0, strict=True)
    high = _validate.scalar(high, f"{name}[1]", low=low)
    return (low, high)
