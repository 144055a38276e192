"""Rows of a locked connection as an Arrow dataset, which another connection can scan."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.dataset

from kymflow_zarr.duck import quoted

if TYPE_CHECKING:
    import duckdb

_BATCH_ROWS = 100_000


class Rows(pyarrow.dataset.Dataset):  # type: ignore[misc]  # PyArrow is not typed
    """What a SELECT answers, asked again at each scan, of the columns that are wanted.

    DuckDB hands the columns and the filter of a query on to an Arrow dataset.

    Args:
        con: The connection that is asked; it lives as long as this.
        select: The SELECT.
    """

    def __init__(self, con: duckdb.DuckDBPyConnection, select: str) -> None:
        self._con = con
        self._select = select
        rows = con.sql(select)
        self.types = dict(zip(rows.columns, map(str, rows.types), strict=True))
        self._schema = rows.limit(0).to_arrow_table().schema

    @property
    def schema(self) -> pa.Schema:
        """The columns."""
        return self._schema

    def scanner(
        self,
        columns: Sequence[str] | None = None,
        filter: Any = None,  # noqa: A002 (DuckDB names it)
        **_: Any,
    ) -> Any:
        """Return a scanner of some columns of the rows that meet a condition."""
        listed = ", ".join(map(quoted, self.types if columns is None else columns))
        asked = self._con.cursor().execute(f"SELECT {listed} FROM ({self._select})")
        reader = asked.to_arrow_reader(_BATCH_ROWS)
        return pyarrow.dataset.Scanner.from_batches(reader, filter=filter)

    def show_in(self, con: duckdb.DuckDBPyConnection, name: str) -> None:
        """Make a view of the rows in another connection, of the very types that they have."""
        rows = con.from_arrow(self)
        have = dict(zip(rows.columns, map(str, rows.types), strict=True))
        columns = [
            quoted(name) if have[name] == type_ else f"{quoted(name)}::{type_} AS {quoted(name)}"
            for name, type_ in self.types.items()
        ]
        rows.project(", ".join(columns)).create_view(name)
