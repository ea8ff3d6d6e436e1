"""Random features: their kernels in the mean, their error, and the same bits whatever X looks like."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import gamma, kv

from kriss import _backend
from kriss.sketch import RandomFeatures, UniversalFeatures, fwht


def rbf(r):
    return np.exp(-0.5 * r * r)


def matern(nu):
    def k(r):
        s = np.sqrt(2 * nu) * np.maximum(r, 1e-12)
        return 2 ** (1 - nu) / gamma(nu) * s**nu * kv(nu, s)

    return k


def arc_cosine(order):
    """Cho and Saul 2009, equations 2 to 6."""

    def k(X, Y):
        a, b = np.linalg.norm(X, axis=1)[:, None], np.linalg.norm(Y, axis=1)[None]
        angle = np.arccos(np.clip(X @ Y.T / (a * b), -1, 1))
        if order == 0:
            return (np.pi - angle) / np.pi
        return a * b * (np.sin(angle) + (np.pi - angle) * np.cos(angle)) / np.pi

    return k


def distances(X, Y):
    return np.sqrt(np.maximum(((X[:, None] - Y[None]) ** 2).sum(axis=2), 0))


CASES = [("rbf", {}), ("matern", {"nu": 0.5}), ("matern", {"nu": 1.5}), ("matern", {"nu": 4.0}),
         ("arc-cosine", {"order": 0}), ("arc-cosine", {"order": 1})]  # fmt: skip


def exact(kernel, options, X, Y):
    if kernel == "arc-cosine":
        return arc_cosine(options["order"])(X, Y)
    return (rbf if kernel == "rbf" else matern(options["nu"]))(distances(X, Y))


@pytest.mark.parametrize(("kernel", "options"), CASES, ids=str)
@pytest.mark.parametrize("n", [1, 2, 7, 64, 100])
def test_mean_over_seeds_is_the_kernel(kernel, options, n):
    if options == {"order": 0} and n < 7:
        pytest.skip("steps see that directions are discrete: the next test bounds what that costs")
    gen = np.random.default_rng(n)
    X = gen.standard_normal((6, n)) / math.sqrt(n)
    X[1] = 0.0
    X[1, 0] = 1.5  # one coordinate only: the direction where a short chain of transforms is most discrete
    seeds, total, square = 150, 0.0, 0.0
    for seed in range(seeds):
        Z = RandomFeatures(256, kernel=kernel, rng=seed, **options).transform(X)
        K = Z @ Z.T
        total, square = total + K, square + K * K
    mean = total / seeds
    sd = np.sqrt(np.maximum(square / seeds - mean**2, 0) / seeds)
    # 21 pairs; the standard error is estimated from the seeds. Five of them, and rounding.
    assert (abs(mean - exact(kernel, options, X, X)) <= 5 * sd + 1e-12).all()


def test_steps_of_one_column_are_off_by_their_zeros_only():
    """Of opposite numbers no step should see both. It does where the projection is zero: 64 signs that cancel."""
    F = [RandomFeatures(256, kernel="arc-cosine", order=0, rng=seed) for seed in range(200)]
    both = np.mean([(lambda Z: Z[0] @ Z[1])(f(np.array([[1.0], [-1.0]]))) for f in F])
    zero = math.comb(64, 32) / 2.0**64
    assert 0 < both < 2 * zero
    one = np.mean([(lambda Z: Z[0] @ Z[0])(f(np.array([[1.0]]))) for f in F])
    assert abs(one - 1) < 0.03


@pytest.mark.parametrize(("kernel", "options"), CASES[:4], ids=str)
@pytest.mark.parametrize("features", [256, 1024, 4096])
def test_error_is_at_most_that_of_independent_frequencies(rng, kernel, options, features):
    X = rng.standard_normal((60, 32))
    X *= 1.5 / math.sqrt(32)
    K = exact(kernel, options, X, X)
    errors = []
    for seed in range(8):
        Z = RandomFeatures(features, kernel=kernel, rng=seed, **options).transform(X)
        errors.append(Z @ Z.T - K)
    rms = math.sqrt(np.mean(np.square(errors)))
    # Independent frequencies: variance (1 + k(2r) - 2 k(r)^2) / features <= 1 / features.
    variance = np.mean(1 + exact(kernel, options, 2 * X, 2 * X) - 2 * K * K) / features
    assert rms <= 1.1 * math.sqrt(variance)
    assert rms > 0.1 * math.sqrt(variance)


def test_projection_is_the_chain_of_transforms(rng):
    """Map 0 against the transforms written out: stretch H D1 H D2 H D3 x."""
    p, frequencies, n = 64, 100, 50
    x = rng.standard_normal((5, n))
    signs = np.where(rng.random((2, 3, p)) < 0.5, -1.0, 1.0)
    stretch = rng.random(frequencies)
    inverse = rng.random(n)
    out = np.empty((5, frequencies))
    _backend.kernels("sketch_transform").random_features(x, inverse, signs, stretch, 0, 2.0, out, 0)
    padded = np.zeros((5, p))
    padded[:, :n] = x * inverse
    rows = []
    for block in signs:
        v = padded
        for d in block:
            v = fwht(v * d, axis=1)
        rows.append(v)
    expected = np.hstack(rows)[:, :frequencies] * stretch
    assert np.array_equal(out, expected * 2.0)


@pytest.mark.parametrize("features", [2, 6, 64, 128, 130, 1000])
@pytest.mark.parametrize("n", [1, 50, 64, 65])
def test_features_are_cosines_and_sines_of_one_projection(rng, n, features):
    X = rng.standard_normal((7, n))
    Z = RandomFeatures(features, rng=0).transform(X)
    half = features // 2
    assert Z.shape == (7, features)
    # cos² + sin² = 1 for every frequency.
    assert np.allclose((Z[:, :half] ** 2 + Z[:, half:] ** 2) * half, 1.0, rtol=1e-13)
    assert np.allclose((Z**2).sum(axis=1), 1.0, rtol=1e-13)
    ones = RandomFeatures(features, rng=0).transform(np.zeros((1, n)))
    assert np.array_equal(ones[0, half:], np.zeros(half))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(("kernel", "options"), CASES, ids=str)
def test_same_bits_for_workers_and_layouts(rng, kernel, options, dtype):
    X = rng.standard_normal((101, 70)).astype(dtype)
    features = RandomFeatures(300, kernel=kernel, lengthscale=2.0, rng=3, **options)
    base = features.transform(X, workers=1)
    assert base.dtype == dtype and base.shape == (101, 300)
    for workers in (2, 3, 4):
        assert np.array_equal(features.transform(X, workers=workers), base)
    assert np.array_equal(features(np.asfortranarray(X)), base)
    assert np.array_equal(features(np.ascontiguousarray(X[::-1])[::-1]), base)
    assert np.array_equal(np.vstack([features(X[:7]), features(X[7:])]), base)
    again = RandomFeatures(300, kernel=kernel, lengthscale=2.0, rng=3, **options)
    assert np.array_equal(again(X), base)
    out = np.empty_like(base)
    assert features.transform(X, out=out) is out and np.array_equal(out, base)
    # One object, several numbers of columns in turn.
    assert features(X[:, :3]).shape == (101, 300)
    assert np.array_equal(features(X), base)


def test_single_precision_is_the_rounded_double(rng):
    X = rng.standard_normal((20, 100)).astype(np.float32)
    one, two = (RandomFeatures(512, rng=0, lengthscale=3.0).transform(X.astype(t)) for t in ("f4", "f8"))
    # Projections of size about 10 with 21 levels of additions, times the features' slope.
    assert abs(one - two).max() < 21 * 40 * np.finfo(np.float32).eps * math.sqrt(2 / 512)


def test_lengthscales_by_column(rng):
    X = rng.standard_normal((30, 4))
    scale = np.array([0.5, 1.0, 2.0, 4.0])
    # Powers of two: exactly the features of the scaled data.
    assert np.array_equal(RandomFeatures(64, lengthscale=scale, rng=0)(X), RandomFeatures(64, rng=0)(X / scale))
    kept = scale.copy()
    features = RandomFeatures(64, lengthscale=scale, rng=0)
    scale[:] = 7
    assert np.array_equal(features.lengthscale, kept)


def test_huge_and_tiny_arguments_are_right():
    """Angles beyond the fast reduction, against the sine of the same number in NumPy."""
    X = np.array([[1e9], [1e15], [1e-300], [5e-324]])
    unit = np.array([[2.0**-20]])
    features = RandomFeatures(64, rng=0)
    inverse = np.ones(1)
    tables = features._projection.tables(1, np.dtype(np.float64))
    angle = np.empty((4, 32))
    _backend.kernels("sketch_transform").random_features(X, inverse, tables.signs, tables.stretch, 0, 1.0, angle, 0)
    Z = features(X)
    assert np.allclose(Z * math.sqrt(32), np.hstack([np.cos(angle), np.sin(angle)]), rtol=0, atol=4e-16)
    assert features(unit).shape == (1, 64)


def test_values_that_overflow_are_refused():
    for kernel in ("rbf", "arc-cosine"):
        with pytest.raises(OverflowError, match="overflows"):
            RandomFeatures(64, kernel=kernel, rng=0)(np.full((2, 3), 1e307))
        with pytest.raises(OverflowError, match="overflows"):
            RandomFeatures(64, kernel=kernel, lengthscale=1e-310, rng=0)(np.ones((2, 3)))
    for bad in (np.nan, np.inf):
        for where in ((0, 0), (5, 1), (9, 2)):
            X = np.ones((10, 3))
            X[where] = bad
            with pytest.raises(ValueError, match=rf"X contains .* at index \({where[0]}, {where[1]}\)"):
                RandomFeatures(64, rng=0)(X)
            with pytest.raises(ValueError, match="X contains"):
                UniversalFeatures(64, rng=0).inputs(X)


def test_input_of_every_kind(rng):
    X = rng.integers(-5, 5, (10, 3))
    features = RandomFeatures(64, rng=0)
    base = features(X.astype(float))
    read_only = X.astype(float)
    read_only.flags.writeable = False
    unaligned = np.frombuffer(b"x" + X.astype(float).tobytes(), np.uint8)[1:].view(np.float64).reshape(10, 3)
    for same in (X, X.tolist(), X.astype(np.int8), X.astype(">f8"), read_only, unaligned):
        assert np.array_equal(features(same), base)
    assert features(X.astype(np.float16)).dtype == np.float32
    assert np.array_equal(features(np.broadcast_to(1.0, (4, 3))), features(np.ones((4, 3))))
    assert features(np.empty((0, 3))).shape == (0, 64)


def test_bad_arguments():
    X = np.ones((4, 3))
    F = RandomFeatures(8, rng=0)
    for exception, match, call in [
        (ValueError, "even", lambda: RandomFeatures(7)),
        (ValueError, "n_features", lambda: RandomFeatures(0)),
        (TypeError, "n_features", lambda: RandomFeatures(8.0)),
        (ValueError, "kernel", lambda: RandomFeatures(8, kernel="laplace")),
        (ValueError, "lengthscale", lambda: RandomFeatures(8, lengthscale=0.0)),
        (ValueError, "lengthscale", lambda: RandomFeatures(8, lengthscale=[1.0, np.nan])),
        (ValueError, "lengthscale", lambda: RandomFeatures(8, lengthscale=[[1.0]])),
        (ValueError, "nu", lambda: RandomFeatures(8, nu=0)),
        (ValueError, "order", lambda: RandomFeatures(8, order=2)),
        (ValueError, "rng", lambda: RandomFeatures(8, rng=-1)),
        (ValueError, "X has shape", lambda: F(X[0])),
        (ValueError, "at least one column", lambda: F(X[:, :0])),
        (TypeError, "X has dtype", lambda: F(X * 1j)),
        (ValueError, "2 columns", lambda: RandomFeatures(8, lengthscale=[1.0, 2.0])(X)),
        (ValueError, "out has shape", lambda: F.transform(X, out=np.empty((4, 7)))),
        (TypeError, "out has dtype", lambda: F.transform(X, out=np.empty((4, 8), np.float32))),
        (ValueError, "workers", lambda: F.transform(X, workers=0)),
        (ValueError, "even", lambda: UniversalFeatures(7)),
        (ValueError, "activation", lambda: UniversalFeatures(8, activation="relu")),
        (ValueError, "b has shape", lambda: UniversalFeatures(8).weights(X, np.ones(3))),
        (ValueError, "W has shape", lambda: UniversalFeatures(8).weights(X[0])),
        (OverflowError, "overflow", lambda: UniversalFeatures(64, activation="cos", rng=0).inputs(X * 1e4)),
    ]:
        with pytest.raises(exception, match=match):
            call()
    assert RandomFeatures(7, kernel="arc-cosine").n_features == 7
    assert repr(RandomFeatures(8, rng=1)).startswith("RandomFeatures(8, kernel='rbf', lengthscale=1.0, seed=0x")
    assert "nu=1.5" in repr(RandomFeatures(8, kernel="matern"))
    assert "order=1" in repr(RandomFeatures(8, kernel="arc-cosine"))
    assert repr(UniversalFeatures(8, rng=1)).startswith("UniversalFeatures(8, activation='gaussian', seed=0x")


ACTIVATIONS = {
    "cos": np.cos,
    "sin": np.sin,
    "gaussian": lambda t: np.exp(-0.5 * t * t),
    "sech": lambda t: 1 / np.cosh(t),
    "lorentzian": lambda t: 1 / (1 + t * t),
}


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_universal_features_are_unbiased(activation):
    gen = np.random.default_rng(5)
    X, W = 0.3 * gen.standard_normal((4, 3)), 0.3 * gen.standard_normal((5, 3))
    b = np.linspace(-2, 2, 5)
    draws = []
    for seed in range(200):
        F = UniversalFeatures(256, activation=activation, rng=seed)
        draws.append(F.inputs(X) @ F.weights(W, b).T)
    mean, sd = np.mean(draws, axis=0), np.std(draws, axis=0) / math.sqrt(200)
    assert (abs(mean - ACTIVATIONS[activation](X @ W.T + b)) <= 5 * sd).all()
    assert sd.max() < 0.02


def test_universal_features_do_not_depend_on_workers_or_precision(rng):
    X, W = 0.3 * rng.standard_normal((70, 9)), 0.3 * rng.standard_normal((8, 9))
    F = UniversalFeatures(500, activation="sech", rng=0)
    base = F.inputs(X, workers=1)
    for workers in (2, 4):
        assert np.array_equal(F.inputs(X, workers=workers), base)
    assert np.array_equal(np.vstack([F.inputs(X[:33]), F.inputs(X[33:])]), base)
    assert np.array_equal(F.weights(W), F.weights(W, np.zeros(8)))
    single = F.inputs(X.astype(np.float32))
    assert single.dtype == np.float32 and np.allclose(single, base, rtol=0, atol=1e-4)


@given(m=st.integers(0, 9), n=st.integers(1, 130), half=st.integers(1, 150), seed=st.integers(0, 2**32))
def test_unit_norm_for_any_shape(m, n, half, seed):
    X = np.random.default_rng(seed).standard_normal((m, n))
    Z = RandomFeatures(2 * half, rng=seed).transform(X)
    assert Z.shape == (m, 2 * half)
    assert np.allclose((Z * Z).sum(axis=1), 1.0, rtol=1e-12)
