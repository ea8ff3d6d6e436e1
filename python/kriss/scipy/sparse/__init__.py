"""Mirrors of `scipy.sparse`."""
