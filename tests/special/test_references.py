"""Errors against stored references of 120 bits or more, region by region, and on both sides of every switch.

`errors.json` records the largest error of each region: absolute where the magnitude is below one, relative above. The
points are fixed and so are the bits, so the figures are reproducible: a test fails when one grows, or when one exceeds
1e-14. `KRISS_RECORD=1 pytest tests/special/test_references.py` writes the table anew; `make_references.py` the values.
"""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from kriss import special

HERE = Path(__file__).parent
TABLE = HERE / "errors.json"
BOUND = 1e-14
LOGARITHMS = ("log_iv", "log_kv", "log_ive", "log_kve")
RATIOS = ("iv_ratio", "kv_ratio")
GRADIENTS = {"log_iv_grad": ("iv_v", "iv_x"), "log_kv_grad": ("kv_v", "kv_x")}


@pytest.fixture(scope="module")
def stored():
    with np.load(HERE / "references.npz") as file:
        return dict(file)


def errors(found, reference, relative=False):
    high, low = reference
    scale = np.abs(high) if relative else np.maximum(1.0, np.abs(high))
    return np.abs((found - high) - low) / scale


def by_stratum(stored, error):
    return {str(name): float(error[stored["stratum"] == name].max()) for name in np.unique(stored["stratum"])}


def held(name, found, bound=BOUND):
    """Below the bound, and not above what is on record."""
    recorded = json.loads(TABLE.read_text()) if TABLE.exists() else {}
    if os.environ.get("KRISS_RECORD"):
        recorded[name] = {key: float(f"{value:.4g}") for key, value in found.items()}
        TABLE.write_text(json.dumps(recorded, indent=1, sort_keys=True) + "\n")
    assert max(found.values()) <= bound, found
    assert found.keys() == recorded[name].keys()
    grown = {key: (recorded[name][key], value) for key, value in found.items() if value > recorded[name][key] * 1.001}
    assert not grown, f"error grew: {grown}"


@pytest.mark.parametrize("name", LOGARITHMS)
def test_logarithms(name, stored):
    found = getattr(special, name)(stored["v"], stored["x"])
    held(name, by_stratum(stored, errors(found, stored[name])))


@pytest.mark.parametrize("name", RATIOS)
def test_ratios_have_small_relative_errors(name, stored):
    found = getattr(special, name)(stored["v"], stored["x"])
    held(name, by_stratum(stored, errors(found, stored[name], relative=True)))


@pytest.mark.parametrize("name", GRADIENTS)
def test_gradients(name, stored):
    found = getattr(special, name)(stored["v"], stored["x"])
    for one, key in zip(found, GRADIENTS[name], strict=True):
        held(key, by_stratum(stored, errors(one, stored[key])))


def test_the_references_cover_what_they_claim(stored):
    v, x = stored["v"], stored["x"]
    assert v.size >= 450
    assert (v.min(), v.max()) == (0.0, 1e5)
    assert x.min() == 1e-8 and x.max() == 1e6
    rho2 = v * v + x * x
    for radius in (25.0, 48.0, 140.0, 700.0):
        near = np.abs(rho2 - radius**2) <= 4 * np.spacing(radius**2) * radius
        assert (near & (rho2 < radius**2)).sum() >= 8
        assert (near & (rho2 >= radius**2)).sum() >= 8
    for edge in (0.1, 2.0, 8.0):
        assert {np.nextafter(edge, 0), edge, np.nextafter(edge, 99)} <= set(x)
    assert (np.abs(stored["log_iv"][0]) < 1e-12).sum() >= 5  # zeros of the logarithm itself


def test_float32_is_the_rounded_float64(stored):
    v, x = stored["v"].astype(np.float32), stored["x"].astype(np.float32)
    for name in (*LOGARITHMS, *RATIOS):
        f = getattr(special, name)
        found = f(v, x)
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, f(v.astype(np.float64), x.astype(np.float64)).astype(np.float32))
