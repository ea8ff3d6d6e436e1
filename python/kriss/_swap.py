"""Swap SciPy routines for their mirrors, on request and for a while."""

from __future__ import annotations

import contextlib
import importlib
import threading
from collections.abc import Iterator

# Path below `scipy` -> other modules of SciPy that hold the same object under the same name and whose functions
# call it from there. Only what is listed can be swapped.
SWAPPABLE: dict[str, tuple[str, ...]] = {
    "interpolate.Akima1DInterpolator": (),
    "interpolate.make_lsq_spline": ("scipy.interpolate._bsplines",),
    "interpolate.make_smoothing_spline": ("scipy.interpolate._bsplines",),
    "interpolate.PPoly": (),
    "interpolate.PchipInterpolator": ("scipy.interpolate._cubic", "scipy.interpolate._rgi"),
    # Not where it only serves isinstance: splines made before the swap must stay what they are.
    "interpolate.BSpline": ("scipy.interpolate._bsplines", "scipy.interpolate._fitpack_repro"),
    "interpolate.CubicSpline": ("scipy.interpolate._cubic",),
    "interpolate.make_interp_spline": (
        "scipy.interpolate._bsplines",
        "scipy.interpolate._fitpack_repro",
        "scipy.interpolate._interpolate",
        "scipy.interpolate._rgi",
    ),
    "interpolate.InterpolatedUnivariateSpline": ("scipy.interpolate._fitpack2",),
    "interpolate.LSQUnivariateSpline": ("scipy.interpolate._fitpack2",),
    "interpolate.UnivariateSpline": ("scipy.interpolate._fitpack2",),
    "interpolate.splev": ("scipy.interpolate._fitpack_py",),
    "interpolate.splrep": ("scipy.interpolate._fitpack_py",),
    "linalg.clarkson_woodruff_transform": ("scipy.linalg._sketches",),
    "linalg.lstsq": ("scipy.linalg._basic",),
    "sparse.linalg.bicgstab": ("scipy.sparse.linalg._isolve", "scipy.sparse.linalg._isolve.iterative"),
    "sparse.linalg.cg": ("scipy.sparse.linalg._isolve", "scipy.sparse.linalg._isolve.iterative"),
    "sparse.linalg.gcrotmk": ("scipy.sparse.linalg._isolve", "scipy.sparse.linalg._isolve._gcrotmk"),
    "sparse.linalg.spilu": ("scipy.sparse.linalg._dsolve", "scipy.sparse.linalg._dsolve.linsolve"),
    "sparse.linalg.spsolve_triangular": ("scipy.sparse.linalg._dsolve", "scipy.sparse.linalg._dsolve.linsolve"),
    "sparse.linalg.gmres": (
        "scipy.sparse.linalg._isolve",
        "scipy.sparse.linalg._isolve.iterative",
        "scipy.sparse.linalg._eigen.arpack.arpack",
    ),
    "sparse.linalg.lsmr": (
        "scipy.sparse.linalg._isolve",
        "scipy.sparse.linalg._isolve.lsmr",
        "scipy.optimize._lsq.dogbox",
        "scipy.optimize._lsq.lsq_linear",
        "scipy.optimize._lsq.trf",
        "scipy.optimize._lsq.trf_linear",
    ),
    "sparse.linalg.lsqr": ("scipy.sparse.linalg._isolve", "scipy.sparse.linalg._isolve.lsqr"),
    "sparse.linalg.minres": ("scipy.sparse.linalg._isolve", "scipy.sparse.linalg._isolve.minres"),
    "special.iv": ("scipy.special._basic",),
    "special.ive": ("scipy.stats._multivariate",),
    "special.kv": ("scipy.special._basic", "scipy.stats._hypotests"),
    "special.kve": (),
}

_lock = threading.RLock()


@contextlib.contextmanager
def use_in_scipy(*names: str) -> Iterator[None]:
    """Let SciPy's own names point at the KRISS mirrors inside a ``with`` block.

    Code that looks the routine up while the block runs (``scipy.linalg.lstsq(...)``) gets the mirror; a name bound
    before (``from scipy.linalg import lstsq``) does not change.

    Parameters
    ----------
    *names : str
        Paths below ``scipy``: ``"linalg.lstsq"``, ``"sparse.linalg.cg"``, ``"interpolate.CubicSpline"``.

    Raises
    ------
    ValueError
        If a name has no mirror; nothing is swapped then.

    Notes
    -----
    The swap is process-wide, as module attributes are. Blocks nest; each restores on exit, also after an error, what
    it found on entry. Blocks that overlap in several threads must end in the reverse order of their start.

    Examples
    --------
    >>> import kriss, scipy.linalg
    >>> before = scipy.linalg.lstsq
    >>> with kriss.use_in_scipy("linalg.lstsq"):
    ...     swapped = scipy.linalg.lstsq is not before
    >>> swapped, scipy.linalg.lstsq is before
    (True, True)
    """
    for name in names:
        if name not in SWAPPABLE:
            raise ValueError(f"{name!r} has no mirror; there are {', '.join(map(repr, sorted(SWAPPABLE)))}")
    places: list[tuple[object, str, object]] = []
    with _lock:
        try:
            for name in names:
                path, attribute = name.rsplit(".", 1)
                mirror = getattr(importlib.import_module(f"kriss.scipy.{path}"), attribute)
                for module_name in (f"scipy.{path}", *SWAPPABLE[name]):
                    module = importlib.import_module(module_name)
                    places.append((module, attribute, getattr(module, attribute)))
                    setattr(module, attribute, mirror)
        except BaseException:
            _restore(places)
            raise
    try:
        yield
    finally:
        with _lock:
            _restore(places)


def _restore(places: list[tuple[object, str, object]]) -> None:
    for module, attribute, original in reversed(places):
        setattr(module, attribute, original)
