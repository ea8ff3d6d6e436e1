"""Mirrors of `scipy.sparse.linalg`."""

from __future__ import annotations

from kriss.scipy.sparse.linalg._gcrotmk import gcrotmk
from kriss.scipy.sparse.linalg._iterative import cg
from kriss.scipy.sparse.linalg._krylov import bicgstab, gmres, minres
from kriss.scipy.sparse.linalg._lsqr import lsmr, lsqr
from kriss.scipy.sparse.linalg._spilu import spilu
from kriss.scipy.sparse.linalg._triangular import spsolve_triangular

__all__ = ["bicgstab", "cg", "gcrotmk", "gmres", "lsmr", "lsqr", "minres", "spilu", "spsolve_triangular"]
