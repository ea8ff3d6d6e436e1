"""Numba twins of the gp kernels."""
