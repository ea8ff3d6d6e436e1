"""Fits a von Mises-Fisher distribution in 2,048 and in 32,768 dimensions, where its normaliser over- and underflows.

The density of a unit vector y in p dimensions is C_p(k) exp(k m'y) with C_p(k) = k^(p/2-1) / ((2 pi)^(p/2)
I_{p/2-1}(k)). With R the length of the mean of the data, the maximum-likelihood concentration solves A(k) = R, A being
the ratio I_{p/2}(k) / I_{p/2-1}(k); Newton's method needs three steps (S. Sra, "A short note on parameter approximation
for von Mises-Fisher distributions", Computational Statistics 27, 2012).
"""

import numpy as np
from scipy.special import ive

from kriss.special import iv_ratio, log_iv


def sample(n, p, mean_length, rng):
    """Unit vectors that are alike: a common direction plus noise. Returns them and nothing of how they were made."""
    common = rng.standard_normal(p)
    common *= mean_length / np.sqrt(1 - mean_length**2) * np.sqrt(p) / np.linalg.norm(common)
    y = common + rng.standard_normal((n, p))
    return y / np.linalg.norm(y, axis=1, keepdims=True)


def fit(y):
    """The mean direction, the concentration and the log-likelihood per vector."""
    p = y.shape[1]
    mean = y.mean(axis=0)
    length = float(np.linalg.norm(mean))
    v = p / 2 - 1
    k = length * (p - length**2) / (1 - length**2)
    for _ in range(4):
        a = float(iv_ratio(v, k))
        k -= (a - length) / (1 - a * a - (p - 1) * a / k)
    assert abs(iv_ratio(v, k) - length) < 1e-13
    log_normaliser = v * np.log(k) - p / 2 * np.log(2 * np.pi) - float(log_iv(v, k))
    return mean / length, k, log_normaliser + k * length


rng = np.random.default_rng(0)
for p in (2048, 32768):
    y = sample(50, p, 0.4, rng)
    direction, k, log_likelihood = fit(y)
    assert np.isfinite(log_likelihood)
    print(f"{p} dimensions: concentration {k:.2f}, log-likelihood per vector {log_likelihood:.4f}")
    with np.errstate(divide="ignore"):
        print(f"    log I = {log_iv(p / 2 - 1, k):.10f}; from SciPy's ive: {np.log(ive(p / 2 - 1, k)) + k:.10f}")
