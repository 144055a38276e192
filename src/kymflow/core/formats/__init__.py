"""Answers as bytes: one writer a format, each fed batch by batch.

Their bytes are a contract, see ``tests/golden``:

========  ==========================================================================================
csv, tsv  header; null is empty, empty text ``""``; nested values as JSON; binary as hex digits.
          In a file of one column null is ``""`` as well: a blank line would be no row.
json      one array of objects, a line each; NaN and infinity become null, as JSON has neither;
          whole numbers and decimals have all their digits, which not every reader keeps
jsonl     one object a line
markdown  a pipe table, padded by the first batch
parquet   zstd
arrow     an Arrow IPC file (Feather V2)
xlsx      one sheet; needs the extra ``excel``, and holds all rows in memory
========  ==========================================================================================

Times are ISO 8601, with their offset where there is a time zone, intervals ISO 8601 durations. In
texts and workbooks infinite times are ``infinity`` and ``-infinity``.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, BinaryIO

from kymflow_zarr.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa

TEXTS = ("csv", "tsv", "json", "jsonl", "markdown")
FORMATS = (*TEXTS, "parquet", "arrow", "xlsx")
ENDINGS: Mapping[str, str] = {
    **{f".{name}": name for name in FORMATS},
    ".md": "markdown",
    ".ndjson": "jsonl",
    ".feather": "arrow",
}
"""File endings, each with its format."""

_HOMES = {"json": "json", "jsonl": "json", "parquet": "binary", "arrow": "binary", "xlsx": "excel"}


def format_of(path: Path, *others: str) -> str:
    """Return the format that a file's ending names.

    Args:
        path: The file.
        others: Further endings that would do, for the error.

    Raises:
        UsageError: If it names none.
    """
    ending = path.suffix.lower()
    if ending in ENDINGS:
        return ENDINGS[ending]
    known = ", ".join(sorted({*ENDINGS, *others}))
    raise UsageError(f"can't tell the format from {path.name!r}; its ending may be {known}")


def write(
    batches: pa.RecordBatchReader, format_: str, sink: BinaryIO, *, header: bool = True
) -> None:
    """Write batches in a format.

    Memory does not grow with the rows, but for ``xlsx``.

    Args:
        batches: The rows.
        format_: One of ``FORMATS``.
        sink: Where to write; it need not be seekable.
        header: Whether csv and tsv begin with the columns' names.

    Raises:
        UsageError: If the format can't hold the rows.
        MissingExtraError: If the format needs a library that is not installed.
    """
    module = import_module(f"{__name__}.{_HOMES.get(format_, 'text')}")
    writer = getattr(module, f"write_{format_}")
    if format_ in ("csv", "tsv"):
        writer(batches, sink, header=header)
    else:
        writer(batches, sink)
