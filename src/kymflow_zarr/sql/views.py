"""Which views a session may have, over the tables of a dataset."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from kymflow_zarr.errors import TableNotFoundError
from kymflow_zarr.sql.hints import did_you_mean, near
from kymflow_zarr.tables.backend import Backend
from kymflow_zarr.tables.types import AsOf, TableKey

if TYPE_CHECKING:
    import duckdb


@dataclass(frozen=True, slots=True)
class Source:
    """A table as a session reaches it.

    Attributes:
        sql: What stands for it after ``FROM``.
        identity: What tells this state of it from any other.
    """

    sql: str
    identity: Hashable


Select = Callable[..., str]
"""Writes a view's SELECT, given a connection, the :class:`Source` of its table, and those of its
other tables by keyword."""


def as_it_is(con: duckdb.DuckDBPyConnection, table: Source) -> str:
    """Write the SELECT of a view that shows its table as it is."""
    return f"FROM {table.sql}"


@dataclass(frozen=True, slots=True)
class View:
    """One view.

    Attributes:
        table: The table behind it.
        select: Writes its SELECT.
        others: Further tables that it reads, by the names under which ``select`` takes them.
    """

    table: TableKey
    select: Select = as_it_is
    others: Mapping[str, TableKey] = field(default_factory=dict)

    @property
    def tables(self) -> tuple[TableKey, ...]:
        """All tables that it reads."""
        return self.table, *self.others.values()


@dataclass(frozen=True, slots=True)
class Views:
    """The views of one dataset.

    Attributes:
        by_name: Each view.
        backend: Where the tables are kept.
        dataset: The dataset's folder.
        none_yet: Text of an error if there are no tables.
        at: They show the tables as they were at this version or moment; None: now.
    """

    by_name: Mapping[str, View]
    backend: Backend
    dataset: Path
    none_yet: str = "none yet"
    at: AsOf = None

    @property
    def listed(self) -> str:
        """The names, for an error."""
        return ", ".join(self.by_name) or self.none_yet

    def only(self, names: Iterable[str] | None) -> Views:
        """Select the views of some names; all if None.

        Raises:
            TableNotFoundError: If a name has no view.
        """
        if names is None:
            return self
        wanted = [names] if isinstance(names, str) else list(names)
        for name in wanted:
            if name not in self.by_name:
                raise TableNotFoundError(
                    f"there is no table {name!r}.{did_you_mean(near(name, self.by_name))}\n"
                    f"Tables here: {self.listed}",
                    dataset=str(self.dataset),
                )
        return replace(self, by_name={name: self.by_name[name] for name in wanted})

    def as_of(self, at: AsOf) -> Views:
        """Return the views over the tables as they were at a version or moment."""
        return replace(self, at=at)


def table_views(backend: Backend, dataset: Path) -> Views:
    """Return a view for each table of a dataset."""
    return Views({name: View(TableKey(name)) for name in backend.names()}, backend, dataset)
