"""Answer one query as a frame or a stream, or hand out the session itself."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import count
from typing import TYPE_CHECKING, cast

import duckdb
import pyarrow as pa

from kymflow_zarr.duck import memory_limit
from kymflow_zarr.errors import QueryError
from kymflow_zarr.sql.asking import Answer, ask_here, check_types
from kymflow_zarr.sql.session import Params, Session
from kymflow_zarr.sql.views import Views

if TYPE_CHECKING:
    import threading

    import polars as pl

_NOT_IN_FRAMES = re.compile(r"\b(?:INTERVAL|UNION)\b")
_DAY_US = 86_400 * 10**6


def answer(views: Views, text: str, params: Params, timeout: float | None) -> pl.DataFrame:
    """Return the answer to a query, see :meth:`kymflow_zarr.sql.queryable.Queryable.sql`."""
    found = _ask(views, text, params, timeout)
    try:
        check_types(found.schema.names, found.types, _NOT_IN_FRAMES)
        return _frame(_collected(found), found.types)
    finally:
        found.close()


def stream(
    views: Views,
    text: str,
    params: Params,
    timeout: float | None,
    cancelled: threading.Event | None = None,
) -> pa.RecordBatchReader:
    """Return the answer batch by batch, see :meth:`~.queryable.Queryable.sql_lazy`."""
    found = _ask(views, text, params, timeout, cancelled)
    names = _distinct(found.schema.names)
    named = zip(found.schema, names, strict=True)
    schema = pa.schema([field.with_name(name) for field, name in named])

    def batches() -> Iterator[pa.RecordBatch]:
        try:
            for batch in found.batches:
                yield batch.rename_columns(names)
        finally:
            found.close()

    return pa.RecordBatchReader.from_batches(schema, batches())


def connect(views: Views) -> duckdb.DuckDBPyConnection:
    """Open a session and return its connection, see :meth:`~.queryable.Queryable.connect`."""
    session = Session(views)
    with session.errors_explained(""):
        session.open(list(views.by_name), descriptors=False)
    return session.con


def _ask(
    views: Views,
    text: str,
    params: Params,
    timeout: float | None,
    cancelled: threading.Event | None = None,
) -> Answer:
    if timeout is None:
        return ask_here(views, text, params)
    from kymflow_zarr.sql import isolated

    return isolated.ask(views, text, params, timeout, cancelled)


def _collected(found: Answer) -> pa.Table:
    """Return all batches of an answer as a table, if they take no more memory than a query may."""
    most, held, batches = memory_limit() // 2, 0, []
    for batch in found.batches:
        batches.append(batch)
        held += batch.nbytes
        if held > most:
            raise QueryError(
                f"the answer takes more than {most >> 20:,} MiB: select fewer columns or rows, or "
                f"read it with sql_lazy()"
            )
    return pa.Table.from_batches(batches, found.schema)


def _frame(table: pa.Table, types: Sequence[str]) -> pl.DataFrame:
    import polars as pl

    names = _distinct(table.column_names)
    wide = [name for name, kind in zip(names, types, strict=True) if kind == "HUGEINT"]
    columns = [_in_frames(name, table.column(n)) for n, name in enumerate(names)]
    frame = cast(pl.DataFrame, pl.from_arrow(pa.table(columns, names=names), rechunk=False))
    return frame.with_columns(_narrowed(frame[name]) for name in wide)


def _in_frames(name: str, column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return a column of times so that Polars takes none for another.

    Raises:
        QueryError: If it holds the time of day 24:00:00, of which Polars would make null.
    """
    import pyarrow.compute as pc

    dtype = column.type
    if pa.types.is_timestamp(dtype) and dtype.unit == "s":
        seconds = column.cast(pa.int64())
        endless = pc.equal(pc.abs(seconds), (1 << 63) - 1)  # DuckDB's infinity
        whole = pc.multiply(pc.if_else(endless, 0, seconds), 10**6)
        return pc.if_else(endless, seconds, whole).cast(pa.timestamp("us", dtype.tz))
    if dtype == pa.time64("us") and (pc.max(column.cast(pa.int64())).as_py() or 0) >= _DAY_US:
        raise QueryError(
            f"column {name!r} holds the time of day 24:00:00, which frames don't; take "
            f"CAST(… AS VARCHAR) of it for text"
        )
    return column


def _narrowed(wide: pl.Series) -> pl.Series:
    """Narrow 128-bit numbers, such as every sum, to 64 bits if they all fit."""
    import polars as pl

    narrow = wide.cast(pl.Int64, strict=False)
    return narrow if narrow.null_count() == wide.null_count() else wide


def _distinct(names: Sequence[str]) -> list[str]:
    """Number repeated column names, as joins often return them."""
    given: dict[str, None] = {}
    for name in names:
        tries = (name if n == 0 else f"{name}_{n}" for n in count())
        given[next(each for each in tries if each not in given)] = None
    return list(given)
