"""Covariance functions from their definitions, entry by entry; shares nothing with the package but names."""

import math

import numpy as np
import scipy.special as sc

from kriss import gp


def matern(nu, s):
    if s == 0.0:
        return 1.0
    z = math.sqrt(2.0 * nu) * s
    return 0.0 if z > 700.0 else 2.0 ** (1.0 - nu) / math.gamma(nu) * z**nu * float(sc.kv(nu, z))


def distance(kernel, x, z):
    dims = range(len(x)) if kernel.active_dims is None else kernel.active_dims
    lengths = np.broadcast_to(kernel.lengthscale, (len(dims),))
    return math.sqrt(sum(((x[q] - z[q]) / v) ** 2 for q, v in zip(dims, lengths, strict=True)))


def entry(k, x, z, same):
    """k(x, z); same: whether they are one point of one set."""
    match k:
        case gp.Sum():
            return sum(entry(t, x, z, same) for t in k.terms)
        case gp.Product():
            return math.prod(entry(f, x, z, same) for f in k.factors)
        case gp.Power():
            return entry(k.kernel, x, z, same) ** k.exponent
        case gp.Additive():
            return sum(entry(c, x, z, same) for c in k.components)
        case gp.RBF():
            return k.variance * math.exp(-0.5 * distance(k, x, z) ** 2)
        case gp.Matern():
            return k.variance * matern(k.nu, distance(k, x, z))
        case gp.RationalQuadratic():
            return k.variance * (1.0 + distance(k, x, z) ** 2 / (2.0 * k.alpha)) ** -k.alpha
        case gp.Periodic():
            dims = range(len(x)) if k.active_dims is None else k.active_dims
            lengths = np.broadcast_to(k.lengthscale, (len(dims),))
            waves = [math.sin(math.pi * (x[q] - z[q]) / k.period) / v for q, v in zip(dims, lengths, strict=True)]
            return k.variance * math.exp(-2.0 * sum(w * w for w in waves))
        case gp.SpectralMixture():
            total = 0.0
            for w, mu, lengths in zip(k.weights, k.frequencies, k.lengthscales, strict=True):
                dims = range(len(x)) if k.active_dims is None else k.active_dims
                gaps = [x[q] - z[q] for q in dims]
                s = math.sqrt(sum((g / v) ** 2 for g, v in zip(gaps, lengths, strict=True)))
                envelope = math.exp(-0.5 * s * s) if k.spectrum == "gaussian" else matern(k.nu, s)
                total += w * envelope * math.prod(math.cos(2 * math.pi * m * g) for m, g in zip(mu, gaps, strict=True))
            return total
        case gp.Linear() | gp.Polynomial():
            dims = range(len(x)) if k.active_dims is None else k.active_dims
            weights = np.broadcast_to(k.variance, (len(dims),))
            base = k.offset + sum(v * x[q] * z[q] for q, v in zip(dims, weights, strict=True))
            return base ** getattr(k, "degree", 1)
        case gp.Constant():
            return k.variance
        case gp.White():
            return k.variance if same else 0.0
    raise TypeError(type(k))


def matrix(kernel, X, Z=None):
    pairs = X if Z is None else Z
    return np.array([[entry(kernel, x, z, Z is None and i == j) for j, z in enumerate(pairs)] for i, x in enumerate(X)])


def derivatives(kernel, X, Z=None, h=2e-3):
    """(n, m, p) by differences of eighth order, from the reference."""
    theta = kernel.theta
    out = []
    for e in np.eye(theta.size):
        total = 0.0
        for step, weight in ((1, 4 / 5), (2, -1 / 5), (3, 4 / 105), (4, -1 / 280)):
            up = matrix(kernel.with_theta(theta + step * h * e), X, Z)
            total = total + weight * (up - matrix(kernel.with_theta(theta - step * h * e), X, Z))
        out.append(total / h)
    return np.stack(out, -1)


# Three dimensions; every kind of leaf, shared dimensions, nested sums and products.
TREES = {
    "matern 7/2": gp.Matern(3.5, [0.7, 1.0, 2.0], 1.3),
    "matern 1.7": gp.Matern(1.7, [0.7, 1.0, 2.0], 1.3, nu_bounds=(0.1, 10.0)),
    "matern 0.3": gp.Matern(0.3, 1.5, active_dims=[2, 0], nu_bounds=(0.1, 10.0)),
    "matern 1": gp.Matern(1.0, 2.0, 0.5),
    "rational": gp.RationalQuadratic([1.0, 2.0, 0.5], 1.2, 0.7),
    "periodic": gp.Periodic([1.0, 0.8], 1.7, 1.1, active_dims=[0, 2]),
    "spectral": gp.SpectralMixture([1.0, 0.5], [[0.5, 0.2, 0.0], [1.0, 0.3, 0.2]], [[1.0, 2.0, 3.0], [2.0, 1.0, 1.0]]),
    "student": gp.SpectralMixture([1.0, 0.5], [0.5, 0.9], 3.0, spectrum="student-t", nu=1.2, active_dims=[1]),
    "student 5/2": gp.SpectralMixture([1.0], [[0.5, 0.2, 0.1]], 2.0, spectrum="student-t"),
    "linear": gp.Linear([1.0, 2.0, 0.5], 0.3),
    "linear, no offset": gp.Linear(2.0, active_dims=[1]),
    "polynomial": gp.Polynomial(3, 0.4, 0.7),
    "white": gp.White(0.3) + gp.RBF(2.0),
    "scaled": 2.5 * gp.RBF([1.0, 2.0, 3.0]),
    "additive": gp.Additive(gp.RBF([1.0, 2.0, 3.0], 0.4), [(0, 1), (2,), (1, 2)]),
    "additive matern": gp.Additive(gp.Matern(1.3, 0.9, nu_bounds=(0.5, 4.0)), [(0,), (1, 2)]),
    "power": (gp.RBF(2.0) + gp.Linear(offset=0.1)) ** 3,
    "nested": gp.RBF(1.5)
    * (
        gp.Linear(0.5, 0.2)
        + gp.White(0.1)
        + gp.Matern(1.5, active_dims=[1]) * gp.Periodic(2.0, active_dims=[0])
        + gp.Matern(0.5, 3.0)
    )
    + gp.Constant(0.4) * gp.RationalQuadratic(active_dims=[2]),
    "flat": gp.RBF([0.5, 1.0, 2.0]) + gp.Matern(0.5, 2.0, 0.3) + gp.Matern(1.5, active_dims=[1]),
}
