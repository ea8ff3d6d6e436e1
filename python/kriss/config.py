"""What this installation is and how many threads it uses."""

from __future__ import annotations

import os
import platform
import sys
from importlib import import_module, metadata, util
from pathlib import Path
from typing import Literal, overload

from kriss import _backend
from kriss._version import __version__

__all__ = ["get_cmake_dir", "get_include", "get_num_threads", "set_num_threads", "show_config"]

_HERE = Path(__file__).resolve().parent


def get_include() -> str:
    """Directory of the C++ headers, for ``-I``.

    Returns
    -------
    str
        A path that holds ``kriss/config.hpp``.

    Raises
    ------
    FileNotFoundError
        In a pure-Python installation, which carries no headers.
    """
    path = _HERE / "include"
    if not path.is_dir():
        raise FileNotFoundError("no headers are installed beside this package (a pure-Python or in-place build)")
    return str(path)


def get_cmake_dir() -> str:
    """Directory of ``kriss-config.cmake``, for ``-Dkriss_DIR=`` and ``find_package(kriss)``.

    Returns
    -------
    str
        The directory.

    Raises
    ------
    FileNotFoundError
        In a pure-Python installation.
    """
    path = _HERE / "cmake"
    if not path.is_dir():
        raise FileNotFoundError("no CMake files are installed beside this package (a pure-Python or in-place build)")
    return str(path)


def get_num_threads() -> int:
    """Threads that a compiled call uses unless its ``workers`` says otherwise.

    Returns
    -------
    int
        At least 1; the cores available to the process, or ``KRISS_NUM_THREADS``, at the start.
    """
    core = _backend.core()
    return int(core.num_threads()) if core is not None else 1


def set_num_threads(n: int) -> None:
    """Set the number of threads of the compiled kernels for the whole process.

    Parameters
    ----------
    n : int
        At least 1. BLAS threads are SciPy's and are not changed.

    Raises
    ------
    TypeError, ValueError
        If `n` is not an integer or is below 1.
    """
    if isinstance(n, bool) or not isinstance(n, int):
        raise TypeError(f"n must be an int, not {type(n).__name__}")
    if n < 1:
        raise ValueError(f"n must be at least 1, not {n}")
    core = _backend.core()
    if core is not None:
        core.set_num_threads(n)


def _version_of(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _cuda_state() -> str:
    if util.find_spec("kriss._cuda") is None:
        return "not built"
    return str(import_module("kriss._cuda").describe())


@overload
def show_config(mode: Literal["stdout"] = ...) -> None: ...
@overload
def show_config(mode: Literal["dicts"]) -> dict[str, object]: ...
def show_config(mode: Literal["stdout", "dicts"] = "stdout") -> dict[str, object] | None:
    """Print, or return, what this installation of KRISS is made of.

    Parameters
    ----------
    mode : {"stdout", "dicts"}
        ``"stdout"`` prints; ``"dicts"`` returns the same as a dictionary.

    Returns
    -------
    dict or None
        Version, backend, instruction-set level and why it was chosen, threads, compiler, CUDA state, and the
        versions of the libraries around it.

    Raises
    ------
    ValueError
        If `mode` is neither.
    """
    if mode not in ("stdout", "dicts"):
        raise ValueError(f"mode must be 'stdout' or 'dicts', not {mode!r}")
    core = _backend.core()
    try:
        active: str = _backend.backend()
    except RuntimeError as exc:
        active = f"none ({exc})"
    info: dict[str, object] = {
        "kriss": __version__,
        "backend": active,
        "compiled": "yes" if core is not None else f"no ({_backend.core_error()})",
        "numba": _version_of("numba") or "not installed",
        "cuda": _cuda_state(),
        "cpu level": f"{core.cpu_level()} ({core.cpu_level_reason()})" if core is not None else "-",
        "cpu levels built": core.cpu_levels_built() if core is not None else "-",
        "threads": get_num_threads(),
        "compiler": core.compiler() if core is not None else "-",
        "blas": "scipy.linalg.cython_blas" if core is not None else "SciPy's own",
        "numpy": _version_of("numpy"),
        "scipy": _version_of("scipy"),
        "python": sys.version.split()[0],
        "platform": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
    }
    if mode == "dicts":
        return info
    width = max(map(len, info))
    for key, value in info.items():
        print(f"{key:<{width}}  {value}")
    return None
