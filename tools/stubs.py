"""Generate the type stubs of the compiled module, or check that the committed ones are current.

python tools/stubs.py            writes python/kriss/_core/*.pyi
python tools/stubs.py --check    exits 1 and prints the difference if they are out of date
"""

import argparse
import difflib
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
COMMITTED = ROOT / "python" / "kriss" / "_core"


def generate(into: Path) -> dict[str, str]:
    """Run pybind11-stubgen on the importable kriss._core; returns file name -> text."""
    command = [sys.executable, "-m", "pybind11_stubgen", "kriss._core", "-o", str(into), "--exit-code"]
    subprocess.run([*command, "--numpy-array-use-type-var"], check=True, stdout=subprocess.DEVNULL)
    texts = {}
    for path in sorted((into / "kriss" / "_core").glob("*.pyi")):
        text = path.read_text()
        # Annotations of pybind11 arrays name flags that are of no use to a reader or a type checker.
        text = re.sub(r", ?\"?flags\.[a-z_]+\"?", "", text)
        text = re.sub(r"(: |\[|, )list(?=[,)=\]])", r"\1list[typing.Any]", text)
        text = re.sub(r": tuple(?=[,)])", ": tuple[typing.Any, ...]", text)
        text = re.sub(r"-> tuple:", "-> tuple[typing.Any, ...]:", text)
        texts[path.name] = text
    if not texts:
        raise SystemExit("pybind11-stubgen wrote nothing")
    return texts


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as tmp:
        fresh = generate(Path(tmp))
    if not args.check:
        COMMITTED.mkdir(exist_ok=True)
        for old in COMMITTED.glob("*.pyi"):
            old.unlink()
        for name, text in fresh.items():
            (COMMITTED / name).write_text(text)
        return 0
    stale = False
    for name in sorted({*fresh, *(p.name for p in COMMITTED.glob("*.pyi"))}):
        path = COMMITTED / name
        old = path.read_text() if path.exists() else ""
        diff = list(difflib.unified_diff(old.splitlines(), fresh.get(name, "").splitlines(), f"committed/{name}", name))
        stale = stale or bool(diff)
        print("\n".join(diff[:60]))
    if stale:
        print("the stubs are out of date: run python tools/stubs.py")
    return int(stale)


if __name__ == "__main__":
    sys.exit(main())
