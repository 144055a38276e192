from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import duckdb
import polars as pl
import pytest

from kymflow_zarr import (
    CommitError,
    TableNotFoundError,
    TableSchemaError,
    TableUnreadableError,
    UsageError,
    ZarrDataset,
)
from kymflow_zarr.frames import common_dtype
from kymflow_zarr.tables.ducklake import transaction
from kymflow_zarr.tables.parquet import rewrite

OLD = pl.DataFrame({"image_id": ["b", "b", "a", "c"], "n": [1, 2, 3, 4]})


def test_tables_save_load_list_and_delete(dataset: ZarrDataset) -> None:
    dataset.save_table("mine", OLD.to_pandas())
    assert dataset.load_table("mine").equals(OLD)
    assert dataset.list_table_names() == ["mine"]
    assert duckdb.sql(f"FROM '{dataset.tables.path('mine')}'").fetchall() == OLD.rows()
    dataset.delete_table("mine")
    with pytest.raises(TableNotFoundError, match="none yet"):
        dataset.load_table("mine")


def test_replacing_keeps_the_order_of_all_other_rows(dataset: ZarrDataset) -> None:
    dataset.save_table("t", OLD)
    merged = dataset.replace_rows_for_image_id("t", "a", pl.DataFrame({"n": [7, 6]}))
    assert (merged.kept, merged.added) == (3, 2)
    assert dataset.load_table("t").rows() == [("b", 1), ("b", 2), ("c", 4), ("a", 7), ("a", 6)]


def test_replacing_with_nothing_leaves_no_ghosts(dataset: ZarrDataset) -> None:
    dataset.save_table("t", OLD)
    dataset.replace_rows_for_image_id("t", "b", pl.DataFrame({"n": []}, {"n": pl.Int64}))
    assert dataset.load_table("t").rows() == [("a", 3), ("c", 4)]


def test_rows_of_another_image_are_refused(dataset: ZarrDataset) -> None:
    with pytest.raises(UsageError, match="not all of this image"):
        dataset.replace_rows_for_image_id("t", "a", OLD)


@pytest.mark.parametrize("table", ["t", "another"])
def test_a_change_that_loses_rows_is_refused(
    dataset: ZarrDataset, monkeypatch: pytest.MonkeyPatch, table: str
) -> None:
    """DuckDB never did so; were it to, no row would be lost."""
    dataset.save_table("t", OLD)
    for module in (rewrite, transaction):
        monkeypatch.setattr(module, "render", losing(module.render))
    with pytest.raises(CommitError, match="would hold"):
        dataset.replace_rows_for_image_id(table, "a", pl.DataFrame({"n": [7, 6]}))
    assert dataset.list_table_names() == ["t"]
    assert dataset.load_table("t").equals(OLD)


def losing(render: Callable[..., str]) -> Callable[..., str]:
    """Have statements read one new row only."""
    return lambda name, **fragments: render(name, **fragments).replace(" AS new", " AS new LIMIT 1")


def test_many_rows_stay_together_and_in_order(dataset: ZarrDataset, tmp_path: Path) -> None:
    """DuckDB's joins give rows in any order: an image's rows must not mix for all that."""
    n_images, n_rows = 40_000, 10
    ids = [f"{n:08d}" for n in range(n_images) for _ in range(n_rows)]
    big = pl.DataFrame({"image_id": ids, "n": range(n_images * n_rows)})
    dataset.save_table("t", big)
    replaced = big.select(pl.col("image_id").unique(maintain_order=True).gather_every(3))
    part = tmp_path / "part.parquet"
    new = big.join(replaced, on="image_id", how="semi", maintain_order="left")
    new.write_parquet(part)
    dataset.tables.replace_rows("t", replaced=replaced, parts=[part], empty=big.clear())
    rows = dataset.load_table("t")
    expected = pl.concat(
        [big.join(replaced, on="image_id", how="anti", maintain_order="left"), new]
    )
    assert rows.equals(expected)


def test_rows_without_a_key_can_be_replaced_too(dataset: ZarrDataset) -> None:
    dataset.save_table("t", pl.concat([OLD, OLD.head(1).with_columns(image_id=None)]))
    replaced = pl.DataFrame({"image_id": [None, "b", "b"]}, {"image_id": pl.String})
    merged = dataset.tables.replace_rows("t", replaced=replaced, parts=[], empty=OLD.clear())
    assert (merged.kept, merged.added) == (2, 0)
    assert dataset.load_table("t").rows() == [("a", 3), ("c", 4)]


def test_new_columns_are_null_in_old_rows_and_absent_ones_in_new(dataset: ZarrDataset) -> None:
    dataset.save_table("t", OLD)
    dataset.replace_rows_for_image_id("t", "a", pl.DataFrame({"score": [0.5]}))
    assert dataset.load_table("t").rows() == [
        ("b", 1, None),
        ("b", 2, None),
        ("c", 4, None),
        ("a", None, 0.5),
    ]


def test_types_that_do_not_fit_are_an_error_and_the_table_stands(dataset: ZarrDataset) -> None:
    dataset.save_table("t", OLD)
    before = dataset.tables.path("t").read_bytes()
    with pytest.raises(TableSchemaError, match=r"'n' holds Int64 .* String .* mode=\"replace\""):
        dataset.replace_rows_for_image_id("t", "a", pl.DataFrame({"n": ["x"]}))
    assert dataset.tables.path("t").read_bytes() == before


def test_a_column_without_values_takes_any_type(dataset: ZarrDataset) -> None:
    dataset.save_table("t", OLD.with_columns(note=pl.lit(None, pl.Int32)))
    dataset.replace_rows_for_image_id("t", "a", pl.DataFrame({"n": [1], "note": ["x"]}))
    assert dataset.load_table("t")["note"].to_list() == [None, None, None, "x"]
    of_no_type = pl.DataFrame({"n": [2], "note": [None]}, {"n": pl.Int64, "note": pl.Int32})
    dataset.replace_rows_for_image_id("t", "b", of_no_type)
    assert dataset.load_table("t")["note"].to_list() == [None, "x", None]


def test_a_column_of_no_type_becomes_text(dataset: ZarrDataset) -> None:
    dataset.replace_rows_for_image_id("t", "a", pl.DataFrame({"n": [1], "note": [None]}))
    assert dataset.load_table("t").schema["note"] == pl.String


@pytest.mark.parametrize(
    ("left", "right", "common"),
    [
        (pl.Int32(), pl.Int64(), pl.Int64()),
        (pl.UInt8(), pl.Int8(), pl.Int16()),
        (pl.UInt64(), pl.Int8(), None),
        (pl.Int32(), pl.Float64(), pl.Float64()),
        (pl.Float32(), pl.Float64(), pl.Float64()),
        (pl.Null(), pl.String(), pl.String()),
        (pl.String(), pl.Int64(), None),
        (pl.Boolean(), pl.Int64(), None),
        (pl.Datetime("us"), pl.Datetime("ns"), pl.Datetime("ns")),
        (pl.Datetime("us"), pl.Datetime("us", "UTC"), None),
        (pl.List(pl.Int32()), pl.List(pl.Int64()), pl.List(pl.Int64())),
        (pl.List(pl.Int32()), pl.List(pl.String()), None),
    ],
)
def test_common_types(left: pl.DataType, right: pl.DataType, common: pl.DataType | None) -> None:
    assert common_dtype(left, right) == common_dtype(right, left) == common


def test_a_damaged_table_is_a_clear_error(dataset: ZarrDataset) -> None:
    dataset.tables.path("t").write_bytes(b"PAR1 torn")
    with pytest.raises(TableUnreadableError, match="can't be read"):
        dataset.load_table("t")
    with pytest.raises(TableUnreadableError, match="can't be read"):
        dataset.replace_rows_for_image_id("t", "a", pl.DataFrame({"n": [1]}))


def test_damaged_pages_are_a_clear_error(dataset: ZarrDataset) -> None:
    path = dataset.save_table("t", pl.DataFrame({"image_id": ["a"] * 9000, "n": range(9000)}))
    whole = path.read_bytes()
    path.write_bytes(whole[:4] + bytes(64) + whole[68:])
    with pytest.raises(TableUnreadableError, match="restore it"):
        dataset.load_table("t")


def test_a_lazy_frame_is_of_the_table_as_it_was(dataset: ZarrDataset) -> None:
    dataset.save_table("t", OLD)
    rows = dataset.scan_table("t")
    dataset.save_table("t", pl.DataFrame({"other": ["column"]}))
    assert rows.collect().equals(OLD)
    dataset.delete_table("t")
    assert rows.filter(pl.col("n") > 2).collect().height == 2


@pytest.mark.parametrize("write", ["save", "replace"])
def test_what_a_killed_writer_left_goes_with_the_next_write(
    dataset: ZarrDataset, write: str
) -> None:
    rows = pl.DataFrame({"image_id": ["a"], "n": [1]})
    tables = dataset.path / "tables"
    mine = tables / f".t.parquet.{'0' * 32}.tmp"
    others = tables / f".t.parquet.parquet.{'0' * 32}.tmp"
    for left in (mine, others):
        left.write_bytes(b"half")
    if write == "save":
        dataset.save_table("t", rows)
    else:
        dataset.replace_rows_for_image_id("t", "a", rows)
    assert [path.name for path in tables.glob(".*")] == [others.name]
    assert dataset.list_table_names() == ["t"]
