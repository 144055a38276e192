"""Progress bars on a terminal, and nothing in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from kymflow.cli.errors import printable

if TYPE_CHECKING:
    from kymflow.core.kym_dataset import Progress


@contextmanager
def update_bar(name: str) -> Iterator[Callable[[Progress], None] | None]:
    """Yield a callback that shows an update's progress, None where nobody watches."""
    with _bar() as bar:
        if bar is None:
            yield None
            return
        task = bar.add_task(name)

        def show(step: Progress) -> None:
            bar.update(
                task, description=f"{name}: {step.stage}", completed=step.done, total=step.total
            )

        yield show


@contextmanager
def import_bar() -> Iterator[Callable[[int, int, str], None] | None]:
    """Yield a callback that shows an import's progress, None where nobody watches."""
    with _bar() as bar:
        if bar is None:
            yield None
            return
        task = bar.add_task("import")

        def show(done: int, total: int, path: str) -> None:
            bar.update(
                task, description=f"import {printable(path[-40:])}", completed=done, total=total
            )

        yield show


@contextmanager
def _bar() -> Iterator[Any]:
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        yield bar
