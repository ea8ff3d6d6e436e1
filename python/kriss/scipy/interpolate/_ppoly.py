"""`PPoly` with SciPy's interface: evaluation by the kernels, everything else inherited."""

from __future__ import annotations

import inspect

import scipy.interpolate as si

from kriss.scipy.interpolate._evaluate import FastPieces


class PPoly(FastPieces, si.PPoly):  # type: ignore[misc]
    """Piecewise polynomial, as `scipy.interpolate.PPoly`, evaluated by compiled kernels.

    A drop-in replacement: a subclass with the same signature, attributes, values (to the bit), errors and methods.
    Real coefficients on increasing breakpoints are evaluated here; complex ones, arrays of other libraries and
    decreasing breakpoints go to SciPy (logged by ``kriss.dispatch``). Methods that return a piecewise polynomial
    return one of this class.

    Parameters
    ----------
    c : ndarray, shape (k + 1, m, ...)
        Coefficients: ``c[p, i]`` belongs to ``(t - x[i])**(k - p)`` on ``[x[i], x[i + 1])``.
    x : ndarray, shape (m + 1,)
        Breakpoints, sorted.
    extrapolate : bool, "periodic" or None
        What calls do outside the breakpoints; None stands for True.
    axis : int
        Axis of the coefficients, beyond the first, along which the pieces run.

    Attributes
    ----------
    x, c, axis, extrapolate
        As in SciPy.

    Raises
    ------
    ValueError
        As SciPy does: for shapes that do not fit and breakpoints that are not sorted.

    Notes
    -----
    Evaluation finds intervals by a bucket index that does not slow down on unsorted points, and sums the powers in
    SciPy's order. `c` and `x` may be modified as SciPy allows: the index is only a hint.

    References
    ----------
    C. de Boor, *A Practical Guide to Splines*, Springer, 1978, chapter VII.

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.scipy.interpolate import PPoly
    >>> p = PPoly([[1.0, 2.0], [0.0, 1.0]], [0.0, 1.0, 2.0])  # t on [0, 1), then 1 + 2 (t - 1)
    >>> p([0.5, 1.5]).tolist(), float(p.integrate(0.0, 2.0))
    ([0.5, 2.0], 2.5)
    """


PPoly.__signature__ = inspect.signature(si.PPoly)
