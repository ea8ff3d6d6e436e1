"""GCRO-DR: against a textbook in NumPy, over sequences of related systems, and on spaces that are no use."""

import os
import signal
import threading
import time

import numpy as np
import pytest
import scipy.linalg as sl
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse.linalg import LinearOperator, aslinearoperator

import kriss
from kriss.solve import cg, gcrodr, gmres
from kriss.testing import convection_diffusion2d, gaussian_field, helmholtz2d, poisson2d
from kriss.testing._grids import finite_volumes

DTYPES = [np.float64, np.float32, np.complex128, np.complex64]
TOL = {"d": 1e-9, "f": 1e-4, "D": 1e-9, "F": 1e-4}


def problem(dtype, size=14, seed=5):
    rng = np.random.default_rng(seed)
    n = size * size
    A = poisson2d(size) + sp.diags_array([-0.4, 0.4], offsets=[-1, 1], shape=(n, n))
    b = rng.standard_normal(n)
    if np.dtype(dtype).kind == "c":
        A = A + 0.1j * sp.eye_array(n)
        b = b + 1j * rng.standard_normal(n)
    return sp.csr_array(A).astype(dtype), b.astype(dtype)


def related(count, size, change=0.3, seed=0):
    """Diffusion through log-normal fields that differ a little from system to system."""
    fields = [gaussian_field(size, variance=2.0, lengthscale=0.05, rng=10 * seed + i) for i in range(3)]
    rng = np.random.default_rng(seed)
    for _ in range(count):
        mu = change * (rng.random(2) - 0.5)
        yield finite_volumes(np.exp(fields[0] + mu[0] * fields[1] + mu[1] * fields[2])), rng.standard_normal(size**2)


def check(A, b, result, tol):
    assert result.status == "converged"
    residual = np.linalg.norm(b - A @ result.x)
    assert residual <= 1.01 * tol * np.linalg.norm(b)
    rounding = float(100 * np.finfo(b.dtype).eps * np.linalg.norm(b))
    assert result.residual_norm == pytest.approx(residual, rel=1e-3, abs=rounding)


def textbook(A, b, m, k, rtol, diagonal=None, X=None):
    """Algorithm 2 of Parks et al. with dense least squares and the generalised eigenproblem as published.

    Returns x, products and X, with M the diagonal matrix of `diagonal`.
    """
    n = len(b)
    D = np.ones(n) if diagonal is None else diagonal
    x, r, products = np.zeros(n, b.dtype), b.copy(), 0
    C = X_ = np.zeros((n, 0), b.dtype)
    if X is not None and X.shape[1]:
        C, R = np.linalg.qr(A @ X)
        X_ = np.linalg.solve(R.T, X.T).T
        products += X.shape[1]
    while True:
        x, r = x + X_ @ (C.conj().T @ r), r - C @ (C.conj().T @ r)
        beta = np.linalg.norm(r)
        if beta <= rtol * np.linalg.norm(b):
            return x, products, X_
        kept = C.shape[1]
        V, H, B = [r / beta], np.zeros((m + 1, m), b.dtype), np.zeros((kept, m), b.dtype)
        for j in range(m - kept):
            w = A @ (V[j] / D)
            products += 1
            for _ in range(2):
                for i in range(kept):
                    h = np.vdot(C[:, i], w)
                    B[i, j] += h
                    w = w - h * C[:, i]
                for i in range(j + 1):
                    h = np.vdot(V[i], w)
                    H[i, j] += h
                    w = w - h * V[i]
            H[j + 1, j] = np.linalg.norm(w)
            V.append(w / H[j + 1, j])
            s = j + 1
            rhs = np.zeros(s + 1, b.dtype)
            rhs[0] = beta
            y = np.linalg.lstsq(H[: s + 1, :s], rhs, rcond=None)[0]
            if np.linalg.norm(rhs - H[: s + 1, :s] @ y) <= rtol * np.linalg.norm(b):
                break
        V = np.array(V).T
        U = D[:, None] * X_
        d = np.diag(1 / np.linalg.norm(U, axis=0))
        G = np.block([[d, B[:, :s]], [np.zeros((s + 1, kept)), H[: s + 1, :s]]])
        W, Vhat = np.hstack([C, V]), np.hstack([U @ d, V[:, :s]])
        y = np.linalg.lstsq(G, W.conj().T @ r, rcond=None)[0]
        x, r = x + (Vhat @ y) / D, r - W @ (G @ y)
        theta, E = sl.eig(G.conj().T @ G, G.conj().T @ W.conj().T @ Vhat)
        picked = []
        order = list(np.argsort(np.abs(theta), kind="stable"))
        while order and len(picked) < k:
            i = order.pop(0)
            if np.iscomplexobj(b) or theta[i].imag == 0:
                picked.append(E[:, i] if np.iscomplexobj(b) else E[:, i].real)
            else:
                order.pop(0)
                if len(picked) + 2 <= k:
                    picked += [E[:, i].real, E[:, i].imag]
        Gk = np.array(picked).T
        Q, R = np.linalg.qr(G @ Gk)
        C, X_ = W @ Q, (Vhat @ Gk @ np.linalg.inv(R)) / D[:, None]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("M", [None, "jacobi", "ssor", "operator"])
def test_the_recomputed_residual_meets_the_tolerance(M, dtype):
    A, b = problem(dtype)
    tol = TOL[np.dtype(dtype).char]
    if M == "operator":
        d = 1 / A.diagonal()
        M = LinearOperator(A.shape, matvec=lambda r: d * np.ravel(r), dtype=dtype)
    if np.dtype(dtype).kind == "c" and M == "ssor":
        M = "jacobi"
    first = gcrodr(A, b, M=M, rtol=tol, restart=20, recycle=6)
    check(A, b, first, tol)
    assert first.x.dtype == dtype and first.recycled.dtype == dtype
    assert first.recycled.n == A.shape[0] and 1 <= first.recycled.k <= 6
    assert (first.recycled.directions is None) == (M is None)
    again = gcrodr(A, b[::-1].copy(), M=M, rtol=tol, restart=20, recycle=6, space=first.recycled)
    check(A, b[::-1], again, tol)
    assert again.iterations < first.iterations
    assert first.backend == kriss.show_config("dicts")["backend"]


@pytest.mark.parametrize("kind", ["real", "complex", "jacobi"])
def test_the_textbook(kind):
    """The same products, to a few steps, and the same space as the published algorithm."""
    if kind == "complex":
        A, b = helmholtz2d(14, 9.0, damping=0.2).tocsr(), np.random.default_rng(1).standard_normal(196).astype(complex)
    elif kind == "real":
        A, b = convection_diffusion2d(16, 0.02).tocsr(), np.random.default_rng(1).standard_normal(256)
    else:
        A, b = next(iter(related(1, 16)))
    d = A.diagonal() if kind == "jacobi" else None
    M = "jacobi" if kind == "jacobi" else None
    options = {"restart": 16, "recycle": 5, "rtol": 1e-8, "M": M}
    x, products, X = textbook(A, b, 16, 5, 1e-8, d)
    ours = gcrodr(A, b, **options)
    check(A, b, ours, 1e-8)
    assert ours.iterations == pytest.approx(products, abs=2, rel=0.02)
    again = textbook(A, b[::-1], 16, 5, 1e-8, d, X)
    second = gcrodr(A, b[::-1], space=ours.recycled, **options)
    assert second.iterations + ours.recycled.k == pytest.approx(again[1], abs=2, rel=0.02)
    np.testing.assert_allclose(second.x, again[0], atol=1e-5 * np.abs(again[0]).max())


def test_one_cycle_is_the_minimum_over_the_space():
    """After one cycle the residual is the least over x in span(X) + K_s, as least squares say."""
    A, b = problem(np.float64, 8)
    rng = np.random.default_rng(0)
    X = rng.standard_normal((64, 4))
    result = gcrodr(A, b, restart=10, recycle=4, space=X, maxiter=6, rtol=0.0)
    C = np.linalg.qr(A @ X)[0]
    P = np.eye(64) - C @ C.T
    K = [P @ b]
    for _ in range(5):
        K.append(P @ (A @ K[-1]))
    basis = np.hstack([X, np.linalg.qr(np.array(K).T)[0]])
    y = np.linalg.lstsq(A @ basis, b, rcond=None)[0]
    np.testing.assert_allclose(result.residual_norm, np.linalg.norm(b - A @ basis @ y), rtol=1e-9)
    assert result.iterations == 6 and result.matvecs >= 10 and result.status == "maxiter"


@pytest.mark.parametrize("dtype", DTYPES)
def test_without_recycling_it_is_gmres(dtype):
    A, b = problem(dtype, 20)
    tol = TOL[np.dtype(dtype).char]
    for M in (None, "jacobi"):
        for restart in (7, 30, 500):
            plain = gmres(A, b, M=M, restart=restart, rtol=tol, residuals=True)
            ours = gcrodr(A, b, M=M, restart=restart, recycle=0, rtol=tol, residuals=True)
            check(A, b, ours, tol)
            assert abs(ours.iterations - plain.iterations) <= (0 if np.dtype(dtype).char in "dD" else 1)
            assert ours.matvecs <= plain.matvecs
            assert ours.recycled.k == 0
            m = min(len(ours.residuals), len(plain.residuals), restart)
            np.testing.assert_allclose(ours.residuals[:m], plain.residuals[:m], rtol=1e4 * np.finfo(dtype).eps)


def test_the_kept_space_is_that_of_the_smallest_eigenvalues():
    n = 300
    A = sp.diags_array(np.concatenate([[1e-4, 2e-4, 5e-4, 1e-3], np.linspace(1, 2, n - 4)])).tocsr()
    b = np.random.default_rng(3).standard_normal(n)
    result = gcrodr(A, b, restart=20, recycle=4, rtol=1e-10)
    Q = np.linalg.qr(result.recycled.vectors)[0]
    assert np.linalg.svd(Q[:4])[1].min() > 0.999
    deflated = gcrodr(A, b[::-1].copy(), restart=20, recycle=4, rtol=1e-10, space=result.recycled)
    # what is left has a condition of 2: (1 - 1/sqrt(2)) / (1 + 1/sqrt(2)) = 0.17 a step
    assert deflated.iterations <= 20 < result.iterations


def test_pairs_stay_together():
    """A real matrix with complex eigenvalues next to zero: a real space that holds both of a pair."""
    rng = np.random.default_rng(0)
    small = [np.array([[a, w], [-w, a]]) for a, w in ((1e-3, 2e-3), (2e-3, 4e-3), (5e-3, 9e-3))]
    A = sp.csr_array(sl.block_diag(*small, np.diag(np.linspace(1, 2, 194))))
    b = rng.standard_normal(200)
    for recycle in (6, 7):
        result = gcrodr(A, b, restart=24, recycle=recycle, rtol=1e-10)
        check(A, b, result, 1e-10)
        Q = np.linalg.qr(result.recycled.vectors)[0]
        assert np.linalg.svd(Q[:6])[1].min() > 0.99
        assert gcrodr(A, b, restart=24, recycle=recycle, rtol=1e-10, space=result.recycled).iterations <= 25
    # five places: two pairs, and the last one does not hold half of the third
    result = gcrodr(A, b, restart=24, recycle=5, rtol=1e-10)
    check(A, b, result, 1e-10)
    assert np.linalg.svd(np.linalg.qr(result.recycled.vectors)[0][:4])[1].min() > 0.99


def test_a_sequence_pays():
    """Section 5 of Parks et al. in kind: fewer products than without the space of the last system, and than GMRES."""
    totals = dict.fromkeys(("gmres", "alone", "recycled"), 0)
    space = None
    for A, b in related(6, 32):
        options = {"rtol": 1e-8, "M": "jacobi"}
        totals["gmres"] += gmres(A, b, **options).matvecs
        totals["alone"] += gcrodr(A, b, **options).matvecs
        result = gcrodr(A, b, space=space, **options)
        check(A, b, result, 1e-8)
        totals["recycled"] += result.matvecs
        space = result.recycled
    assert totals["alone"] < 0.75 * totals["gmres"]
    assert totals["recycled"] < 0.8 * totals["alone"]


@pytest.mark.slow
def test_thirty_systems():
    """Thirty systems on 64 x 64: recycling saves a good part, and CG with MIC needs a third of what is left."""
    totals = dict.fromkeys(("gmres", "dr", "dr recycled", "dr 50", "dr 50 recycled", "cg", "mic"), 0)
    space = wide = None
    for A, b in related(30, 64):
        options = {"rtol": 1e-8, "M": "jacobi"}
        totals["gmres"] += gmres(A, b, **options).matvecs
        totals["dr"] += gcrodr(A, b, **options).matvecs
        totals["dr 50"] += gcrodr(A, b, restart=50, recycle=20, **options).matvecs
        first = gcrodr(A, b, space=space, **options)
        second = gcrodr(A, b, restart=50, recycle=20, space=wide, **options)
        space, wide = first.recycled, second.recycled
        totals["dr recycled"] += first.matvecs
        totals["dr 50 recycled"] += second.matvecs
        totals["cg"] += cg(A, b, **options).iterations
        totals["mic"] += cg(A, b, rtol=1e-8, M="mic").iterations
    assert totals["dr"] < 0.6 * totals["gmres"]
    assert totals["dr recycled"] < 0.8 * totals["dr"]
    assert totals["dr 50 recycled"] < 0.65 * totals["dr 50"]
    assert totals["dr 50 recycled"] < totals["cg"]
    assert totals["mic"] < 0.4 * totals["dr 50 recycled"]


def test_a_space_outlives_its_preconditioner_and_its_matrix():
    (A, b), (B, c) = related(2, 24)
    space = gcrodr(A, b, M="jacobi", rtol=1e-8).recycled
    for M in (None, "jacobi", "ssor"):
        alone = gcrodr(B, c, M=M, rtol=1e-8, maxiter=20000)
        other = gcrodr(B, c, M=M, rtol=1e-8, space=space, maxiter=20000)
        check(B, c, other, 1e-8)
        assert other.iterations < alone.iterations
    plain = gcrodr(A, b, rtol=1e-8, maxiter=20000).recycled
    assert plain.directions is None
    check(B, c, gcrodr(B, c, M="jacobi", rtol=1e-8, space=plain), 1e-8)
    check(B, c, gcrodr(B, c, M=sp.diags_array(1e9 / B.diagonal()), rtol=1e-8, space=space), 1e-8)
    check(1e120 * B, 1e120 * c, gcrodr(1e120 * B, 1e120 * c, M="jacobi", rtol=1e-8, space=space), 1e-8)


def test_what_is_refused():
    A, b = problem(np.float64, 6)
    for options, kind, message in [
        ({"recycle": 30}, ValueError, "recycle must be below restart, which is 30, not 30"),
        ({"recycle": -1}, ValueError, "recycle"),
        ({"recycle": 65, "restart": 100}, ValueError, "recycle"),
        ({"recycle": 2.5}, TypeError, "recycle"),
        ({"restart": 0}, ValueError, "restart"),
        ({"space": np.ones((36, 2)) * np.nan}, ValueError, "space contains"),
        ({"space": np.ones((36, 2)) * 1j}, ValueError, "space is complex"),
        ({"space": np.ones((2, 36))}, ValueError, r"space has shape \(2, 36\)"),
        ({"space": np.ones((36, 2, 1))}, ValueError, "space has shape"),
        ({"space": "last"}, TypeError, "space"),
        ({"space": [[1.0], [2.0, 3.0]]}, ValueError, "space"),
        ({"space": object()}, TypeError, "space"),
        ({"rtol": -1.0}, ValueError, "rtol"),
        ({"M": "nothing"}, ValueError, "M must be one of"),
        ({"callback": 3}, TypeError, "callback"),
    ]:
        with pytest.raises(kind, match=message):
            gcrodr(A, b, **options)


@pytest.mark.parametrize("n", [0, 1, 2, 3, 5, 10, 50])
def test_sizes(n):
    rng = np.random.default_rng(n)
    A = sp.csr_array(rng.standard_normal((n, n)) + 4 * np.sqrt(n) * np.eye(n))
    b = rng.standard_normal(n)
    for recycle in (0, 1, 10):
        result = gcrodr(A, b, rtol=1e-10, recycle=recycle)
        assert result.converged and result.x.shape == (n,)
        assert np.linalg.norm(b - A @ result.x) <= 1e-10 * np.linalg.norm(b)
        again = gcrodr(A, b, rtol=1e-10, recycle=recycle, space=result.recycled)
        assert again.converged and again.recycled.n == n
        full = gcrodr(A, b, rtol=1e-10, recycle=recycle, space=np.eye(n))
        assert full.converged and full.recycled.k <= max(n - 1, 0)


def test_trivial_starts():
    A, b = problem(np.float64)
    space = gcrodr(A, b, restart=12, recycle=4).recycled
    for start in (None, space):
        zero = gcrodr(A, np.zeros_like(b), x0=b, space=start)
        assert zero.converged and not zero.x.any() and zero.iterations == zero.matvecs == 0
        x = gcrodr(A, b, rtol=1e-10, space=start).x
        warm = gcrodr(A, b, x0=x, rtol=1e-8, space=start)
        assert warm.iterations == 0 and warm.converged
        np.testing.assert_array_equal(warm.x, x)
        none = gcrodr(A, b, maxiter=0, space=start)
        assert none.status == "maxiter" and none.iterations == 0
        for result in (zero, warm, none):
            assert result.recycled is start or result.recycled.k == 0
        check(A, b, gcrodr(A, b, x0=0.999 * x, rtol=1e-8, space=start), 1e-8)
    assert gcrodr(A, np.zeros_like(b), space=np.ones((196, 2))).recycled.k == 2


@pytest.mark.parametrize("dtype", [np.float64, np.complex128])
def test_a_space_that_holds_the_solution(dtype):
    A, b = problem(dtype)
    x = np.linalg.solve(A.toarray(), b)
    for space in (x, x[:, None], np.stack([b, x, b[::-1]], axis=1)):
        result = gcrodr(A, b, space=space, rtol=1e-9)
        check(A, b, result, 1e-9)
        assert result.iterations == 0 and result.recycled.k == space.reshape(196, -1).shape[1]


def test_null_vectors_are_not_kept():
    """A singular, consistent system: A maps the constant to zero, in the given space and in what is found."""
    L = sp.diags_array([-1.0, 2.0, -1.0], offsets=[-1, 0, 1], shape=(60, 60)).tolil()
    L[0, 0] = L[-1, -1] = 1
    A = L.tocsr()
    b = np.random.default_rng(2).standard_normal(60)
    b -= b.mean()
    first = gcrodr(A, b, rtol=1e-8, restart=12, recycle=4, space=np.ones((60, 1)), maxiter=2000)
    check(A, b, first, 1e-8)
    images = np.linalg.norm(A @ first.recycled.vectors, axis=0)
    np.testing.assert_allclose(images, 1.0, rtol=1e-6)
    check(A, b, gcrodr(A, b, rtol=1e-8, restart=12, recycle=4, space=first.recycled, maxiter=2000), 1e-8)
    hopeless = gcrodr(A, np.ones(60), rtol=1e-8, restart=12, recycle=4)
    assert hopeless.status in ("breakdown", "stagnated", "maxiter")
    assert hopeless.residual_norm <= np.sqrt(60) * (1 + 1e-12)
    assert hopeless.residual_norm == pytest.approx(np.linalg.norm(np.ones(60) - A @ hopeless.x))


@pytest.mark.parametrize("dtype", [np.float64, np.complex128])
def test_breakdown(dtype):
    A = sp.csr_array(np.array([[0, 1, 0], [0, 0, 1], [0, 0, 0]], dtype))
    for b in np.eye(3, dtype=dtype):
        result = gcrodr(A, b, restart=3, recycle=1)
        assert result.status in ("breakdown", "stagnated") or np.allclose(A @ result.x, b)
        assert result.residual_norm == pytest.approx(np.linalg.norm(b - A @ result.x))
    identity = sp.csr_array(np.eye(5, dtype=dtype))
    exact = gcrodr(identity, np.ones(5, dtype))
    assert exact.converged and exact.iterations == 1
    # the deflated space is invariant after two steps: three eigenvalues, one of them in the space
    A = sp.csr_array(np.diag(np.repeat([1.0, 2.0, 3.0], 20)).astype(dtype))
    start = np.zeros((60, 1), dtype)
    start[:20] = 1
    happy = gcrodr(A, np.arange(1.0, 61.0).astype(dtype), restart=10, recycle=3, space=start, rtol=1e-12)
    assert happy.converged and happy.iterations <= 3
    zero = gcrodr(sp.csr_array((4, 4), dtype=dtype), np.ones(4, dtype), space=np.ones(4))
    assert zero.status == "breakdown" and not zero.x.any()


def test_stagnation_ends():
    rotation = sp.csr_array(np.array([[0.0, 1.0], [-1.0, 0.0]]))
    assert gcrodr(rotation, np.array([1.0, 0.0]), restart=1, recycle=0).status == "stagnated"
    shift = sp.csr_array(np.roll(np.eye(40), 1, axis=0))
    b = np.eye(40)[0]
    result = gcrodr(shift, b, restart=10, recycle=3, maxiter=1000)
    # the deflated operator is singular here; the matrix is not
    assert result.status in ("converged", "stagnated") and result.iterations < 1000
    assert gcrodr(shift, b, restart=45, recycle=3, maxiter=1000, space=np.eye(40)[:, 3:6]).converged
    A, b = problem(np.float64)
    tight = gcrodr(A, b, rtol=0.0, restart=12, recycle=4, maxiter=5000)
    assert tight.status in ("stagnated", "breakdown") and tight.iterations < 2000
    assert tight.residual_norm <= 1e-13 * np.linalg.norm(b)


@pytest.mark.parametrize("dtype", [np.float64, np.complex64])
def test_backends_agree(dtype):
    A, b = problem(dtype)
    X = np.random.default_rng(8).standard_normal((196, 3))
    found = {}
    for backend in ("compiled", "numba"):
        try:
            with kriss.use_backend(backend):
                found[backend] = gcrodr(
                    A, b, M="jacobi", residuals=True, rtol=0.0, maxiter=21, restart=12, recycle=4, space=X
                )
        except RuntimeError:
            pytest.skip(f"no {backend} here")
    a, c = found.values()
    assert a.iterations == c.iterations == 21 and a.matvecs == c.matvecs
    eps = np.finfo(b.dtype).eps
    np.testing.assert_allclose(a.residuals, c.residuals, rtol=1e5 * eps)
    np.testing.assert_allclose(a.x, c.x, rtol=1e5 * eps, atol=1e5 * eps)
    assert a.recycled.k == c.recycled.k
    cosines = np.linalg.svd(np.linalg.qr(a.recycled.vectors)[0].conj().T @ np.linalg.qr(c.recycled.vectors)[0])[1]
    assert cosines.min() > 1 - 1e5 * eps


def test_workers_do_not_matter():
    A, b = problem(np.float64, 110)
    X = np.random.default_rng(8).standard_normal((A.shape[0], 3))
    options = {"maxiter": 24, "restart": 12, "recycle": 4, "space": X, "M": "jacobi"}
    one = gcrodr(A, b, workers=1, **options)
    for workers in (2, 4):
        other = gcrodr(A, b, workers=workers, **options)
        np.testing.assert_array_equal(other.x, one.x)
        np.testing.assert_array_equal(other.recycled.vectors, one.recycled.vectors)


def test_forms_of_the_matrix_agree():
    A, b = problem(np.float64)
    space = gcrodr(A, b, rtol=1e-8, restart=12, recycle=4).recycled
    same = gcrodr(A, b, rtol=1e-8, space=space)
    wide = A.copy()
    wide.indices, wide.indptr = A.indices.astype(np.int64), A.indptr.astype(np.int64)
    np.testing.assert_array_equal(gcrodr(wide, b, rtol=1e-8, space=space).x, same.x)
    for other in (aslinearoperator(A), A.toarray(), A.tobsr((2, 2)), A.tocsc(), A.todia()):
        result = gcrodr(other, b, rtol=1e-8, space=space)
        check(A, b, result, 1e-8)
        np.testing.assert_allclose(result.x, same.x, atol=1e-6 * np.abs(same.x).max())
    frozen = np.asfortranarray(space.vectors)
    unaligned = np.zeros(frozen.nbytes + 1, np.uint8)[1:].view(float).reshape(frozen.shape)
    unaligned[:] = frozen
    for form in (frozen, unaligned, frozen[::-1].copy()[::-1], frozen.astype(">f8"), frozen.tolist()):
        before = np.array(form)
        np.testing.assert_array_equal(gcrodr(A, b, rtol=1e-8, space=form).x, same.x)
        np.testing.assert_array_equal(np.array(form), before)
    check(A, b, gcrodr(A, b, rtol=1e-8, space=frozen.astype(np.float32)), 1e-8)
    check(A, b.astype(complex), gcrodr(A, b.astype(complex), rtol=1e-8, space=space), 1e-8)


@pytest.mark.parametrize("scale", [1e-300, 1e-150, 1e150, 1e290])
def test_scales(scale):
    A, b = problem(np.float64, 8)
    options = {"rtol": 1e-8, "restart": 10, "recycle": 3}
    plain = gcrodr(A, b, **options)
    power = 2.0 ** round(np.log2(scale))
    for matrix, rhs, x in ((A, b * power, plain.x * power), (A * power, b * power, plain.x)):
        result = gcrodr(matrix, rhs, **options)
        if matrix is A:
            np.testing.assert_array_equal(result.x, x)
        else:  # LAPACK is not bound to be blind to powers of two
            np.testing.assert_allclose(result.x, x, rtol=1e-10)
        again = gcrodr(matrix, rhs, space=plain.recycled, **options)
        check(A, b, gcrodr(A, b, space=result.recycled, **options), 1e-8)
        assert again.status == "converged"


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("place", [0, 30, -1])
def test_not_finite(bad, place):
    A, b = problem(np.float64, 8)
    space = gcrodr(A, b, restart=10, recycle=3).recycled
    worse = b.copy()
    worse[place] = bad
    with pytest.raises(ValueError, match="b contains"):
        gcrodr(A, worse)
    B = A.copy()
    B.data[place] = bad
    with pytest.raises(ValueError, match=r"A\.data contains"):
        gcrodr(B, b)
    for start in (None, space):
        assert gcrodr(A, worse, check_finite=False, space=start).status == "non_finite"
        result = gcrodr(B, b, check_finite=False, space=start)
        assert result.status == "non_finite" and result.matvecs < 12
    spoiling = LinearOperator(A.shape, matvec=lambda r: np.full(64, bad), dtype=float)
    assert gcrodr(A, b, M=spoiling, space=space).status == "non_finite"


def test_callback_and_history():
    A, b = problem(np.float64)
    seen = []
    options = {"restart": 12, "recycle": 4, "rtol": 1e-8}
    result = gcrodr(A, b, callback=lambda xk: seen.append(xk.copy()), residuals=True, **options)
    np.testing.assert_allclose(seen[-1], result.x, rtol=1e-12, atol=0)
    assert len(result.residuals) == result.iterations + 1
    assert (np.diff(result.residuals) <= 1e-12 * result.residuals[0]).all()
    for k, xk in enumerate(seen[:3]):
        assert np.linalg.norm(b - A @ xk) == pytest.approx(result.residuals[12 + 8 * k], rel=1e-6)

    def stop(xk):
        assert not xk.flags.writeable
        raise LookupError("enough")

    with pytest.raises(LookupError, match="enough"):
        gcrodr(A, b, callback=stop)


def test_operators_that_misbehave():
    A, b = problem(np.float64, 6)
    space = np.random.default_rng(0).standard_normal((36, 2))

    def raising(x):
        raise RuntimeError("broken")

    broken = LinearOperator(A.shape, matvec=raising, dtype=float)
    for start in (None, space):
        with pytest.raises(RuntimeError, match="broken"):
            gcrodr(broken, b, space=start)
        with pytest.raises(RuntimeError, match="broken"):
            gcrodr(A, b, M=broken, space=start)


def test_a_varying_preconditioner():
    A = poisson2d(14)
    b = np.random.default_rng(1).standard_normal(196)
    calls = []

    def inner(r):
        calls.append(0)
        return cg(A, np.ravel(r), rtol=10.0 ** -(1 + len(calls) % 2)).x

    M = LinearOperator(A.shape, matvec=inner, dtype=float)
    M.is_linear = False
    result = gcrodr(A, b, M=M, rtol=1e-9, restart=8, recycle=3)
    check(A, b, result, 1e-9)
    assert result.iterations < 14
    check(A, b, gcrodr(A, b, M=M, rtol=1e-9, restart=8, recycle=3, space=result.recycled), 1e-9)


def test_many_directions():
    """More vectors than one pass takes."""
    A, b = problem(np.float64, 20)
    result = gcrodr(A, b, rtol=1e-12, restart=90, recycle=64)
    check(A, b, result, 1e-12)
    again = gcrodr(A, b[::-1].copy(), rtol=1e-12, restart=90, recycle=64, space=result.recycled)
    check(A, b[::-1], again, 1e-12)
    assert again.iterations < result.iterations


def test_interrupt():
    A, b = problem(np.float64, 200)
    space = np.random.default_rng(0).standard_normal((A.shape[0], 5))
    gcrodr(A, b, maxiter=3, space=space)  # compiled by now, on Numba
    sent = []

    def press():
        sent.append(time.perf_counter())
        os.kill(os.getpid(), signal.SIGINT)

    def forever():
        while True:
            gcrodr(A, b, rtol=0.0, maxiter=10**9, space=space)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    timer = threading.Timer(0.3, press)
    timer.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            forever()
        assert time.perf_counter() - sent[0] < 0.5
    finally:
        timer.join()
        signal.signal(signal.SIGINT, before)


@settings(max_examples=25, deadline=None)
@given(
    n=st.integers(1, 24), restart=st.integers(1, 9), recycle=st.integers(0, 8), given_=st.integers(0, 6),
    seed=st.integers(0, 2**20), is_complex=st.booleans(),
)  # fmt: skip
def test_whatever_is_recycled_the_status_is_true(n, restart, recycle, given_, seed, is_complex):
    recycle = min(recycle, restart - 1)
    rng = np.random.default_rng(seed)
    A = rng.standard_normal((n, n)) + 2 * np.eye(n)
    b = rng.standard_normal(n)
    X = np.round(rng.standard_normal((n, given_)))  # zero and dependent columns among them
    if is_complex:
        A, b = A + 1j * rng.standard_normal((n, n)), b + 1j * rng.standard_normal(n)
    result = gcrodr(A, b, restart=restart, recycle=recycle, space=X, rtol=1e-8, maxiter=200)
    residual = np.linalg.norm(b - A @ result.x)
    assert result.residual_norm == pytest.approx(residual, rel=1e-3, abs=1e-13 * np.linalg.norm(b))
    assert (result.status == "converged") == (result.residual_norm <= 1e-8 * np.linalg.norm(b))
    assert residual <= np.linalg.norm(b) * (1 + 1e-12)
    assert np.isfinite(result.recycled.vectors).all()
    again = gcrodr(A, b, restart=restart, recycle=recycle, space=result.recycled, rtol=1e-8, maxiter=200)
    assert (again.status == "converged") == (np.linalg.norm(b - A @ again.x) <= 1e-8 * np.linalg.norm(b) * (1 + 1e-6))
