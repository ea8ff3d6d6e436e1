"""Mirrors of `scipy.sparse.linalg`."""

from __future__ import annotations

from kriss.scipy.sparse.linalg._iterative import cg

__all__ = ["cg"]
