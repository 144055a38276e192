"""``kymflow indexers``."""

from __future__ import annotations

from pathlib import Path

import click

from kymflow.cli.output import Output, output_options

INDEXER = '''"""An indexer: it turns each image into rows of the table kym_{name}.

    kymflow index DATASET {name}.py:{class_name}
"""

import polars as pl

from kymflow.core.kym_dataset import BaseIndexer


class {class_name}(BaseIndexer):
    name = "{name}"

    def analysis_version(self):
        return "{name}@1"  # raise it whenever rows would come out differently

    def params(self, rec):
        return {{"statistic": "mean"}}  # when they change, the image is due again

    def extract_rows(self, rec):
        pixels = rec.load_array()  # lines, pixels
        return pl.DataFrame({{"mean": [float(pixels.mean())], "n_lines": [len(pixels)]}})
'''
TEST = '''"""Run it with pytest."""

import numpy as np
from {name} import {class_name}

from kymflow.core.kym_dataset import KymDataset
from kymflow_zarr import ZarrDataset


def test_each_image_has_a_row(tmp_path):
    dataset = ZarrDataset(tmp_path / "lab.zarr", mode="a")
    dataset.add_image(np.full((40, 8), 3, np.uint16), image_id="a")
    KymDataset(dataset).update_index({class_name}())
    [row] = dataset.load_table("kym_{name}").to_dicts()
    assert (row["image_id"], row["mean"], row["n_lines"]) == ("a", 3.0, 40)
'''


@click.group("indexers")
def command() -> None:
    """List indexers, and begin one of your own."""


@command.command("list")
@output_options
def list_indexers(output: Output) -> None:
    """List the registered indexers and their tables."""
    import polars as pl

    from kymflow.core.kym_dataset import available_indexers, load_indexer

    rows = [
        (name, f"kym_{indexer.name}", indexer.analysis_version())
        for name in available_indexers()
        for indexer in [load_indexer(name)]
    ]
    schema = dict.fromkeys(("indexer", "table", "analysis_version"), pl.String)
    output.print(pl.DataFrame(rows, schema, orient="row"))


@command.command("new")
@click.argument("name", metavar="NAME", help="Small letters, digits and underscores.")
@click.option(
    "--folder",
    metavar="FOLDER",
    type=click.Path(path_type=Path, file_okay=False),
    default=".",
    help="Where to write it; here by default.",
)
def new(name: str, folder: Path) -> None:
    """Write an example of an indexer, and its test.

    `kymflow index DATASET NAME.py:CLASS` runs it.
    """
    import re

    from kymflow_zarr.store.files import write_atomic

    if not re.fullmatch("[a-z][a-z0-9_]*", name):
        raise click.BadParameter(
            f"{name!r} is not of small letters, digits and underscores, a letter first"
        )
    class_name = "".join(part.capitalize() for part in name.split("_"))
    texts = {folder / f"{name}.py": INDEXER, folder / f"test_{name}.py": TEST}
    for path in texts:
        if path.exists():
            raise click.UsageError(f"{path} is there already; choose another name")
    folder.mkdir(parents=True, exist_ok=True)
    for path, text in texts.items():
        write_atomic(path, text.format(name=name, class_name=class_name).encode())
        click.echo(f"{path}")
    click.echo(f"indexers run it: kymflow index DATASET {folder / name}.py:{class_name}")
