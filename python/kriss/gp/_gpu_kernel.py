"""A covariance function whose arrays lie on a device: matrices, products without them, sums of derivatives."""

from __future__ import annotations

from typing import Any

import numpy as np

from kriss import _device
from kriss.gp._base import Kernel
from kriss.gp._forms import TreeForm, flat_terms

_LIKELIHOOD, _SQUARE, _CROSS, _PANELS = 0, 1, 2, 3
_PANEL = 8  # columns of a product that go together
_ROOM = 8192  # doubles that the last sums of a contraction need
_DIAGONAL = 64  # points whose own covariances are formed together


def _pointer(array: Any) -> int:
    return 0 if array is None else int(array.data.ptr)


def transposed(x: Any) -> Any:
    """Points (n, d) as (d, n), float64."""
    xp = _device.cupy()
    return xp.ascontiguousarray(x.astype(np.float64, copy=False).T)


class DeviceKernel:
    """Launches for one covariance function over points with so many columns; everything is float64.

    Raises
    ------
    NotImplementedError
        If a part of the kernel is Python, or the program is longer than the device kernels keep per thread.
    """

    def __init__(self, kernel: Kernel, columns: int) -> None:
        if not kernel._compiled:
            raise NotImplementedError(f"{kernel!r} has a part in Python, which does not run on a device")
        xp = _device.cupy()
        self.kernel = kernel
        self._run = _device.cuda("gp_tree")
        self._form = TreeForm(kernel, columns)
        program = self._form.program
        sizes = (len(program.nodes), len(program.leaves), program.slots)
        most = (self._run.most_nodes, self._run.most_leaves, self._run.most_slots)
        for what, size, limit in zip(("nodes", "leaves", "raw parameters"), sizes, most, strict=True):
            if size > limit:
                raise NotImplementedError(f"the kernel has {size} {what}, more than the {limit} that a device takes")
        arrays = [xp.asarray(np.ascontiguousarray(a)) for a in program[:7]]
        self._kept = arrays
        node, leaf, *rest = (_pointer(a) for a in arrays)
        self._program = self._run.Program(sizes[0], node, sizes[1], leaf, *rest, sizes[2])
        self._sum: Any = None
        if flat_terms(kernel) is not None:
            flat = [xp.asarray(a) for a in kernel.flat(columns)]
            self._kept += flat
            self._sum = self._run.Sum(len(flat[0]), *(_pointer(a) for a in flat))

    @property
    def sum(self) -> Any:
        """The kernel as a sum of RBF and Matern 1/2, 3/2, 5/2, or None."""
        return self._sum

    def matrix(self, xt: Any, zt: Any, same: bool, diagonal: Any | None = None) -> Any:
        """``k(x_i, z_j)``, plus `diagonal` where i = j."""
        xp = _device.cupy()
        out = xp.empty((xt.shape[1], zt.shape[1]), np.float64)
        self._run.assemble(
            self._program, _pointer(xt), xt.shape[1], _pointer(zt), zt.shape[1], same, _pointer(diagonal),
            _pointer(out), _device.stream(),
        )  # fmt: skip
        return out

    def own(self, x: Any) -> Any:
        """``k(x_i, x_i)`` for points (n, d), white noise included."""
        xp = _device.cupy()
        if self.kernel.stationary:
            return xp.full((x.shape[0],), self.kernel.total_variance)
        out = xp.empty((x.shape[0],), np.float64)
        for start in range(0, x.shape[0], _DIAGONAL):
            here = transposed(x[start : start + _DIAGONAL])
            out[start : start + _DIAGONAL] = self.matrix(here, here, True).diagonal()
        return out

    def product(self, xt: Any, zt: Any, same: bool, v: Any) -> Any:
        """``K(x, z) v`` for v (m, k), in tiles that are never stored."""
        xp = _device.cupy()
        nx, nz = xt.shape[1], zt.shape[1]
        v = xp.ascontiguousarray(v)
        out = xp.empty((nx, v.shape[1]), np.float64)
        part = xp.empty((max(1, self._run.tiles(nx, nz) * nx * _PANEL),), np.float64)
        tail = (_pointer(v), v.shape[1], _pointer(out), _pointer(part), _device.stream())
        if self._sum is not None:
            self._run.sum_product(self._sum, _pointer(xt), nx, _pointer(zt), nz, *tail)
        else:
            self._run.product(self._program, _pointer(xt), nx, _pointer(zt), nz, same, *tail)
        return out

    def _contracted(self, xt: Any, zt: Any, how: int, same: bool, *weights: Any, k: int = 0) -> Any:
        """Sums per slot, gathered into theta: on the device, shape (p,)."""
        xp = _device.cupy()
        nx, nz, slots = xt.shape[1], zt.shape[1], self._form.program.slots
        raw = xp.empty((slots,), np.float64)
        work = xp.empty((self._run.workers(nx, nz) * slots + _ROOM,), np.float64)
        self._run.contract(
            self._program, _pointer(xt), nx, _pointer(zt), nz, same, how, *(_pointer(w) for w in weights), k,
            _pointer(raw), _pointer(work), _device.stream(),
        )  # fmt: skip
        entry, size = self._form._entry, self.kernel.theta.size
        gather = np.zeros((size, slots))
        known = np.flatnonzero(entry >= 0)
        gather[entry[known], known] = 1.0
        return xp.asarray(gather) @ raw

    def likelihood_gradient(self, xt: Any, alpha: Any, inverse: Any) -> Any:
        """Half the sum of ``(alpha alpha' - K^-1)_ij dK_ij`` in theta; the lower triangle of `inverse` is read."""
        return self._contracted(xt, xt, _LIKELIHOOD, True, alpha, inverse, None, None)

    def contract(self, xt: Any, zt: Any | None, w: Any) -> Any:
        """Sum of the weights times the derivatives in theta."""
        w = _device.cupy().ascontiguousarray(w)
        if zt is None:
            return self._contracted(xt, xt, _SQUARE, True, None, w, None, None)
        return self._contracted(xt, zt, _CROSS, False, None, w, None, None)

    def contract_panels(self, xt: Any, left: Any, right: Any) -> Any:
        """The same with weights ``left right'`` over all pairs of one set, which are never stored; panels (n, k)."""
        xp = _device.cupy()
        left, right = xp.ascontiguousarray(left), xp.ascontiguousarray(right)
        return self._contracted(xt, xt, _PANELS, True, None, None, left, right, k=left.shape[1])
