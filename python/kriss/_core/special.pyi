"""
Special functions as NumPy ufuncs.
"""
from __future__ import annotations
import typing
__all__: list[str] = ['ufunc']
def ufunc(name: str, doc: str) -> typing.Any:
    """
    The special function of that name as a NumPy ufunc.
    """
