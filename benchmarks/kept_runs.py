"""Runs of a study that takes long, kept in a file as each one ends, so that it goes on where it was stopped."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any


class KeptRuns:
    """What runs returned, by their names; in a JSON file, or only in memory if `path` is None."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._memory: dict[str, Any] = {}

    def all(self) -> dict[str, Any]:
        """Everything that is kept."""
        if self.path is None or not self.path.exists():
            return dict(self._memory)
        out: dict[str, Any] = json.loads(self.path.read_text())
        return out

    def __call__(self, key: str, run: Callable[[], Any]) -> Any:
        """What the run of this name returned, now or before; it returns what JSON can hold."""
        found = self.all()
        if key in found:
            return found[key]
        out = self._memory[key] = run()
        if self.path is not None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            lines = [f"{json.dumps(k)}: {json.dumps(v)}" for k, v in {**self.all(), key: out}.items()]
            part = self.path.with_suffix(".part")
            part.write_text("{\n" + ",\n".join(lines) + "\n}\n")
            os.replace(part, self.path)
        return out
