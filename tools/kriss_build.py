"""Build-time metadata: a pure-Python wheel (KRISS_PURE=1) needs Numba, a compiled one does not."""

import os

BASE = ["numpy>=1.26", "scipy>=1.14", "tqdm>=4.60"]


def dynamic_metadata(field, settings=None, project=None):
    if field != "dependencies":
        raise ValueError(f"only 'dependencies' is provided here, not {field!r}")
    pure = os.environ.get("KRISS_PURE", "").lower() in {"1", "true", "on", "yes"}
    return [*BASE, "numba>=0.60"] if pure else list(BASE)
