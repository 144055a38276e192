"""The file that says that a dataset's tables are in a lake, and where the lake's catalog is."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path

from kymflow_zarr.errors import DatasetFormatError, UsageError
from kymflow_zarr.store import layout
from kymflow_zarr.store.files import write_atomic
from kymflow_zarr.store.reads import reading

POSTGRES = "postgres:"
_PASSWORD = re.compile(r"\bpassword\s*=|://[^/@]*:[^/@]*@", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class LakeConfig:
    """Where a lake's catalog is.

    Attributes:
        catalog: ``postgres:`` and a connection string of libpq; None: a file in the dataset.
        schema: The schema of a PostgreSQL database that holds this dataset's catalog.
    """

    catalog: str | None = None
    schema: str = "main"

    @property
    def connection(self) -> str:
        """The connection string of libpq."""
        return (self.catalog or "").removeprefix(POSTGRES)


def read_config(dataset: Path) -> LakeConfig | None:
    """Read where a dataset's lake has its catalog; None if its tables are plain files.

    Raises:
        DatasetFormatError: If the file is not in a form known here.
        ReadError: If the system refuses to read it.
    """
    path = layout.lake_config(dataset)
    try:
        with reading(path):
            return LakeConfig(**json.loads(path.read_bytes()))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError) as error:
        raise DatasetFormatError(
            "the file that says where the tables are can't be read; restore it from a backup",
            dataset=str(dataset),
            artifact=str(path),
        ) from error


def write_config(dataset: Path, config: LakeConfig) -> None:
    """Record that a dataset's tables are in a lake from now on."""
    write_atomic(layout.lake_config(dataset), json.dumps(asdict(config), indent=2).encode())


def check_catalog(catalog: str) -> None:
    """Refuse a text that does not name a catalog, or that holds a password.

    Raises:
        UsageError: If so; the password is not repeated.
    """
    if not catalog.startswith(POSTGRES) or catalog == POSTGRES:
        raise UsageError(
            f"a catalog is given as {POSTGRES} followed by a connection string of libpq, such as "
            f"'postgres:host=db dbname=lab'; without one it is a file in the dataset"
        )
    if _PASSWORD.search(catalog):
        raise UsageError(
            "leave the password out of the catalog, which is kept in the dataset for all to read; "
            "libpq takes it from ~/.pgpass or PGPASSWORD"
        )
