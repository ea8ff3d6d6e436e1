"""Mirrors of `scipy.special`."""

from kriss.scipy.special._bessel import iv, ive, kv, kve

__all__ = ["iv", "ive", "kv", "kve"]
