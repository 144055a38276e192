"""Answer one query as a frame or a stream, or hand out the session itself."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, cast

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from kymflow_zarr.duck import memory_limit
from kymflow_zarr.errors import QueryError
from kymflow_zarr.sql.interrupt import Running
from kymflow_zarr.sql.session import Params, Session
from kymflow_zarr.sql.views import Views

if TYPE_CHECKING:
    import polars as pl

_BATCH_ROWS = 100_000
_NOT_IN_FRAMES = re.compile(r"\b(?:INTERVAL|UNION)\b")
# Arrow has no such types, or DuckDB would give other values in their place.
_NOT_IN_ARROW = re.compile(
    r"\b(?:BIT|BIGNUM|VARINT|UHUGEINT|VARIANT|GEOMETRY|TIME WITH TIME ZONE|TIMETZ)\b"
)
_QUOTED = re.compile(r'"(?:[^"]|"")*"')
_DAY_US = 86_400 * 10**6


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a query.

    Attributes:
        types: The columns' types as DuckDB names them.
        schema: The schema of the batches; names may be alike.
        batches: The batches; once they are read to their end, what answers the query is closed.
        close: Closes it before.
    """

    types: list[str]
    schema: pa.Schema
    batches: Iterator[pa.RecordBatch]
    close: Callable[[], object]


def answer(views: Views, text: str, params: Params, timeout: float | None) -> pl.DataFrame:
    """Return the answer to a query, see :meth:`kymflow_zarr.sql.queryable.Queryable.sql`."""
    found = _ask(views, text, params, timeout)
    try:
        _check_types(found.schema.names, found.types, _NOT_IN_FRAMES)
        return _frame(_collected(found), found.types)
    finally:
        found.close()


def stream(views: Views, text: str, params: Params, timeout: float | None) -> pa.RecordBatchReader:
    """Return the answer batch by batch, see :meth:`~.queryable.Queryable.sql_lazy`."""
    found = _ask(views, text, params, timeout)
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


def ask_here(views: Views, text: str, params: Params) -> Answer:
    """Answer a query in this process, in a thread of its own."""

    def ask() -> tuple[list[str], pa.RecordBatchReader]:
        with session.errors_explained(text, params):
            query = session.prepare(text, params)
            with arrow_explained():
                return _reader(session.con, query.text, params)

    def following() -> pa.RecordBatch | None:
        with arrow_explained():
            return next(reader, None)

    @contextmanager
    def arrow_explained() -> Iterator[None]:
        try:
            yield
        except (OSError, pa.ArrowException, MemoryError) as error:
            raise session.failure(str(error) or "Out of Memory Error") from error

    def batches() -> Iterator[pa.RecordBatch]:
        with opened:
            while (batch := running.run(following)) is not None:
                yield batch

    with ExitStack() as stack:
        session = stack.enter_context(Session(views))
        running = Running(session.con, session.leave_behind)
        types, reader = running.run(ask)
        opened = stack.pop_all()
    return Answer(types, reader.schema, batches(), opened.close)


def _ask(views: Views, text: str, params: Params, timeout: float | None) -> Answer:
    if timeout is None:
        return ask_here(views, text, params)
    from kymflow_zarr.sql.isolated import ask

    return ask(views, text, params, timeout)


def _reader(
    con: duckdb.DuckDBPyConnection, text: str, params: Params
) -> tuple[list[str], pa.RecordBatchReader]:
    # A relation with values runs to its end at once in DuckDB 1.x; a statement streams.
    if params and duckdb.__version__.startswith("1."):
        con.execute(text, params)
        told = [(name, str(kind)) for name, kind, *_ in con.description]
        _check_types([name for name, _ in told], [kind for _, kind in told], _NOT_IN_ARROW)
        return [kind for _, kind in told], con.to_arrow_reader(_BATCH_ROWS)
    rows = con.sql(text, params=params or None)
    types = [str(kind) for kind in rows.types]
    _check_types(rows.columns, types, _NOT_IN_ARROW)
    return types, rows.to_arrow_reader(_BATCH_ROWS)


def _check_types(names: Sequence[str], types: Sequence[str], refused: re.Pattern[str]) -> None:
    """Refuse columns whose values would be lost on the way.

    Raises:
        QueryError: If there is one.
    """
    for name, kind in zip(names, types, strict=True):
        if found := refused.search(_QUOTED.sub("", kind)):
            raise QueryError(
                f"column {name!r} holds a value of type {found[0]}, which frames can't hold; turn "
                f"an INTERVAL into seconds by epoch(…), others into text by CAST(… AS VARCHAR)"
            )


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
