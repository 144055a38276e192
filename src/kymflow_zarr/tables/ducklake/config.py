"""How a dataset remembers that its tables lie in a lake, and where the lake's catalog is."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path

from kymflow_zarr.errors import DatasetFormatError, UsageError
from kymflow_zarr.store.files import write_atomic
from kymflow_zarr.store.reads import reading

POSTGRES = "postgres:"
CATALOG_LOCK = ".lake.lock"
_PASSWORD = re.compile(r"\bpassword\s*=|://[^/@]*:[^/@]*@", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class LakeConfig:
    """Where a lake's catalog is.

    Attributes:
        catalog: ``postgres:`` and what libpq connects by; None stands for a file in the dataset.
        schema: The schema of a PostgreSQL database that holds this dataset's catalog.
    """

    catalog: str | None = None
    schema: str = "main"

    @property
    def connection(self) -> str:
        """What libpq connects by."""
        return (self.catalog or "").removeprefix(POSTGRES)


def config_path(dataset: Path) -> Path:
    """Return the file whose being there says that a dataset's tables lie in a lake."""
    return dataset / "tables" / "lake.json"


def lake_folder(dataset: Path) -> Path:
    """Return the folder of the lake's files."""
    return dataset / "tables" / "lake"


def read_config(dataset: Path) -> LakeConfig | None:
    """Return where a dataset's lake has its catalog; None if its tables are plain files.

    Raises:
        DatasetFormatError: If that is not said in a form known here.
        ReadError: If the system refuses to read it.
    """
    path = config_path(dataset)
    try:
        with reading(path):
            return LakeConfig(**json.loads(path.read_bytes()))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError) as error:
        raise DatasetFormatError(
            "what says where the tables are can't be read; restore the file from a backup",
            dataset=str(dataset),
            artifact=str(path),
        ) from error


def write_config(dataset: Path, config: LakeConfig) -> None:
    """Have a dataset's tables lie in a lake from now on."""
    write_atomic(config_path(dataset), json.dumps(asdict(config), indent=2).encode())


def check_catalog(catalog: str) -> None:
    """Refuse what is no catalog, or holds a password.

    Raises:
        UsageError: If so; the password is not repeated.
    """
    if not catalog.startswith(POSTGRES) or catalog == POSTGRES:
        raise UsageError(
            f"a catalog is given as {POSTGRES} followed by what libpq connects by, such as "
            f"'postgres:host=db dbname=lab'; without one it is a file in the dataset"
        )
    if _PASSWORD.search(catalog):
        raise UsageError(
            "leave the password out of the catalog, which is kept in the dataset for all to read; "
            "libpq takes it from ~/.pgpass or PGPASSWORD"
        )
