"""Numba twins of the math kernels."""
