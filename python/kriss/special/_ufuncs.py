"""The ufuncs of each backend, made once."""

from __future__ import annotations

import functools

import numpy as np

from kriss import _backend
from kriss.special._docs import DOCS


@functools.cache
def _made(backend: str, name: str) -> np.ufunc:
    ufunc: np.ufunc = _backend.kernels("special").ufunc(name, DOCS[name])
    return ufunc


def ufunc(name: str) -> np.ufunc:
    """The ufunc of that name for the current backend."""
    return _made(_backend.backend(), name)
