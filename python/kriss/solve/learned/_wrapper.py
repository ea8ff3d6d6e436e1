"""The user's own network as a preconditioner of flexible conjugate gradients."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sps
from scipy.sparse.linalg import LinearOperator

from kriss import _validate as check
from kriss.solve._fcg import fcg
from kriss.solve._multigrid import _grid
from kriss.solve._precond import Jacobi, _Preconditioner
from kriss.solve._result import SolveResult

Array = npt.NDArray[Any]


class Wrapper(_Preconditioner):
    """A torch module, or any function of a residual, as a preconditioner that may be non-linear.

    Parameters
    ----------
    module : torch.nn.Module or callable
        Takes a residual of norm 1 and returns a correction of the same shape. A torch module gets a tensor of the dtype
        and on the device of its first parameter, of shape ``(1, 1, *grid)`` if `grid` is given and ``(n,)`` otherwise,
        without gradients; another callable a NumPy array of shape ``grid`` or ``(n,)``.
    n : int
        Unknowns.
    grid : sequence of int, optional
        Points per axis of the residual as an image, one to three axes.
    dtype : dtype, default float64
        float32 or float64: of the residuals that it takes. `solve` works in the precision of A and b.

    Attributes
    ----------
    is_linear, is_spd : bool
        False: `kriss.solve.cg` refuses it, `kriss.solve.fcg` and `fgmres` take it. For the same reason ``T`` and ``H``
        raise NotImplementedError.
    calls : int
        Applications so far.
    nbytes : int
        Memory held by the parameters of a torch module.

    Raises
    ------
    TypeError, ValueError
        If the module cannot be called, grid has not n points, or the module returns something of another shape or kind.

    Notes
    -----
    The residual is divided by its norm and the correction multiplied by it, so that the module sees one scale only and
    the preconditioner is homogeneous. One application costs what the module does, and two copies.

    References
    ----------
    Y. Notay, "Flexible conjugate gradients", SIAM J. Sci. Comput. 22 (2000), section 2.
    A. Kaneda, O. Akar, J. Chen, V. Kala, D. Hyde, J. Teran, "A deep conjugate direction method for iteratively solving
    linear systems", ICML 2023, section 3.

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.solve.learned import Wrapper
    >>> from kriss.testing import poisson2d
    >>> A = poisson2d(20)
    >>> M = Wrapper(lambda r: np.tanh(r), 400, grid=(20, 20))
    >>> result = M.solve(A, np.ones(400), rtol=1e-8)
    >>> result.status, result.params["kept"]
    ('converged', 'module')
    """

    is_linear = False
    is_spd = False

    def __init__(
        self, module: Callable[[Any], Any], n: int, *, grid: Sequence[int] | None = None, dtype: npt.DTypeLike = "d"
    ) -> None:
        if not callable(module):
            raise TypeError(f"module must be callable, not {type(module).__name__}")
        n = check.integer(n, "n", low=1)
        self._image: tuple[int, ...] = (n,) if grid is None else _grid(grid)
        if math.prod(self._image) != n:
            raise ValueError(f"grid {self._image} has {math.prod(self._image)} points, expected n = {n}")
        self._module, self._gridded, self.calls = module, grid is not None, 0
        self._torch = any(base.__module__.startswith("torch.nn") for base in type(module).__mro__)
        LinearOperator.__init__(self, check.real_dtype(np.dtype(dtype), "dtype"), (n, n))

    @property
    def nbytes(self) -> int:
        """Memory held by the parameters, in bytes."""
        if not self._torch:
            return 0
        module: Any = self._module
        return sum(int(p.numel() * p.element_size()) for p in module.parameters())

    def apply(self, r: Array, out: Array) -> Array:
        """``out = |r| module(r / |r|)``; returns `out`. Both are contiguous (n,) arrays of this operator's dtype."""
        self._out(r, out)
        self.calls += 1
        largest = float(np.abs(r).max(initial=0.0))
        if largest == 0.0 or not math.isfinite(largest):
            out[:] = 0.0 if largest == 0.0 else math.nan
            return out
        scaled = r / r.dtype.type(largest)
        norm = float(np.linalg.norm(scaled))
        answer = self._evaluate((scaled / norm).reshape(self._image))
        leading = (1, 1) if self._torch and self._gridded else ()
        if answer.shape != leading + self._image or answer.dtype.kind not in "fiu":
            raise ValueError(
                f"module returned {answer.dtype} of shape {answer.shape}, expected real numbers of shape "
                f"{leading + self._image}"
            )
        with np.errstate(over="ignore", under="ignore"):
            np.multiply(answer.reshape(-1), norm, out=out, casting="unsafe")
            out *= r.dtype.type(largest)
        return out

    def _evaluate(self, unit: Array) -> Array:
        if not self._torch:
            return np.asarray(self._module(unit))
        import torch

        module: Any = self._module
        first = next(iter(module.parameters()), None)
        tensor = torch.as_tensor(unit)
        if first is not None:
            tensor = tensor.to(dtype=first.dtype, device=first.device)
        if self._gridded:
            tensor = tensor[None, None]
        with torch.no_grad():
            answer = module(tensor)
        if not isinstance(answer, torch.Tensor):
            raise TypeError(f"module returned {type(answer).__name__}, expected a tensor")
        if answer.dtype == torch.bfloat16:  # which NumPy has not
            answer = answer.float()
        out: Array = answer.detach().to("cpu").numpy()
        return out

    def solve(
        self, A: object, b: npt.ArrayLike, *, rtol: float = 1e-5, atol: float = 0.0, maxiter: int | None = None,
        memory: int = 2, residuals: bool = False,
    ) -> SolveResult:  # fmt: skip
        """Flexible conjugate gradients with this, or with the diagonal of A where that is the better first step.

        Parameters
        ----------
        A : sparse matrix or array, shape (n, n)
            Real, symmetric positive definite.
        b : array_like, shape (n,)
            Right-hand side.
        rtol, atol, maxiter, memory, residuals
            As for `kriss.solve.fcg`.

        Returns
        -------
        SolveResult
            The residual is recomputed from A, b and x. ``params["kept"]`` is ``"module"`` or ``"jacobi"``, and
            ``params["reason"]`` tells why the module was left: the energy that the step of steepest descent along
            z = M b gains, ``(b'z)**2 / z'Az``, is less than with the diagonal or z does not point downhill (then it is
            nan), or the iteration met ``r'z < 0`` more than `memory` times, or NaN or ``r'z = 0``.
        """
        return guarded(self, A, b, "module", memory=memory, rtol=rtol, atol=atol, maxiter=maxiter, residuals=residuals)


def guarded(M: _Preconditioner, A: object, b: npt.ArrayLike, name: str, *, memory: int, **options: Any) -> SolveResult:
    """Flexible conjugate gradients with M, called `name`, or with the diagonal of A where that is the better start.

    ``params["kept"]`` and ``params["reason"]`` tell which. `memory` and `options` are those of `kriss.solve.fcg`.
    """
    matrix = check.csr(A, "A", square=True)
    rhs = check.real_array(b, "b", ndim=1)  # in their own precision, whatever that of M: fcg converts what M is given
    if matrix.shape != M.shape or rhs.shape != (M.shape[0],):
        raise ValueError(f"A has shape {matrix.shape}, b {rhs.shape}, expected {M.shape} and {M.shape[:1]}")
    A = sps.csr_array((matrix.data, matrix.indices, matrix.indptr), shape=matrix.shape)
    diagonal = Jacobi(A)
    gains = [_gain(P, A, rhs) for P in (M, diagonal)]
    reason = None
    if not gains[0] >= (1.0 - 1e-8) * gains[1]:  # up to rounding
        reason = f"its first step gains {gains[0]:.3g}, the diagonal's {gains[1]:.3g}"
    else:
        result = fcg(A, rhs, M=_Downhill(M, memory), memory=memory, **options)
        if result.status in ("indefinite_preconditioner", "non_finite", "breakdown"):
            reason = f"with the {name} the iteration ended: {result.status}"
    if reason is not None:
        result = fcg(A, rhs, M=diagonal, memory=memory, **options)
    told = {"kept": name if reason is None else "jacobi", "reason": reason}
    if reason is None:
        told["M"] = type(M).__name__
    return dataclasses.replace(result, params=MappingProxyType({**result.params, **told}))


class _Downhill(_Preconditioner):
    """M with directions that point uphill turned over, so many times: the step along a line has no sign.

    An error for which M has the wrong sign is gone after such a step, and stays away as long as its direction is
    remembered.
    """

    is_linear = False
    is_spd = False

    def __init__(self, M: _Preconditioner, times: int) -> None:
        self._inner, self._left = M, times
        LinearOperator.__init__(self, M.dtype, M.shape)

    def apply(self, r: Array, out: Array) -> Array:
        self._inner.apply(r, out)
        if self._left > 0:
            with np.errstate(all="ignore"):  # in double precision, as in the iteration
                uphill = float(r.astype(np.float64, copy=False) @ out.astype(np.float64, copy=False)) < 0.0
            if uphill:
                np.negative(out, out=out)
                self._left -= 1
        return out


def _gain(M: Any, A: Any, b: Array) -> float:
    """Energy that a step along M b gains, over ``|b|**2``."""
    largest = float(np.abs(b).max(initial=0.0))
    if largest == 0.0:
        return 0.0
    # by a power of two first: squares of b itself may leave the range
    unit = np.ldexp(b, -math.frexp(largest)[1]).astype(np.float64)
    unit /= np.linalg.norm(unit)
    with np.errstate(all="ignore"):
        given = unit.astype(M.dtype)
        z = M.apply(given, np.empty_like(given)).astype(np.float64)
        slope, curvature = float(unit @ z), float(z @ (A @ z))
        gain = slope * (slope / curvature) if slope > 0 and curvature > 0 else math.nan
    return gain
