"""Matrices of meshes that the network of `GraphFactor` is trained on and tested with."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sps

from kriss.testing import mesh_diffusion

Array = npt.NDArray[Any]

KINDS = ("constant", "turning", "jumping", "heat", "wave")


def waves(rng: np.random.Generator, most: float) -> Callable[[Array, Array], Array]:
    """A random function on the plane of variance about 1: six waves of at most `most` half periods per unit length."""
    size = rng.standard_normal(6) / math.sqrt(3.0)
    along = math.pi * rng.uniform(-most, most, (6, 2))
    phase = rng.uniform(0.0, 2.0 * math.pi, 6)

    def values(x: Array, y: Array) -> Array:
        out: Array = np.cos(np.multiply.outer(x, along[:, 0]) + np.multiply.outer(y, along[:, 1]) + phase) @ size
        return out

    return values


def draw(kind: str, n: int, rng: np.random.Generator) -> sps.csr_array:
    """A matrix of n unknowns.

    The ratio of the conductivities is 10**-u with u uniform in (0.5, 3). ``constant``: one direction; ``turning``: the
    direction is a smooth function; ``jumping``: that, and a conductivity over one to three decades; ``heat``:
    ``turning``, with a mass matrix times 10 to 3000 (time steps of 0.1 to 3e-4); ``wave``: times 40 to 1e4.
    """
    epsilon = 10.0 ** -rng.uniform(0.5, 3.0)
    start = rng.uniform(0.0, math.pi)
    angle: Any = start
    scale: Any = 1.0
    if kind != "constant":
        turn, field = rng.uniform(0.3, 1.5), waves(rng, 1.5)

        def angle(x: Array, y: Array) -> Array:
            return start + turn * field(x, y)

    if kind == "jumping":
        rough, size = waves(rng, 6.0), rng.uniform(0.5, 2.0)

        def scale(x: Array, y: Array) -> Array:
            out: Array = np.exp(size * rough(x, y))
            return out

    mass = 0.0
    if kind == "heat":
        mass = 10.0 ** rng.uniform(1.0, 3.5)
    if kind == "wave":
        mass = 4.0 / 10.0 ** rng.uniform(-3.4, -1.0)
    return mesh_diffusion(n, epsilon, angle, scale, mass=mass, rng=rng)
