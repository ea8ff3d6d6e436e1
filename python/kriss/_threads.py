"""Lets threadpoolctl see and limit the worker pool of the compiled module.

``threadpoolctl.threadpool_limits(1)`` then also holds for KRISS, and ``threadpool_info()`` lists it. Importing
threadpoolctl costs some 2 ms and happens once, when the compiled module is loaded, not at ``import kriss``.
"""

from __future__ import annotations

import importlib.util

_registered = False


def register() -> bool:
    """Register the pool with threadpoolctl if that is installed; True once it is registered."""
    global _registered
    if _registered or importlib.util.find_spec("threadpoolctl") is None:
        return _registered
    try:
        import threadpoolctl

        class KrissController(threadpoolctl.LibController):  # type: ignore[misc, unused-ignore]
            """Reads and sets the number of threads through the C entry points of kriss._core."""

            user_api = "kriss"
            internal_api = "kriss"
            # Other packages have a _core too: the symbols decide.
            filename_prefixes = ("_core",)
            check_symbols = ("kriss_get_num_threads", "kriss_set_num_threads")

            def get_num_threads(self) -> int:
                return int(self.dynlib.kriss_get_num_threads())

            def set_num_threads(self, num_threads: int) -> None:
                self.dynlib.kriss_set_num_threads(int(num_threads))

            def get_version(self) -> str:
                from kriss._version import __version__

                return __version__

        threadpoolctl.register(KrissController)
    except (ImportError, AttributeError):  # threadpoolctl before 3.2 has no register()
        return False
    _registered = True
    return True
