"""Block Jacobi against dense inverses of the blocks."""

import copy
import importlib.util

import numpy as np
import pytest
import scipy.sparse as sps
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

import kriss
from kriss._backend import core
from kriss.solve import BlockJacobi, Jacobi, cg, gmres
from kriss.testing import anisotropic2d, convection_diffusion2d, elasticity2d, poisson2d

both = pytest.mark.skipif(
    core() is None or importlib.util.find_spec("numba") is None, reason="needs the compiled module and numba"
)


def matrix(n, symmetric, seed=0, size=1):
    """Not symmetric: with large entries on the antidiagonal of each block, which LU without pivoting would miss."""
    rng = np.random.default_rng(seed)
    A = rng.standard_normal((n, n)) * (rng.random((n, n)) < 0.6)
    if symmetric:
        return A @ A.T + 0.1 * np.eye(n)
    return A / n + np.kron(np.eye(n // size), np.fliplr(np.eye(size)))


def textbook(A, labels, r):
    out = np.zeros_like(r)
    for b in np.unique(labels):
        at = np.flatnonzero(labels == b)
        out[at] = np.linalg.solve(A[np.ix_(at, at)], r[at])
    return out


@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 6, 7, 8, 12, 24])
def test_equal_blocks(symmetric, size):
    n = 2 * size if size > 8 else 24 // size * size
    A = matrix(n, symmetric, size, size)
    r = np.random.default_rng(1).standard_normal(n)
    M = BlockJacobi(sps.csr_array(A), size)
    labels = np.arange(n) // size
    assert_array_equal(M.blocks, labels)
    assert_allclose(M @ r, textbook(A, labels, r), rtol=1e-7, atol=1e-9)
    assert M.is_spd == (symmetric or (size == 1 and bool((np.diag(A) > 0).all())))
    shuffled = np.random.default_rng(2).permutation(n)
    B = A[np.ix_(shuffled, shuffled)]
    other = BlockJacobi(sps.csr_array(B), blocks=labels[shuffled])
    assert_allclose(other @ r[shuffled], (M @ r)[shuffled], rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("n", [1, 2, 3, 5, 10, 50])
def test_partitions(n):
    rng = np.random.default_rng(n)
    labels = np.unique(rng.integers(0, max(1, n // 3), n), return_inverse=True)[1]
    A = matrix(n, True, n)
    r = rng.standard_normal((n, 3))
    M = BlockJacobi(sps.csr_array(A), blocks=labels)
    assert_allclose(M @ r, np.column_stack([textbook(A, labels, c) for c in r.T]), rtol=1e-7, atol=1e-9)
    assert_allclose(BlockJacobi(sps.csr_array(A), blocks=labels.tolist()) @ r, M @ r)
    whole = BlockJacobi(sps.csr_array(A), n)
    assert_allclose(whole @ (A @ r), r, rtol=1e-7, atol=1e-8)


def test_one_unknown_to_a_block_is_jacobi():
    A = poisson2d(7)
    r = np.random.default_rng(0).standard_normal(49)
    assert_array_equal(BlockJacobi(A, 1) @ r, Jacobi(A) @ r)


def test_is_spd_is_told_honestly():
    good = np.array([[2.0, 1.0], [1.0, 2.0]])
    indefinite = np.array([[1.0, 2.0], [2.0, 1.0]])
    skew = np.array([[2.0, 1.0], [0.9, 2.0]])
    rounding = np.array([[2.0, 1.0 / 3], [1.0 / 3 * (1 + 2**-52), 2.0]])
    negative = -good
    zero_diagonal = np.array([[0.0, 1.0], [1.0, 0.0]])
    for block, spd in ((good, True), (indefinite, False), (skew, False), (rounding, True), (negative, False)):
        A = sps.csr_array(sps.block_diag([good, block, good]))
        M = BlockJacobi(A, 2)
        assert M.is_spd is spd
        r = np.arange(1.0, 7.0)
        assert_allclose(M @ r, np.linalg.solve(A.toarray(), r), rtol=1e-13)
        if not spd:
            with pytest.raises(NotImplementedError):
                M.H @ r
    M = BlockJacobi(sps.csr_array(zero_diagonal), 2)
    assert not M.is_spd
    assert_array_equal(M @ np.array([1.0, 2.0]), [2.0, 1.0])
    outside = sps.csr_array(np.array([[2.0, 5.0], [0.0, 2.0]]))  # what lies outside the blocks does not matter
    assert BlockJacobi(outside, 1).is_spd


@pytest.mark.parametrize("where", [0, 3, 7])
def test_singular_blocks_are_named(where):
    third = 1.0 / 3.0
    for bad in (np.zeros((2, 2)), np.ones((2, 2)), np.array([[third, 2 * third], [0.1 * third, 0.2 * third]])):
        blocks = [np.array([[2.0, 1.0], [1.0, 2.0]])] * 8
        blocks[where] = bad
        A = sps.csr_array(sps.block_diag(blocks))
        with pytest.raises(
            np.linalg.LinAlgError, match=rf"block {where} of A \(unknowns {2 * where}, {2 * where + 1}\) is singular"
        ):
            BlockJacobi(A, 2)
    with pytest.raises(np.linalg.LinAlgError, match=r"block 0 of A \(unknowns 0, 1, 2, 3, ...\) is singular"):
        BlockJacobi(sps.csr_array(np.ones((6, 6))), 6)


def test_badly_scaled_blocks_are_not_singular():
    for A in (np.diag([1e150, 1e-150]), np.array([[0.0, 1e100], [1e-100, 0.0]]), np.diag([1e-310, 1e-309])):
        M = BlockJacobi(sps.csr_array(A), 2)
        r = np.array([3.0, 5.0]) * np.abs(A).max(axis=1)
        assert_allclose(M @ r, np.linalg.solve(A, r), rtol=1e-12)
    with pytest.raises(np.linalg.LinAlgError, match="block 0"):
        BlockJacobi(sps.csr_array(np.diag([1e300, 1e-320])), 2)  # 1e620 between them


def test_bad_arguments():
    A = poisson2d(4)
    with pytest.raises(TypeError, match="exactly one of block_size and blocks is expected, neither"):
        BlockJacobi(A)
    with pytest.raises(TypeError, match="both"):
        BlockJacobi(A, 2, blocks=np.zeros(16, int))
    with pytest.raises(ValueError, match="block_size is 3, expected a divisor of the 16"):
        BlockJacobi(A, 3)
    for bad in (0, -1, 5000):
        with pytest.raises(ValueError, match="block_size"):
            BlockJacobi(A, bad)
    with pytest.raises(TypeError, match="integers"):
        BlockJacobi(A, blocks=np.zeros(16))
    with pytest.raises(ValueError, match=r"shape \(15,\), expected \(16,\)"):
        BlockJacobi(A, blocks=np.zeros(15, int))
    for bad in (-1, 16):
        with pytest.raises(ValueError, match="blocks holds numbers"):
            BlockJacobi(A, blocks=np.r_[np.zeros(15, int), bad])
    with pytest.raises(ValueError, match="leaves out number 1"):
        BlockJacobi(A, blocks=np.r_[np.zeros(15, int), 2])
    with pytest.raises(ValueError, match="block 0 2001 unknowns"):
        BlockJacobi(sps.eye_array(2001).tocsr(), blocks=np.zeros(2001, int))
    for where in (0, 20, A.nnz - 1):
        B = A.copy()
        B.data[where] = np.nan
        with pytest.raises(ValueError, match=r"A\.data"):
            BlockJacobi(B, 2)
    with pytest.raises(ValueError, match="shape"):
        BlockJacobi(A, 2).update(poisson2d(5))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("itype", [np.int32, np.int64])
def test_loops(dtype, itype):
    A = anisotropic2d(16, 1e-2).astype(dtype)
    A.indices, A.indptr = A.indices.astype(itype), A.indptr.astype(itype)
    n = A.shape[0]
    b = np.random.default_rng(0).standard_normal(n).astype(dtype)
    M = BlockJacobi(A, 16)  # the lines of the grid
    rtol = 1e-9 if dtype == np.float64 else 1e-4
    plain, r = cg(A, b, rtol=rtol, M="jacobi"), cg(A, b, rtol=rtol, M=M)
    assert M.is_spd and r.converged and r.x.dtype == dtype and r.iterations < plain.iterations / 2
    seen = []
    assert_array_equal(cg(A, b, rtol=rtol, M=M, callback=seen.append).x, r.x)
    for w in (1, 2, 4):
        assert_array_equal(cg(A, b, rtol=rtol, M=BlockJacobi(A, 16, workers=w), workers=w).x, r.x)
    C = convection_diffusion2d(12).astype(dtype)
    assert gmres(C, np.ones(144, dtype), rtol=rtol, M=BlockJacobi(C, 12)).converged


def test_update_equals_rebuild_and_copies():
    A, _ = elasticity2d(6)
    M = BlockJacobi(A, 2)
    R = np.random.default_rng(0).standard_normal((A.shape[0], 4))
    before = M @ R
    kept = A.copy()
    A.data[:] = 0.0
    assert_array_equal(M @ R, before)
    other = (kept + sps.diags_array(np.linspace(1, 2, A.shape[0]))).tocsr()
    M.update(other)
    assert_array_equal(M @ R, BlockJacobi(other, 2) @ R)
    assert M.nbytes >= 8 * 4 * (A.shape[0] // 2)
    assert_array_equal(copy.copy(M) @ R, M @ R)


def test_the_workers_change_no_bit_of_a_large_problem():
    n = 30_000
    rng = np.random.default_rng(0)
    A = (sps.diags_array(rng.uniform(4, 5, n)) + sps.diags_array(rng.uniform(-1, 1, n - 1), offsets=1)).tocsr()
    A = (A + A.T).tocsr()
    r = rng.standard_normal(n)
    labels = rng.permutation(np.arange(n) // 5)
    for kind in ({"block_size": 5}, {"blocks": labels}):
        found = [BlockJacobi(A, workers=w, **kind) @ r for w in (1, 2, 4)]
        assert_array_equal(found[0], found[1])
        assert_array_equal(found[0], found[2])


@both
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("symmetric", [True, False])
def test_backends_give_the_same_bits(dtype, symmetric):
    A = sps.csr_array(matrix(48, symmetric, 3, 12)).astype(dtype)
    r = np.random.default_rng(4).standard_normal((48, 3)).astype(dtype)
    labels = np.unique(np.random.default_rng(5).integers(0, 9, 48), return_inverse=True)[1]
    kinds = [{"block_size": 12}, {"block_size": 24}, {"blocks": np.arange(48) % 2}]
    for kind in [*kinds, {"block_size": 3}, {"blocks": labels}] if symmetric else kinds:
        found = []
        for backend in ("compiled", "numba"):
            with kriss.use_backend(backend):
                M = BlockJacobi(A, **kind)
                found.append((M @ r, M @ r[:, 0], M.is_spd))
        for u, v in zip(*found, strict=True):
            assert_array_equal(u, v)


@settings(max_examples=40)
@given(st.integers(1, 30), st.integers(0, 10**6), st.booleans())
def test_residual_of_every_block_is_small(n, seed, symmetric):
    rng = np.random.default_rng(seed)
    A = matrix(n, symmetric, seed)
    labels = np.unique(rng.integers(0, n, n), return_inverse=True)[1]
    try:
        M = BlockJacobi(sps.csr_array(A), blocks=labels)
    except np.linalg.LinAlgError:
        for b in range(labels.max() + 1):
            at = labels == b
            if np.linalg.cond(A[np.ix_(at, at)]) > 1e10:
                return
        raise
    r = rng.standard_normal(n)
    x = M @ r
    for b in range(labels.max() + 1):
        at = np.flatnonzero(labels == b)
        B = A[np.ix_(at, at)]
        bound = 50 * n * np.finfo(float).eps * (np.abs(B).sum() * np.abs(x[at]).max() + np.abs(r[at]).max())
        if np.linalg.cond(B) < 1e8:
            assert np.abs(B @ x[at] - r[at]).max() <= bound * 10
