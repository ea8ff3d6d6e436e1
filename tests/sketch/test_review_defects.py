"""Defects found in review, each by its name."""

import numpy as np
import pytest
import scipy.sparse as sps

from kriss._backend import core
from kriss.sketch import SparseSign, backward_error, lstsq, sketch


@pytest.mark.parametrize("exponent", [-295, -200, 200, 295])
def test_the_certificate_of_a_tiny_or_huge_matrix_is_not_vacuous(exponent, rng):
    A = rng.standard_normal((50, 2))
    shift = int(exponent * 3.32)
    small = np.ldexp(A, shift)
    x = np.full(2, 1e3)
    expected = backward_error(A, A @ np.ones(2), x)
    assert expected > 0.1
    assert backward_error(small, np.ldexp(A @ np.ones(2), shift), x) == expected


@pytest.mark.parametrize("shape", [(50, 2), (20000, 8)])
@pytest.mark.parametrize("exponent", [-980, 980])
def test_lstsq_of_a_tiny_or_huge_matrix_is_certified(shape, exponent, rng):
    A = rng.standard_normal(shape)
    b = A @ np.ones(shape[1]) + rng.standard_normal(shape[0])
    fit = lstsq(np.ldexp(A, exponent), np.ldexp(b, exponent), rng=0)
    assert np.allclose(fit.x, np.linalg.lstsq(A, b, rcond=None)[0])
    assert 0 < fit.backward_error < 1e-14
    assert fit.rank == shape[1]
    assert np.allclose(np.ldexp(fit.s, -exponent), np.linalg.svd(A, compute_uv=False))


@pytest.mark.parametrize("m", [50, 60000])
@pytest.mark.parametrize(("dtype", "size"), [("f8", 1e200), ("f4", 1e30)])
def test_lstsq_says_that_its_solution_overflows(m, dtype, size, rng):
    A = (rng.standard_normal((m, 2)) / size).astype(dtype)
    b = (rng.standard_normal(m) * size).astype(dtype)
    with pytest.raises(OverflowError, match="solution is beyond the range"):
        lstsq(A, b, rng=0)


def test_out_that_overlaps_a_is_refused():
    S = SparseSign(16, rng=0)
    A = np.ones((100, 4))
    with pytest.raises(ValueError, match="out overlaps A, expected separate memory"):
        S.apply(A, out=A[:16])
    flat = np.ones(100)
    with pytest.raises(ValueError, match="out overlaps A"):
        S.apply(flat, out=flat[:16])
    C = sps.csr_array(A)
    with pytest.raises(ValueError, match="out overlaps A"):
        S.apply(C, out=C.data[:64].reshape(16, 4))


def test_out_that_is_no_array_is_named():
    with pytest.raises(TypeError, match="out must be an ndarray, not list"):
        SparseSign(64, rng=0).apply(np.ones(100), out=[0] * 64)


def test_an_overflowing_sketch_of_csr_raises():
    A = np.full((1000, 2), 1.7e308)
    with pytest.raises(OverflowError, match="overflows"):
        SparseSign(8, rng=0).apply(sps.csr_array(A))


def test_ragged_input_is_named():
    ragged = [[1], [2, 3]]
    with pytest.raises(ValueError, match=r"^A cannot be made an array"):
        sketch(ragged, 8)
    with pytest.raises(ValueError, match=r"^a cannot be made an array"):
        lstsq(ragged, np.ones(2))
    with pytest.raises(ValueError, match=r"^b cannot be made an array"):
        lstsq(np.ones((2, 1)), ragged)
    with pytest.raises(ValueError, match=r"^x "):
        backward_error(np.ones((2, 1)), np.ones(2), ragged)
    with pytest.raises(TypeError, match="b is sparse"):
        lstsq(np.ones((2, 1)), sps.csr_array(np.ones((2, 1))))


@pytest.mark.skipif(core() is None, reason="the compiled module is not built here")
def test_sizes_that_disagree_raise_in_the_compiled_module():
    k, A, b, e = core().sketch, np.ones((20, 3)), np.ones((20, 1)), np.empty((0, 0))
    C = sps.csr_array(A)
    one, s, z, g = np.ones(1), np.ones(3), np.zeros((1, 8)), np.zeros((1, 8))
    for call in [
        lambda: k.sparse_sign_dense(A, 0, 16, 8, 0, np.zeros((8, 3)), 1),
        lambda: k.sparse_sign_dense(A, 0, 4, 8, 0, np.zeros((4, 3)), 1),
        lambda: k.sparse_sign_csr(C.indptr, C.indices, C.data[1:], 3, 0, 16, 8, 0, np.zeros((16, 3)), 1),
        lambda: k.sparse_sign_csr(C.indptr, C.indices, C.data, 3, 0, 16, 8, 0, np.zeros((16, 2)), 1),
        lambda: k.tall_pass(A, b[1:], s, one, z, e, e, g, np.ones(1), 1),
        lambda: k.tall_pass(A, b, s, one, z[:, :3].copy(), e, e, g, np.ones(1), 1),
        lambda: k.tall_pass(A, b, s, one, z, e, np.ones((3, 3)), g, np.ones(1), 1),
        lambda: k.householder_r(np.ones((4, 3)), 5),
        lambda: k.cholesky_upper(np.ones((4, 3))),
        lambda: k.solve_upper(np.eye(3), np.ones((4, 1)), False),
        lambda: k.multiply_upper(np.eye(3), np.ones((3, 1)), np.ones((3, 2)), False),
        lambda: k.jacobi_rows(np.eye(3), np.ones(2)),
        lambda: k.sparse_sign_entries(0, 16, 8, 0, np.zeros((5, 7), np.int64), np.zeros((5, 7), np.int8)),
    ]:
        with pytest.raises(ValueError, match=r"must|disagree|expected"):
            call()
