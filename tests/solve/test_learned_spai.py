"""Learned approximate inverses: the network, and what they promise for any weights."""

import pickle

import numpy as np
import pytest
import scipy.sparse as sps
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

import kriss
from kriss.solve import FSAI, Chebyshev, Jacobi, cg
from kriss.solve.learned import GraphFactor, LearnedInverse, LearnedSPAI, ModelFileError, _graph_network
from kriss.solve.learned import _spai_network as network
from kriss.testing import mesh_diffusion, poisson2d, random_diffusion, rotated_diffusion
from kriss.train import _meshes, main
from kriss.train._config import SpaiConfig

MODEL = LearnedSPAI.pretrained()
SMALL = {"low": 30, "high": 50, "samples": 7, "steps": 6, "batch": 2, "tests": 1}


def random_weights(rng, size=0.3):
    return {k: (size * rng.standard_normal(s) / np.sqrt(s[0])).astype(np.float32) for k, s in network.SHAPES.items()}


def nothing():
    return {k: np.zeros(s, np.float32) for k, s in network.SHAPES.items()}


def random_matrix(n, rng):
    B = sps.random_array((n, n), density=0.15, rng=rng, data_sampler=rng.standard_normal)
    return sps.csr_array(B @ B.T + 0.1 * sps.eye_array(n))


def graph(A):
    high = network.bound(A)
    return network.graph(A, high), high


def textbook(weights, g):
    """(c, h) by matrix products in double precision, both ends of an edge alike."""
    w = {name: np.asarray(value, np.float64) for name, value in weights.items()}
    n, m = g.nodes.shape[0], g.edges.shape[0]
    ends = sps.csr_array((np.ones(2 * m), (np.r_[g.row, g.column], np.tile(np.arange(m), 2))), shape=(n, m))
    A = sps.csr_array((g.weight.astype(np.float64), g.other, g.lost), shape=(n, n))
    x = np.maximum(g.nodes @ w["node_w"] + w["node"], 0.0)
    e = np.maximum(g.edges @ w["edge_w"] + w["edge"], 0.0)
    for k in range(network.ROUNDS):
        r = {name: w[f"{name}{k}"] for name in network._ROUND}
        e = e + np.maximum(r["a"] + e @ r["ae"] + ends.T @ (x @ r["ai"]), 0.0) @ r["b_w"] + r["b"]
        hidden = r["c"] + x @ r["cx"] + 0.25 * (ends @ e) @ r["cs"] + (A @ x) @ r["cf"] + (abs(A) @ x) @ r["cg"]
        x = x + np.maximum(hidden, 0.0) @ r["d_w"] + r["d"]
    return x @ w["node_out_w"] + w["node_out"], e @ w["edge_out_w"] + w["edge_out"]


def loops(A):
    """Features from a dense matrix, one by one."""
    n, high = A.shape[0], Chebyshev(sps.csr_array(A), 2).bounds[1]
    s = 1.0 / np.sqrt(np.diag(A))
    unit = s[:, None] * A * s
    off = unit - np.diag(np.diag(unit))
    rows = np.arcsinh(A.sum(axis=1) / np.diag(A))
    nodes = [
        [
            rows[i], np.abs(off[i]).sum(), off[i][off[i] > 0].sum(), (off[i] ** 2).sum(), np.abs(off[i]).max(),
            np.log(high / 2), np.count_nonzero(off[i]) / 8,
        ]
        for i in range(n)
    ]  # fmt: skip
    edges = []
    for i in range(n):
        for j in range(i):
            if A[i, j] != 0:
                v = off[i, j]
                edges.append([v, abs(v), v * v / np.sqrt((off[i] ** 2).sum() * (off[j] ** 2).sum()), rows[i] * rows[j]])
    return np.array(nodes), np.array(edges)


def dense(M):
    return np.stack([M @ e for e in np.eye(M.shape[0], dtype=M.dtype)], axis=1).astype(float)


def test_features_are_the_textbook_ones(rng):
    A = _meshes.draw("turning", 60, rng)
    nodes, edges = loops(A.toarray())
    g, _ = graph(A)
    assert_allclose(g.nodes, nodes, rtol=1e-5, atol=1e-6)
    assert_allclose(g.edges, edges, rtol=1e-5, atol=1e-6)
    assert_array_equal(g.column[g.places], np.sort(g.column))


@pytest.mark.parametrize("n", [1, 2, 5, 70, 1300])
def test_network_is_the_textbook_one(n, rng):
    g, _ = graph(_meshes.draw("jumping", n, rng))
    weights = random_weights(rng)
    found = _graph_network.outputs(network.packed(weights), g, 1, network.ROUNDS)
    for one, two in zip(found, textbook(weights, g), strict=True):
        assert_allclose(one, two, rtol=1e-4, atol=1e-4)


def test_the_network_does_not_see_the_numbering(rng):
    A = _meshes.draw("jumping", 200, rng)
    order = rng.permutation(200)
    B = sps.csr_array(A[order][:, order])
    B.sort_indices()
    net, found = network.packed(random_weights(rng)), []
    for matrix in (A, B):
        g = network.graph(matrix, 2.5)
        c, h = _graph_network.outputs(net, g, 1, network.ROUNDS)
        diagonal, edges = network.corrected(*network.uncorrected(matrix, g, 2.5), c, h)
        first, _ = network.inverse(matrix, g, 2.5, diagonal, edges)
        found.append(first.toarray())
    assert_allclose(found[1], found[0][np.ix_(order, order)], rtol=0, atol=1e-4 * np.abs(found[0]).max())


@pytest.mark.parametrize("kind", _meshes.KINDS)
def test_without_a_correction_it_is_the_polynomial(kind, rng):
    A = _meshes.draw(kind, 150, rng)
    r = rng.standard_normal(150)
    expected = Chebyshev(A, 2) @ r
    found = LearnedSPAI(nothing()).setup(A, validate=False) @ r
    assert_allclose(found, expected, rtol=0, atol=1e-13 * np.abs(expected).max())


def test_entries_change_as_the_network_says(rng):
    A = _meshes.draw("constant", 80, rng)
    weights = random_weights(rng)
    M = LearnedSPAI(weights).setup(A, validate=False)
    g, high = graph(A)
    c, h = textbook(weights, g)
    s = 1.0 / np.sqrt(A.diagonal())
    G = network.RHO * np.eye(80) - s[:, None] * A.toarray() * s / high + np.diag(np.tanh(c))
    for i, j, v in zip(g.row, g.column, 0.5 * np.tanh(h), strict=True):
        G[i, j] += v
        G[j, i] += v
    expected = network.SCALE / high * s[:, None] * (G @ G + network.TAU * np.eye(80)) * s
    assert_allclose(dense(M), expected, rtol=0, atol=1e-5 * np.abs(expected).max())


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 25), st.floats(0.0, 30.0), st.integers(0, 10**6))
def test_it_is_symmetric_positive_definite_for_any_weights(n, size, seed):
    rng = np.random.default_rng(seed)
    A = random_matrix(n, rng)
    M = LearnedSPAI(random_weights(rng, size)).setup(A, validate=False)
    B = dense(M)
    assert_allclose(B, B.T, rtol=0, atol=1e-12 * np.abs(B).max())
    root = np.sqrt(A.diagonal())
    least = network.SCALE * network.TAU / network.bound(A)
    assert np.linalg.eigvalsh(root[:, None] * B * root).min() >= least * (1 - 1e-9)


@pytest.mark.parametrize("workers", [2, 4])
def test_workers_change_no_bit(workers, rng):
    A, r = mesh_diffusion(2500, 1e-1, 0.3, rng=rng), rng.standard_normal(2500)
    found = [MODEL.setup(A, validate=False, workers=w) @ r for w in (1, workers)]
    assert_array_equal(*found)


def test_backends_agree_to_the_bit(rng):
    if kriss._backend.core() is None:
        pytest.skip("kriss._core is not built")
    A, r, found = mesh_diffusion(1100, 1e-1, 0.3, rng=rng), rng.standard_normal(1100), []
    for name in ("compiled", "numba"):
        with kriss.use_backend(name):
            M = MODEL.setup(A)
            found.append((M @ r, dict(M.params)))
    assert_array_equal(found[0][0], found[1][0])
    assert found[0][1] == found[1][1]


# ---- the comparison ------------------------------------------------------------------------------------------------


def test_a_bad_network_falls_back(rng):
    A = poisson2d(24)
    M = LearnedSPAI(random_weights(rng, 30.0)).setup(A)
    assert M.params["kept"] in ("FSAI", "Jacobi")
    assert "least memory traffic" in M.params["reason"] or "with equal memory traffic" in M.params["reason"]
    b = rng.standard_normal(576)
    classical = {"FSAI": FSAI(A), "Jacobi": Jacobi(A)}[M.params["kept"]]
    assert_allclose(M @ b, classical @ b, rtol=1e-14, atol=1e-14)
    assert cg(A, b, rtol=1e-8, M=M).converged


def test_the_least_traffic_wins(rng):
    A = rotated_diffusion(40, 1e-1, 0.5)
    M = MODEL.setup(A)
    counts = M.params["iterations"]
    n, nnz = 1600, A.nnz
    traffic = {
        "learned": 12 * 3 * nnz + 132 * n, "FSAI": 12 * (nnz + 2 * FSAI(A).nnz) + 124 * n,
        "Jacobi": 12 * (nnz + 2 * n) + 124 * n,
    }  # fmt: skip
    assert counts.keys() == traffic.keys()
    assert M.params["kept"] == min(counts, key=lambda name: counts[name] * traffic[name])
    assert (M.params["reason"] is None) == (M.params["kept"] == "learned")


def test_a_network_that_returns_nan_falls_back(rng, monkeypatch):
    monkeypatch.setattr(
        _graph_network, "outputs", lambda net, g, workers, rounds, device: (np.full(64, np.nan), np.zeros(1))
    )
    M = MODEL.setup(poisson2d(8))
    assert M.params["kept"] == "FSAI" and M.params["reason"] == "the network returned NaN or infinity"
    assert M.params["iterations"] is None
    r = rng.standard_normal(64)
    assert_array_equal(M @ r, FSAI(poisson2d(8)) @ r)


def test_an_indefinite_matrix_is_not_solved_silently(rng):
    A = sps.csr_array(poisson2d(6) - 3.5 * sps.eye_array(36))
    M = MODEL.setup(A)
    assert cg(A, rng.standard_normal(36), M=M).status == "indefinite_matrix"


# ---- where it pays: least ratios of iterations on matrices never trained on; may only be raised ----------------------


@pytest.mark.parametrize(
    ("make", "fsai", "chebyshev"),
    [
        (lambda rng: mesh_diffusion(2500, 1e-1, lambda x, y: 2 * x + y, rng=rng), 1.2, 1.0),
        (lambda rng: rotated_diffusion(50, 1e-2, rng.uniform(0.0, np.pi)), 1.3, 1.0),
        (lambda rng: random_diffusion(50, variance=1.0, rng=rng)[0], 1.3, 0.95),
    ],
    ids=["mesh", "rotated", "isotropic"],
)
def test_iterations_on_held_out_matrices(make, fsai, chebyshev):
    counts = []
    for k in range(3):
        rng = np.random.default_rng([91, k])
        A = make(rng)
        b = rng.standard_normal(A.shape[0])
        methods = (MODEL.setup(A, validate=False), "fsai", Chebyshev(A, 2))
        counts.append([cg(A, b, rtol=1e-8, M=M).iterations for M in methods])
    learned, one, two = np.sum(counts, axis=0)
    assert one >= fsai * learned and two >= chebyshev * learned


# ---- objects, files and arguments ----------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [0, 1, 2, 3])
def test_small_sizes(n, rng):
    A = sps.csr_array(3.0 * np.eye(n) - np.eye(n, k=1) - np.eye(n, k=-1))
    b = rng.standard_normal(n)
    assert_allclose(cg(A, b, rtol=1e-12, M=MODEL.setup(A)).x, np.linalg.solve(A.toarray(), b), rtol=1e-9)


@pytest.mark.parametrize("power", [-990, -400, 300, 900])
def test_scaling_changes_no_bit(power, rng):
    A, r = rotated_diffusion(12, 1e-1, 0.5), rng.standard_normal(144)
    for validate in (False, True):
        one, two = (MODEL.setup(B, validate=validate) for B in (A, A * 2.0**power))
        assert one.params == two.params
        assert_array_equal(two @ r, np.ldexp(one @ r, -power))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("validate", [True, False])
@pytest.mark.parametrize(
    ("dtype", "ends"),
    [("f8", (1e200, 1e-200)), ("f8", (1e-200, 1e200)), ("f8", (1.7e308, 1e-10)), ("f4", (1e20, 1e-20)),
     ("f4", (1e38, 1e-8)), ("f4", (1e-37, 3e38))],
)  # fmt: skip
def test_a_diagonal_over_the_whole_range(dtype, ends, validate):
    d = np.array(ends, dtype)
    M = MODEL.setup(sps.diags_array(d, format="csr"), validate=validate)
    unit = MODEL.setup(sps.eye_array(2, dtype=dtype, format="csr"), validate=False) @ np.ones(2, dtype)
    assert_allclose(M @ d, unit if M.params["kept"] == "learned" else 1.0, rtol=1e-6)
    assert M.params["kept"] == "learned" or validate
    assert np.isfinite(M @ np.ones(2, dtype)).all()


@pytest.mark.filterwarnings("error")
def test_an_inverse_out_of_range_falls_back_and_says_why():
    d = np.array([1e38, 1e-40], np.float32)
    M = MODEL.setup(sps.diags_array(d, format="csr"), validate=False)
    assert M.params["kept"] == "Jacobi"
    assert M.params["reason"] == "entries of the inverse learned overflow float32: A is too badly scaled"
    assert_allclose(M @ d, 1.0, rtol=1e-4)


@pytest.mark.filterwarnings("error")
def test_entries_whose_squares_overflow_print_nothing():
    M = MODEL.setup(sps.csr_array([[1.0, 1e200], [1e200, 1.0]]))
    assert (M.params["kept"], M.params["reason"]) == ("Jacobi", "the network returned NaN or infinity")


def test_single_precision(rng):
    A = mesh_diffusion(300, 1e-1, 0.3, rng=rng)
    r = rng.standard_normal(300)
    wide, M = MODEL.setup(A, validate=False), MODEL.setup(A.astype(np.float32), validate=False)
    assert M.dtype == np.float32
    assert_allclose(M @ r.astype(np.float32), wide @ r, rtol=0, atol=1e-4 * np.abs(wide @ r).max())


def test_update_and_pickle(rng):
    A, r = mesh_diffusion(200, 1e-1, 0.3, rng=rng), rng.standard_normal(200)
    M = MODEL.setup(A, validate=False)
    assert isinstance(M, LearnedInverse) and M.T is M and M.is_spd and M.is_linear and M.nnz == 2 * A.nnz
    other = pickle.loads(pickle.dumps(M))
    assert_array_equal(other @ r, M @ r)
    assert other.params == M.params and other.nbytes == M.nbytes > 12 * M.nnz
    assert_array_equal(pickle.loads(pickle.dumps(MODEL)).setup(A, validate=False) @ r, M @ r)
    B = sps.csr_array(A + sps.diags_array(A.diagonal()))
    M.update(B)
    assert_array_equal(M @ r, MODEL.setup(B, validate=False) @ r)
    before = M @ r
    for bad, error in ((A[:-1, :-1], "A has shape"), (-B, "row 0"), (poisson2d(20), "A has shape")):
        with pytest.raises(ValueError, match=error):
            M.update(bad)
    skew = B.copy()
    skew.data[1] += 0.5
    with pytest.raises(ValueError, match="not symmetric"):
        M.update(skew)
    assert_array_equal(M @ r, before)


@pytest.mark.parametrize(
    ("spoil", "error"),
    [
        (lambda A: A.toarray(), "A must be"), (lambda A: A[:, :-1], "shape"), (lambda A: 1j * A, "A"),
        (lambda A: sps.csr_array(A * np.nan), "nan"), (lambda A: sps.csr_array(A - 4.0 * sps.eye_array(16)), "row 0"),
        (lambda A: sps.csr_array(A + sps.eye_array(16, k=1)), r"entry \(0, 1\)"),
    ],
)  # fmt: skip
def test_matrices_that_are_refused(spoil, error):
    with pytest.raises((TypeError, ValueError), match=error):
        MODEL.setup(spoil(poisson2d(4)))


def test_wrong_models_and_names():
    with pytest.raises(TypeError, match="model must be a LearnedSPAI, not GraphFactor"):
        LearnedInverse(GraphFactor.pretrained(), poisson2d(3))
    with pytest.raises(ValueError, match="name must be"):
        LearnedSPAI.pretrained("3d")
    with pytest.raises(ModelFileError, match="node_w"):
        LearnedSPAI({**nothing(), "node_w": np.zeros((3, 16), np.float32)})
    with pytest.raises(ModelFileError, match="NaN"):
        LearnedSPAI({**nothing(), "edge": np.full(16, np.nan, np.float32)})
    with pytest.raises(ModelFileError, match="no such file"):
        LearnedSPAI.load("nowhere.npz")
    with pytest.raises((TypeError, ValueError), match="workers"):
        MODEL.setup(poisson2d(3), workers=-1)


# ---- training ------------------------------------------------------------------------------------------------------


def test_the_shipped_model_has_the_default_configuration():
    assert SpaiConfig(**MODEL.card["config"]) == SpaiConfig()
    assert MODEL.card["parameters"] == sum(v.size for v in MODEL.weights.values())


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ('{"points": 9}', "holds 'points', expected any of batch"), ('{"loss": "l1"}', "loss must be one of"),
        ('{"low": 10, "high": 9}', "low is 10, expected at most high, which is 9"), ('{"rate": 0}', "rate must be"),
    ],
)  # fmt: skip
def test_configurations_are_checked(text, error, tmp_path, capsys):
    (tmp_path / "c.json").write_text(text)
    assert main(["spai", "--config", str(tmp_path / "c.json")]) == 2
    assert error in capsys.readouterr().out


@pytest.mark.parametrize("kind", ["spread", "cosine"])
def test_losses_are_those_of_dense_matrices(kind, rng):
    torch = pytest.importorskip("torch")
    from kriss.train import _spai

    A = _meshes.draw("constant", 40, rng)
    s = _spai.Sample(A)
    found = float(_spai.loss(s.diagonal, s.entries, s, kind, np.random.default_rng(7)))
    scale = 1.0 / np.sqrt(A.diagonal())
    unit = scale[:, None] * A.toarray() * scale
    B = (
        (dense(Chebyshev(A, 2)) / scale) / scale[:, None] * s.high / network.SCALE
    )  # the inverse in the scaled variables
    if kind == "spread":
        w = np.sort(np.linalg.eigvals(B @ unit).real)
        expected = np.log((w[-20:] ** 4).sum()) / 4 - np.log(w[:6]).mean()
    else:
        r = np.random.default_rng(7).standard_normal((40, 16))
        root = np.linalg.cholesky(unit)
        image = root @ root.T @ B @ r
        expected = 1 - np.mean((image * r).sum(0) / np.linalg.norm(image, axis=0) / np.linalg.norm(r, axis=0))
        del torch
    assert found == pytest.approx(expected, rel=1e-6)


def test_training_resumes_and_its_twin_is_the_network(tmp_path, monkeypatch):
    torch = pytest.importorskip("torch")
    from kriss.train import _run, _spai

    monkeypatch.setattr(_spai, "SIZES", (60,))
    config, out = SpaiConfig(**SMALL), tmp_path / "whole.npz"
    whole = _spai.train(config, out, progress=False)
    model = LearnedSPAI.load(out)
    assert [row["kind"] for row in model.card["test"]] == list(_spai.KINDS)
    samples = _spai.data(config, type("Bar", (), {"update": lambda self: None})())
    s = samples[2]
    start = _spai.first_weights(0, samples, network.SHAPES)
    assert not any(v.any() for v in _spai.outputs(start, s))
    expected = _spai.outputs({k: torch.tensor(v) for k, v in model.weights.items()}, s)
    found = _graph_network.outputs(network.packed(model.weights), s.graph, 1, network.ROUNDS)
    for one, two in zip(found, expected, strict=True):
        assert_allclose(one, two, rtol=1e-4, atol=1e-6)
    save, part = _run.save, tmp_path / "part.npz"

    def stop(*args):
        save(*args)
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_run, "EVERY", 4)
        patch.setattr(_run, "save", stop)
        with pytest.raises(KeyboardInterrupt):
            _spai.train(config, part, progress=False)
    assert _spai.train(config, part, resume=True, progress=False)["losses"] == whole["losses"]
    for name, value in LearnedSPAI.load(part).weights.items():
        assert_array_equal(value, model.weights[name])
