"""``kymflow check``."""

from __future__ import annotations

import re
from pathlib import Path
from shutil import get_terminal_size
from typing import TYPE_CHECKING

import click

from kymflow.cli.errors import FAILED, printable, remark
from kymflow.cli.options import dataset_argument, open_dataset
from kymflow.cli.output import TABLE, Output, output_options
from kymflow.core.wording import counted

if TYPE_CHECKING:
    from kymflow_zarr import ZarrDataset


@click.command("check")
@dataset_argument
@click.option(
    "--repair", is_flag=True, help="Remove what is left over, write again what is derived."
)
@output_options
@click.pass_context
def command(ctx: click.Context, path: Path, repair: bool, output: Output) -> None:
    """Find what is damaged, left over by killed runs, or at odds.

    Tables, ledgers, artifacts and the journal of reviews are read to their end; pixels are not. A
    repair never changes images, artifacts and tables. Exit code 1 if something is found and not
    repaired.
    """
    import polars as pl

    from kymflow.core.kym_dataset.integrity.check import check
    from kymflow.core.review.findings import check_reviews

    dataset = open_dataset(path, writing=repair)
    found = pl.concat([check(dataset, repair=repair), check_reviews(dataset)])
    if output.chosen_format == TABLE and output.path is None:
        for finding in found.iter_rows(named=True):
            place = _with_file(dataset, finding["path"])
            click.echo(_told(**{**finding, "path": place}))
    else:
        output.print(found)
    images, tables = len(dataset.list_image_ids()), len(dataset.list_table_names())
    looked = f"checked {counted(images, 'image')} and {counted(tables, 'table')}"
    left = found.filter(~pl.col("repaired")).height
    repaired = f", {found.height - left} of them repaired" if left < found.height else ""
    said = f"{counted(found.height, 'finding')}{repaired}" if found.height else "all is well"
    remark(f"{looked}: {said}")
    if left:
        ctx.exit(FAILED)


def _with_file(dataset: ZarrDataset, path: str) -> str:
    """Put the file that an image came from beside its path in the dataset."""
    from kymflow.core.artifacts.image_names import source_path

    image = re.match(r"images/([^/]+)", path)
    file = source_path(dataset, image[1]) if image else None
    return f"{path} ({file})" if file else path


def _told(kind: str, path: str, problem: str, remedy: str, repaired: bool) -> str:
    """Tell a finding as a paragraph, whole however narrow the terminal is."""
    width = get_terminal_size().columns
    lines = [printable(f"{kind}  {path}"), printable(problem)]
    lines.append("repaired" if repaired else printable(f"→ {remedy}"))
    first, *others = lines
    return "\n".join([first, *(click.wrap_text(each, width, "  ", "  ") for each in others)])
