"""Logarithms of Bessel functions, their ratios and derivatives for CuPy arrays, on the device that they are on.

The functions have the names of the ufuncs in `kriss.special` and their arithmetic, element by element. They are plain
functions of two arguments, since a NumPy ufunc cannot take a CuPy array unless CuPy has one of the same name.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from kriss import _device, _validate

__all__ = ["iv_ratio", "kv_ratio", "log_iv", "log_iv_grad", "log_ive", "log_kv", "log_kv_grad", "log_kve"]

# The numbers of cuda/special.hpp.
_NUMBER = {
    "log_iv": 0,
    "log_ive": 1,
    "log_kv": 2,
    "log_kve": 3,
    "iv_ratio": 4,
    "kv_ratio": 5,
    "log_iv_grad": 6,
    "log_kv_grad": 7,
}


def _argument(xp: Any, value: Any, name: str) -> tuple[Any, bool]:
    """`value` as float64 on the device, and whether it may become float32 again."""
    weak = isinstance(value, (bool, int, float)) and not isinstance(value, np.generic)
    array = xp.asarray(value)
    _validate.real_dtype(np.dtype(array.dtype), name)
    return array.astype(np.float64, copy=False), weak or array.dtype == np.float32


def _run(name: str, v: Any, x: Any) -> list[Any]:
    """One output, or two of the gradients."""
    if not _device.any_device(v=v, x=x):
        raise TypeError(f"v is {type(v).__name__} and x is {type(x).__name__}, expected a CuPy array among them")
    xp = _device.cupy()
    (a, single_v), (b, single_x) = _argument(xp, v, "v"), _argument(xp, x, "x")
    dtype = np.float32 if single_v and single_x else np.float64
    a, b = (xp.ascontiguousarray(e) for e in xp.broadcast_arrays(a, b))
    out = [xp.empty(a.shape, np.float64) for _ in range(2 if name.endswith("_grad") else 1)]
    second = out[1].data.ptr if len(out) > 1 else 0
    _device.cuda("special").bessel(
        _NUMBER[name], a.size, a.data.ptr, b.data.ptr, out[0].data.ptr, second, _device.stream()
    )
    return [e.astype(dtype, copy=False) for e in out]


def log_iv(v: Any, x: Any) -> Any:
    """Logarithm of the modified Bessel function of the first kind, log I_v(x), on a device.

    Parameters
    ----------
    v, x : cupy.ndarray or float
        Order and argument, which broadcast; v >= 0 and x >= 0, NaN elsewhere. At least one of them is on the device.

    Returns
    -------
    cupy.ndarray
        float32 if all arrays are, else float64; computed in float64.

    Raises
    ------
    TypeError
        If neither argument is on a device, one is a NumPy array, or one is not real.
    RuntimeError
        If the CUDA kernels were not built, or there is no device.

    Notes
    -----
    100 to 600 flops and 24 bytes of traffic per element. Errors as those of `kriss.special.log_iv`: the operations are
    the same. See :doc:`/gpu` for what has been run on which device.

    References
    ----------
    A. Plesner, H. H. B. Sorensen, S. Hauberg, "Accurate computation of the logarithm of modified Bessel functions on
    GPUs", 2024. NIST Digital Library of Mathematical Functions, 10.25.2, 10.41.3.

    Examples
    --------
    >>> import cupy  # doctest: +SKIP
    >>> from kriss.special import cuda
    >>> cuda.log_iv(1000.0, cupy.asarray([1.0, 2.0]))  # doctest: +SKIP
    array([-6605.275..., -5912.127...])
    """
    return _run("log_iv", v, x)[0]


def log_ive(v: Any, x: Any) -> Any:
    """Logarithm of the scaled function of the first kind, log(exp(-x) I_v(x)), on a device.

    Parameters
    ----------
    v, x : cupy.ndarray or float
        As for `log_iv`.

    Returns
    -------
    cupy.ndarray
        As of `log_iv`.

    Raises
    ------
    TypeError, RuntimeError
        As `log_iv`.

    Notes
    -----
    Cost and errors as those of `log_iv`.

    References
    ----------
    As of `log_iv`: NIST Digital Library of Mathematical Functions, 10.41.3.

    Examples
    --------
    >>> import cupy  # doctest: +SKIP
    >>> from kriss.special import cuda
    >>> cuda.log_ive(0.0, cupy.asarray([1e6]))  # doctest: +SKIP
    array([-7.8266...])
    """
    return _run("log_ive", v, x)[0]


def log_kv(v: Any, x: Any) -> Any:
    """Logarithm of the modified Bessel function of the second kind, log K_v(x), on a device.

    Parameters
    ----------
    v, x : cupy.ndarray or float
        As for `log_iv`; K is even in v.

    Returns
    -------
    cupy.ndarray
        As of `log_iv`.

    Raises
    ------
    TypeError, RuntimeError
        As `log_iv`.

    Notes
    -----
    Cost and errors as those of `log_iv`.

    References
    ----------
    As of `log_iv`, and N. M. Temme, "On the numerical evaluation of the modified Bessel function of the third kind",
    J. Comput. Phys. 19, 1975.

    Examples
    --------
    >>> import cupy  # doctest: +SKIP
    >>> from kriss.special import cuda
    >>> cuda.log_kv(0.5, cupy.asarray([1000.0]))  # doctest: +SKIP
    array([-1003.2280...])
    """
    return _run("log_kv", v, x)[0]


def log_kve(v: Any, x: Any) -> Any:
    """Logarithm of the scaled function of the second kind, log(exp(x) K_v(x)), on a device.

    Parameters
    ----------
    v, x : cupy.ndarray or float
        As for `log_kv`.

    Returns
    -------
    cupy.ndarray
        As of `log_iv`.

    Raises
    ------
    TypeError, RuntimeError
        As `log_iv`.

    Notes
    -----
    Cost and errors as those of `log_iv`.

    References
    ----------
    As of `log_kv`.

    Examples
    --------
    >>> import cupy  # doctest: +SKIP
    >>> from kriss.special import cuda
    >>> cuda.log_kve(0.5, cupy.asarray([1000.0]))  # doctest: +SKIP
    array([-3.2280...])
    """
    return _run("log_kve", v, x)[0]


def iv_ratio(v: Any, x: Any) -> Any:
    """Ratio I_{v+1}(x) / I_v(x) on a device.

    Parameters
    ----------
    v, x : cupy.ndarray or float
        As for `log_iv`.

    Returns
    -------
    cupy.ndarray
        Between 0 and 1; dtype as of `log_iv`.

    Raises
    ------
    TypeError, RuntimeError
        As `log_iv`.

    Notes
    -----
    100 to 700 flops per element; no logarithms are subtracted.

    References
    ----------
    NIST Digital Library of Mathematical Functions, 10.29.2.

    Examples
    --------
    >>> import cupy  # doctest: +SKIP
    >>> from kriss.special import cuda
    >>> cuda.iv_ratio(0.5, cupy.asarray([1e-3]))  # doctest: +SKIP
    array([0.00033333])
    """
    return _run("iv_ratio", v, x)[0]


def kv_ratio(v: Any, x: Any) -> Any:
    """Ratio K_{v+1}(x) / K_v(x) on a device.

    Parameters
    ----------
    v, x : cupy.ndarray or float
        As for `log_iv`.

    Returns
    -------
    cupy.ndarray
        Above 1; dtype as of `log_iv`.

    Raises
    ------
    TypeError, RuntimeError
        As `log_iv`.

    Notes
    -----
    100 to 700 flops per element; no logarithms are subtracted.

    References
    ----------
    NIST Digital Library of Mathematical Functions, 10.29.2.

    Examples
    --------
    >>> import cupy  # doctest: +SKIP
    >>> from kriss.special import cuda
    >>> cuda.kv_ratio(0.5, cupy.asarray([2.0]))  # doctest: +SKIP
    array([1.5])
    """
    return _run("kv_ratio", v, x)[0]


def log_iv_grad(v: Any, x: Any) -> tuple[Any, Any]:
    """Derivatives of log I_v(x) in v and in x, on a device.

    Parameters
    ----------
    v, x : cupy.ndarray or float
        As for `log_iv`.

    Returns
    -------
    dv, dx : cupy.ndarray
        The two derivatives; dtype as of `log_iv`.

    Raises
    ------
    TypeError, RuntimeError
        As `log_iv`.

    Notes
    -----
    100 to 700 flops per element; nothing is a difference of nearby values.

    References
    ----------
    As of `log_iv`, differentiated term by term.

    Examples
    --------
    >>> import cupy  # doctest: +SKIP
    >>> from kriss.special import cuda
    >>> cuda.log_iv_grad(0.5, cupy.asarray([2.0]))[1]  # doctest: +SKIP
    array([0.7873...])
    """
    dv, dx = _run("log_iv_grad", v, x)
    return dv, dx


def log_kv_grad(v: Any, x: Any) -> tuple[Any, Any]:
    """Derivatives of log K_v(x) in v and in x, on a device.

    Parameters
    ----------
    v, x : cupy.ndarray or float
        As for `log_kv`.

    Returns
    -------
    dv, dx : cupy.ndarray
        The two derivatives; dtype as of `log_iv`.

    Raises
    ------
    TypeError, RuntimeError
        As `log_iv`.

    Notes
    -----
    100 to 700 flops per element; nothing is a difference of nearby values.

    References
    ----------
    As of `log_kv`, differentiated term by term.

    Examples
    --------
    >>> import cupy  # doctest: +SKIP
    >>> from kriss.special import cuda
    >>> cuda.log_kv_grad(0.5, cupy.asarray([2.0]))[1]  # doctest: +SKIP
    array([-1.25])
    """
    dv, dx = _run("log_kv_grad", v, x)
    return dv, dx
