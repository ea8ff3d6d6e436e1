"""Networks that propose search directions for Poisson problems."""

import pickle
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import scipy.sparse as sps
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

import kriss
from kriss import _validate as check
from kriss.solve import Jacobi, cg, fcg
from kriss.solve.learned import DeepConjugateDirection, LearnedDirection, ModelFileError, _direction, _model
from kriss.solve.learned import _direction_network as network
from kriss.testing import diffusion2d, masked_poisson, poisson2d, poisson3d

MODEL = DeepConjugateDirection.pretrained("2d")
KINDS = [("recursive", 2), ("recursive", 3), ("published", 2), ("published", 3)]


def random_model(kind, dim, seed=0):
    rng = np.random.default_rng(seed)
    arrays = {}
    for name, shape in network.shapes(kind, dim).items():
        scale = 1.0 / np.sqrt(shape[0] * shape[1]) if len(shape) == 3 else 0.3
        arrays[name] = scale * rng.standard_normal(shape)
    return DeepConjugateDirection(dim, kind, arrays)


def holes(shape, seed):
    rng = np.random.default_rng(seed)
    mask = rng.random(shape) > 0.15
    return kriss.testing._masked.open_cells(mask)


# The textbook network: every sum written out over shifted copies of double precision images.


def convolved(x, w):
    """x: (inputs, *shape), w: (inputs, taps, outputs)."""
    dim = x.ndim - 1
    padded = np.pad(x, [(0, 0)] + [(1, 1)] * dim)
    out = np.zeros((w.shape[2], *x.shape[1:]))
    for tap, offset in enumerate(np.ndindex((3,) * dim)):
        part = padded[(slice(None), *(slice(o, o + n) for o, n in zip(offset, x.shape[1:], strict=True)))]
        out += np.tensordot(w[:, tap].T, part, 1)
    return out


def textbook(model, r, mask, walls):
    w = {k: v.astype(float) for k, v in model.weights.items()}
    levels = network.levels(mask, walls, network.depth(model.network, mask.shape))
    axes = tuple(range(1, mask.ndim + 1))
    column = (-1,) + (1,) * mask.ndim

    def layer(name, x, level, rectify=False):
        inside, took = levels[level]
        y = convolved(x, w[name])
        if f"{name}_bias" in w:
            y += w[f"{name}_bias"].reshape(column)
        if rectify:
            y = np.maximum(y, 0.0)
        here = inside > 0
        gate = 1.0
        if f"{name}_gate" in w:
            slopes = w[f"{name}_gate"]
            gate = 1.0 + slopes[0].reshape(column) * took + slopes[1].reshape(column) * (1.0 - inside)
        return y * gate * here

    def down(x, level):
        return network.halved(x, axes) * (levels[level][0] > 0)

    def up(x, level):
        for axis in axes:
            x = np.repeat(x, 2, axis)
        return x[(slice(None), *(slice(n) for n in levels[level][0].shape))] * (levels[level][0] > 0)

    def recursive(r, level):
        h = layer("first", r, level)
        h = h + layer("before1", layer("before0", h, level), level)
        if level + 1 < len(levels):
            below = recursive(down(np.tensordot(w["down"], h, 1)[None], level + 1), level + 1)
            h = h + layer("back", up(below, level), level)
        h = h + layer("after1", layer("after0", h, level), level)
        return np.tensordot(w["sum"], h, 1)[None]

    image = np.zeros((1, *mask.shape))
    norm = np.sqrt(np.mean(r * r))
    image[0, mask] = r / norm
    if model.network == "recursive":
        return recursive(image, 0)[0][mask] * norm
    h = layer("first", image, 0)
    x = h
    for k in range(4):
        x = layer(f"deep{k}", x, 0, True)
    h = h + x
    y = down(h, 1)
    for k in range(3):
        y = y + layer(f"pooled{2 * k + 1}", layer(f"pooled{2 * k}", y, 1, True), 1, True)
    h = h + up(y, 0)
    for k in range(2):
        h = h + layer(f"last{2 * k + 1}", layer(f"last{2 * k}", h, 0, True), 0, True)
    out = np.tensordot(w["sum"], h, 1) + w["sum_bias"]
    return out[mask] * norm


def walls_of(A, mask):
    out = np.zeros(mask.shape)
    out[mask] = 1.0 - A.diagonal() / (2.0 * mask.ndim)
    return out


@pytest.mark.parametrize("walls", ["neumann", "dirichlet"])
@pytest.mark.parametrize(("kind", "dim"), KINDS)
def test_the_kernels_do_what_the_textbook_says(kind, dim, walls):
    model = random_model(kind, dim)
    for seed, shape in enumerate([(9, 21), (16, 33)] if dim == 2 else [(5, 6, 18)]):
        mask = holes(shape, seed)
        A = masked_poisson(mask, walls=walls)
        r = np.random.default_rng(seed).standard_normal(A.shape[0])
        expected = textbook(model, r, mask, walls_of(A, mask))
        found = model.setup(A, shape, mask) @ r
        assert_allclose(found, expected, rtol=0, atol=2e-5 * np.abs(expected).max())


@pytest.mark.parametrize("shape", [(1, 1), (1, 2), (2, 1), (3, 3), (2, 50), (10, 10)])
def test_small_grids(shape):
    mask = np.ones(shape, bool)
    A = masked_poisson(mask)
    for kind in ("recursive", "published"):
        model = random_model(kind, 2)
        r = np.random.default_rng(0).standard_normal(A.shape[0])
        expected = textbook(model, r, mask, walls_of(A, mask))
        assert_allclose(model.setup(A, shape) @ r, expected, rtol=0, atol=2e-5 * np.abs(expected).max())
    result = MODEL.setup(A, shape).solve(A, np.ones(A.shape[0]), rtol=1e-9)
    assert result.status == "converged"
    assert_allclose(A @ result.x, 1.0, rtol=1e-7)


@settings(max_examples=15, deadline=None)
@given(st.integers(3, 20), st.integers(3, 20), st.integers(0, 10**6), st.sampled_from(["neumann", "dirichlet"]))
def test_any_domain_is_solved(n0, n1, seed, walls):
    mask = holes((n0, n1), seed)
    if not mask.any():
        return
    A = masked_poisson(mask, walls=walls)
    b = np.random.default_rng(seed).standard_normal(A.shape[0])
    result = MODEL.setup(A, mask.shape, mask).solve(A, b, rtol=1e-8)
    assert result.status == "converged"
    assert np.linalg.norm(b - A @ result.x) <= 1e-8 * np.linalg.norm(b) * (1 + 1e-12)


def test_directions_that_point_uphill_are_turned_over():
    # across a wall of one cell with a gap at its end, which the coarse grids do not see
    mask = np.ones((64, 64), bool)
    mask[32, 1:] = False
    A = masked_poisson(mask)
    b = np.random.default_rng(0).standard_normal(A.shape[0])
    M = DeepConjugateDirection.pretrained("2d").setup(A, (64, 64), mask)
    assert fcg(A, b, M=M, rtol=1e-4, memory=8).status == "indefinite_preconditioner"
    result = M.solve(A, b, rtol=1e-4, residuals=True)
    assert (result.status, result.params["kept"], result.params["M"]) == ("converged", "network", "LearnedDirection")
    assert 5 * result.iterations <= cg(A, b, rtol=1e-4).iterations
    assert len(result.residuals) == result.iterations + 1
    assert np.linalg.norm(b - A @ result.x) <= 1.0001e-4 * np.linalg.norm(b)
    with pytest.raises(ValueError, match="memory"):
        M.solve(A, b, memory=0)


def test_a_tenth_of_the_iterations_and_hardly_more_on_larger_grids():
    counts = []
    for n in (64, 128, 256):
        A = poisson2d(n)
        b = np.random.default_rng(1).standard_normal(n * n)
        result = MODEL.setup(A, (n, n)).solve(A, b, rtol=1e-4)
        assert result.params["kept"] == "network"
        assert np.linalg.norm(b - A @ result.x) <= 1e-4 * np.linalg.norm(b)
        counts.append(result.iterations)
    assert 10 * counts[-1] <= cg(A, b, rtol=1e-4).iterations
    mean = sum(counts) / 3
    assert all(0.7 * mean <= count <= 1.3 * mean for count in counts)  # those of conjugate gradients double each time


def test_the_published_network_comes_too():
    model = DeepConjugateDirection.pretrained("2d published")
    assert model.network == "published"
    A = poisson2d(64)
    b = np.random.default_rng(1).standard_normal(4096)
    result = model.setup(A, (64, 64)).solve(A, b, rtol=1e-4)
    assert result.params["kept"] == "network"
    assert 5 * result.iterations <= cg(A, b, rtol=1e-4).iterations


def test_three_dimensions():
    model = DeepConjugateDirection.pretrained("3d")
    mask = np.ones((24, 20, 32), bool)
    mask[5:12, 6:10, 8:20] = False
    A = masked_poisson(mask)
    b = np.random.default_rng(1).standard_normal(A.shape[0])
    result = model.setup(A, mask.shape, mask).solve(A, b, rtol=1e-4)
    assert result.params["kept"] == "network"
    assert np.linalg.norm(b - A @ result.x) <= 1e-4 * np.linalg.norm(b)
    assert 5 * result.iterations <= cg(A, b, rtol=1e-4).iterations


def test_plain_conjugate_gradients_refuse_it():
    A = poisson2d(8)
    M = MODEL.setup(A, (8, 8))
    with pytest.raises(ValueError, match="linear"):
        cg(A, np.ones(64), M=M)
    assert fcg(A, np.ones(64), M=M, rtol=1e-8, memory=2).status == "converged"


@pytest.mark.parametrize("exponent", [-1000, -300, 0, 300, 1000])
def test_it_is_homogeneous(exponent):
    A = poisson2d(11)
    M = MODEL.setup(A, (11, 11))
    r = np.random.default_rng(2).standard_normal(121)
    assert_allclose(np.ldexp(M @ np.ldexp(r, exponent), -exponent), M @ r, rtol=0, atol=1e-5)
    assert not (M @ np.zeros(121)).any()
    for place in (0, 60, 120):
        for bad in (np.nan, np.inf, -np.inf):
            s = r.copy()
            s[place] = bad
            assert np.isnan(M @ s).all()


def test_scaled_matrices():
    A = poisson2d(12)
    r = np.random.default_rng(2).standard_normal(144)
    expected = MODEL.setup(A, (12, 12)) @ r
    for scale in (1e-300, 0.3, 1e300):
        assert_allclose(scale * (MODEL.setup(scale * A, (12, 12)) @ r), expected, rtol=1e-12)
        result = MODEL.setup(scale * A, (12, 12)).solve(scale * A, r, rtol=1e-6)
        assert result.status == "converged"
        assert result.params["kept"] == "network"


def test_a_network_that_misleads_is_left():
    A = poisson2d(20)
    b = np.random.default_rng(0).standard_normal(400)
    for change, reason in (
        (lambda v: np.zeros_like(v), "its first step gains nan"),
        (lambda v: -v, "its first step gains nan"),
        (lambda v: 3e38 * np.sign(v), "its first step gains nan"),
    ):
        weights = {k: change(v) if k == "sum" else v for k, v in MODEL.weights.items()}
        result = DeepConjugateDirection(2, "recursive", weights).setup(A, (20, 20)).solve(A, b, rtol=1e-8)
        assert result.status == "converged"
        assert result.params["kept"] == "jacobi"
        assert result.params["reason"].startswith(reason)
        assert np.linalg.norm(b - A @ result.x) <= 1.0001e-8 * np.linalg.norm(b)


def test_workers_threads_kinds_of_arrays_and_pickles():
    A = poisson2d(70)
    r = np.random.default_rng(0).standard_normal(4900)
    M = MODEL.setup(A, (70, 70), workers=1)
    expected = M @ r
    for workers in (2, 4):
        assert_array_equal(MODEL.setup(A, (70, 70), workers=workers) @ r, expected)
    for other in (sps.csr_matrix(A), A.tocsc(), A.tocoo(), A.astype(int)):
        assert_array_equal(MODEL.setup(other, (70, 70)) @ r, expected)
    assert_array_equal(pickle.loads(pickle.dumps(M)) @ r, expected)
    assert_array_equal(pickle.loads(pickle.dumps(MODEL)).setup(A, (70, 70)) @ r, expected)
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(lambda _: M @ r, range(8)):
            assert_array_equal(found, expected)
    single = MODEL.setup(A.astype(np.float32), (70, 70))
    assert_allclose(single @ r.astype(np.float32), expected, rtol=0, atol=1e-5 * np.abs(expected).max())
    result = single.solve(A.astype(np.float32), np.ones(4900, np.float32), rtol=1e-4)
    assert result.status == "converged"
    assert result.x.dtype == np.float32
    assert M.nbytes > 4 * 4900 * 8
    assert M.levels == 7


def test_both_backends_return_the_same_bits():
    pytest.importorskip("numba")
    if kriss._backend.core() is None:
        pytest.skip("there is no compiled module")
    for kind, dim in KINDS:
        shape = (17, 35) if dim == 2 else (5, 6, 19)
        mask = holes(shape, 3)
        A = masked_poisson(mask)
        r = np.random.default_rng(1).standard_normal(A.shape[0])
        M = random_model(kind, dim).setup(A, shape, mask)
        with kriss.use_backend("compiled"):
            one = M @ r
        with kriss.use_backend("numba"):
            two = M @ r
        assert_array_equal(one, two)


def test_matrices_outside_the_class_are_named():
    A = poisson2d(6)
    with pytest.raises(ValueError, match=r"A has shape \(36, 36\), but there are 42 cells"):
        MODEL.setup(A, (6, 7))
    with pytest.raises(ValueError, match=r"shape \(3, 3, 4\) has 3 axes, expected 2 as of the model"):
        MODEL.setup(A, (3, 3, 4))
    with pytest.raises(ValueError, match=r"A couples row 5 with 6, which is no neighbour|couples row 0 with 6"):
        MODEL.setup(A, (9, 4))
    with pytest.raises(ValueError, match="is no multiple of a Laplacian: entry"):
        MODEL.setup(diffusion2d(6, 10.0), (6, 6))
    with pytest.raises(TypeError, match="sparse"):
        MODEL.setup(A.toarray(), (6, 6))
    with pytest.raises(TypeError, match="mask has dtype int64, expected bool"):
        MODEL.setup(A, (6, 6), np.ones((6, 6), int))
    with pytest.raises(ValueError, match=r"mask has shape \(5, 6\), expected \(6, 6\)"):
        MODEL.setup(A, (6, 6), np.ones((5, 6), bool))
    with pytest.raises(ValueError, match="mask keeps no cell"):
        MODEL.setup(A, (6, 6), np.zeros((6, 6), bool))
    with pytest.raises(TypeError, match="model must be a DeepConjugateDirection, not int"):
        LearnedDirection(3, A, (6, 6))
    for place in (0, 17, 35):
        for value, message in (
            (np.nan, "NaN|nan"),
            (np.inf, "inf"),
            (-4.0, "diagonal"),
            (1.5, "diagonal"),
            (5.0, "diag"),
        ):
            B = A.tolil()
            B[place, place] = value
            with pytest.raises(ValueError, match=message):
                MODEL.setup(B.tocsr(), (6, 6))
    B = A.tolil()
    B[7, 8] = B[8, 7] = 0.0
    with pytest.raises(ValueError, match="row 7 of A has 3 couplings, but the cell 4 neighbours"):
        MODEL.setup(B.tocsr(), (6, 6))
    with pytest.raises(ValueError, match="is no multiple of a Laplacian"):
        MODEL.setup(-1.0 * A, (6, 6))


def test_files(tmp_path):
    model = random_model("published", 3)
    card = {"config": {"dim": 3, "network": "published"}}
    _model.write(tmp_path / "m.npz", model.weights, card)
    again = DeepConjugateDirection.load(tmp_path / "m.npz")
    assert (again.dim, again.network) == (3, "published")
    assert_array_equal(again.weights["deep1"], model.weights["deep1"])
    A = poisson3d(4)
    assert again.setup(A, (4, 4, 4)).solve(A, np.ones(64), rtol=1e-8).status == "converged"
    with pytest.raises(ModelFileError, match="there is no such file"):
        DeepConjugateDirection.load(tmp_path / "no.npz")
    (tmp_path / "m.json").write_text("{}")
    with pytest.raises(ModelFileError, match="its card is of no such network"):
        DeepConjugateDirection.load(tmp_path / "m.npz")
    (tmp_path / "m.json").write_text('{"config": {"dim": 3, "network": "published"}}')
    with pytest.raises(ModelFileError, match="is damaged"):
        DeepConjugateDirection.load(tmp_path / "m.npz")
    weights = {**MODEL.weights, "sum": np.full(network.WIDTH["recursive"], np.nan, np.float32)}
    with pytest.raises(ModelFileError, match="holds NaN"):
        DeepConjugateDirection(2, "recursive", weights)
    with pytest.raises(ModelFileError, match="expected"):
        DeepConjugateDirection(3, "recursive", MODEL.weights)
    with pytest.raises(ValueError, match="dim is 1, expected 2 or 3"):
        DeepConjugateDirection(1, "recursive", MODEL.weights)
    for dim in ("2", 2.0, None):
        with pytest.raises(TypeError, match="dim must be an integer"):
            DeepConjugateDirection(dim, "recursive", MODEL.weights)
    with pytest.raises(ValueError, match="network must be one of"):
        DeepConjugateDirection(2, "deep", MODEL.weights)
    with pytest.raises(ValueError, match="name must be one of"):
        DeepConjugateDirection.pretrained("1d")


@pytest.mark.parametrize(
    "config", ['{"network": [], "dim": 2}', '{"network": {}, "dim": 2}', '{"network": "recursive", "dim": 2.0}', "[]"]
)
def test_cards_of_other_kinds_are_no_such_network(config, tmp_path):
    _model.write(tmp_path / "m.npz", MODEL.weights, {})
    (tmp_path / "m.json").write_text(f'{{"config": {config}}}')
    with pytest.raises(ModelFileError, match="its card is of no such network"):
        DeepConjugateDirection.load(tmp_path / "m.npz")


def test_a_system_in_double_precision_is_solved_in_it_after_a_setup_in_single():
    A, b = poisson2d(30), np.random.default_rng(0).standard_normal(900)
    M = MODEL.setup(A.astype(np.float32), (30, 30))
    result = M.solve(A, b, rtol=1e-10)
    assert (result.status, result.params["kept"], result.x.dtype) == ("converged", "network", np.float64)
    assert np.linalg.norm(b - A @ result.x) <= 1.01e-10 * np.linalg.norm(b)


@pytest.mark.parametrize("name", ["T", "H"])
def test_it_has_no_transpose(name):
    with pytest.raises(NotImplementedError, match="LearnedDirection is not a symmetric linear map"):
        getattr(MODEL.setup(poisson2d(6), (6, 6)), name)


@pytest.mark.parametrize("walls", ["neumann", "dirichlet"])
@pytest.mark.parametrize(
    ("shape", "kept"),
    [
        ((3, 3), [(0, 1), (2, 2)]), ((3, 3), [(2, 2), (0, 1)]), ((3, 3), [(0, 1)]), ((3, 3), [(0, 0)]),
        ((1, 1), [(0, 0)]), ((1, 5), [(0, 0), (0, 2), (0, 4)]),
        ((4, 4), [(0, 0), (0, 2), (3, 3)]), ((3, 3, 3), [(0, 0, 0), (0, 1, 1)]),
    ],
)  # fmt: skip
def test_cells_without_neighbours(shape, kept, walls):
    mask = np.zeros(shape, bool)
    mask[tuple(np.transpose(kept))] = True
    A, b = masked_poisson(mask, walls=walls), np.arange(1.0, len(kept) + 1)
    model = MODEL if len(shape) == 2 else DeepConjugateDirection.pretrained("3d")
    for scale in (1.0, 2.0**-70):
        M = model.setup(scale * A, shape, mask)
        assert_allclose(M.solve(scale * A, b, rtol=1e-12).x * scale, b / A.diagonal(), rtol=1e-11)
    coupling, took = _direction.poisson(check.csr(A, "A"), mask)
    # the same matrix, whatever part of it is said to be walls
    assert_allclose(coupling * 2 * mask.ndim * (1.0 - took[mask]), A.diagonal(), rtol=1e-14)
    if walls == "neumann" or len(set(A.diagonal() / masked_poisson(mask).diagonal())) > 1:
        assert coupling == 1.0


def test_isolated_cells_that_are_no_laplacian_are_refused():
    mask = np.zeros((3, 3), bool)
    mask[0, 1] = mask[2, 2] = True
    for bad in (-1.0, 0.0):
        with pytest.raises(ValueError, match="is no multiple of a Laplacian: its diagonal entry in row"):
            MODEL.setup(sps.csr_array(np.diag([1.0, bad])), (3, 3), mask)


def test_the_setup_holds_no_table_of_neighbours():
    A = poisson3d(24)
    model = DeepConjugateDirection.pretrained("3d")
    tracemalloc.start()
    try:
        model.setup(A, (24, 24, 24))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak <= 270 * 24**3  # 230 in large ones; it was 650


def test_update_takes_another_coupling_and_other_walls():
    mask = holes((20, 24), 3)
    M = MODEL.setup(masked_poisson(mask), (20, 24), mask)
    r = np.random.default_rng(1).standard_normal(int(mask.sum()))
    B = sps.csr_array(3.0 * masked_poisson(mask, walls="dirichlet"))
    before, fresh = M @ r, MODEL.setup(B, (20, 24), mask) @ r
    for bad in (poisson2d(20), sps.csr_array(-B), sps.eye_array(r.size, format="csr")):
        with pytest.raises(ValueError, match="A"):
            M.update(bad)
        assert_array_equal(M @ r, before)
    M.update(B)
    assert_array_equal(M @ r, fresh)
    assert not np.array_equal(fresh, before / 3.0)


def test_masked_poisson_is_the_loop():
    for walls in ("neumann", "dirichlet"):
        for shape in ((5, 4), (3, 4, 5)):
            mask = holes(shape, 2)
            A = masked_poisson(mask, walls=walls).toarray()
            number = {tuple(c): k for k, c in enumerate(np.argwhere(mask))}
            expected = np.zeros_like(A)
            for cell, k in number.items():
                for axis in range(len(shape)):
                    for sign in (-1, 1):
                        other = tuple(c + sign * (a == axis) for a, c in enumerate(cell))
                        inside = all(0 <= c < n for c, n in zip(other, shape, strict=True))
                        if other in number:
                            expected[k, number[other]] = -1.0
                        expected[k, k] += 0.0 if inside and other not in number and walls == "neumann" else 1.0
            assert_array_equal(A, expected)
            assert np.linalg.eigvalsh(A).min() > 0
    assert_array_equal(masked_poisson(np.ones((7, 7), bool)).toarray(), poisson2d(7).toarray())


def test_masks_are_checked():
    pocket = np.zeros((7, 7), bool)
    pocket[3, 3] = True
    with pytest.raises(ValueError, match=r"walls close off the cell \(3, 3\)"):
        masked_poisson(pocket)
    assert masked_poisson(pocket, walls="dirichlet").toarray() == 4.0
    with pytest.raises(TypeError, match="mask has dtype float64, expected bool"):
        masked_poisson(np.ones((3, 3)))
    with pytest.raises(ValueError, match="mask has 1 axes, expected 2 or 3"):
        masked_poisson(np.ones(3, bool))
    with pytest.raises(ValueError, match="walls must be one of"):
        masked_poisson(pocket, walls="open")
    assert masked_poisson(np.zeros((3, 3), bool)).shape == (0, 0)


def test_a_jacobi_start_is_not_better():
    """The first step that the solver compares with is that of the diagonal."""
    A = poisson2d(32)
    b = np.random.default_rng(3).standard_normal(1024)
    M = MODEL.setup(A, (32, 32))
    gains = []
    for z in (M @ b, Jacobi(A) @ b):
        gains.append((b @ z) ** 2 / (z @ (A @ z)))
    assert gains[0] > gains[1]


def test_what_overflows_is_not_kept_for_the_next_residual(rng):
    """Infinity times 0 between the lines of an image was NaN for good."""
    A = poisson2d(20)
    spike, even = np.zeros(400), np.where(rng.random(400) < 0.5, -1.0, 1.0)
    spike[219] = 1.0
    model = random_model("published", 2)
    for exponent in range(100, 129):
        arrays = {k: v * (np.float32(2.0) ** exponent if k == "first" else 1.0) for k, v in model.weights.items()}
        M = DeepConjugateDirection(2, "published", arrays).setup(A, (20, 20))
        with np.errstate(all="ignore"):
            fresh = M.apply(even, np.empty(400))
            if np.isfinite(fresh).all() and not np.isfinite(M.apply(spike, np.empty(400))).all():
                break
    else:
        pytest.fail("nothing overflowed")
    assert_array_equal(M.apply(even, np.empty(400)), fresh)


def test_huge_directions_raise_no_warning_and_keep_their_room():
    M = MODEL.setup(poisson2d(20) * 1e-306, (20, 20))
    for _ in range(2):
        assert np.isfinite(M.apply(np.ones(400), np.empty(400))).all()
        assert len(M._rooms) == 1
