"""`Sequence`: precond="auto", and what it takes as contexts and matrices."""

import numpy as np
import pytest
import scipy.sparse as sps

from kriss.solve import FSAI, Sequence, cg
from kriss.testing import poisson2d

A, B = sps.csr_array(sps.eye_array(144) + poisson2d(12)), np.ones(144)


def test_auto():
    assert Sequence("cg", "auto").arms[:2] == ("mic", "ssor (omega 1)") and len(Sequence("cg", "auto").arms) == 21
    assert Sequence("minres", "auto", ("relax",)).arms[0] == "mic (relax 0)"
    assert Sequence("cg", "auto", ("omega",)).arms == Sequence().arms
    assert Sequence("cg", "auto", ()).arms == ("mic",)
    assert len(Sequence("cg", "auto", ("relax", "precond")).arms) == 11
    assert Sequence("bicgstab", "auto").arms == ("ilu0", "jacobi", "none")
    assert Sequence("sor", "auto").arms == Sequence("sor").arms
    with pytest.raises(ValueError, match="'auto' among others"):
        Sequence("cg", ["auto", "ssor"])
    D, b = poisson2d(40), np.ones(1600)
    S = Sequence("cg", "auto", rtol=1e-8, rng=0)
    paid = sum(S.solve(D, b).iterations for _ in range(80))
    assert S.report().used[0] > 40  # MIC, of 21 settings
    assert paid <= 1.2 * 80 * cg(D, b, rtol=1e-8, M="mic").iterations


@pytest.mark.parametrize("method", ["minres", "gmres"])
def test_auto_solves_where_every_factor_refuses_the_diagonal(method):
    H, C = poisson2d(8), sps.random_array((12, 64), density=0.2, rng=np.random.default_rng(2))
    saddle = sps.csr_array(sps.block_array([[H, C.T], [C, None]]))
    b = saddle @ np.ones(76)
    result = Sequence(method, "auto", rtol=1e-9, maxiter=4000).solve(saddle, b)
    assert result.converged and np.linalg.norm(b - saddle @ result.x) <= 1e-7 * np.linalg.norm(b)


def test_a_context_array_that_is_filled_again_is_another_context():
    S, given = Sequence("cg", "ssor", rtol=1e-8, rng=0), np.empty(1)
    T = Sequence("cg", "ssor", rtol=1e-8, rng=0)
    for k in range(30):
        given[0] = 1.0 + k % 3
        assert S.solve(A, B, given).iterations == T.solve(A, B, 1.0 + k % 3).iterations
    assert np.array_equal(S.report().contexts, T.report().contexts)


def test_a_vector_for_a_matrix_is_named_the_second_time_too():
    S = Sequence("cg", "ssor")
    S.solve(A, B)
    with pytest.raises(ValueError, match="A "):
        S.solve(sps.csr_array(np.ones(B.size)), B)


def test_approximate_inverses_are_a_choice():
    S = Sequence("cg", "fsai", params={"power": 2, "most": 6}, rtol=1e-8)
    for t in range(3):
        C = sps.csr_array((1.0 + t) * A + sps.eye_array(144))
        assert S.solve(C, B).iterations == cg(C, B, rtol=1e-8, M=FSAI(C, 2, most=6)).iterations
    S = Sequence("cg", ["jacobi", "fsai"], rtol=1e-8, rng=0)
    for t in range(30):
        C = sps.csr_array(A + (t % 3) * sps.eye_array(144))
        assert S.solve(C, B).converged
    assert S.report().used.min() > 0
    for wrong, error in (({"power": 9}, "power must be"), ({"omega": 1.0}, "which nothing here takes")):
        with pytest.raises(ValueError, match=error):
            Sequence("cg", "fsai", params=wrong).solve(A, B)
