"""What differentiable solves have in common, whatever the framework."""

from __future__ import annotations

from typing import Any


def required(results: Any, adjoint: bool) -> None:
    """Refuse results that are none."""
    for k, result in enumerate(results):
        if not result.converged:
            raise RuntimeError(
                f"the {'adjoint ' if adjoint else ''}solve of column {k} ended with status {result.status!r} after "
                f"{result.iterations} iterations, residual norm {result.residual_norm:.3g}"
            )
