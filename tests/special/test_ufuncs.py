"""The ufuncs as ufuncs: broadcasting, casting, out, where, overlap, limits, backends, threads."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import kriss
from kriss import special
from kriss._backend import core, has_numba

LOGARITHMS = ("log_iv", "log_kv", "log_ive", "log_kve")
ONE = (*LOGARITHMS, "iv_ratio", "kv_ratio")
TWO = ("log_iv_grad", "log_kv_grad")
INF, NAN = np.inf, np.nan


@pytest.fixture
def points(rng):
    v = np.concatenate([10 ** rng.uniform(-2, 5, 700), rng.uniform(0, 25, 700), 10 ** rng.uniform(0, 3, 300)])
    x = np.concatenate([10 ** rng.uniform(-8, 6, 700), rng.uniform(0, 25, 700), v[-300:] * rng.uniform(0.5, 0.8, 300)])
    order = rng.permutation(v.size)
    return v[order], x[order]


@pytest.mark.parametrize("name", [*ONE, *TWO])
def test_is_a_ufunc(name):
    f = getattr(special, name)
    assert isinstance(f, np.ufunc)
    assert (f.nin, f.nout) == (2, 1 + (name in TWO))
    assert f.__name__ == name
    assert "References" in f.__doc__ and "Examples" in f.__doc__
    assert name in dir(special)
    with kriss.use_backend(kriss.show_config("dicts")["backend"]):
        assert getattr(special, name) is f


def test_unknown_name():
    with pytest.raises(AttributeError, match="log_jv"):
        special.log_jv  # noqa: B018


@pytest.mark.parametrize("name", ONE)
def test_shapes_broadcast(name):
    f = getattr(special, name)
    v, x = np.linspace(0, 40, 7)[:, None], np.geomspace(1e-3, 100, 5)
    table = f(v, x)
    assert table.shape == (7, 5)
    for i in range(7):
        for j in range(5):
            assert table[i, j] == f(v[i, 0], x[j])
    assert f(np.empty((0, 3)), 1.0).shape == (0, 3)
    assert isinstance(f(1.0, 2.0), np.float64)
    np.testing.assert_array_equal(f.outer(v[:, 0], x), table)


KINDS = {
    "list": lambda a: a.tolist(),
    "Fortran": np.asfortranarray,
    "reversed": lambda a: a[::-1, ::-1].copy()[::-1, ::-1],
    "stepped": lambda a: np.repeat(a, 3, axis=1)[:, ::3],
    "read-only": lambda a: np.lib.stride_tricks.as_strided(a, writeable=False),
    "unaligned": lambda a: unaligned(a),
    "swapped": lambda a: a.astype(a.dtype.newbyteorder()),
    "float32": lambda a: a.astype(np.float32),
    "longdouble": lambda a: a.astype(np.longdouble),
}


def unaligned(a):
    raw = np.empty(a.nbytes + 1, np.uint8)
    out = raw[1:].view(np.float64).reshape(a.shape)
    out[...] = a
    assert not out.flags.aligned
    return out


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["log_kv", "log_iv"])
def test_every_kind_of_array(name, kind, rng):
    f = getattr(special, name)
    v = rng.integers(0, 200, (30, 40)) / 4.0
    x = rng.integers(1, 400, (30, 40)) / 8.0  # all exact in float32
    expected = f(v, x)
    if kind == "longdouble":  # no loop of that precision, and none is lost silently
        with pytest.raises(TypeError):
            f(KINDS[kind](v), x)
        return
    found = f(KINDS[kind](v), KINDS[kind](x))
    if kind == "float32":
        expected = expected.astype(np.float32)
        assert found.dtype == np.float32
    np.testing.assert_array_equal(found, expected)


def test_integers_and_refusals():
    assert special.log_kv(3, 2) == special.log_kv(3.0, 2.0)
    assert special.log_kv(np.arange(3), 2).dtype == np.float64
    assert special.log_kv(np.float16(3), np.float16(2)).dtype == np.float32
    for bad in (1j, np.array([None]), "a"):
        with pytest.raises(TypeError):
            special.log_kv(1.0, bad)


@pytest.mark.parametrize("name", [*ONE, *TWO])
def test_out_and_where(name, points):
    f = getattr(special, name)
    v, x = points
    plain = f(v, x)
    plain = plain if isinstance(plain, tuple) else (plain,)
    out = tuple(np.full(v.size, 7.0) for _ in plain)
    where = np.arange(v.size) % 3 == 0
    result = f(v, x, out=out, where=where)
    result = result if isinstance(result, tuple) else (result,)
    for one, kept, expected in zip(result, out, plain, strict=True):
        assert one is kept
        np.testing.assert_array_equal(kept, np.where(where, expected, 7.0))
    single = np.empty(v.size, np.float32)
    f(v, x, out=(single, *out[1:]), casting="same_kind")
    np.testing.assert_array_equal(single, plain[0].astype(np.float32))


@pytest.mark.parametrize("name", ["log_kv", "log_ive"])
def test_outputs_that_overlap_inputs(name, points):
    f = getattr(special, name)
    v, x = points
    expected = f(v, x)
    for which in (0, 1):
        arguments = [v.copy(), x.copy()]
        f(*arguments, out=arguments[which])
        np.testing.assert_array_equal(arguments[which], expected)
    shared = np.concatenate([v, [0.0]])
    f(shared[:-1], x, out=shared[1:])
    np.testing.assert_array_equal(shared[1:], expected)


def test_reduce_and_accumulate_feed_results_back():
    x = np.array([2.0, 3.0, 0.5, 0.25, 1.5])
    state, path = x[0], [x[0]]
    for one in x[1:]:
        state = special.log_kv(state, one)
        path.append(state)
    np.testing.assert_array_equal(special.log_kv.accumulate(x), path)
    assert special.log_kv.reduce(x) == path[-1]


LIMITS = {
    "log_iv": [(0, 0, 0), (1, 0, -INF), (2, INF, INF), (INF, 1, -INF), (-1, 1, NAN), (1, -1, NAN), (INF, INF, NAN)],
    "log_ive": [(0, 0, 0), (1, 0, -INF), (2, INF, -INF), (INF, 1, -INF), (-0.5, 1, NAN), (1, -1, NAN)],
    "log_kv": [(0, 0, INF), (1, 0, INF), (2, INF, -INF), (INF, 1, INF), (1, -1, NAN), (INF, INF, NAN)],
    "log_kve": [(0, 0, INF), (1, 0, INF), (2, INF, -INF), (INF, 1, INF), (1, -1, NAN)],
    "iv_ratio": [(0, 0, 0), (3, 0, 0), (1, INF, 1), (INF, 1, 0), (-1, 1, NAN), (1, -1, NAN)],
    "kv_ratio": [(0, 0, INF), (3, 0, INF), (1, INF, 1), (INF, 1, INF), (-1, 1, NAN), (1, -1, NAN)],
}


@pytest.mark.parametrize("name", ONE)
def test_limits(name):
    f = getattr(special, name)
    for v, x, expected in [*LIMITS[name], (NAN, 1, NAN), (1, NAN, NAN), (NAN, NAN, NAN)]:
        np.testing.assert_equal(f(float(v), float(x)), float(expected))


@pytest.mark.parametrize("place", [0, 777, 1699])
@pytest.mark.parametrize("bad", [NAN, -1.0])
def test_a_bad_element_spoils_no_other(place, bad, points):
    v, x = points
    for name in ONE:
        f = getattr(special, name)
        expected = f(v, x)
        assert np.isfinite(expected).all()
        spoiled = x.copy()
        spoiled[place] = bad
        expected[place] = NAN
        np.testing.assert_array_equal(f(v, spoiled), expected)


def test_far_beyond_the_tested_range_nothing_overflows():
    huge, tiny, least = 1e300, 1e-300, 5e-324
    v = np.array([0.0, 0.3, 20.0, 1e5, 1e160, huge])
    x = np.array([least, tiny, 1e-290, 1.0, 1e160, huge])
    for name in LOGARITHMS:
        found = getattr(special, name)(v[:, None], x)
        assert np.isfinite(found[:-1]).all()
        assert not np.isnan(found).any()
    # log K = lgamma(v) - log 2 - v log(x / 2), up to x^2
    found = special.log_kv(20.0, tiny)
    assert found == pytest.approx(39.339884187199495 - np.log(2) + 20 * (np.log(2) + 300 * np.log(10)), rel=1e-15)
    assert special.log_kv(0.5, huge) == -huge
    assert special.log_kve(0.5, huge) == pytest.approx(0.5 * (np.log(np.pi / 2) - 300 * np.log(10)), rel=1e-15)
    assert special.log_kv(huge, huge) == pytest.approx(-huge * (np.sqrt(2) - np.arcsinh(1.0)), rel=1e-15)
    log_i = 1e300 * (1 - np.log(2) - 300 * np.log(10))
    assert special.log_iv(huge, 1.0) == pytest.approx(log_i, rel=1e-15)
    assert special.kv_ratio(0.0, huge) == 1.0
    assert special.iv_ratio(huge, huge) == pytest.approx(np.sqrt(2) - 1, rel=1e-15)


def test_warnings_and_flags_are_left_alone(points):
    v, x = points
    with np.errstate(all="raise"):
        for name in (*ONE, *TWO):
            getattr(special, name)(v, x)


@pytest.mark.skipif(core() is None or not has_numba(), reason="needs both backends")
@pytest.mark.parametrize("name", [*ONE, *TWO])
def test_both_backends_return_the_same_bits(name, points):
    v, x = points
    v = np.concatenate([v, [0.0, 1.0, NAN, INF, 3.0, 1e300, 30.0]])
    x = np.concatenate([x, [0.0, INF, 1.0, 1.0, -1.0, 1.0, 1e-300]])
    with kriss.use_backend("compiled"):
        ours = getattr(special, name)(v, x)
    with kriss.use_backend("numba"):
        theirs = getattr(special, name)(v, x)
    np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("name", ["log_iv", "log_kv", "log_kv_grad"])
def test_any_number_of_threads_returns_the_same_bits(name, rng):
    n = 20_000
    v, x = 10 ** rng.uniform(-2, 4, n), 10 ** rng.uniform(-6, 5, n)
    f = getattr(special, name)
    before = kriss.get_num_threads()
    found = []
    try:
        for workers in (1, 2, 4):
            kriss.set_num_threads(workers)
            found.append(np.asarray(f(v, x)))
    finally:
        kriss.set_num_threads(before)
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])


ORDERS = st.one_of(st.floats(0, 30), st.floats(0, 1e5))
ARGUMENTS = st.one_of(st.floats(1e-8, 30), st.floats(1e-8, 1e6))


@given(ORDERS, ARGUMENTS)
def test_wronskian(v, x):
    """I_v K_{v+1} + I_{v+1} K_v = 1 / x (DLMF 10.28.2), through four functions and two ratios."""
    logs = special.log_ive(v, x) + special.log_kve(v, x)
    total = logs + np.log(special.kv_ratio(v, x) + special.iv_ratio(v, x))
    scale = 1 + abs(special.log_ive(v, x))
    assert abs(total + np.log(x)) <= 2e-14 * scale


@given(ORDERS, ARGUMENTS)
def test_order_and_argument_are_monotone(v, x):
    dv, dx = special.log_kv_grad(v, x)
    assert dv >= -1e-14 and dx < 0  # 0 at v = 0
    dv, dx = special.log_iv_grad(v, x)
    assert dv <= 1e-14 and dx > 0  # -K_0 / I_0 at v = 0
    assert 0 < special.iv_ratio(v, x) < 1 < special.kv_ratio(v, x)


@given(st.floats(1e-8, 1e6))
def test_half_integer_orders_have_closed_forms(x):
    assert special.log_kve(0.5, x) == pytest.approx(0.5 * np.log(np.pi / 2 / x), rel=1e-14, abs=1e-14)
    assert special.log_kve(1.5, x) == pytest.approx(0.5 * np.log(np.pi / 2 / x) + np.log1p(1 / x), rel=1e-14, abs=1e-14)
    sinh = 0.5 * -np.expm1(-2 * x)
    assert special.log_ive(0.5, x) == pytest.approx(0.5 * np.log(2 / np.pi / x) + np.log(sinh), rel=1e-14, abs=1e-14)
    assert special.log_kv(-0.5, x) == special.log_kv(0.5, x)


@given(ORDERS, ARGUMENTS)
def test_gradients_are_those_of_the_logarithms(v, x):
    h = 1e-5 * (1 + v)
    low = max(v - h, 0.0)
    slope = (special.log_kve(v + h, x) - special.log_kve(low, x)) / (v + h - low)
    middle = 0.5 * (v + h + low)
    found = special.log_kv_grad(middle, x)[0]
    assert slope == pytest.approx(found, rel=1e-6, abs=1e-6 * (1 + abs(special.log_kve(v, x)) / (1 + v)))
