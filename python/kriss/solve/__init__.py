"""Iterative solvers for sparse linear systems, and their preconditioners."""

from __future__ import annotations

from kriss.solve._absolute import AbsoluteInverse, LieGroupInverse, fit_absolute
from kriss.solve._adjoint import DifferentiableSolver, SolveGradient, solve_vjp
from kriss.solve._amg import PyAMGCycle, from_pyamg
from kriss.solve._augmented import gcrotmk, lgmres
from kriss.solve._bicgstab import bicgstab
from kriss.solve._blocks import BlockJacobi
from kriss.solve._cg import cg
from kriss.solve._chebyshev import Chebyshev
from kriss.solve._cuda_cycle import CudaCycle
from kriss.solve._cuda_direction import CudaDirection
from kriss.solve._cuda_precond import CudaChebyshev, CudaSSOR, CudaTriangles
from kriss.solve._cuda_products import CudaProducts
from kriss.solve._deflated import deflated_cg
from kriss.solve._factor import IC0, ILU0, MIC
from kriss.solve._families import FamilySolution, InterpolatedFamily, LogDet
from kriss.solve._fcg import fcg
from kriss.solve._fill import ICT, ILUT
from kriss.solve._fsai import FSAI
from kriss.solve._gcrodr import gcrodr
from kriss.solve._gmres import fgmres, gmres
from kriss.solve._gmres_polynomial import GMRESPolynomial
from kriss.solve._many import SequenceResult, WorkerDiedError, solve_sequence
from kriss.solve._minres import minres
from kriss.solve._multigrid import BlackBoxMG, black_box_mg
from kriss.solve._order import rcm_order
from kriss.solve._precond import SSOR, Jacobi
from kriss.solve._recycled import RecycledSpace
from kriss.solve._result import SolveResult
from kriss.solve._sequence import Sequence
from kriss.solve._sequence_report import SequenceReport
from kriss.solve._sorting import sort_systems
from kriss.solve._stationary import color_rows, gauss_seidel, jacobi, sor, ssor
from kriss.solve._stencil import StencilOperator
from kriss.solve._symmetric_polynomial import SymmetricPolynomial
from kriss.solve._two_level import AdditiveTwoLevel

__all__ = [
    "FSAI",
    "IC0",
    "ICT",
    "ILU0",
    "ILUT",
    "MIC",
    "SSOR",
    "AbsoluteInverse",
    "AdditiveTwoLevel",
    "BlackBoxMG",
    "BlockJacobi",
    "Chebyshev",
    "CudaChebyshev",
    "CudaCycle",
    "CudaDirection",
    "CudaProducts",
    "CudaSSOR",
    "CudaTriangles",
    "DifferentiableSolver",
    "FamilySolution",
    "GMRESPolynomial",
    "InterpolatedFamily",
    "Jacobi",
    "LieGroupInverse",
    "LogDet",
    "PyAMGCycle",
    "RecycledSpace",
    "Sequence",
    "SequenceReport",
    "SequenceResult",
    "SolveGradient",
    "SolveResult",
    "StencilOperator",
    "SymmetricPolynomial",
    "WorkerDiedError",
    "bicgstab",
    "black_box_mg",
    "cg",
    "color_rows",
    "deflated_cg",
    "fcg",
    "fgmres",
    "fit_absolute",
    "from_pyamg",
    "gauss_seidel",
    "gcrodr",
    "gcrotmk",
    "gmres",
    "jacobi",
    "lgmres",
    "minres",
    "rcm_order",
    "solve_sequence",
    "solve_vjp",
    "sor",
    "sort_systems",
    "ssor",
]
