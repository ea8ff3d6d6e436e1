"""MINRES, flexible CG, GMRES, flexible GMRES and BiCGStab."""

import os
import signal
import threading
import time

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.sparse.linalg import LinearOperator, aslinearoperator

import kriss
from kriss.solve import bicgstab, cg, fcg, fgmres, gmres, minres
from kriss.testing import poisson2d

GENERAL = [gmres, fgmres, bicgstab]
SYMMETRIC = [minres, fcg, cg]
ALL = GENERAL + SYMMETRIC
DTYPES = [np.float64, np.float32, np.complex128, np.complex64]
TOL = {"d": 1e-9, "f": 1e-4, "D": 1e-9, "F": 1e-4}


def problem(solver, dtype, size=14):
    """A matrix that the solver is made for, and a right-hand side."""
    rng = np.random.default_rng(5)
    P = poisson2d(size).tocsr()
    n = P.shape[0]
    S = sp.diags_array([rng.standard_normal(n)], offsets=[3], shape=P.shape)
    if solver in GENERAL:
        A = P + sp.diags_array([-0.4, 0.4], offsets=[-1, 1], shape=P.shape)
        A = A + 0.3j * sp.eye_array(n) if np.dtype(dtype).kind == "c" else A
    elif np.dtype(dtype).kind == "c":
        A = P + 0.2 * sp.eye_array(n) + 0.05j * (S - S.T)
    else:
        A = P
    b = rng.standard_normal(n)
    b = b + 1j * rng.standard_normal(n) if np.dtype(dtype).kind == "c" else b
    return sp.csr_array(A).astype(dtype), b.astype(dtype)


def check(A, b, result, tol):
    assert result.status == "converged"
    residual = np.linalg.norm(b - A @ result.x)
    assert residual <= 1.01 * tol * np.linalg.norm(b)
    rounding = float(100 * np.finfo(b.dtype).eps * np.linalg.norm(b))
    assert result.residual_norm == pytest.approx(residual, rel=1e-3, abs=rounding)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("M", [None, "jacobi", "ssor", "operator"])
@pytest.mark.parametrize("solver", ALL)
def test_the_recomputed_residual_meets_the_tolerance(solver, M, dtype):
    A, b = problem(solver, dtype)
    tol = TOL[np.dtype(dtype).char]
    if M == "operator":
        d = 1 / A.diagonal()
        M = LinearOperator(A.shape, matvec=lambda r: d * np.ravel(r), dtype=dtype)
    if np.dtype(dtype).kind == "c" and M == "ssor":
        with pytest.raises(ValueError, match="M must be one of"):
            solver(A, b, M=M)
        return
    result = solver(A, b, M=M, rtol=tol)
    check(A, b, result, tol)
    assert result.x.dtype == dtype
    assert 0 < result.iterations < 300
    assert result.backend == kriss.show_config("dicts")["backend"]


@pytest.mark.parametrize("solver", [*GENERAL, minres, fcg])
def test_forms_of_the_matrix_agree(solver):
    A, b = problem(solver, np.float64)
    same = solver(A, b, rtol=1e-8)
    wide = A.copy()
    wide.indices, wide.indptr = A.indices.astype(np.int64), A.indptr.astype(np.int64)
    np.testing.assert_array_equal(solver(wide, b, rtol=1e-8).x, same.x)
    for other in (aslinearoperator(A), A.toarray(), A.tobsr((2, 2)), A.tocsc(), A.todia()):
        result = solver(other, b, rtol=1e-8)
        check(A, b, result, 1e-8)
        # rounding alone differs; BiCGStab magnifies it most
        np.testing.assert_allclose(result.x, same.x, atol=2e-6 * np.abs(same.x).max())


@pytest.mark.parametrize("solver", [gmres, minres, fcg, bicgstab])
def test_workers_do_not_matter(solver):
    A, b = problem(solver, np.float64, size=110)
    one = solver(A, b, maxiter=20, workers=1)
    for workers in (2, 4):
        np.testing.assert_array_equal(solver(A, b, maxiter=20, workers=workers).x, one.x)


@pytest.mark.parametrize("solver", [*GENERAL, minres, fcg])
@pytest.mark.parametrize("dtype", [np.float64, np.complex64])
def test_backends_agree(solver, dtype):
    A, b = problem(solver, dtype)
    options = {"rtol": 0.0, "maxiter": 12}
    found = {}
    for backend in ("compiled", "numba"):
        try:
            with kriss.use_backend(backend):
                found[backend] = solver(A, b, M="jacobi", residuals=True, **options)
        except RuntimeError:
            pytest.skip(f"no {backend} here")
    a, c = found.values()
    assert a.iterations == c.iterations == 12
    # the same operations in the same order; small sums of the GMRES problem may be ordered differently
    np.testing.assert_allclose(a.x, c.x, rtol=2e3 * np.finfo(b.dtype).eps, atol=2e3 * np.finfo(b.dtype).eps)
    np.testing.assert_allclose(a.residuals, c.residuals, rtol=2e3 * np.finfo(b.dtype).eps)


@pytest.mark.parametrize("solver", ALL)
@pytest.mark.parametrize("n", [0, 1, 2, 3, 5, 10, 50])
def test_sizes(solver, n):
    rng = np.random.default_rng(n)
    Q = rng.standard_normal((n, n))
    A = sp.csr_array(Q @ Q.T + n * np.eye(n) if solver in SYMMETRIC else Q + 4 * np.sqrt(n) * np.eye(n))
    b = rng.standard_normal(n)
    result = solver(A, b, rtol=1e-10)
    assert result.converged and result.x.shape == (n,)
    assert np.linalg.norm(b - A @ result.x) <= 1e-10 * np.linalg.norm(b)


@pytest.mark.parametrize("solver", ALL)
def test_trivial_starts(solver):
    A, b = problem(solver, np.float64)
    zero = solver(A, np.zeros_like(b), x0=b)
    assert zero.converged and not zero.x.any() and zero.iterations == 0
    x = solver(A, b, rtol=1e-10).x
    warm = solver(A, b, x0=x, rtol=1e-8)
    assert warm.iterations == 0 and warm.converged
    np.testing.assert_array_equal(warm.x, x)
    half = solver(A, b, x0=0.999 * x, rtol=1e-8)
    check(A, b, half, 1e-8)


@pytest.mark.parametrize("solver", ALL)
@pytest.mark.parametrize("scale", [1e-300, 1e-150, 1e150, 1e290])
def test_scales(solver, scale):
    A, b = problem(solver, np.float64, size=8)
    plain = solver(A, b, rtol=1e-8)
    power = 2.0 ** round(np.log2(scale))
    of_b = solver(A, b * power, rtol=1e-8)
    np.testing.assert_array_equal(of_b.x, plain.x * power)
    both = solver(A * power, b * power, rtol=1e-8)
    np.testing.assert_array_equal(both.x, plain.x)


@pytest.mark.parametrize("solver", ALL)
@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("place", [0, 30, -1])
def test_not_finite(solver, bad, place):
    A, b = problem(solver, np.float64, size=8)
    worse = b.copy()
    worse[place] = bad
    with pytest.raises(ValueError, match="b contains"):
        solver(A, worse)
    assert solver(A, worse, check_finite=False).status == "non_finite"
    B = A.copy()
    B.data[place] = bad
    with pytest.raises(ValueError, match=r"A\.data contains"):
        solver(B, b)
    assert solver(B, b, check_finite=False).status == "non_finite"
    with pytest.raises(ValueError, match="x0 contains"):
        solver(A, b, x0=worse)


@pytest.mark.parametrize("solver", ALL)
def test_what_is_refused(solver):
    A, b = problem(solver, np.float64, size=5)
    for bad, message in [
        ((A[:, :-1], b), "square"),
        ((A, b[:-1]), "b has shape"),
        ((A, b, b[:-1]), "x0 has shape"),
        ((A, np.ones((25, 2, 2))), "-D"),
    ]:
        with pytest.raises(ValueError, match=message):
            solver(*bad)
    for options, kind, message in [
        ({"rtol": -1.0}, ValueError, "rtol"),
        ({"atol": np.nan}, ValueError, "atol"),
        ({"maxiter": 1.5}, TypeError, "maxiter"),
        ({"M": "nothing"}, ValueError, "M must be one of"),
        ({"M": np.ones((3, 3))}, ValueError, "M has shape"),
        ({"M": object()}, TypeError, "M must be"),
        ({"callback": 3}, TypeError, "callback"),
        ({"workers": 0}, ValueError, "workers"),
    ]:
        with pytest.raises(kind, match=message):
            solver(A, b, **options)
    with pytest.raises(TypeError, match="sparse matrix, a dense array"):
        solver(object(), b)
    if solver is not cg:
        with pytest.raises(TypeError, match="dtype"):
            solver(A, b.astype(np.longdouble))


@pytest.mark.parametrize("solver", [*GENERAL, minres, fcg])
def test_inputs_of_every_kind(solver):
    A, b = problem(solver, np.float64, size=8)
    plain = solver(A, b, rtol=1e-6).x
    frozen = b.copy()
    frozen.flags.writeable = False
    unaligned = np.zeros(b.nbytes + 1, np.uint8)[1:].view(float)
    unaligned[:] = b
    for other in (frozen, b[::-1].copy()[::-1], list(b), b.astype(">f8"), unaligned, np.asfortranarray(b)):
        before = np.array(other)
        np.testing.assert_array_equal(solver(A, other, rtol=1e-6).x, plain)
        np.testing.assert_array_equal(np.array(other), before)
    assert solver(A, np.ones(64, int), rtol=1e-6).x.dtype == np.float64
    assert solver(A.astype(np.float32), b, rtol=1e-6).x.dtype == np.float64


@pytest.mark.parametrize("solver", ALL)
def test_callback_and_history(solver):
    A, b = problem(solver, np.float64)
    seen = []
    result = solver(A, b, callback=lambda xk: seen.append(xk.copy()), residuals=True, rtol=1e-8)
    np.testing.assert_allclose(seen[-1], result.x, rtol=1e-12, atol=0)
    assert len(result.residuals) == result.iterations + 1
    assert result.residuals[0] == pytest.approx(np.linalg.norm(b))
    if solver in (gmres, fgmres, minres):
        assert (np.diff(result.residuals) <= 1e-12 * result.residuals[0]).all()
    if solver not in (gmres, fgmres):
        assert len(seen) == result.iterations
        for k in (1, len(seen) // 2):
            assert np.linalg.norm(b - A @ seen[k - 1]) == pytest.approx(result.residuals[k], rel=1e-6)

    def stop(xk):
        assert not xk.flags.writeable
        raise LookupError("enough")

    with pytest.raises(LookupError, match="enough"):
        solver(A, b, callback=stop)


@pytest.mark.parametrize("solver", ALL)
def test_operators_that_misbehave(solver):
    A, b = problem(solver, np.float64, size=6)

    def raising(x):
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        solver(LinearOperator(A.shape, matvec=raising, dtype=float), b)
    with pytest.raises(RuntimeError, match="broken"):
        solver(A, b, M=LinearOperator(A.shape, matvec=raising, dtype=float))
    kept = []

    def keeps(x):
        kept.append(x)
        return A @ x

    result = solver(LinearOperator(A.shape, matvec=keeps, dtype=float), b, rtol=1e-8)
    check(A, b, result, 1e-8)
    assert all(np.isfinite(x).all() for x in kept)


class Varying(LinearOperator):
    """An inner iteration of a different accuracy every time."""

    is_linear = False

    def __init__(self, A):
        super().__init__(np.dtype(float), A.shape)
        self.A, self.calls = A, 0

    def _matvec(self, r):
        self.calls += 1
        return cg(self.A, np.ravel(r), rtol=10.0 ** -(1 + self.calls % 2)).x


@pytest.mark.parametrize("solver", [cg, minres, gmres, bicgstab])
def test_a_varying_preconditioner_is_refused(solver):
    A = poisson2d(10)
    with pytest.raises(ValueError, match="fgmres" if solver in GENERAL else "fcg"):
        solver(A, np.ones(100), M=Varying(A))


@pytest.mark.parametrize("solver", [fcg, fgmres])
def test_a_varying_preconditioner_is_used(solver):
    A = poisson2d(30)
    b = np.random.default_rng(1).standard_normal(900)
    result = solver(A, b, M=Varying(A), rtol=1e-9)
    check(A, b, result, 1e-9)
    assert result.iterations < 12


def test_more_memory_helps_a_varying_preconditioner():
    A = poisson2d(40)
    b = np.random.default_rng(1).standard_normal(1600)
    noise = np.random.default_rng(2)
    exact = sp.linalg.splu(A.tocsc())

    class Noisy(LinearOperator):
        is_linear = False

        def _matvec(self, r):
            z = exact.solve(np.ravel(r))
            return z + 0.1 * np.linalg.norm(z) / 40 * noise.standard_normal(1600)

    counts = [fcg(A, b, M=Noisy(np.dtype(float), A.shape), rtol=1e-8, memory=m).iterations for m in (1, 10)]
    assert counts[1] <= counts[0] < 60


@pytest.mark.parametrize("memory", [1, 3])
def test_flexible_cg_with_a_fixed_preconditioner_is_cg(memory):
    A, b = problem(fcg, np.float64, size=20)
    plain, flexible = cg(A, b, M="jacobi", rtol=1e-8), fcg(A, b, M="jacobi", rtol=1e-8, memory=memory)
    assert abs(plain.iterations - flexible.iterations) <= 1
    np.testing.assert_allclose(flexible.x, plain.x, rtol=1e-6)


def test_minres_is_the_minimal_residual():
    A = (poisson2d(9) - 1.3 * sp.eye_array(81)).tocsr()
    b = np.random.default_rng(2).standard_normal(81)
    K = [b]
    for _ in range(5):
        K.append(A @ K[-1])
    for k in range(1, 6):
        V = np.linalg.qr(np.array(K[:k]).T)[0]
        y = np.linalg.lstsq(A @ V, b, rcond=None)[0]
        result = minres(A, b, maxiter=k, rtol=0.0)
        np.testing.assert_allclose(result.residual_norm, np.linalg.norm(b - A @ V @ y), rtol=1e-9)
        generic = gmres(A, b, maxiter=k, rtol=0.0)
        np.testing.assert_allclose(generic.residual_norm, result.residual_norm, rtol=1e-9)


def test_minres_shift_and_indefinite():
    A = poisson2d(20)
    b = np.random.default_rng(2).standard_normal(400)
    B = (A - 1.7 * sp.eye_array(400)).tocsr()
    result = minres(A, b, shift=1.7, rtol=1e-8)
    check(B, b, result, 1e-8)
    assert cg(B, b).status == "indefinite_matrix"
    assert fcg(B, b).status == "indefinite_matrix"
    check(B, b, minres(B, b, M=sp.diags_array(np.linspace(1, 2, 400)), rtol=1e-8), 1e-8)
    negative = -sp.eye_array(400)
    for solver in (minres, fcg, cg):
        assert solver(A, b, M=negative).status == "indefinite_preconditioner"


def test_minres_of_an_inconsistent_system():
    A = sp.csr_array(np.diag([1.0, 2.0, 3.0, 0.0]))
    result = minres(A, np.ones(4), rtol=1e-8)
    assert result.status == "stagnated"
    assert result.residual_norm == pytest.approx(1.0)
    np.testing.assert_allclose(result.x[:3], [1, 1 / 2, 1 / 3])


@pytest.mark.parametrize("solver", [cg, fcg, minres])
@pytest.mark.parametrize("M", [None, "jacobi"])
def test_null_space(solver, M):
    L = sp.diags_array([-1.0, 2.0, -1.0], offsets=[-1, 0, 1], shape=(30, 30)).tolil()
    L[0, 0] = L[-1, -1] = 1
    L = sp.csr_array(sp.kronsum(L, L))
    b = np.random.default_rng(2).standard_normal(900)
    consistent = b - b.mean()
    for space in ("constant", np.ones(900), np.ones((900, 1))):
        result = solver(L, b, M=M, nullspace=space, rtol=1e-9)
        check(L, consistent, result, 1e-9)
        assert abs(result.x.mean()) <= 1e-12 * np.abs(result.x).max()
    for wrong in (np.zeros(900), np.ones(3), np.ones((900, 2)), "steady"):
        with pytest.raises(ValueError, match="nullspace"):
            solver(L, b, nullspace=wrong)


@pytest.mark.parametrize("dtype", [np.float64, np.complex128])
def test_gmres_breakdown(dtype):
    A = sp.csr_array(np.array([[0, 1, 0], [0, 0, 1], [0, 0, 0]], dtype))
    assert gmres(A, np.array([1, 0, 0], dtype)).status in ("breakdown", "stagnated")
    result = gmres(A, np.array([0, 0, 1], dtype))
    assert result.status in ("breakdown", "stagnated") and result.residual_norm == pytest.approx(1.0)
    exact = gmres(sp.csr_array(np.eye(5, dtype=dtype)), np.ones(5, dtype))
    assert exact.converged and exact.iterations == 1


@pytest.mark.parametrize("solver", [gmres, fgmres])
@pytest.mark.parametrize("dtype", DTYPES)
def test_gmres_of_an_inconsistent_system_does_not_run_away(solver, dtype):
    """The pivot of the null space is rounding, not zero: dividing by it gave an x of 1e16."""
    A = sp.csr_array(np.diag([1.0, 2.0, 0.0, 0.0]).astype(dtype))
    result = solver(A, np.array([1, 1, 1, 0], dtype))
    assert result.status == "breakdown"
    assert result.residual_norm == pytest.approx(1.0, rel=1e-3)
    np.testing.assert_allclose(result.x[:2], [1, 0.5], rtol=1e-3)
    Q = np.linalg.qr(np.random.default_rng(0).standard_normal((8, 8)))[0]
    for rank in (3, 5, 7):
        B = (Q * np.append(np.linspace(1, 2, rank), np.zeros(8 - rank))) @ Q.T
        b = np.ones(8, dtype)
        result = solver(sp.csr_array(B.astype(dtype)), b, maxiter=100)
        assert result.status in ("breakdown", "stagnated", "maxiter")
        least = np.linalg.norm(b - B @ np.linalg.lstsq(B, b, rcond=1e-6)[0])
        # noise of up to a tenth of the residual is let through, which float32 has
        assert result.residual_norm <= least + 0.1 * np.linalg.norm(b)


def test_gmres_restarts():
    A, b = problem(gmres, np.float64)
    counts = [gmres(A, b, restart=m, rtol=1e-8).iterations for m in (5, 20, 200)]
    assert counts[2] <= counts[1] <= counts[0]
    assert gmres(A, b, restart=1, maxiter=3).iterations == 3
    big = gmres(A, b, restart=190, rtol=1e-12)  # more vectors than one pass takes
    check(A, b, big, 1e-12)
    rotation = sp.csr_array(np.array([[0.0, 1.0], [-1.0, 0.0]]))
    assert gmres(rotation, np.array([1.0, 0.0]), restart=1).status == "stagnated"


def test_bicgstab_breaks_down_honestly():
    A = sp.csr_array(np.array([[0.0, 1.0], [-1.0, 0.0]]))
    result = bicgstab(A, np.array([1.0, 0.0]))
    assert result.status in ("breakdown", "converged", "maxiter")
    assert result.residual_norm == pytest.approx(np.linalg.norm([1, 0] - A @ result.x))


def test_check_symmetric():
    A = poisson2d(20).tocsr()
    assert cg(A, np.ones(400), check_symmetric=True).converged
    B = A.copy()
    B.data[7] += 1e-7
    with pytest.raises(ValueError, match="not symmetric"):
        cg(B, np.ones(400), check_symmetric=True)
    with pytest.raises(ValueError, match="not symmetric"):
        cg(aslinearoperator(B), np.ones(400), check_symmetric=True)
    C, c = problem(fcg, np.complex128)
    assert cg(C, c, check_symmetric=True).converged
    with pytest.raises(ValueError, match="not symmetric"):
        cg(sp.csr_array(C + 1e-6j * sp.eye_array(C.shape[0])), c, check_symmetric=True)


@pytest.mark.parametrize("M", [None, "jacobi", "ssor"])
def test_mixed_precision_reaches_float64_accuracy(M):
    A = poisson2d(40)
    b = np.random.default_rng(0).standard_normal(1600)
    seen = []
    result = cg(A, b, mixed=True, M=M, rtol=1e-12, residuals=True, callback=lambda x: seen.append(1))
    check(A, b, result, 1e-12)
    assert 2 <= result.params["corrections"] <= 6 and len(seen) == result.params["corrections"]
    assert len(result.residuals) == result.iterations + 1
    assert cg(A, b * 1e-200, mixed=True, M=M, rtol=1e-12).converged
    for bad in ({"M": np.eye(1600)}, {"M": A}):
        with pytest.raises(TypeError, match="mixed"):
            cg(A, b, mixed=True, **bad)
    with pytest.raises(ValueError, match="float64"):
        cg(A.astype(np.float32), b.astype(np.float32), mixed=True)
    assert cg(A, b, mixed=True, M=M, rtol=1e-12, maxiter=3).status == "maxiter"


@pytest.mark.parametrize("solver", [gmres, minres, fcg, bicgstab])
def test_interrupt(solver):
    A, b = problem(solver, np.float64, size=200)

    solver(A, b, maxiter=3)  # compiled by now, on Numba
    sent = []

    def press():
        sent.append(time.perf_counter())
        os.kill(os.getpid(), signal.SIGINT)

    def forever():
        while True:
            solver(A, b, rtol=0.0, maxiter=10**9)

    timer = threading.Timer(0.3, press)
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        forever()
    assert time.perf_counter() - sent[0] < 0.5
    timer.join()


def test_eight_threads_at_once():
    A, b = problem(gmres, np.float64)
    expected = [s(A, b, rtol=1e-8).x for s in (gmres, bicgstab)]
    failures = []

    def run(k):
        solver = (gmres, bicgstab)[k % 2]
        for _ in range(3):
            if not np.array_equal(solver(A, b, rtol=1e-8).x, expected[k % 2]):
                failures.append(k)

    threads = [threading.Thread(target=run, args=(k,)) for k in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not failures
