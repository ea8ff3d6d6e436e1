"""Numba twins of the spline kernels."""
