"""Operators and callbacks written in Python, preconditioner objects, interruption, threads."""

import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import scipy.sparse as sps
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse.linalg import LinearOperator, aslinearoperator

from kriss._backend import kernels
from kriss.scipy.sparse.linalg import cg as scipy_cg
from kriss.solve import SSOR, Jacobi, cg
from kriss.testing import diffusion2d, poisson2d


@pytest.fixture
def A():
    return diffusion2d(13, contrast=30.0)


@pytest.fixture
def b(rng):
    return rng.standard_normal(169)


@pytest.mark.parametrize("M", [None, "jacobi"])
@pytest.mark.parametrize("start", [False, True])
def test_the_driven_loop_gives_the_bits_of_the_compiled_one(M, start, A, b, rng):
    x0 = rng.standard_normal(169) if start else None
    plain = cg(A, b, x0, rtol=1e-10, M=M, residuals=True)
    seen = []
    driven = cg(A, b, x0, rtol=1e-10, M=M, residuals=True, callback=lambda x: seen.append(x.copy()))
    assert_array_equal(driven.x, plain.x)
    assert_array_equal(driven.residuals, plain.residuals)
    assert (driven.iterations, driven.matvecs) == (plain.iterations, plain.matvecs)
    assert len(seen) == plain.iterations
    assert_array_equal(seen[-1], plain.x)


def test_the_driven_loop_with_sweeps_gives_the_bits_of_the_compiled_textbook_loop(A, b):
    plain, _ = scipy_cg(A, b, rtol=1e-10, M=SSOR(A))
    driven, _ = scipy_cg(A, b, rtol=1e-10, M=SSOR(A), callback=lambda x: None)
    assert_array_equal(driven, plain)
    native = cg(A, b, rtol=1e-10, M=SSOR(A), callback=lambda x: None)
    assert native.params["form"] == "textbook"
    assert_allclose(native.x, plain, rtol=0, atol=1e-9 * np.abs(plain).max())


def test_an_operator_gives_the_bits_of_its_matrix(A, b):
    assert_array_equal(cg(aslinearoperator(A), b, rtol=1e-9).x, cg(A, b, rtol=1e-9).x)
    M = Jacobi(A)
    assert_array_equal(cg(aslinearoperator(A), b, rtol=1e-9, M=M).x, cg(A, b, rtol=1e-9, M=M).x)


@pytest.mark.parametrize("M", ["operator", "sparse", "dense", "ssor"])
def test_any_preconditioner(M, A, b):
    inverse = 1.0 / A.diagonal()
    given = {
        "operator": LinearOperator(A.shape, matvec=lambda r: inverse * np.ravel(r), dtype=float),
        "sparse": sps.diags_array(inverse),
        "dense": np.diag(inverse),
        "ssor": aslinearoperator(SSOR(A)),
    }[M]
    r = cg(A, b, rtol=1e-9, M=given)
    expected = cg(A, b, rtol=1e-9, M="ssor" if M == "ssor" else "jacobi")
    assert r.converged and abs(r.iterations - expected.iterations) <= 1
    assert_allclose(r.x, expected.x, atol=1e-7 * np.abs(expected.x).max())


def test_operator_output_of_shape_n_by_1_and_reused_buffer(A, b):
    room = np.empty(169)

    def matvec(v):
        room[:] = A @ np.ravel(v)
        return room

    assert_array_equal(cg(LinearOperator(A.shape, matvec=matvec, dtype=float), b).x, cg(A, b).x)


def test_callback_sees_a_read_only_x(A, b):
    def spoil(x):
        x[0] = 1.0

    with pytest.raises(ValueError, match="read-only"):
        cg(A, b, callback=spoil)


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, StopIteration])
def test_what_a_callback_or_operator_raises_passes_through(error, A, b):
    def fail(_):
        raise error("mine")

    with pytest.raises(error, match="mine"):
        cg(A, b, callback=fail)
    bad = LinearOperator(A.shape, matvec=fail, dtype=float)
    with pytest.raises(error, match="mine"):
        cg(bad, b)
    with pytest.raises(error, match="mine"):
        cg(A, b, M=bad)
    assert cg(A, b).converged


def test_callback_in_scaled_problems_sees_the_users_x(A, b):
    seen = []
    r = cg(A * 1e-140, b * 1e120, rtol=1e-9, callback=lambda x: seen.append(x.copy()))
    assert_array_equal(seen[-1], r.x)


# preconditioner objects


def test_ssor_is_the_formula(A, rng):
    r = rng.standard_normal(169)
    D = np.diag(A.diagonal())
    L = np.tril(A.toarray(), -1)
    for omega in (0.4, 1.0, 1.7):
        E = D / omega
        M = (E + L) @ np.linalg.inv(E) @ (E + L.T) / (2 - omega)
        z = SSOR(A, omega).apply(r, np.empty(169))
        # cond(M) eps
        bound = np.linalg.cond(M) * np.finfo(float).eps * 10
        assert np.linalg.norm(z - np.linalg.solve(M, r)) <= bound * np.linalg.norm(z)


def test_jacobi_is_the_diagonal(A, rng):
    r = rng.standard_normal(169)
    assert_array_equal(Jacobi(A).apply(r, np.empty(169)), (1.0 / A.diagonal()) * r)


@pytest.mark.parametrize("kind", [Jacobi, SSOR])
def test_protocol(kind, A, rng):
    M = kind(A)
    r = rng.standard_normal(169)
    assert isinstance(M, LinearOperator) and M.shape == A.shape and M.dtype == A.dtype
    assert M.is_spd is True and M.is_linear is True and M.nbytes > 0
    out = np.empty(169)
    assert M.apply(r, out) is out
    assert_array_equal(M @ r, out)
    assert_array_equal(M.matvec(r), out)
    assert_array_equal(M.T @ r, out)
    assert_array_equal((M @ np.stack([r, 2 * r], axis=1))[:, 1], 2 * out)
    # symmetric and positive
    s = rng.standard_normal(169)
    assert s @ (M @ r) == pytest.approx(r @ (M @ s), rel=1e-12)
    assert r @ (M @ r) > 0


@pytest.mark.parametrize("kind", [Jacobi, SSOR])
def test_update_equals_rebuilding(kind, A, rng):
    B = A.copy()
    B.data = A.data * 3.7
    M = kind(A)
    M.update(B)
    r = rng.standard_normal(169)
    assert_array_equal(M @ r, kind(B) @ r)
    with pytest.raises(ValueError, match="shape"):
        M.update(poisson2d(3))


@pytest.mark.parametrize("kind", [Jacobi, SSOR])
def test_apply_checks_its_arguments(kind, A, rng):
    M = kind(A)
    r, out = rng.standard_normal(169), np.empty(169)
    for bad in (r[:5], r.astype(np.float32), r.reshape(13, 13), r.tolist(), np.repeat(r, 2)[::2]):
        with pytest.raises(ValueError, match="r "):
            M.apply(bad, out)
    with pytest.raises(ValueError, match="overlap"):
        M.apply(r, r)
    out.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        M.apply(r, out)


# interruption and threads


@pytest.mark.parametrize("how", ["builtin", "ssor", "operator"])
def test_ctrl_c_within_half_a_second(how, rng):
    A = poisson2d(300)
    b = rng.standard_normal(90000)
    cg(A, b, maxiter=3, M="ssor" if how == "ssor" else None)  # compiled by now, on Numba
    sent = []

    def interrupt():
        sent.append(time.perf_counter())
        os.kill(os.getpid(), signal.SIGINT)

    timer = threading.Timer(0.3, interrupt)
    B = aslinearoperator(A) if how == "operator" else A

    def forever():
        while True:
            cg(B, b, rtol=0.0, maxiter=10**9, M="ssor" if how == "ssor" else None)

    timer.start()
    with pytest.raises(KeyboardInterrupt):
        forever()
    assert time.perf_counter() - sent[0] < 0.5
    timer.join()


def test_eight_threads_at_once(rng):
    problems = [(diffusion2d(30, rng=k), rng.standard_normal(900), M) for k in range(4) for M in (None, "ssor")]
    expected = [cg(A, b, rtol=1e-8, M=M).x for A, b, M in problems]
    with ThreadPoolExecutor(8) as pool:
        for _ in range(3):
            found = list(pool.map(lambda p: cg(p[0], p[1], rtol=1e-8, M=p[2], workers=2).x, problems))
            for x, y in zip(found, expected, strict=True):
                assert_array_equal(x, y)


# kernels, one by one


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("n", [0, 1, 7, 8, 9, 511, 513, 4096, 4097, 10001])
def test_vector_kernels(n, dtype, rng):
    ks = kernels("solve")
    x, y, d = (rng.standard_normal(n).astype(dtype) for _ in range(3))
    empty = np.empty(0, dtype)
    wide = [v.astype(np.longdouble) for v in (x, y, d)]
    eps = np.finfo(float).eps
    assert abs(ks.dot(x, y, 0) - (wide[0] * wide[1]).sum()) <= n * eps * np.abs(wide[0] * wide[1]).sum()
    z = y.copy()
    ks.axpy(0.5, x, z, 0)
    assert_array_equal(z, y + dtype(0.5) * x)
    z = y.copy()
    ks.cg_direction(empty, x, -0.25, z, 0)
    assert_array_equal(z, x + dtype(-0.25) * y)
    z = y.copy()
    ks.cg_direction(d, x, -0.25, z, 0)
    assert_array_equal(z, d * x + dtype(-0.25) * y)
    for inverse in (empty, d):
        z = y.copy()
        rr, rho = ks.cg_update(inverse, 0.75, x, z, 0)
        assert_array_equal(z, y + dtype(0.75) * x)
        w = z.astype(np.longdouble)
        weight = wide[2] if inverse.size else np.longdouble(1)
        assert abs(rr - (w * w).sum()) <= n * eps * (w * w).sum()
        assert abs(rho - (w * weight * w).sum()) <= 2 * n * eps * (np.abs(weight) * w * w).sum()


@pytest.mark.parametrize("itype", [np.int32, np.int64])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("n", [1, 9, 5000])
def test_product_kernels(n, dtype, itype, rng):
    ks = kernels("solve")
    A = sps.random_array((n, n), density=min(1.0, 6 / n), rng=rng, dtype=np.float64).tocsr().astype(dtype)
    A.sort_indices()
    x = rng.standard_normal(n).astype(dtype)
    y = np.empty(n, dtype)
    ks.csr_matvec(A.indptr.astype(itype), A.indices.astype(itype), A.data, x, y, 0)
    assert_array_equal(y, A @ x)
    z = np.empty(n, dtype)
    total = ks.csr_matvec_dot(A.indptr.astype(itype), A.indices.astype(itype), A.data, x, z, 0)
    assert_array_equal(z, y)
    assert total == ks.dot(x, y, 0)
