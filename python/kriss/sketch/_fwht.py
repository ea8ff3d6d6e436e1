"""The Walsh-Hadamard transform."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from kriss import _backend, _device, _validate
from kriss._validate import FloatArray
from kriss.sketch import _gpu
from kriss.sketch._operator import target
from kriss.sketch._sparse_sign import dense_array


def fwht(
    x: object,
    axis: int = 0,
    *,
    orthonormal: bool = False,
    out: FloatArray | None = None,
    workers: int | None = None,
    check_finite: bool = True,
) -> FloatArray:
    """Walsh-Hadamard transform along one axis, in the natural order.

    Parameters
    ----------
    x : array_like
        Real, of any dimension and any strides. float32 stays float32, everything else becomes float64. A CuPy array
        of float32 or float64 gives a CuPy array.
    axis : int
        The axis to transform; its length must be a power of two.
    orthonormal : bool
        Divide by the square root of the length, which makes the transform its own inverse. Otherwise applying it twice
        multiplies by the length.
    out : ndarray, optional
        Where the result goes: an array of the result's shape and dtype, C-contiguous and apart from `x`; or `x`
        itself, which is then transformed where it is, whatever its strides (on a GPU only if it is C-contiguous).
    workers : int, optional
        Threads; changes no bit of the result.
    check_finite : bool
        Refuse NaN and infinity in `x`, and overflow.

    Returns
    -------
    ndarray, shape of x
        ``y[i] = sum((-1) ** popcount(i & j) * x[j] for j)`` along `axis`; `out` if it was given.

    Raises
    ------
    TypeError
        If `x` is not real, or `out` has the wrong type.
    ValueError
        If the length along `axis` is not a power of two, `axis` is out of range, `x` holds NaN or infinity, or `out`
        does not fit.
    OverflowError
        If `x` is finite but its transform is not. An `x` transformed in place is lost then.

    Notes
    -----
    ``n log2(n)`` additions for each line of n numbers. Three levels share a pass over memory while n exceeds 4096, and
    the rest of them is done in the cache; 16 bytes per number and pass in float64. Works beside `x` with at most 256
    KiB per thread. The result is the same bits for any strides, number of workers and on both backends.

    References
    ----------
    B. J. Fino, V. R. Algazi, *Unified matrix treatment of the fast Walsh-Hadamard transform*, IEEE Trans. Comput. C-25
    (1976), section II.

    Examples
    --------
    >>> from kriss.sketch import fwht
    >>> fwht([1, 0, 0, 2]).tolist()
    [3.0, -1.0, -1.0, 3.0]
    >>> fwht(fwht([1.0, 2.0, 3.0, 4.0], orthonormal=True), orthonormal=True).tolist()
    [1.0, 2.0, 3.0, 4.0]
    """
    threads = _validate.workers(workers)
    if _device.any_device(x=x, out=out):
        axis = _validate.integer(axis, "axis")
        on_device: FloatArray = _gpu.fwht(x, axis, orthonormal, out, check_finite)
        return on_device
    raw = dense_array(x, "x")
    dtype = _validate.real_dtype(raw.dtype, "x")
    if raw.ndim == 0:
        raise ValueError("x has shape (), expected at least one axis")
    axis = _validate.integer(axis, "axis", low=-raw.ndim, high=raw.ndim - 1) % raw.ndim
    n = raw.shape[axis]
    if n < 1 or n & (n - 1):
        raise ValueError(f"x has length {n} along axis {axis}, expected a power of two")
    if check_finite:
        _validate.check_finite(raw, "x")
    if out is x and isinstance(out, np.ndarray):
        if out.dtype != dtype or not (out.flags.writeable and out.flags.aligned):
            raise ValueError("x cannot be transformed in place: expected a writeable, aligned float32 or float64 array")
        if any(step % out.itemsize for step in out.strides):
            raise ValueError("x cannot be transformed in place: its strides are no multiples of the item size")
        if any(step == 0 and size > 1 for step, size in zip(out.strides, out.shape, strict=True)):
            raise ValueError("x cannot be transformed in place: its elements share memory (a stride is zero)")
        result: FloatArray = out
    else:
        result = target(out, raw.shape, dtype, raw)
        np.copyto(result, raw)
    scale = 1.0 / math.sqrt(n) if orthonormal else 1.0
    run = _backend.kernels("sketch_transform")
    if result.size:
        for lines in _batches(result, axis):
            run.fwht(lines, scale, threads)
    if check_finite and not np.isfinite(result).all():
        raise OverflowError("the transform of x overflows: scale x down")
    return result


def _batches(x: FloatArray, axis: int) -> Iterator[FloatArray]:
    """Views of shape (outer, n, inner) that cover x, n along the axis; one, unless x is no plain array of many axes."""
    n = x.shape[axis]
    if x.flags.c_contiguous:
        yield x.reshape(math.prod(x.shape[:axis]), n, math.prod(x.shape[axis + 1 :]))
        return
    # The axis of the smallest step runs innermost.
    others = sorted((k for k in range(x.ndim) if k != axis), key=lambda k: -abs(x.strides[k]))
    moved = x.transpose(*others[:-1], axis, *others[-1:])
    if not others:
        moved = moved[:, None]
    while moved.ndim < 3:
        moved = moved[None]
    for where in np.ndindex(moved.shape[:-3]):
        yield moved[where]
