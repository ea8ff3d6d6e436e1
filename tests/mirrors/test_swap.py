"""`kriss.use_in_scipy` swaps on request and restores what it found."""

import importlib
import threading

import numpy as np
import pytest
import scipy.interpolate
import scipy.linalg
import scipy.sparse.linalg

import kriss
from kriss._swap import SWAPPABLE

NAMES = sorted(SWAPPABLE)


def places(name):
    path, attribute = name.rsplit(".", 1)
    return [(importlib.import_module(module), attribute) for module in (f"scipy.{path}", *SWAPPABLE[name])]


def now(name):
    return [getattr(module, attribute) for module, attribute in places(name)]


def mirror(name):
    path, attribute = name.rsplit(".", 1)
    return getattr(importlib.import_module(f"kriss.scipy.{path}"), attribute)


@pytest.fixture(autouse=True)
def untouched_afterwards():
    before = {name: now(name) for name in NAMES}
    yield
    assert {name: now(name) for name in NAMES} == before


@pytest.mark.parametrize("name", NAMES)
def test_every_place_is_swapped_and_restored(name):
    before = now(name)
    assert mirror(name) not in before
    with kriss.use_in_scipy(name) as value:
        assert value is None
        assert now(name) == [mirror(name)] * len(before)
    assert now(name) == before


def test_several_at_once():
    with kriss.use_in_scipy(*NAMES):
        for name in NAMES:
            assert now(name)[0] is mirror(name)


def test_none_at_all():
    before = [now(name)[0] for name in NAMES]
    with kriss.use_in_scipy():
        assert [now(name)[0] for name in NAMES] == before
    assert [now(name)[0] for name in NAMES] == before


def test_nested_blocks_restore_what_they_found():
    with kriss.use_in_scipy("linalg.lstsq"):
        with kriss.use_in_scipy("linalg.lstsq", "sparse.linalg.cg"):
            assert now("sparse.linalg.cg")[0] is mirror("sparse.linalg.cg")
        assert now("linalg.lstsq")[0] is mirror("linalg.lstsq")
        assert now("sparse.linalg.cg")[0] is not mirror("sparse.linalg.cg")


def test_restored_after_an_error():
    before = now("linalg.lstsq")
    with pytest.raises(ZeroDivisionError), kriss.use_in_scipy("linalg.lstsq"):
        raise ZeroDivisionError
    assert now("linalg.lstsq") == before


@pytest.mark.parametrize("bad", ["linalg.inv", "lstsq", "scipy.linalg.lstsq", "", "linalg."])
def test_unknown_name_swaps_nothing(bad):
    before = now("linalg.lstsq")
    with pytest.raises(ValueError, match="has no mirror"), kriss.use_in_scipy("linalg.lstsq", bad):
        pytest.fail("the block must not run")
    assert now("linalg.lstsq") == before


def test_failure_in_the_middle_swaps_nothing(monkeypatch):
    monkeypatch.setitem(SWAPPABLE, "linalg.inv", ())  # in the list, without a mirror
    before = now("linalg.lstsq")
    with pytest.raises(AttributeError), kriss.use_in_scipy("linalg.lstsq", "linalg.inv"):
        pytest.fail("the block must not run")
    assert now("linalg.lstsq") == before


def test_the_same_block_object_twice():
    before = now("linalg.lstsq")
    for _ in range(2):
        with kriss.use_in_scipy("linalg.lstsq", "linalg.lstsq"):
            assert now("linalg.lstsq")[0] is mirror("linalg.lstsq")
        assert now("linalg.lstsq") == before


def test_as_a_decorator():
    @kriss.use_in_scipy("sparse.linalg.cg")
    def inside():
        return scipy.sparse.linalg.cg

    assert inside() is mirror("sparse.linalg.cg")
    assert scipy.sparse.linalg.cg is not mirror("sparse.linalg.cg")


def test_other_threads_see_it_and_can_call_it():
    """The swap is process-wide; calls from eight threads inside the block give SciPy's answer."""
    rng = np.random.default_rng(0)
    a = rng.standard_normal((200, 5))
    b = rng.standard_normal(200)
    expected = scipy.linalg.lstsq(a, b)[0]
    found, errors = [], []

    def work():
        try:
            found.append((scipy.linalg.lstsq is mirror("linalg.lstsq"), scipy.linalg.lstsq(a, b)[0]))
        except Exception as exc:
            errors.append(exc)

    with kriss.use_in_scipy("linalg.lstsq"):
        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not errors
    assert len(found) == 8
    for is_mirror, x in found:
        assert is_mirror
        # Condition below 2 here: 200 rows times the unit roundoff bounds either solver's error generously.
        np.testing.assert_allclose(x, expected, rtol=0, atol=200 * np.finfo(float).eps * np.abs(expected).max())


def test_mirrors_do_not_recurse_into_themselves():
    """A mirror that hands a call to SciPy must reach SciPy's routine, not the swapped name."""
    with kriss.use_in_scipy(*NAMES):
        # Complex and integer input, a custom callback: whatever a mirror may pass on.
        a = np.arange(12.0).reshape(4, 3) + np.eye(4, 3) * 1j
        scipy.linalg.lstsq(a, np.ones(4))
        scipy.sparse.linalg.cg(np.eye(3) * (1 + 0j), np.ones(3) * 1j, callback=lambda x: None)
        scipy.interpolate.CubicSpline([0, 1, 2, 3], [0, 1j, 2, 3])(0.5)


def test_swapped_routines_solve_through_scipy_names():
    n = 40
    A = scipy.sparse.diags_array([2.0, -1.0, -1.0], offsets=[0, -1, 1], shape=(n, n)).tocsr()
    b = np.ones(n)
    with kriss.use_in_scipy(*NAMES):
        x, info = scipy.sparse.linalg.cg(A, b, rtol=1e-10)
        spline = scipy.interpolate.CubicSpline(np.arange(6.0), np.arange(6.0) ** 3)
    assert info == 0
    assert np.linalg.norm(b - A @ x) <= 1e-9 * np.linalg.norm(b)
    # Not-a-knot reproduces cubics; 5**3 = 125 sets the scale of the rounding.
    np.testing.assert_allclose(spline(2.5), 2.5**3, rtol=0, atol=125 * 10 * np.finfo(float).eps)
