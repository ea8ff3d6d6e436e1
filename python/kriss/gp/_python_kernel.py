"""A covariance function that the kernels do not know, in its own Python."""

from __future__ import annotations

from typing import Any

import numpy as np

from kriss import _validate
from kriss.gp._base import DEFAULT_BOUNDS, Array, Kernel


class PythonKernel(Kernel):
    """A covariance function written in Python, with scikit-learn's interface.

    It adds and multiplies with the others; what is compiled in such a tree stays compiled.

    Parameters
    ----------
    kernel : object
        Called as ``kernel(X)``, ``kernel(X, Z)`` and ``kernel(X, eval_gradient=True)``, which returns the matrix and
        its derivatives (n, n, p) in `theta`. It has ``theta``, the logarithms of its parameters, and
        ``clone_with_theta(theta)``. ``bounds`` (p, 2), ``diag(X)`` and ``hyperparameters`` are used where it has them.

    Raises
    ------
    TypeError
        If `kernel` lacks a part of that interface.

    Notes
    -----
    Derivatives take 8 n**2 p bytes, as `kernel` returns them; those between two sets of points are taken from the
    matrix of both together. There are no derivatives in the points. The matrix is not checked for symmetry.

    References
    ----------
    F. Pedregosa et al., "Scikit-learn: machine learning in Python", J. Mach. Learn. Res. 12 (2011), 2825-2830: the
    interface of ``sklearn.gaussian_process.kernels``.

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.gp import RBF, PythonKernel
    >>> class Brownian:
    ...     def __init__(self, theta=(0.0,)):
    ...         self.theta = np.array(theta)
    ...     def clone_with_theta(self, theta):
    ...         return Brownian(theta)
    ...     def __call__(self, X, Z=None, eval_gradient=False):
    ...         K = np.exp(self.theta[0]) * np.minimum.outer(X[:, 0], X[:, 0] if Z is None else Z[:, 0])
    ...         return (K, K[:, :, None]) if eval_gradient else K
    >>> k = PythonKernel(Brownian()) + RBF()
    >>> k([[1.0], [2.0]]).round(6)
    array([[2.      , 1.606531],
           [1.606531, 3.      ]])
    """

    __slots__ = ("_kernel",)

    def __init__(self, kernel: Any) -> None:
        missing = [name for name in ("__call__", "theta", "clone_with_theta") if not hasattr(kernel, name)]
        if missing or isinstance(kernel, (Kernel, type)):
            lacks = f" without {', '.join(missing)}" if missing else ""
            raise TypeError(
                f"kernel must have the interface of scikit-learn's kernels, not {type(kernel).__name__}{lacks}"
            )
        self._kernel = kernel

    @property
    def kernel(self) -> Any:
        """The wrapped object."""
        return self._kernel

    @property
    def _compiled(self) -> bool:
        return False

    @property
    def stationary(self) -> bool:
        """Whether ``k(x, x)`` is known to be the same everywhere: no."""
        return False

    def _theta(self) -> Array:
        return np.array(self._kernel.theta, np.float64).ravel()

    def _limits(self) -> Array:
        bounds = getattr(self._kernel, "bounds", None)
        if bounds is None:
            return np.tile(np.log(DEFAULT_BOUNDS), (self._theta().size, 1))
        return np.array(bounds, np.float64).reshape(-1, 2)

    def _names(self, prefix: str) -> tuple[str, ...]:
        names: list[str] = []
        for h in getattr(self._kernel, "hyperparameters", ()):
            if not h.fixed:
                names += [h.name] if h.n_elements == 1 else [f"{h.name}[{q}]" for q in range(h.n_elements)]
        size = self._theta().size
        return tuple(prefix + n for n in (names if len(names) == size else [f"theta[{t}]" for t in range(size)]))

    def _with(self, theta: Array) -> Kernel:
        return PythonKernel(self._kernel.clone_with_theta(theta))

    def _emit(self, build: Any, at: int) -> int:
        raise NotImplementedError(f"{self!r} is not compiled")

    def _diag(self, x: Array) -> Array:
        if hasattr(self._kernel, "diag"):
            return self._shaped(self._kernel.diag(x), (x.shape[0],))
        return np.array([float(self.matrix(row[None, :], None)[0, 0]) for row in x])

    def _shaped(self, value: Any, shape: tuple[int, ...]) -> Array:
        out = _validate.real_array(value, f"the result of {self!r}", finite=False, single=False)
        if out.shape != shape:
            raise ValueError(f"the result of {self!r} has shape {out.shape}, expected {shape}")
        return out

    def matrix(self, x: Array, z: Array | None) -> Array:
        """The matrix between checked points."""
        value = self._kernel(x) if z is None else self._kernel(x, z)
        return self._shaped(value, (x.shape[0], x.shape[0] if z is None else z.shape[0]))

    def _derivatives(self, x: Array) -> Array:
        """(n, n, p)."""
        size = self._theta().size
        return self._shaped(self._kernel(x, eval_gradient=True)[1], (x.shape[0], x.shape[0], size))

    def contracted(self, x: Array, z: Array | None, w: Array) -> Array:
        """Sum of the weights times the derivatives, (p,)."""
        n = x.shape[0]
        by_theta = self._derivatives(x if z is None else np.vstack([x, z]))
        part = by_theta if z is None else by_theta[:n, n:]
        out: Array = np.einsum("ij,ijp->p", w, part)
        return out

    def _contract_diag(self, x: Array, w: Array) -> Array:
        by_theta = self._derivatives(x)
        own = by_theta[np.arange(x.shape[0]), np.arange(x.shape[0])]
        out: Array = w @ own
        return out

    def __repr__(self) -> str:
        return f"PythonKernel({self._kernel!r})"

    def _key(self) -> tuple[object, ...]:
        return (type(self._kernel), repr(self._kernel), self._theta().tobytes())
