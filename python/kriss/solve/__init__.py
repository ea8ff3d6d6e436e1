"""Iterative solvers for sparse linear systems, and their preconditioners."""

from __future__ import annotations

from kriss.solve._cg import cg
from kriss.solve._multigrid import BlackBoxMG, black_box_mg
from kriss.solve._precond import SSOR, Jacobi
from kriss.solve._result import SolveResult

__all__ = ["SSOR", "BlackBoxMG", "Jacobi", "SolveResult", "black_box_mg", "cg"]
