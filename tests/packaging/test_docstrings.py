"""Every public name is documented, in numpydoc form, and every example in a docstring runs."""

import dataclasses
import doctest
import importlib
import inspect
import pkgutil
import warnings

import numpy as np
import pytest

import kriss

# Public, but not numerics: no algorithm to cite.
PLUMBING = ("kriss.config", "kriss._backend", "kriss._swap", "kriss.datasets", "kriss.testing", "kriss.tour")


def public_modules():
    names = ["kriss"]
    for info in pkgutil.walk_packages(kriss.__path__, "kriss."):
        parts = info.name.split(".")[1:]
        if any(part.startswith("_") for part in parts) or parts[0] in ("interop", "__main__"):
            continue
        names.append(info.name)
    return names


MODULES = public_modules()


def public_objects():
    """Path -> object for every function and class that a public module lists in `__all__`."""
    found = {}
    for name in MODULES:
        module = importlib.import_module(name)
        for attribute in getattr(module, "__all__", ()):
            value = getattr(module, attribute)
            if inspect.isroutine(value) or isinstance(value, type):
                found[f"{name}.{attribute}"] = value
    return found


OBJECTS = public_objects()


def sections(doc):
    lines = inspect.cleandoc(doc).splitlines()
    return {
        lines[i - 1].strip()
        for i in range(1, len(lines))
        if set(lines[i].strip()) == {"-"} and len(lines[i].strip()) >= 3 and lines[i - 1].strip()
    }


@pytest.mark.parametrize("name", MODULES)
def test_module_has_a_docstring(name):
    assert importlib.import_module(name).__doc__


@pytest.mark.parametrize("name", [name for name in MODULES if name.count(".") == 1 and name != "kriss.scipy"])
def test_module_says_what_is_public(name):
    module = importlib.import_module(name)
    exported = getattr(module, "__all__", None)
    assert exported is not None, f"{name} has no __all__"
    assert all(hasattr(module, attribute) for attribute in exported)


@pytest.mark.parametrize("name", OBJECTS)
def test_docstring_is_complete(name):
    value = OBJECTS[name]
    doc = value.__doc__
    assert doc, f"{name} has no docstring"
    summary = inspect.cleandoc(doc).split("\n\n")[0]
    assert summary.rstrip().endswith((".", ":")), summary
    have = sections(doc)
    parameters = [
        parameter for parameter in inspect.signature(value).parameters.values() if parameter.name not in ("self", "cls")
    ]
    is_result = dataclasses.is_dataclass(value)
    if is_result or (isinstance(value, type) and issubclass(value, Exception)):
        assert have & {"Attributes", "Parameters"} or not parameters, f"{name}: no Attributes"
        return
    if parameters:
        # A class that users get from a function, rather than make, describes what it holds.
        described = {"Parameters"} if inspect.isroutine(value) else {"Parameters", "Attributes"}
        assert have & described, f"{name}: no Parameters"
        for parameter in parameters if "Parameters" in have else ():
            assert parameter.name in doc, f"{name}: {parameter.name} is not described"
    if inspect.isroutine(value):
        returns = inspect.signature(value).return_annotation
        if returns not in (None, "None", inspect.Signature.empty) and "Iterator[None]" not in str(returns):
            assert have & {"Returns", "Yields"}, f"{name}: no Returns"
    if not value.__module__.startswith(("kriss.config", "kriss._backend", "kriss.tour")):
        assert "Examples" in have, f"{name}: no Examples"
    if "Parameters" in have and not value.__module__.startswith(PLUMBING):
        assert "Raises" in have or "Raises" in doc, f"{name}: no Raises"
        assert "References" in have, f"{name}: no References"


@pytest.mark.parametrize("name", [name for name, value in OBJECTS.items() if isinstance(value, type)])
def test_public_methods_have_docstrings(name):
    cls = OBJECTS[name]
    for attribute, value in vars(cls).items():
        if attribute.startswith("_") or not (inspect.isroutine(value) or isinstance(value, property)):
            continue
        assert inspect.getdoc(getattr(cls, attribute)), f"{name}.{attribute} has no docstring"


@pytest.mark.parametrize("name", [name for name, value in OBJECTS.items() if dataclasses.is_dataclass(value)])
def test_results_are_frozen(name):
    assert OBJECTS[name].__dataclass_params__.frozen


def examples():
    """Every docstring with an example, of public and private modules alike, once."""
    found = {}
    finder = doctest.DocTestFinder(exclude_empty=True)
    names = ["kriss"]
    for info in pkgutil.walk_packages(kriss.__path__, "kriss."):
        if info.name.split(".")[1] in ("_core", "_cuda", "_numba", "interop", "__main__", "tour"):
            continue
        names.append(info.name)
    for name in names:
        for one in finder.find(importlib.import_module(name), name):
            if one.examples:
                found[one.name] = one
    return found


EXAMPLES = examples()


def test_there_are_examples():
    assert len(EXAMPLES) >= 20


@pytest.mark.parametrize("name", EXAMPLES)
def test_example_runs(name):
    one = EXAMPLES[name]
    one.globs = {"np": np, "kriss": kriss}
    said = []
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        runner.run(one, out=said.append)
    assert runner.failures == 0, "".join(said)
