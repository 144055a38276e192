"""Give a copy of a dataset a catalog of its own, or tell the catalog that the dataset was moved."""

from __future__ import annotations

import uuid
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple

from kymflow_sql import statement
from kymflow_zarr.duck import literal, value
from kymflow_zarr.errors import TableUnreadableError, UsageError
from kymflow_zarr.reasons import escaped
from kymflow_zarr.store.containment import resolve_within
from kymflow_zarr.tables.ducklake.config import LakeConfig, read_config, write_config
from kymflow_zarr.tables.ducklake.postgres import PostgresCatalog

if TYPE_CHECKING:
    import duckdb

_CUT = (
    "DELETE FROM copy.ducklake_{} WHERE begin_snapshot > $version",
    "UPDATE copy.ducklake_{} SET end_snapshot = NULL WHERE end_snapshot > $version",
)
_WITH_TABLES = (  # before a lake is filled, it has an empty version
    "SELECT snapshot_id FROM copy.ducklake_snapshot "
    "WHERE snapshot_id >= (SELECT min(begin_snapshot) FROM copy.ducklake_table)"
)
_VERSIONED = ("schema", "table", "column", "data_file", "delete_file", "tag", "column_tag")
_REST = (
    "DELETE FROM copy.ducklake_snapshot WHERE snapshot_id > $version",
    "DELETE FROM copy.ducklake_snapshot_changes WHERE snapshot_id > $version",
    "DELETE FROM copy.ducklake_schema_versions WHERE begin_snapshot > $version",
    "DELETE FROM copy.ducklake_files_scheduled_for_deletion WHERE $version IS NOT NULL",
)


def new_config(catalog: str) -> LakeConfig:
    """Return where a new catalog is to be: in a schema of a name that nobody can guess."""
    return LakeConfig(catalog, f"kymflow_{uuid.uuid4().hex}", uuid.uuid4().hex)


class Adopted(NamedTuple):
    """What became of the tables of a copy.

    Attributes:
        version: Their version: the newest whose files were copied.
        newest: The newest version of the original, whose later ones the copy does not have.
    """

    version: int
    newest: int


def adopt(dataset: Path, *, moved: bool) -> Adopted | None:
    """Have a dataset be the only one of its catalog.

    Args:
        dataset: The dataset's folder; the caller holds the locks of all tables.
        moved: Whether it is the one that the catalog knows, at a new place. Otherwise it is a
            copy, and gets a copy of the catalog on the same server, up to the newest version whose
            files it has.

    Returns:
        Which version that is; None where it was moved.

    Raises:
        UsageError: If its tables have no catalog that could be shared, or it is their owner
            already, or it is said to be moved and the other is still there.
        TableUnreadableError: If there is no version whose files it has.
        UntrustedHostError: If its user did not allow the host of the catalog.
    """
    config = read_config(dataset)
    if config is None or config.catalog is None:
        raise UsageError(
            "nothing is to be adopted: a copy of this dataset has tables of its own",
            dataset=str(dataset),
        )
    old = PostgresCatalog(dataset, config)
    old.check_foreign(moved=moved)
    if moved:
        old.claim()
        return None
    new = new_config(config.catalog)
    with TemporaryDirectory(prefix="kymflow-", ignore_cleanup_errors=True) as scratch:
        copy = Path(scratch, "catalog.ducklake")
        old.copy_to(copy)
        adopted = _cut(old, copy)
        own = PostgresCatalog(dataset, new)
        own.fill_from(copy)
    write_config(dataset, new)
    own.claim()
    return adopted


def _cut(catalog: PostgresCatalog, copy: Path) -> Adopted:
    """Take out of a copy of a catalog what came after the newest version whose files are here."""
    with catalog.connection() as con:
        catalog.inspect_copy(con, copy)
        con.execute(f"ATTACH {literal(str(copy))} AS copy")
        newest = int(value(con, "SELECT max(snapshot_id) FROM copy.ducklake_snapshot"))
        version = _newest_whole(con, Path(catalog.data))
        if version is None:
            raise TableUnreadableError(
                f"no version of the tables has all its files in {escaped(catalog.data)}: the "
                f"dataset that this is a copy of was compacted since; copy it again",
                artifact=str(catalog.folder),
            )
        cuts = [cut.format(table) for table in _VERSIONED for cut in _CUT]
        con.execute("BEGIN")
        for cut in (*cuts, *_REST, statement("ducklake/count_again")):
            given = {"version": version} if "$version" in cut else None
            con.execute(cut, given)
        con.execute("COMMIT")
        con.execute("DETACH copy")
    return Adopted(version, newest)


def _newest_whole(con: duckdb.DuckDBPyConnection, data: Path) -> int | None:
    files = con.execute(statement("ducklake/files_by_version")).fetchall()
    lost = [
        (begin, end) for place, begin, end in files if not resolve_within(data, place).is_file()
    ]
    versions = con.execute(_WITH_TABLES).fetchall()
    whole = [
        version
        for (version,) in versions
        if not any(begin <= version and (end is None or version < end) for begin, end in lost)
    ]
    return max(whole, default=None)
