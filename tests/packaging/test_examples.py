"""The scripts in examples/ run as they stand, and the C++ project builds against the installed headers."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import kriss

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = sorted((ROOT / "examples").glob("*.py"))


def environment():
    return os.environ | {"PYTHONPATH": str(Path(kriss.__file__).parent.parent)}


def test_there_is_an_example_per_family():
    families = {path.stem.split("_")[0] for path in SCRIPTS}
    assert {"gp", "sketch", "solve", "spline"} <= families


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_script_runs(path, tmp_path):
    done = subprocess.run(
        [sys.executable, "-W", "error", str(path)],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout
    assert list(tmp_path.iterdir()) == []  # leaves nothing behind


def test_the_readmes_python_runs_as_it_stands():
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), flags=re.DOTALL)
    assert len(blocks) >= 2
    code = "\n".join(blocks)  # one session: a later block uses the names of an earlier one
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert "converged" in done.stdout


def _why_no_consumer():
    try:
        kriss.get_cmake_dir()
    except FileNotFoundError as exc:
        return str(exc)
    missing = [tool for tool in ("cmake", "bash", "c++") if shutil.which(tool) is None]
    return f"needs {', '.join(missing)}" if missing else ""


@pytest.mark.skipif(bool(_why_no_consumer()), reason=_why_no_consumer() or "-")
def test_cpp_consumer_builds_and_solves(tmp_path):
    done = subprocess.run(
        ["bash", str(ROOT / "tools" / "check_consumer.sh"), sys.executable, kriss.get_cmake_dir()],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.rstrip().endswith("ok")
