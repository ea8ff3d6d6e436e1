"""Training of learned preconditioners: the command line, and where PyTorch is installed, training itself."""

import json

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from kriss.solve.learned import LearnedMultigrid, _network
from kriss.train import _command, main
from kriss.train._config import MultigridConfig
from kriss.train._problems import KINDS, draw, prolongation, streams

TINY = {"samples": 6, "stages": 2, "steps": 3, "batch": 2, "points": 9, "tests": 1}


def test_configurations_are_checked(tmp_path, capsys):
    file = tmp_path / "c.json"
    for text, message in (
        ("{", "is not JSON"),
        ("[1]", "holds list, expected an object"),
        ('{"width": 3}', "holds 'width', expected any of batch"),
        ('{"points": 8}', "points is 8, expected an odd number"),
        ('{"steps": 0}', "steps must be"),
        ('{"rate": -1.0}', "rate must be"),
        ('{"seed": "x"}', "seed must be"),
    ):
        file.write_text(text)
        assert main(["multigrid", "--config", str(file)]) == 2
        assert message in capsys.readouterr().out
    assert main(["multigrid", "--config", str(tmp_path / "no.json")]) == 2
    for name in ("model.json", "nowhere/model.npz"):
        assert main(["multigrid", "--out", str(tmp_path / name)]) == 2
        assert "expected a .npz file in a folder that exists" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["nothing"])


def test_a_missing_package_is_named(monkeypatch, capsys):
    monkeypatch.setattr(_command.importlib.util, "find_spec", lambda name: None if name == "torch" else object())
    assert main(["multigrid"]) == 2
    assert capsys.readouterr().out == "training needs torch: pip install 'kriss[train]'\n"


def test_the_shipped_model_has_the_default_configuration():
    card = LearnedMultigrid.pretrained("2d").card
    assert MultigridConfig(**card["config"]) == MultigridConfig()


@pytest.mark.parametrize("kind", KINDS)
def test_problems_are_reproducible_and_definite(kind):
    A = draw(kind, 9, np.random.default_rng(3))
    assert abs(A - draw(kind, 9, np.random.default_rng(3))).max() == 0
    assert np.linalg.eigvalsh(A.toarray()).min() > 0


def test_streams_and_prolongation():
    A = draw("turning", 7, np.random.default_rng(0))
    stencil = streams(A, 7)
    assert_array_equal(stencil[4, 2, 3], A[2 * 7 + 3, 3 * 7 + 4])
    assert_array_equal(stencil[2, 2, 3], A[2 * 7 + 3, 3 * 7 + 2])
    assert not stencil[2, :, 0].any()
    weights = _network.interpolation(LearnedMultigrid.pretrained("2d").weights, stencil)
    P = prolongation(weights, 7)
    assert_allclose(P.sum(axis=1).reshape(7, 7)[1:-1, 1:-1], 1.0, rtol=1e-12)
    assert_array_equal(P[[1 * 7 + 1]].toarray()[0], np.eye(9)[0])


def test_training(tmp_path):
    pytest.importorskip("torch")
    from kriss.train import _multigrid

    out = tmp_path / "m.npz"
    (tmp_path / "c.json").write_text(json.dumps(TINY))
    arguments = ["multigrid", "--config", str(tmp_path / "c.json"), "--quiet", "--out", str(out)]
    assert main([*arguments, "--plot", str(tmp_path / "loss.png")]) == 0
    assert (tmp_path / "loss.png").stat().st_size > 1000
    model = LearnedMultigrid.load(out)
    assert model.card["config"]["points"] == 9
    # what another run has left there changes nothing
    again = tmp_path / "again.npz"
    _multigrid.train(MultigridConfig(**TINY, seed=5), again, progress=False)
    assert main([*arguments[:-1], str(again)]) == 0
    assert_array_equal(LearnedMultigrid.load(again).weights["edge_w1"], model.weights["edge_w1"])
    with pytest.raises(ValueError, match="is of a run with config"):
        _multigrid.train(MultigridConfig(**TINY, seed=5), again, resume=True, progress=False)
    # the differentiable twin, and where training starts
    import torch

    sample = _multigrid.Sample(streams(draw("jumping", 9, np.random.default_rng(1)), 9), 0, 2)
    found = _multigrid.interpolation({k: torch.tensor(v) for k, v in model.weights.items()}, sample)
    assert_allclose(found, _network.interpolation(model.weights, sample.stencil.numpy()), rtol=1e-5, atol=1e-6)


def test_a_run_that_was_cut_short_resumes(tmp_path):
    pytest.importorskip("torch")
    from kriss.train import _multigrid

    whole = _multigrid.train(MultigridConfig(**TINY), tmp_path / "whole.npz", progress=False)
    save, kept = _multigrid._save, []

    def stop(*args):
        save(*args)
        kept.append(1)
        raise KeyboardInterrupt

    part = MultigridConfig(**TINY)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_multigrid, "EVERY", 4)
        patch.setattr(_multigrid, "_save", stop)
        with pytest.raises(KeyboardInterrupt):
            _multigrid.train(part, tmp_path / "part.npz", progress=False)
    resumed = _multigrid.train(part, tmp_path / "part.npz", resume=True, progress=False)
    assert kept == [1]
    assert resumed["losses"] == whole["losses"]
    one, two = (LearnedMultigrid.load(tmp_path / f"{name}.npz").weights for name in ("whole", "part"))
    for name in one:
        assert_array_equal(one[name], two[name])
