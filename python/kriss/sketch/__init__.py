"""Randomized sketching and the regression that is built on it.

`sketch` and `SparseSign` compress the rows of a tall matrix; `lstsq` solves least-squares problems with it and
certifies the result, `factor` prepares it for many of them; `backward_error` judges anybody's solution.
"""

from __future__ import annotations

from typing import Any

from kriss.sketch._certificate import backward_error
from kriss.sketch._factor import LstsqFactor, factor
from kriss.sketch._lstsq import LstsqResult, lstsq
from kriss.sketch._refinement import Refinement, StreamResult
from kriss.sketch._sparse_sign import SparseSign, sketch
from kriss.sketch._state import SketchSolution, SketchState
from kriss.sketch._stream import lstsq_stream

__all__ = [
    "LstsqFactor",
    "LstsqResult",
    "Refinement",
    "SketchSolution",
    "SketchState",
    "SketchedLinearRegression",
    "SketchedRidge",
    "SparseSign",
    "StreamResult",
    "backward_error",
    "factor",
    "lstsq",
    "lstsq_stream",
    "sketch",
]


def __getattr__(name: str) -> Any:
    # These need scikit-learn, which is optional.
    if name in ("SketchedLinearRegression", "SketchedRidge"):
        from kriss.sketch._estimators import estimator

        return estimator(name)
    raise AttributeError(f"module 'kriss.sketch' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
