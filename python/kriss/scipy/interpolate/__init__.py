"""Mirrors of `scipy.interpolate`."""
