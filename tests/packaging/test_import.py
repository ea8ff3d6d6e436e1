"""What `import kriss` does and does not do, each in a fresh interpreter."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import kriss

EXTRAS = ("numba", "cupy", "torch", "jax", "dask", "matplotlib", "sklearn", "pandas", "hypothesis")


def fresh(code, *, check=True, **environment):
    """Runs code in a new interpreter that finds the kriss under test."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("KRISS_")}
    env["PYTHONPATH"] = str(Path(kriss.__file__).parent.parent)
    env |= environment
    return subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=check, timeout=120
    )


def loaded(code):
    done = fresh(f"{code}\nimport json, sys; print(json.dumps(sorted(sys.modules)))")
    assert done.stderr == ""
    return {name.split(".")[0] for name in json.loads(done.stdout)}


@pytest.mark.parametrize(
    "code",
    [
        "import kriss",
        "import kriss.spline",
        "import kriss.sketch",
        "import kriss.solve",
        "import kriss.gp",
        "import kriss.datasets, kriss.testing, kriss.config",
        "import kriss.scipy.linalg, kriss.scipy.sparse.linalg, kriss.scipy.interpolate",
        "import kriss; kriss.spline, kriss.sketch, kriss.solve, kriss.gp, kriss.scipy",
    ],
)
def test_import_loads_no_extra(code):
    assert loaded(code) & set(EXTRAS) == set()


def test_plain_import_loads_no_family():
    done = fresh("import kriss, sys; print([m for m in sys.modules if m.startswith('kriss.')])")
    assert "kriss.gp" not in done.stdout
    assert "kriss._core" not in done.stdout


@pytest.mark.parametrize("name", ["gp", "sketch", "solve", "spline", "scipy", "datasets", "testing", "config"])
def test_submodules_are_found_on_demand(name):
    assert fresh(f"import kriss; print(kriss.{name}.__name__)").stdout.strip() == f"kriss.{name}"


def test_unknown_attribute_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        kriss.nonsense  # noqa: B018


def test_everything_in_all_exists():
    for name in kriss.__all__:
        assert getattr(kriss, name) is not None
        assert name in dir(kriss)


def test_import_leaves_the_floating_point_environment_alone():
    """Subnormals are neither flushed nor taken for zero after the import and first use."""
    code = (
        "import numpy as np, kriss.solve, kriss.spline\n"
        "tiny = np.full(1000, 5e-324)\n"
        "kriss.show_config('dicts')\n"
        "print(np.count_nonzero(tiny * 1.0), np.count_nonzero(tiny / 1.0 == tiny), np.geterr()['divide'])"
    )
    assert fresh(code).stdout.split() == ["1000", "1000", "warn"]


def test_show_config_prints_and_returns():
    done = fresh("import kriss; kriss.show_config()")
    for word in ("kriss", "backend", "cpu level", "threads", "cuda"):
        assert word in done.stdout
    info = kriss.show_config("dicts")
    assert info["kriss"] == kriss.__version__
    with pytest.raises(ValueError, match="mode"):
        kriss.show_config("yaml")


@pytest.mark.skipif(not kriss.show_config("dicts")["compiled"].startswith("yes"), reason="no compiled module here")
def test_unknown_cpu_level_is_refused_or_named():
    done = fresh("import kriss; print(kriss.show_config('dicts')['cpu level'])", check=False, KRISS_CPU="v9")
    assert "v9" in done.stdout + done.stderr


def test_threads_variable_is_read():
    done = fresh("import kriss; print(kriss.get_num_threads(), kriss.show_config('dicts')['compiled'])",
                 KRISS_NUM_THREADS="1")  # fmt: skip
    assert done.stdout.split()[0] == "1"


def test_asking_for_a_missing_backend_raises():
    done = fresh("import kriss; from kriss import _backend; _backend.kernels('math')", check=False, KRISS_BACKEND="x")
    assert done.returncode != 0
    assert "backend must be one of" in done.stderr


def test_a_broken_compiled_module_warns_once_and_is_named(tmp_path):
    """A kriss whose compiled module cannot be loaded falls back and says so."""
    code = (
        "import sys, warnings, importlib.abc, importlib.util\n"
        "class Broken(importlib.abc.MetaPathFinder, importlib.abc.Loader):\n"
        "    def find_spec(self, name, path, target=None):\n"
        "        return importlib.util.spec_from_loader(name, self) if name == 'kriss._core' else None\n"
        "    def create_module(self, spec):\n"
        "        raise ImportError('libfoo.so: cannot open shared object file')\n"
        "    def exec_module(self, module): pass\n"
        "sys.meta_path.insert(0, Broken())\n"
        "import kriss\n"
        "with warnings.catch_warnings(record=True) as caught:\n"
        "    warnings.simplefilter('always')\n"
        "    first = kriss.show_config('dicts'); second = kriss.show_config('dicts')\n"
        "print(len(caught), caught[0].category.__name__); print(first['backend']); print(first['compiled'])\n"
    )
    lines = fresh(code).stdout.splitlines()
    assert lines[0] == "1 RuntimeWarning"
    assert lines[1] == "numba"
    assert "libfoo.so" in lines[2]
