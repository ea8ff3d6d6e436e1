"""Mirrors of `scipy.sparse`."""

from __future__ import annotations

import importlib

__all__ = ["linalg"]


def __getattr__(name: str) -> object:
    if name == "linalg":
        return importlib.import_module("kriss.scipy.sparse.linalg")
    raise AttributeError(f"module 'kriss.scipy.sparse' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), "linalg"])
