"""Surface density of haloes over eight decades: closed forms are exact, tolerances are met, at what cost."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from scipy.integrate import quad

from kriss.spline import interpolate

PATH = Path(__file__).resolve().parents[2] / "examples" / "spline_haloes.py"
if not PATH.is_file():
    pytest.skip("no examples beside the tests", allow_module_level=True)
_spec = importlib.util.spec_from_file_location("spline_haloes", PATH)
haloes = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(haloes)

EPS = np.finfo(np.float64).eps
NAMES = list(haloes.PROFILES)
# Recorded: at most 865 evaluations over the nine tolerances together. Each takes about 60 to 136, and half as much
# again where the random points of the verification find a violation and a second round of them is needed.
TOGETHER, EACH = 950, 210


def radii():
    x = 10.0 ** np.linspace(-4, 4, 161)
    close = 1 + np.array([s * 10.0**-p for p in range(1, 16) for s in (-1.0, 1.0)])
    edges = [(1 - t) / (1 + t) for t in (0.3 - 1e-9, 0.3 + 1e-9, -0.3 + 1e-9, -0.3 - 1e-9)]
    return np.concatenate([x, close, edges, [1.0, 0.5, 0.5 + 1e-12]])


def exact(name, x):
    """The textbook closed form with 60 digits."""
    mp = pytest.importorskip("mpmath")
    with mp.workdps(60):
        x = mp.mpf(float(x))
        if x == 1:
            limits = (mp.mpf(2) / 3, 4 * (1 - mp.log(2)), 2 / (15 * mp.pi), 1 / (3 * mp.pi))
            return float(limits[NAMES.index(name)])
        g = mp.acosh(1 / x) / mp.sqrt(1 - x**2) if x < 1 else mp.acos(1 / x) / mp.sqrt(x**2 - 1)
        forms = (
            2 * (1 - g) / (x**2 - 1),
            4 * (mp.log(x / 2) + g) / x**2,
            ((2 + x**2) * g - 3) / (2 * mp.pi * (1 - x**2) ** 2),
            (g - 1) / (mp.pi * (1 - x**2)),
        )
        return float(forms[NAMES.index(name)])


@pytest.mark.parametrize("name", NAMES)
def test_closed_forms_are_exact_also_around_one(name):
    x = radii()
    reference = np.array([exact(name, one) for one in x])
    # Hernquist's Sigma loses most at the border of its series: (4/3 + ...) - 4/3 over 0.3 twice, about 30 roundings.
    assert np.abs(haloes.PROFILES[name](x) / reference - 1).max() < 60 * EPS


def test_mean_is_the_mean_of_sigma():
    for surface, mean in (("NFW, Sigma", "NFW, mean Sigma"), ("Hernquist, Sigma", "Hernquist, mean Sigma")):
        f, g = haloes.PROFILES[surface], haloes.PROFILES[mean]
        for x in (1e-3, 0.3, 1.0, 5.0, 200.0):
            inside = quad(lambda v, x=x, f=f: 2 * f(x * np.exp(-v)) * np.exp(-2 * v), 0, 40, epsabs=0, epsrel=1e-10)[0]
            assert inside == pytest.approx(float(g(x)), rel=1e-9)


def test_line_of_sight_is_exact():
    x = radii()
    assert np.abs(haloes.nfw_line_of_sight(x) / haloes.nfw_surface(x) - 1).max() < 1e-13


@pytest.mark.parametrize("name", NAMES)
def test_each_tolerance_is_met_at_the_recorded_cost(name):
    f = haloes.PROFILES[name]
    counts = []
    for rtol in haloes.TOLERANCES:
        s = haloes.table(f, rtol, initial=9)
        assert s.converged and s.x[0] == haloes.INNER and s.x[-1] == haloes.OUTER
        assert haloes.largest_error(s, f) <= rtol
        counts.append(s.n_evals)
    assert sum(counts) <= TOGETHER and max(counts) <= EACH, counts


@pytest.mark.parametrize("name", NAMES)
def test_a_third_of_the_published_method_at_tight_tolerances(name):
    f = haloes.PROFILES[name]
    ours = haloes.table(f, 1e-10)
    theirs = haloes.table(f, 1e-10, method="autoknots", initial=6)
    assert theirs.converged and ours.n_evals < theirs.n_evals / 3


def test_the_logarithms_are_what_makes_it_cheap():
    f = haloes.nfw_surface
    plain = interpolate(f, haloes.INNER, haloes.OUTER, rtol=1e-6, atol=0.0, on_fail="best")
    assert plain.n_evals > 3 * haloes.table(f, 1e-6).n_evals


def test_integrals_along_the_line_of_sight():
    s = haloes.table(haloes.nfw_line_of_sight, 1e-8)
    assert s.converged and s.n_evals < 140 and haloes.largest_error(s, haloes.nfw_surface) < 1e-8
