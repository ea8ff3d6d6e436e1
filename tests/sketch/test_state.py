"""SketchState: the same bits for any blocks, order and merges; error bars that hold; bad input leaves no trace."""

import itertools
import pickle

import numpy as np
import pytest
import scipy.linalg as sla
import scipy.sparse as sps
from hypothesis import given, settings
from hypothesis import strategies as st

from kriss.sketch import SketchState, SparseSign
from kriss.sketch import _state as module
from kriss.sketch._groups import Forest, RowSet, add_plain, group_rows

GROUP = 64


@pytest.fixture
def small_groups(monkeypatch):
    """Groups of 64 rows, so that a few hundred rows make a tree."""
    monkeypatch.setattr(module, "group_rows", lambda n: GROUP)


def problem(rng, m=300, n=4, k=None):
    A = rng.standard_normal((m, n))
    return A, A @ rng.standard_normal((n,) if k is None else (n, k)) + rng.standard_normal(
        (m,) if k is None else (m, k)
    )


def equal(one, other):
    return all(np.array_equal(a, b) for a, b in zip(one.sketched(), other.sketched(), strict=True))


def by_the_book(state, A, first=0):
    """The documented sum: groups in order, added along the binary tree over their numbers."""
    S = state.sketch
    groups = {}
    for g in range(first // GROUP, -(-(first + len(A)) // GROUP)):
        start, stop = max(first, g * GROUP), min(first + len(A), (g + 1) * GROUP)
        groups[g] = S.apply(A[start - first : stop - first], start)

    def node(level, index):
        if level == 0:
            return groups.get(index)
        left, right = node(level - 1, 2 * index), node(level - 1, 2 * index + 1)
        return right if left is None else left if right is None else left + right

    # Complete nodes first, from the right: only a lone node joins what is not its sibling.
    pending = sorted(groups)
    nodes = [(0, g) for g in pending]
    while True:
        pairs = [(level, i) for level, i in nodes if i % 2 == 0 and (level, i + 1) in nodes]
        if not pairs:
            break
        for level, i in pairs:
            nodes.remove((level, i))
            nodes.remove((level, i + 1))
            nodes.append((level + 1, i // 2))
    total = None
    for level, i in sorted(nodes, key=lambda one: -(one[1] << one[0])):
        part = node(level, i)
        total = part if total is None else part + total
    return total


@pytest.mark.parametrize("m", [1, 63, 64, 65, 128, 300, 64 * 7, 64 * 8 + 1])
@pytest.mark.parametrize("first", [0, 64, 200])
def test_sketch_is_the_documented_sum(rng, small_groups, m, first):
    A, b = problem(rng, m)
    state = SketchState(4, rng=3).update(A, b, first)
    SA, Sb = state.sketched()
    assert np.array_equal(SA, by_the_book(state, A, first))
    S = state.sketch.matrix(m, first)
    # A sum of m terms in any order: m eps times the sum of magnitudes.
    assert np.all(abs(SA - S @ A) <= m * 2.3e-16 * (abs(S) @ abs(A)))
    assert np.all(abs(Sb - S @ b) <= m * 2.3e-16 * (abs(S) @ abs(b)))


def test_one_group_has_the_bits_of_the_sketch(rng):
    A, b = problem(rng, 5000, 7)
    state = SketchState(7, rng=1).update(A, b)
    assert state.group >= 5000
    assert np.array_equal(state.sketched()[0], SparseSign(state.sketch_size, rng=1).apply(A))


@given(data=st.data())
@settings(max_examples=60)
def test_bits_depend_on_nothing_but_the_rows(data):
    """Any blocks, in any order, over any number of states that are merged in any order."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "group_rows", lambda n: GROUP)
        rng = np.random.default_rng(7)
        m = data.draw(st.sampled_from([1, 64, 200, 433]))
        A, b = problem(rng, m, 3)
        whole = SketchState(3, rng=5).update(A, b)
        cuts = data.draw(st.sets(st.integers(1, max(m - 1, 1)), max_size=8)) if m > 1 else set()
        borders = [0, *sorted(cuts), m]
        blocks = data.draw(st.permutations(list(itertools.pairwise(borders))))
        states = [SketchState(3, rng=5) for _ in range(data.draw(st.integers(1, 4)))]
        for i, (first, last) in enumerate(blocks):
            part = A[first:last] if i % 2 else np.asfortranarray(A[first:last])
            states[i % len(states)].update(part, b[first:last], first)
        while len(states) > 1:
            i = data.draw(st.integers(0, len(states) - 2))
            states[i].merge(pickle.loads(pickle.dumps(states.pop(i + 1))))
        assert states[0].rows == m
        assert equal(states[0], whole)
        assert not any(group.waiting.parts for group in states[0]._groups.values())
        assert np.array_equal(states[0].solve().x, whole.solve().x)


def test_missing_rows_count_as_zero(rng, small_groups):
    A, b = problem(rng, 300)
    keep = np.r_[10:50, 70:140, 200:290]
    zeroed, zero_b = np.zeros_like(A), np.zeros_like(b)
    zeroed[keep], zero_b[keep] = A[keep], b[keep]
    state = SketchState(4, rng=2)
    for first, last in [(200, 290), (70, 140), (10, 50)]:
        state.update(A[first:last], b[first:last], first)
    assert equal(state, SketchState(4, rng=2).update(zeroed, zero_b))
    assert state.rows == len(keep)
    # Looking at it changes nothing.
    state.update(A[:10], b[:10], 0)
    zeroed[:10], zero_b[:10] = A[:10], b[:10]
    assert equal(state, SketchState(4, rng=2).update(zeroed, zero_b))


@pytest.mark.parametrize("workers", [1, 2, 4])
@pytest.mark.parametrize(
    "kind", ["C", "F", "reversed", "step", "read-only", "unaligned", "swapped", "csr", "csc", "list"]
)
def test_bits_do_not_depend_on_layout_or_workers(rng, kind, workers):
    A, b = problem(rng, 3000, 9)
    A[rng.random(A.shape) < 0.5] = 0.0
    want = SketchState(9, rng=4).update(A, b)
    if kind == "reversed":
        given_A = A[::-1].copy()[::-1]
    elif kind == "step":
        given_A = np.repeat(A, 2, axis=1)[:, ::2]
    elif kind == "read-only":
        given_A = A.copy()
        given_A.flags.writeable = False
    elif kind == "unaligned":
        given_A = np.frombuffer(b"x" + A.tobytes(), np.uint8)[1:].view(np.float64).reshape(A.shape)
    elif kind == "swapped":
        given_A = A.astype(">f8")
    elif kind in ("csr", "csc"):
        given_A = sps.csr_array(A).asformat(kind)
    else:
        given_A = A.tolist() if kind == "list" else np.asarray(A, order=kind)
    before = given_A.copy() if isinstance(given_A, np.ndarray) else None
    assert equal(SketchState(9, rng=4).update(given_A, b, workers=workers), want)
    if before is not None:
        assert np.array_equal(before, given_A)


def test_float32_and_integers_are_summed_in_double(rng):
    A, b = problem(rng, 2000, 3)
    A32, b32 = A.astype(np.float32), b.astype(np.float32)
    one = SketchState(3, rng=0).update(A32, b32)
    assert equal(one, SketchState(3, rng=0).update(A32.astype(float), b32.astype(float)))
    ints = rng.integers(-5, 5, (100, 3))
    assert equal(
        SketchState(3, rng=0).update(ints, ints[:, 0]), SketchState(3, rng=0).update(ints * 1.0, ints[:, 0] * 1.0)
    )


def test_error_bars_are_right_in_the_root_mean_square():
    """z-scores over draws of S: E z^2 = (1 + 2/(d - n - 2)) for a Gaussian sketch, 1.02 here."""
    rng = np.random.default_rng(11)
    A, b = problem(rng, 2000, 8)
    A *= np.logspace(-3, 3, 8)
    exact = np.linalg.lstsq(A, b, rcond=None)[0]
    norm = np.linalg.norm(b - A @ exact)
    z, norms = [], []
    for seed in range(300):
        once = SketchState(8, sketch_size=128, rng=seed).update(A, b).solve()
        z.append((once.x - exact) / once.coefficient_se)
        norms.append(float(once.residual_norm) / norm)
    assert abs(np.sqrt(np.mean(np.square(z))) - 1) < 0.05
    assert abs(np.mean(norms) - 1) < 0.02  # sd of one: 1 / sqrt(2 (d - n)) = 0.065


@pytest.mark.parametrize("k", [None, 1, 3])
def test_solution_is_that_of_the_sketched_problem(rng, k):
    A, b = problem(rng, 4000, 6, k)
    state = SketchState(6, k, sketch_size=100, rng=1).update(A, b)
    SA, Sb = state.sketched()
    assert Sb.shape == ((100,) if k is None else (100, k))
    once = state.solve()
    x, _, _, s = np.linalg.lstsq(SA, Sb, rcond=None)
    assert np.allclose(once.x, x, rtol=1e-12, atol=1e-12) and once.x.shape == x.shape
    assert np.allclose(once.s, s, rtol=1e-13)
    assert once.coefficient_se.shape == x.shape and once.residual_norm.shape == x.shape[1:]
    assert (once.rank, once.rows, once.sketch_size) == (6, 4000, 100)
    damped = state.solve(damp=2.5)
    below = np.vstack([SA, 2.5 * np.eye(6)]), np.concatenate([Sb, np.zeros((6, *Sb.shape[1:]))])
    assert np.allclose(damped.x, np.linalg.lstsq(*below, rcond=None)[0], rtol=1e-12, atol=1e-13)


def test_deficient_problems_give_the_shortest_solution(rng):
    A, b = problem(rng, 3000, 6)
    A[:, 2] = A[:, 0] - 2 * A[:, 4]
    A[:, 5] = 0.0
    state = SketchState(6, rng=1).update(A, b)
    once = state.solve()
    SA, Sb = state.sketched()
    x, _, rank, _ = sla.lstsq(SA, Sb, cond=1e-10)
    assert once.rank == rank == 4
    assert np.allclose(once.x, x, rtol=1e-11, atol=1e-12)
    assert once.x[5] == 0.0 and once.coefficient_se[5] == 0.0
    assert once.condition == np.inf
    pinv = np.linalg.pinv(SA, rcond=1e-10)
    spread = np.sqrt(np.diag(pinv @ pinv.T)) * once.residual_norm / np.sqrt(state.sketch_size)
    assert np.allclose(once.coefficient_se, spread, rtol=1e-9, atol=1e-12)
    nothing = SketchState(2, rng=0).update(np.zeros((50, 2)), np.ones(50)).solve()
    assert nothing.rank == 0 and not nothing.x.any() and not nothing.coefficient_se.any()


@pytest.mark.parametrize("a_power", [-900, 0, 900])
@pytest.mark.parametrize("b_power", [-900, 0, 900])
def test_powers_of_two_change_no_bit(rng, a_power, b_power):
    if abs(b_power - a_power) > 1000:
        a_power //= 2
        b_power //= 2
    A, b = problem(rng, 500, 5)
    one = SketchState(5, rng=1).update(A, b).solve()
    two = SketchState(5, rng=1).update(np.ldexp(A, a_power), np.ldexp(b, b_power)).solve()
    assert np.array_equal(np.ldexp(one.x, b_power - a_power), two.x)
    assert np.array_equal(np.ldexp(one.coefficient_se, b_power - a_power), two.coefficient_se)


def test_columns_of_any_units(rng):
    A, b = problem(rng, 500, 5)
    units = 2.0 ** np.array([-500, -100, 0, 100, 500])
    one = SketchState(5, rng=1).update(A, b).solve()
    two = SketchState(5, rng=1).update(A * units, b).solve()
    assert np.array_equal(one.x / units, two.x)
    assert two.rank == 5


def test_range_is_watched(rng):
    A, b = problem(rng, 500, 3)
    with pytest.raises(ValueError, match="no entry above"):
        SketchState(3, rng=0).update(A * 1e-300, b).solve()
    with pytest.raises(OverflowError, match="beyond the range"):
        SketchState(3, rng=0).update(A * 1e-200, b * 1e200).solve()
    state = SketchState(3, rng=0).update(A, b)
    huge = np.full((500, 3), 1.7e308)
    with pytest.raises(OverflowError, match="sketch overflows"):
        state.update(huge, b)
    assert equal(state, SketchState(3, rng=0).update(A, b)) and state.rows == 500


@pytest.mark.parametrize("rows", [5, 1000])  # fewer and more rows than the sketch has
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("where", [0, 0.5, -1])
@pytest.mark.parametrize("which", ["block", "b"])
@pytest.mark.parametrize("offset", [None, 20_000])
def test_a_bad_block_leaves_no_trace(rng, rows, bad, where, which, offset):
    A, b = problem(rng, 1000, 3)
    state = SketchState(3, rng=0).update(A, b)
    before = state.sketched()
    block, right = A[:rows].copy(), b[:rows].copy()
    at = int(where * rows) if where == 0.5 else where
    (block if which == "block" else right)[at] = bad
    with pytest.raises(ValueError, match=f"{which} contains"):
        state.update(block, right, offset)
    assert state.rows == 1000
    assert all(np.array_equal(x, y) for x, y in zip(before, state.sketched(), strict=True))
    state.update(A[:rows], b[:rows])
    assert state.rows == 1000 + rows


def test_errors_name_the_argument(rng):
    A, b = problem(rng, 50, 3)
    state = SketchState(3, rng=0)
    with pytest.raises(ValueError, match="no rows were given"):
        state.solve()
    state.update(A, b)
    for args, message in [
        ((A[:, :2], b), r"block has shape \(50, 2\), expected 3 columns"),
        ((A[0], b), "block has shape"),
        ((A, b[1:]), r"b has shape \(49,\), expected \(50,\)"),
        ((A, b[:, None]), r"b has shape \(50, 1\)"),
        ((A, b, 20), "rows 20 to 49 were given before"),
        ((A, b, -1), "row_offset must be at least 0"),
    ]:
        with pytest.raises(ValueError, match=message):
            state.update(*args)
    with pytest.raises(TypeError, match="block has dtype complex128"):
        state.update(A + 0j, b)
    with pytest.raises(TypeError, match="row_offset must be an integer"):
        state.update(A, b, 1.5)
    with pytest.raises(TypeError, match="other must be a SketchState"):
        state.merge(3)
    for other, message in [
        (SketchState(4, rng=0), "n_features=4, expected 3"),
        (SketchState(3, 2, rng=0), "n_targets=2"),
        (SketchState(3, sketch_size=99, rng=0), "sketch_size=99"),
        (SketchState(3, rng=1), "same rng"),
        (SketchState(3, zeta=4, rng=0), "same rng"),
        (SketchState(3, rng=0).update(A[:1], b[:1], 49), "rows 49 to 49 were given before"),
    ]:
        with pytest.raises(ValueError, match=message):
            state.merge(other)
    assert equal(state, SketchState(3, rng=0).update(A, b))
    for kwargs, kind in [
        ({"n_features": 0}, ValueError),
        ({"n_features": 2.0}, TypeError),
        ({"n_features": 2, "n_targets": 0}, ValueError),
        ({"n_features": 2, "sketch_size": 3}, ValueError),
        ({"n_features": 2, "zeta": 0}, ValueError),
        ({"n_features": 2, "rng": -1}, ValueError),
    ]:
        with pytest.raises(kind):
            SketchState(**kwargs)
    with pytest.raises(ValueError, match="damp must be at least 0"):
        state.solve(damp=-1.0)


def test_empty_blocks_are_no_rows(rng):
    A, b = problem(rng, 50, 3)
    state = SketchState(3, rng=0).update(A[:0], b[:0]).update(A, b).update(A[:0], b[:0])
    assert equal(state, SketchState(3, rng=0).update(A, b))


def test_an_interrupted_update_is_remembered(rng, monkeypatch):
    A, b = problem(rng, 20, 3)
    state = SketchState(3, rng=0).update(A, b)

    def stop(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(SketchState, "_add", stop)
    with pytest.raises(KeyboardInterrupt):
        state.update(A, b)
    monkeypatch.undo()
    for call in (lambda: state.update(A, b), state.solve, lambda: SketchState(3, rng=0).merge(state)):
        with pytest.raises(RuntimeError, match="interrupted halfway"):
            call()


def test_rows_in_order_keep_few_nodes(rng, small_groups):
    state = SketchState(2, rng=0)
    for _ in range(100):
        state.update(rng.standard_normal((37, 2)), np.zeros(37))
        assert len(state._forest.nodes) <= 7 and len(state._groups) <= 1
        assert not any(group.waiting.parts for group in state._groups.values())


def test_group_sizes():
    sizes = [group_rows(n) for n in range(1, 5000)]
    assert all(size & (size - 1) == 0 and 8192 <= size <= 65536 for size in sizes)
    assert all(a >= b for a, b in itertools.pairwise(sizes))
    assert (sizes[0], sizes[63], sizes[64], sizes[-1]) == (65536, 65536, 32768, 8192)


@given(st.permutations(list(range(11))))
@settings(max_examples=50)
def test_forest_is_a_function_of_its_groups(order):
    values = [np.array([x]) for x in np.random.default_rng(0).standard_normal(11)]

    def total(sequence):
        forest = Forest(add_plain)
        for g in sequence:
            forest.add(0, g, (values[g],))
        return forest.total({})[0][0]

    assert total(order) == total(range(11))


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 8)), max_size=12))
def test_row_sets_against_python_sets(parts):
    rows, naive = RowSet(), set()
    for start, count in parts:
        new = set(range(start, start + count))
        if new & naive:
            with pytest.raises(ValueError, match="given before"):
                rows.add(start, start + count)
        else:
            rows.add(start, start + count)
            naive |= new
        assert {i for a, b in rows.intervals for i in range(a, b)} == naive
        assert rows.count() == len(naive) and rows.end() == max(naive, default=-1) + 1
        assert all(b < c for (_, b), (c, _) in itertools.pairwise(rows.intervals))
