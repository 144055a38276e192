"""The errors of the core, leaves of the storage's one tree.

::

    DatasetError                        (kymflow_zarr.errors)
    ├── UsageError
    │   ├── InvalidIndexerError         an indexer's name or verbs are not as they must be
    │   ├── ParamsError                 params that can't be used: a value, a key, no JSON form
    │   ├── PixelsError                 pixels, or an ROI, that no velocity can be measured in
    │   ├── ScaleError                  seconds per line or µm per pixel that are no scale
    │   ├── ReviewError                 a decision that can't be made
    │   │   └── ReviewConflictError     somebody else decided meanwhile: look again
    │   └── TraceError                  times and velocities that are no trace
    ├── ArtifactSchemaError
    │   ├── EventsStaleError            events of another trace or other params: detect again
    │   └── NoScaleError                set the scale of the image
    ├── IndexerOutputError              an indexer returned rows that can't go into its table
    ├── SourceFileError                 a file of a lab folder can't be read
    └── WorkerError                     an image kills its worker, or an executor is lost

    UserWarning
    └── CodeChangedWarning              an indexer's code changed, its analysis_version did not

Programs branch on an error's class or on its ``code``, never on its message. Every code of the
whole tree is a member of :class:`ErrorCode`; ledgers keep it in their column ``code``.
"""

from __future__ import annotations

from enum import StrEnum

from kymflow_zarr.errors import ArtifactSchemaError, DatasetError, MissingExtraError, UsageError

__all__ = [
    "CodeChangedWarning",
    "ErrorCode",
    "EventsStaleError",
    "IndexerOutputError",
    "InvalidIndexerError",
    "MissingExtraError",
    "NoScaleError",
    "ParamsError",
    "PixelsError",
    "ReviewConflictError",
    "ReviewError",
    "ScaleError",
    "SourceFileError",
    "TraceError",
    "WorkerError",
    "check_choice",
]


class ErrorCode(StrEnum):
    """The code of every kind of error; docs/errors.md says what to do about each."""

    DATASET_ERROR = "dataset-error"
    USAGE = "usage"
    INVALID_NAME = "invalid-name"
    INVALID_ARRAY = "invalid-array"
    INVALID_INDEXER = "invalid-indexer"
    INVALID_PARAMS = "invalid-params"
    INVALID_PIXELS = "invalid-pixels"
    INVALID_TRACE = "invalid-trace"
    INVALID_SCALE = "invalid-scale"
    NO_SCALE = "no-scale"
    EVENTS_STALE = "events-stale"
    IMAGE_BUSY = "image-busy"
    REVIEW = "review"
    REVIEW_CONFLICT = "review-conflict"
    VERSION_NOT_FOUND = "version-not-found"
    READ_ONLY = "read-only"
    OUTSIDE = "outside"
    COPIED_DATASET = "copied-dataset"
    HOST_NOT_TRUSTED = "host-not-trusted"
    NO_HISTORY = "no-history"
    NO_JOURNAL = "no-journal"
    WRITE = "write"
    READ = "read"
    NOT_FOUND = "not-found"
    DATASET_NOT_FOUND = "dataset-not-found"
    IMAGE_NOT_FOUND = "image-not-found"
    TABLE_NOT_FOUND = "table-not-found"
    ARTIFACT_NOT_FOUND = "artifact-not-found"
    METADATA_NOT_FOUND = "metadata-not-found"
    DATASET_FORMAT = "dataset-format"
    ARTIFACT = "artifact"
    ARTIFACT_UNREADABLE = "artifact-unreadable"
    ARTIFACT_SCHEMA = "artifact-schema"
    TABLE = "table"
    TABLE_UNREADABLE = "table-unreadable"
    TABLE_SCHEMA = "table-schema"
    COMMIT = "commit"
    MISSING_EXTRA = "missing-extra"
    QUERY = "query"
    QUERY_TIMEOUT = "query-timeout"
    INDEXER_OUTPUT = "indexer-output"
    SOURCE_FILE = "source-file"
    WORKER = "worker"


class InvalidIndexerError(UsageError):
    """An indexer's name or verbs are not as they must be; change the indexer."""

    code = ErrorCode.INVALID_INDEXER.value


class ParamsError(UsageError):
    """Params that can't be used, or have no canonical JSON form; change the value named."""

    code = ErrorCode.INVALID_PARAMS.value


class PixelsError(UsageError):
    """Pixels, or an ROI, that no velocity can be measured in; the message says why not."""

    code = ErrorCode.INVALID_PIXELS.value


class ScaleError(UsageError):
    """Seconds per line or µm per pixel that are no scale; give numbers above 0."""

    code = ErrorCode.INVALID_SCALE.value


class NoScaleError(ArtifactSchemaError):
    """It is not known how many s a line of an image takes, or how many µm a pixel is."""

    code = ErrorCode.NO_SCALE.value


class EventsStaleError(ArtifactSchemaError):
    """Events were made of another trace, or with other params, than those that are there."""

    code = ErrorCode.EVENTS_STALE.value


class ReviewError(UsageError):
    """A decision on events that can't be made; the message says why."""

    code = ErrorCode.REVIEW.value


class ReviewConflictError(ReviewError):
    """An event is no longer as it was seen when a decision on it was made: look at it again."""

    code = ErrorCode.REVIEW_CONFLICT.value


class TraceError(UsageError):
    """Times and velocities that are no trace; repair them, or make the trace again."""

    code = ErrorCode.INVALID_TRACE.value


class IndexerOutputError(DatasetError, ValueError):
    """An indexer returned rows that can't go into its table; change the indexer."""

    code = ErrorCode.INDEXER_OUTPUT.value


class SourceFileError(DatasetError, ValueError):
    """A file of a lab folder can't be read; repair or remove the file named in ``artifact``."""

    code = ErrorCode.SOURCE_FILE.value


class WorkerError(DatasetError, RuntimeError):
    """An image kills whoever works on it: repair it. Or an executor is lost: run it again."""

    code = ErrorCode.WORKER.value


class CodeChangedWarning(UserWarning):
    """An indexer's code changed while its ``analysis_version`` did not: rows may be stale."""


def check_choice(name: str, value: str, *choices: str) -> None:
    """Refuse an argument that is none of the values it may have.

    Raises:
        UsageError: If it is not.
    """
    if value not in choices:
        raise UsageError(f"{name} must be one of {', '.join(choices)}, not {value!r}")
