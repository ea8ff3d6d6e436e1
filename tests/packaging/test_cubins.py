"""tools/check_cubins.py: a module that lacks machine code for a source or an architecture is found."""

import struct
import subprocess
import sys
from pathlib import Path

import pytest

TOOL = Path(__file__).resolve().parents[2] / "tools" / "check_cubins.py"
PTX, MACHINE_CODE = 1, 2


def entry(kind, architecture, code=b"\x7fELF" + 20 * b"\0"):
    return struct.pack("<HHIQIIII", kind, 0x101, 64, len(code), 0, 64, 0, architecture).ljust(64, b"\0") + code


def container(*entries):
    body = b"".join(entries)
    return struct.pack("<IHHQ", 0xBA55ED50, 1, 16, len(body)) + body


WHOLE = container(*(entry(MACHINE_CODE, a) for a in (80, 90, 120)), entry(PTX, 120))


def check(tmp_path, module, sources):
    for i in range(sources):
        (tmp_path / f"{i}.cu").write_text("")
    (tmp_path / "module.so").write_bytes(module)
    command = [sys.executable, str(TOOL), str(tmp_path / "module.so"), "--sources", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_whole_module(tmp_path):
    code, said = check(tmp_path, b"other code here!\x50\xed\x55\xba" + bytes(28) + WHOLE + bytes(8) + WHOLE, 2)
    assert code == 0, said
    assert "2 sources; machine code: 2 for sm_80, 2 for sm_90, 2 for sm_120" in said


@pytest.mark.parametrize(
    ("module", "sources", "said"),
    [
        (WHOLE, 2, "sm_90: 1 of 2 sources"),
        (container(entry(MACHINE_CODE, 80), entry(PTX, 90), entry(MACHINE_CODE, 120)), 1, "sm_90: 0 of 1 sources"),
        (b"no container at all", 1, "sm_80: 0 of 1 sources"),
        (WHOLE, 0, "0 sources"),
        (WHOLE + container(entry(MACHINE_CODE, 90)), 1, "sm_90: 2 of 1 sources"),
    ],
)
def test_what_is_missing_is_named(tmp_path, module, sources, said):
    code, output = check(tmp_path, module, sources)
    assert code == 1
    assert said in output
