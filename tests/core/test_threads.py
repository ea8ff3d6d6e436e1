"""The number of threads: setting, environment, threadpoolctl."""

import numpy as np
import pytest

import kriss
from kriss import _backend, _threads
from kriss._backend import kernels

pytestmark = pytest.mark.skipif(_backend.core() is None, reason="needs the compiled module")


@pytest.fixture(autouse=True)
def _restore():
    before = kriss.get_num_threads()
    yield
    kriss.set_num_threads(before)


def test_set_and_get():
    kriss.set_num_threads(3)
    assert kriss.get_num_threads() == 3


@pytest.mark.parametrize("bad", [0, -1, -(10**6)])
def test_below_one_is_refused(bad):
    with pytest.raises(ValueError, match=f"n must be at least 1, not {bad}"):
        kriss.set_num_threads(bad)


@pytest.mark.parametrize("bad", [True, 1.0, "2", None])
def test_not_an_integer_is_refused(bad):
    with pytest.raises(TypeError, match="n must be an int"):
        kriss.set_num_threads(bad)


def test_threadpoolctl_sees_and_limits_the_pool():
    threadpoolctl = pytest.importorskip("threadpoolctl", minversion="3.2")
    assert _threads.register()
    kriss.set_num_threads(4)

    def entry():
        found = [lib for lib in threadpoolctl.threadpool_info() if lib["user_api"] == "kriss"]
        assert len(found) == 1
        return found[0]

    assert entry()["num_threads"] == 4
    assert entry()["version"] == kriss.__version__
    with threadpoolctl.threadpool_limits(1):
        assert kriss.get_num_threads() == 1
        assert entry()["num_threads"] == 1
    assert kriss.get_num_threads() == 4
    with threadpoolctl.threadpool_limits(2, user_api="kriss"):
        assert kriss.get_num_threads() == 2
    assert kriss.get_num_threads() == 4


def test_more_workers_than_cores_and_than_chunks():
    x = np.linspace(-1, 1, 20000)
    one, many = np.empty_like(x), np.empty_like(x)
    kernels("math").exp(x, one, 1)
    kernels("math").exp(x, many, 64)
    assert np.array_equal(one, many)
