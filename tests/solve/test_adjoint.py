"""Gradients through solves: against dense formulas and central differences, real and complex, every format."""

import pickle

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.sparse.linalg import LinearOperator, aslinearoperator

from kriss.solve import ILU0, DifferentiableSolver, Jacobi, cg, gcrodr, solve_vjp
from kriss.testing import convection_diffusion2d, helmholtz2d, poisson2d

N = 36


def problem(kind):
    return {
        "spd": lambda: poisson2d(6),
        "general": lambda: convection_diffusion2d(6, 0.05),
        "complex": lambda: helmholtz2d(6, 5.0),
    }[kind]()


def arrays(A, columns, seed=0):
    rng = np.random.default_rng(seed)
    shape = (N,) if columns is None else (N, columns)

    def draw():
        return rng.standard_normal(shape) + (1j * rng.standard_normal(shape) if A.dtype.kind == "c" else 0.0)

    return draw(), draw()


def dense_gradient(A, x, bar):
    lam = np.linalg.solve(A.toarray().conj().T, bar)
    full = -lam.reshape(N, -1) @ x.reshape(N, -1).conj().T
    return lam, full


@pytest.mark.parametrize("columns", [None, 2])
@pytest.mark.parametrize("fmt", ["csr", "csc", "coo"])
@pytest.mark.parametrize(
    ("kind", "method"),
    [
        ("spd", "cg"), ("spd", "deflated_cg"), ("spd", "minres"), ("spd", "gmres"), ("general", "gmres"),
        ("general", "gcrodr"), ("general", "bicgstab"), ("complex", "gmres"), ("complex", "gcrodr"),
    ],
)  # fmt: skip
def test_gradients_are_the_dense_ones(kind, method, fmt, columns):
    A = problem(kind)
    b, bar = arrays(A, columns)
    x = np.linalg.solve(A.toarray(), b)
    A = A.asformat(fmt)
    found = solve_vjp(A, x, bar, method, M="jacobi", rtol=1e-12)
    lam, full = dense_gradient(A, x, bar)
    assert found.converged and len(found.results) == (columns or 1)
    scale = np.abs(full).max()
    rows, cols = A.tocoo().coords if fmt == "csr" else (A.tocoo() if fmt == "csc" else A).coords
    assert np.abs(found.A - full[rows, cols]).max() < 1e-9 * scale
    assert np.abs(found.b - lam).max() < 1e-9 * np.abs(lam).max()
    assert found.A.shape == A.data.shape


@pytest.mark.parametrize("kind", ["spd", "general", "complex"])
def test_central_differences(kind):
    """To 1e-6, the figure asked, along random changes of A and b, through the solver itself."""
    A = problem(kind)
    b, bar = arrays(A, None)
    rng = np.random.default_rng(1)
    change = rng.standard_normal(A.nnz) + (1j * rng.standard_normal(A.nnz) if kind == "complex" else 0.0)
    solver = DifferentiableSolver(A, "gcrodr", M="jacobi", rtol=1e-13)

    def value(values, b):
        x = solver.solve(values, b).x
        return float(np.real(np.vdot(bar, x)))

    x = solver.solve(A.data, b).x
    found = solver.vjp(A.data, x, bar)
    step = 1e-5
    along = (value(A.data + step * change, b) - value(A.data - step * change, b)) / (2 * step)
    assert along == pytest.approx(float(np.real(np.vdot(found.A, change))), rel=1e-6)
    other = b[::-1]
    along = (value(A.data, b + step * other) - value(A.data, b - step * other)) / (2 * step)
    assert along == pytest.approx(float(np.real(np.vdot(found.b, other))), rel=1e-6)


@pytest.mark.parametrize("scale", [1e-300, 1e300])
def test_scales(scale):
    A = poisson2d(6)
    b, bar = arrays(A, None)
    x = cg(A, b, rtol=1e-13).x
    want = solve_vjp(A, x, bar, "cg", rtol=1e-13)
    got = solve_vjp(A, x, bar * scale, "cg", rtol=1e-13)
    assert np.allclose(got.A / scale, want.A, rtol=1e-10, atol=1e-14)


def test_dense_matrices_and_operators():
    A = problem("general")
    b, bar = arrays(A, 2)
    x = np.linalg.solve(A.toarray(), b)
    lam, full = dense_gradient(A, x, bar)
    dense = solve_vjp(A.toarray(), x, bar, rtol=1e-12)
    assert np.allclose(dense.A, full, rtol=1e-8, atol=1e-10)
    lazy = solve_vjp(aslinearoperator(A), x, bar, rtol=1e-12)
    assert lazy.A is None and np.allclose(lazy.b, lam, rtol=1e-8, atol=1e-10)


def test_duplicates_and_any_order():
    """A COO pattern with each entry in two halves, shuffled: each half gets the gradient of its place."""
    A = problem("general")
    b, bar = arrays(A, None)
    coo = A.tocoo()
    shuffle = np.random.default_rng(2).permutation(2 * coo.nnz)
    rows, cols = (np.tile(part, 2)[shuffle] for part in coo.coords)
    values = np.tile(coo.data / 2, 2)[shuffle]
    twice = DifferentiableSolver(sp.coo_array((values, (rows, cols)), shape=(N, N)), rtol=1e-13)
    once = DifferentiableSolver(A, rtol=1e-13)
    assert np.array_equal(twice.matrix(values).toarray(), A.toarray())
    x = once.solve(A.data, b).x
    got, want = twice.vjp(values, x, bar).A, once.vjp(A.data, x, bar).A
    assert np.allclose(got, np.tile(want, 2)[shuffle], rtol=1e-9, atol=1e-12)


def test_reuse_of_preconditioner_and_space():
    """The adjoint runs with the transpose of what the forward solve made; a second pass starts from the kept spaces."""
    A = problem("general")
    b, bar = arrays(A, None)
    made = []

    def build(matrix):
        made.append(ILU0(matrix))
        return made[-1]

    solver = DifferentiableSolver(A, "gcrodr", M=build, rtol=1e-10, restart=10, recycle=4)
    forward = solver.solve(A.data, b)
    first = solver.vjp(A.data, forward.x, bar)
    assert len(made) == 1 and first.results[0].iterations <= 1.2 * forward.iterations + 1
    assert solver.space is not None and solver.adjoint_space is first.recycled
    solver.solve(A.data * 1.01, b)
    assert len(made) == 1  # updated, not built anew
    again = solver.vjp(A.data * 1.01, forward.x, bar)
    assert again.results[0].iterations < first.results[0].iterations
    symmetric = DifferentiableSolver(poisson2d(6), "deflated_cg", M="jacobi", rtol=1e-10)
    x = symmetric.solve(poisson2d(6).data, b)
    assert symmetric.vjp(poisson2d(6).data, x.x, bar).results[0].iterations < x.iterations
    assert symmetric.adjoint_space is None
    copied = pickle.loads(pickle.dumps(symmetric))
    assert np.array_equal(copied.solve(poisson2d(6).data, b).x, symmetric.solve(poisson2d(6).data, b).x)


@pytest.mark.parametrize("kind", ["general", "complex"])
def test_transposed(kind):
    A = problem(kind)
    b, _ = arrays(A, 2)
    out = DifferentiableSolver(A, rtol=1e-12).solve_columns(A.data, b, transposed=True)
    x = np.stack([r.x for r in out], axis=1)
    assert np.allclose(A.toarray().T @ x, b, atol=1e-9)


def test_float32():
    A = poisson2d(6).astype(np.float32)
    b = np.ones(N, np.float32)
    solver = DifferentiableSolver(A, "cg", rtol=1e-5)
    x = solver.solve(A.data, b).x
    found = solver.vjp(A.data, x, b)
    assert x.dtype == found.b.dtype == np.float32 and found.converged


def test_what_does_not_converge_says_so():
    A = problem("general")
    b, bar = arrays(A, 2)
    found = solve_vjp(A, b, bar, "gmres", rtol=1e-12, maxiter=2)
    assert not found.converged and {r.status for r in found.results} == {"maxiter"}


def test_preconditioners():
    A = problem("spd")
    b, bar = arrays(A, None)
    want = solve_vjp(A, b, bar, "cg", rtol=1e-12)
    for M in (Jacobi(A), sp.diags_array(1 / A.diagonal())):
        assert np.allclose(solve_vjp(A, b, bar, "gmres", M=M, rtol=1e-12).A, want.A, rtol=1e-8, atol=1e-10)
    one_way = LinearOperator((N, N), matvec=lambda x: x, dtype=float)
    assert solve_vjp(A, b, bar, "cg", M=one_way, rtol=1e-12).converged
    with pytest.raises(TypeError, match="has no adjoint: pass adjoint_M"):
        solve_vjp(A, b, bar, "gmres", M=one_way)
    assert solve_vjp(A, b, bar, "gmres", M=one_way, adjoint_M=one_way, rtol=1e-12).converged


@pytest.mark.parametrize("at", [0, 17, 35])
def test_not_finite(at):
    x = np.ones(N)
    x[at] = np.nan
    with pytest.raises(ValueError, match=f"x contains nan at index \\({at},\\)"):
        solve_vjp(poisson2d(6), x, np.ones(N), "cg")
    with pytest.raises(ValueError, match="cotangent contains nan"):
        solve_vjp(poisson2d(6), np.ones(N), x, "cg")


A6 = poisson2d(6)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: solve_vjp(A6, np.ones(N), np.ones(N), "jacobi"), "method must be one of"),
        (lambda: solve_vjp(A6, np.ones(N), np.ones(5), "cg"), r"cotangent has shape \(5,\), expected \(36,\)"),
        (lambda: solve_vjp(A6, np.ones(5), np.ones(5), "cg"), r"A has shape \(36, 36\), expected \(5, 5\)"),
        (lambda: solve_vjp(A6, np.ones((N, 1, 1)), np.ones((N, 1, 1)), "cg"), "expected \\(n,\\) or \\(n, k\\)"),
        (lambda: solve_vjp(A6.tobsr((2, 2)), np.ones(N), np.ones(N), "cg"), "A has format 'bsr'"),
        (lambda: solve_vjp(A6, ["a"] * N, np.ones(N), "cg"), "x has dtype"),
        (lambda: DifferentiableSolver(np.eye(3)), "pattern must be a sparse matrix"),
        (lambda: DifferentiableSolver(A6[:3]), "expected a square matrix"),
        (lambda: DifferentiableSolver(A6, M="best"), "M must be one of"),
        (lambda: DifferentiableSolver(A6).solve(A6.data[1:], np.ones(N)), "values has shape"),
        (lambda: DifferentiableSolver(A6).solve_columns(A6.data, np.ones(N + 1)), "b has shape"),
    ],
)
def test_refused(call, message):
    with pytest.raises((TypeError, ValueError), match=message):
        call()


def test_inputs_are_not_modified():
    A = problem("general")
    b, bar = arrays(A, None)
    for array in (A.data, b, bar):
        array.flags.writeable = False
    x = gcrodr(A, b, rtol=1e-10).x
    assert solve_vjp(A, x, bar, "gcrodr").converged
    assert solve_vjp(A, x[::-1][::-1], np.repeat(bar, 2)[::2], "gcrodr").converged
