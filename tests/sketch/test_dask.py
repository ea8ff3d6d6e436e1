"""kriss.interop.dask: the bits of the stream, on every scheduler."""

import doctest

import numpy as np
import pytest
import scipy.sparse as sps

da = pytest.importorskip("dask.array")
dask = pytest.importorskip("dask")

from kriss.interop import dask as ours  # noqa: E402
from kriss.sketch import SketchState, lstsq_stream  # noqa: E402
from kriss.sketch import _state as state_module  # noqa: E402


@pytest.fixture
def small_groups(monkeypatch):
    monkeypatch.setattr(state_module, "group_rows", lambda n: 256)


def problem(m=5000, n=6, k=None):
    rng = np.random.default_rng(3)
    A = rng.standard_normal((m, n)) * np.logspace(0, -5, n)
    shape = (m,) if k is None else (m, k)
    return A, A @ rng.standard_normal((n, *shape[1:])) + rng.standard_normal(shape)


CHUNKS = [(5000, 6), (256, 6), (1000, 4), (777, 1), ((1, 255, 0, 300, 4444), (2, 4))]


@pytest.mark.parametrize("k", [None, 2])
@pytest.mark.parametrize("chunks", CHUNKS)
@pytest.mark.parametrize("scheduler", ["synchronous", "threads"])
def test_same_bits_for_any_chunks(small_groups, chunks, scheduler, k):
    A, b = problem(k=k)
    want = lstsq_stream(A, b, rng=1)
    lazy_b = da.from_array(b, chunks=1234) if scheduler == "threads" else b
    with dask.config.set(scheduler=scheduler):
        got = ours.lstsq(da.from_array(A, chunks=chunks), lazy_b, rng=1, split_every=3)
        state = ours.sketch_state(da.from_array(A, chunks=chunks), lazy_b, rng=1, split_every=2)
    for name in ("x", "s", "coefficient_se", "residues", "backward_error", "passes", "status", "rows"):
        assert np.array_equal(getattr(got, name), getattr(want, name)), name
    once = SketchState(6, k, rng=1).update(A, b)
    assert all(np.array_equal(p, q) for p, q in zip(state.sketched(), once.sketched(), strict=True))
    assert np.array_equal(state.solve().x, once.solve().x)


def test_on_a_cluster(tmp_path):
    """Two processes that know nothing of each other, each with a part of the rows."""
    distributed = pytest.importorskip("distributed")
    A, b = problem(30_000, 5)
    want = lstsq_stream(A, b, rng=1)
    settings = {"distributed.admin.tick.limit": "60s"}
    with (
        dask.config.set({"temporary-directory": str(tmp_path), **settings}),
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
    ):
        got = ours.lstsq(da.from_array(A, chunks=(7000, 3)), da.from_array(b, chunks=9000), rng=1)
        assert np.array_equal(got.x, want.x)
        assert got.status == "certified"
        # It ran over there.
        assert len(client.scheduler_info()["workers"]) == 2


def test_damped_and_sparse_chunks(small_groups):
    A, b = problem()
    A[abs(A) < 0.3 * np.logspace(0, -5, 6)] = 0.0
    want = lstsq_stream(A, b, damp=0.1, rng=1)
    lazy = da.from_array(A, chunks=(900, 6)).map_blocks(sps.csr_array, dtype=np.float64)
    got = ours.lstsq(lazy, b, damp=0.1, rng=1)
    assert np.array_equal(got.x, want.x)


def test_seed_is_drawn_once(small_groups):
    """Without a seed all tasks still use one sketch."""
    A, b = problem()
    assert ours.lstsq(da.from_array(A, chunks=(500, 6)), b).status == "certified"
    one = ours.lstsq(da.from_array(A, chunks=(500, 6)), b, rng=np.random.SeedSequence(4))
    assert np.array_equal(one.x, lstsq_stream(A, b, rng=np.random.SeedSequence(4)).x)


def test_errors(small_groups):
    A, b = problem(500)
    lazy = da.from_array(A, chunks=100)
    with pytest.raises(TypeError, match="a must be a Dask array, not ndarray"):
        ours.lstsq(A, b)
    with pytest.raises(ValueError, match="b has 499 rows, expected 500"):
        ours.lstsq(lazy, b[1:])
    with pytest.raises(ValueError, match="dimensions"):
        ours.lstsq(lazy[:, 0], b)
    with pytest.raises(ValueError, match="compute_chunk_sizes"):
        ours.lstsq(lazy[lazy[:, 0] > 0], b)
    with pytest.raises(ValueError, match="expected rows and columns"):
        ours.lstsq(lazy[:0], b[:0])
    with pytest.raises(ValueError, match="workers must be at least 1"):
        ours.lstsq(lazy, b, workers=0)
    with pytest.raises(ValueError, match="split_every must be at least 2"):
        ours.lstsq(lazy, b, split_every=1)
    A[321, 2] = np.nan
    with pytest.raises(ValueError, match="block contains nan"):
        ours.lstsq(da.from_array(A, chunks=100), b)
    with pytest.raises(TypeError, match="complex"):
        ours.lstsq(lazy + 0j, b)


def test_examples_run():
    done = doctest.testmod(ours)
    assert done.attempted >= 6 and done.failed == 0
