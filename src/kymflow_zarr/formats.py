"""How artifacts are written as bytes and read back: JSON, Parquet, CSV."""

from __future__ import annotations

import gzip
import io
import json
import zlib
from typing import TYPE_CHECKING

from kymflow_zarr.errors import UsageError

if TYPE_CHECKING:
    import polars as pl

MAX_UNPACKED = 1 << 30


def encode_json(value: object) -> bytes:
    """Return a value as JSON for people to read: indented, UTF-8, no NaN.

    Raises:
        UsageError: If the value has no JSON form.
    """
    try:
        text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
        return text.encode("utf-8")
    except (TypeError, ValueError, RecursionError) as error:
        raise UsageError(f"the value has no JSON form: {error}") from error


def decode_json(data: bytes) -> object:
    """Return the value that JSON bytes hold; a byte-order mark is let pass.

    Raises:
        ValueError: If they are not JSON in UTF-8, or nested too deeply.
    """
    try:
        value: object = json.loads(data.decode("utf-8-sig"))
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    return value


def gunzip(data: bytes) -> bytes:
    """Return gzipped bytes unpacked, if that stays within a gibibyte.

    Raises:
        ValueError: If the bytes are not gzip, are cut short, or unpack to more.
    """
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as stream:
            unpacked = stream.read(MAX_UNPACKED + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"it is not whole gzip data ({error})") from error
    if len(unpacked) > MAX_UNPACKED:
        raise ValueError(f"it unpacks to more than {MAX_UNPACKED:,} bytes")
    return unpacked


def encode_csv_gz(frame: pl.DataFrame) -> bytes:
    """Return a frame as gzipped CSV.

    Raises:
        UsageError: If a column is nested, which CSV can't hold.
    """
    nested = [name for name, dtype in frame.schema.items() if dtype.is_nested()]
    if nested:
        raise UsageError(f"CSV can't hold the nested column {nested[0]!r}; save it as Parquet")
    return gzip.compress(frame.write_csv().encode("utf-8"), mtime=0)


def decode_csv_gz(data: bytes) -> pl.DataFrame:
    """Return the frame that gzipped CSV holds; types come from all of its rows.

    Raises:
        ValueError: If the bytes are not gzipped CSV.
    """
    import polars as pl

    text = gunzip(data)
    try:
        return pl.read_csv(text, infer_schema_length=None) if text.strip() else pl.DataFrame()
    except pl.exceptions.PolarsError as error:
        raise ValueError(f"it is not CSV ({error})") from error
