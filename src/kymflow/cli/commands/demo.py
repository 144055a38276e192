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
@click.option(
    "--tiffs",
    is_flag=True,
    help="Write a lab folder of TIFFs instead, to try `kymflow run` and the rest on.",
)
def command(folder: Path, tiffs: bool) -> None:
    """Make a synthetic dataset, detect, index, change, query.

    Everything is made from nothing, and one picture at the end.
    """
    from kymflow.cli.demo import run_demo, write_lab_folder

    if tiffs:
        write_lab_folder(folder)
    else:
        run_demo(folder)
