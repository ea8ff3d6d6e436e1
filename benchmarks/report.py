"""Measured rows as JSON and as a Markdown table that says plainly what was met and what was missed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from benchmarks.harness import Contender, Row


def seconds(value: float | None) -> str:
    """``0.00123`` -> ``1.23 ms``."""
    if value is None:
        return "-"
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if value >= scale:
            return f"{value / scale:.3g} {unit}"
    return f"{value / 1e-9:.3g} ns"


def _verdict(row: Row, peer: Contender) -> str:
    said = []
    for target in row.targets:
        named = target.text.endswith(f" {peer.name}") or f" {peer.name} + " in target.text
        if named or (" limit" in target.text and peer is row.peers[0]):
            word = {True: "**met**", False: "**missed**", None: "not measured"}[target.met]
            said.append(f"{target.text}: {word}")
    return "; ".join(said)


def _contender_cells(one: Contender) -> list[str]:
    if one.error is not None:
        return [f"failed: {one.error.splitlines()[-1][:80]}", "-", "-"]
    accuracy = "-" if one.accuracy is None else f"{one.accuracy:.2g}"
    return [seconds(one.median), seconds(one.minimum), accuracy]


def table(rows: list[Row]) -> str:
    """The Markdown table of a family."""
    head = ["case", "who", "median", "minimum", "accuracy", "ratio (quartiles)", "target"]
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    for row in rows:
        # A bar would end the cell.
        what = f" ({row.accuracy_name})".replace("|", "\\|") if row.accuracy_name else ""
        ours = _contender_cells(row.ours)
        extra = ""
        if row.traffic is not None:
            extra = f"{row.traffic['times_limit']:.2f}x the bytes-moved limit"
        alone = "; ".join(
            f"{t.text}: {'**met**' if t.met else '**missed**'}"
            for t in row.targets
            if not row.peers and t.met is not None
        )
        lines.append(f"| {row.name} | kriss | {ours[0]} | {ours[1]} | {ours[2]}{what} | {extra} | {alone} |")
        for peer in row.peers:
            cells = _contender_cells(peer)
            ratio = "-"
            if peer.ratio is not None and peer.ratio_spread is not None:
                ratio = f"{peer.ratio:.2f}x ({peer.ratio_spread[0]:.2f} to {peer.ratio_spread[1]:.2f})"
            lines.append(f"| | {peer.name} | {cells[0]} | {cells[1]} | {cells[2]} | {ratio} | {_verdict(row, peer)} |")
    return "\n".join(lines)


def document(family: str, rows: list[Row], where: dict[str, Any]) -> str:
    """The whole page of a family."""
    config = where["kriss"]
    pools = ", ".join(f"{pool['library']} ({pool['num_threads']})" for pool in where["thread_pools"]) or "none found"
    caches = ", ".join(f"{level} {size}" for level, size in where["caches"].items())
    versions = ", ".join(f"{name} {version}" for name, version in where["versions"].items())
    changed = " with uncommitted changes" if where["uncommitted_changes"] else ""
    mode = " (quick: smaller sizes and few rounds; not for quoting)" if where["quick"] else ""
    busy = where.get("busy_cores_at_start")
    facts = [
        f"{where['date']}, commit {where['commit']}{changed}{mode}",
        f"{where['cpu']}, {where['cores']} cores ({caches}), load at start {where['load_at_start']}"
        + ("" if busy is None else f", others kept {busy:g} cores busy"),
        f"{where['threads']} threads for everyone; pools found, with their own default: {pools}",
        f"triad over main memory {where['triad_main_memory'] / 1e9:.1f} GB/s (24 bytes per element)",
        f"kriss backend {config['backend']}, instruction set {config['cpu level']}, compiler {config['compiler']}",
        versions,
    ]
    kept = [f"{row.name} ({row.measured})" for row in rows if row.measured]
    if kept:
        facts.append(f"measured in runs before this one: {'; '.join(kept)}")
    if busy > 0.5 if busy is not None else (where["load_at_start"] or 0.0) > where["cores"] + 1:
        facts.append("**the machine was busy with other work when this run started: figures not for quoting**")
    notes = [f"- {row.name}: {row.note}" for row in rows if row.note]
    parts = [
        f"# Benchmark: {family}",
        "\n".join(f"- {fact}" for fact in facts),
        "Rounds are interleaved in both orders. The ratio is the peer's median over ours (above 1 we are faster); in "
        "brackets the quartiles of the round-by-round ratios. Accuracy: smaller is better.",
        table(rows),
    ]
    if notes:
        parts += ["Notes:", "\n".join(notes)]
    return "\n\n".join(parts) + "\n"


def joined(out: Path, family: str, rows: list[Row]) -> list[Row]:
    """`rows` in place of those of the same names in the results that are there; the others stay, with their date."""
    from benchmarks.harness import Row as Measured

    path = out / f"{family}.json"
    if not path.exists():
        return rows
    payload = json.loads(path.read_text())
    fresh = {row.name: row for row in rows}
    before = f"{payload['machine']['date']}, commit {payload['machine']['commit']}"
    result = []
    for old in payload["rows"]:
        if old["name"] in fresh:
            result.append(fresh.pop(old["name"]))
        else:
            kept = Measured.from_dict(old)
            kept.measured = kept.measured or before
            result.append(kept)
    return result + list(fresh.values())


def write(out: Path, family: str, rows: list[Row], where: dict[str, Any]) -> None:
    """``<family>.json`` and ``<family>.md`` in `out`."""
    out.mkdir(parents=True, exist_ok=True)
    payload = {"family": family, "machine": where, "rows": [row.as_dict() for row in rows]}
    (out / f"{family}.json").write_text(json.dumps(payload, indent=1, default=str) + "\n")
    (out / f"{family}.md").write_text(document(family, rows, where))
