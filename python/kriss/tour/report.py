"""The pictures, the page and the JSON file of the tour."""

from __future__ import annotations

import html
import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from kriss.tour.harness import Row, Station, StationResult, format_accuracy, format_seconds

# Okabe and Ito's palette, distinguishable with any colour vision.
BLUE, ORANGE, GREEN, RED, GREY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#6B7280"

_STYLE: Any = {
    "font.size": 11,
    "axes.titlesize": 12,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#E5E7EB",
    "grid.linewidth": 0.8,
    "legend.frameon": False,
    "legend.fontsize": 10,
    "lines.linewidth": 1.8,
    "figure.facecolor": "white",
    "axes.facecolor": "white",
    "savefig.facecolor": "white",
    "svg.hashsalt": "kriss",
}


def matplotlib_missing() -> str | None:
    """Why there can be no pictures, or None."""
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError as exc:
        return str(exc)
    return None


def save_picture(station: Station, result: StationResult, path: Path) -> None:
    """Draw one station's picture into a PNG file. No window system and no global state of pyplot is touched."""
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(9.6, 5.4), layout="constrained")
        FigureCanvasAgg(figure)
        station.draw(result.picture, figure)
        figure.savefig(path, dpi=150)


_CSS = """
:root { color-scheme: light dark; --ink: #1f2937; --soft: #6b7280; --paper: #ffffff; --line: #e5e7eb; --card: #f9fafb;
  --good: #047857; --bad: #b45309; }
@media (prefers-color-scheme: dark) { :root { --ink: #e5e7eb; --soft: #9ca3af; --paper: #111827; --line: #374151;
  --card: #1f2937; --good: #34d399; --bad: #fbbf24; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 112rem; padding: 2rem clamp(1rem, 3vw, 3rem); background: var(--paper);
  color: var(--ink); font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
h1 { margin: 0; font-size: 1.7rem; }
header p, .remark, figcaption, footer { color: var(--soft); }
main { display: grid; grid-template-columns: minmax(38rem, 5fr) minmax(34rem, 6fr); gap: 2rem; align-items: start; }
@media (max-width: 80rem) { main { grid-template-columns: minmax(0, 1fr); } }
.table { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; font-size: .92rem; }
th, td { padding: .35rem .45rem; text-align: right; vertical-align: top; border-bottom: 1px solid var(--line);
  white-space: nowrap; }
thead th { font-weight: 500; color: var(--soft); }
thead th[colspan] { text-align: center; }
thead tr:first-child th { border-bottom: 0; padding-bottom: 0; }
th:first-child, td:first-child { text-align: left; white-space: normal; }
th.station { padding-top: 1.2rem; text-align: left; font-weight: 600; font-size: 1.02rem; }
td small { display: block; color: var(--soft); }
.good { color: var(--good); font-weight: 600; } .bad { color: var(--bad); font-weight: 600; }
.pictures { display: grid; gap: 1.5rem; }
figure { margin: 0; padding: .75rem; background: var(--card); border: 1px solid var(--line); border-radius: .6rem; }
figure img { display: block; width: 100%; height: auto; background: #fff; border-radius: .3rem; }
figcaption { margin-top: .5rem; font-size: .95rem; } figcaption b { color: var(--ink); }
footer { margin-top: 2rem; font-size: .85rem; border-top: 1px solid var(--line); padding-top: .75rem; }
"""


def _table_rows(station: Station, result: StationResult) -> list[str]:
    lines = [f'<tr><th class="station" colspan="6" id="{station.NAME}-rows">{html.escape(station.TITLE)}</th></tr>']
    # A peer common to all rows is named by the station's remark below them.
    several = len({row.peer for row in result.rows}) > 1
    for row in result.rows:
        note = html.escape("; ".join(part for part in (f"peer: {row.peer}" if several else "", row.note) if part))
        lines.append(
            f"<tr><td>{html.escape(row.task)}<small>{note}</small></td>"
            f"<td>{format_seconds(row.seconds)}</td><td>{format_seconds(row.peer_seconds)}</td>"
            f'<td class="{"good" if row.ratio >= 1 else "bad"}">{row.ratio_text}&times;</td>'
            f"<td>{format_accuracy(row.accuracy, row.measure)}<small>{html.escape(row.measure)}</small></td>"
            f"<td>{format_accuracy(row.peer_accuracy, row.measure)}<small>{html.escape(row.measure)}</small></td></tr>"
        )
    lines.extend(f'<tr><td class="remark" colspan="6">{html.escape(remark)}</td></tr>' for remark in result.remarks)
    return lines


def write_page(
    path: Path,
    visited: Sequence[tuple[Station, StationResult]],
    pictures: dict[str, str],
    machine: dict[str, object],
    command: str,
) -> None:
    """Write index.html: the table on the left, the pictures on the right, links relative, nothing loaded from afar."""
    table = "\n".join(line for station, result in visited for line in _table_rows(station, result))
    figures = "\n".join(
        f'<figure id="{station.NAME}"><img src="{html.escape(pictures[station.NAME])}" '
        f'alt="{html.escape(station.CAPTION)}" width="1440" height="810">'
        f"<figcaption><b>{html.escape(station.TITLE)}.</b> {html.escape(station.CAPTION)}</figcaption></figure>"
        for station, _ in visited
        if station.NAME in pictures
    )
    if not figures:
        figures = "<p class='remark'>No pictures: matplotlib is not installed where this run was made.</p>"
    facts = ", ".join(f"{html.escape(key)} {html.escape(str(value))}" for key, value in machine.items())
    path.write_text(
        f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>KRISS tour</title>
<style>{_CSS}</style>
</head>
<body>
<header>
<h1>KRISS tour</h1>
<p>Four kinds of problems on real data. Every figure was measured in this run, here and peer in turns; times are medians
of one call, the ratio is the peer's time over ours.</p>
</header>
<main>
<section class="table" aria-label="Measured figures">
<table>
<thead>
<tr><th></th><th colspan="2">time</th><th></th><th colspan="2">accuracy</th></tr>
<tr><th></th><th>here</th><th>peer</th><th>ratio</th><th>here</th><th>peer</th></tr>
</thead>
<tbody>
{table}
</tbody>
</table>
</section>
<section class="pictures" aria-label="Pictures">
{figures}
</section>
</main>
<footer><code>{html.escape(command)}</code><br>{facts}</footer>
</body>
</html>
""",
        encoding="utf-8",
    )


def _row_record(row: Row) -> dict[str, object]:
    return {**asdict(row), "ratio": row.ratio}


def write_json(
    path: Path,
    visited: Sequence[tuple[Station, StationResult]],
    pictures: dict[str, str],
    machine: dict[str, object],
    seconds: float,
    quick: bool,
) -> None:
    """Write the same figures for programs. A figure that is not finite is written as null."""
    record = {
        "quick": quick,
        "seconds": seconds,
        "machine": machine,
        "stations": {
            station.NAME: {
                "title": station.TITLE,
                "sentence": station.SENTENCE,
                "rows": [_row_record(row) for row in result.rows],
                "remarks": list(result.remarks),
                "picture": pictures.get(station.NAME),
            }
            for station, result in visited
        },
    }
    path.write_text(json.dumps(_finite(record), indent=2, allow_nan=False) + "\n", encoding="utf-8")


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_finite(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
