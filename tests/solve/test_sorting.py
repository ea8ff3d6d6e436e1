"""Orders of sequences: permutations, the textbook greedy walk, the Hilbert curve, matrices in place of parameters."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kriss.solve import sort_systems
from kriss.solve._sorting import _hilbert_keys, _principal
from kriss.testing import helmholtz2d, poisson2d


def textbook(points, start):
    left, order = [i for i in range(len(points)) if i != start], [start]
    while left:
        d = [sum((a - b) ** 2 for a, b in zip(points[i], points[order[-1]], strict=True)) for i in left]
        order.append(left.pop(int(np.argmin(d))))
    return order


def length(points, order):
    return np.linalg.norm(np.diff(points[order], axis=0), axis=1).sum()


@settings(max_examples=50)
@given(st.integers(1, 40), st.integers(1, 4), st.integers(0, 10**6))
def test_greedy_is_the_textbooks(count, width, seed):
    points = np.random.default_rng(seed).integers(0, 6, (count, width)).astype(float)  # many ties
    start = seed % count
    assert sort_systems(points, "greedy", start=start).tolist() == textbook(points.tolist(), start)


@settings(max_examples=50)
@given(st.integers(0, 60), st.integers(1, 5), st.sampled_from(["auto", "greedy", "hilbert", "norm", "none"]))
def test_every_order_is_a_permutation(count, width, method):
    points = np.random.default_rng(count).standard_normal((count, width))
    assert sorted(sort_systems(points, method)) == list(range(count))


@pytest.mark.parametrize("dims", [2, 3])
def test_hilbert_curve_steps_by_one_cell(dims):
    side = 8
    grid = np.stack(np.meshgrid(*[np.arange(side)] * dims, indexing="ij"), axis=-1).reshape(-1, dims)
    order = np.argsort(_hilbert_keys(grid.astype(float)), kind="stable")
    assert (np.abs(np.diff(grid[order], axis=0)).sum(axis=1) == 1).all()


def test_paths_are_short():
    points = np.random.default_rng(0).random((1000, 2))
    plain = length(points, np.arange(1000))
    assert length(points, sort_systems(points, "greedy")) < 0.06 * plain
    assert length(points, sort_systems(points, "hilbert")) < 0.07 * plain
    many = np.random.default_rng(0).random((2500, 2))
    assert np.array_equal(sort_systems(many), sort_systems(many, "hilbert"))
    assert np.array_equal(sort_systems(points), sort_systems(points, "greedy"))


def test_hilbert_follows_the_directions_that_vary():
    """A thousandfold smaller second coordinate hardly matters, and rotations do not either."""
    rng = np.random.default_rng(1)
    points = rng.random((200, 2)) * [1.0, 1e-6]
    assert np.array_equal(np.sort(points[:, 0]), points[sort_systems(points, "hilbert"), 0]) or np.array_equal(
        np.sort(points[:, 0])[::-1], points[sort_systems(points, "hilbert"), 0]
    )
    turn = np.linalg.qr(rng.standard_normal((6, 6)))[0]
    plane = np.pad(rng.random((300, 2)), ((0, 0), (0, 4)))
    flat, turned = (length(plane, sort_systems(p, "hilbert")) for p in (plane, plane @ turn))
    assert turned < 1.5 * flat


@pytest.mark.parametrize("scale", [1e-320, 1e-300, 1e300])
@pytest.mark.parametrize("method", ["greedy", "hilbert", "norm"])
def test_scales(scale, method):
    points = np.random.default_rng(2).integers(1, 200, (40, 2)).astype(float)
    want = sort_systems(points, method)
    assert np.array_equal(sort_systems(points * scale if scale > 1e-310 else points * 2.0**-1060, method), want)


def test_duplicates_stay_together():
    points = np.tile(np.random.default_rng(3).random((10, 3)), (3, 1))
    for method in ("greedy", "hilbert"):
        same = sort_systems(points, method) % 10
        assert (np.diff(same) != 0).sum() == 9


def test_matrices_are_compared_by_their_entries():
    mu = np.random.default_rng(4).random(40)
    matrices = [poisson2d(8) * (1 + m) for m in mu]
    order = sort_systems(matrices, "greedy", start=int(mu.argmin()))
    assert np.array_equal(order, np.argsort(mu))
    assert np.array_equal(order, sort_systems([m.tocoo() for m in matrices], "greedy", start=int(mu.argmin())))
    waves = [helmholtz2d(6, 4.0 + 4 * m) for m in mu]
    assert np.abs(np.diff(mu[sort_systems(waves, "greedy", start=int(mu.argmin()))])).sum() < 1.5 * np.ptp(mu)


@pytest.mark.parametrize(
    "make",
    [
        lambda x: x.tolist(), np.asfortranarray, lambda x: x[::-1][::-1], lambda x: x.astype(">f8"),
        lambda x: np.ma.masked_array(x), lambda x: x.astype(np.float32).astype(float) * 0 + x,
    ],
)  # fmt: skip
def test_kinds_of_arrays(make):
    points = np.random.default_rng(5).random((30, 2))
    given = make(points)
    keep = np.array(given, copy=True)
    assert np.array_equal(sort_systems(given, "greedy"), sort_systems(points, "greedy"))
    assert np.array_equal(np.asarray(given), keep)


def test_complex_parameters_are_planes():
    z = np.random.default_rng(6).random((30, 2))
    assert np.array_equal(sort_systems(z[:, 0] + 1j * z[:, 1], "greedy"), sort_systems(z, "greedy"))


@pytest.mark.parametrize("at", [0, 7, 19])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_not_finite(at, bad):
    points = np.zeros((20, 2))
    points[at, 1] = bad
    with pytest.raises(ValueError, match=f"systems.*{at}, 1"):
        sort_systems(points)


@pytest.mark.parametrize(
    ("systems", "kwargs", "message"),
    [
        (np.zeros((3, 2)), {"method": "fastest"}, "method must be one of"),
        (np.zeros((3, 2)), {"start": 3}, "start must be at most 2"),
        (np.zeros((3, 2, 2)), {}, "expected a 1-D or 2-D array"),
        (poisson2d(2), {}, "one sparse matrix"),
        ([poisson2d(2), poisson2d(3)], {}, r"systems\[1\] has shape \(9, 9\)"),
        ([poisson2d(2), np.eye(4)], {}, r"systems\[1\] must be a sparse matrix"),
        ([poisson2d(2), poisson2d(2) * np.nan], {}, r"systems\[1\] holds NaN"),
        (["a", "b"], {}, "systems"),
    ],
)
def test_refused(systems, kwargs, message):
    with pytest.raises((TypeError, ValueError), match=message):
        sort_systems(systems, **kwargs)


def test_principal_axes_of_more_columns_than_rows():
    """By another decomposition: the same axes as those of the square of the columns."""
    wide = np.random.default_rng(0).standard_normal((6, 40))
    tall = np.concatenate([wide, np.tile(wide.mean(axis=0), (60, 1))])  # more rows, and nothing new in them
    np.testing.assert_allclose(_principal(wide), _principal(tall)[:6], atol=1e-10)
