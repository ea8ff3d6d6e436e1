"""Where a figure was measured: processor, versions, threads, BLAS, load and memory bandwidth."""

from __future__ import annotations

import contextlib
import datetime
import functools
import os
import platform
import subprocess
import time
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import scipy
import threadpoolctl

import kriss
from kriss import _backend

ROOT = Path(__file__).resolve().parent.parent
PEERS = ("numba", "scikit-learn", "statsmodels", "dppy", "pydpp", "torch", "cupy", "dask", "matplotlib")


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)


def _cpu_model() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def _caches() -> dict[str, str]:
    found = {}
    for index in sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        with contextlib.suppress(OSError):
            kind = (index / "type").read_text().strip()
            if kind != "Instruction":
                found[f"L{(index / 'level').read_text().strip()}"] = (index / "size").read_text().strip()
    return found


def busy_cores(seconds: float = 0.5) -> float | None:
    """Cores that others keep busy while this process sleeps; None where the system does not tell.

    The load average goes on counting for minutes what has been stopped.
    """

    def idle() -> tuple[float, float]:
        ticks = [int(word) for word in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
        return ticks[3] + ticks[4], sum(ticks)

    try:
        before = idle()
        time.sleep(seconds)
        after = idle()
    except (OSError, ValueError, IndexError):
        return None
    passed = after[1] - before[1]
    return None if passed <= 0 else round((os.cpu_count() or 1) * (1 - (after[0] - before[0]) / passed), 2)


def _git(*args: str) -> str | None:
    done = subprocess.run(["git", "-C", str(ROOT), *args], capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else None


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def describe(threads: int) -> dict[str, Any]:
    """Everything that a reader needs to place the figures of a run."""
    versions = {"python": platform.python_version(), "numpy": np.__version__, "scipy": scipy.__version__}
    versions |= {name: found for name in PEERS if (found := _version(name)) is not None}
    return {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "commit": _git("rev-parse", "--short=12", "HEAD"),
        "uncommitted_changes": bool(_git("status", "--porcelain", "--", "cpp", "python", "cuda", "benchmarks/*.py")),
        "cpu": _cpu_model(),
        "cores": cores(),
        "caches": _caches(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "load_at_start": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "busy_cores_at_start": busy_cores(),
        "threads": threads,
        "versions": versions,
        "kriss": kriss.show_config("dicts"),
        "thread_pools": [
            {key: pool.get(key) for key in ("user_api", "internal_api", "version", "architecture", "num_threads")}
            | {"library": Path(str(pool.get("filepath", ""))).name}
            for pool in threadpoolctl.threadpool_info()
        ],
    }


@contextlib.contextmanager
def limited_to(threads: int) -> Iterator[None]:
    """Ours and every peer on `threads` threads: KRISS, every BLAS and OpenMP library loaded, and Numba."""
    before = kriss.get_num_threads()
    kriss.set_num_threads(threads)
    numba = None
    with contextlib.suppress(ImportError):
        import numba

        numba_before = numba.get_num_threads()
        numba.set_num_threads(min(threads, numba.config.NUMBA_NUM_THREADS))
    try:
        with threadpoolctl.threadpool_limits(threads):
            yield
    finally:
        kriss.set_num_threads(before)
        if numba is not None:
            numba.set_num_threads(numba_before)


# Far above the last cache of the machines at hand: what main memory gives.
MAIN_MEMORY = 192 << 20


class Triad:
    """``a = b + s * c`` over three arrays of `working_set` bytes in all.

    Counted as 24 bytes per element (two reads, one write), as STREAM does: the read that a write-allocate cache adds
    is not counted, so that code which only reads can go above this figure.
    """

    def __init__(self, threads: int, working_set: int = MAIN_MEMORY) -> None:
        self.threads, self.n = threads, max(working_set // 24, 1024)
        self._b, self._c, self._a = (np.full(self.n, value) for value in (1.0, 2.0, 0.0))
        # A tenth of a second at 50 GB/s: after a rest the first milliseconds are slower.
        self._calls = max(1, int(0.1 / (24 * self.n / 50e9)))
        self._run()
        if not np.all(self._a == 7.0):
            raise RuntimeError("triad gave a wrong result")

    def _run(self) -> None:
        triad = getattr(_backend.kernels("math"), "triad", None)
        if triad is not None:
            triad(3.0, self._b, self._c, self._a, self.threads)
        else:
            np.multiply(self._c, 3.0, out=self._a)
            np.add(self._a, self._b, out=self._a)

    def bandwidth(self) -> float:
        """Bytes per second of about a tenth of a second of it."""
        start = time.perf_counter()
        for _ in range(self._calls):
            self._run()
        return 24 * self.n * self._calls / (time.perf_counter() - start)


@functools.cache
def triad_bandwidth(threads: int) -> float:
    """Bytes per second of `Triad` over main memory, the best of many runs."""
    triad = Triad(threads)
    return max(triad.bandwidth() for _ in range(15))
