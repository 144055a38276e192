"""DuckDB: quoted names and texts, and views in a wanted schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import duckdb


def quoted(identifier: str) -> str:
    """Return a name as a quoted SQL identifier."""
    return '"' + identifier.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Return a text as a SQL string."""
    return "'" + text.replace("'", "''") + "'"


def value(
    con: duckdb.DuckDBPyConnection, sql: str, inputs: Mapping[str, object] | None = None
) -> Any:
    """Return the one value that a statement answers.

    The answer is read to its end: DuckDB 2 lets nothing else run on the connection before.
    """
    [[found]] = con.execute(sql, inputs).fetchall()
    return found


def view_columns(
    rows: duckdb.DuckDBPyRelation, name: str, schema: Mapping[str, str], *, where: str = "true"
) -> None:
    """Make a view of some columns of a relation; those that it lacks are null.

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
