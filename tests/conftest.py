"""Shared fixtures. The suite runs once per backend: KRISS_BACKEND=compiled pytest, KRISS_BACKEND=numba pytest."""

import os
import signal

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "kriss", max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
settings.register_profile("long", max_examples=1000, deadline=None)
settings.load_profile(os.environ.get("KRISS_HYPOTHESIS", "kriss"))


# Jobs that a shell starts in the background may ignore SIGINT: the tests of Ctrl-C would then wait for ever.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(config, items):
    gpu = pytest.mark.skip(reason="no CUDA device or no CuPy here")
    slow = pytest.mark.skip(reason="slow: run with `pytest -m slow`")
    has_gpu = _has_gpu()
    for item in items:
        if "gpu" in item.keywords and not has_gpu:
            item.add_marker(gpu)
        if "slow" in item.keywords and "slow" not in (config.getoption("-m") or ""):
            item.add_marker(slow)


def _has_gpu():
    try:
        import cupy

        return cupy.cuda.runtime.getDeviceCount() > 0
    except Exception:
        return False


@pytest.fixture
def rng():
    return np.random.default_rng(20261121)


@pytest.fixture
def backend():
    """Name of the backend under test."""
    from kriss._backend import backend as current

    return current()
