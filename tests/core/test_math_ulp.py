"""Errors of the elementary functions in units in the last place, against mpmath, region by region.

`math_ulp.json` records the largest error found in each region. The samples are fixed, and so are the bits (every level
and both backends return the same), so the figures are reproducible: the test fails when one grows, or when one exceeds
the bound that the header states. `KRISS_RECORD=1 pytest tests/core/test_math_ulp.py` writes the table anew.
"""

import json
import math
import os
import re
from pathlib import Path

import mpmath
import numpy as np
import pytest

from kriss._backend import kernels

TABLE = Path(__file__).with_name("math_ulp.json")

# The bounds stated in cpp/include/kriss/math.hpp and trig.hpp: (double, float).
STATED = {
    "exp": (0.7, 0.7),
    "expm1": (1.0, 0.51),
    "log": (0.75, 0.75),
    "log1p": (0.75, 0.51),
    "erfc": (1.3, 0.51),
    "sin": (0.8, 0.51),
    "cos": (0.8, 0.51),
}
SUBNORMAL_RESULT = 0.8
ERFC_SUBNORMAL_RESULT = 1.0

N = 1500
LN2 = math.log(2.0)
HALF_PI = math.pi / 2


def around(points, steps=3, dtype=np.float64):
    """Each point and its neighbours, a few steps up and down."""
    p = np.asarray(points, dtype)
    out = [p]
    up, down = p, p
    for _ in range(steps):
        up, down = np.nextafter(up, dtype(np.inf)), np.nextafter(down, dtype(-np.inf))
        out += [up, down]
    return np.concatenate(out)


def uniform(low, high):
    return lambda rng, dtype: rng.uniform(low, high, N).astype(dtype)


def binades(low, high, signs=(1.0,)):
    """Random mantissas, exponents from low to high."""
    return lambda rng, dtype: (rng.choice(signs, N) * np.exp2(rng.uniform(low, high, N))).astype(dtype)


def at(points, steps=3):
    return lambda rng, dtype: around(np.asarray(points).astype(dtype), steps, dtype)


def regions(name, dtype):
    double = dtype == np.float64
    both = (1.0, -1.0)
    bias = 1022 if double else 126
    least = 1074 if double else 149
    k = np.arange(-1020 if double else -120, 1020 if double else 120, 7)
    if name == "exp":
        return {
            "near 0": uniform(-0.35, 0.35),
            "moderate": uniform(-20, 20),
            "wide": uniform(-708, 709.7) if double else uniform(-87.3, 88.7),
            "tiny argument": binades(-least, -20, both),
            "odd multiples of ln(2)/2": at((k + 0.5) * LN2, 2),
            "subnormal result": uniform(-745, -708.5) if double else uniform(-103.9, -87.4),
        }
    if name == "expm1":
        return {
            "near 0": uniform(-0.35, 0.35),
            "tiny argument": binades(-least, -20, both),
            "negative": uniform(-45, -0.3),
            "positive": uniform(0.3, 40),
            "large": uniform(40, 709.7) if double else uniform(40, 88.7),
            "odd multiples of ln(2)/2": at((np.arange(-50, 60) + 0.5) * LN2, 2),
        }
    if name == "log":
        return {
            "near 1": uniform(0.7, 1.42),
            "next to 1": at([1.0], 200),
            "within 1e-4 of 1": uniform(1 - 1e-4, 1 + 1e-4),
            "binade borders": at(np.sqrt(0.5) * np.exp2(k), 2),
            "all binades": binades(-bias, bias + 1),
            "subnormal argument": binades(-least, -bias),
        }
    if name == "log1p":
        return {
            "near 0": uniform(-0.29, 0.41),
            "tiny argument": binades(-least, -20, both),
            "near -1": uniform(-1 + 1e-6, -0.29),
            "above": uniform(0.41, 20),
            "large": binades(4, bias),
            "borders": at([math.sqrt(0.5) - 1, math.sqrt(2) - 1, 1.0, 2.0**24, 2.0**53], 50),
        }
    if name == "erfc":
        return {
            "below -3/4": uniform(-6, -0.75),
            "around 0": uniform(-0.75, 0.75),
            "tiny argument": binades(-least, -20, both),
            "border at 3/4": at([0.75, -0.75], 200),
            "0.75 to 2": uniform(0.75, 2),
            "2 to 6": uniform(2, 6),
            "tail": uniform(6, 26.5) if double else uniform(6, 9.1),
            "subnormal result": uniform(26.55, 27.2) if double else uniform(9.2, 10.0),
        }
    turns = np.concatenate([np.arange(1, 200), np.arange(2**19, 2**20, 2**12)])
    return {
        "first octant": uniform(-0.79, 0.79),
        "tiny argument": binades(-least, -20, both),
        "moderate": uniform(-100, 100),
        "to the limit": uniform(-1.647e6, 1.647e6),
        "multiples of pi/4": at(np.concatenate([turns, -turns]) * (HALF_PI / 2), 1),
        "at the limit": at([2.0**20 * HALF_PI, -(2.0**20) * HALF_PI], 40),
        "huge": binades(21, 1023 if double else 127, both),
        # 6381956970095103 * 2^797 comes nearest to a multiple of pi/2 among all doubles.
        "worst cases": at(([math.ldexp(6381956970095103.0, 797)] if double else []) + [1e22, 16367173.0 * 2.0**72], 2),
    }


def ulp_errors(name, dtype, x):
    y = np.empty_like(x)
    getattr(kernels("math"), name)(x, y, 0)
    info = np.finfo(dtype)
    f = getattr(mpmath, name)
    out = np.empty(x.size)
    with mpmath.workprec(200):
        for i, (a, b) in enumerate(zip(x.tolist(), y.tolist(), strict=True)):
            exact = f(mpmath.mpf(a))
            _, exponent = mpmath.frexp(exact)
            unit = mpmath.ldexp(1, max(int(exponent) - 1, info.minexp) - info.nmant)
            out[i] = float(abs(mpmath.mpf(b) - exact) / unit)
    return out


def stated(name, dtype, region):
    if region == "subnormal result":
        return SUBNORMAL_RESULT if name == "exp" else ERFC_SUBNORMAL_RESULT
    return STATED[name][0 if dtype == np.float64 else 1]


CASES = [(name, dtype) for name in STATED for dtype in (np.float64, np.float32)]


@pytest.mark.parametrize(("name", "dtype"), CASES, ids=[f"{n}-{d.__name__}" for n, d in CASES])
def test_error_in_ulp(name, dtype):
    key = np.dtype(dtype).name
    recorded = json.loads(TABLE.read_text()) if TABLE.exists() else {}
    found = {}
    for region, draw in regions(name, dtype).items():
        rng = np.random.default_rng([len(region), *region.encode()])
        x = draw(rng, dtype)
        errors = ulp_errors(name, dtype, x)
        worst = int(np.argmax(errors))
        found[region] = round(float(errors[worst]), 4)
        assert errors[worst] <= stated(name, dtype, region), f"{region}: {errors[worst]} ULP at {x[worst]!r}"
    if os.environ.get("KRISS_RECORD"):
        recorded.setdefault(name, {})[key] = found
        TABLE.write_text(json.dumps(recorded, indent=1) + "\n")
    limits = recorded[name][key]
    assert found.keys() == limits.keys()
    grown = {r: (limits[r], found[r]) for r in found if found[r] > limits[r] + 1e-4}
    assert not grown, f"error grew: {grown}"


def test_documented_bounds_are_the_tested_ones():
    page = Path(__file__).resolve().parents[2] / "docs" / "math.rst"
    if not page.is_file():
        pytest.skip("no docs beside the tests")
    rows = re.findall(r"\* - ``(\w+)``\n     - ([\d.]+)\n     - ([\d.]+)\n", page.read_text())
    assert {name: (float(a), float(b)) for name, a, b in rows} == STATED
