"""Which views a session may have, each over one Parquet file of a dataset."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from kymflow_zarr.errors import QueryError, TableNotFoundError
from kymflow_zarr.sql.messages import did_you_mean, near

if TYPE_CHECKING:
    import duckdb

    from kymflow_zarr.dataset import ZarrDataset

Select = Callable[["duckdb.DuckDBPyConnection", str, Hashable], str]


def as_it_is(con: duckdb.DuckDBPyConnection, source: str, identity: Hashable) -> str:
    """Return the SELECT of a view that shows its file as it is."""
    return f"FROM {source}"


@dataclass(frozen=True, slots=True)
class View:
    """One view.

    Attributes:
        path: The Parquet file behind it.
        select: Writes its SELECT, given a connection, the SQL that reads the file, and what tells
            this state of the file from any other.
    """

    path: Path
    select: Select = as_it_is


@dataclass(frozen=True, slots=True)
class Views:
    """The views of one dataset.

    Attributes:
        by_name: Each view.
        dataset: The dataset's folder; no view's file may lie outside it.
        none_yet: What an error says where there are none.
    """

    by_name: Mapping[str, View]
    dataset: Path
    none_yet: str = "none yet"

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

    def file(self, name: str) -> Path:
        """Return the file of a view.

        Raises:
            QueryError: If there is no such file, or it is a link that leads out of the dataset.
        """
        path = self.by_name[name].path
        found = path.resolve()
        if not found.is_file():
            raise QueryError(
                f"table {name!r} has no file, or what bears its name is none; build it again",
                dataset=str(self.dataset),
                artifact=str(path),
            )
        if not found.is_relative_to(self.dataset.resolve()):
            raise QueryError(
                f"table {name!r} is a link that leads out of the dataset; put the file itself here",
                dataset=str(self.dataset),
                artifact=str(path),
            )
        return found


def table_views(dataset: ZarrDataset) -> Views:
    """Return a view for each table of a dataset."""
    names = dataset.tables.names()
    return Views({name: View(dataset.tables.path(name)) for name in names}, dataset.path)
