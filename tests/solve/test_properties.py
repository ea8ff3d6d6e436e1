"""Properties over random inputs: CSR structure, systems, preconditioners, starts; malformed matrices by fuzzing."""

import numpy as np
import pytest
import scipy.sparse as sps
from hypothesis import given
from hypothesis import strategies as st

from kriss._backend import kernels
from kriss.solve import SSOR, Jacobi, cg

seeds = st.integers(0, 2**32 - 1)


def random_spd(n, density, seed, spread=1.0):
    """Sparse, symmetric and strictly diagonally dominant, hence positive definite."""
    rng = np.random.default_rng(seed)
    B = sps.random_array((n, n), density=density, rng=rng, data_sampler=rng.standard_normal).tocsr()
    B = B + B.T
    scale = 10.0 ** (spread * rng.uniform(-1, 1, n))
    A = B + sps.diags_array(np.asarray(abs(B).sum(axis=1)).ravel() + 0.1)
    S = sps.diags_array(scale)
    return (S @ A @ S).tocsr(), rng


@given(n=st.integers(1, 120), density=st.floats(0.0, 0.3), seed=seeds, M=st.sampled_from([None, "jacobi", "ssor"]))
def test_random_systems_are_solved_to_the_promise(n, density, seed, M):
    A, rng = random_spd(n, density, seed, spread=0.5)
    b = rng.standard_normal(n)
    r = cg(A, b, rtol=1e-9, M=M, maxiter=50 * n + 100)
    true = np.linalg.norm(b - A @ r.x)
    assert r.converged
    assert true <= 1e-9 * np.linalg.norm(b) * (1 + 1e-6)


@given(n=st.integers(1, 60), seed=seeds, omega=st.floats(0.05, 1.95))
def test_ssor_is_symmetric_and_positive(n, seed, omega):
    A, rng = random_spd(n, 0.2, seed)
    M = SSOR(A, omega)
    r, s = rng.standard_normal((2, n))
    assert r @ (M @ r) > 0
    bound = 1e-10 * np.sqrt((r @ (M @ r)) * (s @ (M @ s)))
    assert abs(s @ (M @ r) - r @ (M @ s)) <= bound


@given(n=st.integers(2, 60), seed=seeds, k=st.integers(0, 59))
def test_an_indefinite_diagonal_never_converges_to_a_wrong_answer(n, seed, k):
    rng = np.random.default_rng(seed)
    d = rng.uniform(1, 10, n)
    d[k % n] *= -1
    A = sps.diags_array(d).tocsr()
    b = rng.standard_normal(n)
    b[k % n] = 1.0
    for M in (None, Jacobi(A), SSOR(A)):
        r = cg(A, b, rtol=1e-10, M=M)
        if r.converged:
            assert np.linalg.norm(b - A @ r.x) <= 1e-10 * np.linalg.norm(b) * (1 + 1e-6)
        else:
            assert r.status in ("indefinite_matrix", "indefinite_preconditioner", "maxiter", "stagnated")
    assert cg(A, b, rtol=1e-10, M=Jacobi(A)).status != "non_finite"


@given(n=st.integers(1, 40), seed=seeds)
def test_a_symmetric_permutation_permutes_the_answer(n, seed):
    A, rng = random_spd(n, 0.2, seed, spread=0.3)
    b = rng.standard_normal(n)
    order = rng.permutation(n)
    x = cg(A, b, rtol=1e-12, maxiter=5000).x
    y = cg(A[order][:, order].tocsr(), b[order], rtol=1e-12, maxiter=5000).x
    assert np.abs(x[order] - y).max() <= 1e-7 * np.abs(x).max()


@given(seed=seeds, n=st.integers(1, 30), cuts=st.integers(1, 4))
def test_fuzzed_index_arrays_are_refused_or_solved(seed, n, cuts):
    """Random damage to the arrays of a CSR matrix never gets past validation."""
    rng = np.random.default_rng(seed)
    A, _ = random_spd(n, 0.2, seed)
    B = sps.csr_array(A.shape)
    B.indptr, B.indices, B.data = A.indptr.copy(), A.indices.copy(), A.data.copy()
    for _ in range(cuts):
        which = rng.integers(3)
        if which == 0:
            B.indices[rng.integers(B.indices.size)] = rng.integers(-3, 2 * n + 3)
        elif which == 1:
            B.indptr[rng.integers(B.indptr.size)] += rng.integers(-3, 4)
        else:
            B.data = B.data[: max(1, B.data.size - int(rng.integers(3)))]
    for M in (None, "jacobi", "ssor"):
        said = ""
        try:
            size = cg(B, np.ones(n), M=M, maxiter=20).x.size
        except (ValueError, TypeError) as exc:
            said = str(exc)
        assert said.startswith("A") if said else size == n


@given(n=st.integers(64, 300), seed=seeds, far=st.integers(2, 30), symmetric=st.booleans(), constant=st.booleans())
def test_banded_products_have_the_bits_of_csr(n, seed, far, symmetric, constant):
    """Storage by diagonals against CSR, one iteration: x is alpha b with alpha = b'b / b'Ab."""
    rng = np.random.default_rng(seed)
    upper = np.ones(n - far) if constant else rng.uniform(0.1, 1.0, n - far)
    near = rng.uniform(0.1, 1.0, n - 1)
    lower = upper if symmetric else upper[::-1].copy()
    A = sps.diags_array([lower, near, np.full(n, 9.0), near, upper], offsets=[-far, -1, 0, 1, far]).tocsr()
    b = rng.standard_normal(n)
    r = cg(A, b, maxiter=1, rtol=0.0)
    ks = kernels("solve")
    q = A @ b
    alpha = ks.dot(b, b, 0) / ks.dot(b, q, 0)
    np.testing.assert_array_equal(r.x, alpha * b)


def test_the_gallery_is_symmetric_and_positive_definite():
    from kriss.testing import diffusion2d, poisson2d, poisson3d, residual_ratio

    for A in (poisson2d(9), poisson3d(4), diffusion2d(9, 1e5), diffusion2d(1), poisson2d(1), poisson3d(1)):
        dense = A.toarray()
        assert (dense == dense.T).all() and np.linalg.eigvalsh(dense).min() > 0
        assert A.has_canonical_format and A.indices.dtype == np.int32
        b = np.arange(1.0, A.shape[0] + 1)
        assert residual_ratio(A, np.linalg.solve(dense, b), b) < 30
        assert residual_ratio(dense, np.linalg.solve(dense, b), b) < 30
    for make in (poisson2d, poisson3d, diffusion2d):
        assert make(0).shape == (0, 0)
        with pytest.raises(ValueError, match="n must be at least 0"):
            make(-1)
    h = np.pi / (2 * 10)
    found = np.linalg.eigvalsh(poisson2d(9).toarray())
    assert found.min() == pytest.approx(8 * np.sin(h) ** 2, rel=1e-12)
    coefficient = diffusion2d(16, contrast=1e3).diagonal()
    assert coefficient.max() / coefficient.min() > 100
    assert (diffusion2d(16, rng=1) != diffusion2d(16, rng=1)).nnz == 0
    assert (diffusion2d(16, rng=1) != diffusion2d(16, rng=2)).nnz > 0
    assert residual_ratio(np.eye(2), np.zeros(2), np.ones(2)) == np.inf
    assert residual_ratio(np.eye(2), np.ones(2), np.ones(2)) == 0.0
    assert residual_ratio(np.eye(2), np.array([np.nan, 1.0]), np.ones(2)) == np.inf
