"""Randomized sketching and the regression that is built on it.

`sketch` and `SparseSign` compress the rows of a tall matrix; `lstsq` solves least-squares problems with it and
certifies the result, `factor` prepares it for many of them; `backward_error` judges anybody's solution.
"""

from kriss.sketch._certificate import backward_error
from kriss.sketch._factor import LstsqFactor, factor
from kriss.sketch._lstsq import LstsqResult, lstsq
from kriss.sketch._sparse_sign import SparseSign, sketch

__all__ = ["LstsqFactor", "LstsqResult", "SparseSign", "backward_error", "factor", "lstsq", "sketch"]
