"""kriss.interop.dask.solve_sequence: the bits of the one process, on threads and on a cluster."""

import doctest
import os
import sys
from pathlib import Path

import numpy as np
import pytest

dask = pytest.importorskip("dask")

from kriss.interop import _dask_sequence as ours  # noqa: E402
from kriss.solve import solve_sequence  # noqa: E402

sys.path.insert(0, str(Path(__file__).parent))
from sequence_parts import Assembled, Learner  # noqa: E402


def test_same_bits_and_a_bar(capsys):
    systems = [Assembled(k) for k in range(8)]
    want = solve_sequence(systems, "deflated_cg", pieces=3, rtol=1e-9)
    for scheduler in ("synchronous", "threads"):
        with dask.config.set(scheduler=scheduler):
            got = ours.solve_sequence(systems, "deflated_cg", pieces=3, rtol=1e-9, progress=True)
        assert "8/8" in capsys.readouterr().err
        assert all(np.array_equal(a.x, b.x) for a, b in zip(want, got, strict=True))
    learner = Learner()
    assert ours.solve_sequence(systems, learner, contexts=range(8), pieces=2).converged
    assert learner.seen == list(range(8))


@pytest.mark.slow
def test_on_a_cluster():
    distributed = pytest.importorskip("distributed")
    os.environ["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    systems = [Assembled(k) for k in range(8)]
    want = solve_sequence(systems, "deflated_cg", pieces=4, rtol=1e-9)
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        distributed.Client(cluster),
    ):
        got = ours.solve_sequence(systems, "deflated_cg", pieces=4, rtol=1e-9)
    assert all(np.array_equal(a.x, b.x) for a, b in zip(want, got, strict=True))


def test_example_runs():
    assert doctest.testmod(ours, optionflags=doctest.NORMALIZE_WHITESPACE).failed == 0
