"""`PchipInterpolator` and `Akima1DInterpolator` with SciPy's interface, constructed and evaluated by the kernels."""

from __future__ import annotations

import inspect
from typing import Any

import numpy.typing as npt
import scipy.interpolate as si

from kriss.scipy.interpolate._evaluate import FastPieces, fill_fields, real_data
from kriss.spline._hermite import AKIMA, MAKIMA, PCHIP, solve_local


def _construct(instance: Any, kind: int, x: Any, y: Any, axis: Any, extrapolate: Any) -> bool:
    """Fill the fields by the kernel; False leaves the whole call, errors included, to SciPy."""
    data = real_data(f"interpolate.{type(instance).__name__}", x, y, axis)
    if data is None:
        return False
    knots, values, rows, axis = data
    c, status = solve_local(kind, knots, rows, True, 0)
    if status != 0:
        return False  # SciPy has the message
    if extrapolate != "periodic":
        extrapolate = bool(extrapolate)
    fill_fields(instance, c.reshape(4, knots.size - 1, *values.shape[1:]), knots, extrapolate, axis)
    return True


class PchipInterpolator(FastPieces, si.PchipInterpolator):  # type: ignore[misc]
    """Shape-preserving cubic, as `scipy.interpolate.PchipInterpolator`, constructed and evaluated by compiled kernels.

    A drop-in replacement: a subclass with the same signature, attributes, coefficients and values (to the bit), errors
    and methods. Data that are not real, and arrays of other libraries, go to SciPy (logged by ``kriss.dispatch``).

    Parameters
    ----------
    x : ndarray, shape (n,)
        Knots, strictly increasing.
    y : ndarray
        Real values, n of them along `axis`.
    axis : int
        Axis of `y` along which the knots run.
    extrapolate : bool, "periodic" or None
        What calls do outside the knots; None stands for True.

    Attributes
    ----------
    x, c, axis, extrapolate
        As in SciPy: ``c[k, i]`` belongs to ``(t - x[i])**(3 - k)``.

    Raises
    ------
    ValueError
        As SciPy does: for shapes that do not fit, knots that do not increase, and values that are not finite.

    References
    ----------
    F. N. Fritsch, J. Butland, *A method for constructing local monotone piecewise cubic interpolants*, SIAM J. Sci.
    Stat. Comput. 5 (1984), eq. (5).

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.scipy.interpolate import PchipInterpolator
    >>> s = PchipInterpolator(np.arange(5.0), [0.0, 0.0, 1.0, 1.0, 3.0])
    >>> s([0.5, 1.5, 2.5]).tolist()
    [0.0, 0.5, 1.0]
    """

    def __init__(self, x: npt.ArrayLike, y: npt.ArrayLike, axis: int = 0, extrapolate: Any = None) -> None:
        if not _construct(self, PCHIP, x, y, axis, True if extrapolate is None else extrapolate):
            super().__init__(x, y, axis, extrapolate)


class Akima1DInterpolator(FastPieces, si.Akima1DInterpolator):  # type: ignore[misc]
    """Akima's cubic, as `scipy.interpolate.Akima1DInterpolator`, constructed and evaluated by compiled kernels.

    A drop-in replacement: a subclass with the same signature, attributes, coefficients and values (to the bit), errors
    and methods. Data that are not real, and arrays of other libraries, go to SciPy (logged by ``kriss.dispatch``).

    Parameters
    ----------
    x : ndarray, shape (n,)
        Knots, strictly increasing.
    y : ndarray
        Real values, n of them along `axis`.
    axis : int
        Axis of `y` along which the knots run.
    method : {"akima", "makima"}
        Weights: Akima's, or the modified ones.
    extrapolate : bool, "periodic" or None
        What calls do outside the knots; None stands for False here.

    Attributes
    ----------
    x, c, axis, extrapolate
        As in SciPy: ``c[k, i]`` belongs to ``(t - x[i])**(3 - k)``.

    Raises
    ------
    ValueError, NotImplementedError
        As SciPy does: for shapes that do not fit, knots that do not increase, values that are not finite, and an
        unknown method.

    References
    ----------
    H. Akima, *A new method of interpolation and smooth curve fitting based on local procedures*, J. ACM 17 (1970),
    eq. (1); C. Moler, C. Ionita, *Makima Piecewise Cubic Interpolation*, 2019.

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.scipy.interpolate import Akima1DInterpolator
    >>> s = Akima1DInterpolator(np.arange(6.0), [-1.0, -1.0, -1.0, 1.0, 1.0, 1.0], method="makima")
    >>> s([0.5, 2.5, 4.5]).tolist()
    [-1.0, 0.0, 1.0]
    """

    def __init__(
        self, x: npt.ArrayLike, y: npt.ArrayLike, axis: int = 0, *, method: Any = "akima", extrapolate: Any = None
    ) -> None:
        known = isinstance(method, str) and method in ("akima", "makima")
        kind = MAKIMA if known and method == "makima" else AKIMA
        if not known or not _construct(self, kind, x, y, axis, False if extrapolate is None else extrapolate):
            super().__init__(x, y, axis, method=method, extrapolate=extrapolate)


PchipInterpolator.__signature__ = inspect.signature(si.PchipInterpolator)
Akima1DInterpolator.__signature__ = inspect.signature(si.Akima1DInterpolator)
