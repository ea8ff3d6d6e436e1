"""Visit the stations, print their rows, write pictures, page and JSON."""

from __future__ import annotations

import textwrap
import time
from importlib import import_module
from pathlib import Path

from kriss.config import show_config
from kriss.tour import report
from kriss.tour.harness import (
    WIDTH,
    Context,
    Station,
    StationResult,
    blas_threads,
    format_row,
    header,
    sensible_blas_threads,
)

STATIONS: tuple[str, ...] = ("covariance", "regression", "iterative", "spline")
"""Names of the stations, in the order of the tour."""


def _blas_threads() -> str:
    try:
        from threadpoolctl import threadpool_info
    except ImportError:
        return "unknown"
    import scipy.linalg  # noqa: F401  (its BLAS is the one in question)

    counts = sorted({int(pool["num_threads"]) for pool in threadpool_info() if pool.get("user_api") == "blas"})
    return "/".join(map(str, counts)) or "unknown"


def machine() -> dict[str, object]:
    """What the figures were measured with."""
    info = show_config("dicts")
    compiled = info["backend"] == "compiled"
    own = {"instruction set": str(info["cpu level"]).split(" ")[0], "threads": info["threads"]} if compiled else {}
    return {
        "kriss": info["kriss"],
        "backend": info["backend"],
        **own,
        "BLAS threads": _blas_threads(),
        "numpy": info["numpy"],
        "scipy": info["scipy"],
        "python": info["python"],
        "platform": info["platform"],
    }


def _say(text: str, indent: str = "") -> None:
    print(textwrap.fill(text, WIDTH - 2, initial_indent=indent, subsequent_indent=indent), flush=True)


def _writable(path: Path) -> None:
    """Raise OSError now rather than after a minute of work."""
    with path.open("a", encoding="utf-8"):
        pass


def _visit(station: Station, number: int, quick: bool) -> StationResult | None:
    print(f"\n{number}. {station.TITLE}", flush=True)
    _say(station.SENTENCE, "   ")
    try:
        with Context(quick, station.NAME) as ctx:
            result = station.run(ctx)
    except Exception as exc:  # the tour goes on and says so at its end
        _say(f"This station failed: {type(exc).__name__}: {exc}", "   ")
        return None
    print()
    print(header())
    for row in result.rows:
        print(format_row(row))
        if row.note:
            _say(row.note, "    ")
    for remark in result.remarks:
        _say(remark, "  ")
    return result


def run(
    out: str | Path = "kriss-tour", *, quick: bool = False, json: str | Path | None = None, command: str = ""
) -> int:
    """Run the four stations, print what was measured and write the pictures.

    Parameters
    ----------
    out : path, default "kriss-tour"
        Folder for the pictures and index.html; made if it is missing.
    quick : bool, default False
        Smaller problems: within 20 s on two cores instead of 90 s.
    json : path, optional
        Write the figures there as well, for programs.
    command : str, optional
        Shown at the foot of the page.

    Returns
    -------
    int
        0, or 1 if a station failed.

    Raises
    ------
    OSError
        If `out` cannot be made or written to, or `json` cannot be written; before anything is measured.

    Notes
    -----
    Prints, unlike everything else in KRISS. Memory: some 500 MB at most, for the tall random problem.

    Examples
    --------
    >>> from kriss.tour import STATIONS
    >>> STATIONS
    ('covariance', 'regression', 'iterative', 'spline')
    """
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    page = folder / "index.html"
    _writable(page)
    record = None if json is None else Path(json)
    if record is not None:
        _writable(record)
    with blas_threads(sensible_blas_threads()):
        return _tour(folder, page, record, quick, command)


def _tour(folder: Path, page: Path, record: Path | None, quick: bool, command: str) -> int:
    start = time.perf_counter()
    facts = machine()
    print(f"KRISS {facts['kriss']}: a tour of its four families, each against its peer in this very run.")
    threads = f"{facts['threads']} threads ({facts['instruction set']}), " if "threads" in facts else ""
    _say(
        f"{facts['backend']} kernels, {threads}BLAS threads {facts['BLAS threads']}; "
        f"NumPy {facts['numpy']}, SciPy {facts['scipy']}"
    )
    _say(
        "Times are medians of one call, taken in turns with the peer's; the ratio is the peer's time over ours, so "
        "above 1 KRISS is faster."
    )
    missing = report.matplotlib_missing()
    visited: list[tuple[Station, StationResult]] = []
    pictures: dict[str, str] = {}
    failed = 0
    for number, name in enumerate(STATIONS, 1):
        station: Station = import_module(f"kriss.tour.{name}")
        result = _visit(station, number, quick)
        if result is None:
            failed += 1
            continue
        visited.append((station, result))
        if missing is None:
            report.save_picture(station, result, folder / f"{name}.png")
            pictures[name] = f"{name}.png"
    seconds = time.perf_counter() - start
    print(f"\nSummary\n{header()}")
    for _, result in visited:
        for row in result.rows:
            print(format_row(row))
    report.write_page(page, visited, pictures, facts, command or "kriss.tour.run()")
    if record is not None:
        report.write_json(record, visited, pictures, facts, seconds, quick)
    print()
    if missing is None:
        print(f"Pictures and this table, side by side: {page}")
    else:
        _say(f"No pictures: matplotlib cannot be imported ({missing}). pip install 'kriss[tour]' brings it.")
        print(f"This table as a page: {page}")
    if record is not None:
        print(f"The figures for programs: {record}")
    if failed:
        print(f"{failed} of {len(STATIONS)} stations failed.")
    print(f"Took {seconds:.0f} s.")
    return 1 if failed else 0
