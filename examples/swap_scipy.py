"""Mirrors: code that calls SciPy, unchanged, with KRISS underneath for the length of a block."""

import logging

import numpy as np
import scipy.interpolate
import scipy.linalg
import scipy.sparse.linalg

import kriss
from kriss.testing import poisson2d


def somebody_elses_code(a, b, A):
    """Knows SciPy only."""
    x = scipy.linalg.lstsq(a, b)[0]
    y, info = scipy.sparse.linalg.cg(A, np.ones(A.shape[0]), rtol=1e-10, atol=0.0)
    t = np.linspace(0.0, 1.0, 1000)
    s = scipy.interpolate.CubicSpline(t, np.exp(t))
    return x, y, info, s(np.linspace(0.0, 1.0, 77_777))


def main():
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((50_000, 20)), rng.standard_normal(50_000)
    A = poisson2d(60)
    before = somebody_elses_code(a, b, A)
    logging.getLogger("kriss.dispatch").addHandler(logging.StreamHandler())  # tells what is handed back to SciPy
    with kriss.use_in_scipy("linalg.lstsq", "sparse.linalg.cg", "interpolate.CubicSpline"):
        after = somebody_elses_code(a, b, A)
    for name, old, new in zip(("lstsq", "cg", "info", "spline"), before, after, strict=True):
        difference = np.abs(np.asarray(new) - np.asarray(old)).max() / max(np.abs(np.asarray(old)).max(), 1e-300)
        print(f"{name:<7} largest relative difference {difference:.1e}")


if __name__ == "__main__":
    main()
