"""GPU arrays: how they are recognised without importing CuPy, and where the CUDA kernels are.

CuPy arrays in, CuPy arrays out: nothing here or in its callers moves data between devices. The kernels of
``kriss._cuda.<family>`` take pointers (``array.data.ptr``), sizes and a stream.
"""

from __future__ import annotations

import functools
import importlib
from types import ModuleType
from typing import Any


def is_device_array(value: object) -> bool:
    """Whether `value` lives on a GPU: an array with ``__cuda_array_interface__``, a CuPy sparse matrix, one of ours."""
    if hasattr(type(value), "__cuda_array_interface__") or getattr(type(value), "_on_device", False):
        return True
    return type(value).__module__.startswith("cupyx.scipy.sparse")


def any_device(**arguments: object) -> bool:
    """Whether the arguments are on the GPU; raises if some are and some are not.

    Arguments that are None, strings or Python numbers belong to either side.

    Raises
    ------
    TypeError
        If host and device arrays are mixed; it names one of each.
    """
    here: list[str] = []
    there: list[str] = []
    for name, value in arguments.items():
        if value is None or isinstance(value, (str, bool, int, float)):
            continue
        (there if is_device_array(value) else here).append(name)
    if here and there:
        raise TypeError(
            f"{there[0]} is on the GPU but {here[0]} is in host memory; nothing is moved between devices: "
            f"pass both as CuPy arrays or both as NumPy arrays"
        )
    return bool(there)


@functools.cache
def _cuda_module() -> ModuleType | str:
    try:
        return importlib.import_module("kriss._cuda")
    except ImportError as exc:
        return str(exc)


def cuda(family: str) -> ModuleType:
    """The module of CUDA kernels of `family`.

    Raises
    ------
    RuntimeError
        If ``kriss._cuda`` was not built or there is no device; it says which.
    """
    module = _cuda_module()
    if isinstance(module, str):
        raise RuntimeError(f"the CUDA kernels of kriss are not built here ({module}): build with KRISS_CUDA=ON")
    if module.device_count() == 0:
        raise RuntimeError(f"no CUDA device: kriss._cuda says {module.describe()!r}")
    kernels: ModuleType = getattr(module, family)
    return kernels


def cupy() -> Any:
    """CuPy, imported at first use; only called once a device array has been seen."""
    try:
        return importlib.import_module("cupy")
    except ImportError as exc:
        raise RuntimeError(f"device arrays need CuPy, which cannot be imported: {exc}") from None


def cupyx_sparse() -> Any:
    """cupyx.scipy.sparse."""
    return importlib.import_module("cupyx.scipy.sparse")


def stream() -> int:
    """CuPy's current stream as an integer handle."""
    handle: int = cupy().cuda.get_current_stream().ptr
    return handle
