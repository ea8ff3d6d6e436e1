"""Training of networks that propose search directions."""

import json

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from kriss.solve.learned import DeepConjugateDirection
from kriss.solve.learned import _direction_network as network
from kriss.testing import masked_poisson, poisson2d
from kriss.train import _domains, main
from kriss.train._config import DirectionConfig

TINY = {"points": 8, "domains": 3, "vectors": 6, "steps": 6, "batch": 3, "tests": 1}


def test_configurations_are_checked(tmp_path, capsys):
    file = tmp_path / "c.json"
    for text, message in (
        ('{"low": 3}', "holds 'low', expected any of batch"),
        ('{"dim": 1}', "dim is 1, expected 2 or 3"),
        ('{"points": 3}', "points is 3, expected at least 4"),
        ('{"network": "deep"}', "network must be one of"),
        ('{"loss": "l1"}', "loss must be one of"),
        ('{"batch": 0}', "batch must be"),
    ):
        file.write_text(text)
        assert main(["dcd", "--config", str(file)]) == 2
        assert message in capsys.readouterr().out


def test_the_shipped_model_has_the_default_configuration():
    assert DirectionConfig(**DeepConjugateDirection.pretrained("2d").card["config"]) == DirectionConfig()


@pytest.mark.parametrize("shape", [(40, 40), (16, 30), (10, 11, 12)])
def test_domains_are_open_and_reproducible(shape):
    kinds = set()
    for seed in range(20):
        mask, walls = _domains.domain(shape, np.random.default_rng(seed))
        assert_array_equal(mask, _domains.domain(shape, np.random.default_rng(seed))[0])
        assert mask.mean() >= _domains.LEAST
        masked_poisson(mask, walls=walls)  # refuses closed pockets
        kinds.add((walls, bool(mask.all())))
    assert len(kinds) >= 3


def test_ritz_vectors_are_those_of_the_krylov_space(rng):
    A = poisson2d(9)
    found = _domains.ritz_vectors(A, 12, rng).astype(float)
    assert_allclose(found @ found.T, np.eye(12), atol=1e-5)
    projected = found @ (A @ found.T)
    assert_allclose(projected, np.diag(np.diag(projected)), atol=1e-4)
    assert (np.diff(np.diag(projected)) > 0).all()
    # all eigenvectors of a matrix with few distinct eigenvalues: the run ends early
    assert _domains.ritz_vectors(masked_poisson(np.ones((1, 2), bool)), 5, rng).shape[0] <= 2


@pytest.mark.parametrize("make", ["combinations", "octaves"])
def test_right_hand_sides(make, rng):
    mask = np.ones((16, 16), bool)
    mask[3:6, 4:9] = False
    d = _domains.prepared(mask, "neumann", 10, rng)
    b = _domains.combinations(d.ritz, 400, rng) if make == "combinations" else _domains.octaves(mask, 400, rng)
    assert b.shape == (400, int(mask.sum()))
    assert_allclose(np.linalg.norm(b, axis=1), 1.0, rtol=1e-5)
    if make == "combinations":
        part = ((b @ d.ritz.T) ** 2).mean(axis=0)
        assert 30 < part[:5].mean() / part[5:].mean() < 150  # 81, of vectors divided by their norms


@pytest.mark.parametrize(("kind", "dim"), [("recursive", 2), ("recursive", 3), ("published", 2), ("published", 3)])
def test_the_differentiable_twin(kind, dim):
    torch = pytest.importorskip("torch")
    from kriss.train import _direction

    rng = np.random.default_rng(5)
    shape = (11, 18) if dim == 2 else (5, 6, 7)
    mask, walls = _domains.domain(shape, rng)
    mask[2, 3] = False
    d = _domains.prepared(mask, walls, 4, rng)
    g = _direction.Images(d, kind)
    weights = {}
    for name, size in network.shapes(kind, dim).items():
        scale = 1.0 / np.sqrt(size[0] * size[1]) if len(size) == 3 else 0.3
        weights[name] = torch.tensor(scale * rng.standard_normal(size), dtype=torch.float32)
    r = rng.standard_normal(int(mask.sum()))
    r /= np.sqrt(np.mean(r * r))
    image = np.zeros((1, 1, *shape), np.float32)
    image[0, 0, mask] = r
    found = _direction.direction(kind, weights, torch.tensor(image), g)[0, 0].numpy()[mask]
    model = DeepConjugateDirection(dim, kind, {k: v.numpy() for k, v in weights.items()})
    assert_allclose(model.setup(d.A, shape, mask) @ r, found, rtol=0, atol=2e-5 * np.abs(found).max())
    assert_allclose(g.product(torch.tensor(image))[0, 0].numpy()[mask], d.A @ r, rtol=0, atol=1e-5)


@pytest.mark.parametrize("dim", [2, 3])
def test_training_starts_at_a_multigrid_cycle(dim):
    """Two levels: a sweep on the coarse one, interpolated linearly, and a sweep on the fine one."""
    torch = pytest.importorskip("torch")
    from kriss.train import _direction

    weights = {name: np.zeros(shape) for name, shape in network.shapes("recursive", dim).items()}
    _direction.jacobi_cycle(weights, dim)
    mask = np.ones((4,) * dim, bool)
    mask[(1,) * dim] = False
    A = masked_poisson(mask)
    d = _domains.Domain(mask, A, np.zeros((0, 0)))
    r = np.random.default_rng(0).standard_normal(A.shape[0])
    image = np.zeros((1, 1, *mask.shape), np.float32)
    image[0, 0, mask] = r
    tensors = {k: torch.tensor(v, dtype=torch.float32) for k, v in weights.items()}
    g = _direction.Images(d, "recursive")
    found = _direction.direction("recursive", tensors, torch.tensor(image), g)[0, 0].numpy()[mask]
    damping = _direction.JACOBI / (2 * dim)
    below = damping * network.halved(image[0, 0].astype(float), tuple(range(dim)))
    for axis in range(dim):
        below = np.repeat(below, 2, axis)
    padded = np.pad(below * mask, 1)
    e = np.zeros(mask.shape)
    for offset in np.ndindex((3,) * dim):
        weight = np.prod([0.5 if o == 1 else 0.25 for o in offset])
        e += weight * padded[tuple(slice(o, o + 4) for o in offset)]
    walls = 1.0 - A.diagonal() / (2 * dim)
    e = _direction.RAISE * e[mask] * (1.0 + 4.0 / 3.0 * walls)
    assert_allclose(found, e + damping * (r - A @ e), atol=1e-5)


def test_the_start_is_a_preconditioner():
    pytest.importorskip("torch")
    from kriss.train import _direction

    weights = {name: np.zeros(shape) for name, shape in network.shapes("recursive", 2).items()}
    _direction.jacobi_cycle(weights, 2)
    M = DeepConjugateDirection(2, "recursive", weights).setup(poisson2d(64), (64, 64))
    assert M.solve(poisson2d(64), np.random.default_rng(0).standard_normal(4096), rtol=1e-4).iterations <= 15


def test_training(tmp_path, monkeypatch):
    pytest.importorskip("torch")
    from kriss.train import _direction

    monkeypatch.setitem(_direction.SIZES, 2, (12,))
    (tmp_path / "c.json").write_text(json.dumps(TINY))
    out = tmp_path / "m.npz"
    arguments = ["dcd", "--config", str(tmp_path / "c.json"), "--quiet", "--out", str(out)]
    assert main(arguments) == 0
    model = DeepConjugateDirection.load(out)
    assert model.card["config"]["points"] == 8
    assert [row["points"] for row in model.card["test"]] == [12]
    (tmp_path / "p.json").write_text(json.dumps({**TINY, "network": "published", "loss": "scaled", "octaves": 0}))
    assert main(["dcd", "--config", str(tmp_path / "p.json"), "--quiet", "--out", str(out)]) == 0
    assert DeepConjugateDirection.load(out).network == "published"


def test_a_run_that_was_cut_short_resumes(tmp_path, monkeypatch):
    pytest.importorskip("torch")
    from kriss.train import _direction, _run

    monkeypatch.setitem(_direction.SIZES, 3, (6,))
    config = DirectionConfig(**{**TINY, "dim": 3, "points": 4})
    whole = _direction.train(config, tmp_path / "whole.npz", progress=False)
    save = _run.save

    def stop(*args):
        save(*args)
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_run, "EVERY", 4)
        patch.setattr(_run, "save", stop)
        with pytest.raises(KeyboardInterrupt):
            _direction.train(config, tmp_path / "part.npz", progress=False)
    resumed = _direction.train(config, tmp_path / "part.npz", resume=True, progress=False)
    assert resumed["losses"] == whole["losses"]
    one, two = (DeepConjugateDirection.load(tmp_path / f"{name}.npz").weights for name in ("whole", "part"))
    for name in one:
        assert_array_equal(one[name], two[name])
