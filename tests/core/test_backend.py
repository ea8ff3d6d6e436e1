"""Choosing a backend in the process, and what show_config says."""

import contextvars
import logging
import threading

import pytest

import kriss
from kriss import _backend
from kriss._backend import backend, kernels, use_backend

both = pytest.mark.skipif(_backend.core() is None or not _backend.has_numba(), reason="needs both backends")


@both
def test_nested_blocks_restore():
    before = backend()
    with use_backend("numba"):
        assert backend() == "numba"
        assert kernels("math").__name__ == "kriss._numba.math"
        with use_backend("compiled"):
            assert backend() == "compiled"
            assert kernels("math") is _backend.core().math
        assert backend() == "numba"
    assert backend() == before


@both
def test_restored_after_an_error():
    before = backend()
    other = "numba" if before == "compiled" else "compiled"

    def failing():
        with use_backend(other):
            assert backend() == other
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        failing()
    assert backend() == before


@pytest.mark.parametrize("name", ["cuda", "", "Compiled", "numpy"])
def test_unknown_backend(name):
    with pytest.raises(ValueError, match="backend must be one of 'compiled', 'numba'"), use_backend(name):
        pass


def test_missing_backends_raise(monkeypatch):
    before = backend()
    monkeypatch.setattr(_backend, "core", lambda: None)
    monkeypatch.setattr(_backend, "core_error", lambda: "no such file")
    with pytest.raises(RuntimeError, match=r"'compiled' was asked for but .* no such file"), use_backend("compiled"):
        pass
    monkeypatch.setattr(_backend, "has_numba", lambda: False)
    with pytest.raises(RuntimeError, match="numba is not installed"), use_backend("numba"):
        pass
    monkeypatch.undo()
    assert backend() == before


@both
def test_choice_belongs_to_the_thread_and_the_context():
    before = backend()
    other = "numba" if before == "compiled" else "compiled"
    seen = {}
    with use_backend(other):
        thread = threading.Thread(target=lambda: seen.update(thread=backend()))
        thread.start()
        thread.join()
        copied = contextvars.copy_context()
    assert seen["thread"] == before
    assert copied.run(backend) == other


@both
def test_families_have_the_same_names_in_both_backends():
    for family in ("math", "spline", "sketch", "solve", "gp"):
        with use_backend("compiled"):
            compiled = kernels(family)
        with use_backend("numba"):
            numba = kernels(family)
        missing = [n for n in dir(compiled) if not n.startswith("_") and not hasattr(numba, n)]
        assert not missing, f"{family}: no Numba twin of {missing}"


def test_delegation_is_logged(caplog):
    with caplog.at_level(logging.INFO, logger="kriss.dispatch"):
        _backend.delegate("linalg.lstsq", "complex input")
    assert caplog.messages == ["linalg.lstsq: handed to SciPy: complex input"]


def test_show_config_prints_what_it_returns(capsys):
    info = kriss.show_config("dicts")
    assert kriss.show_config() is None
    printed = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[0].strip() for line in printed] == list(info)
    for key in ("kriss", "backend", "compiled", "numba", "cuda", "cpu level", "threads", "compiler", "numpy", "scipy"):
        assert key in info
    assert info["kriss"] == kriss.__version__
    assert info["backend"] == backend()


def test_show_config_bad_mode():
    with pytest.raises(ValueError, match="mode must be 'stdout' or 'dicts', not 'json'"):
        kriss.show_config("json")


def test_lazy_names_exist_and_unknown_ones_do_not():
    for name in kriss.__all__:
        assert getattr(kriss, name) is not None
        assert name in dir(kriss)
    with pytest.raises(AttributeError, match="module 'kriss' has no attribute 'nothing'"):
        _ = kriss.nothing


def test_mirrors_are_reached_by_attribute_as_in_scipy():
    assert kriss.scipy.sparse.linalg.cg is not None
    assert kriss.scipy.linalg.lstsq is not None
    assert kriss.scipy.interpolate.CubicSpline is not None
    assert "interpolate" in dir(kriss.scipy) and "linalg" in dir(kriss.scipy.sparse)
    for module in (kriss.scipy, kriss.scipy.sparse):
        with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
            _ = module.nothing
