"""The documentation knows every public name and every page of it is reachable."""

import importlib
import inspect
import re
from pathlib import Path

import pytest

import kriss

DOCS = Path(__file__).resolve().parents[2] / "docs"
pytestmark = pytest.mark.skipif(not (DOCS / "index.rst").is_file(), reason="no docs beside the tests")

MODULES = ["gp", "sketch", "solve", "special", "spline", "testing", "datasets"]


@pytest.mark.parametrize("family", MODULES)
def test_reference_lists_every_public_name(family):
    listed = set(re.findall(r"^   ([\w.]+)$", (DOCS / "api.rst").read_text(), re.MULTILINE))
    module = importlib.import_module(f"kriss.{family}")
    public = {
        f"{family}.{name}"
        for name in module.__all__
        if inspect.isroutine(getattr(module, name)) or isinstance(getattr(module, name), type)
    }
    assert public - listed == set()


def test_reference_lists_the_top_level():
    listed = set(re.findall(r"^   (\w+)$", (DOCS / "api.rst").read_text(), re.MULTILINE))
    public = {name for name in kriss.__all__ if inspect.isroutine(getattr(kriss, name))}
    assert public - listed == set()


def test_reference_lists_every_mirror():
    from kriss._swap import SWAPPABLE

    text = (DOCS / "api.rst").read_text()
    for name in SWAPPABLE:
        assert f"scipy.{name}" in text
        assert f"scipy.{name}" in (DOCS / "mirrors.rst").read_text()


def test_every_page_is_in_a_toctree():
    pages = {path.stem for path in DOCS.glob("*.rst")} - {"index"}
    assert pages == set(re.findall(r"^   (\w+)$", (DOCS / "index.rst").read_text(), re.MULTILINE))
