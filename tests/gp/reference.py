"""Slow, plain references: one formula per line, no blocks, no shared code with the package."""

import math

import numpy as np


def unit(nu, s):
    """Covariance at scaled distance s; nu=None is the squared exponential."""
    if nu is None:
        return math.exp(-0.5 * s * s)
    a = math.sqrt(2.0 * nu) * s
    return {0.5: 1.0, 1.5: 1.0 + a, 2.5: 1.0 + a + a * a / 3.0}[nu] * math.exp(-a)


def covariance(kernel, X, Z):
    """k(X, Z), entry by entry."""
    out = np.zeros((len(X), len(Z)))
    for i, x in enumerate(X):
        for j, z in enumerate(Z):
            for term in kernel.terms:
                dims = list(range(len(x))) if term.active_dims is None else list(term.active_dims)
                lengths = np.broadcast_to(term.lengthscale, (len(dims),))
                s = math.sqrt(sum(((x[q] - z[q]) / v) ** 2 for q, v in zip(dims, lengths, strict=True)))
                out[i, j] += term.variance * unit(getattr(term, "nu", None), s)
    return out
