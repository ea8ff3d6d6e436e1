"""A stand-in device for the Python side of the CUDA path: NumPy arrays that claim to be CuPy's, and launchers that read
the pointers they are given and run the kernels of the processor.

What a device computes is tested in tests/gpu; that the launchers themselves do the same is tested under the host
compiler, in cpp/tests.
"""

import ctypes
import sys
import types

import numpy as np
import scipy.linalg

from kriss import _backend, _device


class Array(np.ndarray):
    """A NumPy array with CuPy's way of telling its address, which refuses to meet host arrays."""

    @property
    def __cuda_array_interface__(self):
        return self.__array_interface__

    @property
    def data(self):
        return types.SimpleNamespace(ptr=self.__array_interface__["data"][0])

    def get(self):
        return np.array(self.view(np.ndarray))

    def __array_ufunc__(self, ufunc, method, *inputs, **options):
        for value in inputs:
            if isinstance(value, np.ndarray) and not isinstance(value, Array) and value.ndim:
                raise TypeError("an array on the device met one in host memory")
        out = options.pop("out", None)
        if out is not None:
            options["out"] = tuple(o.view(np.ndarray) for o in out)
        plain = [v.view(np.ndarray) if isinstance(v, Array) else v for v in inputs]
        found = getattr(ufunc, method)(*plain, **options)
        if out is not None:
            return out[0]
        return tuple(map(fake, found)) if isinstance(found, tuple) else fake(found)


def fake(value, dtype=None):
    return np.asarray(value, dtype=dtype).view(Array)


def _wrapped(function):
    def call(*arguments, **options):
        found = function(*arguments, **options)
        if isinstance(found, (tuple, list)):
            return tuple(fake(f) for f in found)
        return fake(found) if isinstance(found, np.ndarray) else found

    return call


class Module:
    """Functions of a NumPy module whose results are on the device."""

    def __init__(self, module):
        self._module = module
        self.asarray = fake

    @property
    def linalg(self):
        return Module(np.linalg)

    def __getattr__(self, name):
        return _wrapped(getattr(self._module, name))


def read(pointer, shape, dtype=np.float64):
    count = int(np.prod(shape))
    if not pointer or not count:
        return np.zeros(shape, dtype)
    kind = {np.float64: ctypes.c_double, np.int64: ctypes.c_int64, np.int32: ctypes.c_int32}[dtype]
    return np.ctypeslib.as_array(ctypes.cast(pointer, ctypes.POINTER(kind)), (count,)).reshape(shape)


def program(nodes, node, leaves, leaf, value, dim, scale, second, table, slots):
    leaf = read(leaf, (leaves, 5), np.int64)
    used = int((leaf[:, 1] + leaf[:, 2]).max(initial=0))
    size = 0
    for start in leaf[leaf[:, 0] == 5, 4]:
        size = max(size, int(start) + 6 + 30 * int(read(table, (int(start) + 3,))[-1]))
    return (
        read(node, (nodes, 3), np.int64), leaf, read(value, (leaves, 2)), read(dim, (used,), np.int64),
        read(scale, (used,)), read(second, (used,)), read(table, (size,)), slots,
    )  # fmt: skip


def terms(count, kind, variance, first, dim, inverse):
    first = read(first, (count + 1,), np.int64)
    used = int(first[-1])
    return (
        read(kind, (count,), np.int32), read(variance, (count,)), first, read(dim, (used,), np.int64),
        read(inverse, (used,)),
    )  # fmt: skip


class Launchers:
    """`kriss._cuda.gp_tree`, replayed; `log` holds the streams."""

    most_nodes, most_leaves, most_slots = 64, 32, 128
    Program = staticmethod(program)
    Sum = staticmethod(terms)

    def __init__(self):
        self.log = []

    def workers(self, nx, nz):
        return min(nx, 512) * min(nz, 256)

    def tiles(self, nx, nz):
        return 1

    def vecchia_workers(self, count):
        return count

    def vecchia_item(self, d, m):
        return (m + 1) * (m + 2) // 2 + (m + 1) * (d + 6)

    def _columns(self, arrays):
        return int(arrays[-5 if len(arrays) == 8 else 3].max(initial=0)) + 1

    def _matrix(self, arrays, xt, nx, zt, nz, same):
        d = self._columns(arrays)
        x, z = read(xt, (d, nx)), read(zt, (d, nz))
        out = np.empty((nx, nz))
        family = _backend.kernels("gp" if len(arrays) == 5 else "gp_tree")
        if same:
            call = family.assemble_symmetric if len(arrays) == 5 else family.symmetric
            call(*arrays, x, np.zeros(0), out, True, 1)
        else:
            (family.assemble_cross if len(arrays) == 5 else family.cross)(*arrays, x, z, out, 1)
        return out

    def assemble(self, arrays, xt, nx, zt, nz, same, diagonal, out, stream):
        self.log.append(stream)
        value = self._matrix(arrays, xt, nx, zt, nz, same)
        if diagonal:
            value += np.diag(read(diagonal, (nx,)))
        read(out, (nx, nz))[...] = value

    def product(self, arrays, xt, nx, zt, nz, same, v, k, out, part, stream):
        self.log.append(stream)
        read(out, (nx, k))[...] = self._matrix(arrays, xt, nx, zt, nz, same) @ read(v, (nz, k))

    def sum_product(self, arrays, xt, nx, zt, nz, v, k, out, part, stream):
        self.product(arrays, xt, nx, zt, nz, False, v, k, out, part, stream)

    def contract(self, arrays, xt, nx, zt, nz, same, how, alpha, w, left, right, k, out, work, stream):
        self.log.append(stream)
        d = self._columns(arrays)
        weights = read(w, (nx, nz)) if how < 3 else read(left, (nx, k)) @ read(right, (nz, k)).T
        x, z = read(xt, (d, nx)), read(zt, (d, nz))
        raw = np.empty(arrays[-1])
        own = read(alpha, (nx if alpha else 0,))
        _backend.kernels("gp_tree").contract(*arrays, x, z, how if how < 3 else 1, own, weights, raw, 1)
        read(out, (arrays[-1],))[...] = raw

    def vecchia_factor(self, arrays, n, count, d, m, xt, zt, noise, own, near, b, v, bad, work, stream):
        self.log.append(stream)
        at = _backend.kernels("gp_structures").vecchia_factor(
            *arrays, read(xt, (d, n)), read(zt, (d, count)), read(noise, (n,)), read(own, (count if own else 0,)),
            read(near, (count, m), np.int64), read(b, (count, m)), read(v, (count,)), 1,
        )  # fmt: skip
        if at >= 0:
            read(bad, (count,), np.int32)[at] = 1

    def vecchia_gradient(self, arrays, parameters, n, d, m, xt, noise, near, y, out, work, stream):
        self.log.append(stream)
        raw = np.zeros(parameters + 1)
        _backend.kernels("gp_structures").vecchia_gradient(
            *arrays, read(xt, (d, n)), read(noise, (n,)), read(near, (n, m), np.int64), read(y, (n,)), raw, 1
        )
        # The launcher leaves the variances out.
        raw[:-1] /= np.repeat(arrays[1], 1 + np.diff(arrays[2]))
        read(out, (parameters + 1,))[...] = raw


def install(monkeypatch, launchers, **families):
    """Puts the stand-in in the place of CuPy and of kriss._cuda."""
    linalg = types.ModuleType("cupyx.scipy.linalg")

    def solve_triangular(a, b, lower, trans=0):
        plain = [v.view(np.ndarray) for v in (a, b)]
        return fake(scipy.linalg.solve_triangular(*plain, trans, lower, check_finite=False))

    linalg.solve_triangular = solve_triangular
    for name in ("cupyx", "cupyx.scipy"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    monkeypatch.setitem(sys.modules, "cupyx.scipy.linalg", linalg)
    families = {"gp_tree": launchers, **families}
    monkeypatch.setattr(_device, "cupy", lambda: Module(np))
    monkeypatch.setattr(_device, "cuda", lambda family: families[family])
    monkeypatch.setattr(_device, "stream", lambda: 42)
