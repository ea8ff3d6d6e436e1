"""A progress bar where one is asked for."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def bar(wanted: bool, name: str, total: int) -> Iterator[Callable[[float], None]]:
    """Yields what is told a figure after each step: nothing, or a bar that shows it."""
    if not wanted:
        yield lambda value: None
        return
    from tqdm.auto import tqdm

    with tqdm(total=total, desc=name) as shown:

        def seen(value: float) -> None:
            shown.set_postfix_str(f"{value:.3g}", refresh=False)
            shown.update()

        yield seen
