"""Which state of a table a sidecar was written for: the file's signature, and a hash of its footer.

The footer of a Parquet file holds the place, size and statistics of every column chunk: a table
that was written again has another one, a copy of it the same. The signature spares reading it.
"""

from __future__ import annotations

import os
from pathlib import Path

from kymflow_zarr.store.files import open_plain
from kymflow_zarr.store.reads import reading
from kymflow_zarr.store.stamps import content_hash, signature

TABLE = "kymflow_zarr.table"
"""Name under which the footer of a sidecar keeps its table's identity."""
NONE = "none"
"""The identity of no table that ever was."""
_ABSENT = "absent"
_TAIL = 8  # bytes: the footer's length, and PAR1


def table_identity(file: Path) -> str:
    """Describe a table's file as it is now, for :func:`is_identical`.

    Raises:
        ReadError: If the system refuses to read it.
    """
    try:
        with reading(file):
            return " ".join([*map(str, signature(file)), _footer_hash(file)])
    except FileNotFoundError:
        return _ABSENT


def is_identical(file: Path, identity: str) -> bool:
    """Tell whether a file is the one that was described, or a copy of it.

    Raises:
        ReadError: If the system refuses to read it.
    """
    try:
        with reading(file):
            *told, footer = identity.split(" ")
            now = signature(file)
            if [str(number) for number in now] == told:
                return True
            return (
                len(told) == len(now) and told[1] == str(now.size) and footer == _footer_hash(file)
            )
    except FileNotFoundError:
        return identity == _ABSENT


def _footer_hash(file: Path) -> str:
    with open_plain(file) as opened:
        size = os.fstat(opened.fileno()).st_size
        opened.seek(max(0, size - _TAIL))
        tail = opened.read()
        length = int.from_bytes(tail[:4], "little") + _TAIL
        opened.seek(max(0, size - length))
        return content_hash(opened.read()).hex()
