"""Who may use whom: the folders of a checkout hold only what their place in the house allows."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "python" / "kriss"

# Module-level imports that only the named files may have. Everywhere else they are imported inside the function that
# needs them, so that `import kriss.<family>` does not load them.
EXTRAS = {"numba", "cupy", "torch", "jax", "dask", "matplotlib", "sklearn", "pandas"}
MAY_IMPORT = {"_numba": {"numba"}, "interop": EXTRAS, "tour": EXTRAS}

needs_checkout = pytest.mark.skipif(
    not (ROOT / "cpp" / "include").is_dir(), reason="the sources are not beside the tests (an sdist without them)"
)


def sources(*folders, suffixes=(".hpp", ".cpp", ".cu", ".cuh", ".h")):
    return sorted(
        path for folder in folders for path in (ROOT / folder).rglob("*") if path.suffix in suffixes and path.is_file()
    )


def includes(path):
    return re.findall(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]', path.read_text(), re.MULTILINE)


def code_only(path):
    """The text of a C++ file without comments."""
    text = re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.DOTALL)
    return re.sub(r"//[^\n]*", "", text)


def short(path):
    return str(path.relative_to(ROOT))


def module_level_imports(tree):
    """Top-level packages imported when a module is executed: everything outside functions and TYPE_CHECKING."""
    found = set()

    def visit(node):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            return
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            for child in node.orelse:
                visit(child)
            return
        if isinstance(node, ast.Import):
            found.update(alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found.add(node.module.split(".")[0])
        for child in ast.iter_child_nodes(node):
            visit(child)

    visit(tree)
    return found


@needs_checkout
@pytest.mark.parametrize("path", sources("cpp/include", "cpp/src", "cpp/tests"), ids=short)
def test_numerics_know_nothing_of_python(path):
    """cpp/include and cpp/src: no Python, no pybind11, no NumPy."""
    text = code_only(path)
    for header in includes(path):
        assert not re.match(r"(Python\.h|pybind11/|numpy/|nanobind/)", header), header
    assert not re.search(r"\b(PyObject|py::|pybind11::|npy_)", text)


@needs_checkout
@pytest.mark.parametrize("path", sources("cpp/include"), ids=short)
def test_headers_include_only_headers(path):
    """cpp/include uses itself and the standard library; nothing from cpp/src, bindings or cuda."""
    own = ROOT / "cpp" / "include"
    for header in includes(path):
        if header.endswith("intrin.h"):  # the compiler's own, guarded by the instruction set
            continue
        if "/" in header or header.endswith((".h", ".hpp")):
            assert (own / header).is_file(), f"{header} is not below cpp/include"
    assert "#pragma once" in path.read_text()


@needs_checkout
@pytest.mark.parametrize("path", sources("cpp/include"), ids=short)
def test_headers_do_not_throw_or_print_or_allocate(path):
    text = code_only(path)
    assert not re.search(r"\bthrow\b|\btry\b|\bcatch\b", text)
    assert not re.search(r"\b(printf|fprintf|std::cout|std::cerr|std::ofstream)\b", text)
    assert not re.search(r"\b(malloc|calloc|realloc)\s*\(|\bnew\s+[A-Za-z_]|std::(vector|string|map|function)\b", text)
    assert "<iostream>" not in includes(path)


@needs_checkout
@pytest.mark.parametrize("path", sources("cpp/src"), ids=short)
def test_sources_do_not_reach_into_bindings(path):
    for header in includes(path):
        assert not (ROOT / "cpp" / "bindings" / header).is_file(), header
        assert not (ROOT / "cuda" / header).is_file() or (ROOT / "cpp" / "src" / header).is_file(), header


@needs_checkout
@pytest.mark.parametrize("path", sources("cuda"), ids=short)
def test_cuda_uses_headers_and_its_own(path):
    for header in includes(path):
        assert not (ROOT / "cpp" / "src" / header).is_file() or (ROOT / "cuda" / header).is_file(), header


@needs_checkout
@pytest.mark.parametrize("path", sources("cpp", "cuda"), ids=short)
def test_macros_are_ours(path):
    """Every macro begins with KRISS_, so that nothing leaks into a user's project."""
    defined = re.findall(r"^\s*#\s*define\s+(\w+)", path.read_text(), re.MULTILINE)
    assert [name for name in defined if not name.startswith("KRISS_")] == []


@needs_checkout
def test_only_config_knows_about_nvcc():
    knowing = [short(path) for path in sources("cpp/include") if "__CUDACC__" in code_only(path)]
    knowing += [short(path) for path in sources("cpp/include") if "__CUDA_ARCH__" in code_only(path)]
    assert set(knowing) <= {"cpp/include/kriss/config.hpp"}


@needs_checkout
def test_no_flag_that_changes_arithmetic():
    """Never -ffast-math and its parts, never the build machine's own instruction set."""
    files = [ROOT / "CMakeLists.txt", ROOT / "CMakePresets.json", ROOT / "pyproject.toml"]
    files += sorted((ROOT / "cpp").rglob("CMakeLists.txt")) + sorted((ROOT / "cuda").rglob("CMakeLists.txt"))
    files += sources("cpp", "cuda")
    forbidden = (
        "-ffast-math",
        "-funsafe-math-optimizations",
        "-ffinite-math-only",
        "-fassociative-math",
        "-Ofast",
        "-march=native",
        "-mtune=native",
        "-mcpu=native",
        "-use_fast_math",
        "--use_fast_math",
        "GCC optimize",
    )
    for path in files:
        text = "\n".join(line for line in path.read_text().splitlines() if not line.lstrip().startswith(("#", "//")))
        text = text if path.suffix != ".cpp" else path.read_text()
        for flag in forbidden:
            assert flag not in text, f"{short(path)} has {flag}"
    assert "-ffp-contract=off" in (ROOT / "cpp" / "CMakeLists.txt").read_text()


@needs_checkout
@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT)))
def test_python_imports_nothing_optional_at_module_level(path):
    top = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    imported = module_level_imports(ast.parse(path.read_text()))
    assert imported & (EXTRAS - MAY_IMPORT.get(top, set())) == set()


# What may use the native API, or is no Python of ours.
ABOVE = ("scipy", "interop", "tour", "include", "cmake")


@needs_checkout
@pytest.mark.parametrize(
    "family",
    sorted(p.name for p in PACKAGE.iterdir() if p.is_dir() and not p.name.startswith("_") and p.name not in ABOVE),
)
def test_native_api_does_not_use_mirrors_or_tour(family):
    """native API <- mirrors, interop, tour; never the other way round."""
    for path in (PACKAGE / family).rglob("*.py"):
        tree = ast.parse(path.read_text())
        for node in ast.walk(tree):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module]
            for name in names:
                assert not re.match(r"kriss\.(scipy|interop|tour)\b", name), f"{path.name} imports {name}"


@needs_checkout
def test_kernels_are_imported_in_one_place():
    """Only the dispatch table names the compiled module and the Numba twins."""
    allowed = {"_backend.py", "config.py", "_device.py"}
    for path in PACKAGE.rglob("*.py"):
        if path.name in allowed or path.relative_to(PACKAGE).parts[0] == "_numba":
            continue
        text = path.read_text()
        for pattern in (r"^\s*(from|import)\s+kriss\._core", r"^\s*from\s+kriss\s+import\s+.*\b_core\b"):
            assert not re.search(pattern, text, re.MULTILINE), f"{path.name} imports kriss._core"
        assert not re.search(r"^(from|import)\s+kriss\._numba", text, re.MULTILINE), path.name


@needs_checkout
@pytest.mark.parametrize("folder", ["cpp", "cuda", "python", "tests", "benchmarks", "tools", "examples"])
def test_files_stay_readable(folder):
    """No file much over 500 lines: split by subject."""
    long = {
        short(path): lines
        for path in sources(folder, suffixes=(".hpp", ".cpp", ".cu", ".py"))
        if "build" not in path.parts and (lines := len(path.read_text().splitlines())) > 600
    }
    assert long == {}
