"""What the commands share: the dataset they open, the indexers they name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    import polars as pl

    from kymflow.core.kym_dataset import Indexer, KymDataset
    from kymflow_zarr import ZarrDataset

dataset_argument = click.argument(
    "path", metavar="DATASET", type=click.Path(path_type=Path), help="The dataset, a .zarr folder."
)
indexers_argument = click.argument(
    "indexers",
    metavar="[INDEXER]...",
    nargs=-1,
    help="Indexers by name; all registered ones if none is named.",
)


def open_dataset(path: Path, *, writing: bool = False) -> ZarrDataset:
    """Open a dataset that is there.

    Raises:
        DatasetNotFoundError: If it is not.
    """
    from kymflow_zarr import ZarrDataset
    from kymflow_zarr.errors import DatasetNotFoundError

    if not path.exists():
        raise DatasetNotFoundError(
            "there is no such dataset; make one with `kymflow import FOLDER DATASET`",
            dataset=str(path),
        )
    return ZarrDataset(path, mode="a" if writing else "r")


def open_tables(path: Path, *, writing: bool = False) -> KymDataset:
    """Open the tables of a dataset that is there.

    Raises:
        DatasetNotFoundError: If it is not.
    """
    from kymflow.core.kym_dataset import KymDataset

    return KymDataset(open_dataset(path, writing=writing))


def load_indexers(names: tuple[str, ...]) -> list[Indexer]:
    """Return the indexers of these names, all registered ones if there are none.

    Raises:
        InvalidIndexerError: If there is none of a name, or it can't be loaded.
    """
    from kymflow.core.kym_dataset import available_indexers, load_indexer

    return [load_indexer(name) for name in names or available_indexers()]


def counted(verdicts: pl.DataFrame) -> pl.DataFrame:
    """Return how many images and rows a decision holds of each action and reason."""
    import polars as pl

    counts = verdicts.group_by("action", "reason").agg(images=pl.len(), rows=pl.col("n_rows").sum())
    return counts.sort("action", "images", "reason", descending=[False, True, False])


def labelled(indexer: Indexer, frame: pl.DataFrame) -> pl.DataFrame:
    """Return a frame with the indexer's name in front."""
    import polars as pl

    return frame.select(pl.lit(indexer.name).alias("indexer"), pl.all())
