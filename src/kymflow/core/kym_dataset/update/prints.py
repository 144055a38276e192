"""Fingerprints of the rows a table holds of each image: they tell what another tool changed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from kymflow_sql import render
from kymflow_zarr.duck import engine_connection, literal, quoted
from kymflow_zarr.store.parquet import duckdb_path
from kymflow_zarr.tables.types import Reader, TableKey

if TYPE_CHECKING:
    import duckdb

    from kymflow_zarr.tables.table_store import TableStore

PRINTS = pl.Schema({"image_id": pl.String(), "rows_print": pl.Int64()})
_NUMERIC = re.compile(r"U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|FLOAT|DOUBLE|DECIMAL\(.*\)")
NO_ROWS = 0
"""The fingerprint of no rows."""


def prints_of_table(tables: TableStore, table: str) -> pl.DataFrame:
    """Take the fingerprints of a table's rows; it need not exist.

    Returns:
        Frame (image_id, rows_print), one row per image that has rows.

    Raises:
        TableUnreadableError: If the table is damaged.
        ReadError: If the system refuses to read it.
    """
    key = TableKey(table)

    def ask(reader: Reader) -> pl.DataFrame:
        return _prints(reader.con, reader.relation(key))

    return tables.read([key], ask)


def prints_of_files(files: Sequence[Path], folder: Path) -> pl.DataFrame:
    """Take the fingerprints that the rows of Parquet files will have in a table.

    Args:
        files: The files; columns are united by name.
        folder: What does not fit into memory is put there.

    Returns:
        Frame (image_id, rows_print), one row per image that has rows.
    """
    if not files:
        return pl.DataFrame(schema=PRINTS)
    with engine_connection(folder) as con:
        paths = [duckdb_path(file) for file in files]
        return _prints(con, con.read_parquet(paths, union_by_name=True, hive_partitioning=False))


def _prints(con: duckdb.DuckDBPyConnection, rows: duckdb.DuckDBPyRelation | None) -> pl.DataFrame:
    if rows is None or "image_id" not in rows.columns:
        return pl.DataFrame(schema=PRINTS)
    values = [
        _hash(name, str(type_))
        for name, type_ in zip(rows.columns, rows.types, strict=True)
        if name != "image_id"
    ]
    rows.create_view("rows")
    return con.sql(render("engine/row_prints", values=", ".join(values or ["0"]))).pl()


def _hash(name: str, type_: str) -> str:
    """Write the hash of a value; numbers count by their value, since a table may widen them."""
    column = quoted(name)
    value = f"CAST({column} AS DOUBLE)" if _NUMERIC.fullmatch(type_) else column
    return f"CASE WHEN {column} IS NULL THEN 0 ELSE hash({literal(name)}, {value}) END"
