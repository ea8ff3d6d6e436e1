"""What happens when the system gives no more memory or threads: an exception or a slower answer, never an abort."""

import subprocess
import sys
from pathlib import Path

import pytest

from kriss import _backend

pytest.importorskip("resource")
pytestmark = pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads /proc")

LIMIT = """
import resource
import numpy as np
def limit(megabytes):
    with open("/proc/self/statm") as f:
        used = int(f.read().split()[0]) * resource.getpagesize()
    bound = used + megabytes * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (bound, resource.getrlimit(resource.RLIMIT_AS)[1]))
"""


def run(code):
    return subprocess.run([sys.executable, "-c", LIMIT + code], capture_output=True, text=True, timeout=240)


@pytest.mark.skipif(_backend.core() is None, reason="needs the compiled module")
def test_threads_that_cannot_be_started_are_done_without():
    # Each thread asks for megabytes of stack: far from 200 of them fit.
    code = """
from kriss._backend import core
m = core().math
x = np.linspace(-3, 3, 300 * 8192)
one, many = np.empty_like(x), np.empty_like(x)
m.exp(x, one, 1)
limit(60)
m.exp(x, many, 250)
m.exp(x, many, 250)
import os
print(np.array_equal(one, many), len(os.listdir("/proc/self/task")) < 200)
"""
    done = run(code)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["True", "True"]


def test_too_little_memory_raises_memory_error():
    # n^2 doubles for n = 20000 are 3 GB.
    code = """
import kriss
rng = np.random.default_rng(0)
kriss.gp.log_likelihood(kriss.gp.RBF(), rng.standard_normal((30, 2)), np.ones(30), noise=0.1)
limit(400)
try:
    kriss.gp.log_likelihood(kriss.gp.RBF(), rng.standard_normal((20000, 2)), np.ones(20000), noise=0.1)
except MemoryError:
    print("MemoryError")
kriss.gp.log_likelihood(kriss.gp.RBF(), rng.standard_normal((30, 2)), np.ones(30), noise=0.1)
print("alive")
"""
    done = run(code)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["MemoryError", "alive"]
