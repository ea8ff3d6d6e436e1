"""Randomized sketching and the regression that is built on it.

`sketch` and `SparseSign` compress the rows of a tall matrix; `lstsq` solves least-squares problems with it and
certifies the result; `backward_error` judges anybody's solution.
"""

from kriss.sketch._certificate import backward_error
from kriss.sketch._lstsq import LstsqResult, lstsq
from kriss.sketch._refinement import Refinement, StreamResult
from kriss.sketch._sparse_sign import SparseSign, sketch
from kriss.sketch._state import SketchSolution, SketchState
from kriss.sketch._stream import lstsq_stream

__all__ = [
    "LstsqResult",
    "Refinement",
    "SketchSolution",
    "SketchState",
    "SparseSign",
    "StreamResult",
    "backward_error",
    "lstsq",
    "lstsq_stream",
    "sketch",
]
