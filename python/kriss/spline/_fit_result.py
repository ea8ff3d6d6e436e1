"""`SplineFit`, what `fit` returns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kriss.spline._forwarding import Forwarding
from kriss.spline._piecewise import Array
from kriss.spline._spline import Spline


@dataclass(frozen=True, eq=False)
class SplineFit(Forwarding):
    """A spline fitted to data by `fit`, with what is known of its errors. It is called like a function.

    Calls, ``derivative``, ``antiderivative``, ``integrate``, ``roots``, ``solve`` and ``to_ppoly`` are those of
    `spline`. All arrays are read-only; those of length m are in the order of the data given.

    Attributes
    ----------
    spline : Spline
        The fitted spline as a piecewise polynomial.
    knots : ndarray
        Interior knots, increasing. For a smoothing spline of degree 3, all inner distinct x.
    k : int
        Degree.
    t, coefficients : ndarray
        The same spline as B-splines: full knot vector of shape (len(knots) + 2 k + 2,) and coefficients, as
        `scipy.interpolate.BSpline` takes them.
    residuals : ndarray, shape (m,)
        ``y - spline(x)``, recomputed from the piecewise polynomial.
    rss : float
        Sum of ``(weights * residuals)**2``.
    rms : float
        Square root of ``rss / m``.
    iterations : int
        Least-squares solutions computed while placing knots, or values of `lam` tried while smoothing.
    lam : float
        Factor of the integral of the squared derivative of order ``(k + 1) // 2``; 0 without a penalty. In the units
        of ``x**(2 * order - 1) * weights**2``, it may overflow to infinity for extreme units of x.
    edf : float
        Effective degrees of freedom, the trace of the map from y to the fitted values; the number of coefficients
        without a penalty. Knots that were placed by the data are not counted.
    sigma : float
        Estimated standard deviation of ``weights * y``, ``sqrt(rss / (m - edf))`` with m the number of data of positive
        weight; NaN where nothing is left over, the robust scale for a robust fit.
    leverage : ndarray, shape (m,)
        Diagonal of that map, between 0 and 1; it sums to `edf`. Zero where the weight is.
    weights : ndarray, shape (m,)
        Weights of the residuals: those given, times the square root of the robust ones.
    criterion : str
        What chose the smoothing or the knots: ``"gcv"``, ``"reml"``, ``"lam"``, ``"bic"``, ``"rtol"``, ``"s"``,
        ``"number"`` or ``"given"``.

    Notes
    -----
    A pointwise standard error of the fitted value is ``sigma * sqrt(leverage) / weights`` (bias not counted).

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.spline import fit
    >>> x = np.linspace(0.0, 1.0, 200)
    >>> s = fit(x, np.sin(9 * x) + 0.1 * np.random.default_rng(0).standard_normal(200))
    >>> bool(abs(s.leverage.sum() - s.edf) < 1e-9), bool(abs(s.sigma - 0.1) < 0.02)
    (True, True)
    """

    spline: Spline
    knots: Array
    k: int
    t: Array
    coefficients: Array
    residuals: Array
    rss: float
    rms: float
    iterations: int
    lam: float
    edf: float
    sigma: float
    leverage: Array
    weights: Array
    criterion: str

    @property
    def loo_residuals(self) -> Array:
        """Residual at each point of the same fit without that point (knots and `lam` kept), shape (m,).

        Infinite where a point alone determines a coefficient.
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(self.residuals / (1.0 - self.leverage))

    def __repr__(self) -> str:
        return (
            f"<SplineFit of degree {self.k}, {self.knots.size} interior knots by {self.criterion}, "
            f"edf {self.edf:.4g}, sigma {self.sigma:.4g}>"
        )
