"""kriss.interop.torch and kriss.interop.jax: gradients checked by the libraries' own tools, twice differentiated."""

import numpy as np
import pytest

from kriss.solve import ILU0, DifferentiableSolver
from kriss.testing import convection_diffusion2d, helmholtz2d, poisson2d

CASES = [
    (poisson2d(3), "cg", "mic"),
    (convection_diffusion2d(3, 0.05), "gcrodr", ILU0),
    (helmholtz2d(3, 5.0), "gmres", "jacobi"),
]
NAMES = ["cg", "gcrodr", "complex gmres"]


def right_hand_sides(A, columns):
    rng = np.random.default_rng(0)
    b = rng.standard_normal((A.shape[0], columns))
    return b + 1j * rng.standard_normal(b.shape) if A.dtype.kind == "c" else b


def symmetric(A, values):
    """For cg: values that leave the matrix symmetric; each pair of entries moves together."""
    coo = A.tocoo()
    place = {pair: k for k, pair in enumerate(zip(*(part.tolist() for part in coo.coords), strict=True))}
    other = np.array([place[j, i] for i, j in zip(*(part.tolist() for part in coo.coords), strict=True)])
    return 0.5 * (values + values[other])


@pytest.mark.parametrize(("A", "method", "M"), CASES, ids=NAMES)
def test_torch(A, method, M):
    torch = pytest.importorskip("torch")
    from kriss.interop.torch import solve

    solver = DifferentiableSolver(A, method, M=M, rtol=1e-13)
    values = torch.tensor(A.data, requires_grad=True)
    b = torch.tensor(right_hand_sides(A, 2), requires_grad=True)

    def f(values, b):
        return solve(solver, symmetric(A, values) if method == "cg" else values, b)

    assert torch.autograd.gradcheck(f, (values, b), eps=1e-6, atol=1e-6, nondet_tol=1e-8)
    assert torch.autograd.gradgradcheck(f, (values, b), eps=1e-6, atol=1e-5, nondet_tol=1e-8)
    with pytest.raises(TypeError, match="values must be a tensor"):
        solve(solver, A.data, b)
    with pytest.raises(RuntimeError, match="solve of column 0 ended with status 'maxiter'"):
        solve(DifferentiableSolver(A, method, rtol=1e-13, maxiter=1), values, b)


@pytest.mark.parametrize(("A", "method", "M"), CASES, ids=NAMES)
def test_jax(A, method, M):
    jax = pytest.importorskip("jax")
    from jax.test_util import check_grads

    from kriss.interop.jax import solve

    solver = DifferentiableSolver(A, method, M=M, rtol=1e-13)
    b = right_hand_sides(A, 2)
    with jax.enable_x64(True):

        def f(values, b):
            return solve(solver, symmetric(A, values) if method == "cg" else values, b)

        order = 2 if method == "gcrodr" else 1  # the second takes long to trace
        check_grads(f, (jax.numpy.asarray(A.data), jax.numpy.asarray(b)), order=order, modes=["rev"], rtol=1e-5)
        x = f(A.data, b)
        assert np.allclose(A @ np.asarray(x), b, atol=1e-9)
        assert np.allclose(jax.jit(f)(A.data, b), x, atol=1e-9)
        assert np.allclose(jax.vmap(lambda c: f(A.data, c), in_axes=1, out_axes=1)(b), x, atol=1e-9)
        with pytest.raises(ValueError, match="values has shape"):
            solve(solver, A.data[1:], b)


@pytest.mark.parametrize("name", ["torch", "jax"])
def test_solver_is_checked_first(name):
    module = pytest.importorskip(f"kriss.interop.{name}")
    with pytest.raises(TypeError, match="solver must be a DifferentiableSolver"):
        module.solve(None, None, None)
