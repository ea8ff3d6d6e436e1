"""Spectral mixtures on a line: derivatives in the distance, and their gradients in the parameters.

k(d) = sum_q w_q g(r_q |d|) cos(om_q d), om = 2 pi frequency.  S. Fang, M. Cooley, D. Long, S. Li, R. Kirby, S. Zhe,
"Solving High Frequency and Multi-Scale PDEs with Gaussian Processes", 2023, arXiv 2311.04465, equations (6) and (7).
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from kriss.gp._spectral import SpectralMixture

Array = npt.NDArray[Any]

_ROOT5 = math.sqrt(5.0)


class Bands(NamedTuple):
    """The parameters as arrays, (Q,) each. `rates` are inverse scales of the envelope g."""

    weights: Array
    rates: Array
    frequencies: Array
    gaussian: bool

    @property
    def kernel(self) -> SpectralMixture:
        """The same as a kernel; cosines are even, so the sign of a frequency does not matter."""
        lengths = 1.0 / (math.sqrt(2.0) * self.rates) if self.gaussian else 1.0 / self.rates
        kind = "gaussian" if self.gaussian else "student-t"
        return SpectralMixture(self.weights, np.abs(self.frequencies), lengths, spectrum=kind)


def bands_of(kernel: SpectralMixture) -> Bands:
    """The parameters of a checked kernel of one column."""
    lengths = np.array(kernel.lengthscales[:, 0])
    gaussian = kernel.spectrum == "gaussian"
    rates = 1.0 / (math.sqrt(2.0) * lengths) if gaussian else 1.0 / lengths
    return Bands(np.array(kernel.weights), rates, np.array(kernel.frequencies[:, 0]), gaussian)


def _envelope(z: Array, gaussian: bool) -> tuple[Array, Array, Array, Array]:
    """g and its first three derivatives at z >= 0."""
    if gaussian:
        e = np.exp(-z * z)
        return e, -2.0 * z * e, (4.0 * z * z - 2.0) * e, (12.0 - 8.0 * z * z) * z * e
    a = _ROOT5 * z
    e = np.exp(-a)
    third = _ROOT5**3 / 3.0 * a * (3.0 - a) * e
    return (1.0 + a + a * a / 3.0) * e, -_ROOT5 / 3.0 * a * (1.0 + a) * e, -5.0 / 3.0 * (1.0 + a - a * a) * e, third


class Profile:
    """k, k' and k'' at distances d >= 0, with what their gradients need.

    About 25 operations per distance and band, 12 arrays of that size.  k and k'' are even functions, k' is odd.
    """

    def __init__(self, bands: Bands, d: Array) -> None:
        self.bands, self.d = bands, d[:, None]
        r, om = bands.rates, 2.0 * math.pi * bands.frequencies
        z = self.d * r
        g = _envelope(z, bands.gaussian)
        self._om = om
        self._z, self._r = z, r
        self._unit = g
        self._g = (g[0], r * g[1], r * r * g[2])  # derivatives of the envelope in d
        phase = self.d * om
        self._c, self._s = np.cos(phase), np.sin(phase)
        self._parts = self._combine(self._g)

    def _combine(self, g: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        c, s, om = self._c, self._s, self._om
        return g[0] * c, g[1] * c - om * g[0] * s, g[2] * c - 2.0 * om * g[1] * s - om * om * g[0] * c

    def values(self) -> tuple[Array, Array, Array]:
        """k, k', k'' at the distances."""
        w = self.bands.weights
        k, k1, k2 = (p @ w for p in self._parts)
        return k, k1, k2

    def gradient(self, adjoint: tuple[Array, Array, Array]) -> Array:
        """``sum_i adjoint[j]_i d k^(j)(d_i)`` in log w, log r (of the published rate) and the frequencies: (3, Q)."""
        w, om, d = self.bands.weights, self._om, self.d
        c, s, g = self._c, self._s, self._g
        scale = 0.5 if self.bands.gaussian else 1.0  # the published rate of a Gaussian envelope is r squared
        z, r, unit = self._z, self._r, self._unit
        # Derivatives of the envelope in d, differentiated in log r.
        by_rate = self._combine((z * unit[1], r * (unit[1] + z * unit[2]), r * r * (2.0 * unit[2] + z * unit[3])))
        by_om = (
            -d * g[0] * s,
            -d * g[1] * s - g[0] * s - om * d * g[0] * c,
            -d * g[2] * s - 2.0 * g[1] * (s + om * d * c) - om * g[0] * (2.0 * c - om * d * s),
        )
        out = np.zeros((3, w.size))
        for a, part, rate, turn in zip(adjoint, self._parts, by_rate, by_om, strict=True):
            out += [w * (a @ part), scale * w * (a @ rate), 2.0 * math.pi * w * (a @ turn)]
        return out


def toeplitz(column: Array, odd: bool = False) -> Array:
    """The matrix of a function of ``x_i - x_j`` from its values at distances (n,) that are not negative."""
    n = column.size
    line = np.concatenate([-column[:0:-1] if odd else column[:0:-1], column])
    step = line.strides[0]
    # Row i reads line[n - 1 + i - j]: distances downwards.
    out: Array = np.lib.stride_tricks.as_strided(line[n - 1 :], (n, n), (step, -step)).copy()
    return out


def diagonal_sums(a: Array) -> tuple[Array, Array]:
    """Sums of ``a_ij`` over i - j = k, for k = 0, ..., n - 1: with, and less, those over i - j = -k."""
    n = a.shape[0]
    wide = np.zeros((n, 2 * n))
    wide[:, :n] = a[:, ::-1]  # entry (i, j) at column n - 1 - j
    # Moving row i by i columns puts i - j = k into column n - 1 + k.
    flat = np.concatenate([wide.ravel(), np.zeros(n)])
    shifted = np.lib.stride_tricks.as_strided(flat, (n, 2 * n - 1), (8 * (2 * n - 1), 8))
    sums = shifted.sum(axis=0)
    lower, upper = sums[n - 1 :], sums[n - 1 :: -1]
    even, odd = lower + upper, lower - upper
    even[0] *= 0.5
    return even, odd
