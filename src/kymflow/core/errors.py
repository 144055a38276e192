"""The errors of the core, leaves of the storage's one tree.

::

    DatasetError                        (kymflow_zarr.errors)
    ├── UsageError
    │   ├── InvalidIndexerError         an indexer's name or verbs are not as they must be
    │   └── ParamsError                 params without one canonical JSON form
    ├── IndexerOutputError              an indexer returned rows that can't go into its table
    └── SourceFileError                 a file of a lab folder can't be read

    UserWarning
    └── CodeChangedWarning              an indexer's code changed, its analysis_version did not
"""

from __future__ import annotations

from kymflow_zarr.errors import DatasetError, UsageError

__all__ = [
    "CodeChangedWarning",
    "IndexerOutputError",
    "InvalidIndexerError",
    "ParamsError",
    "SourceFileError",
]


class InvalidIndexerError(UsageError):
    """An indexer's name or verbs are not as they must be; change the indexer."""

    code = "invalid-indexer"


class ParamsError(UsageError):
    """Params that have no canonical JSON form, hence no hash; change the value named."""

    code = "invalid-params"


class IndexerOutputError(DatasetError, ValueError):
    """An indexer returned rows that can't go into its table; change the indexer."""

    code = "indexer-output"


class SourceFileError(DatasetError, ValueError):
    """A file of a lab folder can't be read; mend or remove the file named in ``artifact``."""

    code = "source-file"


class CodeChangedWarning(UserWarning):
    """An indexer's code changed while its ``analysis_version`` did not: rows may be stale."""
