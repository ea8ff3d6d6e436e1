"""Every solver in one table: bad input gives named errors or statuses at once, and every kind of matrix is solved.

A new solver is taken in by a line of METHODS.
"""

import functools
import os
import signal
import threading
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
import scipy.sparse as sps
from numpy.testing import assert_array_equal
from scipy.sparse.linalg import LinearOperator

from kriss import solve
from kriss._backend import backend
from kriss.solve import SolveResult, cg
from kriss.testing import poisson2d, poisson3d


class Method(NamedTuple):
    """A solver, called as ``call(A, b, **options)``, and what it takes."""

    call: Callable[..., Any]
    spd: bool = True  # asks for a symmetric positive definite A, and tells where it is not
    general: bool = False  # solves systems that are not symmetric
    complex: bool = True
    precond: bool = True  # has M
    flexible: bool = False  # takes an M that is not linear
    operator: bool = True  # takes operators as A
    single: bool = True  # has float32
    columns: int = 0  # b has this many columns; 0 for (n,)
    null: bool = False  # has nullspace
    start: bool = True  # has x0


METHODS: dict[str, Method] = {
    "cg": Method(solve.cg, null=True),
    "cg of 3 columns": Method(solve.cg, columns=3, null=True),
    "cg mixed": Method(functools.partial(solve.cg, mixed=True), complex=False, operator=False, single=False),
    "fcg": Method(solve.fcg, flexible=True, null=True),
    "cg in blocks": Method(functools.partial(solve.cg, block=True), columns=3, complex=False),
    "deflated_cg": Method(solve.deflated_cg),
    "minres": Method(solve.minres, spd=False, null=True),
    "gmres": Method(solve.gmres, spd=False, general=True),
    "fgmres": Method(solve.fgmres, spd=False, general=True, flexible=True),
    "bicgstab": Method(solve.bicgstab, spd=False, general=True),
    "gcrodr": Method(solve.gcrodr, spd=False, general=True, flexible=True),
    "jacobi": Method(solve.jacobi, spd=False, general=True, complex=False, precond=False, operator=False),
    "gauss_seidel": Method(solve.gauss_seidel, spd=False, general=True, complex=False, precond=False, operator=False),
    "sor": Method(
        functools.partial(solve.sor, omega=1.2), spd=False, general=True, complex=False, precond=False, operator=False
    ),
    "ssor": Method(
        functools.partial(solve.ssor, omega=1.2), spd=False, general=True, complex=False, precond=False, operator=False
    ),
}


def having(**wanted: Any) -> list[str]:
    """The names of the methods with these properties."""
    return [name for name, m in METHODS.items() if all(getattr(m, k) == v for k, v in wanted.items())]


N = 7
SIZE = N * N
SEVEN = {(0, 0, 0): 6.0, (0, 0, 1): -1.0, (0, 1, 0): -1.0, (1, 0, 0): -1.0}
STATUSES = {
    "converged", "maxiter", "breakdown", "indefinite_matrix", "indefinite_preconditioner", "non_finite", "stagnated",
    "diverged",
}  # fmt: skip
PLACES = [0, SIZE // 2, -1]

every = pytest.mark.parametrize("name", METHODS)


def rhs(name, rng, n=SIZE):
    columns = METHODS[name].columns
    return rng.standard_normal((n, columns) if columns else n)


def run(name, A, b, **options):
    return METHODS[name].call(A, b, **options)


@every
@pytest.mark.parametrize("shape", [(3, 4), (4, 3), (0, 2)])
def test_not_square(name, shape):
    columns = METHODS[name].columns
    b = np.ones((shape[0], columns) if columns else shape[0])
    with pytest.raises(ValueError, match="A has shape"):
        run(name, sps.csr_array(np.ones(shape)), b)


@every
@pytest.mark.parametrize("bad", [None, "matrix", 3.0, object()])
def test_not_a_matrix(name, bad, rng):
    with pytest.raises((TypeError, ValueError), match="A"):
        run(name, bad, rhs(name, rng))


def raw_csr(data, indices, indptr, shape):
    """A CSR matrix whose arrays SciPy has not checked."""
    A = sps.csr_array(shape)
    A.data, A.indices, A.indptr = np.asarray(data, float), np.asarray(indices, np.int32), np.asarray(indptr, np.int32)
    return A


MALFORMED = {
    "index too large": {"indices": [0, 1, 3]},
    "index negative": {"indices": [0, -1, 2]},
    "index far out": {"indices": [0, 2**31 - 1, 2]},
    "indptr decreases": {"indptr": [0, 2, 1, 3]},
    "indptr starts late": {"indptr": [1, 1, 2, 3]},
    "indptr ends late": {"indptr": [0, 1, 2, 9]},
    "indptr too short": {"indptr": [0, 1, 3]},
    "indptr too long": {"indptr": [0, 1, 2, 3, 3]},
    "indptr negative": {"indptr": [0, -5, 2, 3]},
    "data too short": {"data": [1.0, 1.0]},
    "indices too short": {"indices": [0, 1]},
}


@every
@pytest.mark.parametrize("bad", MALFORMED)
def test_malformed_csr(name, bad):
    parts = {"data": [1.0, 1.0, 1.0], "indices": [0, 1, 2], "indptr": [0, 1, 2, 3]} | MALFORMED[bad]
    columns = METHODS[name].columns
    with pytest.raises(ValueError, match=r"A\.in|A\.data"):
        run(name, raw_csr(**parts, shape=(3, 3)), np.ones((3, columns) if columns else 3))


@every
@pytest.mark.parametrize("kind", ["csc", "coo", "bsr"])
def test_malformed_indices_of_other_formats(name, kind, rng):
    A = poisson2d(6).asformat(kind) if kind != "bsr" else poisson2d(6).tobsr((2, 2))
    if kind == "coo":
        A.coords[0][3] = 50
    else:
        A.indices[3] = 50
    with pytest.raises(ValueError, match=r"A\.in|A holds"):
        run(name, A, rhs(name, rng, 36))


@every
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("where", PLACES)
@pytest.mark.parametrize("which", ["A", "b", "x0"])
def test_nan_and_infinity(name, value, where, which, rng):
    A, b = poisson2d(N), rhs(name, rng)
    x0 = rhs(name, rng)
    {"A": A.data, "b": b, "x0": x0}[which][where] = value
    with pytest.raises(ValueError, match=which):
        run(name, A, b, x0=x0)
    if which == "A" and not METHODS[name].precond:
        return  # a sweep needs a sound diagonal and says so
    r = run(name, A, b, x0=x0, check_finite=False)
    assert r.status == "non_finite" and r.iterations <= 1


@pytest.mark.parametrize("name", having(precond=True))
@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("where", PLACES)
def test_nan_from_a_preconditioner(name, value, where, rng):
    if name == "cg mixed":
        pytest.skip("builds M itself")

    def spoilt(r):
        out = np.array(r, copy=True)
        out[where] = value
        return out

    M = LinearOperator((SIZE, SIZE), matvec=spoilt, dtype=float)
    r = run(name, poisson2d(N), rhs(name, rng), M=M)
    assert r.status == "non_finite" and r.iterations <= 1
    assert np.isfinite(r.x).all()


@pytest.mark.parametrize("name", having(operator=True))
@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("where", PLACES)
def test_nan_from_an_operator(name, value, where, rng):
    A = poisson2d(N)

    def spoilt(x):
        out = A @ x
        out[where] = value
        return out

    r = run(name, LinearOperator(A.shape, matvec=spoilt, matmat=spoilt, dtype=float), rhs(name, rng))
    assert r.status == "non_finite" and r.iterations <= 1


@every
@pytest.mark.parametrize("shape", [(SIZE + 1,), (SIZE - 1,), (), (1, SIZE), (SIZE, 2, 2)])
def test_shape_of_b(name, shape):
    with pytest.raises(ValueError, match="b has shape"):
        run(name, poisson2d(N), np.ones(shape))


@every
def test_shape_of_x0(name, rng):
    with pytest.raises(ValueError, match="x0 has shape"):
        run(name, poisson2d(N), rhs(name, rng), x0=np.ones(SIZE + 1))


@every
@pytest.mark.parametrize(("change", "error", "match"), [
    ({"rtol": -1e-5}, ValueError, "rtol"), ({"rtol": np.nan}, ValueError, "rtol"), ({"rtol": "s"}, TypeError, "rtol"),
    ({"atol": -1.0}, ValueError, "atol"), ({"atol": None}, TypeError, "atol"), ({"maxiter": -1}, ValueError, "maxiter"),
    ({"maxiter": 2.5}, TypeError, "maxiter"), ({"workers": 0}, ValueError, "workers"),
    ({"callback": 3}, TypeError, "callback"),
])  # fmt: skip
def test_bad_options(name, change, error, match, rng):
    with pytest.raises(error, match=match):
        run(name, poisson2d(N), rhs(name, rng), **change)


@pytest.mark.parametrize("name", having(precond=True))
@pytest.mark.parametrize(("M", "error", "match"), [
    ("amg", ValueError, "M must be one of"), (7, TypeError, "M must be"), (sps.eye_array(3), ValueError, "M has shape"),
])  # fmt: skip
def test_bad_preconditioner(name, M, error, match, rng):
    if name == "cg mixed" and not isinstance(M, str):
        error, match = TypeError, "M must be None or a name"
    with pytest.raises(error, match=match):
        run(name, poisson2d(N), rhs(name, rng), M=M)


@every
@pytest.mark.parametrize("row", [0, SIZE // 2, SIZE - 1])
@pytest.mark.parametrize("how", ["zero", "missing"])
def test_zero_or_missing_diagonal(name, row, how, rng):
    coo = poisson2d(N).tocoo()
    on = (coo.coords[0] == row) & (coo.coords[1] == row)
    data = np.where(on, 0.0, coo.data)
    A = sps.coo_array((data, coo.coords), shape=coo.shape).tocsr()
    if how == "missing":
        A.eliminate_zeros()
    names = ("jacobi", "ssor", "ic0", "mic") if METHODS[name].precond else (None,)
    for M in names:
        with pytest.raises(ValueError, match=rf"row {row}\b"):
            run(name, A, rhs(name, rng), **({} if M is None else {"M": M}))


@pytest.mark.parametrize("name", having(spd=True))
@pytest.mark.parametrize("M", [None, "jacobi"])
def test_indefinite_matrix_at_once(name, M, rng):
    r = run(name, sps.csr_array(poisson2d(N) - 3.0 * sps.eye_array(SIZE)), rhs(name, rng), rtol=1e-10, M=M)
    assert r.status == "indefinite_matrix" and r.info == -1
    assert r.iterations < SIZE and np.isfinite(r.x).all()
    negative = run(name, -poisson2d(N), rhs(name, rng))
    assert negative.status == "indefinite_matrix" and negative.iterations == 0


@pytest.mark.parametrize("name", [n for n in having(precond=True) if METHODS[n].spd or n == "minres"])
def test_indefinite_preconditioner_at_once(name, rng):
    if name == "cg mixed":
        pytest.skip("builds M itself")
    r = run(name, poisson2d(N), rhs(name, rng), M=LinearOperator((SIZE, SIZE), matvec=lambda v: -v, dtype=float))
    assert r.status == "indefinite_preconditioner" and r.iterations == 0 and r.info == -1


@pytest.mark.parametrize("name", having(precond=True))
def test_a_preconditioner_that_is_not_linear(name, rng):
    if name == "cg mixed":
        pytest.skip("builds M itself")
    M = LinearOperator((SIZE, SIZE), matvec=lambda v: v, dtype=float)
    M.is_linear = False
    if METHODS[name].flexible:
        assert run(name, poisson2d(N), rhs(name, rng), M=M).converged
    else:
        with pytest.raises(ValueError, match="not linear"):
            run(name, poisson2d(N), rhs(name, rng), M=M)


@pytest.mark.parametrize("name", ["cg", "cg of 3 columns"])
@pytest.mark.parametrize("entry", [1e-3, 1.0])
def test_not_symmetric_found_on_request(name, entry, rng):
    A = poisson2d(N).tolil()
    A[3, 4] += entry
    with pytest.raises(ValueError, match="A is not symmetric"):
        run(name, A.tocsr(), rhs(name, rng), check_symmetric=True)
    assert run(name, poisson2d(N), rhs(name, rng), check_symmetric=True).converged


@pytest.mark.parametrize("name", having(null=True))
def test_singular_consistent_systems(name, rng):
    line = sps.diags_array([-1.0, 2.0, -1.0], offsets=[-1, 0, 1], shape=(N, N)).tolil()
    line[0, 0] = line[-1, -1] = 1.0
    A = sps.csr_array(sps.kron(line, sps.eye_array(N)) + sps.kron(sps.eye_array(N), line))
    b = rhs(name, rng)
    r = run(name, A, b, nullspace="constant", rtol=1e-9)
    assert r.converged
    assert np.abs(r.x.sum(axis=0)).max() <= 1e-8
    assert np.linalg.norm(b - b.mean(axis=0) - A @ r.x) <= 1e-8 * np.linalg.norm(b)
    for bad, match in ((np.ones(3), "nullspace has shape"), (np.zeros(SIZE), "zero"), ("linear", "nullspace")):
        with pytest.raises(ValueError, match=match):
            run(name, A, b, nullspace=bad)


@every
def test_what_a_callback_raises_passes_through(name, rng):
    class MineError(Exception):
        pass

    def fail(x):
        raise MineError("stop")

    with pytest.raises(MineError, match="stop"):
        run(name, poisson2d(N), rhs(name, rng), callback=fail)
    assert run(name, poisson2d(N), rhs(name, rng)).converged


@pytest.mark.parametrize("name", having(operator=True))
def test_what_an_operator_raises_passes_through(name, rng):
    class MineError(Exception):
        pass

    def fail(x):
        raise MineError("stop")

    with pytest.raises(MineError, match="stop"):
        run(name, LinearOperator((SIZE, SIZE), matvec=fail, matmat=fail, dtype=float), rhs(name, rng))
    if METHODS[name].precond:
        with pytest.raises(MineError, match="stop"):
            run(name, poisson2d(N), rhs(name, rng), M=LinearOperator((SIZE, SIZE), matvec=fail, dtype=float))


@every
def test_callback_sees_a_read_only_x_and_the_inputs_stay(name, rng):
    A, b = poisson2d(N), rhs(name, rng)
    x0 = rhs(name, rng)
    inputs = [A.data, A.indices, A.indptr, b, x0]
    before = [v.copy() for v in inputs]
    for v in inputs:
        v.flags.writeable = False

    def spoil(x):
        x[0] = 1.0

    with pytest.raises(ValueError, match="read-only"):
        run(name, A, b, x0=x0, callback=spoil)
    assert run(name, A, b, x0=x0).x.flags.writeable
    for v, old in zip(inputs, before, strict=True):
        assert_array_equal(v, old)


@every
def test_maxiter_and_the_fields_of_a_result(name, rng):
    A, b = poisson2d(20), rhs(name, rng, 400)
    r = run(name, A, b, rtol=1e-12, maxiter=2, residuals=True)
    assert isinstance(r, SolveResult)
    assert r.status == "maxiter" and r.iterations == 2 and r.info == 2 and not r.converged
    assert np.isclose(r.residual_norm, np.linalg.norm(b - A @ r.x, axis=0).max(), rtol=1e-10)
    assert r.residuals.shape[0] >= 2 and r.matvecs >= 2
    assert r.setup_time >= 0 and r.solve_time > 0 and r.backend == backend()
    assert {"rtol", "atol", "maxiter", "dtype"} <= set(r.params)
    x, info = r
    assert x is r.x and info == 2
    full = run(name, A, b, rtol=1e-8)
    assert full.converged and full.status in STATUSES and full.info == 0
    assert (np.linalg.norm(b - A @ full.x, axis=0) <= 1e-8 * np.linalg.norm(b, axis=0)).all()
    none = run(name, A, b, maxiter=0)
    assert none.status == "maxiter" and none.iterations == 0 and not none.x.any()


@every
def test_a_right_hand_side_of_zeros(name, rng):
    b = np.zeros_like(rhs(name, rng))
    if not METHODS[name].precond:  # a stationary iteration shows its rate there
        r = run(name, poisson2d(N), b, x0=rhs(name, rng), atol=1e-9)
        assert r.converged and np.abs(r.x).max() <= 1e-8
        return
    r = run(name, poisson2d(N), b, x0=rhs(name, rng))
    assert r.converged and r.iterations == 0 and not r.x.any() and r.residual_norm == 0


@every
@pytest.mark.parametrize(("a", "b"), [(-996, 0), (0, -664), (498, -498), (-664, -664), (0, 664)])
def test_data_far_from_one(name, a, b, rng):
    a, b = 2.0**a, 2.0**b
    A, v = poisson2d(N), rhs(name, rng)
    plain = run(name, A, v, rtol=1e-8)
    r = run(name, A * a, v * b, rtol=1e-8)
    assert r.converged and r.iterations == plain.iterations
    assert_array_equal(r.x * (a / b), plain.x)
    assert r.residual_norm / b == plain.residual_norm


@every
@pytest.mark.parametrize("n", [0, 1, 2, 3])
def test_tiny_systems(name, n, rng):
    columns = METHODS[name].columns
    A = sps.csr_array(sps.diags_array(np.arange(2.0, n + 2))) if n else sps.csr_array((0, 0))
    r = run(name, A, np.ones((n, columns) if columns else n), rtol=1e-10)
    assert r.converged and r.x.shape == ((n, columns) if columns else (n,))


@every
@pytest.mark.parametrize("workers", [2, 4])
def test_same_bits_for_any_number_of_workers(name, workers, rng):
    A = poisson2d(150)
    b = rhs(name, rng, A.shape[0])
    one = run(name, A, b, rtol=0.0, maxiter=6, workers=1)
    more = run(name, A, b, rtol=0.0, maxiter=6, workers=workers)
    assert_array_equal(one.x, more.x)
    assert one.residual_norm == more.residual_norm


@every
def test_ctrl_c_within_half_a_second(name, rng):
    A = poisson2d(300)
    b = rhs(name, rng, A.shape[0])
    run(name, A, b, maxiter=2)  # compiled by now, on Numba
    sent = []

    def interrupt():
        sent.append(time.perf_counter())
        os.kill(os.getpid(), signal.SIGINT)

    def forever():
        while True:
            run(name, A, b, rtol=0.0, maxiter=10**9)

    timer = threading.Timer(0.15, interrupt)
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        forever()
    assert time.perf_counter() - sent[0] < 0.5
    timer.join()


@functools.cache
def wide_rows(n=3000, half=150):
    """Long rows: their factors take long from one row to the next."""
    offsets = np.arange(-half, half + 1)
    data = np.where(offsets == 0, 2.0 * half + 2, -1.0)
    return sps.diags_array(data[:, None] * np.ones((1, n)), offsets=offsets, shape=(n, n)).tocsr()


SETUPS = {
    "SSOR": lambda: solve.SSOR(poisson3d(40)),
    "MIC": lambda: solve.MIC(poisson3d(40)),
    "IC0 of long rows": lambda: solve.IC0(wide_rows()),
    "ILU0 of long rows": lambda: solve.ILU0(wide_rows()),
    "Black-Box multigrid": lambda: solve.black_box_mg(poisson3d(40), (40, 40, 40)),
    "two-level": lambda: solve.AdditiveTwoLevel(poisson3d(30), 300),
    "stencil": lambda: solve.StencilOperator((60, 60, 60), SEVEN, symmetric=True).mic(),
}


@pytest.mark.skipif(backend() != "compiled", reason="Numba's kernels end before Ctrl-C is looked for")
@pytest.mark.parametrize("name", SETUPS)
def test_ctrl_c_in_a_setup(name):
    wide_rows()
    sent = []

    def interrupt():
        sent.append(time.perf_counter())
        os.kill(os.getpid(), signal.SIGINT)

    def forever():
        while True:
            SETUPS[name]()

    timer = threading.Timer(0.15, interrupt)
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        forever()
    assert time.perf_counter() - sent[0] < 0.5
    timer.join()


@pytest.mark.parametrize("M", [None, "jacobi", "ssor", "ic0", "mic"])
@pytest.mark.parametrize("columns", [0, 3])
def test_mixed_precision_with_every_name(M, columns, rng):
    A = poisson2d(30)
    b = rng.standard_normal((900, columns) if columns else 900)
    r = cg(A, b, rtol=1e-12, mixed=True, M=M)
    assert r.converged and r.x.dtype == np.float64
    assert (np.linalg.norm(b - A @ r.x, axis=0) <= 1e-12 * np.linalg.norm(b, axis=0)).all()
    assert r.params["corrections"] >= 2
    if M in ("ssor", "ic0", "mic"):
        assert r.params["form"] == "eisenstat"
    for j in range(columns):
        assert_array_equal(r.x[:, j], cg(A, b[:, j], rtol=1e-12, mixed=True, M=M).x)


def test_unsymmetric_found_only_on_request(rng):
    A = poisson2d(N).tolil()
    A[3, 4] += 1.0
    assert isinstance(cg(A.tocsr(), rng.standard_normal(SIZE)), SolveResult)


# every kind of matrix

TYPES = {"float32": np.float32, "float64": np.float64, "complex64": np.complex64, "complex128": np.complex128}
STORAGE = ["csr", "csc", "coo", "bsr", "unsorted", "duplicates"]


def system_of(dtype, general, rng, n=24):
    """Diagonally dominant with blocks of 2, positive definite unless `general`; also dense."""
    D = sps.kron(sps.random_array((n // 2, n // 2), density=0.2, rng=rng), np.ones((2, 2))).toarray()
    D = D * rng.standard_normal((n, n))
    if np.dtype(dtype).kind == "c":
        D = D * np.exp(1j * rng.uniform(0, 6, (n, n)))
    if not general:
        D = D + D.conj().T
    D = D + np.diag(np.abs(D).sum(axis=1) + np.abs(D).sum(axis=0) + 1.0)
    return D.astype(dtype)


def stored(D, storage, itype, rng):
    A = sps.csr_array(D)
    if storage in ("unsorted", "duplicates"):
        coo = A.tocoo()
        copies = 2 if storage == "duplicates" else 1
        rows, columns = np.tile(coo.coords[0], copies), np.tile(coo.coords[1], copies)
        order = np.lexsort((rng.permutation(rows.size), rows))
        data = (np.tile(coo.data, copies) / copies)[order].astype(D.dtype)
        indptr = np.searchsorted(rows[order], np.arange(D.shape[0] + 1))
        A = sps.csr_array((data, columns[order], indptr), shape=D.shape)
        assert not A.has_canonical_format
    elif storage == "bsr":
        A = A.tobsr((2, 2))
    else:
        A = A.asformat(storage)
    if storage == "coo":
        A.coords = tuple(c.astype(itype) for c in A.coords)
    else:
        A.indices, A.indptr = A.indices.astype(itype), A.indptr.astype(itype)
    return A


@every
@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("itype", [np.int32, np.int64])
@pytest.mark.parametrize("storage", STORAGE)
def test_every_kind_of_matrix_against_a_dense_solve(name, kind, itype, storage, rng):
    m, dtype = METHODS[name], TYPES[kind]
    if kind.startswith("complex") and not m.complex:
        with pytest.raises((TypeError, ValueError)):
            run(name, sps.csr_array(system_of(dtype, False, rng)), rhs(name, rng, 24))
        return
    D = system_of(dtype, m.general, rng)
    x = rng.standard_normal(rhs(name, rng, 24).shape)
    if kind.startswith("complex"):
        x = x + 1j * rng.standard_normal(x.shape)
    b = (D @ x).astype(dtype)
    if kind == "float32" and not m.single:
        b = b.astype(np.float64)
    low = kind in ("float32", "complex64")
    r = run(name, stored(D, storage, itype, rng), b, rtol=1e-5 if low else 1e-11)
    assert r.converged and r.x.dtype == b.dtype
    exact = np.linalg.solve(D.astype(np.result_type(D, float)), b)
    assert np.abs(r.x - exact).max() <= (1e-3 if low else 1e-9) * np.abs(exact).max()
    if m.precond:
        better = run(name, stored(D, storage, itype, rng), b, rtol=1e-5 if low else 1e-11, M="jacobi")
        assert better.converged and better.iterations <= r.iterations + 3
