"""Matrices of dense blocks: BSR kept as such, blocks found in CSR; the bits of the CSR product."""

import numpy as np
import pytest
import scipy.sparse as sps
from numpy.testing import assert_allclose, assert_array_equal

from kriss._backend import backend, kernels
from kriss.solve import bicgstab, cg, fcg, fgmres, gmres, minres
from kriss.testing import elasticity2d, elasticity3d

METHODS = {"cg": cg, "fcg": fcg, "minres": minres, "gmres": gmres, "fgmres": fgmres, "bicgstab": bicgstab}


def spd_blocks(rng, lines, high, wide=None, dtype=float):
    """A positive definite matrix whose blocks lie in a random pattern."""
    wide = wide or high
    n = lines * high
    pattern = sps.random_array((lines, n // wide), density=min(1.0, 4 / lines), rng=rng, format="csr")
    A = sps.kron(pattern != 0, np.ones((high, wide))).toarray() * rng.standard_normal((n, n))
    if np.dtype(dtype).kind == "c":
        A = A * np.exp(1j * rng.uniform(0, 6, A.shape))
    A = A + A.conj().T
    A += np.diag(np.abs(A).sum(axis=1) + 1)
    return sps.bsr_array(A.astype(dtype), blocksize=(high, wide))


@pytest.fixture(scope="module")
def elastic():
    A, _ = elasticity3d(4)
    return A, A.tobsr((3, 3))


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex64, np.complex128])
@pytest.mark.parametrize("itype", [np.int32, np.int64])
@pytest.mark.parametrize(("high", "wide"), [(2, 2), (3, 3), (4, 4), (6, 6), (5, 5), (1, 3), (4, 2)])
def test_the_product_has_the_bits_of_csr(dtype, itype, high, wide, rng):
    A = spd_blocks(rng, 12, high, wide, dtype)
    A.indptr, A.indices = A.indptr.astype(itype), A.indices.astype(itype)
    C = A.tocsr()
    x = rng.standard_normal(A.shape[0]).astype(dtype)
    ks = kernels("solve_krylov")
    got, expected = np.empty_like(x), np.empty_like(x)
    kernels("solve_maps").block_map(A.indptr, A.indices, A.data).apply(x, got, 0)
    ks.csr_map(C.indptr.astype(itype), C.indices.astype(itype), C.data, False).apply(x, expected, 0)
    assert_array_equal(got, expected)
    assert_allclose(got, C @ x, rtol=0, atol=100 * np.finfo(dtype).eps * np.abs(x).max() * np.abs(C).sum(axis=1).max())


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_blocks_are_kept_and_give_the_bits_of_csr(method, dtype, elastic, rng):
    C, A = elastic
    b = rng.standard_normal(C.shape[0]).astype(dtype)
    options = {"rtol": 1e-4 if dtype == np.float32 else 1e-8, "maxiter": 400, "residuals": True}
    r = METHODS[method](A.astype(dtype), b, **options)
    assert r.params["storage"] == "3x3 blocks"
    plain = METHODS[method](C.astype(dtype), b, **options)
    assert_array_equal(r.x, plain.x)
    assert_array_equal(r.residuals, plain.residuals)
    assert (r.status, r.iterations, r.matvecs) == (plain.status, plain.iterations, plain.matvecs)


@pytest.mark.parametrize("method", METHODS)
def test_complex_blocks(method, rng):
    A = spd_blocks(rng, 10, 3, dtype=complex)
    b = rng.standard_normal(30) + 1j * rng.standard_normal(30)
    r = METHODS[method](A, b, rtol=1e-10)
    assert r.converged and r.params["storage"] == "3x3 blocks"
    assert_array_equal(r.x, METHODS[method](A.tocsr(), b, rtol=1e-10).x)


@pytest.mark.parametrize("M", [None, "jacobi", "ssor", "ic0", "mic"])
@pytest.mark.parametrize("workers", [1, 2, 4])
def test_preconditioned_blocks(M, workers, elastic, rng):
    C, A = elastic
    b = rng.standard_normal(C.shape[0])
    r = cg(A, b, rtol=1e-9, M=M, workers=workers)
    assert r.converged
    assert_array_equal(r.x, cg(C, b, rtol=1e-9, M=M, workers=1).x)


@pytest.mark.parametrize("columns", [1, 2, 3, 8, 9])
def test_several_right_hand_sides(columns, elastic, rng):
    C, A = elastic
    b = rng.standard_normal((C.shape[0], columns))
    r = cg(A, b, rtol=1e-8, M="jacobi")
    assert r.converged and r.params["storage"] == "3x3 blocks"
    for j in range(columns):
        assert_array_equal(r.x[:, j], cg(A, b[:, j], rtol=1e-8, M="jacobi").x)


@pytest.mark.parametrize("size", [2, 3, 4, 6])
def test_blocks_found_in_csr(size, rng):
    C = sps.csr_array(spd_blocks(rng, 40, size))
    b = rng.standard_normal(C.shape[0])
    r = cg(C, b, rtol=1e-10)
    assert r.converged
    if backend() == "compiled":
        assert r.params["storage"] == f"{size}x{size} blocks"
        # an index for each block instead of each entry
        assert r.params["product_bytes"] == C.nnz * 8 + (C.nnz // size**2 + C.shape[0] // size + 1) * 4
    assert_array_equal(r.x, cg(C.tobsr((size, size)), b, rtol=1e-10).x)
    both = cg(C, np.stack([b, 2 * b], axis=1), rtol=1e-10)
    assert_array_equal(both.x[:, 0], r.x)


def test_a_hole_in_the_last_block_is_seen(rng):
    C = sps.csr_array(spd_blocks(rng, 40, 2))
    rows, columns = C.tocoo().coords
    keep = np.ones(C.nnz, bool)
    last = np.flatnonzero(rows == C.shape[0] - 1)
    keep[last[0]] = columns[last[0]] == rows[last[0]]
    D = sps.coo_array((C.data[keep], (rows[keep], columns[keep])), shape=C.shape).tocsr()
    r = gmres(D, np.ones(80), rtol=1e-10)
    assert r.params["storage"] == "csr"
    assert_allclose(r.x, np.linalg.solve(D.toarray(), np.ones(80)), rtol=0, atol=1e-8)


def test_fewer_bytes_decide_between_diagonals_and_blocks():
    A, _ = elasticity2d(12)
    r = cg(A, np.ones(A.shape[0]))
    if backend() == "compiled":
        assert r.params["storage"].endswith("diagonals")
        assert r.params["product_bytes"] < cg(A.tobsr((2, 2)), np.ones(A.shape[0])).params["product_bytes"]


def test_unsorted_and_duplicate_blocks(elastic, rng):
    C, A = elastic
    order = np.concatenate([rng.permutation(np.arange(s, e)) for s, e in zip(A.indptr, A.indptr[1:], strict=False)])
    halves = np.repeat(A.data[order] * 0.5, 2, axis=0)
    B = sps.bsr_array((halves, np.repeat(A.indices[order], 2), 2 * A.indptr), shape=A.shape)
    kept = B.data.copy(), B.indices.copy()
    b = rng.standard_normal(C.shape[0])
    assert_array_equal(cg(B, b).x, cg(A, b).x)
    assert_array_equal(B.data, kept[0])
    assert_array_equal(B.indices, kept[1])


@pytest.mark.parametrize("scale", [1e-160, 1e160])
def test_scales(scale, elastic, rng):
    C, A = elastic
    b = rng.standard_normal(C.shape[0])
    r = cg(A * scale, b, rtol=1e-9)
    assert r.converged
    assert_array_equal(r.x, cg(C * scale, b, rtol=1e-9).x)


@pytest.mark.parametrize("where", [0, 50, -1])
@pytest.mark.parametrize("method", METHODS)
def test_nan_in_a_block(where, method, elastic):
    A = elastic[1].copy()
    A.data.ravel()[where] = np.nan
    with pytest.raises(ValueError, match=r"A\.data contains nan"):
        METHODS[method](A, np.ones(A.shape[0]))
    assert METHODS[method](A, np.ones(A.shape[0]), check_finite=False).status == "non_finite"


@pytest.mark.parametrize("change", ["negative", "beyond", "decreasing", "short"])
def test_malformed_blocks(change, elastic):
    A = elastic[1].copy()
    if change == "negative":
        A.indices[3] = -1
    elif change == "beyond":
        A.indices[3] = A.shape[0] // 3
    elif change == "decreasing":
        A.indptr[2] = A.indptr[1] - 1
    else:
        A.indptr = A.indptr[:-1]
    with pytest.raises(ValueError, match=r"A\.in"):
        cg(A, np.ones(A.shape[0]))


def test_zero_diagonal_in_a_block_names_its_row(elastic):
    C, _ = elastic
    C = C.tolil()
    C[7, 7] = 0.0
    with pytest.raises(ValueError, match="row 7"):
        cg(C.tobsr((3, 3)), np.ones(C.shape[0]), M="jacobi")


def test_mixed_precision_on_blocks(elastic, rng):
    C, A = elastic
    b = rng.standard_normal(C.shape[0])
    r = cg(A, b, rtol=1e-11, mixed=True, M="jacobi")
    assert r.converged and r.params["corrections"] >= 2
    assert np.linalg.norm(b - C @ r.x) <= 1e-11 * np.linalg.norm(b)


def test_null_space_on_blocks(rng):
    W = np.abs(spd_blocks(rng, 20, 2).toarray())
    np.fill_diagonal(W, 0.0)
    W += np.roll(np.eye(40), 1, axis=0) + np.roll(np.eye(40), 1, axis=1)  # a ring: the graph is connected
    A = sps.bsr_array(np.diag(W.sum(axis=1)) - W, blocksize=(2, 2))
    b = rng.standard_normal(40)
    for method in (cg, fcg, minres):
        r = method(A, b, rtol=1e-9, nullspace="constant")
        assert r.converged and r.params["storage"] == "2x2 blocks"
        assert np.linalg.norm(b - b.mean() - A @ r.x) <= 1e-8 * np.linalg.norm(b)
