"""``kymflow demo``."""

from __future__ import annotations

from pathlib import Path

import click

from kymflow.cli.options import FolderPath


@click.command("demo")
@click.argument(
    "folder",
    type=FolderPath(),
    default=Path("kymflow-demo"),
    help="Where to make the demo dataset; ./kymflow-demo by default.",
)
def command(folder: Path) -> None:
    """Make a synthetic dataset, detect, index, change, query.

    Everything is made from nothing, and one picture at the end.
    """
    from kymflow.cli.demo import run_demo

    run_demo(folder)
