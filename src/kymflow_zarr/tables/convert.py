"""Move a dataset's tables into a lake, or back into plain files."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from kymflow_zarr.errors import UsageError
from kymflow_zarr.store import layout
from kymflow_zarr.store.files import is_old
from kymflow_zarr.store.trust import is_trusted, trust
from kymflow_zarr.tables.backend import Backend
from kymflow_zarr.tables.ducklake.adopt import new_config
from kymflow_zarr.tables.ducklake.config import LakeConfig, check_catalog, write_config
from kymflow_zarr.tables.ducklake.tables import LakeTables
from kymflow_zarr.tables.parquet.tables import PlainTables
from kymflow_zarr.tables.types import SIDECARS, Kind, TableKey

if TYPE_CHECKING:
    from pathlib import Path

    from kymflow_zarr.store.store import Store


def convert(store: Store, old: Backend, to: Kind, *, catalog: str | None = None) -> list[str]:
    """Move all tables with their sidecars; readers see either the old place or the new one.

    Args:
        store: The dataset, open for writing; the caller holds the locks of all tables.
        old: Where the tables are now.
        to: ``"ducklake"`` or ``"parquet"``. What the tables were before stays behind.
        catalog: ``postgres:`` and what libpq connects by; by default the lake's catalog is a file
            in the dataset. Whoever names its host here allows it, see
            :mod:`kymflow_zarr.store.trust`.

    Returns:
        The names of the tables.

    Raises:
        UsageError: If the tables are of that kind already, or the catalog is not valid.
        ReadOnlyError: If the dataset is open for reading only.
        CopiedDatasetError: If it is a copy, and its catalog that of its original.
        MissingExtraError: If the extra ``ducklake`` is not installed.
        CommitError: If something can't be written; nothing has changed.
    """
    if to == "parquet" and catalog is not None:
        raise UsageError("plain tables have no catalog; leave it out")
    server = None if catalog is None else check_catalog(catalog)
    if old.kind == to:
        raise UsageError(f"the tables are of the kind {to!r} already", dataset=str(store.path))
    if isinstance(old, LakeTables):
        return _to_plain(store.path, old)
    for host in server.hosts if server else ():
        if not is_trusted(host):
            trust(host)
    return _to_lake(store.path, old, catalog)


def left_behind(dataset: Path, backend: Backend, for_seconds: float) -> list[Path]:
    """List the files of the other kind of tables, which a killed conversion leaves.

    Args:
        dataset: The dataset's folder.
        backend: Where the tables are.
        for_seconds: Only files and folders last changed at least so many seconds ago.
    """
    if backend.kind == "parquet":
        left = [layout.lake(dataset)]
    else:
        plain = PlainTables(dataset)
        left = [plain.location(table) for table in _tables(plain)]
    return [path for path in left if is_old(path, for_seconds)]


def _to_lake(dataset: Path, old: Backend, catalog: str | None) -> list[str]:
    config = LakeConfig() if catalog is None else new_config(catalog)
    shutil.rmtree(layout.lake(dataset), ignore_errors=True)
    lake = LakeTables(dataset, config)
    tables = _tables(old)
    lake.take_over({table: old.location(table) for table in tables})
    write_config(dataset, config)
    lake.catalog.claim()
    for table in tables:
        old.drop(table)
    return _names(tables)


def _to_plain(dataset: Path, old: LakeTables) -> list[str]:
    old.catalog.check_own()
    plain = PlainTables(dataset)
    tables = _tables(old)
    for table in tables:
        old.copy_to(table, plain.location(table))
    layout.lake_config(dataset).unlink()
    old.catalog.remove()
    shutil.rmtree(layout.lake(dataset), ignore_errors=True)
    return _names(tables)


def _names(tables: list[TableKey]) -> list[str]:
    return [table.name for table in tables if table.sidecar is None]


def _tables(backend: Backend) -> list[TableKey]:
    beside = [TableKey(name, sidecar) for sidecar in SIDECARS for name in backend.names(sidecar)]
    return [*map(TableKey, backend.names()), *beside]
