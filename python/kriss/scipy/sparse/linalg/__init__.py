"""Mirrors of `scipy.sparse.linalg`."""
