"""Mirror of `scipy.linalg.clarkson_woodruff_transform`."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import scipy.linalg as sla

from kriss import _backend

# SciPy's own, taken before anything can be swapped.
_scipy_transform = sla.clarkson_woodruff_transform


def clarkson_woodruff_transform(*args: Any, **kwargs: Any) -> Any:
    """Compress the rows of a matrix: `scipy.linalg.clarkson_woodruff_transform`, same random numbers, less time.

    Parameters
    ----------
    input_matrix : (..., m, n) array_like or sparse matrix
        Whose rows are to be compressed.
    sketch_size : int
        Rows of the result.
    rng, seed : int, Generator, RandomState or None
        Where the random numbers come from, by SciPy's rules: what is given as ``rng=`` makes or is a Generator; what
        is given as ``seed=`` or by position makes or is a RandomState, or is a Generator; without either it is the
        global one.

    Returns
    -------
    (..., sketch_size, n) ndarray or sparse matrix
        S @ input_matrix, S with one entry ±1 in every column.

    Raises
    ------
    TypeError, ValueError
        As SciPy does.

    See Also
    --------
    kriss.sketch.CountSketch : a sketch that does not depend on how A is cut into blocks.

    Notes
    -----
    Taken over: 2-D float32 and float64 arrays. The random numbers are drawn as SciPy draws them, so the result is the
    same and the generator is left as SciPy leaves it; rows are added in SciPy's order, so it is the same to the last
    bit. m n additions. The rest, sparse matrices above all, goes to SciPy and is logged under ``kriss.dispatch``.

    References
    ----------
    K. L. Clarkson, D. P. Woodruff, *Low rank approximation and regression in input sparsity time*, STOC 2013,
    section 2.

    Examples
    --------
    >>> import numpy as np, scipy.linalg
    >>> from kriss.scipy.linalg import clarkson_woodruff_transform
    >>> A = np.random.default_rng(0).standard_normal((1000, 3))
    >>> ours = clarkson_woodruff_transform(A, 50, rng=1)
    >>> np.array_equal(ours, scipy.linalg.clarkson_woodruff_transform(A, 50, rng=1))
    True
    """
    reason, call = _plan(args, kwargs)
    if call is None:
        _backend.delegate("linalg.clarkson_woodruff_transform", reason)
        return _scipy_transform(*args, **kwargs)
    a, size, rng = call
    m, n = a.shape
    # SciPy's two draws, in its order; the second stands for rng.choice([1, -1], m), which draws such indices.
    draw = rng.integers if isinstance(rng, np.random.Generator) else rng.randint
    place, minus = draw(0, size, m), draw(0, 2, m)
    out = np.zeros((size, n))
    if any(step % a.itemsize for step in a.strides):
        a = np.ascontiguousarray(a)
    _backend.kernels("sketch_transform").scatter_rows(
        a, place.astype(np.int64, copy=False), minus.astype(np.int64, copy=False), out, 0
    )
    return out


clarkson_woodruff_transform.__signature__ = inspect.signature(_scipy_transform)  # type: ignore[attr-defined]


def _plan(
    args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[str, tuple[np.ndarray[Any, Any], int, Any] | None]:  # fmt: skip
    """("", what to do) or (why SciPy must do it, None); draws nothing."""
    given = dict(zip(("input_matrix", "sketch_size", "rng by position"), args, strict=False))
    if len(args) > 3 or set(given) & set(kwargs) or set(kwargs) - {"input_matrix", "sketch_size", "rng", "seed"}:
        return "arguments that do not fit", None
    given |= kwargs
    if len({"rng", "seed", "rng by position"} & set(given)) > 1 or not {"input_matrix", "sketch_size"} <= set(given):
        return "arguments that do not fit", None
    a, size = given["input_matrix"], given["sketch_size"]
    if type(a) is not np.ndarray:
        return f"input of type {type(a).__name__}", None
    if a.dtype not in (np.float32, np.float64) or not a.dtype.isnative or not a.flags.aligned:
        return f"dtype {a.dtype}", None
    if a.ndim != 2 or 0 in a.shape:
        return f"shape {a.shape}", None
    if isinstance(size, bool) or not isinstance(size, (int, np.integer)) or not 1 <= size < 2**31:
        return f"sketch_size={size!r}", None
    rng: Any
    if "rng" in given:
        try:
            rng = np.random.default_rng(given["rng"])
        except Exception:  # whatever it is, SciPy raises it again
            return f"rng={given['rng']!r}", None
    else:
        seed = given.get("seed", given.get("rng by position"))
        if seed is None or seed is np.random:
            rng = np.random.mtrand._rand
        elif isinstance(seed, (int, np.integer)) and not isinstance(seed, bool) and 0 <= seed < 2**32:
            rng = np.random.RandomState(int(seed))
        elif isinstance(seed, (np.random.RandomState, np.random.Generator)):
            rng = seed
        else:
            return f"seed={seed!r}", None
    return "", (a, int(size), rng)
