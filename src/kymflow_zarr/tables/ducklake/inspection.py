"""Look into a lake's catalog before DuckLake does, which opens whatever file it names.

A catalog is a database that whoever sent the dataset may have written. It is taken for one only if
its tables are tables, none of them holds what no lake of ours has, and every place that it names
is in the folder of the lake's data.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from kymflow_sql import render
from kymflow_zarr.duck import literal, quoted
from kymflow_zarr.errors import TableUnreadableError
from kymflow_zarr.store.containment import resolve_all_within
from kymflow_zarr.tables.ducklake.notes import FOR_TABLE, PARTIAL

if TYPE_CHECKING:
    import duckdb

_HELD = (
    *("metadata", "schema", "schema_versions", "snapshot", "snapshot_changes", "table", "column"),
    *("data_file", "delete_file", "files_scheduled_for_deletion"),
    *("table_stats", "table_column_stats", "file_column_stats", "tag"),
)
_EMPTY = (
    *("view", "macro", "macro_impl", "macro_parameters", "inlined_data_tables"),
    *("column_mapping", "column_tag", "name_mapping", "sort_info", "sort_expression"),
    *("partition_info", "partition_column", "file_partition_value", "file_variant_stats"),
)
"""What holds SQL, or names columns and rows in ways that no lake of ours does."""
_IS_TABLE = (
    "SELECT table_name FROM duckdb_tables() WHERE database_name = $database AND "
    "schema_name = 'main'"
)
_COMPUTED = (
    "SELECT count(*) FROM {catalog}.ducklake_column "
    "WHERE coalesce(default_value_type, 'literal') <> 'literal' "
    "AND coalesce(default_value, 'NULL') <> 'NULL'"
)
_TAGGED = (
    "SELECT count(*) FROM {catalog}.ducklake_tag "
    f"WHERE key <> 'comment' OR value NOT IN ({literal(FOR_TABLE)}, {literal(PARTIAL)})"
)


def inspect_copy(con: duckdb.DuckDBPyConnection, database: str, data: Path, place: Path) -> None:
    """Refuse a catalog that is no lake of ours, or names what is not in its folder.

    Args:
        con: A connection to which a copy of the catalog is attached.
        database: As what.
        data: The folder of the lake's data.
        place: The folder of the lake, for errors.

    Raises:
        TableUnreadableError: If it is none.
        OutsideError: If it names a file or folder elsewhere.
    """
    tables = {name for (name,) in con.execute(_IS_TABLE, {"database": database}).fetchall()}
    for name in (*_HELD, *_EMPTY):
        if f"ducklake_{name}" not in tables:
            raise _strange(place, f"it has no table ducklake_{name}")
    inspect(con, f"{quoted(database)}.main", data, place)


def inspect(con: duckdb.DuckDBPyConnection, catalog: str, data: Path, place: Path) -> None:
    """Refuse a catalog by what its tables hold.

    Args:
        con: A connection that reads it.
        catalog: The schema that holds its tables, in SQL.
        data: The folder of the lake's data.
        place: The folder of the lake, for errors.

    Raises:
        TableUnreadableError: If it holds what no lake of ours does.
        OutsideError: If it names a file or folder elsewhere.
    """
    filled = " UNION ALL ".join(
        f"(SELECT '{name}' FROM {catalog}.ducklake_{name} LIMIT 1)" for name in _EMPTY
    )
    if found := con.execute(filled).fetchall():
        raise _strange(place, f"ducklake_{found[0][0]} is not empty")
    if con.execute(_TAGGED.format(catalog=catalog)).fetchall() != [(0,)]:
        raise _strange(place, "a table bears a comment that is none of ours")
    if con.execute(_COMPUTED.format(catalog=catalog)).fetchall() != [(0,)]:
        raise _strange(place, "a column's default is an expression")
    named = con.execute(render("ducklake/named_files", catalog=catalog)).fetchall()
    resolve_all_within(data, [name for (name,) in named])


def _strange(place: Path, why: str) -> TableUnreadableError:
    return TableUnreadableError(
        f"the catalog of the tables is none of ours ({why}), and is not opened; restore it from a "
        f"backup",
        artifact=str(place),
    )
