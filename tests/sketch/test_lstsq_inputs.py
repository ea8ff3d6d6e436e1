"""kriss.sketch.lstsq on everything that is not a plain real array: complex, sparse, operators, weights, ridge."""

import math

import numpy as np
import pytest
import scipy.sparse as sps
import scipy.sparse.linalg as spla
from hypothesis import given, settings
from hypothesis import strategies as st

from kriss.sketch import _solve as flow
from kriss.sketch import backward_error, factor, lstsq

EPS = np.finfo(float).eps
METHODS = ["gram", "preconditioned-gram", "spir", "lapack"]


def conditioned(rng, m, n, kappa, dtype=float):
    def draw(*shape):
        x = rng.standard_normal(shape)
        return x + 1j * rng.standard_normal(shape) if np.dtype(dtype).kind == "c" else x

    U, V = np.linalg.qr(draw(m, n))[0], np.linalg.qr(draw(n, n))[0]
    return (U * np.logspace(0, -math.log10(kappa), n)) @ V.conj().T


def noisy(rng, A, size=1.0):
    b = np.asarray(A @ np.arange(1.0, A.shape[1] + 1)) + size * rng.standard_normal(A.shape[0])
    return b + 1j * size * rng.standard_normal(A.shape[0]) if A.dtype.kind == "c" else b


# --- complex --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("order", ["C", "F"])
def test_complex_is_the_real_problem_of_twice_the_size(rng, method, order):
    A = np.asarray(conditioned(rng, 6000, 11, 50, complex), order=order)
    B = np.stack([noisy(rng, A), noisy(rng, A, 1e-9)], axis=1)
    fit = lstsq(A, B, method=method, rng=0)
    real = lstsq(np.block([[A.real, -A.imag], [A.imag, A.real]]), np.vstack([B.real, B.imag]), method="lapack", rng=0)
    want = real.x[:11] + 1j * real.x[11:]
    assert fit.method == method and fit.x.dtype == np.complex128
    assert np.abs(fit.x - want).max() < 50 * 50 * EPS * np.abs(want).max()
    assert np.allclose(fit.residues, real.residues, rtol=1e-9) and fit.residues.dtype == np.float64
    assert fit.backward_error <= EPS and fit.rank == 11
    if method != "spir":
        assert np.allclose(fit.s, real.s[::2], rtol=1e-12)


@pytest.mark.parametrize("kappa", [1e2, 1e7, 1e12])
@pytest.mark.parametrize("residual", [1e-10, 1.0, 1e3])
def test_complex_grid(rng, kappa, residual):
    A = conditioned(rng, 9000, 13, kappa, complex)
    b = noisy(rng, A, residual)
    fit = lstsq(A, b, rng=0)
    assert fit.method != "lapack" and fit.backward_error <= EPS and fit.rank == 13
    # Any backward error of the real problem is one of the complex problem up to a factor of about sqrt(2).
    R = np.block([[A.real, -A.imag], [A.imag, A.real]])
    both = np.concatenate([b.real, b.imag]), np.concatenate([fit.x.real, fit.x.imag])
    assert backward_error(R, *both) <= 2 * EPS


@pytest.mark.parametrize(("types", "result"), [("FF", "F"), ("Ff", "F"), ("FD", "D"), ("dD", "D"), ("fF", "F")])
def test_dtypes_meet_in_the_higher_one(rng, types, result):
    A, b = conditioned(rng, 9000, 12, 10, complex), noisy(rng, conditioned(rng, 9000, 12, 10, complex))
    A, b = (v.astype(t) if np.dtype(t).kind == "c" else v.real.astype(t) for v, t in zip((A, b), types, strict=True))
    fit = lstsq(A, b, rng=0)
    assert fit.x.dtype == np.dtype(result) and fit.s.dtype == fit.residues.dtype == np.dtype(result.lower())
    assert fit.method == "gram"
    want = np.linalg.lstsq(A.astype(complex), b.astype(complex), rcond=None)[0]
    eps = np.finfo(result).eps
    assert np.abs(fit.x - want).max() <= 40 * eps * np.abs(want).max()
    assert fit.backward_error <= eps


def test_complex_rank_deficient(rng):
    A = conditioned(rng, 7000, 14, 10, complex)
    A[:, 5] = (1 - 2j) * A[:, 3] + A[:, 9]
    b = noisy(rng, A)
    for method in ("auto", "spir", "lapack"):
        fit = lstsq(A, b, method=method, rng=0)
        want = np.linalg.lstsq(A, b, rcond=1e-12)[0]
        assert fit.rank == 13 and fit.backward_error <= EPS
        assert np.allclose(fit.x, want, rtol=0, atol=1e-12 * np.abs(want).max())


# --- sparse and operators -------------------------------------------------------------------------------------------


@pytest.fixture
def sparse(rng):
    A = sps.random_array((30_000, 40), density=0.08, format="csr", rng=rng)
    return A, rng.standard_normal(30_000)


@pytest.mark.parametrize("kind", ["csr", "csc", "coo", "bsr", "matrix", "operator", "class", "int64", "complex"])
def test_sparse_and_operators_solve_what_dense_solves(sparse, kind):
    A, b = sparse
    want = lstsq(A.toarray(), b, rng=0)

    class Mine:
        shape, dtype = A.shape, A.dtype
        matvec = staticmethod(lambda x: A @ x)
        rmatvec = staticmethod(lambda y: A.T @ y)

    same = {
        "matrix": lambda: sps.csr_matrix(A), "operator": lambda: spla.aslinearoperator(A), "class": Mine,
        "complex": lambda: A * (3 + 4j),
    }.get(kind)  # fmt: skip
    other = same() if same else A.asformat(kind) if kind != "int64" else A.copy()
    if kind == "int64":
        other.indptr, other.indices = other.indptr.astype(np.int64), other.indices.astype(np.int64)
    fit = lstsq(other, b, rng=0)
    x = fit.x * (3 + 4j) if kind == "complex" else fit.x
    assert fit.method == "spir" and fit.rank == 40 and fit.backward_error <= EPS
    assert np.abs(x - want.x).max() <= 20 * EPS * fit.condition * np.linalg.norm(want.x)
    assert fit.residues == pytest.approx(want.residues, rel=1e-12)
    if kind != "complex":
        # The sketch's singular values, within its distortion at 3 n rows or more.
        assert np.allclose(fit.s, want.s, rtol=0.7)
        assert np.allclose(fit.coefficient_se, want.coefficient_se, rtol=0.5)


@pytest.mark.parametrize("kappa", [1e3, 1e8, 1e12])
@pytest.mark.parametrize("residual", [1e-9, 1.0, 1e3])
def test_spir_on_ill_conditioned_matrices(rng, kappa, residual):
    A = conditioned(rng, 5000, 16, kappa)
    B = np.stack([noisy(rng, A, residual), np.zeros(5000), noisy(rng, A, 1.0)], axis=1)
    for a in (A, sps.csr_array(A)):
        fit = lstsq(a, B, method="spir", rng=3)
        assert fit.method == "spir" and fit.backward_error <= EPS
        assert fit.iterations <= 130
        assert not fit.x[:, 1].any()
        assert backward_error(A, B, fit.x).max() <= 2 * EPS
    fit = lstsq(spla.aslinearoperator(A), B, method="spir", rng=3)
    # No twofold arithmetic with somebody else's products: the certificate is what it is, and it is met or LAPACK's.
    assert fit.backward_error <= EPS
    assert backward_error(A, B, fit.x).max() <= 4 * EPS


def test_same_bits_for_workers_sparse_and_spir(sparse):
    A, b = sparse
    for a in (A, A.toarray()):
        base = lstsq(a, b, method="spir", rng=0, workers=1)
        for workers in (2, 4):
            assert np.array_equal(lstsq(a, b, method="spir", rng=0, workers=workers).x, base.x)


def test_sparse_rank_deficient_has_minimum_norm(sparse):
    A, b = sparse
    D = A.toarray()
    D[:, 7], D[:, 9], D[:, 11] = 0.0, D[:, 8], D[:, 1] - 2 * D[:, 3]
    want = np.linalg.lstsq(D, b, rcond=1e-12)[0]
    for a in (sps.csr_array(D), spla.aslinearoperator(D)):
        fit = lstsq(a, b, rng=0)
        assert fit.method == "spir" and fit.rank == 37 and math.isinf(fit.condition)
        assert np.allclose(fit.x, want, rtol=0, atol=1e-12 * np.abs(want).max())
        assert fit.backward_error <= EPS


def test_small_square_and_wide_sparse_go_to_lapack(rng):
    for shape in [(30, 5), (7, 7), (5, 9)]:
        A = sps.random_array(shape, density=0.9, format="csr", rng=rng)
        b = rng.standard_normal(shape[0])
        for a in (A, spla.aslinearoperator(A)):
            fit = lstsq(a, b, rng=0)
            assert fit.method == "lapack"
            assert np.allclose(fit.x, np.linalg.lstsq(A.toarray(), b, rcond=1e-13)[0], atol=1e-10)


def test_too_large_to_write_out_is_reported_never_hidden(rng, monkeypatch):
    monkeypatch.setattr(flow, "DENSE_LIMIT", 10)
    A = sps.csr_array(conditioned(rng, 5000, 12, 1e15))
    b = rng.standard_normal(5000)
    fit = lstsq(A, b, rng=0)
    assert fit.method in ("spir", "cg")
    assert "full rank" in fit.reason
    # What is reported is at least the true error of what is returned, up to the sketch's distortion.
    assert backward_error(A.toarray(), b, fit.x) <= 3 * fit.backward_error + EPS
    monkeypatch.setattr(flow, "SKETCH_LIMIT", 10)
    good = sps.random_array((5000, 30), density=0.2, format="csr", rng=rng)
    for a in (good, spla.aslinearoperator(good), good.T.tocsr()):
        right = rng.standard_normal(a.shape[0])
        fit = lstsq(a, right, rng=0)
        assert (fit.method == "cg" and "too large" in fit.reason) or "too few" in fit.reason
        dense = good.toarray() if a.shape == good.shape else good.T.toarray()
        want = np.linalg.lstsq(dense, right, rcond=1e-13)[0]
        assert np.allclose(fit.x, want, rtol=0, atol=1e-6 * np.abs(want).max())
        assert backward_error(dense, right, fit.x) <= 3 * fit.backward_error + EPS
        assert np.isnan(fit.s).all() and np.isnan(fit.coefficient_se).all()


def malformed():
    base = sps.random_array((500, 6), density=0.5, format="csr", rng=np.random.default_rng(0))

    def changed(**arrays):
        out = base.copy()
        for name, value in arrays.items():
            setattr(out, name, value)
        return out

    far, back = base.indices.copy(), base.indptr.copy()
    far[7], back[3] = 6, back[2] - 1
    negative = base.indices.copy()
    negative[0] = -1
    nan = base.data.copy()
    nan[11] = np.nan
    return [
        (changed(indices=far), r"a.indices holds 6"),
        (changed(indices=negative), r"a.indices holds -1"),
        (changed(indptr=back), r"a.indptr decreases"),
        (changed(data=nan), r"a.data contains nan"),
        (changed(data=base.data[:-3]), r"a.indptr"),
    ]


@pytest.mark.parametrize("which", range(5))
@pytest.mark.parametrize("dtype", [float, complex])
def test_malformed_sparse_is_named(which, dtype):
    A, message = malformed()[which]
    if dtype is complex:
        A.data = A.data.astype(complex)
    with pytest.raises(ValueError, match=message):
        lstsq(A, np.ones(500))


def test_unsorted_and_duplicate_entries_are_summed(rng):
    row, col = rng.integers(0, 20_000, 90_000), rng.integers(0, 9, 90_000)
    A = sps.coo_array((rng.standard_normal(90_000), (row, col)), shape=(20_000, 9))
    b = rng.standard_normal(20_000)
    assert np.allclose(lstsq(A, b, rng=0).x, lstsq(A.toarray(), b, rng=0).x, rtol=0, atol=1e-14)


def test_operators_that_misbehave(rng):
    A = rng.standard_normal((4000, 30))

    def operator(matvec, rmatvec, dtype=float):
        out = spla.LinearOperator((4000, 30), matvec=lambda x: x, dtype=dtype)
        out.matvec, out.rmatvec = matvec, rmatvec
        return out

    with pytest.raises(ValueError, match=r"a.matvec returned 7 numbers, expected 4000"):
        lstsq(operator(lambda x: np.ones(7), lambda y: A.T @ y), np.ones(4000))
    with pytest.raises(ValueError, match=r"a.rmatvec returned 3 numbers, expected 30"):
        lstsq(operator(lambda x: A @ x, lambda y: np.ones(3)), np.ones(4000), method="spir")
    with pytest.raises(TypeError, match="its products are complex"):
        lstsq(operator(lambda x: A @ x * 1j, lambda y: A.T @ y), np.ones(4000))
    with pytest.raises(ValueError, match=r"NaN|nan"):
        lstsq(operator(lambda x: A @ x * np.nan, lambda y: A.T @ y), np.ones(4000))
    with pytest.raises(ZeroDivisionError):
        lstsq(operator(lambda x: 1 / 0, lambda y: A.T @ y), np.ones(4000))
    # An adjoint that is none: nothing converges, and that is said.
    fit = lstsq(operator(lambda x: A @ x, lambda y: -A.T @ y), rng.standard_normal(4000), method="spir", rng=0)
    assert fit.method == "lapack" or fit.backward_error > EPS


# --- weights, ridge, standard errors --------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kind", [float, complex, "csr", "operator"])
def test_weights_are_scaled_rows(rng, method, kind):
    if kind in ("csr", "operator") and method in ("gram", "preconditioned-gram"):
        method = "auto"
    A = conditioned(rng, 6000, 10, 100, complex if kind is complex else float)
    B = np.stack([noisy(rng, A), noisy(rng, A)], axis=1)
    w = rng.exponential(size=6000) * 10.0 ** rng.integers(-3, 3, 6000)
    w[::7] = 0.0
    a = {"csr": sps.csr_array(A), "operator": spla.aslinearoperator(A)}.get(kind, A)
    fit = lstsq(a, B, sample_weight=w, method=method, rng=0)
    root = np.sqrt(w)[:, None]
    want = np.linalg.lstsq(root * A, root * B, rcond=None)[0]
    assert np.abs(fit.x - want).max() <= 1e-10 * np.abs(want).max()
    assert np.allclose(fit.residues, np.sum(w[:, None] * np.abs(B - A @ want) ** 2, axis=0), rtol=1e-10)
    # Rows of no weight are no observations.
    kept = lstsq(A[w > 0], B[w > 0], sample_weight=w[w > 0], method="lapack")
    assert np.allclose(fit.coefficient_se, kept.coefficient_se, rtol=0.5 if fit.method == "spir" else 1e-8)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kind", [float, complex])
@pytest.mark.parametrize("damp", [1e-9, 0.3, 1e4])
def test_ridge_is_the_augmented_problem(rng, method, kind, damp):
    A = conditioned(rng, 6000, 10, 1e6, kind) * 2.0 ** rng.integers(-3, 3, 10)
    B = np.stack([noisy(rng, A), noisy(rng, A)], axis=1)
    fit = lstsq(A, B, damp=damp, method=method, rng=0)
    big = np.vstack([A, damp * np.eye(10)]), np.vstack([B, np.zeros((10, 2))])
    want = lstsq(*big, method="lapack", precise=True)
    # With a ridge the Gram matrix may be fine where that of A alone is not; a harder one moves on.
    assert fit.method in (method, "preconditioned-gram")
    assert fit.backward_error <= EPS
    scale = np.linalg.norm(want.x, axis=0)
    assert np.all(np.linalg.norm(fit.x - want.x, axis=0) <= 1e-9 * scale)
    assert np.allclose(fit.residues, np.sum(np.abs(B - A @ want.x) ** 2, axis=0), rtol=1e-9)
    assert np.allclose(fit.s, np.linalg.svd(A, compute_uv=False), rtol=0.9, atol=1e-7 * (1 + damp))


def test_ridge_of_wide_and_sparse(rng):
    A = rng.standard_normal((20, 35))
    b = rng.standard_normal(20)
    want = A.T @ np.linalg.solve(A @ A.T + 0.25 * np.eye(20), b)
    fit = lstsq(A, b, damp=0.5)
    assert np.allclose(fit.x, want, atol=1e-12) and fit.s.shape == (20,)
    D = sps.random_array((40_000, 25), density=0.1, rng=rng).toarray()
    D[:, 3] = D[:, 4]
    y = rng.standard_normal(40_000)
    fit = lstsq(sps.csr_array(D), y, damp=2.0, rng=0)
    assert fit.method == "spir" and fit.rank == 25
    assert np.allclose(fit.x, np.linalg.solve(D.T @ D + 4 * np.eye(25), D.T @ y), atol=1e-12)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("damp", [0.0, 20.0])
def test_standard_errors_are_those_of_regression(rng, method, damp):
    A = conditioned(rng, 5000, 8, 30) * 100
    B = rng.standard_normal((5000, 2)) * [1.0, 7.0]
    fit = lstsq(A, B, method=method, damp=damp, rng=0)
    inverse = np.linalg.inv(A.T @ A + damp**2 * np.eye(8))
    x = inverse @ A.T @ B
    free = 5000 - np.trace(inverse @ A.T @ A)
    noise = np.sum((B - A @ x) ** 2, axis=0) / free
    want = np.sqrt(np.diag(inverse @ A.T @ A @ inverse)[:, None] * noise)
    # From a sketch of 12 n rows the diagonal of the inverse has a relative error of about sqrt(2 / (11 n)).
    assert np.allclose(fit.coefficient_se, want, rtol=0.5 if method == "spir" else 1e-9)


def test_standard_errors_cover(rng):
    """z-scores of the coefficients have the size that they should: 400 draws of 10 coefficients, rms 1 within 5 sd."""
    A = rng.standard_normal((1200, 10)) @ rng.standard_normal((10, 10))
    true = rng.standard_normal(10)
    B = (A @ true)[:, None] + 3.0 * rng.standard_normal((1200, 400))
    fit = lstsq(A, B, method="gram", rng=0)
    z = (fit.x - true[:, None]) / fit.coefficient_se
    assert abs(np.sqrt(np.mean(z**2)) - 1) < 5 / math.sqrt(2 * 400)


def test_standard_errors_at_the_edges(rng):
    square = lstsq(rng.standard_normal((4, 4)), rng.standard_normal(4))
    assert np.isnan(square.coefficient_se).all()
    assert lstsq(np.ones((0, 3)), np.ones(0)).coefficient_se.shape == (3,)
    A = rng.standard_normal((6000, 20))
    base = lstsq(A, np.ones(6000), rng=0).coefficient_se
    for power in (-300, 300):
        moved = lstsq(A, np.full(6000, 2.0**power), rng=0).coefficient_se
        assert np.array_equal(np.ldexp(moved, -power), base)
    small = lstsq(A[:90], np.ones(90)).coefficient_se
    assert np.array_equal(np.ldexp(lstsq(np.ldexp(A[:90], -900), np.ones(90)).coefficient_se, -900), small)


# --- factor ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["auto", "preconditioned-gram", "spir", "lapack"])
@pytest.mark.parametrize("kappa", [10, 1e9])
@pytest.mark.parametrize("kind", [float, complex, "csr"])
def test_factor_solves_as_lstsq(rng, method, kappa, kind):
    A = conditioned(rng, 6000, 18, kappa, complex if kind is complex else float)
    a = sps.csr_array(A) if kind == "csr" else A
    F = factor(a, method="spir" if kind == "csr" and method == "preconditioned-gram" else method, rng=0)
    for b in (noisy(rng, A), np.stack([noisy(rng, A, 1e-9), noisy(rng, A)], axis=1)):
        fit, once = F.solve(b), lstsq(a, b, method=method, rng=0)
        assert fit.method == F.method and fit.backward_error <= EPS
        assert fit.x.shape == once.x.shape
        # Two solutions with certificates; both gradients had twice the digits.
        assert np.linalg.norm(fit.x - once.x) <= 1e-13 * kappa * np.linalg.norm(once.x)
        assert np.allclose(fit.residues, once.residues, rtol=1e-6, atol=1e-20)
    if F.method != "lapack":
        assert F.rank == 18 and F.s.shape == (18,) and F.condition > 1
    with pytest.raises(ValueError, match="b has 3 rows"):
        F.solve(np.ones(3))
    with pytest.raises(ValueError, match=r"b contains .*nan.* at index \(5, 0\)"):
        F.solve(np.where(np.arange(6000) == 5, np.nan, 1.0))
    with pytest.raises(ValueError, match="tol"):
        F.solve(np.ones(6000), tol=0.0)


def test_factor_options(rng):
    A = rng.standard_normal((6000, 18))
    A[:, 3] = A[:, 4]
    b, w = rng.standard_normal(6000), rng.exponential(size=6000)
    F = factor(A, sample_weight=w, rng=0)
    once = lstsq(A, b, sample_weight=w, rng=0)
    assert F.rank == 17 and np.allclose(F.solve(b).x, once.x, atol=1e-13)
    ridge = factor(A, damp=3.0, rng=0).solve(b)
    assert np.allclose(ridge.x, lstsq(A, b, damp=3.0, rng=0).x, atol=1e-14)
    assert factor(A[:30], rng=0).solve(b[:30]).method == "lapack"
    assert np.allclose(F.solve(b + 1j * b).x, once.x * (1 + 1j), atol=1e-13)
    assert factor(np.ones((0, 3))).solve(np.ones(0)).x.shape == (3,)
    assert F.solve(b, precise=True).backward_error <= EPS
    assert "LstsqFactor(shape=(6000, 18)" in repr(F)
    unreachable = factor(A[:, 5:], method="gram", rng=0).solve(b, tol=1e-40)
    assert unreachable.method == "lapack" and unreachable.reason.startswith("factor: backward error")
    for bad in (np.nan, np.inf):
        spoiled = A.copy()
        spoiled[17, 2] = bad
        with pytest.raises(ValueError, match=r"a contains .* at index \(17, 2\)"):
            factor(spoiled)


@settings(max_examples=30)
@given(
    seed=st.integers(0, 2**32), n=st.integers(1, 10), kappa=st.floats(0, 11), damp=st.sampled_from([0.0, 1e-6, 1.0]),
    kind=st.sampled_from([float, complex]), nrhs=st.integers(1, 3), precise=st.booleans(),
)  # fmt: skip
def test_property_the_gradient_vanishes(seed, n, kappa, damp, kind, nrhs, precise):
    gen = np.random.default_rng(seed)
    A = conditioned(gen, 400, n, 10**kappa, kind)
    B = gen.standard_normal((400, nrhs)) + (1j * gen.standard_normal((400, nrhs)) if kind is complex else 0)
    for method in ("gram", "spir"):
        fit = lstsq(A, B, damp=damp, method=method, rng=seed, precise=precise)
        R = B - A @ fit.x
        gradient = A.conj().T @ R - damp**2 * fit.x
        size = np.linalg.norm(A) * np.linalg.norm(R, axis=0) + np.linalg.norm(A) ** 2 * np.linalg.norm(fit.x, axis=0)
        assert np.all(np.linalg.norm(gradient, axis=0) <= 100 * EPS * (size + damp**2 * np.linalg.norm(fit.x, axis=0)))
        assert fit.backward_error <= EPS
