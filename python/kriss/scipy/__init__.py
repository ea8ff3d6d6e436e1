"""Mirrors of SciPy routines under the same paths: `kriss.scipy.<path>` for `scipy.<path>`."""

from __future__ import annotations

import importlib

_SUBMODULES = ("interpolate", "linalg", "sparse", "special")

__all__ = ["interpolate", "linalg", "sparse", "special"]


def __getattr__(name: str) -> object:
    if name in _SUBMODULES:
        return importlib.import_module(f"kriss.scipy.{name}")
    raise AttributeError(f"module 'kriss.scipy' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_SUBMODULES])
