"""Hand-made bad files, each a few bytes, and what a good one of its kind is."""

from __future__ import annotations

import gzip
import io
import json
import lzma
import struct
import zlib

import numpy as np
import polars as pl
import tifffile

JSON: dict[str, bytes] = {
    "empty": b"",
    "blank": b" \n",
    "cut short": b'{"mad_k": 3.',
    "garbage": b"\x00\x01\x02\xff",
    "binary zeros": b"\0" * 512,
    "a list": b"[1]",
    "a text": b'"x"',
    "null": b"null",
    "a number": b"3",
    "two values": b"{} {}",
    "comment": b'{"a": 1} // no',
    "single quotes": b"{'a': 1}",
    "trailing comma": b'{"a": 1,}',
    "NaN": b'{"a": NaN}',
    "infinity": b'{"a": -Infinity}',
    "1e999": b'{"a": 1e999}',
    "5,000 digits": b'{"a": ' + b"9" * 5000 + b"}",
    "twice": b'{"a": 1, "a": 2}',
    "twice within": b'{"a": {"b": 1, "b": 2}}',
    "deep lists": b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "deep objects": b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
    "unclosed deep": b"[" * 1_000_000,
    "half a character": b'{"a": "\\ud800"}',
    "half a key": b'{"\\udfff": 1}',
    "latin-1": '{"a": "µ"}'.encode("latin-1"),
    "UTF-16": '{"a": 1}'.encode("utf-16"),
    "UTF-32": '{"a": 1}'.encode("utf-32"),
    "two BOMs": b'\xef\xbb\xbf\xef\xbb\xbf{"a": 1}',
    "raw control": b'{"a": "\x01"}',
    "bad escape": b'{"a": "\\x"}',
    "not JSON": b"<html></html>",
    "a pickle": b"\x80\x04\x95\x01\x00\x00\x00\x00\x00\x00\x00N.",
    "YAML": b"a: 1\nb: 2\n",
}
"""JSON that is none, or not an object with one meaning."""

GOOD_JSON: dict[str, bytes] = {
    "BOM": b'\xef\xbb\xbf{"a": 1}',
    "CRLF": b'{\r\n"a": 1\r\n}\r\n',
    "empty object": b"{}",
    "big whole number": b'{"a": 123456789012345678901234567890}',
    "emoji in escapes": b'{"a": "\\ud83d\\ude00"}',
    "NUL in a text": b'{"a": "\\u0000"}',
    "nested": b'{"a":' * 100 + b"1" + b"}" * 100,
    "negative zero": b'{"a": -0.0}',
    "odd keys": b'{"": 1, "{0}": 2, "a.b": 3, "\\u202e": 4, "<b>": 5, "\\"": 6}',
}

GZIP: dict[str, bytes] = {
    "empty": b"",
    "not gzip": b"{}",
    "cut short": gzip.compress(b'{"a": 1}' * 100)[:-12],
    "bad checksum": gzip.compress(b'{"a": 1}')[:-8] + b"\0" * 8,
    "bad stream": gzip.compress(b'{"a": 1}')[:12] + b"\xff" * 20,
    "garbage behind": gzip.compress(b'{"a": 1}') + b"garbage",
    "zlib": zlib.compress(b'{"a": 1}'),
}


def parquet(frame: pl.DataFrame) -> bytes:
    """Return a frame as the bytes of a Parquet file."""
    buffer = io.BytesIO()
    frame.write_parquet(buffer)
    return buffer.getvalue()


_EVENTS = parquet(pl.DataFrame({"roi_id": [1, 2], "event_id": ["0", "1"], "t_start_s": [0.5, 1.5]}))


def _overwritten(data: bytes, start: int, new: bytes) -> bytes:
    return data[:start] + new + data[start + len(new) :]


PARQUET: dict[str, bytes] = {
    "empty": b"",
    "magic alone": b"PAR1",
    "two magics": b"PAR1PAR1",
    "cut short": _EVENTS[:-20],
    "head lost": _EVENTS[40:],
    "long footer": _overwritten(_EVENTS, len(_EVENTS) - 8, b"\xff\xff\xff\x7f"),
    "negative footer": _overwritten(_EVENTS, len(_EVENTS) - 8, b"\xff\xff\xff\xff"),
    "zeros in the footer": _overwritten(_EVENTS, len(_EVENTS) - 400, b"\0" * 300),
    "zeros in the data": _overwritten(_EVENTS, 4, b"\0" * 200),
    "text": b"roi_id,event_id\n1,0\n",
    "an Arrow file": b"ARROW1\0\0" + b"\0" * 64,
    "roi_id as text": parquet(pl.DataFrame({"roi_id": ["one"]})),
    "roi_id in fractions": parquet(pl.DataFrame({"roi_id": [1.5]})),
    "roi_id too large": parquet(pl.DataFrame({"roi_id": [2**40]})),
    "roi_id in a list": parquet(pl.DataFrame({"roi_id": [[1]]})),
    "roi_id in a struct": parquet(pl.DataFrame({"roi_id": [{"a": 1}]})),
    "times as texts": parquet(pl.DataFrame({"t_start_s": ["soon"]})),
    "event_id as bytes": parquet(pl.DataFrame({"event_id": [b"\xff\xfe"]})),
    "durations": parquet(pl.DataFrame({"x": [1]}).select(pl.duration(seconds="x").alias("late"))),
    "128-bit numbers": parquet(pl.DataFrame({"big": pl.Series([2**100], dtype=pl.Int128)})),
    "NUL in a name": parquet(pl.DataFrame({"a\0b": [1]})),
    "names by case": parquet(pl.DataFrame({"mine": [1], "Mine": [2]})),
    "DuckDB's own": parquet(pl.DataFrame({"file_row_number": [1]})),
}
"""Events that can't be read, or can't go into the table."""

CSV: dict[str, bytes] = {
    "ragged": b"roi_id,event_id\n1\n1,2,3\n",
    "open quote": b'roi_id,event_id\n"1,2\n',
    "latin-1": "roi_id,event_type\n1,µ\n".encode("latin-1"),
    "UTF-16": "roi_id,event_id\n1,0\n".encode("utf-16"),
    "zeros": b"\0" * 100,
    "roi_id as text": b"roi_id\none\n",
    "names by case": b"mine,Mine\n1,2\n",
    "30,000 columns": b"," * 30_000 + b"\n",
    "columns in quotes": b'"\n"' + b"," * 30_000 + b"\n",
    "an endless header": b"a" * (5 << 20),
    "an endless quote": b'"' + b"," * (5 << 20),
}

HEADER = """"[General]"\t""
"Date"\t"07/22/2025 12:34:56.789 PM"
"[Dimensions]"\t""
"X Dimension"\t"4, 0.0 - 1.8 [um], 0.45 [um/pixel]"
"[Image]"\t""
"Image Size"\t"4 * 20 [pixel]"
"Image Size(Unit Converted)"\t"1.8 [um] * 40.0 [ms]"
"""


def _header(old: str, new: str) -> bytes:
    assert old in HEADER
    return HEADER.replace(old, new).encode()


HEADERS: dict[str, bytes] = {
    "no quotes": b"no quotes",
    "before a section": b'"Date"\t"x"',
    "binary": bytes(range(256)),
    "zeros": b"\0" * 100,
    "UTF-16 cut": HEADER.encode("utf-16")[:-1],
    "many points": _header("0.45", "1.2.3"),
    "points alone": _header("0.45", "..."),
    "400 digits": _header("0.45", "9" * 400),
    "a size of 5,000 digits": _header("4 * 20", "9" * 5000 + " * 20"),
    "lines of 400 digits": _header("4 * 20", "4 * " + "9" * 400),
    "many points of time": _header("40.0", "4.0.0"),
    "time of 400 digits": _header("40.0", "9" * 400),
}


def tiff(pixels: np.ndarray, **options: object) -> bytes:
    """Return pixels as the bytes of a TIFF."""
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, pixels, **options)
    return buffer.getvalue()


PIXELS = np.arange(80, dtype=np.uint16).reshape(20, 4)
_PLAIN = tiff(PIXELS, metadata=None)
_PACKED = tiff(PIXELS, compression="zlib", metadata=None)


def _pages(number: int) -> bytes:
    return tiff(np.zeros((number, 8, 8), np.uint16), photometric="minisblack")


def _looped() -> bytes:
    """Return a TIFF whose directory names itself as the next."""
    start = struct.unpack("<I", _PLAIN[4:8])[0]
    count = struct.unpack("<H", _PLAIN[start : start + 2])[0]
    return _overwritten(_PLAIN, start + 2 + 12 * count, struct.pack("<I", start))


def _with_tag(data: bytes, tag: int, value: int) -> bytes:
    """Return a TIFF with another value for one of its tags."""
    start = struct.unpack("<I", data[4:8])[0]
    count = struct.unpack("<H", data[start : start + 2])[0]
    for entry in range(start + 2, start + 2 + 12 * count, 12):
        if struct.unpack("<H", data[entry : entry + 2])[0] == tag:
            return _overwritten(data, entry + 2, struct.pack("<HII", 4, 1, value))
    raise KeyError(tag)


WIDTH, LENGTH, BITS, COMPRESSION, OFFSETS, ROWS, COUNTS = 256, 257, 258, 259, 273, 278, 279


def _with_strip(compression: int, strip: bytes) -> bytes:
    """Return a TIFF of 20 × 4 pixels whose one strip is this."""
    data = _with_tag(_PLAIN, COMPRESSION, compression)
    data = _with_tag(data, OFFSETS, len(data))
    return _with_tag(data, COUNTS, len(strip)) + strip


def deflate_bomb(unpacked: int) -> bytes:
    """Return a TIFF whose strip unpacks to so many zeros, for 160 bytes of pixels."""
    packer = zlib.compressobj(9)
    step = 16 << 20
    flushes = [packer.compress(b"\0" * step) + packer.flush(zlib.Z_FULL_FLUSH) for _ in range(2)]
    # After a full flush the same zeros are packed to the same bytes.
    strip = flushes[0] + flushes[1] * (unpacked // step - 1) + packer.flush()
    return _with_strip(8, strip)


def packbits(data: bytes) -> bytes:
    """Return bytes as a PackBits stream without runs."""
    runs = (data[start : start + 128] for start in range(0, len(data), 128))
    return b"".join(bytes([len(run) - 1]) + run for run in runs)


TIFF: dict[str, bytes] = {
    "empty": b"",
    "magic alone": b"II*\0",
    "text": b"no TIFF at all",
    "a PNG": b"\x89PNG\r\n\x1a\n" + b"\0" * 50,
    "cut short": _PLAIN[:-30],
    "head alone": _PLAIN[:60],
    "zeros": b"\0" * 1000,
    "RGB": tiff(np.zeros((8, 8, 3), np.uint8), photometric="rgb"),
    "three pages": _pages(3),
    "floats": tiff(np.zeros((8, 8), np.float32)),
    "32 bits": tiff(np.zeros((8, 8), np.uint32)),
    "bits": tiff(np.zeros((8, 8), bool)),
    "wide beyond the file": _with_tag(_PLAIN, WIDTH, 1 << 20),
    "4 billion lines": _with_tag(_PLAIN, LENGTH, 0xFFFFFFFF),
    "no lines": _with_tag(_PLAIN, LENGTH, 0),
    "no width": _with_tag(_PLAIN, WIDTH, 0),
    "0 bits": _with_tag(_PLAIN, BITS, 0),
    "7 bits": _with_tag(_PLAIN, BITS, 7),
    "unknown compression": _with_tag(_PLAIN, COMPRESSION, 60_000),
    "LZW that is none": _with_tag(_PLAIN, COMPRESSION, 5),
    "JPEG that is none": _with_tag(_PLAIN, COMPRESSION, 7),
    "deflate that is none": _with_tag(_PLAIN, COMPRESSION, 8),
    "LZMA that is none": _with_tag(_PLAIN, COMPRESSION, 34925),
    "zstd that is none": _with_tag(_PLAIN, COMPRESSION, 50000),
    "strip beyond the end": _with_tag(_PLAIN, OFFSETS, 1 << 30),
    "endless strip": _with_tag(_PLAIN, COUNTS, 0xFFFFFFFF),
    "deflate cut short": _with_tag(_PACKED, COUNTS, 10),
    "deflate to 64 MiB": deflate_bomb(64 << 20),
    "LZMA to 16 MiB": _with_strip(34925, lzma.compress(b"\0" * (16 << 20))),
    "LZMA cut short": _with_strip(34925, lzma.compress(PIXELS.tobytes())[:-20]),
    "strips that are missing": _with_tag(
        tiff(PIXELS, rowsperstrip=5, compression="zlib", metadata=None), LENGTH, 200
    ),
    "PackBits to 16 MiB": _with_strip(32773, b"\x81\0" * (16 << 13)),
}

GOOD_TIFF: dict[str, bytes] = {
    "plain": _PLAIN,
    "deflate": _PACKED,
    "big-endian": tiff(PIXELS, byteorder=">"),
    "BigTIFF": tiff(PIXELS, bigtiff=True),
    "strips": tiff(PIXELS, rowsperstrip=3, compression="zlib"),
    "tiles": tiff(PIXELS, tile=(16, 16), compression="zlib"),
    "predictor": tiff(PIXELS, compression="zlib", predictor=2),
    "LZMA": tiff(PIXELS, compression="lzma"),
    "8 bits": tiff(PIXELS.astype(np.uint8)),
    "signed": tiff(PIXELS.astype(np.int16)),
    "one line": tiff(PIXELS[:1]),
    "PackBits": _with_strip(32773, packbits(PIXELS.tobytes())),
    "a directory in a loop": _looped(),
    "no rows a strip": _with_tag(_PLAIN, ROWS, 0),
}

EVENTS: dict[str, bytes] = {
    "a list": b'{"velocity_events": [1]}',
    "no ROI": b'{"velocity_events": {"one": []}}',
    "ROI of 5,000 digits": b'{"velocity_events": {"' + b"9" * 5000 + b'": [{}]}}',
    "ROI too large": b'{"velocity_events": {"99999999999": [{}]}}',
    "channel of 5,000 digits": b'{"velocity_events": {"1:' + b"9" * 5000 + b'": [{}]}}',
    "channel is a text": b'{"velocity_events": {"1": [{"channel": "green"}]}}',
    "no list": b'{"velocity_events": {"1": {}}}',
    "numbers": b'{"velocity_events": {"1": [3]}}',
    "null": b'{"velocity_events": {"1": [null]}}',
    "a time as text": b'{"velocity_events": {"1": [{"t_start": "soon"}]}}',
    "a time as list": b'{"velocity_events": {"1": [{"t_start": [1]}]}}',
    "a time as object": b'{"velocity_events": {"1": [{"t_start": {"a": 1}}]}}',
    "fractions for indices": b'{"velocity_events": {"1": [{"i_start": 1.5}]}}',
    "30 digits": b'{"velocity_events": {"1": [{"i_start": 123456789012345678901234567890}]}}',
    "30 digits, own column": b'{"velocity_events": {"1": [{"mine": 1234567890123456789012345}]}}',
    "names by case": b'{"velocity_events": {"1": [{"mine": 1, "Mine": 2}]}}',
    "NUL in a name": b'{"velocity_events": {"1": [{"a\\u0000b": 1}]}}',
    "1e999": b'{"velocity_events": {"1": [{"strength": 1e999}]}}',
    "half a character": b'{"velocity_events": {"1": [{"note": "\\ud800"}]}}',
    "own column of two kinds": b'{"velocity_events": {"1": [{"mine": 1}, {"mine": {"a": []}}]}}',
    "params of 1e999": b'{"velocity_events": {"1": []}, "params": {"a": 1e999}}',
}

SIDECARS: dict[str, bytes] = {
    "rois as a number": b'{"rois": 3}',
    "a ROI as a number": b'{"rois": [3]}',
    "a ROI's data as a list": b'{"rois": [{"data": [1]}]}',
    "header as a list": b'{"header": [1]}',
    "experiment as a text": b'{"experiment_metadata": "x"}',
    "1e999": b'{"experiment_metadata": {"depth": 1e999}}',
    "half a character": b'{"experiment_metadata": {"note": "\\ud800"}}',
    "half a key": b'{"experiment_metadata": {"\\ud800": 1}}',
}

TRACES: dict[str, bytes] = {
    "empty": b"",
    "other columns": b"a,b\n1,2\n",
    "no velocity": b"time\n1\n",
    "texts": b"time,velocity\nx,y\n",
    "roi_id as text": b"roi_id,time,velocity\none,1,2\n",
    "names that meet": b"time, time,velocity\n1,2,3\n",
    **{name: data for name, data in CSV.items() if name != "names by case"},
}

METADATA: dict[str, bytes] = {
    "header as a list": b'{"header": [1]}',
    "experiment as a text": b'{"experiment_metadata": "x"}',
    "source as a number": b'{"source": 3}',
    "NUL in a field": b'{"experiment_metadata": {"a\\u0000b": 1}}',
    "DuckDB's own": b'{"experiment_metadata": {"file_row_number": 1}}',
}
"""Metadata payloads that are no payload; those of ``JSON`` are none either."""

ODD_METADATA: dict[str, object] = {
    "sizes as texts": {"header": {"shape": ["x", None], "voxels": ["y", {}]}},
    "sizes beyond 64 bits": {"header": {"shape": [2**70, -1], "voxels": [1e300, 1e300]}},
    "huge numbers": {"experiment_metadata": {"depth": 2**2000, "branch_order": 1e300}},
    "numbers as texts": {"experiment_metadata": {"depth": "inf", "branch_order": "9" * 30}},
    "names of the engine's": {
        "experiment_metadata": {"Image_ID": 1, "params_hash": 2, "analysis_version": 3, " ": 4}
    },
    "names like SQL": {"experiment_metadata": {'"; DROP TABLE x; --': 1, "{kept}": 2, "a\nb": 3}},
    "names by case": {"experiment_metadata": {"mine": 1, "Mine": 2, "MINE ": 3}},
    "nested values": {"experiment_metadata": {"note": {"a": [1, None]}, "sex": [1]}},
    "dates out of range": {"header": {"acquired_local_epoch_ns": 10**30}},
    "dates before 1": {"header": {"acquired_local_epoch_ns": -(10**20)}},
    "odd rois": {"rois": "x", "accepted": "yes", "source": {"path": 3}},
    "odd paths": {"source": {"path": "../../etc/passwd", "artifacts": ["../../x"]}},
}
"""Payloads with odd values, which become null or text and keep their image."""

ZARR: dict[str, bytes] = {
    **{name: data for name, data in JSON.items() if name not in ("NaN", "infinity", "1e999")},
    "no shape": b'{"zarr_format": 3, "node_type": "array"}',
    "shape of texts": b'{"shape": ["8", "4"], "data_type": "uint16"}',
    "shape beyond 64 bits": b'{"shape": [99999999999999999999, 1], "data_type": "uint16"}',
    "shape as an object": b'{"shape": {"a": 1}, "data_type": "uint16"}',
}


def json_with_any_number(value: object) -> bytes:
    """Return a value as JSON, whatever the length of its numbers."""
    if isinstance(value, dict):
        items = (
            f"{json.dumps(key)}:".encode() + json_with_any_number(v) for key, v in value.items()
        )
        return b"{" + b",".join(items) + b"}"
    return f"{value:d}".encode() if type(value) is int else json.dumps(value).encode()
