"""How artifacts are written as bytes and read back: JSON, Parquet, CSV."""

from __future__ import annotations

import gzip
import io
import json
import math
import re
import zlib
from typing import TYPE_CHECKING, Any

from kymflow_zarr.errors import UsageError
from kymflow_zarr.reasons import first_line
from kymflow_zarr.store.reads import MAX_BLOB

if TYPE_CHECKING:
    import polars as pl

_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")

MAX_INDENTED = 256 << 10  # what is nested a thousand deep grows a thousandfold
MAX_UNPACKED = 256 << 20
MAX_COLUMNS = 20_000
MAX_HEADER = 4 << 20
_HEADER = re.compile(rb'[\r\n]*+(?:[^"\r\n]++|"[^"]*+"?)*+')  # up to a line break out of quotes


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
        raise UsageError(f"as JSON the value takes more than {MAX_BLOB:,} bytes; save it otherwise")
    return data


def decode_json(data: bytes, **hooks: Any) -> object:
    """Return the value that JSON bytes hold; a byte-order mark is let pass.

    Args:
        data: The bytes.
        hooks: Functions to pass on to ``json.loads``.

    Raises:
        ValueError: If they are not JSON in UTF-8, nested too deeply, or hold half a character.
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
    """Return gzipped bytes unpacked, if they are no more than a limit.

    Raises:
        ValueError: If the bytes are none, are not gzip, are cut short, or unpack to more.
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
    data = frame.write_csv().encode("utf-8")
    if len(data) > MAX_UNPACKED:
        raise UsageError(f"as CSV the frame takes more than {MAX_UNPACKED:,} bytes; use Parquet")
    return gzip.compress(data, mtime=0)


def decode_csv_gz(data: bytes) -> pl.DataFrame:
    """Return the frame that gzipped CSV holds; types come from all of its rows.

    Raises:
        ValueError: If the bytes are not gzipped CSV.
    """
    return decode_csv(gunzip(data, MAX_UNPACKED))


def decode_csv(text: bytes) -> pl.DataFrame:
    """Return the frame that CSV in UTF-8 holds; types come from all of its rows.

    Raises:
        ValueError: If it is not such CSV, has more than 20,000 columns or a header longer than
            4 MiB.
    """
    import polars as pl

    if not text.strip():
        return pl.DataFrame()
    # A header of commas alone would cost thousands of times its size.
    header = _HEADER.match(text, 0, MAX_HEADER)
    if header is None or header.end() == MAX_HEADER or header[0].count(b",") >= MAX_COLUMNS:
        raise ValueError(
            f"its header is longer than 4 MiB or has more than {MAX_COLUMNS:,} columns"
        )
    try:
        return pl.read_csv(text, infer_schema_length=None)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise ValueError(f"it is not CSV ({first_line(error)})") from error


def parse_json(blob: bytes) -> object:
    """Parse JSON bytes strictly: no duplicate keys, no NaN or infinity; a BOM is let pass.

    Raises:
        ValueError: If the bytes are not such JSON; the message says why.
    """
    return decode_json(
        blob,
        object_pairs_hook=_unique_keys,
        parse_constant=_refuse_constant,
        parse_float=_finite,
    )


def _unique_keys(pairs: list[tuple[str, object]]) -> dict[str, object]:
    unique = dict(pairs)
    if len(unique) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice!r} stands twice in one object")
    return unique


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{text[:40]} is too large for a number")
    return number


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")
