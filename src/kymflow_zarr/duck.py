"""DuckDB: connections, quoted names and texts, and views in a wanted schema."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import duckdb
    import polars as pl

# What a dataset names must not make DuckDB fetch extensions, or go to other addresses.
_QUIET = {"autoinstall_known_extensions": False, "autoload_known_extensions": False}


@contextmanager
def engine_connection(
    folder: Path | None, config: Mapping[str, bool] | None = None
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Yield an in-memory DuckDB that spills to a folder of the dataset and leaves nothing behind.

    By default it would spill to the working directory.

    Args:
        folder: A folder of the dataset. What does not fit into memory goes to a hidden folder in
            it, made when needed and removed at the end; where it may not be written in, is a
            link, or None, to a private temporary folder.
        config: Further options of the connection.
    """
    import duckdb

    with ExitStack() as closing:
        if folder is None or folder.is_symlink() or not os.access(folder, os.W_OK):
            folder = Path(closing.enter_context(TemporaryDirectory(prefix="kymflow-")))
        spilled = folder / f".duckdb.{uuid.uuid4().hex}.tmp"
        options: dict[str, Any] = {"temp_directory": str(spilled), **_QUIET, **(config or {})}
        con = closing.enter_context(duckdb.connect(config=options))
        con.execute("SET GLOBAL TimeZone = 'UTC'")
        con.execute("SET enable_progress_bar = false")
        yield con


@cache
def memory_limit() -> int:
    """Return how many bytes DuckDB takes at most by itself: 80 % of what this process may have."""
    import duckdb

    with duckdb.connect() as con:
        amount, unit = str(value(con, "SELECT current_setting('memory_limit')")).split()
    units = ("bytes", "KiB", "MiB", "GiB", "TiB", "PiB")
    return int(float(amount) * 1024 ** units.index(unit))


def quoted(identifier: str) -> str:
    """Return a name as a quoted SQL identifier."""
    return '"' + identifier.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Return a text as a SQL string.

    A statement that a person waits for has its texts written into it: to bind any value, DuckDB
    loads pandas where that is installed, which takes 0.15 s.
    """
    parts = ["'" + part.replace("'", "''") + "'" for part in text.split("\0")]
    return parts[0] if len(parts) == 1 else f"({' || chr(0) || '.join(parts)})"


def register(con: duckdb.DuckDBPyConnection, name: str, frame: pl.DataFrame) -> None:
    """Have SQL see a frame as a relation.

    As a lazy frame: to scan any other, DuckDB loads pandas where that is installed.
    """
    con.register(name, frame.lazy())


def value(
    con: duckdb.DuckDBPyConnection, sql: str, inputs: Mapping[str, object] | None = None
) -> Any:
    """Return the single value that a statement selects.

    The answer is read to its end: DuckDB 2 lets nothing else run on the connection before.
    """
    [[found]] = con.execute(sql, inputs).fetchall()
    return found


def view_columns(
    rows: duckdb.DuckDBPyRelation, name: str, schema: Mapping[str, str], *, where: str = "true"
) -> None:
    """Make a view of some columns of a relation; missing ones are null.

    Args:
        rows: The relation.
        name: The view's name.
        schema: The columns of the view, each with its DuckDB type.
        where: A condition over these columns that the rows must meet.
    """
    columns = [
        f"CAST({quoted(column) if column in rows.columns else 'NULL'} AS {type_}) AS {column}"
        for column, type_ in schema.items()
    ]
    rows.project(", ".join(columns)).filter(where).create_view(name)
