"""The errors of the storage layer: one tree, grouped by what the reader of a message does next.

::

    DatasetError                        everything raised on purpose
    ├── UsageError                      the call is wrong: change the call    (ValueError)
    │   ├── InvalidNameError
    │   └── InvalidArrayError
    ├── ReadOnlyError                   open the dataset for writing          (PermissionError)
    ├── WriteError                      free space, repair access, do it again  (OSError)
    ├── ReadError                       repair access or the disk, do it again  (OSError)
    ├── NotFoundError                   nothing there by that name            (FileNotFoundError)
    │   ├── DatasetNotFoundError
    │   ├── ImageNotFoundError
    │   ├── TableNotFoundError
    │   └── ArtifactNotFoundError       (also an ArtifactError)
    │       └── MetadataNotFoundError
    ├── DatasetFormatError              not a dataset of ours                 (ValueError)
    ├── ArtifactError                   one image's artifact: repair it or make it again
    │   ├── ArtifactUnreadableError                                           (ValueError)
    │   └── ArtifactSchemaError                                               (ValueError)
    ├── TableError                      a dataset table                       (ValueError)
    │   ├── TableUnreadableError
    │   ├── TableSchemaError
    │   └── CommitError
    ├── MissingExtraError               install the optional extra            (ImportError)
    └── QueryError                      change the SQL, or what it is given   (ValueError)
        └── QueryTimeoutError           ask for less, or allow more time      (TimeoutError)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from kymflow_zarr.reasons import escaped


class DatasetError(Exception):
    """Base of every error raised on purpose.

    Args:
        message: What is wrong and what to do about it; details may follow on further lines.
        dataset: The dataset's path.
        image_id: The image concerned.
        artifact: The artifact or file concerned.

    Attributes:
        code: A stable name of the kind of error, for machines.
    """

    code: ClassVar[str] = "dataset-error"

    def __init__(
        self,
        message: str,
        *,
        dataset: str | None = None,
        image_id: str | None = None,
        artifact: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.dataset = dataset
        self.image_id = image_id
        self.artifact = artifact

    def __str__(self) -> str:
        places = {"image_id": self.image_id, "artifact": self.artifact, "dataset": self.dataset}
        where = ", ".join(f"{name} {escaped(value)}" for name, value in places.items() if value)
        first, *details = self.message.split("\n", 1)
        return "\n".join([f"{first} [{where}]" if where else first, *details])

    def __reduce__(self) -> tuple[Callable[..., DatasetError], tuple[object, ...], object]:
        places = (self.dataset, self.image_id, self.artifact)
        return _rebuilt, (type(self), self.message, *places), self.__dict__  # with its notes


def _rebuilt(
    cls: type[DatasetError],
    message: str,
    dataset: str | None,
    image_id: str | None,
    artifact: str | None,
) -> DatasetError:
    return cls(message, dataset=dataset, image_id=image_id, artifact=artifact)


class UsageError(DatasetError, ValueError):
    """The call is wrong; change the call."""

    code = "usage"


class InvalidNameError(UsageError):
    """An image id, artifact name or table name that may not be one."""

    code = "invalid-name"


class InvalidArrayError(UsageError):
    """Pixels that can't be stored."""

    code = "invalid-array"


class ReadOnlyError(DatasetError, PermissionError):
    """The dataset is open for reading only, or what is to change lies behind a link out of it."""

    code = "read-only"


class WriteError(DatasetError, OSError):
    """A file can't be written, as on a full disk; what was there before stands."""

    code = "write"


class ReadError(DatasetError, OSError):
    """The system refuses to read a file or folder, which says nothing of what is in it."""

    code = "read"


class NotFoundError(DatasetError, FileNotFoundError):
    """There is nothing by that name."""

    code = "not-found"


class DatasetNotFoundError(NotFoundError):
    """There is no dataset at that path."""

    code = "dataset-not-found"


class ImageNotFoundError(NotFoundError):
    """There is no such image in the dataset."""

    code = "image-not-found"


class TableNotFoundError(NotFoundError):
    """There is no such table in the dataset."""

    code = "table-not-found"


class DatasetFormatError(DatasetError, ValueError):
    """What lies at the path is not a dataset of ours, or of a version not known here."""

    code = "dataset-format"


class ArtifactError(DatasetError):
    """An artifact of one image is missing, unreadable or of the wrong schema."""

    code = "artifact"


class ArtifactNotFoundError(ArtifactError, NotFoundError):
    """An image has no artifact of that name."""

    code = "artifact-not-found"


class MetadataNotFoundError(ArtifactNotFoundError):
    """An image has no metadata payload."""

    code = "metadata-not-found"


class ArtifactUnreadableError(ArtifactError, ValueError):
    """An artifact's bytes can't be read as what they should be."""

    code = "artifact-unreadable"


class ArtifactSchemaError(ArtifactError, ValueError):
    """An artifact reads well but does not hold what it should."""

    code = "artifact-schema"


class TableError(DatasetError, ValueError):
    """A dataset table."""

    code = "table"


class TableUnreadableError(TableError):
    """A table's file is damaged or not a table."""

    code = "table-unreadable"


class TableSchemaError(TableError):
    """A column's types can't be reconciled."""

    code = "table-schema"


class CommitError(TableError):
    """A table was not written as it should be; the old one stands."""

    code = "commit"


class MissingExtraError(DatasetError, ImportError):
    """A library of an optional extra is not installed; install the extra."""

    code = "missing-extra"


class QueryError(DatasetError, ValueError):
    """A SQL query can't be answered; the first line says why, DuckDB's details follow it."""

    code = "query"


class QueryTimeoutError(QueryError, TimeoutError):
    """A SQL query took longer than it was allowed to, and was stopped."""

    code = "query-timeout"
