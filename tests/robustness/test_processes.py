"""Threads, forks, new processes, and the order of imports."""

import importlib.util
import multiprocessing
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from kriss._backend import kernels

HERE = str(Path(__file__).parent)
sys.path.insert(0, HERE)
import jobs  # noqa: E402

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")


@pytest.fixture(scope="module")
def expected():
    return jobs.all_jobs()


def in_fork(function):
    """Exit code of function() in a forked child, which gets a minute."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            code = function()
        finally:
            os._exit(code)
    end = time.monotonic() + 60
    while time.monotonic() < end:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.005)
    os.kill(pid, 9)
    os.waitpid(pid, 0)
    return "hung"


@needs_fork
def test_fork_after_use(expected):
    assert in_fork(lambda: 0 if jobs.all_jobs() == expected else 3) == 0
    assert jobs.all_jobs() == expected


@needs_fork
def test_fork_of_a_fork(expected):
    assert in_fork(lambda: in_fork(lambda: 0 if jobs.elementary() == expected[0] else 3)) == 0


@needs_fork
def test_fork_while_another_thread_is_inside_a_kernel():
    x = np.linspace(-5, 5, 200001)
    stop = threading.Event()

    def hammer():
        out = np.empty_like(x)
        while not stop.is_set():
            kernels("math").exp(x, out, 4)

    want = jobs.elementary()
    thread = threading.Thread(target=hammer)
    thread.start()
    try:
        codes = [in_fork(lambda: 0 if jobs.elementary(workers=4) == want else 3) for _ in range(15)]
    finally:
        stop.set()
        thread.join()
    assert codes == [0] * 15


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_multiprocessing_after_use(method, expected):
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"no start method {method!r} on this system")
    with multiprocessing.get_context(method).Pool(2) as pool:
        assert pool.map_async(jobs.all_jobs, range(2)).get(timeout=240) == [expected] * 2


def test_eight_threads_at_once(expected):
    barrier = threading.Barrier(8)

    def work(_):
        barrier.wait()
        return [jobs.all_jobs() for _ in range(3)]

    with ThreadPoolExecutor(8) as threads:
        for results in threads.map(work, range(8)):
            assert results == [expected] * 3


def test_shared_input_from_eight_threads():
    x = np.linspace(-700, 700, 100001)
    want = np.empty_like(x)
    kernels("math").exp(x, want, 1)

    def work(workers):
        out = np.empty_like(x)
        for _ in range(20):
            kernels("math").exp(x, out, workers)
            assert np.array_equal(out, want)
        return True

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(work, [1, 2, 3, 4] * 2))


ORDERS = {
    "kriss first": "import kriss; jobs.all_jobs(); import {other}; use(); jobs.all_jobs(); use()",
    "kriss last": "import {other}; use(); import kriss; jobs.all_jobs(); use(); jobs.all_jobs()",
}
USES = {
    "sklearn": "from sklearn.cluster import KMeans; KMeans(3, n_init=1, random_state=0).fit(np.eye(30)[:, :5] + 0.0)",
    "torch": "import torch; torch.linalg.lstsq(torch.ones(40, 3), torch.ones(40, 1)); torch.ones(500, 500) @ torch.ones(500, 500)",  # noqa: E501
}


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("other", USES)
def test_import_orders(other, order):
    if importlib.util.find_spec(other) is None:
        pytest.skip(f"{other} is not installed")
    code = f"""
import sys, warnings, numpy as np
sys.path.insert(0, {HERE!r})
warnings.simplefilter("ignore")
import jobs
def use():
    {USES[other]}
""" + ORDERS[order].format(other=other)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
