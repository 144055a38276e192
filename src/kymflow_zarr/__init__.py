"""Generic storage: images, their artifacts and dataset tables in one Zarr store.

Names are loaded when first used, so that importing this package stays cheap.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kymflow_zarr.dataset import ZarrDataset
    from kymflow_zarr.errors import (
        ArtifactError,
        ArtifactNotFoundError,
        ArtifactSchemaError,
        ArtifactUnreadableError,
        CommitError,
        DatasetError,
        DatasetFormatError,
        DatasetNotFoundError,
        ImageNotFoundError,
        InvalidArrayError,
        InvalidNameError,
        MetadataNotFoundError,
        MissingExtraError,
        NotFoundError,
        QueryError,
        QueryTimeoutError,
        ReadError,
        ReadOnlyError,
        TableError,
        TableNotFoundError,
        TableSchemaError,
        TableUnreadableError,
        UsageError,
        WriteError,
    )
    from kymflow_zarr.images.record import ZarrImageRecord
    from kymflow_zarr.tables.table_store import TableStore

__all__ = [
    "ArtifactError",
    "ArtifactNotFoundError",
    "ArtifactSchemaError",
    "ArtifactUnreadableError",
    "CommitError",
    "DatasetError",
    "DatasetFormatError",
    "DatasetNotFoundError",
    "ImageNotFoundError",
    "InvalidArrayError",
    "InvalidNameError",
    "MetadataNotFoundError",
    "MissingExtraError",
    "NotFoundError",
    "QueryError",
    "QueryTimeoutError",
    "ReadError",
    "ReadOnlyError",
    "TableError",
    "TableNotFoundError",
    "TableSchemaError",
    "TableStore",
    "TableUnreadableError",
    "UsageError",
    "WriteError",
    "ZarrDataset",
    "ZarrImageRecord",
]

_HOMES = {"ZarrDataset": "dataset", "ZarrImageRecord": "record", "TableStore": "tables"}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES.get(name, 'errors')}"), name)
