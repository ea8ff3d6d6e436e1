"""What the regressor computes with its factor, once it is fitted; nothing here is scikit-learn's."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np
import numpy.typing as npt

from kriss import _backend
from kriss.gp import _plan
from kriss.gp._answers import LOG_2PI
from kriss.gp._estimator_parts import not_positive_definite, slopes, split_noise
from kriss.gp._estimator_structured import predict as predict_structured
from kriss.gp._sklearn_kernels import convert
from kriss.gp._update import Triangle

Array = npt.NDArray[Any]

_EPS = float(np.finfo(np.float64).eps)


class Fitted:
    """Weights, appended observations and predictions, from the attributes that `fit` sets."""

    alpha: Any
    structure: str
    kernel_: Any
    X_train_: Any
    y_train_: Array
    L_: Array
    alpha_: Array
    factor_: Any
    log_marginal_likelihood_value_: Any
    n_features_in_: int
    _white: float
    _y_train_mean: Array
    _y_train_std: Array
    _fitted_workers: int

    def _columns(self) -> Array:
        y = np.asarray(self.y_train_, np.float64)
        return y.reshape(y.shape[0], -1)

    def _weights(self) -> Array:
        """The inverse times the observations."""
        rows = np.array(self._columns().T, order="C")
        self._solve(rows, half=False)
        return rows.T.reshape(np.shape(self.y_train_))

    def _solve(self, rows: Array, half: bool) -> None:
        triangle = self.__dict__.get("_triangle")
        if triangle is not None:
            triangle.solve(rows, half, self._fitted_workers)
        elif rows.size:
            _backend.kernels("gp").solve(self.L_, rows, half, self._fitted_workers)

    def _extend(self, X: Any, y: Array) -> None:
        n, threads = self.L_.shape[0], self._fitted_workers
        noise = split_noise(self.alpha, y.shape[0])
        model = _plan.plan(self.kernel_, self.X_train_, threads).at(self.kernel_.theta)
        rows = model.cross(X)
        self._solve(rows, half=True)
        own = model.own(X)
        own[np.diag_indices_from(own)] += noise
        corner = np.tril(own - rows @ rows.T)
        limit = own.diagonal() * (4.0 * math.sqrt(n + y.shape[0]) * _EPS)
        bad = _backend.kernels("gp").cholesky(corner, limit, threads)
        together = np.concatenate([self.X_train_, X])
        if bad >= 0:
            both = split_noise(self.alpha, len(together))
            raise not_positive_definite(self.kernel_, together, both, n + bad)
        triangle = self.__dict__.get("_triangle") or Triangle(self.L_, n)
        self._triangle = triangle.appended(rows, corner)
        self.L_ = self._triangle.lower
        self.X_train_, self.y_train_ = together, np.concatenate([self.y_train_, y])
        self.alpha_ = self._weights()
        inner = float(np.sum(self.y_train_ * self.alpha_))
        each = float(np.log(self.L_.diagonal()).sum()) + 0.5 * len(together) * LOG_2PI
        self.log_marginal_likelihood_value_ = np.float64(-0.5 * inner - self._columns().shape[1] * each)

    def _predict_structured(self, X: Any, return_std: bool, return_cov: bool, return_grad: bool) -> Any:
        if return_grad:
            raise NotImplementedError(f"return_grad needs structure='dense', not {self.structure!r}")
        y = self._columns()
        mean, variance, cov = predict_structured(self.factor_, self._white, X, y, return_std, return_cov)
        out = [self._shaped(mean * self._y_train_std + self._y_train_mean)]
        if variance is not None:
            out.append(self._shaped(np.sqrt(variance)[:, None] * self._y_train_std))
        if cov is not None:
            out.append(self._shaped(cov[:, :, None] * self._y_train_std**2))
        return tuple(out) if len(out) > 1 else out[0]

    @staticmethod
    def _shaped(values: Array) -> Array:
        """Without the last axis where there is one target."""
        return values[..., 0] if values.shape[-1] == 1 else values

    def _slopes(self, X: Any, variance: Array | None) -> list[Array]:
        converted = convert(self.kernel_, self.n_features_in_) if hasattr(self, "n_features_in_") else None
        if converted is None:
            raise NotImplementedError(f"return_grad needs a kernel that runs compiled, which {self.kernel_} does not")
        kernel = converted.kernel_at(self.kernel_.theta)
        xs, x = (np.ascontiguousarray(a, dtype=np.float64) for a in (X, self.X_train_))
        solve = None if variance is None else functools.partial(self._solve, half=False)
        mean, of_variance = slopes(kernel, xs, x, self.alpha_.reshape(len(x), -1), solve)
        out = [self._shaped(mean * self._y_train_std)]
        if of_variance is not None and variance is not None:
            with np.errstate(divide="ignore", invalid="ignore"):
                root = np.where(variance > 0.0, 0.5 / np.sqrt(variance), np.nan)
            out.append(self._shaped((of_variance * root[:, None])[:, :, None] * self._y_train_std))
        return out
