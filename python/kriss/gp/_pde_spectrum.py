"""Which frequencies the solution of an equation holds: read off its source and its boundary values."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from kriss.gp._mixture import Bands
from kriss.gp._pde_problem import Equation

Array = npt.NDArray[Any]

_PAD = 4  # zero padding of a line; of the axes of a plane 2
_LEAST_WEIGHT = 1e-2  # of a band, relative to the strongest
_LEAST_POWER = 1e-5  # of a peak, relative to the highest: above the side lobes of the window, at 2e-6
_SLOWEST = 1.5  # periods per length of the axis: what is slower belongs to the band at 0


def _window(field: Array) -> Array:
    out = field
    for q, n in enumerate(field.shape):
        out = out * np.blackman(n).reshape([n if r == q else 1 for r in range(field.ndim)])
    return out


def _of_source(equation: Equation) -> list[tuple[Array, Array]]:
    """Per axis frequencies and power of u, as the linear part of the equation gives it from the source."""
    shape, d = equation.shape, len(equation.shape)
    sizes = [_PAD * n if d == 1 else 2 * n for n in shape]
    power = np.abs(np.fft.fftn(_window(equation.source), sizes, axes=range(d))) ** 2
    symbol: Array = np.full([1] * d, complex(equation.constant))
    least = abs(equation.constant)
    turns = []
    for q, (own, length) in enumerate(zip(equation.orders, equation.lengths, strict=True)):
        omega = 2.0 * np.pi * np.fft.fftfreq(sizes[q], length / (shape[q] - 1))
        turns.append(omega / (2.0 * np.pi))
        along = sum(c * (1j * omega) ** o for o, c in own.items())
        symbol = symbol + np.reshape(along, [-1 if r == q else 1 for r in range(d)])
        least += sum(abs(c) * (2.0 * np.pi / length) ** o for o, c in own.items())
    power /= np.abs(symbol) ** 2 + least**2
    out = []
    for q in range(d):
        half = sizes[q] // 2
        line = power.sum(axis=tuple(r for r in range(d) if r != q))
        out.append((turns[q][:half], line[:half]))
    return out


def _of_faces(equation: Equation, q: int, size: int) -> Array:
    """Power along axis q of the values given on the faces that hold this axis."""
    total = np.zeros(size // 2)
    for r, pair in enumerate(equation.faces):
        if r == q:
            continue
        for given, at in zip(pair, (0, -1), strict=True):
            if given:
                line = np.take(equation.known, at, axis=r)
                total += np.abs(np.fft.fft(_window(line), size)[: size // 2]) ** 2
    return total


def _peaks(frequencies: Array, power: Array, count: int, slowest: float) -> tuple[Array, Array]:
    """The highest maxima, each where the parabola through its logarithms has its top."""
    inner = np.arange(1, power.size - 1)
    tops = inner[(power[inner] >= power[inner - 1]) & (power[inner] > power[inner + 1])]
    tops = tops[(frequencies[tops] > slowest) & (power[tops] > _LEAST_POWER * power.max(initial=0.0))]
    tops = tops[np.argsort(-power[tops], kind="stable")[:count]]
    with np.errstate(divide="ignore", invalid="ignore"):
        left, mid, right = (np.log(power[tops + s]) for s in (-1, 0, 1))
        shift = 0.5 * (left - right) / (left - 2.0 * mid + right)
    shift = np.where(np.abs(shift) <= 1.0, shift, 0.0)
    return frequencies[tops] + shift * frequencies[1], power[tops]


def guess(equation: Equation, count: int) -> tuple[Bands, ...]:
    """Per axis a Student mixture: a band at 0 and one at each of the strongest frequencies of source and boundary.

    Envelopes are as long as the axis: narrow bands, whose tails still hold every frequency of the grid.
    """
    out = []
    for q, (turns, power) in enumerate(_of_source(equation)):
        peak = power.max(initial=0.0)
        power = power / peak if peak > 0.0 else np.zeros_like(power)
        faces = _of_faces(equation, q, 2 * power.size)
        if faces.max(initial=0.0) > 0.0:
            power = np.maximum(power, faces / faces.max())
        length = equation.lengths[q]
        at, height = _peaks(turns, power, count - 1, _SLOWEST / length)
        weights = np.ones(1 + at.size)
        weights[1:] = np.maximum(np.sqrt(height / height.max(initial=1e-300)), _LEAST_WEIGHT)
        weights /= weights.sum()
        out.append(Bands(weights, np.full(at.size + 1, 1.0 / length), np.concatenate([[0.0], at]), False))
    return tuple(out)
