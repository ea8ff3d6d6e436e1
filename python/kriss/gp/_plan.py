"""Covariances as the estimator needs them, whoever the kernel is from: compiled where possible, its own Python else."""

from __future__ import annotations

import contextlib
import math
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from kriss import _backend
from kriss.gp import _sklearn_kernels
from kriss.gp._answers import LOG_2PI
from kriss.gp._kernels import Kernel, transposed
from kriss.gp._problem import _gradient, _Problem

Array = npt.NDArray[Any]

_EPS = float(np.finfo(np.float64).eps)


class BadPivot(Exception):  # noqa: N818 - it is told to the caller in other words
    """The matrix is not positive definite: the index of the pivot."""

    def __init__(self, pivot: int) -> None:
        super().__init__(pivot)
        self.pivot = pivot


class Model(Protocol):
    """A kernel at one theta, over training points."""

    threads: int

    def assemble(self, noise: Array, out: Array) -> Array:
        """The lower triangle of K + diag(noise) into `out`; returns the diagonal."""

    def gradient(self, alphas: Array, inverse: Array, noise: Array) -> Array:
        """``1/2 sum_ij W_ij dK_ij``, W the sum of ``alpha alpha' - K^-1`` over the rows of `alphas` (k, n)."""

    def cross(self, Xs: Any) -> Array:
        """k(Xs, X), (m, n), C-contiguous."""

    def own(self, Xs: Any) -> Array:
        """k(Xs), with white noise on its diagonal."""


class Plan(Protocol):
    """A kernel over training points, theta still open."""

    how: str
    threads: int

    def at(self, theta: Array) -> Model:
        """The model at theta; may be used from several threads."""


def likelihood(model: Model, y: Array, noise: Array, work: Array, gradient: bool) -> tuple[float, Array | None]:
    """Log-likelihood of the columns of `y` (n, k), summed, and its gradient; `work` (n, n) is left with L or K^-1."""
    run, (n, k) = _backend.kernels("gp"), y.shape
    factorise(model, noise, work)
    rows = np.array(y.T, np.float64, order="C")
    if rows.size:
        run.solve(work, rows, False, model.threads)
    value = -0.5 * float(np.einsum("nk,kn->", y, rows))
    value -= k * (float(np.log(work.diagonal()).sum()) + 0.5 * n * LOG_2PI)
    if not gradient:
        return value, None
    run.invert(work, model.threads)
    return value, model.gradient(rows, work, noise)


def factorise(model: Model, noise: Array, work: Array) -> None:
    """L into the lower triangle of `work`; `BadPivot` where a pivot has no correct digit."""
    diagonal = model.assemble(noise, work)
    limit = diagonal * (4.0 * math.sqrt(diagonal.size) * _EPS)
    bad = _backend.kernels("gp").cholesky(work, limit, model.threads)
    if bad >= 0:
        raise BadPivot(bad)


def plan(kernel: Any, X: Any, threads: int) -> Plan:
    """The fastest plan for a kernel: flat sums, KRISS kernels, or the kernel's own Python."""
    numbers = isinstance(X, np.ndarray) and X.ndim == 2 and X.dtype.kind in "fiub"
    if numbers or isinstance(kernel, Kernel):
        x = np.ascontiguousarray(X, dtype=np.float64)
        terms = _sklearn_kernels.flat_terms(kernel)
        if terms is not None:
            return FlatPlan(kernel, terms, x, threads)
        # Parameters that scikit-learn takes and ours do not.
        with contextlib.suppress(ValueError):
            converted = _sklearn_kernels.convert(kernel, x.shape[1])
            if converted is not None:
                return KrissPlan(converted, x, threads)
    return PythonPlan(kernel, X, threads)


class FlatPlan:
    """Sums of constants times RBF or Matern 1/2, 3/2, 5/2, constants, and white noise: one pass over the points."""

    how = "compiled"

    def __init__(self, kernel: Any, terms: list[_sklearn_kernels.Term], x: Array, threads: int) -> None:
        self.kernel, self.x, self.xt, self.threads = kernel, x, transposed(x), threads
        self.white = [t for t in terms if t.white]
        # Without any other term: one of weight 0.
        self.terms = [t for t in terms if not t.white] or [_sklearn_kernels.Term()]
        self.empty = len(self.white) == len(terms)
        columns = x.shape[1]
        self.dims = []
        for term in self.terms:
            dims = np.arange(columns) if term.dims is None else np.array(term.dims)
            if term.length is None:
                dims = dims[:0]
            elif term.length.size not in (1, dims.size):
                raise ValueError(
                    f"X has {columns} columns, but a lengthscale of the kernel has {term.length.size} entries"
                )
            elif dims.size and dims.max() >= columns:
                raise ValueError(f"X has {columns} columns, but active_dims of the kernel names column {dims.max()}")
            self.dims.append(dims.astype(np.int64))
        self.first = np.concatenate([[0], np.cumsum([d.size for d in self.dims])]).astype(np.int64)
        self.kind = np.array([max(t.kind, 0) for t in self.terms], np.int32)
        self.dim = np.concatenate(self.dims)

    def at(self, theta: Array) -> FlatModel:
        """The model at theta."""
        return FlatModel(self, np.asarray(theta, np.float64))


class FlatModel:
    """A flat sum at one theta."""

    def __init__(self, plan: FlatPlan, theta: Array) -> None:
        self.plan, self.theta, self.threads = plan, theta, plan.threads
        variance = np.array([0.0 if plan.empty else t.scale(theta) for t in plan.terms], np.float64)
        self.white = [float(t.scale(theta)) for t in plan.white]
        inverse = []
        with np.errstate(divide="ignore", over="ignore"):
            for term, dims in zip(plan.terms, plan.dims, strict=True):
                lengths = np.ones(1) if term.length is None else term.length.of(theta)
                inverse.append(np.broadcast_to(1.0 / lengths.ravel(), dims.shape))
        scales = np.concatenate(inverse)
        good = np.isfinite(variance).all() and np.isfinite(self.white).all() and (variance >= 0.0).all()
        if not (good and (scales >= 0.0).all() and np.isfinite(scales).all()):
            raise ValueError(
                "the kernel's parameters must be positive and finite, and so must the inverses of its lengthscales; "
                f"theta is {theta.tolist()}, the variances {variance.tolist()}"
            )
        self.flat = (plan.kind, variance, plan.first, plan.dim, scales)

    def assemble(self, noise: Array, out: Array) -> Array:
        """K + diag(noise) and white noise."""
        added = noise + math.fsum(self.white)
        _backend.kernels("gp").assemble_symmetric(*self.flat, self.plan.xt, added, out, False, self.threads)
        return np.array(out.diagonal())

    def gradient(self, alphas: Array, inverse: Array, noise: Array) -> Array:
        """One streamed contraction per row of `alphas`."""
        plan, out = self.plan, np.zeros(self.theta.size)
        raw = np.zeros(len(plan.terms) + plan.dim.size + 1)
        white = np.full(plan.x.shape[0], math.fsum(self.white))
        for alpha in alphas:
            part = np.empty_like(raw)
            _backend.kernels("gp").gradient(*self.flat, plan.xt, alpha, inverse, white, part, self.threads)
            raw += part
        slot = 0
        for term, dims in zip(plan.terms, plan.dims, strict=True):
            self._to_constants(term, float(raw[slot]), out)
            own = raw[slot + 1 : slot + 1 + dims.size]
            if term.length is not None and term.length.at >= 0:
                at, size = term.length.at, term.length.size
                out[at : at + size] += own.sum() if size == 1 else own
            slot += 1 + dims.size
        total = math.fsum(self.white)
        for term, level in zip(plan.white, self.white, strict=True):
            self._to_constants(term, float(raw[-1]) * (level / total) if total > 0.0 else 0.0, out)
        return out

    @staticmethod
    def _to_constants(term: _sklearn_kernels.Term, value: float, out: Array) -> None:
        for factor in term.factors:
            if factor.at >= 0:
                out[factor.at] += value

    def cross(self, Xs: Any) -> Array:
        """k(Xs, X)."""
        xs = np.ascontiguousarray(Xs, dtype=np.float64)
        out = np.empty((xs.shape[0], self.plan.x.shape[0]))
        _backend.kernels("gp").assemble_cross(*self.flat, transposed(xs), self.plan.xt, out, self.threads)
        return out

    def own(self, Xs: Any) -> Array:
        """k(Xs)."""
        xs = np.ascontiguousarray(Xs, dtype=np.float64)
        out = np.empty((xs.shape[0], xs.shape[0]))
        added = np.full(xs.shape[0], math.fsum(self.white))
        _backend.kernels("gp").assemble_symmetric(*self.flat, transposed(xs), added, out, True, self.threads)
        return out


class KrissPlan:
    """Any other KRISS kernel, or one of scikit-learn's that has a twin."""

    how = "compiled"

    def __init__(self, converted: _sklearn_kernels.Converted, x: Array, threads: int) -> None:
        self.converted, self.x, self.threads = converted, x, threads

    def at(self, theta: Array) -> KrissModel:
        """The model at theta."""
        return KrissModel(self, np.asarray(theta, np.float64))


class KrissModel:
    """A KRISS kernel at one theta."""

    def __init__(self, plan: KrissPlan, theta: Array) -> None:
        self.plan, self.threads, self.size = plan, plan.threads, theta.size
        self.kernel = plan.converted.kernel_at(theta)
        self._last: _Problem | None = None

    def _problem(self, noise: Array) -> _Problem:
        return _Problem(self.kernel, self.plan.x, noise, self.threads or None, False)

    def assemble(self, noise: Array, out: Array) -> Array:
        """K + diag(noise)."""
        self._last = self._problem(noise)  # with its tables, for the gradient
        return self._last.assemble(0.0, out)

    def gradient(self, alphas: Array, inverse: Array, noise: Array) -> Array:
        """One streamed contraction per row of `alphas`."""
        problem = self._last or self._problem(noise)
        own = np.zeros(self.plan.converted.base.size)
        for alpha in alphas:
            own += _gradient(problem, alpha, inverse)[:-1]
        return self.plan.converted.gradient(own, self.size)

    def cross(self, Xs: Any) -> Array:
        """k(Xs, X)."""
        xs = np.ascontiguousarray(Xs, dtype=np.float64)
        return self.kernel(xs, self.plan.x, workers=self.threads or None, check_finite=False)

    def own(self, Xs: Any) -> Array:
        """k(Xs)."""
        xs = np.ascontiguousarray(Xs, dtype=np.float64)
        return self.kernel(xs, workers=self.threads or None, check_finite=False)


class PythonPlan:
    """A kernel that we do not know: evaluated by its own code, the derivatives stored as it makes them."""

    how = "Python"

    def __init__(self, kernel: Any, X: Any, threads: int) -> None:
        self.kernel, self.x, self.threads = kernel, X, threads

    def at(self, theta: Array) -> PythonModel:
        """The model at theta."""
        return PythonModel(self, self.kernel.clone_with_theta(np.asarray(theta)))


class PythonModel:
    """A kernel of unknown code at one theta."""

    def __init__(self, plan: PythonPlan, kernel: Any) -> None:
        self.plan, self.kernel, self.threads = plan, kernel, plan.threads

    def assemble(self, noise: Array, out: Array) -> Array:
        """K + diag(noise)."""
        rows, columns = np.tril_indices(out.shape[0])
        out[rows, columns] = np.asarray(self.kernel(self.plan.x))[rows, columns]
        out[np.diag_indices_from(out)] += noise
        return np.array(out.diagonal())

    def gradient(self, alphas: Array, inverse: Array, noise: Array) -> Array:
        """From the stored derivatives, (n, n, p)."""
        slopes = self.kernel(self.plan.x, eval_gradient=True)[1]
        weights = alphas.T @ alphas - len(alphas) * (np.tril(inverse) + np.tril(inverse, -1).T)
        out: Array = 0.5 * np.einsum("ij,ijp->p", weights, slopes)
        return out

    def cross(self, Xs: Any) -> Array:
        """k(Xs, X)."""
        return np.ascontiguousarray(self.kernel(Xs, self.plan.x), dtype=np.float64)

    def own(self, Xs: Any) -> Array:
        """k(Xs)."""
        return np.asarray(self.kernel(Xs), dtype=np.float64)
