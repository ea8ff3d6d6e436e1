"""Linear solves inside PyTorch's automatic differentiation."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from kriss.interop._solves import required
from kriss.solve._adjoint import DifferentiableSolver

__all__ = ["solve"]


def solve(solver: DifferentiableSolver, values: Any, b: Any) -> Any:
    """Solve ``A x = b`` for tensors, differentiable in the entries of A and in b, as often as wanted.

    Parameters
    ----------
    solver : kriss.solve.DifferentiableSolver
        Pattern of A, method, preconditioner and tolerances; it keeps preconditioner and recycled spaces between calls.
    values : torch.Tensor, shape (nnz,)
        The entries of A in the order of the pattern; float32, float64, complex64 or complex128, on the CPU.
    b : torch.Tensor, shape (n,) or (n, k)
        Right-hand sides.

    Returns
    -------
    torch.Tensor
        x, of the shape of b.

    Raises
    ------
    TypeError
        If an argument is no tensor, or lies on another device than the CPU.
    ValueError
        If a shape does not fit the pattern.
    RuntimeError
        If a solve, forward or backward, did not converge.

    Notes
    -----
    Nothing is differentiated through the iterations: the backward pass is one solve per column with the adjoint of A,
    preconditioned by the adjoint of what the forward pass made, and 2 nnz k flops. It is itself differentiable.

    References
    ----------
    M. Blondel, Q. Berthet, M. Cuturi, R. Frostig, S. Hoyer, F. Llinares-Lopez, F. Pedregosa, J.-P. Vert, "Efficient and
    modular implicit differentiation", NeurIPS 2022, section 2.1.

    Examples
    --------
    >>> import torch  # doctest: +SKIP
    >>> from kriss.interop.torch import solve  # doctest: +SKIP
    >>> from kriss.solve import DifferentiableSolver
    >>> from kriss.testing import poisson2d
    >>> A = poisson2d(8)
    >>> solver = DifferentiableSolver(A, "cg", M="mic", rtol=1e-10)
    >>> values = torch.tensor(A.data, requires_grad=True)  # doctest: +SKIP
    >>> solve(solver, values, torch.ones(64, dtype=torch.float64)).sum().backward()  # doctest: +SKIP
    >>> values.grad.shape == values.shape  # doctest: +SKIP
    True
    """
    if not isinstance(solver, DifferentiableSolver):
        raise TypeError(f"solver must be a DifferentiableSolver, not {type(solver).__name__}")
    import torch

    for value, name in ((values, "values"), (b, "b")):
        if not isinstance(value, torch.Tensor):
            raise TypeError(f"{name} must be a tensor, not {type(value).__name__}")
        if value.device.type != "cpu":
            raise TypeError(f"{name} is on {value.device}, expected the CPU")
    return _function().apply(values, b, solver, False)


@functools.cache
def _function() -> Any:
    import torch

    class Solve(torch.autograd.Function):  # type: ignore[misc]
        """``x = A^-1 b``, or with the adjoint of A."""

        @staticmethod
        def forward(ctx: Any, values: Any, b: Any, solver: DifferentiableSolver, adjoint: bool) -> Any:
            results = solver.solve_columns(values.detach().numpy(), b.detach().numpy(), adjoint=adjoint)
            required(results, adjoint)
            found = np.stack([result.x for result in results], axis=-1).reshape(b.shape)
            x = torch.from_numpy(found)
            ctx.solver, ctx.adjoint = solver, adjoint
            ctx.save_for_backward(values, x)
            ctx.real = not b.is_complex()
            return x

        @staticmethod
        def backward(ctx: Any, bar: Any) -> Any:
            values, x = ctx.saved_tensors
            solver, adjoint = ctx.solver, ctx.adjoint
            lam = Solve.apply(values, bar, solver, not adjoint)
            grad = None
            if ctx.needs_input_grad[0]:
                rows, cols = torch.from_numpy(solver.rows), torch.from_numpy(solver.cols)
                grad = -(x[rows] * lam[cols].conj()) if adjoint else -(lam[rows] * x[cols].conj())
                grad = grad.sum(dim=-1) if x.ndim == 2 else grad
                if not values.is_complex() and grad.is_complex():
                    grad = grad.real
            return grad, (lam.real if ctx.real and lam.is_complex() else lam), None, None

    return Solve
