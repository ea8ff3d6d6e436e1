"""The user's own network in flexible conjugate gradients."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from kriss.solve import Jacobi, cg, fcg
from kriss.solve.learned import Wrapper
from kriss.testing import diffusion2d, poisson2d

N = 10
A = diffusion2d(N, 100.0)
B = np.random.default_rng(0).standard_normal(N * N)


def test_a_linear_module_is_the_operator_itself():
    D = Jacobi(A)
    M = Wrapper(lambda r: D.inverse * r, N * N)
    r = np.random.default_rng(1).standard_normal(N * N)
    assert_allclose(M @ r, D @ r, rtol=1e-14)
    result, plain = M.solve(A, B, rtol=1e-10), fcg(A, B, rtol=1e-10, M=D, memory=2)
    assert result.params["kept"] == "module"
    assert abs(result.iterations - plain.iterations) <= 1
    assert np.linalg.norm(B - A @ result.x) <= 1e-10 * np.linalg.norm(B) * (1 + 1e-12)


@pytest.mark.parametrize("exponent", [-1000, -300, 0, 300, 1000])
def test_it_is_homogeneous_and_sees_unit_vectors(exponent):
    seen = []

    def module(r):
        seen.append(np.linalg.norm(r))
        return np.tanh(r)

    M = Wrapper(module, N * N)
    r = np.random.default_rng(2).standard_normal(N * N)
    expected = M @ r
    found = M @ np.ldexp(r, exponent)
    assert_allclose(np.ldexp(found, -exponent), expected, rtol=1e-9)
    assert_allclose(seen, 1.0, rtol=1e-12)
    assert_array_equal(M @ np.zeros(N * N), np.zeros(N * N))
    assert M.calls == 3
    assert len(seen) == 2


def test_images_are_shaped():
    shapes = []

    def module(r):
        shapes.append(r.shape)
        return r[::1]

    Wrapper(module, N * N, grid=(N, N)) @ B
    Wrapper(module, N * N) @ B
    assert shapes == [(N, N), (N * N,)]


@pytest.mark.parametrize(
    ("module", "reason"),
    [
        (lambda r: -r, "its first step gains nan"),
        (lambda r: r * np.nan, "its first step gains nan"),
        (lambda r: np.where(np.arange(r.size) == 5, np.inf, r), "its first step gains nan"),
        (lambda r: np.roll(r, 50), "its first step gains"),
        (lambda r: np.zeros_like(r), "its first step gains nan"),
    ],
)
def test_a_module_that_misleads_is_left(module, reason):
    result = Wrapper(module, N * N).solve(A, B, rtol=1e-8)
    assert result.status == "converged"
    assert result.params["kept"] == "jacobi"
    assert result.params["reason"].startswith(reason)
    assert np.linalg.norm(B - A @ result.x) <= 1.0001e-8 * np.linalg.norm(B)


def test_a_module_that_fails_later_is_left():
    calls = []

    def module(r):
        calls.append(1)
        return 1.5 / A.diagonal() * r if len(calls) < 4 else -r

    result = Wrapper(module, N * N).solve(A, B, rtol=1e-8)
    assert result.params["kept"] == "jacobi"
    assert result.params["reason"] == "with the module the iteration ended: indefinite_preconditioner"
    assert result.status == "converged"


@pytest.mark.parametrize("own", ["f4", "f8"])
@pytest.mark.parametrize("size", [1e-29, 1.0, 1e25])
@pytest.mark.parametrize("wrong", [1, 3])
def test_errors_with_the_wrong_sign_do_not_end_the_iteration(wrong, size, own):
    # the inverse of A, but for the sign on a few of its eigenvectors: after a step the residual points uphill
    w, V = np.linalg.eigh(A.toarray())
    sign = np.where(np.arange(w.size) < wrong, -1.0, 1.0)
    inverse = (V * (sign * (1.0 + 0.1 * np.arange(w.size) / w.size) / w)) @ V.T
    seen = []

    def module(r):
        z = inverse @ r
        seen.append(r @ z)
        return z

    b = size * (V @ np.sqrt(w))  # every eigenvector with the same energy
    M = Wrapper(module, N * N, dtype=own)
    result = M.solve(A, b, rtol=1e-8, memory=8)
    assert (result.status, result.params["kept"], result.params["M"]) == ("converged", "module", "Wrapper")
    assert min(seen) < 0
    assert result.iterations <= 15
    assert result.residuals is None
    again = M.solve(A, b, rtol=1e-8, memory=8, residuals=True)
    assert len(again.residuals) == again.iterations + 1
    assert_array_equal(again.x, result.x)


def test_plain_conjugate_gradients_refuse_it():
    with pytest.raises(ValueError, match="linear"):
        cg(A, B, M=Wrapper(np.tanh, N * N))


def test_arguments_are_named():
    with pytest.raises(TypeError, match="module must be callable, not int"):
        Wrapper(3, 4)
    with pytest.raises(ValueError, match=r"grid \(3, 3\) has 9 points, expected n = 4"):
        Wrapper(np.tanh, 4, grid=(3, 3))
    with pytest.raises(ValueError, match="n must be"):
        Wrapper(np.tanh, 0)
    with pytest.raises(ValueError, match=r"module returned float64 of shape \(3,\)"):
        Wrapper(lambda r: r[:3], 100) @ B
    with pytest.raises(ValueError, match="module returned complex128"):
        Wrapper(lambda r: r + 0j, 100) @ B
    with pytest.raises(ValueError, match=r"A has shape \(81, 81\)"):
        Wrapper(np.tanh, 100).solve(poisson2d(9), B)


def test_a_correction_turned_over_is_refused():
    M = Wrapper(lambda r: r.T, 200, grid=(10, 20))
    with pytest.raises(ValueError, match=r"of shape \(20, 10\), expected real numbers of shape \(10, 20\)"):
        M @ np.ones(200)


@pytest.mark.parametrize("system", ["f4", "f8"])
@pytest.mark.parametrize("own", ["f4", "f8"])
def test_the_system_keeps_its_precision_whatever_that_of_the_wrapper(own, system):
    C, b = poisson2d(20).astype(system), B.repeat(4).astype(system)
    rtol = 1e-11 if system == "f8" else 1e-5
    result = Wrapper(np.tanh, 400, dtype=own).solve(C, b, rtol=rtol)
    assert (result.status, result.params["kept"], result.x.dtype) == ("converged", "module", np.dtype(system))
    assert np.linalg.norm(b - C @ result.x) <= 1.01 * rtol * np.linalg.norm(b)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(("dtype", "exponent"), [("f8", 664), ("f8", -664), ("f8", 1000), ("f4", 83), ("f4", -100)])
def test_the_guard_sees_the_same_at_any_size_of_the_right_hand_side(dtype, exponent):
    C, b = poisson2d(10).astype(dtype), B.astype(dtype)
    bad, good = (Wrapper(f, 100, dtype=dtype) for f in (lambda u: u * np.logspace(0, -6, 100), lambda u: 2.0 * u))
    for M, kept in ((bad, "jacobi"), (good, "module")):
        result, plain = (M.solve(C, np.ldexp(b, k), rtol=1e-4) for k in (exponent, 0))
        assert result.status == "converged"
        assert result.params["kept"] == plain.params["kept"] == kept
        assert result.params["reason"] == plain.params["reason"]
        assert result.iterations == plain.iterations


def test_it_has_no_transpose():
    M = Wrapper(np.tanh, N * N)
    for name in "TH":
        with pytest.raises(NotImplementedError, match="Wrapper is not a symmetric linear map"):
            getattr(M, name)
    with pytest.raises(NotImplementedError):
        M.rmatvec(B)


def test_a_zero_right_hand_side():
    result = Wrapper(np.tanh, N * N).solve(A, np.zeros(N * N))
    assert result.status == "converged"
    assert not result.x.any()


def test_torch_modules():
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    module = torch.nn.Conv2d(1, 1, 3, padding=1, bias=False)
    with torch.no_grad():
        module.weight.copy_(torch.tensor([[0.0, 0.2, 0.0], [0.2, 1.0, 0.2], [0.0, 0.2, 0.0]]))
    M = Wrapper(module, N * N, grid=(N, N))
    assert M.nbytes == 36
    result = M.solve(poisson2d(N), B, rtol=1e-6)
    assert result.status == "converged"
    assert result.params["kept"] == "module"
