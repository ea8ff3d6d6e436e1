"""lstsq_stream and Refinement: the certified solution of rows that are read in passes."""

import itertools
import pickle

import numpy as np
import pytest
import scipy.linalg as sla
import scipy.sparse as sps

from kriss.sketch import SketchState, backward_error, lstsq_stream
from kriss.sketch import _state as state_module

EPS = 2.0**-52


def problem(rng, m=4000, n=8, k=None, condition=10.0, residual=1.0):
    U = np.linalg.qr(rng.standard_normal((m, n)))[0]
    A = (U * np.logspace(0, -np.log10(condition), n)) @ np.linalg.qr(rng.standard_normal((n, n)))[0]
    shape = (m,) if k is None else (m, k)
    return A, A @ rng.standard_normal((n, *shape[1:])) + residual * rng.standard_normal(shape)


def pieces(A, b, seed, count=9):
    cuts = np.sort(np.random.default_rng(seed).choice(len(A) - 1, count, replace=False) + 1)
    borders = [0, *cuts, len(A)]
    return [(A[i:j], b[i:j]) for i, j in itertools.pairwise(borders)]


@pytest.fixture
def small_groups(monkeypatch):
    monkeypatch.setattr(state_module, "group_rows", lambda n: 256)


@pytest.mark.parametrize("condition", [1e1, 1e5, 1e9, 1e12])
@pytest.mark.parametrize("residual", [0.0, 1e-8, 1.0, 1e3])
def test_certificate_holds_and_is_right(rng, small_groups, condition, residual):
    A, b = problem(rng, condition=condition, residual=residual)
    fit = lstsq_stream(A, b, rng=0)
    assert fit.status == "certified" and fit.rank == 8
    # Judged independently: a factor of A by other means, and its estimate within 0.707 of the truth.
    assert backward_error(A, b, fit.x, scaled=True) <= EPS
    assert fit.backward_error <= EPS
    exact = sla.lstsq(A, b, lapack_driver="gelsd")[0]
    # Both are backward stable: perturbation theory with the condition number squared times the residual.
    r = np.linalg.norm(b - A @ exact)
    bound = 50 * EPS * condition * (np.linalg.norm(exact) + condition * r)
    assert np.linalg.norm(fit.x - exact) <= bound
    assert np.allclose(fit.s, sla.svdvals(A), rtol=0, atol=20 * EPS * fit.s[0])
    assert fit.residues.shape == ()
    # Each entry of the residual is a sum of n + 1 terms.
    noise = 20 * EPS * np.linalg.norm(abs(A) @ abs(fit.x) + abs(b))
    assert abs(np.sqrt(fit.residues) - np.linalg.norm(b - A @ fit.x)) <= noise
    assert fit.sketch_distortion < 1.5


@pytest.mark.parametrize("condition", [1e13, 1e14, 1e15])
@pytest.mark.parametrize("residual", [1e-12, 1.0, 1e3])
def test_conditions_at_the_edge_of_the_rank(small_groups, condition, residual):
    """Near 1/eps no solution is certified for sure, but none is bad, and the status says which."""
    for seed in range(5):
        A, b = problem(np.random.default_rng(seed), 2000, 12, condition=condition, residual=residual)
        fit = lstsq_stream(A, b, rng=seed)
        assert fit.backward_error <= 1e-15
        # Judged by LAPACK's factor; singular values of the sketch stand for A's in the directions that were dropped.
        assert backward_error(A, b, fit.x, scaled=True) <= 2e-15
        assert (fit.status == "certified") == (fit.backward_error <= EPS)
        assert fit.rank == 12 if condition < 1e14 else fit.rank in (11, 12)


def test_same_bits_for_any_blocks(rng, small_groups):
    A, b = problem(rng, k=2)
    whole = lstsq_stream(A, b, rng=1)
    for seed in range(5):
        for workers in (1, 2):
            parts = lstsq_stream(pieces(A, b, seed), rng=1, workers=workers)
            for name in ("x", "s", "coefficient_se", "residues", "backward_error", "passes"):
                assert np.array_equal(getattr(parts, name), getattr(whole, name)), name


def test_readers_elsewhere_give_the_same_bits(rng, small_groups):
    """What another process sums, comes back by pickle, in any order and with borders anywhere."""
    A, b = problem(rng)
    want = lstsq_stream(A, b, rng=1)
    state = SketchState(8, sketch_size=64, rng=1).update(A, b)
    second = state.refine()
    borders = [0, 100, 1111, 3000, 4000]
    while not second.done:
        readers = []
        for i in (2, 0, 3, 1):
            reader = pickle.loads(pickle.dumps(second.reader()))
            first, last = borders[i], borders[i + 1]
            reader.update(A[first:last], b[first:last], first, 0)
            readers.append(pickle.loads(pickle.dumps(reader)))
        readers[0].merge(readers[1])
        for reader in (readers[2], readers[0], readers[3]):
            second.absorb(reader)
        second.next_pass()
    got = second.result()
    assert np.array_equal(got.x, want.x) and got.backward_error == want.backward_error


@pytest.mark.parametrize("kind", ["F", "csr", "csc", "list", "float32", "memmap", "generator", "swapped"])
def test_sources(rng, small_groups, tmp_path, kind):
    A, b = problem(rng, 3000, 5)
    A[rng.random(A.shape) < 0.3] = 0.0
    if kind == "float32":
        A, b = A.astype(np.float32).astype(float), b.astype(np.float32).astype(float)
    want = lstsq_stream(A, b, rng=1)
    if kind == "memmap":
        file = np.memmap(tmp_path / "A.bin", dtype=np.float64, mode="w+", shape=A.shape)
        file[:] = A
        file.flush()
        got = lstsq_stream(np.memmap(tmp_path / "A.bin", dtype=np.float64, mode="r", shape=A.shape), b, rng=1)
    elif kind == "generator":
        calls = []

        def blocks():
            calls.append(1)
            buffer = np.empty((700, 5))  # written over again and again
            for first in range(0, 3000, 700):
                part = A[first : first + 700]
                buffer[: len(part)] = part
                yield buffer[: len(part)], b[first : first + 700].copy()

        got = lstsq_stream(blocks, rng=1)
        assert len(calls) == got.passes
    else:
        given = {
            "F": lambda: np.asfortranarray(A),
            "csr": lambda: sps.csr_array(A),
            "csc": lambda: sps.csc_array(A),
            "list": lambda: A.tolist(),
            "float32": lambda: A.astype(np.float32),
            "swapped": lambda: A.astype(">f8"),
        }[kind]()
        got = lstsq_stream(given, b.astype(np.float32) if kind == "float32" else b, rng=1)
    assert np.array_equal(got.x, want.x)
    assert got.status == "certified"


def test_standard_errors_are_those_of_regression(rng):
    A, b = problem(rng, 2000, 6, 3)
    fit = lstsq_stream(A, b, rng=0)
    r = b - A @ fit.x
    want = np.sqrt(np.diag(np.linalg.inv(A.T @ A))[:, None] * (r * r).sum(axis=0) / (2000 - 6))
    assert np.allclose(fit.coefficient_se, want, rtol=1e-9)
    assert fit.coefficient_se.shape == fit.x.shape == (6, 3)
    damped = lstsq_stream(A, b, damp=0.4, rng=0)
    M = np.linalg.inv(A.T @ A + 0.16 * np.eye(6))
    r = b - A @ damped.x
    free = 2000 - np.trace(A @ M @ A.T)
    want = np.sqrt(np.diag(M @ A.T @ A @ M)[:, None] * (r * r).sum(axis=0) / free)
    assert np.allclose(damped.coefficient_se, want, rtol=1e-9)


@pytest.mark.parametrize("damp", [1e-6, 0.3, 50.0])
def test_damped(rng, small_groups, damp):
    A, b = problem(rng, 3000, 6, condition=1e6)
    A[:, 3] = A[:, 1]
    fit = lstsq_stream(A, b, damp=damp, rng=0)
    below = np.vstack([A, damp * np.eye(6)]), np.concatenate([b, np.zeros(6)])
    want = np.linalg.lstsq(*below, rcond=None)[0]
    assert fit.status == "certified" and fit.rank == 6
    condition = np.linalg.cond(below[0])
    bound = 50 * EPS * condition * (np.linalg.norm(want) + condition * np.linalg.norm(b) / np.linalg.norm(below[0], 2))
    assert np.linalg.norm(fit.x - want) <= bound
    assert np.isclose(fit.residues, np.sum((b - A @ fit.x) ** 2), rtol=1e-12)
    assert np.allclose(fit.s, sla.svdvals(below[0]), rtol=0, atol=50 * EPS * fit.s[0])


@pytest.mark.parametrize("k", [None, 2])
def test_deficient(rng, small_groups, k):
    A, b = problem(rng, 3000, 8, k, condition=1e3)
    A[:, 2] = A[:, 0] + A[:, 5]
    A[:, 6] = 0.0
    A[:, 7] = -4 * A[:, 1]
    fit = lstsq_stream(A, b, rng=0)
    want, _, rank, s = sla.lstsq(A, b, cond=1e-11)
    assert fit.rank == rank == 5 and fit.condition == np.inf
    assert fit.status == "certified"
    assert np.allclose(fit.x, want, rtol=1e-9, atol=1e-9 * abs(want).max())
    assert np.allclose(fit.s, s, rtol=0, atol=50 * EPS * s[0])
    pinv = np.linalg.pinv(A, rcond=1e-11)
    want_se = np.sqrt(np.diag(pinv @ pinv.T).reshape(-1, *[1] * (b.ndim - 1)) * fit.residues / (3000 - 5))
    assert np.allclose(fit.coefficient_se, want_se, rtol=1e-7, atol=1e-12)


def test_nothing_to_find(rng):
    b = rng.standard_normal(500)
    fit = lstsq_stream(np.zeros((500, 3)), b, rng=0)
    assert fit.rank == 0 and not fit.x.any() and np.isclose(fit.residues, b @ b)
    fit = lstsq_stream(rng.standard_normal((500, 3)), np.zeros(500), rng=0)
    assert fit.status == "certified" and not fit.x.any() and fit.residues == 0


@pytest.mark.parametrize("m", [1, 2, 5, 6, 7, 30])
def test_few_rows(rng, m):
    """No more rows than unknowns, or fewer than the sketch has."""
    A, b = rng.standard_normal((m, 5)), rng.standard_normal(m)
    fit = lstsq_stream(A, b, rng=0)
    want = np.linalg.lstsq(A, b, rcond=None)[0]
    assert fit.rank == min(m, 5)
    assert np.allclose(fit.x, want, rtol=1e-9, atol=1e-10)
    assert np.isnan(fit.coefficient_se).all() == (m <= 5)


@pytest.mark.parametrize("scale", [1e-250, 1e-100, 1e100, 1e250])
@pytest.mark.parametrize("which", ["A", "b"])
def test_scales(rng, small_groups, scale, which):
    A, b = problem(rng, 2000, 4)
    power = np.ldexp(1.0, int(np.log2(scale)))
    one = lstsq_stream(A, b, rng=0)
    two = lstsq_stream(A * power, b, rng=0) if which == "A" else lstsq_stream(A, b * power, rng=0)
    back = two.x * power if which == "A" else two.x / power
    assert np.array_equal(back, one.x)
    assert two.backward_error == one.backward_error
    back = two.coefficient_se * power if which == "A" else two.coefficient_se / power
    assert np.array_equal(back, one.coefficient_se)


def test_hard_columns(rng):
    """One-hot columns beside an intercept, subnormal and duplicate ones."""
    labels = rng.integers(0, 6, 5000)
    A = np.column_stack([np.ones(5000), np.eye(6)[labels], rng.standard_normal(5000), np.full(5000, 5e-310)])
    b = rng.standard_normal(5000)
    fit = lstsq_stream(A, b, rng=0)
    want = np.linalg.lstsq(A[:, :-1], b, rcond=1e-12)[0]
    assert fit.rank == 7 and fit.status == "certified"
    assert np.allclose(fit.x[:-1], want, rtol=1e-10, atol=1e-12) and abs(fit.x[-1]) < 1e-300


def test_coherent_rows():
    A = np.zeros((20_000, 30))
    A[:30] = np.diag(np.logspace(0, 8, 30))
    A[30:] = 1e-8 * np.random.default_rng(0).standard_normal((19_970, 30))
    b = np.random.default_rng(1).standard_normal(20_000)
    fit = lstsq_stream(A, b, rng=0)
    assert fit.status == "certified" and backward_error(A, b, fit.x, scaled=True) <= EPS


def test_a_missed_certificate_is_reported(rng, monkeypatch):
    A, b = problem(rng, condition=1e8)
    fit = lstsq_stream(A, b, rng=0, tol=1e-30)
    assert fit.status.startswith("not certified: backward error") and fit.backward_error > 1e-30
    from kriss.sketch import _dense

    monkeypatch.setattr(_dense, "cholesky", lambda g: None)
    fit = lstsq_stream(A, b, rng=0, tol=1e-30)
    assert "not positive definite" in fit.status
    # The sketch's own factor converges too, only more slowly.
    assert fit.backward_error < 1e-6


def test_tolerance_saves_passes(rng):
    A, b = problem(rng, condition=1e8)
    assert lstsq_stream(A, b, rng=0, tol=1e-3).passes <= lstsq_stream(A, b, rng=0).passes


def test_passes_must_see_the_same_rows(rng):
    A, b = problem(rng, 1000, 4)
    second = SketchState(4, rng=0).update(A, b).refine()
    second.update(A[:500], b[:500])
    with pytest.raises(ValueError, match="given the rows 0 to 499, expected those of the sketch: 0 to 999"):
        second.next_pass()
    with pytest.raises(ValueError, match="rows 0 to 9 were given before"):
        second.update(A[:10], b[:10], 0)
    second.update(A[500:], b[500:])
    assert second.next_pass()
    second.update(A, b[::-1])
    with pytest.raises(ValueError, match="b differs"):
        second.next_pass()
    with pytest.raises(ValueError, match="not at their end"):
        second.result()
    stale = SketchState(4, rng=1).update(A, b).refine()
    with pytest.raises(ValueError, match="another pass"):
        second.absorb(stale.reader())
    fit = SketchState(4, rng=0).update(A, b).refine()
    while not fit.done:
        fit.update(A, b).next_pass()
    assert not fit.next_pass()
    with pytest.raises(ValueError, match="no further pass"):
        fit.update(A, b)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("where", [0, 1500, -1])
@pytest.mark.parametrize("which", ["a", "b"])
def test_non_finite(rng, bad, where, which):
    A, b = problem(rng, 3000, 4)
    (A if which == "a" else b)[where] = bad
    with pytest.raises(ValueError, match="contains"):
        lstsq_stream(A, b, rng=0)


def test_errors_name_what_is_wrong(rng):
    A, b = problem(rng, 100, 3)
    with pytest.raises(TypeError, match="read once only"):
        lstsq_stream(iter([(A, b)]))
    with pytest.raises(TypeError, match="expected a function or a list"):
        lstsq_stream(A)
    with pytest.raises(ValueError, match="b has 99 rows, expected 100"):
        lstsq_stream(A, b[:-1])
    with pytest.raises(ValueError, match="no rows"):
        lstsq_stream([])
    with pytest.raises(ValueError, match="no rows"):
        lstsq_stream(A[:0], b[:0])
    with pytest.raises(ValueError, match="at least one column"):
        lstsq_stream(A[:, :0], b)
    with pytest.raises(ValueError, match="shapes"):
        lstsq_stream(A[0], b)
    with pytest.raises(ValueError, match="expected 3 columns"):
        lstsq_stream([(A, b), (A[:, :2], b)])
    with pytest.raises(ValueError, match="tol must be above 0"):
        lstsq_stream(A, b, tol=0.0)
    with pytest.raises(ValueError, match="damp must be at least 0"):
        lstsq_stream(A, b, damp=-1.0)
    with pytest.raises(TypeError, match="complex"):
        lstsq_stream(A + 0j, b)
    with pytest.raises(ValueError, match="workers"):
        lstsq_stream(A, b, workers=0)


@pytest.mark.parametrize("which", ["a", "b"])
@pytest.mark.parametrize(
    ("kind", "refused"),
    [
        ("list", None),
        ("int", None),
        ("bool", None),
        ("float16", None),
        ("F", None),
        ("negative", None),
        ("zero-stride", None),
        ("read-only", None),
        ("unaligned", None),
        ("swapped", None),
        ("longdouble", TypeError),
        ("object", TypeError),
        ("complex", TypeError),
        ("masked", ValueError),
        ("text", TypeError),
        ("0-d", ValueError),
    ],
)
def test_kinds_of_arrays(rng, which, kind, refused):
    A, b = rng.integers(-3, 4, (400, 3)).astype(float), rng.integers(-3, 4, 400).astype(float)
    if kind == "bool":
        A, b = (abs(A) > 1).astype(float), (abs(b) > 1).astype(float)
    if kind == "zero-stride":
        A = np.repeat(A[:, :1], 3, axis=1)
        b = np.full(400, 2.0)

    def changed(x):
        if kind == "list":
            return x.tolist()
        if kind in ("int", "bool", "float16", "longdouble", "object", "complex"):
            return x.astype(kind)
        if kind == "F":
            return np.asfortranarray(x)
        if kind == "negative":
            return x[::-1].copy()[::-1]
        if kind == "zero-stride":
            return np.broadcast_to(x[:, :1], x.shape) if x.ndim == 2 else np.broadcast_to(x[:1], x.shape)
        if kind == "read-only":
            x = x.copy()
            x.flags.writeable = False
            return x
        if kind == "unaligned":
            return np.frombuffer(b"x" + x.tobytes(), np.uint8)[1:].view(np.float64).reshape(x.shape)
        if kind == "swapped":
            return x.astype(">f8")
        if kind == "masked":
            return np.ma.masked_greater(x, 2.0)
        return np.full(x.shape, "x") if kind == "text" else np.float64(1.0)

    given = (changed(A), b) if which == "a" else (A, changed(b))
    if refused is not None:
        with pytest.raises(refused):
            lstsq_stream(*given, rng=0)
        return
    assert np.array_equal(lstsq_stream(*given, rng=0).x, lstsq_stream(A, b, rng=0).x)


def test_backends_agree(rng):
    """The sketch bit for bit, the certified solution to its conditioning."""
    import kriss
    from kriss import _backend

    if _backend.core() is None or not _backend.has_numba():
        pytest.skip("one backend only")
    A, b = problem(rng, 9000, 12, condition=1e4)
    out = {}
    for name in ("compiled", "numba"):
        with kriss.use_backend(name):
            state = SketchState(12, rng=1)
            for block, right in pieces(A, b, 0):
                state.update(block, right)
            out[name] = state.sketched(), lstsq_stream(A, b, rng=1)
            assert out[name][1].backend == name
    assert all(np.array_equal(p, q) for p, q in zip(out["compiled"][0], out["numba"][0], strict=True))
    one, two = out["compiled"][1], out["numba"][1]
    assert np.linalg.norm(one.x - two.x) <= 100 * EPS * 1e8 * np.linalg.norm(b)
    assert one.status == two.status == "certified"


@pytest.mark.parametrize("m", [1, 2, 3, 5, 10, 50])
@pytest.mark.parametrize("n", [1, 2, 3, 5, 10, 50])
@pytest.mark.parametrize("k", [None, 1, 15])
def test_small_sizes(rng, m, n, k):
    A, b = rng.standard_normal((m, n)), rng.standard_normal((m,) if k is None else (m, k))
    fit = lstsq_stream(A, b, rng=0)
    assert fit.rank == min(m, n) and fit.x.shape == (n,) + b.shape[1:]
    r = b - A @ fit.x
    # LAPACK's ratio for a least-squares residual: below 30.
    assert np.linalg.norm(A.T @ r) <= 30 * EPS * max(m, n) * np.linalg.norm(A) * np.linalg.norm(b)
    assert fit.status == "certified" and fit.backward_error <= EPS
