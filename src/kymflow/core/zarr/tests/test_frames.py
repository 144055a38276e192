from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from kymflow_zarr import UsageError
from kymflow_zarr.frames import as_polars, storable


@pytest.mark.parametrize(
    "frame",
    [
        pl.DataFrame({"a": [1, 2]}),
        pl.LazyFrame({"a": [1, 2]}),
        pd.DataFrame({"a": [1, 2]}),
        pd.DataFrame({"a": [1, 2]}, index=[7, 9]),
        pa.table({"a": [1, 2]}),
    ],
    ids=["polars", "lazy", "pandas", "pandas-index", "pyarrow"],
)
def test_frames_of_every_library_are_taken(frame: object) -> None:
    assert as_polars(frame).to_dict(as_series=False) == {"a": [1, 2]}


ROWS = pd.DataFrame({"a": [1, 2]}, index=[7, 9])


@pytest.mark.parametrize(
    ("frame", "kept"),
    [
        (ROWS, []),
        (ROWS.reset_index(drop=True).reset_index(), []),
        (pd.concat([ROWS.reset_index(drop=True)] * 2, keys=["x", "y"]), []),
        (pd.read_csv(io.StringIO(ROWS.to_csv())), []),
        (pl.from_pandas(pd.read_csv(io.StringIO(ROWS.to_csv()))), []),
        (pa.Table.from_pandas(ROWS), []),
        (pl.DataFrame({"__index_level_0__": [7, 9], "__index_level_1__": ["x", "y"], "a": 1}), []),
        # What looks like it and is a person's own:
        (ROWS.reset_index(), ["index"]),
        (pl.DataFrame({"a": [5, 6]}).with_row_index(), ["index"]),
        (pl.DataFrame({"index": [0, 1], "a": [5, 6]}), ["index"]),
        (pd.DataFrame({"a": [5, 6], "index": [0, 1]}), ["index"]),
        (pd.DataFrame({"index": [1, 2], "a": [5, 6]}), ["index"]),
        (pd.DataFrame({"index": [0.0, 1.0], "a": [5, 6]}), ["index"]),
        (pd.DataFrame({"a": [5, 6]}, index=pd.Index(["x", "y"], name="event_id")), ["event_id"]),
        (pd.DataFrame({"a": [5, 6], "Unnamed: 0": [0, 1]}), ["Unnamed: 0"]),
        (pd.DataFrame({"Unnamed: 0": ["x", "y"], "a": [5, 6]}), ["Unnamed: 0"]),
    ],
)
def test_an_index_of_pandas_is_no_column(frame: object, kept: list[str]) -> None:
    taken = as_polars(frame)
    assert sorted(taken.columns) == sorted(["a", *kept])
    assert taken.height == len(frame)  # type: ignore[arg-type]


@pytest.mark.parametrize("thing", [None, [1], {"a": [1]}, "a"])
def test_other_things_are_refused(thing: object) -> None:
    with pytest.raises(UsageError, match="is not a frame"):
        as_polars(thing)


def test_types_become_those_that_read_back_alike() -> None:
    frame = pl.DataFrame(
        {
            "kind": pl.Series(["a"], dtype=pl.Categorical),
            "local": pl.Series([datetime(2025, 1, 1)], dtype=pl.Datetime("ms")),
            "zoned": pl.Series([datetime(2025, 1, 1, tzinfo=UTC)]).dt.convert_time_zone(
                "Europe/Berlin"
            ),
        }
    )
    assert storable(frame).schema == {
        "kind": pl.String,
        "local": pl.Datetime("us"),
        "zoned": pl.Datetime("us", "UTC"),
    }


def test_types_without_a_common_form_are_refused_by_name() -> None:
    with pytest.raises(UsageError, match="'took'"):
        storable(pl.DataFrame({"took": [timedelta(seconds=1)]}))
    with pytest.raises(UsageError, match="'Note' and 'note' differ by case"):
        storable(pl.DataFrame({"Note": [1], "note": [2]}))
