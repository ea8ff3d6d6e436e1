"""Mirrors of the modified Bessel functions."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import scipy.special as _theirs

from kriss import _backend
from kriss.special._ufuncs import ufunc

# What our loops take: these convert to float64 without loss of meaning, everything else is SciPy's.
_KINDS = "biuf"
# Below this SciPy's routines give up in ways of their own.
TINY = 1e-290


def _call(name: str, x1: Any, x2: Any, out: Any, where: Any, casting: Any, order: Any, subok: Any, rest: Any) -> Any:
    theirs = _ORIGINAL[name]
    keywords = {"casting": casting, "order": order, "subok": subok}
    v, z = np.asarray(x1), np.asarray(x2)
    usual = all(a.dtype.kind in _KINDS and a.dtype.itemsize <= 8 for a in (v, z))
    if not usual or any(value is not None for value in rest.values()):
        _backend.delegate(f"special.{name}", "complex or other numbers, or dtype= or signature=")
        given = {key: value for key, value in rest.items() if value is not None}
        return theirs(x1, x2, out=out, where=where, **keywords, **given)
    with np.errstate(invalid="ignore"):
        plain = (z >= TINY) & (z < np.inf) & np.isfinite(v)
        if name in ("iv", "ive"):
            if (v < 0).any():  # I is even in integer orders
                v = x1 = np.where(v == np.floor(v), np.abs(v), v)
            plain = plain & (v >= 0)
    ours = ufunc(name)
    if plain.all():
        return ours(x1, x2, out=out, where=where, **keywords)
    _backend.delegate(f"special.{name}", "elements outside the domain, infinite or tiny")
    result = theirs(x1, x2, out=out, where=where, **keywords)
    if np.ndim(result) and plain.any():
        ours(x1, x2, out=result, where=plain & where, casting="same_kind")
    return result


_ORIGINAL = {name: getattr(_theirs, name) for name in ("iv", "ive", "kv", "kve")}


def iv(
    x1: Any,
    x2: Any,
    /,
    out: Any = None,
    *,
    where: Any = True,
    casting: Any = "same_kind",
    order: Any = "K",
    dtype: Any = None,
    subok: Any = True,
    signature: Any = None,
) -> Any:
    """Modified Bessel function of the first kind, as `scipy.special.iv`.

    Parameters
    ----------
    x1 : array_like
        Order v.
    x2 : array_like
        Argument z.
    out, where, casting, order, dtype, subok, signature
        As for every NumPy ufunc.

    Returns
    -------
    ndarray or scalar
        Of the type that SciPy's returns.

    Raises
    ------
    TypeError
        If the arguments cannot be cast to a supported type.

    Notes
    -----
    Elements with v >= 0 and z > 0 run on the compiled kernels, 150 to 600 flops each; complex arguments and
    all other elements are SciPy's. Two differences: results agree to some 1e-13 relative, what an argument known to one
    unit in the last place allows, and where SciPy returns NaN for a finite value (z above 1e9) or 0 for one below
    1e-300, the value is returned. Logarithms that do not over- or underflow: `kriss.special.log_iv`.

    References
    ----------
    A. Plesner, H. H. B. Sorensen, S. Hauberg, "Accurate computation of the logarithm of modified Bessel functions on
    GPUs", 2024. NIST Digital Library of Mathematical Functions, chapter 10.

    Examples
    --------
    >>> from kriss.scipy.special import iv
    >>> float(iv(0.5, 2.0))
    2.0462...
    """
    rest = {"dtype": dtype, "signature": signature}
    return _call("iv", x1, x2, out, where, casting, order, subok, rest)


def ive(
    x1: Any,
    x2: Any,
    /,
    out: Any = None,
    *,
    where: Any = True,
    casting: Any = "same_kind",
    order: Any = "K",
    dtype: Any = None,
    subok: Any = True,
    signature: Any = None,
) -> Any:
    """Exponentially scaled modified Bessel function of the first kind, as `scipy.special.ive`.

    Parameters
    ----------
    x1 : array_like
        Order v.
    x2 : array_like
        Argument z.
    out, where, casting, order, dtype, subok, signature
        As for every NumPy ufunc.

    Returns
    -------
    ndarray or scalar
        Of the type that SciPy's returns.

    Raises
    ------
    TypeError
        If the arguments cannot be cast to a supported type.

    Notes
    -----
    Elements with v >= 0 and z > 0 run on the compiled kernels, 150 to 600 flops each; complex arguments and
    all other elements are SciPy's. Two differences: results agree to some 1e-13 relative, what an argument known to one
    unit in the last place allows, and where SciPy returns NaN for a finite value (z above 1e9) or 0 for one below
    1e-300, the value is returned. Logarithms that do not over- or underflow: `kriss.special.log_ive`.

    References
    ----------
    A. Plesner, H. H. B. Sorensen, S. Hauberg, "Accurate computation of the logarithm of modified Bessel functions on
    GPUs", 2024. NIST Digital Library of Mathematical Functions, chapter 10.

    Examples
    --------
    >>> from kriss.scipy.special import ive
    >>> float(ive(0.5, 2.0))
    0.2769...
    """
    rest = {"dtype": dtype, "signature": signature}
    return _call("ive", x1, x2, out, where, casting, order, subok, rest)


def kv(
    x1: Any,
    x2: Any,
    /,
    out: Any = None,
    *,
    where: Any = True,
    casting: Any = "same_kind",
    order: Any = "K",
    dtype: Any = None,
    subok: Any = True,
    signature: Any = None,
) -> Any:
    """Modified Bessel function of the second kind of real order, as `scipy.special.kv`.

    Parameters
    ----------
    x1 : array_like
        Order v.
    x2 : array_like
        Argument z.
    out, where, casting, order, dtype, subok, signature
        As for every NumPy ufunc.

    Returns
    -------
    ndarray or scalar
        Of the type that SciPy's returns.

    Raises
    ------
    TypeError
        If the arguments cannot be cast to a supported type.

    Notes
    -----
    Elements with z > 0 run on the compiled kernels, 150 to 600 flops each; complex arguments and
    all other elements are SciPy's. Two differences: results agree to some 1e-13 relative, what an argument known to one
    unit in the last place allows, and where SciPy returns NaN for a finite value (z above 1e9) or 0 for one below
    1e-300, the value is returned. Logarithms that do not over- or underflow: `kriss.special.log_kv`.

    References
    ----------
    A. Plesner, H. H. B. Sorensen, S. Hauberg, "Accurate computation of the logarithm of modified Bessel functions on
    GPUs", 2024. NIST Digital Library of Mathematical Functions, chapter 10.

    Examples
    --------
    >>> from kriss.scipy.special import kv
    >>> float(kv(0.5, 2.0))
    0.1199...
    """
    rest = {"dtype": dtype, "signature": signature}
    return _call("kv", x1, x2, out, where, casting, order, subok, rest)


def kve(
    x1: Any,
    x2: Any,
    /,
    out: Any = None,
    *,
    where: Any = True,
    casting: Any = "same_kind",
    order: Any = "K",
    dtype: Any = None,
    subok: Any = True,
    signature: Any = None,
) -> Any:
    """Exponentially scaled modified Bessel function of the second kind, as `scipy.special.kve`.

    Parameters
    ----------
    x1 : array_like
        Order v.
    x2 : array_like
        Argument z.
    out, where, casting, order, dtype, subok, signature
        As for every NumPy ufunc.

    Returns
    -------
    ndarray or scalar
        Of the type that SciPy's returns.

    Raises
    ------
    TypeError
        If the arguments cannot be cast to a supported type.

    Notes
    -----
    Elements with z > 0 run on the compiled kernels, 150 to 600 flops each; complex arguments and
    all other elements are SciPy's. Two differences: results agree to some 1e-13 relative, what an argument known to one
    unit in the last place allows, and where SciPy returns NaN for a finite value (z above 1e9) or 0 for one below
    1e-300, the value is returned. Logarithms that do not over- or underflow: `kriss.special.log_kve`.

    References
    ----------
    A. Plesner, H. H. B. Sorensen, S. Hauberg, "Accurate computation of the logarithm of modified Bessel functions on
    GPUs", 2024. NIST Digital Library of Mathematical Functions, chapter 10.

    Examples
    --------
    >>> from kriss.scipy.special import kve
    >>> float(kve(0.5, 2.0))
    0.8862...
    """
    rest = {"dtype": dtype, "signature": signature}
    return _call("kve", x1, x2, out, where, casting, order, subok, rest)


for _mirror in (iv, ive, kv, kve):
    # As that of a ufunc: without annotations.
    _bare = [p.replace(annotation=inspect.Parameter.empty) for p in inspect.signature(_mirror).parameters.values()]
    _mirror.__signature__ = inspect.Signature(_bare)  # type: ignore[attr-defined]
