"""KRISS: kernel covariances, randomized regression, iterative solvers, splines.

The four families are `kriss.gp`, `kriss.sketch`, `kriss.solve` and `kriss.spline`; `kriss.scipy` mirrors the
SciPy routines that KRISS speeds up, under the same names. Sub-packages are loaded when first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from kriss._version import __version__

if TYPE_CHECKING:
    from kriss import datasets, gp, scipy, sketch, solve, special, spline, testing
    from kriss._backend import use_backend
    from kriss._swap import use_in_scipy
    from kriss.config import get_cmake_dir, get_include, get_num_threads, set_num_threads, show_config

_SUBMODULES = ("config", "datasets", "gp", "scipy", "sketch", "solve", "special", "spline", "testing", "tour")
_EXPORTS = {
    "get_cmake_dir": "kriss.config",
    "get_include": "kriss.config",
    "get_num_threads": "kriss.config",
    "set_num_threads": "kriss.config",
    "show_config": "kriss.config",
    "use_backend": "kriss._backend",
    "use_in_scipy": "kriss._swap",
}

__all__ = [
    "__version__",
    "datasets",
    "get_cmake_dir",
    "get_include",
    "get_num_threads",
    "gp",
    "scipy",
    "set_num_threads",
    "show_config",
    "sketch",
    "solve",
    "special",
    "spline",
    "testing",
    "use_backend",
    "use_in_scipy",
]


def __getattr__(name: str) -> object:
    if name in _SUBMODULES:
        return importlib.import_module(f"kriss.{name}")
    if name in _EXPORTS:
        value: object = getattr(importlib.import_module(_EXPORTS[name]), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'kriss' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_SUBMODULES, *_EXPORTS])
