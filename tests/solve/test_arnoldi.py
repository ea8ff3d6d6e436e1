"""The cycle below GMRES: an orthonormal basis and A Z = C B + V H, however hard the matrix."""

import numpy as np
import pytest
import scipy.sparse as sp

from kriss import _validate as check
from kriss._backend import kernels
from kriss.solve import fgmres, gmres
from kriss.solve._system import matrix_map, padded_vectors
from kriss.testing import poisson2d

N = 400
DTYPES = [np.float64, np.float32, np.complex128, np.complex64]


def matrices():
    rng = np.random.default_rng(3)
    ones = np.ones(N)
    yield "convection", (poisson2d(20) + sp.diags_array([-0.4, 0.4], offsets=[-1, 1], shape=(N, N))).tocsr()
    # A v lies along v up to the last few figures: what the second orthogonalisation is for
    yield "shifted", sp.csr_array(sp.diags_array([0.7 * ones[1:], 50 * ones, -0.4 * ones[1:]], offsets=[-1, 0, 1]))
    yield "far", sp.csr_array(sp.diags_array([0.7 * ones[1:], 1e5 * ones, -0.4 * ones[1:]], offsets=[-1, 0, 1]))
    # condition number 1e12, on which modified Gram-Schmidt, once, loses twelve figures
    yield "graded", sp.csr_array(sp.diags_array([np.logspace(0, 12, N), 0.1 * ones[1:]], offsets=[0, 1]))
    yield "grcar", sp.csr_array(sp.diags_array([-ones[1:], ones, ones[1:], ones[2:]], offsets=[-1, 0, 1, 2]))
    # a fiftieth of A v is off v: too much to be done again at once, and yet each step loses nearly two figures
    turned = np.linalg.qr(rng.standard_normal((N, N)))[0]
    yield "creeping", sp.csr_array(np.eye(N) + 0.02 * turned)
    # not a single small entry in H above the diagonal
    yield "dense", sp.csr_array(rng.standard_normal((N, N)) + 10)


MATRICES = dict(matrices())


def product_scale(name, dtype, Z):
    """What the rounding errors of products with the columns of Z are relative to."""
    return np.linalg.norm(abs(MATRICES[name].astype(dtype)) @ np.abs(Z), axis=0)


def cycle(name, dtype, steps, k=0, flexible=False, left=False, precond=False, loss=0.0):
    kind = np.dtype(dtype)
    complex_ = kind.kind == "c"
    A = sp.csr_array(MATRICES[name] + 0.3j * sp.eye_array(N) if complex_ else MATRICES[name]).astype(kind)
    rng = np.random.default_rng(9)
    ks = kernels("solve_krylov")
    product = matrix_map(ks, check.csr(A, "A", dtype=kind), None, N, kind)
    d = (rng.uniform(0.5, 1.5, N) / np.abs(A.diagonal())).astype(kind)
    M = ks.diagonal_map(d) if precond else None
    v = padded_vectors(steps + 1, N, product.halo, kind)
    z = padded_vectors(steps, N, product.halo, kind) if flexible else []
    start = rng.standard_normal((N, k + 1))
    start = start + 1j * rng.standard_normal((N, k + 1)) if complex_ else start
    q = np.linalg.qr(start)[0].astype(kind)
    c = [np.ascontiguousarray(column) for column in q.T[:k]]
    v[0][:] = q[:, k]
    wide = np.complex128 if complex_ else np.float64
    h, b = np.zeros((steps, steps + 1), wide), np.zeros((steps, k), wide)
    eps = float(np.finfo(dtype).eps)
    taken, residual, breakdown, finite, y, products = ks.arnoldi(
        product, M, left, v, z, c, h, b, 1.0, 0.0, eps, None, 1, True, True, loss
    )
    assert finite and not breakdown and taken == products == steps
    V, C = np.array(v).T, np.array(c).reshape(k, N).T
    Z = np.array(z).T if flexible else (d[:, None] * V[:, :-1] if precond and not left else V[:, :-1])
    image = A.astype(wide) @ Z.astype(wide)
    if left and precond:
        image = d[:, None].astype(wide) * image
    return V.astype(wide), C.astype(wide), h.T, b.T, image, y, residual, eps


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", MATRICES)
@pytest.mark.parametrize("k", [0, 4])
def test_basis_and_relation(name, dtype, k):
    V, C, H, B, image, y, residual, eps = cycle(name, dtype, 30, k)
    Q = np.hstack([C, V])
    # Twice is enough: orthogonal to working precision, independent of the matrix (Giraud, Langou, Rozloznik, 2005)
    assert np.abs(Q.conj().T @ Q - np.eye(Q.shape[1])).max() <= 20 * eps
    scale = product_scale(name, dtype, V[:, :-1])
    assert (np.linalg.norm(image - C @ B - V @ H, axis=0) <= 20 * eps * scale).all()
    r = V[:, 0] - image @ y
    r = r - C @ (C.conj().T @ r)
    assert np.linalg.norm(r) == pytest.approx(residual, abs=100 * eps * (1 + np.abs(H).max() * np.abs(y).max()))
    best = np.linalg.lstsq(H, np.eye(31)[0], rcond=None)[0]
    assert residual <= np.linalg.norm(np.eye(31)[0] - H @ best) + 100 * eps


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", MATRICES)
@pytest.mark.parametrize("k", [0, 4])
def test_the_second_time_comes_when_it_is_needed(name, dtype, k):
    """Products of basis vectors stay below what is allowed, and the relation keeps all figures."""
    loss = float(np.finfo(dtype).eps) ** 0.5
    V, C, H, B, image, y, residual, eps = cycle(name, dtype, 30, k, flexible=True, loss=loss)
    Q = np.hstack([C, V])
    assert np.abs(Q.conj().T @ Q - np.eye(Q.shape[1])).max() <= loss
    assert np.abs(np.linalg.norm(V, axis=0) - 1).max() <= 20 * eps
    scale = product_scale(name, dtype, V[:, :-1])
    assert (np.linalg.norm(image - C @ B - V @ H, axis=0) <= 30 * eps * scale).all()
    r = V[:, 0] - image @ y
    r = r - C @ (C.conj().T @ r)
    assert np.linalg.norm(r) == pytest.approx(residual, rel=31 * loss, abs=100 * eps * (1 + np.abs(image @ y).max()))


def test_without_it_the_basis_is_lost():
    """Where nothing limits the loss there is one, on a matrix that never leaves little enough to be done again at once:
    the limit is what keeps the test before this one."""
    V, *_ = cycle("creeping", np.float64, 30, flexible=True, loss=np.inf)
    assert np.abs(V.T @ V - np.eye(31)).max() > 1e-6
    V, *_ = cycle("convection", np.float64, 30, flexible=True, loss=np.inf)
    assert np.abs(V.T @ V - np.eye(31)).max() < 1e-10


@pytest.mark.parametrize("form", ["left", "right", "flexible", "flexible, no M"])
@pytest.mark.parametrize("name", ["convection", "shifted", "far"])
def test_preconditioned(name, form):
    options = {"left": form == "left", "flexible": form.startswith("flexible"), "precond": form != "flexible, no M"}
    V, _, H, _, image, _, _, eps = cycle(name, np.float64, 25, 0, **options)
    assert np.abs(V.T @ V - np.eye(26)).max() <= 20 * eps
    assert (np.linalg.norm(image - V @ H, axis=0) <= 30 * eps * np.linalg.norm(image, axis=0)).all()


def test_more_vectors_than_a_pass_takes():
    V, C, H, B, image, *_, eps = cycle("convection", np.float64, 150, 5)
    Q = np.hstack([C, V])
    assert np.abs(Q.T @ Q - np.eye(156)).max() <= 20 * eps
    assert np.abs(image - C @ B - V @ H).max() <= 50 * eps


@pytest.mark.parametrize("solver", [gmres, fgmres])
@pytest.mark.parametrize("M", [None, "jacobi"])
def test_workers_do_not_matter(solver, M):
    A = (poisson2d(110) + sp.diags_array([-0.4, 0.4], offsets=[-1, 1], shape=(12100, 12100))).tocsr()
    b = np.random.default_rng(1).standard_normal(12100)
    one = solver(A, b, M=M, maxiter=25, restart=12, rtol=0.0, workers=1, residuals=True)
    for workers in (2, 3, 4):
        other = solver(A, b, M=M, maxiter=25, restart=12, rtol=0.0, workers=workers, residuals=True)
        np.testing.assert_array_equal(other.x, one.x)
        np.testing.assert_array_equal(other.residuals, one.residuals)


@pytest.mark.parametrize("solver", [gmres, fgmres])
def test_the_residual_told_is_the_true_one(solver):
    """On a matrix of condition 1e12 the norm that the rotations carry and the recomputed one agree to rounding."""
    A = MATRICES["graded"]
    b = np.random.default_rng(2).standard_normal(N)
    result = solver(A, b, restart=60, maxiter=60, rtol=0.0, residuals=True)
    assert result.residual_norm == pytest.approx(result.residuals[-1], rel=1e-9)
    assert (np.diff(result.residuals) <= 0).all()
