"""What every preconditioner promises: apply, apply_multi, update, transpose, what it says of itself, who takes it."""

import numpy as np
import pytest
import scipy.sparse as sps
from numpy.testing import assert_allclose, assert_array_equal

from kriss import solve
from kriss.solve import AdditiveTwoLevel, StencilOperator, cg, fcg, fgmres, gmres, minres
from kriss.testing import diffusion2d

N = 12
SIZE = N * N
FIVE = {(0, 0): 4.0, (0, 1): -1.0, (1, 0): -1.0}


def hierarchy(cycle):
    def build(A):
        pyamg = pytest.importorskip("pyamg")
        ml = pyamg.ruge_stuben_solver(sps.csr_matrix(A), max_coarse=20)
        return solve.from_pyamg(ml, cycle=cycle)

    return build


# A new preconditioner is taken in by a line: how it is built from a symmetric positive definite five-point matrix.
BUILDERS = {
    "Jacobi": solve.Jacobi,
    "SSOR": lambda A: solve.SSOR(A, 1.3),
    "IC0": solve.IC0,
    "MIC": solve.MIC,
    "ILU0": solve.ILU0,
    "ICT": solve.ICT,
    "FSAI": solve.FSAI,
    "ILUT": solve.ILUT,
    "BlockJacobi": lambda A: solve.BlockJacobi(A, N),
    "Chebyshev": solve.Chebyshev,
    "SymmetricPolynomial": lambda A: solve.SymmetricPolynomial(A, 2),
    "GMRESPolynomial": lambda A: solve.GMRESPolynomial(A, 10, rng=0),
    "AdditiveTwoLevel": lambda A: AdditiveTwoLevel(A, 9),
    "AdditiveTwoLevel of SSOR": lambda A: AdditiveTwoLevel(A, 9, smoother="ssor"),
    "BlackBoxMG": lambda A: solve.black_box_mg(A, (N, N)),
    "PyAMG V": hierarchy("V"),
    "PyAMG W": hierarchy("W"),
    "PyAMG K": hierarchy("K"),
}
# Those that keep a copy of A, or of its pattern.
PATTERN = ["SSOR", "IC0", "MIC", "ILU0", "ICT", "ILUT", "FSAI"]
# Those that need products only, and so take any operator.
OPERATORS = ["Chebyshev", "SymmetricPolynomial", "GMRESPolynomial"]
UPDATES = [n for n in BUILDERS if not n.startswith("PyAMG")]
every = pytest.mark.parametrize("name", BUILDERS)


@pytest.fixture(scope="module")
def A():
    return diffusion2d(N, contrast=20.0, rng=0)


def dense(M):
    eye = np.eye(SIZE, dtype=M.dtype)
    return np.stack([M.apply(e, np.empty_like(e)) for e in eye], axis=1)


@every
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_it_is_an_operator_and_says_what_it_is(name, dtype, A, rng):
    M = BUILDERS[name](A.astype(dtype))
    assert M.shape == A.shape and M.dtype == dtype and M.nbytes > 0
    assert isinstance(M.is_spd, bool) and isinstance(M.is_linear, bool)
    r = rng.standard_normal(SIZE).astype(dtype)
    out = np.empty_like(r)
    kept = r.copy()
    assert M.apply(r, out) is out
    assert_array_equal(r, kept)
    assert_array_equal(M @ r, out)
    assert_array_equal(M.matvec(r), out)
    if not M.is_linear:
        return
    B = dense(M).astype(float)
    scale = np.abs(B).max()
    eps = 1e3 * np.finfo(dtype).eps * scale
    assert_allclose(B @ r, out, rtol=0, atol=eps * np.abs(r).sum())
    if M.is_spd:
        assert_allclose(B, B.T, rtol=0, atol=eps)
        assert np.linalg.eigvalsh((B + B.T) / 2).min() > 0


@every
@pytest.mark.parametrize("columns", [1, 2, 8, 9])
def test_apply_multi_is_apply_for_each_column(name, columns, A, rng):
    M = BUILDERS[name](A)
    R = rng.standard_normal((SIZE, columns))
    out = np.empty_like(R)
    assert M.apply_multi(R, out) is out
    for k in range(columns):
        assert_array_equal(out[:, k], M.apply(R[:, k].copy(), np.empty(SIZE)))
    assert_array_equal(M @ R, out)
    assert_array_equal(M.matmat(R), out)


@every
@pytest.mark.parametrize("bad", ["short", "dtype", "strided", "read-only", "same", "list", "2-D"])
def test_arguments_of_apply(name, bad, A):
    M = BUILDERS[name](A)
    r, out = np.ones(SIZE), np.empty(SIZE)
    if bad == "short":
        r = r[:-1]
    elif bad == "dtype":
        r = r.astype(np.float32)
    elif bad == "strided":
        r = np.ones(2 * SIZE)[::2]
    elif bad == "read-only":
        out.flags.writeable = False
    elif bad == "same":
        out = r
    elif bad == "list":
        r = r.tolist()
    else:
        r = r[:, None]
    with pytest.raises((ValueError, TypeError)):
        M.apply(r, out)


@pytest.mark.parametrize("name", UPDATES)
def test_update_equals_rebuilding(name, A, rng):
    B = sps.csr_array((A.data * 2.0, A.indices, A.indptr), shape=A.shape)
    B = sps.csr_array(B + sps.diags_array(rng.random(SIZE)))
    M = BUILDERS[name](A)
    M.update(B)
    r = rng.standard_normal(SIZE)
    assert_array_equal(M.apply(r, np.empty(SIZE)), BUILDERS[name](B).apply(r, np.empty(SIZE)))
    with pytest.raises(ValueError, match="A has shape"):
        M.update(A[:-1, :-1])
    if name not in OPERATORS:
        with pytest.raises(TypeError, match="A must be"):
            M.update(np.eye(SIZE))
    spoilt = A.copy()
    spoilt.data[5] = np.nan
    with pytest.raises(ValueError, match=r"A\.data"):
        M.update(spoilt)
    assert_array_equal(M.apply(r, np.empty(SIZE)), BUILDERS[name](B).apply(r, np.empty(SIZE)))


@pytest.mark.parametrize("name", PATTERN)
def test_update_refuses_another_pattern(name, A, rng):
    M = BUILDERS[name](A)
    r = rng.standard_normal(SIZE)
    before = M.apply(r, np.empty(SIZE))
    other = A.tolil()
    other[20, 60] = other[60, 20] = -0.01
    with pytest.raises(ValueError, match="another pattern in row 20"):
        M.update(other.tocsr())
    assert_array_equal(M.apply(r, np.empty(SIZE)), before)


@pytest.mark.parametrize("name", PATTERN)
def test_an_update_that_fails_changes_nothing(name, A, rng):
    M = BUILDERS[name](A)
    r = rng.standard_normal(SIZE)
    before = M.apply(r, np.empty(SIZE))
    zero = A.copy()
    zero.data[zero.indices == np.repeat(np.arange(SIZE), np.diff(zero.indptr))] = 0.0
    with pytest.raises(ValueError, match="row 0"):
        M.update(zero)
    assert_array_equal(M.apply(r, np.empty(SIZE)), before)
    assert cg(A, r, M=M).converged if M.is_spd else fgmres(A, r, M=M).converged


@every
def test_transpose(name, A, rng):
    M = BUILDERS[name](A)
    if not M.is_linear:
        return
    x, y = rng.standard_normal((2, SIZE))
    T = M.T
    assert T.shape == M.shape
    assert np.isclose(y @ (M @ x), (T @ y) @ x, rtol=1e-10, atol=0)
    assert_array_equal(M.H @ y, T @ y)
    if M.is_spd:
        assert_array_equal(T @ y, M @ y)


def test_transpose_of_an_unsymmetric_factorisation(rng):
    A = sps.diags_array([-2.0, 5.0, -1.0, 0.5], offsets=[-1, 0, 1, 7], shape=(60, 60)).tocsr()
    M = solve.ILU0(A)
    B = np.stack([M @ e for e in np.eye(60)], axis=1)
    y = rng.standard_normal(60)
    assert_allclose(M.T @ y, B.T @ y, rtol=0, atol=1e-13)
    assert M.T.T is M and M.T.nbytes > 0


@every
@pytest.mark.parametrize("method", [cg, minres, gmres, fcg, fgmres], ids=lambda m: m.__name__)
def test_who_takes_it(name, method, A, rng):
    M = BUILDERS[name](A)
    b = rng.standard_normal(SIZE)
    if not M.is_linear and method not in (fcg, fgmres):
        with pytest.raises(ValueError, match="not linear"):
            method(A, b, M=M)
        return
    r = method(A, b, M=M, rtol=1e-8, maxiter=200)
    assert r.converged
    assert np.linalg.norm(b - A @ r.x) <= 1e-8 * np.linalg.norm(b)


@every
@pytest.mark.parametrize("workers", [2, 4])
def test_same_bits_for_any_number_of_workers(name, workers, A, rng):
    b = rng.standard_normal(SIZE)
    one = fcg(A, b, M=BUILDERS[name](A), workers=1, maxiter=9)
    more = fcg(A, b, M=BUILDERS[name](A), workers=workers, maxiter=9)
    assert_array_equal(one.x, more.x)


@pytest.mark.parametrize("kind", ["ssor", "mic"])
def test_preconditioners_of_a_stencil(kind, rng):
    A = StencilOperator((N, N), FIVE, symmetric=True)
    M = getattr(A, kind)()
    B = dense(M)
    assert_allclose(B, B.T, rtol=0, atol=1e-13)
    assert M.is_spd and M.is_linear and M.T is M and np.linalg.eigvalsh(B).min() > 0
    R = rng.standard_normal((SIZE, 3))
    assert_allclose(M @ R, B @ R, rtol=0, atol=1e-12)
