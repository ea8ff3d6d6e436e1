"""Training of learned preconditioners: the command line, and where PyTorch is installed, training itself."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from kriss.solve.learned import GraphFactor, LearnedMultigrid, StencilFactor, _network, _orders
from kriss.train import _command, _meshes, main
from kriss.train._config import GraphConfig, Multigrid3Config, MultigridConfig, StencilConfig
from kriss.train._problems import KINDS, KINDS3, TENSORS, draw, draw3, prolongation, streams

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


def test_configurations_of_the_graph_network_are_checked(tmp_path, capsys):
    file = tmp_path / "c.json"
    for text, message in (
        ('{"points": 9}', "holds 'points', expected any of base, batch"),
        ('{"low": 10, "high": 9}', "low is 10, expected at most high, which is 9"),
        ('{"loss": "l1"}', "loss must be one of"),
        ('{"base": "mic"}', "base must be one of"),
        ('{"vectors": 0}', "vectors must be"),
    ):
        file.write_text(text)
        assert main(["graph", "--config", str(file)]) == 2
        assert message in capsys.readouterr().out


def test_a_missing_package_is_named(monkeypatch, capsys):
    monkeypatch.setattr(_command.importlib.util, "find_spec", lambda name: None if name == "torch" else object())
    assert main(["multigrid"]) == 2
    assert capsys.readouterr().out == "training needs torch: pip install 'kriss[train]'\n"


def test_the_shipped_model_has_the_default_configuration():
    card = LearnedMultigrid.pretrained("2d").card
    assert MultigridConfig(**card["config"]) == MultigridConfig()
    card = LearnedMultigrid.pretrained("3d").card
    assert Multigrid3Config(**card["config"]) == Multigrid3Config()
    card = GraphFactor.pretrained().card
    assert GraphConfig(**card["config"]) == GraphConfig()
    card = GraphFactor.pretrained("mesh2d neuralif").card
    assert GraphConfig(**card["config"]) == GraphConfig(base="matrix", loss="frobenius")
    assert StencilConfig(**StencilFactor.pretrained().card["config"]) == StencilConfig()


@pytest.mark.parametrize("kind", _meshes.KINDS)
def test_meshes_are_reproducible_and_definite(kind):
    A = _meshes.draw(kind, 60, np.random.default_rng(3))
    assert abs(A - _meshes.draw(kind, 60, np.random.default_rng(3))).max() == 0
    assert abs(A - A.T).max() == 0
    assert np.linalg.eigvalsh(A.toarray()).min() > 0


@pytest.mark.parametrize("kind", KINDS)
def test_problems_are_reproducible_and_definite(kind):
    A = draw(kind, 9, np.random.default_rng(3))
    assert abs(A - draw(kind, 9, np.random.default_rng(3))).max() == 0
    assert np.linalg.eigvalsh(A.toarray()).min() > 0


@pytest.mark.parametrize("kind", KINDS3)
@pytest.mark.parametrize("tensor", TENSORS)
def test_problems_in_three_dimensions_are_reproducible_and_definite(kind, tensor):
    A = draw3(kind, tensor, 6, np.random.default_rng(3))
    assert abs(A - draw3(kind, tensor, 6, np.random.default_rng(3))).max() == 0
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
    from kriss.train import _multigrid, _run

    whole = _multigrid.train(MultigridConfig(**TINY), tmp_path / "whole.npz", progress=False)
    save, kept = _run.save, []

    def stop(*args):
        save(*args)
        kept.append(1)
        raise KeyboardInterrupt

    part = MultigridConfig(**TINY)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_run, "EVERY", 4)
        patch.setattr(_run, "save", stop)
        with pytest.raises(KeyboardInterrupt):
            _multigrid.train(part, tmp_path / "part.npz", progress=False)
    resumed = _multigrid.train(part, tmp_path / "part.npz", resume=True, progress=False)
    assert kept == [1]
    assert resumed["losses"] == whole["losses"]
    one, two = (LearnedMultigrid.load(tmp_path / f"{name}.npz").weights for name in ("whole", "part"))
    for name in one:
        assert_array_equal(one[name], two[name])


def test_a_damaged_checkpoint_is_named(tmp_path, capsys):
    pytest.importorskip("torch")
    out, file = tmp_path / "m.npz", tmp_path / "m.checkpoint.npz"
    (tmp_path / "c.json").write_text(json.dumps(TINY))
    np.savez(tmp_path / "other.npz", config=1)
    other = (tmp_path / "other.npz").read_bytes()
    for held in (b"", b"PK\x03\x04", other[:-30], other):
        file.write_bytes(held)
        assert main(["multigrid", "--config", str(tmp_path / "c.json"), "--quiet", "--out", str(out), "--resume"]) == 2
        assert f"{file} is no checkpoint: " in capsys.readouterr().out


def test_an_error_of_the_training_is_not_taken_for_one_of_the_configuration(monkeypatch):
    monkeypatch.setattr(_command, "NEEDED", ())
    monkeypatch.setattr(
        _command.importlib, "import_module", lambda name: SimpleNamespace(train=lambda *args, **options: int("x"))
    )
    with pytest.raises(ValueError, match="invalid literal"):
        main(["graph"])


def test_training_in_three_dimensions(tmp_path, monkeypatch):
    torch = pytest.importorskip("torch")
    from kriss.train import _run, _solid

    monkeypatch.setattr(_solid, "SIZES", (9,))
    out = tmp_path / "m.npz"
    few = {"samples": 4, "steps": 6, "batch": 2, "points": 8, "tests": 1}
    (tmp_path / "c.json").write_text(json.dumps(few))
    arguments = ["multigrid3d", "--config", str(tmp_path / "c.json"), "--quiet", "--out", str(out)]
    assert main(arguments) == 0
    model = LearnedMultigrid.load(out)
    assert model.dim == 3
    assert len(model.card["test"]) == len(KINDS3) * len(TENSORS)
    # the differentiable twin
    seen, table, _ = _solid.data(Multigrid3Config(**few), tmp_path / "none.npz", _Silent())
    found = _solid.predicted({k: torch.tensor(v) for k, v in model.weights.items()}, seen[0])
    assert_allclose(found, _orders.predicted(model.weights, seen[0].numpy()), rtol=1e-4)
    # counts: of whole iterations, as conjugate gradients to 1e-8 need them
    assert ((table > 1) & (table < 40)).all()
    # a run that was cut short resumes, with what it has counted
    save = _run.save

    def stop(*args):
        save(*args)
        raise KeyboardInterrupt

    monkeypatch.setattr(_run, "EVERY", 4)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_run, "save", stop)
        with pytest.raises(KeyboardInterrupt):
            main([*arguments[:-1], str(tmp_path / "part.npz")])
        patch.setattr(_run, "save", save)
        patch.setattr(_solid, "counts", lambda A, n, rng, test=_solid.counts: _only_tests(A, n, rng, test))
        assert main([*arguments[:-1], str(tmp_path / "part.npz"), "--resume"]) == 0
    resumed = LearnedMultigrid.load(tmp_path / "part.npz")
    assert resumed.card["losses"] == model.card["losses"]
    for name, value in model.weights.items():
        assert_array_equal(resumed.weights[name], value)


def _only_tests(A, n, rng, counts):
    assert n == 9, "counted again"
    return counts(A, n, rng)


def solid_data(monkeypatch, kept, value, **options):
    """The table of counts, each of them `value` here, and how many were counted."""
    from kriss.train import _solid

    counted = []
    monkeypatch.setattr(_solid, "counts", lambda A, n, rng: counted.append(n) or np.full(11, value))
    table = _solid.data(Multigrid3Config(**{"points": 8, **options}), kept, _Silent())[1].numpy()
    return table, len(counted)


def test_counts_of_another_configuration_are_refused(tmp_path, monkeypatch, capsys):
    pytest.importorskip("torch")
    from kriss.train._config import CheckpointError

    kept = tmp_path / "m.checkpoint.counts.npz"
    solid_data(monkeypatch, kept, 5.0, samples=2)
    held = kept.read_bytes()
    for other in ({"points": 9}, {"seed": 1}):
        with pytest.raises(CheckpointError, match=r"counts.npz is of a run with .*\"points\": 8.*, expected"):
            solid_data(monkeypatch, kept, 6.0, samples=2, **other)
        (tmp_path / "c.json").write_text(json.dumps({"points": 8, "samples": 2, **other}))
        arguments = ["multigrid3d", "--config", str(tmp_path / "c.json"), "--quiet", "--out", str(tmp_path / "m.npz")]
        assert main([*arguments, "--resume"]) == 2
        assert f"{kept} is of a run with" in capsys.readouterr().out
    assert kept.read_bytes() == held


def test_counts_are_used_again_and_fewer_samples_cut_none(tmp_path, monkeypatch):
    pytest.importorskip("torch")
    kept = tmp_path / "counts.npz"
    assert solid_data(monkeypatch, kept, 5.0, samples=4)[1] == 4
    table, counted = solid_data(monkeypatch, kept, 6.0, samples=2, steps=7)
    assert (table.shape, counted) == ((2, 11), 0)
    assert (table == 5.0).all()
    table, counted = solid_data(monkeypatch, kept, 7.0, samples=5)
    assert counted == 1
    assert_array_equal(table[:, 0], [5, 5, 5, 5, 7])


def test_damaged_counts_are_named(tmp_path, monkeypatch):
    pytest.importorskip("torch")
    from kriss.train import _solid
    from kriss.train._config import CheckpointError

    kept = tmp_path / "counts.npz"
    config = Multigrid3Config(samples=1, points=8)
    solid_data(monkeypatch, kept, 5.0, samples=1)
    good = kept.read_bytes()
    flags = bytearray(good)
    flags[good.index(b"PK\x01\x02") + 10] = 99  # a compression that zipfile does not know
    for held in (b"", good[:40], good[:-1], good[:-30] + good[-20:], bytes(flags)):
        kept.write_bytes(held)
        with pytest.raises(CheckpointError, match=r"counts\.npz is no checkpoint: "):
            solid_data(monkeypatch, kept, 5.0, samples=1)
    text, table, seconds = _solid._of(config), np.ones((1, 11)), np.float64(1.0)
    for arrays, message in (
        ({"counts": table, "seconds": seconds}, "config"),  # as files were before they told what they are of
        ({"config": text, "counts": np.ones((1, 10)), "seconds": seconds}, r"counts is float64 \(1, 10\), expected"),
        ({"config": text, "counts": np.float64(1), "seconds": seconds}, r"counts is float64 \(\), expected"),
        ({"config": text, "counts": table.astype(int), "seconds": seconds}, "counts is int64"),
        ({"config": text, "counts": table, "seconds": np.ones(2)}, r"seconds is float64 \(2,\), expected"),
    ):
        np.savez(kept, **arrays)
        with pytest.raises(CheckpointError, match=message):
            solid_data(monkeypatch, kept, 5.0, samples=1)


def test_counts_that_are_written_when_a_run_ends_leave_the_earlier_ones(tmp_path, monkeypatch):
    pytest.importorskip("torch")
    from kriss.train import _solid

    kept = tmp_path / "counts.npz"
    solid_data(monkeypatch, kept, 5.0, samples=1)
    held, savez = kept.read_bytes(), np.savez

    def cut(path, **arrays):
        savez(path, **arrays)
        path.write_bytes(path.read_bytes()[:100])
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_solid.np, "savez", cut)
        with pytest.raises(KeyboardInterrupt):
            solid_data(monkeypatch, kept, 6.0, samples=2)
    assert kept.read_bytes() == held
    assert solid_data(monkeypatch, kept, 6.0, samples=2)[1] == 1


SMALL = {"low": 30, "high": 50, "samples": 4, "steps": 6, "batch": 2, "vectors": 3, "tests": 1}


@pytest.mark.parametrize("variant", [{}, {"base": "matrix", "loss": "frobenius"}])
def test_training_of_the_graph_network(variant, tmp_path, monkeypatch):
    torch = pytest.importorskip("torch")
    from kriss.solve.learned import _graph_network
    from kriss.train import _graph

    monkeypatch.setattr(_graph, "SIZES", (60,))
    out = tmp_path / "g.npz"
    (tmp_path / "c.json").write_text(json.dumps({**SMALL, **variant}))
    arguments = ["graph", "--config", str(tmp_path / "c.json"), "--quiet", "--out", str(out)]
    assert main([*arguments, "--plot", str(tmp_path / "loss.png")]) == 0
    assert (tmp_path / "loss.png").stat().st_size > 1000
    model = GraphFactor.load(out)
    assert len(model.card["test"]) == len(_meshes.KINDS)
    config = GraphConfig(**SMALL, **variant)
    assert model.base == config.base
    samples = _graph.data(config, _Silent())
    # it starts from no correction, and the differentiable twin is the network
    start = _graph.first_weights(0, samples, _graph_network.SHAPES)
    g = _graph.Batch(samples[:2])
    assert not any(v.any() for v in _graph.outputs(start, g))
    net = _graph_network.packed(model.weights)
    found = [_graph_network.outputs(net, s.graph, 1) for s in samples[:2]]
    expected = _graph.outputs({k: torch.tensor(v) for k, v in model.weights.items()}, g)
    for k in range(2):
        assert_allclose(np.concatenate([f[k] for f in found]), expected[k], rtol=1e-4, atol=1e-6)


class _Silent:
    def update(self):
        pass


@pytest.mark.parametrize("base", ["ict", "matrix"])
@pytest.mark.parametrize("kind", ["likelihood", "residual", "frobenius"])
def test_losses_are_those_of_dense_matrices(kind, base):
    torch = pytest.importorskip("torch")
    from kriss.train import _graph

    config = GraphConfig(**{**SMALL, "loss": kind, "base": base})
    samples = _graph.data(config, _Silent())[:2]
    g = _graph.Batch(samples)
    found = _graph.loss(g.diagonal, g.entries, g, kind)
    for k, s in enumerate(samples):
        n = s.diagonal.size
        rng = np.random.default_rng([config.seed, 2, k])
        A = _graph.reordered(_meshes.draw(_meshes.KINDS[k], int(rng.integers(config.low, config.high + 1)), rng))
        unit = A.toarray() / np.sqrt(np.outer(A.diagonal(), A.diagonal()))
        if kind == "likelihood":  # x of covariance A^-1
            assert_allclose(np.linalg.cholesky(unit).T @ s.x, s.b, rtol=1e-3, atol=1e-4)
        else:
            assert_allclose(unit @ s.x, s.b, rtol=1e-3, atol=1e-4)
        white = s.x if kind == "frobenius" else s.b
        assert_array_equal(white, rng.standard_normal((n, config.vectors)).astype(np.float32))
        if base == "matrix":
            assert_array_equal(s.diagonal, np.ones(n, np.float32))
            assert_allclose(s.entries, unit[s.graph.row, s.graph.column], rtol=1e-6)
        else:
            assert_allclose(s.diagonal * np.sqrt(A.diagonal()), GraphFactor.start(A)[0].diagonal, rtol=1e-6)
        L = np.diag(s.diagonal.astype(float))
        L[s.graph.row, s.graph.column] = s.entries
        if kind == "likelihood":
            expected = np.log(np.mean((L.T @ s.x) ** 2)) - 2.0 * np.mean(np.log(np.diag(L)))
        else:
            expected = np.log1p(np.mean((L @ (L.T @ s.x) - s.b) ** 2))
        assert float(found[k]) == pytest.approx(expected, rel=1e-4)
        assert n == s.x.shape[0]
    assert torch.isfinite(found).all()


def test_training_of_the_graph_network_resumes(tmp_path, monkeypatch):
    pytest.importorskip("torch")
    from kriss.train import _graph, _run

    monkeypatch.setattr(_graph, "SIZES", (60,))
    config = GraphConfig(**SMALL)
    whole = _graph.train(config, tmp_path / "whole.npz", progress=False)
    save = _run.save

    def stop(*args):
        save(*args)
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_run, "EVERY", 4)
        patch.setattr(_run, "save", stop)
        with pytest.raises(KeyboardInterrupt):
            _graph.train(config, tmp_path / "part.npz", progress=False)
    resumed = _graph.train(config, tmp_path / "part.npz", resume=True, progress=False)
    assert resumed["losses"] == whole["losses"]
    one, two = (GraphFactor.load(tmp_path / f"{name}.npz").weights for name in ("whole", "part"))
    for name in one:
        assert_array_equal(one[name], two[name])


def test_training_of_the_convolutions(tmp_path, monkeypatch):
    torch = pytest.importorskip("torch")
    from kriss.solve.learned import _stencil_network
    from kriss.train import _run, _stencil

    monkeypatch.setattr(_stencil, "SIZES", (9,))
    small = {"points": 8, "samples": 5, "steps": 4, "batch": 2, "vectors": 3, "tests": 1}
    out = tmp_path / "s.npz"
    (tmp_path / "c.json").write_text(json.dumps(small))
    arguments = ["stencil", "--config", str(tmp_path / "c.json"), "--quiet", "--out", str(out)]
    assert main([*arguments, "--plot", str(tmp_path / "loss.png")]) == 0
    model = StencilFactor.load(out)
    assert len(model.card["test"]) == len(_stencil.KINDS)
    config = StencilConfig(**small)
    samples = _stencil.data(config, _Silent())
    g = _stencil.Batch(samples[:2])
    assert not _stencil.outputs(_stencil.first_weights(0), g).any()
    found = [_stencil_network.outputs(model.weights, s.image, 1).reshape(-1, 5) for s in samples[:2]]
    expected = _stencil.outputs({k: torch.tensor(v) for k, v in model.weights.items()}, g)
    assert_allclose(np.concatenate(found), expected, rtol=1e-4, atol=1e-6)
    # a run that was cut short goes on as if it had not been
    again = _stencil.train(config, tmp_path / "again.npz", progress=False)
    assert again["losses"] == model.card["losses"]
    part = tmp_path / "part.npz"
    with pytest.MonkeyPatch.context() as patch:
        save = _run.save

        def stop(*args):
            save(*args)
            raise KeyboardInterrupt

        patch.setattr(_run, "EVERY", 3)
        patch.setattr(_run, "save", stop)
        with pytest.raises(KeyboardInterrupt):
            _stencil.train(config, part, progress=False)
    assert _stencil.train(config, part, resume=True, progress=False)["losses"] == again["losses"]
