"""A mirror has SciPy's signature, defaults, documentation and return types."""

import importlib
import inspect
import pkgutil
import warnings

import numpy as np
import pytest
import scipy.interpolate
import scipy.linalg
import scipy.sparse
import scipy.sparse.linalg

import kriss.scipy
from kriss._swap import SWAPPABLE


def mirrors():
    """Every public name under kriss.scipy: path below scipy -> (ours, theirs)."""
    found = {}
    for info in pkgutil.walk_packages(kriss.scipy.__path__, "kriss.scipy."):
        if any(part.startswith("_") for part in info.name.split(".")):
            continue
        module = importlib.import_module(info.name)
        path = info.name.removeprefix("kriss.")
        for name in getattr(module, "__all__", ()):
            value = getattr(module, name)
            if callable(value):
                theirs = getattr(importlib.import_module(path), name)
                found[f"{path.removeprefix('scipy.')}.{name}"] = (value, theirs)
    return found


MIRRORS = mirrors()


def test_the_swap_list_and_the_mirrors_are_the_same_set():
    assert set(MIRRORS) == set(SWAPPABLE)


@pytest.mark.parametrize("name", MIRRORS)
def test_signature_is_scipys(name):
    ours, theirs = MIRRORS[name]
    assert inspect.signature(ours) == inspect.signature(theirs)
    assert ours.__name__ == theirs.__name__
    assert ours is not theirs


@pytest.mark.parametrize("name", MIRRORS)
def test_docstring_is_our_own(name):
    ours, theirs = MIRRORS[name]
    assert ours.__doc__
    assert "Examples" in ours.__doc__
    assert ours.__doc__ != theirs.__doc__


@pytest.mark.parametrize("name", [name for name, (ours, _) in MIRRORS.items() if isinstance(ours, type)])
def test_class_has_scipys_public_members(name):
    ours, theirs = MIRRORS[name]
    for member in dir(theirs):
        if member.startswith("_") and member != "__call__":
            continue
        assert hasattr(ours, member), member
        if inspect.isroutine(getattr(theirs, member)):
            assert inspect.signature(getattr(ours, member)) == inspect.signature(getattr(theirs, member)), member


def _system(dtype, m=60, n=8):
    rng = np.random.default_rng(5)
    a = rng.standard_normal((m, n))
    b = rng.standard_normal(m)
    if np.issubdtype(dtype, np.complexfloating):
        a = a + 1j * rng.standard_normal((m, n))
    return a.astype(dtype), b.astype(dtype)


DTYPES = [np.float64, np.float32, np.complex128, np.complex64, np.int64, ">f8"]


def both(name, *args, **kwargs):
    """Result of ours and of theirs; neither may warn on the good path."""
    ours, theirs = MIRRORS[name]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return ours(*args, **kwargs), theirs(*args, **kwargs)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("driver", [None, "gelsd", "gelsy", "gelss"])
@pytest.mark.parametrize("columns", [None, 1, 3])
@pytest.mark.parametrize("rows", [5, 60, 4000])
def test_lstsq_returns_what_scipy_returns(dtype, driver, columns, rows):
    a, b = _system(dtype, m=rows)
    if columns is not None:
        b = np.repeat(b[:, None], columns, axis=1)
    ours, theirs = both("linalg.lstsq", a, b, lapack_driver=driver)
    assert type(ours) is type(theirs)
    assert len(ours) == len(theirs)
    for mine, other in zip(ours, theirs, strict=True):
        assert type(mine) is type(other)
        if isinstance(other, np.ndarray):
            assert mine.dtype == other.dtype
            assert mine.shape == other.shape
        else:
            assert mine == other  # rank; or None for the singular values of gelsy


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", ["csr_array", "csr_matrix", "csc_array", "dense", "operator"])
def test_cg_returns_what_scipy_returns(dtype, kind):
    n = 50
    native = np.dtype(dtype).newbyteorder("=")  # SciPy's sparse arrays know no other; dense and b keep theirs
    matrix = scipy.sparse.diags_array([2.5, -1.0, -1.0], offsets=[0, -1, 1], shape=(n, n)).astype(native)
    A = {
        "csr_array": lambda: matrix.tocsr(),
        "csr_matrix": lambda: scipy.sparse.csr_matrix(matrix),
        "csc_array": lambda: matrix.tocsc(),
        "dense": lambda: matrix.toarray().astype(dtype),
        "operator": lambda: scipy.sparse.linalg.aslinearoperator(matrix.tocsr()),
    }[kind]()
    b = np.arange(n).astype(dtype)
    ours, theirs = both("sparse.linalg.cg", A, b, rtol=1e-4)
    assert type(ours) is type(theirs)
    assert type(ours[1]) is type(theirs[1])
    assert ours[1] == theirs[1] == 0
    assert ours[0].dtype == theirs[0].dtype
    assert ours[0].shape == theirs[0].shape


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("bc_type", ["not-a-knot", "natural", "clamped"])
@pytest.mark.parametrize("shape", [(9,), (9, 3), (9, 2, 2)])
def test_cubic_spline_returns_what_scipy_returns(dtype, bc_type, shape):
    x = np.arange(9.0)
    y = np.random.default_rng(1).integers(-5, 5, shape).astype(dtype)
    ours, theirs = both("interpolate.CubicSpline", x, y, bc_type=bc_type)
    assert isinstance(ours, scipy.interpolate.CubicSpline)
    assert (ours.x.dtype, ours.c.dtype, ours.c.shape) == (theirs.x.dtype, theirs.c.dtype, theirs.c.shape)
    assert (ours.axis, ours.extrapolate) == (theirs.axis, theirs.extrapolate)
    for at in (0.5, [0.5, 3.25], np.linspace(-1, 9, 12).reshape(3, 4), np.array([], dtype=float)):
        mine, other = ours(at), theirs(at)
        assert type(mine) is type(other)
        assert (mine.dtype, mine.shape) == (other.dtype, other.shape)
    for method in ("derivative", "antiderivative"):
        assert getattr(ours, method)()(0.5).dtype == getattr(theirs, method)()(0.5).dtype


@pytest.mark.parametrize(
    ("name", "args", "kwargs"),
    [
        ("linalg.lstsq", ([[1.0, np.nan], [0.0, 1.0]], [1.0, 2.0]), {}),
        ("linalg.lstsq", ([1.0, 2.0], [1.0, 2.0]), {}),
        ("linalg.lstsq", (np.eye(3), [1.0, 2.0]), {}),
        ("linalg.lstsq", (np.eye(3), [1.0, 2.0, 3.0]), {"lapack_driver": "gelsz"}),
        ("sparse.linalg.cg", (np.ones((3, 2)), np.ones(3)), {}),
        ("sparse.linalg.cg", (np.eye(3), np.ones(4)), {}),
        ("sparse.linalg.cg", (np.eye(3), np.ones(3)), {"atol": "legacy"}),
        ("sparse.linalg.cg", (np.eye(3), np.ones(3), np.zeros(3), 1e-5), {}),
        ("interpolate.CubicSpline", ([0.0, 1.0, 1.0], [0.0, 1.0, 2.0]), {}),
        ("interpolate.CubicSpline", ([0.0, 1.0, np.nan], [0.0, 1.0, 2.0]), {}),
        ("interpolate.CubicSpline", ([0.0, 1.0, 2.0], [0.0, 1.0]), {}),
        ("interpolate.CubicSpline", ([0.0, 1.0, 2.0], [0.0, 1.0, 2.0]), {"bc_type": "periodic"}),
        ("interpolate.CubicSpline", ([0.0, 1.0, 2.0], [0.0, 1.0, 2.0]), {"bc_type": "nonsense"}),
        ("interpolate.CubicSpline", ([0.0, 1.0j, 2.0], [0.0, 1.0, 2.0]), {}),
    ],
)
def test_bad_input_raises_scipys_exception(name, args, kwargs):
    ours, theirs = MIRRORS[name]
    with pytest.raises(Exception) as expected:
        theirs(*args, **kwargs)
    with pytest.raises(expected.type) as found:
        ours(*args, **kwargs)
    assert found.type is expected.type
    assert str(found.value)
