"""Numba twins of the sketch kernels."""
