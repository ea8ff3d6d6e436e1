"""Chebyshev, symmetric-polynomial and GMRES-polynomial preconditioners against dense evaluations."""

import copy
import importlib.util
import math
import pickle
from concurrent.futures import ThreadPoolExecutor
from itertools import combinations

import numpy as np
import pytest
import scipy.sparse as sps
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse.linalg import LinearOperator, aslinearoperator

import kriss
from kriss._backend import core
from kriss.solve import Chebyshev, GMRESPolynomial, SymmetricPolynomial, bicgstab, cg, fcg, fgmres, gmres, minres
from kriss.testing import diffusion2d, poisson2d, poisson27

both = pytest.mark.skipif(
    core() is None or importlib.util.find_spec("numba") is None, reason="needs the compiled module and numba"
)
KINDS = {
    "chebyshev": lambda A, **k: Chebyshev(A, **{"degree": 4, **k}),
    "symmetric": lambda A, **k: SymmetricPolynomial(A, min(2, A.shape[0] - 1), rng=1, **k),
    "gmres": lambda A, **k: GMRESPolynomial(A, 5, rng=1, **k),
}
KEEP = {"chebyshev": {}, "symmetric": {"samples": 3}, "gmres": {}}
kinds = pytest.mark.parametrize("kind", KINDS)


def spd(n, seed=0, spread=1.0):
    rng = np.random.default_rng(seed)
    B = rng.standard_normal((n, n))
    B[rng.random((n, n)) > 0.3] = 0
    return sps.csr_array(B @ B.T + np.diag(np.exp(spread * rng.standard_normal(n))))


def with_spectrum(values, seed=0):
    q = np.linalg.qr(np.random.default_rng(seed).standard_normal((len(values), len(values))))[0]
    return (q * np.asarray(values)) @ q.T


def dense(M):
    return np.stack([M.apply(e, np.empty(M.shape[0], M.dtype)) for e in np.eye(M.shape[0], dtype=M.dtype)], axis=1)


def cheb(k, t):
    """T_k(t) by its recurrence."""
    a, b = np.ones_like(t), t
    for _ in range(k):
        a, b = b, 2 * t * b - a
    return a


# Chebyshev


@pytest.mark.parametrize("n", [1, 2, 3, 5, 10, 50])
@pytest.mark.parametrize("degree", [1, 2, 3, 4, 7])
def test_chebyshev_residual_polynomial_on_the_spectrum(n, degree):
    A = spd(n, n)
    M = Chebyshev(A, degree, bounds=(0.2, 2.5))
    d = A.diagonal()
    scaled = A.toarray() / np.sqrt(d[:, None] * d)
    values, q = np.linalg.eigh(scaled)
    low, high = M.bounds
    theta, delta = (high + low) / 2, (high - low) / 2
    residual = cheb(degree + 1, (theta - values) / delta) / cheb(degree + 1, np.array(theta / delta))
    want = (q * ((1 - residual) / values)) @ q.T / np.sqrt(d[:, None] * d)
    assert_allclose(dense(M), want, atol=1e-12 * np.abs(want).max() * max(1, np.abs(residual).max()))


def test_chebyshev_on_diagonals_has_the_bits_of_rows():
    A = diffusion2d(12, contrast=1e3)
    perm = np.random.default_rng(0).permutation(144)
    shuffled = A[perm][:, perm]
    r = np.random.default_rng(1).standard_normal(144)
    stored = Chebyshev(A, 4, bounds=(0.02, 2.0)).apply(r, np.empty(144))
    rows = Chebyshev(shuffled, 4, bounds=(0.02, 2.0)).apply(r[perm], np.empty(144))
    assert_allclose(rows, stored[perm], rtol=1e-13, atol=1e-14 * np.abs(stored).max())


@pytest.mark.parametrize("make", [lambda: diffusion2d(12, contrast=1e4), lambda: poisson27(5), lambda: spd(60, 3)])
@pytest.mark.parametrize("degree", [3, 4])
def test_chebyshev_bound_and_definiteness(make, degree):
    A = make()
    M = Chebyshev(A, degree)
    d = A.diagonal()
    largest = np.linalg.eigvalsh(A.toarray() / np.sqrt(d[:, None] * d))[-1]
    assert M.bounds[1] >= largest
    assert M.bounds[0] == M.bounds[1] / 100
    if degree % 2:
        assert M.bound_is_safe
    assert M.is_spd
    values = np.linalg.eigvalsh(dense(M))
    assert values[0] > 0


def test_chebyshev_even_degrees_survive_a_bound_too_low_and_odd_ones_say_so():
    A = poisson2d(10)
    values = np.linalg.eigvalsh(A.toarray() / 4)
    low = (0.009 * values[-1], 0.9 * values[-1])
    b = np.ones(100)
    for degree in (2, 4, 6):
        M = Chebyshev(A, degree, bounds=low)
        assert M.is_spd and not M.bound_is_safe
        assert np.linalg.eigvalsh(dense(M))[0] > 0
        assert cg(A, b, rtol=1e-8, M=M).converged
    for degree in (1, 3, 5):
        M = Chebyshev(A, degree, bounds=low)
        assert not M.is_spd
        assert np.linalg.eigvalsh(dense(M))[0] < 0
        # an excited eigenvector beyond the bound shows it
        worst = np.linalg.eigh(A.toarray())[1][:, -1]
        assert cg(A, worst, rtol=1e-8, M=M).status == "indefinite_preconditioner"


def test_chebyshev_iterations_fall_with_the_degree_and_products_do_not():
    A = diffusion2d(48, contrast=1e4)
    b = np.random.default_rng(0).standard_normal(A.shape[0])
    jacobi = cg(A, b, rtol=1e-8, M="jacobi").iterations
    count = {m: cg(A, b, rtol=1e-8, M=Chebyshev(A, m)).iterations for m in (2, 4, 8)}
    assert count[2] <= jacobi / 2.5 and count[4] <= jacobi / 4 and count[8] <= jacobi / 6.5
    for m, its in count.items():
        assert its * (m + 1) >= 0.9 * jacobi  # no polynomial beats the Krylov space of as many products


def test_chebyshev_by_name_and_in_every_method():
    A, b = poisson2d(20), np.ones(400)
    for solver in (cg, fcg, minres, gmres, fgmres, bicgstab):
        r = solver(A, b, rtol=1e-9, M="chebyshev")
        assert r.converged, solver
        assert np.linalg.norm(b - A @ r.x) <= 1e-9 * np.linalg.norm(b)
        assert r.params["M"] == "Chebyshev"
        assert r.iterations == pytest.approx(solver(A, b, rtol=1e-9, M=Chebyshev(A)).iterations, abs=0)


def test_chebyshev_over_an_operator():
    A = diffusion2d(10, contrast=1e2)
    d = A.diagonal()
    exact = Chebyshev(A, 4, bounds=(0.02, 2.0))
    M = Chebyshev(aslinearoperator(A), 4, bounds=(0.02, 2.0), diagonal=d)
    r = np.random.default_rng(0).standard_normal(100)
    assert_allclose(M @ r, exact @ r, rtol=1e-12)
    assert_allclose(M @ np.stack([r, 2 * r], axis=1), np.stack([M @ r, M @ (2 * r)], axis=1))
    free = Chebyshev(aslinearoperator(A), 4, diagonal=d)
    assert 1.8 < free.bounds[1] < 2.4 and not free.bound_is_safe and free.is_spd
    assert not Chebyshev(aslinearoperator(A), 3, diagonal=d).is_spd
    assert np.linalg.eigvalsh(dense(Chebyshev(aslinearoperator(A), 3, diagonal=d)))[0] > 0
    assert cg(A, np.ones(100), M=free, rtol=1e-8).converged
    plain = Chebyshev(aslinearoperator(A), 4)  # no diagonal: on A itself
    assert_allclose(plain.bounds[1], 1.1 * np.linalg.eigvalsh(A.toarray())[-1], rtol=0.05)


def test_chebyshev_refuses():
    A = poisson2d(4)
    for bad, what in ((0, "degree"), (-1, "degree"), (1.5, "degree")):
        with pytest.raises((TypeError, ValueError), match=what):
            Chebyshev(A, bad)
    for ratio in (1.0, 0.5, math.nan, math.inf, "a"):
        with pytest.raises((TypeError, ValueError), match="ratio"):
            Chebyshev(A, ratio=ratio)
    for bounds in ((0, 1), (2, 1), (1, math.inf), (math.nan, 1), 3, (1,), "ab"):
        with pytest.raises((TypeError, ValueError), match="bounds"):
            Chebyshev(A, bounds=bounds)
    bad = A.tolil()
    bad[3, 3] = -2.0
    with pytest.raises(ValueError, match=r"row 3 is -2\.0, expected a positive"):
        Chebyshev(bad.tocsr())
    bad = A.tolil()
    bad[5, 5] = 0.0
    with pytest.raises(ValueError, match="row 5"):
        Chebyshev(bad.tocsr())
    with pytest.raises(TypeError, match="diagonal is for operators"):
        Chebyshev(A, diagonal=np.ones(16))
    with pytest.raises(ValueError, match="diagonal has shape"):
        Chebyshev(aslinearoperator(A), diagonal=np.ones(3))
    with pytest.raises(ValueError, match=r"diagonal is 0\.0 in row 2"):
        Chebyshev(aslinearoperator(A), diagonal=np.r_[1.0, 1, 0, np.ones(13)])
    with pytest.raises(ValueError, match="largest eigenvalue"):
        Chebyshev(aslinearoperator(-A))
    with pytest.raises(ValueError, match="largest eigenvalue"):
        Chebyshev(LinearOperator((4, 4), matvec=lambda x: np.full(4, np.nan), dtype=float))


# Symmetric polynomials


def sigma(values, t):
    return math.fsum(math.prod(c) for c in combinations(values, t))


@pytest.mark.parametrize("n", [2, 3, 5, 8])
def test_symmetric_polynomial_eigenvalue_identity(n):
    values = np.exp(np.random.default_rng(n).standard_normal(n))
    A = with_spectrum(values, n)
    q = np.linalg.eigh(A)
    for t in range(1, n):
        M = SymmetricPolynomial(A, t, traces="exact")
        assert M.is_spd
        got = np.diag(q[1].T @ dense(M) @ q[1]) * sigma(values, t) * values.sum() / n
        order = np.sort(values)
        want = [sigma(np.delete(order, i), t) for i in range(n)]
        assert_allclose(got, want, rtol=1e-9)
        assert_allclose(M.sigma * M.trace ** np.arange(t + 1.0), [sigma(values, k) for k in range(t + 1)], rtol=1e-10)
    # P_(n-1) is the adjugate: det(A) A^-1
    M = SymmetricPolynomial(A, n - 1, traces="exact")
    product = dense(M) @ A
    assert_allclose(product, product[0, 0] * np.eye(n), atol=1e-9 * product[0, 0])


def test_symmetric_polynomial_cuts_the_largest_gaps():
    values = np.r_[1e6, 1e4, 300.0, np.linspace(1, 2, 57)]
    A = with_spectrum(values)
    conditions = []
    for t in (1, 2, 3):
        eigenvalues = [lam * sigma_without(values, i, t) for i, lam in enumerate(values)]
        exact = max(eigenvalues) / min(eigenvalues)
        got = np.linalg.eigvals(dense(SymmetricPolynomial(A, t)) @ A).real
        assert_allclose(got.max() / got.min(), exact, rtol=1e-4)
        conditions.append(exact)
    assert np.linalg.cond(A) > 9e5
    # the first t no longer count: what is left is at most the sum of the others over the smallest
    for t, condition in enumerate(conditions, 1):
        assert condition <= values[t:].sum() / values.min()


def sigma_without(values, i, t):
    """sigma_t of all values but one, by the recurrence over values."""
    out = np.zeros(t + 1)
    out[0] = 1
    for j, v in enumerate(values):
        if j != i:
            out[1:] += v * out[:-1].copy()
    return out[t]


def test_symmetric_polynomial_traces():
    A = spd(40, 5)
    values = np.linalg.eigvalsh(A.toarray())
    M = SymmetricPolynomial(A, 6, traces="exact")
    want = [np.sum(values**k) / values.sum() ** k for k in range(1, 7)]
    assert_allclose(M.traces, want, rtol=1e-12)
    given_ = SymmetricPolynomial(A, 6, traces=[np.sum(values**k) for k in range(1, 7)])
    assert_allclose(given_.traces, want, rtol=1e-12)
    assert not given_.is_spd
    rough = SymmetricPolynomial(A, 3, traces="hutchinson", samples=400, rng=2)
    assert_allclose(rough.traces, want[:3], rtol=0.2)
    again = SymmetricPolynomial(A, 3, traces="hutchinson", samples=400, rng=2)
    assert_array_equal(rough.traces, again.traces)
    other = SymmetricPolynomial(A, 3, traces="hutchinson", samples=400, rng=3)
    assert (rough.traces[1:] != other.traces[1:]).all()
    over = SymmetricPolynomial(aslinearoperator(A), 3, samples=400, rng=2)
    assert_allclose(over.traces, rough.traces, rtol=1e-12)
    assert not over.is_spd
    # where no eigenvalue stands out, the estimated polynomial is positive on the whole interval, and says so
    P = SymmetricPolynomial(poisson2d(30), 5, rng=0)
    assert P.is_spd
    assert np.linalg.eigvalsh(dense(SymmetricPolynomial(poisson2d(8), 5, traces="hutchinson", rng=0)))[0] > 0
    assert cg(poisson2d(30), np.ones(900), M=P).converged


def test_symmetric_polynomial_estimated_traces_are_flagged():
    A = with_spectrum(np.r_[1e6, 1e4, np.linspace(1, 2, 58)])
    outcomes = set()
    for seed in range(10):
        try:
            M = SymmetricPolynomial(A, 2, traces="hutchinson", rng=seed)
        except np.linalg.LinAlgError:
            outcomes.add("refused")
            continue
        negative = np.linalg.eigvalsh(dense(M))[0] < 0
        assert not (negative and M.is_spd)
        outcomes.add("negative" if negative else "positive")
    assert outcomes & {"refused", "negative"}  # what the flag is for does happen


def test_symmetric_polynomial_refuses():
    A = poisson2d(3)
    with pytest.raises(ValueError, match="degree is 9, expected less than the number of unknowns, 9"):
        SymmetricPolynomial(A, 9)
    for degree in (0, 31, 2.5):
        with pytest.raises((TypeError, ValueError), match="degree"):
            SymmetricPolynomial(A, degree)
    with pytest.raises(ValueError, match="traces"):
        SymmetricPolynomial(A, 2, traces="none")
    with pytest.raises(ValueError, match="traces has shape"):
        SymmetricPolynomial(A, 2, traces=[1.0])
    with pytest.raises(TypeError, match="operator"):
        SymmetricPolynomial(aslinearoperator(A), 2, traces="exact")
    with pytest.raises(np.linalg.LinAlgError, match="trace of A is"):
        SymmetricPolynomial(-A, 2)
    with pytest.raises(np.linalg.LinAlgError, match="beyond rounding"):
        SymmetricPolynomial(sps.csr_array(np.diag([1.0, 0, 0, 0])), 2)
    with pytest.raises(np.linalg.LinAlgError, match="beyond rounding"):
        SymmetricPolynomial(sps.csr_array(np.diag([1.0, 1e-17, 1e-18, 0])), 2)
    with pytest.raises(TypeError, match="rng"):
        SymmetricPolynomial(A, 2, rng="x")


# What they share


@kinds
def test_protocol(kind):
    A = diffusion2d(11, contrast=50.0)
    M = KINDS[kind](A)
    n = 121
    assert M.shape == (n, n) and M.dtype == np.float64 and M.is_linear is True
    assert isinstance(M.is_spd, bool)
    R = np.random.default_rng(0).standard_normal((n, 5))
    out = np.empty((n, 5))
    assert M.apply_multi(R, out) is out
    for j in range(5):
        column = R[:, j].copy()
        z = np.empty(n)
        assert M.apply(column, z) is z
        assert_array_equal(out[:, j], z)
        assert_array_equal(M @ column, z)
    assert_array_equal(M @ R, out)
    m = M._csr
    assert M.nbytes >= m.data.nbytes + m.indices.nbytes + m.indptr.nbytes
    with pytest.raises(ValueError, match="overlap"):
        M.apply(z, z)
    with pytest.raises(ValueError, match="shape"):
        M.apply(np.ones(3), z)
    frozen = z.copy()
    frozen.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        M.apply(column, frozen)


@kinds
def test_update_equals_a_new_one(kind):
    A = diffusion2d(9, contrast=20.0)
    B = diffusion2d(9, contrast=500.0)
    M = KINDS[kind](A)
    M.update(B)
    r = np.arange(81.0)
    assert_array_equal(M @ r, KINDS[kind](B) @ r)
    with pytest.raises(ValueError, match="A has shape"):
        M.update(poisson2d(4))
    over = KINDS[kind](aslinearoperator(A))
    over.update(aslinearoperator(B))
    assert_array_equal(over @ r, KINDS[kind](aslinearoperator(B)) @ r)


@kinds
def test_a_is_copied(kind):
    A = diffusion2d(9).tocsr()
    M = KINDS[kind](A)
    before = M @ np.ones(81)
    A.data[:] = np.nan
    assert_array_equal(M @ np.ones(81), before)


@kinds
def test_pickle_and_copy(kind):
    M = KINDS[kind](diffusion2d(9))
    r = np.arange(81.0)
    for other in (pickle.loads(pickle.dumps(M)), copy.copy(M), copy.deepcopy(M)):
        assert_array_equal(other @ r, M @ r)
    assert cg(poisson2d(9), r, M=pickle.loads(pickle.dumps(KINDS["chebyshev"](poisson2d(9))))).converged


@kinds
@pytest.mark.parametrize("scale", [1e-300, 1e-150, 1e150, 1e300])
def test_scales(kind, scale):
    A = diffusion2d(9, contrast=10.0)
    r = np.arange(1.0, 82.0)
    want = KINDS[kind](A) @ r
    M = KINDS[kind]((A * scale).tocsr())
    with np.errstate(all="ignore"):
        assert_allclose((M @ (r * 1e-5)) * scale * 1e5, want, rtol=1e-11)
    b = A @ np.ones(81)
    solver = gmres if kind == "gmres" else cg
    result = solver((A * scale).tocsr(), b, rtol=1e-8, M=M)
    assert result.converged
    assert result.iterations == pytest.approx(solver(A, b, rtol=1e-8, M=KINDS[kind](A)).iterations, abs=1)


@kinds
def test_single_precision(kind):
    A = diffusion2d(12, contrast=5.0).astype(np.float32)
    M = KINDS[kind](A)
    assert M.dtype == np.float32
    r = np.random.default_rng(0).standard_normal(144).astype(np.float32)
    z = M.apply(r, np.empty(144, np.float32))
    want = KINDS[kind](A.astype(np.float64)) @ r.astype(np.float64)
    assert_allclose(z, want, rtol=1e-3, atol=1e-4 * np.abs(want).max())
    solver = gmres if kind == "gmres" else cg
    for over in (M, KINDS[kind](aslinearoperator(A))):
        assert over.dtype == np.float32
        result = solver(A, r, rtol=1e-4, M=over)
        assert result.converged and result.x.dtype == np.float32


@kinds
def test_kinds_of_input(kind):
    A = diffusion2d(8, contrast=5.0)
    r = np.arange(64.0)
    want = KINDS[kind](A) @ r
    coo = A.tocoo()
    doubled = sps.coo_array(
        (np.r_[coo.data / 2, coo.data / 2], (np.r_[coo.row, coo.row], np.r_[coo.col, coo.col])), shape=A.shape
    )
    wide = A.copy()
    wide.indptr, wide.indices = wide.indptr.astype(np.int64), wide.indices.astype(np.int64)
    frozen = A.copy()
    for part in (frozen.data, frozen.indices, frozen.indptr):
        part.flags.writeable = False
    for form in (A.tocsc(), coo, doubled, wide, frozen, A.toarray(), np.asfortranarray(A.toarray())):
        assert_allclose(KINDS[kind](form) @ r, want, rtol=1e-10)
    M = KINDS[kind](A)
    assert_array_equal(M @ r[::-1], M @ r[::-1].copy())
    assert_array_equal(M @ np.repeat(r, 2)[::2], want)
    assert_array_equal(KINDS[kind](A) @ r.astype(int), want)


@kinds
def test_refuses_other_things(kind):
    make = KINDS[kind]
    with pytest.raises(ValueError, match="square"):
        make(sps.csr_array(np.ones((5, 7))))
    with pytest.raises(TypeError, match="A must be"):
        make(type("Thing", (), {"shape": (5, 5)})())
    with pytest.raises(TypeError, match="complex"):
        make(sps.csr_array(np.eye(5) * (1 + 1j)))
    with pytest.raises(TypeError, match="complex"):
        make(LinearOperator((5, 5), matvec=lambda x: x, dtype=complex))
    for bad in (np.nan, np.inf):
        A = poisson2d(4).tocsr()
        for at in (0, A.data.size // 2, -1):
            B = A.copy()
            B.data[at] = bad
            with pytest.raises(ValueError, match=r"A\.data"):
                make(B)
    short = LinearOperator((5, 5), matvec=lambda x: x, dtype=float)
    short.matvec = lambda x: np.ones(3)
    with pytest.raises(ValueError, match="A returned an array of shape"):
        make(short)


@kinds
@pytest.mark.parametrize("at", [0, 40, 80])
def test_nan_passes_through(kind, at):
    M = KINDS[kind](diffusion2d(9))
    r = np.ones(81)
    r[at] = np.nan
    assert np.isnan(M @ r)[at]
    assert not np.isnan(M @ np.ones(81)).any()  # nothing is left behind


@kinds
def test_raising_operator(kind):
    A = poisson2d(6)
    calls = []

    def product(x):
        calls.append(1)
        if len(calls) > 60:
            raise RuntimeError("enough")
        return A @ x

    M = KINDS[kind](LinearOperator(A.shape, matvec=product, dtype=float), **KEEP[kind])
    calls.extend([1] * 60)
    with pytest.raises(RuntimeError, match="enough"):
        M @ np.ones(36)
    with pytest.raises(RuntimeError, match="enough"):
        gmres(A, np.ones(36), M=M)


@both
@kinds
def test_backends_agree(kind):
    for A in (diffusion2d(10, contrast=30.0), spd(40, 1)):
        r = np.random.default_rng(0).standard_normal(A.shape[0])
        out = {}
        for name in ("compiled", "numba"):
            with kriss.use_backend(name):
                M = KINDS[kind](A)
                out[name] = M @ r
                solver = gmres if kind == "gmres" else cg
                assert solver(A, r, rtol=1e-6, M=M, maxiter=2000).converged
        assert_allclose(out["compiled"], out["numba"], rtol=1e-9, atol=1e-12 * np.abs(r).max())


@both
def test_backends_agree_to_the_bit_on_one_table():
    A = spd(90, 2)
    r = np.random.default_rng(0).standard_normal(90)
    for M in (Chebyshev(A, 5), SymmetricPolynomial(A, 3), GMRESPolynomial(A, 7, rng=0)):
        out = []
        for name in ("compiled", "numba"):
            with kriss.use_backend(name):
                M._build()
                out.append(M @ r)
        assert_array_equal(out[0], out[1])


@kinds
def test_same_bits_for_any_number_of_workers(kind):
    A = diffusion2d(150, contrast=1e2)
    b = np.random.default_rng(0).standard_normal(A.shape[0])
    M = KINDS[kind](A)
    solver = gmres if kind == "gmres" else cg
    one = solver(A, b, M=M, maxiter=5, workers=1).x
    for workers in (2, 4):
        assert_array_equal(solver(A, b, M=M, maxiter=5, workers=workers).x, one)
    z = M @ b
    with ThreadPoolExecutor(4) as pool:
        for other in pool.map(lambda _: M @ b, range(8)):
            assert_array_equal(other, z)


def test_applied_without_python(monkeypatch):
    """The loops hold the object of the kernels: they never call `apply`."""
    if kriss._backend.backend() != "compiled":
        pytest.skip("compiled loops only")

    def never(*_):
        raise AssertionError

    A, b = poisson2d(20), np.ones(400)
    M = Chebyshev(A)
    monkeypatch.setattr(Chebyshev, "apply", never)
    monkeypatch.setattr(Chebyshev, "_matvec", never)
    for solver in (cg, fcg, minres, gmres, fgmres, bicgstab):
        assert solver(A, b, M=M).converged


@settings(max_examples=30)
@given(st.integers(1, 12), st.integers(0, 10**6), st.integers(1, 6))
def test_linear_and_symmetric(n, seed, degree):
    A = spd(n, seed)
    rng = np.random.default_rng(seed)
    x, y = rng.standard_normal((2, n))
    for M in (Chebyshev(A, degree), *((SymmetricPolynomial(A, 1),) if n > 1 else ())):
        size = np.linalg.norm(x) * np.linalg.norm(y) * np.linalg.norm(dense(M))
        assert abs(x @ (M @ y) - y @ (M @ x)) <= 1e-12 * size
        assert_allclose(M @ (2.0 * x - y), 2.0 * (M @ x) - (M @ y), atol=1e-11 * np.linalg.norm(dense(M)) * 4)
        assert np.linalg.eigvalsh((dense(M) + dense(M).T) / 2)[0] > 0


@pytest.mark.parametrize(("dtype", "ends"), [("f8", (1e200, 1e-200)), ("f4", (1e20, 1e-20))])
def test_a_diagonal_over_the_whole_range(dtype, ends):
    d = np.array(ends, dtype)
    M = Chebyshev(sps.diags_array(d, format="csr"), 2)
    assert_allclose(M @ d, Chebyshev(sps.eye_array(2, dtype=dtype, format="csr"), 2) @ np.ones(2, dtype), rtol=1e-6)
