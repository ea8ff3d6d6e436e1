"""Kernels and dense references shared by the tests of the structured factors."""

import numpy as np

from kriss.gp import RBF, Linear, Matern, RationalQuadratic, White

KERNELS = {
    "rbf": RBF(0.5, 1.3),
    "matern12": Matern(0.5, 0.7, 1.3),
    "matern32": Matern(1.5, [0.7, 0.4], 1.3),
    "matern52": Matern(2.5, [0.4, 1.1], 0.7),
    "sum": RBF(0.5, 0.4, active_dims=[1]) + Matern(2.5, [0.7, 0.3], 2.0, active_dims=[1, 0]) + Matern(0.5, 3.0, 0.1),
}


def difference(function, theta, h=1e-5):
    """Central differences of a function of a vector."""
    out = np.empty(theta.size)
    for k in range(theta.size):
        step = np.zeros(theta.size)
        step[k] = h
        out[k] = (function(theta + step) - function(theta - step)) / (2 * h)
    return out


def dense(kernel, X, noise):
    """K + diag(noise)."""
    return kernel(X) + np.diag(np.broadcast_to(noise, (len(X),)))


def gaussian(K, y):
    """log N(y; 0, K) from LU."""
    sign, logdet = np.linalg.slogdet(K)
    assert sign > 0
    return -0.5 * (y @ np.linalg.solve(K, y) + logdet + y.size * np.log(2 * np.pi))


# Kernels that the compiled loops over sums do not know.
GENERAL = {
    "product": Matern(1.5, 0.5, active_dims=[0]) * RBF(0.8, 1.2, active_dims=[1]),
    "white": RBF(0.5, 1.3) + White(0.2),
    "tree": Linear(offset=0.5) * Matern(2.5, 0.6) + RationalQuadratic(0.7) + White(0.1),
}
