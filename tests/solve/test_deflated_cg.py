"""Deflated conjugate gradients with recycling, against CG and dense eigenvectors."""

import importlib.util
import os
import pickle
import signal
import threading
import time

import numpy as np
import pytest
import scipy.sparse as sps
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse.linalg import LinearOperator, aslinearoperator

import kriss
from kriss._backend import core
from kriss.solve import Chebyshev, cg, deflated_cg
from kriss.testing import diffusion2d, poisson2d, random_diffusion

both = pytest.mark.skipif(
    core() is None or importlib.util.find_spec("numba") is None, reason="needs the compiled module and numba"
)


def smallest(A, k):
    """The k smallest eigenvectors of D^-1 A."""
    d = np.sqrt(A.diagonal())
    return np.linalg.eigh(A.toarray() / np.outer(d, d))[1][:, :k] / d[:, None]


def sequence(n, count, change=0.1, contrast=1e3):
    """Related diffusion systems and their right-hand sides."""
    rng = np.random.default_rng(5)
    A = diffusion2d(n, contrast=contrast, rng=0)
    for step in range(count):
        B = diffusion2d(n, contrast=contrast, rng=step + 1)
        yield (A + change * B).tocsr(), rng.standard_normal(n * n)


@pytest.mark.parametrize("M", [None, "jacobi", "ssor", "chebyshev"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_without_a_space_it_is_cg(M, dtype):
    A, b = next(sequence(12, 1, contrast=20.0))
    A, b = A.astype(dtype), b.astype(dtype)
    rtol = 1e-9 if dtype == np.float64 else 1e-4
    mine, plain = deflated_cg(A, b, M=M, rtol=rtol), cg(A, b, M=M, rtol=rtol)
    assert mine.converged and mine.x.dtype == dtype
    assert mine.iterations == pytest.approx(plain.iterations, abs=1)
    assert_allclose(mine.x, plain.x, atol=20 * rtol * np.abs(plain.x).max())
    found = np.linalg.norm(b.astype(float) - A.astype(float) @ mine.x.astype(float))
    assert mine.residual_norm == pytest.approx(found, rel=1e-6 if dtype == np.float64 else 1e-2)
    none = deflated_cg(A, b, M=M, rtol=rtol, space=np.empty((144, 0), dtype), recycle=0)
    assert_array_equal(none.x, mine.x)
    assert none.recycled.k == 0 and none.params["deflated"] == 0


@pytest.mark.parametrize("n", [0, 1, 2, 3, 5, 10, 50])
def test_sizes(n):
    rng = np.random.default_rng(n)
    B = rng.standard_normal((n, n))
    A = sps.csr_array(B @ B.T + np.eye(n))
    b = rng.standard_normal(n)
    r = deflated_cg(A, b, rtol=1e-10, maxiter=500)
    assert r.converged
    again = deflated_cg(A, b, rtol=1e-10, maxiter=500, space=r.recycled)
    assert again.converged
    assert_allclose(again.x, np.linalg.solve(A.toarray(), b), rtol=1e-6)
    if 1 <= n <= 10:
        assert again.iterations <= 1  # the space holds everything


def test_deflation_by_eigenvectors_removes_them():
    """The iteration sees the rest of the spectrum only: the same counts as a right-hand side without these."""
    A = diffusion2d(14, contrast=1e3)
    U = smallest(A, 8)
    b = np.random.default_rng(0).standard_normal(196)
    rest = b - A @ U @ np.linalg.solve(U.T @ A @ U, U.T @ b)
    mine = deflated_cg(A, b, M="jacobi", rtol=1e-8, space=U, recycle=0)
    other = cg(A, rest, M="jacobi", rtol=0, atol=1e-8 * np.linalg.norm(b))
    plain = cg(A, b, M="jacobi", rtol=1e-8)
    assert mine.params["deflated"] == 8
    assert abs(mine.iterations - other.iterations) <= 3
    assert mine.iterations < 0.75 * plain.iterations
    assert np.linalg.norm(b - A @ mine.x) <= 1e-8 * np.linalg.norm(b)


def test_recycled_space_matches_the_smallest_eigenvectors():
    space = None
    for A, b in sequence(12, 8, change=0.01):
        result = deflated_cg(A, b, M="jacobi", rtol=1e-8, space=space, recycle=10)
        space = result.recycled
    assert space.vectors.shape == (144, 10)
    d = np.sqrt(A.diagonal())[:, None]
    mine, true = (np.linalg.qr(d * v)[0] for v in (space.vectors, smallest(A, 5)))
    cosines = np.linalg.svd(mine.T @ true)[1]
    assert cosines.min() > 0.95


@pytest.mark.parametrize(("recycle", "share"), [(10, 0.8), (20, 0.65)])
def test_iterations_fall_along_a_sequence(recycle, share):
    """Section 5 of Saad et al.: about 0.71 and 0.53 of the iterations of CG on such diffusion systems."""
    plain = deflated = 0
    space = None
    for A, b in sequence(24, 8):
        result = deflated_cg(A, b, M="jacobi", rtol=1e-8, space=space, recycle=recycle)
        assert result.converged
        assert np.linalg.norm(b - A @ result.x) <= 1e-8 * np.linalg.norm(b)
        if space is not None:
            deflated += result.iterations
            plain += cg(A, b, M="jacobi", rtol=1e-8).iterations
        space = result.recycled
    assert deflated <= share * plain


def test_products_are_counted():
    A = poisson2d(10)
    count = 0

    def product(x):
        nonlocal count
        count += 1
        return A @ x

    operator = LinearOperator(A.shape, matvec=product, dtype=float)
    U = np.random.default_rng(0).standard_normal((100, 4))
    for x0 in (None, np.ones(100)):
        count = 0
        r = deflated_cg(operator, np.arange(100.0), x0, space=U, rtol=1e-8)
        assert r.converged and r.matvecs == count
    assert r.iterations + 4 <= count <= r.iterations + 8


def test_a_space_for_another_matrix_does_no_harm():
    A, b = next(sequence(16, 1))
    plain = cg(A, b, M="jacobi", rtol=1e-8)
    for U in (np.random.default_rng(0).standard_normal((256, 20)), np.eye(256)[:, :60], np.ones(256)):
        r = deflated_cg(A, b, M="jacobi", rtol=1e-8, space=U)
        assert r.converged and r.iterations <= 1.1 * plain.iterations
        assert np.linalg.norm(b - A @ r.x) <= 1e-8 * np.linalg.norm(b)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_dependent_and_zero_columns_are_dropped(dtype):
    A = diffusion2d(12, contrast=100.0).astype(dtype)
    U = smallest(A.astype(float), 4).astype(dtype)
    b = np.random.default_rng(0).standard_normal(144).astype(dtype)
    rtol = 1e-8 if dtype == np.float64 else 1e-4
    good = deflated_cg(A, b, rtol=rtol, M="jacobi", space=U)
    assert good.params["deflated"] == 4
    bad = np.concatenate([U, np.zeros((144, 1), dtype), U[:, :2], U @ np.ones((4, 1), dtype), -3 * U[:, :1]], axis=1)
    r = deflated_cg(A, b, rtol=rtol, M="jacobi", space=bad)
    assert r.params["deflated"] == 4
    assert r.converged and abs(r.iterations - good.iterations) <= 2
    assert r.recycled.k == 10
    singular = np.linalg.svd(r.recycled.vectors.astype(float), compute_uv=False)
    assert singular[-1] > 1e-4


def test_start_and_trivial_systems():
    A, b = next(sequence(10, 1))
    exact = np.linalg.solve(A.toarray(), b)
    space = deflated_cg(A, b, rtol=1e-8).recycled
    start = exact + 1e-3
    kept = start.copy()
    r = deflated_cg(A, b, start, space=space, rtol=1e-10)
    assert r.converged
    assert_allclose(r.x, exact, rtol=1e-6)
    assert_array_equal(start, kept)
    zero = deflated_cg(A, np.zeros(100), np.ones(100), space=space)
    assert zero.converged and zero.iterations == 0 and not zero.x.any()
    assert zero.recycled.k == 10
    assert deflated_cg(A, b, maxiter=0, space=space).status in ("maxiter", "converged")
    short = deflated_cg(A, b, rtol=1e-12, maxiter=3, residuals=True, space=space)
    assert short.status == "maxiter" and short.iterations == 3 and short.residuals.size == 4
    assert short.recycled.k == 10


def test_statuses():
    n = 30
    b = np.ones(n)
    A = sps.diags_array(np.r_[-1.0, np.arange(2.0, n + 1)]).tocsr()
    assert deflated_cg(A, b).status == "indefinite_matrix"
    found = deflated_cg(A, b, space=np.eye(n)[:, :2])
    assert found.status == "indefinite_matrix" and found.iterations == 0 and found.recycled.k == 0
    # indefinite on the space, though not along any of its columns
    C = np.eye(n)
    C[0, 1] = C[1, 0] = 2.0
    assert deflated_cg(C, b, space=np.eye(n)[:, :2]).status == "indefinite_matrix"
    assert deflated_cg(np.eye(n), b, M=-np.eye(n)).status == "indefinite_preconditioner"
    assert deflated_cg(np.diag(np.r_[np.nan, b[1:]]), b, check_finite=False).status == "non_finite"
    bad = np.ones((n, 2))
    bad[3, 1] = np.inf
    assert deflated_cg(np.eye(n), b, space=bad, check_finite=False).status == "non_finite"
    for at in (0, 15, 29):
        wrong = b.copy()
        wrong[at] = np.nan
        assert deflated_cg(np.eye(n), wrong, check_finite=False).status == "non_finite"


def test_refuses():
    A, b = poisson2d(4), np.ones(16)
    with pytest.raises(ValueError, match="space has shape"):
        deflated_cg(A, b, space=np.ones((15, 2)))
    with pytest.raises(ValueError, match="61 columns"):
        deflated_cg(A, b, space=np.ones((16, 61)))
    with pytest.raises(ValueError, match="space"):
        deflated_cg(A, b, space=np.full((16, 1), np.nan))
    with pytest.raises(ValueError, match="space is complex"):
        deflated_cg(A, b, space=np.ones((16, 1)) * 1j)
    for k in (-1, 31, 2.5):
        with pytest.raises((TypeError, ValueError), match="recycle"):
            deflated_cg(A, b, recycle=k)
        if k != 31:
            with pytest.raises((TypeError, ValueError), match="harvest"):
                deflated_cg(A, b, harvest=k)
    varying = aslinearoperator(sps.eye_array(16))
    varying.is_linear = False
    with pytest.raises(ValueError, match="use fcg"):
        deflated_cg(A, b, M=varying)
    with pytest.raises(ValueError, match="square"):
        deflated_cg(sps.csr_array(np.ones((3, 4))), np.ones(3))
    with pytest.raises(ValueError, match="b has shape"):
        deflated_cg(A, np.ones(3))


@pytest.mark.parametrize("scale", [1e-300, 1e-120, 1e120, 1e300])
def test_scales(scale):
    A, b = next(sequence(10, 1, contrast=10.0))
    space = deflated_cg(A, b, M="jacobi", rtol=1e-9).recycled
    want = deflated_cg(A, b, M="jacobi", rtol=1e-9, space=space)
    for r in (
        deflated_cg((A * scale).tocsr(), b, M="jacobi", rtol=1e-9, space=space),
        deflated_cg(A, b * scale, M="jacobi", rtol=1e-9, space=space.vectors * scale),
    ):
        assert r.converged and abs(r.iterations - want.iterations) <= 1
        assert r.recycled.k == 10 and np.isfinite(r.recycled.vectors).all()


def test_complex_hermitian():
    n = 200
    rng = np.random.default_rng(0)
    phase = np.exp(1j * rng.random(n - 1))
    A = sps.diags_array([-phase.conj(), np.full(n, 2.05), -phase], offsets=[-1, 0, 1]).tocsr()
    b = rng.standard_normal(n) + 1j * rng.standard_normal(n)
    first = deflated_cg(A, b, rtol=1e-9, recycle=8, harvest=50)
    second = deflated_cg(A, b, rtol=1e-9, space=first.recycled, recycle=8, harvest=50)
    assert first.converged and second.converged
    assert second.recycled.vectors.dtype == np.complex128
    assert np.linalg.norm(b - A @ second.x) <= 1e-9 * np.linalg.norm(b)
    values, true = np.linalg.eigh(A.toarray())
    ideal = deflated_cg(A, b, rtol=1e-9, space=true[:, :8])
    assert second.iterations <= ideal.iterations + 4 < first.iterations
    # the smallest eigenvalues lie close together: the space has found them, though not each direction
    kept = np.linalg.qr(second.recycled.vectors)[0]
    assert np.linalg.eigvalsh(kept.conj().T @ (A @ kept))[0] <= values[2]


def test_space_travels():
    A, b = next(sequence(10, 1))
    first = deflated_cg(A, b, rtol=1e-8)
    space = pickle.loads(pickle.dumps(first.recycled))
    assert_array_equal(deflated_cg(A, b, space=space).x, deflated_cg(A, b, space=first.recycled).x)
    assert_array_equal(deflated_cg(A, b, space=space).x, deflated_cg(A, b, space=np.array(space.vectors)).x)
    single = deflated_cg(A.astype(np.float32), b.astype(np.float32), space=space, rtol=1e-3)
    assert single.converged and single.recycled.dtype == np.float32
    assert deflated_cg(aslinearoperator(A), b, space=single.recycled, rtol=1e-8).converged
    assert deflated_cg(A.toarray(), b, space=list(np.ones(100)), rtol=1e-8).converged


def test_same_bits_for_any_number_of_workers():
    A = random_diffusion(110, rng=0)[0].tocsr()
    b = np.random.default_rng(0).standard_normal(A.shape[0])
    outcomes = []
    for workers in (1, 2, 4):
        first = deflated_cg(A, b, M="jacobi", maxiter=30, workers=workers)
        second = deflated_cg(A, b, M=Chebyshev(A), maxiter=10, space=first.recycled, workers=workers)
        outcomes.append((second.x, second.recycled.vectors))
    for x, vectors in outcomes[1:]:
        assert_array_equal(x, outcomes[0][0])
        assert_array_equal(vectors, outcomes[0][1])


@both
def test_backends_agree():
    out = {}
    for name in ("compiled", "numba"):
        with kriss.use_backend(name):
            space, out[name] = None, []
            for A, b in sequence(12, 3):
                r = deflated_cg(A, b, M="jacobi", rtol=1e-8, space=space, recycle=6)
                space = r.recycled
                out[name].append(r)
    for one, two in zip(out["compiled"], out["numba"], strict=True):
        assert abs(one.iterations - two.iterations) <= 1
        assert_allclose(one.x, two.x, atol=1e-6 * np.abs(one.x).max())


def test_callback():
    A, b = next(sequence(10, 1))
    seen = []
    r = deflated_cg(A, b, rtol=1e-8, callback=lambda x: seen.append(x.copy()))
    assert len(seen) == r.iterations
    assert_array_equal(seen[-1], r.x)

    def stop(x):
        with pytest.raises(ValueError, match="read-only"):
            x[0] = 1
        raise RuntimeError("stop here")

    with pytest.raises(RuntimeError, match="stop here"):
        deflated_cg(A, b, callback=stop)
    with pytest.raises(TypeError, match="callback"):
        deflated_cg(A, b, callback=3)


def test_ctrl_c():
    A = poisson2d(300)
    b = np.random.default_rng(0).standard_normal(A.shape[0])
    timer = threading.Timer(0.5, lambda: os.kill(os.getpid(), signal.SIGINT))
    started = time.perf_counter()
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        deflated_cg(A, b, rtol=0.0, maxiter=10**7)
    timer.join()
    assert time.perf_counter() - started < 5  # half a second, and what a loaded machine adds
