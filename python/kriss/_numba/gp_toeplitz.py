"""Numba twin of cpp/include/kriss/gp/toeplitz.hpp: same order of operations."""

from __future__ import annotations

import numpy as np
from numba import njit

_LANES = 8


@njit(cache=True, nogil=True, error_model="numpy")
def _durbin(r, limit, error, x):
    n = r.size
    x[:] = 0.0
    if n == 0:
        return -1
    back = np.zeros(n)
    x[0] = 1.0
    back[n - 1] = 1.0
    error[0] = r[0]
    if not error[0] > limit:
        return 0
    lane = np.empty(_LANES)
    for k in range(1, n):
        lane[:] = 0.0
        for i in range(k):
            lane[i % _LANES] += x[i] * r[k - i]
        total = ((lane[0] + lane[1]) + (lane[2] + lane[3])) + ((lane[4] + lane[5]) + (lane[6] + lane[7]))
        rho = total / error[k - 1]
        first = n - 1 - k
        for i in range(k + 1):
            u, v = x[i], back[first + i]
            x[i] = u - rho * v
            back[first + i] = v - rho * u
        error[k] = (error[k - 1] * (1.0 - rho)) * (1.0 + rho)
        if not error[k] > limit:
            return k
    for i in range(n):
        x[i] /= error[n - 1]
    return -1


def durbin(r, limit, error, x, workers):
    return _durbin(r, limit, error, x)
