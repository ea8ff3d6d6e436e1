"""Adaptive splines: defects found in use."""

from __future__ import annotations

import builtins
import pickle

import numpy as np
import pytest

from kriss.spline import interpolate, interpolate2d


def fast_sine(x):
    return np.sqrt(2) * np.sin(1e7 * x)


def fraction(x):
    t = 43758.5453 * np.sin(12.9898 * x)
    return (t - np.floor(t) - 0.5) * np.sqrt(12)


@pytest.mark.parametrize("noise", [fast_sine, fraction])
@pytest.mark.parametrize("k", ["auto", 7])
@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("size", [1e-3, 1e-4])
def test_deterministic_noise_ends_at_its_floor_with_a_sane_spline(noise, k, seed, size):
    s = interpolate(
        lambda x: np.sin(x) + size * noise(x), 0.0, 10.0, rtol=1e-6, k=k, rng=seed, max_evals=20_000, on_fail="best"
    )
    assert s.status == "noise_floor"
    assert s.n_evals < 15_000
    x = np.linspace(0, 10, 5001)
    # Interpolated noise is amplified; without care for the widths of cells it was by 1e4 and more.
    assert np.abs(s(x) - np.sin(x)).max() < 80 * size


@pytest.mark.parametrize("size", [1.7e308, 1e300, 1e-300, 1e-307])
@pytest.mark.parametrize("width", [1e-3, 1.0, 10.0])
def test_values_near_the_ends_of_the_range(size, width):
    s = interpolate(lambda x: size * np.sin(7 * x / width), 0.0, width, rtol=1e-9)
    same = interpolate(lambda x: np.sin(7 * x / width), 0.0, width, rtol=1e-9)
    assert s.converged and s.n_evals == same.n_evals
    x = np.linspace(0, width, 301)
    assert np.abs(s(x) / size - same(x)).max() < 1e-14
    np.testing.assert_allclose(s.atol / size, same.atol, rtol=1e-7)


@pytest.mark.parametrize("width", [1e307, 1e100, 1e40, 1e-40, 1e-100, 1e-300])
@pytest.mark.parametrize("method", ["kriss", "autoknots"])
@pytest.mark.parametrize("atol", [None, 1e-7])
def test_intervals_near_the_ends_of_the_range(width, method, atol):
    s = interpolate(lambda x: np.sin(x / width), 0.0, 5 * width, method=method, atol=atol)
    same = interpolate(np.sin, 0.0, 5.0, method=method, atol=atol)
    assert s.converged and abs(s.n_evals - same.n_evals) <= 4
    s = pickle.loads(pickle.dumps(s))
    x = np.linspace(0, 5, 301)
    assert np.abs(s(x * width) - np.sin(x)).max() < 4e-6
    assert s.knots[-1] == 5 * width
    assert s.refine(rtol=1e-8, atol=1e-8, f=lambda x: np.sin(x / width)).converged


def test_spline_that_float64_cannot_express_says_so():
    s = interpolate(lambda x: np.sin(x / 1e200), 0.0, 1e200)
    with pytest.raises(OverflowError, match="rescale"):
        _ = s.spline


def test_repr_is_one_short_line():
    s = interpolate(lambda x: np.abs(x - 0.3), 0.0, 1.0)
    assert repr(s).startswith("AdaptiveSpline(converged on [0, 1], degree")
    assert "kink" in repr(s) and len(repr(s)) < 200 and "\n" not in repr(s)


def test_repr_in_two_dimensions_is_one_short_line():
    s = interpolate2d(lambda x, y: np.sin(x + y), (0.0, 1.0), (0.0, 2.0))
    assert repr(s).startswith("AdaptiveSpline2D(converged on [0, 1] x [0, 2], grid of ") and len(repr(s)) < 200


def test_plot_without_matplotlib_names_the_extra(monkeypatch):
    real = builtins.__import__

    def refuse(name, *args, **kwargs):
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    s = interpolate(np.exp, 0.0, 1.0)
    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(ImportError, match=r"kriss\[plot\]"):
        s.plot()


@pytest.mark.parametrize("seed", range(12))
def test_spline_next_to_a_step_does_not_amplify_rounding(seed):
    rng = np.random.default_rng(seed)
    a, w = 10 * rng.normal(), 10 ** rng.uniform(-2, 2)

    def f(x):
        t = (x - a) / w
        return np.floor(4 * t) + t**2

    s = interpolate(f, a, a + w, rtol=1e-9)
    assert s.converged
    distance = np.geomspace(1e-9, 0.2, 4000)
    for end in (0.25, 0.5, 0.75, 1.0):
        x = a + w * (end - distance)
        # Rounding of x itself, times the slope.
        tol = 1e-9 * np.abs(f(x)) + s.atol
        assert (np.abs(s(x) - f(x)) / tol).max() < 1


def test_arrays_of_the_result_are_read_only():
    s = interpolate(np.sin, 0.0, 3.0)
    for name in ("x", "y", "knots", "error_estimate", "atol"):
        assert not getattr(s, name).flags.writeable, name
