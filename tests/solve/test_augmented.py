"""LGMRES and GCROT(m, k)."""

import logging

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.sparse.linalg import LinearOperator, aslinearoperator
from scipy.sparse.linalg import gcrotmk as scipy_gcrotmk
from scipy.sparse.linalg import lgmres as scipy_lgmres

from kriss.solve import cg, gcrotmk, gmres, lgmres
from kriss.testing import poisson2d

BOTH = [lgmres, gcrotmk]
DTYPES = [np.float64, np.float32, np.complex128, np.complex64]


def problem(dtype=np.float64, size=14):
    rng = np.random.default_rng(5)
    P = poisson2d(size).tocsr()
    n = P.shape[0]
    A = P + sp.diags_array([-0.4, 0.4], offsets=[-1, 1], shape=P.shape)
    b = rng.standard_normal(n)
    if np.dtype(dtype).kind == "c":
        A, b = A + 0.3j * sp.eye_array(n), b + 1j * rng.standard_normal(n)
    return sp.csr_array(A).astype(dtype), b.astype(dtype)


def check(A, b, result, tol):
    assert result.status == "converged"
    residual = np.linalg.norm(b - A @ result.x)
    assert residual <= 1.01 * tol * np.linalg.norm(b)
    rounding = float(100 * np.finfo(b.dtype).eps * np.linalg.norm(b))
    assert result.residual_norm == pytest.approx(residual, rel=1e-3, abs=rounding)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("M", [None, "jacobi", "ssor", "operator"])
@pytest.mark.parametrize("solver", BOTH)
def test_the_recomputed_residual_meets_the_tolerance(solver, M, dtype):
    A, b = problem(dtype)
    tol = 1e-9 if np.finfo(dtype).eps < 1e-10 else 1e-4
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
    assert 0 < result.iterations < 20
    assert result.iterations < result.matvecs <= 40 * (result.iterations + 1)


@pytest.mark.parametrize("solver", BOTH)
@pytest.mark.parametrize("n", [0, 1, 2, 3, 5, 10, 50])
def test_sizes(solver, n):
    rng = np.random.default_rng(n)
    A = sp.csr_array(rng.standard_normal((n, n)) + 4 * np.sqrt(n) * np.eye(n))
    b = rng.standard_normal(n)
    result = solver(A, b, rtol=1e-10)
    assert result.converged and result.x.shape == (n,)
    assert np.linalg.norm(b - A @ result.x) <= 1e-10 * np.linalg.norm(b)


@pytest.mark.parametrize("solver", BOTH)
def test_forms_of_the_matrix_and_starts(solver):
    A, b = problem()
    same = solver(A, b, rtol=1e-8)
    for other in (aslinearoperator(A), A.toarray(), A.tocsc()):
        result = solver(other, b, rtol=1e-8)
        check(A, b, result, 1e-8)
        np.testing.assert_allclose(result.x, same.x, atol=1e-6 * np.abs(same.x).max())
    assert solver(A, np.zeros_like(b), x0=b).iterations == 0
    warm = solver(A, b, x0=same.x, rtol=1e-7)
    assert warm.converged and warm.iterations == 0
    np.testing.assert_array_equal(warm.x, same.x)
    check(A, b, solver(A, b, x0=0.9 * same.x, rtol=1e-8), 1e-8)


@pytest.mark.parametrize("scale", [1e-300, 1e-150, 1e150, 1e290])
@pytest.mark.parametrize("solver", BOTH)
def test_scales(solver, scale):
    A, b = problem(size=8)
    plain = solver(A, b, rtol=1e-8)
    power = 2.0 ** round(np.log2(scale))
    np.testing.assert_array_equal(solver(A, b * power, rtol=1e-8).x, plain.x * power)
    np.testing.assert_array_equal(solver(A * power, b * power, rtol=1e-8).x, plain.x)


@pytest.mark.parametrize("solver", BOTH)
@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("place", [0, 30, -1])
def test_not_finite(solver, bad, place):
    A, b = problem(size=8)
    worse, B = b.copy(), A.copy()
    worse[place] = B.data[place] = bad
    with pytest.raises(ValueError, match="b contains"):
        solver(A, worse)
    assert solver(A, worse, check_finite=False).status == "non_finite"
    with pytest.raises(ValueError, match=r"A\.data contains"):
        solver(B, b)
    assert solver(B, b, check_finite=False).status == "non_finite"


@pytest.mark.parametrize("solver", BOTH)
def test_limits_and_callback(solver):
    A, b = problem(size=30)
    seen = []
    short = solver(A, b, restart=5, maxiter=3, rtol=1e-12, callback=lambda xk: seen.append(xk.copy()))
    assert short.status == "maxiter" and short.iterations == 3 == len(seen) and short.info == 3
    np.testing.assert_array_equal(seen[-1], short.x)
    assert short.residual_norm == pytest.approx(np.linalg.norm(b - A @ short.x))
    seen.clear()
    full = solver(A, b, restart=5, rtol=1e-9, callback=lambda xk: seen.append(xk.copy()))
    check(A, b, full, 1e-9)
    assert len(seen) == full.iterations > 3
    norms = [np.linalg.norm(b - A @ x) for x in seen]
    assert (np.diff(norms) <= 1e-12 * norms[0]).all()
    assert solver(A, b, maxiter=0).status == "maxiter"

    def stop(xk):
        assert not xk.flags.writeable
        raise LookupError("enough")

    with pytest.raises(LookupError, match="enough"):
        solver(A, b, callback=stop)


@pytest.mark.parametrize("solver", BOTH)
def test_what_is_refused(solver):
    A, b = problem(size=5)
    for bad, message in [((A[:, :-1], b), "square"), ((A, b[:-1]), "b has shape"), ((A, b, b[:-1]), "x0 has shape")]:
        with pytest.raises(ValueError, match=message):
            solver(*bad)
    for options, kind, message in [
        ({"rtol": -1.0}, ValueError, "rtol"),
        ({"maxiter": 1.5}, TypeError, "maxiter"),
        ({"restart": 0}, ValueError, "restart"),
        ({"M": "nothing"}, ValueError, "M must be one of"),
        ({"M": np.ones((3, 3))}, ValueError, "M has shape"),
        ({"augment": -1} if solver is lgmres else {"truncate": "some"}, ValueError, "augment|truncate"),
    ]:
        with pytest.raises(kind, match=message):
            solver(A, b, **options)

    def raising(x):
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        solver(LinearOperator(A.shape, matvec=raising, dtype=float), b)


def test_singular_systems_end_honestly():
    A = sp.csr_array(np.array([[0.0, 1, 0], [0, 0, 1], [0, 0, 0]]))
    for solver in BOTH:
        result = solver(A, np.array([0.0, 0, 1]), maxiter=20)
        assert result.status in ("maxiter", "breakdown")
        assert result.residual_norm == pytest.approx(1.0)


def test_varying_preconditioners():
    A = poisson2d(20)
    b = np.random.default_rng(1).standard_normal(400)
    inner = LinearOperator(A.shape, matvec=lambda r: cg(A, np.ravel(r), rtol=0.1).x, dtype=float)
    inner.is_linear = False
    with pytest.raises(ValueError, match="fgmres"):
        lgmres(A, b, M=inner)
    check(A, b, gcrotmk(A, b, M=inner, rtol=1e-8), 1e-8)


def test_the_iterations_are_scipys():
    A, b = problem(size=30)
    x, _ = scipy_lgmres(A, b, rtol=0.0, maxiter=4, inner_m=8, outer_k=2)
    np.testing.assert_allclose(lgmres(A, b, rtol=0.0, maxiter=4, restart=8, augment=2).x, x, rtol=1e-9, atol=1e-12)
    for truncate in ("oldest", "smallest"):
        x, _ = scipy_gcrotmk(A, b, rtol=0.0, maxiter=7, m=6, k=3, truncate=truncate)
        ours = gcrotmk(A, b, rtol=0.0, maxiter=7, restart=6, recycle=3, truncate=truncate)
        np.testing.assert_allclose(ours.x, x, rtol=1e-7, atol=1e-10)


def test_what_is_carried_over_pays():
    """At equal memory both need fewer products than restarted GMRES on a matrix where that crawls."""
    A, b = problem(size=50)
    plain = gmres(A, b, restart=12, rtol=1e-8)
    assert lgmres(A, b, restart=9, augment=3, rtol=1e-8).matvecs < plain.matvecs
    assert gcrotmk(A, b, restart=6, recycle=6, rtol=1e-8).matvecs < plain.matvecs


def test_gcrotmk_has_the_same_bits_for_any_number_of_workers(caplog):
    A, b = problem(size=110)
    with caplog.at_level(logging.INFO, "kriss.dispatch"):
        one = gcrotmk(A, b, maxiter=2, rtol=0.0, workers=1)
        for workers in (2, 4):
            np.testing.assert_array_equal(gcrotmk(A, b, maxiter=2, rtol=0.0, workers=workers).x, one.x)
    assert not caplog.records
