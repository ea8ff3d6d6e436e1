"""The front door: which factor is made, and why."""

import types

import numpy as np
import pytest

from kriss import gp
from kriss.gp import RBF, CovarianceFactor, Matern, _structure, factor


class Pretender:
    """A structure that suits points whose first coordinate is whole."""

    def __init__(self):
        self.asked = []

    def suits(self, kernel, X, noise):
        self.asked.append(X.shape)
        assert noise.shape == (len(X),)
        return "the first column is whole" if (X[:, 0] % 1.0 == 0.0).all() else None

    def build(self, kernel, X, noise, *, workers=None, check_finite=True, option=None):
        return types.SimpleNamespace(structure="pretended", reason="because", noise=noise, option=option, kernel=kernel)


@pytest.fixture
def table(monkeypatch):
    pretender = Pretender()
    rows = (
        _structure.Structure("pretended", "nowhere", True, "whole"),
        _structure.Structure("rough", "nowhere", False, "anything, roughly"),
    )
    monkeypatch.setattr(_structure, "TABLE", rows)
    monkeypatch.setattr(_structure.Structure, "load", lambda self: pretender)
    return pretender


def test_few_points_are_dense(table):
    f = factor(RBF(), np.arange(20.0)[:, None], 0.1)
    assert isinstance(f, CovarianceFactor) and f.structure == "dense" and table.asked == []
    assert f.reason == "20 points: too few for another structure to pay"


def test_automatic_takes_what_suits_and_says_why(table, rng):
    X = np.arange(600.0)[:, None]
    f = factor(RBF(), X, 0.1)
    assert f.structure == "pretended" and f.reason == "because" and table.asked == [(600, 1)]
    g = factor(Matern(0.5, 0.01), rng.random((600, 1)), 0.1)
    assert g.structure == "dense" and g.reason == "the points are not whole"


def test_automatic_never_approximates(table, monkeypatch):
    monkeypatch.setattr(_structure, "_memory", lambda: 1e6)
    X = np.linspace(0.1, 0.9, 600)[:, None]
    with pytest.raises(MemoryError, match=r"X has 600 rows .*0.00288 GB.*structure='rough' \(anything, roughly\)"):
        factor(Matern(0.5, 0.01), X, 0.1)
    assert factor(Matern(0.5, 0.01), X, 0.1, structure="dense").n == 600
    assert factor(Matern(0.5, 0.01), X, 0.1, structure="rough", option=3).option == 3


def test_jitter_is_for_dense_factors(table):
    X = np.arange(600.0)[:, None]
    f = factor(RBF(), X, 0.1, 1e-3)
    assert f.structure == "dense" and f.jitter == 1e-3 and f.reason.startswith("jitter was asked for")
    with pytest.raises(NotImplementedError, match=r"jitter=0\.001 is for structure='dense'"):
        factor(RBF(), X, 0.1, 1e-3, structure="pretended")


def test_bad_arguments(table):
    X = np.arange(4.0)[:, None]
    with pytest.raises(ValueError, match="must be one of 'auto', 'dense', 'pretended', 'rough', not 'spiral'"):
        factor(RBF(), X, structure="spiral")
    with pytest.raises(TypeError, match="structure='auto' takes no further options, not option"):
        factor(RBF(), X, option=1)
    with pytest.raises(TypeError, match="a dense factor takes no option"):
        factor(RBF(), X, structure="dense", option=1)
    with pytest.raises(TypeError, match="kernel must be"):
        factor("rbf", X)


def test_the_documentation_lists_what_there_is():
    text = gp.factor.__doc__
    assert "STRUCTURES" not in text
    for row in _structure.TABLE:
        assert f'``"{row.name}"``' in text
