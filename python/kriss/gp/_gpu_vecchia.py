"""Vecchia's approximation for CuPy arrays: small Cholesky factorisations, one per thread."""

from __future__ import annotations

from typing import Any

import numpy as np

from kriss import _device, _validate
from kriss.gp import _gpu
from kriss.gp._answers import LOG_2PI
from kriss.gp._forms import flat_terms, gather
from kriss.gp._gpu_kernel import DeviceKernel, transposed
from kriss.gp._kernels import Kernel
from kriss.gp._results import Prediction

_MOST = 1000  # neighbours; the work is cubic in them
_TILE = 1 << 25  # distances that are formed at a time
_ROOM = 8192  # doubles that the last sums of a gradient need


def _nearest(xp: Any, x: Any, z: Any, m: int, before: bool) -> Any:
    """Per row of z the m rows of x nearest to it, nearest first; only those before it if `before`; -1 beyond.

    All distances, tile by tile, and a sort: n log n per point, which is what a device is for.
    """
    out = xp.full((z.shape[0], m), -1, np.int64)
    n = x.shape[0]
    step = max(1, _TILE // max(1, n))
    index = xp.arange(n)
    for start in range(0, z.shape[0], step):
        here = z[start : start + step]
        distance = xp.zeros((here.shape[0], n))
        for q in range(x.shape[1]):
            delta = here[:, q : q + 1] - x[None, :, q]
            distance += delta * delta
        if before:
            own = xp.arange(start, start + here.shape[0])
            distance[index[None, :] >= own[:, None]] = np.inf
        chosen = xp.argsort(distance, axis=1)[:, :m]
        good = xp.isfinite(xp.take_along_axis(distance, chosen, 1))
        out[start : start + step, : chosen.shape[1]] = xp.where(good, chosen, -1)
    return out


class DeviceVecchia(_gpu.DevicePoints):
    """`VecchiaFactor` on a GPU: CuPy arrays in, CuPy arrays out.

    Offers `logdet`, `quad`, `log_likelihood`, `log_likelihood_grad` and `predict`, with the same meaning, for sums of
    `RBF` and `Matern` with nu 1/2, 3/2 and 5/2.
    """

    structure = "vecchia"
    jitter = 0.0

    def __init__(
        self, kernel: Kernel, X: Any, noise: Any, neighbours: int, order: Any, reason: str, check_finite: bool
    ) -> None:
        super().__init__(kernel, X, noise, check_finite)
        if flat_terms(kernel) is None:
            raise NotImplementedError(
                f"{kernel!r} is not a sum of RBF and Matern with nu 0.5, 1.5 or 2.5, which Vecchia's approximation "
                "needs on a device"
            )
        xp = _device.cupy()
        self.reason = reason
        n, d = self.X.shape
        self._launch = DeviceKernel(kernel, d)
        self.order = self._sequence(xp, order)
        m = max(1, min(_validate.integer(neighbours, "neighbours", low=1, high=_MOST), n - 1))
        flat = kernel.flat(d)
        scale = np.zeros(d)
        np.maximum.at(scale, flat.dim, flat.inv_lengthscale)
        self._scale = xp.asarray(scale)
        self._flat = flat
        self._sequenced = self.X[self.order]
        self.neighbours = _nearest(xp, self._scaled(self._sequenced), self._scaled(self._sequenced), m, True)
        self.exact = m >= n - 1
        self._added = xp.ascontiguousarray(self.noise[self.order])
        self._xt = transposed(self._sequenced)
        self._weights, self._variance, bad = self._conditionals(self._xt, self._added, self.neighbours)
        if bad >= 0:
            raise np.linalg.LinAlgError(
                f"the covariance matrix of row {int(self.order[bad])} of X and its {m} neighbours is not positive "
                "definite to working precision. Raise noise (its variance)"
            )

    def _scaled(self, x: Any) -> Any:
        return x * self._scale

    def _sequence(self, xp: Any, order: Any) -> Any:
        if isinstance(order, str):
            _validate.choice(order, "order", ("maximin", "given"))
            if order == "maximin" and self.n > 1:
                raise NotImplementedError(
                    "order='maximin' is computed on the CPU: pass order='given', or a permutation such as "
                    "cupy.asarray(maximin_order(X.get()))"
                )
            return xp.arange(self.n)
        _gpu._there(order, "order")
        given = xp.asarray(order)
        if given.shape != (self.n,) or not bool((xp.sort(given) == xp.arange(self.n)).all()):
            raise ValueError(f"order must be 'given' or a permutation of 0..{self.n - 1}, not {order!r}")
        return given.astype(np.int64)

    def _conditionals(self, zt: Any, own: Any | None, near: Any) -> tuple[Any, Any, int]:
        xp = _device.cupy()
        run = _device.cuda("gp_tree")
        count, m = near.shape
        weights, variance = xp.zeros((count, m)), xp.empty((count,), np.float64)
        bad = xp.zeros((count,), np.int32)
        if count == 0:
            return weights, variance, -1
        d = self.X.shape[1]
        work = xp.empty((run.vecchia_workers(count) * run.vecchia_item(d, m),), np.float64)
        run.vecchia_factor(
            self._launch.sum, self.n, count, d, m, self._xt.data.ptr, zt.data.ptr, self._added.data.ptr,
            0 if own is None else own.data.ptr, near.data.ptr, weights.data.ptr, variance.data.ptr, bad.data.ptr,
            work.data.ptr, _device.stream(),
        )  # fmt: skip
        wrong = xp.flatnonzero(bad)
        return weights, variance, int(wrong[0]) if wrong.size else -1

    def _means(self, near: Any, weights: Any, y: Any) -> Any:
        """``sum_k w_ik y_near(i, k)``."""
        xp = _device.cupy()
        values = xp.where(near >= 0, y[xp.maximum(near, 0)], 0.0) if self.n else xp.zeros(near.shape)
        return (weights * values).sum(axis=1)

    def logdet(self) -> float:
        """``log det K``: the sum of the logarithms of the conditional variances."""
        return float(_device.cupy().log(self._variance).sum())

    def quad(self, y: Any) -> float:
        """``y' K^-1 y``."""
        b = self._column(y, "y", (1,))[self.order]
        e = b - self._means(self.neighbours, self._weights, b)
        return float((e * e / self._variance).sum())

    def log_likelihood(self, y: Any) -> float:
        """Log marginal likelihood of `y`, shape (n,)."""
        return -0.5 * (self.quad(y) + self.logdet() + self.n * LOG_2PI)

    def log_likelihood_grad(self, y: Any) -> tuple[float, Any]:
        """The log-likelihood and its gradient; see `VecchiaFactor.log_likelihood_grad`."""
        xp = _device.cupy()
        run = _device.cuda("gp_tree")
        b = xp.ascontiguousarray(self._column(y, "y", (1,))[self.order])
        flat, (m, d) = self._flat, (self.neighbours.shape[1], self.X.shape[1])
        parameters = flat.variance.size + flat.dim.size
        raw = xp.zeros((parameters + 1,))
        if self.n:
            each = run.vecchia_item(d, m) + parameters + 1
            work = xp.empty((run.vecchia_workers(self.n) * each + _ROOM,), np.float64)
            run.vecchia_gradient(
                self._launch.sum, parameters, self.n, d, m, self._xt.data.ptr, self._added.data.ptr,
                self.neighbours.data.ptr, b.data.ptr, raw.data.ptr, work.data.ptr, _device.stream(),
            )  # fmt: skip
        # The variance of its term for every entry; then lengthscales that columns share are added up.
        sizes = 1 + np.diff(flat.first)
        by = np.append(np.repeat(flat.variance, sizes), 1.0)
        columns = [gather(self.kernel, flat, unit) for unit in np.diag(by)]
        return self.log_likelihood(y), xp.asarray(np.ascontiguousarray(np.stack(columns, axis=1))) @ raw

    def predict(self, Xs: Any, y: Any, *, return_std: bool = False, neighbours: int | None = None) -> Prediction:
        """The posterior at new points, each given the observations nearest to it; see `VecchiaFactor.predict`."""
        xp = _device.cupy()
        xs = self._test_points(Xs)
        b = self._column(y, "y", (1, 2))[self.order]
        m = self.neighbours.shape[1] if neighbours is None else _validate.integer(neighbours, "neighbours", low=1)
        m = max(1, min(m, self.n, _MOST))
        near = _nearest(xp, self._scaled(self._sequenced), self._scaled(xs), m, False)
        weights, variance, bad = self._conditionals(transposed(xs), None, near)
        if bad >= 0:
            raise np.linalg.LinAlgError(
                f"the covariance matrix of the {m} neighbours of row {bad} of Xs is not positive definite to working "
                f"precision. Raise noise (its variance)"
            )
        columns = [self._means(near, weights, c) for c in b.reshape(self.n, -1).T]
        mean = xp.stack(columns, axis=1).reshape(xs.shape[0], *b.shape[1:])
        return Prediction(mean, xp.sqrt(xp.maximum(variance, 0.0)) if return_std else None)
