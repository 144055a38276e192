"""Codecs of artifacts: JSON and gzipped CSV, to bytes and back."""

from __future__ import annotations

import gzip
import io
import json
import math
import re
import zlib
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from kymflow_zarr.errors import UsageError
from kymflow_zarr.store.csv_frames import decode_csv
from kymflow_zarr.store.reads import MAX_BLOB

if TYPE_CHECKING:
    import polars as pl

_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")

MAX_INDENTED = 256 << 10  # a value nested a thousand deep grows a thousandfold by indents
MAX_UNPACKED = 256 << 20


def encode_json(value: object) -> bytes:
    """Return a value as JSON for people to read: indented unless large, UTF-8, no NaN.

    Raises:
        UsageError: If the value has no JSON form.
    """
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
        if len(text) < MAX_INDENTED:
            text = json.dumps(value, indent=2, ensure_ascii=False)
        data = text.encode("utf-8")
    except (TypeError, ValueError, RecursionError) as error:
        raise UsageError(f"the value has no JSON form: {error}") from error
    if len(data) > MAX_BLOB:
        raise UsageError(
            f"as JSON the value takes more than {MAX_BLOB:,} bytes; save it as Parquet"
        )
    return data


def decode_json(data: bytes, **hooks: Any) -> object:
    """Return the value that JSON bytes hold; a byte-order mark is ignored.

    Args:
        data: The bytes.
        hooks: Functions to pass on to ``json.loads``.

    Raises:
        ValueError: If they are not JSON in UTF-8, nested too deeply, or hold half a surrogate pair.
    """
    try:
        text = data.decode("utf-8-sig")
        value: object = json.loads(text, **hooks)
        if _SURROGATE.search(text):
            json.dumps(value, ensure_ascii=False).encode()
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    except (UnicodeDecodeError, UnicodeEncodeError) as error:
        raise ValueError(f"its text is not valid Unicode: {error.reason}") from error
    return value


def decode_object(data: bytes) -> dict[str, Any]:
    """Return the object that JSON bytes hold.

    Raises:
        ValueError: As for :func:`decode_json`, or if they hold something else.
    """
    value = decode_json(data)
    if not isinstance(value, dict):
        raise ValueError(f"it holds a {type(value).__name__}, not an object")
    return value


def gunzip(data: bytes, limit: int = MAX_BLOB) -> bytes:
    """Unpack gzipped bytes, up to a limit.

    Raises:
        ValueError: If the bytes are empty, not gzip, cut short, or unpack to more than the limit.
    """
    if not data:
        raise ValueError("it is empty")
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as stream:
            unpacked = stream.read(limit + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"it is not whole gzip data ({error})") from error
    if len(unpacked) > limit:
        raise ValueError(f"it unpacks to more than {limit:,} bytes")
    return unpacked


def encode_csv_gz(frame: pl.DataFrame) -> bytes:
    """Return a frame as gzipped CSV.

    Raises:
        UsageError: If a column is nested, which CSV can't hold.
    """
    nested = [name for name, dtype in frame.schema.items() if dtype.is_nested()]
    if nested:
        raise UsageError(f"CSV can't hold the nested column {nested[0]!r}; save it as Parquet")
    # In one column a missing value alone would be a blank line, which is no row.
    null = '""' if frame.width == 1 else None
    data = frame.write_csv(null_value=null).encode("utf-8")
    if len(data) > MAX_UNPACKED:
        raise UsageError(f"as CSV the frame takes more than {MAX_UNPACKED:,} bytes; use Parquet")
    return gzip.compress(data, mtime=0)


def decode_csv_gz(data: bytes, *, texts: Collection[str] = ()) -> pl.DataFrame:
    """Return the frame that gzipped CSV holds; see :func:`~.csv_frames.decode_csv`.

    Args:
        data: The bytes.
        texts: Names of columns that are text whatever they hold.

    Raises:
        ValueError: If the bytes are not gzipped CSV.
    """
    return decode_csv(gunzip(data, MAX_UNPACKED), texts=texts)


def parse_json(blob: bytes, *, nan_is_null: bool = False) -> object:
    """Parse JSON bytes strictly: no duplicate keys, no NaN or infinity; a BOM is ignored.

    Args:
        blob: The bytes.
        nan_is_null: Whether NaN, which Python writes for a missing number, is null instead.

    Raises:
        ValueError: If the bytes are not such JSON; the message says why.
    """
    return decode_json(
        blob,
        object_pairs_hook=_unique_keys,
        parse_constant=_nan_to_null if nan_is_null else _refuse_constant,
        parse_float=_finite,
    )


def _unique_keys(pairs: list[tuple[str, object]]) -> dict[str, object]:
    unique = dict(pairs)
    if len(unique) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice!r} occurs twice in one object")
    return unique


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{text[:40]} is too large for a number")
    return number


def _nan_to_null(name: str) -> None:
    if name != "NaN":
        _refuse_constant(name)


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")
