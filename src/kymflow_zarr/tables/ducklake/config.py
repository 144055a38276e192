"""The file that says that a dataset's tables are in a lake, and where the lake's catalog is."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from kymflow_zarr.errors import DatasetFormatError, UsageError
from kymflow_zarr.store import layout
from kymflow_zarr.store.codecs import decode_object
from kymflow_zarr.store.containment import resolve_within
from kymflow_zarr.store.files import write_atomic
from kymflow_zarr.store.reads import read_file, reading
from kymflow_zarr.tables.ducklake.connection import Connection

POSTGRES = "postgres:"
_MAX_BYTES = 64 << 10


@dataclass(frozen=True, slots=True)
class LakeConfig:
    """Where a lake's catalog is.

    Attributes:
        catalog: ``postgres:`` and a connection string of libpq; None: a file in the dataset.
        schema: The schema of a PostgreSQL database that holds this dataset's catalog.
        dataset_id: What the dataset is called in that catalog, which tells it from copies; None
            where it was made before datasets had such a name.
    """

    catalog: str | None = None
    schema: str = "main"
    dataset_id: str | None = None

    @property
    def connection(self) -> Connection:
        """The server that the catalog is on.

        Raises:
            UsageError: If it is not said in a form known here, or holds what it may not.
        """
        return Connection((self.catalog or "").removeprefix(POSTGRES))


def read_config(dataset: Path) -> LakeConfig | None:
    """Read where a dataset's lake has its catalog; None if its tables are plain files.

    Raises:
        DatasetFormatError: If that is not said in a form known here.
        OutsideError: If the file that says it is a link out of the dataset.
        ReadError: If the system refuses to read it.
    """
    path = layout.lake_config(dataset)
    try:
        with reading(path):
            said = decode_object(read_file(resolve_within(dataset, path), _MAX_BYTES))
        return _parsed(said)
    except FileNotFoundError:
        return None
    except (ValueError, TypeError) as error:
        why = f" ({error.message})" if isinstance(error, UsageError) else ""
        raise DatasetFormatError(
            f"what says where the tables are can't be read{why}; restore the file from a backup",
            dataset=str(dataset),
            artifact=str(path),
        ) from error


def write_config(dataset: Path, config: LakeConfig) -> None:
    """Record that a dataset's tables are in a lake from now on."""
    write_atomic(layout.lake_config(dataset), json.dumps(asdict(config), indent=2).encode())


def check_catalog(catalog: str) -> Connection:
    """Return the server of a catalog, if it may be one.

    Raises:
        UsageError: If it is none, or holds a password, which is not repeated.
    """
    if not catalog.startswith(POSTGRES) or catalog == POSTGRES:
        raise UsageError(
            f"a catalog is given as {POSTGRES} followed by a connection string of libpq, such as "
            f"'postgres:host=db dbname=lab'; without one it is a file in the dataset"
        )
    return Connection(catalog.removeprefix(POSTGRES))


def _parsed(said: dict[str, object]) -> LakeConfig:
    config = LakeConfig(**said)  # type: ignore[arg-type]
    texts = (config.catalog, config.schema, config.dataset_id)
    if not all(text is None or isinstance(text, str) for text in texts) or config.schema is None:
        raise ValueError("a value is no text")
    if config.catalog is not None:
        check_catalog(config.catalog)
    return config
