"""Mirrors of `scipy.linalg`."""
