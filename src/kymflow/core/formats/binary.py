"""Parquet and Arrow IPC."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

import pyarrow as pa

from kymflow.core.formats.plain import portable

ROW_GROUP = 122_880
"""Rows of a Parquet row group, as DuckDB's."""


def write_parquet(batches: pa.RecordBatchReader, sink: BinaryIO) -> None:
    """Write a Parquet file."""
    import pyarrow.parquet as pq

    writer = None
    for table in _row_groups(portable(batches)):
        writer = writer or pq.ParquetWriter(sink, table.schema, compression="zstd")
        writer.write_table(table, row_group_size=ROW_GROUP)
    if writer is not None:
        writer.close()


def write_arrow(batches: pa.RecordBatchReader, sink: BinaryIO) -> None:
    """Write an Arrow IPC file."""
    writer = None
    for table in portable(batches):
        writer = writer or pa.ipc.new_file(sink, table.schema)
        writer.write_table(table)
    if writer is not None:
        writer.close()


def _row_groups(tables: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """Yield tables of at least one row group's rows each, but for the last."""
    waiting: list[pa.Table] = []
    for table in tables:
        waiting.append(table)
        if sum(part.num_rows for part in waiting) >= ROW_GROUP:
            yield pa.concat_tables(waiting)
            waiting = []
    if waiting:
        yield pa.concat_tables(waiting)
