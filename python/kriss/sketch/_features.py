"""Structured random features of kernels, and of activation functions."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import gammaincinv, ndtri

from kriss import _backend, _device, _validate
from kriss._validate import FloatArray, RngLike
from kriss.sketch import _gpu
from kriss.sketch._operator import keys, power_of_two, target
from kriss.sketch._sparse_sign import strided

_LENGTH, _TAIL, _FREQUENCY = 7, 8, 9  # streams of keys
_PROJECT, _FOURIER, _STEP, _RAMP = range(4)
# Shorter chains of transforms have too few directions to look like a Gaussian's.
SHORTEST = 64


def _uniform(seed: int, stream: int, n: int) -> npt.NDArray[np.float64]:
    """In (0, 1), one for each of n items."""
    return ((keys(seed, stream, n) >> np.uint64(12)).astype(np.float64) + 0.5) * 2.0**-52


class _Tables(NamedTuple):
    """What a projection is made of, in one precision."""

    signs: FloatArray  # (blocks, 3, p)
    stretch: FloatArray  # (frequencies)


def _tables(seed: int, columns: int, frequencies: int, nu: float | None) -> _Tables:
    """Frequencies with the lengths of Gaussian vectors in p dimensions; of Student's with 2 nu degrees if `nu`."""
    p = max(SHORTEST, power_of_two(columns))
    blocks = -(-frequencies // p)
    signs = np.empty((blocks, 3, p))
    run = _backend.kernels("sketch_transform")
    for which in range(3 * blocks):
        run.vector_signs(seed, which, signs[which // 3, which % 3])
    # Chi-distributed with p degrees of freedom, against rows whose length is p^1.5 after three transforms.
    length = np.sqrt(2.0 * gammaincinv(0.5 * p, _uniform(seed, _LENGTH, frequencies)))
    if nu is not None:
        length *= np.sqrt(nu / gammaincinv(nu, _uniform(seed, _TAIL, frequencies)))
    return _Tables(signs, length / float(p) ** 1.5)


class _Projection:
    """x -> W x for random W of one number of columns at a time, and its tables by precision."""

    def __init__(self, seed: int, frequencies: int, nu: float | None) -> None:
        self.seed, self.frequencies, self.nu = seed, frequencies, nu
        self._cache: tuple[int, dict[np.dtype[Any], _Tables]] = (-1, {})

    def tables(self, columns: int, dtype: np.dtype[Any]) -> _Tables:
        p = max(SHORTEST, power_of_two(columns))
        size, ready = self._cache
        if size != p:
            made = _tables(self.seed, columns, self.frequencies, self.nu)
            ready = {made.signs.dtype: made}
            ready[np.dtype(np.float32)] = _Tables(made.signs.astype(np.float32), made.stretch.astype(np.float32))
            self._cache = (p, ready)
        return ready[dtype]

    def run(
        self, x: FloatArray, inverse: FloatArray, what: int, unit: float, out: FloatArray, workers: int
    ) -> None:  # fmt: skip
        tables = self.tables(x.shape[1], x.dtype)
        p = tables.signs.shape[2]
        # Sums over p entries three times over, so nothing below this overflows on its way.
        limit = float(np.finfo(x.dtype).max) / float(p) ** 3
        largest = _largest(x) * float(inverse.max())
        if not largest <= limit:
            largest = float(np.abs(x * inverse).max())
        if not largest <= limit:
            raise OverflowError(f"X in units of the lengthscale reaches {largest:.3g}, which overflows: scale it down")
        _backend.kernels("sketch_transform").random_features(
            x, inverse, tables.signs, tables.stretch, what, unit, out, workers
        )


def _largest(x: FloatArray) -> float:
    return max(float(x.max(initial=0.0)), -float(x.min(initial=0.0)))


def _finite(x: FloatArray, name: str) -> None:
    """Refuse NaN and infinity without another array of the size of x."""
    if not math.isfinite(_largest(x)):
        _validate.check_finite(x, name)


class RandomFeatures:
    """Structured random features: a map z with ``z(x) @ z(y)`` close to a kernel k(x, y), in O(log) time a feature.

    Parameters
    ----------
    n_features : int
        Length of z(x); even for ``"rbf"`` and ``"matern"``, whose features are cosines and sines in equal number.
    kernel : {"rbf", "matern", "arc-cosine"}
        ``exp(-r**2 / 2)``, Matérn's function of r and `nu`, or the arc-cosine kernel of degree `order`, with r the
        distance of x and y in units of `lengthscale`. For a scikit-learn RBF kernel of parameter gamma take
        ``lengthscale=1/sqrt(2 * gamma)``.
    lengthscale : float or array_like, shape (n,)
        Positive; one for all columns or one for each.
    nu : float
        Smoothness of the Matérn kernel, positive.
    order : {0, 1}
        Degree of the arc-cosine kernel: features are steps or ramps.
    rng : int, SeedSequence, Generator or None
        Where the 64-bit seed comes from. An int or SeedSequence gives the same features every time.

    Raises
    ------
    TypeError, ValueError
        If an argument is not what it should be.

    Attributes
    ----------
    n_features, kernel, lengthscale, nu, order, seed
        As given.

    Notes
    -----
    The projection is ``L H D1 H D2 H D3 / p**1.5`` in blocks of p rows, p the number of columns of X padded to a power
    of two (at least 64), H the Walsh-Hadamard matrix, D random signs and L random lengths; of the kernel's spectral
    density, so that every frequency has the distribution it should have up to the discreteness of its direction. It
    takes ``3 log2(p) + 3`` flops a frequency (for whole blocks) where a dense projection takes 2 n, and is never
    stored: 3 signs and a length a frequency are. Transform, signs, cosines and sines of one row run in the cache
    before the next row begins. The same bits for any `workers`, any order of X, and both backends.

    The steps of ``order=0`` see that discreteness where X has one or two columns (or rows with as few nonzeros): a
    projection is exactly zero with a probability of up to a tenth, counts as positive half of the time, and the kernel
    of nearly opposite points is off by as much.

    The root-mean-square error of ``z(x) @ z(y)`` is at most about ``1 / sqrt(n_features)`` for the stationary kernels,
    and usually less, as the frequencies of a block are orthogonal.

    References
    ----------
    F. X. Yu, A. T. Suresh, K. M. Choromanski, D. N. Holtmann-Rice, S. Kumar, *Orthogonal random features*, NIPS 2016,
    sections 3 (lengths) and 4 (transforms). A. Rahimi, B. Recht, *Random features for large-scale kernel machines*,
    NIPS 2007, theorem 1. Y. Cho, L. K. Saul, *Kernel methods for deep learning*, NIPS 2009, equations 1 to 7.

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.sketch import RandomFeatures
    >>> X = np.random.default_rng(0).standard_normal((200, 5))
    >>> Z = RandomFeatures(8192, lengthscale=2.0, rng=1).transform(X)
    >>> exact = np.exp(-((X[:, None] - X) ** 2).sum(axis=2) / (2 * 2.0**2))
    >>> bool(abs(Z @ Z.T - exact).max() < 0.06)
    True
    """

    def __init__(
        self,
        n_features: int,
        *,
        kernel: str = "rbf",
        lengthscale: object = 1.0,
        nu: float = 1.5,
        order: int = 1,
        rng: RngLike = None,
    ) -> None:
        self.n_features = _validate.integer(n_features, "n_features", low=1, high=2**31 - 1)
        self.kernel = _validate.choice(kernel, "kernel", ("rbf", "matern", "arc-cosine"))
        if self.kernel != "arc-cosine" and self.n_features % 2:
            raise ValueError(f"n_features must be even for kernel {kernel!r}, not {self.n_features}")
        scale = _validate.real_array(lengthscale, "lengthscale", ndim=(0, 1), single=False)
        if not (scale > 0).all():
            raise ValueError(f"lengthscale must be above 0, not {scale.min()}")
        self.lengthscale: float | FloatArray = float(scale) if scale.ndim == 0 else scale.copy()
        self.nu = _validate.scalar(nu, "nu", low=0.0, strict=True)
        self.order = _validate.integer(order, "order", low=0, high=1)
        self.seed = _validate.seed64(rng)
        if self.kernel == "arc-cosine":
            self._what = _RAMP if self.order else _STEP
            self._unit = math.sqrt(2.0 / self.n_features)
            frequencies = self.n_features
        else:
            self._what = _FOURIER
            self._unit = math.sqrt(2.0 / self.n_features)
            frequencies = self.n_features // 2
        self._projection = _Projection(self.seed, frequencies, self.nu if self.kernel == "matern" else None)

    def __repr__(self) -> str:
        extra = {"matern": f", nu={self.nu}", "arc-cosine": f", order={self.order}"}.get(self.kernel, "")
        return (
            f"RandomFeatures({self.n_features}, kernel={self.kernel!r}, lengthscale={self.lengthscale!r}{extra}, "
            f"seed={self.seed:#018x})"
        )

    def transform(self, X: object, *, out: FloatArray | None = None, workers: int | None = None) -> FloatArray:
        """The features of every row of X.

        Parameters
        ----------
        X : array_like, shape (m, n)
            Real, finite, dense, any order. float32 stays float32, everything else becomes float64. A CuPy array of
            float32 or float64 gives a CuPy array.
        out : ndarray, shape (m, n_features), optional
            Where the result goes: C-contiguous, of the result's dtype, apart from X.
        workers : int, optional
            Threads; changes no bit of the result.

        Returns
        -------
        ndarray, shape (m, n_features)
            For the stationary kernels the cosines of all frequencies, then their sines.

        Raises
        ------
        TypeError, ValueError
            If X is not a real, finite, dense matrix with at least one column, does not fit `lengthscale`, or `out` does
            not fit.
        OverflowError
            If X in units of `lengthscale` is so large that its projection would overflow.
        """
        threads = _validate.workers(workers)
        if _device.any_device(X=X, out=out):
            on_device: FloatArray = self._on_device(X, out)
            return on_device
        x = strided(X, "X")
        if x.shape[1] == 0:
            raise ValueError(f"X has shape {x.shape}, expected at least one column")
        _finite(x, "X")
        inverse = self._inverse(x)
        result = target(out, (x.shape[0], self.n_features), x.dtype, x)
        with np.errstate(over="ignore", invalid="ignore"):
            self._projection.run(x, inverse, self._what, self._unit, result, threads)
        return result

    __call__ = transform

    def _inverse(self, x: Any) -> FloatArray:
        """Factors of the columns of x, in its precision."""
        if isinstance(self.lengthscale, np.ndarray) and self.lengthscale.size != x.shape[1]:
            raise ValueError(f"X has shape {x.shape}, expected {self.lengthscale.size} columns, one for a lengthscale")
        with np.errstate(over="ignore"):
            return np.broadcast_to(1.0 / np.asarray(self.lengthscale), x.shape[1]).astype(x.dtype)

    def _on_device(self, X: Any, out: Any) -> Any:
        x = _gpu.array(X, "X", (2,))
        if x.shape[1] == 0:
            raise ValueError(f"X has shape {x.shape}, expected at least one column")
        tables = self._projection.tables(x.shape[1], x.dtype)
        return _gpu.features(
            x, self._inverse(x), tables.signs, tables.stretch, self._what, self._unit, self.n_features, out
        )  # fmt: skip


class UniversalFeatures:
    """Random features that part an activation ``f(w @ x + b)`` into a map of x and a map of (w, b).

    For an f that is a mean of waves, ``f(t) = E[exp(2πi ξ t)]`` over random ξ, and Gaussian vectors g,
    ``f(w @ x + b) = Re E[u(x) v(w, b)]`` with ``u = exp(s g @ x - iπξ |x|²)``,
    ``v = exp(2πi ξ b + s g @ w - iπξ |w|²)`` and ``s² = 2πi ξ``. So a layer of many units becomes one matrix product
    between features of the inputs, which do not know the weights, and features of the weights, which do not know the
    inputs.

    Parameters
    ----------
    n_features : int
        Length of the feature vectors, even: real and imaginary parts of half as many draws.
    activation : {"cos", "sin", "gaussian", "sech", "lorentzian"}
        ``cos(t)``, ``sin(t)``, ``exp(-t**2 / 2)``, ``1 / cosh(t)`` or ``1 / (1 + t**2)``.
    rng : int, SeedSequence, Generator or None
        Where the 64-bit seed comes from. An int or SeedSequence gives the same features every time.

    Raises
    ------
    TypeError, ValueError
        If an argument is not what it should be.

    Attributes
    ----------
    n_features, activation, seed
        As given.

    Notes
    -----
    Unbiased up to the discreteness of the structured g. The second moment of a draw is ``E[exp(2π |ξ| |x + w|²)]``: fit
    for ``|x + w|`` of the order of one. It is ``exp(|x + w|²)`` for ``"cos"`` and ``"sin"``, whose ξ is 1/2π, finite
    for ``"gaussian"``, and infinite from ``|x + w|² = π/2`` on for ``"sech"`` and from 1 on for ``"lorentzian"``. The
    vectors g come from the transforms of `RandomFeatures`, at its cost; one complex exponential a draw comes on top.

    References
    ----------
    A. Sehanobish, K. Choromanski, Y. Zhao, A. Dubey, V. Likhosherstov, *Scalable neural network kernels*, ICLR 2024,
    arXiv:2310.13225 (2023), section 3.

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.sketch import UniversalFeatures
    >>> rng = np.random.default_rng(0)
    >>> X, W = 0.2 * rng.standard_normal((2, 50, 4))
    >>> features = UniversalFeatures(20_000, activation="cos", rng=1)
    >>> product = features.inputs(X) @ features.weights(W, np.ones(50)).T
    >>> bool(abs(product - np.cos(X @ W.T + 1.0)).max() < 0.1)
    True
    """

    def __init__(self, n_features: int, *, activation: str = "gaussian", rng: RngLike = None) -> None:
        self.n_features = _validate.integer(n_features, "n_features", low=2, high=2**31 - 2)
        if self.n_features % 2:
            raise ValueError(f"n_features must be even, not {self.n_features}")
        self.activation = _validate.choice(
            activation, "activation", ("cos", "sin", "gaussian", "sech", "lorentzian")
        )  # fmt: skip
        self.seed = _validate.seed64(rng)
        draws = self.n_features // 2
        u = _uniform(self.seed, _FREQUENCY, draws)
        if activation == "gaussian":
            wave = ndtri(0.5 + 0.5 * u)
        elif activation == "sech":
            wave = np.log(np.tan(0.25 * np.pi * (1.0 + u))) * (2.0 / np.pi)
        elif activation == "lorentzian":
            wave = -np.log(u)
        else:
            wave = np.ones(draws)
        # 2π times the frequency; never negative, as f is real.
        self._wave: npt.NDArray[np.float64] = wave
        self._projection = _Projection(self.seed, draws, None)

    def __repr__(self) -> str:
        return f"UniversalFeatures({self.n_features}, activation={self.activation!r}, seed={self.seed:#018x})"

    def _features(self, x: FloatArray, shift: FloatArray | None, sign: float, workers: int) -> FloatArray:
        draws = self.n_features // 2
        out = np.empty((x.shape[0], self.n_features), x.dtype)
        ones = np.ones(x.shape[1], x.dtype)
        wave = self._wave
        # In pieces that stay in the cache between the projection and the exponentials.
        rows = max(1, 2**15 // draws)
        for begin in range(0, x.shape[0], rows):
            part = x[begin : begin + rows]
            gx = np.empty((part.shape[0], draws), x.dtype)
            self._projection.run(part, ones, _PROJECT, 1.0, gx, workers)
            angle = gx.astype(np.float64) * np.sqrt(0.5 * wave)
            size = np.exp(angle) / math.sqrt(draws)
            angle -= 0.5 * wave * np.sum(part.astype(np.float64) ** 2, axis=1, keepdims=True)
            if shift is not None:
                angle += wave * shift[begin : begin + rows, None]
                if self.activation == "sin":
                    angle -= 0.5 * np.pi
            out[begin : begin + rows, :draws] = size * np.cos(angle)
            out[begin : begin + rows, draws:] = sign * size * np.sin(angle)
        if not np.isfinite(out).all():
            raise OverflowError("the features overflow: scale the inputs or weights down")
        return out

    def inputs(self, X: object, *, workers: int | None = None) -> FloatArray:
        """Features of inputs.

        Parameters
        ----------
        X : array_like, shape (m, n)
            Real, finite, dense. float32 stays float32.
        workers : int, optional
            Threads; changes no bit of the result.

        Returns
        -------
        ndarray, shape (m, n_features)
            Real parts, then imaginary parts, of u.

        Raises
        ------
        TypeError, ValueError
            If X is not a real, finite, dense matrix with at least one column.
        OverflowError
            If X is so large that its features overflow.
        """
        x = _matrix(X, "X")
        with np.errstate(over="ignore", invalid="ignore"):
            return self._features(x, None, 1.0, _validate.workers(workers))

    def weights(self, W: object, b: object = None, *, workers: int | None = None) -> FloatArray:
        """Features of weights, ready for ``inputs(X) @ weights(W, b).T``.

        Parameters
        ----------
        W : array_like, shape (k, n)
            Real, finite, dense: one row for each unit of the layer.
        b : array_like, shape (k,), optional
            Biases; zero by default.
        workers : int, optional
            Threads; changes no bit of the result.

        Returns
        -------
        ndarray, shape (k, n_features)
            Real parts, then negated imaginary parts, of v.

        Raises
        ------
        TypeError, ValueError
            If W or b is not real and finite or has the wrong shape.
        OverflowError
            If W is so large that its features overflow.
        """
        w = _matrix(W, "W")
        shift = np.zeros(w.shape[0]) if b is None else _validate.real_array(b, "b", ndim=1, single=False)
        if shift.shape != (w.shape[0],):
            raise ValueError(f"b has shape {shift.shape}, expected {(w.shape[0],)}, one for each row of W")
        with np.errstate(over="ignore", invalid="ignore"):
            return self._features(w, shift, -1.0, _validate.workers(workers))


def _matrix(value: object, name: str) -> FloatArray:
    x = strided(value, name)
    if x.shape[1] == 0:
        raise ValueError(f"{name} has shape {x.shape}, expected at least one column")
    _finite(x, name)
    return x
