"""Which views a session may have, each over one table of a dataset."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from kymflow_zarr.errors import TableNotFoundError
from kymflow_zarr.sql.hints import did_you_mean, near
from kymflow_zarr.tables.backend import Backend
from kymflow_zarr.tables.types import AsOf, TableKey

if TYPE_CHECKING:
    import duckdb

    from kymflow_zarr.dataset import ZarrDataset

Select = Callable[["duckdb.DuckDBPyConnection", str, Hashable], str]


def as_it_is(con: duckdb.DuckDBPyConnection, source: str, identity: Hashable) -> str:
    """Return the SELECT of a view that shows its table as it is."""
    return f"FROM {source}"


@dataclass(frozen=True, slots=True)
class View:
    """One view.

    Attributes:
        table: The table behind it.
        select: Writes its SELECT, given a connection, the SQL that reads the table, and what tells
            this state of the table from any other.
    """

    table: TableKey
    select: Select = as_it_is


@dataclass(frozen=True, slots=True)
class Views:
    """The views of one dataset.

    Attributes:
        by_name: Each view.
        backend: Where the tables lie.
        dataset: The dataset's folder.
        none_yet: What an error says where there are none.
        at: They show the tables as they were at this version or moment; None stands for now.
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
        """Return those of some names; all if None.

        Raises:
            TableNotFoundError: If there is none of a name.
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


def table_views(dataset: ZarrDataset) -> Views:
    """Return a view for each table of a dataset."""
    backend = dataset.tables.backend
    return Views({name: View(TableKey(name)) for name in backend.names()}, backend, dataset.path)
