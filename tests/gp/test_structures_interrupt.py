"""Ctrl-C stops the long kernels of Vecchia's approximation and of products."""

import signal
import time

import numpy as np
import pytest

from kriss.gp import Matern, iterative, maximin_order, vecchia

WORK = {
    "order": lambda X, y: maximin_order(np.repeat(X, 30, axis=0) + np.linspace(0, 1e-3, 30 * len(X))[:, None]),
    "factor": lambda X, y: vecchia(Matern(1.5, 0.1), X, 0.1, 150),
    "product": lambda X, y: iterative(Matern(1.5, 0.1), X, 1e-4, rank=0).solve(y),
}


@pytest.mark.parametrize("name", WORK)
def test_interrupt(name, backend):
    if backend != "compiled":
        pytest.skip("Numba kernels run to their end")
    rng = np.random.default_rng(0)
    X, y = rng.random((20_000, 3)), rng.standard_normal(20_000)
    previous = signal.signal(signal.SIGALRM, lambda *_: signal.raise_signal(signal.SIGINT))
    signal.setitimer(signal.ITIMER_REAL, 0.3)
    start = time.perf_counter()
    try:
        with pytest.raises(KeyboardInterrupt):
            WORK[name](X, y)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
    # 0.5 s is the promise on an idle machine; each of these takes several seconds.
    assert time.perf_counter() - start < 0.3 + 2.0
