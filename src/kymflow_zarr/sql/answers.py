"""Answer one query: as a frame, as a stream, or hand out the session itself."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from itertools import count
from typing import cast

import duckdb
import polars as pl
import pyarrow as pa

from kymflow_zarr.errors import QueryError
from kymflow_zarr.sql.interrupt import Running
from kymflow_zarr.sql.session import Params, Session
from kymflow_zarr.sql.views import Views

_BATCH_ROWS = 100_000
_WIDE = ("HUGEINT", "UHUGEINT")
_NOT_IN_FRAMES = re.compile(r"\b(?:INTERVAL|UNION)\b")
_QUOTED = re.compile(r'"[^"]*"')


def answer(views: Views, text: str, params: Params, timeout: float | None) -> pl.DataFrame:
    """Return the answer to a query, see :meth:`kymflow_zarr.sql.queryable.Queryable.sql`."""

    def ask() -> pl.DataFrame:
        with session.errors_explained(text, params):
            query = session.prepare(text, params)
            return _frame(session.con.sql(query.text, params=params or None))

    with Session(views) as session, Running(session.con, timeout) as running:
        return running.run(ask)


def stream(views: Views, text: str, params: Params, timeout: float | None) -> pa.RecordBatchReader:
    """Return the answer batch by batch, see :meth:`~.queryable.Queryable.sql_lazy`."""

    def ask() -> pa.RecordBatchReader:
        with session.errors_explained(text, params):
            query = session.prepare(text, params)
            return _reader(session.con, query.text, params)

    def following() -> pa.RecordBatch | None:
        try:
            return next(reader, None)
        except (OSError, pa.ArrowException) as error:
            raise session.failure(str(error)) from error

    def batches() -> Iterator[pa.RecordBatch]:
        with opened:
            while (batch := running.run(following)) is not None:
                yield batch.rename_columns(schema.names)

    with ExitStack() as stack:
        session = stack.enter_context(Session(views))
        running = stack.enter_context(Running(session.con, timeout))
        reader = running.run(ask)
        opened = stack.pop_all()
    named = zip(reader.schema, _distinct(reader.schema.names), strict=True)
    schema = pa.schema([field.with_name(name) for field, name in named])
    return pa.RecordBatchReader.from_batches(schema, batches())


def connect(views: Views) -> duckdb.DuckDBPyConnection:
    """Return a session for its own sake, see :meth:`~.queryable.Queryable.connect`."""
    session = Session(views)
    with session.errors_explained(""):
        session.open(list(views.by_name), descriptors=False)
    return session.con


def _reader(con: duckdb.DuckDBPyConnection, text: str, params: Params) -> pa.RecordBatchReader:
    # A relation with values runs to its end at once in DuckDB 1.x; a statement streams.
    if params and duckdb.__version__.startswith("1."):
        return con.execute(text, params).to_arrow_reader(_BATCH_ROWS)
    return con.sql(text, params=params or None).to_arrow_reader(_BATCH_ROWS)


def _frame(rows: duckdb.DuckDBPyRelation) -> pl.DataFrame:
    for name, kind in zip(rows.columns, rows.types, strict=True):
        if found := _NOT_IN_FRAMES.search(_QUOTED.sub("", str(kind))):
            raise QueryError(
                f"column {name!r} holds a value of type {found[0]}, which frames don't; "
                f"take epoch(…) of an INTERVAL for seconds, CAST(… AS VARCHAR) of a UNION for text"
            )
    names = _distinct(rows.columns)
    wide = [n for n, kind in zip(names, rows.types, strict=True) if str(kind) in _WIDE]
    table = rows.to_arrow_table().rename_columns(names)
    frame = cast(pl.DataFrame, pl.from_arrow(table, rechunk=False))
    return frame.with_columns(_narrowed(frame[name]) for name in wide)


def _narrowed(wide: pl.Series) -> pl.Series:
    """Return 128-bit numbers, such as every sum, in 64 bits where they all fit."""
    narrow = wide.cast(pl.Int64, strict=False)
    return narrow if narrow.null_count() == wide.null_count() else wide


def _distinct(names: Sequence[str]) -> list[str]:
    """Return column names with a number after those that stood before: a join's are often alike."""
    given: dict[str, None] = {}
    for name in names:
        tries = (name if n == 0 else f"{name}_{n}" for n in count())
        given[next(each for each in tries if each not in given)] = None
    return list(given)
