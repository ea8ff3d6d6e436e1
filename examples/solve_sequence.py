"""Sequences of systems: the heat equation with a changing conductivity, solved by a solver that learns as it goes."""

import sys

import numpy as np
import scipy.sparse as sps

from kriss.solve import Sequence
from kriss.testing import poisson2d


def main(picture=None):
    size, steps, dt = 32, 400, 1e-3
    L = sps.csr_array(poisson2d(size) * (size + 1.0) ** 2)
    identity = sps.eye_array(size * size)
    u = np.exp(-40 * ((np.mgrid[1 : size + 1, 1 : size + 1] / (size + 1.0) - 0.5) ** 2).sum(axis=0)).ravel()

    S = Sequence("cg", "ssor", warm_start="previous", rtol=1e-8, rng=0)
    for step in range(steps):
        wave = np.sin(0.02 * np.pi * (step + 0.5))
        conductivity = max(0.1 * wave, -10 * wave)
        change = 0.5 * dt * conductivity * L
        result = S.solve(sps.csr_array(identity + change), u - change @ u + dt, context=conductivity)
        u = result.x
    print(S.report())
    if picture is not None:
        S.plot()[0].figure.savefig(picture, dpi=120)
        print(f"drawn to {picture}")


if __name__ == "__main__":
    main(*sys.argv[1:2])
