"""kriss.solve.cg: the promise of the tolerance, the energy norm, statuses, scaling, preconditioners."""

import numpy as np
import pytest
import scipy.sparse as sps
from numpy.testing import assert_array_equal
from scipy.sparse.linalg import LinearOperator, spsolve

from kriss.solve import SSOR, Jacobi, SolveResult, cg
from kriss.testing import diffusion2d, poisson2d, poisson3d

MATRICES = {
    "poisson2d": lambda: poisson2d(23),
    "poisson3d": lambda: poisson3d(8),
    "jumps": lambda: diffusion2d(20, contrast=1e4),
    "diagonal": lambda: sps.diags_array(np.linspace(1, 50, 300)).tocsr(),
    "dense_rows": lambda: sps.csr_array(np.eye(60) * 70 + np.ones((60, 60))),
    "random_order": lambda: shuffled(poisson2d(20)),
}


def shuffled(A, seed=3):
    order = np.random.default_rng(seed).permutation(A.shape[0])
    out = A[order][:, order].tocsr()
    out.sort_indices()
    return out


def textbook(A, b, iterations):
    """Hestenes and Stiefel, as in any textbook; the iterates x_0 ... x_k."""
    x = np.zeros_like(b)
    r = b.copy()
    p = r.copy()
    out = [x.copy()]
    for _ in range(iterations):
        q = A @ p
        alpha = (r @ r) / (p @ q)
        x = x + alpha * p
        s = r - alpha * q
        p = s + (s @ s) / (r @ r) * p
        r = s
        out.append(x.copy())
    return out


@pytest.mark.parametrize("name", MATRICES)
@pytest.mark.parametrize("M", [None, "jacobi", "ssor"])
@pytest.mark.parametrize("rtol", [1e-2, 1e-6, 1e-10])
def test_recomputed_residual_meets_the_promise(name, M, rtol, rng):
    A = MATRICES[name]()
    b = rng.standard_normal(A.shape[0])
    r = cg(A, b, rtol=rtol, M=M)
    assert r.status == "converged" and r.converged and r.info == 0
    true = np.linalg.norm(b - A @ r.x)
    assert true <= rtol * np.linalg.norm(b) * (1 + 1e-12)
    assert r.residual_norm == pytest.approx(true, rel=1e-3, abs=1e-13 * np.linalg.norm(b))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_iterates_are_the_textbook_ones(dtype, rng):
    A = poisson2d(9).astype(dtype)
    b = rng.standard_normal(81).astype(dtype)
    reference = textbook(A.astype(np.float64), b.astype(np.float64), 8)
    for k in range(9):
        r = cg(A, b, rtol=0.0, maxiter=k)
        assert r.x.dtype == dtype
        assert r.iterations == k
        # forward growth of rounding over 8 steps of a matrix with condition 40
        assert np.abs(r.x - reference[k]).max() <= 200 * np.finfo(dtype).eps * np.abs(reference[-1]).max()


@pytest.mark.parametrize("M", [None, "jacobi", "ssor"])
def test_energy_norm_of_the_error_falls_monotonically(M, rng):
    A = diffusion2d(15, contrast=100.0)
    b = rng.standard_normal(225)
    exact = spsolve(A.tocsc(), b)
    errors = []
    cg(A, b, rtol=1e-9, M=M, callback=lambda x: errors.append((x - exact) @ (A @ (x - exact))))
    errors = np.sqrt(np.abs(errors))
    assert len(errors) > 5
    assert (errors[1:] <= errors[:-1] * (1 + 1e-12) + 1e-14 * errors[0]).all()


def test_a_preconditioner_changes_the_iterations_not_the_answer(rng):
    A = diffusion2d(24, contrast=1e4)
    b = rng.standard_normal(576)
    exact = spsolve(A.tocsc(), b)
    count = {}
    for name, M in {"none": None, "jacobi": "jacobi", "ssor": "ssor", "better": SSOR(A, 1.7)}.items():
        r = cg(A, b, rtol=1e-12, M=M)
        assert r.converged
        count[name] = r.iterations
        assert np.linalg.norm(r.x - exact) <= 1e-6 * np.linalg.norm(exact)
    assert count["none"] > count["jacobi"] > max(count["ssor"], count["better"])


def test_iteration_bound_from_the_condition_number(rng):
    n = 31
    A = poisson2d(n)
    b = rng.standard_normal(n * n)
    h = np.pi / (2 * (n + 1))
    kappa = 1 / np.tan(h) ** 2
    r = cg(A, b, rtol=1e-8)
    # ||e_k||_A <= 2 q^k ||e_0||_A, and residuals against energy errors cost sqrt(kappa)
    q = (np.sqrt(kappa) - 1) / (np.sqrt(kappa) + 1)
    assert r.iterations <= np.ceil(np.log(1e-8 / (2 * np.sqrt(kappa))) / np.log(q))


def test_exact_in_as_many_steps_as_distinct_eigenvalues(rng):
    d = np.repeat([1.0, 2.0, 5.0, 9.0], 25)
    r = cg(sps.diags_array(d).tocsr(), rng.standard_normal(100), rtol=1e-12)
    assert r.converged and r.iterations == 4


@pytest.mark.parametrize("scale", [0.25, 3.3, 1e-30])
def test_a_constant_diagonal_is_left_out(scale, rng):
    A, b = poisson2d(20) * scale, rng.standard_normal(400)
    plain, b2 = cg(A, b, rtol=1e-10, residuals=True), np.stack([b, 2 * b], axis=1)
    for M in ("jacobi", Jacobi(A)):
        r = cg(A, b, rtol=1e-10, M=M, residuals=True)
        assert (r.status, r.params["M"]) == ("converged", "jacobi")
        assert_array_equal(r.x, plain.x)
        assert_array_equal(r.residuals, plain.residuals)
        assert_array_equal(cg(A, b2, rtol=1e-10, M=M).x[:, 0], cg(A, b2, rtol=1e-10).x[:, 0])
    # One entry that differs: then it is not constant, wherever it is.
    D = A.tolil()
    D[7, 7] *= 2
    D = D.tocsr()
    textbook = cg(D, b, rtol=1e-10, M=LinearOperator((400, 400), matvec=lambda r: r / D.diagonal(), dtype=float))
    assert cg(D, b, rtol=1e-10, M="jacobi").iterations == textbook.iterations
    assert cg(-A, b, M="jacobi").status == "indefinite_preconditioner"


# statuses


@pytest.mark.parametrize("scale", [1.0, 1e150, 1e-150])
@pytest.mark.parametrize("where", [0, 40, 99])
def test_indefinite_matrix_is_caught(where, scale, rng):
    d = np.linspace(1, 2, 100)
    d[where] = -1.5
    r = cg(scale * sps.diags_array(d).tocsr(), rng.standard_normal(100), rtol=1e-12)
    assert r.status == "indefinite_matrix" and r.info == -1
    assert np.isfinite(r.x).all()


def test_singular_inconsistent_system_does_not_claim_convergence(rng):
    d = np.ones(50)
    d[7] = 0.0
    A = sps.diags_array(d).tocsr()
    r = cg(A, np.ones(50))
    assert not r.converged and np.isfinite(r.x).all()
    assert r.residual_norm >= 1.0


def test_singular_consistent_system_converges(rng):
    T = sps.diags_array([-np.ones(39), np.r_[1.0, np.full(38, 2.0), 1.0], -np.ones(39)], offsets=[-1, 0, 1]).tocsr()
    b = rng.standard_normal(40)
    b -= b.mean()
    r = cg(T, b, rtol=1e-8)
    assert r.converged and np.linalg.norm(b - T @ r.x) <= 1e-8 * np.linalg.norm(b) * (1 + 1e-9)


@pytest.mark.parametrize("sign", [-1.0, 0.0])
def test_preconditioner_that_is_not_positive_definite_is_caught(sign, rng):
    A = poisson2d(8)
    d = np.ones(64)
    d[30:40] = sign
    if sign == 0.0:
        d[:] = 0.0
    M = LinearOperator((64, 64), matvec=lambda r: d * np.ravel(r) * (1.0 if sign == 0 else 100.0), dtype=float)
    b = np.where(d < 1, 1.0, 0.0)
    r = cg(A, b, M=M)
    assert r.status == "indefinite_preconditioner" and r.iterations == 0


def test_negative_diagonal_makes_jacobi_indefinite():
    A = sps.diags_array([1.0, -2.0, 3.0]).tocsr()
    M = Jacobi(A)
    assert not M.is_spd
    assert cg(A, np.array([0.0, 1.0, 0.0]), M=M).status == "indefinite_preconditioner"


def test_maxiter_and_its_info(rng):
    A = poisson2d(20)
    b = rng.standard_normal(400)
    full = cg(A, b, rtol=1e-8)
    short = cg(A, b, rtol=1e-8, maxiter=full.iterations - 1)
    assert short.status == "maxiter" and short.info == full.iterations - 1
    # unlike SciPy's, convergence in the last iteration allowed is convergence
    assert cg(A, b, rtol=1e-8, maxiter=full.iterations).converged
    none = cg(A, b, maxiter=0)
    assert none.status == "maxiter" and none.iterations == 0 and not none.x.any()
    assert none.residual_norm == pytest.approx(np.linalg.norm(b), rel=1e-15)


@pytest.mark.parametrize("M", [None, "jacobi", "ssor"])
def test_an_impossible_tolerance_stagnates_and_says_so(M, rng):
    A = diffusion2d(12, contrast=1e6)
    b = rng.standard_normal(144)
    r = cg(A, b, rtol=0.0, M=M, maxiter=100000)
    assert r.status == "stagnated" and r.info > 0
    assert r.residual_norm == pytest.approx(np.linalg.norm(b - A @ r.x), rel=0.5)
    assert r.residual_norm <= 1e-9 * np.linalg.norm(b)


# special right-hand sides and starts


def test_zero_right_hand_side_gives_zero_whatever_the_start():
    r = cg(poisson2d(4), np.zeros(16), x0=np.ones(16))
    assert r.converged and r.iterations == 0 and not r.x.any() and r.residual_norm == 0.0


@pytest.mark.parametrize("M", [None, "jacobi", "ssor"])
def test_the_solution_as_start_needs_no_iteration(M, rng):
    A = poisson2d(12)
    b = rng.standard_normal(144)
    first = cg(A, b, rtol=1e-12, M=M)
    again = cg(A, b, x0=first.x, rtol=1e-10, M=M)
    assert again.converged and again.iterations == 0
    assert_array_equal(again.x, first.x)


def test_a_start_is_used_and_kept(rng):
    A = poisson2d(12)
    b = rng.standard_normal(144)
    start = rng.standard_normal(144)
    before = start.copy()
    r = cg(A, b, x0=start, rtol=1e-10)
    assert_array_equal(start, before)
    assert r.converged and not np.shares_memory(r.x, start)
    assert_array_equal(cg(A, b, x0=start, maxiter=0).x, start)


@pytest.mark.parametrize("n", [0, 1, 2, 3, 5, 10, 50])
@pytest.mark.parametrize("M", [None, "jacobi", "ssor"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_sizes(n, M, dtype, rng):
    B = rng.standard_normal((n, n))
    A = sps.csr_array(B @ B.T + (n + 1) * np.eye(n)).astype(dtype)
    b = rng.standard_normal(n).astype(dtype)
    rtol = 1e-10 if dtype == np.float64 else 1e-5
    r = cg(A, b, rtol=rtol, M=M)
    assert r.converged and r.x.shape == (n,) and r.x.dtype == dtype
    true = np.linalg.norm(b.astype(float) - A.astype(float) @ r.x.astype(float))
    assert true <= rtol * np.linalg.norm(b) * (1 + 100 * np.finfo(dtype).eps / rtol)


# range


@pytest.mark.parametrize("ka", [-500, -300, -1, 1, 299, 500])
@pytest.mark.parametrize("kb", [-400, 0, 400])
@pytest.mark.parametrize("M", [None, "jacobi", "ssor"])
def test_scaling_by_powers_of_two_changes_no_bit(ka, kb, M, rng):
    A = diffusion2d(9, contrast=50.0)
    b = rng.standard_normal(81)
    plain = cg(A, b, rtol=1e-9, M=M, residuals=True)
    B = A.copy()
    B.data = np.ldexp(A.data, ka)
    r = cg(B, np.ldexp(b, kb), rtol=1e-9, M=M, residuals=True)
    assert r.status == plain.status == "converged" and r.iterations == plain.iterations
    assert_array_equal(r.x, np.ldexp(plain.x, kb - ka))
    assert_array_equal(r.residuals, np.ldexp(plain.residuals, kb))
    assert r.residual_norm == np.ldexp(plain.residual_norm, kb)


# Pairs whose solution neither over- nor underflows.
SCALES = [(a, b) for a in (1e-300, 1e-150, 1e150, 1e300) for b in (1e-300, 1e-150, 1.0, 1e150, 1e300)]
SCALES = [(a, b) for a, b in SCALES if abs(np.log10(b) - np.log10(a)) < 290]


@pytest.mark.parametrize(("sa", "sb"), SCALES)
@pytest.mark.parametrize("M", [None, "jacobi", "ssor", "instance"])
def test_extreme_scales(sa, sb, M, rng):
    A = poisson2d(10)
    b = rng.standard_normal(100)
    reference = spsolve(A.tocsc(), b)
    B = A * sa
    r = cg(B, b * sb, rtol=1e-10, M=SSOR(B, 1.2) if M == "instance" else M)
    assert r.converged
    assert np.abs(r.x / (sb / sa) - reference).max() <= 1e-8 * np.abs(reference).max()


@pytest.mark.parametrize("scale", [1e-37, 1e-20, 1e20, 1e37])
def test_extreme_scales_in_single_precision(scale, rng):
    A = poisson2d(10)
    b = rng.standard_normal(100)
    reference = spsolve(A.tocsc(), b)
    r = cg(A.astype(np.float32), (b * scale).astype(np.float32), rtol=1e-5)
    assert r.converged and r.x.dtype == np.float32
    assert np.abs(r.x.astype(float) / scale - reference).max() <= 1e-3 * np.abs(reference).max()


def test_a_solution_beyond_the_range_is_not_called_converged():
    r = cg(poisson2d(3) * 1e-200, np.full(9, 1e200))
    assert r.status == "non_finite" and r.info == -1


def test_atol_is_absolute(rng):
    A = poisson2d(10)
    b = rng.standard_normal(100)
    r = cg(A, b, rtol=0.0, atol=1e-3)
    assert r.converged and 1e-6 < r.residual_norm <= 1e-3
    assert cg(A, b, rtol=1e-2, atol=1e-30).iterations == cg(A, b, rtol=1e-2).iterations
    assert cg(A, b, atol=1e6).iterations == 0


# the result


def test_result_unpacks_is_frozen_and_tells_the_truth(rng):
    A = poisson2d(20)
    b = rng.standard_normal(400)
    r = cg(A, b, rtol=1e-6, residuals=True)
    x, info = r
    assert x is r.x and info == 0
    assert isinstance(r, SolveResult)
    with pytest.raises(AttributeError):
        r.status = "better"
    assert r.residuals.shape == (r.iterations + 1,)
    assert r.residuals[0] == pytest.approx(np.linalg.norm(b), rel=1e-14)
    assert r.residuals[-1] <= 1e-6 * np.linalg.norm(b) < r.residuals[-2]
    assert r.matvecs == r.iterations + 1
    assert r.setup_time >= 0 and r.solve_time > 0
    assert cg(A, b).residuals is None


@pytest.mark.parametrize("M", [None, "jacobi", "ssor"])
@pytest.mark.parametrize("A", [poisson2d(90), shuffled(poisson2d(90))], ids=["diagonals", "csr"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_same_bits_for_any_number_of_workers(A, M, dtype, rng):
    b = rng.standard_normal(A.shape[0]).astype(dtype)
    first, *others = (cg(A.astype(dtype), b, rtol=1e-4, M=M, workers=w, residuals=True) for w in (1, 2, 4))
    for other in others:
        assert_array_equal(other.x, first.x)
        assert_array_equal(other.residuals, first.residuals)


def test_a_matrix_with_few_diagonals_gives_the_bits_of_csr(rng):
    """The same matrix with one far-off stored zero too many diagonals to be stored by diagonal."""
    A = diffusion2d(40, contrast=10.0)
    n = A.shape[0]
    i, j = np.arange(1, 1 + 40), np.arange(100, 140)
    far = sps.csr_array((np.zeros(40), (i * 7 % n, (i * 7 + j * 3) % n)), shape=(n, n))
    B = sps.coo_array(
        (np.r_[A.data, far.data], (np.r_[A.tocoo().coords[0], far.tocoo().coords[0]],
                                   np.r_[A.indices, far.indices])), shape=(n, n)
    ).tocsr()  # fmt: skip
    b = rng.standard_normal(n)
    one, two = (cg(C, b, rtol=1e-8, residuals=True) for C in (A, B))
    if one.backend == "compiled":
        assert one.params["storage"] == "5 diagonals" and two.params["storage"] == "csr"
    assert_array_equal(one.x, two.x)
    assert_array_equal(one.residuals, two.residuals)
