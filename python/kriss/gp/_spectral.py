"""Covariance functions of periods and frequencies."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from kriss import _validate
from kriss.gp._base import DEFAULT_BOUNDS, Array, Bounds, Kernel, bounds_pair, columns_used
from kriss.gp._program import Kind
from kriss.gp._stationary import _CLOSED, NU_MIN, Parameter, Stationary, lengths, logs
from kriss.gp._tables import table

if TYPE_CHECKING:
    from kriss.gp._program import Builder


class Periodic(Stationary):
    r"""The periodic covariance function ``variance * exp(-2 sum_q (sin(pi (x_q - z_q) / period) / lengthscale_q)**2)``.

    Parameters
    ----------
    lengthscale : float or array_like of shape (d,), default 1.0
        How smooth a period is, without units: one for all dimensions, or one per (active) dimension.
    period : float, default 1.0
        The period, in the units of the coordinates, in every (active) dimension.
    variance : float, default 1.0
        ``k(x, x)``.
    active_dims : sequence of int, optional
        The columns of X that count; all by default. Several columns repeat on a lattice.
    lengthscale_bounds, period_bounds, variance_bounds : (low, high) or "fixed"
        Where `kriss.gp.fit` may search; (1e-5, 1e5) by default.

    Raises
    ------
    TypeError, ValueError
        If a parameter is not a positive, finite number.

    Notes
    -----
    The parameters are variance, lengthscales, period. Differences are reduced to a fraction of a period before
    anything is rounded, so that a thousand periods cost no digits.

    References
    ----------
    D. J. C. MacKay, "Introduction to Gaussian Processes", in "Neural Networks and Machine Learning", 1998, section
    5.2; C. E. Rasmussen, C. K. I. Williams, "Gaussian Processes for Machine Learning", 2006, equation (4.31).

    Examples
    --------
    >>> from kriss.gp import Periodic
    >>> Periodic(lengthscale=2.0, period=3.0)([[0.0]], [[1.5], [3.0]]).round(6)
    array([[0.606531, 1.      ]])
    """

    __slots__ = ("_period", "_period_bounds")
    _kind = Kind.PERIODIC

    def __init__(
        self,
        lengthscale: npt.ArrayLike = 1.0,
        period: float = 1.0,
        variance: float = 1.0,
        *,
        active_dims: Iterable[int] | None = None,
        lengthscale_bounds: Bounds = DEFAULT_BOUNDS,
        period_bounds: Bounds = DEFAULT_BOUNDS,
        variance_bounds: Bounds = DEFAULT_BOUNDS,
    ) -> None:
        self._period = float(lengths(_validate.scalar(period, "period", low=0.0, strict=True), "period"))
        self._period_bounds = bounds_pair(period_bounds, "period_bounds")
        super().__init__(lengthscale, variance, active_dims, lengthscale_bounds, variance_bounds)

    @property
    def period(self) -> float:
        """The period."""
        return self._period

    def _more(self) -> tuple[Parameter, ...]:
        return (Parameter("period", self._period, self._period_bounds),)

    def _leaf(self, build: Builder, at: int, dims: Array, scales: Array, index: Array) -> int:
        period = [at + 1 + self._lengthscale.size] * dims.size
        rates = np.full(dims.size, 1.0 / self._period)
        theta = [at, -1, *index, *period]
        return build.leaf(Kind.PERIODIC, self._variance, dims=dims, scale=scales, second=rates, theta=theta)

    def _rebuilt(self, lengthscale: Any, variance: float, more: list[float]) -> Periodic:
        return Periodic(lengthscale, more[0], variance, period_bounds=self._period_bounds, **self._options())


class SpectralMixture(Kernel):
    r"""A mixture of bands of frequencies: ``sum_q weight_q g_q(x - z) prod_d cos(2 pi frequency_qd (x_d - z_d))``.

    With ``spectrum="gaussian"`` the envelope ``g_q`` is a squared exponential, and each band a Gaussian around its
    frequency; with ``spectrum="student-t"`` it is a Matern function of smoothness `nu`, and each band a Student
    distribution with ``2 nu`` degrees of freedom, whose tails let one band cover neighbouring frequencies.

    Parameters
    ----------
    weights : array_like, shape (Q,)
        Variance of each band.
    frequencies : array_like, shape (Q,) or (Q, d)
        Centres of the bands, in cycles per unit of the coordinates, not negative. A frequency of 0 stays 0 and is no
        parameter.
    lengthscales : float or array_like of shape (Q,) or (Q, d), default 1.0
        Lengthscales of the envelopes; the standard deviation of a Gaussian band is ``1 / (2 pi lengthscale)``.
    spectrum : {"gaussian", "student-t"}
        Form of the bands.
    nu : float, default 2.5
        Smoothness of the envelopes of ``"student-t"``.
    active_dims : sequence of int, optional
        The columns of X that count; all by default. As many as `frequencies` has columns.
    weight_bounds, frequency_bounds, lengthscale_bounds : (low, high) or "fixed"
        Where `kriss.gp.fit` may search; (1e-5, 1e5) by default.

    Raises
    ------
    TypeError, ValueError
        If a weight or lengthscale is not positive and finite, a frequency negative, or shapes do not fit.

    Notes
    -----
    The parameters are weights, positive frequencies and lengthscales, the latter two row by row. The likelihood has a
    maximum near every harmonic: start from peaks of a periodogram, or use many bands with fixed frequencies. Each band
    costs an exponential and d cosines per entry.

    References
    ----------
    A. G. Wilson, R. P. Adams, "Gaussian Process Kernels for Pattern Discovery and Extrapolation", ICML 2013, equation
    (12). S. Fang, M. Cooley, D. Long, S. Li, R. Kirby, S. Zhe, "Solving High Frequency and Multi-Scale PDEs with
    Gaussian Processes", 2023, arXiv 2311.04465, section 3: the Student form.

    Examples
    --------
    >>> from kriss.gp import SpectralMixture
    >>> k = SpectralMixture([1.0, 0.5], [0.5, 2.0], lengthscales=10.0)
    >>> k([[0.0]], [[0.0], [1.0]]).round(6)
    array([[ 1.5     , -0.497506]])
    """

    __slots__ = ("_active", "_bounds", "_frequencies", "_lengthscales", "_nu", "_spectrum", "_weights")

    def __init__(
        self,
        weights: npt.ArrayLike,
        frequencies: npt.ArrayLike,
        lengthscales: npt.ArrayLike = 1.0,
        *,
        spectrum: str = "gaussian",
        nu: float = 2.5,
        active_dims: Iterable[int] | None = None,
        weight_bounds: Bounds = DEFAULT_BOUNDS,
        frequency_bounds: Bounds = DEFAULT_BOUNDS,
        lengthscale_bounds: Bounds = DEFAULT_BOUNDS,
    ) -> None:
        self._spectrum = _validate.choice(spectrum, "spectrum", ("gaussian", "student-t"))
        self._nu = _validate.scalar(nu, "nu", low=NU_MIN)
        own = _validate.real_array(weights, "weights", ndim=1, single=False)
        self._weights = lengths(own, "weights")
        rows = self._weights.size
        at = _validate.real_array(frequencies, "frequencies", ndim=(1, 2), single=False)
        at = at[:, None] if at.ndim == 1 else at
        if at.shape[0] != rows or at.shape[1] == 0:
            raise ValueError(f"frequencies has shape {at.shape}, expected {rows} rows, one per weight")
        if at.min() < 0.0:
            raise ValueError(f"frequencies must not be negative, not {at.min()}")
        scales = _validate.real_array(lengthscales, "lengthscales", ndim=(0, 1, 2), single=False)
        scales = scales[:, None] if scales.ndim == 1 else scales
        if scales.ndim == 2 and (scales.shape[0] != rows or scales.shape[1] not in (1, at.shape[1])):
            raise ValueError(
                f"lengthscales has shape {scales.shape}, expected one number, or {at.shape} as frequencies"
            )
        full = lengths(np.broadcast_to(scales, at.shape).ravel(), "lengthscales")
        self._frequencies, self._lengthscales = at.copy(), full.reshape(at.shape)
        self._frequencies.flags.writeable = False
        self._active = None if active_dims is None else columns_used(active_dims)
        if self._active is not None and len(self._active) != at.shape[1]:
            raise ValueError(f"frequencies has {at.shape[1]} columns, expected {len(self._active)} as active_dims has")
        self._bounds = (
            bounds_pair(weight_bounds, "weight_bounds"),
            bounds_pair(frequency_bounds, "frequency_bounds"),
            bounds_pair(lengthscale_bounds, "lengthscale_bounds"),
        )

    @property
    def weights(self) -> Array:
        """Variance of each band, shape (Q,), read-only."""
        return self._weights

    @property
    def frequencies(self) -> Array:
        """Centres of the bands, shape (Q, d), read-only."""
        return self._frequencies

    @property
    def lengthscales(self) -> Array:
        """Lengthscales of the envelopes, shape (Q, d), read-only."""
        return self._lengthscales

    @property
    def spectrum(self) -> str:
        """Form of the bands."""
        return self._spectrum

    @property
    def nu(self) -> float:
        """Smoothness of the envelopes, where the spectrum is "student-t"."""
        return self._nu

    @property
    def active_dims(self) -> tuple[int, ...] | None:
        """The columns of X that count; None for all."""
        return self._active

    @property
    def total_variance(self) -> float:
        """``k(x, x)``: the sum of the weights."""
        return float(self._weights.sum())

    def _values(self) -> Array:
        positive = self._frequencies[self._frequencies > 0.0]
        return np.concatenate([self._weights, positive, self._lengthscales.ravel()])

    def _theta(self) -> Array:
        out: Array = np.log(self._values())
        return out

    def _limits(self) -> Array:
        sizes = (self._weights.size, int((self._frequencies > 0.0).sum()), self._lengthscales.size)
        bounds = [b for b, size in zip(self._bounds, sizes, strict=True) for _ in range(size)]
        return logs(self._values(), bounds)

    def _names(self, prefix: str) -> tuple[str, ...]:
        rows, columns = self._frequencies.shape
        place = [f"[{q}]" if columns == 1 else f"[{q}, {c}]" for q in range(rows) for c in range(columns)]
        positive = (self._frequencies > 0.0).ravel()
        return (
            *(f"{prefix}weights[{q}]" for q in range(rows)),
            *(f"{prefix}frequencies{p}" for p, yes in zip(place, positive, strict=True) if yes),
            *(f"{prefix}lengthscales{p}" for p in place),
        )

    def _with(self, theta: Array) -> Kernel:
        with np.errstate(over="ignore"):
            values = np.exp(theta)
        rows = self._weights.size
        moved = self._frequencies.copy()
        positive = moved > 0.0
        end = rows + int(positive.sum())
        moved[positive] = values[rows:end]
        return SpectralMixture(
            values[:rows],
            moved,
            values[end:].reshape(moved.shape),
            spectrum=self._spectrum,
            nu=self._nu,
            active_dims=self._active,
            weight_bounds=self._bounds[0],
            frequency_bounds=self._bounds[1],
            lengthscale_bounds=self._bounds[2],
        )

    def _emit(self, build: Builder, at: int) -> int:
        rows, columns = self._frequencies.shape
        dims = np.arange(columns) if self._active is None else np.array(self._active)
        if self._active is None and columns != build.columns:
            raise ValueError(f"X has {build.columns} columns, but frequencies has {columns}")
        if dims.max() >= build.columns:
            raise ValueError(f"X has {build.columns} columns, but active_dims names column {dims.max()}")
        kind: int = Kind.RBF if self._spectrum == "gaussian" else _CLOSED.get(self._nu, Kind.MATERN)
        shape, coefficients = (self._nu, table(self._nu)) if kind == Kind.MATERN else (0.0, None)
        frequency = at + rows
        scale = frequency + int((self._frequencies > 0.0).sum())
        bands = []
        for q in range(rows):
            band = [
                build.leaf(
                    kind,
                    float(self._weights[q]),
                    shape,
                    dims=dims,
                    scale=1.0 / self._lengthscales[q],
                    theta=[at + q, -1, *range(scale + q * columns, scale + (q + 1) * columns)],
                    table=coefficients,
                )
            ]
            for c in np.flatnonzero(self._frequencies[q] > 0.0):
                own = [float(self._frequencies[q, c])]
                band.append(build.leaf(Kind.COSINE, 1.0, dims=[dims[c]], scale=own, theta=[-1, -1, frequency]))
                frequency += 1
            bands.append(build.join(2, band))
        return build.join(1, bands)

    def _diag(self, x: Array) -> Array:
        return np.full(x.shape[0], self.total_variance)

    def _contract_diag(self, x: Array, w: Array) -> Array:
        out = np.zeros(self._theta().size)
        out[: self._weights.size] = self._weights * float(w.sum())
        return out

    def __repr__(self) -> str:
        bands, columns = self._frequencies.shape
        form = "gaussian" if self._spectrum == "gaussian" else f"student-t, nu={self._nu:g}"
        return f"<SpectralMixture of {bands} bands in {columns} dimensions, {form}>"

    def _key(self) -> tuple[object, ...]:
        arrays = tuple(a.tobytes() for a in (self._weights, self._frequencies, self._lengthscales))
        return (*arrays, self._frequencies.shape, self._spectrum, self._nu, self._active)
