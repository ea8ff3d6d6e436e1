"""The additive two-level preconditioner: against its formula, and by what it promises."""

import numpy as np
import pytest
import scipy.sparse as sps
from hypothesis import given, settings
from hypothesis import strategies as st

import kriss
from kriss.solve import AdditiveTwoLevel, cg
from kriss.testing import diffusion2d, poisson2d


def by_formula(A, labels, smoother):
    A = A.toarray()
    P = np.eye(labels.max() + 1)[labels]
    D, L = np.diag(np.diag(A)), np.tril(A, -1)
    S = np.linalg.inv(D if smoother == "jacobi" else (D + L) @ np.linalg.inv(D) @ (D + L.T))
    return S + P @ np.linalg.inv(P.T @ A @ P) @ P.T


@settings(max_examples=20)
@given(n=st.integers(1, 9), k=st.integers(1, 12), seed=st.integers(0, 99), smoother=st.sampled_from(["jacobi", "ssor"]))
def test_the_formula(n, k, seed, smoother):
    A = diffusion2d(n, 100.0, rng=seed)
    labels = np.random.default_rng(seed).integers(0, k, n * n)
    labels = np.unique(labels, return_inverse=True)[1]
    B = AdditiveTwoLevel(A, labels, smoother=smoother) @ np.eye(n * n)
    expected = by_formula(A, labels, smoother)
    assert np.abs(B - expected).max() <= 1e-12 * np.abs(expected).max()
    assert np.linalg.eigvalsh((B + B.T) / 2)[0] > 0


@pytest.mark.parametrize("smoother", ["jacobi", "ssor"])
def test_iterations_fall_with_the_number_of_parts(smoother):
    A = poisson2d(64)
    b = np.random.default_rng(0).standard_normal(4096)
    counts = [cg(A, b, rtol=1e-8, M=smoother).iterations]
    for k in (16, 64, 256):
        M = AdditiveTwoLevel(A, np.arange(4096) // 64 * int(k**0.5) // 64 * int(k**0.5) + np.arange(4096) % 64
                             * int(k**0.5) // 64, smoother=smoother)  # fmt: skip
        result = cg(A, b, rtol=1e-8, M=M)
        assert result.status == "converged"
        counts.append(result.iterations)
    assert counts == sorted(counts, reverse=True) and counts[-1] < 0.5 * counts[0]


def test_parts_by_number():
    A = poisson2d(30)
    M = AdditiveTwoLevel(A, 30)
    assert np.array_equal(np.unique(M.parts), np.arange(30)) and np.ptp(np.bincount(M.parts)) <= 2
    b = np.random.default_rng(0).standard_normal(900)
    assert cg(A, b, rtol=1e-8, M=M).iterations < cg(A, b, rtol=1e-8, M="jacobi").iterations
    assert AdditiveTwoLevel(poisson2d(2), 50).parts.max() == 3  # no more than unknowns
    exact = AdditiveTwoLevel(A, np.arange(900))
    assert np.allclose(exact @ b, np.linalg.solve(A.toarray(), b) + b / 4, rtol=1e-10)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_backends_workers_and_loops_agree(dtype):
    A = diffusion2d(40, 10.0).astype(dtype)
    b = np.random.default_rng(0).standard_normal(1600).astype(dtype)
    M = AdditiveTwoLevel(A, 25, smoother="ssor", workers=1)
    first, solved = M @ b, cg(A, b, rtol=1e-4, M=M)
    assert first.dtype == dtype and solved.status == "converged"
    assert np.array_equal(cg(A, b, rtol=1e-4, M=M, callback=lambda x: None).x, solved.x)
    assert np.array_equal(AdditiveTwoLevel(A, 25, smoother="ssor", workers=4) @ b, first)
    for name in ("compiled", "numba"):
        try:
            with kriss.use_backend(name):
                assert np.array_equal(AdditiveTwoLevel(A, 25, smoother="ssor") @ b, first)
        except RuntimeError:
            pytest.skip(f"backend {name} is not available here")


def test_update_scale_and_columns():
    A, B = diffusion2d(20, 1e3), diffusion2d(20, 10.0, rng=3)
    M = AdditiveTwoLevel(A, 20)
    before, expected = M @ np.ones(400), AdditiveTwoLevel(B, M.parts) @ np.ones(400)
    M.update(B)
    assert np.array_equal(M @ np.ones(400), expected)
    far = AdditiveTwoLevel(A * 2.0**-900, M.parts)
    assert np.array_equal(far @ np.full(400, 2.0**-900), before)
    R = np.random.default_rng(0).standard_normal((400, 2))
    assert np.array_equal((M @ R)[:, 1], M @ R[:, 1])
    assert M.is_spd and M.is_linear and M.nbytes > 12 * A.nnz
    with pytest.raises(ValueError, match="expected"):
        M.update(poisson2d(3))


@pytest.mark.parametrize(
    ("parts", "options", "error", "text"),
    [
        (0, {}, ValueError, "parts"),
        (3001, {}, ValueError, "parts"),
        (2.0, {}, TypeError, "parts"),
        (np.zeros(8, int), {}, ValueError, "shape"),
        (np.full(9, 1), {}, ValueError, "gaplessly"),
        (np.zeros(9), {}, TypeError, "integers"),
        (3, {"smoother": "ilu"}, ValueError, "smoother"),
    ],
)
def test_refused(parts, options, error, text):
    with pytest.raises(error, match=text):
        AdditiveTwoLevel(poisson2d(3), parts, **options)


def test_bad_matrices_are_refused():
    with pytest.raises(ValueError, match="row 1"):
        AdditiveTwoLevel(sps.csr_array(np.array([[1.0, 0.0], [0.0, 0.0]])), 1)
    with pytest.raises(np.linalg.LinAlgError, match="coarse"):
        AdditiveTwoLevel(sps.csr_array(np.array([[1.0, -2.0], [-2.0, 1.0]])), 1)
