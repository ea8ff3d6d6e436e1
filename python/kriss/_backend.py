"""Which kernels run: the compiled module, its Numba twins, or the CUDA module. One table.

Every family has one module of kernels per backend with the same function names and positional arguments:
``kriss._core.<family>``, ``kriss._numba.<family>`` and ``kriss._cuda.<family>``. `kernels` picks among them.
"""

from __future__ import annotations

import contextlib
import contextvars
import functools
import importlib
import importlib.util
import logging
import os
import warnings
from collections.abc import Iterator
from types import ModuleType

from kriss import _threads

_log = logging.getLogger("kriss.dispatch")

BACKENDS = ("compiled", "numba")

_override: contextvars.ContextVar[str | None] = contextvars.ContextVar("kriss_backend", default=None)


class _Core:
    """The compiled module, imported at first use; remembers why it is missing."""

    def __init__(self) -> None:
        self.module: ModuleType | None = None
        self.error: str | None = None
        self._tried = False

    def load(self) -> ModuleType | None:
        if not self._tried:
            self._tried = True
            spec = importlib.util.find_spec("kriss._core")
            if spec is None or spec.submodule_search_locations is not None:
                # A pure-Python installation: nothing, or only the folder of stubs, which imports as an empty package.
                self.error = "kriss._core is not built"
                return None
            try:
                module = importlib.import_module("kriss._core")
                module.bind_blas()
                self.module = module
                _threads.register()
            except ImportError as exc:
                # Built but broken: say so once.
                self.error = str(exc)
                warnings.warn(
                    f"the compiled kernels of kriss failed to import ({exc}); falling back to Numba",
                    RuntimeWarning,
                    stacklevel=3,
                )
        return self.module


_core = _Core()


def core() -> ModuleType | None:
    """The compiled module `kriss._core`, or None where it is not built or failed to import."""
    return _core.load()


def core_error() -> str | None:
    """Why the compiled module is missing, or None."""
    _core.load()
    return _core.error


def has_numba() -> bool:
    """Whether Numba is installed (it is not imported to find out)."""
    return importlib.util.find_spec("numba") is not None


def _require(name: str) -> str:
    if name not in BACKENDS:
        raise ValueError(f"backend must be one of {', '.join(map(repr, BACKENDS))}, not {name!r}")
    if name == "compiled" and core() is None:
        raise RuntimeError(f"backend 'compiled' was asked for but kriss._core cannot be imported: {core_error()}")
    if name == "numba" and not has_numba():
        raise RuntimeError("backend 'numba' was asked for but numba is not installed: pip install 'kriss[numba]'")
    return name


@functools.cache
def _default() -> str:
    """The backend outside `use_backend`: what KRISS_BACKEND asked for when first needed, else the best there is."""
    asked = os.environ.get("KRISS_BACKEND")
    if asked:
        return _require(asked)
    if core() is not None:
        return "compiled"
    if has_numba():
        return "numba"
    raise RuntimeError(
        f"kriss has no kernels to run: kriss._core cannot be imported ({core_error()}) and numba is not installed"
    )


def backend() -> str:
    """The name of the backend that the next call on NumPy arrays will use."""
    return _override.get() or _default()


@contextlib.contextmanager
def use_backend(name: str) -> Iterator[None]:
    """Run the kernels of one backend inside a ``with`` block.

    Parameters
    ----------
    name : {"compiled", "numba"}
        ``"compiled"`` is the C++ module, ``"numba"`` its just-in-time compiled twins.

    Raises
    ------
    ValueError
        If `name` is not a backend.
    RuntimeError
        If that backend is not available here.

    Notes
    -----
    The choice holds for the current thread or task (it is a context variable). The environment variable
    ``KRISS_BACKEND`` sets it for the process.

    Examples
    --------
    >>> import kriss
    >>> with kriss.use_backend("numba"):
    ...     kriss.show_config("dicts")["backend"]
    'numba'
    """
    token = _override.set(_require(name))
    try:
        yield
    finally:
        _override.reset(token)


@functools.cache
def _module(name: str, family: str) -> ModuleType:
    if name == "compiled":
        module: ModuleType = getattr(core(), family)
        return module
    return importlib.import_module(f"kriss._numba.{family}")


def kernels(family: str) -> ModuleType:
    """The module of kernels of `family` for the current backend."""
    return _module(backend(), family)


def delegate(routine: str, reason: str) -> None:
    """Record that a mirror handed a call to SciPy, and why."""
    _log.info("%s: handed to SciPy: %s", routine, reason)
