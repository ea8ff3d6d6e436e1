#!/usr/bin/env python3
"""Checks the objects that are compiled once per instruction-set level: check_symbols.py BUILD_DIR.

A weak symbol is merged by the linker with any other of the same name. If an object compiled for AVX-512 carried one
without its level in the name (``std::vector<double>::push_back``, say), that code could run on a processor without
AVX-512. So every weak symbol defined in such an object must name its level's namespace, ``kriss::v4``.
"""

import argparse
import re
import subprocess
import sys
from pathlib import Path

LEVELS = ("v2", "v3", "v4", "base")
# Data without code: how the C++ runtime finds the personality routine of its exceptions.
HARMLESS = re.compile(r"^DW\.ref\.")


def weak_symbols(path: Path) -> list[str]:
    """Demangled names of the weak (W, V) and unique (u) symbols that an object defines."""
    command = ["nm", "--demangle", "--defined-only", str(path)]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    return [match.group(1) for line in lines if (match := re.match(r"^[0-9a-f]*\s+[WVu]\s+(.+)$", line))]


def names_level(symbol: str, level: str) -> bool:
    """Whether the name of a symbol holds the namespace of its level."""
    return re.search(rf"\bkriss::(tables::)?{level}::", symbol) is not None


def check(build: Path) -> tuple[int, int, list[str]]:
    """Returns the number of objects, the number of weak symbols, and what is wrong."""
    objects = weak = 0
    wrong: list[str] = []
    for level in LEVELS:
        for path in sorted(build.rglob(f"kriss_kernels_{level}.dir/**/*.o")):
            objects += 1
            for symbol in weak_symbols(path):
                weak += 1
                if not names_level(symbol, level) and not HARMLESS.match(symbol):
                    wrong.append(f"{level}/{path.name}: {symbol}")
    return objects, weak, wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=Path, help="a CMake build folder, e.g. build/dev")
    build = parser.parse_args().build
    objects, weak, wrong = check(build)
    if objects == 0:
        print(f"no kernel objects below {build}: build first", file=sys.stderr)
        return 2
    for line in wrong:
        print(f"weak symbol without its level: {line}", file=sys.stderr)
    print(f"{objects} objects, {weak} weak symbols, {len(wrong)} without their level")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
