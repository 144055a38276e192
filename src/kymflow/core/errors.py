"""The errors of the core, leaves of the storage's one tree.

::

    DatasetError                        (kymflow_zarr.errors)
    ├── UsageError
    │   ├── InvalidIndexerError         an indexer's name or verbs are not as they must be
    │   ├── ParamsError                 params that can't be used: a value, a key, no JSON form
    │   └── TraceError                  times and velocities that are no trace
    ├── IndexerOutputError              an indexer returned rows that can't go into its table
    ├── SourceFileError                 a file of a lab folder can't be read
    └── WorkerError                     an image kills its worker, or an executor is lost

    UserWarning
    └── CodeChangedWarning              an indexer's code changed, its analysis_version did not
"""

from __future__ import annotations

from kymflow_zarr.errors import DatasetError, MissingExtraError, UsageError

__all__ = [
    "CodeChangedWarning",
    "IndexerOutputError",
    "InvalidIndexerError",
    "MissingExtraError",
    "ParamsError",
    "SourceFileError",
    "TraceError",
    "WorkerError",
]


class InvalidIndexerError(UsageError):
    """An indexer's name or verbs are not as they must be; change the indexer."""

    code = "invalid-indexer"


class ParamsError(UsageError):
    """Params that can't be used, or have no canonical JSON form; change the value named."""

    code = "invalid-params"


class TraceError(UsageError):
    """Times and velocities that are no trace; repair them, or make the trace again."""

    code = "invalid-trace"


class IndexerOutputError(DatasetError, ValueError):
    """An indexer returned rows that can't go into its table; change the indexer."""

    code = "indexer-output"


class SourceFileError(DatasetError, ValueError):
    """A file of a lab folder can't be read; repair or remove the file named in ``artifact``."""

    code = "source-file"


class WorkerError(DatasetError, RuntimeError):
    """An image kills whoever works on it: repair it. Or an executor is lost: run it again."""

    code = "worker"


class CodeChangedWarning(UserWarning):
    """An indexer's code changed while its ``analysis_version`` did not: rows may be stale."""
