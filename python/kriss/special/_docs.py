"""Documentation of the ufuncs, for whichever backend makes them."""

from __future__ import annotations

_PARAMETERS = """
Parameters
----------
v : array_like
    Order. {order}
x : array_like
    Argument, x >= 0; NaN below.
out, where, casting, order, dtype, subok
    As for every NumPy ufunc.

Returns
-------
{returns}

Raises
------
TypeError
    For arguments that NumPy cannot cast to float64: complex numbers, objects.
"""

_NOTES = """
Notes
-----
float32 arguments are computed in float64 and rounded once. {accuracy} Cost: 150 to 600 flops per element, 24 bytes of
traffic, no memory beyond a block of 60 kB per thread; large arrays run on all threads, with the same bits on any
number of them.

References
----------
A. Plesner, H. H. B. Sorensen, S. Hauberg, "Accurate computation of the logarithm of modified Bessel functions on
GPUs", 2024. NIST Digital Library of Mathematical Functions, 10.25.2, 10.29.2, 10.41.3, 10.41.4. N. M. Temme, "On the
numerical evaluation of the modified Bessel function of the third kind", J. Comput. Phys. 19, 1975.

Examples
--------
>>> import kriss
>>> {example}
{output}
"""

_LOG = (
    "For v <= 1e5 and 1e-8 <= x <= 1e6 the error is below 1e-14: absolute where the logarithm is between -1 and 1, "
    "relative elsewhere, also next to the zeros of the logarithm and on both sides of every change of formula. Beyond, "
    "up to the limits of float64, nothing overflows that is finite."
)
_RATIO = "The relative error is below 1e-14; no logarithms are subtracted."
_GRAD = "The error is below 1e-14, absolute or relative as for the logarithm; nothing is a difference of nearby values."
_POSITIVE = "v >= 0; NaN below."
_EVEN = "K is even in it."


def _doc(summary: str, order: str, returns: str, accuracy: str, example: str, output: str) -> str:
    notes = _NOTES.format(accuracy=accuracy, example=example, output=output)
    return f"{summary}\n{_PARAMETERS.format(order=order, returns=returns)}{notes}"


def _log(name: str, what: str, order: str, example: str, output: str) -> str:
    return _doc(
        f"Logarithm of {what}.",
        order,
        f"y : ndarray or scalar\n    {name}; the limits at x = 0 and at infinity are 0 or an infinity.",
        _LOG,
        example,
        output,
    )


DOCS = {
    "log_iv": _log(
        "log I_v(x)",
        "the modified Bessel function of the first kind, I_v(x)",
        _POSITIVE,
        "float(kriss.special.log_iv(1000.0, 1.0))",
        "-6605.275...",
    ),
    "log_ive": _log(
        "log(exp(-x) I_v(x))",
        "the scaled modified Bessel function of the first kind, exp(-x) I_v(x)",
        _POSITIVE,
        "float(kriss.special.log_ive(0.0, 1e6))",
        "-7.8266...",
    ),
    "log_kv": _log(
        "log K_v(x)",
        "the modified Bessel function of the second kind, K_v(x)",
        _EVEN,
        "float(kriss.special.log_kv(0.5, 1000.0))",
        "-1003.2280...",
    ),
    "log_kve": _log(
        "log(exp(x) K_v(x))",
        "the scaled modified Bessel function of the second kind, exp(x) K_v(x)",
        _EVEN,
        "float(kriss.special.log_kve(0.5, 1000.0))",
        "-3.2280...",
    ),
    "iv_ratio": _doc(
        "Ratio I_{v+1}(x) / I_v(x) of modified Bessel functions of the first kind.",
        _POSITIVE,
        "y : ndarray or scalar\n    Between 0 (x = 0) and 1 (x = inf).",
        _RATIO,
        "float(kriss.special.iv_ratio(0.5, 1e-3))",
        "0.000333333...",
    ),
    "kv_ratio": _doc(
        "Ratio K_{v+1}(x) / K_v(x) of modified Bessel functions of the second kind.",
        _POSITIVE,
        "y : ndarray or scalar\n    Between inf (x = 0) and 1 (x = inf).",
        _RATIO,
        "round(float(kriss.special.kv_ratio(0.5, 2.0)), 12)",
        "1.5",
    ),
    "log_iv_grad": _doc(
        "Derivatives of log I_v(x) in v and in x.",
        _POSITIVE,
        "dv, dx : ndarray or scalar\n    The two derivatives. Two outputs: ``out`` takes a pair.",
        _GRAD,
        "dv, dx = kriss.special.log_iv_grad(0.5, 2.0); float(dx)",
        "0.7873...",
    ),
    "log_kv_grad": _doc(
        "Derivatives of log K_v(x) in v and in x.",
        _EVEN,
        "dv, dx : ndarray or scalar\n    The two derivatives. Two outputs: ``out`` takes a pair.",
        _GRAD,
        "dv, dx = kriss.special.log_kv_grad(0.5, 2.0); round(float(dx), 12)",
        "-1.25",
    ),
    "iv": "I_v(x) for v >= 0 and x >= 0; see kriss.scipy.special.iv.",
    "ive": "exp(-x) I_v(x) for v >= 0 and x >= 0; see kriss.scipy.special.ive.",
    "kv": "K_v(x) for x >= 0; see kriss.scipy.special.kv.",
    "kve": "exp(x) K_v(x) for x >= 0; see kriss.scipy.special.kve.",
    "matern": "Matern covariance of r, nu and lengthscale; see kriss.special.matern.",
    "matern_grad": "Matern covariance and its derivatives in r, lengthscale and nu; see kriss.special.matern.",
}
