"""A stand-in for CuPy, cupyx.scipy.sparse and the launchers, all on NumPy.

It checks the Python around the launches: statuses, restarts, schedules, arguments. The kernels themselves are replayed
by cpp/tests/test_solve_device*.cpp, and run on a device by tests/gpu/test_solve.py.
"""

import ctypes
import functools
import math
import sys
import types

import numpy as np
import pytest
import scipy.sparse as sps

from kriss import _device
from kriss._backend import kernels
from kriss.solve.learned import _direction_network as network
from kriss.solve.learned import _graph_network as graph


class Array(np.ndarray):
    """A NumPy array that answers like CuPy's; functions of NumPy itself refuse it."""

    @property
    def data(self):
        return types.SimpleNamespace(ptr=self.__array_interface__["data"][0])

    @property
    def __cuda_array_interface__(self):
        return self.__array_interface__

    def get(self):
        return np.array(self.view(np.ndarray))

    def __array_function__(self, function, kinds, args, kwargs):
        raise TypeError(f"{function.__name__} of NumPy called on a device array")


def on_device(value):
    return np.array(value).view(Array) if isinstance(value, np.ndarray) else np.asarray(value).view(Array)


def plain(value):
    return value.view(np.ndarray) if isinstance(value, Array) else value


class Namespace:
    """Functions of a NumPy module on stand-in arrays."""

    def __init__(self, module):
        self._module = module

    def __getattr__(self, name):
        found = getattr(self._module, name)
        if isinstance(found, (type, float)):
            return found
        if isinstance(found, types.ModuleType):
            return Namespace(found)

        def call(*args, **kwargs):
            out = found(*map(plain, args), **{k: plain(v) for k, v in kwargs.items()})
            return out.view(Array) if isinstance(out, np.ndarray) else on_device(out)

        return call

    def asarray(self, value, dtype=None):
        return value if isinstance(value, Array) else np.array(value, dtype).view(Array)

    def array(self, value, dtype=None, order="K"):
        return np.array(plain(value), dtype, order=order).view(Array)

    def dot(self, a, b, out):
        out[...] = plain(a) @ plain(b)


class Csr:
    """A cupyx CSR matrix."""

    format, ndim = "csr", 2

    def __init__(self, source, shape=None):
        if isinstance(source, tuple):
            source = tuple(map(plain, source))
            if not all(isinstance(v, np.ndarray) for v in source):
                raise ValueError("data, indices, and indptr must be 1-D cupy arrays")
        host = sps.csr_matrix(source, shape=shape)
        self.shape, self.dtype, self.nnz = host.shape, host.dtype, host.nnz
        self.data, self.indices, self.indptr = map(on_device, (host.data, host.indices, host.indptr))

    @property
    def host(self):
        return sps.csr_matrix((plain(self.data), plain(self.indices), plain(self.indptr)), shape=self.shape)

    @property
    def has_canonical_format(self):
        return self.host.has_canonical_format

    def sum_duplicates(self):
        host = self.host
        host.sum_duplicates()
        self.__init__(host)

    def copy(self):
        return Csr(self.host.copy())

    def astype(self, dtype, copy=True):
        return self if not copy and self.dtype == dtype else Csr(self.host.astype(dtype))

    def diagonal(self):
        self.sum_duplicates()  # as CuPy does: it must not happen to a caller's matrix
        return on_device(self.host.diagonal())

    def toarray(self):
        return on_device(self.host.toarray())

    def tocsr(self):
        return Csr(self.host)

    @property
    def T(self):
        return Csr(self.host.T.tocsr())

    def __add__(self, other):
        return Csr(self.host + other.host)

    def __sub__(self, other):
        return Csr(self.host - other.host)

    def __neg__(self):
        return Csr(-self.host)

    def __abs__(self):
        return Csr(abs(self.host))

    def __matmul__(self, other):
        return on_device(self.host @ plain(other))


Csr.__module__ = "cupyx.scipy.sparse._csr"


def at(address, shape, dtype):
    """The array behind a pointer."""
    size = int(np.prod(shape))
    if not address:
        return None
    if not size:
        return np.zeros(shape, dtype)
    room = (ctypes.c_char * (size * np.dtype(dtype).itemsize)).from_address(address)
    return np.frombuffer(room, dtype).reshape(shape)


class Launchers:
    """cuda/solve_*.cu in NumPy: the same names, arguments and order of them."""

    CG_STATE_SIZE, MAX_PANEL = 8, 8

    def __init__(self):
        self.calls = []

    def __getattr__(self, name):
        stem, _, suffix = name.rpartition("_")
        if suffix not in ("f32", "f64") or not hasattr(type(self), "on_" + stem):
            raise AttributeError(name)
        dtype = np.float32 if suffix == "f32" else np.float64
        function = getattr(self, "on_" + stem)

        def launch(*args):
            assert all(type(a) in (int, float, bool) for a in args), args
            self.calls.append(stem)
            with np.errstate(all="ignore"):
                function(*args, dtype=dtype)

        return launch

    @staticmethod
    def cg_partials(n, k):
        return k

    def on_cg_residual(self, n, k, inverse, b, q, r, part, out, stream, *, dtype):
        d, b, q, r = at(inverse, n, dtype), at(b, (n, k), dtype), at(q, (n, k), dtype), at(r, (n, k), dtype)
        r[:] = b if q is None else b - q
        w = r.astype(float)
        sums = at(out, (2, k), float)
        sums[0] = (w * w).sum(axis=0)
        sums[1] = (w * w * (1.0 if d is None else d.astype(float)[:, None])).sum(axis=0)

    def on_cg_direction(self, n, k, inverse, z, state, p, stream, *, dtype):
        s, d, z, p = at(state, (k, 8), float), at(inverse, n, dtype), at(z, (n, k), dtype), at(p, (n, k), dtype)
        for c in np.flatnonzero(s[:, 5] < 0):
            p[:, c] = (z[:, c] if d is None else d * z[:, c]) + dtype(s[c, 3]) * p[:, c]

    def on_cg_step(self, n, k, p, q, part, state, stream, *, dtype):
        s, p, q = at(state, (k, 8), float), at(p, (n, k), dtype), at(q, (n, k), dtype)
        for c in np.flatnonzero(s[:, 5] < 0):
            pq = float(p[:, c].astype(float) @ q[:, c].astype(float))
            if not math.isfinite(pq):
                s[c, 5] = 6
            elif not pq > 0:
                s[c, 5] = 4
            else:
                s[c, 2] = s[c, 0] / pq

    def on_cg_update(self, n, k, inverse, p, q, x, r, part, state, history, length, own, stream, *, dtype):
        s, d, ring = at(state, (k, 8), float), at(inverse, n, dtype), at(history, (length, k), float)
        p, q, x, r = (at(v, (n, k), dtype) for v in (p, q, x, r))
        for c in np.flatnonzero(s[:, 5] < 0):
            x[:, c] += dtype(s[c, 2]) * p[:, c]
            r[:, c] -= dtype(s[c, 2]) * q[:, c]
            w = r[:, c].astype(float)
            rr = float(w @ w)
            ring[int(s[c, 6]) % length, c] = math.sqrt(rr) if rr >= 0 else rr
            s[c, 6] += 1
            s[c, 1] = rr
            if not math.isfinite(rr):
                s[c, 5] = 6
            elif math.sqrt(rr) <= s[c, 4]:
                s[c, 5] = 0
            elif s[c, 6] >= s[c, 7]:
                s[c, 5] = 2
            elif own:
                self.take_rho(s[c], rr if d is None else float(w @ (d * w)))

    def on_cg_rho(self, n, k, r, z, part, state, stream, *, dtype):
        s, r, z = at(state, (k, 8), float), at(r, (n, k), dtype), at(z, (n, k), dtype)
        for c in np.flatnonzero(s[:, 5] < 0):
            self.take_rho(s[c], float(r[:, c].astype(float) @ z[:, c].astype(float)))

    @staticmethod
    def take_rho(s, rho):
        if not math.isfinite(rho):
            s[5] = 6
        elif not rho > 0:
            s[5] = 5
        else:
            s[3], s[0] = rho / s[0], rho

    @staticmethod
    def csr(rows, indptr, indices, data, dtype, columns=None):
        indptr = at(indptr, rows + 1, np.int32)
        nnz = int(indptr[-1])
        indices, data = at(indices, nnz, np.int32), at(data, nnz, dtype)
        if nnz == 0:
            indices, data = np.zeros(0, np.int32), np.zeros(0, dtype)
        wide = columns or max(rows, int(indices.max(initial=0)) + 1)
        return sps.csr_matrix((data, indices, indptr), shape=(rows, wide))

    def on_csr_product(self, rows, k, indptr, indices, data, kind, x, b, y, stream, *, dtype):
        a = self.csr(rows, indptr, indices, data, dtype, None)
        wide = int(a.indices.max(initial=-1)) + 1
        a = sps.csr_matrix((a.data, a.indices, a.indptr), shape=(rows, wide))
        s = a @ (at(x, (wide, k), dtype) if wide else np.zeros((0, k), dtype))
        out = at(y, (rows, k), dtype)
        out[:] = s if kind == 0 else at(b, (rows, k), dtype) + (-s if kind == 1 else s)

    def on_jacobi_sweep(self, rows, k, indptr, indices, data, inverse, omega, b, x, y, stream, *, dtype):
        a, d = self.csr(rows, indptr, indices, data, dtype), at(inverse, rows, dtype)[:, None]
        b, x, y = (at(v, (rows, k), dtype) for v in (b, x, y))
        y[:] = dtype(omega) * (d * b) if x is None else x + dtype(omega) * (d * (b - a @ x))

    def on_group_sweep(
        self, rows, k, indptr, indices, data, groups, starts, order, backward, inverse, omega, b, x, stream, *, dtype
    ):
        a, d = self.csr(rows, indptr, indices, data, dtype), at(inverse, rows, dtype)[:, None]
        b, x = at(b, (rows, k), dtype), at(x, (rows, k), dtype)
        starts, order = at(starts, groups + 1, np.int64), at(order, rows, np.int32)
        assert sorted(order) == list(range(rows)) and starts[0] == 0 and starts[-1] == rows
        for g in range(groups)[:: -1 if backward else 1]:
            mine = order[starts[g] : starts[g + 1]]
            x[mine] += dtype(omega) * (d[mine] * (b[mine] - a[mine] @ x))

    def on_triangle_levels_solve(
        self, rows, k, indptr, indices, data, order, inverse, diagonal, lower, levels, starts, on_device, r, z, stream,
        *, dtype,
    ):  # fmt: skip
        a, order = self.csr(rows, indptr, indices, data, dtype), at(order, rows, np.int32)
        d, f = at(inverse, rows, dtype), at(diagonal, rows, dtype)
        starts = at(starts, levels + 1, np.int64)
        assert (starts == at(on_device, levels + 1, np.int64)).all() and starts[-1] == rows
        r, z = at(r, (rows, k), dtype), at(z, (rows, k), dtype)
        rhs = r * (1 if f is None else f[:, None])
        z[:] = np.nan  # rows that are read before their level must show
        for level in range(levels):
            stored = slice(starts[level], starts[level + 1])
            mine = order[stored]
            part = a[stored]
            known = np.where(np.isnan(z), 0, z)
            assert not np.isnan(z[part.indices]).any() or np.isnan(r).any()
            z[mine] = (rhs[mine] - part @ known) * (1 if d is None else d[mine, None])

    def on_chebyshev_iterate(
        self, rows, k, indptr, indices, data, inverse, low, high, degree, zero, r, z, other, stream, *, dtype
    ):
        a, d = self.csr(rows, indptr, indices, data, dtype), at(inverse, rows, dtype)[:, None]
        r, z = at(r, (rows, k), dtype), at(z, (rows, k), dtype)
        at(other, (rows, k), dtype)[:] = np.nan
        x = np.zeros_like(z) if zero else z.copy()
        theta, delta = (high + low) / 2, (high - low) / 2
        rho = delta / theta
        step = d * (r - a @ x) / theta
        x = x + step
        for _ in range(degree):
            now = 1 / (2 * theta / delta - rho)
            step = now * rho * step + 2 * now / delta * (d * (r - a @ x))
            x, rho = x + step, now
        z[:] = x

    @staticmethod
    def direction_partials(n):
        return 1

    def on_direction_network(
        self, n, k, steps, count, weights, sizes, levels, flat, fields, cells, r, out, scale, room, part, scalars,
        stream, *, dtype,
    ):  # fmt: skip
        steps, sizes = at(steps, (count, 11), np.int64).copy(), at(sizes, (levels, 3), np.int64).copy()
        images = np.array([network.image(size, flat) for size in sizes])
        kind, level, inputs, outputs = steps[:, :4].T
        numbers = np.where(kind == 0, inputs * outputs * (9 if flat else 27), inputs)
        ends = (steps[:, 7] + numbers, steps[:, 8] + outputs, steps[:, 9] + 2 * outputs)
        weights = at(weights, max(int(e.max()) for e in ends), np.float32)
        used = max(
            int((steps[:, 10] + outputs * images[level]).max()), int((steps[:, 5] + inputs * images[level]).max())
        )
        fields, cells = at(fields, 3 * int(images.sum()), np.float32), at(cells, n, np.int64)
        r, z, room = at(r, (n, k), dtype), at(out, (n, k), dtype), at(room, used, np.float32).copy()
        run = kernels(network.FAMILY).run
        for c in range(k):
            answer = np.empty(n)
            args = (steps, weights.copy(), sizes, flat, fields.copy(), cells.copy(), r[:, c].astype(float), answer)
            run(*args, scale, room, 1)
            z[:, c] = answer

    def graph_network(
        self, n, m, indptr, row, column, starts, places, lost, with_, weight, fn, nodes, fe, edges, net, rounds, room,
        node, edge, stream,
    ):  # fmt: skip
        self.calls.append("graph_network")
        offsets = [at(v, n + 1, np.int32) for v in (indptr, starts, lost)]
        row, column, places = (at(v, m, np.int32) for v in (row, column, places))
        many = int(offsets[2][-1])
        with_, weight = at(with_, many, np.int32), at(weight, many, np.float32)
        fn, fe = at(fn, (n, nodes), np.float32), at(fe, (m, edges), np.float32)
        size = (nodes + edges + 2) * 16 + rounds * (10 * 256 + 64) + 34
        net, node, edge = at(net, size, np.float32), at(node, n, np.float32), at(edge, m, np.float32)
        at(room, (3 * n + m) * 16, np.float32)[:] = np.nan
        kernels(graph.FAMILY).network(
            offsets[0], row, column, offsets[1], places, offsets[2], with_, weight, fn, fe, net, rounds, node, edge, 1
        )

    def grid_convolve(self, n0, n1, in_, inputs, w, b, rectify, out, stream):
        self.calls.append("grid_convolve")
        image, w, b = (
            at(in_, (n0 + 2, n1 + 2, inputs), np.float32),
            at(w, (3, 3, inputs, 16), np.float32),
            at(b, 16, np.float32),
        )
        kernels(graph.FAMILY).convolve(image, w, b, rectify, at(out, (n0 + 2, n1 + 2, 16), np.float32), 1)

    def color_rows_round(self, n, indptr, indices, by_hash, before, after, part, left, stream):
        indptr = at(indptr, n + 1, np.int32)
        indices = at(indices, int(indptr[-1]), np.int32)
        before, after = at(before, n, np.int32), at(after, n, np.int32)
        for i in range(n):
            near = indices[indptr[i] : indptr[i + 1]] if indptr[-1] else np.zeros(0, np.int32)
            near = near[near != i]
            first = near < i if not by_hash else (near * 7919) % 104729 < (i * 7919) % 104729
            after[i] = before[i]
            if before[i] < 0 and not (before[near[first]] < 0).any():
                after[i] = next(c for c in range(n) if c not in before[near])
        at(left, 1, float)[0] = (after < 0).sum()
        self.calls.append("color_rows_round")


def mesh(m):
    """A graph Laplacian with triangles and unequal weights, plus a little of the identity."""
    rng = np.random.default_rng(m)
    cells = np.arange(m * m).reshape(m, m)
    pairs = np.concatenate([
        np.stack([cells[:, 1:].ravel(), cells[:, :-1].ravel()]), np.stack([cells[1:].ravel(), cells[:-1].ravel()]),
        np.stack([cells[1:, 1:].ravel(), cells[:-1, :-1].ravel()]),
    ], axis=1)  # fmt: skip
    weights = rng.uniform(0.5, 2.0, pairs.shape[1])
    half = sps.coo_matrix((-weights, pairs), shape=(m * m, m * m))
    full = (half + half.T).tocsr()
    return (full + sps.diags(0.05 - np.asarray(full.sum(axis=1)).ravel())).tocsr()


@pytest.fixture
def device(monkeypatch):
    """Everything above in the place of CuPy; gives the launchers."""
    launchers = Launchers()
    sparse = types.SimpleNamespace(csr_matrix=Csr)
    monkeypatch.setattr(_device, "cupy", functools.cache(lambda: Namespace(np)))
    monkeypatch.setattr(_device, "cupyx_sparse", lambda: sparse)
    monkeypatch.setattr(_device, "cuda", lambda family: launchers)
    monkeypatch.setattr(_device, "stream", lambda: 0)
    monkeypatch.setitem(sys.modules, "cupyx.cusparse", None)
    return launchers
