"""The errors of the storage layer: one tree, grouped by what the reader of a message does next.

::

    DatasetError                        everything raised on purpose
    ├── UsageError                      the call is wrong: change the call    (ValueError)
    │   ├── InvalidNameError
    │   ├── InvalidArrayError
    │   ├── NoHistoryError              convert the tables to a kind that keeps one
    │   └── NoJournalError              have writes noted from now on
    ├── ReadOnlyError                   open the dataset for writing          (PermissionError)
    │   ├── OutsideError                put the file itself in place of a link
    │   └── CopiedDatasetError          give the copy a catalog of its own
    ├── UntrustedHostError              allow the host, if it is yours        (PermissionError)
    ├── WriteError                      free space or fix permissions, retry  (OSError)
    ├── ReadError                       fix permissions or the disk, retry    (OSError)
    ├── NotFoundError                   nothing there by that name            (FileNotFoundError)
    │   ├── DatasetNotFoundError
    │   ├── ImageNotFoundError
    │   ├── TableNotFoundError
    │   └── ArtifactNotFoundError       (also an ArtifactError)
    │       └── MetadataNotFoundError
    ├── DatasetFormatError              not a dataset of this format          (ValueError)
    ├── ArtifactError                   one image's artifact: repair or rebuild it
    │   ├── ArtifactUnreadableError                                           (ValueError)
    │   ├── ImageBusyError              run it again when the other process has ended
    │   └── ArtifactSchemaError                                               (ValueError)
    ├── TableError                      a dataset table                       (ValueError)
    │   ├── TableUnreadableError
    │   ├── TableSchemaError
    │   └── CommitError
    ├── MissingExtraError               install the optional extra            (ImportError)
    └── QueryError                      change the SQL, or what it is given   (ValueError)
        ├── QueryTimeoutError           ask for less, or allow more time      (TimeoutError)
        └── VersionNotFoundError        ask for a version that is kept
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
    """An image id, artifact name or table name that is not valid."""

    code = "invalid-name"


class InvalidArrayError(UsageError):
    """Pixels that can't be stored."""

    code = "invalid-array"


class ReadOnlyError(DatasetError, PermissionError):
    """The dataset is open for reading only."""

    code = "read-only"


class OutsideError(ReadOnlyError):
    """What is to be written, deleted or read by a lake is not the dataset's own."""

    code = "outside"


class CopiedDatasetError(ReadOnlyError):
    """The tables' catalog belongs to the dataset that this one is a copy of, or was moved from."""

    code = "copied-dataset"


class UntrustedHostError(DatasetError, PermissionError):
    """A dataset names a host that its user never allowed."""

    code = "host-not-trusted"


class WriteError(DatasetError, OSError):
    """A file can't be written, as on a full disk; its old version is unchanged."""

    code = "write"


class ReadError(DatasetError, OSError):
    """The system refuses to read a file or folder, whose content may be intact."""

    code = "read"


class NoHistoryError(UsageError):
    """An earlier version of the tables was asked for, and they keep no history."""

    code = "no-history"


class NoJournalError(UsageError):
    """The dataset keeps no journal of its writes."""

    code = "no-journal"


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
    """The path holds something other than a dataset of this format and a known version."""

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
    """An artifact's bytes are not in the format they should be in."""

    code = "artifact-unreadable"


class ArtifactSchemaError(ArtifactError, ValueError):
    """An artifact can be read but does not hold what it should."""

    code = "artifact-schema"


class ImageBusyError(ArtifactError):
    """Another process is writing to the image and does not come to an end."""

    code = "image-busy"


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
    """A table could not be written; the old one is unchanged."""

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


class VersionNotFoundError(QueryError):
    """The tables were asked for at a version that never existed or is no longer kept."""

    code = "version-not-found"
