"""
Compiled kernels of KRISS. Private: arguments are validated by the Python layer.
"""
from __future__ import annotations
import typing
from . import math
from . import spline
from . import spline_bspline
from . import spline_smooth
from . import spline_hermite
from . import spline_tensor
from . import spline_lsq
from . import sketch
from . import sketch_lstsq
from . import sketch_scores
from . import sketch_rows
from . import sketch_transform
from . import solve
from . import solve_multigrid
from . import solve_multi
from . import solve_krylov
from . import solve_block
from . import solve_recycle
from . import solve_maps
from . import solve_factor
from . import solve_block_jacobi
from . import solve_fill
from . import solve_fsai
from . import solve_polynomial
from . import solve_learner
from . import solve_learned
from . import solve_graph
from . import solve_direction
from . import solve_stationary
from . import solve_substitution
from . import gp
from . import gp_update
from . import gp_series
from . import gp_toeplitz
from . import gp_structures
from . import gp_tree
from . import special
__all__: list[str] = ['bind_blas', 'blas_bound', 'compiler', 'cpu_level', 'cpu_level_reason', 'cpu_levels_built', 'gp', 'gp_series', 'gp_structures', 'gp_toeplitz', 'gp_tree', 'gp_update', 'math', 'num_threads', 'set_num_threads', 'sketch', 'sketch_lstsq', 'sketch_rows', 'sketch_scores', 'sketch_transform', 'solve', 'solve_block', 'solve_block_jacobi', 'solve_direction', 'solve_factor', 'solve_fill', 'solve_fsai', 'solve_graph', 'solve_krylov', 'solve_learned', 'solve_learner', 'solve_maps', 'solve_multi', 'solve_multigrid', 'solve_polynomial', 'solve_recycle', 'solve_stationary', 'solve_substitution', 'special', 'spline', 'spline_bspline', 'spline_hermite', 'spline_lsq', 'spline_smooth', 'spline_tensor']
def bind_blas() -> None:
    """
    Take BLAS and LAPACK from SciPy; refuses builds whose integers are not 32 bits wide.
    """
def blas_bound() -> bool:
    """
    Whether bind_blas() has run.
    """
def compiler() -> str:
    """
    Compiler that built this module.
    """
def cpu_level() -> str:
    """
    Instruction-set level in use.
    """
def cpu_level_reason() -> str:
    """
    Why that level was chosen.
    """
def cpu_levels_built() -> str:
    """
    Levels compiled into this module.
    """
def num_threads() -> int:
    """
    Threads that a call uses by default.
    """
def set_num_threads(n: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    Set the process-wide number of threads.
    """
