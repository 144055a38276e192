"""Images whose rows tell their generation and their number: any loss or mixture can be seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

from kymflow.core.artifacts.provenance import params_hash
from kymflow.core.kym_dataset import ArtifactIndexer
from kymflow.core.kym_dataset.indexers.base import ExtractedBatch
from kymflow_zarr import ZarrDataset

TABLE = "kym_generations"
State = dict[str, tuple[int, int]]
"""Each image's generation and number of rows."""


class GenerationIndexer(ArtifactIndexer):
    """Index the generation of each image, and log every extraction to a file elsewhere."""

    name = "generations"
    version = "generations@1"
    params_artifact = "gen/params"
    rows_artifacts = ("gen/rows",)
    schema = {"generation": pl.Int64(), "row": pl.Int64(), "of": pl.Int64()}  # noqa: RUF012

    def __init__(self, log: Path | None = None) -> None:
        self.log = log

    def extract_batch(self, dataset: ZarrDataset, image_ids: Sequence[str]) -> ExtractedBatch:
        if self.log is not None:
            with self.log.open("a") as log:
                log.write("".join(f"{image_id}\n" for image_id in image_ids))
        return super().extract_batch(dataset, image_ids)


def put(dataset: ZarrDataset, image_id: str, generation: int, n_rows: int) -> None:
    """Give an image, new or not, its rows and then its params."""
    if not dataset.has_image(image_id):
        with dataset.stage_image(image_id):
            pass
    record = dataset.record(image_id)
    numbers = pl.Series("row", range(n_rows), dtype=pl.Int64)
    rows = pl.DataFrame([numbers]).with_columns(generation=pl.lit(generation), of=pl.lit(n_rows))
    record.save_df_parquet("gen/rows", rows)
    record.save_json("gen/params", {"generation": generation})


def held(rows: pl.DataFrame, *, of_params: bool = True) -> State:
    """Read a table, having checked that every image is whole.

    Args:
        rows: The table.
        of_params: Whether each image's rows must be of the params that they name; those of an
            image that is changed between survey and extraction are not, and are made again.
    """
    assert rows["image_id"].rle().len() == rows["image_id"].n_unique(), "rows stand apart"
    found: State = {}
    for image_id, own in rows.partition_by("image_id", as_dict=True).items():
        [generation] = own["generation"].unique()
        assert own["row"].to_list() == list(range(own["of"][0])), image_id
        [made_with] = own["params_hash"].unique()
        assert not of_params or made_with == params_hash({"generation": generation})
        found[str(image_id[0])] = (generation, own.height)
    return found


def with_rows(state: Mapping[str, tuple[int, int]]) -> State:
    """Return the images of a state that have rows: what the table is to hold."""
    return {image_id: own for image_id, own in state.items() if own[1]}
