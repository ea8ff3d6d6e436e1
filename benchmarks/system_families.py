"""Families of related systems for the benchmarks of sequences: Darcy, thermal, Poisson and Helmholtz."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp

from kriss.testing import anisotropic2d, gaussian_field, helmholtz2d
from kriss.testing._grids import finite_volumes

Systems = list[tuple[Any, np.ndarray]]


def darcy(size: int, count: int) -> tuple[Systems, np.ndarray]:
    """Log-normal permeabilities, a field that all share and two that enter by two parameters."""
    fields = [gaussian_field(size, variance=2.0, lengthscale=0.1, rng=i) for i in range(3)]
    mu = np.random.default_rng(0).random((count, 2)) - 0.5
    b = np.random.default_rng(1).standard_normal((count, size * size))
    return [
        (finite_volumes(np.exp(fields[0] + m[0] * fields[1] + m[1] * fields[2])), b[i]) for i, m in enumerate(mu)
    ], mu  # fmt: skip


def thermal(size: int, count: int) -> tuple[Systems, np.ndarray]:
    """Heat conduction through 16 plates of four materials, whose conductivities span two decades."""
    cell = np.minimum(np.arange(size) * 4 // size, 3)
    material = (cell[:, None] + 2 * cell[None, :]) % 4
    mu = np.random.default_rng(2).random((count, 4))
    return [(finite_volumes(10.0 ** (2 * m)[material]), np.ones(size * size)) for m in mu], 2 * mu


def poisson(size: int, count: int) -> tuple[Systems, np.ndarray]:
    """Poisson's equation on stretched and turned domains, sources at random."""
    mu = np.random.default_rng(3).random((count, 2))
    b = np.random.default_rng(4).standard_normal((count, size * size))
    return [(anisotropic2d(size, 0.2 + 0.8 * m[0], m[1]), b[i]) for i, m in enumerate(mu)], mu


def helmholtz(size: int, count: int) -> tuple[Systems, np.ndarray]:
    """Real, indefinite: zero on the boundary, wavenumbers between 5 and 6, sources at random.

    One eigenvalue is negative. With wavenumbers of 8 and more, restarted GMRES needs thousands of steps or stalls.
    """
    mu = 5.0 + np.random.default_rng(5).random(count)
    b = np.random.default_rng(6).standard_normal((count, size * size))
    return [(sp.csr_array(helmholtz2d(size, k, boundary="dirichlet").real), b[i]) for i, k in enumerate(mu)], mu


def absorbing(size: int, count: int) -> tuple[Systems, np.ndarray]:
    """Complex: absorbing boundary, wavenumbers between 8 and 10, sources at random."""
    mu = 8.0 + 2.0 * np.random.default_rng(5).random(count)
    b = np.random.default_rng(6).standard_normal((count, size * size))
    return [(helmholtz2d(size, k), b[i] + 0j) for i, k in enumerate(mu)], mu
