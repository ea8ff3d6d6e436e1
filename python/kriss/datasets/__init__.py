"""Small real data sets that ship with the package, each with its provenance and licence.

The tour (``python -m kriss tour``), the documentation and the tests run on them. Loading reads a file of the package;
nothing is ever downloaded. Licences and sources are listed in ``LICENSES.md`` beside this file.
"""

from kriss.datasets._fem import FiniteElementMatrix, load_fem
from kriss.datasets._series import MaunaLoa, Titanium, load_mauna_loa, load_titanium
from kriss.datasets._strd import STRD_NAMES, NistStrd, load_nist_strd

__all__ = [
    "STRD_NAMES",
    "FiniteElementMatrix",
    "MaunaLoa",
    "NistStrd",
    "Titanium",
    "load_fem",
    "load_mauna_loa",
    "load_nist_strd",
    "load_titanium",
]
