"""Polynomials from a short GMRES run: the minimiser, its product form, added roots, harmonic Ritz values."""

import numpy as np
import pytest
import scipy.sparse as sps
from numpy.testing import assert_allclose
from scipy.sparse.linalg import LinearOperator, aslinearoperator

import kriss
from kriss.solve import GMRESPolynomial, bicgstab, fgmres, gmres
from kriss.solve._gmres_polynomial import harmonic, leja, repeated
from kriss.testing import convection_diffusion2d, poisson2d


def dense(M):
    return np.stack([M.apply(e, np.empty(M.shape[0], M.dtype)) for e in np.eye(M.shape[0], dtype=M.dtype)], axis=1)


def test_gmres_polynomial_is_the_minimiser():
    """||v - A p(A) v|| is the least over the Krylov space of the start vector."""
    A = convection_diffusion2d(10).toarray()
    for degree in (0, 1, 2, 5, 8):
        M = GMRESPolynomial(A, degree, rng=7)
        v = np.random.default_rng(kriss._validate.seed64(7)).standard_normal(100)
        basis = [v]
        for _ in range(degree):
            basis.append(A @ basis[-1])
        K = A @ np.linalg.qr(np.stack(basis, axis=1))[0]
        least = np.linalg.norm(v - K @ np.linalg.lstsq(K, v, rcond=None)[0])
        assert_allclose(np.linalg.norm(v - A @ (M @ v)), least, rtol=1e-8)
        assert M.products == degree and M.roots.size == degree + 1 and M.added == 0


@pytest.mark.parametrize(
    "roots", [[2.0], [2.0, 3.0], [1 + 2j], [1 + 2j, 3.0], [3.0, 1 + 2j], [1 + 2j, 4 + 1j, 2.0, 5.0]]
)
@pytest.mark.parametrize("stored", ["rows", "diagonals", "operator"])
def test_product_form(roots, stored):
    n = 70
    if stored == "rows":
        A = sps.random_array((n, n), density=0.1, rng=0).tocsr() + 2 * sps.eye_array(n)
    else:
        A = sps.diags_array([-0.3, 2.0, 0.7], offsets=[-1, 0, 1], shape=(n, n)).tocsr()
    M = GMRESPolynomial(aslinearoperator(A) if stored == "operator" else A.tocsr(), 1, rng=0)
    M._use([complex(t) for t in roots], 0)
    M._build()
    D = A.toarray()
    residual = np.eye(n)
    for t in roots:
        for place in {complex(t), complex(t).conjugate()}:
            residual = residual @ (np.eye(n) - D / place)
    want = np.linalg.solve(D, (np.eye(n) - residual).real)
    assert_allclose(dense(M), want, atol=1e-12 * np.abs(want).max())


def test_gmres_polynomial_exact_where_the_space_is_invariant():
    A = np.diag([1.0, 1, 2, 2, 5])
    M = GMRESPolynomial(A, 10, rng=0)
    assert_allclose(np.sort(M.roots.real), [1, 2, 5], rtol=1e-10)
    assert_allclose(dense(M), np.linalg.inv(A), atol=1e-12)
    turn = np.array([[0.0, 2], [-2, 0]])
    M = GMRESPolynomial(turn, 4, rng=0)
    assert_allclose(dense(M), np.linalg.inv(turn), atol=1e-13)
    assert M.roots.size == 2


def test_gmres_polynomial_helps_gmres():
    A = convection_diffusion2d(30)
    b = np.ones(900)
    plain = gmres(A, b, rtol=1e-8)
    for degree in (5, 10, 20):
        M = GMRESPolynomial(A, degree, rng=0)
        for solver in (gmres, fgmres, bicgstab):
            r = solver(A, b, rtol=1e-8, M=M)
            assert r.converged
            assert np.linalg.norm(b - A @ r.x) <= 1e-8 * np.linalg.norm(b)
        r = gmres(A, b, rtol=1e-8, M=M)
        assert r.iterations * (degree + 1) < plain.matvecs  # fewer products too: restarts cost those


def test_added_roots_keep_an_outlier_in_check():
    n = 1000
    values = np.r_[np.linspace(1, 100, n - 2), 3e4, 6e5]
    A = sps.diags_array(values).tocsr() + sps.diags_array([0.05], offsets=[1], shape=(n, n)).tocsr()
    b = np.ones(n)
    bare = GMRESPolynomial(A, 30, rng=0, added_roots=False)
    M = GMRESPolynomial(A, 30, rng=0)
    assert M.added > 0 and M.products == 30 + M.added
    top = M.roots[np.abs(M.roots) > 5e5]
    assert top.size > 1 and np.ptp(top.real) == 0
    good, bad = (gmres(A, b, rtol=1e-10, M=p, maxiter=60) for p in (M, bare))
    assert good.converged
    assert not bad.converged


def test_leja_and_harmonic_values():
    rng = np.random.default_rng(0)
    H = np.triu(rng.standard_normal((7, 6)), -1)
    roots = harmonic(H, 1e-16)
    square, last = H[:6], H[6, 5]
    want = np.linalg.eigvals(square + last**2 * np.outer(np.linalg.solve(square.T, np.eye(6)[5]), np.eye(6)[5]))
    got = [s for t in roots for s in ((t, t.conjugate()) if t.imag else (t,))]
    assert_allclose(np.sort_complex(got), np.sort_complex(want), rtol=1e-8)
    ordered = leja(roots)
    assert abs(ordered[0]) == max(abs(t) for t in roots)
    assert sorted(map(abs, ordered)) == sorted(map(abs, roots))
    line = leja([complex(t) for t in (1.0, 2, 3, 4, 10)])
    assert [t.real for t in line[:3]] == [10, 1, 4]
    # seven factors of 1e12 and less, with one root after each that 1e-16 does not survive twice
    many = repeated([complex(t) for t in (1e9, *range(1, 8))], 2.2e-16)
    assert [t.real for t in many] == [1e9, 1, 1e9, 2, 1e9, 3, 1e9, 4, 1e9, 5, 1e9, 6, 1e9, 7, 1e9]
    assert repeated([complex(t) for t in (9, 1, 5, 3)], 2.2e-16) == [9, 1, 5, 3]


def test_gmres_polynomial_transpose():
    A = convection_diffusion2d(8)
    M = GMRESPolynomial(A, 6, rng=0)
    assert_allclose(dense(M).T, np.stack([M.rmatvec(e) for e in np.eye(64)], axis=1), atol=1e-12)
    over = GMRESPolynomial(aslinearoperator(A), 6, rng=0)
    assert_allclose(over.T @ np.ones(64), M.T @ np.ones(64), rtol=1e-7)


def test_gmres_polynomial_refuses():
    A = poisson2d(3)
    for degree in (-1, 501, 2.5):
        with pytest.raises((TypeError, ValueError), match="degree"):
            GMRESPolynomial(A, degree)
    with pytest.raises(np.linalg.LinAlgError, match="singular"):
        GMRESPolynomial(sps.csr_array((5, 5)), 3)
    with pytest.raises(ValueError, match="not finite"):
        GMRESPolynomial(LinearOperator((4, 4), matvec=lambda x: np.full(4, np.inf), dtype=float), 3)
    with pytest.raises(TypeError, match="rng"):
        GMRESPolynomial(A, 2, rng=1.5)
