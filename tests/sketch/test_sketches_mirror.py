"""kriss.scipy.linalg.clarkson_woodruff_transform: SciPy's result to the last bit, and SciPy's draws."""

import logging

import numpy as np
import pytest
import scipy.linalg as sla
import scipy.sparse as sps
from hypothesis import given
from hypothesis import strategies as st

import kriss
from kriss.scipy.linalg import clarkson_woodruff_transform

ORIGINAL = sla.clarkson_woodruff_transform


@pytest.fixture
def handed_over(caplog):
    """Reasons of calls that went to SciPy."""
    caplog.set_level(logging.INFO, logger="kriss.dispatch")
    return lambda: [r.getMessage() for r in caplog.records if r.name == "kriss.dispatch"]


def same(ours, theirs):
    assert type(ours) is type(theirs) and ours.dtype == theirs.dtype and ours.shape == theirs.shape
    if sps.issparse(ours):
        ours, theirs = ours.toarray(), theirs.toarray()
    assert np.array_equal(ours, theirs, equal_nan=True)


RNGS = {
    "rng=int": lambda: {"rng": 7},
    "rng=Generator": lambda: {"rng": np.random.default_rng(7)},
    "rng=PCG64DXSM": lambda: {"rng": np.random.Generator(np.random.PCG64DXSM(7))},
    "rng=SeedSequence": lambda: {"rng": np.random.SeedSequence(7)},
    "seed=int": lambda: {"seed": 7},
    "seed=RandomState": lambda: {"seed": np.random.RandomState(7)},
    "seed=Generator": lambda: {"seed": np.random.default_rng(7)},
}


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("how", RNGS)
@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (500, 7), (3000, 40), (100, 700)])
def test_scipys_bits_and_draws(rng, how, dtype, shape, handed_over):
    A = rng.standard_normal(shape).astype(dtype)
    ours, theirs = RNGS[how](), RNGS[how]()
    for _ in range(2):  # the second call sees what the first one left of the generator
        same(clarkson_woodruff_transform(A, 20, **ours), ORIGINAL(A, 20, **theirs))
    for source in (*ours.values(), *theirs.values()):
        if hasattr(source, "standard_normal"):
            break
    else:
        assert not handed_over()
        return
    (one,), (other,) = ours.values(), theirs.values()
    assert one.standard_normal() == other.standard_normal()
    assert not handed_over()


def test_the_global_state_and_positional_seeds(rng, handed_over):
    A = rng.standard_normal((200, 4))
    for call in (lambda f: f(A, 9), lambda f: f(A, 9, None), lambda f: f(A, 9, seed=np.random), lambda f: f(A, 9, 5)):
        results = []
        for f in (clarkson_woodruff_transform, ORIGINAL):
            np.random.seed(3)
            results.append((call(f), np.random.standard_normal()))
        same(results[0][0], results[1][0])
        assert results[0][1] == results[1][1]
    assert not handed_over()
    assert clarkson_woodruff_transform(A, 9, rng=None).shape == (9, 4)
    same(clarkson_woodruff_transform(input_matrix=A, sketch_size=9, rng=1), ORIGINAL(A, 9, rng=1))


def test_any_order_and_special_values(rng, handed_over):
    A = rng.standard_normal((300, 24))
    A[3, 2], A[40, 5], A[41, 5], A[7] = np.nan, np.inf, -np.inf, -0.0
    for layout in (A, np.asfortranarray(A), A[::-1], A[:, ::-2], np.broadcast_to(A[0], (50, 24))):
        same(clarkson_woodruff_transform(layout, 11, rng=2), ORIGINAL(layout, 11, rng=2))
    assert not handed_over()


def test_what_goes_to_scipy(rng, handed_over):
    A = rng.standard_normal((30, 4))
    calls = [
        lambda f: f(A.astype(int), 5, rng=1),
        lambda f: f(A + 0j, 5, rng=1),
        lambda f: f(A.astype(">f8"), 5, rng=1),
        lambda f: f(np.asmatrix(A), 5, rng=1),
        lambda f: f(sps.csr_array(A), 5, rng=1),
        lambda f: f(sps.csc_matrix(A), 5, rng=1),
        lambda f: f(A[None], 5, rng=1),
        lambda f: f(A[:, :0], 5, rng=1),
    ]
    for count, call in enumerate(calls, 1):
        same(call(clarkson_woodruff_transform), call(ORIGINAL))
        assert len(handed_over()) == count


@pytest.mark.parametrize(
    "call",
    [
        lambda f, A: f(A, 0, rng=1),
        lambda f, A: f(A, -3, rng=1),
        lambda f, A: f(A, 5, rng="x"),
        lambda f, A: f(A, 5, seed="x"),
        lambda f, A: f(A, 5, seed=-1),
        lambda f, A: f(A, 5, rng=1, seed=1),
        lambda f, A: f(A, 5, 1, rng=1),
        lambda f, A: f(A, 5, 1, 2),
        lambda f, A: f(A),
        lambda f, A: f(A, 5, what=1),
        lambda f, A: f(A[:, 0], 5, rng=1),
    ],
)
def test_errors_are_scipys(rng, call):
    A = rng.standard_normal((30, 4))
    with pytest.raises(Exception) as theirs:
        call(ORIGINAL, A)
    with pytest.raises(type(theirs.value)) as ours:
        call(clarkson_woodruff_transform, A)
    assert str(ours.value) == str(theirs.value)


def test_swap(rng):
    A = rng.standard_normal((30, 4))
    with kriss.use_in_scipy("linalg.clarkson_woodruff_transform"):
        assert sla.clarkson_woodruff_transform is clarkson_woodruff_transform
        same(sla.clarkson_woodruff_transform(A, 5, rng=1), ORIGINAL(A, 5, rng=1))
    assert sla.clarkson_woodruff_transform is ORIGINAL


@given(m=st.integers(1, 300), n=st.integers(1, 30), size=st.integers(1, 100), seed=st.integers(0, 2**32 - 1))
def test_any_size(m, n, size, seed):
    A = np.random.default_rng(seed).standard_normal((m, n))
    same(clarkson_woodruff_transform(A, size, rng=seed), ORIGINAL(A, size, rng=seed))
    same(clarkson_woodruff_transform(A, size, seed=seed), ORIGINAL(A, size, seed=seed))
