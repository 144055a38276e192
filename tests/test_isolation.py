"""Nothing that a dataset or a caller names reaches beyond the dataset, or into SQL."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from kymflow_zarr import ZarrDataset


def test_a_line_break_in_a_column_name_does_not_run_as_sql(
    dataset: ZarrDataset, tmp_path: Path
) -> None:
    stolen = tmp_path / "stolen.csv"
    name = f"a\nCOPY (SELECT 1) TO '{stolen}';\n--"
    for image_id in ("x", "y", "x"):
        dataset.replace_rows_for_image_id("t", image_id, pl.DataFrame({name: [1, 2]}))
    assert not stolen.exists()
    assert dataset.load_table("t")[name].to_list() == [1, 2, 1, 2]
