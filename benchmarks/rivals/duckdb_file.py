"""A DuckDB file kept the way dbt keeps an incremental model: delete, then insert."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import duckdb
import polars as pl

from benchmarks.rivals.artifacts import events_path, surveyed
from benchmarks.work import sql


class DuckDBFile:
    """Tables of rows and of runs in one ``.duckdb`` file, changed in one transaction.

    Args:
        home: Holds the file.
    """

    def __init__(self, home: Path) -> None:
        self._file = str(home / "lab.duckdb")

    def update(self, dataset: Path, hashes: Mapping[str, str]) -> None:
        """Delete the rows of all stale and deleted images, and insert the stale ones' again."""
        paths = pl.Series("path", [events_path(dataset, image_id) for image_id in hashes])
        with duckdb.connect(self._file) as con:
            con.register("surveyed", surveyed(hashes).with_columns(paths))
            for step in ("create_runs", "find_stale", "find_replaced"):
                con.execute(sql(f"duckdb/{step}"))
            if con.table("replaced").fetchone() is None:
                return
            con.execute("BEGIN")
            stale = [path for (path,) in con.table("stale").project("path").fetchall()]
            if stale:
                con.execute(sql("duckdb/read_events"), {"paths": stale})
                con.execute(sql("duckdb/create_events"))
            for table in ("events", "runs"):
                con.execute(sql("duckdb/delete_rows").format(table=table))
            if stale:
                for table, rows in (
                    ("events", "FROM fresh"),
                    ("runs", "SELECT * EXCLUDE (path) FROM stale"),
                ):
                    con.execute(sql("duckdb/insert_rows").format(table=table, rows=rows))
            con.execute("COMMIT")

    def rows(self) -> pl.DataFrame:
        """Return the whole table."""
        with duckdb.connect(self._file, read_only=True) as con:
            return con.sql("FROM events").pl()
