"""Randomized sketching and the regression that is built on it.

`sketch` and the classes `SparseSign`, `SRHT`, `TensorSRHT`, `Gaussian` and `CountSketch` compress the rows of a tall
matrix; `lstsq` solves least-squares problems with it and certifies the result; `linf_lstsq` solves
them from the sketch alone, with an error bar for each coefficient; `backward_error` judges anybody's
solution; `fwht` is the transform beneath the dense sketches; `RandomFeatures` and
`UniversalFeatures` turn kernels and activations into inner products.
"""

from kriss.sketch._certificate import backward_error
from kriss.sketch._features import RandomFeatures, UniversalFeatures
from kriss.sketch._fwht import fwht
from kriss.sketch._kinds import CountSketch, Gaussian, sketch
from kriss.sketch._linf import LinfResult, linf_lstsq
from kriss.sketch._lstsq import LstsqResult, lstsq
from kriss.sketch._sparse_sign import SparseSign
from kriss.sketch._srht import SRHT, TensorSRHT

__all__ = [
    "SRHT",
    "CountSketch",
    "Gaussian",
    "LinfResult",
    "LstsqResult",
    "RandomFeatures",
    "SparseSign",
    "TensorSRHT",
    "UniversalFeatures",
    "backward_error",
    "fwht",
    "linf_lstsq",
    "lstsq",
    "sketch",
]
