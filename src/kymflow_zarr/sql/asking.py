"""Ask one query of a session in this process; its answer comes batch by batch."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import duckdb
import pyarrow as pa

from kymflow_zarr.errors import QueryError
from kymflow_zarr.sql.interrupt import Running
from kymflow_zarr.sql.session import Params, Session
from kymflow_zarr.sql.views import Views

_BATCH_ROWS = 100_000
# Arrow has no such types, or DuckDB would give other values in their place.
_NOT_IN_ARROW = re.compile(
    r"\b(?:BIT|BIGNUM|VARINT|UHUGEINT|VARIANT|GEOMETRY|TIME WITH TIME ZONE|TIMETZ)\b"
)
_QUOTED = re.compile(r'"(?:[^"]|"")*"')


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


def _reader(
    con: duckdb.DuckDBPyConnection, text: str, params: Params
) -> tuple[list[str], pa.RecordBatchReader]:
    # A relation with values runs to its end at once in DuckDB 1.x; a statement streams.
    if params and duckdb.__version__.startswith("1."):
        con.execute(text, params)
        told = [(name, str(kind)) for name, kind, *_ in con.description]
        check_types([name for name, _ in told], [kind for _, kind in told], _NOT_IN_ARROW)
        return [kind for _, kind in told], con.to_arrow_reader(_BATCH_ROWS)
    rows = con.sql(text, params=params or None)
    types = [str(kind) for kind in rows.types]
    check_types(rows.columns, types, _NOT_IN_ARROW)
    return types, rows.to_arrow_reader(_BATCH_ROWS)


def check_types(names: Sequence[str], types: Sequence[str], refused: re.Pattern[str]) -> None:
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
