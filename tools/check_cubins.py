#!/usr/bin/env python3
"""Checks that a built CUDA module carries machine code for every source and architecture: check_cubins.py MODULE.

nvcc leaves one container ("fatbin") per source in the module, with one entry per architecture. Counting them in the
module that a wheel installs says that every kernel was compiled, without compiling all of them a second time.
"""

import argparse
import struct
import sys
from collections import Counter
from pathlib import Path

ARCHITECTURES = (80, 90, 120)
MAGIC = struct.pack("<I", 0xBA55ED50)
# After the magic number: version, bytes of this header, bytes of all entries.
HEADER = struct.Struct("<HHQ")
# Kind (1: PTX, 2: machine code), version, bytes of this header, bytes of the code, three fields, architecture.
ENTRY = struct.Struct("<HHIQIIII")
MACHINE_CODE = 2


def count(module: bytes) -> Counter[int]:
    """Number of entries with machine code, by architecture."""
    found: Counter[int] = Counter()
    at = 0
    while (at := module.find(MAGIC, at)) >= 0:
        version, header, size = HEADER.unpack_from(module, at + len(MAGIC))
        if at % 8 or version != 1 or header != len(MAGIC) + HEADER.size or at + header + size > len(module):
            at += 1  # the same four bytes in other code or data
            continue
        entry = at + header
        at = entry + size
        while entry < at:
            kind, _, entry_header, entry_size, _, _, _, architecture = ENTRY.unpack_from(module, entry)
            if entry_header < ENTRY.size:
                raise ValueError(f"the entry at byte {entry} has a header of {entry_header} bytes")
            if kind == MACHINE_CODE:
                found[architecture] += 1
            entry += entry_header + entry_size
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("module", type=Path, help="the built module, _cuda.*.so")
    parser.add_argument("--sources", type=Path, default=Path(__file__).resolve().parent.parent / "cuda")
    args = parser.parse_args()
    sources = len(list(args.sources.glob("*.cu")))
    found = count(args.module.read_bytes())
    print(f"{sources} sources; machine code: {', '.join(f'{found[a]} for sm_{a}' for a in ARCHITECTURES)}")
    wrong = [a for a in ARCHITECTURES if found[a] != sources]
    for architecture in wrong:
        print(f"sm_{architecture}: {found[architecture]} of {sources} sources compiled", file=sys.stderr)
    return 1 if wrong or sources == 0 else 0


if __name__ == "__main__":
    raise SystemExit(main())
