"""Bessel functions on a CUDA device against the ufuncs of the host."""

import numpy as np
import pytest

from kriss import special
from kriss.special import cuda

pytestmark = pytest.mark.gpu


@pytest.mark.parametrize(
    "name", ["log_iv", "log_ive", "log_kv", "log_kve", "iv_ratio", "kv_ratio", "log_iv_grad", "log_kv_grad"]
)
def test_bits_of_the_host(name, rng):
    """Built with --fmad=false from the same operations: nothing but the order of instructions differs."""
    cp = pytest.importorskip("cupy")
    v = np.concatenate([np.exp(rng.uniform(np.log(1e-3), np.log(1e5), 20000)), [0.0, 0.5, 25.0, 1e152, np.inf, np.nan]])
    x = np.concatenate([np.exp(rng.uniform(np.log(1e-8), np.log(1e6), 20000)), [0.0, 2.0, 1.0, 1e152, np.inf, 1.0]])
    found, expected = getattr(cuda, name)(cp.asarray(v), cp.asarray(x)), getattr(special, name)(v, x)
    for a, b in zip(found, expected, strict=True) if isinstance(expected, tuple) else [(found, expected)]:
        np.testing.assert_array_equal(cp.asnumpy(a), b)
