from __future__ import annotations

import polars as pl
import pytest

from kymflow.core.artifacts.conform import conform
from kymflow.core.kym_dataset import KymDataset, VelocityEventIndexer

SCHEMA = {"roi_id": pl.Int32(), "event_id": pl.String()}


def test_whole_floats_become_whole_numbers_again() -> None:
    rows = pl.DataFrame(
        {"event_id": [1.0, 2.5, float("nan"), None], "roi_id": [1.0, 2.0, None, None]}
    )
    assert conform(rows, SCHEMA, {}).rows() == [(1, "1"), (2, "2.5"), (None, None), (None, None)]


def test_older_names_are_mapped_unless_the_new_one_is_there() -> None:
    assert conform(pl.DataFrame({"roi": [1]}), SCHEMA, {"roi": "roi_id"})["roi_id"].item() == 1
    both = conform(pl.DataFrame({"roi": [1], "roi_id": [2]}), SCHEMA, {"roi": "roi_id"})
    assert both.select("roi_id", "roi").row(0) == (2, 1)


@pytest.mark.parametrize("values", [[1.5], ["x"], [2**40], [[1]]])
def test_what_can_not_be_cast_names_the_column(values: list[object]) -> None:
    with pytest.raises(ValueError, match="'roi_id'"):
        conform(pl.DataFrame({"roi_id": values}), SCHEMA, {})


def test_files_of_many_shapes_are_indexed_alike(dataset, add_image) -> None:
    """The fast scan of a batch and the reading of single files must give the same rows."""
    frames = {
        "a": pl.DataFrame({"event_id": [1, 2], "t_start": [0.5, 1.5]}),
        "b": pl.DataFrame({"event_id": ["x"], "t_start_s": [2.5], "extra": [7]}),
        "c": pl.DataFrame({"event_id": [3.0], "extra": [0.5]}),
        "d": pl.DataFrame(),
    }
    for image_id, frame in frames.items():
        add_image(image_id).save_df_parquet("velocity_events/events", frame)
    add_image("e").artifact_path("velocity_events/events", ".parquet").unlink()
    dataset.record("e").save_df_csv_gz("velocity_events/events", frames["a"])
    KymDataset(dataset).update_index(VelocityEventIndexer())
    rows = dataset.load_table("kym_velocity_events")
    assert rows.select("image_id", "event_id", "t_start_s", "extra").rows() == [
        ("a", "1", 0.5, None),
        ("a", "2", 1.5, None),
        ("b", "x", 2.5, 7.0),
        ("c", "3", None, 0.5),
        ("e", "1", 0.5, None),
        ("e", "2", 1.5, None),
    ]
