"""Anisotropic diffusion in three dimensions: against loops over the faces of cells, definiteness, consistency."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from kriss.testing import poisson3d, rotated_diffusion3d


def tensor(epsilon, direction, scale, kind):
    d = np.asarray(direction, float) / np.linalg.norm(direction)
    if kind == "needle":
        return scale * (epsilon * np.eye(3) + (1 - epsilon) * np.outer(d, d))
    return scale * (np.eye(3) - (1 - epsilon) * np.outer(d, d))


def textbook(n, tensors):
    """Energies of cells: squared differences along edges and the diagonals of faces, zero values on the boundary."""
    size = n + 2
    A = np.zeros((size**3, size**3))

    def add(p, q, weight):
        i, j = np.ravel_multi_index(p, (size,) * 3), np.ravel_multi_index(q, (size,) * 3)
        A[i, i] += weight
        A[j, j] += weight
        A[i, j] -= weight
        A[j, i] -= weight

    for cell in np.ndindex(n + 1, n + 1, n + 1):
        K = tensors[cell]
        for a in range(3):
            for corner in itertools.product((0, 1), repeat=3):
                if corner[a] == 0:
                    p = np.add(cell, corner)
                    add(p, p + np.eye(3, dtype=int)[a], K[a, a] / 4)
        for a, b in ((0, 1), (0, 2), (1, 2)):
            c = 3 - a - b
            for side in (0, 1):
                p = np.array(cell)
                p[c] += side
                one, two = np.eye(3, dtype=int)[[a, b]]
                add(p, p + one + two, K[a, b] / 4)
                add(p + one, p + two, -K[a, b] / 4)
    inside = np.zeros((size,) * 3, bool)
    inside[1:-1, 1:-1, 1:-1] = True
    return A[np.ix_(inside.ravel(), inside.ravel())]


@pytest.mark.parametrize("kind", ["needle", "sheet"])
@pytest.mark.parametrize("n", [1, 2, 4])
def test_it_is_the_textbook_matrix(n, kind, rng):
    cells = (n + 1,) * 3
    epsilon, scale = rng.uniform(0.01, 1, cells), 10.0 ** rng.uniform(-2, 2, cells)
    direction = rng.standard_normal((*cells, 3))
    K = {c: tensor(epsilon[c], direction[c], scale[c], kind) for c in np.ndindex(cells)}
    A = rotated_diffusion3d(n, epsilon, direction, scale, kind=kind)
    expected = textbook(n, K)
    assert_allclose(A.toarray(), expected, rtol=0, atol=1e-13 * np.abs(expected).max())
    assert A.format == "csr" and A.indices.dtype == np.int32 and A.has_canonical_format
    assert abs(A - A.T).max() <= 1e-15 * abs(A).max()


@settings(max_examples=30)
@given(seed=st.integers(0, 2**31), decades=st.floats(0, 6), jumps=st.floats(0, 6), sheet=st.booleans())
def test_it_is_positive_definite(seed, decades, jumps, sheet):
    rng = np.random.default_rng(seed)
    n = 4
    cells = (n + 1,) * 3
    A = rotated_diffusion3d(
        n, 10.0**-decades, rng.standard_normal((*cells, 3)), 10.0 ** rng.uniform(0, jumps, cells),
        kind="sheet" if sheet else "needle",
    ).toarray()  # fmt: skip
    root = 1 / np.sqrt(np.diag(A))
    assert np.linalg.eigvalsh(root[:, None] * A * root).min() > 0


def test_quadratic_functions_are_differentiated_exactly(rng):
    n, d = 6, (1.0, -2.0, 0.5)
    K = tensor(0.1, d, 3.0, "sheet")
    H = rng.standard_normal((3, 3))
    x = np.moveaxis(np.indices((n,) * 3), 0, -1)
    u = np.einsum("...i,ij,...j", x, H, x) / 2
    inside = (slice(1, -1),) * 3
    found = (rotated_diffusion3d(n, 0.1, d, 3.0, kind="sheet") @ u.ravel()).reshape((n,) * 3)[inside]
    assert_allclose(found, -(K * (H + H.T)).sum() / 2, rtol=0, atol=1e-11)


def test_special_cases_and_ranges():
    assert abs(rotated_diffusion3d(4, 1.0) - poisson3d(4)).max() < 1e-14
    assert rotated_diffusion3d(0).shape == (0, 0)
    assert rotated_diffusion3d(5, 1e-3, (0, 2, 0))[[62]].nnz == 7
    A = rotated_diffusion3d(3, 0.1, (1e-300, 2e-300, 0))
    assert abs(A - rotated_diffusion3d(3, 0.1, (1e300, 2e300, 0))).max() < 1e-15
    B = rotated_diffusion3d(3, 0.1, (1, 2, 0), 2.0**900)
    assert abs(B * 2.0**-900 - A).max() < 1e-15


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"n": -1}, ValueError, "n must be"),
        ({"n": 2.0}, TypeError, "n must be"),
        ({"kind": "rod"}, ValueError, "kind must be one of"),
        ({"epsilon": 0.0}, ValueError, "epsilon must be positive, found 0.0"),
        ({"epsilon": np.nan}, ValueError, "epsilon contains nan"),
        ({"scale": -1.0}, ValueError, "scale must be positive, found -1.0"),
        ({"scale": np.ones(3)}, ValueError, r"scale has shape \(3,\), expected \(\) or \(3, 3, 3\)"),
        ({"direction": (1.0, 2.0)}, ValueError, r"direction has shape \(2,\), expected \(3,\) or \(3, 3, 3, 3\)"),
        ({"direction": (0.0, 0.0, 0.0)}, ValueError, "direction has length 0"),
        ({"direction": (np.inf, 0.0, 0.0)}, ValueError, "direction contains inf"),
    ],
)
def test_refused_arguments(arguments, error, message):
    with pytest.raises(error, match=message):
        rotated_diffusion3d(**{"n": 2, **arguments})
