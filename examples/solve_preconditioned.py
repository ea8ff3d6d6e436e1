"""Iterative solvers: diffusion through materials that differ by a factor of ten thousand, preconditioned."""

import numpy as np

from kriss.datasets import load_fem
from kriss.solve import SSOR, cg
from kriss.testing import diffusion2d


def main():
    A = diffusion2d(150, contrast=1e4)
    b = np.ones(A.shape[0])
    print(f"diffusion with jumps, {A.shape[0]} unknowns, to a relative residual of 1e-8")
    for name, M in (("none", None), ("jacobi", "jacobi"), ("ssor", "ssor"), ("ssor, omega 1.6", SSOR(A, omega=1.6))):
        result = cg(A, b, M=M, rtol=1e-8)
        relative = result.residual_norm / np.linalg.norm(b)
        print(f"  {name:<16} {result.status}, {result.iterations:5d} iterations, residual {relative:.1e}")

    bar = load_fem()
    load = np.zeros(bar.A.shape[0])
    load[2::3] = -1.0  # downwards on every free node
    result = cg(bar.A, load, M="ssor", rtol=1e-10)
    print(f"elastic bar under its weight, {bar.A.shape[0]} unknowns: {result.status}, {result.iterations} iterations")


if __name__ == "__main__":
    main()
