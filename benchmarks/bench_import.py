"""What `import kriss` costs over SciPy's own import, each in a fresh interpreter."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import kriss
from benchmarks.harness import Case

# What a user of SciPy loads anyway before the first call of a routine that has a mirror.
SCIPY = "import scipy.linalg, scipy.interpolate, scipy.sparse.linalg"
KRISS = "import kriss.gp, kriss.sketch, kriss.solve, kriss.spline"


def _python(code: str) -> Callable[[], None]:
    environment = os.environ | {"PYTHONPATH": str(Path(kriss.__file__).parent.parent)}
    return lambda: subprocess.run([sys.executable, "-c", code], check=True, env=environment)


def cases(quick: bool) -> Iterable[Case]:
    yield Case(
        "import kriss",
        _python("import kriss"),
        {"import scipy": _python("import scipy")},
        allowance=0.1,
        note="fresh interpreters; sub-packages are loaded when first used",
    )
    yield Case(
        "import every family",
        _python(KRISS),
        {"the three SciPy sub-packages with mirrors": _python(SCIPY)},
        allowance=0.1,
        note=f"`{KRISS}` against `{SCIPY}`",
    )
