"""What every covariance function is: an immutable object with parameters, a matrix, and derivatives."""

from __future__ import annotations

import numbers
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from kriss import _device, _validate

if TYPE_CHECKING:
    from kriss.gp._forms import Flat, Form
    from kriss.gp._program import Builder

Array = npt.NDArray[Any]
Bounds = tuple[float, float] | Literal["fixed"]

DEFAULT_BOUNDS = (1e-5, 1e5)


def points(X: object, name: str = "X", *, check_finite: bool = True, single: bool = False) -> Array:
    """`X` as (n, d), d >= 1, checked."""
    out = _validate.real_array(X, name, ndim=2, finite=check_finite, single=single)
    if out.shape[1] == 0:
        raise ValueError(f"{name} has shape {out.shape}, expected at least one column")
    return out


def transposed(X: Array) -> Array:
    """(d, n), C-contiguous: one coordinate per row, so that a kernel reads a chunk of points as one vector."""
    return np.ascontiguousarray(X.T)


def _pair(X: object, Z: object | None, check_finite: bool, single: bool) -> tuple[Array, Array | None]:
    """Two sets of points with as many columns."""
    x = points(X, "X", check_finite=check_finite, single=single)
    z = None if Z is None else points(Z, "Z", check_finite=check_finite, single=single)
    if z is not None and z.shape[1] != x.shape[1]:
        raise ValueError(f"Z has {z.shape[1]} columns, expected {x.shape[1]} as X has")
    return x, z


def bounds_pair(value: Bounds, name: str) -> Bounds:
    """(low, high) or "fixed", checked."""
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


def columns_used(value: Iterable[int]) -> tuple[int, ...]:
    """`active_dims`, checked."""
    dims = tuple(_validate.integer(q, "active_dims", low=0) for q in value)
    if not dims:
        raise ValueError("active_dims is empty, expected at least one column")
    if len(set(dims)) != len(dims):
        raise ValueError(f"active_dims names a column twice: {dims}")
    return dims


class Kernel:
    """Base of the covariance functions; use `RBF`, `Matern` and the others, their sums and products.

    A kernel is immutable. Its parameters are seen as one vector `theta` of natural logarithms, per term or factor the
    variance followed by the rest.

    Examples
    --------
    >>> from kriss.gp import RBF, Kernel
    >>> k = RBF(lengthscale=[1.0, 2.0])
    >>> isinstance(k, Kernel), k.theta.shape, k.parameter_names
    (True, (3,), ('variance', 'lengthscale[0]', 'lengthscale[1]'))
    """

    __slots__ = ()

    # What a covariance function says of itself; x and z are checked points, float64.

    def _theta(self) -> Array:
        raise NotImplementedError

    def _limits(self) -> Array:
        raise NotImplementedError

    def _names(self, prefix: str) -> tuple[str, ...]:
        raise NotImplementedError

    def _with(self, theta: Array) -> Kernel:
        raise NotImplementedError

    def _emit(self, build: Builder, at: int) -> int:
        """Adds nodes to a program, the parameters being theta[at:]; returns the number of the last node."""
        raise NotImplementedError

    def _diag(self, x: Array) -> Array:
        raise NotImplementedError

    def _contract_diag(self, x: Array, w: Array) -> Array:
        raise NotImplementedError

    @property
    def _compiled(self) -> bool:
        """Whether the kernels know every part."""
        return True

    @property
    def terms(self) -> tuple[Kernel, ...]:
        """The terms of the sum; the kernel itself if it is none."""
        return (self,)

    @property
    def stationary(self) -> bool:
        """Whether ``k(x, x)`` is the same everywhere."""
        return True

    @property
    def theta(self) -> Array:
        """Logarithms of the parameters, shape (p,): per term the variance, then the others."""
        return self._theta()

    @property
    def bounds(self) -> Array:
        """Bounds of `theta`, shape (p, 2), in logarithms; equal where a parameter is fixed."""
        return self._limits()

    @property
    def parameter_names(self) -> tuple[str, ...]:
        """A name for each entry of `theta`."""
        return self._names("")

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
        expected = self._theta().size
        if values.size != expected:
            raise ValueError(f"theta has {values.size} entries, expected {expected} for {self!r}")
        return self._with(values)

    def form(self, columns: int) -> Form:
        """This kernel as the kernels of the package take it, for points with `columns` coordinates."""
        from kriss.gp._forms import form

        return form(self, columns)

    def flat(self, columns: int, dtype: npt.DTypeLike = np.float64) -> Flat:
        """A sum of RBF and Matern 1/2, 3/2, 5/2 as flat arrays; NotImplementedError for others."""
        from kriss.gp._forms import flat

        return flat(self, columns, dtype)

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
            Other points; `X` itself if omitted, when the result is exactly symmetric and `White` counts.
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
        NotImplementedError
            For CuPy arrays, if a part of the kernel is Python, or it has more than 64 nodes.

        Notes
        -----
        One exponential and about 3 d flops per entry and term (half the entries if `Z` is omitted), no memory
        besides the result, or 64 KiB per leaf where there are products. Coordinates are subtracted before they are
        scaled or squared, so close points lose no digits to large coordinates. Only sums of `RBF` and `Matern` with nu
        1/2, 3/2 or 5/2 work in float32 throughout; others are rounded to it at the end.
        """
        if _device.any_device(X=X, Z=Z):
            from kriss.gp import _gpu

            on_device: Array = _gpu.covariance(self, X, Z, check_finite)
            return on_device
        x, z = _pair(X, Z, check_finite, single=True)
        threads = _validate.workers(workers)
        dtype = x.dtype if z is None else np.result_type(x, z)
        shape = self.form(x.shape[1])
        return shape.matrix(x, z, np.dtype(dtype), threads)

    def diag(self, X: npt.ArrayLike) -> Array:
        """The diagonal of ``kernel(X)``, without the matrix.

        Parameters
        ----------
        X : array_like, shape (n, d)
            Points.

        Returns
        -------
        ndarray, shape (n,)
            ``k(x_i, x_i)``; the sum of the variances at every point, where the kernel is a stationary sum.
        """
        return self._diag(points(X))

    def contract(
        self,
        X: npt.ArrayLike,
        W: npt.ArrayLike,
        Z: npt.ArrayLike | None = None,
        *,
        workers: int | None = None,
        check_finite: bool = True,
    ) -> Array:
        """Weighted sum of the derivatives in `theta` over all pairs of points, which are never stored.

        Parameters
        ----------
        X : array_like, shape (n, d)
            Points.
        W : array_like, shape (n, n) or (n, m)
            Weights; not assumed symmetric.
        Z : array_like, shape (m, d), optional
            Other points; `X` itself if omitted.
        workers : int, optional
            Threads; the process-wide setting by default. The result does not depend on it.
        check_finite : bool, default True
            Refuse NaN and infinity in arguments.

        Returns
        -------
        ndarray, shape (p,)
            ``sum_ij W_ij d k(x_i, z_j) / d theta_t``.

        Raises
        ------
        TypeError, ValueError
            If an argument has the wrong dtype or shape, or is not finite.

        Notes
        -----
        About three evaluations of the matrix (of half of it if `Z` is omitted), whatever p, and 200 KiB per leaf. With
        ``W = alpha alpha' - K^-1`` half of it is the gradient of the log-likelihood: Rasmussen and Williams (2006),
        equation (5.9).

        Examples
        --------
        >>> import numpy as np
        >>> from kriss.gp import RBF
        >>> RBF(2.0, 3.0).contract([[0.0], [2.0]], np.ones((2, 2))).round(6)
        array([9.639184, 3.639184])
        """
        if _device.any_device(X=X, W=W, Z=Z):
            from kriss.gp import _gpu

            on_device: Array = _gpu.contraction(self, X, W, Z, check_finite)
            return on_device
        x, z = _pair(X, Z, check_finite, single=False)
        w = _validate.real_array(W, "W", ndim=2, finite=check_finite, single=False)
        wanted = (x.shape[0], x.shape[0] if z is None else z.shape[0])
        if w.shape != wanted:
            raise ValueError(f"W has shape {w.shape}, expected {wanted}, one weight per pair of points")
        return self.form(x.shape[1]).contract(x, z, w, _validate.workers(workers))

    def contract_diag(self, X: npt.ArrayLike, w: npt.ArrayLike) -> Array:
        """Weighted sum of the derivatives of the diagonal in `theta`.

        Parameters
        ----------
        X : array_like, shape (n, d)
            Points.
        w : array_like, shape (n,)
            Weights.

        Returns
        -------
        ndarray, shape (p,)
            ``sum_i w_i d k(x_i, x_i) / d theta_t``.

        Raises
        ------
        TypeError, ValueError
            If an argument has the wrong dtype or shape, or is not finite.

        Examples
        --------
        >>> from kriss.gp import RBF
        >>> RBF(2.0, 3.0).contract_diag([[0.0], [2.0]], [1.0, 1.0])
        array([6., 0.])
        """
        x = points(X)
        weights = _validate.real_array(w, "w", ndim=1, single=False)
        if weights.size != x.shape[0]:
            raise ValueError(f"w has {weights.size} entries, expected {x.shape[0]}, one per row of X")
        return self._contract_diag(x, weights)

    def gradient_x(
        self, X: npt.ArrayLike, Z: npt.ArrayLike, *, workers: int | None = None, check_finite: bool = True
    ) -> Array:
        """Derivatives of the covariance in its first point.

        Parameters
        ----------
        X : array_like, shape (n, d)
            Points, in which the derivative is taken.
        Z : array_like, shape (m, d)
            Other points.
        workers : int, optional
            Threads; the process-wide setting by default.
        check_finite : bool, default True
            Refuse NaN and infinity in arguments.

        Returns
        -------
        ndarray, shape (n, m, d)
            ``d k(x_i, z_j) / d x_i``; NaN where ``x_i == z_j`` and the kernel has no derivative there, which is so for
            `Matern` with nu up to 1/2.

        Raises
        ------
        TypeError, ValueError
            If an argument has the wrong dtype or shape, or is not finite.

        Notes
        -----
        About three evaluations of the matrix.

        Examples
        --------
        >>> from kriss.gp import RBF
        >>> RBF().gradient_x([[1.0]], [[0.0]]).round(6)
        array([[[-0.606531]]])
        """
        x, z = _pair(X, Z, check_finite, single=False)
        assert z is not None
        return self.form(x.shape[1]).gradient_x(x, z, _validate.workers(workers))

    @property
    def total_variance(self) -> float:
        """``k(x, x)`` of a stationary kernel; ValueError for others, which have `diag`."""
        raise ValueError(f"{self!r} is not stationary: k(x, x) depends on x, see diag")

    def scale(self, X: Array) -> float:
        """The largest ``k(x, x)`` over the points, 1 if there are none."""
        if self.stationary:
            return self.total_variance
        values = self._diag(X)
        return float(values.max()) if values.size else 1.0

    def __add__(self, other: object) -> Kernel:
        from kriss.gp._joined import Sum

        if not isinstance(other, Kernel):
            return NotImplemented
        return Sum([*self.terms, *other.terms])

    def __mul__(self, other: object) -> Kernel:
        from kriss.gp._product import Product

        if isinstance(other, numbers.Real) and not isinstance(other, (bool, np.bool_)):
            from kriss.gp._dot import Constant

            return Product([Constant(float(other)), self])
        if not isinstance(other, Kernel):
            return NotImplemented
        return Product([self, other])

    def __rmul__(self, other: object) -> Kernel:
        return self.__mul__(other)

    def __pow__(self, exponent: object) -> Kernel:
        if not isinstance(exponent, (int, np.integer)) or isinstance(exponent, bool):
            return NotImplemented
        from kriss.gp._product import Power

        return Power(self, int(exponent))

    def _key(self) -> tuple[object, ...]:
        raise NotImplementedError

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and isinstance(other, Kernel) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash((type(self).__name__, self._key()))
