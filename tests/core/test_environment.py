"""Environment variables and failures at import, each in a process of its own."""

import os
import subprocess
import sys

import numpy as np
import pytest

from kriss import _backend

needs_core = pytest.mark.skipif(_backend.core() is None, reason="needs the compiled module")
needs_numba = pytest.mark.skipif(not _backend.has_numba(), reason="needs numba")


def run(code, **environment):
    env = {k: v for k, v in os.environ.items() if not k.startswith("KRISS_")}
    env.update(environment)
    return subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=240)


def stdout(code, **environment):
    done = run(code, **environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


SHOW = "import kriss; c = kriss.show_config('dicts'); print(c['backend'], '|', c['cpu level'], '|', c['threads'])"


@needs_core
def test_backend_variable():
    assert stdout(SHOW).startswith("compiled")
    assert stdout(SHOW, KRISS_BACKEND="compiled").startswith("compiled")
    assert stdout(SHOW, KRISS_BACKEND="").startswith("compiled")


@needs_numba
def test_backend_variable_numba():
    assert stdout(SHOW, KRISS_BACKEND="numba").startswith("numba")


def test_unknown_backend_variable_raises():
    done = run("from kriss._backend import kernels; kernels('math')", KRISS_BACKEND="fortran")
    assert done.returncode != 0
    assert "backend must be one of 'compiled', 'numba', not 'fortran'" in done.stderr


@needs_core
@pytest.mark.parametrize("level", ["v2", "v3", "v4"])
def test_every_instruction_level_returns_the_same_bits(level, tmp_path):
    # What the default level computes here; a level this processor lacks falls back and says so.
    code = """
import sys, numpy as np
from kriss._backend import core
m = core().math
rng = np.random.default_rng(11)
out = []
for dtype in (np.float64, np.float32):
    x = np.concatenate([rng.uniform(-40, 40, 4003), np.exp(rng.uniform(-80, 80, 4001)), [0.0, -0.0, np.inf, -np.inf]])
    x = x.astype(dtype)
    for name in ("exp", "expm1", "log", "log1p", "erfc", "sin", "cos"):
        y = np.empty_like(x)
        getattr(m, name)(x, y, 1)
        out.append(np.where(np.isnan(y), dtype(1e30), y))
a, b, c = np.empty(5003), rng.standard_normal(5003), rng.standard_normal(5003)
m.triad(1.7, b, c, a, 1)
out.append(a)
np.savez(sys.argv[1], *out)
print(core().cpu_level(), "/", core().cpu_level_reason())
"""
    code = code.replace("sys.argv[1]", repr(str(tmp_path / "{}.npz")))
    said = stdout(code.replace("{}", level), KRISS_CPU=level)
    stdout(code.replace("{}", "best"))
    assert f"KRISS_CPU={level}" in said
    assert said.startswith(level) or "cannot run" in said or "x86-64" in said
    with np.load(tmp_path / f"{level}.npz") as got, np.load(tmp_path / "best.npz") as want:
        assert len(want.files) == 15
        for name in want.files:
            assert got[name].tobytes() == want[name].tobytes(), name


@needs_core
def test_unknown_instruction_level_is_ignored_and_reported():
    said = stdout("from kriss._backend import core; print(core().cpu_level_reason())", KRISS_CPU="v9")
    assert "KRISS_CPU=v9 is not one of v2, v3, v4" in said


@needs_core
@pytest.mark.parametrize(("value", "threads"), [("1", 1), ("3", 3), ("64", 64)])
def test_threads_variable(value, threads):
    assert stdout("import kriss; print(kriss.get_num_threads())", KRISS_NUM_THREADS=value).strip() == str(threads)


@needs_core
@pytest.mark.parametrize("value", ["0", "-2", "many", "", "99999"])
def test_meaningless_threads_variable_gives_the_available_cores(value):
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    assert stdout("import kriss; print(kriss.get_num_threads())", KRISS_NUM_THREADS=value).strip() == str(cores)


# The compiled module is made to fail by a finder that stands before the real one.
BROKEN = """
import importlib.abc, importlib.machinery, sys, warnings
class Breaks(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(self, name, path=None, target=None):
        if name == "kriss._core":
            return importlib.machinery.ModuleSpec(name, self)
    def create_module(self, spec):
        raise ImportError("libexample.so.7: cannot open shared object file")
    def exec_module(self, module):
        pass
sys.meta_path.insert(0, Breaks())
"""


@needs_numba
def test_broken_compiled_module_warns_once_and_says_why():
    code = (
        BROKEN
        + """
import kriss
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    from kriss._backend import backend, kernels, core
    kernels("math"); kernels("math"); core(); backend()
mine = [w for w in caught if "kriss" in str(w.message)]
print(len(mine), mine[0].category.__name__, str(mine[0].message))
print(backend())
print(kriss.show_config("dicts")["compiled"])
print(kriss.get_num_threads()); kriss.set_num_threads(2)
"""
    )
    lines = stdout(code).splitlines()
    assert lines[0].startswith("1 RuntimeWarning")
    assert "libexample.so.7" in lines[0]
    assert lines[1] == "numba"
    assert lines[2] == "no (libexample.so.7: cannot open shared object file)"
    assert lines[3] == "1"


def test_asking_for_a_broken_compiled_module_raises_with_the_reason():
    code = BROKEN + "\nwarnings.simplefilter('ignore')\nfrom kriss._backend import kernels\nkernels('math')"
    done = run(code, KRISS_BACKEND="compiled")
    assert done.returncode != 0
    assert "RuntimeError: backend 'compiled' was asked for" in done.stderr
    assert "libexample.so.7" in done.stderr


NO_NUMBA = """
import importlib.util, sys
find = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name == "numba" else find(name, *rest)
"""


def test_neither_kernels_nor_numba_raises_and_show_config_still_works():
    code = (
        BROKEN
        + NO_NUMBA
        + """
warnings.simplefilter("ignore")
import kriss
print(kriss.show_config("dicts")["backend"])
from kriss._backend import kernels
try:
    kernels("math")
except RuntimeError as exc:
    print(exc)
try:
    with kriss.use_backend("numba"):
        pass
except RuntimeError as exc:
    print(exc)
"""
    )
    lines = stdout(code).splitlines()
    assert lines[0].startswith("none (kriss has no kernels to run")
    assert "libexample.so.7" in lines[1] and "numba is not installed" in lines[1]
    assert lines[2] == "backend 'numba' was asked for but numba is not installed: pip install 'kriss[numba]'"


def test_import_brings_nothing_heavy():
    code = """
import sys, kriss
heavy = ["numba", "cupy", "torch", "dask", "jax", "matplotlib", "sklearn", "threadpoolctl"]
print([m for m in heavy if m in sys.modules])
"""
    assert stdout(code).strip() == "[]"


@needs_core
def test_nothing_is_printed_by_import_and_first_use():
    done = run(
        "import kriss, numpy as np; from kriss._backend import kernels\nkernels('math').exp(np.ones(9), np.ones(9), 2)"
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@needs_core
@needs_numba
def test_blas_with_64_bit_integers_is_refused_and_named():
    # One capsule is replaced by one whose signature has 64-bit integers, as an ILP64 build of SciPy would export it.
    code = """
import ctypes, warnings
import scipy.linalg.cython_blas as cb
new = ctypes.pythonapi.PyCapsule_New
new.restype, new.argtypes = ctypes.py_object, (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p)
name = b"void (char *, int64_t *)"
cb.__pyx_capi__["sgemm"] = new(1, name, None)
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    from kriss._backend import backend
    print(backend())
print(len([w for w in caught if "32-bit integers" in str(w.message)]))
import kriss
print(kriss.show_config("dicts")["compiled"])
"""
    lines = stdout(code).splitlines()
    assert lines[:2] == ["numba", "1"]
    assert "sgemm does not take 32-bit integers" in lines[2]


@needs_numba
def test_a_folder_of_stubs_is_not_a_compiled_module():
    # A pure-Python installation once carried kriss/_core/*.pyi, which imports as an empty namespace package.
    code = """
import importlib.machinery, importlib.util, warnings
real = importlib.util.find_spec
def find_spec(name, package=None):
    if name != "kriss._core":
        return real(name, package)
    spec = importlib.machinery.ModuleSpec(name, None, is_package=True)
    return spec
importlib.util.find_spec = find_spec
warnings.simplefilter("error")
from kriss._backend import backend, core_error
print(backend(), core_error())
"""
    assert stdout(code).strip() == "numba kriss._core is not built"
