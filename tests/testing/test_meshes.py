"""Diffusion on Delaunay meshes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from kriss.testing import mesh_diffusion


def textbook(n, epsilon, angle, scale, mass, rng):
    """Triangle by triangle, with quadrature at the midpoints of the edges."""
    from scipy.spatial import Delaunay

    rng = np.random.default_rng(rng)
    side = int(np.ceil(np.sqrt(n)))
    cell = rng.permutation(side * side)[:n]
    inside = (np.stack(np.divmod(cell, side), axis=1) + rng.uniform(0.02, 0.98, (n, 2))) / side
    t = np.arange(side) / side
    edge = [(a, b) for f in (lambda v: (v, 0), lambda v: (1 - v, 1), lambda v: (0, 1 - v), lambda v: (1, v))
            for a, b in map(f, t)]  # fmt: skip
    points = np.concatenate([inside, np.array(edge, float)])
    A = np.zeros((len(points), len(points)))
    axis, across = np.array([np.cos(angle), np.sin(angle)]), np.array([-np.sin(angle), np.cos(angle)])
    K = scale * (np.outer(axis, axis) + epsilon * np.outer(across, across))
    for corner in Delaunay(points).simplices:
        p = np.column_stack([np.ones(3), points[corner]])
        basis = np.linalg.inv(p)  # column k: coefficients of the hat of corner k
        area = abs(np.linalg.det(p)) / 2
        gradient = basis[1:].T
        middle = (p + np.roll(p, 1, axis=0)) / 2 @ basis
        A[np.ix_(corner, corner)] += area * (gradient @ K @ gradient.T + mass * middle.T @ middle / 3)
    return A[:n, :n]


@pytest.mark.parametrize("n", [1, 2, 5, 40])
def test_it_is_the_textbook_matrix(n):
    A = mesh_diffusion(n, 0.05, 0.6, 3.0, mass=20.0, rng=np.random.default_rng(4))
    expected = textbook(n, 0.05, 0.6, 3.0, 20.0, 4)
    assert_allclose(A.toarray(), expected, rtol=0, atol=1e-12 * np.abs(expected).max())


@settings(max_examples=20)
@given(seed=st.integers(0, 2**31), n=st.integers(1, 60), decades=st.floats(0, 4), mass=st.sampled_from([0.0, 1.0, 1e4]))
def test_it_is_symmetric_positive_definite(seed, n, decades, mass):
    A = mesh_diffusion(n, 10.0**-decades, lambda x, y: 3 * x * y, lambda x, y: np.exp(x), mass=mass, rng=seed)
    assert_array_equal(A.toarray(), A.T.toarray())
    assert np.linalg.eigvalsh(A.toarray()).min() > 0


def test_constants_and_powers_of_two():
    A = mesh_diffusion(400, 0.1, 0.3, rng=2)
    sums = np.abs(A.sum(axis=1)) / A.diagonal()
    assert (sums < 1e-12).sum() > 200  # but for those beside the boundary
    assert_array_equal(mesh_diffusion(400, 0.1, 0.3, 4.0, rng=2).data, 4.0 * A.data)
    B = mesh_diffusion(400, lambda x, y: 0.1, lambda x, y: np.full(x.size, 0.3), rng=2)
    assert_array_equal(B.data, A.data)
    assert_array_equal(mesh_diffusion(400, 0.1, 0.3, rng=2).data, A.data)
    assert mesh_diffusion(400, 0.1, 0.3, rng=3).nnz != A.nnz or (mesh_diffusion(400, rng=3).data != A.data).any()


def test_arguments_are_named():
    for options, message in (
        ({"epsilon": 0.0}, "epsilon must be positive"),
        ({"scale": lambda x, y: x - 0.5}, "scale must be positive"),
        ({"angle": lambda x, y: np.ones(3)}, r"angle has shape \(3,\)"),
        ({"angle": np.nan}, "angle contains nan"),
        ({"mass": -1.0}, "mass must be"),
        (
            {"scale": 1e308},
            r"an entry overflows: scale is up to 1e\+308, epsilon up to 1.0, mass 0.0",
        ),
        ({"mass": 1e308, "scale": 1e307}, r"an entry overflows: .*, mass 1e\+308"),
    ):
        with pytest.raises(ValueError, match=message):
            mesh_diffusion(20, **options)
    with pytest.raises(ValueError, match="n must be"):
        mesh_diffusion(0)
