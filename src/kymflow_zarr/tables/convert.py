"""Move a dataset's tables into a lake, or back into plain files."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Literal

from kymflow_zarr.errors import UsageError
from kymflow_zarr.tables.backend import Backend
from kymflow_zarr.tables.ducklake.config import (
    LakeConfig,
    check_catalog,
    config_path,
    lake_folder,
    write_config,
)
from kymflow_zarr.tables.ducklake.tables import LakeTables
from kymflow_zarr.tables.parquet.tables import PlainTables
from kymflow_zarr.tables.types import SIDECARS, TableKey

if TYPE_CHECKING:
    from kymflow_zarr.dataset import ZarrDataset

Kind = Literal["ducklake", "parquet"]


def convert(dataset: ZarrDataset, to: Kind, *, catalog: str | None = None) -> list[str]:
    """Move all tables, with what is kept beside them; readers see the one place or the other.

    Nothing else may make a table of a new name meanwhile; changes of those there are wait.

    Args:
        dataset: The dataset, open for writing.
        to: ``"ducklake"`` or ``"parquet"``. What the tables were before stays behind.
        catalog: ``postgres:`` and what libpq connects by; by default the lake's catalog is a file
            in the dataset.

    Returns:
        The names of the tables.

    Raises:
        UsageError: If the tables are of that kind already, or the catalog can't be one.
        ReadOnlyError: If the dataset is open for reading only.
        MissingExtraError: If the extra ``ducklake`` is not installed.
        CommitError: If something can't be written; all stands as it was.
    """
    dataset.check_writable("convert the tables", lake_folder(dataset.path))
    if to == "parquet" and catalog is not None:
        raise UsageError("plain tables have no catalog; leave it out")
    if catalog is not None:
        check_catalog(catalog)
    with _all_locked(dataset):
        old = dataset.tables.backend
        if isinstance(old, LakeTables) == (to == "ducklake"):
            raise UsageError(
                f"the tables are of the kind {to!r} already", dataset=str(dataset.path)
            )
        if isinstance(old, LakeTables):
            return _to_plain(dataset, old)
        return _to_lake(dataset, old, catalog)


def _to_lake(dataset: ZarrDataset, old: Backend, catalog: str | None) -> list[str]:
    config = LakeConfig()
    if catalog is not None:
        config = LakeConfig(catalog, f"kymflow_{uuid.uuid4().hex}")
    shutil.rmtree(lake_folder(dataset.path), ignore_errors=True)
    lake = LakeTables(dataset.path, config)
    tables = _tables(old)
    lake.take_over({table: old.location(table) for table in tables})
    write_config(dataset.path, config)
    for table in tables:
        old.drop(table)
    return _names(tables)


def _to_plain(dataset: ZarrDataset, old: LakeTables) -> list[str]:
    plain = PlainTables(dataset.path)
    tables = _tables(old)
    for table in tables:
        old.copy_to(table, plain.location(table))
    config_path(dataset.path).unlink()
    old.catalog.remove()
    shutil.rmtree(lake_folder(dataset.path), ignore_errors=True)
    return _names(tables)


def _names(tables: list[TableKey]) -> list[str]:
    return [table.name for table in tables if table.sidecar is None]


def _tables(backend: Backend) -> list[TableKey]:
    beside = [TableKey(name, sidecar) for sidecar in SIDECARS for name in backend.names(sidecar)]
    return [*map(TableKey, backend.names()), *beside]


@contextmanager
def _all_locked(dataset: ZarrDataset) -> Iterator[None]:
    with ExitStack() as held:
        for name in dataset.tables.names():
            held.enter_context(dataset.tables.lock(name))
        yield
