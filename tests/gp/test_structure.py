"""The front door: which factor is made, and why."""

import types

import numpy as np
import pytest

from kriss import gp
from kriss.gp import RBF, CovarianceFactor, Matern, PythonKernel, Sum, _structure, factor


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
    assert f.structure == "dense" and f.jitter == 1e-3 and f.reason == "no other structure adds jitter"
    with pytest.raises(NotImplementedError, match=r"jitter=0\.001 is not for structure='pretended'"):
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


CASES = {
    "series": (Matern(1.5, 0.05), lambda rng: rng.random((700, 1)), 0.1),
    "toeplitz": (gp.RationalQuadratic(0.05), lambda rng: np.linspace(0.0, 1.0, 700)[:, None], 0.1),
    "grid": (
        RBF([0.2, 0.3]),
        lambda rng: np.stack(np.meshgrid(rng.random(30), rng.random(25)), -1).reshape(-1, 2),
        0.1,
    ),
    "replicates": (Matern(2.5, 0.3), lambda rng: rng.random((60, 3))[rng.integers(60, size=700)], 0.1),
    "dense": (Matern(2.5, 0.3), lambda rng: rng.random((700, 3)), 0.1),
}


@pytest.mark.parametrize("name", CASES)
def test_the_structure_that_is_found_gives_the_dense_answer(name, rng):
    kernel, make, noise = CASES[name]
    X = make(rng)
    y, Xs = rng.standard_normal(len(X)), X[:5] + 0.01
    f, dense = factor(kernel, X, noise), factor(kernel, X, noise, structure="dense")
    assert f.structure == name and len(f.reason) > 10 and f.jitter == 0.0
    assert dense.structure == "dense" and dense.reason == "asked for"
    # Relative errors of a solve are about the condition number times eps; determinants n times that.
    slack = 700 * np.finfo(float).eps * dense.condition_estimate
    assert f.logdet() == pytest.approx(dense.logdet(), abs=slack)
    assert f.log_likelihood(y) == pytest.approx(dense.log_likelihood(y), rel=slack)
    value, gradient = f.log_likelihood_grad(y)
    exact = dense.log_likelihood_grad(y)
    assert value == pytest.approx(exact[0], rel=slack)
    np.testing.assert_allclose(gradient, exact[1], rtol=0, atol=slack * np.abs(exact[1]).max())
    np.testing.assert_allclose(f.solve(y), dense.solve(y), rtol=0, atol=slack * np.abs(y).max() / noise)
    p, q = (g.predict(Xs, y, return_std=True) for g in (f, dense))
    np.testing.assert_allclose(p.mean, q.mean, rtol=0, atol=slack * np.abs(q.mean).max() * 10)
    np.testing.assert_allclose(p.std, q.std, rtol=0, atol=np.sqrt(slack))
    again = factor(kernel, X, noise, structure=name)
    assert again.structure == name and again.logdet() == f.logdet()


def test_approximations_by_name(rng):
    X, kernel = rng.random((200, 2)), Matern(1.5, 0.5)
    dense = factor(kernel, X, 0.1)
    for name, options in (("low_rank", {"inducing": 150}), ("vecchia", {"neighbours": 40}), ("iterative", {})):
        f = factor(kernel, X, 0.1, structure=name, **options)
        assert f.structure == name
        y = rng.standard_normal(200)
        assert float(f.quad(y)) == pytest.approx(dense.quad(y), rel=0.05)


def test_the_documentation_lists_what_there_is():
    text = gp.factor.__doc__
    assert "STRUCTURES" not in text
    for row in _structure.TABLE:
        assert f'``"{row.name}"``' in text


def test_scikit_learns_kernels_are_compiled_and_unknown_ones_stay_in_python(rng):
    sk = pytest.importorskip("sklearn.gaussian_process.kernels")

    class Own(sk.RBF):
        """A subclass may compute something else: it is asked."""

    X, y = rng.uniform(size=(40, 3)), rng.standard_normal(40)
    tree = 2.0 * sk.RBF([0.5, 0.6, 0.7]) * sk.RationalQuadratic(0.8, 1.5) + sk.WhiteKernel(0.3)
    for kernel, kind in ((tree, Sum), (tree.k1 * Own(0.9), PythonKernel)):
        f = factor(kernel, X, noise=0.1)
        K = kernel(X) + 0.1 * np.eye(40)
        assert isinstance(f.kernel, kind)
        np.testing.assert_allclose(f.solve(y), np.linalg.solve(K, y), rtol=1e-9)
        np.testing.assert_allclose(f.logdet(), np.linalg.slogdet(K)[1], rtol=1e-10)
    # structures find what they can use
    t = np.sort(rng.uniform(size=600))[:, None]
    assert factor(sk.Matern(0.1, nu=1.5), t, noise=0.1).structure == "series"
    for bad in (sk.RBF, 3.0, None):
        with pytest.raises(TypeError, match=r"kernel must be a kriss\.gp kernel or one of scikit-learn's"):
            factor(bad, X, noise=0.1)
