"""JSON and JSON lines."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

from kymflow.core.formats.plain import exact_decimals, frames, plain

if TYPE_CHECKING:
    import pyarrow as pa


def write_jsonl(batches: pa.RecordBatchReader, sink: BinaryIO) -> None:
    """Write one object a line."""
    for frame in frames(batches):
        sink.write(exact_decimals(plain(frame).write_ndjson()).encode())


def write_json(batches: pa.RecordBatchReader, sink: BinaryIO) -> None:
    """Write an array of objects, one per line."""
    before = "[\n"
    for frame in frames(batches):
        if frame.height:
            lines = exact_decimals(plain(frame).write_ndjson())
            objects = lines.rstrip("\n").replace("\n", ",\n")
            sink.write(f"{before}{objects}".encode())
            before = ",\n"
    sink.write(b"[]\n" if before == "[\n" else b"\n]\n")
