"""Which dataset a catalog on a server belongs to: a copy of it must not change it.

A dataset whose catalog is on a server bears an id, in ``tables/lake.json``. The catalog knows the
id, the dataset's path, and which file said so (its inode and when it last changed): copies of a
dataset, on this machine or another, bear its id but have another path or another file.
"""

from __future__ import annotations

import os
import re
import uuid
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from kymflow_zarr.duck import quoted
from kymflow_zarr.errors import CopiedDatasetError, TableUnreadableError
from kymflow_zarr.reasons import escaped
from kymflow_zarr.store import layout
from kymflow_zarr.tables.ducklake.config import LakeConfig, write_config

if TYPE_CHECKING:
    import duckdb

_OURS = re.compile(r"kymflow_[0-9a-f]{32}")
_TABLE = "dataset_location"
_COLUMNS = "dataset_id VARCHAR, path VARCHAR, inode VARCHAR, changed_ns VARCHAR"


class Location(NamedTuple):
    """Where a dataset is.

    Attributes:
        dataset_id: Its id.
        path: Its folder, free of links.
        inode: The inode of the file that says where its catalog is; texts, for a server's sake.
        changed_ns: When that file was last changed, ns.
    """

    dataset_id: str
    path: str
    inode: str
    changed_ns: str

    def is_of(self, other: Location) -> bool:
        """Tell whether two are of one and the same dataset.

        Restoring rights changes the time, mounting a share again may change the inode; a copy has
        both of its own.
        """
        same_file = self.inode == other.inode or self.changed_ns == other.changed_ns
        return (self.dataset_id, self.path) == (other.dataset_id, other.path) and same_file


class Ownership:
    """Whether a dataset is the one that its catalog knows.

    Args:
        dataset: The dataset's folder.
        config: Says where its catalog is.
    """

    def __init__(self, dataset: Path, config: LakeConfig) -> None:
        self._dataset = dataset
        self._config = config
        self._confirmed: Location | None = None

    def check(self, con: duckdb.DuckDBPyConnection) -> None:
        """Refuse to change a catalog that knows another dataset, or this one at another place.

        A catalog that knows none, of before datasets had an id, takes this one for its own.

        Args:
            con: A connection to which the server is attached as ``pg``.

        Raises:
            CopiedDatasetError: If it does.
            TableUnreadableError: If it knows none, and was not made for a dataset.
        """
        known = self.known(con)
        if known is None:
            self._check_schema()
            self.claim(con)
        elif self.is_here(known):
            self._confirmed = known
        else:
            raise self._copied(known)

    def check_confirmed(self, con: duckdb.DuckDBPyConnection) -> None:
        """Refuse to go on unless :meth:`check` found the catalog to be this dataset's own.

        Raises:
            CopiedDatasetError: If it did not, or the catalog was taken over since.
        """
        known = self.known(con)
        if known is None or known != self._confirmed:
            raise self._copied(known)

    def claim(self, con: duckdb.DuckDBPyConnection) -> None:
        """Have the catalog know this dataset alone, here."""
        if self._config.dataset_id is None:
            self._config = replace(self._config, dataset_id=uuid.uuid4().hex)
            write_config(self._dataset, self._config)
        con.execute(f"CREATE TABLE IF NOT EXISTS {self._table} ({_COLUMNS})")
        con.execute("BEGIN")
        con.execute(f"DELETE FROM {self._table}")
        here = self._here()
        con.execute(f"INSERT INTO {self._table} VALUES ($1, $2, $3, $4)", list(here))
        con.execute("COMMIT")
        self._confirmed = here

    def known(self, con: duckdb.DuckDBPyConnection) -> Location | None:
        """Return the dataset that the catalog knows, None where it knows none."""
        import duckdb

        try:
            rows = con.execute(f"FROM {self._table}").fetchall()
        except duckdb.CatalogException:
            return None
        return Location(*rows[0]) if rows else None

    def is_elsewhere(self, known: Location) -> bool:
        """Tell whether the dataset that a catalog knows is still where it was, and not this one."""
        there = layout.lake_config(Path(known.path))
        try:
            status = there.stat()
        except OSError:
            return False
        same = (str(status.st_ino), str(status.st_ctime_ns)) == (known.inode, known.changed_ns)
        return same and not there.samefile(layout.lake_config(self._dataset))

    def is_here(self, known: Location) -> bool:
        """Tell whether the dataset that a catalog knows is this one."""
        return known.is_of(self._here())

    def _copied(self, known: Location | None) -> CopiedDatasetError:
        there = "elsewhere" if known is None else f"at {escaped(known.path)}"
        return CopiedDatasetError(
            f"the catalog of the tables belongs to the dataset {there}, of which this is a copy, "
            f"or which was moved here; until one or the other is said, its tables are only read",
            dataset=str(self._dataset),
        )

    def _check_schema(self) -> None:
        """Refuse a schema whose name could be guessed: it may be anybody's."""
        if not _OURS.fullmatch(self._config.schema):
            raise TableUnreadableError(
                f"the catalog's schema {escaped(self._config.schema)!r} was not made for a "
                f"dataset; restore what says where the tables are from a backup",
                dataset=str(self._dataset),
            )

    @property
    def _table(self) -> str:
        return f"pg.{quoted(self._config.schema)}.{_TABLE}"

    def _here(self) -> Location:
        status = layout.lake_config(self._dataset).stat()
        return Location(
            self._config.dataset_id or "",
            os.path.realpath(self._dataset),
            str(status.st_ino),
            str(status.st_ctime_ns),
        )
