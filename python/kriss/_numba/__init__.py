"""Numba twins of the compiled kernels: one module per family, same names and positional arguments."""
