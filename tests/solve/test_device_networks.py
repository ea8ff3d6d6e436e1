"""Networks that correct factors and inverses, run on a GPU, on the stand-ins of device.py."""

import pickle
import sys

import numpy as np
import pytest

from kriss.solve import cg
from kriss.solve.learned import GraphFactor, LearnedSPAI, StencilFactor
from kriss.testing import diffusion2d, mesh_diffusion

from .device import device  # noqa: F401

SHAPE = (14, 14)
MAKERS = {
    "graph": (lambda: mesh_diffusion(150, 1e-2, 0.7), lambda A, **k: GraphFactor.pretrained().setup(A, **k)),
    "stencil": (lambda: diffusion2d(14, 50.0), lambda A, **k: StencilFactor.pretrained().setup(A, SHAPE, **k)),
    "spai": (lambda: mesh_diffusion(150, 1e-2, 0.7), lambda A, **k: LearnedSPAI.pretrained().setup(A, **k)),
}
CALLS = {"graph": ["graph_network"], "stencil": ["grid_convolve"] * 3, "spai": ["graph_network"]}


@pytest.mark.parametrize("validate", [False, True])
@pytest.mark.parametrize("name", sorted(MAKERS))
def test_networks_run_on_the_device(name, validate, device, rng):  # noqa: F811
    make, setup = MAKERS[name]
    A = make()
    here, there = setup(A, validate=validate), setup(A, validate=validate, device=True)
    assert there.params == here.params
    r = rng.standard_normal(A.shape[0])
    assert np.array_equal(there @ r, here @ r)
    there.update(2 * A)
    assert device.calls == 2 * CALLS[name]
    again = pickle.loads(pickle.dumps(there))
    again.update(A)
    assert device.calls == 3 * CALLS[name]
    assert np.array_equal(again @ r, here @ r) and cg(A, r, M=again).converged


@pytest.mark.parametrize("name", sorted(MAKERS))
def test_networks_without_a_device_say_so(name, monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)
    make, setup = MAKERS[name]
    for dtype in (np.float64, np.float32):  # no network runs in single precision
        with pytest.raises(RuntimeError, match="need CuPy"):
            setup(make().astype(dtype), device=True)
