"""Functions to interpolate, with random shifts: what adaptive splines are counted on.

``families()`` names them; ``draw(name, rng)`` makes one `Problem` with a random shift; ``shifted(count, seed)`` is the
round robin over all regular families that the false-certificate rate is taken over.

``f`` is its own reference: each is written so that plain double arithmetic is exact to a few units in the last place of
the largest intermediate value (differences to a centre are exact near it, no cancellation is left), which
``tests/spline/test_benchmark_functions.py`` checks against extended precision.
Kinds:

- ``regular``: smooth, every feature wide enough for 33 samples to hit it or its flanks. A certificate must hold.
- ``narrow``: smooth, but a feature can fall between 33 samples. Nobody can promise to see it.
- ``singular``: kinks, steps, roots at an end: no polynomial piece converges there; found and named, or reached.
- ``noisy``: smooth plus noise above the tighter tolerances.
- ``relative``: zeros under a purely relative tolerance, which no spline reaches.
- ``broken``: poles, NaN islands.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import j0

Array = npt.NDArray[np.float64]
Rng = np.random.Generator

KINDS = ("regular", "narrow", "singular", "noisy", "relative", "broken")


@dataclass(frozen=True, eq=False)
class Problem:
    """One function on one interval.

    Attributes
    ----------
    name, kind : str
        Family and its kind.
    f : callable
        Vectorised; (n,) to (n,) or (n, components).
    a, b : float
        Interval.
    features : ndarray
        Where to look closely: centres, ends of plateaus, singular points.
    width : float
        Size of the finest feature.
    options : dict
        For `kriss.spline.interpolate`: transforms, a purely relative tolerance.
    truth : callable
        What the spline is compared with; `f` but for noise.
    shift : dict
        What was drawn.
    """

    name: str
    kind: str
    f: Callable[[Array], Array]
    a: float
    b: float
    features: Array
    width: float
    options: dict[str, Any] = field(default_factory=dict)
    truth: Callable[[Array], Array] | None = None
    shift: dict[str, float] = field(default_factory=dict)

    @property
    def regular(self) -> bool:
        """Whether a tolerance must be met wherever it is certified."""
        return self.kind == "regular"

    @property
    def relative(self) -> bool:
        """Whether the tolerance is rtol * abs(f) and nothing else."""
        return self.options.get("atol") == 0.0

    def exact(self, x: Array) -> Array:
        """The values to compare with."""
        return (self.truth or self.f)(x)

    def check_points(self, rng: Rng, count: int = 20_000, knots: Array | None = None) -> Array:
        """Where an error is looked for: random points, clusters around every feature, three in each cell of `knots`."""
        if self.options.get("transform_x") == "log":
            x = self.a * (self.b / self.a) ** rng.random(count)
        else:
            x = self.a + (self.b - self.a) * rng.random(count)
        sizes = self.width * 10.0 ** rng.uniform(-2.0, 1.5, (self.features.size, max(count // 20, 200)))
        near = self.features[:, None] + sizes * rng.choice([-1.0, 1.0], sizes.shape)
        parts = [x, near.ravel(), np.array([self.a, self.b])]
        if knots is not None and knots.size > 1:
            cells = np.arange(knots.size - 1)
            if cells.size > count:
                cells = rng.choice(cells, count, replace=False)
            u = rng.random((3, cells.size))
            parts.append((knots[cells] + u * (knots[cells + 1] - knots[cells])).ravel())
        points: Array = np.concatenate(parts)
        return points[(points >= self.a) & (points <= self.b)]

    def tolerance(self, values: Array, rtol: float) -> Array:
        """The tolerance at `values`: relative, plus rtol * max abs(f) per component unless purely relative."""
        size = np.abs(values)
        result: Array = rtol * size if self.relative else rtol * (size + np.nanmax(size, axis=0))
        return result

    def worst(
        self,
        spline: Callable[[Array], Array],
        rtol: float,
        rng: Rng,
        *,
        knots: Array | None = None,
        skip: list[tuple[float, float]] | None = None,
        count: int = 20_000,
    ) -> float:
        """Largest error over tolerance at the check points outside the intervals `skip`; NaN counts as infinite."""
        x = self.check_points(rng, count, knots)
        y = self.exact(x)
        tol = self.tolerance(y, rtol)
        trusted = np.ones(x.size, bool)
        for low, high in skip or ():
            trusted &= (x < low) | (x > high)
        x, y, tol = x[trusted], y[trusted], tol[trusted]
        if x.size == 0:
            return 0.0
        error = np.abs(np.asarray(spline(x)) - y)
        known = np.isfinite(y)
        # 0 / 0 where a component vanishes: met.
        ratio = np.where(error == 0, 0.0, error / np.where(tol > 0, tol, np.finfo(float).tiny))
        ratio = np.where(np.isnan(ratio), np.inf, ratio)[known]
        return float(ratio.max(initial=0.0))


_FAMILIES: dict[str, tuple[str, Callable[[Rng], dict[str, Any]]]] = {}

Maker = Callable[[Rng], dict[str, Any]]


def _family(name: str, kind: str = "regular") -> Callable[[Maker], Maker]:
    def register(maker: Maker) -> Maker:
        _FAMILIES[name] = kind, maker
        return maker

    return register


def families(kind: str | None = None) -> list[str]:
    """Names, of one kind or of all."""
    return [name for name, (this, _) in _FAMILIES.items() if kind is None or this == kind]


def draw(name: str, rng: Rng) -> Problem:
    """One problem of family `name` with a random shift."""
    kind, maker = _FAMILIES[name]
    made = maker(rng)
    made.setdefault("features", [])
    features = np.atleast_1d(np.asarray(made["features"], float))
    made["features"] = features[(features >= made["a"]) & (features <= made["b"])]
    made.setdefault("width", made["b"] - made["a"])
    return Problem(name=name, kind=kind, **made)


def shifted(count: int = 200, seed: int = 0, kind: str = "regular") -> Iterator[Problem]:
    """`count` problems in turn over the families of a kind, each with its own shift."""
    names = families(kind)
    for i in range(count):
        yield draw(names[i % len(names)], np.random.default_rng([seed, i]))


# ---- regular: analytic, one scale


@_family("runge")
def _runge(rng: Rng) -> dict[str, Any]:
    c = rng.uniform(-0.3, 0.3)
    return {"f": lambda x: 1 / (1 + 25 * (x - c) ** 2), "a": -1.0, "b": 1.0, "features": [c], "width": 0.2}


@_family("exp sin")
def _exp_sin(rng: Rng) -> dict[str, Any]:
    p = rng.uniform(0, 2 * np.pi)
    return {"f": lambda x: np.exp(np.sin(3 * x + p)), "a": 0.0, "b": 4.0}


@_family("bessel j0")
def _bessel(rng: Rng) -> dict[str, Any]:
    s = rng.uniform(0, 2)
    return {"f": lambda x: j0(x + s), "a": 0.0, "b": 30.0}


@_family("chirp")
def _chirp(rng: Rng) -> dict[str, Any]:
    p = rng.uniform(0, 2 * np.pi)
    return {"f": lambda x: np.sin(60 * x**2 + p), "a": 0.0, "b": 1.0, "features": [1.0], "width": 0.02}


@_family("ten periods")
def _ten_periods(rng: Rng) -> dict[str, Any]:
    # With zero phase this vanishes at every dyadic grid of up to 21 points.
    p = rng.choice([0.0, rng.uniform(0, 2 * np.pi)])
    return {"f": lambda x: np.sin(20 * np.pi * x + p), "a": 0.0, "b": 1.0}


@_family("damped oscillation")
def _damped(rng: Rng) -> dict[str, Any]:
    w, p = rng.uniform(15, 25), rng.uniform(0, 2 * np.pi)
    return {"f": lambda x: np.exp(-3 * x) * np.cos(w * x + p), "a": 0.0, "b": 2.0}


@_family("modulated, offset")
def _modulated(rng: Rng) -> dict[str, Any]:
    p1, p2 = rng.uniform(1, 5), rng.uniform(-1e4, 1e4)
    return {"f": lambda x: 1e5 * np.exp(np.sin(p1 * x)) * np.sin(x) ** 2 + p2, "a": 0.0, "b": 5.0}


@_family("random polynomial")
def _polynomial(rng: Rng) -> dict[str, Any]:
    c = rng.standard_normal(int(rng.integers(4, 13)))
    return {"f": lambda x: np.polynomial.chebyshev.chebval(x, c), "a": -1.0, "b": 1.0}


@_family("draw of a Gaussian process")
def _process(rng: Rng) -> dict[str, Any]:
    n, length = 60, rng.uniform(0.05, 0.2)
    w, p = rng.standard_normal(n) / length, rng.uniform(0, 2 * np.pi, n)
    return {
        "f": lambda x: np.cos(np.multiply.outer(x, w) + p).sum(axis=-1) * np.sqrt(2 / n),
        "a": 0.0,
        "b": 1.0,
        "width": length,
    }


@_family("two components, one tiny")
def _components(rng: Rng) -> dict[str, Any]:
    p = rng.uniform(0, 2 * np.pi)
    return {"f": lambda x: np.stack([np.ones_like(x), 1e-8 * np.sin(9 * x + p)], axis=-1), "a": 0.0, "b": 1.0}


# ---- regular: localised, several scales, flat, eight and sixteen decades


def _resonance(gamma: float) -> Maker:
    def make(rng: Rng) -> dict[str, Any]:
        c = rng.uniform(0.2, 0.8)
        return {
            "f": lambda x: gamma**2 / ((x - c) ** 2 + gamma**2),
            "a": 0.0,
            "b": 1.0,
            "features": [c],
            "width": gamma,
            "shift": {"c": c},
        }

    return make


for _gamma in (1e-2, 1e-3, 1e-4, 1e-5, 1e-6):
    _family(f"resonance {_gamma:.0e}")(_resonance(_gamma))


def _front(width: float) -> Maker:
    def make(rng: Rng) -> dict[str, Any]:
        c = rng.uniform(-0.6, 0.6)
        return {"f": lambda x: np.tanh((x - c) / width), "a": -1.0, "b": 1.0, "features": [c], "width": width}

    return make


for _width in (1e-1, 1e-2, 1e-3):
    _family(f"front {_width:.0e}")(_front(_width))


def _bump(width: float) -> Maker:
    def make(rng: Rng) -> dict[str, Any]:
        c = rng.uniform(0.1, 0.9)
        return {
            "f": lambda x: 1 + np.exp(-(((x - c) / width) ** 2)),
            "a": 0.0,
            "b": 1.0,
            "features": [c, c - 3 * width, c + 3 * width],
            "width": width,
            "shift": {"c": c},
        }

    return make


for _width in (0.1, 0.03, 0.015):
    _family(f"bump {_width:g}")(_bump(_width))
for _width in (0.005, 0.002, 0.001):
    _family(f"bump {_width:g}", "narrow")(_bump(_width))


def _spikes(rates: tuple[float, ...]) -> Maker:
    def make(rng: Rng) -> dict[str, Any]:
        centres = np.array([0.2, 0.4, 0.6]) + rng.uniform(-0.05, 0.05, 3)
        powers = (2, 4, 6)

        def f(x: Array) -> Array:
            total = np.zeros_like(x)
            for c, p, rate in zip(centres, powers, rates, strict=True):
                e = np.exp(-rate * np.abs(x - c))  # sech without overflow
                total += (2 * e / (1 + e * e)) ** p
            return total

        return {"f": f, "a": 0.0, "b": 1.0, "features": centres, "width": 1 / (6 * max(rates))}

    return make


_family("spikes 10 30 60")(_spikes((10.0, 30.0, 60.0)))
_family("spikes 10 100 1000", "narrow")(_spikes((10.0, 100.0, 1000.0)))


@_family("flat, then not")
def _flat(rng: Rng) -> dict[str, Any]:
    c = rng.uniform(-0.3, 0.3)

    def f(x: Array) -> Array:
        with np.errstate(divide="ignore"):
            return np.exp(-1 / (x - c) ** 2)

    return {"f": f, "a": -1.0, "b": 1.0, "features": [c], "width": 0.2}


@_family("occupation number")
def _fermi(rng: Rng) -> dict[str, Any]:
    mu, temperature = rng.uniform(0.3, 0.7), 10.0 ** rng.uniform(-2, -1)
    return {
        "f": lambda x: 1 / (np.exp((x - mu) / temperature) + 1),
        "a": 0.0,
        "b": 1.0,
        "features": [mu],
        "width": temperature,
    }


@_family("accumulating oscillation")
def _accumulating(rng: Rng) -> dict[str, Any]:
    e = rng.uniform(0.03, 0.06)
    return {"f": lambda x: np.sin(1 / (x + e)), "a": 0.0, "b": 1.0, "features": [0.0], "width": e / 20}


_LOG = {"transform_x": "log", "transform_y": "log", "atol": 0.0}


def _profile(decades: float) -> Maker:
    def make(rng: Rng) -> dict[str, Any]:
        inner, outer = rng.uniform(0.5, 1.5), rng.uniform(2.5, 4.0)
        scale = 10.0 ** rng.uniform(-1, 1)

        def f(x: Array) -> Array:
            s = x / scale
            return s**-inner * (1 + s) ** (inner - outer)

        low = 10.0 ** (-decades / 2)
        return {"f": f, "a": low, "b": 1 / low, "features": [scale], "width": scale, "options": dict(_LOG)}

    return make


_family("power laws, 8 decades")(_profile(8))
_family("power laws, 16 decades")(_profile(16))

# ---- narrow


@_family("aliased", "narrow")
def _aliased(rng: Rng) -> dict[str, Any]:
    return {"f": lambda x: np.sin(64 * np.pi * x), "a": 0.0, "b": 1.0}


@_family("accumulating oscillation, fast", "narrow")
def _accumulating_fast(rng: Rng) -> dict[str, Any]:
    e = rng.uniform(0.003, 0.006)
    return {"f": lambda x: np.sin(1 / (x + e)), "a": 0.0, "b": 1.0, "features": [0.0], "width": e / 200}


# ---- singular


def _root(power: float) -> Maker:
    def make(rng: Rng) -> dict[str, Any]:
        scale = rng.uniform(0.5, 2)
        return {"f": lambda x: (scale * x) ** power, "a": 0.0, "b": 1.0, "features": [0.0], "width": 1e-4}

    return make


_family("square root", "singular")(_root(0.5))
_family("tenth root", "singular")(_root(0.1))


@_family("x log x", "singular")
def _entropy(rng: Rng) -> dict[str, Any]:
    scale = rng.uniform(0.5, 2)
    return {
        "f": lambda x: x * np.log(np.where(x > 0, scale * x, 1.0)),
        "a": 0.0,
        "b": 1.0,
        "features": [0.0],
        "width": 1e-4,
    }


@_family("kink", "singular")
def _kink(rng: Rng) -> dict[str, Any]:
    c = rng.uniform(-0.6, 0.6)
    return {"f": lambda x: np.abs(x - c) + 0.1 * np.sin(5 * x), "a": -1.0, "b": 1.0, "features": [c], "width": 1e-6}


@_family("jump in curvature", "singular")
def _curvature(rng: Rng) -> dict[str, Any]:
    c = rng.uniform(-0.6, 0.6)
    return {
        "f": lambda x: np.maximum(x - c, 0) ** 2 + np.cos(2 * x),
        "a": -1.0,
        "b": 1.0,
        "features": [c],
        "width": 1e-3,
    }


@_family("plateaus", "singular")
def _plateaus(rng: Rng) -> dict[str, Any]:
    p = rng.uniform(0, 2 * np.pi)
    edges = [(k * np.pi + s * np.arcsin(0.7) - p) / 3 for k in range(-1, 5) for s in (-1, 1)]
    return {
        "f": lambda x: np.clip(np.sin(3 * x + p), -0.7, 0.7),
        "a": 0.0,
        "b": 4.0,
        "features": [e for e in edges if 0 < e < 4],
        "width": 1e-6,
    }


@_family("step", "singular")
def _step(rng: Rng) -> dict[str, Any]:
    c = rng.uniform(0.2, 0.8)
    return {
        "f": lambda x: np.where(x < c, np.sin(3 * x), 2 + np.cos(3 * x)),
        "a": 0.0,
        "b": 1.0,
        "features": [c],
        "width": 1e-9,
    }


@_family("blocks", "singular")
def _blocks(rng: Rng) -> dict[str, Any]:
    at = np.array([0.1, 0.13, 0.15, 0.23, 0.25, 0.40, 0.44, 0.65, 0.76, 0.78, 0.81]) + rng.uniform(-0.005, 0.005)
    heights = np.array([4, -5, 3, -4, 5, -4.2, 2.1, 4.3, -3.1, 2.1, -4.2])
    return {
        "f": lambda x: (heights * (x[..., None] > at)).sum(axis=-1),
        "a": 0.0,
        "b": 1.0,
        "features": at,
        "width": 1e-9,
    }


@_family("bumps", "singular")
def _bumps(rng: Rng) -> dict[str, Any]:
    at = np.array([0.1, 0.13, 0.15, 0.23, 0.25, 0.40, 0.44, 0.65, 0.76, 0.78, 0.81]) + rng.uniform(-0.005, 0.005)
    heights = np.array([4, 5, 3, 4, 5, 4.2, 2.1, 4.3, 3.1, 5.1, 4.2])
    widths = np.array([0.005, 0.005, 0.006, 0.01, 0.01, 0.03, 0.01, 0.01, 0.005, 0.008, 0.005])
    return {
        "f": lambda x: (heights * (1 + np.abs((x[..., None] - at) / widths)) ** -4.0).sum(axis=-1),
        "a": 0.0,
        "b": 1.0,
        "features": at,
        "width": 1e-4,
    }


@_family("heavisine", "singular")
def _heavisine(rng: Rng) -> dict[str, Any]:
    c, d = 0.3 + rng.uniform(-0.05, 0.05), 0.72 + rng.uniform(-0.05, 0.05)
    return {
        "f": lambda x: 4 * np.sin(4 * np.pi * x) - np.sign(x - c) - np.sign(d - x),
        "a": 0.0,
        "b": 1.0,
        "features": [c, d],
        "width": 1e-9,
    }


@_family("doppler", "singular")
def _doppler(rng: Rng) -> dict[str, Any]:
    e = rng.uniform(0.04, 0.06)
    return {
        "f": lambda x: np.sqrt(x * (1 - x)) * np.sin(2 * np.pi * (1 + e) / (x + e)),
        "a": 0.0,
        "b": 1.0,
        "features": [0.0, 1.0],
        "width": 1e-4,
    }


# ---- noisy, relative, broken


def _hashed(x: Array) -> Array:
    """Noise in [-1, 1) that is a function of x."""
    z = np.ascontiguousarray(x, np.float64).view(np.uint64).copy()
    with np.errstate(over="ignore"):
        z ^= z >> np.uint64(30)
        z *= np.uint64(0xBF58476D1CE4E5B9)
        z ^= z >> np.uint64(27)
        z *= np.uint64(0x94D049BB133111EB)
        z ^= z >> np.uint64(31)
    unit: Array = (z >> np.uint64(11)).astype(np.float64) / 2.0**52 - 1
    return unit


@_family("noise 1e-7", "noisy")
def _noise(rng: Rng) -> dict[str, Any]:
    p = rng.uniform(0, 2 * np.pi)

    def smooth(x: Array) -> Array:
        return np.exp(np.sin(3 * x + p))

    return {"f": lambda x: smooth(x) + 1e-7 * _hashed(x + p), "a": 0.0, "b": 4.0, "truth": smooth}


@_family("zeros, relative", "relative")
def _zeros(rng: Rng) -> dict[str, Any]:
    p = rng.uniform(0, 2 * np.pi)
    zeros = (np.arange(-1, 6) * np.pi - p) / 3
    return {
        "f": lambda x: np.sin(3 * x + p),
        "a": 0.0,
        "b": 4.0,
        "features": zeros[(zeros > 0) & (zeros < 4)],
        "width": 1e-6,
        "options": {"atol": 0.0},
    }


@_family("pole", "broken")
def _pole(rng: Rng) -> dict[str, Any]:
    c = rng.uniform(0.2, 0.8)

    def f(x: Array) -> Array:
        with np.errstate(divide="ignore"):
            return 1 / (x - c)

    return {"f": f, "a": 0.0, "b": 1.0, "features": [c], "width": 1e-6}


@_family("island of NaN", "broken")
def _island(rng: Rng) -> dict[str, Any]:
    c, w = rng.uniform(0.3, 0.7), rng.uniform(0.01, 0.05)
    return {
        "f": lambda x: np.where(np.abs(x - c) < w, np.nan, np.sin(5 * x)),
        "a": 0.0,
        "b": 1.0,
        "features": [c - w, c + w],
        "width": w / 10,
    }


# ---- data


def donoho(name: str, n: int, snr: float, rng: Rng) -> tuple[Array, Array, Array]:
    """(x, y, truth) of one of Donoho and Johnstone's four signals at a signal-to-noise ratio."""
    if name not in ("blocks", "bumps", "heavisine", "doppler"):
        raise ValueError(f"name must be blocks, bumps, heavisine or doppler, not {name!r}")
    x = (np.arange(n) + 0.5) / n
    truth = draw(name, rng).f(x)
    return x, truth + rng.standard_normal(n) * truth.std() / snr, truth
