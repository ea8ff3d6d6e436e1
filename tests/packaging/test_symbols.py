"""tools/check_symbols.py: no code for a newer processor under a name that the linker may merge."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOOL = ROOT / "tools" / "check_symbols.py"

needs_binutils = pytest.mark.skipif(
    shutil.which("nm") is None or shutil.which("g++") is None, reason="needs nm and g++"
)


def check(build):
    done = subprocess.run([sys.executable, str(TOOL), str(build)], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


@needs_binutils
def test_objects_of_this_checkout():
    build = ROOT / "build" / "dev"
    if not any(build.rglob("kriss_kernels_*.dir/**/*.o")):
        pytest.skip("no build folder here: made by tools/devbuild, and by continuous integration")
    code, said = check(build)
    assert code == 0, said


@needs_binutils
@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("namespace kriss::v4 { inline int f(int x) { return x + 1; } int g(int x) { return f(x); } }", 0),
        ("namespace kriss { inline int f(int x) { return x + 1; } int g(int x) { return f(x); } }", 1),
        ("namespace kriss::v3 { inline int f(int x) { return x + 1; } int g(int x) { return f(x); } }", 1),
        (
            "#include <vector>\n"
            "namespace kriss::v4 { void g(std::vector<double>& v) { for (int i = 0; i < 9; ++i) v.push_back(i); } }",
            1,
        ),
        ("namespace kriss::tables::v4 { extern const int table; const int table = 3; }", 0),
    ],
    ids=["own level", "no level", "other level", "std::vector", "table"],
)
def test_the_tool_sees_what_it_is_for(source, code, tmp_path):
    folder = tmp_path / "CMakeFiles" / "kriss_kernels_v4.dir" / "src"
    folder.mkdir(parents=True)
    (tmp_path / "a.cpp").write_text(source)
    subprocess.run(
        ["g++", "-std=c++20", "-O0", "-c", str(tmp_path / "a.cpp"), "-o", str(folder / "a.cpp.o")], check=True
    )
    found, said = check(tmp_path)
    assert found == code, said


def test_an_empty_folder_is_an_error(tmp_path):
    assert check(tmp_path)[0] == 2
