"""Special functions: logarithms of the modified Bessel functions, their ratios and gradients; Matern covariances.

``log_iv, log_ive, log_kv, log_kve, iv_ratio, kv_ratio, log_iv_grad`` and ``log_kv_grad`` are NumPy ufuncs, of the
backend that is current when the name is looked up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kriss.special._matern import MaternGradient, matern

if TYPE_CHECKING:
    import numpy as np

    iv_ratio: np.ufunc
    kv_ratio: np.ufunc
    log_iv: np.ufunc
    log_iv_grad: np.ufunc
    log_ive: np.ufunc
    log_kv: np.ufunc
    log_kv_grad: np.ufunc
    log_kve: np.ufunc

_UFUNCS = ("iv_ratio", "kv_ratio", "log_iv", "log_iv_grad", "log_ive", "log_kv", "log_kv_grad", "log_kve")

__all__ = [
    "MaternGradient",
    "iv_ratio",
    "kv_ratio",
    "log_iv",
    "log_iv_grad",
    "log_ive",
    "log_kv",
    "log_kv_grad",
    "log_kve",
    "matern",
]


def __getattr__(name: str) -> object:
    if name in _UFUNCS:
        from kriss.special._ufuncs import ufunc

        return ufunc(name)
    raise AttributeError(f"module 'kriss.special' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_UFUNCS])
