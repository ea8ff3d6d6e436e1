"""The regressor's work where it was asked for another structure than the dense one."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from kriss.gp import _sklearn_kernels, _structure
from kriss.gp._base import Kernel
from kriss.gp._joined import Sum
from kriss.gp._stationary import RBF, Matern

Array = npt.NDArray[Any]


class StructuredPlan:
    """A kernel of scikit-learn's or ours over training points, theta still open, behind `kriss.gp.factor`.

    White noise of a sum goes to the noise of the factor, where structures can have it; variances of predictions get it
    back, as scikit-learn's do.
    """

    def __init__(self, kernel: Any, X: Any, noise: Array, structure: str, threads: int) -> None:
        self.x = np.ascontiguousarray(X, dtype=np.float64)
        self.structure, self.threads, self.noise = structure, threads, noise
        terms = _sklearn_kernels.flat_terms(kernel)
        uniform = noise.size == 0 or bool((noise == noise[0]).all())
        if terms is not None and (uniform or not any(t.white for t in terms)):
            smooth = [t for t in terms if not t.white]
            if smooth and all(t.length is not None for t in smooth):
                self.smooth, self.white = smooth, [t for t in terms if t.white]
                self.converted = None
                return
        self.converted = _sklearn_kernels.convert(kernel, self.x.shape[1])
        if self.converted is None:
            raise ValueError(f"structure={structure!r} needs a kernel that runs compiled, which {kernel} does not")

    def at(self, theta: Array) -> tuple[Kernel, float]:
        """The kernel, and the white noise besides it."""
        if self.converted is not None:
            return self.converted.kernel_at(theta), 0.0
        parts: list[Kernel] = []
        for term in self.smooth:
            assert term.length is not None
            lengths = np.asarray(term.length.of(theta), np.float64)
            scale: Any = float(lengths.ravel()[0]) if lengths.size == 1 else lengths
            variance = float(term.scale(theta))
            if term.kind == 0:
                parts.append(RBF(scale, variance, active_dims=term.dims))
            else:
                parts.append(Matern(term.kind - 0.5, scale, variance, active_dims=term.dims))
        kernel = parts[0] if len(parts) == 1 else Sum(parts)
        return kernel, math.fsum(float(t.scale(theta)) for t in self.white)

    def factor(self, theta: Array, like: Any = None) -> Any:
        """The factor at theta; Vecchia's with the order and neighbours of another one."""
        kernel, white = self.at(theta)
        noise = self.noise + white
        if like is not None and hasattr(like, "with_parameters"):
            return like.with_parameters(kernel, noise)
        return _structure.factor(kernel, self.x, noise, structure=self.structure, workers=self.threads or None)

    def gradient(self, theta: Array, own: Array) -> Array:
        """The gradient in the given kernel's theta, of that in ours and in the logarithm of the noise."""
        if self.converted is not None:
            return self.converted.gradient(own[:-1], theta.size)
        out, slot = np.zeros(theta.size), 0
        for term in self.smooth:
            assert term.length is not None
            for factor in term.factors:
                if factor.at >= 0:
                    out[factor.at] += own[slot]
            size = term.length.size
            if term.length.at >= 0:
                out[term.length.at : term.length.at + size] += own[slot + 1 : slot + 1 + size]
            slot += 1 + size
        levels = [float(t.scale(theta)) for t in self.white]
        total = math.fsum(levels) + (float(self.noise[0]) if self.noise.size else 0.0)
        for term, level in zip(self.white, levels, strict=True):
            for factor in term.factors:
                if factor.at >= 0:
                    out[factor.at] += own[-1] * (level / total) if total > 0.0 else 0.0
        return out


class StructuredObjective:
    """Minus the log-likelihood, summed over the columns of y (n, k), and its gradient."""

    def __init__(self, plan: StructuredPlan, y: Array, seen: Any) -> None:
        self.plan, self.y, self.seen = plan, y, seen
        self.last: Any = None

    def __call__(self, theta: Array, eval_gradient: bool = True) -> Any:
        """The value, and its gradient; infinity where the matrix is not positive definite."""
        theta = np.asarray(theta, np.float64)
        value, gradient = 0.0, np.zeros(theta.size)
        try:
            f = self.plan.factor(theta, self.last)
            self.last = f
            for column in self.y.T:
                if eval_gradient:
                    one, own = f.log_likelihood_grad(column)
                    gradient += self.plan.gradient(theta, np.asarray(own))
                else:
                    one = f.log_likelihood(column)
                value += one
        except np.linalg.LinAlgError:
            value, gradient = -math.inf, np.zeros(theta.size)
        self.seen(value)
        return (-np.float64(value), -gradient) if eval_gradient else -np.float64(value)


def predict(f: Any, white: float, X: Array, y: Array, return_std: bool, return_cov: bool) -> tuple[Array, Any, Any]:
    """Mean (m, k), variance (m,) and covariance (m, m) where asked for, with white noise on the latter two."""
    found = f.predict(np.ascontiguousarray(X, dtype=np.float64), y, return_std=return_std, return_cov=return_cov)
    variance = None if found.std is None else np.asarray(found.std) ** 2 + white
    cov = None if found.cov is None else np.asarray(found.cov) + white * np.eye(len(X))
    return found.mean, variance, cov
