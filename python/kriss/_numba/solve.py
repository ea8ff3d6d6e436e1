"""Numba twins of the solve kernels."""
