"""Linear solves inside JAX: under ``grad``, ``jit`` and ``vmap``."""

from __future__ import annotations

from typing import Any

import numpy as np

from kriss.interop._solves import required
from kriss.solve._adjoint import DifferentiableSolver

__all__ = ["solve"]


def solve(solver: DifferentiableSolver, values: Any, b: Any) -> Any:
    """Solve ``A x = b`` for JAX arrays, with a reverse rule for the entries of A and for b, of any order.

    Parameters
    ----------
    solver : kriss.solve.DifferentiableSolver
        Pattern of A, method, preconditioner and tolerances; it keeps preconditioner and recycled spaces between calls.
    values : jax.Array, shape (nnz,)
        The entries of A in the order of the pattern. Of single precision unless JAX has ``jax_enable_x64``.
    b : jax.Array, shape (n,) or (n, k)
        Right-hand sides.

    Returns
    -------
    jax.Array
        x, of the shape of b.

    Raises
    ------
    TypeError
        If `solver` is something else.
    ValueError
        If a shape does not fit the pattern.
    RuntimeError
        If a solve, forward or backward, did not converge (JAX wraps it in an error of its own).

    Notes
    -----
    The solves run on the host by ``jax.pure_callback``, one after another under ``vmap``. The reverse rule is one solve
    per column with the transpose of A, preconditioned by the transpose of what the forward pass made, and 2 nnz k
    flops. There is no forward-mode rule.

    References
    ----------
    M. Blondel, Q. Berthet, M. Cuturi, R. Frostig, S. Hoyer, F. Llinares-Lopez, F. Pedregosa, J.-P. Vert, "Efficient and
    modular implicit differentiation", NeurIPS 2022, section 2.1.

    Examples
    --------
    >>> import jax, jax.numpy as jnp  # doctest: +SKIP
    >>> from kriss.interop.jax import solve  # doctest: +SKIP
    >>> from kriss.solve import DifferentiableSolver
    >>> from kriss.testing import poisson2d
    >>> A = poisson2d(8)
    >>> solver = DifferentiableSolver(A, "cg", M="mic", rtol=1e-5)
    >>> total = lambda values: solve(solver, values, jnp.ones(64)).sum()  # doctest: +SKIP
    >>> gradient = jax.grad(total)(jnp.asarray(A.data))  # doctest: +SKIP
    >>> gradient.shape == A.data.shape  # doctest: +SKIP
    True
    """
    if not isinstance(solver, DifferentiableSolver):
        raise TypeError(f"solver must be a DifferentiableSolver, not {type(solver).__name__}")
    import jax.numpy as jnp

    values, b = jnp.asarray(values), jnp.asarray(b)
    n = solver.pattern.shape[0]
    if values.shape != solver.rows.shape:
        raise ValueError(f"values has shape {values.shape}, expected {solver.rows.shape}, one number for each entry")
    if b.ndim not in (1, 2) or b.shape[0] != n:
        raise ValueError(f"b has shape {b.shape}, expected ({n},) or ({n}, k)")
    if solver._jax_pair is None:
        solver._jax_pair = _pair(solver)
    return solver._jax_pair[0](values, b)


def _pair(solver: DifferentiableSolver) -> tuple[Any, Any]:
    """The solves with A and with its transpose, each the other's rule."""
    import jax
    import jax.numpy as jnp

    rows, cols = solver.rows, solver.cols
    made: list[Any] = []

    def build(transposed: bool) -> Any:
        def host(values: Any, b: Any) -> Any:
            values, b = np.asarray(values), np.asarray(b)
            results = solver.solve_columns(values, b, transposed=transposed)
            required(results, transposed)
            x = np.stack([result.x for result in results], axis=-1).reshape(b.shape)
            return x.astype(np.result_type(values.dtype, b.dtype), copy=False)

        def plain(values: Any, b: Any) -> Any:
            shape = jax.ShapeDtypeStruct(b.shape, jnp.result_type(values.dtype, b.dtype))
            return jax.pure_callback(host, shape, values, b, vmap_method="sequential")

        apply: Any = jax.custom_vjp(plain)

        def forward(values: Any, b: Any) -> Any:
            x = apply(values, b)
            return x, (values, b, x)

        def backward(saved: Any, bar: Any) -> Any:
            values, b, x = saved
            lam = made[0 if transposed else 1](values, bar)
            grad = -(x[rows] * lam[cols]) if transposed else -(lam[rows] * x[cols])
            grad = grad.sum(axis=-1) if grad.ndim == 2 else grad
            grad = grad if jnp.iscomplexobj(values) else grad.real
            return grad.astype(values.dtype), (lam if jnp.iscomplexobj(b) else lam.real).astype(b.dtype)

        apply.defvjp(forward, backward)
        return apply

    made += [build(False), build(True)]
    return made[0], made[1]
